// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests as drivers of IOMMUs report them: what the hardware's queue is to the
 * core, and which way a request takes.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iommu-attach.h"
#include "iommu-sva-lib.h"
#include "iopf-pool.h"

/**
 * struct iopf_queue - hardware that reports page requests
 * @wq: where groups are handled that a process's page tables are for
 * @pools: devices, by &struct iopf_pool.queue_entry
 * @lock: protects @pools
 */
struct iopf_queue {
	struct workqueue_struct *wq;
	struct list_head pools;
	struct mutex lock;
};

/* Give a request to the attachment that it is made under. Returns whether that took it */
static bool take_request(struct iopf_pool *pool,
			 const struct iommu_fault_page_request *req)
{
	struct iommu_attach_handle *handle = iommu_handle_find(pool->members, req);
	struct iopf_group *group;

	if (!handle)
		return false;
	group = iopf_pool_add(pool, handle, req);
	if (IS_ERR(group))
		return false;
	if (!(req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE))
		return true;
	if (!handle->faults->deliver(handle, group))
		return true;
	iopf_group_drop(group);
	return false;
}

/*
 * In an RCU read-side critical section, which keeps the device from being released
 * until the answer is out
 */
static int report(struct device *dev, const struct iommu_fault_page_request *req)
{
	struct dev_iommu *param = READ_ONCE(dev->iommu);
	struct iopf_pool *pool;

	pool = param ? rcu_dereference(param->iopf_pool) : NULL;
	if (!pool)
		return -ENODEV;
	/* The device is about to forget it, which an IOMMU that keeps the access does not */
	if (READ_ONCE(pool->quiet)) {
		if (pool->keeps)
			iopf_respond(dev, req, IOMMU_PAGE_RESP_INVALID);
		return 0;
	}
	if (!take_request(pool, req) &&
	    req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		iopf_respond(dev, req, IOMMU_PAGE_RESP_INVALID);
	return 0;
}

/**
 * iommu_report_device_fault() - pass on a fault that a device has met
 * @dev: device, which is not released meanwhile
 * @evt: fault; copied
 *
 * A page request goes to the attachment of its PASID, or of the requester ID. If
 * there is none, or too many of its requests wait for an answer already, the group is
 * answered here as invalid when its last request comes. Requests of a device that is
 * being reset are dropped, as it forgets them; those that the IOMMU keeps are answered as
 * invalid.
 *
 * Context: process context. Takes no lock, does not allocate, and does not sleep. Calls
 * for one device are serialised.
 * Return: 0; -EOPNOTSUPP for faults that are no page requests; -ENODEV when they are not
 * enabled for @dev. On an error the driver has to answer.
 */
int iommu_report_device_fault(struct device *dev, struct iommu_fault_event *evt)
{
	int err;

	if (evt->fault.type != IOMMU_FAULT_PAGE_REQ)
		return -EOPNOTSUPP;
	rcu_read_lock();
	err = report(dev, &evt->fault.prm);
	rcu_read_unlock();
	return err;
}
EXPORT_SYMBOL_GPL(iommu_report_device_fault);

/**
 * iopf_group_queue_work() - have a group handled by a kernel thread
 * @group: group whose work is initialised; it belongs to the work from now on
 *
 * Context: any.
 */
void iopf_group_queue_work(struct iopf_group *group)
{
	queue_work(group->pool->queue->wq, &group->work);
}

/**
 * iopf_queue_discard_partial() - the hardware's queue has overflowed
 * @queue: queue
 *
 * Last requests of groups may be lost: the groups that wait for one are dropped.
 *
 * Context: may sleep. Called by the task that reports the queue's requests.
 * Return: 0; -EINVAL without @queue.
 */
int iopf_queue_discard_partial(struct iopf_queue *queue)
{
	struct iopf_pool *pool;

	if (!queue)
		return -EINVAL;
	mutex_lock(&queue->lock);
	list_for_each_entry(pool, &queue->pools, queue_entry)
		iopf_pool_lost(pool);
	mutex_unlock(&queue->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(iopf_queue_discard_partial);

/**
 * iopf_queue_add_device() - enable page requests for a device
 * @queue: hardware that reports them
 * @dev: device, in its group
 * @nr_requests: most requests that it has outstanding: the allocation of its page
 *               request interface, or the stalls that the IOMMU can have
 *
 * Context: may sleep. Not concurrently with another call for @dev.
 * Return: 0; -ENODEV without an IOMMU or a group; -EBUSY when they are enabled; -ENOMEM.
 */
int iopf_queue_add_device(struct iopf_queue *queue, struct device *dev,
			  unsigned int nr_requests)
{
	struct iopf_pool *pool;
	int err = -EBUSY;

	if (!dev->iommu || !dev->iommu_group)
		return -ENODEV;
	pool = iopf_pool_alloc(dev, nr_requests);
	if (!pool)
		return -ENOMEM;
	pool->queue = queue;
	mutex_lock(&queue->lock);
	if (!rcu_access_pointer(dev->iommu->iopf_pool)) {
		list_add(&pool->queue_entry, &queue->pools);
		rcu_assign_pointer(dev->iommu->iopf_pool, pool);
		err = 0;
	}
	mutex_unlock(&queue->lock);
	if (err)
		iopf_pool_close(pool);
	return err;
}
EXPORT_SYMBOL_GPL(iopf_queue_add_device);

/**
 * iopf_queue_remove_device() - undo iopf_queue_add_device()
 * @queue: queue
 * @dev: device
 *
 * Groups of @dev that have been delivered are answered as usual, but not in hardware.
 * Requests that the IOMMU keeps are answered there now.
 *
 * Context: may sleep. The hardware reports no more requests of @dev.
 * Return: 0; -EINVAL when page requests of @dev are not enabled with @queue.
 */
int iopf_queue_remove_device(struct iopf_queue *queue, struct device *dev)
{
	struct iopf_pool *pool = NULL;

	if (!dev->iommu || !queue)
		return -EINVAL;
	mutex_lock(&queue->lock);
	pool = rcu_dereference_protected(dev->iommu->iopf_pool,
					 lockdep_is_held(&queue->lock));
	if (pool && pool->queue == queue) {
		list_del(&pool->queue_entry);
		RCU_INIT_POINTER(dev->iommu->iopf_pool, NULL);
	} else {
		pool = NULL;
	}
	mutex_unlock(&queue->lock);
	if (!pool)
		return -EINVAL;
	synchronize_rcu();
	iopf_pool_close(pool);
	return 0;
}
EXPORT_SYMBOL_GPL(iopf_queue_remove_device);

/**
 * iopf_queue_alloc() - make a queue
 * @name: name of the hardware, for the threads that handle its requests
 *
 * Context: may sleep. iopf_queue_free() is the counterpart.
 * Return: the queue, or NULL when out of memory.
 */
struct iopf_queue *iopf_queue_alloc(const char *name)
{
	struct iopf_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return NULL;
	queue->wq = alloc_workqueue("iopf_queue/%s", WQ_UNBOUND, 0, name);
	if (!queue->wq)
		goto err_free;
	INIT_LIST_HEAD(&queue->pools);
	mutex_init(&queue->lock);
	return queue;

err_free:
	kfree(queue);
	return NULL;
}
EXPORT_SYMBOL_GPL(iopf_queue_alloc);

/**
 * iopf_queue_free() - undo iopf_queue_alloc()
 * @queue: queue that reports nothing any more, or NULL
 *
 * Context: may sleep. No device is added or removed meanwhile.
 */
void iopf_queue_free(struct iopf_queue *queue)
{
	struct iopf_pool *pool, *next;

	if (!queue)
		return;
	list_for_each_entry_safe(pool, next, &queue->pools, queue_entry)
		iopf_queue_remove_device(queue, pool->dev);
	destroy_workqueue(queue->wq);
	kfree(queue);
}
EXPORT_SYMBOL_GPL(iopf_queue_free);
