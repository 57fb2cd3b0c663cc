// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommu_dirty_report(): which bits of which bytes of which pages are set, and
 * that nothing beside them is.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/highmem.h>
#include <linux/iommu-ext.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#define NR_PAGES	3
#define IOVA		0x40000000UL
#define PAGE_LG2	12

/**
 * struct fixture - a bitmap and what it must be
 * @pages: the bitmap's pages
 * @wanted: their content, page by page, made bit by bit
 * @log: report to it
 */
struct fixture {
	struct page *pages[NR_PAGES];
	u8 *wanted;
	struct iommu_dirty_log log;
};

static int dirty_report_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->wanted = kunit_kzalloc(test, NR_PAGES * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->wanted);
	for (i = 0; i < NR_PAGES; i++) {
		f->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, f->pages[i]);
	}
	f->log.iova = IOVA;
	f->log.page_lg2 = PAGE_LG2;
	f->log.bitmap = f->pages;
	return 0;
}

static void dirty_report_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; f && i < NR_PAGES && f->pages[i]; i++)
		__free_page(f->pages[i]);
}

static void use_bitmap(struct fixture *f, unsigned int offset_bytes,
		       unsigned long nr_bits)
{
	unsigned int i;

	f->log.offset_bytes = offset_bytes;
	f->log.nr_bits = nr_bits;
	memset(f->wanted, 0, NR_PAGES * PAGE_SIZE);
	for (i = 0; i < NR_PAGES; i++)
		clear_highpage(f->pages[i]);
}

/* Bits of the log that must be set, @last inclusive */
static void want(struct fixture *f, unsigned long first, unsigned long last)
{
	unsigned long bit = f->log.offset_bytes * 8 + first;

	for (; first <= last; first++, bit++)
		f->wanted[bit / 8] |= BIT(bit % 8);
}

static void report_bits(struct fixture *f, unsigned long first,
			unsigned long last)
{
	iommu_dirty_report(&f->log, IOVA + (first << PAGE_LG2),
			   (last - first + 1) << PAGE_LG2);
	want(f, first, last);
}

static bool is_as_wanted(struct fixture *f)
{
	bool same = true;
	unsigned int i;
	u8 *bytes;

	for (i = 0; i < NR_PAGES; i++) {
		bytes = kmap_local_page(f->pages[i]);
		same &= !memcmp(bytes, f->wanted + i * PAGE_SIZE, PAGE_SIZE);
		kunmap_local(bytes);
	}
	return same;
}

static void sets_bits_of_one_byte_and_of_many(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long first, last;

	for (first = 0; first < 26; first++)
		for (last = first; last < 26; last++) {
			use_bitmap(f, 5, 26);
			report_bits(f, first, last);
			KUNIT_ASSERT_TRUE_MSG(test, is_as_wanted(f),
					      "bits %lu to %lu", first, last);
		}
}

static void crosses_pages_of_the_bitmap(struct kunit *test)
{
	struct fixture *f = test->priv;
	/* Bit 24 is the first one of the second page */
	static const struct {
		unsigned long first, last;
	} cases[] = {
		{ 23, 23 }, { 24, 24 }, { 23, 24 }, { 0, 24 }, { 16, 31 },
		{ 0, 23 }, { 24, 24 + PAGE_SIZE * 8 - 1 },
		{ 23, 24 + PAGE_SIZE * 8 }, { 3, 24 + PAGE_SIZE * 8 + 10 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		use_bitmap(f, PAGE_SIZE - 3, 24 + PAGE_SIZE * 8 + 16);
		report_bits(f, cases[i].first, cases[i].last);
		KUNIT_EXPECT_TRUE_MSG(test, is_as_wanted(f),
				      "bits %lu to %lu", cases[i].first,
				      cases[i].last);
	}
}

static void keeps_what_is_set(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_bitmap(f, 0, 64);
	report_bits(f, 3, 3);
	report_bits(f, 5, 20);
	report_bits(f, 4, 4);
	report_bits(f, 63, 63);
	report_bits(f, 5, 20);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

static void sets_a_bit_for_a_part_of_its_page(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_bitmap(f, 1, 16);
	iommu_dirty_report(&f->log, IOVA + SZ_4K - 1, 1);
	want(f, 0, 0);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	/* The last byte of one page and the first of the next */
	iommu_dirty_report(&f->log, IOVA + 8 * SZ_4K - 1, 2);
	want(f, 7, 8);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

static void cuts_what_lies_outside(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_bitmap(f, 2, 10);
	/* Right below, right above, and far above */
	iommu_dirty_report(&f->log, IOVA - SZ_4K, SZ_4K);
	iommu_dirty_report(&f->log, 0, SZ_4K);
	iommu_dirty_report(&f->log, IOVA + 10 * SZ_4K, SZ_4K);
	iommu_dirty_report(&f->log, ULONG_MAX - SZ_4K + 1, SZ_4K);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));

	iommu_dirty_report(&f->log, IOVA - SZ_4K, 2 * SZ_4K);
	want(f, 0, 0);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	iommu_dirty_report(&f->log, IOVA + 9 * SZ_4K, 2 * SZ_4K);
	want(f, 9, 9);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	/* A page much larger than the log */
	iommu_dirty_report(&f->log, IOVA - SZ_1G, 2UL * SZ_1G);
	want(f, 0, 9);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

static void ends_with_the_address_space(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_bitmap(f, 0, 8);
	f->log.iova = ULONG_MAX - 8 * SZ_4K + 1;
	iommu_dirty_report(&f->log, ULONG_MAX - SZ_4K + 1, SZ_4K);
	want(f, 7, 7);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	iommu_dirty_report(&f->log, f->log.iova - SZ_4K, 9 * SZ_4K);
	want(f, 0, 7);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

static struct kunit_case dirty_report_cases[] = {
	KUNIT_CASE(sets_bits_of_one_byte_and_of_many),
	KUNIT_CASE(crosses_pages_of_the_bitmap),
	KUNIT_CASE(keeps_what_is_set),
	KUNIT_CASE(sets_a_bit_for_a_part_of_its_page),
	KUNIT_CASE(cuts_what_lies_outside),
	KUNIT_CASE(ends_with_the_address_space),
	{}
};

static struct kunit_suite dirty_report_suite = {
	.name = "iommu_dirty_report",
	.init = dirty_report_init,
	.exit = dirty_report_exit,
	.test_cases = dirty_report_cases,
};

kunit_test_suites(&dirty_report_suite);
