// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long-term pins of many pages of a huge page at once.
 *
 * GUP tells its callers of every page.  For pages that one entry of a page table
 * maps the first one says it all, so here the cost of a huge page does not
 * depend on its size.  What such a pin promises is what pin_user_pages_fast()
 * with FOLL_WRITE and FOLL_LONGTERM promises, and its rules are those of the
 * lockless walk in gup.c:
 *
 * * Interrupts are off while page tables are read.  Whoever frees one, or splits
 *   a huge page, interrupts all CPUs that use the address space first, which is
 *   why it must be the caller's own.
 * * The pin comes first, then the second look at the entry.  Whoever changes an
 *   entry does it the other way around: entry first, pins then.  One of the two
 *   sees the other.
 * * fork() must not share a page that is about to be pinned: a pin that overlaps
 *   a fork is taken back.  A fork after it finds MMF_HAS_PINNED and the pin.
 * * Only a writable entry is good.  What it maps is a page of a file, or an
 *   anonymous page that is exclusive to this process and will stay so.
 *
 * Everything else is left to GUP: whatever is not mapped, or not by a huge page,
 * or read-only, needs a fault, must be moved first, or belongs to a device.
 */
#include <linux/export.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/pgtable.h>
#include <linux/pin_huge.h>
#include <linux/sched/coredump.h>
#include <linux/seqlock.h>
#include <linux/uaccess.h>

#include "internal.h"

#ifndef gup_fast_permitted
#define gup_fast_permitted(start, end) true
#endif

static bool take_pins(struct page *page, unsigned long npages)
{
	return try_grab_folio(page, npages, FOLL_PIN | FOLL_LONGTERM);
}

static void drop_pins(struct page *page, unsigned long npages)
{
	unpin_user_page_range_dirty_lock(page, npages, false);
}

static bool may_pin_pmd(pmd_t pmd)
{
	if (!pmd_trans_huge(pmd) && !pmd_huge(pmd))
		return false;
	return !pmd_devmap(pmd) && !pmd_protnone(pmd) &&
	       pmd_access_permitted(pmd, true);
}

static struct page *pin_in_pmd(pmd_t *pmdp, pmd_t pmd, unsigned long addr,
			       unsigned long npages)
{
	unsigned long first = (addr & ~PMD_MASK) >> PAGE_SHIFT;
	struct page *page;

	if (!may_pin_pmd(pmd) || npages > PMD_SIZE / PAGE_SIZE - first)
		return NULL;
	page = nth_page(pmd_page(pmd), first);
	if (!take_pins(page, npages))
		return NULL;
	if (pmd_val(pmd) != pmd_val(READ_ONCE(*pmdp))) {
		drop_pins(page, npages);
		return NULL;
	}
	folio_set_referenced(page_folio(page));
	return page;
}

static bool may_pin_pud(pud_t pud)
{
	return !pud_devmap(pud) && pud_access_permitted(pud, true);
}

static struct page *pin_in_pud(pud_t *pudp, pud_t pud, unsigned long addr,
			       unsigned long npages)
{
	unsigned long first = (addr & ~PUD_MASK) >> PAGE_SHIFT;
	struct page *page;

	if (!may_pin_pud(pud) || npages > PUD_SIZE / PAGE_SIZE - first)
		return NULL;
	page = nth_page(pud_page(pud), first);
	if (!take_pins(page, npages))
		return NULL;
	if (pud_val(pud) != pud_val(READ_ONCE(*pudp))) {
		drop_pins(page, npages);
		return NULL;
	}
	folio_set_referenced(page_folio(page));
	return page;
}

/* Called with interrupts off, so that page tables stay. */
static struct page *pin_mapped(unsigned long addr, unsigned long npages)
{
	pgd_t *pgdp = pgd_offset(current->mm, addr);
	p4d_t *p4dp;
	pud_t *pudp;
	pmd_t *pmdp;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd) || pgd_huge(pgd) || is_hugepd(__hugepd(pgd_val(pgd))))
		return NULL;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || is_hugepd(__hugepd(p4d_val(p4d))))
		return NULL;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		return NULL;
	if (pud_huge(pud) || pud_devmap(pud))
		return pin_in_pud(pudp, pud, addr, npages);
	if (is_hugepd(__hugepd(pud_val(pud))))
		return NULL;
	pmdp = pmd_offset_lockless(pudp, pud, addr);
	pmd = READ_ONCE(*pmdp);
	return pmd_present(pmd) ? pin_in_pmd(pmdp, pmd, addr, npages) : NULL;
}

/* Whether a pinned page is of a kind that fork() keeps from being shared. */
static bool is_unshared(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_test_anon(folio) || PageAnonExclusive(&folio->page))
		return true;
	/* It may be mapped by single pages by now. */
	return !folio_test_hugetlb(folio) && PageAnonExclusive(page);
}

/**
 * pin_user_huge_page() - pin consecutive pages of one huge page for a long time
 * @addr: address of the first page, page aligned, without a tag
 * @npages: number of pages, not 0
 *
 * They are pinned like those that pin_user_pages_fast() pins to be written to
 * for a long time, each of them once, so unpin_user_page_range_dirty_lock() and
 * its relatives undo it, in parts as well.
 *
 * Never waits for anything and never faults pages in, so memory that could be
 * pinned otherwise is often not: the caller shall try that then.
 *
 * Context: process context with the address space that @addr belongs to; any
 * lock may be held.
 * Return: the first page, when @npages pages that follow each other in physical
 * memory are pinned; NULL, and nothing is, when no single huge page is mapped
 * there that has all of them and can be pinned at once.
 */
struct page *pin_user_huge_page(unsigned long addr, unsigned long npages)
{
	unsigned long len = npages << PAGE_SHIFT;
	struct mm_struct *mm = current->mm;
	unsigned long irq_flags;
	struct page *page;
	unsigned int seq;

	if (!access_ok((void __user *)addr, len) ||
	    !gup_fast_permitted(addr, addr + len))
		return NULL;
	if (!test_bit(MMF_HAS_PINNED, &mm->flags))
		set_bit(MMF_HAS_PINNED, &mm->flags);

	seq = raw_read_seqcount(&mm->write_protect_seq);
	if (seq & 1)
		return NULL;
	local_irq_save(irq_flags);
	page = pin_mapped(addr, npages);
	local_irq_restore(irq_flags);
	if (!page)
		return NULL;
	if (read_seqcount_retry(&mm->write_protect_seq, seq)) {
		drop_pins(page, npages);
		return NULL;
	}
	VM_WARN_ON_ONCE_PAGE(!is_unshared(page), page);
	return page;
}
EXPORT_SYMBOL_NS_GPL(pin_user_huge_page, IOMMUFD_INTERNAL);
