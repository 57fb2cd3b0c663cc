// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: page store
 *
 * A store keeps the physical addresses of a range of memory, and keeps its pages
 * pinned as long as a hold covers them::
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
 * a huge page lies in one chunk; the first chunk may be short. A page is
 * pinned exactly while a hold covers it: the tree of holds is the only record
 * of what is pinned, and chunks only say where.
 *
 * Locks, outer first:
 *
 * fill_mutex
 *	The one hold that is being filled, also while its pages are being pinned,
 *	which may take as long as page faults take. Only the owner of this lock
 *	adds pinned pages.
 *
 * mutex
 *	The tree of holds, chunks, the number of pinned pages, unpinning. Never
 *	held while pinning, so neither releasing a hold nor walking runs waits
 *	for memory of user space.
 *
 * mmap_lock
 *	Of the process that owns or pays for the memory: inside fill_mutex, never
 *	inside mutex.
 *
 * A hold enters the tree as soon as its first pages are pinned and grows with
 * each batch. The release of another hold meanwhile unpins what the growing hold
 * has not reached yet, and the growing hold pins it again when it gets there. A
 * hold that fails half way is released like any other.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "store/account.h"
#include "store/store_private.h"

/* Tables of chunks */

static unsigned long nr_chunks(const struct iommufd_store *store)
{
	return store_chunk_index(store, store->npages - 1) + 1;
}

static unsigned long nr_leaves(const struct iommufd_store *store)
{
	return ((nr_chunks(store) - 1) >> STORE_LEAF_CHUNKS_LG2) + 1;
}

/**
 * iommufd_store_make_leaf() - make the table that a chunk is in
 * @store: the store
 * @index: number of the chunk, whose table was not made yet
 *
 * Context: may sleep; the store's mutex is held.
 * Return: whether there is enough memory.
 */
bool iommufd_store_make_leaf(struct iommufd_store *store, unsigned long index)
{
	unsigned long i = index >> STORE_LEAF_CHUNKS_LG2;

	lockdep_assert_held(&store->mutex);
	if (!store->leaves) {
		store->leaves = kvcalloc(nr_leaves(store),
					 sizeof(*store->leaves),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!store->leaves)
			return false;
	}
	store->leaves[i] = kcalloc(min(STORE_LEAF_CHUNKS, nr_chunks(store) -
				       (i << STORE_LEAF_CHUNKS_LG2)),
				   sizeof(struct iommufd_chunk),
				   GFP_KERNEL_ACCOUNT);
	return store->leaves[i];
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

/* The tree of holds */

/**
 * iommufd_store_gap_behind() - find pages behind a hold that no hold covers
 * @store: the store
 * @hold: the hold
 * @last: last page number to be looked at, inclusive
 *
 * Context: may sleep; the store's mutex is held.
 * Return: the lowest such pages, as store_next_gap() says.
 */
struct iommufd_span
iommufd_store_gap_behind(struct iommufd_store *store,
			 const struct iommufd_hold *hold, unsigned long last)
{
	struct iommufd_span gap = { .last = last };

	do {
		gap.first = hold->last + 1;
		if (gap.first > last)
			break;
		/* User space decides how many holds there are */
		cond_resched();
		hold = hold_tree_iter_first(&store->holds, gap.first, last);
	} while (hold && hold->first <= gap.first);
	if (gap.first <= last && hold)
		gap.last = hold->first - 1;
	return gap;
}

/* Stores */

/**
 * iommufd_store_create() - make a store
 * @backing: where its pages come from; copied
 * @account: account to charge, or NULL; the store takes the reference over, unless
 *	     this fails
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
	refcount_set(&store->refs, 1);
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
	refcount_inc(&store->refs);
	return store;
}

/**
 * iommufd_store_put() - drop a reference, free the store with the last one
 * @store: store, or NULL; without holds when this is the last reference
 *
 * Context: may sleep; may take the reservation lock of a dma-buf, so no lock
 * of an address space may be held.
 */
void iommufd_store_put(struct iommufd_store *store)
{
	if (!store || !refcount_dec_and_test(&store->refs))
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
