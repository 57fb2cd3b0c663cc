/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the pages of a store come from: one small table of operations per kind
 * of memory.
 */
#ifndef __IOMMUFD_BACKING_H
#define __IOMMUFD_BACKING_H

#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct iommufd_fixed - memory that has a fixed place and no struct page
 * @phys: physical address of page number 0
 * @mmio: it belongs to a device
 * @revoked: it was revoked; protected by the store's mutex
 * @waiting: interval tree of the holds that have lost it, or were made while it is
 *	     revoked; protected by the store's mutex
 */
struct iommufd_fixed {
	phys_addr_t phys;
	bool mmio;
	bool revoked;
	struct rb_root_cached waiting;
};

struct iommufd_account;
struct iommufd_backing;
struct iommufd_store;
struct mm_struct;
struct page;

/**
 * struct iommufd_pin_ops - one kind of memory
 * @pin: pin @npages pages from page number @first on and store them in @pages.
 *	 All of them or none. Called with the store's fill mutex held, never
 *	 with its mutex; may sleep for long. Returns 0, -EFAULT where there is
 *	 no memory to be pinned, -EINVAL where the source is not fit for it,
 *	 -EINTR on a fatal signal, -ERESTARTNOINTR, -ENOMEM. NULL for memory at
 *	 a fixed place
 * @pin_huge: pin @npages pages from page number @first on, if they lie in one
 *	      huge page and it can be done without waiting. Called like @pin.
 *	      Returns the first page, which the others follow, or NULL with
 *	      nothing pinned: then it is @pin's turn. Optional
 * @unpin: unpin @npages pages with consecutive page frame numbers from @pfn on.
 *	   The range may be cut in any way, it need not match how it was pinned.
 *	   Called with the store's mutex held; may sleep; cannot fail
 * @put: drop what the backing refers to, when the store dies; optional
 * @transferable: the memory does not belong to a process, so that any process can
 *                take over the charge for it
 * @in_process: the memory belongs to the process that @mm of the backing names
 *
 * A page is pinned and unpinned exactly once between two calls of each kind for
 * its page number: pin, unpin, pin, unpin.
 */
struct iommufd_pin_ops {
	int (*pin)(const struct iommufd_backing *backing, unsigned long first,
		   unsigned int npages, struct page **pages);
	struct page *(*pin_huge)(const struct iommufd_backing *backing,
				 unsigned long first, unsigned int npages);
	void (*unpin)(const struct iommufd_backing *backing, unsigned long pfn,
		      unsigned long npages);
	void (*put)(struct iommufd_backing *backing);
	bool transferable;
	bool in_process;
};

/**
 * struct iommufd_backing - the memory behind a store
 * @ops: operations for this kind of memory
 * @mm: user memory: address space, kept alive by the store's account
 * @source: other kinds of memory: what @ops looks it up in
 * @fixed: memory at a fixed place: where that is
 * @start_bytes: address of page number 0 in @mm or @source, page aligned
 * @writable: devices may write; the pages are dirty when they are unpinned
 *
 * Immutable while the store lives, but for @fixed->revoked.
 */
struct iommufd_backing {
	const struct iommufd_pin_ops *ops;
	union {
		struct mm_struct *mm;
		void *source;
		struct iommufd_fixed *fixed;
	};
	unsigned long start_bytes;
	bool writable;
};

extern const struct iommufd_pin_ops iommufd_pin_user_ops;

struct iommufd_store *
iommufd_store_create(const struct iommufd_backing *backing,
		     struct iommufd_account *account, unsigned long npages,
		     unsigned int page_offset_bytes);

#endif /* __IOMMUFD_BACKING_H */
