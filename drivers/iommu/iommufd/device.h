/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bound devices, and the groups through which they are attached.
 */
#ifndef __IOMMUFD_DEVICE_H
#define __IOMMUFD_DEVICE_H

#include <linux/ioasid.h>
#include <linux/iommu-pasid.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "object.h"

struct device;
struct iommu_group;
struct iommu_resv_region;
struct iommufd_ctx;
struct iommufd_fault_handle;
struct iommufd_group;
struct iommufd_hwpt_common;
struct iommufd_ioas;
struct iommufd_vdevice;

/**
 * struct iommufd_device - a device that a driver bound to a context
 * @obj: common head; the driver is a user of it
 * @ctx: context; holds a reference
 * @group: group of @dev in this context, or what stands for the PASID that it was
 *         bound by; holds a reference
 * @dev: the device
 * @noiommu: no IOMMU translates its DMA
 * @vdev: ID that a guest has for it, or NULL; protected by the vdevices_lock of @ctx
 * @bound_node: place in @group's list of bound devices
 * @reserved: ID of an address space to &struct iommufd_reservation; protected by the
 *            lock of @group
 * @nr_pasids: attachments of it by a PASID that user space named; protected by the lock
 *             of @group
 */
struct iommufd_device {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	struct iommufd_group *group;
	struct device *dev;
	bool noiommu;
	struct iommufd_vdevice *vdev;
	struct list_head bound_node;
	struct xarray reserved;
	unsigned int nr_pasids;
};

/* device.c */
struct iommufd_device *__iommufd_device_bind(struct iommufd_ctx *ctx,
					     struct device *dev,
					     u32 *dev_id);
void __iommufd_device_unbind(struct iommufd_device *idev);
void iommufd_device_destroy(struct iommufd_object *obj);
struct iommufd_device *iommufd_device_get(struct iommufd_ctx *ctx, u32 id);

/* Most PASIDs of a device that fdinfo lists */
#define IOMMUFD_PASIDS_SHOWN	16U

/**
 * struct iommufd_attached - what a device is attached to, for user space to read
 * @hwpt_id: page table of its requester ID, or of the PASID that it was bound by; 0
 *           when that is not attached
 * @nr_pasids: PASIDs that it has attached
 * @pasids: the first of them
 * @hwpt_ids: their page tables
 */
struct iommufd_attached {
	u32 hwpt_id;
	unsigned int nr_pasids;
	ioasid_t pasids[IOMMUFD_PASIDS_SHOWN];
	u32 hwpt_ids[IOMMUFD_PASIDS_SHOWN];
};

int iommufd_device_attached(struct iommufd_device *idev,
			    struct iommufd_attached *attached);

/**
 * struct iommufd_attachment - what a group has on a page table
 * @pasid: PASID, or %IOMMU_NO_PASID: its requester ID
 * @hwpt: the page table; holds a user. NULL: DMA blocked
 * @handle: what brings page requests to its fault queue, if it has one
 * @links: parts of the devices that have attached it; not empty while @hwpt is set
 *
 * Protected by the lock of the group.
 */
struct iommufd_attachment {
	ioasid_t pasid;
	struct iommufd_hwpt_common *hwpt;
	struct iommufd_fault_handle *handle;
	struct list_head links;
};

/* A new record of something that is not attached */
static inline void iommufd_attachment_init(struct iommufd_attachment *att,
					   ioasid_t pasid)
{
	att->pasid = pasid;
	INIT_LIST_HEAD(&att->links);
}

/**
 * struct iommufd_attach_link - a device's part in an attachment
 * @idev: the device
 * @att: the attachment
 * @node: place in its list
 */
struct iommufd_attach_link {
	struct iommufd_device *idev;
	struct iommufd_attachment *att;
	struct list_head node;
};

/**
 * struct iommufd_group - an IOMMU group with devices bound to a context
 * @ctx: context
 * @iommu_group: the group; holds a reference
 * @refs: bound devices; protected by the context's groups_lock
 * @bound: devices that the context has of it, by &struct iommufd_device.bound_node
 * @bound_lock: spinlock that protects @bound; no lock nests inside
 * @lock: protects the attachments
 * @own: attachment of the requester ID. One that stands for a PASID has that here, and
 *       is not in the table of the context
 * @pasids: PASID to &struct iommufd_attachment; those that user space has attached
 */
struct iommufd_group {
	struct iommufd_ctx *ctx;
	struct iommu_group *iommu_group;
	unsigned int refs;
	struct list_head bound;
	spinlock_t bound_lock;
	struct mutex lock;
	struct iommufd_attachment own;
	struct xarray pasids;
};

/* Bound by a PASID; the requester ID belongs to the driver of the device */
static inline bool iommufd_device_is_pasid(const struct iommufd_device *idev)
{
	return idev->group->own.pasid != IOMMU_NO_PASID;
}

/* group.c */
struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ctx,
					struct device *dev);
struct iommufd_group *iommufd_group_alone(struct iommufd_ctx *ctx,
					  struct device *dev, ioasid_t pasid);
void iommufd_group_put(struct iommufd_group *group);
void iommufd_group_add_device(struct iommufd_device *idev);
void iommufd_group_remove_device(struct iommufd_device *idev);
u32 iommufd_group_device_id(struct iommufd_group *group, struct device *dev);

/* attachment.c */
struct iommufd_attachment *iommufd_attachment_find(struct iommufd_group *group,
						   ioasid_t pasid);
struct iommufd_attach_link *iommufd_attachment_link(struct iommufd_device *idev,
						    ioasid_t pasid);
int iommufd_attachment_attach(struct iommufd_device *idev, ioasid_t pasid,
			      struct iommufd_hwpt_common *hwpt);
int iommufd_attachment_replace(struct iommufd_attach_link *link,
			       struct iommufd_hwpt_common *hwpt);
void iommufd_attachment_leave(struct iommufd_attachment *att,
			      struct iommufd_hwpt_common *old);
struct iommufd_hwpt_common *
iommufd_attachment_detach(struct iommufd_attach_link *link);
void iommufd_attachments_forget_device(struct iommufd_device *idev);

/* reserve.c */
bool iommufd_resv_counts(const struct iommu_resv_region *region);
int iommufd_reserve(struct iommufd_device *idev, struct iommufd_ioas *ioas);
void iommufd_unreserve(struct iommufd_device *idev, struct iommufd_ioas *ioas);
int iommufd_reserve_all(struct iommufd_attachment *att,
			struct iommufd_ioas *ioas);
void iommufd_unreserve_all(struct iommufd_attachment *att,
			   struct iommufd_ioas *ioas);

#endif /* __IOMMUFD_DEVICE_H */
