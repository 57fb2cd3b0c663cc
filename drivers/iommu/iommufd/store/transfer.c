// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfer of the charge for a store's pinned pages to another account.
 */
#include <linux/compiler.h>
#include <linux/mutex.h>

#include "store/account.h"
#include "store/store_private.h"

/**
 * iommufd_store_transferable() - tell whether another process can take the charge
 * @store: the store
 *
 * Return: true when the memory does not belong to a process.
 */
bool iommufd_store_transferable(const struct iommufd_store *store)
{
	return store->backing.ops->transferable;
}

/**
 * iommufd_store_charge_of() - count the pages that a transfer would charge
 * @store: the store
 * @to: account that would be charged
 * @shared: set when pages are pinned that already count against @to's limit
 *
 * Context: may sleep; a snapshot.
 * Return: number of pages @to would be charged for.
 */
unsigned long iommufd_store_charge_of(struct iommufd_store *store,
				      const struct iommufd_account *to,
				      bool *shared)
{
	unsigned long npages;

	mutex_lock(&store->mutex);
	npages = store->npinned;
	if (npages && iommufd_account_shares_limit(store->account, to)) {
		*shared = true;
		npages = 0;
	}
	mutex_unlock(&store->mutex);
	return npages;
}

/**
 * iommufd_store_change_account() - transfer the charge to another account
 * @store: store of memory that any process can pay for
 * @to: account to charge from now on; the store takes a reference
 * @prepaid: pages that @to has been charged for and that no store took yet;
 *	     what this one needs is taken from it
 *
 * Cannot fail: pages that were pinned after the caller computed @prepaid are
 * charged even above the limit of @to, as they were within that of the old account.
 *
 * Context: may sleep, as long as pins of the store take; waits for the
 * mmap_lock of both processes in process mode.
 */
void iommufd_store_change_account(struct iommufd_store *store,
				  struct iommufd_account *to,
				  unsigned long *prepaid)
{
	struct iommufd_account_move move = { .to = to, .prepaid = prepaid };

	/* fill_mutex excludes pins, so the number of pages can only decrease */
	mutex_lock(&store->fill_mutex);
	move.from = store->account;
	if (move.from == to) {
		mutex_unlock(&store->fill_mutex);
		return;
	}
	iommufd_account_move_begin(&move, READ_ONCE(store->npinned));
	mutex_lock(&store->mutex);
	move.nmoved = store->npinned;
	store->account = iommufd_account_get(to);
	mutex_unlock(&store->mutex);
	iommufd_account_move_end(&move);
	mutex_unlock(&store->fill_mutex);
	iommufd_account_put(move.from);
}
