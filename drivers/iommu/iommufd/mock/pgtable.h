/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page table of the mock IOMMU: IOVA to physical address, in pages of several
 * sizes, each with a dirty bit.
 *
 * It warns where hardware would silently misbehave: when a page is mapped over an
 * entry, or a range without entries is unmapped.
 */
#ifndef __MOCK_PGTABLE_H
#define __MOCK_PGTABLE_H

#include <linux/types.h>
#include <linux/xarray.h>

struct iommu_dirty_log;

/* Smallest page, smaller than that of any CPU, so that code confusing them fails */
#define MOCK_PAGE_LG2	11

/**
 * struct mock_pgtable - a page table
 * @entries: first unit of %MOCK_PAGE_LG2 of a page to its entry; the array's
 *	     lock protects the entries
 * @page_sizes: mask of the sizes that pages may have, in bytes
 * @snoops: entries that are made make all DMA snoop
 */
struct mock_pgtable {
	struct xarray entries;
	unsigned long page_sizes;
	bool snoops;
};

/**
 * struct mock_page - contents of an entry
 * @iova: first IOVA of the page
 * @phys: first physical address of the page
 * @size_lg2: its size in bytes, as a power of two
 * @prot: mask of IOMMU_READ and IOMMU_WRITE
 * @dirty: a device wrote to it
 * @snoops: all DMA to it snoops
 */
struct mock_page {
	unsigned long iova;
	phys_addr_t phys;
	unsigned int size_lg2;
	int prot;
	bool dirty;
	bool snoops;
};

/**
 * struct mock_pgtable_stats - what a page table holds
 * @nr_pages: number of entries
 * @nr_huge: how many of them are larger than a page of the CPU
 * @mapped_bytes: sum of their sizes
 */
struct mock_pgtable_stats {
	u64 nr_pages;
	u64 nr_huge;
	u64 mapped_bytes;
};

void mock_pgtable_init(struct mock_pgtable *pt, unsigned long page_sizes);
void mock_pgtable_destroy(struct mock_pgtable *pt);
bool mock_pgtable_force_snooping(struct mock_pgtable *pt);
int mock_pgtable_map(struct mock_pgtable *pt, unsigned long iova,
		     phys_addr_t phys, size_t size, int prot, gfp_t gfp);
size_t mock_pgtable_unmap(struct mock_pgtable *pt, unsigned long iova,
			  size_t size);
bool mock_pgtable_lookup(struct mock_pgtable *pt, unsigned long iova,
			 struct mock_page *page);
int mock_pgtable_copy(struct mock_pgtable *pt, unsigned long iova, void *buf,
		      size_t len, bool write);
void mock_pgtable_stats(struct mock_pgtable *pt,
			struct mock_pgtable_stats *stats);
void mock_pgtable_mark_dirty(struct mock_pgtable *pt, unsigned long iova,
			     unsigned long last);
void mock_pgtable_clear_dirty(struct mock_pgtable *pt);
void mock_pgtable_read_dirty(struct mock_pgtable *pt, unsigned long iova,
			     unsigned long last, struct iommu_dirty_log *log);

#endif /* __MOCK_PGTABLE_H */
