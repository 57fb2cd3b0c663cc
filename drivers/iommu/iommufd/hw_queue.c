// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HW_QUEUE_ALLOC: queues in the memory of a guest that hardware reads.
 *
 * Hardware knows a queue by its physical address. As long as it does, the memory is pinned
 * and stays mapped where the guest has it.
 */
#include <linux/err.h>
#include <linux/iommu-viommu.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "hwpt.h"
#include "ioas.h"
#include "map/map.h"
#include "object.h"
#include "viommu.h"

/* The queue that the driver says comes first, or NULL */
static struct iommufd_hw_queue *first_of(const struct iommufd_hw_queue *queue)
{
	return queue->base->after ? queue->base->after->owner_data : NULL;
}

/**
 * iommufd_hw_queue_destroy() - end the use of a queue by hardware
 * @obj: its head; no queue is left that was made after it
 *
 * Context: may sleep.
 */
void iommufd_hw_queue_destroy(struct iommufd_object *obj)
{
	struct iommufd_hw_queue *queue =
		container_of(obj, struct iommufd_hw_queue, obj);
	struct iommufd_hw_queue *first = first_of(queue);
	struct iommufd_viommu *viommu = queue->viommu;

	mutex_lock(&viommu->queues_lock);
	viommu->base->ops->destroy_hw_queue(queue->base);
	mutex_unlock(&viommu->queues_lock);
	iommufd_map_unlock_range(queue->lock);
	if (first)
		iommufd_object_drop_user(&first->obj);
	kfree(queue->base);
	iommufd_object_drop_user(&viommu->obj);
}

/*
 * Keep the queue that the driver says comes first. Its own destruction may be on its way
 * and waits for the lock, so it exists; but then its ID does not find it.
 */
static int follow(struct iommufd_hw_queue *queue)
{
	struct iommufd_hw_queue *first = first_of(queue);
	struct iommufd_ctx *ctx = queue->viommu->ctx;
	struct iommufd_object *obj;

	if (!first)
		return 0;
	obj = iommufd_object_get(ctx, first->obj.id, IOMMUFD_OBJ_HW_QUEUE);
	if (IS_ERR(obj))
		return -EIO;
	iommufd_object_add_user(obj);	/* matches iommufd_hw_queue_destroy() */
	iommufd_object_put(ctx, obj);
	return 0;
}

static int begin_use(struct iommufd_hw_queue *queue)
{
	struct iommufd_viommu *viommu = queue->viommu;
	int err;

	if (mutex_lock_killable(&viommu->queues_lock))
		return -EINTR;
	err = viommu->base->ops->init_hw_queue(queue->base);
	if (!err) {
		err = follow(queue);
		if (err)
			viommu->base->ops->destroy_hw_queue(queue->base);
	}
	mutex_unlock(&viommu->queues_lock);
	return err;
}

/* What hardware is to use, which is pinned and mapped from here on */
static int lock_memory(struct iommufd_hw_queue *queue,
		       const struct iommu_hw_queue_alloc *arg)
{
	struct iommufd_iova_map *map = queue->viommu->parent->ioas->map;

	/* Both, as the sum may be one more than the largest */
	if (arg->length > ULONG_MAX ||
	    arg->nesting_parent_iova > ULONG_MAX - (arg->length - 1))
		return -ERANGE;
	queue->base->index = arg->index;
	queue->base->iova = arg->nesting_parent_iova;
	queue->base->length = arg->length;
	queue->base->owner_data = queue;
	queue->lock = iommufd_map_lock_range(map, arg->nesting_parent_iova,
					     arg->length, &queue->base->phys);
	return PTR_ERR_OR_ZERO(queue->lock);
}

static int fill(struct iommufd_hw_queue *queue,
		const struct iommu_hw_queue_alloc *arg)
{
	int err;

	queue->base = iommu_hw_queue_alloc(queue->viommu->base, arg->type);
	if (IS_ERR(queue->base))
		return PTR_ERR(queue->base);
	err = lock_memory(queue, arg);
	if (err)
		goto err_free;
	err = begin_use(queue);
	if (err)
		goto err_unlock;
	return 0;

err_unlock:
	iommufd_map_unlock_range(queue->lock);
err_free:
	kfree(queue->base);
	return err;
}

/* Publish the result, or discard it */
static struct iommufd_hw_queue *make_on(struct iommufd_viommu *viommu,
					const struct iommu_hw_queue_alloc *arg)
{
	struct iommufd_hw_queue *queue;
	int err;

	queue = iommufd_object_alloc(viommu->ctx, sizeof(*queue),
				     IOMMUFD_OBJ_HW_QUEUE);
	if (IS_ERR(queue))
		return queue;
	queue->viommu = viommu;
	err = fill(queue, arg);
	if (err) {
		iommufd_object_abort(viommu->ctx, &queue->obj);
		return ERR_PTR(err);
	}
	return queue;
}

/*
 * Pinning may take as long as user space likes. So meanwhile the virtual IOMMU has a
 * user, which no task waits for, and is not used by a call.
 */
static struct iommufd_hw_queue *make(struct iommufd_call *call)
{
	const struct iommu_hw_queue_alloc *arg = call->arg;
	struct iommufd_hw_queue *queue;
	struct iommufd_viommu *viommu;

	viommu = iommufd_viommu_get(call->ctx, arg->viommu_id);
	if (IS_ERR(viommu))
		return ERR_CAST(viommu);
	iommufd_object_add_user(&viommu->obj);	/* matches iommufd_hw_queue_destroy() */
	iommufd_object_put(call->ctx, &viommu->obj);
	queue = make_on(viommu, arg);
	if (IS_ERR(queue))
		iommufd_object_drop_user(&viommu->obj);
	return queue;
}

static int check(const struct iommu_hw_queue_alloc *arg)
{
	u64 end;

	if (arg->flags || arg->type == IOMMU_HW_QUEUE_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!arg->length)
		return -EINVAL;
	if (check_add_overflow(arg->nesting_parent_iova, arg->length, &end))
		return -EOVERFLOW;
	return 0;
}

/**
 * iommufd_ioctl_hw_queue_alloc() - IOMMU_HW_QUEUE_ALLOC
 * @call: the call, with a &struct iommu_hw_queue_alloc
 *
 * Context: may sleep and pin memory.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -ENOENT, -EPERM, -EFAULT as
 * Documentation/userspace-api/iommufd_viommu.rst says; -ERANGE for an address that the kernel has
 * no type for; -ENOMEM; -EBUSY when all IDs are taken; -EINTR when the caller is being
 * killed; the driver's error.
 */
int iommufd_ioctl_hw_queue_alloc(struct iommufd_call *call)
{
	struct iommu_hw_queue_alloc *arg = call->arg;
	struct iommufd_hw_queue *queue;
	int err;

	err = check(arg);
	if (err)
		return err;
	queue = make(call);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	arg->out_hw_queue_id = queue->obj.id;
	err = iommufd_call_respond(call, sizeof(*arg));
	if (err)
		iommufd_object_discard(call->ctx, &queue->obj);
	else
		iommufd_object_publish(call->ctx, &queue->obj);
	return err;
}
