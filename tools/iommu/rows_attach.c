// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching the device to an address space, empty or filled before, and sharing
 * the memory of one address space with another.
 */
#include <errno.h>

#include "bench.h"

#define COPY_IOVA	(IOVA_BASE + (2ull << 30))

static const struct backend_ops *const detached[] = { &backend_nodomain, NULL };
static const struct backend_ops *const attached[] = { &backend_iommufd, NULL };

/* Memory that the set wants lies in the address space before the device comes. */
static int run_attach(struct bench *bench, const struct row_set *set)
{
	const char *memory = set->bytes ? memory_names[set->kind] : NULL;
	struct backend *backend = &bench->backend;
	struct samples attach, detach;
	unsigned int i;
	int err;

	err = backend_detach(backend);
	if (!err && set->bytes)
		err = backend->ops->map(backend, bench_memory(bench, set), set->bytes, IOVA_BASE);
	if (err)
		return err;
	samples_init(&attach, "attach", memory, set->bytes, set->count);
	samples_init(&detach, "detach", memory, set->bytes, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&attach);
		err = backend_attach(backend, backend->ioas_id);
		samples_end(&attach);
		if (err)
			break;
		samples_begin(&detach);
		err = backend_detach(backend);
		samples_end(&detach);
	}
	samples_report(&attach, "iommufd");
	samples_report(&detach, "iommufd");
	return err;
}

/* From the back end's address space into dst, and out again */
static int copy_and_back(struct bench *bench, const struct row_set *set, uint32_t dst,
			 struct samples *copy, struct samples *uncopy)
{
	struct backend *backend = &bench->backend;
	uint32_t src = backend->ioas_id;
	unsigned int i;
	int err = 0;

	for (i = 0; i < set->count && !err; i++) {
		samples_begin(copy);
		err = backend_copy(backend, dst, COPY_IOVA, src, IOVA_BASE, set->bytes);
		samples_end(copy);
		if (err)
			break;
		backend->ioas_id = dst;
		samples_begin(uncopy);
		err = backend->ops->unmap(backend, COPY_IOVA, set->bytes);
		samples_end(uncopy);
		backend->ioas_id = src;
	}
	return err;
}

/* Neither address space has a domain: nothing is pinned. */
static int run_copy_nodomain(struct bench *bench, const struct row_set *set)
{
	struct backend *backend = &bench->backend;
	struct samples copy, uncopy;
	uint32_t dst;
	int err;

	err = backend_ioas_alloc(backend, &dst);
	if (!err)
		err = backend->ops->map(backend, bench_memory(bench, set), set->bytes, IOVA_BASE);
	if (err)
		return err;
	samples_init(&copy, "copy-nodomain", memory_names[set->kind], set->bytes, set->count);
	samples_init(&uncopy, "uncopy-nodomain", memory_names[set->kind], set->bytes, set->count);
	err = copy_and_back(bench, set, dst, &copy, &uncopy);
	samples_report(&copy, "iommufd");
	samples_report(&uncopy, "iommufd");
	return err;
}

/* A second place in the same address space, whose domain is filled from the pins. */
static int run_copy(struct bench *bench, const struct row_set *set)
{
	struct backend *backend = &bench->backend;
	struct samples copy, uncopy;
	int err;

	err = backend->ops->map(backend, bench_memory(bench, set), set->bytes, IOVA_BASE);
	if (err)
		return err;
	samples_init(&copy, "copy", memory_names[set->kind], set->bytes, set->count);
	samples_init(&uncopy, "uncopy", memory_names[set->kind], set->bytes, set->count);
	err = copy_and_back(bench, set, backend->ioas_id, &copy, &uncopy);
	samples_report(&copy, "iommufd");
	samples_report(&uncopy, "iommufd");
	return err;
}

#define FILLED	(64ul << 20)

#define SET(_rows, _kind, _bytes, _count, _run, _backends) \
	{ .rows = _rows, .kind = _kind, .bytes = _bytes, .count = _count, .run = _run, \
	  .backends = _backends }

const struct row_set attach_sets[] = {
	SET("attach detach", NR_MEMORY_KINDS, 0, 51, run_attach, attached),
	SET("attach detach", MEMORY_4K, FILLED, 7, run_attach, attached),
	SET("copy-nodomain uncopy-nodomain", MEMORY_4K, FILLED, 101, run_copy_nodomain, detached),
	SET("copy uncopy", MEMORY_4K, FILLED, 7, run_copy, attached),
	SET("attach detach", MEMORY_THP, FILLED, 7, run_attach, attached),
	SET("copy-nodomain uncopy-nodomain", MEMORY_THP, FILLED, 101, run_copy_nodomain, detached),
	SET("copy uncopy", MEMORY_THP, FILLED, 7, run_copy, attached),
	SET("attach detach", MEMORY_HUGE, FILLED, 7, run_attach, attached),
	SET("copy-nodomain uncopy-nodomain", MEMORY_HUGE, FILLED, 101, run_copy_nodomain, detached),
	SET("copy uncopy", MEMORY_HUGE, FILLED, 7, run_copy, attached),
	{ }
};
