// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that are bound without memory, with both kinds of drivers of fake_sva.h.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "../iommu-sva.h"
#include "fail_alloc.h"
#include "fake_sva.h"

/* The process, what is bound, and the state before the bind under test */
static struct mm_struct *mm;
static struct iommu_sva *bond;
static unsigned int dev, domains;
static int references;
static bool enabled;

static int bind(void)
{
	bond = iommu_sva_bind(fake_device(dev), mm, NULL);
	return PTR_ERR_OR_ZERO(bond);
}

static void unbind(void)
{
	iommu_sva_unbind_device(bond);
}

static bool is_unbound(void)
{
	struct iommu_group *group = dev ? fake_sva.second : fake.group;
	ioasid_t pasid = mm_get_pasid(mm);

	return !iommu_group_has_pasids(group) && !group->nr_fault_handles &&
	       !group->nr_pasids && !group->nr_driver_pasids &&
	       (!pasid_valid(pasid) || (!fake_sva.hw[dev][pasid] &&
					!fake_sva.bound[dev][pasid])) &&
	       fake_sva.enabled[dev] == enabled &&
	       fake_sva_live_domains() == domains &&
	       atomic_read(&mm->mm_count) == references;
}

static bool is_bound(void)
{
	ioasid_t pasid = mm_get_pasid(mm);

	return pasid_valid(pasid) &&
	       (fake_sva.hw[dev][pasid] || fake_sva.bound[dev][pasid] == mm);
}

/* A new process at first, whose structure and PASID stay */
static void sweep(struct kunit *test, unsigned int device, unsigned int places)
{
	/* Numbers that are not to be had without memory count as taken */
	const struct fail_alloc_ops op = {
		.go = bind, .undo = unbind, .is_idle = is_unbound,
		.is_done = is_bound, .err = -ENOSPC, .places = places,
	};

	dev = device;
	domains = fake_sva_live_domains();
	references = atomic_read(&mm->mm_count);
	enabled = fake_sva.enabled[dev];
	fail_alloc_sweep(test, &op);
}

static void make_process(struct kunit *test)
{
	mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, mm);
}

/* The bond, its domain, the PASID in the group, and the room for page requests */
static void first_bond_and_second_device(struct kunit *test)
{
	struct iommu_sva *first;

	fake_sva_begin(test, &fake_sva_ops);
	make_process(test);
	sweep(test, 0, 6);
	first = fake_sva_bind(test, 0, mm);
	/* On the same domain */
	sweep(test, 1, 4);
	/* On one of its own */
	fake.iommus[0].features = 1;
	iommu_sva_unbind_device(first);
	first = fake_sva_bind(test, 0, mm);
	sweep(test, 1, 6);
	iommu_sva_unbind_device(first);
	mmput(mm);
	fake_sva_end(test);
}

/* In 6.1's way the driver has bound the process when the core needs memory for it */
static void bond_of_a_driver(struct kunit *test)
{
	unsigned int binds;

	fake_sva_begin(test, &fake_bind_ops);
	make_process(test);
	sweep(test, 0, 4);
	binds = fake_sva.calls[SVA_BIND];
	KUNIT_EXPECT_GT(test, fake_sva.unbinds, 0);
	KUNIT_EXPECT_GE(test, binds, fake_sva.unbinds);
	mmput(mm);
	fake_sva_end(test);
}

static int sva_alloc_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void sva_alloc_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case sva_alloc_cases[] = {
	KUNIT_CASE(first_bond_and_second_device),
	KUNIT_CASE(bond_of_a_driver),
	{}
};

static struct kunit_suite sva_alloc_suite = {
	.name = "iommu_sva_alloc",
	.suite_init = sva_alloc_suite_init,
	.suite_exit = sva_alloc_suite_exit,
	.test_cases = sva_alloc_cases,
};

kunit_test_suites(&sva_alloc_suite);
