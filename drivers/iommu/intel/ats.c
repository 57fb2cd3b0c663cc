// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: enabling and disabling ATS in step with the flushes of the domain.
 *
 * A function with ATS caches translations, and uses them without asking the unit.
 * So its domain has to flush it from before the first translation is cached until
 * after the last one is gone.
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
 * The lock excludes flushes: none is sent to a function that is not enabled, and
 * none is skipped once it is. If enabling fails, has_iotlb_device may stay set until
 * it is computed again, which costs flushes but is safe.
 *
 * Context: any that may take a spinlock. Takes @info->domain->lock.
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
	 * Orders the flag before the first walk for the device. Pairs with the
	 * barrier in iommu_flush_dev_iotlb(), which orders a cleared entry before
	 * the read of the flag: either the flush sees the flag, or the device
	 * sees the cleared entry.
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
 * An unmap calls this, too, when the device is being removed and does not answer
 * a flush. The read from and the write to the device complete after every request
 * that it sent before, and it can no longer use what it has cached. Does nothing
 * if ATS is not enabled.
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
 * The unit must not translate for the device any more, and its cache must have
 * been flushed, unless it did not answer. A flush in another task that got no
 * answer may have disabled ATS already.
 *
 * Context: any that may take a spinlock. Takes @info->domain->lock.
 */
void intel_ats_disable(struct device_domain_info *info)
{
	struct dmar_domain *domain = info->domain;
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	intel_ats_disable_locked(info);
	spin_unlock_irqrestore(&domain->lock, flags);
}
