// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested HWPTs: page tables that user space keeps, whose addresses a paging
 * HWPT translates once more. The kernel never reads them; user space says when
 * entries that the hardware may have cached are stale.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-viommu.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "device.h"
#include "hwpt.h"
#include "object.h"
#include "sw_msi.h"
#include "viommu.h"

/* Most requests of one IOMMU_HWPT_INVALIDATE */
#define MAX_REQUESTS	524288U

static struct iommufd_hwpt_nested *to_nested(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hwpt_nested, common.obj);
}

/* What it is made on, and what has to go after it */
static struct iommufd_object *base_of(struct iommufd_hwpt_nested *hwpt)
{
	return hwpt->viommu ? &hwpt->viommu->obj : &hwpt->parent->common.obj;
}

/* Copes with a page table that has no domain yet */
static void free_parts(struct iommufd_hwpt_nested *hwpt)
{
	if (hwpt->common.domain)
		iommu_domain_free(hwpt->common.domain);
	iommufd_hwpt_drop_fault(&hwpt->common);
	iommufd_object_drop_user(base_of(hwpt));
}

/* With @parent or with @viommu. Takes @domain over once it is made */
static struct iommufd_hwpt_nested *begin(struct iommufd_ctx *ctx,
					 struct iommufd_hwpt_paging *parent,
					 struct iommufd_viommu *viommu,
					 u32 flags)
{
	struct iommufd_hwpt_nested *hwpt;

	hwpt = iommufd_object_alloc(ctx, sizeof(*hwpt),
				    IOMMUFD_OBJ_HWPT_NESTED);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->parent = parent;
	hwpt->viommu = viommu;
	hwpt->common.for_pasids = flags & IOMMU_ALLOC_PASID;
	iommufd_object_add_user(base_of(hwpt)); /* matches free_parts() */
	return hwpt;
}

static struct iommufd_hwpt_nested *finish(struct iommufd_ctx *ctx,
					  struct iommufd_hwpt_nested *hwpt,
					  struct iommu_domain *domain)
{
	if (IS_ERR(domain)) {
		iommufd_hwpt_nested_abort(ctx, hwpt);
		return ERR_CAST(domain);
	}
	hwpt->common.domain = domain;
	iommufd_sw_msi_adopt(hwpt->parent, domain);
	return hwpt;
}

/**
 * iommufd_hwpt_nested_alloc() - let user space keep a page table
 * @ctx: context
 * @parent: page table that is to translate its addresses; the caller holds a
 *          reference
 * @idev: device whose IOMMU it is for
 * @flags: IOMMU_ALLOC_* for the driver
 * @blob: where it is and what it looks like
 *
 * The result has an ID that finds nothing yet: publish it, or call
 * iommufd_hwpt_nested_abort().
 *
 * Context: may sleep.
 * Return: the page table, or ERR_PTR: -EOPNOTSUPP for a device without an
 * IOMMU; -EINVAL when @parent was not made to be one; -ENOMEM; what
 * iommu_device_alloc_user() returns.
 */
struct iommufd_hwpt_nested *
iommufd_hwpt_nested_alloc(struct iommufd_ctx *ctx,
			  struct iommufd_hwpt_paging *parent,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_blob *blob)
{
	struct iommufd_hwpt_nested *hwpt;
	int err;

	if (idev->noiommu)
		return ERR_PTR(-EOPNOTSUPP);
	err = iommu_device_takes_user_data(idev->dev);
	if (err)
		return ERR_PTR(err);
	if (!parent->nest_parent)
		return ERR_PTR(-EINVAL);
	hwpt = begin(ctx, parent, NULL, flags);
	if (IS_ERR(hwpt))
		return hwpt;
	return finish(ctx, hwpt,
		      iommu_device_alloc_user(idev->dev, parent->common.domain,
					      flags, blob));
}

/**
 * iommufd_hwpt_nested_alloc_on() - let a guest keep a page table
 * @viommu: virtual IOMMU of the guest; the caller holds a reference
 * @idev: device that it is for
 * @flags: IOMMU_ALLOC_* for the driver
 * @blob: where it is and what it looks like
 *
 * As iommufd_hwpt_nested_alloc(); the parent is that of @viommu.
 *
 * Context: may sleep.
 * Return: the page table, or ERR_PTR: -EOPNOTSUPP for a device without an IOMMU; -EINVAL for
 * one that was bound by a PASID; -ENOMEM; what iommu_viommu_alloc_nested() returns.
 */
struct iommufd_hwpt_nested *
iommufd_hwpt_nested_alloc_on(struct iommufd_viommu *viommu,
			     struct iommufd_device *idev, u32 flags,
			     const struct iommu_user_blob *blob)
{
	struct iommufd_hwpt_nested *hwpt;

	if (idev->noiommu)
		return ERR_PTR(-EOPNOTSUPP);
	/* A guest has no name for it */
	if (iommufd_device_is_pasid(idev))
		return ERR_PTR(-EINVAL);
	hwpt = begin(viommu->ctx, viommu->parent, viommu, flags);
	if (IS_ERR(hwpt))
		return hwpt;
	return finish(viommu->ctx, hwpt,
		      iommu_viommu_alloc_nested(viommu->base, idev->dev, flags,
						blob));
}

/**
 * iommufd_hwpt_nested_abort() - give up a page table that was never published
 * @ctx: context
 * @hwpt: the page table; freed
 *
 * Context: may sleep.
 */
void iommufd_hwpt_nested_abort(struct iommufd_ctx *ctx,
			       struct iommufd_hwpt_nested *hwpt)
{
	free_parts(hwpt);
	iommufd_object_abort(ctx, &hwpt->common.obj);
}

/**
 * iommufd_hwpt_nested_destroy() - take a page table apart
 * @obj: its head; nothing refers to it any more and no device is attached
 *
 * Context: may sleep.
 */
void iommufd_hwpt_nested_destroy(struct iommufd_object *obj)
{
	free_parts(to_nested(obj));
}

static int check_array(const struct iommu_hwpt_invalidate *arg)
{
	if (arg->__reserved)
		return -EOPNOTSUPP;
	/* No requests: the question is whether the format is known */
	if (!arg->entry_num)
		return 0;
	if (!arg->data_uptr || !arg->entry_len || arg->entry_len > PAGE_SIZE ||
	    arg->entry_num > MAX_REQUESTS)
		return -EINVAL;
	return 0;
}

static int invalidate_nested(struct iommufd_hwpt_nested *hwpt,
			     struct iommu_user_array *array)
{
	struct iommu_domain *domain = hwpt->common.domain;

	if (!domain->ops->invalidate_user) {
		array->nr = 0;
		return -EOPNOTSUPP;
	}
	return domain->ops->invalidate_user(domain, array);
}

static int invalidate_viommu(struct iommufd_viommu *viommu,
			     struct iommu_user_array *array)
{
	struct iommu_viommu *base = viommu->base;

	if (!base->ops->invalidate) {
		array->nr = 0;
		return -EOPNOTSUPP;
	}
	return base->ops->invalidate(base, array);
}

/* Sets the array's number to how many requests are done */
static int invalidate(struct iommufd_object *obj,
		      struct iommu_user_array *array)
{
	switch (obj->type) {
	case IOMMUFD_OBJ_HWPT_NESTED:
		return invalidate_nested(to_nested(obj), array);
	case IOMMUFD_OBJ_VIOMMU:
		return invalidate_viommu(container_of(obj,
						      struct iommufd_viommu,
						      obj), array);
	default:
		array->nr = 0;
		return -EINVAL;
	}
}

/* On return the argument tells how many requests are done */
static int invalidate_array(struct iommufd_call *call)
{
	struct iommu_hwpt_invalidate *arg = call->arg;
	struct iommu_user_array array;
	struct iommufd_object *obj;
	int err;

	/* The batch is not zeroed, which would cost more than a request */
	array.uptr = u64_to_user_ptr(arg->data_uptr);
	array.type = arg->data_type;
	array.entry_len = arg->entry_len;
	array.nr = arg->entry_num;
	array.first = 0;
	array.nr_read = 0;
	err = check_array(arg);
	arg->entry_num = 0;
	if (err)
		return err;
	obj = iommufd_object_get(call->ctx, arg->hwpt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	err = invalidate(obj, &array);
	arg->entry_num = array.nr;
	iommufd_object_put(call->ctx, obj);
	return err;
}

/**
 * iommufd_ioctl_hwpt_invalidate() - IOMMU_HWPT_INVALIDATE
 * @call: the call, with a &struct iommu_hwpt_invalidate
 *
 * The number of requests that are done is always told, also on error.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -EINVAL, -ENOENT as
 * Documentation/userspace-api/iommufd.rst says; -EFAULT when the number cannot
 * be told; the driver's error.
 */
int iommufd_ioctl_hwpt_invalidate(struct iommufd_call *call)
{
	struct iommu_hwpt_invalidate *arg = call->arg;
	int err = invalidate_array(call);

	if (iommufd_call_respond(call, sizeof(*arg)))
		return -EFAULT;
	return err;
}
