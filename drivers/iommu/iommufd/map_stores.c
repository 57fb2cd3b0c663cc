// SPDX-License-Identifier: GPL-2.0-only
/*
 * What memory a map stands on.
 */
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "iova_map_private.h"

/**
 * iommufd_map_stores() - find the stores of all mappings
 * @map: the map
 * @stores: receives a reference for each mapping, so a store may come often
 * @room: room in @stores
 * @nr_stores: set to the number of mappings
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when a mapping is still being made; -ENOSPC when there is
 * not enough room; -EINTR when the caller is being killed.  On error the caller gets no references.
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
