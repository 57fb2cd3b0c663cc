/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: domains whose stage 1 belongs to a guest.
 */
#ifndef _ARM_SMMU_V3_NESTED_H
#define _ARM_SMMU_V3_NESTED_H

#include <linux/types.h>

struct device;
struct iommu_domain;
struct iommu_user_blob;
struct iommu_viommu;

int arm_smmu_check_nesting(struct device *dev);
struct iommu_domain *arm_smmu_alloc_nested(struct iommu_viommu *viommu,
					   struct device *dev, u32 flags,
					   const struct iommu_user_blob *blob);

#endif /* _ARM_SMMU_V3_NESTED_H */
