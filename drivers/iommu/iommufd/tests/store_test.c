// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the page store, with memory that is only numbers: no page
 * behind them is ever touched. tools/testing/host/iommufd-store runs them in user
 * space, too.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "store/backing.h"
#include "store/store.h"

#define BASE_PFN	0x100UL
#define CHUNK_PAGES	((unsigned long)SZ_2M / PAGE_SIZE)
#define MAX_RUNS	4
#define OFFSET_BYTES	0x123

/* What memory is like */
#define DESCENDING	BIT(0)	/* Frames count down: no two pages are one run */
#define HUGE		BIT(1)	/* Much of it can be pinned without waiting */
#define SWAPPED		BIT(2)	/* The frames of page 100 and 101 change places */
#define UNALIGNED	BIT(3)	/* It begins at OFFSET_BYTES in its first page */

/**
 * struct fake - memory for one test
 * @npages: number of pages
 * @kind: what it is like
 * @pinned: one bit for each frame
 * @nr_calls: number of pins
 * @fail_at: the call that fails, counted from 1; 0 for none
 * @twice: a frame was pinned or unpinned twice
 * @store: the store made of it
 * @release: hold to be released in the middle of the next pin
 */
struct fake {
	unsigned long npages;
	unsigned int kind;
	unsigned long *pinned;
	unsigned int nr_calls;
	unsigned int fail_at;
	bool twice;
	struct iommufd_store *store;
	struct iommufd_hold *release;
};

static unsigned long frame_of(const struct fake *fake, unsigned long page)
{
	if ((fake->kind & SWAPPED) && (page == 100 || page == 101))
		page ^= 1;
	return fake->kind & DESCENDING ? fake->npages - 1 - page : page;
}

static struct page *pin_frame(struct fake *fake, unsigned long page)
{
	unsigned long frame = frame_of(fake, page);

	fake->twice |= test_and_set_bit(frame, fake->pinned);
	return pfn_to_page(BASE_PFN + frame);
}

static int fake_pin(const struct iommufd_backing *backing, unsigned long first,
		    unsigned int npages, struct page **pages)
{
	struct fake *fake = backing->source;
	unsigned int i;

	if (fake->release) {
		iommufd_store_release(fake->store, fake->release);
		fake->release = NULL;
	}
	if (++fake->nr_calls == fake->fail_at)
		return -EFAULT;
	for (i = 0; i < npages; i++)
		pages[i] = pin_frame(fake, first + i);
	return 0;
}

/* One call of four would have to wait, and is left to fake_pin() */
static struct page *fake_pin_huge(const struct iommufd_backing *backing,
				  unsigned long first, unsigned int npages)
{
	struct fake *fake = backing->source;
	unsigned int i;

	if (fake->nr_calls % 4 == 3)
		return NULL;
	for (i = 1; i < npages; i++)
		if (frame_of(fake, first + i) != frame_of(fake, first) + i)
			return NULL;
	fake->nr_calls++;
	for (i = 0; i < npages; i++)
		pin_frame(fake, first + i);
	return pfn_to_page(BASE_PFN + frame_of(fake, first));
}

static void fake_unpin(const struct iommufd_backing *backing,
		       unsigned long pfn, unsigned long npages)
{
	struct fake *fake = backing->source;

	for (; npages; npages--, pfn++)
		fake->twice |= !test_and_clear_bit(pfn - BASE_PFN, fake->pinned);
}

static const struct iommufd_pin_ops fake_ops = {
	.pin = fake_pin,
	.unpin = fake_unpin,
};

static const struct iommufd_pin_ops fake_huge_ops = {
	.pin = fake_pin,
	.pin_huge = fake_pin_huge,
	.unpin = fake_unpin,
};

/* Needs a struct page for each frame number, without a lookup */
static int store_test_init(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_SPARSEMEM) && !IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
		kunit_skip(test, "needs SPARSEMEM_VMEMMAP or FLATMEM");
	return 0;
}

static struct fake *make_fake(struct kunit *test, unsigned long npages,
			      unsigned long skew, unsigned int kind)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	struct iommufd_backing backing = {
		.ops = kind & HUGE ? &fake_huge_ops : &fake_ops,
		.source = fake,
		.start_bytes = skew << PAGE_SHIFT,
		.writable = true,
	};

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->npages = npages;
	fake->kind = kind;
	fake->pinned = kunit_kcalloc(test, BITS_TO_LONGS(npages), sizeof(long),
				     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->pinned);
	fake->store = iommufd_store_create(&backing, NULL, npages,
					   kind & UNALIGNED ? OFFSET_BYTES : 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake->store));
	return fake;
}

static void finish(struct kunit *test, struct fake *fake)
{
	KUNIT_EXPECT_EQ(test, iommufd_store_pinned_pages(fake->store), 0UL);
	KUNIT_EXPECT_EQ(test, bitmap_weight(fake->pinned, fake->npages), 0);
	KUNIT_EXPECT_FALSE(test, fake->twice);
	iommufd_store_put(fake->store);
}

static void expect_pinned(struct kunit *test, struct fake *fake,
			  unsigned long npages)
{
	KUNIT_EXPECT_EQ(test, iommufd_store_pinned_pages(fake->store), npages);
	KUNIT_EXPECT_EQ(test, (unsigned long)bitmap_weight(fake->pinned,
							   fake->npages), npages);
}

static bool is_pinned(const struct fake *fake, unsigned long first,
		      unsigned long last)
{
	for (; first <= last; first++)
		if (!test_bit(frame_of(fake, first), fake->pinned))
			return false;
	return true;
}

static void hold_outside_is_refused(struct kunit *test)
{
	struct fake *fake = make_fake(test, 10, 0, DESCENDING | UNALIGNED);
	struct iommufd_hold hold;

	KUNIT_EXPECT_EQ(test, iommufd_store_npages(fake->store), 10UL);
	KUNIT_EXPECT_EQ(test, iommufd_store_page_offset(fake->store), OFFSET_BYTES);
	KUNIT_EXPECT_TRUE(test, iommufd_store_writable(fake->store));
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 0, 10), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 10, 10), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 5, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 0, ULONG_MAX),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommufd_store_hold(fake->store, &hold, ULONG_MAX, ULONG_MAX));
	KUNIT_EXPECT_EQ(test, fake->nr_calls, 0U);
	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &hold, 9, 9));
	expect_pinned(test, fake, 1);
	KUNIT_EXPECT_TRUE(test, is_pinned(fake, 9, 9));
	iommufd_store_release(fake->store, &hold);
	finish(test, fake);
}

static const unsigned int kinds[] = { 0, DESCENDING, HUGE };
static const unsigned long skews[] = { 0, 1, CHUNK_PAGES - 1 };

#define NR_VARIANTS	(ARRAY_SIZE(kinds) * ARRAY_SIZE(skews))

static struct fake *make_variant(struct kunit *test, unsigned long npages, unsigned int i)
{
	return make_fake(test, npages, skews[i / ARRAY_SIZE(kinds)],
			 kinds[i % ARRAY_SIZE(kinds)]);
}

struct pair_case {
	const char *name;
	unsigned long first[2];
	unsigned long last[2];
	unsigned long npinned[3];	/* first hold, both, second hold */
};

static const struct pair_case pair_cases[] = {
	{ "same", { 5, 5 }, { 600, 600 }, { 596, 596, 596 } },
	{ "apart", { 0, 10 }, { 3, 12 }, { 4, 7, 3 } },
	{ "touching", { 0, 4 }, { 3, 12 }, { 4, 13, 9 } },
	{ "overlapping", { 0, 3 }, { 520, 700 }, { 521, 701, 698 } },
	{ "overlapping before", { 300, 0 }, { 700, 400 }, { 401, 701, 401 } },
	{ "inside", { 0, 511 }, { 1023, 512 }, { 1024, 1024, 2 } },
	{ "around", { 511, 0 }, { 512, 1023 }, { 2, 1024, 1024 } },
	{ "same begin", { 7, 7 }, { 7, 30 }, { 1, 24, 24 } },
	{ "same end", { 7, 0 }, { 30, 30 }, { 24, 31, 31 } },
};

static void pair_name(const struct pair_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pair, pair_cases, pair_name);

static void two_holds_pin_their_union(struct kunit *test)
{
	const struct pair_case *c = test->param_value;
	struct iommufd_hold holds[2];
	struct fake *fake;
	unsigned int i;

	for (i = 0; i < NR_VARIANTS; i++) {
		fake = make_variant(test, 1024, i);
		KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[0],
							    c->first[0], c->last[0]));
		expect_pinned(test, fake, c->npinned[0]);
		KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[1],
							    c->first[1], c->last[1]));
		expect_pinned(test, fake, c->npinned[1]);
		iommufd_store_release(fake->store, &holds[0]);
		expect_pinned(test, fake, c->npinned[2]);
		KUNIT_EXPECT_TRUE(test, is_pinned(fake, c->first[1], c->last[1]));
		iommufd_store_release(fake->store, &holds[1]);
		finish(test, fake);
	}
}

static const unsigned long edge_sizes[] = {
	1, 2, 3, 16, 17, CHUNK_PAGES - 1, CHUNK_PAGES, CHUNK_PAGES + 1,
	2 * CHUNK_PAGES, 2 * CHUNK_PAGES + 1, 3 * CHUNK_PAGES - 1,
	513 * CHUNK_PAGES,
};

static void edge_name(const unsigned long *npages, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%lu pages", *npages);
}

KUNIT_ARRAY_PARAM(edge, edge_sizes, edge_name);

/* Walk all memory but some bytes at both ends; returns the number of runs */
static unsigned long walk(struct kunit *test, struct fake *fake,
			  struct iommufd_hold *hold)
{
	u64 at = 3, end = ((u64)fake->npages << PAGE_SHIFT) - 5;
	struct iommu_run runs[MAX_RUNS];
	struct iommufd_run_iter iter;
	unsigned long total = 0;
	unsigned int i, nr;

	iommufd_run_iter_init(&iter, fake->store, hold, at, end - at);
	while ((nr = iommufd_run_iter_next(&iter, runs, MAX_RUNS))) {
		for (i = 0; i < nr; i++) {
			KUNIT_EXPECT_EQ(test, runs[i].phys,
					PFN_PHYS(BASE_PFN +
						 frame_of(fake, at >> PAGE_SHIFT)) +
					offset_in_page(at));
			at += runs[i].len;
		}
		total += nr;
	}
	KUNIT_EXPECT_EQ(test, at, end);
	return total;
}

static void runs_cover_the_memory(struct kunit *test)
{
	unsigned long npages = *(const unsigned long *)test->param_value;
	struct iommufd_hold hold;
	struct fake *fake;
	unsigned int i;

	for (i = 0; i < NR_VARIANTS; i++) {
		fake = make_variant(test, npages, i);
		KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &hold, 0,
							    npages - 1));
		expect_pinned(test, fake, npages);
		KUNIT_EXPECT_EQ(test, walk(test, fake, &hold),
				fake->kind & DESCENDING ? npages : 1);
		iommufd_store_release(fake->store, &hold);
		finish(test, fake);
	}
}

/* A first and last page that fit prove nothing about those between */
static void swapped_pages_are_seen(struct kunit *test)
{
	static const unsigned long npages[] = { 100, 1, 1, CHUNK_PAGES - 102 };
	struct iommu_run runs[MAX_RUNS + 1];
	struct iommufd_run_iter iter;
	struct iommufd_hold hold;
	struct fake *fake;
	unsigned int i, kind;

	for (kind = 0; kind <= HUGE; kind += HUGE) {
		fake = make_fake(test, CHUNK_PAGES, 0, SWAPPED | kind);
		KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &hold, 0,
							    CHUNK_PAGES - 1));
		KUNIT_EXPECT_EQ(test, walk(test, fake, &hold), 4UL);
		iommufd_run_iter_init(&iter, fake->store, &hold, 0,
				      CHUNK_PAGES * PAGE_SIZE);
		KUNIT_ASSERT_EQ(test, 4U, iommufd_run_iter_next(&iter, runs, MAX_RUNS + 1));
		for (i = 0; i < 4; i++)
			KUNIT_EXPECT_EQ(test, runs[i].len, npages[i] * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, runs[1].phys, PFN_PHYS(BASE_PFN + 101));
		KUNIT_EXPECT_EQ(test, 0U, iommufd_run_iter_next(&iter, runs, MAX_RUNS));
		iommufd_store_release(fake->store, &hold);
		finish(test, fake);
	}
}

static void failed_pin_leaves_nothing(struct kunit *test)
{
	struct iommufd_hold holds[2];
	struct fake *fake;
	unsigned int i;

	for (i = 1; i <= 5; i++) {
		fake = make_fake(test, 4 * CHUNK_PAGES, 1, 0);
		KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[0],
							    7, 9));
		fake->fail_at = fake->nr_calls + i;
		KUNIT_EXPECT_EQ(test, -EFAULT,
				iommufd_store_hold(fake->store, &holds[1], 0,
						   4 * CHUNK_PAGES - 1));
		expect_pinned(test, fake, 3);
		KUNIT_EXPECT_TRUE(test, is_pinned(fake, 7, 9));
		iommufd_store_release(fake->store, &holds[0]);
		finish(test, fake);
	}
}

/* The second hold wants pages that the first gives up meanwhile */
static void release_while_pinning(struct kunit *test)
{
	struct fake *fake = make_fake(test, 3 * CHUNK_PAGES, 0, DESCENDING);
	struct iommufd_hold holds[2];

	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[0], 100,
						    2 * CHUNK_PAGES));
	fake->release = &holds[0];
	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[1], 0,
						    3 * CHUNK_PAGES - 1));
	expect_pinned(test, fake, 3 * CHUNK_PAGES);
	iommufd_store_release(fake->store, &holds[1]);
	finish(test, fake);
}

/* Two holds take the place of one, with a page that both have */
static void hold_is_split(struct kunit *test)
{
	struct fake *fake = make_fake(test, 1000, 0, DESCENDING);
	struct iommufd_hold all, part, low, high;

	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &all, 0, 999));
	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &part, 10, 900));
	expect_pinned(test, fake, 1000);
	iommufd_store_split_hold(fake->store, &part, &low, 600, &high, 600);
	KUNIT_EXPECT_EQ(test, low.first, 10UL);
	KUNIT_EXPECT_EQ(test, high.last, 900UL);
	iommufd_store_release(fake->store, &all);
	expect_pinned(test, fake, 891);
	KUNIT_EXPECT_TRUE(test, is_pinned(fake, 10, 900));
	iommufd_store_release(fake->store, &low);
	expect_pinned(test, fake, 301);
	KUNIT_EXPECT_TRUE(test, is_pinned(fake, 600, 900));
	iommufd_store_release(fake->store, &high);
	finish(test, fake);
}

static struct kunit_case store_test_cases[] = {
	KUNIT_CASE(hold_outside_is_refused),
	KUNIT_CASE_PARAM(two_holds_pin_their_union, pair_gen_params),
	KUNIT_CASE_PARAM(runs_cover_the_memory, edge_gen_params),
	KUNIT_CASE(swapped_pages_are_seen),
	KUNIT_CASE(failed_pin_leaves_nothing),
	KUNIT_CASE(release_while_pinning),
	KUNIT_CASE(hold_is_split),
	{}
};

static struct kunit_suite store_test_suite = {
	.name = "iommufd_store",
	.init = store_test_init,
	.test_cases = store_test_cases,
};

kunit_test_suite(store_test_suite);
