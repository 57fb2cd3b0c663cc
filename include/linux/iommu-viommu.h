/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual IOMMUs: the part of an IOMMU that user space gives to a guest. What a driver
 * fills in for each type that it offers, and what it may call.
 *
 * A virtual IOMMU has a paging domain, its parent, by which all that it translates is
 * translated once more. User space makes nested domains on it, names devices by the IDs
 * that the guest knows them by, passes the guest's invalidations on, and reads what
 * happened. Emulating registers and queues of the guest's IOMMU is its task alone.
 */
#ifndef __LINUX_IOMMU_VIOMMU_H
#define __LINUX_IOMMU_VIOMMU_H

#include <linux/types.h>
#include <linux/xarray.h>

struct device;
struct iommu_device;
struct iommu_domain;
struct iommu_hw_queue;
struct iommu_user_array;
struct iommu_user_blob;
struct iommu_vdevice;
struct iommu_viommu;

/**
 * enum iommu_viommu_memory - what a driver publishes for mmap()
 * @IOMMU_VIOMMU_MMIO: registers; mapped uncached
 * @IOMMU_VIOMMU_RAM: pages of the kernel
 */
enum iommu_viommu_memory {
	IOMMU_VIOMMU_MMIO,
	IOMMU_VIOMMU_RAM,
};

/**
 * struct iommu_viommu_ops - a type of virtual IOMMU
 * @viommu_bytes: size of the driver's struct, whose first member is the
 *                &struct iommu_viommu; it is allocated for @init, all zero
 * @vdevice_bytes: the same for &struct iommu_vdevice; 0 for that alone
 * @hw_queue_bytes: the same for a &struct iommu_hw_queue of a type, a number of the user
 *                  ABI; returns 0 for a type that there is not. NULL without queues
 * @init: set up a virtual IOMMU behind the IOMMU of @dev, which may go at any time after
 *        the return. @blob is what user space gave, NULL without. See iommu_copy_blob()
 *        for its size and iommu_answer_blob() for results. The parent is of the same
 *        driver; the driver checks whether this IOMMU can use it. Returns 0, -EOPNOTSUPP,
 *        -EINVAL, -ENOMEM, -ENOSPC, what iommu_copy_blob() returns
 * @destroy: undo @init. Nothing else is left of it; optional
 * @alloc_nested: make a domain of type %IOMMU_DOMAIN_NESTED for @dev, as
 *                &struct iommu_ops_ext.alloc_user does with a parent. Where attaching
 *                needs to know the guest's ID of a device, device_fits() answers -ENOENT
 *                for one without; attach_dev() and set_dev_pasid() must not: a device
 *                that has lost its name may have to go back. Optional
 * @invalidate: do user space's requests one after the other, up to the first that fails,
 *              and set the array's number to how many were done. Reads them by
 *              iommu_copy_viommu_entry(). Optional
 * @init_vdevice: a device is named; called before lookups find it. Optional
 * @destroy_vdevice: undo @init_vdevice; no lookup finds it any more, and those that
 *                   have are over. Its device may be on a nested domain. Optional
 * @event_bytes: size of events of a type, a number of the user ABI, without their
 *               header, a multiple of 4; returns 0 for a type that there is not. NULL
 *               without events
 * @init_hw_queue: let the hardware use a queue, whose fields are set. Its rules decide
 *                 on the index and the order: -EINVAL for an index that there is not,
 *                 -EEXIST, -EIO when another queue must come first. It may set
 *                 &struct iommu_hw_queue.after
 * @destroy_hw_queue: stop that; the hardware does not use the queue on return
 *
 * All but @hw_queue_bytes and @event_bytes may sleep. Calls of @init_hw_queue and
 * @destroy_hw_queue of one virtual IOMMU exclude each other; those of @init_vdevice and
 * @destroy_vdevice do so, too.
 *
 * No entry handles accesses of a guest to registers, and none takes a request that has
 * no type of its own in the user ABI.
 */
struct iommu_viommu_ops {
	size_t viommu_bytes;
	size_t vdevice_bytes;
	size_t (*hw_queue_bytes)(struct iommu_viommu *viommu, u32 type);
	int (*init)(struct iommu_viommu *viommu, struct device *dev,
		    struct iommu_user_blob *blob);
	void (*destroy)(struct iommu_viommu *viommu);
	struct iommu_domain *(*alloc_nested)(struct iommu_viommu *viommu,
					     struct device *dev, u32 flags,
					     const struct iommu_user_blob *blob);
	int (*invalidate)(struct iommu_viommu *viommu,
			  struct iommu_user_array *array);
	int (*init_vdevice)(struct iommu_vdevice *vdev);
	void (*destroy_vdevice)(struct iommu_vdevice *vdev);
	size_t (*event_bytes)(struct iommu_viommu *viommu, u32 type);
	int (*init_hw_queue)(struct iommu_hw_queue *queue);
	void (*destroy_hw_queue)(struct iommu_hw_queue *queue);
};

/**
 * struct iommu_viommu_owner_ops - what the owner of virtual IOMMUs does for drivers
 * @report: see iommu_viommu_report()
 * @publish: see iommu_viommu_publish()
 * @unpublish: see iommu_viommu_unpublish()
 */
struct iommu_viommu_owner_ops {
	int (*report)(struct iommu_viommu *viommu, u32 type, const void *data,
		      size_t len);
	int (*publish)(struct iommu_viommu *viommu, phys_addr_t phys, size_t len,
		       enum iommu_viommu_memory memory, u64 *offset);
	void (*unpublish)(struct iommu_viommu *viommu, u64 offset);
};

/**
 * struct iommu_viommu - virtual IOMMU
 * @ops: its type
 * @owner: made it
 * @owner_data: belongs to the owner
 * @iommu: IOMMU that it is a part of
 * @parent: paging domain, made with %IOMMU_ALLOC_NEST_PARENT, which outlives it
 * @type: number of its type in the user ABI
 * @vdevices: guest's ID to &struct iommu_vdevice
 */
struct iommu_viommu {
	const struct iommu_viommu_ops *ops;
	const struct iommu_viommu_owner_ops *owner;
	void *owner_data;
	struct iommu_device *iommu;
	struct iommu_domain *parent;
	u32 type;
	struct xarray vdevices;
};

/**
 * struct iommu_vdevice - a device as a guest knows it
 * @viommu: virtual IOMMU that the guest sees it behind
 * @dev: the device
 * @virt_id: ID that the guest's IOMMU has for it
 */
struct iommu_vdevice {
	struct iommu_viommu *viommu;
	struct device *dev;
	unsigned long virt_id;
};

/**
 * struct iommu_hw_queue - queue in a guest's memory that hardware reads
 * @viommu: virtual IOMMU
 * @type: number of its type in the user ABI
 * @index: which queue of this type
 * @iova: where the guest has it: first address in bytes, translated by the parent
 * @phys: the same as a physical address; all of it is contiguous
 * @length: its length in bytes, not 0
 * @after: queue that must not be destroyed before this one, or NULL
 * @owner_data: belongs to the owner of @viommu
 */
struct iommu_hw_queue {
	struct iommu_viommu *viommu;
	u32 type;
	u32 index;
	u64 iova;
	phys_addr_t phys;
	u64 length;
	struct iommu_hw_queue *after;
	void *owner_data;
};

#ifdef CONFIG_IOMMU_API

/* For drivers: drivers/iommu/iommu-viommu.c */
struct iommu_vdevice *iommu_viommu_find(struct iommu_viommu *viommu,
					unsigned long virt_id);
struct iommu_vdevice *iommu_vdevice_of(struct device *dev);
int iommu_viommu_report(struct iommu_viommu *viommu, u32 type,
			const void *data, size_t len);
int iommu_viommu_publish(struct iommu_viommu *viommu, phys_addr_t phys,
			 size_t len, enum iommu_viommu_memory memory,
			 u64 *offset);
void iommu_viommu_unpublish(struct iommu_viommu *viommu, u64 offset);

/* For owners: drivers/iommu/iommu-viommu.c */
int iommu_device_has_viommu(struct device *dev, u32 type);
struct iommu_viommu *
iommu_viommu_create(struct device *dev, u32 type, struct iommu_domain *parent,
		    const struct iommu_viommu_owner_ops *owner,
		    void *owner_data, struct iommu_user_blob *blob);
bool iommu_viommu_destroy(struct iommu_viommu *viommu);
bool iommu_viommu_serves(struct iommu_viommu *viommu, struct device *dev);
struct iommu_domain *
iommu_viommu_alloc_nested(struct iommu_viommu *viommu, struct device *dev,
			  u32 flags, const struct iommu_user_blob *blob);
struct iommu_vdevice *iommu_vdevice_create(struct iommu_viommu *viommu,
					   struct device *dev,
					   unsigned long virt_id);
void iommu_vdevice_destroy(struct iommu_vdevice *vdev);
struct iommu_hw_queue *iommu_hw_queue_alloc(struct iommu_viommu *viommu,
					    u32 type);

#endif /* CONFIG_IOMMU_API */
#endif /* __LINUX_IOMMU_VIOMMU_H */
