// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: the table of context descriptors of a device, read by a walker that follows
 * what an STE says as the specification does (IHI 0070, 5.2, 5.3).
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/string.h>

#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-cd-table.h"

/**
 * struct fixture - a table, and an SMMU that notes what it is told to forget
 * @test: test that runs
 * @table: table under test
 * @nr_syncs: number of invalidations
 * @ssid: substream of the last one
 * @nr_pointers: how many of them were for a pointer to a leaf, too
 */
struct fixture {
	struct kunit *test;
	struct arm_smmu_cd_table table;
	unsigned int nr_syncs, nr_pointers;
	u32 ssid;
};

/* CPU address of a leaf that the SMMU reaches at @dma, in place or spare */
static struct arm_smmu_cd *leaf_at(struct fixture *fix, dma_addr_t dma)
{
	struct arm_smmu_cd_table *table = &fix->table;
	unsigned int i;

	if (table->spare.dma == dma)
		return table->spare.cds;
	for (i = 0; i < table->nr_leaves; i++)
		if (table->leaves[i].cds && table->leaves[i].dma == dma)
			return table->leaves[i].cds;
	KUNIT_FAIL(fix->test, "no leaf at %llx", (unsigned long long)dma);
	return NULL;
}

/* The descriptor that the SMMU finds, or NULL if there is none */
static const struct arm_smmu_cd *walk(struct fixture *fix,
				      const struct arm_smmu_cd_root *root, u32 ssid)
{
	struct arm_smmu_cd *leaf;
	u64 pointer;

	if (ssid >> root->s1cdmax_lg2)
		return NULL;
	switch (root->s1fmt) {
	case 0:
		leaf = leaf_at(fix, root->dma);
		return leaf ? &leaf[ssid] : NULL;
	case 2:
		KUNIT_EXPECT_TRUE(fix->test, root->dma == fix->table.l1_dma);
		pointer = le64_to_cpu(READ_ONCE(fix->table.l1[ssid / 1024]));
		if (!(pointer & 1))
			return NULL;
		leaf = leaf_at(fix, pointer & GENMASK_ULL(55, 12));
		return leaf ? &leaf[ssid % 1024] : NULL;
	default:
		KUNIT_FAIL(fix->test, "format %d", root->s1fmt);
		return NULL;
	}
}

static bool is_valid(const struct arm_smmu_cd *cd)
{
	return cd && le64_to_cpu(cd->word[0]) & BIT_ULL(31);
}

static void sync(void *arg, u32 ssid, bool leaf)
{
	struct fixture *fix = arg;

	fix->nr_syncs++;
	fix->ssid = ssid;
	if (leaf)
		return;
	/* The leaf is there, and the descriptor does not say anything yet */
	fix->nr_pointers++;
	KUNIT_EXPECT_TRUE(fix->test, walk(fix, &fix->table.root, ssid));
	KUNIT_EXPECT_FALSE(fix->test,
			   is_valid(walk(fix, &fix->table.root, ssid)));
}

static const struct arm_smmu_cd_table_ops table_ops = {
	.sync	= sync,
};

static void make_cd(struct arm_smmu_cd *cd, u16 number)
{
	struct arm_smmu_ctx_desc desc = {
		.asid = number, .ttbr = (u64)number << 12, .mair = 0x4404ff,
	};

	arm_smmu_cd_make(cd, &desc, false);
}

static void expect_cd(struct fixture *fix, const struct arm_smmu_cd_root *root,
		      u32 ssid, u16 number)
{
	const struct arm_smmu_cd *found = walk(fix, root, ssid);
	struct arm_smmu_cd cd = {};

	if (number)
		make_cd(&cd, number);
	KUNIT_EXPECT_TRUE_MSG(fix->test, found && !memcmp(found, &cd, sizeof(cd)),
			      "descriptor %u is not number %u", ssid, number);
}

static struct fixture *make_table(struct kunit *test, unsigned int ssid_bits,
				  bool two_level)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);
	struct device *dev = root_device_register("smmuv3-cd-table-test");

	KUNIT_ASSERT_NOT_NULL(test, fix);
	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	KUNIT_ASSERT_EQ(test, 0, dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(48)));
	fix->test = test;
	fix->table.dev = dev;
	fix->table.ops = &table_ops;
	fix->table.arg = fix;
	KUNIT_ASSERT_EQ(test, 0,
			arm_smmu_cd_table_alloc(&fix->table, ssid_bits, two_level));
	return fix;
}

static void free_table(struct fixture *fix)
{
	arm_smmu_cd_table_free(&fix->table);
	KUNIT_EXPECT_EQ(fix->test, fix->table.nr_leaves, 0u);
	KUNIT_EXPECT_TRUE(fix->test, !fix->table.spare.cds);
	root_device_unregister(fix->table.dev);
}

/* Widths of PASIDs, and the tables that they need */
static const struct {
	unsigned int ssid_bits;
	bool two_level;
	u8 s1fmt;
	unsigned int nr_leaves;
} shapes[] = {
	{ 0, false, 0, 1 }, { 0, true, 0, 1 }, { 5, true, 0, 1 },
	{ 10, false, 0, 1 }, { 10, true, 0, 1 }, { 11, true, 2, 2 },
	{ 20, true, 2, 1024 },
};

static void table_has_the_shape_of_the_device(struct kunit *test)
{
	struct arm_smmu_cd_root root;
	struct fixture *fix;
	u64 size;
	int i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		fix = make_table(test, shapes[i].ssid_bits, shapes[i].two_level);
		root = fix->table.root;
		KUNIT_EXPECT_EQ(test, root.s1fmt, shapes[i].s1fmt);
		KUNIT_EXPECT_EQ(test, root.s1cdmax_lg2, (u8)shapes[i].ssid_bits);
		KUNIT_EXPECT_EQ(test, fix->table.nr_leaves, shapes[i].nr_leaves);

		/* Aligned to the size of the table, and nothing in it (5.2) */
		size = shapes[i].s1fmt ? 8ULL * shapes[i].nr_leaves :
					 64ULL << shapes[i].ssid_bits;
		KUNIT_EXPECT_EQ(test, root.dma & (size - 1), 0ULL);
		expect_cd(fix, &root, 0, 0);
		KUNIT_EXPECT_FALSE(test, walk(fix, &root, 1 << shapes[i].ssid_bits));

		/* It is kept for the next domain */
		KUNIT_EXPECT_EQ(test, 0, arm_smmu_cd_table_alloc(&fix->table, 3, false));
		KUNIT_EXPECT_TRUE(test, !memcmp(&root, &fix->table.root, sizeof(root)));
		KUNIT_EXPECT_EQ(test, fix->nr_syncs, 0u);
		free_table(fix);
	}
}

/*
 * The device moves from one domain to the next. Until its STE is invalidated, the SMMU
 * may use what it read before: the old descriptor, which is complete and still there.
 */
static void switch_leaves_the_old_descriptor_in_peace(struct kunit *test)
{
	const struct arm_smmu_cd *old;
	struct arm_smmu_cd_root root;
	struct arm_smmu_cd cd;
	struct fixture *fix;
	u16 number;
	int i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		u32 last = (1 << min(shapes[i].ssid_bits, 10u)) - 1;

		fix = make_table(test, shapes[i].ssid_bits, shapes[i].two_level);
		if (last) {
			make_cd(&cd, 77);
			KUNIT_EXPECT_EQ(test, 0,
					arm_smmu_cd_table_write(&fix->table, last, &cd));
		}
		fix->nr_syncs = 0;
		for (number = 1; number < 6; number++) {
			root = fix->table.root;
			old = walk(fix, &root, 0);
			make_cd(&cd, number);
			arm_smmu_cd_table_switch(&fix->table, 0, &cd);

			expect_cd(fix, &fix->table.root, 0, number);
			KUNIT_EXPECT_TRUE(test, walk(fix, &fix->table.root, 0) != old);
			make_cd(&cd, number - 1);
			if (number > 1)
				KUNIT_EXPECT_TRUE(test, !memcmp(old, &cd, sizeof(cd)));
			if (!last)
				continue;
			expect_cd(fix, &fix->table.root, last, 77);
			KUNIT_EXPECT_TRUE(test, is_valid(old + last));
		}
		/* Invalidation is up to the write of the STE */
		KUNIT_EXPECT_EQ(test, fix->nr_syncs, 0u);
		free_table(fix);
	}
}

static void descriptors_come_and_go(struct kunit *test)
{
	struct fixture *fix = make_table(test, 20, true);
	static const u32 ssids[] = { 1, 1023, 1024, 1025, 0xfffff };
	struct arm_smmu_cd cd;
	int i;

	for (i = 0; i < ARRAY_SIZE(ssids); i++) {
		make_cd(&cd, 100 + i);
		KUNIT_EXPECT_EQ(test, 0,
				arm_smmu_cd_table_write(&fix->table, ssids[i], &cd));
		KUNIT_EXPECT_EQ(test, fix->ssid, ssids[i]);
	}
	/* Two more leaves, for 1024 and 1025, and for the last */
	KUNIT_EXPECT_EQ(test, fix->nr_pointers, 2u);
	for (i = 0; i < ARRAY_SIZE(ssids); i++)
		expect_cd(fix, &fix->table.root, ssids[i], 100 + i);

	for (i = 0; i < ARRAY_SIZE(ssids); i++) {
		fix->nr_syncs = 0;
		arm_smmu_cd_table_clear(&fix->table, ssids[i]);
		KUNIT_EXPECT_TRUE(test, fix->nr_syncs > 0);
		expect_cd(fix, &fix->table.root, ssids[i], 0);
		if (i + 1 < ARRAY_SIZE(ssids))
			expect_cd(fix, &fix->table.root, ssids[i + 1], 101 + i);
	}
	free_table(fix);
}

static void descriptors_outside_the_table_are_refused(struct kunit *test)
{
	struct arm_smmu_cd_table none = {};
	struct fixture *fix = make_table(test, 0, true);
	struct arm_smmu_cd cd;

	make_cd(&cd, 1);
	KUNIT_EXPECT_EQ(test, -ERANGE, arm_smmu_cd_table_write(&none, 0, &cd));
	KUNIT_EXPECT_EQ(test, -ERANGE, arm_smmu_cd_table_write(&fix->table, 1, &cd));
	arm_smmu_cd_table_clear(&none, 0);
	arm_smmu_cd_table_clear(&fix->table, 1);
	arm_smmu_cd_table_free(&none);
	KUNIT_EXPECT_EQ(test, fix->nr_syncs, 0u);
	free_table(fix);

	/* A leaf that was never needed need not be made to be empty */
	fix = make_table(test, 12, true);
	KUNIT_EXPECT_EQ(test, -ERANGE,
			arm_smmu_cd_table_write(&fix->table, 1 << 12, &cd));
	arm_smmu_cd_table_clear(&fix->table, 1024);
	KUNIT_EXPECT_EQ(test, fix->nr_syncs, 0u);
	free_table(fix);
}

static struct kunit_case cd_table_cases[] = {
	KUNIT_CASE(table_has_the_shape_of_the_device),
	KUNIT_CASE(switch_leaves_the_old_descriptor_in_peace),
	KUNIT_CASE(descriptors_come_and_go),
	KUNIT_CASE(descriptors_outside_the_table_are_refused),
	{}
};

static struct kunit_suite cd_table_suite = {
	.name = "iommu_smmuv3_cd_table",
	.test_cases = cd_table_cases,
};
kunit_test_suite(cd_table_suite);
