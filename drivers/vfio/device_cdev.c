// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device of a VFIO device: /dev/vfio/devices/vfioN.
 *
 *   file --> node --> device        until BIND_IOMMUFD
 *   file ----------> device         from then on, until the file is closed
 *
 * An open file of the node has no access to the device and keeps a reference to
 * the node only. The node outlives the device as long as a file is open on it. So
 * a file that was never bound delays neither the removal of the device nor the
 * unloading of its driver, and does not find another device when the number is
 * used again.
 *
 * A bound file holds a registration of the device. Removal of the device waits
 * for it and asks the user to close the file, as for a file from a group.
 *
 * Each lock is taken alone, so that none of them extends the lock order of the VFIO
 * core; Documentation/driver-api/vfio-device-cdev.rst lists them.
 */

#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>
#include <linux/iommufd.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#include "device_cdev.h"
#include "iommufd.h"
#include "vfio.h"

/**
 * struct vfio_device_node - the object of a character device number
 * @ref: one reference of the device while it is registered, one of each file
 * @lock: protects @device and @user
 * @device: the device, NULL once its removal began
 * @user: the file that bound the device or is about to
 * @noiommu: the device is not behind an IOMMU; never changes
 * @coherent: no DMA of the device bypasses the caches; never changes
 */
struct vfio_device_node {
	struct kref		ref;
	struct mutex		lock;	/* see above */
	struct vfio_device	*device;
	struct vfio_device_file	*user;
	bool			noiommu;
	bool			coherent;
};

static dev_t first_devt;
static struct cdev all_nodes_cdev;
static DEFINE_XARRAY(nodes);	/* by minor; its lock protects look-ups */

static void node_free(struct kref *ref)
{
	struct vfio_device_node *node =
		container_of(ref, struct vfio_device_node, ref);

	mutex_destroy(&node->lock);
	kfree(node);
}

static void node_put(struct vfio_device_node *node)
{
	kref_put(&node->ref, node_free);
}

static struct vfio_device_node *node_get_by_minor(unsigned int minor)
{
	struct vfio_device_node *node;

	xa_lock(&nodes);
	node = xa_load(&nodes, minor);
	if (node)
		kref_get(&node->ref);
	xa_unlock(&nodes);
	return node;
}

/**
 * vfio_device_cdev_add() - add a device and its node
 * @device: device that can take registrations; its iommufd operations are set
 *
 * Replaces device_add(). A device without iommufd operations gets no node.
 *
 * Context: may sleep.
 * Return: 0, or a negative errno with nothing added.
 */
int vfio_device_cdev_add(struct vfio_device *device)
{
	struct vfio_device_node *node;
	int err;

	if (!device->iommufd_ops)
		return device_add(&device->device);

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	kref_init(&node->ref);
	mutex_init(&node->lock);
	node->noiommu = device->group->type == VFIO_NO_IOMMU;
	node->coherent = vfio_device_enforces_coherency(device);

	err = xa_insert(&nodes, device->index, node, GFP_KERNEL);
	if (err)
		goto err_put;

	/*
	 * User space may bind the device as soon as its name exists. The lock
	 * makes the bind wait until the device was added, or that has failed.
	 */
	mutex_lock(&node->lock);
	device->device.devt = MKDEV(MAJOR(first_devt), device->index);
	err = device_add(&device->device);
	if (!err) {
		node->device = device;
		device->node = node;
	}
	mutex_unlock(&node->lock);
	if (err)
		goto err_erase;
	return 0;

err_erase:
	xa_erase(&nodes, device->index);
err_put:
	node_put(node);
	return err;
}

/**
 * vfio_device_cdev_close_node() - refuse further binds of a device
 * @device: device whose removal begins
 *
 * A file that has bound the device keeps it. Other files get -ENODEV from now on
 * and do not delay the removal.
 *
 * Context: may sleep.
 */
void vfio_device_cdev_close_node(struct vfio_device *device)
{
	struct vfio_device_node *node = device->node;

	if (!node)
		return;

	mutex_lock(&node->lock);
	node->device = NULL;
	mutex_unlock(&node->lock);

	xa_erase(&nodes, device->index);
	device->node = NULL;
	node_put(node);
}

/**
 * vfio_device_cdev_open() - open() of a node
 * @inode: the node in the file system
 * @filep: the file that is made
 *
 * Context: may sleep.
 * Return: 0; -ENODEV when the number has no device; -EPERM when the device is not
 * behind an IOMMU and the caller lacks CAP_SYS_RAWIO; -ENOMEM.
 */
int vfio_device_cdev_open(struct inode *inode, struct file *filep)
{
	struct vfio_device_file *df;
	int err;

	df = vfio_device_file_alloc();
	if (!df)
		return -ENOMEM;
	df->node = node_get_by_minor(iminor(inode));
	if (!df->node) {
		err = -ENODEV;
		goto err_free;
	}
	if (df->node->noiommu && !capable(CAP_SYS_RAWIO)) {
		err = -EPERM;
		goto err_put;
	}
	filep->private_data = df;
	return 0;

err_put:
	node_put(df->node);
err_free:
	vfio_device_file_free(df);
	return err;
}

/*
 * Become the only user of the node's device. Takes a registration, which keeps the
 * device, its group and its driver until unclaim().
 */
static struct vfio_device *claim(struct vfio_device_file *df)
{
	struct vfio_device_node *node = df->node;
	struct vfio_device *device;

	mutex_lock(&node->lock);
	device = node->device;
	if (!device)
		device = ERR_PTR(-ENODEV);
	else if (node->user)
		device = ERR_PTR(-EINVAL);
	else if (!vfio_device_try_get_registration(device))
		device = ERR_PTR(-ENODEV);
	else
		node->user = df;
	mutex_unlock(&node->lock);
	return device;
}

static void unclaim(struct vfio_device_file *df, struct vfio_device *device)
{
	mutex_lock(&df->node->lock);
	df->node->user = NULL;
	mutex_unlock(&df->node->lock);
	vfio_device_put_registration(device);
}

/* Keep the file of the group from being opened; -EBUSY if it is open */
static int shut_group(struct vfio_group *group)
{
	int err = 0;

	mutex_lock(&group->group_lock);
	if (group->opened_file)
		err = -EBUSY;
	else
		group->cdev_users++;
	mutex_unlock(&group->group_lock);
	return err;
}

static void reopen_group(struct vfio_group *group)
{
	mutex_lock(&group->group_lock);
	group->cdev_users--;
	mutex_unlock(&group->group_lock);
}

/*
 * Drivers get the token as part of the name by which a group's file asks for a
 * device: "0000:01:00.0 vf_token=<UUID>". Pass it to them in the same form, so that
 * the same rules apply.
 */
static int check_token(struct vfio_device *device, const uuid_t *token)
{
	char *name;
	int match;

	if (!device->ops->match)
		return token ? -EINVAL : 0;

	if (token)
		name = kasprintf(GFP_KERNEL, "%s vf_token=%pUb",
				 dev_name(device->dev), token);
	else
		name = kstrdup(dev_name(device->dev), GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	match = device->ops->match(device, name);
	kfree(name);
	if (match < 0)
		return match;
	return match ? 0 : -EINVAL;
}

static int open_device(struct vfio_device *device,
		       struct vfio_kvm_link *kvm)
{
	struct kvm *old_kvm = NULL;
	int err = 0;

	/* A user must make unloading of the driver fail, not wait */
	if (!try_module_get(device->dev->driver->owner))
		return -ENODEV;

	mutex_lock(&device->dev_set->lock);
	device->open_count++;
	device->cdev_opened = true;
	vfio_device_get_kvm(device, kvm);
	if (device->ops->open_device)
		err = device->ops->open_device(device);
	if (err) {
		old_kvm = vfio_device_take_kvm(device);
		device->cdev_opened = false;
		device->open_count--;
	} else {
		vfio_iommufd_device_opened(device);
	}
	mutex_unlock(&device->dev_set->lock);

	vfio_device_put_kvm(device, old_kvm);
	if (err)
		module_put(device->dev->driver->owner);
	return err;
}

static void close_device(struct vfio_device *device)
{
	struct kvm *kvm;

	mutex_lock(&device->dev_set->lock);
	vfio_iommufd_device_closing(device);
	if (device->ops->close_device)
		device->ops->close_device(device);
	kvm = vfio_device_take_kvm(device);
	device->cdev_opened = false;
	device->open_count--;
	mutex_unlock(&device->dev_set->lock);

	vfio_device_put_kvm(device, kvm);
	module_put(device->dev->driver->owner);
}

static int bind_to_fd(struct vfio_device *device, int fd, u32 *dev_id)
{
	struct iommufd_ctx *ictx;
	int err;

	ictx = iommufd_ctx_from_fd(fd);
	if (IS_ERR(ictx))
		return PTR_ERR(ictx);
	err = device->iommufd_ops->bind(device, ictx, dev_id);
	/* A bound device has a reference of its own */
	iommufd_ctx_put(ictx);
	return err;
}

/* Undo a successful bind, in reverse order */
static void unbind(struct vfio_device_file *df, struct vfio_device *device)
{
	close_device(device);
	device->iommufd_ops->unbind(device);
	reopen_group(device->group);
	unclaim(df, device);
}

/* Also reads the token; zeroes without one */
static int read_bind(struct vfio_device_bind_iommufd __user *arg,
		     struct vfio_device_bind_iommufd *bind, uuid_t *token)
{
	size_t minsz = offsetofend(struct vfio_device_bind_iommufd, out_devid);
	u32 argsz;
	int err;

	if (get_user(argsz, &arg->argsz))
		return -EFAULT;
	if (argsz < minsz)
		return -EINVAL;
	err = iommu_copy_struct(bind, sizeof(*bind), arg, argsz);
	if (err)
		return err;
	if (bind->iommufd < 0 || bind->flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN)
		return -EINVAL;
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN &&
	    copy_from_user(token, u64_to_user_ptr(bind->token_uuid_ptr),
			   sizeof(*token)))
		return -EFAULT;
	return 0;
}

/**
 * vfio_device_cdev_bind() - VFIO_DEVICE_BIND_IOMMUFD
 * @df: open file of a device, not necessarily of its node
 * @arg: argument of the call
 *
 * The only call that an unbound file accepts. A bound file accepts all others.
 *
 * Context: may sleep, no locks held.
 * Return: 0 or one of the errnos that the user ABI lists.
 */
long vfio_device_cdev_bind(struct vfio_device_file *df,
			   struct vfio_device_bind_iommufd __user *arg)
{
	struct vfio_device_bind_iommufd bind;
	struct vfio_device *device;
	uuid_t token;
	u32 dev_id;
	int err;

	err = read_bind(arg, &bind, &token);
	if (err)
		return err;
	if (!df->node)
		return -EINVAL;

	device = claim(df);
	if (IS_ERR(device))
		return PTR_ERR(device);
	err = shut_group(device->group);
	if (err)
		goto err_unclaim;
	err = check_token(device, bind.flags & VFIO_DEVICE_BIND_FLAG_TOKEN ?
				  &token : NULL);
	if (err)
		goto err_reopen_group;
	err = bind_to_fd(device, bind.iommufd, &dev_id);
	if (err)
		goto err_reopen_group;
	err = open_device(device, &df->kvm);
	if (err)
		goto err_unbind;

	if (put_user(dev_id, &arg->out_devid)) {
		unbind(df, device);
		return -EFAULT;
	}

	/* Pairs with the acquire in vfio_device_from_file() */
	smp_store_release(&df->device, device);
	if (df->node->noiommu)
		dev_warn(device->dev,
			 "bound to user space without an IOMMU by %s (%d)\n",
			 current->comm, task_pid_nr(current));
	return 0;

err_unbind:
	device->iommufd_ops->unbind(device);
err_reopen_group:
	reopen_group(device->group);
err_unclaim:
	unclaim(df, device);
	return err;
}

/**
 * vfio_device_cdev_release() - last close of a file of a node
 * @df: the file's state; no call is in progress
 *
 * The driver stops the device before it is detached from its page table.
 *
 * Context: may sleep.
 */
void vfio_device_cdev_release(struct vfio_device_file *df)
{
	if (df->device)
		unbind(df, df->device);
	node_put(df->node);
	vfio_device_file_free(df);
}

/* @uarg: where the caller has a PASID in its argument, which is long enough */
static int read_pasid(struct vfio_device *device, const u32 __user *uarg,
		      ioasid_t *pasid)
{
	if (get_user(*pasid, uarg))
		return -EFAULT;
	if (!device->iommufd_pasids || !device->iommufd_ops->attach_pasid)
		return -EOPNOTSUPP;
	/* It stands for the requester ID, which is attached without the flag */
	return *pasid == IOMMU_NO_PASID ? -EINVAL : 0;
}

static int attach_pt(struct vfio_device *device, ioasid_t pasid, u32 *pt_id)
{
	if (pasid == IOMMU_NO_PASID)
		return device->iommufd_ops->attach(device, pt_id);
	return device->iommufd_ops->attach_pasid(device, pasid, pt_id);
}

static void detach_pt(struct vfio_device *device, ioasid_t pasid)
{
	if (pasid == IOMMU_NO_PASID)
		device->iommufd_ops->detach(device);
	else
		device->iommufd_ops->detach_pasid(device, pasid);
}

static int read_attach(struct vfio_device *device,
		       struct vfio_device_attach_iommufd_pt __user *arg,
		       struct vfio_device_attach_iommufd_pt *attach)
{
	size_t minsz = offsetofend(struct vfio_device_attach_iommufd_pt, pt_id);

	if (copy_from_user(attach, arg, minsz))
		return -EFAULT;
	if (attach->argsz < minsz || attach->flags & ~VFIO_DEVICE_ATTACH_PASID)
		return -EINVAL;
	attach->pasid = IOMMU_NO_PASID;
	if (!(attach->flags & VFIO_DEVICE_ATTACH_PASID))
		return 0;
	if (attach->argsz < sizeof(*attach))
		return -EINVAL;
	return read_pasid(device, &arg->pasid, &attach->pasid);
}

static long attach(struct vfio_device_file *df,
		   struct vfio_device_attach_iommufd_pt __user *arg)
{
	struct vfio_device *device = df->device;
	struct vfio_device_attach_iommufd_pt attach;
	int err;

	err = read_attach(device, arg, &attach);
	if (err)
		return err;

	/*
	 * Test that the result can be written before the device's page table
	 * changes, which could not be undone.
	 */
	if (put_user(attach.pt_id, &arg->pt_id))
		return -EFAULT;

	/* Another attach may wait for page faults of the memory */
	if (mutex_lock_killable(&df->lock))
		return -EINTR;
	err = attach_pt(device, attach.pasid, &attach.pt_id);
	if (!err && put_user(attach.pt_id, &arg->pt_id)) {
		/* Unmapped meanwhile: detach, as user space does not know the ID */
		detach_pt(device, attach.pasid);
		err = -EFAULT;
	}
	mutex_unlock(&df->lock);
	return err;
}

static int read_detach(struct vfio_device *device,
		       struct vfio_device_detach_iommufd_pt __user *arg,
		       ioasid_t *pasid)
{
	size_t minsz = offsetofend(struct vfio_device_detach_iommufd_pt, flags);
	struct vfio_device_detach_iommufd_pt detach;

	if (copy_from_user(&detach, arg, minsz))
		return -EFAULT;
	if (detach.argsz < minsz || detach.flags & ~VFIO_DEVICE_DETACH_PASID)
		return -EINVAL;
	*pasid = IOMMU_NO_PASID;
	if (!(detach.flags & VFIO_DEVICE_DETACH_PASID))
		return 0;
	if (detach.argsz < sizeof(detach))
		return -EINVAL;
	return read_pasid(device, &arg->pasid, pasid);
}

static long detach(struct vfio_device_file *df,
		   struct vfio_device_detach_iommufd_pt __user *arg)
{
	ioasid_t pasid;
	int err;

	err = read_detach(df->device, arg, &pasid);
	if (err)
		return err;
	if (mutex_lock_killable(&df->lock))
		return -EINTR;
	detach_pt(df->device, pasid);
	mutex_unlock(&df->lock);
	return 0;
}

/**
 * vfio_device_cdev_ioctl() - calls that only bound files of a node accept
 * @df: open file that may use its device
 * @cmd: number of the call
 * @arg: argument of the call
 *
 * Context: may sleep, no locks held.
 * Return: result of the call, or -ENOIOCTLCMD to leave it to the driver.
 */
long vfio_device_cdev_ioctl(struct vfio_device_file *df, unsigned int cmd,
			    void __user *arg)
{
	if (!df->node)
		return -ENOIOCTLCMD;

	switch (cmd) {
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return attach(df, arg);
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return detach(df, arg);
	default:
		return -ENOIOCTLCMD;
	}
}

/**
 * vfio_device_cdev_enforced_coherent() - tell whether all DMA of a device is coherent
 * @df: open file of a node, bound or not
 *
 * The node keeps the answer when its device is gone.
 *
 * Context: any.
 * Return: as vfio_device_enforces_coherency().
 */
bool vfio_device_cdev_enforced_coherent(struct vfio_device_file *df)
{
	return df->node->coherent;
}

static char *device_devnode(struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "vfio/devices/%s", dev_name(dev));
}

/**
 * vfio_device_cdev_init() - reserve the numbers of all nodes
 * @class: class of VFIO devices
 * @fops: operations of an open device
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vfio_device_cdev_init(struct class *class,
			  const struct file_operations *fops)
{
	int err;

	err = alloc_chrdev_region(&first_devt, 0, MINORMASK + 1,
				  "vfio-dev");
	if (err)
		return err;

	cdev_init(&all_nodes_cdev, fops);
	all_nodes_cdev.owner = THIS_MODULE;
	err = cdev_add(&all_nodes_cdev, first_devt, MINORMASK + 1);
	if (err)
		goto err_unregister;

	class->devnode = device_devnode;
	return 0;

err_unregister:
	unregister_chrdev_region(first_devt, MINORMASK + 1);
	return err;
}

/**
 * vfio_device_cdev_exit() - give the numbers back
 *
 * Context: may sleep; no device is registered and no file open.
 */
void vfio_device_cdev_exit(void)
{
	cdev_del(&all_nodes_cdev);
	unregister_chrdev_region(first_devt, MINORMASK + 1);
	xa_destroy(&nodes);
}
