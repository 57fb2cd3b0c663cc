// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program written for type1 that maps a BAR by the address where it sees it:
 * with a container of type1, and with an iommufd in its place.
 *
 *   vfio_bar_map type1|iommufd
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "lib/expect.h"
#include "lib/held.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define IOVA		0x40000000ULL
#define IOVA_PART	0x50000000ULL
#define LAST_PAGE	(SHM_BYTES - PAGE_BYTES)
#define RACE_ROUNDS	100
#define MANY		500

static char master_bdf[PCI_BDF_LEN], target_bdf[PCI_BDF_LEN];
static bool is_type1;
static int container, group[2], edu, target;
static volatile uint8_t *master;	/* registers of edu */
static size_t master_len;
static uint8_t *shm;

static int map(const void *mem, uint64_t bytes, uint64_t iova)
{
	return container_map(container, mem, bytes, iova, MAP_READ_WRITE);
}

static void open_master(void)
{
	edu = must(group_device(group[0], master_bdf), "open the master");
	expect(0, cdev_enable(edu), "enable the master");
	master = cdev_regs(edu, &master_len);
}

static void close_master(void)
{
	munmap((void *)master, master_len);
	close(edu);
}

static void open_target(void)
{
	target = must(group_device(group[1], target_bdf), "open the target");
	expect(0, cdev_enable(target), "enable the target");
	shm = shm_mmap(target);
}

static void close_target(void)
{
	munmap(shm, SHM_BYTES);
	close(target);
}

static bool open_all(void)
{
	container = must(open(is_type1 ? "/dev/vfio/vfio" : "/dev/iommu", O_RDWR | O_CLOEXEC),
			 "open a container");
	group[0] = must(group_open(pci_group(master_bdf)), "open the master's group");
	group[1] = must(group_open(pci_group(target_bdf)), "open the target's group");
	expect(0, group_set(group[0], container), "SET_CONTAINER");
	expect(0, container_value(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "SET_IOMMU");
	expect(0, group_set(group[1], container), "SET_CONTAINER");
	open_master();
	open_target();
	return tap_ok(master && shm, "registers and shared memory are mapped");
}

static void test_map(void)
{
	expect(0, map(shm, SHM_BYTES, IOVA), "map the BAR");
	tap_ok(shm_arrives(master, shm, IOVA), "its first page is written");
	tap_ok(shm_arrives(master, shm + LAST_PAGE, IOVA + LAST_PAGE), "and its last");
	expect(-EEXIST, map(shm, PAGE_BYTES, IOVA), "map it again");
	expect(0, map(shm + 3 * PAGE_BYTES, 2 * PAGE_BYTES, IOVA_PART), "map pages 3 and 4");
	tap_ok(shm_arrives(master, shm + 4 * PAGE_BYTES, IOVA_PART + PAGE_BYTES),
	       "page 4 is written");
	tap_ok(shm_blocked(master, shm + 5 * PAGE_BYTES, IOVA_PART + 2 * PAGE_BYTES),
	       "page 5 is not");
	expect(2 * PAGE_BYTES, container_unmap(container, IOVA_PART, 2 * PAGE_BYTES), "unmap");
	tap_ok(shm_blocked(master, shm + 4 * PAGE_BYTES, IOVA_PART + PAGE_BYTES),
	       "nor is page 4 any more");
	expect(0, container_map(container, shm, PAGE_BYTES, IOVA_PART, VFIO_DMA_MAP_FLAG_READ),
	       "map a page to be read");
	tap_ok(shm_blocked(master, shm, IOVA_PART), "a write is blocked");
	expect(PAGE_BYTES, container_unmap(container, IOVA_PART, PAGE_BYTES), "unmap");
}

/* Addresses that do not lead to the memory, or not for this */
static void test_addresses(void)
{
	struct vfio_region_info bar;
	uint8_t *mem;

	cdev_region(target, SHM_BAR, &bar);
	mem = mmap(NULL, 2 * SHM_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tap_ok(mmap(mem, SHM_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, target, bar.offset) == mem,
	       "the BAR once more, to be read");
	expect(-EFAULT, map(mem, PAGE_BYTES, IOVA_PART), "map that to be written");
	expect(0, container_map(container, mem, PAGE_BYTES, IOVA_PART, VFIO_DMA_MAP_FLAG_READ),
	       "map it to be read");
	expect(PAGE_BYTES, container_unmap(container, IOVA_PART, PAGE_BYTES), "unmap");
	expect(-EFAULT, container_map(container, mem + LAST_PAGE, 2 * PAGE_BYTES, IOVA_PART,
				      VFIO_DMA_MAP_FLAG_READ), "map more than is there");
	mprotect(mem, PAGE_BYTES, PROT_NONE);
	if (!is_type1)	/* which looks at the page, not at what is allowed */
		expect(-EFAULT, container_map(container, mem, PAGE_BYTES, IOVA_PART,
					      VFIO_DMA_MAP_FLAG_READ), "map what cannot be read");
	mprotect(mem + PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_WRITE);
	expect(0, map(mem + PAGE_BYTES, PAGE_BYTES, IOVA_PART), "map its second page");
	munmap(mem, 2 * SHM_BYTES);
	tap_ok(shm_arrives(master, shm + PAGE_BYTES, IOVA_PART),
	       "it is written though the address is gone");
	expect(PAGE_BYTES, container_unmap(container, IOVA_PART, PAGE_BYTES), "unmap");
}

static int hot_reset(void)
{
	struct {
		struct vfio_pci_hot_reset head;
		int32_t fd;
	} arg = { .head = { .argsz = sizeof(arg), .count = 1 }, .fd = group[1] };

	return iommufd_call(target, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

/* The mapping of a BAR outlives everything that happens to the device */
static void test_comes_back(void)
{
	expect(0, shm_decode(target, false), "memory off");
	expect(-EFAULT, map(shm, PAGE_BYTES, IOVA_PART), "memory off: map");
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(shm_arrives(master, shm, IOVA), "memory off and on: it is written");
	expect(0, shm_reset(target), "reset");
	expect(0, cdev_enable(target), "enable the target");
	tap_ok(shm_arrives(master, shm + LAST_PAGE, IOVA + LAST_PAGE), "reset: it is written");
	expect(0, hot_reset(), "hot reset");
	expect(0, cdev_enable(target), "enable the target");
	tap_ok(shm_arrives(master, shm, IOVA), "hot reset: it is written");

	expect(0, shm_decode(target, false), "memory off");
	close_master();
	open_master();
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(master && shm_arrives(master, shm, IOVA),
	       "the master was closed and opened meanwhile: it is written");

	expect(0, shm_decode(target, false), "memory off");
	expect(SHM_BYTES, container_unmap(container, IOVA, SHM_BYTES), "unmap meanwhile");
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(shm_blocked(master, shm, IOVA), "what was unmapped stays unmapped");
	expect(0, map(shm, SHM_BYTES, IOVA), "map it again");
	tap_ok(shm_arrives(master, shm, IOVA), "it is written");
}

static void *map_and_unmap(void *arg)
{
	int i, err, bad = 0;

	for (i = 0; i < RACE_ROUNDS; i++) {
		err = map(shm, PAGE_BYTES, IOVA_PART);
		/* Type1 faults a page in, and may find it gone again: EINVAL */
		bad |= err && err != -EFAULT && !(is_type1 && err == -EINVAL);
		bad |= !err && container_unmap(container, IOVA_PART, PAGE_BYTES) != PAGE_BYTES;
	}
	return bad ? arg : NULL;
}

static void test_race(void)
{
	pthread_t mapper;
	int i, bad = 0;
	void *failed;

	pthread_create(&mapper, NULL, map_and_unmap, &bad);
	for (i = 0; i < RACE_ROUNDS; i++)
		bad |= shm_decode(target, i & 1);
	pthread_join(mapper, &failed);
	tap_ok(!bad && !failed, "map, on and off at once");
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(shm_arrives(master, shm, IOVA), "it is written after that");
}

static int ioas_map_bar(uint32_t ioas, const void *mem, uint64_t bytes, uint32_t access)
{
	uint64_t iova = IOVA_PART;

	return ioas_map(container, ioas, mem, bytes, &iova, IOMMU_IOAS_MAP_FIXED_IOVA | access);
}

/* IOMMU_IOAS_MAP takes the address by the same rules, which are beyond mainline's */
static void test_ioas_map(uint32_t ioas)
{
	const uint32_t both = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
	struct vfio_region_info bar;
	uint8_t *mem;

	expect(0, ioas_map_bar(ioas, shm, 2 * PAGE_BYTES, both), "IOAS_MAP of the BAR");
	tap_ok(shm_arrives(master, shm + PAGE_BYTES, IOVA_PART + PAGE_BYTES), "it is written");
	expect(-EEXIST, ioas_map_bar(ioas, shm, PAGE_BYTES, both), "IOAS_MAP of it again");
	expect(0, shm_decode(target, false), "memory off");
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(shm_arrives(master, shm, IOVA_PART), "memory off and on: it is written");
	expect(0, ioas_unmap(container, ioas, IOVA_PART, 2 * PAGE_BYTES, NULL), "IOAS_UNMAP");
	tap_ok(shm_blocked(master, shm, IOVA_PART), "it is written no more");
	expect(0, ioas_map_bar(ioas, shm, PAGE_BYTES, IOMMU_IOAS_MAP_READABLE),
	       "IOAS_MAP to be read");
	tap_ok(shm_blocked(master, shm, IOVA_PART), "a write is blocked");
	expect(0, ioas_unmap(container, ioas, IOVA_PART, PAGE_BYTES, NULL), "IOAS_UNMAP");
	expect(-EINVAL, ioas_map_bar(ioas, shm, PAGE_BYTES, 0), "IOAS_MAP without access");
	expect(-EINVAL, ioas_map_bar(ioas, shm, 0, both), "IOAS_MAP of nothing");
	expect(-EOVERFLOW, ioas_map_bar(ioas, shm, -(uintptr_t)shm, both),
	       "IOAS_MAP to the end of all addresses");
	expect(-EFAULT, ioas_map_bar(ioas, shm + LAST_PAGE, 2 * PAGE_BYTES, both),
	       "IOAS_MAP of more than is there");
	expect(-ENOENT, ioas_map_bar(NO_SUCH_ID, shm, PAGE_BYTES, both),
	       "IOAS_MAP to what is no address space");
	cdev_region(target, SHM_BAR, &bar);
	mem = mmap(NULL, SHM_BYTES, PROT_READ, MAP_SHARED, target, bar.offset);
	tap_ok(mem != MAP_FAILED, "the BAR once more, to be read");
	expect(-EFAULT, ioas_map_bar(ioas, mem, PAGE_BYTES, both),
	       "IOAS_MAP of that to be written");
	munmap(mem, SHM_BYTES);
	expect(0, shm_decode(target, false), "memory off");
	expect(-EFAULT, ioas_map_bar(ioas, shm, PAGE_BYTES, both), "memory off: IOAS_MAP");
	expect(0, shm_decode(target, true), "memory on");
}

/* How many dma-bufs there are, or a negative errno */
static int dma_bufs(void)
{
	FILE *list = fopen("/sys/kernel/debug/dma_buf/bufinfo", "r");
	char line[256];
	int nr = -ENOENT;

	while (list && fgets(line, sizeof(line), list))
		sscanf(line, "Total %d objects", &nr);
	if (list)
		fclose(list);
	return nr;
}

/* However often a BAR is mapped, it costs one dma-buf */
static void test_cost(uint32_t ioas)
{
	int i, bad = 0, before = dma_bufs();

	if (before < 0) {
		tap_skip("number of dma-bufs", "the kernel does not list them");
		return;
	}
	expect(SHM_BYTES, container_unmap(container, IOVA, SHM_BYTES), "unmap the BAR");
	expect(before - 1, dma_bufs(), "which has a dma-buf less");
	for (i = 0; i < MANY; i++)
		bad |= map(shm + i % 16 * PAGE_BYTES, PAGE_BYTES, IOVA + i * PAGE_BYTES);
	tap_ok(!bad, "map pages of it %d times", MANY);
	expect(before, dma_bufs(), "one dma-buf for all of them");
	tap_ok(shm_arrives(master, shm + 15 * PAGE_BYTES, IOVA + 15 * PAGE_BYTES),
	       "the last page is written");
	expect(0, shm_decode(target, false), "memory off");
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(shm_arrives(master, shm + PAGE_BYTES, IOVA + 17 * PAGE_BYTES),
	       "and the second, after memory was off");
	expect(0, ioas_unmap(container, ioas, IOVA, MANY * PAGE_BYTES, NULL), "unmap all");
	expect(before - 1, dma_bufs(), "and none is left");
	expect(0, map(shm, SHM_BYTES, IOVA), "map the BAR");
}

static void reopen_master(uint32_t ioas)
{
	struct iommu_vfio_ioas set = {
		.size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET, .ioas_id = ioas,
	};

	close_master();
	expect(0, iommufd_call(container, IOMMU_VFIO_IOAS, &set), "another address space");
	open_master();
}

/* Mapped before there is a page table, it is the same memory, by the same rules */
static void test_before_attach(uint32_t ioas)
{
	const uint32_t both = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
	int other = must(ioas_new(container), "an address space without devices");
	struct vfio_region_info bar;
	uint8_t *mem;

	cdev_region(target, SHM_BAR, &bar);
	mem = mmap(NULL, SHM_BYTES, PROT_READ, MAP_SHARED, target, bar.offset);
	tap_ok(mem != MAP_FAILED, "the BAR once more, to be read");
	expect(-EFAULT, ioas_map_bar(other, mem, PAGE_BYTES, both),
	       "no device: IOAS_MAP of that to be written");
	expect(-EFAULT, ioas_map_bar(other, shm + LAST_PAGE, 2 * PAGE_BYTES, both),
	       "no device: IOAS_MAP of more than is there");
	expect(0, shm_decode(target, false), "memory off");
	expect(-EFAULT, ioas_map_bar(other, shm, PAGE_BYTES, both),
	       "no device, memory off: IOAS_MAP");
	expect(0, shm_decode(target, true), "memory on");

	/* Which does not lead there any more when a device comes */
	expect(0, ioas_map_bar(other, mem, PAGE_BYTES, IOMMU_IOAS_MAP_READABLE),
	       "no device: IOAS_MAP to be read");
	expect(0, ioas_unmap(container, other, IOVA_PART, PAGE_BYTES, NULL), "IOAS_UNMAP");
	munmap(mem, SHM_BYTES);
	mem = mmap(NULL, SHM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, target, bar.offset);
	tap_ok(mem != MAP_FAILED, "the BAR once more, to be written");
	expect(0, ioas_map_bar(other, mem, 2 * PAGE_BYTES, both), "no device: IOAS_MAP");
	munmap(mem, SHM_BYTES);
	expect(0, shm_decode(target, false), "memory off");
	expect(0, shm_decode(target, true), "memory on");
	reopen_master(other);
	tap_ok(master && shm_arrives(master, shm + PAGE_BYTES, IOVA_PART + PAGE_BYTES),
	       "a device comes: it is written");
	tap_ok(master && shm_blocked(master, shm + 2 * PAGE_BYTES, IOVA_PART + 2 * PAGE_BYTES),
	       "the next page is not");
	reopen_master(ioas);
	expect(0, object_destroy(container, other), "destroy the address space");
	tap_ok(master && shm_arrives(master, shm, IOVA), "back in the first: it is written");
}

static void *call_unmap(void *arg)
{
	return (void *)(intptr_t)iommufd_call(container, IOMMU_IOAS_UNMAP, arg);
}

/*
 * The dma-buf that all mappings of a BAR share is gone for good with the last of
 * them, though it is freed when the task that unmaps it returns to user space.
 */
static void test_dying(uint32_t ioas)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = ioas, .iova = IOVA, .length = SHM_BYTES,
	};
	struct held_page held = { };
	pthread_t thread;
	void *err;

	if (held_open(&held, &arg, sizeof(arg))) {
		held_close(&held);
		tap_skip("a BAR mapped while its dma-buf goes", "userfaultfd holds no writers");
		return;
	}
	pthread_create(&thread, NULL, call_unmap, held.mem);
	tap_ok(held_is_wanted(&held), "the last mapping is gone, and its task cannot return");
	expect(0, map(shm, PAGE_BYTES, IOVA_PART), "map the BAR meanwhile");
	expect(0, held_release(&held), "the task goes on");
	pthread_join(thread, &err);
	expect(0, (intptr_t)err, "IOAS_UNMAP");
	held_close(&held);
	tap_ok(shm_arrives(master, shm, IOVA_PART), "what was mapped meanwhile is written");
	expect(0, shm_decode(target, false), "memory off");
	expect(0, shm_decode(target, true), "memory on");
	tap_ok(shm_arrives(master, shm, IOVA_PART), "memory off and on: it is written");
	expect(0, map(shm, SHM_BYTES, IOVA), "map the BAR");
	expect(PAGE_BYTES, container_unmap(container, IOVA_PART, PAGE_BYTES), "unmap the page");
	tap_ok(shm_arrives(master, shm + LAST_PAGE, IOVA + LAST_PAGE), "the BAR is written");
}

/* What type1 does not do */
static void test_iommufd(void)
{
	struct iommu_vfio_ioas get = { .size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET };

	expect(0, iommufd_call(container, IOMMU_VFIO_IOAS, &get), "the address space");
	test_ioas_map(get.ioas_id);
	test_cost(get.ioas_id);
	test_dying(get.ioas_id);
	test_before_attach(get.ioas_id);
	close_target();
	open_target();
	tap_ok(shm && shm_blocked(master, shm, IOVA),
	       "the target was closed and opened: the mapping leads nowhere");
	expect(SHM_BYTES, container_unmap(container, IOVA, SHM_BYTES), "unmap it");
	expect(0, map(shm, SHM_BYTES, IOVA), "map the BAR again");
	tap_ok(shm_arrives(master, shm, IOVA), "it is written");
}

int main(int argc, char **argv)
{
	is_type1 = argc > 1 && !strcmp(argv[1], "type1");
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, master_bdf) &&
		    !pci_find(SHM_VENDOR, SHM_DEVICE, target_bdf), "both devices are there") ||
	    !tap_ok(!pci_bind(master_bdf, "vfio-pci") && !pci_bind(target_bdf, "vfio-pci"),
		    "vfio-pci has them") || !open_all())
		return tap_end();
	PART(test_map());
	PART(test_addresses());
	PART(test_comes_back());
	PART(test_race());
	if (!is_type1)
		PART(test_iommufd());
	expect(SHM_BYTES, container_unmap(container, IOVA, SHM_BYTES), "unmap");
	close_target();
	close_master();
	close(group[0]);
	close(group[1]);
	close(container);
	return tap_end();
}
