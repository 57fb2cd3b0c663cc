// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: domains whose page tables are those of processes.
 *
 * Such a domain is one of stage 1, for PASIDs alone. It has an ASID of its own, which the
 * CPUs do not know, so their invalidations reach TLBs by an MMU notifier:
 *
 *	the process ...		the notifier ...
 *
 *	changes mappings	invalidates the range: TLBs by ASID, then the caches of all
 *				devices by their streams and PASIDs
 *	ends			makes all descriptors quiet, then invalidates everything
 *
 * The tables are freed after that. The devices may go on: their accesses are aborted, and
 * the PASIDs stay on the domain until their users detach them.
 *
 * The notifier is part of the domain, and is registered as long as that is used. Its
 * callbacks may run until a grace period has passed, so they may find a domain that no
 * device is on and whose ASID belongs to another one: then they invalidate too much.
 *
 * References are to the Arm System Memory Management Unit Architecture Specification, SMMU
 * architecture version 3 (IHI 0070).
 */
#include <linux/cpufeature.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <asm/memory.h>
#include <asm/sysreg.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-asid.h"
#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-cd-table.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-mm.h"
#include "arm-smmu-v3-pasid.h"
#include "arm-smmu-v3-stall.h"
#include "arm-smmu-v3-sva-domain.h"

/**
 * struct sva_domain - the page table of a process, on one SMMU
 * @smmu_domain: the domain, of stage 1
 * @notifier: tells of changes of the page table; keeps the mm_struct
 */
struct sva_domain {
	struct arm_smmu_domain smmu_domain;
	struct mmu_notifier notifier;
};

static struct sva_domain *to_sva_domain(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct sva_domain, notifier);
}

/* The CPUs may differ in what they could do, but not in the page tables they use */
static void read_format(struct arm_smmu_mm_format *format)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	u32 parange = cpuid_feature_extract_unsigned_field(mmfr0,
							   ID_AA64MMFR0_EL1_PARANGE_SHIFT);

	format->page_lg2 = PAGE_SHIFT;
	format->va_bits = vabits_actual;
	format->parange = parange;
	/* The same on all CPUs, and it does not change */
	format->mair = read_sysreg(mair_el1);
}

/**
 * arm_smmu_sva_supported() - tell whether an SMMU can use the page tables of processes
 * @smmu: the SMMU, whose registers have been read
 *
 * Context: process.
 * Return: true if so.
 */
bool arm_smmu_sva_supported(struct arm_smmu_device *smmu)
{
	struct arm_smmu_mm_format format;

	read_format(&format);
	return arm_smmu_mm_fits(smmu, &format);
}

/* The TLBs first: the answer to a device may come from them (3.9.1) */
static void invalidate(struct arm_smmu_domain *smmu_domain, unsigned long start,
		       unsigned long end)
{
	struct arm_smmu_device *smmu = smmu_domain->smmu;
	u16 asid = smmu_domain->cd.asid;
	struct arm_smmu_mm_range range;

	range = arm_smmu_mm_range(start, end, PAGE_SHIFT,
				  smmu->features & ARM_SMMU_FEAT_RANGE_INV);
	if (range.bytes)
		arm_smmu_tlb_inv_range_asid(range.start, range.bytes, asid, PAGE_SIZE,
					    false, smmu_domain);
	else
		arm_smmu_tlb_inv_asid(smmu, asid);
	arm_smmu_atc_inv_domain(smmu_domain, 0, range.start, range.bytes);
}

/* May be called under the spinlock of a page table */
static void notify_range(struct mmu_notifier *notifier, struct mm_struct *mm,
			 unsigned long start, unsigned long end)
{
	invalidate(&to_sva_domain(notifier)->smmu_domain, start, end);
}

/*
 * The descriptors of devices that come later are quiet from the beginning: the mutex
 * excludes attaches.
 */
static void make_quiet(struct arm_smmu_domain *smmu_domain)
{
	struct arm_smmu_member *member;
	struct arm_smmu_cd cd;

	mutex_lock(&smmu_domain->smmu->attach_mutex);
	smmu_domain->ended = true;
	list_for_each_entry(member, &smmu_domain->devices, node) {
		arm_smmu_member_make_cd(member, &cd);
		/* It is in use, so its leaf exists, and this cannot fail */
		arm_smmu_cd_table_write(&member->master->cd_table, member->ssid, &cd);
	}
	mutex_unlock(&smmu_domain->smmu->attach_mutex);
}

static void notify_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct arm_smmu_domain *smmu_domain = &to_sva_domain(notifier)->smmu_domain;

	make_quiet(smmu_domain);
	invalidate(smmu_domain, 0, 0);
}

/* In a callback of SRCU, which must not sleep */
static void notify_free(struct mmu_notifier *notifier)
{
	kfree(to_sva_domain(notifier));
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range	= notify_range,
	.release		= notify_release,
	.free_notifier		= notify_free,
};

/* No device is on it. Does not wait for the notifier, whose end may take long */
static void free_sva(struct iommu_domain *domain)
{
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct sva_domain *sva = container_of(smmu_domain, struct sva_domain, smmu_domain);

	arm_smmu_asid_free(smmu_domain->smmu, smmu_domain->cd.asid);
	mmu_notifier_put(&sva->notifier);
}

static const struct iommu_domain_ops sva_ops = {
	.device_fits	= arm_smmu_device_fits,
	.set_dev_pasid	= arm_smmu_set_dev_pasid,
	.free		= free_sva,
};

/* Pages of processes may be missing at any time, so that the device has to wait for them */
static int check_sva(const struct arm_smmu_master *master)
{
	if (!(master->smmu->features & ARM_SMMU_FEAT_SVA) || !master->ssid_bits ||
	    !arm_smmu_can_stall(master))
		return -EOPNOTSUPP;
	return 0;
}

/**
 * arm_smmu_enable_feature() - dev_enable_feat() of &struct iommu_ops
 * @dev: device of this driver
 * @feat: what its driver is going to use
 *
 * Everything is enabled at the time of use. So this only tells what the device can do:
 * drivers of devices go on without SVA where the answer is no.
 *
 * Context: any.
 * Return: 0; -EINVAL when the device or the SMMU has no such feature.
 */
int arm_smmu_enable_feature(struct device *dev, enum iommu_dev_features feat)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);

	if (feat == IOMMU_DEV_FEAT_IOPF && arm_smmu_can_stall(master))
		return 0;
	if (feat == IOMMU_DEV_FEAT_SVA && !check_sva(master))
		return 0;
	return -EINVAL;
}

static int init_sva(struct sva_domain *sva, struct arm_smmu_device *smmu,
		    struct mm_struct *mm)
{
	struct arm_smmu_domain *smmu_domain = &sva->smmu_domain;
	struct arm_smmu_mm_format format;
	int asid, err;

	asid = arm_smmu_asid_alloc(smmu);
	if (asid < 0)
		return asid;
	read_format(&format);
	arm_smmu_domain_init(smmu_domain);
	smmu_domain->smmu = smmu;
	smmu_domain->stage = ARM_SMMU_DOMAIN_S1;
	smmu_domain->domain.type = IOMMU_DOMAIN_SVA;
	smmu_domain->domain.ops = &sva_ops;
	/* Commands for ranges are in these pages */
	smmu_domain->domain.pgsize_bitmap = PAGE_SIZE;
	arm_smmu_mm_make_desc(&smmu_domain->cd, &format, virt_to_phys(mm->pgd), asid);

	/* From now on the process may end */
	sva->notifier.ops = &notifier_ops;
	err = mmu_notifier_register(&sva->notifier, mm);
	if (err)
		arm_smmu_asid_free(smmu, asid);
	return err;
}

/**
 * arm_smmu_alloc_sva() - alloc_sva() of &struct iommu_ops_ext
 * @dev: device of this driver
 * @mm: address space that the caller is a user of (mm_users)
 *
 * Context: process, may sleep; takes the mmap_lock of @mm.
 * Return: domain, or ERR_PTR(): -EOPNOTSUPP when the SMMU cannot use the page tables of
 * processes, or the device has no PASIDs or does not stall; -ENOSPC without an ASID;
 * -ENOMEM; -EINTR when a signal is pending.
 */
struct iommu_domain *arm_smmu_alloc_sva(struct device *dev, struct mm_struct *mm)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct sva_domain *sva;
	int err;

	err = check_sva(master);
	if (err)
		return ERR_PTR(err);
	sva = kzalloc(sizeof(*sva), GFP_KERNEL_ACCOUNT);
	if (!sva)
		return ERR_PTR(-ENOMEM);
	err = init_sva(sva, master->smmu, mm);
	if (err) {
		kfree(sva);
		return ERR_PTR(err);
	}
	return &sva->smmu_domain.domain;
}

/**
 * arm_smmu_sva_notifier_synchronize() - wait for domains that have been freed
 *
 * Their notifiers call functions of this module until a grace period has passed.
 *
 * Context: process, may sleep.
 */
void arm_smmu_sva_notifier_synchronize(void)
{
	mmu_notifier_synchronize();
}
