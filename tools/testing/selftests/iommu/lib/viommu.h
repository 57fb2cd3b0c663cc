/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the calls about virtual IOMMUs, of the type that the mock has unless
 * their names end with _type. All return 0 or a negative errno unless they say otherwise.
 */
#ifndef TEST_LIB_VIOMMU_H
#define TEST_LIB_VIOMMU_H

#include <stdint.h>

#include "../../../../../drivers/iommu/iommufd/iommufd_test_ext.h"

/* A page table that others can be nested in */
int nest_parent_alloc(int fd, uint32_t dev, uint32_t ioas, uint32_t *hwpt);
int viommu_alloc(int fd, uint32_t dev, uint32_t parent, uint32_t *viommu);
/* The same with data, which gets the results. */
int viommu_alloc_data(int fd, uint32_t dev, uint32_t parent, struct iommu_viommu_selftest *data,
		      uint32_t *viommu);
int viommu_alloc_type(int fd, uint32_t type, uint32_t dev, uint32_t parent, uint32_t *viommu);
int vdevice_alloc(int fd, uint32_t viommu, uint32_t dev, uint64_t virt_id, uint32_t *vdevice);
/* The descriptor of a new queue of events, or a negative errno. */
int veventq_alloc(int fd, uint32_t viommu, uint32_t depth, uint32_t *veventq);
int veventq_alloc_type(int fd, uint32_t viommu, uint32_t type, uint32_t depth,
		       uint32_t *veventq);
int hw_queue_alloc(int fd, uint32_t viommu, uint32_t index, uint64_t iova, uint64_t length,
		   uint32_t *queue);
/* *nr: in how many requests there are; out how many were done. */
int viommu_invalidate(int fd, uint32_t viommu, const void *requests, uint32_t entry_len,
		      uint32_t *nr);
int viommu_invalidate_type(int fd, uint32_t viommu, uint32_t type, const void *requests,
			   uint32_t entry_len, uint32_t *nr);
int mock_trigger_vevent(int fd, uint32_t dev);
/* Count events that never came. */
int mock_skip_vevents(int fd, uint32_t veventq, uint64_t nr);

#endif
