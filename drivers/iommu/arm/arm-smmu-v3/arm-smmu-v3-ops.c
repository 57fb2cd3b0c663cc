// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: what the driver has beyond struct iommu_ops of 6.1.
 */
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-info.h"
#include "arm-smmu-v3-nested.h"
#include "arm-smmu-v3-ops.h"
#include "arm-smmu-v3-pasid.h"
#include "arm-smmu-v3-stall.h"
#include "arm-smmu-v3-sva-domain.h"
#include "arm-smmu-v3-viommu.h"

/* Without a wish it is the table that an attach would make */
static int choose_stage(struct device *dev, u32 flags,
			enum arm_smmu_domain_stage *stage)
{
	switch (flags) {
	case 0:
		*stage = ARM_SMMU_DOMAIN_S1;
		return 0;
	case IOMMU_ALLOC_NEST_PARENT:
		*stage = ARM_SMMU_DOMAIN_NESTED;
		return arm_smmu_check_nesting(dev);
	case IOMMU_ALLOC_PASID:
		*stage = ARM_SMMU_DOMAIN_S1;
		return arm_smmu_check_pasids(dev);
	default:
		return -EOPNOTSUPP;
	}
}

static struct iommu_domain *alloc_paging(struct device *dev, u32 flags)
{
	enum arm_smmu_domain_stage stage;
	int err;

	err = choose_stage(dev, flags, &stage);
	if (err)
		return ERR_PTR(err);
	return arm_smmu_alloc_stage(dev, stage);
}

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev	= arm_smmu_block_device,
	.set_dev_pasid	= arm_smmu_block_pasid,
};

/* The driver uses container_of() on all domains, so this is one of its structs */
static struct arm_smmu_domain blocked_domain = {
	.stage = ARM_SMMU_DOMAIN_BYPASS,	/* means "no table" */
	.domain = {
		.type	= IOMMU_DOMAIN_BLOCKED,
		.ops	= &blocked_ops,
		.owner	= &arm_smmu_ops,
	},
};

const struct iommu_ops_ext arm_smmu_ops_ext = {
	.alloc_paging	= alloc_paging,
	.alloc_sva	= arm_smmu_alloc_sva,
	.viommu_ops	= arm_smmu_viommu_ops,
	.hw_info	= arm_smmu_hw_info,
	.keeps_requests	= true,
	.enable_faults	= arm_smmu_enable_faults,
	.disable_faults	= arm_smmu_disable_faults,
	.drain_faults	= arm_smmu_drain_faults,
	.blocked_domain	= &blocked_domain.domain,
	.concurrent_attach = true,
};
