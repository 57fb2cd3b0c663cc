/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of drivers that user space maps from the file of a context.
 */
#ifndef __IOMMUFD_MMAP_H
#define __IOMMUFD_MMAP_H

#include <linux/iommu-viommu.h>
#include <linux/types.h>

struct iommufd_ctx;
struct iommufd_viommu;
struct vm_area_struct;

int iommufd_mmap_publish(struct iommu_viommu *base, phys_addr_t phys,
			 size_t len, enum iommu_viommu_memory memory,
			 u64 *offset);
void iommufd_mmap_unpublish(struct iommu_viommu *base, u64 offset);
void iommufd_mmap_forget(struct iommufd_viommu *viommu);
int iommufd_mmap(struct iommufd_ctx *ctx, struct vm_area_struct *vma);

#endif /* __IOMMUFD_MMAP_H */
