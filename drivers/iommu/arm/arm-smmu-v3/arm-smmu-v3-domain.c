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

static void install_domain(struct arm_smmu_master *master)
{
	struct arm_smmu_domain *smmu_domain = master->domain;
	struct arm_smmu_ste ste;
	unsigned int i;

	switch (smmu_domain->stage) {
	case ARM_SMMU_DOMAIN_S1:
		arm_smmu_ste_make_s1(&ste, &smmu_domain->s1_cfg,
				     master->smmu->features,
				     master->stall_enabled,
				     master->ats_enabled);
		break;
	case ARM_SMMU_DOMAIN_S2:
	case ARM_SMMU_DOMAIN_NESTED:
		arm_smmu_ste_make_s2(&ste, &smmu_domain->s2_cfg,
				     master->ats_enabled);
		break;
	case ARM_SMMU_DOMAIN_BYPASS:
		arm_smmu_ste_make_bypass(&ste);
		break;
	}
	install_ste(master, &ste);

	/* The new entry will be fetched soon, unless it is a bypass */
	if (smmu_domain->stage != ARM_SMMU_DOMAIN_BYPASS)
		for (i = 0; i < master->num_streams; i++)
			arm_smmu_prefetch_cfg(master->smmu,
					      master->streams[i].id);
}

/* Maintain the list of devices, whose ATS caches the domain invalidates */
static void set_member(struct arm_smmu_domain *smmu_domain,
		       struct arm_smmu_master *master, bool member)
{
	unsigned long flags;

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	if (member)
		list_add(&master->domain_head, &smmu_domain->devices);
	else
		list_del(&master->domain_head);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
}

/*
 * Take the device off its domain without changing its stream table entries. ATS is
 * disabled, so that the device caches nothing of the old domain when the entries
 * change.
 */
static void leave_domain(struct arm_smmu_master *master)
{
	if (!master->domain)
		return;

	arm_smmu_disable_ats(master);
	master->ats_enabled = false;
	set_member(master->domain, master, false);
	master->domain = NULL;
}

static void join_domain(struct arm_smmu_master *master,
			struct arm_smmu_domain *smmu_domain)
{
	master->domain = smmu_domain;
	if (smmu_domain->stage != ARM_SMMU_DOMAIN_BYPASS)
		master->ats_enabled = arm_smmu_ats_supported(master);

	install_domain(master);
	set_member(smmu_domain, master, true);
	arm_smmu_enable_ats(master);
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
	struct arm_smmu_domain *smmu_domain = master->domain;
	struct arm_smmu_ste ste;

	if (!smmu_domain)
		return;

	leave_domain(master);
	if (arm_smmu_disable_bypass ||
	    smmu_domain->domain.type == IOMMU_DOMAIN_UNMANAGED)
		arm_smmu_ste_make_abort(&ste);
	else
		arm_smmu_ste_make_bypass(&ste);
	install_ste(master, &ste);
}

/* The context descriptors of a domain only suit devices with the same parameters */
static bool shares_descriptors(const struct arm_smmu_domain *smmu_domain,
			       const struct arm_smmu_master *master)
{
	if (smmu_domain->stage != ARM_SMMU_DOMAIN_S1)
		return true;
	return master->ssid_bits == smmu_domain->s1_cfg.s1cdmax &&
	       master->stall_enabled == smmu_domain->stall_enabled;
}

/* Make a domain's table for @master, or check that the existing one fits */
static int finish_domain(struct arm_smmu_domain *smmu_domain,
			 struct arm_smmu_master *master)
{
	int err;

	lockdep_assert_held(&smmu_domain->init_mutex);
	if (smmu_domain->smmu) {
		if (smmu_domain->smmu != master->smmu ||
		    !shares_descriptors(smmu_domain, master))
			return -EINVAL;
		return 0;
	}

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
 * Return: 0, or -EINVAL when the domain was made for another SMMU, or for
 * devices with another number of substream bits or another stall model. A
 * domain that was made for no device yet fits all.
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
 * domain that has none yet.
 */
int arm_smmu_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct arm_smmu_master *master;
	int err;

	if (!dev_iommu_fwspec_get(dev))
		return -ENOENT;
	master = dev_iommu_priv_get(dev);
	if (master->domain == smmu_domain)
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
	if (err)
		return err;

	leave_domain(master);
	join_domain(master, smmu_domain);
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

	leave_domain(master);
	arm_smmu_ste_make_abort(&ste);
	install_ste(master, &ste);
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
