// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of the events of a virtual IOMMU.
 *
 * Drivers report events in interrupt context, and user space decides when it reads them.
 * So all memory is there from the beginning: as many events as user space asked for, each
 * of which is free, waits to be read, or belongs to the task that reads it. One that comes
 * when none is free is lost. A mark at the end of the queue says so until another event
 * follows, whose number then shows how many were lost.
 */
#include <linux/err.h>
#include <linux/iommu-viommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <uapi/linux/iommufd.h>

#include "eventq.h"
#include "object.h"
#include "viommu.h"

/* Unlike the locks of other queues, taken in interrupt context */
static struct lock_class_key veventq_lock_key;

/* Producers */

static void lose_event(struct iommufd_veventq *veventq)
{
	veventq->lost->sequence = veventq->next_sequence++;
	if (list_empty(&veventq->lost->entry))
		list_add_tail(&veventq->lost->entry, &veventq->queue.events);
}

static int add_event(struct iommufd_veventq *veventq, const void *data,
		     size_t len)
{
	struct iommufd_vevent *event;

	lockdep_assert_held(&veventq->queue.lock);
	if (veventq->queue.closed)
		return -EOPNOTSUPP;
	if (len != veventq->event_bytes)
		return -EINVAL;
	event = list_first_entry_or_null(&veventq->free, struct iommufd_vevent,
					 entry);
	if (!event) {
		lose_event(veventq);
		return 0;
	}
	/* The numbers tell what was lost */
	list_del_init(&veventq->lost->entry);
	event->sequence = veventq->next_sequence++;
	memcpy(event->data, data, len);
	list_move_tail(&event->entry, &veventq->queue.events);
	veventq->nr_waiting++;
	return 0;
}

static struct iommufd_veventq *find_locked(struct iommufd_viommu *viommu,
					   u32 type)
{
	struct iommufd_veventq *veventq;

	lockdep_assert_held(&viommu->eventqs_lock);
	list_for_each_entry(veventq, &viommu->eventqs, node)
		if (veventq->type == type)
			return veventq;
	return NULL;
}

/**
 * iommufd_veventq_report() - add an event to the queue for its type
 * @base: virtual IOMMU
 * @type: type of the event
 * @data: the event, without its header
 * @len: its length in bytes
 *
 * Context: any, interrupt handlers included.
 * Return: as iommu_viommu_report().
 */
int iommufd_veventq_report(struct iommu_viommu *base, u32 type,
			   const void *data, size_t len)
{
	struct iommufd_viommu *viommu = base->owner_data;
	struct iommufd_veventq *veventq;
	unsigned long flags;
	int err = -EOPNOTSUPP;

	spin_lock_irqsave(&viommu->eventqs_lock, flags);
	veventq = find_locked(viommu, type);
	if (veventq) {
		spin_lock(&veventq->queue.lock);
		err = add_event(veventq, data, len);
		spin_unlock(&veventq->queue.lock);
	}
	/* The lock of the list keeps the queue */
	if (!err)
		wake_up_interruptible_poll(&veventq->queue.readable,
					   EPOLLIN | EPOLLRDNORM);
	spin_unlock_irqrestore(&viommu->eventqs_lock, flags);
	return err;
}

/* Readers */

static size_t bytes_of(const struct iommufd_veventq *veventq,
		       const struct iommufd_vevent *event)
{
	return sizeof(struct iommufd_vevent_header) +
	       (event->is_lost ? 0 : veventq->event_bytes);
}

/**
 * iommufd_veventq_take() - become the owner of the oldest event
 * @veventq: queue
 * @room: bytes that the caller can use
 * @lost: memory for the case that it is the mark for lost ones
 *
 * Context: process context.
 * Return: the event, for iommufd_veventq_free_event() or iommufd_veventq_return_event(), or
 * @lost; NULL when none waits; ERR_PTR(-EINVAL) when it does not fit.
 */
struct iommufd_vevent *iommufd_veventq_take(struct iommufd_veventq *veventq,
					    size_t room,
					    struct iommufd_vevent *lost)
{
	struct iommufd_vevent *event;

	spin_lock_irq(&veventq->queue.lock);
	event = list_first_entry_or_null(&veventq->queue.events,
					 struct iommufd_vevent, entry);
	if (!event)
		goto out_unlock;
	if (bytes_of(veventq, event) > room) {
		event = ERR_PTR(-EINVAL);
		goto out_unlock;
	}
	list_del_init(&event->entry);
	if (event->is_lost) {
		/* There is one mark, which the next event that is lost may need */
		*lost = *event;
		event = lost;
	} else {
		veventq->nr_waiting--;
	}
out_unlock:
	spin_unlock_irq(&veventq->queue.lock);
	return event;
}

/**
 * iommufd_veventq_free_event() - an event has been read
 * @veventq: queue
 * @event: what iommufd_veventq_take() returned
 *
 * Context: process context.
 */
void iommufd_veventq_free_event(struct iommufd_veventq *veventq,
				struct iommufd_vevent *event)
{
	if (event->is_lost)
		return;
	spin_lock_irq(&veventq->queue.lock);
	list_add(&event->entry, &veventq->free);
	spin_unlock_irq(&veventq->queue.lock);
}

/* Of those that follow the mark the numbers say the same */
static void return_mark(struct iommufd_veventq *veventq,
			const struct iommufd_vevent *event)
{
	if (event->sequence + 1 == veventq->next_sequence &&
	    list_empty(&veventq->lost->entry))
		list_add_tail(&veventq->lost->entry, &veventq->queue.events);
}

/* Before the first one that came after it: another may have been returned, too */
static void return_in_order(struct iommufd_veventq *veventq,
			    struct iommufd_vevent *event)
{
	struct iommufd_vevent *other;

	list_for_each_entry(other, &veventq->queue.events, entry)
		if (other->sequence > event->sequence)
			break;
	list_add_tail(&event->entry, &other->entry);
	veventq->nr_waiting++;
}

/**
 * iommufd_veventq_return_event() - an event could not be read
 * @veventq: queue
 * @event: what iommufd_veventq_take() returned
 *
 * Context: process context.
 */
void iommufd_veventq_return_event(struct iommufd_veventq *veventq,
				  struct iommufd_vevent *event)
{
	spin_lock_irq(&veventq->queue.lock);
	if (event->is_lost)
		return_mark(veventq, event);
	else
		return_in_order(veventq, event);
	spin_unlock_irq(&veventq->queue.lock);
	wake_up_interruptible_poll(&veventq->queue.readable,
				   EPOLLIN | EPOLLRDNORM);
}

/* Coming and going */

static int alloc_events(struct iommufd_veventq *veventq)
{
	size_t bytes = ALIGN(struct_size(veventq->lost, data,
					 veventq->event_bytes / sizeof(u32)),
			     __alignof__(struct iommufd_vevent));
	struct iommufd_vevent *event;
	u32 i;

	/* One more, for the mark */
	veventq->memory = kvcalloc(veventq->depth + 1, bytes,
				   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!veventq->memory)
		return -ENOMEM;
	for (i = 0; i < veventq->depth; i++) {
		event = veventq->memory + i * bytes;
		list_add_tail(&event->entry, &veventq->free);
		cond_resched();
	}
	veventq->lost = veventq->memory + i * bytes;
	veventq->lost->is_lost = true;
	INIT_LIST_HEAD(&veventq->lost->entry);
	return 0;
}

/* From here on events come */
static int join(struct iommufd_veventq *veventq, struct iommufd_viommu *viommu)
{
	int err = -EEXIST;

	spin_lock_irq(&viommu->eventqs_lock);
	if (!find_locked(viommu, veventq->type)) {
		list_add_tail(&veventq->node, &viommu->eventqs);
		err = 0;
	}
	spin_unlock_irq(&viommu->eventqs_lock);
	return err;
}

/**
 * iommufd_veventq_alloc() - make a queue of events
 * @viommu: virtual IOMMU, to which the caller has a reference
 * @type: type of its events, a number of the user ABI
 * @depth: how many can wait, not 0
 *
 * Context: may sleep.
 * Return: a queue without a file, whose ID finds nothing yet, or ERR_PTR: -EOPNOTSUPP when
 * there are no such events; -EEXIST when there is a queue for them; -ENOMEM; -EBUSY when
 * all IDs are taken.
 */
struct iommufd_veventq *iommufd_veventq_alloc(struct iommufd_viommu *viommu,
					      u32 type, u32 depth)
{
	const struct iommu_viommu_ops *ops = viommu->base->ops;
	struct iommufd_veventq *veventq;
	size_t event_bytes = 0;
	int err;

	if (ops->event_bytes)
		event_bytes = ops->event_bytes(viommu->base, type);
	if (!event_bytes || WARN_ON_ONCE(event_bytes % sizeof(u32)))
		return ERR_PTR(-EOPNOTSUPP);
	veventq = iommufd_object_alloc(viommu->ctx, sizeof(*veventq),
				       IOMMUFD_OBJ_VEVENTQ);
	if (IS_ERR(veventq))
		return veventq;
	iommufd_eventq_init(&veventq->queue, viommu->ctx);
	lockdep_set_class(&veventq->queue.lock, &veventq_lock_key);
	INIT_LIST_HEAD(&veventq->free);
	veventq->viommu = viommu;
	veventq->type = type;
	veventq->depth = depth;
	veventq->event_bytes = event_bytes;
	err = alloc_events(veventq);
	if (!err)
		err = join(veventq, viommu);
	if (err) {
		kvfree(veventq->memory);
		iommufd_object_abort(viommu->ctx, &veventq->queue.obj);
		return ERR_PTR(err);
	}
	iommufd_object_add_user(&viommu->obj);	/* matches iommufd_veventq_destroy() */
	return veventq;
}

/**
 * iommufd_veventq_destroy() - take a queue apart
 * @obj: its head; its file is closed
 *
 * Context: may sleep.
 */
void iommufd_veventq_destroy(struct iommufd_object *obj)
{
	struct iommufd_veventq *veventq =
		container_of(obj, struct iommufd_veventq, queue.obj);
	struct iommufd_viommu *viommu = veventq->viommu;

	spin_lock_irq(&viommu->eventqs_lock);
	list_del(&veventq->node);
	spin_unlock_irq(&viommu->eventqs_lock);
	kvfree(veventq->memory);
	iommufd_object_drop_user(&viommu->obj);
}
