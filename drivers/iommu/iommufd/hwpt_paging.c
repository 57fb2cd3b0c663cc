// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paging HWPTs: page tables that the kernel keeps in step with an address
 * space.
 *
 * The lock of the address space is held from the allocation of a HWPT until it is
 * filled, and again when its last device is detached.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/slab.h>

#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "map/map.h"
#include "noiommu.h"
#include "object.h"
#include "sw_msi.h"

/**
 * iommufd_hwpt_paging_enforce_coherency() - let all DMA snoop
 * @hwpt: the page table; nothing happens when it does so already
 *
 * Cannot be undone. Works before the first entry is made: later, old entries would
 * lack it.
 *
 * Context: may sleep; the address space is locked.
 * Return: 0; -EINVAL when something is mapped, or the driver cannot, as when a device
 * is attached whose IOMMU cannot.
 */
int iommufd_hwpt_paging_enforce_coherency(struct iommufd_hwpt_paging *hwpt)
{
	struct iommu_domain *domain = hwpt->common.domain;

	lockdep_assert_held(&hwpt->ioas->lock);
	if (hwpt->enforces_coherency)
		return 0;
	if (!domain->ops->enforce_cache_coherency)
		return -EINVAL;
	if (hwpt->filled)
		hwpt->enforces_coherency =
			iommufd_map_enforce_coherency(hwpt->ioas->map, domain);
	else
		hwpt->enforces_coherency =
			domain->ops->enforce_cache_coherency(domain);
	return hwpt->enforces_coherency ? 0 : -EINVAL;
}

/**
 * iommufd_hwpt_paging_fill() - let a page table mirror its address space
 * @hwpt: the page table
 *
 * Does nothing when it does so already.
 *
 * Context: may sleep and pin memory; the address space is locked.
 * Return: 0; -EADDRINUSE when mappings or the allowed list do not fit the
 * domain; -EINVAL when its pages are larger than the CPU's; -EFAULT, -ENOMEM,
 * -EINTR from pinning and filling.
 */
int iommufd_hwpt_paging_fill(struct iommufd_hwpt_paging *hwpt)
{
	int err;

	lockdep_assert_held(&hwpt->ioas->lock);
	if (hwpt->filled)
		return 0;
	err = iommufd_map_add_domain(hwpt->ioas->map, hwpt->common.domain);
	if (!err)
		hwpt->filled = true;
	return err;
}

/**
 * iommufd_hwpt_paging_prefill() - let a new page table mirror its address space
 * @hwpt: the page table
 *
 * Does nothing where the driver finishes its domains at the first attach: such
 * a one is filled then.
 *
 * Context: may sleep and pin memory, as long as page faults of the memory take;
 * the address space is locked. The device that @hwpt was made for need not be
 * there any more.
 * Return: as iommufd_hwpt_paging_fill().
 */
int iommufd_hwpt_paging_prefill(struct iommufd_hwpt_paging *hwpt)
{
	return hwpt->complete ? iommufd_hwpt_paging_fill(hwpt) : 0;
}

/* Whether the driver made what it was asked for */
static bool is_sound(const struct iommufd_hwpt_paging *hwpt,
		     const struct iommu_domain_ops *ops)
{
	if (ops->invalidate_user)
		return false;
	return !hwpt->tracks_dirty ||
	       (ops->set_dirty_tracking && ops->read_dirty);
}

static int alloc_domain(struct iommufd_hwpt_paging *hwpt, struct device *dev,
			u32 flags, const struct iommu_user_blob *blob)
{
	struct iommu_domain *domain;
	bool complete = true;

	if (hwpt->noiommu)
		domain = iommufd_noiommu_alloc_domain();
	else if (blob)
		domain = iommu_device_alloc_user(dev, NULL, flags, blob);
	else
		domain = iommu_device_alloc_paging(dev, flags, &complete);
	if (IS_ERR(domain))
		return PTR_ERR(domain);

	hwpt->common.domain = domain;
	hwpt->complete = complete;
	if (WARN_ON_ONCE(!is_sound(hwpt, domain->ops)))
		return -EINVAL;
	/* A driver that finishes its domains at the first attach is asked then */
	if (complete &&
	    device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY))
		iommufd_hwpt_paging_enforce_coherency(hwpt);
	iommufd_sw_msi_adopt(hwpt, domain);
	return 0;
}

/**
 * iommufd_hwpt_paging_alloc() - make a page table for an address space
 * @ctx: context
 * @ioas: address space to mirror; locked
 * @idev: device whose IOMMU it is for
 * @flags: IOMMU_ALLOC_* for the driver
 * @blob: what user space says about it to the driver, or NULL
 * @automatic: it goes away with its last device
 *
 * The result has an ID that finds nothing yet, and is empty: call
 * iommufd_hwpt_paging_prefill() before @ioas is unlocked, and then publish it, or
 * call iommufd_hwpt_paging_abort().
 *
 * Context: may sleep.
 * Return: the page table, or ERR_PTR: -ENOMEM, -EOPNOTSUPP for flags the
 * driver does not know, and for any wish where there is no IOMMU, -ENODEV when
 * the device lost its IOMMU, and what iommu_device_alloc_user() returns.
 */
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_alloc(struct iommufd_ctx *ctx, struct iommufd_ioas *ioas,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_blob *blob, bool automatic)
{
	struct iommufd_hwpt_paging *hwpt;
	int err;

	lockdep_assert_held(&ioas->lock);
	if (idev->noiommu && (flags || blob))
		return ERR_PTR(-EOPNOTSUPP);
	if ((flags & IOMMU_ALLOC_DIRTY_TRACKING) &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_DIRTY_TRACKING))
		return ERR_PTR(-EOPNOTSUPP);
	hwpt = iommufd_object_alloc(ctx, sizeof(*hwpt),
				    IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(hwpt))
		return hwpt;

	hwpt->ctx = ctx;
	hwpt->automatic = automatic;
	hwpt->tracks_dirty = flags & IOMMU_ALLOC_DIRTY_TRACKING;
	hwpt->nest_parent = flags & IOMMU_ALLOC_NEST_PARENT;
	hwpt->common.for_pasids = flags & IOMMU_ALLOC_PASID;
	hwpt->noiommu = idev->noiommu;
	hwpt->ioas = ioas;
	INIT_LIST_HEAD(&hwpt->sw_msi_node);
	iommufd_object_add_user(&ioas->obj);	/* matches free_parts() */
	list_add_tail(&hwpt->ioas_node, &ioas->hwpts);

	err = alloc_domain(hwpt, idev->dev, flags, blob);
	if (err) {
		iommufd_hwpt_paging_abort(hwpt);
		return ERR_PTR(err);
	}
	return hwpt;
}

/* Copes with a page table that has no domain yet */
static void free_parts(struct iommufd_hwpt_paging *hwpt)
{
	struct iommu_domain *domain = hwpt->common.domain;

	if (hwpt->filled)
		iommufd_map_remove_domain(hwpt->ioas->map, domain);
	if (domain)
		iommu_domain_free(domain);
	iommufd_hwpt_drop_fault(&hwpt->common);
	iommufd_object_drop_user(&hwpt->ioas->obj);
}

/**
 * iommufd_hwpt_paging_abort() - give up a page table that was never published
 * @hwpt: the page table; freed
 *
 * Context: may sleep; its address space is locked.
 */
void iommufd_hwpt_paging_abort(struct iommufd_hwpt_paging *hwpt)
{
	lockdep_assert_held(&hwpt->ioas->lock);
	list_del(&hwpt->ioas_node);
	free_parts(hwpt);
	iommufd_object_abort(hwpt->ctx, &hwpt->common.obj);
}

/**
 * iommufd_hwpt_paging_destroy() - take a page table apart
 * @obj: its head; nothing refers to it any more and no device is attached
 *
 * Context: may sleep; its address space is not locked.
 */
void iommufd_hwpt_paging_destroy(struct iommufd_object *obj)
{
	struct iommufd_hwpt_paging *hwpt = to_hwpt_paging(obj);

	/* A retired one was taken off the list when it was retired */
	if (!hwpt->retired) {
		mutex_lock(&hwpt->ioas->lock);
		list_del(&hwpt->ioas_node);
		mutex_unlock(&hwpt->ioas->lock);
	}
	free_parts(hwpt);
}

/* Drop a user. Returns whether it is the last, which is left to be dropped */
static bool drop_unless_last(struct iommufd_hwpt_paging *hwpt)
{
	bool last;

	mutex_lock(&hwpt->ioas->lock);
	/* New users come under this lock only, so the count cannot grow */
	last = refcount_read(&hwpt->common.obj.users) == 2;
	if (last) {
		hwpt->retired = true;
		list_del(&hwpt->ioas_node);
	} else {
		iommufd_object_drop_user(&hwpt->common.obj);
	}
	mutex_unlock(&hwpt->ioas->lock);
	return last;
}

/**
 * iommufd_hwpt_paging_put() - drop the long-lived user of an attached group
 * @hwpt: the page table; an automatic one without other users is destroyed
 *
 * Context: may sleep, until calls that hold @hwpt returned: so no group and no
 * address space is locked.
 */
void iommufd_hwpt_paging_put(struct iommufd_hwpt_paging *hwpt)
{
	struct iommufd_object *obj = &hwpt->common.obj;
	struct iommufd_ctx *ctx = hwpt->ctx;
	bool last;

	if (!hwpt->automatic) {
		iommufd_object_drop_user(obj);
		return;
	}
	/*
	 * When this is not the last user, the last one may destroy @hwpt, and then
	 * the address space, as soon as it is dropped. The reference of a call
	 * keeps both until the lock in there is dropped, too.
	 */
	iommufd_object_get_used(obj);
	last = drop_unless_last(hwpt);
	iommufd_object_put(ctx, obj);
	if (last)
		iommufd_object_retire(ctx, obj);
}
