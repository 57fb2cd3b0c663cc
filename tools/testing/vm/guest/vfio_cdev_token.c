// SPDX-License-Identifier: GPL-2.0-only
/*
 * The token that a physical function and its virtual functions share, as BIND
 * takes it: needed, wrong, right, set by the physical function.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define NO_FD		999

static const unsigned char first[CDEV_TOKEN_BYTES + 1] = "0123456789abcdef";
static const unsigned char second[CDEV_TOKEN_BYTES + 1] = "Another 16 bytes";
static char pf[PCI_BDF_LEN], vf[PCI_BDF_LEN];
static int iommufd;

/* A bind must end like this, and is undone. */
static void expect_once(int want, const char *bdf, int to, const void *token, const char *what)
{
	int fd = cdev_open(bdf), err;

	err = cdev_bind_token(fd, to, token);
	if (err > 0)
		err = 0;
	tap_ok(err == want, "%s (%s)", what, strerror(-err));
	close(fd);
}

/*
 * The physical function is never really bound: the driver would reset it, and
 * emulated ones lose their virtual functions by that. A closed descriptor ends
 * its binds after the token was accepted.
 */
/* covers: VFIO_DEVICE_BIND_IOMMUFD EACCES */
static void test_tokens(void)
{
	int vf_fd = cdev_open(vf);

	expect_once(-EACCES, vf, iommufd, NULL, "virtual function, no token");
	expect_once(-EACCES, vf, iommufd, first, "virtual function, a token nobody set");
	expect_once(-EACCES, vf, NO_FD, first, "the same before a closed descriptor");
	expect_once(-EBADF, pf, NO_FD, NULL, "physical function, no token needed");
	expect_once(-EBADF, pf, NO_FD, first, "physical function, sets a token");
	expect_once(-EACCES, vf, iommufd, second, "virtual function, another token");
	tap_ok(cdev_bind_token(vf_fd, iommufd, first) > 0, "virtual function, the token");

	expect_once(-EACCES, pf, NO_FD, NULL, "physical function, in use, no token");
	expect_once(-EACCES, pf, NO_FD, second, "physical function, in use, another token");
	expect_once(-EBADF, pf, NO_FD, first, "physical function, in use, the token");
	close(vf_fd);

	expect_once(-EBADF, pf, NO_FD, second, "physical function, not in use, a new token");
	expect_once(-EACCES, vf, iommufd, first, "virtual function, the old token");
	expect_once(0, vf, iommufd, second, "virtual function, the new token");
}

int main(void)
{
	int err;

	if (!tap_ok(!pci_find(NVME_VENDOR, NVME_DEVICE, pf), "the physical function is there"))
		return tap_end();
	tap_ok(!pci_bind(pf, "vfio-pci"), "vfio-pci takes it");
	err = pci_make_vf(pf, vf);
	if (!err)
		err = pci_bind(vf, "vfio-pci");
	if (!tap_ok(!err, "a virtual function (%s)", strerror(-err)))
		return tap_end();
	iommufd = iommufd_open();
	test_tokens();
	close(iommufd);
	tap_ok(!pci_bind(pf, ""), "vfio-pci gives them back");
	return tap_end();
}
