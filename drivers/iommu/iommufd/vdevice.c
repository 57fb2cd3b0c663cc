// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices behind a virtual IOMMU: the ID that a guest has for a bound device.
 *
 * The driver that has bound a device may take it back at any time, and does not know of
 * this. So the name is no user of the device. It goes with it: the driver's side ends
 * before the unbind, and the number of the object is kept until the context ends, because
 * user space believes that it is its own.
 */
#include <linux/iommu-viommu.h>
#include <linux/mutex.h>

#include "device.h"
#include "iommufd_private.h"
#include "object.h"
#include "viommu.h"

/* Matches tie() in vdevice_alloc.c */
static void untie(struct iommufd_vdevice *vdev)
{
	lockdep_assert_held(&vdev->ctx->vdevices_lock);
	iommu_vdevice_destroy(vdev->base);
	vdev->base = NULL;
	vdev->idev->vdev = NULL;
	vdev->idev = NULL;
	iommufd_object_drop_user(&vdev->viommu->obj);
	vdev->viommu = NULL;
}

/**
 * iommufd_vdevice_destroy() - take a device's name apart
 * @obj: its head
 *
 * Context: may sleep.
 */
void iommufd_vdevice_destroy(struct iommufd_object *obj)
{
	struct iommufd_vdevice *vdev =
		container_of(obj, struct iommufd_vdevice, obj);

	mutex_lock(&vdev->ctx->vdevices_lock);
	if (vdev->idev)
		untie(vdev);
	mutex_unlock(&vdev->ctx->vdevices_lock);
}

/**
 * iommufd_vdevice_lose_device() - a device is being unbound
 * @idev: the device, which no call uses or finds any more
 *
 * Context: may sleep.
 */
void iommufd_vdevice_lose_device(struct iommufd_device *idev)
{
	struct iommufd_ctx *ctx = idev->ctx;
	struct iommufd_vdevice *vdev;
	bool hidden = false;

	mutex_lock(&ctx->vdevices_lock);
	vdev = idev->vdev;
	if (vdev) {
		untie(vdev);
		/*
		 * Otherwise it belongs to the call that makes it, or to one that
		 * destroys it. These need the lock, so it exists until here.
		 */
		hidden = vdev->published && iommufd_object_hide(ctx, &vdev->obj);
	}
	mutex_unlock(&ctx->vdevices_lock);
	if (hidden)
		iommufd_object_bury(ctx, &vdev->obj);
}
