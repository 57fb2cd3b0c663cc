// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of holds: pages that no hold covers any more are unpinned, and chunks
 * without any hold are cleared.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "store/account.h"
#include "store/chunk.h"
#include "store/store_private.h"

/**
 * struct unpin_batch - consecutive page frames that are unpinned together
 * @pfn: first page frame number
 * @npages: number of pages, may be 0
 *
 * Folios larger than a chunk are unpinned in one go, too.
 */
struct unpin_batch {
	unsigned long pfn;
	unsigned long npages;
};

static void unpin_add(struct iommufd_store *store, struct unpin_batch *batch,
		      unsigned long pfn, unsigned long npages)
{
	if (batch->pfn + batch->npages == pfn) {
		batch->npages += npages;
		return;
	}
	if (batch->npages)
		store->backing.ops->unpin(&store->backing, batch->pfn,
					  batch->npages);
	batch->pfn = pfn;
	batch->npages = npages;
}

static __always_inline void unpin_array(struct iommufd_store *store,
					const void *array, bool wide,
					unsigned long i, unsigned long last,
					struct unpin_batch *result)
{
	struct unpin_batch batch = *result;

	for (; i <= last; i++)
		unpin_add(store, &batch,
			  iommufd_chunk_array_pfn(array, wide, i), 1);
	*result = batch;
}

static void unpin_in_chunk(struct iommufd_store *store,
			   const struct iommufd_chunk *chunk,
			   struct iommufd_span span, unsigned long first,
			   unsigned long last, struct unpin_batch *batch)
{
	const void *array = iommufd_chunk_array(chunk);

	switch (iommufd_chunk_format(chunk)) {
	case IOMMUFD_CHUNK_EXTENT:
		unpin_add(store, batch, iommufd_chunk_extent_pfn(chunk, first),
			  last - first + 1);
		break;
	case IOMMUFD_CHUNK_NARROW:
		unpin_array(store, array, false, first - span.first,
			    last - span.first, batch);
		break;
	case IOMMUFD_CHUNK_WIDE:
		unpin_array(store, array, true, first - span.first,
			    last - span.first, batch);
		break;
	}
}

static bool is_chunk_held(struct iommufd_store *store, struct iommufd_span span)
{
	return hold_tree_iter_first(&store->holds, span.first, span.last);
}

/* Unpin pages that no hold covers any more */
static void unpin_gap(struct iommufd_store *store, struct iommufd_span gap)
{
	struct unpin_batch batch = {};
	struct iommufd_chunk *chunk;
	struct iommufd_span span;
	unsigned long page, last, index;

	for (page = gap.first; page <= gap.last; page = last + 1) {
		index = store_chunk_index(store, page);
		span = store_chunk_span(store, index);
		last = min(span.last, gap.last);
		chunk = store_chunk_at(store, index);
		unpin_in_chunk(store, chunk, span, page, last, &batch);
		if (!is_chunk_held(store, span))
			iommufd_chunk_clear(chunk);
		if (last < gap.last)
			cond_resched();
	}
	store->backing.ops->unpin(&store->backing, batch.pfn, batch.npages);
}

/*
 * Unpin what the last hold covered, if that is one extent, as with small
 * mappings and huge pages. Otherwise does nothing and returns false.
 */
static bool unpin_extent(struct iommufd_store *store,
			 const struct iommufd_hold *hold)
{
	unsigned long index = store_chunk_index(store, hold->first);
	struct iommufd_chunk *chunk = store_chunk_at(store, index);

	if (index != store_chunk_index(store, hold->last) ||
	    iommufd_chunk_format(chunk) != IOMMUFD_CHUNK_EXTENT)
		return false;
	store->backing.ops->unpin(&store->backing,
				  iommufd_chunk_extent_pfn(chunk, hold->first),
				  hold->last - hold->first + 1);
	iommufd_chunk_clear(chunk);
	return true;
}

static unsigned long unpin_gaps(struct iommufd_store *store,
				const struct iommufd_hold *hold)
{
	unsigned long first = hold->first, npages = 0;
	struct iommufd_span gap;

	while (first <= hold->last) {
		gap = store_next_gap(store, first, hold->last);
		if (gap.first > hold->last)
			break;
		unpin_gap(store, gap);
		npages += gap.last - gap.first + 1;
		first = gap.last + 1;
		if (first <= hold->last)
			cond_resched();
	}
	return npages;
}

/* Returns the number of pages whose charge is to be returned */
static unsigned long release_locked(struct iommufd_store *store,
				    struct iommufd_hold *hold)
{
	unsigned long npages;

	lockdep_assert_held(&store->mutex);
	hold_tree_remove(hold, &store->holds);
	if (RB_EMPTY_ROOT(&store->holds.rb_root) && unpin_extent(store, hold))
		npages = hold->last - hold->first + 1;
	else
		npages = unpin_gaps(store, hold);
	WRITE_ONCE(store->npinned, store->npinned - npages);
	return npages;
}

/**
 * iommufd_store_release_owing() - end a hold, and return its charge later
 * @store: the store
 * @hold: a hold that iommufd_store_hold() made
 * @refunds: gets what is to be returned
 *
 * Unpins the pages that no other hold covers. Cannot fail and needs no memory.
 *
 * Context: may sleep; does not wait for pins of others, nor for the mmap_lock of
 * any process.
 */
void iommufd_store_release_owing(struct iommufd_store *store,
				 struct iommufd_hold *hold,
				 struct iommufd_refunds *refunds)
{
	if (store_is_fixed(store)) {
		iommufd_store_release_fixed(store, hold);
		return;
	}
	mutex_lock(&store->mutex);
	/* The account that the store has now was charged for these pages */
	iommufd_account_owe(store->account, release_locked(store, hold),
			    refunds);
	mutex_unlock(&store->mutex);
}

/**
 * iommufd_store_release() - end a hold
 * @store: the store
 * @hold: a hold that iommufd_store_hold() made
 *
 * Unpins the pages that no other hold covers and returns their charge. Cannot
 * fail and needs no memory.
 *
 * Context: may sleep; does not wait for pins of others, but in process mode for
 * the mmap_lock of the process that pays.
 */
void iommufd_store_release(struct iommufd_store *store,
			   struct iommufd_hold *hold)
{
	struct iommufd_refunds refunds = {};

	iommufd_store_release_owing(store, hold, &refunds);
	iommufd_refunds_settle(&refunds);
}
