// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: what a guest may write into its own SMMU's structures and see in them.
 *
 * A guest keeps context descriptors and page tables of stage 1 in its memory, where the
 * hardware reads them through stage 2. Its stream table entries, commands and events pass
 * through here. One command that the hardware takes for illegal stops the queue of all
 * devices, so each bit that a command does not have by the specification is refused.
 *
 * The code here uses no device and no queue, so that all of it can be tested on its own.
 * References are to the Arm System Memory Management Unit Architecture Specification, SMMU
 * architecture version 3 (IHI 0070).
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/string.h>
#include <linux/types.h>
#include <kunit/visibility.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-guest.h"

/* Fields of stage 1; everything else in an entry is the host's (5.2) */
#define GUEST_STE_0	(STRTAB_STE_0_V | STRTAB_STE_0_CFG | STRTAB_STE_0_S1FMT | \
			 STRTAB_STE_0_S1CTXPTR_MASK | STRTAB_STE_0_S1CDMAX)
#define GUEST_STE_1	(STRTAB_STE_1_S1DSS | STRTAB_STE_1_S1CIR | \
			 STRTAB_STE_1_S1COR | STRTAB_STE_1_S1CSH | \
			 STRTAB_STE_1_S1STALLD | STRTAB_STE_1_EATS)

/* Granule and level of a range (4.4.1.1) */
#define TG_ANY		0
#define TG_16K		2
#define TTL_ANY		0
#define TTL_1		1

/* The greatest range of an ATC invalidation is everything (4.5.1) */
#define ATC_SIZE_MAX	52

/**
 * arm_smmu_guest_check_ste() - check what a guest's stream table entry asks for
 * @ste: the entry's first %ARM_SMMU_GUEST_STE_WORDS words; all zero on return if the entry
 *       is not valid, which stands for an abort
 *
 * Whether tables and their sizes make sense is left to the hardware: it reports an illegal
 * entry as an event of this stream alone.
 *
 * Context: any.
 * Return: 0, or -EIO when the entry has a stage 2, ATS other than full, or bits that are not
 * the guest's.
 */
int arm_smmu_guest_check_ste(__le64 *ste)
{
	u64 word0 = le64_to_cpu(ste[0]), word1 = le64_to_cpu(ste[1]);
	u64 eats = FIELD_GET(STRTAB_STE_1_EATS, word1);

	if (!(word0 & STRTAB_STE_0_V)) {
		memset(ste, 0, ARM_SMMU_GUEST_STE_WORDS * sizeof(*ste));
		return 0;
	}
	if (word0 & ~GUEST_STE_0 || word1 & ~GUEST_STE_1)
		return -EIO;
	if (eats != STRTAB_STE_1_EATS_ABT && eats != STRTAB_STE_1_EATS_TRANS)
		return -EIO;

	switch (FIELD_GET(STRTAB_STE_0_CFG, word0)) {
	case STRTAB_STE_0_CFG_ABORT:
	case STRTAB_STE_0_CFG_BYPASS:
	case STRTAB_STE_0_CFG_S1_TRANS:
		return 0;
	default:
		return -EIO;
	}
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_guest_check_ste);

/**
 * struct cmd_rule - what a command consists of
 * @op: its opcode
 * @kind: what it invalidates
 * @word: its fields, without those that are replaced
 */
struct cmd_rule {
	u8 op;
	enum arm_smmu_guest_cmd_kind kind;
	u64 word[ARM_SMMU_GUEST_CMD_WORDS];
};

#define RANGE_0		(CMDQ_TLBI_0_NUM | CMDQ_TLBI_0_SCALE)
#define RANGE_1		(CMDQ_TLBI_1_LEAF | CMDQ_TLBI_1_TTL | CMDQ_TLBI_1_TG | \
			 CMDQ_TLBI_1_VA_MASK)

/* Commands of an SMMU with stage 1 alone that change nothing but what is cached (4.1.1) */
static const struct cmd_rule cmd_rules[] = {
	{ CMDQ_OP_CFGI_CD, ARM_SMMU_GUEST_CFGI,
	  { CMDQ_CFGI_0_SSID, CMDQ_CFGI_1_LEAF } },
	{ CMDQ_OP_CFGI_CD_ALL, ARM_SMMU_GUEST_CFGI, },
	{ CMDQ_OP_TLBI_NH_ALL, ARM_SMMU_GUEST_TLBI, },
	{ CMDQ_OP_TLBI_NH_ASID, ARM_SMMU_GUEST_TLBI, { CMDQ_TLBI_0_ASID } },
	{ CMDQ_OP_TLBI_NH_VA, ARM_SMMU_GUEST_TLBI,
	  { CMDQ_TLBI_0_ASID | RANGE_0, RANGE_1 } },
	{ CMDQ_OP_TLBI_NH_VAA, ARM_SMMU_GUEST_TLBI, { RANGE_0, RANGE_1 } },
	{ CMDQ_OP_TLBI_NSNH_ALL, ARM_SMMU_GUEST_TLBI, },
	{ CMDQ_OP_ATC_INV, ARM_SMMU_GUEST_ATC,
	  { CMDQ_0_SSV | CMDQ_ATC_0_GLOBAL | CMDQ_ATC_0_SSID,
	    CMDQ_ATC_1_SIZE | CMDQ_ATC_1_ADDR_MASK } },
};

static const struct cmd_rule *find_rule(u64 word0)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmd_rules); i++)
		if (cmd_rules[i].op == FIELD_GET(CMDQ_0_OP, word0))
			return &cmd_rules[i];
	return NULL;
}

/* VMID and stream ID are in the same place; the host has its own for both */
static u64 replaced_field(const struct cmd_rule *rule)
{
	if (rule->op == CMDQ_OP_TLBI_NSNH_ALL)
		return 0;
	return rule->kind == ARM_SMMU_GUEST_TLBI ? CMDQ_TLBI_0_VMID :
						   CMDQ_CFGI_0_SID;
}

/*
 * A range (4.4.1.1). One that is made of a granule alone is illegal, and so is one that
 * amounts to this because its level is reserved.
 */
static bool range_is_legal(const struct arm_smmu_guest_limits *limits,
			   const u64 *word)
{
	u64 tg = FIELD_GET(CMDQ_TLBI_1_TG, word[1]);
	u64 ttl = FIELD_GET(CMDQ_TLBI_1_TTL, word[1]);
	bool one_page = !(word[0] & RANGE_0);

	if (tg == TG_ANY)
		return one_page && ttl == TTL_ANY;
	if (!(limits->features & ARM_SMMU_FEAT_RANGE_INV))
		return false;
	if (tg == TG_16K && ttl == TTL_1)
		ttl = TTL_ANY;
	return !one_page || ttl != TTL_ANY;
}

static bool tlbi_is_legal(const struct arm_smmu_guest_limits *limits,
			  const u64 *word)
{
	return !(FIELD_GET(CMDQ_TLBI_0_ASID, word[0]) >> limits->asid_bits) &&
	       range_is_legal(limits, word);
}

static bool atc_inv_is_legal(const struct arm_smmu_guest_limits *limits,
			     const u64 *word)
{
	if (!(limits->features & ARM_SMMU_FEAT_ATS))
		return false;
	if (!limits->ssid_bits &&
	    word[0] & (CMDQ_0_SSV | CMDQ_ATC_0_GLOBAL | CMDQ_ATC_0_SSID))
		return false;
	return FIELD_GET(CMDQ_ATC_1_SIZE, word[1]) <= ATC_SIZE_MAX;
}

static bool is_legal(const struct arm_smmu_guest_limits *limits,
		     const struct cmd_rule *rule, const u64 *word)
{
	if (word[0] & ~(CMDQ_0_OP | rule->word[0] | replaced_field(rule)) ||
	    word[1] & ~rule->word[1])
		return false;

	switch (rule->kind) {
	case ARM_SMMU_GUEST_CFGI:
		return limits->ssid_bits || !(word[0] & CMDQ_CFGI_0_SSID);
	case ARM_SMMU_GUEST_TLBI:
		return tlbi_is_legal(limits, word);
	case ARM_SMMU_GUEST_ATC:
		return atc_inv_is_legal(limits, word);
	}
	return false;
}

/**
 * arm_smmu_guest_check_cmd() - check a command of a guest
 * @limits: what the hardware has
 * @cmd: the command, of %ARM_SMMU_GUEST_CMD_WORDS words
 * @out: the command for the hardware, in which a VMID or a stream ID is missing
 *
 * A guest that invalidates everything invalidates all that has its VMID.
 *
 * Context: any.
 * Return: 0, or -EIO when the hardware could take the command for illegal, or when it is not
 * an invalidation of stage 1.
 */
int arm_smmu_guest_check_cmd(const struct arm_smmu_guest_limits *limits,
			     const __le64 *cmd, struct arm_smmu_guest_cmd *out)
{
	u64 word[] = { le64_to_cpu(cmd[0]), le64_to_cpu(cmd[1]) };
	const struct cmd_rule *rule = find_rule(word[0]);
	u64 op;

	if (!rule || !is_legal(limits, rule, word))
		return -EIO;

	out->kind = rule->kind;
	out->virt_sid = 0;
	if (rule->kind != ARM_SMMU_GUEST_TLBI)
		out->virt_sid = FIELD_GET(CMDQ_CFGI_0_SID, word[0]);

	op = rule->op == CMDQ_OP_TLBI_NSNH_ALL ? CMDQ_OP_TLBI_NH_ALL : rule->op;
	out->word[0] = op | (word[0] & rule->word[0]);
	out->word[1] = word[1];
	/* Without a substream the two others mean nothing (4.5.1) */
	if (rule->kind == ARM_SMMU_GUEST_ATC && !(word[0] & CMDQ_0_SSV))
		out->word[0] = op;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_guest_check_cmd);

/* Facts about the access that are the same on both sides (7.3.13) */
#define SHOWN_EVT_0	(EVTQ_0_ID | EVTQ_0_SSV | EVTQ_0_SSID)
#define SHOWN_EVT_1	(EVTQ_1_PnU | EVTQ_1_InD | EVTQ_1_RnW | EVTQ_1_CLASS)

/**
 * arm_smmu_guest_show_event() - make a guest's event out of one of the hardware
 * @evt: the event, of %ARM_SMMU_GUEST_EVT_WORDS words, of a device on a guest's stage 1
 * @virt_sid: the guest's ID of the stream
 * @out: the event for the guest, of as many words
 *
 * What the host did wrong is not shown: faults of stage 2, and whatever has an address of the
 * host in it. Nothing is said of a stall, which the guest could not end.
 *
 * Context: any.
 * Return: whether the guest has caused the event.
 */
bool arm_smmu_guest_show_event(const u64 *evt, u32 virt_sid, __le64 *out)
{
	memset(out, 0, ARM_SMMU_GUEST_EVT_WORDS * sizeof(*out));
	switch (FIELD_GET(EVTQ_0_ID, evt[0])) {
	case EVT_ID_BAD_STE:
	case EVT_ID_STREAM_DISABLED:
	case EVT_ID_BAD_SUBSTREAMID:
	case EVT_ID_BAD_CD:
		break;
	case EVT_ID_TRANSLATION_FAULT:
	case EVT_ID_ADDR_SIZE_FAULT:
	case EVT_ID_ACCESS_FAULT:
	case EVT_ID_PERMISSION_FAULT:
		if (evt[1] & EVTQ_1_S2)
			return false;
		out[1] = cpu_to_le64(evt[1] & SHOWN_EVT_1);
		out[2] = cpu_to_le64(evt[2]);
		break;
	default:
		return false;
	}
	out[0] = cpu_to_le64((evt[0] & SHOWN_EVT_0) |
			     FIELD_PREP(EVTQ_0_SID, virt_sid));
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_guest_show_event);
