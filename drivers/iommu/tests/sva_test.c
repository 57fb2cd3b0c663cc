// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that use the page tables of processes, with the drivers of fake_sva.h: which
 * are bound, by what, and what a bind that fails leaves. Page requests are tested in
 * sva_fault_test.c.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "../iommu-sva-lib.h"
#include "../iommu-sva.h"
#include "fake_sva.h"

static struct iommu_dma_owner owner;

/* A process without memory, which no processor has run: its end is not delayed */
static struct mm_struct *bare_process(struct kunit *test)
{
	struct mm_struct *mm = mm_alloc();

	KUNIT_ASSERT_NOT_NULL(test, mm);
	return mm;
}

/* A bind that fails leaves nothing that was not there before */
static void expect_refused(struct kunit *test, int err, unsigned int dev,
			   struct mm_struct *mm)
{
	unsigned int domains = fake_sva_live_domains();
	int references = atomic_read(&mm->mm_count);
	bool enabled = fake_sva.enabled[dev];

	KUNIT_EXPECT_EQ(test, err,
			PTR_ERR_OR_ZERO(iommu_sva_bind(fake_device(dev), mm, NULL)));
	KUNIT_EXPECT_EQ(test, domains, fake_sva_live_domains());
	KUNIT_EXPECT_EQ(test, references, atomic_read(&mm->mm_count));
	KUNIT_EXPECT_EQ(test, enabled, fake_sva.enabled[dev]);
}

static void refused_by_architecture(struct kunit *test)
{
	const struct iommu_ops *drivers[] = { &fake_sva_ops, &fake_bind_ops };
	struct mm_struct *mm;
	struct device *dev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++) {
		fake_sva_begin(test, drivers[i]);
		dev = fake_device(0);
		mm = bare_process(test);
		if (IS_ENABLED(CONFIG_X86)) {
			KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
					PTR_ERR(iommu_sva_bind_device(dev, mm, NULL)));
			KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
					PTR_ERR(iommu_sva_bind_device(dev, NULL, NULL)));
		} else {
			KUNIT_EXPECT_EQ(test, -EINVAL,
					PTR_ERR(iommu_sva_bind_device(dev, NULL, NULL)));
		}
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&mm->mm_count));
		KUNIT_EXPECT_EQ(test, INVALID_IOASID, mm_get_pasid(mm));
		KUNIT_EXPECT_EQ(test, 0, fake_sva.calls[SVA_ALLOC]);
		KUNIT_EXPECT_EQ(test, 0, fake_sva.calls[SVA_BIND]);
		mmput(mm);
		fake_sva_end(test);
	}
}

static void driver_without_entries(struct kunit *test)
{
	struct mm_struct *mm;
	struct device *dev;

	fake_sva_begin(test, &fake_no_sva_ops);
	dev = fake_device(0);
	mm = bare_process(test);
	KUNIT_EXPECT_EQ(test, -ENODEV,
			PTR_ERR(iommu_sva_bind_device(dev, mm, NULL)));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_SVA));
	mmput(mm);
	fake_sva_end(test);
}

/* Drivers of devices enable what the core enables by itself */
static void features_of_6_1(struct kunit *test)
{
	struct device *dev;

	fake_sva_begin(test, &fake_sva_ops);
	dev = fake_device(0);
	KUNIT_EXPECT_EQ(test, 0, iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_SVA));
	KUNIT_EXPECT_EQ(test, 0, iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_IOPF));
	KUNIT_EXPECT_FALSE(test, fake_sva.enabled[0]);
	KUNIT_EXPECT_EQ(test, 0, iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_IOPF));
	KUNIT_EXPECT_EQ(test, 0, iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_SVA));
	fake_sva_end(test);
}

static void devices_share_a_domain(struct kunit *test)
{
	struct iommu_sva *one, *other;
	struct iommu_domain *domain;
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	mm = bare_process(test);
	one = fake_sva_bind(test, 0, mm);
	other = fake_sva_bind(test, 1, mm);
	KUNIT_EXPECT_EQ(test, mm_get_pasid(mm), iommu_sva_get_pasid(one));
	KUNIT_EXPECT_EQ(test, mm_get_pasid(mm), iommu_sva_get_pasid(other));
	domain = fake_sva_domain_of(0, mm);
	KUNIT_EXPECT_NOT_NULL(test, domain);
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva_domain_of(1, mm));
	KUNIT_EXPECT_EQ(test, 1, fake_sva.calls[SVA_ALLOC]);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&domain->nr_points));
	/* The requester IDs stay where they were */
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw, fake.group->default_domain);

	iommu_sva_unbind_device(one);
	KUNIT_EXPECT_NULL(test, fake_sva_domain_of(0, mm));
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva_domain_of(1, mm));
	KUNIT_EXPECT_EQ(test, 1, fake_sva_live_domains());
	iommu_sva_unbind_device(other);
	KUNIT_EXPECT_EQ(test, 0, fake_sva_live_domains());
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&mm->mm_count));
	mmput(mm);
	fake_sva_end(test);
}

/* Each kind of IOMMU has its own domain for a process, on the same PASID */
static void kinds_with(struct kunit *test, bool cannot_tell)
{
	struct iommu_sva *one, *other;
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	fake_sva.cannot_tell = cannot_tell;
	fake.iommus[0].features = BIT(0);
	fake.iommus[1].features = BIT(1);
	mm = bare_process(test);
	one = fake_sva_bind(test, 0, mm);
	other = fake_sva_bind(test, 1, mm);
	KUNIT_EXPECT_EQ(test, 2, fake_sva_live_domains());
	KUNIT_EXPECT_NOT_NULL(test, fake_sva_domain_of(0, mm));
	KUNIT_EXPECT_NOT_NULL(test, fake_sva_domain_of(1, mm));
	KUNIT_EXPECT_PTR_NE(test, fake_sva_domain_of(0, mm), fake_sva_domain_of(1, mm));
	KUNIT_EXPECT_EQ(test, iommu_sva_get_pasid(one), iommu_sva_get_pasid(other));
	iommu_sva_unbind_device(one);
	KUNIT_EXPECT_EQ(test, 1, fake_sva_live_domains());
	/* The domain of its kind is gone, and the other one still does not fit */
	one = fake_sva_bind(test, 0, mm);
	KUNIT_EXPECT_EQ(test, 2, fake_sva_live_domains());
	iommu_sva_unbind_device(other);
	iommu_sva_unbind_device(one);
	mmput(mm);
	fake_sva_end(test);
}

static void devices_of_two_kinds(struct kunit *test)
{
	kinds_with(test, false);
}

static void devices_of_two_kinds_without_device_fits(struct kunit *test)
{
	kinds_with(test, true);
}

static void binds_are_counted(struct kunit *test)
{
	struct iommu_sva *bond;
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	mm = bare_process(test);
	bond = fake_sva_bind(test, 0, mm);
	KUNIT_EXPECT_PTR_EQ(test, bond, fake_sva_bind(test, 0, mm));
	KUNIT_EXPECT_PTR_EQ(test, bond, fake_sva_bind(test, 0, mm));
	KUNIT_EXPECT_EQ(test, 1, fake_sva.calls[SVA_SET]);
	iommu_sva_unbind_device(bond);
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_NOT_NULL(test, fake_sva_domain_of(0, mm));
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_NULL(test, fake_sva_domain_of(0, mm));
	mmput(mm);
	fake_sva_end(test);
}

static void groups_that_are_refused(struct kunit *test)
{
	struct iommu_sva *bond;
	struct mm_struct *mm;

	fake_sva_begin(test, test->param_value);
	mm = bare_process(test);
	/* Another device in the first group */
	fake_sva_add_device(test, 0, &fake_sva_wide);
	expect_refused(test, -EINVAL, 0, mm);
	fake_dev_remove(fake.devs[2]);
	bond = fake_sva_bind(test, 0, mm);
	iommu_sva_unbind_device(bond);

	iommu_device_unuse_default_domain(fake_device(0));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_claim_dma_owner(fake_device(0), &owner));
	expect_refused(test, -EPERM, 0, mm);
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_ASSERT_EQ(test, 0, iommu_device_use_default_domain(fake_device(0)));
	mmput(mm);
	fake_sva_end(test);
}

static void device_without_pasids(struct kunit *test)
{
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	mm = bare_process(test);
	fake.iommus[0].iommu.max_pasids = 0;
	expect_refused(test, -EOPNOTSUPP, 0, mm);
	KUNIT_EXPECT_EQ(test, INVALID_IOASID, mm_get_pasid(mm));
	mmput(mm);
	fake_sva_end(test);
}

/* A PASID is on one thing at a time */
static void pasid_in_use(struct kunit *test)
{
	struct device *dev;
	struct iommu_domain *domain;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	ioasid_t pasid;

	fake_sva_begin(test, &fake_sva_ops);
	dev = fake_device(0);
	domain = fake_sva_new_domain(test);
	mm = bare_process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = iommu_sva_get_pasid(bond);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_attach_device_pasid(domain, dev, pasid, NULL));
	KUNIT_EXPECT_PTR_EQ(test, fake_sva_domain_of(0, mm),
			    iommu_get_domain_for_dev_pasid(dev, pasid,
							   IOMMU_DOMAIN_SVA));
	iommu_sva_unbind_device(bond);

	KUNIT_ASSERT_EQ(test, 0,
			iommu_attach_device_pasid(domain, dev, pasid, NULL));
	expect_refused(test, -EBUSY, 0, mm);
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva_domain_of(0, mm));
	iommu_detach_device_pasid(domain, dev, pasid);
	bond = fake_sva_bind(test, 0, mm);
	iommu_sva_unbind_device(bond);
	mmput(mm);
	iommu_domain_free(domain);
	fake_sva_end(test);
}

static void make_narrow(struct kunit *test, unsigned int dev)
{
	device_remove_software_node(fake_device(dev));
	KUNIT_ASSERT_EQ(test, 0, device_add_software_node(fake_device(dev),
							  &fake_sva_narrow));
}

/* A process has one PASID, which some device may be too narrow for */
static void pasid_too_wide(struct kunit *test)
{
	ioasid_t taken[BIT(SVA_NARROW_BITS) - 1];
	struct iommu_sva *bond;
	struct mm_struct *mm;
	unsigned int i;

	fake_sva_begin(test, &fake_sva_ops);
	make_narrow(test, 1);
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		taken[i] = iommu_alloc_global_pasid(fake_device(1));
		KUNIT_ASSERT_NE(test, taken[i], IOMMU_PASID_INVALID);
	}
	mm = bare_process(test);
	bond = fake_sva_bind(test, 0, mm);
	KUNIT_EXPECT_GE(test, iommu_sva_get_pasid(bond), BIT(SVA_NARROW_BITS));
	expect_refused(test, -EOVERFLOW, 1, mm);
	iommu_sva_unbind_device(bond);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		iommu_free_global_pasid(taken[i]);
	/* Nor later: the threads of the process may have it in a register */
	expect_refused(test, -EOVERFLOW, 1, mm);
	mmput(mm);
	fake_sva_end(test);
}

/* PASIDs come back when the last reference to the process is gone, and not before */
static void pasids_run_out(struct kunit *test)
{
	struct iommu_sva *bonds[BIT(SVA_NARROW_BITS) - 1], *bond;
	struct mm_struct *mms[BIT(SVA_NARROW_BITS) - 1], *mm;
	unsigned int i;

	fake_sva_begin(test, &fake_sva_ops);
	make_narrow(test, 0);
	mm = bare_process(test);
	for (i = 0; i < ARRAY_SIZE(mms); i++) {
		mms[i] = bare_process(test);
		bonds[i] = fake_sva_bind(test, 0, mms[i]);
	}
	expect_refused(test, -ENOSPC, 0, mm);
	iommu_sva_unbind_device(bonds[1]);
	expect_refused(test, -ENOSPC, 0, mm);
	mmgrab(mms[1]);
	mmput(mms[1]);
	expect_refused(test, -ENOSPC, 0, mm);
	mmdrop(mms[1]);
	bond = fake_sva_bind(test, 0, mm);
	KUNIT_EXPECT_EQ(test, 0, fake_sva_free_pasids(0));
	iommu_sva_unbind_device(bond);

	/* One that ends with a bond keeps its PASID until the unbind */
	mmput(mms[2]);
	KUNIT_EXPECT_EQ(test, 0, fake_sva_free_pasids(0));
	iommu_sva_unbind_device(bonds[2]);
	KUNIT_EXPECT_EQ(test, 1, fake_sva_free_pasids(0));
	iommu_sva_unbind_device(bonds[0]);
	mmput(mms[0]);
	mmput(mm);
	KUNIT_EXPECT_EQ(test, 3, fake_sva_free_pasids(0));
	fake_sva_end(test);
}

/* The range that a driver with sva_bind() asks for */
static void range_of_a_driver(struct kunit *test)
{
	struct mm_struct *mm, *other;

	fake_sva_begin(test, &fake_bind_ops);
	mm = bare_process(test);
	other = bare_process(test);
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_sva_alloc_pasid(mm, 0, 3));
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_sva_alloc_pasid(mm, 3, 2));
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_sva_alloc_pasid(mm, 1, INVALID_IOASID));
	KUNIT_EXPECT_EQ(test, INVALID_IOASID, mm_get_pasid(mm));
	KUNIT_EXPECT_EQ(test, 0, iommu_sva_alloc_pasid(mm, 7, 7));
	KUNIT_EXPECT_EQ(test, 7, mm_get_pasid(mm));
	KUNIT_EXPECT_EQ(test, 0, iommu_sva_alloc_pasid(mm, 1, 7));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, iommu_sva_alloc_pasid(mm, 1, 6));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, iommu_sva_alloc_pasid(mm, 8, 9));
	KUNIT_EXPECT_EQ(test, -ENOMEM, iommu_sva_alloc_pasid(other, 7, 7));
	mmput(mm);
	KUNIT_EXPECT_EQ(test, 0, iommu_sva_alloc_pasid(other, 7, 7));
	mmput(other);
	KUNIT_EXPECT_EQ(test, SVA_NR_PASIDS - 1, fake_sva_free_pasids(0));
	fake_sva_end(test);
}

/* Each entry of the driver fails, with and without a domain that the process has */
static void step_answers(struct kunit *test, enum sva_step step, int err,
			 int answer, struct mm_struct *mm, unsigned int dev)
{
	fake_sva.fails[step] = err;
	for (fake_sva.failure = 0; fake_sva.failure < FAKE_NR_FAILURES;
	     fake_sva.failure++) {
		unsigned int before = fake_sva.calls[step];

		expect_refused(test, answer, dev, mm);
		KUNIT_EXPECT_LT(test, before, fake_sva.calls[step]);
		KUNIT_EXPECT_NULL(test, fake_sva_domain_of(dev, mm));
	}
	fake_sva.fails[step] = 0;
}

static void step_fails(struct kunit *test, enum sva_step step, int err,
		       struct mm_struct *mm, unsigned int dev)
{
	step_answers(test, step, err, err, mm, dev);
}

static void enabling_fails(struct kunit *test, int err, struct mm_struct *mm,
			   unsigned int dev)
{
	unsigned int allocs = fake_sva.calls[SVA_ALLOC];

	step_answers(test, SVA_ENABLE, err, err == -EINVAL ? -EOPNOTSUPP : err,
		     mm, dev);
	/* Another domain would not help: the second device is offered one already */
	if (dev)
		KUNIT_EXPECT_EQ(test, allocs, fake_sva.calls[SVA_ALLOC]);
}

static void steps_fail(struct kunit *test)
{
	const int errs[] = { -ENOMEM, -EINVAL, -EIO };
	struct iommu_sva *bond;
	struct mm_struct *mm;
	unsigned int i;

	fake_sva_begin(test, &fake_sva_ops);
	mm = bare_process(test);
	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		step_fails(test, SVA_ALLOC, errs[i], mm, 0);
		enabling_fails(test, errs[i], mm, 0);
		step_fails(test, SVA_SET, errs[i], mm, 0);
		fake_sva_expect_idle(test);
	}
	bond = fake_sva_bind(test, 0, mm);
	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		enabling_fails(test, errs[i], mm, 1);
		step_fails(test, SVA_SET, errs[i], mm, 1);
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&fake_sva_domain_of(0, mm)->nr_points));
	}
	/* An error which is not that of a device that does not fit is final */
	i = fake_sva.calls[SVA_ALLOC];
	step_fails(test, SVA_SET, -EIO, mm, 1);
	KUNIT_EXPECT_EQ(test, i, fake_sva.calls[SVA_ALLOC]);
	iommu_sva_unbind_device(bond);
	mmput(mm);
	fake_sva_end(test);
}

/* A driver that breaks its promise about alloc_sva() */
static void domains_that_are_refused(struct kunit *test)
{
	unsigned int errs;
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	mm = bare_process(test);
	for (fake_sva.defect = SVA_NULL; fake_sva.defect < SVA_NR_DEFECTS;
	     fake_sva.defect++) {
		errs = iommu_group_errs();
		expect_refused(test, -EINVAL, 0, mm);
		KUNIT_EXPECT_EQ(test, 1, iommu_group_errs() - errs);
	}
	mmput(mm);
	fake_sva_end(test);
}

static void driver_does_not_bind(struct kunit *test)
{
	struct iommu_domain *domain;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	ioasid_t pasid;

	fake_sva_begin(test, &fake_bind_ops);
	domain = fake_sva_new_domain(test);
	mm = bare_process(test);
	fake_sva.fails[SVA_BIND] = -EBADE;
	expect_refused(test, -EBADE, 0, mm);
	KUNIT_EXPECT_EQ(test, 0, fake_sva.unbinds);
	fake_sva.fails[SVA_BIND] = 0;
	KUNIT_EXPECT_EQ(test, INVALID_IOASID, mm_get_pasid(mm));

	/* The driver binds, but the PASID is in use */
	bond = fake_sva_bind(test, 0, mm);
	pasid = iommu_sva_get_pasid(bond);
	iommu_sva_unbind_device(bond);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(domain, fake_device(0),
							   pasid, NULL));
	expect_refused(test, -EBUSY, 0, mm);
	KUNIT_EXPECT_EQ(test, 2, fake_sva.unbinds);
	KUNIT_EXPECT_NULL(test, fake_sva.bound[0][pasid]);
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva.hw[0][pasid]);
	iommu_detach_device_pasid(domain, fake_device(0), pasid);
	bond = fake_sva_bind(test, 0, mm);
	iommu_sva_unbind_device(bond);
	iommu_domain_free(domain);
	mmput(mm);
	fake_sva_end(test);
}

static const struct iommu_ops *const both_ways[] = { &fake_sva_ops, &fake_bind_ops };
static const void *gen_both_ways(const void *prev, char *desc)
{
	if (prev == both_ways[1])
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", prev ? "sva_bind" : "domains");
	return both_ways[prev ? 1 : 0];
}

static int sva_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void sva_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case sva_cases[] = {
	KUNIT_CASE(refused_by_architecture),
	KUNIT_CASE(driver_without_entries),
	KUNIT_CASE(features_of_6_1),
	KUNIT_CASE(devices_share_a_domain),
	KUNIT_CASE(devices_of_two_kinds),
	KUNIT_CASE(devices_of_two_kinds_without_device_fits),
	KUNIT_CASE(binds_are_counted),
	KUNIT_CASE_PARAM(groups_that_are_refused, gen_both_ways),
	KUNIT_CASE(device_without_pasids),
	KUNIT_CASE(pasid_in_use),
	KUNIT_CASE(pasid_too_wide),
	KUNIT_CASE(pasids_run_out),
	KUNIT_CASE(range_of_a_driver),
	KUNIT_CASE(steps_fail),
	KUNIT_CASE(domains_that_are_refused),
	KUNIT_CASE(driver_does_not_bind),
	{}
};

static struct kunit_suite sva_suite = {
	.name = "iommu_sva",
	.suite_init = sva_suite_init,
	.suite_exit = sva_suite_exit,
	.test_cases = sva_cases,
};

kunit_test_suites(&sva_suite);
