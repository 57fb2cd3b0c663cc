// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning of user memory.
 *
 * A device that only reads must see what the process writes later, so copy-on-write
 * of a private page must happen before it is pinned: the pin requests write access,
 * with FOLL_FORCE where the mapping is read-only. Two kinds of read-only mappings
 * do not allow FOLL_FORCE and are pinned for reading: shared ones, whose pages
 * remain those of the file, and hugetlb.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pin_huge.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "store/account.h"
#include "store/backing.h"
#include "store/store.h"

/*
 * A pin in another process holds its mmap_lock throughout, page faults
 * included.
 */
#define FOREIGN_BATCH_PAGES	128UL

/* What a process lets a device do with its mapping, as flags for GUP */
static int mapping_flags(struct vm_area_struct *vma, bool writable)
{
	if (writable || (vma->vm_flags & VM_WRITE))
		return FOLL_LONGTERM | FOLL_WRITE;
	if (!(vma->vm_flags & VM_READ))
		return -EFAULT;
	if (is_vm_hugetlb_page(vma) || !is_cow_mapping(vma->vm_flags))
		return FOLL_LONGTERM;
	return FOLL_LONGTERM | FOLL_WRITE | FOLL_FORCE;
}

/* Pin from one mapping; returns the number of pages, not 0, or an errno */
static long pin_in_mapping(struct mm_struct *mm, bool writable,
			   unsigned long addr, unsigned long npages,
			   struct page **pages)
{
	struct vm_area_struct *vma;
	long nr_pinned;
	int flags;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, addr);
	if (!vma || addr < vma->vm_start) {
		nr_pinned = -EFAULT;
		goto out_unlock;
	}
	flags = mapping_flags(vma, writable);
	if (flags < 0) {
		nr_pinned = flags;
		goto out_unlock;
	}
	npages = min(npages, (vma->vm_end - addr) >> PAGE_SHIFT);
	if (mm == current->mm)
		nr_pinned = pin_user_pages(addr, npages, flags, pages, NULL);
	else
		nr_pinned = pin_user_pages_remote(mm, addr, npages, flags,
						  pages, NULL, NULL);
out_unlock:
	mmap_read_unlock(mm);
	return nr_pinned;
}

static long pin_own(const struct iommufd_backing *backing, unsigned long addr,
		    unsigned long npages, struct page **pages)
{
	long nr_pinned;

	nr_pinned = pin_user_pages_fast(addr, npages,
					FOLL_LONGTERM | FOLL_WRITE, pages);
	if (nr_pinned != -EFAULT || backing->writable)
		return nr_pinned;
	return pin_in_mapping(backing->mm, false, addr, npages, pages);
}

static long pin_foreign(const struct iommufd_backing *backing,
			unsigned long addr, unsigned long npages,
			struct page **pages)
{
	long nr_pinned;

	if (!mmget_not_zero(backing->mm))
		return -EFAULT;
	nr_pinned = pin_in_mapping(backing->mm, backing->writable, addr,
				   min(npages, FOREIGN_BATCH_PAGES), pages);
	/* With the store's locks held, an address space is torn down by a worker */
	mmput_async(backing->mm);
	return nr_pinned;
}

static int pin_errno(long nr_pinned)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return nr_pinned == -ENOMEM || nr_pinned == -EINTR ? nr_pinned : -EFAULT;
}

static unsigned long user_addr(const struct iommufd_backing *backing,
			       unsigned long page)
{
	return untagged_addr(backing->start_bytes) + (page << PAGE_SHIFT);
}

/* What is written to may be read, too, so this serves all devices */
static struct page *user_pin_huge(const struct iommufd_backing *backing,
				  unsigned long first, unsigned int npages)
{
	if (backing->mm != current->mm)
		return NULL;
	return pin_user_huge_page(user_addr(backing, first), npages);
}

static int user_pin(const struct iommufd_backing *backing, unsigned long first,
		    unsigned int npages, struct page **pages)
{
	unsigned long addr = user_addr(backing, first);
	bool own = backing->mm == current->mm;
	unsigned int done = 0;
	long nr_pinned;

	while (done < npages) {
		if (own)
			nr_pinned = pin_own(backing, addr, npages - done,
					    pages + done);
		else
			nr_pinned = pin_foreign(backing, addr, npages - done,
						pages + done);
		if (nr_pinned <= 0) {
			unpin_user_pages(pages, done);
			return pin_errno(nr_pinned);
		}
		done += nr_pinned;
		addr += nr_pinned << PAGE_SHIFT;
	}
	return 0;
}

static void user_unpin(const struct iommufd_backing *backing,
		       unsigned long pfn, unsigned long npages)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), npages,
					 backing->writable);
}

/* The account holds the address space, and the store holds the account */
const struct iommufd_pin_ops iommufd_pin_user_ops = {
	.pin = user_pin,
	.pin_huge = user_pin_huge,
	.unpin = user_unpin,
	.in_process = true,
};

/**
 * iommufd_store_create_user() - make a store of a process's memory
 * @account: account of the process whose memory it is, which also pays for it;
 *	     the store takes the reference over, unless this fails
 * @start: first byte, in the address space of the process
 * @length_bytes: number of bytes
 * @writable: devices may write to the memory
 *
 * Nothing is pinned before the first hold, and nothing is charged.
 *
 * Context: may sleep.
 * Return: the store with one reference, ERR_PTR(-EINVAL) for a length of 0,
 * ERR_PTR(-EOVERFLOW) when the range wraps, ERR_PTR(-ENOMEM).
 */
struct iommufd_store *iommufd_store_create_user(struct iommufd_account *account,
						void __user *start,
						size_t length_bytes,
						bool writable)
{
	unsigned long addr = (unsigned long)start;
	unsigned long last;
	struct iommufd_backing backing = {
		.ops = &iommufd_pin_user_ops,
		.mm = account->mm,
		.start_bytes = addr & PAGE_MASK,
		.writable = writable,
	};

	if (!length_bytes)
		return ERR_PTR(-EINVAL);
	if (check_add_overflow(addr, length_bytes - 1, &last))
		return ERR_PTR(-EOVERFLOW);
	return iommufd_store_create(&backing, account,
				    (last >> PAGE_SHIFT) - (addr >> PAGE_SHIFT) + 1,
				    offset_in_page(addr));
}
