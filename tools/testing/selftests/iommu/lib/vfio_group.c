// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iommufd.h"
#include "vfio_group.h"

int group_open(int number)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int group_set(int group, int container)
{
	return iommufd_call(group, VFIO_GROUP_SET_CONTAINER, &container);
}

int group_unset(int group)
{
	return iommufd_call(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

int group_status(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int err = iommufd_call(group, VFIO_GROUP_GET_STATUS, &status);

	return err ? err : (int)status.flags;
}

int group_device(int group, const char *name)
{
	int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);

	return fd < 0 ? -errno : fd;
}

bool container_is_iommufd(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	bool is = fd >= 0 && ioas_new(fd) > 0;

	if (fd >= 0)
		close(fd);
	return is;
}

int container_value(int container, unsigned long nr, unsigned long value)
{
	int result = ioctl(container, nr, value);

	return result < 0 ? -errno : result;
}

int container_map(int container, const void *mem, uint64_t bytes, uint64_t iova,
				uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags,
		.vaddr = (uintptr_t)mem, .iova = iova, .size = bytes,
	};

	return iommufd_call(container, VFIO_IOMMU_MAP_DMA, &map);
}

struct vfio_iommu_type1_info_cap_iova_range *
container_ranges(int container, struct container_info *info)
{
	struct vfio_info_cap_header *cap;
	uint32_t at;

	memset(info, 0, sizeof(*info));
	info->head.argsz = sizeof(*info);
	if (iommufd_call(container, VFIO_IOMMU_GET_INFO, info))
		return NULL;
	for (at = info->head.cap_offset; at; at = cap->next) {
		cap = (void *)((uint8_t *)info + at);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return (void *)cap;
	}
	return NULL;
}

int container_unmap(int container, uint64_t iova, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = bytes,
	};
	int err = iommufd_call(container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	return err ? err : (int)unmap.size;
}
