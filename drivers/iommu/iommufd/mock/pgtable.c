// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table of the mock IOMMU: see mock_pgtable.h.
 *
 * A page is one value in a sparse array, at the index of its first unit, and
 * contains its size. The page of an IOVA is found by a lookup for each size, at the
 * index where a page of that size would begin.
 */
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/highmem.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "mock/pgtable.h"

#define ENTRY_SIZE_LG2	GENMASK_ULL(5, 0)
#define ENTRY_READ	BIT_ULL(6)
#define ENTRY_WRITE	BIT_ULL(7)
#define ENTRY_DIRTY	BIT_ULL(8)
#define ENTRY_SNOOP	BIT_ULL(9)
#define ENTRY_PHYS_BIT	10

/* Entries that are read before the lock is released for other tasks */
#define LOCK_BATCH	1024

static_assert(BITS_PER_LONG == 64);

static void *entry_make(phys_addr_t phys, size_t size, int prot, bool snoops)
{
	unsigned long value = ilog2(size);

	if (prot & IOMMU_READ)
		value |= ENTRY_READ;
	if (prot & IOMMU_WRITE)
		value |= ENTRY_WRITE;
	if (snoops)
		value |= ENTRY_SNOOP;
	value |= (unsigned long)(phys >> MOCK_PAGE_LG2) << ENTRY_PHYS_BIT;
	return xa_mk_value(value);
}

static unsigned int entry_size_lg2(const void *entry)
{
	return xa_to_value(entry) & ENTRY_SIZE_LG2;
}

static bool entry_is_dirty(const void *entry)
{
	return xa_to_value(entry) & ENTRY_DIRTY;
}

static void *entry_set_dirty(const void *entry, bool dirty)
{
	unsigned long value = xa_to_value(entry) & ~ENTRY_DIRTY;

	return xa_mk_value(dirty ? value | ENTRY_DIRTY : value);
}

static void entry_show(const void *entry, unsigned long index,
		       struct mock_page *page)
{
	unsigned long value = xa_to_value(entry);

	page->iova = index << MOCK_PAGE_LG2;
	page->phys = (phys_addr_t)(value >> ENTRY_PHYS_BIT) << MOCK_PAGE_LG2;
	page->size_lg2 = entry_size_lg2(entry);
	page->prot = (value & ENTRY_READ ? IOMMU_READ : 0) |
		     (value & ENTRY_WRITE ? IOMMU_WRITE : 0);
	page->dirty = value & ENTRY_DIRTY;
	page->snoops = value & ENTRY_SNOOP;
}

/* Release the lock from time to time, and continue the walk at its position */
static void breathe(struct xa_state *xas, unsigned int *count)
{
	if (++*count % LOCK_BATCH)
		return;
	xas_pause(xas);
	xas_unlock(xas);
	cond_resched();
	xas_lock(xas);
}

/**
 * mock_pgtable_init() - make an empty page table
 * @pt: the page table
 * @page_sizes: mask of the sizes that its pages may have, in bytes
 *
 * Context: any.
 */
void mock_pgtable_init(struct mock_pgtable *pt, unsigned long page_sizes)
{
	xa_init_flags(&pt->entries, XA_FLAGS_ACCOUNT);
	pt->page_sizes = page_sizes;
	pt->snoops = false;
}

/**
 * mock_pgtable_destroy() - free a page table
 * @pt: the page table, which must be empty
 *
 * Context: may sleep.
 */
void mock_pgtable_destroy(struct mock_pgtable *pt)
{
	/* Devices could still reach what was mapped here */
	WARN_ON_ONCE(!xa_empty(&pt->entries));
	xa_destroy(&pt->entries);
}

/**
 * mock_pgtable_force_snooping() - let all DMA through a page table snoop
 * @pt: the page table
 *
 * As with hardware that has a bit for it in each entry, entries that exist do not
 * get it.
 *
 * Context: any; the caller excludes other changes of @pt.
 * Return: whether it does; false when it is not empty.
 */
bool mock_pgtable_force_snooping(struct mock_pgtable *pt)
{
	if (xa_empty(&pt->entries))
		WRITE_ONCE(pt->snoops, true);
	return pt->snoops;
}

/**
 * mock_pgtable_lookup() - find the page that an IOVA lies in
 * @pt: the page table
 * @iova: the IOVA in bytes
 * @page: result: the page
 *
 * Context: any.
 * Return: whether there is one.
 */
bool mock_pgtable_lookup(struct mock_pgtable *pt, unsigned long iova,
			 struct mock_page *page)
{
	unsigned long sizes = pt->page_sizes;
	unsigned int size_lg2;

	for_each_set_bit(size_lg2, &sizes, BITS_PER_LONG) {
		unsigned long index = (iova >> size_lg2 << size_lg2) >>
				      MOCK_PAGE_LG2;
		void *entry = xa_load(&pt->entries, index);

		/* Another size may have its page begin here, but end earlier */
		if (!entry || entry_size_lg2(entry) < size_lg2)
			continue;
		entry_show(entry, index, page);
		return true;
	}
	return false;
}

/* As much of the copy as lies in one page of the CPU. Returns its length, or 0 */
static size_t copy_part(struct mock_pgtable *pt, unsigned long iova, void *buf,
			size_t len, bool write)
{
	struct mock_page page;
	phys_addr_t phys;
	void *mem;

	if (!mock_pgtable_lookup(pt, iova, &page) ||
	    !(page.prot & (write ? IOMMU_WRITE : IOMMU_READ)))
		return 0;
	phys = page.phys + (iova - page.iova);
	len = min3(len, (size_t)(page.iova + BIT(page.size_lg2) - iova),
		   (size_t)(PAGE_SIZE - offset_in_page(phys)));
	mem = kmap_local_pfn(PHYS_PFN(phys)) + offset_in_page(phys);
	if (write)
		memcpy(mem, buf, len);
	else
		memcpy(buf, mem, len);
	kunmap_local(mem);
	return len;
}

/**
 * mock_pgtable_copy() - access memory as a device would
 * @pt: the page table
 * @iova: first IOVA in bytes
 * @buf: what is written, or where to what is read
 * @len: bytes, few enough to be copied without rescheduling
 * @write: to memory
 *
 * What is unmapped is not accessed any more when mock_pgtable_unmap() has returned.
 *
 * Context: process context; does not sleep.
 * Return: 0; -EFAULT when something is not mapped, or not for this; what lies before
 * that has been copied.
 */
int mock_pgtable_copy(struct mock_pgtable *pt, unsigned long iova, void *buf,
		      size_t len, bool write)
{
	size_t part = 1;

	xa_lock(&pt->entries);
	for (; len && part; len -= part, buf += part, iova += part)
		part = copy_part(pt, iova, buf, len, write);
	xa_unlock(&pt->entries);
	return part ? 0 : -EFAULT;
}

static bool is_empty(struct mock_pgtable *pt, unsigned long iova,
		     unsigned long last)
{
	unsigned long index = iova >> MOCK_PAGE_LG2;
	struct mock_page page;

	return !mock_pgtable_lookup(pt, iova, &page) &&
	       !xa_find(&pt->entries, &index, last >> MOCK_PAGE_LG2,
			XA_PRESENT);
}

/**
 * mock_pgtable_map() - make a page
 * @pt: the page table
 * @iova: first IOVA, a multiple of @size
 * @phys: first physical address, a multiple of @size
 * @size: one of the table's page sizes, in bytes
 * @prot: mask of IOMMU_READ and IOMMU_WRITE
 * @gfp: how memory is allocated
 *
 * Context: may sleep if @gfp allows it; the caller excludes other changes of this
 * range.
 * Return: 0; -ENOMEM; -EINVAL for a size that is none or what is not aligned,
 * -EEXIST when something is mapped there, both after a warning.
 */
int mock_pgtable_map(struct mock_pgtable *pt, unsigned long iova,
		     phys_addr_t phys, size_t size, int prot, gfp_t gfp)
{
	if (WARN_ON_ONCE(!is_power_of_2(size) || !(size & pt->page_sizes) ||
			 ((iova | phys) & (size - 1))))
		return -EINVAL;
	if (WARN_ON_ONCE(!is_empty(pt, iova, iova + (size - 1))))
		return -EEXIST;
	return xa_err(xa_store(&pt->entries, iova >> MOCK_PAGE_LG2,
			       entry_make(phys, size, prot,
					  READ_ONCE(pt->snoops)), gfp));
}

/**
 * mock_pgtable_unmap() - take pages out
 * @pt: the page table
 * @iova: first IOVA in bytes
 * @size: number of bytes, not 0; all of them must be mapped, in whole pages
 *
 * Context: may sleep; the caller excludes other changes of this range.
 * Return: number of bytes that were mapped; another than @size after a warning.
 */
size_t mock_pgtable_unmap(struct mock_pgtable *pt, unsigned long iova,
			  size_t size)
{
	unsigned long last = iova + (size - 1);
	unsigned long index;
	XA_STATE(xas, &pt->entries, iova >> MOCK_PAGE_LG2);
	struct mock_page page;
	unsigned int count = 0;
	size_t unmapped = 0;
	void *entry;

	if (WARN_ON_ONCE(!mock_pgtable_lookup(pt, iova, &page) ||
			 page.iova != iova))
		return 0;

	xas_lock(&xas);
	xas_for_each(&xas, entry, last >> MOCK_PAGE_LG2) {
		size_t page_bytes = BIT(entry_size_lg2(entry));

		/* A page that extends beyond the range cannot be split */
		if (page_bytes > size - unmapped)
			break;
		unmapped += page_bytes;
		index = xas.xa_index;
		xas_store(&xas, NULL);
		if (++count % LOCK_BATCH)
			continue;
		/* The store may have freed the node, so no xas_pause() here */
		xas_set(&xas, index + 1);
		xas_unlock(&xas);
		cond_resched();
		xas_lock(&xas);
	}
	xas_unlock(&xas);
	WARN_ON_ONCE(unmapped != size);
	return unmapped;
}

/**
 * mock_pgtable_stats() - count what a page table holds
 * @pt: the page table
 * @stats: result
 *
 * Others may map and unmap meanwhile.
 *
 * Context: may sleep.
 */
void mock_pgtable_stats(struct mock_pgtable *pt,
			struct mock_pgtable_stats *stats)
{
	XA_STATE(xas, &pt->entries, 0);
	unsigned int count = 0;
	void *entry;

	memset(stats, 0, sizeof(*stats));
	xas_lock(&xas);
	xas_for_each(&xas, entry, ULONG_MAX) {
		stats->nr_pages++;
		stats->nr_huge += BIT(entry_size_lg2(entry)) > PAGE_SIZE;
		stats->mapped_bytes += BIT(entry_size_lg2(entry));
		breathe(&xas, &count);
	}
	xas_unlock(&xas);
}

/**
 * mock_pgtable_mark_dirty() - write to IOVAs as a device would
 * @pt: the page table
 * @iova: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 *
 * IOVAs that are not mapped are skipped.
 *
 * Context: may sleep.
 */
void mock_pgtable_mark_dirty(struct mock_pgtable *pt, unsigned long iova,
			     unsigned long last)
{
	XA_STATE(xas, &pt->entries, iova >> MOCK_PAGE_LG2);
	struct mock_page page;
	unsigned int count = 0;
	void *entry;

	if (mock_pgtable_lookup(pt, iova, &page))
		xas_set(&xas, page.iova >> MOCK_PAGE_LG2);
	xas_lock(&xas);
	xas_for_each(&xas, entry, last >> MOCK_PAGE_LG2) {
		xas_store(&xas, entry_set_dirty(entry, true));
		breathe(&xas, &count);
	}
	xas_unlock(&xas);
}

/**
 * mock_pgtable_clear_dirty() - forget all writes
 * @pt: the page table
 *
 * Context: may sleep.
 */
void mock_pgtable_clear_dirty(struct mock_pgtable *pt)
{
	XA_STATE(xas, &pt->entries, 0);
	unsigned int count = 0;
	void *entry;

	xas_lock(&xas);
	xas_for_each(&xas, entry, ULONG_MAX) {
		if (entry_is_dirty(entry))
			xas_store(&xas, entry_set_dirty(entry, false));
		breathe(&xas, &count);
	}
	xas_unlock(&xas);
}

/**
 * mock_pgtable_read_dirty() - report pages that were written
 * @pt: the page table
 * @iova: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @log: log to report to, which says whether to clear dirty bits
 *
 * Context: may sleep.
 */
void mock_pgtable_read_dirty(struct mock_pgtable *pt, unsigned long iova,
			     unsigned long last, struct iommu_dirty_log *log)
{
	XA_STATE(xas, &pt->entries, iova >> MOCK_PAGE_LG2);
	struct mock_page page;
	unsigned int count = 0;
	void *entry;

	if (mock_pgtable_lookup(pt, iova, &page))
		xas_set(&xas, page.iova >> MOCK_PAGE_LG2);
	xas_lock(&xas);
	xas_for_each(&xas, entry, last >> MOCK_PAGE_LG2) {
		unsigned long start = xas.xa_index << MOCK_PAGE_LG2;
		size_t size = BIT(entry_size_lg2(entry));

		if (entry_is_dirty(entry) &&
		    iommu_dirty_report(log, start, size)) {
			xas_store(&xas, entry_set_dirty(entry, false));
			iommu_iotlb_gather_add_range(log->gather, start, size);
		}
		breathe(&xas, &count);
	}
	xas_unlock(&xas);
}
