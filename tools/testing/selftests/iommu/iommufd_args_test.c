// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every call of /dev/iommu promises about its argument, whatever it does:
 * arguments that are zeroed, short, of an older version, longer than the kernel
 * knows, unreadable and unwritable. One table has all calls of the ABI, also
 * those that this kernel does not have; check_calls.py compares it with the
 * tables of the ABI.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define TAIL_BYTES	24
#define LONG_BYTES	(64 << 10)
#define MAPPED_IOVA	0x10000000ULL
#define MAX_SIZE	72

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
	struct iommu_vfio_ioas vfio_ioas;
	struct iommu_hwpt_alloc hwpt;
	struct iommu_hw_info info;
	struct iommu_hwpt_set_dirty_tracking set_dirty;
	struct iommu_hwpt_get_dirty_bitmap get_dirty;
	struct iommu_hwpt_invalidate invalidate;
	struct iommu_ioas_map_file map_file;
	struct iommu_ioas_noiommu_get_pa get_pa;
	struct iommu_viommu_alloc viommu;
	struct iommu_vdevice_alloc vdevice;
	struct iommu_veventq_alloc veventq;
	struct iommu_hw_queue_alloc hw_queue;
	struct iommu_test_cmd test;
	__u8 raw[256];
};

/*
 * One row a call: the sizes of its first version and of this one, what it says to
 * an argument that is zero but for the size, and to the one that good_arg() makes,
 * in a kernel without the mock IOMMU (unknown IDs then) and in one with it.
 * A call that says -ENOTTY to everything does not exist yet.
 */
static const struct call_row {
	char name[32];
	unsigned long number;
	uint32_t min;
	uint32_t size;
	int zeroed;
	int good;
	int good_mock;
} rows[] = {
	{ "IOMMU_DESTROY", 0x3b80, 8, 8, -ENOENT, 0, 0 },
	{ "IOMMU_IOAS_ALLOC", 0x3b81, 12, 12, 0, 0, 0 },
	{ "IOMMU_IOAS_ALLOW_IOVAS", 0x3b82, 24, 24, -ENOENT, 0, 0 },
	{ "IOMMU_IOAS_COPY", 0x3b83, 40, 40, -EINVAL, 0, 0 },
	{ "IOMMU_IOAS_IOVA_RANGES", 0x3b84, 32, 32, -ENOENT, 0, 0 },
	{ "IOMMU_IOAS_MAP", 0x3b85, 40, 40, -EINVAL, 0, 0 },
	{ "IOMMU_IOAS_UNMAP", 0x3b86, 24, 24, -ENOENT, 0, 0 },
	{ "IOMMU_OPTION", 0x3b87, 24, 24, 0, 0, 0 },
	{ "IOMMU_VFIO_IOAS", 0x3b88, 12, 12, -ENODEV, 0, 0 },
	{ "IOMMU_HWPT_ALLOC", 0x3b89, 24, 48, -ENOENT, -ENOENT, 0 },
	{ "IOMMU_GET_HW_INFO", 0x3b8a, 32, 40, -ENOENT, -ENOENT, 0 },
	{ "IOMMU_HWPT_SET_DIRTY_TRACKING", 0x3b8b, 16, 16, -ENOENT, -ENOENT, 0 },
	{ "IOMMU_HWPT_GET_DIRTY_BITMAP", 0x3b8c, 48, 48, -ENOENT, -ENOENT, 0 },
	{ "IOMMU_HWPT_INVALIDATE", 0x3b8d, 32, 32, -ENOENT, -ENOENT, 0 },
	{ "IOMMU_FAULT_QUEUE_ALLOC", 0x3b8e, 16, 16, 0, 0, 0 },
	{ "IOMMU_IOAS_MAP_FILE", 0x3b8f, 40, 40, -EINVAL, 0, 0 },
	{ "IOMMU_VIOMMU_ALLOC", 0x3b90, 24, 40, -EOPNOTSUPP, -ENOENT, 0 },
	{ "IOMMU_VDEVICE_ALLOC", 0x3b91, 24, 24, -ENOENT, -ENOENT, 0 },
	{ "IOMMU_IOAS_CHANGE_PROCESS", 0x3b92, 8, 8, 0, 0, 0 },
	{ "IOMMU_VEVENTQ_ALLOC", 0x3b93, 28, 32, -EOPNOTSUPP, -ENOENT, 0 },
	{ "IOMMU_HW_QUEUE_ALLOC", 0x3b94, 40, 40, -EOPNOTSUPP, -ENOENT, 0 },
	{ "IOMMU_IOAS_NOIOMMU_GET_PA", 0x3b95, 40, 40, -EINVAL, -EOPNOTSUPP, -EOPNOTSUPP },
	{ "IOMMU_TEST_CMD", IOMMU_TEST_CMD, 68, 72, -EOPNOTSUPP, -ENOTTY, 0 },
};

static const struct call_row *end_of_rows = rows + ARRAY_SIZE(rows);

/* The same objects for all calls; with the mock also a device and page tables */
FIXTURE(args)
{
	int fd;
	int file;
	bool mock;
	uint32_t ioas;
	uint32_t tracking;	/* a page table with dirty bits */
	uint32_t nested;
	uint32_t parent;	/* on an address space of its own, where queues lock memory */
	struct mock_ids ids;
	uint8_t *mem;
	uint8_t *large;		/* LONG_BYTES behind the largest argument */
	struct iommu_iova_range range[8];
};

static int map_file_page(FIXTURE_DATA(args) *self)
{
	return ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, PAGE_BYTES, MAPPED_IOVA);
}

static void add_mock(struct __test_metadata *_metadata, FIXTURE_DATA(args) *self)
{
	uint32_t parent, ioas;

	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->ids));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas,
				     IOMMU_HWPT_ALLOC_DIRTY_TRACKING, MOCK_IOMMUPT_DEFAULT,
				     &self->tracking));
	ASSERT_EQ(0, nest_parent_alloc(self->fd, self->ids.dev, self->ioas, &parent));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, parent, 0, MOCK_IOMMUPT_DEFAULT,
				     &self->nested));
	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, ioas, self->file, 0, PAGE_BYTES, MAPPED_IOVA));
	ASSERT_EQ(0, nest_parent_alloc(self->fd, self->ids.dev, ioas, &self->parent));
}

FIXTURE_SETUP(args)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->mock = mock_present(self->fd);
	self->file = memfd_alloc(PAGE_BYTES, 0);
	ASSERT_LE(0, self->file);
	self->mem = memory_alloc(PAGE_BYTES);
	ASSERT_NE(NULL, self->mem);
	self->large = calloc(1, MAX_SIZE + LONG_BYTES);
	ASSERT_NE(NULL, self->large);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, map_file_page(self));
	if (self->mock)
		add_mock(_metadata, self);
}

FIXTURE_TEARDOWN(args)
{
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->file));
	munmap(self->mem, PAGE_BYTES);
	free(self->large);
}

/* One that nothing is made on yet */
static uint32_t new_viommu(FIXTURE_DATA(args) *self)
{
	uint32_t id;

	return self->mock && !viommu_alloc(self->fd, self->ids.dev, self->parent, &id) ?
	       id : NO_SUCH_ID;
}

/* Of a device that no other call of the test names: it has one name */
static uint32_t new_device(FIXTURE_DATA(args) *self)
{
	struct mock_ids ids;

	return self->mock && !mock_domain(self->fd, self->ioas, 0, &ids) ? ids.dev : NO_SUCH_ID;
}

static void fill_viommu(FIXTURE_DATA(args) *self, unsigned long number, union any_arg *arg)
{
	switch (number) {
	case IOMMU_VIOMMU_ALLOC:
		arg->viommu.type = IOMMU_VIOMMU_TYPE_SELFTEST;
		arg->viommu.dev_id = self->mock ? self->ids.dev : NO_SUCH_ID;
		arg->viommu.hwpt_id = self->parent;
		break;
	case IOMMU_VDEVICE_ALLOC:
		arg->vdevice.viommu_id = new_viommu(self);
		arg->vdevice.dev_id = new_device(self);
		break;
	case IOMMU_VEVENTQ_ALLOC:
		arg->veventq.viommu_id = new_viommu(self);
		arg->veventq.type = IOMMU_VEVENTQ_TYPE_SELFTEST;
		arg->veventq.veventq_depth = 1;
		break;
	case IOMMU_HW_QUEUE_ALLOC:
		arg->hw_queue.viommu_id = new_viommu(self);
		arg->hw_queue.type = IOMMU_HW_QUEUE_TYPE_SELFTEST;
		arg->hw_queue.nesting_parent_iova = MAPPED_IOVA;
		arg->hw_queue.length = PAGE_BYTES;
		break;
	}
}

/* An argument that succeeds, each time it is made anew; 0 or a negative errno */
static int fill_objects(FIXTURE_DATA(args) *self, unsigned long number, union any_arg *arg)
{
	switch (number) {
	case IOMMU_HWPT_ALLOC:
		arg->hwpt.dev_id = self->mock ? self->ids.dev : NO_SUCH_ID;
		arg->hwpt.pt_id = self->ioas;
		break;
	case IOMMU_GET_HW_INFO:
		arg->info.dev_id = self->mock ? self->ids.dev : NO_SUCH_ID;
		break;
	case IOMMU_HWPT_SET_DIRTY_TRACKING:
		arg->set_dirty.hwpt_id = self->mock ? self->tracking : NO_SUCH_ID;
		break;
	case IOMMU_HWPT_GET_DIRTY_BITMAP:
		arg->get_dirty.hwpt_id = self->mock ? self->tracking : NO_SUCH_ID;
		arg->get_dirty.iova = MAPPED_IOVA;
		arg->get_dirty.length = PAGE_BYTES;
		arg->get_dirty.page_size = PAGE_BYTES;
		arg->get_dirty.data = (uintptr_t)self->mem;
		break;
	case IOMMU_HWPT_INVALIDATE:
		arg->invalidate.hwpt_id = self->mock ? self->nested : NO_SUCH_ID;
		arg->invalidate.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST;
		break;
	case IOMMU_IOAS_CHANGE_PROCESS:
		/* Only memfds may be mapped. */
		ioas_unmap_all(self->fd, self->ioas, NULL);
		return map_file_page(self);
	case IOMMU_IOAS_NOIOMMU_GET_PA:
		/* No device is there that could need it */
		arg->get_pa.ioas_id = self->ioas;
		arg->get_pa.iova = MAPPED_IOVA;
		arg->get_pa.length = PAGE_BYTES;
		break;
	case IOMMU_TEST_CMD:
		arg->test.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT;
		arg->test.memory_limit.limit = 65536;
		break;
	default:
		fill_viommu(self, number, arg);
	}
	return 0;
}

static int good_arg(FIXTURE_DATA(args) *self, const struct call_row *row, union any_arg *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = row->size;
	switch (row->number) {
	case IOMMU_DESTROY:
		return ioas_alloc(self->fd, &arg->destroy.id);
	case IOMMU_IOAS_ALLOW_IOVAS:
		arg->allow.ioas_id = self->ioas;
		break;
	case IOMMU_IOAS_COPY:
		arg->copy.flags = MAP_RW;
		arg->copy.src_ioas_id = self->ioas;
		arg->copy.dst_ioas_id = self->ioas;
		arg->copy.length = PAGE_BYTES;
		arg->copy.src_iova = MAPPED_IOVA;
		break;
	case IOMMU_IOAS_IOVA_RANGES:
		arg->ranges.ioas_id = self->ioas;
		arg->ranges.num_iovas = ARRAY_SIZE(self->range);
		arg->ranges.allowed_iovas = (uintptr_t)self->range;
		break;
	case IOMMU_IOAS_MAP:
		arg->map.flags = MAP_RW;
		arg->map.ioas_id = self->ioas;
		arg->map.user_va = (uintptr_t)self->mem;
		arg->map.length = PAGE_BYTES;
		break;
	case IOMMU_IOAS_UNMAP:
		/* A page of its own each time */
		arg->unmap.ioas_id = self->ioas;
		arg->unmap.length = PAGE_BYTES;
		return ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES,
				(uint64_t *)&arg->unmap.iova, MAP_RW);
	case IOMMU_OPTION:
		arg->option.option_id = IOMMU_OPTION_RLIMIT_MODE;
		arg->option.op = IOMMU_OPTION_OP_GET;
		break;
	case IOMMU_VFIO_IOAS:
		arg->vfio_ioas.op = IOMMU_VFIO_IOAS_CLEAR;
		break;
	case IOMMU_IOAS_MAP_FILE:
		arg->map_file.flags = MAP_RW;
		arg->map_file.ioas_id = self->ioas;
		arg->map_file.fd = self->file;
		arg->map_file.length = PAGE_BYTES;
		break;
	default:
		return fill_objects(self, row->number, arg);
	}
	return 0;
}

static const struct call_row *row_of(unsigned long number)
{
	const struct call_row *row;

	for (row = rows; row < end_of_rows; row++)
		if (row->number == number)
			return row;
	abort();
}

static int good_result(FIXTURE_DATA(args) *self, const struct call_row *row)
{
	return self->mock ? row->good_mock : row->good;
}

/* What a call that exists answers, and one that does not */
static int or_missing(FIXTURE_DATA(args) *self, const struct call_row *row, int result)
{
	return good_result(self, row) == -ENOTTY ? -ENOTTY : result;
}

static int raw_call(int fd, const struct call_row *row, const void *arg)
{
	return iommufd_call(fd, row->number, (void *)arg);
}

/* The good call with another size, and tail bytes of this value behind it */
static int call_sized(FIXTURE_DATA(args) *self, const struct call_row *row, uint32_t size,
		      uint8_t tail)
{
	union any_arg arg;
	int err = good_arg(self, row, &arg);

	if (err)
		return err;
	arg.size = size;
	memset(arg.raw + row->size, tail, TAIL_BYTES);
	return raw_call(self->fd, row, &arg);
}

/* Call on a descriptor of its own: there are no objects. */
static int fresh_call(const struct call_row *row, const void *arg)
{
	int fd = iommufd_open(), err;

	if (fd < 0)
		return fd;
	err = raw_call(fd, row, arg);
	return close(fd) ? -errno : err;
}

TEST_F(args, zeroed)
{
	const struct call_row *row;
	union any_arg arg;

	for (row = rows; row < end_of_rows; row++) {
		memset(&arg, 0, sizeof(arg));
		EXPECT_EQ(or_missing(self, row, -EINVAL), fresh_call(row, &arg))
			TH_LOG("%s without a size", row->name);
		arg.size = row->size;
		EXPECT_EQ(or_missing(self, row, row->zeroed), fresh_call(row, &arg))
			TH_LOG("%s", row->name);
	}
}

/* Much longer than any kernel knows, with nothing or something behind it */
TEST_F(args, oversized)
{
	uint32_t *size = (uint32_t *)self->large, total;
	const struct call_row *row;

	for (row = rows; row < end_of_rows; row++) {
		total = row->size + LONG_BYTES;
		memset(self->large, 0, total);
		*size = total;
		EXPECT_EQ(or_missing(self, row, row->zeroed), fresh_call(row, self->large))
			TH_LOG("%s with a zero tail", row->name);
		memset(self->large, 0, total);
		*size = total;
		self->large[total - 1] = 1;
		EXPECT_EQ(or_missing(self, row, -E2BIG), fresh_call(row, self->large))
			TH_LOG("%s with a byte at the end", row->name);
		memset(self->large, 0xff, total);
		EXPECT_EQ(or_missing(self, row, -E2BIG), fresh_call(row, self->large))
			TH_LOG("%s of ones", row->name);
	}
}

TEST_F(args, exact)
{
	const struct call_row *row;

	for (row = rows; row < end_of_rows; row++)
		EXPECT_EQ(good_result(self, row), call_sized(self, row, row->size, 0xff))
			TH_LOG("%s", row->name);
}

TEST_F(args, too_short)
{
	const struct call_row *row;
	uint32_t size;

	for (row = rows; row < end_of_rows; row++)
		for (size = 0; size < row->min; size++)
			EXPECT_EQ(or_missing(self, row, -EINVAL), call_sized(self, row, size, 0))
				TH_LOG("%s with %u bytes", row->name, size);
}

/* From the first version of a struct on, what the caller lacks is zero. */
TEST_F(args, older_versions)
{
	const struct call_row *row;
	uint32_t size;

	for (row = rows; row < end_of_rows; row++)
		for (size = row->min; size < row->size; size++)
			EXPECT_EQ(good_result(self, row), call_sized(self, row, size, 0xff))
				TH_LOG("%s with %u bytes", row->name, size);
}

/* A word that an older caller does not have must not be read. */
TEST_F(args, missing_words_are_zero)
{
	union any_arg arg = { .hwpt = { .size = 24, .dev_id = NO_SUCH_ID, .data_type = 1 } };

	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.size = 32;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(args, long_with_zero_tail)
{
	const struct call_row *row;
	uint32_t extra;

	for (row = rows; row < end_of_rows; row++)
		for (extra = 1; extra <= TAIL_BYTES; extra++)
			EXPECT_EQ(good_result(self, row),
				  call_sized(self, row, row->size + extra, 0))
				TH_LOG("%s with %u more bytes", row->name, extra);
}

TEST_F(args, long_with_other_tail)
{
	const struct call_row *row;
	union any_arg arg;
	uint32_t extra;

	for (row = rows; row < end_of_rows; row++) {
		for (extra = 1; extra <= TAIL_BYTES; extra++) {
			EXPECT_EQ(or_missing(self, row, -E2BIG),
				  call_sized(self, row, row->size + extra, 1))
				TH_LOG("%s with %u more bytes", row->name, extra);
			/* Only the last byte is not zero. */
			ASSERT_EQ(0, good_arg(self, row, &arg));
			arg.size += extra;
			arg.raw[arg.size - 1] = 0x80;
			EXPECT_EQ(or_missing(self, row, -E2BIG), raw_call(self->fd, row, &arg))
				TH_LOG("%s, byte %u", row->name, extra);
		}
	}
}

TEST_F(args, tail_is_not_written)
{
	const struct call_row *row;
	union any_arg arg;
	unsigned int i;

	for (row = rows; row < end_of_rows; row++) {
		if (good_result(self, row))
			continue;
		/* Beyond the size that the caller gave, also one that is shorter */
		ASSERT_EQ(0, good_arg(self, row, &arg));
		arg.size = row->min;
		memset(arg.raw + row->min, 0x5a, TAIL_BYTES);
		EXPECT_EQ(0, raw_call(self->fd, row, &arg)) TH_LOG("%s", row->name);
		EXPECT_EQ(row->min, arg.size) TH_LOG("%s", row->name);
		for (i = 0; i < TAIL_BYTES; i++)
			EXPECT_EQ(0x5a, arg.raw[row->min + i]) TH_LOG("%s", row->name);
		/* And beyond what the kernel knows */
		ASSERT_EQ(0, good_arg(self, row, &arg));
		arg.size += 8;
		EXPECT_EQ(0, raw_call(self->fd, row, &arg)) TH_LOG("%s", row->name);
		EXPECT_EQ(row->size + 8, arg.size) TH_LOG("%s", row->name);
		for (i = 0; i < 8; i++)
			EXPECT_EQ(0, arg.raw[row->size + i]) TH_LOG("%s", row->name);
	}
}

TEST_F(args, unreadable)
{
	const struct call_row *row;
	union any_arg arg;

	for (row = rows; row < end_of_rows; row++) {
		/* In the table the size is read before the number is judged. */
		if (row->number == IOMMU_TEST_CMD && !self->mock)
			continue;
		EXPECT_EQ(-EFAULT, raw_call(self->fd, row, NULL)) TH_LOG("%s", row->name);
		/* The size can be read, what it promises cannot. */
		EXPECT_EQ(or_missing(self, row, -EFAULT),
			  raw_call(self->fd, row, before_hole(&row->size, 4)))
			TH_LOG("%s of a size word", row->name);
		/* A size that is too small is told before the rest is read. */
		arg.size = 4;
		EXPECT_EQ(or_missing(self, row, -EINVAL),
			  raw_call(self->fd, row, before_hole(&arg, 4)))
			TH_LOG("%s of a short size word", row->name);
		/* The known part can be read, the tail cannot. */
		ASSERT_EQ(0, good_arg(self, row, &arg));
		arg.size += 8;
		EXPECT_EQ(or_missing(self, row, -EFAULT),
			  raw_call(self->fd, row, before_hole(&arg, row->size)))
			TH_LOG("%s with a hole for a tail", row->name);
	}
}

TEST_F(args, foreign_numbers)
{
	const struct call_row *row;
	union any_arg arg;
	unsigned int nr;

	for (row = rows; row < end_of_rows; row++) {
		if (row->number == IOMMU_TEST_CMD && !self->mock)
			continue;
		ASSERT_EQ(0, good_arg(self, row, &arg));
		nr = row->number & 0xff;
		EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, _IO('<', nr), &arg));
		EXPECT_EQ(-EFAULT, iommufd_call(self->fd, _IO('<', nr), NULL));
		/* With a direction and a size in the number */
		EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, _IOWR(IOMMUFD_TYPE, nr, __u64), &arg));
	}
}

/* The number of an object that the failed call must not have left */
static int left_behind(FIXTURE_DATA(args) *self, uint32_t first)
{
	uint32_t id, left = 0;

	for (id = first; !left && id < first + 8; id++)
		if (object_destroy(self->fd, id) != -ENOENT)
			left = id;
	return left;
}

/* If the result cannot be written the call has done nothing. */
/* covers: IOMMU_IOAS_ALLOC EFAULT */
TEST_F(args, unwritable_result)
{
	const struct call_row *row;
	union any_arg arg;
	uint32_t last;
	long long mappings;

	ASSERT_EQ(0, ioas_alloc(self->fd, &last));
	mappings = object_stat(self->fd, self->ioas, "mappings");
	for (row = rows; row < end_of_rows; row++) {
		switch (row->number) {
		case IOMMU_IOAS_ALLOC:
		case IOMMU_IOAS_MAP:
		case IOMMU_IOAS_MAP_FILE:
		case IOMMU_IOAS_COPY:
		case IOMMU_IOAS_IOVA_RANGES:
		case IOMMU_OPTION:
		case IOMMU_HWPT_ALLOC:
		case IOMMU_GET_HW_INFO:
		case IOMMU_HWPT_INVALIDATE:
			break;
		default:
			continue;
		}
		if (good_result(self, row))
			continue;
		ASSERT_EQ(0, good_arg(self, row, &arg));
		EXPECT_EQ(-EFAULT, raw_call(self->fd, row, read_only_copy(&arg, row->size)))
			TH_LOG("%s", row->name);
		EXPECT_EQ(0, left_behind(self, last + 1)) TH_LOG("%s", row->name);
		EXPECT_EQ(mappings, object_stat(self->fd, self->ioas, "mappings"))
			TH_LOG("%s", row->name);
	}
}

/* Calls without a result do not need to write. */
TEST_F(args, read_only)
{
	static const unsigned long numbers[] = {
		IOMMU_DESTROY, IOMMU_IOAS_ALLOW_IOVAS, IOMMU_IOAS_CHANGE_PROCESS,
		IOMMU_HWPT_SET_DIRTY_TRACKING, IOMMU_HWPT_GET_DIRTY_BITMAP,
	};
	const struct call_row *row;
	union any_arg arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		row = row_of(numbers[i]);
		ASSERT_EQ(0, good_arg(self, row, &arg));
		EXPECT_EQ(good_result(self, row),
			  raw_call(self->fd, row, read_only_copy(&arg, row->size)))
			TH_LOG("%s", row->name);
	}
}

TEST_HARNESS_MAIN
