// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of a group, one of whose devices is reset, joins or leaves. Resets of devices
 * that have a native driver are tested in pasid_reset_test.c.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/property.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_pasids.h"

/* A reset blocks all PASIDs of one device, and restores those still attached */
static void reset_with(struct kunit *test, bool attached)
{
	struct iommu_domain *kept, *left, *user;
	struct device *dev;

	pasids_begin(test, 3);
	dev = fake_device(1);
	kept = pasids_new_domain(test);
	left = pasids_new_domain(test);
	user = pasids_new_domain(test);
	pasids_claim(test);
	if (attached)
		KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(dev, user));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(kept, dev, PASID, NULL));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(left, dev, OTHER_PASID, NULL));

	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[1][PASID]);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[1][OTHER_PASID]);
	KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], kept);
	KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[2][OTHER_PASID], left);
	KUNIT_EXPECT_PTR_EQ(test, kept,
			    iommu_get_domain_for_dev_pasid(dev, PASID, 0));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_replace_device_pasid(user, dev, PASID, NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_owner_attach_pasid(user, dev, 1, NULL));
	iommu_detach_device_pasid(left, dev, OTHER_PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, NULL));

	iommu_device_reset_end(dev);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, kept));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, NULL));
	iommu_detach_device_pasid(kept, dev, PASID);
	iommu_device_release_dma_owner(fake_device(0));
	pasids_expect_freed(test, kept);
	pasids_expect_freed(test, left);
	pasids_expect_freed(test, user);
	pasids_end(test);
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

	pasids_begin(test, 2);
	dev = fake_device(1);
	domain = pasids_new_domain(test);
	pasids_claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		errs = iommu_group_errs();
		iommu_device_reset_begin(dev);
		pasids_arm(BIT_ULL(0), failure);
		iommu_device_reset_end(dev);
		KUNIT_EXPECT_NULL(test, fake_pasids.hw[1][PASID]);
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], domain);
		KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_replace_device_pasid(domain, dev, PASID,
							   NULL));
		KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	}
	iommu_detach_device_pasid(domain, dev, PASID);
	iommu_device_release_dma_owner(fake_device(0));
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

/* At the end of its reset the device can neither return nor be blocked */
static void reset_that_strands_unblocked(struct kunit *test)
{
	struct iommu_domain *domain;
	unsigned int failure, errs;
	struct device *dev;

	pasids_begin(test, 2);
	dev = fake_device(1);
	pasids_claim(test);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		domain = pasids_new_domain(test);
		KUNIT_ASSERT_EQ(test, 0,
				iommu_owner_attach_pasid(domain, dev, PASID,
							 NULL));
		errs = iommu_group_errs();
		iommu_device_reset_begin(dev);
		fake_pasids.blocked_is_broken = true;
		pasids_arm(BIT_ULL(0), failure);
		iommu_device_reset_end(dev);
		KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
		KUNIT_EXPECT_EQ(test, 2, atomic_read(&domain->nr_points));
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], domain);
		KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));

		fake_pasids.blocked_is_broken = false;
		pasids_arm(0, failure);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_replace_device_pasid(domain, dev, PASID,
							   NULL));
		KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
		iommu_detach_device_pasid(domain, dev, PASID);
		pasids_expect_kept(test, domain);
	}
	iommu_device_release_dma_owner(fake_device(0));
	pasids_end(test);
}

/* The reset goes on, with a PASID that could not be blocked */
static void reset_of_unblocked(struct kunit *test)
{
	struct iommu_domain *domain;
	struct device *dev;

	pasids_begin(test, 2);
	dev = fake_device(1);
	domain = pasids_new_domain(test);
	pasids_claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	fake_pasids.blocked_is_broken = true;
	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 1);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&domain->nr_points));
	fake_pasids.blocked_is_broken = false;
	iommu_device_reset_end(dev);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	iommu_detach_device_pasid(domain, dev, PASID);
	iommu_device_release_dma_owner(fake_device(0));
	pasids_expect_kept(test, domain);
	pasids_end(test);
}

static void expect_not_admitted(struct kunit *test, struct fake_dev *fdev,
				int err)
{
	KUNIT_EXPECT_EQ(test, err, fake_dev_probe(fdev));
	KUNIT_EXPECT_EQ(test, fake_pasids.left, 0);
	/* The core calls release_device(), which takes the requester ID off */
	KUNIT_EXPECT_TRUE(test, fdev->gone);
	fdev->gone = false;
}

static void joining_device(struct kunit *test)
{
	struct iommu_domain *one, *other;
	unsigned int step, failure;
	struct fake_dev *fdev;

	pasids_begin(test, 1);
	pasids_bind_driver(test);
	one = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_attach(test, one, PASID);
	pasids_attach(test, other, OTHER_PASID);
	fdev = pasids_make(test, &pasids_narrow);
	expect_not_admitted(test, fdev, -EINVAL);
	device_remove_software_node(&fdev->pci.dev);
	KUNIT_ASSERT_EQ(test, 0, device_add_software_node(&fdev->pci.dev, &pasids_wide));
	fake_pasids.refused_is_blocked = true;
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 2; step++) {
			pasids_arm(BIT_ULL(step), failure);
			expect_not_admitted(test, fdev, -EIO);
		}
	}
	fake_pasids.refused_is_blocked = false;
	pasids_arm(0, 0);
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(one, fake_device(0), PASID);
	iommu_detach_device_pasid(other, fake_device(0), OTHER_PASID);
	pasids_expect_freed(test, one);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

/* A refused device may walk the domains of those PASIDs that were not blocked */
static void joining_device_unblocked(struct kunit *test)
{
	struct iommu_domain *one, *other;
	struct fake_dev *fdev;
	unsigned int failure;

	pasids_begin(test, 1);
	pasids_bind_driver(test);
	one = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_attach(test, other, OTHER_PASID);
	pasids_attach(test, one, PASID);
	fdev = pasids_make(test, &pasids_wide);
	fake_pasids.refused_is_blocked = true;
	fake_pasids.blocked_is_broken = true;
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		/* It gets the lower one, but not the other */
		pasids_arm(BIT_ULL(1), failure);
		KUNIT_EXPECT_EQ(test, -EIO, fake_dev_probe(fdev));
		KUNIT_EXPECT_TRUE(test, fdev->gone);
		fdev->gone = false;
		KUNIT_EXPECT_EQ(test, fake_pasids.left,
				failure == FAKE_FAIL_MOVES ? 2 : 1);
		fake_pasids.left = 0;
		KUNIT_EXPECT_EQ(test, 2 + failure, atomic_read(&one->nr_points));
		KUNIT_EXPECT_EQ(test, 2 + failure, atomic_read(&other->nr_points));
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], one);
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][OTHER_PASID], other);
	}
	fake_pasids.refused_is_blocked = false;
	fake_pasids.blocked_is_broken = false;
	pasids_arm(0, 0);
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(one, fake_device(0), PASID);
	iommu_detach_device_pasid(other, fake_device(0), OTHER_PASID);
	pasids_expect_kept(test, one);
	pasids_expect_kept(test, other);
	pasids_end(test);
}

/* The driver counts what is left on the device */
static void leaving_device(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin(test, 3);
	domain = pasids_new_domain(test);
	pasids_claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, fake_device(0), PASID,
						 NULL));
	fake_dev_remove(fake.devs[1]);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[1][PASID]);
	KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], domain);
	/* A device that leaves in its reset has been blocked */
	iommu_device_reset_begin(fake_device(2));
	fake_dev_remove(fake.devs[2]);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[2][PASID]);
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	iommu_device_release_dma_owner(fake_device(0));
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

static void leaving_device_unblocked(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin(test, 2);
	domain = pasids_new_domain(test);
	pasids_claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, fake_device(0), PASID,
						 NULL));
	fake_pasids.blocked_is_broken = true;
	fake_dev_remove(fake.devs[1]);
	KUNIT_EXPECT_EQ(test, fake_pasids.left, 1);
	fake_pasids.left = 0;
	fake_pasids.blocked_is_broken = false;
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	iommu_device_release_dma_owner(fake_device(0));
	pasids_expect_kept(test, domain);
	pasids_end(test);
}

/* The last device is gone, and its driver has left the PASID attached */
static void group_goes_with_a_pasid(struct kunit *test)
{
	struct iommu_domain *domain;
	unsigned int errs;

	pasids_begin(test, 1);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	pasids_attach(test, domain, PASID);
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

/* Nor does such a device join a group that is on a domain of its owner */
static void direct_mapped_device_does_not_join(struct kunit *test)
{
	struct iommu_domain *domain;
	struct fake_dev *fdev;

	pasids_begin(test, 1);
	domain = pasids_new_domain(test);
	pasids_claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), domain));
	fdev = pasids_make(test, &pasids_wide);
	fdev->direct = true;
	expect_not_admitted(test, fdev, -EPERM);
	iommu_device_detach_domain(fake_device(0), domain);
	expect_not_admitted(test, fdev, -EPERM);
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

static int pasid_device_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void pasid_device_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case pasid_device_cases[] = {
	KUNIT_CASE(reset_of_attached),
	KUNIT_CASE(reset_of_blocked),
	KUNIT_CASE(reset_without_return),
	KUNIT_CASE(reset_that_strands_unblocked),
	KUNIT_CASE(reset_of_unblocked),
	KUNIT_CASE(joining_device),
	KUNIT_CASE(joining_device_unblocked),
	KUNIT_CASE(leaving_device),
	KUNIT_CASE(leaving_device_unblocked),
	KUNIT_CASE(group_goes_with_a_pasid),
	KUNIT_CASE(direct_mapped_device_does_not_join),
	{}
};

static struct kunit_suite pasid_device_suite = {
	.name = "iommu_pasid_device",
	.suite_init = pasid_device_suite_init,
	.suite_exit = pasid_device_suite_exit,
	.test_cases = pasid_device_cases,
};

kunit_test_suites(&pasid_device_suite);
