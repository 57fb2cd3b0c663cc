// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments. The IOMMU distinguishes groups, not devices, so a group of devices is
 * attached as one: the first device moves the group, the others join it, and each
 * adds its reserved regions.
 */
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/slab.h>

#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"
#include "sw_msi.h"
#include "test_hooks.h"

/**
 * iommufd_group_get() - group of a device within a context
 * @ctx: context
 * @dev: device that has an IOMMU group
 *
 * Context: may sleep.
 * Return: the group with a reference for iommufd_group_put(), or ERR_PTR:
 * -ENODEV when the device has no group, -ENOMEM.
 */
struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ctx,
					struct device *dev)
{
	struct iommu_group *iommu_group = iommu_group_get(dev);
	struct iommufd_group *group;
	int err;

	if (!iommu_group)
		return ERR_PTR(-ENODEV);

	mutex_lock(&ctx->groups_lock);
	group = xa_load(&ctx->groups, iommu_group_id(iommu_group));
	if (group) {
		group->refs++;
		iommu_group_put(iommu_group);
		goto out_unlock;
	}

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group) {
		err = -ENOMEM;
		goto err_put;
	}
	group->ctx = ctx;
	group->iommu_group = iommu_group;
	group->refs = 1;
	mutex_init(&group->lock);
	INIT_LIST_HEAD(&group->devices);
	err = xa_insert(&ctx->groups, iommu_group_id(iommu_group), group,
			GFP_KERNEL_ACCOUNT);
	if (err)
		goto err_free;
out_unlock:
	mutex_unlock(&ctx->groups_lock);
	return group;

err_free:
	kfree(group);
err_put:
	mutex_unlock(&ctx->groups_lock);
	iommu_group_put(iommu_group);
	return ERR_PTR(err);
}

/**
 * iommufd_group_put() - drop a reference from iommufd_group_get()
 * @group: the group; its device is not attached
 *
 * Context: may sleep.
 */
void iommufd_group_put(struct iommufd_group *group)
{
	struct iommufd_ctx *ctx = group->ctx;

	mutex_lock(&ctx->groups_lock);
	if (!--group->refs) {
		xa_erase(&ctx->groups, iommu_group_id(group->iommu_group));
		iommu_group_put(group->iommu_group);
		mutex_destroy(&group->lock);
		kfree(group);
	}
	mutex_unlock(&ctx->groups_lock);
}

static struct iommufd_ioas *ioas_of(struct iommufd_hwpt_common *hwpt)
{
	return iommufd_hwpt_paging_of(hwpt)->ioas;
}

/**
 * iommufd_resv_counts() - must the addresses of a region be kept free
 * @region: reserved region of a device
 *
 * Context: any.
 * Return: false when user space may map memory there.
 */
bool iommufd_resv_counts(const struct iommu_resv_region *region)
{
	/* The firmware only asked for these; assigned devices live without */
	return region->type != IOMMU_RESV_DIRECT_RELAXABLE && region->length;
}

static int reserve_region(struct iommufd_device *idev,
			  struct iommufd_ioas *ioas,
			  const struct iommu_resv_region *region)
{
	if (!iommufd_resv_counts(region))
		return 0;
	return iommufd_map_reserve(ioas->map, region->start,
				   region->start + region->length - 1, idev);
}

/*
 * Keep the addresses that @idev cannot have translated out of @ioas. All or
 * nothing; @ioas had no reservations of @idev before.
 */
static int reserve_regions(struct iommufd_device *idev,
			   struct iommufd_ioas *ioas)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int err;

	if (iommufd_should_fail())
		return -EINVAL;
	if (idev->noiommu)
		return 0;
	err = iommu_device_get_resv_regions(idev->dev, &regions);
	if (err)
		goto out_put;
	list_for_each_entry(region, &regions, list) {
		err = reserve_region(idev, ioas, region);
		if (err) {
			iommufd_map_unreserve(ioas->map, idev);
			break;
		}
	}
out_put:
	iommu_put_resv_regions(idev->dev, &regions);
	return err;
}

static int reserve_regions_of_all(struct iommufd_group *group,
				  struct iommufd_ioas *ioas)
{
	struct iommufd_device *idev;
	int err;

	list_for_each_entry(idev, &group->devices, group_node) {
		err = reserve_regions(idev, ioas);
		if (err)
			goto err_undo;
	}
	return 0;

err_undo:
	list_for_each_entry_continue_reverse(idev, &group->devices, group_node)
		iommufd_map_unreserve(ioas->map, idev);
	return err;
}

static void unreserve_regions_of_all(struct iommufd_group *group,
				     struct iommufd_ioas *ioas)
{
	struct iommufd_device *idev;

	list_for_each_entry(idev, &group->devices, group_node)
		iommufd_map_unreserve(ioas->map, idev);
}

static bool can_enforce_coherency(struct iommufd_device *idev)
{
	return device_iommu_capable(idev->dev,
				    IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}

/* Checks that need no call of the driver */
static int check_device(struct iommufd_device *idev,
			struct iommufd_hwpt_paging *paging)
{
	if (paging->noiommu != idev->noiommu)
		return -EINVAL;
	if (paging->enforces_coherency && !can_enforce_coherency(idev))
		return -EINVAL;
	/* The writes of a device without dirty tracking would be missing in the log */
	if (paging->tracks_dirty &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_DIRTY_TRACKING))
		return -EINVAL;
	return 0;
}

static int check_all(struct iommufd_group *group,
		     struct iommufd_hwpt_paging *paging)
{
	struct iommufd_device *idev;
	int err;

	list_for_each_entry(idev, &group->devices, group_node) {
		err = check_device(idev, paging);
		if (err)
			return err;
	}
	return 0;
}

/*
 * If a device's IOMMU can enforce coherency, VFIO has told KVM that all DMA of the
 * device is coherent: its page table must enforce it.
 */
static bool needs_coherency(struct iommufd_group *group,
			    struct iommufd_device *idev)
{
	struct iommufd_device *other;

	if (can_enforce_coherency(idev))
		return true;
	list_for_each_entry(other, &group->devices, group_node)
		if (can_enforce_coherency(other))
			return true;
	return false;
}

/*
 * The last step before the move, as it cannot be undone. A domain that is finished at
 * its first attach is handled by finish_and_fill().
 */
static int enforce_coherency(struct iommufd_device *idev,
			     struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	int err;

	if (paging->enforces_coherency || !needs_coherency(idev->group, idev))
		return 0;
	if (!paging->complete && !paging->filled)
		return 0;
	err = iommu_device_fits_domain(idev->dev, hwpt->domain,
				       IOMMU_NO_PASID);
	if (err)
		return err;
	return iommufd_hwpt_paging_enforce_coherency(paging);
}

/* Attach the group to @hwpt. On failure it stays on its page table */
static int move_group(struct iommufd_device *idev,
		      struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	int err;

	if (idev->noiommu)
		return 0;
	err = iommufd_sw_msi_install(paging, idev->dev);
	if (err)
		return err;
	err = iommu_device_replace_domain(idev->dev, hwpt->domain);
	if (err && !paging->nr_groups)
		iommufd_sw_msi_remove(paging);
	return err;
}

/* What an attach makes possible, in the order in which entries are made */
static int finish_and_fill(struct iommufd_device *idev,
			   struct iommufd_hwpt_paging *paging)
{
	int err = 0;

	if (needs_coherency(idev->group, idev))
		err = iommufd_hwpt_paging_enforce_coherency(paging);
	if (!err)
		err = iommufd_sw_msi_finish(paging);
	if (!err)
		err = iommufd_hwpt_paging_fill(paging);
	return err;
}

/*
 * A domain that is finished at its first attach can only be filled now. The
 * device sees an empty table for that long, which blocks its DMA.
 */
static int fill_after_move(struct iommufd_device *idev,
			   struct iommufd_hwpt_common *hwpt,
			   struct iommufd_hwpt_common *old_hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	int err, back = 0;

	if (paging->filled)
		return 0;
	err = finish_and_fill(idev, paging);
	if (!err)
		return 0;
	if (old_hwpt)
		back = iommu_device_return_domain(idev->dev, old_hwpt->domain);
	if (!old_hwpt || back)
		iommu_device_detach_domain(idev->dev, hwpt->domain);
	if (!paging->nr_groups)
		iommufd_sw_msi_remove(paging);
	return err;
}

/**
 * iommufd_group_attach() - attach a device
 * @idev: device that is not attached
 * @hwpt: page table; its address space is locked and it is not retired
 *
 * The first device of a group attaches the group. The others must ask for the
 * page table that the group has.
 *
 * Context: may sleep and pin memory; the group is locked.
 * Return: 0; -EINVAL when device and page table do not fit or the group has
 * another one; -EADDRINUSE when the device's reserved regions meet mappings or
 * the allowed list; other errors of the driver and of pinning.
 */
int iommufd_group_attach(struct iommufd_device *idev,
			 struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	struct iommufd_group *group = idev->group;
	int err;

	lockdep_assert_held(&group->lock);
	lockdep_assert_held(&paging->ioas->lock);
	if (group->hwpt && group->hwpt != hwpt)
		return -EINVAL;

	err = check_device(idev, paging);
	if (err)
		return err;
	err = reserve_regions(idev, paging->ioas);
	if (err)
		return err;
	err = enforce_coherency(idev, hwpt);
	if (err)
		goto err_unreserve;
	if (!group->hwpt) {
		err = move_group(idev, hwpt);
		if (err)
			goto err_unreserve;
		err = fill_after_move(idev, hwpt, NULL);
		if (err)
			goto err_unreserve;
		group->hwpt = hwpt;
		paging->nr_groups++;
		/* matches iommufd_hwpt_put() */
		iommufd_object_add_user(&hwpt->obj);
	}
	list_add_tail(&idev->group_node, &group->devices);
	return 0;

err_unreserve:
	iommufd_map_unreserve(paging->ioas->map, idev);
	return err;
}

/**
 * iommufd_group_replace() - move an attached group to another page table
 * @idev: an attached device of the group
 * @hwpt: new page table; its address space is locked and it is not retired
 *
 * All devices of the group move together. On failure nothing has changed:
 * neither the translation nor the reserved addresses of any address space.
 * When the page table of the group is another one afterwards, the caller must hand
 * the old one to iommufd_group_leave() once @hwpt's address space is unlocked, and
 * to iommufd_hwpt_put() once the group is.
 *
 * Context: may sleep and pin memory; the group is locked.
 * Return: as iommufd_group_attach().
 */
int iommufd_group_replace(struct iommufd_device *idev,
			  struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	struct iommufd_group *group = idev->group;
	struct iommufd_hwpt_common *old = group->hwpt;
	bool other_ioas = ioas_of(old) != paging->ioas;
	int err;

	lockdep_assert_held(&group->lock);
	lockdep_assert_held(&paging->ioas->lock);
	if (old == hwpt)
		return 0;

	err = check_all(group, paging);
	if (err)
		return err;
	/* Within one address space the reservations simply stay */
	if (other_ioas) {
		err = reserve_regions_of_all(group, paging->ioas);
		if (err)
			return err;
	}
	err = enforce_coherency(idev, hwpt);
	if (err)
		goto err_unreserve;
	err = move_group(idev, hwpt);
	if (err)
		goto err_unreserve;
	err = fill_after_move(idev, hwpt, old);
	if (err)
		goto err_unreserve;

	iommufd_object_add_user(&hwpt->obj);
	paging->nr_groups++;
	group->hwpt = hwpt;
	return 0;

err_unreserve:
	if (other_ioas)
		unreserve_regions_of_all(group, paging->ioas);
	return err;
}

static void leave_hwpt(struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);

	mutex_lock(&paging->ioas->lock);
	/* Before the window that holds the doorbells loses its reservation */
	if (!--paging->nr_groups)
		iommufd_sw_msi_remove(paging);
	mutex_unlock(&paging->ioas->lock);
}

/**
 * iommufd_group_leave() - give up a page table that was replaced
 * @group: the group, now attached elsewhere
 * @old: what it was attached to before, or NULL, which is ignored
 *
 * The group stays a user of @old: iommufd_hwpt_put() may wait for calls
 * that wait for the group's lock.
 *
 * Context: may sleep; the group is locked, no address space is.
 */
void iommufd_group_leave(struct iommufd_group *group,
			 struct iommufd_hwpt_common *old)
{
	lockdep_assert_held(&group->lock);
	if (!old)
		return;
	leave_hwpt(old);
	if (ioas_of(old) != ioas_of(group->hwpt))
		unreserve_regions_of_all(group, ioas_of(old));
}

/**
 * iommufd_group_detach() - detach a device
 * @idev: an attached device
 *
 * With the last device of the group its DMA is blocked, if there is an IOMMU.
 *
 * Context: may sleep; the group is locked, no address space is.
 * Return: page table that the caller must hand to iommufd_hwpt_put()
 * once the group is unlocked, or NULL while other devices of the group stay
 * attached.
 */
struct iommufd_hwpt_common *iommufd_group_detach(struct iommufd_device *idev)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_hwpt_common *hwpt = group->hwpt;

	lockdep_assert_held(&group->lock);
	list_del_init(&idev->group_node);
	if (!list_empty(&group->devices)) {
		iommufd_map_unreserve(ioas_of(hwpt)->map, idev);
		return NULL;
	}
	if (!idev->noiommu)
		iommu_device_detach_domain(idev->dev, hwpt->domain);
	group->hwpt = NULL;
	leave_hwpt(hwpt);
	iommufd_map_unreserve(ioas_of(hwpt)->map, idev);
	return hwpt;
}
