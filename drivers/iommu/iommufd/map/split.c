// SPDX-License-Identifier: GPL-2.0-only
/*
 * Splitting a mapping in two, as users of VFIO's oldest interface expect when they
 * unmap a part of one.
 *
 * The area is claimed as for a removal, which keeps new work off it, and two new
 * ones replace it in one step when the work that had begun has ended. Drains and
 * revocations work on claimed areas, too, and find the new ones. Domains do not
 * change: they have no pages larger than PAGE_SIZE. The new areas take over what the
 * old one holds, so nothing is pinned or charged.
 */
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/mm.h>

#include "map/map_private.h"

/**
 * struct halves - what takes the place of an area
 * @left: below the place of the split
 * @right: from there on
 */
struct halves {
	struct iommufd_area *left;
	struct iommufd_area *right;
};

static int alloc_halves(struct halves *halves)
{
	halves->left = iommufd_area_alloc();
	if (!halves->left)
		return -ENOMEM;
	halves->right = iommufd_area_alloc();
	if (halves->right)
		return 0;
	iommufd_area_free(halves->left);
	return -ENOMEM;
}

static void free_halves(const struct halves *halves)
{
	iommufd_area_free(halves->left);
	iommufd_area_free(halves->right);
}

/*
 * Whether pages of domains are small enough. That can change at each wait: huge pages
 * may be switched on, and an attach then writes large pages.
 */
static bool may_split_at(const struct iommufd_iova_map *map, unsigned long iova)
{
	return !map->huge_pages && IS_ALIGNED(iova, map->space.alignment);
}

/*
 * Claim the area that has an IOVA and begins below. Sets @result to NULL when
 * there is none.
 */
static int claim(struct iommufd_iova_map *map, unsigned long iova,
		 const void *claimer, struct iommufd_area **result)
{
	struct iommufd_area *area;
	int err;

	*result = NULL;
	for (;;) {
		area = iommufd_area_at_or_behind(&map->areas, iova);
		if (!area || area->start >= iova)
			return 0;
		if (area->phase != AREA_MAPPED || area->nr_locks)
			return -EBUSY;
		if (!area->remover)
			break;
		err = iommufd_map_wait(map);
		if (err)
			return err;
	}
	if (!iommufd_store_has_pages(area->store))
		return -EOPNOTSUPP;
	if (!may_split_at(map, iova))
		return -EINVAL;
	area->remover = claimer;
	*result = area;
	return 0;
}

static void unclaim_and_wake(struct iommufd_iova_map *map, struct iommufd_area *area)
{
	area->remover = NULL;
	iommufd_map_wake(map);
}

/* Wait until a claimed area is neither busy nor pinned in part */
static int quiesce(struct iommufd_iova_map *map, struct iommufd_area *area,
		   unsigned long iova)
{
	struct iommufd_unpin_request request = {};
	int err;

	for (;;) {
		if (iommufd_users_begin_request(map, &request))
			iommufd_users_end_request(&request, area->nr_pins &&
						  iommufd_users_request_unpin(map, area));
		if (!may_split_at(map, iova))
			return -EINVAL;
		if (!area->busy && !area->nr_pins &&
		    iommufd_domains_may_split(map, area))
			return 0;
		err = iommufd_users_wait_unpin(map, &request);
		if (err)
			return err;
	}
}

static void describe_half(struct iommufd_area *half,
			  const struct iommufd_area *area, unsigned long start,
			  unsigned long last)
{
	half->map = area->map;
	half->start = start;
	half->last = last;
	half->store = iommufd_store_get(area->store);
	half->offset_bytes = area->offset_bytes + (start - area->start);
	half->seq = area->seq;
	half->nr_domains = area->nr_domains;
	half->prot = area->prot;
	half->stuck = area->stuck;
	half->phase = AREA_MAPPED;
}

static void swap_in(struct iommufd_iova_map *map, struct iommufd_area *area,
		    const struct halves *halves)
{
	iommufd_domains_split(map, area);
	iommufd_area_erase(&map->areas, area);
	/* These fit where that one was */
	WARN_ON_ONCE(!iommufd_area_insert(&map->areas, halves->left) ||
		     !iommufd_area_insert(&map->areas, halves->right));
	map->nr_areas++;
	iommufd_map_wake(map);
}

/* Let the halves take the place of a claimed area; on error it is unclaimed */
static int split_claimed(struct iommufd_iova_map *map, struct iommufd_area *area,
			 unsigned long iova, const struct halves *halves)
{
	int err;

	err = quiesce(map, area, iova);
	if (err) {
		unclaim_and_wake(map, area);
		return err;
	}
	area->busy = true;
	iommufd_map_begin_work(map);
	describe_half(halves->left, area, area->start, iova - 1);
	describe_half(halves->right, area, iova, area->last);
	if (area->held)
		iommufd_area_split_hold(area, halves->left, halves->right);
	iommufd_map_end_work(map);

	swap_in(map, area, halves);
	return 0;
}

static void free_replaced(struct iommufd_area *area)
{
	area->stuck = false;		/* the halves are */
	iommufd_area_free(area);
}

/**
 * iommufd_map_split() - let no mapping reach across an IOVA
 * @map: map without pages larger than PAGE_SIZE in its domains
 * @iova: where, in bytes: the first byte of what will be a mapping of its own;
 *	  nothing happens when no mapping reaches across it
 *
 * In-kernel users are asked to unpin what they have pinned there.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when the mapping is still being made, or locked in place;
 * -EOPNOTSUPP when it is of a dma-buf; -EINVAL when @iova is not aligned as the map
 * requires, or huge pages are on; -EDEADLOCK when an in-kernel user does not unpin;
 * -EINTR on a fatal signal; -ENOMEM.
 */
int iommufd_map_split(struct iommufd_iova_map *map, unsigned long iova)
{
	struct iommufd_area *area;
	struct halves halves;
	int err;

	err = alloc_halves(&halves);
	if (err)
		return err;
	mutex_lock(&map->lock);
	err = claim(map, iova, &halves, &area);
	if (area)
		err = split_claimed(map, area, iova, &halves);
	mutex_unlock(&map->lock);

	if (area && !err)
		free_replaced(area);
	else
		free_halves(&halves);
	return err;
}
