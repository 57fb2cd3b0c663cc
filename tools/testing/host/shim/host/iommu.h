/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files in user space: domains of an IOMMU. The test that uses them
 * defines the functions, or links drivers/iommu/iommu-map.c and host/iommu.c.
 */
#ifndef __HOST_IOMMU_H
#define __HOST_IOMMU_H

#include <host/task.h>

#include <linux/list.h>

typedef unsigned int ioasid_t;

#define IOMMU_READ		BIT(0)
#define IOMMU_WRITE		BIT(1)
#define IOMMU_CACHE		BIT(2)
#define IOMMU_MMIO		BIT(4)

#define __IOMMU_DOMAIN_PAGING	BIT(0)
#define IOMMU_DOMAIN_UNMANAGED	__IOMMU_DOMAIN_PAGING

struct iommu_dirty_log;
struct iommu_domain;
struct iommu_run;

struct iommu_iotlb_gather {
	struct list_head freelist;
	bool queued;
	size_t pgsize;
	unsigned long start, end;
};

struct iommu_domain_ops {
	int (*map_pages)(struct iommu_domain *domain, unsigned long iova,
			 phys_addr_t phys, size_t pgsize, size_t pgcount, int prot,
			 gfp_t gfp, size_t *mapped);
	int (*map_runs)(struct iommu_domain *domain, unsigned long iova,
			const struct iommu_run *runs, unsigned int nr_runs, int prot,
			gfp_t gfp, size_t *mapped);
	size_t (*unmap_pages)(struct iommu_domain *domain, unsigned long iova,
			      size_t pgsize, size_t pgcount,
			      struct iommu_iotlb_gather *gather);
	size_t (*unmap_range)(struct iommu_domain *domain, unsigned long iova,
			      size_t size, struct iommu_iotlb_gather *gather);
	void (*flush_iotlb_all)(struct iommu_domain *domain);
	void (*iotlb_sync_map)(struct iommu_domain *domain, unsigned long iova,
			       size_t size);
	void (*iotlb_sync)(struct iommu_domain *domain,
			   struct iommu_iotlb_gather *gather);
	bool (*enforce_cache_coherency)(struct iommu_domain *domain);
	int (*set_dirty_tracking)(struct iommu_domain *domain, bool enable);
	int (*read_dirty)(struct iommu_domain *domain, unsigned long iova,
			  size_t size, struct iommu_dirty_log *log);
};

struct iommu_domain {
	unsigned int type;
	const struct iommu_domain_ops *ops;
	unsigned long pgsize_bitmap;
	struct {
		dma_addr_t aperture_start;
		dma_addr_t aperture_end;
		bool force_aperture;
	} geometry;
	bool serialised;
	struct rw_semaphore attach_lock;
};

static inline void iommu_iotlb_gather_init(struct iommu_iotlb_gather *gather)
{
	memset(gather, 0, sizeof(*gather));
	gather->start = ULONG_MAX;
	INIT_LIST_HEAD(&gather->freelist);
}

static inline bool iommu_iotlb_gather_queued(struct iommu_iotlb_gather *gather)
{
	return gather->queued;
}

static inline void iommu_iotlb_gather_add_range(struct iommu_iotlb_gather *gather,
						unsigned long iova, size_t size)
{
	gather->start = min(gather->start, iova);
	gather->end = max(gather->end, iova + size - 1);
}

static inline void iommu_iotlb_sync(struct iommu_domain *domain,
				    struct iommu_iotlb_gather *gather)
{
	if (domain->ops->iotlb_sync)
		domain->ops->iotlb_sync(domain, gather);
	iommu_iotlb_gather_init(gather);
}

static inline void iommu_flush_iotlb_all(struct iommu_domain *domain)
{
	if (domain->ops->flush_iotlb_all)
		domain->ops->flush_iotlb_all(domain);
}

size_t iommu_unmap_fast(struct iommu_domain *domain, unsigned long iova, size_t size,
			struct iommu_iotlb_gather *gather);
int iommu_domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped);
void put_pages_list(struct list_head *pages);

#endif /* __HOST_IOMMU_H */
