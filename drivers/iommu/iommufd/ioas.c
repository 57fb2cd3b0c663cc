// SPDX-License-Identifier: GPL-2.0-only
/*
 * IO address spaces: the calls that make, change and query them.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"
#include "store/store.h"
#include "test_hooks.h"

#define MAP_FLAGS_KNOWN                                       \
	(IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | \
	 IOMMU_IOAS_MAP_READABLE)

/**
 * iommufd_ioas_get() - find an address space for the length of a call
 * @ctx: context
 * @id: ID that user space named
 *
 * Context: any.
 * Return: the address space with a reference for iommufd_object_put(), or
 * ERR_PTR(-ENOENT).
 */
struct iommufd_ioas *iommufd_ioas_get(struct iommufd_ctx *ctx, u32 id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(ctx, id, IOMMUFD_OBJ_IOAS);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct iommufd_ioas, obj);
}

/**
 * iommufd_ioas_alloc() - make an empty address space
 * @ctx: context that will own it
 *
 * Context: may sleep.
 * Return: the address space, not published yet, or ERR_PTR(-ENOMEM).
 */
struct iommufd_ioas *iommufd_ioas_alloc(struct iommufd_ctx *ctx)
{
	struct iommufd_ioas *ioas;

	ioas = iommufd_object_alloc(ctx, sizeof(*ioas), IOMMUFD_OBJ_IOAS);
	if (IS_ERR(ioas))
		return ioas;

	ioas->map = iommufd_map_create();
	if (IS_ERR(ioas->map)) {
		int err = PTR_ERR(ioas->map);

		iommufd_object_abort(ctx, &ioas->obj);
		return ERR_PTR(err);
	}
	mutex_init(&ioas->lock);
	INIT_LIST_HEAD(&ioas->hwpts);
	return ioas;
}

/**
 * iommufd_ioas_destroy() - take an address space apart
 * @obj: its head; nothing refers to it any more
 *
 * Context: may sleep.
 */
void iommufd_ioas_destroy(struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);

	iommufd_map_destroy(ioas->map);
	mutex_destroy(&ioas->lock);
}

/**
 * iommufd_ioctl_ioas_alloc() - IOMMU_IOAS_ALLOC
 * @call: the call, with a &struct iommu_ioas_alloc
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOMEM, -EFAULT.
 */
int iommufd_ioctl_ioas_alloc(struct iommufd_call *call)
{
	struct iommu_ioas_alloc *arg = call->arg;
	struct iommufd_ioas *ioas;
	int err;

	if (arg->flags)
		return -EOPNOTSUPP;

	ioas = iommufd_ioas_alloc(call->ctx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	arg->out_ioas_id = ioas->obj.id;
	err = iommufd_call_respond(call, sizeof(*arg));
	if (err) {
		iommufd_ioas_destroy(&ioas->obj);
		iommufd_object_abort(call->ctx, &ioas->obj);
		return err;
	}
	iommufd_object_publish(call->ctx, &ioas->obj);
	return 0;
}

/* No user has that many, and sorting them must not take long */
#define ALLOWED_IOVAS_MAX 0x100000

/* The two structs have the same layout where unsigned long has 64 bits only */
static int copy_range_in(struct iommufd_range *range,
			 const struct iommu_iova_range __user *urange)
{
	struct iommu_iova_range in;

	if (copy_from_user(&in, urange, sizeof(in)))
		return -EFAULT;
	if (in.start >= in.last || in.last > ULONG_MAX)
		return -EINVAL;
	range->start = in.start;
	range->last = in.last;
	return 0;
}

static int copy_ranges_in(struct iommufd_range *ranges, unsigned int nr,
			  const struct iommu_iova_range __user *urange)
{
	unsigned int i;
	int bad = 0;
	int err;

	/* -EFAULT for any element has precedence over a bad interval */
	for (i = 0; i < nr; i++) {
		err = copy_range_in(&ranges[i], &urange[i]);
		if (err == -EFAULT)
			return err;
		bad = bad ?: err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return bad;
}

/**
 * iommufd_ioctl_ioas_allow_iovas() - IOMMU_IOAS_ALLOW_IOVAS
 * @call: the call, with a &struct iommu_ioas_allow_iovas
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EFAULT, -EINVAL, -EADDRINUSE, -ENOMEM;
 * -EINTR when the caller is being killed.
 */
int iommufd_ioctl_ioas_allow_iovas(struct iommufd_call *call)
{
	struct iommu_ioas_allow_iovas *arg = call->arg;
	struct iommufd_range *ranges = NULL;
	struct iommufd_ioas *ioas;
	int err = 0;

	if (arg->__reserved)
		return -EOPNOTSUPP;

	ioas = iommufd_ioas_get(call->ctx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	if (arg->num_iovas > ALLOWED_IOVAS_MAX) {
		err = -ENOMEM;
		goto out_put;
	}
	if (arg->num_iovas) {
		ranges = kvmalloc_array(arg->num_iovas, sizeof(*ranges),
					GFP_KERNEL_ACCOUNT);
		if (!ranges) {
			err = -ENOMEM;
			goto out_put;
		}
		err = copy_ranges_in(ranges, arg->num_iovas,
				     u64_to_user_ptr(arg->allowed_iovas));
	}
	if (!err)
		err = iommufd_map_set_allowed(ioas->map, ranges,
					      arg->num_iovas);
	kvfree(ranges);
out_put:
	iommufd_object_put(call->ctx, &ioas->obj);
	return err;
}

static int copy_ranges_out(struct iommu_iova_range __user *urange,
			   const struct iommufd_range *ranges, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct iommu_iova_range out = {
			.start = ranges[i].start,
			.last = ranges[i].last,
		};

		if (copy_to_user(&urange[i], &out, sizeof(out)))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int report_ranges(struct iommufd_ioas *ioas,
			 struct iommu_ioas_iova_ranges *arg)
{
	struct iommufd_range *ranges = NULL;
	unsigned int room = 0, nr, fit;
	unsigned long alignment;
	int err;

	/* Learn the count first: the caller's array may be absurdly long */
	for (;;) {
		nr = iommufd_map_usable(ioas->map, ranges, room, &alignment);
		if (room >= min(nr, arg->num_iovas))
			break;
		kvfree(ranges);
		room = min(nr, arg->num_iovas);
		ranges = kvcalloc(room, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
		if (!ranges)
			return -ENOMEM;
	}
	fit = min(nr, arg->num_iovas);
	err = copy_ranges_out(u64_to_user_ptr(arg->allowed_iovas), ranges, fit);
	arg->num_iovas = nr;
	arg->out_iova_alignment = alignment;
	if (!err && fit < nr)
		err = -EMSGSIZE;
	kvfree(ranges);
	return err;
}

/**
 * iommufd_ioctl_ioas_iova_ranges() - IOMMU_IOAS_IOVA_RANGES
 * @call: the call, with a &struct iommu_ioas_iova_ranges
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EFAULT, -EMSGSIZE, -ENOMEM; -EINTR when the
 * caller is being killed.
 */
int iommufd_ioctl_ioas_iova_ranges(struct iommufd_call *call)
{
	struct iommu_ioas_iova_ranges *arg = call->arg;
	struct iommufd_ioas *ioas;
	int err;

	if (arg->__reserved)
		return -EOPNOTSUPP;

	ioas = iommufd_ioas_get(call->ctx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = report_ranges(ioas, arg);
	iommufd_object_put(call->ctx, &ioas->obj);

	/* On -EMSGSIZE the caller gets the length that the array must have */
	if ((!err || err == -EMSGSIZE) &&
	    iommufd_call_respond(call, sizeof(*arg)))
		err = -EFAULT;
	return err;
}

static int flags_to_prot(u32 flags)
{
	/* User space cannot flush caches, so all its DMA is coherent */
	int prot = IOMMU_CACHE;

	if (flags & IOMMU_IOAS_MAP_WRITEABLE)
		prot |= IOMMU_WRITE;
	if (flags & IOMMU_IOAS_MAP_READABLE)
		prot |= IOMMU_READ;
	return prot;
}

static unsigned int flags_to_map(u32 flags)
{
	return flags & IOMMU_IOAS_MAP_FIXED_IOVA ? IOMMUFD_MAP_FIXED : 0;
}

static bool flags_give_access(u32 flags)
{
	return flags & (IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE);
}

/*
 * Programs map the BARs of their devices by the address at which they have mapped
 * them, and expect that the mapping is restored after a reset.
 */
static struct iommufd_store *bar_store(u64 user_va, u64 length, int prot)
{
	unsigned long vm_flags = 0;

	if (prot & IOMMU_READ)
		vm_flags |= VM_READ;
	if (prot & IOMMU_WRITE)
		vm_flags |= VM_WRITE;
	return iommufd_store_create_bar(u64_to_user_ptr(user_va),
					iommufd_misc_device(),
					&iommufd_map_revoke_ops, length,
					vm_flags);
}

static bool wraps(u64 user_va, u64 length)
{
	unsigned long end;

	return user_va > ULONG_MAX ||
	       check_add_overflow((unsigned long)user_va, (unsigned long)length,
				  &end);
}

static struct iommufd_store *memory_store(struct iommufd_ctx *ctx, u64 user_va,
					  u64 length, int prot)
{
	struct iommufd_account *account;
	struct iommufd_store *store;

	account = iommufd_account_slot_get(&ctx->account, ctx->account_mode);
	if (IS_ERR(account))
		return ERR_CAST(account);
	store = iommufd_store_create_user(account, u64_to_user_ptr(user_va),
					  length, prot & IOMMU_WRITE);
	if (IS_ERR(store))
		iommufd_account_put(account);
	return store;
}

/**
 * iommufd_ioas_user_store() - make a store of the caller's memory
 * @ctx: context
 * @user_va: first byte, an address of the calling process; where it sees memory
 *	     of a device the store is that memory
 * @length: number of bytes
 * @prot: IOMMU_READ, IOMMU_WRITE or both: what devices may do; neither is right
 *
 * Context: may sleep; no lock of an address space is held.
 * Return: the store with one reference; ERR_PTR: -EOVERFLOW when the range
 * wraps, -EINVAL for a length of 0, -ENOMEM; what iommufd_store_create_bar()
 * returns for memory of a device.
 */
struct iommufd_store *iommufd_ioas_user_store(struct iommufd_ctx *ctx,
					      u64 user_va, u64 length, int prot)
{
	struct iommufd_store *store;

	if (wraps(user_va, length))
		return ERR_PTR(-EOVERFLOW);
	store = bar_store(user_va, length, prot);
	return store ?: memory_store(ctx, user_va, length, prot);
}

/**
 * iommufd_ioas_check_map() - judge what a map call asks for, as far as that
 *			      needs no object
 * @request: the request
 *
 * Return: 0, -EOPNOTSUPP for an unknown flag, -EOVERFLOW, -EINVAL without
 * access.
 */
int iommufd_ioas_check_map(const struct iommufd_map_request *request)
{
	if (request->flags & ~MAP_FLAGS_KNOWN)
		return -EOPNOTSUPP;
	if (*request->iova >= ULONG_MAX || request->length >= ULONG_MAX)
		return -EOVERFLOW;
	return flags_give_access(request->flags) ? 0 : -EINVAL;
}

/**
 * iommufd_ioas_map_store() - map a whole store and tell the caller where
 * @call: the call
 * @ioas: address space
 * @store: a reference, which the mapping takes over; dropped on error
 * @request: what to do; the IOVA in it is set
 *
 * Context: may sleep.
 * Return: 0, -EFAULT when the argument cannot be written back, or what
 * iommufd_map_insert() returns. On error nothing is mapped, unless what
 * iommufd_map_undo() waits for does not happen.
 */
int iommufd_ioas_map_store(struct iommufd_call *call, struct iommufd_ioas *ioas,
			   struct iommufd_store *store,
			   const struct iommufd_map_request *request)
{
	struct iommufd_slice slice = {
		.store = store,
		.offset_bytes = iommufd_store_page_offset(store),
		.length_bytes = request->length,
	};
	unsigned long iova = *request->iova;
	u64 seq;
	int err;

	err = iommufd_map_insert(ioas->map, &slice, 1, &iova,
				 flags_to_prot(request->flags),
				 flags_to_map(request->flags) |
				 (request->pinned ? IOMMUFD_MAP_PINNED : 0),
				 &seq);
	if (err) {
		iommufd_store_put(store);
		return err;
	}
	*request->iova = iova;
	err = iommufd_call_respond_u64(call, request->iova);
	if (err)
		iommufd_map_undo(ioas->map, iova, iova + request->length - 1,
				 seq);
	return err;
}

static int map_new(struct iommufd_call *call, struct iommufd_ioas *ioas,
		   struct iommufd_store *store,
		   const struct iommufd_map_request *request)
{
	if (IS_ERR(store))
		return PTR_ERR(store);
	return iommufd_ioas_map_store(call, ioas, store, request);
}

/* Memory of the process; the map must have a domain that it is pinned for */
static int map_pinned(struct iommufd_call *call, struct iommufd_ioas *ioas,
		      const struct iommufd_map_request *request)
{
	const struct iommu_ioas_map *arg = call->arg;
	struct iommufd_map_request pinned = *request;
	struct iommufd_store *store;
	int prot, err;

	prot = flags_to_prot(request->flags);
	pinned.pinned = true;
	store = memory_store(call->ctx, arg->user_va, request->length, prot);
	err = map_new(call, ioas, store, &pinned);
	/* Memory of a device cannot be pinned; nor need it fit any limit */
	if (err != -EFAULT && err != -ENOMEM)
		return err;
	store = bar_store(arg->user_va, request->length, prot);
	return store ? map_new(call, ioas, store, request) : err;
}

/*
 * The search for a BAR takes the mmap_lock, for which all threads of the process and
 * their page faults contend. Where memory is pinned at once, the search is made only
 * if pinning has failed.
 */
static int map_user(struct iommufd_call *call, struct iommufd_ioas *ioas,
		    const struct iommufd_map_request *request)
{
	const struct iommu_ioas_map *arg = call->arg;
	struct iommufd_store *store;
	int err = -EAGAIN;

	if (iommufd_map_has_domains(ioas->map))
		err = map_pinned(call, ioas, request);
	if (err != -EAGAIN)
		return err;
	store = iommufd_ioas_user_store(call->ctx, arg->user_va,
					request->length,
					flags_to_prot(request->flags));
	return map_new(call, ioas, store, request);
}

/**
 * iommufd_ioctl_ioas_map() - IOMMU_IOAS_MAP
 * @call: the call, with a &struct iommu_ioas_map
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -EOVERFLOW, -EINVAL, -ENOENT, -EEXIST, -ENOSPC,
 * -EFAULT, -ENOMEM as Documentation/userspace-api/iommufd.rst says; -EINTR
 * when the caller is being killed.
 */
int iommufd_ioctl_ioas_map(struct iommufd_call *call)
{
	struct iommu_ioas_map *arg = call->arg;
	struct iommufd_map_request request = {
		.flags = arg->flags,
		.length = arg->length,
		.iova = &arg->iova,
	};
	struct iommufd_ioas *ioas;
	int err;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	err = iommufd_ioas_check_map(&request);
	if (err)
		return err;

	ioas = iommufd_ioas_get(call->ctx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	if (wraps(arg->user_va, arg->length))
		err = -EOVERFLOW;
	else
		err = map_user(call, ioas, &request);
	iommufd_object_put(call->ctx, &ioas->obj);
	return err;
}

static void put_slices(struct iommufd_slices *slices)
{
	while (slices->nr--) {
		iommufd_store_put(slices->list[slices->nr].store);
		if (slices->nr)
			cond_resched();
	}
	iommufd_slices_free(slices);
}

static int take_slices(struct iommufd_call *call, struct iommufd_slices *slices)
{
	struct iommu_ioas_copy *arg = call->arg;
	u64 src_iova = arg->src_iova;
	struct iommufd_ioas *src;
	unsigned long last;
	int err = 0;

	src = iommufd_ioas_get(call->ctx, arg->src_ioas_id);
	if (IS_ERR(src))
		return PTR_ERR(src);

	if (arg->flags & MOCK_COPY_GUESSED)
		err = mock_guessed_iova(src, &src_iova);
	if (err)
		goto out_put;
	if (!arg->length)
		err = -EINVAL;
	else if (check_add_overflow((unsigned long)src_iova,
				    (unsigned long)arg->length - 1, &last))
		err = -EOVERFLOW;
	else
		err = iommufd_map_slices(src->map, src_iova, arg->length,
					 slices);
out_put:
	iommufd_object_put(call->ctx, &src->obj);
	return err;
}

static int map_slices(struct iommufd_call *call, struct iommufd_slices *slices)
{
	struct iommu_ioas_copy *arg = call->arg;
	unsigned long iova = arg->dst_iova;
	struct iommufd_ioas *dst;
	u64 seq;
	int err;

	dst = iommufd_ioas_get(call->ctx, arg->dst_ioas_id);
	if (IS_ERR(dst)) {
		put_slices(slices);
		return PTR_ERR(dst);
	}
	err = iommufd_map_insert(dst->map, slices->list, slices->nr, &iova,
				 flags_to_prot(arg->flags),
				 flags_to_map(arg->flags), &seq);
	if (err) {
		put_slices(slices);
		goto out_put;
	}
	iommufd_slices_free(slices); /* the map has taken the stores over */

	arg->dst_iova = iova;
	err = iommufd_call_respond_u64(call, &arg->dst_iova);
	if (err)
		iommufd_map_undo(dst->map, iova, iova + arg->length - 1, seq);
out_put:
	iommufd_object_put(call->ctx, &dst->obj);
	return err;
}

/**
 * iommufd_ioctl_ioas_copy() - IOMMU_IOAS_COPY
 * @call: the call, with a &struct iommu_ioas_copy
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP, -EOVERFLOW, -EINVAL, -ENOENT, -EEXIST, -ENOSPC,
 * -EPERM, -EFAULT, -ENOMEM as Documentation/userspace-api/iommufd.rst says;
 * -EINTR when the caller is being killed.
 */
int iommufd_ioctl_ioas_copy(struct iommufd_call *call)
{
	struct iommu_ioas_copy *arg = call->arg;
	struct iommufd_slices slices;
	int err;

	if (arg->flags & ~(MAP_FLAGS_KNOWN | MOCK_COPY_GUESSED))
		return -EOPNOTSUPP;
	if (arg->length >= ULONG_MAX || arg->src_iova >= ULONG_MAX ||
	    arg->dst_iova >= ULONG_MAX)
		return -EOVERFLOW;
	if (!flags_give_access(arg->flags))
		return -EINVAL;

	err = take_slices(call, &slices);
	if (err)
		return err;
	return map_slices(call, &slices);
}

static int unmap(struct iommufd_ioas *ioas, const struct iommu_ioas_unmap *arg,
		 u64 *unmapped)
{
	unsigned long last;
	int err;

	if (!arg->iova && arg->length == U64_MAX)
		return iommufd_map_remove_all(ioas->map, unmapped);
	if (arg->iova >= ULONG_MAX || arg->length >= ULONG_MAX)
		return -EOVERFLOW;
	if (!arg->length)
		return -EINVAL;
	if (check_add_overflow((unsigned long)arg->iova,
			       (unsigned long)arg->length - 1, &last))
		return -EOVERFLOW;
	err = iommufd_map_remove(ioas->map, arg->iova, last, unmapped);
	/* No mapping, or one that extends beyond the range */
	return err == -ERANGE ? -ENOENT : err;
}

/**
 * iommufd_ioctl_ioas_unmap() - IOMMU_IOAS_UNMAP
 * @call: the call, with a &struct iommu_ioas_unmap
 *
 * Context: may sleep.
 * Return: 0; -ENOENT, -EOVERFLOW, -EINVAL, -EBUSY, -EDEADLOCK as
 * Documentation/userspace-api/iommufd.rst says; -EFAULT when the count could
 * not be written back: the mappings are gone all the same.
 */
int iommufd_ioctl_ioas_unmap(struct iommufd_call *call)
{
	struct iommu_ioas_unmap *arg = call->arg;
	struct iommufd_ioas *ioas;
	u64 unmapped = 0;
	int err;

	ioas = iommufd_ioas_get(call->ctx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = unmap(ioas, arg, &unmapped);
	iommufd_object_put(call->ctx, &ioas->obj);
	if (err)
		return err;

	arg->length = unmapped;
	return iommufd_call_respond_u64(call, &arg->length);
}
