// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of a group: how they are attached, replaced and detached, and by which users.
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
#include "fake_pasids.h"

static struct iommu_dma_owner owner;

static const struct iommu_domain_ops domain_ops_without_pasids = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

/* The same driver as it would be without PASIDs */
static const struct iommu_ops_ext plain_ext = {
	.alloc_paging	= fake_alloc_paging,
	.blocked_domain	= &fake_blocked,
};

static const struct iommu_ops plain_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &pasids_domain_ops,
	.ext			= &plain_ext,
};

/* A driver without VFIO or iommufd, which also uses the DMA API */
static void driver_has_a_domain_of_its_own(struct kunit *test)
{
	struct iommu_attach_handle handle = { };
	struct iommu_domain *domain;
	struct device *dev;

	pasids_begin(test, 2);
	dev = fake_device(0);
	domain = pasids_new_domain(test);
	pasids_bind_driver(test);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_attach_device_pasid(domain, dev, PASID, &handle));
	KUNIT_EXPECT_PTR_EQ(test, handle.domain, domain);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, NULL));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_PTR_EQ(test, domain,
			    iommu_get_domain_for_dev_pasid(dev, PASID,
							   domain->type));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			PTR_ERR(iommu_get_domain_for_dev_pasid(dev, PASID,
							       IOMMU_DOMAIN_DMA)));
	iommu_detach_device_pasid(domain, dev, PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, NULL));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(iommu_get_domain_for_dev_pasid(dev, 0, 0)));
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

static void two_domains_do_not_meet(struct kunit *test)
{
	struct iommu_domain *one, *other;
	struct device *dev;

	pasids_begin(test, 2);
	pasids_bind_driver(test);
	dev = fake_device(0);
	one = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_attach(test, one, PASID);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_attach_device_pasid(other, dev, PASID, NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_attach_device_pasid(one, fake_device(1), PASID,
						  NULL));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	pasids_attach(test, other, OTHER_PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(one, dev, PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
	iommu_detach_device_pasid(other, dev, OTHER_PASID);
	pasids_expect_freed(test, one);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

/* Nothing changes, and the log has one line */
static void detach_of_another(struct kunit *test)
{
	struct iommu_domain *domain, *other;
	unsigned int errs;

	pasids_begin(test, 1);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	other = pasids_new_domain(test);
	errs = iommu_group_errs();
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
	pasids_attach(test, domain, PASID);
	iommu_detach_device_pasid(other, fake_device(0), PASID);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 2);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	pasids_expect_freed(test, other);
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

/* The second of two devices decides what fits */
static void refused_untouched(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin(test, 1);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(pasids_make(test, &pasids_narrow)));
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	pasids_expect_refused(test, -EINVAL, domain, IOMMU_NO_PASID);
	pasids_expect_refused(test, -EINVAL, domain, IOMMU_PASID_MAX + 1);
	pasids_expect_refused(test, -EINVAL, domain, IOMMU_PASID_INVALID);
	pasids_expect_refused(test, -EINVAL, domain, 4);
	to_fake_domain(domain)->needs = 1;
	fake.iommus[0].features = 1;
	fake.devs[1]->iommu = &fake.iommus[1];
	pasids_expect_refused(test, -EINVAL, domain, 3);
	fake.devs[1]->iommu = &fake.iommus[0];
	domain->ops = &domain_ops_without_pasids;
	pasids_expect_refused(test, -EOPNOTSUPP, domain, 3);
	domain->ops = &pasids_domain_ops;
	fake.iommus[0].iommu.max_pasids = 0;
	pasids_expect_refused(test, -EINVAL, domain, 3);
	fake.iommus[0].iommu.max_pasids = BIT(10);
	pasids_attach(test, domain, 3);
	pasids_detach_and_free(test, domain, 3);
	pasids_end(test);
}

static void driver_without_pasids(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin_with(test, &plain_ops, 1);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	pasids_expect_refused(test, -EOPNOTSUPP, domain, PASID);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(fake_device(0)));
	KUNIT_EXPECT_EQ(test, IOMMU_PASID_INVALID,
			iommu_alloc_global_pasid(fake_device(0)));
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

/* Fail each step of an attach, in each way; the other PASID does not change */
static void attach_is_all_or_none(struct kunit *test)
{
	struct iommu_domain *domain, *other;
	unsigned int step, failure;

	pasids_begin(test, 3);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_attach(test, other, OTHER_PASID);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 3; step++) {
			pasids_arm(BIT_ULL(step), failure);
			KUNIT_EXPECT_EQ(test, -EIO,
					iommu_attach_device_pasid(domain,
								  fake_device(0),
								  PASID, NULL));
			KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, NULL));
			KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
			KUNIT_EXPECT_EQ(test, 0, atomic_read(&domain->nr_points));
		}
	}
	pasids_arm(0, 0);
	pasids_attach(test, domain, PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	iommu_detach_device_pasid(other, fake_device(0), OTHER_PASID);
	pasids_expect_freed(test, domain);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

static void replace_is_all_or_none(struct kunit *test)
{
	struct iommu_attach_handle old = { }, new = { };
	struct iommu_domain *from, *to;
	unsigned int step, failure;

	pasids_begin(test, 3);
	pasids_bind_driver(test);
	from = pasids_new_domain(test);
	to = pasids_new_domain(test);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_replace_device_pasid(to, fake_device(0), PASID,
						   NULL));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(from, fake_device(0),
							   PASID, &old));
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 3; step++) {
			pasids_arm(BIT_ULL(step), failure);
			KUNIT_EXPECT_EQ(test, -EIO,
					iommu_replace_device_pasid(to,
								   fake_device(1),
								   PASID, &new));
			KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, from));
			KUNIT_EXPECT_EQ(test, 0, atomic_read(&to->nr_points));
			KUNIT_EXPECT_NULL(test, new.domain);
		}
	}
	pasids_arm(0, 0);
	KUNIT_EXPECT_EQ(test, 0, iommu_replace_device_pasid(to, fake_device(0),
							    PASID, &new));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, to));
	KUNIT_EXPECT_PTR_EQ(test, old.domain, from);
	KUNIT_EXPECT_PTR_EQ(test, new.domain, to);
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 3);
	KUNIT_EXPECT_EQ(test, 0, iommu_replace_device_pasid(to, fake_device(0),
							    PASID, NULL));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 3);
	pasids_expect_freed(test, from);
	pasids_detach_and_free(test, to, PASID);
	pasids_end(test);
}

/* Device 2 cannot move, and then device 1 cannot go back */
static void stranded_until_attached_again(struct kunit *test)
{
	struct iommu_domain *from, *to;
	unsigned int failure, errs;

	pasids_begin(test, 3);
	pasids_bind_driver(test);
	from = pasids_new_domain(test);
	to = pasids_new_domain(test);
	pasids_attach(test, from, PASID);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		errs = iommu_group_errs();
		/* Devices 0 and 1 go there, 2 fails, 0 comes back, 1 does not */
		pasids_arm(BIT_ULL(2) | BIT_ULL(4), failure);
		KUNIT_EXPECT_EQ(test, -EIO,
				iommu_replace_device_pasid(to, fake_device(0),
							   PASID, NULL));
		KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], from);
		KUNIT_EXPECT_NULL(test, fake_pasids.hw[1][PASID]);
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[2][PASID], from);
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&to->nr_points));

		pasids_arm(0, failure);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_replace_device_pasid(from, fake_device(0),
							   PASID, NULL));
		KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, from));
	}
	pasids_detach_and_free(test, from, PASID);
	pasids_expect_freed(test, to);
	pasids_end(test);
}

/* A domain that hardware may walk is never freed */
static void blocked_that_fails(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin(test, 1);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	pasids_attach(test, domain, PASID);
	fake_pasids.blocked_is_broken = true;
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	pasids_expect_kept(test, domain);
	fake_pasids.blocked_is_broken = false;
	fake_pasids.hw[0][PASID] = NULL;
	pasids_end(test);
}

/* Device 2 cannot move, and then device 1 can neither go back nor be blocked */
static void replace_that_strands_unblocked(struct kunit *test)
{
	struct iommu_domain *from, *to;
	unsigned int failure, errs;

	pasids_begin(test, 3);
	pasids_bind_driver(test);
	from = pasids_new_domain(test);
	pasids_attach(test, from, PASID);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		to = pasids_new_domain(test);
		errs = iommu_group_errs();
		fake_pasids.blocked_is_broken = true;
		pasids_arm(BIT_ULL(2) | BIT_ULL(4), failure);
		KUNIT_EXPECT_EQ(test, -EIO,
				iommu_replace_device_pasid(to, fake_device(0),
							   PASID, NULL));
		KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], from);
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[2][PASID], from);
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&to->nr_points));

		fake_pasids.blocked_is_broken = false;
		pasids_arm(0, failure);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_replace_device_pasid(from, fake_device(0),
							   PASID, NULL));
		KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, from));
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&from->nr_points));
		pasids_expect_kept(test, to);
	}
	pasids_detach_and_free(test, from, PASID);
	pasids_end(test);
}

/* Device 1 cannot be attached, and then neither of the two can be blocked */
static void attach_that_strands_unblocked(struct kunit *test)
{
	struct iommu_domain *domain, *other;

	pasids_begin(test, 2);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_attach(test, other, OTHER_PASID);
	fake_pasids.blocked_is_broken = true;
	pasids_arm(BIT_ULL(1), FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, -EIO,
			iommu_attach_device_pasid(domain, fake_device(0), PASID,
						  NULL));
	KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[0][PASID], domain);
	KUNIT_EXPECT_NULL(test, iommu_get_domain_for_dev_pasid(fake_device(0),
							       PASID, 0));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));

	fake_pasids.blocked_is_broken = false;
	pasids_arm(0, FAKE_FAIL_KEEPS_OLD);
	pasids_attach(test, other, PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, other));
	iommu_detach_device_pasid(other, fake_device(0), PASID);
	pasids_detach_and_free(test, other, OTHER_PASID);
	pasids_expect_kept(test, domain);
	pasids_end(test);
}

static void who_may_attach(struct kunit *test)
{
	struct iommu_domain *domain;
	struct device *dev;
	unsigned int errs;

	pasids_begin(test, 2);
	dev = fake_device(0);
	domain = pasids_new_domain(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_attach_device_pasid(domain, dev, PASID, NULL));
	pasids_bind_driver(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	pasids_attach(test, domain, PASID);
	/* The driver leaves it behind */
	errs = iommu_group_errs();
	pasids_unbind_driver();
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, iommu_device_claim_dma_owner(dev, &owner));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(1)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_detach_device_pasid(domain, dev, PASID);

	pasids_claim(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_attach_device_pasid(domain, dev, PASID, NULL));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 2);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	errs = iommu_group_errs();
	iommu_device_release_dma_owner(dev);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, NULL));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_use_default_domain(dev));
	iommu_device_unuse_default_domain(dev);
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

/* The PASID keeps its domain while that of the requester ID changes */
static void requester_id_is_independent(struct kunit *test)
{
	struct iommu_domain *domain, *one, *other;
	struct device *dev;

	pasids_begin(test, 2);
	dev = fake_device(0);
	domain = pasids_new_domain(test);
	one = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_claim(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_owner_attach_pasid(domain, dev, PASID, NULL));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_replace_domain(dev, one));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_replace_domain(dev, other));
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(dev), other);
	iommu_device_detach_domain(dev, other);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 2);
	iommu_detach_device_pasid(domain, dev, PASID);
	iommu_device_release_dma_owner(dev);
	pasids_expect_freed(test, domain);
	pasids_expect_freed(test, one);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

/* No call attaches a domain to the requester ID of such a device */
static void direct_mapped_requester_id(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin(test, 0);
	pasids_make(test, &pasids_wide)->direct = true;
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake.devs[0]));
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_attach_device(domain, fake_device(0)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	pasids_attach(test, domain, PASID);
	pasids_detach_and_free(test, domain, PASID);
	pasids_end(test);
}

/* kdump: the tables have the entries of the kernel that crashed */
static void first_attach_is_deferred(struct kunit *test)
{
	struct iommu_domain *domain;

	pasids_begin(test, 1);
	pasids_bind_driver(test);
	domain = pasids_new_domain(test);
	fake.devs[0]->deferred = true;
	pasids_expect_refused(test, -EBUSY, domain, PASID);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_deferred_attach(fake_device(0),
					      fake.group->default_domain));
	pasids_attach(test, domain, PASID);
	pasids_detach_and_free(test, domain, PASID);
	pasids_end(test);
}

/* As many as both the device and the IOMMU have, and none on the way out */
static void width_of_a_device(struct kunit *test)
{
	struct device *dev;

	pasids_begin(test, 0);
	fake_dev_make(test, &fake.iommus[0]);
	dev = fake_device(0);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake.devs[0]));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(dev));
	KUNIT_ASSERT_EQ(test, 0, device_add_software_node(dev, &pasids_wide));
	KUNIT_EXPECT_EQ(test, 10, iommu_device_pasid_bits(dev));
	fake.iommus[0].iommu.max_pasids = 0;
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(dev));
	fake.iommus[0].iommu.max_pasids = BIT(20);
	KUNIT_EXPECT_EQ(test, 16, iommu_device_pasid_bits(dev));
	fake_dev_remove(fake.devs[0]);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(dev));
	pasids_end(test);
}

/* One space for all devices, as narrow as the device that asks */
static void global_pasids(struct kunit *test)
{
	ioasid_t got[3], more;
	unsigned int i;

	pasids_begin(test, 1);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(pasids_make(test, &pasids_narrow)));
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
	pasids_end(test);
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
	KUNIT_CASE(replace_that_strands_unblocked),
	KUNIT_CASE(attach_that_strands_unblocked),
	KUNIT_CASE(who_may_attach),
	KUNIT_CASE(requester_id_is_independent),
	KUNIT_CASE(direct_mapped_requester_id),
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
