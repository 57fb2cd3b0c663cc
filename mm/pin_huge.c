// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long-term pins of many pages of a huge page at once.
 *
 * GUP returns every page to its callers. Pages that one entry of a page table maps
 * are consecutive, so the first one is enough, and the cost of pinning a huge page
 * does not depend on its size. Such a pin gives the guarantees of
 * pin_user_pages_fast() with FOLL_WRITE and FOLL_LONGTERM, and follows the rules of
 * the lockless walk in gup.c:
 *
 * * Interrupts are disabled while page tables are read, so that none of them is
 *   freed meanwhile. See below for how freeing waits for that.
 * * Entries, and the pages that they point to, may change at any time. So the page
 *   is pinned first and the entry read again afterwards. A task that changes an
 *   entry does it in the opposite order: it writes the entry and then checks for
 *   pins (page_try_share_anon_rmap(), folio_ref_freeze() in
 *   split_huge_page_to_list()). One of the two sees the other.
 * * If the entry has changed, the memory may have been reused for something else,
 *   so the pin is dropped where it was taken: on the folio that try_grab_folio()
 *   found, and not page by page.
 * * fork() must not share a page that is about to be pinned: a pin that
 *   overlaps a fork is dropped again. A later fork sees MMF_HAS_PINNED and the
 *   pin.
 * * The entry must be writable. It then maps a page of a file, or an anonymous page
 *   that is exclusive to this process and will stay so.
 *
 * Tables of pmds and above are read, never a table of ptes. They are freed by
 * free_pgtables(), when the mappings below are gone. How this waits for CPUs whose
 * interrupts are disabled depends on the architecture:
 *
 * * With MMU_GATHER_RCU_TABLE_FREE tables go through tlb_remove_table(), which
 *   frees them after an RCU grace period, which disabled interrupts delay; or, when
 *   memory for deferring it cannot be allocated (tlb_remove_table_one()), after
 *   tlb_remove_table_sync_one() has interrupted all CPUs. This applies to arm64,
 *   s390, powerpc, and arm with LPAE and SMP, where TLBs may be invalidated without
 *   interrupting any CPU.
 * * x86 does the same where a hypervisor flushes TLBs, which skips CPUs that are
 *   not running: KVM, Hyper-V and Xen PV set pv_ops.mmu.tlb_remove_table
 *   along with flush_tlb_multi. Otherwise tables are freed like pages
 *   (tlb_remove_page()), once native_flush_tlb_multi() has interrupted the CPUs
 *   in mm_cpumask(), and waited for them. This one is among them since the
 *   address space is the caller's own.
 * * On MIPS, LoongArch and sh freeing does not wait: __pmd_free_tlb() is
 *   pmd_free(). With more than one CPU this file is not built there
 *   (PIN_USER_HUGE_PAGE).
 *
 * Two more changes of tables are not freeing:
 *
 * * huge_pmd_unshare() removes a table of hugetlb pmds from one process while
 *   others keep it. As long as it is shared, it maps the same pages of the same
 *   file. When only one process is left, and before the table may be used for
 *   anything else, huge_pmd_unshare_flush() flushes TLBs and calls
 *   tlb_remove_table_sync_one(), or, where that does nothing, relies on the
 *   interrupts of the flush.
 * * A split by __split_huge_pmd() (pmdp_invalidate(), pmd_populate()) and a
 *   collapse by khugepaged (pmdp_collapse_flush(), set_pmd_at()) replace an entry
 *   that is read here by a table of ptes or the reverse. Reading the entry again
 *   detects it.
 *
 * Everything else is left to GUP: memory that is not mapped, not by a huge page, or
 * read-only, that needs a page fault, must be migrated first, or belongs to a
 * device.
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

#include <kunit/visibility.h>

#include "internal.h"
#include "pin_huge.h"

#ifndef gup_fast_permitted
#define gup_fast_permitted(start, end) true
#endif

static void drop_pins(struct folio *folio, unsigned long npages)
{
	gup_put_folio(folio, npages, FOLL_PIN);
}

/*
 * The entry may be outdated, and the page may belong to another folio by now: a
 * folio that does not contain all pages is not the huge page.
 */
static struct folio *take_pins(struct page *page, unsigned long npages)
{
	struct folio *folio;

	folio = try_grab_folio(page, npages, FOLL_PIN | FOLL_LONGTERM);
	if (!folio)
		return NULL;
	if (npages > folio_nr_pages(folio) - folio_page_idx(folio, page)) {
		drop_pins(folio, npages);
		return NULL;
	}
	return folio;
}

/* Called after the entry was read again: keep the pins or drop them */
static bool keep_pins(struct folio *folio, unsigned long npages, bool unchanged)
{
	if (unchanged)
		folio_set_referenced(folio);
	else
		drop_pins(folio, npages);
	return unchanged;
}

static bool may_pin_pmd(pmd_t pmd)
{
	if (!pmd_trans_huge(pmd) && !pmd_huge(pmd))
		return false;
	return !pmd_devmap(pmd) && !pmd_protnone(pmd) &&
	       pmd_access_permitted(pmd, true);
}

VISIBLE_IF_KUNIT struct page *pin_in_pmd(pmd_t *pmdp, pmd_t pmd,
					 unsigned long addr,
					 unsigned long npages)
{
	unsigned long first = (addr & ~PMD_MASK) >> PAGE_SHIFT;
	struct folio *folio;
	struct page *page;

	if (!may_pin_pmd(pmd) || npages > PMD_SIZE / PAGE_SIZE - first)
		return NULL;
	page = nth_page(pmd_page(pmd), first);
	folio = take_pins(page, npages);
	if (!folio)
		return NULL;
	return keep_pins(folio, npages,
			 pmd_val(pmd) == pmd_val(READ_ONCE(*pmdp))) ? page : NULL;
}

static bool may_pin_pud(pud_t pud)
{
	return !pud_devmap(pud) && pud_access_permitted(pud, true);
}

VISIBLE_IF_KUNIT struct page *pin_in_pud(pud_t *pudp, pud_t pud,
					 unsigned long addr,
					 unsigned long npages)
{
	unsigned long first = (addr & ~PUD_MASK) >> PAGE_SHIFT;
	struct folio *folio;
	struct page *page;

	if (!may_pin_pud(pud) || npages > PUD_SIZE / PAGE_SIZE - first)
		return NULL;
	page = nth_page(pud_page(pud), first);
	folio = take_pins(page, npages);
	if (!folio)
		return NULL;
	return keep_pins(folio, npages,
			 pud_val(pud) == pud_val(READ_ONCE(*pudp))) ? page : NULL;
}

/* Called with interrupts off, so that page tables stay */
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

/* Pins that do not overlap a fork, since write_protect_seq was read */
VISIBLE_IF_KUNIT struct page *pin_unless_forked(unsigned long addr,
						unsigned long npages,
						unsigned int seq)
{
	unsigned long irq_flags;
	struct page *page;

	local_irq_save(irq_flags);
	page = pin_mapped(addr, npages);
	local_irq_restore(irq_flags);
	if (page && read_seqcount_retry(&current->mm->write_protect_seq, seq)) {
		/* Now that it is pinned, it stays part of its folio */
		drop_pins(page_folio(page), npages);
		return NULL;
	}
	return page;
}

/* Whether fork() copies the pinned page instead of sharing it */
static bool is_unshared(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_test_anon(folio) || PageAnonExclusive(&folio->page))
		return true;
	/* The folio may be mapped by single pages by now */
	return !folio_test_hugetlb(folio) && PageAnonExclusive(page);
}

/**
 * pin_user_huge_page() - pin consecutive pages of one huge page for a long time
 * @addr: address of the first page, page aligned, without a tag
 * @npages: number of pages, not 0
 *
 * Each page is pinned once, as by pin_user_pages_fast() with FOLL_WRITE and
 * FOLL_LONGTERM, so unpin_user_page_range_dirty_lock() and its relatives undo it,
 * for a part of the pages as well.
 *
 * Never waits and never faults pages in, so it often fails for memory that could be
 * pinned otherwise. The caller then uses pin_user_pages_fast().
 *
 * Context: process context with the address space that @addr belongs to; any
 * lock may be held.
 * Return: the first page, with @npages physically consecutive pages pinned; NULL,
 * with nothing pinned, when no single huge page is mapped there that contains all
 * of them and can be pinned at once.
 */
struct page *pin_user_huge_page(unsigned long addr, unsigned long npages)
{
	unsigned long len = npages << PAGE_SHIFT;
	struct mm_struct *mm = current->mm;
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
	page = pin_unless_forked(addr, npages, seq);
	if (!page)
		return NULL;
	VM_WARN_ON_ONCE_PAGE(!is_unshared(page), page);
	return page;
}
EXPORT_SYMBOL_NS_GPL(pin_user_huge_page, IOMMUFD_INTERNAL);
