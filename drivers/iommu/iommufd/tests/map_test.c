// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the IOVA map, on a domain that only writes down what it is
 * told and memory that is only numbers. tools/testing/host/iommufd-map runs them in
 * user space, too.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "map/area.h"
#include "map/map.h"
#include "store/backing.h"
#include "store/store.h"

#define PG		PAGE_SIZE
#define TOP		ULONG_MAX
#define BASE_PFN	0x100UL
#define MAX_STEPS	16

/**
 * struct fake - what a map acts upon
 * @map: the map
 * @domain: domain that records the number of mapped bytes only
 * @store: a reference to the memory
 * @mapped_bytes: bytes in the domain
 * @pinned_pages: pinned pages of the memory
 * @steps: what was done, a letter each: (m)ap, (u)nmap, (s)ync, flush (a)ll,
 *	   un(p)in with the page tables freed, un(P)in before they are
 * @nr_steps: length of @steps
 * @table: a page that stands for the page tables that an unmap left empty
 * @table_was_freed: it was freed, after a flush
 * @mapped_iova: IOVA of the last call to map
 * @mapped_phys: what it leads to
 * @nr_runs: number of runs, with the domain that takes runs
 * @longest_run: bytes in the longest of them
 * @fail_map: the driver refuses to map
 */
struct fake {
	struct iommufd_iova_map *map;
	struct iommu_domain domain;
	struct iommufd_store *store;
	unsigned long mapped_bytes;
	unsigned long pinned_pages;
	char steps[MAX_STEPS + 1];
	unsigned int nr_steps;
	struct page *table;
	bool table_was_freed;
	unsigned long mapped_iova;
	phys_addr_t mapped_phys;
	unsigned int nr_runs;
	size_t longest_run;
	bool fail_map;
};

static void step(struct fake *fake, char letter)
{
	if (fake->nr_steps < MAX_STEPS)
		fake->steps[fake->nr_steps++] = letter;
}

static bool is_table_on_a_list(const struct fake *fake)
{
	return page_count(fake->table) > 1;
}

/* Memory */

static int fake_pin(const struct iommufd_backing *backing, unsigned long first,
		    unsigned int npages, struct page **pages)
{
	struct fake *fake = backing->source;
	unsigned int i;

	for (i = 0; i < npages; i++)
		pages[i] = pfn_to_page(BASE_PFN + first + i);
	fake->pinned_pages += npages;
	return 0;
}

static void fake_unpin(const struct iommufd_backing *backing,
		       unsigned long pfn, unsigned long npages)
{
	struct fake *fake = backing->source;

	step(fake, is_table_on_a_list(fake) ? 'P' : 'p');
	fake->pinned_pages -= npages;
}

static const struct iommufd_pin_ops fake_pin_ops = {
	.pin = fake_pin,
	.unpin = fake_unpin,
};

/* Domain */

static struct fake *to_fake(struct iommu_domain *domain)
{
	return container_of(domain, struct fake, domain);
}

static int fake_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct fake *fake = to_fake(domain);

	if (fake->fail_map)
		return -ENOMEM;
	step(fake, 'm');
	fake->mapped_iova = iova;
	fake->mapped_phys = phys;
	*mapped = pgsize * pgcount;
	fake->mapped_bytes += *mapped;
	return 0;
}

static int fake_map_runs(struct iommu_domain *domain, unsigned long iova,
			 const struct iommu_run *runs, unsigned int nr_runs,
			 int prot, gfp_t gfp, size_t *mapped)
{
	struct fake *fake = to_fake(domain);
	unsigned int i;

	for (i = 0; i < nr_runs; i++) {
		fake->longest_run = max(fake->longest_run, runs[i].len);
		*mapped += runs[i].len;
	}
	fake->nr_runs += nr_runs;
	fake->mapped_bytes += *mapped;
	return 0;
}

static size_t fake_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct fake *fake = to_fake(domain);

	step(fake, 'u');
	fake->mapped_bytes -= pgsize * pgcount;
	if (!is_table_on_a_list(fake)) {
		get_page(fake->table);
		list_add_tail(&fake->table->lru, &gather->freelist);
	}
	if (!iommu_iotlb_gather_queued(gather))
		iommu_iotlb_gather_add_range(gather, iova, pgsize * pgcount);
	return pgsize * pgcount;
}

static void fake_sync(struct iommu_domain *domain,
		      struct iommu_iotlb_gather *gather)
{
	step(to_fake(domain), 's');
	put_pages_list(&gather->freelist);
}

static void fake_flush_all(struct iommu_domain *domain)
{
	struct fake *fake = to_fake(domain);

	step(fake, 'a');
	fake->table_was_freed |= !is_table_on_a_list(fake);
}

static const struct iommu_domain_ops fake_domain_ops = {
	.map_pages = fake_map_pages,
	.unmap_pages = fake_unmap_pages,
	.iotlb_sync = fake_sync,
	.flush_iotlb_all = fake_flush_all,
};

static const struct iommu_domain_ops fake_syncing_ops = {
	.map_pages = fake_map_pages,
	.unmap_pages = fake_unmap_pages,
	.iotlb_sync = fake_sync,
};

static const struct iommu_domain_ops fake_runs_ops = {
	.map_runs = fake_map_runs,
	.unmap_pages = fake_unmap_pages,
	.iotlb_sync = fake_sync,
	.flush_iotlb_all = fake_flush_all,
};

/* Fixture */

static void make_store(struct kunit *test, struct fake *fake,
		       unsigned long address, unsigned long npages,
		       bool writable)
{
	struct iommufd_backing backing = {
		.ops = &fake_pin_ops,
		.source = fake,
		.start_bytes = address & PAGE_MASK,
		.writable = writable,
	};

	iommufd_store_put(fake->store);
	fake->store = iommufd_store_create(&backing, NULL, npages,
					   offset_in_page(address));
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake->store));
}

static int map_test_init(struct kunit *test)
{
	struct fake *fake;

	/* Needs a struct page for each frame number, without a lookup */
	if (IS_ENABLED(CONFIG_SPARSEMEM) && !IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
		kunit_skip(test, "needs SPARSEMEM_VMEMMAP or FLATMEM");

	fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->table = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->table);
	fake->map = iommufd_map_create();
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake->map));
	fake->domain.type = IOMMU_DOMAIN_UNMANAGED;
	fake->domain.ops = &fake_domain_ops;
	fake->domain.pgsize_bitmap = PG | PMD_SIZE;
	make_store(test, fake, PG, 64, true);
	test->priv = fake;
	return 0;
}

static void map_test_exit(struct kunit *test)
{
	struct fake *fake = test->priv;

	if (!fake)
		return;
	iommufd_map_destroy(fake->map);
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
	KUNIT_EXPECT_EQ(test, fake->mapped_bytes, 0UL);
	KUNIT_EXPECT_FALSE(test, fake->table_was_freed);
	KUNIT_EXPECT_EQ(test, page_count(fake->table), 1);
	iommufd_store_put(fake->store);
	__free_page(fake->table);
}

static int insert(struct fake *fake, unsigned long *iova,
		  unsigned long length_bytes, int prot, unsigned int flags)
{
	struct iommufd_slice slice = {
		.store = iommufd_store_get(fake->store),
		.offset_bytes = iommufd_store_page_offset(fake->store),
		.length_bytes = length_bytes,
	};
	int err;

	err = iommufd_map_insert(fake->map, &slice, 1, iova, prot, flags, NULL);
	if (err)
		iommufd_store_put(slice.store);
	return err;
}

static int map_fixed(struct fake *fake, unsigned long iova,
		     unsigned long length_bytes)
{
	return insert(fake, &iova, length_bytes, IOMMU_READ, IOMMUFD_MAP_FIXED);
}

/* Memory that no other mapping has, so that it is unpinned by itself */
static void map_own(struct kunit *test, struct fake *fake, unsigned long iova,
		    unsigned long length_bytes)
{
	make_store(test, fake, PG, length_bytes / PG, true);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, iova, length_bytes));
}

static int unmap(struct fake *fake, unsigned long iova, unsigned long last)
{
	u64 bytes;

	return iommufd_map_remove(fake->map, iova, last, &bytes);
}

static void expect_unmapped(struct kunit *test, struct fake *fake,
			    unsigned long iova, unsigned long last, u64 wanted_bytes)
{
	u64 bytes;

	KUNIT_EXPECT_EQ(test, 0, iommufd_map_remove(fake->map, iova, last, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, wanted_bytes);
}

static void attach(struct kunit *test, struct fake *fake)
{
	KUNIT_ASSERT_EQ(test, 0,
			iommufd_map_add_domain(fake->map, &fake->domain));
}

static void detach(struct fake *fake)
{
	iommufd_map_remove_domain(fake->map, &fake->domain);
}

static void expect_steps(struct kunit *test, struct fake *fake,
			 const char *steps)
{
	KUNIT_EXPECT_STREQ(test, fake->steps, steps);
	memset(fake->steps, 0, sizeof(fake->steps));
	fake->nr_steps = 0;
}

static void put_slices(struct iommufd_slices *slices)
{
	unsigned int i;

	for (i = 0; i < slices->nr; i++)
		iommufd_store_put(slices->list[i].store);
	iommufd_slices_free(slices);
}

/* Intervals */

static void fixed_at_the_edges(struct kunit *test)
{
	struct fake *fake = test->priv;
	u64 bytes;

	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, PG, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, map_fixed(fake, TOP - PG + 1, 2 * PG));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, map_fixed(fake, TOP, 2));
	KUNIT_EXPECT_EQ(test, 0, map_fixed(fake, TOP - PG + 1, PG));
	KUNIT_EXPECT_EQ(test, -EEXIST, map_fixed(fake, TOP, 1));
	KUNIT_EXPECT_EQ(test, -EEXIST, map_fixed(fake, TOP - PG, PG));
	KUNIT_EXPECT_EQ(test, 0, map_fixed(fake, TOP - 2 * PG + 1, PG));
	KUNIT_EXPECT_EQ(test, 0, map_fixed(fake, 0, PG));
	KUNIT_EXPECT_EQ(test, -EEXIST, map_fixed(fake, PG - 1, PG));

	/* A domain fills the last page and leaves again */
	attach(test, fake);
	KUNIT_EXPECT_EQ(test, fake->mapped_bytes, 3 * PG);
	detach(fake);
	KUNIT_EXPECT_EQ(test, fake->mapped_bytes, 0UL);

	KUNIT_EXPECT_EQ(test, -ERANGE, unmap(fake, TOP - PG + 2, TOP));
	KUNIT_EXPECT_EQ(test, -ERANGE, unmap(fake, TOP - PG + 1, TOP - 1));
	KUNIT_EXPECT_EQ(test, -ENOENT, unmap(fake, PG, 2 * PG));
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_remove(fake->map, TOP - PG + 1,
						    TOP, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, (u64)PG);
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_remove_all(fake->map, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, (u64)2 * PG);
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_remove_all(fake->map, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, -ENOENT, unmap(fake, 0, TOP));
}

static void top_of_the_space(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct iommufd_slices slices;
	u64 bytes;

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, TOP - PG + 1, PG));
	attach(test, fake);
	KUNIT_EXPECT_EQ(test, fake->mapped_iova, TOP - PG + 1);
	KUNIT_EXPECT_EQ(test, fake->mapped_phys, PFN_PHYS(BASE_PFN));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, TOP - 3 * PG + 1, 2 * PG));

	KUNIT_ASSERT_EQ(test, 0, iommufd_map_slices(fake->map, TOP - 3 * PG + 1,
						    3 * PG, &slices));
	KUNIT_EXPECT_EQ(test, slices.nr, 2U);
	put_slices(&slices);
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, iommufd_map_slices(fake->map, TOP - 1, 3,
							     &slices));

	KUNIT_EXPECT_EQ(test, -ERANGE, unmap(fake, TOP - 1, TOP));
	expect_unmapped(test, fake, TOP - PG + 1, TOP, PG);
	detach(fake);
	attach(test, fake);
	expect_unmapped(test, fake, 0, TOP, 2 * PG);
	detach(fake);
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_remove_all(fake->map, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, -ENOENT, unmap(fake, 0, TOP));
}

static void reservations_at_both_ends(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct iommufd_iova_map *map = fake->map;
	struct iommufd_range range;
	unsigned long alignment;

	KUNIT_ASSERT_EQ(test, 0, iommufd_map_reserve(map, TOP, TOP, test));
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_reserve(map, 0, 0, test));
	KUNIT_EXPECT_EQ(test, 1U, iommufd_map_usable(map, &range, 1, &alignment));
	KUNIT_EXPECT_EQ(test, range.start, 1UL);
	KUNIT_EXPECT_EQ(test, range.last, TOP - 1);
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_reserve(map, 0, TOP, test));
	KUNIT_EXPECT_EQ(test, 0U, iommufd_map_usable(map, &range, 1, &alignment));
	iommufd_map_unreserve(map, test);
	KUNIT_EXPECT_EQ(test, 1U, iommufd_map_usable(map, &range, 1, &alignment));
	KUNIT_EXPECT_EQ(test, range.start, 0UL);
	KUNIT_EXPECT_EQ(test, range.last, TOP);
}

struct placement {
	const char *name;
	unsigned long address, length_bytes;
	unsigned long iova;
	int err;
};

static const struct placement placements[] = {
	{ "page", 5 * PG, PG, PG, 0 },
	{ "length is rounded up", 0, 3 * PG, 4 * PG, 0 },
	{ "address bounds alignment", 6 * PG, 4 * PG, 2 * PG, 0 },
	{ "address 0 does not", 0, 8 * PG, 8 * PG, 0 },
	{ "no more than a huge page", 8 * PMD_SIZE, 4 * PMD_SIZE, PMD_SIZE, 0 },
	{ "offset in the page stays", 5 * PG + 0x234, PG, PG + 0x234, 0 },
	{ "less than a page", 8 * PG, 16, PG, 0 },
	{ "half the space", 0, TOP / 2 + 1, 0, -EOVERFLOW },
	{ "less than half", 0, TOP / 2 + 1 - PG, PMD_SIZE, 0 },
};

static void name_placement(const struct placement *p, char *name)
{
	strscpy(name, p->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(placement, placements, name_placement);

static void automatic_placement(struct kunit *test)
{
	const struct placement *p = test->param_value;
	struct fake *fake = test->priv;
	unsigned long iova = 77;

	make_store(test, fake, p->address, 8 * PMD_SIZE / PG, true);
	KUNIT_ASSERT_EQ(test, p->err, insert(fake, &iova, p->length_bytes,
					     IOMMU_READ, 0));
	if (!p->err)
		KUNIT_EXPECT_EQ(test, iova, p->iova);
}

static void lowest_hole_is_taken(struct kunit *test)
{
	const struct iommufd_range allowed = { 4 * PG, 15 * PG - 1 };
	struct fake *fake = test->priv;
	unsigned long iova;

	KUNIT_ASSERT_EQ(test, 0,
			iommufd_map_set_allowed(fake->map, &allowed, 1));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 5 * PG, 2 * PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 10 * PG, PG));

	/* Holes: 4, 7-9, 11-14 */
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, 2 * PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, 7 * PG);
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, 3 * PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, 11 * PG);
	KUNIT_EXPECT_EQ(test, -ENOSPC, insert(fake, &iova, 2 * PG, IOMMU_READ,
					      0));
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, 4 * PG);
}

static void no_room_where_it_is_allowed(struct kunit *test)
{
	const struct iommufd_range allowed = { 8 * PG, 12 * PG - 1 };
	struct fake *fake = test->priv;
	unsigned long iova;

	make_store(test, fake, 0, 4, true);
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_allowed(fake->map, &allowed, 1));
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, 4 * PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, 8 * PG);
	KUNIT_EXPECT_EQ(test, -ENOSPC, insert(fake, &iova, PG, IOMMU_READ, 0));
	expect_unmapped(test, fake, 0, TOP, 4 * PG);

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 9 * PG, PG));
	KUNIT_EXPECT_EQ(test, -ENOSPC, insert(fake, &iova, 4 * PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, 2 * PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, 10 * PG);
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, 8 * PG);
	KUNIT_EXPECT_EQ(test, -ENOSPC, insert(fake, &iova, PG, IOMMU_READ, 0));
}

static void page_at_each_end_is_left_free(struct kunit *test)
{
	const struct iommufd_range bottom = { 0, 2 * PG - 1 };
	const struct iommufd_range top = { TOP - 2 * PG + 1, TOP };
	struct fake *fake = test->priv;
	unsigned long iova;

	make_store(test, fake, 0, 4, true);
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_allowed(fake->map, &bottom, 1));
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, PG);
	KUNIT_EXPECT_EQ(test, -ENOSPC, insert(fake, &iova, PG, IOMMU_READ, 0));
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_allowed(fake->map, &top, 1));
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, PG, IOMMU_READ, 0));
	KUNIT_EXPECT_EQ(test, iova, TOP - 2 * PG + 1);
	KUNIT_EXPECT_EQ(test, -ENOSPC, insert(fake, &iova, PG, IOMMU_READ, 0));
}

static void reserved_and_allowed(struct kunit *test)
{
	const struct iommufd_range meeting[] = { { 9, 20 }, { 2, 9 } };
	const struct iommufd_range allowed[] = { { 9 * PG, 20 * PG }, { 2, 8 } };
	struct fake *fake = test->priv;
	struct iommufd_iova_map *map = fake->map;
	struct iommufd_range usable[2];
	unsigned long alignment;

	KUNIT_EXPECT_EQ(test, -EINVAL, iommufd_map_set_allowed(map, meeting, 2));
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_allowed(map, allowed, 2));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE, iommufd_map_reserve(map, 8, 8, test));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE, iommufd_map_reserve(map, 0, TOP, test));
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_reserve(map, 9, 9 * PG - 1, test));
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_reserve(map, 9, 10, fake));
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_reserve(map, TOP, TOP, test));

	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, 8 * PG, 2 * PG));
	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, TOP - PG + 1, PG));
	KUNIT_EXPECT_EQ(test, 0, map_fixed(fake, 9 * PG, PG));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE, iommufd_map_reserve(map, 10 * PG - 1,
							       30 * PG, fake));

	KUNIT_EXPECT_EQ(test, 2U, iommufd_map_usable(map, usable, 1,
						     &alignment));
	KUNIT_EXPECT_EQ(test, usable[0].start, 0UL);
	KUNIT_EXPECT_EQ(test, usable[0].last, 8UL);
	KUNIT_EXPECT_EQ(test, alignment, 1UL);

	/* What another owner reserved stays */
	iommufd_map_unreserve(map, test);
	KUNIT_EXPECT_EQ(test, 2U, iommufd_map_usable(map, usable, 2,
						     &alignment));
	KUNIT_EXPECT_EQ(test, usable[1].start, 11UL);
	KUNIT_EXPECT_EQ(test, usable[1].last, TOP);
}

static void slices_of_neighbours(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct iommufd_slices slices;
	unsigned long iova = 0;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, 2 * PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 6 * PG, 2 * PG));
	KUNIT_EXPECT_EQ(test, -ENOENT, iommufd_map_slices(fake->map, 3 * PG,
							  2 * PG, &slices));
	KUNIT_EXPECT_EQ(test, -ENOENT, iommufd_map_slices(fake->map, 7 * PG,
							  2 * PG, &slices));
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_slices(fake->map, 5 * PG + 8,
						    2 * PG, &slices));
	KUNIT_ASSERT_EQ(test, slices.nr, 2U);
	KUNIT_EXPECT_EQ(test, slices.list[0].offset_bytes, (u64)PG + 8);
	KUNIT_EXPECT_EQ(test, slices.list[0].length_bytes, PG - 8);
	KUNIT_EXPECT_EQ(test, slices.list[1].offset_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, slices.list[1].length_bytes, PG + 8);
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_insert(fake->map, slices.list,
						    slices.nr, &iova,
						    IOMMU_READ, 0, NULL));
	KUNIT_EXPECT_EQ(test, iova, PG + 8);
	if (!iova)
		for (i = 0; i < slices.nr; i++)
			iommufd_store_put(slices.list[i].store);
	iommufd_slices_free(&slices);
}

static void readonly_memory_stays_so(struct kunit *test)
{
	struct fake *fake = test->priv;
	unsigned long iova = PG;

	make_store(test, fake, PG, 4, false);
	KUNIT_EXPECT_EQ(test, -EPERM, insert(fake, &iova, PG, IOMMU_WRITE, 0));
	KUNIT_EXPECT_EQ(test, 0, insert(fake, &iova, PG, IOMMU_READ, 0));
}

/* Domains */

static void nothing_is_pinned_without_domain(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, 2 * PG));
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
	attach(test, fake);
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 2UL);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 8 * PG, PG));
	KUNIT_EXPECT_EQ(test, fake->mapped_bytes, 3 * PG);
	detach(fake);
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
}

static void unmap_flushes_then_frees_then_unpins(struct kunit *test)
{
	struct fake *fake = test->priv;

	attach(test, fake);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, PG));
	expect_steps(test, fake, "m");
	KUNIT_EXPECT_EQ(test, 0, unmap(fake, 0, TOP));
	expect_steps(test, fake, "usp");

	/* Without a hole between them they are one */
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 5 * PG, PG));
	expect_steps(test, fake, "mm");
	KUNIT_EXPECT_EQ(test, 0, unmap(fake, 0, TOP));
	expect_steps(test, fake, "usp");

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 6 * PG, PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 8 * PG, PG));
	expect_steps(test, fake, "mmm");
	KUNIT_EXPECT_EQ(test, 0, unmap(fake, 0, TOP));
	expect_steps(test, fake, "uuuap");

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 6 * PG, PG));
	expect_steps(test, fake, "mm");
	detach(fake);
	expect_steps(test, fake, "uuap");
}

/* Each unpinned by itself, so that an unpin of one before a flush of all shows */
static void areas_are_flushed_together(struct kunit *test)
{
	struct fake *fake = test->priv;
	unsigned int i;

	attach(test, fake);
	map_own(test, fake, PG, 4 * PG);
	expect_steps(test, fake, "m");
	expect_unmapped(test, fake, PG, 8 * PG, 4 * PG);
	expect_steps(test, fake, "usp");

	for (i = 0; i < 3; i++)
		map_own(test, fake, (1 + 4 * i) * PG, 4 * PG);
	expect_steps(test, fake, "mmm");
	expect_unmapped(test, fake, 0, TOP, 12 * PG);
	expect_steps(test, fake, "usppp");

	for (i = 0; i < 3; i++)
		map_own(test, fake, (1 + 8 * i) * PG, 4 * PG);
	expect_steps(test, fake, "mmm");
	expect_unmapped(test, fake, 0, TOP, 12 * PG);
	expect_steps(test, fake, "uuuappp");
	detach(fake);
}

static void detach_flushes_once(struct kunit *test)
{
	struct fake *fake = test->priv;
	unsigned int i;

	attach(test, fake);
	for (i = 0; i < 3; i++)
		map_own(test, fake, (1 + 8 * i) * PG, 4 * PG);
	expect_steps(test, fake, "mmm");
	detach(fake);
	expect_steps(test, fake, "uuuappp");
	expect_unmapped(test, fake, 0, TOP, 12 * PG);
	expect_steps(test, fake, "");
}

static void driver_that_cannot_flush_all_syncs_each(struct kunit *test)
{
	struct fake *fake = test->priv;
	unsigned int i;

	fake->domain.ops = &fake_syncing_ops;
	attach(test, fake);
	for (i = 0; i < 3; i++)
		map_own(test, fake, (1 + 8 * i) * PG, 4 * PG);
	expect_steps(test, fake, "mmm");
	expect_unmapped(test, fake, 0, TOP, 12 * PG);
	expect_steps(test, fake, "usususppp");
	detach(fake);
}

static void domain_must_suit_the_map(struct kunit *test)
{
	const struct iommufd_range allowed = { PG, TOP };
	struct fake *fake = test->priv;
	struct iommu_domain *domain = &fake->domain;
	struct iommufd_range usable;
	unsigned long alignment;

	domain->pgsize_bitmap = PMD_SIZE;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommufd_map_add_domain(fake->map, domain));
	domain->pgsize_bitmap = PG;
	domain->geometry.force_aperture = true;
	domain->geometry.aperture_start = PG;
	domain->geometry.aperture_end = SZ_1G - 1;

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 0, PG));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE,
			iommufd_map_add_domain(fake->map, domain));
	KUNIT_ASSERT_EQ(test, 0, unmap(fake, 0, PG));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, PG, 16));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE,
			iommufd_map_add_domain(fake->map, domain));
	KUNIT_ASSERT_EQ(test, 0, unmap(fake, 0, 2 * PG));
	KUNIT_ASSERT_EQ(test, 0,
			iommufd_map_set_allowed(fake->map, &allowed, 1));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE,
			iommufd_map_add_domain(fake->map, domain));
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_allowed(fake->map, NULL, 0));

	attach(test, fake);
	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, PG, 16));
	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, PG + 16, PG));
	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, SZ_1G - PG, 2 * PG));
	KUNIT_EXPECT_EQ(test, 1U, iommufd_map_usable(fake->map, &usable, 1,
						     &alignment));
	KUNIT_EXPECT_EQ(test, usable.start, PG);
	KUNIT_EXPECT_EQ(test, usable.last, SZ_1G - 1UL);
	KUNIT_EXPECT_EQ(test, alignment, PG);
	detach(fake);
	KUNIT_EXPECT_EQ(test, 0, map_fixed(fake, 0, 16));
}

static void failed_fill_leaves_nothing(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, PG));
	fake->fail_map = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			iommufd_map_add_domain(fake->map, &fake->domain));
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
	fake->fail_map = false;
	attach(test, fake);
	fake->fail_map = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM, map_fixed(fake, 8 * PG, PG));
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 1UL);
	KUNIT_EXPECT_EQ(test, -ENOENT, unmap(fake, 8 * PG, 9 * PG - 1));
	detach(fake);
}

static void huge_pages_option(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, PG, 16));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE,
			iommufd_map_set_huge_pages(fake->map, false));
	KUNIT_ASSERT_EQ(test, 0, unmap(fake, 0, TOP));
	attach(test, fake);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 4 * PG, 4 * PG));
	expect_steps(test, fake, "m");
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommufd_map_set_huge_pages(fake->map, false));
	detach(fake);
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_set_huge_pages(fake->map, false));
	KUNIT_EXPECT_EQ(test, -EINVAL, map_fixed(fake, 16 * PG, 16));
	expect_steps(test, fake, "usp");
	attach(test, fake);
	expect_steps(test, fake, "mmmm");
	detach(fake);
}

static void contiguous_memory_is_one_run(struct kunit *test)
{
	struct fake *fake = test->priv;

	fake->domain.ops = &fake_runs_ops;
	make_store(test, fake, PG, 4096, true);
	attach(test, fake);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 16 * PMD_SIZE, 4096 * PG));
	KUNIT_EXPECT_EQ(test, fake->nr_runs, 1U);
	KUNIT_EXPECT_EQ(test, fake->longest_run, 4096 * PG);
	expect_unmapped(test, fake, 0, TOP, 4096 * PG);
	detach(fake);

	fake->nr_runs = 0;
	fake->longest_run = 0;
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_huge_pages(fake->map, false));
	attach(test, fake);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 16 * PMD_SIZE, 4096 * PG));
	KUNIT_EXPECT_EQ(test, fake->nr_runs, 4096U);
	KUNIT_EXPECT_EQ(test, fake->longest_run, PG);
	expect_unmapped(test, fake, 0, TOP, 4096 * PG);
	detach(fake);
}

/* Locks in place */

/* Two mappings of the same 8 pages, at @iova: in order they are contiguous */
static void map_two(struct kunit *test, struct fake *fake, unsigned long iova,
		    bool in_order)
{
	struct iommufd_slice slices[] = {
		{ .offset_bytes = in_order ? 0 : 4 * PG, .length_bytes = 4 * PG },
		{ .offset_bytes = in_order ? 4 * PG : 0, .length_bytes = 4 * PG },
	};

	slices[0].store = iommufd_store_get(fake->store);
	slices[1].store = iommufd_store_get(fake->store);
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_insert(fake->map, slices, 2, &iova,
						    IOMMU_READ,
						    IOMMUFD_MAP_FIXED, NULL));
}

/* Returns the errno; a lock is undone at once */
static int try_lock(struct fake *fake, unsigned long iova,
		    unsigned long length_bytes, phys_addr_t *phys)
{
	struct iommufd_map_lock *lock;

	lock = iommufd_map_lock_range(fake->map, iova, length_bytes, phys);
	if (IS_ERR(lock))
		return PTR_ERR(lock);
	iommufd_map_unlock_range(lock);
	return 0;
}

static void what_can_be_locked(struct kunit *test)
{
	unsigned long unreadable = 32 * PG, shifted = 48 * PG + 8;
	struct fake *fake = test->priv;
	phys_addr_t phys;

	map_two(test, fake, 16 * PG, true);
	KUNIT_ASSERT_EQ(test, 0, insert(fake, &unreadable, PG, IOMMU_WRITE,
					IOMMUFD_MAP_FIXED));
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, shifted, PG));

	KUNIT_EXPECT_EQ(test, -EINVAL, try_lock(fake, 16 * PG, 0, &phys));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, try_lock(fake, TOP, 2, &phys));
	KUNIT_EXPECT_EQ(test, -ENOENT, try_lock(fake, 15 * PG, 2 * PG, &phys));
	KUNIT_EXPECT_EQ(test, -ENOENT, try_lock(fake, 23 * PG, PG + 1, &phys));
	KUNIT_EXPECT_EQ(test, -ENOENT, try_lock(fake, 16 * PG, 17 * PG, &phys));
	KUNIT_EXPECT_EQ(test, -EPERM, try_lock(fake, unreadable, 1, &phys));
	KUNIT_EXPECT_EQ(test, -EINVAL, try_lock(fake, shifted, 8, &phys));
	KUNIT_EXPECT_EQ(test, -EINVAL, try_lock(fake, 48 * PG + 16, 8, &phys));
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
	/* None of them has left a count */
	expect_unmapped(test, fake, 0, TOP, 10 * PG);
}

static void locked_memory_is_contiguous(struct kunit *test)
{
	struct fake *fake = test->priv;
	phys_addr_t phys = 0;

	map_two(test, fake, 16 * PG, true);
	KUNIT_EXPECT_EQ(test, 0, try_lock(fake, 16 * PG, 8 * PG, &phys));
	KUNIT_EXPECT_EQ(test, (u64)phys, (u64)PFN_PHYS(BASE_PFN));
	KUNIT_EXPECT_EQ(test, 0, try_lock(fake, 19 * PG + 24, PG, &phys));
	KUNIT_EXPECT_EQ(test, (u64)phys, (u64)PFN_PHYS(BASE_PFN + 3) + 24);

	map_two(test, fake, 32 * PG, false);
	KUNIT_EXPECT_EQ(test, -EFAULT, try_lock(fake, 35 * PG + 8, PG, &phys));
	KUNIT_EXPECT_EQ(test, 0, try_lock(fake, 36 * PG, 4 * PG, &phys));
	KUNIT_EXPECT_EQ(test, (u64)phys, (u64)PFN_PHYS(BASE_PFN));
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
	expect_unmapped(test, fake, 0, TOP, 16 * PG);
}

static void locked_areas_stay(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct iommufd_map_lock *lock;
	phys_addr_t phys;
	u64 bytes;

	map_two(test, fake, 16 * PG, true);
	KUNIT_ASSERT_EQ(test, 0, map_fixed(fake, 24 * PG, PG));
	lock = iommufd_map_lock_range(fake->map, 18 * PG, PG, &phys);
	KUNIT_ASSERT_FALSE(test, IS_ERR(lock));
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 1UL);

	KUNIT_EXPECT_EQ(test, -EBUSY, iommufd_map_split(fake->map, 17 * PG));
	KUNIT_EXPECT_EQ(test, -EBUSY, unmap(fake, 16 * PG, 20 * PG - 1));
	KUNIT_EXPECT_EQ(test, -EBUSY, unmap(fake, 16 * PG, 25 * PG - 1));
	KUNIT_EXPECT_EQ(test, -EBUSY, iommufd_map_remove_all(fake->map, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, 0ULL);
	/* Domains come and go, and other areas go */
	attach(test, fake);
	KUNIT_EXPECT_EQ(test, fake->mapped_bytes, 9 * PG);
	expect_unmapped(test, fake, 20 * PG, TOP, 5 * PG);
	detach(fake);
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 1UL);

	iommufd_map_unlock_range(lock);
	KUNIT_EXPECT_EQ(test, fake->pinned_pages, 0UL);
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_set_huge_pages(fake->map, false));
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_split(fake->map, 17 * PG));
	expect_unmapped(test, fake, 16 * PG, 17 * PG - 1, PG);
	expect_unmapped(test, fake, 0, TOP, 3 * PG);
}

static void undo_leaves_locked_areas(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct iommufd_slice slices[] = {
		{ .length_bytes = PG }, { .offset_bytes = PG, .length_bytes = PG },
	};
	struct iommufd_map_lock *lock;
	unsigned long iova = 16 * PG;
	phys_addr_t phys;
	u64 seq;

	slices[0].store = iommufd_store_get(fake->store);
	slices[1].store = iommufd_store_get(fake->store);
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_insert(fake->map, slices, 2, &iova,
						    IOMMU_READ,
						    IOMMUFD_MAP_FIXED, &seq));
	/* The upper one: the lower one has been claimed before it is seen */
	lock = iommufd_map_lock_range(fake->map, 17 * PG, PG, &phys);
	KUNIT_ASSERT_FALSE(test, IS_ERR(lock));
	iommufd_map_undo(fake->map, 16 * PG, 18 * PG - 1, seq);
	KUNIT_EXPECT_EQ(test, 0, try_lock(fake, 16 * PG, 2 * PG, &phys));
	iommufd_map_unlock_range(lock);
	iommufd_map_undo(fake->map, 16 * PG, 18 * PG - 1, seq);
	KUNIT_EXPECT_EQ(test, -ENOENT, unmap(fake, 0, TOP));
}

static struct kunit_case map_test_cases[] = {
	KUNIT_CASE(fixed_at_the_edges),
	KUNIT_CASE(top_of_the_space),
	KUNIT_CASE(reservations_at_both_ends),
	KUNIT_CASE_PARAM(automatic_placement, placement_gen_params),
	KUNIT_CASE(lowest_hole_is_taken),
	KUNIT_CASE(no_room_where_it_is_allowed),
	KUNIT_CASE(page_at_each_end_is_left_free),
	KUNIT_CASE(reserved_and_allowed),
	KUNIT_CASE(slices_of_neighbours),
	KUNIT_CASE(readonly_memory_stays_so),
	KUNIT_CASE(nothing_is_pinned_without_domain),
	KUNIT_CASE(unmap_flushes_then_frees_then_unpins),
	KUNIT_CASE(areas_are_flushed_together),
	KUNIT_CASE(detach_flushes_once),
	KUNIT_CASE(driver_that_cannot_flush_all_syncs_each),
	KUNIT_CASE(domain_must_suit_the_map),
	KUNIT_CASE(failed_fill_leaves_nothing),
	KUNIT_CASE(huge_pages_option),
	KUNIT_CASE(contiguous_memory_is_one_run),
	KUNIT_CASE(what_can_be_locked),
	KUNIT_CASE(locked_memory_is_contiguous),
	KUNIT_CASE(locked_areas_stay),
	KUNIT_CASE(undo_leaves_locked_areas),
	{}
};

static struct kunit_suite map_test_suite = {
	.name = "iommufd_iova_map",
	.init = map_test_init,
	.exit = map_test_exit,
	.test_cases = map_test_cases,
};

kunit_test_suite(map_test_suite);
