/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Address spaces of processes on PASIDs. Private to the core.
 */
#ifndef __IOMMU_SVA_H
#define __IOMMU_SVA_H

struct device;
struct iommu_sva;
struct mm_struct;

/* drivers/iommu/iommu-sva.c */
struct iommu_sva *iommu_sva_bind(struct device *dev, struct mm_struct *mm,
				 void *drvdata);

#endif /* __IOMMU_SVA_H */
