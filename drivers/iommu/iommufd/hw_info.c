// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_GET_HW_INFO: what the IOMMU behind a device can do.
 */
#include <linux/err.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/string.h>
#include <uapi/linux/iommufd.h>

#include "iommufd_private.h"

static u64 capabilities(struct device *dev)
{
	u64 caps = 0;

	/* Negative logic: older kernels left the bit clear and did not say */
	if (!dev_is_pci(dev) || !pci_ats_supported(to_pci_dev(dev)))
		caps |= IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	return caps;
}

static int report(struct iommufd_device *idev, struct iommu_hw_info *arg)
{
	bool wants_type = arg->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE;

	/* No driver describes itself yet, so there is only the empty blob */
	if (wants_type && arg->in_data_type != IOMMU_HW_INFO_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (clear_user(u64_to_user_ptr(arg->data_uptr), arg->data_len))
		return -EFAULT;

	arg->out_data_type = IOMMU_HW_INFO_TYPE_NONE;
	arg->data_len = 0;
	arg->out_max_pasid_log2 = 0;
	arg->out_capabilities = capabilities(idev->dev);
	return 0;
}

/**
 * iommufd_ioctl_get_hw_info() - IOMMU_GET_HW_INFO
 * @call: the call, with a &struct iommu_hw_info
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EFAULT.
 */
int iommufd_ioctl_get_hw_info(struct iommufd_call *call)
{
	struct iommu_hw_info *arg = call->arg;
	struct iommufd_device *idev;
	int err;

	if ((arg->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE) ||
	    memchr_inv(arg->__reserved, 0, sizeof(arg->__reserved)))
		return -EOPNOTSUPP;

	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	err = report(idev, arg);
	iommufd_object_put(call->ctx, &idev->obj);
	if (err)
		return err;
	return iommufd_call_respond(call, sizeof(*arg));
}
