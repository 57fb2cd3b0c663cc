// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "iommufd_model.h"

unsigned int model_from(const struct model_space *space, uint64_t iova)
{
	unsigned int low = 0, high = space->nr, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (model_last(&space->maps[middle]) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct model_map *model_at(const struct model_space *space, uint64_t iova)
{
	unsigned int i = model_from(space, iova);

	return i < space->nr && space->maps[i].iova <= iova ? &space->maps[i] : NULL;
}

bool model_meets(const struct model_space *space, uint64_t iova, uint64_t bytes)
{
	unsigned int i = model_from(space, iova);

	return i < space->nr && space->maps[i].iova <= iova + bytes - 1;
}

bool model_covers(const struct model_space *space, uint64_t iova, uint64_t bytes)
{
	const uint64_t last = iova + bytes - 1;
	const struct model_map *map = model_at(space, iova);

	while (map && model_last(map) < last)
		map = model_at(space, model_last(map) + 1);
	return map;
}

bool model_writable(const struct model_space *space, uint64_t iova, uint64_t bytes)
{
	unsigned int i = model_from(space, iova);

	for (; i < space->nr && space->maps[i].iova <= iova + bytes - 1; i++)
		if (!space->maps[i].writable)
			return false;
	return true;
}

bool model_copy_writable(const struct model_space *space, uint64_t iova, uint64_t bytes)
{
	unsigned int i = model_from(space, iova);

	for (; i < space->nr && space->maps[i].iova <= iova + bytes - 1; i++)
		if (!space->maps[i].store_writable)
			return false;
	return true;
}

bool model_inside(const struct model_space *space, uint64_t first, uint64_t last)
{
	return !space->nr || (space->maps[0].iova >= first &&
			      model_last(&space->maps[space->nr - 1]) <= last);
}

bool model_aligned(const struct model_space *space, uint64_t align)
{
	const struct model_map *map;
	unsigned int i;

	for (i = 0; i < space->nr; i++) {
		map = &space->maps[i];
		if ((map->iova | map->bytes | map->va) & (align - 1))
			return false;
	}
	return true;
}

bool model_add(struct model_space *space, const struct model_map *map)
{
	unsigned int i = model_from(space, map->iova);

	if (space->nr == MODEL_MAPS)
		return false;
	memmove(&space->maps[i + 1], &space->maps[i], (space->nr - i) * sizeof(*map));
	space->maps[i] = *map;
	space->nr++;
	return true;
}

bool model_slice(const struct model_space *space, unsigned int at, uint64_t iova,
		 uint64_t bytes, struct model_map *slice)
{
	const uint64_t last = iova + bytes - 1;
	uint64_t skip;

	if (at >= space->nr || space->maps[at].iova > last)
		return false;
	*slice = space->maps[at];
	if (slice->iova < iova) {
		skip = iova - slice->iova;
		slice->iova += skip;
		slice->va += skip;
		slice->bytes -= skip;
	}
	if (model_last(slice) > last)
		slice->bytes = last - slice->iova + 1;
	return true;
}

bool model_may_unmap(const struct model_space *space, uint64_t iova, uint64_t last,
		     uint64_t *bytes)
{
	unsigned int i = model_from(space, iova);

	*bytes = 0;
	for (; i < space->nr && space->maps[i].iova <= last; i++) {
		if (space->maps[i].iova < iova || model_last(&space->maps[i]) > last)
			return false;
		*bytes += space->maps[i].bytes;
	}
	return *bytes;
}

void model_unmap(struct model_space *space, uint64_t iova, uint64_t last)
{
	unsigned int first = model_from(space, iova), end = first;

	while (end < space->nr && space->maps[end].iova <= last)
		end++;
	memmove(&space->maps[first], &space->maps[end],
		(space->nr - end) * sizeof(space->maps[0]));
	space->nr -= end - first;
}

uint64_t model_place(const struct model_space *space, uint64_t first, uint64_t last,
		     uint64_t bytes, uint64_t modulus, uint64_t residue)
{
	unsigned int i = model_from(space, first);
	uint64_t at = first;

	for (;;) {
		at += (residue - at) & (modulus - 1);
		if (at < first || at > last || last - at < bytes - 1)
			return 0;
		while (i < space->nr && model_last(&space->maps[i]) < at)
			i++;
		if (i == space->nr || space->maps[i].iova > at + bytes - 1)
			return at;
		at = model_last(&space->maps[i]) + 1;
	}
}

uint64_t model_bytes(const struct model_space *space)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < space->nr; i++)
		bytes += space->maps[i].bytes;
	return bytes;
}
