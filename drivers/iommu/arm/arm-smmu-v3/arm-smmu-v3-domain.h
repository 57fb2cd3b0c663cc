/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: which domain a device is on, and domains made for one device.
 */
#ifndef _ARM_SMMU_V3_DOMAIN_H
#define _ARM_SMMU_V3_DOMAIN_H

#include <linux/iommu-pasid.h>

#include "arm-smmu-v3.h"

struct arm_smmu_ste;
struct device;
struct iommu_domain;

int arm_smmu_device_fits(struct iommu_domain *domain, struct device *dev,
			 ioasid_t pasid);
int arm_smmu_attach_dev(struct iommu_domain *domain, struct device *dev);
void arm_smmu_detach_dev(struct arm_smmu_master *master);
void arm_smmu_move(struct arm_smmu_master *master, struct arm_smmu_domain *smmu_domain,
		   struct iommu_domain *on, const struct arm_smmu_ste *ste);
void arm_smmu_rewrite_ste(struct arm_smmu_master *master);
void arm_smmu_member_add(struct arm_smmu_member *member);
void arm_smmu_member_remove(struct arm_smmu_member *member);
int arm_smmu_master_need_cds(struct arm_smmu_master *master);
struct iommu_domain *arm_smmu_alloc_stage(struct device *dev,
					  enum arm_smmu_domain_stage stage);
int arm_smmu_block_device(struct iommu_domain *domain, struct device *dev);

#endif /* _ARM_SMMU_V3_DOMAIN_H */
