// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: device table entries while and after they are blocked, decoded as the
 * specification says (48882, 2.2.2.1); which device fits which table; and tables
 * made from lists of runs.
 */
#include <kunit/test.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sizes.h>

#include "amd_iommu.h"
#include "domain.h"

enum reach { PASSES, TRANSLATES, STOPPED };

static u64 bits(u64 word, int last, int first)
{
	return (word & GENMASK_ULL(last, first)) >> first;
}

/* Where an untranslated write request ends up */
static enum reach writes_of(const u64 *dte)
{
	bool v = bits(dte[0], 0, 0), tv = bits(dte[0], 1, 1);
	bool gv = bits(dte[0], 55, 55), iw = bits(dte[0], 62, 62);
	u64 mode = bits(dte[0], 11, 9);

	if (!v)
		return PASSES;
	if (!tv)
		return STOPPED;
	if (bits(dte[1], 39, 39))	/* EX: the exclusion range */
		return PASSES;
	if (!iw)
		return STOPPED;
	return mode || gv ? TRANSLATES : PASSES;
}

static enum reach reads_of(const u64 *dte)
{
	u64 turned[4] = { dte[0], dte[1], dte[2], dte[3] };

	/* Decode reads as writes: swap IR and IW */
	turned[0] &= ~BIT_ULL(62);
	if (bits(dte[0], 61, 61))
		turned[0] |= BIT_ULL(62);
	return writes_of(turned);
}

/* Where a translated request ends up: it passes if I is set */
static enum reach translated_of(const u64 *dte)
{
	return bits(dte[1], 32, 32) ? PASSES : STOPPED;
}

static void dte_block_stops_all_dma(struct kunit *test)
{
	const u64 *root;
	int i, k;

	for (i = 0; i < 100; i++) {
		u64 dte[4], old[4];

		get_random_bytes(old, sizeof(old));
		memcpy(dte, old, sizeof(dte));
		KUNIT_EXPECT_EQ(test, amd_iommu_dte_block(dte, false),
				(u16)old[1]);

		KUNIT_EXPECT_EQ(test, (int)writes_of(dte), (int)STOPPED);
		KUNIT_EXPECT_EQ(test, (int)reads_of(dte), (int)STOPPED);
		KUNIT_EXPECT_EQ(test, (int)translated_of(dte), (int)STOPPED);
		/* And if IR and IW were set: there is a table, an empty one */
		KUNIT_EXPECT_EQ(test, bits(dte[0], 11, 9), 3ULL);
		KUNIT_EXPECT_EQ(test, bits(dte[0], 1, 0), 3ULL);
		root = iommu_phys_to_virt(dte[0] & GENMASK_ULL(51, 12));
		for (k = 0; k < 512; k++)
			KUNIT_EXPECT_EQ(test, root[k], 0ULL);
		/* Interrupts and what the firmware says of the device remain */
		KUNIT_EXPECT_EQ(test, dte[2], old[2]);
		KUNIT_EXPECT_EQ(test, dte[3], old[3]);
		KUNIT_EXPECT_EQ(test, bits(dte[1], 41, 40), bits(old[1], 41, 40));
		/* Nothing is left of a GCR3 table or a domain */
		KUNIT_EXPECT_EQ(test, bits(dte[1], 31, 0), 0ULL);
		KUNIT_EXPECT_EQ(test, bits(dte[1], 63, 42), 0ULL);
	}
}

/* The hardware may see the new first quarter with the old second one: blocked */
static void dte_block_is_safe_half_way(struct kunit *test)
{
	u64 old[4] = { 0, 0xbeef, 0x123, 0x456 }, dte[4], half[4];

	old[0] = BIT_ULL(0) | BIT_ULL(1) | 3ULL << 9 | 0x12345000 |
		 BIT_ULL(61) | BIT_ULL(62);
	KUNIT_ASSERT_EQ(test, (int)writes_of(old), (int)TRANSLATES);
	memcpy(dte, old, sizeof(dte));
	amd_iommu_dte_block(dte, true);

	memcpy(half, old, sizeof(half));
	half[0] = dte[0];
	KUNIT_EXPECT_EQ(test, (int)writes_of(half), (int)STOPPED);
	KUNIT_EXPECT_EQ(test, (int)reads_of(half), (int)STOPPED);
	half[0] = old[0];
	half[1] = dte[1];
	KUNIT_EXPECT_EQ(test, (int)writes_of(half), (int)TRANSLATES);
}

/* Erratum 63 wants IW with SysMgt=01b, which opens an entry without a table */
static void dte_block_leaves_erratum_63_blocked(struct kunit *test)
{
	u64 dte[4] = { BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(62), BIT_ULL(40) };

	KUNIT_ASSERT_EQ(test, (int)writes_of(dte), (int)PASSES);
	amd_iommu_dte_block(dte, true);
	KUNIT_EXPECT_EQ(test, (int)writes_of(dte), (int)STOPPED);
	KUNIT_EXPECT_EQ(test, bits(dte[1], 41, 40), 1ULL);
}

/* The I bit stays exactly as long as the caller still has to flush */
static void dte_block_keeps_ats_on_request(struct kunit *test)
{
	u64 dte[4] = { BIT_ULL(0) | BIT_ULL(1), BIT_ULL(32) };

	amd_iommu_dte_block(dte, true);
	KUNIT_EXPECT_EQ(test, (int)translated_of(dte), (int)PASSES);
	amd_iommu_dte_block(dte, false);
	KUNIT_EXPECT_EQ(test, (int)translated_of(dte), (int)STOPPED);
}

#define HATS(n)		((u64)(n) << 10)

static const struct fit_case {
	u64 features;		/* of the device's unit */
	u64 flags;
	int mode;
	u64 aperture_end;
	int want;
} fit_cases[] = {
	/* Made for a device: the aperture counts, for tables grow */
	{ HATS(2), PD_COMPLETE_MASK, 3, ~0ULL, 0 },
	{ HATS(1), PD_COMPLETE_MASK, 3, ~0ULL, -EINVAL },
	{ HATS(1), PD_COMPLETE_MASK, 3, GENMASK_ULL(56, 0), 0 },
	{ HATS(0) | 1, PD_COMPLETE_MASK, 3, GENMASK_ULL(56, 0), -EINVAL },
	{ HATS(0) | 1, PD_COMPLETE_MASK, 3, GENMASK_ULL(47, 0), 0 },
	{ 0, PD_COMPLETE_MASK, 3, ~0ULL, 0 },
	/* Made for a bus: as deep as it is now */
	{ HATS(0) | 1, 0, 4, ~0ULL, 0 },
	{ HATS(0) | 1, 0, 5, ~0ULL, -EINVAL },
	{ HATS(2), 0, 6, ~0ULL, 0 },
	/* Identity */
	{ HATS(0) | 1, 0, 0, ~0ULL, 0 },
	/* A guest table needs GT */
	{ HATS(0) | 1, PD_IOMMUV2_MASK, 0, ~0ULL, -EINVAL },
	{ FEATURE_GT, PD_IOMMUV2_MASK, 0, ~0ULL, 0 },
};

struct fake {
	struct device dev;
	struct dev_iommu param;
	struct amd_iommu unit;
	struct protection_domain domain;
};

static void device_fits_what_its_unit_walks(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->dev.iommu = &fake->param;
	fake->param.iommu_dev = &fake->unit.iommu;
	for (i = 0; i < ARRAY_SIZE(fit_cases); i++) {
		const struct fit_case *c = &fit_cases[i];

		fake->unit.features = c->features;
		fake->domain.flags = c->flags;
		fake->domain.domain.geometry.aperture_end = c->aperture_end;
		atomic64_set(&fake->domain.iop.pt_root, c->mode);
		KUNIT_EXPECT_EQ_MSG(test, c->want,
				    amd_iommu_device_fits(&fake->domain.domain,
							  &fake->dev,
							  IOMMU_NO_PASID),
				    "case %d", i);
	}
}

static void snoop_is_enforced_always(struct kunit *test)
{
	enum iommu_cap cap = IOMMU_CAP_ENFORCE_CACHE_COHERENCY;

	KUNIT_EXPECT_TRUE(test, amd_iommu_ops.capable(NULL, cap));
}

/* A version 1 table of three levels, of a domain that has no device */
static struct protection_domain *empty_table(struct kunit *test)
{
	struct protection_domain *domain;
	void *root = (void *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, root);
	domain = kunit_kzalloc(test, sizeof(*domain), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	spin_lock_init(&domain->lock);
	INIT_LIST_HEAD(&domain->dev_list);
	KUNIT_ASSERT_NOT_NULL(test,
			      alloc_io_pgtable_ops(AMD_IOMMU_V1,
						   &domain->iop.pgtbl_cfg,
						   domain));
	amd_iommu_domain_set_pgtable(domain, root, PAGE_MODE_3_LEVEL);
	return domain;
}

/* Number of leaves in which two tables differ, or where one has no table */
static unsigned int differences(const u64 *a, const u64 *b)
{
	unsigned int i, n = 0;

	for (i = 0; i < 512; i++) {
		u64 level = bits(a[i], 11, 9);

		if (!bits(a[i], 0, 0) || !bits(b[i], 0, 0) || !level ||
		    level == 7)
			n += a[i] != b[i];
		else
			n += (a[i] ^ b[i]) & ~GENMASK_ULL(51, 12) ? 1 :
			     differences(iommu_phys_to_virt(a[i] & GENMASK_ULL(51, 12)),
					 iommu_phys_to_virt(b[i] & GENMASK_ULL(51, 12)));
	}
	return n;
}

/* Always the largest page that IOVA, memory and length allow */
static void map_by_pages(struct kunit *test, struct io_pgtable_ops *ops,
			 u64 iova, const struct iommu_run *run, int prot)
{
	size_t done = 0, mapped, size;

	for (; done < run->len; done += size) {
		size = SZ_4K;
		while (size < SZ_1G && size * 2 <= run->len - done &&
		       !((iova + done) % (size * 2)) &&
		       !((run->phys + done) % (size * 2)))
			size *= 2;
		mapped = 0;
		KUNIT_ASSERT_EQ(test, 0,
				ops->map_pages(ops, iova + done,
					       run->phys + done, size, 1, prot,
					       GFP_KERNEL, &mapped));
	}
}

#define NR_RUNS 48

/* A list of runs makes the same table as its pages mapped one by one */
static void runs_give_the_same_table(struct kunit *test)
{
	static const size_t kinds[] = { SZ_4K, SZ_4K, SZ_64K, SZ_8M, SZ_1G };
	struct protection_domain *listed = empty_table(test);
	struct protection_domain *single = empty_table(test);
	struct io_pgtable_ops *listed_ops = &listed->iop.iop.ops;
	struct io_pgtable_ops *single_ops = &single->iop.iop.ops;
	struct iommu_run *runs;
	struct rnd_state rnd;
	int i, round;

	runs = kunit_kcalloc(test, NR_RUNS, sizeof(*runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	prandom_seed_state(&rnd, 48882);
	/* From the second round on there are tables left; the last one grows */
	for (round = 0; round < 6; round++) {
		u64 iova = round == 5 ? SZ_1G * 600ULL : SZ_2M - SZ_32K;
		int prot = (round & 1 ? IOMMU_PROT_IR : IOMMU_PROT_MASK) |
			   (round & 2 ? IOMMU_PROT_MMIO : 0);
		size_t mapped = 0, total = 0;

		for (i = 0; i < NR_RUNS; i++) {
			u64 at = iova + total;
			u32 kind = ARRAY_SIZE(kinds) - 1;

			runs[i].phys = (u64)prandom_u32_state(&rnd) << 12;
			if (prandom_u32_state(&rnd) & 1) {
				runs[i].phys += (at - runs[i].phys) & (SZ_4M - 1);
				kind++;
			}
			kind = prandom_u32_state(&rnd) % kind;
			runs[i].len = (prandom_u32_state(&rnd) %
				       (kinds[kind] / SZ_4K) + 1) * (size_t)SZ_4K;
			total += runs[i].len;
		}
		KUNIT_EXPECT_EQ(test, 0,
				listed_ops->map_runs(listed_ops, iova, runs,
						     NR_RUNS, prot, GFP_KERNEL,
						     &mapped));
		KUNIT_EXPECT_EQ(test, mapped, total);
		for (i = 0, total = 0; i < NR_RUNS; i++) {
			map_by_pages(test, single_ops, iova + total, &runs[i],
				     prot);
			total += runs[i].len;
		}
		KUNIT_EXPECT_EQ(test, listed->iop.mode, single->iop.mode);
		KUNIT_EXPECT_EQ(test, 0U, differences(listed->iop.root,
						      single->iop.root));
		listed_ops->unmap_pages(listed_ops, iova, SZ_4K, total / SZ_4K,
					NULL);
		single_ops->unmap_pages(single_ops, iova, SZ_4K, total / SZ_4K,
					NULL);
	}
	free_io_pgtable_ops(listed_ops);
	free_io_pgtable_ops(single_ops);
}

/* Entries in tables of the lowest level are cleared, and no others */
static void ranges_are_cleared_at_once(struct kunit *test)
{
	const struct iommu_run scattered = { SZ_1G + SZ_4K, SZ_8M };
	const struct iommu_run mixed[] = {
		{ SZ_4K, SZ_4K }, { SZ_16K, SZ_8K }, { SZ_64K, SZ_16K },
		{ SZ_1G, SZ_4M },
	};
	struct protection_domain *ranged = empty_table(test);
	struct protection_domain *paged = empty_table(test);
	struct io_pgtable_ops *ranged_ops = &ranged->iop.iop.ops;
	struct io_pgtable_ops *paged_ops = &paged->iop.iop.ops;
	u64 iova = SZ_1G - SZ_2M;
	struct rnd_state rnd;
	size_t at, size, mapped = 0;

	/* Pages of 4K each: an odd distance of IOVA and memory */
	KUNIT_EXPECT_EQ(test, 0,
			ranged_ops->map_runs(ranged_ops, iova, &scattered, 1,
					     IOMMU_PROT_MASK, GFP_KERNEL,
					     &mapped));
	map_by_pages(test, paged_ops, iova, &scattered, IOMMU_PROT_MASK);
	prandom_seed_state(&rnd, 48883);
	for (at = 0; at < SZ_8M; at += size) {
		size = min_t(size_t, SZ_8M - at, SZ_4K *
			     (prandom_u32_state(&rnd) %
			      (prandom_u32_state(&rnd) & 1 ? 2 : 700) + 1));
		KUNIT_EXPECT_EQ(test, size,
				ranged_ops->unmap_range(ranged_ops, iova + at,
							size));
		KUNIT_EXPECT_EQ(test, size,
				paged_ops->unmap_pages(paged_ops, iova + at,
						       SZ_4K, size / SZ_4K,
						       NULL));
		KUNIT_EXPECT_EQ(test, 0U, differences(ranged->iop.root,
						      paged->iop.root));
	}

	/* From a border of 4M: pages of 4K, 8K of 4K, 16K, 4K more; then 4M */
	iova = SZ_4M - SZ_16K - SZ_8K - SZ_4K;
	mapped = 0;
	KUNIT_EXPECT_EQ(test, 0,
			ranged_ops->map_runs(ranged_ops, iova, mixed, 4,
					     IOMMU_PROT_MASK, GFP_KERNEL,
					     &mapped));
	/* Half a page of 16K is not unmapped, */
	KUNIT_EXPECT_EQ(test, (size_t)0,
			ranged_ops->unmap_range(ranged_ops, iova, SZ_16K + SZ_4K));
	KUNIT_EXPECT_EQ(test, (size_t)0,
			ranged_ops->unmap_range(ranged_ops, SZ_4M - SZ_8K, SZ_8K));
	/* nor is a page of 4M, */
	KUNIT_EXPECT_EQ(test, (size_t)0,
			ranged_ops->unmap_range(ranged_ops, SZ_4M, SZ_2M));
	KUNIT_EXPECT_EQ(test, (u64)SZ_64K + SZ_8K,
			ranged_ops->iova_to_phys(ranged_ops, SZ_4M - SZ_8K));
	KUNIT_EXPECT_EQ(test, (u64)SZ_1G,
			ranged_ops->iova_to_phys(ranged_ops, SZ_4M));
	/* where the function stops */
	KUNIT_EXPECT_EQ(test, (size_t)SZ_16K + SZ_8K + SZ_4K,
			ranged_ops->unmap_range(ranged_ops, iova, SZ_2M));
	KUNIT_EXPECT_EQ(test, 0ULL,
			ranged_ops->iova_to_phys(ranged_ops, SZ_4M - SZ_8K));
	KUNIT_EXPECT_EQ(test, (u64)SZ_1G,
			ranged_ops->iova_to_phys(ranged_ops, SZ_4M));
	/* Beyond the range of the root there is no table */
	KUNIT_EXPECT_EQ(test, (size_t)0,
			ranged_ops->unmap_range(ranged_ops, 600ULL * SZ_1G,
						SZ_4K));
	free_io_pgtable_ops(ranged_ops);
	free_io_pgtable_ops(paged_ops);
}

/* The address of a BAR must not carry the encryption bit */
static void only_memory_is_encrypted(struct kunit *test)
{
	u64 mask = BIT_ULL(47);

	KUNIT_EXPECT_EQ(test, mask, amd_iommu_pte_enc(IOMMU_PROT_MASK, mask));
	KUNIT_EXPECT_EQ(test, mask, amd_iommu_pte_enc(IOMMU_PROT_IR, mask));
	KUNIT_EXPECT_EQ(test, 0ULL,
			amd_iommu_pte_enc(IOMMU_PROT_MASK | IOMMU_PROT_MMIO, mask));
}

static void runs_want_a_permission(struct kunit *test)
{
	const struct iommu_run run = { .phys = SZ_4K, .len = SZ_4K };
	struct protection_domain *domain = empty_table(test);
	struct io_pgtable_ops *ops = &domain->iop.iop.ops;
	size_t mapped = 0;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			ops->map_runs(ops, 0, &run, 1, 0, GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			ops->map_runs(ops, 0, &run, 1, IOMMU_PROT_MMIO,
				      GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, (size_t)0);
	free_io_pgtable_ops(ops);
}

static struct kunit_case amd_ext_cases[] = {
	KUNIT_CASE(dte_block_stops_all_dma),
	KUNIT_CASE(dte_block_is_safe_half_way),
	KUNIT_CASE(dte_block_leaves_erratum_63_blocked),
	KUNIT_CASE(dte_block_keeps_ats_on_request),
	KUNIT_CASE(device_fits_what_its_unit_walks),
	KUNIT_CASE(snoop_is_enforced_always),
	KUNIT_CASE(runs_give_the_same_table),
	KUNIT_CASE(only_memory_is_encrypted),
	KUNIT_CASE(runs_want_a_permission),
	KUNIT_CASE(ranges_are_cleared_at_once),
	{}
};

static struct kunit_suite amd_ext_suite = {
	.name = "iommu_amd_ext",
	.test_cases = amd_ext_cases,
};
kunit_test_suite(amd_ext_suite);
