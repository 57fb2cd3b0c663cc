// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stream table entries: their contents, and changing one while it is live.
 *
 * The code here uses no device and no queue, so that all of it can be tested
 * on its own. References are to the Arm System Memory Management Unit
 * Architecture Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/kconfig.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "arm-smmu-v3-entry.h"
#include "arm-smmu-v3-ste.h"

static_assert(sizeof(struct arm_smmu_ste) == ARM_SMMU_ENTRY_WORDS * sizeof(__le64));

/* Config: 0b1xx lets transactions through, after stage 1, stage 2 or both (5.2) */
#define STE_CFG_STAGE1		BIT(0)
#define STE_CFG_STAGE2		BIT(1)
#define STE_CFG_OPEN		BIT(2)

/* Fields of stage 1 */
#define STE_0_S1		(STRTAB_STE_0_S1FMT | GENMASK_ULL(55, 6) | \
				 STRTAB_STE_0_S1CDMAX)
#define STE_1_S1		(STRTAB_STE_1_S1DSS | STRTAB_STE_1_S1CIR | \
				 STRTAB_STE_1_S1COR | STRTAB_STE_1_S1CSH | \
				 STRTAB_STE_1_S1STALLD)
/* Fields of stage 2: S2HWU59 to 62 and S2FWB; S2T0SZ to S2POE; S2TTB */
#define STE_1_S2		(GENMASK_ULL(11, 8) | STRTAB_STE_1_S2FWB)
#define STE_2_S2		GENMASK_ULL(61, 32)
#define STE_2_S2S		BIT_ULL(57)
#define STE_3_S2		GENMASK_ULL(55, 4)
/* Attributes of transactions that no stage translates: MemAttr, MTCFG, SHCFG */
#define STE_1_UNTRANSLATED	(GENMASK_ULL(36, 32) | STRTAB_STE_1_SHCFG)

/*
 * Every entry keeps the shareability of incoming transactions. Stage 1 does not use
 * it, but since all entries have the same value, the next entry can be prepared
 * while a bypass is live.
 */
static u64 common_word1(bool ats)
{
	u64 word = FIELD_PREP(STRTAB_STE_1_SHCFG, STRTAB_STE_1_SHCFG_INCOMING);

	if (ats)
		word |= FIELD_PREP(STRTAB_STE_1_EATS, STRTAB_STE_1_EATS_TRANS);
	return word;
}

static u64 config_word0(u64 config)
{
	return STRTAB_STE_0_V | FIELD_PREP(STRTAB_STE_0_CFG, config);
}

static void make_without_table(struct arm_smmu_ste *ste, u64 config)
{
	memset(ste, 0, sizeof(*ste));
	ste->word[0] = cpu_to_le64(config_word0(config));
	ste->word[1] = cpu_to_le64(common_word1(false));
}

/**
 * arm_smmu_ste_make_abort() - entry that ends every transaction with an abort
 * @ste: entry to fill
 *
 * Config 0b000: no event is recorded and no other field is looked at (5.2).
 *
 * Context: any.
 */
void arm_smmu_ste_make_abort(struct arm_smmu_ste *ste)
{
	make_without_table(ste, STRTAB_STE_0_CFG_ABORT);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_make_abort);

/**
 * arm_smmu_ste_make_bypass() - entry that lets every transaction through
 * @ste: entry to fill
 *
 * Config 0b100 (5.2).
 *
 * Context: any.
 */
void arm_smmu_ste_make_bypass(struct arm_smmu_ste *ste)
{
	make_without_table(ste, STRTAB_STE_0_CFG_BYPASS);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_make_bypass);

/**
 * arm_smmu_ste_make_s1() - entry that points to stage 1 context descriptors
 * @ste: entry to fill
 * @root: table of context descriptors
 * @features: ARM_SMMU_FEAT_* of the SMMU
 * @s1dss: STRTAB_STE_1_S1DSS_*: whether requests without a substream are aborted, are
 *         not translated, or use the first descriptor (5.2)
 * @may_stall: faults of the device may stall it
 * @ats: the device may send translation requests
 *
 * Config 0b101. S2VMID is 0: it tags cached translations even though stage 2 is off.
 *
 * Context: any.
 */
void arm_smmu_ste_make_s1(struct arm_smmu_ste *ste,
			  const struct arm_smmu_cd_root *root, u32 features,
			  u64 s1dss, bool may_stall, bool ats)
{
	u64 strw = features & ARM_SMMU_FEAT_E2H ? STRTAB_STE_1_STRW_EL2 :
						  STRTAB_STE_1_STRW_NSEL1;
	u64 word0 = config_word0(STRTAB_STE_0_CFG_S1_TRANS);
	u64 word1 = common_word1(ats);

	word0 |= (root->dma & STRTAB_STE_0_S1CTXPTR_MASK) |
		 FIELD_PREP(STRTAB_STE_0_S1CDMAX, root->s1cdmax_lg2) |
		 FIELD_PREP(STRTAB_STE_0_S1FMT, root->s1fmt);
	word1 |= FIELD_PREP(STRTAB_STE_1_S1DSS, s1dss) |
		 FIELD_PREP(STRTAB_STE_1_S1CIR, STRTAB_STE_1_S1C_CACHE_WBRA) |
		 FIELD_PREP(STRTAB_STE_1_S1COR, STRTAB_STE_1_S1C_CACHE_WBRA) |
		 FIELD_PREP(STRTAB_STE_1_S1CSH, ARM_SMMU_SH_ISH) |
		 FIELD_PREP(STRTAB_STE_1_STRW, strw);
	if (features & ARM_SMMU_FEAT_STALLS && !may_stall)
		word1 |= STRTAB_STE_1_S1STALLD;

	memset(ste, 0, sizeof(*ste));
	ste->word[0] = cpu_to_le64(word0);
	ste->word[1] = cpu_to_le64(word1);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_make_s1);

/**
 * arm_smmu_ste_make_s2() - entry that points to a stage 2 table
 * @ste: entry to fill
 * @cfg: table, its format and VMID
 * @ats: the device may send translation requests
 *
 * Config 0b110. Faults are recorded (S2R) and table walks of a stage 1 that
 * hit device memory are refused (S2PTW) (5.2).
 *
 * Context: any.
 */
void arm_smmu_ste_make_s2(struct arm_smmu_ste *ste,
			  const struct arm_smmu_s2_cfg *cfg, bool ats)
{
	u64 word2 = STRTAB_STE_2_S2PTW | STRTAB_STE_2_S2AA64 | STRTAB_STE_2_S2R;

	word2 |= FIELD_PREP(STRTAB_STE_2_S2VMID, cfg->vmid) |
		 FIELD_PREP(STRTAB_STE_2_VTCR, cfg->vtcr);
	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		word2 |= STRTAB_STE_2_S2ENDI;

	memset(ste, 0, sizeof(*ste));
	ste->word[0] = cpu_to_le64(config_word0(STRTAB_STE_0_CFG_S2_TRANS));
	ste->word[1] = cpu_to_le64(common_word1(ats));
	if (cfg->fwb)
		ste->word[1] |= cpu_to_le64(STRTAB_STE_1_S2FWB);
	ste->word[2] = cpu_to_le64(word2);
	ste->word[3] = cpu_to_le64(cfg->vttbr & STRTAB_STE_3_S2TTB_MASK);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_make_s2);

/* Stage 1 as the guest has it, except for what would be illegal or let the device stall */
static void add_guest_stage1(struct arm_smmu_ste *ste, const __le64 *guest,
			     u32 features, bool may_stall)
{
	u64 word0 = le64_to_cpu(guest[0]) & STE_0_S1;
	u64 word1 = le64_to_cpu(guest[1]) & STE_1_S1;

	if (!(features & ARM_SMMU_FEAT_STALLS))
		word1 &= ~STRTAB_STE_1_S1STALLD;
	else if (!may_stall)
		word1 |= STRTAB_STE_1_S1STALLD;
	ste->word[0] = cpu_to_le64(config_word0(STRTAB_STE_0_CFG_NESTED) | word0);
	ste->word[1] |= cpu_to_le64(word1);
}

/**
 * arm_smmu_ste_make_nested() - entry for a device whose entry a guest has written
 * @ste: entry to fill
 * @guest: first two words of the guest's entry, a bypass or stage 1 and within the bounds of
 *         arm_smmu_guest_check_ste()
 * @cfg: table of stage 2, its format and the VMID of the guest
 * @features: ARM_SMMU_FEAT_* of the SMMU
 * @may_stall: faults of the device may stall it
 * @ats: the device may send translation requests if the guest lets it
 *
 * Config 0b111, or 0b110 for a guest's bypass. Events that are alike may be merged (MEV),
 * as a guest can cause any number of them (7.3.1).
 *
 * Context: any.
 */
void arm_smmu_ste_make_nested(struct arm_smmu_ste *ste, const __le64 *guest,
			      const struct arm_smmu_s2_cfg *cfg, u32 features,
			      bool may_stall, bool ats)
{
	u64 config = FIELD_GET(STRTAB_STE_0_CFG, le64_to_cpu(guest[0]));
	bool stage1 = config == STRTAB_STE_0_CFG_S1_TRANS;
	u64 eats = FIELD_GET(STRTAB_STE_1_EATS, le64_to_cpu(guest[1]));

	ats = ats && stage1 && eats == STRTAB_STE_1_EATS_TRANS;
	arm_smmu_ste_make_s2(ste, cfg, ats);
	ste->word[1] |= cpu_to_le64(STRTAB_STE_1_MEV);
	if (stage1)
		add_guest_stage1(ste, guest, features, may_stall);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_make_nested);

/* Fields that are ignored where stage 1 is off (5.2) */
static void ignore_stage1(__le64 *used)
{
	used[0] &= ~cpu_to_le64(STE_0_S1);
	used[1] &= ~cpu_to_le64(STE_1_S1);
}

/*
 * Fields that are ignored where stage 1 is on: the format of a table that is a single
 * descriptor, and the attributes of transactions past stage 1 if S1DSS makes none.
 */
static void ignore_in_stage1(const __le64 *ste, __le64 *used)
{
	bool substreams = FIELD_GET(STRTAB_STE_0_S1CDMAX, le64_to_cpu(ste[0]));
	u64 s1dss = FIELD_GET(STRTAB_STE_1_S1DSS, le64_to_cpu(ste[1]));

	if (!substreams) {
		used[0] &= ~cpu_to_le64(STRTAB_STE_0_S1FMT);
		used[1] &= ~cpu_to_le64(STRTAB_STE_1_S1DSS);
	}
	if (!substreams || s1dss != STRTAB_STE_1_S1DSS_BYPASS)
		used[1] &= ~cpu_to_le64(STE_1_UNTRANSLATED);
}

/*
 * Fields that are ignored where stage 2 is off. The VMID is not: it tags the TLB
 * entries of NS-EL1, which has one whenever the SMMU has a stage 2 (3.17). An SMMU of
 * version 3.0 may compare S2S with EATS (5.2).
 */
static void ignore_stage2(const __le64 *ste, u64 config, __le64 *used)
{
	u64 strw = FIELD_GET(STRTAB_STE_1_STRW, le64_to_cpu(ste[1]));
	u64 word2 = STE_2_S2;

	if (config & STE_CFG_STAGE1)
		word2 &= ~STE_2_S2S;
	if (!(config & STE_CFG_STAGE1) || strw != STRTAB_STE_1_STRW_NSEL1)
		word2 |= STRTAB_STE_2_S2VMID;

	used[1] &= ~cpu_to_le64(STE_1_S2);
	used[2] &= ~cpu_to_le64(word2);
	used[3] &= ~cpu_to_le64(STE_3_S2);
}

/* Whatever is not named here may be looked at, depending on the SMMU (5.2, 13.5) */
static void ste_used(const __le64 *ste, __le64 *used)
{
	u64 config = FIELD_GET(STRTAB_STE_0_CFG, le64_to_cpu(ste[0]));

	memset(used, 0, sizeof(struct arm_smmu_ste));
	used[0] = cpu_to_le64(STRTAB_STE_0_V);
	if (!(ste[0] & used[0]))
		return;
	used[0] |= cpu_to_le64(STRTAB_STE_0_CFG);
	if (!(config & STE_CFG_OPEN))
		return;

	memset(used, 0xff, sizeof(struct arm_smmu_ste));
	if (config & STE_CFG_STAGE1)
		ignore_in_stage1(ste, used);
	else
		ignore_stage1(used);
	if (!(config & STE_CFG_STAGE2))
		ignore_stage2(ste, config, used);

	/* Both stages: EL1. Stage 2 alone: no walk of a stage 1 that S2PTW is for */
	if (config != STRTAB_STE_0_CFG_S1_TRANS)
		used[1] &= ~cpu_to_le64(STRTAB_STE_1_STRW);
	if (config == STRTAB_STE_0_CFG_S2_TRANS)
		used[2] &= ~cpu_to_le64(STRTAB_STE_2_S2PTW);
	if (config == STRTAB_STE_0_CFG_BYPASS)
		used[1] &= ~cpu_to_le64(STRTAB_STE_1_EATS);
}

/* Config 0b000: an abort of which no event is recorded (5.2) */
static const struct arm_smmu_entry_ops ste_ops = {
	.used	= ste_used,
	.closed	= cpu_to_le64(STRTAB_STE_0_V),
};

static __le64 eats_of(const __le64 *ste)
{
	__le64 used[STRTAB_STE_DWORDS];

	ste_used(ste, used);
	return ste[1] & used[1] & cpu_to_le64(STRTAB_STE_1_EATS);
}

/**
 * arm_smmu_ste_has_ats() - tell whether an entry serves translation requests
 * @ste: entry
 *
 * Context: any.
 * Return: true if EATS is looked at and is not 0 (5.2).
 */
bool arm_smmu_ste_has_ats(const struct arm_smmu_ste *ste)
{
	return eats_of(ste->word);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_has_ats);

/* The live entry with some bits of word 1 of the target, where it looks at them */
static void take_word1_bits(const __le64 *live, const struct arm_smmu_ste *target,
			    u64 bits, struct arm_smmu_ste *between)
{
	__le64 used[STRTAB_STE_DWORDS], mask;

	ste_used(live, used);
	mask = used[1] & cpu_to_le64(bits);
	memcpy(between, live, sizeof(*between));
	between->word[1] = (between->word[1] & ~mask) | (target->word[1] & mask);
}

/**
 * arm_smmu_ste_keeps_ats() - tell whether ATS can stay on during a change
 * @live: the entry in the stream table
 * @target: what it is to become
 *
 * A device whose translation request meets an entry without ATS is told that there is
 * no ATS here, and may stop using it (3.9.1). An abort in between is such an entry.
 *
 * Context: any; the caller excludes writers of @live.
 * Return: true if the device can send translation requests all the time.
 */
bool arm_smmu_ste_keeps_ats(const __le64 *live, const struct arm_smmu_ste *target)
{
	struct arm_smmu_ste between;

	take_word1_bits(live, target, STRTAB_STE_1_MEV, &between);
	return eats_of(live) && eats_of(live) == eats_of(target->word) &&
	       arm_smmu_entry_hitless(&ste_ops, between.word, target->word);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_keeps_ats);

/*
 * The live entry with the MEV and EATS of the target, if that makes the rest of a change
 * hitless. Both can change alone: MEV concerns events only, and ATS is off in a device
 * whose EATS changes.
 */
static bool change_alone_first(const __le64 *live, const struct arm_smmu_ste *target,
			       struct arm_smmu_ste *between)
{
	if (arm_smmu_entry_hitless(&ste_ops, live, target->word))
		return false;
	take_word1_bits(live, target, STRTAB_STE_1_MEV | STRTAB_STE_1_EATS, between);
	return arm_smmu_entry_hitless(&ste_ops, between->word, target->word);
}

/**
 * arm_smmu_ste_write() - turn a live entry into another one
 * @live: the entry in the stream table
 * @target: what it is to become
 * @sync: makes the hardware forget what it has read of the entry, and returns
 *        when it has (CMD_CFGI_STE and CMD_SYNC)
 * @arg: for @sync
 *
 * Every transaction uses the old entry or the new one where that is possible: a bypass
 * and any other entry, two stage 1 tables, one stage 2 table alone and below a stage
 * 1. Other changes take an abort in between, such as those between two stage 2 tables,
 * whose VMID and base are in different words. A bypass is never in between.
 *
 * ATS is off in the device, unless arm_smmu_ste_keeps_ats() allows it. EATS does not
 * change between full and split ATS (5.2), as the driver uses full ATS only.
 *
 * Context: as for arm_smmu_entry_write().
 */
void arm_smmu_ste_write(__le64 *live, const struct arm_smmu_ste *target,
			void (*sync)(void *arg), void *arg)
{
	struct arm_smmu_ste between;

	if (change_alone_first(live, target, &between))
		arm_smmu_entry_write(&ste_ops, live, between.word, sync, arg);
	arm_smmu_entry_write(&ste_ops, live, target->word, sync, arg);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_write);
