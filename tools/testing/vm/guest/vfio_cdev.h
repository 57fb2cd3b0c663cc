/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices behind /dev/vfio/devices and the address spaces of /dev/iommu. All
 * calls return 0 or a negative errno; those that make a descriptor or an id
 * return that.
 */
#ifndef GUEST_VFIO_CDEV_H
#define GUEST_VFIO_CDEV_H

#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pci.h"

#define CDEV_NODES	"/dev/vfio/devices"
#define PCI_COMMAND	4
#define PCI_COMMAND_MEMORY_MASTER	6

static inline int call(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? -errno : 0;
}

/* Name of the node of a function that VFIO has: "vfio0". */
static inline int cdev_name(const char *bdf, char *name, size_t len)
{
	struct dirent *entry;
	char path[PATH_MAX];
	int err = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev", bdf);
	dir = opendir(path);
	while (dir && err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, len, "%.31s", entry->d_name);
		err = 0;
	}
	if (dir)
		closedir(dir);
	return err;
}

static inline int cdev_open(const char *bdf)
{
	char path[PATH_MAX], name[32];
	int fd, err;

	err = cdev_name(bdf, name, sizeof(name));
	if (err)
		return err;
	snprintf(path, sizeof(path), CDEV_NODES "/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

#define CDEV_TOKEN_BYTES	16

/*
 * Id of the device in the iommufd. The token is the one that a function and its virtual
 * functions share, or NULL.
 */
static inline int cdev_bind_token(int fd, int iommufd, const void *token)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind), .iommufd = iommufd, .token_uuid_ptr = (uintptr_t)token,
		.flags = token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
	};
	int err = call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	return err ? err : (int)bind.out_devid;
}

/* The same without a token */
static inline int cdev_bind(int fd, int iommufd)
{
	return cdev_bind_token(fd, iommufd, NULL);
}

/* Id of the page table in use. */
static inline int cdev_attach(int fd, uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .pt_id = pt_id,
	};
	int err = call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	return err ? err : (int)attach.pt_id;
}

static inline int cdev_detach(int fd)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

static inline int cdev_region(int fd, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return call(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

/* Let the function decode memory and master the bus. */
static inline int cdev_enable(int fd)
{
	struct vfio_region_info config;
	uint16_t command = 0;
	int err;

	err = cdev_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (err)
		return err;
	if (pread(fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -EIO;
	command |= PCI_COMMAND_MEMORY_MASTER;
	return pwrite(fd, &command, 2, config.offset + PCI_COMMAND) == 2 ? 0 : -EIO;
}

/* Map BAR 0; NULL on failure. */
static inline volatile uint8_t *cdev_regs(int fd, size_t *len)
{
	struct vfio_region_info bar;
	void *regs;

	if (cdev_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &bar))
		return NULL;
	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, bar.offset);
	if (regs == MAP_FAILED)
		return NULL;
	*len = bar.size;
	return regs;
}

/* Signal eventfd when the kernel wants the device back. */
static inline int cdev_want_request(int fd, int eventfd)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} arg = {
		.set = {
			.argsz = sizeof(arg), .index = VFIO_PCI_REQ_IRQ_INDEX, .count = 1,
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		},
		.fd = eventfd,
	};

	return call(fd, VFIO_DEVICE_SET_IRQS, &arg);
}

static inline int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int ioas_alloc(int iommufd)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int err = call(iommufd, IOMMU_IOAS_ALLOC, &alloc);

	return err ? err : (int)alloc.out_ioas_id;
}

static inline int object_destroy(int iommufd, uint32_t id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	return call(iommufd, IOMMU_DESTROY, &destroy);
}

static inline int ioas_map(int iommufd, uint32_t ioas, const volatile void *mem, uint64_t bytes,
			   uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map), .ioas_id = ioas, .user_va = (uintptr_t)mem,
		.length = bytes, .iova = iova,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
	};

	return call(iommufd, IOMMU_IOAS_MAP, &map);
}

#endif
