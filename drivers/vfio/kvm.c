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
 * KVM takes it back under locks of its own, and may do so while a device is opened
 * or closed under those of VFIO. The link therefore has a lock of its own, inside
 * which nothing else is taken. The reference is dropped under no lock at all, since
 * the end of a machine may wait for user space.
 */

#include <linux/kvm_host.h>
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
