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
 * Entries of pages without a hold mean nothing. So a hold that ends in the
 * middle of a chunk changes nothing here, and needs no memory.
 *
 * The owner of a hold may read an extent without the store's mutex: what it says
 * of the held pages stays true even when an array replaces it.
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

bool iommufd_chunk_set_run(struct iommufd_chunk *chunk, unsigned long first,
			   unsigned long pfn);
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
 * iommufd_chunk_set_extent() - record where contiguous pages are
 * @chunk: empty chunk
 * @page: number of the first page
 * @pfn: its page frame number
 *
 * Context: the store's mutex is held.
 */
static inline void iommufd_chunk_set_extent(struct iommufd_chunk *chunk,
					    unsigned long page,
					    unsigned long pfn)
{
	chunk->word = (pfn - page) << IOMMUFD_CHUNK_SHIFT |
		      IOMMUFD_CHUNK_EXTENT;
}

/**
 * iommufd_chunk_extent_pfn() - look a page up in a contiguous chunk
 * @chunk: chunk of format EXTENT
 * @page: page number
 *
 * Return: page frame number of @page.
 */
static inline unsigned long
iommufd_chunk_extent_pfn(const struct iommufd_chunk *chunk, unsigned long page)
{
	return page + ((long)chunk->word >> IOMMUFD_CHUNK_SHIFT);
}

/**
 * iommufd_chunk_array_pfn() - look a page up in the array of a chunk
 * @array: what iommufd_chunk_array() returns
 * @wide: whether the format is WIDE, a constant so that loops have one format
 * @i: number of the page, counted from the first of the chunk
 *
 * Return: page frame number.
 */
static __always_inline unsigned long
iommufd_chunk_array_pfn(const void *array, bool wide, unsigned long i)
{
	return wide ? ((const unsigned long *)array)[i] :
		      ((const u32 *)array)[i];
}

#endif /* __IOMMUFD_CHUNK_H */
