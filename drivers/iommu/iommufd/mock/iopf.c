// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests, as the mock's driver and hardware have them: the task that makes one
 * stands for the reader of a hardware's queue; answers are counted.
 */
#include <linux/container_of.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/iommu-pasid.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "../../iommu-sva-lib.h"
#include "mock/calls.h"
#include "mock/iommu.h"

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
	struct mock_dev *mdev = container_of(dev, struct mock_dev, dev);

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
	struct mock_dev *mdev = container_of(dev, struct mock_dev, dev);

	count_answer(mdev, response->code, response->pasid, response->grpid);
	return 0;
}

/**
 * mock_dev_request() - make a page request
 * @mdev: device, which does not leave its IOMMU meanwhile
 * @req: request, without the flags for its PASID
 *
 * What the core does not take, the driver answers.
 *
 * Context: may sleep.
 */
void mock_dev_request(struct mock_dev *mdev,
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
