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
#include <linux/fcntl.h>
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

/* From here on the file owns the queue, which goes with it on an error of what follows */
static struct file *make_file(struct iommufd_eventq *queue, const char *name,
			      const struct file_operations *fops)
{
	struct file *filp;

	filp = anon_inode_getfile(name, fops, queue,
				  fops->write ? O_RDWR : O_RDONLY);
	if (IS_ERR(filp)) {
		iommufd_object_discard(queue->ctx, &queue->obj);
		return filp;
	}
	/* No position, so no pread(), and no lock of one between read() and write() */
	stream_open(file_inode(filp), filp);
	iommufd_object_add_user(&queue->obj);
	iommufd_ctx_get(queue->ctx);
	return filp;
}

static int publish(struct iommufd_eventq *queue, struct iommufd_call *call,
		   size_t size, struct file *filp, int fd)
{
	int err = iommufd_call_respond(call, size);

	if (err) {
		fput(filp);
		return err;
	}
	queue->published = true;
	iommufd_object_publish(queue->ctx, &queue->obj);
	fd_install(fd, filp);
	return 0;
}

/**
 * iommufd_eventq_open() - give user space a queue, by its ID and by a descriptor
 * @queue: complete queue; on an error it is gone, or goes with its file some time after
 *         the return
 * @call: call that has made it; its argument has the ID
 * @size: bytes of the argument
 * @name: what user space sees of the file in /proc/PID/fd
 * @fops: operations, which call iommufd_eventq_file_closed() in release()
 * @out_fd: set to the descriptor; in the argument
 *
 * Context: may sleep.
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM, -EFAULT.
 */
int iommufd_eventq_open(struct iommufd_eventq *queue, struct iommufd_call *call,
			size_t size, const char *name,
			const struct file_operations *fops, u32 *out_fd)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *filp;
	int err;

	if (fd < 0) {
		iommufd_object_discard(queue->ctx, &queue->obj);
		return fd;
	}
	filp = make_file(queue, name, fops);
	if (IS_ERR(filp)) {
		err = PTR_ERR(filp);
		goto err_put_fd;
	}
	*out_fd = fd;
	err = publish(queue, call, size, filp, fd);
	if (err)
		goto err_put_fd;
	return 0;

err_put_fd:
	put_unused_fd(fd);
	return err;
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
