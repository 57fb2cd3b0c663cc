// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA and interrupts of a device whose page table comes from /dev/iommu: what
 * is mapped is reached at an address that is not the physical one, nothing else
 * is, and a change of page table takes effect at once.
 *
 *	edu_dma		one device
 *	edu_dma group	two devices that share an IOMMU group
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu_irq.h"
#include "edu_user.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define IOVA_OTHER	0x48001000ULL
#define IOVA_MSI_X86	0xfee00000ULL
#define HUGE_BYTES	(4u << 20)

static int unmap(uint32_t ioas, uint64_t iova, uint64_t bytes)
{
	return ioas_unmap(iommufd, ioas, iova, bytes, NULL);
}

static int copy_page(uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova)
{
	return ioas_copy(iommufd, dst, &dst_iova, src, src_iova, PAGE_BYTES, MAP_FIXED_RW);
}

/* Id of a page table that mirrors an address space, or a negative errno */
static int new_table(struct edu *edu, uint32_t ioas)
{
	uint32_t hwpt;
	int err = hwpt_alloc(iommufd, edu->dev_id, ioas, &hwpt);

	return err ? err : (int)hwpt;
}

static void test_directions(struct edu *edu, uint8_t *page)
{
	tap_ok(page_phys(page) && page_phys(page) != IOVA && (uintptr_t)page != IOVA,
	       "the I/O address is not the page's own");
	tap_ok(!edu_arm(edu, page, IOVA), "the device reads the page");
	tap_ok(writes_reach(edu, IOVA, page), "the device writes back what it read");
}

static void test_unmapped(struct edu *edu, uint8_t *page)
{
	uint8_t *canary = page_alloc(1);
	uint64_t phys = page_phys(canary);

	if (!tap_ok(phys, "the canary's physical address is known"))
		return;
	tap_ok(writes_blocked(edu, phys, canary), "a write to its physical address is blocked");

	/* The device's buffer must keep the pattern or lose it, not take this. */
	memset(canary, CANARY, PAGE_BYTES);
	edu_load(edu->regs, phys, EDU_MAX_BYTES);
	memset(page, 0, PAGE_BYTES);
	tap_ok(!edu_store(edu->regs, IOVA, EDU_MAX_BYTES) && !page_is(page, 64, CANARY),
	       "a read from its physical address is blocked");
	edu_arm(edu, page, IOVA);
	tap_ok(page_phys(canary) == phys, "the canary did not move");
}

static void test_read_only(struct edu *edu, int ioas)
{
	uint8_t *page = page_alloc(1);
	uint64_t iova = IOVA_OTHER;

	expect(0, ioas_map(iommufd, ioas, page, PAGE_BYTES, &iova,
			    IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA),
	       "map a page read-only");
	tap_ok(!edu_arm(edu, page, IOVA_OTHER), "the device reads it");
	tap_ok(writes_blocked(edu, IOVA_OTHER, page), "but cannot write it");
	expect(0, unmap(ioas, IOVA_OTHER, PAGE_BYTES), "unmap it");
}

static void test_chosen_iova(struct edu *edu, int ioas)
{
	uint8_t *page = page_alloc(1);
	uint64_t iova = 0;

	expect(0, ioas_map(iommufd, ioas, page, PAGE_BYTES, &iova, MAP_RW),
	       "map a page where the kernel likes");
	tap_ok(iova && iova != page_phys(page), "that is neither 0 nor the physical address");
	tap_ok(writes_reach(edu, iova, page), "the device writes it");
	expect(0, unmap(ioas, iova, PAGE_BYTES), "unmap it");
	tap_ok(writes_blocked(edu, iova, page), "the device does not write it any more");
}

/* Two IOVAs, one that large IO pages fit and one that they do not */
static void test_large(struct edu *edu, int ioas)
{
	static const uint64_t iovas[] = { 0x80000000ULL, 0x90003000ULL };
	static const uint32_t offsets[] = {
		0, 0x1ff000, 0x200000, HUGE_BYTES - PAGE_BYTES
	};
	uint8_t *mem;
	unsigned int i, j;
	bool good = true;

	mem = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!tap_ok(mem != MAP_FAILED, "have 4 MiB"))
		return;
	for (i = 0; i < 2; i++) {
		expect(0, ioas_map_fixed(iommufd, ioas, mem, HUGE_BYTES, iovas[i]),
		       "map them at 0x%llx", (unsigned long long)iovas[i]);
		for (j = 0; j < 4; j++)
			good &= writes_reach(edu, iovas[i] + offsets[j], mem + offsets[j]);
		tap_ok(good, "the device writes at their start, middle and end");
		expect(0, unmap(ioas, iovas[i], HUGE_BYTES), "unmap them");
		tap_ok(writes_blocked(edu, iovas[i] + offsets[2], mem + offsets[2]),
		       "the device does not reach them any more");
	}
	munmap(mem, HUGE_BYTES);
}

/* Returns the id of the second space, left attached, with its page at IOVA */
static int test_replace(struct edu *edu, int first, uint8_t *first_page, uint8_t **second_page)
{
	int second, hwpt;

	*second_page = space_with_page(&second, IOVA);
	if (!tap_ok(*second_page, "a second address space with another page there"))
		return -ENOMEM;
	hwpt = cdev_attach(edu->fd, second);
	tap_ok(hwpt > 0 && hwpt != second, "replace by it (%d)", hwpt);
	memset(first_page, CANARY, PAGE_BYTES);
	tap_ok(writes_reach(edu, IOVA, *second_page), "the device writes the second page");
	tap_ok(page_is(first_page, PAGE_BYTES, CANARY), "and not the first");

	tap_ok(cdev_attach(edu->fd, first) > 0, "replace by the first space");
	memset(*second_page, CANARY, PAGE_BYTES);
	tap_ok(writes_reach(edu, IOVA, first_page), "the device writes the first page again");
	tap_ok(page_is(*second_page, PAGE_BYTES, CANARY), "and not the second");
	expect(-ENOENT, object_destroy(iommufd, hwpt), "the second's automatic table is gone");

	hwpt = new_table(edu, second);
	tap_ok(hwpt > 0, "a page table of the second space (%d)", hwpt);
	expect(hwpt, cdev_attach(edu->fd, hwpt), "replace by it");
	tap_ok(writes_reach(edu, IOVA, *second_page), "the device writes the second page");
	expect(-EBUSY, object_destroy(iommufd, hwpt), "a table in use stays");
	expect(hwpt, cdev_attach(edu->fd, hwpt), "replace by the same one");
	tap_ok(cdev_attach(edu->fd, second) > 0, "replace by the space of that table");
	tap_ok(writes_reach(edu, IOVA, *second_page), "the device writes the second page");
	expect(0, object_destroy(iommufd, hwpt), "the table is free and goes");
	return second;
}

static void test_failed_replace(struct edu *edu, uint8_t *page)
{
	int ioas = ioas_new(iommufd), bad;
	uint8_t *other = page_alloc(1);

	expect(-ENOENT, cdev_attach(edu->fd, NO_SUCH_ID), "replace by nothing");
	expect(-EINVAL, cdev_attach(edu->fd, edu->dev_id), "replace by a device");
	tap_ok(writes_reach(edu, IOVA, page), "the old translation stays");
#ifdef __x86_64__
	expect(0, ioas_map_fixed(iommufd, ioas, other, PAGE_BYTES, IOVA_MSI_X86),
	       "an address space with the interrupt window mapped");
	expect(-EADDRINUSE, cdev_attach(edu->fd, ioas), "replace by it");
	tap_ok(writes_reach(edu, IOVA, page), "the old translation stays");
	expect(0, unmap(ioas, IOVA_MSI_X86, PAGE_BYTES), "the window can be unmapped");
#endif
	/* Memory that has gone since it was mapped cannot be pinned now. */
	expect(0, ioas_map_fixed(iommufd, ioas, other, PAGE_BYTES, IOVA), "map a page nobody uses");
	munmap(other, PAGE_BYTES);
	bad = cdev_attach(edu->fd, ioas);
	expect(-EFAULT, bad, "replace by a space whose memory is gone");
	tap_ok(writes_reach(edu, IOVA, page), "the old translation stays");
	expect(0, object_destroy(iommufd, ioas), "no trace is left in that space");
}

static void test_copy(struct edu *edu, int attached)
{
	int source;
	uint8_t *page = space_with_page(&source, IOVA);

	if (!tap_ok(page, "an address space to copy from"))
		return;
	expect(0, copy_page(attached, IOVA_OTHER, source, IOVA), "copy its page");
	tap_ok(writes_reach(edu, IOVA_OTHER, page), "the device writes the copied page");
	expect(0, object_destroy(iommufd, source), "the source goes");
	tap_ok(writes_reach(edu, IOVA_OTHER, page), "the copy stays");
	expect(0, unmap(attached, IOVA_OTHER, PAGE_BYTES), "unmap the copy");
	tap_ok(writes_blocked(edu, IOVA_OTHER, page), "the device does not reach it any more");
}

static void test_detach(struct edu *edu, int ioas, uint8_t *page)
{
	tap_ok(writes_reach(edu, IOVA, page), "before the detach the device writes");
	expect(0, cdev_detach(edu->fd), "detach");
	tap_ok(writes_blocked(edu, IOVA, page), "after it the mapped page is blocked");
	tap_ok(writes_blocked(edu, page_phys(page), page), "and so is its physical address");
	expect(0, cdev_detach(edu->fd), "detach again");
	tap_ok(cdev_attach(edu->fd, ioas) > 0, "attach again");
	tap_ok(writes_reach(edu, IOVA, page), "the device writes again");
}

/* Maps from before and after the page table, and before and after the attach */
static void test_own_table(struct edu *edu)
{
	uint64_t iova[3] = { IOVA, IOVA_OTHER, 0x50000000ULL };
	uint8_t *page[3];
	int ioas, hwpt, i;

	expect(0, cdev_detach(edu->fd), "detach");
	page[0] = space_with_page(&ioas, iova[0]);
	hwpt = new_table(edu, ioas);
	if (!tap_ok(page[0] && hwpt > 0, "a page table for a space with a page"))
		return;
	page[1] = page_alloc(1);
	expect(0, ioas_map_fixed(iommufd, ioas, page[1], PAGE_BYTES, iova[1]),
	       "map, not attached yet");
	tap_ok(writes_blocked(edu, iova[1], page[1]), "nothing of it is reached yet");
	expect(hwpt, cdev_attach(edu->fd, hwpt), "attach");
	page[2] = page_alloc(1);
	expect(0, ioas_map_fixed(iommufd, ioas, page[2], PAGE_BYTES, iova[2]),
	       "map while attached");
	for (i = 0; i < 3; i++)
		tap_ok(writes_reach(edu, iova[i], page[i]), "the device writes page %d", i);
	for (i = 0; i < 3; i++) {
		expect(0, unmap(ioas, iova[i], PAGE_BYTES), "unmap page %d", i);
		tap_ok(writes_blocked(edu, iova[i], page[i]), "page %d is blocked", i);
	}
	expect(-EBUSY, object_destroy(iommufd, ioas), "the space stays while its table does");
	expect(0, cdev_detach(edu->fd), "detach");
	expect(0, object_destroy(iommufd, hwpt), "the table goes");
	expect(0, object_destroy(iommufd, ioas), "then the space");
}

/* On Arm the doorbell is a mapped page, which each new table must have too. */
static void test_interrupts(struct edu *edu)
{
	int event = eventfd(0, EFD_NONBLOCK), first, second, hwpt;
	uint8_t *page = space_with_page(&first, IOVA), *other = space_with_page(&second, IOVA);

	if (!tap_ok(page && other && cdev_attach(edu->fd, first) > 0, "two spaces, one attached"))
		return;
	hwpt = new_table(edu, first);
	expect(0, irq_enable(edu, event), "ask for MSIs");
	tap_ok(!irq_came(event, NO_IRQ_MS), "none comes unasked");
	tap_ok(irq_works(edu, event), "one comes");
	tap_ok(cdev_attach(edu->fd, second) > 0 && irq_works(edu, event),
	       "one comes after a replace by another space");
	tap_ok(writes_reach(edu, IOVA, other), "DMA works beside it");
	tap_ok(cdev_attach(edu->fd, hwpt) == hwpt && irq_works(edu, event),
	       "one comes after a replace by a table");
	tap_ok(cdev_attach(edu->fd, first) > 0 && irq_works(edu, event),
	       "one comes after a replace by the first space");
	tap_ok(!cdev_detach(edu->fd) && cdev_attach(edu->fd, second) > 0 && irq_works(edu, event),
	       "one comes after a detach and an attach");
	expect(0, irq_disable(edu), "stop MSIs");
	tap_ok(!irq_came(event, NO_IRQ_MS), "then none comes");
	expect(0, cdev_detach(edu->fd), "detach");
	expect(0, object_destroy(iommufd, hwpt), "the table goes");
	expect(0, object_destroy(iommufd, first), "the first space goes");
	expect(0, object_destroy(iommufd, second), "the second space goes");
	close(event);
}

/* The driver of a VM sets interrupts up when it likes, the VM's memory comes later. */
static void test_interrupts_first(struct edu *edu)
{
	int event = eventfd(0, EFD_NONBLOCK), first, second;
	uint8_t *page = space_with_page(&first, IOVA), *other = space_with_page(&second, IOVA);

	if (!tap_ok(page && other, "two spaces"))
		return;
	expect(0, irq_enable(edu, event), "ask for MSIs while nothing is attached");
	tap_ok(cdev_attach(edu->fd, first) > 0 && irq_works(edu, event),
	       "one comes after the attach");
	tap_ok(writes_reach(edu, IOVA, page), "DMA works beside it");
	tap_ok(cdev_attach(edu->fd, second) > 0 && irq_works(edu, event),
	       "one comes after a replace");
	expect(0, irq_disable(edu), "stop MSIs");
	expect(0, cdev_detach(edu->fd), "detach");
	expect(0, irq_enable(edu, event), "ask for them after the detach");
	tap_ok(cdev_attach(edu->fd, second) > 0 && irq_works(edu, event),
	       "one comes after the attach");
	expect(0, irq_disable(edu), "stop MSIs");
	expect(0, cdev_detach(edu->fd), "detach");
	expect(0, object_destroy(iommufd, first), "the first space goes");
	expect(0, object_destroy(iommufd, second), "the second space goes");
	close(event);
}

static void test_one(void)
{
	char bdf[PCI_BDF_LEN];
	uint8_t *first_page, *second_page = NULL;
	int first, second, err;
	struct edu edu;

	if (pci_find(EDU_VENDOR, EDU_DEVICE, bdf)) {
		tap_skip("edu_dma", "this machine has no edu device");
		return;
	}
	err = edu_open(&edu, bdf);
	if (!expect(0, err, "open and bind the device"))
		goto out_close;
	first_page = space_with_page(&first, IOVA);
	if (!tap_ok(first_page, "an address space with a page"))
		goto out_close;
	tap_ok(writes_blocked(&edu, IOVA, first_page), "before the attach it is blocked");
	err = cdev_attach(edu.fd, first);
	tap_ok(err > 0 && err != first, "attach names another object, the table (%d)", err);

	test_directions(&edu, first_page);
	test_unmapped(&edu, first_page);
	test_read_only(&edu, first);
	test_chosen_iova(&edu, first);
	test_large(&edu, first);
	second = test_replace(&edu, first, first_page, &second_page);
	if (second > 0) {
		test_failed_replace(&edu, second_page);
		test_copy(&edu, second);
		test_detach(&edu, second, second_page);
	}
	test_own_table(&edu);
	test_interrupts(&edu);
	test_interrupts_first(&edu);

out_close:
	edu_close(&edu);
}

/* The next function of the same slot */
static void sibling(const char *bdf, char *other)
{
	snprintf(other, PCI_BDF_LEN, "%s", bdf);
	other[strlen(other) - 1]++;
}

static void test_pair(struct edu *one, struct edu *two)
{
	int first, second, hwpt;
	uint8_t *page = space_with_page(&first, IOVA), *other = space_with_page(&second, IOVA);

	if (!tap_ok(page && other, "two address spaces"))
		return;
	hwpt = cdev_attach(one->fd, first);
	tap_ok(hwpt > 0, "attach one device to the first");
	expect(-EINVAL, cdev_attach(two->fd, second), "the other cannot go elsewhere");
	expect(hwpt, cdev_attach(two->fd, first), "it gets the same table");
	tap_ok(!edu_arm(one, page, IOVA) && writes_reach(one, IOVA, page), "one does DMA");
	tap_ok(!edu_arm(two, page, IOVA) && writes_reach(two, IOVA, page), "the other does DMA");

	memset(page, CANARY, PAGE_BYTES);
	tap_ok(cdev_attach(one->fd, second) > 0, "replace for one by the second space");
	tap_ok(writes_reach(one, IOVA, other), "one writes the second page");
	tap_ok(writes_reach(two, IOVA, other), "the other moved with it");
	tap_ok(page_is(page, PAGE_BYTES, CANARY), "nothing reached the first page");

	expect(0, cdev_detach(one->fd), "detach one");
	tap_ok(writes_reach(two, IOVA, other), "the other still does DMA");
	expect(-EBUSY, object_destroy(iommufd, second), "its space stays");
	expect(0, cdev_detach(two->fd), "detach the other");
	tap_ok(writes_blocked(one, IOVA, other), "one is blocked");
	tap_ok(writes_blocked(two, IOVA, other), "the other is blocked");
	expect(0, object_destroy(iommufd, second), "the space is free");
	expect(0, object_destroy(iommufd, first), "and so is the first");
}

static void test_group(void)
{
	char bdf[PCI_BDF_LEN], other[PCI_BDF_LEN];
	struct edu one = { .fd = -1 }, two = { .fd = -1 };

	if (pci_find(EDU_VENDOR, EDU_DEVICE, bdf)) {
		tap_skip("edu_dma group", "this machine has no edu device");
		return;
	}
	bdf[strlen(bdf) - 1] = '0';
	sibling(bdf, other);
	pci_bind(other, "vfio-pci");
	expect(0, edu_open(&one, bdf), "open and bind one");
	expect(0, edu_open(&two, other), "open and bind the other");
	if (tap_ok(pci_group(bdf) >= 0 && pci_group(bdf) == pci_group(other),
		   "they share a group") && one.regs && two.regs)
		test_pair(&one, &two);
	edu_close(&two);
	edu_close(&one);
}

int main(int argc, char **argv)
{
	if (!edu_begin())
		return tap_end();
	if (argc > 1)
		test_group();
	else
		test_one();
	close(iommufd);
	return tap_end();
}
