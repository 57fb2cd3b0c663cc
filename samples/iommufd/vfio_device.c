// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_device.h"

#define PCI_DEVICES		"/sys/bus/pci/devices"
#define PCI_COMMAND		4
#define PCI_COMMAND_MEMORY	0x2
#define PCI_COMMAND_MASTER	0x4
#define MAX_IOVA_RANGES		64

static int write_file(const char *path, const char *text)
{
	int fd, err = 0;

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int class_is(const char *bdf, uint32_t class_code)
{
	char path[PATH_MAX];
	unsigned int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/class", bdf);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%x", &found) != 1)
		found = 0;
	fclose(file);
	return found == class_code;
}

int pci_find_class(uint32_t class_code, char *bdf)
{
	struct dirent *entry;
	int err = -ENODEV;
	DIR *dir;

	dir = opendir(PCI_DEVICES);
	if (!dir)
		return -errno;
	while (err && (entry = readdir(dir))) {
		if (!class_is(entry->d_name, class_code))
			continue;
		snprintf(bdf, PCI_BDF_LEN, "%.15s", entry->d_name);
		err = 0;
	}
	closedir(dir);
	return err;
}

/* Last part of the path that a link of the function in sysfs points at */
static int pci_link(const char *bdf, const char *link, char *name, size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t got;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, link);
	got = readlink(path, target, sizeof(target) - 1);
	if (got < 0)
		return -errno;
	target[got] = '\0';
	snprintf(name, len, "%s", basename(target));
	return 0;
}

static int give_to_vfio(const char *bdf)
{
	char path[PATH_MAX], driver[64];
	int err;

	if (!pci_link(bdf, "driver", driver, sizeof(driver))) {
		if (!strcmp(driver, "vfio-pci"))
			return 0;
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", bdf);
		err = write_file(path, bdf);
		if (err)
			return err;
	}
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	err = write_file(path, "vfio-pci");
	return err ? err : write_file("/sys/bus/pci/drivers_probe", bdf);
}

/* The directory vfio-dev of a function holds one entry, named like the node */
static int find_node(const char *bdf, char *node, size_t len)
{
	struct dirent *entry;
	char path[PATH_MAX];
	int err = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (err && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(node, len, "/dev/vfio/devices/%.40s", entry->d_name);
		err = 0;
	}
	closedir(dir);
	return err;
}

static int bind_device(struct vfio_device *dev)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = dev->iommufd,
	};

	if (ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return -errno;
	dev->dev_id = bind.out_devid;
	return 0;
}

static int alloc_ioas(struct vfio_device *dev)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	if (ioctl(dev->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	dev->ioas_id = alloc.out_ioas_id;
	return 0;
}

static int attach_device(struct vfio_device *dev)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = dev->ioas_id,
	};

	if (ioctl(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return -errno;
	dev->hwpt_id = attach.pt_id;
	return 0;
}

static int open_file(const char *path, int *fd)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static int open_steps(struct vfio_device *dev, const char **step)
{
	int err;

	*step = "give the function to vfio-pci";
	err = give_to_vfio(dev->bdf);
	if (err)
		return err;
	*step = "find its node: is VFIO_DEVICE_CDEV on?";
	err = find_node(dev->bdf, dev->node, sizeof(dev->node));
	if (err)
		return err;
	*step = "open its node";
	err = open_file(dev->node, &dev->fd);
	if (err)
		return err;
	*step = "open /dev/iommu";
	err = open_file("/dev/iommu", &dev->iommufd);
	if (err)
		return err;
	*step = "bind it to the iommufd";
	err = bind_device(dev);
	if (err)
		return err;
	*step = "make an address space";
	err = alloc_ioas(dev);
	if (err)
		return err;
	*step = "attach it to the address space";
	return attach_device(dev);
}

int vfio_device_open(struct vfio_device *dev, const char *bdf, const char **step)
{
	int err;

	*dev = (struct vfio_device){ .fd = -1, .iommufd = -1 };
	snprintf(dev->bdf, sizeof(dev->bdf), "%s", bdf);
	err = open_steps(dev, step);
	if (err) {
		vfio_device_close(dev);
		return err;
	}
	if (pci_link(bdf, "iommu", dev->iommu, sizeof(dev->iommu)))
		snprintf(dev->iommu, sizeof(dev->iommu), "unknown");
	return 0;
}

/* Closing the node unbinds the device; the last close of an iommufd frees it */
void vfio_device_close(struct vfio_device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	if (dev->iommufd >= 0)
		close(dev->iommufd);
	dev->fd = -1;
	dev->iommufd = -1;
}

static int region(struct vfio_device *dev, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info) ? -errno : 0;
}

int vfio_device_enable_dma(struct vfio_device *dev)
{
	struct vfio_region_info config;
	uint16_t command;
	int err;

	err = region(dev, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (err)
		return err;
	if (pread(dev->fd, &command, sizeof(command), config.offset + PCI_COMMAND) !=
	    sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(dev->fd, &command, sizeof(command), config.offset + PCI_COMMAND) !=
	    sizeof(command))
		return -EIO;
	return 0;
}

volatile uint8_t *vfio_device_map_bar(struct vfio_device *dev, uint32_t index, size_t *bytes)
{
	struct vfio_region_info bar;
	void *mem;

	if (region(dev, index, &bar) || !(bar.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return NULL;
	mem = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, dev->fd, bar.offset);
	if (mem == MAP_FAILED)
		return NULL;
	*bytes = bar.size;
	return mem;
}

int ioas_usable(struct vfio_device *dev, uint64_t iova, uint64_t bytes)
{
	struct iommu_iova_range range[MAX_IOVA_RANGES];
	struct iommu_ioas_iova_ranges ask = {
		.size = sizeof(ask),
		.ioas_id = dev->ioas_id,
		.num_iovas = MAX_IOVA_RANGES,
		.allowed_iovas = (uintptr_t)range,
	};
	unsigned int i;

	if (ioctl(dev->iommufd, IOMMU_IOAS_IOVA_RANGES, &ask))
		return -errno;
	for (i = 0; i < ask.num_iovas; i++)
		if (range[i].start <= iova && iova + bytes - 1 <= range[i].last)
			return 1;
	return 0;
}

int ioas_map(struct vfio_device *dev, void *mem, uint64_t bytes, uint64_t iova, int writable)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.ioas_id = dev->ioas_id,
		.user_va = (uintptr_t)mem,
		.length = bytes,
		.iova = iova,
	};

	if (writable)
		map.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	return ioctl(dev->iommufd, IOMMU_IOAS_MAP, &map) ? -errno : 0;
}

int ioas_unmap(struct vfio_device *dev, uint64_t iova, uint64_t bytes)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = dev->ioas_id,
		.iova = iova,
		.length = bytes,
	};

	if (ioctl(dev->iommufd, IOMMU_IOAS_UNMAP, &unmap))
		return -errno;
	return unmap.length == bytes ? 0 : -EIO;
}
