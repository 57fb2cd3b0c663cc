/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: the numbers by which TLB entries of stage 1 are told apart.
 */
#ifndef _ARM_SMMU_V3_ASID_H
#define _ARM_SMMU_V3_ASID_H

#include <linux/types.h>

struct arm_smmu_device;

int arm_smmu_asid_alloc(struct arm_smmu_device *smmu);
void arm_smmu_asid_free(struct arm_smmu_device *smmu, u16 asid);

#endif /* _ARM_SMMU_V3_ASID_H */
