/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinning of many pages of a huge page at once.
 */
#ifndef __LINUX_PIN_HUGE_H
#define __LINUX_PIN_HUGE_H

#include <linux/types.h>

struct page;

#ifdef CONFIG_PIN_USER_HUGE_PAGE
struct page *pin_user_huge_page(unsigned long addr, unsigned long npages);
#else
static inline struct page *pin_user_huge_page(unsigned long addr,
					      unsigned long npages)
{
	return NULL;
}
#endif

#endif /* __LINUX_PIN_HUGE_H */
