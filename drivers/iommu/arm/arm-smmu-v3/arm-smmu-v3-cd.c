// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: context descriptors, their contents and changing one while it is live.
 *
 * The code here uses no device and no queue, so that all of it can be tested on
 * its own. References are to the Arm System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/kconfig.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-entry.h"

static_assert(sizeof(struct arm_smmu_cd) == ARM_SMMU_ENTRY_WORDS * sizeof(__le64));

/* The fields of a table that is not walked: size, granule, walk attributes, base */
#define CD_0_WALK0	GENMASK_ULL(13, 0)
#define CD_0_WALK1	GENMASK_ULL(29, 16)
#define CD_1_TTB0	GENMASK_ULL(55, 4)
#define CD_2_TTB1	GENMASK_ULL(55, 4)

/**
 * arm_smmu_cd_make() - descriptor of an address space
 * @cd: descriptor to fill
 * @desc: table, its format and ASID
 * @may_stall: faults of the device may stall it
 *
 * Faults are recorded and abort the transaction (5.4: R, A). ASIDs are private to the
 * SMMU, also those of processes: what the CPUs invalidate by theirs is not meant (ASET).
 *
 * Context: any.
 */
void arm_smmu_cd_make(struct arm_smmu_cd *cd,
		      const struct arm_smmu_ctx_desc *desc, bool may_stall)
{
	u64 word0 = desc->tcr | CTXDESC_CD_0_V | CTXDESC_CD_0_AA64 |
		    CTXDESC_CD_0_R | CTXDESC_CD_0_A | CTXDESC_CD_0_ASET |
		    FIELD_PREP(CTXDESC_CD_0_ASID, desc->asid);

	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		word0 |= CTXDESC_CD_0_ENDI;
	if (may_stall)
		word0 |= CTXDESC_CD_0_S;

	memset(cd, 0, sizeof(*cd));
	cd->word[0] = cpu_to_le64(word0);
	cd->word[1] = cpu_to_le64(desc->ttbr & CTXDESC_CD_1_TTB0_MASK);
	cd->word[3] = cpu_to_le64(desc->mair);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_make);

/**
 * arm_smmu_cd_make_quiet() - descriptor of an address space that is ending
 * @cd: descriptor to fill
 * @desc: the address space
 * @may_stall: faults of the device may stall it
 *
 * A DMA that still runs finds no table to walk (EPD0), but a valid descriptor, and so it
 * ends in translation faults. C_BAD_CD is always recorded, a fault only if R is set or if it
 * stalls (5.5): what is left of a process causes no events that the device can repeat.
 *
 * Context: any.
 */
void arm_smmu_cd_make_quiet(struct arm_smmu_cd *cd,
			    const struct arm_smmu_ctx_desc *desc,
			    bool may_stall)
{
	arm_smmu_cd_make(cd, desc, may_stall);
	cd->word[0] |= cpu_to_le64(CTXDESC_CD_0_TCR_EPD0);
	cd->word[0] &= ~cpu_to_le64(CTXDESC_CD_0_R);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_make_quiet);

/* Whatever is not named here may be looked at, depending on the SMMU (5.4) */
static void cd_used(const __le64 *cd, __le64 *used)
{
	u64 word0 = le64_to_cpu(cd[0]);

	if (!(word0 & CTXDESC_CD_0_V)) {
		memset(used, 0, sizeof(struct arm_smmu_cd));
		used[0] = cpu_to_le64(CTXDESC_CD_0_V);
		return;
	}

	memset(used, 0xff, sizeof(struct arm_smmu_cd));
	if (word0 & CTXDESC_CD_0_TCR_EPD0) {
		used[0] &= ~cpu_to_le64(CD_0_WALK0);
		used[1] &= ~cpu_to_le64(CD_1_TTB0);
	}
	if (word0 & CTXDESC_CD_0_TCR_EPD1) {
		used[0] &= ~cpu_to_le64(CD_0_WALK1);
		used[2] &= ~cpu_to_le64(CD_2_TTB1);
	}
}

/* Transactions that meet V=0 end with an abort and a C_BAD_CD event (5.4.2) */
static const struct arm_smmu_entry_ops cd_ops = {
	.used	= cd_used,
	.closed	= 0,
};

/**
 * arm_smmu_cd_write() - turn a live descriptor into another one
 * @live: descriptor in the table
 * @target: what it is to become; all zero is a descriptor that is not valid
 * @sync: makes the hardware forget what it has read of the descriptor, and
 *        returns when it has (CMD_CFGI_CD and CMD_SYNC)
 * @arg: for @sync
 *
 * Another ASID, the end of the walks, and changes from and to an invalid descriptor
 * need one store. Between two tables the descriptor is invalid: callers that must not
 * lose a transaction put the new one into another leaf of the table, see
 * arm_smmu_cd_table_switch(). TLBs are flushed by the caller.
 *
 * Context: as for arm_smmu_entry_write().
 */
void arm_smmu_cd_write(struct arm_smmu_cd *live, const struct arm_smmu_cd *target,
		       void (*sync)(void *arg), void *arg)
{
	arm_smmu_entry_write(&cd_ops, live->word, target->word, sync, arg);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_write);
