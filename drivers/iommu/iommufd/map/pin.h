/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A range of IOVAs whose memory is pinned, area by area.
 */
#ifndef __IOMMUFD_MAP_PIN_H
#define __IOMMUFD_MAP_PIN_H

#include <linux/minmax.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include "map/area.h"

struct iommufd_iova_map;
struct iommufd_refunds;

/**
 * enum iommufd_pin_rule - what a range must be fit for
 * @PIN_RULE_COPY: copies, which need no pin
 * @PIN_RULE_PAGES: a pin of whole pages
 * @PIN_RULE_LOCK: a pin at any byte, if the memory is there in its page, too
 */
enum iommufd_pin_rule {
	PIN_RULE_COPY,
	PIN_RULE_PAGES,
	PIN_RULE_LOCK,
};

/**
 * struct iommufd_pin_piece - the part of a pin that lies in one area
 * @area: the area
 * @hold: keeps the memory pinned
 */
struct iommufd_pin_piece {
	struct iommufd_area *area;
	struct iommufd_hold hold;
};

/**
 * struct iommufd_pin - a range that is pinned
 * @node: place in a tree of the owner
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @subtree_last: largest @last below @node
 * @nr_pieces: number of areas
 * @pieces: one for each area, upwards
 *
 * The owner keeps the areas in the map from iommufd_pin_prepare() on, by a count in
 * each of them.
 */
struct iommufd_pin {
	struct rb_node node;
	unsigned long start;
	unsigned long last;
	unsigned long subtree_last;
	unsigned int nr_pieces;
	struct iommufd_pin_piece pieces[];
};

int iommufd_pin_judge(struct iommufd_iova_map *map, unsigned long iova,
		      unsigned long last, int prot, enum iommufd_pin_rule rule);
struct iommufd_pin *iommufd_pin_prepare(struct iommufd_iova_map *map,
					unsigned long iova, unsigned long last,
					int prot, enum iommufd_pin_rule rule);
int iommufd_pin_hold(struct iommufd_pin *pin, struct iommufd_refunds *refunds);
void iommufd_pin_release(struct iommufd_pin *pin,
			 struct iommufd_refunds *refunds);

/* First byte of a piece, from the start of its store's first page */
static inline u64 iommufd_pin_offset(const struct iommufd_pin *pin,
				     const struct iommufd_pin_piece *piece)
{
	const struct iommufd_area *area = piece->area;

	return area->offset_bytes + (max(pin->start, area->start) - area->start);
}

static inline unsigned long
iommufd_pin_bytes(const struct iommufd_pin *pin,
		  const struct iommufd_pin_piece *piece)
{
	const struct iommufd_area *area = piece->area;

	return min(pin->last, area->last) - max(pin->start, area->start) + 1;
}

#endif /* __IOMMUFD_MAP_PIN_H */
