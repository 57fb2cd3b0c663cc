// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory behind an IOVA is.
 */
#include <linux/errno.h>
#include <linux/iommu-ext.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include "iova_map_private.h"

/* A mapping that nobody works on */
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
 * Context: may sleep, until those are done who work on the mapping.
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
