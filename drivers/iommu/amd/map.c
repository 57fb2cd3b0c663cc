// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: writing a list of runs into a version 1 page table.
 *
 * Whatever is smaller than 2 MiB goes into tables of the lowest level, and
 * neighbours in IOVA share one: it is looked up once for all of them, however
 * they are scattered in memory.  Larger pages are left to map_pages().
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/io-pgtable.h>
#include <linux/mem_encrypt.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "amd_iommu.h"
#include "ext.h"

/**
 * struct leaf - the table of the lowest level that is being written
 * @domain: whose table it is
 * @pte: entry of the next 4 KiB
 * @room_bytes: what the table can still take, 0 when there is none
 * @updated: tables were replaced that hardware may have cached
 */
struct leaf {
	struct protection_domain *domain;
	u64 *pte;
	size_t room_bytes;
	bool updated;
};

static int enter_leaf(struct leaf *leaf, unsigned long iova, gfp_t gfp)
{
	leaf->pte = amd_iommu_alloc_pte(leaf->domain, iova, SZ_4K, NULL, gfp,
					&leaf->updated);
	if (!leaf->pte)
		return -ENOMEM;
	leaf->room_bytes = SZ_2M - (iova & (SZ_2M - 1));
	return 0;
}

/* The largest page that fits: hardware knows all powers of two but one */
static size_t page_size_at(unsigned long iova, phys_addr_t phys, size_t len)
{
	unsigned long aligned = iova | phys;
	size_t sizes = AMD_IOMMU_PGSIZES & GENMASK(__fls(len), 0);

	if (aligned)
		sizes &= GENMASK(__ffs(aligned), 0);
	return BIT(__fls(sizes));
}

static void write_page(struct leaf *leaf, phys_addr_t phys, size_t pgsize,
		       u64 attr)
{
	unsigned int i, count = pgsize / SZ_4K;
	u64 pte = __sme_set(phys);

	/* A larger page is the same entry several times, with the size in it */
	if (count > 1)
		pte = PAGE_SIZE_PTE(pte, pgsize) | PM_LEVEL_ENC(PAGE_MODE_7_LEVEL);
	pte |= attr;
	for (i = 0; i < count; i++)
		WRITE_ONCE(leaf->pte[i], pte);
	leaf->pte += count;
	leaf->room_bytes -= pgsize;
}

static int map_page(struct leaf *leaf, unsigned long iova, phys_addr_t phys,
		    size_t pgsize, int prot, u64 attr, gfp_t gfp)
{
	struct io_pgtable_ops *ops = &leaf->domain->iop.iop.ops;
	size_t mapped = 0;
	int err;

	if (pgsize >= SZ_2M) {
		/* May replace the table that was written last */
		leaf->room_bytes = 0;
		return ops->map_pages(ops, iova, phys, pgsize, 1, prot, gfp,
				      &mapped);
	}
	if (!leaf->room_bytes) {
		err = enter_leaf(leaf, iova, gfp);
		if (err)
			return err;
	}
	write_page(leaf, phys, pgsize, attr);
	return 0;
}

static int map_run(struct leaf *leaf, unsigned long iova,
		   const struct iommu_run *run, int prot, u64 attr, gfp_t gfp,
		   size_t *mapped)
{
	phys_addr_t phys = run->phys;
	size_t left = run->len;
	int err;

	do {
		size_t pgsize = left == SZ_4K ? SZ_4K :
				page_size_at(iova, phys, left);

		err = map_page(leaf, iova, phys, pgsize, prot, attr, gfp);
		if (err)
			break;
		iova += pgsize;
		phys += pgsize;
		left -= pgsize;
	} while (left);
	*mapped += run->len - left;
	return err;
}

/* As after map_pages(): no walk may go on through what was replaced */
static void flush_replaced(struct protection_domain *domain)
{
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	amd_iommu_domain_flush_tlb_pde(domain);
	amd_iommu_domain_flush_complete(domain);
	spin_unlock_irqrestore(&domain->lock, flags);
}

/**
 * amd_iommu_v1_map_runs() - implement map_runs of &struct io_pgtable_ops
 * @ops: version 1 page table
 * @iova: where the first run goes, in bytes, a multiple of 4 KiB
 * @runs: runs of whole pages
 * @nr_runs: number of @runs
 * @prot: mask of IOMMU_PROT_IR and IOMMU_PROT_IW
 * @gfp: how page tables are allocated
 * @mapped: 0; increased by the number of bytes that are mapped, also on error
 *
 * Context: sleeps if @gfp allows it.  Nobody else changes this range.
 * Return: 0; -EINVAL for neither reading nor writing; -ENOMEM.
 */
int amd_iommu_v1_map_runs(struct io_pgtable_ops *ops, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct leaf leaf = { .domain = io_pgtable_ops_to_domain(ops) };
	u64 attr = IOMMU_PTE_PR | IOMMU_PTE_FC;
	unsigned int i;
	int err = 0;

	if (!(prot & IOMMU_PROT_MASK))
		return -EINVAL;
	if (prot & IOMMU_PROT_IR)
		attr |= IOMMU_PTE_IR;
	if (prot & IOMMU_PROT_IW)
		attr |= IOMMU_PTE_IW;
	for (i = 0; i < nr_runs && !err; i++)
		err = map_run(&leaf, iova + *mapped, &runs[i], prot, attr, gfp,
			      mapped);
	if (leaf.updated)
		flush_replaced(leaf.domain);
	return err;
}

/**
 * amd_iommu_map_runs() - implement map_runs of &struct iommu_domain_ops
 * @dom: domain
 * @iova: where the first run goes, in bytes, a multiple of 4 KiB
 * @runs: runs of whole pages
 * @nr_runs: number of @runs
 * @iommu_prot: mask of IOMMU_READ and IOMMU_WRITE; the rest means nothing here
 * @gfp: how page tables are allocated
 * @mapped: 0; set to the number of bytes that are mapped, also on error
 *
 * Context: sleeps if @gfp allows it.  Nobody else changes this range.
 * Return: 0; -EOPNOTSUPP for a table that takes no lists; -EINVAL for neither
 * reading nor writing, or where there is no table; -ENOMEM.
 */
int amd_iommu_map_runs(struct iommu_domain *dom, unsigned long iova,
		       const struct iommu_run *runs, unsigned int nr_runs,
		       int iommu_prot, gfp_t gfp, size_t *mapped)
{
	struct protection_domain *domain =
		container_of(dom, struct protection_domain, domain);
	struct io_pgtable_ops *ops = &domain->iop.iop.ops;
	int prot = 0;

	if (!ops->map_runs)
		return -EOPNOTSUPP;
	if (domain->iop.mode == PAGE_MODE_NONE)
		return -EINVAL;
	if (iommu_prot & IOMMU_READ)
		prot |= IOMMU_PROT_IR;
	if (iommu_prot & IOMMU_WRITE)
		prot |= IOMMU_PROT_IW;
	return ops->map_runs(ops, iova, runs, nr_runs, prot, gfp, mapped);
}
