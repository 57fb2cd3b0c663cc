// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects: their IDs and how long they live.
 *
 * An ID is reserved first and published last, so no call meets an object that
 * is still being built. Destruction hides the ID, waits for the calls that
 * hold the object to return, and only then takes it apart.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "iommufd_private.h"
#include "object.h"
#include "test_hooks.h"

/* How long DESTROY waits for other calls before it gives up with -EBUSY */
#define DESTROY_TIMEOUT (60 * HZ)

/**
 * iommufd_object_name() - name of an object's kind
 * @obj: the object
 *
 * Return: a constant string.
 */
const char *iommufd_object_name(const struct iommufd_object *obj)
{
	return iommufd_object_ops[obj->type].name;
}

/**
 * iommufd_object_alloc() - make an object and reserve its ID
 * @ctx: context that will own it
 * @size: bytes of the struct, whose first member is the &struct iommufd_object
 * @type: its kind
 *
 * The ID finds nothing until iommufd_object_publish().
 *
 * Context: may sleep.
 * Return: the zeroed struct, or ERR_PTR: -ENOMEM without memory, -EBUSY when
 * all IDs are taken.
 */
void *iommufd_object_alloc(struct iommufd_ctx *ctx, size_t size,
			   enum iommufd_object_type type)
{
	struct iommufd_object *obj;
	int err;

	obj = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	err = xa_alloc(&ctx->objects, &obj->id, XA_ZERO_ENTRY,
		       XA_LIMIT(1, INT_MAX), GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(obj);
		return ERR_PTR(err);
	}
	obj->type = type;
	refcount_set(&obj->calls, 1);
	refcount_set(&obj->users, 1);
	return obj;
}

/**
 * iommufd_object_publish() - let the ID find the object
 * @ctx: context that owns it
 * @obj: a complete object from iommufd_object_alloc()
 *
 * From here on other threads may use and destroy the object.
 *
 * Context: any; does not allocate.
 */
void iommufd_object_publish(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	void *old;

	/* The reserved slot exists, so this needs no memory */
	old = xa_store(&ctx->objects, obj->id, obj, GFP_KERNEL);
	WARN_ON_ONCE(xa_is_err(old));
}

/**
 * iommufd_object_abort() - give up an object that was never published
 * @ctx: context that owns it
 * @obj: the object; freed
 *
 * Context: any.
 */
void iommufd_object_abort(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	xa_erase(&ctx->objects, obj->id);
	kfree(obj);
}

/**
 * iommufd_object_get() - find an object for the length of a call
 * @ctx: context
 * @id: ID that user space named
 * @type: wanted kind, or IOMMUFD_OBJ_ANY
 *
 * Context: any.
 * Return: the object with a reference for iommufd_object_put(), or
 * ERR_PTR(-ENOENT) when the ID finds nothing or another kind.
 */
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ctx, u32 id,
					  enum iommufd_object_type type)
{
	struct iommufd_object *obj;

	if (iommufd_should_fail())
		return ERR_PTR(-ENOENT);
	xa_lock(&ctx->objects);
	obj = ctx->recent;
	if (!obj || obj->id != id) {
		obj = xa_load(&ctx->objects, id);
		if (obj)
			ctx->recent = obj;
	}
	if (obj && ((type != IOMMUFD_OBJ_ANY && obj->type != type) ||
		    !refcount_inc_not_zero(&obj->calls)))
		obj = NULL;
	xa_unlock(&ctx->objects);
	return obj ?: ERR_PTR(-ENOENT);
}

/**
 * iommufd_object_get_next() - walk all objects in the order of their IDs
 * @ctx: context
 * @id: in: smallest ID to return; out: the ID that was found
 *
 * Context: any.
 * Return: the object with a reference for iommufd_object_put(), or NULL at the
 * end.
 */
struct iommufd_object *iommufd_object_get_next(struct iommufd_ctx *ctx,
					       unsigned long *id)
{
	struct iommufd_object *obj;

	xa_lock(&ctx->objects);
	obj = xa_find(&ctx->objects, id, ULONG_MAX, XA_PRESENT);
	/* A published object always has the reference of its ID */
	if (obj)
		refcount_inc(&obj->calls);
	xa_unlock(&ctx->objects);
	return obj;
}

/**
 * iommufd_object_put() - end a call's use of an object
 * @ctx: context, which outlives the call
 * @obj: the object, NULL is ignored
 *
 * Matches iommufd_object_get(), iommufd_object_get_next() and
 * iommufd_object_get_used().
 *
 * Context: any.
 */
void iommufd_object_put(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	/* With the count at 0 the object may be gone; only @ctx is safe then */
	if (obj && refcount_dec_and_test(&obj->calls))
		wake_up_all(&ctx->destroy_wait);
}

/* Before the ID stops finding the object */
static void forget_locked(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	lockdep_assert_held(&ctx->objects.xa_lock);
	if (ctx->recent == obj)
		ctx->recent = NULL;
}

static void free_object(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	const struct iommufd_object_ops *ops = &iommufd_object_ops[obj->type];

	/* Before the ID may belong to another object */
	if (ops->forget)
		ops->forget(ctx, obj);
	ops->destroy(obj);
	xa_lock(&ctx->objects);
	forget_locked(ctx, obj);
	__xa_erase(&ctx->objects, obj->id);
	xa_unlock(&ctx->objects);
	kfree(obj);
}

/**
 * iommufd_object_discard() - give up a complete object that was never published
 * @ctx: context that owns it
 * @obj: the object, which its kind can destroy; freed
 *
 * Context: as the destroy() of its kind.
 */
void iommufd_object_discard(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	free_object(ctx, obj);
}

/* Make the ID find nothing, but keep it taken. Needs no memory */
static void hide_locked(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	forget_locked(ctx, obj);
	__xa_store(&ctx->objects, obj->id, XA_ZERO_ENTRY, GFP_NOWAIT);
}

/* Undo hide_locked() and the drop of the ID's reference */
static void unhide(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	xa_lock(&ctx->objects);
	if (!refcount_inc_not_zero(&obj->calls))
		refcount_set(&obj->calls, 1);
	__xa_store(&ctx->objects, obj->id, obj, GFP_NOWAIT);
	xa_unlock(&ctx->objects);
}

static bool calls_returned(struct iommufd_object *obj)
{
	if (refcount_read(&obj->calls))
		return false;
	/*
	 * Acquires what those calls did, new long-lived users included. Pairs with
	 * refcount_dec_and_test() in iommufd_object_put().
	 */
	smp_acquire__after_ctrl_dep();
	return true;
}

/**
 * iommufd_object_destroy() - destroy what user space named
 * @ctx: context
 * @id: ID of the object
 *
 * Calls that work on the object are waited for. A call that turned into a
 * long-lived user meanwhile keeps the object alive.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT when the ID finds nothing; -EBUSY when something still
 * refers to the object or a call did not return in time; -EINTR when the
 * caller is being killed.
 */
int iommufd_object_destroy(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_object *obj;
	long left;

	xa_lock(&ctx->objects);
	obj = xa_load(&ctx->objects, id);
	if (!obj || refcount_read(&obj->users) > 1) {
		xa_unlock(&ctx->objects);
		return obj ? -EBUSY : -ENOENT;
	}
	hide_locked(ctx, obj);
	xa_unlock(&ctx->objects);

	iommufd_object_put(ctx, obj);	/* the ID's reference */
	left = wait_event_killable_timeout(ctx->destroy_wait,
					   calls_returned(obj),
					   DESTROY_TIMEOUT);
	if (left <= 0 || refcount_read(&obj->users) > 1) {
		unhide(ctx, obj);
		return left < 0 ? -EINTR : -EBUSY;
	}
	free_object(ctx, obj);
	return 0;
}

/**
 * iommufd_object_retire() - drop the last long-lived user and destroy
 * @ctx: context
 * @obj: published object whose only long-lived user is the caller, and which
 *       can get no other
 *
 * Context: may sleep, until the calls that work on the object returned.
 */
void iommufd_object_retire(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	xa_lock(&ctx->objects);
	hide_locked(ctx, obj);
	iommufd_object_drop_user(obj);
	xa_unlock(&ctx->objects);

	iommufd_object_put(ctx, obj);	/* the ID's reference */
	wait_event(ctx->destroy_wait, calls_returned(obj));
	WARN_ON_ONCE(refcount_read(&obj->users) != 1);
	free_object(ctx, obj);
}

/**
 * iommufd_object_hide() - make an ID find nothing, for good
 * @ctx: context
 * @obj: published object without users, which the caller keeps from being freed
 *
 * Context: any.
 * Return: true if the caller has to call iommufd_object_bury(); false if a call is
 * destroying the object: that call will do so, unless it is killed while it waits for
 * others. Then user space can destroy the object once more.
 */
bool iommufd_object_hide(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	bool found;

	xa_lock(&ctx->objects);
	found = xa_load(&ctx->objects, obj->id) == obj;
	if (found)
		hide_locked(ctx, obj);
	xa_unlock(&ctx->objects);
	return found;
}

/**
 * iommufd_object_bury() - free an object, and keep its ID until the context ends
 * @ctx: context
 * @obj: object that iommufd_object_hide() returned true for, and that is taken apart
 *
 * The ID is reserved memory, which is charged as that of all IDs.
 *
 * Context: may sleep, until the calls that work on the object returned.
 */
void iommufd_object_bury(struct iommufd_ctx *ctx, struct iommufd_object *obj)
{
	iommufd_object_put(ctx, obj);	/* the ID's reference */
	wait_event(ctx->destroy_wait, calls_returned(obj));
	kfree(obj);
}

/**
 * iommufd_object_destroy_all() - empty a context whose file is closed
 * @ctx: context
 *
 * Objects go before what they are built on: each pass takes those without
 * users, and taking them frees others.
 *
 * Context: may sleep.
 */
void iommufd_object_destroy_all(struct iommufd_ctx *ctx)
{
	struct iommufd_object *obj;
	unsigned long id;
	bool progress;

	do {
		progress = false;
		xa_for_each(&ctx->objects, id, obj) {
			if (refcount_read(&obj->users) > 1)
				continue;
			free_object(ctx, obj);
			progress = true;
			cond_resched();
		}
	} while (progress);
	/* IDs may be reserved until now */
	id = 0;
	WARN_ON_ONCE(xa_find(&ctx->objects, &id, ULONG_MAX, XA_PRESENT));
}
