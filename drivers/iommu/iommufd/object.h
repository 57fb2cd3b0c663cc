/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects: IDs and lifetimes.
 */

/**
 * DOC: Life of an object
 *
 * ::
 *
 *	iommufd_object_alloc()		the ID is reserved and finds nothing:
 *	  |				the creator builds without a lock
 *	  |
 *	  +--> iommufd_object_abort()	creation failed: ID and memory are free
 *	  |
 *	  +--> iommufd_object_discard()	the same for one that is complete: destroyed
 *	  |
 *	iommufd_object_publish()	the ID finds the object; nothing may fail
 *	  |				from here on
 *	  |
 *	  |  calls	iommufd_object_get() and _put(): a call works on the
 *	  |		object at this moment
 *	  |  users	iommufd_object_add_user() and _drop_user(): something is
 *	  |		built on the object, attached to it, or owns it
 *	  |
 *	  +--> iommufd_object_destroy()	user space asks:
 *	  |	  |
 *	  |	  |	-EBUSY while there are users
 *	  |	  |	hide the ID, which stays reserved
 *	  |	  |	wait for calls; a fatal signal or a minute ends that
 *	  |	  |
 *	  |	  +--> a call became a user, or the wait ended: the ID finds the
 *	  |	  |    object again; -EBUSY or -EINTR
 *	  |	  +--> destroyed
 *	  |
 *	  +--> iommufd_object_retire()	its only user drops it: cannot fail
 *	  |	  |	hide the ID, drop that user, wait for calls
 *	  |	  +--> destroyed
 *	  |
 *	  +--> iommufd_object_hide()	what it belongs to goes, unless user space
 *		  |			destroys it at this moment
 *		iommufd_object_bury()	wait for calls, free the memory: the ID finds
 *					nothing, and stays reserved
 *
 *	destroyed: forget() and destroy() of its kind, then the ID is free
 *
 * A context whose file is closed destroys what is left in passes, each of which
 * takes the objects without users.
 */
#ifndef __IOMMUFD_OBJECT_H
#define __IOMMUFD_OBJECT_H

#include <linux/refcount.h>
#include <linux/types.h>

struct iommufd_ctx;

/**
 * enum iommufd_object_type - kinds of objects that have an ID
 * @IOMMUFD_OBJ_ANY: in a lookup: any kind; no object has it
 * @IOMMUFD_OBJ_IOAS: &struct iommufd_ioas
 * @IOMMUFD_OBJ_DEVICE: &struct iommufd_device
 * @IOMMUFD_OBJ_ACCESS: &struct iommufd_access
 * @IOMMUFD_OBJ_HWPT_PAGING: &struct iommufd_hwpt_paging
 * @IOMMUFD_OBJ_HWPT_NESTED: &struct iommufd_hwpt_nested
 * @IOMMUFD_OBJ_VIOMMU: &struct iommufd_viommu
 * @IOMMUFD_OBJ_HW_QUEUE: &struct iommufd_hw_queue
 * @IOMMUFD_OBJ_VDEVICE: &struct iommufd_vdevice
 * @IOMMUFD_OBJ_FAULT: &struct iommufd_fault
 * @IOMMUFD_OBJ_VEVENTQ: &struct iommufd_veventq
 * @IOMMUFD_OBJ_SELFTEST: a mock device; with CONFIG_IOMMUFD_TEST only
 * @IOMMUFD_OBJ_NR: number of kinds
 */
enum iommufd_object_type {
	IOMMUFD_OBJ_ANY,
	IOMMUFD_OBJ_IOAS,
	IOMMUFD_OBJ_DEVICE,
	IOMMUFD_OBJ_ACCESS,
	IOMMUFD_OBJ_HWPT_PAGING,
	IOMMUFD_OBJ_HWPT_NESTED,
	IOMMUFD_OBJ_VIOMMU,
	IOMMUFD_OBJ_HW_QUEUE,
	IOMMUFD_OBJ_VDEVICE,
	IOMMUFD_OBJ_FAULT,
	IOMMUFD_OBJ_VEVENTQ,
	IOMMUFD_OBJ_SELFTEST,
	IOMMUFD_OBJ_NR,
};

/**
 * struct iommufd_object - common head of everything with an ID
 * @calls: short-lived references of calls that work on the object, and one for
 *         the published ID; destruction waits for the calls to return
 * @users: long-lived references: objects built on this one, attached devices,
 *         the driver that owns it; and one for its existence. More than that
 *         one and destruction is -EBUSY
 * @id: its ID
 * @type: its kind; never changes
 *
 * The comment at the top of this file draws its life.
 */
struct iommufd_object {
	refcount_t calls;
	refcount_t users;
	u32 id;
	enum iommufd_object_type type;
};

/**
 * struct iommufd_object_ops - operations of a kind of object
 * @name: name of the kind, for fdinfo
 * @forget: drop what names the object by its ID; NULL where nothing does
 * @destroy: undo everything the object did; the caller frees the memory
 */
struct iommufd_object_ops {
	const char *name;
	void (*forget)(struct iommufd_ctx *ctx, struct iommufd_object *obj);
	void (*destroy)(struct iommufd_object *obj);
};

/* By kind; it stands beside the table of calls */
extern const struct iommufd_object_ops iommufd_object_ops[IOMMUFD_OBJ_NR];

void *iommufd_object_alloc(struct iommufd_ctx *ctx, size_t size,
			   enum iommufd_object_type type);
void iommufd_object_publish(struct iommufd_ctx *ctx,
			    struct iommufd_object *obj);
void iommufd_object_abort(struct iommufd_ctx *ctx, struct iommufd_object *obj);
void iommufd_object_discard(struct iommufd_ctx *ctx,
			    struct iommufd_object *obj);
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ctx, u32 id,
					  enum iommufd_object_type type);
struct iommufd_object *iommufd_object_get_next(struct iommufd_ctx *ctx,
					       unsigned long *id);
void iommufd_object_put(struct iommufd_ctx *ctx, struct iommufd_object *obj);
int iommufd_object_destroy(struct iommufd_ctx *ctx, u32 id);
void iommufd_object_retire(struct iommufd_ctx *ctx, struct iommufd_object *obj);
bool iommufd_object_hide(struct iommufd_ctx *ctx, struct iommufd_object *obj);
void iommufd_object_bury(struct iommufd_ctx *ctx, struct iommufd_object *obj);
void iommufd_object_destroy_all(struct iommufd_ctx *ctx);
const char *iommufd_object_name(const struct iommufd_object *obj);

/**
 * iommufd_object_get_used() - work on an object for the length of a call
 * @obj: published object that the caller is a user of
 *
 * It has users and so is never hidden: this cannot fail, and its number of calls is
 * not 0.
 *
 * Context: any. The reference is for iommufd_object_put().
 */
static inline void iommufd_object_get_used(struct iommufd_object *obj)
{
	refcount_inc(&obj->calls);
}

static inline void iommufd_object_add_user(struct iommufd_object *obj)
{
	refcount_inc(&obj->users);
}

static inline void iommufd_object_drop_user(struct iommufd_object *obj)
{
	/* The reference for its existence stays, so this is never the last */
	refcount_dec(&obj->users);
}

#endif /* __IOMMUFD_OBJECT_H */
