// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of VFIO that their drivers make of software, by group and by node, with
 * an iommufd: the sample drivers of mediated devices, unchanged, and one that
 * reaches its user's memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"
#include "vdma.h"

#define IOVA_DATA	0x40000000ULL
#define IOVA_READ_ONLY	0x50000000ULL
#define NR_PAGES	4
#define BYTES		(NR_PAGES * PAGE_BYTES)

static const struct sample {
	char module[24];
	char create[80];	/* file that makes a device, or nothing */
	char path[80];		/* of the device */
	char name[40];
	uint16_t vendor;	/* in its configuration space, or 0 */
} samples[] = {
	{
		.module = "/lib/mtty.ko",
		.create = "/sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-2/create",
		.path = "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
		.name = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
		.vendor = 0x4348,
	}, {
		.module = "/lib/mdpy.ko",
		.create = "/sys/devices/virtual/mdpy/mdpy/mdev_supported_types/mdpy-vga/create",
		.path = "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1002",
		.name = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002",
		.vendor = 0x1b36,
	}, {
		.module = VDMA_MODULE,
		.path = VDMA,
		.name = "vdma",
	},
};

/* The device answers, as whoever wrote its driver meant it to. */
static void check_works(const struct sample *sample, const char *door, int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config;
	uint16_t vendor = 0;

	if (!sample->vendor)
		return;
	expect(0, iommufd_call(fd, VFIO_DEVICE_GET_INFO, &info),
	       "%s, %s: GET_INFO", sample->name, door);
	expect(0, cdev_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &config),
	       "%s, %s: GET_REGION_INFO", sample->name, door);
	tap_ok(pread(fd, &vendor, 2, config.offset) == 2 && vendor == sample->vendor,
	       "%s, %s: its vendor is %x", sample->name, door, vendor);
}

/* The device pins and copies; mem is mapped at IOVA_DATA through the container calls. */
static void check_memory(const char *door, int fd, int container, uint8_t *mem)
{
	page_fill(mem, BYTES, 3);
	expect(0, vdma(fd, LOAD, IOVA_DATA + PAGE_BYTES - 100, 200), "%s: read across pages", door);
	tap_ok(buffer_is(fd, mem + PAGE_BYTES - 100, 200), "%s: it read that", door);
	expect(0, vdma(fd, STORE, IOVA_DATA + 2 * PAGE_BYTES - 50, 200), "%s: write", door);
	tap_ok(!memcmp(mem + 2 * PAGE_BYTES - 50, mem + PAGE_BYTES - 100, 200),
	       "%s: it wrote that", door);
	expect(0, vdma(fd, PIN, IOVA_DATA, NR_PAGES), "%s: pin", door);
	expect(0, vdma(fd, FILL, 0, 0x5a), "%s: write to what is pinned", door);
	tap_ok(page_is(mem, BYTES, 0x5a), "%s: the right pages were pinned", door);
	expect(0, vdma(fd, UNPIN, 0, 0), "%s: unpin", door);
	expect(0, vdma(fd, PIN, IOVA_DATA + PAGE_BYTES, 2), "%s: pin two pages", door);
	expect(0, vdma(fd, ASKED, 0, 0), "%s: nobody asked to let go", door);
	expect(BYTES, container_unmap(container, IOVA_DATA, BYTES), "%s: UNMAP_DMA", door);
	expect(0, vdma(fd, ASKED, 0, 2), "%s: the device let go of the two", door);
	expect(-ENOENT, vdma(fd, PIN, IOVA_DATA, 1), "%s: pin when it is unmapped", door);
	expect(-ENOENT, vdma(fd, LOAD, IOVA_DATA, 1), "%s: read when it is unmapped", door);
}

static void check_protection(const char *door, int fd, int container, uint8_t *mem)
{
	expect(0, container_map(container, mem, BYTES, IOVA_READ_ONLY, VFIO_DMA_MAP_FLAG_READ),
	       "%s: MAP_DMA, read only", door);
	expect(0, vdma(fd, LOAD, IOVA_READ_ONLY, 16), "%s: read there", door);
	expect(-EPERM, vdma(fd, STORE, IOVA_READ_ONLY, 16), "%s: write there", door);
	expect(-EPERM, vdma(fd, PIN, IOVA_READ_ONLY, 1), "%s: pin there to write", door);
	expect(BYTES, container_unmap(container, IOVA_READ_ONLY, BYTES), "%s: UNMAP_DMA", door);
	/* Left pinned: closing the device ends it */
	expect(0, container_map(container, mem, BYTES, IOVA_DATA, MAP_READ_WRITE), "%s: MAP_DMA",
	       door);
	expect(0, vdma(fd, PIN, IOVA_DATA, NR_PAGES), "%s: pin", door);
}

static void test_memory(const struct sample *sample, const char *door, int fd, int container)
{
	uint8_t *mem;

	if (sample->vendor)
		return;
	mem = page_alloc(NR_PAGES);
	expect(-ENOENT, vdma(fd, PIN, IOVA_DATA, 1), "%s: pin before anything is mapped", door);
	expect(0, container_map(container, mem, BYTES, IOVA_DATA, MAP_READ_WRITE), "%s: MAP_DMA",
	       door);
	check_memory(door, fd, container, mem);
	check_protection(door, fd, container, mem);
	munmap(mem, BYTES);
}

static void test_group(const struct sample *sample, const char *door, const char *path)
{
	int container = must(open(path, O_RDWR | O_CLOEXEC), path), ioas, device, second, node;
	int group = must(group_open(soft_group(sample->path)), "open its group");
	struct iommu_vfio_ioas get = { .size = sizeof(get) };

	expect(0, group_set(group, container), "%s, %s: SET_CONTAINER", sample->name, door);
	expect(0, container_value(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
	       "%s, %s: SET_IOMMU", sample->name, door);
	device = must(group_device(group, sample->name), "GET_DEVICE_FD");
	expect(0, iommufd_call(container, IOMMU_VFIO_IOAS, &get), "%s, %s: has an address space",
	       sample->name, door);
	ioas = get.ioas_id;
	expect(-EBUSY, object_destroy(container, ioas), "%s, %s: which is in use", sample->name,
	       door);
	node = must(soft_node_open(sample->path), "open its node");
	expect(-EBUSY, cdev_bind(node, container), "%s, %s: BIND of its node", sample->name, door);
	second = must(group_device(group, sample->name), "GET_DEVICE_FD again");
	check_works(sample, door, device);
	close(device);
	test_memory(sample, door, second, container);
	close(second);
	expect(0, object_destroy(container, ioas), "%s, %s: closed, it is not", sample->name, door);
	expect(0, group_unset(group), "%s, %s: UNSET_CONTAINER", sample->name, door);
	close(node);
	close(group);
	close(container);
}

/*
 * covers: VFIO_DEVICE_ATTACH_IOMMUFD_PT EOPNOTSUPP
 * covers: VFIO_DEVICE_DETACH_IOMMUFD_PT EOPNOTSUPP
 */
static void check_no_pasids(const struct sample *sample, int fd, int ioas)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = ioas,
		.pasid = 1,
	};
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach), .flags = VFIO_DEVICE_DETACH_PASID, .pasid = 1,
	};

	expect(-EOPNOTSUPP, iommufd_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach),
	       "%s, node: ATTACH of a PASID", sample->name);
	expect(-EOPNOTSUPP, iommufd_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach),
	       "%s, node: DETACH of a PASID", sample->name);
}

static void test_node(const struct sample *sample)
{
	int fd = must(soft_node_open(sample->path), "open its node");
	int iommufd = must(iommufd_open(), "iommufd");
	int ioas = must(ioas_new(iommufd), "an address space"), other = ioas_new(iommufd);
	struct iommu_vfio_ioas set = {
		.size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET, .ioas_id = ioas,
	};

	tap_ok(cdev_bind(fd, iommufd) > 0, "%s, node: BIND", sample->name);
	expect(-EBUSY, group_open(soft_group(sample->path)), "%s, node: open the group",
	       sample->name);
	check_works(sample, "node", fd);
	if (!sample->vendor)
		expect(-ENOENT, vdma(fd, LOAD, IOVA_DATA, 1), "node: read before ATTACH");
	check_no_pasids(sample, fd, ioas);
	expect(-ENOENT, cdev_attach(fd, NO_SUCH_ID), "%s, node: ATTACH nowhere", sample->name);
	expect(other, cdev_attach(fd, other), "%s, node: ATTACH", sample->name);
	expect(ioas, cdev_attach(fd, ioas), "%s, node: replace", sample->name);
	expect(0, object_destroy(iommufd, other), "%s, node: DESTROY of the old one", sample->name);
	expect(-EBUSY, object_destroy(iommufd, ioas), "%s, node: DESTROY", sample->name);
	expect(0, iommufd_call(iommufd, IOMMU_VFIO_IOAS, &set), "calls of a container go there");
	test_memory(sample, "node", fd, iommufd);
	expect(0, cdev_detach(fd), "%s, node: DETACH", sample->name);
	if (!sample->vendor)
		expect(-ENOENT, vdma(fd, LOAD, IOVA_DATA, 1), "node: read after DETACH");
	expect(0, object_destroy(iommufd, ioas), "%s, node: DESTROY when detached", sample->name);
	close(fd);
	close(iommufd);
}

static void *remove_device(void *path)
{
	return (void *)(intptr_t)file_write(path, "1");
}

/* Whoever removes a device waits until it is closed. */
static void test_remove(const struct sample *sample)
{
	int fd = must(soft_node_open(sample->path), "open its node");
	int iommufd = must(iommufd_open(), "iommufd");
	char path[PATH_MAX];
	pthread_t thread;
	void *err;

	if (!sample->create[0])
		goto out;
	tap_ok(cdev_bind(fd, iommufd) > 0, "%s: BIND", sample->name);
	snprintf(path, sizeof(path), "%s/remove", sample->path);
	pthread_create(&thread, NULL, remove_device, path);
	check_works(sample, "to be removed", fd);
	close(fd);
	fd = -1;
	pthread_join(thread, &err);
	expect(0, (intptr_t)err, "%s: removed when it is closed", sample->name);
	expect(-ENODEV, soft_node_open(sample->path), "%s: its node is gone", sample->name);
out:
	if (fd >= 0)
		close(fd);
	close(iommufd);
}

static void test_sample(const struct sample *sample)
{
	expect(0, module_load(sample->module), "load %s", sample->module);
	if (sample->create[0])
		expect(0, file_write(sample->create, sample->name), "make a device");
	PART(test_group(sample, "group", "/dev/iommu"));
	PART(test_group(sample, "container", "/dev/vfio/vfio"));
	PART(test_node(sample));
	PART(test_remove(sample));
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		test_sample(&samples[i]);
	return tap_end();
}
