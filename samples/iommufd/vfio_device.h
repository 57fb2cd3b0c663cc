/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function in user space: found through sysfs, opened through its VFIO
 * character device, translated by an address space of /dev/iommu.
 *
 * All functions return 0 or a negative errno unless they say otherwise.
 */
#ifndef SAMPLE_VFIO_DEVICE_H
#define SAMPLE_VFIO_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#define PCI_BDF_LEN	16

struct vfio_device {
	char bdf[PCI_BDF_LEN];	/* "0000:00:03.0" */
	char node[64];		/* "/dev/vfio/devices/vfio0" */
	char iommu[64];		/* the IOMMU in front of it, as sysfs names it */
	int fd;
	int iommufd;
	uint32_t dev_id;	/* of the device in the iommufd */
	uint32_t ioas_id;
	uint32_t hwpt_id;	/* page table that the attachment got */
};

/* First function of a class code such as 0x010802; bdf has PCI_BDF_LEN bytes */
int pci_find_class(uint32_t class_code, char *bdf);

/*
 * Give the function to vfio-pci, open its node, bind it to a new iommufd and
 * attach it to a new address space. On failure *step says what did not work.
 */
int vfio_device_open(struct vfio_device *dev, const char *bdf, const char **step);
void vfio_device_close(struct vfio_device *dev);

/* Let the function decode its memory BARs and master the bus */
int vfio_device_enable_dma(struct vfio_device *dev);

/* Map a BAR; NULL on failure */
volatile uint8_t *vfio_device_map_bar(struct vfio_device *dev, uint32_t index, size_t *bytes);

/* Is [iova, iova + bytes) usable in the device's address space? 1, 0 or error */
int ioas_usable(struct vfio_device *dev, uint64_t iova, uint64_t bytes);

/* Let the device read (and write, if writable) memory of ours at iova */
int ioas_map(struct vfio_device *dev, void *mem, uint64_t bytes, uint64_t iova, int writable);
int ioas_unmap(struct vfio_device *dev, uint64_t iova, uint64_t bytes);

#endif
