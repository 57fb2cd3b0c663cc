// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a domain translates: areas are written to its page tables, and taken out.
 */
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "map/map_private.h"
#include "map/members.h"

/* Runs given to a domain at a time; they stand on the stack */
#define MAX_RUNS 32

/*
 * Bytes that a driver unmaps without rescheduling: a few milliseconds of small
 * pages. Pages of usual hardware are not larger.
 */
#define UNMAP_STEP SZ_1G

/*
 * The driver unmapped another length than it was asked for, so devices may still
 * access any of the memory, which therefore stays pinned for good. Memory of a
 * dma-buf belongs to the exporter and cannot be kept.
 */
static void mark_stuck(struct iommufd_area *area, unsigned long start,
		       size_t size, size_t unmapped)
{
	area->stuck = iommufd_store_has_pages(area->store);
	pr_err_ratelimited("iommufd: the IOMMU driver unmapped %#zx bytes instead of %#zx at IOVA %#lx%s\n",
			   unmapped, size, start,
			   area->stuck ? "; the memory stays pinned until reboot" : "");
}

/* One area */

static int map_small(struct iommu_domain *domain, unsigned long iova,
		     const struct iommu_run *run, int prot, size_t *mapped)
{
	size_t done;
	int err;

	for (*mapped = 0; *mapped < run->len; *mapped += done) {
		size_t room = PAGE_SIZE - offset_in_page(iova + *mapped);
		struct iommu_run page = {
			.phys = run->phys + *mapped,
			.len = min(room, run->len - *mapped),
		};

		/* A call of its own, or the driver might join them again */
		err = iommu_domain_map_runs(domain, iova + *mapped, &page, 1,
					    prot, GFP_KERNEL_ACCOUNT, &done);
		if (err)
			return err;
	}
	return 0;
}

static int map_runs_small(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, size_t *mapped)
{
	unsigned int i;
	size_t done;
	int err;

	*mapped = 0;
	for (i = 0; i < nr_runs; i++) {
		err = map_small(domain, iova + *mapped, &runs[i], prot, &done);
		*mapped += done;
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static int map_runs(const struct iommufd_iova_map *map,
		    struct iommu_domain *domain, unsigned long iova,
		    const struct iommu_run *runs, unsigned int nr_runs,
		    int prot, size_t *mapped)
{
	if (likely(READ_ONCE(map->huge_pages)))
		return iommu_domain_map_runs(domain, iova, runs, nr_runs, prot,
					     GFP_KERNEL_ACCOUNT, mapped);
	return map_runs_small(domain, iova, runs, nr_runs, prot, mapped);
}

/* Kernels that clear the stack do so with the room here, which takes longer */
static noinline int map_many_runs(const struct iommufd_iova_map *map,
				  struct iommu_domain *domain,
				  struct iommufd_area *area, int prot,
				  size_t *done)
{
	struct iommu_run runs[MAX_RUNS];
	struct iommufd_run_iter iter;
	unsigned int nr;
	size_t mapped;
	int err = 0;

	*done = 0;
	iommufd_run_iter_init(&iter, area->store, &area->hold,
			      area->offset_bytes, iommufd_area_bytes(area));
	while (!err && (nr = iommufd_run_iter_next(&iter, runs, MAX_RUNS))) {
		err = map_runs(map, domain, area->start + *done, runs, nr,
			       prot, &mapped);
		*done += mapped;
		if (!err && nr == MAX_RUNS && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err;
}

/**
 * iommufd_area_write() - let a domain translate an area
 * @map: the map
 * @domain: a domain of it
 * @area: busy, held
 *
 * On error the domain translates nothing of it.
 *
 * Context: may sleep; the map's lock is not held.
 * Return: 0; -EINTR on a fatal signal; -ENOMEM or another error of the driver.
 */
int iommufd_area_write(const struct iommufd_iova_map *map,
		       struct iommu_domain *domain, struct iommufd_area *area)
{
	int prot = area->prot | iommufd_store_prot(area->store);
	struct iommu_run run;
	size_t done, unmapped;
	int err;

	if (iommufd_store_single_run(area->store, area->offset_bytes,
				     iommufd_area_bytes(area), &run))
		err = map_runs(map, domain, area->start, &run, 1, prot, &done);
	else
		err = map_many_runs(map, domain, area, prot, &done);
	if (err && done) {
		unmapped = iommu_domain_unmap(domain, area->start, done);
		if (unlikely(unmapped != done))
			mark_stuck(area, area->start, done, unmapped);
	}
	return err;
}

static noinline struct iommufd_area *next_present(const struct members *m,
						  struct iommufd_area *chain)
{
	do {
		chain = iommufd_area_next_in_chain(chain);
	} while (chain && !is_present(m, chain));
	return chain;
}

/* The same for areas whose memory a domain translates. Nearly all are such */
static inline struct iommufd_area *first_present(const struct members *m,
						 struct iommufd_area *chain)
{
	if (!chain || likely(is_present(m, chain)))
		return chain;
	return next_present(m, chain);
}

/* Many areas */

/* The areas from @area on that follow each other without a hole */
static struct iommufd_area *end_of_span(const struct members *m,
					struct iommufd_area *area,
					unsigned long *last)
{
	struct iommufd_area *next = first_present(m, area->next);

	*last = area->last;
	while (next && next->start == *last + 1) {
		*last = next->last;
		next = first_present(m, next->next);
	}
	return next;
}

static void mark_span_stuck(const struct members *m, struct iommufd_area *area,
			    unsigned long last, size_t unmapped)
{
	unsigned long start = area->start;

	for (; area && area->start <= last; area = first_present(m, area->next))
		mark_stuck(area, start, last - start + 1, unmapped);
}

/* Unmap areas from @area on, which follow each other up to @last */
static void unmap_span(struct iommu_domain *domain, const struct members *m,
		       struct iommufd_area *area, unsigned long last,
		       struct iommu_iotlb_gather *gather)
{
	unsigned long start = area->start;
	size_t size = last - start + 1;
	size_t done = 0, step, unmapped;

	do {
		step = UNMAP_STEP - ((start + done) & (UNMAP_STEP - 1));
		/* More than asked for where a page is larger than a step */
		unmapped = iommu_domain_unmap_range(domain, start + done,
						    min(step, size - done),
						    gather);
		done += unmapped;
		if (done >= size)
			break;
		cond_resched();
	} while (unmapped);

	if (unlikely(done != size))
		mark_span_stuck(m, area, last, done);
}

static void unmap_and_sync(struct iommu_domain *domain, const struct members *m,
			   struct iommufd_area *area, unsigned long last)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	unmap_span(domain, m, area, last, &gather);
	iommu_domain_sync(domain, &gather);
}

/*
 * Collect the page tables that became empty and invalidate nothing yet. A
 * gather of its own for each span: drivers that ignore @queued would sync in
 * between if it grew.
 */
static void unmap_queued(struct iommu_domain *domain, const struct members *m,
			 struct iommufd_area *area, unsigned long last,
			 struct list_head *freelist)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	unmap_span(domain, m, area, last, &gather);
	list_splice_tail(&gather.freelist, freelist);
}

/* Take several spans out of a domain, from @area on; the next is at @next */
static noinline void unmap_spans(struct iommu_domain *domain,
				 const struct members *m,
				 struct iommufd_area *area,
				 struct iommufd_area *next, unsigned long last)
{
	bool queued = domain->ops->flush_iotlb_all;
	LIST_HEAD(freelist);

	for (;;) {
		if (queued)
			unmap_queued(domain, m, area, last, &freelist);
		else
			unmap_and_sync(domain, m, area, last);
		if (!next)
			break;
		area = next;
		next = end_of_span(m, area, &last);
		cond_resched();
	}
	if (queued) {
		iommu_domain_flush_all(domain);
		put_pages_list(&freelist);
	}
}

/**
 * iommufd_chain_unmap() - take areas out of a domain
 * @domain: the domain
 * @m: which areas it has
 * @chain: areas in ascending order, busy
 *
 * When this returns, no device can reach their memory through it any more:
 * several spans are flushed by a single invalidation of the whole domain, and
 * page tables are freed behind it.
 *
 * Context: may sleep; the map's lock is not held.
 */
void iommufd_chain_unmap(struct iommu_domain *domain, const struct members *m,
			 struct iommufd_area *chain)
{
	struct iommufd_area *area = first_present(m, chain);
	struct iommufd_area *next;
	unsigned long last;

	if (!area)
		return;
	next = end_of_span(m, area, &last);
	if (next)
		unmap_spans(domain, m, area, next, last);
	else
		unmap_and_sync(domain, m, area, last);
}
