// SPDX-License-Identifier: GPL-2.0-only
/*
 * HWPTs of any kind: what user space asks for, and what all kinds can do.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <uapi/linux/iommufd.h>

#include "iommufd_private.h"

/* What IOMMU_HWPT_ALLOC knows of page tables for an address space */
#define PAGING_FLAGS \
	(IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING)

static struct iommufd_hwpt_paging *to_paging(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hwpt_paging, common.obj);
}

/**
 * iommufd_hwpt_is_one() - tell page tables from other objects
 * @obj: head of any object
 *
 * Context: any.
 * Return: whether it is the head of a &struct iommufd_hwpt_common.
 */
bool iommufd_hwpt_is_one(const struct iommufd_object *obj)
{
	return obj->type == IOMMUFD_OBJ_HWPT_PAGING ||
	       obj->type == IOMMUFD_OBJ_HWPT_NESTED;
}

/**
 * iommufd_hwpt_paging_of() - find the page table that the kernel fills
 * @hwpt: page table of any kind
 *
 * What is reserved and mapped for a device is so in the address space of the
 * result.
 *
 * Context: any.
 * Return: @hwpt itself, or the one it is nested in.
 */
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_of(struct iommufd_hwpt_common *hwpt)
{
	if (hwpt->obj.type == IOMMUFD_OBJ_HWPT_PAGING)
		return to_paging(&hwpt->obj);
	return container_of(hwpt, struct iommufd_hwpt_nested, common)->parent;
}

/**
 * iommufd_hwpt_put() - drop the long-lived user of an attached group
 * @hwpt: page table of any kind, NULL is ignored
 *
 * Context: may sleep, as iommufd_hwpt_paging_put().
 */
void iommufd_hwpt_put(struct iommufd_hwpt_common *hwpt)
{
	if (!hwpt)
		return;
	if (hwpt->obj.type == IOMMUFD_OBJ_HWPT_PAGING)
		iommufd_hwpt_paging_put(to_paging(&hwpt->obj));
	else
		iommufd_object_drop_user(&hwpt->obj);
}

/* IOMMU_HWPT_ALLOC */

static u32 driver_flags(u32 flags)
{
	u32 alloc = 0;

	if (flags & IOMMU_HWPT_ALLOC_NEST_PARENT)
		alloc |= IOMMU_ALLOC_NEST_PARENT;
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		alloc |= IOMMU_ALLOC_DIRTY_TRACKING;
	return alloc;
}

static int tell_id(struct iommufd_call *call, struct iommufd_object *obj)
{
	struct iommu_hwpt_alloc *arg = call->arg;

	arg->out_hwpt_id = obj->id;
	return iommufd_call_respond(call, sizeof(*arg));
}

static int alloc_paging(struct iommufd_call *call, struct iommufd_device *idev,
			struct iommufd_ioas *ioas,
			const struct iommu_user_blob *blob)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;
	int err;

	if (arg->flags & ~PAGING_FLAGS)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&ioas->lock))
		return -EINTR;

	hwpt = iommufd_hwpt_paging_alloc(call->ctx, ioas, idev,
					 driver_flags(arg->flags), blob, false);
	if (IS_ERR(hwpt)) {
		err = PTR_ERR(hwpt);
		goto out_unlock;
	}
	err = tell_id(call, &hwpt->common.obj);
	if (err)
		iommufd_hwpt_paging_abort(hwpt);
	else
		iommufd_object_publish(call->ctx, &hwpt->common.obj);
out_unlock:
	mutex_unlock(&ioas->lock);
	return err;
}

static int alloc_nested(struct iommufd_call *call, struct iommufd_device *idev,
			struct iommufd_hwpt_paging *parent,
			const struct iommu_user_blob *blob)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_hwpt_nested *hwpt;
	int err;

	/* Without a blob nobody knows where the page table is */
	if (arg->flags || !blob)
		return -EOPNOTSUPP;
	hwpt = iommufd_hwpt_nested_alloc(call->ctx, parent, idev, blob);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	err = tell_id(call, &hwpt->common.obj);
	if (err)
		iommufd_hwpt_nested_abort(call->ctx, hwpt);
	else
		iommufd_object_publish(call->ctx, &hwpt->common.obj);
	return err;
}

static int alloc_on(struct iommufd_call *call, struct iommufd_device *idev,
		    struct iommufd_object *pt)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	const struct iommu_user_blob data = {
		.uptr = u64_to_user_ptr(arg->data_uptr),
		.type = arg->data_type,
		.len = arg->data_len,
	};
	const struct iommu_user_blob *blob = data.len ? &data : NULL;

	switch (pt->type) {
	case IOMMUFD_OBJ_IOAS:
		return alloc_paging(call, idev,
				    container_of(pt, struct iommufd_ioas, obj),
				    blob);
	case IOMMUFD_OBJ_HWPT_PAGING:
		return alloc_nested(call, idev, to_paging(pt), blob);
	default:
		return -EINVAL;
	}
}

/**
 * iommufd_ioctl_hwpt_alloc() - IOMMU_HWPT_ALLOC
 * @call: the call, with a &struct iommu_hwpt_alloc
 *
 * Context: may sleep and pin memory.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -ENOENT, -EADDRINUSE, -EFAULT, -ENODEV,
 * -ENOMEM as Documentation/userspace-api/iommufd.rst says; -EINTR when the
 * caller is being killed.
 */
int iommufd_ioctl_hwpt_alloc(struct iommufd_call *call)
{
	struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_device *idev;
	struct iommufd_object *pt;
	int err;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	if (!arg->data_len != (arg->data_type == IOMMU_HWPT_DATA_NONE))
		return -EINVAL;

	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);

	pt = iommufd_object_get(call->ctx, arg->pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt)) {
		err = -EINVAL;
		goto out_put_device;
	}
	err = alloc_on(call, idev, pt);
	iommufd_object_put(call->ctx, pt);
out_put_device:
	iommufd_object_put(call->ctx, &idev->obj);
	return err;
}
