// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd.h"
#include "pci.h"
#include "vfio_cdev.h"

int cdev_name(const char *bdf, char *name, size_t len)
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

int cdev_open(const char *bdf)
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

int cdev_bind_token(int fd, int iommufd, const void *token)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind), .iommufd = iommufd, .token_uuid_ptr = (uintptr_t)token,
		.flags = token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
	};
	int err = iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	return err ? err : (int)bind.out_devid;
}

int cdev_bind(int fd, int iommufd)
{
	return cdev_bind_token(fd, iommufd, NULL);
}

int cdev_attach(int fd, uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .pt_id = pt_id,
	};
	int err = iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	return err ? err : (int)attach.pt_id;
}

int cdev_detach(int fd)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

int cdev_region(int fd, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return iommufd_call(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

int cdev_enable(int fd)
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

volatile uint8_t *cdev_regs(int fd, size_t *len)
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

int cdev_want_request(int fd, int eventfd)
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

	return iommufd_call(fd, VFIO_DEVICE_SET_IRQS, &arg);
}
