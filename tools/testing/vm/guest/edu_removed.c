// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions of one IOMMU group, each with requests of its own: what becomes of
 * the DMA of one that the kernel has removed while the user keeps the other.
 *
 * The kernel no longer knows a removed function, and gives access to none of its
 * registers, but it is still there and can be told to do DMA: through /dev/mem, at
 * the physical addresses that it had.
 *
 *	edu_removed [bypass]	what nobody owns bypasses the IOMMU once it is removed
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu_user.h"
#include "lib/expect.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define BAR_BYTES	0x100000
#define SECRET_SEED	99

/* Registers of a function by their physical addresses */
struct stray {
	struct edu edu;
	volatile uint16_t *config;
};

static void *map_phys(uint64_t phys, size_t bytes)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *mem;

	if (fd < 0)
		return NULL;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, phys);
	close(fd);
	return mem == MAP_FAILED ? NULL : mem;
}

/* Where the configuration space of all functions is, 0 if that is nowhere */
static uint64_t ecam_phys(void)
{
	FILE *file = fopen("/proc/iomem", "r");
	uint64_t phys = 0;
	char line[128];

	while (file && !phys && fgets(line, sizeof(line), file))
		if (strstr(line, "PCI ECAM") || strstr(line, "PCI MMCONFIG"))
			phys = strtoull(line, NULL, 16);
	if (file)
		fclose(file);
	return phys;
}

static uint64_t bar_phys(const char *bdf)
{
	char line[64];

	/* The first line is of BAR 0 and begins with the address */
	return pci_attr(bdf, "resource", line, sizeof(line)) ? 0 : strtoull(line, NULL, 16);
}

/* While the kernel still knows the function */
static bool stray_find(struct stray *stray, const char *bdf)
{
	const uint64_t ecam = ecam_phys(), bar = bar_phys(bdf);
	unsigned int bus, slot, function;

	*stray = (struct stray){ .edu.fd = -1 };
	if (!ecam || !bar || sscanf(bdf, "%*x:%x:%x.%x", &bus, &slot, &function) != 3)
		return false;
	stray->edu.regs = map_phys(bar, BAR_BYTES);
	stray->edu.regs_len = BAR_BYTES;
	stray->config = map_phys(ecam + (bus << 20 | slot << 15 | function << 12), PAGE_BYTES);
	return stray->edu.regs && stray->config;
}

static void stray_forget(struct stray *stray)
{
	edu_close(&stray->edu);
	if (stray->config)
		munmap((void *)stray->config, PAGE_BYTES);
}

/* What stops its DMA from here on is not the function itself. */
static bool stray_enable(struct stray *stray)
{
	volatile uint16_t *command = stray->config + PCI_COMMAND / 2;

	*command |= PCI_COMMAND_MEMORY_MASTER;
	return stray->config[0] == strtoul(EDU_VENDOR, NULL, 16) &&
	       (*command & PCI_COMMAND_MEMORY_MASTER) == PCI_COMMAND_MEMORY_MASTER;
}

/* Neither the user's memory, where it is mapped, nor any at its physical address */
static void expect_nothing(struct stray *stray, uint8_t *page, const char *when)
{
	uint8_t *canary = page_alloc(1);
	uint64_t phys = page_phys(canary);

	tap_ok(writes_blocked(&stray->edu, IOVA, page), "%s: it does not reach what is mapped",
	       when);
	tap_ok(phys && writes_blocked(&stray->edu, phys, canary), "%s: nor raw memory", when);
	munmap(canary, PAGE_BYTES);
}

/* Whatever its buffer holds */
static bool writes_something(struct edu *edu, uint64_t iova, uint8_t *page)
{
	memset(page, CANARY, PAGE_BYTES);
	return !edu_store(edu->regs, iova, EDU_MAX_BYTES) &&
	       !page_is(page, EDU_MAX_BYTES, CANARY);
}

/* Remove the function, which is closed, and have it ready for DMA. */
static void take_away(struct stray *stray, const char *bdf, const char *when)
{
	tap_ok(stray_find(stray, bdf), "%s: where its registers are", when);
	expect(0, pci_remove(bdf), "%s: remove it", when);
	tap_ok(pci_group(bdf) < 0, "%s: the kernel knows it no more", when);
	tap_ok(stray_enable(stray), "%s: it can do DMA", when);
}

/* It may not read either, which is told when it is back. */
static void try_to_read(struct stray *stray, uint8_t *secret)
{
	page_fill(secret, PAGE_BYTES, SECRET_SEED);
	expect(0, edu_load(stray->edu.regs, page_phys(secret), EDU_MAX_BYTES),
	       "removed: have it read raw memory");
}

static void bring_back(struct edu *two, const char *bdf, const char *when)
{
	expect(0, pci_rescan(), "%s: find it again", when);
	expect(0, edu_open(two, bdf), "%s: open and bind it", when);
}

static void test_attached(struct edu *one, struct edu *two, const char *bdf)
{
	int first = -1, second = -1;
	uint8_t *page = space_with_page(&first, IOVA), *page2 = space_with_page(&second, IOVA);
	uint8_t *secret = page_alloc(1);
	struct stray stray;

	if (!tap_ok(page && page2 && secret, "two address spaces"))
		return;
	tap_ok(cdev_attach(one->fd, first) > 0 && cdev_attach(two->fd, first) > 0, "attach both");
	expect_page(one, page, "both there");
	expect_page(two, page, "both there, the other");
	tap_ok(stray_find(&stray, bdf) && stray_enable(&stray) &&
	       writes_reach(&stray.edu, IOVA, page), "DMA arrives that /dev/mem has begun");
	stray_forget(&stray);
	edu_close(two);

	take_away(&stray, bdf, "removed");
	expect_nothing(&stray, page, "removed");
	try_to_read(&stray, secret);
	expect_page(one, page, "removed, the one left");
	tap_ok(cdev_attach(one->fd, second) > 0, "replace");
	expect_nothing(&stray, page2, "removed, replaced");
	expect_page(one, page2, "replaced, the one left");
	expect(0, cdev_detach(one->fd), "detach");
	expect_nothing(&stray, page2, "removed, detached");
	stray_forget(&stray);

	bring_back(two, bdf, "attached");
	tap_ok(cdev_attach(one->fd, first) > 0 && cdev_attach(two->fd, first) > 0, "attach both");
	tap_ok(writes_something(two, IOVA, page) && memcmp(page, secret, EDU_MAX_BYTES),
	       "back: it writes, and not what it tried to read while removed");
	expect_page(two, page, "back");
}

static void test_blocked(struct edu *one, struct edu *two, const char *bdf)
{
	uint8_t *page = page_alloc(1);
	struct stray stray;

	expect(0, cdev_detach(one->fd), "detach one");
	expect(0, cdev_detach(two->fd), "detach the other");
	edu_close(two);
	take_away(&stray, bdf, "blocked");
	expect_nothing(&stray, page, "blocked, removed");
	stray_forget(&stray);
	bring_back(two, bdf, "blocked");
}

/* Nobody's: what stopped the DMA above was its owner, and it can be seen here. */
static void test_unowned(struct edu *one, struct edu *two, const char *bdf, bool bypass)
{
	uint8_t *canary = page_alloc(1);
	uint64_t phys = page_phys(canary);
	struct stray stray;

	edu_close(one);
	edu_close(two);
	take_away(&stray, bdf, "unowned");
	if (bypass)
		tap_ok(phys && writes_something(&stray.edu, phys, canary),
		       "unowned, removed: it reaches raw memory");
	else
		expect_nothing(&stray, canary, "unowned, removed");
	stray_forget(&stray);
}

int main(int argc, char **argv)
{
	const bool bypass = argc > 1 && !strcmp(argv[1], "bypass");
	struct edu one = { .fd = -1 }, two = { .fd = -1 };
	char bdf[2][PCI_BDF_LEN];

	if (!edu_begin())
		return tap_end();
	if (!tap_ok(edu_find_two(bdf), "find two functions"))
		return tap_end();
	pci_bind(bdf[1], "vfio-pci");
	expect(0, edu_open(&one, bdf[0]), "open and bind one");
	expect(0, edu_open(&two, bdf[1]), "open and bind the other");
	if (tap_ok(pci_group(bdf[0]) >= 0 && pci_group(bdf[0]) == pci_group(bdf[1]),
		   "they share a group") && one.regs && two.regs) {
		test_attached(&one, &two, bdf[1]);
		test_blocked(&one, &two, bdf[1]);
		test_unowned(&one, &two, bdf[1], bypass);
	}
	close(iommufd);
	return tap_end();
}
