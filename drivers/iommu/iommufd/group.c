// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of devices within a context. The IOMMU distinguishes groups, not devices.
 */
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "device.h"
#include "iommufd_private.h"

/* The caller gives the reference of @iommu_group away, if this succeeds */
static struct iommufd_group *group_alloc(struct iommufd_ctx *ctx,
					 struct iommu_group *iommu_group,
					 ioasid_t pasid)
{
	struct iommufd_group *group;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return NULL;
	group->ctx = ctx;
	group->iommu_group = iommu_group;
	group->refs = 1;
	INIT_LIST_HEAD(&group->bound);
	spin_lock_init(&group->bound_lock);
	mutex_init(&group->lock);
	iommufd_attachment_init(&group->own, pasid);
	xa_init_flags(&group->pasids, XA_FLAGS_ACCOUNT);
	return group;
}

static void group_free(struct iommufd_group *group)
{
	mutex_destroy(&group->lock);
	xa_destroy(&group->pasids);
	kfree(group);
}

/**
 * iommufd_group_get() - group of a device within a context
 * @ctx: context
 * @dev: device that has an IOMMU group
 *
 * Context: may sleep.
 * Return: the group with a reference for iommufd_group_put(), or ERR_PTR:
 * -ENODEV when the device has no group, -ENOMEM.
 */
struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ctx,
					struct device *dev)
{
	struct iommu_group *iommu_group = iommu_group_get(dev);
	struct iommufd_group *group;
	int err;

	if (!iommu_group)
		return ERR_PTR(-ENODEV);

	mutex_lock(&ctx->groups_lock);
	group = xa_load(&ctx->groups, iommu_group_id(iommu_group));
	if (group) {
		group->refs++;
		iommu_group_put(iommu_group);
		goto out_unlock;
	}

	group = group_alloc(ctx, iommu_group, IOMMU_NO_PASID);
	if (!group) {
		err = -ENOMEM;
		goto err_put;
	}
	err = xa_insert(&ctx->groups, iommu_group_id(iommu_group), group,
			GFP_KERNEL_ACCOUNT);
	if (err)
		goto err_free;
out_unlock:
	mutex_unlock(&ctx->groups_lock);
	return group;

err_free:
	group_free(group);
err_put:
	mutex_unlock(&ctx->groups_lock);
	iommu_group_put(iommu_group);
	return ERR_PTR(err);
}

/**
 * iommufd_group_alone() - what a PASID of a device has in the place of a group
 * @ctx: context
 * @dev: device that has an IOMMU group
 * @pasid: the PASID
 *
 * The requester ID of @dev, and its other PASIDs, are not the context's.
 *
 * Context: may sleep.
 * Return: as iommufd_group_get().
 */
struct iommufd_group *iommufd_group_alone(struct iommufd_ctx *ctx,
					  struct device *dev, ioasid_t pasid)
{
	struct iommu_group *iommu_group = iommu_group_get(dev);
	struct iommufd_group *group;

	if (!iommu_group)
		return ERR_PTR(-ENODEV);
	group = group_alloc(ctx, iommu_group, pasid);
	if (!group) {
		iommu_group_put(iommu_group);
		return ERR_PTR(-ENOMEM);
	}
	return group;
}

/**
 * iommufd_group_put() - undo iommufd_group_get() or iommufd_group_alone()
 * @group: the group; its device is not attached
 *
 * Context: may sleep.
 */
void iommufd_group_put(struct iommufd_group *group)
{
	struct iommufd_ctx *ctx = group->ctx;

	mutex_lock(&ctx->groups_lock);
	if (!--group->refs) {
		if (group->own.pasid == IOMMU_NO_PASID)
			xa_erase(&ctx->groups,
				 iommu_group_id(group->iommu_group));
		iommu_group_put(group->iommu_group);
		group_free(group);
	}
	mutex_unlock(&ctx->groups_lock);
}

/**
 * iommufd_group_add_device() - a device is bound
 * @idev: device whose group and ID are set
 *
 * Context: any.
 */
void iommufd_group_add_device(struct iommufd_device *idev)
{
	struct iommufd_group *group = idev->group;

	spin_lock(&group->bound_lock);
	list_add_tail(&idev->bound_node, &group->bound);
	spin_unlock(&group->bound_lock);
}

/**
 * iommufd_group_remove_device() - undo iommufd_group_add_device()
 * @idev: device
 *
 * Context: any.
 */
void iommufd_group_remove_device(struct iommufd_device *idev)
{
	struct iommufd_group *group = idev->group;

	spin_lock(&group->bound_lock);
	list_del(&idev->bound_node);
	spin_unlock(&group->bound_lock);
}

/**
 * iommufd_group_device_id() - find what user space knows a device as
 * @group: group
 * @dev: a device of it
 *
 * Context: any.
 * Return: ID of the bound device; 0 when the context does not have it.
 */
u32 iommufd_group_device_id(struct iommufd_group *group, struct device *dev)
{
	struct iommufd_device *idev;
	u32 id = 0;

	spin_lock(&group->bound_lock);
	list_for_each_entry(idev, &group->bound, bound_node)
		if (idev->dev == dev)
			id = idev->obj.id;
	spin_unlock(&group->bound_lock);
	return id;
}
