// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory at a fixed place: it is not pinned, but may be revoked. Holds of revoked
 * memory are kept in a tree of their own.
 */
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "store/store_private.h"

/**
 * iommufd_store_hold_fixed() - take part in revocations
 * @store: store of memory at a fixed place
 * @hold: the caller's, with its first and last page
 *
 * Context: may sleep, for a short time.
 */
void iommufd_store_hold_fixed(struct iommufd_store *store,
			      struct iommufd_hold *hold)
{
	struct iommufd_fixed *fixed = store->backing.fixed;

	mutex_lock(&store->mutex);
	hold_tree_insert(hold, fixed->revoked ? &fixed->waiting :
						&store->holds);
	mutex_unlock(&store->mutex);
}

/* Is a hold, which is in some tree, in this one? */
static bool is_in_tree(const struct iommufd_hold *hold,
		       const struct rb_root_cached *tree)
{
	const struct rb_node *node = &hold->node;

	while (rb_parent(node))
		node = rb_parent(node);
	return node == tree->rb_root.rb_node;
}

/**
 * iommufd_store_release_fixed() - undo iommufd_store_hold_fixed()
 * @store: the store
 * @hold: the hold
 *
 * Context: may sleep, for a short time.
 */
void iommufd_store_release_fixed(struct iommufd_store *store,
				 struct iommufd_hold *hold)
{
	struct iommufd_fixed *fixed = store->backing.fixed;

	mutex_lock(&store->mutex);
	/* While iommufd_store_revoke() or _restore() moves holds, both trees have some */
	hold_tree_remove(hold, is_in_tree(hold, &fixed->waiting) ?
			       &fixed->waiting : &store->holds);
	mutex_unlock(&store->mutex);
}

/**
 * iommufd_store_revoke() - revoke memory at a fixed place
 * @store: the store
 * @ops: what all its holders understand
 *
 * From the begin of this call on, a new hold finds the store revoked. When it
 * returns, all earlier holders have given the memory up.
 *
 * Context: may sleep; calls for one store do not overlap.
 */
void iommufd_store_revoke(struct iommufd_store *store,
			  const struct iommufd_revoke_ops *ops)
{
	struct iommufd_holder holder = { .store = store };
	struct iommufd_hold *hold;

	mutex_lock(&store->mutex);
	WRITE_ONCE(store->backing.fixed->revoked, true);
	while ((hold = hold_tree_iter_first(&store->holds, 0, ULONG_MAX))) {
		/* It does not return to this tree, so each hold is visited once */
		hold_tree_remove(hold, &store->holds);
		hold_tree_insert(hold, &store->backing.fixed->waiting);
		ops->record(hold, &holder);
		mutex_unlock(&store->mutex);
		ops->revoke(&holder);
		cond_resched();
		mutex_lock(&store->mutex);
	}
	mutex_unlock(&store->mutex);
}

/**
 * iommufd_store_restore() - restore memory that was revoked
 * @store: the store, which was revoked
 * @ops: what all its holders understand
 *
 * Context: may sleep; calls for one store do not overlap each other, nor those
 * of iommufd_store_revoke().
 */
void iommufd_store_restore(struct iommufd_store *store,
			   const struct iommufd_revoke_ops *ops)
{
	struct iommufd_fixed *fixed = store->backing.fixed;
	struct iommufd_holder holder = { .store = store };
	struct iommufd_hold *hold;

	mutex_lock(&store->mutex);
	WRITE_ONCE(fixed->revoked, false);
	while ((hold = hold_tree_iter_first(&fixed->waiting, 0, ULONG_MAX))) {
		hold_tree_remove(hold, &fixed->waiting);
		hold_tree_insert(hold, &store->holds);
		ops->record(hold, &holder);
		mutex_unlock(&store->mutex);
		ops->restore(&holder);
		cond_resched();
		mutex_lock(&store->mutex);
	}
	mutex_unlock(&store->mutex);
}

/**
 * iommufd_store_is_revoked() - tell whether memory is revoked
 * @store: the store
 *
 * Context: any. A holder is told when this changes.
 * Return: whether iommufd_store_revoke() was called, and iommufd_store_restore()
 * was not since.
 */
bool iommufd_store_is_revoked(const struct iommufd_store *store)
{
	return store_is_fixed(store) && READ_ONCE(store->backing.fixed->revoked);
}
