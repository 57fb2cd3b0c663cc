// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page requests of one device that wait for an answer.
 *
 * A device has as many entries as it may have requests outstanding, so nothing is
 * allocated when one arrives. A group has one owner at any time: the pool while
 * requests of it are missing, then the task that reports its last one, then the user
 * of the attachment that it was delivered to. The last one answers it and returns the
 * entries.
 *
 * Requests of a device are reported by one task at a time, the reader of the
 * hardware's queue. That task takes no lock: entries are taken by it alone, and come
 * back from any task (llist). Other tasks take partial groups away only after they have
 * made sure, by a grace period, that the reader does not use them.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "iommu-group.h"
#include "iopf-pool.h"

/* Ends of attachments that wait for answers, which are rare: one for all */
static DECLARE_WAIT_QUEUE_HEAD(answered);

/* What handles page requests takes mmap_lock, so waiting for it counts as that, too */
#ifdef CONFIG_LOCKDEP
static struct lockdep_map iopf_work_map =
	STATIC_LOCKDEP_MAP_INIT("iopf_work", &iopf_work_map);
#endif

/**
 * iopf_work_begin() - tell lockdep that a task begins to handle a group
 *
 * Context: any. iopf_work_end() is the counterpart.
 */
void iopf_work_begin(void)
{
	lock_map_acquire(&iopf_work_map);
}

/**
 * iopf_work_end() - undo iopf_work_begin()
 *
 * Context: any.
 */
void iopf_work_end(void)
{
	lock_map_release(&iopf_work_map);
}

/**
 * iopf_pool_alloc() - make room for the page requests of a device
 * @dev: device, in a group
 * @nr_requests: most requests that it has outstanding; at most %IOPF_POOL_MAX count
 *
 * Context: may sleep. iopf_pool_close() is the counterpart.
 * Return: the pool, charged to the caller's memory cgroup, or NULL.
 */
struct iopf_pool *iopf_pool_alloc(struct device *dev, unsigned int nr_requests)
{
	unsigned int i, nr = clamp(nr_requests, 1U, (unsigned int)IOPF_POOL_MAX);
	struct iopf_pool *pool;

	pool = kvzalloc(struct_size(pool, entries, nr), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return NULL;
	pool->dev = get_device(dev);
	pool->members = iommu_group_get(dev);
	refcount_set(&pool->users, 1);
	init_rwsem(&pool->answers);
	pool->nr_entries = nr;
	pool->keeps = dev_iommu_ops(dev)->ext && dev_iommu_ops(dev)->ext->keeps_requests;
	atomic_set(&pool->nr_free, nr);
	for (i = 0; i < nr; i++)
		llist_add(&pool->entries[i].free, &pool->free);
	return pool;
}

/**
 * iopf_pool_get() - find the pool of a device
 * @dev: device that cannot leave its group
 *
 * Context: any. iopf_pool_put() is the counterpart.
 * Return: the pool, or NULL when page requests are not enabled for @dev.
 */
struct iopf_pool *iopf_pool_get(struct device *dev)
{
	struct iopf_pool *pool;

	rcu_read_lock();
	pool = rcu_dereference(dev->iommu->iopf_pool);
	if (pool && !refcount_inc_not_zero(&pool->users))
		pool = NULL;
	rcu_read_unlock();
	return pool;
}

/**
 * iopf_pool_put() - undo iopf_pool_get()
 * @pool: pool
 *
 * Context: process context, outside RCU read-side critical sections unless the pool
 * cannot be closed.
 */
void iopf_pool_put(struct iopf_pool *pool)
{
	if (!refcount_dec_and_test(&pool->users))
		return;
	put_device(pool->dev);
	kvfree(pool);
}

/**
 * iopf_respond() - answer a page request group in hardware
 * @dev: device, which cannot leave its IOMMU
 * @req: last request of the group
 * @code: answer
 *
 * Context: any, as the driver's page_response(), which does not sleep.
 */
void iopf_respond(struct device *dev, const struct iommu_fault_page_request *req,
		  enum iommu_page_response_code code)
{
	const u32 with_pasid = IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
			       IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	const struct iommu_ops *ops = dev_iommu_ops(dev);
	struct iommu_fault_event event = {
		.fault.type	= IOMMU_FAULT_PAGE_REQ,
		.fault.prm	= *req,
	};
	struct iommu_page_response response = {
		.version	= IOMMU_PAGE_RESP_VERSION_1,
		.grpid		= req->grpid,
		.code		= code,
	};

	if ((req->flags & with_pasid) == with_pasid) {
		response.flags = IOMMU_PAGE_RESP_PASID_VALID;
		response.pasid = req->pasid;
	}
	if (ops->page_response(dev, &event, &response))
		dev_warn_ratelimited(dev, "page request cannot be answered\n");
}

static void free_entry(struct iopf_pool *pool, struct iopf_entry *entry)
{
	entry->kept = false;
	llist_add(&entry->free, &pool->free);
	/* Pairs with the read in take_entry(): counted entries are in the list */
	smp_mb__before_atomic();
	atomic_inc(&pool->nr_free);
}

/* Other devices of a group have pools of their own, where a handle has other counts */
static atomic_t *held_by(struct iopf_pool *pool,
			 const struct iommu_attach_handle *handle)
{
	return &pool->held[hash_ptr(handle, IOPF_SHARES_LOG2)];
}

/*
 * Give the entries of a group back, and its references. Neither group nor handle
 * may be accessed afterwards: the handle's user may be waiting for just that.
 */
static void release_group(struct iopf_group *group)
{
	struct iommu_attach_handle *handle = group->handle;
	unsigned int nr_faults = group->nr_faults;
	struct iopf_pool *pool = group->pool;
	struct device *dev = group->dev;
	struct iopf_entry *entry, *next;
	LIST_HEAD(faults);

	/* The group is part of one of the entries */
	atomic_sub(nr_faults, held_by(pool, handle));
	list_splice(&group->faults, &faults);
	list_for_each_entry_safe(entry, next, &faults, fault.list)
		free_entry(pool, entry);
	put_device(dev);
	if (atomic_sub_and_test(nr_faults, &handle->nr_faults) &&
	    wq_has_sleeper(&answered))
		wake_up_all(&answered);
	iopf_pool_put(pool);
}

/**
 * iopf_group_answer() - answer a group and give it up
 * @group: group that the caller owns
 * @code: answer. Failure, which would stop the page requests of the function and of
 *        all that share its resources, is sent as invalid
 *
 * A device that has been reset or removed meanwhile has forgotten the group, and is
 * not told, unless the IOMMU has kept the access. Then this is the answer of a group from
 * before a reset, too, and the removal has sent one.
 *
 * Context: process context; may sleep.
 */
void iopf_group_answer(struct iopf_group *group,
		       enum iommu_page_response_code code)
{
	struct iopf_pool *pool = group->pool;
	struct iopf_entry *entry;
	struct iopf_fault *last;

	if (code == IOMMU_PAGE_RESP_FAILURE)
		code = IOMMU_PAGE_RESP_INVALID;
	last = list_last_entry(&group->faults, struct iopf_fault, list);
	entry = container_of(last, struct iopf_entry, fault);
	down_read(&pool->answers);
	if (!pool->closed && (pool->keeps || group->era == pool->era))
		iopf_respond(group->dev, &last->req, code);
	entry->kept = false;
	up_read(&pool->answers);
	release_group(group);
}
EXPORT_SYMBOL_GPL(iopf_group_answer);

/**
 * iopf_group_drop() - give up a group without telling the device
 * @group: group that the caller owns
 *
 * Context: does not sleep; the pool cannot be closed.
 */
void iopf_group_drop(struct iopf_group *group)
{
	release_group(group);
}

/*
 * Whether an attachment may have one more of @nr_free entries. It gets no more than what
 * is left for the others, so that one that is not answered cannot take the room of all.
 * A group that is the only one of its attachment may grow beyond that, until one entry
 * is left for each of the others. An attachment that is alone may use the whole pool,
 * and so may 6.1's sva_bind(), which had no bound.
 */
static bool has_share(struct iopf_pool *pool, struct iommu_attach_handle *handle,
		      unsigned int nr_in_group, unsigned int nr_free)
{
	unsigned int nr_handles = READ_ONCE(pool->members->nr_fault_handles);
	unsigned int others, held;

	if (nr_handles < 2 || !handle->domain)
		return nr_free;
	others = min(nr_handles - 1, pool->nr_entries / 2);
	held = atomic_read(held_by(pool, handle));
	return held < nr_free || (held == nr_in_group && nr_free > others);
}

static struct iopf_entry *take_entry(struct iopf_pool *pool,
				     struct iommu_attach_handle *handle,
				     unsigned int nr_in_group)
{
	unsigned int nr_free = atomic_read_acquire(&pool->nr_free);

	if (!has_share(pool, handle, nr_in_group, nr_free))
		return NULL;
	atomic_dec(&pool->nr_free);
	atomic_inc(held_by(pool, handle));
	atomic_inc(&handle->nr_faults);
	return llist_entry(llist_del_first(&pool->free), struct iopf_entry, free);
}

static struct iopf_group *open_group(struct iopf_pool *pool,
				     struct iopf_entry *entry,
				     struct iommu_attach_handle *handle)
{
	struct iopf_group *group = &entry->group;

	refcount_inc(&pool->users);
	memset(group, 0, sizeof(*group));
	/* Tasks that look for partial groups read it without a lock */
	WRITE_ONCE(group->handle, handle);
	group->dev = get_device(pool->dev);
	INIT_LIST_HEAD(&group->faults);
	INIT_LIST_HEAD(&group->entry);
	group->pool = pool;
	group->era = pool->era;
	return group;
}

/* Entry of the partial group that a request belongs to, or @nr_entries */
static unsigned int find_partial(struct iopf_pool *pool,
				 const struct iommu_attach_handle *handle,
				 const struct iommu_fault_page_request *req)
{
	struct iopf_entry *entry;
	unsigned int i;

	for_each_set_bit(i, pool->partial, pool->nr_entries) {
		entry = &pool->entries[i];
		if (READ_ONCE(entry->group.handle) == handle &&
		    entry->fault.req.grpid == req->grpid)
			return i;
	}
	return pool->nr_entries;
}

static const struct iommu_attach_handle **
refused_slot(struct iopf_pool *pool, const struct iommu_fault_page_request *req)
{
	return &pool->refused[req->grpid % IOPF_NR_GROUP_INDEXES];
}

/* A request of a group that has no room: none of the group is kept */
static void refuse(struct iopf_pool *pool, unsigned int partial,
		   const struct iommu_attach_handle *handle,
		   const struct iommu_fault_page_request *req)
{
	const struct iommu_attach_handle **refused = refused_slot(pool, req);

	if (partial < pool->nr_entries) {
		clear_bit(partial, pool->partial);
		iopf_group_drop(&pool->entries[partial].group);
	}
	if (!(req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE))
		WRITE_ONCE(*refused, handle);
	else if (READ_ONCE(*refused) == handle)
		WRITE_ONCE(*refused, NULL);
	dev_warn_ratelimited(pool->dev,
			     "too many page requests without an answer: refused\n");
}

/**
 * iopf_pool_add() - keep a page request until its group is answered
 * @pool: pool of the device
 * @handle: attachment that the request is made under
 * @req: request; copied
 *
 * Context: RCU read-side critical section in which @pool and @handle have been found;
 * calls for one pool are serialised. Does not sleep or allocate.
 * Return: the group, which is the caller's if @req is its last request and the
 * pool's otherwise; ERR_PTR(-ENOSPC) when there is no room for all of the group.
 */
struct iopf_group *iopf_pool_add(struct iopf_pool *pool,
				 struct iommu_attach_handle *handle,
				 const struct iommu_fault_page_request *req)
{
	bool last = req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	unsigned int i = find_partial(pool, handle, req);
	struct iopf_entry *entry = NULL;
	struct iopf_group *group = NULL;

	if (i < pool->nr_entries)
		group = &pool->entries[i].group;
	if (READ_ONCE(*refused_slot(pool, req)) != handle)
		entry = take_entry(pool, handle, group ? group->nr_faults : 0);
	if (!entry) {
		refuse(pool, i, handle, req);
		return ERR_PTR(-ENOSPC);
	}
	entry->fault.req = *req;
	entry->kept = pool->keeps;
	if (!group) {
		group = open_group(pool, entry, handle);
		i = entry - pool->entries;
	}
	list_add_tail(&entry->fault.list, &group->faults);
	group->nr_faults++;
	/* Pairs with the address dependency in discard_locked(): the group is complete */
	smp_mb__before_atomic();
	if (last)
		clear_bit(i, pool->partial);
	else
		set_bit(i, pool->partial);
	return group;
}

static void discard_locked(struct iopf_pool *pool,
			   const struct iommu_attach_handle *handle)
{
	struct iopf_group *group;
	unsigned int i;

	for_each_set_bit(i, pool->partial, pool->nr_entries) {
		group = &pool->entries[i].group;
		if (handle && READ_ONCE(group->handle) != handle)
			continue;
		clear_bit(i, pool->partial);
		iopf_group_drop(group);
	}
	for (i = 0; i < IOPF_NR_GROUP_INDEXES; i++)
		if (!handle)
			WRITE_ONCE(pool->refused[i], NULL);
		else
			cmpxchg(&pool->refused[i], handle, NULL);
}

/**
 * iopf_pool_discard() - drop groups whose last request has not come, or will not
 * @pool: pool that the caller has a reference to
 * @handle: attachment that they belong to
 *
 * Context: may sleep. The reader of the hardware's queue adds no request to such groups.
 */
void iopf_pool_discard(struct iopf_pool *pool,
		       const struct iommu_attach_handle *handle)
{
	down_write(&pool->answers);
	discard_locked(pool, handle);
	up_write(&pool->answers);
}

/**
 * iopf_pool_lost() - last requests of a device have been lost
 * @pool: pool of the device
 *
 * Context: may sleep. Called by the reader of the hardware's queue.
 */
void iopf_pool_lost(struct iopf_pool *pool)
{
	down_write(&pool->answers);
	discard_locked(pool, NULL);
	up_write(&pool->answers);
}

/**
 * iopf_pool_forget() - the device forgets its page requests
 * @pool: pool that is quiet, and whose reader has seen that
 *
 * Context: may sleep.
 */
void iopf_pool_forget(struct iopf_pool *pool)
{
	down_write(&pool->answers);
	pool->era++;
	discard_locked(pool, NULL);
	up_write(&pool->answers);
}

/* No answer comes later that the hardware would get */
static void end_kept(struct iopf_pool *pool)
{
	struct iopf_entry *entry;
	unsigned int i;

	for (i = 0; i < pool->nr_entries; i++) {
		entry = &pool->entries[i];
		if (entry->kept)
			iopf_respond(pool->dev, &entry->fault.req,
				     IOMMU_PAGE_RESP_INVALID);
		entry->kept = false;
	}
}

/**
 * iopf_pool_close() - undo iopf_pool_alloc()
 * @pool: pool that no task finds any more
 *
 * Groups that have been delivered keep the memory, until they are answered. Where the IOMMU
 * keeps their accesses, those are answered as invalid now.
 *
 * Context: may sleep.
 */
void iopf_pool_close(struct iopf_pool *pool)
{
	down_write(&pool->answers);
	pool->closed = true;
	discard_locked(pool, NULL);
	end_kept(pool);
	up_write(&pool->answers);
	iommu_group_put(pool->members);
	iopf_pool_put(pool);
}

/**
 * iopf_wait_answered() - wait for the answers to all groups of an attachment
 * @handle: attachment that nothing is added for any more
 *
 * Context: may sleep for as long as a page fault can, so the caller holds nothing that
 * the handling of page faults waits for: no mmap_lock, no &struct iommu_group.mutex.
 */
void iopf_wait_answered(struct iommu_attach_handle *handle)
{
	iopf_work_begin();
	wait_event(answered, !atomic_read(&handle->nr_faults));
	iopf_work_end();
}
