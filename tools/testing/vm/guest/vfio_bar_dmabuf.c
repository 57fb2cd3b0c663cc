// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs as dma-bufs: what the call answers, that another device reaches the
 * memory, and that it does not any more once the memory went away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define IOVA		0x40000000ULL
#define RANGES		4
#define RACE_ROUNDS	150

/* Of the configuration space */
#define PCI_CAPABILITIES	0x34
#define PCI_CAP_POWER		1
#define PCI_POWER_CONTROL	4
#define POWER_D0		0
#define POWER_D3		3

struct feature {
	struct vfio_device_feature head;
	struct vfio_device_feature_dma_buf arg;
	struct vfio_region_dma_range range[RANGES];
};

static char master_bdf[PCI_BDF_LEN], target_bdf[PCI_BDF_LEN];
static volatile uint8_t *master;	/* registers of edu */
static int iommufd, ioas;

static struct feature feature_of(uint32_t bar, uint64_t offset, uint64_t bytes)
{
	return (struct feature){
		.head = {
			.argsz = sizeof(struct feature),
			.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		},
		.arg = { .region_index = bar, .open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 1 },
		.range = { { .offset = offset, .length = bytes } },
	};
}

static int feature_call(int fd, struct feature *feature)
{
	int result = ioctl(fd, VFIO_DEVICE_FEATURE, feature);

	return result < 0 ? -errno : result;
}

static int share(int fd, uint64_t offset, uint64_t bytes)
{
	struct feature feature = feature_of(SHM_BAR, offset, bytes);

	return feature_call(fd, &feature);
}

/* The node of a function, bound */
static int take(const char *bdf)
{
	int fd = must(cdev_open(bdf), "open a node");

	must(cdev_bind(fd, iommufd), "bind it");
	expect(0, cdev_enable(fd), "enable the device");
	return fd;
}

static void test_head(int fd)
{
	struct feature feature = feature_of(SHM_BAR, 0, PAGE_BYTES);

	feature.head.flags |= VFIO_DEVICE_FEATURE_PROBE;
	expect(0, feature_call(fd, &feature), "probe");
	feature.head.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF;
	expect(-EINVAL, feature_call(fd, &feature), "SET");
	feature.head.flags = VFIO_DEVICE_FEATURE_DMA_BUF;
	expect(-EINVAL, feature_call(fd, &feature), "neither SET nor GET");

	feature = feature_of(SHM_BAR, 0, PAGE_BYTES);
	feature.head.argsz = sizeof(feature.head) + sizeof(feature.arg) - 1;
	expect(-EINVAL, feature_call(fd, &feature), "argsz without a head");
	feature.head.argsz++;
	expect(-EINVAL, feature_call(fd, &feature), "argsz without the range");
	feature = feature_of(SHM_BAR, 0, PAGE_BYTES);
	feature.arg.flags = 1;
	expect(-EINVAL, feature_call(fd, &feature), "unknown flag");
	feature = feature_of(SHM_BAR, 0, PAGE_BYTES);
	feature.arg.open_flags |= O_PATH;
	expect(-EINVAL, feature_call(fd, &feature), "flag that opens otherwise");
	feature = feature_of(SHM_BAR, 0, PAGE_BYTES);
	feature.arg.nr_ranges = 0;
	expect(-EINVAL, feature_call(fd, &feature), "no ranges");
	feature.arg.nr_ranges = 1u << 28;
	feature.head.argsz = UINT32_MAX;
	expect(-EINVAL, feature_call(fd, &feature), "too many ranges");
	feature.arg.nr_ranges = UINT32_MAX;
	expect(-EINVAL, feature_call(fd, &feature), "even more");
}

static void test_ranges(int fd)
{
	struct feature feature = feature_of(SHM_BAR, 0, PAGE_BYTES);

	feature.arg.region_index = VFIO_PCI_BAR1_REGION_INDEX;
	expect(-ENODEV, feature_call(fd, &feature), "a BAR that is not there");
	feature.arg.region_index = VFIO_PCI_ROM_REGION_INDEX;
	expect(-ENODEV, feature_call(fd, &feature), "the ROM");
	feature.arg.region_index = VFIO_PCI_CONFIG_REGION_INDEX;
	expect(-ENODEV, feature_call(fd, &feature), "the configuration");
	feature.arg.region_index = UINT32_MAX;
	expect(-ENODEV, feature_call(fd, &feature), "no region at all");

	expect(-EINVAL, share(fd, 0, 0), "an empty range");
	expect(-EINVAL, share(fd, 1, PAGE_BYTES), "not at a page");
	expect(-EINVAL, share(fd, 0, PAGE_BYTES + 1), "not whole pages");
	expect(-EINVAL, share(fd, 0, SHM_BYTES + PAGE_BYTES), "longer than the BAR");
	expect(-EINVAL, share(fd, SHM_BYTES, PAGE_BYTES), "behind the BAR");
	expect(-EINVAL, share(fd, -(uint64_t)PAGE_BYTES, PAGE_BYTES), "around the end");
	expect(-EINVAL, share(fd, PAGE_BYTES, -(uint64_t)PAGE_BYTES), "around the end, too long");
	feature = feature_of(SHM_BAR, 0, PAGE_BYTES);
	feature.arg.nr_ranges = 2;
	feature.range[1].length = 1;
	expect(-EINVAL, feature_call(fd, &feature), "the second range is bad");
}

/* What cannot be mapped though it can be shared */
static void test_map_errnos(int fd)
{
	struct feature feature = feature_of(SHM_BAR, 0, PAGE_BYTES);
	int dmabuf;

	feature.arg.nr_ranges = 2;
	feature.range[1] = (struct vfio_region_dma_range){ 2 * PAGE_BYTES, PAGE_BYTES };
	dmabuf = must(feature_call(fd, &feature), "share two ranges");
	expect(-EOPNOTSUPP, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA),
	       "map two ranges");
	tap_ok(lseek(dmabuf, 0, SEEK_END) == 2 * PAGE_BYTES, "they are two pages");
	tap_ok(fcntl(dmabuf, F_GETFD) == FD_CLOEXEC, "the descriptor is closed by exec");
	close(dmabuf);
	dmabuf = must(share(fd, 0, PAGE_BYTES), "share a page");
	expect(-EINVAL, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, 2 * PAGE_BYTES, IOVA),
	       "map more than that");
	expect(-EINVAL, ioas_map_file_fixed(iommufd, ioas, dmabuf, PAGE_BYTES, PAGE_BYTES, IOVA),
	       "map what is behind");
	tap_ok(mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED,
	       "the processor does not map it");
	close(dmabuf);
}

static void test_dma(int fd, uint8_t *shm)
{
	uint8_t *mem = page_alloc(1);
	int dmabuf = must(share(fd, 4 * PAGE_BYTES, 4 * PAGE_BYTES), "share pages 4 to 7");

	tap_ok(shm_blocked(master, shm + 5 * PAGE_BYTES, IOVA), "nothing arrives unmapped");
	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, PAGE_BYTES, PAGE_BYTES, IOVA),
	       "map page 5");
	tap_ok(shm_arrives(master, shm + 5 * PAGE_BYTES, IOVA), "page 5 is written");
	shm_fill(shm + 4 * PAGE_BYTES, CANARY);
	shm_fill(shm + 6 * PAGE_BYTES, CANARY);
	tap_ok(shm_blocked(master, shm + 6 * PAGE_BYTES, IOVA + PAGE_BYTES), "page 6 is not");
	tap_ok(shm_is(shm + 4 * PAGE_BYTES, PAGE_BYTES, CANARY), "nor is page 4");

	/* And the other way, from the BAR through the master to memory */
	shm_fill(shm + 5 * PAGE_BYTES, 0x3c);
	expect(0, ioas_map_fixed(iommufd, ioas, mem, PAGE_BYTES, IOVA + 16 * PAGE_BYTES),
	       "map memory");
	expect(0, edu_load(master, IOVA, EDU_MAX_BYTES), "read page 5");
	expect(0, edu_store(master, IOVA + 16 * PAGE_BYTES, EDU_MAX_BYTES), "write it to memory");
	tap_ok(page_is(mem, EDU_MAX_BYTES, 0x3c), "what was read is what was there");
	memset(mem, 0, PAGE_BYTES);
	expect(0, edu_load(master, IOVA + 16 * PAGE_BYTES, EDU_MAX_BYTES), "zeros again");
	expect(0, ioas_unmap(iommufd, ioas, IOVA + 16 * PAGE_BYTES, PAGE_BYTES, NULL),
	       "unmap memory");

	close(dmabuf);
	tap_ok(shm_arrives(master, shm + 5 * PAGE_BYTES, IOVA), "closed, it is still mapped");
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap page 5");
	tap_ok(shm_blocked(master, shm + 5 * PAGE_BYTES, IOVA), "nothing arrives any more");
	munmap(mem, PAGE_BYTES);
}

/* The mapping is gone for good, and a new one can be made */
static void expect_revoked(int dmabuf, uint8_t *shm, const char *what)
{
	tap_ok(shm_blocked(master, shm, IOVA), "%s: the old mapping leads nowhere", what);
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "%s: unmap", what);
	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA),
	       "%s: map again", what);
	tap_ok(shm_arrives(master, shm, IOVA), "%s: and it works", what);
}

static int low_power(int fd, uint32_t feature)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg), .flags = VFIO_DEVICE_FEATURE_SET | feature,
	};

	return iommufd_call(fd, VFIO_DEVICE_FEATURE, &arg);
}

static void test_revoke(int fd, uint8_t *shm)
{
	int dmabuf = must(share(fd, 0, SHM_BYTES), "share the BAR"), late;

	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA), "map it");
	tap_ok(shm_arrives(master, shm, IOVA), "it can be written");

	expect(0, shm_decode(fd, true), "enable what is enabled");
	tap_ok(shm_arrives(master, shm, IOVA), "that changes nothing");
	expect(0, shm_decode(fd, false), "memory off");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "memory off: map");
	late = must(share(fd, 0, PAGE_BYTES), "memory off: share");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, late, 0, PAGE_BYTES, 2 * IOVA),
	       "memory off: map that");
	expect(0, shm_decode(fd, true), "memory on");
	expect_revoked(dmabuf, shm, "memory off and on");
	expect(0, ioas_map_file_fixed(iommufd, ioas, late, 0, PAGE_BYTES, 2 * IOVA),
	       "what was shared meanwhile can be mapped");
	tap_ok(shm_arrives(master, shm, 2 * IOVA), "and written");
	expect(0, ioas_unmap(iommufd, ioas, 2 * IOVA, PAGE_BYTES, NULL), "unmap that");
	close(late);

	expect(0, shm_reset(fd), "reset");
	expect(0, cdev_enable(fd), "enable the device");
	expect_revoked(dmabuf, shm, "reset");
	expect(0, shm_hot_reset(fd), "hot reset");
	expect(0, cdev_enable(fd), "enable the device");
	expect_revoked(dmabuf, shm, "hot reset");
	expect(0, low_power(fd, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), "low power");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "low power: map");
	expect(0, low_power(fd, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), "full power");
	expect_revoked(dmabuf, shm, "low power");
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	close(dmabuf);
}

/* Shared while the memory is away for lack of power: mapped when it is back */
static void test_shared_in_low_power(int fd, uint8_t *shm)
{
	int dmabuf;

	expect(0, low_power(fd, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), "low power");
	dmabuf = must(share(fd, 0, PAGE_BYTES), "low power: share");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "low power: map that");
	expect(0, low_power(fd, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), "full power");
	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "what was shared meanwhile can be mapped");
	tap_ok(shm_arrives(master, shm, 2 * IOVA), "and written");
	expect(0, ioas_unmap(iommufd, ioas, 2 * IOVA, PAGE_BYTES, NULL), "unmap that");
	close(dmabuf);
}

/* Where the power state of a function is, in its configuration; 0 if it has none */
static off_t power_register(int fd)
{
	struct vfio_region_info config;
	uint8_t next = 0, cap[2];
	unsigned int i;

	if (cdev_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &config) ||
	    pread(fd, &next, 1, config.offset + PCI_CAPABILITIES) != 1)
		return 0;
	for (i = 0; next && i < 48; i++, next = cap[1]) {
		if (pread(fd, cap, 2, config.offset + next) != 2)
			return 0;
		if (cap[0] == PCI_CAP_POWER)
			return config.offset + next + PCI_POWER_CONTROL;
	}
	return 0;
}

static int set_power(int fd, off_t control, uint16_t state)
{
	return pwrite(fd, &state, sizeof(state), control) == sizeof(state) ? 0 : -EIO;
}

/* The user writes the power state itself, into a function that has one: an NVMe's */
static void test_power_state(void)
{
	struct feature feature = feature_of(VFIO_PCI_BAR0_REGION_INDEX, 0, PAGE_BYTES);
	char bdf[PCI_BDF_LEN];
	int fd, early, late;
	off_t control;

	if (!tap_ok(!pci_find(NVME_VENDOR, NVME_DEVICE, bdf) && !pci_bind(bdf, "vfio-pci"),
		    "vfio-pci has a function with power states"))
		return;
	fd = take(bdf);
	expect(0, shm_decode(fd, true), "memory on");
	control = power_register(fd);
	tap_ok(control > 0, "its power state can be written");
	early = must(feature_call(fd, &feature), "share a page");
	expect(0, ioas_map_file_fixed(iommufd, ioas, early, 0, PAGE_BYTES, 3 * IOVA), "map it");
	expect(0, set_power(fd, control, POWER_D3), "to D3");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, early, 0, PAGE_BYTES, 4 * IOVA),
	       "D3: map");
	late = must(feature_call(fd, &feature), "D3: share");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, late, 0, PAGE_BYTES, 4 * IOVA),
	       "D3: map that");
	expect(0, set_power(fd, control, POWER_D0), "back to D0");
	/* The function may have been reset on its way back */
	expect(0, shm_decode(fd, true), "memory on");
	expect(0, ioas_map_file_fixed(iommufd, ioas, late, 0, PAGE_BYTES, 4 * IOVA),
	       "D0: map that");
	expect(0, ioas_map_file_fixed(iommufd, ioas, early, 0, PAGE_BYTES, 5 * IOVA),
	       "and the other");
	expect(0, ioas_unmap(iommufd, ioas, 3 * IOVA, PAGE_BYTES, NULL), "unmap the one before");
	expect(0, ioas_unmap(iommufd, ioas, 4 * IOVA, PAGE_BYTES, NULL), "and after");
	expect(0, ioas_unmap(iommufd, ioas, 5 * IOVA, PAGE_BYTES, NULL), "and the last one");
	close(late);
	close(early);
	close(fd);
}

/* Two address spaces and a page table that comes later */
static void test_copies(int fd, int edu, uint8_t *shm)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy), .length = PAGE_BYTES, .src_iova = IOVA,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.dst_iova = IOVA, .src_ioas_id = ioas,
	};
	int other = must(ioas_new(iommufd), "another address space");
	int dmabuf = must(share(fd, 0, PAGE_BYTES), "share a page");

	copy.dst_ioas_id = other;
	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA), "map it");
	expect(0, iommufd_call(iommufd, IOMMU_IOAS_COPY, &copy), "copy it there");
	must(cdev_attach(edu, other), "move the master there");
	tap_ok(shm_arrives(master, shm, IOVA), "the copy can be written");
	expect(0, shm_decode(fd, false), "memory off");
	expect(0, shm_decode(fd, true), "memory on");
	tap_ok(shm_blocked(master, shm, IOVA), "the copy leads nowhere");
	must(cdev_attach(edu, ioas), "move the master back");
	tap_ok(shm_blocked(master, shm, IOVA), "nor does the first, in a new page table");
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	expect(0, object_destroy(iommufd, other), "destroy the other");
	close(dmabuf);
}

static void *map_and_unmap(void *arg)
{
	const int *dmabuf = arg;
	int i, err, bad = 0;

	for (i = 0; i < RACE_ROUNDS; i++) {
		err = ioas_map_file_fixed(iommufd, ioas, *dmabuf, 0, PAGE_BYTES, IOVA);
		bad |= err && err != -ENODEV;
		bad |= !err && ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL);
	}
	return bad ? arg : NULL;
}

static void *share_and_close(void *arg)
{
	const int *fd = arg;
	int i, dmabuf, bad = 0;

	for (i = 0; i < RACE_ROUNDS; i++) {
		dmabuf = share(*fd, 0, PAGE_BYTES);
		bad |= dmabuf < 0;
		if (dmabuf >= 0)
			close(dmabuf);
	}
	return bad ? arg : NULL;
}

/* Mapped, shared and taken away at the same time */
static void test_race(int fd, uint8_t *shm)
{
	int dmabuf = must(share(fd, 0, PAGE_BYTES), "share a page"), i, bad = 0;
	pthread_t mapper, sharer;
	void *failed[2];

	pthread_create(&mapper, NULL, map_and_unmap, &dmabuf);
	pthread_create(&sharer, NULL, share_and_close, &fd);
	for (i = 0; i < RACE_ROUNDS; i++)
		bad |= shm_decode(fd, i & 1);
	pthread_join(mapper, &failed[0]);
	pthread_join(sharer, &failed[1]);
	tap_ok(!bad && !failed[0] && !failed[1], "map, share, on and off at once");
	expect(0, shm_decode(fd, true), "memory on");
	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA),
	       "map after that");
	tap_ok(shm_arrives(master, shm, IOVA), "it can be written");
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	close(dmabuf);
}

/* Who opens the device next shares nothing with those who had it */
static void test_close(int *fd, uint8_t **shm)
{
	int dmabuf = must(share(*fd, 0, PAGE_BYTES), "share a page");

	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA), "map it");
	munmap(*shm, SHM_BYTES);
	close(*fd);
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "closed: map");
	*fd = take(target_bdf);
	*shm = shm_mmap(*fd);
	tap_ok(shm_blocked(master, *shm, IOVA), "open again: the mapping leads nowhere");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "open again: map");
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	close(dmabuf);
}

/* The driver leaves; what is left of the dma-buf can still be let go */
static void test_removal(int fd, uint8_t *shm)
{
	int dmabuf = must(share(fd, 0, PAGE_BYTES), "share a page");

	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA), "map it");
	munmap(shm, SHM_BYTES);
	close(fd);
	expect(0, pci_bind(target_bdf, ""), "the driver leaves");
	expect(-ENODEV, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, 2 * IOVA),
	       "without a driver: map");
	close(dmabuf);
	expect(0, ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap the last of it");
	expect(0, pci_bind(target_bdf, "vfio-pci"), "the driver comes back");
}

/* The same through the groups of both devices */
static void test_groups(void)
{
	struct iommu_vfio_ioas get = { .size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET };
	int group[2], target, edu, dmabuf;
	size_t len = 0;
	uint8_t *shm;

	iommufd = must(iommufd_open(), "open /dev/iommu");
	group[0] = must(group_open(pci_group(master_bdf)), "open the master's group");
	group[1] = must(group_open(pci_group(target_bdf)), "open the target's group");
	expect(0, group_set(group[0], iommufd), "SET_CONTAINER");
	expect(0, group_set(group[1], iommufd), "SET_CONTAINER");
	edu = must(group_device(group[0], master_bdf), "open the master");
	target = must(group_device(group[1], target_bdf), "open the target");
	expect(0, cdev_enable(edu), "enable the master");
	expect(0, cdev_enable(target), "enable the target");
	expect(0, iommufd_call(iommufd, IOMMU_VFIO_IOAS, &get), "their address space");
	ioas = get.ioas_id;
	master = cdev_regs(edu, &len);
	shm = shm_mmap(target);
	dmabuf = must(share(target, 0, PAGE_BYTES), "groups: share");
	expect(0, ioas_map_file_fixed(iommufd, ioas, dmabuf, 0, PAGE_BYTES, IOVA), "groups: map");
	tap_ok(master && shm && shm_arrives(master, shm, IOVA), "groups: it can be written");
	expect(0, shm_reset(target), "groups: reset");
	expect(0, cdev_enable(target), "enable the target");
	expect_revoked(dmabuf, shm, "groups: reset");
	munmap(shm, SHM_BYTES);
	munmap((void *)master, len);
	close(target);
	close(edu);
	close(group[0]);
	close(group[1]);
	close(iommufd);
	close(dmabuf);
}

int main(void)
{
	int edu, target;
	size_t len = 0;
	uint8_t *shm;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, master_bdf) &&
		    !pci_find(SHM_VENDOR, SHM_DEVICE, target_bdf), "both devices are there") ||
	    !tap_ok(!pci_bind(master_bdf, "vfio-pci") && !pci_bind(target_bdf, "vfio-pci"),
		    "vfio-pci has them"))
		return tap_end();
	iommufd = must(iommufd_open(), "open /dev/iommu");
	ioas = must(ioas_new(iommufd), "an address space");
	edu = take(master_bdf);
	must(cdev_attach(edu, ioas), "attach the master");
	target = take(target_bdf);
	master = cdev_regs(edu, &len);
	shm = shm_mmap(target);
	if (!tap_ok(master && shm, "registers and shared memory are mapped"))
		return tap_end();

	PART(test_head(target));
	PART(test_ranges(target));
	PART(test_map_errnos(target));
	PART(test_dma(target, shm));
	PART(test_revoke(target, shm));
	PART(test_shared_in_low_power(target, shm));
	PART(test_power_state());
	PART(test_copies(target, edu, shm));
	PART(test_race(target, shm));
	PART(test_close(&target, &shm));
	PART(test_removal(target, shm));
	munmap((void *)master, len);
	close(edu);
	close(iommufd);
	PART(test_groups());
	return tap_end();
}
