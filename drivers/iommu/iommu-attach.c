// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which domain the devices of a group are on.
 *
 * A group has one domain, and a change of it is a transaction: afterwards all
 * of its devices are on the new domain, or all of them are on the old one.
 * Documentation/driver-api/iommu-attach.rst has the model, the states and the
 * lock order.
 *
 * What drivers are expected to do, and what is done when they do not:
 *
 * - attach_dev() that fails may leave the device on the old domain, on none or
 *   on the new one. The failing device is therefore put back like all others.
 * - attach_dev() of the domain that the device was on before should succeed.
 *   If it fails, the device is put on a blocked domain and is called stranded
 *   until an attach succeeds again; the domain that it could not return to is
 *   never freed.
 * - attach_dev() of a static blocked domain cannot fail.
 * - attach_dev(), detach_dev() and release_device() may run while other tasks map,
 *   unmap and flush in the domains concerned. The core excludes these calls for
 *   drivers that do not declare it (&struct iommu_ops_ext.concurrent_attach).
 *
 * A domain counts the attach points that are on it. One count that is never dropped
 * represents a device that may still use the domain although its group has moved
 * on: iommu_domain_free() leaks a domain that hardware may walk.
 */
#include <linux/device.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <trace/events/iommu.h>

#include "dma-iommu.h"
#include "iommu-attach.h"
#include "iommu-group.h"

/*
 * Protects what a reset must see in one state with a claim or an attach of a PASID: the
 * number of resets of a device; the owner of its group and the numbers of PASIDs of the
 * group; and the pointer from the device to the group. Innermost.
 */
DEFINE_SPINLOCK(iommu_resets_lock);

/* Attaches that wait for the end of resets, which are rare: one for all groups */
static DECLARE_WAIT_QUEUE_HEAD(quiet_ends);

static void begin_quiet(struct iommu_group *group, struct group_device *member)
{
	lockdep_assert_held(&group->mutex);
	member->quiet = true;
	WRITE_ONCE(group->nr_quiet, group->nr_quiet + 1);
}

static void begin_pasids_quiet(struct iommu_group *group,
			       struct group_device *member)
{
	lockdep_assert_held(&group->mutex);
	member->pasids_quiet = true;
	WRITE_ONCE(group->nr_pasids_quiet, group->nr_pasids_quiet + 1);
}

/* The device follows its group again, or leaves it */
static void end_quiet(struct iommu_group *group, struct group_device *member)
{
	lockdep_assert_held(&group->mutex);
	if (member->quiet)
		WRITE_ONCE(group->nr_quiet, group->nr_quiet - 1);
	if (member->pasids_quiet)
		WRITE_ONCE(group->nr_pasids_quiet, group->nr_pasids_quiet - 1);
	member->quiet = false;
	member->pasids_quiet = false;
	iommu_resets_wake();
}

/**
 * iommu_resets_wake() - a reset has ended
 *
 * Lets tasks that wait for the end of resets look again.
 *
 * Context: any.
 */
void iommu_resets_wake(void)
{
	/* Pairs with the barrier of a task that is about to sleep */
	if (wq_has_sleeper(&quiet_ends))
		wake_up_all(&quiet_ends);
}

/**
 * iommu_group_wait_at_rest() - wait until no device of a group is quiet
 * @group: group
 *
 * Context: may sleep; &struct iommu_group.mutex is not held.
 * Return: 0, or -EINTR when the caller is killed.
 */
int iommu_group_wait_at_rest(struct iommu_group *group)
{
	if (wait_event_killable(quiet_ends, !READ_ONCE(group->nr_quiet)))
		return -EINTR;
	return 0;
}

static bool pasids_at_rest(struct iommu_group *group, struct device *dev)
{
	return !READ_ONCE(group->nr_pasids_quiet) &&
	       !(dev->iommu && READ_ONCE(dev->iommu->resets));
}

/**
 * iommu_device_wait_at_rest() - wait until PASIDs of a device can be attached, too
 * @group: group
 * @dev: device of it, which must not leave it
 *
 * Context: as iommu_group_wait_at_rest().
 * Return: 0, or -EINTR when the caller is killed.
 */
int iommu_device_wait_at_rest(struct iommu_group *group, struct device *dev)
{
	if (wait_event_killable(quiet_ends, pasids_at_rest(group, dev)))
		return -EINTR;
	return 0;
}

/**
 * iommu_group_lock_at_rest() - lock a group that has no quiet device
 * @group: group
 *
 * The caller must look at the group again: it may have changed during the wait.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: 0 with the mutex held, or -EINTR when the caller is killed.
 */
int iommu_group_lock_at_rest(struct iommu_group *group)
{
	int err;

	for (;;) {
		mutex_lock(&group->mutex);
		if (!group->nr_quiet)
			return 0;
		mutex_unlock(&group->mutex);
		err = iommu_group_wait_at_rest(group);
		if (err)
			return err;
	}
}

/**
 * iommu_group_record_domain() - record the domain that a group is on
 * @group: group
 * @domain: domain, or NULL for what the platform does without one
 *
 * Says nothing to the hardware.
 *
 * Context: &struct iommu_group.mutex is held, or @group is not published yet.
 */
void iommu_group_record_domain(struct iommu_group *group,
			       struct iommu_domain *domain)
{
	struct iommu_domain *old = group->domain;

	iommu_domain_add_point(domain);
	/* iommu_get_domain_for_dev() reads this without the lock */
	WRITE_ONCE(group->domain, domain);
	iommu_domain_remove_point(old);
}

/**
 * __iommu_attach_device() - put one device on a domain
 * @domain: domain
 * @dev: device that iommu_device_usable() accepts
 *
 * Context: &struct iommu_group.mutex is held, except for deferred attaches,
 * which come before the device has any other user.
 * Return: 0; -ENODEV when @domain cannot be attached; the driver's error.
 */
int __iommu_attach_device(struct iommu_domain *domain, struct device *dev)
{
	int err;

	if (!domain->ops->attach_dev)
		return -ENODEV;

	err = domain->ops->attach_dev(domain, dev);
	if (err)
		return err;

	dev->iommu->stranded = false;
	trace_attach_device_to_domain(dev);
	return 0;
}

/*
 * Return a device to the DMA that the platform provides without a domain. The
 * caller has checked that the driver has detach_dev().
 */
static void detach_device(struct iommu_domain *domain, struct device *dev)
{
	if (iommu_is_attach_deferred(dev))
		return;

	domain->ops->detach_dev(domain, dev);
	dev->iommu->stranded = false;
	trace_detach_device_from_domain(dev);
}

/*
 * 6.1's VT-d driver refused user domains, and with them the dynamic blocking
 * domain, for devices whose firmware keeps using regions that must stay mapped
 * 1:1. AMD and Arm SMMU drivers never did, and their users rely on that.
 */
static bool must_stay_mapped(struct device *dev)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;

	return dev->iommu->require_direct && ext && ext->direct_blocks_owner;
}

/**
 * iommu_group_may_block() - tell whether the DMA of a group may be stopped
 * @group: group
 *
 * Context: &struct iommu_group.mutex is held.
 * Return: 0, or -EPERM when firmware needs the DMA of one of the devices.
 */
int iommu_group_may_block(struct iommu_group *group)
{
	struct group_device *member;

	lockdep_assert_held(&group->mutex);
	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_usable(member->dev) ||
		    !must_stay_mapped(member->dev))
			continue;
		dev_warn_ratelimited(member->dev,
				     "firmware requires 1:1 mappings; device cannot be assigned to user space\n");
		return -EPERM;
	}
	return 0;
}

/* Domain to stop the DMA of one device with, or NULL. Never allocates */
static struct iommu_domain *blocked_domain_of(struct iommu_group *group,
					      struct device *dev)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;

	if (must_stay_mapped(dev))
		return NULL;
	if (ext && ext->blocked_domain)
		return ext->blocked_domain;
	return group->blocking_domain;
}

/*
 * A device could not be brought back to @old after an attempt to move it to
 * @new. Stop its DMA if possible, and keep every table that it may still walk
 * from being freed.
 */
static void strand_device(struct iommu_group *group, struct device *dev,
			  struct iommu_domain *old, struct iommu_domain *new)
{
	struct iommu_domain *blocked = blocked_domain_of(group, dev);
	int err = -ENODEV;

	if (blocked && blocked != old && blocked->ops->attach_dev)
		err = blocked->ops->attach_dev(blocked, dev);

	dev->iommu->stranded = true;
	/* After an earlier failure to return to @old, which already keeps it */
	if (new != old) {
		iommu_domain_keep_forever(old);
		if (err)
			iommu_domain_keep_forever(new);
	}
	dev_err(dev, "cannot return to its domain after a failed attach: %s\n",
		err ? "DMA not stopped, remove the device" :
		      "DMA blocked until the next attach");
}

/* Return whether @dev is on @old again */
static bool restore_device(struct iommu_group *group, struct device *dev,
			   struct iommu_domain *old, struct iommu_domain *new,
			   bool failed)
{
	if (old && !__iommu_attach_device(old, dev))
		return true;

	/*
	 * Without a domain to return to, detach_dev() is the only way back, and
	 * drivers do not expect it for a device that they have not attached.
	 */
	if (!old && failed)
		return true;
	if (!old && new->ops->detach_dev) {
		detach_device(new, dev);
		return true;
	}

	strand_device(group, dev, old, new);
	return false;
}

/* Undo a switch from @old to @new that failed at @failed, the last one tried */
static void group_go_back(struct iommu_group *group,
			  struct group_device *failed,
			  struct iommu_domain *old, struct iommu_domain *new)
{
	struct group_device *member;
	bool complete = true;

	list_for_each_entry(member, &group->devices, list) {
		if (iommu_device_follows_group(member))
			complete &= restore_device(group, member->dev, old,
						   new, member == failed);
		if (member == failed)
			break;
	}
	if (!complete && old)
		iommu_group_err(group,
				"some devices did not return after a failed attach: old domain is never freed");
	else if (!complete)
		iommu_group_err(group,
				"some devices did not return after a failed attach: driver cannot detach");
}

static int group_detach(struct iommu_group *group)
{
	struct iommu_domain *old = group->domain;
	struct group_device *member;

	if (!old)
		return 0;
	if (!old->ops->detach_dev) {
		iommu_group_err(group, "driver cannot detach: group keeps its domain");
		return -EINVAL;
	}
	iommu_domains_lock(old, NULL);
	list_for_each_entry(member, &group->devices, list)
		if (iommu_device_follows_group(member))
			detach_device(old, member->dev);
	iommu_domains_unlock(old, NULL);
	iommu_group_record_domain(group, NULL);
	return 0;
}

/**
 * iommu_group_set_domain() - move all devices of a group to a domain
 * @group: group
 * @new: domain, or NULL for what the platform does without one
 *
 * Does not ask whether the devices fit. When the group is on @new already, only
 * its stranded devices are attached. A device that is being reset stays blocked,
 * and is attached to @new at the end of the reset.
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0, all devices are on @new; the driver's error, all devices are on
 * the domain that they came from, or stranded if even that failed;
 * -EINVAL when @new is NULL and the driver has no detach_dev().
 */
int iommu_group_set_domain(struct iommu_group *group,
			   struct iommu_domain *new)
{
	struct iommu_domain *old = group->domain;
	struct group_device *member;
	int err;

	lockdep_assert_held(&group->mutex);
	if (!new)
		return group_detach(group);

	iommu_domains_lock(old, new);
	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_follows_group(member))
			continue;
		if (old == new && !member->dev->iommu->stranded)
			continue;
		err = __iommu_attach_device(new, member->dev);
		if (err)
			goto err_go_back;
	}
	if (old != new)
		iommu_group_record_domain(group, new);
	iommu_domains_unlock(old, new);
	return 0;

err_go_back:
	if (old == new)
		strand_device(group, member->dev, old, new);
	else
		group_go_back(group, member, old, new);
	iommu_domains_unlock(old, new);
	return err;
}

/* Ask the driver, for every device and before any of them is touched */
static int group_fits_domain(struct iommu_group *group,
			     struct iommu_domain *domain)
{
	struct group_device *member;
	int err = -ENODEV;

	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_usable(member->dev))
			continue;
		err = iommu_device_fits_domain(member->dev, domain,
					       IOMMU_NO_PASID);
		if (err)
			return err;
	}
	return err;
}

static bool is_core_domain(struct iommu_group *group,
			   struct iommu_domain *domain)
{
	return domain == group->default_domain ||
	       domain == group->blocking_domain;
}

/**
 * iommu_group_may_replace() - tell whether a group can be put on a domain
 * @group: group
 * @new: domain
 *
 * Has no side effect.
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; -EBUSY while a device is being reset; -EINVAL when one does not fit
 * @new; -EPERM when firmware needs memory of one mapped 1:1; -ENODEV when the group has
 * no device that domains are for.
 */
int iommu_group_may_replace(struct iommu_group *group, struct iommu_domain *new)
{
	int err;

	lockdep_assert_held(&group->mutex);
	if (!new)
		return -EINVAL;
	err = group_fits_domain(group, new);
	if (err)
		return err;
	if (!is_core_domain(group, new)) {
		err = iommu_group_may_block(group);
		if (err)
			return err;
	}
	return group->nr_quiet ? -EBUSY : 0;
}

/**
 * iommu_group_replace_domain() - change the domain of a group while DMA goes on
 * @group: group
 * @new: domain, not NULL
 *
 * The devices never pass through the default domain: what they can reach in
 * between depends on the driver's attach_dev() alone.
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; what iommu_group_may_replace() returns, with nothing touched; otherwise as
 * iommu_group_set_domain().
 */
int iommu_group_replace_domain(struct iommu_group *group,
			       struct iommu_domain *new)
{
	int err = iommu_group_may_replace(group, new);

	return err ?: iommu_group_set_domain(group, new);
}

/* What the whole group can be blocked with, or NULL. Never allocates */
static struct iommu_domain *group_blocked_domain(struct iommu_group *group)
{
	struct group_device *member;

	if (group->blocking_domain)
		return group->blocking_domain;
	if (iommu_group_may_block(group))
		return NULL;
	list_for_each_entry(member, &group->devices, list) {
		if (!iommu_device_usable(member->dev))
			continue;
		/* A static domain needs no memory, so it can be kept from now on */
		group->blocking_domain = blocked_domain_of(group, member->dev);
		break;
	}
	return group->blocking_domain;
}

/**
 * iommu_group_set_core_domain() - take a group off its user's domain
 * @group: group
 *
 * Moves the group to the domain of the core: the blocking one while the DMA of the
 * group has an owner, else the default one. The caller is about to free the
 * domain that is left. So where the default domain cannot be attached, all devices
 * are blocked instead and the group stays on the blocking domain until
 * iommu_group_recover(). If that fails too, all of them stay on the old domain,
 * which iommu_domain_free() then leaks.
 *
 * Context: &struct iommu_group.mutex is held; may sleep, does not allocate.
 */
void iommu_group_set_core_domain(struct iommu_group *group)
{
	struct iommu_domain *target = group->default_domain;
	struct iommu_domain *blocked;

	lockdep_assert_held(&group->mutex);
	if (group->owner)
		target = group->blocking_domain;
	if (!iommu_group_set_domain(group, target))
		return;

	blocked = group_blocked_domain(group);
	if (blocked && target != blocked &&
	    !iommu_group_set_domain(group, blocked)) {
		iommu_group_err(group,
				"cannot attach the default domain: DMA blocked until a driver is bound");
		return;
	}
	iommu_group_err(group, "cannot leave its domain: DMA not stopped, domain is never freed");
}

static bool has_stranded_device(struct iommu_group *group)
{
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list)
		if (iommu_device_usable(member->dev) &&
		    member->dev->iommu->stranded)
			return true;
	return false;
}

/**
 * iommu_group_recover() - repair what a failed switch left
 * @group: group without an owner
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0 when no device is stranded or blocked (any longer); -EINVAL when
 * one is stranded that only detach_dev() could bring back, and the driver has
 * none; the driver's error.
 */
int iommu_group_recover(struct iommu_group *group)
{
	struct iommu_domain *target = group->domain;

	lockdep_assert_held(&group->mutex);
	if (target && target == group->blocking_domain)
		target = group->default_domain;
	if (target == group->domain && !target)
		return has_stranded_device(group) ? -EINVAL : 0;
	return iommu_group_set_domain(group, target);
}

/* Block the PASIDs of one device of a group, which stay on their domains */
static void quiesce_pasids(struct iommu_group *group,
			   struct group_device *member)
{
	if (member->pasids_quiet)
		return;
	iommu_device_block_pasids(group, member->dev);
	iommu_device_quiet_faults(group, member->dev, true);
	begin_pasids_quiet(group, member);
}

/*
 * Block one device of a group, whose domain does not change. A device that cannot
 * be blocked by a static domain stays on its domain, or is stranded, and follows
 * its group as before.
 */
static void quiesce_device(struct iommu_group *group,
			   struct group_device *member)
{
	struct iommu_domain *blocked = blocked_domain_of(group, member->dev);
	struct iommu_domain *domain = group->domain;
	int err = 0;

	/* To some drivers, leaving and returning costs all mappings of the domain */
	if (!blocked || blocked->ops->free || !domain)
		return;
	if (iommu_device_shares_id(group, member->dev))
		return;
	if (blocked != domain) {
		iommu_domains_lock(domain, NULL);
		err = __iommu_attach_device(blocked, member->dev);
		if (err)
			restore_device(group, member->dev, domain, blocked,
				       true);
		iommu_domains_unlock(domain, NULL);
	}
	if (err)
		return;
	quiesce_pasids(group, member);
	begin_quiet(group, member);
}

/* Bring a blocked device to the domain of its group */
static void unblock_device(struct iommu_group *group, struct device *dev)
{
	struct iommu_domain *blocked = blocked_domain_of(group, dev);
	struct iommu_domain *domain = group->domain;
	bool done;

	if (domain == blocked)
		return;
	if (domain) {
		iommu_domains_lock(domain, NULL);
		done = restore_device(group, dev, domain, blocked, true);
		iommu_domains_unlock(domain, NULL);
		if (!done)
			iommu_group_err(group,
					"device cannot be attached after its reset: DMA blocked until the next attach");
	} else if (blocked->ops->detach_dev) {
		detach_device(blocked, dev);
	} else {
		dev->iommu->stranded = true;
		iommu_group_err(group,
				"device stays blocked after its reset: driver cannot detach");
	}
}

/* Bring back what was blocked of a device */
static void unquiesce_device(struct iommu_group *group,
			     struct group_device *member)
{
	iommu_device_quiet_faults(group, member->dev, false);
	if (member->quiet)
		unblock_device(group, member->dev);
	iommu_device_restore_pasids(group, member->dev);
	end_quiet(group, member);
}

/**
 * iommu_device_heed_resets() - block a device while it is being reset
 * @group: group
 * @member: device
 *
 * To be called after a reset has begun or ended, and after the group has got an
 * owner. Blocks the device if it is being reset and has an owner, else its PASIDs if
 * iommu_group_pasids_heed_resets(). When its last reset has ended, attaches the device
 * to the domain that its group is on now, if it was blocked, and its PASIDs to theirs.
 * If it cannot be attached, or the group has no domain and the driver no detach_dev(),
 * it stays blocked and is stranded. Wakes attaches that wait for the reset.
 *
 * Context: &struct iommu_group.mutex is held; may sleep, does not allocate.
 */
void iommu_device_heed_resets(struct iommu_group *group,
			      struct group_device *member)
{
	bool reset;

	lockdep_assert_held(&group->mutex);
	if (!iommu_device_usable(member->dev))
		return;
	/* A task that changes the number from now on sees the owner and calls this */
	reset = READ_ONCE(member->dev->iommu->resets);
	if (!reset && member->pasids_quiet)
		unquiesce_device(group, member);
	else if (reset && group->owner && !member->quiet)
		quiesce_device(group, member);
	else if (reset && iommu_group_pasids_heed_resets(group))
		quiesce_pasids(group, member);
}

/* Firmware regions that must be mapped 1:1 at all times, relaxable ones not */
static bool device_has_direct_regions(struct device *dev)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	bool found = false;

	/*
	 * Out of memory counts as "yes": that makes the device unavailable to
	 * user space, while "no" could give it memory that firmware uses.
	 */
	if (iommu_device_get_resv_regions(dev, &regions))
		return true;
	list_for_each_entry(region, &regions, list)
		found |= region->type == IOMMU_RESV_DIRECT;
	iommu_put_resv_regions(dev, &regions);
	return found;
}

/*
 * A device that cannot have the PASIDs of the group does not join it. Its driver has
 * PASIDs, and therefore a static blocked domain.
 */
static void leave_domain(struct iommu_group *group, struct device *dev)
{
	struct iommu_domain *blocked = dev_iommu_ops(dev)->ext->blocked_domain;

	if (blocked == group->domain)
		return;
	iommu_domains_lock(group->domain, NULL);
	__iommu_attach_device(blocked, dev);
	iommu_domains_unlock(group->domain, NULL);
}

/* The requester ID of a new device, then the PASIDs */
static int join_points(struct iommu_group *group, struct device *dev)
{
	struct iommu_domain *domain = group->domain;
	int err;

	if (!domain || iommu_is_attach_deferred(dev))
		return iommu_device_join_pasids(group, dev);
	if (domain != group->default_domain && must_stay_mapped(dev))
		return -EPERM;
	iommu_domains_lock(domain, NULL);
	err = __iommu_attach_device(domain, dev);
	iommu_domains_unlock(domain, NULL);
	if (err)
		return err;
	err = iommu_device_join_pasids(group, dev);
	if (err)
		leave_domain(group, dev);
	return err;
}

/**
 * iommu_group_attach_new_device() - put a new device of a group on its domain
 * @group: group
 * @dev: device, already in the group's list
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; -EPERM when @group is not on its default domain and firmware needs @dev
 * there; -EINVAL, -EOPNOTSUPP or -EBUSY when @dev cannot have a PASID, or the page
 * requests, of the group; the driver's error.
 */
int iommu_group_attach_new_device(struct iommu_group *group, struct device *dev)
{
	int err;

	lockdep_assert_held(&group->mutex);
	if (!iommu_device_usable(dev))
		return 0;

	dev->iommu->require_direct = device_has_direct_regions(dev);
	err = iommu_device_takes_pasids(group, dev);
	if (err)
		return err;
	err = iommu_device_join_faults(group, dev);
	if (err)
		return err;
	err = join_points(group, dev);
	if (err)
		iommu_device_leave_faults(group, dev);
	return err;
}

/*
 * Write a device's entries in the tables of the IOMMU again. To drivers, an attach
 * of the domain that the device is on changes nothing, so the device is attached
 * to the static blocked domain in between. Drivers without one (SMMUv2) count the
 * devices that share an entry, and have not cleared it. A device that must stay
 * mapped is treated alike, as its entry has been cleared already.
 */
static void renew_device(struct iommu_group *group, struct device *dev)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;
	struct iommu_domain *blocked = ext ? ext->blocked_domain : NULL;
	struct iommu_domain *domain = group->domain;
	int err;

	if (!blocked)
		return;
	iommu_domains_lock(domain, blocked);
	if (blocked != domain)
		__iommu_attach_device(blocked, dev);
	err = __iommu_attach_device(domain, dev);
	if (err)
		strand_device(group, dev, domain, domain);
	iommu_domains_unlock(domain, blocked);
	if (err)
		iommu_group_err(group,
				"device with the requester ID of a removed one is blocked until the next attach");
}

/*
 * The IOMMU sees the requests of devices behind a bridge to conventional PCI as
 * those of the bridge. When release_device() removed one of them, @dev, it cleared
 * the entry that all use. Put the others back on their domain; their requests are
 * blocked until then.
 */
static void renew_sharers(struct iommu_group *group, struct device *dev)
{
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list)
		if (group->domain && iommu_device_follows_group(member) &&
		    !iommu_is_attach_deferred(member->dev) &&
		    iommu_devices_share_id(member->dev, dev))
			renew_device(group, member->dev);
}

static void call_release(struct device *dev)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);

	if (ops->release_device)
		ops->release_device(dev);
}

/* The PASIDs of a device that leaves during its reset are blocked already */
static void leave_pasids(struct iommu_group *group, struct device *dev)
{
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list) {
		if (member->dev != dev)
			continue;
		if (iommu_device_pasids_follow(member))
			iommu_device_block_pasids(group, dev);
		end_quiet(group, member);
		if (iommu_device_usable(dev))
			iommu_device_leave_faults(group, dev);
	}
}

/**
 * iommu_group_release_device() - take a device from its IOMMU driver
 * @dev: device, still in its group
 *
 * The driver's release_device() takes the device off the domain that its group
 * is on, under the rules of a detach: the domain is not freed meanwhile, and its
 * table is not changed where the driver does not allow that. From here on nothing
 * in this layer touches the device, so that a move of its group cannot access
 * memory that the driver has freed.
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate.
 */
void iommu_group_release_device(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_domain *domain;

	if (!group) {
		call_release(dev);
		return;
	}
	mutex_lock(&group->mutex);
	leave_pasids(group, dev);
	dev->iommu->leaving = true;
	/* iommu_detach_device() says which driver changes it meanwhile */
	domain = group->domain;
	iommu_domains_lock(domain, NULL);
	call_release(dev);
	iommu_domains_unlock(domain, NULL);
	renew_sharers(group, dev);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
}
