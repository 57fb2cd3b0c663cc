/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that has an edu device behind an SMMUv3, and its VMM: memory, a nesting parent, a
 * virtual IOMMU, the guest's name of the device, a queue of events, and an empty stage 1.
 *
 *	input address -- stage 1, of the guest --> IPA -- stage 2, the parent --> memory
 *
 * A check looks at all of @data and at @same, which the device reaches at the IPA that is
 * equal to INPUT: a write must change the page that it should, and no other.
 */
#ifndef GUEST_SMMU_GUEST_H
#define GUEST_SMMU_GUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "edu_user.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/viommu.h"
#include "smmu_command.h"
#include "smmu_event.h"
#include "smmu_tables.h"

/* An IPA that is no physical address of these machines */
#define GUEST_IPA	0x160000000ULL
#define GUEST_BYTES	(2 * SMMU_BLOCK)
/* The second block of it is free for a test; tables and data are in the first */
#define GUEST_BLOCK_IPA	(GUEST_IPA + SMMU_BLOCK)
#define DATA_PAGES	8
/* What the guest's device calls most pages; free for a mapping of the test's own */
#define INPUT		IOVA
#define INPUT_OTHER	0x40200000ULL
#define INPUT_MARKER	0x4ff00000ULL
#define GUEST_SID	0x18
#define GUEST_ASID	5
#define INPUT_BITS	39
#define QUEUE_DEPTH	1024
/* Enough for one event of the emulator, which counts accesses of the device */
#define WORD_BYTES	4
#define EVENT_MS	10000

struct smmu_guest {
	struct edu *edu;
	uint32_t sid;
	uint32_t ioas, parent, viommu, vdevice, queue_id;
	int queue;
	uint32_t nested, bypass;
	struct smmu_memory *mem;
	struct smmu_stage1 s1;
	uint8_t *data;
	uint8_t *same;
	unsigned int nr_markers;
};

static struct edu machine_edus[2];
static int machine_queues[2] = { -1, -1 };
static struct smmu_memory machine_memory;

/* A transfer that an earlier user of the device has begun */
static inline int edu_finish(struct edu *edu)
{
	const struct timespec pause = { .tv_nsec = EDU_POLL_NS };
	int i;

	for (i = 0; i < EDU_POLLS; i++) {
		if (!(edu_read64(edu->regs, EDU_REG_COMMAND) & EDU_START))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

/*
 * Open /dev/iommu and so many devices. A part of the program that has failed leaves
 * registers mapped, which would keep the device.
 */
static inline void machine_open(unsigned int nr)
{
	char bdf[2][PCI_BDF_LEN];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (machine_edus[i].regs)
			munmap((void *)machine_edus[i].regs, machine_edus[i].regs_len);
		machine_edus[i] = (struct edu){ .fd = -1 };
		machine_queues[i] = -1;
	}
	page_fill(pattern, sizeof(pattern), SEED);
	iommufd = must(iommufd_open(), "open /dev/iommu");
	if (nr == 2)
		must(edu_find_two(bdf) ? 0 : -ENODEV, "two edu devices");
	else
		must(pci_find(EDU_VENDOR, EDU_DEVICE, bdf[0]), "an edu device");
	for (i = 0; i < nr; i++) {
		must(edu_open(&machine_edus[i], bdf[i]), "open and bind a device");
		must(edu_finish(&machine_edus[i]), "the device is idle");
	}
}

static inline void machine_close_device(unsigned int i)
{
	edu_close(&machine_edus[i]);
	machine_edus[i] = (struct edu){ .fd = -1 };
}

/* It keeps /dev/iommu open */
static inline void machine_close_queue(unsigned int i)
{
	if (machine_queues[i] >= 0)
		close(machine_queues[i]);
	machine_queues[i] = -1;
}

/* Takes all objects along */
static inline void machine_close(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		machine_close_device(i);
		machine_close_queue(i);
	}
	close(iommufd);
	if (machine_memory.base)
		munmap(machine_memory.base, GUEST_BYTES);
	machine_memory.base = NULL;
}

static inline void attach(struct smmu_guest *g, uint32_t pt_id, const char *what)
{
	must(cdev_attach(g->edu->fd, pt_id), what);
}

/* ID of a nested page table, or a negative errno */
static inline int guest_nested(struct smmu_guest *g, struct iommu_hwpt_arm_smmuv3 ste)
{
	uint32_t hwpt;
	int err = hwpt_alloc_data(iommufd, g->edu->dev_id, g->viommu, IOMMU_HWPT_DATA_ARM_SMMUV3,
				  &ste, sizeof(ste), &hwpt);

	return err ? err : (int)hwpt;
}

static inline uint8_t *data_page(struct smmu_guest *g, unsigned int i)
{
	return g->data + i * PAGE_BYTES;
}

/* The device's buffer gets the pattern, on the way that is open at this address */
static inline void guest_arm(struct smmu_guest *g, uint8_t *page, uint64_t input)
{
	must(edu_arm(g->edu, page, input), "fill the device's buffer");
}

/* Memory, its address space and the parent. The device is on the parent then */
static inline void guest_make_space(struct smmu_guest *g)
{
	uint8_t *base = page_alloc(GUEST_BYTES / PAGE_BYTES);

	must(base ? 0 : -ENOMEM, "memory for the guest");
	machine_memory = (struct smmu_memory){
		.base = base, .ipa = GUEST_IPA, .bytes = SMMU_BLOCK,
	};
	g->mem = &machine_memory;
	g->data = smmu_take(g->mem, DATA_PAGES);
	g->same = page_alloc(1);
	must(g->same ? 0 : -ENOMEM, "a page");
	g->ioas = must(ioas_new(iommufd), "an address space");
	must(ioas_map_fixed(iommufd, g->ioas, base, GUEST_BYTES, GUEST_IPA),
	     "map the guest's memory");
	must(ioas_map_fixed(iommufd, g->ioas, g->same, PAGE_BYTES, INPUT), "map a page");
	must(nest_parent_alloc(iommufd, g->edu->dev_id, g->ioas, &g->parent), "a nesting parent");
	attach(g, g->parent, "attach to the parent");
	guest_arm(g, g->data, smmu_ipa(g->mem, g->data));
}

/* The virtual IOMMU and what belongs to it. INPUT is the third page of the data */
static inline void guest_make_viommu(struct smmu_guest *g, uint32_t depth)
{
	must(viommu_alloc_type(iommufd, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->edu->dev_id, g->parent,
			       &g->viommu), "a virtual IOMMU");
	must(vdevice_alloc(iommufd, g->viommu, g->edu->dev_id, g->sid, &g->vdevice),
	     "the guest's name of the device");
	g->queue = must(veventq_alloc_type(iommufd, g->viommu, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
					   depth, &g->queue_id), "a queue of events");
	machine_queues[g->edu - machine_edus] = g->queue;
	smmu_stage1_init(&g->s1, g->mem, INPUT_BITS, GUEST_ASID);
	smmu_map_at(&g->s1, INPUT, data_page(g, 3));
	g->nested = must(guest_nested(g, smmu_ste_stage1(&g->s1)), "a nested page table");
	g->bypass = must(guest_nested(g, smmu_ste_config(SMMU_STE_CONFIG_BYPASS)),
			 "a nested bypass");
}

static inline void guest_begin_depth(struct smmu_guest *g, uint32_t depth)
{
	*g = (struct smmu_guest){ .edu = &machine_edus[0], .sid = GUEST_SID, .queue = -1 };
	guest_make_space(g);
	guest_make_viommu(g, depth);
}

static inline void guest_begin(struct smmu_guest *g)
{
	guest_begin_depth(g, QUEUE_DEPTH);
}

/* The second device behind a virtual IOMMU of its own, in the same memory */
static inline void guest_begin_second(struct smmu_guest *g, const struct smmu_guest *first,
				      uint32_t sid)
{
	*g = (struct smmu_guest){
		.edu = &machine_edus[1], .sid = sid, .queue = -1, .ioas = first->ioas,
		.parent = first->parent, .mem = first->mem, .same = first->same,
	};
	g->data = smmu_take(g->mem, DATA_PAGES);
	attach(g, g->parent, "attach the second device to the parent");
	guest_arm(g, g->data, smmu_ipa(g->mem, g->data));
	guest_make_viommu(g, QUEUE_DEPTH);
}

/* DMA */

static inline void canaries_set(struct smmu_guest *g)
{
	memset(g->data, CANARY, DATA_PAGES * PAGE_BYTES);
	memset(g->same, CANARY, PAGE_BYTES);
}

/* All are as they were, without a page that may be NULL */
static inline bool canaries_live(struct smmu_guest *g, const uint8_t *without)
{
	unsigned int i;

	for (i = 0; i < DATA_PAGES; i++)
		if (data_page(g, i) != without &&
		    !page_is(data_page(g, i), PAGE_BYTES, CANARY))
			return false;
	return g->same == without || page_is(g->same, PAGE_BYTES, CANARY);
}

/* A write arrives in this page and nowhere else */
static inline bool lands(struct smmu_guest *g, uint64_t input, const uint8_t *page)
{
	canaries_set(g);
	return !edu_store(g->edu->regs, input, EDU_MAX_BYTES) && has_pattern(page) &&
	       canaries_live(g, page);
}

/* A write of a word arrives nowhere. More would be as many events */
static inline bool is_blocked(struct smmu_guest *g, uint64_t input)
{
	canaries_set(g);
	return !edu_store(g->edu->regs, input, WORD_BYTES) && canaries_live(g, NULL);
}

/* Commands */

/* *nr: in how many there are; out how many were done */
static inline int guest_commands(struct smmu_guest *g, const struct smmu_command *commands,
				 uint32_t *nr)
{
	return viommu_invalidate_type(iommufd, g->viommu,
				      IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, commands,
				      sizeof(*commands), nr);
}

static inline int guest_command(struct smmu_guest *g, struct smmu_command command)
{
	uint32_t nr = 1;
	int err = guest_commands(g, &command, &nr);

	return err || nr == 1 ? err : -EBADMSG;
}

/* Of a descriptor of the guest's stage 1 */
static inline void guest_flush(struct smmu_guest *g, uint64_t input)
{
	must(guest_command(g, smmu_nh_va(g->s1.asid, input)), "invalidate an address");
}

/* Events */

/*
 * What was in the queue before this moment. That is known once the event of a fault on
 * purpose is there, so the device must be on a stage 1 of the guest. Returns how many there
 * were, of which events gets the first ones, or a negative errno.
 */
static inline int guest_events(struct smmu_guest *g, struct smmu_event *events,
			       unsigned int room)
{
	uint64_t marker = INPUT_MARKER + g->nr_markers++ * WORD_BYTES % PAGE_BYTES;
	struct smmu_event event;
	unsigned int nr = 0;
	int got;

	if (edu_store(g->edu->regs, marker, WORD_BYTES))
		return -ETIMEDOUT;
	for (;;) {
		got = smmu_event_read(g->queue, &event, EVENT_MS);
		if (got < 0)
			return got;
		if (!got)
			return -ETIMEDOUT;
		if (!event.lost && event.addr == marker)
			return nr;
		if (nr < room)
			events[nr] = event;
		nr++;
	}
}

static inline bool guest_has_no_event(struct smmu_guest *g)
{
	struct smmu_event event = { };
	int nr = guest_events(g, &event, 1);

	if (nr > 0)
		smmu_event_print(&event);
	else if (nr < 0)
		printf("# events: %s\n", strerror(-nr));
	return !nr;
}

#endif
