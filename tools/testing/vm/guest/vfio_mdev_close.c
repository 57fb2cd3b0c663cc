// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is closed while its user's memory is unmapped: its driver is not
 * asked to let go of pages any more once it is told to close, and who unmaps gets what
 * is unpinned by that. The sample driver holds the callers, so that they meet.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"
#include "vdma.h"

#define IOVA_FIRST	0x40000000ULL
#define IOVA_SECOND	(IOVA_FIRST + PAGE_BYTES)
#define NEVER_MS	60000

/* Where each of them waits, by the names of functions of the kernel */
#define FOR_DRIVER	"request_driver_unpin"
#define BEFORE_CLOSE	"vfio_iommufd_device_closing"
#define FOR_UNPIN	"iommufd_map_wait_until"

/* An open device, and the address space where two pages are mapped for it */
struct user {
	const char *door;
	int iommufd, ioas, group, device;
	uint8_t *mem;
};

/* A thread that makes one call: to close the device, or to unmap a page */
struct caller {
	struct user *user;
	uint64_t iova;		/* of the page, 0 to close */
	pthread_t thread;
	pid_t tid;
	bool done;
	int result;
};

static void *make_call(void *arg)
{
	struct caller *caller = arg;
	struct user *user = caller->user;

	__atomic_store_n(&caller->tid, gettid(), __ATOMIC_SEQ_CST);
	if (caller->iova)
		caller->result = ioas_unmap(user->iommufd, user->ioas, caller->iova, PAGE_BYTES,
					    NULL);
	else
		caller->result = close(user->device) ? -errno : 0;
	__atomic_store_n(&caller->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start(struct caller *caller)
{
	pthread_create(&caller->thread, NULL, make_call, caller);
}

static bool sleeps_in(struct caller *caller, const char *function)
{
	pid_t tid = __atomic_load_n(&caller->tid, __ATOMIC_SEQ_CST);
	char path[64], where[128];

	snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", tid);
	return tid && !file_read(path, where, sizeof(where)) && !strcmp(where, function);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the caller is held by the driver, or sleeps in that function, or never will */
static bool comes_to(struct caller *caller, const char *function)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	const long begin = now_ms();

	while (now_ms() - begin < NEVER_MS && !__atomic_load_n(&caller->done, __ATOMIC_SEQ_CST)) {
		if (function ? sleeps_in(caller, function) : vdma_shows("held") == 1)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void finish(struct caller *caller, const char *what)
{
	pthread_join(caller->thread, NULL);
	expect(0, caller->result, "%s: %s", caller->user->door, what);
}

/* An unmap is in the driver, another behind it, when the device is closed. */
static void test_unmap_first(struct user *user)
{
	struct caller first = { .user = user, .iova = IOVA_FIRST };
	struct caller second = { .user = user, .iova = IOVA_SECOND };
	struct caller closer = { .user = user };

	expect(0, vdma_hold("unmap"), "%s: the driver holds who asks it", user->door);
	start(&first);
	tap_ok(comes_to(&first, NULL), "%s: an unmap is held", user->door);
	start(&second);
	tap_ok(comes_to(&second, FOR_DRIVER), "%s: the next waits for it", user->door);
	start(&closer);
	tap_ok(comes_to(&closer, BEFORE_CLOSE), "%s: close waits before the driver is closed",
	       user->door);
	expect(0, vdma_hold("none"), "%s: the driver goes on", user->door);
	finish(&first, "first unmap");
	finish(&second, "second unmap");
	finish(&closer, "close");
}

/* The driver is closing, but has not unpinned, when memory is unmapped. */
static void test_close_first(struct user *user)
{
	struct caller closer = { .user = user };
	struct caller unmap = { .user = user, .iova = IOVA_FIRST };

	expect(0, vdma_hold("close"), "%s: the driver holds who closes it", user->door);
	start(&closer);
	tap_ok(comes_to(&closer, NULL), "%s: close is held", user->door);
	start(&unmap);
	tap_ok(comes_to(&unmap, FOR_UNPIN), "%s: an unmap waits until it has unpinned", user->door);
	expect(0, vdma_hold("none"), "%s: the driver goes on", user->door);
	finish(&closer, "close");
	finish(&unmap, "unmap");
}

static void open_node(struct user *user)
{
	user->ioas = must(ioas_new(user->iommufd), "an address space");
	user->device = must(soft_node_open(VDMA), "open its node");
	must(cdev_bind(user->device, user->iommufd), "BIND");
	must(cdev_attach(user->device, user->ioas), "ATTACH");
}

static void open_by_group(struct user *user)
{
	struct iommu_vfio_ioas get = { .size = sizeof(get) };

	user->group = must(group_open(soft_group(VDMA)), "open its group");
	must(group_set(user->group, user->iommufd), "SET_CONTAINER");
	must(container_value(user->iommufd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "SET_IOMMU");
	user->device = must(group_device(user->group, "vdma"), "GET_DEVICE_FD");
	must(iommufd_call(user->iommufd, IOMMU_VFIO_IOAS, &get), "VFIO_IOAS");
	user->ioas = get.ioas_id;
}

static void test_door(bool node, void (*test)(struct user *user))
{
	struct user user = { .door = node ? "node" : "group", .group = -1 };
	const int before = vdma_shows("stray");
	int stray;

	user.iommufd = must(iommufd_open(), "iommufd");
	if (node)
		open_node(&user);
	else
		open_by_group(&user);
	user.mem = page_alloc(2);
	must(ioas_map_fixed(user.iommufd, user.ioas, user.mem, PAGE_BYTES, IOVA_FIRST), "map");
	must(ioas_map_fixed(user.iommufd, user.ioas, user.mem + PAGE_BYTES, PAGE_BYTES,
			    IOVA_SECOND), "map");
	must(vdma(user.device, PIN, IOVA_FIRST, 2), "pin");
	test(&user);
	stray = vdma_shows("stray") - before;
	tap_ok(!stray, "%s: the closed driver was asked %d times", user.door, stray);
	expect(0, object_destroy(user.iommufd, user.ioas), "%s: the address space is free",
	       user.door);
	if (user.group >= 0)
		close(user.group);
	close(user.iommufd);
	munmap(user.mem, 2 * PAGE_BYTES);
}

int main(void)
{
	if (access(VDMA, F_OK))
		must(module_load(VDMA_MODULE), "load " VDMA_MODULE);
	PART(test_door(true, test_unmap_first));
	PART(test_door(false, test_unmap_first));
	PART(test_door(true, test_close_first));
	PART(test_door(false, test_close_first));
	return tap_end();
}
