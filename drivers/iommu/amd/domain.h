/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-Vi: domains made for one device, and what decides whether others fit.
 */
#ifndef _AMD_IOMMU_EXT_H
#define _AMD_IOMMU_EXT_H

#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>
#include <linux/types.h>

struct amd_iommu;
struct device;
struct io_pgtable_ops;
struct iommu_dev_data;
struct iommu_domain;

/* dte.c */
u16 amd_iommu_dte_block(u64 *dte, bool keep_ats);

/* domain.c */
extern const struct iommu_ops_ext amd_iommu_ops_ext;

int amd_iommu_device_fits(struct iommu_domain *dom, struct device *dev,
			  ioasid_t pasid);

/* fault.c */
int amd_iommu_report_fault(struct iommu_dev_data *dev_data, u64 address,
			   int flags);

/* map.c */
int amd_iommu_v1_map_runs(struct io_pgtable_ops *ops, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped);
size_t amd_iommu_v1_unmap_range(struct io_pgtable_ops *ops, unsigned long iova,
				size_t size);
int amd_iommu_map_runs(struct iommu_domain *dom, unsigned long iova,
		       const struct iommu_run *runs, unsigned int nr_runs,
		       int iommu_prot, gfp_t gfp, size_t *mapped);

#endif /* _AMD_IOMMU_EXT_H */
