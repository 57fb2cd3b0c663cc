// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define SMALL_BYTES	(2ULL << 20)
#define HUGE_BYTES	(4ULL << 20)
#define PIN_SAMPLES	6
#define HOLE_SAMPLES	24

/* splitmix64: any seed will do, and streams of different seeds do not meet. */
uint64_t worker_random(struct worker *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t worker_below(struct worker *w, uint64_t end)
{
	return worker_random(w) % end;
}

bool worker_chance(struct worker *w, unsigned int percent)
{
	return worker_below(w, 100) < percent;
}

void worker_note(struct worker *w, int space, const char *fmt, ...)
{
	struct note *note = &w->history[w->notes++ % HISTORY];
	va_list args;

	note->space = space;
	va_start(args, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
}

/* The notes of the round that have to do with the last one's space */
static void print_history(const struct worker *w)
{
	const int space = w->history[(w->notes - 1) % HISTORY].space;
	unsigned int i = w->notes > HISTORY ? w->notes - HISTORY : 0;
	const struct note *note;

	for (; i < w->notes; i++) {
		note = &w->history[i % HISTORY];
		if (space < 0 || note->space < 0 || note->space == space)
			printf("#   %s\n", note->text);
	}
}

bool worker_expect(struct worker *w, long long got, long long wanted, const char *what)
{
	if (got == wanted)
		return true;
	w->shared->stop = true;
	if (atomic_exchange(&w->shared->failed, true))
		return false;
	printf("# IOMMUFD_SEED=%llu: worker %u, round %u, step %llu\n",
	       (unsigned long long)w->shared->seed, w->index, w->round,
	       (unsigned long long)w->steps);
	printf("# %s: got %lld, the model says %lld\n# what led to it:\n", what, got, wanted);
	print_history(w);
	fflush(stdout);
	return false;
}

int worker_mock(struct worker *w, struct iommu_test_cmd *cmd, uint32_t op, uint32_t id)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	cmd->id = id;
	return iommufd_call(w->shared->fd, IOMMU_TEST_CMD, cmd);
}

static int init_arenas(struct worker *w)
{
	struct arena *arena = w->arenas;

	arena[0] = (struct arena){ memory_alloc(SMALL_BYTES), SMALL_BYTES, -1, true };
	arena[1] = (struct arena){ memory_alloc_huge(HUGE_BYTES), HUGE_BYTES, -1, false };
	arena[2] = (struct arena){ NULL, SMALL_BYTES, memfd_create("arena", MFD_CLOEXEC), true };
	if (!arena[0].mem || !arena[1].mem || arena[2].file < 0)
		return -ENOMEM;
	if (ftruncate(arena[2].file, arena[2].bytes))
		return -errno;
	arena[2].mem = mmap(NULL, arena[2].bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    arena[2].file, 0);
	if (arena[2].mem == MAP_FAILED)
		return -ENOMEM;
	memset(arena[0].mem, 1, arena[0].bytes);
	memset(arena[2].mem, 1, arena[2].bytes);
	return 0;
}

int worker_init(struct worker *w, struct shared *shared, unsigned int index)
{
	unsigned int i;

	w->shared = shared;
	w->index = index;
	w->random = shared->seed + index * 0x632be59bd9b4e019;
	w->first = MOCK_APERTURE_START + (index + 1) * WINDOW_BYTES;
	w->last = w->first + WINDOW_BYTES - 1;
	for (i = 0; i < HWPTS; i++) {
		w->hwpts[i].bits = calloc(DIRTY_BYTES / MOCK_PAGE, 1);
		if (!w->hwpts[i].bits)
			return -ENOMEM;
	}
	return init_arenas(w);
}

/* Nothing is there any more, as after a close. */
void worker_forget(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < ACCESSES; i++)
		if (w->accesses[i].live)
			close(w->accesses[i].fd);
	worker_forget_pasids(w);
	worker_forget_viommus(w);
	for (i = 0; i < HWPTS; i++)
		w->hwpts[i].live = false;
	memset(w->nested, 0, sizeof(w->nested));
	memset(w->spaces, 0, sizeof(w->spaces));
	memset(w->devs, 0, sizeof(w->devs));
	memset(w->accesses, 0, sizeof(w->accesses));
}

void worker_begin(struct worker *w, unsigned int round)
{
	struct space *space = &w->spaces[SHARED];

	w->round = round;
	w->notes = 0;
	worker_forget(w);
	space->live = true;
	space->huge = true;
	space->ioas = w->shared->ioas;
	space->auto_hwpt = w->shared->hwpt;
	space->auto_users = w->shared->has_mock;
	worker_note(w, SHARED, "space %u is IOAS %u with page table %u", SHARED, space->ioas,
		    space->auto_hwpt);
}

bool space_has_hwpt(const struct worker *w, unsigned int space)
{
	unsigned int i;

	for (i = 0; i < HWPTS; i++)
		if (w->hwpts[i].live && w->hwpts[i].space == space)
			return true;
	return w->spaces[space].auto_users;
}

uint64_t space_alignment(const struct worker *w, unsigned int space)
{
	unsigned int i;

	if (space == SHARED || !w->spaces[space].huge)
		return PAGE_BYTES;
	for (i = 0; i < ACCESSES; i++)
		if (w->accesses[i].live && w->accesses[i].pins_pages &&
		    w->accesses[i].space == space)
			return PAGE_BYTES;
	return space_has_hwpt(w, space) ? MOCK_PAGE : 1;
}

int worker_any_space(struct worker *w)
{
	unsigned int i, at = worker_below(w, SPACES);

	for (i = 0; i < SPACES; i++, at = (at + 1) % SPACES)
		if (w->spaces[at].live)
			return at;
	return -1;
}

static void drop_dirty(struct hwpt *hwpt, uint64_t iova, uint64_t last)
{
	const uint64_t end = MOCK_APERTURE_START + DIRTY_BYTES;

	if (last < MOCK_APERTURE_START || iova >= end)
		return;
	if (iova < MOCK_APERTURE_START)
		iova = MOCK_APERTURE_START;
	if (last >= end)
		last = end - 1;
	memset(hwpt->bits + (iova - MOCK_APERTURE_START) / MOCK_PAGE, 0,
	       (last - iova) / MOCK_PAGE + 1);
}

struct dev *worker_some_dev(struct worker *w)
{
	unsigned int i, at = worker_below(w, DEVS);

	for (i = 0; i < DEVS; i++, at = (at + 1) % DEVS)
		if (w->devs[at].live)
			return &w->devs[at];
	return NULL;
}

void worker_drop_range(struct worker *w, unsigned int space, uint64_t iova, uint64_t last)
{
	unsigned int i, j;
	struct pin *pin;

	for (i = 0; i < HWPTS; i++)
		if (w->hwpts[i].live && w->hwpts[i].space == space)
			drop_dirty(&w->hwpts[i], iova, last);
	for (i = 0; i < ACCESSES; i++) {
		if (!w->accesses[i].live || w->accesses[i].space != space)
			continue;
		for (j = 0; j < PINS; j++) {
			pin = &w->accesses[i].pins[j];
			if (pin->iova <= last && pin->iova + pin->bytes - 1 >= iova)
				pin->live = false;
		}
	}
}

static int check_map(struct worker *w, uint32_t hwpt, uint64_t iova, uint64_t bytes, uintptr_t va)
{
	struct iommu_test_cmd cmd = { .check_map.iova = iova, .check_map.length = bytes,
				      .check_map.uptr = va };

	return worker_mock(w, &cmd, IOMMU_TEST_OP_MD_CHECK_MAP, hwpt);
}

/* Must an address not be mapped? Try the memory that it would likeliest be mapped to. */
static bool check_hole(struct worker *w, unsigned int space, uint32_t hwpt, uint64_t iova)
{
	const struct arena *arena = &w->arenas[worker_below(w, ARENAS)];
	const uint64_t offset = worker_below(w, arena->bytes / MOCK_PAGE) * MOCK_PAGE;
	int err;

	if (iova < MOCK_APERTURE_START || iova > MOCK_APERTURE_LAST - MOCK_PAGE + 1 ||
	    model_at(&w->spaces[space].model, iova))
		return true;
	err = check_map(w, hwpt, iova, MOCK_PAGE, (uintptr_t)arena->mem + offset);
	if (err == -EINVAL)
		return true;
	worker_note(w, space, "page table %u at %#llx", hwpt, (unsigned long long)iova);
	return worker_expect(w, err, -EINVAL, "an address that is not mapped");
}

/* Both neighbours of a map, where they are not mapped themselves */
static bool check_around(struct worker *w, unsigned int space, uint32_t hwpt,
			 const struct model_map *map)
{
	const uint64_t before = map->iova - MOCK_PAGE, after = model_last(map) + 1;
	const struct model_space *model = &w->spaces[space].model;

	if (before >= MOCK_APERTURE_START && !model_at(model, before) &&
	    check_map(w, hwpt, before, MOCK_PAGE, map->va - MOCK_PAGE) != -EINVAL &&
	    check_map(w, hwpt, before, MOCK_PAGE, map->va - MOCK_PAGE) != -EFAULT) {
		worker_note(w, space, "page table %u below %#llx", hwpt,
			    (unsigned long long)map->iova);
		return worker_expect(w, 0, -EINVAL, "the page before a mapping");
	}
	return check_hole(w, space, hwpt, before) && check_hole(w, space, hwpt, after);
}

/* Does a page table hold just as much as the model? Others fill the shared ones too. */
static bool check_total(struct worker *w, unsigned int space, uint32_t hwpt)
{
	struct iommu_test_ext cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_EXT_TABLE_STATS, .id = hwpt,
	};
	int err;

	if (space == SHARED)
		return true;
	err = iommufd_call(w->shared->fd, IOMMU_TEST_CMD, &cmd);
	if (err == -EOPNOTSUPP)
		return true;
	worker_note(w, space, "totals of page table %u", hwpt);
	return worker_expect(w, err, 0, "TABLE_STATS") &&
	       worker_expect(w, cmd.table_stats.out_mapped_bytes,
			     model_bytes(&w->spaces[space].model), "bytes in a page table");
}

static bool verify_hwpt(struct worker *w, unsigned int space, uint32_t hwpt)
{
	const struct model_space *model = &w->spaces[space].model;
	const struct model_map *map;
	unsigned int i;
	int err;

	for (i = 0; i < model->nr; i++) {
		map = &model->maps[i];
		err = check_map(w, hwpt, map->iova, map->bytes, map->va);
		if (err) {
			worker_note(w, space, "page table %u at %#llx, %llu bytes", hwpt,
				    (unsigned long long)map->iova,
				    (unsigned long long)map->bytes);
			return worker_expect(w, err, 0, "a mapping");
		}
		if (!check_around(w, space, hwpt, map))
			return false;
	}
	if (!check_total(w, space, hwpt))
		return false;
	for (i = 0; i < HOLE_SAMPLES; i++)
		if (!check_hole(w, space, hwpt, w->first +
				worker_below(w, WINDOW_BYTES / MOCK_PAGE) * MOCK_PAGE))
			return false;
	return true;
}

/* Stores that pin a page, as far as they are different; one counts once. */
static bool add_store(uint32_t *stores, unsigned int *nr, unsigned int max, uint32_t store)
{
	unsigned int i;

	for (i = 0; i < *nr; i++)
		if (stores[i] == store)
			return true;
	if (*nr == max)
		return false;
	stores[(*nr)++] = store;
	return true;
}

static bool is_pinned(const struct worker *w, unsigned int space, const struct model_map *map,
		      uintptr_t page)
{
	const uintptr_t skip = page > map->va ? page - map->va : 0;
	const struct pin *pin;
	unsigned int i, j;

	if (space_has_hwpt(w, space))
		return true;
	for (i = 0; i < ACCESSES; i++) {
		if (!w->accesses[i].live || w->accesses[i].space != space)
			continue;
		for (j = 0; j < PINS; j++) {
			pin = &w->accesses[i].pins[j];
			if (pin->live && pin->iova <= map->iova + skip &&
			    pin->iova + pin->bytes > map->iova + skip)
				return true;
		}
	}
	return false;
}

/* How often must a page be pinned? -1 for more often than is worth counting. */
static int pins_wanted(const struct worker *w, uintptr_t page)
{
	const struct model_map *map;
	uint32_t stores[64];
	unsigned int nr = 0, i, j;

	for (i = 0; i < SPACES; i++) {
		if (!w->spaces[i].live)
			continue;
		for (j = 0; j < w->spaces[i].model.nr; j++) {
			map = &w->spaces[i].model.maps[j];
			if (map->va >= page + PAGE_BYTES || map->va + map->bytes <= page ||
			    !is_pinned(w, i, map, page))
				continue;
			if (!add_store(stores, &nr, 64, map->store))
				return -1;
		}
	}
	return nr;
}

static int check_refs(struct worker *w, uintptr_t va, uint64_t bytes, unsigned int refs)
{
	struct iommu_test_cmd cmd = { .check_refs.length = bytes, .check_refs.uptr = va,
				      .check_refs.refs = refs };

	return worker_mock(w, &cmd, IOMMU_TEST_OP_MD_CHECK_REFS, 0);
}

static bool verify_pins(struct worker *w)
{
	const struct arena *arena;
	uintptr_t page;
	unsigned int i;
	int wanted, err;

	for (i = 0; i < PIN_SAMPLES; i++) {
		arena = &w->arenas[i & 1 ? 2 : 0];
		page = (uintptr_t)arena->mem +
		       worker_below(w, arena->bytes / PAGE_BYTES) * PAGE_BYTES;
		wanted = pins_wanted(w, page);
		if (wanted < 0)
			continue;
		err = check_refs(w, page, PAGE_BYTES, wanted);
		if (err) {
			worker_note(w, -1, "memory at %#llx is to have %d pins",
				    (unsigned long long)page, wanted);
			return worker_expect(w, err, 0, "pins of a page");
		}
	}
	return true;
}

bool worker_unpinned(struct worker *w)
{
	unsigned int i;

	if (!w->shared->has_mock)
		return true;
	worker_note(w, -1, "closed");
	for (i = 0; i < ARENAS; i++)
		if (w->arenas[i].small &&
		    !worker_expect(w, check_refs(w, (uintptr_t)w->arenas[i].mem,
						 w->arenas[i].bytes, 0), 0, "pins after close"))
			return false;
	return true;
}

/* What the kernel says of an address space of our own */
static bool verify_space(struct worker *w, unsigned int at)
{
	const struct space *space = &w->spaces[at];
	unsigned int i, j, pins = 0;

	for (i = 0; i < ACCESSES; i++)
		for (j = 0; j < PINS; j++)
			pins += w->accesses[i].live && w->accesses[i].space == at &&
				w->accesses[i].pins[j].live;
	worker_note(w, at, "space %u holds %u mappings", at, space->model.nr);
	return worker_expect(w, object_stat(w->shared->fd, space->ioas, "mappings"),
			     space->model.nr, "number of mappings") &&
	       worker_expect(w, object_stat(w->shared->fd, space->ioas, "mapped-bytes"),
			     model_bytes(&space->model), "bytes mapped") &&
	       worker_expect(w, object_stat(w->shared->fd, space->ioas, "kernel-pins"), pins,
			     "pins of kernel users");
}

void worker_verify(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < SHARED; i++)
		if (w->spaces[i].live && !verify_space(w, i))
			return;
	if (!w->shared->has_mock)
		return;
	for (i = 0; i < SPACES; i++)
		if (w->spaces[i].live && w->spaces[i].auto_users &&
		    !verify_hwpt(w, i, w->spaces[i].auto_hwpt))
			return;
	for (i = 0; i < HWPTS; i++)
		if (w->hwpts[i].live && !verify_hwpt(w, w->hwpts[i].space, w->hwpts[i].id))
			return;
	verify_pins(w);
}
