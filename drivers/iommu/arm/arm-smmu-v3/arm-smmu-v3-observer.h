/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3 tests: an observer that may read an entry between any two stores.
 */
#ifndef _ARM_SMMU_V3_OBSERVER_H
#define _ARM_SMMU_V3_OBSERVER_H

#include <linux/types.h>

#define ARM_SMMU_VIEW_WORDS	8

struct kunit;

/**
 * struct arm_smmu_view - what an entry means for transactions
 * @reach: where they go, in numbers of the test
 * @closed: they go nowhere, and no event tells so if the test says that none may
 * @ats: value of EATS where it is used
 * @fact: bits of each word that the hardware uses, without EATS
 */
struct arm_smmu_view {
	int reach;
	bool closed;
	u64 ats;
	u64 fact[ARM_SMMU_VIEW_WORDS];
};

/**
 * struct arm_smmu_observer_ops - the kind of entries that is observed
 * @look: decodes an entry
 */
struct arm_smmu_observer_ops {
	void (*look)(const __le64 *entry, struct arm_smmu_view *view);
};

/**
 * struct arm_smmu_observer - one change of an entry, and what was seen of it
 * @ops: kind of the entry
 * @live: the entry, which the code under test changes
 * @known: what it was at the last invalidation
 * @before: its meaning before the change
 * @after: its meaning after the change
 * @saw_closed: a mixture of words was closed, though neither of these is
 * @saw_no_ats: a mixture of words had no ATS
 * @saw_wrong: number of mixtures that mean anything else
 * @syncs: number of invalidations
 */
struct arm_smmu_observer {
	const struct arm_smmu_observer_ops *ops;
	__le64 live[ARM_SMMU_VIEW_WORDS];
	__le64 known[ARM_SMMU_VIEW_WORDS];
	struct arm_smmu_view before, after;
	bool saw_closed, saw_no_ats;
	int saw_wrong, syncs;
};

void arm_smmu_observe(struct arm_smmu_observer *eye, const __le64 *from, const __le64 *to);
void arm_smmu_observe_sync(void *arg);
void arm_smmu_observe_check(struct kunit *test, struct arm_smmu_observer *eye,
			    const __le64 *to, const char *from_name,
			    const char *to_name);
bool arm_smmu_observe_orders(struct arm_smmu_observer *eye, const __le64 *from,
			     const __le64 *to);
void arm_smmu_observe_careless(struct arm_smmu_observer *eye, const __le64 *from,
			       const __le64 *to);

#endif /* _ARM_SMMU_V3_OBSERVER_H */
