// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups and PASIDs that are put on domains without memory.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fail_alloc.h"
#include "fake_pasids.h"

static struct iommu_dma_owner owner;

/* Domains that are made before memory is short */
static struct iommu_domain *one, *other;
static ioasid_t pasid;

static void begin(struct kunit *test, const struct iommu_ops *ops)
{
	pasids_begin_with(test, ops, 2);
	one = pasids_new_domain(test);
	other = pasids_new_domain(test);
	pasid = PASID;
}

static void end(struct kunit *test)
{
	pasids_expect_freed(test, one);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

static bool no_pasids(void)
{
	return !iommu_group_has_pasids(fake.group) && pasids_all_on(pasid, NULL);
}

/* A group that is claimed and put on its first domain */

static int claim_and_attach(void)
{
	int err;

	err = iommu_device_claim_dma_owner(fake_device(0), &owner);
	if (err)
		return err;
	err = iommu_device_replace_domain(fake_device(1), one);
	if (err)
		iommu_device_release_dma_owner(fake_device(0));
	return err;
}

static void release(void)
{
	iommu_device_release_dma_owner(fake_device(0));
}

static bool has_no_owner(void)
{
	return !fake.group->owner && !fake.group->owner_cnt &&
	       fake_all_on(fake.group->default_domain) && no_pasids();
}

static bool is_attached(void)
{
	return fake.group->owner == &owner && fake_all_on(one);
}

static void first_attach_of_a_group(struct kunit *test)
{
	const struct fail_alloc_ops op = {
		.go = claim_and_attach, .undo = release, .is_idle = has_no_owner,
		.is_done = is_attached,
	};

	begin(test, &pasids_ops);
	fail_alloc_sweep(test, &op);
	end(test);
}

/* Without a static one the first claim makes a domain to block the group with */
static const struct iommu_ops dynamic_ops = {
	.domain_alloc		= fake_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= pasids_release_device,
	.device_group		= fake_device_group,
	.def_domain_type	= fake_def_domain_type,
	.default_domain_ops	= &pasids_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

static int claim_with_new_domain(void)
{
	struct iommu_domain *blocking = fake.group->blocking_domain;

	/* As if it were the first claim */
	if (blocking && blocking != fake.group->domain) {
		fake.group->blocking_domain = NULL;
		iommu_domain_free(blocking);
	}
	return claim_and_attach();
}

static void first_blocking_domain(struct kunit *test)
{
	const struct fail_alloc_ops op = {
		.go = claim_with_new_domain, .undo = release,
		.is_idle = has_no_owner, .is_done = is_attached, .err = -EINVAL,
		.places = 1,
	};

	begin(test, &dynamic_ops);
	fail_alloc_sweep(test, &op);
	end(test);
}

/* PASIDs */

static int attach(void)
{
	return iommu_attach_device_pasid(one, fake_device(0), pasid, NULL);
}

static void detach(void)
{
	iommu_detach_device_pasid(one, fake_device(0), pasid);
}

static bool is_on_one(void)
{
	return pasids_all_on(pasid, one) && fake.group->nr_pasids == 1;
}

/* The PASID, and nodes of the group's table */
static void attach_of_a_pasid(struct kunit *test)
{
	const struct fail_alloc_ops op = {
		.go = attach, .undo = detach, .is_idle = no_pasids,
		.is_done = is_on_one, .places = 2,
	};
	const struct fail_alloc_ops deep = {
		.go = attach, .undo = detach, .is_idle = no_pasids,
		.is_done = is_on_one, .places = 3,
	};

	begin(test, &pasids_ops);
	pasids_bind_driver(test);
	fail_alloc_sweep(test, &op);
	pasid = DEEP_PASID;
	fail_alloc_sweep(test, &deep);
	end(test);
}

/* What has failed is not in the way of others: a claim, or another driver */
static void failed_attach_leaves_the_group_free(struct kunit *test)
{
	unsigned int nth;

	begin(test, &pasids_ops);
	pasid = DEEP_PASID;
	for (nth = 1; nth < 20; nth++) {
		pasids_bind_driver(test);
		if (!fail_alloc_once(attach, nth))
			detach();
		KUNIT_EXPECT_TRUE(test, no_pasids());
		/* No PASID is counted for which a reset would take the mutex */
		iommu_device_reset_begin(fake_device(0));
		KUNIT_EXPECT_EQ(test, fake.group->nr_pasids_quiet, 0);
		iommu_device_reset_end(fake_device(0));
		pasids_unbind_driver();
		KUNIT_EXPECT_EQ(test, 0, claim_and_attach());
		release();
	}
	end(test);
}

static int replace(void)
{
	return iommu_replace_device_pasid(other, fake_device(0), pasid, NULL);
}

static void go_back(void)
{
	iommu_replace_device_pasid(one, fake_device(0), pasid, NULL);
}

static bool is_on_other(void)
{
	return pasids_all_on(pasid, other) && fake.group->nr_pasids == 1;
}

/* Needs no memory without page requests */
static void replace_of_a_pasid(struct kunit *test)
{
	const struct fail_alloc_ops op = {
		.go = replace, .undo = go_back, .is_idle = is_on_one,
		.is_done = is_on_other,
	};

	begin(test, &pasids_ops);
	pasids_bind_driver(test);
	pasids_attach(test, one, pasid);
	fail_alloc_sweep(test, &op);
	detach();
	end(test);
}

/* What leaves a domain, and comes back to it after a reset, needs no memory at all */
static int reset_and_detach(void)
{
	iommu_device_reset_begin(fake_device(0));
	iommu_device_reset_end(fake_device(0));
	if (!is_on_one())
		return -EIO;
	detach();
	return no_pasids() ? 0 : -EIO;
}

static void attach_again(void)
{
	attach();
}

static void ends_need_no_memory(struct kunit *test)
{
	const struct fail_alloc_ops op = {
		.go = reset_and_detach, .undo = attach_again, .is_idle = is_on_one,
		.is_done = no_pasids,
	};

	begin(test, &pasids_ops);
	pasids_bind_driver(test);
	pasids_attach(test, one, pasid);
	fail_alloc_sweep(test, &op);
	detach();
	end(test);
}

static int pasid_alloc_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void pasid_alloc_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case pasid_alloc_cases[] = {
	KUNIT_CASE(first_attach_of_a_group),
	KUNIT_CASE(first_blocking_domain),
	KUNIT_CASE(attach_of_a_pasid),
	KUNIT_CASE(failed_attach_leaves_the_group_free),
	KUNIT_CASE(replace_of_a_pasid),
	KUNIT_CASE(ends_need_no_memory),
	{}
};

static struct kunit_suite pasid_alloc_suite = {
	.name = "iommu_pasid_alloc",
	.suite_init = pasid_alloc_suite_init,
	.suite_exit = pasid_alloc_suite_exit,
	.test_cases = pasid_alloc_cases,
};

kunit_test_suites(&pasid_alloc_suite);
