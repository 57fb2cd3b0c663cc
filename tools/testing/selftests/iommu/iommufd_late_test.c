// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers that finish a page table at its first attach: it can be filled only then,
 * when the device is on it already. A fill that fails brings the device back.
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
#define MEM_BYTES	(4 * PAGE_BYTES)

/* A device on a page table of one address space, and another that cannot be filled */
FIXTURE(late)
{
	int fd;
	uint32_t ioas;
	uint32_t other;
	struct mock_ids ids;
	uint8_t *mem;
	uint8_t *gone;
};

FIXTURE_VARIANT(late)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(late, device)
{
	.flags = MOCK_EXT_DEVICE_LATE,
};

/* Each page table that it is attached to is filled while the device is reset */
FIXTURE_VARIANT_ADD(late, reset)
{
	.flags = MOCK_EXT_DEVICE_LATE | MOCK_EXT_DEVICE_RESET,
};

FIXTURE_SETUP(late)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	self->mem = memory_alloc(MEM_BYTES);
	self->gone = memory_alloc(2 * PAGE_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->gone);
	memset(self->mem, 1, MEM_BYTES);
	ASSERT_EQ(0, munmap(self->gone + PAGE_BYTES, PAGE_BYTES));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->other, self->mem, MEM_BYTES, IOVA));
	ASSERT_EQ(0, mock_make_device(self->fd, self->ioas, variant->flags, &self->ids));
	ASSERT_EQ(0, mock_end_reset(self->fd, self->ids.stdev));
}

FIXTURE_TEARDOWN(late)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	if (self->gone)
		munmap(self->gone, PAGE_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

static int replace(FIXTURE_DATA(late) *self, uint32_t pt_id)
{
	return mock_replace(self->fd, self->ids.stdev, &pt_id);
}

/* The last mapping of the other address space cannot be pinned */
static int spoil(FIXTURE_DATA(late) *self)
{
	return ioas_map_fixed(self->fd, self->other, self->gone, 2 * PAGE_BYTES,
			      IOVA + 2 * MEM_BYTES);
}

TEST_F(late, filled_at_the_attach)
{
	struct iommu_test_ext stats;

	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	self->ids.hwpt = self->other;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &self->ids.hwpt));
	ASSERT_EQ(0, mock_end_reset(self->fd, self->ids.stdev));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	ASSERT_EQ(0, mock_ioas_stats(self->fd, self->ioas, &stats));
	EXPECT_EQ(0, stats.ioas_stats.out_nr_domains);
}

/* One that nobody was attached to has no entries, and fills when somebody is */
TEST_F(late, empty_before)
{
	struct iommu_test_ext stats;
	uint32_t hwpt, pt_id;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->other, &hwpt));
	ASSERT_EQ(0, mock_table_stats(self->fd, hwpt, &stats));
	EXPECT_EQ(0, stats.table_stats.out_mapped_bytes);
	ASSERT_EQ(0, spoil(self));
	pt_id = hwpt;
	EXPECT_EQ(-EFAULT, mock_replace(self->fd, self->ids.stdev, &pt_id));
	mock_end_reset(self->fd, self->ids.stdev);
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other, IOVA + 2 * MEM_BYTES, 2 * PAGE_BYTES,
				NULL));
	pt_id = hwpt;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &pt_id));
	mock_end_reset(self->fd, self->ids.stdev);
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, IOVA, MEM_BYTES, self->mem));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));
	pt_id = self->ioas;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &pt_id));
	mock_end_reset(self->fd, self->ids.stdev);
	EXPECT_EQ(0, object_destroy(self->fd, hwpt));
}

/* The old table is used again, all through a reset: its pages come and go */
TEST_F(late, failed_fill_leaves_the_old_table)
{
	struct iommu_test_ext stats;

	ASSERT_EQ(0, spoil(self));
	EXPECT_EQ(-EFAULT, replace(self, self->other));
	if (variant->flags & MOCK_EXT_DEVICE_RESET) {
		EXPECT_EQ(MOCK_STATE_BLOCKED, mock_device_state(self->fd, self->ids.stdev));
		ASSERT_EQ(0, mock_end_reset(self->fd, self->ids.stdev));
	}
	EXPECT_EQ(MOCK_STATE_TRANSLATED,
		  mock_device_state_on(self->fd, self->ids.stdev, self->ids.hwpt));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	ASSERT_EQ(0, mock_ioas_stats(self->fd, self->other, &stats));
	EXPECT_EQ(0, stats.ioas_stats.out_nr_domains);
	EXPECT_EQ(0, stats.ioas_stats.out_pinned_bytes);
	/* Nobody has the new table, and the old one is still in use */
	EXPECT_EQ(0, object_destroy(self->fd, self->other));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ids.hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
}

TEST_F(late, failed_fill_of_a_first_attach)
{
	struct iommu_test_ext stats;
	struct mock_ids ids;

	ASSERT_EQ(0, spoil(self));
	EXPECT_EQ(-EFAULT, mock_make_device(self->fd, self->other, variant->flags, &ids));
	ASSERT_EQ(0, mock_ioas_stats(self->fd, self->other, &stats));
	EXPECT_EQ(0, stats.ioas_stats.out_nr_domains);
	EXPECT_EQ(0, object_destroy(self->fd, self->other));
}

/* Mainline's operation does not know these devices, and an IOMMU not those of another */
TEST_F(late, kept_apart)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, .id = self->other,
		.mock_domain_flags.dev_flags = MOCK_EXT_DEVICE_LATE,
	};
	struct mock_ids usual;

	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	ASSERT_EQ(0, mock_make_device(self->fd, self->other, 0, &usual));
	EXPECT_EQ(-EINVAL, replace(self, usual.hwpt));
	/* Each finds a table of its own in one address space */
	ASSERT_EQ(0, replace(self, self->other));
	mock_end_reset(self->fd, self->ids.stdev);
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));
}

TEST_HARNESS_MAIN
