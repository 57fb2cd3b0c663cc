// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of VFIO that are PASIDs of one parent: to a program they are like any other
 * device behind an IOMMU, and none of them reaches what another has mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"
#include "lib/viommu.h"
#include "vdma.h"

#define MODULE		"/lib/vdma_pasid.ko"
#define DEVICE(n)	"/sys/bus/platform/devices/vdma-pasid." #n
/* Within the aperture of the mock IOMMU */
#define IOVA		0x1000000ULL
#define TEXT		"what the first has"
#define OTHER_TEXT	"what the second has"

/* A device that is bound to an iommufd of its own, with a page mapped in its IOAS */
struct user {
	int iommufd;
	int fd;
	int dev_id;
	int ioas;
	char *mem;
};

static void user_open(struct user *user, const char *device, const char *text)
{
	user->iommufd = must(iommufd_open(), "an iommufd");
	user->fd = must(soft_node_open(device), "the node");
	user->ioas = must(ioas_new(user->iommufd), "an address space");
	user->mem = (char *)page_alloc(1);
	strcpy(user->mem, text);
	expect(0, ioas_map_fixed(user->iommufd, user->ioas, user->mem, PAGE_BYTES, IOVA), "map");
	user->dev_id = must(cdev_bind(user->fd, user->iommufd), "BIND");
}

static void user_close(struct user *user)
{
	close(user->fd);
	close(user->iommufd);
}

/* The device reads what the program wrote, and the program what the device wrote. */
static void check_dma(const struct user *user, const char *text, const char *when)
{
	expect(0, vdma(user->fd, LOAD, IOVA, VDMA_BUFFER_BYTES), "%s: read", when);
	tap_ok(buffer_is(user->fd, text, strlen(text)), "%s: what was written", when);
	expect(0, vdma(user->fd, STORE, IOVA + 2048, VDMA_BUFFER_BYTES), "%s: write", when);
	tap_ok(!strcmp(user->mem + 2048, text), "%s: what was read before", when);
	expect(-EFAULT, vdma(user->fd, LOAD, IOVA + PAGE_BYTES, 1), "%s: read beyond", when);
}

static void test_device(void)
{
	struct iommu_hw_info info = { .size = sizeof(info) };
	struct vfio_device_attach_iommufd_pt pasid = {
		.argsz = sizeof(pasid), .flags = VFIO_DEVICE_ATTACH_PASID, .pasid = 9,
	};
	uint32_t hwpt;
	struct user user;

	user_open(&user, DEVICE(0), TEXT);
	expect(-EFAULT, vdma(user.fd, LOAD, IOVA, 1), "blocked before ATTACH");
	expect(-EINVAL, cdev_attach(user.fd, user.dev_id), "ATTACH to a device");
	expect(-ENOENT, cdev_attach(user.fd, NO_SUCH_ID), "ATTACH nowhere");
	hwpt = must(cdev_attach(user.fd, user.ioas), "ATTACH to an IOAS");
	tap_ok(hwpt != user.ioas, "it has a page table");
	check_dma(&user, TEXT, "automatic page table");
	expect(-EBUSY, object_destroy(user.iommufd, hwpt), "DESTROY while attached");

	/* One that is made for it: the program asks for no flag */
	expect(0, hwpt_alloc(user.iommufd, user.dev_id, user.ioas, &hwpt), "HWPT_ALLOC");
	expect(hwpt, cdev_attach(user.fd, hwpt), "replace");
	check_dma(&user, TEXT, "own page table");
	expect(0, ioas_unmap_all(user.iommufd, user.ioas, NULL), "unmap");
	expect(-EFAULT, vdma(user.fd, LOAD, IOVA, 1), "blocked when unmapped");
	expect(0, ioas_map_fixed(user.iommufd, user.ioas, user.mem, PAGE_BYTES, IOVA), "map");
	check_dma(&user, TEXT, "mapped again");

	info.dev_id = user.dev_id;
	info.out_max_pasid_log2 = 20;	/* what the caller has there does not matter */
	expect(0, iommufd_call(user.iommufd, IOMMU_GET_HW_INFO, &info), "GET_HW_INFO");
	tap_ok(!info.out_max_pasid_log2, "it has no PASIDs of its own");
	pasid.pt_id = hwpt;
	expect(-EOPNOTSUPP, iommufd_call(user.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pasid),
	       "ATTACH of a PASID");
	tap_ok(object_stat(user.iommufd, user.dev_id, "pasid") > 0, "fdinfo has its PASID");

	expect(0, cdev_detach(user.fd), "DETACH");
	expect(-EFAULT, vdma(user.fd, LOAD, IOVA, 1), "blocked after DETACH");
	expect(0, cdev_detach(user.fd), "DETACH again");
	expect(0, object_destroy(user.iommufd, hwpt), "DESTROY when detached");
	must(cdev_attach(user.fd, user.ioas), "ATTACH again");
	user_close(&user);
}

/* The same IOVA, each in its own address space */
static void test_two(void)
{
	struct user one, two;

	user_open(&one, DEVICE(0), TEXT);
	user_open(&two, DEVICE(1), OTHER_TEXT);
	must(cdev_attach(one.fd, one.ioas), "ATTACH of the first");
	expect(-EFAULT, vdma(two.fd, LOAD, IOVA, 1), "the second is blocked");
	must(cdev_attach(two.fd, two.ioas), "ATTACH of the second");
	check_dma(&one, TEXT, "first of two");
	check_dma(&two, OTHER_TEXT, "second of two");
	expect(0, cdev_detach(one.fd), "DETACH of the first");
	expect(-EFAULT, vdma(one.fd, LOAD, IOVA, 1), "the first is blocked");
	check_dma(&two, OTHER_TEXT, "second alone");
	user_close(&two);
	must(cdev_attach(one.fd, one.ioas), "ATTACH of the first again");
	check_dma(&one, TEXT, "first alone");
	user_close(&one);
}

/* A guest has no name for a PASID, so it is on no virtual IOMMU, not on one of its parent's. */
static void test_virtual(void)
{
	uint32_t parent, viommu, id;
	struct mock_ids mock;
	struct user user;

	user_open(&user, DEVICE(0), TEXT);
	expect(0, mock_domain(user.iommufd, user.ioas, 0, &mock), "a whole device");
	expect(0, nest_parent_alloc(user.iommufd, mock.dev, user.ioas, &parent), "a parent");
	expect(-EOPNOTSUPP, viommu_alloc(user.iommufd, user.dev_id, parent, &viommu),
	       "VIOMMU_ALLOC");
	expect(0, viommu_alloc(user.iommufd, mock.dev, parent, &viommu),
	       "VIOMMU_ALLOC of the whole device");
	expect(-EINVAL, vdevice_alloc(user.iommufd, viommu, user.dev_id, 1, &id),
	       "VDEVICE_ALLOC");
	expect(-EINVAL, mock_nested_alloc(user.iommufd, user.dev_id, viommu, 0, 0, &id),
	       "HWPT_ALLOC on it");
	expect(0, object_destroy(user.iommufd, viommu), "nothing is left on it");
	expect(0, object_destroy(user.iommufd, parent), "nor in the parent");
	user_close(&user);
}

/* Two devices of one program share an address space, and its page table */
static void test_shared(void)
{
	int second = must(soft_node_open(DEVICE(1)), "the node");
	struct user one;
	int hwpt;

	user_open(&one, DEVICE(0), TEXT);
	must(cdev_bind(second, one.iommufd), "BIND of the second");
	hwpt = must(cdev_attach(one.fd, one.ioas), "ATTACH of the first");
	expect(hwpt, cdev_attach(second, one.ioas), "ATTACH of the second: same page table");
	check_dma(&one, TEXT, "shared");
	expect(0, vdma(second, LOAD, IOVA, 16), "the second reads");
	tap_ok(buffer_is(second, TEXT, 16), "what the first reads");
	close(second);
	check_dma(&one, TEXT, "shared no more");
	user_close(&one);
}

/* By its group it can be used with an iommufd, and with no container. */
static void test_group(void)
{
	int group = must(group_open(soft_group(DEVICE(0))), "the group");
	int iommufd = must(iommufd_open(), "an iommufd");
	char *mem = (char *)page_alloc(1);
	struct iommu_vfio_ioas get = { .size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET };
	int fd;

	strcpy(mem, TEXT);
	expect(0, group_set(group, iommufd), "SET_CONTAINER with an iommufd");
	expect(0, iommufd_call(iommufd, IOMMU_VFIO_IOAS, &get), "its address space");
	expect(0, ioas_map_fixed(iommufd, get.ioas_id, mem, PAGE_BYTES, IOVA), "map");
	fd = must(group_device(group, "vdma-pasid.0"), "GET_DEVICE_FD");
	expect(0, vdma(fd, LOAD, IOVA, 32), "group: read");
	tap_ok(buffer_is(fd, TEXT, strlen(TEXT)), "group: what was written");
	close(fd);
	close(group);
	close(iommufd);
}

static void test_container(void)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), group;

	if (container < 0 || container_is_iommufd()) {
		tap_skip("a group with a container", "no container of type1");
		return;
	}
	group = must(group_open(soft_group(DEVICE(0))), "the group");
	expect(0, group_set(group, container), "SET_CONTAINER");
	expect(0, container_value(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "type1");
	expect(-EINVAL, group_device(group, "vdma-pasid.0"), "container: GET_DEVICE_FD");
	close(group);
	close(container);
}

int main(void)
{
	must(module_load(MODULE), "load the module");
	PART(test_device());
	PART(test_two());
	PART(test_virtual());
	PART(test_shared());
	PART(test_group());
	PART(test_container());
	expect(0, syscall(SYS_delete_module, "vdma_pasid", O_NONBLOCK) ? -errno : 0,
	       "unload the module");
	return tap_end();
}
