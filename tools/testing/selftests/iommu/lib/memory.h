/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of tests, and what the kernel says about its pages.
 */
#ifndef TEST_LIB_MEMORY_H
#define TEST_LIB_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES	((uint64_t)4096)

/* Anonymous memory; NULL on failure. Small pages only, unless huge. */
void *memory_alloc(size_t bytes);
void *memory_alloc_huge(size_t bytes);
/* Locked, touched anonymous memory outside huge pages; NULL on failure. */
uint8_t *page_alloc(size_t npages);

/* Frame of the page that an address is mapped to, 0 if there is none */
uint64_t page_frame(const void *mem);
/* Physical address of a touched page, 0 when the kernel does not tell. */
uint64_t page_phys(const void *mem);
/* Whether the kernel would write that page back: its flag, not a page table's */
int page_is_dirty(const void *mem);

void page_fill(uint8_t *mem, size_t bytes, unsigned int seed);
int page_is(const uint8_t *mem, size_t bytes, uint8_t value);

/* A descriptor of so many bytes, or a negative errno; flags are MFD_*. */
int memfd_alloc(uint64_t bytes, unsigned int flags);

/* A copy of data whose last byte is the last one that can be read. */
void *before_hole(const void *data, size_t bytes);
/* A copy of data that cannot be written. */
void *read_only_copy(const void *data, size_t bytes);

#endif
