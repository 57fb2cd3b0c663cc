// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests of devices that are reset.
 *
 * Most cases are done with a PASID and with the requester ID, whose number here is 0, of
 * a device that has an owner, and with a PASID of a device that has a native driver.
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

/**
 * struct point - what takes page requests
 * @name: name of the parameter
 * @pasid: PASID, or 0 for the requester ID
 * @native: the device has a native driver, and no owner
 */
struct point {
	const char *name;
	ioasid_t pasid;
	bool native;
};

static const struct point points[] = {
	{ "PASID", PASID },
	{ "requester ID", IOMMU_NO_PASID },
	{ "PASID of a native driver", PASID, .native = true },
};

static void point_name(const struct point *point, char *name)
{
	strscpy(name, point->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(point, points, point_name);

static struct fake_user one, two;
static struct iommu_domain *first, *second;

/* Returns the PASID of the test, which is 0 for the requester ID */
static ioasid_t begin(struct kunit *test, unsigned int nr_devs)
{
	const struct point *point = test->param_value;

	fake_faults_begin(test, &fake_faults_ops, nr_devs, FAULT_ROOM);
	fake_user_init(&one, true);
	fake_user_init(&two, true);
	first = fake_faults_domain(test);
	second = fake_faults_domain(test);
	if (point->native)
		fake_faults_bind_driver(test);
	return point->pasid;
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

/* The requester ID of a native driver's device stays where it is */
static void expect_requester_id(struct kunit *test, unsigned int dev)
{
	const struct point *point = test->param_value;

	if (point->native)
		KUNIT_EXPECT_PTR_EQ(test, fake_walks(dev, IOMMU_NO_PASID),
				    fake.group->default_domain);
	else
		KUNIT_EXPECT_NULL(test, fake_walks(dev, IOMMU_NO_PASID));
}

/* Returns how many groups the device forgets */
static unsigned int begin_reset(unsigned int dev)
{
	iommu_device_reset_begin(fake_device(dev));
	return fake_reset(dev, true);
}

static void end_reset(unsigned int dev)
{
	iommu_device_reset_end(fake_device(dev));
	fake_reset(dev, false);
}

/* No user gets a request of device 0, nor does the device an answer */
static void expect_dropped(struct kunit *test, ioasid_t pasid, u32 grpid)
{
	unsigned int before = one.delivered;

	report(test, 0, pasid, grpid, false);
	report(test, 0, pasid, grpid, true);
	KUNIT_EXPECT_EQ(test, one.delivered, before);
	expect_no_answer(test);
	KUNIT_EXPECT_EQ(test, fake_forget(0), 1);
}

static void reset_forgets_requests(struct kunit *test)
{
	const ioasid_t pasid = begin(test, 2);
	struct iopf_group *group;
	unsigned int i;

	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	group = take(test, &one);
	report(test, 0, pasid, 2, false);
	/* The last request of this one is dropped with the device's memory of it */
	for (i = 0; i < FAULT_ROOM; i++)
		report(test, 0, pasid, 3, false);
	faults.taken = fake_request(pasid, 4, true);
	KUNIT_EXPECT_EQ(test, begin_reset(0), 2);
	KUNIT_EXPECT_EQ(test, faults.taken.flags, 0);
	KUNIT_EXPECT_TRUE(test, faults.drained_blocked & BIT(pasid));
	KUNIT_EXPECT_NULL(test, fake_walks(0, pasid));
	KUNIT_EXPECT_PTR_EQ(test, fake_walks(1, pasid), first);
	expect_requester_id(test, 0);
	expect_no_answer(test);
	expect_dropped(test, pasid, 5);
	expect_dropped(test, OTHER_PASID, 5);
	KUNIT_EXPECT_EQ(test, one.delivered, 1);
	expect_delivered(test, 1, pasid, 1, &one);
	/* Still there when the reset ends: it is of the time before it */
	faults.taken = fake_request(pasid, 6, true);
	end_reset(0);
	KUNIT_EXPECT_EQ(test, faults.taken.flags, 0);
	KUNIT_EXPECT_EQ(test, fake_forget(0), 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_walks(0, pasid), first);
	/* Of the same index as before */
	for (i = 1; i < 4; i++)
		report_one(test, pasid, i);
	KUNIT_EXPECT_EQ(test, one.delivered, 5);
	iopf_group_answer(group, SUCCESS);
	expect_no_answer(test);
	for (i = 1; i < 4; i++)
		expect_group(test, 0, pasid, i, &one, 1);
	expect_room(test, 0);
	fake_detach(pasid, first);
	end(test);
}

/* What is answered while the device is blocked is not told to it either */
static void answer_during_reset(struct kunit *test)
{
	const ioasid_t pasid = begin(test, 1);

	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	KUNIT_EXPECT_EQ(test, begin_reset(0), 1);
	iopf_group_answer(take(test, &one), SUCCESS);
	expect_no_answer(test);
	expect_room(test, 0);
	end_reset(0);
	expect_delivered(test, 0, pasid, 1, &one);
	fake_detach(pasid, first);
	end(test);
}

/* The device does not learn that the attachment has ended */
static void detach_during_reset(struct kunit *test)
{
	const ioasid_t pasid = begin(test, 2);

	attach(test, pasid, &one);
	report_one(test, pasid, 1);
	KUNIT_EXPECT_EQ(test, begin_reset(0), 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, fake_replace(pasid, second, &two));
	KUNIT_EXPECT_EQ(test, atomic_read(&two.handle.nr_faults), 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 1);
	fake_detach(pasid, first);
	expect_no_answer(test);
	/* The configuration of a device that is being reset cannot be written */
	KUNIT_EXPECT_EQ(test, faults.disables, 1);
	end_reset(0);
	expect_disabled(test);
	attach(test, pasid, &one);
	expect_delivered(test, 0, pasid, 1, &one);
	fake_detach(pasid, first);
	end(test);
}

/* A PASID whose detach waits for an answer: the device forgets the request as well */
static void reset_during_detach(struct kunit *test)
{
	struct call call = { .pasid = begin(test, 1) };
	struct iopf_group *group;

	call.domain = first;
	attach(test, call.pasid, &one);
	report_one(test, call.pasid, 1);
	group = take(test, &one);
	start_call(test, &call);
	expect_waiting(test, &call, &one);
	KUNIT_EXPECT_EQ(test, begin_reset(0), 1);
	iopf_group_answer(group, SUCCESS);
	wait_for_completion(&call.done);
	expect_no_answer(test);
	KUNIT_EXPECT_EQ(test, faults.disables, 0);
	end_reset(0);
	expect_disabled(test);
	attach(test, call.pasid, &one);
	expect_delivered(test, 0, call.pasid, 1, &one);
	fake_detach(call.pasid, first);
	end(test);
}

/* Page requests of a device that is being reset cannot be enabled */
static void attach_during_reset(struct kunit *test)
{
	const struct point *point = test->param_value;
	const ioasid_t pasid = begin(test, 2);

	/* Else there is nothing to block the owner's device from */
	fake_user_init(&two, false);
	if (!point->native)
		attach(test, IOMMU_NO_PASID, &two);
	begin_reset(1);
	KUNIT_EXPECT_EQ(test, -EBUSY, fake_attach(pasid, second, &one));
	KUNIT_EXPECT_EQ(test, faults.enables, 0);
	end_reset(1);
	if (!point->native)
		fake_detach(IOMMU_NO_PASID, first);
	expect_disabled(test);
	end(test);
}

static void device_leaves_during_reset(struct kunit *test)
{
	const ioasid_t pasid = begin(test, 2);

	attach(test, pasid, &one);
	report(test, 1, pasid, 1, true);
	KUNIT_EXPECT_EQ(test, begin_reset(1), 1);
	fake_dev_remove(fake.devs[1]);
	end_reset(1);
	iopf_group_answer(take(test, &one), SUCCESS);
	expect_no_answer(test);
	expect_delivered(test, 0, pasid, 1, &one);
	fake_detach(pasid, first);
	expect_disabled(test);
	end(test);
}

static int iopf_reset_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void iopf_reset_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case iopf_reset_cases[] = {
	KUNIT_CASE_PARAM(reset_forgets_requests, point_gen_params),
	KUNIT_CASE_PARAM(answer_during_reset, point_gen_params),
	KUNIT_CASE_PARAM(detach_during_reset, point_gen_params),
	KUNIT_CASE_PARAM(reset_during_detach, point_gen_params),
	KUNIT_CASE_PARAM(attach_during_reset, point_gen_params),
	KUNIT_CASE_PARAM(device_leaves_during_reset, point_gen_params),
	{}
};

static struct kunit_suite iopf_reset_suite = {
	.name = "iommu_faults_reset",
	.suite_init = iopf_reset_suite_init,
	.suite_exit = iopf_reset_suite_exit,
	.test_cases = iopf_reset_cases,
};

kunit_test_suites(&iopf_reset_suite);
