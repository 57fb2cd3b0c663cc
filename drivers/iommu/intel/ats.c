// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: when a device may cache translations, and when its domain knows.
 *
 * A function with ATS keeps translations of its own.  What it has cached it uses
 * without asking, so its domain has to flush it from before the first of them
 * until after the last.
 */
#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/spinlock.h>

#include "domain.h"
#include "iommu.h"

/**
 * intel_ats_enable() - let a device cache translations of its domain
 * @info: PCI device that supports ATS, in the list of @info->domain
 *
 * The lock keeps flushes waiting, so that none is sent to a function that is
 * not enabled, and none is left out once it is.  Without success,
 * has_iotlb_device may say too much until the domain is asked again.
 *
 * Context: any that may take a spinlock.  Takes @info->domain->lock.
 */
void intel_ats_enable(struct device_domain_info *info)
{
	struct dmar_domain *domain = info->domain;
	struct pci_dev *pdev = to_pci_dev(info->dev);
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	info->ats_qdep = pci_ats_queue_depth(pdev);
	WRITE_ONCE(domain->has_iotlb_device, true);
	/*
	 * The flag before the first walk for the device.  Pairs with the barrier
	 * of iommu_flush_dev_iotlb() between an entry that was cleared and the
	 * flag: either the flush sees the flag, or the device sees the entry.
	 */
	smp_mb();
	if (!pci_enable_ats(pdev, VTD_PAGE_SHIFT))
		info->ats_enabled = 1;
	spin_unlock_irqrestore(&domain->lock, flags);
}

/**
 * intel_ats_disable_locked() - let a device of a domain cache no more translations
 * @info: PCI device in the list of @info->domain
 *
 * For whoever unmaps, too, when the device is on its way out and does not answer:
 * the read from and the write to the device end after all that it has sent
 * before, and what it has cached it can no longer use. Does nothing if ATS is not
 * enabled.
 *
 * Context: any. @info->domain->lock is held.
 */
void intel_ats_disable_locked(struct device_domain_info *info)
{
	lockdep_assert_held(&info->domain->lock);
	if (!info->ats_enabled)
		return;
	pci_disable_ats(to_pci_dev(info->dev));
	info->ats_enabled = 0;
}

/**
 * intel_ats_disable() - let a device cache no more translations
 * @info: PCI device in the list of @info->domain
 *
 * By now nothing translates for the device, and its cache has been flushed; or
 * the device did not answer, and what it has cached it can no longer use. A flush
 * by someone else that gave up on it has done this before.
 *
 * Context: any that may take a spinlock.  Takes @info->domain->lock.
 */
void intel_ats_disable(struct device_domain_info *info)
{
	struct dmar_domain *domain = info->domain;
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	intel_ats_disable_locked(info);
	spin_unlock_irqrestore(&domain->lock, flags);
}
