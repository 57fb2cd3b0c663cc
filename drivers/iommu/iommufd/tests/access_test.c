// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what an access returns to drivers when a file system is
 * interrupted by a signal.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "access.h"
#include "map/map.h"
#include "store/backing.h"
#include "store/store.h"

#define IOVA	(16 * PAGE_SIZE)

/**
 * struct fake - an access to one page
 * @access: the access, of no context
 * @map: map that it uses
 * @page: the page
 * @nr_pinned: how often it is pinned
 * @nr_calls: how often it was asked for
 * @stubborn: the file system ends its work even without a signal
 */
struct fake {
	struct iommufd_access access;
	struct iommufd_iova_map *map;
	struct page *page;
	unsigned int nr_pinned;
	unsigned int nr_calls;
	bool stubborn;
};

static int fake_pin(const struct iommufd_backing *backing, unsigned long first,
		    unsigned int npages, struct page **pages)
{
	struct fake *fake = backing->source;

	fake->nr_calls++;
	if (fake->stubborn || signal_pending(current))
		return -ERESTARTNOINTR;
	fake->nr_pinned++;
	pages[0] = fake->page;
	return 0;
}

static void fake_unpin(const struct iommufd_backing *backing,
		       unsigned long pfn, unsigned long npages)
{
	struct fake *fake = backing->source;

	fake->nr_pinned--;
}

static const struct iommufd_pin_ops fake_pin_ops = {
	.pin = fake_pin,
	.unpin = fake_unpin,
};

static void let_go(void *data, unsigned long iova, unsigned long length_bytes)
{
}

static const struct iommufd_access_ops access_ops = {
	.unmap = let_go,
};

static void map_page(struct kunit *test, struct fake *fake)
{
	struct iommufd_backing backing = {
		.ops = &fake_pin_ops,
		.source = fake,
		.writable = true,
	};
	struct iommufd_slice slice = { .length_bytes = PAGE_SIZE };
	unsigned long iova = IOVA;

	slice.store = iommufd_store_create(&backing, NULL, 1, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(slice.store));
	KUNIT_ASSERT_EQ(test, 0, iommufd_map_insert(fake->map, &slice, 1, &iova,
						    IOMMU_READ | IOMMU_WRITE,
						    IOMMUFD_MAP_FIXED, NULL));
}

static int access_test_init(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, fake->page);
	fake->map = iommufd_map_create();
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake->map));
	spin_lock_init(&fake->access.lock);
	fake->access.ops = &access_ops;
	fake->access.user = iommufd_map_add_user(fake->map, &access_ops, fake);
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake->access.user));
	map_page(test, fake);
	allow_signal(SIGUSR1);
	test->priv = fake;
	return 0;
}

static void access_test_exit(struct kunit *test)
{
	struct fake *fake = test->priv;

	if (!fake)
		return;
	flush_signals(current);
	disallow_signal(SIGUSR1);
	iommufd_map_remove_user(fake->access.user, true);
	iommufd_map_user_put(fake->access.user);
	iommufd_map_destroy(fake->map);
	KUNIT_EXPECT_EQ(test, fake->nr_pinned, 0U);
	__free_page(fake->page);
}

static int pin(struct fake *fake, struct page **page)
{
	return iommufd_access_pin(&fake->access, IOVA, PAGE_SIZE, page,
				  IOMMUFD_ACCESS_WRITE);
}

static int load(struct fake *fake, u32 *word)
{
	return iommufd_access_rw(&fake->access, IOVA, word, sizeof(*word),
				 IOMMUFD_ACCESS_READ);
}

static void send_signal(struct kunit *test)
{
	send_sig(SIGUSR1, current, 1);
	KUNIT_ASSERT_TRUE(test, signal_pending(current));
}

/* The task keeps the pending signal, and its mask */
static void signals_do_not_fail_a_driver(struct kunit *test)
{
	struct fake *fake = test->priv;
	sigset_t mask = current->blocked;
	struct page *page = NULL;
	u32 word = 1;

	KUNIT_EXPECT_EQ(test, 0, load(fake, &word));
	KUNIT_EXPECT_EQ(test, 1U, fake->nr_calls);

	send_signal(test);
	KUNIT_EXPECT_EQ(test, 0, pin(fake, &page));
	KUNIT_EXPECT_PTR_EQ(test, page, fake->page);
	KUNIT_EXPECT_EQ(test, 3U, fake->nr_calls);
	KUNIT_EXPECT_TRUE(test, signal_pending(current));
	if (page)
		iommufd_access_unpin(&fake->access, IOVA, PAGE_SIZE);

	word = 1;
	KUNIT_EXPECT_EQ(test, 0, load(fake, &word));
	KUNIT_EXPECT_EQ(test, 0U, word);
	KUNIT_EXPECT_EQ(test, 5U, fake->nr_calls);
	KUNIT_EXPECT_TRUE(test, signal_pending(current));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&mask, &current->blocked, sizeof(mask)));
}

static void drivers_know_the_errno(struct kunit *test)
{
	struct fake *fake = test->priv;
	sigset_t mask = current->blocked;
	struct page *page;
	u32 word;

	fake->stubborn = true;
	KUNIT_EXPECT_EQ(test, -EINTR, pin(fake, &page));
	KUNIT_EXPECT_EQ(test, -EINTR, load(fake, &word));
	KUNIT_EXPECT_EQ(test, 4U, fake->nr_calls);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&mask, &current->blocked, sizeof(mask)));
}

static struct kunit_case access_cases[] = {
	KUNIT_CASE(signals_do_not_fail_a_driver),
	KUNIT_CASE(drivers_know_the_errno),
	{}
};

static struct kunit_suite access_suite = {
	.name = "iommufd_access",
	.init = access_test_init,
	.exit = access_test_exit,
	.test_cases = access_cases,
};

kunit_test_suites(&access_suite);
