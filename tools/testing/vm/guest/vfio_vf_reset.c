// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reset of a physical function is one of its virtual functions, too: one that
 * a user has is blocked meanwhile, and comes back. It shows in the kernel's trace of
 * attaches.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define TRACING		"/sys/kernel/tracing"
#define IOVA		0x40000000ULL

#define NO_FD		999

static const unsigned char token[CDEV_TOKEN_BYTES + 1] = "0123456789abcdef";
static char pf[PCI_BDF_LEN], vf[PCI_BDF_LEN];
static int iommufd;

/* Lines of the trace that name an attach of the function; the trace is emptied. */
static int attaches_of(const char *bdf)
{
	FILE *trace = fopen(TRACING "/trace", "r");
	char line[512];
	int nr = 0;

	while (trace && fgets(line, sizeof(line), trace))
		nr += strstr(line, "attach_device_to_domain") && strstr(line, bdf);
	if (trace)
		fclose(trace);
	trace = fopen(TRACING "/trace", "w");
	if (trace)
		fclose(trace);
	return nr;
}

/* A bind of the physical function that goes no further than that */
static void set_token(void)
{
	int fd = must(cdev_open(pf), "open the physical function");

	expect(-EBADF, cdev_bind_token(fd, NO_FD, token), "set a token");
	close(fd);
}

static int reset_pf(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset", pf);
	return file_write(path, "1");
}

static void test_reset(void)
{
	int fd = must(cdev_open(vf), "open the virtual function"), ioas;

	must(cdev_bind_token(fd, iommufd, token), "bind it");
	ioas = must(ioas_new(iommufd), "an address space");
	attaches_of(vf);
	must(cdev_attach(fd, ioas), "attach it");
	expect(1, attaches_of(vf), "the trace shows that");
	expect(0, reset_pf(), "reset the physical function");
	expect(2, attaches_of(vf), "the virtual one was blocked, and came back");
	expect(0, cdev_detach(fd), "detach it");
	expect(1, attaches_of(vf), "it is blocked, as it is always without a domain");
	expect(0, reset_pf(), "reset the physical function");
	expect(0, attaches_of(vf), "it stays so");
	close(fd);
	attaches_of(vf);
	expect(0, reset_pf(), "reset the physical function once more");
	expect(0, attaches_of(vf), "a function that nobody has is left alone");
}

int main(void)
{
	mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (!expect(0, file_write(TRACING "/events/iommu/attach_device_to_domain/enable", "1"),
		    "trace attaches"))
		return tap_end();
	iommufd = must(iommufd_open(), "open /dev/iommu");
	must(pci_find(NVME_VENDOR, NVME_DEVICE, pf), "the physical function is there");
	must(pci_bind(pf, "vfio-pci"), "vfio-pci takes it");
	must(pci_make_vf(pf, vf), "a virtual function");
	must(pci_bind(vf, "vfio-pci"), "vfio-pci takes it");
	set_token();
	PART(test_reset());
	close(iommufd);
	expect(0, pci_bind(pf, ""), "vfio-pci gives them back");
	return tap_end();
}
