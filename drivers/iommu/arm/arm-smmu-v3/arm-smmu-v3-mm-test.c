// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: which SMMU can use the page tables of processes, what its descriptors say of
 * them, and what of a TLB is invalidated when they change.
 *
 * Numbers are those of the specification (IHI 0070, 5.4 and 6.3).
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-mm.h"

/* 4K pages, 48 bits of both kinds of addresses */
static const struct arm_smmu_mm_format common = {
	.va_bits	= 48,
	.page_lg2	= 12,
	.parange	= 5,
	.mair		= 0xf0440c0400ffULL,
};

#define FEATURES	(ARM_SMMU_FEAT_TRANS_S1 | ARM_SMMU_FEAT_COHERENCY)

/**
 * struct fit - an SMMU, and page tables
 * @features: of the SMMU
 * @pages: sizes of pages that it knows
 * @oas: width of its physical addresses, in bits
 * @va_bits: of the page tables
 * @page_lg2: as @va_bits
 * @parange: as @va_bits
 * @fits: whether they do
 */
struct fit {
	u32 features;
	unsigned long pages;
	unsigned long oas;
	unsigned int va_bits;
	unsigned int page_lg2;
	unsigned int parange;
	bool fits;
};

static const struct fit fits[] = {
	{ FEATURES, SZ_4K | SZ_2M | SZ_1G, 48, 48, 12, 5, true },
	{ FEATURES | ARM_SMMU_FEAT_TRANS_S2, SZ_4K | SZ_2M, 48, 39, 12, 5, true },
	/* No stage 1; walks that do not snoop */
	{ ARM_SMMU_FEAT_TRANS_S2 | ARM_SMMU_FEAT_COHERENCY, SZ_4K, 48, 48, 12, 5, false },
	{ ARM_SMMU_FEAT_TRANS_S1, SZ_4K, 48, 48, 12, 5, false },
	/* Another granule */
	{ FEATURES, SZ_4K | SZ_64K, 48, 48, 14, 5, false },
	{ FEATURES, SZ_4K | SZ_64K, 48, 48, 16, 5, true },
	{ FEATURES, SZ_16K | SZ_64K, 48, 48, 12, 5, false },
	/* 52 bits of virtual addresses */
	{ FEATURES, SZ_64K, 48, 52, 16, 5, false },
	{ FEATURES | ARM_SMMU_FEAT_VAX, SZ_64K, 48, 52, 16, 5, true },
	/* Physical addresses as wide as those of the CPUs, in each of their widths */
	{ FEATURES, SZ_4K, 32, 48, 12, 0, true },
	{ FEATURES, SZ_4K, 32, 48, 12, 1, false },
	{ FEATURES, SZ_4K, 36, 48, 12, 1, true },
	{ FEATURES, SZ_4K, 36, 48, 12, 2, false },
	{ FEATURES, SZ_4K, 40, 48, 12, 2, true },
	{ FEATURES, SZ_4K, 40, 48, 12, 3, false },
	{ FEATURES, SZ_4K, 42, 48, 12, 3, true },
	{ FEATURES, SZ_4K, 42, 48, 12, 4, false },
	{ FEATURES, SZ_4K, 44, 48, 12, 4, true },
	{ FEATURES, SZ_4K, 44, 48, 12, 5, false },
	{ FEATURES, SZ_4K, 52, 48, 12, 5, true },
	{ FEATURES, SZ_4K, 48, 48, 12, 6, false },
	{ FEATURES, SZ_4K, 52, 48, 12, 6, true },
	/* A width that this driver does not know */
	{ FEATURES, SZ_4K, 52, 48, 12, 7, false },
	{ FEATURES, SZ_4K, 52, 48, 12, 15, false },
};

static void smmus_fit_what_they_can_walk(struct kunit *test)
{
	struct arm_smmu_device *smmu = kunit_kzalloc(test, sizeof(*smmu), GFP_KERNEL);
	struct arm_smmu_mm_format format = common;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, smmu);
	for (i = 0; i < ARRAY_SIZE(fits); i++) {
		smmu->features = fits[i].features;
		smmu->pgsize_bitmap = fits[i].pages;
		smmu->oas = fits[i].oas;
		format.va_bits = fits[i].va_bits;
		format.page_lg2 = fits[i].page_lg2;
		format.parange = fits[i].parange;
		KUNIT_EXPECT_EQ_MSG(test, arm_smmu_mm_fits(smmu, &format), fits[i].fits,
				    "row %d", i);
	}
}

/* Word 0 without what all descriptors have: V, AA64, R, A, ASET, and the endianness */
static u64 format_of(struct kunit *test, const struct arm_smmu_mm_format *format)
{
	u64 always = BIT_ULL(31) | BIT_ULL(41) | BIT_ULL(45) | BIT_ULL(46) | BIT_ULL(47);
	struct arm_smmu_ctx_desc desc;
	struct arm_smmu_cd cd;
	u64 word0;

	arm_smmu_mm_make_desc(&desc, format, 0x123456780000ULL, 0xabc);
	arm_smmu_cd_make(&cd, &desc, false);
	word0 = le64_to_cpu(cd.word[0]) & ~BIT_ULL(15);
	KUNIT_EXPECT_EQ(test, word0 & always, always);
	KUNIT_EXPECT_EQ(test, word0 >> 48, 0xabcULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[1]), 0x123456780000ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[2]), 0ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[3]), format->mair);
	return word0 & GENMASK_ULL(47, 0) & ~always;
}

/* Inner and outer write-back, inner shareable, no upper half; AFFD, HA, HD are 0 */
#define WALKS	(BIT_ULL(8) | BIT_ULL(10) | 3ULL << 12 | BIT_ULL(30))

static void descriptors_have_the_format_of_the_cpus(struct kunit *test)
{
	struct arm_smmu_mm_format format = common;

	KUNIT_EXPECT_EQ(test, format_of(test, &format), WALKS | 16 | 5ULL << 32);
	format.va_bits = 39;
	format.parange = 2;
	KUNIT_EXPECT_EQ(test, format_of(test, &format), WALKS | 25 | 2ULL << 32);
	format.page_lg2 = 14;
	KUNIT_EXPECT_EQ(test, format_of(test, &format), WALKS | 25 | 2ULL << 6 | 2ULL << 32);
	format.page_lg2 = 16;
	format.va_bits = 52;
	format.parange = 6;
	KUNIT_EXPECT_EQ(test, format_of(test, &format), WALKS | 12 | 1ULL << 6 | 6ULL << 32);
}

/* All that differs at the end of a process is in the word that is written by one store */
static void quiet_descriptors_walk_and_record_nothing(struct kunit *test)
{
	struct arm_smmu_cd cd, quiet;
	struct arm_smmu_ctx_desc desc;
	int i;

	arm_smmu_mm_make_desc(&desc, &common, 0x123456780000ULL, 7);
	arm_smmu_cd_make(&cd, &desc, true);
	arm_smmu_cd_make_quiet(&quiet, &desc, true);
	/* EPD0 is set, R is not; V, S, A and ASID stay */
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[0]) ^ le64_to_cpu(quiet.word[0]),
			BIT_ULL(14) | BIT_ULL(45));
	KUNIT_EXPECT_TRUE(test, le64_to_cpu(quiet.word[0]) & BIT_ULL(14));
	for (i = 1; i < 8; i++)
		KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[i]), le64_to_cpu(quiet.word[i]));
	/* Where stalls are not forced, nor does it stall */
	arm_smmu_cd_make_quiet(&quiet, &desc, false);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[0]) ^ le64_to_cpu(quiet.word[0]),
			BIT_ULL(14) | BIT_ULL(44) | BIT_ULL(45));
}

/**
 * struct part - part of an address space that has changed
 * @start: first address
 * @end: the one behind the last
 * @page_lg2: page in bytes, as a power of two
 * @by_range: commands are for ranges
 * @first: what is invalidated
 * @bytes: length of it; 0 for everything
 */
struct part {
	unsigned long start;
	unsigned long end;
	unsigned int page_lg2;
	bool by_range;
	unsigned long first;
	size_t bytes;
};

static const struct part parts[] = {
	{ 0x1000, 0x2000, 12, false, 0x1000, SZ_4K },
	{ 0x1000, 0x2000, 12, true, 0x1000, SZ_4K },
	{ 0, SZ_2M, 12, true, 0, SZ_2M },
	/* Pages that are touched are whole */
	{ 0x1fff, 0x2001, 12, true, 0x1000, 2 * SZ_4K },
	{ 0x1fff, 0x2000, 12, false, 0x1000, SZ_4K },
	{ 0x1fff, 0x2000, 16, false, 0, SZ_64K },
	/* One command for a page: up to a table of them */
	{ SZ_1G, SZ_1G + SZ_2M - SZ_4K, 12, false, SZ_1G, SZ_2M - SZ_4K },
	{ SZ_1G, SZ_1G + SZ_2M, 12, false, SZ_1G, SZ_2M },
	{ SZ_1G, SZ_1G + SZ_2M + 1, 12, false, 0, 0 },
	{ 0, SZ_512M, 16, false, 0, SZ_512M },
	{ 0, SZ_512M + SZ_64K, 16, false, 0, 0 },
	/* For a range: as far as a scale reaches */
	{ 0, BIT(43), 12, true, 0, BIT(43) },
	{ SZ_4K, BIT(43) + 2 * SZ_4K, 12, true, 0, 0 },
	{ BIT(47) - SZ_4K, BIT(47), 12, true, BIT(47) - SZ_4K, SZ_4K },
	/* Everything, in the words of the kernel's memory management; and nothing */
	{ 0, ULONG_MAX, 12, true, 0, 0 },
	{ 0, ULONG_MAX, 12, false, 0, 0 },
	{ 0, 0, 12, true, 0, 0 },
	{ 0x2000, 0x2000, 12, false, 0, 0 },
	{ 0x2000, 0x1000, 12, true, 0, 0 },
};

static void ranges_are_whole_pages_or_everything(struct kunit *test)
{
	struct arm_smmu_mm_range range;
	int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		range = arm_smmu_mm_range(parts[i].start, parts[i].end, parts[i].page_lg2,
					  parts[i].by_range);
		KUNIT_EXPECT_EQ_MSG(test, range.bytes, parts[i].bytes, "row %d", i);
		KUNIT_EXPECT_EQ_MSG(test, range.start, parts[i].first, "row %d", i);
	}
}

static struct kunit_case mm_cases[] = {
	KUNIT_CASE(smmus_fit_what_they_can_walk),
	KUNIT_CASE(descriptors_have_the_format_of_the_cpus),
	KUNIT_CASE(quiet_descriptors_walk_and_record_nothing),
	KUNIT_CASE(ranges_are_whole_pages_or_everything),
	{}
};

static struct kunit_suite mm_suite = {
	.name = "iommu_smmuv3_mm",
	.test_cases = mm_cases,
};
kunit_test_suite(mm_suite);
