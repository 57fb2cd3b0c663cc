// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests of mock devices: made by an operation of the test call, which stands for
 * the reader of a hardware's queue, and counted when they are answered.
 */
#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "../../iommu-sva-lib.h"
#include "call.h"
#include "device.h"
#include "mock/calls.h"
#include "mock/iommu.h"
#include "mock/selftest.h"
#include "object.h"

static struct iopf_queue *requests;

/**
 * mock_enable_faults() - enable_faults() of the mock's driver
 * @dev: mock device
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 * Return: 0, -ENOMEM.
 */
int mock_enable_faults(struct device *dev)
{
	return iopf_queue_add_device(requests, dev, MOCK_EXT_NR_REQUESTS);
}

/**
 * mock_disable_faults() - disable_faults() of the mock's driver
 * @dev: mock device
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 */
void mock_disable_faults(struct device *dev)
{
	iopf_queue_remove_device(requests, dev);
}

/**
 * mock_drain_faults() - drain_faults() of the mock's driver
 * @dev: mock device
 *
 * Context: &struct iommu_group.mutex is held; may sleep.
 */
void mock_drain_faults(struct device *dev)
{
	struct mock_dev *mdev = mock_dev_of(dev);

	/* The queue is as long as the request that is being reported */
	mutex_lock(&mdev->reader);
	mutex_unlock(&mdev->reader);
}

static void count_answer(struct mock_dev *mdev, u32 code, u32 pasid, u32 grpid)
{
	spin_lock(&mdev->answers_lock);
	if (code == IOMMU_PAGE_RESP_SUCCESS)
		mdev->answers.nr_success++;
	else if (code == IOMMU_PAGE_RESP_INVALID)
		mdev->answers.nr_invalid++;
	else
		mdev->answers.nr_other++;
	mdev->answers.last_pasid = pasid;
	mdev->answers.last_grpid = grpid;
	spin_unlock(&mdev->answers_lock);
}

/**
 * mock_page_response() - page_response() of the mock's driver
 * @dev: mock device
 * @evt: request
 * @response: answer
 *
 * Context: any.
 * Return: 0.
 */
int mock_page_response(struct device *dev, struct iommu_fault_event *evt,
		       struct iommu_page_response *response)
{
	struct mock_dev *mdev = mock_dev_of(dev);

	count_answer(mdev, response->code, response->pasid, response->grpid);
	return 0;
}

/* What the core does not take, the driver answers */
static void make_request(struct mock_dev *mdev,
			 const struct iommu_fault_page_request *req)
{
	struct iommu_fault_event event = {
		.fault.type	= IOMMU_FAULT_PAGE_REQ,
		.fault.prm	= *req,
	};

	if (req->pasid != IOMMU_NO_PASID)
		event.fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
					 IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	mutex_lock(&mdev->reader);
	if (iommu_report_device_fault(&mdev->dev, &event) &&
	    req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		count_answer(mdev, IOMMU_PAGE_RESP_INVALID, req->pasid,
			     req->grpid);
	mutex_unlock(&mdev->reader);
}

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
		make_request(mdev, req);
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

/**
 * mock_iopf_init() - make the queue of the mock's hardware
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM.
 */
int __init mock_iopf_init(void)
{
	requests = iopf_queue_alloc("iommufd_mock");
	return requests ? 0 : -ENOMEM;
}

/**
 * mock_iopf_exit() - undo mock_iopf_init()
 *
 * Context: may sleep; no device is left.
 */
void mock_iopf_exit(void)
{
	iopf_queue_free(requests);
}
