// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping and unmapping: one range again and again, and many scattered pages.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"

#define SCATTERED	10000
#define SCATTER_STEP	HUGE_BYTES

static const struct backend_ops *const all[] = {
	&backend_iommufd, &backend_compat, &backend_type1, &backend_nodomain, NULL
};

static int timed_map(struct samples *s, struct backend *backend, void *mem, uint64_t bytes,
		     uint64_t iova)
{
	int err;

	samples_begin(s);
	err = backend->ops->map(backend, mem, bytes, iova);
	samples_end(s);
	return err;
}

static int timed_unmap(struct samples *s, struct backend *backend, uint64_t iova, uint64_t bytes)
{
	int err;

	samples_begin(s);
	err = backend->ops->unmap(backend, iova, bytes);
	samples_end(s);
	return err;
}

static int run_map(struct bench *bench, const struct row_set *set)
{
	struct backend *backend = &bench->backend;
	const char *memory = memory_names[set->kind];
	struct samples map, unmap;
	unsigned int i;
	int err = 0;

	samples_init(&map, "map", memory, set->bytes, set->count);
	samples_init(&unmap, "unmap", memory, set->bytes, set->count);
	for (i = 0; i < set->count && !err; i++) {
		err = timed_map(&map, backend, bench_memory(bench, set), set->bytes, IOVA_BASE);
		if (!err)
			err = timed_unmap(&unmap, backend, IOVA_BASE, set->bytes);
	}
	samples_report(&map, backend->ops->name);
	samples_report(&unmap, backend->ops->name);
	return err;
}

/* Address of the scattered page with this number: not always the first of its 2 MiB */
static uint64_t scattered(uint32_t number)
{
	return IOVA_SCATTERED + number * SCATTER_STEP + (number * 7 % 512) * PAGE_BYTES;
}

static int map_scattered(struct samples *s, struct backend *backend, uint8_t *mem,
			 const uint32_t *order)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < SCATTERED && !err; i++)
		err = timed_map(s, backend, mem + i * PAGE_BYTES, PAGE_BYTES, scattered(order[i]));
	return err;
}

static int unmap_scattered(struct samples *s, struct backend *backend, const uint32_t *order)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < SCATTERED && !err; i++)
		err = timed_unmap(s, backend, scattered(order[i]), PAGE_BYTES);
	return err;
}

/*
 * The first pass makes the page tables, so it alone gives the cost of a map. The
 * second fills the address space again to empty it with one call.
 */
static int run_scatter(struct bench *bench, const struct row_set *set)
{
	struct backend *backend = &bench->backend;
	struct samples map, again, unmap, all_at_once;
	uint32_t *order = shuffled(SCATTERED);
	int err;

	if (!order)
		return -ENOMEM;
	samples_init(&map, "scatter-map", "4k", PAGE_BYTES, SCATTERED);
	samples_init(&again, "scatter-map-again", "4k", PAGE_BYTES, SCATTERED);
	samples_init(&unmap, "scatter-unmap", "4k", PAGE_BYTES, SCATTERED);
	samples_init(&all_at_once, "scatter-unmap-all", "4k", SCATTERED * PAGE_BYTES, 1);
	err = map_scattered(&map, backend, bench_memory(bench, set), order);
	if (!err)
		err = unmap_scattered(&unmap, backend, order);
	if (!err)
		err = map_scattered(&again, backend, bench_memory(bench, set), order);
	if (!err)
		err = timed_unmap(&all_at_once, backend, IOVA_SCATTERED,
				  SCATTERED * SCATTER_STEP);
	samples_report(&map, backend->ops->name);
	samples_report(&again, backend->ops->name);
	samples_report(&unmap, backend->ops->name);
	samples_report(&all_at_once, backend->ops->name);
	free(order);
	return err;
}

#define MAP_SET(_kind, _bytes, _count) \
	{ .rows = "map unmap", .kind = _kind, .bytes = _bytes, .count = _count, \
	  .run = run_map, .backends = all }

const struct row_set map_sets[] = {
	MAP_SET(MEMORY_4K, PAGE_BYTES, 301),
	MAP_SET(MEMORY_4K, HUGE_BYTES, 61),
	MAP_SET(MEMORY_4K, 64ul << 20, 7),
	MAP_SET(MEMORY_4K, 512ul << 20, 3),
	MAP_SET(MEMORY_THP, PAGE_BYTES, 301),
	MAP_SET(MEMORY_THP, HUGE_BYTES, 61),
	MAP_SET(MEMORY_THP, 64ul << 20, 7),
	MAP_SET(MEMORY_THP, 512ul << 20, 3),
	MAP_SET(MEMORY_HUGE, PAGE_BYTES, 301),
	MAP_SET(MEMORY_HUGE, HUGE_BYTES, 61),
	MAP_SET(MEMORY_HUGE, 64ul << 20, 7),
	MAP_SET(MEMORY_HUGE, 512ul << 20, 3),
	{ .rows = "scatter-map scatter-unmap scatter-unmap-all", .kind = MEMORY_4K,
	  .bytes = PAGE_BYTES * SCATTERED, .each = PAGE_BYTES, .run = run_scatter, .backends = all },
	{ }
};
