// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of the mock device: attached, replaced and detached beside the requester ID,
 * for the whole group, or refused with nothing changed.
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
#define MEM_BYTES	(2 * PAGE_BYTES)
#define PASID		5
#define OTHER_PASID	100000
#define MANY		3000

/* A device whose requester ID is on a page table for PASIDs, and two more of these */
FIXTURE(pasid)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	uint32_t own;
	uint32_t first;
	uint32_t second;
	uint32_t plain;
	uint8_t *mem;
};

static int table_for_pasids(int fd, uint32_t dev, uint32_t pt_id, uint32_t *hwpt)
{
	return mock_hwpt_alloc(fd, dev, pt_id, IOMMU_HWPT_ALLOC_PASID, MOCK_IOMMUPT_DEFAULT,
			       hwpt);
}

FIXTURE_SETUP(pasid)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &self->ids));
	ASSERT_EQ(0, table_for_pasids(self->fd, self->ids.dev, self->ioas, &self->own));
	ASSERT_EQ(0, table_for_pasids(self->fd, self->ids.dev, self->ioas, &self->first));
	ASSERT_EQ(0, table_for_pasids(self->fd, self->ids.dev, self->ioas, &self->second));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->ioas, &self->plain));
	self->ids.hwpt = self->own;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &self->ids.hwpt));
}

FIXTURE_TEARDOWN(pasid)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

static int attach(FIXTURE_DATA(pasid) *self, uint32_t pasid, uint32_t pt_id)
{
	return mock_pasid_attach(self->fd, self->ids.stdev, pasid, &pt_id);
}

static int replace(FIXTURE_DATA(pasid) *self, uint32_t pasid, uint32_t pt_id)
{
	return mock_pasid_replace(self->fd, self->ids.stdev, pasid, &pt_id);
}

static int detach(FIXTURE_DATA(pasid) *self, uint32_t pasid)
{
	return mock_pasid_detach(self->fd, self->ids.stdev, pasid);
}

static int check(FIXTURE_DATA(pasid) *self, uint32_t pasid, uint32_t hwpt)
{
	return mock_pasid_check(self->fd, self->ids.stdev, pasid, hwpt);
}

static int replace_own(FIXTURE_DATA(pasid) *self, uint32_t pt_id)
{
	return mock_replace(self->fd, self->ids.stdev, &pt_id);
}

TEST_F(pasid, attached_and_detached)
{
	uint32_t pt_id = self->first;

	EXPECT_EQ(0, check(self, PASID, 0));
	EXPECT_EQ(-EINVAL, check(self, PASID, self->first));
	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->ids.stdev, PASID, &pt_id));
	EXPECT_EQ(self->first, pt_id);
	EXPECT_EQ(0, check(self, PASID, self->first));
	EXPECT_EQ(-EINVAL, check(self, PASID, 0));
	EXPECT_EQ(-EINVAL, check(self, PASID, self->second));
	EXPECT_EQ(-ENOENT, check(self, PASID, NO_SUCH_ID));
	EXPECT_EQ(-EINVAL, check(self, PASID, self->ioas));
	EXPECT_EQ(0, check(self, PASID + 1, 0));
	EXPECT_EQ(0, mock_check_map(self->fd, self->first, IOVA, MEM_BYTES, self->mem));
	/* Two PASIDs on one page table */
	ASSERT_EQ(0, attach(self, OTHER_PASID, self->first));
	EXPECT_EQ(0, detach(self, PASID));
	EXPECT_EQ(0, check(self, PASID, 0));
	EXPECT_EQ(0, check(self, OTHER_PASID, self->first));
	/* Nothing to do */
	EXPECT_EQ(0, detach(self, PASID));
	EXPECT_EQ(0, detach(self, PASID + 1));
	EXPECT_EQ(0, attach(self, PASID, self->second));
	EXPECT_EQ(0, check(self, PASID, self->second));
}

TEST_F(pasid, unknown_or_wrong_target)
{
	uint32_t pt_id = self->first;

	EXPECT_EQ(-ENOENT, mock_pasid_attach(self->fd, NO_SUCH_ID, PASID, &pt_id));
	EXPECT_EQ(-ENOENT, mock_pasid_replace(self->fd, NO_SUCH_ID, PASID, &pt_id));
	EXPECT_EQ(-ENOENT, mock_pasid_detach(self->fd, self->ids.dev, PASID));
	EXPECT_EQ(-ENOENT, mock_pasid_check(self->fd, self->ids.dev, PASID, 0));
	EXPECT_EQ(-ENOENT, attach(self, PASID, 0));
	EXPECT_EQ(-ENOENT, attach(self, PASID, NO_SUCH_ID));
	EXPECT_EQ(-EINVAL, attach(self, PASID, self->ids.dev));
	/* The kernel makes no page table for a PASID that user space has chosen */
	EXPECT_EQ(-EINVAL, attach(self, PASID, self->ioas));
	EXPECT_EQ(-EINVAL, attach(self, PASID, self->plain));
	EXPECT_EQ(0, check(self, PASID, 0));

	ASSERT_EQ(0, attach(self, PASID, self->first));
	EXPECT_EQ(-ENOENT, replace(self, PASID, NO_SUCH_ID));
	EXPECT_EQ(-EINVAL, replace(self, PASID, self->ids.stdev));
	EXPECT_EQ(-EINVAL, replace(self, PASID, self->ioas));
	EXPECT_EQ(-EINVAL, replace(self, PASID, self->plain));
	EXPECT_EQ(0, check(self, PASID, self->first));
}

TEST_F(pasid, numbers)
{
	/* The requester ID's own */
	EXPECT_EQ(-EINVAL, attach(self, 0, self->first));
	EXPECT_EQ(-EINVAL, replace(self, 0, self->first));
	EXPECT_EQ(-EINVAL, detach(self, 0));
	EXPECT_EQ(MOCK_STATE_TRANSLATED,
		  mock_device_state_on(self->fd, self->ids.stdev, self->own));
	EXPECT_EQ(-EINVAL, attach(self, 1U << MOCK_PASID_WIDTH, self->first));
	EXPECT_EQ(-EINVAL, attach(self, UINT32_MAX, self->first));
	EXPECT_EQ(-EINVAL, replace(self, UINT32_MAX, self->first));
	EXPECT_EQ(0, detach(self, UINT32_MAX));
	EXPECT_EQ(0, attach(self, (1U << MOCK_PASID_WIDTH) - 1, self->first));
	EXPECT_EQ(0, attach(self, 1, self->first));
}

TEST_F(pasid, attach_twice_and_replace_of_nothing)
{
	EXPECT_EQ(-EINVAL, replace(self, PASID, self->first));
	ASSERT_EQ(0, attach(self, PASID, self->first));
	EXPECT_EQ(-EBUSY, attach(self, PASID, self->first));
	EXPECT_EQ(-EBUSY, attach(self, PASID, self->second));
	EXPECT_EQ(-EINVAL, attach(self, PASID, self->plain));
	EXPECT_EQ(0, check(self, PASID, self->first));
	ASSERT_EQ(0, detach(self, PASID));
	EXPECT_EQ(-EINVAL, replace(self, PASID, self->first));
	EXPECT_EQ(0, check(self, PASID, 0));
}

TEST_F(pasid, replaced)
{
	uint32_t pt_id = self->second;

	ASSERT_EQ(0, attach(self, PASID, self->first));
	ASSERT_EQ(0, mock_pasid_replace(self->fd, self->ids.stdev, PASID, &pt_id));
	EXPECT_EQ(self->second, pt_id);
	EXPECT_EQ(0, check(self, PASID, self->second));
	EXPECT_EQ(0, object_destroy(self->fd, self->first));
	/* To where it is */
	EXPECT_EQ(0, replace(self, PASID, self->second));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->second));
	EXPECT_EQ(0, detach(self, PASID));
	EXPECT_EQ(0, object_destroy(self->fd, self->second));
}

/* The mock refuses the second page table of this one */
TEST_F(pasid, failing_replace_changes_nothing)
{
	ASSERT_EQ(0, attach(self, IOMMU_TEST_PASID_RESERVED, self->first));
	EXPECT_EQ(-ENOMEM, replace(self, IOMMU_TEST_PASID_RESERVED, self->second));
	EXPECT_EQ(0, check(self, IOMMU_TEST_PASID_RESERVED, self->first));
	EXPECT_EQ(0, object_destroy(self->fd, self->second));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->first));
	EXPECT_EQ(0, detach(self, IOMMU_TEST_PASID_RESERVED));
	EXPECT_EQ(0, check(self, IOMMU_TEST_PASID_RESERVED, 0));
	EXPECT_EQ(0, attach(self, IOMMU_TEST_PASID_RESERVED, self->own));
}

/* While a PASID is attached, the requester ID stays on page tables for PASIDs */
TEST_F(pasid, rule_for_requester_id)
{
	ASSERT_EQ(0, attach(self, PASID, self->first));
	EXPECT_EQ(-EINVAL, replace_own(self, self->plain));
	EXPECT_EQ(-EINVAL, replace_own(self, self->ioas));
	EXPECT_EQ(MOCK_STATE_TRANSLATED,
		  mock_device_state_on(self->fd, self->ids.stdev, self->own));
	EXPECT_EQ(0, replace_own(self, self->second));
	EXPECT_EQ(0, check(self, PASID, self->first));
	EXPECT_EQ(0, replace_own(self, self->first));
	ASSERT_EQ(0, detach(self, PASID));
	EXPECT_EQ(MOCK_STATE_TRANSLATED,
		  mock_device_state_on(self->fd, self->ids.stdev, self->first));
	EXPECT_EQ(0, replace_own(self, self->plain));
	EXPECT_EQ(-EINVAL, attach(self, PASID, self->first));
	EXPECT_EQ(0, check(self, PASID, 0));
	/* Nothing is left that the requester ID would have to respect */
	EXPECT_EQ(0, replace_own(self, self->ioas));
}

TEST_F(pasid, device_without_pasids)
{
	uint32_t pt_id = self->first;
	struct mock_ids ids;

	ASSERT_EQ(0, mock_domain(self->fd, self->own, 0, &ids));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(0, mock_pasid_check(self->fd, ids.stdev, PASID, 0));
	EXPECT_EQ(0, mock_pasid_detach(self->fd, ids.stdev, PASID));
	/* The flag is a property of the page table, not of the device it is made for */
	EXPECT_EQ(0, table_for_pasids(self->fd, ids.dev, self->ioas, &pt_id));
}

TEST_F(pasid, device_leaves_with_pasids)
{
	uint32_t i;

	for (i = 1; i <= MANY; i++)
		ASSERT_EQ(0, attach(self, i, i & 1 ? self->first : self->second));
	EXPECT_EQ(MANY, object_stat(self->fd, self->ids.dev, "pasids"));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, self->ids.stdev, 2));
	EXPECT_EQ(MANY - 1, object_stat(self->fd, self->ids.dev, "pasids"));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->first));
	ASSERT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, self->own));
	EXPECT_EQ(0, object_destroy(self->fd, self->first));
	EXPECT_EQ(0, object_destroy(self->fd, self->second));
}

/* The IOMMU has a PASID for a group, so one device attaches it for all */
TEST_F(pasid, devices_of_a_group)
{
	uint32_t pt_id = self->own;
	struct mock_ids ids;

	ASSERT_EQ(0, mock_add_device_flags(self->fd, self->ids.stdev, pt_id,
					   MOCK_FLAGS_DEVICE_PASID, &ids));
	ASSERT_EQ(0, attach(self, PASID, self->first));
	EXPECT_EQ(0, mock_pasid_check(self->fd, ids.stdev, PASID, self->first));
	/* The second device has to ask for the same */
	pt_id = self->second;
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(-EINVAL, mock_pasid_replace(self->fd, ids.stdev, PASID, &pt_id));
	pt_id = self->first;
	EXPECT_EQ(0, mock_pasid_attach(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(-EBUSY, mock_pasid_attach(self->fd, ids.stdev, PASID, &pt_id));
	/* A replace moves both */
	EXPECT_EQ(0, replace(self, PASID, self->second));
	EXPECT_EQ(0, mock_pasid_check(self->fd, ids.stdev, PASID, self->second));
	EXPECT_EQ(0, detach(self, PASID));
	EXPECT_EQ(0, check(self, PASID, self->second));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->second));
	EXPECT_EQ(0, mock_pasid_detach(self->fd, ids.stdev, PASID));
	EXPECT_EQ(0, check(self, PASID, 0));
	EXPECT_EQ(0, object_destroy(self->fd, self->second));
}

TEST_F(pasid, group_with_a_device_without_pasids)
{
	struct mock_ids ids;

	ASSERT_EQ(0, mock_add_device(self->fd, self->ids.stdev, self->own, &ids));
	EXPECT_EQ(-EINVAL, attach(self, PASID, self->first));
	EXPECT_EQ(0, check(self, PASID, 0));
	ASSERT_EQ(0, object_destroy(self->fd, ids.stdev));
	EXPECT_EQ(0, attach(self, PASID, self->first));
	/* And it does not get in while a PASID is attached */
	EXPECT_NE(0, mock_add_device(self->fd, self->ids.stdev, self->own, &ids));
	EXPECT_EQ(0, check(self, PASID, self->first));
}

TEST_F(pasid, nested_page_tables)
{
	struct iommu_hwpt_selftest blob = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = self->ids.dev,
		.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(blob),
		.data_uptr = (uintptr_t)&blob,
	};
	uint32_t parent, nested;

	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas,
				     IOMMU_HWPT_ALLOC_NEST_PARENT, MOCK_IOMMUPT_DEFAULT,
				     &parent));
	arg.pt_id = parent;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(-EINVAL, attach(self, PASID, arg.out_hwpt_id));
	/* The parent takes none itself, but those that are nested in it may */
	EXPECT_EQ(-EINVAL, attach(self, PASID, parent));
	arg.flags = IOMMU_HWPT_ALLOC_PASID;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	nested = arg.out_hwpt_id;
	ASSERT_EQ(0, attach(self, PASID, nested));
	EXPECT_EQ(0, check(self, PASID, nested));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, nested));
	EXPECT_EQ(0, replace(self, PASID, self->first));
	EXPECT_EQ(0, replace(self, PASID, nested));
	EXPECT_EQ(0, detach(self, PASID));
	EXPECT_EQ(0, object_destroy(self->fd, nested));
	/* Those are not kept by user space, so these flags are not for them */
	arg.flags = IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(pasid, page_table_that_logs_writes)
{
	uint32_t logging;
	struct mock_ids ids;

	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas,
				     IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				     MOCK_IOMMUPT_DEFAULT, &logging));
	EXPECT_EQ(0, attach(self, PASID, logging));
	ASSERT_EQ(0, mock_domain(self->fd, self->own,
				 MOCK_FLAGS_DEVICE_PASID | MOCK_FLAGS_DEVICE_NO_DIRTY, &ids));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->fd, ids.stdev, PASID, &logging));
	EXPECT_EQ(0, mock_pasid_check(self->fd, ids.stdev, PASID, 0));
}

/* KVM was told that all DMA of such a device is coherent, its PASIDs included */
TEST_F(pasid, coherency_is_enforced)
{
	struct mock_ids ids;
	uint32_t snoops;

	ASSERT_EQ(0, mock_make_device(self->fd, self->ioas,
				      MOCK_FLAGS_DEVICE_PASID | MOCK_EXT_DEVICE_SNOOP, &ids));
	ASSERT_EQ(0, table_for_pasids(self->fd, ids.dev, self->ioas, &snoops));
	ids.hwpt = snoops;
	ASSERT_EQ(0, mock_replace(self->fd, ids.stdev, &ids.hwpt));
	/* Filled without it */
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->fd, ids.stdev, PASID, &self->first));
	EXPECT_EQ(0, mock_pasid_attach(self->fd, ids.stdev, PASID, &snoops));
	/* The other way around the hardware cannot */
	EXPECT_EQ(-EINVAL, attach(self, PASID, snoops));
	EXPECT_EQ(0, check(self, PASID, 0));
}

TEST_F(pasid, reserved_regions)
{
	uint32_t other, far, near, pt_id;
	struct mock_ids ids;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, table_for_pasids(self->fd, self->ids.dev, other, &far));
	ASSERT_EQ(0, table_for_pasids(self->fd, self->ids.dev, other, &near));
	ASSERT_EQ(0, mock_make_device(self->fd, self->own,
				      MOCK_FLAGS_DEVICE_PASID | MOCK_EXT_DEVICE_RESERVED, &ids));
	/* Of the requester ID */
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
					  MOCK_EXT_RESERVED_FIRST));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, self->mem, PAGE_BYTES,
				    MOCK_EXT_RESERVED_SECOND));
	pt_id = far;
	EXPECT_EQ(-EADDRINUSE, mock_pasid_attach(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(0, mock_pasid_check(self->fd, ids.stdev, PASID, 0));
	pt_id = self->first;
	ASSERT_EQ(0, mock_pasid_attach(self->fd, ids.stdev, PASID, &pt_id));
	pt_id = far;
	EXPECT_EQ(-EADDRINUSE, mock_pasid_replace(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(0, mock_pasid_check(self->fd, ids.stdev, PASID, self->first));

	ASSERT_EQ(0, ioas_unmap_all(self->fd, other, NULL));
	pt_id = far;
	ASSERT_EQ(0, mock_pasid_replace(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, other, self->mem, PAGE_BYTES,
					  MOCK_EXT_RESERVED_FIRST));
	/* Within the address space they stay */
	pt_id = near;
	ASSERT_EQ(0, mock_pasid_replace(self->fd, ids.stdev, PASID, &pt_id));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, other, self->mem, PAGE_BYTES,
					  MOCK_EXT_RESERVED_FIRST));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, ids.stdev, PASID));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, other, self->mem, PAGE_BYTES,
				    MOCK_EXT_RESERVED_FIRST));
	/* That of the requester ID is not the PASID's to release */
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
					  MOCK_EXT_RESERVED_FIRST));
}

TEST_HARNESS_MAIN
