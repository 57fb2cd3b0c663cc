// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that no IOMMU translates: who may open its node, what an iommufd does
 * for it, and its group with an iommufd or a container.
 *
 *   vfio_noiommu       the mode is on
 *   vfio_noiommu off   it is not: VFIO has no such device
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../drivers/iommu/iommufd/iommufd_test.h"
#include "edu.h"
#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"
#include "lib/viommu.h"

#define IOVA_DATA	0x40000000ULL
#define IOVA_DMABUF	0x50000000ULL
#define NR_PAGES	64
#define BYTES		(NR_PAGES * PAGE_BYTES)
#define TAINT_USER	(1 << 6)
#define CANARY		0xa5

static char bdf[PCI_BDF_LEN];
static int iommufd;

struct location {
	uint64_t phys;
	uint64_t length;
};

static int get_pa_raw(struct iommu_ioas_noiommu_get_pa *arg)
{
	arg->size = sizeof(*arg);
	return iommufd_call(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, arg);
}

static int get_pa(uint32_t ioas, uint64_t iova, uint64_t length, struct location *at)
{
	struct iommu_ioas_noiommu_get_pa arg = {
		.ioas_id = ioas, .iova = iova, .length = length,
	};
	int err = get_pa_raw(&arg);

	if (!err && at)
		*at = (struct location){ arg.out_phys, arg.length };
	return err;
}

static int new_table(uint32_t dev, uint32_t pt, uint32_t flags, uint32_t data_type)
{
	uint32_t data[6] = {};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = dev, .pt_id = pt,
		.data_type = data_type, .data_len = data_type ? sizeof(data) : 0,
		.data_uptr = (uintptr_t)data,
	};
	int err = iommufd_call(iommufd, IOMMU_HWPT_ALLOC, &arg);

	return err ? err : (int)arg.out_hwpt_id;
}

static int hw_info(uint32_t dev)
{
	struct iommu_hw_info arg = { .size = sizeof(arg), .dev_id = dev };

	return iommufd_call(iommufd, IOMMU_GET_HW_INFO, &arg);
}

/* Run steps as root without CAP_SYS_RAWIO; they tell the first that went wrong. */
static int without_rawio(int (*steps)(void))
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (syscall(SYS_capget, &head, data))
			_exit(100);
		data[0].effective &= ~(1u << CAP_SYS_RAWIO);
		if (syscall(SYS_capset, &head, data))
			_exit(101);
		_exit(steps());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 102;
}

static int number_of_group(void)
{
	return pci_group(bdf);
}

/* Not group_open(): the name says that nothing holds its devices back. */
static int noiommu_group_open(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%d", number_of_group());
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void test_names(void)
{
	char name[32] = "", word[32] = "0";

	expect(0, cdev_name(bdf, name, sizeof(name)), "the device has a node");
	tap_ok(!strncmp(name, "noiommu-vfio", 12), "whose name tells: %s", name);
	expect(-ENOENT, group_open(number_of_group()), "a group of the usual name");
	file_read("/proc/sys/kernel/tainted", word, sizeof(word));
	tap_ok(atoi(word) & TAINT_USER, "the kernel is tainted: %s", word);
}

/* covers: IOMMU_IOAS_NOIOMMU_GET_PA EPERM */
static int rights_steps(void)
{
	struct iommu_ioas_noiommu_get_pa arg = { .flags = 1 };

	if (cdev_open(bdf) != -EPERM)
		return 1;
	if (noiommu_group_open() != -EPERM)
		return 2;
	/* Before anything else that is wrong with it */
	if (get_pa_raw(&arg) != -EPERM)
		return 3;
	return 0;
}

static int given_node;

/* Somebody with the right opens the node and gives it away: that is his decision. */
static int given_steps(void)
{
	return cdev_bind(given_node, iommufd) > 0 ? 0 : 1;
}

static void test_rights(void)
{
	expect(0, without_rawio(rights_steps), "EPERM without CAP_SYS_RAWIO (or which step)");
	given_node = must(cdev_open(bdf), "open the node");
	expect(0, without_rawio(given_steps), "BIND of a node that was given (or which step)");
	close(given_node);
}

/* covers: IOMMU_IOAS_NOIOMMU_GET_PA EOPNOTSUPP EINVAL EOVERFLOW ENOENT, in this order */
static void test_get_pa_errors(uint32_t ioas)
{
	struct iommu_ioas_noiommu_get_pa arg = { .flags = 1, .iova = -1ULL };

	expect(-EOPNOTSUPP, get_pa_raw(&arg), "GET_PA with a flag");
	arg = (struct iommu_ioas_noiommu_get_pa){ .__reserved = 1, .iova = -1ULL };
	expect(-EOPNOTSUPP, get_pa_raw(&arg), "GET_PA with the reserved field");
	expect(-EINVAL, get_pa(NO_SUCH_ID, -1ULL, 0, NULL), "GET_PA of no bytes");
	expect(-EOVERFLOW, get_pa(NO_SUCH_ID, -1ULL, 1, NULL), "GET_PA of the last address");
	expect(-ENOENT, get_pa(NO_SUCH_ID, IOVA_DATA, 1, NULL), "GET_PA in no address space");
	expect(-ENOENT, get_pa(ioas, IOVA_DATA - 1, 1, NULL), "GET_PA before the mapping");
	expect(-ENOENT, get_pa(ioas, IOVA_DATA + BYTES, 1, NULL), "GET_PA behind the mapping");
}

/* Bytes from mem on that lie behind each other, as the process's tables say. */
static uint64_t contiguous(const uint8_t *mem, uint64_t bytes)
{
	const uint64_t offset = (uintptr_t)mem % PAGE_BYTES;
	const uint8_t *page = mem - offset;
	uint64_t length = PAGE_BYTES - offset;

	while (length < bytes &&
	       page_phys(page + PAGE_BYTES) == page_phys(page) + PAGE_BYTES) {
		page += PAGE_BYTES;
		length += PAGE_BYTES;
	}
	return length < bytes ? length : bytes;
}

static bool is_at(uint32_t ioas, const uint8_t *mem, uint64_t offset, uint64_t length)
{
	const uint8_t *byte = mem + offset;
	uint64_t phys = page_phys(byte - (uintptr_t)byte % PAGE_BYTES) +
			(uintptr_t)byte % PAGE_BYTES;
	uint64_t room = length < BYTES - offset ? length : BYTES - offset;
	struct location at;

	return !get_pa(ioas, IOVA_DATA + offset, length, &at) && at.phys == phys &&
	       at.length == contiguous(byte, room);
}

static void test_places(uint32_t ioas, const uint8_t *mem)
{
	uint64_t offset;
	bool good = true;

	for (offset = 0; offset < BYTES; offset += PAGE_BYTES)
		good &= is_at(ioas, mem, offset, BYTES - offset);
	tap_ok(good, "GET_PA of each page: where it is, and for how long");
	tap_ok(is_at(ioas, mem, 5, 1), "GET_PA of one byte within a page");
	tap_ok(is_at(ioas, mem, BYTES - 1, 1), "GET_PA of the last byte");
	tap_ok(is_at(ioas, mem, PAGE_BYTES + 7, -1ULL), "GET_PA never looks past the mapping");
}

static void test_dma(int fd, uint32_t ioas, uint8_t *mem)
{
	volatile uint8_t *regs;
	struct location at;
	size_t len = 0;

	expect(0, cdev_enable(fd), "let the device master the bus");
	regs = cdev_regs(fd, &len);
	if (!tap_ok(regs, "map its registers") ||
	    !tap_ok(!get_pa(ioas, IOVA_DATA + PAGE_BYTES, PAGE_BYTES, &at), "GET_PA"))
		return;
	page_fill(mem + PAGE_BYTES, PAGE_BYTES, 11);
	tap_ok(!edu_load(regs, at.phys, EDU_MAX_BYTES), "the device reads there");
	memset(mem + PAGE_BYTES, CANARY, PAGE_BYTES);
	tap_ok(!edu_store(regs, at.phys, EDU_MAX_BYTES), "the device writes there");
	tap_ok(mem[PAGE_BYTES] == 11 && mem[PAGE_BYTES + 1] == 18, "what it read came back");
	munmap((void *)regs, len);
}

/* Pinned memory outlives its address in the process. */
static void test_pinned(uint32_t ioas)
{
	uint8_t *mem = page_alloc(1);
	struct location before, after;

	expect(0, ioas_map_fixed(iommufd, ioas, mem, PAGE_BYTES, IOVA_DATA + 2 * BYTES),
	       "MAP of a page");
	expect(0, get_pa(ioas, IOVA_DATA + 2 * BYTES, 1, &before), "GET_PA");
	munmap(mem, PAGE_BYTES);
	expect(0, get_pa(ioas, IOVA_DATA + 2 * BYTES, 1, &after), "GET_PA when the process let go");
	tap_ok(before.phys == after.phys, "the page is where it was");
	expect(0, ioas_unmap(iommufd, ioas, IOVA_DATA + 2 * BYTES, PAGE_BYTES, NULL), "UNMAP");
	expect(-ENOENT, get_pa(ioas, IOVA_DATA + 2 * BYTES, 1, NULL), "GET_PA when it is unmapped");
}

static void test_page_tables(int fd, uint32_t dev, uint32_t ioas)
{
	uint32_t other = ioas_new(iommufd), hwpt;

	expect(-EOPNOTSUPP, hw_info(dev), "GET_HW_INFO");
	expect(-EOPNOTSUPP, new_table(dev, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, 0),
	       "HWPT_ALLOC of a parent");
	expect(-EOPNOTSUPP, new_table(dev, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0),
	       "HWPT_ALLOC that tracks");
	expect(-EOPNOTSUPP, new_table(dev, ioas, IOMMU_HWPT_ALLOC_PASID, 0),
	       "HWPT_ALLOC for PASIDs");
	expect(-EOPNOTSUPP, new_table(dev, ioas, IOMMU_HWPT_FAULT_ID_VALID, 0),
	       "HWPT_ALLOC with a fault queue");
	expect(-EOPNOTSUPP, new_table(dev, ioas, 0, 1), "HWPT_ALLOC with data");
	hwpt = must(new_table(dev, ioas, 0, 0), "HWPT_ALLOC with nothing");
	expect(-EOPNOTSUPP, new_table(dev, hwpt, 0, 0), "HWPT_ALLOC on that");
	expect(hwpt, cdev_attach(fd, hwpt), "replace by it");
	expect(-EBUSY, object_destroy(iommufd, hwpt), "DESTROY while it is attached");
	tap_ok(cdev_attach(fd, other) > 0, "replace by another address space");
	expect(0, object_destroy(iommufd, hwpt), "DESTROY when it is not");
	expect(-EOPNOTSUPP, get_pa(ioas, IOVA_DATA, 1, NULL), "GET_PA where no device is");
	tap_ok(cdev_attach(fd, ioas) > 0, "and back");
	expect(0, get_pa(ioas, IOVA_DATA, 1, NULL), "GET_PA");
	expect(0, object_destroy(iommufd, other), "DESTROY of the other address space");
}

static int mock_call(struct iommu_test_cmd *cmd)
{
	int result;

	cmd->size = sizeof(*cmd);
	result = ioctl(iommufd, IOMMU_TEST_CMD, cmd);
	return result < 0 ? -errno : result;
}

static void test_revoked(uint32_t ioas)
{
	struct iommu_test_cmd get = { .op = IOMMU_TEST_OP_DMABUF_GET,
				      .dmabuf_get.length = PAGE_BYTES };
	struct iommu_test_cmd revoke = { .op = IOMMU_TEST_OP_DMABUF_REVOKE };
	struct iommu_ioas_map_file map = {
		.size = sizeof(map), .ioas_id = ioas, .length = PAGE_BYTES, .iova = IOVA_DMABUF,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
	};

	get.dmabuf_get.open_flags = O_RDWR | O_CLOEXEC;
	map.fd = must(mock_call(&get), "a dma-buf");
	expect(0, iommufd_call(iommufd, IOMMU_IOAS_MAP_FILE, &map), "MAP_FILE of it");
	expect(0, get_pa(ioas, IOVA_DMABUF, PAGE_BYTES, NULL), "GET_PA of it");
	revoke.dmabuf_revoke.dmabuf_fd = map.fd;
	revoke.dmabuf_revoke.revoked = 1;
	expect(0, mock_call(&revoke), "revoke it");
	expect(-EINVAL, get_pa(ioas, IOVA_DMABUF, PAGE_BYTES, NULL), "GET_PA of it, revoked");
	expect(0, ioas_unmap(iommufd, ioas, IOVA_DMABUF, PAGE_BYTES, NULL), "UNMAP");
	close(map.fd);
}

/* A guest gets no part of an IOMMU that is not there. */
static void test_virtual(uint32_t dev, uint32_t other, uint32_t ioas)
{
	uint32_t parent, viommu, id;

	expect(0, nest_parent_alloc(iommufd, other, ioas, &parent),
	       "a page table of a device with an IOMMU");
	expect(-EOPNOTSUPP, viommu_alloc(iommufd, dev, parent, &viommu), "VIOMMU_ALLOC");
	expect(0, viommu_alloc(iommufd, other, parent, &viommu), "one of the other device");
	expect(-EINVAL, vdevice_alloc(iommufd, viommu, dev, 1, &id), "VDEVICE_ALLOC there");
	expect(-EOPNOTSUPP, mock_nested_alloc(iommufd, dev, viommu, 0, 0, &id),
	       "HWPT_ALLOC there");
	expect(0, object_destroy(iommufd, viommu), "nothing is left there");
	expect(0, object_destroy(iommufd, parent), "nor in its page table");
}

/* Devices with an IOMMU and without take no page tables of each other. */
static void test_mock(int fd, uint32_t dev, uint32_t ioas)
{
	struct iommu_test_cmd mock = { .op = IOMMU_TEST_OP_MOCK_DOMAIN };
	struct iommu_test_cmd replace = { .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE };
	int hwpt = must(new_table(dev, ioas, 0, 0), "a page table without an IOMMU"), other;
	uint8_t *mem = page_alloc(1);
	struct location at;

	mock.id = ioas_new(iommufd);
	expect(0, mock_call(&mock), "a device with an IOMMU");
	expect(0, ioas_map_fixed(iommufd, mock.id, mem, PAGE_BYTES, IOVA_DATA),
	       "MAP of a page there");
	expect(-EOPNOTSUPP, get_pa(mock.id, IOVA_DATA, 1, NULL), "GET_PA there");
	expect(-EINVAL, cdev_attach(fd, mock.mock_domain.out_hwpt_id),
	       "ATTACH to the page table of a device with an IOMMU");
	replace.id = mock.mock_domain.out_stdev_id;
	replace.mock_domain_replace.pt_id = hwpt;
	expect(-EINVAL, mock_call(&replace), "and the other way round");
	expect(0, object_destroy(iommufd, hwpt), "DESTROY");
	test_virtual(dev, mock.mock_domain.out_idev_id, mock.id);

	other = cdev_attach(fd, mock.id);
	tap_ok(other > 0 && other != mock.mock_domain.out_hwpt_id,
	       "ATTACH to the same address space makes a table of its own");
	tap_ok(!get_pa(mock.id, IOVA_DATA, 1, &at) && at.phys == page_phys(mem), "GET_PA there");
	tap_ok(cdev_attach(fd, ioas) > 0, "and back");
	expect(-EOPNOTSUPP, get_pa(mock.id, IOVA_DATA, 1, NULL), "GET_PA there, alone again");
	expect(0, object_destroy(iommufd, mock.mock_domain.out_stdev_id), "DESTROY of the device");
	expect(0, object_destroy(iommufd, mock.id), "DESTROY of its address space");
	munmap(mem, PAGE_BYTES);
}

static void test_node(void)
{
	int fd = must(cdev_open(bdf), "open the node"), dev = must(cdev_bind(fd, iommufd), "BIND");
	int ioas = must(ioas_new(iommufd), "an address space");
	struct iommu_test_cmd nothing = { .op = -1 };
	uint8_t *mem = page_alloc(NR_PAGES);

	expect(-EBUSY, noiommu_group_open(), "open the group while the node is bound");
	expect(0, ioas_map_fixed(iommufd, ioas, mem, BYTES, IOVA_DATA), "MAP");
	test_get_pa_errors(ioas);
	expect(-EOPNOTSUPP, get_pa(ioas, IOVA_DATA, 1, NULL), "GET_PA before ATTACH");
	tap_ok(cdev_attach(fd, ioas) > 0, "ATTACH");
	test_get_pa_errors(ioas);
	test_places(ioas, mem);
	test_dma(fd, ioas, mem);
	test_pinned(ioas);
	test_page_tables(fd, dev, ioas);
	if (mock_call(&nothing) == -ENOTTY) {
		tap_skip("revoked memory, and devices with an IOMMU", "this kernel has no mock");
	} else {
		test_revoked(ioas);
		test_mock(fd, dev, ioas);
	}
	expect(0, cdev_detach(fd), "DETACH");
	expect(-EOPNOTSUPP, get_pa(ioas, IOVA_DATA, 1, NULL), "GET_PA after DETACH");
	close(fd);
	expect(0, object_destroy(iommufd, ioas), "closing the node leaves nothing behind");
	munmap(mem, BYTES);
}

/* What a container answers to a caller without the right */
static int group_fd, container_fd;

static int set_steps(void)
{
	return group_set(group_fd, container_fd) == -EPERM ? 0 : 1;
}

static int type_steps(void)
{
	if (container_value(container_fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU) != -EPERM)
		return 1;
	return group_device(group_fd, bdf) == -EPERM ? 0 : 2;
}

static void check_device(int group)
{
	uint8_t *mem = page_alloc(1);
	volatile uint8_t *regs;
	size_t len = 0;
	int device = must(group_device(group, bdf), "GET_DEVICE_FD");

	expect(0, cdev_enable(device), "let the device master the bus");
	regs = cdev_regs(device, &len);
	memset(mem, CANARY, PAGE_BYTES);
	tap_ok(regs && !edu_store(regs, page_phys(mem), EDU_MAX_BYTES) && mem[0] != CANARY,
	       "it writes to physical memory");
	if (regs)
		munmap((void *)regs, len);
	close(device);
	munmap(mem, PAGE_BYTES);
}

static void test_group_iommufd(void)
{
	int group = must(noiommu_group_open(), "open the group"), fd = must(iommufd_open(), "iommufd");
	int node = must(cdev_open(bdf), "open the node"), other = must(iommufd_open(), "another");
	struct iommu_vfio_ioas set = { .size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET };
	void *mem = page_alloc(1);

	group_fd = group;
	container_fd = fd;
	expect(-EBUSY, cdev_bind(node, iommufd), "BIND of the node while the group is open");
	expect(0, without_rawio(set_steps), "SET_CONTAINER without the right (or which step)");
	set.ioas_id = ioas_new(other);
	expect(0, iommufd_call(other, IOMMU_VFIO_IOAS, &set),
	       "an iommufd with an address space for VFIO");
	expect(-EINVAL, group_set(group, other), "SET_CONTAINER to that");
	expect(0, group_set(group, fd), "SET_CONTAINER");
	expect(1, container_value(fd, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU),
	       "CHECK_EXTENSION: no IOMMU");
	expect(0, container_value(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU),
	       "CHECK_EXTENSION: type1");
	expect(0, container_value(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU),
	       "CHECK_EXTENSION: type1v2");
	expect(0, container_value(fd, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL),
	       "CHECK_EXTENSION: unmap all");
	expect(-EINVAL, container_value(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "SET_IOMMU: type1");
	expect(-EINVAL, container_value(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
	       "SET_IOMMU: type1v2");
	expect(0, container_value(fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU), "SET_IOMMU: no IOMMU");
	expect(0, without_rawio(type_steps), "without the right (or which step)");
	expect(-ENODEV, container_map(fd, mem, PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE), "MAP_DMA");
	check_device(group);
	expect(0, group_unset(group), "UNSET_CONTAINER");
	close(group);
	close(node);
	close(fd);
	close(other);
	munmap(mem, PAGE_BYTES);
}

/* What 6.1 has, or an iommufd of the same name */
static void test_group_container(void)
{
	int group = must(noiommu_group_open(), "open the group");
	int fd = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "open a container");

	expect(0, group_set(group, fd), "SET_CONTAINER to /dev/vfio/vfio");
	expect(0, container_value(fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU), "SET_IOMMU: no IOMMU");
	check_device(group);
	close(group);
	close(fd);
}

static void test_off(void)
{
	char name[32];

	pci_bind(bdf, "vfio-pci");
	expect(-ENODEV, cdev_name(bdf, name, sizeof(name)), "no node without the mode");
	expect(-ENOENT, pci_group(bdf), "and no group");
	pci_bind(bdf, "");
}

int main(int argc, char **argv)
{
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	if (argc > 1 && !strcmp(argv[1], "off")) {
		PART(test_off());
		return tap_end();
	}
	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	iommufd = must(iommufd_open(), "open /dev/iommu");
	PART(test_names());
	PART(test_rights());
	PART(test_node());
	PART(test_group_iommufd());
	PART(test_group_container());
	expect(0, pci_bind(bdf, ""), "vfio-pci gives it back");
	close(iommufd);
	return tap_end();
}
