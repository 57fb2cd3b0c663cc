/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufd for drivers that give a device to user space.
 *
 * A driver binds its device to the context behind a /dev/iommu descriptor,
 * attaches it to an object of that context, and undoes both in reverse order.
 * All calls may sleep and none may be made from inside a group's or a device's
 * own lock.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/ioasid.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct dma_buf_ops;
struct file;
struct iommu_run;
struct iommufd_access;
struct iommufd_container_group;
struct iommufd_ctx;
struct iommufd_device;
struct page;

/**
 * struct iommufd_access_ops - kernel user of an address space
 * @unmap: asks to unpin the @length_bytes from @iova on, which are about to be
 *         unmapped. The user calls iommufd_access_unpin() within the call or soon
 *         after it. The range is that of one pin; each pin gets a call of its own.
 *         Called without locks; may sleep; may be called again for the same range,
 *         also when it is not pinned any more. NULL for a user that only reads and
 *         writes
 */
struct iommufd_access_ops {
	void (*unmap)(void *data, unsigned long iova,
		      unsigned long length_bytes);
};

/* How an access uses the memory */
#define IOMMUFD_ACCESS_READ	0
#define IOMMUFD_ACCESS_WRITE	BIT(0)

/**
 * struct iommufd_exporter_ops - makes dma-bufs that can be mapped
 * @ops: operations of its dma-bufs, by which they are recognized. They must have
 *       @pin, although it is not called: dma_buf_dynamic_attach() would map the
 *       dma-buf of an exporter without it
 * @locate: set @run to where the memory is, from the first byte of the dma-buf
 *          on, page aligned. Called with the dma-buf's reservation locked.
 *          Returns 0; -ENODEV while it is revoked; -EOPNOTSUPP when it is in
 *          several pieces
 * @mmio: the memory belongs to a device
 * @vm_ops: operations of mappings that show the same memory to a process; their
 *          vm_pgoff is its page frame number. NULL when there are none
 * @export_pages: give a reference to a dma-buf that has the @size bytes at
 *                physical address @phys, both page aligned, @offset bytes behind
 *                its start. They were found in a mapping with @vm_ops that has
 *                @private as vm_private_data. The file of that mapping is kept
 *                open, but the mapping may be gone. May sleep. Returns an
 *                ERR_PTR() on failure. Set if and only if @vm_ops is
 *
 * The place never changes while the dma-buf lives. To revoke it the exporter
 * makes @locate fail and calls dma_buf_move_notify(); when that returns, no
 * device reaches the memory any more.
 *
 * The struct belongs to the module that owns the dma-bufs.
 */
struct iommufd_exporter_ops {
	const struct dma_buf_ops *ops;
	int (*locate)(struct dma_buf *dmabuf, struct iommu_run *run);
	bool mmio;
	const struct vm_operations_struct *vm_ops;
	struct dma_buf *(*export_pages)(void *private, phys_addr_t phys,
					size_t size, u64 *offset);
};

#if IS_ENABLED(CONFIG_IOMMUFD)

/* Contexts: drivers/iommu/iommufd/main.c */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
struct iommufd_ctx *iommufd_ctx_from_file(struct file *filp);
void iommufd_ctx_put(struct iommufd_ctx *ctx);
void iommufd_ctx_get(struct iommufd_ctx *ctx);

/*
 * In the place of a VFIO container: drivers/iommu/iommufd/vfio_compat.c and
 * container_group.c
 */
struct iommufd_container_group *iommufd_container_group_create(void);
void iommufd_container_group_free(struct iommufd_container_group *group);
int iommufd_container_group_add_device(struct iommufd_container_group *group,
				       struct device *dev);
int iommufd_container_join(struct iommufd_ctx *ctx,
			   struct iommufd_container_group *group);
void iommufd_container_leave(struct iommufd_container_group *group);
int iommufd_container_use_noiommu(struct iommufd_ctx *ctx);
int iommufd_container_ioas_id(struct iommufd_ctx *ctx, u32 *id);

/* Devices: drivers/iommu/iommufd/device.c */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ctx,
					   struct device *dev, u32 *dev_id);
struct iommufd_device *iommufd_device_bind_noiommu(struct iommufd_ctx *ctx,
						   struct device *dev,
						   u32 *dev_id);
struct iommufd_device *iommufd_device_bind_pasid(struct iommufd_ctx *ctx,
						 struct device *dev,
						 ioasid_t pasid, u32 *dev_id);
int iommufd_device_attach(struct iommufd_device *idev, ioasid_t pasid,
			  u32 *pt_id);
int iommufd_device_replace(struct iommufd_device *idev, ioasid_t pasid,
			   u32 *pt_id);
void iommufd_device_detach(struct iommufd_device *idev, ioasid_t pasid);
void iommufd_device_detach_all(struct iommufd_device *idev);
int iommufd_device_is_attached(struct iommufd_device *idev, ioasid_t pasid);
void iommufd_device_unbind(struct iommufd_device *idev);
u32 iommufd_device_to_id(struct iommufd_device *idev);
struct iommufd_ctx *iommufd_device_to_ctx(struct iommufd_device *idev);
bool iommufd_ctx_owns_group_of(struct iommufd_ctx *ctx, struct device *dev);

/* In-kernel users of an address space: drivers/iommu/iommufd/access.c */
struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ctx,
		      const struct iommufd_access_ops *ops, void *data,
		      u32 *id);
void iommufd_access_destroy(struct iommufd_access *access);
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id);
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id);
void iommufd_access_detach(struct iommufd_access *access);
int iommufd_access_pin(struct iommufd_access *access, unsigned long iova,
		       unsigned long length_bytes, struct page **pages,
		       unsigned int flags);
void iommufd_access_unpin(struct iommufd_access *access, unsigned long iova,
			  unsigned long length_bytes);
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t len, unsigned int flags);

#endif /* CONFIG_IOMMUFD */

/* Memory of devices: drivers/iommu/iommufd/store/backing_dmabuf.c */
#if IS_ENABLED(CONFIG_IOMMUFD) && IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
int iommufd_register_exporter(const struct iommufd_exporter_ops *exporter);
void iommufd_unregister_exporter(const struct iommufd_exporter_ops *exporter);
#endif

#endif /* __LINUX_IOMMUFD_H */
