// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: domains made for a device, filled before they are attached, and read
 * back by a walker written from the specification (3.6, 3.7, 9.8) alone; lists of
 * runs against the same runs one by one; the state after a map that runs out of
 * memory, and between an unmap and its flush; which device fits which domain; and
 * the entries of a device that is blocked.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

#include "domain.h"
#include "iommu.h"
#include "pasid.h"

/* Capabilities of units: what QEMU shows, and some that it cannot */
static const struct unit {
	const char *name;
	u64 cap, ecap;
	int levels;
	unsigned int aperture_bits;
	unsigned long pgsizes;
	bool first_stage, snoop;
} units[] = {
	{ "legacy 39 bits", 0xd2008c22260206, 0xf00f4a,
	  3, 39, SZ_4K | SZ_2M | SZ_1G },
	{ "legacy 48 bits", 0xd2008c222f0606, 0xf00f4a,
	  4, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "legacy 48 bits, snoop", 0xd2008c222f0606, 0xf00fca,
	  4, 48, SZ_4K | SZ_2M | SZ_1G, false, true },
	{ "second stage", 0xd2008c222f0606, 0x480080f00f4a,
	  4, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "first stage", 0x81d2008c222f0606, 0x880000f00f4a,
	  4, 47, SZ_4K | SZ_2M | SZ_1G, true },
	{ "first stage without 1G", 0x80d2008c222f0606, 0x880000f00f4a,
	  4, 47, SZ_4K | SZ_2M, true },
	{ "57 bits of table for 48 of address", 0xd2008c222f0e06, 0xf00f4a,
	  4, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "57 bits", 0xd2008c22380e06, 0xf00f4a,
	  5, 57, SZ_4K | SZ_2M | SZ_1G },
	{ "46 bits", 0xd2008c222d0606, 0xf00f4a,
	  4, 46, SZ_4K | SZ_2M | SZ_1G },
	{ "no superpages", 0xd20080222f0606, 0xf00f4a, 4, 48, SZ_4K },
	{ "2M only", 0xd20084222f0606, 0xf00f4a, 4, 48, SZ_4K | SZ_2M },
	{ "coherent walks", 0xd2008c222f0606, 0xf00f4b,
	  4, 48, SZ_4K | SZ_2M | SZ_1G },
	{ "four levels only", 0xd2008c222f0406, 0xf00f4a,
	  4, 48, SZ_4K | SZ_2M | SZ_1G },
};

#define UNIT_LEGACY_39	0
#define UNIT_LEGACY_48	1
#define UNIT_SNOOP	2
#define UNIT_SECOND	3
#define UNIT_FIRST	4
#define UNIT_FIRST_2M	5
#define UNIT_57_FOR_48	6
#define UNIT_57		7
#define UNIT_46		8
#define UNIT_NO_SUPER	9
#define UNIT_2M		10
#define UNIT_COHERENT	11
#define UNIT_48_ONLY	12

struct fake {
	struct intel_iommu iommu;
	struct device_domain_info info;
	struct dev_iommu param;
	struct device dev;
};

static struct fake *fake_of(struct kunit *test, int nr)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->iommu.cap = units[nr].cap;
	fake->iommu.ecap = units[nr].ecap;
	fake->iommu.agaw = iommu_calculate_agaw(&fake->iommu);
	fake->iommu.node = NUMA_NO_NODE;
	spin_lock_init(&fake->iommu.lock);
	fake->info.iommu = &fake->iommu;
	fake->info.dev = &fake->dev;
	fake->info.bus = 3;
	fake->info.devfn = 0x42;
	fake->param.priv = &fake->info;
	fake->dev.iommu = &fake->param;
	set_dev_node(&fake->dev, NUMA_NO_NODE);
	return fake;
}

/* What the core does with a new domain */
static struct iommu_domain *domain_for(struct kunit *test, struct fake *fake)
{
	struct iommu_domain *domain;

	domain = intel_iommu_ops_ext.alloc_paging(&fake->dev, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_UNMANAGED);
	domain->ops = intel_iommu_ops.default_domain_ops;
	domain->owner = &intel_iommu_ops;
	return domain;
}

static void alloc_paging_takes_the_units_shape(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		const struct unit *unit = &units[i];
		struct fake *fake = fake_of(test, i);
		struct iommu_domain *domain = domain_for(test, fake);

		KUNIT_EXPECT_EQ_MSG(test, domain->geometry.aperture_end,
				    GENMASK_ULL(unit->aperture_bits - 1, 0),
				    "%s", unit->name);
		KUNIT_EXPECT_EQ(test, domain->geometry.aperture_start, 0ULL);
		KUNIT_EXPECT_TRUE(test, domain->geometry.force_aperture);
		KUNIT_EXPECT_EQ_MSG(test, domain->pgsize_bitmap, unit->pgsizes,
				    "%s", unit->name);
		KUNIT_EXPECT_EQ_MSG(test, to_dmar_domain(domain)->agaw + 2,
				    unit->levels, "%s", unit->name);
		KUNIT_EXPECT_EQ_MSG(test, unit->snoop,
				    intel_device_can_force_snooping(&fake->dev),
				    "%s", unit->name);
		domain->ops->free(domain);
	}
}

static void alloc_paging_refuses_flags(struct kunit *test)
{
	struct fake *fake = fake_of(test, UNIT_LEGACY_48);

	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EOPNOTSUPP),
			    (void *)intel_iommu_ops_ext.alloc_paging(&fake->dev, 1));
}

/* Where an access ends up, and the size of the page that translates it */
struct hit {
	u64 phys, size;
	bool read, write, snoop;
};

static struct hit walk(u64 *table, int levels, u64 iova, bool first_stage)
{
	struct hit hit = { .read = true, .write = true };
	int level;

	for (level = levels; level; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 entry = table[iova >> shift & 0x1ff];

		if (first_stage) {	/* P, R/W, U/S, PS (3.6) */
			if (!(entry & BIT_ULL(0)) || !(entry & BIT_ULL(2)))
				return (struct hit){};
			hit.write &= !!(entry & BIT_ULL(1));
		} else {		/* R, W, PS, SNP (9.8) */
			if (!(entry & (BIT_ULL(0) | BIT_ULL(1))))
				return (struct hit){};
			hit.read &= !!(entry & BIT_ULL(0));
			hit.write &= !!(entry & BIT_ULL(1));
		}
		if (level > 1 && !(entry & BIT_ULL(7))) {
			table = phys_to_virt(entry & GENMASK_ULL(51, 12));
			continue;
		}
		hit.size = BIT_ULL(shift);
		hit.snoop = !first_stage && entry & BIT_ULL(11);
		hit.phys = (entry & GENMASK_ULL(51, shift)) |
			   (iova & GENMASK_ULL(shift - 1, 0));
		return hit;
	}
	return (struct hit){};
}

static void map(struct kunit *test, struct iommu_domain *domain, u64 iova,
		u64 phys, size_t pgsize, int prot)
{
	size_t mapped = 0;

	KUNIT_EXPECT_EQ(test, 0, domain->ops->map_pages(domain, iova, phys,
							pgsize, 1, prot,
							GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, pgsize);
}

static void unmap(struct kunit *test, struct iommu_domain *domain, u64 iova,
		  size_t pgsize)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	KUNIT_EXPECT_EQ(test, pgsize,
			domain->ops->unmap_pages(domain, iova, pgsize, 1, &gather));
	domain->ops->iotlb_sync(domain, &gather);
}

/* One page of each size, far apart, before the domain knows any device */
static void filled_before_attach(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_2M, SZ_1G };
	int i, k;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		struct fake *fake = fake_of(test, i);
		struct iommu_domain *domain = domain_for(test, fake);
		u64 *root = (u64 *)to_dmar_domain(domain)->pgd;
		const struct unit *unit = &units[i];
		u64 top = domain->geometry.aperture_end + 1;

		for (k = 0; k < ARRAY_SIZE(sizes); k++) {
			u64 iova = top - (k + 1) * (u64)SZ_1G;
			u64 phys = 0x7c0000000ULL + k * (u64)SZ_1G;
			struct hit hit;

			if (!(unit->pgsizes & sizes[k]))
				continue;
			map(test, domain, iova, phys, sizes[k],
			    IOMMU_READ | (k ? IOMMU_WRITE : 0));
			hit = walk(root, unit->levels, iova + 0x123,
				   unit->first_stage);
			KUNIT_EXPECT_EQ_MSG(test, hit.phys, phys + 0x123,
					    "%s", unit->name);
			KUNIT_EXPECT_EQ_MSG(test, hit.size, (u64)sizes[k],
					    "%s", unit->name);
			KUNIT_EXPECT_TRUE(test, hit.read);
			KUNIT_EXPECT_EQ(test, hit.write, k != 0);
			KUNIT_EXPECT_FALSE(test, hit.snoop);

			unmap(test, domain, iova, sizes[k]);
			hit = walk(root, unit->levels, iova, unit->first_stage);
			KUNIT_EXPECT_FALSE(test, hit.read);
		}
		domain->ops->free(domain);
	}
}

/* A 2M page replaces a table of 4K entries that is empty again */
static void superpage_replaces_an_empty_table(struct kunit *test)
{
	struct fake *fake = fake_of(test, UNIT_LEGACY_48);
	struct iommu_domain *domain = domain_for(test, fake);
	u64 *root = (u64 *)to_dmar_domain(domain)->pgd;
	struct hit hit;

	map(test, domain, SZ_1G + SZ_4K, SZ_2G, SZ_4K, IOMMU_READ);
	unmap(test, domain, SZ_1G + SZ_4K, SZ_4K);
	map(test, domain, SZ_1G, SZ_2G, SZ_2M, IOMMU_READ | IOMMU_WRITE);
	hit = walk(root, 4, SZ_1G + SZ_4K, false);
	KUNIT_EXPECT_EQ(test, hit.size, (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, hit.phys, (u64)SZ_2G + SZ_4K);

	unmap(test, domain, SZ_1G, SZ_2M);
	map(test, domain, SZ_1G, 3ULL * SZ_1G, SZ_1G, IOMMU_READ);
	hit = walk(root, 4, SZ_1G + SZ_4K, false);
	KUNIT_EXPECT_EQ(test, hit.size, (u64)SZ_1G);
	KUNIT_EXPECT_EQ(test, hit.phys, 3ULL * SZ_1G + SZ_4K);
	domain->ops->free(domain);
}

/* Number of leaves in which two tables differ, or where one has no table */
static unsigned int differences(u64 *a, u64 *b, int level)
{
	unsigned int i, n = 0;

	for (i = 0; i < 512; i++) {
		bool leaf = level == 1 || (a[i] | b[i]) & BIT_ULL(7);

		if (leaf || !a[i] || !b[i])
			n += a[i] != b[i];
		else
			n += (a[i] ^ b[i]) & ~GENMASK_ULL(51, 12) ? 1 :
			     differences(phys_to_virt(a[i] & GENMASK_ULL(51, 12)),
					 phys_to_virt(b[i] & GENMASK_ULL(51, 12)),
					 level - 1);
	}
	return n;
}

#define NR_RUNS 48

/* Single pages and longer runs; some can be superpages at this IOVA */
static void random_runs(struct rnd_state *rnd, u64 iova,
			struct iommu_run *runs)
{
	static const size_t kinds[] = { SZ_4K, SZ_4K, SZ_64K, SZ_4M, SZ_2G };
	size_t total = 0;
	unsigned int i;

	for (i = 0; i < NR_RUNS; i++) {
		u32 nr_kinds = ARRAY_SIZE(kinds) - 1;
		u64 at = iova + total;
		size_t max;

		runs[i].phys = (u64)prandom_u32_state(rnd) << 12;
		if (prandom_u32_state(rnd) & 1) {
			runs[i].phys = (runs[i].phys & ~(u64)(SZ_1G - 1)) +
				       (at & (SZ_1G - 1));
			nr_kinds++;
		}
		max = kinds[prandom_u32_state(rnd) % nr_kinds];
		runs[i].len = (prandom_u32_state(rnd) % (max / SZ_4K) + 1) *
			      (size_t)SZ_4K;
		/* Half of the long ones reach a border of superpages */
		if (prandom_u32_state(rnd) & 1 && runs[i].len >= SZ_2M)
			runs[i].len = ALIGN(at + runs[i].len, SZ_2M) - at;
		total += runs[i].len;
	}
}

/* A list makes the same table as its runs mapped one by one */
static void runs_give_the_same_table(struct kunit *test)
{
	static const int stages[] = { UNIT_LEGACY_39, UNIT_SNOOP, UNIT_FIRST,
				      UNIT_FIRST_2M, UNIT_57, UNIT_NO_SUPER,
				      UNIT_2M, UNIT_COHERENT };
	struct iommu_run *runs;
	struct rnd_state rnd;
	int i, k, round;

	runs = kunit_kcalloc(test, NR_RUNS, sizeof(*runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	prandom_seed_state(&rnd, 20);
	for (i = 0; i < ARRAY_SIZE(stages); i++) {
		const struct unit *unit = &units[stages[i]];
		struct fake *fake = fake_of(test, stages[i]);
		struct iommu_domain *listed = domain_for(test, fake);
		struct iommu_domain *single = domain_for(test, fake);
		/* Without superpages a long run takes long to write */
		unsigned int nr = unit->pgsizes & SZ_2M ? NR_RUNS : 4;

		if (unit->snoop) {
			listed->ops->enforce_cache_coherency(listed);
			single->ops->enforce_cache_coherency(single);
		}
		/* The second round meets tables that the first left behind */
		for (round = 0; round < 2; round++) {
			u64 iova = SZ_1G - SZ_4M + (u64)SZ_4K *
				   (prandom_u32_state(&rnd) & 0x7ff);
			int prot = round ? IOMMU_READ : IOMMU_READ | IOMMU_WRITE;
			size_t mapped = 0, total = 0;

			random_runs(&rnd, iova, runs);
			KUNIT_EXPECT_EQ(test, 0,
					listed->ops->map_runs(listed, iova, runs,
							      nr, prot, GFP_KERNEL,
							      &mapped));
			for (k = 0; k < nr; k++) {
				KUNIT_EXPECT_EQ(test, 0,
						iommu_map(single, iova + total,
							  runs[k].phys,
							  runs[k].len, prot));
				total += runs[k].len;
			}
			KUNIT_EXPECT_EQ(test, mapped, total);
			KUNIT_EXPECT_EQ_MSG(test, 0U,
					    differences((u64 *)to_dmar_domain(listed)->pgd,
							(u64 *)to_dmar_domain(single)->pgd,
							unit->levels),
					    "%s", unit->name);
			KUNIT_EXPECT_EQ(test, to_dmar_domain(listed)->max_addr,
					to_dmar_domain(single)->max_addr);
			KUNIT_EXPECT_EQ(test, total, iommu_unmap(listed, iova, total));
			KUNIT_EXPECT_EQ(test, total, iommu_unmap(single, iova, total));
		}
		listed->ops->free(listed);
		single->ops->free(single);
	}
}

/* On failure @mapped tells the caller what to unmap */
static void runs_that_fail_tell_how_far_they_came(struct kunit *test)
{
	struct fake *fake = fake_of(test, UNIT_LEGACY_39);
	struct iommu_domain *domain = domain_for(test, fake);
	u64 top = domain->geometry.aperture_end + 1;
	const struct iommu_run runs[] = {
		{ .phys = SZ_1G, .len = SZ_4K },
		{ .phys = SZ_2G, .len = SZ_2M },
		{ .phys = SZ_8K, .len = SZ_8K },
		{ .phys = SZ_16K, .len = SZ_8K },
		{ .phys = SZ_32K, .len = SZ_4K },
	};
	u64 iova = top - SZ_2M - SZ_16K;
	size_t mapped = 0;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			domain->ops->map_runs(domain, iova, runs, 3, IOMMU_CACHE,
					      GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, (size_t)0);
	KUNIT_EXPECT_EQ(test, -EFAULT,
			domain->ops->map_runs(domain, iova, runs,
					      ARRAY_SIZE(runs), IOMMU_READ,
					      GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, (size_t)SZ_2M + SZ_8K + SZ_4K);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova + mapped - SZ_4K),
			(u64)SZ_8K + SZ_4K);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova + mapped), 0ULL);
	KUNIT_EXPECT_EQ(test, iommu_unmap(domain, iova, mapped), mapped);
	domain->ops->free(domain);
}

/* Fails when all of the smallest zone is taken */
#define GFP_SCARCE	(GFP_DMA | __GFP_NOWARN)

static void take_scarce_pages(struct list_head *taken)
{
	unsigned int order = MAX_ORDER;
	struct page *page;

	while (order--) {
		while ((page = alloc_pages(GFP_SCARCE | __GFP_COMP, order)))
			list_add(&page->lru, taken);
	}
}

/*
 * Maps for which one table is there, made for the page @near, but not the next.
 * Of the @size bytes there, @fit go into the first.
 */
static const struct scarce_case {
	u64 near;
	size_t near_size;
	u64 iova, phys;
	size_t pgsize, size, fit;
} scarce_cases[] = {
	{ SZ_1G - SZ_4M, SZ_2M, SZ_1G - SZ_2M, SZ_2G, SZ_2M, SZ_4M, SZ_2M },
	{ SZ_1G, SZ_2M, SZ_1G + SZ_2M, SZ_2G, SZ_2M, SZ_1G, SZ_1G - SZ_2M },
	{ 510ULL * SZ_1G, SZ_1G, 511ULL * SZ_1G, 8ULL * SZ_1G, SZ_1G,
	  2ULL * SZ_1G, SZ_1G },
	/* Pages of 1G need no further table, pages of 2M do */
	{ 4ULL * SZ_1G, SZ_1G, 5ULL * SZ_1G, 8ULL * SZ_1G, SZ_2M,
	  2ULL * SZ_1G + SZ_2M, 2ULL * SZ_1G },
	{ SZ_1G - SZ_8K, SZ_4K, SZ_1G - SZ_4K, SZ_2G, SZ_4K, SZ_2M, SZ_4K },
	{ SZ_2M, SZ_4K, SZ_2M + SZ_4K, SZ_2G, SZ_4K, SZ_4M, SZ_2M - SZ_4K },
	/* Nothing fits */
	{ SZ_1G, SZ_2M, SZ_2G, SZ_4G, SZ_2M, SZ_4M, 0 },
};

static int map_scarce(struct iommu_domain *domain, const struct scarce_case *c,
		      bool listed, size_t *mapped)
{
	const struct iommu_run run = { .phys = c->phys, .len = c->size };

	if (listed)
		return domain->ops->map_runs(domain, c->iova, &run, 1, IOMMU_READ,
					     GFP_SCARCE, mapped);
	return domain->ops->map_pages(domain, c->iova, c->phys, c->pgsize,
				      c->size / c->pgsize, IOMMU_READ, GFP_SCARCE,
				      mapped);
}

/* When a table cannot be allocated, all that was mapped until then is reported */
static void maps_without_memory_tell_how_far_they_came(struct kunit *test)
{
	int i, listed;

	for (i = 0; i < 2 * ARRAY_SIZE(scarce_cases); i++) {
		const struct scarce_case *c = &scarce_cases[i / 2];
		struct fake *fake = fake_of(test, UNIT_LEGACY_48);
		struct iommu_domain *domain = domain_for(test, fake);
		u64 *root = (u64 *)to_dmar_domain(domain)->pgd;
		LIST_HEAD(taken);
		size_t mapped = 0;
		int err;

		listed = i & 1;
		map(test, domain, c->near, 16ULL * SZ_1G, c->near_size, IOMMU_READ);
		/* Free pages are cached for each CPU */
		migrate_disable();
		take_scarce_pages(&taken);
		err = map_scarce(domain, c, listed, &mapped);
		put_pages_list(&taken);
		migrate_enable();

		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ_MSG(test, mapped, c->fit, "map %d, listed %d", i / 2,
				    listed);
		KUNIT_EXPECT_FALSE(test, walk(root, 4, c->iova + mapped, false).read);
		if (mapped)
			KUNIT_EXPECT_EQ(test, mapped,
					iommu_unmap(domain, c->iova, mapped));
		KUNIT_EXPECT_FALSE_MSG(test, walk(root, 4, c->iova, false).read,
				       "map %d, listed %d", i / 2, listed);
		/* The neighbour stays */
		KUNIT_EXPECT_TRUE(test, walk(root, 4, c->near, false).read);
		domain->ops->free(domain);
	}
}

/* Table to look at in each flush, and the range that reaches it */
static struct {
	struct page *table;
	u64 iova, size;
	bool flushed, freed_early;
} reached;

static void look_at_table(struct intel_iommu *iommu, u16 did, u64 addr,
			  unsigned int size_order, u64 type)
{
	u64 first = addr & VTD_PAGE_MASK;
	u64 last = first + ((u64)VTD_PAGE_SIZE << size_order) - 1;

	/* One use is the table's, one is ours */
	if (!reached.flushed && page_count(reached.table) != 2)
		reached.freed_early = true;
	if (type != DMA_TLB_PSI_FLUSH ||
	    (first <= reached.iova && last >= reached.iova + reached.size - 1))
		reached.flushed = true;
}

/* A page and a whole table of pages */
static void fill_table(struct kunit *test, struct iommu_domain *domain)
{
	struct dma_pte *pte;
	int level = 1;

	reached.iova = 4ULL * SZ_1G;
	reached.size = SZ_2M;
	reached.flushed = false;
	reached.freed_early = false;
	map(test, domain, SZ_1G, SZ_2G, SZ_4K, IOMMU_READ);
	KUNIT_EXPECT_EQ(test, 0, iommu_map(domain, reached.iova, SZ_2G + SZ_4K,
					   reached.size, IOMMU_READ));
	pte = pfn_to_dma_pte(to_dmar_domain(domain),
			     reached.iova >> VTD_PAGE_SHIFT, &level, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	reached.table = virt_to_page(pte);
	get_page(reached.table);
}

/* Tables that hardware may walk are freed after the flush, in each order */
static void tables_are_freed_after_their_flush(struct kunit *test)
{
	struct fake *fake = fake_of(test, UNIT_LEGACY_48);
	struct iommu_domain *domain = domain_for(test, fake);
	struct iommu_domain_info attached = { .iommu = &fake->iommu, .did = 77 };
	const struct iommu_domain_ops *ops = domain->ops;
	struct iommu_iotlb_gather gather;
	int round;

	fake->iommu.flush.flush_iotlb = look_at_table;
	xa_store(&to_dmar_domain(domain)->iommu_array, 0, &attached, GFP_KERNEL);
	for (round = 0; round < 3; round++) {
		fill_table(test, domain);
		iommu_iotlb_gather_init(&gather);
		if (round == 0)
			ops->unmap_pages(domain, SZ_1G, SZ_4K, 1, &gather);
		if (round == 1)
			ops->unmap_range(domain, SZ_1G, SZ_4K, &gather);
		KUNIT_EXPECT_EQ(test, (size_t)SZ_2M,
				ops->unmap_pages(domain, reached.iova, SZ_4K,
						 SZ_2M / SZ_4K, &gather));
		KUNIT_EXPECT_FALSE(test, reached.flushed);
		KUNIT_EXPECT_EQ(test, page_count(reached.table), 2);
		KUNIT_EXPECT_EQ(test, (u64)gather.start, reached.iova);
		KUNIT_EXPECT_EQ(test, (u64)gather.end, reached.iova + SZ_2M - 1);
		/* Of another size: flushes what was before */
		if (round == 2)
			ops->unmap_range(domain, SZ_1G, SZ_4K, &gather);
		iommu_iotlb_sync(domain, &gather);
		KUNIT_EXPECT_TRUE(test, reached.flushed);
		KUNIT_EXPECT_FALSE(test, reached.freed_early);
		KUNIT_EXPECT_EQ(test, page_count(reached.table), 1);
		put_page(reached.table);
	}
	/* What is flushed is what was unmapped: all of a page of 2M */
	map(test, domain, SZ_2G, SZ_2G, SZ_2M, IOMMU_READ);
	iommu_iotlb_gather_init(&gather);
	KUNIT_EXPECT_EQ(test, (size_t)SZ_2M,
			ops->unmap_pages(domain, SZ_2G, SZ_4K, 1, &gather));
	KUNIT_EXPECT_EQ(test, gather.start, (unsigned long)SZ_2G);
	KUNIT_EXPECT_EQ(test, gather.end, (unsigned long)SZ_2G + SZ_2M - 1);
	iommu_iotlb_sync(domain, &gather);
	xa_erase(&to_dmar_domain(domain)->iommu_array, 0);
	domain->ops->free(domain);
}

/* A range within one table is cleared by one walk, and nothing beside it changes */
static void short_ranges_are_cleared_at_once(struct kunit *test)
{
	static const int stages[] = { UNIT_LEGACY_39, UNIT_FIRST, UNIT_57,
				      UNIT_COHERENT };
	const u64 iova = SZ_1G - SZ_2M, total = 4 * SZ_2M;
	struct iommu_iotlb_gather gather;
	struct rnd_state rnd;
	u64 at, size;
	int i;

	prandom_seed_state(&rnd, 21);
	for (i = 0; i < ARRAY_SIZE(stages); i++) {
		struct fake *fake = fake_of(test, stages[i]);
		struct iommu_domain *ranged = domain_for(test, fake);
		struct iommu_domain *paged = domain_for(test, fake);

		/* Not aligned: no superpage fits */
		iommu_map(ranged, iova, SZ_2G + SZ_4K, total, IOMMU_READ);
		iommu_map(paged, iova, SZ_2G + SZ_4K, total, IOMMU_READ);
		for (at = 0; at < total; at += size) {
			u64 room = SZ_2M - at % SZ_2M;
			bool queued = prandom_u32_state(&rnd) & 1;
			bool in_one;

			/* One range reaches past its table, one is a whole table */
			size = (prandom_u32_state(&rnd) & 1 ? 1 :
				prandom_u32_state(&rnd) % 200 + 1) * SZ_4K;
			if (at < SZ_2M && size >= room)
				size = room + SZ_4K;
			else if (at == 2 * SZ_2M || size > room)
				size = room;

			in_one = size <= room && size != SZ_2M;
			iommu_iotlb_gather_init(&gather);
			gather.queued = queued;
			KUNIT_EXPECT_EQ(test, in_one ? size : 0ULL,
					(u64)ranged->ops->unmap_range(ranged,
								      iova + at, size,
								      &gather));
			/* A queued flush is for the whole domain */
			KUNIT_EXPECT_EQ(test, in_one && !queued ?
					iova + at + size - 1 : 0ULL,
					(u64)gather.end);
			if (!in_one)
				KUNIT_EXPECT_EQ(test, size,
						(u64)iommu_unmap(ranged, iova + at,
								 size));
			KUNIT_EXPECT_EQ(test, size,
					(u64)iommu_unmap(paged, iova + at, size));
			KUNIT_EXPECT_EQ(test, 0U,
					differences((u64 *)to_dmar_domain(ranged)->pgd,
						    (u64 *)to_dmar_domain(paged)->pgd,
						    units[stages[i]].levels));
			KUNIT_EXPECT_EQ(test, to_dmar_domain(ranged)->max_addr,
					to_dmar_domain(paged)->max_addr);
		}

		/* No table, beyond all that is mapped, and a superpage */
		map(test, ranged, SZ_1G, SZ_1G, SZ_2M, IOMMU_READ);
		KUNIT_EXPECT_EQ(test, (size_t)0,
				ranged->ops->unmap_range(ranged, SZ_2M, SZ_4K, &gather));
		KUNIT_EXPECT_EQ(test, (size_t)0,
				ranged->ops->unmap_range(ranged, SZ_2G, SZ_4K, &gather));
		KUNIT_EXPECT_EQ(test, (size_t)0,
				ranged->ops->unmap_range(ranged, SZ_1G, SZ_4K, &gather));
		KUNIT_EXPECT_EQ(test, (u64)SZ_1G,
				(u64)iommu_iova_to_phys(ranged, SZ_1G));
		unmap(test, ranged, SZ_1G, SZ_2M);
		ranged->ops->free(ranged);
		paged->ops->free(paged);
	}
}

static void snooping_is_settled_before_the_first_entry(struct kunit *test)
{
	struct fake *able = fake_of(test, UNIT_SNOOP);
	struct fake *unable = fake_of(test, UNIT_LEGACY_48);
	struct iommu_domain *domain;
	struct hit hit;

	domain = domain_for(test, able);
	KUNIT_EXPECT_TRUE(test, domain->ops->enforce_cache_coherency(domain));
	map(test, domain, SZ_1G, SZ_2G, SZ_2M, IOMMU_READ);
	hit = walk((u64 *)to_dmar_domain(domain)->pgd, 4, SZ_1G, false);
	KUNIT_EXPECT_TRUE(test, hit.snoop);
	/* Asking again changes nothing */
	KUNIT_EXPECT_TRUE(test, domain->ops->enforce_cache_coherency(domain));
	/* and a device whose unit cannot do it does not fit any more */
	KUNIT_EXPECT_EQ(test, -EINVAL,
			intel_iommu_device_fits(domain, &unable->dev,
						IOMMU_NO_PASID));
	domain->ops->free(domain);

	domain = domain_for(test, able);
	map(test, domain, SZ_1G, SZ_2G, SZ_2M, IOMMU_READ);
	KUNIT_EXPECT_FALSE(test, domain->ops->enforce_cache_coherency(domain));
	domain->ops->free(domain);

	domain = domain_for(test, unable);
	KUNIT_EXPECT_FALSE(test, domain->ops->enforce_cache_coherency(domain));
	domain->ops->free(domain);
}

/* A domain made for a bus has no device, so it cannot promise to snoop */
static void snooping_is_not_promised_without_a_device(struct kunit *test)
{
	struct iommu_domain *domain;

	domain = intel_iommu_ops.domain_alloc(IOMMU_DOMAIN_UNMANAGED);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = intel_iommu_ops.default_domain_ops;
	KUNIT_EXPECT_FALSE(test, domain->ops->enforce_cache_coherency(domain));
	domain->ops->free(domain);
}

/* Nor if one of its devices cannot snoop, even if that was detached since */
static void snooping_is_promised_for_all_that_were_attached(struct kunit *test)
{
	static const struct {
		int first, second;
		bool want;
	} cases[] = {
		{ UNIT_SNOOP, UNIT_SNOOP, true },
		{ UNIT_SNOOP, UNIT_LEGACY_48, false },
		{ UNIT_LEGACY_48, UNIT_SNOOP, false },
	};
	struct iommu_domain *domain;
	struct fake *first, *second;
	struct dmar_domain *noted;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		domain = intel_iommu_ops.domain_alloc(IOMMU_DOMAIN_UNMANAGED);
		KUNIT_ASSERT_NOT_NULL(test, domain);
		domain->ops = intel_iommu_ops.default_domain_ops;
		noted = to_dmar_domain(domain);
		first = fake_of(test, cases[i].first);
		second = fake_of(test, cases[i].second);
		spin_lock_irq(&noted->lock);
		intel_domain_note_snooping(noted, &first->iommu);
		intel_domain_note_snooping(noted, &second->iommu);
		spin_unlock_irq(&noted->lock);
		KUNIT_EXPECT_EQ(test, cases[i].want,
				domain->ops->enforce_cache_coherency(domain));
		domain->ops->free(domain);
	}
}

static const struct fit_case {
	int made_for, device;
	int want;
} fit_cases[] = {
	{ UNIT_LEGACY_48, UNIT_LEGACY_48, 0 },
	/* fewer levels, or address bits */
	{ UNIT_LEGACY_48, UNIT_LEGACY_39, -EINVAL },
	{ UNIT_LEGACY_39, UNIT_LEGACY_48, 0 },
	{ UNIT_LEGACY_39, UNIT_48_ONLY, -EINVAL },	/* walks no 3 levels */
	{ UNIT_LEGACY_39, UNIT_LEGACY_39, 0 },
	{ UNIT_LEGACY_48, UNIT_46, -EINVAL },
	{ UNIT_46, UNIT_LEGACY_48, 0 },
	{ UNIT_57, UNIT_LEGACY_48, -EINVAL },
	{ UNIT_LEGACY_48, UNIT_57_FOR_48, 0 },
	{ UNIT_57_FOR_48, UNIT_LEGACY_48, 0 },
	/* page sizes */
	{ UNIT_LEGACY_48, UNIT_2M, -EINVAL },
	{ UNIT_2M, UNIT_LEGACY_48, 0 },
	{ UNIT_2M, UNIT_NO_SUPER, -EINVAL },
	{ UNIT_FIRST, UNIT_FIRST_2M, -EINVAL },
	{ UNIT_FIRST_2M, UNIT_FIRST, 0 },
	/* stages */
	{ UNIT_SECOND, UNIT_FIRST, -EINVAL },
	{ UNIT_FIRST, UNIT_SECOND, -EINVAL },
	{ UNIT_FIRST, UNIT_LEGACY_48, -EINVAL },
	{ UNIT_SECOND, UNIT_LEGACY_48, 0 },
	{ UNIT_LEGACY_48, UNIT_SECOND, 0 },
	/* tables that are not flushed need a unit that snoops */
	{ UNIT_COHERENT, UNIT_LEGACY_48, -EINVAL },
	{ UNIT_LEGACY_48, UNIT_COHERENT, 0 },
	/* the ability alone, without the promise */
	{ UNIT_SNOOP, UNIT_LEGACY_48, 0 },
	{ UNIT_LEGACY_48, UNIT_SNOOP, 0 },
};

static void device_fits_what_its_unit_walks(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fit_cases); i++) {
		const struct fit_case *c = &fit_cases[i];
		struct fake *maker = fake_of(test, c->made_for);
		struct fake *other = fake_of(test, c->device);
		struct iommu_domain *domain = domain_for(test, maker);
		struct dmar_domain before;

		memcpy(&before, to_dmar_domain(domain), sizeof(before));
		KUNIT_EXPECT_EQ_MSG(test, c->want,
				    intel_iommu_device_fits(domain, &other->dev,
							    IOMMU_NO_PASID),
				    "\"%s\" on \"%s\"", units[c->device].name,
				    units[c->made_for].name);
		/* No side effect */
		KUNIT_EXPECT_EQ(test, 0, memcmp(&before, to_dmar_domain(domain),
						sizeof(before)));
		domain->ops->free(domain);
	}
}

static unsigned int nr_context_flushes, nr_iotlb_flushes;
/* Entry to check in each flush, and whether it was right so far */
static const struct context_entry *watched;
static bool flushed_in_order;

/* At a flush the entry is not present, and its other fields are unchanged */
static void look_at_entry(void)
{
	if (watched && (watched->lo != 0x1234000 || watched->hi != (77 << 8 | 2)))
		flushed_in_order = false;
}

static void count_context_flush(struct intel_iommu *iommu, u16 did, u16 sid,
				u8 fm, u64 type)
{
	nr_context_flushes++;
	look_at_entry();
}

static void count_iotlb_flush(struct intel_iommu *iommu, u16 did, u64 addr,
			      unsigned int size_order, u64 type)
{
	nr_iotlb_flushes++;
	look_at_entry();
}

static struct context_entry *give_context(struct kunit *test, struct fake *fake)
{
	struct context_entry *context;

	fake->iommu.flush.flush_context = count_context_flush;
	fake->iommu.flush.flush_iotlb = count_iotlb_flush;
	nr_context_flushes = 0;
	nr_iotlb_flushes = 0;
	fake->iommu.root_entry = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->iommu.root_entry);
	context = iommu_context_addr(&fake->iommu, fake->info.bus,
				     fake->info.devfn, 1);
	KUNIT_ASSERT_NOT_NULL(test, context);
	/* present, table at 0x1234000, domain ID 77, 48 bits */
	context->lo = 0x1234000 | BIT_ULL(0);
	context->hi = 77 << 8 | 2;
	return context;
}

static void put_context(struct fake *fake)
{
	u64 lo = fake->iommu.root_entry[fake->info.bus].lo;

	free_pgtable_page(phys_to_virt(lo & VTD_PAGE_MASK));
}

static void block(struct kunit *test, struct fake *fake)
{
	struct iommu_domain *blocked = intel_iommu_ops_ext.blocked_domain;

	KUNIT_EXPECT_EQ(test, (unsigned int)blocked->type,
			(unsigned int)IOMMU_DOMAIN_BLOCKED);
	/* The core never frees it */
	KUNIT_EXPECT_TRUE(test, !blocked->ops->free);
	KUNIT_EXPECT_EQ(test, 0, blocked->ops->attach_dev(blocked, &fake->dev));
}

static void blocking_clears_the_context_entry(struct kunit *test)
{
	struct fake *fake = fake_of(test, UNIT_LEGACY_48);
	struct context_entry *context = give_context(test, fake);

	block(test, fake);
	KUNIT_EXPECT_EQ(test, context->lo, 0ULL);
	KUNIT_EXPECT_EQ(test, context->hi, 0ULL);
	KUNIT_EXPECT_GE(test, nr_context_flushes, 1U);
	KUNIT_EXPECT_GE(test, nr_iotlb_flushes, 1U);
	/* Once more: nothing to do, and still no failure */
	block(test, fake);
	put_context(fake);
}

/* Tables of a kernel that crashed are walked until the entry is cleared */
static void blocking_clears_copied_entries(struct kunit *test)
{
	static const int modes[] = { UNIT_LEGACY_48, UNIT_SECOND };
	unsigned long *copied;
	int i;

	copied = kunit_kzalloc(test, BIT(16) / 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copied);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fake *fake = fake_of(test, modes[i]);
		struct context_entry *context = give_context(test, fake);
		struct pasid_table table = { .max_pasid = PASID_TBL_ENTRIES };
		unsigned long nr = fake->info.bus << 8 | fake->info.devfn;

		table.table = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, table.table);
		fake->info.pasid_table = &table;
		fake->iommu.copied_tables = copied;
		set_bit(nr, copied);

		watched = context;
		flushed_in_order = true;
		spin_lock(&fake->iommu.lock);
		intel_drop_copied_context(&fake->iommu, &fake->info, context,
					  fake->info.bus, fake->info.devfn);
		spin_unlock(&fake->iommu.lock);
		watched = NULL;
		KUNIT_EXPECT_TRUE(test, flushed_in_order);
		KUNIT_EXPECT_EQ(test, nr_context_flushes, 1U);
		KUNIT_EXPECT_EQ(test, nr_iotlb_flushes, 1U);
		KUNIT_EXPECT_EQ(test, context->lo, 0ULL);
		KUNIT_EXPECT_EQ(test, context->hi, 0ULL);
		KUNIT_EXPECT_FALSE(test, test_bit(nr, copied));

		/* and the same by way of the blocked domain */
		context->lo = 0x1234000 | BIT_ULL(0);
		context->hi = 77 << 8 | 2;
		set_bit(nr, copied);
		block(test, fake);
		KUNIT_EXPECT_EQ(test, context->lo, 0ULL);
		KUNIT_EXPECT_EQ(test, context->hi, 0ULL);
		KUNIT_EXPECT_FALSE(test, test_bit(nr, copied));
		KUNIT_EXPECT_GE(test, nr_context_flushes, 1U);
		KUNIT_EXPECT_GE(test, nr_iotlb_flushes, 1U);

		free_pgtable_page(get_pasid_table_from_pde(table.table));
		put_context(fake);
	}
}

/* Scalable mode: the entry for requests without PASID goes, others stay */
static void blocking_clears_pasid_zero(struct kunit *test)
{
	struct fake *fake = fake_of(test, UNIT_SECOND);
	struct context_entry *context = give_context(test, fake);
	struct pasid_table table = { .max_pasid = PASID_TBL_ENTRIES };
	struct pasid_dir_entry *dir;
	struct pasid_entry *entries;
	int i;

	dir = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	entries = (void *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dir);
	KUNIT_ASSERT_NOT_NULL(test, entries);
	dir->val = virt_to_phys(entries) | PASID_PTE_PRESENT;
	table.table = dir;
	fake->info.pasid_table = &table;
	/* second stage, present */
	entries[0].val[0] = 0x1234000 | 2ULL << 6 | BIT_ULL(0);
	entries[0].val[1] = 77;
	entries[5] = entries[0];

	block(test, fake);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, entries[0].val[i], 0ULL);
	KUNIT_EXPECT_EQ(test, entries[5].val[1], 77ULL);
	KUNIT_EXPECT_GE(test, nr_iotlb_flushes, 1U);
	/* The way to the other PASIDs is open */
	KUNIT_EXPECT_EQ(test, context->lo & 1, 1ULL);

	free_page((unsigned long)entries);
	put_context(fake);
}

static struct kunit_case vtd_ext_cases[] = {
	KUNIT_CASE(alloc_paging_takes_the_units_shape),
	KUNIT_CASE(alloc_paging_refuses_flags),
	KUNIT_CASE(filled_before_attach),
	KUNIT_CASE(superpage_replaces_an_empty_table),
	KUNIT_CASE(runs_give_the_same_table),
	KUNIT_CASE(runs_that_fail_tell_how_far_they_came),
	KUNIT_CASE(maps_without_memory_tell_how_far_they_came),
	KUNIT_CASE(tables_are_freed_after_their_flush),
	KUNIT_CASE(short_ranges_are_cleared_at_once),
	KUNIT_CASE(snooping_is_settled_before_the_first_entry),
	KUNIT_CASE(snooping_is_not_promised_without_a_device),
	KUNIT_CASE(snooping_is_promised_for_all_that_were_attached),
	KUNIT_CASE(device_fits_what_its_unit_walks),
	KUNIT_CASE(blocking_clears_the_context_entry),
	KUNIT_CASE(blocking_clears_copied_entries),
	KUNIT_CASE(blocking_clears_pasid_zero),
	{}
};

static struct kunit_suite vtd_ext_suite = {
	.name = "iommu_vtd_ext",
	.test_cases = vtd_ext_cases,
};
kunit_test_suite(vtd_ext_suite);
