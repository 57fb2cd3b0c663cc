// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments: which page table a group has for its requester ID, and for each of its
 * PASIDs.
 *
 * The IOMMU distinguishes groups, not devices, so a group of devices is attached as one:
 * the first device moves the group, the others join it, and each adds its reserved
 * regions.
 *
 * A page table is made to be used by PASIDs or not: some hardware has a format for it of
 * its own, and some looks a PASID up in what the requester ID is attached to. So the
 * requester ID and the PASIDs of a group that has both are on such page tables.
 */
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "../iommu-xarray.h"
#include "device.h"
#include "fault.h"
#include "hwpt.h"
#include "ioas.h"
#include "map/map.h"
#include "object.h"
#include "sw_msi.h"

static struct iommufd_ioas *ioas_of(struct iommufd_hwpt_common *hwpt)
{
	return iommufd_hwpt_paging_of(hwpt)->ioas;
}

static bool is_pasid(const struct iommufd_attachment *att)
{
	return att->pasid != IOMMU_NO_PASID;
}

/**
 * iommufd_attachment_find() - find the record of a PASID
 * @group: group, locked
 * @pasid: PASID that user space has chosen; %IOMMU_NO_PASID for what the group is for:
 *         the requester ID, or the PASID that a device was bound by
 *
 * Context: any.
 * Return: the record, or NULL when no device of the context has the PASID attached.
 */
struct iommufd_attachment *iommufd_attachment_find(struct iommufd_group *group,
						   ioasid_t pasid)
{
	lockdep_assert_held(&group->lock);
	if (pasid == IOMMU_NO_PASID)
		return &group->own;
	return xa_load(&group->pasids, pasid);
}

/**
 * iommufd_attachment_link() - find a device's part in an attachment
 * @idev: device; its group is locked
 * @pasid: as for iommufd_attachment_find()
 *
 * Context: any.
 * Return: the device's part, or NULL when it is not attached.
 */
struct iommufd_attach_link *iommufd_attachment_link(struct iommufd_device *idev,
						    ioasid_t pasid)
{
	struct iommufd_attachment *att;
	struct iommufd_attach_link *link;

	att = iommufd_attachment_find(idev->group, pasid);
	if (!att)
		return NULL;
	list_for_each_entry(link, &att->links, node)
		if (link->idev == idev)
			return link;
	return NULL;
}

/* Records of PASIDs come with the first device and go with the last */

static struct iommufd_attachment *get_record(struct iommufd_group *group,
					     ioasid_t pasid)
{
	struct iommufd_attachment *att = iommufd_attachment_find(group, pasid);
	int err;

	if (att)
		return att;
	att = kzalloc(sizeof(*att), GFP_KERNEL_ACCOUNT);
	if (!att)
		return ERR_PTR(-ENOMEM);
	iommufd_attachment_init(att, pasid);
	err = xa_insert(&group->pasids, pasid, att, GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(att);
		return ERR_PTR(err);
	}
	return att;
}

static void put_record(struct iommufd_group *group,
		       struct iommufd_attachment *att)
{
	if (att == &group->own || !list_empty(&att->links))
		return;
	xa_erase(&group->pasids, att->pasid);
	kfree(att);
}

/* Not in the list of the attachment yet */
static struct iommufd_attach_link *make_link(struct iommufd_device *idev,
					     ioasid_t pasid)
{
	struct iommufd_attachment *att = get_record(idev->group, pasid);
	struct iommufd_attach_link *link;

	if (IS_ERR(att))
		return ERR_CAST(att);
	link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);
	if (!link) {
		put_record(idev->group, att);
		return ERR_PTR(-ENOMEM);
	}
	link->idev = idev;
	link->att = att;
	return link;
}

/* No longer in the list of the attachment */
static void free_link(struct iommufd_attach_link *link)
{
	put_record(link->idev->group, link->att);
	kfree(link);
}

/* What a group may have at the same time */
static int check_pasids(struct iommufd_group *group,
			struct iommufd_attachment *att,
			struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_common *own = group->own.hwpt;

	if (!is_pasid(att))
		return iommu_xa_is_empty(&group->pasids) || hwpt->for_pasids ? 0 : -EINVAL;
	if (!hwpt->for_pasids || (own && !own->for_pasids))
		return -EINVAL;
	/* Made without a driver's entry for it, and finished with a requester ID only */
	return iommufd_hwpt_paging_of(hwpt)->filled ? 0 : -EINVAL;
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

static int check_all(struct iommufd_attachment *att,
		     struct iommufd_hwpt_paging *paging)
{
	struct iommufd_attach_link *link;
	int err;

	list_for_each_entry(link, &att->links, node) {
		err = check_device(link->idev, paging);
		if (err)
			return err;
	}
	return 0;
}

/*
 * If a device's IOMMU can enforce coherency, VFIO has told KVM that all DMA of the
 * device is coherent: its page table must enforce it.
 */
static bool needs_coherency(struct iommufd_attach_link *link)
{
	struct iommufd_attach_link *other;

	if (can_enforce_coherency(link->idev))
		return true;
	list_for_each_entry(other, &link->att->links, node)
		if (can_enforce_coherency(other->idev))
			return true;
	return false;
}

/*
 * The last step before the move, as it cannot be undone. A domain that is finished at
 * its first attach is handled by finish_and_fill().
 */
static int enforce_coherency(struct iommufd_attach_link *link,
			     struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	int err;

	if (paging->enforces_coherency || !needs_coherency(link))
		return 0;
	if (!paging->complete && !paging->filled)
		return 0;
	err = iommu_device_fits_domain(link->idev->dev, hwpt->domain,
				       link->att->pasid);
	if (err)
		return err;
	return iommufd_hwpt_paging_enforce_coherency(paging);
}

static struct iommu_attach_handle *base_of(struct iommufd_fault_handle *handle)
{
	return handle ? &handle->base : NULL;
}

/* Interrupts are raised without a PASID, so PASIDs need no doorbells */
static int move_requester(struct iommufd_device *idev,
			  struct iommufd_hwpt_common *hwpt,
			  struct iommufd_fault_handle *handle)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	int err;

	err = iommufd_sw_msi_install(paging, idev->dev);
	if (err)
		return err;
	err = iommu_device_replace_handle(idev->dev, hwpt->domain,
					  base_of(handle));
	if (err && !paging->nr_groups)
		iommufd_sw_msi_remove(paging);
	return err;
}

static int move_pasid(struct iommufd_device *idev,
		      struct iommufd_attachment *att,
		      struct iommufd_hwpt_common *hwpt,
		      struct iommufd_fault_handle *handle)
{
	if (att->hwpt)
		return iommu_replace_device_pasid(hwpt->domain, idev->dev,
						  att->pasid, base_of(handle));
	if (iommufd_device_is_pasid(idev))
		return iommu_attach_device_pasid(hwpt->domain, idev->dev,
						 att->pasid, base_of(handle));
	return iommu_owner_attach_pasid(hwpt->domain, idev->dev, att->pasid,
					base_of(handle));
}

/*
 * Attach the group to @hwpt. On failure it stays on its page table. Page requests that
 * @handle, or the attachment's own, has been given are answered without waiting for user
 * space, so the locks may be held.
 */
static int move(struct iommufd_attach_link *link,
		struct iommufd_hwpt_common *hwpt,
		struct iommufd_fault_handle *handle)
{
	if (link->idev->noiommu)
		return 0;
	if (is_pasid(link->att))
		return move_pasid(link->idev, link->att, hwpt, handle);
	return move_requester(link->idev, hwpt, handle);
}

/* What an attach makes possible, in the order in which entries are made */
static int finish_and_fill(struct iommufd_attach_link *link,
			   struct iommufd_hwpt_paging *paging)
{
	int err = 0;

	if (needs_coherency(link))
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
static int fill_after_move(struct iommufd_attach_link *link,
			   struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	struct iommu_attach_handle *handle = base_of(link->att->handle);
	struct iommufd_hwpt_common *old = link->att->hwpt;
	struct device *dev = link->idev->dev;
	int err, back = 0;

	/* Always so for PASIDs */
	if (paging->filled)
		return 0;
	err = finish_and_fill(link, paging);
	if (!err)
		return 0;
	if (old)
		back = iommu_device_return_domain(dev, old->domain, handle);
	/* Better without page requests than not at all */
	if (back && handle)
		back = iommu_device_return_domain(dev, old->domain, NULL);
	if (!old || back)
		iommu_device_detach_domain(dev, hwpt->domain);
	if (!paging->nr_groups)
		iommufd_sw_msi_remove(paging);
	return err;
}

static int move_with_handle(struct iommufd_attach_link *link,
			    struct iommufd_hwpt_common *hwpt,
			    struct iommufd_fault_handle *handle)
{
	int err;

	err = enforce_coherency(link, hwpt);
	if (err)
		return err;
	err = move(link, hwpt, handle);
	if (err)
		return err;
	return fill_after_move(link, hwpt);
}

static int move_and_fill(struct iommufd_attach_link *link,
			 struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_attachment *att = link->att;
	struct iommufd_fault_handle *handle = NULL;
	int err;

	if (hwpt->fault) {
		handle = iommufd_fault_handle_alloc(hwpt->fault,
						    link->idev->group);
		if (!handle)
			return -ENOMEM;
	}
	err = move_with_handle(link, hwpt, handle);
	if (err) {
		kfree(handle);
		return err;
	}
	kfree(att->handle);
	att->handle = handle;
	att->hwpt = hwpt;
	if (!is_pasid(att))
		iommufd_hwpt_paging_of(hwpt)->nr_groups++;
	/* matches iommufd_hwpt_put() */
	iommufd_object_add_user(&hwpt->obj);
	return 0;
}

static int attach_link(struct iommufd_attach_link *link,
		       struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	struct iommufd_attachment *att = link->att;
	int err;

	if (att->hwpt && att->hwpt != hwpt)
		return -EINVAL;
	err = check_device(link->idev, paging);
	if (err)
		return err;
	err = iommufd_reserve(link->idev, paging->ioas);
	if (err)
		return err;
	if (att->hwpt)
		err = enforce_coherency(link, hwpt);
	else
		err = move_and_fill(link, hwpt);
	if (err) {
		iommufd_unreserve(link->idev, paging->ioas);
		return err;
	}
	list_add_tail(&link->node, &att->links);
	if (att != &link->idev->group->own)
		link->idev->nr_pasids++;
	return 0;
}

/**
 * iommufd_attachment_attach() - attach a device, or a PASID of it
 * @idev: device
 * @pasid: as for iommufd_attachment_find()
 * @hwpt: page table; its address space is locked and it is not retired
 *
 * The first device of a group attaches the group. The others must ask for the
 * page table that the group has.
 *
 * Context: may sleep and pin memory; the group is locked.
 * Return: 0; -EINVAL when device and page table do not fit, the group has another
 * one, or what is attached to its requester ID and its PASIDs must not be at the same
 * time; -EBUSY when it is attached; -EADDRINUSE when the device's reserved regions meet
 * mappings or the allowed list; -ENOMEM; other errors of the driver and of pinning.
 */
int iommufd_attachment_attach(struct iommufd_device *idev, ioasid_t pasid,
			      struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_attach_link *link;
	int err;

	lockdep_assert_held(&group->lock);
	lockdep_assert_held(&ioas_of(hwpt)->lock);
	link = make_link(idev, pasid);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = check_pasids(group, link->att, hwpt);
	if (!err && iommufd_attachment_link(idev, pasid))
		err = -EBUSY;
	if (!err)
		err = attach_link(link, hwpt);
	if (err)
		free_link(link);
	return err;
}

/**
 * iommufd_attachment_replace() - move what is attached to another page table
 * @link: a device's part in the attachment
 * @hwpt: new page table; its address space is locked and it is not retired
 *
 * All devices of the group move together. On failure nothing has changed:
 * neither the translation nor the reserved addresses of any address space.
 * When the page table of the group is another one afterwards, the caller must hand
 * the old one to iommufd_attachment_leave() once @hwpt's address space is unlocked,
 * and to iommufd_hwpt_put() once the group is.
 *
 * Context: may sleep and pin memory; the group is locked.
 * Return: as iommufd_attachment_attach().
 */
int iommufd_attachment_replace(struct iommufd_attach_link *link,
			       struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);
	struct iommufd_group *group = link->idev->group;
	struct iommufd_attachment *att = link->att;
	bool other_ioas = ioas_of(att->hwpt) != paging->ioas;
	int err;

	lockdep_assert_held(&group->lock);
	lockdep_assert_held(&paging->ioas->lock);
	if (att->hwpt == hwpt)
		return 0;
	err = check_pasids(group, att, hwpt);
	if (err)
		return err;
	err = check_all(att, paging);
	if (err)
		return err;
	/* Within one address space the reservations simply stay */
	if (other_ioas) {
		err = iommufd_reserve_all(att, paging->ioas);
		if (err)
			return err;
	}
	err = move_and_fill(link, hwpt);
	if (err && other_ioas)
		iommufd_unreserve_all(att, paging->ioas);
	return err;
}

static void leave_hwpt(struct iommufd_attachment *att,
		       struct iommufd_hwpt_common *hwpt)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);

	if (is_pasid(att))
		return;
	mutex_lock(&paging->ioas->lock);
	/* Before the window that holds the doorbells loses its reservation */
	if (!--paging->nr_groups)
		iommufd_sw_msi_remove(paging);
	mutex_unlock(&paging->ioas->lock);
}

/**
 * iommufd_attachment_leave() - give up a page table that was replaced
 * @att: what is now attached to another one
 * @old: what it was attached to before, or NULL, which is ignored
 *
 * The group stays a user of @old: iommufd_hwpt_put() may wait for calls
 * that wait for the group's lock.
 *
 * Context: may sleep; the group is locked, no address space is.
 */
void iommufd_attachment_leave(struct iommufd_attachment *att,
			      struct iommufd_hwpt_common *old)
{
	if (!old)
		return;
	leave_hwpt(att, old);
	if (ioas_of(old) != ioas_of(att->hwpt))
		iommufd_unreserve_all(att, ioas_of(old));
}

static void block(struct iommufd_device *idev, struct iommufd_attachment *att)
{
	struct iommu_domain *domain = att->hwpt->domain;

	if (idev->noiommu)
		return;
	if (is_pasid(att))
		iommu_detach_device_pasid(domain, idev->dev, att->pasid);
	else
		iommu_device_detach_domain(idev->dev, domain);
}

/**
 * iommufd_attachment_detach() - detach a device, or a PASID of it
 * @link: the device's part in the attachment; gone on return
 *
 * With the last device of the group its DMA is blocked, if there is an IOMMU.
 *
 * Context: may sleep; the group is locked, no address space is.
 * Return: page table that the caller must hand to iommufd_hwpt_put()
 * once the group is unlocked, or NULL while other devices of the group stay
 * attached.
 */
struct iommufd_hwpt_common *
iommufd_attachment_detach(struct iommufd_attach_link *link)
{
	struct iommufd_attachment *att = link->att;
	struct iommufd_hwpt_common *hwpt = att->hwpt;
	struct iommufd_ioas *ioas = ioas_of(hwpt);
	bool last;

	lockdep_assert_held(&link->idev->group->lock);
	list_del(&link->node);
	if (att != &link->idev->group->own)
		link->idev->nr_pasids--;
	last = list_empty(&att->links);
	if (last) {
		block(link->idev, att);
		kfree(att->handle);
		att->handle = NULL;
		att->hwpt = NULL;
		leave_hwpt(att, hwpt);
	}
	iommufd_unreserve(link->idev, ioas);
	free_link(link);
	return last ? hwpt : NULL;
}

static void forget_device(struct iommufd_attachment *att, struct device *dev)
{
	if (att->handle)
		iommufd_fault_forget_device(att->handle->fault, dev);
}

/**
 * iommufd_attachments_forget_device() - user space forgets the ID of a device
 * @idev: device that is not attached, and has been removed from its group's list. Devices
 *        of the group may still be attached, and bring page requests of it
 *
 * Context: may sleep.
 */
void iommufd_attachments_forget_device(struct iommufd_device *idev)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_attachment *att;
	unsigned long pasid;

	mutex_lock(&group->lock);
	forget_device(&group->own, idev->dev);
	xa_for_each(&group->pasids, pasid, att) {
		forget_device(att, idev->dev);
		cond_resched();
	}
	mutex_unlock(&group->lock);
}
