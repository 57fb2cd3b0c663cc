// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of a slot with two functions by the user of their nodes: what he is
 * told of them, what he may do, and that it happens, also while one of them is being
 * unbound. Each network function has a register of an address that forgets it in a
 * reset.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "slow_page.h"

#define VENDOR		"0x8086"
#define DEVICE		"0x10d3"
#define ADDRESS_REG	0x2800
#define ADDRESS		0x12345680
#define FUNCTIONS	2
#define IOVA		0x40000000ULL

struct info {
	struct vfio_pci_hot_reset_info head;
	struct vfio_pci_dependent_device hit[FUNCTIONS];
};

static char bdf[FUNCTIONS][PCI_BDF_LEN];

static int info_get(int fd, struct info *info)
{
	*info = (struct info){ .head.argsz = sizeof(*info) };
	return iommufd_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info->head);
}

/* What the user is told of function nr */
static uint32_t id_of(const struct info *info, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < info->head.count; i++)
		if ((info->hit[i].devfn & 7) == nr)
			return info->hit[i].devid;
	return 0xdead;
}

static int reset(int fd)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };

	return iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

static uint32_t reg_read(int fd)
{
	struct vfio_region_info bar;
	uint32_t value = 0xdead;

	if (cdev_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &bar) ||
	    pread(fd, &value, sizeof(value), bar.offset + ADDRESS_REG) != sizeof(value))
		return 0xdead;
	return value;
}

static bool reg_write(int fd)
{
	const uint32_t value = ADDRESS;
	struct vfio_region_info bar;

	return !cdev_enable(fd) && !cdev_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &bar) &&
	       pwrite(fd, &value, sizeof(value), bar.offset + ADDRESS_REG) == sizeof(value) &&
	       reg_read(fd) == value;
}

/* covers: VFIO_DEVICE_GET_PCI_HOT_RESET_INFO EFAULT EINVAL ENOSPC */
/* covers: VFIO_DEVICE_PCI_HOT_RESET EINVAL */
static void test_sizes(int fd)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) - 1 };
	struct info info = { .head.argsz = sizeof(info.head) };
	struct {
		struct vfio_pci_hot_reset head;
		int32_t fd;
	} group = { .head = { .argsz = sizeof(group), .count = 1 }, .fd = 0 };

	expect(-ENOSPC, iommufd_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info),
	       "info, no room for the answer");
	tap_ok(info.head.count == FUNCTIONS, "room for %u is needed", info.head.count);
	info.head.argsz--;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info),
	       "info, too short");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL),
	       "info, no memory");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, NULL), "reset, no memory");
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &arg), "reset, too short");
	arg.argsz++;
	arg.flags = 1;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &arg), "reset, unknown flag");
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &group.head),
	       "reset, a group's file");
}

/* The second function is nobody's, but in the group that the user has. */
static void test_one_bound(int fd, uint32_t id)
{
	struct info info;

	expect(0, info_get(fd, &info), "one bound: info");
	tap_ok(info.head.flags == (VFIO_PCI_HOT_RESET_FLAG_DEV_ID |
				   VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED),
	       "one bound: flags %#x", info.head.flags);
	tap_ok(id_of(&info, 0) == id, "one bound: the first is %u", id_of(&info, 0));
	tap_ok(id_of(&info, 1) == VFIO_PCI_DEVID_OWNED, "one bound: the second is %u",
	       id_of(&info, 1));
	tap_ok(reg_write(fd), "one bound: a register is set");
	expect(0, reset(fd), "one bound: reset");
	tap_ok(!reg_read(fd), "one bound: the register is %#x", reg_read(fd));
}

static void test_both_bound(int fd, int iommufd, uint32_t id)
{
	const int second = cdev_open(bdf[1]);
	const int second_id = cdev_bind(second, iommufd);
	const int ioas = ioas_new(iommufd);
	struct info info;

	tap_ok(second_id > 0, "both bound");
	tap_ok(cdev_attach(fd, ioas) > 0 && cdev_attach(second, ioas) > 0, "both attached");
	expect(0, info_get(fd, &info), "both bound: info");
	tap_ok(id_of(&info, 0) == id && id_of(&info, 1) == (uint32_t)second_id,
	       "both bound: they are %u and %u", id_of(&info, 0), id_of(&info, 1));
	tap_ok(reg_write(fd) && reg_write(second), "both bound: registers are set");
	expect(0, reset(second), "both bound: reset");
	tap_ok(!reg_read(fd) && !reg_read(second), "both bound: registers are %#x and %#x",
	       reg_read(fd), reg_read(second));
	close(second);
}

/* A call in a thread of its own, which begins when it is told to */
struct caller {
	pthread_t thread;
	sem_t go;
	int fd, ioas, result;
	bool done;
};

static void *move_group(void *arg)
{
	struct caller *caller = arg;

	sem_wait(&caller->go);
	caller->result = cdev_attach(caller->fd, caller->ioas);
	return NULL;
}

static void *leave(void *arg)
{
	struct caller *caller = arg;

	sem_wait(&caller->go);
	caller->result = close(caller->fd) ? -errno : 0;
	__atomic_store_n(&caller->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool caller_make(struct caller *caller, void *(*function)(void *))
{
	return !sem_init(&caller->go, 0, 0) &&
	       !pthread_create(&caller->thread, NULL, function, caller);
}

/*
 * VFIO disables a function near the end of its close, with the lock of the set. Who
 * takes that lock from here on finds it closed.
 */
static bool is_disabled(const char *bdf)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	char word[8];
	int i;

	for (i = 0; i < 30000; i++) {
		if (pci_attr(bdf, "enable", word, sizeof(word)))
			return false;
		if (!strcmp(word, "0"))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* While the second is closed, and its unbinding waits for the move of the group */
static void check_half_unbound(int fd, const struct caller *second, int second_id)
{
	struct info info;

	tap_ok(is_disabled(bdf[1]), "half unbound: the second is closed");
	expect(0, info_get(fd, &info), "half unbound: info");
	tap_ok(info.head.flags == (VFIO_PCI_HOT_RESET_FLAG_DEV_ID |
				   VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED),
	       "half unbound: flags %#x", info.head.flags);
	tap_ok(id_of(&info, 1) == VFIO_PCI_DEVID_OWNED, "half unbound: the second was %d, is %u",
	       second_id, id_of(&info, 1));
	tap_ok(reg_write(fd), "half unbound: a register is set");
	expect(0, reset(fd), "half unbound: reset");
	tap_ok(!reg_read(fd), "half unbound: the register is %#x", reg_read(fd));
	tap_ok(!__atomic_load_n(&second->done, __ATOMIC_SEQ_CST),
	       "half unbound: all the time the second is still bound");
}

/*
 * The second leaves while its group moves to an address space whose memory takes its
 * time: its binding is there, but going away. A hot reset leaves that alone.
 */
static void leave_in_a_move(int fd, int iommufd)
{
	static struct slow_page page;
	static struct caller first, second;
	const int ioas = must(ioas_new(iommufd), "an address space");
	struct info info;
	int second_id;

	expect(0, slow_page_open(&page), "half unbound: a page that makes others wait");
	first.fd = fd;
	first.ioas = must(ioas_new(iommufd), "a slow address space");
	expect(0, ioas_map_fixed(iommufd, first.ioas, page.mem, PAGE_BYTES, IOVA), "map the page");
	second.fd = must(cdev_open(bdf[1]), "open the second");
	second_id = must(cdev_bind(second.fd, iommufd), "bind the second");
	must(cdev_attach(fd, ioas), "attach the first");
	must(cdev_attach(second.fd, ioas), "attach the second");
	if (!tap_ok(caller_make(&first, move_group) && caller_make(&second, leave), "two threads"))
		return;

	sem_post(&first.go);
	tap_ok(slow_page_is_wanted(&page), "half unbound: the group's move waits for the page");
	sem_post(&second.go);
	check_half_unbound(fd, &second, second_id);
	slow_page_release(&page);
	pthread_join(first.thread, NULL);
	tap_ok(first.result > 0, "half unbound: the group moves at last (%d)", first.result);
	pthread_join(second.thread, NULL);
	expect(0, second.result, "half unbound: the second is unbound at last");
	expect(0, info_get(fd, &info), "unbound: info");
	tap_ok(id_of(&info, 1) == VFIO_PCI_DEVID_OWNED, "unbound: the second is %u",
	       id_of(&info, 1));
	slow_page_close(&page);
}

static void test_half_unbound(int fd, int iommufd)
{
	PART(leave_in_a_move(fd, iommufd));
}

/* A function that VFIO does not have: nobody would keep it still. */
static void test_elsewhere(int fd)
{
	struct info info;

	pci_bind(bdf[1], "");
	expect(0, info_get(fd, &info), "second elsewhere: info");
	tap_ok(info.head.flags == VFIO_PCI_HOT_RESET_FLAG_DEV_ID, "second elsewhere: flags %#x",
	       info.head.flags);
	tap_ok(id_of(&info, 1) == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED,
	       "second elsewhere: it is %#x", id_of(&info, 1));
	tap_ok(reg_write(fd), "second elsewhere: a register is set");
	expect(-EINVAL, reset(fd), "second elsewhere: reset");
	tap_ok(reg_read(fd) == ADDRESS, "second elsewhere: the register is %#x", reg_read(fd));
	tap_ok(!pci_bind(bdf[1], "vfio-pci"), "the second comes back");
}

/* Names by group, for those who came that way, as ever */
static void test_group(void)
{
	const int container = open("/dev/vfio/vfio", O_RDWR);
	char path[PATH_MAX];
	struct info info;
	int group, fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(bdf[0]));
	group = open(path, O_RDWR);
	if (!tap_ok(container >= 0 && group >= 0 &&
		    !iommufd_call(group, VFIO_GROUP_SET_CONTAINER, (void *)&container) &&
		    !ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "group: set up"))
		return;
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf[0]);
	expect(0, info_get(fd, &info), "group: info");
	tap_ok(!info.head.flags && id_of(&info, 1) == (uint32_t)pci_group(bdf[1]),
	       "group: flags %#x, the second is in group %u", info.head.flags, id_of(&info, 1));
	expect(-EINVAL, reset(fd), "group: reset without files");
	close(fd);
	close(group);
	close(container);
}

static bool take_functions(void)
{
	unsigned int i;

	if (pci_find(VENDOR, DEVICE, bdf[0]))
		return false;
	bdf[0][strlen(bdf[0]) - 1] = '0';
	strcpy(bdf[1], bdf[0]);
	bdf[1][strlen(bdf[1]) - 1] = '1';
	for (i = 0; i < FUNCTIONS; i++)
		if (pci_bind(bdf[i], "vfio-pci"))
			return false;
	return true;
}

int main(void)
{
	int iommufd, fd, id;

	if (!tap_ok(take_functions(), "vfio-pci has both functions"))
		return tap_end();
	iommufd = iommufd_open();
	fd = cdev_open(bdf[0]);
	id = cdev_bind(fd, iommufd);
	tap_ok(id > 0, "the first is bound");
	test_sizes(fd);
	test_one_bound(fd, id);
	test_both_bound(fd, iommufd, id);
	test_half_unbound(fd, iommufd);
	test_elsewhere(fd);
	close(fd);
	close(iommufd);
	test_group();
	return tap_end();
}
