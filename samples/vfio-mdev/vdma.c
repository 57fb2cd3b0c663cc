// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO device in software that accesses the memory of its user in each way that
 * such a device can: it pins pages, unpins them when they are unmapped, and copies
 * without pinning.
 *
 * User space writes one &struct vdma_command at a time to the device's file, and
 * the result of write() is that of the command. What was copied last is read
 * from the file.
 *
 * Files of the platform device let a test see when the driver is called, and delay
 * the caller there:
 *   hold   where callers wait, "unmap" (in dma_unmap()), "close" (in
 *          close_device(), before pages are unpinned) or "none"
 *   held   how many do
 *   stray  how often dma_unmap() found the device closed, or about to be
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/wait.h>

#define MAX_PAGES	16
#define BUFFER_BYTES	256

enum vdma_op {
	VDMA_PIN,		/* pages from iova on */
	VDMA_UNPIN,		/* all that are pinned */
	VDMA_FILL,		/* what is pinned, with a byte */
	VDMA_LOAD,		/* from iova into the buffer */
	VDMA_STORE,		/* from the buffer to iova */
	VDMA_ASKED,		/* number of pages that the device was asked to unpin */
};

/**
 * struct vdma_command - what user space wants
 * @iova: address in the user's address space, in bytes
 * @count: pages, bytes, or the byte to fill with
 * @op: a &enum vdma_op
 */
struct vdma_command {
	__u64 iova;
	__u32 count;
	__u32 op;
};

enum vdma_hold {
	VDMA_HOLD_NONE,
	VDMA_HOLD_UNMAP,
	VDMA_HOLD_CLOSE,
};

static const char *const hold_names[] = {
	[VDMA_HOLD_NONE] = "none",
	[VDMA_HOLD_UNMAP] = "unmap",
	[VDMA_HOLD_CLOSE] = "close",
};

/**
 * struct vdma - the device
 * @vdev: its role in VFIO
 * @hold: where callers are held; changes at any time
 * @nr_held: number of those that are
 * @released: where they wait
 * @lock: protects all below
 * @opened: between open_device() and close_device()
 * @nr_stray: calls of dma_unmap() at another time
 * @pages: pages that are pinned
 * @iova: address of the first, in bytes
 * @nr_pages: number of @pages
 * @nr_asked: pages that were unpinned because they were unmapped
 * @buffer: what was copied
 */
struct vdma {
	struct vfio_device vdev;
	enum vdma_hold hold;
	atomic_t nr_held;
	wait_queue_head_t released;
	struct mutex lock; /* all below */
	bool opened;
	unsigned int nr_stray;
	struct page *pages[MAX_PAGES];
	dma_addr_t iova;
	unsigned int nr_pages;
	unsigned int nr_asked;
	u8 buffer[BUFFER_BYTES];
};

static struct vdma *to_vdma(struct vfio_device *vdev)
{
	return container_of(vdev, struct vdma, vdev);
}

static int pin(struct vdma *vdma, const struct vdma_command *command)
{
	int nr;

	if (vdma->nr_pages || !command->count || command->count > MAX_PAGES)
		return -EINVAL;
	nr = vfio_pin_pages(&vdma->vdev, command->iova, command->count,
			    IOMMU_READ | IOMMU_WRITE, vdma->pages);
	if (nr < 0)
		return nr;
	vdma->iova = command->iova;
	vdma->nr_pages = nr;
	return 0;
}

static void unpin(struct vdma *vdma)
{
	if (vdma->nr_pages)
		vfio_unpin_pages(&vdma->vdev, vdma->iova, vdma->nr_pages);
	vdma->nr_pages = 0;
}

static void fill(struct vdma *vdma, u8 byte)
{
	unsigned int i;

	for (i = 0; i < vdma->nr_pages; i++)
		memset_page(vdma->pages[i], 0, byte, PAGE_SIZE);
}

static int copy(struct vdma *vdma, const struct vdma_command *command,
		bool store)
{
	if (command->count > BUFFER_BYTES)
		return -EINVAL;
	return vfio_dma_rw(&vdma->vdev, command->iova, vdma->buffer,
			   command->count, store);
}

static int run(struct vdma *vdma, const struct vdma_command *command)
{
	switch (command->op) {
	case VDMA_PIN:
		return pin(vdma, command);
	case VDMA_UNPIN:
		unpin(vdma);
		return 0;
	case VDMA_FILL:
		fill(vdma, command->count);
		return 0;
	case VDMA_LOAD:
	case VDMA_STORE:
		return copy(vdma, command, command->op == VDMA_STORE);
	case VDMA_ASKED:
		return vdma->nr_asked == command->count ? 0 : -ERANGE;
	default:
		return -EINVAL;
	}
}

static ssize_t vdma_write(struct vfio_device *vdev, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct vdma *vdma = to_vdma(vdev);
	struct vdma_command command;
	int err;

	if (count != sizeof(command))
		return -EINVAL;
	if (copy_from_user(&command, buf, sizeof(command)))
		return -EFAULT;
	/* Not held while pages are pinned: to unmap them takes the lock */
	mutex_lock(&vdma->lock);
	err = run(vdma, &command);
	mutex_unlock(&vdma->lock);
	return err ?: count;
}

static ssize_t vdma_read(struct vfio_device *vdev, char __user *buf,
			 size_t count, loff_t *ppos)
{
	struct vdma *vdma = to_vdma(vdev);
	ssize_t done = min_t(size_t, count, BUFFER_BYTES);

	mutex_lock(&vdma->lock);
	if (copy_to_user(buf, vdma->buffer, done))
		done = -EFAULT;
	mutex_unlock(&vdma->lock);
	return done;
}

/* Waits without the locks of the device; a fatal signal ends the wait */
static void wait_while_held(struct vdma *vdma, enum vdma_hold where)
{
	atomic_inc(&vdma->nr_held);
	wait_event_killable(vdma->released, READ_ONCE(vdma->hold) != where);
	atomic_dec(&vdma->nr_held);
}

/* Pages are unpinned all at once, so one that goes takes the others along */
static void vdma_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vdma *vdma = to_vdma(vdev);
	u64 end;

	wait_while_held(vdma, VDMA_HOLD_UNMAP);
	mutex_lock(&vdma->lock);
	if (!vdma->opened)
		vdma->nr_stray++;
	end = vdma->iova + ((u64)vdma->nr_pages << PAGE_SHIFT);
	if (vdma->nr_pages && iova < end && iova + (length - 1) >= vdma->iova) {
		vdma->nr_asked += vdma->nr_pages;
		unpin(vdma);
	}
	mutex_unlock(&vdma->lock);
}

static int vdma_open(struct vfio_device *vdev)
{
	struct vdma *vdma = to_vdma(vdev);

	mutex_lock(&vdma->lock);
	vdma->opened = true;
	mutex_unlock(&vdma->lock);
	return 0;
}

static void vdma_close(struct vfio_device *vdev)
{
	struct vdma *vdma = to_vdma(vdev);

	mutex_lock(&vdma->lock);
	vdma->opened = false;
	mutex_unlock(&vdma->lock);
	wait_while_held(vdma, VDMA_HOLD_CLOSE);
	mutex_lock(&vdma->lock);
	unpin(vdma);
	vdma->nr_asked = 0;
	mutex_unlock(&vdma->lock);
}

static int vdma_init(struct vfio_device *vdev)
{
	struct vdma *vdma = to_vdma(vdev);

	mutex_init(&vdma->lock);
	init_waitqueue_head(&vdma->released);
	return 0;
}

static void vdma_release(struct vfio_device *vdev)
{
	mutex_destroy(&to_vdma(vdev)->lock);
	vfio_free_device(vdev);
}

static const struct vfio_device_ops vdma_ops = {
	.name = "vdma",
	.init = vdma_init,
	.release = vdma_release,
	.open_device = vdma_open,
	.close_device = vdma_close,
	.read = vdma_read,
	.write = vdma_write,
	.dma_unmap = vdma_dma_unmap,
};

static ssize_t hold_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct vdma *vdma = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", hold_names[READ_ONCE(vdma->hold)]);
}

static ssize_t hold_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct vdma *vdma = dev_get_drvdata(dev);
	int where = sysfs_match_string(hold_names, buf);

	if (where < 0)
		return where;
	WRITE_ONCE(vdma->hold, where);
	wake_up_all(&vdma->released);
	return count;
}
static DEVICE_ATTR_RW(hold);

static ssize_t held_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct vdma *vdma = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&vdma->nr_held));
}
static DEVICE_ATTR_RO(held);

static ssize_t stray_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct vdma *vdma = dev_get_drvdata(dev);
	unsigned int nr_stray;

	mutex_lock(&vdma->lock);
	nr_stray = vdma->nr_stray;
	mutex_unlock(&vdma->lock);
	return sysfs_emit(buf, "%u\n", nr_stray);
}
static DEVICE_ATTR_RO(stray);

static struct attribute *vdma_attrs[] = {
	&dev_attr_hold.attr,
	&dev_attr_held.attr,
	&dev_attr_stray.attr,
	NULL
};
ATTRIBUTE_GROUPS(vdma);

static int vdma_probe(struct platform_device *pdev)
{
	struct vdma *vdma;
	int err;

	vdma = vfio_alloc_device(vdma, vdev, &pdev->dev, &vdma_ops);
	if (IS_ERR(vdma))
		return PTR_ERR(vdma);
	err = vfio_register_emulated_iommu_dev(&vdma->vdev);
	if (err) {
		vfio_put_device(&vdma->vdev);
		return err;
	}
	platform_set_drvdata(pdev, vdma);
	return 0;
}

static int vdma_remove(struct platform_device *pdev)
{
	struct vdma *vdma = platform_get_drvdata(pdev);

	vfio_unregister_group_dev(&vdma->vdev);
	vfio_put_device(&vdma->vdev);
	return 0;
}

static struct platform_driver vdma_driver = {
	.probe = vdma_probe,
	.remove = vdma_remove,
	.driver = {
		.name = "vdma",
		.dev_groups = vdma_groups,
	},
};

static struct platform_device *vdma_device;

static int __init vdma_module_init(void)
{
	int err;

	err = platform_driver_register(&vdma_driver);
	if (err)
		return err;
	vdma_device = platform_device_register_simple("vdma", -1, NULL, 0);
	if (IS_ERR(vdma_device)) {
		platform_driver_unregister(&vdma_driver);
		return PTR_ERR(vdma_device);
	}
	return 0;
}
module_init(vdma_module_init);

static void __exit vdma_module_exit(void)
{
	platform_device_unregister(vdma_device);
	platform_driver_unregister(&vdma_driver);
}
module_exit(vdma_module_exit);

MODULE_DESCRIPTION("Sample device of VFIO that reaches its user's memory");
MODULE_LICENSE("GPL");
