// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching of bound devices: what an ID of user space stands for, and which page table
 * is used for an address space.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "../iommu-xarray.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "object.h"

/**
 * struct change - what an attach or a replace is to do
 * @idev: the device
 * @pasid: PASID that user space has chosen, or %IOMMU_NO_PASID
 * @link: what is to be replaced; NULL for an attach
 */
struct change {
	struct iommufd_device *idev;
	ioasid_t pasid;
	struct iommufd_attach_link *link;
};

static int set_hwpt(const struct change *change,
		    struct iommufd_hwpt_common *hwpt)
{
	if (change->link)
		return iommufd_attachment_replace(change->link, hwpt);
	return iommufd_attachment_attach(change->idev, change->pasid, hwpt);
}

static int set_new_automatic(const struct change *change,
			     struct iommufd_ioas *ioas)
{
	struct iommufd_device *idev = change->idev;
	u32 flags = iommufd_device_is_pasid(idev) ? IOMMU_ALLOC_PASID : 0;
	struct iommufd_hwpt_paging *hwpt;
	int err;

	hwpt = iommufd_hwpt_paging_alloc(idev->ctx, ioas, idev, flags, NULL,
					 true);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	err = iommufd_hwpt_paging_prefill(hwpt);
	if (!err)
		err = set_hwpt(change, &hwpt->common);
	if (err) {
		iommufd_hwpt_paging_abort(hwpt);
		return err;
	}
	iommufd_object_publish(idev->ctx, &hwpt->common.obj);
	return 0;
}

/* Nothing can be nested in an automatic page table */
static bool is_automatic_of(struct iommufd_hwpt_common *hwpt,
			    struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt_paging *paging = iommufd_hwpt_paging_of(hwpt);

	return paging->automatic && paging->ioas == ioas;
}

/* Use an automatic page table of @ioas that takes the device, or make one */
static int set_ioas(const struct change *change, struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt_common *now = change->idev->group->own.hwpt;
	struct iommufd_hwpt_paging *hwpt;
	int err;

	/* Automatic ones are not made for PASIDs that user space chooses */
	if (change->pasid != IOMMU_NO_PASID)
		return -EINVAL;
	if (now && is_automatic_of(now, ioas))
		return set_hwpt(change, now);
	/* Its group is on another page table: attaching to a new one would fail */
	if (now && !change->link)
		return -EINVAL;

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_node) {
		if (!hwpt->automatic)
			continue;
		err = set_hwpt(change, &hwpt->common);
		/* -EINVAL means that the two do not fit, and nothing else */
		if (err != -EINVAL)
			return err;
	}
	/* Spare the filling of one that cannot be attached beside PASIDs */
	if (!iommu_xa_is_empty(&change->idev->group->pasids))
		return -EINVAL;
	return set_new_automatic(change, ioas);
}

static int set_pt_locked(const struct change *change, struct iommufd_object *pt)
{
	struct iommufd_hwpt_common *hwpt;

	if (pt->type == IOMMUFD_OBJ_IOAS)
		return set_ioas(change,
				container_of(pt, struct iommufd_ioas, obj));

	hwpt = container_of(pt, struct iommufd_hwpt_common, obj);
	if (iommufd_hwpt_paging_of(hwpt)->retired)
		return -ENOENT;
	return set_hwpt(change, hwpt);
}

static struct iommufd_ioas *ioas_of(struct iommufd_object *pt)
{
	struct iommufd_hwpt_common *hwpt;

	if (pt->type == IOMMUFD_OBJ_IOAS)
		return container_of(pt, struct iommufd_ioas, obj);
	if (!iommufd_object_is_hwpt(pt))
		return NULL;
	hwpt = container_of(pt, struct iommufd_hwpt_common, obj);
	return iommufd_hwpt_paging_of(hwpt)->ioas;
}

static struct iommufd_hwpt_common *hwpt_of(struct iommufd_group *group,
					   ioasid_t pasid)
{
	struct iommufd_attachment *att = iommufd_attachment_find(group, pasid);

	return att ? att->hwpt : NULL;
}

/* Whether an attach or a replace may be tried; sets what is to be replaced */
static int check_state(struct change *change, bool replace)
{
	struct iommufd_attach_link *link;

	link = iommufd_attachment_link(change->idev, change->pasid);
	if (replace) {
		change->link = link;
		return link ? 0 : -EINVAL;
	}
	/* With a PASID, whether the two fit is checked first */
	return link && change->pasid == IOMMU_NO_PASID ? -EINVAL : 0;
}

static int set_pt(struct iommufd_device *idev, ioasid_t pasid, u32 *pt_id,
		  bool replace)
{
	struct change change = { .idev = idev, .pasid = pasid };
	struct iommufd_group *group = idev->group;
	struct iommufd_hwpt_common *left = NULL;
	struct iommufd_hwpt_common *old, *now;
	struct iommufd_object *pt;
	struct iommufd_ioas *ioas;
	int err;

	pt = iommufd_object_get(idev->ctx, *pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt))
		return PTR_ERR(pt);
	ioas = ioas_of(pt);
	if (!ioas) {
		err = -EINVAL;
		goto out_put;
	}

	if (mutex_lock_killable(&group->lock)) {
		err = -EINTR;
		goto out_put;
	}
	err = check_state(&change, replace);
	if (err)
		goto out_unlock_group;
	if (mutex_lock_killable(&ioas->lock)) {
		err = -EINTR;
		goto out_unlock_group;
	}
	old = hwpt_of(group, pasid);
	err = set_pt_locked(&change, pt);
	mutex_unlock(&ioas->lock);
	now = hwpt_of(group, pasid);
	if (!err)
		*pt_id = now->obj.id;
	if (now != old) {
		left = old;
		iommufd_attachment_leave(iommufd_attachment_find(group, pasid),
					 left);
	}
out_unlock_group:
	mutex_unlock(&group->lock);
out_put:
	/* First our own reference, for which the destruction of @left may wait */
	iommufd_object_put(idev->ctx, pt);
	iommufd_hwpt_put(left);
	return err;
}

static bool has_pasid(struct iommufd_device *idev, ioasid_t pasid)
{
	if (pasid == IOMMU_NO_PASID)
		return true;
	return pasid <= IOMMU_PASID_MAX && !idev->noiommu &&
	       !iommufd_device_is_pasid(idev);
}

/**
 * iommufd_device_attach() - let a device translate through a page table
 * @idev: bound device that is not attached
 * @pasid: %IOMMU_NO_PASID: the device itself, its requester ID or the PASID that it was
 *         bound by; otherwise one of its PASIDs
 * @pt_id: in: ID of an address space or a page table; out: ID of the page
 *         table that is used
 *
 * Context: may sleep and pin memory.
 * Return: 0; -ENOENT when the ID finds nothing; -EINVAL when it finds another
 * kind, device and page table do not fit, another device of the group has
 * another page table, or the device is attached; -EADDRINUSE when reserved
 * regions meet mappings or the allowed list; -EFAULT, -ENOMEM when memory
 * cannot be pinned; -EINTR when the caller is being killed; -ERESTARTNOINTR for
 * another signal, which a system call passes on to be made again. For a PASID also:
 * -EINVAL for an address space, when the device has no such PASID, or when the page
 * table, or that of the requester ID, is not for PASIDs; -EBUSY when it is attached.
 */
int iommufd_device_attach(struct iommufd_device *idev, ioasid_t pasid,
			  u32 *pt_id)
{
	return has_pasid(idev, pasid) ? set_pt(idev, pasid, pt_id, false) :
					-EINVAL;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_attach, IOMMUFD);

/**
 * iommufd_device_replace() - switch an attached device to another page table
 * @idev: attached device; all attached devices of its group switch with it
 * @pasid: as for iommufd_device_attach()
 * @pt_id: as for iommufd_device_attach()
 *
 * On failure the device translates as before and every address space reserves
 * what it did before.
 *
 * Context: may sleep and pin memory.
 * Return: as iommufd_device_attach(); -EINVAL when it is not attached.
 */
int iommufd_device_replace(struct iommufd_device *idev, ioasid_t pasid,
			   u32 *pt_id)
{
	return has_pasid(idev, pasid) ? set_pt(idev, pasid, pt_id, true) :
					-EINVAL;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_replace, IOMMUFD);

/**
 * iommufd_device_detach() - end a device's attachment
 * @idev: bound device; nothing happens when it is not attached
 * @pasid: as for iommufd_device_attach()
 *
 * The requester ID and the PASIDs of a device do not depend on each other.
 *
 * Context: may sleep.
 */
void iommufd_device_detach(struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_hwpt_common *hwpt = NULL;
	struct iommufd_attach_link *link;

	mutex_lock(&idev->group->lock);
	link = iommufd_attachment_link(idev, pasid);
	if (link)
		hwpt = iommufd_attachment_detach(link);
	mutex_unlock(&idev->group->lock);
	iommufd_hwpt_put(hwpt);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach, IOMMUFD);

/* The first PASID, from @pasid on, that a device has attached; 0 if there is none */
static ioasid_t next_pasid(struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_attachment *att;
	unsigned long index;
	ioasid_t found = IOMMU_NO_PASID;

	mutex_lock(&group->lock);
	xa_for_each_start(&group->pasids, index, att, pasid) {
		if (iommufd_attachment_link(idev, index)) {
			found = index;
			break;
		}
		cond_resched();
	}
	mutex_unlock(&group->lock);
	return found;
}

/**
 * iommufd_device_detach_all() - end all attachments of a device
 * @idev: bound device; no other call attaches or detaches it
 *
 * Context: may sleep.
 */
void iommufd_device_detach_all(struct iommufd_device *idev)
{
	ioasid_t pasid = IOMMU_NO_PASID;

	while ((pasid = next_pasid(idev, pasid + 1))) {
		iommufd_device_detach(idev, pasid);
		cond_resched();
	}
	iommufd_device_detach(idev, IOMMU_NO_PASID);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach_all, IOMMUFD);

/**
 * iommufd_device_is_attached() - tell whether a device has something attached
 * @idev: bound device
 * @pasid: as for iommufd_device_attach()
 *
 * Context: may sleep. The answer is good for as long as the caller lets no other call
 * attach or detach @idev.
 * Return: whether iommufd_device_replace() is the call to change it, and not
 * iommufd_device_attach(); -EINTR when the caller is being killed.
 */
int iommufd_device_is_attached(struct iommufd_device *idev, ioasid_t pasid)
{
	int ret;

	if (mutex_lock_killable(&idev->group->lock))
		return -EINTR;
	ret = !!iommufd_attachment_link(idev, pasid);
	mutex_unlock(&idev->group->lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_is_attached, IOMMUFD);
