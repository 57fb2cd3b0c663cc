// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI doorbells in domains that are not the DMA API's.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/msi.h>
#include <linux/mutex.h>

#include "iommu-attach.h"
#include "iommu-group.h"

/**
 * iommu_sw_msi_prepare() - let the owner of a domain map a doorbell
 * @desc: MSI descriptor of the device
 * @msi_addr: physical address that the device is to write to
 *
 * User space sets interrupts up and replaces domains as it likes, also at the
 * same time.  The group's mutex keeps the domain in place, and so in existence,
 * until its owner has answered.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: 0; -EOPNOTSUPP when the domain has no owner of that kind; the
 * owner's error.
 */
int iommu_sw_msi_prepare(struct msi_desc *desc, phys_addr_t msi_addr)
{
	struct iommu_group *group = iommu_group_get(msi_desc_to_dev(desc));
	struct iommu_domain *domain;
	int err = -EOPNOTSUPP;

	if (!group)
		return err;
	mutex_lock(&group->mutex);
	domain = group->domain;
	if (domain && domain->sw_msi)
		err = domain->sw_msi->prepare(domain, desc, msi_addr);
	mutex_unlock(&group->mutex);
	iommu_group_put(group);
	return err;
}
