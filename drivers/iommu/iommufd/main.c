// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of /dev/iommu: open, close and the dispatch of calls.
 *
 * Every call follows the same path: read the size word, find the call, copy
 * the argument in, run the handler, which copies results out itself because it
 * must do so before it publishes what it made.
 */
#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/iommu-ext.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <uapi/linux/iommufd.h>

#include "access.h"
#include "call.h"
#include "device.h"
#include "fault.h"
#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "iommufd_test.h"
#include "map/map.h"
#include "mmap.h"
#include "noiommu.h"
#include "object.h"
#include "test_hooks.h"
#include "vfio_compat.h"
#include "viommu.h"

/*
 * Last call number of the table; those without an entry are holes. The call
 * for tests has a number far behind the others.
 */
#define IOMMUFD_NR_LAST (IS_ENABLED(CONFIG_IOMMUFD_TEST) ? 0xa0 : 0x95)

/**
 * struct call_ops - one entry of the table of calls
 * @handler: does the work; returns what the call does
 * @size: bytes of the argument as this kernel knows it
 * @min_size: bytes of its first published version
 * @number: full ioctl number
 */
struct call_ops {
	int (*handler)(struct iommufd_call *call);
	unsigned int size;
	unsigned int min_size;
	unsigned int number;
};

/* The size is written out, so that no change of a struct goes unnoticed */
#define CALL(_number, _handler, _type, _last, _size)		\
	[_IOC_NR(_number) - IOMMUFD_CMD_BASE] = {		\
		.handler = (_handler),				\
		.size = (_size) +				\
			BUILD_BUG_ON_ZERO(sizeof(_type) != (_size)), \
		.min_size = offsetofend(_type, _last),		\
		.number = (_number),				\
	}

/* Room for the largest argument */
union call_argument {
	struct iommu_destroy destroy;
	struct iommu_fault_alloc fault_alloc;
	struct iommu_hw_info hw_info;
	struct iommu_hw_queue_alloc hw_queue_alloc;
	struct iommu_hwpt_alloc hwpt_alloc;
	struct iommu_hwpt_get_dirty_bitmap hwpt_get_dirty_bitmap;
	struct iommu_hwpt_invalidate hwpt_invalidate;
	struct iommu_hwpt_set_dirty_tracking hwpt_set_dirty_tracking;
	struct iommu_ioas_alloc ioas_alloc;
	struct iommu_ioas_allow_iovas ioas_allow_iovas;
	struct iommu_ioas_change_process ioas_change_process;
	struct iommu_ioas_copy ioas_copy;
	struct iommu_ioas_iova_ranges ioas_iova_ranges;
	struct iommu_ioas_map ioas_map;
	struct iommu_ioas_map_file ioas_map_file;
	struct iommu_ioas_noiommu_get_pa ioas_noiommu_get_pa;
	struct iommu_ioas_unmap ioas_unmap;
	struct iommu_option option;
	struct iommu_vdevice_alloc vdevice_alloc;
	struct iommu_veventq_alloc veventq_alloc;
	struct iommu_vfio_ioas vfio_ioas;
	struct iommu_viommu_alloc viommu_alloc;
#ifdef CONFIG_IOMMUFD_TEST
	struct iommu_test_cmd test;
#endif
};

static int ioctl_destroy(struct iommufd_call *call)
{
	struct iommu_destroy *arg = call->arg;

	return iommufd_object_destroy(call->ctx, arg->id);
}

static const struct call_ops calls[IOMMUFD_NR_LAST - IOMMUFD_CMD_BASE + 1] = {
	CALL(IOMMU_DESTROY, ioctl_destroy, struct iommu_destroy, id, 8),
	CALL(IOMMU_FAULT_QUEUE_ALLOC, iommufd_ioctl_fault_queue_alloc,
	     struct iommu_fault_alloc, out_fault_fd, 16),
	CALL(IOMMU_GET_HW_INFO, iommufd_ioctl_get_hw_info,
	     struct iommu_hw_info, __reserved, 40),
	CALL(IOMMU_HW_QUEUE_ALLOC, iommufd_ioctl_hw_queue_alloc,
	     struct iommu_hw_queue_alloc, length, 40),
	CALL(IOMMU_HWPT_ALLOC, iommufd_ioctl_hwpt_alloc,
	     struct iommu_hwpt_alloc, __reserved, 48),
	CALL(IOMMU_HWPT_GET_DIRTY_BITMAP, iommufd_ioctl_get_dirty_bitmap,
	     struct iommu_hwpt_get_dirty_bitmap, data, 48),
	CALL(IOMMU_HWPT_INVALIDATE, iommufd_ioctl_hwpt_invalidate,
	     struct iommu_hwpt_invalidate, __reserved, 32),
	CALL(IOMMU_HWPT_SET_DIRTY_TRACKING, iommufd_ioctl_set_dirty_tracking,
	     struct iommu_hwpt_set_dirty_tracking, __reserved, 16),
	CALL(IOMMU_IOAS_ALLOC, iommufd_ioctl_ioas_alloc,
	     struct iommu_ioas_alloc, out_ioas_id, 12),
	CALL(IOMMU_IOAS_ALLOW_IOVAS, iommufd_ioctl_ioas_allow_iovas,
	     struct iommu_ioas_allow_iovas, allowed_iovas, 24),
	CALL(IOMMU_IOAS_CHANGE_PROCESS, iommufd_ioctl_ioas_change_process,
	     struct iommu_ioas_change_process, __reserved, 8),
	CALL(IOMMU_IOAS_COPY, iommufd_ioctl_ioas_copy,
	     struct iommu_ioas_copy, src_iova, 40),
	CALL(IOMMU_IOAS_IOVA_RANGES, iommufd_ioctl_ioas_iova_ranges,
	     struct iommu_ioas_iova_ranges, out_iova_alignment, 32),
	CALL(IOMMU_IOAS_MAP, iommufd_ioctl_ioas_map,
	     struct iommu_ioas_map, iova, 40),
	CALL(IOMMU_IOAS_MAP_FILE, iommufd_ioctl_ioas_map_file,
	     struct iommu_ioas_map_file, iova, 40),
	CALL(IOMMU_IOAS_NOIOMMU_GET_PA, iommufd_ioctl_ioas_noiommu_get_pa,
	     struct iommu_ioas_noiommu_get_pa, out_phys, 40),
	CALL(IOMMU_IOAS_UNMAP, iommufd_ioctl_ioas_unmap,
	     struct iommu_ioas_unmap, length, 24),
	CALL(IOMMU_OPTION, iommufd_ioctl_option,
	     struct iommu_option, val64, 24),
	CALL(IOMMU_VDEVICE_ALLOC, iommufd_ioctl_vdevice_alloc,
	     struct iommu_vdevice_alloc, virt_id, 24),
	CALL(IOMMU_VEVENTQ_ALLOC, iommufd_ioctl_veventq_alloc,
	     struct iommu_veventq_alloc, out_veventq_fd, 32),
	CALL(IOMMU_VFIO_IOAS, iommufd_ioctl_vfio_ioas,
	     struct iommu_vfio_ioas, __reserved, 12),
	CALL(IOMMU_VIOMMU_ALLOC, iommufd_ioctl_viommu_alloc,
	     struct iommu_viommu_alloc, out_viommu_id, 40),
#ifdef CONFIG_IOMMUFD_TEST
	CALL(IOMMU_TEST_CMD, iommufd_ioctl_test,
	     struct iommu_test_cmd, last, 72),
#endif
};

const struct iommufd_object_ops iommufd_object_ops[IOMMUFD_OBJ_NR] = {
	[IOMMUFD_OBJ_IOAS] = {
		.name = "ioas",
		.forget = iommufd_container_forget,
		.destroy = iommufd_ioas_destroy,
	},
	[IOMMUFD_OBJ_DEVICE] = {
		.name = "device",
		.destroy = iommufd_device_destroy,
	},
	[IOMMUFD_OBJ_ACCESS] = {
		.name = "access",
		.destroy = iommufd_access_object_destroy,
	},
	[IOMMUFD_OBJ_HWPT_PAGING] = {
		.name = "hwpt-paging",
		.destroy = iommufd_hwpt_paging_destroy,
	},
	[IOMMUFD_OBJ_HWPT_NESTED] = {
		.name = "hwpt-nested",
		.destroy = iommufd_hwpt_nested_destroy,
	},
	[IOMMUFD_OBJ_FAULT] = {
		.name = "fault-queue",
		.destroy = iommufd_fault_destroy,
	},
	[IOMMUFD_OBJ_VIOMMU] = {
		.name = "viommu",
		.destroy = iommufd_viommu_destroy,
	},
	[IOMMUFD_OBJ_VDEVICE] = {
		.name = "vdevice",
		.destroy = iommufd_vdevice_destroy,
	},
	[IOMMUFD_OBJ_VEVENTQ] = {
		.name = "event-queue",
		.destroy = iommufd_veventq_destroy,
	},
	[IOMMUFD_OBJ_HW_QUEUE] = {
		.name = "hw-queue",
		.destroy = iommufd_hw_queue_destroy,
	},
#ifdef CONFIG_IOMMUFD_TEST
	[IOMMUFD_OBJ_SELFTEST] = {
		.name = "selftest",
		.destroy = iommufd_selftest_destroy,
	},
#endif
};

static int copy_argument(struct iommufd_call *call, size_t size)
{
	/* Nearly always, and the steps are not needed then */
	if (call->user_size <= size)
		return copy_struct_from_user(call->arg, size, call->uarg,
					     call->user_size);
	return iommu_copy_struct(call->arg, size, call->uarg, call->user_size);
}

static long iommufd_fops_ioctl(struct file *filp, unsigned int number,
			       unsigned long uarg)
{
	unsigned int nr = _IOC_NR(number);
	union call_argument arg;
	struct iommufd_call call = {
		.ctx = filp->private_data,
		.uarg = (void __user *)uarg,
		.arg = &arg,
	};
	const struct call_ops *ops;
	int err;

	if (nr < IOMMUFD_CMD_BASE || nr > IOMMUFD_NR_LAST)
		return iommufd_vfio_ioctl(call.ctx, number, uarg);
	/* The size word is read before the number is checked: part of the ABI */
	if (get_user(call.user_size, (u32 __user *)uarg))
		return -EFAULT;

	ops = &calls[nr - IOMMUFD_CMD_BASE];
	if (!ops->handler || ops->number != number)
		return -ENOTTY;
	if (call.user_size < ops->min_size)
		return -EINVAL;
	err = copy_argument(&call, ops->size);
	if (err)
		return err;
	return ops->handler(&call);
}

static int iommufd_fops_mmap(struct file *filp, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	return iommufd_mmap(filp->private_data, vma);
}

static int iommufd_fops_open(struct inode *inode, struct file *filp)
{
	struct iommufd_ctx *ctx = iommufd_ctx_create();

	if (!ctx)
		return -ENOMEM;
	/* Programs for containers raise RLIMIT_MEMLOCK of their process */
	if (iommufd_node_is_container(filp->private_data))
		ctx->account_mode = IOMMUFD_ACCOUNT_PROCESS;
	ctx->file = filp;
	filp->private_data = ctx;
	return 0;
}

static int iommufd_fops_release(struct inode *inode, struct file *filp)
{
	iommufd_ctx_destroy(filp->private_data);
	return 0;
}

/* No compat_ioctl: 32-bit callers get -ENOTTY for everything, as the ABI says */
const struct file_operations iommufd_fops = {
	.unlocked_ioctl = iommufd_fops_ioctl,
	.mmap = iommufd_fops_mmap,
	.open = iommufd_fops_open,
	.release = iommufd_fops_release,
	.llseek = noop_llseek,
#ifdef CONFIG_PROC_FS
	.show_fdinfo = iommufd_show_fdinfo,
#endif
	.owner = THIS_MODULE,
};

static int __init iommufd_init(void)
{
	int err;

	err = iommufd_map_init();
	if (err)
		return err;
	err = iommufd_test_init();
	if (err)
		goto err_map;
	err = iommufd_nodes_register();
	if (err)
		goto err_test;
	return 0;

err_test:
	iommufd_test_exit();
err_map:
	iommufd_map_exit();
	return err;
}
module_init(iommufd_init);

static void __exit iommufd_exit(void)
{
	iommufd_nodes_deregister();
	iommufd_test_exit();
	iommufd_map_exit();
}
module_exit(iommufd_exit);

MODULE_DESCRIPTION("I/O address space management for user space");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
MODULE_IMPORT_NS(IOMMUFD_INTERNAL);
