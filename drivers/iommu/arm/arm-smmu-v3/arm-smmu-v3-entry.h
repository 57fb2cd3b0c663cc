/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: changing an entry of a table while the hardware may read it.
 */
#ifndef _ARM_SMMU_V3_ENTRY_H
#define _ARM_SMMU_V3_ENTRY_H

#include <linux/types.h>

/* Stream table entries and context descriptors have the same size */
#define ARM_SMMU_ENTRY_WORDS	8

/**
 * struct arm_smmu_entry_ops - what the writer knows of a kind of entries
 * @used: sets the bits that the hardware looks at when it reads @entry, in
 *        @used, and clears the others. A bit that is not known to be ignored
 *        counts as used. The result depends on used bits only
 * @closed: word 0 of an entry that lets no transaction through and of which the
 *          hardware uses nothing but word 0
 */
struct arm_smmu_entry_ops {
	void (*used)(const __le64 *entry, __le64 *used);
	__le64 closed;
};

bool arm_smmu_entry_hitless(const struct arm_smmu_entry_ops *ops,
			    const __le64 *live, const __le64 *target);
void arm_smmu_entry_write(const struct arm_smmu_entry_ops *ops, __le64 *live,
			  const __le64 *target, void (*sync)(void *arg),
			  void *arg);

#endif /* _ARM_SMMU_V3_ENTRY_H */
