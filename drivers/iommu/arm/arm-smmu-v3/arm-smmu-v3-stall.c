// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: accesses that wait for a page, which are the page requests of devices.
 *
 * An access that faults may be kept by the SMMU (a stall), which writes an event about it.
 * The reader of the event queue reports that event, and the answer is CMD_RESUME: the SMMU
 * repeats the access, or aborts it. References are to the Arm System Memory Management Unit
 * Architecture Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/time64.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-stall.h"
#include "../../iommu-sva-lib.h"

/* The reader looks at an event in much less time than this */
#define DRAIN_POLL_US		50
#define DRAIN_TIMEOUT_US	USEC_PER_SEC

/**
 * arm_smmu_can_stall() - tell whether accesses of a device are kept when they fault
 * @master: device
 *
 * The answer to a stall has to name the stream, which is not kept with each event: it is
 * known of devices with one stream.
 *
 * Context: any.
 * Return: true if so.
 */
bool arm_smmu_can_stall(const struct arm_smmu_master *master)
{
	const struct arm_smmu_device *smmu = master->smmu;

	/* Without an interrupt nothing reads the queue */
	return master->stall_enabled && master->num_streams == 1 && smmu->evtq.iopf &&
	       (smmu->combined_irq || smmu->evtq.q.irq);
}

/**
 * arm_smmu_enable_faults() - enable_faults() of &struct iommu_ops_ext
 * @dev: device of this driver
 *
 * The descriptors of a device that can stall say so (CD.S), and until this is called its
 * stalls are aborted.
 *
 * Context: process, may sleep; &struct iommu_group.mutex is held.
 * Return: 0; -EOPNOTSUPP for a device that does not stall; -EBUSY when they are enabled;
 * -ENOMEM.
 */
int arm_smmu_enable_faults(struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_evtq *evtq = &master->smmu->evtq;

	if (!arm_smmu_can_stall(master))
		return -EOPNOTSUPP;
	return iopf_queue_add_device(evtq->iopf, dev, evtq->max_stalls);
}

/* Index and wrap bit together count events, modulo twice the size of the queue (7.2) */
static u32 nr_before(const struct arm_smmu_queue *q, u32 cons, u32 prod)
{
	return (prod - cons) & (BIT(q->llq.max_n_shift + 1) - 1);
}

static u32 handled(const struct arm_smmu_device *smmu)
{
	/* Acquires what the reader has done with the events before: its store releases that */
	return smp_load_acquire(&smmu->evtq.handled);
}

/*
 * The reader may have gone further, up to the length of a queue. If it has gone further still,
 * it seems to be behind until it comes round again.
 */
static bool has_handled(const struct arm_smmu_queue *q, u32 prod, u32 cons)
{
	return nr_before(q, prod, cons) < BIT(q->llq.max_n_shift);
}

/*
 * Wait until the events that are in the queue have been handled. Returns whether there may
 * have been more than it had room for: stalls then wait until it has (7.4). This does not
 * wait for the end of the reader, as other devices may keep it busy for any time.
 */
static bool wait_for_reader(struct arm_smmu_device *smmu)
{
	const struct arm_smmu_queue *q = &smmu->evtq.q;
	u32 prod = readl(q->prod_reg), cons = handled(smmu);
	bool full = nr_before(q, cons, prod) >= BIT(q->llq.max_n_shift);
	int err;

	err = read_poll_timeout(handled, cons, has_handled(q, prod, cons), DRAIN_POLL_US,
				DRAIN_TIMEOUT_US, false, smmu);
	if (err)
		dev_err_ratelimited(smmu->dev, "events are not read: page requests may be late\n");
	return full && !err;
}

/**
 * arm_smmu_drain_faults() - drain_faults() of &struct iommu_ops_ext
 * @dev: device of this driver; its entries or descriptors let no new stall happen
 *
 * A stall for which the queue had no room may be written later still, when events of other
 * devices took that. The core then answers it as invalid, or gives it to the attachment that
 * its PASID has by then.
 *
 * Context: process, may sleep; &struct iommu_group.mutex is held, which the reader of events
 * does not take.
 */
void arm_smmu_drain_faults(struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);

	if (arm_smmu_can_stall(master) && wait_for_reader(master->smmu))
		wait_for_reader(master->smmu);
}

/**
 * arm_smmu_disable_faults() - undo arm_smmu_enable_faults()
 * @dev: device of this driver, for which that succeeded
 *
 * What the SMMU still has is reported before, so that nothing of it is left: the core then
 * answers what is open. When the device leaves, its PASIDs have been blocked before; a stall of
 * its requester ID that comes later is aborted by its stream.
 *
 * Context: process, may sleep; &struct iommu_group.mutex is held.
 */
void arm_smmu_disable_faults(struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);

	arm_smmu_drain_faults(dev);
	iopf_queue_remove_device(master->smmu->evtq.iopf, dev);
}
