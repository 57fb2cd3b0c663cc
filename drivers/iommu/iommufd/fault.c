// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault queues: page requests of devices that are attached to page tables of user space.
 *
 * A group of requests has one owner at any time. The attach layer hands it over to a
 * queue. From there it is taken under the queue's lock, by the task that answers it: a
 * write, the end of its attachment, the unbind of its device, or the close of the file.
 * Reading does not take it: a task that sleeps on user memory owns none, so none of
 * those waits for user space.
 *
 * What brings a group in, in an RCU read-side critical section:
 *
 *     reader of the hardware's queue
 *       deliver()                    number it, add it, wake readers of the file
 *
 * The attach layer waits for such sections before it gives a handle back. So handle and
 * queue are there for the whole of it.
 */
#include <linux/err.h>
#include <linux/iommu-faults.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "../iommu-xarray.h"
#include "call.h"
#include "device.h"
#include "fault.h"
#include "object.h"

/**
 * struct filter - which groups of a queue
 * @handle: those of an attachment, or NULL
 * @dev: those of a device, or NULL
 */
struct filter {
	const struct iommu_attach_handle *handle;
	const struct device *dev;
};

static bool matches(const struct iopf_group *group, const struct filter *filter)
{
	return (!filter->handle || group->handle == filter->handle) &&
	       (!filter->dev || group->dev == filter->dev);
}

/* Become the owner of groups */
static void take_groups(struct iommufd_fault *fault, const struct filter *filter,
			struct list_head *taken)
{
	struct iopf_group *group, *next;

	lockdep_assert_held(&fault->queue.lock);
	list_for_each_entry_safe(group, next, &fault->queue.events, entry)
		if (matches(group, filter))
			list_move_tail(&group->entry, taken);
	list_for_each_entry_safe(group, next, &fault->read, entry) {
		if (!matches(group, filter))
			continue;
		xa_erase(&fault->by_id, group->user_id);
		list_move_tail(&group->entry, taken);
	}
}

static void refuse_groups(struct list_head *taken)
{
	struct iopf_group *group;

	while (!list_empty(taken)) {
		group = list_first_entry(taken, struct iopf_group, entry);
		list_del(&group->entry);
		iopf_group_answer(group, IOMMU_PAGE_RESP_INVALID);
		cond_resched();
	}
}

static void take_and_refuse(struct iommufd_fault *fault,
			    const struct filter *filter)
{
	LIST_HEAD(taken);

	spin_lock(&fault->queue.lock);
	take_groups(fault, filter, &taken);
	spin_unlock(&fault->queue.lock);
	refuse_groups(&taken);
}

static struct iommufd_fault_handle *
to_fault_handle(struct iommu_attach_handle *base)
{
	return container_of(base, struct iommufd_fault_handle, base);
}

static int add_group(struct iommufd_fault *fault,
		     struct iommufd_group *of_devices, struct iopf_group *group)
{
	lockdep_assert_held(&fault->queue.lock);
	if (fault->queue.closed)
		return -ENODEV;
	/* Within the lock, as iommufd_fault_forget_device() relies on it */
	group->dev_id = iommufd_group_device_id(of_devices, group->dev);
	if (!group->dev_id)
		return -ENODEV;
	group->sequence = fault->sequence++;
	list_add_tail(&group->entry, &fault->queue.events);
	return 0;
}

/* User space could not tell from which device a request is that is not bound */
static int deliver(struct iommu_attach_handle *base, struct iopf_group *group)
{
	struct iommufd_fault_handle *handle = to_fault_handle(base);
	struct iommufd_fault *fault = handle->fault;
	int err;

	spin_lock(&fault->queue.lock);
	err = add_group(fault, handle->group, group);
	spin_unlock(&fault->queue.lock);
	if (!err)
		wake_up_interruptible_poll(&fault->queue.readable,
					   EPOLLIN | EPOLLRDNORM);
	return err;
}

static void cancel(struct iommu_attach_handle *base)
{
	struct filter filter = { .handle = base };

	take_and_refuse(to_fault_handle(base)->fault, &filter);
}

static const struct iommu_fault_ops fault_ops = {
	.deliver = deliver,
	.cancel = cancel,
};

/**
 * iommufd_fault_handle_alloc() - prepare an attachment whose requests go to a queue
 * @fault: queue that the page table is a user of
 * @group: group that is to be attached
 *
 * Context: may sleep.
 * Return: a handle for the attach layer, which the caller frees with kfree() when that
 * has given it back; NULL without memory.
 */
struct iommufd_fault_handle *
iommufd_fault_handle_alloc(struct iommufd_fault *fault,
			   struct iommufd_group *group)
{
	struct iommufd_fault_handle *handle;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return NULL;
	handle->base.faults = &fault_ops;
	handle->fault = fault;
	handle->group = group;
	return handle;
}

/**
 * iommufd_fault_hides_pasid() - tell whether user space knows of a PASID
 * @group: page requests in a queue
 *
 * Context: the lock of the queue is held, so the attachment has not ended.
 * Return: true for a device that was bound by a PASID: to user space it has none.
 */
bool iommufd_fault_hides_pasid(const struct iopf_group *group)
{
	return to_fault_handle(group->handle)->group->own.pasid !=
	       IOMMU_NO_PASID;
}

/**
 * iommufd_fault_forget_device() - refuse all requests of a device
 * @fault: queue
 * @dev: device that has been taken off the list of its group: iommufd_group_device_id()
 *       does not find it any more
 *
 * Its ID may soon be that of another device.
 *
 * Context: may sleep.
 */
void iommufd_fault_forget_device(struct iommufd_fault *fault,
				 struct device *dev)
{
	struct filter filter = { .dev = dev };

	take_and_refuse(fault, &filter);
}

/**
 * iommufd_fault_close() - no task can read or answer any more
 * @fault: queue
 *
 * Answers all groups, as invalid; those that come from now on are refused at once.
 *
 * Context: may sleep.
 */
void iommufd_fault_close(struct iommufd_fault *fault)
{
	struct filter all = {};
	LIST_HEAD(taken);

	spin_lock(&fault->queue.lock);
	fault->queue.closed = true;
	take_groups(fault, &all, &taken);
	spin_unlock(&fault->queue.lock);
	refuse_groups(&taken);
}

static unsigned int length_of(const struct list_head *list)
{
	struct list_head *entry;
	unsigned int nr = 0;

	list_for_each(entry, list)
		nr++;
	return nr;
}

/**
 * iommufd_fault_fill() - tell what is in a queue
 * @fault: queue
 * @nr_waiting: set to the number of groups that wait to be read
 * @nr_read: set to the number of those that wait to be answered
 *
 * They are as many as the devices that are attached have requests outstanding, at most.
 *
 * Context: process context.
 */
void iommufd_fault_fill(struct iommufd_fault *fault, unsigned int *nr_waiting,
			unsigned int *nr_read)
{
	spin_lock(&fault->queue.lock);
	*nr_waiting = length_of(&fault->queue.events);
	*nr_read = length_of(&fault->read);
	spin_unlock(&fault->queue.lock);
}

/**
 * iommufd_fault_get() - find a fault queue for the length of a call
 * @ctx: context
 * @id: ID that user space named
 *
 * Context: any.
 * Return: the queue with a reference for iommufd_object_put(), or ERR_PTR(-ENOENT).
 */
struct iommufd_fault *iommufd_fault_get(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(ctx, id, IOMMUFD_OBJ_FAULT);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct iommufd_fault, queue.obj);
}

/**
 * iommufd_fault_alloc() - make a fault queue
 * @ctx: context
 *
 * Context: may sleep.
 * Return: a queue without a file, whose ID finds nothing yet, or ERR_PTR: -ENOMEM,
 * -EBUSY when all IDs are taken.
 */
struct iommufd_fault *iommufd_fault_alloc(struct iommufd_ctx *ctx)
{
	struct iommufd_fault *fault;

	fault = iommufd_object_alloc(ctx, sizeof(*fault), IOMMUFD_OBJ_FAULT);
	if (IS_ERR(fault))
		return fault;
	iommufd_eventq_init(&fault->queue, ctx);
	INIT_LIST_HEAD(&fault->read);
	xa_init_flags(&fault->by_id, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	return fault;
}

/**
 * iommufd_fault_destroy() - take a fault queue apart
 * @obj: its head; no page table uses it, and its file is closed
 *
 * Context: any.
 */
void iommufd_fault_destroy(struct iommufd_object *obj)
{
	struct iommufd_fault *fault =
		container_of(obj, struct iommufd_fault, queue.obj);

	WARN_ON_ONCE(!list_empty(&fault->queue.events) ||
		     !iommu_xa_is_empty(&fault->by_id));
	xa_destroy(&fault->by_id);
}
