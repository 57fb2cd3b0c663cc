/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices behind /dev/vfio/GROUP, with a container or what serves as one. All
 * calls return 0 or a negative errno; those that make a descriptor return that.
 */
#ifndef GUEST_VFIO_GROUP_H
#define GUEST_VFIO_GROUP_H

#include <linux/vfio.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "vfio_cdev.h"

#define MAP_READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static inline int group_open(int number)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static inline int group_set(int group, int container)
{
	return call(group, VFIO_GROUP_SET_CONTAINER, &container);
}

static inline int group_unset(int group)
{
	return call(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

/* Flags of the group's status. */
static inline int group_status(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int err = call(group, VFIO_GROUP_GET_STATUS, &status);

	return err ? err : (int)status.flags;
}

static inline int group_device(int group, const char *name)
{
	int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);

	return fd < 0 ? -errno : fd;
}

/* Is what stands in the container's place an iommufd? */
static inline bool container_is_iommufd(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	bool is = fd >= 0 && ioas_alloc(fd) > 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/* Calls of a container whose argument is a value and whose result is one. */
static inline int container_value(int container, unsigned long nr, unsigned long value)
{
	int result = ioctl(container, nr, value);

	return result < 0 ? -errno : result;
}

static inline int container_map(int container, const void *mem, uint64_t bytes, uint64_t iova,
				uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags,
		.vaddr = (uintptr_t)mem, .iova = iova, .size = bytes,
	};

	return call(container, VFIO_IOMMU_MAP_DMA, &map);
}

#define CONTAINER_RANGES_MAX	64

struct container_info {
	struct vfio_iommu_type1_info head;
	uint8_t room[sizeof(struct vfio_iommu_type1_info_cap_iova_range) +
		     CONTAINER_RANGES_MAX * sizeof(struct vfio_iova_range)];
};

/* The IOVAs that can be used; NULL if the call fails. */
static inline struct vfio_iommu_type1_info_cap_iova_range *
container_ranges(int container, struct container_info *info)
{
	struct vfio_info_cap_header *cap;
	uint32_t at;

	memset(info, 0, sizeof(*info));
	info->head.argsz = sizeof(*info);
	if (call(container, VFIO_IOMMU_GET_INFO, info))
		return NULL;
	for (at = info->head.cap_offset; at; at = cap->next) {
		cap = (void *)((uint8_t *)info + at);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return (void *)cap;
	}
	return NULL;
}

/* Bytes that were unmapped. */
static inline int container_unmap(int container, uint64_t iova, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = bytes,
	};
	int err = call(container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	return err ? err : (int)unmap.size;
}

#endif
