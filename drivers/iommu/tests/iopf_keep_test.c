// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests whose accesses the IOMMU keeps: each is answered once, whatever happens to
 * the device.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_faults.h"
#include "fault_test.h"

static struct fake_user one;
static struct iommu_domain *first;

static void begin(struct kunit *test, unsigned int nr_devs)
{
	fake_faults_begin(test, &fake_faults_keeping_ops, nr_devs, FAULT_ROOM);
	fake_user_init(&one, true);
	first = fake_faults_domain(test);
	KUNIT_ASSERT_EQ(test, 0, fake_attach(PASID, first, &one));
}

static void end(struct kunit *test)
{
	iommu_domain_free(first);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_faults_end(test);
}

static void reset_forgets_nothing(struct kunit *test)
{
	struct iopf_group *before, *meanwhile;

	begin(test, 1);
	report_one(test, PASID, 1);
	report_one(test, PASID, 2);
	report_one(test, PASID, 3);
	before = take(test, &one);
	meanwhile = take(test, &one);
	iommu_device_reset_begin(fake_device(0));
	expect_no_answer(test);
	/* Of a device that is blocked: no user gets it */
	expect_invalid(test, 0, PASID, 4);
	expect_invalid(test, 0, OTHER_PASID, 5);
	iopf_group_answer(meanwhile, SUCCESS);
	expect_answer(test, 0, PASID, 2, SUCCESS);
	iommu_device_reset_end(fake_device(0));
	report_one(test, PASID, 6);
	KUNIT_EXPECT_EQ(test, one.delivered, 4);
	iopf_group_answer(take(test, &one), SUCCESS);
	expect_answer(test, 0, PASID, 3, SUCCESS);
	iopf_group_answer(before, INVALID);
	expect_answer(test, 0, PASID, 1, INVALID);
	/* The end of the attachment answers the last one */
	fake_detach(PASID, first);
	expect_answer(test, 0, PASID, 6, INVALID);
	expect_no_answer(test);
	expect_disabled(test);
	end(test);
}

/* What it had taken in when its reset began is answered before that goes on */
static void drained_by_a_reset(struct kunit *test)
{
	begin(test, 1);
	faults.taken = fake_request(PASID, 1, true);
	iommu_device_reset_begin(fake_device(0));
	expect_answer(test, 0, PASID, 1, INVALID);
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_EQ(test, one.delivered, 0);
	expect_room(test, 0);
	fake_detach(PASID, first);
	expect_no_answer(test);
	end(test);
}

static void device_leaves(struct kunit *test)
{
	struct iopf_group *answered, *late;

	begin(test, 2);
	report(test, 1, PASID, 1, true);
	report(test, 1, PASID, 2, true);
	report(test, 1, PASID, 3, true);
	report(test, 0, PASID, 4, true);
	answered = take(test, &one);
	late = take(test, &one);
	iopf_group_answer(answered, SUCCESS);
	expect_answer(test, 1, PASID, 1, SUCCESS);
	/* One that is refused by its user is answered here */
	one.refuses = true;
	report(test, 1, PASID, 5, true);
	expect_answer(test, 1, PASID, 5, INVALID);
	one.refuses = false;
	fake_dev_remove(fake.devs[1]);
	KUNIT_EXPECT_EQ(test, faults.nr_answers - faults.seen, 2);
	/* In any order: one is with its user, and one in its queue */
	KUNIT_EXPECT_EQ(test, faults.answers[faults.seen].response.grpid +
			      faults.answers[faults.seen + 1].response.grpid, 2 + 3);
	KUNIT_EXPECT_EQ(test, faults.answers[faults.seen].response.code, INVALID);
	KUNIT_EXPECT_EQ(test, faults.answers[faults.seen + 1].response.code, INVALID);
	faults.seen += 2;
	iopf_group_answer(late, SUCCESS);
	expect_no_answer(test);
	fake_detach(PASID, first);
	expect_answer(test, 0, PASID, 4, INVALID);
	expect_no_answer(test);
	end(test);
}

static int iopf_keep_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void iopf_keep_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case iopf_keep_cases[] = {
	KUNIT_CASE(reset_forgets_nothing),
	KUNIT_CASE(drained_by_a_reset),
	KUNIT_CASE(device_leaves),
	{}
};

static struct kunit_suite iopf_keep_suite = {
	.name = "iommu_faults_kept",
	.suite_init = iopf_keep_suite_init,
	.suite_exit = iopf_keep_suite_exit,
	.test_cases = iopf_keep_cases,
};
kunit_test_suite(iopf_keep_suite);
