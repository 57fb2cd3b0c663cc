// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests of devices that use the page tables of processes.
 *
 * The test reports them, threads of the core handle them, and the test waits for the
 * answer that the driver gets.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_process.h"
#include "fake_sva.h"

#define PERM_READ	IOMMU_FAULT_PERM_READ
#define PERM_WRITE	IOMMU_FAULT_PERM_WRITE
#define PERM_EXEC	IOMMU_FAULT_PERM_EXEC
#define PERM_PRIV	IOMMU_FAULT_PERM_PRIV

static struct mm_struct *process(struct kunit *test)
{
	struct mm_struct *mm = fake_process_make();

	KUNIT_ASSERT_NOT_NULL(test, mm);
	return mm;
}

/* In 6.1's way the driver of a device has its page requests enabled */
static void begin(struct kunit *test, const struct iommu_ops *ops)
{
	fake_sva_begin(test, ops);
	if (ops != &fake_sva_ops)
		KUNIT_ASSERT_EQ(test, 0,
				iommu_dev_enable_feature(fake_device(0),
							 IOMMU_DEV_FEAT_IOPF));
}

static void end(struct kunit *test, const struct iommu_ops *ops)
{
	if (ops != &fake_sva_ops)
		KUNIT_EXPECT_EQ(test, 0,
				iommu_dev_disable_feature(fake_device(0),
							  IOMMU_DEV_FEAT_IOPF));
	fake_sva_end(test);
}

static int wait_for_answer(struct kunit *test, unsigned int dev, ioasid_t pasid,
			   u32 group, unsigned int before)
{
	struct fake_answer *answer = &fake_sva.answers[dev][group];

	KUNIT_ASSERT_NE(test, 0,
			wait_event_timeout(fake_sva.answered,
					   READ_ONCE(answer->nr) != before,
					   FAKE_FOREVER));
	KUNIT_EXPECT_EQ(test, before + 1, answer->nr);
	KUNIT_EXPECT_EQ(test, pasid, answer->pasid);
	return answer->code;
}

/* Ask for a page, and return the answer */
static int request(struct kunit *test, unsigned int dev, ioasid_t pasid,
		   unsigned long addr, u32 perm)
{
	unsigned int before = fake_sva.answers[dev][0].nr;

	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(dev, pasid, addr, perm, 0, true));
	return wait_for_answer(test, dev, pasid, 0, before);
}

static void expect_served(struct kunit *test, unsigned int dev,
			  struct mm_struct *mm, unsigned long addr, u32 perm)
{
	KUNIT_EXPECT_EQ(test, IOMMU_PAGE_RESP_SUCCESS,
			request(test, dev, mm_get_pasid(mm), addr, perm));
	KUNIT_EXPECT_TRUE(test, fake_process_has(mm, addr));
}

static void expect_invalid(struct kunit *test, unsigned int dev,
			   struct mm_struct *mm, unsigned long addr, u32 perm)
{
	KUNIT_EXPECT_EQ(test, IOMMU_PAGE_RESP_INVALID,
			request(test, dev, mm_get_pasid(mm), addr, perm));
}

static void requests_are_served(struct kunit *test)
{
	unsigned long addr = FAKE_READ_WRITE;
	struct iommu_sva *bond;
	struct mm_struct *mm;

	begin(test, test->param_value);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, addr));
	expect_served(test, 0, mm, addr, PERM_WRITE);
	expect_served(test, 0, mm, addr, PERM_READ | PERM_WRITE);
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, addr + PAGE_SIZE));
	expect_served(test, 0, mm, addr + PAGE_SIZE, PERM_READ);
	expect_served(test, 0, mm, FAKE_READ_ONLY, PERM_READ);
	expect_served(test, 0, mm, FAKE_EXECUTABLE, PERM_EXEC);
	expect_served(test, 0, mm, FAKE_EXECUTABLE, PERM_READ | PERM_EXEC | PERM_PRIV);

	expect_invalid(test, 0, mm, FAKE_READ_ONLY, PERM_WRITE);
	expect_invalid(test, 0, mm, FAKE_READ_ONLY, PERM_READ | PERM_WRITE);
	expect_invalid(test, 0, mm, FAKE_EXECUTABLE, PERM_EXEC | PERM_WRITE);
	expect_invalid(test, 0, mm, addr, PERM_EXEC);
	expect_invalid(test, 0, mm, FAKE_UNMAPPED, PERM_READ);
	expect_invalid(test, 0, mm, 0, PERM_READ);
	expect_invalid(test, 0, mm, FAKE_READ_WRITE - 1, PERM_READ);
	expect_invalid(test, 0, mm, TASK_SIZE, PERM_READ);
	iommu_sva_unbind_device(bond);
	fake_sva_end_process(test, mm);
	end(test, test->param_value);
}

/* Each device gets the answer to its own request, whichever domain it is on */
static void requests_of_two_devices(struct kunit *test)
{
	struct iommu_sva *one, *other;
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	fake.iommus[0].features = BIT(0);
	mm = process(test);
	one = fake_sva_bind(test, 0, mm);
	other = fake_sva_bind(test, 1, mm);
	KUNIT_EXPECT_EQ(test, 2, fake_sva_live_domains());
	expect_served(test, 0, mm, FAKE_READ_WRITE, PERM_WRITE);
	KUNIT_EXPECT_EQ(test, 0, fake_sva.nr_answers[1]);
	expect_served(test, 1, mm, FAKE_READ_WRITE + PAGE_SIZE, PERM_WRITE);
	KUNIT_EXPECT_EQ(test, 1, fake_sva.nr_answers[0]);
	iommu_sva_unbind_device(one);
	expect_served(test, 1, mm, FAKE_READ_WRITE + 2 * PAGE_SIZE, PERM_WRITE);
	iommu_sva_unbind_device(other);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

static void expect_fault_flags(struct kunit *test, struct mm_struct *mm,
			       unsigned int page, u32 perm, unsigned int flags)
{
	const unsigned int all = FAULT_FLAG_USER | FAULT_FLAG_WRITE |
				 FAULT_FLAG_INSTRUCTION | FAULT_FLAG_REMOTE;
	unsigned long addr = FAKE_GATED + page * PAGE_SIZE;
	int before = atomic_read(&fake_gate.nr);

	expect_served(test, 0, mm, addr, perm);
	KUNIT_EXPECT_EQ(test, before + 1, atomic_read(&fake_gate.nr));
	KUNIT_EXPECT_EQ(test, flags, fake_gate.flags & all);
}

/* What the memory management is told of a device's access */
static void kinds_of_access(struct kunit *test)
{
	struct iommu_sva *bond;
	struct mm_struct *mm;

	fake_sva_begin(test, &fake_sva_ops);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	expect_fault_flags(test, mm, 0, PERM_READ, FAULT_FLAG_REMOTE | FAULT_FLAG_USER);
	expect_fault_flags(test, mm, 1, PERM_READ | PERM_PRIV, FAULT_FLAG_REMOTE);
	expect_fault_flags(test, mm, 2, PERM_WRITE, FAULT_FLAG_REMOTE |
			   FAULT_FLAG_USER | FAULT_FLAG_WRITE);
	expect_fault_flags(test, mm, 3, PERM_READ | PERM_WRITE | PERM_PRIV, FAULT_FLAG_REMOTE |
			   FAULT_FLAG_WRITE);
	iommu_sva_unbind_device(bond);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

/* A group has one answer, and ends at the first request that is invalid */
static void second_of_three_is_invalid(struct kunit *test)
{
	const unsigned long addr = FAKE_READ_WRITE;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	ioasid_t pasid;

	fake_sva_begin(test, &fake_sva_ops);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = mm_get_pasid(mm);
	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(0, pasid, addr, PERM_WRITE, 5, false));
	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(0, pasid, FAKE_READ_ONLY, PERM_WRITE, 5,
						 false));
	KUNIT_EXPECT_EQ(test, 0, fake_sva.nr_answers[0]);
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, addr));
	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(0, pasid, addr + PAGE_SIZE, PERM_WRITE,
						 5, true));
	KUNIT_EXPECT_EQ(test, IOMMU_PAGE_RESP_INVALID,
			wait_for_answer(test, 0, pasid, 5, 0));
	KUNIT_EXPECT_TRUE(test, fake_process_has(mm, addr));
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, addr + PAGE_SIZE));

	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(0, pasid, addr, PERM_WRITE, 6, false));
	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(0, pasid, addr + PAGE_SIZE, PERM_WRITE,
						 6, true));
	KUNIT_EXPECT_EQ(test, IOMMU_PAGE_RESP_SUCCESS,
			wait_for_answer(test, 0, pasid, 6, 0));
	KUNIT_EXPECT_TRUE(test, fake_process_has(mm, addr + PAGE_SIZE));
	/* One whose end does not come is not answered, and the unbind drops it */
	KUNIT_EXPECT_EQ(test, 0, fake_sva_report(0, pasid, addr, PERM_WRITE, 7, false));
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_EQ(test, 2, fake_sva.nr_answers[0]);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

/* The driver answers itself when no process is bound any more */
static void requests_after_unbind(struct kunit *test)
{
	struct iommu_sva *bond, *other_bond;
	struct mm_struct *mm, *other;

	fake_sva_begin(test, &fake_sva_ops);
	mm = process(test);
	other = process(test);
	bond = fake_sva_bind(test, 0, mm);
	other_bond = fake_sva_bind(test, 0, other);
	KUNIT_EXPECT_NE(test, mm_get_pasid(mm), mm_get_pasid(other));
	iommu_sva_unbind_device(bond);
	expect_invalid(test, 0, mm, FAKE_READ_WRITE, PERM_READ);
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, FAKE_READ_WRITE));
	expect_served(test, 0, other, FAKE_READ_WRITE, PERM_WRITE);
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, FAKE_READ_WRITE));
	iommu_sva_unbind_device(other_bond);
	KUNIT_EXPECT_EQ(test, -ENODEV,
			fake_sva_report(0, mm_get_pasid(other), FAKE_READ_WRITE, PERM_READ,
					0, true));
	fake_sva_end_process(test, mm);
	fake_sva_end_process(test, other);
	fake_sva_end(test);
}

static void process_has_ended(struct kunit *test)
{
	struct fake_sva_domain *sdom;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	unsigned int nr;

	fake_sva_begin(test, &fake_sva_ops);
	nr = fake_sva_free_pasids(0);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	sdom = to_sva_domain(fake_sva_domain_of(0, mm));
	expect_served(test, 0, mm, FAKE_READ_WRITE, PERM_WRITE);
	mmput(mm);
	KUNIT_EXPECT_TRUE(test, sdom->exited);
	KUNIT_EXPECT_FALSE(test, sdom->fdom.freed);
	KUNIT_EXPECT_NULL(test, fake_sva_domain_of(0, mm));
	expect_invalid(test, 0, mm, FAKE_READ_WRITE, PERM_READ);
	fake_process_drop_lazy();
	KUNIT_EXPECT_EQ(test, nr - 1, fake_sva_free_pasids(0));
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_TRUE(test, sdom->fdom.freed);
	KUNIT_EXPECT_TRUE(test, fake_sva_pasids_become_free(nr));
	fake_sva_end(test);
}

/* Has a request handled, and stops it in the page fault */
static void stop_at_gate(struct kunit *test, unsigned int dev, ioasid_t pasid)
{
	fake_gate_close();
	KUNIT_ASSERT_EQ(test, 0,
			fake_sva_report(dev, pasid, FAKE_GATED, PERM_WRITE, 1, true));
	KUNIT_ASSERT_NE(test, 0,
			wait_event_timeout(fake_gate.arrived,
					   atomic_read(&fake_gate.nr),
					   FAKE_FOREVER));
}

/* The task that handles the fault delays the end, but does not do it */
static void process_ends_during_fault(struct kunit *test)
{
	struct fake_sva_domain *sdom;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	unsigned int nr;
	ioasid_t pasid;

	fake_sva_begin(test, &fake_sva_ops);
	nr = fake_sva_free_pasids(0);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = mm_get_pasid(mm);
	sdom = to_sva_domain(fake_sva_domain_of(0, mm));
	stop_at_gate(test, 0, pasid);
	mmput(mm);
	KUNIT_EXPECT_FALSE(test, sdom->exited);
	fake_gate_open();
	KUNIT_EXPECT_EQ(test, IOMMU_PAGE_RESP_SUCCESS,
			wait_for_answer(test, 0, pasid, 1, 0));
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_TRUE(test, sdom->fdom.freed);
	KUNIT_EXPECT_TRUE(test, fake_sva_pasids_become_free(nr));
	fake_sva_end(test);
}

/**
 * struct unbinding - an unbind by another task
 * @bond: bond
 * @nr_answers: answers that the device had when it returned
 * @done: completed then
 */
struct unbinding {
	struct iommu_sva *bond;
	unsigned int nr_answers;
	struct completion done;
};

static int do_unbind(void *data)
{
	struct unbinding *unbinding = data;

	iommu_sva_unbind_device(unbinding->bond);
	unbinding->nr_answers = fake_sva.nr_answers[0];
	complete(&unbinding->done);
	return 0;
}

/* All requests are answered when it returns, and the PASID is kept until then */
static void unbind_waits_for_answers(struct kunit *test)
{
	struct unbinding unbinding = { };
	struct mm_struct *mm;
	ioasid_t pasid;

	begin(test, test->param_value);
	mm = process(test);
	init_completion(&unbinding.done);
	unbinding.bond = fake_sva_bind(test, 0, mm);
	pasid = mm_get_pasid(mm);
	stop_at_gate(test, 0, pasid);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(do_unbind, &unbinding,
						    "fake-unbind")));
	while (READ_ONCE(fake_sva.hw[0][pasid]) ||
	       READ_ONCE(fake_sva.bound[0][pasid]))
		schedule_timeout_uninterruptible(1);
	/* Time for an unbind that does not wait */
	msleep(100);
	KUNIT_EXPECT_FALSE(test, completion_done(&unbinding.done));
	KUNIT_EXPECT_TRUE(test, iommu_group_has_pasids(fake.group));
	KUNIT_EXPECT_TRUE(test, fake_sva.enabled[0]);
	fake_gate_open();
	wait_for_completion(&unbinding.done);
	KUNIT_EXPECT_EQ(test, 1, unbinding.nr_answers);
	KUNIT_EXPECT_EQ(test, IOMMU_PAGE_RESP_SUCCESS,
			fake_sva.answers[0][1].code);
	fake_sva_end_process(test, mm);
	end(test, test->param_value);
}

/* In 6.1's way: requests reach the process of their PASID */
static void driver_binds(struct kunit *test)
{
	struct iommu_sva *bond, *other_bond;
	struct mm_struct *mm, *other;

	begin(test, test->param_value);
	mm = process(test);
	other = process(test);
	bond = fake_sva_bind(test, 0, mm);
	KUNIT_EXPECT_PTR_EQ(test, bond, fake_sva_bind(test, 0, mm));
	other_bond = fake_sva_bind(test, 0, other);
	KUNIT_EXPECT_EQ(test, 2, fake_sva.calls[SVA_BIND]);
	KUNIT_EXPECT_EQ(test, 0, fake_sva_live_domains());
	KUNIT_EXPECT_PTR_EQ(test, mm, fake_sva.bound[0][iommu_sva_get_pasid(bond)]);
	KUNIT_EXPECT_PTR_EQ(test, other,
			    fake_sva.bound[0][iommu_sva_get_pasid(other_bond)]);

	expect_served(test, 0, mm, FAKE_READ_WRITE, PERM_WRITE);
	KUNIT_EXPECT_FALSE(test, fake_process_has(other, FAKE_READ_WRITE));
	expect_served(test, 0, other, FAKE_READ_WRITE + PAGE_SIZE, PERM_WRITE);
	KUNIT_EXPECT_FALSE(test, fake_process_has(mm, FAKE_READ_WRITE + PAGE_SIZE));
	expect_invalid(test, 0, mm, FAKE_UNMAPPED, PERM_READ);

	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_EQ(test, 0, fake_sva.unbinds);
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_EQ(test, 1, fake_sva.unbinds);
	expect_invalid(test, 0, mm, FAKE_READ_WRITE, PERM_READ);
	expect_served(test, 0, other, FAKE_READ_WRITE, PERM_WRITE);
	iommu_sva_unbind_device(other_bond);
	KUNIT_EXPECT_EQ(test, 2, fake_sva.unbinds);
	fake_sva_end_process(test, mm);
	fake_sva_end_process(test, other);
	end(test, test->param_value);
}

/* What a driver has bound is not the attach layer's to change */
static void pasid_of_a_driver_is_reserved(struct kunit *test)
{
	struct iommu_attach_handle handle = { };
	struct iommu_domain *domain;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	struct device *dev;
	unsigned int errs;
	ioasid_t pasid;

	begin(test, &fake_bind_ops);
	dev = fake_device(0);
	domain = fake_sva_new_domain(test);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = iommu_sva_get_pasid(bond);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_attach_device_pasid(domain, dev, pasid, NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_replace_device_pasid(domain, dev, pasid, &handle));
	errs = iommu_group_errs();
	iommu_detach_device_pasid(domain, dev, pasid);
	KUNIT_EXPECT_EQ(test, 1, iommu_group_errs() - errs);
	KUNIT_EXPECT_NULL(test, iommu_get_domain_for_dev_pasid(dev, pasid, 0));
	KUNIT_EXPECT_EQ(test, 0, fake_sva.calls[SVA_SET]);
	KUNIT_EXPECT_PTR_EQ(test, mm, fake_sva.bound[0][pasid]);
	expect_served(test, 0, mm, FAKE_READ_WRITE, PERM_WRITE);
	iommu_sva_unbind_device(bond);

	KUNIT_EXPECT_EQ(test, 0,
			iommu_attach_device_pasid(domain, dev, pasid, NULL));
	iommu_detach_device_pasid(domain, dev, pasid);
	iommu_domain_free(domain);
	fake_sva_end_process(test, mm);
	end(test, &fake_bind_ops);
}

static const struct iommu_ops *const drivers[] = {
	&fake_sva_ops, &fake_bind_ops, &fake_bind_only_ops
};

static const char *const driver_names[] = { "domains", "sva_bind", "sva_bind only" };

static const void *next_driver(const void *prev, char *desc, unsigned int first)
{
	unsigned int i = first;

	if (prev)
		while (drivers[i++] != prev)
			;
	if (i == ARRAY_SIZE(drivers))
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", driver_names[i]);
	return drivers[i];
}

static const void *gen_drivers(const void *prev, char *desc)
{
	return next_driver(prev, desc, 0);
}

/* Those that bind in 6.1's way */
static const void *gen_bind_drivers(const void *prev, char *desc)
{
	return next_driver(prev, desc, 1);
}

static int sva_fault_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void sva_fault_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case sva_fault_cases[] = {
	KUNIT_CASE_PARAM(requests_are_served, gen_drivers),
	KUNIT_CASE(requests_of_two_devices),
	KUNIT_CASE(kinds_of_access),
	KUNIT_CASE(second_of_three_is_invalid),
	KUNIT_CASE(requests_after_unbind),
	KUNIT_CASE(process_has_ended),
	KUNIT_CASE(process_ends_during_fault),
	KUNIT_CASE_PARAM(unbind_waits_for_answers, gen_drivers),
	KUNIT_CASE_PARAM(driver_binds, gen_bind_drivers),
	KUNIT_CASE(pasid_of_a_driver_is_reserved),
	{}
};

static struct kunit_suite sva_fault_suite = {
	.name = "iommu_sva_faults",
	.suite_init = sva_fault_suite_init,
	.suite_exit = sva_fault_suite_exit,
	.test_cases = sva_fault_cases,
};

kunit_test_suites(&sva_fault_suite);
