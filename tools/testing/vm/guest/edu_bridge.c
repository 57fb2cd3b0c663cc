// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two devices whose requests carry one ID, that of the bridge above them: what
 * becomes of one when the other is pulled out and plugged in again.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <unistd.h>

#include "edu_user.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

static void test_left_alone(struct edu *one, struct edu *two, const char *other)
{
	int first, second, hwpt;
	uint8_t *page = space_with_page(&first, IOVA), *page2 = space_with_page(&second, IOVA);

	if (!tap_ok(page && page2, "two address spaces"))
		return;
	hwpt = cdev_attach(one->fd, first);
	expect(hwpt, cdev_attach(two->fd, first), "attach both");
	expect_page(one, page, "both there");
	expect_page(two, page, "both there, the other");
	edu_close(two);

	expect(0, pci_remove(other), "pull the other out");
	expect_page(one, page, "the other gone");
	tap_ok(cdev_attach(one->fd, second) > 0, "replace");
	expect_page(one, page2, "replaced");
	expect(0, cdev_detach(one->fd), "detach");
	tap_ok(writes_blocked(one, IOVA, page2), "the device is blocked");
	tap_ok(cdev_attach(one->fd, first) > 0, "attach");
	expect_page(one, page, "attached again");

	expect(0, pci_rescan(), "plug the other in");
	expect(pci_group(one->bdf), pci_group(other), "it comes to the same group");
	expect(0, edu_open(two, other), "open and bind it");
	expect_page(one, page, "the other back");
	tap_ok(cdev_attach(two->fd, first) > 0, "attach it");
	expect_page(two, page, "the other attached");
	edu_close(two);
	expect(0, cdev_detach(one->fd), "detach");

	expect(0, pci_remove(other), "pull the other out while nothing is attached");
	tap_ok(writes_blocked(one, IOVA, page), "the device is blocked");
	tap_ok(cdev_attach(one->fd, second) > 0, "attach");
	expect_page(one, page2, "attached without the other");
	expect(0, cdev_detach(one->fd), "detach");
	expect(0, object_destroy(iommufd, first), "the first space goes");
	expect(0, object_destroy(iommufd, second), "and the second");
	expect(0, pci_rescan(), "plug the other in");
}

int main(void)
{
	char bdf[2][PCI_BDF_LEN];
	struct edu one = { .fd = -1 }, two = { .fd = -1 };

	if (!edu_begin())
		return tap_end();
	if (!tap_ok(edu_find_two(bdf), "find two devices"))
		return tap_end();
	pci_bind(bdf[1], "vfio-pci");
	expect(0, edu_open(&one, bdf[0]), "open and bind one");
	expect(0, edu_open(&two, bdf[1]), "open and bind the other");
	if (tap_ok(pci_group(bdf[0]) >= 0 && pci_group(bdf[0]) == pci_group(bdf[1]),
		   "they share a group") && one.regs && two.regs)
		test_left_alone(&one, &two, bdf[1]);
	edu_close(&one);
	close(iommufd);
	return tap_end();
}
