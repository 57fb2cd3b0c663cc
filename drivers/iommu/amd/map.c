// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: writing a list of runs into a version 1 page table, and clearing what
 * lies in tables of the lowest level.
 *
 * Pages of less than 2 MiB are entries of tables of the lowest level, and runs that
 * are adjacent in IOVA share a table: it is looked up once for all of them, even if
 * they are scattered in memory. Larger pages are left to map_pages().
 */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/io-pgtable.h>
#include <linux/mem_encrypt.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "amd_iommu.h"
#include "domain.h"

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

/*
 * The entry of 4 KiB, in tables that are there already; NULL when one is not, or
 * a larger page is in the way.
 */
static __always_inline u64 *find_entry(const struct amd_io_pgtable *pgtable,
				       unsigned long iova)
{
	/* Tables grow: one read gives the root and the depth that belongs to it */
	u64 entry, pt_root = atomic64_read(&pgtable->pt_root);
	int level = (int)(pt_root & 7) - 1;
	u64 *pte = (u64 *)(pt_root & PAGE_MASK);

	if (level < 0 || iova > PM_LEVEL_SIZE(level + 1))
		return NULL;
	for (;; level--) {
		pte += PM_LEVEL_INDEX(level, iova);
		if (!level)
			return pte;
		entry = READ_ONCE(*pte);
		if (!IOMMU_PTE_PRESENT(entry) || PM_PTE_LEVEL(entry) != level)
			return NULL;
		pte = IOMMU_PTE_PAGE(entry);
	}
}

static int enter_leaf(struct leaf *leaf, unsigned long iova, gfp_t gfp)
{
	leaf->pte = find_entry(&leaf->domain->iop, iova);
	if (!leaf->pte)
		leaf->pte = amd_iommu_alloc_pte(leaf->domain, iova, SZ_4K, NULL,
						gfp, &leaf->updated);
	if (!leaf->pte)
		return -ENOMEM;
	leaf->room_bytes = SZ_2M - (iova & (SZ_2M - 1));
	return 0;
}

/* The largest page that fits: hardware has all powers of two except one */
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
	u64 pte = phys;

	/* A larger page is several identical entries, which encode its size */
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

static noinline int map_long(struct leaf *leaf, unsigned long iova,
			     const struct iommu_run *run, int prot, u64 attr,
			     gfp_t gfp, size_t *mapped)
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

/* Fast path for single pages, which scattered memory consists of */
static __always_inline int map_run(struct leaf *leaf, unsigned long iova,
				   const struct iommu_run *run, int prot,
				   u64 attr, gfp_t gfp, size_t *mapped)
{
	int err;

	if (run->len != SZ_4K)
		return map_long(leaf, iova, run, prot, attr, gfp, mapped);
	if (!leaf->room_bytes) {
		err = enter_leaf(leaf, iova, gfp);
		if (err)
			return err;
	}
	WRITE_ONCE(*leaf->pte++, run->phys | attr);
	leaf->room_bytes -= SZ_4K;
	*mapped += SZ_4K;
	return 0;
}

/* As after map_pages(): hardware must not use the tables that were replaced */
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
 * @prot: mask of IOMMU_PROT_IR, IOMMU_PROT_IW and IOMMU_PROT_MMIO
 * @gfp: how page tables are allocated
 * @mapped: 0; increased by the number of bytes that are mapped, also on error
 *
 * Context: sleeps if @gfp allows it. The caller excludes other changes of this
 * range.
 * Return: 0; -EINVAL for neither reading nor writing; -ENOMEM.
 */
int amd_iommu_v1_map_runs(struct io_pgtable_ops *ops, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct leaf leaf = { .domain = io_pgtable_ops_to_domain(ops) };
	const struct iommu_run *end = runs + nr_runs;
	u64 attr = IOMMU_PTE_PR | IOMMU_PTE_FC |
		   amd_iommu_pte_enc(prot, sme_me_mask);
	size_t done = 0;
	int err = 0;

	if (!(prot & IOMMU_PROT_MASK))
		return -EINVAL;
	if (prot & IOMMU_PROT_IR)
		attr |= IOMMU_PTE_IR;
	if (prot & IOMMU_PROT_IW)
		attr |= IOMMU_PTE_IW;
	for (; runs != end && !err; runs++)
		err = map_run(&leaf, iova + done, runs, prot, attr, gfp, &done);
	*mapped = done;
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
 * @iommu_prot: mask of IOMMU_READ, IOMMU_WRITE and IOMMU_MMIO; other bits are
 *              ignored
 * @gfp: how page tables are allocated
 * @mapped: 0; set to the number of bytes that are mapped, also on error
 *
 * Context: sleeps if @gfp allows it. The caller excludes other changes of this
 * range.
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
	if (iommu_prot & IOMMU_MMIO)
		prot |= IOMMU_PROT_MMIO;
	return ops->map_runs(ops, iova, runs, nr_runs, prot, gfp, mapped);
}

/* Whether every page that has an entry from @first up to @end lies within them */
static bool whole_pages(const u64 *first, const u64 *end)
{
	const u64 *last = end - 1;
	unsigned long count;

	if (PM_PTE_LEVEL(*first) == PAGE_MODE_7_LEVEL) {
		count = PTE_PAGE_SIZE(*first) / SZ_4K;
		if (!IS_ALIGNED((unsigned long)first, count * sizeof(*first)))
			return false;
	}
	if (PM_PTE_LEVEL(*last) == PAGE_MODE_7_LEVEL) {
		count = PTE_PAGE_SIZE(*last) / SZ_4K;
		if (!IS_ALIGNED((unsigned long)end, count * sizeof(*last)))
			return false;
	}
	return true;
}

/**
 * amd_iommu_v1_unmap_range() - implement unmap_range of &struct io_pgtable_ops
 * @ops: version 1 page table
 * @iova: where to begin, in bytes, a multiple of 4 KiB
 * @size: length in bytes, a multiple of 4 KiB
 *
 * Clears entries in tables of the lowest level, with one walk for each table. Stops
 * at pages of 2 MiB and more, where there is no table, and before a page of which
 * the range covers only a part: these are left to unmap_pages().
 *
 * Context: any. The caller excludes other changes of this range.
 * Return: how many bytes from @iova on are not mapped any more, at most @size.
 */
size_t amd_iommu_v1_unmap_range(struct io_pgtable_ops *ops, unsigned long iova,
				size_t size)
{
	struct amd_io_pgtable *pgtable = io_pgtable_ops_to_data(ops);
	size_t done, step;
	u64 *pte, *end;

	for (done = 0; done < size; done += step) {
		pte = find_entry(pgtable, iova + done);
		if (!pte)
			break;
		step = min_t(size_t, size - done,
			     SZ_2M - ((iova + done) & (SZ_2M - 1)));
		end = pte + step / SZ_4K;
		if (!whole_pages(pte, end))
			break;
		for (; pte != end; pte++)
			WRITE_ONCE(*pte, 0);
	}
	return done;
}
