/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fake IOMMU for the unit tests of the attach layer.
 *
 * It is on a bus of its own, so that it does not conflict with the machine's
 * IOMMU, and records for each device which domain the hardware would walk. Any
 * attach can be made to fail, in each of the ways in which real drivers fail.
 *
 * Everything used here exists in an unmodified 6.1 core, too: see "The defects of
 * 6.1" in Documentation/driver-api/iommu-attach.rst.
 */
#ifndef __FAKE_IOMMU_H
#define __FAKE_IOMMU_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/types.h>

struct kunit;

#define FAKE_MAX_DEVICES 4

/**
 * enum fake_failure - where a failing attach leaves the hardware
 * @FAKE_FAIL_KEEPS_OLD: on the domain that it was on
 * @FAKE_FAIL_CLEARS: on none: all DMA is blocked
 * @FAKE_FAIL_MOVES: on the new domain
 * @FAKE_NR_FAILURES: number of the above
 */
enum fake_failure {
	FAKE_FAIL_KEEPS_OLD,
	FAKE_FAIL_CLEARS,
	FAKE_FAIL_MOVES,
	FAKE_NR_FAILURES,
};

/**
 * struct fake_domain - domain whose memory is kept until the end of the test
 * @domain: what the core sees
 * @all: entry of &struct fake_world.domains
 * @needs: features that a device's IOMMU must have, for device_fits()
 * @freed: the core freed it
 * @syncs: calls of iotlb_sync_map()
 * @synced: bytes in them
 * @mapped: bytes mapped
 */
struct fake_domain {
	struct iommu_domain domain;
	struct list_head all;
	unsigned long needs;
	bool freed;
	unsigned int syncs;
	size_t synced;
	size_t mapped;
};

/**
 * struct fake_iommu - one instance of the hardware
 * @iommu: what the core sees
 * @features: what domains may need
 * @caps: mask of BIT(enum iommu_cap)
 */
struct fake_iommu {
	struct iommu_device iommu;
	unsigned long features;
	unsigned long caps;
};

/**
 * struct fake_dev - device behind a fake IOMMU
 * @pci: contains the device that the core sees, which is on the PCI bus only while
 *       a test wants that
 * @iommu: its IOMMU, or NULL when no driver serves it
 * @hw: domain that the hardware walks for the device
 * @known: domain that the driver believes it is on, in tests that use it
 * @direct: firmware needs a region mapped 1:1
 * @deferred: first attach is left to the DMA API
 * @gone: release_device() was called
 */
struct fake_dev {
	struct pci_dev pci;
	struct fake_iommu *iommu;
	struct iommu_domain *hw;
	struct iommu_domain *known;
	bool direct;
	bool deferred;
	bool gone;
};

/**
 * struct fake_world - the state of a test
 * @group: group of all devices
 * @devs: devices
 * @nr_devs: number of @devs
 * @iommus: two instances; devices use the first unless a test says otherwise
 * @domains: all domains made, freed or not
 * @fail_mask: bit n makes the n-th attach of a domain fail
 * @failure: how it fails
 * @attaches: attaches of domains since fake_arm()
 * @default_attaches: those of them that were to the default domain
 * @no_domains: domain_alloc() fails
 * @blocking_fails: the static blocked domain of fake_ext.h cannot be attached
 * @def_type: answer of def_domain_type()
 * @offences: calls that the core must not make: an attach or detach of a released
 *            device, a detach from a domain that the device is not on
 */
struct fake_world {
	struct iommu_group *group;
	struct fake_dev *devs[FAKE_MAX_DEVICES];
	unsigned int nr_devs;
	struct fake_iommu iommus[2];
	struct list_head domains;
	u64 fail_mask;
	enum fake_failure failure;
	unsigned int attaches;
	unsigned int default_attaches;
	bool no_domains;
	bool blocking_fails;
	unsigned int def_type;
	unsigned int offences;
};

extern struct fake_world fake;

/* Stands for a blocked device: the hardware walks no domain */
extern struct iommu_domain fake_nothing;

/* Drivers with and without default domains */
extern const struct iommu_ops fake_ops;
extern const struct iommu_ops fake_bare_ops;

static inline struct fake_domain *to_fake_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct fake_domain, domain);
}

static inline struct fake_dev *to_fake_dev(struct device *dev)
{
	return container_of(dev, struct fake_dev, pci.dev);
}

static inline struct device *fake_device(unsigned int i)
{
	return &fake.devs[i]->pci.dev;
}

int fake_bus_init(void);
void fake_bus_exit(void);
void fake_world_init(struct kunit *test, const struct iommu_ops *ops,
		     unsigned int nr_devs);
void fake_world_exit(struct kunit *test);
struct fake_dev *fake_dev_make(struct kunit *test, struct fake_iommu *iommu);
unsigned int fake_index(struct device *dev);
int fake_dev_probe(struct fake_dev *fdev);
void fake_dev_remove(struct fake_dev *fdev);
void fake_arm(u64 fail_mask, enum fake_failure failure);
bool fake_all_on(struct iommu_domain *domain);
bool fake_none_on_freed(void);

bool fake_capable(struct device *dev, enum iommu_cap cap);
struct iommu_domain *fake_domain_alloc(unsigned int type);
struct iommu_domain *fake_bare_domain_alloc(unsigned int type);
struct iommu_device *fake_probe_device(struct device *dev);
void fake_release_device(struct device *dev);
struct iommu_group *fake_device_group(struct device *dev);
void fake_get_resv_regions(struct device *dev, struct list_head *list);
bool fake_is_attach_deferred(struct device *dev);
int fake_def_domain_type(struct device *dev);
int fake_attach_dev(struct iommu_domain *domain, struct device *dev);
void fake_detach_dev(struct iommu_domain *domain, struct device *dev);
int fake_map_pages(struct iommu_domain *domain, unsigned long iova,
		   phys_addr_t paddr, size_t pgsize, size_t pgcount,
		   int prot, gfp_t gfp, size_t *mapped);
size_t fake_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather);
void fake_free(struct iommu_domain *domain);

#endif /* __FAKE_IOMMU_H */
