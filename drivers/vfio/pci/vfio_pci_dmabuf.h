/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory BARs of a device for DMA of other devices.
 *
 * The driver says when its device's memory may be accessed and when not. It holds
 * memory_lock for writing around both.
 */
#ifndef __VFIO_PCI_DMABUF_H__
#define __VFIO_PCI_DMABUF_H__

#include <linux/errno.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>

struct vfio_device_feature_dma_buf;

/* vfio_pci_core.c: what mappings of BARs have */
extern const struct vm_operations_struct vfio_pci_mmap_ops;

#ifdef CONFIG_VFIO_PCI_DMABUF

int vfio_pci_dmabuf_init(void);
void vfio_pci_dmabuf_exit(void);
void vfio_pci_dmabuf_revoke(struct vfio_pci_core_device *vdev);
void vfio_pci_dmabuf_restore(struct vfio_pci_core_device *vdev);
void vfio_pci_dmabuf_close(struct vfio_pci_core_device *vdev);
int vfio_pci_dmabuf_feature(struct vfio_pci_core_device *vdev, u32 flags,
			    struct vfio_device_feature_dma_buf __user *arg,
			    size_t argsz);

#else

static inline int vfio_pci_dmabuf_init(void)
{
	return 0;
}

static inline void vfio_pci_dmabuf_exit(void)
{
}

static inline void vfio_pci_dmabuf_revoke(struct vfio_pci_core_device *vdev)
{
}

static inline void vfio_pci_dmabuf_restore(struct vfio_pci_core_device *vdev)
{
}

static inline void vfio_pci_dmabuf_close(struct vfio_pci_core_device *vdev)
{
}

static inline int
vfio_pci_dmabuf_feature(struct vfio_pci_core_device *vdev, u32 flags,
			struct vfio_device_feature_dma_buf __user *arg,
			size_t argsz)
{
	return -ENOTTY;
}

#endif /* CONFIG_VFIO_PCI_DMABUF */

/* Drop memory_lock, which was held for writing; the memory may be usable again */
static inline void vfio_pci_unlock_memory(struct vfio_pci_core_device *vdev)
{
	vfio_pci_dmabuf_restore(vdev);
	up_write(&vdev->memory_lock);
}

#endif /* __VFIO_PCI_DMABUF_H__ */
