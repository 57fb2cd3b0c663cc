// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_VDEVICE_ALLOC: tell a virtual IOMMU the guest's ID of a device.
 */
#include <linux/err.h>
#include <linux/iommu-viommu.h>
#include <linux/mutex.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "device.h"
#include "iommufd_private.h"
#include "object.h"
#include "viommu.h"

/* Undone by untie() in vdevice.c */
static int tie(struct iommufd_vdevice *vdev, struct iommufd_viommu *viommu,
	       struct iommufd_device *idev)
{
	struct iommu_vdevice *base;

	lockdep_assert_held(&vdev->ctx->vdevices_lock);
	if (idev->vdev)
		return -EEXIST;
	base = iommu_vdevice_create(viommu->base, idev->dev, vdev->virt_id);
	if (IS_ERR(base))
		return PTR_ERR(base);
	vdev->base = base;
	vdev->viommu = viommu;
	vdev->idev = idev;
	idev->vdev = vdev;
	iommufd_object_add_user(&viommu->obj);
	return 0;
}

/* Publish the result, or discard it */
static struct iommufd_vdevice *make_for(struct iommufd_call *call,
					struct iommufd_viommu *viommu,
					struct iommufd_device *idev)
{
	const struct iommu_vdevice_alloc *arg = call->arg;
	struct iommufd_vdevice *vdev;
	int err;

	/* The requests of a PASID have the ID of another device */
	if (idev->noiommu || iommufd_device_is_pasid(idev) ||
	    !iommu_viommu_serves(viommu->base, idev->dev))
		return ERR_PTR(-EINVAL);
	vdev = iommufd_object_alloc(call->ctx, sizeof(*vdev),
				    IOMMUFD_OBJ_VDEVICE);
	if (IS_ERR(vdev))
		return vdev;
	vdev->ctx = call->ctx;
	vdev->viommu_id = viommu->obj.id;
	vdev->dev_id = idev->obj.id;
	vdev->virt_id = arg->virt_id;
	mutex_lock(&call->ctx->vdevices_lock);
	err = tie(vdev, viommu, idev);
	mutex_unlock(&call->ctx->vdevices_lock);
	if (err) {
		iommufd_object_abort(call->ctx, &vdev->obj);
		return ERR_PTR(err);
	}
	return vdev;
}

static struct iommufd_vdevice *make(struct iommufd_call *call)
{
	const struct iommu_vdevice_alloc *arg = call->arg;
	struct iommufd_viommu *viommu;
	struct iommufd_vdevice *vdev;
	struct iommufd_device *idev;

	viommu = iommufd_viommu_get(call->ctx, arg->viommu_id);
	if (IS_ERR(viommu))
		return ERR_CAST(viommu);
	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev)) {
		vdev = ERR_CAST(idev);
		goto out_put;
	}
	vdev = make_for(call, viommu, idev);
	iommufd_object_put(call->ctx, &idev->obj);
out_put:
	iommufd_object_put(call->ctx, &viommu->obj);
	return vdev;
}

/* The device may have been unbound while the ID was written */
static int publish(struct iommufd_vdevice *vdev)
{
	int err = -ENOENT;

	mutex_lock(&vdev->ctx->vdevices_lock);
	if (vdev->idev) {
		vdev->published = true;
		iommufd_object_publish(vdev->ctx, &vdev->obj);
		err = 0;
	}
	mutex_unlock(&vdev->ctx->vdevices_lock);
	return err;
}

/**
 * iommufd_ioctl_vdevice_alloc() - IOMMU_VDEVICE_ALLOC
 * @call: the call, with a &struct iommu_vdevice_alloc
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -ENOENT, -EEXIST as Documentation/userspace-api/iommufd_viommu.rst says;
 * -EFAULT; -ENOMEM; -EBUSY when all IDs are taken; the driver's error.
 */
int iommufd_ioctl_vdevice_alloc(struct iommufd_call *call)
{
	struct iommu_vdevice_alloc *arg = call->arg;
	struct iommufd_vdevice *vdev;
	int err;

	if (arg->virt_id > ULONG_MAX)
		return -EINVAL;
	vdev = make(call);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	arg->out_vdevice_id = vdev->obj.id;
	err = iommufd_call_respond(call, sizeof(*arg));
	if (!err)
		err = publish(vdev);
	if (err)
		iommufd_object_discard(call->ctx, &vdev->obj);
	return err;
}
