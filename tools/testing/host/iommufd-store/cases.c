// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the KUnit suite of the page store cannot have: what it costs in memory, killed
 * tasks, and limits of processes and users. tests/store_test.c has all the rest.
 */
#include "store/account.h"
#include "fake.h"
#include "store/store.h"

static struct mm_struct mm;
static struct user_struct user;
static struct task_struct task = {
	.group_leader = &task,
	.mm = &mm,
	.user = &user,
};

#define ALL(mem)	0, (mem)->npages - 1

static void release(struct fake_memory *mem, struct iommufd_store *store,
		    struct iommufd_hold *hold)
{
	unsigned long page, first = hold->first, last = hold->last;

	iommufd_store_release(store, hold);
	for (page = first; page <= last; page++)
		fake_expect_unpinned(mem, page);
	for (page = first; page <= last; page++)
		fake_check_page(mem, page);
}

/* Memory cost */

static unsigned long contiguous(unsigned long page)
{
	return FAKE_LOW_PFN + page;
}

/* Huge pages in descending order: no two are one run. */
static unsigned long huge(unsigned long page)
{
	return FAKE_LOW_PFN + (FAKE_WINDOW / 512 - 1 - page / 512) * 512 + page % 512;
}

static unsigned long scattered(unsigned long page)
{
	return FAKE_LOW_PFN + (page * 0x9e375UL) % FAKE_WINDOW;
}

static void lay_out(struct fake_memory *mem, unsigned long (*pfn_of)(unsigned long))
{
	unsigned long page;

	for (page = 0; page < mem->npages; page++)
		mem->pfns[page] = pfn_of(page);
}

struct cost {
	const char *what;
	unsigned long npages;
	unsigned long (*pfn_of)(unsigned long page);
	long max_objects;		/* allocations, the store included */
	double max_per_page_bytes;	/* the store included, if not 0 */
	double max_per_huge_bytes;	/* without the store, if not 0 */
};

static const struct cost costs[] = {
	{ "one page",		1,		contiguous,	1, 256, 0 },
	{ "64K, scattered",	16,		scattered,	2, 0, 0 },
	{ "64K, contiguous",	16,		contiguous,	1, 0, 0 },
	{ "2M, scattered",	512,		scattered,	2, 8.25, 0 },
	{ "4M, scattered",	1024,		scattered,	3, 8.25, 0 },
	{ "64M, scattered",	16384,		scattered,	0, 8.25, 0 },
	{ "512M, scattered",	131072,		scattered,	0, 8.25, 0 },
	{ "2G, scattered",	524288,		scattered,	0, 8.25, 0 },
	{ "2M, huge",		512,		huge,		1, 0, 64 },
	{ "64M, huge",		16384,		huge,		2, 0, 64 },
	{ "512M, huge",		131072,		huge,		2, 0, 64 },
	{ "2G, huge",		524288,		huge,		0, 0, 64 },
};

static void test_cost(const struct cost *cost)
{
	long store_bytes, bytes, objects;
	struct iommufd_store *store;
	struct iommufd_hold hold;
	struct fake_memory mem;
	double per_page, per_huge;

	fake_init(&mem, cost->npages, 0);
	lay_out(&mem, cost->pfn_of);
	store = fake_store(&mem, NULL, 0);
	store_bytes = host_slab_bytes;
	require(!iommufd_store_hold(store, &hold, ALL(&mem)));
	bytes = host_slab_bytes;
	objects = host_slab_objects;

	per_page = (double)bytes / cost->npages;
	per_huge = (double)(bytes - store_bytes) * 512 / cost->npages;
	printf("# %-16s %9ld bytes %6ld pieces", cost->what, bytes, objects);
	if (cost->pfn_of == huge)
		printf(" %6.2f per 2M beyond the store\n", per_huge);
	else
		printf(" %6.2f per page\n", per_page);
	require(!cost->max_objects || objects <= cost->max_objects);
	require(!cost->max_per_page_bytes || per_page <= cost->max_per_page_bytes);
	require(!cost->max_per_huge_bytes || per_huge <= cost->max_per_huge_bytes);

	release(&mem, store, &hold);
	iommufd_store_put(store);
	fake_destroy(&mem);
	require(!host_slab_bytes);
}

/* What is not pinned costs next to nothing, however large it is. */
static void test_empty_store(void)
{
	struct iommufd_backing backing = { .ops = &fake_pin_ops };
	struct iommufd_store *store;

	store = iommufd_store_create(&backing, NULL, 1UL << 45, 0);
	require(!IS_ERR(store) && host_slab_bytes <= 256);
	iommufd_store_put(store);
	require(!host_slab_bytes);
}

/* Pages that another hold has pinned already, so that nothing is to be pinned */
static void test_killed_task(void)
{
	struct iommufd_store *store;
	struct iommufd_hold all, more;
	struct fake_memory mem;

	fake_init(&mem, 1000, 0);
	lay_out(&mem, scattered);
	store = fake_store(&mem, NULL, 0);
	require(!iommufd_store_hold(store, &all, ALL(&mem)));
	task.dying = true;
	require(iommufd_store_hold(store, &more, 10, 900) == -EINTR);
	task.dying = false;
	require(iommufd_store_pinned_pages(store) == 1000);
	release(&mem, store, &all);
	iommufd_store_put(store);
	fake_destroy(&mem);
}

/* Accounting */

struct limit_case {
	enum iommufd_account_mode mode;
	unsigned long limit_pages;
	int err;
};

static const struct limit_case limit_cases[] = {
	{ IOMMUFD_ACCOUNT_USER,		100,	0 },
	{ IOMMUFD_ACCOUNT_USER,		99,	-ENOMEM },
	{ IOMMUFD_ACCOUNT_USER,		0,	-ENOMEM },
	{ IOMMUFD_ACCOUNT_PROCESS,	100,	0 },
	{ IOMMUFD_ACCOUNT_PROCESS,	99,	-ENOMEM },
	{ IOMMUFD_ACCOUNT_UNLIMITED,	0,	0 },
};

static void test_limit(const struct limit_case *c)
{
	struct iommufd_account *account;
	struct iommufd_store *store;
	struct iommufd_hold hold;
	struct fake_memory mem;
	long charged;

	task.may_lock = c->mode == IOMMUFD_ACCOUNT_UNLIMITED;
	task.memlock_bytes = c->limit_pages << PAGE_SHIFT;
	account = iommufd_account_create(task.may_lock ? IOMMUFD_ACCOUNT_USER :
					 c->mode);
	require(account->mode == c->mode);
	fake_init(&mem, 100, 0);
	lay_out(&mem, scattered);
	store = fake_store(&mem, account, 0);
	require(iommufd_store_hold(store, &hold, ALL(&mem)) == c->err);
	charged = c->err ? 0 : 100;
	require(mem.nr_pin_calls == (c->err ? 0 : 1));
	require(atomic64_read(&mm.pinned_vm) == charged);
	require(atomic_long_read(&user.locked_vm) ==
		(c->mode == IOMMUFD_ACCOUNT_USER ? charged : 0));
	require(mm.locked_vm ==
		(c->mode == IOMMUFD_ACCOUNT_PROCESS ? charged : 0));
	if (!c->err)
		release(&mem, store, &hold);
	require(!atomic64_read(&mm.pinned_vm) && !mm.locked_vm &&
		!atomic_long_read(&user.locked_vm));
	iommufd_store_put(store);
	iommufd_account_put(account);
	fake_destroy(&mem);
	task.may_lock = false;
}

/* One account per process and mode, a new one when anything differs. */
static void test_slot(void)
{
	struct task_struct other = { .group_leader = &other, .user = &user };
	struct iommufd_account *first, *second;
	struct iommufd_account_slot slot;
	struct mm_struct other_mm = {};

	other.mm = &other_mm;
	iommufd_account_slot_init(&slot);
	first = iommufd_account_slot_get(&slot, IOMMUFD_ACCOUNT_USER);
	second = iommufd_account_slot_get(&slot, IOMMUFD_ACCOUNT_USER);
	require(first == second);
	iommufd_account_put(second);

	second = iommufd_account_slot_get(&slot, IOMMUFD_ACCOUNT_PROCESS);
	require(first != second && second->mode == IOMMUFD_ACCOUNT_PROCESS);
	iommufd_account_put(second);

	host_current = &other;
	second = iommufd_account_slot_get(&slot, IOMMUFD_ACCOUNT_PROCESS);
	require(second->mm == &other_mm && second->task == &other);
	iommufd_account_put(second);
	other.may_lock = true;
	second = iommufd_account_slot_get(&slot, IOMMUFD_ACCOUNT_PROCESS);
	require(second->mode == IOMMUFD_ACCOUNT_UNLIMITED);
	iommufd_account_put(second);

	other.mm = NULL;
	require(PTR_ERR(iommufd_account_create(IOMMUFD_ACCOUNT_USER)) == -EINVAL);
	host_current = &task;
	iommufd_account_put(first);
	iommufd_account_slot_clear(&slot);
	require(!mm.users && !user.users && !task.users && !other_mm.users);
}

/* Who pays can change */

static struct mm_struct heir_mm;
static struct user_struct heir_user;

struct change_case {
	enum iommufd_account_mode from, to;
	bool same_user;
	bool same_mm;
	unsigned long limit_pages;	/* of the heir */
	unsigned long prepaid;
};

static const struct change_case change_cases[] = {
	{ IOMMUFD_ACCOUNT_USER, IOMMUFD_ACCOUNT_USER, false, false, 100, 100 },
	{ IOMMUFD_ACCOUNT_USER, IOMMUFD_ACCOUNT_USER, true, false, 100, 0 },
	{ IOMMUFD_ACCOUNT_USER, IOMMUFD_ACCOUNT_UNLIMITED, true, false, 0, 100 },
	{ IOMMUFD_ACCOUNT_UNLIMITED, IOMMUFD_ACCOUNT_USER, true, false, 100, 100 },
	{ IOMMUFD_ACCOUNT_PROCESS, IOMMUFD_ACCOUNT_PROCESS, true, false, 100, 100 },
	{ IOMMUFD_ACCOUNT_PROCESS, IOMMUFD_ACCOUNT_PROCESS, false, true, 100, 0 },
	{ IOMMUFD_ACCOUNT_PROCESS, IOMMUFD_ACCOUNT_USER, true, false, 100, 100 },
};

static struct iommufd_account *account_of(struct task_struct *who,
					  enum iommufd_account_mode mode)
{
	struct iommufd_account *account;

	host_current = who;
	who->may_lock = mode == IOMMUFD_ACCOUNT_UNLIMITED;
	account = iommufd_account_create(mode);
	require(account->mode == mode);
	who->may_lock = false;
	host_current = &task;
	return account;
}

/* Exactly @npages count against @account, and no page against others */
static void require_charged(const struct iommufd_account *account,
			    unsigned long npages)
{
	struct mm_struct *mms[] = { &mm, &heir_mm };
	struct user_struct *users[] = { &user, &heir_user };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		unsigned long n = account->mm == mms[i] ? npages : 0;
		bool process = account->mode == IOMMUFD_ACCOUNT_PROCESS;
		bool by_user = account->mode == IOMMUFD_ACCOUNT_USER;

		require(atomic64_read(&mms[i]->pinned_vm) == n);
		require(mms[i]->locked_vm == (process ? n : 0));
		n = account->user == users[i] ? npages : 0;
		require(atomic_long_read(&users[i]->locked_vm) ==
			(by_user ? n : 0));
	}
}

static void test_change(const struct change_case *c, unsigned long pinned_late,
			unsigned long released_early)
{
	struct task_struct heir = { .group_leader = &heir, .mm = &heir_mm,
				    .user = &heir_user };
	struct iommufd_hold hold, late, early;
	struct iommufd_account *from, *to;
	unsigned long prepaid, first = 100;
	struct iommufd_store *store;
	struct fake_memory mem;
	bool shared = false;

	if (c->same_user)
		heir.user = &user;
	if (c->same_mm)
		heir.mm = &mm;
	task.memlock_bytes = 1000 << PAGE_SHIFT;
	heir.memlock_bytes = c->limit_pages << PAGE_SHIFT;
	from = account_of(&task, c->from);
	to = account_of(&heir, c->to);
	fake_init(&mem, 300, 0);
	lay_out(&mem, scattered);
	store = fake_store(&mem, from, 0);
	require(!iommufd_store_hold(store, &hold, 0, 99 - released_early));
	if (released_early)
		require(!iommufd_store_hold(store, &early,
					    100 - released_early, 99));
	require_charged(from, 100);

	prepaid = iommufd_store_charge_of(store, to, &shared);
	require(prepaid == c->prepaid && shared == !c->prepaid);
	require(!iommufd_account_charge(to, prepaid));
	require(shared ? !iommufd_account_check_limit(to) : 1);

	/* What happens between looking and moving */
	if (released_early)
		release(&mem, store, &early);
	if (pinned_late)
		require(!iommufd_store_hold(store, &late, first,
					    first + pinned_late - 1));
	iommufd_store_change_account(store, to, &prepaid);
	iommufd_account_uncharge(to, prepaid);
	require_charged(to, 100 - released_early + pinned_late);

	/* Once more to the same changes nothing */
	prepaid = 0;
	iommufd_store_change_account(store, to, &prepaid);
	require(!prepaid);
	require_charged(to, 100 - released_early + pinned_late);

	if (pinned_late)
		release(&mem, store, &late);
	release(&mem, store, &hold);
	require_charged(to, 0);
	iommufd_store_put(store);
	iommufd_account_put(from);
	iommufd_account_put(to);
	fake_destroy(&mem);
	require(!mm.users && !user.users && !heir_mm.users && !heir_user.users);
}

static void test_check_limit(void)
{
	struct task_struct heir = { .group_leader = &heir, .mm = &heir_mm,
				    .user = &user };
	struct iommufd_account *from, *to;

	task.memlock_bytes = 100 << PAGE_SHIFT;
	from = account_of(&task, IOMMUFD_ACCOUNT_USER);
	to = account_of(&heir, IOMMUFD_ACCOUNT_USER);
	require(!iommufd_account_charge(from, 100));
	heir.memlock_bytes = 100 << PAGE_SHIFT;
	require(!iommufd_account_check_limit(to));
	heir.memlock_bytes = 99 << PAGE_SHIFT;
	require(iommufd_account_check_limit(to) == -ENOMEM);
	iommufd_account_uncharge(from, 100);
	iommufd_account_put(from);
	iommufd_account_put(to);
}

static void ok(const char *what)
{
	static int nr;

	require(!host_slab_objects && !fake_total_pins && !host_locks_held);
	printf("ok %d iommufd-store cases: %s\n", ++nr, what);
}

int main(void)
{
	unsigned int i;

	host_current = &task;
	for (i = 0; i < ARRAY_SIZE(costs); i++)
		test_cost(&costs[i]);
	ok("memory cost");
	test_empty_store();
	ok("a store costs little before it is pinned");
	test_killed_task();
	ok("a killed task gets no hold");
	for (i = 0; i < ARRAY_SIZE(limit_cases); i++)
		test_limit(&limit_cases[i]);
	ok("limits");
	test_slot();
	ok("accounts are shared within a process");
	for (i = 0; i < ARRAY_SIZE(change_cases); i++) {
		test_change(&change_cases[i], 0, 0);
		test_change(&change_cases[i], 50, 0);
		test_change(&change_cases[i], 0, 30);
		test_change(&change_cases[i], 50, 30);
	}
	ok("another process takes over the charge, whatever is pinned meanwhile");
	test_check_limit();
	ok("one who shares a limit must be within its own");
	return 0;
}
