// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_MAP_FILE: memory that needs no address in a process.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/overflow.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"
#include "store/store.h"

static struct iommufd_store *memfd_store(struct iommufd_call *call,
					 const struct iommu_ioas_map_file *arg)
{
	struct iommufd_account *account;
	struct iommufd_store *store;
	struct file *file;

	file = fget(arg->fd);
	if (!file)
		return ERR_PTR(-EBADF);
	account = iommufd_account_slot_get(&call->ctx->account,
					   call->ctx->account_mode);
	if (IS_ERR(account)) {
		store = ERR_CAST(account);
		goto out_fput;
	}
	store = iommufd_store_create_file(account, file, arg->start,
					  arg->length,
					  arg->flags & IOMMU_IOAS_MAP_WRITEABLE);
	if (IS_ERR(store))
		iommufd_account_put(account);
out_fput:
	fput(file);
	return store;
}

static struct iommufd_store *file_store(struct iommufd_call *call,
					const struct iommu_ioas_map_file *arg)
{
	struct iommufd_store *store;
	unsigned long end;

	if (!arg->length)
		return ERR_PTR(-EINVAL);
	if (arg->start > ULONG_MAX ||
	    check_add_overflow((unsigned long)arg->start,
			       (unsigned long)arg->length, &end))
		return ERR_PTR(-EOVERFLOW);

	store = iommufd_store_create_dmabuf(arg->fd, iommufd_misc_device(),
					    &iommufd_map_revoke_ops, arg->start,
					    arg->length,
					    arg->flags & IOMMU_IOAS_MAP_WRITEABLE);
	return store ?: memfd_store(call, arg);
}

/**
 * iommufd_ioctl_ioas_map_file() - IOMMU_IOAS_MAP_FILE
 * @call: the call, with a &struct iommu_ioas_map_file
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -EOVERFLOW, -EINVAL, -ENOENT, -EBADF, -ENODEV,
 * -EEXIST, -ENOSPC, -EFAULT, -ENOMEM as
 * Documentation/userspace-api/iommufd.rst says; -EINTR when the caller is being
 * killed; -ERESTARTNOINTR.
 */
int iommufd_ioctl_ioas_map_file(struct iommufd_call *call)
{
	struct iommu_ioas_map_file *arg = call->arg;
	struct iommufd_map_request request = {
		.flags = arg->flags,
		.length = arg->length,
		.iova = &arg->iova,
	};
	struct iommufd_store *store;
	struct iommufd_ioas *ioas;
	int err;

	err = iommufd_ioas_check_map(&request);
	if (err)
		return err;

	ioas = iommufd_ioas_get(call->ctx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	store = file_store(call, arg);
	if (IS_ERR(store))
		err = PTR_ERR(store);
	else
		err = iommufd_ioas_map_store(call, ioas, store, &request);
	iommufd_object_put(call->ctx, &ioas->obj);
	return err;
}
