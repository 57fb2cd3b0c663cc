/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PASIDs of the fake IOMMU.
 *
 * Its driver writes down which domain each PASID of each device is on, and lets any
 * change fail in the ways of &enum fake_failure. It counts as an offence a wrong
 * argument of the core.
 */
#ifndef __FAKE_PASIDS_H
#define __FAKE_PASIDS_H

#include <linux/bits.h>
#include <linux/iommu.h>
#include <linux/property.h>
#include <linux/types.h>

#include "fake_iommu.h"

#define NR_PASIDS	80
#define PASID		5
#define OTHER_PASID	3
/* Needs nodes on two levels of the group's table */
#define DEEP_PASID	70

/**
 * struct fake_pasids - the part of the fake world that has PASIDs
 * @hw: domain that the hardware walks for a PASID of a device, NULL when blocked
 * @unsure: a change has failed, and the core may be wrong about where it is
 * @sets: changes since pasids_arm(), not counted those that take a PASID off
 * @fail_mask: bit n makes the n-th of them fail
 * @failure: how it fails
 * @buffer: physical address of what the DMA API has mapped
 * @left: PASIDs that were on a domain when their device was released
 * @blocked_is_broken: a PASID cannot be taken off
 * @refused_is_blocked: a device that is released must be blocked before
 * @bound: a native driver is bound to the first device
 */
struct fake_pasids {
	struct iommu_domain *hw[FAKE_MAX_DEVICES][NR_PASIDS];
	bool unsure[FAKE_MAX_DEVICES][NR_PASIDS];
	unsigned int sets;
	u64 fail_mask;
	enum fake_failure failure;
	phys_addr_t buffer;
	unsigned int left;
	bool blocked_is_broken;
	bool refused_is_blocked;
	bool bound;
};

extern struct fake_pasids fake_pasids;

/* The driver, and its domains */
extern const struct iommu_ops pasids_ops;
extern const struct iommu_ops_ext pasids_ext;
extern const struct iommu_domain_ops pasids_domain_ops;

/* Devices with PASIDs of 16 and of 2 bits */
extern const struct software_node pasids_wide;
extern const struct software_node pasids_narrow;

void pasids_release_device(struct device *dev);
void pasids_arm(u64 fail_mask, enum fake_failure failure);
struct fake_dev *pasids_make(struct kunit *test, const struct software_node *node);
void pasids_begin_with(struct kunit *test, const struct iommu_ops *driver,
		       unsigned int nr_devs);
void pasids_begin(struct kunit *test, unsigned int nr_devs);
void pasids_end(struct kunit *test);
void pasids_bind_driver(struct kunit *test);
void pasids_unbind_driver(void);
void pasids_claim(struct kunit *test);
struct iommu_domain *pasids_new_domain(struct kunit *test);
void pasids_attach(struct kunit *test, struct iommu_domain *domain, ioasid_t pasid);
void pasids_detach_and_free(struct kunit *test, struct iommu_domain *domain,
			    ioasid_t pasid);
bool pasids_all_on(ioasid_t pasid, struct iommu_domain *domain);
void pasids_expect_refused(struct kunit *test, int err,
			   struct iommu_domain *domain, ioasid_t pasid);
void pasids_expect_freed(struct kunit *test, struct iommu_domain *domain);
void pasids_expect_kept(struct kunit *test, struct iommu_domain *domain);

#endif /* __FAKE_PASIDS_H */
