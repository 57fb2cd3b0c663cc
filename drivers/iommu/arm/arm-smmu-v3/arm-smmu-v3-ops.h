/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: what the driver has beyond struct iommu_ops of 6.1.
 */
#ifndef _ARM_SMMU_V3_OPS_H
#define _ARM_SMMU_V3_OPS_H

#include <linux/iommu-ext.h>

extern const struct iommu_ops_ext arm_smmu_ops_ext;

#endif /* _ARM_SMMU_V3_OPS_H */
