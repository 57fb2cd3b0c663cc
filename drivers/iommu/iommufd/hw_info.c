// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_GET_HW_INFO: what the IOMMU behind a device can do.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/string.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "device.h"
#include "object.h"

/* What requests with a PASID may ask for beside reads and writes */
static u64 pasid_capabilities(struct device *dev)
{
	u64 caps = 0;
	int features;

	if (!dev_is_pci(dev))
		return 0;
	features = pci_pasid_features(to_pci_dev(dev));
	if (features < 0)
		return 0;
	if (features & PCI_PASID_CAP_EXEC)
		caps |= IOMMU_HW_CAP_PCI_PASID_EXEC;
	if (features & PCI_PASID_CAP_PRIV)
		caps |= IOMMU_HW_CAP_PCI_PASID_PRIV;
	return caps;
}

static u64 capabilities(struct device *dev)
{
	u64 caps = 0;

	/* Negative logic: older kernels left the bit clear and did not say */
	if (!dev_is_pci(dev) || !pci_ats_supported(to_pci_dev(dev)))
		caps |= IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	if (device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		caps |= IOMMU_HW_CAP_DIRTY_TRACKING;
	return caps;
}

/* @registers has room for IOMMU_HW_INFO_MAX_BYTES, all zero */
static int describe(struct iommufd_device *idev, struct iommu_hw_info *arg,
		    void *registers, size_t *len)
{
	u32 type = IOMMU_HW_INFO_TYPE_DEFAULT;
	int err;

	if (idev->noiommu)
		return -EOPNOTSUPP;
	if (arg->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE)
		type = arg->in_data_type;
	err = iommu_device_hw_info(idev->dev, &type, registers, len);
	if (err)
		return err;

	arg->out_data_type = type;
	arg->out_capabilities = capabilities(idev->dev);
	/* One that was bound by a PASID has no others */
	arg->out_max_pasid_log2 = 0;
	if (!iommufd_device_is_pasid(idev))
		arg->out_max_pasid_log2 = iommu_device_pasid_bits(idev->dev);
	if (arg->out_max_pasid_log2)
		arg->out_capabilities |= pasid_capabilities(idev->dev);
	return 0;
}

static int tell_registers(struct iommu_hw_info *arg, const void *registers,
			  size_t len)
{
	void __user *buf = u64_to_user_ptr(arg->data_uptr);
	size_t room = min_t(size_t, arg->data_len, len);

	if (copy_to_user(buf, registers, room))
		return -EFAULT;
	return iommu_clear_user(buf + room, arg->data_len - room);
}

/**
 * iommufd_ioctl_get_hw_info() - IOMMU_GET_HW_INFO
 * @call: the call, with a &struct iommu_hw_info
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EFAULT; -EINTR when the caller is being
 * killed.
 */
int iommufd_ioctl_get_hw_info(struct iommufd_call *call)
{
	u8 registers[IOMMU_HW_INFO_MAX_BYTES] __aligned(8) = {};
	struct iommu_hw_info *arg = call->arg;
	struct iommufd_device *idev;
	size_t len;
	int err;

	if ((arg->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE) ||
	    memchr_inv(arg->__reserved, 0, sizeof(arg->__reserved)))
		return -EOPNOTSUPP;

	idev = iommufd_device_get(call->ctx, arg->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	err = describe(idev, arg, registers, &len);
	/* Let the device be unbound: writing the caller's memory may take long */
	iommufd_object_put(call->ctx, &idev->obj);
	if (!err)
		err = tell_registers(arg, registers, len);
	if (err)
		return err;
	arg->data_len = len;
	return iommufd_call_respond(call, sizeof(*arg));
}
