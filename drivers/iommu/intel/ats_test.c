// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: the state of a domain at the moment when a function with ATS may begin to
 * cache translations, and when it no longer may; what a flush invalidates in the
 * unit and in the function, read from a queue that a thread serves; and the state
 * after a function did not answer.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

#include "domain.h"
#include "iommu.h"

#define FAKE_ATS_CAP	0x100

/* Addresses, both ends included */
struct span {
	u64 first, last;
};

/*
 * A function whose configuration space is one register that records accesses, and
 * the unit that translates for it.
 */
struct fake {
	struct intel_iommu iommu;
	struct iommu_domain_info attached;
	struct q_inval qi;
	struct task_struct *server;
	/* What was invalidated last in the unit and in the function */
	struct span unit_flush, device_flush;
	bool mute;
	struct pci_bus bus;
	struct pci_ops config;
	struct pci_dev pdev;
	struct device_domain_info info;
	struct dmar_domain domain;
	u16 ctrl;
	unsigned int writes;
	bool known, held;
};

static int read_config(struct pci_bus *bus, unsigned int devfn, int where,
		       int size, u32 *val)
{
	struct fake *fake = container_of(bus, struct fake, bus);

	*val = where == FAKE_ATS_CAP + PCI_ATS_CTRL ? fake->ctrl : 0;
	return PCIBIOS_SUCCESSFUL;
}

/* Only lockdep knows; without it the answer is the one that the tests expect */
static bool is_locked(spinlock_t *lock)
{
	return !IS_ENABLED(CONFIG_LOCKDEP) || lockdep_is_held(lock);
}

static int write_config(struct pci_bus *bus, unsigned int devfn, int where,
			int size, u32 val)
{
	struct fake *fake = container_of(bus, struct fake, bus);

	if (where != FAKE_ATS_CAP + PCI_ATS_CTRL)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	fake->ctrl = val;
	fake->writes++;
	fake->known = fake->domain.has_iotlb_device;
	fake->held = is_locked(&fake->domain.lock);
	return PCIBIOS_SUCCESSFUL;
}

static struct fake *fake_function(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->config.read = read_config;
	fake->config.write = write_config;
	fake->bus.ops = &fake->config;
	fake->pdev.bus = &fake->bus;
	fake->pdev.ats_cap = FAKE_ATS_CAP;
	fake->info.dev = &fake->pdev.dev;
	fake->info.domain = &fake->domain;
	spin_lock_init(&fake->domain.lock);
	INIT_LIST_HEAD(&fake->domain.devices);
	list_add(&fake->info.link, &fake->domain.devices);
	return fake;
}

/* From before the first translation on, no flush skips the device */
static void domain_knows_before_the_device_caches(struct kunit *test)
{
	struct fake *fake = fake_function(test);

	intel_ats_enable(&fake->info);
	KUNIT_ASSERT_EQ(test, fake->writes, 1U);
	KUNIT_EXPECT_TRUE(test, fake->ctrl & PCI_ATS_CTRL_ENABLE);
	KUNIT_EXPECT_TRUE(test, fake->known);
	/* No flush is on its way to a function that may not answer */
	KUNIT_EXPECT_TRUE(test, fake->held);
	KUNIT_EXPECT_EQ(test, (int)fake->info.ats_enabled, 1);
	KUNIT_EXPECT_EQ(test, (int)fake->info.ats_qdep, PCI_ATS_MAX_QDEP);

	intel_ats_disable(&fake->info);
	KUNIT_ASSERT_EQ(test, fake->writes, 2U);
	KUNIT_EXPECT_FALSE(test, fake->ctrl & PCI_ATS_CTRL_ENABLE);
	KUNIT_EXPECT_TRUE(test, fake->known);
	KUNIT_EXPECT_TRUE(test, fake->held);
	KUNIT_EXPECT_EQ(test, (int)fake->info.ats_enabled, 0);
}

static void function_that_may_not_cache_is_not_flushed(struct kunit *test)
{
	struct fake *fake = fake_function(test);

	fake->pdev.untrusted = true;
	intel_ats_enable(&fake->info);
	KUNIT_EXPECT_EQ(test, fake->writes, 0U);
	KUNIT_EXPECT_EQ(test, (int)fake->info.ats_enabled, 0);
}

/* The range of a block of pages of which @addr is one */
static struct span block_of(u64 addr, unsigned int order)
{
	u64 offset = GENMASK_ULL(VTD_PAGE_SHIFT + order - 1, 0);

	return (struct span){ addr & ~offset, addr | offset };
}

static const struct span everything = { 0, ~0ULL };

/* Device TLB (6.5.2.5): with S the lowest bit that is clear tells the size */
static struct span device_range(u64 qw1)
{
	u64 addr = qw1 & VTD_PAGE_MASK;

	if (!(qw1 & BIT_ULL(0)))
		return block_of(addr, 0);
	return block_of(addr, __ffs64(~(addr | ~VTD_PAGE_MASK)) + 1 -
			      VTD_PAGE_SHIFT);
}

/* PASID-based IOTLB (6.5.2.4): granularity 3 is pages, 2 the whole PASID */
static struct span piotlb_range(u64 qw0, u64 qw1)
{
	if ((qw0 >> 4 & 3) != 3)
		return everything;
	return block_of(qw1 & VTD_PAGE_MASK, qw1 & 0x3f);
}

static void serve(struct fake *fake, unsigned int nr)
{
	u64 *desc = fake->qi.desc + (nr << DMAR_IQ_SHIFT);

	switch (desc[0] & 0xf) {
	case QI_EIOTLB_TYPE:
		fake->unit_flush = piotlb_range(desc[0], desc[1]);
		break;
	case QI_DIOTLB_TYPE:
		fake->device_flush = device_range(desc[1]);
		break;
	case QI_IWD_TYPE:
		/* If the function does not answer, no later request completes */
		if (fake->mute)
			break;
		/* Pairs with the poll of this word in qi_submit_sync() */
		smp_store_release((u32 *)phys_to_virt(desc[1]),
				  (u32)(desc[0] >> 32));
		break;
	}
}

static int serve_queue(void *data)
{
	struct fake *fake = data;
	unsigned int head = 0, tail;

	while (!kthread_should_stop()) {
		tail = readl(fake->iommu.reg + DMAR_IQT_REG) >> DMAR_IQ_SHIFT;
		for (; head != tail; head = (head + 1) % QI_LENGTH)
			serve(fake, head);
		writel(tail << DMAR_IQ_SHIFT, fake->iommu.reg + DMAR_IQH_REG);
		cond_resched();
	}
	return 0;
}

/* Flushes that do not take the queue */
static void note_iotlb_flush(struct intel_iommu *iommu, u16 did, u64 addr,
			     unsigned int size_order, u64 type)
{
	struct fake *fake = container_of(iommu, struct fake, iommu);

	fake->unit_flush = type == DMA_TLB_PSI_FLUSH ?
			   block_of(addr & VTD_PAGE_MASK, size_order) :
			   everything;
}

/* A domain that is attached to a unit with a queue; in @test->priv */
static struct fake *fake_unit(struct kunit *test)
{
	struct fake *fake = fake_function(test);
	struct q_inval *qi = &fake->qi;
	struct task_struct *server;
	unsigned int cpu;
	void *regs;

	/* The submitter waits with interrupts off: the unit needs another CPU */
	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU submits, another one serves");
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	cpu = cpumask_any_but(cpu_online_mask, cpumask_first(cpu_online_mask));

	regs = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	qi->desc = kunit_kcalloc(test, QI_LENGTH, 1 << DMAR_IQ_SHIFT, GFP_KERNEL);
	qi->desc_status = kunit_kcalloc(test, QI_LENGTH, sizeof(int), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, regs);
	KUNIT_ASSERT_NOT_NULL(test, qi->desc);
	KUNIT_ASSERT_NOT_NULL(test, qi->desc_status);
	raw_spin_lock_init(&qi->q_lock);
	qi->free_cnt = QI_LENGTH;

	/* 48 bits, invalidation of pages, at most 2^18 of them */
	fake->iommu.cap = 0xd2008c222f0606;
	fake->iommu.reg = (void __iomem __force *)regs;
	fake->iommu.gcmd = DMA_GCMD_TE;
	fake->iommu.qi = qi;
	fake->iommu.flush.flush_iotlb = note_iotlb_flush;
	fake->info.iommu = &fake->iommu;
	fake->attached.iommu = &fake->iommu;
	fake->attached.did = 77;
	xa_init(&fake->domain.iommu_array);
	xa_store(&fake->domain.iommu_array, 0, &fake->attached, GFP_KERNEL);

	server = kthread_create_on_cpu(serve_queue, fake, cpu, "fake-vtd/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(server));
	fake->server = server;
	test->priv = fake;
	wake_up_process(server);
	return fake;
}

static void stop_unit(struct kunit *test)
{
	struct fake *fake = test->priv;

	if (!fake)
		return;
	kthread_stop(fake->server);
	xa_destroy(&fake->domain.iommu_array);
}

/* Flush as after an unmap */
static void flush(struct fake *fake, u64 iova, u64 size)
{
	const struct iommu_domain_ops *ops = intel_iommu_ops.default_domain_ops;
	struct iommu_iotlb_gather gather;

	fake->unit_flush = (struct span){ 1, 0 };
	fake->device_flush = (struct span){ 1, 0 };
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, iova, size);
	ops->iotlb_sync(&fake->domain.domain, &gather);
}

static bool covers(struct span range, u64 iova, u64 size)
{
	return range.first <= iova && range.last >= iova + size - 1;
}

static const struct flush_case {
	u64 iova, size;
	bool small;
} flush_cases[] = {
	{ 0, SZ_4K, true },
	{ SZ_2M + SZ_4K, SZ_4K, true },
	{ SZ_2M, SZ_2M, true },
	/* From the second page of a block into the next block */
	{ SZ_2M + SZ_4K, SZ_16K, true },
	{ SZ_2M - SZ_4K, SZ_8K, true },
	{ SZ_1G - SZ_4K, SZ_2M },
	{ SZ_1G + 3 * SZ_4K, 5 * SZ_4K, true },
	/* More pages than 32 bits count, and nothing but a carry */
	{ 0, 16ULL * SZ_1T + SZ_1G },
	{ SZ_1G, 16ULL * SZ_1T + SZ_1G },
	{ 0, 16ULL * SZ_1T },
	{ SZ_4K, 16ULL * SZ_1T },
	{ 0, BIT_ULL(48) },
};

static void flushes_reach_all_that_was_unmapped(struct kunit *test)
{
	struct fake *fake = fake_unit(test);
	int i, first_stage;

	intel_ats_enable(&fake->info);
	for (first_stage = 0; first_stage < 2; first_stage++) {
		fake->domain.flags = first_stage ? DOMAIN_FLAG_USE_FIRST_LEVEL : 0;
		for (i = 0; i < ARRAY_SIZE(flush_cases); i++) {
			const struct flush_case *c = &flush_cases[i];

			flush(fake, c->iova, c->size);
			KUNIT_EXPECT_TRUE_MSG(test, covers(fake->unit_flush, c->iova,
							   c->size),
					      "unit, %llx from %llx: %llx to %llx",
					      c->size, c->iova,
					      fake->unit_flush.first,
					      fake->unit_flush.last);
			KUNIT_EXPECT_TRUE_MSG(test, covers(fake->device_flush, c->iova,
							   c->size),
					      "device, %llx from %llx: %llx to %llx",
					      c->size, c->iova,
					      fake->device_flush.first,
					      fake->device_flush.last);
			/* No more than the blocks around it */
			if (c->small)
				KUNIT_EXPECT_LE(test, fake->device_flush.last,
						(u64)SZ_2G);
		}
	}
	intel_ats_disable(&fake->info);
}

/* A unit with caching mode is flushed after a map, in the same way */
static void units_that_cache_absence_hear_of_all(struct kunit *test)
{
	const struct iommu_domain_ops *ops = intel_iommu_ops.default_domain_ops;
	struct fake *fake = fake_unit(test);
	int i;

	fake->iommu.cap |= BIT_ULL(7);	/* CM */
	fake->domain.sync_map = true;
	for (i = 0; i < ARRAY_SIZE(flush_cases); i++) {
		const struct flush_case *c = &flush_cases[i];

		fake->unit_flush = (struct span){ 1, 0 };
		ops->iotlb_sync_map(&fake->domain.domain, c->iova, c->size);
		KUNIT_EXPECT_TRUE_MSG(test, covers(fake->unit_flush, c->iova, c->size),
				      "%llx from %llx: %llx to %llx", c->size, c->iova,
				      fake->unit_flush.first, fake->unit_flush.last);
	}
}

/*
 * One task removes a function that does not answer, while another one unmaps and
 * gives up its flush. When the unmap returns, the function cannot use its cache.
 */
static void no_flush_gives_up_on_a_device_that_may_cache(struct kunit *test)
{
	struct fake *fake = fake_unit(test);

	intel_ats_enable(&fake->info);
	fake->info.ats_ending = true;
	fake->mute = true;
	writel(DMA_FSTS_ITE, fake->iommu.reg + DMAR_FSTS_REG);

	flush(fake, SZ_1G, SZ_4K);
	KUNIT_EXPECT_TRUE(test, covers(fake->unit_flush, SZ_1G, SZ_4K));
	KUNIT_EXPECT_TRUE(test, covers(fake->device_flush, SZ_1G, SZ_4K));
	KUNIT_EXPECT_EQ(test, fake->writes, 2U);
	KUNIT_EXPECT_FALSE(test, fake->ctrl & PCI_ATS_CTRL_ENABLE);
	KUNIT_EXPECT_TRUE(test, fake->held);
	KUNIT_EXPECT_EQ(test, (int)fake->info.ats_enabled, 0);

	/* Once is enough: the next flush has no device to wait for */
	flush(fake, SZ_2G, SZ_4K);
	KUNIT_EXPECT_TRUE(test, covers(fake->unit_flush, SZ_2G, SZ_4K));
	KUNIT_EXPECT_FALSE(test, covers(fake->device_flush, SZ_2G, SZ_4K));
	/* and disabling ATS again does nothing */
	intel_ats_disable(&fake->info);
	KUNIT_EXPECT_EQ(test, fake->writes, 2U);
}

static struct kunit_case intel_ats_cases[] = {
	KUNIT_CASE(domain_knows_before_the_device_caches),
	KUNIT_CASE(function_that_may_not_cache_is_not_flushed),
	KUNIT_CASE(flushes_reach_all_that_was_unmapped),
	KUNIT_CASE(units_that_cache_absence_hear_of_all),
	KUNIT_CASE(no_flush_gives_up_on_a_device_that_may_cache),
	{}
};

static struct kunit_suite intel_ats_suite = {
	.name = "iommu_vtd_ats",
	.exit = stop_unit,
	.test_cases = intel_ats_cases,
};
kunit_test_suite(intel_ats_suite);
