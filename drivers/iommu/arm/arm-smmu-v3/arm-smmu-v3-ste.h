/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stream table entries: their contents, and changing one while it is live.
 */
#ifndef _ARM_SMMU_V3_STE_H
#define _ARM_SMMU_V3_STE_H

#include <linux/types.h>

#include "arm-smmu-v3.h"

/**
 * struct arm_smmu_ste - one stream table entry (IHI 0070, 5.2)
 * @word: the entry as the hardware reads it, 64 bits at a time
 */
struct arm_smmu_ste {
	__le64 word[STRTAB_STE_DWORDS];
};

void arm_smmu_ste_make_abort(struct arm_smmu_ste *ste);
void arm_smmu_ste_make_bypass(struct arm_smmu_ste *ste);
void arm_smmu_ste_make_s1(struct arm_smmu_ste *ste,
			  const struct arm_smmu_cd_root *root, u32 features,
			  u64 s1dss, bool may_stall, bool ats);
void arm_smmu_ste_make_s2(struct arm_smmu_ste *ste,
			  const struct arm_smmu_s2_cfg *cfg, bool ats);
void arm_smmu_ste_make_nested(struct arm_smmu_ste *ste, const __le64 *guest,
			      const struct arm_smmu_s2_cfg *cfg, u32 features,
			      bool may_stall, bool ats);
bool arm_smmu_ste_has_ats(const struct arm_smmu_ste *ste);
bool arm_smmu_ste_keeps_ats(const __le64 *live, const struct arm_smmu_ste *target);
void arm_smmu_ste_write(__le64 *live, const struct arm_smmu_ste *target,
			void (*sync)(void *arg), void *arg);

#endif /* _ARM_SMMU_V3_STE_H */
