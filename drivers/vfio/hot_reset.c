// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ownership of the devices that a hot reset affects.
 *
 * A user of groups passes their files to prove that it owns all devices that a
 * reset affects. A user of device nodes has no such files: it owns the devices that
 * are bound to its iommufd.
 */

#include <linux/device.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/vfio.h>

#include "device_cdev.h"
#include "vfio.h"

static struct vfio_device *find_in_set(struct vfio_device_set *dev_set,
				       struct device *dev)
{
	struct vfio_device *device;

	list_for_each_entry(device, &dev_set->device_list, dev_set_list)
		if (device->dev == dev)
			return device;
	return NULL;
}

/* Whether @device is bound to @ictx: an open device stays bound */
static bool is_bound_to(const struct vfio_device *device,
			struct iommufd_ctx *ictx)
{
	return device->open_count && device->iommufd_device &&
	       iommufd_device_to_ctx(device->iommufd_device) == ictx;
}

/**
 * vfio_device_reset_id() - ID by which a user knows a device that a reset affects
 * @user: device that the user opened by its node, and whose reset it asks for
 * @dev: device that is affected
 *
 * Only devices of the same set count as the user's: those of other sets are not
 * locked during the reset.
 *
 * Context: the set of @user is locked; may sleep.
 * Return: the ID of the device in the iommufd of @user;
 * %VFIO_PCI_DEVID_OWNED when it has none there, but its group belongs to that
 * iommufd; %VFIO_PCI_DEVID_NOT_OWNED for any other.
 */
u32 vfio_device_reset_id(struct vfio_device *user, struct device *dev)
{
	struct vfio_device *device;
	struct iommufd_ctx *ictx;

	lockdep_assert_held(&user->dev_set->lock);

	device = find_in_set(user->dev_set, dev);
	if (!device || !user->iommufd_device)
		return VFIO_PCI_DEVID_NOT_OWNED;
	ictx = iommufd_device_to_ctx(user->iommufd_device);
	if (is_bound_to(device, ictx))
		return iommufd_device_to_id(device->iommufd_device);
	if (iommufd_ctx_owns_group_of(ictx, dev))
		return VFIO_PCI_DEVID_OWNED;
	return VFIO_PCI_DEVID_NOT_OWNED;
}
EXPORT_SYMBOL_GPL(vfio_device_reset_id);
