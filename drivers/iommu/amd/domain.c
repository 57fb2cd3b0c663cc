// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: domains made for one device, and what decides whether others fit.
 *
 * References are to the AMD I/O Virtualization Technology (IOMMU)
 * Specification, publication 48882.
 */
#define pr_fmt(fmt)     "AMD-Vi: " fmt

#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/minmax.h>

#include "amd_iommu.h"
#include "domain.h"
#include "../dma-iommu.h"

/* Host Address Translation Size, bits 11:10 of the extended features (3.4.9) */
#define FEATURE_HATS_SHIFT	10
#define FEATURE_HATS_MASK	(3ULL << FEATURE_HATS_SHIFT)

static struct protection_domain *to_pdomain(struct iommu_domain *dom)
{
	return container_of(dom, struct protection_domain, domain);
}

static struct amd_iommu *dev_to_iommu(struct device *dev)
{
	return container_of(dev->iommu->iommu_dev, struct amd_iommu, iommu);
}

/* Levels of host table that a unit walks at most. Without EFR it is all six */
static int host_levels(struct amd_iommu *iommu)
{
	u64 hats;

	if (!iommu->features)
		return PAGE_MODE_6_LEVEL;
	hats = (iommu->features & FEATURE_HATS_MASK) >> FEATURE_HATS_SHIFT;
	return min_t(int, PAGE_MODE_4_LEVEL + hats, PAGE_MODE_6_LEVEL);
}

/*
 * Make a paging domain with a v1 (host) table. It begins with three levels and
 * grows as addresses need it, up to what @dev's unit walks. See
 * &struct iommu_ops_ext.alloc_paging.
 */
static struct iommu_domain *amd_alloc_paging(struct device *dev, u32 flags)
{
	struct protection_domain *domain;
	struct iommu_domain *dom;

	if (flags)
		return ERR_PTR(-EOPNOTSUPP);

	domain = protection_domain_alloc(IOMMU_DOMAIN_UNMANAGED,
					 GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);

	domain->flags |= PD_COMPLETE_MASK;
	dom = &domain->domain;
	dom->type = IOMMU_DOMAIN_UNMANAGED;
	dom->geometry.aperture_start = 0;
	dom->geometry.aperture_end = PM_LEVEL_SIZE(host_levels(dev_to_iommu(dev)));
	dom->geometry.force_aperture = true;
	dom->pgsize_bitmap = AMD_IOMMU_PGSIZES;
	return dom;
}

/*
 * For a domain with a GCR3 table beside or instead of a host table. Where host
 * tables are the default, the device must come from an identity domain, as it
 * does with amdkfd.
 */
static bool guest_table_fits(struct amd_iommu *iommu, struct device *dev)
{
	struct iommu_domain *standard;

	if (!iommu_feature(iommu, FEATURE_GT))
		return false;
	if (!dev_is_pci(dev) || amd_iommu_pgtable != AMD_IOMMU_V1)
		return true;
	standard = iommu_get_dma_domain(dev);
	return standard && standard->type == IOMMU_DOMAIN_IDENTITY;
}

/* Identity domains have mode 0, which hosts with SNP must not use (2.2.2.1) */
static bool host_table_fits(struct amd_iommu *iommu,
			    struct protection_domain *domain)
{
	int mode = atomic64_read(&domain->iop.pt_root) & 7;

	if (mode == PAGE_MODE_NONE)
		return !amd_iommu_snp_en;
	if (domain->flags & PD_COMPLETE_MASK)
		return domain->domain.geometry.aperture_end <=
		       PM_LEVEL_SIZE(host_levels(iommu));
	return mode <= host_levels(iommu);
}

/**
 * amd_iommu_device_fits() - tell whether a device can be attached to a domain
 * @dom: domain of this driver
 * @dev: device of this driver
 * @pasid: PASID of @dev, or %IOMMU_NO_PASID; the driver has no PASIDs
 *
 * Context: &struct iommu_group.mutex of @dev is held, or @dev is not attached
 * meanwhile.
 * Return: 0, or -EINVAL when the device's unit does not walk tables of this
 * kind or as deep as they may become.
 */
int amd_iommu_device_fits(struct iommu_domain *dom, struct device *dev,
			  ioasid_t pasid)
{
	struct protection_domain *domain = to_pdomain(dom);
	struct amd_iommu *iommu = dev_to_iommu(dev);
	bool fits;

	if (domain->flags & PD_IOMMUV2_MASK)
		fits = guest_table_fits(iommu, dev);
	else
		fits = host_table_fits(iommu, domain);
	return fits ? 0 : -EINVAL;
}

static int block_device(struct iommu_domain *dom, struct device *dev)
{
	amd_iommu_block_device(dev);
	return 0;
}

static const struct iommu_domain_ops amd_blocked_ops = {
	.attach_dev	= block_device,
};

/* The driver uses container_of() on all domains, so this is one of its structs */
static struct protection_domain amd_blocked_domain = {
	.domain = {
		.type	= IOMMU_DOMAIN_BLOCKED,
		.ops	= &amd_blocked_ops,
		.owner	= &amd_iommu_ops,
	},
};

const struct iommu_ops_ext amd_iommu_ops_ext = {
	.alloc_paging	= amd_alloc_paging,
	.blocked_domain	= &amd_blocked_domain.domain,
	.concurrent_attach = true,
};
