// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random use of page stores, compared with a trivial model: a count of holds
 * for each page.
 *
 * The input decides what memory looks like, which calls are made, and which
 * allocation, pin, limit or signal goes wrong. While a store pins pages, holds
 * on the same store are released and walked as if by another thread.
 */
#include "store/account.h"
#include "fake.h"
#include "fuzz.h"
#include "store/store.h"

#define NR_STORES	3
#define NR_HOLDS	24
#define NO_LIMIT	(1UL << 60)

struct fuzz_events fuzz_events;

struct live {
	struct iommufd_hold hold;
	unsigned long first;
	unsigned long last;
	bool used;
};

struct subject {
	struct fake_memory mem;
	struct iommufd_store *store;
	bool charged;
	u8 *refs;
	struct live live[NR_HOLDS];
	/* A hold that is being filled covers pages before the current pin. */
	bool filling;
	unsigned long fill_first;
	unsigned long fill_next;
};

struct world {
	const u8 *data;
	size_t left;
	struct subject subjects[NR_STORES];
	struct task_struct task;
	struct mm_struct mm;
	struct user_struct user;
	enum iommufd_account_mode mode;
	struct iommufd_account_slot slot;
	bool interfere;
	bool interfered;
};

/* Input */

static unsigned int take8(struct world *w)
{
	if (!w->left)
		return 0;
	w->left--;
	return *w->data++;
}

static unsigned long take32(struct world *w)
{
	unsigned long v = take8(w);

	v = v << 8 | take8(w);
	v = v << 8 | take8(w);
	return v << 8 | take8(w);
}

static unsigned long take_below(struct world *w, unsigned long n)
{
	return (n <= 256 ? take8(w) : take32(w)) % n;
}

/* The pages of a mapping can be many: derive them from a few bytes. */
static unsigned long next_random(unsigned long *state)
{
	*state = *state * 6364136223846793005UL + 1442695040888963407UL;
	return *state >> 33;
}

/* Memory */

static unsigned long window(unsigned long choice)
{
	return choice & 1 ? FAKE_HIGH_PFN : FAKE_LOW_PFN;
}

enum block_kind {
	BLOCK_HUGE,		/* a huge page */
	BLOCK_NEXT,		/* continues the block before it */
	BLOCK_SCATTERED,
	BLOCK_SWAPPED,		/* contiguous but for two pages inside */
	BLOCK_RUNS,
	BLOCK_MIXED,		/* frames below and above 32 bits */
	NR_BLOCK_KINDS,
};

/* Lay out pages [first, last], which belong to one huge page of memory. */
static void map_block(struct fake_memory *mem, unsigned long first,
		      unsigned long last, enum block_kind kind, unsigned long *rnd)
{
	unsigned long where = window(next_random(rnd) % 8 == 0);
	unsigned long pfn = where + next_random(rnd) % (FAKE_WINDOW / 512) * 512 +
			    ((first + mem->skew) & 511);
	unsigned long i, run = 0;

	if (kind == BLOCK_NEXT && first) {
		pfn = mem->pfns[first - 1] + 1;
		if (pfn + 512 > FAKE_LOW_PFN + FAKE_WINDOW && pfn < FAKE_HIGH_PFN)
			pfn = FAKE_LOW_PFN;
		if (pfn + 512 > FAKE_HIGH_PFN + FAKE_WINDOW)
			pfn = FAKE_HIGH_PFN;
	}
	for (i = first; i <= last; i++, pfn++) {
		if (kind == BLOCK_MIXED)
			where = window(next_random(rnd));
		if (kind == BLOCK_SCATTERED || kind == BLOCK_MIXED)
			pfn = where + next_random(rnd) % FAKE_WINDOW;
		if (kind == BLOCK_RUNS && !run--) {
			run = next_random(rnd) % 32;
			pfn = where + next_random(rnd) % (FAKE_WINDOW - 512);
		}
		mem->pfns[i] = pfn;
	}
	if (kind == BLOCK_SWAPPED && last - first >= 3)
		swap(mem->pfns[first + 1], mem->pfns[last - 1]);
}

static void map_memory(struct world *w, struct fake_memory *mem,
		       unsigned long first, unsigned long last)
{
	unsigned long rnd = take32(w);
	unsigned int kind = take8(w) % (NR_BLOCK_KINDS + 2);
	unsigned long page, end;

	for (page = first; page <= last; page = end) {
		end = min((page + mem->skew + 512) / 512 * 512 - mem->skew,
			  last + 1);
		map_block(mem, page, end - 1, kind < NR_BLOCK_KINDS ? kind :
			  next_random(&rnd) % NR_BLOCK_KINDS, &rnd);
	}
}

/* Model */

static bool is_held(const struct subject *s, unsigned long page)
{
	return s->refs[page] ||
	       (s->filling && s->fill_first <= page && page < s->fill_next);
}

/* Pages of an interval that should not be pinned any more are not. */
static void settle(struct subject *s, unsigned long first, unsigned long last)
{
	unsigned long page;

	for (page = first; page <= last; page++) {
		if (s->mem.pinned[page] && !is_held(s, page))
			fake_expect_unpinned(&s->mem, page);
		require(!is_held(s, page) || s->mem.pinned[page]);
	}
	for (page = first; page <= last; page++)
		fake_check_page(&s->mem, page);
}

static unsigned long charged_pages(struct world *w)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < NR_STORES; i++)
		if (w->subjects[i].charged)
			n += w->subjects[i].mem.nr_pinned;
	return n;
}

static void check_totals(struct world *w)
{
	unsigned long n = 0, charged = charged_pages(w);
	unsigned int i;

	for (i = 0; i < NR_STORES; i++) {
		struct subject *s = &w->subjects[i];

		n += s->mem.nr_pinned;
		if (s->store)
			require(iommufd_store_pinned_pages(s->store) ==
				s->mem.nr_pinned);
	}
	require(fake_total_pins == n);
	require(atomic64_read(&w->mm.pinned_vm) == charged);
	require(atomic_long_read(&w->user.locked_vm) ==
		(w->mode == IOMMUFD_ACCOUNT_USER ? charged : 0));
	require(w->mm.locked_vm ==
		(w->mode == IOMMUFD_ACCOUNT_PROCESS ? charged : 0));
}

/* Calls */

static struct live *pick_live(struct world *w, struct subject *s)
{
	unsigned int i, n = take8(w) % NR_HOLDS;

	for (i = 0; i < NR_HOLDS; i++, n = (n + 1) % NR_HOLDS)
		if (s->live[n].used)
			return &s->live[n];
	return NULL;
}

static void do_release(struct world *w, struct subject *s)
{
	struct live *live = pick_live(w, s);
	unsigned long page, nr_calls = host_slab.nr_calls;

	if (!live)
		return;
	for (page = live->first; page <= live->last; page++)
		s->refs[page]--;
	live->used = false;
	iommufd_store_release(s->store, &live->hold);
	require(host_slab.nr_calls == nr_calls);
	settle(s, live->first, live->last);
	memset(&live->hold, 0xa5, sizeof(live->hold));
	fuzz_events.releases++;
}

static void check_run(struct subject *s, const struct iommu_run *run,
		      u64 *offset_bytes)
{
	u64 at, end = *offset_bytes + run->len;
	phys_addr_t phys = run->phys;

	require(run->len);
	for (at = *offset_bytes; at < end; at = (at | ~PAGE_MASK) + 1) {
		unsigned long pfn = s->mem.pinned_pfns[at >> PAGE_SHIFT];

		require(phys == PFN_PHYS(pfn) + offset_in_page(at));
		phys += PAGE_SIZE - offset_in_page(at);
	}
	*offset_bytes = end;
}

/* Returns whether the store said that it is a single run */
static bool check_single_run(struct subject *s, u64 offset_bytes, u64 end_bytes)
{
	struct iommu_run run;

	if (!iommufd_store_single_run(s->store, offset_bytes,
				      end_bytes - offset_bytes, &run))
		return false;
	require(run.len == end_bytes - offset_bytes);
	check_run(s, &run, &offset_bytes);
	return true;
}

static void do_walk(struct world *w, struct subject *s)
{
	struct iommu_run runs[8], before = {};
	struct live *live = pick_live(w, s);
	u64 offset_bytes, end_bytes, first_bytes, total_bytes;
	unsigned int i, nr, nr_runs = 0, max_runs = 1 + take8(w) % 8;
	struct iommufd_run_iter iter;
	bool single;

	if (!live)
		return;
	first_bytes = (u64)live->first << PAGE_SHIFT;
	total_bytes = ((u64)live->last + 1 - live->first) << PAGE_SHIFT;
	offset_bytes = first_bytes + take32(w) % total_bytes;
	end_bytes = offset_bytes +
		    take32(w) % (first_bytes + total_bytes - offset_bytes + 1);

	single = offset_bytes < end_bytes &&
		 check_single_run(s, offset_bytes, end_bytes);
	iommufd_run_iter_init(&iter, s->store, &live->hold, offset_bytes,
			      end_bytes - offset_bytes);
	for (;;) {
		nr = iommufd_run_iter_next(&iter, runs, max_runs);
		if (!nr)
			break;
		require(nr <= max_runs);
		nr_runs += nr;
		for (i = 0; i < nr; i++) {
			require(!before.len || before.phys + before.len != runs[i].phys);
			check_run(s, &runs[i], &offset_bytes);
			before = runs[i];
		}
		require(offset_bytes == end_bytes || nr == max_runs);
	}
	require(offset_bytes == end_bytes);
	require(!single || nr_runs == 1);
	fuzz_events.single_runs += single;
	fuzz_events.walks++;
}

static void interfere(void *data, unsigned long first, unsigned int npages)
{
	struct world *w = data;
	struct subject *s = w->subjects;
	unsigned int action, held = host_locks_held;

	while (!s->filling)
		s++;
	s->fill_next = first;
	if (!w->interfere)
		return;
	action = take8(w);
	if (action % 4 == 0) {
		w->interfered = true;
		do_release(w, s);
		fuzz_events.releases_while_pinning++;
	} else if (action % 4 == 1) {
		do_walk(w, s);
	}
	require(host_locks_held == held);
}

static void pick_range(struct world *w, unsigned long npages,
		       unsigned long *first, unsigned long *last)
{
	unsigned int how = take8(w) % 8;
	unsigned long n = how < 3 ? 1 + take8(w) % 20 :
			  how < 6 ? 1 + take32(w) % 1200 : npages;

	*first = how == 7 ? 0 : take_below(w, npages);
	*last = min(*first + n, npages) - 1;
}

struct faults {
	bool limited;
	unsigned long room;
};

static void arm_faults(struct world *w, struct subject *s, struct faults *f)
{
	unsigned int kind = take8(w) % 16;

	memset(f, 0, sizeof(*f));
	host_slab.nr_calls = 0;
	host_slab.failed = false;
	s->mem.nr_pin_calls = 0;
	s->mem.failed = false;
	if (kind == 0) {
		host_slab.fail_at = 1 + take8(w) % 8;
	} else if (kind == 1 || kind == 2) {
		s->mem.fail_at = 1 + take8(w) % 8;
		s->mem.fail_errno = kind == 1 ? -EFAULT : -ENOMEM;
	} else if (kind == 3) {
		w->task.dying = true;
	} else if (kind == 4 && s->charged &&
		   w->mode != IOMMUFD_ACCOUNT_UNLIMITED) {
		f->limited = true;
		f->room = take8(w) & 1 ? take8(w) % 16 : take32(w) % 2048;
		w->task.memlock_bytes = (charged_pages(w) + f->room) << PAGE_SHIFT;
	}
}

static void disarm_faults(struct world *w, struct subject *s)
{
	host_slab.fail_at = 0;
	s->mem.fail_at = 0;
	w->task.dying = false;
	w->task.memlock_bytes = NO_LIMIT;
}

static void check_result(struct world *w, struct subject *s, int err,
			 const struct faults *f, unsigned long needed)
{
	if (w->task.dying) {
		require(err == -EINTR && !s->mem.nr_pin_calls);
		fuzz_events.signals++;
	} else if (host_slab.failed) {
		require(err == -ENOMEM);
		fuzz_events.failed_allocs++;
	} else if (s->mem.failed) {
		require(err == s->mem.fail_errno);
		fuzz_events.failed_pins++;
	} else if (f->limited && needed > f->room) {
		require(err == -ENOMEM && !s->mem.nr_pin_calls);
		fuzz_events.over_limit++;
	} else if (f->limited && w->interfered) {
		require(!err || err == -ENOMEM);
	} else {
		require(!err);
	}
}

static void do_hold(struct world *w, struct subject *s)
{
	unsigned long first, last, page, needed = 0;
	struct live *live = NULL;
	struct faults faults;
	unsigned int i;
	int err;

	for (i = 0; i < NR_HOLDS; i++)
		if (!s->live[i].used)
			live = &s->live[i];
	if (!live)
		return;
	pick_range(w, s->mem.npages, &first, &last);
	for (page = first; page <= last; page++)
		needed += !s->refs[page];
	w->interfere = take8(w) % 3 == 0;
	w->interfered = false;
	arm_faults(w, s, &faults);

	s->filling = true;
	s->fill_first = first;
	s->fill_next = first;
	err = iommufd_store_hold(s->store, &live->hold, first, last);
	s->filling = false;
	check_result(w, s, err, &faults, needed);
	disarm_faults(w, s);

	if (!err) {
		live->used = true;
		live->first = first;
		live->last = last;
		for (page = first; page <= last; page++)
			s->refs[page]++;
		fuzz_events.holds++;
	} else if (s->mem.nr_pin_calls > 1) {
		fuzz_events.rollbacks++;
	}
	settle(s, first, last);
}

static void do_remap(struct world *w, struct subject *s)
{
	unsigned long first, last;

	pick_range(w, s->mem.npages, &first, &last);
	map_memory(w, &s->mem, first, last);
}

/* World */

static void make_subject(struct world *w, struct subject *s)
{
	static const unsigned long sizes[] = {
		1, 1, 2, 3, 15, 16, 17, 40, 511, 512, 513, 1023, 1024, 1025,
		1536, 1537, 5000, 512 * 512 + 700
	};
	unsigned long npages = sizes[take8(w) % (ARRAY_SIZE(sizes) - 1)];
	struct iommufd_account *account = NULL;
	unsigned int how = take8(w);

	/* Seldom, as it takes long: a store that needs a directory. */
	if (how >= 252)
		npages = sizes[ARRAY_SIZE(sizes) - 1];
	fake_init(&s->mem, npages, how & 1 ? take32(w) % 512 : 0);
	s->mem.on_pin = interfere;
	s->mem.on_pin_data = w;
	s->refs = calloc(npages, 1);
	if (!s->refs)
		abort();
	map_memory(w, &s->mem, 0, npages - 1);

	s->charged = how & 6;
	if (s->charged)
		account = iommufd_account_slot_get(&w->slot, w->mode);
	require(!IS_ERR(account));
	s->store = fake_store(&s->mem, account, take8(w) << 4);
	require(!IS_ERR(s->store));
	iommufd_account_put(account);
}

static void drop_subject(struct world *w, struct subject *s)
{
	unsigned int i;

	for (i = 0; i < NR_HOLDS; i++) {
		if (!s->live[i].used)
			continue;
		iommufd_store_release(s->store, &s->live[i].hold);
	}
	memset(s->refs, 0, s->mem.npages);
	settle(s, 0, s->mem.npages - 1);
	require(!s->mem.nr_pinned);
	iommufd_store_put(s->store);
	s->store = NULL;
	fake_destroy(&s->mem);
	free(s->refs);
}

static void check_nothing_left(struct world *w)
{
	check_totals(w);
	require(!fake_total_pins);
	require(!host_slab_objects && !host_slab_bytes);
	require(!host_locks_held);
	require(!w->task.users && !w->mm.users && !w->user.users);
}

void fuzz_one(const u8 *data, size_t size)
{
	static struct world world;
	struct world *w = &world;
	unsigned int i, what;

	memset(w, 0, sizeof(*w));
	w->data = data;
	w->left = size;
	w->task.group_leader = &w->task;
	w->task.mm = &w->mm;
	w->task.user = &w->user;
	w->task.memlock_bytes = NO_LIMIT;
	w->mode = take8(w) % 3;
	w->task.may_lock = w->mode == IOMMUFD_ACCOUNT_UNLIMITED;
	host_current = &w->task;
	iommufd_account_slot_init(&w->slot);
	for (i = 0; i < NR_STORES; i++)
		make_subject(w, &w->subjects[i]);

	while (w->left) {
		struct subject *s;

		what = take8(w);
		s = &w->subjects[what / 64 % NR_STORES];
		what %= 16;
		if (what < 7)
			do_hold(w, s);
		else if (what < 11)
			do_release(w, s);
		else if (what < 15)
			do_walk(w, s);
		else
			do_remap(w, s);
		check_totals(w);
	}

	for (i = 0; i < NR_STORES; i++)
		drop_subject(w, &w->subjects[i]);
	iommufd_account_slot_clear(&w->slot);
	check_nothing_left(w);
	fuzz_events.huge_pins = fake_huge_pins;
	fuzz_events.worlds++;
}
