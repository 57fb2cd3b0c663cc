// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of the page requests of a device: what the queue of events has is reported. A
 * model of the task that reads the queue goes on a little whenever the driver looks.
 */
#include <kunit/test.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-stall.h"

#define QUEUE_LG2	2
#define QUEUE		BIT(QUEUE_LG2)
#define IRQ		7

/**
 * struct world - one SMMU with one device
 * @smmu: the SMMU
 * @master: the device
 * @dev: as @master
 * @prod: register: what the hardware has written
 * @cons: register: what has been taken out
 * @nr_written: events, from the beginning
 * @nr_taken: of these, taken out by the reader
 * @nr_reported: of these, reported
 * @nr_waiting: stalls for which the queue has no room
 * @stuck: the reader does not run
 * @busy: events of other devices that the reader finds, too
 * @added: what iopf_queue_add_device() was called with
 * @nr_added: device is in the queue of page requests
 * @reported_before: what had been reported when it was taken from there
 * @looks: of the driver, at what has been reported
 */
static struct {
	struct arm_smmu_device smmu;
	struct arm_smmu_master master;
	struct device dev;
	u32 prod, cons;
	u64 nr_written, nr_taken, nr_reported;
	unsigned int nr_waiting, busy;
	bool stuck;
	unsigned int added;
	int nr_added, looks;
	u64 reported_before;
} world;

static u32 position(u64 nr)
{
	/* Index, wrap bit, and an overflow flag that means nothing here */
	return (nr & (2 * QUEUE - 1)) | BIT(31);
}

static void update(void)
{
	while (world.nr_waiting && world.nr_written - world.nr_taken < QUEUE) {
		world.nr_waiting--;
		world.nr_written++;
	}
	world.prod = position(world.nr_written);
	world.cons = position(world.nr_taken);
	world.smmu.evtq.handled = position(world.nr_reported);
}

/* One event, if there is one; it is reported later than it is taken out */
static void reader_goes_on(void)
{
	if (world.stuck)
		return;
	world.nr_reported = world.nr_taken;
	if (world.nr_taken != world.nr_written)
		world.nr_taken++;
	if (world.busy) {
		world.busy--;
		world.nr_waiting++;
	}
	update();
}

u32 readl(u32 *reg)
{
	return *reg;
}

void host_looks(void)
{
	if (++world.looks % 3 == 0)
		reader_goes_on();
}

int iopf_queue_add_device(struct iopf_queue *queue, struct device *dev,
			  unsigned int nr_requests)
{
	BUG_ON(queue != world.smmu.evtq.iopf || dev != &world.dev);
	if (world.nr_added)
		return -EBUSY;
	world.nr_added++;
	world.added = nr_requests;
	return 0;
}

int iopf_queue_remove_device(struct iopf_queue *queue, struct device *dev)
{
	BUG_ON(queue != world.smmu.evtq.iopf || dev != &world.dev);
	world.nr_added--;
	world.reported_before = world.nr_reported;
	return 0;
}

static void start(u64 nr_before)
{
	memset(&world, 0, sizeof(world));
	world.dev.priv = &world.master;
	world.master.smmu = &world.smmu;
	world.master.dev = &world.dev;
	world.master.stall_enabled = true;
	world.master.num_streams = 1;
	world.smmu.evtq.iopf = (struct iopf_queue *)&world;
	world.smmu.evtq.max_stalls = 16;
	world.smmu.evtq.q.irq = IRQ;
	world.smmu.evtq.q.llq.max_n_shift = QUEUE_LG2;
	world.smmu.evtq.q.prod_reg = &world.prod;
	world.smmu.evtq.q.cons_reg = &world.cons;
	world.nr_written = world.nr_taken = world.nr_reported = nr_before;
	update();
}

/* From every position of the pointers, with any number of events */
static void drain_waits_for_all_that_is_there(struct kunit *test)
{
	unsigned int before, nr;

	for (before = 0; before < 2 * QUEUE; before++)
		for (nr = 0; nr <= QUEUE; nr++) {
			start(before);
			world.nr_written += nr;
			update();
			arm_smmu_drain_faults(&world.dev);
			KUNIT_EXPECT_GE(test, world.nr_reported, (u64)before + nr);
		}
}

/* A stall that did not fit in is written when another event is read */
static void drain_waits_for_stalls_without_room(struct kunit *test)
{
	unsigned int waiting;

	for (waiting = 1; waiting <= QUEUE; waiting++) {
		start(3);
		world.nr_written += QUEUE;
		world.nr_waiting = waiting;
		update();
		arm_smmu_drain_faults(&world.dev);
		KUNIT_EXPECT_EQ(test, world.nr_reported, 3ull + QUEUE + waiting);
	}
}

static void drain_does_not_wait_for_others(struct kunit *test)
{
	start(0);
	world.nr_written += 2;
	world.busy = 100000;
	update();
	arm_smmu_drain_faults(&world.dev);
	KUNIT_EXPECT_GE(test, world.nr_reported, 2ull);
	KUNIT_EXPECT_TRUE(test, world.busy > 90000);
}

static void drain_gives_up_and_needs_a_reader(struct kunit *test)
{
	start(0);
	world.stuck = true;
	world.nr_written += QUEUE;
	update();
	/* Comes back, after one pass */
	arm_smmu_drain_faults(&world.dev);
	KUNIT_EXPECT_TRUE(test, world.looks < 1500);

	start(0);
	world.stuck = true;
	world.smmu.evtq.q.irq = 0;
	world.nr_written++;
	update();
	arm_smmu_drain_faults(&world.dev);
	KUNIT_EXPECT_EQ(test, world.looks, 0);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_faults(&world.dev), -EOPNOTSUPP);

	/* One interrupt for everything */
	start(0);
	world.smmu.evtq.q.irq = 0;
	world.smmu.combined_irq = IRQ;
	world.nr_written++;
	update();
	arm_smmu_drain_faults(&world.dev);
	KUNIT_EXPECT_EQ(test, world.nr_reported, 1ull);
}

static void devices_that_stall_have_page_requests(struct kunit *test)
{
	start(0);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_faults(&world.dev), 0);
	KUNIT_EXPECT_EQ(test, world.added, 16u);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_faults(&world.dev), -EBUSY);
	world.nr_written += 2;
	update();
	arm_smmu_disable_faults(&world.dev);
	KUNIT_EXPECT_EQ(test, world.nr_added, 0);
	KUNIT_EXPECT_EQ(test, world.reported_before, 2ull);

	start(0);
	world.master.num_streams = 2;
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_faults(&world.dev), -EOPNOTSUPP);
	world.master.num_streams = 1;
	world.master.stall_enabled = false;
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_faults(&world.dev), -EOPNOTSUPP);
	arm_smmu_drain_faults(&world.dev);
	KUNIT_EXPECT_EQ(test, world.looks, 0);
	world.master.stall_enabled = true;
	world.smmu.evtq.iopf = NULL;
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_faults(&world.dev), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, world.nr_added, 0);
}

static struct kunit_case stall_cases[] = {
	KUNIT_CASE(drain_waits_for_all_that_is_there),
	KUNIT_CASE(drain_waits_for_stalls_without_room),
	KUNIT_CASE(drain_does_not_wait_for_others),
	KUNIT_CASE(drain_gives_up_and_needs_a_reader),
	KUNIT_CASE(devices_that_stall_have_page_requests),
	{}
};

static struct kunit_suite stall_suite = {
	.name = "iommu_smmuv3_stall",
	.test_cases = stall_cases,
};
kunit_test_suite(stall_suite);

int main(void)
{
	return host_run_suites();
}
