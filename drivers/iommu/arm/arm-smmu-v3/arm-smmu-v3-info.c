// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: what user space is told about the hardware.
 */
#include <linux/kernel.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <uapi/linux/iommufd.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-info.h"

/**
 * arm_smmu_hw_info() - hw_info() of &struct iommu_ops_ext
 * @dev: device
 * @type: what is wanted, and what is given
 * @buf: receives &struct iommu_hw_info_arm_smmuv3; all zero
 * @len: set to its length in bytes
 *
 * The flag for hardware that has to be told twice what to invalidate stays 0: none that
 * this driver knows is of that kind.
 *
 * Context: any.
 * Return: 0, or -EOPNOTSUPP for another type.
 */
int arm_smmu_hw_info(struct device *dev, u32 *type, void *buf, size_t *len)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct iommu_hw_info_arm_smmuv3 *info = buf;
	void __iomem *base = master->smmu->base;
	int i;

	static_assert(sizeof(*info) <= IOMMU_HW_INFO_MAX_BYTES);

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT &&
	    *type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
		return -EOPNOTSUPP;
	*type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3;
	*len = sizeof(*info);
	for (i = 0; i < ARRAY_SIZE(info->idr); i++)
		info->idr[i] = readl_relaxed(base + ARM_SMMU_IDR0 + 4 * i);
	info->iidr = readl_relaxed(base + ARM_SMMU_IIDR);
	info->aidr = readl_relaxed(base + ARM_SMMU_AIDR);
	return 0;
}
