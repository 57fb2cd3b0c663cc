/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PASIDs: address spaces that a device has beside that of its requester ID.
 *
 * Any kernel user of a device may put domains on its PASIDs, while the requester
 * ID stays where it is and the DMA API goes on working.
 */
#ifndef __LINUX_IOMMU_PASID_H
#define __LINUX_IOMMU_PASID_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/ioasid.h>
#include <linux/iommu.h>

struct device;
struct iommu_fault_ops;

/* Requests without a PASID: the requester ID's own slot in the IOMMUs' tables */
#define IOMMU_NO_PASID		0U
/* PASIDs have 20 bits */
#define IOMMU_PASID_BITS	20
#define IOMMU_PASID_MAX		(BIT(IOMMU_PASID_BITS) - 1)

/**
 * struct iommu_attach_handle - what the user of an attachment keeps for it
 * @domain: domain that the attachment is to; written by the attach layer, NULL after an
 *          attach that failed
 * @faults: what becomes of page requests, see <linux/iommu-faults.h>; set before the
 *          attach. NULL: they are invalid
 * @nr_faults: page requests that are not answered yet
 *
 * Embedded in a structure of the user. It belongs to one attachment: from the
 * attach on, to the end of the detach or of the replace that puts another in its
 * place.
 */
struct iommu_attach_handle {
	struct iommu_domain *domain;
	const struct iommu_fault_ops *faults;
	/* private: drivers/iommu/iopf-pool.c */
	atomic_t nr_faults;
};

/* For code that depends on IOMMU_API: drivers/iommu/iommu-pasid.c */
int iommu_attach_device_pasid(struct iommu_domain *domain, struct device *dev,
			      ioasid_t pasid, struct iommu_attach_handle *handle);
void iommu_detach_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid);
struct iommu_domain *iommu_get_domain_for_dev_pasid(struct device *dev,
						    ioasid_t pasid,
						    unsigned int type);
ioasid_t iommu_alloc_global_pasid(struct device *dev);
void iommu_free_global_pasid(ioasid_t pasid);

#endif /* __LINUX_IOMMU_PASID_H */
