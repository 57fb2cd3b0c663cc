/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The disk of a VMM's guest: an NVMe function that is given to the VMM, and what its guest
 * says that it reads.
 */
#ifndef GUEST_VMM_DISK_H
#define GUEST_VMM_DISK_H

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "vmm.h"

#define IOMMUFD		"/dev/iommu"

static struct vmm vmm;
static char bdf[PCI_BDF_LEN];

static inline bool find_disk(void)
{
	return !pci_find(NVME_VENDOR, NVME_DEVICE, bdf) && !pci_bind(bdf, "vfio-pci");
}

static inline bool disk_vmm_start(const char *const *more)
{
	int err = vmm_start(&vmm, more);

	return tap_ok(!err, "start the VMM") &&
	       tap_ok(vmm_command_done(&vmm, "{\"execute\":\"qmp_capabilities\"}\n"),
		      "it takes commands");
}

/* The next digest that the guest prints is that of the disk */
static inline bool check_read(const char *when, const char *digest)
{
	const char *line = vmm_wait(&vmm, &vmm.console, "guest: sha256 ");

	return tap_ok(line && !strncmp(line + strlen("guest: sha256 "), digest, strlen(digest)),
		      "%s: the VMM's guest reads what is on the disk", when);
}

/* QEMU goes on without what it could not map, and says so */
static inline void check_complaints(void)
{
	tap_ok(!strstr(vmm.console.text, "dma_map(") && !strstr(vmm.console.text, "P2P DMA"),
	       "the VMM could map all that it wanted");
}

/* The device is free at the moment when the VMM is gone */
static inline void check_kill(void)
{
	int iommufd, fd, err;

	tap_ok(vmm_wait(&vmm, &vmm.console, "guest: reading"), "kill: the guest reads");
	tap_ok(vmm_kill(&vmm), "kill: the VMM is gone");
	iommufd = iommufd_open();
	fd = cdev_open(bdf);
	err = fd < 0 ? fd : cdev_bind(fd, iommufd);
	tap_ok(err > 0, "kill: the device can be bound (%s)", strerror(err < 0 ? -err : 0));
	close(fd);
	close(iommufd);
	pci_bind(bdf, "");
}

#endif
