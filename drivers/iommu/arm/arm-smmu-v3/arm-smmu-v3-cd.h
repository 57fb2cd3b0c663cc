/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: context descriptors, their contents and changing one while it is live.
 */
#ifndef _ARM_SMMU_V3_CD_H
#define _ARM_SMMU_V3_CD_H

#include <linux/types.h>

#include "arm-smmu-v3.h"

/**
 * struct arm_smmu_cd - one context descriptor (IHI 0070, 5.4)
 * @word: the descriptor as the hardware reads it, 64 bits at a time
 */
struct arm_smmu_cd {
	__le64 word[CTXDESC_CD_DWORDS];
};

void arm_smmu_cd_make(struct arm_smmu_cd *cd,
		      const struct arm_smmu_ctx_desc *desc, bool may_stall);
void arm_smmu_cd_make_quiet(struct arm_smmu_cd *cd,
			    const struct arm_smmu_ctx_desc *desc,
			    bool may_stall);
void arm_smmu_cd_write(struct arm_smmu_cd *live, const struct arm_smmu_cd *target,
		       void (*sync)(void *arg), void *arg);

#endif /* _ARM_SMMU_V3_CD_H */
