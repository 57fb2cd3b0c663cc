// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of the pages that devices wrote, as bits of a bitmap in user memory.
 */
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/iommu-ext.h>
#include <linux/minmax.h>
#include <linux/mm.h>

/* The bitmap is little endian, as user space sees it: bit n is in byte n / 8 */
static void set_bits_in_byte(u8 *byte, unsigned int first, unsigned int last)
{
	*byte |= GENMASK(last, first);
}

/* All bits lie in one page */
static void set_bits_in_page(u8 *bytes, unsigned long first, unsigned long last)
{
	unsigned long i = first / 8, end = last / 8;

	if (i == end) {
		set_bits_in_byte(&bytes[i], first % 8, last % 8);
		return;
	}
	set_bits_in_byte(&bytes[i], first % 8, 7);
	memset(&bytes[i + 1], 0xff, end - i - 1);
	set_bits_in_byte(&bytes[end], 0, last % 8);
}

/**
 * iommu_dirty_report() - say that a device wrote to IOVAs
 * @log: the log
 * @iova: first IOVA in bytes
 * @len: number of bytes, not 0
 *
 * Sets the bit of every page that the range meets; what lies outside the log
 * is passed over. Cannot fail, so a driver may clear its own record right
 * after it.
 *
 * Context: any; does not sleep.
 */
void iommu_dirty_report(struct iommu_dirty_log *log, unsigned long iova,
			size_t len)
{
	unsigned long last_iova = iova + len - 1;
	unsigned long bit, last, end;
	u8 *bytes;

	if (last_iova < log->iova)
		return;
	bit = iova <= log->iova ? 0 : (iova - log->iova) >> log->page_lg2;
	last = (last_iova - log->iova) >> log->page_lg2;
	if (bit >= log->nr_bits)
		return;
	last = min(last, log->nr_bits - 1);

	/* From here on counted from the start of the first page */
	bit += log->offset_bytes * 8UL;
	last += log->offset_bytes * 8UL;
	for (; bit <= last; bit = end + 1) {
		end = min(last, bit | (PAGE_SIZE * 8 - 1));
		bytes = kmap_local_page(log->bitmap[bit / (PAGE_SIZE * 8)]);
		set_bits_in_page(bytes, bit % (PAGE_SIZE * 8),
				 end % (PAGE_SIZE * 8));
		kunmap_local(bytes);
	}
}
EXPORT_SYMBOL_NS_GPL(iommu_dirty_report, IOMMUFD_INTERNAL);
