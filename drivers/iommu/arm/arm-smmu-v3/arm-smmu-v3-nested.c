// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: domains whose stage 1 belongs to a guest.
 *
 * A nested domain is what a guest's stream table entry says. The entry of the device gets
 * the guest's stage 1, whose pointers are addresses of the guest, and the stage 2 of the
 * parent::
 *
 *	entry of the device		guest's memory		host
 *
 *	stage 1 (guest's) ----------->	descriptors --> tables
 *		    |			     :		   :
 *	stage 2 (parent's) -----------------:-------------:---->  parent's table
 *	VMID (virtual IOMMU's)		  each address is translated by it
 *
 * A guest's bypass is stage 2 alone, with the same VMID. References are to the Arm System
 * Memory Management Unit Architecture Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu-viommu.h>
#include <linux/iommu.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-coherency.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-guest.h"
#include "arm-smmu-v3-nested.h"
#include "arm-smmu-v3-ste.h"
#include "arm-smmu-v3-viommu.h"

static bool allow_unsafe_nesting;
module_param(allow_unsafe_nesting, bool, 0444);
MODULE_PARM_DESC(allow_unsafe_nesting,
		 "Give guests a stage 1 where they can bypass the caches of the CPUs, and see stale data of the host in memory that was cleared for them.");

/**
 * struct arm_smmu_nested - domain whose stage 1 belongs to a guest
 * @domain: as the core knows it
 * @viommu: the guest's SMMU; outlives it, and so does the parent
 * @ste: first words of the guest's stream table entry
 */
struct arm_smmu_nested {
	struct iommu_domain domain;
	struct arm_smmu_viommu *viommu;
	__le64 ste[ARM_SMMU_GUEST_STE_WORDS];
};

static struct arm_smmu_nested *to_nested(struct iommu_domain *domain)
{
	return container_of(domain, struct arm_smmu_nested, domain);
}

/* Nothing that a guest's page tables say makes the accesses miss the caches */
static bool stays_coherent(struct arm_smmu_master *master)
{
	return master->smmu->features & ARM_SMMU_FEAT_S2FWB ||
	       arm_smmu_master_is_coherent(master);
}

/**
 * arm_smmu_check_nesting() - tell whether a guest may have stage 1 of a device
 * @dev: device of this driver
 *
 * Where all accesses may stall, a guest could keep the resources that stalled accesses of
 * other devices need.
 *
 * Context: any.
 * Return: 0; -EOPNOTSUPP when hardware and firmware do not make that safe, and the
 * administrator does not allow it all the same.
 */
int arm_smmu_check_nesting(struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	u32 features = master->smmu->features;

	if (!(features & ARM_SMMU_FEAT_NESTING) ||
	    features & ARM_SMMU_FEAT_STALL_FORCE)
		return -EOPNOTSUPP;
	return stays_coherent(master) || allow_unsafe_nesting ? 0 : -EOPNOTSUPP;
}

/* Leave a trace if a guest gets what is not safe */
static void note_nesting(struct arm_smmu_master *master)
{
	if (stays_coherent(master))
		return;
	dev_warn_ratelimited(master->dev,
			     "allow_unsafe_nesting: a guest may read stale data of the host\n");
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
}

static u64 config_of(const struct arm_smmu_nested *nested)
{
	return FIELD_GET(STRTAB_STE_0_CFG, le64_to_cpu(nested->ste[0]));
}

static bool has_stage1(const struct arm_smmu_nested *nested)
{
	return config_of(nested) == STRTAB_STE_0_CFG_S1_TRANS;
}

static void make_ste(struct arm_smmu_master *master,
		     const struct arm_smmu_nested *nested,
		     struct arm_smmu_ste *ste)
{
	struct arm_smmu_s2_cfg cfg = nested->viommu->parent->s2_cfg;

	cfg.vmid = nested->viommu->vmid;
	if (config_of(nested) == STRTAB_STE_0_CFG_ABORT)
		arm_smmu_ste_make_abort(ste);
	else
		arm_smmu_ste_make_nested(ste, nested->ste, &cfg,
					 master->smmu->features,
					 master->stall_enabled,
					 arm_smmu_ats_supported(master));
}

/* Stage 1 and the descriptors of PASIDs are the guest's, so the host can have none */
static bool can_have(const struct arm_smmu_nested *nested,
		     struct arm_smmu_master *master)
{
	return master->smmu == nested->viommu->smmu && !master->nr_pasids &&
	       !arm_smmu_check_nesting(master->dev);
}

static int attach_nested(struct iommu_domain *domain, struct device *dev)
{
	struct arm_smmu_nested *nested = to_nested(domain);
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_ste ste;

	if (!can_have(nested, master))
		return -EINVAL;

	if (has_stage1(nested))
		note_nesting(master);
	mutex_lock(&master->smmu->attach_mutex);
	make_ste(master, nested, &ste);
	/* As soon as the entry has stage 1, what goes wrong may be the guest's fault */
	if (has_stage1(nested))
		WRITE_ONCE(master->viommu, nested->viommu);
	arm_smmu_move(master, nested->viommu->parent, domain, &ste);
	if (!has_stage1(nested))
		WRITE_ONCE(master->viommu, NULL);
	mutex_unlock(&master->smmu->attach_mutex);
	return 0;
}

/* Commands and events name a device by the guest's ID */
static int nested_fits(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid)
{
	struct arm_smmu_nested *nested = to_nested(domain);
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct iommu_vdevice *vdev;
	bool named;

	if (pasid != IOMMU_NO_PASID || !can_have(nested, master))
		return -EINVAL;
	if (!has_stage1(nested))
		return 0;
	rcu_read_lock();
	vdev = iommu_vdevice_of(dev);
	named = vdev && vdev->viommu == &nested->viommu->core;
	rcu_read_unlock();
	return named ? 0 : -ENOENT;
}

static void free_nested(struct iommu_domain *domain)
{
	kfree(to_nested(domain));
}

static const struct iommu_domain_ops nested_ops = {
	.attach_dev	= attach_nested,
	.device_fits	= nested_fits,
	.free		= free_nested,
};

/**
 * arm_smmu_alloc_nested() - alloc_nested() of &struct iommu_viommu_ops
 * @viommu: the guest's SMMU
 * @dev: device behind it
 * @flags: none is known
 * @blob: &struct iommu_hwpt_arm_smmuv3
 *
 * Context: process, may sleep.
 * Return: domain, or ERR_PTR(): -EOPNOTSUPP for a flag or another type of blob; -EINVAL for
 * its length; -EFAULT; -EIO for what is not the guest's to say; -ENOMEM.
 */
struct iommu_domain *arm_smmu_alloc_nested(struct iommu_viommu *viommu,
					   struct device *dev, u32 flags,
					   const struct iommu_user_blob *blob)
{
	struct iommu_hwpt_arm_smmuv3 arg;
	struct arm_smmu_nested *nested;
	int err;

	if (flags || blob->type != IOMMU_HWPT_DATA_ARM_SMMUV3)
		return ERR_PTR(-EOPNOTSUPP);
	err = iommu_copy_blob(&arg, sizeof(arg), sizeof(arg), blob);
	if (!err)
		err = arm_smmu_guest_check_ste(arg.ste);
	if (err)
		return ERR_PTR(err);

	nested = kzalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.type = IOMMU_DOMAIN_NESTED;
	nested->domain.ops = &nested_ops;
	nested->viommu = to_smmu_viommu(viommu);
	memcpy(nested->ste, arg.ste, sizeof(nested->ste));
	return &nested->domain;
}
