/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that are stopped inside of a pin or a driver, for as long as the test
 * likes, and what each test about them has.
 */
#ifndef GATES_H
#define GATES_H

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

/* For the number of those who wait */
#include "map/map_private.h"
#include "world.h"

#define PG		PAGE_SIZE

static struct iommufd_iova_map *map;
static struct task_struct main_task;
static const char *test_name;

/* Gates */

static sem_t entered, opened;
static const void *gate;	/* the memory or domain that blocks */
static unsigned long gate_iova;	/* a domain: from this IOVA on */

static inline void block(void)
{
	sem_post(&entered);
	sem_wait(&opened);
}

static inline void pin_gate(struct memory *mem)
{
	if (__atomic_load_n(&gate, __ATOMIC_SEQ_CST) == mem)
		block();
}

static inline void driver_gate(struct fake_domain *fake, unsigned long iova)
{
	if (__atomic_load_n(&gate, __ATOMIC_SEQ_CST) == fake &&
	    iova >= gate_iova)
		block();
}

static inline void close_gate(const void *of)
{
	__atomic_store_n(&gate, of, __ATOMIC_SEQ_CST);
}

static inline void wait_until_blocked(void)
{
	sem_wait(&entered);
	/* Only the first one blocks */
	close_gate(NULL);
}

static inline void open_gate(void)
{
	sem_post(&opened);
}

/* Threads */

struct work {
	pthread_t thread;
	int (*call)(struct work *work);
	struct memory *mem;
	struct fake_domain *fake;
	unsigned long iova;
	unsigned long last;
	bool killed;
	struct task_struct task;
	bool done;
	int err;
};

static inline void *run(void *arg)
{
	struct work *work = arg;

	host_current = &work->task;
	host_killed = &work->killed;
	work->err = work->call(work);
	WRITE_ONCE(work->done, true);
	return NULL;
}

static inline void start(struct work *work)
{
	if (pthread_create(&work->thread, NULL, run, work))
		abort();
}

static inline int finish(struct work *work)
{
	pthread_join(work->thread, NULL);
	return work->err;
}

static inline void kill_it(struct work *work)
{
	WRITE_ONCE(work->killed, true);
}

/* Wait until this many threads wait inside of the map */
static inline void wait_until_waiting(unsigned int nr)
{
	unsigned int now;

	do {
		sched_yield();
		mutex_lock(&map->lock);
		now = map->nr_waiters;
		mutex_unlock(&map->lock);
	} while (now != nr);
}

/* Calls */

static inline int map_at(struct memory *mem, unsigned long iova)
{
	struct iommufd_store *store = memory_store(mem, PG, true);
	struct iommufd_slice slice = {
		.store = store,
		.length_bytes = mem->npages << PAGE_SHIFT,
	};
	int err;

	err = iommufd_map_insert(map, &slice, 1, &iova, IOMMU_READ,
				 IOMMUFD_MAP_FIXED, NULL);
	if (err)
		iommufd_store_put(store);
	return err;
}

static inline int unmap_at(unsigned long iova, unsigned long last)
{
	u64 bytes;

	return iommufd_map_remove(map, iova, last, &bytes);
}

/* Is anything mapped there? It could not be reserved. */
static inline bool is_used(unsigned long iova, unsigned long last)
{
	int err = iommufd_map_reserve(map, iova, last, &map);

	if (!err)
		iommufd_map_unreserve(map, &map);
	return err;
}

static inline int call_map(struct work *work)
{
	return map_at(work->mem, work->iova);
}

static inline int call_unmap(struct work *work)
{
	return unmap_at(work->iova, work->last);
}

static inline int call_attach(struct work *work)
{
	return iommufd_map_add_domain(map, &work->fake->domain);
}

static inline int call_detach(struct work *work)
{
	iommufd_map_remove_domain(map, &work->fake->domain);
	return 0;
}

/* Every test has these */

#define NR 8

static struct memory mems[NR];
static struct fake_domain fakes[3];

static inline int attach(unsigned int i)
{
	return iommufd_map_add_domain(map, &fakes[i].domain);
}

static inline void detach(unsigned int i)
{
	iommufd_map_remove_domain(map, &fakes[i].domain);
}

static inline void begin(const char *name)
{
	unsigned int i;

	test_name = name;
	alarm(60);
	host_current = &main_task;
	gate = NULL;
	gate_iova = 0;
	sem_init(&entered, 0, 0);
	sem_init(&opened, 0, 0);
	map = iommufd_map_create();
	for (i = 0; i < NR; i++) {
		memory_init(&mems[i], 4, 3);
		mems[i].on_pin = pin_gate;
	}
	for (i = 0; i < 3; i++) {
		fake_domain_init(&fakes[i], PG, true);
		fakes[i].on_map = driver_gate;
		fakes[i].on_unmap = driver_gate;
		fakes[i].on_read = driver_gate;
		fakes[i].shared = true;
	}
}

static inline void end(void)
{
	unsigned int i;

	iommufd_map_destroy(map);
	for (i = 0; i < 3; i++)
		fake_domain_destroy(&fakes[i]);
	for (i = 0; i < NR; i++)
		memory_destroy(&mems[i]);
	require(!host_slab_objects && !host_locks_held);
	printf("ok %s\n", test_name);
	fflush(stdout);
}

static inline unsigned long pages_in(const struct fake_domain *fake)
{
	return fake->nr_entries / PAGE_GRANULES;
}

/* Memory @i is mapped at page 16 * @i */
#define AT(i)		((16UL * (i) + 16) * PG)
#define END(i)		(AT(i) + 4 * PG - 1)

static inline void map_is(unsigned int i, int err)
{
	require(map_at(&mems[i], AT(i)) == err);
}

static inline void unmap_is(unsigned int i, int err)
{
	require(unmap_at(AT(i), END(i)) == err);
}

static struct iommufd_store *fixed_store;

/* Memory that can be revoked */
static inline void make_fixed_store(void)
{
	memory_destroy(&mems[3]);
	memory_init(&mems[3], 4, 1);
	mems[3].is_fixed = true;
	fixed_store = memory_store(&mems[3], PG, true);
}

#endif /* GATES_H */
