// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of devices whose IOMMU is not there.
 *
 * The driver here writes down which domain each PASID of each device is on, and
 * lets any change fail in the ways of &enum fake_failure. It counts as an offence
 * a wrong argument of the core, and a device that is released with a PASID on a domain.
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
#include "../iommu-group.h"
#include "fake_ext.h"
#include "fake_iommu.h"

#define NR_PASIDS	8
#define PASID		5
#define OTHER_PASID	3

/**
 * struct fake_pasids - the part of the fake world that has PASIDs
 * @hw: domain that the hardware walks for a PASID of a device, NULL when blocked
 * @unsure: a change has failed, and the core may be wrong about where it is
 * @sets: changes since arm(), not counted those that take a PASID off
 * @fail_mask: bit n makes the n-th of them fail
 * @failure: how it fails
 * @blocked_is_broken: a PASID cannot be taken off
 * @refused_is_blocked: a device that is released must be blocked before
 * @bound: a native driver is bound to the first device
 */
static struct fake_pasids {
	struct iommu_domain *hw[FAKE_MAX_DEVICES][NR_PASIDS];
	bool unsure[FAKE_MAX_DEVICES][NR_PASIDS];
	unsigned int sets;
	u64 fail_mask;
	enum fake_failure failure;
	bool blocked_is_broken;
	bool refused_is_blocked;
	bool bound;
} pasids;

static struct iommu_dma_owner owner;

static unsigned int index_of(struct device *dev)
{
	unsigned int i = 0;

	while (fake_device(i) != dev)
		i++;
	return i;
}

static void note_offences(struct device *dev, ioasid_t pasid,
			  struct iommu_domain *old)
{
	unsigned int i = index_of(dev);

	if (to_fake_dev(dev)->gone || !pasid)
		fake.offences++;
	if (pasids.hw[i][pasid] != old && !pasids.unsure[i][pasid])
		fake.offences++;
}

static int set_pasid(struct iommu_domain *domain, struct device *dev,
		     ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int n = pasids.sets++, i = index_of(dev);

	note_offences(dev, pasid, old);
	if (pasids.fail_mask & BIT_ULL(n)) {
		pasids.unsure[i][pasid] = true;
		if (pasids.failure == FAKE_FAIL_CLEARS)
			pasids.hw[i][pasid] = NULL;
		else if (pasids.failure == FAKE_FAIL_MOVES)
			pasids.hw[i][pasid] = domain;
		return -EIO;
	}
	pasids.unsure[i][pasid] = false;
	pasids.hw[i][pasid] = domain;
	return 0;
}

static int block_pasid(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int i = index_of(dev);

	note_offences(dev, pasid, old);
	if (pasids.blocked_is_broken)
		return -EIO;
	pasids.hw[i][pasid] = NULL;
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

static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= fake_attach_dev,
	.device_fits	= device_fits,
	.set_dev_pasid	= set_pasid,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static const struct iommu_domain_ops domain_ops_without_pasids = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static const struct iommu_ops_ext ext = {
	.alloc_paging		= fake_alloc_paging,
	.blocked_domain		= &static_blocked,
	.direct_blocks_owner	= true,
};

/* A device must not be released with a PASID on a domain */
static void release_device(struct device *dev)
{
	unsigned int i = index_of(dev), pasid;

	for (pasid = 0; pasid < NR_PASIDS; pasid++)
		if (pasids.hw[i][pasid])
			fake.offences++;
	if (pasids.refused_is_blocked && to_fake_dev(dev)->hw != &static_blocked)
		fake.offences++;
	fake_release_device(dev);
}

static const struct iommu_ops ops = {
	FAKE_DRIVER,
	.release_device		= release_device,
	.is_attach_deferred	= fake_is_attach_deferred,
	.default_domain_ops	= &domain_ops,
	.ext			= &ext,
};

/* The same driver as it would be without PASIDs */
static const struct iommu_ops_ext plain_ext = {
	.alloc_paging	= fake_alloc_paging,
	.blocked_domain	= &fake_blocked,
};

static const struct iommu_ops plain_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &domain_ops,
	.ext			= &plain_ext,
};

static const struct property_entry wide_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", 16),
	{ }
};

static const struct property_entry narrow_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", 2),
	{ }
};

static const struct software_node wide = { .properties = wide_properties };
static const struct software_node narrow = { .properties = narrow_properties };

static void arm(u64 fail_mask, enum fake_failure failure)
{
	pasids.sets = 0;
	pasids.fail_mask = fail_mask;
	pasids.failure = failure;
}

/* A device that is not in the group yet */
static struct fake_dev *make(struct kunit *test, const struct software_node *node)
{
	struct fake_dev *fdev = fake_dev_make(test, &fake.iommus[0]);

	KUNIT_ASSERT_EQ(test, 0,
			device_add_software_node(&fdev->pci.dev, node));
	return fdev;
}

static void begin_with(struct kunit *test, const struct iommu_ops *driver,
		       unsigned int nr_devs)
{
	memset(&pasids, 0, sizeof(pasids));
	fake_world_init(test, driver, 0);
	fake.iommus[0].iommu.max_pasids = BIT(10);
	fake.iommus[1].iommu.max_pasids = BIT(10);
	while (fake.nr_devs < nr_devs)
		KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(make(test, &wide)));
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
}

static void begin(struct kunit *test, unsigned int nr_devs)
{
	begin_with(test, &ops, nr_devs);
}

/* A native driver, which may attach PASIDs of its device */
static void bind_driver(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_device_use_default_domain(fake_device(0)));
	pasids.bound = true;
}

static void unbind_driver(void)
{
	iommu_device_unuse_default_domain(fake_device(0));
	pasids.bound = false;
}

static void end(struct kunit *test)
{
	unsigned int i;

	arm(0, FAKE_FAIL_KEEPS_OLD);
	if (pasids.bound)
		unbind_driver();
	for (i = 0; i < fake.nr_devs; i++)
		device_remove_software_node(fake_device(i));
	fake_world_exit(test);
}

static struct iommu_domain *new_domain(struct kunit *test)
{
	struct iommu_domain *domain;
	bool complete;

	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	return domain;
}

static void expect_freed(struct kunit *test, struct iommu_domain *domain)
{
	iommu_domain_free(domain);
	KUNIT_EXPECT_TRUE(test, to_fake_domain(domain)->freed);
}

static void attach(struct kunit *test, struct iommu_domain *domain,
		   ioasid_t pasid)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(domain, fake_device(0),
							   pasid, NULL));
}

static void detach_and_free(struct kunit *test, struct iommu_domain *domain,
			    ioasid_t pasid)
{
	iommu_detach_device_pasid(domain, fake_device(0), pasid);
	expect_freed(test, domain);
}

/* The hardware of all devices has the PASID there, and the core says so */
static bool all_on(ioasid_t pasid, struct iommu_domain *domain)
{
	struct iommu_domain *said;
	unsigned int i;

	said = iommu_get_domain_for_dev_pasid(fake_device(0), pasid, 0);
	if (said != domain)
		return false;
	for (i = 0; i < fake.nr_devs; i++)
		if (!fake.devs[i]->gone && pasids.hw[i][pasid] != domain)
			return false;
	return true;
}

static void claim(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
}

/* A driver without VFIO or iommufd, which also uses the DMA API */
static void driver_has_a_domain_of_its_own(struct kunit *test)
{
	struct iommu_attach_handle handle = { };
	struct iommu_domain *domain;
	struct device *dev;

	begin(test, 2);
	dev = fake_device(0);
	domain = new_domain(test);
	bind_driver(test);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_attach_device_pasid(domain, dev, PASID, &handle));
	KUNIT_EXPECT_PTR_EQ(test, handle.domain, domain);
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, NULL));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_PTR_EQ(test, domain,
			    iommu_get_domain_for_dev_pasid(dev, PASID,
							   domain->type));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			PTR_ERR(iommu_get_domain_for_dev_pasid(dev, PASID,
							       IOMMU_DOMAIN_DMA)));
	iommu_detach_device_pasid(domain, dev, PASID);
	KUNIT_EXPECT_TRUE(test, all_on(PASID, NULL));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(iommu_get_domain_for_dev_pasid(dev, 0, 0)));
	expect_freed(test, domain);
	end(test);
}

static void two_domains_do_not_meet(struct kunit *test)
{
	struct iommu_domain *one, *other;
	struct device *dev;

	begin(test, 2);
	bind_driver(test);
	dev = fake_device(0);
	one = new_domain(test);
	other = new_domain(test);
	attach(test, one, PASID);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_attach_device_pasid(other, dev, PASID, NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_attach_device_pasid(one, fake_device(1), PASID,
						  NULL));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, one));
	attach(test, other, OTHER_PASID);
	KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(one, dev, PASID);
	KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(other, dev, OTHER_PASID);
	expect_freed(test, one);
	expect_freed(test, other);
	end(test);
}

/* Nothing changes, and the log has one line */
static void detach_of_another(struct kunit *test)
{
	struct iommu_domain *domain, *other;
	unsigned int errs;

	begin(test, 1);
	bind_driver(test);
	domain = new_domain(test);
	other = new_domain(test);
	errs = iommu_group_errs();
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
	attach(test, domain, PASID);
	iommu_detach_device_pasid(other, fake_device(0), PASID);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 2);
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	expect_freed(test, other);
	expect_freed(test, domain);
	end(test);
}

static void expect_refused(struct kunit *test, int err,
			   struct iommu_domain *domain, ioasid_t pasid)
{
	KUNIT_EXPECT_EQ(test, err,
			iommu_attach_device_pasid(domain, fake_device(0), pasid,
						  NULL));
	KUNIT_EXPECT_EQ(test, pasids.sets, 0);
	KUNIT_EXPECT_FALSE(test, iommu_group_has_pasids(fake.group));
}

/* The second of two devices decides what fits */
static void refused_untouched(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 1);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(make(test, &narrow)));
	bind_driver(test);
	domain = new_domain(test);
	expect_refused(test, -EINVAL, domain, IOMMU_NO_PASID);
	expect_refused(test, -EINVAL, domain, IOMMU_PASID_MAX + 1);
	expect_refused(test, -EINVAL, domain, IOMMU_PASID_INVALID);
	expect_refused(test, -EINVAL, domain, 4);
	to_fake_domain(domain)->needs = 1;
	fake.iommus[0].features = 1;
	fake.devs[1]->iommu = &fake.iommus[1];
	expect_refused(test, -EINVAL, domain, 3);
	fake.devs[1]->iommu = &fake.iommus[0];
	domain->ops = &domain_ops_without_pasids;
	expect_refused(test, -EOPNOTSUPP, domain, 3);
	domain->ops = &domain_ops;
	fake.iommus[0].iommu.max_pasids = 0;
	expect_refused(test, -EINVAL, domain, 3);
	fake.iommus[0].iommu.max_pasids = BIT(10);
	attach(test, domain, 3);
	detach_and_free(test, domain, 3);
	end(test);
}

static void driver_without_pasids(struct kunit *test)
{
	struct iommu_domain *domain;

	begin_with(test, &plain_ops, 1);
	bind_driver(test);
	domain = new_domain(test);
	expect_refused(test, -EOPNOTSUPP, domain, PASID);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(fake_device(0)));
	KUNIT_EXPECT_EQ(test, IOMMU_PASID_INVALID,
			iommu_alloc_global_pasid(fake_device(0)));
	expect_freed(test, domain);
	end(test);
}

/* Fail each step of an attach, in each way; the other PASID does not change */
static void attach_is_all_or_none(struct kunit *test)
{
	struct iommu_domain *domain, *other;
	unsigned int step, failure;

	begin(test, 3);
	bind_driver(test);
	domain = new_domain(test);
	other = new_domain(test);
	attach(test, other, OTHER_PASID);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 3; step++) {
			arm(BIT_ULL(step), failure);
			KUNIT_EXPECT_EQ(test, -EIO,
					iommu_attach_device_pasid(domain,
								  fake_device(0),
								  PASID, NULL));
			KUNIT_EXPECT_TRUE(test, all_on(PASID, NULL));
			KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, other));
			KUNIT_EXPECT_EQ(test, 0, atomic_read(&domain->nr_points));
		}
	}
	arm(0, 0);
	attach(test, domain, PASID);
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	iommu_detach_device_pasid(other, fake_device(0), OTHER_PASID);
	expect_freed(test, domain);
	expect_freed(test, other);
	end(test);
}

static void replace_is_all_or_none(struct kunit *test)
{
	struct iommu_attach_handle old = { }, new = { };
	struct iommu_domain *from, *to;
	unsigned int step, failure;

	begin(test, 3);
	bind_driver(test);
	from = new_domain(test);
	to = new_domain(test);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_replace_device_pasid(to, fake_device(0), PASID,
						   NULL));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(from, fake_device(0),
							   PASID, &old));
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 3; step++) {
			arm(BIT_ULL(step), failure);
			KUNIT_EXPECT_EQ(test, -EIO,
					iommu_replace_device_pasid(to,
								   fake_device(1),
								   PASID, &new));
			KUNIT_EXPECT_TRUE(test, all_on(PASID, from));
			KUNIT_EXPECT_EQ(test, 0, atomic_read(&to->nr_points));
			KUNIT_EXPECT_NULL(test, new.domain);
		}
	}
	arm(0, 0);
	KUNIT_EXPECT_EQ(test, 0, iommu_replace_device_pasid(to, fake_device(0),
							    PASID, &new));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, to));
	KUNIT_EXPECT_PTR_EQ(test, old.domain, from);
	KUNIT_EXPECT_PTR_EQ(test, new.domain, to);
	KUNIT_EXPECT_EQ(test, pasids.sets, 3);
	KUNIT_EXPECT_EQ(test, 0, iommu_replace_device_pasid(to, fake_device(0),
							    PASID, NULL));
	KUNIT_EXPECT_EQ(test, pasids.sets, 3);
	expect_freed(test, from);
	detach_and_free(test, to, PASID);
	end(test);
}

/* Device 2 cannot move, and then device 1 cannot go back */
static void stranded_until_attached_again(struct kunit *test)
{
	struct iommu_domain *from, *to;
	unsigned int failure, errs;

	begin(test, 3);
	bind_driver(test);
	from = new_domain(test);
	to = new_domain(test);
	attach(test, from, PASID);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		errs = iommu_group_errs();
		/* Devices 0 and 1 go there, 2 fails, 0 comes back, 1 does not */
		arm(BIT_ULL(2) | BIT_ULL(4), failure);
		KUNIT_EXPECT_EQ(test, -EIO,
				iommu_replace_device_pasid(to, fake_device(0),
							   PASID, NULL));
		KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
		KUNIT_EXPECT_PTR_EQ(test, pasids.hw[0][PASID], from);
		KUNIT_EXPECT_NULL(test, pasids.hw[1][PASID]);
		KUNIT_EXPECT_PTR_EQ(test, pasids.hw[2][PASID], from);
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&to->nr_points));

		arm(0, failure);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_replace_device_pasid(from, fake_device(0),
							   PASID, NULL));
		KUNIT_EXPECT_TRUE(test, all_on(PASID, from));
	}
	detach_and_free(test, from, PASID);
	expect_freed(test, to);
	end(test);
}

/* A domain that hardware may walk is never freed */
static void blocked_that_fails(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 1);
	bind_driver(test);
	domain = new_domain(test);
	attach(test, domain, PASID);
	pasids.blocked_is_broken = true;
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	iommu_domain_free(domain);
	KUNIT_EXPECT_FALSE(test, to_fake_domain(domain)->freed);
	pasids.blocked_is_broken = false;
	pasids.hw[0][PASID] = NULL;
	end(test);
}

static void who_may_attach(struct kunit *test)
{
	struct iommu_domain *domain;
	struct device *dev;
	unsigned int errs;

	begin(test, 2);
	dev = fake_device(0);
	domain = new_domain(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_attach_device_pasid(domain, dev, PASID, NULL));
	bind_driver(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	attach(test, domain, PASID);
	/* The driver leaves it behind */
	errs = iommu_group_errs();
	unbind_driver();
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, iommu_device_claim_dma_owner(dev, &owner));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(1)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_detach_device_pasid(domain, dev, PASID);

	claim(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_attach_device_pasid(domain, dev, PASID, NULL));
	KUNIT_EXPECT_EQ(test, pasids.sets, 2);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	errs = iommu_group_errs();
	iommu_device_release_dma_owner(dev);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
	KUNIT_EXPECT_TRUE(test, all_on(PASID, NULL));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_use_default_domain(dev));
	iommu_device_unuse_default_domain(dev);
	expect_freed(test, domain);
	end(test);
}

/* The PASID keeps its domain while that of the requester ID changes */
static void requester_id_is_independent(struct kunit *test)
{
	struct iommu_domain *domain, *one, *other;
	struct device *dev;

	begin(test, 2);
	dev = fake_device(0);
	domain = new_domain(test);
	one = new_domain(test);
	other = new_domain(test);
	claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_replace_domain(dev, one));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_replace_domain(dev, other));
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(dev), other);
	iommu_device_detach_domain(dev, other);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	KUNIT_EXPECT_EQ(test, pasids.sets, 2);
	iommu_detach_device_pasid(domain, dev, PASID);
	iommu_device_release_dma_owner(dev);
	expect_freed(test, domain);
	expect_freed(test, one);
	expect_freed(test, other);
	end(test);
}

/* A reset blocks all PASIDs of one device, and restores those still attached */
static void reset_with(struct kunit *test, bool attached)
{
	struct iommu_domain *kept, *left, *user;
	struct device *dev;

	begin(test, 3);
	dev = fake_device(1);
	kept = new_domain(test);
	left = new_domain(test);
	user = new_domain(test);
	claim(test);
	if (attached)
		KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(dev, user));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(kept, dev, PASID, NULL));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(left, dev, OTHER_PASID, NULL));

	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_NULL(test, pasids.hw[1][PASID]);
	KUNIT_EXPECT_NULL(test, pasids.hw[1][OTHER_PASID]);
	KUNIT_EXPECT_PTR_EQ(test, pasids.hw[0][PASID], kept);
	KUNIT_EXPECT_PTR_EQ(test, pasids.hw[2][OTHER_PASID], left);
	KUNIT_EXPECT_PTR_EQ(test, kept,
			    iommu_get_domain_for_dev_pasid(dev, PASID, 0));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_replace_device_pasid(user, dev, PASID, NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_owner_attach_pasid(user, dev, 1, NULL));
	iommu_detach_device_pasid(left, dev, OTHER_PASID);
	KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, NULL));

	iommu_device_reset_end(dev);
	KUNIT_EXPECT_TRUE(test, all_on(PASID, kept));
	KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, NULL));
	iommu_detach_device_pasid(kept, dev, PASID);
	iommu_device_release_dma_owner(fake_device(0));
	expect_freed(test, kept);
	expect_freed(test, left);
	expect_freed(test, user);
	end(test);
}

static void reset_of_attached(struct kunit *test)
{
	reset_with(test, true);
}

static void reset_of_blocked(struct kunit *test)
{
	reset_with(test, false);
}

static void reset_without_return(struct kunit *test)
{
	struct iommu_domain *domain;
	unsigned int failure, errs;
	struct device *dev;

	begin(test, 2);
	dev = fake_device(1);
	domain = new_domain(test);
	claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		errs = iommu_group_errs();
		iommu_device_reset_begin(dev);
		arm(BIT_ULL(0), failure);
		iommu_device_reset_end(dev);
		KUNIT_EXPECT_NULL(test, pasids.hw[1][PASID]);
		KUNIT_EXPECT_PTR_EQ(test, pasids.hw[0][PASID], domain);
		KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_replace_device_pasid(domain, dev, PASID,
							   NULL));
		KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	}
	iommu_detach_device_pasid(domain, dev, PASID);
	iommu_device_release_dma_owner(fake_device(0));
	expect_freed(test, domain);
	end(test);
}

/* Native drivers take part in resets themselves */
static void reset_of_a_driver_s_device(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 1);
	bind_driver(test);
	domain = new_domain(test);
	attach(test, domain, PASID);
	iommu_device_reset_begin(fake_device(0));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, domain));
	detach_and_free(test, domain, PASID);
	end(test);
}

static void expect_not_admitted(struct kunit *test, struct fake_dev *fdev,
				int err)
{
	unsigned int i = index_of(&fdev->pci.dev), pasid;

	KUNIT_EXPECT_EQ(test, err, fake_dev_probe(fdev));
	for (pasid = 0; pasid < NR_PASIDS; pasid++)
		KUNIT_EXPECT_NULL(test, pasids.hw[i][pasid]);
	/* The core calls release_device(), which takes the requester ID off */
	KUNIT_EXPECT_TRUE(test, fdev->gone);
	fdev->gone = false;
}

static void joining_device(struct kunit *test)
{
	struct iommu_domain *one, *other;
	unsigned int step, failure;
	struct fake_dev *fdev;

	begin(test, 1);
	bind_driver(test);
	one = new_domain(test);
	other = new_domain(test);
	attach(test, one, PASID);
	attach(test, other, OTHER_PASID);
	fdev = make(test, &narrow);
	expect_not_admitted(test, fdev, -EINVAL);
	device_remove_software_node(&fdev->pci.dev);
	KUNIT_ASSERT_EQ(test, 0, device_add_software_node(&fdev->pci.dev, &wide));
	pasids.refused_is_blocked = true;
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 2; step++) {
			arm(BIT_ULL(step), failure);
			expect_not_admitted(test, fdev, -EIO);
		}
	}
	pasids.refused_is_blocked = false;
	arm(0, 0);
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	KUNIT_EXPECT_TRUE(test, all_on(PASID, one));
	KUNIT_EXPECT_TRUE(test, all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(one, fake_device(0), PASID);
	iommu_detach_device_pasid(other, fake_device(0), OTHER_PASID);
	expect_freed(test, one);
	expect_freed(test, other);
	end(test);
}

/* The driver counts what is left on the device as an offence */
static void leaving_device(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 3);
	domain = new_domain(test);
	claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, fake_device(0), PASID,
						 NULL));
	fake_dev_remove(fake.devs[1]);
	KUNIT_EXPECT_NULL(test, pasids.hw[1][PASID]);
	KUNIT_EXPECT_PTR_EQ(test, pasids.hw[0][PASID], domain);
	/* A device that leaves in its reset has been blocked */
	iommu_device_reset_begin(fake_device(2));
	fake_dev_remove(fake.devs[2]);
	KUNIT_EXPECT_NULL(test, pasids.hw[2][PASID]);
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	iommu_device_release_dma_owner(fake_device(0));
	expect_freed(test, domain);
	end(test);
}

/* The last device is gone, and its driver has left the PASID attached */
static void group_goes_with_a_pasid(struct kunit *test)
{
	struct iommu_domain *domain;
	unsigned int errs;

	begin(test, 1);
	bind_driver(test);
	domain = new_domain(test);
	attach(test, domain, PASID);
	fake_dev_remove(fake.devs[0]);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&domain->nr_points));
	errs = iommu_group_errs();
	device_remove_software_node(fake_device(0));
	iommu_group_ref_get(fake.group);
	iommu_group_put(fake.group);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 0);
	fake_world_exit(test);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
}

/* No call attaches a domain to the requester ID of such a device */
static void direct_mapped_requester_id(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 0);
	make(test, &wide)->direct = true;
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake.devs[0]));
	bind_driver(test);
	domain = new_domain(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_attach_device(domain, fake_device(0)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	attach(test, domain, PASID);
	detach_and_free(test, domain, PASID);
	end(test);
}

/* Nor does such a device join a group that is on a domain of its owner */
static void direct_mapped_device_does_not_join(struct kunit *test)
{
	struct iommu_domain *domain;
	struct fake_dev *fdev;

	begin(test, 1);
	domain = new_domain(test);
	claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), domain));
	fdev = make(test, &wide);
	fdev->direct = true;
	expect_not_admitted(test, fdev, -EPERM);
	iommu_device_detach_domain(fake_device(0), domain);
	expect_not_admitted(test, fdev, -EPERM);
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	expect_freed(test, domain);
	end(test);
}

/* kdump: the tables have the entries of the kernel that crashed */
static void first_attach_is_deferred(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 1);
	bind_driver(test);
	domain = new_domain(test);
	fake.devs[0]->deferred = true;
	expect_refused(test, -EBUSY, domain, PASID);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_deferred_attach(fake_device(0),
					      fake.group->default_domain));
	attach(test, domain, PASID);
	detach_and_free(test, domain, PASID);
	end(test);
}

/* As many as both the device and the IOMMU have, and none on the way out */
static void width_of_a_device(struct kunit *test)
{
	struct device *dev;

	begin(test, 0);
	fake_dev_make(test, &fake.iommus[0]);
	dev = fake_device(0);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake.devs[0]));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(dev));
	KUNIT_ASSERT_EQ(test, 0, device_add_software_node(dev, &wide));
	KUNIT_EXPECT_EQ(test, 10, iommu_device_pasid_bits(dev));
	fake.iommus[0].iommu.max_pasids = 0;
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(dev));
	fake.iommus[0].iommu.max_pasids = BIT(20);
	KUNIT_EXPECT_EQ(test, 16, iommu_device_pasid_bits(dev));
	fake_dev_remove(fake.devs[0]);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(dev));
	end(test);
}

/* One space for all devices, as narrow as the device that asks */
static void global_pasids(struct kunit *test)
{
	ioasid_t got[3], more;
	unsigned int i;

	begin(test, 1);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(make(test, &narrow)));
	for (i = 0; i < ARRAY_SIZE(got); i++) {
		got[i] = iommu_alloc_global_pasid(fake_device(1));
		KUNIT_EXPECT_GT(test, got[i], IOMMU_NO_PASID);
		KUNIT_EXPECT_LT(test, got[i], 4);
	}
	KUNIT_EXPECT_NE(test, got[0], got[1]);
	KUNIT_EXPECT_NE(test, got[0], got[2]);
	KUNIT_EXPECT_NE(test, got[1], got[2]);
	KUNIT_EXPECT_EQ(test, IOMMU_PASID_INVALID,
			iommu_alloc_global_pasid(fake_device(1)));
	more = iommu_alloc_global_pasid(fake_device(0));
	KUNIT_EXPECT_GT(test, more, 3);
	KUNIT_EXPECT_LT(test, more, BIT(10));
	iommu_free_global_pasid(more);
	iommu_free_global_pasid(got[1]);
	KUNIT_EXPECT_EQ(test, got[1], iommu_alloc_global_pasid(fake_device(1)));
	for (i = 0; i < ARRAY_SIZE(got); i++)
		iommu_free_global_pasid(got[i]);
	iommu_free_global_pasid(IOMMU_PASID_INVALID);
	end(test);
}

static int pasid_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void pasid_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case pasid_cases[] = {
	KUNIT_CASE(driver_has_a_domain_of_its_own),
	KUNIT_CASE(two_domains_do_not_meet),
	KUNIT_CASE(detach_of_another),
	KUNIT_CASE(refused_untouched),
	KUNIT_CASE(driver_without_pasids),
	KUNIT_CASE(attach_is_all_or_none),
	KUNIT_CASE(replace_is_all_or_none),
	KUNIT_CASE(stranded_until_attached_again),
	KUNIT_CASE(blocked_that_fails),
	KUNIT_CASE(who_may_attach),
	KUNIT_CASE(requester_id_is_independent),
	KUNIT_CASE(reset_of_attached),
	KUNIT_CASE(reset_of_blocked),
	KUNIT_CASE(reset_without_return),
	KUNIT_CASE(reset_of_a_driver_s_device),
	KUNIT_CASE(joining_device),
	KUNIT_CASE(leaving_device),
	KUNIT_CASE(group_goes_with_a_pasid),
	KUNIT_CASE(direct_mapped_requester_id),
	KUNIT_CASE(direct_mapped_device_does_not_join),
	KUNIT_CASE(first_attach_is_deferred),
	KUNIT_CASE(width_of_a_device),
	KUNIT_CASE(global_pasids),
	{}
};

static struct kunit_suite pasid_suite = {
	.name = "iommu_pasid",
	.suite_init = pasid_suite_init,
	.suite_exit = pasid_suite_exit,
	.test_cases = pasid_cases,
};

kunit_test_suites(&pasid_suite);
