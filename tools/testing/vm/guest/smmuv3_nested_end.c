// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a guest on an SMMUv3: which objects keep which others, and that nothing is left of
 * any of them when they are closed in the middle of everything.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/process.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/viommu.h"
#include "smmu_guest.h"

static void expect_destroy(int wanted, uint32_t id, const char *what)
{
	expect(wanted, object_destroy(iommufd, id), "destroy %s", what);
}

static void begin_on_stage1(struct smmu_guest *g)
{
	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "the device is on stage 1");
}

static void test_all_in_use(struct smmu_guest *g)
{
	expect_destroy(-EBUSY, g->nested, "stage 1 with a device");
	expect_destroy(-EBUSY, g->queue_id, "a queue that is open");
	expect_destroy(-EBUSY, g->viommu, "a virtual IOMMU with all that it can have");
	expect_destroy(-EBUSY, g->parent, "a parent with a virtual IOMMU");
	expect_destroy(-EBUSY, g->ioas, "an address space with a parent");
	expect_destroy(0, g->bypass, "a bypass without a device");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "the device is where it was");
}

/* One thing after the other */
static void test_order(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	test_all_in_use(g);
	attach(g, g->parent, "attach to the parent");
	expect_destroy(0, g->nested, "stage 1 without a device");
	expect_destroy(-ENOENT, g->nested, "it again");
	expect_destroy(-EBUSY, g->viommu, "a virtual IOMMU with a name and a queue");
	machine_close_queue(0);
	expect_destroy(0, g->queue_id, "a queue that is closed");
	expect_destroy(-EBUSY, g->viommu, "a virtual IOMMU with a name");
	expect_destroy(0, g->vdevice, "the name");
	expect_destroy(0, g->viommu, "a virtual IOMMU with nothing");
	tap_ok(lands(g, INPUT, g->same), "the device is on the parent");
	expect_destroy(-EBUSY, g->parent, "the parent with a device");
	must(cdev_detach(g->edu->fd), "detach");
	expect_destroy(0, g->parent, "the parent without one");
	expect_destroy(0, g->ioas, "the address space");
	machine_close();
}

/* The name goes with the device */
static void test_device_closed(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	machine_close_device(0);
	expect_destroy(-ENOENT, g->vdevice, "the name of a device that is gone");
	expect(-EIO, guest_command(g, smmu_cfgi_cd(g->sid)), "a command for it");
	expect(0, guest_command(g, smmu_nh_all()), "a command for all");
	expect_destroy(-EBUSY, g->viommu, "its virtual IOMMU");
	expect_destroy(0, g->nested, "its stage 1");
	expect_destroy(0, g->bypass, "its bypass");
	machine_close_queue(0);
	expect_destroy(0, g->queue_id, "the queue");
	expect_destroy(0, g->viommu, "the virtual IOMMU");
	expect_destroy(0, g->parent, "the parent");
	expect_destroy(0, g->ioas, "the address space");
	machine_close();
}

/* Virtual IOMMUs come and go beside the one that the device is on */
static void test_many(void)
{
	struct smmu_guest guest, *g = &guest;
	uint32_t viommu, nr;
	int err = 0;

	begin_on_stage1(g);
	for (nr = 0; nr < 20 && !err; nr++) {
		err = viommu_alloc_type(iommufd, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->edu->dev_id,
					g->parent, &viommu);
		if (!err)
			err = object_destroy(iommufd, viommu);
	}
	expect(0, err, "make and destroy %u virtual IOMMUs", nr);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "the device is where it was");
	machine_close();
}

/* Closed in the middle of everything */

/* A write that takes place when the device may have moved on */
static void begin_write(struct smmu_guest *g)
{
	edu_write64(g->edu->regs, EDU_REG_SOURCE, EDU_BUFFER);
	edu_write64(g->edu->regs, EDU_REG_TARGET, INPUT);
	edu_write64(g->edu->regs, EDU_REG_COUNT, EDU_MAX_BYTES);
	edu_write64(g->edu->regs, EDU_REG_COMMAND, EDU_START | EDU_TO_MEMORY);
}

/* Another guest finds the device and the SMMU as the first did */
static void expect_healthy(const char *after)
{
	struct smmu_guest guest, *g = &guest;

	machine_open(1);
	guest_begin(g);
	tap_ok(lands(g, INPUT, g->same), "%s: the parent works", after);
	attach(g, g->nested, "attach to stage 1");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "%s: stage 1 works", after);
	expect(0, guest_command(g, smmu_nsnh_all()), "%s: commands work", after);
	tap_ok(is_blocked(g, INPUT_OTHER), "%s: a fault", after);
	tap_ok(guest_events(g, &(struct smmu_event){ }, 1) >= 1, "%s: is an event", after);
	machine_close();
}

/* The device and the queue keep what they need */
static void test_iommufd_first(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	close(iommufd);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "without /dev/iommu the device goes on");
	tap_ok(guest_has_no_event(g), "without /dev/iommu there are events");
	begin_write(g);
	machine_close_device(0);
	machine_close_queue(0);
	iommufd = -1;
	machine_close();
	expect_healthy("/dev/iommu closed first");
}

static void test_device_first(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	begin_write(g);
	machine_close_device(0);
	machine_close();
	expect_healthy("the device closed first");
}

static void test_queue_first(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	machine_close_queue(0);
	tap_ok(is_blocked(g, INPUT_OTHER), "without a queue a fault is blocked, too");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "without a queue the device goes on");
	begin_write(g);
	close(iommufd);
	iommufd = -1;
	machine_close();
	expect_healthy("the queue closed first");
}

/* In a process of its own, which has no part to return to */
static int die_on_stage1(void *arg)
{
	struct smmu_guest guest, *g = &guest;

	part_now = NULL;
	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	begin_write(g);
	kill(getpid(), SIGKILL);
	return 0;
}

static void test_killed(void)
{
	expect(-ECHILD, in_child(die_on_stage1, NULL), "a process is killed on stage 1");
	expect_healthy("a process killed on stage 1");
}

int main(void)
{
	PART(test_order());
	PART(test_device_closed());
	PART(test_many());
	PART(test_iommufd_first());
	PART(test_device_first());
	PART(test_queue_first());
	PART(test_killed());
	return tap_end();
}
