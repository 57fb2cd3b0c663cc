// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: the numbers by which TLB entries of stage 1 are told apart.
 *
 * Each SMMU has its own, and they have nothing to do with those of the CPUs: it does not
 * listen to the CPUs' broadcasts (CR2.PTM). The domains of processes have them from here,
 * too. References are to the Arm System Memory Management Unit Architecture Specification,
 * SMMU architecture version 3 (IHI 0070).
 */
#include "arm-smmu-v3.h"
#include "arm-smmu-v3-asid.h"

/**
 * arm_smmu_asid_alloc() - take a number that no TLB entry has
 * @smmu: the SMMU
 *
 * Context: any.
 * Return: an ASID, not 0; -ENOSPC when all are taken.
 */
int arm_smmu_asid_alloc(struct arm_smmu_device *smmu)
{
	return arm_smmu_bitmap_alloc(smmu->asid_map, smmu->asid_bits);
}

/**
 * arm_smmu_asid_free() - give a number back
 * @smmu: the SMMU
 * @asid: ASID that no context descriptor has any more, or 0
 *
 * What the TLBs have of it is invalidated before another domain can get it (3.17).
 *
 * Context: any.
 */
void arm_smmu_asid_free(struct arm_smmu_device *smmu, u16 asid)
{
	if (!asid)
		return;
	arm_smmu_tlb_inv_asid(smmu, asid);
	arm_smmu_bitmap_free(smmu->asid_map, asid);
}
