// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device on an SMMUv3 that does DMA all the time while its page table is replaced: by those
 * of its guest, a bypass, the parent, and by those of another virtual IOMMU. Each write arrives
 * where the old or the new table says, or nowhere where the entry of the stream cannot change
 * at once. It arrives in one of the two without fail where it can: between tables of one
 * virtual IOMMU, whose VMID and stage 2 are the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/viommu.h"
#include "smmu_guest.h"

#define NR_WRITES	25
#define EXTRA_IPA	0x170000000ULL

/* A page table and where it says that INPUT is; NULL for nowhere */
struct place {
	uint32_t table;
	const uint8_t *page;
};

struct storm {
	const char *name;
	struct smmu_guest *g;
	struct place place[2];
	bool hitless;
	atomic_bool done;
	/* Of the device's writes; read when they are done */
	unsigned int nr_lost, nr_astray, nr_stuck;
	/* Of the replaces */
	unsigned int nr_replaced, nr_failed;
};

/* Bytes of the pattern that neither page has */
static unsigned int bytes_missing(const struct storm *storm)
{
	unsigned int i, j, nr = 0;

	for (i = 0; i < EDU_MAX_BYTES; i++) {
		for (j = 0; j < 2; j++)
			if (storm->place[j].page && storm->place[j].page[i] == pattern[i])
				break;
		nr += j == 2;
	}
	return nr;
}

/* Pages that both tables leave alone, and the byte behind the write */
static bool others_are_live(const struct storm *storm)
{
	struct smmu_guest *g = storm->g;
	const uint8_t *page;
	unsigned int i;

	for (i = 0; i <= DATA_PAGES; i++) {
		page = i == DATA_PAGES ? g->same : data_page(g, i);
		if (page != storm->place[0].page && page != storm->place[1].page &&
		    !page_is(page, PAGE_BYTES, CANARY))
			return false;
		if (page[EDU_MAX_BYTES] != CANARY)
			return false;
	}
	return true;
}

static void *write_all_the_time(void *arg)
{
	struct storm *storm = arg;
	int i;

	for (i = 0; i < NR_WRITES; i++) {
		canaries_set(storm->g);
		storm->nr_stuck += !!edu_store(storm->g->edu->regs, INPUT, EDU_MAX_BYTES);
		storm->nr_lost += !!bytes_missing(storm);
		storm->nr_astray += !others_are_live(storm);
	}
	atomic_store(&storm->done, true);
	return NULL;
}

/* What a guest and its VMM do meanwhile, without effect on the two pages */
static int do_something_else(struct smmu_guest *g, unsigned int turn, void *extra)
{
	const struct smmu_command commands[] = {
		smmu_cfgi_cd(g->sid), smmu_nh_asid(g->s1.asid), smmu_nsnh_all(),
	};
	uint32_t nr = 3;

	switch (turn % 3) {
	case 0:
		return guest_commands(g, commands, &nr);
	case 1:
		return ioas_map_fixed(iommufd, g->ioas, extra, PAGE_BYTES, EXTRA_IPA);
	default:
		return ioas_unmap(iommufd, g->ioas, EXTRA_IPA, PAGE_BYTES, NULL);
	}
}

static void replace_until_done(struct storm *storm, void *extra)
{
	struct smmu_guest *g = storm->g;
	unsigned int turn = 0;
	bool mapped;

	while (!atomic_load(&storm->done)) {
		storm->nr_failed += cdev_attach(g->edu->fd, storm->place[turn % 2].table) < 0;
		storm->nr_replaced++;
		storm->nr_failed += !!do_something_else(g, turn++, extra);
	}
	/* Turn 1 of 3 maps and turn 2 unmaps */
	mapped = turn % 3 == 2;
	if (mapped)
		do_something_else(g, turn, extra);
}

static void judge(const struct storm *storm)
{
	printf("# %s: %u replaces, %u of %d writes are lost\n", storm->name, storm->nr_replaced,
	       storm->nr_lost, NR_WRITES);
	tap_ok(!storm->nr_failed, "%s: every call succeeds", storm->name);
	tap_ok(!storm->nr_stuck, "%s: every write comes to an end", storm->name);
	tap_ok(!storm->nr_astray, "%s: none arrives elsewhere", storm->name);
	if (storm->hitless)
		tap_ok(!storm->nr_lost, "%s: none is lost", storm->name);
}

/* At rest each table is what it was */
static void judge_places(const struct storm *storm)
{
	struct smmu_guest *g = storm->g;
	int i;

	for (i = 0; i < 2; i++) {
		must(cdev_attach(g->edu->fd, storm->place[i].table), "attach at rest");
		tap_ok(storm->place[i].page ? lands(g, INPUT, storm->place[i].page) :
		       is_blocked(g, INPUT), "%s: table %d is right afterwards", storm->name, i);
	}
}

/* No must() while the thread runs, which uses what is on this stack */
static void run(struct storm *storm)
{
	uint8_t *extra = page_alloc(1);
	pthread_t writer;

	must(extra ? 0 : -ENOMEM, "a page");
	must(cdev_attach(storm->g->edu->fd, storm->place[0].table), "attach at first");
	must(-pthread_create(&writer, NULL, write_all_the_time, storm), "a thread");
	replace_until_done(storm, extra);
	pthread_join(writer, NULL);
	judge(storm);
	judge_places(storm);
	must(cdev_attach(storm->g->edu->fd, storm->g->parent), "attach to the parent");
}

static void test_one_viommu(struct smmu_guest *g)
{
	const struct place stage1 = { g->nested, data_page(g, 3) };
	const struct place bypass = { g->bypass, g->same };
	struct place other = { .page = data_page(g, 5) }, closed = { };
	struct smmu_stage1 tables;

	smmu_stage1_init(&tables, g->mem, INPUT_BITS, GUEST_ASID + 1);
	smmu_map_at(&tables, INPUT, other.page);
	other.table = must(guest_nested(g, smmu_ste_stage1(&tables)), "other tables");
	closed.table = must(guest_nested(g, smmu_ste_config(SMMU_STE_CONFIG_ABORT)), "an abort");

	run(&(struct storm){ .name = "stage 1 and a bypass", .g = g, .hitless = true,
			     .place = { stage1, bypass } });
	run(&(struct storm){ .name = "stage 1 and another", .g = g, .hitless = true,
			     .place = { stage1, other } });
	run(&(struct storm){ .name = "stage 1 and an abort", .g = g,
			     .place = { stage1, closed } });
}

/* With other VMIDs */
static void test_others(struct smmu_guest *g)
{
	const struct place stage1 = { g->nested, data_page(g, 3) };
	const struct place parent = { g->parent, g->same };
	struct place far = { .page = g->same };
	uint32_t own = g->viommu, second;

	must(viommu_alloc_type(iommufd, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->edu->dev_id, g->parent,
			       &second), "a second virtual IOMMU");
	g->viommu = second;
	far.table = must(guest_nested(g, smmu_ste_config(SMMU_STE_CONFIG_BYPASS)),
			 "a bypass of it");
	g->viommu = own;

	run(&(struct storm){ .name = "stage 1 and the parent", .g = g,
			     .place = { stage1, parent } });
	run(&(struct storm){ .name = "stage 1 and a bypass of another virtual IOMMU", .g = g,
			     .place = { stage1, far } });
}

/* A page table of the kernel for another address space, where INPUT is another page */
static void test_other_space(struct smmu_guest *g)
{
	const struct place stage1 = { g->nested, data_page(g, 3) };
	struct place other = { .page = data_page(g, 6) };
	int ioas = must(ioas_new(iommufd), "another address space");

	must(ioas_map_fixed(iommufd, ioas, other.page, PAGE_BYTES, INPUT), "map a page in it");
	must(hwpt_alloc(iommufd, g->edu->dev_id, ioas, &other.table), "a page table of it");
	run(&(struct storm){ .name = "stage 1 and another address space", .g = g,
			     .place = { stage1, other } });
}

static void test_replaces(void)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	test_one_viommu(g);
	test_others(g);
	test_other_space(g);
	machine_close();
}

/* One by one, with nothing going on: where it arrives after each step */
static void test_round(void)
{
	struct smmu_guest guest, *g = &guest;
	unsigned int i;

	machine_open(1);
	guest_begin(g);
	for (i = 0; i < 2; i++) {
		attach(g, g->parent, "attach to the parent");
		tap_ok(lands(g, INPUT, g->same), "round %u: the parent", i);
		attach(g, g->nested, "attach to stage 1");
		tap_ok(lands(g, INPUT, data_page(g, 3)), "round %u: stage 1", i);
		attach(g, g->bypass, "attach to a bypass");
		tap_ok(lands(g, INPUT, g->same), "round %u: a bypass", i);
		attach(g, g->nested, "attach to stage 1");
		tap_ok(lands(g, INPUT, data_page(g, 3)), "round %u: stage 1 again", i);
		must(cdev_detach(g->edu->fd), "detach");
		tap_ok(is_blocked(g, INPUT), "round %u: nothing", i);
		attach(g, g->bypass, "attach to a bypass");
		tap_ok(lands(g, INPUT, g->same), "round %u: a bypass after nothing", i);
	}
	machine_close();
}

int main(void)
{
	PART(test_round());
	PART(test_replaces());
	return tap_end();
}
