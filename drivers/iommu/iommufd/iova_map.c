// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA map: mapping, unmapping and the protocol between those who change a map
 * at the same time.
 *
 * The map's lock is held only to look and to mark.  Pinning, filling and
 * emptying domains happen without it, on areas that are marked busy: one
 * worker at a time works on an area, and all others leave it alone or wait.
 *
 *	map		RESERVED --> FILLING --> MAPPED
 *			(pins)	     (writes to domains)
 *	unmap			     MAPPED --> claimed --> busy --> gone
 *	add a domain	busy on one area after the other, upwards
 *	drain a domain	busy on batches of areas, upwards
 *	revoke memory	busy on one area after the other
 *	read dirty bits	busy on one area after the other, slice by slice
 *
 * Who meets what:
 *
 *		RESERVED	busy			claimed by a remover
 *	map	EEXIST		EEXIST			EEXIST
 *	unmap	EBUSY		FILLING: EBUSY		waits
 *				else claims and waits
 *	fill	passes		waits			waits
 *	drain	passes		waits if in domain	works on it
 *	revoke	passes		waits			works on it
 *	read	passes		FILLING: passes		waits
 *	dirty bits		else waits
 *	pin	-ENOENT		FILLING: -ENOENT	-EINVAL
 *				else does not care
 *
 * In-kernel users pin areas without being busy with them, and keep them from
 * being removed; map_access.c explains it.
 *
 * Nobody waits while being busy with an area, and removers claim all their
 * areas at once, so nobody waits in a circle.  Nobody blocked on a page fault
 * is waited for by anybody who does not need that very area.
 *
 * The domains that have an area are those whose cursor says so, as
 * map_domain.c explains; that answer cannot change while the area is busy.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "iova_map_private.h"

/**
 * iommufd_map_create() - make an empty map of all IOVAs
 *
 * Context: may sleep.
 * Return: the map, or ERR_PTR(-ENOMEM).
 */
struct iommufd_iova_map *iommufd_map_create(void)
{
	struct iommufd_iova_map *map;

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	refcount_set(&map->users, 1);
	mutex_init(&map->lock);
	map->areas = RB_ROOT;
	iommufd_space_init(&map->space);
	INIT_LIST_HEAD(&map->domains);
	INIT_LIST_HEAD(&map->users_list);
	init_waitqueue_head(&map->waiters);
	map->huge_pages = true;
	return map;
}

/**
 * iommufd_map_destroy() - free a map and its mappings
 * @map: map without domains and in-kernel users that nobody else uses any more,
 *	 but for those who revoke memory
 *
 * Context: may sleep.
 */
void iommufd_map_destroy(struct iommufd_iova_map *map)
{
	struct iommufd_area *area, *next;
	struct rb_root areas;

	/* Who revokes memory finds nothing from here on */
	mutex_lock(&map->lock);
	areas = map->areas;
	map->areas = RB_ROOT;
	mutex_unlock(&map->lock);

	WARN_ON(!list_empty(&map->domains) || !list_empty(&map->users_list));
	rbtree_postorder_for_each_entry_safe(area, next, &areas, node) {
		iommufd_area_free(area);
		cond_resched();
	}
	iommufd_space_destroy(&map->space);
	iommufd_map_put(map);
}

/**
 * iommufd_map_get() - keep the memory of a map and its lock
 * @map: a map with areas
 *
 * The map can be destroyed all the same, and has no areas then.
 *
 * Context: any.
 * Return: @map with a reference for iommufd_map_put().
 */
struct iommufd_iova_map *iommufd_map_get(struct iommufd_iova_map *map)
{
	refcount_inc(&map->users);
	return map;
}

/**
 * iommufd_map_put() - undo iommufd_map_get()
 * @map: the map
 *
 * Context: may sleep.
 */
void iommufd_map_put(struct iommufd_iova_map *map)
{
	if (!refcount_dec_and_test(&map->users))
		return;
	mutex_destroy(&map->lock);
	kfree(map);
}

/* Chains of areas that somebody works on */

static void free_chain(struct iommufd_area *chain)
{
	struct iommufd_refunds refunds = {};
	struct iommufd_area *next;

	for (; chain; chain = next) {
		next = iommufd_area_next_in_chain(chain);
		iommufd_area_release(chain, &refunds);
		iommufd_area_free(chain);
	}
	iommufd_refunds_settle(&refunds);
}

static void erase_chain(struct iommufd_iova_map *map,
			struct iommufd_area *chain)
{
	lockdep_assert_held(&map->lock);
	for (; chain; chain = iommufd_area_next_in_chain(chain)) {
		iommufd_area_erase(&map->areas, chain);
		map->nr_areas--;
	}
	iommufd_map_wake(map);
}

/* All areas are in one chain: they need not leave the tree one by one */
static void erase_all(struct iommufd_iova_map *map)
{
	lockdep_assert_held(&map->lock);
	map->areas = RB_ROOT;
	map->nr_areas = 0;
	iommufd_map_wake(map);
}

/* Mapping */

/**
 * struct demand - what slices ask for together
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
	free_chain(chain);
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

/* Whether a mapping is there shows when the areas are inserted */
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

/* Was it pinned for domains that have left, or have not come to it yet? */
static bool is_unused(const struct iommufd_area *area)
{
	return area->held && !area->nr_domains;
}

static bool is_pinned_in_vain(const struct iommufd_area *chain)
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
 * Unpin what no domain has: those who need it pin it again.  To unpin may take as
 * long as user space keeps a page locked (a page of FUSE), so whatever others may
 * wait for who cannot be killed, that is what domains have and what can be revoked,
 * is published before.
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
 * driver's error.  On error nothing is mapped.
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
	if (is_pinned_in_vain(chain))
		publish_and_unpin(map, chain, &refunds);
	else
		publish_chain(map, chain);
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(&refunds);
	*iova = start;
	return 0;

err_erase:
	erase_chain(map, chain);
err_abandon:
	mutex_unlock(&map->lock);
	abandon_chain(chain);
	return err;
}

/* Unmapping */

/**
 * struct removal - areas on their way out
 * @range: where they are
 * @first: the lowest of them
 * @nr: number of them
 * @any_in_use: somebody still worked on one of them, or had it pinned, when they
 *		were counted
 */
struct removal {
	struct iommufd_range range;
	struct iommufd_area *first;
	unsigned long nr;
	bool any_in_use;
};

static bool is_in_use(const struct iommufd_area *area)
{
	return area->busy || area->nr_pins;
}

/*
 * See that each area in the range is a mapping, inside of the range, and not
 * on its way out already.  Returns -EAGAIN when one is.
 */
static int count_areas(struct iommufd_iova_map *map, struct removal *rm)
{
	struct iommufd_area *area;

	area = iommufd_area_at_or_behind(&map->areas, rm->range.start);
	rm->first = area;
	rm->nr = 0;
	rm->any_in_use = false;
	while (area && area->start <= rm->range.last) {
		if (area->phase != AREA_MAPPED)
			return -EBUSY;
		if (area->start < rm->range.start ||
		    area->last > rm->range.last)
			return -ERANGE;
		if (area->remover)
			return -EAGAIN;
		rm->any_in_use |= is_in_use(area);
		if (rm->nr++)
			cond_resched();
		/* Most calls unmap one mapping */
		if (area->last == rm->range.last)
			break;
		area = iommufd_area_next(area);
	}
	return rm->nr ? 0 : -ENOENT;
}

/*
 * The lowest area from @area on that @rm has claimed.  Others may have come
 * between them since they were counted.
 */
static struct iommufd_area *next_claimed(const struct removal *rm,
					 struct iommufd_area *area)
{
	while (area && area->start <= rm->range.last) {
		if (area->remover == rm)
			return area;
		area = iommufd_area_next(area);
		cond_resched();
	}
	return NULL;
}

static void claim_counted(struct removal *rm)
{
	struct iommufd_area *area = rm->first;
	unsigned long i;

	for (i = 0; i < rm->nr; i++, area = iommufd_area_next(area)) {
		area->remover = rm;
		cond_resched();
	}
}

static void unclaim(struct removal *rm)
{
	struct iommufd_area *area = rm->first;

	while ((area = next_claimed(rm, area))) {
		area->remover = NULL;
		area = iommufd_area_next(area);
		cond_resched();
	}
}

static void disclaim(struct iommufd_iova_map *map, struct removal *rm)
{
	unclaim(rm);
	iommufd_map_wake(map);
}

static bool is_any_claimed_in_use(const struct removal *rm)
{
	struct iommufd_area *area = rm->first;

	while ((area = next_claimed(rm, area))) {
		if (is_in_use(area))
			return true;
		area = iommufd_area_next(area);
		cond_resched();
	}
	return false;
}

/* Claimed areas stay, so this may drop the lock */
static bool ask_users(struct iommufd_iova_map *map, const struct removal *rm)
{
	struct iommufd_area *area = rm->first;
	bool any = false;

	while ((area = next_claimed(rm, area))) {
		if (area->nr_pins)
			any |= iommufd_users_ask(map, area);
		area = iommufd_area_next(area);
	}
	return any;
}

/* Wait until nobody works on claimed areas, and nobody has them pinned */
static int quiesce_claimed(struct iommufd_iova_map *map,
			   const struct removal *rm)
{
	struct iommufd_asking asking = {};
	int err;

	for (;;) {
		if (iommufd_users_begin_asking(map, &asking))
			iommufd_users_end_asking(&asking, ask_users(map, rm));
		if (!is_any_claimed_in_use(rm))
			return 0;
		err = iommufd_users_wait(map, &asking);
		if (err)
			return err;
	}
}

/*
 * Find the areas to be removed.  If one of them is in use claim all, so that
 * they stay and fewer and fewer are in use, and wait until none is.
 */
static int claim_areas(struct iommufd_iova_map *map, struct removal *rm)
{
	int err;

	for (;;) {
		err = count_areas(map, rm);
		if (err != -EAGAIN)
			break;
		err = iommufd_map_wait(map);
		if (err)
			break;
	}
	if (err || !rm->any_in_use)
		return err;

	claim_counted(rm);
	err = quiesce_claimed(map, rm);
	if (err)
		disclaim(map, rm);
	return err;
}

/* Make the areas to be removed busy, and a chain */
static __always_inline struct iommufd_area *
take_areas(struct iommufd_iova_map *map, const struct removal *rm, u64 *bytes)
{
	struct iommufd_area *chain = NULL, **link = &chain;
	struct iommufd_area *area = rm->first;
	unsigned long left = rm->nr, length_bytes;

	*bytes = 0;
	while (left) {
		if (rm->any_in_use)
			area = next_claimed(rm, area);
		area->remover = rm;
		area->busy = true;
		length_bytes = iommufd_area_bytes(area);
		*bytes += length_bytes;
		if (area->held)
			map->pinned_bytes -= length_bytes;
		*link = area;
		link = &area->next;
		if (!--left)
			break;
		area = iommufd_area_next(area);
		cond_resched();
	}
	*link = NULL;
	map->mapped_bytes -= *bytes;
	return chain;
}

/* Returns what is to be freed without the lock.  Most calls unmap one page */
static __always_inline struct iommufd_area *
remove_claimed(struct iommufd_iova_map *map, const struct removal *rm,
	       u64 *bytes)
{
	struct iommufd_area *chain = take_areas(map, rm, bytes);

	if (!list_empty(&map->domains))
		iommufd_domains_unfill(map, chain);
	if (rm->nr == map->nr_areas)
		erase_all(map);
	else
		erase_chain(map, chain);
	return chain;
}

/**
 * iommufd_map_remove() - unmap all mappings inside an interval
 * @map: the map
 * @iova: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @unmapped_bytes: set to the length of what was unmapped; 0 on error
 *
 * When this returns no device can reach the memory through the map any more,
 * and it is not pinned for it.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT when there is no mapping; -ERANGE when one sticks out;
 * -EBUSY when one is still being made; -EDEADLOCK when an in-kernel user does
 * not let go; -EINTR on a fatal signal.  On error nothing is unmapped.
 */
int iommufd_map_remove(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long last, u64 *unmapped_bytes)
{
	struct removal rm = { .range.start = iova, .range.last = last };
	struct iommufd_area *chain;
	int err;

	*unmapped_bytes = 0;
	mutex_lock(&map->lock);
	err = claim_areas(map, &rm);
	if (err) {
		mutex_unlock(&map->lock);
		return err;
	}
	chain = remove_claimed(map, &rm, unmapped_bytes);
	mutex_unlock(&map->lock);
	free_chain(chain);
	return 0;
}

/*
 * Claim what is left of the mappings that one call made.  Returns -EAGAIN when
 * somebody else is about to remove a part of them.
 */
static int claim_made(struct iommufd_iova_map *map, struct removal *rm, u64 seq)
{
	struct iommufd_area *area;

	rm->first = NULL;
	rm->nr = 0;
	rm->any_in_use = true;
	area = iommufd_area_at_or_behind(&map->areas, rm->range.start);
	for (; area && area->start <= rm->range.last;
	     area = iommufd_area_next(area)) {
		cond_resched();
		/* Those that are still being made have no number yet */
		if (area->phase != AREA_MAPPED || area->seq != seq)
			continue;
		if (area->remover)
			return -EAGAIN;
		area->remover = rm;
		rm->first = rm->first ?: area;
		rm->nr++;
	}
	return rm->nr ? 0 : -ENOENT;
}

static int claim_and_quiesce_made(struct iommufd_iova_map *map,
				  struct removal *rm, u64 seq)
{
	int err;

	while ((err = claim_made(map, rm, seq)) == -EAGAIN) {
		/* Nobody has seen these claims */
		unclaim(rm);
		err = iommufd_map_wait(map);
		if (err)
			return err;
	}
	if (err)
		return err;
	err = quiesce_claimed(map, rm);
	if (err)
		disclaim(map, rm);
	return err;
}

/**
 * iommufd_map_undo() - take back what one iommufd_map_insert() mapped
 * @map: the map
 * @iova: where it was mapped, in bytes
 * @last: last IOVA of it in bytes, inclusive
 * @seq: what iommufd_map_insert() said
 *
 * What others have unmapped meanwhile is not there any more, and what they have
 * mapped in its place is theirs.  When the caller is being killed, or in-kernel
 * users do not unpin what they have pinned by now, the mappings stay.
 *
 * Context: may sleep.
 */
void iommufd_map_undo(struct iommufd_iova_map *map, unsigned long iova,
		      unsigned long last, u64 seq)
{
	struct removal rm = { .range.start = iova, .range.last = last };
	struct iommufd_area *chain = NULL;
	u64 bytes;

	mutex_lock(&map->lock);
	if (!claim_and_quiesce_made(map, &rm, seq))
		chain = remove_claimed(map, &rm, &bytes);
	mutex_unlock(&map->lock);
	free_chain(chain);
}

/**
 * iommufd_map_remove_all() - unmap everything
 * @map: the map, may be empty
 * @unmapped_bytes: set to the length of what was unmapped; 0 on error
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when a mapping is still being made; -EDEADLOCK when an
 * in-kernel user does not let go; -EINTR on a fatal signal.
 */
int iommufd_map_remove_all(struct iommufd_iova_map *map, u64 *unmapped_bytes)
{
	int err;

	err = iommufd_map_remove(map, 0, ULONG_MAX, unmapped_bytes);
	return err == -ENOENT ? 0 : err;
}

/* Asking */

/*
 * Describe a range by slices, as many as there is room for.  Returns their
 * number, 0 when a part of the range is not mapped.
 */
static unsigned int cut_slices(struct iommufd_iova_map *map,
			       unsigned long iova, unsigned long last,
			       struct iommufd_slice *slices, unsigned int room)
{
	struct iommufd_area *area;
	unsigned long end;
	unsigned int nr = 0;

	area = iommufd_area_at_or_behind(&map->areas, iova);
	for (; area; area = iommufd_area_next(area)) {
		if (area->start > iova || area->phase != AREA_MAPPED ||
		    area->remover)
			return 0;
		end = min(area->last, last);
		if (nr < room) {
			slices[nr].store = area->store;
			slices[nr].offset_bytes = area->offset_bytes +
						  (iova - area->start);
			slices[nr].length_bytes = end - iova + 1;
		}
		nr++;
		if (end == last)
			return nr;
		iova = end + 1;
		cond_resched();
	}
	return 0;
}

/**
 * iommufd_map_slices() - find the memory behind a range
 * @map: the map
 * @iova: first IOVA of the range in bytes
 * @length_bytes: length of the range, not 0
 * @slices: set to the memory, for iommufd_slices_free(); the caller owns the
 *	    stores' references
 *
 * Context: may sleep.
 * Return: 0; -ENOENT when a part of the range is not mapped; -EOVERFLOW when
 * the range wraps; -ENOMEM.
 */
int iommufd_map_slices(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long length_bytes,
		       struct iommufd_slices *slices)
{
	unsigned int room = 1, i;
	unsigned long last;

	slices->list = &slices->single;
	if (check_add_overflow(iova, length_bytes - 1, &last))
		return -EOVERFLOW;

	mutex_lock(&map->lock);
	/* Until no mapping was added while there was no lock */
	for (;;) {
		slices->nr = cut_slices(map, iova, last, slices->list, room);
		if (slices->nr <= room)
			break;
		mutex_unlock(&map->lock);
		iommufd_slices_free(slices);
		room = slices->nr;
		/* As many as there are mappings, which may be absurdly many */
		slices->list = kvmalloc_array(room, sizeof(*slices->list),
					      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!slices->list)
			return -ENOMEM;
		mutex_lock(&map->lock);
	}
	for (i = 0; i < slices->nr; i++) {
		iommufd_store_get(slices->list[i].store);
		if (i)
			cond_resched();
	}
	mutex_unlock(&map->lock);

	if (!slices->nr) {
		iommufd_slices_free(slices);
		return -ENOENT;
	}
	return 0;
}

/**
 * iommufd_map_set_huge_pages() - may domains use pages larger than PAGE_SIZE
 * @map: the map
 * @on: whether they may; they do by default
 *
 * Context: may sleep.
 * Return: 0; when switching it off -EINVAL while the map has a domain and a
 * mapping, -EADDRINUSE while a mapping is not aligned to PAGE_SIZE.
 */
int iommufd_map_set_huge_pages(struct iommufd_iova_map *map, bool on)
{
	int err = 0;

	mutex_lock(&map->lock);
	if (on == map->huge_pages)
		goto out_unlock;
	if (on) {
		WRITE_ONCE(map->huge_pages, true);
		iommufd_space_widen(map);
		/* For those who wait until they can cut an area */
		iommufd_map_wake(map);
		goto out_unlock;
	}
	if (map->nr_domains && map->nr_areas) {
		err = -EINVAL;
		goto out_unlock;
	}
	err = iommufd_space_narrow(map, &map->space.bounds, PAGE_SIZE);
	if (!err)
		WRITE_ONCE(map->huge_pages, false);
out_unlock:
	mutex_unlock(&map->lock);
	return err;
}

/**
 * iommufd_map_huge_pages() - what iommufd_map_set_huge_pages() set
 * @map: the map
 *
 * Context: any.
 * Return: whether domains may use pages larger than PAGE_SIZE.
 */
bool iommufd_map_huge_pages(struct iommufd_iova_map *map)
{
	return READ_ONCE(map->huge_pages);
}

/**
 * iommufd_map_has_domains() - will a mapping be pinned as it is made?
 * @map: the map
 *
 * Context: any.
 * Return: whether the map has domains now; true may become false, and false
 * true, unless the caller keeps it from that.
 */
bool iommufd_map_has_domains(struct iommufd_iova_map *map)
{
	return !list_empty(&map->domains);
}

/**
 * iommufd_map_stats() - sum up what a map holds
 * @map: the map
 * @stats: receives the sums
 *
 * Context: may sleep.
 */
void iommufd_map_stats(struct iommufd_iova_map *map,
		       struct iommufd_map_stats *stats)
{
	mutex_lock(&map->lock);
	stats->nr_areas = map->nr_areas;
	stats->nr_domains = map->nr_domains;
	stats->mapped_bytes = map->mapped_bytes;
	stats->pinned_bytes = map->pinned_bytes;
	stats->nr_kernel_pins = map->nr_kernel_pins;
	mutex_unlock(&map->lock);
}
