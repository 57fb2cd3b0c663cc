/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufd for drivers that give a device to user space.
 *
 * A driver binds its device to the context behind a /dev/iommu descriptor,
 * attaches it to an object of that context, and undoes both in reverse order.
 * All calls may sleep and none may be made from inside a group's or a device's
 * own lock.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/types.h>

struct device;
struct file;
struct iommufd_ctx;
struct iommufd_device;

#if IS_ENABLED(CONFIG_IOMMUFD)

/* Contexts: drivers/iommu/iommufd/main.c */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
struct iommufd_ctx *iommufd_ctx_from_file(struct file *filp);
void iommufd_ctx_put(struct iommufd_ctx *ctx);
void iommufd_ctx_get(struct iommufd_ctx *ctx);

/* Devices: drivers/iommu/iommufd/device.c */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ctx,
					   struct device *dev, u32 *dev_id);
int iommufd_device_attach(struct iommufd_device *idev, u32 *pt_id);
int iommufd_device_replace(struct iommufd_device *idev, u32 *pt_id);
void iommufd_device_detach(struct iommufd_device *idev);
void iommufd_device_unbind(struct iommufd_device *idev);
u32 iommufd_device_to_id(struct iommufd_device *idev);
struct iommufd_ctx *iommufd_device_to_ctx(struct iommufd_device *idev);

#endif /* CONFIG_IOMMUFD */
#endif /* __LINUX_IOMMUFD_H */
