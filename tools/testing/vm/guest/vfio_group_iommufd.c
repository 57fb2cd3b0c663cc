// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group of VFIO with an iommufd in the place of a container: what each call
 * answers, what the device reaches, and who excludes whom.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define IOVA_DATA	0x40000000ULL
#define IOVA_OTHER	0x50000000ULL
#ifdef __x86_64__
#define IOVA_RESERVED	0xfee00000ULL	/* where interrupts go */
#else
#define IOVA_RESERVED	0x08000000ULL
#endif
#define CANARY		0xa5
#define NO_SUCH_FD	999
#define STATUS_SET	(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET)
#define REQUEST_MS	20000

static char bdf[PCI_BDF_LEN];
static int number;

/* The IOAS that the calls of a container act on. */
static int container_ioas(int iommufd)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg), .op = IOMMU_VFIO_IOAS_GET };
	int err = iommufd_call(iommufd, IOMMU_VFIO_IOAS, &arg);

	return err ? err : (int)arg.ioas_id;
}

static int container_set_ioas(int iommufd, uint32_t ioas)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg), .ioas_id = ioas,
		.op = ioas ? IOMMU_VFIO_IOAS_SET : IOMMU_VFIO_IOAS_CLEAR,
	};

	return iommufd_call(iommufd, IOMMU_VFIO_IOAS, &arg);
}

static int new_iommufd(void)
{
	return must(iommufd_open(), "open /dev/iommu");
}

/* A group that uses a fresh iommufd. */
static int new_group(int *iommufd)
{
	int group = must(group_open(number), "open the group");

	*iommufd = new_iommufd();
	expect(0, group_set(group, *iommufd), "SET_CONTAINER");
	return group;
}

static void test_set(void)
{
	int group = must(group_open(number), "open the group"), iommufd = new_iommufd();
	int other = new_iommufd(), null_fd = must(open("/dev/null", O_RDWR), "open /dev/null");

	expect(VFIO_GROUP_FLAGS_VIABLE, group_status(group), "nothing set: status");
	expect(-EINVAL, group_unset(group), "nothing set: UNSET_CONTAINER");
	expect(-EINVAL, group_device(group, bdf), "nothing set: GET_DEVICE_FD");
	expect(-EFAULT, iommufd_call(group, VFIO_GROUP_SET_CONTAINER, NULL),
	       "SET_CONTAINER at NULL");
	expect(-EBADF, group_set(group, NO_SUCH_FD), "SET_CONTAINER to a closed descriptor");
	expect(-EBADF, group_set(group, -1), "SET_CONTAINER to a negative descriptor");
	expect(-EINVAL, group_set(group, null_fd), "SET_CONTAINER to /dev/null");
	expect(-EINVAL, group_set(group, group), "SET_CONTAINER to itself");
	expect(-ENODEV, container_ioas(iommufd), "no address space before SET_CONTAINER");
	expect(-ENODEV, container_value(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
	       "SET_IOMMU before SET_CONTAINER");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	tap_ok(container_ioas(iommufd) > 0, "an address space was made: %d",
	       container_ioas(iommufd));
	expect(STATUS_SET, group_status(group), "set: status");
	expect(-EINVAL, group_set(group, iommufd), "SET_CONTAINER again");
	expect(-EINVAL, group_set(group, other), "SET_CONTAINER to another iommufd");
	expect(-EBADF, group_set(group, NO_SUCH_FD),
	       "SET_CONTAINER again, to a closed descriptor");
	expect(-ENODEV, container_ioas(other), "the other has no address space");
	expect(-ENODEV, group_device(group, "0000:ff:1f.7"), "GET_DEVICE_FD of no device");
	expect(-EFAULT, group_device(group, NULL), "GET_DEVICE_FD at NULL");
	expect(-EBUSY, group_open(number), "open the group again");
	expect(0, group_unset(group), "UNSET_CONTAINER");
	expect(VFIO_GROUP_FLAGS_VIABLE, group_status(group), "unset: status");
	expect(-EINVAL, group_unset(group), "UNSET_CONTAINER again");
	expect(0, group_set(group, other), "SET_CONTAINER to the other");
	close(other);
	expect(STATUS_SET, group_status(group), "the group keeps it when it is closed");
	close(group);
	close(iommufd);
	close(null_fd);
}

static void test_ioas(void)
{
	int group = must(group_open(number), "open the group"), iommufd = new_iommufd();
	int ioas = must(ioas_new(iommufd), "an address space"), device;

	expect(0, container_set_ioas(iommufd, ioas), "choose the address space");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	expect(ioas, container_ioas(iommufd), "the chosen one stays");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(-EBUSY, object_destroy(iommufd, ioas), "DESTROY while the device is attached");
	close(device);
	expect(0, object_destroy(iommufd, ioas), "DESTROY when it is closed");
	expect(-ENODEV, group_device(group, bdf), "GET_DEVICE_FD without an address space");
	expect(0, group_unset(group), "that leaves nothing open: UNSET_CONTAINER");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	tap_ok(container_ioas(iommufd) > 0, "makes another address space");
	expect(0, container_set_ioas(iommufd, 0), "forget the address space");
	expect(-ENODEV, group_device(group, bdf), "GET_DEVICE_FD when it is forgotten");
	close(group);
	close(iommufd);
}

/* The device's buffer is zero when it was never filled. */
static bool arrives(volatile uint8_t *regs, uint8_t *mem, uint64_t iova)
{
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, iova, EDU_MAX_BYTES);
	return page_is(mem, EDU_MAX_BYTES, 0);
}

static bool blocked(volatile uint8_t *regs, uint8_t *mem, uint64_t iova)
{
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(regs, iova, EDU_MAX_BYTES);
	return page_is(mem, PAGE_BYTES, CANARY);
}

static void test_dma(void)
{
	int iommufd, group = new_group(&iommufd), device, second;
	uint8_t *mem = page_alloc(1), *canary = page_alloc(1);
	volatile uint8_t *regs;
	size_t len = 0;

	expect(0, container_value(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "SET_IOMMU");
	expect(0, container_map(iommufd, mem, PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE),
	       "MAP_DMA before the device is open");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, cdev_enable(device), "let the device master the bus");
	regs = cdev_regs(device, &len);
	if (!tap_ok(regs, "map its registers"))
		return;
	tap_ok(page_phys(mem) && page_phys(mem) != IOVA_DATA, "the page is elsewhere");
	tap_ok(arrives(regs, mem, IOVA_DATA), "DMA arrives");
	tap_ok(blocked(regs, canary, page_phys(canary)), "DMA to what is not mapped is blocked");
	expect(0, container_map(iommufd, canary, PAGE_BYTES, IOVA_OTHER, VFIO_DMA_MAP_FLAG_READ),
	       "MAP_DMA to be read");
	tap_ok(blocked(regs, canary, IOVA_OTHER), "a write there is blocked");
	expect(PAGE_BYTES, container_unmap(iommufd, IOVA_OTHER, PAGE_BYTES), "UNMAP_DMA");
	expect(0, container_map(iommufd, canary, PAGE_BYTES, IOVA_OTHER, MAP_READ_WRITE),
	       "MAP_DMA of the same to be written");
	tap_ok(arrives(regs, canary, IOVA_OTHER), "now it arrives");

	second = must(group_device(group, bdf), "GET_DEVICE_FD again");
	expect(-EBUSY, group_unset(group), "UNSET_CONTAINER with two files of a device");
	close(second);
	expect(-EBUSY, group_unset(group), "UNSET_CONTAINER with one");
	tap_ok(arrives(regs, mem, IOVA_DATA), "DMA arrives when one of two files is closed");
	close(group);
	expect(-EBUSY, group_open(number), "the group lives on in its device");
	expect(PAGE_BYTES, container_unmap(iommufd, IOVA_DATA, PAGE_BYTES), "UNMAP_DMA");
	tap_ok(blocked(regs, mem, IOVA_DATA), "DMA is blocked");
	close(iommufd);
	tap_ok(arrives(regs, canary, IOVA_OTHER), "DMA arrives when the iommufd is closed");
	munmap((void *)regs, len);
	close(device);
	group = group_open(number);
	tap_ok(group >= 0, "the group can be opened when all is closed");
	close(group);
	munmap(mem, PAGE_BYTES);
	munmap(canary, PAGE_BYTES);
}

/* Open, close, open: mappings stay, the attachment does not. */
static void test_reopen(void)
{
	int iommufd, group = new_group(&iommufd), device, ioas = container_ioas(iommufd);
	uint8_t *mem = page_alloc(1);
	volatile uint8_t *regs;
	size_t len = 0;

	expect(0, container_map(iommufd, mem, PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE), "MAP_DMA");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	close(device);
	expect(0, group_unset(group), "UNSET_CONTAINER when the device is closed");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	expect(ioas, container_ioas(iommufd), "to the same address space");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, cdev_enable(device), "let the device master the bus");
	regs = cdev_regs(device, &len);
	tap_ok(regs && arrives(regs, mem, IOVA_DATA), "DMA arrives through the old mapping");
	if (regs)
		munmap((void *)regs, len);
	close(device);
	close(group);
	close(iommufd);
	munmap(mem, PAGE_BYTES);
}

/* Parts of a mapping go with the oldest type only, chosen before memory is mapped. */
static void test_type1(void)
{
	int iommufd, group = new_group(&iommufd), device;
	uint8_t *mem = page_alloc(4);

	expect(0, container_value(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "SET_IOMMU, oldest");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, container_map(iommufd, mem, 4 * PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE),
	       "MAP_DMA of four pages");
	expect(PAGE_BYTES, container_unmap(iommufd, IOVA_DATA + PAGE_BYTES, PAGE_BYTES),
	       "UNMAP_DMA of the second");
	close(device);
	close(group);
	close(iommufd);

	group = new_group(&iommufd);
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, container_map(iommufd, mem, 4 * PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE),
	       "MAP_DMA of four pages");
	expect(-ENOENT, container_unmap(iommufd, IOVA_DATA + PAGE_BYTES, PAGE_BYTES),
	       "UNMAP_DMA of the second, newer type");
	expect(-EINVAL, container_value(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU),
	       "SET_IOMMU, oldest, when memory is mapped");
	expect(-EINVAL, container_value(iommufd, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_IOMMU),
	       "SET_IOMMU of another type");
	close(device);
	close(group);
	close(iommufd);
	munmap(mem, 4 * PAGE_BYTES);
}

/* What cannot be attached cannot be opened, and leaves nothing behind. */
static void test_refused(void)
{
	int iommufd, group = new_group(&iommufd), device;
	uint8_t *mem = page_alloc(1);

	expect(0, container_map(iommufd, mem, PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE), "MAP_DMA");
	munmap(mem, PAGE_BYTES);
	expect(-EFAULT, group_device(group, bdf), "GET_DEVICE_FD when the page is gone");
	expect(0, group_unset(group), "UNSET_CONTAINER after that");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	expect(PAGE_BYTES, container_unmap(iommufd, IOVA_DATA, PAGE_BYTES), "UNMAP_DMA");
	device = group_device(group, bdf);
	tap_ok(device >= 0, "GET_DEVICE_FD after all that failed: %d", device);
	close(device);
	close(group);
	close(iommufd);
}

/* The lowest and the highest IOVA, and how many ranges in between; 0 for an error */
static unsigned int usable(int iommufd, uint64_t *low, uint64_t *high)
{
	struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct container_info info;

	*low = 0;
	*high = 0;
	ranges = container_ranges(iommufd, &info);
	if (!ranges || !ranges->nr_iovas)
		return 0;
	*low = ranges->iova_ranges[0].start;
	*high = ranges->iova_ranges[ranges->nr_iovas - 1].end;
	return ranges->nr_iovas;
}

static bool is_usable(int iommufd, uint64_t iova)
{
	struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct container_info info;
	unsigned int i;

	ranges = container_ranges(iommufd, &info);
	for (i = 0; ranges && i < ranges->nr_iovas; i++)
		if (iova >= ranges->iova_ranges[i].start &&
		    iova <= ranges->iova_ranges[i].end)
			return true;
	return false;
}

static bool all_is_usable(int iommufd)
{
	uint64_t low, high;

	return usable(iommufd, &low, &high) == 1 && !low && high == UINT64_MAX;
}

/* What can be used is known from SET_CONTAINER on, not only when a device is open */
static void test_ranges(void)
{
	int group = must(group_open(number), "open the group"), iommufd = new_iommufd();
	int other, first, device, type1;
	uint64_t low, high, now_low, now_high, type1_low, type1_high;
	uint8_t *mem = page_alloc(1);
	unsigned int nr;

	first = must(ioas_new(iommufd), "an address space");
	expect(0, container_set_ioas(iommufd, first), "choose the address space");
	tap_ok(all_is_usable(iommufd), "all of it can be used without a group");
	expect(0, container_map(iommufd, mem, PAGE_BYTES, IOVA_RESERVED, MAP_READ_WRITE),
	       "MAP_DMA where interrupts go");
	expect(-EINVAL, group_set(group, iommufd), "SET_CONTAINER with that");
	expect(VFIO_GROUP_FLAGS_VIABLE, group_status(group), "which leaves nothing set");
	expect(PAGE_BYTES, container_unmap(iommufd, IOVA_RESERVED, PAGE_BYTES), "UNMAP_DMA");
	tap_ok(all_is_usable(iommufd), "nor anything reserved");

	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	nr = usable(iommufd, &low, &high);
	tap_ok(nr > 0 && !all_is_usable(iommufd), "%u ranges in 0x%llx to 0x%llx", nr,
	       (unsigned long long)low, (unsigned long long)high);
	tap_ok(!is_usable(iommufd, IOVA_RESERVED), "none is where interrupts go");
	expect(-EINVAL, container_map(iommufd, mem, PAGE_BYTES, IOVA_RESERVED, MAP_READ_WRITE),
	       "MAP_DMA there");
	/* AMD's page tables grow to 64 bits */
	if (high != UINT64_MAX)
		expect(-EINVAL,
		       container_map(iommufd, mem, PAGE_BYTES, high + 1, MAP_READ_WRITE),
		       "MAP_DMA behind the end");

	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(nr, usable(iommufd, &now_low, &now_high), "device open: as many ranges");
	tap_ok(now_low == low && now_high == high, "with the same ends");
	close(device);
	expect(nr, usable(iommufd, &now_low, &now_high), "and when it is closed");

	/* They go where the calls of the container go */
	other = must(ioas_new(iommufd), "another address space");
	expect(0, container_set_ioas(iommufd, other), "choose that");
	expect(nr, usable(iommufd, &now_low, &now_high), "it has the same ranges");
	expect(0, container_set_ioas(iommufd, 0), "forget it");
	expect(0, object_destroy(iommufd, other), "DESTROY");
	expect(0, container_set_ioas(iommufd, first), "choose the first again");
	expect(nr, usable(iommufd, &now_low, &now_high), "it has the same ranges");
	expect(0, object_destroy(iommufd, first), "DESTROY while it is chosen");
	first = must(ioas_new(iommufd), "a new address space");
	expect(0, container_set_ioas(iommufd, first), "choose that");
	expect(nr, usable(iommufd, &now_low, &now_high), "it has the same ranges");

	/* An address space where they do not fit can be chosen, but not attached */
	other = must(ioas_new(iommufd), "another address space");
	expect(0, ioas_map_fixed(iommufd, other, mem, PAGE_BYTES, IOVA_RESERVED),
	       "IOAS_MAP where interrupts go");
	expect(0, container_set_ioas(iommufd, other), "choose that");
	tap_ok(all_is_usable(iommufd), "nothing is reserved");
	expect(-EADDRINUSE, group_device(group, bdf), "GET_DEVICE_FD");
	expect(PAGE_BYTES, container_unmap(iommufd, IOVA_RESERVED, PAGE_BYTES), "UNMAP_DMA");
	expect(0, container_set_ioas(iommufd, other), "choose it again");
	expect(nr, usable(iommufd, &now_low, &now_high), "it has the same ranges");
	close(must(group_device(group, bdf), "GET_DEVICE_FD"));

	expect(0, group_unset(group), "UNSET_CONTAINER");
	tap_ok(all_is_usable(iommufd), "gives them back");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	expect(nr, usable(iommufd, &now_low, &now_high), "takes them again");
	close(group);
	tap_ok(all_is_usable(iommufd), "the last close of the group gives them back");

	/* The device leaves its driver, and with it the group goes */
	group = must(group_open(number), "open the group");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	expect(0, pci_bind(bdf, ""), "the driver leaves the device");
	tap_ok(all_is_usable(iommufd), "which gives them back");
	close(group);
	expect(0, pci_bind(bdf, "vfio-pci"), "the driver comes back");
	number = must(pci_group(bdf), "its group");
	group = must(group_open(number), "open the group");
	expect(0, group_set(group, iommufd), "SET_CONTAINER");
	expect(nr, usable(iommufd, &now_low, &now_high), "takes them again");
	close(group);
	close(iommufd);

	type1 = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "open a container");
	group = must(group_open(number), "open the group");
	expect(0, group_set(group, type1), "SET_CONTAINER to a real container");
	expect(0, container_value(type1, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "SET_IOMMU there");
	expect(nr, usable(type1, &type1_low, &type1_high), "type1 knows as many ranges");
	tap_ok(type1_low == low && type1_high == high, "with the same ends");
	close(group);
	close(type1);
	munmap(mem, PAGE_BYTES);
}

/* Two groups: each keeps its own, and the last one to go gives them back */
static void test_two_groups(void)
{
	int group, second, iommufd, nvme_number;
	uint64_t low, high;
	char nvme[PCI_BDF_LEN];
	unsigned int nr;

	if (pci_find(NVME_VENDOR, NVME_DEVICE, nvme)) {
		tap_skip("two groups", "this machine has one device");
		return;
	}
	expect(0, pci_bind(nvme, "vfio-pci"), "vfio-pci takes another device");
	nvme_number = must(pci_group(nvme), "its group");
	group = new_group(&iommufd);
	nr = usable(iommufd, &low, &high);
	second = must(group_open(nvme_number), "open the second group");
	expect(0, group_set(second, iommufd), "SET_CONTAINER of the second group");
	expect(nr, usable(iommufd, &low, &high), "as many ranges");
	close(group);
	expect(nr, usable(iommufd, &low, &high), "as many when the first group goes");
	close(must(group_device(second, nvme), "GET_DEVICE_FD of the second"));
	close(second);
	tap_ok(all_is_usable(iommufd), "all when the second is gone");
	close(iommufd);
	pci_bind(nvme, "");
}

static void test_exclusion(void)
{
	int iommufd, group = new_group(&iommufd), node = must(cdev_open(bdf), "open the node");
	int device, type1;

	expect(-EBUSY, cdev_bind(node, iommufd), "BIND of the node while the group is set");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(-EBUSY, cdev_bind(node, iommufd), "BIND of the node while the device is open");
	expect(-EINVAL, cdev_bind(device, iommufd), "BIND of the group's device");
	expect(-ENOTTY, cdev_attach(device, container_ioas(iommufd)), "ATTACH of it");
	expect(-ENOTTY, cdev_detach(device), "DETACH of it");
	close(group);
	close(device);
	tap_ok(cdev_bind(node, iommufd) > 0, "BIND of the node when all is closed");
	expect(-EBUSY, group_open(number), "open the group while the node is bound");
	close(node);

	type1 = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "open a container");
	group = must(group_open(number), "open the group");
	expect(0, group_set(group, type1), "SET_CONTAINER to a real container");
	expect(-EINVAL, group_set(group, iommufd), "and to an iommufd");
	expect(0, container_value(type1, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "SET_IOMMU there");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, cdev_enable(device), "which works as ever");
	close(device);
	expect(0, group_unset(group), "UNSET_CONTAINER");
	expect(0, group_set(group, iommufd), "SET_CONTAINER to the iommufd");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	close(device);
	close(group);
	close(type1);
	close(iommufd);
}

static void *leave_driver(void *done)
{
	pci_bind(bdf, "");
	__atomic_store_n((int *)done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_unplug(void)
{
	int iommufd, group = new_group(&iommufd), device, done = 0;
	int asked = eventfd(0, EFD_CLOEXEC);
	struct pollfd poll_fd = { .fd = asked, .events = POLLIN };
	pthread_t thread;

	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	expect(0, cdev_want_request(device, asked), "ask to be told");
	pthread_create(&thread, NULL, leave_driver, &done);
	tap_ok(poll(&poll_fd, 1, REQUEST_MS) == 1, "the driver asks for the device");
	tap_ok(!__atomic_load_n(&done, __ATOMIC_ACQUIRE), "and waits");
	close(device);
	pthread_join(thread, NULL);
	tap_ok(done, "the driver leaves when the device is closed");
	expect(-ENODEV, group_status(group), "status of the group that is gone");
	expect(-ENODEV, group_device(group, bdf), "GET_DEVICE_FD there");
	expect(-EINVAL, group_unset(group), "UNSET_CONTAINER there: it is unset");
	expect(-ENODEV, group_set(group, iommufd), "SET_CONTAINER there");
	close(group);
	close(asked);
	close(iommufd);
	expect(0, pci_bind(bdf, "vfio-pci"), "the driver comes back");
}

/* A process that dies leaves nothing behind. */
static void test_killed(void)
{
	int ready[2], group, iommufd, status;
	char byte;
	pid_t pid;

	if (pipe(ready))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int own = iommufd_open();
		void *mem = page_alloc(64);

		group = group_open(number);
		if (!group_set(group, own) && group_device(group, bdf) >= 0 &&
		    !container_map(own, mem, 64 * PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE))
			status = write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	tap_ok(read(ready[0], &byte, 1) == 1, "another process has the device");
	expect(-EBUSY, group_open(number), "open the group while it lives");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	group = new_group(&iommufd);
	tap_ok(group_device(group, bdf) >= 0, "GET_DEVICE_FD when it was killed");
	close(ready[0]);
}

int main(void)
{
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	number = must(pci_group(bdf), "its group");

	PART(test_set());
	PART(test_ioas());
	PART(test_dma());
	PART(test_reopen());
	PART(test_type1());
	PART(test_refused());
	PART(test_ranges());
	PART(test_two_groups());
	PART(test_exclusion());
	PART(test_unplug());
	PART(test_killed());
	return tap_end();
}
