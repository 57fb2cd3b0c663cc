// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lookups: the memory of a range, as slices of stores and as physical addresses,
 * and the stores of all mappings.
 */
#include <linux/errno.h>
#include <linux/iommu-ext.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "map/map_private.h"

/*
 * Describe a range by slices, as many as there is room for. Returns their
 * number, 0 when a part of the range is not mapped.
 */
static unsigned int list_slices(struct iommufd_iova_map *map,
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
	/* Repeat until no mapping is added while the lock is dropped */
	for (;;) {
		slices->nr = list_slices(map, iova, last, slices->list, room);
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
 * iommufd_map_stores() - find the stores of all mappings
 * @map: the map
 * @stores: receives a reference for each mapping, so a store may come often
 * @room: room in @stores
 * @nr_stores: set to the number of mappings
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when a mapping is still being made; -ENOSPC when there is
 * not enough room; -EINTR when the caller is being killed. On error the caller gets
 * no references.
 */
int iommufd_map_stores(struct iommufd_iova_map *map,
		       struct iommufd_store **stores, unsigned long room,
		       unsigned long *nr_stores)
{
	struct iommufd_area *area;
	unsigned long nr = 0;
	int err = 0;

	mutex_lock(&map->lock);
	*nr_stores = map->nr_areas;
	for (area = iommufd_area_at_or_behind(&map->areas, 0); area && !err;
	     area = iommufd_area_next(area)) {
		if (area->phase != AREA_MAPPED)
			err = -EBUSY;
		else if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	if (!err && map->nr_areas > room)
		err = -ENOSPC;
	if (err)
		goto out_unlock;

	for (area = iommufd_area_at_or_behind(&map->areas, 0); area;
	     area = iommufd_area_next(area)) {
		stores[nr++] = iommufd_store_get(area->store);
		cond_resched();
	}
out_unlock:
	mutex_unlock(&map->lock);
	return err;
}

/* Wait until no task works on the mapping at @iova */
static struct iommufd_area *find_idle(struct iommufd_iova_map *map,
				      unsigned long iova, int *err)
{
	struct iommufd_area *area;

	*err = 0;
	lockdep_assert_held(&map->lock);
	for (;;) {
		area = iommufd_area_at_or_behind(&map->areas, iova);
		if (!area || area->start > iova ||
		    area->phase == AREA_RESERVED) {
			*err = -ENOENT;
			return NULL;
		}
		if (!area->busy)
			return area;
		*err = iommufd_map_wait(map);
		if (*err)
			return NULL;
	}
}

static void first_run(struct iommufd_area *area, unsigned long iova,
		      unsigned long length_bytes, struct iommu_run *run)
{
	u64 offset = area->offset_bytes + (iova - area->start);
	struct iommufd_run_iter iter;

	/* One less, or the length of everything would be 0 */
	length_bytes = min(length_bytes - 1, area->last - iova) + 1;
	if (iommufd_store_single_run(area->store, offset, length_bytes, run))
		return;
	iommufd_run_iter_init(&iter, area->store, &area->hold, offset,
			      length_bytes);
	iommufd_run_iter_next(&iter, run, 1);
}

/**
 * iommufd_map_locate() - find the physical memory behind an IOVA
 * @map: the map
 * @iova: the IOVA in bytes
 * @length_bytes: how much of the memory matters, not 0
 * @pinned: the caller holds a domain in place that has all mappings
 * @run: result: where the memory begins, and for how long it is contiguous,
 *	 within one mapping and @length_bytes
 *
 * The memory stays there as long as a domain has the mapping.
 *
 * Context: may sleep, until no other task works on the mapping.
 * Return: 0; -ENOENT when nothing is mapped there; -EINVAL when that was
 * revoked; -EOPNOTSUPP without @pinned; -EINTR on a fatal signal.
 */
int iommufd_map_locate(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long length_bytes, bool pinned,
		       struct iommu_run *run)
{
	struct iommufd_area *area;
	int err;

	mutex_lock(&map->lock);
	area = find_idle(map, iova, &err);
	if (!area)
		goto out_unlock;
	if (area->absent || iommufd_store_is_revoked(area->store)) {
		err = -EINVAL;
		goto out_unlock;
	}
	if (!pinned) {
		err = -EOPNOTSUPP;
		goto out_unlock;
	}

	area->busy = true;
	iommufd_map_begin_work(map);
	first_run(area, iova, length_bytes, run);
	iommufd_map_end_work(map);
	area->busy = false;
	iommufd_map_wake(map);
out_unlock:
	mutex_unlock(&map->lock);
	return err;
}
