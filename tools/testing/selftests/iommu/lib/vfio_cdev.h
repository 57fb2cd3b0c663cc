/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices behind /dev/vfio/devices. All calls return 0 or a negative errno; those
 * that make a descriptor or an id return that.
 */
#ifndef TEST_LIB_VFIO_CDEV_H
#define TEST_LIB_VFIO_CDEV_H

#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>

#define CDEV_NODES	"/dev/vfio/devices"
#define PCI_COMMAND	4
#define PCI_COMMAND_MEMORY_MASTER	6

/* Name of the node of a function that VFIO has: "vfio0". */
int cdev_name(const char *bdf, char *name, size_t len);

int cdev_open(const char *bdf);

#define CDEV_TOKEN_BYTES	16

/*
 * Id of the device in the iommufd. The token is the one that a function and its virtual
 * functions share, or NULL.
 */
int cdev_bind_token(int fd, int iommufd, const void *token);

/* The same without a token */
int cdev_bind(int fd, int iommufd);

/* Id of the page table in use. */
int cdev_attach(int fd, uint32_t pt_id);

int cdev_detach(int fd);

int cdev_region(int fd, uint32_t index, struct vfio_region_info *info);

/* Let the function decode memory and master the bus. */
int cdev_enable(int fd);

/* Map BAR 0; NULL on failure. */
volatile uint8_t *cdev_regs(int fd, size_t *len);

/* Signal eventfd when the kernel wants the device back. */
int cdev_want_request(int fd, int eventfd);

#endif
