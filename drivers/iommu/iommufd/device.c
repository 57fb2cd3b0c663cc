// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bound devices, as the drivers that own them see them.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "../iommu-xarray.h"
#include "device.h"
#include "hwpt.h"
#include "iommufd_private.h"
#include "object.h"
#include "viommu.h"

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

	iommufd_vdevice_lose_device(idev);
	iommufd_group_remove_device(idev);
	iommufd_attachments_forget_device(idev);
	if (!iommufd_device_is_pasid(idev))
		iommu_device_release_dma_owner(idev->dev);
	iommufd_group_put(idev->group);
	WARN_ON_ONCE(!iommu_xa_is_empty(&idev->reserved));
	xa_destroy(&idev->reserved);
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
 * iommufd_device_attached() - page tables of a bound device
 * @idev: the device
 * @attached: result, zeroed by the caller
 *
 * Does not wait, as an attach may wait for page faults of user space.
 *
 * Context: process context.
 * Return: 0, or -EBUSY while an attachment is being changed.
 */
int iommufd_device_attached(struct iommufd_device *idev,
			    struct iommufd_attached *attached)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_attachment *att;
	unsigned int shown, n = 0;
	unsigned long pasid;

	if (!mutex_trylock(&group->lock))
		return -EBUSY;
	if (iommufd_attachment_link(idev, IOMMU_NO_PASID))
		attached->hwpt_id = group->own.hwpt->obj.id;
	attached->nr_pasids = idev->nr_pasids;
	shown = min(idev->nr_pasids, IOMMUFD_PASIDS_SHOWN);
	/* Those after the last one shown, of which there may be a million, are only counted */
	xa_for_each(&group->pasids, pasid, att) {
		if (n == shown)
			break;
		cond_resched();
		if (!iommufd_attachment_link(idev, pasid))
			continue;
		attached->pasids[n] = pasid;
		attached->hwpt_ids[n++] = att->hwpt->obj.id;
	}
	mutex_unlock(&group->lock);
	return 0;
}

/* Takes over the reference to @group, also on failure */
static struct iommufd_device *bind_with_group(struct iommufd_ctx *ctx,
					      struct device *dev,
					      struct iommufd_group *group,
					      bool noiommu, u32 *dev_id)
{
	struct iommufd_device *idev;
	int err = 0;

	idev = iommufd_object_alloc(ctx, sizeof(*idev), IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(idev)) {
		iommufd_group_put(group);
		return idev;
	}
	idev->group = group;
	if (!iommufd_device_is_pasid(idev))
		err = iommu_device_claim_dma_owner(dev, &ctx->dma_owner);
	if (err)
		goto err_put_group;

	get_device(dev);
	idev->dev = dev;
	idev->ctx = ctx;
	idev->noiommu = noiommu;
	xa_init_flags(&idev->reserved, XA_FLAGS_ACCOUNT);
	iommufd_group_add_device(idev);
	iommufd_object_add_user(&idev->obj);		/* Dropped by iommufd_device_unbind() */
	*dev_id = idev->obj.id;
	iommufd_object_publish(ctx, &idev->obj);
	return idev;

err_put_group:
	iommufd_group_put(group);
	iommufd_object_abort(ctx, &idev->obj);
	return ERR_PTR(err);
}

static struct iommufd_device *bind_own(struct iommufd_ctx *ctx,
				       struct device *dev, bool noiommu,
				       u32 *dev_id)
{
	struct iommufd_group *group = iommufd_group_get(ctx, dev);

	if (IS_ERR(group))
		return ERR_CAST(group);
	return bind_with_group(ctx, dev, group, noiommu, dev_id);
}

/* What user space may not be given a device without */
static int check_safe(struct device *dev)
{
	int err = check_isolated_msi(dev);

	if (err)
		return err;
	/* User space has no way to flush caches */
	return device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY) ? 0 :
								      -EINVAL;
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
	int err = check_safe(dev);

	if (err)
		return ERR_PTR(err);
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
 * iommufd_device_bind_pasid() - hand a PASID of a device to a context
 * @ctx: context
 * @dev: device, the parent of a mediated device; the caller is its driver, and keeps it
 *       bound until iommufd_device_unbind()
 * @pasid: PASID by which requests of the mediated device are told apart; only the caller
 *         attaches it
 * @dev_id: result: ID of the mediated device in @ctx
 *
 * Nothing else changes for @dev: its driver keeps it, its requester ID stays on the
 * domain where it is, and the DMA API works. To user space the result is a device as any
 * other: iommufd_device_attach() without a PASID attaches @pasid. It has no PASIDs of its
 * own.
 *
 * Context: may sleep.
 * Return: the bound device, or ERR_PTR: -EOPNOTSUPP when @dev has no PASIDs; -EINVAL
 * when @pasid is 0 or wider than those of @dev, or its DMA is not coherent with the
 * CPU's caches; -EPERM when the platform cannot isolate interrupts; -EBUSY when all IDs
 * are taken; -ENODEV without an IOMMU group; -ENOMEM.
 */
struct iommufd_device *iommufd_device_bind_pasid(struct iommufd_ctx *ctx,
						 struct device *dev,
						 ioasid_t pasid, u32 *dev_id)
{
	unsigned int bits = iommu_device_pasid_bits(dev);
	struct iommufd_device *idev;
	struct iommufd_group *group;
	int err;

	if (!bits)
		return ERR_PTR(-EOPNOTSUPP);
	if (pasid == IOMMU_NO_PASID || pasid >> bits)
		return ERR_PTR(-EINVAL);
	err = check_safe(dev);
	if (err)
		return ERR_PTR(err);
	group = iommufd_group_alone(ctx, dev, pasid);
	if (IS_ERR(group))
		return ERR_CAST(group);
	idev = bind_with_group(ctx, dev, group, false, dev_id);
	if (!IS_ERR(idev))
		iommufd_ctx_get(ctx);		/* matches unbind */
	return idev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind_pasid, IOMMUFD);

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
