// SPDX-License-Identifier: GPL-2.0-only
/*
 * A replace that is refused changes nothing: the device keeps its page table, the
 * address space its mappings, its pins, its reserved and its usable addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define RESERVED_IOVA	(IOVA + (1ULL << 20))
#define MEM_BYTES	(4 * PAGE_BYTES)
#define MAX_RANGES	8

/* A device in an address space with a mapping and a reserved page */
FIXTURE(attach)
{
	int fd;
	uint32_t ioas;
	uint32_t other;
	struct mock_ids ids;
	uint8_t *mem;
	uint32_t nr_ranges;
	struct iommu_iova_range range[MAX_RANGES];
};

FIXTURE_SETUP(attach)
{
	self->fd = mock_space(&self->ioas, &self->ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA));
	ASSERT_EQ(0, mock_reserve(self->fd, self->ioas, RESERVED_IOVA, PAGE_BYTES));
	self->nr_ranges = MAX_RANGES;
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, self->range, &self->nr_ranges, NULL));
	/* The aperture, and a hole in it */
	ASSERT_EQ(2, self->nr_ranges);
}

FIXTURE_TEARDOWN(attach)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

static int usable_unchanged(FIXTURE_DATA(attach) *self)
{
	struct iommu_iova_range range[MAX_RANGES];
	uint32_t nr = MAX_RANGES;

	return !ioas_ranges(self->fd, self->ioas, range, &nr, NULL) &&
	       nr == self->nr_ranges && !memcmp(range, self->range, nr * sizeof(range[0]));
}

/* What differs from the state after setup, NULL if nothing does */
static const char *difference(FIXTURE_DATA(attach) *self, uint32_t hwpt)
{
	struct iommu_test_ext stats;

	if (mock_device_state_on(self->fd, self->ids.stdev, hwpt) != MOCK_STATE_TRANSLATED)
		return "state of the device";
	if (mock_check_map(self->fd, hwpt, IOVA, MEM_BYTES, self->mem))
		return "page table";
	if (mock_check_refs(self->fd, self->mem, MEM_BYTES, 1))
		return "pins";
	if (mock_ioas_stats(self->fd, self->ioas, &stats) || stats.ioas_stats.out_nr_areas != 1)
		return "mappings";
	if (stats.ioas_stats.out_nr_domains != 1)
		return "page tables of the address space";
	if (!usable_unchanged(self))
		return "usable addresses";
	if (ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES, RESERVED_IOVA) != -EINVAL)
		return "reserved addresses";
	return NULL;
}

static void expect_same(struct __test_metadata *_metadata, FIXTURE_DATA(attach) *self)
{
	const char *what = difference(self, self->ids.hwpt);

	EXPECT_EQ(NULL, what) TH_LOG("changed: %s", what);
}

static int replace(FIXTURE_DATA(attach) *self, uint32_t pt_id)
{
	return mock_replace(self->fd, self->ids.stdev, &pt_id);
}

TEST_F(attach, setup_is_what_is_compared)
{
	expect_same(_metadata, self);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_NE(NULL, difference(self, self->ids.hwpt));
}

TEST_F(attach, unknown_or_wrong_target)
{
	EXPECT_EQ(-ENOENT, replace(self, 0));
	EXPECT_EQ(-ENOENT, replace(self, NO_SUCH_ID));
	EXPECT_EQ(-EINVAL, replace(self, self->ids.dev));
	EXPECT_EQ(-EINVAL, replace(self, self->ids.stdev));
	expect_same(_metadata, self);
}

TEST_F(attach, target_of_another_descriptor)
{
	int fd = iommufd_open();
	uint32_t id = 0, i;

	ASSERT_LE(0, fd);
	/* Further on than any object of the first descriptor */
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, ioas_alloc(fd, &id));
	EXPECT_EQ(-ENOENT, replace(self, id));
	expect_same(_metadata, self);
	EXPECT_EQ(0, close(fd));
}

/* covers: IOMMU_HWPT_ALLOC EADDRINUSE */
TEST_F(attach, mapping_outside_the_aperture)
{
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->other, self->mem, PAGE_BYTES,
				    IOVA - PAGE_BYTES));
	EXPECT_EQ(-EADDRINUSE, replace(self, self->other));
	EXPECT_EQ(-EADDRINUSE, mock_hwpt_filled(self->fd, &self->ids, self->other));
	expect_same(_metadata, self);
	/* The target is free of the attempt as well */
	EXPECT_EQ(0, object_destroy(self->fd, self->other));
}

TEST_F(attach, allowed_list_outside_the_aperture)
{
	struct iommu_iova_range low = { 0, IOVA - 1 };

	ASSERT_EQ(0, ioas_allow(self->fd, self->other, &low, 1));
	EXPECT_EQ(-EADDRINUSE, replace(self, self->other));
	expect_same(_metadata, self);
	EXPECT_EQ(0, object_destroy(self->fd, self->other));
}

/* covers: IOMMU_HWPT_ALLOC EFAULT */
TEST_F(attach, memory_that_cannot_be_pinned)
{
	uint8_t *gone = memory_alloc(2 * PAGE_BYTES);

	ASSERT_NE(NULL, gone);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->other, gone, 2 * PAGE_BYTES, IOVA));
	ASSERT_EQ(0, munmap(gone + PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EFAULT, replace(self, self->other));
	EXPECT_EQ(-EFAULT, mock_hwpt_filled(self->fd, &self->ids, self->other));
	expect_same(_metadata, self);
	EXPECT_EQ(0, mock_check_refs(self->fd, gone, PAGE_BYTES, 0));
	EXPECT_EQ(0, object_destroy(self->fd, self->other));
	munmap(gone, PAGE_BYTES);
}

static int ranges_of(int fd, uint32_t ioas, struct iommu_iova_range *range, uint32_t *nr)
{
	*nr = MAX_RANGES;
	memset(range, 0, MAX_RANGES * sizeof(*range));
	return ioas_ranges(fd, ioas, range, nr, NULL);
}

/* The second of two reserved regions has a mapping: the first one is given back */
TEST_F(attach, later_reserved_region_is_mapped)
{
	struct iommu_iova_range before[MAX_RANGES], after[MAX_RANGES];
	uint32_t nr_before, nr_after, pt_id;
	struct mock_ids ids;

	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->other, self->mem, PAGE_BYTES,
				    MOCK_EXT_RESERVED_SECOND));
	ASSERT_EQ(0, ranges_of(self->fd, self->other, before, &nr_before));
	EXPECT_EQ(-EADDRINUSE, mock_make_device(self->fd, self->other, MOCK_EXT_DEVICE_RESERVED,
						&ids));
	ASSERT_EQ(0, ranges_of(self->fd, self->other, after, &nr_after));
	EXPECT_EQ(nr_before, nr_after);
	EXPECT_EQ(0, memcmp(before, after, sizeof(before)));

	/* And when the device comes from elsewhere */
	ASSERT_EQ(0, mock_make_device(self->fd, self->ioas, MOCK_EXT_DEVICE_RESERVED, &ids));
	pt_id = self->other;
	EXPECT_EQ(-EADDRINUSE, mock_replace(self->fd, ids.stdev, &pt_id));
	ASSERT_EQ(0, ranges_of(self->fd, self->other, after, &nr_after));
	EXPECT_EQ(nr_before, nr_after);
	EXPECT_EQ(0, memcmp(before, after, sizeof(before)));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, self->other, self->mem, PAGE_BYTES,
				    MOCK_EXT_RESERVED_FIRST));

	/* Where it stays they are reserved, until it goes */
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
					  MOCK_EXT_RESERVED_FIRST));
	EXPECT_EQ(0, object_destroy(self->fd, ids.stdev));
	expect_same(_metadata, self);
}

/* From the table made for the attach to one of the user's and back */
TEST_F(attach, inside_one_address_space)
{
	uint32_t own, pt_id;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->ioas, &own));
	pt_id = own;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &pt_id));
	EXPECT_EQ(own, pt_id);
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, self->ids.hwpt));
	EXPECT_EQ(NULL, difference(self, own));
	EXPECT_EQ(-EINVAL, replace(self, self->ids.dev));
	EXPECT_EQ(NULL, difference(self, own));

	pt_id = self->ioas;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &pt_id));
	EXPECT_NE(own, pt_id);
	EXPECT_EQ(0, object_destroy(self->fd, own));
	EXPECT_EQ(NULL, difference(self, pt_id));
}

TEST_HARNESS_MAIN
