// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: reporting a device's fault to the handler of its domain.
 */
#include <linux/iommu.h>
#include <linux/spinlock.h>

#include "amd_iommu.h"
#include "domain.h"

/**
 * amd_iommu_report_fault() - pass a DMA fault on to the handler of the domain
 * @dev_data: device that the event log names
 * @address: that the device accessed, in bytes
 * @flags: IOMMU_FAULT_READ or IOMMU_FAULT_WRITE
 *
 * The event log is read concurrently with attaches, and an event may be outdated:
 * the device may be on another domain by now, and the old one freed. A domain is
 * freed after its devices were detached, each under its lock, so the domain stays
 * as long as the lock is held.
 *
 * Context: any that may take a spinlock. Takes @dev_data->lock, below which no
 * lock of a domain is taken: the handler must not attach or map.
 * Return: 0 when the handler took the fault; 1 when the device has no domain;
 * otherwise what the handler said, -ENOSYS when there is none.
 */
int amd_iommu_report_fault(struct iommu_dev_data *dev_data, u64 address,
			   int flags)
{
	unsigned long irqflags;
	int ret = 1;

	spin_lock_irqsave(&dev_data->lock, irqflags);
	if (dev_data->domain)
		ret = report_iommu_fault(&dev_data->domain->domain,
					 dev_data->dev, address, flags);
	spin_unlock_irqrestore(&dev_data->lock, irqflags);
	return ret;
}
