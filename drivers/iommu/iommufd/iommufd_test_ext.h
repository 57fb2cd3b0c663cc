/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of the test call that only this kernel has. Their numbers have
 * bit 31 set, and the struct has the size of the one they replace.
 */
#ifndef __IOMMUFD_TEST_EXT_H
#define __IOMMUFD_TEST_EXT_H

#include "iommufd_test.h"

enum {
	IOMMU_TEST_EXT_ADD_DEVICE = 0x80000001u,
	IOMMU_TEST_EXT_PAGE_AT = 0x80000002u,
	IOMMU_TEST_EXT_TABLE_STATS = 0x80000003u,
	IOMMU_TEST_EXT_IOAS_STATS = 0x80000004u,
	IOMMU_TEST_EXT_DEVICE_STATE = 0x80000005u,
	IOMMU_TEST_EXT_MAKE_DEVICE = 0x80000006u,
	IOMMU_TEST_EXT_END_RESET = 0x80000007u,
	IOMMU_TEST_EXT_PARTIAL_IOPF = 0x80000008u,
	IOMMU_TEST_EXT_ANSWERS = 0x80000009u,
	IOMMU_TEST_EXT_SKIP_VEVENTS = 0x8000000au,
};

/* Flags of devices that only MAKE_DEVICE and ADD_DEVICE know */
enum {
	/* Its IOMMU can make all DMA snoop: ENFORCE_CACHE_COHERENCY */
	MOCK_EXT_DEVICE_SNOOP = 0x10000000,
	/*
	 * Page tables made for it accept enforce_cache_coherency() with any
	 * contents, and devices that cannot snoop: only the core may refuse
	 */
	MOCK_EXT_DEVICE_TRUSTING = 0x04000000,
};

/* Flags of MAKE_DEVICE alone, beside those of MOCK_DOMAIN_FLAGS */
enum {
	/* Its IOMMU's driver finishes page tables when they are attached */
	MOCK_EXT_DEVICE_LATE = 0x20000000,
	/* It has the two reserved regions below */
	MOCK_EXT_DEVICE_RESERVED = 0x40000000,
	/* It is reset while a page table that it was just attached to is filled */
	MOCK_EXT_DEVICE_RESET = 0x08000000,
};

/* Reserved regions, each of MOCK_PAGE_SIZE */
enum {
	MOCK_EXT_RESERVED_FIRST = 0x1200000,
	MOCK_EXT_RESERVED_SECOND = 0x1400000,
};

/* Page requests that a device can have without an answer */
enum {
	MOCK_EXT_NR_REQUESTS = 32,
};

/* What happens to the DMA of a device */
enum {
	MOCK_STATE_OTHER = 0,
	MOCK_STATE_BLOCKED = 1,
	MOCK_STATE_TRANSLATED = 2,
};

struct iommu_test_ext {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		/*
		 * id: selftest object. Make one more device in its IOMMU group
		 * and attach it to pt_id, which returns the page table.
		 * Errors as MOCK_DOMAIN_FLAGS.
		 */
		struct {
			__u32 pt_id;
			__u32 dev_flags;
			__u32 out_stdev_id;
			__u32 out_idev_id;
		} add_device;
		/*
		 * id: paging HWPT. The page that iova lies in; prot is 1 for
		 * readable, 2 for writable, 4 where all DMA snoops. ENOENT
		 * when there is none.
		 */
		struct {
			__aligned_u64 iova;
			__aligned_u64 out_page_iova;
			__aligned_u64 out_page_phys;
			__aligned_u64 out_page_size;
			__u32 out_prot;
			__u32 out_dirty;
		} page_at;
		/* id: paging HWPT. What its page table holds */
		struct {
			__aligned_u64 out_nr_pages;
			__aligned_u64 out_nr_huge;
			__aligned_u64 out_mapped_bytes;
		} table_stats;
		/* id: IOAS. What it maps, and how much of that is pinned */
		struct {
			__aligned_u64 out_nr_areas;
			__aligned_u64 out_nr_domains;
			__aligned_u64 out_mapped_bytes;
			__aligned_u64 out_pinned_bytes;
		} ioas_stats;
		/*
		 * id: selftest object. What happens to the DMA of its device; with
		 * a paging HWPT, TRANSLATED means through that one.
		 */
		struct {
			__u32 out_state;
			__u32 hwpt_id;
		} device_state;
		/*
		 * id: IOAS or HWPT. As MOCK_DOMAIN_FLAGS, with the flags
		 * MOCK_EXT_DEVICE_*, too.
		 */
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags;
		} make_device;
		/* As TRIGGER_IOPF, but it is not the last request of its group */
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__aligned_u64 addr;
		} partial_iopf;
		/*
		 * id: selftest object. How the groups of page requests of its device
		 * were answered, and the last one that was.
		 */
		struct {
			__u32 out_nr_success;
			__u32 out_nr_invalid;
			__u32 out_nr_other;
			__u32 out_last_pasid;
			__u32 out_last_grpid;
		} answers;
		/* id: vEVENTQ. Count events that never came */
		struct {
			__aligned_u64 nr;
		} skip_vevents;
		__aligned_u64 __room[6];
	};
	__u32 last;
};

#endif /* __IOMMUFD_TEST_EXT_H */
