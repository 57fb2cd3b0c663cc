// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is mapped when a device asks for it, as a VMM does that neither pins nor
 * even reads in all memory of a guest at its start.
 *
 *	page_faults
 *
 * The device is on a page table with a fault queue. Each page that it touches and that is
 * not mapped becomes a page fault; serve() maps the page and answers. An address outside
 * of the memory is answered as invalid, and the device's access fails.
 *
 * The device is one of the mock IOMMU (CONFIG_IOMMUFD_TEST): make_device() and touch()
 * stand for a real one. The verdicts are in TAP form.
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

#define PAGE		4096ULL
#define NR_PAGES	64
#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define STEP		37	/* pages are touched out of order */
#define MAX_FAULTS	16

struct vmm {
	int iommufd;
	int queue;
	uint32_t ioas_id;
	uint32_t stdev_id;	/* the mock's device, */
	uint32_t dev_id;	/* and what iommufd knows it as */
	uint32_t hwpt_id;
	uint8_t *memory;
	unsigned int nr_mapped, nr_refused;
	int nr_verdicts, nr_bad;
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

static void make_device(struct vmm *vmm)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = vmm->ioas_id,
	};

	call(vmm, IOMMU_TEST_CMD, &cmd, "a device of the mock IOMMU");
	vmm->stdev_id = cmd.mock_domain.out_stdev_id;
	vmm->dev_id = cmd.mock_domain.out_idev_id;
}

static void attach(struct vmm *vmm)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = vmm->stdev_id, .mock_domain_replace.pt_id = vmm->hwpt_id,
	};

	call(vmm, IOMMU_TEST_CMD, &cmd, "attach");
}

/* The device wants to write to an address, and finds nothing mapped there */
static void touch(struct vmm *vmm, uint64_t addr, uint32_t group)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {
			.dev_id = vmm->dev_id, .grpid = group, .addr = addr,
			.perm = IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE,
		},
	};

	call(vmm, IOMMU_TEST_CMD, &cmd, "a page request");
}

/* Does the device reach this page now? */
static int is_reached(struct vmm *vmm, unsigned int page)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MD_CHECK_MAP, .id = vmm->hwpt_id,
		.check_map = {
			.iova = IOVA + page * PAGE, .length = PAGE,
			.uptr = (uintptr_t)vmm->memory + page * PAGE,
		},
	};

	return !ioctl(vmm->iommufd, IOMMU_TEST_CMD, &cmd);
}

/* The VMM */

static void prepare(struct vmm *vmm)
{
	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct iommu_fault_alloc fault = { .size = sizeof(fault) };
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .flags = IOMMU_HWPT_FAULT_ID_VALID,
	};

	call(vmm, IOMMU_IOAS_ALLOC, &ioas, "an address space");
	vmm->ioas_id = ioas.out_ioas_id;
	make_device(vmm);
	call(vmm, IOMMU_FAULT_QUEUE_ALLOC, &fault, "a fault queue");
	vmm->queue = fault.out_fault_fd;
	hwpt.dev_id = vmm->dev_id;
	hwpt.pt_id = vmm->ioas_id;
	hwpt.fault_id = fault.out_fault_id;
	call(vmm, IOMMU_HWPT_ALLOC, &hwpt, "a page table");
	vmm->hwpt_id = hwpt.out_hwpt_id;
	attach(vmm);
}

/* Make the page of an address available; whether that worked */
static int resolve(struct vmm *vmm, uint64_t addr)
{
	const uint64_t offset = (addr - IOVA) & ~(PAGE - 1);
	struct iommu_ioas_map map = {
		.size = sizeof(map), .ioas_id = vmm->ioas_id, .length = PAGE,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)vmm->memory + offset, .iova = IOVA + offset,
	};

	if (addr < IOVA || offset >= NR_PAGES * PAGE)
		return 0;
	/* Another fault of the page may have been first */
	if (ioctl(vmm->iommufd, IOMMU_IOAS_MAP, &map) && errno != EEXIST)
		return 0;
	vmm->nr_mapped++;
	return 1;
}

/* One answer to all faults of a group, which are one behind the other */
static void serve(struct vmm *vmm)
{
	struct iommu_hwpt_page_response answer = { .code = IOMMUFD_PAGE_RESP_SUCCESS };
	struct pollfd pfd = { .fd = vmm->queue, .events = POLLIN };
	struct iommu_hwpt_pgfault fault[MAX_FAULTS];
	ssize_t len, i;

	while (poll(&pfd, 1, 0) == 1) {
		len = read(vmm->queue, fault, sizeof(fault));
		for (i = 0; i < len / (ssize_t)sizeof(fault[0]); i++) {
			if (!resolve(vmm, fault[i].addr))
				answer.code = IOMMUFD_PAGE_RESP_INVALID;
			if (!(fault[i].flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE))
				continue;
			vmm->nr_refused += answer.code == IOMMUFD_PAGE_RESP_INVALID;
			answer.cookie = fault[i].cookie;
			/* EINVAL: the attachment has ended since, and with it the fault */
			if (write(vmm->queue, &answer, sizeof(answer)) < 0 && errno != EINVAL)
				return;
			answer.code = IOMMUFD_PAGE_RESP_SUCCESS;
		}
	}
}

int main(void)
{
	struct vmm vmm = { .iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC) };
	unsigned int i, page, nr_reached = 0, nr_before = 0;

	if (vmm.iommufd < 0) {
		printf("# /dev/iommu: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	vmm.memory = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	prepare(&vmm);
	for (i = 0; i < NR_PAGES; i++) {
		page = i * STEP % NR_PAGES;
		nr_before += is_reached(&vmm, page);
		touch(&vmm, IOVA + page * PAGE + i, i);
		if (i % 4 == 3)
			serve(&vmm);
		nr_reached += i % 4 != 3 || is_reached(&vmm, page);
	}
	verdict(&vmm, !nr_before, "no page was mapped before the device asked for it");
	verdict(&vmm, nr_reached == NR_PAGES, "each was when the fault was answered");
	verdict(&vmm, vmm.nr_mapped == NR_PAGES, "as many pages as there are");
	touch(&vmm, IOVA + NR_PAGES * PAGE, 0);
	serve(&vmm);
	verdict(&vmm, vmm.nr_refused == 1, "an address outside of the memory was refused");
	for (i = 0, nr_reached = 0; i < NR_PAGES; i++)
		nr_reached += is_reached(&vmm, i);
	verdict(&vmm, nr_reached == NR_PAGES, "all pages are mapped");
	printf("1..%d\n", vmm.nr_verdicts);
	return vmm.nr_bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
