// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmapping: areas are counted, claimed, waited for, taken out of domains and
 * erased. map.c says what other tasks may do to the map meanwhile.
 */
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/sched/signal.h>

#include "map/map_private.h"

/**
 * struct removal - areas that one call removes
 * @range: where they are
 * @first: the lowest of them
 * @nr: number of them
 * @claimed: they are claimed. Otherwise the map's lock is held since they were
 *	     counted, and no other area is between them
 */
struct removal {
	struct iommufd_range range;
	struct iommufd_area *first;
	unsigned long nr;
	bool claimed;
};

static bool is_in_use(const struct iommufd_area *area)
{
	return area->busy || area->nr_pins;
}

/*
 * Check that each area in the range is a mapping, lies inside of the range and is not
 * locked in place, and find out whether any of them is in use. Returns -EAGAIN when
 * another call has claimed one of them.
 */
static int count_areas(struct iommufd_iova_map *map, struct removal *rm,
		       bool *any_in_use)
{
	struct iommufd_area *area;

	area = iommufd_area_at_or_behind(&map->areas, rm->range.start);
	rm->first = area;
	rm->nr = 0;
	*any_in_use = false;
	while (area && area->start <= rm->range.last) {
		if (area->phase != AREA_MAPPED)
			return -EBUSY;
		if (area->start < rm->range.start ||
		    area->last > rm->range.last)
			return -ERANGE;
		if (area->nr_locks)
			return -EBUSY;
		if (area->remover)
			return -EAGAIN;
		*any_in_use |= is_in_use(area);
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
 * The lowest area from @area on that @rm has claimed. There may be new areas
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
	rm->claimed = true;
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

static void unclaim_and_wake(struct iommufd_iova_map *map, struct removal *rm)
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
static bool request_unpin(struct iommufd_iova_map *map, const struct removal *rm)
{
	struct iommufd_area *area = rm->first;
	bool any = false;

	while ((area = next_claimed(rm, area))) {
		if (area->nr_pins)
			any |= iommufd_users_request_unpin(map, area);
		area = iommufd_area_next(area);
	}
	return any;
}

/* Wait until no claimed area is busy or pinned */
static int quiesce_claimed(struct iommufd_iova_map *map,
			   const struct removal *rm)
{
	struct iommufd_unpin_request request = {};
	int err;

	for (;;) {
		if (iommufd_users_begin_request(map, &request))
			iommufd_users_end_request(&request, request_unpin(map, rm));
		if (!is_any_claimed_in_use(rm))
			return 0;
		err = iommufd_users_wait_unpin(map, &request);
		if (err)
			return err;
	}
}

/*
 * Find the areas to be removed. If one of them is in use claim all, which excludes
 * new users, and wait until none is in use.
 */
static int find_areas(struct iommufd_iova_map *map, struct removal *rm)
{
	bool any_in_use;
	int err;

	while ((err = count_areas(map, rm, &any_in_use)) == -EAGAIN) {
		err = iommufd_map_wait(map);
		if (err)
			return err;
	}
	if (err || !any_in_use)
		return err;

	claim_counted(rm);
	err = quiesce_claimed(map, rm);
	if (err)
		unclaim_and_wake(map, rm);
	return err;
}

/* Returns the length of the area */
static __always_inline unsigned long take_area(struct iommufd_iova_map *map,
					       const struct removal *rm,
					       struct iommufd_area *area)
{
	unsigned long length_bytes = iommufd_area_bytes(area);

	area->remover = rm;
	area->busy = true;
	if (area->held)
		map->pinned_bytes -= length_bytes;
	map->mapped_bytes -= length_bytes;
	return length_bytes;
}

/* Make the areas to be removed busy, and a chain */
static __always_inline struct iommufd_area *
take_areas(struct iommufd_iova_map *map, const struct removal *rm, u64 *bytes)
{
	struct iommufd_area *area = rm->first;
	unsigned long left = rm->nr;

	*bytes = take_area(map, rm, area);
	while (--left) {
		cond_resched();
		area->next = iommufd_area_next(area);
		if (rm->claimed)
			area->next = next_claimed(rm, area->next);
		area = area->next;
		*bytes += take_area(map, rm, area);
	}
	area->next = NULL;
	return rm->first;
}

/* All areas are in one chain: they need not leave the tree one by one */
static void erase_all(struct iommufd_iova_map *map)
{
	lockdep_assert_held(&map->lock);
	map->areas = RB_ROOT;
	map->nr_areas = 0;
	iommufd_map_wake(map);
}

/* Returns what is to be freed without the lock. Most calls unmap one page */
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
		iommufd_map_erase(map, chain);
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
 * -EBUSY when one is still being made, or locked in place; -EDEADLOCK when an
 * in-kernel user does not unpin; -EINTR on a fatal signal. On error nothing is
 * unmapped.
 */
int iommufd_map_remove(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long last, u64 *unmapped_bytes)
{
	struct removal rm = { .range.start = iova, .range.last = last };
	struct iommufd_area *chain;
	int err;

	*unmapped_bytes = 0;
	mutex_lock(&map->lock);
	err = find_areas(map, &rm);
	if (err) {
		mutex_unlock(&map->lock);
		return err;
	}
	chain = remove_claimed(map, &rm, unmapped_bytes);
	mutex_unlock(&map->lock);
	iommufd_area_free_chain(chain);
	return 0;
}

/*
 * Claim what is left of the mappings that one call made. Returns -EAGAIN when
 * another call has claimed a part of them, and -EBUSY when a part is locked in place.
 * Then the caller has to take back the claims.
 */
static int claim_made(struct iommufd_iova_map *map, struct removal *rm, u64 seq)
{
	struct iommufd_area *area;

	rm->first = NULL;
	rm->nr = 0;
	rm->claimed = true;
	area = iommufd_area_at_or_behind(&map->areas, rm->range.start);
	for (; area && area->start <= rm->range.last;
	     area = iommufd_area_next(area)) {
		cond_resched();
		/* Those that are still being made have no number yet */
		if (area->phase != AREA_MAPPED || area->seq != seq)
			continue;
		if (area->nr_locks)
			return -EBUSY;
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
		/* No task has seen these claims: the lock was held */
		unclaim(rm);
		err = iommufd_map_wait(map);
		if (err)
			return err;
	}
	if (err) {
		unclaim(rm);
		return err;
	}
	err = quiesce_claimed(map, rm);
	if (err)
		unclaim_and_wake(map, rm);
	return err;
}

/**
 * iommufd_map_undo() - take back what one iommufd_map_insert() mapped
 * @map: the map
 * @iova: where it was mapped, in bytes
 * @last: last IOVA of it in bytes, inclusive
 * @seq: what iommufd_map_insert() said
 *
 * Mappings that other tasks have made in the place of unmapped ones stay. When the
 * caller is being killed, in-kernel users do not unpin what they have pinned by now, or
 * a part is locked in place, the call's mappings stay, too.
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
	iommufd_area_free_chain(chain);
}

/**
 * iommufd_map_remove_all() - unmap everything
 * @map: the map, may be empty
 * @unmapped_bytes: set to the length of what was unmapped; 0 on error
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when a mapping is still being made, or locked in place;
 * -EDEADLOCK when an in-kernel user does not unpin; -EINTR on a fatal signal.
 */
int iommufd_map_remove_all(struct iommufd_iova_map *map, u64 *unmapped_bytes)
{
	int err;

	err = iommufd_map_remove(map, 0, ULONG_MAX, unmapped_bytes);
	return err == -ENOENT ? 0 : err;
}
