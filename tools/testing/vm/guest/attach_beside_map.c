// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device is reset, attached, replaced and detached while another thread maps and
 * unmaps in its address space. After each round DMA sees exactly what is mapped.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define IOVA		0x40000000ULL
#define CANARY		0xa5
#define SLOTS		8u
#define ROUNDS		4
#define CHANGES		24
#define CHECKED		3u

static int iommufd, fd, ioas, other;
static volatile uint8_t *regs;
static uint8_t *mem;

/* The thread that maps; it alone touches what is mapped until it has ended */
static struct {
	int stop, err;
	unsigned int seed, mapped, changes;
} mapper;

static uint64_t slot_iova(unsigned int slot)
{
	return IOVA + (uint64_t)slot * PAGE_BYTES;
}

static int toggle(unsigned int slot)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = ioas, .iova = slot_iova(slot), .length = PAGE_BYTES,
	};

	if (mapper.mapped >> slot & 1)
		return iommufd_call(iommufd, IOMMU_IOAS_UNMAP, &arg);
	return ioas_map_fixed(iommufd, ioas, mem + slot * PAGE_BYTES, PAGE_BYTES, slot_iova(slot));
}

static void *map_and_unmap(void *arg)
{
	unsigned int slot;

	while (!mapper.err && !__atomic_load_n(&mapper.stop, __ATOMIC_ACQUIRE)) {
		mapper.seed = mapper.seed * 1103515245u + 12345u;
		slot = (mapper.seed >> 16) % SLOTS;
		mapper.err = toggle(slot);
		if (!mapper.err)
			mapper.mapped ^= 1u << slot;
		__atomic_add_fetch(&mapper.changes, 1, __ATOMIC_RELEASE);
	}
	return arg;
}

/* What is done to the device; it ends on the first address space. */
static int change_device(int i)
{
	int err = 0;

	/* A reset takes longest */
	if (i % 8 == 7)
		err = iommufd_call(fd, VFIO_DEVICE_RESET, NULL);
	else if (i % 2)
		err = cdev_detach(fd);
	else
		err = cdev_attach(fd, other);
	if (err < 0)
		return err;
	err = cdev_attach(fd, ioas);
	return err < 0 ? err : 0;
}

/* The slot that the next checks begin with: each has its turn */
static unsigned int turn;

static bool sees_what_is_mapped(void)
{
	bool good = true, arrived, untouched;
	unsigned int i, slot;
	uint8_t *page;

	for (i = 0; i < CHECKED; i++, turn++) {
		slot = turn % SLOTS;
		page = mem + slot * PAGE_BYTES;
		memset(page, CANARY, PAGE_BYTES);
		if (edu_store(regs, slot_iova(slot), EDU_MAX_BYTES))
			return false;
		arrived = page_is(page, EDU_MAX_BYTES, 0);
		untouched = page_is(page, PAGE_BYTES, CANARY);
		good &= mapper.mapped >> slot & 1 ? arrived : untouched;
	}
	return good;
}

static void test_round(int round)
{
	unsigned int before;
	pthread_t thread;
	int i, err = 0;

	mapper.stop = 0;
	before = mapper.changes;
	if (!tap_ok(!pthread_create(&thread, NULL, map_and_unmap, NULL), "round %d: a thread", round))
		return;
	/* Both are at work: neither is done before the other has begun */
	for (i = 0; !err && (i < CHANGES || (!mapper.err &&
	     __atomic_load_n(&mapper.changes, __ATOMIC_ACQUIRE) - before < CHANGES)); i++)
		err = change_device(i);
	__atomic_store_n(&mapper.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	expect(0, err, "round %d: resets, attaches, replaces and detaches", round);
	expect(0, mapper.err, "round %d: maps and unmaps meanwhile", round);
	expect(0, cdev_enable(fd), "round %d: enable the device", round);
	tap_ok(sees_what_is_mapped(), "round %d: DMA sees exactly what is mapped (%#x)", round,
	       mapper.mapped);
}

static void test_rounds(const char *bdf)
{
	size_t regs_len = 0;
	int round;

	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	iommufd = must(iommufd_open(), "open /dev/iommu");
	ioas = must(ioas_new(iommufd), "an address space");
	other = must(ioas_new(iommufd), "another one");
	mem = page_alloc(SLOTS);
	fd = must(cdev_open(bdf), "open the node");
	must(cdev_bind(fd, iommufd), "bind it");
	expect(0, cdev_enable(fd), "enable the device");
	regs = cdev_regs(fd, &regs_len);
	must(cdev_attach(fd, ioas), "attach");
	if (!tap_ok(mem && regs, "memory and registers are there"))
		return;

	for (round = 0; round < ROUNDS; round++)
		test_round(round);
	munmap((void *)regs, regs_len);
	close(fd);
	close(iommufd);
}

int main(void)
{
	char bdf[PCI_BDF_LEN];

	if (tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		PART(test_rounds(bdf));
	return tap_end();
}
