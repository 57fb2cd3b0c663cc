/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: what a guest may write into its own SMMU's structures and see in them.
 */
#ifndef _ARM_SMMU_V3_GUEST_H
#define _ARM_SMMU_V3_GUEST_H

#include <linux/types.h>

/* Words of the guest's stream table entry, of a command and of an event */
#define ARM_SMMU_GUEST_STE_WORDS	2
#define ARM_SMMU_GUEST_CMD_WORDS	2
#define ARM_SMMU_GUEST_EVT_WORDS	4

/**
 * struct arm_smmu_guest_limits - what the hardware below a guest has
 * @features: mask of ARM_SMMU_FEAT_*
 * @asid_bits: width of an ASID
 * @ssid_bits: width of a substream ID; 0 without substreams
 */
struct arm_smmu_guest_limits {
	u32 features;
	unsigned int asid_bits;
	unsigned int ssid_bits;
};

/**
 * enum arm_smmu_guest_cmd_kind - what a command makes the hardware forget
 * @ARM_SMMU_GUEST_CFGI: descriptors of a stream
 * @ARM_SMMU_GUEST_TLBI: translations of a VMID
 * @ARM_SMMU_GUEST_ATC: translations in a device
 */
enum arm_smmu_guest_cmd_kind {
	ARM_SMMU_GUEST_CFGI,
	ARM_SMMU_GUEST_TLBI,
	ARM_SMMU_GUEST_ATC,
};

/**
 * struct arm_smmu_guest_cmd - command of a guest that is safe for the hardware
 * @word: the command, in which the VMID or the stream ID is 0
 * @kind: what it is
 * @virt_sid: the guest's ID of the stream, unless @kind is %ARM_SMMU_GUEST_TLBI
 */
struct arm_smmu_guest_cmd {
	u64 word[ARM_SMMU_GUEST_CMD_WORDS];
	enum arm_smmu_guest_cmd_kind kind;
	u32 virt_sid;
};

int arm_smmu_guest_check_ste(__le64 *ste);
int arm_smmu_guest_check_cmd(const struct arm_smmu_guest_limits *limits,
			     const __le64 *cmd, struct arm_smmu_guest_cmd *out);
bool arm_smmu_guest_show_event(const u64 *evt, u32 virt_sid, __le64 *out);

#endif /* _ARM_SMMU_V3_GUEST_H */
