// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices whose driver accesses memory on their behalf, with an iommufd.
 *
 * Such a device is not behind an IOMMU. It becomes an access of the context, which
 * serves the driver's requests to pin and to copy. Drivers need no change: they are
 * asked to unpin pages as a container asks them.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/*
 * A driver may be asked from the end of its open_device() to the beginning of its
 * close_device(). The address space may ask at other times, too. Either no page is
 * pinned then, or close_device() is about to unpin them: the task that unmaps waits
 * until all are unpinned, and asks again.
 */
static void request_driver_unpin(void *data, unsigned long iova, unsigned long length_bytes)
{
	struct vfio_device *device = data;

	mutex_lock(&device->iommufd_unmap_lock);
	if (device->iommufd_opened)
		device->ops->dma_unmap(device, iova, length_bytes);
	mutex_unlock(&device->iommufd_unmap_lock);
}

static const struct iommufd_access_ops access_ops = {
	.unmap = request_driver_unpin,
};

/* The driver never pins */
static const struct iommufd_access_ops access_ops_copy_only = {
};

static int emulated_bind(struct vfio_device *device, struct iommufd_ctx *ictx,
			 u32 *dev_id)
{
	struct iommufd_access *access;

	access = iommufd_access_create(ictx, device->ops->dma_unmap ?
					     &access_ops :
					     &access_ops_copy_only,
				       device, dev_id);
	if (IS_ERR(access))
		return PTR_ERR(access);
	device->iommufd_access = access;
	return 0;
}

/* There is no page table, so @pt_id stays the ID of the address space */
static int emulated_attach(struct vfio_device *device, u32 *pt_id)
{
	int err;

	if (device->iommufd_attached)
		return iommufd_access_replace(device->iommufd_access, *pt_id);

	err = iommufd_access_attach(device->iommufd_access, *pt_id);
	if (!err)
		device->iommufd_attached = true;
	return err;
}

static void emulated_detach(struct vfio_device *device)
{
	if (!device->iommufd_attached)
		return;
	iommufd_access_detach(device->iommufd_access);
	device->iommufd_attached = false;
}

static void emulated_unbind(struct vfio_device *device)
{
	emulated_detach(device);
	iommufd_access_destroy(device->iommufd_access);
	device->iommufd_access = NULL;
}

const struct vfio_iommufd_ops vfio_iommufd_emulated_ops = {
	.bind = emulated_bind,
	.unbind = emulated_unbind,
	.attach = emulated_attach,
	.detach = emulated_detach,
};

/**
 * vfio_iommufd_device_opened() - the driver may be asked to unpin pages
 * @device: device whose open_device() succeeded, for its first user
 *
 * Context: may sleep; dev_set->lock held.
 */
void vfio_iommufd_device_opened(struct vfio_device *device)
{
	mutex_lock(&device->iommufd_unmap_lock);
	device->iommufd_opened = true;
	mutex_unlock(&device->iommufd_unmap_lock);
}

/**
 * vfio_iommufd_device_closing() - the driver may not be asked any more
 * @device: device whose close_device() is about to be called, for its last user
 *
 * Waits until no dma_unmap() of the driver is running. A later call would reach a
 * driver whose device is closed.
 *
 * Context: may sleep, as long as the driver's dma_unmap() takes; dev_set->lock held.
 */
void vfio_iommufd_device_closing(struct vfio_device *device)
{
	mutex_lock(&device->iommufd_unmap_lock);
	device->iommufd_opened = false;
	mutex_unlock(&device->iommufd_unmap_lock);
}

/**
 * vfio_iommufd_pin_pages() - vfio_pin_pages() for a device with an access
 * @device: open device
 * @iova: an IOVA in bytes, anywhere in the first page
 * @npages: number of pages
 * @prot: IOMMU_WRITE when they will be written to
 * @pages: receives them
 *
 * Drivers may unpin in other portions than they pinned, so each page is pinned
 * by itself.
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: @npages, or what iommufd_access_pin() returns and nothing is pinned.
 */
int vfio_iommufd_pin_pages(struct vfio_device *device, unsigned long iova,
			   int npages, int prot, struct page **pages)
{
	unsigned int flags = prot & IOMMU_WRITE ? IOMMUFD_ACCESS_WRITE :
						  IOMMUFD_ACCESS_READ;
	int i, err;

	iova &= PAGE_MASK;
	for (i = 0; i < npages; i++) {
		err = iommufd_access_pin(device->iommufd_access,
					 iova + i * PAGE_SIZE, PAGE_SIZE,
					 &pages[i], flags);
		if (err) {
			vfio_iommufd_unpin_pages(device, iova, i);
			return err;
		}
	}
	return npages;
}

/**
 * vfio_iommufd_unpin_pages() - vfio_unpin_pages() for a device with an access
 * @device: open device
 * @iova: an IOVA in bytes, anywhere in the first page
 * @npages: number of pages, each pinned as often as it is unpinned
 *
 * Context: may sleep.
 */
void vfio_iommufd_unpin_pages(struct vfio_device *device, unsigned long iova,
			      int npages)
{
	int i;

	iova &= PAGE_MASK;
	for (i = 0; i < npages; i++)
		iommufd_access_unpin(device->iommufd_access,
				     iova + i * PAGE_SIZE, PAGE_SIZE);
}

/**
 * vfio_iommufd_rw() - vfio_dma_rw() for a device with an access
 * @device: open device
 * @iova: first IOVA in bytes
 * @data: the other side of the copy
 * @len: bytes
 * @write: to the IOVA, not from it
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0, or what iommufd_access_rw() returns.
 */
int vfio_iommufd_rw(struct vfio_device *device, unsigned long iova, void *data,
		    size_t len, bool write)
{
	return iommufd_access_rw(device->iommufd_access, iova, data, len,
				 write ? IOMMUFD_ACCESS_WRITE :
					 IOMMUFD_ACCESS_READ);
}
