// SPDX-License-Identifier: GPL-2.0-only
/*
 * What unpinning waits for, the mmap_lock of a process or the lock of a page, and
 * who must not wait for it; and that charges come back.
 */
#include "gates.h"

/* Charges of a process */

static struct mm_struct mm;
static struct user_struct user;

static struct iommufd_account *process_account(void)
{
	struct iommufd_account *account;

	main_task.mm = &mm;
	main_task.user = &user;
	main_task.group_leader = &main_task;
	main_task.memlock_bytes = 1UL << 30;
	account = iommufd_account_create(IOMMUFD_ACCOUNT_PROCESS);
	require(!IS_ERR(account));
	return account;
}

static int map_paid(unsigned int i, struct iommufd_account *account)
{
	struct iommufd_slice slice = {
		.store = memory_store_paid(&mems[i], PG, true, account),
		.length_bytes = 4 * PG,
	};
	unsigned long iova = AT(i);

	return iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				  IOMMUFD_MAP_FIXED, NULL);
}

static void drain_while_process_is_locked(void)
{
	struct work d = { .call = call_detach, .fake = &fakes[0] };
	struct iommufd_account *account;

	begin("a detach is not busy while it waits to return a charge");
	account = process_account();
	require(!attach(0));
	require(!map_paid(2, iommufd_account_get(account)));
	require(!map_paid(4, account));
	require(mm.locked_vm == 8);
	mmap_write_lock(&mm);
	start(&d);
	/* It is done with both when the pages are unpinned, but for the charge */
	while (memory_nr_pinned(&mems[4]))
		sched_yield();
	unmap_is(2, 0);
	require(!is_used(AT(2), END(2)));
	unmap_is(4, 0);
	require(mm.locked_vm == 8);
	mmap_write_unlock(&mm);
	require(!finish(&d));
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	end();
}

static void failed_attach_while_process_is_locked(void)
{
	struct work a = { .call = call_attach, .fake = &fakes[0] };

	begin("nor is an attach that failed");
	require(!map_paid(2, process_account()));
	fakes[0].fail_map = 1;
	close_gate(&fakes[0]);
	start(&a);
	wait_until_blocked();
	mmap_write_lock(&mm);
	open_gate();
	unmap_is(2, 0);
	mmap_write_unlock(&mm);
	require(finish(&a) == -ENOMEM);
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	end();
}

static sem_t unpin_closed;

static int call_map_fixed_and_paid(struct work *work)
{
	struct iommufd_slice slices[2] = {
		{ iommufd_store_get(fixed_store), 0, 4 * PG },
		{ memory_store_paid(&mems[2], PG, true, (void *)work->iova),
		  0, 4 * PG },
	};
	unsigned long iova = AT(2);

	return iommufd_map_insert(map, slices, 2, &iova, IOMMU_READ,
				  IOMMUFD_MAP_FIXED, NULL);
}

static int call_revoke(struct work *work)
{
	iommufd_store_revoke(fixed_store, &iommufd_map_revoke_ops);
	return 0;
}

static void unused_pins_while_process_is_locked(void)
{
	struct work m = { .call = call_map_fixed_and_paid };
	struct work r = { .call = call_revoke };

	begin("nor is a map whose domain left, so memory can be revoked meanwhile");
	make_fixed_store();
	m.iova = (unsigned long)process_account();
	require(!attach(0));
	close_gate(&mems[2]);
	start(&m);
	wait_until_blocked();
	detach(0);
	mmap_write_lock(&mm);
	open_gate();
	while (memory_nr_pinned(&mems[2]) ||
	       iommufd_map_split(map, AT(2) + 6 * PG) == -EBUSY)
		sched_yield();
	start(&r);
	require(!finish(&r));
	mmap_write_unlock(&mm);
	require(!finish(&m));
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	require(!unmap_at(AT(2), AT(2) + 8 * PG - 1));
	iommufd_store_put(fixed_store);
	end();
}

/* As a page whose lock user space keeps: one of FUSE */
static void unpin_gate(struct memory *mem)
{
	if (mem == &mems[2] && sem_trywait(&unpin_closed) == 0) {
		sem_post(&entered);
		sem_wait(&opened);
	}
}

static void unused_pins_while_a_page_is_locked(void)
{
	struct work m = { .call = call_map_fixed_and_paid };
	struct work r = { .call = call_revoke };

	begin("nor while it waits for the lock of a page");
	make_fixed_store();
	sem_init(&unpin_closed, 0, 1);
	mems[2].on_unpin = unpin_gate;
	m.iova = (unsigned long)process_account();
	require(!attach(0));
	close_gate(&mems[2]);
	start(&m);
	wait_until_blocked();
	detach(0);
	open_gate();
	wait_until_blocked();		/* in the unpin */
	start(&r);
	require(!finish(&r));
	open_gate();
	require(!finish(&m));
	require(!unmap_at(AT(2), AT(2) + 8 * PG - 1));
	iommufd_store_put(fixed_store);
	end();
}

/* What two threads owe to one process is returned once, by either of them */
static void two_who_owe(void)
{
	struct work d = { .call = call_detach, .fake = &fakes[0] };
	struct work u = { .call = call_unmap, .iova = AT(4), .last = END(4) };
	struct iommufd_account *account;

	begin("two who owe charges to one process return all of them");
	account = process_account();
	require(!attach(0));
	require(!map_paid(2, iommufd_account_get(account)));
	require(!map_paid(4, account));
	mmap_write_lock(&mm);
	start(&u);
	while (memory_nr_pinned(&mems[4]))
		sched_yield();
	start(&d);
	while (memory_nr_pinned(&mems[2]))
		sched_yield();
	mmap_write_unlock(&mm);
	require(!finish(&d));
	require(!finish(&u));
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	/* What is owed must not count against the next charge */
	main_task.memlock_bytes = 4 * PG;
	require(!attach(1));
	map_is(6, 0);
	detach(1);
	end();
}

/* A detach that has to wait has returned what it owes */
static void owed_by_a_detach_that_waits(void)
{
	struct work d = { .call = call_detach, .fake = &fakes[0] };
	struct work m = { .call = call_map, .mem = &mems[4], .iova = AT(4) };
	struct iommufd_account *one, *two;

	begin("and not while a detach waits for the next area");
	one = process_account();
	two = process_account();
	require(!attach(0));
	require(!map_paid(2, iommufd_account_get(one)));
	require(!map_paid(6, one));
	close_gate(&fakes[0]);
	start(&m);			/* its driver is slow */
	wait_until_blocked();
	start(&d);			/* is done with area 2, and waits for 4 */
	wait_until_waiting(1);
	require(mm.locked_vm == 4);
	unmap_is(6, 0);
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	main_task.memlock_bytes = PG;
	require(!iommufd_account_charge(two, 1));
	open_gate();
	require(!finish(&m));
	require(!finish(&d));
	iommufd_account_uncharge(two, 1);
	iommufd_account_put(two);
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	end();
}

static void owed_does_not_count(void)
{
	struct iommufd_account *account;
	struct iommufd_refunds refunds = {}, more = {};

	begin("what is owed does not count against the limit");
	account = process_account();
	main_task.memlock_bytes = 4 * PG;
	require(!iommufd_account_charge(account, 4));
	require(iommufd_account_charge(account, 1) == -ENOMEM);
	iommufd_account_owe(account, 2, &refunds);
	iommufd_account_owe(account, 1, &more);
	require(!iommufd_account_charge(account, 3));
	require(iommufd_account_charge(account, 1) == -ENOMEM);
	iommufd_refunds_settle(&refunds);
	iommufd_account_owe(account, 4, &more);
	iommufd_refunds_settle(&more);
	require(!iommufd_refunds_pending(&more));
	require(!mm.locked_vm && !mm.pinned_vm.counter);
	iommufd_account_put(account);
	end();
}

/* An account can be the first of any number of tasks, and another one of one */
static void owed_to_several_accounts(void)
{
	struct iommufd_account *account[3];
	struct iommufd_refunds refunds[2] = {};
	unsigned int i, round;

	begin("what tasks owe to several accounts is returned once");
	for (i = 0; i < 3; i++)
		account[i] = process_account();
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 3; i++)
			require(!iommufd_account_charge(account[i], 10));
		for (i = 0; i < 6; i++) {
			iommufd_account_owe(account[i % 3], 2, &refunds[0]);
			iommufd_account_owe(account[(i + 1) % 3], 3, &refunds[1]);
		}
		require(mm.locked_vm == 30 && !mm.pinned_vm.counter);
		/* Its first one is charged no more, whoever lists it */
		iommufd_refunds_settle(&refunds[round]);
		require(!iommufd_refunds_pending(&refunds[round]));
		iommufd_refunds_settle(&refunds[!round]);
		require(!mm.locked_vm);
	}
	for (i = 0; i < 3; i++)
		iommufd_account_put(account[i]);
	end();
}

int main(void)
{
	require(!iommufd_map_init());
	drain_while_process_is_locked();
	failed_attach_while_process_is_locked();
	unused_pins_while_process_is_locked();
	unused_pins_while_a_page_is_locked();
	two_who_owe();
	owed_by_a_detach_that_waits();
	owed_does_not_count();
	owed_to_several_accounts();
	iommufd_map_exit();
	return 0;
}
