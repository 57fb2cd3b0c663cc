// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests while everything changes at the same time.
 *
 * One task reports for both devices, as the reader of a hardware's queue does. Others
 * answer; attach, replace and detach the PASIDs and the requester ID, each with a handle
 * that is freed as soon as it is theirs again; reset the devices; and remove one.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_faults.h"

#define SECONDS		5
#define ROOM		12
#define NR_INDEXES	6
#define NR_POINTS	3
#define NR_WORKERS	2

/* The requester ID and two PASIDs */
static const ioasid_t points[NR_POINTS] = { IOMMU_NO_PASID, 3, 5 };

static struct iommu_domain *domains[2];
static unsigned long deadline;
static bool no_more_groups;

/* What has become of the groups that were complete */
static struct tally {
	unsigned int reported;
	unsigned int forgotten;
	atomic_t answered;
	atomic_t attaches;
	atomic_t replaces;
	unsigned int resets;
	unsigned int removals;
	atomic_t unexpected;
} tally;

/* Completed once by each task: those that change something, and those that answer */
static DECLARE_COMPLETION(change_done);
static DECLARE_COMPLETION(worker_done);

static bool over(void)
{
	cond_resched();
	return time_after(jiffies, deadline);
}

/* A device makes a request; if it is a last one, the index is in use until the answer */
static int report_some(void *unused)
{
	struct iommu_fault_page_request req;
	unsigned int dev, grpid, last;
	ioasid_t pasid;

	while (!over()) {
		dev = prandom_u32_max(2);
		pasid = points[prandom_u32_max(NR_POINTS)];
		grpid = prandom_u32_max(NR_INDEXES);
		last = prandom_u32_max(2);
		if (fake_waits(dev, pasid, grpid))
			continue;
		req = fake_request(pasid, grpid, last);
		if (fake_try_report(dev, &req))
			continue;
		tally.reported += last;
		if (!prandom_u32_max(2000))
			fake_overflow();
	}
	complete(&change_done);
	return 0;
}

static int answer_some(void *unused)
{
	struct iopf_group *group;

	for (;;) {
		group = fake_pop(NULL);
		if (!group && READ_ONCE(no_more_groups))
			break;
		if (!group || !prandom_u32_max(50))
			usleep_range(10, 200);
		if (!group)
			continue;
		atomic_inc(&tally.answered);
		iopf_group_answer(group, prandom_u32_max(3));
	}
	complete(&worker_done);
	return 0;
}

static struct fake_user *new_user(void)
{
	struct fake_user *user;

	do
		user = kmalloc(sizeof(*user), GFP_KERNEL);
	while (!user);
	fake_user_init(user, prandom_u32_max(4));
	return user;
}

static void pause_a_little(void)
{
	usleep_range(100, 1000 + prandom_u32_max(3000));
}

/* Waits for the end of a reset; returns false at the end of the test */
static bool retry(int err)
{
	if (err != -EBUSY)
		atomic_inc(&tally.unexpected);
	pause_a_little();
	return !over();
}

static int change_point(void *point)
{
	ioasid_t pasid = *(const ioasid_t *)point;
	struct fake_user *user, *next;
	unsigned int now, n;
	int err;

	while (!over()) {
		now = prandom_u32_max(2);
		user = new_user();
		err = fake_attach(pasid, domains[now], user);
		if (err) {
			kfree(user);
			if (!retry(err))
				break;
			continue;
		}
		atomic_inc(&tally.attaches);
		for (n = prandom_u32_max(4); n; n--) {
			pause_a_little();
			next = new_user();
			err = fake_replace(pasid, domains[!now], next);
			if (err) {
				kfree(next);
				continue;
			}
			atomic_inc(&tally.replaces);
			kfree(user);
			user = next;
			now = !now;
		}
		pause_a_little();
		fake_detach(pasid, domains[now]);
		kfree(user);
	}
	complete(&change_done);
	return 0;
}

/* The device forgets its groups, as in a reset of real ones, and makes none meanwhile */
static void reset(unsigned int dev, bool remove)
{
	iommu_device_reset_begin(fake_device(dev));
	tally.forgotten += fake_reset(dev, true);
	pause_a_little();
	if (remove)
		fake_dev_remove(fake.devs[dev]);
	iommu_device_reset_end(fake_device(dev));
	fake_reset(dev, false);
	tally.resets++;
}

static void remove(unsigned int dev)
{
	if (prandom_u32_max(2))
		reset(dev, true);
	else
		fake_dev_remove(fake.devs[dev]);
	tally.forgotten += fake_forget(dev);
	pause_a_little();
	fake.devs[dev]->gone = false;
	if (fake_dev_probe(fake.devs[dev]))
		atomic_inc(&tally.unexpected);
	tally.removals++;
}

/* The second device is also removed: only the first one is named in attaches */
static int change_devices(void *unused)
{
	while (!over()) {
		switch (prandom_u32_max(3)) {
		case 0:
			reset(0, false);
			break;
		case 1:
			reset(1, false);
			break;
		default:
			remove(1);
		}
		pause_a_little();
	}
	complete(&change_done);
	return 0;
}

static void start(struct kunit *test, int (*run)(void *data), const ioasid_t *point)
{
	KUNIT_ASSERT_FALSE(test,
			   IS_ERR(kthread_run(run, (void *)point, "fake-task")));
}

static void all_at_once(struct kunit *test)
{
	unsigned int i;

	memset(&tally, 0, sizeof(tally));
	reinit_completion(&change_done);
	reinit_completion(&worker_done);
	fake_faults_begin(test, &fake_faults_ops, 2, ROOM);
	domains[0] = fake_faults_domain(test);
	domains[1] = fake_faults_domain(test);
	no_more_groups = false;
	deadline = jiffies + SECONDS * HZ;
	for (i = 0; i < NR_WORKERS; i++)
		start(test, answer_some, NULL);
	start(test, report_some, NULL);
	start(test, change_devices, NULL);
	for (i = 0; i < NR_POINTS; i++)
		start(test, change_point, &points[i]);
	for (i = 0; i < NR_POINTS + 2; i++)
		wait_for_completion(&change_done);
	WRITE_ONCE(no_more_groups, true);
	for (i = 0; i < NR_WORKERS; i++)
		wait_for_completion(&worker_done);

	kunit_info(test, "%u groups: %u forgotten, %u delivered, %u answers; %d attaches, %d replaces, %u resets, %u removals",
		   tally.reported, tally.forgotten, faults.delivered,
		   faults.nr_answers, atomic_read(&tally.attaches),
		   atomic_read(&tally.replaces), tally.resets, tally.removals);
	KUNIT_EXPECT_EQ(test, tally.reported, faults.nr_answers + tally.forgotten);
	KUNIT_EXPECT_EQ(test, faults.delivered,
			atomic_read(&tally.answered) + faults.cancelled);
	KUNIT_EXPECT_EQ(test, atomic_read(&tally.unexpected), 0);
	KUNIT_EXPECT_GT(test, tally.reported, 0);
	KUNIT_EXPECT_GT(test, faults.delivered, 0);
	KUNIT_EXPECT_GT(test, atomic_read(&tally.replaces), 0);
	KUNIT_EXPECT_GT(test, tally.resets, 0);
	KUNIT_EXPECT_GT(test, tally.removals, 0);
	faults.seen = faults.nr_answers;
	iommu_domain_free(domains[0]);
	iommu_domain_free(domains[1]);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_faults_end(test);
}

static int iopf_stress_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void iopf_stress_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case iopf_stress_cases[] = {
	KUNIT_CASE(all_at_once),
	{}
};

static struct kunit_suite iopf_stress_suite = {
	.name = "iommu_faults_stress",
	.suite_init = iopf_stress_suite_init,
	.suite_exit = iopf_stress_suite_exit,
	.test_cases = iopf_stress_cases,
};

kunit_test_suites(&iopf_stress_suite);
