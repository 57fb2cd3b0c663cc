// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits for whom. A thread is blocked inside a pin or a driver and stays
 * there while the main thread does all that must not wait for it; whatever does
 * runs into the alarm. No test depends on how long anything takes.
 */
#include <linux/iommufd.h>

#include "gates.h"

/* What is read at a time, so that each mapping here takes two reads */
#undef SZ_1G
#define SZ_1G		(2 * PG)
#include "map/dirty.c"

/* Tests */

static void map_blocked_in_pinning(void)
{
	struct work w = { .call = call_map, .mem = &mems[2], .iova = AT(2) };
	struct iommufd_map_stats stats;
	struct iommufd_range range;
	unsigned long alignment;
	struct iommufd_slices slices;

	begin("a map that waits for a page fault stops nobody");
	require(!attach(0));
	map_is(0, 0);
	close_gate(&mems[2]);
	start(&w);
	wait_until_blocked();

	map_is(1, 0);
	map_is(3, 0);
	unmap_is(0, 0);
	map_is(2, -EEXIST);
	unmap_is(2, -EBUSY);
	require(unmap_at(0, ULONG_MAX) == -EBUSY);
	require(iommufd_map_slices(map, AT(2), PG, &slices) == -ENOENT);
	require(!attach(1));
	require(pages_in(&fakes[1]) == 8);
	detach(0);
	require(!iommufd_map_reserve(map, 0, PG - 1, &w));
	iommufd_map_unreserve(map, &w);
	require(iommufd_map_usable(map, &range, 1, &alignment) == 1);
	iommufd_map_stats(map, &stats);
	require(stats.mapped_bytes == 8 * PG && stats.nr_areas == 3);

	open_gate();
	require(!finish(&w));
	require(pages_in(&fakes[0]) == 0 && pages_in(&fakes[1]) == 12);
	detach(1);
	require(!memory_nr_pinned(&mems[2]));
	unmap_is(2, 0);
	end();
}

static void coherency_while_others_map(void)
{
	struct work m = { .call = call_map, .mem = &mems[2], .iova = AT(2) };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };

	begin("a domain is empty only when nobody is about to map or unmap");
	require(!attach(0));
	require(iommufd_map_enforce_coherency(map, &fakes[0].domain));
	close_gate(&mems[2]);
	start(&m);
	wait_until_blocked();
	require(!pages_in(&fakes[0]));
	require(!iommufd_map_enforce_coherency(map, &fakes[0].domain));
	open_gate();
	require(!finish(&m));
	require(!iommufd_map_enforce_coherency(map, &fakes[0].domain));

	close_gate(&fakes[0]);
	start(&u);
	wait_until_blocked();
	require(!iommufd_map_enforce_coherency(map, &fakes[0].domain));
	open_gate();
	require(!finish(&u));
	require(iommufd_map_enforce_coherency(map, &fakes[0].domain));
	detach(0);
	end();
}

static void last_domain_leaves_while_pinning(void)
{
	struct work w = { .call = call_map, .mem = &mems[2], .iova = AT(2) };

	begin("memory pinned for a domain that left is unpinned");
	require(!attach(0));
	close_gate(&mems[2]);
	start(&w);
	wait_until_blocked();
	detach(0);
	open_gate();
	require(!finish(&w));
	require(!memory_nr_pinned(&mems[2]));
	require(!attach(1));
	require(pages_in(&fakes[1]) == 4);
	detach(1);
	end();
}

static void attach_blocked_in_pinning(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };

	begin("an attach that waits for a page fault stops only who needs the area");
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	close_gate(&mems[2]);
	start(&w);
	wait_until_blocked();

	map_is(1, 0);		/* below its cursor: this map fills the domain */
	require(pages_in(&fakes[1]) == 8);
	map_is(5, 0);		/* above: the attach will */
	require(pages_in(&fakes[1]) == 8);
	unmap_is(4, 0);
	unmap_is(0, 0);
	require(pages_in(&fakes[1]) == 4);
	start(&u);
	wait_until_waiting(1);
	map_is(6, 0);
	unmap_is(6, 0);

	open_gate();
	require(!finish(&w));
	require(!finish(&u));
	require(pages_in(&fakes[1]) == 8);
	detach(1);
	require(!memory_nr_pinned(&mems[1]) && !memory_nr_pinned(&mems[5]));
	end();
}

static void attach_blocked_in_filling(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };

	begin("an attach that waits for its driver stops only who needs the area");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();

	map_is(1, 0);
	map_is(5, 0);
	unmap_is(2, 0);
	unmap_is(5, 0);
	require(pages_in(&fakes[0]) == 12 && pages_in(&fakes[1]) == 0);

	open_gate();
	require(!finish(&w));
	require(pages_in(&fakes[1]) == 12);
	detach(0);
	detach(1);
	end();
}

static void map_blocked_in_filling(void)
{
	struct work w = { .call = call_map, .mem = &mems[2], .iova = AT(2) };
	struct work a = { .call = call_attach, .fake = &fakes[1] };
	struct work d = { .call = call_detach, .fake = &fakes[0] };

	begin("who attaches or detaches waits for maps that are in a driver");
	require(!attach(0));
	map_is(0, 0);
	close_gate(&fakes[0]);
	start(&w);
	wait_until_blocked();

	map_is(4, 0);
	unmap_is(0, 0);
	unmap_is(2, -EBUSY);
	start(&a);
	wait_until_waiting(1);
	start(&d);
	wait_until_waiting(2);
	map_is(5, 0);		/* not into the domain that is being drained */

	open_gate();
	require(!finish(&w));
	require(!finish(&a));
	require(!finish(&d));
	require(pages_in(&fakes[0]) == 0 && pages_in(&fakes[1]) == 12);
	detach(1);
	end();
}

static void map_across_cursor(void)
{
	struct work w = { .call = call_map, .mem = &mems[2], .iova = AT(2) };
	struct work a = { .call = call_attach, .fake = &fakes[1] };

	begin("a map across the cursor of an attach is written once");
	require(!attach(0));
	map_is(0, 0);
	close_gate(&fakes[0]);
	start(&w);
	wait_until_blocked();
	start(&a);		/* has area 0, waits for area 2 */
	wait_until_waiting(1);
	require(pages_in(&fakes[1]) == 4);
	unmap_is(0, 0);
	require(!map_at(&mems[3], AT(0) + 2 * PG));
	require(pages_in(&fakes[1]) == 4);

	open_gate();
	require(!finish(&w));
	require(!finish(&a));
	require(pages_in(&fakes[1]) == 8);
	detach(0);
	detach(1);
	end();
}

static void detach_passes_blocked_unmap(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = 0, .last = ULONG_MAX };
	struct work d = { .call = call_detach, .fake = &fakes[0] };

	begin("a detach does not wait for an unmap that waits for an attach");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	gate_iova = AT(2);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();
	start(&u);		/* claims both and waits for the second */
	wait_until_waiting(1);
	start(&d);		/* drains the first and waits for the second */
	wait_until_waiting(2);
	require(pages_in(&fakes[0]) == 4);

	open_gate();
	require(!finish(&d));
	require(!finish(&u));
	require(!finish(&w));
	require(pages_in(&fakes[0]) == 0 && pages_in(&fakes[1]) == 0);
	detach(1);
	end();
}

static void killed_while_waiting(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = AT(0), .last = END(0) };
	struct work a = { .call = call_attach, .fake = &fakes[2] };

	begin("who waits can be killed and leaves nothing half done");
	map_is(0, 0);
	map_is(2, 0);
	close_gate(&mems[0]);
	start(&w);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	kill_it(&u);
	require(finish(&u) == -EINTR);
	start(&a);
	wait_until_waiting(1);
	kill_it(&a);
	require(finish(&a) == -EINTR);
	require(pages_in(&fakes[2]) == 0);

	open_gate();
	require(!finish(&w));
	require(pages_in(&fakes[1]) == 8);
	unmap_is(0, 0);
	detach(1);
	end();
}

static void attach_leaves_claimed_alone(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = 0, .last = ULONG_MAX };
	struct work a = { .call = call_attach, .fake = &fakes[2] };

	begin("an attach does not write what waits to be unmapped");
	map_is(0, 0);
	map_is(2, 0);
	gate_iova = AT(2);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	start(&a);
	wait_until_waiting(2);
	require(pages_in(&fakes[2]) == 0 && memory_nr_pinned(&mems[0]) == 4);

	open_gate();
	require(!finish(&w));
	require(!finish(&u));
	require(!finish(&a));
	require(pages_in(&fakes[1]) == 0 && pages_in(&fakes[2]) == 0);
	detach(1);
	detach(2);
	end();
}

static void failed_attach_lets_unmap_go_on(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = 0, .last = ULONG_MAX };

	begin("an unmap that waited for an attach survives its failure");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	/* At the second area: each takes one call */
	fakes[1].fail_map = 2;
	gate_iova = AT(2);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&u));
	require(finish(&w) == -ENOMEM);
	require(pages_in(&fakes[0]) == 0 && pages_in(&fakes[1]) == 0);
	detach(0);
	end();
}

static void failed_attach_below_cursor(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };

	begin("an attach that fails takes back what maps wrote for it");
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	mems[2].fail_pin = 1;
	mems[2].fail_errno = -EFAULT;
	close_gate(&mems[2]);
	start(&w);
	wait_until_blocked();
	map_is(1, 0);
	map_is(5, 0);
	require(pages_in(&fakes[1]) == 8);
	open_gate();
	require(finish(&w) == -EFAULT);
	require(pages_in(&fakes[1]) == 0);
	require(!memory_nr_pinned(&mems[0]) && !memory_nr_pinned(&mems[1]));
	end();
}

static void two_unmaps_of_the_same(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = 0, .last = ULONG_MAX };
	struct work v = { .call = call_unmap, .iova = AT(0), .last = END(2) };

	begin("the second of two unmaps waits for the first");
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	close_gate(&mems[2]);
	start(&w);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	start(&v);
	wait_until_waiting(2);
	map_is(1, 0);		/* after the first has claimed: it stays */
	open_gate();
	require(!finish(&w));
	require(!finish(&u));
	/* It unmaps what came later */
	require(!finish(&v));
	require(pages_in(&fakes[1]) == 0);
	detach(1);
	end();
}

static void unmap_blocked_in_driver(void)
{
	struct work u = { .call = call_unmap, .iova = AT(0), .last = END(2) };
	struct work v = { .call = call_unmap, .iova = AT(2), .last = END(4) };
	struct work a = { .call = call_attach, .fake = &fakes[1] };

	begin("an unmap that waits for its driver stops only who needs the area");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	close_gate(&fakes[0]);
	start(&u);
	wait_until_blocked();

	map_is(1, 0);
	unmap_is(1, 0);
	map_is(5, 0);
	map_is(2, -EEXIST);
	start(&v);		/* needs area 2 and 4: unmaps 4 then */
	wait_until_waiting(1);
	start(&a);
	wait_until_waiting(2);
	require(memory_nr_pinned(&mems[0]) == 4);

	open_gate();
	require(!finish(&u));
	require(!finish(&v));
	require(!finish(&a));
	require(pages_in(&fakes[0]) == 4 && pages_in(&fakes[1]) == 4);
	detach(0);
	detach(1);
	end();
}

/* Reading what devices wrote */

static int read_all(struct fake_domain *fake, bool clear)
{
	struct iommu_dirty_log log = { .clear = clear };

	return iommufd_map_read_dirty(map, &fake->domain, 0, ULONG_MAX, &log);
}

static int call_read(struct work *work)
{
	return read_all(work->fake, true);
}

static unsigned int reads_in(unsigned long iova, unsigned long last)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_events; i++)
		n += events[i].kind == EVENT_READ && events[i].iova >= iova &&
		     events[i].iova <= last;
	return n;
}

static void unmap_waits_for_a_slice(void)
{
	struct work r = { .call = call_read, .fake = &fakes[0] };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };

	begin("an unmap waits for one slice of what is read, others for none");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	map_is(4, 0);
	nr_events = 0;
	gate_iova = AT(2);
	close_gate(&fakes[0]);
	start(&r);
	wait_until_blocked();

	map_is(1, 0);
	unmap_is(0, 0);
	start(&u);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&u));
	require(!finish(&r));
	require(reads_in(AT(0), END(0)) == 2 && reads_in(AT(2), END(2)) == 1 &&
		reads_in(AT(4), END(4)) == 2);
	require(pages_in(&fakes[0]) == 8);
	detach(0);
	end();
}

static void failed_read_loses_nothing(void)
{
	unsigned long nr;

	begin("what a failed read did not report is reported by the next");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	map_is(5, 0);
	fake_domain_dirty(&fakes[0]);
	nr = fakes[0].nr_entries;
	require(!read_all(&fakes[0], false) && fakes[0].nr_reported == nr);
	fakes[0].nr_reported = 0;
	fakes[0].fail_read = 4;		/* the second half of the second one */
	require(read_all(&fakes[0], true) == -EIO);
	require(fakes[0].nr_reported == nr / 2);
	require(!read_all(&fakes[0], true) && fakes[0].nr_reported == nr);
	require(!read_all(&fakes[0], true) && fakes[0].nr_reported == nr);
	detach(0);
	end();
}

static void kill_reader(struct fake_domain *fake, unsigned long iova)
{
	main_task.dying = true;
}

static void reader_killed_in_driver(void)
{
	begin("a reader that is killed does not go on to the next slice");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	fakes[0].on_read = kill_reader;
	nr_events = 0;
	require(read_all(&fakes[0], true) == -EINTR);
	require(count_events(EVENT_READ, &fakes[0]) == 1);
	main_task.dying = false;
	fakes[0].on_read = driver_gate;
	detach(0);
	end();
}

static void killed_reader(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work r = { .call = call_read, .fake = &fakes[0] };

	begin("a reader that waits for a driver can be killed");
	require(!attach(0));
	map_is(0, 0);
	map_is(2, 0);
	fake_domain_dirty(&fakes[0]);
	gate_iova = AT(2);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();
	start(&r);		/* reads area 0, waits for area 2 */
	wait_until_waiting(1);
	kill_it(&r);
	require(finish(&r) == -EINTR);
	require(fakes[0].nr_reported == fakes[0].nr_entries / 2);
	open_gate();
	require(!finish(&w));
	detach(0);
	detach(1);
	end();
}

/* Memory that is taken away: mems[FIXED], by whoever has its store */

#define FIXED (NR - 1)

static struct iommufd_store *store;

static int call_revoke(struct work *work)
{
	iommufd_store_revoke(store, &iommufd_map_revoke_ops);
	return 0;
}

/* One behind the other, of mems[FIXED] and mems[@i], at @i: held in that order */
static int map_both(unsigned int i)
{
	struct iommufd_slice slices[2] = {
		{ iommufd_store_get(store), 0, 4 * PG },
		{ memory_store(&mems[i], PG, true), 0, 4 * PG },
	};
	unsigned long iova = AT(i);

	return iommufd_map_insert(map, slices, 2, &iova, IOMMU_READ,
				  IOMMUFD_MAP_FIXED, NULL);
}

static int call_map_both(struct work *work)
{
	return map_both(work->iova);
}

static void map_revocable(unsigned int i)
{
	struct iommufd_slice slice = { iommufd_store_get(store), 0, 4 * PG };
	unsigned long iova = AT(i);

	require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				    IOMMUFD_MAP_FIXED, NULL));
}

static void begin_revoke(const char *name)
{
	begin(name);
	memory_destroy(&mems[FIXED]);
	memory_init(&mems[FIXED], 4, 1);
	mems[FIXED].is_fixed = true;
	store = memory_store(&mems[FIXED], PG, true);
}

static void end_revoke(void)
{
	require(!memory_nr_ways(&mems[FIXED]));
	iommufd_store_put(store);
	end();
}

static void revoke_while_filling(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work r = { .call = call_revoke };

	begin_revoke("who revokes waits for those who write the memory, and undoes it");
	require(!attach(0));
	map_is(0, 0);
	map_revocable(2);
	map_revocable(4);
	require(memory_nr_ways(&mems[FIXED]) == 8 * PAGE_GRANULES);
	gate_iova = AT(2);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();
	start(&r);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&r));
	require(!memory_nr_ways(&mems[FIXED]));
	require(!finish(&w));
	require(pages_in(&fakes[0]) == 4 && pages_in(&fakes[1]) == 4);
	unmap_is(2, 0);
	detach(0);
	detach(1);
	unmap_is(4, 0);
	end_revoke();
}

static void revoke_not_stopped(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work m = { .call = call_map_both, .iova = 4 };

	begin_revoke("who revokes does not wait for page faults");
	require(!attach(0));
	map_is(0, 0);
	map_revocable(2);
	close_gate(&mems[4]);
	start(&m);
	wait_until_blocked();
	call_revoke(NULL);
	require(!memory_nr_ways(&mems[FIXED]));
	open_gate();
	require(!finish(&m));
	require(pages_in(&fakes[0]) == 8);
	start(&w);
	require(!finish(&w));
	require(pages_in(&fakes[1]) == 8);
	detach(0);
	detach(1);
	end_revoke();
}

static void revoke_while_reading(void)
{
	struct work r = { .call = call_read, .fake = &fakes[0] };
	struct work v = { .call = call_revoke };

	begin_revoke("who revokes waits for the slice that is read, and none is read after it");
	require(!attach(0));
	map_is(0, 0);
	map_revocable(2);
	map_is(4, 0);
	fake_domain_dirty(&fakes[0]);
	gate_iova = AT(2);
	close_gate(&fakes[0]);
	start(&r);
	wait_until_blocked();
	start(&v);
	wait_until_waiting(1);
	require(memory_nr_ways(&mems[FIXED]) == 4 * PAGE_GRANULES);
	open_gate();
	require(!finish(&v));
	/* The driver has nothing there any more, and would say so */
	require(!finish(&r));
	nr_events = 0;
	require(!read_all(&fakes[0], true));
	require(!reads_in(AT(2), END(2)) && reads_in(0, ULONG_MAX) == 4);
	detach(0);
	end_revoke();
}

static void revoke_claimed(void)
{
	struct work w = { .call = call_attach, .fake = &fakes[1] };
	struct work u = { .call = call_unmap, .iova = 0, .last = ULONG_MAX };

	begin_revoke("who revokes works on what waits to be unmapped");
	map_is(0, 0);
	map_revocable(2);
	map_is(4, 0);
	require(!attach(0));
	gate_iova = AT(4);
	close_gate(&fakes[1]);
	start(&w);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	require(memory_nr_ways(&mems[FIXED]) == 8 * PAGE_GRANULES);
	call_revoke(NULL);
	require(!memory_nr_ways(&mems[FIXED]));
	open_gate();
	require(!finish(&w));
	require(!finish(&u));
	detach(0);
	detach(1);
	end_revoke();
}

static void unmap_and_detach_while_revoking(void)
{
	struct work r = { .call = call_revoke };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };
	struct work d = { .call = call_detach, .fake = &fakes[1] };

	begin_revoke("who unmaps or detaches waits for the one who revokes");
	require(!attach(0));
	require(!attach(1));
	map_revocable(2);
	close_gate(&fakes[0]);
	start(&r);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	start(&d);
	wait_until_waiting(2);
	map_is(0, 0);
	open_gate();
	require(!finish(&r));
	require(!finish(&u));
	require(!finish(&d));
	require(pages_in(&fakes[0]) == 4 && !pages_in(&fakes[1]));
	detach(0);
	end_revoke();
}

static void drained_while_revoker_waits(void)
{
	struct work r = { .call = call_revoke };
	struct work d = { .call = call_detach, .fake = &fakes[0] };
	u64 bytes;

	begin_revoke("memory is drained while its revoker waits, and the map destroyed");
	require(!attach(0));
	map_revocable(2);
	close_gate(&fakes[0]);
	start(&d);
	wait_until_blocked();
	start(&r);
	wait_until_waiting(1);
	open_gate();
	require(!finish(&d));
	require(!finish(&r));
	require(!attach(1));
	require(!pages_in(&fakes[1]));
	detach(1);
	require(!iommufd_map_remove_all(map, &bytes) && bytes == 4 * PG);
	end_revoke();
}

/* Locks in place */

static struct iommufd_map_lock *made_lock;

static int call_lock(struct work *work)
{
	struct iommufd_map_lock *lock;
	phys_addr_t phys;

	lock = iommufd_map_lock_range(map, work->iova,
				      work->last - work->iova + 1, &phys);
	if (IS_ERR(lock))
		return PTR_ERR(lock);
	require(phys == memory_phys(work->mem, work->iova % (16 * PG)));
	made_lock = lock;
	return 0;
}

static int lock_at(unsigned int i, unsigned long first, unsigned long last)
{
	struct work w = { .mem = &mems[i], .iova = AT(i) + first, .last = AT(i) + last };

	return call_lock(&w);
}

static void unmap_while_locking(void)
{
	struct work w = { .call = call_lock, .mem = &mems[2] };
	unsigned int page;

	begin("an unmap fails at once while a lock waits for a page fault");
	map_is(1, 0);
	map_is(2, 0);
	/* The pages are not contiguous: the lock of two of them fails */
	for (page = 1; page <= 2; page++) {
		w.iova = AT(2) + 8;
		w.last = w.iova + page * PG - 16;
		close_gate(&mems[2]);
		start(&w);
		wait_until_blocked();
		unmap_is(2, -EBUSY);
		require(iommufd_map_split(map, AT(2) + PG) == -EBUSY);
		require(unmap_at(0, ULONG_MAX) == -EBUSY);
		require(is_used(AT(1), END(1)));
		if (page == 1)
			unmap_is(1, 0);
		open_gate();
		require(finish(&w) == (page == 1 ? 0 : -EFAULT));
		require(memory_nr_pinned(&mems[2]) == (page == 1 ? 1 : 0));
		if (page == 1) {
			unmap_is(2, -EBUSY);
			iommufd_map_unlock_range(made_lock);
			map_is(1, 0);
		}
	}
	require(!memory_nr_pinned(&mems[2]));
	require(!unmap_at(0, ULONG_MAX));
	end();
}

static void claimed_is_not_locked(void)
{
	struct work a = { .call = call_attach, .fake = &fakes[0] };
	struct work u = { .call = call_unmap, .iova = AT(2), .last = END(2) };

	begin("what is being unmapped cannot be locked");
	map_is(2, 0);
	close_gate(&mems[2]);
	start(&a);
	wait_until_blocked();
	start(&u);
	wait_until_waiting(1);
	require(lock_at(2, 0, 0) == -ENOENT);
	open_gate();
	require(!finish(&a));
	require(!finish(&u));
	detach(0);
	end();
}

static unsigned int nr_asked;

static void count_asking(void *data, unsigned long iova, unsigned long length_bytes)
{
	nr_asked++;
}

static const struct iommufd_access_ops asked_ops = { .unmap = count_asking };

static void locked_asks_no_user(void)
{
	struct iommufd_map_user *user;

	begin("an unmap of a locked area asks no user to unpin");
	map_is(2, 0);
	map_is(3, 0);
	user = iommufd_map_add_user(map, &asked_ops, NULL);
	require(!IS_ERR(user));
	require(!iommufd_map_pin(user, AT(2), PG, NULL, 0));
	require(!lock_at(3, 0, 0));
	require(unmap_at(AT(2), END(3)) == -EBUSY);
	require(!nr_asked);
	/* It is not claimed either */
	require(!iommufd_map_pin(user, AT(3), PG, NULL, 0));
	require(!nr_asked);
	iommufd_map_unpin(user, AT(3), PG);
	iommufd_map_unpin(user, AT(2), PG);
	unmap_is(2, 0);
	iommufd_map_unlock_range(made_lock);
	unmap_is(3, 0);
	require(!iommufd_map_remove_user(user, false));
	iommufd_map_user_put(user);
	end();
}

static void die(struct memory *mem)
{
	main_task.dying = true;
}

static void killed_locker(void)
{
	begin_revoke("a killed task locks nothing, and memory of a dma-buf is not locked");
	map_is(2, 0);
	/* While it pins, so that the lock itself has to notice */
	mems[2].on_pin = die;
	require(lock_at(2, 0, 0) == -EINTR);
	main_task.dying = false;
	mems[2].on_pin = NULL;
	require(!memory_nr_pinned(&mems[2]));
	mems[2].fail_pin = 1;
	mems[2].fail_errno = -ENOMEM;
	require(lock_at(2, 0, 0) == -ENOMEM);
	unmap_is(2, 0);

	map_revocable(4);
	require(lock_at(4, 0, 0) == -EINVAL);
	unmap_is(4, 0);
	end_revoke();
}

int main(void)
{
	require(!iommufd_map_init());
	map_blocked_in_pinning();
	coherency_while_others_map();
	last_domain_leaves_while_pinning();
	attach_blocked_in_pinning();
	attach_blocked_in_filling();
	map_blocked_in_filling();
	map_across_cursor();
	detach_passes_blocked_unmap();
	killed_while_waiting();
	attach_leaves_claimed_alone();
	failed_attach_lets_unmap_go_on();
	failed_attach_below_cursor();
	two_unmaps_of_the_same();
	unmap_blocked_in_driver();
	unmap_waits_for_a_slice();
	failed_read_loses_nothing();
	killed_reader();
	reader_killed_in_driver();
	revoke_while_filling();
	revoke_not_stopped();
	revoke_while_reading();
	revoke_claimed();
	unmap_and_detach_while_revoking();
	drained_while_revoker_waits();
	unmap_while_locking();
	claimed_is_not_locked();
	locked_asks_no_user();
	killed_locker();
	iommufd_map_exit();
	return 0;
}
