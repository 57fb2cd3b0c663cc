/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bound devices, and the groups through which they are attached.
 */
#ifndef __IOMMUFD_DEVICE_H
#define __IOMMUFD_DEVICE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "object.h"

struct device;
struct iommu_group;
struct iommu_resv_region;
struct iommufd_ctx;
struct iommufd_group;
struct iommufd_hwpt_common;

/**
 * struct iommufd_device - a device that a driver bound to a context
 * @obj: common head; the driver is a user of it
 * @ctx: context; holds a reference
 * @group: group of @dev in this context; holds a reference
 * @dev: the device
 * @noiommu: no IOMMU translates its DMA
 * @group_node: place in @group's list while attached; protected by its lock
 */
struct iommufd_device {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	struct iommufd_group *group;
	struct device *dev;
	bool noiommu;
	struct list_head group_node;
};

/* device.c */
struct iommufd_device *__iommufd_device_bind(struct iommufd_ctx *ctx,
					     struct device *dev,
					     u32 *dev_id);
void __iommufd_device_unbind(struct iommufd_device *idev);
void iommufd_device_destroy(struct iommufd_object *obj);
struct iommufd_device *iommufd_device_get(struct iommufd_ctx *ctx, u32 id);
int iommufd_device_hwpt_id(struct iommufd_device *idev, u32 *id);

/**
 * struct iommufd_group - an IOMMU group with devices bound to a context
 * @ctx: context
 * @iommu_group: the group; holds a reference
 * @refs: bound devices; protected by the context's groups_lock
 * @lock: protects @hwpt and @devices
 * @hwpt: page table the group is attached to; holds a user. NULL: DMA blocked
 * @devices: attached devices; not empty while @hwpt is set
 */
struct iommufd_group {
	struct iommufd_ctx *ctx;
	struct iommu_group *iommu_group;
	unsigned int refs;
	struct mutex lock;
	struct iommufd_hwpt_common *hwpt;
	struct list_head devices;
};

/* group.c */
struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ctx,
					struct device *dev);
void iommufd_group_put(struct iommufd_group *group);
int iommufd_group_attach(struct iommufd_device *idev,
			 struct iommufd_hwpt_common *hwpt);
int iommufd_group_replace(struct iommufd_device *idev,
			  struct iommufd_hwpt_common *hwpt);
void iommufd_group_leave(struct iommufd_group *group,
			 struct iommufd_hwpt_common *old);
struct iommufd_hwpt_common *iommufd_group_detach(struct iommufd_device *idev);
bool iommufd_resv_counts(const struct iommu_resv_region *region);

#endif /* __IOMMUFD_DEVICE_H */
