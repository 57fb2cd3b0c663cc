// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "pci.h"

int pci_attr(const char *bdf, const char *attr, char *buf, size_t len)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attr);
	return file_read(path, buf, len);
}

bool pci_has_virtio_iommu(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu", bdf);
	return realpath(path, target) && strstr(target, "/virtio");
}

int pci_find(const char *vendor, const char *device, char *bdf)
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

int pci_group(const char *bdf)
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

int pci_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", bdf);
	file_write(path, bdf);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	file_write(path, *driver ? driver : "\n");
	return *driver ? file_write("/sys/bus/pci/drivers_probe", bdf) : 0;
}

int pci_remove(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", bdf);
	return file_write(path, "1");
}

int pci_rescan(void)
{
	return file_write("/sys/bus/pci/rescan", "1");
}

int pci_make_vf(const char *pf, char *vf)
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

int pci_group_made(const char *bdf)
{
	if (pci_group(bdf) < 0 && !pci_bind(bdf, "vfio-pci"))
		pci_bind(bdf, "");
	return pci_group(bdf);
}
