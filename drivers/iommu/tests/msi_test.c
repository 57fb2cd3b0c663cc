// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI doorbells that are set up while the device changes its domain.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_ext.h"

#define DOORBELL	0x9000040UL
#define BASE		0x8000000UL
#define OTHER_BASE	0x9800000UL

static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static const struct iommu_ops msi_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &domain_ops,
};

/* A domain as of VFIO type1, or one without doorbells if @base is 0 */
static struct iommu_domain *make_domain(struct kunit *test, dma_addr_t base)
{
	struct iommu_domain *domain;
	bool complete;

	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	if (base)
		KUNIT_ASSERT_EQ(test, 0, iommu_get_msi_cookie(domain, base));
	return domain;
}

static size_t mapped_bytes(struct iommu_domain *domain)
{
	return to_fake_domain(domain)->mapped;
}

static u64 doorbell_iova(const struct msi_desc *desc)
{
	return desc->iommu_msi_shift ?
	       (u64)desc->iommu_msi_iova << desc->iommu_msi_shift : 0;
}

/**
 * struct setup - a thread that sets up an interrupt
 * @desc: the interrupt
 * @ret: result of the setup
 * @begun: the thread runs
 * @done: @ret is set, the thread is about to end
 */
struct setup {
	struct msi_desc desc;
	int ret;
	struct completion begun;
	struct completion done;
};

static int set_up(void *data)
{
	struct setup *setup = data;

	complete(&setup->begun);
	setup->ret = iommu_dma_prepare_msi(&setup->desc, DOORBELL);
	complete(&setup->done);
	return 0;
}

/*
 * The domain must be looked up under the group's mutex: @old may be freed before
 * the mutex is taken.
 */
static void replace_during_setup(struct kunit *test, dma_addr_t new_base)
{
	struct setup setup = { .ret = -EINPROGRESS };
	struct iommu_domain *old, *new;
	struct task_struct *thread;

	fake_world_init(test, &msi_ops, 1);
	old = make_domain(test, BASE);
	new = make_domain(test, new_base);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(old, fake.group));
	setup.desc.dev = fake_device(0);
	init_completion(&setup.begun);
	init_completion(&setup.done);

	mutex_lock(&fake.group->mutex);
	thread = kthread_run(set_up, &setup, "msi-setup");
	if (!IS_ERR(thread)) {
		wait_for_completion(&setup.begun);
		/* The thread sleeps only when it waits for the group's mutex */
		while (task_is_running(thread))
			schedule_timeout_uninterruptible(1);
	}
	KUNIT_EXPECT_EQ(test, 0, iommu_group_set_domain(fake.group, new));
	mutex_unlock(&fake.group->mutex);
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	wait_for_completion(&setup.done);

	KUNIT_EXPECT_EQ(test, setup.ret, 0);
	KUNIT_EXPECT_EQ(test, mapped_bytes(old), 0);
	KUNIT_EXPECT_EQ(test, mapped_bytes(new), new_base ? PAGE_SIZE : 0);
	KUNIT_EXPECT_EQ(test, doorbell_iova(&setup.desc), (u64)new_base);

	iommu_detach_group(new, fake.group);
	iommu_domain_free(new);
	iommu_domain_free(old);
	fake_world_exit(test);
}

static void domain_is_replaced_meanwhile(struct kunit *test)
{
	replace_during_setup(test, OTHER_BASE);
	replace_during_setup(test, 0);
}

static unsigned int prepared;

static int prepare(struct iommu_domain *domain, struct msi_desc *desc,
		   phys_addr_t msi_addr)
{
	lockdep_assert_held(&fake.group->mutex);
	prepared++;
	return -ENOSPC;
}

static int prepare_blocked(struct iommu_dma_owner *owner, struct msi_desc *desc,
			   phys_addr_t msi_addr)
{
	lockdep_assert_held(&fake.group->mutex);
	msi_desc_set_iommu_msi_iova(desc, OTHER_BASE, PAGE_SHIFT);
	return 0;
}

static const struct iommu_sw_msi_ops sw_msi = {
	.prepare = prepare,
	.prepare_blocked = prepare_blocked,
};

/* The owner is asked while the device is blocked, else the domain */
static void owner_of_blocked_device_is_asked(struct kunit *test)
{
	struct iommu_dma_owner owner = { .sw_msi = &sw_msi }, plain = {};
	struct iommu_domain *domain;
	struct msi_desc desc = {};

	fake_world_init(test, &msi_ops, 1);
	desc.dev = fake_device(0);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(desc.dev, &owner));
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), (u64)OTHER_BASE);
	domain = make_domain(test, BASE);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(desc.dev, domain));
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), (u64)BASE);
	iommu_device_detach_domain(desc.dev, domain);
	iommu_domain_free(domain);
	iommu_device_release_dma_owner(desc.dev);

	/* Not asked: an owner after its release, and owners without sw_msi */
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), 0ULL);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(desc.dev, &plain));
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), 0ULL);
	iommu_device_release_dma_owner(desc.dev);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_group_claim_dma_owner(fake.group, &owner));
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), 0ULL);
	iommu_group_release_dma_owner(fake.group);
	fake_world_exit(test);
}

/* The three kinds of domains, and a device that has none */
static void each_kind_of_domain(struct kunit *test)
{
	struct iommu_domain *domain;
	struct msi_desc desc = {};
	struct fake_dev *stray;

	fake_world_init(test, &msi_ops, 1);
	stray = fake_dev_make(test, NULL);
	stray->gone = true;
	desc.dev = &stray->pci.dev;
	msi_desc_set_iommu_msi_iova(&desc, BASE, PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), 0ULL);

	desc.dev = fake_device(0);
	msi_desc_set_iommu_msi_iova(&desc, BASE, PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), 0ULL);

	domain = make_domain(test, BASE);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, fake.group));
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, 0, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, doorbell_iova(&desc), (u64)BASE);
	KUNIT_EXPECT_EQ(test, mapped_bytes(domain), PAGE_SIZE);
	iommu_detach_group(domain, fake.group);
	iommu_domain_free(domain);

	domain = make_domain(test, 0);
	domain->sw_msi = &sw_msi;
	prepared = 0;
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, fake.group));
	KUNIT_EXPECT_EQ(test, -ENOSPC, iommu_dma_prepare_msi(&desc, DOORBELL));
	KUNIT_EXPECT_EQ(test, prepared, 1U);
	iommu_detach_group(domain, fake.group);
	iommu_domain_free(domain);
	fake_world_exit(test);
}

static int msi_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void msi_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case msi_cases[] = {
	KUNIT_CASE(domain_is_replaced_meanwhile),
	KUNIT_CASE(each_kind_of_domain),
	KUNIT_CASE(owner_of_blocked_device_is_asked),
	{}
};

static struct kunit_suite msi_suite = {
	.name = "iommu_msi",
	.suite_init = msi_suite_init,
	.suite_exit = msi_suite_exit,
	.test_cases = msi_cases,
};

kunit_test_suites(&msi_suite);
