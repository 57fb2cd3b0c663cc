// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HWPT_ALLOC: page tables that user space asks for.
 */
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "device.h"
#include "fault.h"
#include "hwpt.h"
#include "ioas.h"
#include "object.h"
#include "viommu.h"

/* Flags of page tables for an address space, and of those that user space keeps */
#define PAGING_FLAGS							 \
	(IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING | \
	 IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID)
#define NESTED_FLAGS \
	(IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID)

/* Requests for pages of a parent are made to what is nested in it */
#define NO_FAULTS	IOMMU_HWPT_ALLOC_NEST_PARENT

/* A device that was bound by a PASID takes no other page tables */
static u32 driver_flags(struct iommufd_device *idev, u32 flags)
{
	u32 alloc = 0;

	if ((flags & IOMMU_HWPT_ALLOC_PASID) || iommufd_device_is_pasid(idev))
		alloc |= IOMMU_ALLOC_PASID;
	if (flags & IOMMU_HWPT_ALLOC_NEST_PARENT)
		alloc |= IOMMU_ALLOC_NEST_PARENT;
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		alloc |= IOMMU_ALLOC_DIRTY_TRACKING;
	return alloc;
}

/*
 * Making one accesses memory of user space in three places: the description is read
 * before any reference is taken, mapped memory is pinned after the reference to the
 * device was dropped, and the ID is written after all of them were. Nor does the
 * call keep the device while it waits for a lock whose owner pins. So slow memory
 * of user space does not delay the unbind of a device.
 *
 * The functions below return a page table whose ID finds nothing yet.
 */

static struct iommufd_hwpt_paging *
make_paging_locked(struct iommufd_call *call, struct iommufd_ioas *ioas,
		   const struct iommu_user_blob *blob)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;
	struct iommufd_device *idev;
	int err;

	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return ERR_CAST(idev);
	if (idev->noiommu && arg->flags)
		hwpt = ERR_PTR(-EOPNOTSUPP);
	else
		hwpt = iommufd_hwpt_paging_alloc(call->ctx, ioas, idev,
						 driver_flags(idev, arg->flags),
						 blob, false);
	iommufd_object_put(call->ctx, &idev->obj);
	if (IS_ERR(hwpt))
		return hwpt;
	err = iommufd_hwpt_paging_prefill(hwpt);
	if (err) {
		iommufd_hwpt_paging_abort(hwpt);
		return ERR_PTR(err);
	}
	return hwpt;
}

static struct iommufd_object *make_paging(struct iommufd_call *call,
					  struct iommufd_ioas *ioas,
					  const struct iommu_user_blob *blob)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;

	if (arg->flags & ~PAGING_FLAGS ||
	    (arg->flags & IOMMU_HWPT_FAULT_ID_VALID && arg->flags & NO_FAULTS))
		return ERR_PTR(-EOPNOTSUPP);
	if (mutex_lock_killable(&ioas->lock))
		return ERR_PTR(-EINTR);
	hwpt = make_paging_locked(call, ioas, blob);
	mutex_unlock(&ioas->lock);
	return IS_ERR(hwpt) ? ERR_CAST(hwpt) : &hwpt->common.obj;
}

/* On @parent, or on @viommu */
static struct iommufd_object *make_nested(struct iommufd_call *call,
					  struct iommufd_hwpt_paging *parent,
					  struct iommufd_viommu *viommu,
					  const struct iommu_user_blob *blob)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_hwpt_nested *hwpt;
	struct iommufd_device *idev;
	u32 flags;

	/* The blob says where the page table is */
	if (arg->flags & ~NESTED_FLAGS || !blob)
		return ERR_PTR(-EOPNOTSUPP);
	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return ERR_CAST(idev);
	flags = driver_flags(idev, arg->flags);
	if (viommu)
		hwpt = iommufd_hwpt_nested_alloc_on(viommu, idev, flags, blob);
	else
		hwpt = iommufd_hwpt_nested_alloc(call->ctx, parent, idev,
						 flags, blob);
	iommufd_object_put(call->ctx, &idev->obj);
	return IS_ERR(hwpt) ? ERR_CAST(hwpt) : &hwpt->common.obj;
}

static struct iommufd_object *make_on(struct iommufd_call *call,
				      struct iommufd_object *pt,
				      const struct iommu_user_blob *blob)
{
	switch (pt->type) {
	case IOMMUFD_OBJ_IOAS:
		return make_paging(call,
				   container_of(pt, struct iommufd_ioas, obj),
				   blob);
	case IOMMUFD_OBJ_HWPT_PAGING:
		return make_nested(call, to_hwpt_paging(pt), NULL, blob);
	case IOMMUFD_OBJ_VIOMMU:
		return make_nested(call, NULL,
				   container_of(pt, struct iommufd_viommu, obj),
				   blob);
	default:
		return ERR_PTR(-EINVAL);
	}
}

static struct iommufd_object *make(struct iommufd_call *call,
				   const struct iommu_user_blob *blob)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_object *pt, *hwpt;
	struct iommufd_device *idev;

	/* -ENOENT for the device has precedence over the errors below */
	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return ERR_CAST(idev);
	iommufd_object_put(call->ctx, &idev->obj);

	pt = iommufd_object_get(call->ctx, arg->pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt))
		return ERR_PTR(-EINVAL);
	hwpt = make_on(call, pt, blob);
	iommufd_object_put(call->ctx, pt);
	return hwpt;
}

static void abort_unlocked(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	struct iommufd_hwpt_nested *nested;
	struct iommufd_ioas *ioas;

	if (obj->type == IOMMUFD_OBJ_HWPT_NESTED) {
		nested = container_of(obj, struct iommufd_hwpt_nested,
				      common.obj);
		iommufd_hwpt_nested_abort(ctx, nested);
		return;
	}
	/* Without the page table as its user the address space may be gone */
	ioas = to_hwpt_paging(obj)->ioas;
	iommufd_object_add_user(&ioas->obj);
	mutex_lock(&ioas->lock);
	iommufd_hwpt_paging_abort(to_hwpt_paging(obj));
	mutex_unlock(&ioas->lock);
	iommufd_object_drop_user(&ioas->obj);
}

static int set_fault(struct iommufd_call *call, struct iommufd_object *hwpt)
{
	const struct iommu_hwpt_alloc *arg = call->arg;
	struct iommufd_fault *fault;

	if (!(arg->flags & IOMMU_HWPT_FAULT_ID_VALID))
		return 0;
	fault = iommufd_fault_get(call->ctx, arg->fault_id);
	if (IS_ERR(fault))
		return PTR_ERR(fault);
	iommufd_hwpt_set_fault(container_of(hwpt, struct iommufd_hwpt_common,
					    obj), fault);
	iommufd_object_put(call->ctx, &fault->queue.obj);
	return 0;
}

/**
 * iommufd_ioctl_hwpt_alloc() - IOMMU_HWPT_ALLOC
 * @call: the call, with a &struct iommu_hwpt_alloc
 *
 * Context: may sleep and pin memory.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -ENOENT, -EADDRINUSE, -EFAULT, -ENODEV,
 * -ENOMEM as Documentation/userspace-api/iommufd.rst says; -EINTR when the
 * caller is being killed; -ERESTARTNOINTR.
 */
int iommufd_ioctl_hwpt_alloc(struct iommufd_call *call)
{
	struct iommu_hwpt_alloc *arg = call->arg;
	struct iommu_user_blob blob;
	struct iommufd_object *hwpt;
	int err;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	if (!arg->data_len != (arg->data_type == IOMMU_HWPT_DATA_NONE))
		return -EINVAL;

	iommu_fetch_blob(&blob, arg->data_type,
			 u64_to_user_ptr(arg->data_uptr), arg->data_len);
	hwpt = make(call, arg->data_len ? &blob : NULL);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);

	arg->out_hwpt_id = hwpt->id;
	err = set_fault(call, hwpt);
	if (!err)
		err = iommufd_call_respond(call, sizeof(*arg));
	if (err)
		abort_unlocked(call->ctx, hwpt);
	else
		iommufd_object_publish(call->ctx, hwpt);
	return err;
}
