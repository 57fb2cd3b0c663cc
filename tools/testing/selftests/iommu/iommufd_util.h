/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the calls of /dev/iommu, and of a VFIO device in front of
 * it, for the tests. All return 0 or a negative errno unless they say otherwise.
 */
#ifndef IOMMUFD_UTIL_H
#define IOMMUFD_UTIL_H

#include <linux/iommufd.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES	((uint64_t)4096)
#define MAP_RW		(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define MAP_FIXED_RW	(MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA)
#define NO_SUCH_ID	0x7ffffff0u
#define ALL_ONES	UINT64_MAX

/* A descriptor */
int iommufd_open(void);
int iommufd_call(int fd, unsigned long number, void *arg);

int ioas_alloc(int fd, uint32_t *id);
int object_destroy(int fd, uint32_t id);
int ioas_map(int fd, uint32_t ioas, const void *mem, uint64_t bytes, uint64_t *iova,
	     uint32_t flags);
int ioas_map_fixed(int fd, uint32_t ioas, const void *mem, uint64_t bytes, uint64_t iova);
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
int hwpt_alloc(int fd, uint32_t dev_id, uint32_t pt_id, uint32_t *hwpt);
/* *iova stays as it is on failure. */
int ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes, uint64_t *iova,
		  uint32_t flags);
int ioas_map_file_fixed(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes,
			uint64_t iova);
int change_process(int fd);

/* Number behind a word of the fdinfo line of an object, -1 if there is none */
long long object_stat(int fd, uint32_t id, const char *word);
/* KiB of a line such as "VmPin" of /proc/self/status, -1 if there is none */
long status_kib(const char *name);

/* Anonymous memory; NULL on failure. Small pages only, unless huge. */
void *memory_alloc(size_t bytes);
void *memory_alloc_huge(size_t bytes);

/* Frame of the page that an address is mapped to, 0 if there is none */
uint64_t page_frame(const void *mem);
/* Whether the kernel would write that page back: its flag, not a page table's */
int page_is_dirty(const void *mem);

/* A descriptor of so many bytes, or a negative errno; flags are MFD_*. */
int memfd_alloc(uint64_t bytes, unsigned int flags);

/* A copy of data whose last byte is the last one that can be read. */
void *before_hole(const void *data, size_t bytes);
/* A copy of data that cannot be written. */
void *read_only_copy(const void *data, size_t bytes);

int write_file(const char *path, const char *text);

/* Become a user without any capability; only a child should. */
int drop_privileges(void);
/* What body returns, from 0 to 255, in a process of its own; -ECHILD if it died. */
int in_child(int (*body)(void *arg), void *arg);

struct vfio_dev {
	int fd;
	uint32_t dev_id;
	char bdf[16];
};

/*
 * Open a PCI function for the tests: the one that IOMMUFD_TEST_BDF names, or
 * QEMU's edu device. -ENODEV without one, -ENOENT without the node of VFIO.
 */
int vfio_dev_open(struct vfio_dev *dev);
int vfio_dev_bind(struct vfio_dev *dev, int iommufd);
/* Replaces what is attached; hwpt may be NULL. */
int vfio_dev_attach(struct vfio_dev *dev, uint32_t pt_id, uint32_t *hwpt);
int vfio_dev_detach(struct vfio_dev *dev);
void vfio_dev_close(struct vfio_dev *dev);
/*
 * Does the device's IOMMU learn what its tables look like only when a device is
 * attached? One that the user makes is empty until then: virtio-iommu.
 */
int vfio_dev_fills_tables_late(const struct vfio_dev *dev);

#endif
