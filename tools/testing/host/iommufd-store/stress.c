// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads take, walk and release holds of one store, while another one
 * changes who pays.
 * usage: stress [SECONDS]
 *
 * Each page has a frame of its own, so that a page which is pinned twice, or
 * not at all while it is held, is seen at once. Locking errors are seen by
 * the thread sanitizer.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "store/account.h"
#include "fake.h"
#include "store/store.h"

#define NR_THREADS	4
#define NR_HOLDS	4
#define NPAGES		1900UL
#define SKEW		300
#define FIRST_PFN	0x5000UL

static struct iommufd_store *store;

/* The first pays as a process, the others as one user. */
#define NR_PAYERS	3
static struct iommufd_account *accounts[NR_PAYERS];
static struct mm_struct mms[NR_PAYERS];
static struct user_struct user;
static struct task_struct payers[NR_PAYERS];
static unsigned long nr_changes;
static unsigned long page_of[NPAGES];	/* by frame */
static unsigned long frame_of[NPAGES];	/* by page */
static int pinned[NPAGES];		/* by frame */
static unsigned long nr_holds, nr_failed;
static time_t end;

static __thread unsigned long random_state;

static unsigned long next_random(unsigned long n)
{
	random_state = random_state * 6364136223846793005UL +
		       1442695040888963407UL;
	return (random_state >> 33) % n;
}

static int stress_pin(const struct iommufd_backing *backing,
		      unsigned long first, unsigned int npages,
		      struct page **pages)
{
	unsigned int i;

	require(host_locks_held == 1);
	if (!next_random(30))
		return -EFAULT;
	for (i = 0; i < npages; i++) {
		unsigned long frame = frame_of[first + i];

		require(!__atomic_exchange_n(&pinned[frame], 1, __ATOMIC_RELAXED));
		pages[i] = pfn_to_page(FIRST_PFN + frame);
	}
	if (!next_random(4))
		sched_yield();
	return 0;
}

static void stress_unpin(const struct iommufd_backing *backing,
			 unsigned long pfn, unsigned long npages)
{
	for (; npages; npages--, pfn++)
		require(__atomic_exchange_n(&pinned[pfn - FIRST_PFN], 0,
					    __ATOMIC_RELAXED));
}

static const struct iommufd_pin_ops stress_pin_ops = {
	.pin = stress_pin,
	.unpin = stress_unpin,
};

static void walk(const struct iommufd_hold *hold, unsigned long first,
		 unsigned long last)
{
	struct iommufd_run_iter iter;
	struct iommu_run runs[16];
	unsigned int i, nr;
	unsigned long page = first, pfn;

	iommufd_run_iter_init(&iter, store, hold, (u64)first << PAGE_SHIFT,
			      (u64)(last - first + 1) << PAGE_SHIFT);
	while ((nr = iommufd_run_iter_next(&iter, runs, ARRAY_SIZE(runs)))) {
		for (i = 0; i < nr; i++) {
			for (pfn = PHYS_PFN(runs[i].phys);
			     pfn < PHYS_PFN(runs[i].phys + runs[i].len); pfn++) {
				require(page_of[pfn - FIRST_PFN] == page++);
				require(__atomic_load_n(&pinned[pfn - FIRST_PFN],
							__ATOMIC_RELAXED));
			}
		}
	}
	require(page == last + 1);
}

struct live {
	struct iommufd_hold hold;
	unsigned long first;
	unsigned long last;
	bool used;
};

static void one_step(struct live *live)
{
	int err;

	if (live->used) {
		walk(&live->hold, live->first, live->last);
		iommufd_store_release(store, &live->hold);
		live->used = false;
		return;
	}
	live->first = next_random(NPAGES);
	live->last = min(live->first + next_random(700), NPAGES - 1);
	err = iommufd_store_hold(store, &live->hold, live->first, live->last);
	require(!err || err == -EFAULT);
	live->used = !err;
	if (err)
		__atomic_add_fetch(&nr_failed, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&nr_holds, 1, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct live live[NR_HOLDS] = {};
	struct task_struct task = {
		.group_leader = &task,
		.mm = &mms[0],
		.user = &user,
	};
	unsigned int i;

	host_current = &task;
	random_state = (unsigned long)arg;
	while (time(NULL) < end)
		one_step(&live[next_random(NR_HOLDS)]);
	for (i = 0; i < NR_HOLDS; i++)
		if (live[i].used)
			iommufd_store_release(store, &live[i].hold);
	return NULL;
}

static void *transfer_charges(void *arg)
{
	unsigned long prepaid;
	bool shared;

	host_current = &payers[0];
	random_state = (unsigned long)arg;
	for (; time(NULL) < end; nr_changes++) {
		struct iommufd_account *to = accounts[next_random(NR_PAYERS)];

		prepaid = iommufd_store_charge_of(store, to, &shared);
		require(!iommufd_account_charge(to, prepaid));
		iommufd_store_change_account(store, to, &prepaid);
		iommufd_account_uncharge(to, prepaid);
	}
	return NULL;
}

static void create_payers(void)
{
	unsigned int i;

	for (i = 0; i < NR_PAYERS; i++) {
		payers[i].group_leader = &payers[i];
		payers[i].mm = &mms[i];
		payers[i].user = &user;
		payers[i].memlock_bytes = 1UL << 60;
		host_current = &payers[i];
		accounts[i] = iommufd_account_create(i ?
						     IOMMUFD_ACCOUNT_USER :
						     IOMMUFD_ACCOUNT_PROCESS);
		require(!IS_ERR(accounts[i]));
	}
}

static void free_payers(void)
{
	unsigned int i;

	require(!atomic_long_read(&user.locked_vm));
	for (i = 0; i < NR_PAYERS; i++) {
		require(!mms[i].locked_vm && !atomic64_read(&mms[i].pinned_vm));
		iommufd_account_put(accounts[i]);
	}
}

/* Runs of a few pages, in random order. */
static void lay_out(void)
{
	unsigned long i, n, frame = 0;

	for (i = 0; i < NPAGES; i += n) {
		n = min(i < 500 ? 500 : 1 + next_random(5), NPAGES - i);
		for (unsigned long k = 0; k < n; k++)
			frame_of[i + k] = NPAGES - i - n + k;
	}
	for (i = 0; i < NPAGES; i++) {
		frame = frame_of[i];
		page_of[frame] = i;
	}
}

int main(int argc, char **argv)
{
	struct iommufd_backing backing = {
		.ops = &stress_pin_ops,
		.start_bytes = SKEW << PAGE_SHIFT,
	};
	pthread_t threads[NR_THREADS], changer;
	unsigned long i;

	end = time(NULL) + (argc > 1 ? atol(argv[1]) : 5);
	/* A loop without end is a failure, too. */
	alarm(4 * (end - time(NULL)) + 120);
	create_payers();
	lay_out();
	store = iommufd_store_create(&backing, iommufd_account_get(accounts[0]),
				     NPAGES, 0);
	require(!IS_ERR(store));
	for (i = 0; i < NR_THREADS; i++)
		require(!pthread_create(&threads[i], NULL, run, (void *)(i + 1)));
	require(!pthread_create(&changer, NULL, transfer_charges,
				(void *)(i + 1)));
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(changer, NULL);

	for (i = 0; i < NPAGES; i++)
		require(!pinned[i]);
	iommufd_store_put(store);
	free_payers();
	require(!host_slab_objects);
	printf("# holds %lu, failed %lu, changes of the payer %lu\n", nr_holds,
	       nr_failed, nr_changes);
	require(nr_holds && nr_failed && nr_changes);
	printf("ok 1 iommufd-store stress: %d threads\n", NR_THREADS);
	return 0;
}
