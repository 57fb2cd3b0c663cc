/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding PCI functions, removing them, and changing their driver and group, through
 * sysfs.
 */
#ifndef TEST_LIB_PCI_H
#define TEST_LIB_PCI_H

#include <stdbool.h>
#include <stddef.h>

/* QEMU's NVMe controller */
#define NVME_VENDOR	"0x1b36"
#define NVME_DEVICE	"0x0010"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define PCI_BDF_LEN	16

int pci_attr(const char *bdf, const char *attr, char *buf, size_t len);

/* Is the function's IOMMU a virtio device? */
bool pci_has_virtio_iommu(const char *bdf);

/* First function with these ids ("0x1234"); 0, or -ENODEV. */
int pci_find(const char *vendor, const char *device, char *bdf);

/* Number of the function's IOMMU group, or a negative errno. */
int pci_group(const char *bdf);

/* Give the function to a driver ("" for none); 0 or a negative errno. */
int pci_bind(const char *bdf, const char *driver);

/* Pull the function out, as far as the kernel knows; 0 or a negative errno. */
int pci_remove(const char *bdf);

/* Plug in again what was pulled out; 0 or a negative errno. */
int pci_rescan(void);

/* Have a physical function make its first virtual one; 0 or a negative errno. */
int pci_make_vf(const char *pf, char *vf);

/*
 * The function's IOMMU group, or a negative errno.  Where firmware tables tie
 * functions to IOMMUs (Arm), 6.1 makes the group when a first driver is bound.
 */
int pci_group_made(const char *bdf);

#endif
