// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: which domains the PASIDs of a device are on.
 *
 * A PASID is a substream, with a context descriptor in the table of the device. Its domain
 * has the PASID in its list, as it has devices, and invalidates its translations in their
 * caches. References are to the Arm System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-cd-table.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-pasid.h"

/**
 * arm_smmu_check_pasids() - tell whether domains can be made that PASIDs can be put on
 * @dev: device of this driver
 *
 * Context: any.
 * Return: 0; -EOPNOTSUPP when the SMMU has no stage 1.
 */
int arm_smmu_check_pasids(struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);

	return master->smmu->features & ARM_SMMU_FEAT_TRANS_S1 ? 0 : -EOPNOTSUPP;
}

static struct arm_smmu_member *new_member(struct arm_smmu_master *master,
					  struct iommu_domain *domain,
					  ioasid_t pasid)
{
	struct arm_smmu_member *member;

	member = kzalloc(sizeof(*member), GFP_KERNEL_ACCOUNT);
	if (!member)
		return NULL;
	member->master = master;
	member->domain = to_smmu_domain(domain);
	member->on = domain;
	member->ssid = pasid;
	/* An entry that points to descriptors has ATS if the device has it */
	member->ats = arm_smmu_ats_supported(master);
	return member;
}

/*
 * Write the descriptor of a PASID that had none. The first one of a device may need an
 * entry that points to descriptors; nothing reaches the new one before.
 */
static int add_cd(struct arm_smmu_master *master, ioasid_t pasid,
		  const struct arm_smmu_cd *cd)
{
	int err;

	err = arm_smmu_cd_table_write(&master->cd_table, pasid, cd);
	if (err)
		return err;
	if (!master->nr_pasids++)
		arm_smmu_rewrite_ste(master);
	return 0;
}

/* Exchange the descriptor of a PASID that goes on using the old one until then */
static void exchange_cd(struct arm_smmu_master *master, ioasid_t pasid,
			const struct arm_smmu_cd *cd)
{
	arm_smmu_cd_table_switch(&master->cd_table, pasid, cd);
	arm_smmu_rewrite_ste(master);
	if (master->ats)
		arm_smmu_atc_inv_master(master, pasid);
}

/**
 * arm_smmu_member_make_cd() - descriptor by which a PASID of a device uses a domain
 * @member: the PASID, on a domain of stage 1
 * @cd: is filled
 *
 * It is quiet if the domain was that of a process that has ended: accesses are aborted
 * without an event, unless the SMMU stalls whatever faults (IDR0.STALL_MODEL).
 *
 * Context: &struct arm_smmu_device.attach_mutex is held.
 */
void arm_smmu_member_make_cd(const struct arm_smmu_member *member, struct arm_smmu_cd *cd)
{
	struct arm_smmu_domain *smmu_domain = member->domain;
	struct arm_smmu_master *master = member->master;
	bool always = master->smmu->features & ARM_SMMU_FEAT_STALL_FORCE;

	if (smmu_domain->ended)
		arm_smmu_cd_make_quiet(cd, &smmu_domain->cd, master->stall_enabled && always);
	else
		arm_smmu_cd_make(cd, &smmu_domain->cd, master->stall_enabled);
}

static int set_cd(struct arm_smmu_master *master, struct arm_smmu_member *member,
		  struct arm_smmu_member *old)
{
	struct arm_smmu_cd cd;
	int err = 0;

	mutex_lock(&master->smmu->attach_mutex);
	arm_smmu_member_make_cd(member, &cd);
	arm_smmu_member_add(member);
	if (old)
		exchange_cd(master, member->ssid, &cd);
	else
		err = add_cd(master, member->ssid, &cd);
	if (err)
		arm_smmu_member_remove(member);
	else if (old)
		arm_smmu_member_remove(old);
	mutex_unlock(&master->smmu->attach_mutex);
	return err;
}

/**
 * arm_smmu_set_dev_pasid() - put a PASID of a device on a domain
 * @domain: stage 1 domain of this driver, also one of a process
 * @dev: device of this driver
 * @pasid: the PASID, not 0
 * @old: ignored: the driver has a record of its own
 *
 * Requests of the PASID use the old domain or the new one, and the others go on as they
 * were.
 *
 * Context: process, may sleep; &struct iommu_group.mutex is held.
 * Return: 0; -EINVAL when domain, device and PASID do not fit; -ENOMEM. On error the PASID
 * is where it was.
 */
int arm_smmu_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
			   ioasid_t pasid, struct iommu_domain *old)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_member *before = xa_load(&master->pasids, pasid);
	struct arm_smmu_member *member;
	int err;

	err = arm_smmu_device_fits(domain, dev, pasid);
	if (err)
		return err;
	if (before && before->on == domain)
		return 0;

	member = new_member(master, domain, pasid);
	if (!member)
		return -ENOMEM;
	err = xa_err(xa_store(&master->pasids, pasid, member, GFP_KERNEL_ACCOUNT));
	if (!err)
		err = arm_smmu_master_need_cds(master);
	if (!err)
		err = set_cd(master, member, before);
	if (err)
		goto err_restore;
	kfree(before);
	return 0;

err_restore:
	/* The place exists, so this needs no memory */
	if (before)
		xa_store(&master->pasids, pasid, before, GFP_KERNEL);
	else
		xa_erase(&master->pasids, pasid);
	kfree(member);
	return err;
}

/**
 * arm_smmu_block_pasid() - take a PASID of a device off its domain
 * @domain: the blocked domain
 * @dev: device of this driver
 * @pasid: the PASID, not 0
 * @old: ignored
 *
 * Context: process, may sleep; &struct iommu_group.mutex is held.
 * Return: 0; it cannot fail, also for a PASID that is on no domain.
 */
int arm_smmu_block_pasid(struct iommu_domain *domain, struct device *dev,
			 ioasid_t pasid, struct iommu_domain *old)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_member *member = xa_erase(&master->pasids, pasid);

	if (!member)
		return 0;
	mutex_lock(&master->smmu->attach_mutex);
	arm_smmu_cd_table_clear(&master->cd_table, pasid);
	if (master->ats)
		arm_smmu_atc_inv_master(master, pasid);
	arm_smmu_member_remove(member);
	if (!--master->nr_pasids)
		arm_smmu_rewrite_ste(master);
	mutex_unlock(&master->smmu->attach_mutex);
	kfree(member);
	return 0;
}
