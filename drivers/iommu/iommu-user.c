// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data that user space hands to a driver.
 *
 * Both kinds grow the same way: a caller may know an older, shorter layout than
 * the driver, never a longer one.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

static int copy_extensible(void *dst, size_t size, size_t min_size,
			   const void __user *src, size_t len)
{
	if (len < min_size || len > size)
		return -EINVAL;
	return copy_struct_from_user(dst, size, src, len);
}

/**
 * iommu_copy_blob() - read the data that describes a domain
 * @dst: where to put it
 * @size: bytes of the layout that the driver knows
 * @min_size: bytes of its first published version
 * @blob: the data, whose type the driver has looked at
 *
 * Context: may sleep.
 * Return: 0 with @dst extended with zeroes to @size; -EINVAL when @blob is
 * shorter than @min_size or longer than @size; -EFAULT.
 */
int iommu_copy_blob(void *dst, size_t size, size_t min_size,
		    const struct iommu_user_blob *blob)
{
	return copy_extensible(dst, size, min_size, blob->uptr, blob->len);
}
EXPORT_SYMBOL_NS_GPL(iommu_copy_blob, IOMMUFD_INTERNAL);

/**
 * iommu_copy_entry() - read one request of an array
 * @dst: where to put it
 * @size: bytes of the layout that the driver knows
 * @min_size: bytes of its first published version
 * @array: the array, whose type the driver has looked at
 * @index: which request, from 0, less than the array's length
 *
 * A driver that does one request after the other with this can be killed, and
 * lets others run.
 *
 * Context: may sleep.
 * Return: as iommu_copy_blob(), and -EINTR when the caller is being killed.
 */
int iommu_copy_entry(void *dst, size_t size, size_t min_size,
		     const struct iommu_user_array *array, u32 index)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return copy_extensible(dst, size, min_size,
			       array->uptr + (size_t)index * array->entry_len,
			       array->entry_len);
}
EXPORT_SYMBOL_NS_GPL(iommu_copy_entry, IOMMUFD_INTERNAL);
