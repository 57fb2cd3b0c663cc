// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a guest's SMMUv3: what its device does wrong is told to the guest, exactly and
 * with its own name of the device, and blocks the device until the guest has made it right.
 * More events than the queue takes are counted, and nothing else becomes of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/expect.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "smmu_guest.h"

#define SECOND_SID	0x20
#define SMALL_DEPTH	8
/* In the page that INPUT is in, so that it must be told to the byte */
#define OFFSET		0x124
#define MAX_EVENTS	8

/* What every event about an access to this word has to say */
struct fault {
	uint8_t number;
	uint64_t addr;
	bool read;
};

/*
 * A C_BAD_ event is about a structure: it has no address (7.3). For others the address of
 * the access is in the third word. The fourth is unknown, and must not tell a secret.
 */
static bool event_fits(const struct smmu_event *event, const struct fault *fault, uint32_t sid)
{
	if (event->lost || event->number != fault->number || event->sid != sid || event->ssv ||
	    event->stall || event->s2 || event->ipa)
		return false;
	if (fault->number < SMMU_F_TRANSLATION)
		return !event->addr && !event->rnw;
	return event->class == SMMU_CLASS_IN && event->rnw == fault->read &&
	       event->addr >= fault->addr && event->addr < fault->addr + WORD_BYTES;
}

static bool events_fit(struct smmu_guest *g, const struct smmu_event *events, int nr,
		       const struct fault *fault)
{
	bool good = nr >= 1 && nr <= MAX_EVENTS;
	int i;

	for (i = 0; i < nr && i < MAX_EVENTS; i++)
		good &= event_fits(&events[i], fault, g->sid);
	if (good)
		return true;
	printf("# %d events\n", nr);
	for (i = 0; i < nr && i < MAX_EVENTS; i++)
		smmu_event_print(&events[i]);
	return false;
}

/* Access a word. A read fills a part of the device's buffer with something else */
static int access_word(struct smmu_guest *g, const struct fault *fault)
{
	if (fault->read)
		return edu_load(g->edu->regs, fault->addr, WORD_BYTES);
	return edu_store(g->edu->regs, fault->addr, WORD_BYTES);
}

static void expect_fault(struct smmu_guest *g, const struct fault *fault, const char *what)
{
	struct smmu_event events[MAX_EVENTS];

	canaries_set(g);
	tap_ok(!access_word(g, fault) && canaries_live(g, NULL), "%s: nothing is reached", what);
	tap_ok(events_fit(g, events, guest_events(g, events, MAX_EVENTS), fault),
	       "%s: the guest has the event", what);
}

static void expect_repaired(struct smmu_guest *g, const char *what)
{
	smmu_map_at(&g->s1, INPUT, data_page(g, 3));
	guest_flush(g, INPUT);
	guest_arm(g, data_page(g, 3), INPUT);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "%s: put right, it works again", what);
	tap_ok(guest_has_no_event(g), "%s: there is no other event", what);
}

static void test_translation(struct smmu_guest *g)
{
	const struct fault write = { SMMU_F_TRANSLATION, INPUT + OFFSET, false };
	const struct fault read = { SMMU_F_TRANSLATION, INPUT + OFFSET, true };
	const struct fault high = { SMMU_F_TRANSLATION, 1ULL << 47 | INPUT, false };

	tap_ok(lands(g, INPUT, data_page(g, 3)), "a page is reached");
	smmu_unmap(&g->s1, INPUT);
	guest_flush(g, INPUT);
	expect_fault(g, &write, "a write without an entry");
	expect_fault(g, &read, "a read without an entry");
	expect_fault(g, &high, "an address beyond the tables");
	expect_repaired(g, "an entry");
}

static void test_permission(struct smmu_guest *g)
{
	const struct fault write = { SMMU_F_PERMISSION, INPUT + OFFSET, false };
	uint8_t *from = data_page(g, 3), *to = data_page(g, 5);

	smmu_map_flags(&g->s1, INPUT, smmu_ipa(g->mem, from), SMMU_LEAF_READ_ONLY);
	smmu_map_at(&g->s1, INPUT_OTHER, to);
	guest_flush(g, INPUT);
	page_fill(from, PAGE_BYTES, SEED + 1);
	tap_ok(!edu_load(g->edu->regs, INPUT, EDU_MAX_BYTES) &&
	       !edu_store(g->edu->regs, INPUT_OTHER, EDU_MAX_BYTES) &&
	       !memcmp(from, to, EDU_MAX_BYTES), "a read-only page is read");
	expect_fault(g, &write, "a write to a read-only page");
	expect_repaired(g, "a read-only page");
}

/* The emulator has no hardware updates of the flag, and the descriptor does not ask for any */
static void test_access_flag(struct smmu_guest *g)
{
	const struct fault write = { SMMU_F_ACCESS, INPUT + OFFSET, false };
	uint64_t *leaf = smmu_leaf(&g->s1, INPUT);

	smmu_write(leaf, smmu_read(leaf) & ~SMMU_LEAF_ACCESSED);
	guest_flush(g, INPUT);
	expect_fault(g, &write, "a page without an access flag");
	expect_repaired(g, "the access flag");
}

static void test_address_size(struct smmu_guest *g)
{
	const struct fault write = { SMMU_F_ADDR_SIZE, INPUT + OFFSET, false };

	smmu_map(&g->s1, INPUT, 1ULL << SMMU_IPS_BITS);
	guest_flush(g, INPUT);
	expect_fault(g, &write, "an IPA of too many bits");
	expect_repaired(g, "the IPA");
}

static void test_faults(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	test_translation(g);
	test_permission(g);
	test_access_flag(g);
	test_address_size(g);
	machine_close();
}

/* The marker of guest_events() needs a structure that is right again */
static void expect_bad(struct smmu_guest *g, uint8_t number, const char *what)
{
	const struct fault fault = { .number = number };
	struct smmu_event events[MAX_EVENTS];

	tap_ok(events_fit(g, events, guest_events(g, events, MAX_EVENTS), &fault),
	       "%s: the guest has the event", what);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "%s: put right, it works again", what);
	tap_ok(guest_has_no_event(g), "%s: there is no other event", what);
}

static void test_bad_descriptor(struct smmu_guest *g, uint64_t word0, const char *what)
{
	smmu_write(&g->s1.cd[0], word0);
	must(guest_command(g, smmu_cfgi_cd(g->sid)), "invalidate the descriptor");
	tap_ok(is_blocked(g, INPUT), "%s: nothing is reached", what);
	smmu_write(&g->s1.cd[0], smmu_cd_word0(&g->s1));
	must(guest_command(g, smmu_cfgi_cd(g->sid)), "invalidate the descriptor");
	expect_bad(g, SMMU_C_BAD_CD, what);
}

/* What hardware without substreams does with it is its own business */
static void test_bad_entry(struct smmu_guest *g)
{
	const char *what = "an entry for substreams, of which there are none";
	uint64_t word0 = smmu_ste_word0(&g->s1) | 1ULL << SMMU_STE_0_S1CDMAX;
	int hwpt = must(guest_nested(g, smmu_ste(word0, SMMU_STE_1_S1)), what);
	bool blocked;

	attach(g, hwpt, "attach to it");
	blocked = is_blocked(g, INPUT);
	attach(g, g->nested, "attach to stage 1");
	if (blocked)
		expect_bad(g, SMMU_C_BAD_STE, what);
	else
		tap_ok(guest_has_no_event(g), "%s: it works, and there is no event", what);
}

static void test_structures(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "a page is reached");
	test_bad_descriptor(g, smmu_cd_word0(&g->s1) & ~SMMU_CD_0_V,
			    "a descriptor that is not valid");
	test_bad_descriptor(g, smmu_cd_word0(&g->s1) & ~SMMU_CD_0_AA64,
			    "a descriptor of another format");
	test_bad_entry(g);
	machine_close();
}

/* A fault for each few bytes of a page. All come before the event of the other device */
static void flood(struct smmu_guest *g, struct smmu_guest *other)
{
	canaries_set(g);
	tap_ok(!edu_store(g->edu->regs, INPUT_OTHER, EDU_MAX_BYTES) &&
	       !edu_store(g->edu->regs, INPUT_OTHER, EDU_MAX_BYTES) && canaries_live(g, NULL),
	       "a flood: nothing is reached");
	tap_ok(guest_has_no_event(other), "a flood: another guest sees nothing of it");
}

/* Number of the last event that was lost, 0 if something else is in the queue */
static uint32_t read_flood(struct smmu_guest *g)
{
	struct smmu_event event;
	bool good = true;
	int i;

	for (i = 0; i < SMALL_DEPTH; i++)
		good &= smmu_event_read(g->queue, &event, EVENT_MS) == 1 && !event.lost &&
			event.number == SMMU_F_TRANSLATION && event.sid == g->sid &&
			event.sequence == i && event.addr >= INPUT_OTHER &&
			event.addr < INPUT_OTHER + PAGE_BYTES;
	tap_ok(good, "a flood: as many events wait as were asked for");
	good = smmu_event_read(g->queue, &event, 0) == 1;
	if (!tap_ok(good && event.lost && event.sequence >= SMALL_DEPTH,
		    "a flood: the others are lost, and counted"))
		return 0;
	printf("# events up to %u are lost\n", event.sequence);
	return event.sequence;
}

static void test_flood(void)
{
	struct smmu_guest one, two, *g = &one;
	struct smmu_event event;
	uint32_t lost;

	machine_open(2);
	guest_begin_depth(g, SMALL_DEPTH);
	guest_begin_second(&two, g, SECOND_SID);
	attach(g, g->nested, "attach the first to its stage 1");
	attach(&two, two.nested, "attach the second to its stage 1");
	flood(g, &two);
	lost = read_flood(g);
	tap_ok(!smmu_event_read(g->queue, &event, 0), "a flood: nothing else is in the queue");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "a flood: the device works after it");
	tap_ok(lands(&two, INPUT, data_page(&two, 3)), "a flood: so does the other device");
	expect(0, guest_command(g, smmu_nh_all()), "a flood: commands work");
	tap_ok(is_blocked(g, INPUT_OTHER), "a flood: another fault");
	tap_ok(smmu_event_read(g->queue, &event, EVENT_MS) == 1 && !event.lost &&
	       event.sequence == lost + 1 && event.addr == INPUT_OTHER,
	       "a flood: has the next number");
	machine_close();
}

/* The name goes while the device is on stage 1 */
static void test_without_name(void)
{
	struct smmu_guest guest, *g = &guest;
	struct smmu_event event;

	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	tap_ok(guest_has_no_event(g), "a device with a name has no event yet");
	expect(0, object_destroy(iommufd, g->vdevice), "take the name of a device away");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "without a name: stage 1 works");
	expect(-EIO, guest_command(g, smmu_cfgi_cd(g->sid)),
	       "without a name: no command means the device");
	tap_ok(is_blocked(g, INPUT_OTHER), "without a name: a fault");
	must(vdevice_alloc(iommufd, g->viommu, g->edu->dev_id, GUEST_SID + 1, &g->vdevice),
	     "another name");
	g->sid = GUEST_SID + 1;
	attach(g, g->bypass, "attach to a bypass");
	attach(g, g->nested, "attach to stage 1 again");
	expect(0, guest_command(g, smmu_cfgi_cd(g->sid)), "another name: commands know it");
	tap_ok(guest_events(g, &event, 1) >= 0, "another name: the device has events again");
	machine_close();
}

int main(void)
{
	PART(test_faults());
	PART(test_structures());
	PART(test_flood());
	PART(test_without_name());
	return tap_end();
}
