// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that map, unmap, cut, attach and detach at random, all on one map, and one
 * that revokes memory, and in-kernel users that pin. At the end everything must be gone.
 *
 *	stress SECONDS
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <linux/iommufd.h>

#include "world.h"

#define NR_MAPPERS	3
#define NR_ATTACHERS	2
#define NR_PINNERS	2
#define NR_SLOTS	24
#define NR_PINS		16

static struct iommufd_iova_map *map;
static bool stop;

struct worker {
	pthread_t thread;
	u64 state;
	unsigned long nr_ops;
	unsigned long nr_good;
	struct memory mem;
	struct fake_domain fake;
};

static u32 rnd(struct worker *w)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return w->state >> 16;
}

static void map_or_unmap(struct worker *w, struct iommufd_store *store)
{
	unsigned long iova = (4 + rnd(w) % (4 * NR_SLOTS)) * PAGE_SIZE;
	struct iommufd_slice slices[2] = {};
	unsigned int nr = 1 + rnd(w) % 2, i;
	u64 bytes;
	int err;

	if (rnd(w) % 8 == 0) {
		err = iommufd_map_split(map, iova);
		require(!err || err == -EBUSY || err == -EOPNOTSUPP);
		return;
	}
	if (rnd(w) % 2) {
		unsigned long last = iova + PAGE_SIZE * (1 + rnd(w) % 32) - 1;

		err = iommufd_map_remove(map, iova, last, &bytes);
		require(!err || err == -ENOENT || err == -ERANGE || err == -EBUSY);
		w->nr_good += !err;
		return;
	}
	for (i = 0; i < nr; i++) {
		slices[i].store = iommufd_store_get(store);
		slices[i].offset_bytes = rnd(w) % 8 * PAGE_SIZE;
		slices[i].length_bytes = (1 + rnd(w) % 4) * PAGE_SIZE;
	}
	err = iommufd_map_insert(map, slices, nr, &iova, IOMMU_READ,
				 rnd(w) % 4 ? IOMMUFD_MAP_FIXED : 0, NULL);
	require(!err || err == -EEXIST || err == -ENOMEM);
	w->nr_good += !err;
	if (err)
		while (nr--)
			iommufd_store_put(slices[nr].store);
}

static void *run_mapper(void *arg)
{
	struct worker *w = arg;
	struct task_struct task = {};
	struct iommufd_store *store;

	host_current = &task;
	store = memory_store(&w->mem, PAGE_SIZE, true);
	for (; !READ_ONCE(stop); w->nr_ops++)
		map_or_unmap(w, store);
	iommufd_store_put(store);
	return NULL;
}

static void *run_attacher(void *arg)
{
	struct worker *w = arg;
	struct task_struct task = {};

	host_current = &task;
	for (; !READ_ONCE(stop); w->nr_ops++) {
		fake_domain_init(&w->fake, PAGE_SIZE, rnd(w) % 2);
		w->fake.shared = true;
		if (!(rnd(w) % 4))
			w->fake.fail_map = 1 + rnd(w) % 16;
		if (!iommufd_map_add_domain(map, &w->fake.domain)) {
			w->nr_good++;
			if (rnd(w) % 2)
				usleep(rnd(w) % 200);
			iommufd_map_remove_domain(map, &w->fake.domain);
		}
		fake_domain_destroy(&w->fake);
	}
	return NULL;
}

/*
 * Map, copy, revoke and restore; whenever it is revoked no domain leads to the
 * memory
 */
static void *run_revoker(void *arg)
{
	struct worker *w = arg;
	struct task_struct task = {};
	struct iommufd_store *store;

	host_current = &task;
	for (; !READ_ONCE(stop); w->nr_ops++) {
		unsigned int i, nr = rnd(w) % 64;

		store = memory_store(&w->mem, PAGE_SIZE, true);
		for (i = 0; i < nr; i++)
			map_or_unmap(w, store);
		iommufd_store_revoke(store, &iommufd_map_revoke_ops);
		require(!memory_nr_ways(&w->mem));
		w->nr_good++;
		if (rnd(w) % 2) {
			iommufd_store_restore(store, &iommufd_map_revoke_ops);
			for (i = 0; i < nr / 4; i++)
				map_or_unmap(w, store);
			iommufd_store_revoke(store, &iommufd_map_revoke_ops);
			require(!memory_nr_ways(&w->mem));
		}
		for (i = 0; i < nr / 4; i++)
			map_or_unmap(w, store);
		require(!memory_nr_ways(&w->mem));
		iommufd_store_put(store);
	}
	return NULL;
}

/**
 * struct pinner - an in-kernel user
 * @w: its thread
 * @user: its role
 * @lock: protects @pins, which the unmap op empties
 * @pins: what it has pinned; a length of 0 is free
 */
struct pinner {
	struct worker w;
	struct iommufd_map_user *user;
	pthread_mutex_t lock;
	struct iommufd_range pins[NR_PINS];
};

static void unpin(struct pinner *p, struct iommufd_range *pin)
{
	unsigned long iova = pin->start, length = pin->last - pin->start + 1;

	pin->start = pin->last = 0;
	pthread_mutex_unlock(&p->lock);
	iommufd_map_unpin(p->user, iova, length);
	pthread_mutex_lock(&p->lock);
}

static void unmap_op(void *data, unsigned long iova, unsigned long length_bytes)
{
	unsigned long last = iova + length_bytes - 1;
	struct pinner *p = data;
	unsigned int i;

	require(!host_locks_held);
	pthread_mutex_lock(&p->lock);
	for (i = 0; i < NR_PINS; i++)
		if (p->pins[i].last > iova && p->pins[i].start <= last)
			unpin(p, &p->pins[i]);
	pthread_mutex_unlock(&p->lock);
}

static const struct iommufd_access_ops pinner_ops = { .unmap = unmap_op };

static void pin_or_unpin(struct pinner *p)
{
	struct worker *w = &p->w;
	unsigned long iova = (4 + rnd(w) % (4 * NR_SLOTS)) * PAGE_SIZE;
	unsigned long npages = 1 + rnd(w) % 4;
	struct iommufd_range *pin = &p->pins[rnd(w) % NR_PINS];
	struct page *pages[4];
	int err;

	pthread_mutex_lock(&p->lock);
	if (pin->last)
		unpin(p, pin);
	pthread_mutex_unlock(&p->lock);
	if (rnd(w) % 4 == 0) {
		err = iommufd_map_rw(p->user, iova, pages, npages * PAGE_SIZE,
				     IOMMUFD_ACCESS_READ);
		require(!err || err == -ENOENT || err == -EINVAL);
		return;
	}
	err = iommufd_map_pin(p->user, iova, npages * PAGE_SIZE, pages,
			      IOMMUFD_ACCESS_READ);
	require(!err || err == -ENOENT || err == -EINVAL);
	if (err)
		return;
	w->nr_good++;
	pthread_mutex_lock(&p->lock);
	if (pin->last) {	/* only this thread pins */
		require(false);
	} else {
		pin->start = iova;
		pin->last = iova + npages * PAGE_SIZE - 1;
	}
	pthread_mutex_unlock(&p->lock);
}

static void *run_pinner(void *arg)
{
	struct pinner *p = container_of(arg, struct pinner, w);
	struct task_struct task = {};
	unsigned int i;

	host_current = &task;
	while (!READ_ONCE(stop)) {
		p->user = iommufd_map_add_user(map, &pinner_ops, p);
		require(!IS_ERR(p->user));
		for (i = 0; i < 200 && !READ_ONCE(stop); i++)
			pin_or_unpin(p);
		require(!iommufd_map_remove_user(p->user, false));
		for (i = 0; i < NR_PINS; i++)
			require(!p->pins[i].last);
		require(iommufd_map_pin(p->user, 0, PAGE_SIZE, NULL, 0) ==
			-ENOENT);
		iommufd_map_user_put(p->user);
	}
	return NULL;
}

static struct pinner pinners[NR_PINNERS];
static struct worker mappers[NR_MAPPERS], attachers[NR_ATTACHERS], revoker;

static void start(struct worker *w, unsigned int seed, void *(*run)(void *))
{
	w->state = (seed + 1) * 0x9e3779b97f4a7c15;
	memory_init(&w->mem, 12, run == run_revoker ? 1 : 3);
	w->mem.is_fixed = run == run_revoker;
	if (pthread_create(&w->thread, NULL, run, w))
		abort();
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 5, i;
	unsigned long nr_maps = 0, nr_attached = 0, nr_pins = 0;
	u64 bytes;

	alarm(seconds + 60);
	require(!iommufd_map_init());
	map = iommufd_map_create();
	require(!iommufd_map_set_huge_pages(map, false));	/* to cut */
	for (i = 0; i < NR_MAPPERS; i++)
		start(&mappers[i], i, run_mapper);
	for (i = 0; i < NR_ATTACHERS; i++)
		start(&attachers[i], NR_MAPPERS + i, run_attacher);
	start(&revoker, NR_MAPPERS + NR_ATTACHERS, run_revoker);
	for (i = 0; i < NR_PINNERS; i++) {
		pthread_mutex_init(&pinners[i].lock, NULL);
		start(&pinners[i].w, NR_MAPPERS + NR_ATTACHERS + 1 + i,
		      run_pinner);
	}
	sleep(seconds);
	WRITE_ONCE(stop, true);
	for (i = 0; i < NR_MAPPERS; i++) {
		pthread_join(mappers[i].thread, NULL);
		nr_maps += mappers[i].nr_good;
	}
	for (i = 0; i < NR_ATTACHERS; i++) {
		pthread_join(attachers[i].thread, NULL);
		nr_attached += attachers[i].nr_good;
	}
	for (i = 0; i < NR_PINNERS; i++) {
		pthread_join(pinners[i].w.thread, NULL);
		nr_pins += pinners[i].w.nr_good;
		memory_destroy(&pinners[i].w.mem);
	}
	pthread_join(revoker.thread, NULL);
	require(!iommufd_map_remove_all(map, &bytes));
	iommufd_map_destroy(map);
	for (i = 0; i < NR_MAPPERS; i++)
		memory_destroy(&mappers[i].mem);
	memory_destroy(&revoker.mem);
	require(nr_maps && nr_attached && revoker.nr_good && nr_pins);
	require(!host_slab_objects);
	printf("%lu maps and unmaps, %lu attaches, %lu revoked, %lu pins\n",
	       nr_maps, nr_attached, revoker.nr_good, nr_pins);
	iommufd_map_exit();
	return 0;
}
