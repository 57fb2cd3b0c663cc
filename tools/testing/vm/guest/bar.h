/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory in a BAR, and a device that writes there: QEMU's shared memory device
 * (ivshmem), whose BAR 2 is memory that outlives its resets, and edu.
 *
 * A device that is reset, or does not decode memory, swallows what is written
 * to it whether a page table leads there or not. So who wants to know if the
 * way was closed looks behind the event, when the memory is back: the mapping
 * must still be gone, and what was there before be untouched.
 */
#ifndef GUEST_BAR_H
#define GUEST_BAR_H

#include <errno.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/vfio_cdev.h"

#define SHM_VENDOR	"0x1af4"
#define SHM_DEVICE	"0x1110"
#define SHM_BAR		VFIO_PCI_BAR2_REGION_INDEX
#define SHM_BYTES	0x100000ULL
#define CANARY		0xa5

/* BAR 2; NULL on failure. */
static inline uint8_t *shm_mmap(int fd)
{
	struct vfio_region_info bar;
	void *mem;

	if (cdev_region(fd, SHM_BAR, &bar) || bar.size != SHM_BYTES)
		return NULL;
	mem = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, bar.offset);
	return mem == MAP_FAILED ? NULL : mem;
}

/* Without a call of the C library: memory of devices takes aligned words only. */
static inline void shm_fill(uint8_t *shm, uint8_t value)
{
	volatile uint32_t *word = (volatile uint32_t *)shm;
	unsigned int i;

	for (i = 0; i < PAGE_BYTES / sizeof(*word); i++)
		word[i] = value * 0x01010101u;
}

static inline bool shm_is(const uint8_t *shm, size_t bytes, uint8_t value)
{
	const volatile uint32_t *word = (const volatile uint32_t *)shm;
	unsigned int i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		if (word[i] != value * 0x01010101u)
			return false;
	return true;
}

/* Does what the master writes to iova arrive in the page? Its buffer is zero. */
static inline bool shm_arrives(volatile uint8_t *master, uint8_t *shm, uint64_t iova)
{
	shm_fill(shm, CANARY);
	return !edu_store(master, iova, EDU_MAX_BYTES) && shm_is(shm, EDU_MAX_BYTES & ~3u, 0);
}

static inline bool shm_blocked(volatile uint8_t *master, uint8_t *shm, uint64_t iova)
{
	shm_fill(shm, CANARY);
	return !edu_store(master, iova, EDU_MAX_BYTES) && shm_is(shm, PAGE_BYTES, CANARY);
}

/* Let the function decode memory, or not. */
static inline int shm_decode(int fd, bool on)
{
	struct vfio_region_info config;
	uint16_t command;

	if (cdev_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &config) ||
	    pread(fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -EIO;
	command = on ? command | 2 : command & ~2;
	return pwrite(fd, &command, 2, config.offset + PCI_COMMAND) == 2 ? 0 : -EIO;
}

static inline int shm_reset(int fd)
{
	return iommufd_call(fd, VFIO_DEVICE_RESET, NULL);
}

static inline int shm_hot_reset(int fd)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };

	return iommufd_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

#endif
