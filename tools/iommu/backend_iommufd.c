// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "backend.h"

#define MAP_FLAGS (IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

int backend_ioas_alloc(struct backend *backend, uint32_t *ioas_id)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	if (ioctl(backend->dev.iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	*ioas_id = alloc.out_ioas_id;
	return 0;
}

int backend_destroy(struct backend *backend, uint32_t id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	return ioctl(backend->dev.iommufd, IOMMU_DESTROY, &destroy) ? -errno : 0;
}

int backend_attach(struct backend *backend, uint32_t ioas_id)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = ioas_id,
	};

	return ioctl(backend->dev.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

int backend_detach(struct backend *backend)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return ioctl(backend->dev.fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach) ? -errno : 0;
}

int backend_copy(struct backend *backend, uint32_t dst_ioas, uint64_t dst_iova,
		 uint32_t src_ioas, uint64_t src_iova, uint64_t bytes)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = MAP_FLAGS,
		.dst_ioas_id = dst_ioas,
		.src_ioas_id = src_ioas,
		.length = bytes,
		.dst_iova = dst_iova,
		.src_iova = src_iova,
	};

	return ioctl(backend->dev.iommufd, IOMMU_IOAS_COPY, &copy) ? -errno : 0;
}

static int attached_open(struct backend *backend, const char *bdf)
{
	const char *step;
	int err;

	err = vfio_device_open(&backend->dev, bdf, &step);
	if (err) {
		fprintf(stderr, "%s: %s\n", step, strerror(-err));
		return err;
	}
	backend->ioas_id = backend->dev.ioas_id;
	return 0;
}

static int detached_open(struct backend *backend, const char *bdf)
{
	int err;

	err = attached_open(backend, bdf);
	if (err)
		return err;
	err = backend_ioas_alloc(backend, &backend->ioas_id);
	if (err)
		vfio_device_close(&backend->dev);
	return err;
}

static void iommufd_close(struct backend *backend)
{
	vfio_device_close(&backend->dev);
}

static int iommufd_map(struct backend *backend, void *mem, uint64_t bytes, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_FLAGS,
		.ioas_id = backend->ioas_id,
		.user_va = (uintptr_t)mem,
		.length = bytes,
		.iova = iova,
	};

	return ioctl(backend->dev.iommufd, IOMMU_IOAS_MAP, &map) ? -errno : 0;
}

static int iommufd_unmap(struct backend *backend, uint64_t iova, uint64_t bytes)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = backend->ioas_id,
		.iova = iova,
		.length = bytes,
	};

	return ioctl(backend->dev.iommufd, IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0;
}

const struct backend_ops backend_iommufd = {
	.name = "iommufd",
	.open = attached_open,
	.close = iommufd_close,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
};

const struct backend_ops backend_nodomain = {
	.name = "nodomain",
	.open = detached_open,
	.close = iommufd_close,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
};
