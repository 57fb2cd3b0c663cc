// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of a queue of events, and how long both live.
 *
 * The file is a user of the queue and has a reference to the context: a queue is not
 * destroyed before its file is closed, and neither is the context, even when its own
 * file is. A queue whose call has failed, so that user space does not know it, goes
 * with its file: that may be released some time after the call.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "call.h"
#include "eventq.h"
#include "object.h"

/**
 * iommufd_eventq_init() - initialise a new queue
 * @queue: queue, zeroed apart from the head of the object
 * @ctx: context that owns it
 *
 * Context: any.
 */
void iommufd_eventq_init(struct iommufd_eventq *queue, struct iommufd_ctx *ctx)
{
	queue->ctx = ctx;
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->events);
	init_waitqueue_head(&queue->readable);
}

/**
 * iommufd_eventq_make_file() - make the file of a queue
 * @queue: queue that is not published
 * @name: what user space sees of the file in /proc/PID/fd
 * @fops: operations, which call iommufd_eventq_file_closed() in release()
 * @flags: O_RDONLY or O_RDWR
 *
 * From here on the file owns the queue: on an error of what follows, put the file.
 *
 * Context: may sleep.
 * Return: the file, or ERR_PTR: -ENOMEM, -ENFILE.
 */
struct file *iommufd_eventq_make_file(struct iommufd_eventq *queue,
				      const char *name,
				      const struct file_operations *fops,
				      int flags)
{
	struct file *filp;

	filp = anon_inode_getfile(name, fops, queue, flags);
	if (IS_ERR(filp))
		return filp;
	/* No position, so no pread(), and no lock of one between read() and write() */
	stream_open(file_inode(filp), filp);
	iommufd_object_add_user(&queue->obj);
	iommufd_ctx_get(queue->ctx);
	return filp;
}

/**
 * iommufd_eventq_hand_over() - give user space a queue
 * @queue: queue
 * @call: call that has made it; its argument has the results
 * @size: bytes of the argument
 * @filp: file of the queue, which has not been given away
 * @fd: unused descriptor; the caller frees it on an error
 *
 * On an error the queue goes with the file, some time after the return.
 *
 * Context: may sleep.
 * Return: 0, or -EFAULT.
 */
int iommufd_eventq_hand_over(struct iommufd_eventq *queue,
			     struct iommufd_call *call, size_t size,
			     struct file *filp, int fd)
{
	if (iommufd_call_respond(call, size)) {
		fput(filp);
		return -EFAULT;
	}
	queue->published = true;
	iommufd_object_publish(queue->ctx, &queue->obj);
	fd_install(fd, filp);
	return 0;
}

/**
 * iommufd_eventq_file_closed() - end the use of a queue by its file
 * @queue: queue whose @closed is set and whose events are gone; may be gone on return
 *
 * Context: may sleep.
 */
void iommufd_eventq_file_closed(struct iommufd_eventq *queue)
{
	struct iommufd_ctx *ctx = queue->ctx;

	if (queue->published)
		iommufd_object_drop_user(&queue->obj);
	else
		iommufd_object_discard(ctx, &queue->obj);
	iommufd_ctx_put(ctx);
}

/**
 * iommufd_eventq_poll() - tell whether events wait
 * @queue: queue
 * @filp: its file
 * @table: as poll() got it
 *
 * Context: may sleep.
 * Return: EPOLLIN and EPOLLRDNORM if so, else 0.
 */
__poll_t iommufd_eventq_poll(struct iommufd_eventq *queue, struct file *filp,
			     struct poll_table_struct *table)
{
	__poll_t mask = 0;

	poll_wait(filp, &queue->readable, table);
	/* Events of some kinds come in interrupt context */
	spin_lock_irq(&queue->lock);
	if (!list_empty(&queue->events))
		mask = EPOLLIN | EPOLLRDNORM;
	spin_unlock_irq(&queue->lock);
	return mask;
}
