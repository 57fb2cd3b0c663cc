// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's side of an IOMMU that a VMM shows to its guest, step by step.
 *
 *	virtual_iommu
 *
 * The guest has a device behind its IOMMU, keeps a page table for it, sends a command that
 * invalidates what the device has cached, and reads the events that the device causes. The
 * steps have the numbers of Documentation/userspace-api/iommufd_viommu.rst.
 *
 * The device and the IOMMU are those of the mock (CONFIG_IOMMUFD_TEST). The functions that
 * begin with mock_ stand for what a real device does; types and formats whose names end
 * with SELFTEST stand for those of a real IOMMU. The verdicts are in TAP form.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../drivers/iommu/iommufd/iommufd_test.h"

#define GUEST_BYTES	(256ULL << 10)
#define GUEST_BASE	((uint64_t)MOCK_APERTURE_START)
#define GUEST_ID	0x18	/* what the guest knows the device as: 00:03.0 */
#define OTHER_ID	0x20	/* it has no such device */
#define DEPTH		2	/* of the queue of events */
#define CACHE_WORD	1

struct vmm {
	int iommufd;
	int queue;
	uint32_t ioas_id, parent_id, viommu_id, vdevice_id, queue_id, nested_id;
	uint32_t stdev_id;	/* the mock's device, */
	uint32_t dev_id;	/* and what iommufd knows it as */
	int nr_verdicts, nr_bad;
};

/* What an event of this type looks like */
struct record {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest event;
};

static void verdict(struct vmm *vmm, int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++vmm->nr_verdicts, what);
	vmm->nr_bad += !good;
}

static void call(struct vmm *vmm, unsigned long number, void *arg, const char *what)
{
	if (!ioctl(vmm->iommufd, number, arg))
		return;
	printf("# %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* The device */

static void mock_make(struct vmm *vmm)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = vmm->ioas_id,
	};

	call(vmm, IOMMU_TEST_CMD, &cmd, "a device of the mock IOMMU");
	vmm->stdev_id = cmd.mock_domain.out_stdev_id;
	vmm->dev_id = cmd.mock_domain.out_idev_id;
}

static void mock_attach(struct vmm *vmm, uint32_t hwpt_id)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = vmm->stdev_id, .mock_domain_replace.pt_id = hwpt_id,
	};

	call(vmm, IOMMU_TEST_CMD, &cmd, "attach");
}

/* The device does what the guest's IOMMU has to report; whether there is one */
static int mock_cause_event(struct vmm *vmm)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_TRIGGER_VEVENT,
		.trigger_vevent.dev_id = vmm->dev_id,
	};

	return !ioctl(vmm->iommufd, IOMMU_TEST_CMD, &cmd);
}

/* Has the device cached this word? */
static int mock_has_cached(struct vmm *vmm, uint32_t word)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DEV_CHECK_CACHE, .id = vmm->dev_id,
		.check_dev_cache = { .id = word, .cache = IOMMU_TEST_DEV_CACHE_DEFAULT },
	};

	return !ioctl(vmm->iommufd, IOMMU_TEST_CMD, &cmd);
}

/* The VMM, before the guest runs */

static void make_memory(struct vmm *vmm)
{
	void *memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct iommu_ioas_map map = {
		.size = sizeof(map), .user_va = (uintptr_t)memory, .length = GUEST_BYTES,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.iova = GUEST_BASE,
	};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
	};

	call(vmm, IOMMU_IOAS_ALLOC, &ioas, "an address space");
	map.ioas_id = ioas.out_ioas_id;
	vmm->ioas_id = ioas.out_ioas_id;
	call(vmm, IOMMU_IOAS_MAP, &map, "the guest's memory");
	mock_make(vmm);
	printf("# 1. device %u, IOAS %u: %llu KiB of the guest at 0x%llx\n", vmm->dev_id,
	       vmm->ioas_id, GUEST_BYTES >> 10, (unsigned long long)GUEST_BASE);
	hwpt.dev_id = vmm->dev_id;
	hwpt.pt_id = vmm->ioas_id;
	call(vmm, IOMMU_HWPT_ALLOC, &hwpt, "a page table for nesting");
	vmm->parent_id = hwpt.out_hwpt_id;
	printf("# 2. HWPT %u translates the guest's addresses\n", vmm->parent_id);
}

static void make_viommu(struct vmm *vmm)
{
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu), .type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = vmm->dev_id, .hwpt_id = vmm->parent_id,
	};
	struct iommu_vdevice_alloc vdevice = {
		.size = sizeof(vdevice), .dev_id = vmm->dev_id, .virt_id = GUEST_ID,
	};
	struct iommu_veventq_alloc queue = {
		.size = sizeof(queue), .type = IOMMU_VEVENTQ_TYPE_SELFTEST,
		.veventq_depth = DEPTH,
	};

	call(vmm, IOMMU_VIOMMU_ALLOC, &viommu, "a virtual IOMMU");
	vmm->viommu_id = viommu.out_viommu_id;
	printf("# 3. vIOMMU %u on HWPT %u\n", vmm->viommu_id, vmm->parent_id);
	vdevice.viommu_id = vmm->viommu_id;
	call(vmm, IOMMU_VDEVICE_ALLOC, &vdevice, "the guest's ID of the device");
	vmm->vdevice_id = vdevice.out_vdevice_id;
	printf("# 4. vDEVICE %u: the guest knows device %u as 0x%x\n", vmm->vdevice_id,
	       vmm->dev_id, GUEST_ID);
	queue.viommu_id = vmm->viommu_id;
	call(vmm, IOMMU_VEVENTQ_ALLOC, &queue, "a queue of events");
	vmm->queue_id = queue.out_veventq_id;
	vmm->queue = queue.out_veventq_fd;
	printf("# 5. vEVENTQ %u: descriptor %d, %d events can wait\n", vmm->queue_id,
	       vmm->queue, DEPTH);
}

/* What the guest does, and what the VMM does about it */

/* The guest has written the entry of its device, which leads to a page table */
static void set_up_device(struct vmm *vmm)
{
	struct iommu_hwpt_selftest table = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .dev_id = vmm->dev_id, .pt_id = vmm->viommu_id,
		.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(table),
		.data_uptr = (uintptr_t)&table,
	};

	verdict(vmm, !mock_cause_event(vmm), "a device that is not set up causes no event");
	call(vmm, IOMMU_HWPT_ALLOC, &hwpt, "the guest's page table");
	vmm->nested_id = hwpt.out_hwpt_id;
	mock_attach(vmm, vmm->nested_id);
	printf("# 6. device %u is on HWPT %u, the guest's page table\n", vmm->dev_id,
	       vmm->nested_id);
}

/* A command of the guest; returns what its queue would say */
static int pass_on(struct vmm *vmm, uint32_t guest_id, uint32_t word)
{
	struct iommu_viommu_invalidate_selftest command = {
		.vdev_id = guest_id, .cache_id = word,
	};
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .hwpt_id = vmm->viommu_id,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
		.data_uptr = (uintptr_t)&command, .entry_len = sizeof(command),
		.entry_num = 1,
	};
	int err = ioctl(vmm->iommufd, IOMMU_HWPT_INVALIDATE, &arg) ? errno : 0;

	printf("# 7. \"0x%x: drop word %u\": %u done, %s\n", guest_id, word, arg.entry_num,
	       err ? strerror(err) : "no error");
	return err;
}

static void send_commands(struct vmm *vmm)
{
	verdict(vmm, mock_has_cached(vmm, CACHE_WORD), "the device has cached a word");
	verdict(vmm, !pass_on(vmm, GUEST_ID, CACHE_WORD), "the guest's command is done");
	verdict(vmm, !mock_has_cached(vmm, CACHE_WORD), "the word is not cached any more");
	verdict(vmm, mock_has_cached(vmm, CACHE_WORD + 1), "the next one is");
	verdict(vmm, pass_on(vmm, OTHER_ID, CACHE_WORD + 1) == EINVAL,
		"a command about a device that is not the guest's is refused");
	verdict(vmm, mock_has_cached(vmm, CACHE_WORD + 1), "which has no effect");
}

/* Read what waits; how many events that are, and how many were lost in *nr_lost */
static unsigned int take_events(struct vmm *vmm, unsigned int *nr_lost)
{
	static uint32_t next;
	struct pollfd pfd = { .fd = vmm->queue, .events = POLLIN };
	unsigned int nr = 0;
	struct record record;

	*nr_lost = 0;
	while (poll(&pfd, 1, 0) == 1) {
		if (read(vmm->queue, &record, sizeof(record)) <= 0)
			break;
		*nr_lost += record.header.sequence - next;
		next = record.header.sequence + 1;
		if (record.header.flags & IOMMU_VEVENTQ_FLAG_LOST_EVENTS) {
			++*nr_lost;
			printf("# 8. events up to %u are lost\n", record.header.sequence);
			continue;
		}
		nr += record.event.virt_id == GUEST_ID;
		printf("# 8. event %u, of the guest's device 0x%x\n", record.header.sequence,
		       record.event.virt_id);
	}
	return nr;
}

static void report_events(struct vmm *vmm)
{
	unsigned int i, nr_lost;

	verdict(vmm, mock_cause_event(vmm), "the device causes an event");
	verdict(vmm, take_events(vmm, &nr_lost) == 1 && !nr_lost, "the guest can be told of it");
	for (i = 0; i < DEPTH + 3; i++)
		mock_cause_event(vmm);
	verdict(vmm, take_events(vmm, &nr_lost) == DEPTH, "as many can wait as were asked for");
	verdict(vmm, nr_lost == 3, "the others are lost, and counted");
}

/* The end: what is made of another object goes before that */
static void take_apart(struct vmm *vmm)
{
	const uint32_t ids[] = {
		vmm->nested_id, vmm->queue_id, vmm->vdevice_id, vmm->viommu_id, vmm->stdev_id,
		vmm->parent_id, vmm->ioas_id,
	};
	struct iommu_destroy arg = { .size = sizeof(arg), .id = vmm->viommu_id };
	unsigned int i;

	verdict(vmm, ioctl(vmm->iommufd, IOMMU_DESTROY, &arg) && errno == EBUSY,
		"what was made on the virtual IOMMU keeps it");
	mock_attach(vmm, vmm->parent_id);
	close(vmm->queue);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		arg.id = ids[i];
		call(vmm, IOMMU_DESTROY, &arg, "destroy");
	}
	verdict(vmm, 1, "all is taken apart in the right order");
}

int main(void)
{
	struct vmm vmm = { .iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC) };

	if (vmm.iommufd < 0) {
		printf("# /dev/iommu: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	make_memory(&vmm);
	make_viommu(&vmm);
	set_up_device(&vmm);
	send_commands(&vmm);
	report_events(&vmm);
	take_apart(&vmm);
	printf("1..%d\n", vmm.nr_verdicts);
	return vmm.nr_bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
