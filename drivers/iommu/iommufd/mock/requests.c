// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of the test call on page requests of mock devices.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/spinlock.h>

#include "call.h"
#include "device.h"
#include "mock/calls.h"
#include "mock/iommu.h"
#include "mock/selftest.h"
#include "object.h"

/* The device stays bound meanwhile */
static int request_of(struct iommufd_call *call, u32 dev_id,
		      const struct iommu_fault_page_request *req)
{
	struct iommufd_device *idev = iommufd_device_get(call->ctx, dev_id);
	struct mock_dev *mdev;

	if (IS_ERR(idev))
		return PTR_ERR(idev);
	mdev = mock_dev_of(idev->dev);
	if (mdev)
		mock_dev_request(mdev, req);
	iommufd_object_put(call->ctx, &idev->obj);
	return mdev ? 0 : -EINVAL;
}

/**
 * mock_op_trigger_iopf() - TRIGGER_IOPF: have a device make a page request
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0, also when the request is refused; -ENOENT; -EINVAL for another device.
 */
int mock_op_trigger_iopf(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct iommu_fault_page_request req = {
		.flags	= IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
		.pasid	= arg->trigger_iopf.pasid,
		.grpid	= arg->trigger_iopf.grpid,
		.perm	= arg->trigger_iopf.perm,
		.addr	= arg->trigger_iopf.addr,
	};

	return request_of(call, arg->trigger_iopf.dev_id, &req);
}

/**
 * mock_op_partial_iopf() - PARTIAL_IOPF: the same, but it is not the last of its group
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep.
 * Return: as mock_op_trigger_iopf().
 */
int mock_op_partial_iopf(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct iommu_fault_page_request req = {
		.pasid	= arg->partial_iopf.pasid,
		.grpid	= arg->partial_iopf.grpid,
		.perm	= arg->partial_iopf.perm,
		.addr	= arg->partial_iopf.addr,
	};

	return request_of(call, arg->partial_iopf.dev_id, &req);
}

/**
 * mock_op_answers() - ANSWERS: tell how the page requests of a device were answered
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep.
 * Return: 0, -ENOENT, -EFAULT.
 */
int mock_op_answers(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct mock_answers answers;
	struct mock_selftest *st;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	spin_lock(&st->mdev->answers_lock);
	answers = st->mdev->answers;
	spin_unlock(&st->mdev->answers_lock);
	iommufd_object_put(call->ctx, &st->obj);
	arg->answers.out_nr_success = answers.nr_success;
	arg->answers.out_nr_invalid = answers.nr_invalid;
	arg->answers.out_nr_other = answers.nr_other;
	arg->answers.out_last_pasid = answers.last_pasid;
	arg->answers.out_last_grpid = answers.last_grpid;
	return mock_respond(call);
}
