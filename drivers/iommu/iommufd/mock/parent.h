/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mock devices that a driver of the kernel keeps, and whose PASIDs do DMA for it.
 */
#ifndef __MOCK_PARENT_H
#define __MOCK_PARENT_H

#include <linux/types.h>

struct device;

struct device *iommufd_mock_parent_create(void);
void iommufd_mock_parent_destroy(struct device *dev);
int iommufd_mock_parent_dma(struct device *dev, u32 pasid, u64 iova, void *buf,
			    size_t len, bool write);

#endif /* __MOCK_PARENT_H */
