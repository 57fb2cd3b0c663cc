// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selftest objects: mock devices that a context binds for itself.
 *
 * Such a device is destroyed with its context, and so has no reference to it.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/stddef.h>

#include "call.h"
#include "device.h"
#include "hwpt.h"
#include "iommufd_test_ext.h"
#include "mock/calls.h"
#include "mock/selftest.h"
#include "mock/iommu.h"
#include "object.h"
#include "test_hooks.h"

static void release_parts(struct mock_selftest *st)
{
	iommufd_device_detach_all(st->idev);
	__iommufd_device_unbind(st->idev);
	mock_dev_destroy(st->mdev);
}

/**
 * iommufd_selftest_destroy() - detach, unbind and remove a mock device
 * @obj: head of the selftest object
 *
 * Context: may sleep.
 */
void iommufd_selftest_destroy(struct iommufd_object *obj)
{
	release_parts(container_of(obj, struct mock_selftest, obj));
}

/**
 * mock_selftest_get() - find a selftest object for the length of a call
 * @ctx: context
 * @id: ID that user space named
 *
 * Context: any.
 * Return: the object with a reference for iommufd_object_put(), or ERR_PTR(-ENOENT).
 */
struct mock_selftest *mock_selftest_get(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(ctx, id, IOMMUFD_OBJ_SELFTEST);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct mock_selftest, obj);
}

/* Publish the result, or give it to abort_selftest() */
static struct mock_selftest *make_selftest(struct iommufd_ctx *ctx,
					   u32 dev_flags,
					   struct mock_dev *peer, u32 *pt_id)
{
	struct mock_selftest *st;
	u32 dev_id;
	int err;

	st = iommufd_object_alloc(ctx, sizeof(*st), IOMMUFD_OBJ_SELFTEST);
	if (IS_ERR(st))
		return st;
	st->ctx = ctx;
	st->mdev = mock_dev_create(dev_flags, peer);
	if (IS_ERR(st->mdev)) {
		err = PTR_ERR(st->mdev);
		goto err_abort;
	}
	st->idev = __iommufd_device_bind(ctx, &st->mdev->dev, &dev_id);
	if (IS_ERR(st->idev)) {
		err = PTR_ERR(st->idev);
		goto err_destroy;
	}
	err = iommufd_device_attach(st->idev, IOMMU_NO_PASID, pt_id);
	if (err)
		goto err_unbind;
	return st;

err_unbind:
	__iommufd_device_unbind(st->idev);
err_destroy:
	mock_dev_destroy(st->mdev);
err_abort:
	iommufd_object_abort(ctx, &st->obj);
	return ERR_PTR(err);
}

static void abort_selftest(struct mock_selftest *st)
{
	release_parts(st);
	iommufd_object_abort(st->ctx, &st->obj);
}

/* The results are in the argument already */
static int respond_and_publish(struct iommufd_call *call, struct mock_selftest *st)
{
	int err = mock_respond(call);

	if (err)
		abort_selftest(st);
	else
		iommufd_object_publish(call->ctx, &st->obj);
	return err;
}

static bool known_flags(u32 dev_flags)
{
	return !(dev_flags &
		 ~(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_PASID));
}

static bool known_ext_flags(u32 dev_flags)
{
	return known_flags(dev_flags & ~(MOCK_EXT_DEVICE_SNOOP |
					 MOCK_EXT_DEVICE_LATE |
					 MOCK_EXT_DEVICE_RESERVED |
					 MOCK_EXT_DEVICE_RESET |
					 MOCK_EXT_DEVICE_TRUSTING));
}

static_assert(offsetof(struct iommu_test_ext, make_device) ==
	      offsetof(struct iommu_test_cmd, mock_domain_flags));

/* The three operations have their results at the same place */
static int make_domain(struct iommufd_call *call, u32 dev_flags)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_selftest *st;
	u32 pt_id = arg->id;

	st = make_selftest(call->ctx, dev_flags, NULL, &pt_id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	arg->mock_domain.out_stdev_id = st->obj.id;
	arg->mock_domain.out_hwpt_id = pt_id;
	arg->mock_domain.out_idev_id = iommufd_device_to_id(st->idev);
	return respond_and_publish(call, st);
}

/**
 * mock_op_domain() - MOCK_DOMAIN: make, bind and attach a device
 * @call: the call
 *
 * Context: may sleep and pin memory.
 * Return: 0; -ENOENT, -EINVAL, -EADDRINUSE, -EFAULT as the ABI says; -ENOMEM.
 */
int mock_op_domain(struct iommufd_call *call)
{
	return make_domain(call, 0);
}

/**
 * mock_op_domain_flags() - MOCK_DOMAIN_FLAGS: the same with device flags
 * @call: the call
 *
 * Context: may sleep and pin memory.
 * Return: as mock_op_domain(); -EINVAL for unknown flags.
 */
int mock_op_domain_flags(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;

	if (!known_flags(arg->mock_domain_flags.dev_flags))
		return -EINVAL;
	return make_domain(call, arg->mock_domain_flags.dev_flags);
}

/**
 * mock_op_make_device() - MAKE_DEVICE: the same with more device flags
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep and pin memory.
 * Return: as mock_op_domain_flags().
 */
int mock_op_make_device(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;

	if (!known_ext_flags(arg->make_device.dev_flags))
		return -EINVAL;
	return make_domain(call, arg->make_device.dev_flags);
}

/**
 * mock_op_end_reset() - END_RESET: end the reset of a device
 * @call: the call, with a &struct iommu_test_ext
 *
 * Does nothing to a device that is not being reset.
 *
 * Context: may sleep.
 * Return: 0, -ENOENT.
 */
int mock_op_end_reset(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct mock_selftest *st;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	iommu_device_reset_end(&st->mdev->dev);
	iommufd_object_put(call->ctx, &st->obj);
	return 0;
}

/**
 * mock_op_domain_replace() - MOCK_DOMAIN_REPLACE: attach to something else
 * @call: the call
 *
 * Context: may sleep and pin memory.
 * Return: 0, what iommufd_device_replace() returns, -ENOENT.
 */
int mock_op_domain_replace(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_selftest *st;
	int err;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	err = iommufd_device_replace(st->idev, IOMMU_NO_PASID,
				     &arg->mock_domain_replace.pt_id);
	iommufd_object_put(call->ctx, &st->obj);
	return err ?: mock_respond(call);
}

/**
 * mock_op_add_device() - ADD_DEVICE: one more device in a device's group
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep and pin memory.
 * Return: as mock_op_domain_flags().
 */
int mock_op_add_device(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct mock_selftest *peer, *st;

	if (!known_ext_flags(arg->add_device.dev_flags))
		return -EINVAL;
	peer = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	st = make_selftest(call->ctx, arg->add_device.dev_flags, peer->mdev,
			   &arg->add_device.pt_id);
	iommufd_object_put(call->ctx, &peer->obj);
	if (IS_ERR(st))
		return PTR_ERR(st);
	arg->add_device.out_stdev_id = st->obj.id;
	arg->add_device.out_idev_id = iommufd_device_to_id(st->idev);
	return respond_and_publish(call, st);
}

static bool is_translating(struct iommu_domain *domain)
{
	return domain && (mock_domain_of(domain) || mock_nested_of(domain));
}

/**
 * mock_op_device_state() - DEVICE_STATE: tell what happens to the DMA of a device
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep.
 * Return: 0, -ENOENT, -EINVAL, -EFAULT.
 */
int mock_op_device_state(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt = NULL;
	struct mock_domain *wanted = NULL;
	struct iommu_domain *domain;
	struct mock_selftest *st;
	u32 state = MOCK_STATE_OTHER;

	st = mock_selftest_get(call->ctx, arg->id);
	if (IS_ERR(st))
		return PTR_ERR(st);
	if (arg->device_state.hwpt_id)
		hwpt = mock_hwpt_get(call->ctx, arg->device_state.hwpt_id,
				     &wanted);
	if (IS_ERR(hwpt)) {
		iommufd_object_put(call->ctx, &st->obj);
		return PTR_ERR(hwpt);
	}
	domain = READ_ONCE(st->mdev->domain);
	if (mock_dev_is_blocked(st->mdev))
		state = MOCK_STATE_BLOCKED;
	else if (wanted ? domain == &wanted->domain : is_translating(domain))
		state = MOCK_STATE_TRANSLATED;
	if (hwpt)
		iommufd_object_put(call->ctx, &hwpt->common.obj);
	iommufd_object_put(call->ctx, &st->obj);
	arg->device_state.out_state = state;
	return mock_respond(call);
}
