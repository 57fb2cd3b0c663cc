// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of user space that are being reset.
 *
 * While a device is reset it is taken off its domain and blocked: what it sends
 * meanwhile goes nowhere, and its driver has no reason to ask it to invalidate
 * what it caches, which it could not answer. Its siblings stay where they are.
 * The group's domain is the same all the time: the device comes back to it, or
 * to what it has become.
 *
 *   PCI core                    this layer              owner of the group
 *
 *   save and disable the device
 *                               begin: device blocked
 *   reset                                               attach waits
 *                                                       replace: -EBUSY
 *                                                       detach: group only
 *   restore its configuration
 *                               end: device on the
 *                               domain of the group
 *
 * Only devices in the hands of an owner are blocked: native drivers take part
 * in resets themselves. An owner who comes during a reset finds the device blocked
 * until it ends. And only where the IOMMU's driver has a static blocked
 * domain: to others, leaving a domain and coming back is no small thing. Some
 * map again all that is in it, with interrupts off.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>

#include "iommu-attach.h"
#include "iommu-group.h"

/**
 * iommu_device_forget_group() - a device is no longer in its group
 * @dev: device; the caller drops its reference to the group, and frees dev->iommu,
 *       afterwards
 *
 * Context: may be called with &struct iommu_group.mutex held, does not sleep.
 */
void iommu_device_forget_group(struct device *dev)
{
	spin_lock(&iommu_resets_lock);
	dev->iommu_group = NULL;
	spin_unlock(&iommu_resets_lock);
}

/* The device in its group */
static struct group_device *find_member(struct iommu_group *group,
					struct device *dev)
{
	struct group_device *member;

	lockdep_assert_held(&group->mutex);
	list_for_each_entry(member, &group->devices, list)
		if (member->dev == dev)
			return member;
	return NULL;
}

/*
 * Count a reset of a device in or out. It may be a part of a larger one: of the slot,
 * the bus, the PF. Returns the group if there is, or was, something to do for an
 * owner, else NULL.
 *
 * Only then may the mutex of the group be taken. A native driver may hold that for as
 * long as mmap_lock is held by others (iommu_sva_bind_device()), while VFIO resets
 * the physical function of its device within memory_lock, for which page faults
 * within mmap_lock wait.
 *
 * Nothing keeps a device in its group here: a reset of a physical function, or of a
 * bus, comes upon devices that are being removed. While the link is there, so are
 * the reference that goes with it and dev->iommu.
 */
static struct iommu_group *count_reset(struct device *dev, int change)
{
	struct iommu_group *group;
	bool busy = false;

	spin_lock(&iommu_resets_lock);
	group = iommu_group_get(dev);
	if (group && dev->iommu && (change > 0 || dev->iommu->resets)) {
		WRITE_ONCE(dev->iommu->resets, dev->iommu->resets + change);
		busy = group->owner || READ_ONCE(group->nr_quiet);
	}
	spin_unlock(&iommu_resets_lock);
	if (busy)
		return group;
	iommu_group_put(group);
	return NULL;
}

static void reset_device(struct device *dev, int change)
{
	struct iommu_group *group = count_reset(dev, change);
	struct group_device *member;

	if (!group)
		return;
	mutex_lock(&group->mutex);
	member = find_member(group, dev);
	if (member)
		iommu_device_heed_resets(group, member);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
}

/* A reset of a physical function is one of its virtual functions, too. */
static void reset_functions(struct device *dev, int change)
{
	struct pci_dev *pf, *vf;
	int i;

	reset_device(dev, change);
	if (!dev_is_pci(dev))
		return;
	pf = to_pci_dev(dev);
	for (i = 0; i < pci_num_vf(pf); i++) {
		vf = pci_get_domain_bus_and_slot(pci_domain_nr(pf->bus),
						 pci_iov_virtfn_bus(pf, i),
						 pci_iov_virtfn_devfn(pf, i));
		if (!vf)
			continue;
		reset_device(&vf->dev, change);
		pci_dev_put(vf);
	}
}

/**
 * iommu_device_reset_begin() - a device is about to be reset
 * @dev: device that has been told to send nothing any more
 *
 * Blocks its DMA if an owner has it, or as soon as one has, and if that can be
 * done to this device alone; and that of its virtual functions. May be nested.
 *
 * Context: takes &struct iommu_group.mutex if there is an owner; may sleep, does
 * not allocate. The device_lock() is held, which pairs this with
 * iommu_device_reset_end() and keeps the number of virtual functions.
 */
void iommu_device_reset_begin(struct device *dev)
{
	reset_functions(dev, 1);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_reset_begin, IOMMUFD_INTERNAL);

/**
 * iommu_device_reset_end() - a device has been reset
 * @dev: device, whose configuration can be accessed
 *
 * Puts it on the domain that its group is on now. If that fails it stays
 * blocked, which the log says, until something else is attached to the group.
 *
 * Context: as iommu_device_reset_begin().
 */
void iommu_device_reset_end(struct device *dev)
{
	reset_functions(dev, -1);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_reset_end, IOMMUFD_INTERNAL);
