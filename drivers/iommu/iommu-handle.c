// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach handles: which attachment of a group gets the page requests of a device.
 *
 * The requester ID of a group and each of its PASIDs have a pointer to the handle of
 * their attachment, if that takes page requests. The reader of the hardware's queue
 * follows it by RCU. It is set before the hardware can use the attachment, and cleared
 * when it no longer does.
 *
 * The end of an attachment, in this order:
 *
 *     under group->mutex    switch or block in hardware
 *                           clear the pointer
 *                           let the driver report what its queue has: invalid now
 *     without it            wait for readers that have seen the pointer
 *                           drop groups whose last request has not come
 *                           let the user answer what it holds, and wait for that
 *
 * Then the handle is its user's again.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include "iommu-attach.h"
#include "iommu-group.h"
#include "iopf-pool.h"

static bool takes_faults(const struct iommu_attach_handle *handle)
{
	return handle && handle->faults;
}

/* Have the driver make a pool for the device. What it says is not "does not fit" */
static int enable_device(struct device *dev)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;
	int err = -EOPNOTSUPP;

	if (ext && ext->enable_faults)
		err = ext->enable_faults(dev);
	return err == -EINVAL ? -EOPNOTSUPP : err;
}

/* Does nothing if they are not enabled */
static void disable_device(struct device *dev)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;

	if (ext && ext->disable_faults &&
	    rcu_access_pointer(dev->iommu->iopf_pool))
		ext->disable_faults(dev);
}

/* A device that is being reset is disabled at the end of the reset */
static void disable_group(struct iommu_group *group)
{
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list)
		if (iommu_device_pasids_follow(member))
			disable_device(member->dev);
}

static int enable_group(struct iommu_group *group)
{
	struct group_device *member;
	int err;

	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_usable(member->dev))
			continue;
		err = enable_device(member->dev);
		if (err)
			goto err_disable;
	}
	return 0;

err_disable:
	list_for_each_entry_continue_reverse(member, &group->devices, list)
		if (iommu_device_usable(member->dev))
			disable_device(member->dev);
	return err;
}

static void count_handle(struct iommu_group *group, int change)
{
	WRITE_ONCE(group->nr_fault_handles, group->nr_fault_handles + change);
}

/*
 * Prepare a handle that takes page requests for an attachment to @domain. Without one
 * it is for what a driver has attached, and has enabled on its own.
 */
static int init_handle(struct iommu_group *group,
		       struct iommu_attach_handle *handle,
		       struct iommu_domain *domain)
{
	int err;

	if (domain && !group->nr_fault_handles) {
		err = enable_group(group);
		if (err)
			return err;
	}
	handle->domain = domain;
	atomic_set(&handle->nr_faults, 0);
	if (domain)
		count_handle(group, 1);
	return 0;
}

/* Have the requests that the hardware has taken in reported, for all devices */
static void drain_group(struct iommu_group *group)
{
	const struct iommu_ops_ext *ext;
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_pasids_follow(member))
			continue;
		ext = dev_iommu_ops(member->dev)->ext;
		if (ext && ext->drain_faults)
			ext->drain_faults(member->dev);
	}
}

/**
 * iommu_handle_begin() - deliver to the handle of an attachment that is being made
 * @group: group
 * @slot: its pointer for the requester ID or the PASID
 * @handle: handle, or NULL
 * @domain: domain that the attachment is to; NULL when a driver makes it on its own, as
 *          6.1's sva_bind() does, and has enabled page requests if there are any
 * @old: set to the handle that the slot had
 *
 * The first handle of a group that takes page requests enables them for its devices.
 * Requests that are reported while the hardware changes over go to the new one, if that
 * takes any.
 *
 * Context: &struct iommu_group.mutex is held; may sleep. To be called before the
 * hardware can use the attachment, and after all that may refuse it without touching
 * the hardware. iommu_handle_end() is the counterpart.
 * Return: 0; -EOPNOTSUPP when @handle takes page requests and the driver has none;
 * the driver's error.
 */
int iommu_handle_begin(struct iommu_group *group,
		       struct iommu_attach_handle __rcu **slot,
		       struct iommu_attach_handle *handle,
		       struct iommu_domain *domain,
		       struct iommu_attach_handle **old)
{
	int err;

	*old = rcu_dereference_protected(*slot, lockdep_is_held(&group->mutex));
	if (!takes_faults(handle) || handle == *old)
		return 0;
	err = init_handle(group, handle, domain);
	if (err)
		return err;
	rcu_assign_pointer(*slot, handle);
	return 0;
}

/* The hardware does not use the attachment any more, and no pointer is to the handle */
static struct iommu_attach_handle *withdraw(struct iommu_group *group,
					    struct iommu_attach_handle *handle)
{
	if (handle)
		drain_group(group);
	return handle;
}

/**
 * iommu_handle_end() - the hardware has changed over to an attachment, or has not
 * @group: group
 * @slot: as for iommu_handle_begin()
 * @handle: as it was there
 * @domain: as it was there
 * @old: what that has set
 * @err: why the attachment could not be made, or 0
 *
 * Context: &struct iommu_group.mutex is held; may sleep, for as long as it takes to
 * report what the hardware's queue has.
 * Return: the handle of the two that is not used any more, for iommu_handle_finish(), if
 * page requests may have been delivered to it; else NULL.
 */
struct iommu_attach_handle *
iommu_handle_end(struct iommu_group *group,
		 struct iommu_attach_handle __rcu **slot,
		 struct iommu_attach_handle *handle, struct iommu_domain *domain,
		 struct iommu_attach_handle *old, int err)
{
	struct iommu_attach_handle *new = takes_faults(handle) ? handle : NULL;

	lockdep_assert_held(&group->mutex);
	rcu_assign_pointer(*slot, err ? old : new);
	if (handle && !err)
		handle->domain = domain;
	if (new == old)
		return NULL;
	return withdraw(group, err ? new : old);
}

/**
 * iommu_handle_clear() - deliver nothing more to the handle of an attachment
 * @group: group
 * @slot: its pointer for the requester ID or the PASID, which is on no domain of a
 *        user any more
 *
 * Context: as iommu_handle_end(), or no other task can find @group.
 * Return: as iommu_handle_end().
 */
struct iommu_attach_handle *
iommu_handle_clear(struct iommu_group *group,
		   struct iommu_attach_handle __rcu **slot)
{
	struct iommu_attach_handle *old;

	/* Under the mutex, or of a group that no task can find any more */
	old = rcu_dereference_protected(*slot, true);
	RCU_INIT_POINTER(*slot, NULL);
	return withdraw(group, old);
}

static void discard_group(struct iommu_group *group,
			  struct iommu_attach_handle *handle)
{
	struct group_device *member;
	struct iopf_pool *pool;

	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_usable(member->dev))
			continue;
		pool = iopf_pool_get(member->dev);
		if (!pool)
			continue;
		iopf_pool_discard(pool, handle);
		iopf_pool_put(pool);
	}
}

static void uncount_handle(struct iommu_group *group,
			   struct iommu_attach_handle *handle)
{
	if (!handle->domain)
		return;
	count_handle(group, -1);
	if (!group->nr_fault_handles)
		disable_group(group);
}

/**
 * iommu_handle_abandon() - end the use of a handle whose user has left it behind
 * @group: group
 * @handle: what iommu_handle_clear() has returned
 *
 * Groups of page requests that have been delivered are not waited for.
 *
 * Context: &struct iommu_group.mutex is held, or no other task can find @group; may
 * sleep.
 */
void iommu_handle_abandon(struct iommu_group *group,
			  struct iommu_attach_handle *handle)
{
	if (!handle)
		return;
	synchronize_rcu();
	discard_group(group, handle);
	uncount_handle(group, handle);
}

/**
 * iommu_handle_finish() - end the use of a handle
 * @group: group, to which the caller has a reference
 * @handle: what iommu_handle_end() or iommu_handle_clear() has returned
 *
 * Waits until each group of page requests that was delivered to @handle has been
 * answered.
 *
 * Context: takes &struct iommu_group.mutex; may sleep for as long as a page fault can,
 * so the caller holds nothing that the handling of page faults waits for.
 */
void iommu_handle_finish(struct iommu_group *group,
			 struct iommu_attach_handle *handle)
{
	lockdep_assert_not_held(&group->mutex);
	if (!handle)
		return;
	/*
	 * Readers that have found the handle have added their request, or refused it.
	 * Many attachments may end one after the other, and their user waits.
	 */
	synchronize_rcu_expedited();
	mutex_lock(&group->mutex);
	discard_group(group, handle);
	mutex_unlock(&group->mutex);

	if (handle->faults->cancel)
		handle->faults->cancel(handle);
	iopf_wait_answered(handle);

	mutex_lock(&group->mutex);
	uncount_handle(group, handle);
	handle->domain = NULL;
	mutex_unlock(&group->mutex);
}

/**
 * iommu_handle_find() - find the attachment that a page request is made under
 * @group: group of the device
 * @req: page request
 *
 * Context: RCU read-side critical section, in which the handle may be used.
 * Return: a handle that takes page requests, or NULL.
 */
struct iommu_attach_handle *
iommu_handle_find(struct iommu_group *group,
		  const struct iommu_fault_page_request *req)
{
	struct iommu_attach_handle *handle = NULL;
	struct iommu_pasid *point;

	if (req->flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) {
		point = xa_load(&group->pasids, req->pasid);
		if (point)
			handle = rcu_dereference(point->handle);
	} else {
		handle = rcu_dereference(group->handle);
	}
	return handle;
}

/**
 * iommu_device_join_faults() - enable page requests for a new device of a group
 * @group: group
 * @dev: device that joins it
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; -EOPNOTSUPP or the driver's error when an attachment of the group takes
 * page requests and @dev has none.
 */
int iommu_device_join_faults(struct iommu_group *group, struct device *dev)
{
	lockdep_assert_held(&group->mutex);
	return group->nr_fault_handles ? enable_device(dev) : 0;
}

/**
 * iommu_device_leave_faults() - undo iommu_device_join_faults()
 * @group: group
 * @dev: device that is not on any domain of a user
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 */
void iommu_device_leave_faults(struct iommu_group *group, struct device *dev)
{
	lockdep_assert_held(&group->mutex);
	disable_device(dev);
}

/**
 * iommu_device_quiet_faults() - a device is about to forget its page requests
 * @group: group
 * @dev: device, which is blocked, or at least its PASIDs are
 * @quiet: whether a reset begins; it has ended otherwise
 *
 * Until the reset has ended all its requests are dropped. Groups that have been
 * delivered are answered as usual, but the device is not told: it would take the
 * answer for that to a later group. An IOMMU that keeps the accesses is told of all
 * (&struct iommu_ops_ext.keeps_requests).
 *
 * Context: &struct iommu_group.mutex is held; may sleep, does not allocate and does not
 * wait for the handling of page requests.
 */
void iommu_device_quiet_faults(struct iommu_group *group, struct device *dev,
			       bool quiet)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;
	struct iopf_pool *pool = iopf_pool_get(dev);

	if (!pool)
		return;
	if (quiet)
		WRITE_ONCE(pool->quiet, true);
	if (ext && ext->drain_faults)
		ext->drain_faults(dev);
	if (quiet) {
		synchronize_rcu();
		iopf_pool_forget(pool);
	} else {
		WRITE_ONCE(pool->quiet, false);
		if (!group->nr_fault_handles)
			disable_device(dev);
	}
	iopf_pool_put(pool);
}
