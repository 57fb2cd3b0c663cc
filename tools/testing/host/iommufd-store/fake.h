/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for the tests of the page store: pages that are only numbers, and a
 * record of how often each is pinned.
 */
#ifndef FAKE_H
#define FAKE_H

#include <host/task.h>

#include "store/backing.h"

/* Page frames the fake hands out: some fit into 32 bits, some do not. */
#define FAKE_WINDOW_LG2		20
#define FAKE_WINDOW		(1UL << FAKE_WINDOW_LG2)
#define FAKE_LOW_PFN		0x1000UL
#define FAKE_HIGH_PFN		(0x100000000UL - FAKE_WINDOW / 2)

/**
 * struct fake_memory - memory behind one store
 * @npages: number of pages
 * @skew: page number 0 is this many pages behind a 2 MiB boundary
 * @pfns: what a pin of each page finds now
 * @pinned_pfns: what the last pin of each page found
 * @pinned: whether each page is pinned, as the test believes
 * @nr_pinned: number of pages for which it is
 * @nr_pin_calls: calls of pin since the test last cleared this
 * @fail_at: fail the pin when @nr_pin_calls reaches this; 0 never
 * @fail_errno: errno of that failure
 * @failed: a pin was made to fail since the test last cleared this
 * @on_pin: called before pages are pinned, as if by another thread
 * @on_pin_data: for @on_pin
 */
struct fake_memory {
	unsigned long npages;
	unsigned long skew;
	unsigned long *pfns;
	unsigned long *pinned_pfns;
	u8 *pinned;
	unsigned long nr_pinned;
	unsigned long nr_pin_calls;
	unsigned long fail_at;
	int fail_errno;
	bool failed;
	void (*on_pin)(void *data, unsigned long first, unsigned int npages);
	void *on_pin_data;
};

extern const struct iommufd_pin_ops fake_pin_ops;
/* Frames that are pinned, over all memories: what was done. */
extern unsigned long fake_total_pins;
/* Calls that pinned a part of a huge page at once. */
extern unsigned long fake_huge_pins;

void fake_init(struct fake_memory *mem, unsigned long npages, unsigned long skew);
void fake_destroy(struct fake_memory *mem);
struct iommufd_store *fake_store(struct fake_memory *mem,
				 struct iommufd_account *account,
				 unsigned int page_offset_bytes);
void fake_expect_unpinned(struct fake_memory *mem, unsigned long page);
void fake_check_page(struct fake_memory *mem, unsigned long page);

#define require(x)	((x) ? (void)0 : (void)host_fail("not true: " #x))

#endif /* FAKE_H */
