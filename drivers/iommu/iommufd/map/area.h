/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Areas: the mapped intervals of an IOVA map, in a tree that also knows the
 * holes between them.
 */
#ifndef __IOMMUFD_IOVA_AREA_H
#define __IOMMUFD_IOVA_AREA_H

#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "store/store.h"

struct iommufd_iova_map;

/**
 * enum iommufd_area_phase - how far a mapping has got
 * @AREA_RESERVED: owns its IOVAs; its memory is being pinned. In no domain,
 *		   and domains are filled and drained past it
 * @AREA_FILLING: its maker writes it to the domains it must be in
 * @AREA_MAPPED: a mapping
 */
enum iommufd_area_phase {
	AREA_RESERVED,
	AREA_FILLING,
	AREA_MAPPED,
};

/**
 * struct iommufd_area_subtree - what the tree of areas knows below a node
 * @start: first IOVA of the lowest area
 * @last: last IOVA of the highest area, inclusive
 * @hole_bytes: length of the longest hole between two of the areas
 */
struct iommufd_area_subtree {
	unsigned long start;
	unsigned long last;
	unsigned long hole_bytes;
};

/**
 * struct iommufd_area - interval of IOVAs that stands for bytes of a store
 * @node: place in the map's tree
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @subtree: see there
 * @map: map it is in
 * @store: where the bytes are; a reference
 * @offset_bytes: the first of them, from the start of the store's first page
 * @hold: keeps the bytes pinned while @held
 * @next: next area its worker works on
 * @seq: when it became visible to domains; domains that were drained from then
 *	 on or earlier do not have it. All areas that one call maps have the same,
 *	 and no others but parts of them
 * @remover: the removal or the split that has claimed it, or NULL
 * @nr_domains: number of domains that have it
 * @nr_pins: in-kernel users that have pinned, or are working on, a part of it
 * @nr_locks: locks of ranges that meet it; it cannot be claimed meanwhile
 * @prot: mask of IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @phase: how far it has got
 * @busy: a task works on it without the map's lock
 * @held: @hold is in use
 * @absent: its memory was revoked before it was written to a domain, or taken
 *	    out of them since: the domains that have it translate nothing there,
 *	    until the memory is restored
 * @stuck: a driver did not take it out of a domain as it was told, so that
 *	   devices may reach its memory for ever: it is never unpinned
 *
 * @node, @phase, @busy, @remover, @nr_pins, @nr_locks and @seq change under the map's
 * lock. @next, @hold, @held, @absent, @stuck and @nr_domains belong to the task that set @busy. The
 * others never change while the area is in the tree.
 */
struct iommufd_area {
	struct rb_node node;
	unsigned long start;
	unsigned long last;
	struct iommufd_area_subtree subtree;
	struct iommufd_iova_map *map;
	struct iommufd_store *store;
	u64 offset_bytes;
	struct iommufd_hold hold;
	struct iommufd_area *next;
	u64 seq;
	const void *remover;
	unsigned int nr_domains;
	unsigned int nr_pins;
	unsigned int nr_locks;
	int prot;
	u8 phase;
	bool busy;
	bool held;
	bool absent;
	bool stuck;
};

/**
 * struct iommufd_fit - what a hole must offer
 * @length_bytes: room, not 0
 * @modulus_bytes: power of two
 * @residue_bytes: the room's first IOVA modulo @modulus_bytes
 */
struct iommufd_fit {
	unsigned long length_bytes;
	unsigned long modulus_bytes;
	unsigned long residue_bytes;
};

struct iommufd_area *iommufd_area_alloc(void);
void iommufd_area_free(struct iommufd_area *area);
int iommufd_area_hold(struct iommufd_area *area);
void iommufd_area_release(struct iommufd_area *area,
			  struct iommufd_refunds *refunds);
void iommufd_area_free_chain(struct iommufd_area *chain);
void iommufd_area_split_hold(struct iommufd_area *area,
			     struct iommufd_area *low,
			     struct iommufd_area *high);

bool iommufd_area_insert(struct rb_root *root, struct iommufd_area *area);
void iommufd_area_erase(struct rb_root *root, struct iommufd_area *area);
struct iommufd_area *iommufd_area_at_or_behind(const struct rb_root *root,
					       unsigned long iova);
struct iommufd_area *iommufd_area_next(struct iommufd_area *area);
bool iommufd_area_find_hole(const struct rb_root *root, unsigned long first,
			    unsigned long last, const struct iommufd_fit *fit,
			    unsigned long *start);

static inline unsigned long iommufd_area_bytes(const struct iommufd_area *area)
{
	return area->last - area->start + 1;
}

/* Step along a chain; most have a single area, which needs no rescheduling */
static inline struct iommufd_area *
iommufd_area_next_in_chain(const struct iommufd_area *area)
{
	if (area->next)
		cond_resched();
	return area->next;
}

static inline bool iommufd_area_meets(const struct rb_root *root,
				      unsigned long start, unsigned long last)
{
	const struct iommufd_area *area;

	area = iommufd_area_at_or_behind(root, start);
	return area && area->start <= last;
}

#endif /* __IOMMUFD_IOVA_AREA_H */
