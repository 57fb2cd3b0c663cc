// SPDX-License-Identifier: GPL-2.0-only
/*
 * The making of holds: pages that no hold covers yet are charged, pinned and
 * recorded, batch by batch.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "store/account.h"
#include "store/chunk.h"
#include "store/store_private.h"
#include "test_hooks.h"

#define STACK_PAGES		8UL

/* Pinning in batches */

/**
 * struct fill - a hold that is being made
 * @store: the store
 * @hold: the hold
 * @next: first page number the hold does not cover yet; the hold is in the tree
 *	  once this has moved
 * @last: page number the hold shall end with, inclusive
 * @ncharged: pages that are charged and not pinned yet
 * @batch: pages to be pinned next, in one chunk
 * @index: index of that chunk
 * @span: all pages of that chunk
 * @huge: first page of the batch, if it was pinned as a part of a huge page and is
 *	  not listed in @pages; otherwise NULL
 * @pages: the pages of the batch
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

/* Let the hold cover all pages before @end */
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

/*
 * Find out what to pin next, whatever room there is. Returns false when the hold
 * is complete.
 */
static bool fill_next_batch(struct fill *fill)
{
	struct iommufd_store *store = fill->store;
	struct iommufd_span gap;

	if (fill->next > fill->last)
		return false;
	gap = store_next_gap(store, fill->next, fill->last);
	/* The hold that covers the rest may extend beyond @fill->last */
	fill_grow(fill, min(gap.first, fill->last + 1));
	if (gap.first > fill->last)
		return false;
	fill->index = store_chunk_index(store, gap.first);
	fill->span = store_chunk_span(store, fill->index);
	gap.last = min(gap.last, fill->span.last);
	fill->batch = gap;
	return true;
}

static unsigned int fill_batch_size(const struct fill *fill)
{
	return fill->batch.last - fill->batch.first + 1;
}

/* Turn a batch of a huge page into one like all others */
static void fill_list_huge(struct fill *fill)
{
	unsigned int i, npages = fill_batch_size(fill);

	for (i = 0; i < npages; i++)
		fill->pages[i] = nth_page(fill->huge, i);
	fill->huge = NULL;
}

/* Record where the first pages of the batch are */
static int fill_chunk(struct fill *fill, struct iommufd_chunk *chunk,
		      unsigned int npages)
{
	if (fill->huge) {
		if (iommufd_chunk_set_run(chunk, fill->batch.first,
					  page_to_pfn(fill->huge)))
			return 0;
		fill_list_huge(fill);
	}
	return iommufd_chunk_set(chunk, fill->span, fill->batch.first,
				 fill->pages, npages);
}

/* Take over the first pages of the batch that was pinned */
static int fill_record(struct fill *fill, unsigned int npages)
{
	struct iommufd_store *store = fill->store;
	struct iommufd_chunk *chunk = store_make_chunk(store, fill->index);
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

/* Take over the batch that was pinned, on error possibly a part of it */
static int fill_commit(struct fill *fill)
{
	unsigned int npages = fill_batch_size(fill);

	if (!iommufd_should_fail())
		return fill_record(fill, npages);
	if (npages > 1)
		fill_record(fill, npages / 2);
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

/* Pin the batch, of which as much remains as there is room for */
static int fill_pin(struct fill *fill)
{
	struct iommufd_backing *backing = &fill->store->backing;
	unsigned int npages;
	int err;

	fill->batch.last = min(fill->batch.last,
			       fill->batch.first + fill->max_pages - 1);
	npages = fill_batch_size(fill);
	if (fatal_signal_pending(current))
		return -EINTR;
	/* The batch was charged already, unless a release has made a new gap */
	err = fill_charge(fill, npages);
	if (err)
		return err;
	if (iommufd_should_fail())
		return -EFAULT;
	/* For the few pages of a small hold, pin_huge() is not faster */
	fill->huge = backing->ops->pin_huge && npages > STACK_PAGES ?
		     backing->ops->pin_huge(backing, fill->batch.first, npages) :
		     NULL;
	if (fill->huge)
		return 0;
	return backing->ops->pin(backing, fill->batch.first, npages,
				 fill->pages);
}

/* The rest of the batch was pinned but cannot be recorded */
static void fill_unpin(struct fill *fill)
{
	struct iommufd_backing *backing = &fill->store->backing;
	unsigned int i, npages = fill_batch_size(fill);

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
		more = !err && fill_next_batch(fill);
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

static unsigned long count_gaps(struct iommufd_store *store,
				unsigned long first, unsigned long last)
{
	struct iommufd_span gap;
	unsigned long n = 0;

	while (first <= last) {
		gap = store_next_gap(store, first, last);
		if (gap.first > last)
			break;
		n += gap.last - gap.first + 1;
		first = gap.last + 1;
		if (first <= last)
			cond_resched();
	}
	return n;
}

static int fill_hold(struct fill *fill)
{
	struct iommufd_store *store = fill->store;
	unsigned long npages;
	bool more;
	int err;

	mutex_lock(&store->mutex);
	npages = count_gaps(store, fill->next, fill->last);
	more = fill_next_batch(fill);
	mutex_unlock(&store->mutex);
	if (!more)
		return 0;

	err = fill_get_room(fill, npages);
	if (err)
		return err;
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

	/* Pages with another hold are not pinned again, but take time, too */
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

/* The only page */

/* Record where the only page of the store is that is pinned */
static int record_single(struct iommufd_store *store,
			 struct iommufd_hold *hold, struct page *page)
{
	struct iommufd_chunk *chunk;
	int err = 0;

	mutex_lock(&store->mutex);
	chunk = store_make_chunk(store, store_chunk_index(store, hold->first));
	if (!chunk || iommufd_should_fail()) {
		err = -ENOMEM;
		goto out_unlock;
	}
	/* There was no hold, so this chunk is empty, like all of them */
	iommufd_chunk_set_extent(chunk, hold->first, page_to_pfn(page));
	WRITE_ONCE(store->npinned, 1);
	hold_tree_insert(hold, &store->holds);
out_unlock:
	mutex_unlock(&store->mutex);
	return err;
}

/*
 * Fast path for a small mapping, which is one page of a store without other holds.
 * It needs no count of gaps, no batches and no array of pages, which are half of the
 * cost of a hold.
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
	err = record_single(store, hold, page);
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
 * cannot be pinned, -ENOMEM for lack of memory or over RLIMIT_MEMLOCK. On
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
	/* @npinned only grows under this lock */
	if (first == last && !READ_ONCE(store->npinned))
		err = hold_single(store, hold);
	else
		err = hold_many(store, hold);
	mutex_unlock(&store->fill_mutex);
	return err;
}

/**
 * iommufd_store_split_hold() - replace a hold by two
 * @store: store that has pages
 * @hold: the hold, which ends
 * @low: the caller's, uninitialized: holds from the first page of @hold on
 * @low_last: the last page that @low holds, inclusive
 * @high: the caller's, uninitialized: holds up to the last page of @hold
 * @high_first: the first page that @high holds, at most @low_last + 1
 *
 * The pages stay pinned, so nothing is pinned or charged. Cannot fail and needs
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
