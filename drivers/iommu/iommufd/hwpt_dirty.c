// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking: which pages devices wrote through a page table.
 *
 * The bitmap of user space is pinned, a window at a time, before the driver is
 * asked: so a report cannot fail, and a driver may clear its record right after
 * it. An error in the middle loses nothing: what was cleared stands in the
 * bitmap, and what does not is found by the next reading. That holds for an
 * entry across the end of a window too, see iommu-dirty.c.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "hwpt.h"
#include "ioas.h"
#include "map/map.h"
#include "object.h"

/* Pages of the bitmap that are pinned at a time, if it begins with a page */
#define WINDOW_PAGES	64UL
#define WINDOW_BITS	(WINDOW_PAGES * PAGE_SIZE * BITS_PER_BYTE)

/**
 * struct dirty_read - a reading on its way
 * @hwpt: the page table
 * @bitmap: address of the bitmap in user space
 * @nr_bits: length of the bitmap
 * @log: where the driver reports to
 * @pages: room for the pages of a window
 */
struct dirty_read {
	struct iommufd_hwpt_paging *hwpt;
	unsigned long bitmap;
	unsigned long nr_bits;
	struct iommu_dirty_log log;
	struct page *pages[WINDOW_PAGES + 1];
};

static unsigned long window_bits(const struct dirty_read *rd, unsigned long bit)
{
	return min(rd->nr_bits - bit, WINDOW_BITS);
}

/* Returns the number of pages or an errno */
static int pin_window(struct dirty_read *rd, unsigned long bit)
{
	unsigned long addr = rd->bitmap + bit / BITS_PER_BYTE;
	unsigned long bytes = DIV_ROUND_UP(window_bits(rd, bit), BITS_PER_BYTE);
	int nr = DIV_ROUND_UP(offset_in_page(addr) + bytes, PAGE_SIZE);
	int pinned;

	if (fatal_signal_pending(current))
		return -EINTR;
	pinned = pin_user_pages_fast(addr & PAGE_MASK, nr, FOLL_WRITE,
				     rd->pages);
	if (pinned == nr)
		return nr;
	if (pinned > 0)
		unpin_user_pages(rd->pages, pinned);
	return pinned == -ENOMEM ? -ENOMEM : -EFAULT;
}

/* All of the bitmap must be writable before the first bit is cleared */
static int check_bitmap(struct dirty_read *rd)
{
	unsigned long bit;
	int nr;

	if (!access_ok((void __user *)rd->bitmap,
		       DIV_ROUND_UP(rd->nr_bits, BITS_PER_BYTE)))
		return -EFAULT;
	/* The only window is pinned by the reading itself */
	if (rd->nr_bits <= WINDOW_BITS)
		return 0;
	for (bit = 0; bit < rd->nr_bits; bit += window_bits(rd, bit)) {
		nr = pin_window(rd, bit);
		if (nr < 0)
			return nr;
		unpin_user_pages(rd->pages, nr);
		cond_resched();
	}
	return 0;
}

static int read_window(struct dirty_read *rd, unsigned long bit)
{
	struct iommu_domain *domain = rd->hwpt->common.domain;
	unsigned long bits = window_bits(rd, bit);
	struct iommu_dirty_log *log = &rd->log;
	struct iommu_iotlb_gather gather;
	unsigned long iova = log->first + (bit << log->page_lg2);
	int nr, err;

	nr = pin_window(rd, bit);
	if (nr < 0)
		return nr;
	iommu_iotlb_gather_init(&gather);
	log->gather = &gather;
	iommu_dirty_log_next(log, iova, iova + ((bits << log->page_lg2) - 1),
			     rd->pages,
			     offset_in_page(rd->bitmap + bit / BITS_PER_BYTE));
	err = iommufd_map_read_dirty(rd->hwpt->ioas->map, domain, log->iova,
				     log->window_last, log);
	/* Until then the IOMMU does not notice that a page is written again */
	if (gather.end)
		iommu_domain_sync(domain, &gather);
	unpin_user_pages_dirty_lock(rd->pages, nr, true);
	return err;
}

static int read_all(struct dirty_read *rd)
{
	unsigned long bit;
	int err;

	err = check_bitmap(rd);
	for (bit = 0; !err && bit < rd->nr_bits; bit += window_bits(rd, bit))
		err = read_window(rd, bit);
	return err;
}

static int check_range(struct iommufd_hwpt_paging *hwpt,
		       const struct iommu_hwpt_get_dirty_bitmap *arg)
{
	unsigned long alignment;
	u64 last;

	iommufd_map_usable(hwpt->ioas->map, NULL, 0, &alignment);
	if (!arg->length || !is_power_of_2(arg->page_size) ||
	    (arg->iova | arg->length) & ((alignment - 1) | (arg->page_size - 1)))
		return -EINVAL;
	if (check_add_overflow(arg->iova, arg->length - 1, &last) ||
	    last > ULONG_MAX || arg->page_size > ULONG_MAX)
		return -EOVERFLOW;
	return hwpt->tracks_dirty ? 0 : -EOPNOTSUPP;
}

static int read_hwpt(struct iommufd_hwpt_paging *hwpt,
		     const struct iommu_hwpt_get_dirty_bitmap *arg)
{
	struct dirty_read *rd;
	int err;

	err = check_range(hwpt, arg);
	/* A page table that was never filled has nothing to report */
	if (err || !hwpt->filled)
		return err;
	rd = kmalloc(sizeof(*rd), GFP_KERNEL_ACCOUNT);
	if (!rd)
		return -ENOMEM;
	rd->hwpt = hwpt;
	rd->bitmap = arg->data;
	rd->nr_bits = arg->length >> ilog2(arg->page_size);
	iommu_dirty_log_init(&rd->log, arg->iova,
			     arg->iova + (arg->length - 1),
			     ilog2(arg->page_size),
			     !(arg->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	err = read_all(rd);
	kfree(rd);
	return err;
}

static struct iommufd_hwpt_paging *get_hwpt(struct iommufd_call *call, u32 id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(call->ctx, id, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return to_hwpt_paging(obj);
}

/**
 * iommufd_ioctl_get_dirty_bitmap() - IOMMU_HWPT_GET_DIRTY_BITMAP
 * @call: the call, with a &struct iommu_hwpt_get_dirty_bitmap
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EINVAL, -EOVERFLOW, -ENOMEM as
 * Documentation/userspace-api/iommufd.rst says; -EFAULT when the bitmap is not
 * writable; -EINTR when the caller is being killed; the driver's error.
 */
int iommufd_ioctl_get_dirty_bitmap(struct iommufd_call *call)
{
	struct iommu_hwpt_get_dirty_bitmap *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;
	int err;

	if ((arg->flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR) ||
	    arg->__reserved)
		return -EOPNOTSUPP;

	hwpt = get_hwpt(call, arg->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	err = read_hwpt(hwpt, arg);
	iommufd_object_put(call->ctx, &hwpt->common.obj);
	return err;
}

static int set_tracking(struct iommufd_hwpt_paging *hwpt, bool enable)
{
	struct iommu_domain *domain = hwpt->common.domain;
	int err;

	if (!hwpt->tracks_dirty)
		return -EOPNOTSUPP;
	/* One after the other, for the driver's sake */
	if (mutex_lock_killable(&hwpt->ioas->lock))
		return -EINTR;
	err = iommu_domain_set_dirty_tracking(domain, enable);
	mutex_unlock(&hwpt->ioas->lock);
	return err;
}

/**
 * iommufd_ioctl_set_dirty_tracking() - IOMMU_HWPT_SET_DIRTY_TRACKING
 * @call: the call, with a &struct iommu_hwpt_set_dirty_tracking
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOENT; -EINTR when the caller is being killed; the
 * driver's error.
 */
int iommufd_ioctl_set_dirty_tracking(struct iommufd_call *call)
{
	struct iommu_hwpt_set_dirty_tracking *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;
	int err;

	if (arg->flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE)
		return -EOPNOTSUPP;

	hwpt = get_hwpt(call, arg->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	err = set_tracking(hwpt, arg->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	iommufd_object_put(call->ctx, &hwpt->common.obj);
	return err;
}
