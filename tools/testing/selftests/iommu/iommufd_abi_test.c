// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every call of /dev/iommu promises without a device: numbers, sizes,
 * reserved fields, and the errno of each bad argument in the documented order.
 *
 * The tests of the order begin with an argument that is wrong in every way and
 * mend one thing at a time: each call must then fail for the next reason.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "iommufd_util.h"

#define UNKNOWN_FLAG	(1u << 31)
#define TAIL_BYTES	24
#define MAPPED_IOVA	0x10000000ULL

union any_arg {
	__u32 size;
	struct iommu_destroy destroy;
	struct iommu_ioas_alloc alloc;
	struct iommu_ioas_allow_iovas allow;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_iova_ranges ranges;
	struct iommu_ioas_map map;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_hwpt_alloc hwpt;
	struct iommu_hw_info info;
	__u8 raw[256];
};

/* A descriptor with an address space, one page of which is mapped */
FIXTURE(fd)
{
	int fd;
	uint32_t ioas;
	uint8_t *mem;
	struct iommu_iova_range range[4];
};

FIXTURE_SETUP(fd)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->mem = memory_alloc(4 * PAGE_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES, MAPPED_IOVA));
}

FIXTURE_TEARDOWN(fd)
{
	munmap(self->mem, 4 * PAGE_BYTES);
	ASSERT_EQ(0, close(self->fd));
}

static int raw_call(int fd, unsigned long number, const union any_arg *arg)
{
	return iommufd_call(fd, number, (void *)arg);
}

/*
 * One row a call: its sizes, and what a good call returns. Calls that need a
 * device get ENOENT for its ID, which is looked at after the size.
 */
enum call_name { DESTROY, ALLOC, ALLOW, COPY, RANGES, MAP, UNMAP, OPTION, HWPT, INFO, NR_CALLS };

static const struct call_row {
	char name[20];
	unsigned long number;
	uint32_t min;
	uint32_t size;
	int good;
} rows[NR_CALLS] = {
	[DESTROY] = { "DESTROY", IOMMU_DESTROY, 8, 8, 0 },
	[ALLOC] = { "IOAS_ALLOC", IOMMU_IOAS_ALLOC, 12, 12, 0 },
	[ALLOW] = { "IOAS_ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, 24, 24, 0 },
	[COPY] = { "IOAS_COPY", IOMMU_IOAS_COPY, 40, 40, 0 },
	[RANGES] = { "IOAS_IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, 32, 32, 0 },
	[MAP] = { "IOAS_MAP", IOMMU_IOAS_MAP, 40, 40, 0 },
	[UNMAP] = { "IOAS_UNMAP", IOMMU_IOAS_UNMAP, 24, 24, 0 },
	[OPTION] = { "OPTION", IOMMU_OPTION, 24, 24, 0 },
	[HWPT] = { "HWPT_ALLOC", IOMMU_HWPT_ALLOC, 24, 48, -ENOENT },
	[INFO] = { "GET_HW_INFO", IOMMU_GET_HW_INFO, 32, 40, -ENOENT },
};

/* A call that succeeds, each time it is made anew; 0 or a negative errno */
static int good_arg(FIXTURE_DATA(fd) *self, enum call_name call, union any_arg *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = rows[call].size;
	switch (call) {
	case DESTROY:
		return ioas_alloc(self->fd, &arg->destroy.id);
	case ALLOW:
		arg->allow.ioas_id = self->ioas;
		break;
	case COPY:
		arg->copy.flags = MAP_RW;
		arg->copy.src_ioas_id = self->ioas;
		arg->copy.dst_ioas_id = self->ioas;
		arg->copy.length = PAGE_BYTES;
		arg->copy.src_iova = MAPPED_IOVA;
		break;
	case RANGES:
		arg->ranges.ioas_id = self->ioas;
		arg->ranges.num_iovas = 4;
		arg->ranges.allowed_iovas = (uintptr_t)self->range;
		break;
	case MAP:
		arg->map.flags = MAP_RW;
		arg->map.ioas_id = self->ioas;
		arg->map.user_va = (uintptr_t)self->mem;
		arg->map.length = PAGE_BYTES;
		break;
	case UNMAP:
		/* A page of its own each time */
		arg->unmap.ioas_id = self->ioas;
		arg->unmap.length = PAGE_BYTES;
		return ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES,
				(uint64_t *)&arg->unmap.iova, MAP_RW);
	case OPTION:
		arg->option.option_id = IOMMU_OPTION_RLIMIT_MODE;
		arg->option.op = IOMMU_OPTION_OP_GET;
		break;
	case HWPT:
		arg->hwpt.dev_id = NO_SUCH_ID;
		break;
	case INFO:
		arg->info.dev_id = NO_SUCH_ID;
		break;
	default:
		break;
	}
	return 0;
}

/* The good call with another size, and tail bytes of this value behind it */
static int call_sized(FIXTURE_DATA(fd) *self, enum call_name call, uint32_t size, uint8_t tail)
{
	union any_arg arg;
	int err = good_arg(self, call, &arg);

	if (err)
		return err;
	arg.size = size;
	memset(arg.raw + rows[call].size, tail, TAIL_BYTES);
	return raw_call(self->fd, rows[call].number, &arg);
}

TEST_F(fd, node)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(10, major(st.st_rdev));
	EXPECT_EQ(0660, st.st_mode & 0777);
}

TEST_F(fd, size_exact)
{
	int call;

	for (call = 0; call < NR_CALLS; call++)
		EXPECT_EQ(rows[call].good, call_sized(self, call, rows[call].size, 0xff))
			TH_LOG("%s", rows[call].name);
}

TEST_F(fd, size_too_short)
{
	uint32_t size;
	int call;

	for (call = 0; call < NR_CALLS; call++)
		for (size = 0; size < rows[call].min; size++)
			EXPECT_EQ(-EINVAL, call_sized(self, call, size, 0))
				TH_LOG("%s with %u bytes", rows[call].name, size);
}

/* From the first version of a struct on, what the caller lacks is zero. */
TEST_F(fd, size_of_older_versions)
{
	uint32_t size;
	int call;

	for (call = 0; call < NR_CALLS; call++)
		for (size = rows[call].min; size < rows[call].size; size += 4)
			EXPECT_EQ(rows[call].good, call_sized(self, call, size, 0xff))
				TH_LOG("%s with %u bytes", rows[call].name, size);
}

/* A word that an older caller does not have must not be read. */
TEST_F(fd, missing_words_are_zero)
{
	union any_arg arg = { .hwpt = { .size = 24, .data_type = 1, .data_len = 0 } };

	EXPECT_EQ(-ENOENT, raw_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.size = 32;
	EXPECT_EQ(-EINVAL, raw_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(fd, size_long_with_zero_tail)
{
	uint32_t extra;
	int call;

	for (call = 0; call < NR_CALLS; call++)
		for (extra = 1; extra <= TAIL_BYTES; extra++)
			EXPECT_EQ(rows[call].good,
				  call_sized(self, call, rows[call].size + extra, 0))
				TH_LOG("%s with %u more bytes", rows[call].name, extra);
}

TEST_F(fd, size_long_with_other_tail)
{
	union any_arg arg;
	uint32_t extra;
	int call;

	for (call = 0; call < NR_CALLS; call++) {
		for (extra = 1; extra <= TAIL_BYTES; extra++) {
			EXPECT_EQ(-E2BIG, call_sized(self, call, rows[call].size + extra, 1))
				TH_LOG("%s with %u more bytes", rows[call].name, extra);
			/* Only the last byte is not zero. */
			ASSERT_EQ(0, good_arg(self, call, &arg));
			arg.size += extra;
			arg.raw[arg.size - 1] = 0x80;
			EXPECT_EQ(-E2BIG, raw_call(self->fd, rows[call].number, &arg))
				TH_LOG("%s, byte %u", rows[call].name, extra);
		}
	}
}

TEST_F(fd, tail_is_not_written)
{
	union any_arg arg;

	ASSERT_EQ(0, good_arg(self, RANGES, &arg));
	arg.size += 8;
	EXPECT_EQ(0, raw_call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
	EXPECT_EQ(rows[RANGES].size + 8, arg.size);
	EXPECT_EQ(0, arg.raw[rows[RANGES].size]);

	ASSERT_EQ(0, good_arg(self, ALLOC, &arg));
	arg.raw[12] = 0x5a;
	EXPECT_EQ(0, raw_call(self->fd, IOMMU_IOAS_ALLOC, &arg));
	EXPECT_EQ(0x5a, arg.raw[12]);
	EXPECT_EQ(12, arg.size);
}

TEST_F(fd, unreadable_argument)
{
	union any_arg arg;
	uint32_t *word;
	int call;

	for (call = 0; call < NR_CALLS; call++) {
		EXPECT_EQ(-EFAULT, raw_call(self->fd, rows[call].number, NULL))
			TH_LOG("%s of NULL", rows[call].name);
		/* The size can be read, what it promises cannot. */
		word = before_hole(&rows[call].size, sizeof(*word));
		ASSERT_NE(NULL, word);
		EXPECT_EQ(-EFAULT, raw_call(self->fd, rows[call].number, (void *)word))
			TH_LOG("%s of a size word", rows[call].name);
		/* The known part can be read, the tail cannot. */
		ASSERT_EQ(0, good_arg(self, call, &arg));
		arg.size += 8;
		EXPECT_EQ(-EFAULT, raw_call(self->fd, rows[call].number,
					    before_hole(&arg, rows[call].size)))
			TH_LOG("%s with a hole for a tail", rows[call].name);
	}
}

/* A size that is too small is told before the rest is read. */
TEST_F(fd, short_size_before_fault)
{
	uint32_t size = 4, *word = before_hole(&size, sizeof(size));
	int call;

	ASSERT_NE(NULL, word);
	for (call = 0; call < NR_CALLS; call++)
		EXPECT_EQ(-EINVAL, raw_call(self->fd, rows[call].number, (void *)word))
			TH_LOG("%s", rows[call].name);
}

static bool exists(int fd, uint32_t id)
{
	uint32_t nr = 0;

	return ioas_ranges(fd, id, NULL, &nr, NULL) != -ENOENT;
}

/* If the result cannot be written the call has done nothing. */
/* covers: IOMMU_IOAS_ALLOC EFAULT */
TEST_F(fd, unwritable_result)
{
	union any_arg arg;
	uint32_t id, next;
	uint64_t bytes;

	ASSERT_EQ(0, good_arg(self, ALLOC, &arg));
	EXPECT_EQ(-EFAULT, raw_call(self->fd, IOMMU_IOAS_ALLOC, read_only_copy(&arg, 12)));
	for (id = 1; id < 16; id++)
		if (id != self->ioas)
			EXPECT_FALSE(exists(self->fd, id));
	ASSERT_EQ(0, ioas_alloc(self->fd, &next));

	ASSERT_EQ(0, good_arg(self, MAP, &arg));
	arg.map.ioas_id = next;
	EXPECT_EQ(-EFAULT, raw_call(self->fd, IOMMU_IOAS_MAP, read_only_copy(&arg, 40)));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, next, &bytes));
	EXPECT_EQ(0, bytes);

	ASSERT_EQ(0, good_arg(self, COPY, &arg));
	arg.copy.dst_ioas_id = next;
	EXPECT_EQ(-EFAULT, raw_call(self->fd, IOMMU_IOAS_COPY, read_only_copy(&arg, 40)));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, next, &bytes));
	EXPECT_EQ(0, bytes);

	ASSERT_EQ(0, good_arg(self, RANGES, &arg));
	EXPECT_EQ(-EFAULT, raw_call(self->fd, IOMMU_IOAS_IOVA_RANGES, read_only_copy(&arg, 32)));
	ASSERT_EQ(0, good_arg(self, OPTION, &arg));
	EXPECT_EQ(-EFAULT, raw_call(self->fd, IOMMU_OPTION, read_only_copy(&arg, 24)));
}

/* Calls without a result do not need to write. */
TEST_F(fd, read_only_argument)
{
	union any_arg arg;

	ASSERT_EQ(0, good_arg(self, DESTROY, &arg));
	EXPECT_EQ(0, raw_call(self->fd, IOMMU_DESTROY, read_only_copy(&arg, 8)));
	ASSERT_EQ(0, good_arg(self, ALLOW, &arg));
	EXPECT_EQ(0, raw_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, read_only_copy(&arg, 24)));
}

TEST_F(fd, unknown_numbers)
{
	union any_arg arg = { .size = sizeof(arg) };
	unsigned int nr;

	/* Outside the table the argument is not touched. */
	for (nr = 0; nr < 0x64; nr++)
		EXPECT_EQ(-ENOTTY, raw_call(self->fd, _IO(IOMMUFD_TYPE, nr), NULL));
	for (nr = 0xb0; nr <= 0xff; nr++)
		EXPECT_EQ(-ENOTTY, raw_call(self->fd, _IO(IOMMUFD_TYPE, nr), NULL));

	/* Inside it the size word is read first: this one is a hole. */
	EXPECT_EQ(-EFAULT, raw_call(self->fd, _IO(IOMMUFD_TYPE, 0x95), NULL));
	EXPECT_EQ(-ENOTTY, raw_call(self->fd, _IO(IOMMUFD_TYPE, 0x95), &arg));
	EXPECT_EQ(-ENOTTY, raw_call(self->fd, _IO(IOMMUFD_TYPE, 0x9f), &arg));
}

TEST_F(fd, foreign_numbers)
{
	union any_arg arg;
	unsigned int nr;
	int call;

	for (call = 0; call < NR_CALLS; call++) {
		ASSERT_EQ(0, good_arg(self, call, &arg));
		nr = rows[call].number & 0xff;
		EXPECT_EQ(-ENOTTY, raw_call(self->fd, _IO('<', nr), &arg));
		EXPECT_EQ(-EFAULT, raw_call(self->fd, _IO('<', nr), NULL));
		/* With a direction and a size in the number */
		EXPECT_EQ(-ENOTTY, raw_call(self->fd, _IOWR(IOMMUFD_TYPE, nr, __u64), &arg));
	}
}

/* covers: IOMMU_DESTROY ENOENT */
TEST_F(fd, destroy)
{
	uint32_t id, none;

	EXPECT_EQ(-ENOENT, object_destroy(self->fd, 0));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, NO_SUCH_ID));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, UINT32_MAX));
	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	none = id + 1;
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, none));
	EXPECT_EQ(0, object_destroy(self->fd, id));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, id));
	/* One with mappings goes as well. */
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

TEST_F(fd, ids)
{
	uint32_t id, last = self->ioas;
	int i;

	EXPECT_EQ(1, self->ioas);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &id));
		EXPECT_NE(last, id);
		EXPECT_LT(0, (int32_t)id);
		last = id;
	}
}

TEST_F(fd, ids_of_another_descriptor)
{
	int other = iommufd_open();
	uint32_t here[3], there;
	uint64_t iova = 0, value = 0;
	int i;

	ASSERT_LE(0, other);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, ioas_alloc(self->fd, &here[i]));
	ASSERT_EQ(0, ioas_alloc(other, &there));
	EXPECT_EQ(1, there);

	EXPECT_EQ(-ENOENT, object_destroy(other, here[2]));
	EXPECT_EQ(-ENOENT, ioas_map(other, here[2], self->mem, PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(-ENOENT, ioas_unmap_all(other, here[2], NULL));
	EXPECT_EQ(-ENOENT, ioas_allow(other, here[2], NULL, 0));
	EXPECT_EQ(-ENOENT, ioas_copy(other, here[2], &iova, there, 0, PAGE_BYTES, MAP_RW));
	EXPECT_EQ(-ENOENT, option_get(other, IOMMU_OPTION_HUGE_PAGES, here[2], &value));
	EXPECT_FALSE(exists(other, here[2]));
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, object_destroy(self->fd, here[2]));
}

/* covers: IOMMU_IOAS_ALLOC EOPNOTSUPP */
TEST_F(fd, alloc)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg), .flags = 1 };

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_ALLOC, &arg));
	arg.flags = UNKNOWN_FLAG;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_ALLOC, &arg));
	EXPECT_EQ(self->ioas + 1, arg.out_ioas_id);
}

/* covers: IOMMU_IOAS_ALLOW_IOVAS EOPNOTSUPP ENOENT EFAULT EINVAL */
TEST_F(fd, allow_order)
{
	struct iommu_iova_range ranges[2] = { { 5, 5 }, { 20, 30 } };
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg), .ioas_id = NO_SUCH_ID, .num_iovas = 2, .__reserved = 1,
		.allowed_iovas = 8,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	arg.ioas_id = self->ioas;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	arg.allowed_iovas = (uintptr_t)before_hole(ranges, 16);
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	arg.allowed_iovas = (uintptr_t)ranges;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	ranges[0] = (struct iommu_iova_range){ 30, 40 };
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	ranges[0] = (struct iommu_iova_range){ 31, 40 };
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
}

/* An absurd count is refused, whatever memory the kernel has */
TEST_F(fd, allow_absurd_count)
{
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg), .ioas_id = self->ioas, .num_iovas = UINT32_MAX,
		.allowed_iovas = (uintptr_t)self->mem,
	};

	EXPECT_EQ(-ENOMEM, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	arg.num_iovas = 0x100001;
	EXPECT_EQ(-ENOMEM, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	/* The last count that is not absurd: only here the array is looked at */
	arg.num_iovas = 0x100000;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
}

/* covers: IOMMU_IOAS_IOVA_RANGES EOPNOTSUPP ENOENT EFAULT EMSGSIZE */
TEST_F(fd, ranges_order)
{
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg), .ioas_id = NO_SUCH_ID, .num_iovas = 4, .__reserved = 1,
		.allowed_iovas = 8,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
	arg.ioas_id = self->ioas;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
	arg.num_iovas = 0;
	EXPECT_EQ(-EMSGSIZE, iommufd_call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
	EXPECT_EQ(1, arg.num_iovas);
	EXPECT_EQ(1, arg.out_iova_alignment);
	arg.allowed_iovas = (uintptr_t)self->range;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
}

/* covers: IOMMU_IOAS_MAP EOPNOTSUPP EOVERFLOW EINVAL ENOENT EEXIST */
TEST_F(fd, map_order)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg), .flags = UNKNOWN_FLAG, .ioas_id = NO_SUCH_ID, .__reserved = 1,
		.user_va = ALL_ONES - PAGE_BYTES, .length = ALL_ONES, .iova = ALL_ONES,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.flags = IOMMU_IOAS_MAP_FIXED_IOVA;
	arg.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.length = 2 * PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.iova = MAPPED_IOVA;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.flags = MAP_FIXED_RW;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.ioas_id = self->ioas;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.user_va = (uintptr_t)self->mem;
	arg.length = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.length = 2 * PAGE_BYTES;
	arg.iova = ALL_ONES - PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.iova = MAPPED_IOVA - PAGE_BYTES;
	EXPECT_EQ(-EEXIST, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	arg.iova = MAPPED_IOVA - 2 * PAGE_BYTES;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_MAP, &arg));
	EXPECT_EQ(MAPPED_IOVA - 2 * PAGE_BYTES, arg.iova);
}

TEST_F(fd, map_flags)
{
	uint64_t iova = 0;
	uint32_t bit;

	for (bit = 3; bit < 32; bit++)
		EXPECT_EQ(-EOPNOTSUPP, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &iova,
						MAP_RW | 1u << bit))
			TH_LOG("bit %u", bit);
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &iova, 0));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &iova,
			      IOMMU_IOAS_MAP_READABLE));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &iova,
			      IOMMU_IOAS_MAP_WRITEABLE));
}

/* covers: IOMMU_IOAS_UNMAP ENOENT EOVERFLOW EINVAL */
TEST_F(fd, unmap_order)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = NO_SUCH_ID, .iova = ALL_ONES, .length = ALL_ONES,
	};

	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.ioas_id = self->ioas;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.iova = PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.iova = ALL_ONES;
	arg.length = 0;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.iova = ALL_ONES - PAGE_BYTES;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.length = 2 * PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.iova = MAPPED_IOVA;
	arg.length = PAGE_BYTES / 2;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.iova = MAPPED_IOVA + PAGE_BYTES;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	arg.iova = MAPPED_IOVA;
	arg.length = PAGE_BYTES;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_UNMAP, &arg));
	EXPECT_EQ(PAGE_BYTES, arg.length);
}

/* covers: IOMMU_IOAS_COPY EOPNOTSUPP EOVERFLOW EINVAL ENOENT EEXIST */
TEST_F(fd, copy_order)
{
	struct iommu_ioas_copy arg = {
		.size = sizeof(arg), .flags = UNKNOWN_FLAG, .dst_ioas_id = NO_SUCH_ID,
		.src_ioas_id = NO_SUCH_ID, .length = ALL_ONES, .dst_iova = ALL_ONES,
		.src_iova = ALL_ONES,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.flags = IOMMU_IOAS_MAP_FIXED_IOVA;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.length = 0;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.src_iova = MAPPED_IOVA;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.dst_iova = MAPPED_IOVA;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.flags = MAP_FIXED_RW;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.src_ioas_id = self->ioas;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.length = PAGE_BYTES;
	arg.src_iova = ALL_ONES - 1;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.src_iova = MAPPED_IOVA + 1;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.src_iova = MAPPED_IOVA;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.dst_ioas_id = self->ioas;
	EXPECT_EQ(-EEXIST, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
	arg.dst_iova = MAPPED_IOVA + PAGE_BYTES;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_COPY, &arg));
}

/* covers: IOMMU_IOAS_COPY EPERM */
TEST_F(fd, copy_flags)
{
	uint64_t iova = 0, source = 0x30000000;
	uint32_t bit;

	/* Bit 16 belongs to the test option. */
	for (bit = 3; bit < 32; bit++)
		if (bit != 16)
			EXPECT_EQ(-EOPNOTSUPP, ioas_copy(self->fd, self->ioas, &iova, self->ioas,
							 MAPPED_IOVA, PAGE_BYTES,
							 MAP_RW | 1u << bit))
				TH_LOG("bit %u", bit);

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &source,
			      IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA));
	EXPECT_EQ(-EPERM, ioas_copy(self->fd, self->ioas, &iova, self->ioas, source, PAGE_BYTES,
				    MAP_RW));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, source, PAGE_BYTES,
			       IOMMU_IOAS_MAP_READABLE));
}

/* covers: IOMMU_OPTION EOPNOTSUPP ENOENT EINVAL */
TEST_F(fd, option_order)
{
	struct iommu_option arg = {
		.size = sizeof(arg), .option_id = 77, .op = 2, .__reserved = 1,
		.object_id = NO_SUCH_ID, .val64 = 2,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.op = IOMMU_OPTION_OP_SET;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.op = 2;
	arg.option_id = IOMMU_OPTION_HUGE_PAGES;
	arg.object_id = self->ioas;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.op = IOMMU_OPTION_OP_SET;
	arg.object_id = NO_SUCH_ID;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.object_id = self->ioas;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.val64 = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	arg.op = IOMMU_OPTION_OP_GET;
	arg.val64 = 5;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_OPTION, &arg));
	EXPECT_EQ(0, arg.val64);
}

static int unprivileged_set_mode(void *arg)
{
	const int *fd = arg;

	return drop_privileges() ? 100 : -option_set(*fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1);
}

/* covers: IOMMU_OPTION EPERM EBUSY */
TEST_F(fd, rlimit_mode)
{
	int fresh = iommufd_open();
	uint64_t value = 7;
	uint32_t id;

	ASSERT_LE(0, fresh);
	EXPECT_EQ(-EOPNOTSUPP, option_set(fresh, IOMMU_OPTION_RLIMIT_MODE, 1, 1));
	/* The right to do it comes before the state and the value. */
	EXPECT_EQ(-EPERM, -in_child(unprivileged_set_mode, &self->fd));
	EXPECT_EQ(-EPERM, -in_child(unprivileged_set_mode, &fresh));
	EXPECT_EQ(-EBUSY, option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
	EXPECT_EQ(-EBUSY, option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 2));
	EXPECT_EQ(-EINVAL, option_set(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, 2));

	EXPECT_EQ(0, option_get(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, option_set(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
	EXPECT_EQ(0, option_get(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, &value));
	EXPECT_EQ(1, value);

	/* An object fixes it, and gives it free again when it goes. */
	ASSERT_EQ(0, ioas_alloc(fresh, &id));
	EXPECT_EQ(-EBUSY, option_set(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, 0));
	ASSERT_EQ(0, object_destroy(fresh, id));
	EXPECT_EQ(0, option_set(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, 0));
	EXPECT_EQ(0, close(fresh));
}

/* As far as it goes without a device; the rest is in iommufd_device_test.c. */
TEST_F(fd, hwpt_alloc_order)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = UNKNOWN_FLAG, .dev_id = self->ioas,
		.pt_id = NO_SUCH_ID, .__reserved = 1, .data_len = 8, .__reserved2 = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = 1;
	arg.data_len = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_NONE;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.dev_id = 0;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(fd, hw_info_order)
{
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .flags = UNKNOWN_FLAG, .dev_id = self->ioas, .data_len = 8,
	};
	int i;

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.flags = 0;
	for (i = 0; i < 3; i++) {
		arg.__reserved[i] = 1;
		EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
		arg.__reserved[i] = 0;
	}
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.dev_id = 0;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
}

/* ID 0 names nothing, in any call. */
TEST_F(fd, id_zero)
{
	uint64_t iova = 0, value;
	uint32_t nr = 0;

	EXPECT_EQ(-ENOENT, ioas_map(self->fd, 0, self->mem, PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(-ENOENT, ioas_unmap_all(self->fd, 0, NULL));
	EXPECT_EQ(-ENOENT, ioas_allow(self->fd, 0, NULL, 0));
	EXPECT_EQ(-ENOENT, ioas_ranges(self->fd, 0, NULL, &nr, NULL));
	EXPECT_EQ(-ENOENT, ioas_copy(self->fd, 0, &iova, self->ioas, MAPPED_IOVA, PAGE_BYTES,
				     MAP_RW));
	EXPECT_EQ(-ENOENT, ioas_copy(self->fd, self->ioas, &iova, 0, MAPPED_IOVA, PAGE_BYTES,
				     MAP_RW));
	EXPECT_EQ(-ENOENT, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, 0, &value));
}

/* Descriptors are separate, and one end of a duplicate does not end the other. */
TEST_F(fd, duplicates)
{
	int copy = dup(self->fd), i;
	uint32_t id;

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, ioas_alloc(copy, &id));
	EXPECT_EQ(0, close(copy));
	EXPECT_EQ(0, object_destroy(self->fd, id));
	for (i = 0; i < 100; i++) {
		copy = iommufd_open();
		ASSERT_LE(0, copy);
		ASSERT_EQ(0, ioas_alloc(copy, &id));
		ASSERT_EQ(0, ioas_map_fixed(copy, id, self->mem, PAGE_BYTES, MAPPED_IOVA));
		ASSERT_EQ(0, close(copy));
	}
}

/* The other calls of a file: none of them does anything. */
TEST_F(fd, other_file_calls)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, self->fd, 0));
}

TEST_HARNESS_MAIN
