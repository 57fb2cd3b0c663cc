/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault queues: page requests of devices for user space to answer.
 */
#ifndef __IOMMUFD_FAULT_H
#define __IOMMUFD_FAULT_H

#include <linux/iommu-pasid.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "eventq.h"

struct device;
struct iommufd_ctx;
struct iopf_group;
struct iommufd_group;

/**
 * struct iommufd_fault - a fault queue
 * @queue: what every kind of queue has; its events are groups of page requests that wait
 *         to be read
 * @read: groups that have been read and not answered
 * @by_id: ID that user space knows to each of @read. Reserved, too, for a group that is
 *         about to be read
 * @last_id: ID that was given last, so that one is not used again soon; protected by the
 *           lock of @by_id
 * @sequence: number of groups that have come
 *
 * The lock of @queue protects @read, @sequence and the entries of @by_id. A group is in
 * one of the two lists, or belongs to the task that has taken it off.
 */
struct iommufd_fault {
	struct iommufd_eventq queue;
	struct list_head read;
	struct xarray by_id;
	u32 last_id;
	u64 sequence;
};

/**
 * struct iommufd_fault_handle - an attachment whose page requests go to a fault queue
 * @base: what the attach layer knows of it
 * @fault: the queue, which the page table of the attachment is a user of
 * @group: group that is attached
 */
struct iommufd_fault_handle {
	struct iommu_attach_handle base;
	struct iommufd_fault *fault;
	struct iommufd_group *group;
};

/* fault.c */
struct iommufd_fault *iommufd_fault_alloc(struct iommufd_ctx *ctx);
void iommufd_fault_close(struct iommufd_fault *fault);
void iommufd_fault_destroy(struct iommufd_object *obj);
void iommufd_fault_fill(struct iommufd_fault *fault, unsigned int *nr_waiting,
			unsigned int *nr_read);
struct iommufd_fault *iommufd_fault_get(struct iommufd_ctx *ctx, u32 id);
struct iommufd_fault_handle *
iommufd_fault_handle_alloc(struct iommufd_fault *fault,
			   struct iommufd_group *group);
bool iommufd_fault_hides_pasid(const struct iopf_group *group);
void iommufd_fault_forget_device(struct iommufd_fault *fault,
				 struct device *dev);

#endif /* __IOMMUFD_FAULT_H */
