// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA of a device whose stage 1 is a guest's and whose stage 2 is the kernel's, on an SMMUv3
 * that translates both: what the guest's tables and the kernel's both say is reached, and
 * nothing else. What the guest changes takes effect with its commands, what the kernel
 * changes at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/viommu.h"
#include "smmu_guest.h"

/* A mapping of its own in the address space, as mappings are removed whole */
#define EXTRA_IPA	0x170000000ULL
/* No mapping is there */
#define HOLE_IPA	0x178000000ULL
#define INPUT_HIGH	0x7fff12345000ULL
#define INPUT_BLOCK	0x80000000ULL
#define INPUT_EXTRA	0x40300000ULL
#define INPUT_RANGE	0x40400000ULL
#define RANGE_PAGES	4
#define SECOND_SID	0x20
#define OTHER_SEED	77

/* A write arrives in a page that is none of the guest's usual ones, and nowhere else */
static bool lands_apart(struct smmu_guest *g, uint64_t input, uint8_t *page)
{
	canaries_set(g);
	memset(page, CANARY, PAGE_BYTES);
	return !edu_store(g->edu->regs, input, EDU_MAX_BYTES) && has_pattern(page) &&
	       canaries_live(g, NULL);
}

static bool is_blocked_apart(struct smmu_guest *g, uint64_t input, uint8_t *page)
{
	memset(page, CANARY, PAGE_BYTES);
	return is_blocked(g, input) && page_is(page, PAGE_BYTES, CANARY);
}

/* Not judged: hardware may drop what it has cached at any time */
static void tell_if_cached(struct smmu_guest *g, uint64_t input, const uint8_t *old,
			   const char *command)
{
	printf("# before %s the old translation is %s\n", command,
	       lands(g, input, old) ? "still used" : "not used any more");
}

/* What is reached */

static void test_parent(struct smmu_guest *g)
{
	uint64_t ipa = smmu_ipa(g->mem, data_page(g, 3));

	expect(g->parent, cdev_attach(g->edu->fd, g->parent), "attach to the parent");
	tap_ok(lands(g, ipa, data_page(g, 3)), "on the parent: an IPA is reached");
	tap_ok(lands(g, INPUT, g->same), "on the parent: INPUT is an IPA");
	tap_ok(is_blocked(g, HOLE_IPA), "on the parent: an IPA without a mapping is blocked");
}

static void test_both_stages(struct smmu_guest *g)
{
	uint8_t *page = data_page(g, 3);
	uint64_t ipa = smmu_ipa(g->mem, page);

	tap_ok(page_phys(page) && page_phys(page) != ipa && page_phys(page) != INPUT &&
	       ipa != INPUT, "input address, IPA and physical address differ");
	expect(g->nested, cdev_attach(g->edu->fd, g->nested), "attach to stage 1");
	tap_ok(lands(g, INPUT, page), "stage 1: a write goes through both stages");
	tap_ok(is_blocked(g, ipa), "stage 1: an IPA is no input address");
	tap_ok(is_blocked(g, INPUT + PAGE_BYTES), "stage 1: the next page is not mapped");
	tap_ok(is_blocked(g, 1ULL << INPUT_BITS | INPUT),
	       "stage 1: nor is an address with a bit that is too high");
}

static void test_read(struct smmu_guest *g)
{
	uint8_t *from = data_page(g, 3), *to = data_page(g, 5);

	smmu_map_at(&g->s1, INPUT_OTHER, to);
	canaries_set(g);
	page_fill(from, PAGE_BYTES, OTHER_SEED);
	tap_ok(!edu_load(g->edu->regs, INPUT, EDU_MAX_BYTES) &&
	       !edu_store(g->edu->regs, INPUT_OTHER, EDU_MAX_BYTES) &&
	       !memcmp(from, to, EDU_MAX_BYTES), "stage 1: a read goes through both stages");
	guest_arm(g, from, INPUT);
}

/* A page of which the guest knows no more than where it is in the host's memory */
static void test_physical(struct smmu_guest *g)
{
	uint8_t *canary = page_alloc(1);
	uint64_t phys;

	must(canary ? 0 : -ENOMEM, "a page");
	phys = page_phys(canary);
	must(phys ? 0 : -EIO, "its physical address");
	tap_ok(is_blocked_apart(g, phys, canary),
	       "stage 1: a physical address is no input address");
	smmu_map(&g->s1, INPUT_OTHER + PAGE_BYTES, phys);
	tap_ok(is_blocked_apart(g, INPUT_OTHER + PAGE_BYTES, canary),
	       "stage 1: a physical address is no IPA");
	smmu_map_at(&g->s1, phys, data_page(g, 4));
	memset(canary, CANARY, PAGE_BYTES);
	tap_ok(lands(g, phys, data_page(g, 4)) && page_is(canary, PAGE_BYTES, CANARY),
	       "stage 1: an input address may be the physical one of another page");
	tap_ok(page_phys(canary) == phys, "that page did not move");
	munmap(canary, PAGE_BYTES);
}

static void flush_descriptor(struct smmu_guest *g)
{
	must(guest_command(g, smmu_cfgi_cd(g->sid)), "invalidate the context descriptor");
	must(guest_command(g, smmu_nh_all()), "invalidate all translations");
}

/* The emulator reports faults of tables in its own way, so events are not looked at */
static void test_pointers(struct smmu_guest *g)
{
	uint64_t *entry = smmu_entry(&g->s1, INPUT, SMMU_LEVEL_BLOCK), table = smmu_read(entry);

	smmu_map(&g->s1, INPUT, HOLE_IPA);
	guest_flush(g, INPUT);
	tap_ok(is_blocked(g, INPUT), "an IPA without a mapping is blocked");
	smmu_map_at(&g->s1, INPUT, data_page(g, 3));
	smmu_write(entry, HOLE_IPA | SMMU_DESC_TABLE);
	must(guest_command(g, smmu_nh_all()), "invalidate all translations");
	tap_ok(is_blocked(g, INPUT), "a table without a mapping leads nowhere");
	smmu_write(entry, table);
	must(guest_command(g, smmu_nh_all()), "invalidate all translations");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "with its table it works again");

	smmu_write(&g->s1.cd[SMMU_CD_TTB0], HOLE_IPA);
	flush_descriptor(g);
	tap_ok(is_blocked(g, INPUT), "a first table without a mapping leads nowhere");
	smmu_write(&g->s1.cd[SMMU_CD_TTB0], smmu_ipa(g->mem, g->s1.root));
	flush_descriptor(g);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "with its first table it works again");
}

static void test_translation(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	test_parent(g);
	test_both_stages(g);
	test_read(g);
	test_physical(g);
	test_pointers(g);
	machine_close();
}

static void test_lost_descriptor(struct smmu_guest *g)
{
	uint64_t word0 = SMMU_STE_0_V | SMMU_STE_CONFIG_S1 << SMMU_STE_0_CONFIG | HOLE_IPA;
	int hwpt = must(guest_nested(g, smmu_ste(word0, SMMU_STE_1_S1)),
			"a page table whose context descriptor has no mapping");

	attach(g, hwpt, "attach to it");
	tap_ok(is_blocked(g, INPUT), "a context descriptor without a mapping leads nowhere");
	attach(g, g->nested, "attach to stage 1");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "after it stage 1 works");
}

/* At the beginning, in the middle and at the end */
static void test_block(struct smmu_guest *g)
{
	static const uint64_t offsets[] = { 0, 0xff000, SMMU_BLOCK - SMMU_PAGE };
	uint8_t *block = g->mem->base + SMMU_BLOCK;
	bool good = true;
	int i;

	smmu_map_block(&g->s1, INPUT_BLOCK, GUEST_BLOCK_IPA, 0);
	memset(block, CANARY, SMMU_BLOCK);
	for (i = 0; i < 3; i++) {
		good &= lands_apart(g, INPUT_BLOCK + offsets[i], block + offsets[i]);
		memset(block + offsets[i], CANARY, PAGE_BYTES);
	}
	tap_ok(good && page_is(block, SMMU_BLOCK, CANARY), "a block of 2 MiB is reached");
	tap_ok(is_blocked(g, INPUT_BLOCK + SMMU_BLOCK), "what follows it is blocked");
	smmu_unmap_block(&g->s1, INPUT_BLOCK);
	guest_flush(g, INPUT_BLOCK);
	tap_ok(is_blocked_apart(g, INPUT_BLOCK, block), "without its entry it is blocked");
}

static void test_48_bits(struct smmu_guest *g)
{
	struct smmu_stage1 high;
	int hwpt;

	smmu_stage1_init(&high, g->mem, 48, GUEST_ASID + 1);
	smmu_map_at(&high, INPUT_HIGH, data_page(g, 2));
	hwpt = must(guest_nested(g, smmu_ste_stage1(&high)), "a page table of 48 bits");
	attach(g, hwpt, "attach to it");
	tap_ok(lands(g, INPUT_HIGH, data_page(g, 2)), "48 bits: a high address is reached");
	tap_ok(is_blocked(g, INPUT), "48 bits: what the other table has is blocked");
	attach(g, g->nested, "attach to stage 1 again");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "39 bits: that is reached again");
	tap_ok(is_blocked(g, INPUT_HIGH), "39 bits: and the high address is blocked");
}

static void test_shapes(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	test_lost_descriptor(g);
	test_block(g);
	test_48_bits(g);
	machine_close();
}

static void test_closed(struct smmu_guest *g, struct iommu_hwpt_arm_smmuv3 ste, const char *what)
{
	int hwpt = must(guest_nested(g, ste), what);

	expect(hwpt, cdev_attach(g->edu->fd, hwpt), "attach to %s", what);
	tap_ok(is_blocked(g, INPUT), "%s: nothing is reached at an input address", what);
	tap_ok(is_blocked(g, smmu_ipa(g->mem, data_page(g, 3))), "%s: nor at an IPA", what);
	attach(g, g->nested, "attach to stage 1");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "%s: stage 1 works after it", what);
	tap_ok(guest_has_no_event(g), "%s: the guest has no event", what);
}

static void test_without_stage1(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	expect(g->bypass, cdev_attach(g->edu->fd, g->bypass), "attach to a bypass");
	tap_ok(lands(g, smmu_ipa(g->mem, data_page(g, 3)), data_page(g, 3)),
	       "a bypass: an IPA is reached");
	tap_ok(lands(g, INPUT, g->same), "a bypass: INPUT is an IPA");
	tap_ok(is_blocked(g, HOLE_IPA), "a bypass: an IPA without a mapping is blocked");
	attach(g, g->nested, "attach to stage 1");
	tap_ok(guest_has_no_event(g), "a bypass: the guest has no event");

	test_closed(g, smmu_ste_config(SMMU_STE_CONFIG_ABORT), "an abort");
	test_closed(g, smmu_ste(~SMMU_STE_0_V, ~0ULL), "an entry that is not valid");
	machine_close();
}

/* What the kernel changes below the guest */

/* The page is reached at the input address until it is unmapped, and another one later */
static void test_unmapped(struct smmu_guest *g, uint64_t input, const char *on)
{
	uint8_t *page = page_alloc(1), *other = page_alloc(1);

	must(page && other ? 0 : -ENOMEM, "two pages");
	must(ioas_map_fixed(iommufd, g->ioas, page, PAGE_BYTES, EXTRA_IPA), "map a page");
	tap_ok(lands_apart(g, input, page), "%s: a page that is mapped later is reached", on);
	expect(0, ioas_unmap(iommufd, g->ioas, EXTRA_IPA, PAGE_BYTES, NULL),
	       "%s: unmap it", on);
	tap_ok(is_blocked_apart(g, input, page), "%s: it is blocked at once", on);
	must(ioas_map_fixed(iommufd, g->ioas, other, PAGE_BYTES, EXTRA_IPA), "map another");
	memset(page, CANARY, PAGE_BYTES);
	tap_ok(lands_apart(g, input, other) && page_is(page, PAGE_BYTES, CANARY),
	       "%s: a page that is mapped there then is reached", on);
	must(ioas_unmap(iommufd, g->ioas, EXTRA_IPA, PAGE_BYTES, NULL), "unmap it");
	must(ioas_map_fixed(iommufd, g->ioas, page, PAGE_BYTES, EXTRA_IPA), "map the first");
	memset(other, CANARY, PAGE_BYTES);
	tap_ok(lands_apart(g, input, page) && page_is(other, PAGE_BYTES, CANARY),
	       "%s: one page is exchanged for another at once", on);
	must(ioas_unmap(iommufd, g->ioas, EXTRA_IPA, PAGE_BYTES, NULL), "unmap it");
	munmap(page, PAGE_BYTES);
	munmap(other, PAGE_BYTES);
}

static void test_read_only(struct smmu_guest *g)
{
	uint8_t *page = page_alloc(1), *to = data_page(g, 3);
	uint64_t iova = EXTRA_IPA;

	must(page ? 0 : -ENOMEM, "a page");
	page_fill(page, PAGE_BYTES, OTHER_SEED);
	must(ioas_map(iommufd, g->ioas, page, PAGE_BYTES, &iova,
		      IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA),
	     "map a page read-only");
	canaries_set(g);
	tap_ok(!edu_load(g->edu->regs, INPUT_EXTRA, EDU_MAX_BYTES) &&
	       !edu_store(g->edu->regs, INPUT, EDU_MAX_BYTES) &&
	       !memcmp(page, to, EDU_MAX_BYTES), "the host's read-only page is read");
	guest_arm(g, to, INPUT);
	tap_ok(is_blocked_apart(g, INPUT_EXTRA, page), "but not written");
	tap_ok(guest_has_no_event(g), "that is no event of the guest");
	must(ioas_unmap(iommufd, g->ioas, EXTRA_IPA, PAGE_BYTES, NULL), "unmap it");
	munmap(page, PAGE_BYTES);
}

static void test_host_changes(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	smmu_map(&g->s1, INPUT_EXTRA, EXTRA_IPA);
	attach(g, g->nested, "attach to stage 1");
	test_unmapped(g, INPUT_EXTRA, "stage 1");
	tap_ok(guest_has_no_event(g), "what stage 2 blocks is no event of the guest");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "other pages are reached all the time");
	test_read_only(g);
	attach(g, g->bypass, "attach to a bypass");
	test_unmapped(g, EXTRA_IPA, "a bypass");
	attach(g, g->parent, "attach to the parent");
	test_unmapped(g, EXTRA_IPA, "the parent");
	machine_close();
}

/* What the guest changes */

struct way {
	const char *name;
	struct smmu_command command;
};

/* A mapping goes from one page to another one while the device is idle */
static void test_way(struct smmu_guest *g, const struct way *way)
{
	uint8_t *from = data_page(g, 2), *to = data_page(g, 6);

	smmu_map_at(&g->s1, INPUT, from);
	guest_flush(g, INPUT);
	tap_ok(lands(g, INPUT, from), "%s: the first page is reached", way->name);
	smmu_map_at(&g->s1, INPUT, to);
	tell_if_cached(g, INPUT, from, way->name);
	expect(0, guest_command(g, way->command), "%s", way->name);
	tap_ok(lands(g, INPUT, to), "%s: then the second page is", way->name);
}

static void test_removed(struct smmu_guest *g)
{
	smmu_map_at(&g->s1, INPUT, data_page(g, 3));
	guest_flush(g, INPUT);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "an entry is used");
	smmu_unmap(&g->s1, INPUT);
	tell_if_cached(g, INPUT, data_page(g, 3), "CMD_TLBI_NH_VA");
	guest_flush(g, INPUT);
	tap_ok(is_blocked(g, INPUT), "without it the page is blocked");
	smmu_map_at(&g->s1, INPUT, data_page(g, 3));
	tap_ok(lands(g, INPUT, data_page(g, 3)), "with it the page is reached again");
}

static void test_translations_invalidated(void)
{
	struct smmu_guest guest, *g = &guest;
	const struct way ways[] = {
		{ "CMD_TLBI_NH_VA", smmu_nh_va(GUEST_ASID, INPUT) },
		{ "CMD_TLBI_NH_VAA", smmu_nh_vaa(INPUT) },
		{ "CMD_TLBI_NH_ASID", smmu_nh_asid(GUEST_ASID) },
		{ "CMD_TLBI_NH_ALL", smmu_nh_all() },
		{ "CMD_TLBI_NSNH_ALL", smmu_nsnh_all() },
	};
	unsigned int i;

	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	test_removed(g);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		test_way(g, &ways[i]);
	machine_close();
}

static bool range_lands(struct smmu_guest *g, unsigned int first)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < RANGE_PAGES; i++)
		good &= lands(g, INPUT_RANGE + i * PAGE_BYTES, data_page(g, first + i));
	return good;
}

static void map_range(struct smmu_guest *g, unsigned int first)
{
	unsigned int i;

	for (i = 0; i < RANGE_PAGES; i++)
		smmu_map_at(&g->s1, INPUT_RANGE + i * PAGE_BYTES, data_page(g, first + i));
}

static void test_ranges(void)
{
	struct smmu_guest guest, *g = &guest;
	struct smmu_command one = smmu_nh_va(GUEST_ASID, INPUT_RANGE);
	struct smmu_command all = smmu_nh_vaa(INPUT_RANGE);

	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	map_range(g, 0);
	tap_ok(range_lands(g, 0), "the pages of a range are reached");
	map_range(g, 4);
	expect(0, guest_command(g, smmu_range(one, SMMU_TG_4K, RANGE_PAGES - 1, 0, 0)),
	       "a range of four pages, by NUM");
	tap_ok(range_lands(g, 4), "then other pages are");
	map_range(g, 0);
	expect(0, guest_command(g, smmu_range(all, SMMU_TG_4K, 0, 2, SMMU_LEVEL_PAGE)),
	       "a range of four pages, by SCALE and with a level");
	tap_ok(range_lands(g, 0), "then the first ones are");
	machine_close();
}

static void point_to(struct smmu_guest *g, const struct smmu_stage1 *tables)
{
	smmu_write(&g->s1.cd[SMMU_CD_TTB0], smmu_ipa(g->mem, tables->root));
}

/*
 * The descriptor goes from one page table to another of the same ASID. The translations are
 * invalidated beforehand, so that what is left can only be the descriptor.
 */
static void test_descriptor(struct smmu_guest *g, const struct way *way,
			    const struct smmu_stage1 *other, uint8_t *other_page)
{
	const struct smmu_command commands[] = { way->command, smmu_nh_asid(GUEST_ASID) };
	uint32_t nr = 2;

	tap_ok(lands(g, INPUT, data_page(g, 3)), "%s: the first table is used", way->name);
	point_to(g, other);
	must(guest_command(g, smmu_nh_asid(GUEST_ASID)), "invalidate translations");
	tell_if_cached(g, INPUT, data_page(g, 3), way->name);
	expect(0, guest_commands(g, commands, &nr), "%s and CMD_TLBI_NH_ASID", way->name);
	tap_ok(nr == 2, "%s: two commands are done", way->name);
	tap_ok(lands(g, INPUT, other_page), "%s: then the second table is used", way->name);
	point_to(g, &g->s1);
	nr = 2;
	must(guest_commands(g, commands, &nr), "invalidate both");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "%s: then the first again", way->name);
}

static void test_descriptors_invalidated(void)
{
	struct smmu_guest guest, *g = &guest;
	struct smmu_stage1 other;
	const struct way ways[] = {
		{ "CMD_CFGI_CD", smmu_cfgi_cd(GUEST_SID) },
		{ "CMD_CFGI_CD_ALL", smmu_cfgi_cd_all(GUEST_SID) },
	};

	machine_open(1);
	guest_begin(g);
	smmu_stage1_init(&other, g->mem, INPUT_BITS, GUEST_ASID);
	smmu_map_at(&other, INPUT, data_page(g, 7));
	attach(g, g->nested, "attach to stage 1");
	test_descriptor(g, &ways[0], &other, data_page(g, 7));
	test_descriptor(g, &ways[1], &other, data_page(g, 7));
	machine_close();
}

/* Two guests */

static bool both_land(struct smmu_guest *one, struct smmu_guest *two, unsigned int i,
		      unsigned int j)
{
	bool good;

	canaries_set(two);
	good = lands(one, INPUT, data_page(one, i)) && canaries_live(two, NULL);
	canaries_set(one);
	return good && lands(two, INPUT, data_page(two, j)) && canaries_live(one, NULL);
}

static void test_own_commands(struct smmu_guest *one, struct smmu_guest *two)
{
	smmu_map_at(&one->s1, INPUT, data_page(one, 1));
	smmu_map_at(&two->s1, INPUT, data_page(two, 2));
	must(guest_command(one, smmu_nsnh_all()), "invalidate the first");
	tap_ok(lands(one, INPUT, data_page(one, 1)), "two guests: the first sees its change");
	tell_if_cached(two, INPUT, data_page(two, 3), "a command of the second guest");
	must(guest_command(two, smmu_nsnh_all()), "invalidate the second");
	tap_ok(both_land(one, two, 1, 2), "two guests: then the second sees its own");
	expect(-EIO, guest_command(one, smmu_cfgi_cd(two->sid)),
	       "two guests: one cannot name the device of the other");
	expect(-EIO, guest_command(two, smmu_cfgi_cd_all(one->sid)),
	       "two guests: nor the other way round");
	expect(0, guest_command(one, smmu_cfgi_cd(one->sid)), "two guests: each names its own");
	expect(0, guest_command(two, smmu_cfgi_cd(two->sid)), "two guests: both do");
}

/* The second device has its name at the second virtual IOMMU only */
static void test_own_tables(struct smmu_guest *one, struct smmu_guest *two)
{
	expect(-ENOENT, cdev_attach(two->edu->fd, one->nested),
	       "two guests: a device without a name at the first is not attached there");
	tap_ok(both_land(one, two, 1, 2), "two guests: both devices are where they were");
}

static void test_own_events(struct smmu_guest *one, struct smmu_guest *two)
{
	struct smmu_event event = { };
	int nr;

	tap_ok(is_blocked(two, INPUT_OTHER), "two guests: the second has a fault");
	nr = guest_events(two, &event, 1);
	if (!tap_ok(nr == 1 && event.sid == two->sid && event.number == SMMU_F_TRANSLATION &&
		    event.addr == INPUT_OTHER, "two guests: it has the event") && nr > 0)
		smmu_event_print(&event);
	tap_ok(guest_has_no_event(one), "two guests: the first has none");
}

/* Both guests have the page at the same address */
static void test_shared_page(struct smmu_guest *one, struct smmu_guest *two)
{
	uint8_t *page = page_alloc(1);

	must(page ? 0 : -ENOMEM, "a page");
	must(ioas_map_fixed(iommufd, one->ioas, page, PAGE_BYTES, EXTRA_IPA), "map it");
	smmu_map(&one->s1, INPUT_EXTRA, EXTRA_IPA);
	smmu_map(&two->s1, INPUT_EXTRA, EXTRA_IPA);
	tap_ok(lands_apart(one, INPUT_EXTRA, page), "two guests: the first reaches a page");
	tap_ok(lands_apart(two, INPUT_EXTRA, page), "two guests: so does the second");
	expect(0, ioas_unmap(iommufd, one->ioas, EXTRA_IPA, PAGE_BYTES, NULL), "unmap it");
	tap_ok(is_blocked_apart(one, INPUT_EXTRA, page), "two guests: the first is blocked");
	tap_ok(is_blocked_apart(two, INPUT_EXTRA, page), "two guests: the second, too");
	munmap(page, PAGE_BYTES);
}

/* On one parent, with one ASID and the same input addresses */
static void test_two_guests(void)
{
	struct smmu_guest one, two;

	machine_open(2);
	guest_begin(&one);
	guest_begin_second(&two, &one, SECOND_SID);
	attach(&one, one.nested, "attach the first to its stage 1");
	attach(&two, two.nested, "attach the second to its stage 1");
	tap_ok(both_land(&one, &two, 3, 3), "two guests: each reaches its own page");
	test_own_commands(&one, &two);
	test_own_tables(&one, &two);
	test_own_events(&one, &two);
	test_shared_page(&one, &two);
	machine_close();
}

int main(void)
{
	PART(test_translation());
	PART(test_shapes());
	PART(test_without_stage1());
	PART(test_host_changes());
	PART(test_translations_invalidated());
	PART(test_ranges());
	PART(test_descriptors_invalidated());
	PART(test_two_guests());
	return tap_end();
}
