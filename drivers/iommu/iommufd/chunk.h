/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunk: the page frame numbers behind up to 2 MiB of a store, in one word.
 */
#ifndef __IOMMUFD_CHUNK_H
#define __IOMMUFD_CHUNK_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct page;

/**
 * struct iommufd_chunk - page frame numbers of one chunk
 * @word: the format in the lowest two bits, above them:
 *
 *	  * EMPTY: nothing, the word is 0
 *	  * EXTENT: signed distance from page number to page frame number
 *	  * NARROW: address of an array of 32-bit page frame numbers
 *	  * WIDE: address of an array of longs, for the few machines with memory
 *	    above 16 TiB
 *
 * A chunk says where a page is, not whether it is pinned: the holds say that.
 * Entries of pages without a hold mean nothing.  So a hold that ends in the
 * middle of a chunk changes nothing here, and needs no memory.
 */
struct iommufd_chunk {
	unsigned long word;
};

/**
 * struct iommufd_span - interval of page numbers
 * @first: first page number
 * @last: last page number, inclusive
 */
struct iommufd_span {
	unsigned long first;
	unsigned long last;
};

#define IOMMUFD_CHUNK_EMPTY	0UL
#define IOMMUFD_CHUNK_EXTENT	1UL
#define IOMMUFD_CHUNK_NARROW	2UL
#define IOMMUFD_CHUNK_WIDE	3UL
#define IOMMUFD_CHUNK_FORMAT	3UL
#define IOMMUFD_CHUNK_SHIFT	2

int iommufd_chunk_set(struct iommufd_chunk *chunk, struct iommufd_span span,
		      unsigned long first, struct page **pages,
		      unsigned int npages);
void iommufd_chunk_clear(struct iommufd_chunk *chunk);

static inline unsigned long iommufd_chunk_format(const struct iommufd_chunk *chunk)
{
	return chunk->word & IOMMUFD_CHUNK_FORMAT;
}

static inline void *iommufd_chunk_array(const struct iommufd_chunk *chunk)
{
	return (void *)(chunk->word & ~IOMMUFD_CHUNK_FORMAT);
}

/**
 * iommufd_chunk_run() - find pages that lie one behind the other in memory
 * @chunk: chunk with pinned pages
 * @span: all page numbers of the chunk
 * @first: page number to begin with
 * @last: page number to end with, inclusive, within @span
 * @pfn: receives the page frame number of @first
 *
 * All pages from @first to @last must be pinned.
 *
 * Return: number of pages from @first on with consecutive page frame numbers.
 */
static inline unsigned long iommufd_chunk_run(const struct iommufd_chunk *chunk,
					      struct iommufd_span span,
					      unsigned long first,
					      unsigned long last,
					      unsigned long *pfn)
{
	unsigned long i = first - span.first, max = last - span.first, n = 1;

	if (iommufd_chunk_format(chunk) == IOMMUFD_CHUNK_NARROW) {
		const u32 *pfns = iommufd_chunk_array(chunk);

		*pfn = pfns[i];
		while (i + n <= max && pfns[i + n] == *pfn + n)
			n++;
		return n;
	}
	if (iommufd_chunk_format(chunk) == IOMMUFD_CHUNK_WIDE) {
		const unsigned long *pfns = iommufd_chunk_array(chunk);

		*pfn = pfns[i];
		while (i + n <= max && pfns[i + n] == *pfn + n)
			n++;
		return n;
	}
	*pfn = first + ((long)chunk->word >> IOMMUFD_CHUNK_SHIFT);
	return last - first + 1;
}

#endif /* __IOMMUFD_CHUNK_H */
