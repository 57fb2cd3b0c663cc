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

/* Each level of a table translates 9 bits above the page (3.6, 3.7). */
#define VTD_LEVEL_BITS		9
/* AGAW 0 is a table of two levels, of which no hardware is known (11.4.2). */
#define VTD_AGAW_BITS(agaw)	(30 + (agaw) * VTD_LEVEL_BITS)

/* SLLPS, bits 37:34 of CAP_REG: 2 MiB and 1 GiB second-stage pages (11.4.2). */
#define VTD_SSLPS_2M		BIT(0)
#define VTD_SSLPS_1G		BIT(1)

static bool uses_first_stage(const struct dmar_domain *domain)
{
	return domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL;
}

/* A function whose requests carry the ID of another one has no entry (VMD). */
static bool has_own_entry(struct device *dev)
{
	return !dev_is_pci(dev) ||
	       pci_real_dma_dev(to_pci_dev(dev)) == to_pci_dev(dev);
}

/*
 * Second stage is what can be walked under a guest's own table and what every
 * unit has in legacy mode; first stage only where there is nothing else.
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
 * Fewest levels that span all addresses of the unit (MGAW and SAGAW, 11.4.2):
 * each one less is one memory access less in every walk.
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

/* Settle everything of a domain that the table format depends on. */
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
 * A domain made for a bus is cut to the depth of the unit when a device is
 * attached. The table that is cut off must not be another unit's root.
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
 *
 * Attaching may still fail for want of memory or domain IDs, and with -EPERM
 * where firmware keeps using memory through the device (RMRR).
 *
 * Context: &struct iommu_group.mutex of @dev is held, or nobody attaches it.
 * Return: 0, or -EINVAL when the device's unit cannot walk the domain's table,
 * has fewer address bits or page sizes, does not snoop it, or cannot force the
 * snooping that the domain promises.
 */
int intel_iommu_device_fits(struct iommu_domain *domain, struct device *dev)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct intel_iommu *iommu = info->iommu;
	bool fits;

	if (dmar_domain->force_snooping && !ecap_sc_support(iommu->ecap))
		return -EINVAL;
	/* What the hardware passes through has neither a stage nor a table */
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
 * intel_device_can_force_snooping() - what IOMMU_CAP_ENFORCE_CACHE_COHERENCY is
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
 * Who attaches a device to a domain that was made for none asks then whether it
 * can force snooping. A reset may have taken the device off the domain by then,
 * and brings it back without another question, so the answer is not to be found
 * in the list of devices.
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
 * Second-stage entries carry SNP each (9.8): those that exist would go on
 * without it, so the time for the decision is before the first of them. And it
 * is not before a device is known, for without one the answer is a guess.
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

/* @opaque is the unit that the requests of @alias go through. */
static int flush_context(struct pci_dev *pdev, u16 alias, void *opaque)
{
	struct intel_iommu *iommu = opaque;

	iommu->flush.flush_context(iommu, 0, alias, DMA_CCMD_MASK_NOBIT,
				   DMA_CCMD_DEVICE_INVL);
	return 0;
}

/**
 * intel_flush_pass_through() - make an emulator forget that requests passed
 * @info: device whose PASID table entry was cleared, in scalable mode
 *
 * The PASID cache and the IOTLB are all that hardware caches of such an entry
 * (6.5.3.3). QEMU takes itself out of the way of a device that passes through
 * and comes back at the next invalidation of the device's context entry, and
 * not at one of its PASID table entries: without this, the device would go on
 * to reach all memory.
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
 * The kernel that crashed has left ATS on; no function does it by itself. Nobody
 * has reset the device, which need not answer.
 */
static void flush_ats_left_on(struct device_domain_info *info)
{
	struct pci_dev *pdev;
	u16 ctrl = 0, pfsid = 0;

	if (!info->ats_supported || !dev_is_pci(info->dev))
		return;
	pdev = to_pci_dev(info->dev);
	/* Of a function that is gone, all bits are set */
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
 * intel_drop_copied_context() - take away an entry that a crashed kernel left
 * @iommu: unit
 * @info: device whose entry it is, NULL if that is not known
 * @context: context entry that is marked as copied
 * @bus: bus number of the entry
 * @devfn: device and function number of the entry
 *
 * The device may still translate through it. It stops to be present, then
 * whatever is cached of it is flushed, and nothing else of it changes before:
 * hardware must not combine what it has cached with what it reads (6.5.3.3).
 * As this happens once per crash, everything is flushed: the domain ID that was
 * used means nothing in this kernel.
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

/* @opaque is the device that the requests of @alias come from. */
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

/* In a struct of the driver's own: it uses container_of() on any domain */
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
