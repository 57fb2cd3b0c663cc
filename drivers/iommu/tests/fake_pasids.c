// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of devices whose IOMMU is not there: see fake_pasids.h.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/property.h>

#include "../iommu-attach.h"
#include "fake_ext.h"
#include "fake_pasids.h"

struct fake_pasids fake_pasids;

static struct iommu_dma_owner owner;

static void note_offences(struct device *dev, ioasid_t pasid,
			  struct iommu_domain *old)
{
	unsigned int i = fake_index(dev);

	if (to_fake_dev(dev)->gone || !pasid)
		fake.offences++;
	if (fake_pasids.hw[i][pasid] != old && !fake_pasids.unsure[i][pasid])
		fake.offences++;
}

static int set_pasid(struct iommu_domain *domain, struct device *dev,
		     ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int n = fake_pasids.sets++, i = fake_index(dev);

	note_offences(dev, pasid, old);
	if (fake_pasids.fail_mask & BIT_ULL(n)) {
		fake_pasids.unsure[i][pasid] = true;
		if (fake_pasids.failure == FAKE_FAIL_CLEARS)
			fake_pasids.hw[i][pasid] = NULL;
		else if (fake_pasids.failure == FAKE_FAIL_MOVES)
			fake_pasids.hw[i][pasid] = domain;
		return -EIO;
	}
	fake_pasids.unsure[i][pasid] = false;
	fake_pasids.hw[i][pasid] = domain;
	return 0;
}

static int block_pasid(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int i = fake_index(dev);

	note_offences(dev, pasid, old);
	if (fake_pasids.blocked_is_broken) {
		fake_pasids.unsure[i][pasid] = true;
		return -EIO;
	}
	fake_pasids.hw[i][pasid] = NULL;
	return 0;
}

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev	= fake_attach_blocked,
	.set_dev_pasid	= block_pasid,
};

static struct iommu_domain static_blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &blocked_ops,
};

static int device_fits(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid)
{
	unsigned long has = to_fake_dev(dev)->iommu->features;

	return to_fake_domain(domain)->needs & ~has ? -EINVAL : 0;
}

/* The DMA API asks where the buffer is that it unmaps */
static phys_addr_t iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	return fake_pasids.buffer;
}

const struct iommu_domain_ops pasids_domain_ops = {
	.attach_dev	= fake_attach_dev,
	.device_fits	= device_fits,
	.set_dev_pasid	= set_pasid,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.iova_to_phys	= iova_to_phys,
	.free		= fake_free,
};

const struct iommu_ops_ext pasids_ext = {
	.alloc_paging		= fake_alloc_paging,
	.blocked_domain		= &static_blocked,
	.direct_blocks_owner	= true,
};

/* The IOMMU forgets a device that is released; none may have a PASID on a domain */
void pasids_release_device(struct device *dev)
{
	unsigned int i = fake_index(dev), pasid;

	for (pasid = 0; pasid < NR_PASIDS; pasid++) {
		if (fake_pasids.hw[i][pasid])
			fake_pasids.left++;
		fake_pasids.hw[i][pasid] = NULL;
		fake_pasids.unsure[i][pasid] = false;
	}
	if (fake_pasids.refused_is_blocked && to_fake_dev(dev)->hw != &static_blocked)
		fake.offences++;
	fake_release_device(dev);
}

const struct iommu_ops pasids_ops = {
	FAKE_DRIVER,
	.release_device		= pasids_release_device,
	.is_attach_deferred	= fake_is_attach_deferred,
	.default_domain_ops	= &pasids_domain_ops,
	.ext			= &pasids_ext,
};

static const struct property_entry wide_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", 16),
	{ }
};

static const struct property_entry narrow_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", 2),
	{ }
};

const struct software_node pasids_wide = { .properties = wide_properties };
const struct software_node pasids_narrow = { .properties = narrow_properties };

/* Make the changes fail whose bit is set, counted from now on */
void pasids_arm(u64 fail_mask, enum fake_failure failure)
{
	fake_pasids.sets = 0;
	fake_pasids.fail_mask = fail_mask;
	fake_pasids.failure = failure;
}

/* A device that is not in the group yet */
struct fake_dev *pasids_make(struct kunit *test, const struct software_node *node)
{
	struct fake_dev *fdev = fake_dev_make(test, &fake.iommus[0]);

	KUNIT_ASSERT_EQ(test, 0,
			device_add_software_node(&fdev->pci.dev, node));
	return fdev;
}

/* A group of @nr_devs devices with wide PASIDs, behind an IOMMU that has 10 bits */
void pasids_begin_with(struct kunit *test, const struct iommu_ops *driver,
		       unsigned int nr_devs)
{
	memset(&fake_pasids, 0, sizeof(fake_pasids));
	fake_world_init(test, driver, 0);
	fake.iommus[0].iommu.max_pasids = BIT(10);
	fake.iommus[1].iommu.max_pasids = BIT(10);
	while (fake.nr_devs < nr_devs)
		KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(pasids_make(test, &pasids_wide)));
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
}

void pasids_begin(struct kunit *test, unsigned int nr_devs)
{
	pasids_begin_with(test, &pasids_ops, nr_devs);
}

void pasids_end(struct kunit *test)
{
	unsigned int i;

	pasids_arm(0, FAKE_FAIL_KEEPS_OLD);
	if (fake_pasids.bound)
		pasids_unbind_driver();
	for (i = 0; i < fake.nr_devs; i++)
		device_remove_software_node(fake_device(i));
	fake_world_exit(test);
	KUNIT_EXPECT_EQ(test, fake_pasids.left, 0);
}

/* A native driver, which may attach PASIDs of its device */
void pasids_bind_driver(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_device_use_default_domain(fake_device(0)));
	fake_pasids.bound = true;
}

void pasids_unbind_driver(void)
{
	iommu_device_unuse_default_domain(fake_device(0));
	fake_pasids.bound = false;
}

void pasids_claim(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
}

struct iommu_domain *pasids_new_domain(struct kunit *test)
{
	struct iommu_domain *domain;
	bool complete;

	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	return domain;
}

void pasids_attach(struct kunit *test, struct iommu_domain *domain, ioasid_t pasid)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(domain, fake_device(0),
							   pasid, NULL));
}

void pasids_detach_and_free(struct kunit *test, struct iommu_domain *domain,
			    ioasid_t pasid)
{
	iommu_detach_device_pasid(domain, fake_device(0), pasid);
	pasids_expect_freed(test, domain);
}

/* The hardware of all devices has the PASID there, and the core says so */
bool pasids_all_on(ioasid_t pasid, struct iommu_domain *domain)
{
	struct iommu_domain *said;
	unsigned int i;

	said = iommu_get_domain_for_dev_pasid(fake_device(0), pasid, 0);
	if (said != domain)
		return false;
	for (i = 0; i < fake.nr_devs; i++)
		if (!fake.devs[i]->gone && fake_pasids.hw[i][pasid] != domain)
			return false;
	return true;
}

/* The first PASID of the group is refused before any device is touched */
void pasids_expect_refused(struct kunit *test, int err,
			   struct iommu_domain *domain, ioasid_t pasid)
{
	KUNIT_EXPECT_EQ(test, err,
			iommu_attach_device_pasid(domain, fake_device(0), pasid,
						  NULL));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 0);
	KUNIT_EXPECT_FALSE(test, iommu_group_has_pasids(fake.group));
}

void pasids_expect_freed(struct kunit *test, struct iommu_domain *domain)
{
	iommu_domain_free(domain);
	KUNIT_EXPECT_TRUE(test, to_fake_domain(domain)->freed);
}

/* Hardware may walk the domain: it is leaked, and the log has one line */
void pasids_expect_kept(struct kunit *test, struct iommu_domain *domain)
{
	unsigned int errs = iommu_group_errs();

	iommu_domain_free(domain);
	KUNIT_EXPECT_FALSE(test, to_fake_domain(domain)->freed);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
}
