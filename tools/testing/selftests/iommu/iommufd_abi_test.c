// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the calls of /dev/iommu promise without a device: numbers, reserved
 * fields, and the errno of each bad argument in the documented order. What is
 * so for every argument stands in iommufd_args_test.c.
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
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"

#define UNKNOWN_FLAG	(1u << 31)
#define MAPPED_IOVA	0x10000000ULL

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
	EXPECT_EQ(0, close(self->fd));
}

TEST_F(fd, node)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(10, major(st.st_rdev));
	EXPECT_EQ(0660, st.st_mode & 0777);
}

static bool exists(int fd, uint32_t id)
{
	uint32_t nr = 0;

	return ioas_ranges(fd, id, NULL, &nr, NULL) != -ENOENT;
}

TEST_F(fd, unknown_numbers)
{
	__u32 arg[64] = { sizeof(arg) };
	unsigned int nr;

	/* Outside the table the argument is not touched. */
	for (nr = 0; nr < 0x64; nr++)
		EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, _IO(IOMMUFD_TYPE, nr), NULL));
	for (nr = 0xb0; nr <= 0xff; nr++)
		EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, _IO(IOMMUFD_TYPE, nr), NULL));

	/* Inside it the size word is read first. It has holes where there is a test call */
	for (nr = 0x96; nr < 0xa0; nr++) {
		EXPECT_EQ(mock_present(self->fd) ? -EFAULT : -ENOTTY,
			  iommufd_call(self->fd, _IO(IOMMUFD_TYPE, nr), NULL));
		EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, _IO(IOMMUFD_TYPE, nr), arg));
	}
	/* A number of the table, but of another type */
	EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, _IO(IOMMUFD_TYPE + 1, 0x94), arg));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, _IO(IOMMUFD_TYPE + 1, 0x94), NULL));
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
/* covers: IOMMU_IOAS_ALLOW_IOVAS ENOMEM */
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
