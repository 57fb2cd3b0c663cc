/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups of VFIO that use an iommufd in the place of a container.
 */
#ifndef __VFIO_GROUP_IOMMUFD_H__
#define __VFIO_GROUP_IOMMUFD_H__

#include <linux/errno.h>
#include <linux/vfio.h>

#include "vfio.h"

struct file;

#if IS_ENABLED(CONFIG_VFIO_IOMMUFD)

int vfio_group_iommufd_set(struct vfio_group *group, struct file *file);
void vfio_group_iommufd_unset(struct vfio_group *group);
int vfio_group_iommufd_use(struct vfio_device *device);
void vfio_group_iommufd_unuse(struct vfio_device *device);

#else

static inline int vfio_group_iommufd_set(struct vfio_group *group,
					 struct file *file)
{
	return -EINVAL;
}

static inline void vfio_group_iommufd_unset(struct vfio_group *group)
{
}

static inline int vfio_group_iommufd_use(struct vfio_device *device)
{
	return 0;
}

static inline void vfio_group_iommufd_unuse(struct vfio_device *device)
{
}

#endif /* CONFIG_VFIO_IOMMUFD */
#endif /* __VFIO_GROUP_IOMMUFD_H__ */
