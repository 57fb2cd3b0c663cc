// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets of a device that is attached: whichever way, it comes back to its page
 * table, and cannot be attached to another one meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define IOVA		0x40000000ULL
#define CANARY		0xa5
#define MAX_RESETS	20

static char bdf[PCI_BDF_LEN];
static int iommufd, fd;
static volatile uint8_t *regs;
static size_t regs_len;
static uint8_t *mem;

/* The device's buffer is zero when it was never filled. */
static bool arrives(void)
{
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, IOVA, EDU_MAX_BYTES);
	return page_is(mem, EDU_MAX_BYTES, 0);
}

static bool blocked(uint64_t iova)
{
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, iova, EDU_MAX_BYTES);
	return page_is(mem, PAGE_BYTES, CANARY);
}

static int function_reset(void)
{
	return iommufd_call(fd, VFIO_DEVICE_RESET, NULL);
}

static int hot_reset(void)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };

	return iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

static int sysfs_reset(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset", bdf);
	return file_write(path, "1");
}

static void open_device(void)
{
	fd = must(cdev_open(bdf), "open the node");
	must(cdev_bind(fd, iommufd), "bind it");
	expect(0, cdev_enable(fd), "enable the device");
	regs = cdev_regs(fd, &regs_len);
}

static void close_device(void)
{
	munmap((void *)regs, regs_len);
	close(fd);
}

static void test_each(int ioas)
{
	static const struct {
		const char *name;
		int (*reset)(void);
	} ways[] = {
		{ "function", function_reset }, { "hot", hot_reset }, { "sysfs", sysfs_reset },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		tap_ok(cdev_attach(fd, ioas) > 0, "%s: attach", ways[i].name);
		tap_ok(arrives(), "%s: DMA arrives", ways[i].name);
		expect(0, ways[i].reset(), "%s: reset", ways[i].name);
		expect(0, cdev_enable(fd), "%s: enable the device", ways[i].name);
		tap_ok(arrives(), "%s: DMA arrives after it", ways[i].name);
		tap_ok(blocked(page_phys(mem)), "%s: but not where nothing is mapped",
		       ways[i].name);
		expect(0, cdev_detach(fd), "%s: detach", ways[i].name);
		expect(0, ways[i].reset(), "%s: reset when nothing is attached", ways[i].name);
		expect(0, cdev_enable(fd), "%s: enable the device", ways[i].name);
		tap_ok(blocked(IOVA), "%s: it is as blocked as before", ways[i].name);
	}
}

/* How an attach ended that met a reset */
static struct {
	int ioas[2];
	int done, busy, last, err;
} race;

/* covers: VFIO_DEVICE_ATTACH_IOMMUFD_PT EBUSY */
static void *attach_in_turn(void *arg)
{
	int i = 0, err;

	while (!__atomic_load_n(&race.done, __ATOMIC_ACQUIRE)) {
		err = cdev_attach(fd, race.ioas[i & 1]);
		if (err == -EBUSY)
			__atomic_store_n(&race.busy, 1, __ATOMIC_RELEASE);
		else if (err < 0)
			race.err = err;
		else
			race.last = i & 1;
		i++;
	}
	return arg;
}

/* One address space has the page, the other has nothing */
static void test_attach_meanwhile(int ioas)
{
	int i, err = 0, empty = must(ioas_new(iommufd), "another address space");
	pthread_t thread;

	race.ioas[0] = ioas;
	race.ioas[1] = empty;
	must(cdev_attach(fd, ioas), "attach");
	pthread_create(&thread, NULL, attach_in_turn, NULL);
	for (i = 0; i < MAX_RESETS && !__atomic_load_n(&race.busy, __ATOMIC_ACQUIRE); i++)
		err |= function_reset();
	__atomic_store_n(&race.done, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	expect(0, err, "resets while another thread attaches");
	/* Only a driver with a static blocked domain blocks a device for its reset */
	if (pci_has_virtio_iommu(bdf))
		tap_ok(!race.busy, "no attach that meets a reset is EBUSY");
	else
		tap_ok(race.busy, "an attach that meets a reset is EBUSY");
	expect(0, race.err, "and otherwise succeeds");
	expect(0, cdev_enable(fd), "enable the device");
	tap_ok(race.last ? blocked(IOVA) : arrives(), "DMA goes where the last attach led");
	must(cdev_attach(fd, ioas), "attach");
	tap_ok(arrives(), "DMA arrives");
	expect(0, object_destroy(iommufd, empty), "destroy the other");
}

static void *detach_and_attach(void *arg)
{
	const int *ioas = arg;

	while (!__atomic_load_n(&race.done, __ATOMIC_ACQUIRE)) {
		cdev_detach(fd);
		cdev_attach(fd, *ioas);
	}
	return NULL;
}

static void test_detach_meanwhile(int ioas)
{
	pthread_t thread;
	int err;

	race.done = 0;
	pthread_create(&thread, NULL, detach_and_attach, &ioas);
	err = function_reset() | hot_reset();
	__atomic_store_n(&race.done, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	tap_ok(!err || err == -EBUSY, "resets while another thread detaches and attaches");
	expect(0, cdev_enable(fd), "enable the device");
	must(cdev_attach(fd, ioas), "attach");
	tap_ok(arrives(), "DMA arrives");
}

int main(void)
{
	int ioas;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	iommufd = must(iommufd_open(), "open /dev/iommu");
	ioas = must(ioas_new(iommufd), "an address space");
	mem = page_alloc(1);
	expect(0, ioas_map_fixed(iommufd, ioas, mem, PAGE_BYTES, IOVA), "map a page");
	open_device();
	if (!tap_ok(regs, "its registers are mapped"))
		return tap_end();

	PART(test_each(ioas));
	PART(test_attach_meanwhile(ioas));
	PART(test_detach_meanwhile(ioas));

	/* The last close resets it while it is attached */
	close_device();
	open_device();
	tap_ok(blocked(IOVA), "opened again, it is blocked");
	must(cdev_attach(fd, ioas), "attach");
	tap_ok(arrives(), "DMA arrives");
	close_device();
	close(iommufd);
	return tap_end();
}
