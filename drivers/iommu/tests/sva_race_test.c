// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that are bound, unbound and end while devices ask for their pages.
 *
 * Tasks bind and unbind two processes on two devices, one task ends them and makes new
 * ones, and one task for each device reports requests. What is checked does not depend
 * on which comes first: nothing is left at the end, and each group of requests whose last
 * one was reported has been answered once.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "../iommu-sva.h"
#include "fake_process.h"
#include "fake_sva.h"

#define NR_PROCESSES	2
#define NR_DEVICES	2
#define NR_BINDERS	4
#define RACE_SECONDS	5

/**
 * struct race - the processes, and what the tasks have done
 * @lock: protects @processes
 * @processes: processes that run
 * @stop: tasks end
 * @running: number of them
 * @binds: binds that worked
 * @failures: calls with an answer that they must not have
 * @ended: processes that have ended
 * @groups: groups of each device whose last request was reported
 * @refused: those of them that the driver has to answer itself
 */
static struct race {
	struct mutex lock;
	struct mm_struct *processes[NR_PROCESSES];
	bool stop;
	atomic_t running;
	atomic_t binds;
	atomic_t failures;
	unsigned int ended;
	unsigned int groups[NR_DEVICES];
	unsigned int refused[NR_DEVICES];
} race;

static bool stopped(void)
{
	cond_resched();
	return READ_ONCE(race.stop);
}

static void fail(void)
{
	atomic_inc(&race.failures);
}

static void task_ends(void)
{
	if (atomic_dec_and_test(&race.running))
		wake_up_all(&fake_sva.answered);
}

/* A process that has not ended; the reference keeps it from that */
static struct mm_struct *choose_process(void)
{
	struct mm_struct *mm;

	mutex_lock(&race.lock);
	mm = race.processes[prandom_u32_max(NR_PROCESSES)];
	mmget(mm);
	mutex_unlock(&race.lock);
	return mm;
}

/* The process may end while the bond lasts */
static void bind_once(void)
{
	struct device *dev = fake_device(prandom_u32_max(NR_DEVICES));
	struct mm_struct *mm = choose_process();
	struct iommu_sva *bond = iommu_sva_bind(dev, mm, NULL);
	bool keep = prandom_u32_max(2);

	if (!keep)
		mmput(mm);
	if (IS_ERR(bond)) {
		/* Processes that have ended keep their PASIDs until threads free them */
		if (PTR_ERR(bond) != -ENOSPC)
			fail();
	} else {
		atomic_inc(&race.binds);
		if (prandom_u32_max(2))
			schedule_timeout_uninterruptible(1);
		iommu_sva_unbind_device(bond);
	}
	if (keep)
		mmput(mm);
}

static int binder(void *unused)
{
	while (!stopped())
		bind_once();
	task_ends();
	return 0;
}

static void replace_process(unsigned int i)
{
	struct mm_struct *mm = fake_process_make(), *old;

	if (!mm) {
		fail();
		return;
	}
	mutex_lock(&race.lock);
	old = race.processes[i];
	race.processes[i] = mm;
	mutex_unlock(&race.lock);
	mmput(old);
	race.ended++;
}

static int ender(void *unused)
{
	while (!stopped()) {
		replace_process(prandom_u32_max(NR_PROCESSES));
		schedule_timeout_uninterruptible(1 + prandom_u32_max(5));
	}
	task_ends();
	return 0;
}

static unsigned long any_address(void)
{
	static const unsigned long areas[] = {
		FAKE_READ_WRITE, FAKE_READ_ONLY, FAKE_EXECUTABLE, FAKE_GATED,
		FAKE_UNMAPPED,
	};

	return areas[prandom_u32_max(ARRAY_SIZE(areas))] +
	       prandom_u32_max(FAKE_AREA_PAGES) * PAGE_SIZE;
}

static int report(unsigned int dev, ioasid_t pasid, u32 group, bool last)
{
	u32 perm = IOMMU_FAULT_PERM_READ;

	if (prandom_u32_max(2))
		perm |= IOMMU_FAULT_PERM_WRITE;
	return fake_sva_report(dev, pasid, any_address(), perm, group, last);
}

static void expect_answers(struct fake_answer *answer, unsigned int nr)
{
	spin_lock(&fake_sva.lock);
	answer->expected = nr;
	spin_unlock(&fake_sva.lock);
}

/* A device does not use the number of a group again before its answer */
static void report_group(unsigned int dev, u32 group)
{
	struct fake_answer *answer = &fake_sva.answers[dev][group];
	ioasid_t pasid = 1 + prandom_u32_max(SVA_NR_PASIDS - 1);
	unsigned int i, nr = prandom_u32_max(3);

	if (READ_ONCE(answer->expected))
		return;
	for (i = 0; i < nr; i++)
		report(dev, pasid, group, false);
	expect_answers(answer, 1);
	race.groups[dev]++;
	if (report(dev, pasid, group, true)) {
		/* Page requests are not enabled at the moment */
		race.refused[dev]++;
		expect_answers(answer, 0);
	}
}

static int reporter(void *data)
{
	unsigned int dev = (unsigned long)data;
	u32 group = 0;

	while (!stopped())
		report_group(dev, group++ % SVA_NR_GROUPS);
	task_ends();
	return 0;
}

static void start(struct kunit *test, int (*task)(void *), unsigned long data)
{
	struct task_struct *thread;

	atomic_inc(&race.running);
	thread = kthread_run(task, (void *)data, "fake-race");
	if (!IS_ERR(thread))
		return;
	KUNIT_FAIL(test, "no thread: %ld", PTR_ERR(thread));
	atomic_dec(&race.running);
}

static void run_tasks(struct kunit *test)
{
	unsigned long i;

	for (i = 0; i < NR_BINDERS; i++)
		start(test, binder, 0);
	start(test, ender, 0);
	for (i = 0; i < NR_DEVICES; i++)
		start(test, reporter, i);
	schedule_timeout_uninterruptible(RACE_SECONDS * HZ);
	WRITE_ONCE(race.stop, true);
	/* Tasks that do not end would use freed memory */
	wait_event(fake_sva.answered, !atomic_read(&race.running));
}

static void expect_all_answered(struct kunit *test)
{
	unsigned int dev, group, refused;

	for (dev = 0; dev < NR_DEVICES; dev++) {
		refused = race.refused[dev];
		KUNIT_EXPECT_EQ(test, race.groups[dev],
				fake_sva.nr_answers[dev] + refused);
		KUNIT_EXPECT_LT(test, refused, race.groups[dev]);
		for (group = 0; group < SVA_NR_GROUPS; group++)
			KUNIT_EXPECT_EQ(test, 0,
					fake_sva.answers[dev][group].expected);
	}
}

static void binds_requests_and_ends(struct kunit *test)
{
	unsigned int i, nr;

	fake_sva_begin(test, &fake_sva_ops);
	fake_sva.strict = true;
	nr = fake_sva_free_pasids(0);
	memset(&race, 0, sizeof(race));
	mutex_init(&race.lock);
	for (i = 0; i < NR_PROCESSES; i++) {
		race.processes[i] = fake_process_make();
		KUNIT_ASSERT_NOT_NULL(test, race.processes[i]);
	}
	run_tasks(test);
	for (i = 0; i < NR_PROCESSES; i++)
		mmput(race.processes[i]);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&race.failures));
	KUNIT_EXPECT_LT(test, 0, atomic_read(&race.binds));
	KUNIT_EXPECT_LT(test, 0, race.ended);
	expect_all_answered(test);
	kunit_info(test, "%d binds, %u processes, %u and %u groups (%u and %u refused)",
		   atomic_read(&race.binds), race.ended, race.groups[0],
		   race.groups[1], race.refused[0], race.refused[1]);
	KUNIT_EXPECT_TRUE(test, fake_sva_pasids_become_free(nr));
	fake_sva_end(test);
}

static int sva_race_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void sva_race_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case sva_race_cases[] = {
	KUNIT_CASE(binds_requests_and_ends),
	{}
};

static struct kunit_suite sva_race_suite = {
	.name = "iommu_sva_races",
	.suite_init = sva_race_suite_init,
	.suite_exit = sva_race_suite_exit,
	.test_cases = sva_race_cases,
};

kunit_test_suites(&sva_race_suite);
