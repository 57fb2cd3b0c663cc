// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of VFIO's type 1 IOMMU, on a container of VFIO that a group was put
 * into, or on /dev/iommu with a device attached to its address space.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend.h"

static int open_file(const char *path, int *fd)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static int open_group(const char *bdf, int *fd)
{
	char path[PATH_MAX], link[PATH_MAX], node[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = '\0';
	snprintf(node, sizeof(node), "/dev/vfio/%.32s", strrchr(link, '/') + 1);
	return open_file(node, fd);
}

static void type1_close(struct backend *backend)
{
	if (backend->device >= 0)
		close(backend->device);
	if (backend->group >= 0)
		close(backend->group);
	if (backend->container >= 0)
		close(backend->container);
}

static int open_steps(struct backend *backend, const char *bdf)
{
	int err;

	err = open_file("/dev/vfio/vfio", &backend->container);
	if (err)
		return err;
	err = open_group(bdf, &backend->group);
	if (err)
		return err;
	if (ioctl(backend->group, VFIO_GROUP_SET_CONTAINER, &backend->container) ||
	    ioctl(backend->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	backend->device = ioctl(backend->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	return backend->device < 0 ? -errno : 0;
}

static int type1_open(struct backend *backend, const char *bdf)
{
	int err;

	backend->container = -1;
	backend->group = -1;
	backend->device = -1;
	err = open_steps(backend, bdf);
	if (err)
		type1_close(backend);
	return err;
}

static int compat_open(struct backend *backend, const char *bdf)
{
	struct iommu_vfio_ioas use = { .size = sizeof(use), .op = IOMMU_VFIO_IOAS_SET };
	int err;

	err = backend_iommufd.open(backend, bdf);
	if (err)
		return err;
	use.ioas_id = backend->ioas_id;
	backend->container = backend->dev.iommufd;
	if (ioctl(backend->container, IOMMU_VFIO_IOAS, &use) ||
	    ioctl(backend->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) {
		err = -errno;
		vfio_device_close(&backend->dev);
	}
	return err;
}

static void compat_close(struct backend *backend)
{
	vfio_device_close(&backend->dev);
}

static int container_map(struct backend *backend, void *mem, uint64_t bytes, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = bytes,
	};

	return ioctl(backend->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int container_unmap(struct backend *backend, uint64_t iova, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = bytes,
	};

	return ioctl(backend->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

const struct backend_ops backend_type1 = {
	.name = "type1",
	.open = type1_open,
	.close = type1_close,
	.map = container_map,
	.unmap = container_unmap,
};

const struct backend_ops backend_compat = {
	.name = "compat",
	.open = compat_open,
	.close = compat_close,
	.map = container_map,
	.unmap = container_unmap,
};
