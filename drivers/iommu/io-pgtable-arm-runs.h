/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists of runs and short ranges in the tables of io-pgtable-arm.c.
 *
 * io-pgtable-arm.c includes this file after the helpers that it uses, so that they
 * stay inlined into one loop over the entries of a table.
 */
#ifndef IO_PGTABLE_ARM_RUNS_H_
#define IO_PGTABLE_ARM_RUNS_H_

/**
 * struct arm_lpae_leaf - the last-level table that is being written
 * @ptep: entry of the next page
 * @room: bytes that the table can still take, 0 when there is none
 */
struct arm_lpae_leaf {
	arm_lpae_iopte	*ptep;
	size_t		room;
};

/*
 * Bytes that a last-level table maps. No page is larger than the granule and
 * smaller than this.
 */
static size_t arm_lpae_leaf_span(struct arm_lpae_io_pgtable *data)
{
	return ARM_LPAE_BLOCK_SIZE(ARM_LPAE_MAX_LEVELS - 2, data);
}

/* Add a missing table, unless another task adds it first or memory is short */
static noinline void arm_lpae_add_table(struct arm_lpae_io_pgtable *data,
					arm_lpae_iopte *ptep, gfp_t gfp)
{
	size_t size = ARM_LPAE_GRANULE(data);
	arm_lpae_iopte *table;

	table = __arm_lpae_alloc_pages(size, gfp, &data->iop.cfg);
	if (table && arm_lpae_install_table(table, ptep, 0, data))
		__arm_lpae_free_pages(table, size, &data->iop.cfg);
}

/*
 * The last-level entry of @iova. NULL when a table is missing and @gfp does not
 * suffice to allocate it, when the IOMMU may not see a table yet, or when a block
 * maps @iova. A @gfp of 0 adds no tables.
 */
static __always_inline arm_lpae_iopte *
arm_lpae_last_entry(struct arm_lpae_io_pgtable *data, unsigned long iova,
		    gfp_t gfp)
{
	int bits = data->bits_per_level;
	int shift = ARM_LPAE_LVL_SHIFT(data->start_level, data);
	int last = ARM_LPAE_LVL_SHIFT(ARM_LPAE_MAX_LEVELS - 1, data);
	u64 mask = (1ULL << data->pgd_bits) - 1;
	bool coherent = data->iop.cfg.coherent_walk;
	arm_lpae_iopte pte, *ptep = data->pgd;

	for (;; shift -= bits) {
		ptep += ((u64)iova >> shift) & mask;
		if (shift == last)
			return ptep;
		pte = READ_ONCE(*ptep);
		if (!pte && gfp) {
			arm_lpae_add_table(data, ptep, gfp);
			pte = READ_ONCE(*ptep);
		}
		if (iopte_type(pte) != ARM_LPAE_PTE_TYPE_TABLE ||
		    (!coherent && !(pte & ARM_LPAE_PTE_SW_SYNC)))
			return NULL;
		ptep = iopte_deref(pte, data);
		mask = (1ULL << bits) - 1;
	}
}

/* Map a run that reaches the end of a table, or whose table cannot be used */
static noinline int arm_lpae_map_long(struct arm_lpae_io_pgtable *data,
				      unsigned long iova,
				      const struct iommu_run *run,
				      arm_lpae_iopte prot, gfp_t gfp,
				      size_t *mapped)
{
	phys_addr_t paddr = run->phys;
	size_t done, sizes, left;
	int ret;

	/* Blocks have another type than pages */
	prot &= ~(arm_lpae_iopte)ARM_LPAE_PTE_TYPE_MASK;
	for (left = run->len; left; left -= done) {
		sizes = data->iop.cfg.pgsize_bitmap & GENMASK(__fls(left), 0);
		if (iova | paddr)
			sizes &= GENMASK(__ffs(iova | paddr), 0);
		sizes = BIT(__fls(sizes));

		/* Fill the table: a larger page can only begin behind its end */
		done = 0;
		ret = __arm_lpae_map(data, iova, paddr, sizes,
				     min_t(size_t, left / sizes,
					   ARM_LPAE_PTES_PER_TABLE(data)),
				     prot, data->start_level, data->pgd, gfp,
				     &done);
		*mapped += done;
		if (ret)
			return ret;
		iova += done;
		paddr += done;
	}
	return 0;
}

static __always_inline int
arm_lpae_map_run(struct arm_lpae_io_pgtable *data, struct arm_lpae_leaf *leaf,
		 unsigned long iova, const struct iommu_run *run,
		 arm_lpae_iopte prot, gfp_t gfp, size_t *mapped)
{
	struct io_pgtable_cfg *cfg = &data->iop.cfg;
	size_t granule = ARM_LPAE_GRANULE(data);
	phys_addr_t paddr = run->phys;
	size_t span, done;
	int ret;

	if ((paddr + run->len - 1) >> cfg->oas)
		return -ERANGE;
	if (run->len > leaf->room) {
		long iaext = (s64)(iova + run->len - 1) >> cfg->ias;

		if (cfg->quirks & IO_PGTABLE_QUIRK_ARM_TTBR1)
			iaext = ~iaext;
		if (iaext)
			return -ERANGE;
		span = arm_lpae_leaf_span(data);
		leaf->room = 0;
		if (run->len < span - (iova & (span - 1))) {
			leaf->ptep = arm_lpae_last_entry(data, iova, gfp);
			if (leaf->ptep)
				leaf->room = span - (iova & (span - 1));
		}
		if (!leaf->room)
			return arm_lpae_map_long(data, iova, run, prot, gfp,
						 mapped);
	}

	for (done = 0; done < run->len; done += granule, leaf->ptep++) {
		if (unlikely(*leaf->ptep)) {
			/* Warns and fails, as the entry is in use */
			ret = arm_lpae_init_pte(data, iova, paddr + done, prot,
						ARM_LPAE_MAX_LEVELS - 1, 1,
						leaf->ptep);
			leaf->room = 0;
			*mapped += done;
			return ret ?: -EEXIST;
		}
		WRITE_ONCE(*leaf->ptep,
			   prot | paddr_to_iopte(paddr + done, data));
	}
	if (!cfg->coherent_walk)
		__arm_lpae_sync_pte(leaf->ptep - done / granule, done / granule,
				    cfg);
	leaf->room -= done;
	*mapped += done;
	return 0;
}

static int arm_lpae_map_runs(struct io_pgtable_ops *ops, unsigned long iova,
			     const struct iommu_run *runs, unsigned int nr_runs,
			     int iommu_prot, gfp_t gfp, size_t *mapped)
{
	struct arm_lpae_io_pgtable *data = io_pgtable_ops_to_data(ops);
	const struct iommu_run *end = runs + nr_runs;
	struct arm_lpae_leaf leaf = {};
	arm_lpae_iopte prot;
	size_t done = 0;
	int ret = 0;

	if (!(iommu_prot & (IOMMU_READ | IOMMU_WRITE)))
		return -EINVAL;

	prot = arm_lpae_prot_to_pte(data, iommu_prot);
	prot |= data->iop.fmt == ARM_MALI_LPAE ? ARM_LPAE_PTE_TYPE_BLOCK :
						 ARM_LPAE_PTE_TYPE_PAGE;
	for (; runs != end && !ret; runs++)
		ret = arm_lpae_map_run(data, &leaf, iova + done, runs, prot,
				       gfp, &done);
	*mapped = done;
	/* As in arm_lpae_map_pages() */
	wmb();

	return ret;
}

/*
 * Clear the entries from @iova on in one last-level table. Does nothing when @size
 * covers the whole table, which unmap_pages() then has to free as well.
 */
static size_t arm_lpae_unmap_range(struct io_pgtable_ops *ops,
				   unsigned long iova, size_t size)
{
	struct arm_lpae_io_pgtable *data = io_pgtable_ops_to_data(ops);
	struct io_pgtable_cfg *cfg = &data->iop.cfg;
	size_t granule = ARM_LPAE_GRANULE(data);
	size_t span = arm_lpae_leaf_span(data);
	long iaext = (s64)iova >> cfg->ias;
	arm_lpae_iopte *ptep;
	size_t done;

	if (cfg->quirks & IO_PGTABLE_QUIRK_ARM_TTBR1)
		iaext = ~iaext;
	size = min(size, span - (iova & (span - 1)));
	if (iaext || size == span)
		return 0;
	ptep = arm_lpae_last_entry(data, iova, 0);
	if (!ptep)
		return 0;
	for (done = 0; done < size && *ptep; done += granule)
		WRITE_ONCE(*ptep++, 0);
	if (!cfg->coherent_walk && done)
		__arm_lpae_sync_pte(ptep - done / granule, done / granule, cfg);
	return done;
}

#endif /* IO_PGTABLE_ARM_RUNS_H_ */
