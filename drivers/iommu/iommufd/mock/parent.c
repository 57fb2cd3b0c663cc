// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock devices that a driver of the kernel keeps: see parent.h.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/xarray.h>

#include "iommufd_test_ext.h"
#include "mock/iommu.h"
#include "mock/parent.h"
#include "mock/pgtable.h"

/**
 * iommufd_mock_parent_create() - make a device with PASIDs for a driver of the kernel
 *
 * Its requester ID is on the default domain, as that of any device with a native
 * driver; user space cannot claim it.
 *
 * Context: may sleep. iommufd_mock_parent_destroy() is the counterpart.
 * Return: the device, or ERR_PTR: -ENOMEM, what the driver core says.
 */
struct device *iommufd_mock_parent_create(void)
{
	struct mock_dev *mdev = mock_dev_create(MOCK_FLAGS_DEVICE_PASID, NULL);
	int err;

	if (IS_ERR(mdev))
		return ERR_CAST(mdev);
	err = iommu_device_use_default_domain(&mdev->dev);
	if (err) {
		mock_dev_destroy(mdev);
		return ERR_PTR(err);
	}
	return &mdev->dev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_mock_parent_create, IOMMUFD_TEST);

/**
 * iommufd_mock_parent_destroy() - undo iommufd_mock_parent_create()
 * @dev: the device; none of its PASIDs is attached
 *
 * Context: may sleep.
 */
void iommufd_mock_parent_destroy(struct device *dev)
{
	iommu_device_unuse_default_domain(dev);
	mock_dev_destroy(mock_dev_of(dev));
}
EXPORT_SYMBOL_NS_GPL(iommufd_mock_parent_destroy, IOMMUFD_TEST);

/* The page table that the kernel fills; those of user space map nothing here */
static struct mock_domain *paging_of(struct iommu_domain *domain)
{
	struct mock_nested *nested = mock_nested_of(domain);

	return nested ? nested->parent : mock_domain_of(domain);
}

/**
 * iommufd_mock_parent_dma() - access memory with a PASID of a device
 * @dev: device
 * @pasid: PASID
 * @iova: first address in bytes
 * @buf: what is written, or where to what is read
 * @len: bytes, few enough to be copied without rescheduling
 * @write: to memory
 *
 * A PASID that is replaced or detached accesses nothing of its old page table when that
 * call has returned.
 *
 * Context: process context; does not sleep.
 * Return: 0; -EFAULT when the PASID is blocked, or mock_pgtable_copy() says so.
 */
int iommufd_mock_parent_dma(struct device *dev, u32 pasid, u64 iova, void *buf,
			    size_t len, bool write)
{
	struct mock_dev *mdev = mock_dev_of(dev);
	struct iommu_domain *domain;
	int err = -EFAULT;

	xa_lock(&mdev->pasids);
	domain = xa_load(&mdev->pasids, pasid);
	if (domain)
		err = mock_pgtable_copy(&paging_of(domain)->pt, iova, buf, len,
					write);
	xa_unlock(&mdev->pasids);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommufd_mock_parent_dma, IOMMUFD_TEST);
