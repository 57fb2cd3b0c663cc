// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define HUGE_BYTES	(2UL << 20)
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

void *memory_alloc(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, bytes, MADV_NOHUGEPAGE);
	return mem;
}

void *memory_alloc_huge(size_t bytes)
{
	uintptr_t start;
	void *mem;

	mem = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	start = ((uintptr_t)mem + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	madvise((void *)start, bytes, MADV_HUGEPAGE);
	memset((void *)start, 1, bytes);
	return (void *)start;
}

uint8_t *page_alloc(size_t npages)
{
	size_t bytes = npages * PAGE_BYTES;
	void *mem;

	mem = memory_alloc(bytes);
	if (!mem)
		return NULL;
	memset(mem, 0, bytes);
	if (mlock(mem, bytes)) {
		munmap(mem, bytes);
		return NULL;
	}
	return mem;
}

/* Word of a page, from a file that has one for each */
static int page_word(const char *path, uint64_t page, uint64_t *word)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (pread(fd, word, sizeof(*word), page * sizeof(*word)) != sizeof(*word))
		err = -EIO;
	close(fd);
	return err;
}

uint64_t page_frame(const void *mem)
{
	uint64_t word;

	if (page_word("/proc/self/pagemap", (uintptr_t)mem / PAGE_BYTES, &word) ||
	    !(word & PAGEMAP_PRESENT))
		return 0;
	return word & PAGEMAP_PFN;
}

uint64_t page_phys(const void *mem)
{
	return page_frame(mem) * PAGE_BYTES;
}

int page_is_dirty(const void *mem)
{
	uint64_t frame = page_frame(mem), flags;
	int err;

	if (!frame)
		return -ENOENT;
	err = page_word("/proc/kpageflags", frame, &flags);
	return err ? err : !!(flags & 1ULL << KPF_DIRTY);
}

void page_fill(uint8_t *mem, size_t bytes, unsigned int seed)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		mem[i] = (uint8_t)((i * 7 + seed) ^ (i >> 8));
}

int page_is(const uint8_t *mem, size_t bytes, uint8_t value)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		if (mem[i] != value)
			return 0;
	return 1;
}

int memfd_alloc(uint64_t bytes, unsigned int flags)
{
	int file = memfd_create("test", flags | MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (file < 0)
		return -errno;
	if (!ftruncate(file, bytes))
		return file;
	err = -errno;
	close(file);
	return err;
}

void *before_hole(const void *data, size_t bytes)
{
	char *page = memory_alloc(2 * PAGE_BYTES);

	if (!page)
		return NULL;
	mprotect(page + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
	return memcpy(page + PAGE_BYTES - bytes, data, bytes);
}

void *read_only_copy(const void *data, size_t bytes)
{
	void *page = memory_alloc(PAGE_BYTES);

	if (!page)
		return NULL;
	memcpy(page, data, bytes);
	mprotect(page, PAGE_BYTES, PROT_READ);
	return page;
}
