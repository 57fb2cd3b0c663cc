// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether devices can access memory around the CPU caches.
 *
 * If so, KVM lets the guest flush caches. KVM asks when it is given a file, which
 * VMMs do before there is a page table, and the answer must not change later. So it
 * depends on the capability of the device's IOMMU alone, and container and iommufd
 * make page tables that enforce coherency where the IOMMU has the capability.
 */

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/**
 * vfio_device_enforces_coherency() - tell whether all DMA of a device is coherent
 * @device: registered device
 *
 * The answer never changes.
 *
 * Context: any; @device must stay registered.
 * Return: true when no DMA of @device bypasses the caches: it does none of its own,
 * or the IOMMU can force all of it to snoop, including requests marked "no snoop". One
 * that uses a PASID of its parent is as coherent as that.
 */
bool vfio_device_enforces_coherency(struct vfio_device *device)
{
	struct device *parent = vfio_iommufd_parent(device);

	switch (device->group->type) {
	case VFIO_EMULATED_IOMMU:
		return !parent ||
		       device_iommu_capable(parent,
					    IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
	case VFIO_IOMMU:
		return device_iommu_capable(device->dev,
					    IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
	default:
		return false;
	}
}

/**
 * vfio_group_enforces_coherency() - tell whether all DMA of a group is coherent
 * @group: group
 *
 * The answer does not depend on whether the group has a container or an iommufd.
 *
 * Context: may sleep; called under locks of KVM.
 * Return: as vfio_device_enforces_coherency(), for all devices that VFIO has of
 * @group.
 */
bool vfio_group_enforces_coherency(struct vfio_group *group)
{
	struct vfio_device *device;
	bool all = group->type != VFIO_NO_IOMMU;

	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next)
		all &= vfio_device_enforces_coherency(device);
	mutex_unlock(&group->device_lock);
	return all;
}
