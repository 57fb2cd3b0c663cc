// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's physical devices with an iommufd.
 *
 * A device whose requests the IOMMU translates is bound to the context and attached
 * to its page tables. So is one whose requests are those of a PASID of another device,
 * and one without an IOMMU: the context then keeps the memory pinned that it uses.
 * Calls for one device never overlap: the file that bound it, or its group, makes one at
 * a time.
 */

#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

static int set_bound(struct vfio_device *device, struct iommufd_device *idev)
{
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	device->iommufd_device = idev;
	return 0;
}

static int physical_bind(struct vfio_device *device, struct iommufd_ctx *ictx,
			 u32 *dev_id)
{
	return set_bound(device, iommufd_device_bind(ictx, device->dev, dev_id));
}

static int physical_attach(struct vfio_device *device, u32 *pt_id)
{
	int err;

	if (device->iommufd_attached)
		return iommufd_device_replace(device->iommufd_device,
					      IOMMU_NO_PASID, pt_id);

	err = iommufd_device_attach(device->iommufd_device, IOMMU_NO_PASID,
				    pt_id);
	if (!err)
		device->iommufd_attached = true;
	return err;
}

static void physical_detach(struct vfio_device *device)
{
	if (!device->iommufd_attached)
		return;
	iommufd_device_detach(device->iommufd_device, IOMMU_NO_PASID);
	device->iommufd_attached = false;
}

static int physical_attach_pasid(struct vfio_device *device, ioasid_t pasid,
				 u32 *pt_id)
{
	struct iommufd_device *idev = device->iommufd_device;
	int attached = iommufd_device_is_attached(idev, pasid);

	if (attached < 0)
		return attached;
	return attached ? iommufd_device_replace(idev, pasid, pt_id) :
			  iommufd_device_attach(idev, pasid, pt_id);
}

static void physical_detach_pasid(struct vfio_device *device, ioasid_t pasid)
{
	iommufd_device_detach(device->iommufd_device, pasid);
}

static void physical_unbind(struct vfio_device *device)
{
	iommufd_device_detach_all(device->iommufd_device);
	device->iommufd_attached = false;
	iommufd_device_unbind(device->iommufd_device);
	device->iommufd_device = NULL;
}

static const struct vfio_iommufd_ops vfio_iommufd_physical_ops = {
	.bind = physical_bind,
	.unbind = physical_unbind,
	.attach = physical_attach,
	.detach = physical_detach,
	.attach_pasid = physical_attach_pasid,
	.detach_pasid = physical_detach_pasid,
};

static int noiommu_bind(struct vfio_device *device, struct iommufd_ctx *ictx,
			u32 *dev_id)
{
	return set_bound(device, iommufd_device_bind_noiommu(ictx, device->dev,
							     dev_id));
}

static const struct vfio_iommufd_ops vfio_iommufd_noiommu_ops = {
	.bind = noiommu_bind,
	.unbind = physical_unbind,
	.attach = physical_attach,
	.detach = physical_detach,
};

static int pasid_bind(struct vfio_device *device, struct iommufd_ctx *ictx,
		      u32 *dev_id)
{
	return set_bound(device,
			 iommufd_device_bind_pasid(ictx, device->iommufd_parent,
						   device->iommufd_pasid,
						   dev_id));
}

static const struct vfio_iommufd_ops vfio_iommufd_pasid_ops = {
	.bind = pasid_bind,
	.unbind = physical_unbind,
	.attach = physical_attach,
	.detach = physical_detach,
};

/**
 * vfio_iommufd_use_pasid() - a device's DMA is that of a PASID of another one
 * @device: device that is about to be registered with
 *	    vfio_register_emulated_iommu_dev()
 * @parent: device with PASIDs, which the caller's driver is bound to
 * @pasid: PASID that @device has its DMA done with; the caller does not attach it, and
 *         frees it when @device is unregistered
 *
 * Users bind and attach @device like one of its own behind an IOMMU. The parent keeps
 * its driver, and its own DMA. A group of VFIO takes such a device with an iommufd only:
 * containers have no page table for a PASID.
 *
 * Context: any.
 */
void vfio_iommufd_use_pasid(struct vfio_device *device, struct device *parent,
			    u32 pasid)
{
	device->iommufd_parent = parent;
	device->iommufd_pasid = pasid;
	device->iommufd_ops = &vfio_iommufd_pasid_ops;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_use_pasid);

/**
 * vfio_iommufd_init_device() - prepare a device for use with an iommufd
 * @device: device that is being registered
 * @type: what translates the DMA of its group
 *
 * Sets the operations for iommufd, unless the driver has set them and the device is
 * behind an IOMMU.
 *
 * Context: may sleep.
 */
void vfio_iommufd_init_device(struct vfio_device *device,
			      enum vfio_group_type type)
{
	mutex_init(&device->iommufd_lock);
	mutex_init(&device->iommufd_unmap_lock);

	if (type == VFIO_NO_IOMMU)
		device->iommufd_ops = &vfio_iommufd_noiommu_ops;
	if (device->iommufd_ops)
		return;
	if (type == VFIO_IOMMU)
		device->iommufd_ops = &vfio_iommufd_physical_ops;
	else if (type == VFIO_EMULATED_IOMMU)
		device->iommufd_ops = &vfio_iommufd_emulated_ops;
}

MODULE_IMPORT_NS(IOMMUFD);
