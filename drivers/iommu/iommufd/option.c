// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_OPTION: settings of a context or of one of its objects.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <uapi/linux/iommufd.h>

#include "../iommu-xarray.h"
#include "call.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"

static int set_rlimit_mode(struct iommufd_ctx *ctx, u64 value)
{
	int err = 0;

	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;

	/* Under the ID table's lock, so that no object is made in between */
	xa_lock(&ctx->objects);
	if (!iommu_xa_is_empty(&ctx->objects))
		err = -EBUSY;
	else if (value > 1)
		err = -EINVAL;
	else
		ctx->account_mode = value ? IOMMUFD_ACCOUNT_PROCESS :
					    IOMMUFD_ACCOUNT_USER;
	xa_unlock(&ctx->objects);
	return err;
}

static int option_rlimit_mode(struct iommufd_ctx *ctx, struct iommu_option *arg)
{
	if (arg->object_id)
		return -EOPNOTSUPP;
	if (arg->op == IOMMU_OPTION_OP_SET)
		return set_rlimit_mode(ctx, arg->val64);

	arg->val64 = ctx->account_mode == IOMMUFD_ACCOUNT_PROCESS;
	return 0;
}

static int option_huge_pages(struct iommufd_ctx *ctx, struct iommu_option *arg)
{
	struct iommufd_ioas *ioas;
	int err = 0;

	ioas = iommufd_ioas_get(ctx, arg->object_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	if (arg->op == IOMMU_OPTION_OP_GET)
		arg->val64 = iommufd_map_huge_pages(ioas->map);
	else if (arg->val64 > 1)
		err = -EINVAL;
	else
		err = iommufd_map_set_huge_pages(ioas->map, arg->val64);
	iommufd_object_put(ctx, &ioas->obj);
	return err;
}

/**
 * iommufd_ioctl_option() - IOMMU_OPTION
 * @call: the call, with a &struct iommu_option
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -EPERM, -EBUSY, -ENOENT, -EINVAL, -EADDRINUSE as
 * Documentation/userspace-api/iommufd.rst says; -EFAULT.
 */
int iommufd_ioctl_option(struct iommufd_call *call)
{
	struct iommu_option *arg = call->arg;
	struct iommu_option __user *uarg = call->uarg;
	int err;

	if (arg->__reserved || arg->op > IOMMU_OPTION_OP_GET)
		return -EOPNOTSUPP;

	switch (arg->option_id) {
	case IOMMU_OPTION_RLIMIT_MODE:
		err = option_rlimit_mode(call->ctx, arg);
		break;
	case IOMMU_OPTION_HUGE_PAGES:
		err = option_huge_pages(call->ctx, arg);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (err)
		return err;
	return put_user(arg->val64, &uarg->val64);
}
