// SPDX-License-Identifier: GPL-2.0-only
/*
 * How cost and memory grow: with the length of a mapping, and with the number of
 * mappings in an address space.
 */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bench.h"

#define TRIES		101
/* At least so much is mapped to see what is kept for it */
#define COUNTED		(512ul << 20)

static const struct backend_ops *const attached[] = { &backend_iommufd, NULL };
static const struct backend_ops *const detached[] = { &backend_nodomain, NULL };

/* A number of /proc/meminfo or /proc/vmstat; 0 when it is not there */
static uint64_t read_number(const char *path, const char *name)
{
	char word[64];
	uint64_t value, found = 0;
	FILE *file;

	file = fopen(path, "r");
	while (file && fscanf(file, "%63s %" SCNu64 "%*[^\n]", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	if (file)
		fclose(file);
	return found;
}

static void write_one(const char *path)
{
	FILE *file = fopen(path, "w");

	if (file) {
		fputs("1\n", file);
		fclose(file);
	}
}

/* Give back the slabs without objects, so that what comes is seen. */
static void shrink_slabs(void)
{
	glob_t found;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		write_one(found.gl_pathv[i]);
	globfree(&found);
}

/* Bytes that the kernel holds for itself, IO page tables left out */
static uint64_t kernel_bytes(void)
{
	/* Else each processor keeps some of the count to itself */
	write_one("/proc/sys/vm/stat_refresh");
	return read_number("/proc/vmstat", "nr_slab_unreclaimable") * PAGE_BYTES +
	       read_number("/proc/meminfo", "VmallocUsed:") * 1024;
}

/*
 * Print "held NAME PAGES BYTES": what the kernel keeps for mappings of this length.
 * Short ones are counted many at a time, as slabs grow by whole pages.
 */
static int tell_held(struct bench *bench, const struct row_set *set, const char *name)
{
	uint64_t nr = set->bytes < COUNTED ? COUNTED / set->bytes : 1, before, i;
	struct backend *backend = &bench->backend;
	int err = 0;

	shrink_slabs();
	before = kernel_bytes();
	for (i = 0; i < nr && !err; i++)
		err = backend->ops->map(backend, bench_memory(bench, set), set->bytes,
					IOVA_SCATTERED + i * set->bytes);
	if (!err)
		printf("held %s %" PRIu64 " %" PRId64 "\n", name, nr * set->bytes / PAGE_BYTES,
		       (int64_t)(kernel_bytes() - before));
	for (i = 0; i < nr && !err; i++)
		err = backend->ops->unmap(backend, IOVA_SCATTERED + i * set->bytes, set->bytes);
	return err;
}

static int run_flat(struct bench *bench, const struct row_set *set)
{
	struct backend *backend = &bench->backend;
	struct samples map, unmap;
	unsigned int i;
	int err = 0;

	samples_init(&map, "flat-map", memory_names[set->kind], set->bytes, set->count);
	samples_init(&unmap, "flat-unmap", memory_names[set->kind], set->bytes, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&map);
		err = backend->ops->map(backend, bench_memory(bench, set), set->bytes, IOVA_SCATTERED);
		samples_end(&map);
		if (err)
			break;
		samples_begin(&unmap);
		err = backend->ops->unmap(backend, IOVA_SCATTERED, set->bytes);
		samples_end(&unmap);
	}
	if (!err)
		err = tell_held(bench, set, map.name);
	samples_report(&map, backend->ops->name);
	samples_report(&unmap, backend->ops->name);
	return err;
}

/* Every second page of [IOVA_BASE, IOVA_BASE + 2 * nr pages) */
static int fill(struct backend *backend, void *mem, uint64_t nr)
{
	uint64_t i;
	int err = 0;

	for (i = 0; i < nr && !err; i++)
		err = backend->ops->map(backend, mem, PAGE_BYTES, IOVA_BASE + 2 * i * PAGE_BYTES);
	return err;
}

/* Let the kernel choose addresses in what is filled, and behind that, only. */
static int confine(struct backend *backend, uint64_t nr)
{
	struct iommu_iova_range range = {
		.start = IOVA_BASE,
		.last = IOVA_BASE + 2 * nr * PAGE_BYTES + HUGE_BYTES - 1,
	};
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = backend->ioas_id,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&range,
	};

	return ioctl(backend->dev.iommufd, IOMMU_IOAS_ALLOW_IOVAS, &allow) ? -errno : 0;
}

/* Map where the kernel likes; the address that it chose */
static int map_anywhere(struct backend *backend, void *mem, uint64_t bytes, uint64_t *iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = backend->ioas_id,
		.user_va = (uintptr_t)mem,
		.length = bytes,
	};

	if (ioctl(backend->dev.iommufd, IOMMU_IOAS_MAP, &map))
		return -errno;
	*iova = map.iova;
	return 0;
}

/* One page fits between any two mappings, two pages only behind the last. */
static int run_search(struct backend *backend, void *mem, uint64_t bytes, uint64_t nr,
		      struct samples *search)
{
	uint64_t iova = 0, end = IOVA_BASE + (2 * nr - 1) * PAGE_BYTES;
	unsigned int i;
	int err = 0;

	for (i = 0; i < TRIES && !err; i++) {
		samples_begin(search);
		err = map_anywhere(backend, mem, bytes, &iova);
		samples_end(search);
		if (!err && bytes > PAGE_BYTES && iova < end)
			err = -EBADMSG;
		if (!err)
			err = backend->ops->unmap(backend, iova, bytes);
	}
	return err;
}

/* Into holes all over the range, and out again */
static int run_holes(struct backend *backend, void *mem, uint64_t nr, struct samples *map,
		     struct samples *unmap)
{
	uint64_t iova;
	unsigned int i;
	int err = 0;

	for (i = 0; i < TRIES && !err; i++) {
		iova = IOVA_BASE + (2 * (i * 7919ull * 104729 % nr) + 1) * PAGE_BYTES;
		samples_begin(map);
		err = backend->ops->map(backend, mem, PAGE_BYTES, iova);
		samples_end(map);
		if (err)
			break;
		samples_begin(unmap);
		err = backend->ops->unmap(backend, iova, PAGE_BYTES);
		samples_end(unmap);
	}
	return err;
}

static void init_named(struct samples *s, const char *op, uint64_t nr)
{
	char name[ROW_NAME_LEN];

	snprintf(name, sizeof(name), "%s-%" PRIu64, op, nr);
	samples_init(s, name, NULL, 0, TRIES);
}

/* set->count mappings */
static int run_many(struct bench *bench, const struct row_set *set)
{
	struct backend *backend = &bench->backend;
	struct samples one, two, map, unmap;
	uint64_t nr = set->count;
	uint8_t *mem = bench_memory(bench, set);
	int err;

	init_named(&one, "search-4K", nr);
	init_named(&two, "search-8K", nr);
	init_named(&map, "map-in-hole", nr);
	init_named(&unmap, "unmap-in-hole", nr);
	err = confine(backend, nr);
	if (!err)
		err = fill(backend, mem, nr);
	if (!err)
		err = run_search(backend, mem, PAGE_BYTES, nr, &one);
	if (!err)
		err = run_search(backend, mem, 2 * PAGE_BYTES, nr, &two);
	if (!err)
		err = run_holes(backend, mem, nr, &map, &unmap);
	samples_report(&one, "iommufd");
	samples_report(&two, "iommufd");
	samples_report(&map, "iommufd");
	samples_report(&unmap, "iommufd");
	return err;
}

#define FLAT(_kind, _bytes, _count) \
	{ .rows = "flat-map flat-unmap", .kind = _kind, .bytes = _bytes, .count = _count, \
	  .extra = true, .run = run_flat, .backends = attached }
#define MANY(_count) \
	{ .rows = "search map-in-hole unmap-in-hole", .kind = MEMORY_4K, .bytes = HUGE_BYTES, \
	  .count = _count, .extra = true, .run = run_many, .backends = detached }

const struct row_set scale_sets[] = {
	FLAT(MEMORY_4K, HUGE_BYTES, 11),
	FLAT(MEMORY_4K, 16ul << 20, 5),
	FLAT(MEMORY_4K, 128ul << 20, 3),
	FLAT(MEMORY_4K, 1ul << 30, 3),
	FLAT(MEMORY_4K, 4ul << 30, 3),
	MANY(10),
	MANY(10000),
	MANY(1000000),
	FLAT(MEMORY_THP, HUGE_BYTES, 11),
	FLAT(MEMORY_THP, 16ul << 20, 5),
	FLAT(MEMORY_THP, 128ul << 20, 3),
	FLAT(MEMORY_THP, 1ul << 30, 3),
	FLAT(MEMORY_THP, 4ul << 30, 3),
	{ }
};
