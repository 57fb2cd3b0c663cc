/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An edu device in the hands of user space, behind its node, with page tables from
 * /dev/iommu.
 */
#ifndef GUEST_EDU_USER_H
#define GUEST_EDU_USER_H

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define IOVA		0x40000000ULL
#define CANARY		0xa5
#define SEED		3

struct edu {
	char bdf[PCI_BDF_LEN];
	int fd;
	int dev_id;
	volatile uint8_t *regs;
	size_t regs_len;
};

static int iommufd;
static uint8_t pattern[PAGE_BYTES];

/* What every program does first */
static inline bool edu_begin(void)
{
	page_fill(pattern, sizeof(pattern), SEED);
	iommufd = iommufd_open();
	return tap_ok(iommufd >= 0, "open /dev/iommu");
}

/* An address space with one page in it; the page is the result, NULL on failure. */
static inline uint8_t *space_with_page(int *ioas, uint64_t iova)
{
	uint8_t *page = page_alloc(1);

	*ioas = ioas_new(iommufd);
	if (*ioas < 0 || !page || ioas_map_fixed(iommufd, *ioas, page, PAGE_BYTES, iova))
		return NULL;
	return page;
}

/* The two devices, in any order; true if there are so many. */
static inline bool edu_find_two(char found[2][PCI_BDF_LEN])
{
	struct dirent *entry;
	char word[32];
	DIR *dir = opendir(PCI_DEVICES);
	int nr = 0;

	while (dir && nr < 2 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    pci_attr(entry->d_name, "device", word, sizeof(word)) ||
		    strcmp(word, EDU_DEVICE))
			continue;
		snprintf(found[nr++], PCI_BDF_LEN, "%.15s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return nr == 2;
}

static inline int edu_open(struct edu *edu, const char *bdf)
{
	int err;

	*edu = (struct edu){ .fd = -1 };
	snprintf(edu->bdf, sizeof(edu->bdf), "%.15s", bdf);
	err = pci_bind(bdf, "vfio-pci");
	if (err)
		return err;
	edu->fd = cdev_open(bdf);
	if (edu->fd < 0)
		return edu->fd;
	edu->dev_id = cdev_bind(edu->fd, iommufd);
	if (edu->dev_id < 0)
		return edu->dev_id;
	err = cdev_enable(edu->fd);
	if (err)
		return err;
	edu->regs = cdev_regs(edu->fd, &edu->regs_len);
	return edu->regs ? 0 : -EIO;
}

static inline void edu_close(struct edu *edu)
{
	if (edu->regs)
		munmap((void *)edu->regs, edu->regs_len);
	if (edu->fd >= 0)
		close(edu->fd);
}

/* Fill the device's buffer with the pattern, through a page mapped at iova. */
static inline int edu_arm(struct edu *edu, uint8_t *page, uint64_t iova)
{
	memcpy(page, pattern, PAGE_BYTES);
	return edu_load(edu->regs, iova, EDU_MAX_BYTES);
}

static inline bool has_pattern(const uint8_t *page)
{
	return !memcmp(page, pattern, EDU_MAX_BYTES);
}

static inline bool writes_reach(struct edu *edu, uint64_t iova, uint8_t *page)
{
	memset(page, CANARY, PAGE_BYTES);
	return !edu_store(edu->regs, iova, EDU_MAX_BYTES) && has_pattern(page);
}

/* Blocked means that the transfer ended and the page is as it was. */
static inline bool writes_blocked(struct edu *edu, uint64_t iova, uint8_t *page)
{
	memset(page, CANARY, PAGE_BYTES);
	return !edu_store(edu->regs, iova, EDU_MAX_BYTES) && page_is(page, PAGE_BYTES, CANARY);
}

/* Nothing but the page is reached, and that where it is mapped. */
static inline void expect_page(struct edu *edu, uint8_t *page, const char *when)
{
	uint8_t *canary = page_alloc(1);
	uint64_t phys = page_phys(canary);

	tap_ok(!edu_arm(edu, page, IOVA) && writes_reach(edu, IOVA, page), "%s: DMA arrives", when);
	tap_ok(phys && writes_blocked(edu, phys, canary), "%s: but not where nothing is mapped",
	       when);
	munmap(canary, PAGE_BYTES);
}

#endif
