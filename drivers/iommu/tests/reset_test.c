// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are reset while they have an owner.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_ext.h"

static struct iommu_dma_owner owner;

/* The tests map nothing, but a paging domain must have the operation */
static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static const struct iommu_ops_ext ext = {
	.alloc_paging	= fake_alloc_paging,
	.blocked_domain	= &fake_blocked,
};

static const struct iommu_ops static_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &domain_ops,
	.ext			= &ext,
};

/* Three devices with an owner, on a domain of the owner */
static struct iommu_domain *begin_with(struct kunit *test,
				       const struct iommu_ops *ops)
{
	struct iommu_domain *user;
	bool complete;
	unsigned int i;

	fake_world_init(test, ops, 3);
	for (i = 0; i < fake.nr_devs; i++)
		KUNIT_ASSERT_EQ(test, 0,
				iommu_device_claim_dma_owner(fake_device(i),
							     &owner));
	user = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0),
							     user));
	fake_arm(0, FAKE_FAIL_CLEARS);
	return user;
}

static struct iommu_domain *begin(struct kunit *test)
{
	return begin_with(test, &static_ops);
}

static void release_all(void)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		iommu_device_release_dma_owner(fake_device(i));
}

static void end(struct kunit *test, struct iommu_domain *user)
{
	fake_arm(0, FAKE_FAIL_CLEARS);
	release_all();
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_domain_free(user);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_world_exit(test);
}

/* What the hardware walks: device 1, and the others */
static void expect_on(struct kunit *test, struct iommu_domain *one,
		      struct iommu_domain *others)
{
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw, others);
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[1]->hw, one);
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[2]->hw, others);
}

static void device_is_blocked_alone(struct kunit *test)
{
	struct iommu_domain *user = begin(test);
	struct iommu_domain *blocked = fake.group->blocking_domain;

	iommu_device_reset_begin(fake_device(1));
	expect_on(test, blocked, user);
	KUNIT_EXPECT_PTR_EQ(test, fake.group->domain, user);
	iommu_device_reset_begin(fake_device(1));
	iommu_device_reset_end(fake_device(1));
	expect_on(test, blocked, user);
	iommu_device_reset_end(fake_device(1));
	expect_on(test, user, user);
	KUNIT_EXPECT_EQ(test, fake.default_attaches, 0);
	iommu_device_reset_end(fake_device(1));
	expect_on(test, user, user);
	end(test, user);
}

static void attach_is_refused(struct kunit *test)
{
	struct iommu_domain *user = begin(test), *other;
	bool complete;

	other = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_replace_domain(fake_device(0), other));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_replace_domain(fake_device(1), user));
	expect_on(test, fake.group->blocking_domain, user);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), other));
	expect_on(test, other, other);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
	iommu_domain_free(other);
	end(test, user);
}

static void group_is_left_meanwhile(struct kunit *test)
{
	struct iommu_domain *user = begin(test);
	struct iommu_domain *blocked = fake.group->blocking_domain;

	iommu_device_reset_begin(fake_device(1));
	iommu_device_detach_domain(fake_device(0), user);
	expect_on(test, blocked, blocked);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_replace_domain(fake_device(0), user));
	iommu_device_reset_end(fake_device(1));
	expect_on(test, blocked, blocked);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
	expect_on(test, user, user);
	end(test, user);
}

static void owner_leaves_meanwhile(struct kunit *test)
{
	struct iommu_domain *user = begin(test);
	struct iommu_domain *blocked = fake.group->blocking_domain;

	iommu_device_reset_begin(fake_device(1));
	release_all();
	expect_on(test, blocked, fake.group->default_domain);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_domain_free(user);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_world_exit(test);
}

/**
 * struct attach - an attach by a thread
 * @domain: domain to attach
 * @whole_group: by the group, else by its only device
 * @ret: result of the attach
 * @done: @ret is set, the thread is about to end
 */
struct attach {
	struct iommu_domain *domain;
	bool whole_group;
	int ret;
	struct completion done;
};

static int do_attach(void *data)
{
	struct attach *attach = data;

	allow_signal(SIGKILL);
	if (attach->whole_group)
		attach->ret = iommu_attach_group(attach->domain, fake.group);
	else
		attach->ret = iommu_attach_device(attach->domain,
						  fake_device(0));
	complete_all(&attach->done);
	return 0;
}

/* Start an attach during a reset, and check that it waits */
static void begin_attach(struct kunit *test, struct attach *attach)
{
	struct task_struct *thread;

	init_completion(&attach->done);
	thread = kthread_run(do_attach, attach, "attach");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&attach->done,
							     HZ / 5));
}

/* Attaches by group wait, as their callers do not expect -EBUSY */
static void attach_of_group_waits(struct kunit *test)
{
	struct attach attach = { .whole_group = true, .ret = 1 };
	struct iommu_domain *user = begin(test);

	iommu_device_reset_begin(fake_device(1));
	iommu_device_reset_begin(fake_device(2));
	iommu_device_detach_domain(fake_device(0), user);
	attach.domain = user;
	begin_attach(test, &attach);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&attach.done,
							     HZ / 5));
	iommu_device_reset_end(fake_device(2));
	wait_for_completion(&attach.done);
	KUNIT_EXPECT_EQ(test, attach.ret, 0);
	expect_on(test, user, user);
	end(test, user);
}

/* The removal of the device wakes waiters, too */
static void device_leaves_in_its_reset(struct kunit *test)
{
	struct attach attach = { .whole_group = true, .ret = 1 };
	struct iommu_domain *user = begin(test);

	iommu_device_reset_begin(fake_device(1));
	iommu_device_detach_domain(fake_device(0), user);
	attach.domain = user;
	begin_attach(test, &attach);
	fake_dev_remove(fake.devs[1]);
	wait_for_completion(&attach.done);
	KUNIT_EXPECT_EQ(test, attach.ret, 0);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));
	iommu_device_release_dma_owner(fake_device(0));
	iommu_device_release_dma_owner(fake_device(0));
	iommu_device_release_dma_owner(fake_device(0));
	iommu_domain_free(user);
	fake_world_exit(test);
}

static void single_device_waits(struct kunit *test)
{
	struct attach attach = { .ret = 1 };
	struct iommu_domain *user;
	bool complete;

	fake_world_init(test, &static_ops, 1);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
	user = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	attach.domain = user;
	iommu_device_reset_begin(fake_device(0));
	begin_attach(test, &attach);
	iommu_device_reset_end(fake_device(0));
	wait_for_completion(&attach.done);
	KUNIT_EXPECT_EQ(test, attach.ret, 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));
	release_all();
	iommu_domain_free(user);
	fake_world_exit(test);
}

static void waiting_attach_is_killed(struct kunit *test)
{
	struct attach attach = { .whole_group = true, .ret = 1 };
	struct iommu_domain *user = begin(test);
	struct iommu_domain *blocked = fake.group->blocking_domain;
	struct task_struct *thread;
	bool gone;

	iommu_device_reset_begin(fake_device(1));
	iommu_device_detach_domain(fake_device(0), user);
	attach.domain = user;
	init_completion(&attach.done);
	thread = kthread_create(do_attach, &attach, "attach");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	get_task_struct(thread);
	wake_up_process(thread);
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&attach.done,
							     HZ / 5));
	send_sig(SIGKILL, thread, 1);
	gone = wait_for_completion_timeout(&attach.done, 20 * HZ);
	KUNIT_EXPECT_TRUE(test, gone);
	iommu_device_reset_end(fake_device(1));
	if (!gone)
		wait_for_completion(&attach.done);
	KUNIT_EXPECT_EQ(test, attach.ret, -EINTR);
	expect_on(test, blocked, blocked);
	put_task_struct(thread);
	end(test, user);
}

static int wait_for_reset(void *data)
{
	struct attach *attach = data;
	unsigned int resets = 0;

	attach->ret = iommu_device_wait_for_reset(fake_device(0), &resets);
	complete(&attach->done);
	return 0;
}

static void reset_is_waited_for(struct kunit *test)
{
	struct iommu_domain *user = begin(test);
	struct attach wait = { .ret = -1 };
	struct task_struct *thread;
	unsigned int resets = 0;

	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_wait_for_reset(fake_device(0), &resets));
	iommu_device_reset_begin(fake_device(1));
	init_completion(&wait.done);
	thread = kthread_run(wait_for_reset, &wait, "wait");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&wait.done,
							     HZ / 5));
	iommu_device_reset_end(fake_device(1));
	wait_for_completion(&wait.done);
	KUNIT_EXPECT_EQ(test, wait.ret, 1);

	/* A reset that has ended counts, too */
	KUNIT_EXPECT_EQ(test, 1,
			iommu_device_wait_for_reset(fake_device(0), &resets));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_wait_for_reset(fake_device(0), &resets));
	end(test, user);
}

/* A replace can be undone during a reset */
static void old_domain_is_returned_to(struct kunit *test)
{
	struct iommu_domain *user = begin(test), *other;
	struct iommu_domain *blocked = fake.group->blocking_domain;
	bool complete;

	other = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), other));
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_return_domain(fake_device(0), user,
						   NULL));
	expect_on(test, blocked, user);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));
	iommu_domain_free(other);
	end(test, user);
}

static void claim(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
}

static struct iommu_domain *make_user_domain(struct kunit *test)
{
	struct iommu_domain *user;
	bool complete;

	user = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	return user;
}

/*
 * A device that gets an owner during its reset is blocked from then on: it must not
 * be attached to a domain whose unmaps would send it invalidations.
 */
static void owner_comes_meanwhile(struct kunit *test)
{
	struct iommu_domain *blocked, *user;

	fake_world_init(test, &static_ops, 3);
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	claim(test);
	blocked = fake.group->blocking_domain;
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 1);
	user = make_user_domain(test);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_replace_domain(fake_device(0), user));
	KUNIT_EXPECT_TRUE(test, fake_all_on(blocked));

	iommu_device_reset_begin(fake_device(1));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_replace_domain(fake_device(0), user));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(blocked));
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_domain_free(user);
	fake_world_exit(test);
}

/* Several claims and releases during one reset: its end unblocks once */
static void owners_come_and_go_meanwhile(struct kunit *test)
{
	struct iommu_domain *normal, *blocked;

	fake_world_init(test, &static_ops, 3);
	normal = fake.group->default_domain;
	iommu_device_reset_begin(fake_device(1));
	iommu_device_reset_begin(fake_device(1));
	claim(test);
	blocked = fake.group->blocking_domain;
	iommu_device_release_dma_owner(fake_device(0));
	expect_on(test, blocked, normal);
	claim(test);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 1);
	iommu_device_reset_end(fake_device(1));
	iommu_device_release_dma_owner(fake_device(0));
	expect_on(test, blocked, normal);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(normal));
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);

	/* The reset has no effect any more */
	claim(test);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(blocked));
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_TRUE(test, fake_all_on(normal));
	fake_world_exit(test);
}

/* By the group, as VFIO's containers do */
static void owner_of_group_comes_and_waits(struct kunit *test)
{
	struct attach attach = { .whole_group = true, .ret = 1 };

	fake_world_init(test, &static_ops, 3);
	iommu_device_reset_begin(fake_device(1));
	KUNIT_ASSERT_EQ(test, 0, iommu_group_claim_dma_owner(fake.group,
							     &owner));
	attach.domain = make_user_domain(test);
	begin_attach(test, &attach);
	iommu_device_reset_end(fake_device(1));
	wait_for_completion(&attach.done);
	KUNIT_EXPECT_EQ(test, attach.ret, 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(attach.domain));
	iommu_group_release_dma_owner(fake.group);
	iommu_domain_free(attach.domain);
	fake_world_exit(test);
}

static int reset_without_owner(void *data)
{
	iommu_device_reset_begin(fake_device(1));
	complete(data);
	return 0;
}

/*
 * A native driver may hold the mutex of its group during a reset, which therefore
 * must not take it. A later owner sees the reset nevertheless.
 */
static void group_of_native_driver_is_locked(struct kunit *test)
{
	struct task_struct *thread;
	struct completion begun;
	bool waited;

	fake_world_init(test, &static_ops, 3);
	init_completion(&begun);
	thread = kthread_create(reset_without_owner, &begun, "reset");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	mutex_lock(&fake.group->mutex);
	wake_up_process(thread);
	waited = !wait_for_completion_timeout(&begun, 5 * HZ);
	mutex_unlock(&fake.group->mutex);
	if (waited)
		wait_for_completion(&begun);
	KUNIT_EXPECT_FALSE(test, waited);
	claim(test);
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 1);
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	fake_world_exit(test);
}

static int keep_resetting(void *dev)
{
	while (!kthread_should_stop()) {
		iommu_device_reset_begin(dev);
		iommu_device_reset_end(dev);
		cond_resched();
	}
	return 0;
}

/* The reset of a PF may run while its VFs and their groups are removed */
static void group_goes_meanwhile(struct kunit *test)
{
	struct task_struct *thread;
	struct iommu_group *group;
	struct device *dev;
	unsigned int i;

	fake_world_init(test, &static_ops, 0);
	fake_dev_make(test, NULL);
	dev = fake_device(0);
	thread = kthread_run(keep_resetting, dev, "reset");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	for (i = 0; i < 30; i++) {
		group = iommu_group_alloc();
		if (IS_ERR(group))
			break;
		KUNIT_EXPECT_EQ(test, 0, iommu_group_add_device(group, dev));
		iommu_group_put(group);
		iommu_group_remove_device(dev);
	}
	kthread_stop(thread);
	KUNIT_EXPECT_EQ(test, i, 30);
	fake_world_exit(test);
}

/* A device that cannot be attached after its reset is blocked until the next attach */
static void coming_back_fails(struct kunit *test)
{
	struct iommu_domain *user = begin(test);
	struct iommu_domain *blocked = fake.group->blocking_domain;
	unsigned int complaints = iommu_group_errs();

	iommu_device_reset_begin(fake_device(1));
	fake_arm(BIT_ULL(0), FAKE_FAIL_MOVES);
	iommu_device_reset_end(fake_device(1));
	expect_on(test, blocked, user);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - complaints, 1);
	fake_arm(0, FAKE_FAIL_CLEARS);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
	expect_on(test, user, user);
	end(test, user);
}

/* A device that cannot be blocked stays on its domain, and follows its group */
static void blocking_fails(struct kunit *test)
{
	struct iommu_domain *user = begin(test);

	fake.blocking_fails = true;
	iommu_device_reset_begin(fake_device(1));
	fake.blocking_fails = false;
	expect_on(test, user, user);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
	iommu_device_reset_end(fake_device(1));
	expect_on(test, user, user);
	end(test, user);
}

/* Without a static blocked domain a reset does not change the domain */
static void blocked_by_empty_domain(struct kunit *test)
{
	struct iommu_domain *user = begin_with(test, &fake_ops);

	KUNIT_EXPECT_PTR_NE(test, fake.group->blocking_domain, &fake_blocked);
	iommu_device_reset_begin(fake_device(1));
	expect_on(test, user, user);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
	iommu_device_reset_end(fake_device(1));
	expect_on(test, user, user);
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	end(test, user);
}

/* A driver with detach_dev() for paging domains, but not for the blocked one */
static const struct iommu_domain_ops let_out_ops = {
	.attach_dev	= fake_attach_dev,
	.detach_dev	= fake_detach_dev,
	.free		= fake_free,
};

static const struct iommu_ops_ext bare_ext = {
	.blocked_domain	= &fake_blocked,
};

static const struct iommu_ops bare_ops = {
	.domain_alloc		= fake_bare_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.default_domain_ops	= &let_out_ops,
	.pgsize_bitmap		= SZ_4K,
	.ext			= &bare_ext,
};

/* The group has no domain any more at the end of the reset */
static void no_domain_to_come_back_to(struct kunit *test)
{
	struct iommu_domain *user = begin_with(test, &bare_ops);
	struct dev_iommu *iommu = fake_device(1)->iommu;
	unsigned int complaints;

	iommu_device_reset_begin(fake_device(1));
	release_all();
	expect_on(test, &fake_blocked, NULL);
	KUNIT_EXPECT_NULL(test, fake.group->domain);
	complaints = iommu_group_errs();
	iommu_device_reset_end(fake_device(1));
	expect_on(test, &fake_blocked, NULL);
	KUNIT_EXPECT_TRUE(test, iommu->stranded);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - complaints, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(1)));

	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(user, fake.group));
	expect_on(test, user, user);
	KUNIT_EXPECT_FALSE(test, iommu->stranded);
	iommu_detach_group(user, fake.group);
	expect_on(test, NULL, NULL);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(1)));
	iommu_device_unuse_default_domain(fake_device(1));
	iommu_domain_free(user);
	fake_world_exit(test);
}

static int reset_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void reset_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case reset_cases[] = {
	KUNIT_CASE(device_is_blocked_alone),
	KUNIT_CASE(attach_is_refused),
	KUNIT_CASE(attach_of_group_waits),
	KUNIT_CASE(device_leaves_in_its_reset),
	KUNIT_CASE(reset_is_waited_for),
	KUNIT_CASE(old_domain_is_returned_to),
	KUNIT_CASE(single_device_waits),
	KUNIT_CASE(waiting_attach_is_killed),
	KUNIT_CASE(owner_comes_meanwhile),
	KUNIT_CASE(owners_come_and_go_meanwhile),
	KUNIT_CASE(owner_of_group_comes_and_waits),
	KUNIT_CASE(group_of_native_driver_is_locked),
	KUNIT_CASE(group_is_left_meanwhile),
	KUNIT_CASE(owner_leaves_meanwhile),
	KUNIT_CASE(group_goes_meanwhile),
	KUNIT_CASE(coming_back_fails),
	KUNIT_CASE(blocking_fails),
	KUNIT_CASE(blocked_by_empty_domain),
	KUNIT_CASE(no_domain_to_come_back_to),
	{}
};

static struct kunit_suite reset_suite = {
	.name = "iommu_reset",
	.suite_init = reset_suite_init,
	.suite_exit = reset_suite_exit,
	.test_cases = reset_cases,
};

kunit_test_suites(&reset_suite);
