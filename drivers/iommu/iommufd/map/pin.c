// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned ranges: which ranges may be pinned, and a hold for each area of one.
 *
 * A pin knows areas and stores. What it is for, and what keeps its areas in the map,
 * is up to its owner.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "map/map_private.h"
#include "map/pin.h"
#include "store/account.h"

static int check_area(const struct iommufd_area *area, unsigned long iova,
		      enum iommufd_pin_rule rule)
{
	u64 offset = area->offset_bytes + (iova - area->start);

	if (area->remover)
		return rule == PIN_RULE_PAGES ? -EINVAL : -ENOENT;
	if (!iommufd_store_has_pages(area->store))
		return -EINVAL;
	if (rule == PIN_RULE_PAGES && offset_in_page(offset))
		return -EINVAL;
	if (rule == PIN_RULE_LOCK && offset_in_page(offset - iova))
		return -EINVAL;
	return 0;
}

/**
 * iommufd_pin_judge() - see that a range is mapped and may be used like that
 * @map: the map
 * @iova: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @prot: IOMMU_READ or IOMMU_WRITE, which all of the range must permit
 * @rule: what the range must be fit for
 *
 * Context: the map's lock is held; may sleep.
 * Return: the number of areas in the range; -ENOENT when it is not mapped throughout;
 * -EPERM when a mapping does not permit @prot; -EINVAL for the memory of a dma-buf,
 * for a start inside of a page with PIN_RULE_PAGES, and where IOVA and memory differ in
 * their offset within a page with PIN_RULE_LOCK; for what another task is removing
 * -EINVAL with PIN_RULE_PAGES, otherwise -ENOENT; -EINTR on a fatal signal.
 */
int iommufd_pin_judge(struct iommufd_iova_map *map, unsigned long iova,
		      unsigned long last, int prot, enum iommufd_pin_rule rule)
{
	struct iommufd_area *area;
	bool permitted = true;
	int nr = 0, err;

	lockdep_assert_held(&map->lock);
	area = iommufd_area_at_or_behind(&map->areas, iova);
	for (; area; area = iommufd_area_next(area)) {
		if (area->start > iova || area->phase != AREA_MAPPED)
			break;
		err = check_area(area, iova, rule);
		if (err)
			return err;
		permitted &= !!(area->prot & prot);
		nr++;
		if (area->last >= last)
			return permitted ? nr : -EPERM;
		if (fatal_signal_pending(current))
			return -EINTR;
		iova = area->last + 1;
		cond_resched();
	}
	return -ENOENT;
}

static void find_pieces(struct iommufd_pin *pin, struct iommufd_iova_map *map)
{
	struct iommufd_area *area;
	unsigned int i;

	area = iommufd_area_at_or_behind(&map->areas, pin->start);
	for (i = 0; i < pin->nr_pieces; i++) {
		pin->pieces[i].area = area;
		if (i)
			cond_resched();
		area = iommufd_area_next(area);
	}
}

/* Without the map's lock, which the caller holds before and after it */
static struct iommufd_pin *alloc_unlocked(struct iommufd_iova_map *map,
					  unsigned int nr_pieces)
{
	struct iommufd_pin *pin;

	mutex_unlock(&map->lock);
	pin = kvmalloc(struct_size(pin, pieces, nr_pieces),
		       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	mutex_lock(&map->lock);
	return pin;
}

/**
 * iommufd_pin_prepare() - make a pin that holds nothing yet
 * @map: the map
 * @iova: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @prot: as for iommufd_pin_judge()
 * @rule: as there
 *
 * The caller keeps the areas in the map before it drops the map's lock.
 *
 * Context: the map's lock is held; it may be dropped and taken again before the range
 * is judged for the last time.
 * Return: the pin, for kvfree(); ERR_PTR: what iommufd_pin_judge() returns, or -ENOMEM.
 */
struct iommufd_pin *iommufd_pin_prepare(struct iommufd_iova_map *map,
					unsigned long iova, unsigned long last,
					int prot, enum iommufd_pin_rule rule)
{
	struct iommufd_pin *pin = NULL;
	int room = 0, nr;

	/* Repeat until no mapping is added while the lock is dropped */
	while ((nr = iommufd_pin_judge(map, iova, last, prot, rule)) > room) {
		kvfree(pin);
		room = nr;
		pin = alloc_unlocked(map, room);
		if (!pin)
			return ERR_PTR(-ENOMEM);
	}
	if (nr < 0) {
		kvfree(pin);
		return ERR_PTR(nr);
	}
	pin->start = iova;
	pin->last = last;
	pin->nr_pieces = nr;
	find_pieces(pin, map);
	return pin;
}

static void release_first(struct iommufd_pin *pin, unsigned int nr,
			  struct iommufd_refunds *refunds)
{
	while (nr--) {
		iommufd_store_release_owing(pin->pieces[nr].area->store,
					    &pin->pieces[nr].hold, refunds);
		if (nr)
			cond_resched();
	}
}

/**
 * iommufd_pin_release() - unpin the memory of a pin
 * @pin: the pin, whose areas the owner still keeps in the map
 * @refunds: gets the charges, for iommufd_refunds_settle()
 *
 * Context: may sleep; the map's lock is not held.
 */
void iommufd_pin_release(struct iommufd_pin *pin,
			 struct iommufd_refunds *refunds)
{
	release_first(pin, pin->nr_pieces, refunds);
}

/**
 * iommufd_pin_hold() - pin the memory of a pin
 * @pin: the pin, whose areas the owner keeps in the map
 * @refunds: gets the charges that are returned on error
 *
 * Context: may sleep, as long as page faults of the memory take; the map's lock is not
 * held.
 * Return: 0, or what iommufd_store_hold() returns; -EINTR on a fatal signal. On error
 * nothing is pinned.
 */
int iommufd_pin_hold(struct iommufd_pin *pin, struct iommufd_refunds *refunds)
{
	struct iommufd_pin_piece *piece;
	unsigned int i;
	u64 offset;
	int err;

	for (i = 0; i < pin->nr_pieces; i++) {
		if (i && fatal_signal_pending(current)) {
			release_first(pin, i, refunds);
			return -EINTR;
		}
		piece = &pin->pieces[i];
		offset = iommufd_pin_offset(pin, piece);
		err = iommufd_store_hold(piece->area->store, &piece->hold,
					 offset >> PAGE_SHIFT,
					 (offset + iommufd_pin_bytes(pin, piece) - 1)
						>> PAGE_SHIFT);
		if (err) {
			release_first(pin, i, refunds);
			return err;
		}
		if (i)
			cond_resched();
	}
	return 0;
}
