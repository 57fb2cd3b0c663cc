// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three calls that tie a VFIO device to an iommufd: each errno, the order
 * of the checks, the sizes, and what holds before, while and after a device is
 * bound.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"
#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define IOVA_DATA	0x40000000ULL
#define IOVA_MSI	0xfee00000ULL
#define CANARY		0xa5
#define CONTENT		0x3c
#define TOKEN		VFIO_DEVICE_BIND_FLAG_TOKEN
#define UNKNOWN_FLAG	(1u << 31)
/* A kernel without the driver's answer gives up a good deal later. */
#define REQUEST_MS	20000
#define SETTLE_MS	300

static char bdf[PCI_BDF_LEN];
static int iommufd;

static int bind_raw(int fd, uint32_t argsz, uint32_t flags, int to, const void *token)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = argsz, .flags = flags, .iommufd = to, .token_uuid_ptr = (uintptr_t)token,
	};

	return iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

/* To the iommufd of the test, with nothing unusual about it */
static int bind(int fd)
{
	return bind_raw(fd, 24, 0, iommufd, NULL);
}

static void test_names(void)
{
	char path[PATH_MAX], name[32], numbers[32], want[32];
	struct stat st = {};

	if (!expect(0, cdev_name(bdf, name, sizeof(name)), "the device has a name"))
		return;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev/%s/dev", bdf, name);
	expect(0, file_read(path, numbers, sizeof(numbers)), "sysfs has its number");
	snprintf(path, sizeof(path), CDEV_NODES "/%s", name);
	expect(0, stat(path, &st) ? -errno : 0, "there is a node of that name");
	snprintf(want, sizeof(want), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	tap_ok(S_ISCHR(st.st_mode) && !strcmp(want, numbers), "and of that number: %s, %s", want,
	       numbers);
	tap_ok((st.st_mode & 0777) == 0600, "which only its owner may use");

	snprintf(path, sizeof(path), "/tmp/no-such-device");
	if (!mknod(path, S_IFCHR | 0600, makedev(major(st.st_rdev), 4242))) {
		int fd = open(path, O_RDWR);

		expect(-ENODEV, fd < 0 ? -errno : 0, "open a number without a device");
		unlink(path);
	}
}

static void test_not_bound(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_device_feature feature = { .argsz = sizeof(feature) };
	char byte = 0;
	void *map;

	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_GET_INFO, &info), "not bound: GET_INFO");
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_FEATURE, &feature), "not bound: FEATURE");
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_RESET, NULL), "not bound: RESET");
	expect(-EINVAL, iommufd_call(fd, _IO(';', 255), NULL), "not bound: a number nobody knows");
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL),
	       "not bound: ATTACH of NULL");
	expect(-EINVAL, cdev_attach(fd, NO_SUCH_ID), "not bound: ATTACH");
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL),
	       "not bound: DETACH of NULL");
	expect(-EINVAL, cdev_detach(fd), "not bound: DETACH");
	expect(-EINVAL, pread(fd, &byte, 1, 0) < 0 ? -errno : 0, "not bound: read");
	expect(-EINVAL, pwrite(fd, &byte, 1, 0) < 0 ? -errno : 0, "not bound: write");
	map = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	expect(-EINVAL, map == MAP_FAILED ? -errno : 0, "not bound: mmap");
}

/* covers: VFIO_DEVICE_BIND_IOMMUFD EFAULT EINVAL E2BIG */
static void test_bind_sizes(void)
{
	struct {
		struct vfio_device_bind_iommufd bind;
		uint64_t tail;
	} longer = { .bind = { .argsz = sizeof(longer) } };
	struct vfio_device_bind_iommufd arg = { .argsz = 24, .iommufd = iommufd };
	int fd = must(cdev_open(bdf), "open the node");
	uint32_t size;

	longer.bind.iommufd = iommufd;
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, NULL), "BIND of NULL");
	for (size = 0; size < 16; size += 5)
		expect(-EINVAL, bind_raw(fd, size, 0, iommufd, NULL), "BIND of %u bytes", size);
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, before_hole(&arg, 16)),
	       "BIND of 24 bytes, 16 of them readable");
	longer.tail = 1;
	longer.bind.iommufd = -1;
	expect(-E2BIG, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &longer),
	       "BIND with a tail that is not zero, before a wrong descriptor");
	longer.bind.iommufd = iommufd;
	longer.tail = 1ULL << 63;
	expect(-E2BIG, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &longer),
	       "BIND with its last bit set");
	longer.tail = 0;
	expect(0, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &longer),
	       "BIND with a tail of zeroes");
	tap_ok(longer.bind.out_devid && longer.bind.argsz == sizeof(longer) && !longer.tail,
	       "it has an id, and nothing else was written");
	close(fd);

	fd = must(cdev_open(bdf), "open the node");
	arg.argsz = 16;
	expect(0, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD, before_hole(&arg, 16)),
	       "BIND of 16 bytes and not a byte more");
	close(fd);
}

/* covers: VFIO_DEVICE_BIND_IOMMUFD EINVAL EBADF EBADFD */
static void test_bind_values(void)
{
	static const unsigned char uuid[16] = "a token nobody k";
	int fd = must(cdev_open(bdf), "open the node");
	int null_fd = must(open("/dev/null", O_RDWR), "open /dev/null");
	struct vfio_device_bind_iommufd arg = { .argsz = 24, .iommufd = iommufd };

	expect(-EINVAL, bind_raw(fd, 24, 0, -1, NULL), "BIND to a negative descriptor");
	expect(-EINVAL, bind_raw(fd, 24, 2, iommufd, NULL), "BIND with an unknown flag");
	expect(-EINVAL, bind_raw(fd, 24, UNKNOWN_FLAG, 999, NULL),
	       "BIND with an unknown flag, before a closed descriptor");
	expect(-EFAULT, bind_raw(fd, 24, TOKEN, iommufd, NULL),
	       "BIND with a token at NULL");
	expect(-EFAULT, bind_raw(fd, 16, TOKEN, iommufd, uuid),
	       "BIND with a token behind the end of the struct");
	expect(-EINVAL, bind_raw(fd, 24, TOKEN, 999, uuid),
	       "BIND with a token that the device has no use for, before a closed descriptor");
	expect(-EBADF, bind_raw(fd, 24, 0, 999, NULL), "BIND to a closed descriptor");
	expect(-EBADFD, bind_raw(fd, 24, 0, null_fd, NULL), "BIND to /dev/null");
	expect(-EBADFD, bind_raw(fd, 24, 0, fd, NULL), "BIND to itself");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_BIND_IOMMUFD,
				     read_only_copy(&arg, sizeof(arg))),
	       "BIND with no place for the id");
	test_not_bound(fd);
	expect(0, bind(fd), "BIND after all that failed");
	close(null_fd);
	close(fd);
}

static void test_bind_twice(void)
{
	int fd = must(cdev_open(bdf), "open the node");
	int fd2 = must(cdev_open(bdf), "open the node again");
	int other = must(iommufd_open(), "another iommufd");
	int id = cdev_bind(fd, iommufd);

	tap_ok(id > 0, "BIND gives an id: %d", id);
	expect(-EINVAL, cdev_bind(fd, iommufd), "BIND again");
	expect(-EINVAL, cdev_bind(fd, other), "BIND again, to another iommufd");
	expect(-EINVAL, cdev_bind(fd2, iommufd), "BIND through another file");
	expect(-EINVAL, cdev_bind(fd2, other), "BIND through another file, to another iommufd");
	expect(-EBUSY, object_destroy(iommufd, id), "DESTROY of the device's id");
	test_not_bound(fd2);
	close(fd);
	id = cdev_bind(fd2, other);
	tap_ok(id > 0, "BIND through the other file, when the first is closed: %d", id);
	close(other);
	tap_ok(!cdev_enable(fd2), "the device lives on when its iommufd is closed");
	close(fd2);
}

/* covers: VFIO_DEVICE_BIND_IOMMUFD EBUSY */
static void test_group(void)
{
	int fd = must(cdev_open(bdf), "open the node");
	int group = must(group_open(pci_group(bdf)),
			 "open the group beside a file that is not bound");
	int container, device;

	expect(-EINVAL, bind_raw(fd, 24, 2, iommufd, NULL), "group open: unknown flag");
	expect(-EBUSY, bind(fd), "group open: BIND");
	expect(-EBUSY, bind_raw(fd, 24, 0, 999, NULL),
	       "group open: BIND, before a closed descriptor");
	container = must(open("/dev/vfio/vfio", O_RDWR), "open a container");
	expect(0, iommufd_call(group, VFIO_GROUP_SET_CONTAINER, &container),
	       "group open: SET_CONTAINER");
	expect(0, ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ? -errno : 0,
	       "group open: SET_IOMMU");
	device = must(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf), "the device of the group");
	expect(-EINVAL, bind(device), "BIND of a group's device");
	expect(-EINVAL, bind_raw(device, 24, 0, 999, NULL),
	       "BIND of a group's device, before a closed descriptor");
	expect(-EFAULT, iommufd_call(device, VFIO_DEVICE_BIND_IOMMUFD, NULL),
	       "BIND of a group's device, NULL");
	expect(-ENOTTY, cdev_attach(device, 1), "ATTACH of a group's device");
	expect(-ENOTTY, cdev_detach(device), "DETACH of a group's device");
	expect(0, cdev_enable(device), "a group's device works");
	close(group);
	expect(-EBUSY, bind(fd), "BIND while a device of the group is open");
	close(device);
	close(container);

	expect(0, bind(fd), "BIND when the group is closed");
	expect(-EBUSY, group_open(pci_group(bdf)), "open the group while a device is bound");
	close(fd);
	group = group_open(pci_group(bdf));
	tap_ok(group >= 0, "open the group when none is bound: %d", group);
	close(group);
}

static int feature(int fd, uint32_t argsz, uint32_t flags)
{
	uint64_t arg[64] = {};
	struct vfio_device_feature *head = (void *)arg;

	*head = (struct vfio_device_feature){ .argsz = argsz, .flags = flags };
	return iommufd_call(fd, VFIO_DEVICE_FEATURE, arg);
}

/* covers: VFIO_DEVICE_FEATURE EINVAL ENOTTY */
static void test_feature(int fd)
{
	const uint32_t get = VFIO_DEVICE_FEATURE_GET, set = VFIO_DEVICE_FEATURE_SET;
	const uint32_t probe = VFIO_DEVICE_FEATURE_PROBE, token = VFIO_DEVICE_FEATURE_PCI_VF_TOKEN;

	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_FEATURE, NULL), "FEATURE of NULL");
	expect(-EINVAL, feature(fd, 7, probe | token), "FEATURE of 7 bytes");
	expect(-EINVAL, feature(fd, 8, probe | 1 << 19 | token), "FEATURE with an unknown flag");
	expect(-EINVAL, feature(fd, 24, get | set | token), "FEATURE, get and set");
	expect(-ENOTTY, feature(fd, 24, probe | get | 0xffff), "FEATURE that nobody knows");
	expect(-ENOTTY, feature(fd, 24, get | VFIO_DEVICE_FEATURE_MIGRATION),
	       "FEATURE that the driver does not have");
	expect(-EINVAL, feature(fd, 8, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY),
	       "FEATURE, neither get nor set");
	expect(-EINVAL, feature(fd, 8, get | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY),
	       "FEATURE, a direction it does not have");
}

/* covers: VFIO_DEVICE_GET_PCI_HOT_RESET_INFO ENODEV */
/* covers: VFIO_DEVICE_PCI_HOT_RESET ENODEV */
static void test_device_calls(int fd)
{
	struct vfio_pci_hot_reset_info hot = { .argsz = sizeof(hot) };
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config;
	uint16_t vendor = 0;

	expect(0, iommufd_call(fd, VFIO_DEVICE_GET_INFO, &info), "bound: GET_INFO");
	tap_ok(info.flags & VFIO_DEVICE_FLAGS_PCI, "bound: it is a PCI function");
	expect(0, cdev_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &config), "bound: GET_REGION_INFO");
	expect(2, pread(fd, &vendor, 2, config.offset), "bound: its vendor can be read");
	tap_ok(vendor == 0x1234, "bound: it is %x", vendor);
	expect(-ENODEV, iommufd_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &hot),
	       "bound: hot reset info");
	expect(-ENODEV, iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &reset), "bound: hot reset");
	expect(-ENOTTY, iommufd_call(fd, _IO(';', 255), NULL), "bound: a number nobody knows");
}

/* covers: VFIO_DEVICE_ATTACH_IOMMUFD_PT EFAULT EINVAL */
static void test_attach_sizes(int fd, int ioas)
{
	struct vfio_device_attach_iommufd_pt arg = { .argsz = 12, .pt_id = ioas };
	struct {
		struct vfio_device_attach_iommufd_pt arg;
		uint64_t tail;
	} longer = { .arg = { .argsz = sizeof(longer), .pt_id = ioas }, .tail = -1ULL };

	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL), "ATTACH of NULL");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, before_hole(&arg, 8)),
	       "ATTACH with half a struct readable");
	arg.argsz = 11;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg),
	       "ATTACH of 11 bytes");
	arg.argsz = 12;
	expect(0, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, before_hole(&arg, 12)),
	       "ATTACH of 12 bytes and not a byte more");
	expect(0, cdev_detach(fd), "DETACH");
	expect(0, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &longer),
	       "ATTACH with a tail that is not zero");
	tap_ok(longer.tail == -1ULL && longer.arg.argsz == sizeof(longer), "nothing there changed");
	expect(0, cdev_detach(fd), "DETACH");
	arg.argsz = UINT32_MAX;
	expect(0, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, before_hole(&arg, 16)),
	       "ATTACH whose size says four gigabytes");
	expect(0, cdev_detach(fd), "DETACH");
}

/* covers: VFIO_DEVICE_ATTACH_IOMMUFD_PT EINVAL EFAULT ENOENT */
static void test_attach_values(int fd, int devid, int ioas)
{
	struct vfio_device_attach_iommufd_pt arg = { .argsz = 16, .pt_id = ioas };

	arg.flags = 2;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg),
	       "ATTACH with an unknown flag");
	arg.flags = VFIO_DEVICE_ATTACH_PASID;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg),
	       "ATTACH of PASID 0");
	arg.pasid = 1;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg),
	       "ATTACH of a PASID to an address space");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, before_hole(&arg, 12)),
	       "ATTACH of a PASID that cannot be read");
	arg.argsz = 15;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg),
	       "ATTACH of a PASID, 15 bytes");
	arg = (struct vfio_device_attach_iommufd_pt){ .argsz = 12, .pt_id = ioas };
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, read_only_copy(&arg, 12)),
	       "ATTACH with no place for the id");
	expect(-ENOENT, cdev_attach(fd, 0), "ATTACH to id 0");
	expect(-ENOENT, cdev_attach(fd, NO_SUCH_ID), "ATTACH to an id that is not there");
	expect(-EINVAL, cdev_attach(fd, devid), "ATTACH to a device");
	expect(0, object_destroy(iommufd, ioas), "nothing is attached after all that");
}

/* covers: VFIO_DEVICE_ATTACH_IOMMUFD_PT EFAULT EADDRINUSE */
static void test_attach_memory(int fd)
{
	int ioas = ioas_new(iommufd);
	void *mem = page_alloc(1);

	expect(0, ioas_map_fixed(iommufd, ioas, mem, PAGE_BYTES, IOVA_DATA), "MAP of a page");
	munmap(mem, PAGE_BYTES);
	expect(-EFAULT, cdev_attach(fd, ioas), "ATTACH when the page is gone");
	expect(0, object_destroy(iommufd, ioas), "DESTROY");
#ifdef __x86_64__
	mem = page_alloc(1);
	ioas = ioas_new(iommufd);
	expect(0, ioas_map_fixed(iommufd, ioas, mem, PAGE_BYTES, IOVA_MSI),
	       "MAP where interrupts go");
	expect(-EADDRINUSE, cdev_attach(fd, ioas), "ATTACH to that");
	expect(0, object_destroy(iommufd, ioas), "DESTROY");
	munmap(mem, PAGE_BYTES);
#endif
}

/* What is attached can be told by what cannot be destroyed. */
static void test_replace(int fd)
{
	int first = ioas_new(iommufd), second = ioas_new(iommufd), hwpt;

	hwpt = cdev_attach(fd, first);
	tap_ok(hwpt > 0 && hwpt != first, "ATTACH answers the page table: %d", hwpt);
	expect(-EBUSY, object_destroy(iommufd, first), "DESTROY of the address space");
	tap_ok(cdev_attach(fd, first) == hwpt, "ATTACH to the same again");
	expect(-ENOENT, cdev_attach(fd, NO_SUCH_ID), "replace by an id that is not there");
	expect(-EBUSY, object_destroy(iommufd, first), "DESTROY: still the old one");
	tap_ok(cdev_attach(fd, second) > 0, "replace by another address space");
	expect(0, object_destroy(iommufd, first), "DESTROY of the old one");
	expect(-EBUSY, object_destroy(iommufd, second), "DESTROY of the new one");
	expect(0, cdev_detach(fd), "DETACH");
	expect(0, object_destroy(iommufd, second), "DESTROY of the new one, detached");
}

/* covers: VFIO_DEVICE_DETACH_IOMMUFD_PT EFAULT EINVAL */
static void test_detach(int fd)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = 8 };

	expect(0, cdev_detach(fd), "DETACH of what is not attached");
	expect(0, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, before_hole(&arg, 8)),
	       "DETACH of 8 bytes and not a byte more");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL), "DETACH of NULL");
	arg.argsz = 7;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg), "DETACH of 7 bytes");
	arg = (struct vfio_device_detach_iommufd_pt){ .argsz = 12, .flags = 2 };
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg),
	       "DETACH with an unknown flag");
	arg.flags = VFIO_DEVICE_DETACH_PASID;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg),
	       "DETACH of PASID 0");
	arg.pasid = 1;
	expect(0, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg),
	       "DETACH of a PASID that is not attached");
	expect(-EFAULT, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, before_hole(&arg, 8)),
	       "DETACH of a PASID that cannot be read");
	arg.argsz = 11;
	expect(-EINVAL, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg),
	       "DETACH of a PASID, 11 bytes");
}

static void test_dma(int fd)
{
	uint8_t *mem = page_alloc(1);
	int ioas = ioas_new(iommufd);
	volatile uint8_t *regs;
	size_t len = 0;

	expect(0, cdev_enable(fd), "let the device master the bus");
	regs = cdev_regs(fd, &len);
	if (!tap_ok(regs, "map its registers"))
		return;
	expect(0, ioas_map_fixed(iommufd, ioas, mem, PAGE_BYTES, IOVA_DATA), "MAP of a page");
	tap_ok(page_phys(mem) && page_phys(mem) != IOVA_DATA, "at another address than its own");

	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, IOVA_DATA, EDU_MAX_BYTES);
	edu_store(regs, page_phys(mem), EDU_MAX_BYTES);
	tap_ok(page_is(mem, PAGE_BYTES, CANARY), "bound, not attached: DMA is blocked");
	tap_ok(cdev_attach(fd, ioas) > 0, "ATTACH");
	edu_store(regs, page_phys(mem), EDU_MAX_BYTES);
	tap_ok(page_is(mem, PAGE_BYTES, CANARY), "attached: DMA past the map is blocked");
	memset(mem, CONTENT, PAGE_BYTES);
	edu_load(regs, IOVA_DATA, EDU_MAX_BYTES);
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, IOVA_DATA, EDU_MAX_BYTES);
	tap_ok(page_is(mem, EDU_MAX_BYTES, CONTENT), "attached: DMA arrives");
	expect(0, cdev_detach(fd), "DETACH");
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, IOVA_DATA, EDU_MAX_BYTES);
	tap_ok(page_is(mem, PAGE_BYTES, CANARY), "detached: DMA is blocked");
	munmap((void *)regs, len);
	munmap(mem, PAGE_BYTES);
	expect(0, object_destroy(iommufd, ioas), "DESTROY");
}

static void test_bound(void)
{
	int fd = must(cdev_open(bdf), "open the node");
	int devid = must(cdev_bind(fd, iommufd), "BIND");
	int ioas;

	test_device_calls(fd);
	test_feature(fd);
	test_attach_sizes(fd, must(ioas_new(iommufd), "an address space"));
	test_attach_values(fd, devid, must(ioas_new(iommufd), "an address space"));
	test_attach_memory(fd);
	test_replace(fd);
	test_detach(fd);
	test_dma(fd);

	ioas = must(ioas_new(iommufd), "an address space");
	tap_ok(cdev_attach(fd, ioas) > 0, "ATTACH");
	close(fd);
	expect(0, object_destroy(iommufd, ioas), "closing the file ends its attachment");
	expect(-ENOENT, object_destroy(iommufd, devid), "and the device's id");
}

/* Removal while a file is open that was never bound */
static void test_unplug_idle(void)
{
	int fd = must(cdev_open(bdf), "open the node"), fd2;

	expect(0, pci_bind(bdf, ""), "the driver leaves beside a file that is not bound");
	expect(-ENODEV, cdev_bind(fd, iommufd), "BIND when the device is gone");
	expect(-EINVAL, cdev_detach(fd), "DETACH when the device is gone");
	expect(0, pci_bind(bdf, "vfio-pci"), "the driver comes back");
	expect(-ENODEV, cdev_bind(fd, iommufd), "BIND: an old file finds no new device");
	fd2 = must(cdev_open(bdf), "open the new node");
	tap_ok(cdev_bind(fd2, iommufd) > 0, "BIND through a new file");
	close(fd2);
	close(fd);
}

static void *leave_driver(void *done)
{
	pci_bind(bdf, "");
	__atomic_store_n((int *)done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Removal while the device is bound: it asks, and waits for the answer */
static void test_unplug_bound(void)
{
	int fd = must(cdev_open(bdf), "open the node");
	int fd2 = must(cdev_open(bdf), "open the node again");
	int asked = eventfd(0, EFD_CLOEXEC), done = 0, ioas = ioas_new(iommufd);
	struct pollfd poll_fd = { .fd = asked, .events = POLLIN };
	pthread_t thread;

	must(cdev_bind(fd, iommufd), "BIND");
	tap_ok(cdev_attach(fd, ioas) > 0, "ATTACH");
	expect(0, cdev_want_request(fd, asked), "ask to be told");
	pthread_create(&thread, NULL, leave_driver, &done);
	tap_ok(poll(&poll_fd, 1, REQUEST_MS) == 1, "the driver asks for the device");
	poll(NULL, 0, SETTLE_MS);
	tap_ok(!__atomic_load_n(&done, __ATOMIC_ACQUIRE), "and waits");
	expect(-ENODEV, cdev_bind(fd2, iommufd), "BIND while the device is leaving");
	expect(0, cdev_enable(fd), "the device works until then");
	expect(0, cdev_detach(fd), "DETACH works until then");
	close(fd);
	pthread_join(thread, NULL);
	tap_ok(done, "the driver leaves when the file is closed");
	expect(-ENODEV, cdev_open(bdf), "the node is gone");
	close(fd2);
	close(asked);
	expect(0, object_destroy(iommufd, ioas), "DESTROY");
	expect(0, pci_bind(bdf, "vfio-pci"), "the driver comes back");
}

/* A process that dies leaves nothing behind */
static void test_killed(void)
{
	int ready[2], fd, status;
	char byte;
	pid_t pid;

	if (pipe(ready))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int own = iommufd_open(), ioas = ioas_new(own);
		void *mem = page_alloc(64);

		fd = cdev_open(bdf);
		if (cdev_bind(fd, own) > 0 && cdev_attach(fd, ioas) > 0 &&
		    !ioas_map_fixed(own, ioas, mem, 64 * PAGE_BYTES, IOVA_DATA) && !cdev_enable(fd))
			status = write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	tap_ok(read(ready[0], &byte, 1) == 1, "another process has the device");
	fd = must(cdev_open(bdf), "open the node");
	expect(-EINVAL, cdev_bind(fd, iommufd), "BIND while it lives");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	tap_ok(cdev_bind(fd, iommufd) > 0, "BIND when it was killed");
	close(ready[0]);
	close(fd);
}

int main(void)
{
	int fd;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	iommufd = must(iommufd_open(), "open /dev/iommu");

	PART(test_names());
	fd = must(cdev_open(bdf), "open the node");
	PART(test_not_bound(fd));
	close(fd);
	PART(test_bind_sizes());
	PART(test_bind_values());
	PART(test_bind_twice());
	PART(test_group());
	PART(test_bound());
	PART(test_unplug_idle());
	PART(test_unplug_bound());
	PART(test_killed());
	close(iommufd);
	expect(0, pci_bind(bdf, ""), "vfio-pci gives it back");
	return tap_end();
}
