// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: revoking
 *
 * The exporter of a dma-buf may revoke its memory at any time, and must not wait
 * for user space. The areas of the memory stay until they are unmapped, but no
 * domain translates them any more: they are absent::
 *
 *   worker (map, attach)             revoker (holds the reservation lock)
 *
 *   sets busy                        marks the store revoked           (1)
 *   holds the store            (2)   takes the area's hold off the store
 *   reads the mark             (3)   waits until the area is not busy
 *   writes to domains, or            sets busy
 *   makes the area absent            unmaps it from all domains that
 *   clears busy                      have it, makes it absent
 *                                    clears busy
 *
 * (1) and (2) happen under the store's mutex. When (2) comes first the revoker
 * finds the hold; when (1) does, (3) sees the mark. An area that a domain has
 * already is written to other domains in spite of the mark, since its revoker is
 * waiting and will unmap it from all of them.
 *
 * Restoring is done in the same way: the mark is cleared, each hold is put back,
 * and an absent area is written to all domains that have it. If the tables for it
 * cannot be allocated it stays absent. Only some stores are ever restored, see
 * store/backing_dmabuf.c.
 *
 * No worker that is busy with such an area ever waits for the reservation lock, nor
 * for a page fault: its memory is not pinned, a drain does not batch it with memory
 * that is unpinned, and areas that are pinned together with it are RESERVED, which a
 * revoker passes.
 */
#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/printk.h>

#include "map/map_private.h"

static void record_area(const struct iommufd_hold *hold,
			struct iommufd_holder *holder)
{
	const struct iommufd_area *area =
		container_of(hold, struct iommufd_area, hold);

	/* The map has this area and so was not destroyed yet */
	holder->owner = iommufd_map_get(area->map);
	holder->where = area->start;
}

/*
 * The area of a holder, if it still exists and a domain may translate it. It may have
 * been replaced by another area of the same memory meanwhile: applying the current
 * state of the store to that one is correct.
 */
static struct iommufd_area *find_area(struct iommufd_iova_map *map,
				      const struct iommufd_holder *holder)
{
	struct iommufd_area *area;

	lockdep_assert_held(&map->lock);
	area = iommufd_area_at_or_behind(&map->areas, holder->where);
	if (!area || area->start != holder->where ||
	    area->phase == AREA_RESERVED || area->store != holder->store)
		return NULL;
	return area;
}

/*
 * Waits until no task works on the area. A task that does never waits for page
 * faults, as memory that can be revoked is not pinned.
 */
static struct iommufd_area *find_idle_area(struct iommufd_iova_map *map,
					   const struct iommufd_holder *holder)
{
	struct iommufd_area *area;

	while ((area = find_area(map, holder)) && area->busy)
		iommufd_map_wait_uninterruptible(map);
	return area;
}

static void empty_area(struct iommufd_iova_map *map, struct iommufd_area *area)
{
	if (area->absent)
		return;
	area->busy = true;
	area->next = NULL;
	iommufd_domains_unfill(map, area);
	area->absent = true;
	area->busy = false;
	iommufd_map_wake(map);
}

static void revoke_area(const struct iommufd_holder *holder)
{
	struct iommufd_iova_map *map = holder->owner;
	struct iommufd_area *area;

	mutex_lock(&map->lock);
	area = find_idle_area(map, holder);
	if (area)
		empty_area(map, area);
	mutex_unlock(&map->lock);
	iommufd_map_put(map);
}

static void refill_area(struct iommufd_iova_map *map, struct iommufd_area *area)
{
	int err;

	area->busy = true;
	area->next = NULL;
	err = iommufd_domains_refill(map, area);
	area->busy = false;
	iommufd_map_wake(map);
	if (err)
		pr_warn_ratelimited("iommufd: restored memory cannot be mapped at IOVA %#lx (%d); unmap it and map it again\n",
				    area->start, err);
}

static void restore_area(const struct iommufd_holder *holder)
{
	struct iommufd_iova_map *map = holder->owner;
	struct iommufd_area *area;

	mutex_lock(&map->lock);
	area = find_idle_area(map, holder);
	if (area && area->absent)
		refill_area(map, area);
	mutex_unlock(&map->lock);
	iommufd_map_put(map);
}

const struct iommufd_revoke_ops iommufd_map_revoke_ops = {
	.record = record_area,
	.revoke = revoke_area,
	.restore = restore_area,
};
