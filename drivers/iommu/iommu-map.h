/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core's map path gives to drivers/iommu/iommu-map.c.
 */
#ifndef __IOMMU_MAP_H
#define __IOMMU_MAP_H

#include <linux/types.h>

struct iommu_domain;

/* drivers/iommu/iommu.c: one run, taken back on error, no sync */
int __iommu_map(struct iommu_domain *domain, unsigned long iova,
		phys_addr_t paddr, size_t size, int prot, gfp_t gfp);

#endif /* __IOMMU_MAP_H */
