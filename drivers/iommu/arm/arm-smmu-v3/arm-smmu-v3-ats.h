/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: turning ATS on and off in a device.
 */
#ifndef _ARM_SMMU_V3_ATS_H
#define _ARM_SMMU_V3_ATS_H

struct arm_smmu_master;

void arm_smmu_ats_start(struct arm_smmu_master *master);
void arm_smmu_ats_stop(struct arm_smmu_master *master);

#endif /* _ARM_SMMU_V3_ATS_H */
