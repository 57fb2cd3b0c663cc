/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: the part of an SMMU that a guest has.
 */
#ifndef _ARM_SMMU_V3_VIOMMU_H
#define _ARM_SMMU_V3_VIOMMU_H

#include <linux/iommu-viommu.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/types.h>

struct arm_smmu_device;
struct arm_smmu_domain;
struct device;

/**
 * struct arm_smmu_viommu - stage 1 of an SMMU, for a guest
 * @core: as the core knows it
 * @smmu: the SMMU
 * @parent: stage 2, which outlives it
 * @vmid: tags what the hardware caches of the guest's stage 1, and of @parent on its behalf
 * @node: in the list of @parent
 */
struct arm_smmu_viommu {
	struct iommu_viommu core;
	struct arm_smmu_device *smmu;
	struct arm_smmu_domain *parent;
	u16 vmid;
	struct list_head node;
};

static inline struct arm_smmu_viommu *to_smmu_viommu(struct iommu_viommu *viommu)
{
	return container_of(viommu, struct arm_smmu_viommu, core);
}

const struct iommu_viommu_ops *arm_smmu_viommu_ops(struct device *dev, u32 type);
void arm_smmu_viommus_inv(struct arm_smmu_domain *parent);
void arm_smmu_abort_stalled(struct arm_smmu_device *smmu, const u64 *evt);
bool arm_smmu_viommu_take_event(struct arm_smmu_device *smmu, const u64 *evt);

#endif /* _ARM_SMMU_V3_VIOMMU_H */
