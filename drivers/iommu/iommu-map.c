// SPDX-License-Identifier: GPL-2.0-only
/*
 * What users do to the tables of their domains: mapping a list of runs, unmapping,
 * flushing, and reading the pages that devices wrote.
 *
 * Other tasks may attach and detach devices meanwhile. For a driver that does not
 * allow it the domain has an attach_lock, which an attach holds for writing and
 * every function here for reading. The DMA API and VFIO type1 do not call these
 * functions: the former may not sleep, and the latter does not attach while it
 * maps.
 */
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/rwsem.h>

#include "iommu-map.h"

/* Everything that a driver's map_runs() may rely on */
static int check_runs(const struct iommu_domain *domain, unsigned long iova,
		      const struct iommu_run *runs, unsigned int nr_runs)
{
	unsigned long sizes = domain->pgsize_bitmap;
	size_t end, total = 0;
	unsigned int i;
	u64 bits = iova;

	for (i = 0; i < nr_runs; i++) {
		bits |= runs[i].phys | runs[i].len;
		end = total + runs[i].len;
		/* An empty run, or more than can be */
		if (end <= total)
			return -EINVAL;
		total = end;
	}
	/* All bits below the smallest page, or all of them if there is none */
	if (bits & ((sizes & -sizes) - 1))
		return -EINVAL;
	if (total && iova + (total - 1) < iova)
		return -EINVAL;
	return domain->type & __IOMMU_DOMAIN_PAGING ? 0 : -EINVAL;
}

/* For tables that take no lists: one run after the other, without sync */
static noinline int
map_each(struct iommu_domain *domain, unsigned long iova,
	 const struct iommu_run *runs, unsigned int nr_runs, int prot,
	 gfp_t gfp, size_t *mapped)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr_runs; i++) {
		/* __iommu_map() unmaps a run that fails, not the runs before it */
		err = __iommu_map(domain, iova + *mapped, runs[i].phys,
				  runs[i].len, prot, gfp);
		if (err)
			return err;
		*mapped += runs[i].len;
	}
	return 0;
}

static int map_and_sync(struct iommu_domain *domain, unsigned long iova,
			const struct iommu_run *runs, unsigned int nr_runs,
			int prot, gfp_t gfp, size_t *mapped)
{
	const struct iommu_domain_ops *ops = domain->ops;
	int err;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	*mapped = 0;
	err = check_runs(domain, iova, runs, nr_runs);
	if (err)
		return err;

	err = -EOPNOTSUPP;
	if (ops->map_runs)
		err = ops->map_runs(domain, iova, runs, nr_runs, prot, gfp,
				    mapped);
	if (err == -EOPNOTSUPP)
		err = map_each(domain, iova, runs, nr_runs, prot, gfp, mapped);

	/* What an error leaves is unmapped before any device may use it */
	if (!err && *mapped && ops->iotlb_sync_map)
		ops->iotlb_sync_map(domain, iova, *mapped);
	return err;
}

/**
 * iommu_domain_map_runs() - map physically contiguous runs one behind the other
 * @domain: paging domain
 * @iova: where the first run goes, in bytes
 * @runs: runs; like @iova multiples of the smallest page size of @domain
 * @nr_runs: number of @runs
 * @prot: mask of IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE, IOMMU_MMIO, IOMMU_NOEXEC
 * @gfp: how page tables are allocated
 * @mapped: set to the number of bytes from @iova that are mapped now, also on
 *          error: the caller unmaps them
 *
 * The hardware is told once, after the last run.
 *
 * Context: may sleep. The caller excludes other changes of this range of @domain.
 * Return: 0; -EINVAL for runs that are not aligned, are empty or wrap around,
 * or when @domain has no page table; -ENOMEM; the driver's error.
 */
int iommu_domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped)
{
	int err;

	if (likely(!domain->serialised))
		return map_and_sync(domain, iova, runs, nr_runs, prot, gfp,
				    mapped);
	down_read(&domain->attach_lock);
	err = map_and_sync(domain, iova, runs, nr_runs, prot, gfp, mapped);
	up_read(&domain->attach_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_map_runs, IOMMUFD_INTERNAL);

static size_t unmap_range(struct iommu_domain *domain, unsigned long iova,
			  size_t size, struct iommu_iotlb_gather *gather)
{
	const struct iommu_domain_ops *ops = domain->ops;
	size_t done = 0, step;

	if (ops->unmap_range) {
		do {
			step = ops->unmap_range(domain, iova + done,
						size - done, gather);
			done += step;
			if (done >= size)
				return done;
		} while (step);
	}
	return done + iommu_unmap_fast(domain, iova + done, size - done, gather);
}

/**
 * iommu_domain_unmap_range() - unmap a range without flushing it
 * @domain: paging domain
 * @iova: where to begin, in bytes
 * @size: length in bytes; like @iova a multiple of the smallest page size
 * @gather: collects the translations to flush and the page tables that are empty;
 *          the caller flushes the former before it frees the latter
 *
 * Context: may sleep. The caller excludes other changes of this range of @domain.
 * Return: how many bytes from @iova on are not mapped any more. More than @size
 * where a page reaches beyond it, less where nothing was mapped.
 */
size_t iommu_domain_unmap_range(struct iommu_domain *domain, unsigned long iova,
				size_t size, struct iommu_iotlb_gather *gather)
{
	size_t done;

	if (likely(!domain->serialised))
		return unmap_range(domain, iova, size, gather);
	down_read(&domain->attach_lock);
	done = unmap_range(domain, iova, size, gather);
	up_read(&domain->attach_lock);
	return done;
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_unmap_range, IOMMUFD_INTERNAL);

/**
 * iommu_domain_sync() - flush what iommu_domain_unmap_range() has collected
 * @domain: paging domain
 * @gather: the translations to flush; empty afterwards
 *
 * Context: may sleep.
 */
void iommu_domain_sync(struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather)
{
	if (likely(!domain->serialised)) {
		iommu_iotlb_sync(domain, gather);
		return;
	}
	down_read(&domain->attach_lock);
	iommu_iotlb_sync(domain, gather);
	up_read(&domain->attach_lock);
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_sync, IOMMUFD_INTERNAL);

/**
 * iommu_domain_flush_all() - flush all cached translations of a domain
 * @domain: paging domain whose driver has flush_iotlb_all()
 *
 * Context: may sleep.
 */
void iommu_domain_flush_all(struct iommu_domain *domain)
{
	if (likely(!domain->serialised)) {
		iommu_flush_iotlb_all(domain);
		return;
	}
	down_read(&domain->attach_lock);
	iommu_flush_iotlb_all(domain);
	up_read(&domain->attach_lock);
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_flush_all, IOMMUFD_INTERNAL);

/**
 * iommu_domain_unmap() - unmap a range and flush it
 * @domain: paging domain
 * @iova: where to begin, in bytes
 * @size: length in bytes; like @iova a multiple of the smallest page size
 *
 * Context: may sleep. The caller excludes other changes of this range of @domain.
 * Return: as iommu_domain_unmap_range().
 */
size_t iommu_domain_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t size)
{
	struct iommu_iotlb_gather gather;
	size_t done;

	iommu_iotlb_gather_init(&gather);
	done = iommu_domain_unmap_range(domain, iova, size, &gather);
	iommu_domain_sync(domain, &gather);
	return done;
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_unmap, IOMMUFD_INTERNAL);

/**
 * iommu_domain_read_dirty() - report the pages that devices wrote
 * @domain: paging domain made with %IOMMU_ALLOC_DIRTY_TRACKING
 * @iova: where to begin, in bytes
 * @size: length in bytes; like @iova a multiple of the smallest page size
 * @log: where to report; the caller flushes its gather
 *
 * Context: may sleep. The caller excludes unmaps and other readers of this range
 * of @domain.
 * Return: 0, or the driver's error.
 */
int iommu_domain_read_dirty(struct iommu_domain *domain, unsigned long iova,
			    size_t size, struct iommu_dirty_log *log)
{
	int err;

	if (likely(!domain->serialised))
		return domain->ops->read_dirty(domain, iova, size, log);
	down_read(&domain->attach_lock);
	err = domain->ops->read_dirty(domain, iova, size, log);
	up_read(&domain->attach_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_read_dirty, IOMMUFD_INTERNAL);

/**
 * iommu_domain_set_dirty_tracking() - start or stop recording what devices write
 * @domain: paging domain made with %IOMMU_ALLOC_DIRTY_TRACKING
 * @enable: start
 *
 * Context: may sleep. One call for @domain at a time.
 * Return: 0, or the driver's error.
 */
int iommu_domain_set_dirty_tracking(struct iommu_domain *domain, bool enable)
{
	int err;

	if (likely(!domain->serialised))
		return domain->ops->set_dirty_tracking(domain, enable);
	down_read(&domain->attach_lock);
	err = domain->ops->set_dirty_tracking(domain, enable);
	up_read(&domain->attach_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommu_domain_set_dirty_tracking, IOMMUFD_INTERNAL);
