// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies from and to user space.
 *
 * Structs grow: a caller may know an older, shorter layout, and in some calls a
 * newer, longer one. User space may pass a length of 4 GiB, of memory that is slow
 * to access, so all loops here work in steps and end on a fatal signal.
 *
 * User space also decides how long an access to its memory takes. Data for a driver
 * is therefore copied before any lock or reference is taken that other tasks wait
 * for. Only the requests of an array, which may be many, are read one by one.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/* The bytes of @len at @ptr that make one step: up to the end of the page */
static size_t step_bytes(const void __user *ptr, size_t len)
{
	return min_t(size_t, len, PAGE_SIZE - offset_in_page(ptr));
}

static int between_steps(void)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

static int expect_zeroes(const void __user *ptr, size_t len)
{
	size_t step;
	int ret;

	for (; len; ptr += step, len -= step) {
		ret = between_steps();
		if (ret)
			return ret;
		step = step_bytes(ptr, len);
		ret = check_zeroed_user(ptr, step);
		if (ret <= 0)
			return ret ?: -E2BIG;
	}
	return 0;
}

/**
 * iommu_copy_struct() - read a struct whose size may differ from the kernel's
 * @dst: where to put it
 * @size: bytes of it that the kernel knows
 * @src: the caller's struct
 * @len: bytes of it that the caller knows; may be anything
 *
 * As copy_struct_from_user(), but in steps, however much longer the caller's is.
 *
 * Context: may sleep.
 * Return: 0 with @dst extended with zeroes to @size; -E2BIG when a byte behind
 * @size is not zero; -EFAULT; -EINTR when the caller is being killed.
 */
int iommu_copy_struct(void *dst, size_t size, const void __user *src,
		      size_t len)
{
	size_t common = min(size, len);
	int err;

	if (!access_ok(src, len))
		return -EFAULT;
	err = expect_zeroes(src + common, len - common);
	if (err)
		return err;
	if (common < size)
		memset(dst + common, 0, size - common);
	return copy_from_user(dst, src, common) ? -EFAULT : 0;
}
EXPORT_SYMBOL_NS_GPL(iommu_copy_struct, IOMMUFD_INTERNAL);

/**
 * iommu_clear_user() - fill memory of user space with zeroes
 * @dst: the memory
 * @len: number of bytes; may be anything
 *
 * Context: may sleep.
 * Return: 0; -EFAULT; -EINTR when the caller is being killed.
 */
int iommu_clear_user(void __user *dst, size_t len)
{
	size_t step;
	int err;

	for (; len; dst += step, len -= step) {
		err = between_steps();
		if (err)
			return err;
		step = step_bytes(dst, len);
		if (clear_user(dst, step))
			return -EFAULT;
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(iommu_clear_user, IOMMUFD_INTERNAL);

/* A driver refuses data that is longer than the layout that it knows */
static bool length_is_valid(size_t size, size_t min_size, size_t len)
{
	return len >= min_size && len <= size;
}

/**
 * iommu_fetch_blob() - read the data that describes a domain, for its driver
 * @blob: receives it
 * @type: its format: a number of the user ABI
 * @src: address of the data
 * @len: its length in bytes
 *
 * To be called before a reference or a lock is taken that others wait for.
 * Unreadable memory is reported by iommu_copy_blob() only: the error for an unknown
 * format has precedence. No driver knows a format of more than
 * %IOMMU_USER_BLOB_MAX_BYTES, so a longer blob is not read.
 *
 * Context: may sleep, for as long as user space likes.
 */
void iommu_fetch_blob(struct iommu_user_blob *blob, u32 type,
		      const void __user *src, u32 len)
{
	blob->type = type;
	blob->len = len;
	blob->answer_bytes = 0;
	blob->err = 0;
	if (len <= sizeof(blob->data) && copy_from_user(blob->data, src, len))
		blob->err = -EFAULT;
}
EXPORT_SYMBOL_NS_GPL(iommu_fetch_blob, IOMMUFD_INTERNAL);

/**
 * iommu_copy_blob() - look at the data that describes a domain
 * @dst: where to put it
 * @size: bytes of the layout that the driver knows, at most
 *        %IOMMU_USER_BLOB_MAX_BYTES
 * @min_size: bytes of its first published version
 * @blob: the data, whose type the driver has looked at
 *
 * Context: any.
 * Return: 0 with @dst extended with zeroes to @size; -EINVAL when @blob is
 * shorter than @min_size or longer than @size; -EFAULT when it could not be
 * read.
 */
int iommu_copy_blob(void *dst, size_t size, size_t min_size,
		    const struct iommu_user_blob *blob)
{
	if (WARN_ON_ONCE(size > sizeof(blob->data)) ||
	    !length_is_valid(size, min_size, blob->len))
		return -EINVAL;
	if (blob->err)
		return blob->err;
	memcpy(dst, blob->data, blob->len);
	memset(dst + blob->len, 0, size - blob->len);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(iommu_copy_blob, IOMMUFD_INTERNAL);

/**
 * iommu_answer_blob() - put the results of a driver into the data that it was given
 * @blob: the data, which iommu_copy_blob() has accepted
 * @src: the results, in the layout that the driver knows
 * @size: bytes of it
 *
 * User space gets as much of it as it gave.
 *
 * Context: any.
 */
void iommu_answer_blob(struct iommu_user_blob *blob, const void *src,
		       size_t size)
{
	blob->answer_bytes = min_t(size_t, size, blob->len);
	memcpy(blob->data, src, blob->answer_bytes);
}
EXPORT_SYMBOL_NS_GPL(iommu_answer_blob, IOMMUFD_INTERNAL);

/* Read requests from @index on, as many as there is room for and memory to read */
static int read_batch(struct iommu_user_array *array, u32 index)
{
	u32 len = array->entry_len, room = sizeof(array->batch) / len;
	u32 nr = min(room, array->nr - index);
	unsigned long left;
	int err = between_steps();

	if (err)
		return err;
	left = copy_from_user(array->batch, array->uptr + (size_t)index * len,
			      nr * len);
	array->first = index;
	array->nr_read = (nr * len - left) / len;
	return array->nr_read ? 0 : -EFAULT;
}

static int copy_from_batch(void *dst, size_t size,
			   const struct iommu_user_array *array, u32 index)
{
	const u8 *src = (const u8 *)array->batch +
			(index - array->first) * array->entry_len;
	size_t common = min_t(size_t, size, array->entry_len);

	if (common < array->entry_len &&
	    memchr_inv(src + common, 0, array->entry_len - common))
		return -E2BIG;
	memcpy(dst, src, common);
	if (common < size)
		memset(dst + common, 0, size - common);
	return 0;
}

/**
 * iommu_copy_other_entry() - copy a request that has to be read, or has another length
 * @dst: where to put it
 * @size: bytes of the layout that the driver knows
 * @array: the array
 * @index: which request, from 0, less than the array's length
 *
 * Part of iommu_copy_viommu_entry().
 *
 * Context: may sleep, for as long as user space likes.
 * Return: as iommu_copy_viommu_entry().
 */
int iommu_copy_other_entry(void *dst, size_t size,
			   struct iommu_user_array *array, u32 index)
{
	int err;

	if (array->entry_len > sizeof(array->batch)) {
		err = between_steps();
		return err ?: iommu_copy_struct(dst, size, array->uptr +
						(size_t)index * array->entry_len,
						array->entry_len);
	}
	if (index - array->first >= array->nr_read) {
		err = read_batch(array, index);
		if (err)
			return err;
	}
	return copy_from_batch(dst, size, array, index);
}
EXPORT_SYMBOL_NS_GPL(iommu_copy_other_entry, IOMMUFD_INTERNAL);

/**
 * iommu_copy_entry() - read one request of an array
 * @dst: where to put it
 * @size: bytes of the layout that the driver knows
 * @min_size: bytes of its first published version
 * @array: the array, whose type the driver has looked at
 * @index: which request, from 0, less than the array's length
 *
 * A loop over requests that calls this ends on a fatal signal and reschedules. No
 * lock may be held that others wait for.
 *
 * Context: may sleep, for as long as user space likes.
 * Return: 0 with @dst extended with zeroes to @size; -EINVAL when the requests
 * are shorter than @min_size or longer than @size; -EFAULT; -EINTR when the
 * caller is being killed.
 */
int iommu_copy_entry(void *dst, size_t size, size_t min_size,
		     struct iommu_user_array *array, u32 index)
{
	if (!length_is_valid(size, min_size, array->entry_len))
		return -EINVAL;
	return iommu_copy_viommu_entry(dst, size, array, index);
}
EXPORT_SYMBOL_NS_GPL(iommu_copy_entry, IOMMUFD_INTERNAL);
