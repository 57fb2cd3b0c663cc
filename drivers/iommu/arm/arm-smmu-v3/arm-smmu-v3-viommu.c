// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: the part of an SMMU that a guest has.
 *
 * Each has a VMID of its own, so that two guests, or two SMMUs of one guest, may use the same
 * ASIDs. What the hardware caches of a guest is tagged with it: translations of stage 1,
 * those of the parent, and combinations of both. A change of the parent is therefore
 * invalidated for the VMID of each virtual IOMMU on it, all at once.
 *
 * References are to the Arm System Memory Management Unit Architecture Specification, SMMU
 * architecture version 3 (IHI 0070).
 */
#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <uapi/linux/iommufd.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-guest.h"
#include "arm-smmu-v3-nested.h"
#include "arm-smmu-v3-viommu.h"

MODULE_IMPORT_NS(IOMMUFD_INTERNAL);

/* One less than a batch can hold: some hardware wants a CMD_SYNC after so many */
#define MAX_CMDS	(CMDQ_BATCH_ENTRIES - 1)

/* Forget all translations of a VMID, of both stages (4.4.3) */
static u64 inv_vmid_cmd(u16 vmid)
{
	return FIELD_PREP(CMDQ_0_OP, CMDQ_OP_TLBI_S12_VMALL) |
	       FIELD_PREP(CMDQ_TLBI_0_VMID, vmid);
}

/* The parent */

/**
 * arm_smmu_viommus_inv() - invalidate all that was derived from a domain
 * @parent: nesting parent, in whose table something was removed
 *
 * An address of stage 2 finds no translation of both stages, so all of these go in any case
 * (4.4.3.1). Those of stage 2, of which they could be made once more, go with them.
 *
 * Context: any.
 */
void arm_smmu_viommus_inv(struct arm_smmu_domain *parent)
{
	u64 cmds[MAX_CMDS * CMDQ_ENT_DWORDS];
	struct arm_smmu_viommu *viommu;
	u64 *cmd = cmds;

	/*
	 * A virtual IOMMU that enters the list from now on has no device yet, and so the
	 * hardware has read nothing of the old table for it. Pairs with the barriers of a
	 * stream table entry that is written.
	 */
	smp_mb();
	if (list_empty(&parent->viommus))
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(viommu, &parent->viommus, node) {
		if (WARN_ON_ONCE(cmd == cmds + ARRAY_SIZE(cmds)))
			break;
		*cmd++ = inv_vmid_cmd(viommu->vmid);
		*cmd++ = 0;
	}
	rcu_read_unlock();
	if (cmd != cmds)
		arm_smmu_cmdq_issue_cmdlist(parent->smmu, cmds,
					    (cmd - cmds) / CMDQ_ENT_DWORDS, true);
}

/* Their number is that of the commands that one CMD_SYNC can follow */
static int enter_list(struct arm_smmu_domain *parent, struct arm_smmu_viommu *viommu)
{
	unsigned long flags;
	int err = -ENOSPC;

	spin_lock_irqsave(&parent->devices_lock, flags);
	if (parent->nr_viommus < MAX_CMDS) {
		parent->nr_viommus++;
		list_add_rcu(&viommu->node, &parent->viommus);
		err = 0;
	}
	spin_unlock_irqrestore(&parent->devices_lock, flags);
	return err;
}

static void leave_list(struct arm_smmu_domain *parent, struct arm_smmu_viommu *viommu)
{
	unsigned long flags;

	spin_lock_irqsave(&parent->devices_lock, flags);
	list_del_rcu(&viommu->node);
	spin_unlock_irqrestore(&parent->devices_lock, flags);
	synchronize_rcu();

	/* Only now: a flush that still sees this one has room for those that come */
	spin_lock_irqsave(&parent->devices_lock, flags);
	parent->nr_viommus--;
	spin_unlock_irqrestore(&parent->devices_lock, flags);
}

static int init_viommu(struct iommu_viommu *core, struct device *dev,
		       struct iommu_user_blob *blob)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_domain *parent = to_smmu_domain(core->parent);
	struct arm_smmu_viommu *viommu = to_smmu_viommu(core);
	int vmid, err;

	if (blob || parent->smmu != master->smmu ||
	    parent->stage != ARM_SMMU_DOMAIN_NESTED)
		return -EINVAL;
	vmid = arm_smmu_bitmap_alloc(master->smmu->vmid_map,
				     master->smmu->vmid_bits);
	if (vmid < 0)
		return vmid;

	viommu->smmu = master->smmu;
	viommu->parent = parent;
	viommu->vmid = vmid;
	err = enter_list(parent, viommu);
	if (err)
		arm_smmu_bitmap_free(master->smmu->vmid_map, vmid);
	return err;
}

static void destroy_viommu(struct iommu_viommu *core)
{
	struct arm_smmu_viommu *viommu = to_smmu_viommu(core);
	u64 cmd[CMDQ_ENT_DWORDS] = { inv_vmid_cmd(viommu->vmid) };

	leave_list(viommu->parent, viommu);
	/* The next user of the VMID must not meet what is still cached */
	if (arm_smmu_cmdq_issue_cmdlist(viommu->smmu, cmd, 1, true))
		dev_err(viommu->smmu->dev, "VMID %u may be cached: not used again\n",
			viommu->vmid);
	else
		arm_smmu_bitmap_free(viommu->smmu->vmid_map, viommu->vmid);
}

/* A guest has one stream ID for a device, and so has the hardware; it may be repeated */
static int init_vdevice(struct iommu_vdevice *vdev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(vdev->dev);
	unsigned int i;

	if (vdev->virt_id > U32_MAX)
		return -EINVAL;
	if (!master->num_streams)
		return -EOPNOTSUPP;
	for (i = 1; i < master->num_streams; i++)
		if (master->streams[i].id != master->streams[0].id)
			return -EOPNOTSUPP;
	return 0;
}

/* Invalidation */

/**
 * struct cmd_batch - commands that have to be complete before one of another kind begins
 * @kind: their kind
 * @nr: how many there are
 * @cmds: the commands; stream IDs are the guest's
 */
struct cmd_batch {
	enum arm_smmu_guest_cmd_kind kind;
	int nr;
	u64 cmds[MAX_CMDS * CMDQ_ENT_DWORDS];
};

/* Whether a command is of use to the device that has the guest's stream ID */
static bool concerns(const struct iommu_vdevice *vdev,
		     enum arm_smmu_guest_cmd_kind kind)
{
	struct arm_smmu_master *master;

	if (!vdev)
		return false;
	/*
	 * One whose ATS is off has nothing cached, and might not answer. It stays on until
	 * the end of this RCU read-side critical section: see arm_smmu_move()
	 */
	master = dev_iommu_priv_get(vdev->dev);
	return kind != ARM_SMMU_GUEST_ATC || READ_ONCE(master->ats);
}

/*
 * Replace the guest's stream IDs, and drop the commands that concern no device: it may have
 * lost its name since they were read, or be in a reset. Returns how many are left.
 */
static int set_streams(struct arm_smmu_viommu *viommu, struct cmd_batch *batch)
{
	struct arm_smmu_master *master;
	struct iommu_vdevice *vdev;
	u64 *from = batch->cmds, *to = batch->cmds;
	int i;

	for (i = 0; i < batch->nr; i++, from += CMDQ_ENT_DWORDS) {
		vdev = iommu_viommu_find(&viommu->core,
					 FIELD_GET(CMDQ_CFGI_0_SID, from[0]));
		if (!concerns(vdev, batch->kind))
			continue;
		master = dev_iommu_priv_get(vdev->dev);
		to[0] = (from[0] & ~CMDQ_CFGI_0_SID) |
			FIELD_PREP(CMDQ_CFGI_0_SID, master->streams[0].id);
		to[1] = from[1];
		to += CMDQ_ENT_DWORDS;
	}
	return (to - batch->cmds) / CMDQ_ENT_DWORDS;
}

/*
 * Send the commands, and wait until they are complete. A device keeps its name for so long:
 * no command is sent on behalf of a guest that has lost it.
 */
static int issue_batch(struct arm_smmu_viommu *viommu, struct cmd_batch *batch)
{
	int nr, err = 0;

	rcu_read_lock();
	nr = batch->kind == ARM_SMMU_GUEST_TLBI ? batch->nr :
						  set_streams(viommu, batch);
	if (nr)
		err = arm_smmu_cmdq_issue_cmdlist(viommu->smmu, batch->cmds, nr,
						  true);
	rcu_read_unlock();
	batch->nr = 0;
	return err;
}

static int check_stream(struct arm_smmu_viommu *viommu, u32 virt_sid)
{
	struct iommu_vdevice *vdev;

	rcu_read_lock();
	vdev = iommu_viommu_find(&viommu->core, virt_sid);
	rcu_read_unlock();
	return vdev ? 0 : -EIO;
}

static int read_cmd(struct arm_smmu_viommu *viommu,
		    struct iommu_user_array *array, u32 index,
		    struct arm_smmu_guest_cmd *cmd)
{
	const struct arm_smmu_guest_limits limits = {
		.features	= viommu->smmu->features,
		.asid_bits	= viommu->smmu->asid_bits,
		.ssid_bits	= viommu->smmu->ssid_bits,
	};
	struct iommu_viommu_arm_smmuv3_invalidate arg;
	int err;

	err = iommu_copy_viommu_entry(&arg, sizeof(arg), array, index);
	if (!err)
		err = arm_smmu_guest_check_cmd(&limits, arg.cmd, cmd);
	if (err)
		return err;
	if (cmd->kind == ARM_SMMU_GUEST_TLBI) {
		cmd->word[0] |= FIELD_PREP(CMDQ_TLBI_0_VMID, viommu->vmid);
		return 0;
	}
	cmd->word[0] |= FIELD_PREP(CMDQ_CFGI_0_SID, cmd->virt_sid);
	return check_stream(viommu, cmd->virt_sid);
}

/* What was cached early can be used to fill what is cached late: 4.3.6, 3.9.1 */
static bool must_wait(const struct cmd_batch *batch,
		      const struct arm_smmu_guest_cmd *cmd)
{
	return batch->nr == MAX_CMDS || (batch->nr && batch->kind != cmd->kind);
}

static void add_cmd(struct cmd_batch *batch, const struct arm_smmu_guest_cmd *cmd)
{
	batch->kind = cmd->kind;
	memcpy(&batch->cmds[batch->nr++ * CMDQ_ENT_DWORDS], cmd->word,
	       sizeof(cmd->word));
}

/* *done: how many of the guest's commands are complete */
static int invalidate_all(struct arm_smmu_viommu *viommu,
			  struct iommu_user_array *array, u32 *done)
{
	struct arm_smmu_guest_cmd cmd;
	struct cmd_batch batch;
	int err = 0, issue_err;
	u32 i;

	batch.nr = 0;
	for (i = 0; i < array->nr; i++) {
		err = read_cmd(viommu, array, i, &cmd);
		if (err)
			break;
		if (must_wait(&batch, &cmd)) {
			issue_err = issue_batch(viommu, &batch);
			if (issue_err)
				return issue_err;
			*done = i;
		}
		add_cmd(&batch, &cmd);
	}
	/* What precedes a bad command is done */
	issue_err = batch.nr ? issue_batch(viommu, &batch) : 0;
	if (issue_err)
		return issue_err;
	*done = i;
	return err;
}

static int invalidate(struct iommu_viommu *core, struct iommu_user_array *array)
{
	u32 done = 0;
	int err = -EINVAL;

	if (array->type == IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3)
		err = invalidate_all(to_smmu_viommu(core), array, &done);
	array->nr = done;
	return err;
}

/* Events */

static size_t event_bytes(struct iommu_viommu *core, u32 type)
{
	return type == IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 ?
	       sizeof(struct iommu_vevent_arm_smmuv3) : 0;
}

/* There is no name while user space takes it away, and then nothing to report */
static void report_event(struct arm_smmu_master *master, const u64 *evt)
{
	struct iommu_vevent_arm_smmuv3 event;
	struct arm_smmu_viommu *viommu;
	struct iommu_vdevice *vdev;

	rcu_read_lock();
	viommu = READ_ONCE(master->viommu);
	vdev = iommu_vdevice_of(master->dev);
	if (vdev && vdev->viommu == &viommu->core &&
	    arm_smmu_guest_show_event(evt, vdev->virt_id, event.evt))
		iommu_viommu_report(vdev->viommu, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
				    &event, sizeof(event));
	rcu_read_unlock();
}

/**
 * arm_smmu_abort_stalled() - end a stall that is not reported any further
 * @smmu: the SMMU
 * @evt: event as the hardware wrote it; nothing happens if it is none of a stall
 *
 * Nothing is waited for, as for all such commands (4.6.1).
 *
 * Context: any.
 */
void arm_smmu_abort_stalled(struct arm_smmu_device *smmu, const u64 *evt)
{
	u64 cmd[CMDQ_ENT_DWORDS] = {
		FIELD_PREP(CMDQ_0_OP, CMDQ_OP_RESUME) |
		FIELD_PREP(CMDQ_RESUME_0_SID, FIELD_GET(EVTQ_0_SID, evt[0])) |
		FIELD_PREP(CMDQ_RESUME_0_RESP, CMDQ_RESUME_0_RESP_ABORT),
		FIELD_PREP(CMDQ_RESUME_1_STAG, FIELD_GET(EVTQ_1_STAG, evt[1])),
	};

	if (evt[1] & EVTQ_1_STALL)
		arm_smmu_cmdq_issue_cmdlist(smmu, cmd, 1, false);
}

/**
 * arm_smmu_viommu_take_event() - handle an event of a device on a guest's stage 1
 * @smmu: the SMMU
 * @evt: event as the hardware wrote it
 *
 * A guest has no command to end a stall, and could use up what stalled accesses of others
 * need: they are aborted. An event of the guest that no queue is there for is dropped. As a
 * guest may cause any number of events, of either stage, this is a point of rescheduling.
 *
 * Context: threaded interrupt handler; takes &struct arm_smmu_device.streams_mutex.
 * Return: whether nothing is left to do about it.
 */
bool arm_smmu_viommu_take_event(struct arm_smmu_device *smmu, const u64 *evt)
{
	__le64 shown[ARM_SMMU_GUEST_EVT_WORDS];
	struct arm_smmu_master *master;
	bool stalled = evt[1] & EVTQ_1_STALL;
	bool taken = false;

	mutex_lock(&smmu->streams_mutex);
	master = arm_smmu_find_master(smmu, FIELD_GET(EVTQ_0_SID, evt[0]));
	if (master && READ_ONCE(master->viommu)) {
		arm_smmu_abort_stalled(smmu, evt);
		report_event(master, evt);
		taken = stalled || arm_smmu_guest_show_event(evt, 0, shown);
	}
	mutex_unlock(&smmu->streams_mutex);
	cond_resched();
	return taken;
}

/* Registration */

static const struct iommu_viommu_ops viommu_ops = {
	.viommu_bytes	= sizeof(struct arm_smmu_viommu),
	.init		= init_viommu,
	.destroy	= destroy_viommu,
	.alloc_nested	= arm_smmu_alloc_nested,
	.invalidate	= invalidate,
	.init_vdevice	= init_vdevice,
	.event_bytes	= event_bytes,
};

/**
 * arm_smmu_viommu_ops() - viommu_ops() of &struct iommu_ops_ext
 * @dev: device
 * @type: number of the user ABI
 *
 * Context: any.
 * Return: the only type there is, or NULL.
 */
const struct iommu_viommu_ops *arm_smmu_viommu_ops(struct device *dev, u32 type)
{
	if (type != IOMMU_VIOMMU_TYPE_ARM_SMMUV3 || arm_smmu_check_nesting(dev))
		return NULL;
	return &viommu_ops;
}
