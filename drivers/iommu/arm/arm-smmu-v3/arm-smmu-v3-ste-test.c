// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: a stream table entry that changes never means anything but the old entry,
 * the new one or an abort.
 *
 * The observer below decodes entries as the specification says (IHI 0070, 5.2) and
 * shares no code with the functions that make them. Between two invalidations the
 * hardware may read each word before or after it is written, so every mixture is
 * shown to the observer.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/string.h>

#include "arm-smmu-v3-ste.h"

enum reach { FAULT, ABORT, BYPASS, STAGE1, STAGE2 };

/* Every field that determines where a transaction goes */
struct view {
	enum reach reach;
	u64 table;		/* address of the descriptors or of the table */
	u64 format;		/* fields that say how to read it */
	u64 attributes;		/* the fields of word 1 that the hardware reads */
	u16 vmid;
	bool ats;
};

static u64 bits(u64 word, int last, int first)
{
	return (word & GENMASK_ULL(last, first)) >> first;
}

static struct view look(const __le64 *ste)
{
	struct view view = { .reach = FAULT };
	u64 word[4];
	int i;

	for (i = 0; i < 4; i++)
		word[i] = le64_to_cpu(ste[i]);
	if (!bits(word[0], 0, 0))
		return view;

	switch (bits(word[0], 3, 1)) {
	case 0:
		view.reach = ABORT;
		break;
	case 4:
		view.reach = BYPASS;
		view.attributes = bits(word[1], 45, 44);	/* SHCFG */
		break;
	case 5:
		view.reach = STAGE1;
		view.table = word[0] & GENMASK_ULL(51, 6);
		view.format = bits(word[0], 63, 59) << 2 | bits(word[0], 5, 4);
		view.attributes = bits(word[1], 7, 0) |		/* S1DSS.. */
				  bits(word[1], 27, 27) << 8 |	/* S1STALLD */
				  bits(word[1], 31, 30) << 9;	/* STRW */
		view.ats = bits(word[1], 29, 28);
		view.vmid = bits(word[2], 15, 0);
		break;
	case 6:
		view.reach = STAGE2;
		view.table = word[3] & GENMASK_ULL(51, 4);
		view.format = bits(word[2], 63, 32);
		view.attributes = bits(word[1], 45, 44);
		view.ats = bits(word[1], 29, 28);
		view.vmid = bits(word[2], 15, 0);
		break;
	}
	return view;
}

static bool same(const struct view *a, const struct view *b)
{
	return a->reach == b->reach && a->table == b->table &&
	       a->format == b->format && a->attributes == b->attributes &&
	       a->vmid == b->vmid && a->ats == b->ats;
}

struct observer {
	struct kunit *test;
	const char *from, *to;
	__le64 live[STRTAB_STE_DWORDS];
	__le64 known[STRTAB_STE_DWORDS];	/* at the last invalidation */
	struct view before, after;
	bool saw_abort;
	int syncs;
};

/* Show the observer all mixtures of words of the last two invalidations */
static void observe(void *arg)
{
	struct observer *eye = arg;
	__le64 mixed[STRTAB_STE_DWORDS];
	unsigned int mask, i;

	for (mask = 0; mask < BIT(STRTAB_STE_DWORDS); mask++) {
		struct view view;

		for (i = 0; i < STRTAB_STE_DWORDS; i++)
			mixed[i] = mask & BIT(i) ? eye->live[i] : eye->known[i];
		view = look(mixed);
		if (same(&view, &eye->before) || same(&view, &eye->after))
			continue;
		if (view.reach != ABORT)
			KUNIT_FAIL(eye->test, "%s to %s: mixture %02x reads as %d",
				   eye->from, eye->to, mask, view.reach);
		eye->saw_abort = true;
	}
	memcpy(eye->known, eye->live, sizeof(eye->known));
	eye->syncs++;
}

struct sample {
	const char *name;
	struct arm_smmu_ste ste;
};

#define NR_SAMPLES 11

static void make_samples(struct sample *sample)
{
	struct arm_smmu_s1_cfg s1 = {
		.cdcfg.cdtab_dma = 0x0000123456789000ULL,
	};
	struct arm_smmu_s1_cfg other_s1 = {
		.cdcfg.cdtab_dma = 0x000fedcba9876540ULL,
		.s1cdmax = 12, .s1fmt = STRTAB_STE_0_S1FMT_64K_L2,
	};
	struct arm_smmu_s2_cfg s2 = {
		.vmid = 0x1234, .vttbr = 0x0000000123456000ULL, .vtcr = 0x2a95a,
	};
	struct arm_smmu_s2_cfg other_s2 = {
		.vmid = 0x4321, .vttbr = 0x000fffffff000000ULL, .vtcr = 0x39550,
	};
	u32 stalls = ARM_SMMU_FEAT_STALLS;

	memset(sample, 0, NR_SAMPLES * sizeof(*sample));
	sample[0].name = "nothing";
	sample[1].name = "abort";
	arm_smmu_ste_make_abort(&sample[1].ste);
	sample[2].name = "bypass";
	arm_smmu_ste_make_bypass(&sample[2].ste);
	sample[3].name = "stage 1";
	arm_smmu_ste_make_s1(&sample[3].ste, &s1, 0, false, false);
	sample[4].name = "stage 1 with substreams";
	arm_smmu_ste_make_s1(&sample[4].ste, &other_s1, 0, false, false);
	sample[5].name = "stage 1 without stalls";
	arm_smmu_ste_make_s1(&sample[5].ste, &s1, stalls, false, false);
	sample[6].name = "stage 1 with ATS";
	arm_smmu_ste_make_s1(&sample[6].ste, &other_s1, stalls, true, true);
	sample[7].name = "stage 1 of EL2";
	arm_smmu_ste_make_s1(&sample[7].ste, &s1, ARM_SMMU_FEAT_E2H, false, false);
	sample[8].name = "stage 2";
	arm_smmu_ste_make_s2(&sample[8].ste, &s2, false);
	sample[9].name = "another stage 2";
	arm_smmu_ste_make_s2(&sample[9].ste, &other_s2, false);
	sample[10].name = "stage 2 with ATS";
	arm_smmu_ste_make_s2(&sample[10].ste, &s2, true);
}

static bool change(struct kunit *test, struct observer *eye,
		   const struct sample *from, const struct sample *to)
{
	*eye = (struct observer){
		.test = test, .from = from->name, .to = to->name,
		.before = look(from->ste.word), .after = look(to->ste.word),
	};
	memcpy(eye->live, from->ste.word, sizeof(eye->live));
	memcpy(eye->known, from->ste.word, sizeof(eye->known));

	arm_smmu_ste_write(eye->live, &to->ste, observe, eye);

	KUNIT_EXPECT_EQ(test, 0, memcmp(eye->live, to->ste.word, sizeof(eye->live)));
	KUNIT_EXPECT_EQ(test, 0, memcmp(eye->known, to->ste.word, sizeof(eye->known)));
	KUNIT_EXPECT_GE(test, eye->syncs, 1);
	return !eye->saw_abort;
}

/* From every entry to every other one */
static void ste_changes_show_old_new_or_abort(struct kunit *test)
{
	struct sample *sample;
	struct observer *eye;
	int i, k;

	sample = kunit_kcalloc(test, NR_SAMPLES, sizeof(*sample), GFP_KERNEL);
	eye = kunit_kzalloc(test, sizeof(*eye), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sample);
	KUNIT_ASSERT_NOT_NULL(test, eye);
	make_samples(sample);
	for (i = 0; i < NR_SAMPLES; i++)
		for (k = 0; k < NR_SAMPLES; k++)
			change(test, eye, &sample[i], &sample[k]);
}

/* Changes without an abort in between, by the numbers above */
static const int hitless[][2] = {
	{ 3, 4 }, { 4, 3 }, { 2, 3 }, { 3, 2 }, { 2, 8 }, { 8, 2 }, { 2, 6 },
};

static void ste_changes_are_hitless_where_possible(struct kunit *test)
{
	struct sample *sample;
	struct observer *eye;
	int i;

	sample = kunit_kcalloc(test, NR_SAMPLES, sizeof(*sample), GFP_KERNEL);
	eye = kunit_kzalloc(test, sizeof(*eye), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sample);
	KUNIT_ASSERT_NOT_NULL(test, eye);
	make_samples(sample);
	for (i = 0; i < ARRAY_SIZE(hitless); i++)
		KUNIT_EXPECT_TRUE_MSG(test,
				      change(test, eye, &sample[hitless[i][0]],
					     &sample[hitless[i][1]]),
				      "%s to %s goes through an abort",
				      eye->from, eye->to);
	/* Self-check: the observer sees the abort of a change that needs one */
	KUNIT_EXPECT_FALSE(test, change(test, eye, &sample[8], &sample[9]));
}

/* The entries that are made, decoded by the observer */
static void ste_says_what_was_asked_for(struct kunit *test)
{
	struct sample *sample;
	struct view view;

	sample = kunit_kcalloc(test, NR_SAMPLES, sizeof(*sample), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sample);
	make_samples(sample);

	view = look(sample[1].ste.word);
	KUNIT_EXPECT_EQ(test, (int)view.reach, (int)ABORT);

	view = look(sample[2].ste.word);
	KUNIT_EXPECT_EQ(test, (int)view.reach, (int)BYPASS);
	KUNIT_EXPECT_EQ(test, view.attributes, 1ULL);

	view = look(sample[4].ste.word);
	KUNIT_EXPECT_EQ(test, (int)view.reach, (int)STAGE1);
	KUNIT_EXPECT_EQ(test, view.table, 0x000fedcba9876540ULL);
	KUNIT_EXPECT_EQ(test, view.format, 12ULL << 2 | 2);
	KUNIT_EXPECT_EQ(test, view.vmid, 0);
	/* S1DSS substream 0, write-back tables, inner shareable, NS-EL1 */
	KUNIT_EXPECT_EQ(test, view.attributes, 0xd6ULL);
	KUNIT_EXPECT_FALSE(test, view.ats);

	view = look(sample[5].ste.word);
	KUNIT_EXPECT_EQ(test, view.attributes, 0x1d6ULL);
	view = look(sample[6].ste.word);
	KUNIT_EXPECT_EQ(test, view.attributes, 0xd6ULL);
	KUNIT_EXPECT_TRUE(test, view.ats);
	view = look(sample[7].ste.word);
	KUNIT_EXPECT_EQ(test, view.attributes, 0x4d6ULL);

	view = look(sample[8].ste.word);
	KUNIT_EXPECT_EQ(test, (int)view.reach, (int)STAGE2);
	KUNIT_EXPECT_EQ(test, view.table, 0x0000000123456000ULL);
	KUNIT_EXPECT_EQ(test, view.vmid, 0x1234);
	/* VTCR, S2AA64, S2PTW, S2R */
	KUNIT_EXPECT_EQ(test, view.format, 0x2a95aULL | BIT(19) | BIT(22) | BIT(26));
}

static struct kunit_case ste_cases[] = {
	KUNIT_CASE(ste_says_what_was_asked_for),
	KUNIT_CASE(ste_changes_show_old_new_or_abort),
	KUNIT_CASE(ste_changes_are_hitless_where_possible),
	{}
};

static struct kunit_suite ste_suite = {
	.name = "iommu_smmuv3_ste",
	.test_cases = ste_cases,
};
kunit_test_suite(ste_suite);

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("GPL");
