// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of the test call that compare what was mapped and pinned with what
 * the caller knows, and that write to memory as a device would.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "call.h"
#include "device.h"
#include "hwpt.h"
#include "iommufd_test_ext.h"
#include "mock/calls.h"
#include "mock/iommu.h"
#include "object.h"

/* Most bits that one DIRTY operation takes */
#define MAX_DIRTY_BITS	(128UL * 1024 * 1024)

/**
 * mock_hwpt_get() - find a paging HWPT of the mock IOMMU
 * @ctx: context
 * @id: ID that user space named
 * @paging: result: the mock's side of its domain
 *
 * Context: any.
 * Return: the HWPT with a reference for iommufd_object_put(), or ERR_PTR:
 * -ENOENT, -EINVAL when its domain is not the mock's.
 */
struct iommufd_hwpt_paging *mock_hwpt_get(struct iommufd_ctx *ctx, u32 id,
					  struct mock_domain **paging)
{
	struct iommufd_hwpt_paging *hwpt;
	struct iommufd_object *obj;

	obj = iommufd_object_get(ctx, id, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	hwpt = to_hwpt_paging(obj);
	*paging = mock_domain_of(hwpt->common.domain);
	if (!*paging) {
		iommufd_object_put(ctx, obj);
		return ERR_PTR(-EINVAL);
	}
	return hwpt;
}

/**
 * mock_user_page() - find a page of the calling process
 * @uptr: address of any byte of it
 * @page: result: the page, with a reference for put_page()
 *
 * Context: may sleep.
 * Return: 0, or -EFAULT.
 */
int mock_user_page(u64 uptr, struct page **page)
{
	unsigned long addr = untagged_addr((unsigned long)uptr) & PAGE_MASK;

	return get_user_pages_fast(addr, 1, 0, page) == 1 ? 0 : -EFAULT;
}

/* The @bytes are within one page of the CPU, and begin at @iova in @paging */
static int compare_page(struct mock_domain *paging, unsigned long iova,
			u64 uptr, size_t bytes)
{
	phys_addr_t phys;
	struct page *page;
	size_t done;
	int err;

	err = mock_user_page(uptr, &page);
	if (err)
		return err;
	phys = page_to_phys(page) + offset_in_page(uptr);
	for (done = 0; done < bytes && !err; done += MOCK_PAGE_SIZE) {
		struct mock_page entry;

		if (!mock_pgtable_lookup(&paging->pt, iova + done, &entry) ||
		    entry.phys + (iova + done - entry.iova) != phys + done)
			err = -EINVAL;
	}
	put_page(page);
	return err;
}

static int compare_range(struct mock_domain *paging, u64 iova, u64 length,
			 u64 uptr)
{
	size_t bytes;
	int err;

	for (; length; length -= bytes) {
		bytes = min_t(u64, length, PAGE_SIZE - offset_in_page(uptr));
		err = compare_page(paging, iova, uptr, bytes);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		iova += bytes;
		uptr += bytes;
	}
	return 0;
}

/**
 * mock_op_check_map() - MD_CHECK_MAP: compare a page table with memory
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EINVAL when an argument is not aligned or wraps, or a
 * page differs; -EFAULT; -EINTR when the caller is being killed.
 */
int mock_op_check_map(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	u64 iova = arg->check_map.iova, length = arg->check_map.length;
	u64 uptr = arg->check_map.uptr, end;
	struct iommufd_hwpt_paging *hwpt;
	struct mock_domain *paging;
	int err = -EINVAL;

	hwpt = mock_hwpt_get(call->ctx, arg->id, &paging);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	if (!((iova | length | uptr) % MOCK_PAGE_SIZE) &&
	    !check_add_overflow(iova, length, &end) &&
	    !check_add_overflow(uptr, length, &end))
		err = compare_range(paging, iova, length, uptr);
	iommufd_object_put(call->ctx, &hwpt->common.obj);
	return err;
}

static int compare_pins(u64 uptr, unsigned int pins)
{
	struct page *page;
	int err;

	err = mock_user_page(uptr, &page);
	if (err)
		return err;
	/* Compound pages have one count of pins for all of their pages */
	if (!PageCompound(page) &&
	    page_ref_count(page) / GUP_PIN_COUNTING_BIAS != pins)
		err = -EIO;
	put_page(page);
	return err;
}

/**
 * mock_op_check_refs() - MD_CHECK_REFS: count how often memory is pinned
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -EINVAL when an argument is not aligned or wraps; -EFAULT; -EIO
 * when a page is pinned more or less often; -EINTR when the caller is being
 * killed.
 */
int mock_op_check_refs(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	u64 uptr = arg->check_refs.uptr, length = arg->check_refs.length, end;
	int err;

	if ((uptr | length) % PAGE_SIZE ||
	    check_add_overflow(uptr, length, &end))
		return -EINVAL;
	for (; uptr != end; uptr += PAGE_SIZE) {
		err = compare_pins(uptr, arg->check_refs.refs);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * mock_op_check_iotlb() - MD_CHECK_IOTLB: compare a word that is cached
 * @call: the call
 *
 * Context: any.
 * Return: 0; -ENOENT; -EINVAL when there is no such word or it differs.
 */
int mock_op_check_iotlb(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct iommufd_hwpt_nested *hwpt;
	struct mock_nested *nested;
	struct iommufd_object *obj;
	u32 id = arg->check_iotlb.id;
	int err = -EINVAL;

	obj = iommufd_object_get(call->ctx, arg->id, IOMMUFD_OBJ_HWPT_NESTED);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	hwpt = container_of(obj, struct iommufd_hwpt_nested, common.obj);
	nested = mock_nested_of(hwpt->common.domain);
	if (nested && id <= MOCK_NESTED_DOMAIN_IOTLB_ID_MAX &&
	    READ_ONCE(nested->iotlb[id]) == arg->check_iotlb.iotlb)
		err = 0;
	iommufd_object_put(call->ctx, obj);
	return err;
}

/**
 * mock_op_check_dev_cache() - DEV_CHECK_CACHE: compare a word of a device's cache
 * @call: the call
 *
 * Context: any.
 * Return: 0; -ENOENT; -EINVAL when the device is not the mock's, or there is no
 * such word or it differs.
 */
int mock_op_check_dev_cache(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct iommufd_device *idev;
	struct mock_dev *mdev;
	u32 id = arg->check_dev_cache.id;
	int err = -EINVAL;

	idev = iommufd_device_get(call->ctx, arg->id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	mdev = mock_dev_of(idev->dev);
	if (mdev && id <= MOCK_DEV_CACHE_ID_MAX &&
	    READ_ONCE(mdev->cache[id]) == arg->check_dev_cache.cache)
		err = 0;
	iommufd_object_put(call->ctx, &idev->obj);
	return err;
}

static u64 mark_dirty(struct mock_domain *paging,
		      const struct iommu_test_cmd *arg,
		      const unsigned long *bitmap, unsigned long nr_bits)
{
	unsigned long bit, iova;
	u64 nr_dirty = 0;

	for_each_set_bit(bit, bitmap, nr_bits) {
		iova = arg->dirty.iova + bit * arg->dirty.page_size;
		mock_pgtable_mark_dirty(&paging->pt, iova,
					iova + (arg->dirty.page_size - 1));
		nr_dirty++;
		cond_resched();
	}
	return nr_dirty;
}

/* As bytes in user space, where bit n is in byte n / 8 on every machine */
static int copy_bitmap(unsigned long *bitmap, const void __user *user,
		       unsigned long nr_bits)
{
	if (copy_from_user(bitmap, user, DIV_ROUND_UP(nr_bits, BITS_PER_BYTE)))
		return -EFAULT;
	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN)) {
		unsigned long i;

		for (i = 0; i < BITS_TO_LONGS(nr_bits); i++)
			bitmap[i] = le64_to_cpu((__force __le64)bitmap[i]);
	}
	return 0;
}

static int dirty_from_user(struct mock_domain *paging,
			   struct iommu_test_cmd *arg)
{
	unsigned long nr_bits = div64_u64(arg->dirty.length,
					  arg->dirty.page_size);
	unsigned long *bitmap;
	int err;

	if (!READ_ONCE(paging->logs_dirty))
		return -EINVAL;
	bitmap = kvcalloc(BITS_TO_LONGS(nr_bits), sizeof(*bitmap),
			  GFP_KERNEL_ACCOUNT);
	if (!bitmap)
		return -ENOMEM;
	err = copy_bitmap(bitmap, u64_to_user_ptr(arg->dirty.uptr), nr_bits);
	if (!err)
		arg->dirty.out_nr_dirty = mark_dirty(paging, arg, bitmap,
						     nr_bits);
	kvfree(bitmap);
	return err;
}

static int check_dirty(const struct iommu_test_cmd *arg)
{
	u64 iova = arg->dirty.iova, length = arg->dirty.length, last;
	u64 page_size = arg->dirty.page_size, odd;

	if (!page_size || !length || !arg->dirty.uptr)
		return -EINVAL;
	div64_u64_rem(iova, page_size, &odd);
	if (odd)
		return -EINVAL;
	div64_u64_rem(length, page_size, &odd);
	if (odd)
		return -EINVAL;
	if (check_add_overflow(iova, length - 1, &last) ||
	    div64_u64(length, page_size) > MAX_DIRTY_BITS)
		return -EOVERFLOW;
	return 0;
}

/**
 * mock_op_dirty() - DIRTY: write to memory as a device would
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -EOVERFLOW, -ENOENT, -EFAULT as the ABI says; -ENOMEM.
 */
int mock_op_dirty(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;
	struct mock_domain *paging;
	int err;

	err = check_dirty(arg);
	if (err)
		return err;
	hwpt = mock_hwpt_get(call->ctx, arg->id, &paging);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	err = dirty_from_user(paging, arg);
	iommufd_object_put(call->ctx, &hwpt->common.obj);
	return err ?: mock_respond(call);
}

/**
 * mock_op_page_at() - PAGE_AT: show one entry of a page table
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep.
 * Return: 0; -ENOENT, also when nothing is mapped there; -EINVAL; -EFAULT.
 */
int mock_op_page_at(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct iommufd_hwpt_paging *hwpt;
	struct mock_domain *paging;
	struct mock_page page;
	bool found;

	hwpt = mock_hwpt_get(call->ctx, arg->id, &paging);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	found = mock_pgtable_lookup(&paging->pt, arg->page_at.iova, &page);
	iommufd_object_put(call->ctx, &hwpt->common.obj);
	if (!found)
		return -ENOENT;

	arg->page_at.out_page_iova = page.iova;
	arg->page_at.out_page_phys = page.phys;
	arg->page_at.out_page_size = BIT(page.size_lg2);
	arg->page_at.out_prot = (page.prot & IOMMU_READ ? 1 : 0) |
				(page.prot & IOMMU_WRITE ? 2 : 0) |
				(page.snoops ? 4 : 0);
	arg->page_at.out_dirty = page.dirty;
	return mock_respond(call);
}

/**
 * mock_op_table_stats() - TABLE_STATS: count what a page table holds
 * @call: the call, with a &struct iommu_test_ext
 *
 * Context: may sleep.
 * Return: 0, -ENOENT, -EINVAL, -EFAULT.
 */
int mock_op_table_stats(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct mock_pgtable_stats stats;
	struct iommufd_hwpt_paging *hwpt;
	struct mock_domain *paging;

	hwpt = mock_hwpt_get(call->ctx, arg->id, &paging);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	mock_pgtable_stats(&paging->pt, &stats);
	iommufd_object_put(call->ctx, &hwpt->common.obj);

	arg->table_stats.out_nr_pages = stats.nr_pages;
	arg->table_stats.out_nr_huge = stats.nr_huge;
	arg->table_stats.out_mapped_bytes = stats.mapped_bytes;
	return mock_respond(call);
}
