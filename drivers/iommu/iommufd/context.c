// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: made and destroyed, found by their file, and kept by references to it.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "../iommu-xarray.h"
#include "iommufd_private.h"
#include "object.h"
#include "store/account.h"
#include "sw_msi.h"

/**
 * iommufd_ctx_create() - make an empty context
 *
 * Context: may sleep.
 * Return: the context, or NULL without memory.
 */
struct iommufd_ctx *iommufd_ctx_create(void)
{
	struct iommufd_ctx *ctx;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return NULL;
	xa_init_flags(&ctx->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&ctx->groups, XA_FLAGS_ACCOUNT);
	xa_init_flags(&ctx->regions, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&ctx->vdevices_lock);
	INIT_LIST_HEAD(&ctx->container_groups);
	mutex_init(&ctx->groups_lock);
	init_waitqueue_head(&ctx->destroy_wait);
	ctx->account_mode = IOMMUFD_ACCOUNT_USER;
	iommufd_account_slot_init(&ctx->account);
	iommufd_sw_msi_init(ctx);
	return ctx;
}

/**
 * iommufd_ctx_destroy() - destroy a context and all its objects
 * @ctx: the context; its file is closed
 *
 * Context: may sleep.
 */
void iommufd_ctx_destroy(struct iommufd_ctx *ctx)
{
	iommufd_object_destroy_all(ctx);
	WARN_ON_ONCE(!iommu_xa_is_empty(&ctx->groups));
	WARN_ON_ONCE(!iommu_xa_is_empty(&ctx->regions));
	xa_destroy(&ctx->groups);
	xa_destroy(&ctx->regions);
	mutex_destroy(&ctx->vdevices_lock);
	xa_destroy(&ctx->objects);
	iommufd_account_slot_clear(&ctx->account);
	mutex_destroy(&ctx->groups_lock);
	mutex_destroy(&ctx->sw_msi.lock);
	kfree(ctx);
}

/**
 * iommufd_ctx_get() - take another reference to a context
 * @ctx: a context the caller holds a reference to
 *
 * Context: any.
 */
void iommufd_ctx_get(struct iommufd_ctx *ctx)
{
	get_file(ctx->file);
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_get, IOMMUFD);

/**
 * iommufd_ctx_put() - drop a reference to a context
 * @ctx: the context
 *
 * The last reference destroys all its objects, some time after the return.
 *
 * Context: any.
 */
void iommufd_ctx_put(struct iommufd_ctx *ctx)
{
	fput(ctx->file);
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_put, IOMMUFD);

/**
 * iommufd_ctx_from_file() - context behind an open file
 * @filp: any open file
 *
 * Context: any.
 * Return: the context with a reference for iommufd_ctx_put(), or
 * ERR_PTR(-EBADFD) when the file is not /dev/iommu.
 */
struct iommufd_ctx *iommufd_ctx_from_file(struct file *filp)
{
	struct iommufd_ctx *ctx;

	if (filp->f_op != &iommufd_fops)
		return ERR_PTR(-EBADFD);
	ctx = filp->private_data;
	iommufd_ctx_get(ctx);
	return ctx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_from_file, IOMMUFD);

/**
 * iommufd_ctx_from_fd() - context behind a descriptor of the calling process
 * @fd: descriptor number
 *
 * Context: process context.
 * Return: the context with a reference for iommufd_ctx_put(), or ERR_PTR:
 * -EBADF when the descriptor is not open, -EBADFD when it is not /dev/iommu.
 */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	struct file *filp = fget(fd);

	if (!filp)
		return ERR_PTR(-EBADF);
	if (filp->f_op != &iommufd_fops) {
		fput(filp);
		return ERR_PTR(-EBADFD);
	}
	/* The context takes over the reference from fget() */
	return filp->private_data;
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_from_fd, IOMMUFD);
