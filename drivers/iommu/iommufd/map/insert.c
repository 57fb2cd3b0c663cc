// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping memory: areas are reserved, pinned, written to domains and published.
 * map.c says what other tasks may do to the map meanwhile.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>

#include "map/map_private.h"
#include "store/account.h"

/**
 * struct demand - requirements of all slices of a call
 * @length_bytes: length of all, not 0
 * @bits: union of the bits of all lengths and offsets: tells how they are aligned
 * @writable: whether all of the memory may be written
 */
struct demand {
	unsigned long length_bytes;
	unsigned long bits;
	bool writable;
};

static int add_up_slices(const struct iommufd_slice *slices,
			 unsigned int nr_slices, struct demand *result)
{
	const struct iommufd_slice *slice, *end = slices + nr_slices;
	struct demand sum = { .writable = true };

	for (slice = slices; slice != end; slice++) {
		if (!slice->length_bytes)
			return -EINVAL;
		if (check_add_overflow(sum.length_bytes, slice->length_bytes,
				       &sum.length_bytes))
			return -EOVERFLOW;
		sum.bits |= slice->length_bytes | slice->offset_bytes;
		sum.writable &= iommufd_store_writable(slice->store);
		if (nr_slices > 1)
			cond_resched();
	}
	*result = sum;
	return sum.length_bytes ? 0 : -EINVAL;
}

/* The areas do not own their stores yet */
static void abandon_chain(struct iommufd_area *chain)
{
	struct iommufd_refunds refunds = {};
	struct iommufd_area *area;

	for (area = chain; area; area = iommufd_area_next_in_chain(area)) {
		iommufd_area_release(area, &refunds);
		if (unlikely(area->stuck))
			iommufd_store_get(area->store);	/* for good */
		area->store = NULL;
	}
	iommufd_area_free_chain(chain);
	iommufd_refunds_settle(&refunds);
}

static struct iommufd_area *alloc_chain(const struct iommufd_slice *slices,
					unsigned int nr_slices, int prot)
{
	struct iommufd_area *chain = NULL, **link = &chain;
	unsigned int i;

	for (i = 0; i < nr_slices; i++) {
		struct iommufd_area *area;

		if (i)
			cond_resched();
		area = iommufd_area_alloc();
		if (!area) {
			abandon_chain(chain);
			return NULL;
		}
		area->store = slices[i].store;
		area->offset_bytes = slices[i].offset_bytes;
		area->prot = prot;
		*link = area;
		link = &area->next;
	}
	return chain;
}

/* Does not look for mappings: insert_chain() finds them */
static int check_place(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long length_bytes)
{
	unsigned long last;

	if (!IS_ALIGNED(iova, map->space.alignment))
		return -EINVAL;
	if (check_add_overflow(iova, length_bytes - 1, &last))
		return -EOVERFLOW;
	if (iommufd_space_is_reserved(&map->space, iova, last))
		return -EINVAL;
	return 0;
}

static int find_place(struct iommufd_iova_map *map,
		      const struct iommufd_slice *first,
		      const struct demand *demand, unsigned int flags,
		      unsigned long *iova)
{
	if (!IS_ALIGNED(demand->bits, map->space.alignment))
		return -EINVAL;
	if (flags & IOMMUFD_MAP_FIXED)
		return check_place(map, *iova, demand->length_bytes);
	return iommufd_space_place(map, first, demand->length_bytes, iova);
}

/* Returns -EEXIST when a mapping is there; then nothing has changed */
static int insert_chain(struct iommufd_iova_map *map,
			struct iommufd_area *chain,
			const struct iommufd_slice *slices, unsigned long iova)
{
	struct iommufd_area *area, *undo;

	for (area = chain; area;
	     area = iommufd_area_next_in_chain(area), slices++) {
		area->map = map;
		area->start = iova;
		area->last = iova + slices->length_bytes - 1;
		area->busy = true;
		if (!iommufd_area_insert(&map->areas, area))
			goto err_erase;
		map->nr_areas++;
		iova += slices->length_bytes;
	}
	return 0;

err_erase:
	for (undo = chain; undo != area; undo = undo->next) {
		iommufd_area_erase(&map->areas, undo);
		map->nr_areas--;
		cond_resched();
	}
	return -EEXIST;
}

static int pin_chain(struct iommufd_area *chain)
{
	int err = 0;

	for (; chain && !err; chain = iommufd_area_next_in_chain(chain)) {
		err = iommufd_area_hold(chain);
		/* A copy of pinned memory never sleeps in there */
		if (!err && chain->next && fatal_signal_pending(current))
			err = -EINTR;
	}
	return err;
}

static void show_to_domains(struct iommufd_iova_map *map,
			    struct iommufd_area *chain)
{
	map->seq++;
	for (; chain; chain = iommufd_area_next_in_chain(chain)) {
		chain->phase = AREA_FILLING;
		chain->seq = map->seq;
	}
}

static __always_inline void publish_chain(struct iommufd_iova_map *map,
					  struct iommufd_area *chain)
{
	for (; chain; chain = iommufd_area_next_in_chain(chain)) {
		unsigned long length_bytes = iommufd_area_bytes(chain);

		map->mapped_bytes += length_bytes;
		if (chain->held)
			map->pinned_bytes += length_bytes;
		chain->phase = AREA_MAPPED;
		chain->busy = false;
	}
	iommufd_map_wake(map);
}

/* Whether it was pinned for domains that are removed now, or not filled so far */
static bool is_unused(const struct iommufd_area *area)
{
	return area->held && !area->nr_domains;
}

static bool has_unused(const struct iommufd_area *chain)
{
	for (; chain; chain = iommufd_area_next_in_chain(chain))
		if (is_unused(chain))
			return true;
	return false;
}

/*
 * Split a chain into unused areas whose pages must be unpinned, and the others.
 * Memory that can be revoked has no pages, and is not kept for others.
 */
static void split_by_use(struct iommufd_area *chain,
			 struct iommufd_area **others,
			 struct iommufd_area **unused)
{
	struct iommufd_refunds none = {};
	struct iommufd_area *next;

	for (; chain; chain = next) {
		next = iommufd_area_next_in_chain(chain);
		if (is_unused(chain) && iommufd_store_has_pages(chain->store)) {
			*unused = chain;
			unused = &chain->next;
			continue;
		}
		if (is_unused(chain))
			iommufd_area_release(chain, &none);
		*others = chain;
		others = &chain->next;
	}
	*others = NULL;
	*unused = NULL;
}

/*
 * Unpin areas that no domain has; a later attach pins them again. Unpinning may take
 * as long as user space keeps a page locked (a page of FUSE). Tasks that cannot be
 * killed may wait for areas that domains have, and for those that can be revoked, so
 * these are published before.
 */
static void publish_and_unpin(struct iommufd_iova_map *map,
			      struct iommufd_area *chain,
			      struct iommufd_refunds *refunds)
{
	struct iommufd_area *others, *unused, *area;

	iommufd_map_begin_work(map);
	split_by_use(chain, &others, &unused);
	iommufd_map_end_work(map);
	publish_chain(map, others);

	iommufd_map_begin_work(map);
	for (area = unused; area; area = iommufd_area_next_in_chain(area))
		iommufd_area_release(area, refunds);
	iommufd_map_end_work(map);
	publish_chain(map, unused);
}

/* Pin reserved areas and write them to the domains, without the lock */
static int build_chain(struct iommufd_iova_map *map, struct iommufd_area *chain)
{
	int err;

	mutex_unlock(&map->lock);
	err = pin_chain(chain);
	mutex_lock(&map->lock);
	if (err)
		return err;

	show_to_domains(map, chain);
	return iommufd_domains_fill(map, chain);
}

/**
 * iommufd_map_insert() - map memory
 * @map: the map
 * @slices: the memory; the mappings own the references when this succeeds
 * @nr_slices: number of slices, not 0; they are mapped one behind the other
 * @iova: where, in bytes; set to where without IOMMUFD_MAP_FIXED
 * @prot: mask of IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @flags: mask of IOMMUFD_MAP_*
 * @seq: set to what iommufd_map_undo() knows the mappings by; may be NULL
 *
 * Memory is pinned only when the map has a domain.
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0; -EINVAL for no memory, for a length, offset or @iova that is not
 * aligned as the map requires, and for reserved IOVAs; -EOVERFLOW when @iova
 * and the length wrap, or the kernel shall find half the space; -EEXIST when a
 * mapping is there; -ENOSPC when there is no room; -EPERM for IOMMU_WRITE on
 * memory that must not be written; -EINTR on a fatal signal; -EFAULT or -ENOMEM
 * from pinning; -EAGAIN for IOMMUFD_MAP_PINNED without a domain; -ENOMEM; the
 * driver's error. On error nothing is mapped.
 */
int iommufd_map_insert(struct iommufd_iova_map *map,
		       struct iommufd_slice *slices, unsigned int nr_slices,
		       unsigned long *iova, int prot, unsigned int flags,
		       u64 *seq)
{
	struct iommufd_refunds refunds = {};
	unsigned long start = *iova;
	struct iommufd_area *chain;
	struct demand demand;
	int err;

	err = add_up_slices(slices, nr_slices, &demand);
	if (err)
		return err;
	chain = alloc_chain(slices, nr_slices, prot);
	if (!chain)
		return -ENOMEM;

	mutex_lock(&map->lock);
	if (flags & IOMMUFD_MAP_PINNED && list_empty(&map->domains))
		err = -EAGAIN;
	else
		err = find_place(map, slices, &demand, flags, &start);
	if (!err)
		err = insert_chain(map, chain, slices, start);
	if (err)
		goto err_abandon;
	if ((prot & IOMMU_WRITE) && !demand.writable) {
		err = -EPERM;
		goto err_erase;
	}

	if (list_empty(&map->domains)) {
		show_to_domains(map, chain);
	} else {
		err = build_chain(map, chain);
		if (err)
			goto err_erase;
	}
	if (seq)
		*seq = chain->seq;
	if (has_unused(chain))
		publish_and_unpin(map, chain, &refunds);
	else
		publish_chain(map, chain);
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(&refunds);
	*iova = start;
	return 0;

err_erase:
	iommufd_map_erase(map, chain);
err_abandon:
	mutex_unlock(&map->lock);
	abandon_chain(chain);
	return err;
}
