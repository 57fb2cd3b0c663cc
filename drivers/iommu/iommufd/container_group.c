// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of VFIO that have an iommufd as their container.
 *
 * Their devices are bound and attached when they are opened. Programs ask
 * before that which IOVAs they can use, and map memory there. So a group keeps
 * the addresses that its devices cannot use out of the address space that the
 * calls of a container act on, whichever that is, for as long as it has the
 * context. Attached devices have reservations of their own beside these.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommu-owner.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "device.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "vfio_compat.h"

/**
 * struct iommufd_container_group - addresses that a group of VFIO cannot use
 * @ctx: context that it has as its container
 * @node: place in the list of @ctx
 * @ioas: address space where @ranges are reserved, or NULL; protected, as @node,
 *	  by the context's groups_lock
 * @nr_ranges: how many of @ranges there are
 * @ranges: the addresses; may meet each other
 */
struct iommufd_container_group {
	struct iommufd_ctx *ctx;
	struct list_head node;
	struct iommufd_ioas *ioas;
	unsigned int nr_ranges;
	struct iommufd_range *ranges;
};

/* What the devices cannot use */

/**
 * iommufd_container_group_create() - begin to describe a group
 *
 * Context: may sleep.
 * Return: a group that can use all addresses, for iommufd_container_join() or
 * iommufd_container_group_free(), or NULL without memory.
 */
struct iommufd_container_group *iommufd_container_group_create(void)
{
	struct iommufd_container_group *group;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (group)
		INIT_LIST_HEAD(&group->node);
	return group;
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_group_create, IOMMUFD);

/**
 * iommufd_container_group_free() - undo iommufd_container_group_create()
 * @group: group that has no container
 *
 * Context: may sleep.
 */
void iommufd_container_group_free(struct iommufd_container_group *group)
{
	kfree(group->ranges);
	kfree(group);
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_group_free, IOMMUFD);

static int note_range(struct iommufd_container_group *group,
		      unsigned long start, unsigned long last)
{
	struct iommufd_range *ranges;

	ranges = krealloc_array(group->ranges, group->nr_ranges + 1,
				sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return -ENOMEM;
	group->ranges = ranges;
	ranges[group->nr_ranges].start = start;
	ranges[group->nr_ranges].last = last;
	group->nr_ranges++;
	return 0;
}

static int add_reserved(struct iommufd_container_group *group,
			struct device *dev)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int err;

	err = iommu_device_get_resv_regions(dev, &regions);
	list_for_each_entry(region, &regions, list) {
		/* The same that an attached device reserves */
		if (!err && iommufd_resv_counts(region))
			err = note_range(group, region->start,
					 region->start + region->length - 1);
	}
	iommu_put_resv_regions(dev, &regions);
	return err;
}

static int add_outside(struct iommufd_container_group *group,
		       const struct iommu_domain_geometry *geometry)
{
	int err = 0;

	if (!geometry->force_aperture)
		return 0;
	if (geometry->aperture_start)
		err = note_range(group, 0, geometry->aperture_start - 1);
	if (!err && geometry->aperture_end < ULONG_MAX)
		err = note_range(group, geometry->aperture_end + 1, ULONG_MAX);
	return err;
}

/*
 * The page table that the device will get has the same aperture. If the driver
 * finishes its domains at the first attach, the aperture is not known before.
 */
static int add_untranslated(struct iommufd_container_group *group,
			    struct device *dev)
{
	struct iommu_domain *domain;
	bool complete;
	int err = 0;

	domain = iommu_device_alloc_paging(dev, 0, &complete);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	if (complete)
		err = add_outside(group, &domain->geometry);
	iommu_domain_free(domain);
	return err;
}

/**
 * iommufd_container_group_add_device() - note what a device cannot use
 * @group: group that has no container yet
 * @dev: device that the group has; its driver keeps it bound meanwhile
 *
 * These are the reserved regions, and IOVAs beyond the aperture of page tables, if
 * the IOMMU's driver knows that before an attach. A device that cannot be attached
 * at all is no error here.
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int iommufd_container_group_add_device(struct iommufd_container_group *group,
				       struct device *dev)
{
	int err;

	err = add_reserved(group, dev);
	if (!err)
		err = add_untranslated(group, dev);
	return err == -ENOMEM ? err : 0;
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_group_add_device, IOMMUFD);

/* Where that is reserved */

static void unreserve(struct iommufd_container_group *group)
{
	lockdep_assert_held(&group->ctx->groups_lock);
	if (group->ioas)
		iommufd_map_unreserve(group->ioas->map, group);
	group->ioas = NULL;
}

/* All or nothing */
static int reserve(struct iommufd_container_group *group,
		   struct iommufd_ioas *ioas)
{
	unsigned int i;
	int err;

	lockdep_assert_held(&group->ctx->groups_lock);
	for (i = 0; i < group->nr_ranges; i++) {
		err = iommufd_map_reserve(ioas->map, group->ranges[i].start,
					  group->ranges[i].last, group);
		if (err) {
			iommufd_map_unreserve(ioas->map, group);
			return err;
		}
	}
	group->ioas = ioas;
	return 0;
}

/**
 * iommufd_container_follow() - change the address space of a container's calls
 * @ctx: context
 * @ioas: address space that they act on from now on, or NULL
 *
 * All groups move their reservations to it. A group whose addresses are mapped there,
 * or whose reservations cannot be allocated, has none: attaching its devices will
 * return the error.
 *
 * Context: may sleep; the context's groups_lock is held, and a reference to
 * @ioas.
 */
void iommufd_container_follow(struct iommufd_ctx *ctx,
			      struct iommufd_ioas *ioas)
{
	struct iommufd_container_group *group;

	lockdep_assert_held(&ctx->groups_lock);
	list_for_each_entry(group, &ctx->container_groups, node) {
		if (group->ioas == ioas)
			continue;
		unreserve(group);
		if (ioas)
			reserve(group, ioas);
	}
}

/**
 * iommufd_container_add_group() - give a group its container
 * @ctx: context, which the caller keeps until iommufd_container_leave()
 * @group: group, with all its devices
 * @ioas: address space that the calls of a container act on, or NULL
 *
 * Context: may sleep; the context's groups_lock is held, and a reference to
 * @ioas.
 * Return: 0; -EINVAL when memory is mapped, or allowed to be, where a device of
 * the group cannot reach it; -ENOMEM.
 */
int iommufd_container_add_group(struct iommufd_ctx *ctx,
				struct iommufd_container_group *group,
				struct iommufd_ioas *ioas)
{
	int err = 0;

	lockdep_assert_held(&ctx->groups_lock);
	group->ctx = ctx;
	if (ioas)
		err = reserve(group, ioas);
	if (!err)
		list_add_tail(&group->node, &ctx->container_groups);
	/* The errno of a container of type1 */
	return err == -EADDRINUSE ? -EINVAL : err;
}

/**
 * iommufd_container_leave() - take a group's container away
 * @group: group that has one; freed
 *
 * Context: may sleep.
 */
void iommufd_container_leave(struct iommufd_container_group *group)
{
	struct iommufd_ctx *ctx = group->ctx;

	mutex_lock(&ctx->groups_lock);
	unreserve(group);
	list_del(&group->node);
	mutex_unlock(&ctx->groups_lock);
	iommufd_container_group_free(group);
}
EXPORT_SYMBOL_NS_GPL(iommufd_container_leave, IOMMUFD);
