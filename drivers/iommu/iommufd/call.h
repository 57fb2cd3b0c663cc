/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on /dev/iommu: their argument and their result.
 */
#ifndef __IOMMUFD_CALL_H
#define __IOMMUFD_CALL_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uaccess.h>

struct iommufd_ctx;

/**
 * struct iommufd_call - one call in progress
 * @ctx: context the call is made on
 * @uarg: the caller's argument
 * @user_size: size of the argument as the caller knows it, in bytes
 * @arg: kernel copy, zero-extended to the size the kernel knows
 */
struct iommufd_call {
	struct iommufd_ctx *ctx;
	void __user *uarg;
	u32 user_size;
	void *arg;
};

/**
 * iommufd_call_respond() - copy a call's results out
 * @call: the call
 * @size: bytes of the argument struct
 *
 * The caller gets as much of the struct as it knows.
 *
 * Context: may sleep.
 * Return: 0, or -EFAULT.
 */
static inline int iommufd_call_respond(struct iommufd_call *call, size_t size)
{
	if (copy_to_user(call->uarg, call->arg,
			 min_t(size_t, call->user_size, size)))
		return -EFAULT;
	return 0;
}

/**
 * iommufd_call_respond_u64() - copy the only result of a call out
 * @call: the call
 * @field: where it is in the argument struct, in the first published version
 *
 * Context: may sleep.
 * Return: 0, or -EFAULT.
 */
static inline int iommufd_call_respond_u64(struct iommufd_call *call,
					   const u64 *field)
{
	size_t offset = (const void *)field - call->arg;

	return put_user(*field, (u64 __user *)(call->uarg + offset));
}

/* fault_file.c */
int iommufd_ioctl_fault_queue_alloc(struct iommufd_call *call);

/* hw_info.c */
int iommufd_ioctl_get_hw_info(struct iommufd_call *call);

/* hw_queue.c */
int iommufd_ioctl_hw_queue_alloc(struct iommufd_call *call);

/* hwpt_alloc.c */
int iommufd_ioctl_hwpt_alloc(struct iommufd_call *call);

/* hwpt_dirty.c */
int iommufd_ioctl_get_dirty_bitmap(struct iommufd_call *call);
int iommufd_ioctl_set_dirty_tracking(struct iommufd_call *call);

/* hwpt_nested.c */
int iommufd_ioctl_hwpt_invalidate(struct iommufd_call *call);

/* ioas.c */
int iommufd_ioctl_ioas_alloc(struct iommufd_call *call);
int iommufd_ioctl_ioas_allow_iovas(struct iommufd_call *call);
int iommufd_ioctl_ioas_iova_ranges(struct iommufd_call *call);
int iommufd_ioctl_ioas_map(struct iommufd_call *call);
int iommufd_ioctl_ioas_copy(struct iommufd_call *call);
int iommufd_ioctl_ioas_unmap(struct iommufd_call *call);

/* ioas_change_process.c */
int iommufd_ioctl_ioas_change_process(struct iommufd_call *call);

/* ioas_map_file.c */
int iommufd_ioctl_ioas_map_file(struct iommufd_call *call);

/* option.c */
int iommufd_ioctl_option(struct iommufd_call *call);

/* vdevice_alloc.c */
int iommufd_ioctl_vdevice_alloc(struct iommufd_call *call);

/* veventq_file.c */
int iommufd_ioctl_veventq_alloc(struct iommufd_call *call);

/* vfio_compat.c */
int iommufd_ioctl_vfio_ioas(struct iommufd_call *call);

/* viommu.c */
int iommufd_ioctl_viommu_alloc(struct iommufd_call *call);

#endif /* __IOMMUFD_CALL_H */
