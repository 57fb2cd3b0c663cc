// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which page sizes a page table gets: from memory in small pages, transparent
 * huge pages and hugetlb pages of 2 MiB and 1 GiB, with huge pages on and off, at
 * addresses that fit the memory and at others; and the ends of the space of IOVAs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define BASE		GIB
#define HUGE		((uint64_t)MOCK_HUGE_PAGE_SIZE)
#define MEM_BYTES	(8 * MIB)
#define POOL_2M		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define POOL_1G		"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

enum memory { SMALL, TRANSPARENT, HUGETLB_2M, HUGETLB_1G };

/* An address space with a page table that knows pages of 4 KiB and 1 MiB */
FIXTURE(backing)
{
	int fd;
	uint32_t ioas;
	uint32_t hwpt;
	struct mock_ids ids;	/* a device elsewhere */
	uint8_t *mem;
	uint64_t bytes;		/* of mem */
	int huge;
};

FIXTURE_VARIANT(backing)
{
	enum memory memory;
	int huge;
};

FIXTURE_VARIANT_ADD(backing, small)
{
	.memory = SMALL,
	.huge = 1,
};

FIXTURE_VARIANT_ADD(backing, small_huge_pages_off)
{
	.memory = SMALL,
	.huge = 0,
};

FIXTURE_VARIANT_ADD(backing, thp)
{
	.memory = TRANSPARENT,
	.huge = 1,
};

FIXTURE_VARIANT_ADD(backing, thp_huge_pages_off)
{
	.memory = TRANSPARENT,
	.huge = 0,
};

FIXTURE_VARIANT_ADD(backing, hugetlb_2m)
{
	.memory = HUGETLB_2M,
	.huge = 1,
};

FIXTURE_VARIANT_ADD(backing, hugetlb_2m_huge_pages_off)
{
	.memory = HUGETLB_2M,
	.huge = 0,
};

FIXTURE_VARIANT_ADD(backing, hugetlb_1g)
{
	.memory = HUGETLB_1G,
	.huge = 1,
};

FIXTURE_VARIANT_ADD(backing, hugetlb_1g_huge_pages_off)
{
	.memory = HUGETLB_1G,
	.huge = 0,
};

static void *alloc_hugetlb(const char *pool, const char *nr, uint64_t bytes, int size_flag)
{
	void *mem;

	if (file_write(pool, nr))
		return NULL;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE | size_flag, -1, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

/* One that a test of this program left, or a new one; NULL if there are none. */
static void *alloc_kind(enum memory memory, uint64_t *bytes)
{
	*bytes = MEM_BYTES;
	switch (memory) {
	case TRANSPARENT:
		return memory_alloc_huge(MEM_BYTES);
	case HUGETLB_2M:
		return alloc_hugetlb(POOL_2M, "4", MEM_BYTES, MAP_HUGE_2MB);
	case HUGETLB_1G:
		*bytes = GIB;
		return alloc_hugetlb(POOL_1G, "1", GIB, MAP_HUGE_1GB);
	default:
		return memory_alloc(MEM_BYTES);
	}
}

/* Whether each block of so many bytes is contiguous and at home in the memory */
static int blocks_are_contiguous(const uint8_t *mem, uint64_t bytes, uint64_t block)
{
	uint64_t first, at;
	int good = 1;

	for (at = 0; good && at < bytes; at += block) {
		first = page_frame(mem + at);
		good = first && first % (block / PAGE_BYTES) == 0 &&
		       page_frame(mem + at + block - PAGE_BYTES) ==
		       first + block / PAGE_BYTES - 1;
	}
	return good;
}

FIXTURE_SETUP(backing)
{
	uint32_t elsewhere;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->mem = alloc_kind(variant->memory, &self->bytes);
	if (!self->mem && variant->memory == HUGETLB_1G)
		SKIP(return, "no page of 1 GiB to be had: hugepagesz=1G hugepages=1");
	if (!self->mem && variant->memory == HUGETLB_2M)
		SKIP(return, "no pages of 2 MiB to be had");
	ASSERT_NE(NULL, self->mem);
	if (variant->memory == TRANSPARENT &&
	    !blocks_are_contiguous(self->mem, self->bytes, 2 * MIB))
		SKIP(return, "no transparent huge pages to be had");
	self->huge = variant->huge;
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->fd, &elsewhere));
	ASSERT_EQ(0, mock_domain(self->fd, elsewhere, 0, &self->ids));
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, self->huge));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas, 0, MOCK_IOMMUPT_HUGE,
				     &self->hwpt));
}

FIXTURE_TEARDOWN(backing)
{
	EXPECT_EQ(0, close(self->fd));
	munmap(self->mem, self->bytes);
	/* The pools are as large as they were found: empty, or set at boot. */
	if (variant->memory == HUGETLB_2M)
		EXPECT_EQ(0, file_write(POOL_2M, "0"));
}

/* A mapping, by its places from BASE and in the memory */
struct place {
	uint64_t iova;
	uint64_t mem;
	uint64_t bytes;
};

static const struct place places[] = {
	{ 0, 0, 2 * MIB },			/* fits */
	{ 0, 0, 8 * MIB },
	{ 5 * MIB, MIB, MIB },			/* a part that fits */
	{ 0, MIB, 2 * MIB },			/* across two pages of 2 MiB */
	{ PAGE_BYTES, PAGE_BYTES, 2 * MIB },	/* fits but for both ends */
	{ 0, 0, MIB + PAGE_BYTES },
	{ MIB - PAGE_BYTES, MIB - PAGE_BYTES, 2 * PAGE_BYTES },
	{ 3 * PAGE_BYTES, MIB + 3 * PAGE_BYTES, MIB },	/* no whole one */
	{ 0, PAGE_BYTES, 4 * MIB },		/* fits nowhere */
	{ PAGE_BYTES, 0, 4 * MIB },
	{ 0, 0, PAGE_BYTES },
};

/* How many large pages that makes where all the memory is contiguous */
static uint64_t huge_pages_of(const struct place *place)
{
	const uint64_t first = (place->iova + HUGE - 1) / HUGE;
	const uint64_t end = (place->iova + place->bytes) / HUGE;

	if ((place->iova - place->mem) % HUGE || end < first)
		return 0;
	return end - first;
}

static int map_place(FIXTURE_DATA(backing) *self, const struct place *place)
{
	return ioas_map_fixed(self->fd, self->ioas, self->mem + place->mem, place->bytes,
			      BASE + place->iova);
}

/* All addresses of a mapping, or those at both ends of a large one */
static int check_addresses(FIXTURE_DATA(backing) *self, const struct place *place)
{
	const uint64_t bytes = place->bytes < MEM_BYTES ? place->bytes : 2 * MIB;
	const uint64_t rest = place->bytes - bytes;
	int err;

	err = mock_check_map(self->fd, self->hwpt, BASE + place->iova, bytes,
			     self->mem + place->mem);
	if (err || !rest)
		return err;
	return mock_check_map(self->fd, self->hwpt, BASE + place->iova + rest, bytes,
			      self->mem + place->mem + rest);
}

/* What is wrong with a mapping; want_huge is the number, or -1 for any. */
static const char *differs(FIXTURE_DATA(backing) *self, const struct place *place,
			   int64_t want_huge)
{
	struct iommu_test_ext stats;
	uint64_t nr_huge;

	if (check_addresses(self, place))
		return "addresses";
	if (mock_table_stats(self->fd, self->hwpt, &stats))
		return "no counters";
	if (stats.table_stats.out_mapped_bytes != place->bytes)
		return "mapped bytes";
	nr_huge = stats.table_stats.out_nr_huge;
	if (stats.table_stats.out_nr_pages !=
	    nr_huge + (place->bytes - nr_huge * HUGE) / PAGE_BYTES)
		return "number of pages";
	if (want_huge >= 0 && nr_huge != want_huge)
		return "number of large pages";
	return NULL;
}

static int64_t huge_wanted(FIXTURE_DATA(backing) *self, enum memory memory,
			   const struct place *place)
{
	if (!self->huge)
		return 0;
	/* Small pages may happen to be neighbours. */
	return memory == SMALL ? -1 : huge_pages_of(place);
}

TEST_F(backing, page_sizes)
{
	const long pin_kib = status_kib("VmPin");
	struct iommu_test_ext stats;
	const char *what;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(0, map_place(self, &places[i]));
		EXPECT_EQ(pin_kib + (long)(places[i].bytes / 1024), status_kib("VmPin"));
		what = differs(self, &places[i], huge_wanted(self, variant->memory, &places[i]));
		EXPECT_EQ(NULL, what) TH_LOG("place %u: %s", i, what);
		ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
		ASSERT_EQ(0, mock_table_stats(self->fd, self->hwpt, &stats));
		EXPECT_EQ(0, stats.table_stats.out_nr_pages);
		EXPECT_EQ(pin_kib, status_kib("VmPin"));
	}
}

/* A page table that comes later gets the same. */
TEST_F(backing, page_sizes_of_a_later_table)
{
	const char *what;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(0, object_destroy(self->fd, self->hwpt));
		ASSERT_EQ(0, map_place(self, &places[i]));
		ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas, 0,
					     MOCK_IOMMUPT_HUGE, &self->hwpt));
		what = differs(self, &places[i], huge_wanted(self, variant->memory, &places[i]));
		EXPECT_EQ(NULL, what) TH_LOG("place %u: %s", i, what);
		ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	}
}

/* The whole of the memory, all 1 GiB where that is its page size */
TEST_F(backing, all_of_it)
{
	struct place all = { .bytes = self->bytes };
	struct iommu_test_ext page;
	const char *what;
	uint64_t size = self->huge && variant->memory != SMALL ? HUGE : PAGE_BYTES;

	/* Pages of 4 KiB are many in 1 GiB. */
	if (!self->huge && all.bytes > 32 * MIB)
		all.bytes = 32 * MIB;
	ASSERT_EQ(0, map_place(self, &all));
	what = differs(self, &all, huge_wanted(self, variant->memory, &all));
	EXPECT_EQ(NULL, what) TH_LOG("%s", what);
	if (variant->memory == SMALL)
		return;
	ASSERT_EQ(0, mock_page_at(self->fd, self->hwpt, BASE + all.bytes - 1, &page));
	EXPECT_EQ(size, page.page_at.out_page_size);
	EXPECT_EQ(BASE + all.bytes - size, page.page_at.out_page_iova);
}

/* Copies of a slice have the page sizes of their own place. */
TEST_F(backing, slices)
{
	static const struct place slices[] = {
		{ 16 * MIB, 0, 2 * MIB }, { 16 * MIB, 3 * MIB, 4 * MIB },
		{ 16 * MIB + PAGE_BYTES, MIB + PAGE_BYTES, MIB }, { 16 * MIB, PAGE_BYTES, 2 * MIB },
	};
	const struct place all = { 0, 0, MEM_BYTES };
	const char *what;
	unsigned int i;
	uint64_t iova;

	for (i = 0; i < ARRAY_SIZE(slices); i++) {
		ASSERT_EQ(0, map_place(self, &all));
		iova = BASE + slices[i].iova;
		ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas,
				       BASE + slices[i].mem, slices[i].bytes, MAP_FIXED_RW));
		/* What it was copied from goes, and the pins of the rest with it. */
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, MEM_BYTES, NULL));
		what = differs(self, &slices[i], huge_wanted(self, variant->memory, &slices[i]));
		EXPECT_EQ(NULL, what) TH_LOG("slice %u: %s", i, what);
		ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	}
}

/* One that knows no large pages gets the same memory in small ones. */
TEST_F(backing, beside_a_table_of_small_pages)
{
	const struct place place = { 0, 0, 2 * MIB };
	struct iommu_test_ext stats;
	const char *what;
	uint32_t small;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->ioas, &small));
	ASSERT_EQ(0, map_place(self, &place));
	what = differs(self, &place, huge_wanted(self, variant->memory, &place));
	EXPECT_EQ(NULL, what) TH_LOG("%s", what);
	EXPECT_EQ(0, mock_check_map(self->fd, small, BASE, place.bytes, self->mem));
	ASSERT_EQ(0, mock_table_stats(self->fd, small, &stats));
	EXPECT_EQ(place.bytes / PAGE_BYTES, stats.table_stats.out_nr_pages);
	EXPECT_EQ(0, stats.table_stats.out_nr_huge);
}

/* With memory in a page table the option stays; without it can be changed. */
TEST_F(backing, option_and_memory)
{
	const struct place place = { 0, 0, 2 * MIB };
	const int other = !self->huge;
	const char *what;

	ASSERT_EQ(0, map_place(self, &place));
	EXPECT_EQ(self->huge ? -EINVAL : 0,
		  option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, other));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, other));
	self->huge = other;
	ASSERT_EQ(0, map_place(self, &place));
	what = differs(self, &place, huge_wanted(self, variant->memory, &place));
	EXPECT_EQ(NULL, what) TH_LOG("%s", what);
}

/* The ends of the space: a page table of 64 bits, and none */

FIXTURE(ends)
{
	int fd;
	uint32_t ioas;
	uint32_t hwpt;		/* 0 without one */
	uint8_t *mem;
};

FIXTURE_VARIANT(ends)
{
	bool table;
};

FIXTURE_VARIANT_ADD(ends, without_table)
{
	.table = false,
};

FIXTURE_VARIANT_ADD(ends, with_table)
{
	.table = true,
};

FIXTURE_SETUP(ends)
{
	struct mock_ids ids;
	uint32_t elsewhere;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->mem = memory_alloc(4 * PAGE_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->fd, &elsewhere));
	ASSERT_EQ(0, mock_domain(self->fd, elsewhere, 0, &ids));
	if (variant->table)
		ASSERT_EQ(0, mock_hwpt_alloc(self->fd, ids.dev, self->ioas,
					     IOMMU_HWPT_ALLOC_DIRTY_TRACKING, MOCK_IOMMUPT_HUGE,
					     &self->hwpt));
}

FIXTURE_TEARDOWN(ends)
{
	EXPECT_EQ(0, close(self->fd));
	munmap(self->mem, 4 * PAGE_BYTES);
}

static int map_end(FIXTURE_DATA(ends) *self, uint64_t iova, uint64_t bytes)
{
	return ioas_map_fixed(self->fd, self->ioas, self->mem, bytes, iova);
}

static int seen(FIXTURE_DATA(ends) *self, uint64_t iova, uint64_t bytes)
{
	return !self->hwpt || !mock_check_map(self->fd, self->hwpt, iova, bytes, self->mem);
}

TEST_F(ends, first_and_last_page)
{
	const uint64_t last = -PAGE_BYTES;
	uint64_t bytes;

	ASSERT_EQ(0, map_end(self, 0, PAGE_BYTES));
	ASSERT_EQ(0, map_end(self, last, PAGE_BYTES));
	EXPECT_TRUE(seen(self, 0, PAGE_BYTES));
	EXPECT_EQ(-EEXIST, map_end(self, last, PAGE_BYTES));
	EXPECT_EQ(-EEXIST, map_end(self, last - PAGE_BYTES, 2 * PAGE_BYTES));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, last, PAGE_BYTES, &bytes));
	EXPECT_EQ(PAGE_BYTES, bytes);
	EXPECT_EQ(0, map_end(self, last - PAGE_BYTES, 2 * PAGE_BYTES));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(3 * PAGE_BYTES, bytes);
}

/* What reaches over the end is refused, and nothing of it is at the beginning. */
TEST_F(ends, wrap_around)
{
	const uint64_t last = -PAGE_BYTES;
	uint64_t bytes, iova = last;

	EXPECT_EQ(-EOVERFLOW, map_end(self, last, 2 * PAGE_BYTES));
	/* A page table wants whole pages before it is asked. */
	EXPECT_EQ(self->hwpt ? -EINVAL : -EOVERFLOW, map_end(self, last + 1, PAGE_BYTES));
	EXPECT_EQ(-EOVERFLOW, map_end(self, PAGE_BYTES, ALL_ONES - 1));
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "mappings"));
	ASSERT_EQ(0, map_end(self, 0, 2 * PAGE_BYTES));
	EXPECT_EQ(-EOVERFLOW, ioas_copy(self->fd, self->ioas, &iova, self->ioas, 0,
					2 * PAGE_BYTES, MAP_FIXED_RW));
	EXPECT_EQ(-EOVERFLOW, ioas_copy(self->fd, self->ioas, &iova, self->ioas, last,
					2 * PAGE_BYTES, MAP_FIXED_RW));
	EXPECT_EQ(-EOVERFLOW, ioas_unmap(self->fd, self->ioas, last, 2 * PAGE_BYTES, NULL));
	EXPECT_EQ(-EOVERFLOW, ioas_unmap(self->fd, self->ioas, 3, ALL_ONES - 1, NULL));
	EXPECT_TRUE(seen(self, 0, 2 * PAGE_BYTES));
	/* All but the last byte does not wrap. */
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, 0, ALL_ONES - 1, &bytes));
	EXPECT_EQ(2 * PAGE_BYTES, bytes);
}

TEST_F(ends, copy_and_kernel_users_at_the_end)
{
	const uint64_t last = -PAGE_BYTES;
	uint64_t iova = last;
	uint32_t item;
	uint8_t byte;
	int access;

	self->mem[PAGE_BYTES - 1] = 0x33;
	ASSERT_EQ(0, map_end(self, 0, PAGE_BYTES));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, 0, PAGE_BYTES,
			       MAP_FIXED_RW));
	EXPECT_EQ(last, iova);
	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	EXPECT_EQ(0, mock_access_rw(self->fd, access, ALL_ONES, &byte, 1, 0));
	EXPECT_EQ(0x33, byte);
	EXPECT_EQ(-EOVERFLOW, mock_access_rw(self->fd, access, ALL_ONES, &byte, 2, 0));
	EXPECT_EQ(0, mock_access_pin(self->fd, access, last, PAGE_BYTES, self->mem, 0, &item));
	EXPECT_EQ(-EOVERFLOW, mock_access_pin(self->fd, access, last, PAGE_BYTES + 1, NULL, 0,
					      &item));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, close(access));
}

TEST_F(ends, lists_of_ranges)
{
	const struct iommu_iova_range top = { -2 * PAGE_BYTES, ALL_ONES };
	struct iommu_iova_range range[4];
	uint64_t iova = 0;
	uint32_t nr = 4;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, NULL));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(0, range[0].start);
	EXPECT_EQ(ALL_ONES, range[0].last);
	ASSERT_EQ(0, mock_reserve(self->fd, self->ioas, -PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EADDRINUSE, ioas_allow(self->fd, self->ioas, &top, 1));
	EXPECT_EQ(-EINVAL, map_end(self, -PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(0, map_end(self, -2 * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EOVERFLOW, mock_reserve(self->fd, self->ioas, -PAGE_BYTES, PAGE_BYTES + 1));
	nr = 4;
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, NULL));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(ALL_ONES - PAGE_BYTES, range[0].last);
	/* Placement stays a page away from the end. */
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(PAGE_BYTES, iova);
}

TEST_F(ends, dirty_bits_of_the_last_page)
{
	const uint64_t last = -PAGE_BYTES;
	struct iommu_hwpt_set_dirty_tracking track = {
		.size = sizeof(track), .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
		.hwpt_id = self->hwpt,
	};
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get), .hwpt_id = self->hwpt, .iova = last, .length = PAGE_BYTES,
		.page_size = PAGE_BYTES,
	};
	uint64_t bits = 1;

	get.data = (uintptr_t)&bits;
	if (!self->hwpt) {
		/* Nor do they tell anything of what is no page table. */
		EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get));
		return;
	}
	ASSERT_EQ(0, map_end(self, last, PAGE_BYTES));
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &track));
	ASSERT_EQ(1, mock_dirty(self->fd, self->hwpt, last, PAGE_BYTES, PAGE_BYTES, &bits));
	bits = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get));
	EXPECT_EQ(1, bits);
	get.length = 2 * PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get));
}

TEST_HARNESS_MAIN
