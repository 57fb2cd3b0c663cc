// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of a queue of events: read() returns events of a virtual IOMMU.
 *
 * An event belongs to the task that reads it while it is copied out, which may sleep for
 * as long as a page fault of user space takes. If the copy fails, it is put back where it
 * was.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "eventq.h"
#include "object.h"
#include "viommu.h"

#define MAX_DEPTH	524288U

/* Numbers that user space sees have 31 bits */
#define SEQUENCE_MASK	GENMASK(30, 0)

static int copy_out(const struct iommufd_veventq *veventq,
		    const struct iommufd_vevent *event, char __user *buf,
		    size_t *len)
{
	struct iommufd_vevent_header header = {
		.flags = event->is_lost ? IOMMU_VEVENTQ_FLAG_LOST_EVENTS : 0,
		.sequence = event->sequence & SEQUENCE_MASK,
	};

	*len = sizeof(header);
	if (copy_to_user(buf, &header, sizeof(header)))
		return -EFAULT;
	if (event->is_lost)
		return 0;
	*len += veventq->event_bytes;
	if (copy_to_user(buf + sizeof(header), event->data,
			 veventq->event_bytes))
		return -EFAULT;
	return 0;
}

/* Returns the bytes of one event, 0 without one, or an error */
static ssize_t read_event(struct iommufd_veventq *veventq, char __user *buf,
			  size_t room)
{
	struct iommufd_vevent *event, lost;
	size_t len;
	int err;

	event = iommufd_veventq_take(veventq, room, &lost);
	if (IS_ERR_OR_NULL(event))
		return PTR_ERR_OR_ZERO(event);
	err = copy_out(veventq, event, buf, &len);
	if (err) {
		iommufd_veventq_return_event(veventq, event);
		return err;
	}
	iommufd_veventq_free_event(veventq, event);
	return len;
}

static ssize_t veventq_read(struct file *filp, char __user *buf, size_t count,
			    loff_t *ppos)
{
	struct iommufd_veventq *veventq = filp->private_data;
	ssize_t ret = 0;
	size_t done = 0;

	if (count < sizeof(struct iommufd_vevent_header))
		return -EINVAL;
	while (done < count) {
		ret = read_event(veventq, buf + done, count - done);
		if (ret <= 0)
			break;
		done += ret;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done ?: ret;
}

static __poll_t veventq_poll(struct file *filp,
			     struct poll_table_struct *table)
{
	struct iommufd_veventq *veventq = filp->private_data;

	return iommufd_eventq_poll(&veventq->queue, filp, table);
}

static int veventq_release(struct inode *inode, struct file *filp)
{
	struct iommufd_veventq *veventq = filp->private_data;

	spin_lock_irq(&veventq->queue.lock);
	veventq->queue.closed = true;
	INIT_LIST_HEAD(&veventq->queue.events);
	veventq->nr_waiting = 0;
	spin_unlock_irq(&veventq->queue.lock);
	iommufd_eventq_file_closed(&veventq->queue);
	return 0;
}

static const struct file_operations veventq_fops = {
	.owner = THIS_MODULE,
	.read = veventq_read,
	.poll = veventq_poll,
	.release = veventq_release,
	.llseek = no_llseek,
};

static struct iommufd_veventq *make(struct iommufd_call *call)
{
	const struct iommu_veventq_alloc *arg = call->arg;
	struct iommufd_veventq *veventq;
	struct iommufd_viommu *viommu;

	viommu = iommufd_viommu_get(call->ctx, arg->viommu_id);
	if (IS_ERR(viommu))
		return ERR_CAST(viommu);
	veventq = iommufd_veventq_alloc(viommu, arg->type, arg->veventq_depth);
	iommufd_object_put(call->ctx, &viommu->obj);
	return veventq;
}

/**
 * iommufd_ioctl_veventq_alloc() - IOMMU_VEVENTQ_ALLOC
 * @call: the call, with a &struct iommu_veventq_alloc
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -ENOENT, -EEXIST as
 * Documentation/userspace-api/iommufd_viommu.rst says; -EMFILE, -ENFILE; -ENOMEM; -EBUSY when all
 * IDs are taken; -EFAULT.
 */
int iommufd_ioctl_veventq_alloc(struct iommufd_call *call)
{
	struct iommu_veventq_alloc *arg = call->arg;
	struct iommufd_veventq *veventq;

	if (arg->flags || arg->__reserved ||
	    arg->type == IOMMU_VEVENTQ_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!arg->veventq_depth || arg->veventq_depth > MAX_DEPTH)
		return -EINVAL;
	veventq = make(call);
	if (IS_ERR(veventq))
		return PTR_ERR(veventq);
	arg->out_veventq_id = veventq->queue.obj.id;
	return iommufd_eventq_open(&veventq->queue, call, sizeof(*arg),
				   "[iommufd-viommu-event]", &veventq_fops,
				   &arg->out_veventq_fd);
}
