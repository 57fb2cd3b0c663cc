// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading which pages a device wrote, on the mock IOMMU: what its own page table
 * costs is part of the figures. Needs a kernel with CONFIG_IOMMUFD_TEST.
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../../drivers/iommu/iommufd/iommufd_test.h"
#include "bench.h"

#define MAPPED		(1ul << 30)
#define BITMAP_BYTES	(MAPPED / PAGE_BYTES / 8)
#define READS		5

/* Pages of which the device writes one: 0 for none */
static const struct {
	const char *op;
	unsigned int every;
} loads[] = { { "dirty-0", 0 }, { "dirty-1", 100 }, { "dirty-100", 1 } };

static const struct backend_ops *const mock[] = { &backend_mock, NULL };

/* A device whose page table tracks; *hwpt_id is the table. */
static int make_tracker(struct backend *backend, uint32_t *hwpt_id)
{
	struct iommu_test_cmd device = {
		.size = sizeof(device),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = backend->ioas_id,
	};
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
		.pt_id = backend->ioas_id,
	};
	struct iommu_hwpt_set_dirty_tracking track = {
		.size = sizeof(track),
		.flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
	};

	if (ioctl(backend->dev.iommufd, IOMMU_TEST_CMD, &device))
		return -errno;
	alloc.dev_id = device.mock_domain.out_idev_id;
	if (ioctl(backend->dev.iommufd, IOMMU_HWPT_ALLOC, &alloc))
		return -errno;
	track.hwpt_id = alloc.out_hwpt_id;
	*hwpt_id = alloc.out_hwpt_id;
	return ioctl(backend->dev.iommufd, IOMMU_HWPT_SET_DIRTY_TRACKING, &track) ? -errno : 0;
}

/* Let the device write the pages whose bits are set. */
static int write_pages(struct backend *backend, uint32_t hwpt_id, const uint8_t *which)
{
	struct iommu_test_cmd dirty = {
		.size = sizeof(dirty),
		.op = IOMMU_TEST_OP_DIRTY,
		.id = hwpt_id,
		.dirty.iova = IOVA_BASE,
		.dirty.length = MAPPED,
		.dirty.page_size = PAGE_BYTES,
		.dirty.uptr = (uintptr_t)which,
	};

	return ioctl(backend->dev.iommufd, IOMMU_TEST_CMD, &dirty) < 0 ? -errno : 0;
}

static int read_dirty(struct backend *backend, uint32_t hwpt_id, uint8_t *bitmap)
{
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get),
		.hwpt_id = hwpt_id,
		.iova = IOVA_BASE,
		.length = MAPPED,
		.page_size = PAGE_BYTES,
		.data = (uintptr_t)bitmap,
	};

	return ioctl(backend->dev.iommufd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get) ? -errno : 0;
}

static void mark_pages(uint8_t *bitmap, unsigned int every)
{
	uint64_t page;

	memset(bitmap, 0, BITMAP_BYTES);
	for (page = 0; every && page < MAPPED / PAGE_BYTES; page += every)
		bitmap[page / 8] |= 1 << page % 8;
}

/* Each read must find exactly what was written since the one before. */
static int run_load(struct backend *backend, uint32_t hwpt_id, unsigned int every,
		    struct samples *samples, uint8_t *which, uint8_t *told)
{
	unsigned int i;
	int err = 0;

	mark_pages(which, every);
	for (i = 0; i < READS && !err; i++) {
		err = every ? write_pages(backend, hwpt_id, which) : 0;
		if (err)
			break;
		memset(told, 0, BITMAP_BYTES);
		samples_begin(samples);
		err = read_dirty(backend, hwpt_id, told);
		samples_end(samples);
		if (!err && memcmp(which, told, BITMAP_BYTES))
			err = -EBADMSG;
	}
	return err;
}

static int run_dirty(struct bench *bench, const struct row_set *set)
{
	uint8_t *which = malloc(BITMAP_BYTES), *told = malloc(BITMAP_BYTES);
	struct backend *backend = &bench->backend;
	struct samples samples;
	uint32_t hwpt_id = 0;
	unsigned int i;
	int err;

	if (!which || !told) {
		err = -ENOMEM;
		goto out_free;
	}
	err = backend_iommufd.map(backend, bench_memory(bench, set), MAPPED, IOVA_BASE);
	if (!err)
		err = make_tracker(backend, &hwpt_id);
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]) && !err; i++) {
		samples_init(&samples, loads[i].op, memory_names[set->kind], MAPPED, READS);
		err = run_load(backend, hwpt_id, loads[i].every, &samples, which, told);
		samples_report(&samples, "iommufd");
	}

out_free:
	free(which);
	free(told);
	return err;
}

const struct row_set dirty_sets[] = {
	{ .rows = "dirty-0 dirty-1 dirty-100", .kind = MEMORY_4K, .bytes = MAPPED, .extra = true,
	  .run = run_dirty, .backends = mock },
	{ .rows = "dirty-0 dirty-1 dirty-100", .kind = MEMORY_THP, .bytes = MAPPED, .extra = true,
	  .run = run_dirty, .backends = mock },
	{ }
};
