// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: page store
 *
 * A store keeps the physical addresses behind a range of memory, and keeps the
 * pages pinned for as long as someone holds them::
 *
 *   page number   0                 511|512             1023|1024        1500
 *                 |      chunk 0       |      chunk 1       |  chunk 2    |
 *   memory        |===== huge page ====|-- -- . ---- -. ----|=============|
 *   chunk         |       extent       |    array of 512    |   extent    |
 *
 *   holds            [-------- A ----------------]
 *                                     [------ B ------------------]
 *   pinned           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 *
 * Chunks begin where the address of the memory is a multiple of 2 MiB, so that
 * a huge page lies in one chunk; the first chunk may be short.  A page is
 * pinned exactly while a hold covers it: the tree of holds is the only record
 * of what is pinned, and chunks only say where.
 *
 * Locks, outer first:
 *
 * fill_mutex
 *	The one hold that is being filled, also while its pages are being pinned,
 *	which may take as long as page faults take.  Only the owner of this lock
 *	adds pinned pages.
 *
 * mutex
 *	The tree of holds, chunks, the number of pinned pages, unpinning.  Never
 *	held while pinning, so neither releasing a hold nor walking runs waits
 *	for memory of user space.
 *
 * mmap_lock
 *	Of the process that owns or pays for the memory: inside fill_mutex, never
 *	inside mutex.
 *
 * A hold enters the tree as soon as its first pages are pinned and grows with
 * each batch.  The release of another hold meanwhile unpins what the growing hold
 * has not reached yet, and the growing hold pins it again when it gets there.  A
 * hold that fails half way is released like any other.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "store/account.h"
#include "store/chunk.h"
#include "store/store_private.h"
#include "test_hooks.h"

#define STACK_PAGES		8UL

/* Chunks */

static unsigned long nr_chunks(const struct iommufd_store *store)
{
	return store_chunk_index(store, store->npages - 1) + 1;
}

static unsigned long nr_leaves(const struct iommufd_store *store)
{
	return ((nr_chunks(store) - 1) >> STORE_LEAF_CHUNKS_LG2) + 1;
}

static struct iommufd_chunk *make_chunk(struct iommufd_store *store,
					unsigned long index)
{
	unsigned long i = index >> STORE_LEAF_CHUNKS_LG2;

	lockdep_assert_held(&store->mutex);
	if (!store->leaves) {
		store->leaves = kvcalloc(nr_leaves(store),
					 sizeof(*store->leaves),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!store->leaves)
			return NULL;
	}
	if (!store->leaves[i])
		store->leaves[i] = kcalloc(min(STORE_LEAF_CHUNKS, nr_chunks(store) -
					       (i << STORE_LEAF_CHUNKS_LG2)),
					   sizeof(struct iommufd_chunk),
					   GFP_KERNEL_ACCOUNT);
	if (!store->leaves[i])
		return NULL;
	return store_chunk_at(store, index);
}

static void free_chunks(struct iommufd_store *store)
{
	unsigned long i;

	if (store->leaf == store->chunks || !store->leaves)
		return;
	for (i = 0; i < nr_leaves(store); i++)
		kfree(store->leaves[i]);
	if (store->leaves != &store->leaf)
		kvfree(store->leaves);
}

/* Gaps: what the holds do not cover */

/* The first pages up to @last that no hold covers, behind @hold */
static noinline struct iommufd_span gap_behind(struct iommufd_store *store,
					       const struct iommufd_hold *hold,
					       unsigned long last)
{
	struct iommufd_span gap = { .last = last };

	do {
		gap.first = hold->last + 1;
		if (gap.first > last)
			break;
		/* As many holds as user space has mapped pieces of the store */
		cond_resched();
		hold = hold_tree_iter_first(&store->holds, gap.first, last);
	} while (hold && hold->first <= gap.first);
	if (gap.first <= last && hold)
		gap.last = hold->first - 1;
	return gap;
}

/*
 * Find the first pages in [first, last] that no hold covers.  The result ends
 * before its begin when there are none.
 */
static struct iommufd_span next_gap(struct iommufd_store *store,
				    unsigned long first, unsigned long last)
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
		return gap_behind(store, hold, last);
	gap.last = hold->first - 1;
	return gap;
}

static unsigned long count_gaps(struct iommufd_store *store,
				unsigned long first, unsigned long last)
{
	struct iommufd_span gap;
	unsigned long n = 0;

	while (first <= last) {
		gap = next_gap(store, first, last);
		if (gap.first > last)
			break;
		n += gap.last - gap.first + 1;
		first = gap.last + 1;
		if (first <= last)
			cond_resched();
	}
	return n;
}

/* Unpinning */

/**
 * struct unpin_batch - consecutive page frames on their way out
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

/* Unpin pages that no hold covers any more. */
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
 * mappings and huge pages.  Otherwise does nothing and returns false.
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
		gap = next_gap(store, first, hold->last);
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

/* Returns the number of pages whose charge is to be returned. */
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

/* Pinning */

/**
 * struct fill - a hold on its way
 * @store: the store
 * @hold: the hold
 * @next: first page number the hold does not cover yet; the hold is in the tree
 *	  once this has moved
 * @last: page number the hold shall end with, inclusive
 * @ncharged: pages that are charged and not pinned yet
 * @batch: pages that are being pinned, in one chunk
 * @index: index of that chunk
 * @span: all pages of that chunk
 * @huge: first page of the batch, if it is a part of a huge page and @pages tells
 *	  nothing of it; otherwise NULL
 * @pages: room for a batch
 * @max_pages: room in @pages, in pages
 * @stack: room for small holds
 */
struct fill {
	struct iommufd_store *store;
	struct iommufd_hold *hold;
	unsigned long next;
	unsigned long last;
	unsigned long ncharged;
	struct iommufd_span batch;
	unsigned long index;
	struct iommufd_span span;
	struct page *huge;
	struct page **pages;
	unsigned long max_pages;
	struct page *stack[STACK_PAGES];
};

/* Let the hold cover all pages before @end. */
static void fill_grow(struct fill *fill, unsigned long end)
{
	struct iommufd_hold *hold = fill->hold;

	if (end == fill->next)
		return;
	if (fill->next > hold->first)
		hold_tree_remove(hold, &fill->store->holds);
	hold->last = end - 1;
	hold_tree_insert(hold, &fill->store->holds);
	fill->next = end;
}

/* Find out what to pin next.  Returns false when the hold is complete. */
static bool fill_next_batch(struct fill *fill)
{
	struct iommufd_store *store = fill->store;
	struct iommufd_span gap = next_gap(store, fill->next, fill->last);

	/* The hold that covers the rest may well cover more. */
	fill_grow(fill, min(gap.first, fill->last + 1));
	if (gap.first > fill->last)
		return false;
	fill->index = store_chunk_index(store, gap.first);
	fill->span = store_chunk_span(store, fill->index);
	gap.last = min3(gap.last, gap.first + fill->max_pages - 1,
			fill->span.last);
	fill->batch = gap;
	return true;
}

/* Record where the first pages of the batch are. */
static int fill_chunk(struct fill *fill, struct iommufd_chunk *chunk,
		      unsigned int npages)
{
	unsigned int i;

	if (fill->huge) {
		if (iommufd_chunk_set_run(chunk, fill->batch.first,
					  page_to_pfn(fill->huge)))
			return 0;
		for (i = 0; i < npages; i++)
			fill->pages[i] = nth_page(fill->huge, i);
	}
	return iommufd_chunk_set(chunk, fill->span, fill->batch.first,
				 fill->pages, npages);
}

/* Take over the first pages of the batch that was pinned. */
static int fill_remember(struct fill *fill, unsigned int npages)
{
	struct iommufd_store *store = fill->store;
	struct iommufd_chunk *chunk = make_chunk(store, fill->index);
	int err;

	if (!chunk)
		return -ENOMEM;
	err = fill_chunk(fill, chunk, npages);
	if (err)
		return err;
	fill->ncharged -= npages;
	WRITE_ONCE(store->npinned, store->npinned + npages);
	fill_grow(fill, fill->batch.first + npages);
	return 0;
}

/* Take over the batch that was pinned, on error possibly a part of it. */
static int fill_commit(struct fill *fill)
{
	unsigned int npages = fill->batch.last - fill->batch.first + 1;

	if (!iommufd_should_fail())
		return fill_remember(fill, npages);
	if (npages > 1)
		fill_remember(fill, npages / 2);
	return -EINVAL;
}

static int fill_charge(struct fill *fill, unsigned long npages)
{
	int err;

	if (npages <= fill->ncharged)
		return 0;
	err = iommufd_account_charge(fill->store->account,
				     npages - fill->ncharged);
	if (!err)
		fill->ncharged = npages;
	return err;
}

static int fill_pin(struct fill *fill)
{
	unsigned int npages = fill->batch.last - fill->batch.first + 1;
	struct iommufd_backing *backing = &fill->store->backing;
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	/* Enough, unless a release made a new gap meanwhile. */
	err = fill_charge(fill, npages);
	if (err)
		return err;
	if (iommufd_should_fail())
		return -EFAULT;
	/* The few pages of a small hold are found one by one as quickly. */
	fill->huge = backing->ops->pin_huge && npages > STACK_PAGES ?
		     backing->ops->pin_huge(backing, fill->batch.first, npages) :
		     NULL;
	if (fill->huge)
		return 0;
	return backing->ops->pin(backing, fill->batch.first, npages,
				 fill->pages);
}

/* The rest of the batch was pinned but cannot be remembered. */
static void fill_unpin(struct fill *fill)
{
	struct iommufd_backing *backing = &fill->store->backing;
	unsigned int i, npages = fill->batch.last - fill->batch.first + 1;

	i = fill->next - fill->batch.first;
	if (fill->huge) {
		backing->ops->unpin(backing, page_to_pfn(fill->huge) + i,
				    npages - i);
		return;
	}
	for (; i < npages; i++)
		backing->ops->unpin(backing, page_to_pfn(fill->pages[i]), 1);
}

static int fill_batches(struct fill *fill)
{
	struct iommufd_store *store = fill->store;
	bool more;
	int err;

	lockdep_assert_held(&store->fill_mutex);
	do {
		err = fill_pin(fill);
		if (err)
			return err;
		mutex_lock(&store->mutex);
		err = fill_commit(fill);
		if (err)
			fill_unpin(fill);
		more = !err && fill->next <= fill->last && fill_next_batch(fill);
		mutex_unlock(&store->mutex);
		if (more)
			cond_resched();
	} while (more);
	return err;
}

#ifdef CONFIG_IOMMUFD_TEST
static unsigned long batch_limit = STORE_CHUNK_PAGES;

/**
 * iommufd_store_limit_batch() - pin few pages at a time, for tests
 * @npages: how many, not 0; for all stores from now on
 *
 * Context: any.
 */
void iommufd_store_limit_batch(unsigned long npages)
{
	WRITE_ONCE(batch_limit, npages);
}

static unsigned long largest_batch(void)
{
	return min(READ_ONCE(batch_limit), STORE_CHUNK_PAGES);
}
#else
static unsigned long largest_batch(void)
{
	return STORE_CHUNK_PAGES;
}
#endif

static int fill_get_room(struct fill *fill, unsigned long npages)
{
	if (iommufd_should_fail())
		return -ENOMEM;
	npages = min(npages, largest_batch());
	fill->pages = fill->stack;
	fill->max_pages = min(npages, STACK_PAGES);
	if (npages <= STACK_PAGES)
		return 0;
	fill->max_pages = npages;
	fill->pages = kmalloc_array(fill->max_pages, sizeof(*fill->pages),
				    GFP_KERNEL_ACCOUNT);
	return fill->pages ? 0 : -ENOMEM;
}

static void fill_put_room(struct fill *fill)
{
	if (fill->pages != fill->stack)
		kfree(fill->pages);
}

static int fill_hold(struct fill *fill)
{
	struct iommufd_store *store = fill->store;
	unsigned long npages;
	bool more;
	int err;

	mutex_lock(&store->mutex);
	npages = count_gaps(store, fill->next, fill->last);
	fill->max_pages = STORE_CHUNK_PAGES;
	more = fill_next_batch(fill);
	mutex_unlock(&store->mutex);
	if (!more)
		return 0;

	err = fill_get_room(fill, npages);
	if (err)
		return err;
	fill->batch.last = min(fill->batch.last,
			       fill->batch.first + fill->max_pages - 1);
	err = fill_charge(fill, npages);
	if (!err)
		err = fill_batches(fill);
	fill_put_room(fill);
	return err;
}

static noinline int hold_many(struct iommufd_store *store,
			      struct iommufd_hold *hold)
{
	struct fill fill;
	int err;

	/* What is held already is not pinned again, but takes time, too */
	if (fatal_signal_pending(current))
		return -EINTR;
	fill.store = store;
	fill.hold = hold;
	fill.next = hold->first;
	fill.last = hold->last;
	fill.ncharged = 0;
	err = fill_hold(&fill);
	if (err && fill.next > hold->first)
		iommufd_store_release(store, hold);
	iommufd_account_uncharge(store->account, fill.ncharged);
	return err;
}

/* Remember where the only page of the store is that is pinned. */
static int remember_single(struct iommufd_store *store,
			   struct iommufd_hold *hold, struct page *page)
{
	struct iommufd_chunk *chunk;
	int err = 0;

	mutex_lock(&store->mutex);
	chunk = make_chunk(store, store_chunk_index(store, hold->first));
	if (!chunk || iommufd_should_fail()) {
		err = -ENOMEM;
		goto out_unlock;
	}
	/* There was no hold, so this chunk is empty, like all of them. */
	iommufd_chunk_set_extent(chunk, hold->first, page_to_pfn(page));
	WRITE_ONCE(store->npinned, 1);
	hold_tree_insert(hold, &store->holds);
out_unlock:
	mutex_unlock(&store->mutex);
	return err;
}

/*
 * A small mapping is one page of a store without other holds: no gaps to count, no
 * batches, no room for pages.  Those are half of the cost of a hold.
 */
static int hold_single(struct iommufd_store *store, struct iommufd_hold *hold)
{
	const struct iommufd_backing *backing = &store->backing;
	struct page *page;
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	err = iommufd_account_charge(store->account, 1);
	if (err)
		return err;
	err = iommufd_should_fail() ? -EFAULT :
	      backing->ops->pin(backing, hold->first, 1, &page);
	if (err)
		goto err_uncharge;
	err = remember_single(store, hold, page);
	if (err)
		goto err_unpin;
	return 0;

err_unpin:
	backing->ops->unpin(backing, page_to_pfn(page), 1);
err_uncharge:
	iommufd_account_uncharge(store->account, 1);
	return err;
}

/* Holds */

/**
 * iommufd_store_hold() - keep pages pinned
 * @store: the store
 * @hold: the caller's, uninitialized
 * @first: first page number
 * @last: last page number, inclusive
 *
 * Charges and pins those pages that no other hold covers; all of them are
 * charged before the first is pinned.
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0, -EINVAL when there are no such pages or the source is not fit to
 * be pinned, -EINTR on a fatal signal, -ERESTARTNOINTR, -EFAULT when the memory
 * cannot be pinned, -ENOMEM for lack of memory or over RLIMIT_MEMLOCK.  On
 * error nothing is left pinned, charged or held.
 */
int iommufd_store_hold(struct iommufd_store *store, struct iommufd_hold *hold,
		       unsigned long first, unsigned long last)
{
	int err;

	if (first > last || last >= store->npages)
		return -EINVAL;

	hold->first = first;
	hold->last = last;
	if (store_is_fixed(store)) {
		iommufd_store_hold_fixed(store, hold);
		return 0;
	}

	if (mutex_lock_killable(&store->fill_mutex))
		return -EINTR;
	/* Only the owner of this lock makes it more. */
	if (first == last && !READ_ONCE(store->npinned))
		err = hold_single(store, hold);
	else
		err = hold_many(store, hold);
	mutex_unlock(&store->fill_mutex);
	return err;
}

/**
 * iommufd_store_release_owing() - end a hold, and return its charge later
 * @store: the store
 * @hold: a hold that iommufd_store_hold() made
 * @refunds: gets what is to be returned
 *
 * Unpins the pages that no other hold covers.  Cannot fail and needs no memory.
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
	/* The account that the store has now was charged for these pages. */
	iommufd_account_owe(store->account, release_locked(store, hold),
			    refunds);
	mutex_unlock(&store->mutex);
}

/**
 * iommufd_store_release() - end a hold
 * @store: the store
 * @hold: a hold that iommufd_store_hold() made
 *
 * Unpins the pages that no other hold covers and returns their charge.  Cannot
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

/**
 * iommufd_store_split_hold() - let two holds take the place of one
 * @store: store that has pages
 * @hold: the hold, which ends
 * @low: the caller's, uninitialized: holds from the first page of @hold on
 * @low_last: the last page that @low holds, inclusive
 * @high: the caller's, uninitialized: holds up to the last page of @hold
 * @high_first: the first page that @high holds, at most @low_last + 1
 *
 * The pages stay pinned, so nothing is pinned or charged.  Cannot fail and needs
 * no memory.
 *
 * Context: may sleep; does not wait for pins of others.
 */
void iommufd_store_split_hold(struct iommufd_store *store,
			      struct iommufd_hold *hold,
			      struct iommufd_hold *low, unsigned long low_last,
			      struct iommufd_hold *high,
			      unsigned long high_first)
{
	low->first = hold->first;
	low->last = low_last;
	high->first = high_first;
	high->last = hold->last;
	mutex_lock(&store->mutex);
	hold_tree_remove(hold, &store->holds);
	hold_tree_insert(low, &store->holds);
	hold_tree_insert(high, &store->holds);
	mutex_unlock(&store->mutex);
}

/* Stores */

/**
 * iommufd_store_create() - make a store
 * @backing: where its pages come from; copied
 * @account: who pays; the store takes the reference over, unless this fails.
 *	     NULL: nobody
 * @npages: number of pages, not 0
 * @page_offset_bytes: offset of the first byte in page 0
 *
 * Context: may sleep.
 * Return: the store with one reference, or ERR_PTR(-ENOMEM).
 */
struct iommufd_store *
iommufd_store_create(const struct iommufd_backing *backing,
		     struct iommufd_account *account, unsigned long npages,
		     unsigned int page_offset_bytes)
{
	struct iommufd_store *store;

	store = kmalloc(sizeof(*store), GFP_KERNEL_ACCOUNT);
	if (!store)
		return ERR_PTR(-ENOMEM);
	refcount_set(&store->users, 1);
	store->page_offset_bytes = page_offset_bytes;
	store->backing = *backing;
	store->account = account;
	store->npages = npages;
	store->skew = (backing->start_bytes >> PAGE_SHIFT) & (STORE_CHUNK_PAGES - 1);
	mutex_init(&store->fill_mutex);
	mutex_init(&store->mutex);
	store->npinned = 0;
	store->holds = RB_ROOT_CACHED;
	memset(store->chunks, 0, sizeof(store->chunks));
	store->leaf = nr_chunks(store) <= IOMMUFD_STORE_INLINE_CHUNKS ? store->chunks : NULL;
	store->leaves = nr_leaves(store) == 1 ? &store->leaf : NULL;
	return store;
}

/**
 * iommufd_store_get() - take a reference
 * @store: live store
 *
 * Context: any.
 * Return: @store.
 */
struct iommufd_store *iommufd_store_get(struct iommufd_store *store)
{
	refcount_inc(&store->users);
	return store;
}

/**
 * iommufd_store_put() - drop a reference, free the store with the last one
 * @store: store, or NULL; nobody holds pages of it when this is the last
 *
 * Context: may sleep; may take the reservation lock of a dma-buf, so no lock
 * of an address space may be held.
 */
void iommufd_store_put(struct iommufd_store *store)
{
	if (!store || !refcount_dec_and_test(&store->users))
		return;
	WARN_ON(!RB_EMPTY_ROOT(&store->holds.rb_root) || store->npinned);
	free_chunks(store);
	if (store->backing.ops->put)
		store->backing.ops->put(&store->backing);
	iommufd_account_put(store->account);
	mutex_destroy(&store->mutex);
	mutex_destroy(&store->fill_mutex);
	kfree(store);
}

/**
 * iommufd_store_start() - where the memory of a store is
 * @store: the store
 *
 * Return: address of its first page in the memory of user space or in the
 * file, in bytes.
 */
unsigned long iommufd_store_start(const struct iommufd_store *store)
{
	return store->backing.start_bytes;
}

/**
 * iommufd_store_own_memory() - find memory of the calling process
 * @store: the store
 *
 * Context: process context.
 * Return: address of its first page, or NULL when the store is not made of user
 * memory of the calling process.
 */
void __user *iommufd_store_own_memory(const struct iommufd_store *store)
{
	const struct iommufd_backing *backing = &store->backing;

	if (!backing->ops->in_process || backing->mm != current->mm)
		return NULL;
	return (void __user *)backing->start_bytes;
}

/**
 * iommufd_store_npages() - size of a store
 * @store: the store
 *
 * Return: number of pages.
 */
unsigned long iommufd_store_npages(const struct iommufd_store *store)
{
	return store->npages;
}

/**
 * iommufd_store_page_offset() - where in its first page a store begins
 * @store: the store
 *
 * Return: offset in bytes, below PAGE_SIZE.
 */
unsigned int iommufd_store_page_offset(const struct iommufd_store *store)
{
	return store->page_offset_bytes;
}

/**
 * iommufd_store_has_pages() - does the memory consist of pages
 * @store: the store
 *
 * Return: false for the memory of a dma-buf, which the CPU has no pages for.
 */
bool iommufd_store_has_pages(const struct iommufd_store *store)
{
	return !store_is_fixed(store);
}

/**
 * iommufd_store_prot() - what IOMMUs must know of the memory
 * @store: the store
 *
 * Return: mask of IOMMU_MMIO.
 */
int iommufd_store_prot(const struct iommufd_store *store)
{
	return store_is_fixed(store) && store->backing.fixed->mmio ? IOMMU_MMIO : 0;
}

/**
 * iommufd_store_writable() - may devices write to the memory
 * @store: the store
 *
 * Return: whether they may.
 */
bool iommufd_store_writable(const struct iommufd_store *store)
{
	return store->backing.writable;
}

/**
 * iommufd_store_pinned_pages() - how much of a store is pinned and charged
 * @store: the store
 *
 * Context: any; a snapshot.
 * Return: number of pages.
 */
unsigned long iommufd_store_pinned_pages(const struct iommufd_store *store)
{
	return READ_ONCE(store->npinned);
}
