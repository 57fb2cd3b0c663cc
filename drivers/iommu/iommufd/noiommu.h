/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices without an IOMMU.
 */
#ifndef __IOMMUFD_NOIOMMU_H
#define __IOMMUFD_NOIOMMU_H

#include <linux/err.h>
#include <linux/kconfig.h>

struct iommu_domain;
struct iommufd_call;

#if IS_ENABLED(CONFIG_VFIO_NOIOMMU)
struct iommu_domain *iommufd_noiommu_alloc_domain(void);
int iommufd_ioctl_ioas_noiommu_get_pa(struct iommufd_call *call);
#else
static inline struct iommu_domain *iommufd_noiommu_alloc_domain(void)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline int iommufd_ioctl_ioas_noiommu_get_pa(struct iommufd_call *call)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* __IOMMUFD_NOIOMMU_H */
