/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding PCI functions, removing them, and changing their driver and group, through
 * sysfs.
 */
#ifndef GUEST_PCI_H
#define GUEST_PCI_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* QEMU's NVMe controller */
#define NVME_VENDOR	"0x1b36"
#define NVME_DEVICE	"0x0010"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define PCI_BDF_LEN	16

/* First line of a file into buf; 0 or a negative errno. */
static inline int file_read(const char *path, char *buf, size_t len)
{
	ssize_t got;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	got = read(fd, buf, len - 1);
	close(fd);
	if (got < 0)
		return -EIO;
	buf[got] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* Write a text to a file; 0 or a negative errno. */
static inline int file_write(const char *path, const char *text)
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

static inline int pci_attr(const char *bdf, const char *attr, char *buf, size_t len)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attr);
	return file_read(path, buf, len);
}

/* Is the function's IOMMU a virtio device? */
static inline bool pci_has_virtio_iommu(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu", bdf);
	return realpath(path, target) && strstr(target, "/virtio");
}

/* First function with these ids ("0x1234"); 0, or -ENODEV. */
static inline int pci_find(const char *vendor, const char *device, char *bdf)
{
	struct dirent *entry;
	char word[32];
	int err = -ENODEV;
	DIR *dir;

	dir = opendir(PCI_DEVICES);
	while (dir && err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    pci_attr(entry->d_name, "vendor", word, sizeof(word)) || strcmp(word, vendor) ||
		    pci_attr(entry->d_name, "device", word, sizeof(word)) || strcmp(word, device))
			continue;
		snprintf(bdf, PCI_BDF_LEN, "%.15s", entry->d_name);
		err = 0;
	}
	if (dir)
		closedir(dir);
	return err;
}

/* Number of the function's IOMMU group, or a negative errno. */
static inline int pci_group(const char *bdf)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group", bdf);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = '\0';
	return atoi(strrchr(link, '/') + 1);
}

/* Give the function to a driver ("" for none); 0 or a negative errno. */
static inline int pci_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", bdf);
	file_write(path, bdf);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	file_write(path, *driver ? driver : "\n");
	return *driver ? file_write("/sys/bus/pci/drivers_probe", bdf) : 0;
}

/* Pull the function out, as far as the kernel knows; 0 or a negative errno. */
static inline int pci_remove(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", bdf);
	return file_write(path, "1");
}

/* Plug in again what was pulled out; 0 or a negative errno. */
static inline int pci_rescan(void)
{
	return file_write("/sys/bus/pci/rescan", "1");
}

/* Have a physical function make its first virtual one; 0 or a negative errno. */
static inline int pci_make_vf(const char *pf, char *vf)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t len;
	int err;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/sriov_numvfs", pf);
	err = file_write(path, "1");
	if (err)
		return err;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/virtfn0", pf);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = '\0';
	snprintf(vf, PCI_BDF_LEN, "%.15s", strrchr(link, '/') + 1);
	return 0;
}

/*
 * The function's IOMMU group, or a negative errno. Where firmware tables tie
 * functions to IOMMUs (Arm), 6.1 makes the group when a first driver is bound.
 */
static inline int pci_group_made(const char *bdf)
{
	if (pci_group(bdf) < 0 && !pci_bind(bdf, "vfio-pci"))
		pci_bind(bdf, "");
	return pci_group(bdf);
}

#endif
