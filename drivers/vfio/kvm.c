// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual machine that a device is used by.
 *
 * KVM ties itself to a file, before or after devices are opened through that,
 * and lets go of it when the last user of the machine is gone. Some drivers
 * need the machine while their device is open, and may be its last user. So an
 * open device holds a reference, and a file only a pointer, which is good as
 * long as it stands there: KVM takes it back before the machine goes.
 *
 * That may happen while close_device() runs, under the locks of VFIO. The link
 * therefore has a lock of its own, inside which nothing else is taken.
 *
 * KVM also asks whether a device can read and write around the CPU caches: if so,
 * the machine may flush them. It asks when it is given the file, which VMMs do before
 * there is a page table, and must not be told something else later. So the answer is
 * what the device's IOMMU is able to do, and whoever makes page tables for devices
 * sees to it that those of such an IOMMU do it.
 */

#include <linux/iommu.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#include "vfio.h"

/**
 * vfio_kvm_link_set() - tie a file to a virtual machine
 * @link: link of the file
 * @kvm: the machine, or NULL to untie; no reference is taken
 *
 * Devices that are open already are not concerned.
 *
 * Context: any process context; called under locks of KVM.
 */
void vfio_kvm_link_set(struct vfio_kvm_link *link, struct kvm *kvm)
{
	spin_lock(&link->lock);
	link->kvm = kvm;
	spin_unlock(&link->lock);
}

/**
 * vfio_device_get_kvm() - give a device that is being opened its machine
 * @device: device
 * @link: link of the file that it is opened through
 *
 * A machine that is on its way out is none. While the device has one, KVM
 * cannot be unloaded.
 *
 * Context: the set of @device is locked; may sleep.
 */
void vfio_device_get_kvm(struct vfio_device *device, struct vfio_kvm_link *link)
{
	void (*put)(struct kvm *kvm) = symbol_get(kvm_put_kvm);
	bool (*get)(struct kvm *kvm);

	lockdep_assert_held(&device->dev_set->lock);
	if (!put)
		return;
	/* From the same module, which stays now */
	get = symbol_get(kvm_get_kvm_safe);
	if (!get) {
		symbol_put(kvm_put_kvm);
		return;
	}
	spin_lock(&link->lock);
	if (link->kvm && get(link->kvm))
		device->kvm = link->kvm;
	spin_unlock(&link->lock);
	symbol_put(kvm_get_kvm_safe);
	if (!device->kvm)
		symbol_put(kvm_put_kvm);
}

/**
 * vfio_device_take_kvm() - take the machine from a device that was closed
 * @device: device, with or without one
 *
 * Context: the set of @device is locked.
 * Return: the machine for vfio_device_put_kvm(), or NULL.
 */
struct kvm *vfio_device_take_kvm(struct vfio_device *device)
{
	struct kvm *kvm = device->kvm;

	lockdep_assert_held(&device->dev_set->lock);
	device->kvm = NULL;
	return kvm;
}

/**
 * vfio_device_put_kvm() - drop the machine that a device had
 * @device: device
 * @kvm: what vfio_device_take_kvm() returned
 *
 * The last user tears the machine down, and may have to unmap memory of its
 * process for that. A userfaultfd can hold this up for as long as it likes, and
 * the set of @device is not only this user's.
 *
 * Context: no lock is held; may sleep, until the machine has gone if this was its
 * last user.
 */
void vfio_device_put_kvm(struct vfio_device *device, struct kvm *kvm)
{
	void (*put)(struct kvm *kvm);

	lockdep_assert_not_held(&device->dev_set->lock);
	if (!kvm)
		return;
	/* Nobody can unload it: the device still has a reference of its own */
	put = symbol_get(kvm_put_kvm);
	if (WARN_ON_ONCE(!put))
		return;
	put(kvm);
	symbol_put(kvm_put_kvm);
	symbol_put(kvm_put_kvm);
}

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
