// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: the table of context descriptors of one device.
 *
 * References are to the Arm System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3 (IHI 0070).
 *
 * A device has one table, whatever domains it is attached to. Descriptor 0 is that of
 * requests without a substream (S1DSS) and belongs to the device's domain; those of
 * other substreams belong to the domains of PASIDs, or to processes. The table has as
 * many descriptors as the device has PASIDs. It is linear up to one leaf, and else has
 * two levels::
 *
 *	 linear			 two levels
 *
 *	 STE --+		 STE ---> l1 [0] --+
 *	       |			     [1] --|--------> leaves[1], made
 *	       v			     ...   v	      at first need
 *	   leaves[0]  spare		       leaves[0]  spare
 *
 * Table and ASID of a descriptor are in different words, so a live descriptor cannot
 * move to another domain without becoming invalid in between. But a leaf is reached
 * through a pointer of 64 bits. The descriptor is written into a spare copy of its leaf,
 * and the pointer then exchanges the two: in the level 1 table, or in the STE.
 */
#include <linux/bits.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-cd-table.h"

static size_t leaf_bytes(const struct arm_smmu_cd_table *table)
{
	unsigned int cds_lg2 = min_t(unsigned int, table->root.s1cdmax_lg2,
				     CTXDESC_SPLIT);

	/* Memory for DMA is aligned to its size, as leaves have to be (5.2) */
	return sizeof(struct arm_smmu_cd) << cds_lg2;
}

static size_t l1_bytes(const struct arm_smmu_cd_table *table)
{
	return table->nr_leaves * sizeof(*table->l1);
}

static int alloc_leaf(const struct arm_smmu_cd_table *table,
		      struct arm_smmu_cd_leaf *leaf)
{
	leaf->cds = dma_alloc_coherent(table->dev, leaf_bytes(table), &leaf->dma,
				       GFP_KERNEL);
	return leaf->cds ? 0 : -ENOMEM;
}

static void free_leaf(const struct arm_smmu_cd_table *table,
		      struct arm_smmu_cd_leaf *leaf)
{
	if (leaf->cds)
		dma_free_coherent(table->dev, leaf_bytes(table), leaf->cds,
				  leaf->dma);
	leaf->cds = NULL;
}

/* Make the level 1 table point to a leaf: one store of 64 bits (5.3) */
static void point_to_leaf(struct arm_smmu_cd_table *table, unsigned int index)
{
	u64 l1cd = CTXDESC_L1_DESC_V |
		   (table->leaves[index].dma & CTXDESC_L1_DESC_L2PTR_MASK);

	WRITE_ONCE(table->l1[index], cpu_to_le64(l1cd));
}

static int alloc_level1(struct arm_smmu_cd_table *table)
{
	table->l1 = dma_alloc_coherent(table->dev, l1_bytes(table), &table->l1_dma,
				       GFP_KERNEL);
	if (!table->l1)
		return -ENOMEM;

	point_to_leaf(table, 0);
	table->root.s1fmt = STRTAB_STE_0_S1FMT_64K_L2;
	table->root.dma = table->l1_dma;
	return 0;
}

/**
 * arm_smmu_cd_table_alloc() - give a device its table
 * @table: the device's table, with &struct arm_smmu_cd_table.dev and
 *         &struct arm_smmu_cd_table.ops set; one that exists is kept
 * @ssid_bits: width of the device's PASIDs, 0 to 20; at most CTXDESC_SPLIT without
 *             @two_level
 * @two_level: the SMMU supports tables of two levels
 *
 * Context: process, may sleep; the caller excludes other changes of @table.
 * Return: 0; -ENOMEM.
 */
int arm_smmu_cd_table_alloc(struct arm_smmu_cd_table *table,
			    unsigned int ssid_bits, bool two_level)
{
	bool level1 = two_level && ssid_bits > CTXDESC_SPLIT;
	int err = -ENOMEM;

	if (table->nr_leaves)
		return 0;

	table->root.s1cdmax_lg2 = ssid_bits;
	table->nr_leaves = level1 ? 1 << (ssid_bits - CTXDESC_SPLIT) : 1;
	table->leaves = kcalloc(table->nr_leaves, sizeof(*table->leaves), GFP_KERNEL);
	if (!table->leaves)
		goto err_free;
	err = alloc_leaf(table, &table->leaves[0]);
	if (err)
		goto err_free;
	err = alloc_leaf(table, &table->spare);
	if (err)
		goto err_free;

	table->root.s1fmt = STRTAB_STE_0_S1FMT_LINEAR;
	table->root.dma = table->leaves[0].dma;
	err = level1 ? alloc_level1(table) : 0;
	if (err)
		goto err_free;
	return 0;

err_free:
	arm_smmu_cd_table_free(table);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_table_alloc);

/**
 * arm_smmu_cd_table_free() - free the table of a device that is released
 * @table: table that no STE points to; or one that was not allocated
 *
 * Context: process, may sleep; the caller excludes other users of @table.
 */
void arm_smmu_cd_table_free(struct arm_smmu_cd_table *table)
{
	unsigned int i;

	if (table->l1)
		dma_free_coherent(table->dev, l1_bytes(table), table->l1,
				  table->l1_dma);
	table->l1 = NULL;
	free_leaf(table, &table->spare);
	for (i = 0; table->leaves && i < table->nr_leaves; i++)
		free_leaf(table, &table->leaves[i]);
	kfree(table->leaves);
	table->leaves = NULL;
	table->nr_leaves = 0;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_table_free);

/**
 * arm_smmu_cd_table_switch() - exchange a descriptor without stopping the device
 * @table: table that has been allocated
 * @ssid: substream, whose leaf exists: 0, or one that is in use
 * @cd: descriptor of the domain to which the substream moves
 *
 * Then &struct arm_smmu_cd_table.root may differ. The caller writes the STE of each
 * stream of the device by arm_smmu_ste_write(), which also invalidates level 1 pointers
 * and descriptors (4.3.1), before it changes the table again.
 *
 * Context: any; the caller excludes other changes of @table.
 */
void arm_smmu_cd_table_switch(struct arm_smmu_cd_table *table, u32 ssid,
			      const struct arm_smmu_cd *cd)
{
	unsigned int index = ssid >> CTXDESC_SPLIT;
	struct arm_smmu_cd_leaf old = table->leaves[index];

	memcpy(table->spare.cds, old.cds, leaf_bytes(table));
	table->spare.cds[ssid % CTXDESC_L2_ENTRIES] = *cd;
	/* The descriptors are visible to the SMMU before the pointer to them is */
	dma_wmb();

	table->leaves[index] = table->spare;
	table->spare = old;
	if (table->l1)
		point_to_leaf(table, index);
	else
		table->root.dma = table->leaves[0].dma;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_table_switch);

/* Descriptor in a table, for the invalidation of it */
struct cd_owner {
	struct arm_smmu_cd_table *table;
	u32 ssid;
};

static void sync_cd(void *arg)
{
	struct cd_owner *owner = arg;

	owner->table->ops->sync(owner->table->arg, owner->ssid, true);
}

static void write_cd(struct arm_smmu_cd_table *table, u32 ssid,
		     const struct arm_smmu_cd *cd)
{
	struct arm_smmu_cd_leaf *leaf = &table->leaves[ssid >> CTXDESC_SPLIT];
	struct cd_owner owner = { .table = table, .ssid = ssid };

	arm_smmu_cd_write(&leaf->cds[ssid % CTXDESC_L2_ENTRIES], cd, sync_cd, &owner);
}

/**
 * arm_smmu_cd_table_write() - change a descriptor in place
 * @table: the device's table
 * @ssid: substream
 * @cd: what its descriptor is to become
 *
 * Context: process, may sleep; the caller excludes other changes of @ssid's
 * descriptor and of the leaf that it is in.
 * Return: 0; -ERANGE if the table has no such substream; -ENOMEM.
 */
int arm_smmu_cd_table_write(struct arm_smmu_cd_table *table, u32 ssid,
			    const struct arm_smmu_cd *cd)
{
	unsigned int index = ssid >> CTXDESC_SPLIT;
	int err;

	if (!table->nr_leaves || ssid >> table->root.s1cdmax_lg2)
		return -ERANGE;

	if (!table->leaves[index].cds) {
		err = alloc_leaf(table, &table->leaves[index]);
		if (err)
			return err;
		point_to_leaf(table, index);
		/* The SMMU may have cached that there is no leaf (3.21.3) */
		table->ops->sync(table->arg, ssid, false);
	}
	write_cd(table, ssid, cd);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_table_write);

/**
 * arm_smmu_cd_table_clear() - end the use of a substream
 * @table: the device's table
 * @ssid: substream; its descriptor need not exist
 *
 * The caller flushes TLBs and the device's cache.
 *
 * Context: process or atomic as &struct arm_smmu_cd_table_ops.sync allows; the caller
 * excludes other changes as for arm_smmu_cd_table_write().
 */
void arm_smmu_cd_table_clear(struct arm_smmu_cd_table *table, u32 ssid)
{
	static const struct arm_smmu_cd none;

	if (!table->nr_leaves || ssid >> table->root.s1cdmax_lg2 ||
	    !table->leaves[ssid >> CTXDESC_SPLIT].cds)
		return;
	write_cd(table, ssid, &none);
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_cd_table_clear);
