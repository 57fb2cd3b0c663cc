/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contexts: what an open /dev/iommu owns.
 *
 * Lock order, outermost first. A lock may be taken while holding any lock
 * above it and none below.
 *
 *   vfio dev_set->lock      VFIO: opens and closes of a device set
 *   vfio group_lock         VFIO: use of a legacy group
 *   iommufd_group.lock      attachment of one IOMMU group
 *   iommufd_ioas.lock       page tables of one address space, from allocation
 *                           until they are filled
 *   dma_resv of a dma-buf   taken with none of iommufd's above: when its memory
 *                           is mapped, unmapped or revoked. vfio-pci revokes
 *                           within dev_set->lock and its memory_lock
 *   iommufd_iova_map lock   areas, reservations, list of domains
 *   busy areas of a map     no lock, but waited for like one: iova_map.rst says
 *                           what must not be waited for meanwhile
 *   iommufd_store fill_mutex  pinning for one store; not while areas are busy
 *   mmap_lock               of the process that owns or pays for the memory; not
 *                           while areas are busy
 *   iommufd_store mutex     pages and holds of one store
 *   iommu group mutex | driver locks
 *
 * Beside them:
 *   iommufd_ctx.objects     spinlock of the ID table; nothing nests inside
 *   iommufd_access.lock     spinlock of one access; nothing nests inside
 *   iommufd_ctx.groups_lock the table of groups, and those of VFIO; inside it
 *                           only the lock of an iommufd_iova_map
 *   iommufd_sw_msi.lock     doorbell table; taken below iommufd_ioas.lock and
 *                           below an IOMMU group's mutex, when an interrupt is
 *                           set up; inside it only driver locks
 */
#ifndef __IOMMUFD_PRIVATE_H
#define __IOMMUFD_PRIVATE_H

#include <linux/iommu-owner.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "store/account.h"
#include "sw_msi.h"

struct device;
struct file;
struct file_operations;
struct iommufd_object;
struct seq_file;

/**
 * struct iommufd_ctx - what an open /dev/iommu owns
 * @file: the open file; its references are the context's references
 * @objects: ID to object; a reserved ID holds a zero entry
 * @recent: the object that a call found last, or NULL; most calls name the same
 *	    one again. Protected by the lock of @objects
 * @groups: iommu group ID to &struct iommufd_group
 * @container_groups: groups of VFIO that have the context as their container
 * @groups_lock: protects @groups, the groups' reference counts, @container_groups
 *		 and changes of @vfio_ioas_id
 * @destroy_wait: woken when an object's last call returns
 * @account_mode: how pinned memory is counted; fixed once an object exists,
 *                protected by the lock of @objects
 * @account: the account for what the calling process maps
 * @vfio_ioas_id: ID of the address space that the calls of a VFIO container act
 *                on, or 0; cleared when it is destroyed
 * @noiommu: serves VFIO groups without an IOMMU; never changes back. Set with
 *           @groups_lock held
 * @sw_msi: doorbells for software-managed MSI
 * @dma_owner: what the attach layer knows of us
 */
struct iommufd_ctx {
	struct file *file;
	struct xarray objects;
	struct iommufd_object *recent;
	struct xarray groups;
	struct list_head container_groups;
	struct mutex groups_lock;
	wait_queue_head_t destroy_wait;
	enum iommufd_account_mode account_mode;
	struct iommufd_account_slot account;
	u32 vfio_ioas_id;
	bool noiommu;
	struct iommufd_sw_msi sw_msi;
	struct iommu_dma_owner dma_owner;
};

/* context.c */
struct iommufd_ctx *iommufd_ctx_create(void);
void iommufd_ctx_destroy(struct iommufd_ctx *ctx);

/* node.c */
int iommufd_nodes_register(void);
void iommufd_nodes_deregister(void);
bool iommufd_node_is_container(const void *node);
struct device *iommufd_misc_device(void);

/* main.c */
extern const struct file_operations iommufd_fops;

/* fdinfo.c */
void iommufd_show_fdinfo(struct seq_file *seq, struct file *filp);

#endif /* __IOMMUFD_PRIVATE_H */
