// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define PAGEMAP_PRESENT	(1ull << 63)
#define PAGEMAP_PFN	((1ull << 55) - 1)
#define HUGE_PAGES	(HUGE_BYTES / PAGE_BYTES)
/* Of single pages at most one in so many may follow its neighbour */
#define NEIGHBOURS_RARE	100

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB	(21 << 26)
#endif

const char *const memory_names[NR_MEMORY_KINDS] = {
	[MEMORY_4K] = "4k",
	[MEMORY_THP] = "thp",
	[MEMORY_HUGE] = "huge",
};

uint32_t *shuffled(uint32_t nr)
{
	uint64_t state = 0x9e3779b97f4a7c15;
	uint32_t *order, i, other, old;

	order = calloc(nr, sizeof(*order));
	if (!order)
		return NULL;
	for (i = 0; i < nr; i++)
		order[i] = i;
	for (i = nr; i > 1; i--) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		other = state % i;
		old = order[i - 1];
		order[i - 1] = order[other];
		order[other] = old;
	}
	return order;
}

/* Frame numbers of the pages of one 2 MiB unit */
static int read_frames(int pagemap, const uint8_t *mem, uint64_t *frames)
{
	uint64_t bytes = HUGE_PAGES * sizeof(*frames), i;

	if (pread(pagemap, frames, bytes, (uintptr_t)mem / PAGE_BYTES * sizeof(*frames)) !=
	    (ssize_t)bytes)
		return -EIO;
	for (i = 0; i < HUGE_PAGES; i++) {
		if (!(frames[i] & PAGEMAP_PRESENT) || !(frames[i] & PAGEMAP_PFN))
			return -EXDEV;
		frames[i] &= PAGEMAP_PFN;
	}
	return 0;
}

/* Pages of the unit whose frame follows that of the page before */
static unsigned int count_neighbours(const uint64_t *frames)
{
	unsigned int count = 0, i;

	for (i = 1; i < HUGE_PAGES; i++)
		count += frames[i] == frames[i - 1] + 1;
	return count;
}

static int check_frames(const struct memory *memory, enum memory_kind kind)
{
	uint64_t frames[HUGE_PAGES], at, neighbours = 0;
	int pagemap, err = 0;

	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (pagemap < 0)
		return -errno;
	for (at = 0; at < memory->bytes && !err; at += HUGE_BYTES) {
		err = read_frames(pagemap, memory->mem + at, frames);
		if (!err && kind != MEMORY_4K &&
		    (frames[0] % HUGE_PAGES || count_neighbours(frames) != HUGE_PAGES - 1))
			err = -EXDEV;
		neighbours += count_neighbours(frames);
	}
	close(pagemap);
	if (!err && kind == MEMORY_4K && neighbours > memory->bytes / PAGE_BYTES / NEIGHBOURS_RARE)
		err = -EXDEV;
	return err;
}

static int touch(struct memory *memory, enum memory_kind kind)
{
	uint32_t nr = memory->bytes / PAGE_BYTES, i, *order;

	if (kind != MEMORY_4K) {
		for (i = 0; i < nr; i++)
			memory->mem[i * PAGE_BYTES] = 1;
		return 0;
	}
	order = shuffled(nr);
	if (!order)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		memory->mem[order[i] * PAGE_BYTES] = 1;
	free(order);
	return 0;
}

/* Address space for bytes at a multiple of 2 MiB */
static uint8_t *reserve(uint64_t bytes, int flags)
{
	uint64_t more = flags & MAP_HUGETLB ? 0 : HUGE_BYTES, skip;
	uint8_t *mem;

	mem = mmap(NULL, bytes + more, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	skip = more ? -(uintptr_t)mem % HUGE_BYTES : 0;
	if (skip)
		munmap(mem, skip);
	if (more - skip)
		munmap(mem + skip + bytes, more - skip);
	return mem + skip;
}

int memory_alloc(struct memory *memory, enum memory_kind kind, uint64_t bytes)
{
	int err;

	memory->bytes = bytes;
	memory->mem = reserve(bytes, kind == MEMORY_HUGE ? MAP_HUGETLB | MAP_HUGE_2MB : 0);
	if (!memory->mem)
		return -ENOMEM;
	if (kind != MEMORY_HUGE)
		madvise(memory->mem, bytes, kind == MEMORY_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	err = touch(memory, kind);
	if (!err)
		err = check_frames(memory, kind);
	if (err)
		memory_free(memory);
	return err;
}

void memory_free(struct memory *memory)
{
	if (memory->mem)
		munmap(memory->mem, memory->bytes);
	memory->mem = NULL;
	memory->bytes = 0;
}
