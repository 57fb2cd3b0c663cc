// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies between the kernel and the memory of a store.
 */
#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "store/store.h"
#include "test_hooks.h"

/* Pages that are held for a copy at a time */
#define COPY_PAGES	16UL
#define COPY_RUNS	16

static void copy_run(const struct iommu_run *run, void *data, bool write)
{
	phys_addr_t phys = run->phys, end = run->phys + run->len;
	struct page *page;
	size_t len;

	for (; phys < end; phys += len, data += len) {
		page = pfn_to_page(phys >> PAGE_SHIFT);
		len = min_t(u64, PAGE_SIZE - offset_in_page(phys), end - phys);
		if (write)
			memcpy_to_page(page, offset_in_page(phys), data, len);
		else
			memcpy_from_page(data, page, offset_in_page(phys), len);
	}
}

static int copy_held(struct iommufd_store *store, u64 offset_bytes, void *data,
		     size_t len, bool write)
{
	struct iommu_run runs[COPY_RUNS];
	struct iommufd_run_iter iter;
	struct iommufd_hold hold;
	unsigned int i, nr;
	int err;

	err = iommufd_store_hold(store, &hold, offset_bytes >> PAGE_SHIFT,
				 (offset_bytes + len - 1) >> PAGE_SHIFT);
	if (err)
		return err;
	iommufd_run_iter_init(&iter, store, &hold, offset_bytes, len);
	while ((nr = iommufd_run_iter_next(&iter, runs, COPY_RUNS)))
		for (i = 0; i < nr; i++) {
			copy_run(&runs[i], data, write);
			data += runs[i].len;
		}
	/* Pages of memory that may be written are dirty from here on */
	iommufd_store_release(store, &hold);
	return 0;
}

static int copy_own(void __user *memory, void *data, size_t len, bool write)
{
	unsigned long left;

	left = write ? copy_to_user(memory, data, len) :
		       copy_from_user(data, memory, len);
	return left ? -EFAULT : 0;
}

/**
 * iommufd_store_copy() - copy from or to the memory of a store
 * @store: store that has pages
 * @offset_bytes: first byte, from the start of the store's first page
 * @data: the other side of the copy
 * @len: number of bytes, all of them in the store
 * @write: to the store, which is writable, and not from it
 * @slow: hold the pages even where the memory is the caller's own
 *
 * The caller's own memory is accessed by copy_from_user() and copy_to_user(). Pages
 * of other memory are held, and so charged, a few at a time.
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0; -EFAULT when there is no memory; -EINTR on a fatal signal; what
 * else iommufd_store_hold() returns.
 */
int iommufd_store_copy(struct iommufd_store *store, u64 offset_bytes,
		       void *data, size_t len, bool write, bool slow)
{
	void __user *memory = slow ? NULL : iommufd_store_own_memory(store);
	size_t step;
	int err;

	if (iommufd_should_fail())
		return -EINVAL;
	if (memory)
		return copy_own(memory + offset_bytes, data, len, write);
	for (; len; len -= step, data += step, offset_bytes += step) {
		step = min(len, (COPY_PAGES << PAGE_SHIFT) -
				offset_in_page(offset_bytes));
		err = copy_held(store, offset_bytes, data, step, write);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
