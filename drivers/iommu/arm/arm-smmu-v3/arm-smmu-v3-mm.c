// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: the page tables of processes, as an SMMU uses them.
 *
 * The CPUs decide on the format of these tables, so an SMMU either can walk them or not.
 * The code here uses neither registers nor memory of processes, so that it can be tested on
 * its own, on any architecture. References are to the Arm System Memory Management Unit
 * Architecture Specification, SMMU architecture version 3 (IHI 0070).
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <kunit/visibility.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-mm.h"

/* Walks are cacheable, allocate at reads and writes, as those of the CPUs (5.4: IR0, OR0) */
#define WALK_WBWA	1

/* Addresses of this many bits need no VAX, and no T0SZ below 16 (5.4) */
#define COMMON_VA_BITS	48

/* A command has 5 bits for the scale of its range (4.4.1.1) */
#define MAX_RANGE_LG2	31

/* What PARange, IDR5.OAS and CD.IPS stand for, in bits */
static const unsigned int pa_bits[] = { 32, 36, 40, 42, 44, 48, 52 };

static bool has_granule(const struct arm_smmu_device *smmu, unsigned int page_lg2)
{
	return smmu->pgsize_bitmap & BIT(page_lg2);
}

/**
 * arm_smmu_mm_fits() - tell whether an SMMU can walk the page tables of processes
 * @smmu: the SMMU, whose registers have been read
 * @format: the format of the page tables
 *
 * Processes do not clean caches for it, so it has to snoop them (IDR0.COHACC). Nor would
 * they tell it of more addresses than it can put out (IDR5.OAS).
 *
 * Context: any.
 * Return: true if so.
 */
bool arm_smmu_mm_fits(const struct arm_smmu_device *smmu,
		      const struct arm_smmu_mm_format *format)
{
	u32 needed = ARM_SMMU_FEAT_TRANS_S1 | ARM_SMMU_FEAT_COHERENCY;

	if (format->va_bits > COMMON_VA_BITS)
		needed |= ARM_SMMU_FEAT_VAX;
	return !(needed & ~smmu->features) && has_granule(smmu, format->page_lg2) &&
	       format->parange < ARRAY_SIZE(pa_bits) &&
	       smmu->oas >= pa_bits[format->parange];
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_mm_fits);

/* Granule of the lower half (5.4: TG0) */
static u64 granule(unsigned int page_lg2)
{
	switch (page_lg2) {
	case 16:
		return 1;
	case 14:
		return 2;
	default:
		return 0;
	}
}

/**
 * arm_smmu_mm_make_desc() - what a context descriptor says of a process
 * @desc: is filled
 * @format: format of its page table, which the SMMU can walk
 * @pgd: its page table
 * @asid: ASID of the SMMU
 *
 * The upper half of the addresses, which is the kernel's, is not translated (EPD1). A page
 * that has not been accessed (AF) faults, as it does on CPUs: the kernel learns which pages
 * are in use from that (AFFD=0).
 *
 * Context: any.
 */
void arm_smmu_mm_make_desc(struct arm_smmu_ctx_desc *desc,
			   const struct arm_smmu_mm_format *format,
			   phys_addr_t pgd, u16 asid)
{
	*desc = (struct arm_smmu_ctx_desc) {
		.asid	= asid,
		.ttbr	= pgd,
		.mair	= format->mair,
		.tcr	= FIELD_PREP(CTXDESC_CD_0_TCR_IPS, format->parange) |
			  FIELD_PREP(CTXDESC_CD_0_TCR_T0SZ, 64 - format->va_bits) |
			  FIELD_PREP(CTXDESC_CD_0_TCR_TG0, granule(format->page_lg2)) |
			  FIELD_PREP(CTXDESC_CD_0_TCR_SH0, ARM_SMMU_SH_ISH) |
			  FIELD_PREP(CTXDESC_CD_0_TCR_IRGN0, WALK_WBWA) |
			  FIELD_PREP(CTXDESC_CD_0_TCR_ORGN0, WALK_WBWA) |
			  CTXDESC_CD_0_TCR_EPD1,
	};
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_mm_make_desc);

/**
 * arm_smmu_mm_range() - decide how a part of an address space is invalidated
 * @start: first address
 * @end: the address behind the last one
 * @page_lg2: size of pages in bytes, as a power of two
 * @by_range: a command can be for many pages (IDR3.RIL)
 *
 * Where each page takes a command, the pages of one table of the last level are the limit:
 * the caller may hold a spinlock.
 *
 * Context: any.
 * Return: whole pages, or the whole address space if these are too many.
 */
struct arm_smmu_mm_range arm_smmu_mm_range(unsigned long start, unsigned long end,
					   unsigned int page_lg2, bool by_range)
{
	unsigned long first = start >> page_lg2, last = (end - 1) >> page_lg2;
	unsigned int max_lg2 = by_range ? MAX_RANGE_LG2 : page_lg2 - 3;
	struct arm_smmu_mm_range range = {};

	if (last - first >= BIT(max_lg2))
		return range;
	range.start = first << page_lg2;
	range.bytes = (last - first + 1) << page_lg2;
	return range;
}
EXPORT_SYMBOL_IF_KUNIT(arm_smmu_mm_range);
