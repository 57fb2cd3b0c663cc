// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses: drivers in the kernel that use the memory of an address space
 * themselves, because the device they serve has no IOMMU of its own.
 *
 * The driver owns the object, so user space sees its ID and cannot destroy it.
 * What the access uses at the moment is its user of some map; that changes with
 * each attach, replace and detach, and a call that pins or copies keeps a
 * reference meanwhile.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommufd.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>

#include "access.h"
#include "ioas.h"
#include "map/map.h"
#include "object.h"

/**
 * iommufd_access_object_destroy() - take an access apart
 * @obj: its head; it is detached
 *
 * Context: any.
 */
void iommufd_access_object_destroy(struct iommufd_object *obj)
{
	struct iommufd_access *access =
		container_of(obj, struct iommufd_access, obj);

	WARN_ON_ONCE(access->user);
}

/**
 * iommufd_access_create() - let a driver use memory of a context
 * @ctx: context
 * @ops: what the driver offers; lives as long as the access
 * @data: for the ops
 * @id: result: ID of the access in @ctx
 *
 * Context: may sleep.
 * Return: the access, attached to nothing, or ERR_PTR(-ENOMEM).
 */
struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ctx,
		      const struct iommufd_access_ops *ops, void *data, u32 *id)
{
	struct iommufd_access *access;

	access = iommufd_object_alloc(ctx, sizeof(*access),
				      IOMMUFD_OBJ_ACCESS);
	if (IS_ERR(access))
		return access;
	spin_lock_init(&access->lock);
	access->ctx = ctx;
	access->ops = ops;
	access->data = data;
	iommufd_ctx_get(ctx);				/* matches destroy */
	iommufd_object_add_user(&access->obj);		/* matches destroy */
	*id = access->obj.id;
	iommufd_object_publish(ctx, &access->obj);
	return access;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_create, IOMMUFD);

/* Attaching */

static int begin_change(struct iommufd_access *access)
{
	int err = 0;

	spin_lock(&access->lock);
	if (access->changing)
		err = -EBUSY;
	else
		access->changing = true;
	spin_unlock(&access->lock);
	return err;
}

static void end_change(struct iommufd_access *access)
{
	spin_lock(&access->lock);
	access->changing = false;
	spin_unlock(&access->lock);
}

/* The caller has set @access->changing */
static void set_user(struct iommufd_access *access, struct iommufd_ioas *ioas,
		     struct iommufd_map_user *user)
{
	struct iommufd_map_user *old_user = access->user;
	struct iommufd_ioas *old_ioas = access->ioas;

	if (ioas)
		iommufd_object_add_user(&ioas->obj);
	spin_lock(&access->lock);
	access->ioas = ioas;
	access->user = user;
	spin_unlock(&access->lock);
	if (old_user) {
		iommufd_map_user_put(old_user);
		iommufd_object_drop_user(&old_ioas->obj);
	}
}

/* Joins the new map, which may fail, before it leaves the old one */
static int move_to(struct iommufd_access *access, struct iommufd_ioas *ioas)
{
	struct iommufd_map_user *user;
	int err;

	user = iommufd_map_add_user(ioas->map, access->ops, access->data);
	if (IS_ERR(user))
		return PTR_ERR(user);
	if (access->user) {
		err = iommufd_map_remove_user(access->user, false);
		if (err) {
			iommufd_map_remove_user(user, true);
			iommufd_map_user_put(user);
			return err;
		}
	}
	set_user(access, ioas, user);
	return 0;
}

static int attach_or_replace(struct iommufd_access *access, u32 ioas_id,
			     bool replace)
{
	struct iommufd_ioas *ioas;
	int err;

	ioas = iommufd_ioas_get(access->ctx, ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = begin_change(access);
	if (err)
		goto out_put;
	if (replace && !access->user)
		err = -ENOENT;
	else if (!replace && access->user)
		err = -EINVAL;
	else if (access->ioas != ioas)
		err = move_to(access, ioas);
	end_change(access);
out_put:
	iommufd_object_put(access->ctx, &ioas->obj);
	return err;
}

/**
 * iommufd_access_attach() - let an access use an address space
 * @access: access that is attached to nothing
 * @ioas_id: ID of the address space
 *
 * With an unmap op, all mappings are kept aligned to PAGE_SIZE from now on.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT for the ID; -EBUSY while the attachment is being changed;
 * -EINVAL when it is attached; -EADDRINUSE when a mapping is not aligned;
 * -ENOMEM.
 */
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id)
{
	return attach_or_replace(access, ioas_id, false);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_attach, IOMMUFD);

/**
 * iommufd_access_replace() - move an access to another address space
 * @access: access that is attached
 * @ioas_id: ID of the address space; nothing happens if it is the same
 *
 * The unmap op is asked to drop all pins. On failure the access stays
 * where it was; some pins may be gone.
 *
 * Context: may sleep; not from within the unmap op.
 * Return: 0; -ENOENT for the ID, and when it is not attached; -EBUSY while the
 * attachment is being changed; -EADDRINUSE when a mapping there is not aligned
 * to PAGE_SIZE; -EDEADLOCK when pins stay; -EINTR on a fatal signal; -ENOMEM.
 */
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id)
{
	return attach_or_replace(access, ioas_id, true);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_replace, IOMMUFD);

/**
 * iommufd_access_detach() - take an access off its address space
 * @access: the access; may be attached to nothing
 *
 * The unmap op is asked to drop all pins, and is waited for.
 *
 * Context: may sleep; not from within the unmap op, nor while another thread
 * attaches, replaces or detaches.
 */
void iommufd_access_detach(struct iommufd_access *access)
{
	if (WARN_ON_ONCE(begin_change(access)))
		return;
	if (access->user) {
		iommufd_map_remove_user(access->user, true);
		set_user(access, NULL, NULL);
	}
	end_change(access);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_detach, IOMMUFD);

/**
 * iommufd_access_destroy() - end what iommufd_access_create() began
 * @access: the access, without further users; freed on return
 *
 * Context: may sleep; as iommufd_access_detach().
 */
void iommufd_access_destroy(struct iommufd_access *access)
{
	struct iommufd_ctx *ctx = access->ctx;

	iommufd_access_detach(access);
	iommufd_object_retire(ctx, &access->obj);
	iommufd_ctx_put(ctx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_destroy, IOMMUFD);

/**
 * iommufd_access_ioas_id() - where an access is attached
 * @access: the access
 *
 * Context: any.
 * Return: ID of the address space, 0 for none.
 */
u32 iommufd_access_ioas_id(struct iommufd_access *access)
{
	u32 id;

	spin_lock(&access->lock);
	id = access->ioas ? access->ioas->obj.id : 0;
	spin_unlock(&access->lock);
	return id;
}

/* Using the memory */

static struct iommufd_map_user *get_user_of(struct iommufd_access *access)
{
	struct iommufd_map_user *user = NULL;

	spin_lock(&access->lock);
	if (access->user)
		user = iommufd_map_user_get(access->user);
	spin_unlock(&access->lock);
	return user;
}

/*
 * A file system ends its work at any signal (-ERESTARTNOINTR), and expects that
 * user space repeats the system call. A driver cannot return to user space in the
 * middle of a request to its device, which must not fail because of a signal that
 * is not fatal. So signals are blocked and the access is tried once more. A stop,
 * the freezer and task work cannot be blocked, and may still end it.
 * Returns whether to try again.
 */
static bool keep_signals_away(int err, sigset_t *old)
{
	sigset_t away;

	if (err != -ERESTARTNOINTR)
		return false;
	siginitsetinv(&away, sigmask(SIGKILL));
	sigprocmask(SIG_BLOCK, &away, old);
	return true;
}

static void let_signals_come(sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

/* -ERESTARTNOINTR is for system calls only */
static int for_drivers(int err)
{
	return err == -ERESTARTNOINTR ? -EINTR : err;
}

/**
 * iommufd_access_pin() - pin memory and learn its pages
 * @access: access with an unmap op
 * @iova: first IOVA of the range in bytes, at the start of a page of the memory
 * @length_bytes: length of the range; it may end inside of a page
 * @pages: receives each page; NULL when they are not wanted
 * @flags: IOMMUFD_ACCESS_WRITE when they will be written to
 *
 * Each pin needs an unpin of its own. The unmap op may be called before this
 * is done: it will be called again.
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0; -EOPNOTSUPP without an unmap op; what iommufd_map_pin() returns;
 * -ENOENT also when the access is not attached; -EINTR also for work that waits
 * for the task and cannot be kept away as signals are, never for those.
 */
int iommufd_access_pin(struct iommufd_access *access, unsigned long iova,
		       unsigned long length_bytes, struct page **pages,
		       unsigned int flags)
{
	struct iommufd_map_user *user;
	sigset_t signals;
	int err;

	if (!access->ops->unmap)
		return -EOPNOTSUPP;
	user = get_user_of(access);
	if (!user)
		return -ENOENT;
	err = iommufd_map_pin(user, iova, length_bytes, pages, flags);
	if (keep_signals_away(err, &signals)) {
		err = iommufd_map_pin(user, iova, length_bytes, pages, flags);
		let_signals_come(&signals);
	}
	iommufd_map_user_put(user);
	return for_drivers(err);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_pin, IOMMUFD);

/**
 * iommufd_access_unpin() - undo one iommufd_access_pin()
 * @access: the access
 * @iova: as it was pinned
 * @length_bytes: as it was pinned
 *
 * Context: may sleep; also from within the unmap op.
 */
void iommufd_access_unpin(struct iommufd_access *access, unsigned long iova,
			  unsigned long length_bytes)
{
	struct iommufd_map_user *user = get_user_of(access);

	/* A detach or replace waits until the pins are gone */
	if (WARN_ON_ONCE(!user))
		return;
	iommufd_map_unpin(user, iova, length_bytes);
	iommufd_map_user_put(user);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_unpin, IOMMUFD);

/**
 * iommufd_access_rw() - copy from or to the memory behind a range
 * @access: the access
 * @iova: first IOVA of the range in bytes
 * @data: the other side of the copy
 * @len: number of bytes
 * @flags: mask of IOMMUFD_ACCESS_*
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0; what iommufd_map_rw() returns; -ENOENT also when the access is not
 * attached; -EINTR as iommufd_access_pin().
 */
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t len, unsigned int flags)
{
	struct iommufd_map_user *user = get_user_of(access);
	sigset_t signals;
	int err;

	if (!user)
		return -ENOENT;
	err = iommufd_map_rw(user, iova, data, len, flags);
	if (keep_signals_away(err, &signals)) {
		err = iommufd_map_rw(user, iova, data, len, flags);
		let_signals_come(&signals);
	}
	iommufd_map_user_put(user);
	return for_drivers(err);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_rw, IOMMUFD);
