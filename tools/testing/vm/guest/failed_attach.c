// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attached device goes to another page table, and the first, second, third ...
 * allocation or copy on the way fails. It stays where it was, with all that is mapped
 * there; what is unmapped there after that is out of its reach. What an attach can do
 * without may fail, if the device is not worse off.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edu_user.h"
#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define DEBUGFS		"/sys/kernel/debug"
#define MAX_NTH		500
#define IOVA_MSI_X86	0xfee00000ULL

/* An address space with a page, and a table of it that the device has been on */
struct space {
	int ioas;
	int hwpt;
	uint8_t *page;
};

static struct space here, there;
static int nth_file;

/*
 * Let an allocation fail when its turn comes, and say nothing of it. Only those of the
 * kmalloc caches (slub_debug=A): checkers allocate from their own, now and then.
 */
static int open_injector(void)
{
	int err = file_write(DEBUGFS "/failslab/ignore-gfp-wait", "N");

	if (err)
		return err;
	file_write(DEBUGFS "/failslab/cache-filter", "Y");
	file_write(DEBUGFS "/failslab/verbose", "0");
	file_write(DEBUGFS "/fail_page_alloc/verbose", "0");
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return nth_file < 0 ? -errno : 0;
}

static void arm(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_file, text, len, 0) != len)
		abort();
}

/* Has it failed? What fails of the question itself does not count. */
static bool disarm(void)
{
	char text[16] = "";
	bool answered = pread(nth_file, text, sizeof(text) - 1, 0) > 0;

	while (pwrite(nth_file, "0", 1, 0) != 1)
		;
	return answered && !strtoul(text, NULL, 0);
}

static void make_space(struct edu *edu, struct space *space)
{
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg), .dev_id = edu->dev_id };

	space->page = space_with_page(&space->ioas, IOVA);
	must(space->page ? 0 : -ENOMEM, "an address space with a page");
	arg.pt_id = space->ioas;
	must(iommufd_call(iommufd, IOMMU_HWPT_ALLOC, &arg), "a page table of it");
	space->hwpt = arg.out_hwpt_id;
	must(cdev_attach(edu->fd, space->hwpt), "attach it");
	tap_ok(!edu_arm(edu, space->page, IOVA) && writes_reach(edu, IOVA, space->page),
	       "DMA works");
}

static int unmap(struct space *space, uint64_t iova)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = space->ioas, .iova = iova, .length = PAGE_BYTES,
	};

	return iommufd_call(iommufd, IOMMU_IOAS_UNMAP, &arg);
}

#ifdef __x86_64__
/* Failures or not, the addresses that interrupts are written to are nobody's memory. */
static bool covers_interrupts(struct space *space)
{
	if (ioas_map_fixed(iommufd, space->ioas, space->page, PAGE_BYTES, IOVA_MSI_X86) == -EINVAL)
		return false;
	unmap(space, IOVA_MSI_X86);
	return true;
}
#else
static bool covers_interrupts(struct space *space)
{
	return false;
}
#endif

/* What is wrong with what the device reaches, or NULL */
static const char *find_fault(struct edu *edu, struct space *on, struct space *off)
{
	if (covers_interrupts(on))
		return "the interrupt window can be mapped";
	memset(off->page, CANARY, PAGE_BYTES);
	if (!writes_reach(edu, IOVA, on->page))
		return "DMA does not arrive";
	if (!page_is(off->page, PAGE_BYTES, CANARY))
		return "DMA arrives in the other space";
	if (unmap(on, IOVA))
		return "the page cannot be unmapped";
	if (!writes_blocked(edu, IOVA, on->page))
		return "DMA arrives where nothing is mapped any more";
	if (ioas_map_fixed(iommufd, on->ioas, on->page, PAGE_BYTES, IOVA))
		return "the page cannot be mapped again";
	return writes_reach(edu, IOVA, on->page) ? NULL : "DMA does not arrive when mapped again";
}

static unsigned int out_of_memory;

/* Returns false when the attach has no n-th chance to fail. */
static bool fail_one(struct edu *edu, unsigned int nth)
{
	const char *fault;
	bool failed;
	int err;

	must(cdev_attach(edu->fd, here.hwpt), "attach the one");
	arm(nth);
	err = cdev_attach(edu->fd, there.hwpt);
	failed = disarm();
	out_of_memory += err == -ENOMEM;
	if (err < 0)
		fault = find_fault(edu, &here, &there);
	else
		fault = find_fault(edu, &there, &here);
	if (failed || fault || err < 0)
		tap_ok(!fault, "failure %u: %s%s%s", nth,
		       err < 0 ? strerrorname_np(-err) : "none of the attach", fault ? ": " : "",
		       fault ? fault : "");
	return failed;
}

static void fail_each(struct edu *edu)
{
	unsigned int nth = 1;

	while (nth < MAX_NTH && fail_one(edu, nth))
		nth++;
	tap_ok(nth < MAX_NTH, "each chance to fail was taken");
}

static void test_attach(const char *bdf)
{
	struct edu edu;

	must(edu_open(&edu, bdf), "open and bind the device");
	make_space(&edu, &there);
	make_space(&edu, &here);
	fail_each(&edu);
	tap_ok(out_of_memory, "attaches were out of memory (%u)", out_of_memory);
	edu_close(&edu);
}

int main(void)
{
	char bdf[PCI_BDF_LEN];

	if (!edu_begin())
		return tap_end();
	if (expect(0, open_injector(), "allocations can be made to fail") &&
	    tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		PART(test_attach(bdf));
	close(iommufd);
	return tap_end();
}
