/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fake IOMMU offers to a core with the attach layer: a static blocked domain
 * and paging domains that are complete when they are made. It is apart from
 * fake_iommu.h, which an unmodified 6.1 core can build.
 */
#ifndef __FAKE_EXT_H
#define __FAKE_EXT_H

#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "fake_iommu.h"

/* The static domain of a driver: no device can reach anything through it */
extern struct iommu_domain fake_blocked;

int fake_attach_blocked(struct iommu_domain *domain, struct device *dev);
struct iommu_domain *fake_alloc_paging(struct device *dev, u32 flags);

/* What most drivers are made of: each adds release_device() and its domains' ops */
#define FAKE_DRIVER \
	.domain_alloc		= fake_domain_alloc, \
	.probe_device		= fake_probe_device, \
	.device_group		= fake_device_group, \
	.get_resv_regions	= fake_get_resv_regions, \
	.def_domain_type	= fake_def_domain_type, \
	.pgsize_bitmap		= SZ_4K

#endif /* __FAKE_EXT_H */
