/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual IOMMUs, and what user space makes on them.
 */
#ifndef __IOMMUFD_VIOMMU_H
#define __IOMMUFD_VIOMMU_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "eventq.h"
#include "object.h"

struct iommu_hw_queue;
struct iommu_vdevice;
struct iommu_viommu;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_hwpt_paging;
struct iommufd_map_lock;

/**
 * struct iommufd_viommu - virtual IOMMU
 * @obj: common head. What is made on it, and what maps its memory, are users
 * @ctx: context
 * @parent: page table that translates what it translates once more; holds a user
 * @base: the driver's side; NULL while it is being made
 * @queues_lock: held while the driver begins or ends the use of a hardware queue
 * @eventqs_lock: spinlock that protects @eventqs
 * @eventqs: list of &struct iommufd_veventq, at most one of each type
 */
struct iommufd_viommu {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	struct iommufd_hwpt_paging *parent;
	struct iommu_viommu *base;
	struct mutex queues_lock;
	spinlock_t eventqs_lock;
	struct list_head eventqs;
};

/* viommu.c */
struct iommufd_viommu *iommufd_viommu_get(struct iommufd_ctx *ctx, u32 id);
void iommufd_viommu_destroy(struct iommufd_object *obj);

/**
 * struct iommufd_vdevice - ID that a guest has for a bound device
 * @obj: common head
 * @ctx: context
 * @viommu: virtual IOMMU; holds a user of it. NULL when the device has been unbound
 * @idev: the device; NULL when it has been unbound
 * @base: the driver's side; NULL when the device has been unbound
 * @viommu_id: ID of the virtual IOMMU, which may have been destroyed then
 * @dev_id: ID of the device
 * @virt_id: the guest's ID
 * @published: the ID of @obj finds it
 *
 * @viommu, @idev, @base and @published change with the vdevices_lock of the context held.
 */
struct iommufd_vdevice {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	struct iommufd_viommu *viommu;
	struct iommufd_device *idev;
	struct iommu_vdevice *base;
	u32 viommu_id;
	u32 dev_id;
	u64 virt_id;
	bool published;
};

/* vdevice.c */
void iommufd_vdevice_destroy(struct iommufd_object *obj);
void iommufd_vdevice_lose_device(struct iommufd_device *idev);

/**
 * struct iommufd_vevent - an event of a virtual IOMMU
 * @entry: place among the events that wait, or among the free ones
 * @sequence: how many events came before it in the life of the queue
 * @is_lost: stands for events that were lost, and has no data
 * @data: the event, without its header
 */
struct iommufd_vevent {
	struct list_head entry;
	u64 sequence;
	bool is_lost;
	u32 data[];
};

/**
 * struct iommufd_veventq - queue of events of a virtual IOMMU
 * @queue: what every kind of queue has; its lock is taken in interrupt context, and
 *         protects the fields below that change
 * @viommu: virtual IOMMU; holds a user
 * @node: place in its list
 * @type: type of the events
 * @depth: how many events there are, free ones included; never changes
 * @event_bytes: size of the data of each; never changes
 * @memory: all events; never changes
 * @free: those that are not in use
 * @nr_waiting: how many are in the list of @queue, without @lost
 * @next_sequence: number of the next event that comes, lost or not
 * @lost: in the list of @queue, at its end, if the last events that came were lost; has
 *        the number of the last one. Otherwise its entry is empty
 */
struct iommufd_veventq {
	struct iommufd_eventq queue;
	struct iommufd_viommu *viommu;
	struct list_head node;
	u32 type;
	u32 depth;
	size_t event_bytes;
	void *memory;
	struct list_head free;
	u32 nr_waiting;
	u64 next_sequence;
	struct iommufd_vevent *lost;
};

/* veventq.c */
struct iommufd_veventq *iommufd_veventq_alloc(struct iommufd_viommu *viommu,
					      u32 type, u32 depth);
void iommufd_veventq_destroy(struct iommufd_object *obj);
int iommufd_veventq_report(struct iommu_viommu *base, u32 type,
			   const void *data, size_t len);
struct iommufd_vevent *iommufd_veventq_take(struct iommufd_veventq *veventq,
					    size_t room,
					    struct iommufd_vevent *lost);
void iommufd_veventq_free_event(struct iommufd_veventq *veventq,
				struct iommufd_vevent *event);
void iommufd_veventq_return_event(struct iommufd_veventq *veventq,
				  struct iommufd_vevent *event);

/**
 * struct iommufd_hw_queue - queue of a guest that hardware reads
 * @obj: common head
 * @viommu: virtual IOMMU; holds a user
 * @base: the driver's side
 * @lock: keeps its memory where it is
 *
 * It holds a user of the queue that @base is made after, if there is one.
 */
struct iommufd_hw_queue {
	struct iommufd_object obj;
	struct iommufd_viommu *viommu;
	struct iommu_hw_queue *base;
	struct iommufd_map_lock *lock;
};

/* hw_queue.c */
void iommufd_hw_queue_destroy(struct iommufd_object *obj);

#endif /* __IOMMUFD_VIOMMU_H */
