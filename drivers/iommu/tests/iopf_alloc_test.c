// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests that are enabled without memory for the room of a device.
 */
#include <kunit/test.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fail_alloc.h"
#include "fake_faults.h"
#include "fault_test.h"

static struct iommu_domain *first, *second;
static struct fake_user plain, user;
static ioasid_t pasid;

/* The first attachment of two devices that takes page requests */

static int attach(void)
{
	return fake_attach(pasid, first, &user);
}

static void detach(void)
{
	fake_detach(pasid, first);
}

static bool is_off(void)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		if (faults.enabled[i] || fake_walks(i, pasid) ||
		    rcu_access_pointer(fake_device(i)->iommu->iopf_pool))
			return false;
	return !fake.group->nr_fault_handles && !user.handle.domain &&
	       faults.enables == faults.disables &&
	       !iommu_group_has_pasids(fake.group) &&
	       !rcu_access_pointer(fake.group->handle);
}

static bool is_on(struct iommu_domain *domain)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		if (!faults.enabled[i] || fake_walks(i, pasid) != domain)
			return false;
	return fake.group->nr_fault_handles == 1 && user.handle.domain == domain;
}

static bool is_on_first(void)
{
	return is_on(first);
}

static bool is_on_second(void)
{
	return is_on(second);
}

/* An attachment that takes none is replaced by one that does */

static int replace(void)
{
	return fake_replace(pasid, second, &user);
}

static void go_back(void)
{
	fake_replace(pasid, first, &plain);
}

static bool is_without_requests(void)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		if (faults.enabled[i] || fake_walks(i, pasid) != first)
			return false;
	return !fake.group->nr_fault_handles && !user.handle.domain &&
	       plain.handle.domain == first && faults.enables == faults.disables;
}

static void enable(struct kunit *test, ioasid_t point)
{
	const struct fail_alloc_ops attaching = {
		.go = attach, .undo = detach, .is_idle = is_off,
		.is_done = is_on_first, .places = 2,
	};
	const struct fail_alloc_ops replacing = {
		.go = replace, .undo = go_back, .is_idle = is_without_requests,
		.is_done = is_on_second, .places = 2,
	};

	pasid = point;
	fake_faults_begin(test, &fake_faults_ops, 2, FAULT_ROOM);
	fake_user_init(&plain, false);
	fake_user_init(&user, true);
	first = fake_faults_domain(test);
	second = fake_faults_domain(test);
	fail_alloc_sweep(test, &attaching);
	KUNIT_EXPECT_EQ(test, 0, fake_attach(pasid, first, &plain));
	fail_alloc_sweep(test, &replacing);
	/* A device that gets no room does not lose what it has */
	KUNIT_EXPECT_EQ(test, 0, replace());
	expect_delivered(test, 1, pasid, 1, &user);
	fake_detach(pasid, second);
	iommu_domain_free(first);
	iommu_domain_free(second);
	fake_faults_end(test);
}

static void enabled_for_a_pasid(struct kunit *test)
{
	enable(test, PASID);
}

static void enabled_for_the_requester_id(struct kunit *test)
{
	enable(test, IOMMU_NO_PASID);
}

static int iopf_alloc_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void iopf_alloc_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case iopf_alloc_cases[] = {
	KUNIT_CASE(enabled_for_a_pasid),
	KUNIT_CASE(enabled_for_the_requester_id),
	{}
};

static struct kunit_suite iopf_alloc_suite = {
	.name = "iommu_faults_alloc",
	.suite_init = iopf_alloc_suite_init,
	.suite_exit = iopf_alloc_suite_exit,
	.test_cases = iopf_alloc_cases,
};

kunit_test_suites(&iopf_alloc_suite);
