/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files in user space: domains of an IOMMU.  The test that uses them
 * defines the functions.
 */
#ifndef __HOST_IOMMU_H
#define __HOST_IOMMU_H

#include <host/task.h>

#include <linux/list.h>

#define IOMMU_READ		BIT(0)
#define IOMMU_WRITE		BIT(1)
#define IOMMU_CACHE		BIT(2)
#define IOMMU_MMIO		BIT(4)

struct iommu_domain;
struct iommu_run;

struct iommu_iotlb_gather {
	struct list_head freelist;
	bool queued;
	size_t pgsize;
	unsigned long start, end;
};

struct iommu_dirty_log;

struct iommu_domain_ops {
	void (*flush_iotlb_all)(struct iommu_domain *domain);
	bool (*enforce_cache_coherency)(struct iommu_domain *domain);
	int (*read_dirty)(struct iommu_domain *domain, unsigned long iova,
			  size_t size, struct iommu_dirty_log *log);
};

struct iommu_domain {
	const struct iommu_domain_ops *ops;
	unsigned long pgsize_bitmap;
	struct {
		dma_addr_t aperture_start;
		dma_addr_t aperture_end;
		bool force_aperture;
	} geometry;
};

static inline void iommu_iotlb_gather_init(struct iommu_iotlb_gather *gather)
{
	memset(gather, 0, sizeof(*gather));
	gather->start = ULONG_MAX;
	INIT_LIST_HEAD(&gather->freelist);
}

int iommu_domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped);
void put_pages_list(struct list_head *pages);

#endif /* __HOST_IOMMU_H */
