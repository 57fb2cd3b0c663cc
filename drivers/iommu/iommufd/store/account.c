// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory accounting of pinned pages.
 *
 * Pages are charged before they are pinned, so that a caller over its limit never
 * pins any, and the charge is returned when they are unpinned.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "store/account.h"
#include "test_hooks.h"

/*
 * Without an audit record: a caller without the capability is limited, but not
 * refused.
 */
static enum iommufd_account_mode caller_mode(enum iommufd_account_mode mode)
{
	if (ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		return IOMMUFD_ACCOUNT_UNLIMITED;
	return mode;
}

static struct iommufd_account *new_account(enum iommufd_account_mode mode)
{
	struct iommufd_account *account;

	if (!current->mm)
		return ERR_PTR(-EINVAL);
	account = kmalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);
	if (!account)
		return ERR_PTR(-ENOMEM);

	refcount_set(&account->refs, 1);
	account->mode = mode;
	account->mm = current->mm;
	mmgrab(account->mm);
	account->user = get_uid(current_user());
	account->task = get_task_struct(current->group_leader);
	atomic_long_set(&account->nr_owed, 0);
	atomic_set(&account->is_listed, 0);
	return account;
}

/**
 * iommufd_account_create() - make an account for the calling process
 * @mode: where its pages are counted; a caller with CAP_IPC_LOCK gets
 *	  IOMMUFD_ACCOUNT_UNLIMITED whatever it asks for
 *
 * Context: may sleep.
 * Return: the account with one reference, ERR_PTR(-ENOMEM), or
 * ERR_PTR(-EINVAL) in a kernel thread without an address space.
 */
struct iommufd_account *iommufd_account_create(enum iommufd_account_mode mode)
{
	return new_account(caller_mode(mode));
}

/**
 * iommufd_account_get() - take a reference
 * @account: live account
 *
 * Context: any.
 * Return: @account.
 */
struct iommufd_account *iommufd_account_get(struct iommufd_account *account)
{
	refcount_inc(&account->refs);
	return account;
}

/**
 * iommufd_account_put() - drop a reference, free the account with the last one
 * @account: account, or NULL
 *
 * Context: may sleep.
 */
void iommufd_account_put(struct iommufd_account *account)
{
	if (!account || !refcount_dec_and_test(&account->refs))
		return;
	put_task_struct(account->task);
	free_uid(account->user);
	mmdrop(account->mm);
	kfree(account);
}

/**
 * iommufd_account_slot_init() - make an empty slot
 * @slot: the slot
 */
void iommufd_account_slot_init(struct iommufd_account_slot *slot)
{
	spin_lock_init(&slot->lock);
	slot->account = NULL;
}

static bool is_callers(const struct iommufd_account *account,
		       enum iommufd_account_mode mode)
{
	return account->mm == current->mm && account->mode == mode &&
	       account->task == current->group_leader &&
	       account->user == current_user();
}

/**
 * iommufd_account_slot_get() - find or make the account of the caller
 * @slot: where the last caller's account is kept
 * @mode: as for iommufd_account_create()
 *
 * Context: may sleep.
 * Return: a reference to the account, which the caller puts, or the errors of
 * iommufd_account_create().
 */
struct iommufd_account *
iommufd_account_slot_get(struct iommufd_account_slot *slot,
			 enum iommufd_account_mode mode)
{
	struct iommufd_account *account, *old;

	mode = caller_mode(mode);
	spin_lock(&slot->lock);
	account = slot->account;
	if (account && is_callers(account, mode)) {
		refcount_inc(&account->refs);
		spin_unlock(&slot->lock);
		return account;
	}
	spin_unlock(&slot->lock);

	account = new_account(mode);
	if (IS_ERR(account))
		return account;

	refcount_inc(&account->refs);
	spin_lock(&slot->lock);
	old = slot->account;
	slot->account = account;
	spin_unlock(&slot->lock);
	iommufd_account_put(old);
	return account;
}

/**
 * iommufd_account_slot_clear() - forget the account of the last caller
 * @slot: the slot, which may be used again
 *
 * Context: may sleep.
 */
void iommufd_account_slot_clear(struct iommufd_account_slot *slot)
{
	struct iommufd_account *old;

	spin_lock(&slot->lock);
	old = slot->account;
	slot->account = NULL;
	spin_unlock(&slot->lock);
	iommufd_account_put(old);
}

static int charge_user(struct iommufd_account *account, unsigned long npages)
{
	unsigned long limit = task_rlimit(account->task, RLIMIT_MEMLOCK) >>
			      PAGE_SHIFT;
	long old = atomic_long_read(&account->user->locked_vm);

	do {
		if (npages > limit || old > limit - npages)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&account->user->locked_vm, &old,
					  old + npages));
	return 0;
}

/* Return pending charges, which must not count against the next charge */
static void return_owed(struct iommufd_account *account)
{
	long npages = atomic_long_xchg(&account->nr_owed, 0);

	lockdep_assert_held_write(&account->mm->mmap_lock);
	if (npages)
		__account_locked_vm(account->mm, npages, false, account->task,
				    false);
}

static int charge_process(struct iommufd_account *account,
			  unsigned long npages)
{
	int err;

	if (mmap_write_lock_killable(account->mm))
		return -EINTR;
	return_owed(account);
	err = __account_locked_vm(account->mm, npages, true, account->task,
				  false);
	mmap_write_unlock(account->mm);
	return err;
}

/**
 * iommufd_account_charge() - charge pages that are about to be pinned
 * @account: the account; NULL for memory that is never charged
 * @npages: number of pages
 *
 * Context: may sleep; takes the mmap_lock of the process in process mode.
 * Return: 0, -ENOMEM over RLIMIT_MEMLOCK, -EINTR on a fatal signal.
 */
int iommufd_account_charge(struct iommufd_account *account,
			   unsigned long npages)
{
	int err = 0;

	if (!account || !npages)
		return 0;
	if (iommufd_should_fail())
		return -ENOMEM;
	if (account->mode == IOMMUFD_ACCOUNT_USER)
		err = charge_user(account, npages);
	else if (account->mode == IOMMUFD_ACCOUNT_PROCESS)
		err = charge_process(account, npages);
	if (err)
		return err;
	atomic64_add(npages, &account->mm->pinned_vm);
	return 0;
}

/**
 * iommufd_account_uncharge() - undo iommufd_account_charge()
 * @account: account that was charged, or NULL
 * @npages: number of pages
 *
 * Cannot fail; works after the process is gone.
 *
 * Context: may sleep; takes the mmap_lock of the process in process mode.
 */
void iommufd_account_uncharge(struct iommufd_account *account,
			      unsigned long npages)
{
	if (!account || !npages)
		return;
	atomic64_sub(npages, &account->mm->pinned_vm);
	if (account->mode == IOMMUFD_ACCOUNT_USER) {
		atomic_long_sub(npages, &account->user->locked_vm);
	} else if (account->mode == IOMMUFD_ACCOUNT_PROCESS) {
		mmap_write_lock(account->mm);
		__account_locked_vm(account->mm, npages, false, account->task,
				    false);
		mmap_write_unlock(account->mm);
	}
}

/**
 * iommufd_account_owe_process() - iommufd_account_owe() in process mode
 * @account: account that was charged
 * @npages: number of pages
 * @refunds: gets the account
 *
 * Context: any.
 */
void iommufd_account_owe_process(struct iommufd_account *account,
				 unsigned long npages,
				 struct iommufd_refunds *refunds)
{
	if (!npages)
		return;
	atomic64_sub(npages, &account->mm->pinned_vm);
	/* Before @is_listed: pairs with iommufd_refunds_settle_all() */
	atomic_long_add(npages, &account->nr_owed);
	if (refunds->account == account)
		return;
	if (!refunds->account) {
		refunds->account = iommufd_account_get(account);
		return;
	}
	if (atomic_xchg(&account->is_listed, 1))
		return;
	account->next_listed = refunds->others;
	refunds->others = iommufd_account_get(account);
}

/* Matches iommufd_account_owe() */
static void settle(struct iommufd_account *account)
{
	mmap_write_lock(account->mm);
	return_owed(account);
	mmap_write_unlock(account->mm);
	iommufd_account_put(account);
}

/**
 * iommufd_refunds_settle_all() - iommufd_refunds_settle() when there are any
 * @refunds: the accounts; none on return
 *
 * Context: as iommufd_refunds_settle().
 */
void iommufd_refunds_settle_all(struct iommufd_refunds *refunds)
{
	struct iommufd_account *account;

	settle(refunds->account);
	refunds->account = NULL;
	while ((account = refunds->others)) {
		refunds->others = account->next_listed;
		/*
		 * From here on it can be in another list. Before the read of
		 * @nr_owed: pairs with iommufd_account_owe_process().
		 */
		atomic_xchg(&account->is_listed, 0);
		settle(account);
	}
}

/* Moving charges */

/**
 * iommufd_account_shares_limit() - do two accounts count against the same limit
 * @a: account, or NULL
 * @b: account
 *
 * Context: any.
 * Return: whether a page that @a is charged for counts against the limit of @b.
 */
bool iommufd_account_shares_limit(const struct iommufd_account *a,
				  const struct iommufd_account *b)
{
	if (!a || a->mode != b->mode)
		return false;
	switch (a->mode) {
	case IOMMUFD_ACCOUNT_USER:
		return a->user == b->user;
	case IOMMUFD_ACCOUNT_PROCESS:
		return a->mm == b->mm;
	default:
		return false;
	}
}

/**
 * iommufd_account_check_limit() - is what has been charged within the limit
 * @account: account
 *
 * Limits belong to processes: what another process of the same user was allowed to
 * pin may exceed the limit of this one.
 *
 * Context: may sleep; takes the mmap_lock of the process in process mode.
 * Return: 0, -ENOMEM over RLIMIT_MEMLOCK, -EINTR on a fatal signal.
 */
int iommufd_account_check_limit(struct iommufd_account *account)
{
	switch (account->mode) {
	case IOMMUFD_ACCOUNT_USER:
		return charge_user(account, 0);
	case IOMMUFD_ACCOUNT_PROCESS:
		return charge_process(account, 0);
	default:
		return 0;
	}
}

static void charge_anyway(struct iommufd_account *account,
			  unsigned long npages)
{
	atomic64_add(npages, &account->mm->pinned_vm);
	if (account->mode == IOMMUFD_ACCOUNT_USER) {
		atomic_long_add(npages, &account->user->locked_vm);
	} else if (account->mode == IOMMUFD_ACCOUNT_PROCESS) {
		mmap_write_lock(account->mm);
		__account_locked_vm(account->mm, npages, true, account->task,
				    true);
		mmap_write_unlock(account->mm);
	}
}

/**
 * iommufd_account_move_begin() - charge the account that takes over
 * @move: the move
 * @npages: upper bound for what is pinned when it does
 *
 * Both accounts are charged between this and iommufd_account_move_end(), so
 * that a task that unpins meanwhile finds the charge in the account it looks at.
 *
 * Context: may sleep; takes the mmap_lock of the process in process mode.
 */
void iommufd_account_move_begin(struct iommufd_account_move *move,
				unsigned long npages)
{
	move->nbegun = npages;
	if (iommufd_account_shares_limit(move->from, move->to)) {
		atomic64_add(npages, &move->to->mm->pinned_vm);
	} else if (npages > *move->prepaid) {
		charge_anyway(move->to, npages - *move->prepaid);
		*move->prepaid = npages;
	}
}

/**
 * iommufd_account_move_end() - return the charge of the old account
 * @move: the move
 *
 * Context: may sleep; takes the mmap_lock of the process in process mode.
 */
void iommufd_account_move_end(struct iommufd_account_move *move)
{
	if (iommufd_account_shares_limit(move->from, move->to)) {
		atomic64_sub(move->nbegun - move->nmoved,
			     &move->to->mm->pinned_vm);
		atomic64_sub(move->nmoved, &move->from->mm->pinned_vm);
	} else {
		*move->prepaid -= move->nmoved;
		iommufd_account_uncharge(move->from, move->nmoved);
	}
}
