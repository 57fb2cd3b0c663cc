// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading which pages of a map devices wrote through a domain.
 *
 * The reader is busy with one area at a time, like a fill or a drain, and with a
 * large one in slices: that area cannot be unmapped meanwhile, all others can.
 *
 * An entry of the page table may cross the end of a slice. The driver reports all
 * of it when a part is read, and the log covers the range that is read and not
 * only the slice. So nothing is lost when the first slice that overlaps the entry
 * clears it, and slices need no alignment.
 */
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "map/map_private.h"

/* Bytes of an area that are read before other tasks may work on it */
#define SLICE_BYTES SZ_1G

static int read_slice(struct iommufd_iova_map *map, struct iommu_domain *domain,
		      struct iommufd_area *area, unsigned long start,
		      unsigned long last, struct iommu_dirty_log *log)
{
	int err;

	area->busy = true;
	iommufd_map_begin_work(map);
	err = iommu_domain_read_dirty(domain, start, last - start + 1, log);
	cond_resched();
	iommufd_map_end_work(map);
	area->busy = false;
	iommufd_map_wake(map);
	return err;
}

/**
 * iommufd_map_read_dirty() - report the pages that devices wrote
 * @map: the map
 * @domain: domain that mirrors it, all of it, until this returns
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @log: where to report; the caller flushes what its gather collects, also on
 *	 error
 *
 * IOVAs that are not mapped count as not written, and so does memory that was
 * revoked, or is unmapped before it is read.
 *
 * Context: may sleep, until no other task works on areas in the range.
 * Return: 0; -EINTR on a fatal signal; the driver's error.
 */
int iommufd_map_read_dirty(struct iommufd_iova_map *map,
			   struct iommu_domain *domain, unsigned long start,
			   unsigned long last, struct iommu_dirty_log *log)
{
	struct iommufd_area *area;
	unsigned long end;
	int err = 0;

	mutex_lock(&map->lock);
	while (!err) {
		area = iommufd_area_at_or_behind(&map->areas, start);
		if (!area || area->start > last)
			break;
		end = area->last;
		/* An area that is still being mapped is in no domain yet */
		if (area->phase == AREA_MAPPED) {
			/* Otherwise an unmap would never come between slices */
			if (area->busy || area->remover) {
				err = iommufd_map_wait(map);
				continue;
			}
			start = max(start, area->start);
			end = min3(end, last, start + (SLICE_BYTES - 1));
			/* The sum may have wrapped */
			if (end < start)
				end = min(area->last, last);
			if (!area->absent)
				err = read_slice(map, domain, area, start, end,
						 log);
		}
		if (end >= last)
			break;
		start = end + 1;
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
	}
	mutex_unlock(&map->lock);
	return err;
}
