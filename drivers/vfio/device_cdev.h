/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of VFIO with a character device each, for use with an iommufd.
 *
 * These functions are for the VFIO core. Documentation/driver-api/
 * vfio-device-cdev.rst describes the life of such a device and the locks.
 */
#ifndef __VFIO_DEVICE_CDEV_H__
#define __VFIO_DEVICE_CDEV_H__

#include <linux/device.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/vfio.h>

#include "vfio.h"

#if IS_ENABLED(CONFIG_VFIO_DEVICE_CDEV)

/* device_cdev.c */
int vfio_device_cdev_init(struct class *class,
			  const struct file_operations *fops);
void vfio_device_cdev_exit(void);
int vfio_device_cdev_add(struct vfio_device *device);
void vfio_device_cdev_close_node(struct vfio_device *device);
int vfio_device_cdev_open(struct inode *inode, struct file *filep);
void vfio_device_cdev_release(struct vfio_device_file *df);
long vfio_device_cdev_bind(struct vfio_device_file *df,
			   struct vfio_device_bind_iommufd __user *arg);
long vfio_device_cdev_ioctl(struct vfio_device_file *df, unsigned int cmd,
			    void __user *arg);
bool vfio_device_cdev_enforced_coherent(struct vfio_device_file *df);

#else

static inline int vfio_device_cdev_init(struct class *class,
					const struct file_operations *fops)
{
	return 0;
}

static inline void vfio_device_cdev_exit(void)
{
}

static inline int vfio_device_cdev_add(struct vfio_device *device)
{
	return device_add(&device->device);
}

static inline void vfio_device_cdev_close_node(struct vfio_device *device)
{
}

static inline int vfio_device_cdev_open(struct inode *inode,
					struct file *filep)
{
	return -ENODEV;
}

static inline void vfio_device_cdev_release(struct vfio_device_file *df)
{
}

static inline long
vfio_device_cdev_bind(struct vfio_device_file *df,
		      struct vfio_device_bind_iommufd __user *arg)
{
	return -ENOTTY;
}

static inline long vfio_device_cdev_ioctl(struct vfio_device_file *df,
					  unsigned int cmd, void __user *arg)
{
	return -ENOIOCTLCMD;
}

static inline bool
vfio_device_cdev_enforced_coherent(struct vfio_device_file *df)
{
	return true;
}

#endif /* CONFIG_VFIO_DEVICE_CDEV */
#endif /* __VFIO_DEVICE_CDEV_H__ */
