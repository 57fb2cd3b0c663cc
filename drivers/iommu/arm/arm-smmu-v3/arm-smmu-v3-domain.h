/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: which domain a device is on, and domains made for one device.
 */
#ifndef _ARM_SMMU_V3_DOMAIN_H
#define _ARM_SMMU_V3_DOMAIN_H

#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>

struct arm_smmu_master;
struct device;
struct iommu_domain;

extern const struct iommu_ops_ext arm_smmu_ops_ext;

int arm_smmu_device_fits(struct iommu_domain *domain, struct device *dev,
			 ioasid_t pasid);
int arm_smmu_attach_dev(struct iommu_domain *domain, struct device *dev);
void arm_smmu_detach_dev(struct arm_smmu_master *master);

#endif /* _ARM_SMMU_V3_DOMAIN_H */
