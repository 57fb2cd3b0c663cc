/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Doorbells, where the IOMMU translates the writes that raise interrupts.
 */
#ifndef __IOMMUFD_SW_MSI_H
#define __IOMMUFD_SW_MSI_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct device;
struct iommu_domain;
struct iommufd_ctx;
struct iommufd_hwpt_paging;

#define IOMMUFD_SW_MSI_MAX 64

/**
 * struct iommufd_sw_msi - doorbell pages that devices of a context write to
 * @lock: protects the table and the doorbells of all page tables
 * @hwpts: page tables that have all doorbells
 * @nr: number of entries in use
 * @phys: physical address of the doorbell page
 *
 * Entry n lies n pages behind the start of the devices' window, in every page
 * table. So an address once given to a device stays right when its domain is
 * replaced.
 */
struct iommufd_sw_msi {
	struct mutex lock;
	struct list_head hwpts;
	unsigned int nr;
	phys_addr_t phys[IOMMUFD_SW_MSI_MAX];
};

void iommufd_sw_msi_init(struct iommufd_ctx *ctx);
void iommufd_sw_msi_adopt(struct iommufd_hwpt_paging *hwpt,
			  struct iommu_domain *domain);
int iommufd_sw_msi_install(struct iommufd_hwpt_paging *hwpt,
			   struct device *dev);
int iommufd_sw_msi_finish(struct iommufd_hwpt_paging *hwpt);
void iommufd_sw_msi_remove(struct iommufd_hwpt_paging *hwpt);

#endif /* __IOMMUFD_SW_MSI_H */
