// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel users of an address space, one for each descriptor.
 *
 * A user keeps a list of what it pinned. When it is asked to unpin memory, it drops
 * every item that overlaps it.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "access.h"
#include "call.h"
#include "ioas.h"
#include "iommufd_test.h"
#include "mock/calls.h"
#include "object.h"
#include "test_hooks.h"

/* Most bytes that one operation pins or copies */
#define MAX_BYTES	SZ_16M

#define CREATE_FLAGS	MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define PAGES_FLAGS	(MOCK_FLAGS_ACCESS_WRITE | MOCK_FLAGS_ACCESS_SYZ)
#define RW_FLAGS	(MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH | \
			 MOCK_FLAGS_ACCESS_SYZ)

/**
 * struct mock_access - the user that belongs to a descriptor
 * @access: iommufd's side
 * @pins: it may pin
 * @lock: protects the two below; iommufd calls us without locks, and we call it
 *        without this one
 * @items: &struct mock_item
 * @next_id: number of the next item
 */
struct mock_access {
	struct iommufd_access *access;
	bool pins;
	struct mutex lock;
	struct list_head items;
	u32 next_id;
};

/**
 * struct mock_item - memory that is pinned
 * @list: place in the list of its access
 * @id: its number
 * @iova: first byte
 * @last: last byte, inclusive
 */
struct mock_item {
	struct list_head list;
	u32 id;
	unsigned long iova;
	unsigned long last;
};

static void drop_item(struct mock_access *ma, struct mock_item *item)
{
	iommufd_access_unpin(ma->access, item->iova,
			     item->last - item->iova + 1);
	kfree(item);
}

static void drop_items(struct mock_access *ma, unsigned long first,
		       unsigned long last)
{
	struct mock_item *item, *next;
	LIST_HEAD(dropped);

	mutex_lock(&ma->lock);
	list_for_each_entry_safe(item, next, &ma->items, list)
		if (item->iova <= last && item->last >= first)
			list_move(&item->list, &dropped);
	mutex_unlock(&ma->lock);
	list_for_each_entry_safe(item, next, &dropped, list)
		drop_item(ma, item);
}

/* Misses an item that is just being pinned: the unmap asks again */
static void access_unmap(void *data, unsigned long iova,
			 unsigned long length_bytes)
{
	drop_items(data, iova, iova + (length_bytes - 1));
}

static const struct iommufd_access_ops pinning_ops = {
	.unmap = access_unmap,
};

static const struct iommufd_access_ops copying_ops = {};

static void access_free(struct mock_access *ma)
{
	drop_items(ma, 0, ULONG_MAX);
	iommufd_access_destroy(ma->access);
	mutex_destroy(&ma->lock);
	kfree(ma);
}

static int access_release(struct inode *inode, struct file *filp)
{
	access_free(filp->private_data);
	return 0;
}

static const struct file_operations access_fops = {
	.owner = THIS_MODULE,
	.release = access_release,
	.llseek = noop_llseek,
};

static struct mock_access *access_create(struct iommufd_ctx *ctx, u32 ioas_id,
					 bool pins)
{
	struct mock_access *ma = kzalloc(sizeof(*ma), GFP_KERNEL_ACCOUNT);
	u32 access_id;
	int err;

	if (!ma)
		return ERR_PTR(-ENOMEM);
	ma->pins = pins;
	mutex_init(&ma->lock);
	INIT_LIST_HEAD(&ma->items);
	ma->access = iommufd_access_create(ctx, pins ? &pinning_ops :
					   &copying_ops, ma, &access_id);
	if (IS_ERR(ma->access)) {
		err = PTR_ERR(ma->access);
		goto err_free;
	}
	err = iommufd_access_attach(ma->access, ioas_id);
	if (err)
		goto err_destroy;
	return ma;

err_destroy:
	iommufd_access_destroy(ma->access);
err_free:
	mutex_destroy(&ma->lock);
	kfree(ma);
	return ERR_PTR(err);
}

static struct file *access_open(struct iommufd_ctx *ctx, u32 ioas_id, bool pins)
{
	struct mock_access *ma = access_create(ctx, ioas_id, pins);
	struct file *filp;

	if (IS_ERR(ma))
		return ERR_CAST(ma);
	filp = anon_inode_getfile("[iommufd_mock_access]", &access_fops, ma,
				  O_RDWR);
	if (IS_ERR(filp))
		access_free(ma);
	return filp;
}

/**
 * mock_op_create_access() - CREATE_ACCESS: a kernel user with a descriptor
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP for unknown flags; -ENOMEM, also without a free
 * descriptor; -ENOENT; -EADDRINUSE; -EFAULT.
 */
int mock_op_create_access(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	u32 flags = arg->create_access.flags;
	struct file *filp;
	int fd, err;

	if (flags & ~CREATE_FLAGS)
		return -EOPNOTSUPP;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return -ENOMEM;
	filp = access_open(call->ctx, arg->id, flags);
	if (IS_ERR(filp)) {
		err = PTR_ERR(filp);
		goto err_put_fd;
	}
	arg->create_access.out_access_fd = fd;
	err = mock_respond(call);
	if (err)
		goto err_put_file;
	fd_install(fd, filp);
	return 0;

err_put_file:
	fput(filp);
err_put_fd:
	put_unused_fd(fd);
	return err;
}

/* The file keeps the result alive; the caller puts the file */
static struct mock_access *access_get(u32 fd, struct file **filp)
{
	*filp = fget(fd);
	if (!*filp)
		return ERR_PTR(-EBADFD);
	if ((*filp)->f_op != &access_fops) {
		fput(*filp);
		return ERR_PTR(-EBADFD);
	}
	return (*filp)->private_data;
}

/**
 * mock_op_access_replace() - ACCESS_REPLACE_IOAS: use another address space
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -EBADFD; what iommufd_access_replace() returns.
 */
int mock_op_access_replace(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_access *ma;
	struct file *filp;
	int err;

	ma = access_get(arg->id, &filp);
	if (IS_ERR(ma))
		return PTR_ERR(ma);
	err = iommufd_access_replace(ma->access,
				     arg->access_replace_ioas.ioas_id);
	fput(filp);
	return err;
}

static int drop_item_by_id(struct mock_access *ma, u32 id)
{
	struct mock_item *item;

	mutex_lock(&ma->lock);
	list_for_each_entry(item, &ma->items, list) {
		if (item->id != id)
			continue;
		list_del(&item->list);
		mutex_unlock(&ma->lock);
		drop_item(ma, item);
		return 0;
	}
	mutex_unlock(&ma->lock);
	return -ENOENT;
}

/**
 * mock_op_destroy_access_pages() - DESTROY_ACCESS_PAGES: unpin an item
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0, -EBADFD, -ENOENT.
 */
int mock_op_destroy_access_pages(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_access *ma;
	struct file *filp;
	int err;

	ma = access_get(arg->id, &filp);
	if (IS_ERR(ma))
		return PTR_ERR(ma);
	err = drop_item_by_id(ma, arg->destroy_access_pages.access_pages_id);
	fput(filp);
	return err;
}

/* Are @pages those at @uptr of the calling process? */
static int compare_pages(struct page **pages, unsigned long npages, u64 uptr)
{
	struct page *page;
	unsigned long i;
	int err;

	for (i = 0; i < npages; i++) {
		err = mock_user_page(uptr + i * PAGE_SIZE, &page);
		if (err)
			return err;
		put_page(page);
		if (page != pages[i])
			return -EBADE;
		cond_resched();
	}
	return 0;
}

/* If @flags say that @iova is a guess, turn it into an IOVA of the address space */
static int real_iova(struct mock_access *ma, u32 flags, u64 *iova)
{
	struct iommufd_ctx *ctx = ma->access->ctx;
	struct iommufd_ioas *ioas;
	int err;

	if (!(flags & MOCK_FLAGS_ACCESS_SYZ))
		return 0;
	ioas = iommufd_ioas_get(ctx, iommufd_access_ioas_id(ma->access));
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = mock_guessed_iova(ioas, iova);
	iommufd_object_put(ctx, &ioas->obj);
	return err;
}

/* Pin, compare, and return the item's ID in the call's argument */
static int pin_item(struct mock_access *ma, struct iommu_test_cmd *arg,
		    struct mock_item *item, struct page **pages,
		    unsigned long npages)
{
	bool write = arg->access_pages.flags & MOCK_FLAGS_ACCESS_WRITE;
	u64 uptr = arg->access_pages.uptr;
	int err;

	err = iommufd_access_pin(ma->access, item->iova,
				 arg->access_pages.length, pages,
				 write ? IOMMUFD_ACCESS_WRITE :
					 IOMMUFD_ACCESS_READ);
	if (err)
		return err;
	if (uptr)
		err = compare_pages(pages, npages,
				    uptr - offset_in_page(item->iova));
	if (err) {
		iommufd_access_unpin(ma->access, item->iova,
				     arg->access_pages.length);
		return err;
	}
	mutex_lock(&ma->lock);
	item->id = ma->next_id++;
	arg->access_pages.out_access_pages_id = item->id;
	list_add_tail(&item->list, &ma->items);
	mutex_unlock(&ma->lock);
	return 0;
}

static int pin_range(struct mock_access *ma, struct iommu_test_cmd *arg)
{
	u64 iova = arg->access_pages.iova, length = arg->access_pages.length;
	unsigned long npages;
	struct mock_item *item;
	struct page **pages;
	int err;

	if (!length)
		return -EINVAL;
	err = real_iova(ma, arg->access_pages.flags, &iova);
	if (err)
		return err;
	npages = DIV_ROUND_UP(offset_in_page(iova) + length, PAGE_SIZE);
	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item)
		return -ENOMEM;
	item->iova = iova;
	item->last = iova + (length - 1);
	pages = kvcalloc(npages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages) {
		err = -ENOMEM;
		goto err_free;
	}
	err = pin_item(ma, arg, item, pages, npages);
	kvfree(pages);
	if (!err)
		return 0;
err_free:
	kfree(item);
	return err;
}

/**
 * mock_op_access_pages() - ACCESS_PAGES: pin memory and look at it
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, also for more than 16 MiB; -EOPNOTSUPP for unknown flags,
 * and for an access that does not pin; -EBADFD; -EBADE when a page differs;
 * -EFAULT; what iommufd_access_pin() returns.
 */
int mock_op_access_pages(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_access *ma;
	struct file *filp;
	int err;

	if (arg->access_pages.length > MAX_BYTES)
		return -ENOMEM;
	if (arg->access_pages.flags & ~PAGES_FLAGS)
		return -EOPNOTSUPP;
	ma = access_get(arg->id, &filp);
	if (IS_ERR(ma))
		return PTR_ERR(ma);

	err = ma->pins ? pin_range(ma, arg) : -EOPNOTSUPP;
	if (err)
		goto out_put;
	err = mock_respond(call);
	/* An unmap may have dropped it already */
	if (err)
		drop_item_by_id(ma, arg->access_pages.out_access_pages_id);
out_put:
	fput(filp);
	return err;
}

static int copy_range(struct mock_access *ma, const struct iommu_test_cmd *arg,
		      void *data)
{
	void __user *user = u64_to_user_ptr(arg->access_rw.uptr);
	bool write = arg->access_rw.flags & MOCK_ACCESS_RW_WRITE;
	unsigned int flags = IOMMUFD_ACCESS_READ;
	size_t length = arg->access_rw.length;
	u64 iova = arg->access_rw.iova;
	int err;

	if (write)
		flags |= IOMMUFD_ACCESS_WRITE;
	if (arg->access_rw.flags & MOCK_ACCESS_RW_SLOW_PATH)
		flags |= IOMMUFD_ACCESS_SLOW;
	if (write && copy_from_user(data, user, length))
		return -EFAULT;
	err = real_iova(ma, arg->access_rw.flags, &iova);
	if (err)
		return err;
	err = iommufd_access_rw(ma->access, iova, data, length, flags);
	if (!err && !write && copy_to_user(user, data, length))
		return -EFAULT;
	return err;
}

/**
 * mock_op_access_rw() - ACCESS_RW: read or write memory
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, also for more than 16 MiB; -EOPNOTSUPP for unknown flags;
 * -EBADFD; -EFAULT; what iommufd_access_rw() returns.
 */
int mock_op_access_rw(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_access *ma;
	struct file *filp;
	void *data;
	int err;

	if (arg->access_rw.length > MAX_BYTES)
		return -ENOMEM;
	if (arg->access_rw.flags & ~RW_FLAGS)
		return -EOPNOTSUPP;
	ma = access_get(arg->id, &filp);
	if (IS_ERR(ma))
		return PTR_ERR(ma);

	data = kvzalloc(arg->access_rw.length, GFP_KERNEL_ACCOUNT);
	err = data ? copy_range(ma, arg, data) : -ENOMEM;
	kvfree(data);
	fput(filp);
	return err;
}
