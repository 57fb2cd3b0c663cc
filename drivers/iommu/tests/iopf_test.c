// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests: which attachment gets them, in which groups, and how many there may be.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>

#include "../iommu-group.h"
#include "../iommu-sva-lib.h"
#include "../iopf-pool.h"
#include "fake_faults.h"
#include "fault_test.h"

/* Attachments of a test: most use one of the first two, and one on another PASID */
static struct fake_user one, two, other;
static struct iommu_domain *first;

static void begin(struct kunit *test, unsigned int nr_devs)
{
	fake_faults_begin(test, &fake_faults_ops, nr_devs, FAULT_ROOM);
	fake_user_init(&one, true);
	fake_user_init(&two, true);
	fake_user_init(&other, true);
	first = fake_faults_domain(test);
}

static void end(struct kunit *test)
{
	iommu_domain_free(first);
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

/* Routing */

static void each_to_its_attachment(struct kunit *test)
{
	begin(test, 2);
	attach(test, PASID, &one);
	attach(test, OTHER_PASID, &other);
	attach(test, IOMMU_NO_PASID, &two);
	KUNIT_EXPECT_EQ(test, faults.enables, 2);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 3);
	KUNIT_EXPECT_PTR_EQ(test, one.handle.domain, first);
	KUNIT_EXPECT_PTR_EQ(test, two.handle.domain, first);
	expect_delivered(test, 0, PASID, 1, &one);
	expect_delivered(test, 0, OTHER_PASID, 1, &other);
	expect_delivered(test, 0, IOMMU_NO_PASID, 1, &two);
	expect_delivered(test, 1, PASID, 2, &one);
	expect_delivered(test, 1, IOMMU_NO_PASID, 2, &two);
	expect_room(test, 0);
	expect_room(test, 1);
	fake_detach(PASID, first);
	fake_detach(OTHER_PASID, first);
	KUNIT_EXPECT_EQ(test, faults.disables, 0);
	expect_delivered(test, 1, IOMMU_NO_PASID, 3, &two);
	fake_detach(IOMMU_NO_PASID, first);
	KUNIT_EXPECT_EQ(test, faults.enables, 2);
	expect_disabled(test);
	end(test);
}

/* The answer comes at the last request, and once */
static void nobody_takes_them(struct kunit *test)
{
	begin(test, 1);
	fake_user_init(&one, false);
	fake_user_init(&two, false);
	attach_other(test);
	report(test, 0, PASID, 7, false);
	report(test, 0, PASID, 7, false);
	expect_no_answer(test);
	expect_invalid(test, 0, PASID, 7);
	expect_invalid(test, 0, IOMMU_NO_PASID, 8);
	attach(test, PASID, &one);
	attach(test, IOMMU_NO_PASID, &two);
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 1);
	report(test, 0, PASID, 9, false);
	expect_invalid(test, 0, PASID, 9);
	expect_invalid(test, 0, IOMMU_NO_PASID, 10);
	expect_room(test, 0);
	fake_detach(PASID, first);
	fake_detach(IOMMU_NO_PASID, first);
	detach_other();
	end(test);
}

/* The driver answers */
static void not_reported(struct kunit *test)
{
	struct iommu_fault_event event = { .fault.type = IOMMU_FAULT_DMA_UNRECOV };
	struct iommu_fault_page_request req;

	begin(test, 1);
	req = fake_request(PASID, 1, true);
	KUNIT_EXPECT_EQ(test, -ENODEV, fake_report(0, &req));
	fake_user_init(&one, false);
	attach(test, PASID, &one);
	KUNIT_EXPECT_EQ(test, -ENODEV, fake_report(0, &req));
	KUNIT_EXPECT_EQ(test, faults.enables, 0);
	fake_detach(PASID, first);
	attach_other(test);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			iommu_report_device_fault(fake_device(0), &event));
	detach_other();
	KUNIT_EXPECT_EQ(test, -ENODEV, fake_report(0, &req));
	end(test);
}

/* The device says whether the answer to a request with a PASID has one */
static void answer_with_pasid_or_without(struct kunit *test)
{
	struct iommu_fault_page_request req;
	struct iopf_group *group;

	begin(test, 1);
	attach(test, PASID, &one);
	attach(test, IOMMU_NO_PASID, &two);
	req = fake_request(PASID, 4, true);
	req.flags &= ~IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	KUNIT_EXPECT_EQ(test, 0, fake_report(0, &req));
	iopf_group_answer(take(test, &one), SUCCESS);
	expect_answer(test, 0, IOMMU_NO_PASID, 4, SUCCESS);
	req.pasid = OTHER_PASID;
	KUNIT_EXPECT_EQ(test, 0, fake_report(0, &req));
	expect_answer(test, 0, IOMMU_NO_PASID, 4, INVALID);
	/* What is not valid is not looked at */
	report(test, 0, IOMMU_NO_PASID, 5, false);
	req = fake_request(IOMMU_NO_PASID, 5, true);
	req.pasid = PASID;
	KUNIT_EXPECT_EQ(test, 0, fake_report(0, &req));
	group = take(test, &two);
	KUNIT_EXPECT_EQ(test, group->nr_faults, 2);
	iopf_group_answer(group, SUCCESS);
	expect_answer(test, 0, IOMMU_NO_PASID, 5, SUCCESS);
	fake_detach(PASID, first);
	fake_detach(IOMMU_NO_PASID, first);
	end(test);
}

static void user_refuses(struct kunit *test)
{
	begin(test, 1);
	attach(test, PASID, &one);
	one.refuses = true;
	report(test, 0, PASID, 1, false);
	expect_no_answer(test);
	report(test, 0, PASID, 1, true);
	expect_answer(test, 0, PASID, 1, INVALID);
	KUNIT_EXPECT_EQ(test, one.delivered, 1);
	expect_room(test, 0);
	one.refuses = false;
	expect_delivered(test, 0, PASID, 1, &one);
	fake_detach(PASID, first);
	end(test);
}

/* Groups */

static void groups_interleaved(struct kunit *test)
{
	begin(test, 2);
	attach(test, PASID, &one);
	attach(test, IOMMU_NO_PASID, &two);
	attach_other(test);
	report(test, 0, PASID, 1, false);
	report(test, 1, PASID, 1, false);
	report(test, 0, OTHER_PASID, 1, false);
	report(test, 0, PASID, 2, false);
	report(test, 0, PASID, 1, false);
	KUNIT_EXPECT_EQ(test, one.delivered, 0);
	report(test, 0, PASID, 1, true);
	expect_group(test, 0, PASID, 1, &one, 3);
	report(test, 0, IOMMU_NO_PASID, 1, true);
	expect_group(test, 0, IOMMU_NO_PASID, 1, &two, 1);
	report(test, 0, PASID, 2, true);
	report(test, 1, PASID, 1, true);
	report(test, 0, OTHER_PASID, 1, true);
	expect_group(test, 0, PASID, 2, &one, 2);
	expect_group(test, 1, PASID, 1, &one, 2);
	expect_group(test, 0, OTHER_PASID, 1, &other, 2);
	expect_room(test, 0);
	expect_room(test, 1);
	fake_detach(PASID, first);
	fake_detach(IOMMU_NO_PASID, first);
	detach_other();
	end(test);
}

/* The last requests may be among those that were lost */
static void overflow_drops_partial(struct kunit *test)
{
	begin(test, 1);
	attach(test, PASID, &one);
	attach_other(test);
	report(test, 0, PASID, 1, false);
	report(test, 0, PASID, 2, false);
	report(test, 0, OTHER_PASID, 1, false);
	report_one(test, PASID, 3);
	KUNIT_EXPECT_EQ(test, -EINVAL, iopf_queue_discard_partial(NULL));
	KUNIT_EXPECT_EQ(test, 0, iopf_queue_discard_partial(faults.queue));
	expect_no_answer(test);
	expect_group(test, 0, PASID, 3, &one, 1);
	expect_room(test, 0);
	report_one(test, PASID, 1);
	expect_group(test, 0, PASID, 1, &one, 1);
	fake_detach(PASID, first);
	detach_other();
	end(test);
}

/* It would stop the requests of all that share the interface of the device */
static void failure_is_not_sent(struct kunit *test)
{
	begin(test, 1);
	attach(test, PASID, &one);
	report_one(test, PASID, 1);
	iopf_group_answer(take(test, &one), IOMMU_PAGE_RESP_FAILURE);
	expect_answer(test, 0, PASID, 1, INVALID);
	fake_detach(PASID, first);
	end(test);
}

/* Bounds */

/* Groups of one request until one is refused; returns how many were not */
static unsigned int flood(struct kunit *test, ioasid_t pasid,
			  struct fake_user *user)
{
	unsigned int before = user->delivered, nr;

	for (nr = 0; nr <= FAULT_ROOM; nr++) {
		report_one(test, pasid, nr);
		if (user->delivered - before == nr)
			break;
	}
	expect_answer(test, 0, pasid, nr, INVALID);
	return nr;
}

static void answer_flood(struct kunit *test, ioasid_t pasid,
			 struct fake_user *user, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		iopf_group_answer(take(test, user), SUCCESS);
		expect_answer(test, 0, pasid, i, SUCCESS);
	}
}

static bool is_in_pool(struct iopf_pool *pool, void *what)
{
	return what > (void *)pool &&
	       what < (void *)&pool->entries[pool->nr_entries];
}

/* All are in the pool, so none has been allocated when it came */
static void alone_uses_all_room(struct kunit *test)
{
	struct iopf_pool *pool;
	struct iopf_group *group;
	struct iopf_fault *fault;
	unsigned int round;

	begin(test, 1);
	attach(test, PASID, &one);
	pool = iopf_pool_get(fake_device(0));
	KUNIT_ASSERT_NOT_NULL(test, pool);
	for (round = 0; round < 3; round++) {
		KUNIT_EXPECT_EQ(test, flood(test, PASID, &one), FAULT_ROOM);
		list_for_each_entry(group, &faults.inbox, entry) {
			fault = list_first_entry(&group->faults,
						 struct iopf_fault, list);
			KUNIT_EXPECT_TRUE(test, is_in_pool(pool, group));
			KUNIT_EXPECT_TRUE(test, is_in_pool(pool, fault));
		}
		answer_flood(test, PASID, &one, FAULT_ROOM);
	}
	iopf_pool_put(pool);
	expect_room(test, 0);
	fake_detach(PASID, first);
	end(test);
}

static void flood_leaves_room(struct kunit *test)
{
	unsigned int of_one, of_other;

	begin(test, 1);
	attach(test, PASID, &one);
	attach_other(test);
	of_one = flood(test, PASID, &one);
	KUNIT_EXPECT_EQ(test, of_one, FAULT_ROOM / 2);
	of_other = flood(test, OTHER_PASID, &other);
	KUNIT_EXPECT_EQ(test, of_other, FAULT_ROOM / 4);
	answer_flood(test, PASID, &one, of_one);
	answer_flood(test, OTHER_PASID, &other, of_other);
	expect_room(test, 0);
	/* Until the other one has ended */
	detach_other();
	of_one = flood(test, PASID, &one);
	KUNIT_EXPECT_EQ(test, of_one, FAULT_ROOM);
	answer_flood(test, PASID, &one, of_one);
	fake_detach(PASID, first);
	end(test);
}

/* The only group of an attachment may take all but one entry for each of the others */
static void large_group_fits(struct kunit *test)
{
	unsigned int i;

	begin(test, 1);
	attach(test, PASID, &one);
	attach_other(test);
	for (i = 0; i < FAULT_ROOM - 2; i++)
		report(test, 0, PASID, 1, false);
	report(test, 0, PASID, 1, true);
	expect_no_answer(test);
	expect_delivered(test, 0, OTHER_PASID, 1, &other);
	expect_group(test, 0, PASID, 1, &one, FAULT_ROOM - 1);
	expect_room(test, 0);
	/* The last entry is the other attachment's */
	for (i = 0; i < FAULT_ROOM - 1; i++)
		report(test, 0, PASID, 2, false);
	expect_invalid(test, 0, PASID, 2);
	/* Beside a group that is not answered, a large one has no more than the share */
	report_one(test, PASID, 3);
	for (i = 0; i < FAULT_ROOM / 2 - 1; i++)
		report(test, 0, PASID, 4, false);
	expect_invalid(test, 0, PASID, 4);
	expect_group(test, 0, PASID, 3, &one, 1);
	expect_room(test, 0);
	fake_detach(PASID, first);
	detach_other();
	end(test);
}

/* Of a group, all requests are kept or none; the answer comes at the last */
static void group_is_too_large(struct kunit *test)
{
	unsigned int i;

	begin(test, 1);
	attach(test, PASID, &one);
	for (i = 0; i < FAULT_ROOM; i++)
		report(test, 0, PASID, 1, false);
	report(test, 0, PASID, 1, false);
	expect_no_answer(test);
	expect_room(test, 0);
	/* Room does not help it any more */
	report(test, 0, PASID, 1, false);
	expect_no_answer(test);
	report(test, 0, PASID, 1, true);
	expect_answer(test, 0, PASID, 1, INVALID);
	KUNIT_EXPECT_EQ(test, one.delivered, 0);
	expect_room(test, 0);
	/* The next one of this index is not it */
	report(test, 0, PASID, 1, false);
	report(test, 0, PASID, 1, true);
	expect_group(test, 0, PASID, 1, &one, 2);
	fake_detach(PASID, first);
	end(test);
}

/* The last request is the one that has no room */
static void last_of_group_is_refused(struct kunit *test)
{
	unsigned int i;

	begin(test, 1);
	attach(test, PASID, &one);
	for (i = 0; i < FAULT_ROOM; i++)
		report(test, 0, PASID, 1, false);
	expect_invalid(test, 0, PASID, 1);
	expect_room(test, 0);
	expect_delivered(test, 0, PASID, 1, &one);
	fake_detach(PASID, first);
	end(test);
}

/* Groups of another PASID may have the index of one that was refused */
static void refused_is_of_one_attachment(struct kunit *test)
{
	unsigned int i;

	begin(test, 1);
	attach(test, PASID, &one);
	attach_other(test);
	report(test, 0, OTHER_PASID, 1, false);
	for (i = 0; i < FAULT_ROOM; i++)
		report(test, 0, PASID, 1, false);
	report(test, 0, OTHER_PASID, 1, true);
	expect_group(test, 0, OTHER_PASID, 1, &other, 2);
	expect_delivered(test, 0, PASID, 2, &one);
	expect_invalid(test, 0, PASID, 1);
	expect_delivered(test, 0, PASID, 1, &one);
	fake_detach(PASID, first);
	detach_other();
	end(test);
}

/* What no last request can come for any more is not remembered */
static void refused_is_forgotten(struct kunit *test)
{
	unsigned int i;

	begin(test, 1);
	attach(test, PASID, &one);
	attach_other(test);
	for (i = 0; i < FAULT_ROOM; i++)
		report(test, 0, PASID, 1, false);
	KUNIT_EXPECT_EQ(test, 0, iopf_queue_discard_partial(faults.queue));
	expect_delivered(test, 0, PASID, 1, &one);
	for (i = 0; i < FAULT_ROOM; i++)
		report(test, 0, PASID, 2, false);
	fake_detach(PASID, first);
	attach(test, PASID, &one);
	expect_delivered(test, 0, PASID, 2, &one);
	fake_detach(PASID, first);
	detach_other();
	expect_no_answer(test);
	end(test);
}

static int iopf_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void iopf_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case iopf_cases[] = {
	KUNIT_CASE(each_to_its_attachment),
	KUNIT_CASE(nobody_takes_them),
	KUNIT_CASE(not_reported),
	KUNIT_CASE(answer_with_pasid_or_without),
	KUNIT_CASE(user_refuses),
	KUNIT_CASE(groups_interleaved),
	KUNIT_CASE(overflow_drops_partial),
	KUNIT_CASE(failure_is_not_sent),
	KUNIT_CASE(alone_uses_all_room),
	KUNIT_CASE(flood_leaves_room),
	KUNIT_CASE(large_group_fits),
	KUNIT_CASE(group_is_too_large),
	KUNIT_CASE(last_of_group_is_refused),
	KUNIT_CASE(refused_is_of_one_attachment),
	KUNIT_CASE(refused_is_forgotten),
	{}
};

static struct kunit_suite iopf_suite = {
	.name = "iommu_faults",
	.suite_init = iopf_suite_init,
	.suite_exit = iopf_suite_exit,
	.test_cases = iopf_cases,
};

kunit_test_suites(&iopf_suite);
