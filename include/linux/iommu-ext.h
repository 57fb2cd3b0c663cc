/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the IOMMU core offers beyond <linux/iommu.h>: driver entries that take
 * a device, and device-keyed operations for the two users that own a group's
 * DMA (VFIO and iommufd).
 *
 * Drivers plug in with one pointer, &struct iommu_ops.ext.  A driver without
 * it keeps working: its domains are made by domain_alloc() and become usable
 * at their first attach.
 */
#ifndef __LINUX_IOMMU_EXT_H
#define __LINUX_IOMMU_EXT_H

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/types.h>

struct device;
struct iommu_domain;
struct list_head;
struct msi_desc;

/**
 * struct iommu_run - physically contiguous piece of memory to be mapped
 * @phys: first physical address, in bytes
 * @len: length in bytes, not 0
 */
struct iommu_run {
	phys_addr_t phys;
	size_t len;
};

/**
 * struct iommu_ops_ext - per-device driver entries
 * @alloc_paging: make a paging domain that is complete for @dev when the call
 *                returns: aperture, page sizes and table format are final and
 *                mappings may be made before any attach.  @flags is a mask of
 *                IOMMU_ALLOC_*; an unknown bit is -EOPNOTSUPP.  The core fills
 *                in type, owner and default ops.  May sleep.  Returns an
 *                ERR_PTR() on failure, never NULL.
 * @blocked_domain: static domain that stops all DMA of a device.  Attaching it
 *                  cannot fail.  NULL when the driver has none.  A static
 *                  domain has no free() op, which is what tells it apart.
 * @direct_blocks_owner: a device with reserved regions of type
 *                       %IOMMU_RESV_DIRECT can neither be blocked nor given to
 *                       user space: claims of its group are refused with
 *                       -EPERM.
 */
struct iommu_ops_ext {
	struct iommu_domain *(*alloc_paging)(struct device *dev, u32 flags);
	struct iommu_domain *blocked_domain;
	bool direct_blocks_owner;
};

/**
 * struct iommu_sw_msi_ops - owner of the MSI doorbell mappings of a domain
 * @prepare: make the doorbell page at physical address @msi_addr reachable for
 *           @desc's device through @domain and store its IOVA with
 *           msi_desc_set_iommu_msi_iova().  Called with the MSI descriptor
 *           lock held; may sleep.  Returns 0 or -ENOMEM, -ENOSPC.
 */
struct iommu_sw_msi_ops {
	int (*prepare)(struct iommu_domain *domain, struct msi_desc *desc,
		       phys_addr_t msi_addr);
};

#ifdef CONFIG_IOMMU_API

/* Attach layer: drivers/iommu/iommu-attach.c */
int iommu_device_claim_dma_owner(struct device *dev, void *owner);
void iommu_device_release_dma_owner(struct device *dev);
int iommu_device_replace_domain(struct device *dev,
				struct iommu_domain *domain);
void iommu_device_detach_domain(struct device *dev,
				struct iommu_domain *domain);
int iommu_device_fits_domain(struct device *dev, struct iommu_domain *domain);

/* Domains and what a device can do: drivers/iommu/iommu-device.c */
struct iommu_domain *iommu_device_alloc_paging(struct device *dev, u32 flags,
					       bool *complete);
bool iommu_device_has_isolated_msi(struct device *dev);
int iommu_device_get_resv_regions(struct device *dev, struct list_head *list);

/* Filling a domain: drivers/iommu/iommu-map.c */
int iommu_domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped);

#endif /* CONFIG_IOMMU_API */
#endif /* __LINUX_IOMMU_EXT_H */
