/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock IOMMU: a bus of its own, devices without hardware, and a driver whose page
 * tables are read by tests.
 *
 * The bus has the driver as its iommu_ops and nothing is registered with the core,
 * so the mock does not conflict with the machine's IOMMU.
 */
#ifndef __MOCK_IOMMU_H
#define __MOCK_IOMMU_H

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/iommu-viommu.h>
#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "iommufd_test_ext.h"
#include "mock/pgtable.h"

/**
 * struct mock_answers - how groups of page requests of a device were answered
 * @nr_success: number of those whose pages are there
 * @nr_invalid: of those whose pages will not be
 * @nr_other: of answers that no device should get
 * @last_pasid: PASID of the last one
 * @last_grpid: number of the last one
 */
struct mock_answers {
	u32 nr_success;
	u32 nr_invalid;
	u32 nr_other;
	u32 last_pasid;
	u32 last_grpid;
};

/**
 * struct mock_dev - a device behind the mock IOMMU
 * @dev: head
 * @id: number in its name
 * @flags: mask of MOCK_FLAGS_DEVICE_* and MOCK_EXT_DEVICE_*, which tell which
 *         IOMMU it is behind
 * @peer: while the device is being made: device whose group it joins, or NULL
 * @domain: domain that its DMA goes through; NULL before probe_device() and after
 *          release_device(). Changes under the lock of its IOMMU group
 * @viommu: virtual IOMMU that @domain belongs to, or NULL; changes with @domain
 * @pasids: PASID to the domain that it is on
 * @reader: mutex: held while a page request is reported
 * @answers_lock: spinlock that protects @answers
 * @answers: to its page requests
 * @cache: words that stand for a cache of the device
 */
struct mock_dev {
	struct device dev;
	int id;
	u32 flags;
	struct mock_dev *peer;
	struct iommu_domain *domain;
	struct iommu_viommu *viommu;
	struct xarray pasids;
	struct mutex reader;
	spinlock_t answers_lock;
	struct mock_answers answers;
	u32 cache[MOCK_DEV_CACHE_NUM];
};

/**
 * struct mock_domain - page table that the kernel fills
 * @domain: head
 * @pt: the table
 * @flags: mask of IOMMU_ALLOC_*
 * @logs_dirty: writes are logged
 * @unfinished: has no page sizes and no bounds before it is attached
 * @trusting: accepts snooping and devices that other page tables refuse
 * @reset_in_fill: device that is reset when the first page is mapped, or NULL
 * @nr_users: devices that translate through it, and domains nested in it
 * @nr_snoopless: devices that translate through it, or through a domain nested
 *                in it, whose IOMMU cannot make them snoop
 */
struct mock_domain {
	struct iommu_domain domain;
	struct mock_pgtable pt;
	u32 flags;
	bool logs_dirty;
	bool unfinished;
	bool trusting;
	struct mock_dev *reset_in_fill;
	atomic_t nr_users;
	atomic_t nr_snoopless;
};

/**
 * struct mock_nested - page table that user space keeps
 * @domain: head
 * @parent: page table that translates its addresses
 * @viommu: virtual IOMMU that it belongs to, or NULL
 * @iotlb: cached words, which an invalidation sets to 0
 * @nr_users: devices that translate through it
 */
struct mock_nested {
	struct iommu_domain domain;
	struct mock_domain *parent;
	struct iommu_viommu *viommu;
	u32 iotlb[MOCK_NESTED_DOMAIN_IOTLB_NUM];
	atomic_t nr_users;
};

/**
 * struct mock_viommu - part of the mock IOMMU that a guest has
 * @base: head
 * @page: first of the pages that can be mapped, or NULL
 * @offset: where they can be mapped
 * @queues: those that there are
 */
struct mock_viommu {
	struct iommu_viommu base;
	struct page *page;
	u64 offset;
	struct iommu_hw_queue *queues[IOMMU_TEST_HW_QUEUE_MAX];
};

int mock_iommu_init(void);
void mock_iommu_exit(void);

struct mock_dev *mock_dev_create(u32 flags, struct mock_dev *peer);
void mock_dev_destroy(struct mock_dev *mdev);
struct mock_dev *mock_dev_of(struct device *dev);
bool mock_dev_is_blocked(struct mock_dev *mdev);

/* iopf.c */
int mock_enable_faults(struct device *dev);
void mock_disable_faults(struct device *dev);
void mock_drain_faults(struct device *dev);
int mock_page_response(struct device *dev, struct iommu_fault_event *evt,
		       struct iommu_page_response *response);
void mock_dev_request(struct mock_dev *mdev,
		      const struct iommu_fault_page_request *req);

/* viommu.c */
int mock_viommu_init(struct iommu_viommu *viommu, struct device *dev,
		     struct iommu_user_blob *blob);
void mock_viommu_destroy(struct iommu_viommu *viommu);
int mock_viommu_invalidate(struct iommu_viommu *viommu,
			   struct iommu_user_array *array);
size_t mock_viommu_event_bytes(struct iommu_viommu *viommu, u32 type);
size_t mock_viommu_queue_bytes(struct iommu_viommu *viommu, u32 type);
int mock_viommu_init_queue(struct iommu_hw_queue *queue);
void mock_viommu_destroy_queue(struct iommu_hw_queue *queue);

/* iommu.c */
struct mock_domain *mock_domain_of(struct iommu_domain *domain);
struct mock_nested *mock_nested_of(struct iommu_domain *domain);

#endif /* __MOCK_IOMMU_H */
