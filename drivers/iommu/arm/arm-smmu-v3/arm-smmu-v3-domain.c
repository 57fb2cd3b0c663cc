// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: which domain a device is on, and domains made for one device.
 *
 * References are to the Arm System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
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

	if (!master->ats || !master->num_streams)
		return false;
	live = arm_smmu_get_step_for_sid(master->smmu, master->streams[0].id);
	return arm_smmu_ste_keeps_ats(live, ste);
}

static bool is_stage1(const struct arm_smmu_domain *smmu_domain)
{
	return smmu_domain && smmu_domain->stage == ARM_SMMU_DOMAIN_S1;
}

/* Domain of requests without a PASID, or NULL */
static struct arm_smmu_domain *own_domain(struct arm_smmu_master *master)
{
	return master->member ? master->member->domain : NULL;
}

static void make_s1_ste(struct arm_smmu_master *master, u64 s1dss,
			struct arm_smmu_ste *ste)
{
	arm_smmu_ste_make_s1(ste, &master->cd_table.root,
			     master->smmu->features, s1dss,
			     master->stall_enabled,
			     arm_smmu_ats_supported(master));
}

/*
 * The entry for a domain of requests without a PASID, or for none. Where PASIDs are
 * used the table of descriptors stays, and S1DSS keeps the others from it.
 */
static void make_ste(struct arm_smmu_master *master,
		     struct arm_smmu_domain *smmu_domain,
		     struct arm_smmu_ste *ste)
{
	if (!smmu_domain) {
		if (master->nr_pasids)
			make_s1_ste(master, STRTAB_STE_1_S1DSS_TERMINATE, ste);
		else
			arm_smmu_ste_make_abort(ste);
		return;
	}

	switch (smmu_domain->stage) {
	case ARM_SMMU_DOMAIN_S1:
		make_s1_ste(master, STRTAB_STE_1_S1DSS_SSID0, ste);
		break;
	case ARM_SMMU_DOMAIN_S2:
	case ARM_SMMU_DOMAIN_NESTED:
		arm_smmu_ste_make_s2(ste, &smmu_domain->s2_cfg,
				     arm_smmu_ats_supported(master));
		break;
	case ARM_SMMU_DOMAIN_BYPASS:
		if (master->nr_pasids)
			make_s1_ste(master, STRTAB_STE_1_S1DSS_BYPASS, ste);
		else
			arm_smmu_ste_make_bypass(ste);
		break;
	}
}

/*
 * Put the descriptor of a stage 1 domain into the table. One that is in use, or could be
 * as soon as the entry changes, is exchanged together with that. Beside PASIDs it is
 * written first where nothing reaches it: the entry then changes in S1DSS alone, and
 * PASIDs do not notice.
 */
static void set_own_cd(struct arm_smmu_master *master,
		       struct arm_smmu_domain *smmu_domain)
{
	struct arm_smmu_cd cd;

	arm_smmu_cd_make(&cd, &smmu_domain->cd, master->stall_enabled);
	if (!master->nr_pasids || is_stage1(own_domain(master)))
		arm_smmu_cd_table_switch(&master->cd_table, 0, &cd);
	else
		/* Its leaf exists, so this cannot fail */
		arm_smmu_cd_table_write(&master->cd_table, 0, &cd);
}

/**
 * arm_smmu_member_add() - add a device, or a PASID of it, to those that a domain flushes
 * @member: filled but for its place in the list
 *
 * Context: any.
 */
void arm_smmu_member_add(struct arm_smmu_member *member)
{
	struct arm_smmu_domain *smmu_domain = member->domain;
	unsigned long flags;

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_add(&member->node, &smmu_domain->devices);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
	if (member->ats)
		atomic_inc(&smmu_domain->nr_ats_masters);

	/* Pairs with the barrier in arm_smmu_atc_inv_domain() */
	dma_wmb();
}

/**
 * arm_smmu_member_remove() - undo arm_smmu_member_add()
 * @member: of a device whose cache holds nothing of the domain any more
 *
 * Context: any.
 */
void arm_smmu_member_remove(struct arm_smmu_member *member)
{
	struct arm_smmu_domain *smmu_domain = member->domain;
	unsigned long flags;

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_del(&member->node);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
	if (member->ats)
		atomic_dec(&smmu_domain->nr_ats_masters);
}

/* Where ATS stays on, a device is in its old domain, too, until its cache is clean */
static struct arm_smmu_member *join(struct arm_smmu_master *master,
				    struct arm_smmu_domain *smmu_domain,
				    struct iommu_domain *on, bool ats)
{
	struct arm_smmu_member *member = &master->members[0];

	if (member == master->member)
		member = &master->members[1];
	*member = (struct arm_smmu_member){
		.master	= master,
		.domain	= smmu_domain,
		.on	= on,
		.ats	= ats,
	};
	arm_smmu_member_add(member);
	return member;
}

/* ATS is off while entries without it, or an abort, are in between */
static bool begin_change(struct arm_smmu_master *master,
			 const struct arm_smmu_ste *ste)
{
	bool keep = keeps_ats(master, ste);

	lockdep_assert_held(&master->smmu->attach_mutex);
	if (master->ats && !keep)
		arm_smmu_ats_stop(master);
	return keep;
}

/*
 * A device whose ATS stays off may be reset or lose its power next, and then answer no
 * invalidation. Those that have seen it on send theirs in RCU read-side critical sections.
 */
static void end_change(struct arm_smmu_master *master, bool keep, bool was_on)
{
	if (master->ats && !keep)
		arm_smmu_ats_start(master);
	else if (was_on && !master->ats)
		synchronize_rcu();
}

/**
 * arm_smmu_rewrite_ste() - write the entries of a device whose PASIDs have changed
 * @master: device; &struct arm_smmu_master.nr_pasids is what it is to be
 *
 * Requests without a PASID are treated as before.
 *
 * Context: process, may sleep; &struct arm_smmu_device.attach_mutex is held.
 */
void arm_smmu_rewrite_ste(struct arm_smmu_master *master)
{
	struct arm_smmu_ste ste;
	bool keep, was_on = master->ats;

	/* Requests that ask for substream 0 must not reach what is left of a domain */
	if (master->nr_pasids && !is_stage1(own_domain(master)))
		arm_smmu_cd_table_clear(&master->cd_table, 0);
	make_ste(master, own_domain(master), &ste);
	keep = begin_change(master, &ste);
	install_ste(master, &ste);
	WRITE_ONCE(master->ats, arm_smmu_ste_has_ats(&ste));
	end_change(master, keep, was_on);
}

/**
 * arm_smmu_move() - write the entries of a device that moves to another domain
 * @master: device
 * @smmu_domain: whose changes concern the device from now on; NULL for none
 * @on: what the device is attached to: @smmu_domain, or a domain nested in it
 * @ste: new entry
 *
 * ATS stays on if the old and the new entries have it, and there is no abort in between:
 * the cache of the device is then cleaned after the change. Otherwise ATS is off during it.
 * When it stays off, tasks that have seen it on have sent their invalidations on return.
 *
 * Context: process, may sleep; &struct arm_smmu_device.attach_mutex is held.
 */
void arm_smmu_move(struct arm_smmu_master *master, struct arm_smmu_domain *smmu_domain,
		   struct iommu_domain *on, const struct arm_smmu_ste *ste)
{
	struct arm_smmu_member *old = master->member;
	bool ats = arm_smmu_ste_has_ats(ste), keep = begin_change(master, ste);
	bool was_on = master->ats;

	master->member = smmu_domain ? join(master, smmu_domain, on, ats) : NULL;
	install_ste(master, ste);
	WRITE_ONCE(master->ats, ats);

	if (keep)
		arm_smmu_atc_inv_master(master, 0);
	if (old)
		arm_smmu_member_remove(old);
	end_change(master, keep, was_on);

	/* With PASIDs, requests that ask for substream 0 still reach its descriptor */
	if (master->nr_pasids && !is_stage1(smmu_domain))
		arm_smmu_cd_table_clear(&master->cd_table, 0);
}

static void move_to_domain(struct arm_smmu_master *master,
			   struct arm_smmu_domain *smmu_domain)
{
	struct arm_smmu_ste ste;
	unsigned int i;

	mutex_lock(&master->smmu->attach_mutex);
	if (is_stage1(smmu_domain))
		set_own_cd(master, smmu_domain);
	make_ste(master, smmu_domain, &ste);
	arm_smmu_move(master, smmu_domain, &smmu_domain->domain, &ste);
	WRITE_ONCE(master->viommu, NULL);
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
	arm_smmu_move(master, NULL, NULL, ste);
	WRITE_ONCE(master->viommu, NULL);
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

/**
 * arm_smmu_master_need_cds() - make the table of context descriptors if there is none
 * @master: device
 *
 * Context: process, may sleep; &struct iommu_group.mutex is held.
 * Return: 0; -ENOMEM.
 */
int arm_smmu_master_need_cds(struct arm_smmu_master *master)
{
	return arm_smmu_cd_table_alloc(&master->cd_table, master->ssid_bits,
				       master->smmu->features &
				       ARM_SMMU_FEAT_2_LVL_CDTAB);
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

/* Descriptors of PASIDs are for stage 1 alone, and so is an entry that points to them */
static bool goes_with_pasids(struct arm_smmu_master *master,
			     struct arm_smmu_domain *smmu_domain, ioasid_t pasid)
{
	struct arm_smmu_domain *own = own_domain(master);

	if (pasid == IOMMU_NO_PASID)
		return !master->nr_pasids || is_stage1(smmu_domain) ||
		       smmu_domain->stage == ARM_SMMU_DOMAIN_BYPASS;
	return is_stage1(smmu_domain) && !(pasid >> master->ssid_bits) &&
	       (!own || is_stage1(own) || own->stage == ARM_SMMU_DOMAIN_BYPASS);
}

/**
 * arm_smmu_device_fits() - tell whether a device can be attached to a domain
 * @domain: domain of this driver
 * @dev: device of this driver
 * @pasid: PASID of @dev, or %IOMMU_NO_PASID
 *
 * Context: takes &struct arm_smmu_domain.init_mutex; &struct iommu_group.mutex is held.
 * Return: 0, or -EINVAL when the domain was made for another SMMU, or its stage does not
 * go with what the device is on. A domain that was made for no device yet fits all
 * requester IDs.
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
	else if (pasid != IOMMU_NO_PASID)
		err = -EINVAL;
	if (!err && smmu_domain->smmu &&
	    !goes_with_pasids(master, smmu_domain, pasid))
		err = -EINVAL;
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
 * Return: 0; -EINVAL when device and domain do not fit; -ENOENT without a firmware
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
	if (master->member && master->member->on == domain)
		return 0;

	mutex_lock(&smmu_domain->init_mutex);
	err = finish_domain(smmu_domain, master);
	mutex_unlock(&smmu_domain->init_mutex);
	if (!err && !goes_with_pasids(master, smmu_domain, IOMMU_NO_PASID))
		err = -EINVAL;
	if (!err && is_stage1(smmu_domain))
		err = arm_smmu_master_need_cds(master);
	if (err)
		return err;

	move_to_domain(master, smmu_domain);
	return 0;
}

/**
 * arm_smmu_alloc_stage() - make a paging domain that is complete
 * @dev: device of this driver that it is for
 * @stage: %ARM_SMMU_DOMAIN_S1 for the table that an attach of @dev would make, or
 *         %ARM_SMMU_DOMAIN_NESTED for one of stage 2 that others can be nested in
 *
 * Context: process, may sleep.
 * Return: domain, or ERR_PTR(): -ENOMEM; -ENOSPC without an ASID or VMID.
 */
struct iommu_domain *arm_smmu_alloc_stage(struct device *dev,
					  enum arm_smmu_domain_stage stage)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_domain *smmu_domain;
	int err;

	smmu_domain = arm_smmu_domain_new(GFP_KERNEL_ACCOUNT);
	if (!smmu_domain)
		return ERR_PTR(-ENOMEM);

	smmu_domain->stage = stage;
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

/**
 * arm_smmu_block_device() - attach_dev() of the domain that stops all DMA
 * @domain: that domain
 * @dev: device of this driver
 *
 * Requests without a PASID are aborted, regardless of arm-smmu-v3.disable_bypass; those
 * with a PASID are not concerned.
 *
 * Context: process, may sleep.
 * Return: 0; it cannot fail as the entries exist.
 */
int arm_smmu_block_device(struct iommu_domain *domain, struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_ste ste;

	mutex_lock(&master->smmu->attach_mutex);
	make_ste(master, NULL, &ste);
	arm_smmu_move(master, NULL, NULL, &ste);
	WRITE_ONCE(master->viommu, NULL);
	mutex_unlock(&master->smmu->attach_mutex);
	return 0;
}
