// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUv3: what a guest writes never is illegal for the hardware, never names what is not the
 * guest's, and what a guest sees has no trace of the host.
 *
 * Bits are written as the specification numbers them (IHI 0070, 4.1, 5.2, 7.3), and for each
 * command a rule of its own says which may be set: all 128 are tried one by one.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/module.h>
#include <linux/string.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-guest.h"

static const struct arm_smmu_guest_limits rich = {
	.features	= ARM_SMMU_FEAT_RANGE_INV | ARM_SMMU_FEAT_ATS,
	.asid_bits	= 16,
	.ssid_bits	= 20,
};

static const struct arm_smmu_guest_limits poor = { .asid_bits = 8 };

static int check_ste(u64 word0, u64 word1, u64 *out)
{
	__le64 ste[] = { cpu_to_le64(word0), cpu_to_le64(word1) };
	int err = arm_smmu_guest_check_ste(ste);

	out[0] = le64_to_cpu(ste[0]);
	out[1] = le64_to_cpu(ste[1]);
	return err;
}

static void ste_of_a_guest_has_stage_1_only(struct kunit *test)
{
	const u64 config[] = { 0 << 1, 4 << 1, 5 << 1 };
	const u64 may[] = { GENMASK_ULL(5, 4) | GENMASK_ULL(51, 6) | GENMASK_ULL(63, 59),
			    GENMASK_ULL(7, 0) | BIT_ULL(27) };
	u64 out[2];
	int i, bit;

	for (i = 0; i < ARRAY_SIZE(config); i++) {
		u64 word0 = 1 | config[i];

		KUNIT_EXPECT_EQ(test, check_ste(word0 | may[0], may[1], out), 0);
		KUNIT_EXPECT_EQ(test, out[0], word0 | may[0]);
		KUNIT_EXPECT_EQ(test, out[1], may[1]);
		for (bit = 4; bit < 64; bit++)
			KUNIT_EXPECT_EQ_MSG(test, check_ste(word0 | BIT_ULL(bit), 0, out),
					    may[0] & BIT_ULL(bit) ? 0 : -EIO, "bit %d", bit);
		for (bit = 0; bit < 64; bit++)
			/* EATS 1 is one bit, too */
			KUNIT_EXPECT_EQ_MSG(test, check_ste(word0, BIT_ULL(bit), out),
					    may[1] & BIT_ULL(bit) || bit == 28 ? 0 : -EIO,
					    "bit %d", 64 + bit);
		KUNIT_EXPECT_EQ(test, check_ste(word0, 3 << 28, out), -EIO);
	}
	for (i = 1; i < 8; i++)
		if (i != 4 && i != 5)
			KUNIT_EXPECT_EQ(test, check_ste(1 | i << 1, 0, out), -EIO);
}

static void ste_that_is_not_valid_is_an_abort(struct kunit *test)
{
	u64 out[2] = { 1, 1 };

	KUNIT_EXPECT_EQ(test, check_ste(~1ULL, ~0ULL, out), 0);
	KUNIT_EXPECT_EQ(test, out[0], 0ULL);
	KUNIT_EXPECT_EQ(test, out[1], 0ULL);
}

/* A command as the specification has it, on hardware with everything */
struct rule {
	const char *name;
	u8 op;
	u8 becomes;
	enum arm_smmu_guest_cmd_kind kind;
	u64 kept[2];
	u64 replaced;
	/* Makes ranges legal: two pages of 4 KiB */
	u64 with[2];
};

#define FIELD_32_47	GENMASK_ULL(47, 32)
#define FIELD_32_63	GENMASK_ULL(63, 32)
#define CMD_ASID	GENMASK_ULL(63, 48)
#define CMD_SSID	GENMASK_ULL(31, 12)
#define CMD_NUM_SCALE	(GENMASK_ULL(16, 12) | GENMASK_ULL(24, 20))
#define CMD_LEAF	BIT_ULL(0)
#define CMD_TTL_TG	GENMASK_ULL(11, 8)
#define CMD_ADDR	GENMASK_ULL(63, 12)

static const struct rule rules[] = {
	{ "CFGI_CD", 0x05, 0x05, ARM_SMMU_GUEST_CFGI, { CMD_SSID, CMD_LEAF }, FIELD_32_63 },
	{ "CFGI_CD_ALL", 0x06, 0x06, ARM_SMMU_GUEST_CFGI, { 0, 0 }, FIELD_32_63 },
	{ "NH_ALL", 0x10, 0x10, ARM_SMMU_GUEST_TLBI, { 0, 0 }, FIELD_32_47 },
	{ "NH_ASID", 0x11, 0x11, ARM_SMMU_GUEST_TLBI, { CMD_ASID, 0 }, FIELD_32_47 },
	{ "NH_VA", 0x12, 0x12, ARM_SMMU_GUEST_TLBI,
	  { CMD_ASID | CMD_NUM_SCALE, CMD_LEAF | CMD_TTL_TG | CMD_ADDR }, FIELD_32_47,
	  { BIT_ULL(12), BIT_ULL(10) } },
	{ "NH_VAA", 0x13, 0x13, ARM_SMMU_GUEST_TLBI,
	  { CMD_NUM_SCALE, CMD_LEAF | CMD_TTL_TG | CMD_ADDR }, FIELD_32_47,
	  { BIT_ULL(12), BIT_ULL(10) } },
	{ "NSNH_ALL", 0x30, 0x10, ARM_SMMU_GUEST_TLBI, { 0, 0 }, 0 },
	{ "ATC_INV", 0x40, 0x40, ARM_SMMU_GUEST_ATC,
	  { BIT_ULL(9) | BIT_ULL(11) | CMD_SSID, GENMASK_ULL(5, 0) | CMD_ADDR }, FIELD_32_63,
	  { BIT_ULL(11), 0 } },
};

static int check_cmd(const struct arm_smmu_guest_limits *limits, u64 word0, u64 word1,
		     struct arm_smmu_guest_cmd *out)
{
	const __le64 cmd[] = { cpu_to_le64(word0), cpu_to_le64(word1) };

	memset(out, 0xff, sizeof(*out));
	return arm_smmu_guest_check_cmd(limits, cmd, out);
}

static void try_bit(struct kunit *test, const struct rule *rule, int bit)
{
	const u64 set[] = { bit < 64 ? BIT_ULL(bit) : 0, bit < 64 ? 0 : BIT_ULL(bit - 64) };
	const u64 word[] = { rule->op | rule->with[0] | set[0], rule->with[1] | set[1] };
	bool legal = !(set[0] & ~(rule->kept[0] | rule->replaced)) &&
		     !(set[1] & ~rule->kept[1]);
	struct arm_smmu_guest_cmd out;
	int err = check_cmd(&rich, word[0], word[1], &out);

	KUNIT_EXPECT_EQ_MSG(test, err, legal ? 0 : -EIO, "%s, bit %d", rule->name, bit);
	if (err)
		return;
	KUNIT_EXPECT_EQ_MSG(test, out.word[0],
			    rule->becomes | (word[0] & ~0xffULL & rule->kept[0]),
			    "%s, bit %d", rule->name, bit);
	KUNIT_EXPECT_EQ_MSG(test, out.word[1], word[1], "%s, bit %d", rule->name, bit);
	KUNIT_EXPECT_EQ(test, (int)out.kind, (int)rule->kind);
	KUNIT_EXPECT_EQ(test, out.virt_sid,
			rule->kind == ARM_SMMU_GUEST_TLBI ? 0 : (u32)(word[0] >> 32));
}

static void cmd_has_no_bit_beside_its_fields(struct kunit *test)
{
	int i, bit;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		for (bit = 8; bit < 128; bit++)
			try_bit(test, &rules[i], bit);
}

static void cmd_is_an_invalidation_of_stage_1(struct kunit *test)
{
	struct arm_smmu_guest_cmd out;
	int op, i, known;

	for (op = 0; op < 256; op++) {
		for (i = 0, known = 0; i < ARRAY_SIZE(rules); i++)
			known |= rules[i].op == op;
		KUNIT_EXPECT_EQ_MSG(test, check_cmd(&rich, op, 0, &out), known ? 0 : -EIO,
				    "opcode 0x%02x", op);
	}
}

/* Ranges: 4.4.1.1 */
static void cmd_has_a_range_that_is_legal(struct kunit *test)
{
	static const struct {
		u64 num, scale, tg, ttl;
		int err;
	} range[] = {
		{ 0, 0, 0, 0, 0 },
		{ 1, 0, 0, 0, -EIO },		/* a range of any granule */
		{ 0, 1, 0, 0, -EIO },
		{ 0, 0, 0, 3, -EIO },
		{ 0, 0, 1, 0, -EIO },		/* nothing but a granule */
		{ 0, 0, 2, 0, -EIO },
		{ 0, 0, 3, 0, -EIO },
		{ 1, 0, 1, 0, 0 },
		{ 0, 1, 1, 0, 0 },
		{ 31, 31, 3, 0, 0 },
		{ 0, 0, 1, 1, 0 },
		{ 0, 0, 1, 3, 0 },
		{ 0, 0, 2, 1, -EIO },		/* level 1 has no blocks of 16 KiB tables */
		{ 1, 0, 2, 1, 0 },
		{ 0, 0, 2, 2, 0 },
		{ 0, 0, 3, 1, 0 },
	};
	struct arm_smmu_guest_cmd out;
	int i, op;

	for (op = 0x12; op <= 0x13; op++)
		for (i = 0; i < ARRAY_SIZE(range); i++) {
			u64 word0 = op | range[i].num << 12 | range[i].scale << 20;
			u64 word1 = range[i].tg << 10 | range[i].ttl << 8;

			KUNIT_EXPECT_EQ_MSG(test, check_cmd(&rich, word0, word1, &out),
					    range[i].err, "op 0x%x, range %d", op, i);
			KUNIT_EXPECT_EQ_MSG(test, check_cmd(&poor, word0, word1, &out),
					    word0 == op && !word1 ? 0 : -EIO,
					    "op 0x%x without ranges, range %d", op, i);
		}
}

static void cmd_needs_what_the_hardware_has(struct kunit *test)
{
	struct arm_smmu_guest_limits no_ssid = rich;
	struct arm_smmu_guest_cmd out;

	KUNIT_EXPECT_EQ(test, check_cmd(&poor, 0x11 | 0xffULL << 48, 0, &out), 0);
	KUNIT_EXPECT_EQ(test, check_cmd(&poor, 0x11 | 0x100ULL << 48, 0, &out), -EIO);
	KUNIT_EXPECT_EQ(test, check_cmd(&poor, 0x12 | 0x100ULL << 48, 0, &out), -EIO);
	KUNIT_EXPECT_EQ(test, check_cmd(&poor, 0x05, 1, &out), 0);
	KUNIT_EXPECT_EQ(test, check_cmd(&poor, 0x05 | 1 << 12, 1, &out), -EIO);
	KUNIT_EXPECT_EQ(test, check_cmd(&poor, 0x40, 0, &out), -EIO);

	no_ssid.ssid_bits = 0;
	KUNIT_EXPECT_EQ(test, check_cmd(&no_ssid, 0x40, 52, &out), 0);
	KUNIT_EXPECT_EQ(test, check_cmd(&no_ssid, 0x40 | BIT_ULL(11), 52, &out), -EIO);
	KUNIT_EXPECT_EQ(test, check_cmd(&no_ssid, 0x40 | BIT_ULL(9), 52, &out), -EIO);
	KUNIT_EXPECT_EQ(test, check_cmd(&no_ssid, 0x40 | 1 << 12, 52, &out), -EIO);

	KUNIT_EXPECT_EQ(test, check_cmd(&rich, 0x40, 52, &out), 0);
	KUNIT_EXPECT_EQ(test, check_cmd(&rich, 0x40, 53, &out), -EIO);
	KUNIT_EXPECT_EQ(test, check_cmd(&rich, 0x40, 63, &out), -EIO);
	/* What means nothing is not passed on */
	KUNIT_EXPECT_EQ(test, check_cmd(&rich, 0x40 | 7 << 12 | BIT_ULL(9), 52, &out), 0);
	KUNIT_EXPECT_EQ(test, out.word[0], 0x40ULL);
}

static bool show(u64 word0, u64 word1, u64 word2, u64 word3, u64 *out)
{
	const u64 evt[] = { word0, word1, word2, word3 };
	__le64 shown[4];
	bool guests = arm_smmu_guest_show_event(evt, 0xabcd1234, shown);
	int i;

	for (i = 0; i < 4; i++)
		out[i] = le64_to_cpu(shown[i]);
	return guests;
}

static void event_shows_the_guests_part(struct kunit *test)
{
	const u64 faults = GENMASK_ULL(19, 16), config = BIT(4) | BIT(6) | BIT(8) | BIT(10);
	u64 out[4];
	int id;

	for (id = 0; id < 256; id++) {
		bool fault = id < 64 && faults & BIT_ULL(id);
		bool guests = fault || (id < 64 && config & BIT_ULL(id));

		/* All bits that an event can have but S2 */
		KUNIT_EXPECT_EQ_MSG(test, show(~0xffULL | id, ~BIT_ULL(39), 0x1234567890ULL,
					       ~0ULL, out),
				    guests, "event 0x%02x", id);
		if (!guests)
			continue;
		/* SSV, SSID, and the guest's ID */
		KUNIT_EXPECT_EQ(test, out[0],
				id | BIT_ULL(11) | GENMASK_ULL(31, 12) | 0xabcd1234ULL << 32);
		/* PnU, InD, RnW, CLASS; no stall, no TTRnW */
		KUNIT_EXPECT_EQ(test, out[1],
				fault ? GENMASK_ULL(35, 33) | GENMASK_ULL(41, 40) : 0);
		KUNIT_EXPECT_EQ(test, out[2], fault ? 0x1234567890ULL : 0);
		KUNIT_EXPECT_EQ(test, out[3], 0ULL);
	}
}

static void event_of_stage_2_is_the_hosts(struct kunit *test)
{
	u64 out[4];
	int id;

	for (id = 0x10; id <= 0x13; id++)
		KUNIT_EXPECT_FALSE(test, show(id, BIT_ULL(39), 0x1000, 0x2000, out));
}

static struct kunit_case guest_cases[] = {
	KUNIT_CASE(ste_of_a_guest_has_stage_1_only),
	KUNIT_CASE(ste_that_is_not_valid_is_an_abort),
	KUNIT_CASE(cmd_has_no_bit_beside_its_fields),
	KUNIT_CASE(cmd_is_an_invalidation_of_stage_1),
	KUNIT_CASE(cmd_has_a_range_that_is_legal),
	KUNIT_CASE(cmd_needs_what_the_hardware_has),
	KUNIT_CASE(event_shows_the_guests_part),
	KUNIT_CASE(event_of_stage_2_is_the_hosts),
	{}
};

static struct kunit_suite guest_suite = {
	.name = "iommu_smmuv3_guest",
	.test_cases = guest_cases,
};
kunit_test_suite(guest_suite);

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("GPL");
