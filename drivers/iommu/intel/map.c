// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: writing a list of runs into a page table, and clearing short ranges.
 *
 * Pages of 4 KiB that are adjacent in IOVA share a table that spans 2 MiB, even if
 * they are scattered in memory: the table is looked up once for all of them, and
 * the entries written to it are flushed once. Superpages are mapped by
 * intel_iommu_map(), where one walk serves at least 512 pages, and ranges that may
 * contain some are unmapped by unmap_pages().
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/cacheflush.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "domain.h"
#include "iommu.h"

/**
 * struct leaf - the table of 4 KiB pages that is being written
 * @pte: entry of the next page; NULL when there is no table
 * @dirty: first entry that is written and not flushed
 * @room_bytes: what the table can still take
 */
struct leaf {
	struct dma_pte *pte;
	struct dma_pte *dirty;
	size_t room_bytes;
};

static u64 small_page_attr(const struct dmar_domain *domain, int prot)
{
	u64 attr = prot & (IOMMU_READ | IOMMU_WRITE);

	static_assert(DMA_PTE_READ == IOMMU_READ);
	static_assert(DMA_PTE_WRITE == IOMMU_WRITE);
	if (domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL) {
		attr |= DMA_FL_PTE_XD | DMA_FL_PTE_US | DMA_FL_PTE_ACCESS;
		if (prot & IOMMU_WRITE)
			attr |= DMA_FL_PTE_DIRTY;
	}
	if (domain->set_pte_snp)
		attr |= DMA_PTE_SNP;
	return attr | DMA_FL_PTE_PRESENT;
}

/* Write entries back to memory for units whose walks are not coherent */
static void leave_leaf(struct dmar_domain *domain, struct leaf *leaf)
{
	if (leaf->pte != leaf->dirty && !domain->iommu_coherency)
		clflush_cache_range(leaf->dirty, (void *)leaf->pte -
						 (void *)leaf->dirty);
	leaf->pte = NULL;
	leaf->dirty = NULL;
	leaf->room_bytes = 0;
}

/*
 * The entry of a page of 4 KiB, in tables that are there already; NULL when one
 * is not, or a superpage is in the way. @iova lies within the table.
 */
static __always_inline struct dma_pte *
find_entry(const struct dmar_domain *domain, unsigned long iova)
{
	/* An agaw of 0 means two levels */
	unsigned int shift = VTD_PAGE_SHIFT +
			     VTD_STRIDE_SHIFT * (domain->agaw + 1);
	struct dma_pte *pte, *table = domain->pgd;

	for (;;) {
		pte = &table[(iova >> shift) & (BIT(VTD_STRIDE_SHIFT) - 1)];
		if (shift == VTD_PAGE_SHIFT)
			return pte;
		if (!dma_pte_present(pte) || dma_pte_superpage(pte))
			return NULL;
		table = phys_to_virt(dma_pte_addr(pte));
		shift -= VTD_STRIDE_SHIFT;
	}
}

static int enter_leaf(struct dmar_domain *domain, struct leaf *leaf,
		      unsigned long iova, gfp_t gfp)
{
	int level = 1;

	leave_leaf(domain, leaf);
	leaf->pte = find_entry(domain, iova);
	if (!leaf->pte)
		leaf->pte = pfn_to_dma_pte(domain, iova >> VTD_PAGE_SHIFT,
					   &level, gfp);
	if (!leaf->pte)
		return -ENOMEM;
	leaf->dirty = leaf->pte;
	leaf->room_bytes = SZ_2M - (iova & (SZ_2M - 1));
	return 0;
}

/* Write as much of a run as the table takes; returns the number of bytes */
static __always_inline size_t write_leaf(struct leaf *leaf, u64 pteval,
					 size_t len)
{
	struct dma_pte *pte = leaf->pte;
	struct dma_pte *end;

	len = min(len, leaf->room_bytes);
	end = pte + (len >> VTD_PAGE_SHIFT);
	for (; pte != end; pte++, pteval += VTD_PAGE_SIZE) {
		/* Devices could still use the translation that was cached before */
		WARN_ON_ONCE(pte->val);
		WRITE_ONCE(pte->val, pteval);
	}
	leaf->pte = pte;
	leaf->room_bytes -= len;
	return len;
}

/* Number of bytes from here on that superpages can map */
static size_t superpage_bytes(const struct dmar_domain *domain,
			      unsigned long iova, phys_addr_t phys, size_t len)
{
	if (len < SZ_2M || !domain->iommu_superpage ||
	    !IS_ALIGNED(iova | phys, SZ_2M))
		return 0;
	return ALIGN_DOWN(len, SZ_2M);
}

/* A run that goes beyond one table */
static noinline int map_long(struct iommu_domain *domain, struct leaf *leaf,
			     unsigned long iova, const struct iommu_run *run,
			     int prot, u64 attr, gfp_t gfp, size_t *mapped)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	size_t done = 0, step = 0, large;
	int err = 0;

	/* Most long runs consist of superpages only */
	if (superpage_bytes(dmar_domain, iova, run->phys, run->len) == run->len) {
		leave_leaf(dmar_domain, leaf);
		err = intel_iommu_map(domain, iova, run->phys, run->len, prot,
				      gfp, &step);
		*mapped += step;
		return err;
	}

	if ((iova + run->len - 1) >> dmar_domain->gaw)
		return -EFAULT;
	do {
		step = 0;
		large = superpage_bytes(dmar_domain, iova + done,
					run->phys + done, run->len - done);
		if (large) {
			/* May replace the table that was written last */
			leave_leaf(dmar_domain, leaf);
			/* A call that fails may have mapped a part */
			err = intel_iommu_map(domain, iova + done,
					      run->phys + done, large, prot,
					      gfp, &step);
		} else {
			if (!leaf->room_bytes)
				err = enter_leaf(dmar_domain, leaf,
						 iova + done, gfp);
			if (!err)
				step = write_leaf(leaf,
						  (run->phys + done) | attr,
						  run->len - done);
		}
		done += step;
	} while (!err && done < run->len);
	*mapped += done;
	return err;
}

/* Fast path for short runs, which scattered memory consists of */
static __always_inline int
map_run(struct iommu_domain *domain, struct leaf *leaf, unsigned long iova,
	const struct iommu_run *run, int prot, u64 attr, gfp_t gfp,
	size_t *mapped)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	int err;

	if (run->len > leaf->room_bytes) {
		if (run->len >= SZ_2M - (iova & (SZ_2M - 1)))
			return map_long(domain, leaf, iova, run, prot, attr,
					gfp, mapped);
		if (iova >> dmar_domain->gaw)
			return -EFAULT;
		err = enter_leaf(dmar_domain, leaf, iova, gfp);
		if (err)
			return err;
	}
	*mapped += write_leaf(leaf, run->phys | attr, run->len);
	return 0;
}

/**
 * intel_iommu_map_runs() - implement map_runs of &struct iommu_domain_ops
 * @domain: VT-d domain with a page table
 * @iova: where the first run goes, in bytes, a multiple of 4 KiB
 * @runs: runs of whole pages
 * @nr_runs: number of @runs
 * @prot: mask of IOMMU_READ and IOMMU_WRITE; other bits are ignored
 * @gfp: how page tables are allocated
 * @mapped: 0; increased by the number of bytes that are mapped, also on error
 *
 * Context: sleeps if @gfp allows it. The caller excludes other changes of this
 * range.
 * Return: 0; -EINVAL for neither reading nor writing; -EFAULT beyond what the
 * table reaches; -ENOMEM.
 */
int intel_iommu_map_runs(struct iommu_domain *domain, unsigned long iova,
			 const struct iommu_run *runs, unsigned int nr_runs,
			 int prot, gfp_t gfp, size_t *mapped)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	const struct iommu_run *end = runs + nr_runs;
	struct leaf leaf = {};
	size_t done = 0;
	int err = 0;
	u64 attr;

	if (!(prot & (IOMMU_READ | IOMMU_WRITE)))
		return -EINVAL;
	attr = small_page_attr(dmar_domain, prot);
	for (; runs != end && !err; runs++)
		err = map_run(domain, &leaf, iova + done, runs, prot, attr,
			      gfp, &done);
	leave_leaf(dmar_domain, &leaf);
	/* The units of devices attached later must reach all that is mapped */
	if (done && iova + done > dmar_domain->max_addr)
		dmar_domain->max_addr = iova + done;
	*mapped = done;
	return err;
}

/**
 * intel_iommu_unmap_range() - implement unmap_range of &struct iommu_domain_ops
 * @domain: VT-d domain with a page table
 * @iova: where to begin, in bytes, a multiple of 4 KiB
 * @size: length in bytes, a multiple of 4 KiB
 * @gather: collects what has to be flushed, unless the flush is queued
 *
 * Clears entries of one table of 4 KiB pages. Other ranges, and one that covers a
 * whole table, are left to unmap_pages().
 *
 * Context: any. The caller excludes other changes of this range.
 * Return: @size, or 0 when nothing was done.
 */
size_t intel_iommu_unmap_range(struct iommu_domain *domain, unsigned long iova,
			       size_t size, struct iommu_iotlb_gather *gather)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	unsigned long last = iova + size - 1;
	struct dma_pte *first, *pte, *end;

	if ((iova ^ last) >> ilog2(SZ_2M) || size == SZ_2M ||
	    last >= dmar_domain->max_addr)
		return 0;
	first = find_entry(dmar_domain, iova);
	if (!first)
		return 0;
	end = first + (size >> VTD_PAGE_SHIFT);
	for (pte = first; pte != end; pte++)
		dma_clear_pte(pte);
	if (!dmar_domain->iommu_coherency)
		clflush_cache_range(first, (void *)end - (void *)first);
	if (dmar_domain->max_addr == last + 1)
		dmar_domain->max_addr = iova;
	/* A queued flush covers the whole domain */
	if (!iommu_iotlb_gather_queued(gather))
		iommu_iotlb_gather_add_page(domain, gather, iova, size);
	return size;
}
