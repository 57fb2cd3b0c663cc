// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs of the mock: a cache of each device that requests about the guest's IDs
 * invalidate, two pages to be mapped, and two queues that no hardware reads.
 */
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-viommu.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "iommufd_test.h"
#include "mock/iommu.h"

#define REGION_ORDER	1
#define REGION_BYTES	(PAGE_SIZE << REGION_ORDER)

static struct mock_viommu *to_mock_viommu(struct iommu_viommu *viommu)
{
	return container_of(viommu, struct mock_viommu, base);
}

/* Pages that begin with the word that user space gave */
static int publish_pages(struct mock_viommu *mviommu, u32 word)
{
	struct page *page;
	int err;

	page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_COMP,
			   REGION_ORDER);
	if (!page)
		return -ENOMEM;
	*(u32 *)page_address(page) = word;
	err = iommu_viommu_publish(&mviommu->base, page_to_phys(page),
				   REGION_BYTES, IOMMU_VIOMMU_RAM,
				   &mviommu->offset);
	if (err) {
		__free_pages(page, REGION_ORDER);
		return err;
	}
	mviommu->page = page;
	return 0;
}

/**
 * mock_viommu_init() - init() of the mock's virtual IOMMUs
 * @viommu: virtual IOMMU
 * @dev: mock device
 * @blob: a &struct iommu_viommu_selftest, or NULL
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for a blob of another size; -EFAULT; -ENOMEM; -EBUSY.
 */
int mock_viommu_init(struct iommu_viommu *viommu, struct device *dev,
		     struct iommu_user_blob *blob)
{
	struct mock_viommu *mviommu = to_mock_viommu(viommu);
	struct iommu_viommu_selftest data;
	int err;

	if (!blob)
		return 0;
	err = iommu_copy_blob(&data, sizeof(data),
			      offsetofend(struct iommu_viommu_selftest,
					  out_data), blob);
	if (err)
		return err;
	err = publish_pages(mviommu, data.in_data);
	if (err)
		return err;
	data.out_data = data.in_data;
	data.out_mmap_offset = mviommu->offset;
	data.out_mmap_length = REGION_BYTES;
	iommu_answer_blob(blob, &data, sizeof(data));
	return 0;
}

/**
 * mock_viommu_destroy() - destroy() of the mock's virtual IOMMUs
 * @viommu: virtual IOMMU
 *
 * Context: may sleep.
 */
void mock_viommu_destroy(struct iommu_viommu *viommu)
{
	struct mock_viommu *mviommu = to_mock_viommu(viommu);

	WARN_ON_ONCE(memchr_inv(mviommu->queues, 0, sizeof(mviommu->queues)));
	if (!mviommu->page)
		return;
	iommu_viommu_unpublish(viommu, mviommu->offset);
	__free_pages(mviommu->page, REGION_ORDER);
}

static int invalidate_cache(struct iommu_viommu *viommu,
			    const struct iommu_viommu_invalidate_selftest *request)
{
	struct iommu_vdevice *vdev;
	struct mock_dev *mdev;

	rcu_read_lock();
	vdev = iommu_viommu_find(viommu, request->vdev_id);
	if (vdev) {
		mdev = container_of(vdev->dev, struct mock_dev, dev);
		if (request->flags & IOMMU_TEST_INVALIDATE_FLAG_ALL)
			memset(mdev->cache, 0, sizeof(mdev->cache));
		else
			WRITE_ONCE(mdev->cache[request->cache_id], 0);
	}
	rcu_read_unlock();
	return vdev ? 0 : -EINVAL;
}

static int invalidate_one(struct iommu_viommu *viommu,
			  struct iommu_user_array *array, u32 index)
{
	struct iommu_viommu_invalidate_selftest request;
	int err;

	err = iommu_copy_viommu_entry(&request, sizeof(request), array, index);
	if (err)
		return err;
	if (request.flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (request.cache_id > MOCK_DEV_CACHE_ID_MAX)
		return -EINVAL;
	return invalidate_cache(viommu, &request);
}

/**
 * mock_viommu_invalidate() - invalidate() of the mock's virtual IOMMUs
 * @viommu: virtual IOMMU
 * @array: requests; its number is set to how many were done
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -EOPNOTSUPP, -E2BIG, -EFAULT, -EINTR.
 */
int mock_viommu_invalidate(struct iommu_viommu *viommu,
			   struct iommu_user_array *array)
{
	u32 done = 0;
	int err = 0;

	if (array->type != IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST)
		err = -EINVAL;
	while (!err && done < array->nr) {
		err = invalidate_one(viommu, array, done);
		if (!err)
			done++;
	}
	array->nr = done;
	return err;
}

/**
 * mock_viommu_event_bytes() - event_bytes() of the mock's virtual IOMMUs
 * @viommu: virtual IOMMU
 * @type: type of events
 *
 * Context: any.
 * Return: size in bytes, 0 for another type.
 */
size_t mock_viommu_event_bytes(struct iommu_viommu *viommu, u32 type)
{
	return type == IOMMU_VEVENTQ_TYPE_SELFTEST ?
	       sizeof(struct iommu_viommu_event_selftest) : 0;
}

/**
 * mock_viommu_queue_bytes() - hw_queue_bytes() of the mock's virtual IOMMUs
 * @viommu: virtual IOMMU
 * @type: type of queues
 *
 * Context: any.
 * Return: size in bytes, 0 for another type.
 */
size_t mock_viommu_queue_bytes(struct iommu_viommu *viommu, u32 type)
{
	return type == IOMMU_HW_QUEUE_TYPE_SELFTEST ?
	       sizeof(struct iommu_hw_queue) : 0;
}

/**
 * mock_viommu_init_queue() - init_hw_queue() of the mock's virtual IOMMUs
 * @queue: the queue
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for an index that there is not; -EEXIST; -EIO when the one before it
 * is not there.
 */
int mock_viommu_init_queue(struct iommu_hw_queue *queue)
{
	struct mock_viommu *mviommu = to_mock_viommu(queue->viommu);

	if (queue->index >= IOMMU_TEST_HW_QUEUE_MAX)
		return -EINVAL;
	if (mviommu->queues[queue->index])
		return -EEXIST;
	if (queue->index) {
		queue->after = mviommu->queues[queue->index - 1];
		if (!queue->after)
			return -EIO;
	}
	mviommu->queues[queue->index] = queue;
	return 0;
}

/**
 * mock_viommu_destroy_queue() - destroy_hw_queue() of the mock's virtual IOMMUs
 * @queue: the queue
 *
 * Context: may sleep.
 */
void mock_viommu_destroy_queue(struct iommu_hw_queue *queue)
{
	to_mock_viommu(queue->viommu)->queues[queue->index] = NULL;
}
