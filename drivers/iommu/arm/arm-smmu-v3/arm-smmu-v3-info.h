/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: what user space is told about the hardware.
 */
#ifndef _ARM_SMMU_V3_INFO_H
#define _ARM_SMMU_V3_INFO_H

#include <linux/types.h>

struct device;

int arm_smmu_hw_info(struct device *dev, u32 *type, void *buf, size_t *len);

#endif /* _ARM_SMMU_V3_INFO_H */
