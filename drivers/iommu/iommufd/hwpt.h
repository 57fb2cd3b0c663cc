/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables that user space makes and attaches devices to.
 */
#ifndef __IOMMUFD_HWPT_H
#define __IOMMUFD_HWPT_H

#include <linux/bitmap.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/types.h>

#include "map/map.h"
#include "object.h"
#include "sw_msi.h"

struct iommu_domain;
struct iommu_user_blob;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_fault;
struct iommufd_ioas;
struct iommufd_viommu;

/**
 * struct iommufd_hwpt_common - what every kind of page table has
 * @obj: common head
 * @domain: the driver's side
 * @fault: queue for the page requests of what is attached to it; holds a user. NULL:
 *         they are invalid. Never changes once the ID finds it
 * @for_pasids: PASIDs, and requester IDs beside them, may use it; never changes
 */
struct iommufd_hwpt_common {
	struct iommufd_object obj;
	struct iommu_domain *domain;
	struct iommufd_fault *fault;
	bool for_pasids;
};

/**
 * struct iommufd_hwpt_paging - page table that mirrors an address space
 * @common: head shared with other kinds of page tables
 * @ctx: context it belongs to
 * @ioas: address space it mirrors; holds a user
 * @ioas_node: place in @ioas's list
 * @automatic: made for an attach to @ioas, goes with its last device
 * @retired: automatic and on its way out: no new users; protected by @ioas's
 *           lock
 * @complete: the driver has finished the domain, it can be filled before it has
 *            a device; never changes
 * @filled: mirrors @ioas. Clear from allocation to first attach when the
 *          driver finishes its domains only there; protected by @ioas's lock
 * @tracks_dirty: the driver can log what devices write; never changes
 * @nest_parent: page tables of user space can be nested in it; never changes
 * @enforces_coherency: DMA that asks not to be snooped is snooped all the same.
 *                      Set once and for all while the page table is empty; changes
 *                      under @ioas's lock
 * @noiommu: for devices without an IOMMU; never changes
 * @nr_groups: groups attached to it, or to page tables nested in it; protected
 *             by @ioas's lock
 * @sw_msi_node: place in the doorbell table's list; protected, as those
 *               below, by its lock
 * @sw_msi_window: IOVAs of the doorbells, reserved in @ioas
 * @sw_msi_mappable: the domain takes mappings
 * @sw_msi_installed: doorbells that are mapped here
 */
struct iommufd_hwpt_paging {
	struct iommufd_hwpt_common common;
	struct iommufd_ctx *ctx;
	struct iommufd_ioas *ioas;
	struct list_head ioas_node;
	bool automatic : 1;
	bool retired : 1;
	bool complete : 1;
	bool filled : 1;
	bool enforces_coherency : 1;
	bool tracks_dirty;
	bool nest_parent;
	bool noiommu;
	unsigned int nr_groups;
	struct list_head sw_msi_node;
	struct iommufd_range sw_msi_window;
	bool sw_msi_mappable;
	DECLARE_BITMAP(sw_msi_installed, IOMMUFD_SW_MSI_MAX);
};

static inline struct iommufd_hwpt_paging *
to_hwpt_paging(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hwpt_paging, common.obj);
}

/* hwpt_paging.c */
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_alloc(struct iommufd_ctx *ctx, struct iommufd_ioas *ioas,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_blob *blob, bool automatic);
int iommufd_hwpt_paging_enforce_coherency(struct iommufd_hwpt_paging *hwpt);
int iommufd_hwpt_paging_prefill(struct iommufd_hwpt_paging *hwpt);
void iommufd_hwpt_paging_abort(struct iommufd_hwpt_paging *hwpt);
void iommufd_hwpt_paging_destroy(struct iommufd_object *obj);
int iommufd_hwpt_paging_fill(struct iommufd_hwpt_paging *hwpt);
void iommufd_hwpt_paging_put(struct iommufd_hwpt_paging *hwpt);

/**
 * struct iommufd_hwpt_nested - page table that user space keeps
 * @common: head shared with other kinds of page tables
 * @parent: page table that translates its addresses
 * @viommu: virtual IOMMU that it was made on, or NULL; holds a user of that, which has one
 *          of @parent, or else of @parent
 *
 * No lock covers it from allocation to publication: only the call that makes it
 * knows of it, and holds what it is made from.
 */
struct iommufd_hwpt_nested {
	struct iommufd_hwpt_common common;
	struct iommufd_hwpt_paging *parent;
	struct iommufd_viommu *viommu;
};

/* hwpt_nested.c */
struct iommufd_hwpt_nested *
iommufd_hwpt_nested_alloc(struct iommufd_ctx *ctx,
			  struct iommufd_hwpt_paging *parent,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_blob *blob);
struct iommufd_hwpt_nested *
iommufd_hwpt_nested_alloc_on(struct iommufd_viommu *viommu,
			     struct iommufd_device *idev, u32 flags,
			     const struct iommu_user_blob *blob);
void iommufd_hwpt_nested_abort(struct iommufd_ctx *ctx,
			       struct iommufd_hwpt_nested *hwpt);
void iommufd_hwpt_nested_destroy(struct iommufd_object *obj);

/* hwpt.c: any kind */
bool iommufd_object_is_hwpt(const struct iommufd_object *obj);
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_of(struct iommufd_hwpt_common *hwpt);
void iommufd_hwpt_put(struct iommufd_hwpt_common *hwpt);

/* hwpt_fault.c: any kind */
void iommufd_hwpt_set_fault(struct iommufd_hwpt_common *hwpt,
			    struct iommufd_fault *fault);
void iommufd_hwpt_drop_fault(struct iommufd_hwpt_common *hwpt);

#endif /* __IOMMUFD_HWPT_H */
