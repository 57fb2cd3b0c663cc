/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contexts: what an open /dev/iommu owns.
 */
#ifndef __IOMMUFD_PRIVATE_H
#define __IOMMUFD_PRIVATE_H

#include <linux/fs.h>
#include <linux/iommu-owner.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "store/account.h"
#include "sw_msi.h"

struct device;
struct iommufd_object;
struct seq_file;

/**
 * DOC: lock order
 *
 * Outermost first. A lock may be taken while holding any lock above it, and none
 * below. All are mutexes unless the table says otherwise::
 *
 *   VFIO dev_set->lock      opens and closes of a device set
 *   VFIO group_lock         use of a legacy group
 *   vfio-pci memory_lock    rwsem: whether a device decodes its memory. Held for
 *                           writing while its BARs are revoked; not taken with
 *                           the two below it. A task that has it here does not
 *                           take fill_mutex and mmap_lock: faults on BARs take it
 *                           for reading within those
 *   iommufd_group.lock      attachment of one IOMMU group
 *   iommufd_ioas.lock       page tables of one address space, from allocation
 *                           until they are filled
 *   dma_resv of a dma-buf   ww_mutex: its attachments, and whether it is revoked.
 *                           iommufd takes it with none of its own locks held,
 *                           exporters within theirs
 *   iommufd_iova_map.lock   areas, reservations, list of domains. Not held while
 *                           memory is pinned or a page table filled
 *   busy areas of a map     no lock, but tasks wait for them as for one; what a
 *                           task must not wait for meanwhile is in iova_map.rst
 *   iommufd_store.fill_mutex  held across pinning for one store; not taken while
 *                           an area is busy
 *   mmap_lock               rwsem of the process that owns the memory or is
 *                           charged for it; not taken while an area is busy
 *   iommufd_store.mutex     pages and holds of one store
 *   iommu_group.mutex       domain of an IOMMU group; inside it driver locks
 *   answers to page requests  no lock, but the end of an attachment waits for them, with
 *                           the locks up to iommufd_ioas.lock held. Those of a fault
 *                           queue come without user space; a task that handles others
 *                           takes mmap_lock
 *
 * Beside them::
 *
 *   iommufd_ctx.objects     spinlock of the ID table; no lock nests inside. Taken below
 *                           mmap_lock, too, when a region is mapped, as the next one is
 *   iommufd_ctx.regions     spinlock of the table of regions; no lock nests inside
 *   iommufd_access.lock     spinlock of one access; no lock nests inside
 *   iommufd_eventq.lock     spinlock of one queue of events: what waits to be read or
 *                           answered. Taken by readers of hardware queues, in an RCU
 *                           read-side critical section; inside it only the next one,
 *                           and the spinlock of the queue's numbers
 *   iommufd_viommu.queues_lock  hardware queues of a virtual IOMMU; inside it only locks of
 *                           the driver, and the spinlock of the ID table
 *   iommufd_ctx.vdevices_lock  names of devices; the same, and grace periods of RCU
 *   iommufd_viommu.eventqs_lock  spinlock, taken in interrupt context: queues of events;
 *                           inside it only the iommufd_eventq.lock of one of them, which is
 *                           taken in interrupt context, too
 *   iommufd_group.bound_lock  spinlock: devices of a group that are bound
 *   iommufd_ctx.groups_lock table of groups, and groups of VFIO; inside it only
 *                           the lock of an iommufd_iova_map
 *   iommufd_sw_msi.lock     doorbell table; taken below iommufd_ioas.lock and
 *                           below iommu_group.mutex, when an interrupt is set
 *                           up; inside it only driver locks
 */

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
 * @vdevices_lock: held while a device gets or loses the ID that a guest has for it
 * @regions: slot in the file's offsets to what can be mapped there; see mmap.c
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
	struct mutex vdevices_lock;
	struct xarray regions;
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
