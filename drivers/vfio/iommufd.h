/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of VFIO with an iommufd, for files of groups and of device nodes.
 */
#ifndef __VFIO_IOMMUFD_H__
#define __VFIO_IOMMUFD_H__

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "vfio.h"

struct file;
struct page;

#if IS_ENABLED(CONFIG_VFIO_IOMMUFD)

/* iommufd.c */
void vfio_iommufd_init_device(struct vfio_device *device,
			      enum vfio_group_type type);

/* iommufd_access.c */
extern const struct vfio_iommufd_ops vfio_iommufd_emulated_ops;

void vfio_iommufd_device_opened(struct vfio_device *device);
void vfio_iommufd_device_closing(struct vfio_device *device);
int vfio_iommufd_pin_pages(struct vfio_device *device, unsigned long iova,
			   int npages, int prot, struct page **pages);
void vfio_iommufd_unpin_pages(struct vfio_device *device, unsigned long iova,
			      int npages);
int vfio_iommufd_rw(struct vfio_device *device, unsigned long iova, void *data,
		    size_t len, bool write);

static inline bool vfio_iommufd_has_access(const struct vfio_device *device)
{
	return device->iommufd_access;
}

/* Parent of a device whose DMA is that of a PASID, or NULL */
static inline struct device *
vfio_iommufd_parent(const struct vfio_device *device)
{
	return device->iommufd_parent;
}

#else

static inline void vfio_iommufd_init_device(struct vfio_device *device,
					    enum vfio_group_type type)
{
}

static inline void vfio_iommufd_device_opened(struct vfio_device *device)
{
}

static inline void vfio_iommufd_device_closing(struct vfio_device *device)
{
}

static inline bool vfio_iommufd_has_access(const struct vfio_device *device)
{
	return false;
}

static inline struct device *
vfio_iommufd_parent(const struct vfio_device *device)
{
	return NULL;
}

static inline int vfio_iommufd_pin_pages(struct vfio_device *device,
					 unsigned long iova, int npages,
					 int prot, struct page **pages)
{
	return -ENOTTY;
}

static inline void vfio_iommufd_unpin_pages(struct vfio_device *device,
					    unsigned long iova, int npages)
{
}

static inline int vfio_iommufd_rw(struct vfio_device *device,
				  unsigned long iova, void *data, size_t len,
				  bool write)
{
	return -ENOTTY;
}

#endif /* CONFIG_VFIO_IOMMUFD */
#endif /* __VFIO_IOMMUFD_H__ */
