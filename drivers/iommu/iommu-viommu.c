// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs, between their owner (iommufd) and the drivers of IOMMUs.
 *
 * A driver finds a device by the guest's ID for it when it passes invalidations on, and
 * the guest's ID of a device when it reports an event. Both take place at any time and in
 * any context, so the lookups are in RCU read-side critical sections: a device's name is
 * taken from both tables first, and its struct is freed after a grace period. When that
 * is over, nothing of the IOMMU's driver uses the device on behalf of the guest.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-viommu.h>
#include <linux/iommu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "iommu-attach.h"
#include "iommu-group.h"
#include "iommu-xarray.h"

static const struct iommu_viommu_ops *ops_of_type(struct device *dev, u32 type)
{
	const struct iommu_ops_ext *ext = NULL;

	if (iommu_device_usable(dev))
		ext = dev_iommu_ops(dev)->ext;
	return ext && ext->viommu_ops ? ext->viommu_ops(dev, type) : NULL;
}

/**
 * iommu_device_has_viommu() - tell whether a device's IOMMU offers a virtual one
 * @dev: device
 * @type: its type, a number of the user ABI
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: 0, or -EOPNOTSUPP.
 */
int iommu_device_has_viommu(struct device *dev, u32 type)
{
	return ops_of_type(dev, type) ? 0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_has_viommu, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_create() - make a virtual IOMMU of a device's IOMMU
 * @dev: device
 * @type: its type, a number of the user ABI
 * @parent: paging domain, made with %IOMMU_ALLOC_NEST_PARENT
 * @owner: what the caller does for drivers
 * @owner_data: of the caller
 * @blob: what user space gave; the driver may put results into it; NULL without
 *
 * Context: may sleep. @dev must not leave its group meanwhile.
 * Return: virtual IOMMU for iommu_viommu_destroy(), or ERR_PTR(): -EOPNOTSUPP when there
 * is no such type; -EINVAL when @parent is another driver's, or is nested itself;
 * -ENOMEM; the driver's error.
 */
struct iommu_viommu *
iommu_viommu_create(struct device *dev, u32 type, struct iommu_domain *parent,
		    const struct iommu_viommu_owner_ops *owner,
		    void *owner_data, struct iommu_user_blob *blob)
{
	const struct iommu_viommu_ops *ops = ops_of_type(dev, type);
	struct iommu_viommu *viommu;
	int err;

	if (!ops)
		return ERR_PTR(-EOPNOTSUPP);
	if (parent->owner != dev_iommu_ops(dev) ||
	    parent->type != IOMMU_DOMAIN_UNMANAGED ||
	    WARN_ON_ONCE(ops->viommu_bytes < sizeof(*viommu)))
		return ERR_PTR(-EINVAL);
	viommu = kzalloc(ops->viommu_bytes, GFP_KERNEL_ACCOUNT);
	if (!viommu)
		return ERR_PTR(-ENOMEM);
	viommu->ops = ops;
	viommu->owner = owner;
	viommu->owner_data = owner_data;
	viommu->iommu = dev->iommu->iommu_dev;
	viommu->parent = parent;
	viommu->type = type;
	xa_init_flags(&viommu->vdevices, XA_FLAGS_ACCOUNT);
	err = ops->init(viommu, dev, blob);
	if (err) {
		kfree(viommu);
		return ERR_PTR(err);
	}
	return viommu;
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_create, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_destroy() - undo iommu_viommu_create()
 * @viommu: virtual IOMMU without nested domains, devices and queues; gone on return
 *
 * If hardware may still walk a page table that was nested in its parent, its numbers and
 * memory cannot be used again. Then it is leaked, as that page table was.
 *
 * Context: may sleep.
 * Return: true when the driver has taken it apart; false when it is leaked, with the memory
 * that the driver has published, and the owner has to unpublish that.
 */
bool iommu_viommu_destroy(struct iommu_viommu *viommu)
{
	WARN_ON_ONCE(!iommu_xa_is_empty(&viommu->vdevices));
	if (READ_ONCE(viommu->parent->kept)) {
		iommu_group_err(NULL, "virtual IOMMU destroyed while in use: leaked");
		return false;
	}
	if (viommu->ops->destroy)
		viommu->ops->destroy(viommu);
	xa_destroy(&viommu->vdevices);
	kfree(viommu);
	return true;
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_destroy, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_serves() - tell whether a device is behind a virtual IOMMU's hardware
 * @viommu: virtual IOMMU
 * @dev: device
 *
 * Drivers may have several IOMMUs, whose tables have nothing in common.
 *
 * Context: any. @dev must not leave its group.
 * Return: whether it is.
 */
bool iommu_viommu_serves(struct iommu_viommu *viommu, struct device *dev)
{
	return iommu_device_usable(dev) &&
	       dev->iommu->iommu_dev == viommu->iommu;
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_serves, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_alloc_nested() - make a page table that a guest keeps
 * @viommu: virtual IOMMU
 * @dev: device that it is for
 * @flags: mask of IOMMU_ALLOC_*
 * @blob: its description
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: domain for iommu_domain_free(), which is due before the end of @viommu; or
 * ERR_PTR(): -EOPNOTSUPP when the driver makes none, or does not know the format or a
 * flag; -EINVAL when @dev is behind another IOMMU, when the driver's rules about @blob are
 * broken, or for a driver that made something else, with one line in the log; -EFAULT when
 * @blob was not readable; -ENOMEM.
 */
struct iommu_domain *
iommu_viommu_alloc_nested(struct iommu_viommu *viommu, struct device *dev,
			  u32 flags, const struct iommu_user_blob *blob)
{
	struct iommu_domain *domain;

	if (!viommu->ops->alloc_nested)
		return ERR_PTR(-EOPNOTSUPP);
	if (!iommu_viommu_serves(viommu, dev))
		return ERR_PTR(-EINVAL);
	domain = viommu->ops->alloc_nested(viommu, dev, flags, blob);
	domain = iommu_domain_take_new(domain, dev_iommu_ops(dev),
				       IOMMU_DOMAIN_NESTED);
	if (!IS_ERR(domain))
		domain->nested_in = viommu->parent;
	return domain;
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_alloc_nested, IOMMUFD_INTERNAL);

/* Devices */

static struct iommu_vdevice *alloc_vdevice(struct iommu_viommu *viommu)
{
	size_t bytes = viommu->ops->vdevice_bytes ?:
		       sizeof(struct iommu_vdevice);

	if (WARN_ON_ONCE(bytes < sizeof(struct iommu_vdevice)))
		return NULL;
	return kzalloc(bytes, GFP_KERNEL_ACCOUNT);
}

/* The place is reserved, and this needs no memory */
static void publish_vdevice(struct iommu_vdevice *vdev)
{
	xa_store(&vdev->viommu->vdevices, vdev->virt_id, vdev, GFP_KERNEL);
	rcu_assign_pointer(vdev->dev->iommu->vdevice, vdev);
}

/**
 * iommu_vdevice_create() - name a device by the ID that a guest has for it
 * @viommu: virtual IOMMU that the guest sees it behind
 * @dev: device, which has no such name. It must not leave its group before
 *       iommu_vdevice_destroy()
 * @virt_id: the guest's ID
 *
 * Context: may sleep. The caller excludes other calls about @dev, and about @viommu.
 * Return: the name, for iommu_vdevice_destroy(), or ERR_PTR(): -EINVAL when @dev is behind
 * another IOMMU or none; -EEXIST when @viommu has a device of this ID; -ENOMEM; the
 * driver's error.
 */
struct iommu_vdevice *iommu_vdevice_create(struct iommu_viommu *viommu,
					   struct device *dev,
					   unsigned long virt_id)
{
	struct iommu_vdevice *vdev;
	int err;

	if (!iommu_viommu_serves(viommu, dev))
		return ERR_PTR(-EINVAL);
	vdev = alloc_vdevice(viommu);
	if (!vdev)
		return ERR_PTR(-ENOMEM);
	vdev->viommu = viommu;
	vdev->dev = dev;
	vdev->virt_id = virt_id;
	/* Without a value it is reserved, and lookups do not find it */
	err = xa_insert(&viommu->vdevices, virt_id, NULL, GFP_KERNEL_ACCOUNT);
	if (err) {
		err = err == -EBUSY ? -EEXIST : err;
		goto err_free;
	}
	if (viommu->ops->init_vdevice)
		err = viommu->ops->init_vdevice(vdev);
	if (err)
		goto err_release;
	publish_vdevice(vdev);
	return vdev;

err_release:
	xa_release(&viommu->vdevices, virt_id);
err_free:
	kfree(vdev);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_NS_GPL(iommu_vdevice_create, IOMMUFD_INTERNAL);

/**
 * iommu_vdevice_destroy() - undo iommu_vdevice_create()
 * @vdev: the name; gone on return
 *
 * Context: may sleep, for a grace period of RCU. Exclusion as iommu_vdevice_create().
 */
void iommu_vdevice_destroy(struct iommu_vdevice *vdev)
{
	struct iommu_viommu *viommu = vdev->viommu;

	RCU_INIT_POINTER(vdev->dev->iommu->vdevice, NULL);
	xa_erase(&viommu->vdevices, vdev->virt_id);
	synchronize_rcu();
	if (viommu->ops->destroy_vdevice)
		viommu->ops->destroy_vdevice(vdev);
	kfree(vdev);
}
EXPORT_SYMBOL_NS_GPL(iommu_vdevice_destroy, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_find() - find the device that a guest means
 * @viommu: virtual IOMMU
 * @virt_id: the guest's ID
 *
 * Context: any; in an RCU read-side critical section, which ends after the last use of
 * the result and of its device.
 * Return: the device's name, or NULL.
 */
struct iommu_vdevice *iommu_viommu_find(struct iommu_viommu *viommu,
					unsigned long virt_id)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "vdevice may be gone");
	return xa_load(&viommu->vdevices, virt_id);
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_find, IOMMUFD_INTERNAL);

/**
 * iommu_vdevice_of() - find what a guest knows a device as
 * @dev: device with an IOMMU driver
 *
 * Context: any; in an RCU read-side critical section, which ends after the last use of
 * the result and of its virtual IOMMU. @dev must not leave its group.
 * Return: the device's name, or NULL.
 */
struct iommu_vdevice *iommu_vdevice_of(struct device *dev)
{
	return rcu_dereference(dev->iommu->vdevice);
}
EXPORT_SYMBOL_NS_GPL(iommu_vdevice_of, IOMMUFD_INTERNAL);

/* Queues */

/**
 * iommu_hw_queue_alloc() - memory for a queue that hardware reads
 * @viommu: virtual IOMMU
 * @type: type of the queue, a number of the user ABI
 *
 * Context: may sleep.
 * Return: the queue, with @viommu and @type set, for kfree(); or ERR_PTR(): -EOPNOTSUPP
 * when there is no such type; -ENOMEM.
 */
struct iommu_hw_queue *iommu_hw_queue_alloc(struct iommu_viommu *viommu,
					    u32 type)
{
	struct iommu_hw_queue *queue;
	size_t bytes = 0;

	if (viommu->ops->hw_queue_bytes)
		bytes = viommu->ops->hw_queue_bytes(viommu, type);
	if (!bytes || WARN_ON_ONCE(bytes < sizeof(*queue)))
		return ERR_PTR(-EOPNOTSUPP);
	queue = kzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->viommu = viommu;
	queue->type = type;
	return queue;
}
EXPORT_SYMBOL_NS_GPL(iommu_hw_queue_alloc, IOMMUFD_INTERNAL);

/* What the owner does */

/**
 * iommu_viommu_report() - tell user space of an event
 * @viommu: virtual IOMMU
 * @type: type of the event, a number of the user ABI
 * @data: the event, as the ABI has it, with IDs of the guest
 * @len: its length in bytes, as &struct iommu_viommu_ops.event_bytes says
 *
 * Without room in the queue the event is lost, and user space is told that it was.
 *
 * Context: any, interrupt handlers included. @viommu stays, because of RCU for instance.
 * Return: 0; -EOPNOTSUPP when user space has no queue for the type; -EINVAL for another
 * length.
 */
int iommu_viommu_report(struct iommu_viommu *viommu, u32 type,
			const void *data, size_t len)
{
	return viommu->owner->report(viommu, type, data, len);
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_report, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_publish() - let user space map memory of a virtual IOMMU
 * @viommu: virtual IOMMU
 * @phys: physical address of the memory, page aligned
 * @len: its length in bytes, whole pages
 * @memory: what it is
 * @offset: set to where user space maps it in the file of the context, in bytes; to be
 *          told by a result of &struct iommu_viommu_ops.init
 *
 * A mapping keeps @viommu. The memory stays until its destruction, which calls
 * iommu_viommu_unpublish().
 *
 * Context: may sleep.
 * Return: 0; -EINVAL when it is not of whole pages, or too long; -ENOMEM; -EBUSY when all
 * offsets are taken.
 */
int iommu_viommu_publish(struct iommu_viommu *viommu, phys_addr_t phys,
			 size_t len, enum iommu_viommu_memory memory,
			 u64 *offset)
{
	return viommu->owner->publish(viommu, phys, len, memory, offset);
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_publish, IOMMUFD_INTERNAL);

/**
 * iommu_viommu_unpublish() - undo iommu_viommu_publish()
 * @viommu: virtual IOMMU that is being destroyed, or whose init() fails
 * @offset: what iommu_viommu_publish() said
 *
 * Context: may sleep.
 */
void iommu_viommu_unpublish(struct iommu_viommu *viommu, u64 offset)
{
	viommu->owner->unpublish(viommu, offset);
}
EXPORT_SYMBOL_NS_GPL(iommu_viommu_unpublish, IOMMUFD_INTERNAL);
