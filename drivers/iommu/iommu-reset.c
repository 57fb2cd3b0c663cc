// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are being reset.
 *
 * While a device is reset it is taken off its domain and blocked: its requests are
 * refused, and the IOMMU driver does not ask it to invalidate cached translations,
 * which it could not answer. Its siblings stay on their domain. A reset does not
 * change the group's domain: at its end the device is attached to the domain that
 * the group is on by then.
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
 * Only devices that have an owner are blocked: native drivers take part in resets
 * themselves. A device that gets its owner during a reset is blocked until the
 * reset ends. Devices are blocked only where the IOMMU's driver has a static
 * blocked domain: to other drivers, leaving a domain and returning is expensive.
 * Some map all of its contents again, with interrupts off.
 *
 * A device with a native driver has its PASIDs blocked if there are any on domains. They
 * may belong to user space (mediated devices), which changes their page tables and
 * answers their page requests at any time and does not know of the reset. The requester
 * ID stays on its domain.
 *
 * What a reset waits for. VFIO resets within its memory_lock, which page faults wait for
 * within mmap_lock. So a reset takes the mutex of a group only if no task that has the
 * mutex waits for mmap_lock, or may wait for it before the reset gets the mutex. All that
 * do so are in a driver's sva_bind() or sva_unbind(), and counted from before the bind
 * until after the unbind (nr_driver_pasids).
 * Documentation/driver-api/iommu-attach.rst has a table of which groups these are.
 *
 * iommu_resets_lock makes what a reset finds, and that it waits, one step.
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
 * @dev: device; afterwards the caller drops its reference to the group and frees
 *       dev->iommu
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

/* Whether a reset has, or has had, something to block in a group */
static bool is_concerned(struct iommu_group *group)
{
	lockdep_assert_held(&iommu_resets_lock);
	return group->owner || READ_ONCE(group->nr_pasids_quiet) ||
	       iommu_group_pasids_heed_resets(group);
}

/*
 * Count a reset of a device at its beginning or end. It may be part of a larger
 * one: of the slot, the bus or the PF. Returns the group if the reset concerns it,
 * else NULL. The caller takes the mutex of the group only if it gets the group, and is
 * counted until then.
 *
 * Nothing keeps a device in its group here: a reset of a physical function, or of a
 * bus, also affects devices that are being removed. While the pointer to the group
 * is set, the reference that belongs to it and dev->iommu are valid.
 */
static struct iommu_group *count_reset(struct device *dev, int change)
{
	struct iommu_group *group;
	bool concerned = false;

	spin_lock(&iommu_resets_lock);
	group = iommu_group_get(dev);
	if (group && dev->iommu && (change > 0 || dev->iommu->resets)) {
		WRITE_ONCE(dev->iommu->resets, dev->iommu->resets + change);
		WRITE_ONCE(group->resets, group->resets + (change > 0));
		concerned = is_concerned(group);
		group->nr_reset_waits += concerned;
	}
	spin_unlock(&iommu_resets_lock);
	if (concerned)
		return group;
	iommu_group_put(group);
	return NULL;
}

static void lock_group(struct iommu_group *group)
{
	mutex_lock(&group->mutex);
	spin_lock(&iommu_resets_lock);
	group->nr_reset_waits--;
	spin_unlock(&iommu_resets_lock);
}

static void reset_device(struct device *dev, int change)
{
	struct iommu_group *group = count_reset(dev, change);
	struct group_device *member;

	if (group) {
		lock_group(group);
		member = find_member(group, dev);
		if (member)
			iommu_device_heed_resets(group, member);
		mutex_unlock(&group->mutex);
		iommu_group_put(group);
	}
	/* Also for attaches that a reset has kept away which blocked nothing */
	if (change < 0)
		iommu_resets_wake();
}

/* A reset of a physical function is one of its virtual functions, too */
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
 * Blocks the DMA of the device and of its virtual functions if it has an owner, or
 * as soon as it gets one, unless that would block other devices, too. Of a device with a
 * native driver, blocks the PASIDs that are on domains, unless the IOMMU's driver has
 * bound a process to it (&struct iommu_ops.sva_bind). Page requests from before are not
 * answered to a device that is blocked, or whose PASIDs are. May be nested.
 *
 * Context: takes &struct iommu_group.mutex if there is an owner, or a PASID is on a
 * domain; may sleep, does not allocate. The device_lock() is held, which pairs this with
 * iommu_device_reset_end() and keeps the number of virtual functions.
 *
 * The mutex is inside of all locks of the driver that is bound to @dev. So that driver may
 * hold what it holds when it attaches, replaces or detaches PASIDs; and what the handling
 * of page faults waits for, such as mmap_lock, since that is not waited for here.
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
 * Attaches it to the domain that its group is on now, and its PASIDs to theirs, if they
 * have been blocked. If that fails they stay blocked until a domain is attached to the
 * group, or to the PASID; the log says so.
 *
 * Context: as iommu_device_reset_begin().
 */
void iommu_device_reset_end(struct device *dev)
{
	reset_functions(dev, -1);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_reset_end, IOMMUFD_INTERNAL);
