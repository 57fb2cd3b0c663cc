// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs: the part of an IOMMU that a guest has.
 */
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-viommu.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "device.h"
#include "hwpt.h"
#include "mmap.h"
#include "object.h"
#include "viommu.h"

static const struct iommu_viommu_owner_ops owner_ops = {
	.report = iommufd_veventq_report,
	.publish = iommufd_mmap_publish,
	.unpublish = iommufd_mmap_unpublish,
};

/**
 * iommufd_viommu_get() - find a virtual IOMMU for the length of a call
 * @ctx: context
 * @id: ID that user space named
 *
 * Context: any.
 * Return: the virtual IOMMU with a reference for iommufd_object_put(), or
 * ERR_PTR(-ENOENT).
 */
struct iommufd_viommu *iommufd_viommu_get(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(ctx, id, IOMMUFD_OBJ_VIOMMU);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct iommufd_viommu, obj);
}

/**
 * iommufd_viommu_destroy() - take a virtual IOMMU apart
 * @obj: its head; nothing is left on it, and its memory is not mapped
 *
 * Context: may sleep.
 */
void iommufd_viommu_destroy(struct iommufd_object *obj)
{
	struct iommufd_viommu *viommu =
		container_of(obj, struct iommufd_viommu, obj);

	WARN_ON_ONCE(!list_empty(&viommu->eventqs));
	if (viommu->base && !iommu_viommu_destroy(viommu->base))
		iommufd_mmap_forget(viommu);
	mutex_destroy(&viommu->queues_lock);
	iommufd_object_drop_user(&viommu->parent->common.obj);
}

/* Publish the result, or discard it */
static struct iommufd_viommu *make_on(struct iommufd_call *call,
				      struct iommufd_device *idev,
				      struct iommufd_hwpt_paging *parent,
				      struct iommu_user_blob *blob)
{
	const struct iommu_viommu_alloc *arg = call->arg;
	struct iommufd_viommu *viommu;
	struct iommu_viommu *base;

	if (!parent->nest_parent)
		return ERR_PTR(-EINVAL);
	viommu = iommufd_object_alloc(call->ctx, sizeof(*viommu),
				      IOMMUFD_OBJ_VIOMMU);
	if (IS_ERR(viommu))
		return viommu;
	viommu->ctx = call->ctx;
	viommu->parent = parent;
	iommufd_object_add_user(&parent->common.obj); /* matches iommufd_viommu_destroy() */
	mutex_init(&viommu->queues_lock);
	spin_lock_init(&viommu->eventqs_lock);
	INIT_LIST_HEAD(&viommu->eventqs);
	base = iommu_viommu_create(idev->dev, arg->type, parent->common.domain,
				   &owner_ops, viommu, blob);
	if (IS_ERR(base)) {
		iommufd_object_discard(call->ctx, &viommu->obj);
		return ERR_CAST(base);
	}
	viommu->base = base;
	return viommu;
}

static struct iommufd_viommu *make_for(struct iommufd_call *call,
				       struct iommufd_device *idev,
				       struct iommu_user_blob *blob)
{
	const struct iommu_viommu_alloc *arg = call->arg;
	struct iommufd_hwpt_paging *parent;
	struct iommufd_viommu *viommu;
	struct iommufd_object *pt;

	/* One that was bound by a PASID has a driver, which uses the IOMMU, too */
	if (idev->noiommu || iommufd_device_is_pasid(idev) ||
	    iommu_device_has_viommu(idev->dev, arg->type))
		return ERR_PTR(-EOPNOTSUPP);
	pt = iommufd_object_get(call->ctx, arg->hwpt_id,
				IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(pt))
		return ERR_CAST(pt);
	parent = to_hwpt_paging(pt);
	viommu = make_on(call, idev, parent, blob);
	iommufd_object_put(call->ctx, pt);
	return viommu;
}

static struct iommufd_viommu *make(struct iommufd_call *call,
				   struct iommu_user_blob *blob)
{
	const struct iommu_viommu_alloc *arg = call->arg;
	struct iommufd_viommu *viommu;
	struct iommufd_device *idev;

	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return ERR_CAST(idev);
	viommu = make_for(call, idev, blob);
	iommufd_object_put(call->ctx, &idev->obj);
	return viommu;
}

static int respond(struct iommufd_call *call, const struct iommu_user_blob *blob)
{
	const struct iommu_viommu_alloc *arg = call->arg;

	if (copy_to_user(u64_to_user_ptr(arg->data_uptr), blob->data,
			 blob->answer_bytes))
		return -EFAULT;
	return iommufd_call_respond(call, sizeof(*arg));
}

/**
 * iommufd_ioctl_viommu_alloc() - IOMMU_VIOMMU_ALLOC
 * @call: the call, with a &struct iommu_viommu_alloc
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -ENOENT, -EINVAL, -EFAULT as
 * Documentation/userspace-api/iommufd_viommu.rst says; -ENOMEM; -EBUSY when all IDs are taken;
 * the driver's error.
 */
int iommufd_ioctl_viommu_alloc(struct iommufd_call *call)
{
	struct iommu_viommu_alloc *arg = call->arg;
	struct iommufd_viommu *viommu;
	struct iommu_user_blob blob;
	int err;

	if (arg->flags || arg->type == IOMMU_VIOMMU_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	/* Memory of user space is accessed while no reference is held */
	iommu_fetch_blob(&blob, arg->type, u64_to_user_ptr(arg->data_uptr),
			 arg->data_len);
	viommu = make(call, arg->data_len ? &blob : NULL);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	arg->out_viommu_id = viommu->obj.id;
	err = respond(call, &blob);
	if (err)
		iommufd_object_discard(call->ctx, &viommu->obj);
	else
		iommufd_object_publish(call->ctx, &viommu->obj);
	return err;
}
