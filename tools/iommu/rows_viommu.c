// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of a guest to forget what its IOMMU has cached, by the guest's ID of a device,
 * in arrays of several lengths. On the mock IOMMU, which clears a word for each.
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <sys/ioctl.h>

#include "../../drivers/iommu/iommufd/iommufd_test.h"
#include "bench.h"

#define VIRT_ID		0x77
#define COUNT		101
#define MAX_REQUESTS	512

static const struct backend_ops *const mock[] = { &backend_mock, NULL };

static struct iommu_viommu_invalidate_selftest requests[MAX_REQUESTS];

/* A device that has a name on a virtual IOMMU */
static int make_viommu(struct backend *backend, uint32_t *viommu_id)
{
	const int iommufd = backend->dev.iommufd;
	struct iommu_test_cmd device = {
		.size = sizeof(device), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = backend->ioas_id,
	};
	struct iommu_hwpt_alloc parent = {
		.size = sizeof(parent), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.pt_id = backend->ioas_id,
	};
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu), .type = IOMMU_VIOMMU_TYPE_SELFTEST,
	};
	struct iommu_vdevice_alloc name = { .size = sizeof(name), .virt_id = VIRT_ID };

	if (ioctl(iommufd, IOMMU_TEST_CMD, &device))
		return -errno;
	parent.dev_id = device.mock_domain.out_idev_id;
	if (ioctl(iommufd, IOMMU_HWPT_ALLOC, &parent))
		return -errno;
	viommu.dev_id = parent.dev_id;
	viommu.hwpt_id = parent.out_hwpt_id;
	if (ioctl(iommufd, IOMMU_VIOMMU_ALLOC, &viommu))
		return -errno;
	name.viommu_id = viommu.out_viommu_id;
	name.dev_id = parent.dev_id;
	*viommu_id = viommu.out_viommu_id;
	return ioctl(iommufd, IOMMU_VDEVICE_ALLOC, &name) ? -errno : 0;
}

static int invalidate(struct bench *bench, uint32_t viommu_id, uint32_t nr)
{
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .hwpt_id = viommu_id, .data_uptr = (uintptr_t)requests,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(requests[0]), .entry_num = nr,
	};

	if (ioctl(bench->backend.dev.iommufd, IOMMU_HWPT_INVALIDATE, &arg))
		return -errno;
	return arg.entry_num == nr ? 0 : -EIO;
}

static int run_length(struct bench *bench, const struct row_set *set, uint32_t viommu_id,
		      const char *row, uint32_t nr)
{
	struct samples samples;
	unsigned int i;
	int err = 0;

	samples_init(&samples, row, NULL, 0, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&samples);
		err = invalidate(bench, viommu_id, nr);
		samples_end(&samples);
	}
	samples_report(&samples, "iommufd");
	return err;
}

static int run_invalidate(struct bench *bench, const struct row_set *set)
{
	uint32_t viommu_id = 0;
	unsigned int i;
	int err = make_viommu(&bench->backend, &viommu_id);

	for (i = 0; i < MAX_REQUESTS; i++)
		requests[i] = (struct iommu_viommu_invalidate_selftest){
			.vdev_id = VIRT_ID, .cache_id = i % MOCK_DEV_CACHE_NUM,
		};
	if (!err)
		err = run_length(bench, set, viommu_id, "viommu-invalidate-1", 1);
	if (!err)
		err = run_length(bench, set, viommu_id, "viommu-invalidate-16", 16);
	if (!err)
		err = run_length(bench, set, viommu_id, "viommu-invalidate-512", MAX_REQUESTS);
	return err;
}

const struct row_set viommu_sets[] = {
	{ .rows = "viommu-invalidate-1 viommu-invalidate-16 viommu-invalidate-512",
	  .kind = NR_MEMORY_KINDS, .count = COUNT, .extra = true, .run = run_invalidate,
	  .backends = mock },
	{ }
};
