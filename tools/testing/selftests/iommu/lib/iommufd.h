/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the calls of /dev/iommu. All return 0 or a negative errno unless
 * they say otherwise.
 */
#ifndef TEST_LIB_IOMMUFD_H
#define TEST_LIB_IOMMUFD_H

#include <linux/iommufd.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_RW		(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define MAP_FIXED_RW	(MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA)
#define NO_SUCH_ID	0x7ffffff0u
#define ALL_ONES	UINT64_MAX

/* A descriptor */
int iommufd_open(void);
/* Any ioctl, of devices too */
int iommufd_call(int fd, unsigned long number, void *arg);

int ioas_alloc(int fd, uint32_t *id);
/* The same; returns the id, or a negative errno. */
int ioas_new(int fd);
int object_destroy(int fd, uint32_t id);
int ioas_map(int fd, uint32_t ioas, const volatile void *mem, uint64_t bytes, uint64_t *iova,
	     uint32_t flags);
int ioas_map_fixed(int fd, uint32_t ioas, const volatile void *mem, uint64_t bytes,
		   uint64_t iova);
/* unmapped may be NULL. */
int ioas_unmap(int fd, uint32_t ioas, uint64_t iova, uint64_t bytes, uint64_t *unmapped);
int ioas_unmap_all(int fd, uint32_t ioas, uint64_t *unmapped);
int ioas_copy(int fd, uint32_t dst, uint64_t *dst_iova, uint32_t src, uint64_t src_iova,
	      uint64_t bytes, uint32_t flags);
int ioas_allow(int fd, uint32_t ioas, const struct iommu_iova_range *ranges, uint32_t nr);
/* *nr: in the room in ranges, out how many there are; alignment may be NULL. */
int ioas_ranges(int fd, uint32_t ioas, struct iommu_iova_range *ranges, uint32_t *nr,
		uint64_t *alignment);
int option_set(int fd, uint32_t option, uint32_t object, uint64_t value);
int option_get(int fd, uint32_t option, uint32_t object, uint64_t *value);
/* The descriptor of a new fault queue, or a negative errno. */
int fault_queue_alloc(int fd, uint32_t *id);
int hwpt_alloc(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t *hwpt);
int hwpt_alloc_flags(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t flags, uint32_t *hwpt);
/* A page table that data of this type describe */
int hwpt_alloc_data(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t type, const void *data,
		    uint32_t len, uint32_t *hwpt);
/* *iova stays as it is on failure. */
int ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes, uint64_t *iova,
		  uint32_t flags);
int ioas_map_file_fixed(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes,
			uint64_t iova);
int change_process(int fd);

/* Number behind a word of the fdinfo line of an object, -1 if there is none */
long long object_stat(int fd, uint32_t id, const char *word);

#endif
