// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOVAs of a map may be used: reserved and allowed intervals, constraints,
 * and where a mapping goes that leaves the choice to the kernel.
 */
#include <linux/interval_tree_generic.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "map/map_private.h"
#include "sort.h"

/**
 * struct reservation - interval of IOVAs that must not be mapped
 * @node: place in the tree
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @subtree_last: largest @last below @node
 * @list: place in the list
 * @owner: what it is reserved for
 */
struct reservation {
	struct rb_node node;
	unsigned long start;
	unsigned long last;
	unsigned long subtree_last;
	struct list_head list;
	void *owner;
};

#define reservation_start(res) ((res)->start)
#define reservation_last(res) ((res)->last)
INTERVAL_TREE_DEFINE(struct reservation, node, unsigned long, subtree_last,
		     reservation_start, reservation_last, static inline,
		     reserved);

static void admit_all(struct iommufd_space *space)
{
	space->bounds.start = 0;
	space->bounds.last = ULONG_MAX;
	space->alignment = 1;
}

static void narrow(struct iommufd_space *space,
		   const struct iommufd_constraint *constraint)
{
	space->bounds.start = max(space->bounds.start, constraint->bounds.start);
	space->bounds.last = min(space->bounds.last, constraint->bounds.last);
	space->alignment = max(space->alignment, constraint->alignment);
}

/**
 * iommufd_space_init() - make all IOVAs usable
 * @space: the map's
 */
void iommufd_space_init(struct iommufd_space *space)
{
	INIT_LIST_HEAD(&space->constraints);
	admit_all(space);
	space->reserved = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&space->reservations);
	space->allowed = NULL;
	space->nr_allowed = 0;
}

/**
 * iommufd_space_destroy() - free what a space consists of
 * @space: the map's
 */
void iommufd_space_destroy(struct iommufd_space *space)
{
	struct reservation *res, *tmp;

	list_for_each_entry_safe(res, tmp, &space->reservations, list)
		kfree(res);
	kvfree(space->allowed);
}

static struct reservation *first_reservation(const struct iommufd_space *space,
					     unsigned long start,
					     unsigned long last)
{
	/* The tree's functions do not take a const root */
	return reserved_iter_first((struct rb_root_cached *)&space->reserved,
				   start, last);
}

static bool is_outside(const struct iommufd_range *bounds, unsigned long start,
		       unsigned long last)
{
	return start < bounds->start || last > bounds->last;
}

/**
 * iommufd_space_is_reserved() - may an interval be mapped
 * @space: the map's
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 *
 * Context: the map's lock is held.
 * Return: true when the interval meets a reserved one or is not within the bounds
 * of all constraints.
 */
bool iommufd_space_is_reserved(const struct iommufd_space *space,
			       unsigned long start, unsigned long last)
{
	return is_outside(&space->bounds, start, last) ||
	       first_reservation(space, start, last);
}

/* The lowest allowed interval that ends at or behind @iova, by number */
static unsigned int first_allowed(const struct iommufd_space *space,
				  unsigned long iova)
{
	unsigned int low = 0, high = space->nr_allowed;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (space->allowed[mid].last < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool meets_allowed(const struct iommufd_space *space,
			  unsigned long start, unsigned long last)
{
	unsigned int i = first_allowed(space, start);

	return i < space->nr_allowed && space->allowed[i].start <= last;
}

/**
 * iommufd_map_reserve() - keep an interval from being mapped
 * @map: the map
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @owner: for iommufd_map_unreserve(), not NULL
 *
 * Reserved intervals may meet each other.
 *
 * Context: may sleep.
 * Return: 0; -EADDRINUSE when the interval meets a mapping or an allowed
 * interval; -ENOMEM.
 */
int iommufd_map_reserve(struct iommufd_iova_map *map, unsigned long start,
			unsigned long last, void *owner)
{
	struct iommufd_space *space = &map->space;
	struct reservation *res;
	int err = 0;

	res = kmalloc(sizeof(*res), GFP_KERNEL_ACCOUNT);
	if (!res)
		return -ENOMEM;
	res->start = start;
	res->last = last;
	res->owner = owner;

	mutex_lock(&map->lock);
	if (iommufd_area_meets(&map->areas, start, last) ||
	    meets_allowed(space, start, last)) {
		err = -EADDRINUSE;
	} else {
		reserved_insert(res, &space->reserved);
		list_add_tail(&res->list, &space->reservations);
	}
	mutex_unlock(&map->lock);
	if (err)
		kfree(res);
	return err;
}

/**
 * iommufd_map_unreserve() - give back all intervals that an owner reserved
 * @map: the map
 * @owner: as in iommufd_map_reserve(); may have reserved nothing
 *
 * Context: may sleep.
 */
void iommufd_map_unreserve(struct iommufd_iova_map *map, void *owner)
{
	struct iommufd_space *space = &map->space;
	struct reservation *res, *tmp;

	mutex_lock(&map->lock);
	list_for_each_entry_safe(res, tmp, &space->reservations, list) {
		if (res->owner != owner)
			continue;
		reserved_remove(res, &space->reserved);
		list_del(&res->list);
		kfree(res);
	}
	mutex_unlock(&map->lock);
}

static int compare_ranges(const void *pa, const void *pb)
{
	const struct iommufd_range *a = pa, *b = pb;

	if (a->start == b->start)
		return 0;
	return a->start < b->start ? -1 : 1;
}

static bool ranges_are_disjoint(const struct iommufd_range *ranges,
				unsigned int nr_ranges)
{
	unsigned int i;

	for (i = 1; i < nr_ranges; i++) {
		if (ranges[i].start <= ranges[i - 1].last)
			return false;
		cond_resched();
	}
	return true;
}

static bool meet_reserved(const struct iommufd_space *space,
			  const struct iommufd_range *ranges,
			  unsigned int nr_ranges)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++) {
		if (iommufd_space_is_reserved(space, ranges[i].start,
					      ranges[i].last))
			return true;
		cond_resched();
	}
	return false;
}

/* Returns NULL for no ranges */
static struct iommufd_range *sorted_copy(const struct iommufd_range *ranges,
					 unsigned int nr_ranges)
{
	struct iommufd_range *copy;
	unsigned int i;
	int err;

	if (!nr_ranges)
		return NULL;
	copy = kvmalloc_array(nr_ranges, sizeof(*copy),
			      GFP_KERNEL_ACCOUNT);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < nr_ranges; i++) {
		copy[i] = ranges[i];
		cond_resched();
	}
	err = iommufd_sort(copy, nr_ranges, IOMMUFD_SORT_WIDTH(copy),
			   compare_ranges);
	if (!err && !ranges_are_disjoint(copy, nr_ranges))
		err = -EINVAL;
	if (!err)
		return copy;
	kvfree(copy);
	return ERR_PTR(err);
}

/**
 * iommufd_map_set_allowed() - replace the list of allowed intervals
 * @map: the map
 * @ranges: the intervals in any order; copied
 * @nr_ranges: their number; 0 allows all IOVAs
 *
 * The kernel places mappings in allowed intervals only, and refuses reservations and
 * domains that would exclude an IOVA of them.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL when two intervals meet; -EADDRINUSE when one meets a
 * reserved interval or is not within the bounds of all constraints; -ENOMEM; -EINTR
 * when the caller is being killed. On error the old list stays.
 */
int iommufd_map_set_allowed(struct iommufd_iova_map *map,
			    const struct iommufd_range *ranges,
			    unsigned int nr_ranges)
{
	struct iommufd_space *space = &map->space;
	struct iommufd_range *list;
	int err = 0;

	list = sorted_copy(ranges, nr_ranges);
	if (IS_ERR(list))
		return PTR_ERR(list);

	mutex_lock(&map->lock);
	if (meet_reserved(space, list, nr_ranges)) {
		err = -EADDRINUSE;
	} else {
		swap(space->allowed, list);
		space->nr_allowed = nr_ranges;
	}
	mutex_unlock(&map->lock);
	kvfree(list);
	return err;
}

/*
 * Cut reserved intervals out of a window, from @window->start upwards. Sets
 * @piece to the lowest piece that is left, and moves the window's start behind
 * it. Returns false when nothing is left.
 */
static bool next_free_piece(const struct iommufd_space *space,
			    struct iommufd_range *window,
			    struct iommufd_range *piece)
{
	struct reservation *res;

	while (window->start <= window->last) {
		res = first_reservation(space, window->start, window->last);
		if (!res || res->start > window->start) {
			piece->start = window->start;
			piece->last = res ? res->start - 1 : window->last;
			if (piece->last == window->last) {
				/* Empty, without a wrap at either end */
				window->start = 1;
				window->last = 0;
			} else {
				window->start = piece->last + 1;
			}
			return true;
		}
		if (res->last >= window->last)
			return false;
		window->start = res->last + 1;
	}
	return false;
}

/**
 * iommufd_map_usable() - list the IOVAs that may be mapped
 * @map: the map
 * @ranges: receives the lowest intervals, in order
 * @max_ranges: room in @ranges, may be 0
 * @alignment: set to what start, length and memory of a mapping must be
 *	       multiples of, in bytes
 *
 * Allowed intervals do not count: they concern only mappings that leave the
 * choice of IOVA to the kernel.
 *
 * Context: may sleep.
 * Return: the number of all intervals, also of those without room.
 */
unsigned int iommufd_map_usable(struct iommufd_iova_map *map,
				struct iommufd_range *ranges,
				unsigned int max_ranges,
				unsigned long *alignment)
{
	struct iommufd_range window, piece;
	unsigned int nr = 0;

	mutex_lock(&map->lock);
	window = map->space.bounds;
	while (next_free_piece(&map->space, &window, &piece)) {
		if (nr < max_ranges)
			ranges[nr] = piece;
		nr++;
	}
	*alignment = map->space.alignment;
	mutex_unlock(&map->lock);
	return nr;
}

/* Constraints */

static bool is_aligned(const struct iommufd_area *area, unsigned long alignment)
{
	return IS_ALIGNED(area->start | (area->last + 1) | area->offset_bytes,
			  alignment);
}

static bool areas_are_aligned(struct iommufd_iova_map *map,
			      unsigned long alignment)
{
	struct iommufd_area *area;

	if (alignment <= map->space.alignment)
		return true;
	area = iommufd_area_at_or_behind(&map->areas, 0);
	for (; area; area = iommufd_area_next(area)) {
		if (!is_aligned(area, alignment))
			return false;
		cond_resched();
	}
	return true;
}

static bool areas_are_inside(const struct iommufd_iova_map *map,
			     const struct iommufd_range *bounds)
{
	const struct iommufd_area *top;

	if (RB_EMPTY_ROOT(&map->areas))
		return true;
	top = rb_entry(map->areas.rb_node, struct iommufd_area, node);
	return !is_outside(bounds, top->subtree.start, top->subtree.last);
}

static bool allowed_is_inside(const struct iommufd_space *space,
			      const struct iommufd_range *bounds)
{
	return !space->nr_allowed ||
	       !is_outside(bounds, space->allowed[0].start,
			   space->allowed[space->nr_allowed - 1].last);
}

/**
 * iommufd_space_constrain() - add what all areas must meet from now on
 * @map: the map
 * @constraint: what they must meet; the caller keeps it, unchanged, until
 *		iommufd_space_unconstrain()
 *
 * Context: the map's lock is held.
 * Return: 0, or -EADDRINUSE when an area or the allowed list does not meet it;
 * then nothing changes.
 */
int iommufd_space_constrain(struct iommufd_iova_map *map,
			    struct iommufd_constraint *constraint)
{
	struct iommufd_space *space = &map->space;

	lockdep_assert_held(&map->lock);
	if (!areas_are_inside(map, &constraint->bounds) ||
	    !allowed_is_inside(space, &constraint->bounds) ||
	    !areas_are_aligned(map, constraint->alignment))
		return -EADDRINUSE;
	list_add_tail(&constraint->list, &space->constraints);
	narrow(space, constraint);
	/* Wake iommufd_map_split(), which may not be able to split any more */
	iommufd_map_wake(map);
	return 0;
}

/**
 * iommufd_space_unconstrain() - undo iommufd_space_constrain()
 * @map: the map
 * @constraint: what areas need not meet any more
 *
 * Context: the map's lock is held.
 */
void iommufd_space_unconstrain(struct iommufd_iova_map *map,
			       struct iommufd_constraint *constraint)
{
	struct iommufd_space *space = &map->space;

	lockdep_assert_held(&map->lock);
	list_del(&constraint->list);
	admit_all(space);
	list_for_each_entry(constraint, &space->constraints, list)
		narrow(space, constraint);
}

/* Automatic placement */

static unsigned long huge_page_bytes(void)
{
	return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? PMD_SIZE : PAGE_SIZE;
}

/* What the start shall be a multiple of, so that large pages can be used */
static unsigned long natural_alignment(unsigned long address,
				       unsigned long length_bytes)
{
	unsigned long alignment;

	alignment = min(roundup_pow_of_two(length_bytes), huge_page_bytes());
	if (address)
		alignment = min(alignment, address & -address);
	return alignment;
}

static bool place_in_window(struct iommufd_iova_map *map,
			    struct iommufd_range window,
			    const struct iommufd_fit *fit, unsigned long *iova)
{
	struct iommufd_range piece;

	while (next_free_piece(&map->space, &window, &piece)) {
		if (piece.last - piece.start < fit->length_bytes - 1)
			continue;
		if (iommufd_area_find_hole(&map->areas, piece.start, piece.last,
					   fit, iova))
			return true;
	}
	return false;
}

static bool place_in_allowed(struct iommufd_iova_map *map,
			     const struct iommufd_range *window,
			     const struct iommufd_fit *fit, unsigned long *iova)
{
	const struct iommufd_space *space = &map->space;
	struct iommufd_range piece;
	unsigned int i;

	for (i = first_allowed(space, window->start); i < space->nr_allowed;
	     i++) {
		piece.start = max(space->allowed[i].start, window->start);
		piece.last = min(space->allowed[i].last, window->last);
		if (piece.start > piece.last)
			break;
		if (place_in_window(map, piece, fit, iova))
			return true;
		cond_resched();
	}
	return false;
}

/**
 * iommufd_space_place() - choose IOVAs for a new mapping
 * @map: the map
 * @slice: its memory, or the first piece of it
 * @length_bytes: its length, not 0
 * @iova: set to its first IOVA
 *
 * Takes the lowest hole that fits, one page away from both ends of the space.
 *
 * Context: the map's lock is held.
 * Return: 0; -EINVAL when the place would not have the alignment that the map
 * requires; -EOVERFLOW for half the space or more; -ENOSPC.
 */
int iommufd_space_place(struct iommufd_iova_map *map,
			const struct iommufd_slice *slice,
			unsigned long length_bytes, unsigned long *iova)
{
	const struct iommufd_space *space = &map->space;
	unsigned long address, alignment;
	struct iommufd_range window = {
		.start = max(space->bounds.start, PAGE_SIZE),
		.last = min(space->bounds.last, ULONG_MAX - PAGE_SIZE),
	};
	struct iommufd_fit fit = { .length_bytes = length_bytes };
	bool found;

	lockdep_assert_held(&map->lock);
	if (length_bytes > LONG_MAX)
		return -EOVERFLOW;

	address = iommufd_store_start(slice->store) + slice->offset_bytes;
	alignment = natural_alignment(address, length_bytes);
	if (alignment < space->alignment)
		return -EINVAL;

	fit.modulus_bytes = max(alignment, PAGE_SIZE);
	fit.residue_bytes = offset_in_page(slice->offset_bytes);
	if (space->nr_allowed)
		found = place_in_allowed(map, &window, &fit, iova);
	else
		found = place_in_window(map, window, &fit, iova);
	return found ? 0 : -ENOSPC;
}
