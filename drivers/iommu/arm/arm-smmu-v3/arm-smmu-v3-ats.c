// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: turning ATS on and off in a device.
 *
 * The device may send translation requests only while its stream table entries serve
 * them: the entries come first when ATS is turned on, and last when it is turned off
 * (IHI 0070, 3.9.1).
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-ats.h"

/**
 * arm_smmu_ats_start() - let a device send translation requests
 * @master: PCI device for which arm_smmu_ats_supported() is true, ATS is off, and all
 *          stream table entries have EATS
 *
 * A failure is logged; the device then goes on without ATS.
 *
 * Context: process, may sleep.
 */
void arm_smmu_ats_start(struct arm_smmu_master *master)
{
	/* The smallest page that the SMMU may return */
	int stu = __ffs(master->smmu->pgsize_bitmap);

	arm_smmu_atc_inv_master(master, 0);
	if (pci_enable_ats(to_pci_dev(master->dev), stu))
		dev_err_ratelimited(master->dev,
				    "Failed to enable ATS (STU %d)\n", stu);
}

/**
 * arm_smmu_ats_stop() - end the use of ATS, before entries without EATS are written
 * @master: PCI device for which arm_smmu_ats_start() was called
 *
 * Afterwards the device holds no translations.
 *
 * Context: process, may sleep.
 */
void arm_smmu_ats_stop(struct arm_smmu_master *master)
{
	struct pci_dev *pdev = to_pci_dev(master->dev);

	if (!pdev->ats_enabled)
		return;

	pci_disable_ats(pdev);
	/* The device sees the end of ATS before it sees the invalidation */
	wmb();
	arm_smmu_atc_inv_master(master, 0);
}
