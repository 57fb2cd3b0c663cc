/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of page requests expect of devices and of users.
 */
#ifndef __FAULT_TEST_H
#define __FAULT_TEST_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/iommu-faults.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

#include "../iommu-group.h"
#include "../iopf-pool.h"
#include "fake_faults.h"

#define PASID		5
#define OTHER_PASID	3
#define FAULT_ROOM	8

#define SUCCESS		IOMMU_PAGE_RESP_SUCCESS
#define INVALID		IOMMU_PAGE_RESP_INVALID

static inline void report(struct kunit *test, unsigned int dev, ioasid_t pasid, u32 grpid,
			  bool last)
{
	struct iommu_fault_page_request req = fake_request(pasid, grpid, last);

	KUNIT_EXPECT_EQ(test, 0, fake_report(dev, &req));
}

/* Device 0 makes a group of one request */
static inline void report_one(struct kunit *test, ioasid_t pasid, u32 grpid)
{
	report(test, 0, pasid, grpid, true);
}

static inline struct iopf_group *take(struct kunit *test, struct fake_user *user)
{
	struct iopf_group *group = fake_pop(user);

	KUNIT_ASSERT_NOT_NULL(test, group);
	return group;
}

/* The next answer that a device has got */
static inline void expect_answer(struct kunit *test, unsigned int dev, ioasid_t pasid,
				 u32 grpid, enum iommu_page_response_code code)
{
	const struct fake_answer *answer;

	KUNIT_EXPECT_LT(test, faults.seen, faults.nr_answers);
	if (faults.seen >= faults.nr_answers)
		return;
	answer = &faults.answers[faults.seen++ % FAKE_NR_ANSWERS];
	KUNIT_EXPECT_EQ(test, answer->dev, dev);
	KUNIT_EXPECT_EQ(test, answer->response.flags,
			pasid ? IOMMU_PAGE_RESP_PASID_VALID : 0);
	KUNIT_EXPECT_EQ(test, answer->response.pasid, pasid);
	KUNIT_EXPECT_EQ(test, answer->response.grpid, grpid);
	KUNIT_EXPECT_EQ(test, answer->response.code, code);
}

static inline void expect_no_answer(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, faults.seen, faults.nr_answers);
}

/* The user of an attachment of device @dev gets a request and answers it */
static inline void expect_delivered(struct kunit *test, unsigned int dev, ioasid_t pasid,
				    u32 grpid, struct fake_user *user)
{
	unsigned int before = user->delivered;

	report(test, dev, pasid, grpid, true);
	KUNIT_EXPECT_EQ(test, user->delivered - before, 1);
	expect_no_answer(test);
	iopf_group_answer(take(test, user), SUCCESS);
	expect_answer(test, dev, pasid, grpid, SUCCESS);
}

/* No user gets a request of device @dev */
static inline void expect_invalid(struct kunit *test, unsigned int dev, ioasid_t pasid,
				  u32 grpid)
{
	unsigned int before = faults.delivered;

	report(test, dev, pasid, grpid, true);
	expect_answer(test, dev, pasid, grpid, INVALID);
	KUNIT_EXPECT_EQ(test, faults.delivered, before);
}

/* All of a device's room for requests is free */
static inline void expect_room(struct kunit *test, unsigned int dev)
{
	struct iopf_pool *pool = iopf_pool_get(fake_device(dev));

	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, pool->nr_entries, FAULT_ROOM);
	KUNIT_EXPECT_EQ(test, atomic_read(&pool->nr_free), FAULT_ROOM);
	KUNIT_EXPECT_EQ(test, refcount_read(&pool->users), 2);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(pool->partial, FAULT_ROOM));
	iopf_pool_put(pool);
}

/* The group does not take page requests any more, and devices report none */
static inline void expect_disabled(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 0);
	KUNIT_EXPECT_EQ(test, faults.enables, faults.disables);
	for (i = 0; i < fake.nr_devs; i++)
		KUNIT_EXPECT_FALSE(test, faults.enabled[i]);
}

static inline void expect_requests(struct kunit *test, struct iopf_group *group,
				   unsigned int dev, ioasid_t pasid, u32 grpid,
				   unsigned int nr)
{
	struct iopf_fault *fault;
	unsigned int i = 0;
	u64 addr = 0;

	KUNIT_EXPECT_EQ(test, group->nr_faults, nr);
	KUNIT_EXPECT_PTR_EQ(test, group->dev, fake_device(dev));
	list_for_each_entry(fault, &group->faults, list) {
		KUNIT_EXPECT_EQ(test, fault->req.pasid, pasid);
		KUNIT_EXPECT_EQ(test, fault->req.grpid, grpid);
		/* In the order in which they came */
		KUNIT_EXPECT_TRUE(test, !i || fault->req.addr > addr);
		KUNIT_EXPECT_EQ(test, ++i == nr, !!(fault->req.flags &
				IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE));
		addr = fault->req.addr;
	}
	KUNIT_EXPECT_EQ(test, i, nr);
}

/* A user gets a group of so many requests, and answers it */
static inline void expect_group(struct kunit *test, unsigned int dev, ioasid_t pasid,
				u32 grpid, struct fake_user *user, unsigned int nr)
{
	struct iopf_group *group = take(test, user);

	expect_requests(test, group, dev, pasid, grpid, nr);
	iopf_group_answer(group, SUCCESS);
	expect_answer(test, dev, pasid, grpid, SUCCESS);
}

/**
 * struct call - a call of a user that waits for answers, in a thread of its own
 * @pasid: PASID, or 0 for the requester ID
 * @domain: domain to replace by, or to detach
 * @to: user of the new attachment; NULL to detach
 * @ret: result of a replace
 * @done: the call has returned
 */
struct call {
	ioasid_t pasid;
	struct iommu_domain *domain;
	struct fake_user *to;
	int ret;
	struct completion done;
};

static inline int run_call(void *data)
{
	struct call *call = data;

	if (call->to)
		call->ret = fake_replace(call->pasid, call->domain, call->to);
	else
		fake_detach(call->pasid, call->domain);
	complete(&call->done);
	return 0;
}

static inline void start_call(struct kunit *test, struct call *call)
{
	struct task_struct *task;

	init_completion(&call->done);
	task = kthread_run(run_call, call, "fake-call");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
}

/* The user has answered what it could, and the call goes on waiting */
static inline void expect_waiting(struct kunit *test, struct call *call,
				  struct fake_user *user)
{
	wait_for_completion(&user->cancelled);
	/* Long enough to return, if it did not wait */
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&call->done));
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&fake.group->mutex));
}

#endif /* __FAULT_TEST_H */
