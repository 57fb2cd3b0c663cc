// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who else is in a device's IOMMU group, and whether its interrupts are
 * isolated, decides about a bind. With the argument "unsafe" the machine cannot
 * isolate interrupts; otherwise the test device shares its group with a second
 * one and with a serial port that the kernel may drive.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "edu.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define SERIAL_VENDOR	"0x1b36"
#define SERIAL_DEVICE	"0x0003"
#define SERIAL_DRIVER	"serial"
#define UNSAFE		"/sys/module/iommufd/parameters/allow_unsafe_interrupts"

static char bdf[PCI_BDF_LEN], second[PCI_BDF_LEN], serial[PCI_BDF_LEN];

static void close_both(int fd, int fd2)
{
	close(fd);
	close(fd2);
}

/* covers: VFIO_DEVICE_BIND_IOMMUFD EPERM */
static void test_unsafe(void)
{
	int iommufd = iommufd_open(), fd = cdev_open(bdf), err;

	err = cdev_bind(fd, iommufd);
	tap_ok(err == -EPERM, "interrupts are not isolated: BIND (%s)", strerror(-err));
	tap_ok(!file_write(UNSAFE, "1"), "the administrator accepts that");
	tap_ok(cdev_bind(fd, iommufd) > 0, "BIND");
	close_both(fd, iommufd);
	tap_ok(!file_write(UNSAFE, "0"), "or not");
}

static void test_sibling(void)
{
	int iommufd = iommufd_open(), other = iommufd_open(), err;
	int fd = cdev_open(bdf), fd2 = cdev_open(second);
	int ioas = ioas_new(iommufd), ioas2 = ioas_new(iommufd), hwpt;

	tap_ok(cdev_bind(fd, iommufd) > 0, "BIND of the first device");
	err = cdev_bind(fd2, other);
	tap_ok(err == -EPERM, "BIND of the second to another iommufd (%s)", strerror(-err));
	tap_ok(cdev_bind(fd2, iommufd) > 0, "BIND of the second to the same");

	hwpt = cdev_attach(fd, ioas);
	tap_ok(hwpt > 0, "ATTACH of the first");
	err = cdev_attach(fd2, ioas2);
	tap_ok(err == -EINVAL, "ATTACH of the second to another address space (%s)",
	       strerror(-err));
	tap_ok(cdev_attach(fd2, ioas) == hwpt, "ATTACH of the second to the same");
	close(fd);
	tap_ok(object_destroy(iommufd, ioas) == -EBUSY, "the second keeps it");
	close(fd2);
	tap_ok(!object_destroy(iommufd, ioas), "until it is closed");

	fd = cdev_open(bdf);
	fd2 = cdev_open(second);
	tap_ok(cdev_bind(fd2, other) > 0 && cdev_bind(fd, other) > 0, "BIND of both to the other");
	close_both(fd, fd2);
	close_both(iommufd, other);
}

static void test_native(void)
{
	int iommufd = iommufd_open(), fd = cdev_open(bdf), err;
	char path[PATH_MAX];

	tap_ok(!pci_bind(serial, SERIAL_DRIVER), "a kernel driver takes the serial port");
	err = cdev_bind(fd, iommufd);
	tap_ok(err == -EPERM, "BIND beside it (%s)", strerror(-err));
	tap_ok(!pci_bind(serial, ""), "it leaves");
	tap_ok(cdev_bind(fd, iommufd) > 0, "BIND");
	pci_bind(serial, SERIAL_DRIVER);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", serial);
	tap_ok(access(path, F_OK), "now the kernel driver is kept out");
	close_both(fd, iommufd);
}

/* A group claims its DMA when a device is opened: with an iommufd that is late. */
static void test_native_group(void)
{
	int iommufd = iommufd_open(), group = group_open(pci_group(bdf)), fd, fd2;

	tap_ok(!pci_bind(serial, SERIAL_DRIVER), "a kernel driver takes the serial port");
	fd = group_set(group, iommufd);
	tap_ok(!fd, "SET_CONTAINER beside it (%s)", strerror(-fd));
	fd = group_device(group, bdf);
	tap_ok(fd == -EPERM, "GET_DEVICE_FD beside it (%s)", strerror(-fd));
	fd = group_unset(group);
	tap_ok(!fd, "nothing is left open: UNSET_CONTAINER (%s)", strerror(-fd));
	tap_ok(!group_set(group, iommufd), "SET_CONTAINER");
	tap_ok(!pci_bind(serial, ""), "it leaves");
	fd = group_device(group, bdf);
	tap_ok(fd >= 0, "GET_DEVICE_FD (%s)", strerror(-fd));
	fd2 = group_device(group, second);
	tap_ok(fd2 >= 0, "GET_DEVICE_FD of the second device (%s)", strerror(-fd2));
	close_both(fd, fd2);
	close_both(group, iommufd);
}

/* The second function with the ids of the first */
static int find_second(void)
{
	snprintf(second, sizeof(second), "%s", bdf);
	second[strlen(second) - 1] = bdf[strlen(bdf) - 1] == '0' ? '1' : '0';
	return pci_group(second) == pci_group(bdf) && pci_group(bdf) >= 0 ? 0 : -ENODEV;
}

int main(int argc, char **argv)
{
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	tap_ok(!pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	if (argc > 1 && !strcmp(argv[1], "unsafe")) {
		test_unsafe();
		return tap_end();
	}
	if (!tap_ok(!find_second(), "a second one is in its group") ||
	    !tap_ok(!pci_find(SERIAL_VENDOR, SERIAL_DEVICE, serial) &&
		    pci_group(serial) == pci_group(bdf), "and a serial port"))
		return tap_end();
	pci_bind(serial, "");
	tap_ok(!pci_bind(second, "vfio-pci"), "vfio-pci takes the second");
	test_sibling();
	test_native();
	test_native_group();
	return tap_end();
}
