// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas and their tree.
 *
 * Areas never overlap, so the tree is ordered by their first and by their last
 * IOVA alike. Each node has the ends of the areas below it and the longest hole
 * between two of them, computed from the node and its children alone. A search for
 * a hole descends where there is one that is long enough, so it takes as many steps
 * as the tree is high; each hole that is long enough, but not once it is aligned,
 * takes as many again.
 */
#include <linux/init.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/rbtree_augmented.h>
#include <linux/slab.h>

#include "map/area.h"
#include "map/map.h"
#include "store/account.h"

static struct kmem_cache *area_cache;

/**
 * iommufd_map_init() - prepare for IOVA maps
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init iommufd_map_init(void)
{
	area_cache = KMEM_CACHE(iommufd_area, SLAB_ACCOUNT);
	return area_cache ? 0 : -ENOMEM;
}

/**
 * iommufd_map_exit() - undo iommufd_map_init()
 *
 * Context: may sleep; all maps are destroyed.
 */
void iommufd_map_exit(void)
{
	kmem_cache_destroy(area_cache);
}

/**
 * iommufd_area_alloc() - get memory for an area
 *
 * Context: may sleep.
 * Return: an area in no tree that refers to nothing, or NULL.
 */
struct iommufd_area *iommufd_area_alloc(void)
{
	struct iommufd_area *area;

	area = kmem_cache_alloc(area_cache, GFP_KERNEL_ACCOUNT);
	if (!area)
		return NULL;
	area->store = NULL;
	area->next = NULL;
	area->nr_domains = 0;
	area->nr_pins = 0;
	area->nr_locks = 0;
	area->phase = AREA_RESERVED;
	area->busy = false;
	area->remover = NULL;
	area->held = false;
	area->absent = false;
	area->stuck = false;
	return area;
}

/**
 * iommufd_area_free() - free an area and drop its store
 * @area: area in no tree and not held, unless it is stuck
 *
 * Context: may sleep.
 */
void iommufd_area_free(struct iommufd_area *area)
{
	/* Never unpin its memory, which a device may still access */
	if (unlikely(area->stuck)) {
		__module_get(THIS_MODULE);
		return;
	}
	iommufd_store_put(area->store);
	kmem_cache_free(area_cache, area);
}

/**
 * iommufd_area_hold() - pin the memory of an area
 * @area: the caller's to work on, not held
 *
 * Context: may sleep for as long as page faults take.
 * Return: 0, or what iommufd_store_hold() returns.
 */
int iommufd_area_hold(struct iommufd_area *area)
{
	u64 last_byte = area->offset_bytes + iommufd_area_bytes(area) - 1;
	int err;

	err = iommufd_store_hold(area->store, &area->hold,
				 area->offset_bytes >> PAGE_SHIFT,
				 last_byte >> PAGE_SHIFT);
	area->held = !err;
	return err;
}

/**
 * iommufd_area_release() - unpin the memory of an area
 * @area: the caller's to work on; nothing happens when it is not held, or stuck
 * @refunds: gets the charges, which the caller returns when it is not busy with
 *	     any area
 *
 * Context: may sleep.
 */
void iommufd_area_release(struct iommufd_area *area,
			  struct iommufd_refunds *refunds)
{
	if (!area->held || unlikely(area->stuck))
		return;
	iommufd_store_release_owing(area->store, &area->hold, refunds);
	area->held = false;
}

/**
 * iommufd_area_free_chain() - unpin and free areas that are in no tree
 * @chain: the areas, may be NULL
 *
 * Context: may sleep; the map's lock is not held.
 */
void iommufd_area_free_chain(struct iommufd_area *chain)
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

/**
 * iommufd_area_split_hold() - give the hold of an area to its two halves
 * @area: the caller's to work on, held, and of memory that has pages
 * @low: lower half, not held
 * @high: upper half, not held
 *
 * Context: may sleep; does not wait for pins of others.
 */
void iommufd_area_split_hold(struct iommufd_area *area,
			     struct iommufd_area *low,
			     struct iommufd_area *high)
{
	iommufd_store_split_hold(area->store, &area->hold, &low->hold,
				 (high->offset_bytes - 1) >> PAGE_SHIFT,
				 &high->hold, high->offset_bytes >> PAGE_SHIFT);
	area->held = false;
	low->held = true;
	high->held = true;
}

/* The tree */

static struct iommufd_area *to_area(const struct rb_node *node)
{
	return rb_entry_safe(node, struct iommufd_area, node);
}

static struct iommufd_area *left_of(const struct iommufd_area *area)
{
	return to_area(area->node.rb_left);
}

static struct iommufd_area *right_of(const struct iommufd_area *area)
{
	return to_area(area->node.rb_right);
}

/* Bytes between an area or subtree that ends with @last and the next one */
static unsigned long hole_between(unsigned long last, unsigned long next_start)
{
	return next_start - last - 1;
}

/* Returns whether there was nothing to change */
static bool update_subtree(struct iommufd_area *area, bool may_stop)
{
	const struct iommufd_area *right = right_of(area);
	const struct iommufd_area *left = left_of(area);
	struct iommufd_area_subtree sum = {
		.start = area->start,
		.last = area->last,
	};

	if (left) {
		sum.start = left->subtree.start;
		sum.hole_bytes = max(left->subtree.hole_bytes,
				     hole_between(left->subtree.last,
						  area->start));
	}
	if (right) {
		sum.last = right->subtree.last;
		sum.hole_bytes = max3(sum.hole_bytes, right->subtree.hole_bytes,
				      hole_between(area->last,
						   right->subtree.start));
	}
	if (may_stop && area->subtree.start == sum.start &&
	    area->subtree.last == sum.last &&
	    area->subtree.hole_bytes == sum.hole_bytes)
		return true;
	area->subtree = sum;
	return false;
}

RB_DECLARE_CALLBACKS(static, area_callbacks, struct iommufd_area, node,
		     subtree, update_subtree);

/**
 * iommufd_area_insert() - put an area into a tree
 * @root: the tree
 * @area: area whose ends are set
 *
 * Context: the map's lock is held.
 * Return: false when another area is there; then nothing has changed.
 */
bool iommufd_area_insert(struct rb_root *root, struct iommufd_area *area)
{
	struct rb_node **link = &root->rb_node;
	struct rb_node *parent = NULL;

	while (*link) {
		parent = *link;
		if (area->last < to_area(parent)->start)
			link = &parent->rb_left;
		else if (area->start > to_area(parent)->last)
			link = &parent->rb_right;
		else
			return false;
	}
	rb_link_node(&area->node, parent, link);
	update_subtree(area, false);
	area_callbacks.propagate(parent, NULL);
	rb_insert_augmented(&area->node, root, &area_callbacks);
	return true;
}

/**
 * iommufd_area_erase() - take an area out of its tree
 * @root: the tree
 * @area: area in it
 *
 * Context: the map's lock is held.
 */
void iommufd_area_erase(struct rb_root *root, struct iommufd_area *area)
{
	rb_erase_augmented(&area->node, root, &area_callbacks);
}

/**
 * iommufd_area_at_or_behind() - find the lowest area that ends at or behind an
 *				 IOVA
 * @root: the tree
 * @iova: IOVA in bytes
 *
 * Context: the map's lock is held.
 * Return: the area, which contains @iova or is the next one behind it; NULL
 * when there is none.
 */
struct iommufd_area *iommufd_area_at_or_behind(const struct rb_root *root,
					       unsigned long iova)
{
	struct iommufd_area *area = to_area(root->rb_node);
	struct iommufd_area *found = NULL;

	while (area) {
		if (area->last < iova) {
			area = right_of(area);
		} else {
			found = area;
			if (area->start <= iova)
				break;
			area = left_of(area);
		}
	}
	return found;
}

/**
 * iommufd_area_next() - step to the next area
 * @area: area in a tree
 *
 * Context: the map's lock is held.
 * Return: the area with the next higher IOVAs, or NULL.
 */
struct iommufd_area *iommufd_area_next(struct iommufd_area *area)
{
	return to_area(rb_next(&area->node));
}

/* Holes */

/* The lowest hole below a node that is known to have one that is long enough */
static void lowest_hole_below(const struct iommufd_area *area,
			      unsigned long length_bytes,
			      struct iommufd_range *hole)
{
	const struct iommufd_area *left, *right;

	for (;;) {
		left = left_of(area);
		if (left && left->subtree.hole_bytes >= length_bytes) {
			area = left;
			continue;
		}
		if (left && hole_between(left->subtree.last,
					 area->start) >= length_bytes) {
			hole->start = left->subtree.last + 1;
			hole->last = area->start - 1;
			return;
		}
		right = right_of(area);
		if (hole_between(area->last,
				 right->subtree.start) >= length_bytes) {
			hole->start = area->last + 1;
			hole->last = right->subtree.start - 1;
			return;
		}
		area = right;
	}
}

/* The lowest long enough hole behind @area and below its node */
static bool hole_right_below(const struct iommufd_area *area,
			     unsigned long length_bytes,
			     struct iommufd_range *hole)
{
	const struct iommufd_area *right = right_of(area);

	if (!right)
		return false;
	if (hole_between(area->last, right->subtree.start) >= length_bytes) {
		hole->start = area->last + 1;
		hole->last = right->subtree.start - 1;
		return true;
	}
	if (right->subtree.hole_bytes < length_bytes)
		return false;
	lowest_hole_below(right, length_bytes, hole);
	return true;
}

/* The lowest long enough hole behind @area; the last one ends with the space */
static bool hole_behind(const struct iommufd_area *area,
			unsigned long length_bytes, struct iommufd_range *hole)
{
	const struct iommufd_area *parent;

	while (!hole_right_below(area, length_bytes, hole)) {
		parent = to_area(rb_parent(&area->node));
		while (parent && area == right_of(parent)) {
			area = parent;
			parent = to_area(rb_parent(&area->node));
		}
		if (!parent) {
			hole->start = area->subtree.last + 1;
			hole->last = ULONG_MAX;
			return area->subtree.last != ULONG_MAX;
		}
		if (hole_between(area->subtree.last,
				 parent->start) >= length_bytes) {
			hole->start = area->subtree.last + 1;
			hole->last = parent->start - 1;
			return true;
		}
		area = parent;
	}
	return true;
}

static bool fits(unsigned long first, unsigned long last,
		 const struct iommufd_fit *fit, unsigned long *start)
{
	unsigned long at;

	at = (first & ~(fit->modulus_bytes - 1)) + fit->residue_bytes;
	if (at < first && check_add_overflow(at, fit->modulus_bytes, &at))
		return false;
	*start = at;
	return at <= last && last - at >= fit->length_bytes - 1;
}

/**
 * iommufd_area_find_hole() - find the lowest place for an area in a window
 * @root: the tree
 * @first: first IOVA of the window in bytes
 * @last: last IOVA of the window in bytes, inclusive
 * @fit: what the place must offer
 * @start: set to the first IOVA of the place
 *
 * Context: the map's lock is held.
 * Return: whether there is one.
 */
bool iommufd_area_find_hole(const struct rb_root *root, unsigned long first,
			    unsigned long last, const struct iommufd_fit *fit,
			    unsigned long *start)
{
	unsigned long length_bytes = fit->length_bytes;
	const struct iommufd_area *area;
	struct iommufd_range hole;

	for (;;) {
		area = iommufd_area_at_or_behind(root, first);
		hole.start = first;
		hole.last = area ? area->start - 1 : ULONG_MAX;
		if (area && (area->start <= first ||
			     area->start - first < length_bytes) &&
		    !hole_behind(area, length_bytes, &hole))
			return false;
		if (hole.start > last)
			return false;
		hole.last = min(hole.last, last);
		if (fits(hole.start, hole.last, fit, start))
			return true;
		if (hole.last == last)
			return false;
		first = hole.last + 1;
	}
}
