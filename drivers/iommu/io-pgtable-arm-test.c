// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arm's long descriptor tables: lists of runs against the same runs mapped page
 * by page, and short ranges cleared in one walk against unmap_pages(). And the memory
 * types of stage 2.
 */
#include <kunit/test.h>
#include <linux/io-pgtable.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#define NR_RUNS		48
#define TYPE_MASK	3
#define TYPE_TABLE	3

static const struct format {
	const char *name;
	enum io_pgtable_fmt fmt;
	unsigned long pgsizes;
	unsigned int ias;
	int levels;
	unsigned int root_lg2;		/* entries of the first level */
	unsigned int table_lg2;		/* and of the others */
	unsigned long quirks;
} formats[] = {
	{ "stage 1, 4K", ARM_64_LPAE_S1, SZ_4K | SZ_2M | SZ_1G, 48, 4, 9, 9 },
	{ "stage 1, 64K", ARM_64_LPAE_S1, SZ_64K | SZ_512M, 48, 3, 6, 13 },
	/* Two tables one behind the other instead of one more level */
	{ "stage 2, 4K", ARM_64_LPAE_S2, SZ_4K | SZ_2M | SZ_1G, 40, 3, 10, 9 },
};

struct table {
	struct io_pgtable_cfg cfg;
	struct io_pgtable_ops *ops;
	u64 *root;
};

static void no_flush_all(void *arg)
{
}

static void no_flush_walk(unsigned long iova, size_t size, size_t granule,
			  void *arg)
{
}

static const struct iommu_flush_ops no_flush = {
	.tlb_flush_all	= no_flush_all,
	.tlb_flush_walk	= no_flush_walk,
};

static struct table *table_for(struct kunit *test, const struct format *format)
{
	struct table *table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	struct device *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	set_dev_node(dev, NUMA_NO_NODE);
	table->cfg = (struct io_pgtable_cfg) {
		.quirks		= format->quirks,
		.pgsize_bitmap	= format->pgsizes,
		.ias		= format->ias,
		.oas		= 48,
		.coherent_walk	= true,
		.tlb		= &no_flush,
		.iommu_dev	= dev,
	};
	table->ops = alloc_io_pgtable_ops(format->fmt, &table->cfg, table);
	KUNIT_ASSERT_NOT_NULL(test, table->ops);
	table->root = phys_to_virt(format->fmt == ARM_64_LPAE_S2 ?
				   table->cfg.arm_lpae_s2_cfg.vttbr :
				   table->cfg.arm_lpae_s1_cfg.ttbr);
	return table;
}

/* Number of leaves in which two tables differ, or where one has no table */
static unsigned int differences(const struct format *format, const u64 *a,
				const u64 *b, int levels)
{
	unsigned int lg2 = levels == format->levels ? format->root_lg2 :
						      format->table_lg2;
	u64 next = GENMASK_ULL(47, 12);
	unsigned int i, n = 0;

	for (i = 0; i < BIT(lg2); i++) {
		if (levels == 1 || (a[i] & TYPE_MASK) != TYPE_TABLE ||
		    (b[i] & TYPE_MASK) != TYPE_TABLE)
			n += a[i] != b[i];
		else
			n += differences(format, phys_to_virt(a[i] & next),
					 phys_to_virt(b[i] & next), levels - 1);
	}
	return n;
}

/* Always the largest page that IOVA, memory and length allow */
static void map_by_pages(struct kunit *test, const struct format *format,
			 struct table *table, u64 iova,
			 const struct iommu_run *run, int prot)
{
	size_t done = 0, mapped, size;

	for (; done < run->len; done += size) {
		u64 fits = (iova + done) | (run->phys + done);

		for (size = SZ_1G; !(size & format->pgsizes) ||
		     size > run->len - done || fits & (size - 1); size /= 2)
			;
		mapped = 0;
		KUNIT_ASSERT_EQ(test, 0,
				table->ops->map_pages(table->ops, iova + done,
						      run->phys + done, size, 1,
						      prot, GFP_KERNEL, &mapped));
	}
}

static void unmap_by_pages(struct kunit *test, struct table *table, u64 iova,
			   size_t granule, size_t size)
{
	struct iommu_iotlb_gather gather;
	size_t done, step;

	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	for (done = 0; done < size; done += step) {
		step = table->ops->unmap_pages(table->ops, iova + done, granule,
					       (size - done) / granule, &gather);
		KUNIT_ASSERT_GT(test, step, (size_t)0);
	}
}

/* Pages that no block can join, and pieces that fit blocks at this IOVA */
static size_t random_runs(struct rnd_state *rnd, const struct format *format,
			  u64 iova, struct iommu_run *runs)
{
	size_t granule = BIT(__ffs(format->pgsizes));
	size_t block = granule << format->table_lg2;
	size_t total = 0;
	unsigned int i;

	for (i = 0; i < NR_RUNS; i++) {
		u64 at = iova + total;

		runs[i].phys = (prandom_u32_state(rnd) & 0xffff) * block;
		if (i % 8 == 7) {	/* up to three blocks, and a rest */
			runs[i].phys += at & (block - 1);
			runs[i].len = (prandom_u32_state(rnd) & 3) * block;
		} else {
			runs[i].phys += (at & (block - 1)) + granule;
			runs[i].len = 0;
		}
		runs[i].len += (prandom_u32_state(rnd) & 1 ? 1 :
				prandom_u32_state(rnd) % 300 + 1) * granule;
		total += runs[i].len;
	}
	return total;
}

/* A list makes the same table as its pages mapped one by one */
static void runs_give_the_same_table(struct kunit *test)
{
	struct iommu_run *runs;
	struct rnd_state rnd;
	int i, k, round;

	runs = kunit_kcalloc(test, NR_RUNS, sizeof(*runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	prandom_seed_state(&rnd, 64);
	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct format *format = &formats[i];
		struct table *listed = table_for(test, format);
		struct table *single = table_for(test, format);

		for (round = 0; round < 2; round++) {
			size_t granule = BIT(__ffs(format->pgsizes));
			u64 iova = (u64)round * SZ_1G * 128 + 37 * granule;
			int prot = round ? IOMMU_READ :
					   IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;
			size_t mapped = 0, at = 0, total;

			total = random_runs(&rnd, format, iova, runs);
			KUNIT_EXPECT_EQ(test, 0,
					listed->ops->map_runs(listed->ops, iova,
							      runs, NR_RUNS, prot,
							      GFP_KERNEL,
							      &mapped));
			KUNIT_EXPECT_EQ(test, mapped, total);
			for (k = 0; k < NR_RUNS; at += runs[k++].len)
				map_by_pages(test, format, single, iova + at,
					     &runs[k], prot);
			KUNIT_EXPECT_EQ_MSG(test, 0U,
					    differences(format, listed->root,
							single->root,
							format->levels),
					    "%s", format->name);
		}
		free_io_pgtable_ops(listed->ops);
		free_io_pgtable_ops(single->ops);
	}
}

/* On failure @mapped tells the caller what to unmap */
static void runs_that_fail_tell_how_far_they_came(struct kunit *test)
{
	const struct iommu_run runs[] = {
		{ .phys = SZ_1G, .len = SZ_4K },
		{ .phys = SZ_8K, .len = SZ_8K },
		{ .phys = BIT_ULL(48) - SZ_4K, .len = SZ_8K },
		{ .phys = SZ_32K, .len = SZ_4K },
	};
	struct table *table = table_for(test, &formats[0]);
	struct io_pgtable_ops *ops = table->ops;
	size_t mapped = 0;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			ops->map_runs(ops, 0, runs, 2, IOMMU_CACHE, GFP_KERNEL,
				      &mapped));
	KUNIT_EXPECT_EQ(test, mapped, (size_t)0);
	/* More than 48 bits of memory, */
	KUNIT_EXPECT_EQ(test, -ERANGE,
			ops->map_runs(ops, SZ_4K, runs, 4, IOMMU_READ,
				      GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, (size_t)SZ_8K + SZ_4K);
	KUNIT_EXPECT_EQ(test, (u64)ops->iova_to_phys(ops, SZ_8K), (u64)SZ_8K);
	KUNIT_EXPECT_EQ(test, (u64)ops->iova_to_phys(ops, SZ_16K), 0ULL);
	/* and of IOVA */
	mapped = 0;
	KUNIT_EXPECT_EQ(test, -ERANGE,
			ops->map_runs(ops, BIT_ULL(48) - SZ_8K, runs, 2,
				      IOMMU_READ, GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, (size_t)SZ_4K);
	free_io_pgtable_ops(ops);
}

/* A range within one table is cleared by one walk, and nothing beside it changes */
static void short_ranges_are_cleared_at_once(struct kunit *test)
{
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, 65);
	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct format *format = &formats[i];
		size_t granule = BIT(__ffs(format->pgsizes));
		size_t block = granule << format->table_lg2;
		const struct iommu_run run = { block + granule, 3 * block };
		struct table *ranged = table_for(test, format);
		struct table *paged = table_for(test, format);
		struct io_pgtable_ops *ops = ranged->ops;
		size_t mapped = 0, at, size, room;
		u64 iova = 8 * block;

		KUNIT_EXPECT_EQ(test, 0,
				ops->map_runs(ops, iova, &run, 1, IOMMU_READ,
					      GFP_KERNEL, &mapped));
		map_by_pages(test, format, paged, iova, &run, IOMMU_READ);
		for (at = 0; at < run.len; at += size) {
			size = (prandom_u32_state(&rnd) & 1 ? 1 :
				prandom_u32_state(&rnd) % 900 + 1) * granule;
			room = block - (at & (block - 1));
			if (at == block)
				size = block;	/* the table goes with it */
			else if (at < block || size > run.len - at)
				size = min(size, room);

			mapped = ops->unmap_range(ops, iova + at, size);
			if (size == block) {
				KUNIT_EXPECT_EQ(test, mapped, (size_t)0);
				unmap_by_pages(test, ranged, iova + at, granule,
					       size);
			} else {
				KUNIT_EXPECT_EQ(test, mapped, min(size, room));
				size = mapped;
			}
			unmap_by_pages(test, paged, iova + at, granule, size);
			KUNIT_EXPECT_EQ_MSG(test, 0U,
					    differences(format, ranged->root,
							paged->root,
							format->levels),
					    "%s", format->name);
			KUNIT_ASSERT_GT(test, size, (size_t)0);
		}

		/* No entry, no table, a block */
		KUNIT_EXPECT_EQ(test, (size_t)0,
				ops->unmap_range(ops, iova, granule));
		KUNIT_EXPECT_EQ(test, (size_t)0,
				ops->unmap_range(ops, 0, granule));
		mapped = 0;
		KUNIT_EXPECT_EQ(test, 0,
				ops->map_pages(ops, 0, block, block, 1,
					       IOMMU_READ, GFP_KERNEL, &mapped));
		KUNIT_EXPECT_EQ(test, (size_t)0,
				ops->unmap_range(ops, granule, granule));
		KUNIT_EXPECT_EQ(test, (u64)block + granule,
				(u64)ops->iova_to_phys(ops, granule));
		free_io_pgtable_ops(ranged->ops);
		free_io_pgtable_ops(paged->ops);
	}
}

/* MemAttr of a page of stage 2 (ARM DDI 0487, D8.6.5 and D8.6.6) */
static u64 type_of_page(struct kunit *test, const struct format *format, int prot)
{
	const u64 iova = SZ_1G + SZ_2M + SZ_4K, next = GENMASK_ULL(47, 12);
	struct table *table = table_for(test, format);
	struct iommu_iotlb_gather gather = { .queued = true };
	u64 *entries = table->root, entry;
	size_t mapped = 0;

	KUNIT_ASSERT_EQ(test, 0,
			table->ops->map_pages(table->ops, iova, SZ_2M, SZ_4K, 1,
					      prot | IOMMU_READ, GFP_KERNEL, &mapped));
	entries = phys_to_virt(entries[iova >> 30] & next);
	entries = phys_to_virt(entries[iova >> 21 & 511] & next);
	entry = entries[iova >> 12 & 511];
	table->ops->unmap_pages(table->ops, iova, SZ_4K, 1, &gather);
	free_io_pgtable_ops(table->ops);
	return entry >> 2 & 15;
}

static void stage2_has_the_types_of_its_mode(struct kunit *test)
{
	struct format format = formats[2];

	KUNIT_EXPECT_EQ(test, type_of_page(test, &format, IOMMU_CACHE), 15ULL);
	KUNIT_EXPECT_EQ(test, type_of_page(test, &format, 0), 5ULL);
	KUNIT_EXPECT_EQ(test, type_of_page(test, &format, IOMMU_MMIO), 1ULL);

	/* FWB: Normal Write-Back whatever stage 1 says; the others stay */
	format.quirks = IO_PGTABLE_QUIRK_ARM_S2FWB;
	KUNIT_EXPECT_EQ(test, type_of_page(test, &format, IOMMU_CACHE), 6ULL);
	KUNIT_EXPECT_EQ(test, type_of_page(test, &format, 0), 5ULL);
	KUNIT_EXPECT_EQ(test, type_of_page(test, &format, IOMMU_MMIO), 1ULL);
}

static struct kunit_case arm_pgtable_cases[] = {
	KUNIT_CASE(stage2_has_the_types_of_its_mode),
	KUNIT_CASE(runs_give_the_same_table),
	KUNIT_CASE(runs_that_fail_tell_how_far_they_came),
	KUNIT_CASE(short_ranges_are_cleared_at_once),
	{}
};

static struct kunit_suite arm_pgtable_suite = {
	.name = "iommu_io_pgtable_arm",
	.test_cases = arm_pgtable_cases,
};
kunit_test_suite(arm_pgtable_suite);
MODULE_LICENSE("GPL");
