// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long-term pins of the pages of a memfd, by their place in the file.
 *
 * GUP finds pages through the mapping of a process. Here there is no mapping: pages
 * come from the page cache of the file, and missing ones are allocated. They are
 * pinned like those of GUP, so unpin_user_pages() and its relatives undo it.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/memfd.h>
#include <linux/memfd_pin.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include "internal.h"

/* Let the file system make a huge page, as it would for fallocate(2) */
static int make_huge_page(struct file *file, pgoff_t huge_index)
{
	struct hstate *h = hstate_file(file);
	int err;

	/* No write access is needed: reading a hole allocates its page, too */
	file_start_write(file);
	err = file->f_op->fallocate(file, FALLOC_FL_KEEP_SIZE,
				    (loff_t)huge_index << huge_page_shift(h),
				    huge_page_size(h));
	file_end_write(file);
	/* fallocate ends at any signal; make the system call restart after it */
	if (err == -EINTR && !fatal_signal_pending(current))
		return -ERESTARTNOINTR;
	return err;
}

static struct page *get_huge_page(struct file *file, pgoff_t index)
{
	struct hstate *h = hstate_file(file);
	pgoff_t huge_index = index >> huge_page_order(h);
	struct address_space *mapping = file->f_mapping;
	unsigned int nr_retries = 0;
	struct folio *folio;
	int err;

	/* The page cache counts in huge pages here */
	while (!(folio = filemap_get_folio(mapping, huge_index))) {
		/* Another task may punch holes as fast as pages are allocated */
		err = retry_longterm_pin(&nr_retries);
		if (err == -EAGAIN)
			err = make_huge_page(file, huge_index);
		if (err)
			return ERR_PTR(err);
	}
	if (folio_test_hwpoison(folio)) {
		folio_put(folio);
		return ERR_PTR(-EFAULT);
	}
	return folio_page(folio, index & (pages_per_huge_page(h) - 1));
}

/* The last one counts in full, even if the file ends within it */
static unsigned long pages_of_file(struct file *file)
{
	return DIV_ROUND_UP_ULL(i_size_read(file_inode(file)), PAGE_SIZE);
}

/* A page of the file with a reference */
static struct page *get_page_at(struct file *file, pgoff_t index)
{
	if (index >= pages_of_file(file))
		return ERR_PTR(-EINVAL);
	if (is_file_hugepages(file))
		return get_huge_page(file, index);
	return shmem_read_mapping_page(file->f_mapping, index);
}

/* Pin pages of one folio; returns how many, not 0, or an errno */
static long pin_in_folio(struct file *file, pgoff_t index,
			 unsigned long max_pages, struct page **pages)
{
	struct page *page = get_page_at(file, index);
	struct folio *folio;
	unsigned long i;
	long nr;

	if (IS_ERR(page))
		return PTR_ERR(page);
	/* The reference keeps a huge page from being split */
	folio = page_folio(page);
	nr = min3(max_pages,
		  (unsigned long)folio_nr_pages(folio) - folio_page_idx(folio, page),
		  pages_of_file(file) - index);
	if (try_grab_folio(page, nr, FOLL_PIN))
		for (i = 0; i < nr; i++)
			pages[i] = nth_page(page, i);
	else
		nr = -EFAULT;
	folio_put(folio);
	return nr;
}

static int pin_once(struct file *file, pgoff_t first, unsigned int npages,
		    struct page **pages)
{
	unsigned int done = 0;
	long nr;

	while (done < npages) {
		nr = fatal_signal_pending(current) ? -EINTR :
		     pin_in_folio(file, first + done, npages - done,
				  pages + done);
		if (nr < 0) {
			unpin_user_pages(pages, done);
			return nr;
		}
		done += nr;
		cond_resched();
	}
	return 0;
}

static int pin_long_term(struct file *file, pgoff_t first, unsigned int npages,
			 struct page **pages)
{
	unsigned int flags, nr_retries = 0;
	int err;

	/* Pages that are allocated now need not be migrated */
	flags = memalloc_pin_save();
	do {
		err = pin_once(file, first, npages, pages);
		if (!err)
			err = check_and_migrate_movable_pages(npages, pages);
		if (err == -EAGAIN)
			err = retry_longterm_pin(&nr_retries);
	} while (err == -EAGAIN);
	memalloc_pin_restore(flags);
	return err;
}

/**
 * memfd_can_pin() - tell whether pages of a file can be pinned by their offset
 * @file: any file
 *
 * Such a file consists of memory only: a reference to it keeps no other file open.
 *
 * Context: any.
 * Return: whether memfd_pin_pages() takes it: a file of shmem or hugetlbfs.
 */
bool memfd_can_pin(struct file *file)
{
	return memfd_file_seals_ptr(file);
}
EXPORT_SYMBOL_NS_GPL(memfd_can_pin, IOMMUFD_INTERNAL);

static bool may_access(struct file *file, bool write)
{
	fmode_t mode = FMODE_READ | (write ? FMODE_WRITE : 0);

	return (file->f_mode & mode) == mode;
}

/**
 * memfd_pin_pages() - pin pages of a memfd for a long time
 * @file: any file
 * @first: number of the first page in the file
 * @npages: number of pages, not 0
 * @write: they will be written to
 * @pages: receives the pages
 *
 * All pages or none are pinned. They are migrated first if they would hinder memory
 * hotplug or contiguous allocations. Pages of a hole are allocated.
 *
 * A pinned page keeps the file from being sealed against writing, and a file that
 * is sealed cannot be pinned for writing.
 *
 * Context: may sleep; takes the inode's lock.
 * Return: 0; -EINVAL when the file is not a memfd, ends before the last page,
 * or may not be accessed like this; -ENOMEM, also when pages that must be
 * moved are in use; -ENOSPC when a limit of the file system is reached;
 * -EFAULT when a page is broken; -EBUSY when one can neither be pinned nor
 * moved in ten seconds, or is removed each time that it was allocated; -EINTR on a
 * fatal signal; -ERESTARTNOINTR when another signal interrupted the call: the
 * caller undoes what it did and returns that to user space.
 */
int memfd_pin_pages(struct file *file, pgoff_t first, unsigned int npages,
		    bool write, struct page **pages)
{
	struct address_space *mapping = file->f_mapping;
	int err;

	if (!memfd_can_pin(file) || !may_access(file, write))
		return -EINVAL;
	if (!write)
		return pin_long_term(file, first, npages, pages);

	/* Excludes sealing until the pages are pinned; then the pins exclude it */
	if (mapping_map_writable(mapping))
		return -EINVAL;
	if (memfd_file_seals(file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		err = -EINVAL;
	else
		err = pin_long_term(file, first, npages, pages);
	mapping_unmap_writable(mapping);
	return err;
}
EXPORT_SYMBOL_NS_GPL(memfd_pin_pages, IOMMUFD_INTERNAL);
