// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: writing a list of runs into a page table.
 *
 * Pages of 4 KiB that follow each other in IOVA share a table of 2 MiB, however
 * they are scattered in memory: the table is looked up once for all of them, and
 * what was written to it is flushed once.  Superpages are left to
 * intel_iommu_map(), where one descent serves at least 512 pages.
 */
#include <linux/align.h>
#include <linux/bug.h>
#include <linux/cacheflush.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "ext.h"
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
	u64 attr = 0;

	if (prot & IOMMU_READ)
		attr |= DMA_PTE_READ;
	if (prot & IOMMU_WRITE)
		attr |= DMA_PTE_WRITE;
	if (domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL) {
		attr |= DMA_FL_PTE_XD | DMA_FL_PTE_US | DMA_FL_PTE_ACCESS;
		if (prot & IOMMU_WRITE)
			attr |= DMA_FL_PTE_DIRTY;
	}
	if (domain->set_pte_snp)
		attr |= DMA_PTE_SNP;
	return attr | DMA_FL_PTE_PRESENT;
}

/* A unit whose walks are not coherent finds the entries in memory */
static void leave_leaf(struct dmar_domain *domain, struct leaf *leaf)
{
	if (leaf->pte != leaf->dirty && !domain->iommu_coherency)
		clflush_cache_range(leaf->dirty, (void *)leaf->pte -
						 (void *)leaf->dirty);
	leaf->pte = NULL;
	leaf->dirty = NULL;
	leaf->room_bytes = 0;
}

static int enter_leaf(struct dmar_domain *domain, struct leaf *leaf,
		      unsigned long iova, gfp_t gfp)
{
	int level = 1;

	leave_leaf(domain, leaf);
	leaf->pte = pfn_to_dma_pte(domain, iova >> VTD_PAGE_SHIFT, &level, gfp);
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
		/* Devices would go on reaching what was mapped here before */
		WARN_ON_ONCE(pte->val);
		WRITE_ONCE(pte->val, pteval);
	}
	leaf->pte = pte;
	leaf->room_bytes -= len;
	return len;
}

/* How much from here on is superpages */
static size_t superpage_bytes(const struct dmar_domain *domain,
			      unsigned long iova, phys_addr_t phys, size_t len)
{
	if (len < SZ_2M || !domain->iommu_superpage ||
	    !IS_ALIGNED(iova | phys, SZ_2M))
		return 0;
	return ALIGN_DOWN(len, SZ_2M);
}

static int map_run(struct iommu_domain *domain, struct leaf *leaf,
		   unsigned long iova, const struct iommu_run *run, int prot,
		   u64 attr, gfp_t gfp, size_t *mapped)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	size_t done = 0, step;
	int err = 0;

	do {
		step = superpage_bytes(dmar_domain, iova + done,
				       run->phys + done, run->len - done);
		if (step) {
			/* May replace the table that was written last */
			leave_leaf(dmar_domain, leaf);
			err = intel_iommu_map(domain, iova + done,
					      run->phys + done, step, prot,
					      gfp);
			if (err)
				break;
		} else {
			if (!leaf->room_bytes) {
				err = enter_leaf(dmar_domain, leaf,
						 iova + done, gfp);
				if (err)
					break;
			}
			step = write_leaf(leaf, (run->phys + done) | attr,
					  run->len - done);
		}
		done += step;
	} while (done < run->len);
	*mapped += done;
	return err;
}

/* What is mapped lies within the table, and is known when that is attached */
static int cover(struct dmar_domain *domain, u64 last)
{
	if (last < domain->max_addr)
		return 0;
	if (last >> domain->gaw)
		return -EFAULT;
	domain->max_addr = last + 1;
	return 0;
}

/**
 * intel_iommu_map_runs() - implement map_runs of &struct iommu_domain_ops
 * @domain: VT-d domain with a page table
 * @iova: where the first run goes, in bytes, a multiple of 4 KiB
 * @runs: runs of whole pages
 * @nr_runs: number of @runs
 * @prot: mask of IOMMU_READ and IOMMU_WRITE; the rest means nothing here
 * @gfp: how page tables are allocated
 * @mapped: 0; increased by the number of bytes that are mapped, also on error
 *
 * Context: sleeps if @gfp allows it.  Nobody else changes this range.
 * Return: 0; -EINVAL for neither reading nor writing; -EFAULT beyond what the
 * table reaches; -ENOMEM.
 */
int intel_iommu_map_runs(struct iommu_domain *domain, unsigned long iova,
			 const struct iommu_run *runs, unsigned int nr_runs,
			 int prot, gfp_t gfp, size_t *mapped)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct leaf leaf = {};
	unsigned int i;
	int err = 0;
	u64 attr;

	if (!(prot & (IOMMU_READ | IOMMU_WRITE)))
		return -EINVAL;
	attr = small_page_attr(dmar_domain, prot);
	for (i = 0; i < nr_runs && !err; i++) {
		unsigned long at = iova + *mapped;

		err = cover(dmar_domain, at + runs[i].len - 1);
		if (!err)
			err = map_run(domain, &leaf, at, &runs[i], prot, attr,
				      gfp, mapped);
	}
	leave_leaf(dmar_domain, &leaf);
	return err;
}
