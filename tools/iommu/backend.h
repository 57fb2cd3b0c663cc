/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways to map memory for a device. All calls return 0 or a negative errno.
 */
#ifndef BENCH_BACKEND_H
#define BENCH_BACKEND_H

#include <stdint.h>

#include "../../samples/iommufd/vfio_device.h"

struct backend;

struct backend_ops {
	const char *name;
	int (*open)(struct backend *backend, const char *bdf);
	void (*close)(struct backend *backend);
	/* Readable and writable, at this address */
	int (*map)(struct backend *backend, void *mem, uint64_t bytes, uint64_t iova);
	/* Whatever is mapped in [iova, iova + bytes) */
	int (*unmap)(struct backend *backend, uint64_t iova, uint64_t bytes);
};

struct backend {
	const struct backend_ops *ops;
	struct vfio_device dev;		/* iommufd */
	uint32_t ioas_id;		/* that map and unmap change */
	int container, group, device;	/* VFIO containers */
};

/* /dev/iommu, the device attached to the address space */
extern const struct backend_ops backend_iommufd;
/* /dev/iommu, nothing attached */
extern const struct backend_ops backend_nodomain;
/* /dev/iommu, for rows that make devices of the mock IOMMU */
extern const struct backend_ops backend_mock;
/* VFIO's own containers, and their calls on /dev/iommu */
extern const struct backend_ops backend_type1;
extern const struct backend_ops backend_compat;

/* Calls that only /dev/iommu has */
int backend_ioas_alloc(struct backend *backend, uint32_t *ioas_id);
int backend_destroy(struct backend *backend, uint32_t id);
int backend_attach(struct backend *backend, uint32_t ioas_id);
int backend_detach(struct backend *backend);
int backend_copy(struct backend *backend, uint32_t dst_ioas, uint64_t dst_iova,
		 uint32_t src_ioas, uint64_t src_iova, uint64_t bytes);

#endif
