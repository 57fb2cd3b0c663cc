// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of devices, shared as a dma-buf.
 *
 * Only exporters that are registered here can say where the memory is, and
 * promise that it stays there until it is revoked. They are asked once, when
 * the store is made, so that a task that works with the store never waits for the
 * dma-buf's reservation. The exporter holds the reservation when it revokes the
 * memory, and waits for tasks that work with the store.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/iommu-ext.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "store/backing.h"
#include "store/store.h"

/* Kinds of dma-bufs, of which a kernel has few */
#define MAX_EXPORTERS	8

static DEFINE_MUTEX(exporters_lock); /* @exporters; nothing nests inside */
static const struct iommufd_exporter_ops *exporters[MAX_EXPORTERS];

/**
 * iommufd_register_exporter() - let user space map a kind of dma-bufs
 * @exporter: its operations; valid until iommufd_unregister_exporter(), and
 *	      as long as one of its dma-bufs lives
 *
 * Context: may sleep.
 * Return: 0, -EINVAL when its dma-bufs do not suit an importer that follows
 * them, -ENOSPC when there are too many kinds.
 */
int iommufd_register_exporter(const struct iommufd_exporter_ops *exporter)
{
	unsigned int i;
	int err = -ENOSPC;

	if (!exporter->ops->pin)
		return -EINVAL;

	mutex_lock(&exporters_lock);
	for (i = 0; i < MAX_EXPORTERS && err; i++) {
		if (exporters[i])
			continue;
		exporters[i] = exporter;
		err = 0;
	}
	mutex_unlock(&exporters_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommufd_register_exporter, IOMMUFD);

/**
 * iommufd_unregister_exporter() - undo iommufd_register_exporter()
 * @exporter: what was registered
 *
 * Dma-bufs that are mapped stay mapped, and can still be revoked.
 *
 * Context: may sleep.
 */
void iommufd_unregister_exporter(const struct iommufd_exporter_ops *exporter)
{
	unsigned int i;

	mutex_lock(&exporters_lock);
	for (i = 0; i < MAX_EXPORTERS; i++)
		if (exporters[i] == exporter)
			exporters[i] = NULL;
	mutex_unlock(&exporters_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_unregister_exporter, IOMMUFD);

/* The module of a dma-buf stays while the dma-buf does, and so its exporter */
static const struct iommufd_exporter_ops *
find_exporter(const struct dma_buf *dmabuf)
{
	const struct iommufd_exporter_ops *found = NULL;
	unsigned int i;

	mutex_lock(&exporters_lock);
	for (i = 0; i < MAX_EXPORTERS; i++)
		if (exporters[i] && exporters[i]->ops == dmabuf->ops)
			found = exporters[i];
	mutex_unlock(&exporters_lock);
	return found;
}

/**
 * struct dmabuf_source - the dma-buf of a store
 * @fixed: the memory, for the store
 * @dmabuf: the dma-buf; a reference
 * @attachment: tells iommufd when the memory is revoked
 * @exporter: the exporter, which knows where the memory is
 * @store: the store that owns this; NULL until the memory was found, protected
 *	   by the dma-buf's reservation lock
 * @revoke_ops: how the holders of @store give the memory up
 * @comes_back: they get it back when it is no longer revoked
 */
struct dmabuf_source {
	struct iommufd_fixed fixed;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attachment;
	const struct iommufd_exporter_ops *exporter;
	struct iommufd_store *store;
	const struct iommufd_revoke_ops *revoke_ops;
	bool comes_back;
};

/* Called with the reservation lock, until the attachment is gone */
static void source_moved(struct dma_buf_attachment *attachment)
{
	struct dmabuf_source *source = attachment->importer_priv;
	struct iommu_run run;

	bool revoked;

	dma_resv_assert_held(attachment->dmabuf->resv);
	if (!source->store)
		return;
	revoked = source->exporter->locate(attachment->dmabuf, &run);
	if (revoked && !source->fixed.revoked)
		iommufd_store_revoke(source->store, source->revoke_ops);
	else if (!revoked && source->fixed.revoked && source->comes_back)
		iommufd_store_restore(source->store, source->revoke_ops);
}

static const struct dma_buf_attach_ops attach_ops = {
	.allow_peer2peer = true,
	.move_notify = source_moved,
};

static void free_source(struct dmabuf_source *source)
{
	dma_buf_detach(source->dmabuf, source->attachment);
	dma_buf_put(source->dmabuf);
	kfree(source);
}

static void dmabuf_put(struct iommufd_backing *backing)
{
	free_source(container_of(backing->fixed, struct dmabuf_source, fixed));
}

static const struct iommufd_pin_ops dmabuf_ops = {
	.put = dmabuf_put,
};

/* The store owns @source when this succeeds */
static struct iommufd_store *create_store(struct dmabuf_source *source,
					  u64 start, size_t length_bytes,
					  bool writable)
{
	u64 last = start + length_bytes - 1;
	struct iommufd_backing backing = {
		.ops = &dmabuf_ops,
		.fixed = &source->fixed,
		.start_bytes = start & PAGE_MASK,
		.writable = writable,
	};
	struct iommufd_store *store;
	struct iommu_run run;
	int err;

	dma_resv_assert_held(source->dmabuf->resv);
	err = source->exporter->locate(source->dmabuf, &run);
	if (err)
		return ERR_PTR(err);
	if (last >= run.len)
		return ERR_PTR(-EINVAL);
	source->fixed.phys = run.phys + backing.start_bytes;
	source->fixed.mmio = source->exporter->mmio;
	store = iommufd_store_create(&backing, NULL,
				     (last >> PAGE_SHIFT) -
				     (start >> PAGE_SHIFT) + 1,
				     offset_in_page(start));
	if (!IS_ERR(store))
		source->store = store;
	return store;
}

/* Takes over the reference to @dmabuf in any case */
static struct iommufd_store *
attach_store(struct dma_buf *dmabuf, struct device *dev,
	     const struct iommufd_revoke_ops *revoke_ops, u64 start,
	     size_t length_bytes, bool writable, bool comes_back)
{
	struct iommufd_store *store;
	struct dmabuf_source *source;
	int err;

	source = kzalloc(sizeof(*source), GFP_KERNEL_ACCOUNT);
	if (!source) {
		err = -ENOMEM;
		goto err_put;
	}
	source->dmabuf = dmabuf;
	source->revoke_ops = revoke_ops;
	source->comes_back = comes_back;
	source->exporter = find_exporter(dmabuf);
	if (!source->exporter) {
		err = -EOPNOTSUPP;
		goto err_free;
	}
	source->attachment = dma_buf_dynamic_attach(dmabuf, dev, &attach_ops,
						    source);
	if (IS_ERR(source->attachment)) {
		err = PTR_ERR(source->attachment);
		goto err_free;
	}

	dma_resv_lock(dmabuf->resv, NULL);
	store = create_store(source, start, length_bytes, writable);
	dma_resv_unlock(dmabuf->resv);
	if (IS_ERR(store))
		free_source(source);
	return store;

err_free:
	kfree(source);
err_put:
	dma_buf_put(dmabuf);
	return ERR_PTR(err);
}

/**
 * iommufd_store_create_dmabuf() - make a store of a part of a dma-buf
 * @fd: a descriptor of the calling process
 * @dev: device that attaches to the dma-buf
 * @revoke_ops: how the holders of the store give the memory up when it is revoked
 * @start: first byte in the dma-buf
 * @length_bytes: number of bytes, not 0; the range does not wrap
 * @writable: devices may write to the memory
 *
 * No account is charged.
 *
 * Context: may sleep; takes the dma-buf's reservation lock, so no lock of an
 * address space may be held.
 * Return: the store with one reference, NULL when @fd is something else than a
 * dma-buf, ERR_PTR(-EBADF) when it is not open, ERR_PTR(-EINVAL) when the
 * dma-buf is shorter, ERR_PTR(-EOPNOTSUPP) when it cannot be told where it is,
 * or it is in several pieces, ERR_PTR(-ENODEV) when it is revoked,
 * ERR_PTR(-ENOMEM), or what the exporter says to being attached.
 */
struct iommufd_store *
iommufd_store_create_dmabuf(int fd, struct device *dev,
			    const struct iommufd_revoke_ops *revoke_ops,
			    u64 start, size_t length_bytes, bool writable)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf) == -EINVAL ? NULL : ERR_CAST(dmabuf);
	if (start + length_bytes > dmabuf->size) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	return attach_store(dmabuf, dev, revoke_ops, start, length_bytes,
			    writable, false);
}

/* Memory of devices that a process has mapped */

/**
 * struct bar_window - device memory at an address of a process
 * @exporter: exporter of the memory
 * @file: what is mapped there; a reference
 * @private: the exporter's, as long as @file is open
 * @phys: physical address of the first byte
 */
struct bar_window {
	const struct iommufd_exporter_ops *exporter;
	struct file *file;
	void *private;
	phys_addr_t phys;
};

static const struct iommufd_exporter_ops *
find_vma_exporter(const struct vm_area_struct *vma)
{
	const struct iommufd_exporter_ops *found = NULL;
	unsigned int i;

	if (!vma->vm_ops || !(vma->vm_flags & VM_PFNMAP))
		return NULL;
	mutex_lock(&exporters_lock);
	for (i = 0; i < MAX_EXPORTERS; i++)
		if (exporters[i] && exporters[i]->vm_ops == vma->vm_ops)
			found = exporters[i];
	mutex_unlock(&exporters_lock);
	return found;
}

/* Returns whether an exporter's memory is there; sets *err if it cannot be used */
static bool look_at_vma(unsigned long addr, size_t length_bytes,
			unsigned long vm_flags, struct bar_window *window,
			int *err)
{
	const struct vm_area_struct *vma;

	lockdep_assert_held(&current->mm->mmap_lock);
	vma = vma_lookup(current->mm, addr);
	window->exporter = vma ? find_vma_exporter(vma) : NULL;
	if (!window->exporter)
		return false;
	if (length_bytes > vma->vm_end - addr ||
	    (vma->vm_flags & vm_flags) != vm_flags) {
		*err = -EFAULT;
		return true;
	}
	window->private = vma->vm_private_data;
	window->phys = PFN_PHYS(vma->vm_pgoff) + (addr - vma->vm_start);
	window->file = get_file(vma->vm_file);
	return true;
}

static struct iommufd_store *
open_window(const struct bar_window *window, struct device *dev,
	    const struct iommufd_revoke_ops *revoke_ops, size_t length_bytes,
	    bool writable)
{
	size_t offset = offset_in_page(window->phys);
	struct iommufd_store *store;
	struct dma_buf *dmabuf;
	size_t size;
	u64 start;

	/* It is a part of a mapping in whole pages, and so does not wrap */
	size = PAGE_ALIGN(offset + length_bytes);
	dmabuf = window->exporter->export_pages(window->private,
						window->phys - offset, size,
						&start);
	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	store = attach_store(dmabuf, dev, revoke_ops, start + offset,
			     length_bytes, writable, true);
	/* The CPU would get a bus error there now */
	return store == ERR_PTR(-ENODEV) ? ERR_PTR(-EFAULT) : store;
}

/**
 * iommufd_store_create_bar() - make a store of memory of a device, by address
 * @addr: where the calling process has it mapped
 * @dev: device that attaches to the dma-buf that has it
 * @revoke_ops: how the holders of the store give the memory up when it is revoked
 * @length_bytes: number of bytes
 * @vm_flags: mask of VM_READ and VM_WRITE: what the process must be allowed to
 *	      do there, as the devices will be
 *
 * The store keeps that memory even if the process maps other memory at the address.
 * While the memory is revoked no device can access it; afterwards its holders have
 * it again. No account is charged.
 *
 * Context: may sleep; takes mmap_lock and a dma-buf's reservation lock, so no
 * lock of an address space may be held.
 * Return: the store with one reference; NULL when there is something else at
 * @addr, or nothing; ERR_PTR(-EFAULT) when the process cannot reach all of the
 * range, or the memory is revoked; ERR_PTR(-EINTR) when it is being killed;
 * ERR_PTR(-ENOMEM), or what the exporter says.
 */
struct iommufd_store *
iommufd_store_create_bar(void __user *addr, struct device *dev,
			 const struct iommufd_revoke_ops *revoke_ops,
			 size_t length_bytes, unsigned long vm_flags)
{
	unsigned long start = (unsigned long)untagged_addr(addr);
	struct bar_window window = { };
	struct iommufd_store *store;
	int err = 0;
	bool found;

	if (!length_bytes || !current->mm)
		return NULL;
	if (mmap_read_lock_killable(current->mm))
		return ERR_PTR(-EINTR);
	found = look_at_vma(start, length_bytes, vm_flags, &window, &err);
	mmap_read_unlock(current->mm);
	if (!found || err)
		return ERR_PTR(err);
	store = open_window(&window, dev, revoke_ops, length_bytes,
			    vm_flags & VM_WRITE);
	fput(window.file);
	return store;
}
