// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of a VFIO container on /dev/iommu, and which address space they act
 * on: without a device, and with one behind the mock IOMMU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define MEM_PAGES	16
#define MEM_BYTES	(MEM_PAGES * PAGE_BYTES)
#define DMA_RW		(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define UNKNOWN_FLAG	(1u << 31)
#define FILLER		0xaa

/* What VFIO_IOMMU_GET_INFO writes: the head, and a chain of two capabilities */
#define INFO_BYTES	24
#define AVAIL_BYTES	16
#define RANGES_BYTES	16
#define RANGE_BYTES	16

/* Number 6 was for a kind of nesting that nobody offers */
#define FORMER_NESTING	6

union info {
	struct vfio_iommu_type1_info info;
	uint8_t bytes[512];
};

/* A call that takes its argument by value and may answer with one */
static int value_call(int fd, unsigned long number, unsigned long value)
{
	int answer = ioctl(fd, number, value);

	return answer < 0 ? -errno : answer;
}

static int vfio_ioas(int fd, uint16_t op, uint32_t *ioas)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg), .op = op, .ioas_id = *ioas };
	int err = iommufd_call(fd, IOMMU_VFIO_IOAS, &arg);

	*ioas = arg.ioas_id;
	return err;
}

static int set_ioas(int fd, uint32_t ioas)
{
	return vfio_ioas(fd, IOMMU_VFIO_IOAS_SET, &ioas);
}

static int clear_ioas(int fd)
{
	uint32_t ioas = 0;

	return vfio_ioas(fd, IOMMU_VFIO_IOAS_CLEAR, &ioas);
}

static int map_dma(int fd, const void *mem, uint64_t iova, uint64_t bytes, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg), .flags = flags, .vaddr = (uintptr_t)mem, .iova = iova,
		.size = bytes,
	};

	return iommufd_call(fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int unmap_dma(int fd, uint64_t iova, uint64_t bytes, uint32_t flags, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .flags = flags, .iova = iova, .size = bytes,
	};
	int err = iommufd_call(fd, VFIO_IOMMU_UNMAP_DMA, &arg);

	*unmapped = arg.size;
	return err;
}

static int unmap_dma_all(int fd, uint64_t *unmapped)
{
	return unmap_dma(fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, unmapped);
}

FIXTURE(compat)
{
	int fd;
	uint32_t ioas;
	uint8_t *mem;
	struct mock_ids ids;	/* all 0 without a device */
};

FIXTURE_VARIANT(compat)
{
	bool device;
};

FIXTURE_VARIANT_ADD(compat, no_device)
{
	.device = false,
};

FIXTURE_VARIANT_ADD(compat, device)
{
	.device = true,
};

FIXTURE_SETUP(compat)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	if (variant->device) {
		if (mock_domain(self->fd, self->ioas, 0, &self->ids) == -ENOTTY)
			SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
		ASSERT_NE(0, self->ids.hwpt);
	}
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN(compat)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

static int map_at(FIXTURE_DATA(compat) *self, uint64_t iova, uint64_t bytes)
{
	return map_dma(self->fd, self->mem, iova, bytes, DMA_RW);
}

/*
 * Whether pages [first, end) of the memory are where a mapping of all of it at
 * IOVA has them; without a device there is nothing to see and so nothing wrong.
 */
static int pages_seen(FIXTURE_DATA(compat) *self, unsigned int first, unsigned int end)
{
	if (!self->ids.hwpt)
		return 1;
	return !mock_check_map(self->fd, self->ids.hwpt, IOVA + first * PAGE_BYTES,
			       (end - first) * PAGE_BYTES, self->mem + first * PAGE_BYTES);
}

static int page_gone(FIXTURE_DATA(compat) *self, unsigned int page)
{
	struct iommu_test_ext at;

	if (!self->ids.hwpt)
		return 1;
	return mock_page_at(self->fd, self->ids.hwpt, IOVA + page * PAGE_BYTES, &at) == -ENOENT &&
	       !mock_check_refs(self->fd, self->mem + page * PAGE_BYTES, PAGE_BYTES, 0);
}

/* covers: IOMMU_VFIO_IOAS EOPNOTSUPP ENODEV ENOENT */
TEST_F(compat, which_ioas)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg), .op = 3, .ioas_id = NO_SUCH_ID, .__reserved = 1,
	};
	uint32_t id = 0, other;

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VFIO_IOAS, &arg));
	arg.op = IOMMU_VFIO_IOAS_CLEAR;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VFIO_IOAS, &arg));
	arg.op = 3;
	arg.__reserved = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VFIO_IOAS, &arg));
	arg.op = UINT16_MAX;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VFIO_IOAS, &arg));
	EXPECT_EQ(-ENOENT, set_ioas(self->fd, NO_SUCH_ID));
	EXPECT_EQ(-ENOENT, set_ioas(self->fd, 0));
	if (self->ids.hwpt)
		EXPECT_EQ(-ENOENT, set_ioas(self->fd, self->ids.hwpt));
	/* None of that changed it */
	EXPECT_EQ(0, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &id));
	EXPECT_EQ(self->ioas, id);

	ASSERT_EQ(0, clear_ioas(self->fd));
	EXPECT_EQ(-ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &id));
	EXPECT_EQ(0, clear_ioas(self->fd));

	/* Destroying it clears it, also for one that comes later */
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, set_ioas(self->fd, other));
	ASSERT_EQ(0, object_destroy(self->fd, other));
	EXPECT_EQ(-ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &id));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	EXPECT_EQ(-ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &id));
}

/* It is a reference by name: the object can be destroyed, and others used. */
TEST_F(compat, acts_on_the_one_named)
{
	uint64_t unmapped;
	uint32_t other;

	ASSERT_EQ(0, map_at(self, IOVA, PAGE_BYTES));
	EXPECT_EQ(1, object_stat(self->fd, self->ioas, "mappings"));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, set_ioas(self->fd, other));
	ASSERT_EQ(0, map_at(self, IOVA, 2 * PAGE_BYTES));
	EXPECT_EQ(2 * PAGE_BYTES, object_stat(self->fd, other, "mapped-bytes"));
	EXPECT_EQ(PAGE_BYTES, object_stat(self->fd, self->ioas, "mapped-bytes"));
	EXPECT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(2 * PAGE_BYTES, unmapped);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &unmapped));
	EXPECT_EQ(PAGE_BYTES, unmapped);
}

/* covers: VFIO_CHECK_EXTENSION ENODEV */
TEST_F(compat, extensions)
{
	static const int offered[] = { VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_UNMAP_ALL };
	static const int refused[] = {
		0, VFIO_SPAPR_TCE_IOMMU, VFIO_EEH, FORMER_NESTING, VFIO_SPAPR_TCE_v2_IOMMU,
		VFIO_UPDATE_VADDR, 1000, -1,
	};
	unsigned int i;
	int noiommu;

	EXPECT_EQ(VFIO_API_VERSION, value_call(self->fd, VFIO_GET_API_VERSION, 0));
	for (i = 0; i < ARRAY_SIZE(offered); i++)
		EXPECT_EQ(1, value_call(self->fd, VFIO_CHECK_EXTENSION, offered[i]))
			TH_LOG("extension %d", offered[i]);
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		EXPECT_EQ(0, value_call(self->fd, VFIO_CHECK_EXTENSION, refused[i]))
			TH_LOG("extension %d", refused[i]);
	/* As the kernel was built */
	noiommu = value_call(self->fd, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU);
	EXPECT_TRUE(noiommu == 0 || noiommu == 1);
	/* No page table is one that does not enforce coherency; the mock's do not. */
	EXPECT_EQ(self->ids.hwpt ? 0 : 1,
		  value_call(self->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));

	ASSERT_EQ(0, clear_ioas(self->fd));
	for (i = 0; i < ARRAY_SIZE(offered); i++)
		EXPECT_EQ(1, value_call(self->fd, VFIO_CHECK_EXTENSION, offered[i]));
	EXPECT_EQ(-ENODEV, value_call(self->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
}

static int unprivileged_set_type(int fd, int type)
{
	return drop_privileges() ? 100 : -value_call(fd, VFIO_SET_IOMMU, type);
}

static int unprivileged_noiommu(void *arg)
{
	return unprivileged_set_type(*(int *)arg, VFIO_NOIOMMU_IOMMU);
}

static int unprivileged_type1(void *arg)
{
	return unprivileged_set_type(*(int *)arg, VFIO_TYPE1v2_IOMMU);
}

/* covers: VFIO_SET_IOMMU EPERM EINVAL ENODEV */
TEST_F(compat, set_type_order)
{
	ASSERT_EQ(0, clear_ioas(self->fd));
	EXPECT_EQ(-EPERM, -in_child(unprivileged_noiommu, &self->fd));
	EXPECT_EQ(-EINVAL, value_call(self->fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-EINVAL, value_call(self->fd, VFIO_SET_IOMMU, 0));
	EXPECT_EQ(-EINVAL, value_call(self->fd, VFIO_SET_IOMMU, FORMER_NESTING));
	EXPECT_EQ(-EINVAL, value_call(self->fd, VFIO_SET_IOMMU, 1000));
	EXPECT_EQ(-ENODEV, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(-ENODEV, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-ENODEV, -in_child(unprivileged_type1, &self->fd));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	EXPECT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
}

/* Type 1 turns large pages off, which is too late with memory in a page table. */
TEST_F(compat, set_type_with_memory)
{
	uint64_t value = 7, unmapped;
	int late;

	EXPECT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, &value));
	EXPECT_EQ(1, value);
	ASSERT_EQ(0, map_at(self, IOVA, PAGE_BYTES));
	EXPECT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	late = value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
	EXPECT_EQ(self->ids.hwpt ? -EINVAL : 0, late);
	ASSERT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(0, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, &value));
	EXPECT_EQ(0, value);
	/* The other type does not turn them on again. */
	EXPECT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, &value));
	EXPECT_EQ(0, value);
}

/* covers: VFIO_IOMMU_DIRTY_PAGES ENOTTY */
TEST_F(compat, refused_numbers)
{
	EXPECT_EQ(-ENOTTY, value_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, 0));
	EXPECT_EQ(-ENOTTY, value_call(self->fd, VFIO_IOMMU_ENABLE, 0));
	EXPECT_EQ(-ENOTTY, value_call(self->fd, VFIO_IOMMU_DISABLE, 0));
	EXPECT_EQ(-ENOTTY, value_call(self->fd, VFIO_GROUP_GET_STATUS, 0));
	EXPECT_EQ(-ENOTTY, value_call(self->fd, VFIO_DEVICE_GET_INFO, 0));
}

/* covers: VFIO_IOMMU_GET_INFO EFAULT EINVAL ENODEV */
TEST_F(compat, info_order)
{
	union info u = { .info.argsz = 15 };

	ASSERT_EQ(0, clear_ioas(self->fd));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, NULL));
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, &u));
	u.info.argsz = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, &u));
	u.info.argsz = sizeof(u);
	EXPECT_EQ(-ENODEV, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, &u));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO,
					read_only_copy(&u, sizeof(u))));
	/* The head can be written, the chain behind it cannot. */
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO,
					before_hole(&u, INFO_BYTES)));
	/* Only what will be used needs to be there. */
	u.info.argsz = 16;
	EXPECT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, before_hole(&u, 16)));
}

/* Compare a chain with the ranges that the native call gives. */
static const char *chain_differs(FIXTURE_DATA(compat) *self, const union info *u)
{
	const struct vfio_iommu_type1_info_cap_iova_range *iova;
	const struct vfio_iommu_type1_info_dma_avail *avail;
	struct iommu_iova_range range[8];
	uint32_t nr = ARRAY_SIZE(range), i;

	if (ioas_ranges(self->fd, self->ioas, range, &nr, NULL))
		return "no ranges";
	if (u->info.flags != (VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS))
		return "flags";
	if (u->info.cap_offset != INFO_BYTES)
		return "offset of the chain";
	if (u->info.argsz != INFO_BYTES + AVAIL_BYTES + RANGES_BYTES + nr * RANGE_BYTES)
		return "size";
	avail = (const void *)(u->bytes + INFO_BYTES);
	if (avail->header.id != VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL || avail->header.version != 1 ||
	    avail->header.next != INFO_BYTES + AVAIL_BYTES || avail->avail != UINT32_MAX)
		return "first capability";
	iova = (const void *)(u->bytes + INFO_BYTES + AVAIL_BYTES);
	if (iova->header.id != VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE ||
	    iova->header.version != 1 || iova->header.next || iova->nr_iovas != nr)
		return "second capability";
	for (i = 0; i < nr; i++)
		if (iova->iova_ranges[i].start != range[i].start ||
		    iova->iova_ranges[i].end != range[i].last)
			return "a range";
	return NULL;
}

TEST_F(compat, info_chain)
{
	union info u = { .info.argsz = sizeof(u) };
	const char *what;
	int i;

	for (i = 0; i < 4; i++) {
		memset(&u, FILLER, sizeof(u));
		u.info.argsz = sizeof(u);
		ASSERT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, &u));
		what = chain_differs(self, &u);
		EXPECT_EQ(NULL, what) TH_LOG("%d reserved ranges: %s", i, what);
		EXPECT_EQ(FILLER, u.bytes[u.info.argsz]);
		/* Nothing that is no page of the CPU; the mock's are half as large. */
		EXPECT_EQ(0, u.info.iova_pgsizes & (PAGE_BYTES - 1));
		EXPECT_NE(0, u.info.iova_pgsizes & PAGE_BYTES);
		if (mock_reserve(self->fd, self->ioas, IOVA + (i + 1) * MEM_BYTES,
				 PAGE_BYTES) == -ENOTTY)
			break;
	}
}

/* A caller that has room for a part of it gets the head alone. */
TEST_F(compat, info_without_room)
{
	union info u = { .info.argsz = sizeof(u) };
	uint32_t full, argsz;

	ASSERT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, &u));
	full = u.info.argsz;
	for (argsz = 16; argsz <= full; argsz++) {
		memset(&u, FILLER, sizeof(u));
		u.info.argsz = argsz;
		ASSERT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_GET_INFO, &u));
		EXPECT_EQ(full, u.info.argsz);
		EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, u.info.flags);
		EXPECT_EQ(FILLER, u.bytes[argsz]) TH_LOG("%u bytes", argsz);
		if (argsz >= INFO_BYTES)
			EXPECT_EQ(argsz == full ? INFO_BYTES : 0, u.info.cap_offset);
		if (argsz >= INFO_BYTES && argsz < full)
			EXPECT_EQ(FILLER, u.bytes[INFO_BYTES]) TH_LOG("%u bytes", argsz);
	}
}

/* covers: VFIO_IOMMU_MAP_DMA EFAULT EINVAL ENODEV */
TEST_F(compat, map_order)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg) - 1, .flags = UNKNOWN_FLAG,
		.vaddr = ALL_ONES - PAGE_BYTES, .iova = ALL_ONES, .size = ALL_ONES,
	};

	ASSERT_EQ(0, clear_ioas(self->fd));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, NULL));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA,
					before_hole(&arg, sizeof(arg) - 1)));
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.argsz = sizeof(arg);
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.flags = DMA_RW | VFIO_DMA_MAP_FLAG_VADDR;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.flags = DMA_RW;
	EXPECT_EQ(-ENODEV, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.size = 2 * PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.iova = ALL_ONES - PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.vaddr = (uintptr_t)self->mem;
	arg.size = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	arg.iova = IOVA;
	arg.size = 2 * PAGE_BYTES;
	EXPECT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	EXPECT_EQ(-EEXIST, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, &arg));
	/* What a caller has beyond the struct is his own affair. */
	arg.argsz = sizeof(arg) + 100;
	arg.iova += arg.size;
	EXPECT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_MAP_DMA, before_hole(&arg, sizeof(arg))));
}

/* Without a device nothing is pinned, nothing confined, and a byte is enough. */
TEST_F(compat, map_refusals_of_a_device)
{
	const int device = self->ids.hwpt != 0;
	uint8_t *gone = memory_alloc(PAGE_BYTES);

	ASSERT_EQ(0, munmap(gone, PAGE_BYTES));
	EXPECT_EQ(device ? -EFAULT : 0, map_dma(self->fd, gone, IOVA, PAGE_BYTES, DMA_RW));
	EXPECT_EQ(device ? -EINVAL : 0, map_at(self, IOVA - PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(device ? -EINVAL : 0, map_at(self, IOVA + PAGE_BYTES + 1, PAGE_BYTES));
	EXPECT_EQ(device ? -EINVAL : 0, map_at(self, IOVA + 3 * PAGE_BYTES, PAGE_BYTES - 1));
	EXPECT_EQ(device ? 0 : 4, object_stat(self->fd, self->ioas, "mappings"));
	if (device)
		EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
}

/* The flags say what the device may do; neither is fine with VFIO. */
TEST_F(compat, map_flags)
{
	static const uint32_t flags[] = {
		0, VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, DMA_RW,
	};
	struct iommu_test_ext page;
	uint64_t iova;
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		iova = IOVA + i * PAGE_BYTES;
		EXPECT_EQ(0, map_dma(self->fd, self->mem, iova, PAGE_BYTES, flags[i]))
			TH_LOG("flags %u", flags[i]);
		if (!self->ids.hwpt)
			continue;
		ASSERT_EQ(0, mock_page_at(self->fd, self->ids.hwpt, iova, &page));
		EXPECT_EQ(flags[i], page.page_at.out_prot);
	}
}

/* covers: VFIO_IOMMU_UNMAP_DMA EFAULT EINVAL ENODEV EOVERFLOW */
TEST_F(compat, unmap_order)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg) - 1, .flags = UNKNOWN_FLAG, .iova = -PAGE_BYTES,
	};

	ASSERT_EQ(0, clear_ioas(self->fd));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, NULL));
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.argsz = sizeof(arg);
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.flags = VFIO_DMA_UNMAP_FLAG_VADDR;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.flags = VFIO_DMA_UNMAP_FLAG_ALL;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.iova = 0;
	arg.size = PAGE_BYTES;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.flags = 0;
	arg.size = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	arg.iova = -PAGE_BYTES;
	arg.size = 2 * PAGE_BYTES;
	EXPECT_EQ(-ENODEV, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	/* Up to the last byte there is no wrap, and with nothing there it is fine. */
	arg.iova = -PAGE_BYTES;
	arg.size = PAGE_BYTES;
	EXPECT_EQ(0, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	EXPECT_EQ(0, arg.size);
	arg.size = PAGE_BYTES;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA,
					read_only_copy(&arg, sizeof(arg))));
}

/* Type 1 version 2, the way it is by default: mappings go as a whole. */
/* covers: VFIO_IOMMU_UNMAP_DMA ENOENT */
TEST_F(compat, unmap_whole_mappings)
{
	uint64_t unmapped;

	EXPECT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(0, unmapped);

	ASSERT_EQ(0, map_at(self, IOVA, MEM_BYTES));
	EXPECT_EQ(-ENOENT, unmap_dma(self->fd, IOVA, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_EQ(-ENOENT, unmap_dma(self->fd, IOVA + PAGE_BYTES, MEM_BYTES, 0, &unmapped));
	EXPECT_EQ(-ENOENT, unmap_dma(self->fd, IOVA + PAGE_BYTES, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_TRUE(pages_seen(self, 0, MEM_PAGES));
	EXPECT_EQ(0, unmap_dma(self->fd, 0, 64 * IOVA, 0, &unmapped));
	EXPECT_EQ(MEM_BYTES, unmapped);
	EXPECT_TRUE(page_gone(self, 0));

	ASSERT_EQ(0, map_at(self, IOVA, PAGE_BYTES));
	ASSERT_EQ(0, map_at(self, IOVA + 2 * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA, 2 * PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(PAGE_BYTES, unmapped);
	EXPECT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(PAGE_BYTES, unmapped);
}

/* Type 1: what a range has of a mapping is cut out of it. */
TEST_F(compat, unmap_cuts)
{
	uint64_t unmapped;

	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_at(self, IOVA, MEM_BYTES));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + 3 * PAGE_BYTES, 2 * PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(2 * PAGE_BYTES, unmapped);
	EXPECT_EQ(2, object_stat(self->fd, self->ioas, "mappings"));
	EXPECT_EQ(MEM_BYTES - 2 * PAGE_BYTES, object_stat(self->fd, self->ioas, "mapped-bytes"));
	EXPECT_TRUE(pages_seen(self, 0, 3));
	EXPECT_TRUE(page_gone(self, 3));
	EXPECT_TRUE(page_gone(self, 4));
	EXPECT_TRUE(pages_seen(self, 5, MEM_PAGES));

	/* Across the hole, from inside of one half into the other */
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + PAGE_BYTES, 5 * PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(3 * PAGE_BYTES, unmapped);
	EXPECT_TRUE(pages_seen(self, 0, 1));
	EXPECT_TRUE(page_gone(self, 1));
	EXPECT_TRUE(page_gone(self, 5));
	EXPECT_TRUE(pages_seen(self, 6, MEM_PAGES));
	/* One edge each */
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + 6 * PAGE_BYTES, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + MEM_BYTES - PAGE_BYTES, MEM_BYTES, 0, &unmapped));
	EXPECT_EQ(PAGE_BYTES, unmapped);
	EXPECT_TRUE(pages_seen(self, 7, MEM_PAGES - 1));

	/* The hole can be used again, and the rest goes at once. */
	EXPECT_EQ(0, map_at(self, IOVA + PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(MEM_BYTES - 6 * PAGE_BYTES, unmapped);
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "mappings"));
	if (self->ids.hwpt)
		EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
}

/* Each page by itself, in an order that cuts in all ways */
TEST_F(compat, unmap_cuts_every_page)
{
	uint64_t unmapped;
	unsigned int i, page;

	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_at(self, IOVA, MEM_BYTES));
	for (i = 0; i < MEM_PAGES; i++) {
		page = i * 5 % MEM_PAGES;
		EXPECT_TRUE(pages_seen(self, page, page + 1));
		EXPECT_EQ(0, unmap_dma(self->fd, IOVA + page * PAGE_BYTES, PAGE_BYTES, 0,
				       &unmapped));
		EXPECT_EQ(PAGE_BYTES, unmapped) TH_LOG("page %u", page);
		EXPECT_TRUE(page_gone(self, page)) TH_LOG("page %u", page);
	}
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "mappings"));
}

/* A large page of memory is in the tables by its small ones, so it can be cut. */
TEST_F(compat, unmap_cuts_a_huge_page)
{
	const uint64_t bytes = 2 << 20;
	struct iommu_test_ext stats;
	uint8_t *mem = memory_alloc_huge(bytes);
	uint64_t unmapped;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_dma(self->fd, mem, IOVA, bytes, DMA_RW));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + PAGE_BYTES, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(PAGE_BYTES, unmapped);
	if (self->ids.hwpt) {
		ASSERT_EQ(0, mock_table_stats(self->fd, self->ids.hwpt, &stats));
		EXPECT_EQ(bytes - PAGE_BYTES, stats.table_stats.out_mapped_bytes);
		EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA + 2 * PAGE_BYTES,
					    bytes - 2 * PAGE_BYTES, mem + 2 * PAGE_BYTES));
	}
	EXPECT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(bytes - PAGE_BYTES, unmapped);
}

/* A cut inside of a page is none. */
TEST_F(compat, unmap_cuts_pages_only)
{
	uint64_t unmapped;

	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(-EINVAL, map_at(self, IOVA + 1, PAGE_BYTES));
	ASSERT_EQ(0, map_at(self, IOVA, MEM_BYTES));
	EXPECT_EQ(-EINVAL, unmap_dma(self->fd, IOVA + 1, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_EQ(-EINVAL, unmap_dma(self->fd, IOVA, PAGE_BYTES + 1, 0, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_EQ(1, object_stat(self->fd, self->ioas, "mappings"));
	EXPECT_TRUE(pages_seen(self, 0, MEM_PAGES));
}

/* A page table that comes after the cuts has both sides of them. */
TEST_F(compat, cuts_and_page_tables)
{
	struct mock_ids ids;
	uint64_t unmapped;

	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_at(self, IOVA, MEM_BYTES));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + 7 * PAGE_BYTES, PAGE_BYTES, 0, &unmapped));
	if (mock_domain(self->fd, self->ioas, 0, &ids) == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->ids.hwpt = ids.hwpt;
	EXPECT_TRUE(pages_seen(self, 0, 7));
	EXPECT_TRUE(pages_seen(self, 8, MEM_PAGES));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, 7 * PAGE_BYTES, 1));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + 2 * PAGE_BYTES, PAGE_BYTES, 0, &unmapped));
	EXPECT_TRUE(page_gone(self, 2));
	EXPECT_EQ(0, unmap_dma_all(self->fd, &unmapped));
	EXPECT_EQ(MEM_BYTES - 2 * PAGE_BYTES, unmapped);
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
}

/* A kernel user of the middle is asked to let go before the mapping is cut. */
TEST_F(compat, cut_below_a_pin)
{
	uint64_t unmapped;
	uint32_t item;
	int access;

	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_at(self, IOVA, MEM_BYTES));
	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	if (access == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, access);
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA, 4 * PAGE_BYTES, self->mem,
				     MOCK_FLAGS_ACCESS_WRITE, &item));
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA + PAGE_BYTES, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(PAGE_BYTES, unmapped);
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, access, item));
	EXPECT_TRUE(page_gone(self, 1));
	EXPECT_EQ(0, mock_access_pin(self->fd, access, IOVA, PAGE_BYTES, self->mem, 0, &item));
	EXPECT_EQ(-ENOENT, mock_access_pin(self->fd, access, IOVA, 2 * PAGE_BYTES, self->mem, 0,
					   &item));
	EXPECT_EQ(0, close(access));
}

/* Pages of a dma-buf belong to somebody else and are not cut. */
TEST_F(compat, dmabufs_are_not_cut)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg), .flags = MAP_FIXED_RW, .ioas_id = self->ioas,
		.length = 2 * PAGE_BYTES, .iova = IOVA,
	};
	uint64_t unmapped;

	ASSERT_EQ(0, value_call(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	arg.fd = mock_dmabuf(self->fd, 2 * PAGE_BYTES);
	if (arg.fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, arg.fd);
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_EQ(-EOPNOTSUPP, unmap_dma(self->fd, IOVA, PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_EQ(0, unmap_dma(self->fd, IOVA, 2 * PAGE_BYTES, 0, &unmapped));
	EXPECT_EQ(2 * PAGE_BYTES, unmapped);
	EXPECT_EQ(0, close(arg.fd));
}

/* No driver has published a region of this descriptor. */
TEST_F(compat, nothing_to_mmap)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, self->fd,
				   0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENXIO, errno);
}

TEST_HARNESS_MAIN
