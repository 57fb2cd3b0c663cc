/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls for owners of the DMA of devices, VFIO and iommufd: claims, attaches,
 * resets, domains made for a device, and the tables of such domains.
 */
#ifndef __LINUX_IOMMU_OWNER_H
#define __LINUX_IOMMU_OWNER_H

#include <linux/ioasid.h>
#include <linux/iommu-ext.h>
#include <linux/types.h>

struct device;
struct iommu_attach_handle;
struct iommu_dma_owner;
struct iommu_domain;
struct iommu_iotlb_gather;
struct list_head;
struct msi_desc;
struct page;

/**
 * struct iommu_sw_msi_ops - owner of the MSI doorbell mappings of a domain
 * @prepare: make the doorbell page at physical address @msi_addr reachable for
 *           @desc's device through @domain and store its IOVA with
 *           msi_desc_set_iommu_msi_iova(). Called with the MSI descriptor
 *           lock held; may sleep. Returns 0 or -ENOMEM, -ENOSPC
 * @prepare_blocked: the same while the device is owned and blocked: store the
 *                   IOVA at which the doorbell will be in every domain that the
 *                   device can be attached to
 */
struct iommu_sw_msi_ops {
	int (*prepare)(struct iommu_domain *domain, struct msi_desc *desc,
		       phys_addr_t msi_addr);
	int (*prepare_blocked)(struct iommu_dma_owner *owner,
			       struct msi_desc *desc, phys_addr_t msi_addr);
};

/**
 * struct iommu_dma_owner - an owner that claims the DMA of devices
 * @sw_msi: knows the doorbells of all domains that the devices may be put on
 *
 * Outlives the claims.
 */
struct iommu_dma_owner {
	const struct iommu_sw_msi_ops *sw_msi;
};

#ifdef CONFIG_IOMMU_API

/* User data: drivers/iommu/iommu-user-data.c */
void iommu_fetch_blob(struct iommu_user_blob *blob, u32 type,
		      const void __user *src, u32 len);

/* Reading of written pages: drivers/iommu/iommu-dirty.c */
void iommu_dirty_log_init(struct iommu_dirty_log *log, unsigned long first,
			  unsigned long last, unsigned int page_lg2, bool clear);
void iommu_dirty_log_next(struct iommu_dirty_log *log, unsigned long iova,
			  unsigned long last, struct page **bitmap,
			  unsigned int offset_bytes);

/* Attach layer: drivers/iommu/iommu-attach-calls.c and iommu-owner.c */
int iommu_device_claim_dma_owner(struct device *dev,
				 struct iommu_dma_owner *owner);
void iommu_device_release_dma_owner(struct device *dev);
bool iommu_device_has_dma_owner(struct device *dev,
				const struct iommu_dma_owner *owner);
int iommu_device_replace_domain(struct device *dev,
				struct iommu_domain *domain);
int iommu_device_replace_handle(struct device *dev, struct iommu_domain *domain,
				struct iommu_attach_handle *handle);
int iommu_device_return_domain(struct device *dev, struct iommu_domain *domain,
			       struct iommu_attach_handle *handle);
int iommu_device_wait_for_reset(struct device *dev, unsigned int *resets);
void iommu_device_detach_domain(struct device *dev,
				struct iommu_domain *domain);
int iommu_device_fits_domain(struct device *dev, struct iommu_domain *domain,
			     ioasid_t pasid);

/* PASIDs, beside <linux/iommu-pasid.h>: drivers/iommu/iommu-pasid.c */
int iommu_owner_attach_pasid(struct iommu_domain *domain, struct device *dev,
			     ioasid_t pasid, struct iommu_attach_handle *handle);
int iommu_replace_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid,
			       struct iommu_attach_handle *handle);

/* Devices that are reset: drivers/iommu/iommu-reset.c */
void iommu_device_reset_begin(struct device *dev);
void iommu_device_reset_end(struct device *dev);

/* Domains and what a device can do: drivers/iommu/iommu-device.c */
bool iommu_device_has_driver(struct device *dev);
unsigned int iommu_device_pasid_bits(struct device *dev);
struct iommu_domain *iommu_device_alloc_paging(struct device *dev, u32 flags,
					       bool *complete);
int iommu_device_takes_user_data(struct device *dev);
struct iommu_domain *iommu_device_alloc_user(struct device *dev,
					     struct iommu_domain *parent,
					     u32 flags,
					     const struct iommu_user_blob *blob);
int iommu_device_hw_info(struct device *dev, u32 *type, void *buf, size_t *len);
bool iommu_device_has_isolated_msi(struct device *dev);
int iommu_device_get_resv_regions(struct device *dev, struct list_head *list);

/* Tables of domains that users fill: drivers/iommu/iommu-map.c */
int iommu_domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped);
size_t iommu_domain_unmap_range(struct iommu_domain *domain, unsigned long iova,
				size_t size, struct iommu_iotlb_gather *gather);
void iommu_domain_sync(struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather);
void iommu_domain_flush_all(struct iommu_domain *domain);
size_t iommu_domain_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t size);
int iommu_domain_read_dirty(struct iommu_domain *domain, unsigned long iova,
			    size_t size, struct iommu_dirty_log *log);
int iommu_domain_set_dirty_tracking(struct iommu_domain *domain, bool enable);

#else

static inline void iommu_device_reset_begin(struct device *dev)
{
}

static inline void iommu_device_reset_end(struct device *dev)
{
}

#endif /* CONFIG_IOMMU_API */
#endif /* __LINUX_IOMMU_OWNER_H */
