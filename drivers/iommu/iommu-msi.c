// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI doorbells: which layer maps them for a device.
 */
#include <linux/device.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/msi.h>
#include <linux/mutex.h>

#include "iommu-attach.h"
#include "iommu-group.h"

/* Interrupts of the group are blocked now, but must work once it is attached */
static bool is_blocked_for_owner(const struct iommu_group *group)
{
	return group->dma_owner && group->dma_owner->sw_msi && group->domain &&
	       group->domain == group->blocking_domain;
}

static int prepare_locked(struct iommu_group *group, struct msi_desc *desc,
			  phys_addr_t msi_addr)
{
	struct iommu_dma_owner *owner = group->dma_owner;
	struct iommu_domain *domain = group->domain;

	if (is_blocked_for_owner(group))
		return owner->sw_msi->prepare_blocked(owner, desc, msi_addr);
	if (domain && domain->sw_msi)
		return domain->sw_msi->prepare(domain, desc, msi_addr);
	return iommu_dma_map_msi(domain, desc, msi_addr);
}

/**
 * iommu_dma_prepare_msi() - make a doorbell reachable for a device
 * @desc: MSI descriptor of the device; will store the IOVA of the doorbell, or
 *        that it has none
 * @msi_addr: physical address that the device is to write to
 *
 * User space may set interrupts up and replace domains at the same time. The
 * domain is therefore looked up and used under the group's mutex: a domain that a
 * group is on is not freed, and the group cannot leave it while the mutex is held.
 * The same protects the doorbell pages of VFIO type1 and of the DMA API, which are
 * freed with their domain. While a device that has an owner is blocked, the owner
 * says at which IOVA the doorbell will be: the physical address, which is right
 * for a domain without translation, may be mapped to memory in the owner's domains.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: 0; -ENOMEM when the doorbell cannot be mapped; the error of the
 * owner of the domain or of the device.
 */
int iommu_dma_prepare_msi(struct msi_desc *desc, phys_addr_t msi_addr)
{
	struct iommu_group *group = iommu_group_get(msi_desc_to_dev(desc));
	int err;

	if (!group)
		return iommu_dma_map_msi(NULL, desc, msi_addr);
	mutex_lock(&group->mutex);
	err = prepare_locked(group, desc, msi_addr);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
	return err;
}
