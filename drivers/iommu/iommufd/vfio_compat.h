/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context as a container of VFIO.
 */
#ifndef __IOMMUFD_VFIO_COMPAT_H
#define __IOMMUFD_VFIO_COMPAT_H

struct iommufd_container_group;
struct iommufd_ctx;
struct iommufd_ioas;
struct iommufd_object;

/* vfio_compat.c */
void iommufd_container_forget(struct iommufd_ctx *ctx,
			      struct iommufd_object *obj);
long iommufd_vfio_ioctl(struct iommufd_ctx *ctx, unsigned int number,
			unsigned long arg);

/* container_group.c */
void iommufd_container_follow(struct iommufd_ctx *ctx,
			      struct iommufd_ioas *ioas);
int iommufd_container_add_group(struct iommufd_ctx *ctx,
				struct iommufd_container_group *group,
				struct iommufd_ioas *ioas);

#endif /* __IOMMUFD_VFIO_COMPAT_H */
