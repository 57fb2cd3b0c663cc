/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands of an SMMUv3, as a guest puts them into its command queue. Sections are those of
 * the Arm System Memory Management Unit Architecture Specification, SMMU architecture version
 * 3 (IHI 0070).
 */
#ifndef GUEST_SMMU_COMMAND_H
#define GUEST_SMMU_COMMAND_H

#include <endian.h>
#include <linux/iommufd.h>
#include <stdint.h>

/* Opcodes (4.1.1) */
#define SMMU_CMD_CFGI_CD	0x05
#define SMMU_CMD_CFGI_CD_ALL	0x06
#define SMMU_CMD_NH_ALL		0x10
#define SMMU_CMD_NH_ASID	0x11
#define SMMU_CMD_NH_VA		0x12
#define SMMU_CMD_NH_VAA		0x13
#define SMMU_CMD_NSNH_ALL	0x30
#define SMMU_CMD_ATC_INV	0x40
#define SMMU_CMD_SYNC		0x46

/* Fields of the first word: shifts and masks */
#define SMMU_CMD_0_OP		0xffULL
#define SMMU_CMD_0_SSEC		(1ULL << 10)
#define SMMU_CMD_0_SSV		(1ULL << 11)
#define SMMU_CMD_0_NUM		12
#define SMMU_CMD_0_SSID		12
#define SMMU_CMD_0_SCALE	20
#define SMMU_CMD_0_VMID		32
#define SMMU_CMD_0_SID		32
#define SMMU_CMD_0_ASID		48
/* Of the second */
#define SMMU_CMD_1_LEAF		(1ULL << 0)
#define SMMU_CMD_1_TTL		8
#define SMMU_CMD_1_TG		10
#define SMMU_CMD_1_ADDR		(~0xfffULL)

enum smmu_granule {
	SMMU_TG_ANY,
	SMMU_TG_4K,
	SMMU_TG_16K,
	SMMU_TG_64K,
};

/* As struct iommu_viommu_arm_smmuv3_invalidate */
struct smmu_command {
	uint64_t word[2];
};

_Static_assert(sizeof(struct smmu_command) == sizeof(struct iommu_viommu_arm_smmuv3_invalidate),
	       "a command is what the call takes");

static inline struct smmu_command smmu_words(uint64_t word0, uint64_t word1)
{
	return (struct smmu_command){ .word = { htole64(word0), htole64(word1) } };
}

/* The command with more bits */
static inline struct smmu_command smmu_with(struct smmu_command command, uint64_t word0,
					    uint64_t word1)
{
	command.word[0] |= htole64(word0);
	command.word[1] |= htole64(word1);
	return command;
}

/* Context descriptors (4.3) */
static inline struct smmu_command smmu_cfgi_cd(uint32_t sid)
{
	return smmu_words(SMMU_CMD_CFGI_CD | (uint64_t)sid << SMMU_CMD_0_SID, SMMU_CMD_1_LEAF);
}

static inline struct smmu_command smmu_cfgi_cd_all(uint32_t sid)
{
	return smmu_words(SMMU_CMD_CFGI_CD_ALL | (uint64_t)sid << SMMU_CMD_0_SID, 0);
}

/* Translations of stage 1 (4.4) */
static inline struct smmu_command smmu_nsnh_all(void)
{
	return smmu_words(SMMU_CMD_NSNH_ALL, 0);
}

static inline struct smmu_command smmu_nh_all(void)
{
	return smmu_words(SMMU_CMD_NH_ALL, 0);
}

static inline struct smmu_command smmu_nh_asid(uint16_t asid)
{
	return smmu_words(SMMU_CMD_NH_ASID | (uint64_t)asid << SMMU_CMD_0_ASID, 0);
}

static inline struct smmu_command smmu_nh_va(uint16_t asid, uint64_t input)
{
	return smmu_words(SMMU_CMD_NH_VA | (uint64_t)asid << SMMU_CMD_0_ASID,
			  (input & SMMU_CMD_1_ADDR) | SMMU_CMD_1_LEAF);
}

static inline struct smmu_command smmu_nh_vaa(uint64_t input)
{
	return smmu_words(SMMU_CMD_NH_VAA, (input & SMMU_CMD_1_ADDR) | SMMU_CMD_1_LEAF);
}

/* (num + 1) * 2^scale granules, whose entries are of a level, or of any if that is 0 (4.4.1.1) */
static inline struct smmu_command smmu_range(struct smmu_command command,
					     enum smmu_granule granule, unsigned int num,
					     unsigned int scale, unsigned int level)
{
	return smmu_with(command,
			 (uint64_t)num << SMMU_CMD_0_NUM | (uint64_t)scale << SMMU_CMD_0_SCALE,
			 (uint64_t)granule << SMMU_CMD_1_TG |
			 (uint64_t)level << SMMU_CMD_1_TTL);
}

/* What the device has cached: 2^size pages (4.5.1) */
static inline struct smmu_command smmu_atc_inv(uint32_t sid, uint64_t input, unsigned int size)
{
	return smmu_words(SMMU_CMD_ATC_INV | (uint64_t)sid << SMMU_CMD_0_SID,
			  (input & SMMU_CMD_1_ADDR) | size);
}

#endif
