// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3 tests: an observer that may read an entry between any two stores.
 *
 * Between two invalidations the hardware may read each word before or after it is
 * written, and keep what it read (IHI 0070, 3.21.3). So at each invalidation every
 * mixture of the words before it and of those at the last one is decoded. Nothing
 * here knows how entries are written.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/string.h>

#include "arm-smmu-v3-observer.h"

#define NR_MIXTURES	BIT(ARM_SMMU_VIEW_WORDS)

static void mix(__le64 *mixed, const __le64 *old, const __le64 *new,
		unsigned int mask)
{
	int i;

	for (i = 0; i < ARM_SMMU_VIEW_WORDS; i++)
		mixed[i] = mask & BIT(i) ? new[i] : old[i];
}

/* Two meanings, apart from ATS */
static bool same_reach(const struct arm_smmu_view *a, const struct arm_smmu_view *b)
{
	return a->reach == b->reach && !memcmp(a->fact, b->fact, sizeof(a->fact));
}

/*
 * EATS may change before the rest or after it, as ATS is off in a device whose EATS
 * changes; where it does not change, it has to stay.
 */
static bool allowed(const struct arm_smmu_observer *eye, const struct arm_smmu_view *view)
{
	if (view->ats != eye->before.ats && view->ats != eye->after.ats)
		return false;
	return same_reach(view, &eye->before) || same_reach(view, &eye->after);
}

/**
 * arm_smmu_observe() - begin to observe a change
 * @eye: observer with &struct arm_smmu_observer.ops set
 * @from: the entry before the change
 * @to: what it is to become
 */
void arm_smmu_observe(struct arm_smmu_observer *eye, const __le64 *from, const __le64 *to)
{
	eye->ops->look(from, &eye->before);
	eye->ops->look(to, &eye->after);
	memcpy(eye->live, from, sizeof(eye->live));
	memcpy(eye->known, from, sizeof(eye->known));
	eye->saw_closed = false;
	eye->saw_no_ats = false;
	eye->saw_wrong = 0;
	eye->syncs = 0;
}

/**
 * arm_smmu_observe_sync() - invalidation: show all mixtures since the last one
 * @arg: the observer
 */
void arm_smmu_observe_sync(void *arg)
{
	struct arm_smmu_observer *eye = arg;
	__le64 mixed[ARM_SMMU_VIEW_WORDS];
	struct arm_smmu_view view;
	unsigned int mask;

	for (mask = 0; mask < NR_MIXTURES; mask++) {
		mix(mixed, eye->known, eye->live, mask);
		eye->ops->look(mixed, &view);
		if (!view.ats)
			eye->saw_no_ats = true;
		if (allowed(eye, &view))
			continue;
		if (view.closed)
			eye->saw_closed = true;
		else
			eye->saw_wrong++;
	}
	memcpy(eye->known, eye->live, sizeof(eye->known));
	eye->syncs++;
}

/**
 * arm_smmu_observe_check() - what is true after every change
 * @test: test that runs
 * @eye: observer of the change
 * @to: what the entry was to become
 * @from_name: the entry before
 * @to_name: the entry after
 */
void arm_smmu_observe_check(struct kunit *test, struct arm_smmu_observer *eye,
			    const __le64 *to, const char *from_name,
			    const char *to_name)
{
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(eye->live, to, sizeof(eye->live)),
			      "%s to %s: another entry was written", from_name, to_name);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(eye->known, to, sizeof(eye->known)),
			      "%s to %s: no invalidation at the end", from_name, to_name);
	KUNIT_EXPECT_TRUE_MSG(test, eye->syncs, "%s to %s: no invalidation",
			      from_name, to_name);
	KUNIT_EXPECT_TRUE_MSG(test, !eye->saw_wrong,
			      "%s to %s: %d mixtures mean something else", from_name,
			      to_name, eye->saw_wrong);
}

/**
 * arm_smmu_observe_orders() - search all orders in which words could be written
 * @eye: observer with &struct arm_smmu_observer.ops set; it is used up
 * @from: the entry before the change
 * @to: what it is to become
 *
 * Return: true if the words of @to can be stored one by one, each followed by an
 * invalidation, so that the entry is never closed nor anything else in between.
 */
bool arm_smmu_observe_orders(struct arm_smmu_observer *eye, const __le64 *from,
			     const __le64 *to)
{
	DECLARE_BITMAP(reached, NR_MIXTURES) = { 1 };
	__le64 mixed[ARM_SMMU_VIEW_WORDS];
	struct arm_smmu_view view;
	unsigned int mask, i;

	arm_smmu_observe(eye, from, to);
	for (mask = 0; mask < NR_MIXTURES; mask++) {
		if (!test_bit(mask, reached))
			continue;
		for (i = 0; i < ARM_SMMU_VIEW_WORDS; i++) {
			mix(mixed, from, to, mask | BIT(i));
			eye->ops->look(mixed, &view);
			if (allowed(eye, &view))
				set_bit(mask | BIT(i), reached);
		}
	}
	return test_bit(NR_MIXTURES - 1, reached);
}

/**
 * arm_smmu_observe_careless() - show the observer what it has to object to
 * @eye: observer with &struct arm_smmu_observer.ops set
 * @from: the entry before the change
 * @to: what it is to become
 *
 * The words are stored in ascending order, with one invalidation at the end.
 */
void arm_smmu_observe_careless(struct arm_smmu_observer *eye, const __le64 *from,
			       const __le64 *to)
{
	arm_smmu_observe(eye, from, to);
	memcpy(eye->live, to, sizeof(eye->live));
	arm_smmu_observe_sync(eye);
}
