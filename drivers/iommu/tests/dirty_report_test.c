// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommu_dirty_report(): it sets the right bits and no others, and an entry is
 * cleared only when all of it has been reported, in any number of windows.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/highmem.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
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
	return 0;
}

static void dirty_report_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; f && i < NR_PAGES && f->pages[i]; i++)
		__free_page(f->pages[i]);
}

static void clear_bitmap(struct fixture *f)
{
	unsigned int i;

	memset(f->wanted, 0, NR_PAGES * PAGE_SIZE);
	for (i = 0; i < NR_PAGES; i++)
		clear_highpage(f->pages[i]);
}

/* A reading that takes one window */
static void use_bitmap_at(struct fixture *f, unsigned long iova,
			  unsigned int offset_bytes, unsigned long nr_bits)
{
	unsigned long last = iova + ((nr_bits << PAGE_LG2) - 1);

	clear_bitmap(f);
	iommu_dirty_log_init(&f->log, iova, last, PAGE_LG2, true);
	iommu_dirty_log_next(&f->log, iova, last, f->pages, offset_bytes);
}

static void use_bitmap(struct fixture *f, unsigned int offset_bytes,
		       unsigned long nr_bits)
{
	use_bitmap_at(f, IOVA, offset_bytes, nr_bits);
}

/* Bits of the log that must be set, @last inclusive */
static void want(struct fixture *f, unsigned long first, unsigned long last)
{
	unsigned long bit = f->log.offset_bytes * 8 + first;

	for (; first <= last; first++, bit++)
		f->wanted[bit / 8] |= BIT(bit % 8);
}

static bool report(struct fixture *f, unsigned long iova, size_t len)
{
	return iommu_dirty_report(&f->log, iova, len);
}

static void report_bits(struct fixture *f, unsigned long first,
			unsigned long last)
{
	report(f, IOVA + (first << PAGE_LG2), (last - first + 1) << PAGE_LG2);
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
	KUNIT_EXPECT_TRUE(test, report(f, IOVA + SZ_4K - 1, 1));
	want(f, 0, 0);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	/* The last byte of one page and the first of the next */
	KUNIT_EXPECT_TRUE(test, report(f, IOVA + 8 * SZ_4K - 1, 2));
	want(f, 7, 8);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

static void cuts_what_lies_outside(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_bitmap(f, 2, 10);
	/* Right below, right above, and far above: not read, so not cleared */
	KUNIT_EXPECT_FALSE(test, report(f, IOVA - SZ_4K, SZ_4K));
	KUNIT_EXPECT_FALSE(test, report(f, 0, SZ_4K));
	KUNIT_EXPECT_FALSE(test, report(f, IOVA + 10 * SZ_4K, SZ_4K));
	KUNIT_EXPECT_FALSE(test, report(f, ULONG_MAX - SZ_4K + 1, SZ_4K));
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));

	KUNIT_EXPECT_TRUE(test, report(f, IOVA - SZ_4K, 2 * SZ_4K));
	want(f, 0, 0);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	KUNIT_EXPECT_TRUE(test, report(f, IOVA + 9 * SZ_4K, 2 * SZ_4K));
	want(f, 9, 9);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	/* A page much larger than the log */
	KUNIT_EXPECT_TRUE(test, report(f, IOVA - SZ_1G, 2UL * SZ_1G));
	want(f, 0, 9);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	/* The largest entry of any page table */
	use_bitmap(f, 2, 10);
	KUNIT_EXPECT_TRUE(test, report(f, 0, BIT(BITS_PER_LONG - 1)));
	want(f, 0, 9);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

static void ends_with_the_address_space(struct kunit *test)
{
	unsigned long iova = ULONG_MAX - 8 * SZ_4K + 1;
	struct fixture *f = test->priv;

	use_bitmap_at(f, iova, 0, 8);
	KUNIT_EXPECT_TRUE(test, report(f, ULONG_MAX - SZ_4K + 1, SZ_4K));
	want(f, 7, 7);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	KUNIT_EXPECT_TRUE(test, report(f, iova - SZ_4K, 9 * SZ_4K));
	want(f, 0, 7);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
}

/* One bit for each eighth of a page, so that a page has a byte */
#define EIGHTH_LG2	(PAGE_LG2 - 3)
#define NR_PLACES	8U

/**
 * struct reading - reading of one entry, in windows of the same length
 * @start: first page of the entry, a multiple of @npages
 * @npages: its length, a power of two
 * @first: first page that is read
 * @end: page behind the last that is read
 * @window: pages of a window
 * @dirtied: number of the window before which the device writes
 * @stopped: number of the window at which the reading ends
 * @clear: what is reported counts as clean
 * @dirty: the entry's dirty bit
 */
struct reading {
	unsigned int start, npages;
	unsigned int first, end;
	unsigned int window;
	unsigned int dirtied, stopped;
	bool clear;
	bool dirty;
};

static unsigned long iova_of(unsigned int page)
{
	return IOVA + ((unsigned long)page << PAGE_LG2);
}

static void read_entry(struct fixture *f, struct reading *r)
{
	unsigned int nr = 0, from, to;

	clear_bitmap(f);
	r->dirty = false;
	iommu_dirty_log_init(&f->log, iova_of(r->first), iova_of(r->end) - 1,
			     EIGHTH_LG2, r->clear);
	for (from = r->first; from < r->end; from = to, nr++) {
		if (nr == r->stopped)
			break;
		to = min(from + r->window, r->end);
		iommu_dirty_log_next(&f->log, iova_of(from), iova_of(to) - 1,
				     f->pages, from);
		r->dirty |= nr == r->dirtied;
		/* As a driver does for each entry that overlaps the window */
		if (r->dirty && r->start < to && from < r->start + r->npages &&
		    report(f, iova_of(r->start), r->npages << PAGE_LG2))
			r->dirty = false;
	}
	r->dirty |= nr <= r->dirtied;
}

static bool loses_nothing(struct fixture *f, const struct reading *r)
{
	unsigned int from = max(r->start, r->first);
	unsigned int to = min(r->start + r->npages, r->end);
	bool none_else = true, all = true;
	u8 *bytes = kmap_local_page(f->pages[0]);
	unsigned int page;

	for (page = 0; page < NR_PLACES; page++) {
		if (page < from || page >= to)
			none_else &= !bytes[page];
		else
			all &= bytes[page] == 0xff;
	}
	kunmap_local(bytes);
	if (!none_else)
		return false;
	if (from >= to || !r->clear)
		return r->dirty;
	/* Written before the first window, and read to the end */
	if (!r->dirtied && r->stopped > NR_PLACES)
		return all && !r->dirty;
	return all || r->dirty;
}

/* Iterate over all entries, all ranges that are read and all windows */
static bool next_reading(struct reading *r)
{
	if (++r->window <= NR_PLACES)
		return true;
	r->window = 1;
	if (++r->end <= NR_PLACES)
		return true;
	if (++r->first < NR_PLACES) {
		r->end = r->first + 1;
		return true;
	}
	r->first = 0;
	r->end = 1;
	r->start += r->npages;
	if (r->start < NR_PLACES)
		return true;
	r->start = 0;
	r->npages *= 2;
	return r->npages <= NR_PLACES;
}

static void read_in_all_windows(struct kunit *test, unsigned int dirtied,
				unsigned int stopped, bool clear)
{
	struct reading r = {
		.npages = 1, .end = 1, .window = 1,
		.dirtied = dirtied, .stopped = stopped, .clear = clear,
	};

	do {
		read_entry(test->priv, &r);
		KUNIT_ASSERT_TRUE_MSG(test, loses_nothing(test->priv, &r),
				      "entry of %u at %u, read %u to %u by %u, written before %u, stopped at %u",
				      r.npages, r.start, r.first, r.end,
				      r.window, dirtied, stopped);
	} while (next_reading(&r));
}

static void entry_in_many_windows(struct kunit *test)
{
	read_in_all_windows(test, 0, UINT_MAX, true);
	/* Nothing is cleared */
	read_in_all_windows(test, 0, UINT_MAX, false);
}

static void entry_written_between_windows(struct kunit *test)
{
	unsigned int nr;

	for (nr = 1; nr < NR_PLACES; nr++)
		read_in_all_windows(test, nr, UINT_MAX, true);
}

static void reading_that_fails_between_windows(struct kunit *test)
{
	unsigned int nr;

	for (nr = 1; nr < NR_PLACES; nr++)
		read_in_all_windows(test, 0, nr, true);
}

/* The next window finds another entry than the one reported before */
static void another_entry_at_the_same_place(struct kunit *test)
{
	struct fixture *f = test->priv;

	clear_bitmap(f);
	iommu_dirty_log_init(&f->log, IOVA, iova_of(8) - 1, PAGE_LG2, true);
	iommu_dirty_log_next(&f->log, IOVA, iova_of(4) - 1, f->pages, 0);
	KUNIT_EXPECT_FALSE(test, report(f, iova_of(2), 4 * SZ_4K));
	want(f, 2, 3);
	iommu_dirty_log_next(&f->log, iova_of(4), iova_of(8) - 1, f->pages, 1);
	KUNIT_EXPECT_FALSE(test, report(f, iova_of(0), 8 * SZ_4K));
	KUNIT_EXPECT_TRUE(test, report(f, iova_of(2), 4 * SZ_4K));
	want(f, 0, 1);
	KUNIT_EXPECT_TRUE(test, is_as_wanted(f));
	/* A second reading finds the entry again, possibly dirty again */
	KUNIT_EXPECT_TRUE(test, report(f, iova_of(2), 4 * SZ_4K));
}

static struct kunit_case dirty_report_cases[] = {
	KUNIT_CASE(sets_bits_of_one_byte_and_of_many),
	KUNIT_CASE(crosses_pages_of_the_bitmap),
	KUNIT_CASE(keeps_what_is_set),
	KUNIT_CASE(sets_a_bit_for_a_part_of_its_page),
	KUNIT_CASE(cuts_what_lies_outside),
	KUNIT_CASE(ends_with_the_address_space),
	KUNIT_CASE(entry_in_many_windows),
	KUNIT_CASE(entry_written_between_windows),
	KUNIT_CASE(reading_that_fails_between_windows),
	KUNIT_CASE(another_entry_at_the_same_place),
	{}
};

static struct kunit_suite dirty_report_suite = {
	.name = "iommu_dirty_report",
	.init = dirty_report_init,
	.exit = dirty_report_exit,
	.test_cases = dirty_report_cases,
};

kunit_test_suites(&dirty_report_suite);
