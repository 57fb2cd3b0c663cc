// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that was written past the process that owns it, by devices, by users in
 * the kernel, by reports of dirty pages: its pages are dirty afterwards, or reclaim
 * would drop what was written.
 *
 * Each test begins with pages that are mapped writable and clean, which is what the
 * page's own flag says of memory that the process has just touched; a bit in the
 * process's page table does not show there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define HUGE_BYTES	(2ULL << 20)
#define NR_PAGES	4UL
#define MEM_BYTES	(NR_PAGES * PAGE_BYTES)

enum memory { PRIVATE, HUGE, SHARED, MEMFD };

FIXTURE(clean)
{
	int fd;
	int file;
	uint32_t ioas;
	uint64_t bytes;
	uint8_t *mem;
};

FIXTURE_VARIANT(clean)
{
	enum memory memory;
};

FIXTURE_VARIANT_ADD(clean, private)
{
	.memory = PRIVATE,
};

FIXTURE_VARIANT_ADD(clean, huge)
{
	.memory = HUGE,
};

FIXTURE_VARIANT_ADD(clean, shared)
{
	.memory = SHARED,
};

/* The same pages, mapped by their file */
FIXTURE_VARIANT_ADD(clean, memfd)
{
	.memory = MEMFD,
};

/* Shared memory whose pages were read, and may be written */
static uint8_t *shared_alloc(uint64_t bytes, int *file)
{
	void *mem;

	*file = memfd_alloc(bytes, 0);
	if (*file < 0)
		return NULL;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	if (mem == MAP_FAILED)
		return NULL;
	if (!madvise(mem, bytes, MADV_POPULATE_READ))
		return mem;
	munmap(mem, bytes);
	return NULL;
}

static uint8_t *memory_of(enum memory memory, uint64_t bytes, int *file)
{
	uint8_t *mem;

	if (memory == SHARED || memory == MEMFD)
		return shared_alloc(bytes, file);
	mem = memory == HUGE ? memory_alloc_huge(bytes) : memory_alloc(bytes);
	if (mem)
		memset(mem, 1, bytes);
	return mem;
}

/* Pages of a part of the memory that are dirty; all of a huge page is, or nothing */
static long nr_dirty(FIXTURE_DATA(clean) *self, uint64_t from, uint64_t bytes)
{
	long nr = 0;
	uint64_t at;
	int dirty;

	for (at = from; at < from + bytes; at += PAGE_BYTES) {
		dirty = page_is_dirty(self->mem + at);
		if (dirty < 0)
			return dirty;
		nr += dirty;
	}
	return nr;
}

FIXTURE_SETUP(clean)
{
	struct mock_ids ids;

	self->file = -1;
	self->fd = mock_space(&self->ioas, &ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	self->bytes = variant->memory == HUGE ? HUGE_BYTES : MEM_BYTES;
	self->mem = memory_of(variant->memory, self->bytes, &self->file);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, nr_dirty(self, 0, self->bytes));
}

FIXTURE_TEARDOWN(clean)
{
	if (self->mem)
		munmap(self->mem, self->bytes);
	if (self->file >= 0)
		close(self->file);
	if (self->fd >= 0)
		close(self->fd);
}

/* Map the memory, by its address or by its file */
static int map_clean(FIXTURE_DATA(clean) *self, enum memory memory, uint32_t flags)
{
	uint64_t iova = IOVA;

	flags |= IOMMU_IOAS_MAP_FIXED_IOVA;
	if (memory == MEMFD)
		return ioas_map_file(self->fd, self->ioas, self->file, 0, self->bytes, &iova, flags);
	return ioas_map(self->fd, self->ioas, self->mem, self->bytes, &iova, flags);
}

/* The flag of a huge page is the one of its first page */
static long all_pages(FIXTURE_DATA(clean) *self)
{
	return self->bytes == HUGE_BYTES ? 1 : self->bytes / PAGE_BYTES;
}

TEST_F(clean, dirty_after_an_unmap)
{
	ASSERT_EQ(0, map_clean(self, variant->memory, MAP_RW));
	EXPECT_EQ(0, nr_dirty(self, 0, self->bytes));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(all_pages(self), nr_dirty(self, 0, self->bytes));
}

TEST_F(clean, dirty_after_the_last_close)
{
	ASSERT_EQ(0, map_clean(self, variant->memory, MAP_RW));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(all_pages(self), nr_dirty(self, 0, self->bytes));
}

/* Devices could only read: reclaim need not write what nobody wrote */
TEST_F(clean, clean_after_a_read_only_mapping)
{
	ASSERT_EQ(0, map_clean(self, variant->memory, IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, nr_dirty(self, 0, self->bytes));
}

/* In a space without a device, where only what an access asks for is pinned */
TEST_F(clean, dirty_after_an_access)
{
	uint32_t item;
	int access;

	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, map_clean(self, variant->memory, MAP_RW));
	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA + PAGE_BYTES, PAGE_BYTES, NULL,
				     MOCK_FLAGS_ACCESS_WRITE, &item));
	EXPECT_EQ(0, nr_dirty(self, 0, self->bytes));
	ASSERT_EQ(0, mock_access_unpin(self->fd, access, item));
	if (self->bytes == HUGE_BYTES) {
		EXPECT_EQ(1, nr_dirty(self, 0, self->bytes));
	} else {
		EXPECT_EQ(1, nr_dirty(self, PAGE_BYTES, PAGE_BYTES));
		EXPECT_EQ(1, nr_dirty(self, 0, self->bytes));
	}
	EXPECT_EQ(0, close(access));
}

/* A copy into memory that the kernel holds for it */
TEST_F(clean, dirty_after_a_copy)
{
	uint64_t word = 0x1122334455667788;
	int access;

	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, map_clean(self, variant->memory, MAP_RW));
	access = mock_access(self->fd, self->ioas, 0);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, mock_access_rw(self->fd, access, IOVA, &word, sizeof(word),
				    MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH));
	EXPECT_EQ(1, nr_dirty(self, 0, self->bytes));
	EXPECT_EQ(0, memcmp(self->mem, &word, sizeof(word)));
	EXPECT_EQ(0, close(access));
}

/* A page table that tracks, and a page that a device wrote */
FIXTURE(report)
{
	int fd;
	int file;
	uint32_t hwpt;
	uint8_t *mem;
	uint8_t *bitmap;
};

FIXTURE_SETUP(report)
{
	struct iommu_hwpt_set_dirty_tracking track = {
		.size = sizeof(track), .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
	};
	struct mock_ids ids;
	uint64_t one = 1;
	uint32_t ioas;

	self->file = -1;
	self->fd = mock_space(&ioas, &ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, ioas, self->mem, MEM_BYTES, IOVA));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, ids.dev, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				     MOCK_IOMMUPT_DEFAULT, &self->hwpt));
	track.hwpt_id = self->hwpt;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &track));
	ASSERT_EQ(1, mock_dirty(self->fd, self->hwpt, IOVA, PAGE_BYTES, PAGE_BYTES, &one));
	self->bitmap = shared_alloc(MEM_BYTES, &self->file);
	ASSERT_NE(NULL, self->bitmap);
}

FIXTURE_TEARDOWN(report)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	if (self->bitmap)
		munmap(self->bitmap, MEM_BYTES);
	if (self->file >= 0)
		close(self->file);
	if (self->fd >= 0)
		close(self->fd);
}

static int read_report(FIXTURE_DATA(report) *self, uint8_t *bitmap, uint32_t flags)
{
	struct iommu_hwpt_get_dirty_bitmap arg = {
		.size = sizeof(arg), .hwpt_id = self->hwpt, .flags = flags, .iova = IOVA,
		.length = MEM_BYTES, .page_size = PAGE_BYTES, .data = (uintptr_t)bitmap,
	};

	return iommufd_call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg);
}

/* The page that the bits lie in, and no other */
TEST_F(report, its_bitmap_is_dirty)
{
	const uint32_t keep = IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR;
	uint8_t *at = self->bitmap + 2 * PAGE_BYTES;

	ASSERT_EQ(0, page_is_dirty(self->bitmap));
	ASSERT_EQ(0, page_is_dirty(at));
	ASSERT_EQ(0, read_report(self, self->bitmap, keep));
	EXPECT_EQ(1, page_is_dirty(self->bitmap));
	EXPECT_EQ(0, page_is_dirty(at));
	ASSERT_EQ(0, read_report(self, at, 0));
	EXPECT_EQ(1, page_is_dirty(at));
	EXPECT_EQ(1, at[0]);
	EXPECT_EQ(0, page_is_dirty(self->bitmap + PAGE_BYTES));
}

TEST_HARNESS_MAIN
