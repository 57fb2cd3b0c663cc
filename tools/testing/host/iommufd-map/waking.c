// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is woken, and what is true after a wait. A task that is not woken, or
 * waits for what it should not, runs into the alarm.
 */
#include <signal.h>
#include <sys/wait.h>

#include <linux/iommufd.h>

#include "gates.h"

/* For a domain that is half way through an attach */
#include "map/domain.c"

/* Users in the kernel */

/**
 * struct pinner - a user that pins one range
 * @user: the map's side
 * @iova: first IOVA of the range
 * @has_pin: it is pinned
 * @keeps: do not unpin when asked
 * @is_slow: it knows of its pin only when it was asked for it
 * @nr_asked: how often it was asked
 */
struct pinner {
	struct iommufd_map_user *user;
	unsigned long iova;
	bool has_pin;
	bool keeps;
	bool is_slow;
	unsigned int nr_asked;
};

static struct pinner pinner;

static void unpin_now(void)
{
	WRITE_ONCE(pinner.has_pin, false);
	iommufd_map_unpin(pinner.user, pinner.iova, 4 * PG);
}

static void asked_to_unpin(void *data, unsigned long iova,
			   unsigned long length_bytes)
{
	require(!host_locks_held);
	require(iova == pinner.iova && length_bytes == 4 * PG);
	__atomic_add_fetch(&pinner.nr_asked, 1, __ATOMIC_SEQ_CST);
	if (READ_ONCE(pinner.has_pin) && !READ_ONCE(pinner.keeps))
		unpin_now();
}

static const struct iommufd_access_ops pinner_ops = {
	.unmap = asked_to_unpin,
};

static void join(unsigned long iova)
{
	memset(&pinner, 0, sizeof(pinner));
	pinner.iova = iova;
	pinner.user = iommufd_map_add_user(map, &pinner_ops, NULL);
	require(!IS_ERR(pinner.user));
}

static void leave(void)
{
	require(!iommufd_map_remove_user(pinner.user, false));
	iommufd_map_user_put(pinner.user);
}

static int call_pin(struct work *work)
{
	int err = iommufd_map_pin(pinner.user, pinner.iova, 4 * PG, NULL, 0);

	while (pinner.is_slow && !READ_ONCE(pinner.nr_asked))
		sched_yield();
	if (!err)
		WRITE_ONCE(pinner.has_pin, true);
	return err;
}

static int call_leave(struct work *work)
{
	return iommufd_map_remove_user(pinner.user, work->last);
}

static int call_cut(struct work *work)
{
	return iommufd_map_split(map, work->iova);
}

static void pin_that_ends_while_unmap_waits(void)
{
	struct work p = { .call = call_pin };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };

	begin("a user is asked for a pin that succeeds while an unmap waits for it");
	map_is(2, 0);
	join(AT(2));
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	require(!pinner.nr_asked);
	open_gate();
	require(!finish(&p));
	require(!finish(&u));
	require(pinner.nr_asked && !memory_nr_pinned(&mems[2]));
	leave();
	end();
}

static void pin_that_ends_while_cut_waits(void)
{
	struct work p = { .call = call_pin };
	struct work c = { .call = call_cut, .iova = AT(2) + PG };
	struct iommufd_map_stats stats;

	begin("and while a split waits for it");
	require(!iommufd_map_set_huge_pages(map, false));
	map_is(2, 0);
	join(AT(2));
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&c);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&p));
	require(!finish(&c));
	iommufd_map_stats(map, &stats);
	require(pinner.nr_asked && stats.nr_areas == 2);
	leave();
	end();
}

static void pin_that_ends_while_user_leaves(bool must)
{
	struct work p = { .call = call_pin };
	struct work l = { .call = call_leave, .last = must };

	begin(must ? "or must leave, and is asked again" : "and while the user leaves");
	map_is(2, 0);
	join(AT(2));
	pinner.is_slow = must;
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&l);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&p));
	require(!finish(&l));
	require(!memory_nr_pinned(&mems[2]));
	iommufd_map_user_put(pinner.user);
	end();
}

static void pin_that_fails_while_unmap_waits(void)
{
	struct work p = { .call = call_pin };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };

	begin("an unmap goes on when the pin that it waits for fails");
	map_is(2, 0);
	join(AT(2));
	mems[2].fail_pin = 1;
	mems[2].fail_errno = -EFAULT;
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	open_gate();
	require(finish(&p) == -EFAULT);
	require(!finish(&u));
	leave();
	end();
}

/* Wake those who wait, and wait until one of them waits again */
static void wake_once(void)
{
	unsigned long before = READ_ONCE(host_waits);

	mutex_lock(&map->lock);
	iommufd_map_wake(map);
	mutex_unlock(&map->lock);
	while (READ_ONCE(host_waits) == before)
		sched_yield();
}

static void wake_until_done(struct work *work)
{
	while (!READ_ONCE(work->done)) {
		mutex_lock(&map->lock);
		iommufd_map_wake(map);
		mutex_unlock(&map->lock);
		sched_yield();
	}
}

static void gives_up_although_woken(void)
{
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };
	struct work c = { .call = call_cut, .iova = AT(2) + PG };
	unsigned int i;

	begin("an unmap gives up on a user in time, however often it is woken");
	require(!iommufd_map_set_huge_pages(map, false));
	map_is(2, 0);
	join(AT(2));
	pinner.keeps = true;
	require(!call_pin(NULL));
	host_speed = 20;
	start(&u);
	wake_until_done(&u);
	require(finish(&u) == -EDEADLOCK && pinner.nr_asked > 10);
	start(&c);
	wake_until_done(&c);
	require(finish(&c) == -EDEADLOCK);
	host_speed = 1;
	pinner.keeps = false;
	unmap_is(2, 0);
	leave();
	end();

	begin("and asks it no more often for that");
	map_is(2, 0);
	join(AT(2));
	pinner.keeps = true;
	require(!call_pin(NULL));
	host_speed = 0;		/* time stands still */
	start(&u);
	wait_until_waiting(1);
	for (i = 0; i < 50; i++)
		wake_once();
	require(pinner.nr_asked == 1);
	pinner.keeps = false;
	unpin_now();
	require(!finish(&u));
	host_speed = 1;
	leave();
	end();
}

/* A user whose unmap op lets the pin of another one come to its end */

static struct work late_pin = { .call = call_pin };
static struct iommufd_map_user *first_user;
static bool first_has_pin;

static void first_is_asked(void *data, unsigned long iova,
			   unsigned long length_bytes)
{
	if (!first_has_pin)
		return;
	open_gate();
	require(!finish(&late_pin));
	first_has_pin = false;
	iommufd_map_unpin(first_user, AT(2), PG);
}

static const struct iommufd_access_ops first_ops = {
	.unmap = first_is_asked,
};

static void pin_that_ends_while_another_is_asked(void)
{
	begin("a pin that succeeds while another user is asked is asked for, too");
	map_is(2, 0);
	join(AT(2));		/* looked at first, when it has no pin yet */
	first_user = iommufd_map_add_user(map, &first_ops, NULL);
	require(!IS_ERR(first_user));
	require(!iommufd_map_pin(first_user, AT(2), PG, NULL, 0));
	first_has_pin = true;
	close_gate(&mems[2]);
	start(&late_pin);
	wait_until_blocked();
	host_speed = 0;
	unmap_is(2, 0);
	host_speed = 1;
	require(pinner.nr_asked == 1);
	require(!iommufd_map_remove_user(first_user, false));
	iommufd_map_user_put(first_user);
	leave();
	end();
}

/* Users are asked for what they have pinned, pin by pin */

static const struct {
	unsigned long first;
	unsigned long npages;
} piecewise[] = { { 0, 2 }, { 1, 3 }, { 1, 3 }, { 3, 1 }, { 6, 2 } };

static struct iommufd_map_user *piecewise_user;
static bool piece_is_pinned[ARRAY_SIZE(piecewise)];
static unsigned int nr_pieces_asked;

static void asked_for_a_piece(void *data, unsigned long iova,
			      unsigned long length_bytes)
{
	unsigned int i, nr = 0;

	nr_pieces_asked++;
	for (i = 0; i < ARRAY_SIZE(piecewise); i++) {
		if (iova != AT(2) + piecewise[i].first * PG ||
		    length_bytes != piecewise[i].npages * PG ||
		    !piece_is_pinned[i])
			continue;
		piece_is_pinned[i] = false;
		iommufd_map_unpin(piecewise_user, iova, length_bytes);
		nr++;
	}
	require(nr);
}

static const struct iommufd_access_ops piecewise_ops = {
	.unmap = asked_for_a_piece,
};

static void users_are_asked_pin_by_pin(void)
{
	unsigned int i;

	begin("users are asked for the ranges that they have pinned");
	memory_destroy(&mems[2]);
	memory_init(&mems[2], 8, 3);
	map_is(2, 0);
	require(!iommufd_map_set_huge_pages(map, false));
	require(!iommufd_map_split(map, AT(2) + 4 * PG));
	piecewise_user = iommufd_map_add_user(map, &piecewise_ops, NULL);
	require(!IS_ERR(piecewise_user));
	for (i = 0; i < ARRAY_SIZE(piecewise); i++) {
		require(!iommufd_map_pin(piecewise_user,
					 AT(2) + piecewise[i].first * PG,
					 piecewise[i].npages * PG, NULL, 0));
		piece_is_pinned[i] = true;
	}
	require(!unmap_at(AT(2), END(2)));
	require(nr_pieces_asked == 3 && memory_nr_pinned(&mems[2]) == 2);
	require(!iommufd_map_remove_user(piecewise_user, true));
	require(nr_pieces_asked == 4 && !memory_nr_pinned(&mems[2]));
	iommufd_map_user_put(piecewise_user);
	end();
}

/* Copies, which nobody is asked to end */

static const struct iommufd_access_ops copier_ops = {};
static struct iommufd_map_user *copying_user;

static int call_copy(struct work *work)
{
	char data[1];

	return iommufd_map_rw(copying_user, AT(2), data, 4 * PG, 0);
}

static int call_leave_copying(struct work *work)
{
	return iommufd_map_remove_user(copying_user, false);
}

/* One kind of call waits for a copy in another thread, which ends as it is told */
static void copy_is_waited_for(const char *name, struct work *waiter, int copy_err)
{
	struct work c = { .call = call_copy };

	begin(name);
	require(!iommufd_map_set_huge_pages(map, false));
	map_is(2, 0);
	copying_user = iommufd_map_add_user(map, &copier_ops, NULL);
	require(!IS_ERR(copying_user));
	if (copy_err) {
		mems[2].fail_pin = 1;
		mems[2].fail_errno = copy_err;
	}
	close_gate(&mems[2]);
	start(&c);
	wait_until_blocked();
	start(waiter);
	wait_until_waiting(1);
	open_gate();
	require(finish(&c) == copy_err);
	require(!finish(waiter));
	if (waiter->call != call_leave_copying)
		require(!iommufd_map_remove_user(copying_user, false));
	iommufd_map_user_put(copying_user);
	end();
}

static void copies_are_waited_for(void)
{
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };
	struct work c = { .call = call_cut, .iova = AT(2) + PG };
	struct work l = { .call = call_leave_copying };

	copy_is_waited_for("an unmap that waits for a copy goes on when that ends", &u, 0);
	copy_is_waited_for("and when it fails", &u, -EFAULT);
	copy_is_waited_for("so does a split", &c, 0);
	copy_is_waited_for("and a user that leaves", &l, 0);
}

/* Splits */

static void cut_looks_at_page_size_again(void)
{
	struct work a = { .call = call_attach, .fake = &fakes[0] };
	struct work c = { .call = call_cut, .iova = AT(2) + PG };
	struct iommufd_map_stats stats;

	begin("a split does not trust a page size that it saw before it waited");
	memory_destroy(&mems[2]);
	memory_init(&mems[2], 4, 1);
	mems[2].on_pin = pin_gate;
	require(!iommufd_map_set_huge_pages(map, false));
	map_is(2, 0);
	close_gate(&mems[2]);
	start(&a);
	wait_until_blocked();
	start(&c);
	wait_until_waiting(1);
	/* The attach has written nothing yet, and now writes one large page */
	require(!iommufd_map_set_huge_pages(map, true));
	open_gate();
	require(!finish(&a));
	require(fakes[0].largest_run == 4 * PG);
	require(finish(&c) == -EINVAL);
	iommufd_map_stats(map, &stats);
	require(stats.nr_areas == 1);
	unmap_is(2, 0);
	detach(0);
	end();
}

/* With an attach that fails, nothing but the end of its fill wakes the split */
static void split_of_last_area(bool fails)
{
	struct map_domain md = {
		.domain = &fakes[0].domain,
		.constraint = { .bounds.last = ULONG_MAX, .alignment = PG },
		.state = DOMAIN_FILLING,
		.cursor = -2 * PG,
	};
	struct work c = { .call = call_cut, .iova = -3 * PG };
	struct iommufd_refunds refunds = {};

	begin(fails ? "a split of the last area goes on when an attach has failed" :
		      "a split of the last area goes on when a domain has become live");
	require(!iommufd_map_set_huge_pages(map, false));
	mutex_lock(&map->lock);
	require(!register_domain(map, &md));
	mutex_unlock(&map->lock);
	/* Across the cursor, so it is this map that writes it */
	require(!map_at(&mems[2], -4 * PG));
	require(pages_in(&fakes[0]) == 4);
	start(&c);
	wait_until_waiting(1);
	mutex_lock(&map->lock);
	if (fails)
		end_filling(map, &md, DOMAIN_DRAINING);
	else
		require(!fill_domain(map, &md, &refunds));
	mutex_unlock(&map->lock);
	require(!finish(&c));
	mutex_lock(&map->lock);
	drain_domain(map, &md, ULONG_MAX, &refunds);
	unregister_domain(map, &md);
	mutex_unlock(&map->lock);
	require(!pages_in(&fakes[0]) && !memory_nr_pinned(&mems[2]));
	end();
}

/* A thread that gets no processor */

static sem_t frozen, thawed;

static void freeze_self(int signum)
{
	sem_post(&frozen);
	sem_wait(&thawed);
}

static void freeze(struct work *work)
{
	sem_init(&frozen, 0, 0);
	sem_init(&thawed, 0, 0);
	signal(SIGUSR1, freeze_self);
	require(!pthread_kill(work->thread, SIGUSR1));
	sem_wait(&frozen);
}

static void thaw(void)
{
	sem_post(&thawed);
}

static struct map_domain half_filled;

static int call_drain_half_filled(struct work *work)
{
	struct iommufd_refunds refunds = {};

	mutex_lock(&map->lock);
	drain_domain(map, &half_filled, half_filled.cursor - 1, &refunds);
	unregister_domain(map, &half_filled);
	mutex_unlock(&map->lock);
	return 0;
}

static void cut_while_a_drain_waits(void)
{
	struct work d = { .call = call_drain_half_filled };
	struct iommufd_area *area;

	begin("a drain has all of an area that is split while it waits for it");
	require(!iommufd_map_set_huge_pages(map, false));
	half_filled = (struct map_domain){
		.domain = &fakes[0].domain,
		.constraint = { .bounds.last = ULONG_MAX, .alignment = PG },
		.state = DOMAIN_FILLING,
		.cursor = AT(2) + 2 * PG,
	};
	mutex_lock(&map->lock);
	require(!register_domain(map, &half_filled));
	mutex_unlock(&map->lock);
	map_is(2, 0);
	require(pages_in(&fakes[0]) == 4);
	mutex_lock(&map->lock);
	area = iommufd_area_at_or_behind(&map->areas, AT(2));
	area->busy = true;
	mutex_unlock(&map->lock);
	start(&d);
	wait_until_waiting(1);
	/* Whoever was busy is done, and the drain is slow to wake up */
	freeze(&d);
	mutex_lock(&map->lock);
	area->busy = false;
	mutex_unlock(&map->lock);
	require(!iommufd_map_split(map, AT(2) + 2 * PG));
	require(!unmap_at(AT(2), AT(2) + 2 * PG - 1));
	require(pages_in(&fakes[0]) == 2);
	thaw();
	require(!finish(&d));
	require(!pages_in(&fakes[0]) && !memory_nr_pinned(&mems[2]));
	end();
}

/* A gate of its own, for a drain, when another one holds somebody else up */
static sem_t drain_entered, drain_opened;
static const struct fake_domain *drain_gate;

static void drain_blocks(struct fake_domain *fake, unsigned long iova)
{
	if (fake != drain_gate)
		return;
	drain_gate = NULL;
	sem_post(&drain_entered);
	sem_wait(&drain_opened);
}

static void insert_revocable(unsigned long iova)
{
	struct iommufd_slice slice = {
		.store = iommufd_store_get(fixed_store),
		.length_bytes = 4 * PG,
	};

	require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
}

/*
 * An attach that waits for area 2 has an area across its cursor. Killed, it drains
 * what lies below that one, and is held up there.
 */
static void split_while_a_failed_attach_is_drained(unsigned long at)
{
	struct work w = { .call = call_map, .mem = &mems[2], .iova = AT(2) };
	struct work a = { .call = call_attach, .fake = &fakes[1] };

	begin("a failed attach that is split across leaves nothing in its domain");
	sem_init(&drain_entered, 0, 0);
	sem_init(&drain_opened, 0, 0);
	make_fixed_store();
	require(!iommufd_map_set_huge_pages(map, false));
	require(!attach(0));
	insert_revocable(AT(0) - 8 * PG);
	map_is(0, 0);
	close_gate(&fakes[0]);
	start(&w);
	wait_until_blocked();
	start(&a);
	wait_until_waiting(1);
	unmap_is(0, 0);
	require(!map_at(&mems[1], AT(0) + 2 * PG));
	require(pages_in(&fakes[1]) == 8);

	fakes[1].on_unmap = drain_blocks;
	drain_gate = &fakes[1];
	kill_it(&a);
	sem_wait(&drain_entered);
	require(!iommufd_map_split(map, AT(0) + at * PG));
	sem_post(&drain_opened);
	require(finish(&a) == -EINTR);
	require(!pages_in(&fakes[1]));
	/* The halves are in the other domain, and go like any area */
	require(pages_in(&fakes[0]) == 8);
	require(!unmap_at(AT(0) + 2 * PG, AT(0) + at * PG - 1));
	require(!unmap_at(AT(0) + at * PG, AT(0) + 6 * PG - 1));
	require(!memory_nr_pinned(&mems[1]));
	open_gate();
	require(!finish(&w));
	detach(0);
	require(!unmap_at(0, ULONG_MAX));
	iommufd_store_put(fixed_store);
	end();
}

static void cut_learns_of_huge_pages(void)
{
	struct work p = { .call = call_pin };
	struct work c = { .call = call_cut, .iova = AT(2) + PG };

	begin("a split that waits for a pin gives up when huge pages are on again");
	require(!iommufd_map_set_huge_pages(map, false));
	map_is(2, 0);
	join(AT(2));
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&c);
	wait_until_waiting(1);
	require(!iommufd_map_set_huge_pages(map, true));
	require(finish(&c) == -EINVAL);
	open_gate();
	require(!finish(&p));
	unmap_is(2, 0);
	leave();
	end();
}

/* Memory of mappings in two maps: one has a domain, the other a user that pins */
static void cut_beside_pin(void)
{
	struct iommufd_store *store = memory_store(&mems[2], PG, true);
	struct iommufd_slice held = { store, 0, 2 * PG };
	struct iommufd_iova_map *other;
	struct iommufd_slice all = { iommufd_store_get(store), 0, 4 * PG };
	struct work p = { .call = call_pin };
	unsigned long iova = AT(2);
	u64 bytes;

	begin("a split does not wait for other memory of the store to be pinned");
	require(!iommufd_map_set_huge_pages(map, false));
	require(!attach(0));
	require(!iommufd_map_insert(map, &held, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
	other = map;
	map = iommufd_map_create();
	iova = AT(4);
	require(!iommufd_map_insert(map, &all, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
	join(AT(4));
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	require(!iommufd_map_split(other, AT(2) + PG));
	require(!iommufd_map_remove(other, AT(2), AT(2) + PG - 1, &bytes));
	/* The pin that is on its way holds both pages by now */
	require(pages_in(&fakes[0]) == 1 && memory_nr_pinned(&mems[2]) == 2);
	open_gate();
	require(!finish(&p));
	require(memory_nr_pinned(&mems[2]) == 4);
	leave();
	iommufd_map_destroy(map);
	map = other;
	require(memory_nr_pinned(&mems[2]) == 1);
	detach(0);
	end();
}

/* Revocation */

static int call_restore_noted(struct work *work)
{
	iommufd_map_revoke_ops.restore((struct iommufd_holder *)work->iova);
	return 0;
}

static void restore_ignores_what_took_the_place(void)
{
	struct iommufd_holder holder = {};
	struct work a = { .call = call_attach, .fake = &fakes[0] };
	struct work r = { .call = call_restore_noted };
	struct iommufd_slice slice = { .length_bytes = 4 * PG };
	unsigned long iova = AT(2);

	begin("who restores memory does not wait for other memory in its place");
	make_fixed_store();
	slice.store = iommufd_store_get(fixed_store);
	require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
	mutex_lock(&map->lock);
	holder.store = fixed_store;
	iommufd_map_revoke_ops.record(&iommufd_area_at_or_behind(&map->areas,
								 AT(2))->hold,
				      &holder);
	mutex_unlock(&map->lock);
	unmap_is(2, 0);
	map_is(2, 0);
	close_gate(&mems[2]);
	start(&a);
	wait_until_blocked();
	r.iova = (unsigned long)&holder;
	start(&r);
	require(!finish(&r));
	open_gate();
	require(!finish(&a));
	detach(0);
	iommufd_store_put(fixed_store);
	end();
}

/* Undoing */

static int insert_at(struct memory *mem, unsigned long iova, u64 *seq)
{
	struct iommufd_slice slice = {
		.store = memory_store(mem, PG, true),
		.length_bytes = mem->npages << PAGE_SHIFT,
	};

	return iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				  IOMMUFD_MAP_FIXED, seq);
}

static void undo_of_a_mapping(void)
{
	struct iommufd_map_stats stats;
	u64 seq, other;

	begin("what is undone is the mapping that was made, not its address");
	require(!iommufd_map_set_huge_pages(map, false));
	require(!attach(0));
	require(!insert_at(&mems[2], AT(2), &seq));
	unmap_is(2, 0);
	require(!insert_at(&mems[3], AT(2), &other));
	iommufd_map_undo(map, AT(2), END(2), seq);
	require(is_used(AT(2), END(2)));
	require(memory_nr_pinned(&mems[3]) == 4 && pages_in(&fakes[0]) == 4);
	iommufd_map_undo(map, AT(2), END(2), other);
	require(!is_used(0, ULONG_MAX));

	/* What is left of one that was cut */
	require(!insert_at(&mems[2], AT(2), &seq));
	require(!iommufd_map_split(map, AT(2) + PG));
	require(!iommufd_map_split(map, AT(2) + 2 * PG));
	require(!unmap_at(AT(2) + PG, AT(2) + 2 * PG - 1));
	memory_destroy(&mems[4]);
	memory_init(&mems[4], 1, 1);
	require(!insert_at(&mems[4], AT(2) + PG, &other));
	iommufd_map_undo(map, AT(2), END(2), seq);
	iommufd_map_stats(map, &stats);
	require(stats.nr_areas == 1 && stats.mapped_bytes == PG);
	require(stats.pinned_bytes == PG);
	require(memory_nr_pinned(&mems[4]) == 1 && pages_in(&fakes[0]) == 1);
	detach(0);
	end();
}

static int call_undo(struct work *work)
{
	iommufd_map_undo(map, AT(2), END(2), work->last);
	return 0;
}

static int call_undo_other(struct work *work)
{
	iommufd_map_undo(map, AT(4), END(4), work->last);
	return 0;
}

static void undo_waits_for_an_unmap(void)
{
	struct work p = { .call = call_pin };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };
	struct work w = { .call = call_undo };
	u64 seq;

	begin("who undoes a mapping waits for an unmap of it, and takes what that left");
	require(!insert_at(&mems[2], AT(2), &seq));
	join(AT(2));
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	w.last = seq;
	start(&w);
	wait_until_waiting(2);
	kill_it(&u);
	require(finish(&u) == -EINTR);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&p));
	require(!finish(&w));
	require(!is_used(0, ULONG_MAX));
	leave();
	end();
}

static void two_undos_wait(void)
{
	struct work p = { .call = call_pin };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(5) };
	struct work w = { .call = call_undo };
	struct work v = { .call = call_undo_other };
	unsigned long before;
	u64 seq, other;

	begin("two undos that wait for an unmap do not wake each other");
	require(!insert_at(&mems[2], AT(2), &seq));
	require(!insert_at(&mems[4], AT(4), &other));
	join(AT(2));
	close_gate(&mems[2]);
	start(&p);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	w.last = seq;
	start(&w);
	wait_until_waiting(2);
	v.last = other;
	start(&v);
	wait_until_waiting(3);
	before = READ_ONCE(host_waits);
	usleep(20000);
	require(READ_ONCE(host_waits) == before);
	open_gate();
	require(!finish(&v));
	require(!finish(&p));
	require(!finish(&u));
	require(!finish(&w));
	leave();
	end();
}

/* Limits */

static void kill_of_an_attach(void)
{
	begin("an attach that pins nothing can be killed");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	main_task.dying = true;
	require(attach(1) == -EINTR);
	main_task.dying = false;
	require(!pages_in(&fakes[1]));
	require(!attach(1));
	require(pages_in(&fakes[1]) == 8);
	detach(0);
	detach(1);
	end();
}

static void copies_over_many_areas(void)
{
	struct iommufd_map_user *copier;
	unsigned int i, nr = 1000;
	char data[1];

	begin("a copy looks at each mapping a few times, however many there are");
	memory_destroy(&mems[0]);
	memory_init(&mems[0], 1, 1);
	for (i = 0; i < nr; i++)
		require(!map_at(&mems[0], AT(0) + i * PG));
	copier = iommufd_map_add_user(map, &copier_ops, NULL);
	require(!IS_ERR(copier));
	host_resched = 0;
	require(!iommufd_map_rw(copier, AT(0), data, nr * PG, 0));
	require(host_resched < 20 * nr);
	require(!iommufd_map_remove_user(copier, false));
	iommufd_map_user_put(copier);
	require(!unmap_at(0, ULONG_MAX));
	end();
}

/* Drivers that do something else than they are told: the memory is lost */

static void check_lie(long lie, bool at_detach, bool queued)
{
	struct iommufd_map_stats stats;

	begin("memory stays pinned when a driver unmapped less or more than it was told");
	require(!attach(0));
	map_is(2, 0);
	map_is(4, 0);
	fakes[0].lie = lie;
	fakes[0].lie_last = END(2);
	if (at_detach)
		detach(0);
	else if (queued)
		require(!unmap_at(0, ULONG_MAX));
	else
		unmap_is(2, 0);
	require(memory_nr_pinned(&mems[2]) == 4);
	if (at_detach) {
		iommufd_map_stats(map, &stats);
		require(stats.pinned_bytes == 4 * PG);
		require(!unmap_at(0, ULONG_MAX));
	} else if (!queued) {
		unmap_is(4, 0);
	}
	iommufd_map_stats(map, &stats);
	require(!stats.pinned_bytes && !stats.nr_areas);
	require(memory_nr_pinned(&mems[2]) == 4 && !memory_nr_pinned(&mems[4]));
}

static void check_lie_of_failed_map(void)
{
	begin("and when it was told so because a map failed");
	require(!attach(0));
	/* Two lists of runs, of which the second fails */
	memory_destroy(&mems[2]);
	memory_init(&mems[2], 40, 3);
	fakes[0].fail_map = 2;
	fakes[0].lie = -(long)PG;
	fakes[0].lie_last = ULONG_MAX;
	require(map_at(&mems[2], AT(2)) == -ENOMEM);
	require(memory_nr_pinned(&mems[2]) == 40);
	require(!is_used(0, ULONG_MAX));
}

/* They leave things behind that the next test must not see */
static void lies(void)
{
	static const long amounts[] = { -(long)PG, PG };
	unsigned int i;
	int status;

	for (i = 0; i < 7; i++) {
		pid_t pid = fork();

		if (!pid) {
			if (i == 6)
				check_lie_of_failed_map();
			else
				check_lie(amounts[i & 1], i >= 4, i >= 2);
			_exit(0);
		}
		require(waitpid(pid, &status, 0) == pid && !status);
	}
	printf("ok memory stays pinned when a driver cannot be trusted\n");
}

int main(void)
{
	require(!iommufd_map_init());
	pin_that_ends_while_unmap_waits();
	pin_that_ends_while_cut_waits();
	pin_that_ends_while_user_leaves(false);
	pin_that_ends_while_user_leaves(true);
	pin_that_fails_while_unmap_waits();
	gives_up_although_woken();
	pin_that_ends_while_another_is_asked();
	users_are_asked_pin_by_pin();
	copies_are_waited_for();
	cut_looks_at_page_size_again();
	split_of_last_area(false);
	split_of_last_area(true);
	cut_while_a_drain_waits();
	split_while_a_failed_attach_is_drained(3);
	split_while_a_failed_attach_is_drained(4);
	split_while_a_failed_attach_is_drained(5);
	cut_learns_of_huge_pages();
	cut_beside_pin();
	restore_ignores_what_took_the_place();
	undo_of_a_mapping();
	undo_waits_for_an_unmap();
	two_undos_wait();
	kill_of_an_attach();
	copies_over_many_areas();
	lies();
	iommufd_map_exit();
	return 0;
}
