// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device whose group is owned, but is on nobody's domain, reaches nothing.
 *
 * The default domain is identity, so that before the claim and after the release
 * the device does reach physical memory: what stops it in between can only be
 * the blocked domain. Its registers are used through sysfs, for VFIO gives
 * access to them no sooner than a domain is attached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define CANARY		0xa5
#define BAR_BYTES	0x100000
#define PCI_COMMAND	4
#define PCI_MEMORY	2
#define PCI_MASTER	4

static int enable_device(const char *bdf)
{
	char path[PATH_MAX];
	uint16_t command;
	int fd, err;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/enable", bdf);
	err = file_write(path, "1");
	if (err)
		return err;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", bdf);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -errno;
	if (pread(fd, &command, 2, PCI_COMMAND) != 2)
		err = -EIO;
	command |= PCI_MEMORY | PCI_MASTER;
	if (!err && pwrite(fd, &command, 2, PCI_COMMAND) != 2)
		err = -EIO;
	close(fd);
	return err;
}

static volatile uint8_t *map_regs(const char *bdf)
{
	char path[PATH_MAX];
	void *regs;
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource0", bdf);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return NULL;
	regs = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return regs == MAP_FAILED ? NULL : regs;
}

static int set_identity(int group)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/type", group);
	return file_write(path, "identity");
}

/* The device copies a page whose physical address it is told to another one. */
static bool copies(volatile uint8_t *regs, uint8_t *from, uint8_t *to)
{
	page_fill(from, PAGE_BYTES, 5);
	memset(to, CANARY, PAGE_BYTES);
	if (edu_load(regs, page_phys(from), EDU_MAX_BYTES) ||
	    edu_store(regs, page_phys(to), EDU_MAX_BYTES))
		return false;
	return !memcmp(from, to, EDU_MAX_BYTES);
}

static bool writes_nothing(volatile uint8_t *regs, uint8_t *to)
{
	memset(to, CANARY, PAGE_BYTES);
	edu_store(regs, page_phys(to), EDU_MAX_BYTES);
	return page_is(to, PAGE_BYTES, CANARY);
}

/* The device's buffer, told after the device is let go again. */
static bool holds(volatile uint8_t *regs, uint8_t *secret, uint8_t *to)
{
	memset(to, CANARY, PAGE_BYTES);
	return !edu_store(regs, page_phys(to), EDU_MAX_BYTES) &&
	       !memcmp(secret, to, EDU_MAX_BYTES);
}

/* Own the group the way VFIO's container does, without a domain. */
static int claim(int group_nr, int *container, int *group)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group_nr);
	*container = open("/dev/vfio/vfio", O_RDWR);
	*group = open(path, O_RDWR);
	if (*container < 0 || *group < 0)
		return -errno;
	return ioctl(*group, VFIO_GROUP_SET_CONTAINER, container) ? -errno : 0;
}

static void check(const char *bdf, int group_nr, volatile uint8_t *regs,
		  uint8_t *one, uint8_t *two)
{
	int container, group, err;

	tap_ok(copies(regs, one, two), "unclaimed: the device reaches physical memory");

	err = pci_bind(bdf, "vfio-pci");
	tap_ok(!err, "bind it to vfio-pci (%s)", strerror(-err));
	tap_ok(copies(regs, one, two), "unclaimed with a driver: it still does");

	err = claim(group_nr, &container, &group);
	tap_ok(!err, "claim its group (%s)", strerror(-err));
	tap_ok(writes_nothing(regs, two), "claimed: its writes are blocked");
	page_fill(one, PAGE_BYTES, 99);
	edu_load(regs, page_phys(one), EDU_MAX_BYTES);

	err = ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ? -errno : 0;
	tap_ok(!err, "attach an empty domain (%s)", strerror(-err));
	tap_ok(writes_nothing(regs, two), "attached: its writes are blocked");

	close(group);
	close(container);
	tap_ok(!holds(regs, one, two), "released: what it was to read while claimed it has not");
	tap_ok(copies(regs, one, two), "released: it reaches physical memory again");
}

int main(void)
{
	uint8_t *one = page_alloc(1), *two = page_alloc(1);
	volatile uint8_t *regs;
	char bdf[PCI_BDF_LEN];
	int group, err;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	group = pci_group_made(bdf);
	err = group < 0 ? group : set_identity(group);
	tap_ok(!err, "its default domain is identity (%s)", strerror(-err));
	err = enable_device(bdf);
	tap_ok(!err, "enable it (%s)", strerror(-err));
	regs = map_regs(bdf);
	if (tap_ok(regs && one && two && page_phys(one) && page_phys(two),
		   "its registers and some memory"))
		check(bdf, group, regs, one, two);
	pci_bind(bdf, "");
	return tap_end();
}
