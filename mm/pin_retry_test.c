// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of long-term pins of pages that cannot be migrated at the moment.
 *
 * A page of the movable zone is kept isolated, or in use, for good or until a
 * pin is under way. Without such a zone (movablecore=) most tests are skipped.
 */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/memfd_pin.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "internal.h"

/* Time after which a pin is considered stuck: the test fails instead of hanging */
#define FOREVER_SECONDS		60

/**
 * struct retry_fixture - a page of a process or of a file
 * @mm: address space
 * @addr: address of a page there
 * @file: file of one page
 * @isolated: the one of the two that is kept isolated, or NULL
 * @used: the one of the two that has a reference too many, or NULL
 * @rescue: gives it back, soon or when a pin does not end
 */
struct retry_fixture {
	struct mm_struct *mm;
	unsigned long addr;
	struct file *file;
	struct folio *isolated;
	struct folio *used;
	struct delayed_work rescue;
};

static void put_back(struct retry_fixture *f)
{
	struct folio *isolated = xchg(&f->isolated, NULL);
	struct folio *used = xchg(&f->used, NULL);

	if (isolated)
		folio_putback_lru(isolated);
	if (used)
		folio_put(used);
}

static void rescue(struct work_struct *work)
{
	put_back(container_of(to_delayed_work(work), struct retry_fixture, rescue));
}

static int retry_init(struct kunit *test)
{
	struct retry_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, f);
	INIT_DELAYED_WORK(&f->rescue, rescue);
	test->priv = f;
	file = shmem_file_setup("pin_retry", PAGE_SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	f->file = file;

	f->mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, f->mm);
	arch_pick_mmap_layout(f->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(f->mm);
	f->addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	return IS_ERR_VALUE(f->addr) ? (int)f->addr : 0;
}

static void retry_exit(struct kunit *test)
{
	struct retry_fixture *f = test->priv;

	if (!f)
		return;
	cancel_delayed_work_sync(&f->rescue);
	put_back(f);
	if (f->file)
		fput(f->file);
	if (!f->mm || current->mm != f->mm)
		return;
	kthread_unuse_mm(f->mm);
	mmput(f->mm);
}

/* Takes over the caller's reference to @page */
static void use(struct kunit *test, struct page *page)
{
	struct retry_fixture *f = test->priv;

	f->used = page_folio(page);
	if (!is_zone_movable_page(page))
		kunit_skip(test, "no page of the movable zone: movablecore= is missing");
	lru_add_drain_all();
	schedule_delayed_work(&f->rescue, FOREVER_SECONDS * HZ);
}

static void use_user_page(struct kunit *test)
{
	struct retry_fixture *f = test->priv;
	struct page *page;

	KUNIT_ASSERT_EQ(test, 0, put_user(1, (char __user *)f->addr));
	KUNIT_ASSERT_EQ(test, 1,
			get_user_pages_fast(f->addr, 1, FOLL_WRITE, &page));
	use(test, page);
}

static void use_file_page(struct kunit *test)
{
	struct retry_fixture *f = test->priv;
	struct page *page = shmem_read_mapping_page(f->file->f_mapping, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(page));
	use(test, page);
}

static void isolate_used(struct kunit *test)
{
	struct retry_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, 0, folio_isolate_lru(f->used));
	f->isolated = f->used;
	folio_put(xchg(&f->used, NULL));
}

static void isolate_user_page(struct kunit *test)
{
	use_user_page(test);
	isolate_used(test);
}

static void isolate_file_page(struct kunit *test)
{
	use_file_page(test);
	isolate_used(test);
}

/* 0 when the page was pinned outside of the movable zone */
static int pin_user_page(struct kunit *test)
{
	struct retry_fixture *f = test->priv;
	struct page *page;
	int nr;

	nr = pin_user_pages_fast(f->addr, 1, FOLL_WRITE | FOLL_LONGTERM, &page);
	if (nr != 1)
		return nr ?: -ENODATA;
	KUNIT_EXPECT_FALSE(test, is_zone_movable_page(page));
	unpin_user_page(page);
	return 0;
}

static int pin_file_page(struct kunit *test)
{
	struct retry_fixture *f = test->priv;
	struct page *page;
	int err;

	err = memfd_pin_pages(f->file, 0, 1, true, &page);
	if (err)
		return err;
	KUNIT_EXPECT_FALSE(test, is_zone_movable_page(page));
	unpin_user_page(page);
	return 0;
}

static void user_page_stays_isolated(struct kunit *test)
{
	isolate_user_page(test);
	KUNIT_EXPECT_EQ(test, -EBUSY, pin_user_page(test));
	put_back(test->priv);
	KUNIT_EXPECT_EQ(test, 0, pin_user_page(test));
}

static void file_page_stays_isolated(struct kunit *test)
{
	isolate_file_page(test);
	KUNIT_EXPECT_EQ(test, -EBUSY, pin_file_page(test));
	put_back(test->priv);
	KUNIT_EXPECT_EQ(test, 0, pin_file_page(test));
}

/* After the first attempts, which follow each other at once, and before the last */
static void put_back_soon(struct retry_fixture *f)
{
	mod_delayed_work(system_wq, &f->rescue, msecs_to_jiffies(100));
}

/* The page is isolated at the first attempt, and put back before a later one */
static void user_page_comes_back(struct kunit *test)
{
	struct retry_fixture *f = test->priv;

	isolate_user_page(test);
	put_back_soon(f);
	KUNIT_EXPECT_EQ(test, 0, pin_user_page(test));
	KUNIT_EXPECT_NULL(test, f->isolated);
}

static void file_page_comes_back(struct kunit *test)
{
	struct retry_fixture *f = test->priv;

	isolate_file_page(test);
	put_back_soon(f);
	KUNIT_EXPECT_EQ(test, 0, pin_file_page(test));
	KUNIT_EXPECT_NULL(test, f->isolated);
}

/* A page cannot be migrated while it has another reference */
static void user_page_stays_in_use(struct kunit *test)
{
	use_user_page(test);
	KUNIT_EXPECT_EQ(test, -EBUSY, pin_user_page(test));
	put_back(test->priv);
	KUNIT_EXPECT_EQ(test, 0, pin_user_page(test));
}

static void user_page_is_let_go(struct kunit *test)
{
	struct retry_fixture *f = test->priv;

	use_user_page(test);
	put_back_soon(f);
	KUNIT_EXPECT_EQ(test, 0, pin_user_page(test));
	KUNIT_EXPECT_NULL(test, f->used);
}

static void file_page_is_let_go(struct kunit *test)
{
	struct retry_fixture *f = test->priv;

	use_file_page(test);
	put_back_soon(f);
	KUNIT_EXPECT_EQ(test, 0, pin_file_page(test));
	KUNIT_EXPECT_NULL(test, f->used);
}

/* A fatal signal ends the retries at any attempt */
static void signal_ends_retries(struct kunit *test)
{
	unsigned int nr_retries = 0, late = 5;
	int first, later;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	KUNIT_EXPECT_TRUE(test, fatal_signal_pending(current));
	first = retry_longterm_pin(&nr_retries);
	later = retry_longterm_pin(&late);
	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_EXPECT_EQ(test, -EINTR, first);
	KUNIT_EXPECT_EQ(test, -EINTR, later);
}

static struct kunit_case retry_cases[] = {
	KUNIT_CASE(user_page_stays_isolated),
	KUNIT_CASE(file_page_stays_isolated),
	KUNIT_CASE(user_page_comes_back),
	KUNIT_CASE(file_page_comes_back),
	KUNIT_CASE(user_page_stays_in_use),
	KUNIT_CASE(user_page_is_let_go),
	KUNIT_CASE(file_page_is_let_go),
	KUNIT_CASE(signal_ends_retries),
	{}
};

static struct kunit_suite retry_suite = {
	.name = "longterm_pin",
	.init = retry_init,
	.exit = retry_exit,
	.test_cases = retry_cases,
};
kunit_test_suite(retry_suite);
