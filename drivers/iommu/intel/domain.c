// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: domains made for one device, and what decides whether others fit.
 *
 * References are to the Intel Virtualization Technology for Directed I/O
 * architecture specification, revision 4 and later.
 */
#define pr_fmt(fmt)    "DMAR: " fmt

#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/pci-ats.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "domain.h"
#include "iommu.h"
#include "pasid.h"

/* Each level of a table translates 9 bits above the page (3.6, 3.7) */
#define VTD_LEVEL_BITS		9
/* AGAW 0 is a table of two levels, of which no hardware is known (11.4.2) */
#define VTD_AGAW_BITS(agaw)	(30 + (agaw) * VTD_LEVEL_BITS)

/* SLLPS, bits 37:34 of CAP_REG: 2 MiB and 1 GiB second-stage pages (11.4.2) */
#define VTD_SSLPS_2M		BIT(0)
#define VTD_SSLPS_1G		BIT(1)

static bool uses_first_stage(const struct dmar_domain *domain)
{
	return domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL;
}

/* A function whose requests carry the ID of another one has no entry (VMD) */
static bool has_own_entry(struct device *dev)
{
	return !dev_is_pci(dev) ||
	       pci_real_dma_dev(to_pci_dev(dev)) == to_pci_dev(dev);
}

/*
 * Prefer the second stage, which can be nested below a guest's table and which
 * every unit has in legacy mode.
 */
static bool only_first_stage(const struct intel_iommu *iommu)
{
	return sm_supported(iommu) && ecap_flts(iommu->ecap) &&
	       !ecap_slts(iommu->ecap);
}

/* Input address bits that a table of the default depth can have at this unit */
static unsigned int usable_bits(const struct intel_iommu *iommu)
{
	return min_t(unsigned int, VTD_AGAW_BITS(iommu->agaw),
		     cap_mgaw(iommu->cap));
}

/*
 * The fewest levels that span all addresses of the unit (MGAW and SAGAW, 11.4.2):
 * each level costs every walk one memory access.
 */
static int second_stage_agaw(const struct intel_iommu *iommu)
{
	int agaw;

	for (agaw = 0; agaw < iommu->agaw; agaw++)
		if (cap_sagaw(iommu->cap) & BIT(agaw) &&
		    VTD_AGAW_BITS(agaw) >= cap_mgaw(iommu->cap))
			break;
	return agaw;
}

/* Number of superpage sizes, 2 MiB first */
static int superpage_levels(const struct intel_iommu *iommu, bool first_stage)
{
	unsigned int sizes = cap_super_page_val(iommu->cap);

	if (!intel_iommu_superpage)
		return 0;
	if (first_stage)
		return cap_fl1gp_support(iommu->cap) ? 2 : 1;
	if (!(sizes & VTD_SSLPS_2M))
		return 0;
	return sizes & VTD_SSLPS_1G ? 2 : 1;
}

/* Whether the unit snoops caches when it walks tables (C and SMPWC, 11.4.3) */
static bool walks_coherently(const struct intel_iommu *iommu)
{
	return sm_supported(iommu) ? ecap_smpwc(iommu->ecap) :
				     ecap_coherent(iommu->ecap);
}

static unsigned long pgsizes_of(int superpages)
{
	unsigned long sizes = SZ_4K;

	if (superpages >= 1)
		sizes |= SZ_2M;
	if (superpages >= 2)
		sizes |= SZ_1G;
	return sizes;
}

/* Set every field of a domain that determines the format of its table */
static void shape_domain(struct dmar_domain *domain,
			 const struct intel_iommu *iommu)
{
	bool first_stage = only_first_stage(iommu);
	unsigned int bits;

	if (first_stage)
		domain->flags |= DOMAIN_FLAG_USE_FIRST_LEVEL;

	domain->agaw = first_stage ? iommu->agaw : second_stage_agaw(iommu);
	domain->gaw = min_t(int, VTD_AGAW_BITS(domain->agaw),
			    cap_mgaw(iommu->cap));
	domain->iommu_coherency = walks_coherently(iommu);
	domain->iommu_superpage = superpage_levels(iommu, first_stage);
	domain->can_snoop = ecap_sc_support(iommu->ecap);
	domain->complete = true;

	/*
	 * First-stage input addresses are canonical: the upper half is at the
	 * top of the 64-bit space and out of reach (3.6).
	 */
	bits = domain->gaw - first_stage;
	domain->domain.geometry.aperture_start = 0;
	domain->domain.geometry.aperture_end = GENMASK_ULL(bits - 1, 0);
	domain->domain.geometry.force_aperture = true;
	domain->domain.pgsize_bitmap = pgsizes_of(domain->iommu_superpage);
}

/*
 * Make a paging domain with the depth, page sizes, coherency and NUMA node of
 * @dev's unit. See &struct iommu_ops_ext.alloc_paging.
 */
static struct iommu_domain *intel_alloc_paging(struct device *dev, u32 flags)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	struct dmar_domain *domain;

	if (flags)
		return ERR_PTR(-EOPNOTSUPP);

	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);

	domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	domain->nid = dev_to_node(dev);
	INIT_LIST_HEAD(&domain->devices);
	spin_lock_init(&domain->lock);
	xa_init(&domain->iommu_array);
	shape_domain(domain, info->iommu);

	domain->pgd = alloc_pgtable_page(domain->nid, GFP_KERNEL_ACCOUNT);
	if (!domain->pgd)
		goto err_free_domain;
	if (!domain->iommu_coherency)
		clflush_cache_range(domain->pgd, VTD_PAGE_SIZE);

	return &domain->domain;

err_free_domain:
	kfree(domain);
	return ERR_PTR(-ENOMEM);
}

static bool has_stage_of(const struct intel_iommu *iommu,
			 const struct dmar_domain *domain)
{
	if (uses_first_stage(domain))
		return sm_supported(iommu) && ecap_flts(iommu->ecap);
	return !sm_supported(iommu) || ecap_slts(iommu->ecap);
}

/* Whether the unit walks a table of exactly the depth that this one has */
static bool walks_depth_of(const struct intel_iommu *iommu,
			   const struct dmar_domain *domain)
{
	if (uses_first_stage(domain))
		return domain->agaw == iommu->agaw;
	return domain->agaw <= iommu->agaw &&
	       cap_sagaw(iommu->cap) & BIT(domain->agaw);
}

static bool complete_domain_fits(const struct intel_iommu *iommu,
				 const struct dmar_domain *domain)
{
	return walks_depth_of(iommu, domain) &&
	       domain->gaw <= cap_mgaw(iommu->cap) &&
	       domain->iommu_superpage <=
			superpage_levels(iommu, uses_first_stage(domain)) &&
	       (!domain->iommu_coherency || walks_coherently(iommu));
}

/*
 * A domain made for a bus loses upper levels when a device is attached whose unit
 * walks fewer. A level that is removed must not be the root of another unit.
 */
static bool bus_domain_fits(const struct intel_iommu *iommu,
			    const struct dmar_domain *domain)
{
	if (domain->max_addr > 1ULL << usable_bits(iommu))
		return false;
	return iommu->agaw >= domain->agaw || !dma_pte_present(domain->pgd) ||
	       xa_empty(&domain->iommu_array);
}

/**
 * intel_iommu_device_fits() - tell whether a device can be attached to a domain
 * @domain: domain of this driver
 * @dev: device of this driver
 * @pasid: PASID of @dev, or %IOMMU_NO_PASID; the driver has no PASIDs
 *
 * Attaching may still fail for want of memory or domain IDs, and with -EPERM
 * where firmware keeps using memory through the device (RMRR).
 *
 * Context: &struct iommu_group.mutex of @dev is held, or @dev is not attached
 * meanwhile.
 * Return: 0, or -EINVAL when the device's unit cannot walk the domain's table,
 * has fewer address bits or page sizes, does not snoop it, or cannot force the
 * snooping that the domain promises.
 */
int intel_iommu_device_fits(struct iommu_domain *domain, struct device *dev,
			    ioasid_t pasid)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct intel_iommu *iommu = info->iommu;
	bool fits;

	if (dmar_domain->force_snooping && !ecap_sc_support(iommu->ecap))
		return -EINVAL;
	/* A pass-through of the hardware uses neither a stage nor a table */
	if (domain->type != IOMMU_DOMAIN_IDENTITY &&
	    !has_stage_of(iommu, dmar_domain))
		return -EINVAL;

	if (dmar_domain->complete)
		fits = complete_domain_fits(iommu, dmar_domain);
	else
		fits = bus_domain_fits(iommu, dmar_domain);
	return fits ? 0 : -EINVAL;
}

/**
 * intel_device_can_force_snooping() - answer IOMMU_CAP_ENFORCE_CACHE_COHERENCY
 * @dev: device of this driver
 *
 * Context: any.
 * Return: true when the device's unit has Snoop Control, ECAP_REG.SC (11.4.3).
 */
bool intel_device_can_force_snooping(struct device *dev)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);

	return ecap_sc_support(info->iommu->ecap);
}

/**
 * intel_domain_note_snooping() - a device is attached to a domain
 * @domain: domain
 * @iommu: unit of the device
 *
 * After an attach to a domain that was made for no device, the caller asks whether
 * the domain can force snooping. By then a reset may have taken the device off the
 * domain, and will attach it again without asking. So the answer is recorded here
 * and not derived from the list of devices.
 *
 * Context: @domain->lock is held.
 */
void intel_domain_note_snooping(struct dmar_domain *domain,
				struct intel_iommu *iommu)
{
	lockdep_assert_held(&domain->lock);
	if (domain->complete)
		return;
	if (!domain->had_device)
		domain->can_snoop = true;
	domain->had_device = true;
	if (!ecap_sc_support(iommu->ecap))
		domain->can_snoop = false;
}

/**
 * intel_domain_may_force_snooping() - whether a domain can begin to force it
 * @domain: domain
 *
 * Every second-stage entry has an SNP bit (9.8), and entries that exist would not
 * get it, so the domain must be empty. It must also have had a device, whose unit
 * decides.
 *
 * Context: @domain->lock is held.
 * Return: true when the device that @domain was made for, or every one that was
 * attached to it, snoops from now on.
 */
bool intel_domain_may_force_snooping(struct dmar_domain *domain)
{
	lockdep_assert_held(&domain->lock);
	return domain->can_snoop && !domain->max_addr;
}

/* @opaque is the unit that the requests of @alias go through */
static int flush_context(struct pci_dev *pdev, u16 alias, void *opaque)
{
	struct intel_iommu *iommu = opaque;

	iommu->flush.flush_context(iommu, 0, alias, DMA_CCMD_MASK_NOBIT,
				   DMA_CCMD_DEVICE_INVL);
	return 0;
}

/**
 * intel_flush_pass_through() - make an emulator end a pass-through
 * @info: device whose PASID table entry was cleared, in scalable mode
 *
 * Hardware caches such an entry in the PASID cache and in the IOTLB only (6.5.3.3).
 * QEMU disables its translation for a device that passes through, and enables it at
 * the next invalidation of the device's context entry, but not at an invalidation
 * of a PASID table entry. Without this, the device could still access all memory.
 *
 * Context: any that may flush.
 */
void intel_flush_pass_through(struct device_domain_info *info)
{
	if (dev_is_pci(info->dev))
		pci_for_each_dma_alias(to_pci_dev(info->dev), flush_context,
				       info->iommu);
	else
		flush_context(NULL, PCI_DEVID(info->bus, info->devfn),
			      info->iommu);
}

/*
 * A function has ATS enabled only if the crashed kernel did that. The device has
 * not been reset since, and may not answer.
 */
static void flush_ats_left_on(struct device_domain_info *info)
{
	struct pci_dev *pdev;
	u16 ctrl = 0, pfsid = 0;

	if (!info->ats_supported || !dev_is_pci(info->dev))
		return;
	pdev = to_pci_dev(info->dev);
	/* Reads from a function that is gone return all ones */
	if (!pci_device_is_present(pdev))
		return;
	pci_read_config_word(pdev, pdev->ats_cap + PCI_ATS_CTRL, &ctrl);
	if (!(ctrl & PCI_ATS_CTRL_ENABLE))
		return;
	if (ecap_dit(info->iommu->ecap))
		pfsid = pci_dev_id(pci_physfn(pdev));
	qi_flush_dev_iotlb(info->iommu, PCI_DEVID(info->bus, info->devfn), pfsid,
			   pci_ats_queue_depth(pdev), 0, 64 - VTD_PAGE_SHIFT,
			   QI_OPT_GIVE_UP);
	pci_write_config_word(pdev, pdev->ats_cap + PCI_ATS_CTRL,
			      ctrl & ~PCI_ATS_CTRL_ENABLE);
}

/**
 * intel_drop_copied_context() - remove an entry that a crashed kernel left
 * @iommu: unit
 * @info: device whose entry it is, NULL if that is not known
 * @context: context entry that is marked as copied
 * @bus: bus number of the entry
 * @devfn: device and function number of the entry
 *
 * The device may still translate through it. The entry is first made not present,
 * and no other field changes before all caches are flushed: hardware must not
 * combine cached fields with others that it reads (6.5.3.3). The flush is global,
 * as the domain ID of the entry is not one of this kernel, and a crash is rare.
 *
 * Context: @iommu->lock is held. The entry is zero afterwards.
 */
void intel_drop_copied_context(struct intel_iommu *iommu,
			       struct device_domain_info *info,
			       struct context_entry *context, u8 bus, u8 devfn)
{
	lockdep_assert_held(&iommu->lock);
	WRITE_ONCE(context->lo, context->lo & ~1ULL);
	dma_wmb();
	__iommu_flush_cache(iommu, context, sizeof(*context));

	iommu->flush.flush_context(iommu, 0, 0, 0, DMA_CCMD_GLOBAL_INVL);
	if (sm_supported(iommu))
		qi_flush_pasid_cache(iommu, 0, QI_PC_GLOBAL, 0);
	iommu->flush.flush_iotlb(iommu, 0, 0, 0, DMA_TLB_GLOBAL_FLUSH);
	if (info)
		flush_ats_left_on(info);

	WRITE_ONCE(context->lo, 0);
	WRITE_ONCE(context->hi, 0);
	__iommu_flush_cache(iommu, context, sizeof(*context));
	clear_context_copied(iommu, bus, devfn);
}

/* @opaque is the device that the requests of @alias come from */
static int clear_copied_entry(struct pci_dev *pdev, u16 alias, void *opaque)
{
	struct device_domain_info *info = opaque;
	struct intel_iommu *iommu = info->iommu;
	u8 bus = PCI_BUS_NUM(alias), devfn = alias & 0xff;

	spin_lock(&iommu->lock);
	/* The table that holds a copied entry exists: nothing is allocated */
	if (context_copied(iommu, bus, devfn))
		intel_drop_copied_context(iommu, info,
					  iommu_context_addr(iommu, bus, devfn, 1),
					  bus, devfn);
	spin_unlock(&iommu->lock);
	return 0;
}

static void clear_copied_entries(struct device_domain_info *info)
{
	if (dev_is_pci(info->dev))
		pci_for_each_dma_alias(to_pci_dev(info->dev),
				       clear_copied_entry, info);
	else
		clear_copied_entry(NULL, PCI_DEVID(info->bus, info->devfn),
				   info);
}

/*
 * Without a present context entry (legacy mode, 9.3) or a present PASID table
 * entry for requests without PASID (scalable mode, 9.6), the unit blocks every
 * request. Clearing and flushing needs no memory: this cannot fail.
 */
static int block_device(struct iommu_domain *domain, struct device *dev)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);

	if (info->iommu->copied_tables && has_own_entry(dev))
		clear_copied_entries(info);
	device_block_translation(dev);
	return 0;
}

static const struct iommu_domain_ops intel_blocked_ops = {
	.attach_dev	= block_device,
};

/* The driver uses container_of() on all domains, so this is one of its structs */
static struct dmar_domain intel_blocked_domain = {
	.domain = {
		.type	= IOMMU_DOMAIN_BLOCKED,
		.ops	= &intel_blocked_ops,
		.owner	= &intel_iommu_ops,
	},
};

const struct iommu_ops_ext intel_iommu_ops_ext = {
	.alloc_paging	= intel_alloc_paging,
	.blocked_domain	= &intel_blocked_domain.domain,
	.concurrent_attach = true,
	/* RMRRs that are not relaxable: firmware's DMA must go on (8.4) */
	.direct_blocks_owner = true,
};
