/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page requests of devices: what an attachment does with them.
 *
 * A device asks for pages that its page table does not have, in groups; each group
 * gets one answer. A group is delivered to the attachment, of a requester ID or of a
 * PASID, that it was made under.
 */
#ifndef __LINUX_IOMMU_FAULTS_H
#define __LINUX_IOMMU_FAULTS_H

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/workqueue.h>

struct device;
struct iommu_attach_handle;
struct iopf_group;
struct iopf_pool;

/**
 * struct iommu_fault_ops - what the user of an attachment does with page requests
 * @deliver: take over a group. The callee owns it until it calls
 *           iopf_group_answer(), which it has to do once. Called in an RCU read-side
 *           critical section, by the task that reads the hardware's queue: it does
 *           not sleep. On an error the group stays the caller's, and the device is
 *           told that it is invalid
 * @cancel: the attachment has ended, and nothing is delivered any more: answer the
 *          groups that no task works on. Those that a task does work on are waited
 *          for. May sleep. Optional
 */
struct iommu_fault_ops {
	int (*deliver)(struct iommu_attach_handle *handle,
		       struct iopf_group *group);
	void (*cancel)(struct iommu_attach_handle *handle);
};

/**
 * struct iopf_fault - a page request
 * @req: as the driver has reported it; its flags are the kernel's, not those of a
 *       user ABI
 * @list: entry of &struct iopf_group.faults
 */
struct iopf_fault {
	struct iommu_fault_page_request req;
	struct list_head list;
};

/**
 * struct iopf_group - page requests that a device wants one answer to
 * @handle: attachment that they were made under
 * @dev: device; a reference is held
 * @faults: the requests in the order of their arrival, as &struct iopf_fault.list
 * @nr_faults: number of them, at least 1
 * @entry: for the owner of the group, as those up to @sequence
 * @work: as @entry
 * @dev_id: as @entry; the number of the device there
 * @user_id: as @entry; the number of the group there
 * @sequence: as @entry; which of two groups came first
 * @pool: what the group is part of
 * @era: resets of the device before it
 */
struct iopf_group {
	struct iommu_attach_handle *handle;
	struct device *dev;
	struct list_head faults;
	unsigned int nr_faults;
	struct list_head entry;
	struct work_struct work;
	u32 dev_id;
	u32 user_id;
	u64 sequence;
	/* private: drivers/iommu/iopf-pool.c */
	struct iopf_pool *pool;
	unsigned int era;
};

/* drivers/iommu/iopf-pool.c */
void iopf_group_answer(struct iopf_group *group,
		       enum iommu_page_response_code code);

#endif /* __LINUX_IOMMU_FAULTS_H */
