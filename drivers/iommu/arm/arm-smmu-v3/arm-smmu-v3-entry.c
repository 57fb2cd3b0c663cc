// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: changing an entry of a table while the hardware may read it.
 *
 * References are to the Arm System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3 (IHI 0070).
 *
 * The hardware reads an entry 64 bits at a time, in any order and at any time, and
 * may keep what it read until the entry is invalidated (3.21.3). Between two
 * invalidations it may therefore combine old and new words in any way. An entry
 * means what its used bits say, so a change goes through three stages::
 *
 *	live ---------> near ---------> turned ---------> target
 *	     bits that       one word         bits that
 *	     only target                      target ignores
 *	     uses
 *
 * Every mixture of live and near means live, and every mixture of turned and target
 * means target. The store in the middle is atomic. If used bits of several words
 * have to change, no such order exists. The entry is then closed first; a closed
 * entry ignores all other words.
 */
#include <linux/compiler.h>
#include <linux/types.h>

#include "arm-smmu-v3-entry.h"

#define NO_WORD		(-1)
#define SEVERAL_WORDS	(-2)

/*
 * Make the entry @near, which means the same as @live and has all bits of @target that
 * @target uses and @live does not. Return the word that then makes it mean @target.
 */
static int plan(const struct arm_smmu_entry_ops *ops, const __le64 *live,
		const __le64 *target, __le64 *near)
{
	__le64 used[ARM_SMMU_ENTRY_WORDS], wanted[ARM_SMMU_ENTRY_WORDS];
	int i, word = NO_WORD;

	ops->used(live, used);
	ops->used(target, wanted);
	for (i = 0; i < ARM_SMMU_ENTRY_WORDS; i++) {
		__le64 early = wanted[i] & ~used[i];

		near[i] = (live[i] & ~early) | (target[i] & early);
		if (!((near[i] ^ target[i]) & wanted[i]))
			continue;
		word = word == NO_WORD ? i : SEVERAL_WORDS;
	}
	return word;
}

/* Store words whose changes make no difference, and wait until they are seen */
static void store_unused(__le64 *live, const __le64 *next,
			 void (*sync)(void *arg), void *arg)
{
	bool changed = false;
	int i;

	for (i = 0; i < ARM_SMMU_ENTRY_WORDS; i++) {
		if (live[i] == next[i])
			continue;
		WRITE_ONCE(live[i], next[i]);
		changed = true;
	}
	if (changed)
		sync(arg);
}

static void store_word(__le64 *live, __le64 word, void (*sync)(void *arg),
		       void *arg)
{
	WRITE_ONCE(*live, word);
	sync(arg);
}

/**
 * arm_smmu_entry_hitless() - tell whether a change needs no closed entry in between
 * @ops: of the kind of both entries
 * @live: entry as it is
 * @target: what it is to become
 *
 * Context: any; the caller excludes writers of @live.
 * Return: true if every transaction uses @live or @target during the change.
 */
bool arm_smmu_entry_hitless(const struct arm_smmu_entry_ops *ops,
			    const __le64 *live, const __le64 *target)
{
	__le64 near[ARM_SMMU_ENTRY_WORDS];

	return plan(ops, live, target, near) != SEVERAL_WORDS;
}

/**
 * arm_smmu_entry_write() - turn a live entry into another one
 * @ops: of the kind of both entries
 * @live: entry in its table
 * @target: what it is to become
 * @sync: makes the hardware forget what it has read of the entry, and returns
 *        when it has (CMD_CFGI_* and CMD_SYNC)
 * @arg: for @sync
 *
 * Every transaction uses the old entry, the new one, or a closed one if
 * arm_smmu_entry_hitless() says that there is no other way. @sync is called at
 * least once, also if nothing changes, as what the entry points to may have changed.
 *
 * Context: process or atomic as @sync allows; the caller excludes other writers of
 * @live.
 */
void arm_smmu_entry_write(const struct arm_smmu_entry_ops *ops, __le64 *live,
			  const __le64 *target, void (*sync)(void *arg),
			  void *arg)
{
	__le64 near[ARM_SMMU_ENTRY_WORDS];
	int word = plan(ops, live, target, near);

	if (word == SEVERAL_WORDS) {
		store_word(&live[0], ops->closed, sync, arg);
		word = plan(ops, live, target, near);
	}
	store_unused(live, near, sync, arg);
	if (word < 0)
		sync(arg);
	else
		store_word(&live[word], target[word], sync, arg);
	store_unused(live, target, sync, arg);
}
