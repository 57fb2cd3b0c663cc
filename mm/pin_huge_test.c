// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of pins of huge pages that change at the same time.
 *
 * The tests set up the state that a race would leave: the value of the entry that
 * was read before, the entry as it is afterwards, and the pages as they are then.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgtable.h>
#include <linux/pin_huge.h>
#include <linux/sched/mm.h>

#include "internal.h"
#include "pin_huge.h"

#define NR_PAGES	HPAGE_PMD_NR
#define NR_PAGES_PUD	(PUD_SIZE / PAGE_SIZE)

/* A range within what was a huge page, behind its first page */
#define PART_FIRST	5
#define PART_NR		7

/**
 * struct huge_fixture - memory of one huge page, and user space
 * @small: a page each, which lie where a huge page could
 * @huge: the huge page
 * @mm: address space
 * @addr: address of a huge page there
 */
struct huge_fixture {
	struct page *small;
	struct page *huge;
	struct mm_struct *mm;
	unsigned long addr;
};

/* Map a huge page that need not be migrated before it is pinned */
static int map_huge_page(struct huge_fixture *f)
{
	unsigned int flags;
	unsigned long area;
	int err;

	area = vm_mmap(NULL, 0, 2 * PMD_SIZE, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(area))
		return (int)area;
	f->addr = ALIGN(area, PMD_SIZE);
	flags = memalloc_pin_save();
	err = put_user(1, (char __user *)f->addr);
	memalloc_pin_restore(flags);
	return err;
}

static int huge_init(struct kunit *test)
{
	struct huge_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->small = alloc_pages(GFP_KERNEL, HPAGE_PMD_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, f->small);
	split_page(f->small, HPAGE_PMD_ORDER);
	f->huge = alloc_pages(GFP_KERNEL | __GFP_COMP, HPAGE_PMD_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, f->huge);

	f->mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, f->mm);
	arch_pick_mmap_layout(f->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(f->mm);
	return map_huge_page(f);
}

static void huge_exit(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	unsigned int i;

	if (!f)
		return;
	/* Failures were reported; restore the pages so that they have no effects */
	for (i = 0; f->small && i < NR_PAGES; i++) {
		set_page_count(f->small + i, 1);
		__free_page(f->small + i);
	}
	if (f->huge)
		__free_pages(f->huge, HPAGE_PMD_ORDER);
	if (!f->mm || current->mm != f->mm)
		return;
	kthread_unuse_mm(f->mm);
	mmput(f->mm);
}

static pmd_t huge_pmd(struct page *page)
{
	return pmd_mkwrite(pmd_mkyoung(pmd_mkhuge(mk_pmd(page, PAGE_SHARED))));
}

static void expect_untouched(struct kunit *test, struct page *small)
{
	unsigned int i, nr_touched = 0;

	for (i = 0; i < NR_PAGES; i++)
		if (page_ref_count(small + i) != 1)
			nr_touched++;
	KUNIT_EXPECT_EQ(test, 0, nr_touched);
}

/* The huge page was split after its entry was read */
static void pmd_of_split_page(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	pmd_t now = __pmd(0), read = huge_pmd(f->small);

	KUNIT_EXPECT_NULL(test, pin_in_pmd(&now, read, 0, NR_PAGES));
	expect_untouched(test, f->small);
	KUNIT_EXPECT_NULL(test, pin_in_pmd(&now, read, PART_FIRST << PAGE_SHIFT,
					   PART_NR));
	expect_untouched(test, f->small);
}

/* An entry that does not change, and does not map a huge page */
static void pmd_of_small_pages(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	pmd_t read = huge_pmd(f->small);

	KUNIT_EXPECT_NULL(test, pin_in_pmd(&read, read, 0, NR_PAGES));
	expect_untouched(test, f->small);
	KUNIT_EXPECT_NULL(test, pin_in_pmd(&read, read, PART_FIRST << PAGE_SHIFT,
					   PART_NR));
	expect_untouched(test, f->small);
}

#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD

static pud_t huge_pud(struct page *page)
{
	unsigned long pfn = ALIGN_DOWN(page_to_pfn(page), NR_PAGES_PUD);

	return pud_mkwrite(pud_mkyoung(pud_mkhuge(pfn_pud(pfn, PAGE_SHARED))));
}

/* Offset of a page within the range of a pud */
static unsigned long addr_in_pud(struct page *page)
{
	return (page_to_pfn(page) % NR_PAGES_PUD) << PAGE_SHIFT;
}

static void pud_of_split_page(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	pud_t now = __pud(0), read = huge_pud(f->small);

	KUNIT_EXPECT_NULL(test, pin_in_pud(&now, read, addr_in_pud(f->small),
					   NR_PAGES));
	expect_untouched(test, f->small);
}

static void pud_of_small_pages(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	pud_t read = huge_pud(f->small);

	KUNIT_EXPECT_NULL(test, pin_in_pud(&read, read, addr_in_pud(f->small),
					   NR_PAGES));
	expect_untouched(test, f->small);
}

#else

static void pud_of_split_page(struct kunit *test)
{
	kunit_skip(test, "no huge pages of a pud");
}

static void pud_of_small_pages(struct kunit *test)
{
	kunit_skip(test, "no huge pages of a pud");
}

#endif

static void expect_pins(struct kunit *test, struct page *huge, int nr_refs,
			int nr_pins)
{
	struct folio *folio = page_folio(huge);

	KUNIT_EXPECT_EQ(test, nr_refs + nr_pins, folio_ref_count(folio));
	KUNIT_EXPECT_EQ(test, nr_pins, atomic_read(folio_pincount_ptr(folio)));
}

/* The huge page was unmapped after its entry was read */
static void pmd_of_unmapped_page(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	pmd_t now = __pmd(0);

	KUNIT_EXPECT_NULL(test, pin_in_pmd(&now, huge_pmd(f->huge), 0, NR_PAGES));
	expect_pins(test, f->huge, 1, 0);
}

static void pmd_of_huge_page(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	pmd_t now = huge_pmd(f->huge);
	struct page *part = f->huge + PART_FIRST;

	KUNIT_EXPECT_PTR_EQ(test, f->huge, pin_in_pmd(&now, now, 0, NR_PAGES));
	expect_pins(test, f->huge, 1, NR_PAGES);
	KUNIT_EXPECT_PTR_EQ(test, part,
			    pin_in_pmd(&now, now, PART_FIRST << PAGE_SHIFT,
				       PART_NR));
	expect_pins(test, f->huge, 1, NR_PAGES + PART_NR);
	unpin_user_page_range_dirty_lock(part, PART_NR, false);
	unpin_user_page_range_dirty_lock(f->huge, NR_PAGES, false);
	expect_pins(test, f->huge, 1, 0);
}

/* The process forks after the pin has begun, or did so just before */
static void pin_overlaps_fork(struct kunit *test)
{
	struct huge_fixture *f = test->priv;
	seqcount_t *forks = &f->mm->write_protect_seq;
	unsigned int seq = raw_read_seqcount(forks);
	struct page *page;
	int nr_refs;

	page = pin_unless_forked(f->addr, NR_PAGES, seq);
	KUNIT_ASSERT_NOT_NULL(test, page);
	nr_refs = page_ref_count(page) - NR_PAGES;
	expect_pins(test, page, nr_refs, NR_PAGES);
	unpin_user_page_range_dirty_lock(page, NR_PAGES, false);
	expect_pins(test, page, nr_refs, 0);

	raw_write_seqcount_begin(forks);
	KUNIT_EXPECT_NULL(test, pin_unless_forked(f->addr, NR_PAGES, seq));
	KUNIT_EXPECT_NULL(test, pin_user_huge_page(f->addr, NR_PAGES));
	raw_write_seqcount_end(forks);
	KUNIT_EXPECT_NULL(test, pin_unless_forked(f->addr, NR_PAGES, seq));
	expect_pins(test, page, nr_refs, 0);

	KUNIT_EXPECT_PTR_EQ(test, page, pin_user_huge_page(f->addr, NR_PAGES));
	unpin_user_page_range_dirty_lock(page, NR_PAGES, false);
}

static struct kunit_case huge_cases[] = {
	KUNIT_CASE(pmd_of_split_page),
	KUNIT_CASE(pmd_of_small_pages),
	KUNIT_CASE(pud_of_split_page),
	KUNIT_CASE(pud_of_small_pages),
	KUNIT_CASE(pmd_of_unmapped_page),
	KUNIT_CASE(pmd_of_huge_page),
	KUNIT_CASE(pin_overlaps_fork),
	{}
};

static struct kunit_suite huge_suite = {
	.name = "pin_huge",
	.init = huge_init,
	.exit = huge_exit,
	.test_cases = huge_cases,
};
kunit_test_suite(huge_suite);
