// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group on iommufds under many hands at once: devices opened and closed, reset,
 * the iommufd changed, memory mapped, the node bound beside, and the device taken
 * away. Each thread does its work a number of times, whatever it is answered, as
 * long as that is an answer it could be given alone; in the end all is free.
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

#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define VENDOR		"0x8086"
#define DEVICE		"0x10d3"
#define TURNS		60
#define SLOW_TURNS	4
#define NR_PAGES	16
#define IOVA_DATA	0x40000000ULL
#define MAX_THREADS	8

static char bdf[PCI_BDF_LEN];
static int iommufd[2];
static int shared_group = -1;
static int odd_errno;
static long done, refused;

/* A refusal is fine if it is one of those; 0 ends them. */
static void note(int result, const int *allowed)
{
	if (result >= 0) {
		__atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
		return;
	}
	__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
	for (; *allowed; allowed++)
		if (result == -*allowed)
			return;
	__atomic_store_n(&odd_errno, result, __ATOMIC_RELAXED);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int group_reset(int device, int group)
{
	struct {
		struct vfio_pci_hot_reset head;
		int32_t fd;
	} arg = { .head = { .argsz = sizeof(arg), .count = 1 }, .fd = group };

	return iommufd_call(device, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

static int node_reset(int device)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };

	return iommufd_call(device, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

/* Threads on one open file of the group */

static void *opener(void *unused)
{
	static const int errnos[] = { EINVAL, ENODEV, EBUSY, 0 };
	int turn, device;

	for (turn = 0; turn < TURNS; turn++) {
		device = group_device(shared_group, bdf);
		note(device, errnos);
		close_if_open(device);
	}
	return unused;
}

static void *resetter(void *unused)
{
	static const int open_errnos[] = { EINVAL, ENODEV, EBUSY, 0 }, reset_errnos[] = { EBUSY, 0 };
	int turn, device;

	for (turn = 0; turn < SLOW_TURNS; turn++) {
		device = group_device(shared_group, bdf);
		note(device, open_errnos);
		if (device >= 0)
			note(group_reset(device, shared_group), reset_errnos);
		close_if_open(device);
	}
	return unused;
}

/* Whose address space the group's devices get */
static void *changer(void *unused)
{
	static const int unset_errnos[] = { EBUSY, EINVAL, 0 }, set_errnos[] = { EINVAL, 0 };
	int turn;

	for (turn = 0; turn < TURNS; turn++) {
		note(group_unset(shared_group), unset_errnos);
		note(group_set(shared_group, iommufd[turn & 1]), set_errnos);
	}
	return unused;
}

static void *mapper(void *unused)
{
	static const int errnos[] = { EEXIST, ENODEV, EBUSY, 0 };
	uint8_t *mem = page_alloc(NR_PAGES);
	int turn, to;

	for (turn = 0; turn < TURNS; turn++) {
		to = iommufd[turn & 1];
		note(container_map(to, mem, NR_PAGES * PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE),
		     errnos);
		note(container_unmap(to, IOVA_DATA, NR_PAGES * PAGE_BYTES), errnos);
	}
	munmap(mem, NR_PAGES * PAGE_BYTES);
	return unused;
}

/*
 * Threads that come by their own files. EAGAIN: opening a device resets it, and who
 * takes its driver away holds the lock that this takes, and waits for us.
 */

static void *group_user(void *unused)
{
	static const int open_errnos[] = { EBUSY, ENODEV, ENOENT, ENXIO, 0 };
	static const int set_errnos[] = { ENODEV, 0 };
	static const int device_errnos[] = { ENODEV, EINVAL, EAGAIN, EBUSY, 0 };
	int turn, group, device;

	for (turn = 0; turn < TURNS; turn++) {
		group = group_open(pci_group(bdf));
		note(group, open_errnos);
		if (group < 0)
			continue;
		note(group_set(group, iommufd[turn & 1]), set_errnos);
		device = group_device(group, bdf);
		note(device, device_errnos);
		close_if_open(device);
		close(group);
	}
	return unused;
}

static void use_node(int fd, int ioas, bool with_reset)
{
	static const int bind_errnos[] = { EINVAL, EBUSY, ENODEV, EAGAIN, 0 };
	static const int none[] = { 0 }, reset_errnos[] = { EAGAIN, EBUSY, 0 };
	int id = cdev_bind(fd, iommufd[0]);

	note(id, bind_errnos);
	if (id < 0)
		return;
	/* EBUSY, as above: the device may be in a reset */
	note(cdev_attach(fd, ioas), reset_errnos);
	if (with_reset)
		note(node_reset(fd), reset_errnos);
	note(cdev_detach(fd), none);
}

static void *node_user(void *unused)
{
	static const int open_errnos[] = { ENODEV, ENOENT, ENXIO, 0 };
	int ioas = ioas_new(iommufd[0]), turn, fd;

	for (turn = 0; turn < TURNS; turn++) {
		fd = cdev_open(bdf);
		note(fd, open_errnos);
		if (fd < 0)
			continue;
		use_node(fd, ioas, turn % (TURNS / SLOW_TURNS) == 1);
		close(fd);
	}
	note(object_destroy(iommufd[0], ioas), (const int[]){ 0 });
	return unused;
}

static void *driver_leaver(void *unused)
{
	int turn;

	for (turn = 0; turn < SLOW_TURNS; turn++) {
		pci_bind(bdf, "");
		pci_bind(bdf, "vfio-pci");
	}
	return unused;
}

static void *unplugger(void *unused)
{
	char path[PATH_MAX];
	int turn;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", bdf);
	for (turn = 0; turn < SLOW_TURNS; turn++) {
		file_write(path, "1");
		file_write("/sys/bus/pci/rescan", "1");
		pci_bind(bdf, "vfio-pci");
	}
	return unused;
}

static void race(const char *what, void *(*const *bodies)(void *))
{
	pthread_t threads[MAX_THREADS];
	int nr = 0;

	done = 0;
	refused = 0;
	odd_errno = 0;
	for (; *bodies; bodies++)
		pthread_create(&threads[nr++], NULL, *bodies, NULL);
	while (nr--)
		pthread_join(threads[nr], NULL);
	tap_ok(!odd_errno, "%s: no odd answer (%s), %ld calls done, %ld refused", what,
	       strerror(-odd_errno), done, refused);
}

static void race_shared(void)
{
	static void *(*const bodies[])(void *) = {
		opener, opener, resetter, changer, mapper, mapper, NULL
	};

	shared_group = must(group_open(pci_group(bdf)), "open the group");
	expect(0, group_set(shared_group, iommufd[0]), "SET_CONTAINER");
	race("one group", bodies);
	close(shared_group);
}

/* Nothing that took part holds on to the device. */
static void check_free(void)
{
	int group, device, fd;

	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci has the device");
	group = must(group_open(pci_group(bdf)), "open the group");
	expect(0, group_set(group, iommufd[1]), "SET_CONTAINER");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, cdev_enable(device), "the device works");
	close(device);
	close(group);
	fd = must(cdev_open(bdf), "open the node");
	tap_ok(cdev_bind(fd, iommufd[0]) > 0, "BIND");
	close(fd);
}

int main(void)
{
	static void *(*const with_driver[])(void *) = {
		group_user, group_user, node_user, node_user, driver_leaver, NULL
	};
	static void *(*const with_removal[])(void *) = {
		group_user, group_user, node_user, node_user, unplugger, NULL
	};

	if (!tap_ok(!pci_find(VENDOR, DEVICE, bdf), "the test device is there"))
		return tap_end();
	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	iommufd[0] = must(iommufd_open(), "open /dev/iommu");
	iommufd[1] = must(iommufd_open(), "open another");
	PART(race_shared());
	PART(check_free());
	PART(race("groups, nodes, driver", with_driver));
	PART(check_free());
	PART(race("groups, nodes, removal", with_removal));
	PART(check_free());
	expect(0, pci_bind(bdf, ""), "vfio-pci gives it back");
	close(iommufd[0]);
	close(iommufd[1]);
	return tap_end();
}
