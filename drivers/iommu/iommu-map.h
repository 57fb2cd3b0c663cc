/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What iommu-map.c uses of the map path in iommu.c.
 */
#ifndef __IOMMU_MAP_H
#define __IOMMU_MAP_H

#include <linux/types.h>

struct iommu_domain;

/* drivers/iommu/iommu.c: map one run, or nothing on error, without sync */
int __iommu_map(struct iommu_domain *domain, unsigned long iova,
		phys_addr_t paddr, size_t size, int prot, gfp_t gfp);

#endif /* __IOMMU_MAP_H */
