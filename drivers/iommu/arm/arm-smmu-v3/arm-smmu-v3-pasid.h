/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: which domains the PASIDs of a device are on.
 */
#ifndef _ARM_SMMU_V3_PASID_H
#define _ARM_SMMU_V3_PASID_H

#include <linux/iommu-pasid.h>

struct arm_smmu_cd;
struct arm_smmu_member;
struct device;
struct iommu_domain;

int arm_smmu_check_pasids(struct device *dev);
void arm_smmu_member_make_cd(const struct arm_smmu_member *member, struct arm_smmu_cd *cd);
int arm_smmu_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
			   ioasid_t pasid, struct iommu_domain *old);
int arm_smmu_block_pasid(struct iommu_domain *domain, struct device *dev,
			 ioasid_t pasid, struct iommu_domain *old);

#endif /* _ARM_SMMU_V3_PASID_H */
