// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that devices hold: transparent ones, and private and shared hugetlb.
 * Whatever the process does then - it forks, changes what it may do with a part,
 * or gives a part up - the device keeps what it had, and where the process still
 * has its memory, device and process share it. And huge pages from where nothing
 * may stay for long are moved first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"

#define MIB		(1ULL << 20)
#define BASE		(1ULL << 30)
#define HUGE		(2 * MIB)
#define BYTES		(2 * HUGE)
#define NR_FORKS	40
#define POOL		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

enum memory { TRANSPARENT, HUGETLB, SHARED };

FIXTURE(huge)
{
	int fd;
	uint32_t ioas;
	uint32_t hwpt;
	uint8_t *mem;
	int file;
};

FIXTURE_VARIANT(huge)
{
	enum memory memory;
};

FIXTURE_VARIANT_ADD(huge, thp)
{
	.memory = TRANSPARENT,
};

FIXTURE_VARIANT_ADD(huge, hugetlb)
{
	.memory = HUGETLB,
};

FIXTURE_VARIANT_ADD(huge, shared)
{
	.memory = SHARED,
};

static int is_huge(const uint8_t *mem)
{
	const uint64_t first = page_frame(mem);

	return first && !(first % (HUGE / PAGE_BYTES)) &&
	       page_frame(mem + HUGE - PAGE_BYTES) == first + HUGE / PAGE_BYTES - 1;
}

static uint8_t *alloc_hugetlb(int flags, int file)
{
	void *mem;

	mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags, file, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

static uint8_t *alloc_kind(enum memory memory, int *file)
{
	if (memory == TRANSPARENT)
		return memory_alloc_huge(BYTES);
	/* Twice as many: what is written after a fork is written to a copy. */
	if (file_write(POOL, "4"))
		return NULL;
	if (memory == HUGETLB)
		return alloc_hugetlb(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1);
	*file = memfd_alloc(BYTES, MFD_HUGETLB | MAP_HUGE_2MB);
	return *file < 0 ? NULL : alloc_hugetlb(MAP_SHARED, *file);
}

/* First page frame of the movable zone, 0 if it has none */
static uint64_t movable_start(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	unsigned long long start = 0;
	bool movable = false;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Node", 4))
			movable = strstr(line, "Movable");
		if (movable && sscanf(line, " start_pfn: %llu", &start) == 1)
			break;
	}
	if (file)
		fclose(file);
	return start;
}

FIXTURE_SETUP(huge)
{
	uint32_t elsewhere;
	struct mock_ids ids;

	self->file = -1;
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->mem = alloc_kind(variant->memory, &self->file);
	if (!self->mem)
		SKIP(return, "no such memory to be had");
	memset(self->mem, 1, BYTES);
	if (!is_huge(self->mem) || !is_huge(self->mem + HUGE))
		SKIP(return, "no huge pages to be had");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->fd, &elsewhere));
	ASSERT_EQ(0, mock_domain(self->fd, elsewhere, 0, &ids));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, ids.dev, self->ioas, 0, MOCK_IOMMUPT_HUGE,
				     &self->hwpt));
}

FIXTURE_TEARDOWN(huge)
{
	EXPECT_EQ(0, close(self->fd));
	munmap(self->mem, BYTES);
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, status_kib("VmPin"));
	if (variant->memory != TRANSPARENT)
		EXPECT_EQ(0, file_write(POOL, "0"));
}

static int map_part(FIXTURE_DATA(huge) *self, uint64_t at, uint64_t bytes)
{
	return ioas_map_fixed(self->fd, self->ioas, self->mem + at, bytes, BASE + at);
}

static int map_for_reading(FIXTURE_DATA(huge) *self)
{
	uint64_t iova = BASE;

	return ioas_map(self->fd, self->ioas, self->mem, BYTES, &iova,
			IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA);
}

/* Whether the device sees the pages that the process has now */
static int shares(FIXTURE_DATA(huge) *self, uint64_t at, uint64_t bytes)
{
	return !mock_check_map(self->fd, self->hwpt, BASE + at, bytes, self->mem + at);
}

static void write_all(uint8_t *mem, uint8_t value)
{
	uint64_t at;

	for (at = 0; at < BYTES; at += PAGE_BYTES)
		mem[at] = value;
}

static int holds(const uint8_t *mem, uint8_t value)
{
	uint64_t at;

	for (at = 0; at < BYTES; at += PAGE_BYTES)
		if (mem[at] != value)
			return 0;
	return 1;
}

/* In the child: it has what the parent had, and what it writes is its own. */
static int use_memory(void *arg)
{
	uint8_t *mem = arg;

	if (!holds(mem, 1))
		return 1;
	write_all(mem, 2);
	return !holds(mem, 2);
}

/* The first pin of a process: nothing before it told fork() to take care. */
TEST_F(huge, fork_after_pin)
{
	const uint8_t child_wrote = variant->memory == SHARED ? 2 : 1;

	ASSERT_EQ(0, map_part(self, 0, BYTES));
	EXPECT_TRUE(shares(self, 0, BYTES));
	ASSERT_EQ(0, in_child(use_memory, self->mem));
	EXPECT_TRUE(holds(self->mem, child_wrote));
	EXPECT_TRUE(shares(self, 0, BYTES));
	write_all(self->mem, 3);
	EXPECT_TRUE(shares(self, 0, BYTES));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
}

/* So with a child that lives on, and a part of a huge page */
TEST_F(huge, fork_after_pin_of_a_part)
{
	const uint64_t at = 40 * PAGE_BYTES, bytes = 20 * PAGE_BYTES;
	int go[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, map_part(self, at, bytes));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		/* Returns when the parent closed its end. */
		if (read(go[0], &byte, 1))
			_exit(1);
		_exit(!holds(self->mem, variant->memory == SHARED ? 3 : 1));
	}
	close(go[0]);
	write_all(self->mem, 3);
	EXPECT_TRUE(shares(self, at, bytes));
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	EXPECT_TRUE(shares(self, at, bytes));
}

/* Where copies would have to come from: all huge pages of the pool can be moved. */
static int no_copies(FIXTURE_DATA(huge) *self, enum memory memory)
{
	const uint64_t start = movable_start();

	return memory == HUGETLB && start && page_frame(self->mem) >= start;
}

/* Memory that is shared with a child becomes the process's own when it is pinned. */
static void pin_after_fork(struct __test_metadata *_metadata, FIXTURE_DATA(huge) *self,
			   enum memory memory, bool writable)
{
	int go[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		if (read(go[0], &byte, 1))
			_exit(1);
		_exit(!holds(self->mem, memory == SHARED ? 3 : 1));
	}
	close(go[0]);
	ASSERT_EQ(0, writable ? map_part(self, 0, BYTES) : map_for_reading(self));
	write_all(self->mem, 3);
	EXPECT_TRUE(shares(self, 0, BYTES));
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	EXPECT_TRUE(shares(self, 0, BYTES));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
}

TEST_F(huge, pin_after_fork)
{
	if (no_copies(self, variant->memory))
		SKIP(return, "the pool of huge pages is in the movable zone");
	pin_after_fork(_metadata, self, variant->memory, true);
}

TEST_F(huge, pin_after_fork_for_reading)
{
	if (no_copies(self, variant->memory))
		SKIP(return, "the pool of huge pages is in the movable zone");
	pin_after_fork(_metadata, self, variant->memory, false);
}

struct forker {
	pthread_t thread;
	atomic_int done;
	int failed;
};

static void *fork_often(void *arg)
{
	struct forker *forker = arg;
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < NR_FORKS && !forker->failed; i++) {
		pid = fork();
		if (!pid)
			_exit(0);
		forker->failed = pid < 0 || waitpid(pid, &status, 0) != pid;
	}
	atomic_store(&forker->done, 1);
	return NULL;
}

/* Pins and forks at once: what is pinned stays, what is not is not. */
TEST_F(huge, forks_while_pinning)
{
	struct forker forker = {};
	unsigned int turn = 0;

	ASSERT_EQ(0, pthread_create(&forker.thread, NULL, fork_often, &forker));
	do {
		ASSERT_EQ(0, map_part(self, 0, BYTES));
		write_all(self->mem, turn++);
		ASSERT_TRUE(shares(self, 0, BYTES));
		ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
		write_all(self->mem, turn++);
	} while (!atomic_load(&forker.done));
	pthread_join(forker.thread, NULL);
	EXPECT_FALSE(forker.failed);
}

/* What a mapping may do changes in the middle, and so do its page tables. */
TEST_F(huge, split_after_pin)
{
	if (variant->memory != TRANSPARENT)
		SKIP(return, "hugetlb pages stay whole");
	ASSERT_EQ(0, map_part(self, 0, BYTES));
	ASSERT_EQ(0, mprotect(self->mem + 10 * PAGE_BYTES, PAGE_BYTES, PROT_READ));
	EXPECT_TRUE(shares(self, 0, BYTES));
	ASSERT_EQ(0, mprotect(self->mem + 10 * PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_WRITE));
	write_all(self->mem, 4);
	EXPECT_TRUE(shares(self, 0, BYTES));
	ASSERT_EQ(0, munmap(self->mem + MIB, MIB));
	EXPECT_TRUE(shares(self, 0, MIB));
	EXPECT_TRUE(shares(self, HUGE, HUGE));
	EXPECT_EQ(BYTES / 1024, status_kib("VmPin"));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, status_kib("VmPin"));
	/* Half of a huge page, mapped by single pages, and its neighbour. */
	EXPECT_EQ(-EFAULT, map_part(self, 0, BYTES));
	ASSERT_EQ(0, map_part(self, 0, MIB));
	ASSERT_EQ(0, map_part(self, HUGE, HUGE));
	EXPECT_TRUE(shares(self, 0, MIB));
	EXPECT_TRUE(shares(self, HUGE, HUGE));
}

/* What the process drops is the device's until it is unmapped. */
TEST_F(huge, dropped_after_pin)
{
	struct iommu_test_ext page;
	uint64_t frame;

	ASSERT_EQ(0, map_part(self, 0, BYTES));
	frame = page_frame(self->mem + MIB);
	ASSERT_EQ(0, madvise(self->mem, HUGE, MADV_DONTNEED));
	write_all(self->mem, 5);
	EXPECT_TRUE(shares(self, HUGE, HUGE));
	EXPECT_EQ(variant->memory == SHARED, shares(self, 0, HUGE));
	ASSERT_EQ(0, mock_page_at(self->fd, self->hwpt, BASE + MIB, &page));
	EXPECT_EQ(frame * PAGE_BYTES,
		  page.page_at.out_page_phys + BASE + MIB - page.page_at.out_page_iova);
	EXPECT_EQ(variant->memory == SHARED, frame == page_frame(self->mem + MIB));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, map_part(self, 0, BYTES));
	EXPECT_TRUE(shares(self, 0, BYTES));
}

TEST_F(huge, parts_and_overlaps)
{
	static const uint64_t parts[][2] = {	/* in pages */
		{ 0, 8 }, { 8, 9 }, { 17, 100 }, { 500, 24 }, { 524, 487 }, { 1012, 12 },
	};
	uint64_t iova = BASE + 16 * MIB;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		ASSERT_EQ(0, map_part(self, parts[i][0] * PAGE_BYTES, parts[i][1] * PAGE_BYTES));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->mem, BYTES, &iova, MAP_FIXED_RW));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		EXPECT_TRUE(shares(self, parts[i][0] * PAGE_BYTES, parts[i][1] * PAGE_BYTES));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE + parts[i][0] * PAGE_BYTES,
					parts[i][1] * PAGE_BYTES, NULL));
	EXPECT_EQ(0, mock_check_map(self->fd, self->hwpt, iova, BYTES, self->mem));
	EXPECT_EQ(BYTES / 1024, status_kib("VmPin"));
}

/* Read-only memory that is made writable later, and is the process's own then */
TEST_F(huge, read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, BYTES, PROT_READ));
	EXPECT_EQ(-EFAULT, map_part(self, 0, BYTES));
	ASSERT_EQ(0, map_for_reading(self));
	ASSERT_EQ(0, mprotect(self->mem, BYTES, PROT_READ | PROT_WRITE));
	write_all(self->mem, 6);
	EXPECT_TRUE(shares(self, 0, BYTES));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, mprotect(self->mem, BYTES, PROT_NONE));
	EXPECT_EQ(-EFAULT, map_part(self, 0, BYTES));
	EXPECT_EQ(-EFAULT, map_for_reading(self));
	EXPECT_EQ(0, status_kib("VmPin"));
}

/* Memory that can be unplugged is not pinned where it is. */
TEST_F(huge, moved_out_of_the_movable_zone)
{
	const uint64_t start = movable_start();

	if (!start)
		SKIP(return, "no movable zone: movablecore=512M");
	if (page_frame(self->mem) < start && page_frame(self->mem + HUGE) < start)
		SKIP(return, "the memory is not in the movable zone");
	ASSERT_EQ(0, map_part(self, 0, BYTES));
	EXPECT_GT(start, page_frame(self->mem));
	EXPECT_GT(start, page_frame(self->mem + HUGE));
	EXPECT_TRUE(shares(self, 0, BYTES));
	EXPECT_TRUE(holds(self->mem, 1));
}

TEST_HARNESS_MAIN
