/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device of VFIO for the tests of /dev/iommu. All calls return 0 or a negative errno
 * unless they say otherwise.
 */
#ifndef TEST_LIB_VFIO_DEV_H
#define TEST_LIB_VFIO_DEV_H

#include <stdint.h>

#include "pci.h"

struct vfio_dev {
	int fd;
	uint32_t dev_id;
	char bdf[PCI_BDF_LEN];
};

/*
 * Open a PCI function for the tests: the one that IOMMUFD_TEST_BDF names, or
 * QEMU's edu device. -ENODEV without one, -ENOENT without the node of VFIO.
 */
int vfio_dev_open(struct vfio_dev *dev);
int vfio_dev_bind(struct vfio_dev *dev, int iommufd);
/* Replaces what is attached; hwpt may be NULL. */
int vfio_dev_attach(struct vfio_dev *dev, uint32_t pt_id, uint32_t *hwpt);
int vfio_dev_detach(struct vfio_dev *dev);
void vfio_dev_close(struct vfio_dev *dev);
/*
 * Does the device's IOMMU learn what its tables look like only when a device is
 * attached? One that the user makes is empty until then: virtio-iommu.
 */
int vfio_dev_fills_tables_late(const struct vfio_dev *dev);

#endif
