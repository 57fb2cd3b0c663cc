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
 *   reset                                               attach, replace: -EBUSY
 *                                                       detach: group only
 *   restore its configuration
 *                               end: device on the
 *                               domain of the group
 *
 * Only devices in the hands of an owner are blocked: native drivers take part
 * in resets themselves.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pci.h>

#include "iommu-attach.h"
#include "iommu-group.h"

static int is_other_alias(struct pci_dev *pdev, u16 alias, void *data)
{
	return alias != pci_dev_id(pdev);
}

/*
 * Does the IOMMU take requests of one device for those of another? Then it can
 * only block both, and the other one may be busy.
 */
static bool shares_requester_id(struct iommu_group *group)
{
	struct group_device *member;

	if (list_is_singular(&group->devices))
		return false;
	list_for_each_entry(member, &group->devices, list)
		if (dev_is_pci(member->dev) &&
		    pci_for_each_dma_alias(to_pci_dev(member->dev),
					   is_other_alias, NULL))
			return true;
	return false;
}

/* The device in its group, if the IOMMU can do anything about it */
static struct group_device *find_member(struct iommu_group *group,
					struct device *dev)
{
	struct group_device *member;

	lockdep_assert_held(&group->mutex);
	list_for_each_entry(member, &group->devices, list)
		if (member->dev == dev && iommu_device_usable(dev))
			return member;
	return NULL;
}

static void begin_locked(struct iommu_group *group, struct group_device *member)
{
	/* A reset of the function as a part of a larger one */
	if (member->resets)
		member->resets++;
	else if (group->owner && !shares_requester_id(group) &&
		 iommu_device_quiesce(group, member->dev))
		member->resets = 1;
}

static void end_locked(struct iommu_group *group, struct group_device *member)
{
	if (member->resets && !--member->resets)
		iommu_device_resume(group, member->dev);
}

/* Do something about a device, with its group locked */
static void with_member(struct device *dev,
			void (*act)(struct iommu_group *group,
				    struct group_device *member))
{
	struct iommu_group *group = iommu_group_get(dev);
	struct group_device *member;

	if (!group)
		return;
	mutex_lock(&group->mutex);
	member = find_member(group, dev);
	if (member)
		act(group, member);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
}

/**
 * iommu_device_reset_begin() - a device is about to be reset
 * @dev: device that has been told to send nothing any more
 *
 * Blocks its DMA if an owner has it, and if that can be done to this device
 * alone. May be nested.
 *
 * Context: takes &struct iommu_group.mutex; may sleep, does not allocate. The
 * device_lock() is held, which pairs this with iommu_device_reset_end().
 */
void iommu_device_reset_begin(struct device *dev)
{
	with_member(dev, begin_locked);
}

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
	with_member(dev, end_locked);
}
