// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function that caches translations (ATS) goes from one page table to another:
 * it may cache while it has one, and not after. What the IOMMU was told to flush
 * is in the emulator's log.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define VIRTIO_VENDOR	"0x1af4"
#define VIRTIO_RNG	"0x1044"

#define EXT_CAPS	0x100
#define CAP_ID_ATS	0x000f
#define ATS_CTRL	6
#define ATS_ENABLE	0x8000

#define IOVA		0x10000000

static char bdf[PCI_BDF_LEN];

/* 1 when ATS is on, 0 when it is off, or a negative errno. */
static int ats_is_on(void)
{
	unsigned int at = EXT_CAPS;
	char path[PATH_MAX];
	uint32_t head = 0;
	uint16_t ctrl;
	int fd, on = -ENODEV;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", bdf);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	for (; at >= EXT_CAPS; at = head >> 20) {
		if (pread(fd, &head, sizeof(head), at) != sizeof(head))
			break;
		if ((head & 0xffff) != CAP_ID_ATS)
			continue;
		if (pread(fd, &ctrl, sizeof(ctrl), at + ATS_CTRL) == sizeof(ctrl))
			on = !!(ctrl & ATS_ENABLE);
		break;
	}
	close(fd);
	return on;
}

static void test_moves(int fd, int iommufd, void *page)
{
	int first = ioas_new(iommufd), second = ioas_new(iommufd), err;

	err = ioas_map_fixed(iommufd, first, page, PAGE_BYTES, IOVA);
	tap_ok(first > 0 && second > 0 && !err, "two address spaces, a page in one");

	err = cdev_attach(fd, first);
	tap_ok(err > 0 && ats_is_on() == 1, "attached: may cache translations");
	err = cdev_attach(fd, second);
	tap_ok(err > 0 && ats_is_on() == 1, "replaced: may cache translations");
	err = cdev_detach(fd);
	tap_ok(!err && ats_is_on() == 0, "detached: may not");
	err = cdev_attach(fd, first);
	tap_ok(err > 0 && ats_is_on() == 1, "attached once more");
	err = cdev_detach(fd);
	tap_ok(!err && ats_is_on() == 0, "detached once more");
}

int main(void)
{
	int fd, iommufd = iommufd_open();
	void *page;

	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!tap_ok(page != MAP_FAILED && !pci_find(VIRTIO_VENDOR, VIRTIO_RNG, bdf) &&
		    !pci_bind(bdf, "vfio-pci"), "a function with ATS"))
		return tap_end();
	fd = cdev_open(bdf);
	if (tap_ok(fd >= 0 && cdev_bind(fd, iommufd) > 0, "bound"))
		test_moves(fd, iommufd, page);
	close(fd);
	tap_ok(ats_is_on() == 1, "given back to the kernel: may cache translations");
	return tap_end();
}
