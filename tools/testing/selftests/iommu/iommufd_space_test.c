// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces without a device: where mappings go, what overlaps, what an
 * unmap takes, what a copy shares. Nothing is pinned as long as no domain or
 * in-kernel user needs the memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/process.h"

#define NR_PAGES	16
#define BASE		0x10000000ULL
#define HALF_SPACE	(1ULL << 63)
#define HUGE_BYTES	(2ULL << 20)

FIXTURE(space)
{
	int fd;
	uint32_t ioas;
	uint8_t *mem;
};

FIXTURE_SETUP(space)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->mem = memory_alloc(NR_PAGES * PAGE_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
}

FIXTURE_TEARDOWN(space)
{
	munmap(self->mem, NR_PAGES * PAGE_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

/* Map bytes from an offset of the memory wherever the kernel likes. */
static int map_auto(FIXTURE_DATA(space) *self, size_t offset, uint64_t bytes, uint64_t *iova)
{
	*iova = 0;
	return ioas_map(self->fd, self->ioas, self->mem + offset, bytes, iova, MAP_RW);
}

static int map_at(FIXTURE_DATA(space) *self, uint64_t iova, uint64_t bytes)
{
	return ioas_map_fixed(self->fd, self->ioas, self->mem, bytes, iova);
}

static int unmap(FIXTURE_DATA(space) *self, uint64_t iova, uint64_t bytes, uint64_t *unmapped)
{
	return ioas_unmap(self->fd, self->ioas, iova, bytes, unmapped);
}

TEST_F(space, fresh)
{
	struct iommu_iova_range range[2] = { };
	uint64_t alignment = 0, value = 0, bytes = 1;
	uint32_t nr = 2;

	EXPECT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, &alignment));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(0, range[0].start);
	EXPECT_EQ(ALL_ONES, range[0].last);
	EXPECT_EQ(1, alignment);
	EXPECT_EQ(0, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, &value));
	EXPECT_EQ(1, value);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(0, bytes);
}

TEST_F(space, fixed_at_the_edges)
{
	uint64_t bytes;

	EXPECT_EQ(0, map_at(self, 0, PAGE_BYTES));
	EXPECT_EQ(0, map_at(self, ALL_ONES - 2 * PAGE_BYTES + 1, PAGE_BYTES));
	EXPECT_EQ(0, map_at(self, HALF_SPACE, 1));
	EXPECT_EQ(0, unmap(self, 0, PAGE_BYTES, &bytes));
	EXPECT_EQ(PAGE_BYTES, bytes);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(PAGE_BYTES + 1, bytes);
}

TEST_F(space, overlap)
{
	uint64_t offset;

	ASSERT_EQ(0, map_at(self, BASE, 4 * PAGE_BYTES));
	for (offset = 0; offset < 4 * PAGE_BYTES; offset += PAGE_BYTES / 2)
		EXPECT_EQ(-EEXIST, map_at(self, BASE + offset, 1));
	EXPECT_EQ(-EEXIST, map_at(self, BASE - 1, 2));
	EXPECT_EQ(-EEXIST, map_at(self, BASE - PAGE_BYTES, 6 * PAGE_BYTES));
	EXPECT_EQ(-EEXIST, map_at(self, BASE + 4 * PAGE_BYTES - 1, 1));
	EXPECT_EQ(0, map_at(self, BASE + 4 * PAGE_BYTES, 1));
	EXPECT_EQ(0, map_at(self, BASE - 1, 1));
}

TEST_F(space, bytes_count)
{
	uint64_t bytes;

	EXPECT_EQ(0, map_at(self, BASE + 3, 5));
	EXPECT_EQ(5, object_stat(self->fd, self->ioas, "mapped-bytes"));
	EXPECT_EQ(1, object_stat(self->fd, self->ioas, "mappings"));
	EXPECT_EQ(-ENOENT, unmap(self, BASE + 3, 4, NULL));
	EXPECT_EQ(-ENOENT, unmap(self, BASE + 4, 4, NULL));
	EXPECT_EQ(0, unmap(self, BASE, PAGE_BYTES, &bytes));
	EXPECT_EQ(5, bytes);
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "mapped-bytes"));
}

TEST_F(space, unmap_several)
{
	uint64_t bytes;
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, map_at(self, BASE + 2 * i * PAGE_BYTES, PAGE_BYTES));
	/* One that sticks out at either end keeps them all. */
	EXPECT_EQ(-ENOENT, unmap(self, BASE + 1, 8 * PAGE_BYTES, NULL));
	EXPECT_EQ(-ENOENT, unmap(self, BASE, 2 * PAGE_BYTES + 1, NULL));
	EXPECT_EQ(8, object_stat(self->fd, self->ioas, "mappings"));
	EXPECT_EQ(0, unmap(self, BASE, 4 * PAGE_BYTES, &bytes));
	EXPECT_EQ(2 * PAGE_BYTES, bytes);
	EXPECT_EQ(-ENOENT, unmap(self, BASE, 4 * PAGE_BYTES, &bytes));
	EXPECT_EQ(0, unmap(self, BASE - 5, 100 * PAGE_BYTES, &bytes));
	EXPECT_EQ(6 * PAGE_BYTES, bytes);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(0, bytes);
}

TEST_F(space, nothing_is_pinned)
{
	const long before = status_kib("VmPin");
	uint64_t iova;
	void *gone;

	EXPECT_EQ(0, map_auto(self, 0, NR_PAGES * PAGE_BYTES, &iova));
	EXPECT_EQ(before, status_kib("VmPin"));
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "pinned-bytes"));

	/* So nobody notices memory that is not there, or not writable. */
	gone = memory_alloc(PAGE_BYTES);
	munmap(gone, PAGE_BYTES);
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, gone, PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, read_only_copy("", 1), PAGE_BYTES, &iova,
			      MAP_RW));
}

TEST_F(space, placement_takes_the_lowest_hole)
{
	uint64_t iova, again;

	ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(PAGE_BYTES, iova);
	ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &again));
	EXPECT_EQ(2 * PAGE_BYTES, again);
	ASSERT_EQ(0, unmap(self, iova, PAGE_BYTES, NULL));
	ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &again));
	EXPECT_EQ(iova, again);
	/* A hole that is too small is passed by. */
	ASSERT_EQ(0, unmap(self, iova, PAGE_BYTES, NULL));
	ASSERT_EQ(0, map_auto(self, 0, 2 * PAGE_BYTES, &again));
	EXPECT_LT(2 * PAGE_BYTES, again);
	ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &again));
	EXPECT_EQ(iova, again);
}

TEST_F(space, placement_keeps_the_page_offset)
{
	static const struct {
		size_t offset;
		uint64_t bytes;
	} cases[] = {
		{ 0, 1 }, { 1, 1 }, { 0x123, 5 }, { 0xfff, 2 }, { 0x800, 0x1800 },
		{ 0x234, 3 * 4096 },
	};
	uint64_t iova;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASSERT_EQ(0, map_auto(self, cases[i].offset, cases[i].bytes, &iova));
		EXPECT_EQ(cases[i].offset % PAGE_BYTES, iova % PAGE_BYTES)
			TH_LOG("offset %zu", cases[i].offset);
		EXPECT_LE(PAGE_BYTES, iova);
	}
}

TEST_F(space, placement_aligns_for_large_pages)
{
	uint8_t *mem = memory_alloc_huge(2 * HUGE_BYTES);
	uint64_t iova = 0;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, mem, HUGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(0, iova % HUGE_BYTES);
	/* The length says how much alignment is of use. */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, mem, 4 * PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(0, iova % (4 * PAGE_BYTES));
	EXPECT_GT(HUGE_BYTES, iova);
}

/* covers: IOMMU_IOAS_MAP ENOSPC */
/* covers: IOMMU_IOAS_COPY ENOSPC */
TEST_F(space, placement_in_a_full_space)
{
	static const struct iommu_iova_range window = { 0x40000, 0x41fff };
	uint64_t iova;

	EXPECT_EQ(-EOVERFLOW, ioas_map(self->fd, self->ioas, NULL, HALF_SPACE, &(uint64_t){ 0 },
				       MAP_RW));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas, &window, 1));
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(0x40000, iova);
	EXPECT_EQ(-ENOSPC, map_auto(self, 0, 2 * PAGE_BYTES, &iova));
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(0x41000, iova);
	EXPECT_EQ(-ENOSPC, map_auto(self, 0, 1, &iova));
	/* The list confines what the kernel chooses, not what the caller does. */
	EXPECT_EQ(0, map_at(self, BASE, PAGE_BYTES));
	EXPECT_EQ(-ENOSPC, ioas_copy(self->fd, self->ioas, &iova, self->ioas, BASE, PAGE_BYTES,
				     MAP_RW));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas, NULL, 0));
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
}

TEST_F(space, allow_several)
{
	static const struct iommu_iova_range several[] = {
		{ 0x80000, 0x80fff }, { 0x20000, 0x20fff }, { 0x21000, 0x21fff },
	};
	uint64_t iova;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas, several, 3));
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(0x20000, iova);
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(0x21000, iova);
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(0x80000, iova);
	EXPECT_EQ(-ENOSPC, map_auto(self, 0, PAGE_BYTES, &iova));
}

TEST_F(space, allow_refusals)
{
	static const struct iommu_iova_range good = { 0x20000, 0x2ffff };
	static const struct iommu_iova_range bad[][2] = {
		{ { 0, 10 }, { 10, 20 } },
		{ { 5, 20 }, { 0, 10 } },
		{ { 0, 100 }, { 20, 30 } },
		{ { 7, 7 }, { 20, 30 } },
		{ { 9, 8 }, { 20, 30 } },
		{ { 20, 30 }, { 20, 30 } },
	};
	uint64_t iova;
	unsigned int i;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas, &good, 1));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(-EINVAL, ioas_allow(self->fd, self->ioas, bad[i], 2))
			TH_LOG("list %u", i);
	/* The old list stays. */
	EXPECT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(0x20000, iova);
}

/* covers: IOMMU_OPTION EADDRINUSE */
TEST_F(space, page_alignment)
{
	struct iommu_iova_range range;
	uint64_t alignment = 0, iova;
	uint32_t nr = 1;

	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	EXPECT_EQ(0, ioas_ranges(self->fd, self->ioas, &range, &nr, &alignment));
	EXPECT_EQ(PAGE_BYTES, alignment);
	EXPECT_EQ(-EINVAL, map_at(self, BASE, 1));
	EXPECT_EQ(-EINVAL, map_at(self, BASE + 1, PAGE_BYTES));
	EXPECT_EQ(-EINVAL, map_auto(self, 1, PAGE_BYTES, &iova));
	EXPECT_EQ(0, map_at(self, BASE, PAGE_BYTES));

	/* What is there now cannot become aligned. */
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 1));
	EXPECT_EQ(0, map_at(self, BASE + 2 * PAGE_BYTES, 1));
	EXPECT_EQ(-EADDRINUSE, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	EXPECT_EQ(0, unmap(self, BASE + 2 * PAGE_BYTES, 1, NULL));
	EXPECT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	EXPECT_EQ(-EINVAL, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 2));
}

static int copy_at(FIXTURE_DATA(space) *self, uint64_t to, uint64_t from, uint64_t bytes)
{
	return ioas_copy(self->fd, self->ioas, &to, self->ioas, from, bytes, MAP_FIXED_RW);
}

TEST_F(space, copy_whole)
{
	uint64_t bytes, iova = 0;
	uint32_t other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map_at(self, BASE, 4 * PAGE_BYTES));
	EXPECT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, 4 * PAGE_BYTES, MAP_RW));
	EXPECT_LE(PAGE_BYTES, iova);
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, other, iova, PAGE_BYTES, NULL));
	/* The source may go first. */
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
	EXPECT_EQ(0, ioas_unmap(self->fd, other, iova, 4 * PAGE_BYTES, &bytes));
	EXPECT_EQ(4 * PAGE_BYTES, bytes);
}

TEST_F(space, copy_slice)
{
	uint64_t bytes;

	ASSERT_EQ(0, map_at(self, BASE, 4 * PAGE_BYTES));
	EXPECT_EQ(0, copy_at(self, 2 * BASE, BASE + 100, 50));
	EXPECT_EQ(0, copy_at(self, 3 * BASE, BASE + PAGE_BYTES, 2 * PAGE_BYTES));
	/* A copy of a copy */
	EXPECT_EQ(0, copy_at(self, 4 * BASE, 3 * BASE + PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(0, unmap(self, 2 * BASE, PAGE_BYTES, &bytes));
	EXPECT_EQ(50, bytes);
	EXPECT_EQ(0, unmap(self, 3 * BASE, BASE, &bytes));
	EXPECT_EQ(2 * PAGE_BYTES, bytes);
	EXPECT_EQ(0, unmap(self, 4 * BASE, BASE, &bytes));
	EXPECT_EQ(PAGE_BYTES, bytes);
	EXPECT_EQ(4 * PAGE_BYTES, object_stat(self->fd, self->ioas, "mapped-bytes"));
}

TEST_F(space, copy_across_mappings)
{
	uint64_t bytes;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, map_at(self, BASE + i * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(0, copy_at(self, 2 * BASE, BASE + 10, 2 * PAGE_BYTES + 20));
	EXPECT_EQ(0, unmap(self, 2 * BASE, BASE, &bytes));
	EXPECT_EQ(2 * PAGE_BYTES + 20, bytes);

	/* A hole anywhere, and nothing is copied. */
	EXPECT_EQ(-ENOENT, copy_at(self, 2 * BASE, BASE + 10, 3 * PAGE_BYTES));
	EXPECT_EQ(-ENOENT, copy_at(self, 2 * BASE, BASE - 1, PAGE_BYTES));
	ASSERT_EQ(0, unmap(self, BASE + PAGE_BYTES, PAGE_BYTES, NULL));
	EXPECT_EQ(-ENOENT, copy_at(self, 2 * BASE, BASE, 3 * PAGE_BYTES));
	EXPECT_EQ(-ENOENT, unmap(self, 2 * BASE, BASE, NULL));
}

TEST_F(space, copy_onto_something)
{
	ASSERT_EQ(0, map_at(self, BASE, 4 * PAGE_BYTES));
	EXPECT_EQ(-EEXIST, copy_at(self, BASE + PAGE_BYTES, BASE, PAGE_BYTES));
	EXPECT_EQ(-EEXIST, copy_at(self, BASE - 1, BASE, 2));
	EXPECT_EQ(0, copy_at(self, BASE + 4 * PAGE_BYTES, BASE, 4 * PAGE_BYTES));
	EXPECT_EQ(2, object_stat(self->fd, self->ioas, "mappings"));
}

/* Where one call of several destinations fails none of them is left. */
TEST_F(space, copy_across_onto_something)
{
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, map_at(self, BASE + i * PAGE_BYTES, PAGE_BYTES));
	ASSERT_EQ(0, map_at(self, 2 * BASE + 2 * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EEXIST, copy_at(self, 2 * BASE, BASE, 3 * PAGE_BYTES));
	EXPECT_EQ(4, object_stat(self->fd, self->ioas, "mappings"));
	EXPECT_EQ(0, map_at(self, 2 * BASE, 2 * PAGE_BYTES));
}

TEST_F(space, many_mappings)
{
	const unsigned int nr = 3000;
	uint64_t bytes, iova;
	unsigned int i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
	EXPECT_EQ(nr, object_stat(self->fd, self->ioas, "mappings"));
	/* Every third goes, and comes back in the same places. */
	for (i = 1; i <= nr; i += 3)
		ASSERT_EQ(0, unmap(self, i * PAGE_BYTES, PAGE_BYTES, NULL));
	for (i = 1; i <= nr; i += 3) {
		ASSERT_EQ(0, map_auto(self, 0, PAGE_BYTES, &iova));
		EXPECT_EQ(i * PAGE_BYTES, iova);
	}
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(nr * PAGE_BYTES, bytes);
}

TEST_F(space, large_without_pages)
{
	const uint64_t bytes = 1ULL << 40;
	uint64_t unmapped, iova = BASE;

	/* Nothing is pinned, so nothing needs to be there. */
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, (void *)PAGE_BYTES, bytes, &iova,
			      MAP_FIXED_RW));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &unmapped));
	EXPECT_EQ(bytes, unmapped);
}

TEST_HARNESS_MAIN
