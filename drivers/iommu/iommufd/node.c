// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device nodes: /dev/iommu, and /dev/vfio/vfio where it stands in for VFIO's own
 * containers.
 */
#include <linux/kconfig.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "iommufd_private.h"

static struct miscdevice iommufd_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommu",
	.nodename = "iommu",
	.fops = &iommufd_fops,
	.mode = 0660,
};

/**
 * iommufd_misc_device() - device for calls of other subsystems that need one
 *
 * Return: the device of /dev/iommu.
 */
struct device *iommufd_misc_device(void)
{
	return iommufd_misc.this_device;
}

/* The container of VFIO's groups, for programs without support for iommufd */
static struct miscdevice container_misc = {
	.minor = VFIO_MINOR,
	.name = "vfio",
	.nodename = "vfio/vfio",
	.fops = &iommufd_fops,
	.mode = 0666,
};

/**
 * iommufd_node_is_container() - which node was opened
 * @node: what the misc device's open found in the file's private_data
 *
 * Context: any.
 * Return: whether it was /dev/vfio/vfio.
 */
bool iommufd_node_is_container(const void *node)
{
	return node == &container_misc;
}

#if IS_ENABLED(CONFIG_IOMMUFD_VFIO_CONTAINER)
static int __init register_container(void)
{
	return misc_register(&container_misc);
}

static void deregister_container(void)
{
	misc_deregister(&container_misc);
}

MODULE_ALIAS_MISCDEV(VFIO_MINOR);
MODULE_ALIAS("devname:vfio/vfio");
#else
static int __init register_container(void)
{
	return 0;
}

static void deregister_container(void)
{
}
#endif

/**
 * iommufd_nodes_register() - make the nodes, for /dev/iommu's file operations
 *
 * Context: may sleep.
 * Return: 0, or the error of misc_register().
 */
int __init iommufd_nodes_register(void)
{
	int err = misc_register(&iommufd_misc);

	if (err)
		return err;
	err = register_container();
	if (err)
		misc_deregister(&iommufd_misc);
	return err;
}

/**
 * iommufd_nodes_deregister() - undo iommufd_nodes_register()
 *
 * Context: may sleep.
 */
void iommufd_nodes_deregister(void)
{
	deregister_container();
	misc_deregister(&iommufd_misc);
}
