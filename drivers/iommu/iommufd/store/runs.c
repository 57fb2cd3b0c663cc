// SPDX-License-Identifier: GPL-2.0-only
/*
 * The physical memory of a store, as a list of the longest possible runs.
 */
#include <linux/iommu-ext.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pfn.h>

#include "store/chunk.h"
#include "store/store_private.h"

/**
 * iommufd_run_iter_init() - begin a walk over physical memory
 * @iter: the caller's, uninitialized
 * @store: the store
 * @hold: a hold that covers the walked bytes, and lasts as long as the walk
 * @offset_bytes: first byte, from the start of the store's first page
 * @length_bytes: number of bytes
 */
void iommufd_run_iter_init(struct iommufd_run_iter *iter,
			   struct iommufd_store *store,
			   const struct iommufd_hold *hold, u64 offset_bytes,
			   u64 length_bytes)
{
	iter->store = store;
	iter->hold = hold;
	iter->offset_bytes = offset_bytes;
	iter->end_bytes = offset_bytes + length_bytes;
	WARN_ON_ONCE(length_bytes &&
		     (offset_bytes >> PAGE_SHIFT < hold->first ||
		      (iter->end_bytes - 1) >> PAGE_SHIFT > hold->last));
}

/**
 * struct run_list - runs that are being put together
 * @runs: the runs
 * @nr: number of runs
 * @max: room in @runs
 * @end: physical address behind the last run, in bytes
 */
struct run_list {
	struct iommu_run *runs;
	unsigned int nr;
	unsigned int max;
	phys_addr_t end;
};

/* Append memory. Returns false when it needs a run and there is no room */
static __always_inline bool add_run(struct run_list *list, phys_addr_t phys,
				    size_t len)
{
	if (list->nr && list->end == phys) {
		list->runs[list->nr - 1].len += len;
	} else {
		if (list->nr == list->max)
			return false;
		list->runs[list->nr].phys = phys;
		list->runs[list->nr].len = len;
		list->nr++;
	}
	list->end = phys + len;
	return true;
}

/* Append pages of an array. Returns the first one for which there is no room */
static __always_inline unsigned long add_array(struct run_list *result,
					       const void *array, bool wide,
					       unsigned long i,
					       unsigned long last)
{
	struct run_list list = *result;
	struct iommu_run *run = list.runs + list.nr;
	struct iommu_run *end = list.runs + list.max;
	phys_addr_t phys;

	for (; i <= last; i++) {
		phys = PFN_PHYS(iommufd_chunk_array_pfn(array, wide, i));
		if (phys == list.end && run != list.runs) {
			run[-1].len += PAGE_SIZE;
		} else {
			if (run == end)
				break;
			run->phys = phys;
			run->len = PAGE_SIZE;
			run++;
		}
		list.end = phys + PAGE_SIZE;
	}
	list.nr = run - list.runs;
	*result = list;
	return i;
}

/* Append pages of a chunk that has an array. Returns as append_pages() does */
static noinline unsigned long
append_array(struct run_list *list, const struct iommufd_chunk *chunk,
	     unsigned long start, unsigned long first, unsigned long last)
{
	const void *array = iommufd_chunk_array(chunk);

	if (iommufd_chunk_format(chunk) == IOMMUFD_CHUNK_NARROW)
		return start + add_array(list, array, false, first - start,
					 last - start);
	return start + add_array(list, array, true, first - start,
				 last - start);
}

/*
 * Append pages of the chunk at @index. Returns the first one for which there
 * is no room. Most chunks are extents, which do not need the chunk's span.
 */
static __always_inline unsigned long
append_pages(struct run_list *list, const struct iommufd_store *store,
	     unsigned long index, unsigned long first, unsigned long last)
{
	const struct iommufd_chunk *chunk = store_chunk_at(store, index);
	unsigned long pfn;

	if (iommufd_chunk_format(chunk) != IOMMUFD_CHUNK_EXTENT)
		return append_array(list, chunk,
				    store_chunk_span(store, index).first,
				    first, last);
	pfn = iommufd_chunk_extent_pfn(chunk, first);
	return add_run(list, PFN_PHYS(pfn), (last - first + 1) << PAGE_SHIFT) ?
	       last + 1 : first;
}

/**
 * iommufd_store_single_run() - get contiguous memory without a walk
 * @store: the store
 * @offset_bytes: first byte, from the start of the store's first page
 * @length_bytes: number of bytes, not 0; the caller has a hold that covers them
 * @run: set to the memory when this returns true
 *
 * Context: any; takes no lock.
 * Return: true when the memory is one extent, as with small mappings and huge
 * pages; false when it takes a walk to get the runs.
 */
bool iommufd_store_single_run(const struct iommufd_store *store,
			      u64 offset_bytes, u64 length_bytes,
			      struct iommu_run *run)
{
	unsigned long page = offset_bytes >> PAGE_SHIFT;
	unsigned long last = (offset_bytes + length_bytes - 1) >> PAGE_SHIFT;
	unsigned long index = store_chunk_index(store, page);
	struct iommufd_chunk chunk;

	run->len = length_bytes;
	if (store_is_fixed(store)) {
		run->phys = store->backing.fixed->phys + offset_bytes;
		return true;
	}
	if (index != store_chunk_index(store, last))
		return false;
	/* Only an extent can be read without the mutex */
	chunk.word = READ_ONCE(store_chunk_at(store, index)->word);
	if (iommufd_chunk_format(&chunk) != IOMMUFD_CHUNK_EXTENT)
		return false;
	run->phys = PFN_PHYS(iommufd_chunk_extent_pfn(&chunk, page)) +
		    offset_in_page(offset_bytes);
	return true;
}

/**
 * iommufd_run_iter_next() - get the next pieces of contiguous memory
 * @iter: the walk
 * @runs: receives the runs, in the order of the memory
 * @max_runs: room in @runs, not 0
 *
 * Runs are as long as they can be: a run never continues the one before it,
 * not even the last one of the call before.
 *
 * Context: may sleep; does not wait for pins of others.
 * Return: number of runs, 0 at the end of the walk.
 */
unsigned int iommufd_run_iter_next(struct iommufd_run_iter *iter,
				   struct iommu_run *runs,
				   unsigned int max_runs)
{
	struct run_list list = { .runs = runs, .max = max_runs };
	struct iommufd_store *store = iter->store;
	unsigned long page, last, stop, index;

	if (iter->offset_bytes >= iter->end_bytes)
		return 0;
	if (store_is_fixed(store)) {
		iommufd_store_single_run(store, iter->offset_bytes,
					 iter->end_bytes - iter->offset_bytes,
					 runs);
		iter->offset_bytes = iter->end_bytes;
		return 1;
	}
	page = iter->offset_bytes >> PAGE_SHIFT;
	last = (iter->end_bytes - 1) >> PAGE_SHIFT;

	mutex_lock(&store->mutex);
	do {
		index = store_chunk_index(store, page);
		stop = min(store_chunk_last(store, page), last);
		page = append_pages(&list, store, index, page, stop);
	} while (page > stop && page <= last);
	mutex_unlock(&store->mutex);

	/* The runs are whole pages: cut off what is not wanted */
	runs[0].phys += offset_in_page(iter->offset_bytes);
	runs[0].len -= offset_in_page(iter->offset_bytes);
	if (page > last)
		runs[list.nr - 1].len -= ((u64)page << PAGE_SHIFT) -
					 iter->end_bytes;
	iter->offset_bytes = min((u64)page << PAGE_SHIFT, iter->end_bytes);
	return list.nr;
}
