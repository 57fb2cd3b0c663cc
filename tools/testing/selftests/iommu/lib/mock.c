// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iommufd.h"
#include "mock.h"

int mock_present(int fd)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd) };

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd) == -EOPNOTSUPP;
}

int mock_space(uint32_t *ioas, struct mock_ids *ids)
{
	int fd = iommufd_open(), err;

	if (fd < 0)
		return fd;
	err = ioas_alloc(fd, ioas);
	if (!err)
		err = mock_domain(fd, *ioas, 0, ids);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static uint32_t wanted_flags(void)
{
	return getenv("IOMMUFD_TEST_LATE") ? MOCK_EXT_DEVICE_LATE : 0;
}

int mock_make_device(int fd, uint32_t pt_id, uint32_t dev_flags, struct mock_ids *ids)
{
	struct iommu_test_ext cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_EXT_MAKE_DEVICE, .id = pt_id,
		.make_device.dev_flags = dev_flags,
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	ids->stdev = cmd.make_device.out_stdev_id;
	ids->hwpt = cmd.make_device.out_hwpt_id;
	ids->dev = cmd.make_device.out_idev_id;
	return err;
}

int mock_end_reset(int fd, uint32_t stdev)
{
	struct iommu_test_ext cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_EXT_END_RESET, .id = stdev,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_domain(int fd, uint32_t pt_id, uint32_t dev_flags, struct mock_ids *ids)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, .id = pt_id,
		.mock_domain_flags.dev_flags = dev_flags,
	};
	int err;

	if (wanted_flags())
		return mock_make_device(fd, pt_id, dev_flags | wanted_flags(), ids);
	err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
	ids->stdev = cmd.mock_domain_flags.out_stdev_id;
	ids->hwpt = cmd.mock_domain_flags.out_hwpt_id;
	ids->dev = cmd.mock_domain_flags.out_idev_id;
	return err;
}

int mock_snooping_device(int fd, uint32_t pt_id, struct mock_ids *ids)
{
	return mock_make_device(fd, pt_id, MOCK_EXT_DEVICE_SNOOP, ids);
}

int mock_replace(int fd, uint32_t stdev, uint32_t *pt_id)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, .id = stdev,
		.mock_domain_replace.pt_id = *pt_id,
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	*pt_id = cmd.mock_domain_replace.pt_id;
	return err;
}

int mock_pasid_attach(int fd, uint32_t stdev, uint32_t pasid, uint32_t *pt_id)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_PASID_ATTACH, .id = stdev,
		.pasid_attach = { .pasid = pasid, .pt_id = *pt_id },
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	*pt_id = cmd.pasid_attach.pt_id;
	return err;
}

int mock_pasid_replace(int fd, uint32_t stdev, uint32_t pasid, uint32_t *pt_id)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_PASID_REPLACE, .id = stdev,
		.pasid_replace = { .pasid = pasid, .pt_id = *pt_id },
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	*pt_id = cmd.pasid_replace.pt_id;
	return err;
}

int mock_pasid_detach(int fd, uint32_t stdev, uint32_t pasid)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_PASID_DETACH, .id = stdev,
		.pasid_detach.pasid = pasid,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_pasid_check(int fd, uint32_t stdev, uint32_t pasid, uint32_t hwpt)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_PASID_CHECK_HWPT, .id = stdev,
		.pasid_check = { .pasid = pasid, .hwpt_id = hwpt },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

#define PERM_RW	(IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE)

int mock_page_request(int fd, uint32_t dev, uint32_t pasid, uint32_t grpid, uint64_t addr)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {
			.dev_id = dev, .pasid = pasid, .grpid = grpid, .perm = PERM_RW,
			.addr = addr,
		},
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_partial_request(int fd, uint32_t dev, uint32_t pasid, uint32_t grpid, uint64_t addr)
{
	struct iommu_test_ext cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_EXT_PARTIAL_IOPF,
		.partial_iopf = {
			.dev_id = dev, .pasid = pasid, .grpid = grpid, .perm = PERM_RW,
			.addr = addr,
		},
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_answers(int fd, uint32_t stdev, struct iommu_test_ext *answers)
{
	*answers = (struct iommu_test_ext){
		.size = sizeof(*answers), .op = IOMMU_TEST_EXT_ANSWERS, .id = stdev,
	};
	return iommufd_call(fd, IOMMU_TEST_CMD, answers);
}

int mock_nested_alloc(int fd, uint32_t dev, uint32_t parent, uint32_t flags, uint32_t fault,
		      uint32_t *hwpt)
{
	struct iommu_hwpt_selftest blob = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = dev, .pt_id = parent,
		.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(blob),
		.data_uptr = (uintptr_t)&blob, .fault_id = fault,
	};
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

int mock_add_device(int fd, uint32_t stdev, uint32_t pt_id, struct mock_ids *ids)
{
	return mock_add_device_flags(fd, stdev, pt_id, 0, ids);
}

int mock_add_device_flags(int fd, uint32_t stdev, uint32_t pt_id, uint32_t dev_flags,
			  struct mock_ids *ids)
{
	struct iommu_test_ext cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_EXT_ADD_DEVICE, .id = stdev,
		.add_device = { .pt_id = pt_id, .dev_flags = dev_flags | wanted_flags() },
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	ids->stdev = cmd.add_device.out_stdev_id;
	ids->hwpt = cmd.add_device.pt_id;
	ids->dev = cmd.add_device.out_idev_id;
	return err;
}

int mock_hwpt_alloc(int fd, uint32_t dev, uint32_t pt_id, uint32_t flags, uint32_t kind,
		    uint32_t *hwpt)
{
	struct iommu_hwpt_selftest blob = { .pagetable_type = kind };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = dev, .pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(blob),
		.data_uptr = (uintptr_t)&blob,
	};
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

int mock_hwpt_filled(int fd, const struct mock_ids *ids, uint32_t pt_id)
{
	uint32_t hwpt, to;
	int err = hwpt_alloc(fd, ids->dev, pt_id, &hwpt);

	if (err || !wanted_flags())
		return err;
	to = hwpt;
	err = mock_replace(fd, ids->stdev, &to);
	return object_destroy(fd, hwpt) ?: err;
}

int mock_reserve(int fd, uint32_t ioas, uint64_t start, uint64_t length)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ADD_RESERVED, .id = ioas,
		.add_reserved = { .start = start, .length = length },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_check_map(int fd, uint32_t hwpt, uint64_t iova, uint64_t length, const void *mem)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MD_CHECK_MAP, .id = hwpt,
		.check_map = { .iova = iova, .length = length, .uptr = (uintptr_t)mem },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_check_refs(int fd, const void *mem, uint64_t length, uint32_t refs)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MD_CHECK_REFS,
		.check_refs = { .length = length, .uptr = (uintptr_t)mem, .refs = refs },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_device_state(int fd, uint32_t stdev)
{
	return mock_device_state_on(fd, stdev, 0);
}

int mock_device_state_on(int fd, uint32_t stdev, uint32_t hwpt)
{
	struct iommu_test_ext cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_EXT_DEVICE_STATE, .id = stdev,
		.device_state.hwpt_id = hwpt,
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	return err ? err : (int)cmd.device_state.out_state;
}

int mock_page_at(int fd, uint32_t hwpt, uint64_t iova, struct iommu_test_ext *page)
{
	*page = (struct iommu_test_ext) {
		.size = sizeof(*page), .op = IOMMU_TEST_EXT_PAGE_AT, .id = hwpt,
		.page_at.iova = iova,
	};
	return iommufd_call(fd, IOMMU_TEST_CMD, page);
}

int mock_table_stats(int fd, uint32_t hwpt, struct iommu_test_ext *stats)
{
	*stats = (struct iommu_test_ext) {
		.size = sizeof(*stats), .op = IOMMU_TEST_EXT_TABLE_STATS, .id = hwpt,
	};
	return iommufd_call(fd, IOMMU_TEST_CMD, stats);
}

int mock_ioas_stats(int fd, uint32_t ioas, struct iommu_test_ext *stats)
{
	*stats = (struct iommu_test_ext) {
		.size = sizeof(*stats), .op = IOMMU_TEST_EXT_IOAS_STATS, .id = ioas,
	};
	return iommufd_call(fd, IOMMU_TEST_CMD, stats);
}

long mock_dirty(int fd, uint32_t hwpt, uint64_t iova, uint64_t length, uint64_t page_size,
		const void *bitmap)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DIRTY, .id = hwpt,
		.dirty = { .iova = iova, .length = length, .page_size = page_size,
			   .uptr = (uintptr_t)bitmap },
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	return err ? err : (long)cmd.dirty.out_nr_dirty;
}

int mock_memory_limit(int fd, uint32_t limit)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.memory_limit.limit = limit,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_check_iotlb(int fd, uint32_t hwpt, uint32_t index, uint32_t value)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MD_CHECK_IOTLB, .id = hwpt,
		.check_iotlb = { .id = index, .iotlb = value },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_check_dev_cache(int fd, uint32_t dev, uint32_t index, uint32_t value)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DEV_CHECK_CACHE, .id = dev,
		.check_dev_cache = { .id = index, .cache = value },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_access(int fd, uint32_t ioas, uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_CREATE_ACCESS, .id = ioas,
		.create_access.flags = flags,
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	return err ? err : (int)cmd.create_access.out_access_fd;
}

int mock_access_replace(int fd, int access, uint32_t ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, .id = access,
		.access_replace_ioas.ioas_id = ioas,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_access_pin(int fd, int access, uint64_t iova, uint64_t length, const void *mem,
		    uint32_t flags, uint32_t *item)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_PAGES, .id = access,
		.access_pages = { .flags = flags, .iova = iova, .length = length,
				  .uptr = (uintptr_t)mem },
	};
	int err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);

	*item = cmd.access_pages.out_access_pages_id;
	return err;
}

int mock_access_unpin(int fd, int access, uint32_t item)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, .id = access,
		.destroy_access_pages.access_pages_id = item,
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_access_rw(int fd, int access, uint64_t iova, void *data, uint64_t length,
		   uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_RW, .id = access,
		.access_rw = { .iova = iova, .length = length, .uptr = (uintptr_t)data,
			       .flags = flags },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

int mock_dmabuf(int fd, uint32_t length)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get = { .length = length, .open_flags = O_CLOEXEC | O_RDWR },
	};
	int dmabuf = ioctl(fd, IOMMU_TEST_CMD, &cmd);

	return dmabuf < 0 ? -errno : dmabuf;
}

int mock_dmabuf_revoke(int fd, int dmabuf, uint32_t revoked)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DMABUF_REVOKE,
		.dmabuf_revoke = { .dmabuf_fd = dmabuf, .revoked = revoked },
	};

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}
