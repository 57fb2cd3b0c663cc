// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers/iommu/iommu-map.c asks of the kernel's iommu.c: to cut a run into pages
 * that the domain has.
 */
#include <host/iommu.h>

#include "iommu-map.h"

/* Largest page that fits at @address, which is not behind the last one */
static size_t page_bytes(const struct iommu_domain *domain, u64 address, size_t size)
{
	unsigned long fits = domain->pgsize_bitmap & GENMASK(__fls(size), 0);

	if (address)
		fits &= GENMASK(__ffs(address), 0);
	BUG_ON(!fits);
	return 1UL << __fls(fits);
}

int __iommu_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t phys,
		size_t size, int prot, gfp_t gfp)
{
	struct iommu_iotlb_gather gather;
	size_t bytes, mapped, done = 0;
	int err;

	while (done < size) {
		bytes = page_bytes(domain, (iova + done) | (phys + done), size - done);
		mapped = 0;
		err = domain->ops->map_pages(domain, iova + done, phys + done, bytes,
					     (size - done) / bytes, prot, gfp, &mapped);
		done += mapped;
		if (err) {
			iommu_iotlb_gather_init(&gather);
			iommu_unmap_fast(domain, iova, done, &gather);
			iommu_iotlb_sync(domain, &gather);
			return err;
		}
	}
	return 0;
}

size_t iommu_unmap_fast(struct iommu_domain *domain, unsigned long iova, size_t size,
			struct iommu_iotlb_gather *gather)
{
	size_t bytes, step, done = 0;

	while (done < size) {
		bytes = page_bytes(domain, iova + done, size - done);
		step = domain->ops->unmap_pages(domain, iova + done, bytes,
						(size - done) / bytes, gather);
		if (!step)
			break;
		done += step;
	}
	return done;
}

void put_pages_list(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		put_page(page);
	}
}
