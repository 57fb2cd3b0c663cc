// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments of PASIDs beside that of the requester ID, and a page fault's way to user
 * space and back beside that of as many bytes through a pipe. On the mock IOMMU, whose
 * own work is part of the figures: changing an attachment there costs a few stores.
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../drivers/iommu/iommufd/iommufd_test.h"
#include "bench.h"

#define PASID	5
#define COUNT	101

static const struct backend_ops *const mock[] = { &backend_mock, NULL };

/* A device on a page table with a fault queue, and another such page table */
struct target {
	int iommufd;
	uint32_t stdev_id, dev_id;
	uint32_t table[2];
	int queue;
};

static int test_call(struct target *target, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return ioctl(target->iommufd, IOMMU_TEST_CMD, cmd) ? -errno : 0;
}

static int replace_own(struct target *target, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, .id = target->stdev_id,
		.mock_domain_replace.pt_id = pt_id,
	};

	return test_call(target, &cmd);
}

static int attach_pasid(struct target *target, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_PASID_ATTACH, .id = target->stdev_id,
		.pasid_attach = { .pasid = PASID, .pt_id = pt_id },
	};

	return test_call(target, &cmd);
}

static int replace_pasid(struct target *target, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_PASID_REPLACE, .id = target->stdev_id,
		.pasid_replace = { .pasid = PASID, .pt_id = pt_id },
	};

	return test_call(target, &cmd);
}

static int detach_pasid(struct target *target)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_PASID_DETACH, .id = target->stdev_id,
		.pasid_detach.pasid = PASID,
	};

	return test_call(target, &cmd);
}

static int request_page(struct target *target, uint32_t group)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {
			.dev_id = target->dev_id, .grpid = group, .addr = IOVA_BASE,
			.perm = IOMMU_PGFAULT_PERM_READ,
		},
	};

	return test_call(target, &cmd);
}

/* with_queue: the page tables have the queue; otherwise none of them */
static int make_target(struct backend *backend, struct target *target, bool with_queue)
{
	struct iommu_test_cmd device = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, .id = backend->ioas_id,
		.mock_domain_flags.dev_flags = MOCK_FLAGS_DEVICE_PASID,
	};
	struct iommu_fault_alloc fault = { .size = sizeof(fault) };
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .pt_id = backend->ioas_id,
		.flags = IOMMU_HWPT_ALLOC_PASID | (with_queue ? IOMMU_HWPT_FAULT_ID_VALID : 0),
	};
	unsigned int i;
	int err;

	target->iommufd = backend->dev.iommufd;
	err = test_call(target, &device);
	if (err)
		return err;
	target->stdev_id = device.mock_domain_flags.out_stdev_id;
	target->dev_id = device.mock_domain_flags.out_idev_id;
	if (ioctl(target->iommufd, IOMMU_FAULT_QUEUE_ALLOC, &fault))
		return -errno;
	target->queue = fault.out_fault_fd;
	hwpt.dev_id = target->dev_id;
	hwpt.fault_id = fault.out_fault_id;
	for (i = 0; i < 2; i++) {
		if (ioctl(target->iommufd, IOMMU_HWPT_ALLOC, &hwpt))
			return -errno;
		target->table[i] = hwpt.out_hwpt_id;
	}
	return replace_own(target, target->table[0]);
}

static int run_own(struct bench *bench, const struct row_set *set)
{
	struct samples replace;
	struct target target;
	unsigned int i;
	int err;

	err = make_target(&bench->backend, &target, false);
	samples_init(&replace, "own-replace", NULL, 0, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&replace);
		err = replace_own(&target, target.table[(i + 1) % 2]);
		samples_end(&replace);
	}
	samples_report(&replace, "iommufd");
	return err;
}

static int run_pasid(struct bench *bench, const struct row_set *set)
{
	struct samples attach, replace, detach;
	struct target target;
	unsigned int i;
	int err;

	err = make_target(&bench->backend, &target, false);
	samples_init(&attach, "pasid-attach", NULL, 0, set->count);
	samples_init(&replace, "pasid-replace", NULL, 0, set->count);
	samples_init(&detach, "pasid-detach", NULL, 0, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&attach);
		err = attach_pasid(&target, target.table[0]);
		samples_end(&attach);
		if (err)
			break;
		samples_begin(&replace);
		err = replace_pasid(&target, target.table[1]);
		samples_end(&replace);
		if (err)
			break;
		samples_begin(&detach);
		err = detach_pasid(&target);
		samples_end(&detach);
	}
	samples_report(&attach, "iommufd");
	samples_report(&replace, "iommufd");
	samples_report(&detach, "iommufd");
	return err;
}

static int round_trip(struct target *target, uint32_t group)
{
	struct iommu_hwpt_page_response answer = { .code = IOMMUFD_PAGE_RESP_SUCCESS };
	struct iommu_hwpt_pgfault fault;
	int err = request_page(target, group);

	if (err)
		return err;
	if (read(target->queue, &fault, sizeof(fault)) != sizeof(fault))
		return -EIO;
	answer.cookie = fault.cookie;
	return write(target->queue, &answer, sizeof(answer)) == sizeof(answer) ? 0 : -EIO;
}

/* From the device's request to its answer */
static int run_fault(struct bench *bench, const struct row_set *set)
{
	struct samples fault;
	struct target target;
	unsigned int i;
	int err;

	err = make_target(&bench->backend, &target, true);
	samples_init(&fault, "fault", NULL, 0, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&fault);
		err = round_trip(&target, i);
		samples_end(&fault);
	}
	samples_report(&fault, "iommufd");
	return err;
}

static int run_pipe(struct bench *bench, const struct row_set *set)
{
	struct iommu_hwpt_pgfault fault = {};
	struct samples through;
	unsigned int i;
	int ends[2], err = 0;

	if (pipe(ends))
		return -errno;
	samples_init(&through, "pipe", NULL, 0, set->count);
	for (i = 0; i < set->count && !err; i++) {
		samples_begin(&through);
		if (write(ends[1], &fault, sizeof(fault)) != sizeof(fault) ||
		    read(ends[0], &fault, sizeof(fault)) != sizeof(fault))
			err = -EIO;
		samples_end(&through);
	}
	samples_report(&through, "iommufd");
	close(ends[0]);
	close(ends[1]);
	return err;
}

#define SET(_rows, _run) \
	{ .rows = _rows, .kind = NR_MEMORY_KINDS, .count = COUNT, .extra = true, .run = _run, \
	  .backends = mock }

const struct row_set pasid_sets[] = {
	SET("own-replace", run_own),
	SET("pasid-attach pasid-replace pasid-detach", run_pasid),
	SET("fault", run_fault),
	SET("pipe", run_pipe),
	{ }
};
