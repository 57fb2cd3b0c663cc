// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory BARs of a device as dma-bufs, for DMA of other devices.
 *
 * User space asks for a part of a BAR and gets a dma-buf, which it maps into an
 * address space of an iommufd. It may also give iommufd an address at which it has
 * mapped the BAR. iommufd then uses an internal dma-buf of the whole BAR, one for
 * all such mappings, since no account is charged for a dma-buf. Other importers
 * cannot use either kind: map_dma_buf() always fails. The dma-buf does not keep the
 * device open. Whenever the user of the device makes it stop decoding its memory,
 * by a reset, a command or a power state, the exports are revoked first, so that no
 * other device accesses the memory meanwhile; see vfio_pci_dmabuf_revoke(). Resets
 * by other means (sysfs, the driver of the PF) are not announced to vfio-pci.
 *
 * Locks, outermost first:
 *
 *   memory_lock            whether the memory may be accessed; which exports the
 *                          device has. For writing: to revoke and to restore
 *   bar_exports.lock       the list, against dma-bufs that are released. They are
 *                          freed after they left the list, so those on it are valid
 *   dma_resv of a dma-buf  whether the export is revoked; its importers, and
 *                          the locks that unmapping from an IOMMU takes
 */

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/iommu-ext.h>
#include <linux/iommufd.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio_pci_dmabuf.h"
#include "vfio_pci_priv.h"

/* Most ranges of one export. iommufd maps only exports of a single range */
#define MAX_RANGES	1024

/**
 * struct vfio_pci_bar_exports - the exports of one device that is open
 * @users: one for the device until it is closed, and one for each export
 * @lock: protects @list
 * @list: the exports; empty when the device has been closed
 */
struct vfio_pci_bar_exports {
	struct kref users;
	struct mutex lock; /* @list; dma_resv nests inside */
	struct list_head list;
};

/**
 * struct bar_export - part of a BAR that other devices can access
 * @node: entry in the list of the device; empty when the device has been closed
 * @owner: the list; a reference
 * @dmabuf: the dma-buf that this belongs to
 * @run: where the memory is
 * @nr_ranges: number of ranges that were asked for; @run is the first
 * @shared: it is a whole BAR, and used for every mapping by an address there
 * @revoked: the memory may not be accessed; protected by the dma-buf's reservation
 *	     lock
 */
struct bar_export {
	struct list_head node;
	struct vfio_pci_bar_exports *owner;
	struct dma_buf *dmabuf;
	struct iommu_run run;
	unsigned int nr_ranges;
	bool shared;
	bool revoked;
};

static void free_exports(struct kref *kref)
{
	struct vfio_pci_bar_exports *exports =
		container_of(kref, struct vfio_pci_bar_exports, users);

	mutex_destroy(&exports->lock);
	kfree(exports);
}

static void put_exports(struct vfio_pci_bar_exports *exports)
{
	kref_put(&exports->users, free_exports);
}

/* The device's list, allocated at the first export */
static struct vfio_pci_bar_exports *
get_exports(struct vfio_pci_core_device *vdev)
{
	struct vfio_pci_bar_exports *exports = vdev->bar_exports;

	lockdep_assert_held_write(&vdev->memory_lock);
	if (!exports) {
		exports = kzalloc(sizeof(*exports), GFP_KERNEL_ACCOUNT);
		if (!exports)
			return NULL;
		kref_init(&exports->users); /* matches vfio_pci_dmabuf_close() */
		mutex_init(&exports->lock);
		INIT_LIST_HEAD(&exports->list);
		vdev->bar_exports = exports;
	}
	kref_get(&exports->users); /* matches export_release() */
	return exports;
}

/* Operations of the dma-buf: importers other than iommufd cannot map it */

static int export_pin(struct dma_buf_attachment *attachment)
{
	return -EOPNOTSUPP;
}

static void export_unpin(struct dma_buf_attachment *attachment)
{
}

static struct sg_table *export_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction direction)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void export_unmap(struct dma_buf_attachment *attachment,
			 struct sg_table *table,
			 enum dma_data_direction direction)
{
}

/* Refuse importers that cannot access memory of a device */
static int export_attach(struct dma_buf *dmabuf,
			 struct dma_buf_attachment *attachment)
{
	return attachment->peer2peer ? 0 : -EOPNOTSUPP;
}

static void export_release(struct dma_buf *dmabuf)
{
	struct bar_export *export = dmabuf->priv;

	if (export->owner) {
		mutex_lock(&export->owner->lock);
		list_del(&export->node);
		mutex_unlock(&export->owner->lock);
		put_exports(export->owner);
	}
	kfree(export);
}

static const struct dma_buf_ops export_ops = {
	.attach		= export_attach,
	.pin		= export_pin,
	.unpin		= export_unpin,
	.map_dma_buf	= export_map,
	.unmap_dma_buf	= export_unmap,
	.release	= export_release,
};

static int export_locate(struct dma_buf *dmabuf, struct iommu_run *run)
{
	struct bar_export *export = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);
	if (export->nr_ranges != 1)
		return -EOPNOTSUPP;
	if (export->revoked)
		return -ENODEV;
	*run = export->run;
	return 0;
}

/* Revoking and restoring */

static bool memory_is_usable(struct vfio_pci_core_device *vdev)
{
	return !vdev->pm_runtime_engaged && __vfio_pci_memory_enabled(vdev);
}

static void set_revoked(struct bar_export *export, bool revoked)
{
	struct dma_buf *dmabuf = export->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	if (export->revoked != revoked) {
		export->revoked = revoked;
		dma_buf_move_notify(dmabuf);
	}
	dma_resv_unlock(dmabuf->resv);
}

static void set_all_revoked(struct vfio_pci_core_device *vdev, bool revoked)
{
	struct vfio_pci_bar_exports *exports = vdev->bar_exports;
	struct bar_export *export;

	lockdep_assert_held_write(&vdev->memory_lock);
	if (!exports)
		return;
	mutex_lock(&exports->lock);
	list_for_each_entry(export, &exports->list, node)
		set_revoked(export, revoked);
	mutex_unlock(&exports->lock);
}

/**
 * vfio_pci_dmabuf_revoke() - the memory of a device is about to become inaccessible
 * @vdev: device
 *
 * When this returns no device can access it through an export any more.
 *
 * Context: memory_lock held for writing; may sleep.
 */
void vfio_pci_dmabuf_revoke(struct vfio_pci_core_device *vdev)
{
	set_all_revoked(vdev, true);
}

/**
 * vfio_pci_dmabuf_restore() - the memory of a device may be accessible again
 * @vdev: device
 *
 * If the device decodes its memory, the exports can be mapped again.
 *
 * Context: memory_lock held for writing; may sleep.
 */
void vfio_pci_dmabuf_restore(struct vfio_pci_core_device *vdev)
{
	if (vdev->bar_exports && memory_is_usable(vdev))
		set_all_revoked(vdev, false);
}

/**
 * vfio_pci_dmabuf_close() - a device is being closed
 * @vdev: device
 *
 * The exports are revoked for good: they give no access to the next user of the
 * device.
 *
 * Context: may sleep; takes memory_lock.
 */
void vfio_pci_dmabuf_close(struct vfio_pci_core_device *vdev)
{
	struct vfio_pci_bar_exports *exports;
	struct bar_export *export, *next;

	down_write(&vdev->memory_lock);
	vfio_pci_dmabuf_revoke(vdev);
	exports = vdev->bar_exports;
	vdev->bar_exports = NULL;
	up_write(&vdev->memory_lock);
	if (!exports)
		return;

	mutex_lock(&exports->lock);
	list_for_each_entry_safe(export, next, &exports->list, node)
		list_del_init(&export->node);
	mutex_unlock(&exports->lock);
	put_exports(exports);
}

/* Making an export */

/* As for mmap, request the BAR's resource until the device is closed */
static int claim_bar(struct vfio_pci_core_device *vdev, unsigned int bar)
{
	int err;

	lockdep_assert_held_write(&vdev->memory_lock);
	if (vdev->barmap[bar])
		return 0;
	err = pci_request_selected_regions(vdev->pdev, BIT(bar), "vfio-pci");
	if (err)
		return err;
	vdev->barmap[bar] = pci_iomap(vdev->pdev, bar, 0);
	if (vdev->barmap[bar])
		return 0;
	pci_release_selected_regions(vdev->pdev, BIT(bar));
	return -ENOMEM;
}

static int publish(struct vfio_pci_core_device *vdev, struct bar_export *export,
		   unsigned int bar)
{
	struct vfio_pci_bar_exports *exports;
	int err;

	down_write(&vdev->memory_lock);
	err = claim_bar(vdev, bar);
	if (err)
		goto out_unlock;
	exports = get_exports(vdev);
	if (!exports) {
		err = -ENOMEM;
		goto out_unlock;
	}
	export->owner = exports;
	mutex_lock(&exports->lock);
	/* Shared exports are looked up, so they come first */
	if (export->shared)
		list_add(&export->node, &exports->list);
	else
		list_add_tail(&export->node, &exports->list);
	mutex_unlock(&exports->lock);
	set_revoked(export, !memory_is_usable(vdev));
out_unlock:
	up_write(&vdev->memory_lock);
	return err;
}

/* The memory cannot be accessed before the export is on the list */
static struct dma_buf *create_dmabuf(struct vfio_pci_core_device *vdev,
				     unsigned int bar,
				     const struct bar_export *wanted,
				     size_t size, u32 open_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct bar_export *export;
	struct dma_buf *dmabuf;
	int err;

	export = kmemdup(wanted, sizeof(*wanted), GFP_KERNEL_ACCOUNT);
	if (!export)
		return ERR_PTR(-ENOMEM);
	export->revoked = true;
	info.ops = &export_ops;
	info.size = size;
	info.flags = open_flags;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		kfree(export);
		return dmabuf;
	}
	export->dmabuf = dmabuf;
	err = publish(vdev, export, bar);
	if (err) {
		dma_buf_put(dmabuf);
		return ERR_PTR(err);
	}
	return dmabuf;
}

/* Check one range of a BAR of @bar_bytes, and add its length to @size */
static bool range_is_valid(const struct vfio_region_dma_range *range,
			   u64 bar_bytes, size_t *size)
{
	u64 end;

	return range->length && PAGE_ALIGNED(range->offset) &&
	       PAGE_ALIGNED(range->length) &&
	       !check_add_overflow((u64)range->offset, (u64)range->length,
				   &end) &&
	       end <= bar_bytes &&
	       !check_add_overflow(*size, (size_t)range->length, size);
}

static int read_ranges(const struct vfio_device_feature_dma_buf __user *arg,
		       unsigned int nr, const struct resource *bar,
		       struct bar_export *wanted, size_t *size)
{
	struct vfio_region_dma_range range;
	unsigned int i;

	*size = 0;
	for (i = 0; i < nr; i++) {
		if (copy_from_user(&range, &arg->dma_ranges[i], sizeof(range)))
			return -EFAULT;
		/* To whole pages, as mmap does it */
		if (!range_is_valid(&range, PAGE_ALIGN(resource_size(bar)),
				    size))
			return -EINVAL;
		if (!i) {
			wanted->run.phys = bar->start + range.offset;
			wanted->run.len = range.length;
		}
	}
	wanted->nr_ranges = nr;
	return 0;
}

static int check_head(const struct vfio_device_feature_dma_buf *head,
		      size_t argsz)
{
	if (head->flags || !head->nr_ranges || head->nr_ranges > MAX_RANGES ||
	    head->open_flags & ~(O_ACCMODE | O_CLOEXEC))
		return -EINVAL;
	if (argsz < struct_size(head, dma_ranges, head->nr_ranges))
		return -EINVAL;
	return 0;
}

/**
 * vfio_pci_dmabuf_feature() - VFIO_DEVICE_FEATURE_DMA_BUF
 * @vdev: device that is open
 * @flags: flags of the call
 * @arg: which part of which BAR
 * @argsz: length of @arg in bytes, as user space says
 *
 * Context: may sleep; no locks held.
 * Return: a descriptor of the dma-buf; 0 to a probe; -EOPNOTSUPP for a device
 * whose driver decides itself what of its memory can be mapped; -EINVAL for
 * SET, an @arg that is too short, unknown flags, no or more than %MAX_RANGES
 * ranges, one that is empty, not made of pages or reaches past the BAR;
 * -ENODEV when the region is not a memory BAR that can be mapped; -EFAULT;
 * -EBUSY when the BAR is in use elsewhere; -ENOMEM; -EMFILE.
 */
int vfio_pci_dmabuf_feature(struct vfio_pci_core_device *vdev, u32 flags,
			    struct vfio_device_feature_dma_buf __user *arg,
			    size_t argsz)
{
	struct vfio_device_feature_dma_buf head;
	struct bar_export wanted = { };
	struct dma_buf *dmabuf;
	unsigned int bar;
	size_t size;
	int ret;

	if (vdev->vdev.ops->mmap != vfio_pci_core_mmap)
		return -EOPNOTSUPP;
	ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET,
				 sizeof(head));
	if (ret != 1)
		return ret;
	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	ret = check_head(&head, argsz);
	if (ret)
		return ret;
	if (head.region_index >= VFIO_PCI_ROM_REGION_INDEX)
		return -ENODEV;
	bar = array_index_nospec(head.region_index, VFIO_PCI_ROM_REGION_INDEX);
	if (!vdev->bar_mmap_supported[bar])
		return -ENODEV;
	ret = read_ranges(arg, head.nr_ranges, &vdev->pdev->resource[bar],
			  &wanted, &size);
	if (ret)
		return ret;

	dmabuf = create_dmabuf(vdev, bar, &wanted, size, head.open_flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = dma_buf_fd(dmabuf, head.open_flags);
	if (ret < 0)
		dma_buf_put(dmabuf);
	return ret;
}

/* Returns a reference, or NULL. Skips dma-bufs that are being released */
static struct dma_buf *get_shared(struct vfio_pci_core_device *vdev,
				  phys_addr_t phys)
{
	struct vfio_pci_bar_exports *exports;
	struct dma_buf *dmabuf = NULL;
	struct bar_export *export;

	down_read(&vdev->memory_lock);
	exports = vdev->bar_exports;
	if (!exports)
		goto out_unlock;
	mutex_lock(&exports->lock);
	list_for_each_entry(export, &exports->list, node) {
		if (!export->shared)
			break;
		if (export->run.phys == phys &&
		    get_file_rcu(export->dmabuf->file)) {
			dmabuf = export->dmabuf;
			break;
		}
	}
	mutex_unlock(&exports->lock);
out_unlock:
	up_read(&vdev->memory_lock);
	return dmabuf;
}

/* Two tasks may both find no dma-buf and make two, which is harmless */
static struct dma_buf *export_bar(struct vfio_pci_core_device *vdev,
				  unsigned int bar)
{
	const struct resource *res = &vdev->pdev->resource[bar];
	const struct bar_export wanted = {
		.run = {
			.phys = res->start,
			.len = PAGE_ALIGN(resource_size(res)),
		},
		.nr_ranges = 1,
		.shared = true,
	};
	struct dma_buf *dmabuf = get_shared(vdev, res->start);

	return dmabuf ?: create_dmabuf(vdev, bar, &wanted, wanted.run.len,
				       O_RDWR | O_CLOEXEC);
}

/* A part of a BAR that a process has mapped: mmap has checked its rights */
static struct dma_buf *export_pages(void *private, phys_addr_t phys,
				    size_t size, u64 *offset)
{
	struct vfio_pci_core_device *vdev = private;
	const struct resource *res;
	unsigned int bar;

	for (bar = 0; bar < VFIO_PCI_ROM_REGION_INDEX; bar++) {
		res = &vdev->pdev->resource[bar];
		if (vdev->bar_mmap_supported[bar] && phys >= res->start &&
		    phys - res->start < PAGE_ALIGN(resource_size(res))) {
			*offset = phys - res->start;
			return export_bar(vdev, bar);
		}
	}
	return ERR_PTR(-EFAULT);
}

static const struct iommufd_exporter_ops exporter = {
	.ops		= &export_ops,
	.locate		= export_locate,
	.mmio		= true,
	.vm_ops		= &vfio_pci_mmap_ops,
	.export_pages	= export_pages,
};

/**
 * vfio_pci_dmabuf_init() - let iommufd map the exports
 *
 * Context: may sleep.
 * Return: 0, or -ENOSPC.
 */
int vfio_pci_dmabuf_init(void)
{
	return iommufd_register_exporter(&exporter);
}

/**
 * vfio_pci_dmabuf_exit() - undo vfio_pci_dmabuf_init()
 *
 * Context: may sleep.
 */
void vfio_pci_dmabuf_exit(void)
{
	iommufd_unregister_exporter(&exporter);
}

MODULE_IMPORT_NS(DMA_BUF);
MODULE_IMPORT_NS(IOMMUFD);
