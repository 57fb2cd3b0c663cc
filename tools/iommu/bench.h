/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is measured: sets of rows, each run on every back end that it fits.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "memory.h"
#include "samples.h"

/* Where mappings go; no IOMMU reserves anything near. */
#define IOVA_BASE	(1ull << 30)
/* Where scattered pages go, one in each 2 MiB */
#define IOVA_SCATTERED	(8ull << 30)

struct bench {
	const char *bdf;
	struct backend backend;
	struct memory memory[NR_MEMORY_KINDS];
};

/* A set of rows that one piece of code measures together. */
struct row_set {
	const char *rows;		/* "map unmap", operations that it measures */
	enum memory_kind kind;		/* NR_MEMORY_KINDS for none */
	uint64_t bytes;			/* of memory that it needs */
	uint64_t each;			/* of it that one operation works on, 0 for all */
	unsigned int count;		/* operations of each */
	bool extra;			/* only when a pattern asks for it */
	/* On an open back end; 0 or a negative errno */
	int (*run)(struct bench *bench, const struct row_set *set);
	const struct backend_ops *const *backends;	/* NULL ends them */
};

/* The sets of one file; NULL rows end them. */
extern const struct row_set map_sets[];
extern const struct row_set attach_sets[];
extern const struct row_set scale_sets[];
extern const struct row_set dirty_sets[];
extern const struct row_set pasid_sets[];
extern const struct row_set viommu_sets[];

/* Memory of a set's kind, at least as long as it needs */
static inline void *bench_memory(struct bench *bench, const struct row_set *set)
{
	return set->kind < NR_MEMORY_KINDS ? bench->memory[set->kind].mem : NULL;
}

#endif
