// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses that an attached device cannot have translated. They are kept out of the
 * address space that it is attached to.
 */
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "device.h"
#include "ioas.h"
#include "map/map.h"
#include "test_hooks.h"

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

/**
 * struct iommufd_reservation - what a device has reserved in an address space
 * @nr: attachments of the device that need it, those of its PASIDs included
 *
 * The address space knows the regions by the address of this.
 */
struct iommufd_reservation {
	unsigned int nr;
};

static int reserve_region(struct iommufd_reservation *reservation,
			  struct iommufd_ioas *ioas,
			  const struct iommu_resv_region *region)
{
	if (!iommufd_resv_counts(region))
		return 0;
	return iommufd_map_reserve(ioas->map, region->start,
				   region->start + region->length - 1,
				   reservation);
}

static int reserve_regions(struct iommufd_device *idev,
			   struct iommufd_reservation *reservation,
			   struct iommufd_ioas *ioas)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int err;

	if (idev->noiommu)
		return 0;
	err = iommu_device_get_resv_regions(idev->dev, &regions);
	if (err)
		goto out_put;
	list_for_each_entry(region, &regions, list) {
		err = reserve_region(reservation, ioas, region);
		if (err) {
			iommufd_map_unreserve(ioas->map, reservation);
			break;
		}
	}
out_put:
	iommu_put_resv_regions(idev->dev, &regions);
	return err;
}

/**
 * iommufd_reserve() - keep a device's reserved regions out of an address space
 * @idev: device; its group is locked
 * @ioas: address space
 *
 * To be called once for each attachment of the device, as a device may have many PASIDs
 * in one address space. A PASID has the regions of its requester ID. On some platforms
 * less would do: there requests with a PASID reach no interrupt controller.
 *
 * Context: may sleep. iommufd_unreserve() is the counterpart.
 * Return: 0; -EADDRINUSE when a region meets a mapping or the allowed list; -ENOMEM. On
 * an error nothing is reserved.
 */
int iommufd_reserve(struct iommufd_device *idev, struct iommufd_ioas *ioas)
{
	struct iommufd_reservation *reservation;
	int err;

	lockdep_assert_held(&idev->group->lock);
	if (iommufd_should_fail())
		return -EINVAL;
	reservation = xa_load(&idev->reserved, ioas->obj.id);
	if (reservation) {
		reservation->nr++;
		return 0;
	}
	reservation = kzalloc(sizeof(*reservation), GFP_KERNEL_ACCOUNT);
	if (!reservation)
		return -ENOMEM;
	reservation->nr = 1;
	err = xa_insert(&idev->reserved, ioas->obj.id, reservation,
			GFP_KERNEL_ACCOUNT);
	if (err)
		goto err_free;
	err = reserve_regions(idev, reservation, ioas);
	if (err)
		goto err_erase;
	return 0;

err_erase:
	xa_erase(&idev->reserved, ioas->obj.id);
err_free:
	kfree(reservation);
	return err;
}

/**
 * iommufd_unreserve() - undo one iommufd_reserve()
 * @idev: device; its group is locked
 * @ioas: address space
 *
 * Context: may sleep.
 */
void iommufd_unreserve(struct iommufd_device *idev, struct iommufd_ioas *ioas)
{
	struct iommufd_reservation *reservation;

	lockdep_assert_held(&idev->group->lock);
	reservation = xa_load(&idev->reserved, ioas->obj.id);
	if (--reservation->nr)
		return;
	iommufd_map_unreserve(ioas->map, reservation);
	xa_erase(&idev->reserved, ioas->obj.id);
	kfree(reservation);
}

/**
 * iommufd_reserve_all() - iommufd_reserve() for all devices of an attachment
 * @att: attachment
 * @ioas: address space
 *
 * Context: may sleep; the group is locked.
 * Return: as iommufd_reserve().
 */
int iommufd_reserve_all(struct iommufd_attachment *att,
			struct iommufd_ioas *ioas)
{
	struct iommufd_attach_link *link;
	int err;

	list_for_each_entry(link, &att->links, node) {
		err = iommufd_reserve(link->idev, ioas);
		if (err)
			goto err_undo;
	}
	return 0;

err_undo:
	list_for_each_entry_continue_reverse(link, &att->links, node)
		iommufd_unreserve(link->idev, ioas);
	return err;
}

/**
 * iommufd_unreserve_all() - undo iommufd_reserve_all()
 * @att: attachment
 * @ioas: address space
 *
 * Context: may sleep; the group is locked.
 */
void iommufd_unreserve_all(struct iommufd_attachment *att,
			   struct iommufd_ioas *ioas)
{
	struct iommufd_attach_link *link;

	list_for_each_entry(link, &att->links, node)
		iommufd_unreserve(link->idev, ioas);
}
