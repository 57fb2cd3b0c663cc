// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of VFIO that are PASIDs of one parent.
 *
 * The parent does DMA, and tells the address spaces of its users apart by PASID. Its
 * driver gives each user a device, with a PASID of its own; to a program such a device
 * is like one behind an IOMMU of its own. The driver does not pin pages, and does not see
 * what is mapped: the IOMMU translates what the parent accesses with that PASID.
 *
 * Here the parent is a device of the mock IOMMU. User space writes one &struct
 * vdma_command at a time to the file of a device; the device then does DMA between its
 * buffer, which read() returns, and the address in the command.
 */
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "../../drivers/iommu/iommufd/mock/parent.h"

#define NR_DEVICES	2
#define BUFFER_BYTES	256

/* As vdma.c has them */
enum vdma_op {
	VDMA_LOAD = 3,		/* from iova into the buffer */
	VDMA_STORE = 4,		/* from the buffer to iova */
};

/**
 * struct vdma_command - what user space wants
 * @iova: address in the user's address space, in bytes
 * @count: bytes
 * @op: a &enum vdma_op
 */
struct vdma_command {
	__u64 iova;
	__u32 count;
	__u32 op;
};

/**
 * struct vdma - a device
 * @vdev: its role in VFIO
 * @pasid: what the parent tells its accesses apart by
 * @lock: protects @buffer
 * @buffer: what was read last
 */
struct vdma {
	struct vfio_device vdev;
	ioasid_t pasid;
	struct mutex lock;
	u8 buffer[BUFFER_BYTES];
};

static struct device *parent;

static struct vdma *to_vdma(struct vfio_device *vdev)
{
	return container_of(vdev, struct vdma, vdev);
}

static ssize_t vdma_write(struct vfio_device *vdev, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct vdma *vdma = to_vdma(vdev);
	struct vdma_command command;
	int err;

	if (count != sizeof(command))
		return -EINVAL;
	if (copy_from_user(&command, buf, sizeof(command)))
		return -EFAULT;
	if (command.count > BUFFER_BYTES ||
	    (command.op != VDMA_LOAD && command.op != VDMA_STORE))
		return -EINVAL;
	mutex_lock(&vdma->lock);
	err = iommufd_mock_parent_dma(parent, vdma->pasid, command.iova,
				      vdma->buffer, command.count,
				      command.op == VDMA_STORE);
	mutex_unlock(&vdma->lock);
	return err ?: count;
}

static ssize_t vdma_read(struct vfio_device *vdev, char __user *buf,
			 size_t count, loff_t *ppos)
{
	struct vdma *vdma = to_vdma(vdev);
	ssize_t done = min_t(size_t, count, BUFFER_BYTES);

	mutex_lock(&vdma->lock);
	if (copy_to_user(buf, vdma->buffer, done))
		done = -EFAULT;
	mutex_unlock(&vdma->lock);
	return done;
}

static int vdma_init(struct vfio_device *vdev)
{
	mutex_init(&to_vdma(vdev)->lock);
	return 0;
}

static void vdma_release(struct vfio_device *vdev)
{
	mutex_destroy(&to_vdma(vdev)->lock);
	vfio_free_device(vdev);
}

static const struct vfio_device_ops vdma_ops = {
	.name = "vdma-pasid",
	.init = vdma_init,
	.release = vdma_release,
	.read = vdma_read,
	.write = vdma_write,
};

static int vdma_probe(struct platform_device *pdev)
{
	struct vdma *vdma;
	int err;

	vdma = vfio_alloc_device(vdma, vdev, &pdev->dev, &vdma_ops);
	if (IS_ERR(vdma))
		return PTR_ERR(vdma);
	vdma->pasid = iommu_alloc_global_pasid(parent);
	if (vdma->pasid == IOMMU_PASID_INVALID) {
		err = -ENOSPC;
		goto err_put;
	}
	vfio_iommufd_use_pasid(&vdma->vdev, parent, vdma->pasid);
	err = vfio_register_emulated_iommu_dev(&vdma->vdev);
	if (err)
		goto err_free_pasid;
	platform_set_drvdata(pdev, vdma);
	return 0;

err_free_pasid:
	iommu_free_global_pasid(vdma->pasid);
err_put:
	vfio_put_device(&vdma->vdev);
	return err;
}

static int vdma_remove(struct platform_device *pdev)
{
	struct vdma *vdma = platform_get_drvdata(pdev);

	/* Waits until the user has closed the device, which detaches the PASID */
	vfio_unregister_group_dev(&vdma->vdev);
	iommu_free_global_pasid(vdma->pasid);
	vfio_put_device(&vdma->vdev);
	return 0;
}

static struct platform_driver vdma_driver = {
	.probe = vdma_probe,
	.remove = vdma_remove,
	.driver = {
		.name = "vdma-pasid",
	},
};

static struct platform_device *devices[NR_DEVICES];

static void unregister_devices(unsigned int nr)
{
	while (nr--)
		platform_device_unregister(devices[nr]);
}

static int register_devices(void)
{
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++) {
		devices[i] = platform_device_register_simple("vdma-pasid", i,
							     NULL, 0);
		if (IS_ERR(devices[i])) {
			unregister_devices(i);
			return PTR_ERR(devices[i]);
		}
	}
	return 0;
}

static int __init vdma_module_init(void)
{
	int err;

	parent = iommufd_mock_parent_create();
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	err = platform_driver_register(&vdma_driver);
	if (err)
		goto err_destroy;
	err = register_devices();
	if (err)
		goto err_unregister;
	return 0;

err_unregister:
	platform_driver_unregister(&vdma_driver);
err_destroy:
	iommufd_mock_parent_destroy(parent);
	return err;
}
module_init(vdma_module_init);

static void __exit vdma_module_exit(void)
{
	unregister_devices(NR_DEVICES);
	platform_driver_unregister(&vdma_driver);
	iommufd_mock_parent_destroy(parent);
}
module_exit(vdma_module_exit);

MODULE_DESCRIPTION("Sample devices of VFIO that are PASIDs of one parent");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(IOMMUFD_TEST);
