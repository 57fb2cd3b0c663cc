// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that joins a group with an owner: a native driver can bind it after
 * the owner has released the group.
 */
#include <kunit/test.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>

#include "../dma-iommu.h"
#include "fake_iommu.h"

static struct iommu_dma_owner owner;

/* As x86 drivers do in probe_finalize() */
static void join(struct kunit *test, unsigned int i)
{
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake.devs[i]));
	iommu_setup_dma_ops(fake_device(i), 0, U64_MAX);
}

/* DMA operations follow the default domain, not the domain of the group */
static void dma_api_is_set_up(struct kunit *test)
{
	fake_world_init(test, &fake_ops, 0);
	fake.def_type = IOMMU_DOMAIN_DMA;
	fake_dev_make(test, &fake.iommus[0]);
	fake_dev_make(test, &fake.iommus[0]);
	join(test, 0);
	KUNIT_ASSERT_EQ(test, IOMMU_DOMAIN_DMA,
			iommu_group_default_domain(fake.group)->type);
	KUNIT_ASSERT_NOT_NULL(test, fake_device(0)->dma_ops);

	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
	join(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_device(1)->dma_ops,
			    fake_device(0)->dma_ops);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(1)));

	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_TRUE(test,
			  fake_all_on(iommu_group_default_domain(fake.group)));
	fake_world_exit(test);
}

/* With an identity default domain the operations of the bus are kept */
static void identity_needs_none(struct kunit *test)
{
	fake_world_init(test, &fake_ops, 1);
	fake_dev_make(test, &fake.iommus[0]);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
	join(test, 1);
	KUNIT_EXPECT_NULL(test, fake_device(1)->dma_ops);
	iommu_device_release_dma_owner(fake_device(0));
	fake_world_exit(test);
}

static int joining_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void joining_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case joining_cases[] = {
	KUNIT_CASE(dma_api_is_set_up),
	KUNIT_CASE(identity_needs_none),
	{}
};

static struct kunit_suite joining_suite = {
	.name = "iommu_joining",
	.suite_init = joining_suite_init,
	.suite_exit = joining_suite_exit,
	.test_cases = joining_cases,
};

kunit_test_suites(&joining_suite);
