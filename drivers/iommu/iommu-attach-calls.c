// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching and detaching for the owners of DMA. VFIO's containers and drivers
 * name a group, iommufd names a device that it has claimed.
 *
 * Each call takes the group's mutex, checks that the caller may change the domain,
 * and moves the group by means of iommu-attach.c.
 */
#define pr_fmt(fmt)    "iommu: " fmt

#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>

#include "iommu-attach.h"
#include "iommu-group.h"

/* The group is on a domain of the core: a user may attach another one */
static bool group_is_free(struct iommu_group *group)
{
	return !group->domain || group->domain == group->default_domain ||
	       group->domain == group->blocking_domain;
}

/**
 * iommu_attach_group() - put a group on a domain
 * @domain: domain
 * @group: group
 *
 * Waits for the end of a reset of a device of the group.
 *
 * Context: takes &struct iommu_group.mutex; may sleep. The caller holds no lock
 * that the reset of another device of the group needs, such as the device_lock()
 * of that device.
 * Return: 0; -EBUSY when another user's domain is attached; -EINTR when the
 * caller is killed while it waits; otherwise as iommu_group_replace_domain().
 */
int iommu_attach_group(struct iommu_domain *domain, struct iommu_group *group)
{
	int err;

	err = iommu_group_lock_at_rest(group);
	if (err)
		return err;
	err = -EBUSY;
	if (group_is_free(group))
		err = iommu_group_replace_domain(group, domain);
	mutex_unlock(&group->mutex);
	return err;
}
EXPORT_SYMBOL_GPL(iommu_attach_group);

/*
 * Take a group off @domain, and off no other one. Returns the handle that
 * iommu_handle_finish() is to be called with after the mutex is released, or NULL.
 */
static struct iommu_attach_handle *
detach_group_locked(struct iommu_domain *domain, struct iommu_group *group)
{
	if (!domain || group->domain != domain) {
		iommu_group_err(group,
				"domain to detach is not attached: ignored");
		return NULL;
	}
	iommu_group_set_core_domain(group);
	return iommu_handle_clear(group, &group->handle);
}

/**
 * iommu_detach_group() - take a group off a domain
 * @domain: domain that the group is on; another one changes nothing
 * @group: group
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate.
 */
void iommu_detach_group(struct iommu_domain *domain, struct iommu_group *group)
{
	struct iommu_attach_handle *handle;

	mutex_lock(&group->mutex);
	handle = detach_group_locked(domain, group);
	mutex_unlock(&group->mutex);
	iommu_handle_finish(group, handle);
}
EXPORT_SYMBOL_GPL(iommu_detach_group);

/**
 * iommu_attach_device() - put the only device of a group on a domain
 * @domain: domain
 * @dev: device
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: 0; -ENODEV without a group; -EINVAL when @dev has siblings;
 * otherwise as iommu_attach_group().
 */
int iommu_attach_device(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	int err;

	if (!group)
		return -ENODEV;

	err = iommu_group_lock_at_rest(group);
	if (err)
		goto out_put;
	if (iommu_group_device_count(group) != 1)
		err = -EINVAL;
	else if (!group_is_free(group))
		err = -EBUSY;
	else
		err = iommu_group_replace_domain(group, domain);
	mutex_unlock(&group->mutex);
out_put:
	iommu_group_put(group);
	return err;
}
EXPORT_SYMBOL_GPL(iommu_attach_device);

/**
 * iommu_detach_device() - take the only device of a group off a domain
 * @domain: domain that @dev is on; another one changes nothing
 * @dev: device without siblings
 *
 * Context: takes &struct iommu_group.mutex, except in a release_device(), which
 * has it; may sleep, does not allocate.
 */
void iommu_detach_device(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	bool in_release;

	if (!group)
		return;

	/* release_device() of ipmmu-vmsa gets here by way of Arm's DMA API */
	in_release = dev->iommu && dev->iommu->leaving;
	if (!in_release)
		mutex_lock(&group->mutex);
	/* Users of this call have no handle */
	if (iommu_group_device_count(group) == 1)
		detach_group_locked(domain, group);
	else
		iommu_group_err(group,
				"device to detach has siblings: ignored");
	if (!in_release)
		mutex_unlock(&group->mutex);
	iommu_group_put(group);
}
EXPORT_SYMBOL_GPL(iommu_detach_device);

/* @loser: handle for iommu_handle_finish(), once the mutex is released */
static int change_locked(struct iommu_group *group, struct iommu_domain *domain,
			 struct iommu_attach_handle *handle,
			 struct iommu_attach_handle **loser)
{
	struct iommu_attach_handle *old;
	int err;

	err = iommu_handle_begin(group, &group->handle, handle, domain, &old);
	if (err)
		return err;
	err = iommu_group_set_domain(group, domain);
	*loser = iommu_handle_end(group, &group->handle, handle, domain, old, err);
	return err;
}

/* Change the domain of the group of a claimed device. @check: ask whether it fits */
static int change_domain(struct device *dev, struct iommu_domain *domain,
			 struct iommu_attach_handle *handle, bool check)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_attach_handle *loser = NULL;
	int err;

	if (!group)
		return -ENODEV;

	mutex_lock(&group->mutex);
	if (!iommu_device_usable(dev))
		err = -ENODEV;
	else if (!group->owner)
		err = -EPERM;
	else
		err = check ? iommu_group_may_replace(group, domain) : 0;
	if (!err)
		err = change_locked(group, domain, handle, &loser);
	mutex_unlock(&group->mutex);
	iommu_handle_finish(group, loser);
	iommu_group_put(group);
	return err;
}

/**
 * iommu_device_replace_domain() - move a device, and with it its group
 * @dev: device whose DMA the caller owns
 * @domain: domain to go to, from the blocked state or from another domain
 *
 * Page requests without a PASID are invalid afterwards, see
 * iommu_device_replace_handle().
 *
 * Context: takes &struct iommu_group.mutex; may sleep. Not to be called under
 * a device_lock().
 * Return: 0; -ENODEV without a group or where the platform has no domains;
 * -EPERM when the group has no owner; -EBUSY while a device of the group
 * is being reset; -EINVAL when one does not fit @domain; the driver's error. On
 * any error the group is where it was before.
 */
int iommu_device_replace_domain(struct device *dev,
				struct iommu_domain *domain)
{
	return change_domain(dev, domain, NULL, true);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_replace_domain, IOMMUFD_INTERNAL);

/**
 * iommu_device_replace_handle() - move a device, and what becomes of page requests
 * @dev: device whose DMA the caller owns
 * @domain: domain to go to, from the blocked state or from another domain
 * @handle: what the caller keeps for the attachment of the group, or NULL; that of the
 *          old one is the caller's again
 *
 * Page requests that the old handle has not answered become invalid; those that come
 * while the hardware changes over are delivered to the new one.
 *
 * Context: as iommu_device_replace_domain(). The caller holds nothing that the handling
 * of page faults waits for.
 * Return: as iommu_device_replace_domain(); -EOPNOTSUPP when @handle takes page requests
 * and a device has none. On any error the old handle stays.
 */
int iommu_device_replace_handle(struct device *dev, struct iommu_domain *domain,
				struct iommu_attach_handle *handle)
{
	return change_domain(dev, domain, handle, true);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_replace_handle, IOMMUFD_INTERNAL);

/**
 * iommu_device_return_domain() - undo iommu_device_replace_handle()
 * @dev: device whose DMA the caller owns
 * @domain: domain that it was on before
 * @handle: what the caller keeps for the attachment of the group, or NULL
 *
 * A reset does not delay this: the siblings of a device that is being reset move
 * to @domain now, and the device at the end of the reset.
 *
 * Context: takes &struct iommu_group.mutex; may sleep. Not to be called under
 * a device_lock().
 * Return: 0; -ENODEV without a group or where the platform has no domains;
 * -EPERM when the group has no owner; the driver's error, with the group
 * where it was.
 */
int iommu_device_return_domain(struct device *dev, struct iommu_domain *domain,
			       struct iommu_attach_handle *handle)
{
	return change_domain(dev, domain, handle, false);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_return_domain, IOMMUFD_INTERNAL);

/**
 * iommu_device_wait_for_reset() - wait until a group can be attached again
 * @dev: device whose DMA the caller owns
 * @resets: in: what an earlier call has set; out: resets of the group before
 *          this call, modulo 2^32
 *
 * For callers of iommu_device_replace_domain(), or iommu_attach_device_pasid(), whose
 * users do not expect -EBUSY. Another reset may begin before the caller tries again.
 *
 * Context: may sleep; the caller holds no lock that a reset needs, as for
 * iommu_attach_group().
 * Return: 0; 1 when there was a reset since @resets was set; -EINTR when the
 * caller is killed.
 */
int iommu_device_wait_for_reset(struct device *dev, unsigned int *resets)
{
	struct iommu_group *group = iommu_group_get(dev);
	unsigned int before;
	int ret = -EINTR;

	if (!group)
		return 0;
	/* A reset that begins after the wait must count at the next call */
	before = READ_ONCE(group->resets);
	if (iommu_device_wait_at_rest(group, dev))
		goto out_put;
	ret = READ_ONCE(group->resets) != *resets;
	*resets = before;
out_put:
	iommu_group_put(group);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_wait_for_reset, IOMMUFD_INTERNAL);

/**
 * iommu_device_detach_domain() - block a device, and with it its group, again
 * @dev: device whose DMA the caller owns
 * @domain: domain that it is on; another one changes nothing
 *
 * Page requests without a PASID are answered when this returns.
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate. Not
 * to be called under a device_lock(). With a handle that takes page requests, the caller
 * holds nothing that the handling of page faults waits for.
 */
void iommu_device_detach_domain(struct device *dev,
				struct iommu_domain *domain)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_attach_handle *handle;

	if (!group) {
		iommu_group_err(NULL, "device to detach has no group: ignored");
		return;
	}
	mutex_lock(&group->mutex);
	handle = detach_group_locked(domain, group);
	mutex_unlock(&group->mutex);
	iommu_handle_finish(group, handle);
	iommu_group_put(group);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_detach_domain, IOMMUFD_INTERNAL);
