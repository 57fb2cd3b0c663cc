// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that are made to fail: see fail_alloc.h.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "fail_alloc.h"

/* No operation allocates as often: the sweep does not end */
#define MOST_ALLOCATIONS	500

/**
 * struct knobs - settings of failslab, as its files in debugfs have them
 * @ignores_sleepers: allocations that may sleep do not fail
 * @of_tasks: only tasks with &struct task_struct.make_it_fail have failures
 * @percent: share of the allocations that fail
 * @times: failures that are left
 * @verbose: how much is logged at each
 */
struct knobs {
	bool ignores_sleepers;
	bool of_tasks;
	unsigned long percent;
	int times;
	unsigned long verbose;
};

static const struct knobs knobs = { .of_tasks = true, .percent = 100, .times = -1 };

/* The variable that a file of failslab is about, or NULL */
static void *find_knob(const char *name)
{
	struct dentry *folder = debugfs_lookup("failslab", NULL), *file;
	void *knob = NULL;

	if (IS_ERR_OR_NULL(folder))
		return NULL;
	file = debugfs_lookup(name, folder);
	dput(folder);
	if (!file)
		return NULL;
	knob = d_inode(file)->i_private;
	dput(file);
	return knob;
}

/* Change the settings, and tell what they were; false if the kernel has none */
static bool set_knobs(const struct knobs *to, struct knobs *from)
{
	bool *ignores_sleepers = find_knob("ignore-gfp-wait");
	bool *of_tasks = find_knob("task-filter");
	unsigned long *percent = find_knob("probability");
	atomic_t *times = find_knob("times");
	unsigned long *verbose = find_knob("verbose");

	if (!ignores_sleepers || !of_tasks || !percent || !times || !verbose)
		return false;
	from->ignores_sleepers = *ignores_sleepers;
	from->of_tasks = *of_tasks;
	from->percent = *percent;
	from->times = atomic_read(times);
	from->verbose = *verbose;
	/* Never a share of the allocations of all tasks */
	if (!to->percent)
		*percent = 0;
	*of_tasks = to->of_tasks;
	*ignores_sleepers = to->ignores_sleepers;
	atomic_set(times, to->times);
	*verbose = to->verbose;
	*percent = to->percent;
	return true;
}

/* Of this task's allocations let the n-th fail, and with @rest all later ones */
static void arm(unsigned int nth, bool rest)
{
	current->make_it_fail = rest;
	WRITE_ONCE(current->fail_nth, nth);
}

/* Returns whether there was an n-th allocation */
static bool disarm(void)
{
	bool met = !READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	current->make_it_fail = 0;
	return met;
}

static void expect_done(struct kunit *test, const struct fail_alloc_ops *op)
{
	KUNIT_EXPECT_TRUE(test, op->is_done());
	op->undo();
	KUNIT_EXPECT_TRUE(test, op->is_idle());
}

/* Returns whether the operation has met the n-th allocation; counts what has failed */
static bool try_nth(struct kunit *test, const struct fail_alloc_ops *op,
		    unsigned int nth, bool rest, unsigned int *failures)
{
	bool met;
	int err;

	arm(nth, rest);
	err = op->go();
	met = disarm();
	if (!err) {
		expect_done(test, op);
		return met;
	}
	(*failures)++;
	KUNIT_EXPECT_TRUE(test, met);
	KUNIT_EXPECT_TRUE(test, err == -ENOMEM || err == op->err);
	KUNIT_EXPECT_TRUE(test, op->is_idle());
	/* With memory again it works */
	err = op->go();
	KUNIT_EXPECT_EQ(test, err, 0);
	if (!err)
		expect_done(test, op);
	return met;
}

static void sweep(struct kunit *test, const struct fail_alloc_ops *op, bool rest)
{
	unsigned int nth = 1, failures = 0;

	while (nth < MOST_ALLOCATIONS && try_nth(test, op, nth, rest, &failures))
		nth++;
	KUNIT_EXPECT_LT(test, nth, MOST_ALLOCATIONS);
	kunit_info(test, "%s: %u allocations, %u failures\n",
		   rest ? "all from the n-th on" : "one", nth - 1, failures);
	if (rest)
		KUNIT_EXPECT_GE(test, failures, op->places);
}

/*
 * Do an operation with all allocations from the n-th on failing, if this kernel can do
 * that; returns what it returns
 */
int fail_alloc_once(int (*go)(void), unsigned int nth)
{
	struct knobs before, unused;
	int err;

	if (!set_knobs(&knobs, &before))
		return go();
	arm(nth, true);
	err = go();
	disarm();
	set_knobs(&before, &unused);
	return err;
}

/* Let each allocation of an operation fail. Skips the case if none can */
void fail_alloc_sweep(struct kunit *test, const struct fail_alloc_ops *op)
{
	struct knobs before, unused;

	if (!set_knobs(&knobs, &before)) {
		kunit_mark_skipped(test, "no failslab in debugfs");
		return;
	}
	sweep(test, op, false);
	sweep(test, op, true);
	set_knobs(&before, &unused);
}
