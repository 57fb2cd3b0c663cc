// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether devices can read and write around the CPU caches.
 *
 * KVM asks: if so, the machine may flush them. It asks when it is given a file, which
 * VMMs do before there is a page table, and must not be told something else later. So
 * the answer is what the device's IOMMU is able to do, and whoever makes page tables
 * for devices sees to it that those of such an IOMMU do it.
 */

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "vfio.h"

/**
 * vfio_device_enforces_coherency() - are caches safe from a device?
 * @device: registered device
 *
 * Never changes.
 *
 * Context: any; the device cannot go meanwhile.
 * Return: true when no DMA of @device gets around the caches: it does none of its own,
 * or the IOMMU can make all of it snoop, also what the device does not want to.
 */
bool vfio_device_enforces_coherency(struct vfio_device *device)
{
	switch (device->group->type) {
	case VFIO_EMULATED_IOMMU:
		return true;
	case VFIO_IOMMU:
		return device_iommu_capable(device->dev,
					    IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
	default:
		return false;
	}
}

/**
 * vfio_group_enforces_coherency() - are caches safe from all devices of a group?
 * @group: group
 *
 * Does not depend on what the group uses, container or iommufd, nor on whether it
 * does so yet.
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
