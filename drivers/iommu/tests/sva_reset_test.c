// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are reset while they use the page tables of processes, with both kinds of
 * drivers: those with domains for processes, and those that bind them in 6.1's way.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "../iommu-sva.h"
#include "fake_process.h"
#include "fake_sva.h"

static struct mm_struct *process(struct kunit *test)
{
	struct mm_struct *mm = fake_process_make();

	KUNIT_ASSERT_NOT_NULL(test, mm);
	return mm;
}

static void expect_no_trace(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_reset_waits, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_pasids, 0);
	KUNIT_EXPECT_EQ(test, fake.group->nr_driver_pasids, 0);
}

static int bind_err(struct mm_struct *mm)
{
	return PTR_ERR_OR_ZERO(iommu_sva_bind(fake_device(0), mm, NULL));
}

/* The PASID of a process is one on a domain */
static void process_is_blocked(struct kunit *test)
{
	struct mm_struct *mm, *other;
	struct iommu_domain *domain;
	struct iommu_sva *bond;
	ioasid_t pasid;

	fake_sva_begin(test, &fake_sva_ops);
	mm = process(test);
	other = process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = mm_get_pasid(mm);
	domain = fake_sva.hw[0][pasid];
	iommu_device_reset_begin(fake_device(0));
	KUNIT_EXPECT_NULL(test, fake_sva.hw[0][pasid]);
	KUNIT_EXPECT_EQ(test, -EBUSY, bind_err(other));
	KUNIT_EXPECT_EQ(test, 1, fake_sva_live_domains());
	/* A second bind of the same two is only counted */
	KUNIT_EXPECT_PTR_EQ(test, bond, fake_sva_bind(test, 0, mm));
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_NULL(test, fake_sva.hw[0][pasid]);
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_PTR_EQ(test, fake_sva.hw[0][pasid], domain);

	iommu_device_reset_begin(fake_device(0));
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_EQ(test, 0, fake_sva_live_domains());
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_NULL(test, fake_sva.hw[0][pasid]);
	expect_no_trace(test);
	fake_sva_end_process(test, other);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

/* What the end of a process has blocked does not come back */
static void process_ends_meanwhile(struct kunit *test)
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
	sdom = to_sva_domain(fake_sva.hw[0][pasid]);
	iommu_device_reset_begin(fake_device(0));
	mmput(mm);
	KUNIT_EXPECT_TRUE(test, sdom->exited);
	iommu_device_reset_end(fake_device(0));
	KUNIT_EXPECT_NULL(test, fake_sva.hw[0][pasid]);
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_TRUE(test, sdom->fdom.freed);
	KUNIT_EXPECT_TRUE(test, fake_sva_pasids_become_free(nr));
	expect_no_trace(test);
	fake_sva_end(test);
}

/* A reset does not wait for a page fault, whose answer the device does not get */
static void reset_during_page_fault(struct kunit *test)
{
	struct iommu_sva *bond;
	struct mm_struct *mm;
	ioasid_t pasid;

	fake_sva_begin(test, &fake_sva_ops);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = mm_get_pasid(mm);
	fake_gate_close();
	KUNIT_ASSERT_EQ(test, 0, fake_sva_report(0, pasid, FAKE_GATED,
						 IOMMU_FAULT_PERM_WRITE, 1, true));
	KUNIT_ASSERT_NE(test, 0, wait_event_timeout(fake_gate.arrived,
						    atomic_read(&fake_gate.nr),
						    FAKE_FOREVER));
	iommu_device_reset_begin(fake_device(0));
	iommu_device_reset_end(fake_device(0));
	fake_gate_open();
	/* The unbind waits for the handling */
	iommu_sva_unbind_device(bond);
	KUNIT_EXPECT_TRUE(test, fake_process_has(mm, FAKE_GATED));
	KUNIT_EXPECT_EQ(test, fake_sva.nr_answers[0], 0);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

static int reset_twice(void *done)
{
	iommu_device_reset_begin(fake_device(0));
	iommu_device_reset_begin(fake_device(0));
	iommu_device_reset_end(fake_device(0));
	iommu_device_reset_end(fake_device(0));
	complete(done);
	return 0;
}

/*
 * A process that the driver has bound is left alone, as are all PASIDs beside it: a task
 * with the mutex may wait for mmap_lock
 */
static void driver_has_bound(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct iommu_domain *domain;
	struct iommu_sva *bond;
	struct mm_struct *mm;
	struct device *dev;
	ioasid_t pasid;
	bool waited;

	fake_sva_begin(test, &fake_bind_ops);
	dev = fake_device(0);
	domain = fake_sva_new_domain(test);
	mm = process(test);
	bond = fake_sva_bind(test, 0, mm);
	pasid = mm_get_pasid(mm) == 1 ? 2 : 1;
	KUNIT_ASSERT_EQ(test, 0,
			iommu_attach_device_pasid(domain, dev, pasid, NULL));
	mutex_lock(&fake.group->mutex);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(reset_twice, &done, "fake-reset")));
	waited = !wait_for_completion_timeout(&done, 5 * HZ);
	mutex_unlock(&fake.group->mutex);
	if (waited)
		wait_for_completion(&done);
	KUNIT_EXPECT_FALSE(test, waited);
	KUNIT_EXPECT_EQ(test, 1, fake_sva.calls[SVA_SET]);
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva.hw[0][pasid]);
	KUNIT_EXPECT_PTR_EQ(test, mm, fake_sva.bound[0][mm_get_pasid(mm)]);

	/* Once it is unbound, what there is on a domain is blocked */
	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva.hw[0][pasid]);
	iommu_sva_unbind_device(bond);
	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_NULL(test, fake_sva.hw[0][pasid]);
	iommu_device_reset_end(dev);
	iommu_device_reset_end(dev);
	KUNIT_EXPECT_PTR_EQ(test, domain, fake_sva.hw[0][pasid]);
	iommu_detach_device_pasid(domain, dev, pasid);
	expect_no_trace(test);
	iommu_domain_free(domain);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

/* The driver cannot bind one while the end of the reset will take the mutex */
static void driver_binds_meanwhile(struct kunit *test)
{
	struct iommu_domain *domain;
	struct mm_struct *mm;
	struct device *dev;

	fake_sva_begin(test, &fake_bind_ops);
	dev = fake_device(0);
	domain = fake_sva_new_domain(test);
	mm = process(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(domain, dev, 1, NULL));
	iommu_device_reset_begin(dev);
	KUNIT_EXPECT_NULL(test, fake_sva.hw[0][1]);
	KUNIT_EXPECT_EQ(test, -EBUSY, bind_err(mm));
	iommu_detach_device_pasid(domain, dev, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, bind_err(mm));
	KUNIT_EXPECT_EQ(test, 0, fake_sva.calls[SVA_BIND]);
	KUNIT_EXPECT_EQ(test, INVALID_IOASID, mm_get_pasid(mm));
	iommu_device_reset_end(dev);

	/* As in 6.1 where a reset has found nothing to block */
	iommu_device_reset_begin(dev);
	iommu_sva_unbind_device(fake_sva_bind(test, 0, mm));
	iommu_device_reset_end(dev);
	expect_no_trace(test);

	/* A bind that fails is not counted */
	fake_sva.fails[SVA_BIND] = -EBADE;
	KUNIT_EXPECT_EQ(test, -EBADE, bind_err(mm));
	expect_no_trace(test);
	fake_sva.fails[SVA_BIND] = 0;
	KUNIT_ASSERT_EQ(test, 0,
			iommu_attach_device_pasid(domain, dev, mm_get_pasid(mm),
						  NULL));
	KUNIT_EXPECT_EQ(test, -EBUSY, bind_err(mm));
	KUNIT_EXPECT_EQ(test, 0, fake.group->nr_driver_pasids);
	iommu_detach_device_pasid(domain, dev, mm_get_pasid(mm));
	expect_no_trace(test);
	iommu_domain_free(domain);
	fake_sva_end_process(test, mm);
	fake_sva_end(test);
}

static int sva_reset_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void sva_reset_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case sva_reset_cases[] = {
	KUNIT_CASE(process_is_blocked),
	KUNIT_CASE(process_ends_meanwhile),
	KUNIT_CASE(reset_during_page_fault),
	KUNIT_CASE(driver_has_bound),
	KUNIT_CASE(driver_binds_meanwhile),
	{}
};

static struct kunit_suite sva_reset_suite = {
	.name = "iommu_sva_reset",
	.suite_init = sva_reset_suite_init,
	.suite_exit = sva_reset_suite_exit,
	.test_cases = sva_reset_cases,
};

kunit_test_suites(&sva_reset_suite);
