// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which domains the PASIDs of a group are on.
 *
 * Each PASID of a group is an attach point of its own, beside the requester ID:
 * it keeps its domain while the requester ID is blocked, detached or moved. A
 * change is a transaction as it is there: afterwards all devices of the group have
 * the PASID on the new domain, or all of them on the old one.
 *
 * A PASID that is on no domain is blocked. Drivers with PASIDs have a static
 * blocked domain whose set_dev_pasid() takes a PASID off, which cannot fail. So
 * there always is a way back, and nothing that the hardware may still walk is
 * freed: a device that cannot go back to its old domain is blocked, and its PASID
 * is called stranded until an attach works again.
 *
 * Everything that is not exported runs under &struct iommu_group.mutex, unless it says
 * otherwise. A PASID without a domain is not this layer's to change: its driver has
 * attached it in a way of its own, or its page requests are being answered.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "iommu-attach.h"
#include "iommu-group.h"

static DECLARE_IOASID_SET(global_pasids);

/* Domain that takes PASIDs off; the device is one that has PASIDs */
static struct iommu_domain *off_domain_of(struct device *dev)
{
	return dev_iommu_ops(dev)->ext->blocked_domain;
}

/* Put a PASID of one device on @new, from @old as far as is known here */
static int set_device(struct device *dev, ioasid_t pasid,
		      struct iommu_domain *new, struct iommu_domain *old)
{
	return new->ops->set_dev_pasid(new, dev, pasid, old);
}

/* Take a PASID of one device off all domains */
static void block_device(struct device *dev, ioasid_t pasid,
			 struct iommu_domain *old)
{
	if (!set_device(dev, pasid, off_domain_of(dev), old))
		return;
	iommu_domain_keep_forever(old);
	dev_err(dev, "cannot take PASID %u off: its domain is leaked\n", pasid);
}

/*
 * Undo a move from @old to @new that failed at @failed, the last one tried, which
 * may be on either of them or on none. Returns whether all are where they were.
 */
static bool go_back(struct iommu_group *group, ioasid_t pasid,
		    struct group_device *failed, struct iommu_domain *old,
		    struct iommu_domain *new)
{
	struct group_device *member;
	bool complete = true;

	list_for_each_entry(member, &group->devices, list) {
		if (iommu_device_pasids_follow(member) &&
		    (!old || set_device(member->dev, pasid, old, new))) {
			block_device(member->dev, pasid, new);
			/* Where it was on none, that is where it belongs */
			complete &= !old;
		}
		if (member == failed)
			break;
	}
	return complete;
}

/* Move a PASID of all devices, from nothing if its domain is NULL */
static int move_pasid(struct iommu_group *group, ioasid_t pasid,
		      struct iommu_pasid *point, struct iommu_domain *new)
{
	struct iommu_domain *old = point->domain;
	struct group_device *member;
	int err;

	if (old == new && !point->stranded)
		return 0;
	iommu_domains_lock(old, new);
	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_pasids_follow(member))
			continue;
		err = set_device(member->dev, pasid, new, old);
		if (err)
			goto err_go_back;
	}
	iommu_domain_add_point(new);
	point->domain = new;
	point->stranded = false;
	iommu_domain_remove_point(old);
	iommu_domains_unlock(old, new);
	return 0;

err_go_back:
	if (!go_back(group, pasid, member, old, new)) {
		point->stranded = true;
		iommu_group_err(group,
				"PASID of devices blocked by a change that failed");
	}
	iommu_domains_unlock(old, new);
	return err;
}

/* A device is being reset: its configuration cannot be read, and its PASIDs are blocked */
static bool group_is_reset(struct iommu_group *group)
{
	struct group_device *member;

	lockdep_assert_held(&iommu_resets_lock);
	list_for_each_entry(member, &group->devices, list)
		if (iommu_device_usable(member->dev) &&
		    (member->pasids_quiet || member->dev->iommu->resets))
			return true;
	return false;
}

/*
 * Count a PASID that is about to be attached, unless a device is being reset. The lock
 * orders this with count_reset(): one of the two sees the other.
 */
static int count_pasid(struct iommu_group *group)
{
	bool reset;

	lockdep_assert_held(&group->mutex);
	spin_lock(&iommu_resets_lock);
	reset = group_is_reset(group);
	group->nr_pasids += !reset;
	spin_unlock(&iommu_resets_lock);
	return reset ? -EBUSY : 0;
}

static void uncount_pasid(unsigned int *nr)
{
	spin_lock(&iommu_resets_lock);
	(*nr)--;
	spin_unlock(&iommu_resets_lock);
}

/**
 * iommu_group_pasids_heed_resets() - tell whether PASIDs are blocked in resets
 * @group: group without an owner
 *
 * So they are in a group with PASIDs that are on domains, or have been and whose page
 * requests are not answered yet, unless the IOMMU's driver has attached one itself. That
 * driver's sva_bind() and sva_unbind() wait for mmap_lock within the mutex of the group,
 * for which a reset then must not wait.
 *
 * Context: iommu_resets_lock or &struct iommu_group.mutex is held.
 * Return: true if so.
 */
bool iommu_group_pasids_heed_resets(struct iommu_group *group)
{
	return group->nr_pasids && !group->nr_driver_pasids;
}

static void forget_pasid(struct iommu_group *group, ioasid_t pasid,
			 struct iommu_pasid *point)
{
	xa_erase(&group->pasids, pasid);
	uncount_pasid(point->of_driver ? &group->nr_driver_pasids :
					 &group->nr_pasids);
	kfree_rcu(point, rcu);
}

/* Take a PASID off its domain, in hardware */
static void leave_pasid_domain(struct iommu_group *group, ioasid_t pasid,
			       struct iommu_pasid *point)
{
	struct iommu_domain *old = point->domain;
	struct group_device *member;

	iommu_domains_lock(old, NULL);
	list_for_each_entry(member, &group->devices, list)
		if (iommu_device_pasids_follow(member))
			block_device(member->dev, pasid, old);
	iommu_domains_unlock(old, NULL);
	point->domain = NULL;
	iommu_domain_remove_point(old);
}

/*
 * Forget a PASID that is on no domain. If page requests may have been delivered to its
 * handle, keep the number until they are answered: returns the handle that
 * finish_pasid() is to be called with after the mutex is released, or NULL.
 */
static struct iommu_attach_handle *end_pasid(struct iommu_group *group,
					     ioasid_t pasid,
					     struct iommu_pasid *point)
{
	struct iommu_attach_handle *handle;

	handle = iommu_handle_clear(group, &point->handle);
	if (!handle)
		forget_pasid(group, pasid, point);
	return handle;
}

/* The mutex is not held */
static void finish_pasid(struct iommu_group *group, ioasid_t pasid,
			 struct iommu_attach_handle *handle)
{
	if (!handle)
		return;
	iommu_handle_finish(group, handle);
	mutex_lock(&group->mutex);
	forget_pasid(group, pasid, xa_load(&group->pasids, pasid));
	mutex_unlock(&group->mutex);
}

/* Tell whether a device can have a PASID on a domain. No side effects */
static int device_takes_pasid(struct iommu_group *group, struct device *dev,
			      ioasid_t pasid, struct iommu_domain *domain)
{
	if (!iommu_device_has_pasid_entries(dev) || !domain->ops->set_dev_pasid)
		return -EOPNOTSUPP;
	/* Its entries are those of the crashed kernel, until the DMA API is used */
	if (iommu_is_attach_deferred(dev))
		return -EBUSY;
	/* To the IOMMU, PASIDs of devices that share a requester ID are the same */
	if (pasid >> iommu_device_pasid_bits(dev) ||
	    iommu_device_shares_id(group, dev))
		return -EINVAL;
	return iommu_device_fits_domain(dev, domain, pasid);
}

/* The same of all devices, before any of them is touched */
static int group_takes_pasid(struct iommu_group *group, ioasid_t pasid,
			     struct iommu_domain *domain)
{
	struct group_device *member;
	int err = -ENODEV;

	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_usable(member->dev))
			continue;
		err = device_takes_pasid(group, member->dev, pasid, domain);
		if (err)
			return err;
	}
	return err;
}

/*
 * Put a PASID on a domain. The pointer to the handle is set before the hardware can
 * use the PASID. @finish: handle for finish_pasid(), after an attach that failed when
 * page requests may have come already.
 */
static int attach_locked(struct iommu_group *group, ioasid_t pasid,
			 struct iommu_pasid *point, struct iommu_domain *domain,
			 struct iommu_attach_handle *handle,
			 struct iommu_attach_handle **finish)
{
	struct iommu_attach_handle *none;
	int err;

	/* From now on a reset waits for the mutex before it begins */
	err = count_pasid(group);
	if (err)
		goto err_free;
	err = group_takes_pasid(group, pasid, domain);
	if (err)
		goto err_uncount;
	err = xa_insert(&group->pasids, pasid, point, GFP_KERNEL_ACCOUNT);
	if (err)
		goto err_uncount;
	err = iommu_handle_begin(group, &point->handle, handle, domain, &none);
	if (err)
		goto err_forget;
	err = move_pasid(group, pasid, point, domain);
	*finish = iommu_handle_end(group, &point->handle, handle, domain, none,
				   err);
	if (!err || *finish)
		return err;

err_forget:
	forget_pasid(group, pasid, point);
	return err;
err_uncount:
	uncount_pasid(&group->nr_pasids);
err_free:
	kfree(point);
	return err;
}

/* @by_owner: the caller is the owner of the group, otherwise the driver of @dev */
static int attach_pasid(struct device *dev, ioasid_t pasid,
			struct iommu_domain *domain,
			struct iommu_attach_handle *handle, bool by_owner)
{
	struct iommu_attach_handle *finish = NULL;
	struct iommu_group *group;
	struct iommu_pasid *point;
	int err = 0;

	if (pasid == IOMMU_NO_PASID || pasid > IOMMU_PASID_MAX)
		return -EINVAL;
	group = iommu_group_get(dev);
	if (!group)
		return -ENODEV;
	point = kzalloc(sizeof(*point), GFP_KERNEL_ACCOUNT);
	if (!point) {
		err = -ENOMEM;
		goto out_put;
	}
	mutex_lock(&group->mutex);
	if (!iommu_device_usable(dev))
		err = -ENODEV;
	else if (!!group->owner != by_owner || !group->owner_cnt)
		err = -EPERM;
	if (err)
		kfree(point);
	else
		err = attach_locked(group, pasid, point, domain, handle, &finish);
	mutex_unlock(&group->mutex);
	finish_pasid(group, pasid, finish);
out_put:
	iommu_group_put(group);
	return err;
}

/**
 * iommu_attach_device_pasid() - put a PASID of a device on a domain
 * @domain: domain
 * @dev: device; the PASID of its whole group goes with it
 * @pasid: from 1 to %IOMMU_PASID_MAX
 * @handle: what the caller keeps for the attachment, or NULL; lasts until
 *          iommu_detach_device_pasid() returns
 *
 * For the driver that is bound to @dev. The requester ID stays where it is: on the
 * default domain, usually, so that the DMA API works as before.
 *
 * Context: takes &struct iommu_group.mutex; may sleep. Not to be called under the
 * device_lock() of another device. With a handle that takes page requests, the caller
 * holds nothing that the handling of page faults waits for.
 * Return: 0; -EINVAL when @pasid is 0, is wider than one of the devices has it, or
 * when a device does not fit @domain or shares its requester ID with another;
 * -EOPNOTSUPP when the driver of the IOMMU, or @domain, has no PASIDs, or @handle takes
 * page requests that the driver does not have; -ENODEV without a group or an IOMMU;
 * -EPERM when user space owns the group, or no driver is bound; -EBUSY when the PASID is
 * attached, page requests of its last attachment are not answered yet, a device of the
 * group is being reset, or its first attach is deferred (kdump); -ENOMEM; the driver's
 * error.
 * On any error nothing has changed.
 */
int iommu_attach_device_pasid(struct iommu_domain *domain, struct device *dev,
			      ioasid_t pasid, struct iommu_attach_handle *handle)
{
	return attach_pasid(dev, pasid, domain, handle, false);
}
EXPORT_SYMBOL_GPL(iommu_attach_device_pasid);

/**
 * iommu_owner_attach_pasid() - put a PASID of an owned device on a domain
 * @domain: domain
 * @dev: device whose DMA the caller owns
 * @pasid: from 1 to %IOMMU_PASID_MAX
 * @handle: as for iommu_attach_device_pasid()
 *
 * Context: as iommu_attach_device_pasid(), but not to be called under any device_lock().
 * Return: as iommu_attach_device_pasid(), but for -EPERM when the group has no
 * owner.
 */
int iommu_owner_attach_pasid(struct iommu_domain *domain, struct device *dev,
			     ioasid_t pasid, struct iommu_attach_handle *handle)
{
	return attach_pasid(dev, pasid, domain, handle, true);
}
EXPORT_SYMBOL_NS_GPL(iommu_owner_attach_pasid, IOMMUFD_INTERNAL);

/* @loser: handle for iommu_handle_finish(), once the mutex is released */
static int replace_locked(struct iommu_group *group, ioasid_t pasid,
			  struct iommu_pasid *point, struct iommu_domain *domain,
			  struct iommu_attach_handle *handle,
			  struct iommu_attach_handle **loser)
{
	struct iommu_attach_handle *old;
	bool reset;
	int err;

	spin_lock(&iommu_resets_lock);
	reset = group_is_reset(group);
	spin_unlock(&iommu_resets_lock);
	if (reset)
		return -EBUSY;
	err = group_takes_pasid(group, pasid, domain);
	if (err)
		return err;
	err = iommu_handle_begin(group, &point->handle, handle, domain, &old);
	if (err)
		return err;
	err = move_pasid(group, pasid, point, domain);
	*loser = iommu_handle_end(group, &point->handle, handle, domain, old, err);
	return err;
}

/**
 * iommu_replace_device_pasid() - move a PASID from one domain to another
 * @domain: domain to go to
 * @dev: device
 * @pasid: PASID that is attached
 * @handle: what the caller keeps for the new attachment, or NULL; that of the old
 *          one is the caller's again
 *
 * Goes straight from one domain to the other, as far as the hardware can. Page
 * requests that the old handle has not answered become invalid; those that come while
 * the hardware changes over are delivered to the new one.
 *
 * Context: takes &struct iommu_group.mutex; may sleep. Not to be called under a
 * device_lock(). With handles that take page requests, the caller holds nothing that
 * the handling of page faults waits for.
 * Return: 0; -EINVAL when @pasid is not attached; -EBUSY while a device is being
 * reset, or the PASID is being detached; otherwise what iommu_attach_device_pasid()
 * returns for a domain and devices that do not fit. On any error all devices have the
 * PASID where it was, or blocked if even that failed, and the old handle stays.
 */
int iommu_replace_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid,
			       struct iommu_attach_handle *handle)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_attach_handle *loser = NULL;
	struct iommu_pasid *point;
	int err = -EINVAL;

	if (!group)
		return -ENODEV;
	mutex_lock(&group->mutex);
	point = xa_load(&group->pasids, pasid);
	if (point && !point->domain)
		err = -EBUSY;
	else if (point)
		err = replace_locked(group, pasid, point, domain, handle, &loser);
	mutex_unlock(&group->mutex);
	iommu_handle_finish(group, loser);
	iommu_group_put(group);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommu_replace_device_pasid, IOMMUFD_INTERNAL);

/**
 * iommu_group_detach_pasid() - take a PASID of a group off a domain
 * @group: group, to which the caller has a reference; its devices may have left
 * @domain: domain that it is on; another one changes nothing
 * @pasid: PASID
 *
 * Context: as iommu_detach_device_pasid().
 */
void iommu_group_detach_pasid(struct iommu_group *group,
			      struct iommu_domain *domain, ioasid_t pasid)
{
	struct iommu_attach_handle *finish = NULL;
	struct iommu_pasid *point;

	mutex_lock(&group->mutex);
	point = xa_load(&group->pasids, pasid);
	if (domain && point && point->domain == domain) {
		leave_pasid_domain(group, pasid, point);
		finish = end_pasid(group, pasid, point);
	} else {
		iommu_group_err(group,
				"PASID to detach is not on the domain: ignored");
	}
	mutex_unlock(&group->mutex);
	finish_pasid(group, pasid, finish);
}

/**
 * iommu_detach_device_pasid() - take a PASID of a device off a domain
 * @domain: domain that it is on; another one changes nothing
 * @dev: device
 * @pasid: PASID
 *
 * Blocks the PASID. The requester ID stays where it is. Page requests of the PASID are
 * answered when this returns.
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate. With a handle
 * that takes page requests, the caller holds nothing that the handling of page faults
 * waits for.
 */
void iommu_detach_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid)
{
	struct iommu_group *group = iommu_group_get(dev);

	if (!group) {
		iommu_group_err(NULL, "PASID to detach has no group: ignored");
		return;
	}
	iommu_group_detach_pasid(group, domain, pasid);
	iommu_group_put(group);
}
EXPORT_SYMBOL_GPL(iommu_detach_device_pasid);

/**
 * iommu_get_domain_for_dev_pasid() - find the domain that a PASID is on
 * @dev: device
 * @pasid: PASID
 * @type: type that the domain has to be of, or 0 for any
 *
 * Context: takes &struct iommu_group.mutex; may sleep. The answer is good for as
 * long as the caller keeps the PASID on it.
 * Return: the domain; NULL when it is on none; ERR_PTR(-EBUSY) for one of another
 * type; ERR_PTR(-EINVAL) when @pasid is 0 or no PASID.
 */
struct iommu_domain *iommu_get_domain_for_dev_pasid(struct device *dev,
						    ioasid_t pasid,
						    unsigned int type)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_domain *domain = NULL;
	struct iommu_pasid *point;

	if (pasid == IOMMU_NO_PASID || pasid > IOMMU_PASID_MAX)
		domain = ERR_PTR(-EINVAL);
	if (!group)
		return domain;
	mutex_lock(&group->mutex);
	point = xa_load(&group->pasids, pasid);
	if (point)
		domain = point->domain;
	if (domain && type && domain->type != type)
		domain = ERR_PTR(-EBUSY);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
	return domain;
}
EXPORT_SYMBOL_GPL(iommu_get_domain_for_dev_pasid);

/**
 * iommu_group_begin_driver_pasid() - a driver is about to attach a PASID itself
 * @group: group
 *
 * For 6.1's sva_bind(), which waits for mmap_lock within the mutex of the group. From
 * now on resets do not take that mutex, until the PASID is forgotten: iommu-reset.c.
 *
 * Context: &struct iommu_group.mutex is held. iommu_group_add_driver_pasid() or
 * iommu_group_cancel_driver_pasid() follows.
 * Return: 0; -EBUSY while a reset takes the mutex, or has blocked PASIDs of the group.
 */
int iommu_group_begin_driver_pasid(struct iommu_group *group)
{
	bool reset;

	lockdep_assert_held(&group->mutex);
	spin_lock(&iommu_resets_lock);
	reset = group->nr_reset_waits || group->nr_pasids_quiet;
	group->nr_driver_pasids += !reset;
	spin_unlock(&iommu_resets_lock);
	return reset ? -EBUSY : 0;
}

/**
 * iommu_group_cancel_driver_pasid() - undo iommu_group_begin_driver_pasid()
 * @group: group, in which the driver has not attached the PASID, or has taken it off
 *
 * Context: &struct iommu_group.mutex is held.
 */
void iommu_group_cancel_driver_pasid(struct iommu_group *group)
{
	uncount_pasid(&group->nr_driver_pasids);
}

/**
 * iommu_group_add_driver_pasid() - reserve a PASID that a driver has attached itself
 * @group: group, after iommu_group_begin_driver_pasid()
 * @pasid: PASID, not 0
 * @handle: gets the page requests of the PASID
 *
 * No other call of this layer takes or changes the PASID.
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; -EBUSY when the PASID is attached; -ENOMEM.
 */
int iommu_group_add_driver_pasid(struct iommu_group *group, ioasid_t pasid,
				 struct iommu_attach_handle *handle)
{
	struct iommu_attach_handle *none;
	struct iommu_pasid *point;
	int err;

	lockdep_assert_held(&group->mutex);
	point = kzalloc(sizeof(*point), GFP_KERNEL_ACCOUNT);
	if (!point)
		return -ENOMEM;
	point->of_driver = true;
	err = xa_insert(&group->pasids, pasid, point, GFP_KERNEL_ACCOUNT);
	if (err)
		goto err_free;
	return iommu_handle_begin(group, &point->handle, handle, NULL, &none);

err_free:
	kfree(point);
	return err;
}

/**
 * iommu_group_remove_driver_pasid() - forget a PASID that a driver has taken off
 * @group: group, to which the caller has a reference
 * @pasid: PASID
 *
 * Undoes iommu_group_begin_driver_pasid() and iommu_group_add_driver_pasid(). Page
 * requests of the PASID are answered when this returns.
 *
 * Context: takes &struct iommu_group.mutex; may sleep. The caller holds nothing that the
 * handling of page faults waits for.
 */
void iommu_group_remove_driver_pasid(struct iommu_group *group, ioasid_t pasid)
{
	struct iommu_attach_handle *finish;

	mutex_lock(&group->mutex);
	finish = end_pasid(group, pasid, xa_load(&group->pasids, pasid));
	mutex_unlock(&group->mutex);
	finish_pasid(group, pasid, finish);
}

/**
 * iommu_alloc_global_pasid() - allocate a PASID that no other device uses
 * @dev: device that it has to be narrow enough for
 *
 * SVA allocates from the same numbers, so no process uses this one either.
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: a PASID for iommu_free_global_pasid(), or %IOMMU_PASID_INVALID when @dev
 * has none, all are in use, or there is no memory.
 */
ioasid_t iommu_alloc_global_pasid(struct device *dev)
{
	unsigned int bits = iommu_device_pasid_bits(dev);

	if (!bits)
		return IOMMU_PASID_INVALID;
	return ioasid_alloc(&global_pasids, IOMMU_NO_PASID + 1, BIT(bits) - 1,
			    NULL);
}
EXPORT_SYMBOL_GPL(iommu_alloc_global_pasid);

/**
 * iommu_free_global_pasid() - undo iommu_alloc_global_pasid()
 * @pasid: PASID that is attached nowhere, or %IOMMU_PASID_INVALID
 *
 * Context: may sleep.
 */
void iommu_free_global_pasid(ioasid_t pasid)
{
	if (pasid != IOMMU_PASID_INVALID)
		ioasid_free(pasid);
}
EXPORT_SYMBOL_GPL(iommu_free_global_pasid);

/**
 * iommu_group_init_pasids() - a new group
 * @group: group that no other task can find
 *
 * Context: any.
 */
void iommu_group_init_pasids(struct iommu_group *group)
{
	xa_init_flags(&group->pasids, XA_FLAGS_ACCOUNT);
}

/**
 * iommu_group_has_pasids() - tell whether any PASID of a group is attached
 * @group: group
 *
 * Context: &struct iommu_group.mutex is held.
 * Return: true if so.
 */
bool iommu_group_has_pasids(struct iommu_group *group)
{
	/* Nodes without an entry are left where there was no memory for all */
	return group->nr_pasids || group->nr_driver_pasids;
}

/**
 * iommu_group_drop_pasids() - take off what a user of a group has left attached
 * @group: group whose user is gone
 *
 * Writes a line to the log for each. Page requests that have been delivered
 * are not waited for.
 *
 * Context: &struct iommu_group.mutex is held, or as iommu_group_free_pasids(); may sleep,
 * does not allocate.
 */
void iommu_group_drop_pasids(struct iommu_group *group)
{
	struct iommu_attach_handle *handle;
	struct iommu_pasid *point;
	unsigned long pasid;

	xa_for_each(&group->pasids, pasid, point) {
		if (!point->domain)
			continue;
		iommu_group_err(group, "given back with a PASID attached: detached");
		leave_pasid_domain(group, pasid, point);
		handle = end_pasid(group, pasid, point);
		if (!handle)
			continue;
		iommu_handle_abandon(group, handle);
		forget_pasid(group, pasid, point);
	}
}

/**
 * iommu_group_free_pasids() - a group goes
 * @group: group that no other task can find
 *
 * Context: may sleep.
 */
void iommu_group_free_pasids(struct iommu_group *group)
{
	iommu_group_drop_pasids(group);
	xa_destroy(&group->pasids);
}

/* Take a PASID of one device off the domain of its group */
static void take_pasid(struct device *dev, ioasid_t pasid,
		       struct iommu_domain *domain)
{
	iommu_domains_lock(domain, NULL);
	block_device(dev, pasid, domain);
	iommu_domains_unlock(domain, NULL);
}

/**
 * iommu_device_block_pasids() - take all PASIDs off one device
 * @group: its group, whose PASIDs stay on their domains
 * @dev: device that is about to be reset, or to leave
 *
 * Context: &struct iommu_group.mutex is held; may sleep, does not allocate.
 */
void iommu_device_block_pasids(struct iommu_group *group, struct device *dev)
{
	struct iommu_pasid *point;
	unsigned long pasid;

	lockdep_assert_held(&group->mutex);
	xa_for_each(&group->pasids, pasid, point) {
		if (point->domain)
			take_pasid(dev, pasid, point->domain);
		cond_resched();
	}
}

/* Put a PASID of one device on the domain of its group, or block it */
static int give_pasid(struct device *dev, ioasid_t pasid,
		      struct iommu_domain *domain)
{
	int err;

	iommu_domains_lock(domain, NULL);
	err = set_device(dev, pasid, domain, NULL);
	if (err)
		block_device(dev, pasid, domain);
	iommu_domains_unlock(domain, NULL);
	return err;
}

/**
 * iommu_device_restore_pasids() - undo iommu_device_block_pasids()
 * @group: group
 * @dev: device that has been reset
 *
 * A PASID whose domain cannot be attached stays blocked on this device until
 * something is attached to it, and the log says so.
 *
 * Context: &struct iommu_group.mutex is held; may sleep, does not allocate.
 */
void iommu_device_restore_pasids(struct iommu_group *group, struct device *dev)
{
	struct iommu_pasid *point;
	unsigned long pasid;

	lockdep_assert_held(&group->mutex);
	xa_for_each(&group->pasids, pasid, point) {
		cond_resched();
		if (!point->domain || !give_pasid(dev, pasid, point->domain))
			continue;
		point->stranded = true;
		iommu_group_err(group,
				"PASID of a device stays blocked after its reset");
	}
}

/**
 * iommu_device_takes_pasids() - can a new device have the PASIDs of its group?
 * @group: group
 * @dev: device, already in the group's list
 *
 * Has no side effect.
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; -EINVAL, -EOPNOTSUPP or -EBUSY when @dev cannot have one of them, as
 * iommu_attach_device_pasid().
 */
int iommu_device_takes_pasids(struct iommu_group *group, struct device *dev)
{
	struct iommu_pasid *point;
	unsigned long pasid;
	int err;

	xa_for_each(&group->pasids, pasid, point) {
		if (!point->domain)
			continue;
		err = device_takes_pasid(group, dev, pasid, point->domain);
		if (err)
			return err;
	}
	return 0;
}

/**
 * iommu_device_join_pasids() - give a new device the PASIDs of its group
 * @group: group
 * @dev: device that iommu_device_takes_pasids() accepts
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0, or the driver's error, with none of them left on @dev.
 */
int iommu_device_join_pasids(struct iommu_group *group, struct device *dev)
{
	struct iommu_pasid *point;
	unsigned long pasid, last;
	int err = 0;

	lockdep_assert_held(&group->mutex);
	xa_for_each(&group->pasids, pasid, point) {
		if (point->domain)
			err = give_pasid(dev, pasid, point->domain);
		if (err)
			break;
	}
	if (!err)
		return 0;
	last = pasid;
	xa_for_each(&group->pasids, pasid, point) {
		if (pasid == last)
			break;
		if (point->domain)
			take_pasid(dev, pasid, point->domain);
	}
	return err;
}
