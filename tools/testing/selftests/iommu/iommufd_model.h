/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one IO address space must hold: a sorted list of mappings, kept in user
 * space by whoever drives the kernel, to compare with. Makes no system call.
 */
#ifndef IOMMUFD_MODEL_H
#define IOMMUFD_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_MAPS	160

/*
 * Memory at va mapped at iova. Mappings of one store share its pinned pages. base
 * is where a file that was mapped by its descriptor begins, 0 for other memory. A
 * read-only copy of memory that was mapped writable can be copied writable again.
 */
struct model_map {
	uint64_t iova;
	uint64_t bytes;
	uintptr_t va;
	uintptr_t base;
	uint32_t store;
	bool writable;
	bool store_writable;
};

struct model_space {
	unsigned int nr;
	struct model_map maps[MODEL_MAPS];
};

static inline uint64_t model_last(const struct model_map *map)
{
	return map->iova + map->bytes - 1;
}

/* The map that holds an address, NULL if none does */
const struct model_map *model_at(const struct model_space *space, uint64_t iova);
/* The lowest map that ends at or behind an address, as an index */
unsigned int model_from(const struct model_space *space, uint64_t iova);
bool model_meets(const struct model_space *space, uint64_t iova, uint64_t bytes);
/* Is all of the range mapped? May all that is mapped be written, may a copy of it? */
bool model_covers(const struct model_space *space, uint64_t iova, uint64_t bytes);
bool model_writable(const struct model_space *space, uint64_t iova, uint64_t bytes);
bool model_copy_writable(const struct model_space *space, uint64_t iova, uint64_t bytes);
/* Does every map lie in [first, last]? Is every one a multiple of align, va too? */
bool model_inside(const struct model_space *space, uint64_t first, uint64_t last);
bool model_aligned(const struct model_space *space, uint64_t align);

/* Add a map that meets no other; false when there is no more room. */
bool model_add(struct model_space *space, const struct model_map *map);

/*
 * Part of a map that [iova, iova + bytes) covers, from the map with index at on;
 * false behind the last one.
 */
bool model_slice(const struct model_space *space, unsigned int at, uint64_t iova,
		 uint64_t bytes, struct model_map *slice);

/* Would an unmap of [iova, last] work, and how many bytes would it remove? */
bool model_may_unmap(const struct model_space *space, uint64_t iova, uint64_t last,
		     uint64_t *bytes);
void model_unmap(struct model_space *space, uint64_t iova, uint64_t last);

/*
 * The lowest free place in [first, last] which is residue modulo modulus, a power
 * of two; 0 if there is none.
 */
uint64_t model_place(const struct model_space *space, uint64_t first, uint64_t last,
		     uint64_t bytes, uint64_t modulus, uint64_t residue);

uint64_t model_bytes(const struct model_space *space);

#endif
