/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VT-d: domains made for one device, and what decides whether others fit.
 */
#ifndef _INTEL_DOMAIN_H_
#define _INTEL_DOMAIN_H_

#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>
#include <linux/types.h>

struct context_entry;
struct device;
struct device_domain_info;
struct dmar_domain;
struct intel_iommu;
struct iommu_domain;
struct iommu_iotlb_gather;

/* ats.c */
void intel_ats_enable(struct device_domain_info *info);
void intel_ats_disable(struct device_domain_info *info);
void intel_ats_disable_locked(struct device_domain_info *info);

/* domain.c */
extern const struct iommu_ops_ext intel_iommu_ops_ext;

int intel_iommu_device_fits(struct iommu_domain *domain, struct device *dev,
			    ioasid_t pasid);
bool intel_device_can_force_snooping(struct device *dev);
void intel_flush_pass_through(struct device_domain_info *info);
void intel_drop_copied_context(struct intel_iommu *iommu,
			       struct device_domain_info *info,
			       struct context_entry *context, u8 bus, u8 devfn);
void intel_domain_note_snooping(struct dmar_domain *domain,
				struct intel_iommu *iommu);
bool intel_domain_may_force_snooping(struct dmar_domain *domain);

/* map.c */
int intel_iommu_map_runs(struct iommu_domain *domain, unsigned long iova,
			 const struct iommu_run *runs, unsigned int nr_runs,
			 int prot, gfp_t gfp, size_t *mapped);
size_t intel_iommu_unmap_range(struct iommu_domain *domain, unsigned long iova,
			       size_t size, struct iommu_iotlb_gather *gather);

#endif /* _INTEL_DOMAIN_H_ */
