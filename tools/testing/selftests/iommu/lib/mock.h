/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the test call. All return 0 or a negative errno unless they
 * say otherwise.
 */
#ifndef TEST_LIB_MOCK_H
#define TEST_LIB_MOCK_H

#include <stdint.h>

#include "../../../../../drivers/iommu/iommufd/iommufd_test_ext.h"

/* What a mock device is made of */
struct mock_ids {
	uint32_t stdev;
	uint32_t hwpt;
	uint32_t dev;
};

/* Whether the kernel has the test call */
int mock_present(int fd);
/*
 * A descriptor with an address space and a device in it; negative errno, -ENOTTY
 * in a kernel without the mock.
 */
int mock_space(uint32_t *ioas, struct mock_ids *ids);
int mock_domain(int fd, uint32_t pt_id, uint32_t dev_flags, struct mock_ids *ids);
/* The same behind the IOMMU that can make all DMA snoop. */
int mock_snooping_device(int fd, uint32_t pt_id, struct mock_ids *ids);
/*
 * The same with flags MOCK_EXT_DEVICE_*. With IOMMUFD_TEST_LATE in the environment
 * all devices are of an IOMMU that finishes its page tables late.
 */
int mock_make_device(int fd, uint32_t pt_id, uint32_t dev_flags, struct mock_ids *ids);
int mock_end_reset(int fd, uint32_t stdev);
/* pt_id: in what to attach to, out the page table. */
int mock_replace(int fd, uint32_t stdev, uint32_t *pt_id);
/* pt_id as there; pasid_check compares: with 0 it must not be attached. */
int mock_pasid_attach(int fd, uint32_t stdev, uint32_t pasid, uint32_t *pt_id);
int mock_pasid_replace(int fd, uint32_t stdev, uint32_t pasid, uint32_t *pt_id);
int mock_pasid_detach(int fd, uint32_t stdev, uint32_t pasid);
int mock_pasid_check(int fd, uint32_t stdev, uint32_t pasid, uint32_t hwpt);
/* A page request of a device, without a PASID if that is 0; the last of its group, or not. */
int mock_page_request(int fd, uint32_t dev, uint32_t pasid, uint32_t grpid, uint64_t addr);
int mock_partial_request(int fd, uint32_t dev, uint32_t pasid, uint32_t grpid, uint64_t addr);
int mock_answers(int fd, uint32_t stdev, struct iommu_test_ext *answers);
/* A device in the group of stdev; ids->hwpt returns the page table. */
int mock_add_device(int fd, uint32_t stdev, uint32_t pt_id, struct mock_ids *ids);
int mock_add_device_flags(int fd, uint32_t stdev, uint32_t pt_id, uint32_t dev_flags,
			  struct mock_ids *ids);
/* A page table of this kind, MOCK_IOMMUPT_*; flags as IOMMU_HWPT_ALLOC has them. */
int mock_hwpt_alloc(int fd, uint32_t dev, uint32_t pt_id, uint32_t flags, uint32_t kind,
		    uint32_t *hwpt);
/* A page table that user space keeps; fault: with IOMMU_HWPT_FAULT_ID_VALID in flags. */
int mock_nested_alloc(int fd, uint32_t dev, uint32_t parent, uint32_t flags, uint32_t fault,
		      uint32_t *hwpt);
/*
 * What a page table that is made and filled is refused with: at its allocation, or
 * where tables are finished late, when the device of ids is attached to it.
 */
int mock_hwpt_filled(int fd, const struct mock_ids *ids, uint32_t pt_id);
int mock_reserve(int fd, uint32_t ioas, uint64_t start, uint64_t length);
int mock_check_map(int fd, uint32_t hwpt, uint64_t iova, uint64_t length, const void *mem);
int mock_check_refs(int fd, const void *mem, uint64_t length, uint32_t refs);
/* Returns a value of MOCK_STATE_*, or a negative errno. */
int mock_device_state(int fd, uint32_t stdev);
/* The same; MOCK_STATE_OTHER too, when it translates, but not through this table. */
int mock_device_state_on(int fd, uint32_t stdev, uint32_t hwpt);
int mock_page_at(int fd, uint32_t hwpt, uint64_t iova, struct iommu_test_ext *page);
int mock_table_stats(int fd, uint32_t hwpt, struct iommu_test_ext *stats);
int mock_ioas_stats(int fd, uint32_t ioas, struct iommu_test_ext *stats);
/* Bits that were set in the bitmap, or a negative errno. */
long mock_dirty(int fd, uint32_t hwpt, uint64_t iova, uint64_t length, uint64_t page_size,
		const void *bitmap);
int mock_memory_limit(int fd, uint32_t limit);
/* Returns the descriptor of an access, or a negative errno. */
int mock_access(int fd, uint32_t ioas, uint32_t flags);
int mock_access_replace(int fd, int access, uint32_t ioas);
/* *item: the number of what was pinned; mem may be NULL. */
int mock_access_pin(int fd, int access, uint64_t iova, uint64_t length, const void *mem,
		    uint32_t flags, uint32_t *item);
int mock_access_unpin(int fd, int access, uint32_t item);
int mock_access_rw(int fd, int access, uint64_t iova, void *data, uint64_t length,
		   uint32_t flags);
/* Returns a descriptor, or a negative errno. */
int mock_dmabuf(int fd, uint32_t length);
int mock_dmabuf_revoke(int fd, int dmabuf, uint32_t revoked);
int mock_check_iotlb(int fd, uint32_t hwpt, uint32_t index, uint32_t value);
int mock_check_dev_cache(int fd, uint32_t dev, uint32_t index, uint32_t value);

#endif
