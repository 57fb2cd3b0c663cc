// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses that an attached device cannot have translated. They are kept out of the
 * address space that it is attached to.
 */
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/list.h>

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

static int reserve_region(struct iommufd_attach_link *link,
			  struct iommufd_ioas *ioas,
			  const struct iommu_resv_region *region)
{
	if (!iommufd_resv_counts(region))
		return 0;
	return iommufd_map_reserve(ioas->map, region->start,
				   region->start + region->length - 1, link);
}

/**
 * iommufd_reserve() - keep a device's reserved regions out of an address space
 * @link: the device's part in an attachment
 * @ioas: address space, which has no reservations of @link
 *
 * A PASID has the regions of its requester ID. On some platforms less would do: there
 * requests with a PASID reach no interrupt controller.
 *
 * Context: may sleep.
 * Return: 0; -EADDRINUSE when a region meets a mapping or the allowed list; -ENOMEM. On
 * an error nothing is reserved.
 */
int iommufd_reserve(struct iommufd_attach_link *link, struct iommufd_ioas *ioas)
{
	struct iommufd_device *idev = link->idev;
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
		err = reserve_region(link, ioas, region);
		if (err) {
			iommufd_map_unreserve(ioas->map, link);
			break;
		}
	}
out_put:
	iommu_put_resv_regions(idev->dev, &regions);
	return err;
}

/**
 * iommufd_reserve_all() - iommufd_reserve() for all devices of an attachment
 * @att: attachment
 * @ioas: address space, which has no reservations of @att
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
		err = iommufd_reserve(link, ioas);
		if (err)
			goto err_undo;
	}
	return 0;

err_undo:
	list_for_each_entry_continue_reverse(link, &att->links, node)
		iommufd_map_unreserve(ioas->map, link);
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
		iommufd_map_unreserve(ioas->map, link);
}
