// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of a fault queue: read() returns page faults, write() takes the answers.
 *
 * A group is given the number that user space knows, and moved to those that have been
 * read, before its records are copied out: the copy may sleep for as long as a page
 * fault of user space takes, and nothing waits for it. If it fails, and the group has not
 * been answered meanwhile, it is put back where it was.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu-faults.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "fault.h"
#include "object.h"

/* Records on the stack; nearly all groups have one */
#define FEW_RECORDS	4

/* A group that is being read: its number, and its records */
struct reading {
	struct iopf_group *group;
	u32 user_id;
	unsigned int nr;
	unsigned int room;
	struct iommu_hwpt_pgfault *records;
	struct iommu_hwpt_pgfault few[FEW_RECORDS];
};

/* The kernel's flags have other numbers and more members than those of the ABI */
static void fill_record(struct iommu_hwpt_pgfault *record,
			const struct iopf_group *group,
			const struct iommu_fault_page_request *req)
{
	memset(record, 0, sizeof(*record));
	if (req->flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID &&
	    !iommufd_fault_hides_pasid(group)) {
		record->flags |= IOMMU_PGFAULT_FLAGS_PASID_VALID;
		record->pasid = req->pasid;
	}
	if (req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		record->flags |= IOMMU_PGFAULT_FLAGS_LAST_PAGE;
	if (req->perm & IOMMU_FAULT_PERM_READ)
		record->perm |= IOMMU_PGFAULT_PERM_READ;
	if (req->perm & IOMMU_FAULT_PERM_WRITE)
		record->perm |= IOMMU_PGFAULT_PERM_WRITE;
	if (req->perm & IOMMU_FAULT_PERM_EXEC)
		record->perm |= IOMMU_PGFAULT_PERM_EXEC;
	if (req->perm & IOMMU_FAULT_PERM_PRIV)
		record->perm |= IOMMU_PGFAULT_PERM_PRIV;
	record->dev_id = group->dev_id;
	record->grpid = req->grpid;
	record->addr = req->addr;
	record->cookie = group->user_id;
}

/* The oldest group, if it has at most @room requests. *@nr: how many it has, or 0 */
static struct iopf_group *first_group(struct iommufd_fault *fault,
				      unsigned int room, unsigned int *nr)
{
	struct iopf_group *group;

	lockdep_assert_held(&fault->queue.lock);
	group = list_first_entry_or_null(&fault->queue.events,
					 struct iopf_group, entry);
	*nr = group ? group->nr_faults : 0;
	return *nr <= room ? group : NULL;
}

/* Number and records of a group that is now among those that have been read */
static void begin_reading(struct iommufd_fault *fault, struct reading *reading,
			  struct iopf_group *group)
{
	struct iopf_fault *entry;

	lockdep_assert_held(&fault->queue.lock);
	group->user_id = reading->user_id;
	list_move_tail(&group->entry, &fault->read);
	/* The slot is reserved, so this needs no memory */
	xa_store(&fault->by_id, group->user_id, group, GFP_NOWAIT);
	reading->group = group;
	reading->nr = 0;
	list_for_each_entry(entry, &group->faults, list)
		fill_record(&reading->records[reading->nr++], group,
			    &entry->req);
}

static int make_room(struct reading *reading, unsigned int nr)
{
	if (nr <= reading->room)
		return 0;
	if (reading->records != reading->few)
		kvfree(reading->records);
	reading->records = kvmalloc_array(nr, sizeof(*reading->records),
					  GFP_KERNEL_ACCOUNT);
	reading->room = reading->records ? nr : 0;
	return reading->records ? 0 : -ENOMEM;
}

/*
 * Returns 1 with the oldest group in @reading, 0 when there is none, -EINVAL when it has
 * more than @room requests, or -ENOMEM. When it has been sized, another one may be the
 * oldest.
 */
static int take_oldest(struct iommufd_fault *fault, struct reading *reading,
		       size_t room)
{
	struct iopf_group *group;
	unsigned int nr;
	int err;

	for (;;) {
		spin_lock(&fault->queue.lock);
		group = first_group(fault, min_t(size_t, room, reading->room),
				    &nr);
		if (group)
			begin_reading(fault, reading, group);
		spin_unlock(&fault->queue.lock);
		if (group || !nr)
			return !!nr;
		if (nr > room)
			return -EINVAL;
		err = make_room(reading, nr);
		if (err)
			return err;
	}
}

/* Before the first one that came after it: another group may have been put back, too */
static void insert_in_order(struct list_head *events, struct iopf_group *group)
{
	struct iopf_group *other;

	list_for_each_entry(other, events, entry)
		if (other->sequence > group->sequence)
			break;
	list_move_tail(&group->entry, &other->entry);
}

/* The number finds nothing if the group was answered meanwhile: its pointer is stale */
static void undo_reading(struct iommufd_fault *fault, struct reading *reading)
{
	bool there;

	spin_lock(&fault->queue.lock);
	there = xa_load(&fault->by_id, reading->user_id) == reading->group;
	if (there) {
		xa_erase(&fault->by_id, reading->user_id);
		insert_in_order(&fault->queue.events, reading->group);
	}
	spin_unlock(&fault->queue.lock);
	if (there)
		wake_up_interruptible_poll(&fault->queue.readable,
					   EPOLLIN | EPOLLRDNORM);
}

/* Returns the bytes of one group, 0 without one, or an error */
static ssize_t read_group(struct iommufd_fault *fault, struct reading *reading,
			  char __user *buf, size_t count)
{
	size_t len;
	int ret;

	/* Spare the memory for a number that is not needed */
	if (list_empty_careful(&fault->queue.events))
		return 0;
	ret = xa_alloc_cyclic(&fault->by_id, &reading->user_id, XA_ZERO_ENTRY,
			      XA_LIMIT(1, U32_MAX), &fault->last_id,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return ret;
	ret = take_oldest(fault, reading, count / sizeof(*reading->records));
	if (ret <= 0) {
		xa_release(&fault->by_id, reading->user_id);
		return ret;
	}
	len = reading->nr * sizeof(*reading->records);
	if (copy_to_user(buf, reading->records, len)) {
		undo_reading(fault, reading);
		return -EFAULT;
	}
	return len;
}

static ssize_t fault_read(struct file *filp, char __user *buf, size_t count,
			  loff_t *ppos)
{
	struct iommufd_fault *fault = filp->private_data;
	struct reading reading = { .room = FEW_RECORDS };
	ssize_t ret = 0;
	size_t done = 0;

	reading.records = reading.few;
	if (count % sizeof(struct iommu_hwpt_pgfault))
		return -ESPIPE;
	while (done < count) {
		ret = read_group(fault, &reading, buf + done, count - done);
		if (ret <= 0)
			break;
		done += ret;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	if (reading.records != reading.few)
		kvfree(reading.records);
	return done ?: ret;
}

static int read_answer(const char __user *buf,
		       struct iommu_hwpt_page_response *answer,
		       enum iommu_page_response_code *code)
{
	if (copy_from_user(answer, buf, sizeof(*answer)))
		return -EFAULT;
	switch (answer->code) {
	case IOMMUFD_PAGE_RESP_SUCCESS:
		*code = IOMMU_PAGE_RESP_SUCCESS;
		return 0;
	case IOMMUFD_PAGE_RESP_INVALID:
		*code = IOMMU_PAGE_RESP_INVALID;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Become the owner of a group that has been read */
static struct iopf_group *take_by_id(struct iommufd_fault *fault, u32 id)
{
	struct iopf_group *group;

	spin_lock(&fault->queue.lock);
	/* Not xa_erase() at once, which would free a number that is only reserved */
	group = xa_load(&fault->by_id, id);
	if (group) {
		xa_erase(&fault->by_id, id);
		list_del(&group->entry);
	}
	spin_unlock(&fault->queue.lock);
	return group;
}

static int write_answer(struct iommufd_fault *fault, const char __user *buf)
{
	struct iommu_hwpt_page_response answer;
	enum iommu_page_response_code code;
	struct iopf_group *group;
	int err;

	err = read_answer(buf, &answer, &code);
	if (err)
		return err;
	group = take_by_id(fault, answer.cookie);
	if (!group)
		return -EINVAL;
	iopf_group_answer(group, code);
	return 0;
}

static ssize_t fault_write(struct file *filp, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	const size_t size = sizeof(struct iommu_hwpt_page_response);
	struct iommufd_fault *fault = filp->private_data;
	size_t done = 0;
	int err = 0;

	if (count % size)
		return -ESPIPE;
	while (done < count) {
		err = write_answer(fault, buf + done);
		if (err)
			break;
		done += size;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done ?: err;
}

static __poll_t fault_poll(struct file *filp, struct poll_table_struct *table)
{
	struct iommufd_fault *fault = filp->private_data;

	return iommufd_eventq_poll(&fault->queue, filp, table) | EPOLLOUT |
	       EPOLLWRNORM;
}

static int fault_release(struct inode *inode, struct file *filp)
{
	struct iommufd_fault *fault = filp->private_data;

	iommufd_fault_close(fault);
	iommufd_eventq_file_closed(&fault->queue);
	return 0;
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.read = fault_read,
	.write = fault_write,
	.poll = fault_poll,
	.release = fault_release,
	.llseek = no_llseek,
};

/**
 * iommufd_ioctl_fault_queue_alloc() - IOMMU_FAULT_QUEUE_ALLOC
 * @call: the call, with a &struct iommu_fault_alloc
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP for flags; -EMFILE, -ENFILE; -ENOMEM; -EBUSY when all IDs are
 * taken; -EFAULT.
 */
int iommufd_ioctl_fault_queue_alloc(struct iommufd_call *call)
{
	struct iommu_fault_alloc *arg = call->arg;
	struct iommufd_fault *fault;

	if (arg->flags)
		return -EOPNOTSUPP;
	fault = iommufd_fault_alloc(call->ctx);
	if (IS_ERR(fault))
		return PTR_ERR(fault);
	arg->out_fault_id = fault->queue.obj.id;
	return iommufd_eventq_open(&fault->queue, call, sizeof(*arg),
				   "[iommufd-fault]", &fault_fops,
				   &arg->out_fault_fd);
}
