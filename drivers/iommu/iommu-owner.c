// SPDX-License-Identifier: GPL-2.0-only
/*
 * The right to program the DMA of a group: either the kernel's DMA API has it, on
 * behalf of native drivers, or one owner, which hands it to user space.
 *
 * The two exclude each other. While there is an owner and none of its domains
 * is attached, the group is blocked. Where the platform has groups but no
 * domains (no device has IOMMU ops) a claim is recorded and nothing else: the
 * group keeps its NULL domain.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "iommu-attach.h"
#include "iommu-group.h"

/* Any device of the group that domains can be made for, or NULL */
static struct device *group_usable_device(struct iommu_group *group)
{
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list)
		if (iommu_device_usable(member->dev))
			return member->dev;
	return NULL;
}

/* Find, once for all claims of the group, what it is blocked with */
static int group_need_blocking(struct iommu_group *group, struct device *dev)
{
	struct iommu_domain *blocked;

	if (group->blocking_domain)
		return 0;
	blocked = iommu_device_alloc_blocking(dev);
	if (IS_ERR(blocked))
		return PTR_ERR(blocked);
	group->blocking_domain = blocked;
	return 0;
}

/* Stop the DMA of a group without users */
static int group_block(struct iommu_group *group)
{
	struct device *dev = group_usable_device(group);
	int err;

	if (!dev && !group->domain)
		return list_empty(&group->devices) ? -ENODEV : 0;
	if (!dev)
		return -ENODEV;

	/* A group that could not be unblocked may be claimed once more */
	if (group->domain && group->domain != group->default_domain &&
	    group->domain != group->blocking_domain)
		return -EBUSY;

	err = iommu_group_may_block(group);
	if (err)
		return err;
	err = group_need_blocking(group, dev);
	if (err)
		return err;
	return iommu_group_set_domain(group, group->blocking_domain);
}

/* The lock orders this with count_reset(): one of the two sees the other */
static void group_set_owner(struct iommu_group *group, void *owner)
{
	spin_lock(&iommu_resets_lock);
	group->owner = owner;
	spin_unlock(&iommu_resets_lock);
}

static int group_claim(struct iommu_group *group, void *owner)
{
	struct group_device *member;
	int err;

	lockdep_assert_held(&group->mutex);
	/* A native driver was unbound without taking them off */
	if (iommu_group_has_pasids(group))
		return -EBUSY;
	err = group_block(group);
	if (err)
		return err;
	group_set_owner(group, owner);
	group->owner_cnt = 1;
	list_for_each_entry(member, &group->devices, list)
		iommu_device_heed_resets(group, member);
	return 0;
}

static void group_release(struct iommu_group *group)
{
	lockdep_assert_held(&group->mutex);
	iommu_group_drop_pasids(group);
	group->owner_cnt = 0;
	group_set_owner(group, NULL);
	group->dma_owner = NULL;
	iommu_group_set_core_domain(group);
	iommu_handle_abandon(group, iommu_handle_clear(group, &group->handle));
}

/**
 * iommu_group_claim_dma_owner() - become the owner of the DMA of a group
 * @group: group
 * @owner: pointer that stands for the owner, not NULL
 *
 * For users that know groups only. A group that has a user is refused, even if
 * that is @owner.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: 0, the group is blocked; -EPERM when a native driver or an owner has
 * it, or firmware needs its DMA; -EBUSY when a domain is attached to it or to one of
 * its PASIDs; -EINVAL when no blocking domain can be had; -ENODEV for a group without devices; the
 * driver's error. On any error nothing has changed.
 */
int iommu_group_claim_dma_owner(struct iommu_group *group, void *owner)
{
	int err = -EPERM;

	mutex_lock(&group->mutex);
	if (!group->owner_cnt)
		err = group_claim(group, owner);
	mutex_unlock(&group->mutex);
	return err;
}
EXPORT_SYMBOL_GPL(iommu_group_claim_dma_owner);

/**
 * iommu_group_release_dma_owner() - undo iommu_group_claim_dma_owner()
 * @group: group
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate.
 */
void iommu_group_release_dma_owner(struct iommu_group *group)
{
	mutex_lock(&group->mutex);
	if (group->owner)
		group_release(group);
	else
		iommu_group_err(group, "released without owner: ignored");
	mutex_unlock(&group->mutex);
}
EXPORT_SYMBOL_GPL(iommu_group_release_dma_owner);

/**
 * iommu_group_dma_owner_claimed() - tell whether a group has any user
 * @group: group
 *
 * Only for status reports: the answer may be outdated when the caller gets it.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: true when native drivers or an owner use the group.
 */
bool iommu_group_dma_owner_claimed(struct iommu_group *group)
{
	bool claimed;

	mutex_lock(&group->mutex);
	claimed = group->owner_cnt != 0;
	mutex_unlock(&group->mutex);
	return claimed;
}
EXPORT_SYMBOL_GPL(iommu_group_dma_owner_claimed);

/**
 * iommu_device_claim_dma_owner() - become the owner of the DMA of a device
 * @dev: device
 * @owner: the owner, not NULL
 *
 * The group of @dev goes with it. An owner may claim every device of a group,
 * each of them once; the group is released with the last one.
 *
 * Context: takes &struct iommu_group.mutex; may sleep. Not to be called under a
 * device_lock().
 * Return: 0; -EINVAL when @owner is NULL; -ENODEV when @dev has no group;
 * otherwise as iommu_group_claim_dma_owner().
 */
int iommu_device_claim_dma_owner(struct device *dev,
				 struct iommu_dma_owner *owner)
{
	struct iommu_group *group;
	int err = 0;

	if (!owner)
		return -EINVAL;
	group = iommu_group_get(dev);
	if (!group)
		return -ENODEV;

	mutex_lock(&group->mutex);
	if (!group->owner_cnt)
		err = group_claim(group, owner);
	else if (group->owner == owner)
		group->owner_cnt++;
	else
		err = -EPERM;
	if (!err)
		group->dma_owner = owner;
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_claim_dma_owner, IOMMUFD_INTERNAL);

/**
 * iommu_device_release_dma_owner() - undo iommu_device_claim_dma_owner()
 * @dev: device
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate.
 */
void iommu_device_release_dma_owner(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);

	if (!group) {
		iommu_group_err(NULL,
				"device to release has no group: ignored");
		return;
	}
	mutex_lock(&group->mutex);
	if (!group->owner)
		iommu_group_err(group, "released without owner: ignored");
	else if (group->owner_cnt > 1)
		group->owner_cnt--;
	else
		group_release(group);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_release_dma_owner, IOMMUFD_INTERNAL);

/**
 * iommu_device_has_dma_owner() - tell whether an owner has claimed a device's group
 * @dev: any device
 * @owner: the owner, not NULL
 *
 * The answer stays true while a claim of @owner for a device of the group is
 * not released.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: true when @owner has claimed the group.
 */
bool iommu_device_has_dma_owner(struct device *dev,
				const struct iommu_dma_owner *owner)
{
	struct iommu_group *group = iommu_group_get(dev);
	bool has;

	if (!group)
		return false;
	mutex_lock(&group->mutex);
	has = group->owner == owner;
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
	return has;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_has_dma_owner, IOMMUFD_INTERNAL);

/*
 * amdkfd moves its GPU from the default identity domain to an identity domain
 * of its own, with PASIDs. To the DMA API these are the same, and amdgpu could not
 * be bound again if they were told apart.
 */
static bool group_on_default_domain(struct iommu_group *group)
{
	struct iommu_domain *wanted = group->default_domain;
	struct iommu_domain *now = group->domain;

	if (now == wanted)
		return true;
	return wanted && wanted->type == IOMMU_DOMAIN_IDENTITY &&
	       now && now->type == IOMMU_DOMAIN_IDENTITY;
}

/**
 * iommu_device_use_default_domain() - a native driver binds to a device
 * @dev: device
 *
 * Context: called by the bus under device_lock(); takes
 * &struct iommu_group.mutex; may sleep.
 * Return: 0; -EBUSY when the group has an owner, is on a domain of another
 * driver, has a PASID attached, or is blocked because its default domain cannot be
 * attached or a device of it cannot go back to no domain.
 */
int iommu_device_use_default_domain(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	int err = 0;

	if (!group)
		return 0;

	mutex_lock(&group->mutex);
	if (group->owner)
		err = -EBUSY;
	else if (group->owner_cnt && !group_on_default_domain(group))
		err = -EBUSY;
	else if (iommu_group_has_pasids(group))
		err = -EBUSY;
	else if (iommu_group_recover(group))
		err = -EBUSY;
	if (!err)
		group->owner_cnt++;
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_use_default_domain, IOMMUFD_INTERNAL);

/**
 * iommu_device_unuse_default_domain() - a native driver has left a device
 * @dev: device, after a successful iommu_device_use_default_domain()
 *
 * Context: called by the bus under device_lock(); takes
 * &struct iommu_group.mutex; may sleep.
 */
void iommu_device_unuse_default_domain(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);

	if (!group)
		return;

	mutex_lock(&group->mutex);
	if (group->owner || !group->owner_cnt)
		iommu_group_err(group, "native driver unbound that was not bound: ignored");
	else
		group->owner_cnt--;
	if (!group->owner_cnt && iommu_group_has_pasids(group))
		iommu_group_err(group,
				"native driver gone with PASIDs attached: group cannot be used");
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_unuse_default_domain, IOMMUFD_INTERNAL);
