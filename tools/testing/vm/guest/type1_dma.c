// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO type1 as 6.1 has it: the device reaches what is mapped, at an address
 * that is not the physical one, and nothing else; before and after the default
 * domain of its group changed its type.
 *
 *   type1_dma          with VFIO's own container
 *   type1_dma iommufd  with /dev/iommu mounted on the container's name: a program
 *                      that knows nothing of iommufd finds the same
 *   type1_dma provided with the container that the kernel makes of iommufd
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "edu.h"
#include "lib/file.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_group.h"

#define IOVA_DATA	0x40000000ULL
#define IOVA_READ_ONLY	0x7ff00000ULL
#define CANARY		0xa5

struct rig {
	int container;
	int group;
	int device;
	volatile uint8_t *regs;
	size_t regs_len;
};

static int map_page(struct rig *rig, void *mem, uint64_t iova, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags,
		.vaddr = (uintptr_t)mem, .iova = iova, .size = PAGE_BYTES,
	};

	return ioctl(rig->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int unmap_page(struct rig *rig, uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = PAGE_BYTES,
	};

	return ioctl(rig->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

/* Let the function master the bus: bit 2 of the PCI command register. */
static int enable_master(struct rig *rig)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command = 0;

	if (ioctl(rig->device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	if (pread(rig->device, &command, 2, info.offset + 4) != 2)
		return -EIO;
	command |= 6;
	return pwrite(rig->device, &command, 2, info.offset + 4) == 2 ? 0 : -EIO;
}

static int map_regs(struct rig *rig)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *regs;

	if (ioctl(rig->device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	regs = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, rig->device,
		    info.offset);
	if (regs == MAP_FAILED)
		return -errno;
	rig->regs = regs;
	rig->regs_len = info.size;
	return 0;
}

static int open_group(struct rig *rig, int number)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	rig->group = open(path, O_RDWR);
	if (rig->group < 0 || ioctl(rig->group, VFIO_GROUP_SET_CONTAINER, &rig->container))
		return -errno;
	return ioctl(rig->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ? -errno : 0;
}

static int rig_open(struct rig *rig, const char *bdf)
{
	int err;

	*rig = (struct rig){ .container = -1, .group = -1, .device = -1 };
	err = pci_bind(bdf, "vfio-pci");
	if (err)
		return err;
	rig->container = open("/dev/vfio/vfio", O_RDWR);
	if (rig->container < 0)
		return -errno;
	err = open_group(rig, pci_group(bdf));
	if (err)
		return err;
	rig->device = ioctl(rig->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (rig->device < 0)
		return -errno;
	err = map_regs(rig);
	return err ? err : enable_master(rig);
}

static void rig_close(struct rig *rig, const char *bdf)
{
	if (rig->regs)
		munmap((void *)rig->regs, rig->regs_len);
	if (rig->device >= 0)
		close(rig->device);
	if (rig->group >= 0)
		close(rig->group);
	if (rig->container >= 0)
		close(rig->container);
	pci_bind(bdf, "");
}

/* Positive: both directions, through an address that is not the physical one. */
static void check_mapped(struct rig *rig, const char *when, uint8_t *mem)
{
	uint8_t copy[EDU_MAX_BYTES];

	tap_ok(!map_page(rig, mem, IOVA_DATA, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE),
	       "%s: map a page", when);
	tap_ok(page_phys(mem) && page_phys(mem) != IOVA_DATA,
	       "%s: its address is not the physical one", when);
	page_fill(mem, PAGE_BYTES, 3);
	memcpy(copy, mem, sizeof(copy));
	tap_ok(!edu_load(rig->regs, IOVA_DATA, EDU_MAX_BYTES), "%s: the device reads it", when);
	memset(mem, 0, PAGE_BYTES);
	tap_ok(!edu_store(rig->regs, IOVA_DATA, EDU_MAX_BYTES), "%s: the device writes it", when);
	tap_ok(!memcmp(mem, copy, sizeof(copy)), "%s: what it read came back", when);
}

/* Negative: the device's buffer is full, yet nothing of it arrives anywhere. */
static void check_blocked(struct rig *rig, const char *when, uint64_t iova, uint8_t *mem,
			  const char *what)
{
	memset(mem, CANARY, PAGE_BYTES);
	edu_store(rig->regs, iova, EDU_MAX_BYTES);
	tap_ok(page_is(mem, PAGE_BYTES, CANARY), "%s: a write to %s is blocked", when, what);
}

static void check_dma(const char *bdf, const char *when)
{
	uint8_t *mem = page_alloc(1), *canary = page_alloc(1);
	struct rig rig;
	int err;

	err = rig_open(&rig, bdf);
	if (!tap_ok(!err && mem && canary, "%s: open the device (%s)", when, strerror(-err)))
		goto out_close;
	check_mapped(&rig, when, mem);
	tap_ok(page_phys(canary), "%s: the canary's physical address is known", when);
	check_blocked(&rig, when, page_phys(canary), canary, "an unmapped physical address");
	tap_ok(!map_page(&rig, canary, IOVA_READ_ONLY, VFIO_DMA_MAP_FLAG_READ),
	       "%s: map a page read-only", when);
	check_blocked(&rig, when, IOVA_READ_ONLY, canary, "a read-only page");
	tap_ok(!unmap_page(&rig, IOVA_DATA), "%s: unmap", when);
	check_blocked(&rig, when, IOVA_DATA, mem, "a page that was unmapped");

out_close:
	rig_close(&rig, bdf);
}

static void group_type(int group, char *buf, size_t len)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/type", group);
	buf[0] = '\0';
	file_read(path, buf, len);
}

static void check_switch(int group, const char *type)
{
	char path[PATH_MAX], now[32];
	int err;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/type", group);
	err = file_write(path, type);
	group_type(group, now, sizeof(now));
	tap_ok(!err && !strcmp(now, type), "default domain to %s (%s, is %s)", type,
	       strerror(-err), now);
}

/* Put /dev/iommu where the container is. */
static bool replace_container(void)
{
	if (!mount("/dev/iommu", "/dev/vfio/vfio", NULL, MS_BIND, NULL))
		return true;
	return tap_ok(false, "mount /dev/iommu on the container: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	char bdf[PCI_BDF_LEN], first[32], now[32];
	int group;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	if (argc > 1 && !strcmp(argv[1], "iommufd") && !replace_container())
		return tap_end();
	if (argc > 1 && !tap_ok(container_is_iommufd(), "the container is an iommufd"))
		return tap_end();
	group = pci_group_made(bdf);
	group_type(group, first, sizeof(first));
	check_dma(bdf, "fresh");
	group_type(group, now, sizeof(now));
	tap_ok(!strcmp(first, now), "the default domain is %s again (%s)", first, now);

	check_switch(group, "identity");
	check_dma(bdf, "identity");
	check_switch(group, "DMA");
	check_dma(bdf, "DMA");
	check_switch(group, "DMA-FQ");
	check_dma(bdf, "DMA-FQ");
	return tap_end();
}
