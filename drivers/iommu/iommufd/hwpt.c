// SPDX-License-Identifier: GPL-2.0-only
/*
 * HWPTs of any kind: what all kinds can do.
 */
#include "hwpt.h"
#include "object.h"

/**
 * iommufd_object_is_hwpt() - tell page tables from other objects
 * @obj: head of any object
 *
 * Context: any.
 * Return: whether it is the head of a &struct iommufd_hwpt_common.
 */
bool iommufd_object_is_hwpt(const struct iommufd_object *obj)
{
	return obj->type == IOMMUFD_OBJ_HWPT_PAGING ||
	       obj->type == IOMMUFD_OBJ_HWPT_NESTED;
}

/**
 * iommufd_hwpt_paging_of() - find the page table that the kernel fills
 * @hwpt: page table of any kind
 *
 * What is reserved and mapped for a device is so in the address space of the
 * result.
 *
 * Context: any.
 * Return: @hwpt itself, or the one it is nested in.
 */
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_of(struct iommufd_hwpt_common *hwpt)
{
	if (hwpt->obj.type == IOMMUFD_OBJ_HWPT_PAGING)
		return to_hwpt_paging(&hwpt->obj);
	return container_of(hwpt, struct iommufd_hwpt_nested, common)->parent;
}

/**
 * iommufd_hwpt_put() - drop the long-lived user of an attached group
 * @hwpt: page table of any kind, NULL is ignored
 *
 * Context: may sleep, as iommufd_hwpt_paging_put().
 */
void iommufd_hwpt_put(struct iommufd_hwpt_common *hwpt)
{
	if (!hwpt)
		return;
	if (hwpt->obj.type == IOMMUFD_OBJ_HWPT_PAGING)
		iommufd_hwpt_paging_put(to_hwpt_paging(&hwpt->obj));
	else
		iommufd_object_drop_user(&hwpt->obj);
}
