// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSIs of a device whose stage 1 is a guest's. They are writes to a doorbell, whose address
 * the kernel chooses in a window that is reserved in the address space. On stage 1 of a guest
 * this is an input address: interrupts arrive if the guest's table leads from the window to
 * the same IPAs, and are blocked as any other write if it does not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "edu_irq.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "smmu_guest.h"

/* The window of the SMMUv3 driver. It begins where a block can */
#define WINDOW_START	0x8000000ULL
#define WINDOW_LAST	0x80fffffULL
#define MAX_RANGES	16

static void map_window(struct smmu_guest *g)
{
	smmu_map_block(&g->s1, WINDOW_START, WINDOW_START, SMMU_LEAF_DEVICE);
}

static void unmap_window(struct smmu_guest *g)
{
	smmu_unmap_block(&g->s1, WINDOW_START);
	must(guest_command(g, smmu_nh_asid(g->s1.asid)), "invalidate all of stage 1");
}

/* Nothing else can be mapped there */
static void test_window(struct smmu_guest *g)
{
	struct iommu_iova_range ranges[MAX_RANGES];
	uint32_t nr = MAX_RANGES, i;
	bool reserved = true;

	must(ioas_ranges(iommufd, g->ioas, ranges, &nr, NULL), "what can be mapped");
	for (i = 0; i < nr; i++)
		if (ranges[i].start <= WINDOW_LAST && ranges[i].last >= WINDOW_START)
			reserved = false;
	tap_ok(reserved, "the window of the doorbells is reserved");
}

/* The event of the blocked write says that an interrupt was tried */
static void expect_no_irq(struct smmu_guest *g, int event, const char *what)
{
	struct smmu_event fault = { };
	int nr;

	irq_raise(g->edu);
	nr = guest_events(g, &fault, 1);
	irq_ack(g->edu);
	if (!tap_ok(nr >= 1 && fault.number == SMMU_F_TRANSLATION && !fault.rnw &&
		    fault.sid == g->sid && fault.addr >= WINDOW_START &&
		    fault.addr <= WINDOW_LAST, "%s: the doorbell is an event of the guest", what))
		smmu_event_print(&fault);
	tap_ok(!irq_came(event, NO_IRQ_MS), "%s: no interrupt comes", what);
}

static void expect_irq(struct smmu_guest *g, int event, const char *what)
{
	tap_ok(irq_works(g->edu, event), "%s: an interrupt comes", what);
}

static void test_tables(struct smmu_guest *g, int event)
{
	attach(g, g->nested, "attach to stage 1");
	expect_no_irq(g, event, "stage 1 without the window");
	map_window(g);
	expect_irq(g, event, "stage 1 with the window");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "stage 1 with the window: DMA works beside it");
	attach(g, g->bypass, "attach to a bypass");
	expect_irq(g, event, "a bypass");
	attach(g, g->parent, "attach to the parent");
	expect_irq(g, event, "the parent after it");
	attach(g, g->nested, "attach to stage 1");
	expect_irq(g, event, "stage 1 after it");
	must(cdev_detach(g->edu->fd), "detach");
	attach(g, g->nested, "attach to stage 1");
	expect_irq(g, event, "stage 1 after a detach");
	unmap_window(g);
	expect_no_irq(g, event, "stage 1 without the window again");
}

static void test_irqs_first(void)
{
	struct smmu_guest guest, *g = &guest;
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	machine_open(1);
	guest_begin(g);
	test_window(g);
	must(irq_enable(g->edu, event), "ask for MSIs on the parent");
	tap_ok(!irq_came(event, NO_IRQ_MS), "no interrupt comes unasked");
	expect_irq(g, event, "the parent");
	test_tables(g, event);
	tap_ok(guest_has_no_event(g), "the guest has no other event");
	must(irq_disable(g->edu), "stop MSIs");
	machine_close();
	close(event);
}

/* The device gets the address of its doorbell when it is on stage 1, or on nothing */
static void test_irqs_late(void)
{
	struct smmu_guest guest, *g = &guest;
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	machine_open(1);
	guest_begin(g);
	map_window(g);
	attach(g, g->nested, "attach to stage 1");
	must(irq_enable(g->edu, event), "ask for MSIs on stage 1");
	expect_irq(g, event, "asked for on stage 1");
	must(irq_disable(g->edu), "stop MSIs");
	must(cdev_detach(g->edu->fd), "detach");
	must(irq_enable(g->edu, event), "ask for MSIs on nothing");
	attach(g, g->nested, "attach to stage 1");
	expect_irq(g, event, "asked for before the attach");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "DMA works beside it");
	must(irq_disable(g->edu), "stop MSIs");
	tap_ok(!irq_came(event, NO_IRQ_MS), "then none comes");
	tap_ok(guest_has_no_event(g), "the guest has no event");
	machine_close();
	close(event);
}

int main(void)
{
	PART(test_irqs_first());
	PART(test_irqs_late());
	return tap_end();
}
