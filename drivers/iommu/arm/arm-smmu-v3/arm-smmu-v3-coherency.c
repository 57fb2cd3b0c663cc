// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: devices all of whose accesses are coherent.
 *
 * References are to the Arm System Memory Management Unit Architecture Specification, SMMU
 * architecture version 3 (IHI 0070).
 */
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-coherency.h"

/**
 * arm_smmu_master_is_coherent() - tell whether no access of a device misses the caches
 * @master: device
 *
 * It is what firmware says of the root complex. An SMMU that makes all accesses cacheable
 * (S2FWB) is not enough: "no snoop" takes effect behind it (13.6.1.1).
 *
 * Context: any.
 * Return: whether that is so, in all stages of translation.
 */
bool arm_smmu_master_is_coherent(struct arm_smmu_master *master)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(master->dev);

	return fwspec && fwspec->flags & IOMMU_FWSPEC_PCI_RC_CANWBS;
}

/**
 * arm_smmu_enforce_coherency() - enforce_cache_coherency() of &struct iommu_domain_ops
 * @domain: paging domain of this driver
 *
 * Nothing has to be done for it; the caller lets no other device enter afterwards.
 *
 * Context: any.
 * Return: whether no access of the domain's devices misses the caches.
 */
bool arm_smmu_enforce_coherency(struct iommu_domain *domain)
{
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct arm_smmu_member *member;
	unsigned long flags;
	bool all = true;

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_for_each_entry(member, &smmu_domain->devices, node)
		all &= arm_smmu_master_is_coherent(member->master);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
	return all;
}
