// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: a context descriptor that changes never means anything but the old one, the
 * new one or an invalid one, and is invalid only where there is no other way.
 *
 * look() decodes descriptors as the specification says (IHI 0070, 5.4) and shares no
 * code with the functions that make and write them.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/module.h>
#include <linux/string.h>

#include "arm-smmu-v3-cd.h"
#include "arm-smmu-v3-observer.h"

enum reach { INVALID, VALID };

static void look(const __le64 *cd, struct arm_smmu_view *view)
{
	int i;

	memset(view, 0, sizeof(*view));
	view->reach = INVALID;
	view->closed = true;
	if (!(le64_to_cpu(cd[0]) & BIT_ULL(31)))
		return;

	view->reach = VALID;
	view->closed = false;
	for (i = 0; i < 8; i++)
		view->fact[i] = le64_to_cpu(cd[i]);
	if (view->fact[0] & BIT_ULL(14)) {		/* EPD0 */
		view->fact[0] &= ~GENMASK_ULL(13, 0);
		view->fact[1] &= ~GENMASK_ULL(55, 4);
	}
	if (view->fact[0] & BIT_ULL(30)) {		/* EPD1 */
		view->fact[0] &= ~GENMASK_ULL(29, 16);
		view->fact[2] &= ~GENMASK_ULL(55, 4);
	}
}

static const struct arm_smmu_observer_ops look_ops = {
	.look	= look,
};

/* Tables and ASIDs */
#define A_TCR		(0x10ULL | 0x3500 | CTXDESC_CD_0_TCR_EPD1 | 5ULL << 32)

static const struct arm_smmu_ctx_desc spaces[] = {
	{ .asid = 1, .ttbr = 0x0000123456789000ULL, .tcr = A_TCR, .mair = 0x4404ff },
	{ .asid = 2, .ttbr = 0x0000123456789000ULL, .tcr = A_TCR, .mair = 0x4404ff },
	{ .asid = 1, .ttbr = 0x000fedcba9876000ULL, .tcr = A_TCR, .mair = 0x4404ff },
	{ .asid = 0xffff, .ttbr = 0x000fedcba9876000ULL, .tcr = A_TCR | 0x40,
	  .mair = 0xff4404 },
	{ .asid = 3, .ttbr = 0x0000000abcdef000ULL, .tcr = A_TCR, .mair = 0x4404ff },
	/* As the fourth for a descriptor that looks at no table, but for attributes */
	{ .asid = 0xffff, .ttbr = 0x0000000abcdef000ULL, .tcr = A_TCR, .mair = 0x4404ff },
	/* The upper half is translated, too, by a table in word 2 */
	{ .asid = 4, .ttbr = 0x0000000abcdef000ULL,
	  .tcr = (A_TCR & ~CTXDESC_CD_0_TCR_EPD1) | 0x10 << 16, .mair = 0x4404ff },
};

struct sample {
	char name[32];
	struct arm_smmu_cd cd;
};

struct samples {
	unsigned int nr;
	struct sample sample[2 + 4 * ARRAY_SIZE(spaces)];
	struct arm_smmu_observer eye;
};

static struct samples *make_samples(struct kunit *test)
{
	struct samples *all = kunit_kzalloc(test, sizeof(*all), GFP_KERNEL);
	unsigned int i, stall, quiet;
	struct arm_smmu_cd *cd;

	KUNIT_ASSERT_NOT_NULL(test, all);
	all->eye.ops = &look_ops;
	snprintf(all->sample[all->nr++].name, sizeof(all->sample[0].name), "none");

	/* Bits of an upper half that is not looked at, and other attributes */
	cd = &all->sample[all->nr].cd;
	arm_smmu_cd_make(cd, &spaces[0], false);
	cd->word[0] |= cpu_to_le64(0x10 << 16);
	cd->word[2] = cpu_to_le64(0x5000);
	cd->word[3] = cpu_to_le64(0xff);
	snprintf(all->sample[all->nr++].name, sizeof(all->sample[0].name), "leftovers");

	for (i = 0; i < ARRAY_SIZE(spaces); i++)
		for (stall = 0; stall < 2; stall++)
			for (quiet = 0; quiet < 2; quiet++) {
				struct sample *next = &all->sample[all->nr++];

				snprintf(next->name, sizeof(next->name), "%u%s%s", i,
					 stall ? " stall" : "", quiet ? " quiet" : "");
				if (quiet)
					arm_smmu_cd_make_quiet(&next->cd, &spaces[i], stall);
				else
					arm_smmu_cd_make(&next->cd, &spaces[i], stall);
			}
	return all;
}

static void change(struct arm_smmu_observer *eye, const struct arm_smmu_cd *from,
		   const struct arm_smmu_cd *to)
{
	arm_smmu_observe(eye, from->word, to->word);
	arm_smmu_cd_write((struct arm_smmu_cd *)eye->live, to, arm_smmu_observe_sync, eye);
}

/* From every descriptor to every other one, and to itself */
static void cd_changes_show_old_new_or_invalid(struct kunit *test)
{
	struct samples *all = make_samples(test);
	struct arm_smmu_observer *eye = &all->eye;
	unsigned int i, k;

	for (i = 0; i < all->nr; i++)
		for (k = 0; k < all->nr; k++) {
			const struct sample *from = &all->sample[i];
			const struct sample *to = &all->sample[k];

			change(eye, &from->cd, &to->cd);
			arm_smmu_observe_check(test, eye, to->cd.word, from->name, to->name);
			if (eye->saw_closed &&
			    arm_smmu_observe_orders(eye, from->cd.word, to->cd.word))
				KUNIT_FAIL(test, "%s to %s need not have been invalid",
					   from->name, to->name);
		}
}

static void expect_hitless(struct kunit *test, struct arm_smmu_observer *eye,
			   const struct arm_smmu_cd *a, const struct arm_smmu_cd *b)
{
	change(eye, a, b);
	KUNIT_EXPECT_FALSE(test, eye->saw_closed);
}

/* What the driver does while a device works */
static void cd_changes_are_hitless_where_promised(struct kunit *test)
{
	struct samples *all = make_samples(test);
	struct arm_smmu_cd cd, asid, quiet, other;

	arm_smmu_cd_make(&cd, &spaces[0], false);
	arm_smmu_cd_make(&asid, &spaces[1], false);
	arm_smmu_cd_make(&other, &spaces[3], false);
	arm_smmu_cd_make_quiet(&quiet, &spaces[0], false);

	expect_hitless(test, &all->eye, &cd, &asid);
	expect_hitless(test, &all->eye, &cd, &quiet);
	expect_hitless(test, &all->eye, &quiet, &cd);

	/* Another table: the invalid descriptor in between is seen */
	change(&all->eye, &cd, &other);
	KUNIT_EXPECT_TRUE(test, all->eye.saw_closed);
	arm_smmu_observe_careless(&all->eye, cd.word, other.word);
	KUNIT_EXPECT_GT(test, all->eye.saw_wrong, 0);
}

/* The descriptors that are made, in numbers of the specification (5.4) */
static void cd_says_what_was_asked_for(struct kunit *test)
{
	u64 common = A_TCR | BIT_ULL(31) | BIT_ULL(41) | BIT_ULL(45) | BIT_ULL(46);
	struct arm_smmu_cd cd;
	int i;

	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		common |= BIT_ULL(15);

	/* V, AA64, R, A; ASET; ASID */
	arm_smmu_cd_make(&cd, &spaces[0], false);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[0]), common | BIT_ULL(47) | 1ULL << 48);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[1]), spaces[0].ttbr);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[2]), 0ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[3]), spaces[0].mair);
	for (i = 4; i < 8; i++)
		KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[i]), 0ULL);

	/* S; EPD0, and not R */
	common |= BIT_ULL(47) | 3ULL << 48;
	arm_smmu_cd_make(&cd, &spaces[4], true);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[0]), common | BIT_ULL(44));
	arm_smmu_cd_make_quiet(&cd, &spaces[4], false);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(cd.word[0]), (common | BIT_ULL(14)) & ~BIT_ULL(45));
}

static struct kunit_case cd_cases[] = {
	KUNIT_CASE(cd_says_what_was_asked_for),
	KUNIT_CASE(cd_changes_show_old_new_or_invalid),
	KUNIT_CASE(cd_changes_are_hitless_where_promised),
	{}
};

static struct kunit_suite cd_suite = {
	.name = "iommu_smmuv3_cd",
	.test_cases = cd_cases,
};
kunit_test_suite(cd_suite);
