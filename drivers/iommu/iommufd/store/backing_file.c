// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning of files that live in memory: memfds, also those of huge pages.
 *
 * Files of other kinds are accepted, too, and pinning their pages fails. The store
 * has no reference to such a file: the file could in turn keep the store alive, as
 * an open /dev/iommu does, and neither would ever be freed.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/memfd_pin.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include "store/backing.h"
#include "store/store.h"

static int file_pin(const struct iommufd_backing *backing, unsigned long first,
		    unsigned int npages, struct page **pages)
{
	pgoff_t index = (backing->start_bytes >> PAGE_SHIFT) + first;
	struct file *file = backing->source;
	int err;

	if (!file)
		return -EINVAL;
	err = memfd_pin_pages(file, index, npages, backing->writable, pages);
	switch (err) {
	case 0:
	case -EINTR:
	case -EINVAL:
	case -ENOMEM:
	case -ERESTARTNOINTR:
		return err;
	case -ENOSPC:
		/* To the caller this would mean a lack of IOVAs */
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}

static void file_unpin(const struct iommufd_backing *backing,
		       unsigned long pfn, unsigned long npages)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), npages,
					 backing->writable);
}

static void file_put(struct iommufd_backing *backing)
{
	if (backing->source)
		fput(backing->source);
}

static const struct iommufd_pin_ops file_ops = {
	.pin = file_pin,
	.unpin = file_unpin,
	.put = file_put,
	.transferable = true,
};

/**
 * iommufd_store_create_file() - make a store of a part of a file
 * @account: account of the process that pays; the store takes the reference
 *	     over, unless this fails
 * @file: any file. The store takes a reference to a memfd; any other is
 *	  forgotten, and nothing can be pinned
 * @start: first byte in the file; the part need not exist yet
 * @length_bytes: number of bytes
 * @writable: devices may write to the memory
 *
 * Nothing is pinned before the first hold, and nothing is charged.
 *
 * Context: may sleep.
 * Return: the store with one reference, ERR_PTR(-EINVAL) for a length of 0,
 * ERR_PTR(-EOVERFLOW) when the range wraps, ERR_PTR(-ENOMEM).
 */
struct iommufd_store *iommufd_store_create_file(struct iommufd_account *account,
						struct file *file, u64 start,
						size_t length_bytes,
						bool writable)
{
	struct iommufd_backing backing = {
		.ops = &file_ops,
		.source = memfd_can_pin(file) ? file : NULL,
		.start_bytes = start & PAGE_MASK,
		.writable = writable,
	};
	struct iommufd_store *store;
	unsigned long last;

	if (!length_bytes)
		return ERR_PTR(-EINVAL);
	if (start > ULONG_MAX ||
	    check_add_overflow((unsigned long)start, length_bytes - 1, &last))
		return ERR_PTR(-EOVERFLOW);
	store = iommufd_store_create(&backing, account,
				     (last >> PAGE_SHIFT) -
				     (start >> PAGE_SHIFT) + 1,
				     offset_in_page(start));
	if (!IS_ERR(store) && backing.source)
		get_file(file);		/* matches file_put() */
	return store;
}
