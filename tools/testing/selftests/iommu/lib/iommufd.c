// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iommufd.h"

int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int iommufd_call(int fd, unsigned long number, void *arg)
{
	return ioctl(fd, number, arg) ? -errno : 0;
}

int ioas_alloc(int fd, uint32_t *id)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };
	int err = iommufd_call(fd, IOMMU_IOAS_ALLOC, &arg);

	*id = arg.out_ioas_id;
	return err;
}

int ioas_new(int fd)
{
	uint32_t id;
	int err = ioas_alloc(fd, &id);

	return err ? err : (int)id;
}

int object_destroy(int fd, uint32_t id)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = id };

	return iommufd_call(fd, IOMMU_DESTROY, &arg);
}

int ioas_map(int fd, uint32_t ioas, const volatile void *mem, uint64_t bytes, uint64_t *iova,
	     uint32_t flags)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg), .flags = flags, .ioas_id = ioas,
		.user_va = (uintptr_t)mem, .length = bytes, .iova = *iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_MAP, &arg);

	*iova = arg.iova;
	return err;
}

int ioas_map_fixed(int fd, uint32_t ioas, const volatile void *mem, uint64_t bytes,
		   uint64_t iova)
{
	return ioas_map(fd, ioas, mem, bytes, &iova, MAP_FIXED_RW);
}

int ioas_unmap(int fd, uint32_t ioas, uint64_t iova, uint64_t bytes, uint64_t *unmapped)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = ioas, .iova = iova, .length = bytes,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_UNMAP, &arg);

	if (unmapped)
		*unmapped = arg.length;
	return err;
}

int ioas_unmap_all(int fd, uint32_t ioas, uint64_t *unmapped)
{
	return ioas_unmap(fd, ioas, 0, ALL_ONES, unmapped);
}

int ioas_copy(int fd, uint32_t dst, uint64_t *dst_iova, uint32_t src, uint64_t src_iova,
	      uint64_t bytes, uint32_t flags)
{
	struct iommu_ioas_copy arg = {
		.size = sizeof(arg), .flags = flags, .dst_ioas_id = dst, .src_ioas_id = src,
		.length = bytes, .dst_iova = *dst_iova, .src_iova = src_iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_COPY, &arg);

	*dst_iova = arg.dst_iova;
	return err;
}

int ioas_allow(int fd, uint32_t ioas, const struct iommu_iova_range *ranges, uint32_t nr)
{
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg), .ioas_id = ioas, .num_iovas = nr,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return iommufd_call(fd, IOMMU_IOAS_ALLOW_IOVAS, &arg);
}

int ioas_ranges(int fd, uint32_t ioas, struct iommu_iova_range *ranges, uint32_t *nr,
		uint64_t *alignment)
{
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg), .ioas_id = ioas, .num_iovas = *nr,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_IOVA_RANGES, &arg);

	*nr = arg.num_iovas;
	if (alignment)
		*alignment = arg.out_iova_alignment;
	return err;
}

static int option(int fd, uint16_t op, uint32_t which, uint32_t object, uint64_t *value)
{
	struct iommu_option arg = {
		.size = sizeof(arg), .option_id = which, .op = op, .object_id = object,
		.val64 = *value,
	};
	int err = iommufd_call(fd, IOMMU_OPTION, &arg);

	*value = arg.val64;
	return err;
}

int option_set(int fd, uint32_t which, uint32_t object, uint64_t value)
{
	return option(fd, IOMMU_OPTION_OP_SET, which, object, &value);
}

int option_get(int fd, uint32_t which, uint32_t object, uint64_t *value)
{
	return option(fd, IOMMU_OPTION_OP_GET, which, object, value);
}

int fault_queue_alloc(int fd, uint32_t *id)
{
	struct iommu_fault_alloc arg = { .size = sizeof(arg) };
	int err = iommufd_call(fd, IOMMU_FAULT_QUEUE_ALLOC, &arg);

	*id = arg.out_fault_id;
	return err ? err : (int)arg.out_fault_fd;
}

static int alloc_hwpt(int fd, struct iommu_hwpt_alloc *arg, uint32_t *hwpt)
{
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, arg);

	*hwpt = arg->out_hwpt_id;
	return err;
}

int hwpt_alloc_flags(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t flags, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = dev_id, .pt_id = pt_id,
	};

	return alloc_hwpt(fd, &arg, hwpt);
}

int hwpt_alloc(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t *hwpt)
{
	return hwpt_alloc_flags(fd, dev_id, pt_id, 0, hwpt);
}

int hwpt_alloc_data(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t type, const void *data,
		    uint32_t len, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = dev_id, .pt_id = pt_id, .data_type = type,
		.data_len = len, .data_uptr = (uintptr_t)data,
	};

	return alloc_hwpt(fd, &arg, hwpt);
}

int ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes, uint64_t *iova,
		  uint32_t flags)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg), .flags = flags, .ioas_id = ioas, .fd = file,
		.start = start, .length = bytes, .iova = *iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_MAP_FILE, &arg);

	if (!err)
		*iova = arg.iova;
	return err;
}

int ioas_map_file_fixed(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes,
			uint64_t iova)
{
	return ioas_map_file(fd, ioas, file, start, bytes, &iova, MAP_FIXED_RW);
}

int change_process(int fd)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	return iommufd_call(fd, IOMMU_IOAS_CHANGE_PROCESS, &arg);
}

long long object_stat(int fd, uint32_t id, const char *word)
{
	char path[64], line[512], want[32], key[64];
	long long value = -1;
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "\tid %u ", id);
	snprintf(key, sizeof(key), " %s ", word);
	file = fopen(path, "r");
	while (file && value < 0 && fgets(line, sizeof(line), file)) {
		at = strstr(line, want) ? strstr(line, key) : NULL;
		if (at)
			value = strtoll(at + strlen(key), NULL, 0);
	}
	if (file)
		fclose(file);
	return value;
}
