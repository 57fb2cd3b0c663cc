// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group of VFIO, /dev/vfio/GROUP, with an iommufd in the place of a container.
 *
 *   VFIO_GROUP_SET_CONTAINER    the group holds a reference to the context, and
 *                               reserves the IOVAs that its devices cannot use in
 *                               the address space of the container's calls
 *   VFIO_GROUP_GET_DEVICE_FD    the first file of a device binds it to the
 *                               context, and attaches it to that address space
 *   last close of such a file   the device is closed, detached and unbound
 *   VFIO_GROUP_UNSET_CONTAINER  the reservations and the reference are dropped
 *
 * Locks.
 *   group->group_lock      the context, and the number of device files that use it
 *   device->iommufd_lock   first and last file of a device. Attaching may pin
 *                          all memory of a guest, so it happens outside of
 *                          group_lock: calls for the status of the group, and
 *                          opens of its other devices, do not wait for it
 *   group->device_lock     within group_lock: the devices of the group stay
 */

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommufd.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "group_iommufd.h"
#include "iommufd.h"
#include "vfio.h"

/* Device whose requests the IOMMU translates, or NULL */
static struct device *translated(const struct vfio_device *device)
{
	if (device->group->type == VFIO_IOMMU)
		return device->dev;
	return vfio_iommufd_parent(device);
}

/* Collect the IOVAs that the devices of a group behind an IOMMU cannot use */
static struct iommufd_container_group *describe(struct vfio_group *group)
{
	struct iommufd_container_group *result;
	struct vfio_device *device;
	struct device *dev;
	int err = 0;

	result = iommufd_container_group_create();
	if (!result)
		return ERR_PTR(-ENOMEM);

	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next) {
		dev = translated(device);
		if (!err && dev)
			err = iommufd_container_group_add_device(result, dev);
	}
	mutex_unlock(&group->device_lock);
	if (!err)
		return result;
	iommufd_container_group_free(result);
	return ERR_PTR(err);
}

static int join(struct vfio_group *group, struct iommufd_ctx *ctx)
{
	struct iommufd_container_group *joined = describe(group);
	int err;

	if (IS_ERR(joined))
		return PTR_ERR(joined);
	err = iommufd_container_join(ctx, joined);
	if (err)
		iommufd_container_group_free(joined);
	else
		group->iommufd_joined = joined;
	return err;
}

/**
 * vfio_group_iommufd_set() - let a group use an iommufd
 * @group: group that uses nothing yet
 * @file: what user space gave as container
 *
 * Context: may sleep; group_lock held.
 * Return: 0; -EINVAL when @file is no /dev/iommu, serves groups of the other
 * kind, with and without an IOMMU, or has memory mapped where a device of the
 * group cannot reach it; -EPERM for a group without an IOMMU and a caller without
 * CAP_SYS_RAWIO; -ENOMEM; -EBUSY when all IDs of the context are taken.
 */
int vfio_group_iommufd_set(struct vfio_group *group, struct file *file)
{
	struct iommufd_ctx *ctx;
	int err;

	lockdep_assert_held(&group->group_lock);
	ctx = iommufd_ctx_from_file(file);
	if (IS_ERR(ctx))
		return -EINVAL;

	if (group->type != VFIO_NO_IOMMU)
		err = join(group, ctx);
	else if (capable(CAP_SYS_RAWIO))
		err = iommufd_container_use_noiommu(ctx);
	else
		err = -EPERM;
	if (err) {
		iommufd_ctx_put(ctx);
		return err;
	}
	group->iommufd = ctx;		/* matches vfio_group_iommufd_unset() */
	group->container_users = 1;
	return 0;
}

/**
 * vfio_group_iommufd_unset() - undo vfio_group_iommufd_set()
 * @group: group without open devices
 *
 * Context: may sleep; group_lock held.
 */
void vfio_group_iommufd_unset(struct vfio_group *group)
{
	lockdep_assert_held(&group->group_lock);
	WARN_ON_ONCE(group->container_users != 1);

	if (group->iommufd_joined)
		iommufd_container_leave(group->iommufd_joined);
	group->iommufd_joined = NULL;
	iommufd_ctx_put(group->iommufd);
	group->iommufd = NULL;
	group->container_users = 0;
}

/* Whether a device of the group was reset since the count was @resets */
static bool met_reset(struct vfio_device *device, unsigned int resets)
{
	return translated(device) &&
	       iommu_device_wait_for_reset(translated(device), &resets) > 0;
}

/* Programs for VFIO's containers do not expect -EBUSY during a reset: wait and retry */
static int attach_after_reset(struct vfio_device *device, u32 *ioas_id)
{
	const struct vfio_iommufd_ops *ops = device->iommufd_ops;
	unsigned int resets = 0;
	int err, met = 0;

	do {
		if (translated(device))
			met = iommu_device_wait_for_reset(translated(device),
							  &resets);
		if (met < 0)
			return met;
		err = ops->attach(device, ioas_id);
	} while (err == -EBUSY && met_reset(device, resets));
	return err;
}

static int bind_and_attach(struct vfio_device *device, struct iommufd_ctx *ctx)
{
	const struct vfio_iommufd_ops *ops = device->iommufd_ops;
	u32 ioas_id, dev_id;
	int err;

	err = iommufd_container_ioas_id(ctx, &ioas_id);
	if (err)
		return err;
	err = ops->bind(device, ctx, &dev_id);
	if (err)
		return err;
	err = attach_after_reset(device, &ioas_id);
	if (err)
		ops->unbind(device);
	/* The address space was destroyed since: the same error as without one */
	return err == -ENOENT ? -ENODEV : err;
}

/* A device without an IOMMU does not use the context */
static bool uses_iommufd(const struct vfio_device *device)
{
	return device->group->iommufd && device->iommufd_ops &&
	       device->group->type != VFIO_NO_IOMMU;
}

/**
 * vfio_group_iommufd_use() - let a file of a device use its group's iommufd
 * @device: device of a group that has something to use, iommufd or container
 *
 * The caller is counted in the group's container_users, so the group keeps its
 * iommufd or container. Does nothing when it has a container, or when the device
 * is not behind an IOMMU; refuses a device that uses a PASID when it has a container.
 *
 * Context: may sleep, as long as page faults of mapped memory take; no locks
 * held.
 * Return: 0; -EINVAL for a PASID with a container; -EINTR on a fatal signal; -ENODEV
 * when the context has lost its address space; what binding and attaching return.
 */
int vfio_group_iommufd_use(struct vfio_device *device)
{
	struct iommufd_ctx *ctx = device->group->iommufd;
	int err = 0;

	/* A container has no page table for its PASID */
	if (!ctx && vfio_iommufd_parent(device))
		return -EINVAL;
	if (!uses_iommufd(device))
		return 0;
	if (mutex_lock_killable(&device->iommufd_lock))
		return -EINTR;
	if (!device->iommufd_users)
		err = bind_and_attach(device, ctx);
	if (!err)
		device->iommufd_users++;
	mutex_unlock(&device->iommufd_lock);
	return err;
}

/**
 * vfio_group_iommufd_unuse() - undo vfio_group_iommufd_use()
 * @device: device; if this is its last file the driver has closed it
 *
 * Context: may sleep; no locks held.
 */
void vfio_group_iommufd_unuse(struct vfio_device *device)
{
	if (!uses_iommufd(device))
		return;
	mutex_lock(&device->iommufd_lock);
	if (!--device->iommufd_users)
		device->iommufd_ops->unbind(device);
	mutex_unlock(&device->iommufd_lock);
}
