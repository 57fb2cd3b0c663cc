/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: domains whose page tables are those of processes.
 */
#ifndef _ARM_SMMU_V3_SVA_DOMAIN_H
#define _ARM_SMMU_V3_SVA_DOMAIN_H

#include <linux/iommu.h>
#include <linux/types.h>

struct arm_smmu_device;
struct mm_struct;

#ifdef CONFIG_ARM_SMMU_V3_SVA
bool arm_smmu_sva_supported(struct arm_smmu_device *smmu);
int arm_smmu_enable_feature(struct device *dev, enum iommu_dev_features feat);
struct iommu_domain *arm_smmu_alloc_sva(struct device *dev, struct mm_struct *mm);
void arm_smmu_sva_notifier_synchronize(void);
#else
static inline bool arm_smmu_sva_supported(struct arm_smmu_device *smmu)
{
	return false;
}

static inline void arm_smmu_sva_notifier_synchronize(void) {}

#define arm_smmu_enable_feature	NULL
#define arm_smmu_alloc_sva	NULL
#endif

#endif /* _ARM_SMMU_V3_SVA_DOMAIN_H */
