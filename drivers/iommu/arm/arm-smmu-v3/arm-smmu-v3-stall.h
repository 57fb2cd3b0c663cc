/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: accesses that wait for a page, which are the page requests of devices.
 */
#ifndef _ARM_SMMU_V3_STALL_H
#define _ARM_SMMU_V3_STALL_H

#include <linux/types.h>

struct arm_smmu_master;
struct device;

#ifdef CONFIG_ARM_SMMU_V3_SVA
bool arm_smmu_can_stall(const struct arm_smmu_master *master);
int arm_smmu_enable_faults(struct device *dev);
void arm_smmu_disable_faults(struct device *dev);
void arm_smmu_drain_faults(struct device *dev);
#else
#define arm_smmu_enable_faults	NULL
#define arm_smmu_disable_faults	NULL
#define arm_smmu_drain_faults	NULL
#endif

#endif /* _ARM_SMMU_V3_STALL_H */
