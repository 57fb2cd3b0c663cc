// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests: what becomes of them when the attachment, the device or its IOMMU
 * changes.
 *
 * Most cases are done with a PASID, and again with the requester ID, whose number
 * here is 0.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_faults.h"
#include "fault_test.h"

static const ioasid_t points[] = { PASID, IOMMU_NO_PASID };

static void point_name(const ioasid_t *point, char *name)
{
	strscpy(name, *point ? "PASID" : "requester ID", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(point, points, point_name);

/* Attachments of a test: most use one of the first two, and one on another PASID */
static struct fake_user one, two, other;
static struct iommu_domain *first, *second;

static void begin_with(struct kunit *test, const struct iommu_ops *ops,
		       unsigned int nr_devs)
{
	fake_faults_begin(test, ops, nr_devs, FAULT_ROOM);
	fake_user_init(&one, true);
	fake_user_init(&two, true);
	fake_user_init(&other, true);
	first = fake_faults_domain(test);
	second = fake_faults_domain(test);
}

static void begin(struct kunit *test, unsigned int nr_devs)
{
	begin_with(test, &fake_faults_ops, nr_devs);
}

static void end(struct kunit *test)
{
	iommu_domain_free(first);
	iommu_domain_free(second);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_faults_end(test);
}

static void attach(struct kunit *test, ioasid_t pasid, struct fake_user *user)
{
	KUNIT_ASSERT_EQ(test, 0, fake_attach(pasid, first, user));
}

/* Keeps the pool of a device while the attachment under test ends */
static void attach_other(struct kunit *test)
{
	attach(test, OTHER_PASID, &other);
}

static void detach_other(void)
{
	fake_detach(OTHER_PASID, first);
}

/* Ends of attachments */

static void detach_ends_requests(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	unsigned int delivered;

	begin(test, 2);
	attach_other(test);
	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	report(test, 0, pasid, 2, false);
	report(test, 1, pasid, 3, false);
	report(test, 1, pasid, 4, true);
	report(test, 0, OTHER_PASID, 2, false);
	delivered = one.delivered;
	/* This one is in the hardware's queue when the PASID is blocked */
	faults.taken = fake_request(pasid, 5, true);
	faults.drains = 0;
	fake_detach(pasid, first);
	KUNIT_EXPECT_EQ(test, faults.drains, 2);
	KUNIT_EXPECT_TRUE(test, faults.drained_blocked & BIT(pasid));
	KUNIT_EXPECT_FALSE(test, faults.drained_blocked & BIT(OTHER_PASID));
	KUNIT_EXPECT_EQ(test, one.delivered, delivered);
	expect_answer(test, 0, pasid, 5, INVALID);
	expect_answer(test, 0, pasid, 1, INVALID);
	expect_answer(test, 1, pasid, 4, INVALID);
	KUNIT_EXPECT_EQ(test, atomic_read(&one.handle.nr_faults), 0);
	expect_room(test, 1);
	/* A late one */
	expect_invalid(test, 0, pasid, 2);
	report(test, 0, OTHER_PASID, 2, true);
	expect_group(test, 0, OTHER_PASID, 2, &other, 2);
	expect_room(test, 0);
	attach(test, pasid, &one);
	expect_delivered(test, 0, pasid, 2, &one);
	fake_detach(pasid, first);
	detach_other();
	end(test);
}

static void detach_waits_for_answers(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	struct call call = { .pasid = pasid };
	struct iopf_group *group;

	begin(test, 1);
	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	report_one(test, pasid, 2);
	group = take(test, &one);
	call.domain = first;
	start_call(test, &call);
	expect_waiting(test, &call, &one);
	expect_answer(test, 0, pasid, 2, INVALID);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 1);
	KUNIT_EXPECT_EQ(test, faults.disables, 0);
	expect_invalid(test, 0, pasid, 2);
	if (pasid) {
		KUNIT_EXPECT_EQ(test, -EBUSY, fake_attach(pasid, first, &two));
		KUNIT_EXPECT_EQ(test, -EBUSY, fake_replace(pasid, first, &two));
		KUNIT_EXPECT_NULL(test, fake_walks(0, pasid));
	}
	iopf_group_answer(group, SUCCESS);
	expect_answer(test, 0, pasid, 1, SUCCESS);
	wait_for_completion(&call.done);
	expect_disabled(test);
	attach(test, pasid, &two);
	expect_delivered(test, 0, pasid, 1, &two);
	fake_detach(pasid, first);
	end(test);
}

static void replace_ends_requests_of_old(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	unsigned int delivered;

	begin(test, 2);
	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	report(test, 0, pasid, 2, false);
	delivered = one.delivered;
	faults.switched = fake_request(pasid, 3, true);
	faults.taken = fake_request(pasid, 4, true);
	KUNIT_EXPECT_EQ(test, 0, fake_replace(pasid, second, &two));
	KUNIT_EXPECT_PTR_EQ(test, fake_walks(1, pasid), second);
	KUNIT_EXPECT_PTR_EQ(test, two.handle.domain, second);
	KUNIT_EXPECT_EQ(test, one.delivered, delivered);
	expect_answer(test, 0, pasid, 1, INVALID);
	KUNIT_EXPECT_EQ(test, two.delivered, 2);
	expect_group(test, 0, pasid, 3, &two, 1);
	expect_group(test, 0, pasid, 4, &two, 1);
	expect_room(test, 0);
	expect_delivered(test, 0, pasid, 2, &two);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 1);
	KUNIT_EXPECT_EQ(test, faults.enables, 2);
	KUNIT_EXPECT_EQ(test, faults.disables, 0);
	/* The same handle on another domain loses nothing */
	report_one(test, pasid, 5);
	KUNIT_EXPECT_EQ(test, 0, fake_replace(pasid, first, &two));
	KUNIT_EXPECT_PTR_EQ(test, two.handle.domain, first);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 1);
	expect_group(test, 0, pasid, 5, &two, 1);
	/* Then one that takes none */
	report_one(test, pasid, 6);
	fake_user_init(&one, false);
	KUNIT_EXPECT_EQ(test, 0, fake_replace(pasid, second, &one));
	KUNIT_EXPECT_PTR_EQ(test, one.handle.domain, second);
	expect_answer(test, 0, pasid, 6, INVALID);
	expect_disabled(test);
	fake_detach(pasid, second);
	end(test);
}

static void replace_waits_for_answers(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	struct call call = { .pasid = pasid, .to = &two };
	struct iopf_group *group;

	begin(test, 1);
	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	group = take(test, &one);
	call.domain = second;
	start_call(test, &call);
	expect_waiting(test, &call, &one);
	expect_delivered(test, 0, pasid, 2, &two);
	iopf_group_answer(group, SUCCESS);
	expect_answer(test, 0, pasid, 1, SUCCESS);
	wait_for_completion(&call.done);
	KUNIT_EXPECT_EQ(test, call.ret, 0);
	fake_detach(pasid, second);
	end(test);
}

/* Whatever the hardware did: the old attachment goes on */
static void failing_replace(struct kunit *test, ioasid_t pasid, unsigned int n,
			    enum fake_failure failure)
{
	unsigned int delivered = two.delivered;

	report_one(test, pasid, 1);
	report(test, 0, pasid, 2, false);
	faults.switched = fake_request(pasid, 3, true);
	faults.taken = fake_request(pasid, 4, true);
	fake_faults_arm(BIT_ULL(n), failure);
	KUNIT_EXPECT_EQ(test, -EIO, fake_replace(pasid, second, &two));
	KUNIT_EXPECT_EQ(test, two.delivered - delivered, 1);
	expect_answer(test, 0, pasid, 3, INVALID);
	KUNIT_EXPECT_EQ(test, atomic_read(&two.handle.nr_faults), 0);
	KUNIT_EXPECT_PTR_EQ(test, one.handle.domain, first);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_walks(0, pasid), first);
	KUNIT_EXPECT_PTR_EQ(test, fake_walks(1, pasid), first);
	report(test, 0, pasid, 2, true);
	expect_group(test, 0, pasid, 1, &one, 1);
	expect_group(test, 0, pasid, 4, &one, 1);
	expect_group(test, 0, pasid, 2, &one, 2);
	expect_room(test, 0);
}

static void replace_fails(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	unsigned int n, failure;

	begin(test, 2);
	attach(test, pasid, &one);
	for (n = 0; n < 2; n++)
		for (failure = 0; failure < FAKE_NR_FAILURES; failure++)
			failing_replace(test, pasid, n, failure);
	fake_detach(pasid, first);
	end(test);
}

/* Requests of an attachment that is not to be are not lost */
static void failing_attach(struct kunit *test, ioasid_t pasid, unsigned int n,
			   enum fake_failure failure)
{
	unsigned int delivered = one.delivered;

	faults.switched = fake_request(pasid, 1, true);
	faults.taken = fake_request(pasid, 2, true);
	fake_faults_arm(BIT_ULL(n), failure);
	KUNIT_EXPECT_EQ(test, -EIO, fake_attach(pasid, first, &one));
	KUNIT_EXPECT_EQ(test, one.delivered - delivered, 1);
	expect_answer(test, 0, pasid, 2, INVALID);
	expect_answer(test, 0, pasid, 1, INVALID);
	KUNIT_EXPECT_NULL(test, fake_walks(0, pasid));
	KUNIT_EXPECT_NULL(test, fake_walks(1, pasid));
	expect_disabled(test);
	fake_faults_arm(0, failure);
	attach(test, pasid, &one);
	expect_delivered(test, 1, pasid, 1, &one);
	fake_detach(pasid, first);
}

static void attach_fails(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	unsigned int n, failure;

	begin(test, 2);
	for (n = 0; n < 2; n++)
		for (failure = 0; failure < FAKE_NR_FAILURES; failure++)
			failing_attach(test, pasid, n, failure);
	end(test);
}

static void enabling_fails(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;

	begin(test, 3);
	faults.enable_fails = BIT(2);
	/* The driver says -EINVAL, which is for domains */
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fake_attach(pasid, first, &one));
	KUNIT_EXPECT_EQ(test, faults.enables, 2);
	KUNIT_EXPECT_EQ(test, faults.sets + fake.attaches, 0);
	expect_disabled(test);
	faults.enable_fails = 0;
	attach(test, pasid, &one);
	KUNIT_EXPECT_EQ(test, faults.enables, 5);
	fake_detach(pasid, first);
	end(test);
}

static void driver_without_requests(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;

	begin_with(test, &fake_faultless_ops, 1);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fake_attach(pasid, first, &one));
	KUNIT_EXPECT_EQ(test, faults.sets + fake.attaches, 0);
	KUNIT_EXPECT_FALSE(test, iommu_group_has_pasids(fake.group));
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(fake.group->handle));
	fake_user_init(&one, false);
	attach(test, pasid, &one);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fake_replace(pasid, second, &two));
	KUNIT_EXPECT_PTR_EQ(test, fake_walks(0, pasid), first);
	fake_detach(pasid, first);
	end(test);
}

/* The owner is gone; what it has not answered is not waited for */
static void owner_leaves(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	struct iopf_group *group;

	begin(test, 1);
	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	report(test, 0, pasid, 2, false);
	group = take(test, &one);
	iommu_device_release_dma_owner(fake_device(0));
	expect_disabled(test);
	KUNIT_EXPECT_FALSE(test, iommu_group_has_pasids(fake.group));
	/* It keeps the device and the memory */
	iopf_group_answer(group, SUCCESS);
	KUNIT_EXPECT_EQ(test, fake_forget(0), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&one.handle.nr_faults), 0);
	end(test);
}

/* Devices */

static void device_leaves(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	struct iopf_group *group;

	begin(test, 2);
	attach(test, pasid, &one);
	report(test, 1, pasid, 1, true);
	report(test, 1, pasid, 2, true);
	report(test, 1, pasid, 3, false);
	report(test, 0, pasid, 1, false);
	group = take(test, &one);
	fake_dev_remove(fake.devs[1]);
	KUNIT_EXPECT_EQ(test, faults.disables, 1);
	KUNIT_EXPECT_TRUE(test, faults.enabled[0]);
	iopf_group_answer(group, SUCCESS);
	expect_no_answer(test);
	KUNIT_EXPECT_EQ(test, fake_forget(1), 2);
	report(test, 0, pasid, 1, true);
	/* The other group of the device is answered at the end */
	KUNIT_EXPECT_EQ(test, atomic_read(&one.handle.nr_faults), 3);
	fake_detach(pasid, first);
	expect_answer(test, 0, pasid, 1, INVALID);
	expect_disabled(test);
	end(test);
}

static void device_joins(struct kunit *test)
{
	const ioasid_t pasid = *(const ioasid_t *)test->param_value;
	struct fake_dev *fdev;

	begin(test, 1);
	attach(test, pasid, &one);
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fake_faults_make(test)));
	KUNIT_EXPECT_EQ(test, faults.enables, 2);
	expect_delivered(test, 1, pasid, 1, &one);
	/* One without page requests does not */
	fdev = fake_faults_make(test);
	faults.enable_fails = BIT(2);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fake_dev_probe(fdev));
	KUNIT_EXPECT_EQ(test, faults.enables, 2);
	KUNIT_EXPECT_NULL(test, faults.hw[2][PASID]);
	/* Nor one that cannot be attached */
	faults.enable_fails = 0;
	fake_faults_arm(BIT_ULL(0), FAKE_FAIL_MOVES);
	fdev->gone = false;
	KUNIT_EXPECT_EQ(test, -EIO, fake_dev_probe(fdev));
	fake_faults_arm(0, FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, faults.enables, 3);
	KUNIT_EXPECT_FALSE(test, faults.enabled[2]);
	KUNIT_EXPECT_TRUE(test, fdev->gone);
	fake_detach(pasid, first);
	expect_disabled(test);
	/* Without such an attachment all may */
	faults.enable_fails = BIT(2);
	fdev->gone = false;
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	end(test);
}

static int iopf_end_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void iopf_end_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

#define CASE_AT_POINTS(name)	KUNIT_CASE_PARAM(name, point_gen_params)

static struct kunit_case iopf_end_cases[] = {
	CASE_AT_POINTS(detach_ends_requests),
	CASE_AT_POINTS(detach_waits_for_answers),
	CASE_AT_POINTS(replace_ends_requests_of_old),
	CASE_AT_POINTS(replace_waits_for_answers),
	CASE_AT_POINTS(replace_fails),
	CASE_AT_POINTS(attach_fails),
	CASE_AT_POINTS(enabling_fails),
	CASE_AT_POINTS(driver_without_requests),
	CASE_AT_POINTS(owner_leaves),
	CASE_AT_POINTS(device_leaves),
	CASE_AT_POINTS(device_joins),
	{}
};

static struct kunit_suite iopf_end_suite = {
	.name = "iommu_faults_end",
	.suite_init = iopf_end_suite_init,
	.suite_exit = iopf_end_suite_exit,
	.test_cases = iopf_end_cases,
};

kunit_test_suites(&iopf_end_suite);
