// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking, on the mock IOMMU: its test call writes like a device, and the
 * bitmap must tell where.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define HUGE_BYTES	(2ULL << 20)
#define NR_PAGES	64UL
#define MEM_BYTES	(NR_PAGES * PAGE_BYTES)

/* A device on a page table that tracks, in an address space with a mapping */
FIXTURE(dirty)
{
	int fd;
	uint32_t ioas;
	uint32_t hwpt;
	uint32_t automatic;
	struct mock_ids ids;
	uint8_t *mem;
	uint8_t *bitmap;
};

static int alloc_with_flags(int fd, uint32_t dev, uint32_t pt_id, uint32_t flags, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = dev, .pt_id = pt_id,
	};
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

static int track(int fd, uint32_t hwpt, uint32_t flags)
{
	struct iommu_hwpt_set_dirty_tracking arg = {
		.size = sizeof(arg), .flags = flags, .hwpt_id = hwpt,
	};

	return iommufd_call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &arg);
}

static int read_bitmap(int fd, uint32_t hwpt, uint64_t iova, uint64_t length, uint64_t page_size,
		       void *bitmap, uint32_t flags)
{
	struct iommu_hwpt_get_dirty_bitmap arg = {
		.size = sizeof(arg), .hwpt_id = hwpt, .flags = flags, .iova = iova,
		.length = length, .page_size = page_size, .data = (uintptr_t)bitmap,
	};

	return iommufd_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg);
}

FIXTURE_SETUP(dirty)
{
	self->fd = mock_space(&self->ioas, &self->ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	self->automatic = self->ids.hwpt;
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
	self->bitmap = memory_alloc(2 * PAGE_BYTES);
	ASSERT_NE(NULL, self->bitmap);
	memset(self->bitmap, 0, 2 * PAGE_BYTES);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA));
	ASSERT_EQ(0, alloc_with_flags(self->fd, self->ids.dev, self->ioas,
				      IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &self->hwpt));
	self->ids.hwpt = self->hwpt;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &self->ids.hwpt));
	ASSERT_EQ(0, track(self->fd, self->hwpt, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
}

FIXTURE_TEARDOWN(dirty)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	if (self->bitmap)
		munmap(self->bitmap, 2 * PAGE_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

/* Let the device write the pages whose bits are set */
static long write_pages(FIXTURE_DATA(dirty) *self, uint64_t which)
{
	return mock_dirty(self->fd, self->hwpt, IOVA, MEM_BYTES, PAGE_BYTES, &which);
}

static int read_all(FIXTURE_DATA(dirty) *self, void *bitmap, uint32_t flags)
{
	return read_bitmap(self->fd, self->hwpt, IOVA, MEM_BYTES, PAGE_BYTES, bitmap, flags);
}

TEST_F(dirty, what_was_written_is_told_once)
{
	uint64_t which = 0x8000000000f00d01, told = 0;

	ASSERT_LT(0, write_pages(self, which));
	ASSERT_EQ(0, read_all(self, &told, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	EXPECT_EQ(which, told);
	told = 0;
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(which, told);
	told = 0;
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(0, told);
}

TEST_F(dirty, bits_are_only_ever_set)
{
	uint64_t told = 0xff;

	ASSERT_LT(0, write_pages(self, 1ULL << 40));
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(0xff | 1ULL << 40, told);
}

TEST_F(dirty, switching_on_forgets)
{
	uint64_t told = 0;

	ASSERT_LT(0, write_pages(self, 3));
	ASSERT_EQ(0, track(self->fd, self->hwpt, 0));
	ASSERT_EQ(0, track(self->fd, self->hwpt, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(0, told);
}

TEST_F(dirty, switching_on_again_forgets_too)
{
	uint64_t told = 0;

	ASSERT_LT(0, write_pages(self, 3));
	ASSERT_EQ(0, track(self->fd, self->hwpt, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(0, told);
	ASSERT_LT(0, write_pages(self, 5));
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(5, told);
}

/* One bit for half a page, a page, two pages and all of them, at any address */
TEST_F(dirty, any_page_size_and_any_address)
{
	uint64_t size;
	unsigned int bit;
	uint8_t *at;

	for (size = PAGE_BYTES / 2; size <= MEM_BYTES; size *= 2) {
		for (at = self->bitmap + PAGE_BYTES - 9; at <= self->bitmap + PAGE_BYTES; at++) {
			memset(self->bitmap, 0, 2 * PAGE_BYTES);
			ASSERT_LT(0, write_pages(self, 1ULL << 37));
			ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, IOVA, MEM_BYTES, size, at,
						 0));
			bit = 37 * PAGE_BYTES / size;
			EXPECT_NE(0, at[bit / 8] & 1 << bit % 8) {
				TH_LOG("page size %llu", (unsigned long long)size);
			}
			at[bit / 8] &= ~(1 << bit % 8);
			/* Half a page: the page has two bits */
			if (size < PAGE_BYTES)
				at[(bit + 1) / 8] &= ~(1 << (bit + 1) % 8);
			for (bit = 0; bit < 2 * PAGE_BYTES; bit++)
				ASSERT_EQ(0, self->bitmap[bit]);
		}
	}
}

/* A dirty bit belongs to an entry: a page here, or half of one at an odd address */
TEST_F(dirty, both_halves_of_a_page)
{
	const uint64_t half = PAGE_BYTES / 2, odd = IOVA + 2 * MEM_BYTES;
	uint64_t second = 2, told = 0;

	ASSERT_EQ(1, mock_dirty(self->fd, self->hwpt, IOVA, PAGE_BYTES, half, &second));
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, IOVA, MEM_BYTES / 2, half, &told, 0));
	EXPECT_EQ(3, told);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem + half, PAGE_BYTES, odd));
	ASSERT_EQ(1, mock_dirty(self->fd, self->hwpt, odd, PAGE_BYTES, half, &second));
	told = 0;
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, odd, PAGE_BYTES, half, &told, 0));
	EXPECT_EQ(2, told);
}

TEST_F(dirty, holes_are_clean)
{
	uint64_t told[2] = {};

	ASSERT_LT(0, write_pages(self, 1));
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, IOVA, 2 * MEM_BYTES, PAGE_BYTES, told, 0));
	EXPECT_EQ(1, told[0]);
	EXPECT_EQ(0, told[1]);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	told[0] = 0;
	ASSERT_EQ(0, read_all(self, told, 0));
	EXPECT_EQ(0, told[0]);
}

/* Many windows of the bitmap: 1 GiB in pages of 64 bytes has 2 MiB of bits */
TEST_F(dirty, more_than_a_window)
{
	uint64_t far = 1ULL << 29, one = 1, sum = 0, i;
	size_t bytes = 2 << 20, per_page = PAGE_BYTES / 64 / 8;
	uint8_t *bitmap = memory_alloc(bytes);

	ASSERT_NE(NULL, bitmap);
	memset(bitmap, 0, bytes);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA + far));
	ASSERT_LT(0, write_pages(self, 1));
	ASSERT_LT(0, mock_dirty(self->fd, self->hwpt, IOVA + far, PAGE_BYTES, PAGE_BYTES, &one));
	/* The alignment of the mock's page table bounds the range, not the bits */
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, IOVA, 2 * far, 64, bitmap, 0));
	for (i = 0; i < per_page; i++) {
		EXPECT_EQ(0xff, bitmap[i]);
		EXPECT_EQ(0xff, bitmap[far / 64 / 8 + i]);
	}
	for (i = 0; i < bytes; i++)
		sum += !!bitmap[i];
	EXPECT_EQ(2 * per_page, sum);
	munmap(bitmap, bytes);
}

/* covers: IOMMU_HWPT_SET_DIRTY_TRACKING EOPNOTSUPP ENOENT */
TEST_F(dirty, track_order)
{
	EXPECT_EQ(-EOPNOTSUPP, track(self->fd, 0, 2));
	EXPECT_EQ(-ENOENT, track(self->fd, self->ioas, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	self->ids.hwpt = self->ioas;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &self->ids.hwpt));
	EXPECT_EQ(-EOPNOTSUPP, track(self->fd, self->ids.hwpt, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
}

/* covers: IOMMU_HWPT_GET_DIRTY_BITMAP EOPNOTSUPP ENOENT EINVAL EOVERFLOW */
TEST_F(dirty, read_order)
{
	uint64_t top = -PAGE_BYTES, told = 0;
	int fd = self->fd;

	EXPECT_EQ(-EOPNOTSUPP, read_bitmap(fd, 0, 0, 0, 0, NULL, 2));
	EXPECT_EQ(-ENOENT, read_bitmap(fd, self->ioas, 0, 0, 0, NULL, 0));
	EXPECT_EQ(-EINVAL, read_bitmap(fd, self->hwpt, IOVA, 0, PAGE_BYTES, NULL, 0));
	EXPECT_EQ(-EINVAL, read_bitmap(fd, self->hwpt, IOVA, PAGE_BYTES, 0, NULL, 0));
	EXPECT_EQ(-EINVAL, read_bitmap(fd, self->hwpt, IOVA, 3 * PAGE_BYTES, 3 * PAGE_BYTES, NULL,
				       0));
	EXPECT_EQ(-EINVAL, read_bitmap(fd, self->hwpt, IOVA + 64, PAGE_BYTES, 64, NULL, 0));
	EXPECT_EQ(-EINVAL, read_bitmap(fd, self->hwpt, IOVA, PAGE_BYTES, 2 * PAGE_BYTES, NULL, 0));
	EXPECT_EQ(-EOVERFLOW, read_bitmap(fd, self->hwpt, top, 2 * PAGE_BYTES, PAGE_BYTES, &told,
					  0));
	EXPECT_EQ(0, read_bitmap(fd, self->hwpt, top, PAGE_BYTES, PAGE_BYTES, &told, 0));
	EXPECT_EQ(0, told);

	self->ids.hwpt = self->ioas;
	ASSERT_EQ(0, mock_replace(fd, self->ids.stdev, &self->ids.hwpt));
	EXPECT_EQ(-EOVERFLOW, read_bitmap(fd, self->ids.hwpt, top, 2 * PAGE_BYTES, PAGE_BYTES,
					  &told, 0));
	EXPECT_EQ(-EOPNOTSUPP, read_bitmap(fd, self->ids.hwpt, IOVA, PAGE_BYTES, PAGE_BYTES, &told,
					   0));
}

/* An unwritable bitmap is an error, and what it could not take is not lost */
TEST_F(dirty, unwritable_bitmap)
{
	uint64_t zero = 0, told = 0;
	void *bitmap = read_only_copy(&zero, sizeof(zero));
	void *end = before_hole(&zero, sizeof(zero));

	ASSERT_NE(NULL, bitmap);
	ASSERT_NE(NULL, end);
	ASSERT_LT(0, write_pages(self, 5));
	EXPECT_EQ(-EFAULT, read_all(self, bitmap, 0));
	EXPECT_EQ(-EFAULT, read_bitmap(self->fd, self->hwpt, IOVA, 2 * MEM_BYTES, PAGE_BYTES, end,
				       0));
	EXPECT_EQ(-EFAULT, read_all(self, (void *)-8ULL, 0));
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(5, told);
}

/* So with a bitmap that is long: nothing is cleared, and no bit is set either */
TEST_F(dirty, unwritable_end_of_a_long_bitmap)
{
	size_t bytes = 2 << 20;
	uint8_t *bitmap = memory_alloc(bytes);
	uint64_t told = 0;
	size_t i;

	ASSERT_NE(NULL, bitmap);
	memset(bitmap, 0, bytes);
	ASSERT_LT(0, write_pages(self, 5));
	ASSERT_EQ(0, mprotect(bitmap + bytes - PAGE_BYTES, PAGE_BYTES, PROT_READ));
	EXPECT_EQ(-EFAULT, read_bitmap(self->fd, self->hwpt, IOVA, 64 * 8 * bytes, 64, bitmap, 0));
	ASSERT_EQ(0, munmap(bitmap + bytes - PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EFAULT, read_bitmap(self->fd, self->hwpt, IOVA, 64 * 8 * bytes, 64, bitmap, 0));
	for (i = 0; i < bytes - PAGE_BYTES; i++)
		ASSERT_EQ(0, bitmap[i]);
	ASSERT_EQ(0, read_all(self, &told, 0));
	EXPECT_EQ(5, told);
	munmap(bitmap, bytes - PAGE_BYTES);
}

TEST_F(dirty, needs_a_device_that_tracks)
{
	struct mock_ids ids;
	uint32_t hwpt, pt_id;

	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_NO_DIRTY, &ids));
	EXPECT_EQ(-EOPNOTSUPP, alloc_with_flags(self->fd, ids.dev, self->ioas,
						IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	pt_id = self->hwpt;
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, ids.stdev, &pt_id));
	EXPECT_EQ(0, mock_check_map(self->fd, ids.hwpt, IOVA, MEM_BYTES, self->mem));
}

TEST_F(dirty, capability_and_description)
{
	struct iommu_test_hw_info reg[2] = { { 1, 1 }, { 1, 1 } };
	struct iommu_hw_info info = {
		.size = sizeof(info), .dev_id = self->ids.dev, .data_len = sizeof(reg),
		.data_uptr = (uintptr_t)reg,
	};

	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &info));
	EXPECT_EQ(IOMMU_HW_INFO_TYPE_SELFTEST, info.out_data_type);
	EXPECT_EQ(sizeof(reg[0]), info.data_len);
	EXPECT_NE(0, info.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING);
	EXPECT_EQ(IOMMU_HW_INFO_SELFTEST_REGVAL, reg[0].test_reg);
	EXPECT_EQ(0, reg[0].flags);
	EXPECT_EQ(0, reg[1].test_reg);

	/* A short buffer gets the beginning, and the length there is */
	reg[0].test_reg = 1;
	info.data_len = sizeof(reg[0].flags);
	info.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE;
	info.in_data_type = IOMMU_HW_INFO_TYPE_SELFTEST;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &info));
	EXPECT_EQ(sizeof(reg[0]), info.data_len);
	EXPECT_EQ(1, reg[0].test_reg);

	info.in_data_type = IOMMU_HW_INFO_TYPE_SELFTEST - 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &info));
}

TEST_F(dirty, blob_of_a_page_table)
{
	struct iommu_hwpt_selftest blob = { .pagetable_type = MOCK_IOMMUPT_HUGE };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = self->ids.dev, .pt_id = self->ioas,
		.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(blob),
		.data_uptr = (uintptr_t)&blob,
	};

	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0, mock_check_map(self->fd, arg.out_hwpt_id, IOVA, MEM_BYTES, self->mem));
	blob.pagetable_type = MOCK_IOMMUPT_HUGE + 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = sizeof(blob) + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = 3;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = sizeof(blob);
	arg.data_uptr = 8;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST + 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

/* The bitmap is read in windows of so many pages of it, here with 64 bytes to a bit */
#define WINDOW_BYTES	(64UL * PAGE_BYTES)
#define BIT_BYTES	64UL
#define WINDOW		(WINDOW_BYTES * 8 * BIT_BYTES)
#define BITMAP_BYTES	(2 * WINDOW_BYTES)
/* Where the entry is */
#define AT		(IOVA + 3 * WINDOW)

/* One large entry, if it can be had, in a page table that tracks */
FIXTURE(entry)
{
	int fd;
	uint32_t ioas;
	uint32_t hwpt;
	struct mock_ids ids;
	uint64_t bytes;
	uint64_t unit;
	uint8_t *mem;
	uint8_t *bitmap;
};

FIXTURE_VARIANT(entry)
{
	uint32_t kind;
	uint64_t bytes;
	uint64_t unit;	/* smallest page of the table */
};

FIXTURE_VARIANT_ADD(entry, page)
{
	.kind = MOCK_IOMMUPT_DEFAULT,
	.bytes = 4096,
	.unit = MOCK_PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(entry, huge)
{
	.kind = MOCK_IOMMUPT_HUGE,
	.bytes = MOCK_HUGE_PAGE_SIZE,
	.unit = 4096,
};

FIXTURE_SETUP(entry)
{
	struct iommu_test_ext page;

	self->fd = mock_space(&self->ioas, &self->ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	if (PAGE_BYTES != 4096)
		SKIP(return, "pages are not of 4 KiB");
	self->bytes = variant->bytes;
	self->unit = variant->unit;
	self->mem = memory_alloc_huge(HUGE_BYTES);
	self->bitmap = memory_alloc(BITMAP_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->bitmap);
	memset(self->mem, 1, HUGE_BYTES);
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas,
				     IOMMU_HWPT_ALLOC_DIRTY_TRACKING, variant->kind, &self->hwpt));
	self->ids.hwpt = self->hwpt;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &self->ids.hwpt));
	ASSERT_EQ(0, track(self->fd, self->hwpt, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, HUGE_BYTES, AT));
	ASSERT_EQ(0, mock_page_at(self->fd, self->hwpt, AT, &page));
	if (page.page_at.out_page_size != self->bytes)
		SKIP(return, "no contiguous memory to be had");
}

FIXTURE_TEARDOWN(entry)
{
	if (self->mem)
		munmap(self->mem, HUGE_BYTES);
	if (self->bitmap)
		munmap(self->bitmap, BITMAP_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

/* The device writes the last byte of the entry, or of its last page */
static long write_entry(FIXTURE_DATA(entry) *self)
{
	const uint8_t one = 1;

	return mock_dirty(self->fd, self->hwpt, AT + self->bytes - self->unit, self->unit,
			  self->unit, &one);
}

/* From offset on, negative ones too, two windows long */
static int read_windows(FIXTURE_DATA(entry) *self, int64_t offset, uint32_t flags)
{
	memset(self->bitmap, 0, BITMAP_BYTES);
	return read_bitmap(self->fd, self->hwpt, AT + offset, 2 * WINDOW, BIT_BYTES, self->bitmap,
			   flags);
}

/* Bytes of the bitmap that are not 0; -1 if one is not full */
static long bytes_told(FIXTURE_DATA(entry) *self)
{
	long nr = 0;
	size_t i;

	for (i = 0; i < BITMAP_BYTES; i++) {
		if (self->bitmap[i] && self->bitmap[i] != 0xff)
			return -1;
		nr += !!self->bitmap[i];
	}
	return nr;
}

/* Wherever the end of the first window cuts it, all of it is told, and told once */
TEST_F(entry, across_the_end_of_a_window)
{
	const uint64_t step = self->bytes / 32 < self->unit ? self->unit : self->bytes / 32;
	const long all = self->bytes / BIT_BYTES / 8;
	int64_t cut, offset;

	for (cut = 0; cut <= self->bytes; cut += step) {
		offset = cut - (int64_t)WINDOW;
		ASSERT_EQ(1, write_entry(self));
		ASSERT_EQ(0, read_windows(self, offset, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
		EXPECT_EQ(all, bytes_told(self));
		ASSERT_EQ(0, read_windows(self, offset, 0));
		EXPECT_EQ(all, bytes_told(self)) TH_LOG("cut at %lld", (long long)cut);
		EXPECT_EQ(0xff, self->bitmap[-offset / BIT_BYTES / 8]);
		ASSERT_EQ(0, read_windows(self, offset, 0));
		EXPECT_EQ(0, bytes_told(self)) TH_LOG("cut at %lld", (long long)cut);
	}
}

/* An end that cannot be written leaves an entry before it dirty */
TEST_F(entry, unwritable_second_window)
{
	const int64_t offset = self->bytes / 2 - (int64_t)WINDOW;

	ASSERT_EQ(1, write_entry(self));
	ASSERT_EQ(0, mprotect(self->bitmap + WINDOW_BYTES, WINDOW_BYTES, PROT_READ));
	EXPECT_EQ(-EFAULT, read_bitmap(self->fd, self->hwpt, AT + offset, 2 * WINDOW, BIT_BYTES,
				       self->bitmap, 0));
	EXPECT_EQ(0, bytes_told(self));
	ASSERT_EQ(0, mprotect(self->bitmap, BITMAP_BYTES, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, read_windows(self, offset, 0));
	EXPECT_EQ(self->bytes / BIT_BYTES / 8, bytes_told(self));
}

/* What the caller leaves out has no bits, and is forgotten all the same */
TEST_F(entry, reading_a_part_forgets_the_rest)
{
	const uint64_t half = self->bytes / 2;
	uint8_t told;

	ASSERT_EQ(1, write_entry(self));
	told = 0;
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, AT, half, half, &told,
				 IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	EXPECT_EQ(1, told);
	told = 0;
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, AT, half, half, &told, 0));
	EXPECT_EQ(1, told);
	told = 0;
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, AT, self->bytes, half, &told, 0));
	EXPECT_EQ(0, told);
	/* From the other side, and beside its neighbour */
	ASSERT_EQ(1, write_entry(self));
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, AT + half, self->bytes, half, &told, 0));
	EXPECT_EQ(1, told);
	told = 0;
	ASSERT_EQ(0, read_bitmap(self->fd, self->hwpt, AT, 2 * self->bytes, half, &told, 0));
	EXPECT_EQ(0, told);
}

TEST_HARNESS_MAIN
