// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of a VFIO container, on /dev/iommu.
 *
 * They act on one address space of the context, which IOMMU_VFIO_IOAS names.
 * The context remembers its ID only: destroying it makes the context forget.
 * Groups that have the context as their container reserve addresses there; see
 * container_group.c.
 *
 * The rules are VFIO's, not those of the other calls: an argument may be longer
 * than the kernel knows and the rest is not looked at, and what is unknown in it
 * is -EINVAL. The argument is judged before the address space is looked for.
 *
 * With VFIO_TYPE1_IOMMU user space may unmap a part of a mapping. Page tables
 * then hold no page larger than PAGE_SIZE, which is how that mode is remembered.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vfio.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"
#include "store/store.h"
#include "vfio_compat.h"

/* Size of the argument of VFIO_IOMMU_GET_INFO, before its capabilities */
#define INFO_BYTES	24

/* Which address space */

static struct iommufd_ioas *get_ioas(struct iommufd_ctx *ctx)
{
	u32 id = READ_ONCE(ctx->vfio_ioas_id);
	struct iommufd_ioas *ioas;

	ioas = id ? iommufd_ioas_get(ctx, id) : ERR_PTR(-ENODEV);
	return IS_ERR(ioas) ? ERR_PTR(-ENODEV) : ioas;
}

static int set_ioas(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_ioas *ioas = iommufd_ioas_get(ctx, id);

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	/* DESTROY waits for this call, and then clears the ID */
	mutex_lock(&ctx->groups_lock);
	WRITE_ONCE(ctx->vfio_ioas_id, id);
	iommufd_container_follow(ctx, ioas);
	mutex_unlock(&ctx->groups_lock);
	iommufd_object_put(ctx, &ioas->obj);
	return 0;
}

static void clear_ioas(struct iommufd_ctx *ctx)
{
	mutex_lock(&ctx->groups_lock);
	WRITE_ONCE(ctx->vfio_ioas_id, 0);
	iommufd_container_follow(ctx, NULL);
	mutex_unlock(&ctx->groups_lock);
}

/**
 * iommufd_container_forget() - an address space is about to be taken apart
 * @ctx: context
 * @obj: the address space; its ID finds nothing, and no call works on it
 *
 * Context: may sleep.
 */
void iommufd_container_forget(struct iommufd_ctx *ctx,
			      struct iommufd_object *obj)
{
	mutex_lock(&ctx->groups_lock);
	if (ctx->vfio_ioas_id == obj->id) {
		WRITE_ONCE(ctx->vfio_ioas_id, 0);
		iommufd_container_follow(ctx, NULL);
	}
	mutex_unlock(&ctx->groups_lock);
}

static int report_ioas(struct iommufd_call *call)
{
	struct iommu_vfio_ioas *arg = call->arg;
	struct iommufd_ioas *ioas = get_ioas(call->ctx);

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	arg->ioas_id = ioas->obj.id;
	iommufd_object_put(call->ctx, &ioas->obj);
	return iommufd_call_respond(call, sizeof(*arg));
}

/* The group joins before the publication, up to which all can be undone */
static int join_new(struct iommufd_ctx *ctx,
		    struct iommufd_container_group *group)
{
	struct iommufd_ioas *ioas = iommufd_ioas_alloc(ctx);
	int err;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = iommufd_container_add_group(ctx, group, ioas);
	if (err) {
		iommufd_ioas_destroy(&ioas->obj);
		iommufd_object_abort(ctx, &ioas->obj);
		return err;
	}
	/* It cannot be taken apart before groups_lock is free */
	iommufd_object_publish(ctx, &ioas->obj);
	WRITE_ONCE(ctx->vfio_ioas_id, ioas->obj.id);
	iommufd_container_follow(ctx, ioas);
	return 0;
}

static int join(struct iommufd_ctx *ctx, struct iommufd_container_group *group)
{
	struct iommufd_ioas *ioas = get_ioas(ctx);
	int err;

	if (IS_ERR(ioas))
		return join_new(ctx, group);
	err = iommufd_container_add_group(ctx, group, ioas);
	iommufd_object_put(ctx, &ioas->obj);
	return err;
}

/**
 * iommufd_container_join() - be the container of a group behind an IOMMU
 * @ctx: context, which the caller keeps until iommufd_container_leave()
 * @group: the group, with all its devices; stays the caller's on error
 *
 * Makes the address space that the calls of a container act on, unless there is
 * one already. From here on it has no addresses that a device of the group cannot
 * use.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL when the context serves devices without an IOMMU, or memory
 * is mapped, or allowed to be, where a device of the group cannot reach it;
 * -ENOMEM; -EBUSY when all IDs are taken.
 */
int iommufd_container_join(struct iommufd_ctx *ctx,
			   struct iommufd_container_group *group)
{
	int err;

	mutex_lock(&ctx->groups_lock);
	if (ctx->noiommu)
		err = -EINVAL;
	else
		err = join(ctx, group);
	mutex_unlock(&ctx->groups_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_join, IOMMUFD);

/**
 * iommufd_container_use_noiommu() - be the container of devices without an IOMMU
 * @ctx: context
 *
 * Context: may sleep.
 * Return: 0, or -EINVAL when the calls of a container have an address space.
 */
int iommufd_container_use_noiommu(struct iommufd_ctx *ctx)
{
	int err = 0;

	mutex_lock(&ctx->groups_lock);
	/* One that a DESTROY has hidden may come back */
	if (ctx->vfio_ioas_id)
		err = -EINVAL;
	else
		WRITE_ONCE(ctx->noiommu, true);
	mutex_unlock(&ctx->groups_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_use_noiommu, IOMMUFD);

/**
 * iommufd_container_ioas_id() - where a container attaches its devices
 * @ctx: context
 * @id: result: ID of the address space
 *
 * Context: any.
 * Return: 0, or -ENODEV when there is none.
 */
int iommufd_container_ioas_id(struct iommufd_ctx *ctx, u32 *id)
{
	struct iommufd_ioas *ioas = get_ioas(ctx);

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	*id = ioas->obj.id;
	iommufd_object_put(ctx, &ioas->obj);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_ioas_id, IOMMUFD);

/**
 * iommufd_ioctl_vfio_ioas() - IOMMU_VFIO_IOAS
 * @call: the call, with a &struct iommu_vfio_ioas
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENODEV, -ENOENT, -EFAULT.
 */
int iommufd_ioctl_vfio_ioas(struct iommufd_call *call)
{
	struct iommu_vfio_ioas *arg = call->arg;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	switch (arg->op) {
	case IOMMU_VFIO_IOAS_GET:
		return report_ioas(call);
	case IOMMU_VFIO_IOAS_SET:
		return set_ioas(call->ctx, arg->ioas_id);
	case IOMMU_VFIO_IOAS_CLEAR:
		clear_ioas(call->ctx);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* What is offered */

/* The owner of the lock may wait for page faults of the memory */
static int all_enforce_coherency(struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt_paging *hwpt;
	bool all = true;

	if (mutex_lock_killable(&ioas->lock))
		return -EINTR;
	list_for_each_entry(hwpt, &ioas->hwpts, ioas_node)
		all &= hwpt->enforces_coherency;
	mutex_unlock(&ioas->lock);
	return all;
}

static int check_extension(struct iommufd_ctx *ctx, unsigned long extension)
{
	struct iommufd_ioas *ioas;
	int answer;

	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return !READ_ONCE(ctx->noiommu);
	case VFIO_NOIOMMU_IOMMU:
		return IS_ENABLED(CONFIG_VFIO_NOIOMMU);
	case VFIO_DMA_CC_IOMMU:
		ioas = get_ioas(ctx);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		answer = all_enforce_coherency(ioas);
		iommufd_object_put(ctx, &ioas->obj);
		return answer;
	default:
		return 0;
	}
}

static int set_type(struct iommufd_ctx *ctx, unsigned long type)
{
	struct iommufd_ioas *ioas;
	int err = 0;

	if (type == VFIO_NOIOMMU_IOMMU && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (READ_ONCE(ctx->noiommu))
		return type == VFIO_NOIOMMU_IOMMU ? 0 : -EINVAL;
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -EINVAL;
	ioas = get_ioas(ctx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (type == VFIO_TYPE1_IOMMU)
		err = iommufd_map_set_huge_pages(ioas->map, false);
	iommufd_object_put(ctx, &ioas->obj);
	return err;
}

/* Information */

/**
 * struct info_caps - the capabilities of VFIO_IOMMU_GET_INFO, one behind another
 * @avail: how many mappings can still be made
 * @pad: for the alignment of the next one
 * @iova: which IOVAs can be mapped
 */
struct info_caps {
	struct vfio_iommu_type1_info_dma_avail avail;
	u32 pad;
	struct vfio_iommu_type1_info_cap_iova_range iova;
};

static int get_page_sizes(struct iommufd_ioas *ioas, u64 *page_sizes)
{
	struct iommufd_hwpt_paging *hwpt;
	u64 sizes = U64_MAX;

	if (mutex_lock_killable(&ioas->lock))
		return -EINTR;
	list_for_each_entry(hwpt, &ioas->hwpts, ioas_node)
		sizes &= hwpt->common.domain->pgsize_bitmap;
	mutex_unlock(&ioas->lock);

	/* Smaller pages than the CPU's: any CPU page can be mapped */
	if (sizes & ~PAGE_MASK)
		sizes = (sizes & PAGE_MASK) | PAGE_SIZE;
	*page_sizes = sizes;
	return 0;
}

static void fill_caps(struct info_caps *caps,
		      const struct iommufd_range *ranges, unsigned int nr)
{
	unsigned int i;

	caps->avail.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	caps->avail.header.version = 1;
	caps->avail.header.next = INFO_BYTES + offsetof(struct info_caps, iova);
	caps->avail.avail = U32_MAX;
	caps->iova.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	caps->iova.header.version = 1;
	caps->iova.nr_iovas = nr;
	for (i = 0; i < nr; i++) {
		caps->iova.iova_ranges[i].start = ranges[i].start;
		caps->iova.iova_ranges[i].end = ranges[i].last;
	}
}

static int get_ranges(struct iommufd_ioas *ioas, struct iommufd_range **ranges,
		      unsigned int *nr)
{
	unsigned int room = 0;
	unsigned long alignment;

	*ranges = NULL;
	/* Until no reservation was added while there was no lock */
	for (;;) {
		*nr = iommufd_map_usable(ioas->map, *ranges, room, &alignment);
		if (*nr <= room)
			return 0;
		kvfree(*ranges);
		room = *nr;
		*ranges = kvcalloc(room, sizeof(**ranges), GFP_KERNEL_ACCOUNT);
		if (!*ranges)
			return -ENOMEM;
	}
}

static int make_caps(struct iommufd_ioas *ioas, struct info_caps **caps,
		     size_t *bytes)
{
	struct iommufd_range *ranges;
	unsigned int nr;
	int err;

	err = get_ranges(ioas, &ranges, &nr);
	if (err)
		return err;
	*bytes = sizeof(**caps) + nr * sizeof((*caps)->iova.iova_ranges[0]);
	*caps = kvzalloc(*bytes, GFP_KERNEL_ACCOUNT);
	if (*caps)
		fill_caps(*caps, ranges, nr);
	else
		err = -ENOMEM;
	kvfree(ranges);
	return err;
}

static int report_info(struct iommufd_ioas *ioas, void __user *uarg, u32 argsz)
{
	struct vfio_iommu_type1_info info;
	struct info_caps *caps;
	size_t caps_bytes;
	int err;

	static_assert(sizeof(info) <= INFO_BYTES);
	static_assert(offsetof(struct info_caps, iova) == 16);
	memset(&info, 0, sizeof(info));		/* the end is padding */
	err = get_page_sizes(ioas, &info.iova_pgsizes);
	if (err)
		return err;
	err = make_caps(ioas, &caps, &caps_bytes);
	if (err)
		return err;
	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info.argsz = INFO_BYTES + caps_bytes;
	if (argsz >= info.argsz) {
		info.cap_offset = INFO_BYTES;
		if (copy_to_user(uarg + INFO_BYTES, caps, caps_bytes))
			err = -EFAULT;
	}
	kvfree(caps);
	if (copy_to_user(uarg, &info, min_t(size_t, argsz, sizeof(info))))
		err = -EFAULT;
	return err;
}

static int get_info(struct iommufd_ctx *ctx, void __user *uarg)
{
	struct iommufd_ioas *ioas;
	u32 argsz;
	int err;

	if (get_user(argsz, (u32 __user *)uarg))
		return -EFAULT;
	if (argsz < offsetofend(struct vfio_iommu_type1_info, iova_pgsizes))
		return -EINVAL;
	ioas = get_ioas(ctx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = report_info(ioas, uarg, argsz);
	iommufd_object_put(ctx, &ioas->obj);
	return err;
}

/* Mapping */

static int map_user(struct iommufd_ctx *ctx, struct iommufd_ioas *ioas,
		    const struct vfio_iommu_type1_dma_map *arg)
{
	struct iommufd_slice slice = { .length_bytes = arg->size };
	unsigned long iova = arg->iova;
	int prot = IOMMU_CACHE;
	int err;

	if (arg->iova >= ULONG_MAX || arg->size >= ULONG_MAX)
		return -EOVERFLOW;
	if (arg->flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (arg->flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;

	slice.store = iommufd_ioas_user_store(ctx, arg->vaddr, arg->size, prot);
	if (IS_ERR(slice.store))
		return PTR_ERR(slice.store);
	slice.offset_bytes = iommufd_store_page_offset(slice.store);
	err = iommufd_map_insert(ioas->map, &slice, 1, &iova, prot,
				 IOMMUFD_MAP_FIXED, NULL);
	if (err)
		iommufd_store_put(slice.store);
	return err;
}

static int map_dma(struct iommufd_ctx *ctx, void __user *uarg)
{
	struct vfio_iommu_type1_dma_map arg;
	struct iommufd_ioas *ioas;
	int err;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (arg.argsz < sizeof(arg) ||
	    arg.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE))
		return -EINVAL;
	ioas = get_ioas(ctx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = map_user(ctx, ioas, &arg);
	iommufd_object_put(ctx, &ioas->obj);
	return err;
}

static int split_edges(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long last)
{
	int err;

	if (iommufd_map_huge_pages(map))
		return 0;
	err = iommufd_map_split(map, iova);
	if (!err && last != ULONG_MAX)
		err = iommufd_map_split(map, last + 1);
	return err;
}

static int unmap(struct iommufd_iova_map *map,
		 const struct vfio_iommu_type1_dma_unmap *arg, u64 *unmapped)
{
	unsigned long iova = arg->iova, last;
	int err;

	if (arg->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return iommufd_map_remove_all(map, unmapped);
	if (arg->iova > ULONG_MAX || arg->size > ULONG_MAX ||
	    check_add_overflow(iova, (unsigned long)arg->size - 1, &last))
		return -EOVERFLOW;
	err = split_edges(map, iova, last);
	if (err)
		return err;
	err = iommufd_map_remove(map, iova, last, unmapped);
	/* To find nothing is fine; to find what sticks out is not */
	if (err == -ENOENT)
		return 0;
	return err == -ERANGE ? -ENOENT : err;
}

static bool unmap_is_valid(const struct vfio_iommu_type1_dma_unmap *arg)
{
	if (arg->argsz < sizeof(*arg) || arg->flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return false;
	if (arg->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return !arg->iova && !arg->size;
	return arg->size;
}

static int unmap_dma(struct iommufd_ctx *ctx, void __user *uarg)
{
	struct vfio_iommu_type1_dma_unmap arg;
	struct iommufd_ioas *ioas;
	u64 unmapped = 0;
	int err;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (!unmap_is_valid(&arg))
		return -EINVAL;
	ioas = get_ioas(ctx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = unmap(ioas->map, &arg, &unmapped);
	iommufd_object_put(ctx, &ioas->obj);

	arg.size = unmapped;
	if (copy_to_user(uarg, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}

/**
 * iommufd_vfio_ioctl() - a call whose number is none of iommufd's own
 * @ctx: context
 * @number: full ioctl number
 * @arg: the argument, a value or an address
 *
 * Context: may sleep.
 * Return: not negative: the answer; -ENOTTY for an unknown number; -EFAULT,
 * -EINVAL, -ENODEV, -EPERM, -ENOENT, -EOVERFLOW, -EINTR when the caller is being
 * killed, and what iommufd_map_insert(), iommufd_map_remove() and
 * iommufd_map_split() return, as
 * Documentation/userspace-api/iommufd.rst says.
 */
long iommufd_vfio_ioctl(struct iommufd_ctx *ctx, unsigned int number,
			unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (number) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(ctx, arg);
	case VFIO_SET_IOMMU:
		return set_type(ctx, arg);
	case VFIO_IOMMU_GET_INFO:
		return get_info(ctx, uarg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(ctx, uarg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(ctx, uarg);
	default:
		/* VFIO_IOMMU_DIRTY_PAGES too: page tables track dirty pages */
		return -ENOTTY;
	}
}
