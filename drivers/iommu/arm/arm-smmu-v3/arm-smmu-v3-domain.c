// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: which domain a device is on, and domains made for one device.
 *
 * References are to the Arm System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-ats.h"
#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-cd-table.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-ste.h"

/* One stream of one SMMU, for the invalidation of its entry */
struct ste_owner {
	struct arm_smmu_device *smmu;
	u32 sid;
};

static void sync_ste(void *arg)
{
	struct ste_owner *owner = arg;

	arm_smmu_sync_ste_for_sid(owner->smmu, owner->sid);
}

/* Bridged PCI devices may end up with duplicated IDs */
static bool is_repeated_stream(struct arm_smmu_master *master, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (master->streams[i].id == master->streams[nr].id)
			return true;
	return false;
}

static void install_ste(struct arm_smmu_master *master,
			const struct arm_smmu_ste *ste)
{
	struct ste_owner owner = { .smmu = master->smmu };
	unsigned int i;

	for (i = 0; i < master->num_streams; i++) {
		if (is_repeated_stream(master, i))
			continue;
		owner.sid = master->streams[i].id;
		arm_smmu_ste_write(arm_smmu_get_step_for_sid(owner.smmu,
							     owner.sid),
				   ste, sync_ste, &owner);
	}
}

/* All streams of a device have the same entry */
static bool keeps_ats(struct arm_smmu_master *master,
		      const struct arm_smmu_ste *ste)
{
	__le64 *live;

	if (!master->member || !master->member->ats || !master->num_streams)
		return false;
	live = arm_smmu_get_step_for_sid(master->smmu, master->streams[0].id);
	return arm_smmu_ste_keeps_ats(live, ste);
}

/* The entry for a domain; for stage 1, of the table as it is after the switch to it */
static void make_ste(struct arm_smmu_master *master,
		     struct arm_smmu_domain *smmu_domain,
		     struct arm_smmu_ste *ste)
{
	bool ats = arm_smmu_ats_supported(master);
	struct arm_smmu_cd cd;

	switch (smmu_domain->stage) {
	case ARM_SMMU_DOMAIN_S1:
		arm_smmu_cd_make(&cd, &smmu_domain->cd, master->stall_enabled);
		arm_smmu_cd_table_switch(&master->cd_table, &cd);
		arm_smmu_ste_make_s1(ste, &master->cd_table.root,
				     master->smmu->features,
				     master->stall_enabled, ats);
		break;
	case ARM_SMMU_DOMAIN_S2:
	case ARM_SMMU_DOMAIN_NESTED:
		arm_smmu_ste_make_s2(ste, &smmu_domain->s2_cfg, ats);
		break;
	case ARM_SMMU_DOMAIN_BYPASS:
		arm_smmu_ste_make_bypass(ste);
		break;
	}
}

/*
 * Add the device to those whose caches the domain invalidates. Where ATS stays on, it
 * is a member of its old domain, too, until its cache is clean.
 */
static struct arm_smmu_member *join(struct arm_smmu_master *master,
				    struct arm_smmu_domain *smmu_domain, bool ats)
{
	struct arm_smmu_member *member = &master->members[0];
	unsigned long flags;

	if (member == master->member)
		member = &master->members[1];
	*member = (struct arm_smmu_member){
		.master	= master,
		.domain	= smmu_domain,
		.ats	= ats,
	};
	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_add(&member->node, &smmu_domain->devices);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
	if (ats)
		atomic_inc(&smmu_domain->nr_ats_masters);

	/* Pairs with the barrier in arm_smmu_atc_inv_domain() */
	dma_wmb();
	return member;
}

static void leave(struct arm_smmu_member *member)
{
	struct arm_smmu_domain *smmu_domain = member->domain;
	unsigned long flags;

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_del(&member->node);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
	if (member->ats)
		atomic_dec(&smmu_domain->nr_ats_masters);
}

/*
 * Write the entries of a device that moves to another domain, or to none. ATS stays on
 * if the old and the new entries have it, and there is no abort in between: the cache
 * of the device is then cleaned after the change. Otherwise ATS is off during it.
 */
static void move(struct arm_smmu_master *master, struct arm_smmu_domain *smmu_domain,
		 const struct arm_smmu_ste *ste)
{
	struct arm_smmu_member *old = master->member;
	bool ats = arm_smmu_ste_has_ats(ste), keep = keeps_ats(master, ste);

	lockdep_assert_held(&master->smmu->attach_mutex);
	if (old && old->ats && !keep)
		arm_smmu_ats_stop(master);

	master->member = smmu_domain ? join(master, smmu_domain, ats) : NULL;
	install_ste(master, ste);

	if (keep)
		arm_smmu_atc_inv_master(master);
	if (old)
		leave(old);
	if (ats && !keep)
		arm_smmu_ats_start(master);
}

static void move_to_domain(struct arm_smmu_master *master,
			   struct arm_smmu_domain *smmu_domain)
{
	struct arm_smmu_ste ste;
	unsigned int i;

	mutex_lock(&master->smmu->attach_mutex);
	make_ste(master, smmu_domain, &ste);
	move(master, smmu_domain, &ste);
	mutex_unlock(&master->smmu->attach_mutex);

	/* The new entry will be fetched soon, unless it is a bypass */
	if (smmu_domain->stage != ARM_SMMU_DOMAIN_BYPASS)
		for (i = 0; i < master->num_streams; i++)
			arm_smmu_prefetch_cfg(master->smmu,
					      master->streams[i].id);
}

static void move_to_none(struct arm_smmu_master *master,
			 const struct arm_smmu_ste *ste)
{
	mutex_lock(&master->smmu->attach_mutex);
	move(master, NULL, ste);
	mutex_unlock(&master->smmu->attach_mutex);
}

/**
 * arm_smmu_detach_dev() - take a device off its domain when it is released
 * @master: device
 *
 * The entries of a device that has an owner, blocked or on a user's domain, become
 * aborts regardless of arm-smmu-v3.disable_bypass.
 *
 * Context: process.
 */
void arm_smmu_detach_dev(struct arm_smmu_master *master)
{
	struct arm_smmu_ste ste;

	if (!master->member)
		return;

	if (arm_smmu_disable_bypass ||
	    master->member->domain->domain.type == IOMMU_DOMAIN_UNMANAGED)
		arm_smmu_ste_make_abort(&ste);
	else
		arm_smmu_ste_make_bypass(&ste);
	move_to_none(master, &ste);
}

/* Make a domain's table for @master, or check that the existing one fits */
static int finish_domain(struct arm_smmu_domain *smmu_domain,
			 struct arm_smmu_master *master)
{
	int err;

	lockdep_assert_held(&smmu_domain->init_mutex);
	if (smmu_domain->smmu)
		return smmu_domain->smmu == master->smmu ? 0 : -EINVAL;

	smmu_domain->smmu = master->smmu;
	err = arm_smmu_domain_finalise(&smmu_domain->domain, master);
	if (err)
		smmu_domain->smmu = NULL;
	return err;
}

/**
 * arm_smmu_device_fits() - tell whether a device can be attached to a domain
 * @domain: domain of this driver
 * @dev: device of this driver
 * @pasid: PASID of @dev, or %IOMMU_NO_PASID; the driver has no PASIDs
 *
 * Context: takes &struct arm_smmu_domain.init_mutex.
 * Return: 0, or -EINVAL when the domain was made for another SMMU. A domain that
 * was made for no device yet fits all.
 */
int arm_smmu_device_fits(struct iommu_domain *domain, struct device *dev,
			 ioasid_t pasid)
{
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	int err = 0;

	mutex_lock(&smmu_domain->init_mutex);
	if (smmu_domain->smmu)
		err = finish_domain(smmu_domain, master);
	mutex_unlock(&smmu_domain->init_mutex);
	return err;
}

/**
 * arm_smmu_attach_dev() - put a device on a domain
 * @domain: domain of this driver, other than the blocked one
 * @dev: device of this driver
 *
 * Every step that can fail comes before the first change of the device. Its
 * stream table entries then change to the new domain without being a bypass in
 * between, and without an abort where the hardware allows it.
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0; -EINVAL when device and domain do not fit; -EBUSY while the device
 * is bound to address spaces of processes; -ENOENT without a firmware
 * description; -ENOMEM, -ENOSPC and other errors of making the table of a
 * domain that has none yet, or the context descriptors of a device that has none.
 */
int arm_smmu_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct arm_smmu_master *master;
	int err;

	if (!dev_iommu_fwspec_get(dev))
		return -ENOENT;
	master = dev_iommu_priv_get(dev);
	if (master->member && master->member->domain == smmu_domain)
		return 0;

	/*
	 * The SVA bonds of a device use its domain. None can be made while the
	 * group's mutex is held. The driver's lock around this flag must not be
	 * taken here: its holder may wait for the mmap_lock of a process, page
	 * faults of a BAR hold mmap_lock and wait for VFIO's memory_lock, and the
	 * end of a reset calls this with memory_lock held.
	 */
	if (READ_ONCE(master->sva_enabled)) {
		dev_err(dev, "cannot attach - SVA enabled\n");
		return -EBUSY;
	}

	mutex_lock(&smmu_domain->init_mutex);
	err = finish_domain(smmu_domain, master);
	mutex_unlock(&smmu_domain->init_mutex);
	if (!err && smmu_domain->stage == ARM_SMMU_DOMAIN_S1)
		err = arm_smmu_cd_table_alloc(&master->cd_table,
					      master->ssid_bits,
					      master->smmu->features &
					      ARM_SMMU_FEAT_2_LVL_CDTAB);
	if (err)
		return err;

	move_to_domain(master, smmu_domain);
	return 0;
}

/*
 * Make a paging domain with the table that an attach of @dev would make. See
 * &struct iommu_ops_ext.alloc_paging.
 */
static struct iommu_domain *arm_smmu_alloc_paging(struct device *dev, u32 flags)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_domain *smmu_domain;
	int err;

	if (flags)
		return ERR_PTR(-EOPNOTSUPP);

	smmu_domain = arm_smmu_domain_new(GFP_KERNEL_ACCOUNT);
	if (!smmu_domain)
		return ERR_PTR(-ENOMEM);

	smmu_domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	mutex_lock(&smmu_domain->init_mutex);
	err = finish_domain(smmu_domain, master);
	mutex_unlock(&smmu_domain->init_mutex);
	if (err)
		goto err_free_domain;
	return &smmu_domain->domain;

err_free_domain:
	arm_smmu_domain_free(&smmu_domain->domain);
	return ERR_PTR(err);
}

/*
 * The entries become aborts, which includes the substreams of the device,
 * regardless of arm-smmu-v3.disable_bypass. This cannot fail as the entries exist.
 */
static int block_device(struct iommu_domain *domain, struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_ste ste;

	arm_smmu_ste_make_abort(&ste);
	move_to_none(master, &ste);
	return 0;
}

static const struct iommu_domain_ops arm_smmu_blocked_ops = {
	.attach_dev	= block_device,
};

/* The driver uses container_of() on all domains, so this is one of its structs */
static struct arm_smmu_domain arm_smmu_blocked_domain = {
	.stage = ARM_SMMU_DOMAIN_BYPASS,	/* means "no table" */
	.domain = {
		.type	= IOMMU_DOMAIN_BLOCKED,
		.ops	= &arm_smmu_blocked_ops,
		.owner	= &arm_smmu_ops,
	},
};

const struct iommu_ops_ext arm_smmu_ops_ext = {
	.alloc_paging	= arm_smmu_alloc_paging,
	.blocked_domain	= &arm_smmu_blocked_domain.domain,
	.concurrent_attach = true,
};
