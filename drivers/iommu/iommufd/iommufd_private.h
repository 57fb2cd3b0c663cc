/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufd: contexts, objects and the calls on them.
 *
 * Lock order, outermost first.  A lock may be taken while holding any lock
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

#include <linux/bitmap.h>
#include <linux/iommu-ext.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "account.h"
#include "iova_map.h"

struct device;
struct iommu_domain;
struct iommu_user_blob;
struct iommu_group;
struct iommu_resv_region;
struct iommufd_container_group;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_group;
struct iommufd_access_ops;
struct iommufd_iova_map;
struct iommufd_map_user;
struct iommufd_object;
struct iommufd_store;
struct seq_file;

/* object.c: IDs and lifetimes */

/**
 * enum iommufd_object_type - kinds of objects that have an ID
 * @IOMMUFD_OBJ_ANY: in a lookup: any kind; no object has it
 * @IOMMUFD_OBJ_IOAS: &struct iommufd_ioas
 * @IOMMUFD_OBJ_DEVICE: &struct iommufd_device
 * @IOMMUFD_OBJ_ACCESS: &struct iommufd_access
 * @IOMMUFD_OBJ_HWPT_PAGING: &struct iommufd_hwpt_paging
 * @IOMMUFD_OBJ_HWPT_NESTED: &struct iommufd_hwpt_nested
 * @IOMMUFD_OBJ_SELFTEST: a mock device; with CONFIG_IOMMUFD_TEST only
 * @IOMMUFD_OBJ_NR: number of kinds
 */
enum iommufd_object_type {
	IOMMUFD_OBJ_ANY,
	IOMMUFD_OBJ_IOAS,
	IOMMUFD_OBJ_DEVICE,
	IOMMUFD_OBJ_ACCESS,
	IOMMUFD_OBJ_HWPT_PAGING,
	IOMMUFD_OBJ_HWPT_NESTED,
	IOMMUFD_OBJ_SELFTEST,
	IOMMUFD_OBJ_NR,
};

/**
 * struct iommufd_object - common head of everything with an ID
 * @calls: short-lived references of calls that work on the object, and one for
 *         the published ID; destruction waits for the calls to return
 * @users: long-lived references: objects built on this one, attached devices,
 *         the driver that owns it; and one for its existence.  More than that
 *         one and destruction is -EBUSY
 * @id: its ID
 * @type: its kind; never changes
 *
 * The legal sequences are
 *
 *   alloc, publish, { get, put }*, destroy		success
 *   alloc, abort					creation failed
 *
 * Between alloc and publish the ID is reserved and finds nothing, so the
 * creator may build without a lock.  After publish nothing may fail.
 */
struct iommufd_object {
	refcount_t calls;
	refcount_t users;
	u32 id;
	enum iommufd_object_type type;
};

void *iommufd_object_alloc(struct iommufd_ctx *ctx, size_t size,
			   enum iommufd_object_type type);
void iommufd_object_publish(struct iommufd_ctx *ctx,
			    struct iommufd_object *obj);
void iommufd_object_abort(struct iommufd_ctx *ctx, struct iommufd_object *obj);
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ctx, u32 id,
					  enum iommufd_object_type type);
struct iommufd_object *iommufd_object_get_next(struct iommufd_ctx *ctx,
					       unsigned long *id);
void iommufd_object_put(struct iommufd_ctx *ctx, struct iommufd_object *obj);
int iommufd_object_destroy(struct iommufd_ctx *ctx, u32 id);
void iommufd_object_retire(struct iommufd_ctx *ctx, struct iommufd_object *obj);
void iommufd_object_destroy_all(struct iommufd_ctx *ctx);
const char *iommufd_object_name(const struct iommufd_object *obj);

static inline void iommufd_object_add_user(struct iommufd_object *obj)
{
	refcount_inc(&obj->users);
}

static inline void iommufd_object_drop_user(struct iommufd_object *obj)
{
	/* The reference for its existence stays, so this is never the last */
	refcount_dec(&obj->users);
}

/* main.c: contexts and dispatch */

#define IOMMUFD_SW_MSI_MAX 64

/**
 * struct iommufd_sw_msi - doorbell pages that devices of a context write to
 * @lock: protects the table and the doorbells of all page tables
 * @hwpts: page tables that have all doorbells
 * @nr: number of entries in use
 * @phys: physical address of the doorbell page
 *
 * Entry n lies n pages behind the start of the devices' window, in every page
 * table.  So an address once given to a device stays right when its domain is
 * replaced.
 */
struct iommufd_sw_msi {
	struct mutex lock;
	struct list_head hwpts;
	unsigned int nr;
	phys_addr_t phys[IOMMUFD_SW_MSI_MAX];
};

/**
 * struct iommufd_ctx - what an open /dev/iommu owns
 * @file: the open file; its references are the context's references
 * @objects: ID to object; a reserved ID holds a zero entry
 * @recent: the object that a call found last, or NULL; most calls name the same
 *	    one again.  Protected by the lock of @objects
 * @groups: iommu group ID to &struct iommufd_group
 * @container_groups: groups of VFIO that have the context as their container
 * @groups_lock: protects @groups, the groups' reference counts, @container_groups
 *		 and changes of @vfio_ioas_id
 * @destroy_wait: woken when an object's last call returns
 * @account_mode: how pinned memory is counted; fixed once an object exists,
 *                protected by the lock of @objects
 * @account: who pays for what the calling process maps
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

/**
 * struct iommufd_call - one call on its way
 * @ctx: context the call is made on
 * @uarg: the caller's argument
 * @user_size: size of the argument as the caller knows it, in bytes
 * @arg: kernel copy, zero-extended to the size the kernel knows
 */
struct iommufd_call {
	struct iommufd_ctx *ctx;
	void __user *uarg;
	u32 user_size;
	void *arg;
};

struct iommufd_ctx *iommufd_ctx_create(void);
void iommufd_ctx_destroy(struct iommufd_ctx *ctx);
struct device *iommufd_misc_device(void);
int iommufd_call_respond(struct iommufd_call *call, size_t size);
int iommufd_call_respond_u64(struct iommufd_call *call, const u64 *field);

/* option.c */
int iommufd_ioctl_option(struct iommufd_call *call);

/* ioas.c: IO address spaces */

/**
 * struct iommufd_ioas - an IO address space
 * @obj: common head
 * @map: its mappings
 * @lock: protects @hwpts and, for each of them, the way from allocation until it
 *        is filled, @retired, and every new long-lived user
 * @hwpts: page tables that mirror @map.  Until one is published nobody attaches
 *         to it, as its ID finds nothing, and only the call that makes it may
 *         take it off again
 */
struct iommufd_ioas {
	struct iommufd_object obj;
	struct iommufd_iova_map *map;
	struct mutex lock;
	struct list_head hwpts;
};

struct iommufd_ioas *iommufd_ioas_alloc(struct iommufd_ctx *ctx);
struct iommufd_ioas *iommufd_ioas_get(struct iommufd_ctx *ctx, u32 id);
void iommufd_ioas_destroy(struct iommufd_object *obj);
int iommufd_ioctl_ioas_alloc(struct iommufd_call *call);
int iommufd_ioctl_ioas_allow_iovas(struct iommufd_call *call);
int iommufd_ioctl_ioas_iova_ranges(struct iommufd_call *call);
int iommufd_ioctl_ioas_map(struct iommufd_call *call);
int iommufd_ioctl_ioas_copy(struct iommufd_call *call);
int iommufd_ioctl_ioas_unmap(struct iommufd_call *call);

/**
 * struct iommufd_map_request - what the calls that map memory have in common
 * @flags: mask of IOMMU_IOAS_MAP_*
 * @length: number of bytes
 * @pinned: only if the map has a domain to pin the memory for
 * @iova: where, in the call's argument
 */
struct iommufd_map_request {
	u32 flags;
	u64 length;
	bool pinned;
	__aligned_u64 *iova;
};

struct iommufd_store *iommufd_ioas_user_store(struct iommufd_ctx *ctx,
					      u64 user_va, u64 length,
					      int prot);
int iommufd_ioas_check_map(const struct iommufd_map_request *request);
int iommufd_ioas_map_store(struct iommufd_call *call, struct iommufd_ioas *ioas,
			   struct iommufd_store *store,
			   const struct iommufd_map_request *request);

/* ioas_map_file.c */
int iommufd_ioctl_ioas_map_file(struct iommufd_call *call);

/* vfio_compat.c */
int iommufd_ioctl_vfio_ioas(struct iommufd_call *call);
void iommufd_container_forget(struct iommufd_ctx *ctx,
			      struct iommufd_ioas *ioas);
long iommufd_vfio_ioctl(struct iommufd_ctx *ctx, unsigned int number,
			unsigned long arg);

/* container_group.c: groups of VFIO that have a context as their container */
void iommufd_container_follow(struct iommufd_ctx *ctx,
			      struct iommufd_ioas *ioas);
int iommufd_container_add_group(struct iommufd_ctx *ctx,
				struct iommufd_container_group *group,
				struct iommufd_ioas *ioas);

/* noiommu.c: devices without an IOMMU */
#if IS_ENABLED(CONFIG_VFIO_NOIOMMU)
struct iommu_domain *iommufd_noiommu_alloc_domain(void);
int iommufd_ioctl_ioas_noiommu_get_pa(struct iommufd_call *call);
#else
static inline struct iommu_domain *iommufd_noiommu_alloc_domain(void)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline int iommufd_ioctl_ioas_noiommu_get_pa(struct iommufd_call *call)
{
	return -EOPNOTSUPP;
}
#endif

/* change_process.c */
int iommufd_ioctl_ioas_change_process(struct iommufd_call *call);

/* hwpt_paging.c: page tables that mirror an address space */

/**
 * struct iommufd_hwpt_common - what every kind of page table has
 * @obj: common head
 * @domain: the driver's side
 */
struct iommufd_hwpt_common {
	struct iommufd_object obj;
	struct iommu_domain *domain;
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
 * @filled: mirrors @ioas.  Clear from allocation to first attach when the
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

/* hwpt_nested.c: page tables that user space keeps */

/**
 * struct iommufd_hwpt_nested - page table that user space keeps
 * @common: head shared with other kinds of page tables
 * @parent: page table that translates its addresses; holds a user
 *
 * No lock covers it from allocation to publication: only the call that makes it
 * knows of it, and holds what it is made from.
 */
struct iommufd_hwpt_nested {
	struct iommufd_hwpt_common common;
	struct iommufd_hwpt_paging *parent;
};

struct iommufd_hwpt_nested *
iommufd_hwpt_nested_alloc(struct iommufd_ctx *ctx,
			  struct iommufd_hwpt_paging *parent,
			  struct iommufd_device *idev,
			  const struct iommu_user_blob *blob);
void iommufd_hwpt_nested_abort(struct iommufd_ctx *ctx,
			       struct iommufd_hwpt_nested *hwpt);
void iommufd_hwpt_nested_destroy(struct iommufd_object *obj);
int iommufd_ioctl_hwpt_invalidate(struct iommufd_call *call);

/* hwpt.c: page tables of any kind */
bool iommufd_hwpt_is_one(const struct iommufd_object *obj);
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_of(struct iommufd_hwpt_common *hwpt);
void iommufd_hwpt_put(struct iommufd_hwpt_common *hwpt);
int iommufd_ioctl_hwpt_alloc(struct iommufd_call *call);

/* dirty.c: what devices wrote */
int iommufd_ioctl_set_dirty_tracking(struct iommufd_call *call);
int iommufd_ioctl_get_dirty_bitmap(struct iommufd_call *call);

/* device.c: bound devices */

/**
 * struct iommufd_device - a device that a driver bound to a context
 * @obj: common head; the driver is a user of it
 * @ctx: context; holds a reference
 * @group: group of @dev in this context; holds a reference
 * @dev: the device
 * @noiommu: no IOMMU translates its DMA
 * @group_node: place in @group's list while attached; protected by its lock
 */
struct iommufd_device {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	struct iommufd_group *group;
	struct device *dev;
	bool noiommu;
	struct list_head group_node;
};

struct iommufd_device *iommufd_device_bind_own(struct iommufd_ctx *ctx,
					       struct device *dev,
					       u32 *dev_id);
void iommufd_device_unbind_own(struct iommufd_device *idev);
void iommufd_device_destroy(struct iommufd_object *obj);
struct iommufd_device *iommufd_device_get(struct iommufd_ctx *ctx, u32 id);
int iommufd_device_hwpt_id(struct iommufd_device *idev, u32 *id);

/* access.c: in-kernel users of an address space */

/**
 * struct iommufd_access - a driver that uses memory of an address space
 * @obj: common head; the driver is a user of it
 * @ctx: context; holds a reference
 * @ops: what the driver offers
 * @data: for the ops
 * @lock: protects the fields below
 * @changing: somebody attaches, replaces or detaches, and alone may change the
 *	      two below
 * @ioas: address space it is attached to; holds a user.  NULL: none
 * @user: its user of the address space's map; a reference
 */
struct iommufd_access {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	const struct iommufd_access_ops *ops;
	void *data;
	spinlock_t lock; /* fields below */
	bool changing;
	struct iommufd_ioas *ioas;
	struct iommufd_map_user *user;
};

void iommufd_access_object_destroy(struct iommufd_object *obj);
u32 iommufd_access_ioas_id(struct iommufd_access *access);

/* group.c: attachments, which are per IOMMU group */

/**
 * struct iommufd_group - an IOMMU group with devices bound to a context
 * @ctx: context
 * @iommu_group: the group; holds a reference
 * @refs: bound devices; protected by the context's groups_lock
 * @lock: protects @hwpt and @devices
 * @hwpt: page table the group is attached to; holds a user.  NULL: DMA blocked
 * @devices: attached devices; not empty while @hwpt is set
 */
struct iommufd_group {
	struct iommufd_ctx *ctx;
	struct iommu_group *iommu_group;
	unsigned int refs;
	struct mutex lock;
	struct iommufd_hwpt_common *hwpt;
	struct list_head devices;
};

struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ctx,
					struct device *dev);
void iommufd_group_put(struct iommufd_group *group);
int iommufd_group_attach(struct iommufd_device *idev,
			 struct iommufd_hwpt_common *hwpt);
int iommufd_group_replace(struct iommufd_device *idev,
			  struct iommufd_hwpt_common *hwpt,
			  struct iommufd_hwpt_common **old_hwpt);
void iommufd_group_leave(struct iommufd_group *group,
			 struct iommufd_hwpt_common *old);
struct iommufd_hwpt_common *iommufd_group_detach(struct iommufd_device *idev);
bool iommufd_resv_counts(const struct iommu_resv_region *region);

/* hw_info.c */
int iommufd_ioctl_get_hw_info(struct iommufd_call *call);

/* sw_msi.c: doorbells where the IOMMU translates them */
void iommufd_sw_msi_init(struct iommufd_ctx *ctx);
void iommufd_sw_msi_adopt(struct iommufd_hwpt_paging *hwpt,
			  struct iommu_domain *domain);
int iommufd_sw_msi_install(struct iommufd_hwpt_paging *hwpt,
			   struct device *dev);
int iommufd_sw_msi_finish(struct iommufd_hwpt_paging *hwpt);
void iommufd_sw_msi_remove(struct iommufd_hwpt_paging *hwpt);

/* fdinfo.c */
void iommufd_show_fdinfo(struct seq_file *seq, struct file *filp);

#endif /* __IOMMUFD_PRIVATE_H */
