// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the KUnit suite of the IOVA map cannot have: allocations that are counted,
 * killed tasks, trees and lists too long for a debug kernel, and a model of what
 * devices can reach while memory is taken away and given back. tests/map_test.c has
 * all the rest.
 */
#include "map/map_private.h"
#include "world.h"

#define PG		PAGE_SIZE
#define TOP		ULONG_MAX

static struct iommufd_iova_map *map;
static struct fake_domain fake;
static struct task_struct task;
static const char *test_name;

/* The case before went well */
static void also(const char *name)
{
	printf("ok %s\n", test_name);
	test_name = name;
}

static void begin(const char *name)
{
	test_name = name;
	map = iommufd_map_create();
	fake_domain_init(&fake, PG, true);
	nr_events = 0;
}

static void end(void)
{
	iommufd_map_destroy(map);
	fake_domain_destroy(&fake);
	printf("ok %s\n", test_name);
}

static void attach(void)
{
	require(!iommufd_map_add_domain(map, &fake.domain));
}

static void detach(void)
{
	iommufd_map_remove_domain(map, &fake.domain);
}

/* Map @length_bytes from the start of @mem; @address is where user space has it */
static int map_memory(struct memory *mem, unsigned long address,
		      unsigned long length_bytes, unsigned long *iova,
		      unsigned int flags)
{
	struct iommufd_store *store = memory_store(mem, address, true);
	struct iommufd_slice slice = {
		.store = store,
		.offset_bytes = offset_in_page(address),
		.length_bytes = length_bytes,
	};
	int err;

	err = iommufd_map_insert(map, &slice, 1, iova, IOMMU_READ, flags, NULL);
	if (err)
		iommufd_store_put(store);
	return err;
}

static int map_fixed(struct memory *mem, unsigned long iova,
		     unsigned long length_bytes)
{
	return map_memory(mem, PG, length_bytes, &iova, IOMMUFD_MAP_FIXED);
}

static u64 unmap(unsigned long iova, unsigned long last)
{
	u64 bytes;

	require(!iommufd_map_remove(map, iova, last, &bytes));
	return bytes;
}

/* What an unmap asks for */

static void require_order(const char *kinds)
{
	static const char letters[] = {
		[EVENT_MAP] = 'm', [EVENT_UNMAP] = 'u', [EVENT_SYNC] = 's',
		[EVENT_FLUSH_ALL] = 'a', [EVENT_FREE_TABLES] = 'f',
		[EVENT_UNPIN] = 'p',
	};
	unsigned int i;

	for (i = 0; i < nr_events && kinds[i]; i++)
		require(letters[events[i].kind] == kinds[i]);
	require(i == nr_events && !kinds[i]);
	nr_events = 0;
}

static void allocations(void)
{
	unsigned long iova = PG;
	struct iommufd_slice slice;
	struct memory mem;

	memory_init(&mem, 1, 1);
	begin("a map of a page needs memory for its area only");
	attach();
	slice.store = memory_store(&mem, PG, true);
	slice.offset_bytes = 0;
	slice.length_bytes = PG;
	host_slab.nr_calls = 0;
	require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
	require(host_slab.nr_calls == 1);
	unmap(0, TOP);
	detach();
	require(host_slab.nr_calls == 1);
	end();
	memory_destroy(&mem);
}

/* Scaling: what a search costs in a tree of many areas */

static unsigned int height_of(const struct rb_node *node)
{
	return node ? 1 + max(height_of(node->rb_left),
			      height_of(node->rb_right)) : 0;
}

static void many_areas(void)
{
	struct iommufd_fit fit = { PG, PG, 0 };
	struct rb_root root = RB_ROOT;
	unsigned long i, start, nr = 100000;
	struct iommufd_area *area;

	test_name = "holes are found among 100,000 areas";
	for (i = 0; i < nr; i++) {
		area = iommufd_area_alloc();
		/* Every second page, in an order that is not sorted */
		area->start = (i * 7919 % nr * 2 + 1) * PG;
		area->last = area->start + PG - 1;
		require(iommufd_area_insert(&root, area));
	}
	area = iommufd_area_alloc();
	for (i = 0; i < nr; i++) {
		/* Its first page, its last page or both are taken */
		area->start = i % 3 ? (i * 2 + 1) * PG : i * 2 * PG;
		area->last = (i % 3 == 1 ? i * 2 + 3 : i * 2 + 2) * PG - 1;
		require(!iommufd_area_insert(&root, area));
	}
	iommufd_area_free(area);
	require(height_of(root.rb_node) <= 34);
	require(iommufd_area_find_hole(&root, PG, TOP, &fit, &start));
	require(start == 2 * PG);
	fit.length_bytes = 2 * PG;
	require(iommufd_area_find_hole(&root, PG, TOP, &fit, &start));
	require(start == nr * 2 * PG);
	area = iommufd_area_at_or_behind(&root, 65537 * PG);
	iommufd_area_erase(&root, area);
	iommufd_area_free(area);
	require(iommufd_area_find_hole(&root, PG, TOP, &fit, &start));
	require(start == 65536 * PG);
	require(!iommufd_area_find_hole(&root, 65537 * PG, 65538 * PG, &fit,
					&start));
	while ((area = iommufd_area_at_or_behind(&root, 0))) {
		iommufd_area_erase(&root, area);
		iommufd_area_free(area);
	}
	printf("ok %s, %zu bytes each\n", test_name, sizeof(*area));
}

/* Memory that is taken away */

static struct iommufd_store *map_revocable(struct memory *mem,
					   unsigned long iova)
{
	struct iommufd_store *store = memory_store(mem, PG, true);
	struct iommufd_slice slice = {
		.store = iommufd_store_get(store),
		.length_bytes = mem->npages * PG,
	};

	require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
	return store;
}

static void revoke(struct iommufd_store *store)
{
	iommufd_store_revoke(store, &iommufd_map_revoke_ops);
}

static void restore(struct iommufd_store *store)
{
	iommufd_store_restore(store, &iommufd_map_revoke_ops);
}

static void restored_memory(void)
{
	struct iommufd_store *store;
	struct fake_domain other;
	struct memory fixed;

	memory_init(&fixed, 2, 1);
	fixed.is_fixed = true;

	begin("memory that was revoked and is restored is mapped again");
	attach();
	store = map_revocable(&fixed, 4 * PG);
	revoke(store);
	nr_events = 0;
	restore(store);
	require_order("m");
	require(memory_nr_ways(&fixed) == 2 * PAGE_GRANULES &&
		!iommufd_store_is_revoked(store));
	revoke(store);
	require(!memory_nr_ways(&fixed));

	also("in domains that came meanwhile too");
	fake_domain_init(&other, PG, true);
	require(!iommufd_map_add_domain(map, &other.domain));
	require(!other.nr_entries);
	restore(store);
	require(fake.nr_entries == 2 * PAGE_GRANULES &&
		other.nr_entries == 2 * PAGE_GRANULES);

	also("and in those that come later, when none was there");
	revoke(store);
	iommufd_map_remove_domain(map, &other.domain);
	detach();
	restore(store);
	attach();
	require(fake.nr_entries == 2 * PAGE_GRANULES);

	also("in all domains or none, when one cannot be written to");
	require(!iommufd_map_add_domain(map, &other.domain));
	revoke(store);
	other.fail_map = 1;
	restore(store);
	require(!memory_nr_ways(&fixed) && !iommufd_store_is_revoked(store));
	revoke(store);
	restore(store);
	require(memory_nr_ways(&fixed) == 4 * PAGE_GRANULES);
	iommufd_map_remove_domain(map, &other.domain);
	fake_domain_destroy(&other);

	also("not when it was unmapped meanwhile");
	revoke(store);
	require(unmap(4 * PG, 6 * PG - 1) == 2 * PG);
	nr_events = 0;
	restore(store);
	require_order("");
	iommufd_store_put(store);
	detach();
	end();
	memory_destroy(&fixed);
}

static void revoked_memory(void)
{
	struct iommufd_iova_map *first, *second;
	struct iommufd_store *store;
	struct memory mem, fixed;
	struct fake_domain other;
	unsigned int i;

	memory_init(&mem, 2, 1);
	memory_init(&fixed, 2, 1);
	fixed.is_fixed = true;

	begin("memory at a fixed place is one run, and not pinned");
	attach();
	store = map_revocable(&fixed, 4 * PG);
	require_order("m");
	require(fake_domain_phys(&fake, 5 * PG + 7) ==
		memory_phys(&fixed, PG + 7));
	require(!iommufd_store_pinned_pages(store));
	require(!iommufd_store_has_pages(store));

	also("it is taken out of the domain and flushed when it is revoked");
	revoke(store);
	require_order("usf");
	require(!memory_nr_ways(&fixed) && iommufd_store_is_revoked(store));

	also("its mapping stays, and is unmapped without touching the domain");
	require(!map_fixed(&mem, 2 * PG, 2 * PG));
	require(map_fixed(&mem, 5 * PG, PG) == -EEXIST);
	nr_events = 0;
	require(unmap(4 * PG, 6 * PG - 1) == 2 * PG);
	require_order("");
	require(unmap(2 * PG, 4 * PG - 1) == 2 * PG);
	iommufd_store_put(store);

	also("a hole is left where it was among what is unmapped with it");
	store = map_revocable(&fixed, 4 * PG);
	require(!map_fixed(&mem, 2 * PG, 2 * PG));
	require(!map_fixed(&mem, 6 * PG, 2 * PG));
	revoke(store);
	nr_events = 0;
	require(unmap(0, TOP) == 6 * PG);
	require_order("uuaffpp");
	iommufd_store_put(store);

	also("domains that come later do not get it");
	store = map_revocable(&fixed, 4 * PG);
	require(!map_fixed(&mem, 2 * PG, 2 * PG));
	revoke(store);
	fake_domain_init(&other, PG, true);
	require(!iommufd_map_add_domain(map, &other.domain));
	require(other.nr_entries == 2 * PAGE_GRANULES);
	detach();
	require(!fake.nr_entries);
	attach();
	require(fake.nr_entries == 2 * PAGE_GRANULES);
	iommufd_map_remove_domain(map, &other.domain);
	detach();
	require(!memory_nr_ways(&fixed));
	require(unmap(0, TOP) == 4 * PG);
	iommufd_store_put(store);

	also("nor does any domain if it was revoked before there was one");
	store = map_revocable(&fixed, 4 * PG);
	revoke(store);
	attach();
	require(!fake.nr_entries);
	require(unmap(0, TOP) == 2 * PG);
	iommufd_store_put(store);

	also("all domains of all maps lose it");
	require(!iommufd_map_add_domain(map, &other.domain));
	first = map;
	store = map_revocable(&fixed, 4 * PG);
	second = iommufd_map_create();
	for (i = 0; i < 3; i++) {
		struct iommufd_slice slice = { iommufd_store_get(store),
					       i % 2 * PG, PG };
		unsigned long iova = 8 * PG * i;

		require(!iommufd_map_insert(i ? second : first, &slice, 1,
					    &iova, IOMMU_READ,
					    IOMMUFD_MAP_FIXED, NULL));
	}
	iommufd_map_remove_domain(first, &other.domain);
	require(!iommufd_map_add_domain(second, &other.domain));
	require(memory_nr_ways(&fixed) == 5 * PAGE_GRANULES);
	revoke(store);
	require(!memory_nr_ways(&fixed));
	require(!fake.nr_entries && !other.nr_entries);
	iommufd_map_remove_domain(second, &other.domain);
	iommufd_map_destroy(second);
	fake_domain_destroy(&other);

	also("what is copied afterwards is as empty");
	{
		struct iommufd_slice slice = { store, 0, PG };
		unsigned long iova = 20 * PG;

		require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
					    IOMMUFD_MAP_FIXED, NULL));
	}
	require(!fake.nr_entries);
	detach();
	end();
	memory_destroy(&fixed);
	memory_destroy(&mem);
}

/* Intervals of one page each, with a page between two of them, in disorder */
static void disordered(struct iommufd_range *ranges, unsigned int nr)
{
	unsigned int i, j;
	struct iommufd_range range;

	for (i = 0; i < nr; i++)
		ranges[i] = (struct iommufd_range){
			.start = 2 * i * PG, .last = (2 * i + 1) * PG - 1,
		};
	for (i = 1; i < nr; i++) {
		j = rand() % (i + 1);
		range = ranges[i];
		ranges[i] = ranges[j];
		ranges[j] = range;
	}
}

static void allowed_lists(void)
{
	struct iommufd_range ranges[1000];
	unsigned int nr, i;

	begin("allowed: any order, and what meets is found");
	for (nr = 1; nr <= 1000; nr += nr < 20 ? 1 : 49) {
		disordered(ranges, nr);
		require(!iommufd_map_set_allowed(map, ranges, nr));
		require(map->space.nr_allowed == nr);
		for (i = 0; i < nr; i++)
			require(map->space.allowed[i].start == 2 * i * PG);
		ranges[nr - 1] = ranges[0];
		require(iommufd_map_set_allowed(map, ranges, nr) ==
			(nr > 1 ? -EINVAL : 0));
	}

	also("allowed: a caller that is killed changes nothing");
	disordered(ranges, 2);
	require(!iommufd_map_set_allowed(map, ranges, 2));
	disordered(ranges, 1000);
	task.dying = true;
	require(iommufd_map_set_allowed(map, ranges, 1000) == -EINTR);
	task.dying = false;
	require(map->space.nr_allowed == 2);
	end();
}

static void stores_of_the_killed(void)
{
	struct iommufd_store *stores[1];
	struct memory mem;
	unsigned long iova, nr;
	u64 bytes;

	begin("stores: a caller that is killed gets none");
	memory_init(&mem, 1, 1);
	require(!map_memory(&mem, PG, PG, &iova, 0));
	task.dying = true;
	require(iommufd_map_stores(map, stores, 1, &nr) == -EINTR);
	task.dying = false;
	require(!iommufd_map_stores(map, stores, 1, &nr));
	require(nr == 1);
	iommufd_store_put(stores[0]);
	require(!iommufd_map_remove_all(map, &bytes));
	end();
	memory_destroy(&mem);
}

int main(void)
{
	host_current = &task;
	require(!iommufd_map_init());
	allocations();
	many_areas();
	revoked_memory();
	restored_memory();
	allowed_lists();
	stores_of_the_killed();
	require(!host_slab_objects);
	iommufd_map_exit();
	return 0;
}
