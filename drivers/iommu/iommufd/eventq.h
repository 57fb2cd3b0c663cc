/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues of events, each an object with a file to read them from.
 */
#ifndef __IOMMUFD_EVENTQ_H
#define __IOMMUFD_EVENTQ_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "object.h"

struct iommufd_call;
struct iommufd_ctx;

/**
 * struct iommufd_eventq - what every kind of queue has
 * @obj: common head; the file is a user of it
 * @ctx: context; the file holds a reference
 * @published: whether the ID finds the queue. Until then its file, once it is made,
 *             owns the queue; protected by there being one task that knows both
 * @lock: protects @events and @closed, and what a kind of queue has beside them
 * @events: events that wait to be read, oldest first
 * @closed: the file is closed: no event will be read
 * @readable: woken when an event comes
 */
struct iommufd_eventq {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	bool published;
	spinlock_t lock;
	struct list_head events;
	bool closed;
	wait_queue_head_t readable;
};

void iommufd_eventq_init(struct iommufd_eventq *queue, struct iommufd_ctx *ctx);
int iommufd_eventq_open(struct iommufd_eventq *queue, struct iommufd_call *call,
			size_t size, const char *name,
			const struct file_operations *fops, u32 *out_fd);
void iommufd_eventq_file_closed(struct iommufd_eventq *queue);
__poll_t iommufd_eventq_poll(struct iommufd_eventq *queue, struct file *filp,
			     struct poll_table_struct *table);

#endif /* __IOMMUFD_EVENTQ_H */
