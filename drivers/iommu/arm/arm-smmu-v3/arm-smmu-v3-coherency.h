/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: devices all of whose accesses are coherent.
 */
#ifndef _ARM_SMMU_V3_COHERENCY_H
#define _ARM_SMMU_V3_COHERENCY_H

#include <linux/types.h>

struct arm_smmu_master;
struct iommu_domain;

bool arm_smmu_master_is_coherent(struct arm_smmu_master *master);
bool arm_smmu_enforce_coherency(struct iommu_domain *domain);

#endif /* _ARM_SMMU_V3_COHERENCY_H */
