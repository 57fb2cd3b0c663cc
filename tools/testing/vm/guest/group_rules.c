// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may change the default domain of a group, and who may have its DMA, as
 * sysfs and VFIO's group files have answered since before the attach layer.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "edu.h"
#include "lib/file.h"
#include "lib/pci.h"
#include "lib/tap.h"

#define GROUPS "/sys/kernel/iommu_groups"

static int set_type(int group, const char *type)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), GROUPS "/%d/type", group);
	return file_write(path, type);
}

static bool type_is(int group, const char *type)
{
	char path[PATH_MAX], now[32] = "";

	snprintf(path, sizeof(path), GROUPS "/%d/type", group);
	return !file_read(path, now, sizeof(now)) && !strcmp(now, type);
}

static int count_devices(int group)
{
	struct dirent *entry;
	char path[PATH_MAX];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), GROUPS "/%d/devices", group);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

/* A group with several devices, or -ENODEV */
static int find_shared_group(void)
{
	int group;

	for (group = 0; group < 64; group++)
		if (count_devices(group) > 1)
			return group;
	return -ENODEV;
}

static int open_group(int group)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	return open(path, O_RDWR);
}

static void check_types(int group, const char *bdf)
{
	char first[32] = "", path[PATH_MAX];

	snprintf(path, sizeof(path), GROUPS "/%d/type", group);
	file_read(path, first, sizeof(first));
	tap_ok(set_type(group, "nonsense") == -EINVAL, "an unknown type is EINVAL");
	tap_ok(set_type(group, "blocked") == -EINVAL, "a type that is none's to set is EINVAL");
	tap_ok(type_is(group, first), "neither changed anything");

	tap_ok(!pci_bind(bdf, "vfio-pci"), "bind a driver");
	tap_ok(set_type(group, "identity") == -EBUSY, "a device with a driver is EBUSY");
	tap_ok(type_is(group, first), "that changed nothing");
	pci_bind(bdf, "");

	tap_ok(!set_type(group, "identity") && type_is(group, "identity"), "to identity");
	tap_ok(!set_type(group, "identity") && type_is(group, "identity"), "to what it is");
	tap_ok(!set_type(group, "auto") && type_is(group, first), "back to %s by auto", first);
}

static void check_owner(int group, const char *bdf)
{
	int container = open("/dev/vfio/vfio", O_RDWR);
	int other = open("/dev/vfio/vfio", O_RDWR);
	int file;

	if (!tap_ok(!pci_bind(bdf, "vfio-pci"), "bind vfio-pci"))
		return;
	file = open_group(group);
	tap_ok(file >= 0 && container >= 0 && other >= 0, "open group and containers");
	tap_ok(open_group(group) < 0 && errno == EBUSY, "a second open is EBUSY");
	tap_ok(!ioctl(file, VFIO_GROUP_SET_CONTAINER, &container), "claim");
	tap_ok(ioctl(file, VFIO_GROUP_SET_CONTAINER, &other) && errno == EINVAL,
	       "a second container is EINVAL");
	tap_ok(!ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "attach");
	tap_ok(!ioctl(file, VFIO_GROUP_UNSET_CONTAINER), "detach and release");
	tap_ok(!ioctl(file, VFIO_GROUP_SET_CONTAINER, &other), "claim for the other container");
	tap_ok(!ioctl(other, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "attach");
	close(file);
	close(container);
	close(other);
	pci_bind(bdf, "");
	tap_ok(!set_type(group, "identity") && type_is(group, "identity"),
	       "the group is on its default domain again");
	set_type(group, "auto");
}

int main(void)
{
	char bdf[PCI_BDF_LEN];
	int group, shared;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	group = pci_group_made(bdf);
	check_types(group, bdf);
	check_owner(group, bdf);

	shared = find_shared_group();
	if (shared < 0)
		tap_skip("the type of a shared group is EINVAL", "no group has two devices");
	else
		tap_ok(set_type(shared, "identity") == -EINVAL,
		       "the type of a shared group is EINVAL");
	return tap_end();
}
