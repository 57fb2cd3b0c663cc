// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's device for VFIO with the file of a device and with that of a group:
 * what it takes, and how long a virtual machine lives that a device has. No
 * guest runs; debugfs shows which machines there are.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "edu.h"
#include "kvm.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define KVM_DEBUGFS	"/sys/kernel/debug/kvm"
#define TRIES		100

static char bdf[PCI_BDF_LEN];

/* Machines are folders in debugfs: "PID-FD". */
static int machines(void)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	dir = opendir(KVM_DEBUGFS);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.' && strchr(entry->d_name, '-');
	if (dir)
		closedir(dir);
	return count;
}

/* A machine may go a moment after the last close. */
static bool machines_left(int wanted)
{
	unsigned int i;

	for (i = 0; i < TRIES && machines() != wanted; i++)
		usleep(10000);
	return machines() == wanted;
}

static void test_attributes(void)
{
	const int fd = cdev_open(bdf), other = cdev_open(bdf), null = open("/dev/null", O_RDWR);
	struct machine m;

	if (!tap_ok(machine_open(&m), "a virtual machine with a device for VFIO"))
		return;
	expect(0, attr(&m, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, NULL),
	       "files can be added");
	expect(0, attr(&m, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_DEL, NULL),
	       "files can be taken away");
	expect(-ENXIO, attr(&m, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_FILE, 9, NULL),
	       "an unknown attribute");
	expect(0, file_add(&m, fd), "add a device that is not bound");
	expect(-EEXIST, file_add(&m, fd), "add it again");
	expect(0, file_add(&m, other), "add another file of it");
	expect(-EINVAL, file_add(&m, null), "add some other file");
	expect(-EBADF, file_add(&m, 1000), "add no file");
	expect(-EFAULT, attr(&m, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD,
			     NULL), "add without a place where the file stands");
	expect(0, file_del(&m, fd), "take it away");
	expect(-ENOENT, file_del(&m, fd), "take it away again");
	machine_close(&m);
	close(fd);
	close(other);
	close(null);
	tap_ok(machines_left(0), "no machine is left: %d", machines());
}

/* A device that was bound when its file was known keeps the machine. */
static void test_bound(void)
{
	const int iommufd = iommufd_open(), fd = cdev_open(bdf);
	struct machine m;

	machine_open(&m);
	expect(0, file_add(&m, fd), "bound: add");
	tap_ok(cdev_bind(fd, iommufd) > 0, "bound");
	machine_close(&m);
	tap_ok(machines() == 1, "bound: the device keeps the machine: %d", machines());
	/* It may be the last user that lets go, inside of close() */
	close(fd);
	tap_ok(machines_left(0), "bound: until it is closed: %d", machines());
	close(iommufd);
}

/* One that was added too late, or taken away before, does not. */
static void test_not_bound(void)
{
	const int iommufd = iommufd_open();
	int fd = cdev_open(bdf);
	struct machine m;

	machine_open(&m);
	tap_ok(cdev_bind(fd, iommufd) > 0, "late: bound");
	expect(0, file_add(&m, fd), "late: add");
	machine_close(&m);
	tap_ok(machines_left(0), "late: the machine is gone: %d", machines());
	close(fd);

	fd = cdev_open(bdf);
	machine_open(&m);
	expect(0, file_add(&m, fd), "early: add");
	expect(0, file_del(&m, fd), "early: take it away");
	tap_ok(cdev_bind(fd, iommufd) > 0, "early: bound");
	machine_close(&m);
	tap_ok(machines_left(0), "early: the machine is gone: %d", machines());
	close(fd);
	close(iommufd);
}

static void test_group(void)
{
	const int container = open("/dev/vfio/vfio", O_RDWR);
	struct machine m;
	char path[PATH_MAX];
	int group, fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(bdf));
	group = open(path, O_RDWR);
	if (!tap_ok(container >= 0 && group >= 0 &&
		    !iommufd_call(group, VFIO_GROUP_SET_CONTAINER, (void *)&container) &&
		    !ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "group: set up"))
		return;
	machine_open(&m);
	expect(0, attr(&m, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD,
		       &group), "group: add");
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	tap_ok(fd >= 0, "group: its device");
	expect(0, file_add(&m, fd), "group: add the device as well");
	machine_close(&m);
	tap_ok(machines() == 1, "group: the device keeps the machine: %d", machines());
	close(fd);
	tap_ok(machines_left(0), "group: until it is closed: %d", machines());
	close(group);
	close(container);
}

int main(void)
{
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf) && !pci_bind(bdf, "vfio-pci"),
		    "vfio-pci has the test device"))
		return tap_end();
	test_attributes();
	test_bound();
	test_not_bound();
	test_group();
	return tap_end();
}
