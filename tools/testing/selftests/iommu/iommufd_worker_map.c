// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the random tester that need no device: address spaces, mappings of
 * all kinds of memory, copies, options.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/memory.h"

#define HUGE_PAGE_BYTES	(2ULL << 20)
#define SPARE_MAPS	16
#define FILE_ARENA	2

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A length in units, mostly small */
static uint64_t some_units(struct worker *w, uint64_t max)
{
	const unsigned int kind = worker_below(w, 10);

	if (kind < 6)
		return 1 + worker_below(w, min_u64(8, max));
	if (kind < 9)
		return 1 + worker_below(w, min_u64(64, max));
	return 1 + worker_below(w, max);
}

static uint64_t some_unit_bytes(struct worker *w, unsigned int space)
{
	const bool small = worker_chance(w, 30);

	return small && space != SHARED ? MOCK_PAGE : PAGE_BYTES;
}

/* Where a fixed mapping could go: anywhere, or close to one that is there */
static uint64_t some_iova(struct worker *w, unsigned int space, uint64_t bytes, uint64_t unit)
{
	const struct model_space *model = &w->spaces[space].model;
	const uint64_t lowest = space == SHARED ? w->first :
				space_has_hwpt(w, space) ? MOCK_APERTURE_START : PAGE_BYTES;
	const uint64_t any = w->first + worker_below(w, (WINDOW_BYTES - bytes) / unit + 1) * unit;
	const unsigned int kind = worker_below(w, 8);
	const struct model_map *near;
	uint64_t iova = any;

	if (!model->nr)
		return any;
	near = &model->maps[worker_below(w, model->nr)];
	if (kind == 0)
		iova = model_last(near) + 1;
	else if (kind == 1)
		iova = near->iova - bytes;
	else if (kind == 2)
		iova = near->iova - near->iova % unit;
	else if (kind == 3)
		iova = (near->iova + near->bytes / 2) & ~(unit - 1);
	if (iova < lowest || iova > w->last || w->last - iova < bytes - 1)
		return any;
	return iova;
}

/* Where the kernel must put memory when it may choose, or an errno in err */
static uint64_t chosen_iova(const struct worker *w, unsigned int space,
			    const struct model_map *first, uint64_t bytes, int *err)
{
	const uint64_t address = first->va - first->base;
	uint64_t align = 1, low = PAGE_BYTES, last = UINT64_MAX - PAGE_BYTES, iova;

	while (align < bytes)
		align <<= 1;
	align = min_u64(align, HUGE_PAGE_BYTES);
	if (address)
		align = min_u64(align, address & -address);
	*err = -EINVAL;
	if (align < space_alignment(w, space) || bytes & (space_alignment(w, space) - 1))
		return 0;
	if (space_has_hwpt(w, space)) {
		low = MOCK_APERTURE_START;
		last = MOCK_APERTURE_LAST;
	}
	if (align < PAGE_BYTES)
		align = PAGE_BYTES;
	iova = model_place(&w->spaces[space].model, low, last, bytes, align,
			   first->va & (PAGE_BYTES - 1));
	*err = iova ? 0 : -ENOSPC;
	return iova;
}

/* What a mapping at a given address must answer */
static int fixed_result(const struct worker *w, unsigned int space, uint64_t iova,
			uint64_t bytes, uint64_t low_bits)
{
	if ((iova | bytes | low_bits) & (space_alignment(w, space) - 1))
		return -EINVAL;
	return model_meets(&w->spaces[space].model, iova, bytes) ? -EEXIST : 0;
}

static bool has_room(const struct worker *w, unsigned int space)
{
	return w->spaces[space].model.nr + SPARE_MAPS < MODEL_MAPS;
}

static int call_map(struct worker *w, unsigned int space, const struct model_map *map,
		    bool fixed, bool by_file, uint64_t *iova)
{
	const uint32_t flags = IOMMU_IOAS_MAP_READABLE |
			       (map->writable ? IOMMU_IOAS_MAP_WRITEABLE : 0) |
			       (fixed ? IOMMU_IOAS_MAP_FIXED_IOVA : 0);
	struct iommu_ioas_map_file file = {
		.size = sizeof(file), .flags = flags, .ioas_id = w->spaces[space].ioas,
		.fd = w->arenas[FILE_ARENA].file, .start = map->va - map->base,
		.length = map->bytes, .iova = *iova,
	};
	int err;

	if (!by_file)
		return ioas_map(w->shared->fd, w->spaces[space].ioas, (void *)map->va,
				map->bytes, iova, flags);
	err = iommufd_call(w->shared->fd, IOMMU_IOAS_MAP_FILE, &file);
	*iova = file.iova;
	return err;
}

/* The container of the descriptor is the space that all workers share. */
static bool goes_through_container(const struct worker *w, int space)
{
	return space == SHARED && w->shared->has_container;
}

static int call_map_dma(struct worker *w, const struct model_map *map)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg), .vaddr = map->va, .iova = map->iova, .size = map->bytes,
		.flags = VFIO_DMA_MAP_FLAG_READ | (map->writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
	};

	return iommufd_call(w->shared->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int call_unmap_dma(struct worker *w, uint64_t iova, uint64_t bytes, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .iova = iova, .size = bytes,
	};
	int err = iommufd_call(w->shared->fd, VFIO_IOMMU_UNMAP_DMA, &arg);

	*unmapped = arg.size;
	return err;
}

static void step_map(struct worker *w)
{
	const bool only_file = w->shared->files_only;
	const unsigned int any = worker_below(w, ARENAS), nr = only_file ? FILE_ARENA : any;
	const struct arena *arena = &w->arenas[nr];
	const bool may_choose = worker_chance(w, 25), file_wish = worker_chance(w, 70);
	const bool by_file = only_file || (nr == FILE_ARENA && file_wish && w->shared->has_file);
	const bool container_wish = worker_chance(w, 40);
	const int space = worker_any_space(w);
	const bool contained = container_wish && goes_through_container(w, space) && !by_file;
	const bool fixed = space == SHARED || !may_choose;
	const uint64_t unit = some_unit_bytes(w, space);
	const uint64_t units = some_units(w, arena->bytes / unit);
	const uint64_t skip = worker_below(w, arena->bytes / unit - units + 1);
	struct model_map map = {
		.bytes = units * unit, .va = (uintptr_t)arena->mem + skip * unit,
		.base = by_file ? (uintptr_t)arena->mem : 0, .writable = worker_chance(w, 80),
	};
	uint64_t iova;
	int err, wanted;

	map.iova = some_iova(w, space, map.bytes, unit);
	map.store = ++w->next_store;
	map.store_writable = map.writable;
	if (!has_room(w, space))
		return;
	if (fixed)
		wanted = fixed_result(w, space, map.iova, map.bytes, map.va - map.base);
	else
		map.iova = chosen_iova(w, space, &map, map.bytes, &wanted);
	worker_note(w, space, "map%s space %d %s%#llx bytes %#llx arena %u+%#llx%s",
		    by_file ? "_file" : contained ? "_dma" : "", space, fixed ? "" : "auto ",
		    (unsigned long long)map.iova, (unsigned long long)map.bytes, nr,
		    (unsigned long long)(skip * unit), map.writable ? "" : " read-only");
	iova = fixed ? map.iova : 0;
	err = contained ? call_map_dma(w, &map) :
			  call_map(w, space, &map, fixed, by_file, &iova);
	if (!worker_expect(w, err, wanted, "map") || err)
		return;
	if (worker_expect(w, iova, map.iova, "the address chosen"))
		model_add(&w->spaces[space].model, &map);
	w->worked++;
}

/* A range to unmap: one mapping, several, a part of one, all, or anything */
static void some_range(struct worker *w, unsigned int space, uint64_t *iova, uint64_t *bytes)
{
	const struct model_space *model = &w->spaces[space].model;
	const unsigned int kind = worker_below(w, 20), more = worker_below(w, 12);
	const unsigned int at = worker_below(w, model->nr ? model->nr : 1);
	const uint64_t any = worker_below(w, WINDOW_BYTES / PAGE_BYTES) * PAGE_BYTES;
	const struct model_map *from = &model->maps[at], *to = from;

	if (!model->nr || kind == 0) {
		*iova = w->first + any;
		*bytes = min_u64((more + 1) * more * 16 * PAGE_BYTES + PAGE_BYTES,
				 w->last - *iova + 1);
		return;
	}
	if (kind == 1 && space != SHARED && more == 1) {
		*iova = 0;
		*bytes = UINT64_MAX;
		return;
	}
	if (kind >= 12)
		to = &model->maps[at + more < model->nr ? at + more : model->nr - 1];
	*iova = from->iova;
	*bytes = model_last(to) - from->iova + 1;
	if ((kind == 2 || kind == 12) && *bytes > MOCK_PAGE)
		*iova += MOCK_PAGE;
	if ((kind == 2 || kind == 12 || kind == 3 || kind == 13) && *bytes > MOCK_PAGE)
		*bytes -= MOCK_PAGE;
}

static void step_unmap(struct worker *w)
{
	const bool container_wish = worker_chance(w, 40);
	const int space = worker_any_space(w);
	bool contained = container_wish && goes_through_container(w, space);
	struct model_space *model = &w->spaces[space].model;
	uint64_t iova, bytes, last, wanted_bytes = 0, got_bytes = 0;
	int err, wanted;
	bool all;

	some_range(w, space, &iova, &bytes);
	all = bytes == UINT64_MAX;
	last = all ? UINT64_MAX : iova + bytes - 1;
	wanted = model_may_unmap(model, iova, last, &wanted_bytes) || all ? 0 : -ENOENT;
	/* To a container, nothing there is no error; and it would cut what sticks out */
	if (contained && !model_meets(model, iova, bytes))
		wanted = 0;
	contained = contained && !wanted;
	worker_note(w, space, "unmap%s space %d %#llx bytes %#llx", contained ? "_dma" : "", space,
		    (unsigned long long)iova, (unsigned long long)bytes);
	err = contained ? call_unmap_dma(w, iova, bytes, &got_bytes) :
			  ioas_unmap(w->shared->fd, w->spaces[space].ioas, iova, bytes, &got_bytes);
	if (!worker_expect(w, err, wanted, "unmap") || err ||
	    !worker_expect(w, got_bytes, wanted_bytes, "bytes unmapped"))
		return;
	model_unmap(model, iova, last);
	worker_drop_range(w, space, iova, last);
	w->worked++;
}

struct copy {
	int from, to;
	bool fixed, writable;
	uint64_t src, dst, bytes;
};

/* What a copy must answer; sets where it goes when the kernel chooses */
static int copy_result(const struct worker *w, struct copy *copy)
{
	const struct model_space *model = &w->spaces[copy->from].model;
	unsigned int at = model_from(model, copy->src), i;
	struct model_map slice;
	int err = 0;

	if (!model_covers(model, copy->src, copy->bytes))
		return -ENOENT;
	if (!copy->fixed) {
		model_slice(model, at, copy->src, copy->bytes, &slice);
		copy->dst = chosen_iova(w, copy->to, &slice, copy->bytes, &err);
		if (err)
			return err;
	}
	for (i = at; model_slice(model, i, copy->src, copy->bytes, &slice); i++)
		if ((slice.bytes | slice.va | (copy->dst + slice.iova - copy->src)) &
		    (space_alignment(w, copy->to) - 1))
			return -EINVAL;
	if (copy->fixed)
		err = fixed_result(w, copy->to, copy->dst, copy->bytes, 0);
	if (err)
		return err;
	if (copy->writable && !model_copy_writable(model, copy->src, copy->bytes))
		return -EPERM;
	return 0;
}

/* Both sides may be the same space, so collect what is copied before adding it. */
static void copy_model(struct worker *w, const struct copy *copy)
{
	const struct model_space *model = &w->spaces[copy->from].model;
	unsigned int at = model_from(model, copy->src), nr = 0;
	struct model_map slices[SPARE_MAPS];

	while (nr < SPARE_MAPS &&
	       model_slice(model, at + nr, copy->src, copy->bytes, &slices[nr]))
		nr++;
	while (nr--) {
		slices[nr].iova += copy->dst - copy->src;
		slices[nr].writable = copy->writable;
		model_add(&w->spaces[copy->to].model, &slices[nr]);
	}
}

static unsigned int count_slices(const struct model_space *model, uint64_t iova, uint64_t bytes)
{
	unsigned int at = model_from(model, iova), nr = 0;
	struct model_map slice;

	while (model_slice(model, at + nr, iova, bytes, &slice))
		nr++;
	return nr;
}

static void step_copy(struct worker *w)
{
	struct copy copy = { .from = worker_any_space(w), .to = worker_any_space(w) };
	const struct model_space *model = &w->spaces[copy.from].model;
	const bool may_choose = worker_chance(w, 25);
	const uint64_t unit = some_unit_bytes(w, copy.to);
	const struct model_map *map;
	uint64_t iova, wanted_iova;
	int err, wanted;

	copy.writable = worker_chance(w, 50);
	copy.fixed = copy.to == SHARED || !may_choose;
	if (!model->nr || !has_room(w, copy.to))
		return;
	map = &model->maps[worker_below(w, model->nr)];
	copy.src = map->iova + worker_below(w, (map->bytes + unit - 1) / unit) * unit;
	copy.bytes = some_units(w, worker_chance(w, 70) && map->bytes >= unit ?
				map->bytes / unit : 256) * unit;
	copy.dst = some_iova(w, copy.to, copy.bytes, unit);
	if (count_slices(model, copy.src, copy.bytes) > SPARE_MAPS ||
	    (copy.from == SHARED && copy.src + copy.bytes - 1 > w->last))
		return;
	iova = copy.dst;
	wanted = copy_result(w, &copy);
	wanted_iova = copy.dst;
	worker_note(w, copy.to, "copy space %d %#llx to space %d %s%#llx bytes %#llx%s",
		    copy.from, (unsigned long long)copy.src, copy.to, copy.fixed ? "" : "auto ",
		    (unsigned long long)copy.dst, (unsigned long long)copy.bytes,
		    copy.writable ? "" : " read-only");
	err = ioas_copy(w->shared->fd, w->spaces[copy.to].ioas, &iova, w->spaces[copy.from].ioas,
			copy.src, copy.bytes,
			IOMMU_IOAS_MAP_READABLE | (copy.writable ? IOMMU_IOAS_MAP_WRITEABLE : 0) |
			(copy.fixed ? IOMMU_IOAS_MAP_FIXED_IOVA : 0));
	if (!worker_expect(w, err, wanted, "copy") || err ||
	    !worker_expect(w, iova, wanted_iova, "the address chosen"))
		return;
	copy_model(w, &copy);
	w->worked++;
}

static bool has_access(const struct worker *w, unsigned int space)
{
	unsigned int i;

	for (i = 0; i < ACCESSES; i++)
		if (w->accesses[i].live && w->accesses[i].space == space)
			return true;
	return false;
}

static void step_space(struct worker *w)
{
	const unsigned int at = worker_below(w, SHARED);
	const bool destroy = worker_chance(w, 20);
	struct space *space = &w->spaces[at];
	int err, wanted;

	if (!space->live) {
		if (!worker_expect(w, ioas_alloc(w->shared->fd, &space->ioas), 0, "IOAS_ALLOC"))
			return;
		worker_note(w, at, "space %u is IOAS %u", at, space->ioas);
		space->live = true;
		space->huge = true;
		w->worked++;
	} else if (destroy) {
		wanted = space_has_hwpt(w, at) || has_access(w, at) ? -EBUSY : 0;
		worker_note(w, at, "destroy space %u, IOAS %u", at, space->ioas);
		err = object_destroy(w->shared->fd, space->ioas);
		if (worker_expect(w, err, wanted, "destroy of an IOAS") && !err)
			memset(space, 0, sizeof(*space));
		w->worked += !err;
	}
}

static void step_huge(struct worker *w)
{
	const unsigned int at = worker_below(w, SHARED);
	struct space *space = &w->spaces[at];
	const bool huge = worker_chance(w, 60);
	uint64_t value = 2;
	int err, wanted = 0;

	if (!space->live)
		return;
	if (space->huge != huge) {
		if (!huge && space_has_hwpt(w, at) && space->model.nr)
			wanted = -EINVAL;
		else if (!huge && !model_aligned(&space->model, PAGE_BYTES))
			wanted = -EADDRINUSE;
		worker_note(w, at, "HUGE_PAGES=%d of space %u", huge, at);
		err = option_set(w->shared->fd, IOMMU_OPTION_HUGE_PAGES, space->ioas, huge);
		if (!worker_expect(w, err, wanted, "HUGE_PAGES"))
			return;
		if (!err)
			space->huge = huge;
	}
	err = option_get(w->shared->fd, IOMMU_OPTION_HUGE_PAGES, space->ioas, &value);
	if (worker_expect(w, err, 0, "get HUGE_PAGES"))
		worker_expect(w, value, space->huge, "value of HUGE_PAGES");
	w->worked++;
}

static void step_ranges(struct worker *w)
{
	const unsigned int at = worker_below(w, SHARED);
	const struct space *space = &w->spaces[at];
	struct iommu_iova_range range = {};
	uint64_t alignment = 0;
	uint32_t nr = 1;
	bool bound;

	if (!space->live)
		return;
	bound = space_has_hwpt(w, at);
	worker_note(w, at, "ranges of space %u", at);
	if (!worker_expect(w, ioas_ranges(w->shared->fd, space->ioas, &range, &nr, &alignment), 0,
			   "IOVA_RANGES"))
		return;
	worker_expect(w, nr, 1, "ranges");
	worker_expect(w, range.start, bound ? MOCK_APERTURE_START : 0, "first usable address");
	worker_expect(w, range.last, bound ? MOCK_APERTURE_LAST : UINT64_MAX,
		      "last usable address");
	worker_expect(w, alignment, space_alignment(w, at), "alignment");
	w->worked++;
}

static bool has_user_memory(const struct worker *w)
{
	unsigned int i, j;

	for (i = 0; i < SPACES; i++)
		for (j = 0; w->spaces[i].live && j < w->spaces[i].model.nr; j++)
			if (!w->spaces[i].model.maps[j].base)
				return true;
	return false;
}

/*
 * All workers' mappings take part, and what others do decides whether it works.
 * That the charges stay right is seen at the end.
 */
static void step_change_process(struct worker *w)
{
	int err = change_process(w->shared->fd);

	worker_note(w, -1, "change process: %d", err);
	/* A mapping of some other worker is on its way */
	if (err == -EBUSY)
		return;
	if (w->shared->files_only)
		worker_expect(w, err, 0, "CHANGE_PROCESS");
	else if (has_user_memory(w))
		worker_expect(w, err, -EINVAL, "CHANGE_PROCESS of user memory");
	else if (err)
		worker_expect(w, err, -EINVAL, "CHANGE_PROCESS");
	w->worked++;
}

static void step_container(struct worker *w)
{
	struct iommu_vfio_ioas get = { .size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET };
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	if (!w->shared->has_container)
		return;
	worker_note(w, SHARED, "questions to the container");
	if (worker_expect(w, iommufd_call(w->shared->fd, IOMMU_VFIO_IOAS, &get), 0, "VFIO_IOAS"))
		worker_expect(w, get.ioas_id, w->shared->ioas, "the container's IOAS");
	worker_expect(w, iommufd_call(w->shared->fd, VFIO_IOMMU_GET_INFO, &info), 0,
		      "VFIO_IOMMU_GET_INFO");
	w->worked++;
}

const struct step worker_map_steps[] = {
	{ "map", 30, step_map },
	{ "unmap", 16, step_unmap },
	{ "copy", 14, step_copy },
	{ "space", 4, step_space },
	{ "huge pages", 2, step_huge },
	{ "ranges", 2, step_ranges },
	{ "change process", 2, step_change_process },
	{ "container", 1, step_container },
	{ }
};
