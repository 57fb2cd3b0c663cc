/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of pin_huge.c that tests call in states which races would leave.
 */
#ifndef __MM_PIN_HUGE_H
#define __MM_PIN_HUGE_H

#include <linux/pgtable.h>

struct page;

#if IS_ENABLED(CONFIG_KUNIT)
struct page *pin_in_pmd(pmd_t *pmdp, pmd_t pmd, unsigned long addr,
			unsigned long npages);
struct page *pin_in_pud(pud_t *pudp, pud_t pud, unsigned long addr,
			unsigned long npages);
struct page *pin_unless_forked(unsigned long addr, unsigned long npages,
			       unsigned int seq);
#endif

#endif /* __MM_PIN_HUGE_H */
