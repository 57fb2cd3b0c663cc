// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks of a page store: a contiguous chunk is one number, any other an array
 * as long as the chunk. A chunk only ever goes from empty to extent to array,
 * and back to empty when its last hold goes.
 */
#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "store/chunk.h"

static_assert(ARCH_KMALLOC_MINALIGN > IOMMUFD_CHUNK_FORMAT);

/*
 * Comparing the first and the last page is not enough: pages between them may lie
 * elsewhere. Pointers are compared, eight at a time, as this loop is most of the
 * cost of a huge page in the store.
 */
static bool is_contiguous(struct page **pages, unsigned int npages)
{
	struct page **end = pages + npages;
	struct page *next = *pages;

	for (; end - pages >= 8; pages += 8, next = nth_page(next, 8))
		if (pages[0] != next || pages[1] != nth_page(next, 1) ||
		    pages[2] != nth_page(next, 2) ||
		    pages[3] != nth_page(next, 3) ||
		    pages[4] != nth_page(next, 4) ||
		    pages[5] != nth_page(next, 5) ||
		    pages[6] != nth_page(next, 6) ||
		    pages[7] != nth_page(next, 7))
			return false;
	for (; pages != end; pages++, next = nth_page(next, 1))
		if (*pages != next)
			return false;
	return true;
}

/*
 * Entries of pages without a hold are undefined, and copied like the others. An
 * array of wide entries is only ever turned into one of wide entries.
 */
static unsigned long old_pfn(const struct iommufd_chunk *old,
			     struct iommufd_span span, unsigned long i)
{
	switch (iommufd_chunk_format(old)) {
	case IOMMUFD_CHUNK_EXTENT:
		return iommufd_chunk_extent_pfn(old, span.first + i);
	case IOMMUFD_CHUNK_NARROW:
		return iommufd_chunk_array_pfn(iommufd_chunk_array(old), false, i);
	default:
		return 0;
	}
}

/* Whether the pages an extent may stand for fit into 32 bits */
static bool extent_is_narrow(const struct iommufd_chunk *chunk,
			     struct iommufd_span span)
{
	unsigned long first = old_pfn(chunk, span, 0);
	unsigned long last = old_pfn(chunk, span, span.last - span.first);

	return first <= last && last <= U32_MAX;
}

static int make_narrow(struct iommufd_chunk *chunk, struct iommufd_span span)
{
	unsigned long i, n = span.last - span.first + 1;
	u32 *pfns;

	pfns = kmalloc_array(n, sizeof(*pfns), GFP_KERNEL_ACCOUNT);
	if (!pfns)
		return -ENOMEM;
	if (iommufd_chunk_format(chunk) != IOMMUFD_CHUNK_EMPTY)
		for (i = 0; i < n; i++)
			pfns[i] = old_pfn(chunk, span, i);
	WRITE_ONCE(chunk->word, (unsigned long)pfns | IOMMUFD_CHUNK_NARROW);
	return 0;
}

static int make_wide(struct iommufd_chunk *chunk, struct iommufd_span span)
{
	unsigned long i, n = span.last - span.first + 1;
	unsigned long *pfns;

	pfns = kmalloc_array(n, sizeof(*pfns), GFP_KERNEL_ACCOUNT);
	if (!pfns)
		return -ENOMEM;
	if (iommufd_chunk_format(chunk) != IOMMUFD_CHUNK_EMPTY)
		for (i = 0; i < n; i++)
			pfns[i] = old_pfn(chunk, span, i);
	iommufd_chunk_clear(chunk);
	WRITE_ONCE(chunk->word, (unsigned long)pfns | IOMMUFD_CHUNK_WIDE);
	return 0;
}

/* Turn the chunk into an array, a narrow one if the known entries allow it */
static int make_array(struct iommufd_chunk *chunk, struct iommufd_span span)
{
	switch (iommufd_chunk_format(chunk)) {
	case IOMMUFD_CHUNK_EXTENT:
		if (!extent_is_narrow(chunk, span))
			return make_wide(chunk, span);
		fallthrough;
	case IOMMUFD_CHUNK_EMPTY:
		return make_narrow(chunk, span);
	default:
		return 0;
	}
}

/* Returns whether they fit. If not, their entries are garbage */
static bool set_narrow(struct iommufd_chunk *chunk, unsigned long i,
		       struct page **pages, unsigned int npages)
{
	u32 *pfns = (u32 *)iommufd_chunk_array(chunk) + i;
	struct page **end = pages + npages;
	unsigned long pfn, bits = 0;

	for (; pages != end; pages++, pfns++) {
		pfn = page_to_pfn(*pages);
		*pfns = pfn;
		bits |= pfn;
	}
	return bits <= U32_MAX;
}

static void set_wide(struct iommufd_chunk *chunk, unsigned long i,
		     struct page **pages, unsigned int npages)
{
	unsigned long *pfns = (unsigned long *)iommufd_chunk_array(chunk) + i;
	struct page **end = pages + npages;

	for (; pages != end; pages++, pfns++)
		*pfns = page_to_pfn(*pages);
}

/**
 * iommufd_chunk_set_run() - record where pages are that follow each other
 * @chunk: the chunk
 * @first: page number of the first page
 * @pfn: its page frame number
 *
 * Context: the store's mutex is held.
 * Return: false with nothing changed when other pages of the chunk lie elsewhere,
 * so that it takes an array.
 */
bool iommufd_chunk_set_run(struct iommufd_chunk *chunk, unsigned long first,
			   unsigned long pfn)
{
	struct iommufd_chunk extent;

	iommufd_chunk_set_extent(&extent, first, pfn);
	if (iommufd_chunk_format(chunk) == IOMMUFD_CHUNK_EMPTY)
		*chunk = extent;
	return chunk->word == extent.word;
}

/**
 * iommufd_chunk_set() - record where pages are
 * @chunk: the chunk
 * @span: all page numbers of the chunk
 * @first: page number of the first page, within @span
 * @pages: the pages
 * @npages: number of pages, all within @span
 *
 * Context: may sleep; the store's mutex is held, and no hold covers the pages.
 * Return: 0; -ENOMEM, and what the chunk says of other pages stays true.
 */
int iommufd_chunk_set(struct iommufd_chunk *chunk, struct iommufd_span span,
		      unsigned long first, struct page **pages,
		      unsigned int npages)
{
	bool empty = iommufd_chunk_format(chunk) == IOMMUFD_CHUNK_EMPTY;
	int err;

	if (iommufd_chunk_format(chunk) <= IOMMUFD_CHUNK_EXTENT &&
	    is_contiguous(pages, npages) &&
	    iommufd_chunk_set_run(chunk, first, page_to_pfn(pages[0])))
		return 0;

	err = make_array(chunk, span);
	if (err)
		return err;
	first -= span.first;
	if (iommufd_chunk_format(chunk) == IOMMUFD_CHUNK_NARROW) {
		if (set_narrow(chunk, first, pages, npages))
			return 0;
		err = make_wide(chunk, span);
		if (err)
			goto err_empty;
	}
	set_wide(chunk, first, pages, npages);
	return 0;

err_empty:
	/* The chunk has no hold whose release would free it */
	if (empty)
		iommufd_chunk_clear(chunk);
	return err;
}

/**
 * iommufd_chunk_clear() - forget all pages and free the memory
 * @chunk: the chunk
 *
 * Context: the store's mutex is held, or the store has no other user.
 */
void iommufd_chunk_clear(struct iommufd_chunk *chunk)
{
	if (iommufd_chunk_format(chunk) >= IOMMUFD_CHUNK_NARROW)
		kfree(iommufd_chunk_array(chunk));
	WRITE_ONCE(chunk->word, 0);
}
