// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "pci.h"
#include "vfio_cdev.h"
#include "vfio_dev.h"

/* QEMU's edu device */
#define EDU_VENDOR	"0x1234"
#define EDU_DEVICE	"0x11e8"

static int choose_function(char *bdf)
{
	const char *named = getenv("IOMMUFD_TEST_BDF");

	if (!named)
		return pci_find(EDU_VENDOR, EDU_DEVICE, bdf);
	snprintf(bdf, PCI_BDF_LEN, "%s", named);
	return 0;
}

/* Unlike pci_bind() it takes the function from no driver: VFIO may have it, in use */
static void give_to_vfio(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	file_write(path, "vfio-pci");
	/* Fails where the driver is bound already, which is as good. */
	file_write("/sys/bus/pci/drivers_probe", bdf);
}

int vfio_dev_open(struct vfio_dev *dev)
{
	int err;

	dev->fd = -1;
	err = choose_function(dev->bdf);
	if (err)
		return err;
	give_to_vfio(dev->bdf);
	err = cdev_open(dev->bdf);
	if (err < 0)
		return err == -ENODEV ? -ENOENT : err;
	dev->fd = err;
	return 0;
}

int vfio_dev_bind(struct vfio_dev *dev, int iommufd)
{
	int id = cdev_bind(dev->fd, iommufd);

	dev->dev_id = id < 0 ? 0 : id;
	return id < 0 ? id : 0;
}

int vfio_dev_attach(struct vfio_dev *dev, uint32_t pt_id, uint32_t *hwpt)
{
	int id = cdev_attach(dev->fd, pt_id);

	if (hwpt)
		*hwpt = id < 0 ? pt_id : id;
	return id < 0 ? id : 0;
}

int vfio_dev_detach(struct vfio_dev *dev)
{
	return cdev_detach(dev->fd);
}

void vfio_dev_close(struct vfio_dev *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
}

int vfio_dev_fills_tables_late(const struct vfio_dev *dev)
{
	return pci_has_virtio_iommu(dev->bdf);
}
