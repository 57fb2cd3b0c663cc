// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bound devices, as the drivers that own them see them.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/iommufd.h>
#include <linux/module.h>

#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "object.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Let devices be bound although the platform cannot keep their interrupts apart: a malicious user may inject interrupts into the host (default: false)");

/* Without isolation a device can raise any interrupt by writing to memory */
static int check_isolated_msi(struct device *dev)
{
	if (iommu_device_has_isolated_msi(dev))
		return 0;
	if (!allow_unsafe_interrupts)
		return -EPERM;
	dev_warn_ratelimited(dev, "interrupts are not isolated; bound to user space because allow_unsafe_interrupts is set\n");
	return 0;
}

/**
 * iommufd_device_destroy() - undo what iommufd_device_bind() did
 * @obj: head of the device
 *
 * Context: may sleep.
 */
void iommufd_device_destroy(struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);

	iommu_device_release_dma_owner(idev->dev);
	iommufd_group_put(idev->group);
	put_device(idev->dev);
}

/**
 * iommufd_device_get() - find a bound device for the length of a call
 * @ctx: context
 * @id: ID that user space named
 *
 * Context: any.
 * Return: the device with a reference for iommufd_object_put(), or
 * ERR_PTR(-ENOENT).
 */
struct iommufd_device *iommufd_device_get(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(ctx, id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct iommufd_device, obj);
}

/**
 * iommufd_device_hwpt_id() - page table of a bound device
 * @idev: the device
 * @id: result: ID of the page table, or 0 when the device is not attached
 *
 * Does not wait, as an attach may wait for page faults of user space.
 *
 * Context: process context.
 * Return: 0, or -EBUSY while the attachment is being changed.
 */
int iommufd_device_hwpt_id(struct iommufd_device *idev, u32 *id)
{
	if (!mutex_trylock(&idev->group->lock))
		return -EBUSY;
	*id = list_empty(&idev->group_node) ? 0 :
					      idev->group->hwpt->obj.id;
	mutex_unlock(&idev->group->lock);
	return 0;
}

static struct iommufd_device *bind_own(struct iommufd_ctx *ctx,
				       struct device *dev, bool noiommu,
				       u32 *dev_id)
{
	struct iommufd_device *idev;
	int err;

	idev = iommufd_object_alloc(ctx, sizeof(*idev), IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(idev))
		return idev;

	idev->group = iommufd_group_get(ctx, dev);
	if (IS_ERR(idev->group)) {
		err = PTR_ERR(idev->group);
		goto err_abort;
	}
	err = iommu_device_claim_dma_owner(dev, &ctx->dma_owner);
	if (err)
		goto err_put_group;

	get_device(dev);
	idev->dev = dev;
	idev->ctx = ctx;
	idev->noiommu = noiommu;
	INIT_LIST_HEAD(&idev->group_node);
	iommufd_object_add_user(&idev->obj);		/* Dropped by iommufd_device_unbind() */
	*dev_id = idev->obj.id;
	iommufd_object_publish(ctx, &idev->obj);
	return idev;

err_put_group:
	iommufd_group_put(idev->group);
err_abort:
	iommufd_object_abort(ctx, &idev->obj);
	return ERR_PTR(err);
}

/**
 * __iommufd_device_bind() - hand the DMA of a context's own device to it
 * @ctx: context, which has its device unbound before it ends
 * @dev: device
 * @dev_id: result: ID of the device in @ctx
 *
 * As iommufd_device_bind(), but the binding does not keep @ctx alive.
 *
 * Context: may sleep.
 * Return: as iommufd_device_bind().
 */
struct iommufd_device *__iommufd_device_bind(struct iommufd_ctx *ctx,
					     struct device *dev, u32 *dev_id)
{
	int err;

	err = check_isolated_msi(dev);
	if (err)
		return ERR_PTR(err);
	/* User space has no way to flush caches */
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY))
		return ERR_PTR(-EINVAL);
	return bind_own(ctx, dev, false, dev_id);
}

/**
 * iommufd_device_bind() - hand a device's DMA to a context
 * @ctx: context
 * @dev: device; its driver calls this and keeps it bound until
 *       iommufd_device_unbind()
 * @dev_id: result: ID of the device in @ctx
 *
 * From here on the device's DMA is blocked, and no other driver or user can claim a
 * device of its group.
 *
 * Context: may sleep.
 * Return: the bound device, or ERR_PTR: -EPERM when the platform cannot
 * isolate interrupts, or a kernel driver or another owner has the group, or
 * firmware needs its DMA; -EINVAL when the device's DMA is not coherent with the
 * CPU's caches; -EBUSY when a kernel driver has put the group on a domain of its
 * own, or all IDs are taken; -ENODEV without an IOMMU group; -ENOMEM.
 */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ctx,
					   struct device *dev, u32 *dev_id)
{
	struct iommufd_device *idev;

	idev = __iommufd_device_bind(ctx, dev, dev_id);
	if (!IS_ERR(idev))
		iommufd_ctx_get(ctx);		/* matches unbind */
	return idev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind, IOMMUFD);

/**
 * iommufd_device_bind_noiommu() - bind a device without an IOMMU
 * @ctx: context
 * @dev: device that has a group, but no IOMMU
 * @dev_id: result: ID of the device in @ctx
 *
 * The device can access all memory: the caller checks that its user may do so. The
 * address space that it is attached to keeps memory pinned, and tells its physical
 * addresses. iommufd_device_unbind() undoes it.
 *
 * Context: may sleep.
 * Return: the bound device, or ERR_PTR: -EPERM when a kernel driver or another
 * owner has the group; -EBUSY when all IDs are taken; -ENODEV without a group;
 * -ENOMEM.
 */
struct iommufd_device *iommufd_device_bind_noiommu(struct iommufd_ctx *ctx,
						   struct device *dev,
						   u32 *dev_id)
{
	struct iommufd_device *idev = bind_own(ctx, dev, true, dev_id);

	if (!IS_ERR(idev))
		iommufd_ctx_get(ctx);		/* matches unbind */
	return idev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind_noiommu, IOMMUFD);

/**
 * __iommufd_device_unbind() - undo __iommufd_device_bind()
 * @idev: bound device that is not attached; gone on return
 *
 * Context: may sleep, until calls that use the device returned.
 */
void __iommufd_device_unbind(struct iommufd_device *idev)
{
	iommufd_object_retire(idev->ctx, &idev->obj);
}

/**
 * iommufd_device_unbind() - take a device back
 * @idev: bound device that is not attached; gone on return
 *
 * Context: may sleep, until calls that use the device returned.
 */
void iommufd_device_unbind(struct iommufd_device *idev)
{
	struct iommufd_ctx *ctx = idev->ctx;

	__iommufd_device_unbind(idev);
	iommufd_ctx_put(ctx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_unbind, IOMMUFD);

static bool is_attached(struct iommufd_device *idev)
{
	lockdep_assert_held(&idev->group->lock);
	return !list_empty(&idev->group_node);
}

/* Attach or replace, whichever @replace says */
static int set_hwpt(struct iommufd_device *idev,
		    struct iommufd_hwpt_common *hwpt, bool replace)
{
	return replace ? iommufd_group_replace(idev, hwpt) :
			 iommufd_group_attach(idev, hwpt);
}

static int set_new_automatic(struct iommufd_device *idev,
			     struct iommufd_ioas *ioas, bool replace)
{
	struct iommufd_hwpt_paging *hwpt;
	int err;

	hwpt = iommufd_hwpt_paging_alloc(idev->ctx, ioas, idev, 0, NULL, true);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	err = iommufd_hwpt_paging_prefill(hwpt);
	if (!err)
		err = set_hwpt(idev, &hwpt->common, replace);
	if (err) {
		iommufd_hwpt_paging_abort(hwpt);
		return err;
	}
	iommufd_object_publish(idev->ctx, &hwpt->common.obj);
	return 0;
}

/* Nothing can be nested in an automatic page table */
static bool is_automatic_of(struct iommufd_hwpt_common *hwpt,
			    struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);

	return paging->automatic && paging->ioas == ioas;
}

/* Use an automatic page table of @ioas that takes the device, or make one */
static int set_ioas(struct iommufd_device *idev, struct iommufd_ioas *ioas,
		    bool replace)
{
	struct iommufd_hwpt_common *now = idev->group->hwpt;
	struct iommufd_hwpt_paging *hwpt;
	int err;

	if (now && is_automatic_of(now, ioas))
		return set_hwpt(idev, now, replace);
	/* Its group is on another page table: attaching to a new one would fail */
	if (now && !replace)
		return -EINVAL;

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_node) {
		if (!hwpt->automatic)
			continue;
		err = set_hwpt(idev, &hwpt->common, replace);
		/* -EINVAL means that the two do not fit, and nothing else */
		if (err != -EINVAL)
			return err;
	}
	return set_new_automatic(idev, ioas, replace);
}

static int set_pt_locked(struct iommufd_device *idev,
			 struct iommufd_object *pt, bool replace)
{
	struct iommufd_hwpt_common *hwpt;

	if (pt->type == IOMMUFD_OBJ_IOAS)
		return set_ioas(idev, container_of(pt, struct iommufd_ioas, obj),
				replace);

	hwpt = container_of(pt, struct iommufd_hwpt_common, obj);
	if (iommufd_hwpt_paging_of(hwpt)->retired)
		return -ENOENT;
	return set_hwpt(idev, hwpt, replace);
}

static struct iommufd_ioas *ioas_of(struct iommufd_object *pt)
{
	struct iommufd_hwpt_common *hwpt;

	if (pt->type == IOMMUFD_OBJ_IOAS)
		return container_of(pt, struct iommufd_ioas, obj);
	if (!iommufd_object_is_hwpt(pt))
		return NULL;
	hwpt = container_of(pt, struct iommufd_hwpt_common, obj);
	return iommufd_hwpt_paging_of(hwpt)->ioas;
}

static int set_pt(struct iommufd_device *idev, u32 *pt_id, bool replace)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_hwpt_common *left = NULL;
	struct iommufd_hwpt_common *old;
	struct iommufd_object *pt;
	struct iommufd_ioas *ioas;
	int err;

	pt = iommufd_object_get(idev->ctx, *pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt))
		return PTR_ERR(pt);
	ioas = ioas_of(pt);
	if (!ioas) {
		err = -EINVAL;
		goto out_put;
	}

	if (mutex_lock_killable(&group->lock)) {
		err = -EINTR;
		goto out_put;
	}
	if (is_attached(idev) != replace) {
		err = -EINVAL;
		goto out_unlock_group;
	}
	if (mutex_lock_killable(&ioas->lock)) {
		err = -EINTR;
		goto out_unlock_group;
	}
	old = group->hwpt;
	err = set_pt_locked(idev, pt, replace);
	mutex_unlock(&ioas->lock);
	if (!err)
		*pt_id = group->hwpt->obj.id;
	if (group->hwpt != old) {
		left = old;
		iommufd_group_leave(group, left);
	}
out_unlock_group:
	mutex_unlock(&group->lock);
out_put:
	/* First our own reference, for which the destruction of @left may wait */
	iommufd_object_put(idev->ctx, pt);
	iommufd_hwpt_put(left);
	return err;
}

/**
 * iommufd_device_attach() - let a device translate through a page table
 * @idev: bound device that is not attached
 * @pt_id: in: ID of an address space or a page table; out: ID of the page
 *         table that is used
 *
 * Context: may sleep and pin memory.
 * Return: 0; -ENOENT when the ID finds nothing; -EINVAL when it finds another
 * kind, device and page table do not fit, another device of the group has
 * another page table, or the device is attached; -EADDRINUSE when reserved
 * regions meet mappings or the allowed list; -EFAULT, -ENOMEM when memory
 * cannot be pinned; -EINTR when the caller is being killed; -ERESTARTNOINTR for
 * another signal, which a system call passes on to be made again.
 */
int iommufd_device_attach(struct iommufd_device *idev, u32 *pt_id)
{
	return set_pt(idev, pt_id, false);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_attach, IOMMUFD);

/**
 * iommufd_device_replace() - switch an attached device to another page table
 * @idev: attached device; all attached devices of its group switch with it
 * @pt_id: as for iommufd_device_attach()
 *
 * On failure the device translates as before and every address space reserves
 * what it did before.
 *
 * Context: may sleep and pin memory.
 * Return: as iommufd_device_attach(); -EINVAL when the device is not attached.
 */
int iommufd_device_replace(struct iommufd_device *idev, u32 *pt_id)
{
	return set_pt(idev, pt_id, true);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_replace, IOMMUFD);

/**
 * iommufd_device_detach() - end a device's attachment
 * @idev: bound device; nothing happens when it is not attached
 *
 * Context: may sleep.
 */
void iommufd_device_detach(struct iommufd_device *idev)
{
	struct iommufd_hwpt_common *hwpt = NULL;

	mutex_lock(&idev->group->lock);
	if (is_attached(idev))
		hwpt = iommufd_group_detach(idev);
	mutex_unlock(&idev->group->lock);
	iommufd_hwpt_put(hwpt);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach, IOMMUFD);

/**
 * iommufd_device_to_id() - ID of a bound device
 * @idev: the device
 *
 * Context: any.
 * Return: the ID.
 */
u32 iommufd_device_to_id(struct iommufd_device *idev)
{
	return idev->obj.id;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_to_id, IOMMUFD);

/**
 * iommufd_device_to_ctx() - context of a bound device
 * @idev: the device
 *
 * Context: any.
 * Return: the context, without another reference.
 */
struct iommufd_ctx *iommufd_device_to_ctx(struct iommufd_device *idev)
{
	return idev->ctx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_to_ctx, IOMMUFD);

/**
 * iommufd_ctx_owns_group_of() - does a context have a device's group?
 * @ctx: context
 * @dev: any device, not necessarily one of @ctx
 *
 * A context that has one device of a group excludes all other users, including native
 * drivers, from the whole group.
 *
 * Context: may sleep.
 * Return: whether some device of the group of @dev is bound to @ctx.
 */
bool iommufd_ctx_owns_group_of(struct iommufd_ctx *ctx, struct device *dev)
{
	return iommu_device_has_dma_owner(dev, &ctx->dma_owner);
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_owns_group_of, IOMMUFD);
