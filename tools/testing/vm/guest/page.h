/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages whose physical address is known, to aim stray DMA at.
 */
#ifndef GUEST_PAGE_H
#define GUEST_PAGE_H

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES	4096u
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

/* Locked, touched anonymous memory outside huge pages; NULL on failure. */
static inline uint8_t *page_alloc(size_t npages)
{
	size_t bytes = npages * PAGE_BYTES;
	void *mem;

	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, bytes, MADV_NOHUGEPAGE);
	memset(mem, 0, bytes);
	if (mlock(mem, bytes)) {
		munmap(mem, bytes);
		return NULL;
	}
	return mem;
}

/* Physical address of a touched page, 0 when the kernel does not tell. */
static inline uint64_t page_phys(const void *mem)
{
	uint64_t entry = 0;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)mem / PAGE_BYTES * sizeof(entry)) !=
	    sizeof(entry) || !(entry & PAGEMAP_PRESENT))
		entry = 0;
	close(fd);
	return (entry & PAGEMAP_PFN) * PAGE_BYTES;
}

static inline void page_fill(uint8_t *mem, size_t bytes, unsigned int seed)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		mem[i] = (uint8_t)((i * 7 + seed) ^ (i >> 8));
}

static inline int page_is(const uint8_t *mem, size_t bytes, uint8_t value)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		if (mem[i] != value)
			return 0;
	return 1;
}

#endif
