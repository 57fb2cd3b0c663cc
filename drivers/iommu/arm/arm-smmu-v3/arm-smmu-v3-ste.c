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
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/kconfig.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "arm-smmu-v3-ste.h"

#define STE_WORDS(last, first)	GENMASK(last, first)

/*
 * Every entry keeps the shareability of incoming transactions. Only bypass uses
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
 * @cfg: table of context descriptors
 * @features: ARM_SMMU_FEAT_* of the SMMU
 * @may_stall: faults of the device may stall it
 * @ats: the device may send translation requests
 *
 * Config 0b101. Requests without a substream use the first descriptor (5.2,
 * S1DSS). S2VMID is 0: it tags cached translations even though stage 2 is off.
 *
 * Context: any.
 */
void arm_smmu_ste_make_s1(struct arm_smmu_ste *ste,
			  const struct arm_smmu_s1_cfg *cfg, u32 features,
			  bool may_stall, bool ats)
{
	u64 strw = features & ARM_SMMU_FEAT_E2H ? STRTAB_STE_1_STRW_EL2 :
						  STRTAB_STE_1_STRW_NSEL1;
	u64 word0 = config_word0(STRTAB_STE_0_CFG_S1_TRANS);
	u64 word1 = common_word1(ats);

	word0 |= (cfg->cdcfg.cdtab_dma & STRTAB_STE_0_S1CTXPTR_MASK) |
		 FIELD_PREP(STRTAB_STE_0_S1CDMAX, cfg->s1cdmax) |
		 FIELD_PREP(STRTAB_STE_0_S1FMT, cfg->s1fmt);
	word1 |= FIELD_PREP(STRTAB_STE_1_S1DSS, STRTAB_STE_1_S1DSS_SSID0) |
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
	ste->word[2] = cpu_to_le64(word2);
	ste->word[3] = cpu_to_le64(cfg->vttbr & STRTAB_STE_3_S2TTB_MASK);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_make_s2);

/*
 * The words that can become those of @target while word 0 is @word0, because the
 * hardware ignores what changes in them (5.2). Of word 1, bypass uses the
 * shareability only. Stage 1 uses the VMID of word 2, too. An unknown Config is
 * assumed to use every field.
 */
static unsigned long ignored_words(__le64 word0, const __le64 *live,
				   const struct arm_smmu_ste *target)
{
	u64 val = le64_to_cpu(word0);

	if (!(val & STRTAB_STE_0_V))
		return STE_WORDS(7, 1);
	switch (FIELD_GET(STRTAB_STE_0_CFG, val)) {
	case STRTAB_STE_0_CFG_ABORT:
		return STE_WORDS(7, 1);
	case STRTAB_STE_0_CFG_BYPASS:
		if ((live[1] ^ target->word[1]) &
		    cpu_to_le64(STRTAB_STE_1_SHCFG))
			return STE_WORDS(7, 2);
		return STE_WORDS(7, 1);
	case STRTAB_STE_0_CFG_S1_TRANS:
		return STE_WORDS(7, 3);
	case STRTAB_STE_0_CFG_S2_TRANS:
		return STE_WORDS(7, 4);
	default:
		return 0;
	}
}

static unsigned long changed_words(const __le64 *live,
				   const struct arm_smmu_ste *target)
{
	unsigned long changed = 0;
	int i;

	for (i = 1; i < STRTAB_STE_DWORDS; i++)
		if (live[i] != target->word[i])
			changed |= BIT(i);
	return changed;
}

/* Write words that the hardware ignores at the moment */
static void write_ignored(__le64 *live, const struct arm_smmu_ste *target,
			  unsigned long words, void (*sync)(void *arg),
			  void *arg)
{
	int i;

	if (!words)
		return;
	for (i = 1; i < STRTAB_STE_DWORDS; i++)
		if (words & BIT(i))
			WRITE_ONCE(live[i], target->word[i]);
	sync(arg);
}

static void write_word0(__le64 *live, __le64 word, void (*sync)(void *arg),
			void *arg)
{
	WRITE_ONCE(live[0], word);
	sync(arg);
}

/**
 * arm_smmu_ste_write() - turn a live entry into another one
 * @live: the entry in the stream table
 * @target: what it is to become
 * @sync: makes the hardware forget what it has read of the entry, and returns
 *        when it has (CMD_CFGI_STE and CMD_SYNC)
 * @arg: for @sync
 *
 * The hardware reads an entry 64 bits at a time, in any order and at any time
 * (3.21.3). So words that the old entry ignores are written first, then word 0
 * makes the change, then words that the new entry ignores are written: every
 * transaction uses the old entry or the new one. If another word changes that both
 * entries use, the entry is an abort in between, and never a bypass.
 *
 * A change from stage 1 to stage 1 needs word 0 only, and a change from or to
 * bypass needs no abort either. Between two stage 2 tables, word 2 and word 3 must
 * change together, which takes an abort.
 *
 * Context: process or atomic as @sync allows; callers that write to the same
 * entry exclude each other.
 */
void arm_smmu_ste_write(__le64 *live, const struct arm_smmu_ste *target,
			void (*sync)(void *arg), void *arg)
{
	unsigned long changed = changed_words(live, target);
	unsigned long before = changed & ignored_words(live[0], live, target);
	unsigned long after = changed & ~before &
			      ignored_words(target->word[0], live, target);

	if (changed & ~(before | after)) {
		struct arm_smmu_ste abort;

		arm_smmu_ste_make_abort(&abort);
		write_word0(live, abort.word[0], sync, arg);
		before = changed;
		after = 0;
	}
	write_ignored(live, target, before, sync, arg);
	write_word0(live, target->word[0], sync, arg);
	write_ignored(live, target, after, sync, arg);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_ste_write);
