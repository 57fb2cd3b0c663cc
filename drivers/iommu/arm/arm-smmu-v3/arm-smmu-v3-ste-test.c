// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: a stream table entry that changes never means anything but the old entry,
 * the new one or an abort, and is an abort only where there is no other way.
 *
 * look() decodes entries as the specification says (IHI 0070, 5.2) and shares no code
 * with the functions that make and write them. Entries with both stages come in all
 * combinations that a guest's entry may ask for.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/module.h>
#include <linux/string.h>

#include "arm-smmu-v3-observer.h"
#include "arm-smmu-v3-ste.h"

enum reach { FAULT, ABORT, BYPASS, STAGE1, STAGE2, BOTH };

static u64 bits(u64 word, int last, int first)
{
	return (word & GENMASK_ULL(last, first)) >> first;
}

static u64 keep(u64 word, int last, int first)
{
	return word & GENMASK_ULL(last, first);
}

/* How untranslated transactions leave: MemAttr, MTCFG, SHCFG */
static u64 attributes(const u64 *word)
{
	return keep(word[1], 36, 32) | keep(word[1], 45, 44);
}

static void look_at_stage1(const u64 *word, struct arm_smmu_view *view)
{
	view->fact[0] |= keep(word[0], 55, 6) | keep(word[0], 63, 59);
	view->fact[1] |= keep(word[1], 7, 2) |		/* S1CIR, S1COR, S1CSH */
			 keep(word[1], 27, 27);		/* S1STALLD */
	if (!bits(word[0], 63, 59))			/* S1CDMax */
		return;
	view->fact[0] |= keep(word[0], 5, 4);		/* S1Fmt */
	view->fact[1] |= keep(word[1], 1, 0);		/* S1DSS */
	if (bits(word[1], 1, 0) == 1)
		view->fact[1] |= attributes(word);
}

static void look_at_stage2(const u64 *word, struct arm_smmu_view *view)
{
	view->fact[1] |= keep(word[1], 11, 8) | keep(word[1], 25, 25);
	view->fact[2] |= keep(word[2], 15, 0) |		/* S2VMID */
			 (keep(word[2], 63, 32) & ~BIT_ULL(54));
	view->fact[3] |= word[3];
}

static void look(const __le64 *ste, struct arm_smmu_view *view)
{
	u64 word[8];
	int i;

	for (i = 0; i < 8; i++)
		word[i] = le64_to_cpu(ste[i]);
	memset(view, 0, sizeof(*view));
	view->reach = FAULT;
	if (!bits(word[0], 0, 0))
		return;

	view->reach = ABORT;
	view->closed = true;
	if (!bits(word[0], 3, 3))
		return;

	view->closed = false;
	/* ALLOCCFG, PRIVCFG, INSTCFG; MEV concerns no transaction */
	view->fact[1] = keep(word[1], 40, 37) | keep(word[1], 51, 48);
	for (i = 4; i < 8; i++)
		view->fact[i] = word[i];
	if (bits(word[0], 3, 1) != 4)
		view->ats = bits(word[1], 29, 28);

	switch (bits(word[0], 3, 1)) {
	case 4:
		view->reach = BYPASS;
		view->fact[1] |= attributes(word);
		break;
	case 5:
		view->reach = STAGE1;
		look_at_stage1(word, view);
		view->fact[1] |= keep(word[1], 31, 30);		/* STRW */
		if (!bits(word[1], 31, 30))
			view->fact[2] |= keep(word[2], 15, 0);	/* S2VMID */
		break;
	case 6:
		view->reach = STAGE2;
		look_at_stage2(word, view);
		view->fact[1] |= attributes(word);
		break;
	case 7:
		view->reach = BOTH;
		look_at_stage1(word, view);
		look_at_stage2(word, view);
		view->fact[2] |= keep(word[2], 54, 54);		/* S2PTW */
		break;
	}
}

static const struct arm_smmu_observer_ops look_ops = {
	.look	= look,
};

struct sample {
	char name[64];
	struct arm_smmu_ste ste;
};

struct samples {
	unsigned int nr;
	struct sample sample[96];
	struct arm_smmu_observer eye;
};

static const struct arm_smmu_cd_root tables[] = {
	{ .dma = 0x0000123456789000ULL },
	{ .dma = 0x000fedcba9876540ULL },
	{ .dma = 0x0000000abcd00000ULL, .s1cdmax_lg2 = 10 },
	{ .dma = 0x0000000123400000ULL, .s1cdmax_lg2 = 20,
	  .s1fmt = STRTAB_STE_0_S1FMT_64K_L2 },
};

static const struct arm_smmu_s2_cfg parents[] = {
	{ .vmid = 0x1234, .vttbr = 0x0000000123456000ULL, .vtcr = 0x2a95a },
	{ .vmid = 0x4321, .vttbr = 0x000fffffff000000ULL, .vtcr = 0x39550 },
};

static struct arm_smmu_ste *add(struct kunit *test, struct samples *all)
{
	KUNIT_ASSERT_LT(test, all->nr, (unsigned int)ARRAY_SIZE(all->sample));
	return &all->sample[all->nr++].ste;
}

static void name(struct samples *all, const char *what, int a, int b, int c, int d)
{
	snprintf(all->sample[all->nr - 1].name, sizeof(all->sample[0].name),
		 "%s (%d, %d, %d, %d)", what, a, b, c, d);
}

static void add_stage1(struct kunit *test, struct samples *all)
{
	static const u32 features[] = { 0, ARM_SMMU_FEAT_STALLS, ARM_SMMU_FEAT_E2H };
	unsigned int table, i, ats;

	for (table = 0; table < ARRAY_SIZE(tables); table++)
		for (i = 0; i < ARRAY_SIZE(features); i++)
			for (ats = 0; ats < 2; ats++) {
				arm_smmu_ste_make_s1(add(test, all), &tables[table],
						     features[i], 2, false, ats);
				name(all, "stage 1", table, features[i], ats, 0);
			}
}

/* Only PASIDs use the table: the other requests abort, or are not translated */
static void add_pasids_alone(struct kunit *test, struct samples *all)
{
	unsigned int s1dss;

	for (s1dss = 0; s1dss < 2; s1dss++) {
		arm_smmu_ste_make_s1(add(test, all), &tables[3], 0, s1dss, false, true);
		name(all, "stage 1 of PASIDs", s1dss, 0, 0, 0);
	}
}

static void add_stage2(struct kunit *test, struct samples *all)
{
	unsigned int parent, ats;

	for (parent = 0; parent < ARRAY_SIZE(parents); parent++)
		for (ats = 0; ats < 2; ats++) {
			arm_smmu_ste_make_s2(add(test, all), &parents[parent], ats);
			name(all, "stage 2", parent, ats, 0, 0);
		}
}

/* Bits of stage 1 beside a stage 2 that does not look at them, and another SHCFG */
static void add_leftovers(struct kunit *test, struct samples *all)
{
	struct arm_smmu_ste *ste = add(test, all);

	arm_smmu_ste_make_s2(ste, &parents[0], false);
	ste->word[0] |= cpu_to_le64(tables[3].dma | 20ULL << 59);
	ste->word[1] ^= cpu_to_le64(3ULL << 44 | 0xff | BIT_ULL(27));
	name(all, "stage 2 with leftovers", 0, 0, 0, 0);
}

/* What a guest says: Config, the table, S1DSS, EATS, S1STALLD */
static void make_guest(__le64 *guest, unsigned int table, u64 s1dss, u64 eats, bool stalld)
{
	u64 word0 = 1 | 5 << 1 | tables[table].dma |
		    (u64)tables[table].s1cdmax_lg2 << 59 |
		    (u64)tables[table].s1fmt << 4;
	u64 word1 = s1dss | 1 << 2 | 1 << 4 | 3 << 6 | (u64)stalld << 27 | eats << 28;

	guest[0] = cpu_to_le64(word0);
	guest[1] = cpu_to_le64(word1);
}

/* Stage 1 of a guest over a stage 2. Fields that only some entries use differ, too */
static void make_nested(struct arm_smmu_ste *ste, unsigned int parent,
			unsigned int table, u64 s1dss, u64 eats, bool stalld)
{
	__le64 guest[2];

	make_guest(guest, table, s1dss, eats, stalld);
	arm_smmu_ste_make_nested(ste, guest, &parents[parent], ARM_SMMU_FEAT_STALLS,
				 true, true);
	if (s1dss == 2)				/* no attributes */
		ste->word[1] &= ~cpu_to_le64(GENMASK_ULL(45, 44));
	if (table == 3)				/* no S2PTW */
		ste->word[2] &= ~cpu_to_le64(BIT_ULL(54));
}

/* A guest without stage 1, which shares its VMID with those that have it */
static void make_guest_bypass(struct arm_smmu_ste *ste, unsigned int parent)
{
	const __le64 guest[] = { cpu_to_le64(1 | 4 << 1), cpu_to_le64(1 << 28) };

	arm_smmu_ste_make_nested(ste, guest, &parents[parent], 0, false, true);
}

static void add_nested(struct kunit *test, struct samples *all)
{
	unsigned int parent, table, s1dss, eats;

	for (parent = 0; parent < ARRAY_SIZE(parents); parent++) {
		make_guest_bypass(add(test, all), parent);
		name(all, "guest's bypass", parent, 0, 0, 0);
		for (table = 1; table < ARRAY_SIZE(tables); table++)
			for (s1dss = 0; s1dss < 3; s1dss++)
				for (eats = 0; eats < 2; eats++) {
					make_nested(add(test, all), parent, table,
						    s1dss, eats, parent ^ eats);
					name(all, "nested", parent, table, s1dss, eats);
				}
	}
}

static struct samples *make_samples(struct kunit *test)
{
	struct samples *all = kunit_kzalloc(test, sizeof(*all), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, all);
	all->eye.ops = &look_ops;
	add(test, all);
	name(all, "nothing", 0, 0, 0, 0);
	arm_smmu_ste_make_abort(add(test, all));
	name(all, "abort", 0, 0, 0, 0);
	arm_smmu_ste_make_bypass(add(test, all));
	name(all, "bypass", 0, 0, 0, 0);
	add_stage1(test, all);
	add_pasids_alone(test, all);
	add_stage2(test, all);
	add_leftovers(test, all);
	add_nested(test, all);
	return all;
}

static void change(struct arm_smmu_observer *eye, const struct arm_smmu_ste *from,
		   const struct arm_smmu_ste *to)
{
	arm_smmu_observe(eye, from->word, to->word);
	arm_smmu_ste_write(eye->live, to, arm_smmu_observe_sync, eye);
}

static void check_change(struct kunit *test, struct arm_smmu_observer *eye,
			 const struct sample *from, const struct sample *to)
{
	bool closed, keeps_ats, kept_ats;

	change(eye, &from->ste, &to->ste);
	arm_smmu_observe_check(test, eye, to->ste.word, from->name, to->name);
	closed = eye->saw_closed;

	keeps_ats = arm_smmu_ste_keeps_ats(from->ste.word, &to->ste);
	kept_ats = !eye->saw_no_ats && eye->before.ats == eye->after.ats;
	KUNIT_EXPECT_TRUE_MSG(test, keeps_ats == kept_ats, "%s to %s: ATS was %s",
			      from->name, to->name, kept_ats ? "kept" : "lost");

	if (closed && arm_smmu_observe_orders(eye, from->ste.word, to->ste.word))
		KUNIT_FAIL(test, "%s to %s need not have been closed", from->name,
			   to->name);
}

/* From every entry to every other one, and to itself */
static void ste_changes_show_old_new_or_abort(struct kunit *test)
{
	struct samples *all = make_samples(test);
	unsigned int i, k;

	for (i = 0; i < all->nr; i++)
		for (k = 0; k < all->nr; k++)
			check_change(test, &all->eye, &all->sample[i], &all->sample[k]);
}

/* Every change from @a to @b and back has to take place without an abort */
static void expect_hitless(struct kunit *test, struct arm_smmu_observer *eye,
			   const struct arm_smmu_ste *a, const struct arm_smmu_ste *b)
{
	change(eye, a, b);
	KUNIT_EXPECT_FALSE(test, eye->saw_closed);
	change(eye, b, a);
	KUNIT_EXPECT_FALSE(test, eye->saw_closed);
}

/* What the driver promises, whatever else it could do */
static void ste_changes_are_hitless_where_promised(struct kunit *test)
{
	struct arm_smmu_ste bypass, s1[2], el2, s2[2], past, nested[3], pasids[3];
	struct arm_smmu_observer *eye = kunit_kzalloc(test, sizeof(*eye), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, eye);
	eye->ops = &look_ops;
	arm_smmu_ste_make_bypass(&bypass);
	arm_smmu_ste_make_s1(&s1[0], &tables[0], 0, 2, false, true);
	arm_smmu_ste_make_s1(&s1[1], &tables[1], 0, 2, false, true);
	arm_smmu_ste_make_s1(&el2, &tables[0], ARM_SMMU_FEAT_E2H, 2, false, false);
	arm_smmu_ste_make_s2(&s2[0], &parents[0], true);
	arm_smmu_ste_make_s2(&s2[1], &parents[1], true);
	make_guest_bypass(&past, 0);
	make_nested(&nested[0], 0, 2, 2, 1, false);
	make_nested(&nested[1], 0, 1, 2, 1, false);
	make_nested(&nested[2], 0, 1, 2, 0, false);

	/* What becomes of requests without a PASID does not concern the others */
	arm_smmu_ste_make_s1(&pasids[0], &tables[3], 0, 0, false, true);
	arm_smmu_ste_make_s1(&pasids[1], &tables[3], 0, 1, false, true);
	arm_smmu_ste_make_s1(&pasids[2], &tables[3], 0, 2, false, true);
	expect_hitless(test, eye, &pasids[0], &pasids[1]);
	expect_hitless(test, eye, &pasids[1], &pasids[2]);
	expect_hitless(test, eye, &pasids[2], &pasids[0]);
	KUNIT_EXPECT_TRUE(test, arm_smmu_ste_keeps_ats(pasids[0].word, &pasids[2]));

	expect_hitless(test, eye, &s1[0], &s1[1]);
	expect_hitless(test, eye, &bypass, &s1[0]);
	expect_hitless(test, eye, &bypass, &s2[0]);
	expect_hitless(test, eye, &bypass, &nested[0]);
	expect_hitless(test, eye, &past, &nested[0]);
	expect_hitless(test, eye, &past, &nested[2]);
	expect_hitless(test, eye, &nested[0], &nested[1]);
	expect_hitless(test, eye, &nested[0], &nested[2]);
	expect_hitless(test, eye, &el2, &s2[0]);
	expect_hitless(test, eye, &el2, &nested[0]);
	KUNIT_EXPECT_TRUE(test, arm_smmu_ste_keeps_ats(s1[0].word, &s1[1]));
	KUNIT_EXPECT_TRUE(test, arm_smmu_ste_keeps_ats(nested[0].word, &nested[1]));

	/* Two VMIDs: the abort between them is seen */
	change(eye, &s2[0], &s2[1]);
	KUNIT_EXPECT_TRUE(test, eye->saw_closed);
	KUNIT_EXPECT_FALSE(test, arm_smmu_ste_keeps_ats(s2[0].word, &s2[1]));
	change(eye, &s1[0], &s2[0]);
	KUNIT_EXPECT_TRUE(test, eye->saw_closed);
}

static void observer_objects_to_a_careless_writer(struct kunit *test)
{
	struct samples *all = make_samples(test);
	struct arm_smmu_ste s1, s2[2];

	arm_smmu_ste_make_s1(&s1, &tables[0], 0, 2, false, false);
	arm_smmu_ste_make_s2(&s2[0], &parents[0], false);
	arm_smmu_ste_make_s2(&s2[1], &parents[1], false);
	arm_smmu_observe_careless(&all->eye, s2[0].word, s2[1].word);
	KUNIT_EXPECT_GT(test, all->eye.saw_wrong, 0);
	KUNIT_EXPECT_FALSE(test, arm_smmu_observe_orders(&all->eye, s2[0].word,
							 s2[1].word));
	arm_smmu_observe_careless(&all->eye, s1.word, s2[0].word);
	KUNIT_EXPECT_GT(test, all->eye.saw_wrong, 0);
}

/* The entries that are made, decoded by look() */
static void ste_says_what_was_asked_for(struct kunit *test)
{
	struct arm_smmu_ste ste;
	struct arm_smmu_view view;

	arm_smmu_ste_make_abort(&ste);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.reach, (int)ABORT);
	KUNIT_EXPECT_FALSE(test, arm_smmu_ste_has_ats(&ste));

	arm_smmu_ste_make_bypass(&ste);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.reach, (int)BYPASS);
	KUNIT_EXPECT_EQ(test, view.fact[1], BIT_ULL(44));
	ste.word[1] |= cpu_to_le64(1 << 28);
	KUNIT_EXPECT_FALSE(test, arm_smmu_ste_has_ats(&ste));

	arm_smmu_ste_make_s1(&ste, &tables[3], 0, 2, false, false);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.reach, (int)STAGE1);
	KUNIT_EXPECT_EQ(test, view.fact[0], tables[3].dma | 20ULL << 59 | 2 << 4);
	KUNIT_EXPECT_EQ(test, view.fact[2], 0ULL);
	/* S1DSS substream 0, write-back tables, inner shareable, NS-EL1 */
	KUNIT_EXPECT_EQ(test, view.fact[1], 0xd6ULL);
	KUNIT_EXPECT_EQ(test, view.ats, 0ULL);

	arm_smmu_ste_make_s1(&ste, &tables[0], ARM_SMMU_FEAT_STALLS, 2, false, true);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.fact[1], 0xd4ULL | BIT_ULL(27));
	KUNIT_EXPECT_EQ(test, view.ats, 1ULL);
	KUNIT_EXPECT_TRUE(test, arm_smmu_ste_has_ats(&ste));
	arm_smmu_ste_make_s1(&ste, &tables[0], ARM_SMMU_FEAT_STALLS, 2, true, false);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.fact[1], 0xd4ULL);
	arm_smmu_ste_make_s1(&ste, &tables[0], ARM_SMMU_FEAT_E2H, 2, false, false);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.fact[1], 0xd4ULL | 2ULL << 30);

	arm_smmu_ste_make_s2(&ste, &parents[0], false);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.reach, (int)STAGE2);
	KUNIT_EXPECT_EQ(test, view.fact[3], parents[0].vttbr);
	/* S2VMID, VTCR, S2AA64, S2R; and S2PTW, which stage 2 alone does not use */
	KUNIT_EXPECT_EQ(test, view.fact[2],
			0x1234ULL | (0x2a95aULL | BIT(19) | BIT(26)) << 32);
	KUNIT_EXPECT_EQ(test, bits(le64_to_cpu(ste.word[2]), 54, 54), 1ULL);
}

static void expect_nested(struct kunit *test, u32 features, bool may_stall, bool ats,
			  bool stalld, u64 wanted)
{
	struct arm_smmu_s2_cfg cfg = parents[1];
	struct arm_smmu_view view;
	struct arm_smmu_ste ste;
	__le64 guest[2];

	cfg.fwb = ats;
	make_guest(guest, 3, 1, 1, stalld);
	arm_smmu_ste_make_nested(&ste, guest, &cfg, features, may_stall, ats);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.reach, (int)BOTH);
	KUNIT_EXPECT_EQ(test, view.fact[0], tables[3].dma | 20ULL << 59 | 2 << 4);
	/* S1DSS 1, S1CIR, S1COR, S1CSH; S2FWB, SHCFG */
	KUNIT_EXPECT_EQ(test, view.fact[1], 0xd5ULL | (u64)ats << 25 | wanted |
			BIT_ULL(44));
	KUNIT_EXPECT_EQ(test, bits(le64_to_cpu(ste.word[1]), 19, 19), 1ULL);	/* MEV */
	KUNIT_EXPECT_EQ(test, view.fact[2],
			0x4321ULL | (0x39550ULL | BIT(19) | BIT(22) | BIT(26)) << 32);
	KUNIT_EXPECT_EQ(test, view.fact[3], cfg.vttbr);
	KUNIT_EXPECT_EQ(test, view.ats, (u64)ats);
}

/* S1STALLD is illegal where nothing stalls, and forced where the device must not */
static void ste_has_what_the_guest_and_the_host_say(struct kunit *test)
{
	struct arm_smmu_view view;
	struct arm_smmu_ste ste;
	__le64 guest[2];

	expect_nested(test, 0, false, true, false, 0);
	expect_nested(test, 0, false, false, true, 0);
	expect_nested(test, ARM_SMMU_FEAT_STALLS, false, true, false, BIT_ULL(27));
	expect_nested(test, ARM_SMMU_FEAT_STALLS, true, false, false, 0);
	expect_nested(test, ARM_SMMU_FEAT_STALLS, true, true, true, BIT_ULL(27));

	/* EATS takes both */
	make_guest(guest, 1, 2, 0, false);
	arm_smmu_ste_make_nested(&ste, guest, &parents[0], 0, false, true);
	KUNIT_EXPECT_FALSE(test, arm_smmu_ste_has_ats(&ste));

	make_guest_bypass(&ste, 1);
	look(ste.word, &view);
	KUNIT_EXPECT_EQ(test, view.reach, (int)STAGE2);
	KUNIT_EXPECT_EQ(test, view.fact[2] & 0xffff, 0x4321ULL);
	KUNIT_EXPECT_EQ(test, view.fact[1], BIT_ULL(44));
	KUNIT_EXPECT_EQ(test, view.ats, 0ULL);
}

static struct kunit_case ste_cases[] = {
	KUNIT_CASE(ste_says_what_was_asked_for),
	KUNIT_CASE(ste_has_what_the_guest_and_the_host_say),
	KUNIT_CASE(ste_changes_show_old_new_or_abort),
	KUNIT_CASE(ste_changes_are_hitless_where_promised),
	KUNIT_CASE(observer_objects_to_a_careless_writer),
	{}
};

static struct kunit_suite ste_suite = {
	.name = "iommu_smmuv3_ste",
	.test_cases = ste_cases,
};
kunit_test_suite(ste_suite);

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("GPL");
