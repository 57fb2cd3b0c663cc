// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of mock devices.
 */
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/xarray.h>

#include "call.h"
#include "hwpt.h"
#include "mock/calls.h"
#include "mock/selftest.h"
#include "mock/iommu.h"
#include "object.h"

/**
 * mock_op_pasid_attach() - PASID_ATTACH: attach a PASID of a device
 * @call: the call
 *
 * Context: may sleep and pin memory.
 * Return: 0; -ENOENT; -EINVAL for PASID 0; what iommufd_device_attach() returns.
 */
int mock_op_pasid_attach(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_selftest *st;
	int err = -EINVAL;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	if (arg->pasid_attach.pasid != IOMMU_NO_PASID)
		err = iommufd_device_attach(st->idev, arg->pasid_attach.pasid,
					    &arg->pasid_attach.pt_id);
	if (!err && mock_respond(call)) {
		iommufd_device_detach(st->idev, arg->pasid_attach.pasid);
		err = -EFAULT;
	}
	iommufd_object_put(call->ctx, &st->obj);
	return err;
}

/**
 * mock_op_pasid_replace() - PASID_REPLACE: attach a PASID to something else
 * @call: the call
 *
 * Context: may sleep and pin memory.
 * Return: 0; -ENOENT; -EINVAL for PASID 0; what iommufd_device_replace() returns.
 */
int mock_op_pasid_replace(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_selftest *st;
	int err = -EINVAL;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	if (arg->pasid_replace.pasid != IOMMU_NO_PASID)
		err = iommufd_device_replace(st->idev, arg->pasid_replace.pasid,
					     &arg->pasid_replace.pt_id);
	iommufd_object_put(call->ctx, &st->obj);
	return err ?: mock_respond(call);
}

/**
 * mock_op_pasid_detach() - PASID_DETACH: detach a PASID, if it is attached
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EINVAL for PASID 0.
 */
int mock_op_pasid_detach(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_selftest *st;
	int err = -EINVAL;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	if (arg->pasid_detach.pasid != IOMMU_NO_PASID) {
		iommufd_device_detach(st->idev, arg->pasid_detach.pasid);
		err = 0;
	}
	iommufd_object_put(call->ctx, &st->obj);
	return err;
}

/* What user space has attached, what the core knows, and what hardware would walk */
static int check_domain(struct mock_selftest *st, ioasid_t pasid,
			struct iommu_domain *wanted)
{
	struct device *dev = &st->mdev->dev;

	if (iommu_get_domain_for_dev_pasid(dev, pasid, 0) != wanted ||
	    xa_load(&st->mdev->pasids, pasid) != wanted)
		return -EINVAL;
	return 0;
}

/**
 * mock_op_pasid_check() - PASID_CHECK_HWPT: compare what a PASID is attached to
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EINVAL when it is something else, or the ID is not that of a page
 * table.
 */
int mock_op_pasid_check(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct iommu_domain *wanted = NULL;
	struct iommufd_object *pt = NULL;
	struct mock_selftest *st;
	int err = -EINVAL;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	if (arg->pasid_check.hwpt_id) {
		pt = iommufd_object_get(call->ctx, arg->pasid_check.hwpt_id,
					IOMMUFD_OBJ_ANY);
		if (IS_ERR(pt)) {
			err = PTR_ERR(pt);
			goto out_put_st;
		}
		if (!iommufd_object_is_hwpt(pt))
			goto out_put_pt;
		wanted = container_of(pt, struct iommufd_hwpt_common,
				      obj)->domain;
	}
	err = check_domain(st, arg->pasid_check.pasid, wanted);
out_put_pt:
	iommufd_object_put(call->ctx, pt);
out_put_st:
	iommufd_object_put(call->ctx, &st->obj);
	return err;
}
