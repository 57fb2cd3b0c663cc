// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA map: the object.
 */

/**
 * DOC: states of an area
 *
 * The map's lock is held only to look and to mark. Pinning, filling and
 * emptying domains happen without it, on areas that are marked busy: one
 * worker at a time works on an area, and all others leave it alone or wait::
 *
 *	map		RESERVED --> FILLING --> MAPPED
 *			(pins)	     (writes to domains)
 *	unmap			     MAPPED --> claimed --> busy --> gone
 *	add a domain	busy on one area after the other, upwards
 *	drain a domain	busy on batches of areas, upwards
 *	revoke memory	busy on one area after the other
 *	read dirty bits	busy on one area after the other, slice by slice
 *
 * What an operation (left) does about an area in a state (above)::
 *
 *		RESERVED	busy			claimed by a remover
 *	map	-EEXIST		-EEXIST			-EEXIST
 *	unmap	-EBUSY		FILLING: -EBUSY		waits
 *				else claims and waits
 *	fill	passes		waits			waits
 *	drain	passes		waits if in domain	works on it
 *	revoke	passes		waits			works on it
 *	read	passes		FILLING: passes		waits, or no unmap would
 *	dirty bits		else waits		come between two slices
 *	copy	-ENOENT		FILLING: -ENOENT	-ENOENT
 *	from			else copies
 *	pin	-ENOENT		FILLING: -ENOENT	-EINVAL
 *				else pins
 *	lock in	-ENOENT		FILLING: -ENOENT	-ENOENT
 *	place			else locks
 *
 * In-kernel users pin areas without being busy with them, and keep them from
 * being removed; map/user.c explains it. An area that is locked in place refuses
 * unmaps and splits with -EBUSY, and is like all others otherwise; see map/lock.c.
 *
 * No task waits for an area while it owns a busy one, and an unmap claims all its
 * areas at once, so waits cannot form a cycle. A task that waits for a page fault
 * delays only tasks that need the same area.
 *
 * Which domains have an area follows from the cursor of each domain, see
 * map/domain.c, and cannot change while the area is busy.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "map/map_private.h"

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
	refcount_set(&map->refs, 1);
	mutex_init(&map->lock);
	map->areas = RB_ROOT;
	iommufd_space_init(&map->space);
	INIT_LIST_HEAD(&map->domains);
	INIT_LIST_HEAD(&map->users);
	init_waitqueue_head(&map->waiters);
	iommufd_constraint_of_pages(&map->whole_pages);
	map->huge_pages = true;
	return map;
}

/**
 * iommufd_map_destroy() - free a map and its mappings
 * @map: map without domains, in-kernel users and locked ranges; a task that revokes
 *	 memory, or has just unlocked a range, may still hold a reference, no other may
 *
 * Context: may sleep.
 */
void iommufd_map_destroy(struct iommufd_iova_map *map)
{
	struct iommufd_area *area, *next;
	struct rb_root areas;

	/* A task that revokes memory finds no area from here on */
	mutex_lock(&map->lock);
	areas = map->areas;
	map->areas = RB_ROOT;
	mutex_unlock(&map->lock);

	WARN_ON(!list_empty(&map->domains) || !list_empty(&map->users));
	rbtree_postorder_for_each_entry_safe(area, next, &areas, node) {
		WARN_ON_ONCE(area->nr_locks);
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
	refcount_inc(&map->refs);
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
	if (!refcount_dec_and_test(&map->refs))
		return;
	mutex_destroy(&map->lock);
	kfree(map);
}

/**
 * iommufd_map_erase() - take a chain of areas out of the tree
 * @map: the map
 * @chain: the areas, which the caller is busy with
 *
 * Context: the map's lock is held.
 */
void iommufd_map_erase(struct iommufd_iova_map *map,
		       struct iommufd_area *chain)
{
	lockdep_assert_held(&map->lock);
	for (; chain; chain = iommufd_area_next_in_chain(chain)) {
		iommufd_area_erase(&map->areas, chain);
		map->nr_areas--;
	}
	iommufd_map_wake(map);
}

/* What a map is and has */

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
		iommufd_space_unconstrain(map, &map->whole_pages);
		/* Wake iommufd_map_split(), which cannot split any more */
		iommufd_map_wake(map);
		goto out_unlock;
	}
	if (map->nr_domains && map->nr_areas) {
		err = -EINVAL;
		goto out_unlock;
	}
	err = iommufd_space_constrain(map, &map->whole_pages);
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
