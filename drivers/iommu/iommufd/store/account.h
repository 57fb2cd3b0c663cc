/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accounts that are charged for pinned pages.
 */
#ifndef __IOMMUFD_ACCOUNT_H
#define __IOMMUFD_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct mm_struct;
struct task_struct;
struct user_struct;

/**
 * enum iommufd_account_mode - where pinned pages are counted
 * @IOMMUFD_ACCOUNT_UNLIMITED: against no limit (CAP_IPC_LOCK)
 * @IOMMUFD_ACCOUNT_USER: against RLIMIT_MEMLOCK over all the user's processes
 * @IOMMUFD_ACCOUNT_PROCESS: against RLIMIT_MEMLOCK of one process (VmLck)
 *
 * Each mode counts in the process's VmPin as well.
 */
enum iommufd_account_mode {
	IOMMUFD_ACCOUNT_UNLIMITED,
	IOMMUFD_ACCOUNT_USER,
	IOMMUFD_ACCOUNT_PROCESS,
};

/**
 * struct iommufd_account - the account of one process
 * @refs: references of slots, and of each store that charges here
 * @mode: where pages are counted
 * @mm: address space of the process; a mmgrab() reference
 * @user: user of the process
 * @task: thread group leader, whose limit counts at the time of each charge
 * @nr_owed: process mode: pages that are unpinned and still charged
 * @is_listed: it is one of the others of a &struct iommufd_refunds
 * @next_listed: the next one there; belongs to the owner of the list
 *
 * The others never change.
 */
struct iommufd_account {
	refcount_t refs;
	enum iommufd_account_mode mode;
	struct mm_struct *mm;
	struct user_struct *user;
	struct task_struct *task;
	atomic_long_t nr_owed;
	atomic_t is_listed;
	struct iommufd_account *next_listed;
};

/**
 * struct iommufd_refunds - charges to be returned when it is possible to sleep
 * @account: the first account, a reference, or NULL
 * @others: list of more accounts, each with a reference
 *
 * Returning a charge takes the mmap_lock of the process in process mode. Page
 * faults hold that lock, and may in turn wait for a task that works on a mapping.
 * So such a task collects the charges of pages that it unpins here, and returns
 * them by iommufd_refunds_settle() when no other task can wait for it any more.
 *
 * Nearly always there is one account. An account is in one list of others at a
 * time, and the owner of the list returns the charges of all tasks: with several
 * accounts, a task may end before the charges that it collected are returned.
 */
struct iommufd_refunds {
	struct iommufd_account *account;
	struct iommufd_account *others;
};

/**
 * struct iommufd_account_slot - remembers the account of the last caller
 * @lock: protects @account; nothing nests inside
 * @account: a reference, or NULL
 *
 * A context is nearly always used by one process, which thus shares one
 * account among all its stores.
 */
struct iommufd_account_slot {
	spinlock_t lock; /* @account */
	struct iommufd_account *account;
};

/**
 * struct iommufd_account_move - transfer of the charges of a store
 * @from: account that is charged now
 * @to: account that will be charged
 * @prepaid: pages that @to was charged for beforehand and that no move used yet
 * @nbegun: pages that @to is charged for on behalf of this move
 * @nmoved: pages that were pinned at the moment @to took over, at most @nbegun
 */
struct iommufd_account_move {
	struct iommufd_account *from;
	struct iommufd_account *to;
	unsigned long *prepaid;
	unsigned long nbegun;
	unsigned long nmoved;
};

struct iommufd_account *iommufd_account_create(enum iommufd_account_mode mode);
struct iommufd_account *iommufd_account_get(struct iommufd_account *account);
void iommufd_account_put(struct iommufd_account *account);

void iommufd_account_slot_init(struct iommufd_account_slot *slot);
struct iommufd_account *
iommufd_account_slot_get(struct iommufd_account_slot *slot,
			 enum iommufd_account_mode mode);
void iommufd_account_slot_clear(struct iommufd_account_slot *slot);

int iommufd_account_charge(struct iommufd_account *account,
			   unsigned long npages);
void iommufd_account_uncharge(struct iommufd_account *account,
			      unsigned long npages);

void iommufd_account_owe_process(struct iommufd_account *account,
				 unsigned long npages,
				 struct iommufd_refunds *refunds);
void iommufd_refunds_settle_all(struct iommufd_refunds *refunds);

/**
 * iommufd_account_owe() - return a charge without waiting for a process
 * @account: account that was charged, or NULL
 * @npages: number of pages
 * @refunds: gets the account if that must be done later
 *
 * Context: any.
 */
static inline void iommufd_account_owe(struct iommufd_account *account,
				       unsigned long npages,
				       struct iommufd_refunds *refunds)
{
	if (account && account->mode == IOMMUFD_ACCOUNT_PROCESS)
		iommufd_account_owe_process(account, npages, refunds);
	else
		iommufd_account_uncharge(account, npages);
}

static inline bool
iommufd_refunds_pending(const struct iommufd_refunds *refunds)
{
	return refunds->account;
}

/**
 * iommufd_refunds_settle() - return the charges that were collected
 * @refunds: the accounts; none on return
 *
 * Context: may sleep; takes the mmap_lock of processes. The caller holds no lock
 * that a page fault or the reset of a device could wait for.
 */
static inline void iommufd_refunds_settle(struct iommufd_refunds *refunds)
{
	if (iommufd_refunds_pending(refunds))
		iommufd_refunds_settle_all(refunds);
}

bool iommufd_account_shares_limit(const struct iommufd_account *a,
				  const struct iommufd_account *b);
int iommufd_account_check_limit(struct iommufd_account *account);
void iommufd_account_move_begin(struct iommufd_account_move *move,
				unsigned long npages);
void iommufd_account_move_end(struct iommufd_account_move *move);

#endif /* __IOMMUFD_ACCOUNT_H */
