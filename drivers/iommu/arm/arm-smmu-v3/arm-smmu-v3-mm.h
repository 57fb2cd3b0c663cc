/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SMMUv3: the page tables of processes, as an SMMU uses them.
 */
#ifndef _ARM_SMMU_V3_MM_H
#define _ARM_SMMU_V3_MM_H

#include <linux/types.h>

struct arm_smmu_ctx_desc;
struct arm_smmu_device;

/**
 * struct arm_smmu_mm_format - how the CPUs walk the page tables of all processes
 * @va_bits: width of virtual addresses
 * @page_lg2: smallest page in bytes, as a power of two: 12, 14 or 16
 * @parange: width of physical addresses, as ID_AA64MMFR0_EL1.PARange has it
 * @mair: memory types, as MAIR_EL1 has them
 */
struct arm_smmu_mm_format {
	unsigned int va_bits;
	unsigned int page_lg2;
	unsigned int parange;
	u64 mair;
};

/**
 * struct arm_smmu_mm_range - what of an address space is invalidated in TLBs
 * @start: first address
 * @bytes: length; 0 for the whole address space
 */
struct arm_smmu_mm_range {
	unsigned long start;
	size_t bytes;
};

bool arm_smmu_mm_fits(const struct arm_smmu_device *smmu,
		      const struct arm_smmu_mm_format *format);
void arm_smmu_mm_make_desc(struct arm_smmu_ctx_desc *desc,
			   const struct arm_smmu_mm_format *format,
			   phys_addr_t pgd, u16 asid);
struct arm_smmu_mm_range arm_smmu_mm_range(unsigned long start, unsigned long end,
					   unsigned int page_lg2, bool by_range);

#endif /* _ARM_SMMU_V3_MM_H */
