// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of the pages that devices wrote, as bits of a bitmap in user memory.
 *
 * A dirty bit belongs to an entry of a page table, and when it is cleared all
 * pages of the entry must have been reported. Only one window of the bitmap is
 * mapped at a time, and an entry may cross the end of a window, or be larger than
 * one::
 *
 *	windows     |   1   |   2   |   3   |
 *	entry           |===============|
 *	reported        |===|=======|===|		and cleared in the last one
 *
 * So the entry is reported in each of them, and cleared in the window that it ends
 * in, when every bit of it is set. An entry that becomes dirty after its first
 * window is left for the next reading, since the bits of earlier windows are not
 * set. Only one entry can cross the end of a window, so one is remembered.
 *
 * Beyond the two ends of the range that is read there are no bits: an entry that
 * extends beyond is cleared when its bits within the range are set.
 */
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/minmax.h>
#include <linux/mm.h>

/* The bitmap is little endian, as user space sees it: bit n is in byte n / 8 */
static void set_bits_in_byte(u8 *bytes, unsigned long i, unsigned int first,
			     unsigned int last)
{
	unsigned int bit;

	/* Another reading may report into the same byte at this moment */
	for (bit = first; bit <= last; bit++)
		set_bit_le(i * 8 + bit, bytes);
}

/* All bits lie in one page */
static void set_bits_in_page(u8 *bytes, unsigned long first, unsigned long last)
{
	unsigned long i = first / 8, end = last / 8;

	if (i == end) {
		set_bits_in_byte(bytes, i, first % 8, last % 8);
		return;
	}
	set_bits_in_byte(bytes, i, first % 8, 7);
	memset(&bytes[i + 1], 0xff, end - i - 1);
	set_bits_in_byte(bytes, end, 0, last % 8);
}

/**
 * iommu_dirty_log_init() - begin a reading
 * @log: the log
 * @first: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 * @page_lg2: bytes that a bit stands for, as a power of two
 * @clear: whether what is reported counts as clean afterwards
 *
 * The caller sets the log's gather itself.
 *
 * Context: any.
 */
void iommu_dirty_log_init(struct iommu_dirty_log *log, unsigned long first,
			  unsigned long last, unsigned int page_lg2, bool clear)
{
	*log = (struct iommu_dirty_log) {
		.clear = clear,
		.first = first,
		.last = last,
		.page_lg2 = page_lg2,
	};
}
EXPORT_SYMBOL_NS_GPL(iommu_dirty_log_init, IOMMUFD_INTERNAL);

/**
 * iommu_dirty_log_next() - turn to the next window
 * @log: the log
 * @iova: first IOVA of the window in bytes; where the window before ended, or
 *	  the beginning of the reading
 * @last: last IOVA in bytes, inclusive
 * @bitmap: pages that hold the window's bits, pinned and writable
 * @offset_bytes: first byte of the bits in the first of them
 *
 * Context: any.
 */
void iommu_dirty_log_next(struct iommu_dirty_log *log, unsigned long iova,
			  unsigned long last, struct page **bitmap,
			  unsigned int offset_bytes)
{
	log->iova = iova;
	log->window_last = last;
	log->bitmap = bitmap;
	log->offset_bytes = offset_bytes;
	log->entering = log->leaving;
	log->leaving = (struct iommu_dirty_entry) {};
}
EXPORT_SYMBOL_NS_GPL(iommu_dirty_log_next, IOMMUFD_INTERNAL);

/* IOVAs in the window, @last inclusive */
static void set_bits(struct iommu_dirty_log *log, unsigned long iova,
		     unsigned long last_iova)
{
	/* Counted from the start of the first page */
	unsigned long bit = log->offset_bytes * 8UL +
			    ((iova - log->iova) >> log->page_lg2);
	unsigned long last = log->offset_bytes * 8UL +
			     ((last_iova - log->iova) >> log->page_lg2);
	unsigned long end;
	u8 *bytes;

	for (; bit <= last; bit = end + 1) {
		end = min(last, bit | (PAGE_SIZE * 8 - 1));
		bytes = kmap_local_page(log->bitmap[bit / (PAGE_SIZE * 8)]);
		set_bits_in_page(bytes, bit % (PAGE_SIZE * 8),
				 end % (PAGE_SIZE * 8));
		kunmap_local(bytes);
	}
}

/* The entry has pages in earlier windows, which did not report it */
static bool is_too_late(const struct iommu_dirty_log *log, unsigned long iova,
			unsigned long last)
{
	return iova < log->iova && log->iova != log->first &&
	       (iova != log->entering.iova || last != log->entering.last);
}

/**
 * iommu_dirty_report() - say that an entry of a page table is dirty
 * @log: the log
 * @iova: first IOVA of the entry in bytes
 * @len: number of bytes that the entry translates, not 0, including those beyond
 *	 the range that is read
 *
 * Sets the bit of every page of the window that the entry translates. Cannot fail,
 * so a driver may clear its own record afterwards.
 *
 * Context: any; does not sleep.
 * Return: true when the driver must make the entry clean now, after the report
 * and not before it; false when it must leave it as it is, because the reader
 * wants to clear nothing, or not all of the entry is reported yet.
 */
bool iommu_dirty_report(struct iommu_dirty_log *log, unsigned long iova,
			size_t len)
{
	unsigned long last = iova + len - 1;

	if (last < log->iova || iova > log->window_last ||
	    is_too_late(log, iova, last))
		return false;
	set_bits(log, max(iova, log->iova), min(last, log->window_last));
	if (last <= log->window_last || log->window_last == log->last)
		return log->clear;
	log->leaving = (struct iommu_dirty_entry) { iova, last };
	return false;
}
EXPORT_SYMBOL_NS_GPL(iommu_dirty_report, IOMMUFD_INTERNAL);
