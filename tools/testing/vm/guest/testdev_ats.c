// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function caches translations until it is told to forget them. What was unmapped, or
 * mapped anew, may not be reached by what it has cached.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "testdev.h"

#define IOVA		0x40000000ULL
#define NPAGES		16
#define CANARY		0xa5

static int iommufd;
static volatile uint8_t *regs;

/* Ask for a translation; true if it is that of the page, with these rights */
static bool translates(uint64_t iova, const uint8_t *page, uint64_t rights)
{
	enum testdev_end end = testdev_run(regs, TESTDEV_ATS, iova, 8, TESTDEV_NO_PASID);
	uint64_t mask = testdev_get(regs, TESTDEV_MASK);
	uint64_t host = testdev_get(regs, TESTDEV_HOST) + (iova & mask);

	return end == TESTDEV_OK && host == page_phys(page) &&
	       testdev_get(regs, TESTDEV_RIGHTS) == rights;
}

/* How a write of a value ends, and whether the page then begins with it */
static bool writes(enum testdev_command command, uint64_t iova, uint8_t *page, uint64_t value)
{
	enum testdev_end end;

	memset(page, CANARY, PAGE_BYTES);
	testdev_fill(regs, value);
	end = testdev_run(regs, command, iova, sizeof(value), TESTDEV_NO_PASID);
	return end == TESTDEV_OK && !memcmp(page, &value, sizeof(value));
}

/* The write ends like this, and the page is as it was */
static bool write_fails(enum testdev_command command, uint64_t iova, uint8_t *page,
			enum testdev_end wanted)
{
	enum testdev_end end;

	memset(page, CANARY, PAGE_BYTES);
	testdev_fill(regs, 0x0123456789abcdefULL);
	end = testdev_run(regs, command, iova, 8, TESTDEV_NO_PASID);
	return end == wanted && page_is(page, PAGE_BYTES, CANARY);
}

static void test_unmap(uint32_t ioas)
{
	uint8_t *page = page_alloc(1), *other = page_alloc(1);

	must(ioas_map_fixed(iommufd, ioas, page, PAGE_BYTES, IOVA), "map");
	tap_ok(writes(TESTDEV_WRITE, IOVA, page, 1), "DMA arrives");
	tap_ok(write_fails(TESTDEV_TLB_WRITE, IOVA, page, TESTDEV_TLB_MISS),
	       "nothing is cached at first");
	tap_ok(translates(IOVA, page, TESTDEV_MAY_READ | TESTDEV_MAY_WRITE),
	       "a translation is the page's address");
	tap_ok(writes(TESTDEV_TLB_WRITE, IOVA, page, 2), "DMA by the cached translation arrives");

	must(ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	tap_ok(write_fails(TESTDEV_TLB_WRITE, IOVA, page, TESTDEV_TLB_MISS),
	       "unmapped: the device has forgotten it");
	tap_ok(write_fails(TESTDEV_WRITE, IOVA, page, TESTDEV_IS_REFUSED),
	       "unmapped: DMA is refused");
	tap_ok(testdev_run(regs, TESTDEV_ATS, IOVA, 8, TESTDEV_NO_PASID) == TESTDEV_NO_RIGHTS,
	       "unmapped: a translation has no rights");

	must(ioas_map_fixed(iommufd, ioas, other, PAGE_BYTES, IOVA), "map another page");
	tap_ok(translates(IOVA, other, TESTDEV_MAY_READ | TESTDEV_MAY_WRITE),
	       "mapped anew: a translation is the other page's address");
	tap_ok(writes(TESTDEV_TLB_WRITE, IOVA, other, 3), "mapped anew: DMA arrives there");
	must(ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	munmap(page, PAGE_BYTES);
	munmap(other, PAGE_BYTES);
}

static void test_read_only(uint32_t ioas)
{
	uint8_t *page = page_alloc(1);
	uint64_t iova = IOVA;

	must(ioas_map(iommufd, ioas, page, PAGE_BYTES, &iova,
		      IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA), "map for reads");
	tap_ok(translates(IOVA, page, TESTDEV_MAY_READ), "mapped for reads: no right to write");
	tap_ok(write_fails(TESTDEV_TLB_WRITE, IOVA, page, TESTDEV_TLB_MISS),
	       "mapped for reads: no write by the cached translation");
	tap_ok(write_fails(TESTDEV_WRITE, IOVA, page, TESTDEV_IS_REFUSED),
	       "mapped for reads: no other write");
	must(ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap");
	munmap(page, PAGE_BYTES);
}

/* Each page is a mapping of its own; every other one goes. */
static void test_many(uint32_t ioas)
{
	uint8_t *pages = page_alloc(NPAGES);
	bool all = true, gone = true;
	unsigned int i;

	for (i = 0; i < NPAGES; i++)
		must(ioas_map_fixed(iommufd, ioas, pages + i * PAGE_BYTES, PAGE_BYTES,
				    IOVA + i * PAGE_BYTES), "map");
	for (i = 0; i < NPAGES; i++)
		all &= translates(IOVA + i * PAGE_BYTES, pages + i * PAGE_BYTES,
				  TESTDEV_MAY_READ | TESTDEV_MAY_WRITE) &&
		       writes(TESTDEV_TLB_WRITE, IOVA + i * PAGE_BYTES, pages + i * PAGE_BYTES, i);
	tap_ok(all, "%d pages are cached", NPAGES);
	for (i = 0; i < NPAGES; i += 2) {
		must(ioas_unmap(iommufd, ioas, IOVA + i * PAGE_BYTES, PAGE_BYTES, NULL), "unmap");
		gone &= write_fails(TESTDEV_TLB_WRITE, IOVA + i * PAGE_BYTES,
				    pages + i * PAGE_BYTES, TESTDEV_TLB_MISS);
	}
	tap_ok(gone, "each is forgotten when it is unmapped");
	must(ioas_unmap_all(iommufd, ioas, NULL), "unmap all");
	for (i = 0; i < NPAGES; i++)
		gone &= write_fails(TESTDEV_TLB_WRITE, IOVA + i * PAGE_BYTES,
				    pages + i * PAGE_BYTES, TESTDEV_TLB_MISS);
	tap_ok(gone, "and all when all is");
	munmap(pages, NPAGES * PAGE_BYTES);
}

/* Attaching another page table in place of the first leaves nothing cached of that. */
static void test_replace(int fd, uint32_t first)
{
	uint8_t *page = page_alloc(1), *other = page_alloc(1);
	int second = must(ioas_new(iommufd), "another address space");

	must(ioas_map_fixed(iommufd, first, page, PAGE_BYTES, IOVA), "map");
	must(ioas_map_fixed(iommufd, second, other, PAGE_BYTES, IOVA), "map in the other");
	tap_ok(translates(IOVA, page, TESTDEV_MAY_READ | TESTDEV_MAY_WRITE), "the first page");
	must(cdev_attach(fd, second), "replace");
	tap_ok(write_fails(TESTDEV_TLB_WRITE, IOVA, page, TESTDEV_TLB_MISS),
	       "replaced: the device has forgotten the first page");
	tap_ok(translates(IOVA, other, TESTDEV_MAY_READ | TESTDEV_MAY_WRITE),
	       "replaced: a translation is the other page's address");
	tap_ok(writes(TESTDEV_WRITE, IOVA, other, 4), "replaced: DMA arrives there");
	must(cdev_detach(fd), "detach");
	tap_ok(!testdev_get(regs, TESTDEV_TLB_COUNT), "detached: nothing is cached");
	tap_ok(write_fails(TESTDEV_WRITE, IOVA, other, TESTDEV_IS_REFUSED),
	       "detached: DMA is refused");
	munmap(page, PAGE_BYTES);
	munmap(other, PAGE_BYTES);
}

int main(void)
{
	char bdf[PCI_BDF_LEN];
	int fd, ioas, attached;
	size_t len;

	iommufd = iommufd_open();
	if (!tap_ok(iommufd >= 0 && !pci_find(TESTDEV_VENDOR, TESTDEV_DEVICE, bdf) &&
		    !pci_bind(bdf, "vfio-pci"), "the test device"))
		return tap_end();
	fd = cdev_open(bdf);
	ioas = ioas_new(iommufd);
	if (!tap_ok(fd >= 0 && ioas > 0 && cdev_bind(fd, iommufd) > 0, "bound"))
		return tap_end();
	attached = cdev_attach(fd, ioas);
	if (!tap_ok(attached > 0 && !cdev_enable(fd), "attached"))
		return tap_end();
	regs = cdev_regs(fd, &len);
	if (!tap_ok(regs, "registers"))
		return tap_end();
	PART(test_unmap(ioas));
	PART(test_read_only(ioas));
	PART(test_many(ioas));
	PART(test_replace(fd, ioas));
	return tap_end();
}
