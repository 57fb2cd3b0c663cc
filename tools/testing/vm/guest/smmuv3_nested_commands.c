// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of a guest's SMMUv3 that the kernel refuses. One that the hardware takes for illegal
 * would stop the command queue of all devices, so whatever is not exactly a command of
 * stage 1 is EIO. What precedes it in the same call is done, and counted.
 *
 * Sections are those of the Arm System Memory Management Unit Architecture Specification,
 * SMMU architecture version 3 (IHI 0070).
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/viommu.h"
#include "smmu_guest.h"

#define MANY		200
#define OTHER_SID	0x7777
#define TYPE		IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3
/* 6.3 */
#define IDR0_ATS	(1u << 10)
#define IDR0_ASID16	(1u << 12)
#define IDR1_SSIDSIZE	(0x1fu << 6)
#define IDR3_RIL	(1u << 10)

static struct iommu_hw_info_arm_smmuv3 info;

static void read_info(struct smmu_guest *g)
{
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .dev_id = g->edu->dev_id, .data_len = sizeof(info),
		.data_uptr = (uintptr_t)&info,
	};

	must(iommufd_call(iommufd, IOMMU_GET_HW_INFO, &arg), "registers");
}

static void begin_on_stage1(struct smmu_guest *g)
{
	machine_open(1);
	guest_begin(g);
	read_info(g);
	attach(g, g->nested, "attach to stage 1");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "the device is on stage 1");
}

/* An entry of the page table leads to another page each time */
static uint8_t *remap(struct smmu_guest *g)
{
	static unsigned int turn;
	uint8_t *page = data_page(g, turn++ % 2 ? 1 : 6);

	smmu_map_at(&g->s1, INPUT, page);
	return page;
}

/* The queue goes on, and so does the device */
static void expect_works(struct smmu_guest *g, const char *after)
{
	uint8_t *page = remap(g);

	expect(0, guest_command(g, smmu_nh_va(GUEST_ASID, INPUT)), "after %s a command works",
	       after);
	tap_ok(lands(g, INPUT, page), "after %s DMA works", after);
}

/* Whether it is refused and nothing is done */
static bool is_refused(struct smmu_guest *g, struct smmu_command command)
{
	uint32_t nr = 1;

	return guest_commands(g, &command, &nr) == -EIO && !nr;
}

/* Opcodes and bits, one by one */

static bool is_of_stage1(unsigned int op)
{
	static const uint8_t ops[] = {
		SMMU_CMD_CFGI_CD, SMMU_CMD_CFGI_CD_ALL, SMMU_CMD_NH_ALL, SMMU_CMD_NH_ASID,
		SMMU_CMD_NH_VA, SMMU_CMD_NH_VAA, SMMU_CMD_NSNH_ALL, SMMU_CMD_ATC_INV,
	};

	return memchr(ops, op, sizeof(ops));
}

/* With a stream ID that is right, in case one is looked for first */
static void test_opcodes(void)
{
	struct smmu_guest guest, *g = &guest;
	bool good = true;
	unsigned int op;

	begin_on_stage1(g);
	for (op = 0; op <= 0xff; op++) {
		if (is_of_stage1(op))
			continue;
		if (is_refused(g, smmu_words(op | (uint64_t)g->sid << SMMU_CMD_0_SID, 0)) &&
		    is_refused(g, smmu_words(op, 0)))
			continue;
		printf("# opcode %#x is not refused\n", op);
		good = false;
	}
	tap_ok(good, "all opcodes but eight are EIO");
	expect_works(g, "unknown opcodes");
	machine_close();
}

/* A command that is taken, and the bits that such a command has */
struct form {
	const char *name;
	struct smmu_command command;
	uint64_t has[2];
};

#define BITS(last, first)	((~0ULL >> (63 - (last))) & (~0ULL << (first)))

static const struct form forms[] = {
	{ "CMD_CFGI_CD", { { SMMU_CMD_CFGI_CD | (uint64_t)GUEST_SID << 32 } },
	  { BITS(7, 0) | BITS(31, 12) | BITS(63, 32), BITS(0, 0) } },
	{ "CMD_CFGI_CD_ALL", { { SMMU_CMD_CFGI_CD_ALL | (uint64_t)GUEST_SID << 32 } },
	  { BITS(7, 0) | BITS(63, 32) } },
	{ "CMD_TLBI_NH_ALL", { { SMMU_CMD_NH_ALL } }, { BITS(7, 0) | BITS(47, 32) } },
	{ "CMD_TLBI_NH_ASID", { { SMMU_CMD_NH_ASID } }, { BITS(7, 0) | BITS(63, 32) } },
	{ "CMD_TLBI_NH_VA", { { SMMU_CMD_NH_VA } },
	  { BITS(7, 0) | BITS(16, 12) | BITS(24, 20) | BITS(63, 32),
	    BITS(0, 0) | BITS(11, 8) | BITS(63, 12) } },
	{ "CMD_TLBI_NH_VAA", { { SMMU_CMD_NH_VAA } },
	  { BITS(7, 0) | BITS(16, 12) | BITS(24, 20) | BITS(47, 32),
	    BITS(0, 0) | BITS(11, 8) | BITS(63, 12) } },
	{ "CMD_TLBI_NSNH_ALL", { { SMMU_CMD_NSNH_ALL } }, { BITS(7, 0) } },
};

#define NR_FORMS	(sizeof(forms) / sizeof(forms[0]))

/* The words above are little endian on a machine that is */
static bool bits_are_refused(struct smmu_guest *g, const struct form *form)
{
	bool good = true;
	int word, bit;

	for (word = 0; word < 2; word++) {
		for (bit = 0; bit < 64; bit++) {
			struct smmu_command command = form->command;

			if (form->has[word] >> bit & 1)
				continue;
			command.word[word] |= 1ULL << bit;
			if (is_refused(g, command))
				continue;
			printf("# %s: bit %d of word %d is not refused\n", form->name, bit, word);
			good = false;
		}
	}
	return good;
}

static void test_undefined_bits(void)
{
	struct smmu_guest guest, *g = &guest;
	unsigned int i;

	begin_on_stage1(g);
	for (i = 0; i < NR_FORMS; i++) {
		expect(0, guest_command(g, forms[i].command), "%s", forms[i].name);
		tap_ok(bits_are_refused(g, &forms[i]), "%s: bits that it does not have are EIO",
		       forms[i].name);
	}
	expect_works(g, "undefined bits");
	machine_close();
}

/* The guest does not know its VMID, and none that it gives matters */
static void test_vmid(void)
{
	struct smmu_guest guest, *g = &guest;
	struct smmu_command command = smmu_with(smmu_nh_va(GUEST_ASID, INPUT),
						0x1234ULL << SMMU_CMD_0_VMID, 0);
	uint8_t *page;

	begin_on_stage1(g);
	page = remap(g);
	expect(0, guest_command(g, command), "a command with a VMID");
	tap_ok(lands(g, INPUT, page), "it is done with the right one");
	machine_close();
}

/* Commands that consist of right bits and are wrong all the same */

struct bad {
	const char *name;
	struct smmu_command command;
};

/*
 * A mapping is changed, and a command for it stands before one that is wrong and others that
 * are right. The first one is done.
 */
static void expect_bad(struct smmu_guest *g, const struct bad *bad)
{
	uint8_t *page = remap(g);
	const struct smmu_command commands[] = {
		smmu_nh_va(GUEST_ASID, INPUT), bad->command, smmu_nh_all(),
		smmu_cfgi_cd(GUEST_SID),
	};
	uint32_t nr = 4;

	expect(-EIO, guest_commands(g, commands, &nr), "%s", bad->name);
	if (!tap_ok(nr == 1, "%s: the one before it is counted", bad->name))
		printf("# wanted 1, is %u\n", nr);
	tap_ok(lands(g, INPUT, page), "%s: and done", bad->name);
	expect(0, guest_command(g, smmu_nh_all()), "%s: the next call works", bad->name);
}

static void test_wrong_commands(void)
{
	struct smmu_guest guest, *g = &guest;
	const struct smmu_command va = smmu_nh_va(GUEST_ASID, INPUT);
	const struct smmu_command cd = smmu_cfgi_cd(GUEST_SID);
	const struct bad bad[] = {
		{ "an unknown opcode", smmu_words(0xff, 0) },
		{ "no opcode", smmu_words(0, 0) },
		{ "CMD_SYNC", smmu_words(SMMU_CMD_SYNC, 0) },
		{ "CMD_CFGI_STE", smmu_words(0x03 | (uint64_t)GUEST_SID << 32, 1) },
		{ "CMD_CFGI_ALL", smmu_words(0x04, 31) },
		{ "CMD_TLBI_EL2_ALL", smmu_words(0x20, 0) },
		{ "CMD_TLBI_S12_VMALL", smmu_words(0x28, 0) },
		{ "CMD_TLBI_S2_IPA", smmu_words(0x2a, GUEST_IPA) },
		{ "SSec", smmu_with(va, SMMU_CMD_0_SSEC, 0) },
		{ "SSec of a descriptor", smmu_with(cd, SMMU_CMD_0_SSEC, 0) },
		{ "SSV of a descriptor", smmu_with(cd, SMMU_CMD_0_SSV, 0) },
		{ "an unknown stream", smmu_cfgi_cd(OTHER_SID) },
		{ "all of an unknown stream", smmu_cfgi_cd_all(OTHER_SID) },
	};
	unsigned int i;

	begin_on_stage1(g);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad(g, &bad[i]);
	machine_close();
}

/* 4.4.1.1 */
static void test_wrong_ranges(struct smmu_guest *g)
{
	const struct smmu_command va = smmu_nh_va(GUEST_ASID, INPUT);
	const struct bad bad[] = {
		{ "a granule without a range", smmu_range(va, SMMU_TG_4K, 0, 0, 0) },
		{ "a granule without a range, of all ASIDs",
		  smmu_range(smmu_nh_vaa(INPUT), SMMU_TG_64K, 0, 0, 0) },
		{ "level 1 of 16 KiB, which is none", smmu_range(va, SMMU_TG_16K, 0, 0, 1) },
		{ "NUM without a granule", smmu_range(va, SMMU_TG_ANY, 1, 0, 0) },
		{ "SCALE without a granule", smmu_range(va, SMMU_TG_ANY, 0, 1, 0) },
		{ "a level without a granule", smmu_range(va, SMMU_TG_ANY, 0, 0, 3) },
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad(g, &bad[i]);
}

static void test_right_ranges(struct smmu_guest *g)
{
	const struct smmu_command va = smmu_nh_va(GUEST_ASID, INPUT);
	const struct bad right[] = {
		{ "NUM", smmu_range(va, SMMU_TG_4K, 1, 0, 0) },
		{ "SCALE", smmu_range(va, SMMU_TG_4K, 0, 1, 0) },
		{ "a level", smmu_range(va, SMMU_TG_4K, 0, 0, SMMU_LEVEL_PAGE) },
		{ "all of them", smmu_range(va, SMMU_TG_4K, 31, 3, SMMU_LEVEL_PAGE) },
	};
	int wanted = info.idr[3] & IDR3_RIL ? 0 : -EIO;
	unsigned int i;

	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		uint8_t *page = remap(g);

		expect(wanted, guest_command(g, right[i].command), "a range by %s", right[i].name);
		if (wanted)
			guest_flush(g, INPUT);
		tap_ok(lands(g, INPUT, page), "a range by %s: DMA works", right[i].name);
	}
}

static void test_ranges(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	test_wrong_ranges(g);
	test_right_ranges(g);
	machine_close();
}

/* Fields that the hardware may have or not. In the emulator it has none of them */
static void test_optional_fields(void)
{
	struct smmu_guest guest, *g = &guest;
	const struct bad substream = {
		"a substream", smmu_with(smmu_cfgi_cd(GUEST_SID), 1ULL << SMMU_CMD_0_SSID, 0)
	};
	const struct bad atc = {
		"CMD_ATC_INV without ATS", smmu_atc_inv(GUEST_SID, INPUT, 0)
	};
	const struct bad everything = {
		"CMD_ATC_INV of everything", smmu_atc_inv(GUEST_SID, 0, 52)
	};
	const struct bad large = {
		"CMD_ATC_INV of more than everything", smmu_atc_inv(GUEST_SID, 0, 53)
	};
	const struct bad asid = { "an ASID of more bits", smmu_nh_asid(0x100) };

	begin_on_stage1(g);
	if (info.idr[1] & IDR1_SSIDSIZE)
		tap_skip(substream.name, "the SMMU has substreams");
	else
		expect_bad(g, &substream);
	if (info.idr[0] & IDR0_ATS) {
		tap_skip(atc.name, "the SMMU has ATS");
		expect(0, guest_command(g, everything.command), "%s", everything.name);
	} else {
		expect_bad(g, &atc);
		expect_bad(g, &everything);
	}
	expect_bad(g, &large);
	if (info.idr[0] & IDR0_ASID16)
		expect(0, guest_command(g, asid.command), "%s", asid.name);
	else
		expect_bad(g, &asid);
	machine_close();
}

/* How many are done */

static void fill(struct smmu_command *commands, unsigned int nr)
{
	unsigned int i;

	/* Of both kinds, which do not go to the hardware together */
	for (i = 0; i < nr; i++)
		commands[i] = i % 9 == 8 ? smmu_cfgi_cd(GUEST_SID) :
					   smmu_nh_va(GUEST_ASID, INPUT + i * PAGE_BYTES);
}

static void test_positions(void)
{
	static const unsigned int places[] = {
		0, 1, 8, 9, 62, 63, 64, 65, 126, 127, 128, 129, MANY - 1
	};
	struct smmu_command commands[MANY];
	struct smmu_guest guest, *g = &guest;
	uint32_t nr = MANY;
	unsigned int i;

	begin_on_stage1(g);
	fill(commands, MANY);
	expect(0, guest_commands(g, commands, &nr), "many commands");
	tap_ok(nr == MANY, "many commands: all are counted");
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fill(commands, MANY);
		commands[places[i]] = smmu_words(0xff, 0);
		nr = MANY;
		expect(-EIO, guest_commands(g, commands, &nr), "a wrong command after %u others",
		       places[i]);
		tap_ok(nr == places[i], "%u commands are done (%u)", places[i], nr);
	}
	expect_works(g, "many commands");
	machine_close();
}

/* Not mixed, so that whole batches go to the hardware */
static void test_long_batch(void)
{
	struct smmu_command commands[MANY];
	struct smmu_guest guest, *g = &guest;
	uint32_t nr = MANY;
	uint8_t *page;
	unsigned int i;

	begin_on_stage1(g);
	for (i = 0; i < MANY; i++)
		commands[i] = smmu_nh_va(GUEST_ASID, INPUT_OTHER + i * PAGE_BYTES);
	commands[MANY - 1] = smmu_nh_va(GUEST_ASID, INPUT);
	page = remap(g);
	expect(0, guest_commands(g, commands, &nr), "many commands of a kind");
	tap_ok(nr == MANY, "many commands of a kind: all are counted");
	tap_ok(lands(g, INPUT, page), "many commands of a kind: the last is done");
	machine_close();
}

/* The array of commands */

static int invalidate(uint32_t id, uint32_t type, const void *commands, uint32_t entry_len,
		      uint32_t *nr)
{
	return viommu_invalidate_type(iommufd, id, type, commands, entry_len, nr);
}

/* Commands that are longer than the kernel knows them */
static void test_long_entries(void)
{
	struct smmu_guest guest, *g = &guest;
	uint64_t commands[2][3] = { };
	uint32_t nr = 2;
	uint8_t *page;

	begin_on_stage1(g);
	memcpy(commands[0], smmu_nh_asid(GUEST_ASID + 1).word, 16);
	memcpy(commands[1], smmu_nh_va(GUEST_ASID, INPUT).word, 16);
	page = remap(g);
	expect(0, invalidate(g->viommu, TYPE, commands, 24, &nr), "commands of 24 bytes");
	tap_ok(nr == 2, "24 bytes: both are counted");
	tap_ok(lands(g, INPUT, page), "24 bytes: both are done");

	memcpy(commands[0], commands[1], sizeof(commands[0]));
	commands[1][2] = 1;
	nr = 2;
	page = remap(g);
	expect(-E2BIG, invalidate(g->viommu, TYPE, commands, 24, &nr),
	       "a second command with something behind it");
	tap_ok(nr == 1, "something behind the second: the first is counted");
	tap_ok(lands(g, INPUT, page), "something behind the second: the first is done");
	commands[0][2] = 1ULL << 63;
	nr = 2;
	expect(-E2BIG, invalidate(g->viommu, TYPE, commands, 24, &nr),
	       "a first command with something behind it");
	tap_ok(!nr, "something behind the first: nothing is counted");
	expect_works(g, "long commands");
	machine_close();
}

/* What they do not have is zero. CMD_TLBI_NH_ALL is its opcode */
static void test_short_entries(void)
{
	struct smmu_guest guest, *g = &guest;
	uint64_t words[2] = { smmu_nh_asid(GUEST_ASID).word[0], smmu_nh_all().word[0] };
	uint8_t ops[3] = { SMMU_CMD_NSNH_ALL, SMMU_CMD_SYNC, SMMU_CMD_NH_ALL };
	uint32_t nr = 2;
	uint8_t *page;

	begin_on_stage1(g);
	page = remap(g);
	expect(0, invalidate(g->viommu, TYPE, words, 8, &nr), "commands of 8 bytes");
	tap_ok(nr == 2, "8 bytes: both are counted");
	tap_ok(lands(g, INPUT, page), "8 bytes: both are done");
	page = remap(g);
	nr = 3;
	expect(-EIO, invalidate(g->viommu, TYPE, ops, 1, &nr), "commands of a byte");
	tap_ok(nr == 1, "a byte: one is counted");
	tap_ok(lands(g, INPUT, page), "a byte: one is done");
	machine_close();
}

static void expect_none_done(struct smmu_guest *g, int wanted, uint32_t id, uint32_t type,
			     uint32_t entry_len, uint32_t nr, const char *what)
{
	const struct smmu_command command = smmu_nh_all();

	expect(wanted, invalidate(id, type, &command, entry_len, &nr), "%s", what);
	tap_ok(!nr, "%s: nothing is counted", what);
}

static void test_array(void)
{
	struct smmu_command commands[2] = { smmu_nh_va(GUEST_ASID, INPUT), smmu_nh_all() };
	struct smmu_guest guest, *g = &guest;
	uint32_t len = sizeof(struct smmu_command), nr;
	uint8_t *page;
	void *edge;

	begin_on_stage1(g);
	expect_none_done(g, -EINVAL, g->viommu, 0, len, 1, "commands of type 0");
	expect_none_done(g, -EINVAL, g->viommu, TYPE + 1, len, 1, "commands of the next type");
	expect_none_done(g, -EINVAL, g->viommu, TYPE + 1, len, 0, "the next type, no commands");
	expect_none_done(g, 0, g->viommu, TYPE, len, 0, "no commands");
	expect_none_done(g, -EINVAL, g->viommu, TYPE, 0, 1, "commands of no length");
	expect_none_done(g, -EINVAL, g->viommu, TYPE, PAGE_BYTES + 1, 1,
			 "commands longer than a page");
	expect_none_done(g, -EINVAL, g->viommu, TYPE, len, 524289, "too many commands");
	expect_none_done(g, -ENOENT, NO_SUCH_ID, TYPE, len, 1, "commands to nothing");
	expect_none_done(g, -EINVAL, g->parent, TYPE, len, 1, "commands to the parent");
	expect_none_done(g, -EINVAL, g->vdevice, TYPE, len, 1, "commands to a name");
	expect_none_done(g, -EOPNOTSUPP, g->nested, TYPE, len, 1, "commands to a page table");

	/* The second one is not there */
	edge = before_hole(commands, sizeof(commands[0]));
	nr = 2;
	page = remap(g);
	expect(-EFAULT, invalidate(g->viommu, TYPE, edge, len, &nr),
	       "a second command that cannot be read");
	tap_ok(nr == 1, "it cannot be read: the first is counted");
	tap_ok(lands(g, INPUT, page), "it cannot be read: the first is done");
	expect_works(g, "bad arrays");
	machine_close();
}

int main(void)
{
	PART(test_opcodes());
	PART(test_undefined_bits());
	PART(test_vmid());
	PART(test_wrong_commands());
	PART(test_ranges());
	PART(test_optional_fields());
	PART(test_positions());
	PART(test_long_batch());
	PART(test_long_entries());
	PART(test_short_entries());
	PART(test_array());
	return tap_end();
}
