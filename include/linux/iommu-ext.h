/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a driver of an IOMMU fills in beyond <linux/iommu.h>: entries that take
 * a device, and what it calls to read user data and to report written pages.
 *
 * Drivers plug in with one pointer, &struct iommu_ops.ext. A driver without
 * it keeps working: its domains are made by domain_alloc() and become usable
 * at their first attach.
 */
#ifndef __LINUX_IOMMU_EXT_H
#define __LINUX_IOMMU_EXT_H

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

struct device;
struct iommu_domain;
struct iommu_iotlb_gather;
struct iommu_viommu_ops;
struct mm_struct;
struct page;

/* What a domain made for user space must be able to do */
#define IOMMU_ALLOC_NEST_PARENT		BIT(0)
#define IOMMU_ALLOC_DIRTY_TRACKING	BIT(1)
#define IOMMU_ALLOC_PASID		BIT(2)

/* Type of a domain whose page table belongs to user space */
#define IOMMU_DOMAIN_NESTED		BIT(16)
/* Type of a domain whose page table is that of a process */
#define IOMMU_DOMAIN_SVA		BIT(17)

/**
 * struct iommu_run - physically contiguous piece of memory to be mapped
 * @phys: first physical address, in bytes
 * @len: length in bytes, not 0
 */
struct iommu_run {
	phys_addr_t phys;
	size_t len;
};

/* Longest description of a domain that a driver understands, in bytes */
#define IOMMU_USER_BLOB_MAX_BYTES	64

/**
 * struct iommu_user_blob - a driver's data as user space wrote it
 * @type: its format: a number of the user ABI
 * @len: its length in bytes; may be more than @data has room for
 * @answer_bytes: how much of @data user space gets back; 0 at first
 * @err: why it could not be read, or 0
 * @data: the data, unless it is too long
 *
 * It is kernel memory: reading it causes no page fault.
 */
struct iommu_user_blob {
	u32 type;
	u32 len;
	u32 answer_bytes;
	int err;
	u64 data[IOMMU_USER_BLOB_MAX_BYTES / sizeof(u64)];
};

/* Requests of an array that are read at a time, in bytes */
#define IOMMU_USER_ARRAY_BATCH_BYTES	256

/**
 * struct iommu_user_array - requests to a driver as user space wrote them
 * @uptr: address of the first
 * @type: their format: a number of the user ABI
 * @entry_len: bytes from one to the next, 1 to %PAGE_SIZE
 * @nr: how many there are; the driver sets it to how many it did
 * @first: which of them is the first in @batch
 * @nr_read: how many are in @batch; 0 at first
 * @batch: requests that have been read, for iommu_copy_entry() and
 *         iommu_copy_viommu_entry()
 */
struct iommu_user_array {
	void __user *uptr;
	u32 type;
	u32 entry_len;
	u32 nr;
	u32 first;
	u32 nr_read;
	u64 batch[IOMMU_USER_ARRAY_BATCH_BYTES / sizeof(u64)];
};

/* Longest description of an IOMMU's registers that a driver gives, in bytes */
#define IOMMU_HW_INFO_MAX_BYTES		64

/**
 * struct iommu_ops_ext - per-device driver entries
 * @alloc_paging: make a paging domain that is complete for @dev when the call
 *                returns: aperture, page sizes and table format are final and
 *                mappings may be made before any attach. @flags is a mask of
 *                IOMMU_ALLOC_*; an unknown bit is -EOPNOTSUPP. One with
 *                %IOMMU_ALLOC_PASID is for PASIDs, and for requester IDs of devices
 *                whose PASIDs are used. The driver sets the type,
 *                %IOMMU_DOMAIN_UNMANAGED; the core fills in owner and default
 *                ops, and refuses a domain of another type, another driver's,
 *                or without operations to map and unmap pages. May
 *                sleep. Returns an ERR_PTR() on failure, never NULL
 * @alloc_user: make a domain for @dev that @blob describes. With @parent, which
 *              this driver made with %IOMMU_ALLOC_NEST_PARENT, a domain of type
 *              %IOMMU_DOMAIN_NESTED whose page table user space keeps, and
 *              whose addresses @parent translates; @parent outlives it, and
 *              it has no operation to map or unmap.
 *              Without @parent a paging domain, as @alloc_paging makes it.
 *              -EOPNOTSUPP for a type of blob or a flag that the driver does
 *              not know, and what iommu_copy_blob() returns. Optional
 * @alloc_sva: make a domain of type %IOMMU_DOMAIN_SVA for the page tables of a process
 *             as the IOMMU of @dev uses them; other devices that fit are put on it,
 *             too. It follows the process with an MMU notifier. When that ends
 *             (release), the driver blocks the domain's PASIDs in hardware, without
 *             waiting for page requests. The caller keeps the mm_struct until the
 *             domain is freed. May sleep, also on mmap_lock; no lock of the core is
 *             held. Optional
 * @viommu_ops: find a type of virtual IOMMU that the IOMMU of @dev offers; @type is a number
 *              of the user ABI. Returns NULL for a type that there is not. May sleep. See
 *              <linux/iommu-viommu.h>. Optional
 * @hw_info: describe the registers behind @dev. *type is the description that
 *           is wanted, 0 for the driver's usual one, and set to the one given;
 *           @buf has room for %IOMMU_HW_INFO_MAX_BYTES, all zero; *len is set.
 *           Returns 0, or -EOPNOTSUPP for another type. Optional
 * @enable_faults: have the page requests of @dev reported, by means of
 *                 iopf_queue_add_device(): called before the first attachment of
 *                 its group that takes them, with the mutex of the group held.
 *                 -EOPNOTSUPP when it has none; not -EINVAL, which is the answer to
 *                 a domain that does not fit. Optional, together with the next two
 * @disable_faults: undo @enable_faults(), after the last such attachment, and before
 *                  release_device() of a device that leaves
 * @drain_faults: wait until all page requests of @dev that the hardware has taken
 *                in have been reported. Called with the mutex of its group held: it
 *                waits for the reader of the hardware's queue alone, not for the
 *                handling of requests
 * @blocked_domain: static domain that stops all DMA of a device. Attaching it
 *                  cannot fail. NULL when the driver has none. A static
 *                  domain has no free() op, which is what tells it apart. A
 *                  driver with PASIDs gives it a set_dev_pasid() that takes a
 *                  PASID off its domain and cannot fail either; its
 *                  attach_dev() stops requests without a PASID only
 * @concurrent_attach: attach_dev(), detach_dev() and release_device(), of any
 *                     device, may run while other tasks map, unmap, flush and
 *                     read dirty bits in the domains that the device goes to and
 *                     comes from. Without it the core excludes the two kinds of
 *                     calls for each domain that user space fills. Requests about
 *                     a page table of user space (invalidate_user()) may always
 *                     run at the same time as attaches
 * @keeps_requests: the hardware of the IOMMU keeps the access of a page request until that
 *                  is answered, also when the device is reset or leaves: all of them
 *                  are answered then. Each of its requests is a group
 * @direct_blocks_owner: a device with reserved regions of type
 *                       %IOMMU_RESV_DIRECT can neither be blocked nor given to
 *                       user space: claims of its group, attaches of other domains
 *                       to its requester ID and its entry into a group on one are
 *                       refused with -EPERM
 */
struct iommu_ops_ext {
	struct iommu_domain *(*alloc_paging)(struct device *dev, u32 flags);
	struct iommu_domain *(*alloc_user)(struct device *dev,
					   struct iommu_domain *parent,
					   u32 flags,
					   const struct iommu_user_blob *blob);
	struct iommu_domain *(*alloc_sva)(struct device *dev,
					  struct mm_struct *mm);
	const struct iommu_viommu_ops *(*viommu_ops)(struct device *dev,
						     u32 type);
	int (*hw_info)(struct device *dev, u32 *type, void *buf, size_t *len);
	int (*enable_faults)(struct device *dev);
	void (*disable_faults)(struct device *dev);
	void (*drain_faults)(struct device *dev);
	struct iommu_domain *blocked_domain;
	bool concurrent_attach;
	bool keeps_requests;
	bool direct_blocks_owner;
};

/**
 * struct iommu_dirty_entry - an entry of a page table
 * @iova: first IOVA that it translates, in bytes
 * @last: last IOVA, inclusive; 0 stands for no entry
 */
struct iommu_dirty_entry {
	unsigned long iova;
	unsigned long last;
};

/**
 * struct iommu_dirty_log - where a driver reports pages that devices wrote
 * @gather: entries whose dirty bit was cleared; the caller flushes them
 * @clear: whether anything is cleared at all
 * @first: first IOVA in bytes that the reader asks for
 * @last: last IOVA in bytes, inclusive
 * @page_lg2: bytes that a bit stands for, as a power of two
 * @iova: first IOVA of the window, which is the part of @first to @last that is
 *	  read now and has its bits in @bitmap
 * @window_last: last IOVA of the window, inclusive
 * @bitmap: pages that hold the window's bits, pinned and writable
 * @offset_bytes: first byte of the bits in the first of them
 * @entering: entry across the beginning of the window that was reported in all
 *	      windows before
 * @leaving: the same across the end of the window, reported in this one too
 *
 * A driver uses @gather only. It must not read @clear, but do what
 * iommu_dirty_report() returns, otherwise writes are lost.
 */
struct iommu_dirty_log {
	struct iommu_iotlb_gather *gather;
	bool clear;
	unsigned long first;
	unsigned long last;
	unsigned int page_lg2;

	unsigned long iova;
	unsigned long window_last;
	struct page **bitmap;
	unsigned int offset_bytes;
	struct iommu_dirty_entry entering;
	struct iommu_dirty_entry leaving;
};

#ifdef CONFIG_IOMMU_API

/* User data of any length: drivers/iommu/iommu-user-data.c */
int iommu_copy_struct(void *dst, size_t size, const void __user *src,
		      size_t len);
int iommu_clear_user(void __user *dst, size_t len);
int iommu_copy_blob(void *dst, size_t size, size_t min_size,
		    const struct iommu_user_blob *blob);
void iommu_answer_blob(struct iommu_user_blob *blob, const void *src,
		       size_t size);
int iommu_copy_entry(void *dst, size_t size, size_t min_size,
		     struct iommu_user_array *array, u32 index);
int iommu_copy_other_entry(void *dst, size_t size,
			   struct iommu_user_array *array, u32 index);

/**
 * iommu_copy_viommu_entry() - read one request to a virtual IOMMU
 * @dst: where to put it
 * @size: bytes of the layout that the driver knows, a constant
 * @array: the array, whose type the driver has looked at
 * @index: which request, from 0, less than the array's length
 *
 * The layout of these may grow without a new type: requests that are shorter or longer
 * than @size are of an older or a newer one. Otherwise as iommu_copy_entry().
 *
 * Requests are read in batches, so a driver may not meet what user space writes into a
 * request after the call has begun. One that has been read, and has the kernel's length,
 * takes a few instructions.
 *
 * Context: may sleep, for as long as user space likes. One task works on @array.
 * Return: 0 with @dst extended with zeroes to @size; -E2BIG when a byte behind @size is not
 * zero; -EFAULT; -EINTR when the caller is being killed.
 */
static inline int iommu_copy_viommu_entry(void *dst, size_t size,
					  struct iommu_user_array *array,
					  u32 index)
{
	u32 place = index - array->first;

	if (place >= array->nr_read || array->entry_len != size)
		return iommu_copy_other_entry(dst, size, array, index);
	memcpy(dst, (const u8 *)array->batch + place * size, size);
	return 0;
}

/* Reporting of written pages: drivers/iommu/iommu-dirty.c */
bool __must_check iommu_dirty_report(struct iommu_dirty_log *log,
				     unsigned long iova, size_t len);

#endif /* CONFIG_IOMMU_API */
#endif /* __LINUX_IOMMU_EXT_H */
