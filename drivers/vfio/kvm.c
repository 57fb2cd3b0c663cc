// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual machine that uses a device.
 *
 * KVM registers a machine with a file, before or after devices are opened through
 * the file, and unregisters it when the last user of the machine is gone. Some
 * drivers need the machine while their device is open, and may be its last user. So
 * an open device holds a reference. The file has a pointer only, which is valid
 * while it is set: KVM clears it before the machine is freed.
 *
 * KVM clears it under locks of its own, possibly while a device is opened or closed
 * under those of VFIO. The pointer therefore has a lock of its own, inside which
 * no other is taken. The reference is dropped without any lock, since tearing down
 * a machine may wait for user space.
 */

#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#include "vfio.h"

/**
 * vfio_kvm_link_set() - set the virtual machine of a file
 * @link: link of the file
 * @kvm: the machine, or NULL for none; no reference is taken
 *
 * Does not change the machine of devices that are open already.
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
 * vfio_device_get_kvm() - set the machine of a device that is being opened
 * @device: device
 * @link: link of the file that it is opened through
 *
 * A machine that is being torn down counts as none. While the device has one, KVM
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
	/* From the module that the device now has a reference to */
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
	/* The module cannot be unloaded: the device still has its reference */
	put = symbol_get(kvm_put_kvm);
	if (WARN_ON_ONCE(!put))
		return;
	put(kvm);
	symbol_put(kvm_put_kvm);
	symbol_put(kvm_put_kvm);
}
