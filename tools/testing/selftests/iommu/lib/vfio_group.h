/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices behind /dev/vfio/GROUP, with a container or what serves as one. All
 * calls return 0 or a negative errno; those that make a descriptor return that.
 */
#ifndef TEST_LIB_VFIO_GROUP_H
#define TEST_LIB_VFIO_GROUP_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>

#define MAP_READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

int group_open(int number);

int group_set(int group, int container);

int group_unset(int group);

/* Flags of the group's status. */
int group_status(int group);

int group_device(int group, const char *name);

/* Is what stands in the container's place an iommufd? */
bool container_is_iommufd(void);

/* Calls of a container whose argument is a value and whose result is one. */
int container_value(int container, unsigned long nr, unsigned long value);

int container_map(int container, const void *mem, uint64_t bytes, uint64_t iova, uint32_t flags);

#define CONTAINER_RANGES_MAX	64

struct container_info {
	struct vfio_iommu_type1_info head;
	uint8_t room[sizeof(struct vfio_iommu_type1_info_cap_iova_range) +
		     CONTAINER_RANGES_MAX * sizeof(struct vfio_iova_range)];
};

/* The IOVAs that can be used; NULL if the call fails. */
struct vfio_iommu_type1_info_cap_iova_range *
container_ranges(int container, struct container_info *info);

/* Bytes that were unmapped. */
int container_unmap(int container, uint64_t iova, uint64_t bytes);

#endif
