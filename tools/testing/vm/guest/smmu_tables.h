/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stage 1 of an SMMUv3 as a guest keeps it in its memory: a context descriptor and the page
 * tables that it points to, and the words of the stream table entry that lead there.
 *
 * All pointers in them are addresses of the guest (IPA). Sections are those of the Arm System
 * Memory Management Unit Architecture Specification, SMMU architecture version 3 (IHI 0070);
 * those that begin with D are of the Arm Architecture Reference Manual (DDI 0487).
 */
#ifndef GUEST_SMMU_TABLES_H
#define GUEST_SMMU_TABLES_H

#include <endian.h>
#include <linux/iommufd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMMU_PAGE		4096ULL
#define SMMU_BLOCK		(2ULL << 20)
#define SMMU_TABLE_WORDS	512

/* Memory of the guest that pages are taken from, from its beginning to its end */
struct smmu_memory {
	uint8_t *base;
	uint64_t ipa;
	size_t bytes;
	size_t used;
};

static inline uint64_t smmu_ipa(const struct smmu_memory *mem, const void *at)
{
	return mem->ipa + ((const uint8_t *)at - mem->base);
}

/* Pages that are zero and follow each other. A program that needs more must have more */
static inline uint8_t *smmu_take(struct smmu_memory *mem, size_t npages)
{
	uint8_t *pages = mem->base + mem->used;

	if (npages * SMMU_PAGE > mem->bytes - mem->used) {
		fprintf(stderr, "the guest's memory is used up\n");
		abort();
	}
	mem->used += npages * SMMU_PAGE;
	memset(pages, 0, npages * SMMU_PAGE);
	return pages;
}

/* The hardware may read at any time: a word is written at once, and after what it leads to */
static inline void smmu_write(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, htole64(value), __ATOMIC_SEQ_CST);
}

static inline uint64_t smmu_read(const uint64_t *word)
{
	return le64toh(__atomic_load_n(word, __ATOMIC_SEQ_CST));
}

/*
 * Descriptors of a page table with pages of 4 KiB (D8.3). Entries are not global: the
 * invalidation of an ASID includes them (3.17).
 */
#define SMMU_DESC_VALID		(1ULL << 0)
#define SMMU_DESC_BLOCK		SMMU_DESC_VALID
#define SMMU_DESC_TABLE		(SMMU_DESC_VALID | 1ULL << 1)
#define SMMU_DESC_PAGE		SMMU_DESC_TABLE
#define SMMU_DESC_ADDR		0x0000fffffffff000ULL
#define SMMU_LEAF_DEVICE	(1ULL << 2)	/* AttrIndx 1 */
#define SMMU_LEAF_USER		(1ULL << 6)	/* AP[1]: accesses of PCI are unprivileged */
#define SMMU_LEAF_READ_ONLY	(1ULL << 7)	/* AP[2] */
#define SMMU_LEAF_INNER		(3ULL << 8)
#define SMMU_LEAF_ACCESSED	(1ULL << 10)
#define SMMU_LEAF_NOT_GLOBAL	(1ULL << 11)
#define SMMU_LEAF_NO_EXEC	(3ULL << 53)
#define SMMU_LEAF_COMMON	(SMMU_LEAF_USER | SMMU_LEAF_INNER | SMMU_LEAF_ACCESSED | \
				 SMMU_LEAF_NOT_GLOBAL | SMMU_LEAF_NO_EXEC)
#define SMMU_LEVEL_BLOCK	2
#define SMMU_LEVEL_PAGE		3

/* Context descriptor (5.4) */
#define SMMU_CD_WORDS		8
#define SMMU_CD_0_IR_WB		(1ULL << 8)
#define SMMU_CD_0_OR_WB		(1ULL << 10)
#define SMMU_CD_0_SH_INNER	(3ULL << 12)
#define SMMU_CD_0_EPD1		(1ULL << 30)
#define SMMU_CD_0_V		(1ULL << 31)
#define SMMU_CD_0_IPS_40	(2ULL << 32)
#define SMMU_CD_0_AA64		(1ULL << 41)
#define SMMU_CD_0_R		(1ULL << 45)
#define SMMU_CD_0_A		(1ULL << 46)
#define SMMU_CD_0_ASET		(1ULL << 47)
#define SMMU_CD_0_ASID		48
#define SMMU_CD_TTB0		1
#define SMMU_CD_MAIR		3
#define SMMU_IPS_BITS		40
/* Attribute 0: write-back memory; 1: Device-nGnRE (D8.6) */
#define SMMU_MAIR		0x04ffULL

struct smmu_stage1 {
	struct smmu_memory *mem;
	unsigned int input_bits;
	uint16_t asid;
	uint64_t *cd;
	uint64_t *root;
};

/* EPD1: nothing is at the other end of the addresses. TG0 0: pages of 4 KiB */
static inline uint64_t smmu_cd_word0(const struct smmu_stage1 *s1)
{
	return (64 - s1->input_bits) | SMMU_CD_0_IR_WB | SMMU_CD_0_OR_WB |
	       SMMU_CD_0_SH_INNER | SMMU_CD_0_EPD1 | SMMU_CD_0_V | SMMU_CD_0_IPS_40 |
	       SMMU_CD_0_AA64 | SMMU_CD_0_R | SMMU_CD_0_A | SMMU_CD_0_ASET |
	       (uint64_t)s1->asid << SMMU_CD_0_ASID;
}

/* An empty stage 1 for addresses of 39 or of 48 bits */
static inline void smmu_stage1_init(struct smmu_stage1 *s1, struct smmu_memory *mem,
				    unsigned int input_bits, uint16_t asid)
{
	*s1 = (struct smmu_stage1){ .mem = mem, .input_bits = input_bits, .asid = asid };
	s1->root = (uint64_t *)smmu_take(mem, 1);
	s1->cd = (uint64_t *)smmu_take(mem, 1);
	smmu_write(&s1->cd[SMMU_CD_TTB0], smmu_ipa(mem, s1->root));
	smmu_write(&s1->cd[SMMU_CD_MAIR], SMMU_MAIR);
	smmu_write(&s1->cd[0], smmu_cd_word0(s1));
}

/* The table that an entry points to, made if there is none. Blocks are not split */
static inline uint64_t *smmu_next_table(struct smmu_stage1 *s1, uint64_t *entry)
{
	uint8_t *next;

	if (smmu_read(entry) & SMMU_DESC_VALID)
		return (uint64_t *)(s1->mem->base + (smmu_read(entry) & SMMU_DESC_ADDR) -
				    s1->mem->ipa);
	next = smmu_take(s1->mem, 1);
	smmu_write(entry, smmu_ipa(s1->mem, next) | SMMU_DESC_TABLE);
	return (uint64_t *)next;
}

/* Where the descriptor of an input address is, at this level */
static inline uint64_t *smmu_entry(struct smmu_stage1 *s1, uint64_t input, int last_level)
{
	int level = s1->input_bits > 39 ? 0 : 1;
	uint64_t *table = s1->root, *entry;

	for (;; level++) {
		entry = &table[input >> (39 - 9 * level) & (SMMU_TABLE_WORDS - 1)];
		if (level == last_level)
			return entry;
		table = smmu_next_table(s1, entry);
	}
}

static inline uint64_t *smmu_leaf(struct smmu_stage1 *s1, uint64_t input)
{
	return smmu_entry(s1, input, SMMU_LEVEL_PAGE);
}

/* flags: SMMU_LEAF_READ_ONLY, SMMU_LEAF_DEVICE */
static inline void smmu_map_flags(struct smmu_stage1 *s1, uint64_t input, uint64_t ipa,
				  uint64_t flags)
{
	smmu_write(smmu_leaf(s1, input), ipa | flags | SMMU_LEAF_COMMON | SMMU_DESC_PAGE);
}

static inline void smmu_map(struct smmu_stage1 *s1, uint64_t input, uint64_t ipa)
{
	smmu_map_flags(s1, input, ipa, 0);
}

/* Pages of memory of the guest */
static inline void smmu_map_at(struct smmu_stage1 *s1, uint64_t input, const void *at)
{
	smmu_map(s1, input, smmu_ipa(s1->mem, at));
}

static inline void smmu_unmap(struct smmu_stage1 *s1, uint64_t input)
{
	smmu_write(smmu_leaf(s1, input), 0);
}

/* Both addresses are multiples of 2 MiB */
static inline void smmu_map_block(struct smmu_stage1 *s1, uint64_t input, uint64_t ipa,
				  uint64_t flags)
{
	smmu_write(smmu_entry(s1, input, SMMU_LEVEL_BLOCK),
		   ipa | flags | SMMU_LEAF_COMMON | SMMU_DESC_BLOCK);
}

static inline void smmu_unmap_block(struct smmu_stage1 *s1, uint64_t input)
{
	smmu_write(smmu_entry(s1, input, SMMU_LEVEL_BLOCK), 0);
}

/* Stream table entry (5.2) */
#define SMMU_STE_0_V		(1ULL << 0)
#define SMMU_STE_0_CONFIG	1
#define SMMU_STE_0_S1CDMAX	59
#define SMMU_STE_CONFIG_ABORT	0ULL
#define SMMU_STE_CONFIG_BYPASS	4ULL
#define SMMU_STE_CONFIG_S1	5ULL
#define SMMU_STE_CONFIG_S2	6ULL
#define SMMU_STE_CONFIG_BOTH	7ULL
#define SMMU_STE_1_S1DSS_CD0	(2ULL << 0)
#define SMMU_STE_1_S1CIR_WB	(1ULL << 2)
#define SMMU_STE_1_S1COR_WB	(1ULL << 4)
#define SMMU_STE_1_S1CSH_INNER	(3ULL << 6)
#define SMMU_STE_1_EATS		28

static inline struct iommu_hwpt_arm_smmuv3 smmu_ste(uint64_t word0, uint64_t word1)
{
	return (struct iommu_hwpt_arm_smmuv3){ .ste = { htole64(word0), htole64(word1) } };
}

static inline struct iommu_hwpt_arm_smmuv3 smmu_ste_config(uint64_t config)
{
	return smmu_ste(SMMU_STE_0_V | config << SMMU_STE_0_CONFIG, 0);
}

static inline uint64_t smmu_ste_word0(const struct smmu_stage1 *s1)
{
	return SMMU_STE_0_V | SMMU_STE_CONFIG_S1 << SMMU_STE_0_CONFIG |
	       smmu_ipa(s1->mem, s1->cd);
}

#define SMMU_STE_1_S1	(SMMU_STE_1_S1DSS_CD0 | SMMU_STE_1_S1CIR_WB | SMMU_STE_1_S1COR_WB | \
			 SMMU_STE_1_S1CSH_INNER)

static inline struct iommu_hwpt_arm_smmuv3 smmu_ste_stage1(const struct smmu_stage1 *s1)
{
	return smmu_ste(smmu_ste_word0(s1), SMMU_STE_1_S1);
}

#endif
