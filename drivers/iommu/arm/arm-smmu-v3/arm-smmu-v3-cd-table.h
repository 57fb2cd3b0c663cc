/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: the table of context descriptors of one device.
 */
#ifndef _ARM_SMMU_V3_CD_TABLE_H
#define _ARM_SMMU_V3_CD_TABLE_H

#include <linux/types.h>

struct arm_smmu_cd;
struct device;

/**
 * struct arm_smmu_cd_root - what an STE says about a table of context descriptors
 * @dma: where the table is
 * @s1fmt: STRTAB_STE_0_S1FMT_*
 * @s1cdmax_lg2: number of substreams; 0 if the table is one descriptor, and
 *               requests with a substream are refused
 */
struct arm_smmu_cd_root {
	dma_addr_t dma;
	u8 s1fmt;
	u8 s1cdmax_lg2;
};

/**
 * struct arm_smmu_cd_leaf - memory with descriptors of adjacent substreams
 * @cds: the descriptors; NULL if the leaf has not been needed yet
 * @dma: where the hardware finds them
 */
struct arm_smmu_cd_leaf {
	struct arm_smmu_cd *cds;
	dma_addr_t dma;
};

/**
 * struct arm_smmu_cd_table_ops - the SMMU of a table
 * @sync: makes it forget what it has read of the descriptor of @ssid, or, if not
 *        @leaf, of the pointer to its leaf, too, and waits for that. @arg is
 *        &struct arm_smmu_cd_table.arg
 */
struct arm_smmu_cd_table_ops {
	void (*sync)(void *arg, u32 ssid, bool leaf);
};

/**
 * struct arm_smmu_cd_table - the context descriptors of one device (IHI 0070, 5.3)
 * @dev: SMMU, for which memory is allocated
 * @ops: how the SMMU is told of changes
 * @arg: for @ops
 * @root: what the device's STE has to say
 * @leaves: leaf tables; a single one if the table is linear
 * @nr_leaves: number of @leaves; 0 if there is no table yet
 * @spare: what a leaf is exchanged with when a descriptor in it changes
 * @l1: pointers to @leaves, for the hardware; NULL if the table is linear
 * @l1_dma: where the hardware finds @l1
 */
struct arm_smmu_cd_table {
	struct device *dev;
	const struct arm_smmu_cd_table_ops *ops;
	void *arg;
	struct arm_smmu_cd_root root;
	struct arm_smmu_cd_leaf *leaves;
	unsigned int nr_leaves;
	struct arm_smmu_cd_leaf spare;
	__le64 *l1;
	dma_addr_t l1_dma;
};

int arm_smmu_cd_table_alloc(struct arm_smmu_cd_table *table,
			    unsigned int ssid_bits, bool two_level);
void arm_smmu_cd_table_free(struct arm_smmu_cd_table *table);
void arm_smmu_cd_table_switch(struct arm_smmu_cd_table *table, u32 ssid,
			      const struct arm_smmu_cd *cd);
int arm_smmu_cd_table_write(struct arm_smmu_cd_table *table, u32 ssid,
			    const struct arm_smmu_cd *cd);
void arm_smmu_cd_table_clear(struct arm_smmu_cd_table *table, u32 ssid);

#endif /* _ARM_SMMU_V3_CD_TABLE_H */
