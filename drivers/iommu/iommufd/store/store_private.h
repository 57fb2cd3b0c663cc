/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the page store share.
 */
#ifndef __IOMMUFD_STORE_PRIVATE_H
#define __IOMMUFD_STORE_PRIVATE_H

#include <linux/bits.h>
#include <linux/interval_tree_generic.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "store/backing.h"
#include "store/chunk.h"
#include "store/store.h"

#define IOMMUFD_STORE_INLINE_CHUNKS	2UL
#define STORE_CHUNK_PAGES_LG2		(ilog2(SZ_2M) - PAGE_SHIFT)
#define STORE_CHUNK_PAGES		BIT(STORE_CHUNK_PAGES_LG2)
#define STORE_LEAF_CHUNKS_LG2		9
#define STORE_LEAF_CHUNKS		BIT(STORE_LEAF_CHUNKS_LG2)

static_assert(PAGE_SHIFT < 21);

/**
 * struct iommufd_store - page store
 * @refs: references; zero frees the store, which has no holds then
 * @page_offset_bytes: offset of the first byte in page 0
 * @backing: where the pages come from
 * @account: account to charge, a reference; NULL for memory that is not charged.
 *	     Changes only under both mutexes
 * @npages: number of pages
 * @skew: pages of chunk 0 that lie before page 0
 * @fill_mutex: serializes tasks that pin
 * @mutex: protects the fields below
 * @npinned: number of pages that are pinned and charged
 * @holds: interval tree of &struct iommufd_hold
 * @leaves: directory of tables of chunks. Points to @leaf when one table is
 *	    enough. It and the tables are made by the first hold that needs them
 *	    and live until the store dies
 * @leaf: the only table of chunks; points to @chunks when these are enough
 * @chunks: chunks of a store with few pages
 */
struct iommufd_store {
	refcount_t refs;
	unsigned int page_offset_bytes;
	struct iommufd_backing backing;
	struct iommufd_account *account;
	unsigned long npages;
	unsigned long skew;
	struct mutex fill_mutex; /* pinning; outside @mutex */
	struct mutex mutex; /* all below */
	unsigned long npinned;
	struct rb_root_cached holds;
	struct iommufd_chunk **leaves;
	struct iommufd_chunk *leaf;
	struct iommufd_chunk chunks[IOMMUFD_STORE_INLINE_CHUNKS];
};

/* Memory at a fixed place is never pinned and has no chunks */
static inline bool store_is_fixed(const struct iommufd_store *store)
{
	return !store->backing.ops->pin;
}

static inline unsigned long
store_chunk_index(const struct iommufd_store *store, unsigned long page)
{
	return (page + store->skew) >> STORE_CHUNK_PAGES_LG2;
}

/* Last page that the chunk of @page can hold, which may be behind the store */
static inline unsigned long
store_chunk_last(const struct iommufd_store *store, unsigned long page)
{
	return ((page + store->skew) | (STORE_CHUNK_PAGES - 1)) - store->skew;
}

static inline struct iommufd_span
store_chunk_span(const struct iommufd_store *store, unsigned long index)
{
	unsigned long slot = index << STORE_CHUNK_PAGES_LG2;
	struct iommufd_span span = {
		.first = max(slot, store->skew) - store->skew,
		.last = min(slot + STORE_CHUNK_PAGES - store->skew,
			    store->npages) - 1,
	};

	return span;
}

#define hold_first(hold) ((hold)->first)
#define hold_last(hold) ((hold)->last)
INTERVAL_TREE_DEFINE(struct iommufd_hold, node, unsigned long, subtree_last,
		     hold_first, hold_last, static inline, hold_tree);

/* store/store.c */
bool iommufd_store_make_leaf(struct iommufd_store *store, unsigned long index);
struct iommufd_span
iommufd_store_gap_behind(struct iommufd_store *store,
			 const struct iommufd_hold *hold, unsigned long last);

/* store/revoke.c */
void iommufd_store_hold_fixed(struct iommufd_store *store,
			      struct iommufd_hold *hold);
void iommufd_store_release_fixed(struct iommufd_store *store,
				 struct iommufd_hold *hold);

/* The chunk of a page that was pinned before */
static inline struct iommufd_chunk *
store_chunk_at(const struct iommufd_store *store, unsigned long index)
{
	return &store->leaves[index >> STORE_LEAF_CHUNKS_LG2]
			     [index & (STORE_LEAF_CHUNKS - 1)];
}

/* The same for a page that is about to be pinned. Returns NULL without memory */
static inline struct iommufd_chunk *store_make_chunk(struct iommufd_store *store,
						     unsigned long index)
{
	lockdep_assert_held(&store->mutex);
	if ((!store->leaves || !store->leaves[index >> STORE_LEAF_CHUNKS_LG2]) &&
	    !iommufd_store_make_leaf(store, index))
		return NULL;
	return store_chunk_at(store, index);
}

/*
 * Find the first pages in [first, last] that no hold covers. The result ends
 * before its begin when there are none.
 */
static inline struct iommufd_span store_next_gap(struct iommufd_store *store,
						 unsigned long first,
						 unsigned long last)
{
	struct iommufd_span gap = { .first = first, .last = last };
	struct iommufd_hold *hold;

	lockdep_assert_held(&store->mutex);
	if (first > last)
		return gap;
	hold = hold_tree_iter_first(&store->holds, first, last);
	if (!hold)
		return gap;
	if (hold->first <= first)
		return iommufd_store_gap_behind(store, hold, last);
	gap.last = hold->first - 1;
	return gap;
}

#endif /* __IOMMUFD_STORE_PRIVATE_H */
