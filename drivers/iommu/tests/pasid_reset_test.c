// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of devices that are reset while they have a native driver. The requester ID of
 * such a device stays on the default domain.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_pasids.h"

/* Domains of a test, which it may put PASIDs on */
static struct iommu_domain *one, *other;

/* The first device has a driver, which puts one PASID on a domain if @attached */
static void begin(struct kunit *test, unsigned int nr_devs, bool attached)
{
	pasids_begin(test, nr_devs);
	one = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasids_bind_driver(test);
	if (attached)
		pasids_attach(test, one, PASID);
}

/* Nothing is attached any more, and no reset has left a trace */
static void end(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_reset_waits, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_driver_pasids, 0);
	pasids_expect_freed(test, one);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

static void detach(struct iommu_domain *domain, ioasid_t pasid)
{
	iommu_detach_device_pasid(domain, fake_device(0), pasid);
}

static int attach(struct iommu_domain *domain, ioasid_t pasid)
{
	return iommu_attach_device_pasid(domain, fake_device(0), pasid, NULL);
}

static int replace(struct iommu_domain *domain, ioasid_t pasid)
{
	return iommu_replace_device_pasid(domain, fake_device(0), pasid, NULL);
}

/* The hardware has the PASID of device @dev blocked, and that of others on a domain */
static void expect_blocked_alone(struct kunit *test, unsigned int dev, ioasid_t pasid,
				 struct iommu_domain *domain)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[i][pasid],
				    i == dev ? NULL : domain);
	KUNIT_EXPECT_PTR_EQ(test, domain,
			    iommu_get_domain_for_dev_pasid(fake_device(0), pasid, 0));
}

/* None of the requester IDs has moved, or was even attached anew */
static void expect_requester_ids(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
}

static void pasids_are_blocked(struct kunit *test)
{
	begin(test, 3, true);
	pasids_attach(test, other, OTHER_PASID);
	iommu_device_reset_begin(fake_device(1));
	expect_blocked_alone(test, 1, PASID, one);
	expect_blocked_alone(test, 1, OTHER_PASID, other);
	expect_requester_ids(test);
	/* A larger one meanwhile */
	iommu_device_reset_begin(fake_device(1));
	iommu_device_reset_end(fake_device(1));
	expect_blocked_alone(test, 1, PASID, one);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, other));
	/* One more end than there were beginnings */
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	expect_requester_ids(test);
	detach(one, PASID);
	detach(other, OTHER_PASID);
	end(test);
}

static void two_devices_at_a_time(struct kunit *test)
{
	begin(test, 2, true);
	iommu_device_reset_begin(fake_device(0));
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 2);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[0][PASID]);
	iommu_device_reset_end(fake_device(0));
	expect_blocked_alone(test, 1, PASID, one);
	KUNIT_EXPECT_EQ(test, -EBUSY, replace(other, PASID));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_EQ(test, 0, replace(other, PASID));
	detach(other, PASID);
	end(test);
}

/* Nothing comes to a domain; what leaves one is not brought back */
static void changes_meanwhile(struct kunit *test)
{
	begin(test, 2, true);
	pasids_attach(test, other, OTHER_PASID);
	pasids_arm(0, FAKE_FAIL_KEEPS_OLD);
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, -EBUSY, attach(one, 1));
	KUNIT_EXPECT_EQ(test, -EBUSY, replace(other, PASID));
	KUNIT_EXPECT_EQ(test, -EBUSY, replace(one, PASID));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 0);
	expect_blocked_alone(test, 1, PASID, one);
	detach(other, OTHER_PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, NULL));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 1);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(OTHER_PASID, NULL));
	KUNIT_EXPECT_EQ(test, 0, attach(other, 1));
	detach(other, 1);
	detach(one, PASID);
	end(test);
}

/* A reset that has found no PASID does not block those of later */
static void first_pasid_meanwhile(struct kunit *test)
{
	begin(test, 2, false);
	iommu_device_reset_begin(fake_device(1));
	pasids_expect_refused(test, -EBUSY, one, PASID);
	iommu_device_reset_begin(fake_device(1));
	iommu_device_reset_end(fake_device(1));
	pasids_expect_refused(test, -EBUSY, one, PASID);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, 0, attach(one, PASID));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	expect_requester_ids(test);
	detach(one, PASID);
	end(test);
}

static void last_pasid_meanwhile(struct kunit *test)
{
	begin(test, 2, true);
	iommu_device_reset_begin(fake_device(1));
	detach(one, PASID);
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, attach(one, PASID));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 0);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, NULL));
	KUNIT_EXPECT_EQ(test, 0, attach(one, PASID));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	detach(one, PASID);
	end(test);
}

/* The owner's device is blocked as if it had been there before */
static void owner_comes_meanwhile(struct kunit *test)
{
	struct device *dev;

	begin(test, 2, true);
	dev = fake_device(0);
	iommu_device_reset_begin(fake_device(1));
	detach(one, PASID);
	pasids_unbind_driver();
	pasids_claim(test);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 1);
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, iommu_device_replace_domain(dev, one));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_owner_attach_pasid(one, dev, PASID, NULL));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_replace_domain(dev, one));
	KUNIT_EXPECT_TRUE(test, fake_all_on(one));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_owner_attach_pasid(one, dev, PASID, NULL));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	detach(one, PASID);
	iommu_device_release_dma_owner(dev);
	end(test);
}

/* It stays blocked until the end of its reset, and so do PASIDs of its next driver */
static void owner_goes_meanwhile(struct kunit *test)
{
	struct device *dev;

	begin(test, 1, false);
	dev = fake_device(0);
	pasids_unbind_driver();
	pasids_claim(test);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_replace_domain(dev, one));
	iommu_device_reset_begin(dev);
	iommu_device_release_dma_owner(dev);
	pasids_bind_driver(test);
	pasids_expect_refused(test, -EBUSY, one, PASID);
	iommu_device_reset_end(dev);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	KUNIT_EXPECT_EQ(test, 0, attach(one, PASID));
	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[0][PASID]);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_device_reset_end(dev);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	detach(one, PASID);
	end(test);
}

static void device_leaves_meanwhile(struct kunit *test)
{
	begin(test, 3, true);
	iommu_device_reset_begin(fake_device(1));
	fake_dev_remove(fake.devs[1]);
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 0);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_EQ(test, 0, replace(other, PASID));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, other));
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[1][PASID]);
	/* One that does not leave in a reset is taken off its domains */
	fake_dev_remove(fake.devs[2]);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[2][PASID]);
	detach(other, PASID);
	end(test);
}

/* A new device gets the PASIDs of the group, and is blocked only for resets of its own */
static void device_joins_meanwhile(struct kunit *test)
{
	begin(test, 2, true);
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(pasids_make(test, &pasids_wide)));
	KUNIT_EXPECT_PTR_EQ(test, fake_pasids.hw[2][PASID], one);
	expect_blocked_alone(test, 1, PASID, one);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	detach(one, PASID);
	end(test);
}

/* A device whose PASID cannot come back has it blocked until something is attached */
static void coming_back_fails(struct kunit *test)
{
	unsigned int step, failure, errs;

	begin(test, 2, true);
	pasids_attach(test, one, OTHER_PASID);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 2; step++) {
			const ioasid_t lost = step ? PASID : OTHER_PASID;
			const ioasid_t back = step ? OTHER_PASID : PASID;

			errs = iommu_group_errs();
			iommu_device_reset_begin(fake_device(1));
			pasids_arm(BIT_ULL(step), failure);
			iommu_device_reset_end(fake_device(1));
			expect_blocked_alone(test, 1, lost, one);
			KUNIT_EXPECT_TRUE(test, pasids_all_on(back, one));
			KUNIT_EXPECT_EQ(test, iommu_group_errs() - errs, 1);
			KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 0);
			pasids_arm(0, failure);
			KUNIT_EXPECT_EQ(test, 0, replace(one, lost));
			KUNIT_EXPECT_TRUE(test, pasids_all_on(lost, one));
		}
	}
	expect_requester_ids(test);
	detach(one, PASID);
	detach(one, OTHER_PASID);
	end(test);
}

/* The reset goes on, and the domain is never freed */
static void blocking_fails(struct kunit *test)
{
	begin(test, 2, true);
	fake_pasids.blocked_is_broken = true;
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 1);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&one->nr_points));
	fake_pasids.blocked_is_broken = false;
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	expect_requester_ids(test);
	detach(one, PASID);
	pasids_expect_kept(test, one);
	one = pasids_new_domain(test);
	end(test);
}

/* An attach that fails does not count: resets leave the mutex alone as before */
static void failed_attach_is_not_counted(struct kunit *test)
{
	begin(test, 2, false);
	pasids_arm(BIT_ULL(1), FAKE_FAIL_MOVES);
	KUNIT_EXPECT_EQ(test, -EIO, attach(one, PASID));
	KUNIT_EXPECT_FALSE(test, iommu_group_pasids_heed_resets(fake.group));
	KUNIT_EXPECT_EQ(test, -EINVAL, attach(one, BIT(12)));
	KUNIT_EXPECT_FALSE(test, iommu_group_pasids_heed_resets(fake.group));
	pasids_arm(0, FAKE_FAIL_MOVES);
	KUNIT_EXPECT_EQ(test, 0, attach(one, PASID));
	KUNIT_EXPECT_EQ(test, -EBUSY, attach(one, PASID));
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids, 1);
	detach(one, PASID);
	end(test);
}

/* A task that resets a device, or waits for such a reset */
struct task {
	int ret;
	struct completion done;
};

static int begin_reset(void *data)
{
	struct task *task = data;

	iommu_device_reset_begin(fake_device(0));
	complete(&task->done);
	return 0;
}

static int wait_for_reset(void *data)
{
	struct task *task = data;
	unsigned int resets = 0;

	task->ret = iommu_device_wait_for_reset(fake_device(0), &resets);
	complete(&task->done);
	return 0;
}

static void start(struct kunit *test, struct task *task, int (*fn)(void *data))
{
	struct task_struct *thread;

	init_completion(&task->done);
	thread = kthread_run(fn, task, "fake-reset");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
}

/* A reset waits for a change of PASIDs that is under way, and then blocks them */
static void reset_waits_for_the_mutex(struct kunit *test)
{
	struct task task;

	begin(test, 1, true);
	mutex_lock(&fake.group->mutex);
	start(test, &task, begin_reset);
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&task.done, HZ / 5));
	KUNIT_EXPECT_EQ(test, fake.group->nr_reset_waits, 1);
	/* What would wait for mmap_lock within the mutex does not begin now */
	KUNIT_EXPECT_EQ(test, -EBUSY, iommu_group_begin_driver_pasid(fake.group));
	KUNIT_EXPECT_EQ(test, fake.group->nr_driver_pasids, 0);
	mutex_unlock(&fake.group->mutex);
	wait_for_completion(&task.done);
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[0][PASID]);
	mutex_lock(&fake.group->mutex);
	KUNIT_EXPECT_EQ(test, -EBUSY, iommu_group_begin_driver_pasid(fake.group));
	mutex_unlock(&fake.group->mutex);
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	detach(one, PASID);
	end(test);
}

/* A driver that has bound a process may have the mutex, and wait for mmap_lock */
static void reset_does_not_wait_for_a_bind(struct kunit *test)
{
	struct task task;
	bool waited;

	begin(test, 1, true);
	mutex_lock(&fake.group->mutex);
	KUNIT_EXPECT_EQ(test, 0, iommu_group_begin_driver_pasid(fake.group));
	start(test, &task, begin_reset);
	waited = !wait_for_completion_timeout(&task.done, 5 * HZ);
	KUNIT_EXPECT_EQ(test, fake.group->nr_reset_waits, 0);
	mutex_unlock(&fake.group->mutex);
	if (waited)
		wait_for_completion(&task.done);
	KUNIT_EXPECT_FALSE(test, waited);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	KUNIT_EXPECT_EQ(test, -EBUSY, attach(other, OTHER_PASID));
	mutex_lock(&fake.group->mutex);
	iommu_group_cancel_driver_pasid(fake.group);
	mutex_unlock(&fake.group->mutex);
	/* The next one blocks them, for the time of both */
	iommu_device_reset_begin(fake_device(0));
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_NULL(test, fake_pasids.hw[0][PASID]);
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, one));
	detach(one, PASID);
	end(test);
}

/* Users that do not expect -EBUSY wait, whether the reset has blocked something or not */
static void reset_is_waited_for(struct kunit *test)
{
	struct task task = { .ret = -1 };
	unsigned int attached, resets = 0;

	for (attached = 0; attached < 2; attached++) {
		begin(test, 1, attached);
		iommu_device_reset_begin(fake_device(0));
		start(test, &task, wait_for_reset);
		KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&task.done,
								     HZ / 5));
		iommu_device_reset_end(fake_device(0));
		wait_for_completion(&task.done);
		KUNIT_EXPECT_EQ(test, task.ret, 1);
		resets = 0;
		KUNIT_EXPECT_EQ(test, 1,
				iommu_device_wait_for_reset(fake_device(0), &resets));
		KUNIT_EXPECT_EQ(test, 0,
				iommu_device_wait_for_reset(fake_device(0), &resets));
		if (attached)
			detach(one, PASID);
		end(test);
	}
}

/**
 * struct race - attaches against resets
 * @leaks: times that the PASID was on a domain during a reset
 * @blocked: times that it was attached, and blocked
 */
struct race {
	unsigned int leaks;
	unsigned int blocked;
};

static int keep_resetting(void *data)
{
	struct race *race = data;
	unsigned int i;

	while (!kthread_should_stop()) {
		iommu_device_reset_begin(fake_device(0));
		for (i = 0; i < 10; i++) {
			race->leaks += !!READ_ONCE(fake_pasids.hw[0][PASID]);
			cond_resched();
		}
		race->blocked += READ_ONCE(fake.group->nr_pasids);
		iommu_device_reset_end(fake_device(0));
		cond_resched();
	}
	return 0;
}

static void attaches_meet_resets(struct kunit *test)
{
	unsigned int attaches = 0, refused = 0, i;
	struct race race = { };
	struct task_struct *thread;
	int err;

	begin(test, 1, false);
	thread = kthread_run(keep_resetting, &race, "fake-reset");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	for (i = 0; i < 5000; i++) {
		err = attach(one, PASID);
		if (!err) {
			attaches++;
			cond_resched();
			detach(one, PASID);
		} else if (err == -EBUSY) {
			refused++;
		} else {
			break;
		}
		cond_resched();
	}
	kthread_stop(thread);
	kunit_info(test, "%u attaches, %u refused, %u blocked\n", attaches, refused,
		   race.blocked);
	KUNIT_EXPECT_EQ(test, i, 5000);
	KUNIT_EXPECT_EQ(test, race.leaks, 0);
	KUNIT_EXPECT_GT(test, attaches, 0);
	KUNIT_EXPECT_GT(test, refused, 0);
	end(test);
}

static int pasid_reset_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void pasid_reset_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case pasid_reset_cases[] = {
	KUNIT_CASE(pasids_are_blocked),
	KUNIT_CASE(two_devices_at_a_time),
	KUNIT_CASE(changes_meanwhile),
	KUNIT_CASE(first_pasid_meanwhile),
	KUNIT_CASE(last_pasid_meanwhile),
	KUNIT_CASE(owner_comes_meanwhile),
	KUNIT_CASE(owner_goes_meanwhile),
	KUNIT_CASE(device_leaves_meanwhile),
	KUNIT_CASE(device_joins_meanwhile),
	KUNIT_CASE(coming_back_fails),
	KUNIT_CASE(blocking_fails),
	KUNIT_CASE(failed_attach_is_not_counted),
	KUNIT_CASE(reset_waits_for_the_mutex),
	KUNIT_CASE(reset_does_not_wait_for_a_bind),
	KUNIT_CASE(reset_is_waited_for),
	KUNIT_CASE(attaches_meet_resets),
	{}
};

static struct kunit_suite pasid_reset_suite = {
	.name = "iommu_pasid_reset",
	.suite_init = pasid_reset_suite_init,
	.suite_exit = pasid_reset_suite_exit,
	.test_cases = pasid_reset_cases,
};

kunit_test_suites(&pasid_reset_suite);
