// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the page store, with memory that is only numbers: no page
 * behind them is ever touched.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "store/backing.h"
#include "store/store.h"

#define BASE_PFN	0x100UL
#define CHUNK_PAGES	((unsigned long)SZ_2M / PAGE_SIZE)
#define MAX_RUNS	4

/**
 * struct fake - memory for one test
 * @npages: number of pages
 * @descending: frames count down, so that no two pages are one run
 * @swapped: frames of page 2 and 3 change places
 * @pinned: one bit for each frame
 * @nr_calls: number of pins
 * @fail_at: the call that fails, counted from 1; 0 for none
 * @twice: a frame was pinned or unpinned twice
 * @store: the store made of it
 * @release: hold to be released in the middle of the next pin
 */
struct fake {
	unsigned long npages;
	bool descending;
	bool swapped;
	unsigned long *pinned;
	unsigned int nr_calls;
	unsigned int fail_at;
	bool twice;
	struct iommufd_store *store;
	struct iommufd_hold *release;
};

static unsigned long frame_of(const struct fake *fake, unsigned long page)
{
	if (fake->swapped && (page == 2 || page == 3))
		page ^= 1;
	return fake->descending ? fake->npages - 1 - page : page;
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
	for (i = 0; i < npages; i++) {
		unsigned long frame = frame_of(fake, first + i);

		fake->twice |= test_and_set_bit(frame, fake->pinned);
		pages[i] = pfn_to_page(BASE_PFN + frame);
	}
	return 0;
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

/* Page frame numbers without memory only work where a frame is arithmetic. */
static int store_test_init(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_SPARSEMEM) && !IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
		kunit_skip(test, "needs SPARSEMEM_VMEMMAP or FLATMEM");
	return 0;
}

static struct fake *make_fake(struct kunit *test, unsigned long npages,
			      unsigned long skew)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	struct iommufd_backing backing = {
		.ops = &fake_ops,
		.source = fake,
		.start_bytes = skew << PAGE_SHIFT,
	};

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->npages = npages;
	fake->pinned = kunit_kcalloc(test, BITS_TO_LONGS(npages), sizeof(long),
				     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->pinned);
	fake->store = iommufd_store_create(&backing, NULL, npages, 0);
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
	struct fake *fake = make_fake(test, 10, 0);
	struct iommufd_hold hold;

	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 0, 10), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 10, 10), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 5, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommufd_store_hold(fake->store, &hold, 0, ULONG_MAX),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, fake->nr_calls, 0U);
	finish(test, fake);
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
	static const unsigned long skews[] = { 0, 1, CHUNK_PAGES - 1 };
	const struct pair_case *c = test->param_value;
	struct iommufd_hold holds[2];
	struct fake *fake;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(skews); i++) {
		fake = make_fake(test, 1024, skews[i / 2]);
		fake->descending = i % 2;
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

/* Walk all memory but some bytes at both ends; returns the number of runs. */
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
	static const unsigned long skews[] = { 0, 1, CHUNK_PAGES - 1 };
	struct iommufd_hold hold;
	struct fake *fake;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(skews); i++) {
		fake = make_fake(test, npages, skews[i / 2]);
		fake->descending = i % 2;
		KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &hold, 0,
							    npages - 1));
		expect_pinned(test, fake, npages);
		KUNIT_EXPECT_EQ(test, walk(test, fake, &hold),
				fake->descending ? npages : 1);
		iommufd_store_release(fake->store, &hold);
		finish(test, fake);
	}
}

static void swapped_pages_are_seen(struct kunit *test)
{
	struct fake *fake = make_fake(test, CHUNK_PAGES, 0);
	struct iommufd_hold hold;

	fake->swapped = true;
	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &hold, 0,
						    CHUNK_PAGES - 1));
	KUNIT_EXPECT_EQ(test, walk(test, fake, &hold), 4UL);
	iommufd_store_release(fake->store, &hold);
	finish(test, fake);
}

static void failed_pin_leaves_nothing(struct kunit *test)
{
	struct iommufd_hold holds[2];
	struct fake *fake;
	unsigned int i;

	for (i = 1; i <= 5; i++) {
		fake = make_fake(test, 4 * CHUNK_PAGES, 1);
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

/* The second hold wants pages that the first gives up meanwhile. */
static void release_while_pinning(struct kunit *test)
{
	struct fake *fake = make_fake(test, 3 * CHUNK_PAGES, 0);
	struct iommufd_hold holds[2];

	fake->descending = true;
	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[0], 100,
						    2 * CHUNK_PAGES));
	fake->release = &holds[0];
	KUNIT_ASSERT_EQ(test, 0, iommufd_store_hold(fake->store, &holds[1], 0,
						    3 * CHUNK_PAGES - 1));
	expect_pinned(test, fake, 3 * CHUNK_PAGES);
	iommufd_store_release(fake->store, &holds[1]);
	finish(test, fake);
}

static struct kunit_case store_test_cases[] = {
	KUNIT_CASE(hold_outside_is_refused),
	KUNIT_CASE_PARAM(two_holds_pin_their_union, pair_gen_params),
	KUNIT_CASE_PARAM(runs_cover_the_memory, edge_gen_params),
	KUNIT_CASE(swapped_pages_are_seen),
	KUNIT_CASE(failed_pin_leaves_nothing),
	KUNIT_CASE(release_while_pinning),
	{}
};

static struct kunit_suite store_test_suite = {
	.name = "iommufd_store",
	.init = store_test_init,
	.test_cases = store_test_cases,
};

kunit_test_suite(store_test_suite);
