// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dma-bufs of ordinary memory in one piece, which can be revoked like those of
 * devices.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/iommu-ext.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "call.h"
#include "iommufd_test.h"
#include "mock/calls.h"

#define MAX_PAGES	512

/**
 * struct mock_memory - memory of a dma-buf
 * @start: the memory, in pages that can be mapped one by one
 * @size: its length in bytes, a multiple of %PAGE_SIZE
 * @revoked: it cannot be mapped; protected by the dma-buf's reservation lock
 */
struct mock_memory {
	void *start;
	size_t size;
	bool revoked;
};

/* A dynamic exporter must have this; iommufd never calls it */
static int dmabuf_pin(struct dma_buf_attachment *attachment)
{
	return -EOPNOTSUPP;
}

static void dmabuf_unpin(struct dma_buf_attachment *attachment)
{
}

static struct sg_table *dmabuf_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction direction)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void dmabuf_unmap(struct dma_buf_attachment *attachment,
			 struct sg_table *table,
			 enum dma_data_direction direction)
{
}

static int dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct mock_memory *memory = dmabuf->priv;
	size_t offset = vma->vm_pgoff << PAGE_SHIFT;
	unsigned long addr;
	int err;

	/* The range was checked against the size of the dma-buf */
	for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE) {
		err = vm_insert_page(vma, addr,
				     virt_to_page(memory->start + offset));
		if (err)
			return err;
		offset += PAGE_SIZE;
	}
	return 0;
}

static void memory_free(struct mock_memory *memory)
{
	free_pages_exact(memory->start, memory->size);
	kfree(memory);
}

static void dmabuf_release(struct dma_buf *dmabuf)
{
	memory_free(dmabuf->priv);
}

static const struct dma_buf_ops dmabuf_ops = {
	.pin		= dmabuf_pin,
	.unpin		= dmabuf_unpin,
	.map_dma_buf	= dmabuf_map,
	.unmap_dma_buf	= dmabuf_unmap,
	.mmap		= dmabuf_mmap,
	.release	= dmabuf_release,
};

static int dmabuf_locate(struct dma_buf *dmabuf, struct iommu_run *run)
{
	struct mock_memory *memory = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);
	if (memory->revoked)
		return -ENODEV;
	run->phys = virt_to_phys(memory->start);
	run->len = memory->size;
	return 0;
}

static const struct iommufd_exporter_ops exporter = {
	.ops	= &dmabuf_ops,
	.locate	= dmabuf_locate,
};

static struct mock_memory *memory_alloc(size_t size)
{
	struct mock_memory *memory = kzalloc(sizeof(*memory),
					     GFP_KERNEL_ACCOUNT);

	if (!memory)
		return NULL;
	memory->size = size;
	memory->start = alloc_pages_exact(size, GFP_KERNEL_ACCOUNT |
					  __GFP_ZERO | __GFP_NOWARN);
	if (!memory->start) {
		kfree(memory);
		return NULL;
	}
	return memory;
}

static struct dma_buf *dmabuf_create(size_t size, u32 open_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mock_memory *memory = memory_alloc(size);
	struct dma_buf *dmabuf;

	if (!memory)
		return ERR_PTR(-ENOMEM);
	info.ops = &dmabuf_ops;
	info.size = size;
	info.flags = open_flags;
	info.priv = memory;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		memory_free(memory);
	return dmabuf;
}

/**
 * mock_op_dmabuf_get() - DMABUF_GET: make a dma-buf
 * @call: the call
 *
 * Context: may sleep.
 * Return: a descriptor; -EINVAL when the length is 0 or above 512 pages;
 * -ENOMEM; -EMFILE without a free descriptor.
 */
int mock_op_dmabuf_get(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	u64 size = PAGE_ALIGN((u64)arg->dmabuf_get.length);
	struct dma_buf *dmabuf;
	int fd;

	if (!size || size > MAX_PAGES * PAGE_SIZE)
		return -EINVAL;
	dmabuf = dmabuf_create(size, arg->dmabuf_get.open_flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	fd = dma_buf_fd(dmabuf, arg->dmabuf_get.open_flags);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

/**
 * mock_op_dmabuf_revoke() - DMABUF_REVOKE: revoke memory, or restore it
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -EBADF; -EINVAL when the descriptor is no dma-buf; -EOPNOTSUPP for
 * the dma-bufs of others; -EINTR when the caller is being killed.
 */
int mock_op_dmabuf_revoke(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct mock_memory *memory;
	struct dma_buf *dmabuf;
	int err = -EOPNOTSUPP;

	dmabuf = dma_buf_get(arg->dmabuf_revoke.dmabuf_fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (dmabuf->ops != &dmabuf_ops)
		goto out_put;
	err = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (err)
		goto out_put;
	memory = dmabuf->priv;
	memory->revoked = arg->dmabuf_revoke.revoked;
	dma_buf_move_notify(dmabuf);
	dma_resv_unlock(dmabuf->resv);
out_put:
	dma_buf_put(dmabuf);
	return err;
}

/**
 * mock_dmabuf_init() - let the dma-bufs be mapped
 *
 * Context: may sleep.
 * Return: 0, or -ENOSPC.
 */
int __init mock_dmabuf_init(void)
{
	return iommufd_register_exporter(&exporter);
}

/**
 * mock_dmabuf_exit() - undo mock_dmabuf_init()
 *
 * Context: may sleep.
 */
void mock_dmabuf_exit(void)
{
	iommufd_unregister_exporter(&exporter);
}
