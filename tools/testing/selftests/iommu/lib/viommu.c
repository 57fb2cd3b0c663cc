// SPDX-License-Identifier: GPL-2.0-only
#include "iommufd.h"
#include "mock.h"
#include "viommu.h"

int nest_parent_alloc(int fd, uint32_t dev, uint32_t ioas, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .dev_id = dev,
		.pt_id = ioas,
	};
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

static int alloc_viommu(int fd, struct iommu_viommu_alloc *arg, uint32_t *viommu)
{
	int err = iommufd_call(fd, IOMMU_VIOMMU_ALLOC, arg);

	*viommu = arg->out_viommu_id;
	return err;
}

int viommu_alloc_data(int fd, uint32_t dev, uint32_t parent, struct iommu_viommu_selftest *data,
		      uint32_t *viommu)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .type = IOMMU_VIOMMU_TYPE_SELFTEST, .dev_id = dev,
		.hwpt_id = parent, .data_len = data ? sizeof(*data) : 0,
		.data_uptr = (uintptr_t)data,
	};

	return alloc_viommu(fd, &arg, viommu);
}

int viommu_alloc_type(int fd, uint32_t type, uint32_t dev, uint32_t parent, uint32_t *viommu)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .type = type, .dev_id = dev, .hwpt_id = parent,
	};

	return alloc_viommu(fd, &arg, viommu);
}

int viommu_alloc(int fd, uint32_t dev, uint32_t parent, uint32_t *viommu)
{
	return viommu_alloc_data(fd, dev, parent, NULL, viommu);
}

int vdevice_alloc(int fd, uint32_t viommu, uint32_t dev, uint64_t virt_id, uint32_t *vdevice)
{
	struct iommu_vdevice_alloc arg = {
		.size = sizeof(arg), .viommu_id = viommu, .dev_id = dev, .virt_id = virt_id,
	};
	int err = iommufd_call(fd, IOMMU_VDEVICE_ALLOC, &arg);

	*vdevice = arg.out_vdevice_id;
	return err;
}

int veventq_alloc_type(int fd, uint32_t viommu, uint32_t type, uint32_t depth,
		       uint32_t *veventq)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg), .viommu_id = viommu, .type = type, .veventq_depth = depth,
	};
	int err = iommufd_call(fd, IOMMU_VEVENTQ_ALLOC, &arg);

	*veventq = arg.out_veventq_id;
	return err ? err : (int)arg.out_veventq_fd;
}

int veventq_alloc(int fd, uint32_t viommu, uint32_t depth, uint32_t *veventq)
{
	return veventq_alloc_type(fd, viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, depth, veventq);
}

int hw_queue_alloc(int fd, uint32_t viommu, uint32_t index, uint64_t iova, uint64_t length,
		   uint32_t *queue)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg), .viommu_id = viommu, .type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
		.index = index, .nesting_parent_iova = iova, .length = length,
	};
	int err = iommufd_call(fd, IOMMU_HW_QUEUE_ALLOC, &arg);

	*queue = arg.out_hw_queue_id;
	return err;
}

int viommu_invalidate_type(int fd, uint32_t viommu, uint32_t type, const void *requests,
			   uint32_t entry_len, uint32_t *nr)
{
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .hwpt_id = viommu, .data_uptr = (uintptr_t)requests,
		.data_type = type, .entry_len = entry_len, .entry_num = *nr,
	};
	int err = iommufd_call(fd, IOMMU_HWPT_INVALIDATE, &arg);

	*nr = arg.entry_num;
	return err;
}

int viommu_invalidate(int fd, uint32_t viommu, const void *requests, uint32_t entry_len,
		      uint32_t *nr)
{
	return viommu_invalidate_type(fd, viommu, IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
				      requests, entry_len, nr);
}

int mock_trigger_vevent(int fd, uint32_t dev)
{
	struct iommu_test_cmd arg = {
		.size = sizeof(arg), .op = IOMMU_TEST_OP_TRIGGER_VEVENT,
		.trigger_vevent.dev_id = dev,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &arg);
}

int mock_skip_vevents(int fd, uint32_t veventq, uint64_t nr)
{
	struct iommu_test_ext arg = {
		.size = sizeof(arg), .op = IOMMU_TEST_EXT_SKIP_VEVENTS, .id = veventq,
		.skip_vevents.nr = nr,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &arg);
}
