/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to map: touched, and proved to lie as its kind says.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdint.h>

#define PAGE_BYTES	4096ul
#define HUGE_BYTES	(2ul << 20)

enum memory_kind {
	MEMORY_4K,	/* single pages, neighbours not neighbours in memory */
	MEMORY_THP,	/* transparent huge pages */
	MEMORY_HUGE,	/* hugetlbfs, 2 MiB pages */
	NR_MEMORY_KINDS
};

struct memory {
	uint8_t *mem;		/* aligned to 2 MiB */
	uint64_t bytes;
};

extern const char *const memory_names[NR_MEMORY_KINDS];

/*
 * Memory of a kind; bytes is a multiple of 2 MiB. Returns 0 or a negative
 * errno: -ENOMEM, or -EXDEV when the pages do not lie as the kind says.
 */
int memory_alloc(struct memory *memory, enum memory_kind kind, uint64_t bytes);
void memory_free(struct memory *memory);

/* 0 .. nr - 1 in an order that looks random and is always the same; NULL on failure */
uint32_t *shuffled(uint32_t nr);

#endif
