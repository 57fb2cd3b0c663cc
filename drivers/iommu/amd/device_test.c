// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: what attaching, blocking and reporting do to a device. The unit's
 * registers are memory, in which every command is complete at once.
 */
#include <kunit/test.h>
#include <linux/amd-iommu.h>
#include <linux/completion.h>
#include <linux/iommu.h>
#include <linux/irq.h>
#include <linux/lockdep.h>
#include <linux/pci.h>
#include <asm/hw_irq.h>
#include <asm/irq_remapping.h>

#include "amd_iommu.h"
#include "domain.h"

#define FAKE_SEGMENT	0x4b55
#define FAKE_DEVID	PCI_DEVID(0, PCI_DEVFN(1, 0))
#define NR_DEVIDS	(FAKE_DEVID + 1)
#define NR_IRTES	2

struct fake {
	struct dev_table_entry dev_table[NR_DEVIDS];
	struct irte_ga irtes[NR_IRTES] __aligned(16);
	u8 cmd_buf[CMD_BUFFER_SIZE];
	u8 registers[MMIO_CMD_TAIL_OFFSET + sizeof(u64)];
	u64 completed;
	struct amd_iommu unit;
	struct amd_iommu_pci_seg segment;
	struct amd_iommu *units[NR_DEVIDS];
	struct irq_remap_table irq_table;
	struct irq_remap_table *irq_tables[NR_DEVIDS];
	u16 aliases[NR_DEVIDS];
	DECLARE_BITMAP(domain_ids, MAX_DOMAIN_ID);
	struct iommu_dev_data dev_data;
	struct dev_iommu param;
	struct pci_sysdata sysdata;
	struct pci_bus bus;
	struct pci_dev pdev;
	struct completion released;
};

static void fake_unit(struct fake *fake)
{
	struct amd_iommu_pci_seg *segment = &fake->segment;
	struct amd_iommu *unit = &fake->unit;

	segment->id = FAKE_SEGMENT;
	segment->last_bdf = FAKE_DEVID;
	segment->dev_table = fake->dev_table;
	segment->rlookup_table = fake->units;
	segment->irq_lookup_table = fake->irq_tables;
	segment->alias_table = fake->aliases;
	init_llist_head(&segment->dev_data_list);
	fake->units[FAKE_DEVID] = unit;
	fake->aliases[FAKE_DEVID] = FAKE_DEVID;

	raw_spin_lock_init(&unit->lock);
	unit->pci_seg = segment;
	unit->cmd_buf = fake->cmd_buf;
	unit->mmio_base = (u8 __iomem *)fake->registers;
	/* Greater than every value that a command can wait for */
	fake->completed = S64_MAX;
	unit->cmd_sem = &fake->completed;

	raw_spin_lock_init(&fake->irq_table.lock);
	fake->irq_table.table = (u32 *)fake->irtes;
	fake->irq_tables[FAKE_DEVID] = &fake->irq_table;
}

static void fake_device(struct fake *fake)
{
	struct iommu_dev_data *dev_data = &fake->dev_data;
	struct device *dev = &fake->pdev.dev;

	fake->sysdata.domain = FAKE_SEGMENT;
	fake->bus.sysdata = &fake->sysdata;
	fake->pdev.bus = &fake->bus;
	fake->pdev.devfn = FAKE_DEVID;
	dev->bus = &pci_bus_type;
	dev->iommu = &fake->param;
	fake->param.iommu_dev = &fake->unit.iommu;
	fake->param.priv = dev_data;

	spin_lock_init(&dev_data->lock);
	dev_data->dev = dev;
	dev_data->devid = FAKE_DEVID;
	llist_add(&dev_data->dev_data_list, &fake->segment.dev_data_list);
}

static int device_test_init(struct kunit *test)
{
	struct fake *fake;

	/* Lookups in the list of segments take no lock, so a used one cannot change */
	if (!list_empty(&amd_iommu_pci_seg_list))
		kunit_skip(test, "this machine has units of its own");

	fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake_unit(fake);
	fake_device(fake);
	list_add_tail(&fake->segment.list, &amd_iommu_pci_seg_list);
	__set_bit(0, fake->domain_ids);
	amd_iommu_pd_alloc_bitmap = fake->domain_ids;
	test->priv = fake;
	return 0;
}

static void device_test_exit(struct kunit *test)
{
	struct fake *fake = test->priv;

	if (!fake)
		return;
	amd_iommu_pd_alloc_bitmap = NULL;
	list_del(&fake->segment.list);
}

#ifdef CONFIG_IRQ_REMAP
#define GUEST_TAG	0x77

/* An interrupt of the device as KVM has posted it to a virtual processor */
struct posted {
	struct irq_cfg cfg;
	struct irq_data vector_data;
	struct irq_data irq_data;
	struct amd_ir_data ir_data;
	struct irte_ga entry;
};

static struct posted *post_interrupt(struct kunit *test)
{
	struct posted *posted;
	struct fake *fake = test->priv;

	posted = kunit_kzalloc(test, sizeof(*posted), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, posted);
	/* irqd_cfg() finds it at the beginning of what the innermost chip has */
	posted->vector_data.chip_data = &posted->cfg;
	posted->irq_data.parent_data = &posted->vector_data;
	posted->irq_data.chip_data = &posted->ir_data;
	posted->cfg.vector = 0x31;

	posted->entry.lo.fields_vapic.valid = 1;
	posted->entry.lo.fields_vapic.guest_mode = 1;
	posted->entry.lo.fields_vapic.ga_tag = GUEST_TAG;
	posted->entry.hi.fields.ga_root_ptr = 0xdead;
	fake->irtes[1] = posted->entry;

	posted->ir_data.iommu = &fake->unit;
	posted->ir_data.entry = &posted->entry;
	posted->ir_data.irq_2_irte.devid = FAKE_DEVID;
	posted->ir_data.irq_2_irte.index = 1;
	posted->ir_data.cached_ga_tag = GUEST_TAG;
	return posted;
}

/* A blocked device keeps its interrupts: KVM goes on posting them */
static void blocked_device_posts_interrupts(struct kunit *test)
{
	struct fake *fake = test->priv;

	fake->dev_data.use_vapic = true;
	amd_iommu_block_device(&fake->pdev.dev);
	KUNIT_EXPECT_TRUE(test, fake->dev_data.use_vapic);
}

/*
 * KVM frees the page that the entry points to as soon as it has asked for an
 * ordinary entry again, even if that fails.
 */
static void interrupt_is_never_left_posted(struct kunit *test)
{
	struct amd_iommu_pi_data pi = { .is_guest_mode = false };
	struct posted *posted = post_interrupt(test);
	struct fake *fake = test->priv;
	const struct irte_ga *irte = &fake->irtes[1];

	fake->dev_data.use_vapic = false;
	KUNIT_EXPECT_EQ(test, 0,
			amd_ir_set_vcpu_affinity(&posted->irq_data, &pi));
	KUNIT_EXPECT_EQ(test, pi.prev_ga_tag, (u32)GUEST_TAG);
	KUNIT_EXPECT_PTR_EQ(test, pi.ir_data, (void *)&posted->ir_data);
	KUNIT_EXPECT_EQ(test, (u64)irte->lo.fields_remap.guest_mode, 0ULL);
	KUNIT_EXPECT_EQ(test, (u64)irte->lo.fields_remap.valid, 1ULL);
	KUNIT_EXPECT_EQ(test, (u64)irte->hi.fields.ga_root_ptr, 0ULL);
	KUNIT_EXPECT_EQ(test, (u64)irte->hi.fields.vector, 0x31ULL);
}

/* Interrupts of devices that user space does not have are not posted */
static void interrupt_of_kernel_is_not_posted(struct kunit *test)
{
	struct vcpu_data vcpu = { .vector = 0x41 };
	struct amd_iommu_pi_data pi = {
		.is_guest_mode = true, .vcpu_data = &vcpu,
	};
	struct posted *posted = post_interrupt(test);
	struct fake *fake = test->priv;

	fake->dev_data.use_vapic = false;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			amd_ir_set_vcpu_affinity(&posted->irq_data, &pi));
}
#endif /* CONFIG_IRQ_REMAP */

#define FAULT_ADDRESS	0x12345000ULL

struct seen {
	struct fake *fake;
	unsigned int faults;
	int answer;
	bool held;
	u64 address;
	int flags;
};

/* Only lockdep knows; without it the answer is the one that the tests expect */
static bool is_locked(spinlock_t *lock)
{
	return !IS_ENABLED(CONFIG_LOCKDEP) || lockdep_is_held(lock);
}

static int see_fault(struct iommu_domain *domain, struct device *dev,
		     unsigned long iova, int flags, void *token)
{
	struct seen *seen = token;

	seen->faults++;
	seen->held = is_locked(&seen->fake->dev_data.lock);
	seen->address = iova;
	seen->flags = flags;
	return seen->answer;
}

static struct iommu_domain *attached_domain(struct kunit *test)
{
	struct protection_domain *domain;
	struct fake *fake = test->priv;

	domain = protection_domain_alloc(IOMMU_DOMAIN_UNMANAGED, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	domain->domain.ops = amd_iommu_ops.default_domain_ops;
	KUNIT_ASSERT_EQ(test, 0,
			domain->domain.ops->attach_dev(&domain->domain,
						       &fake->pdev.dev));
	KUNIT_ASSERT_PTR_EQ(test, fake->dev_data.domain, domain);
	return &domain->domain;
}

/* A domain is not freed while its handler is called */
static void faults_keep_their_domain(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct seen seen = { .fake = fake };
	struct iommu_domain *domain = attached_domain(test);

	/* Without a handler */
	KUNIT_EXPECT_LT(test,
			amd_iommu_report_fault(&fake->dev_data, FAULT_ADDRESS,
					       IOMMU_FAULT_READ), 0);
	/* iommu_set_fault_handler() wants a domain that is in use */
	domain->handler = see_fault;
	domain->handler_token = &seen;
	KUNIT_EXPECT_EQ(test, 0,
			amd_iommu_report_fault(&fake->dev_data, FAULT_ADDRESS,
					       IOMMU_FAULT_WRITE));
	KUNIT_EXPECT_EQ(test, seen.faults, 1U);
	KUNIT_EXPECT_TRUE(test, seen.held);
	KUNIT_EXPECT_EQ(test, seen.address, FAULT_ADDRESS);
	KUNIT_EXPECT_EQ(test, seen.flags, IOMMU_FAULT_WRITE);
	if (IS_ENABLED(CONFIG_LOCKDEP))
		KUNIT_EXPECT_FALSE(test, is_locked(&fake->dev_data.lock));

	seen.answer = -EFAULT;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			amd_iommu_report_fault(&fake->dev_data, FAULT_ADDRESS,
					       IOMMU_FAULT_READ));
	amd_iommu_block_device(&fake->pdev.dev);
	KUNIT_EXPECT_EQ(test, 1,
			amd_iommu_report_fault(&fake->dev_data, FAULT_ADDRESS,
					       IOMMU_FAULT_READ));
	KUNIT_EXPECT_EQ(test, seen.faults, 2U);
	domain->ops->free(domain);
}

/* Freeing detaches the devices that are left, each under its lock (lockdep) */
static void freed_domain_lets_its_device_go(struct kunit *test)
{
	struct iommu_domain *domain = attached_domain(test);
	struct fake *fake = test->priv;

	domain->ops->free(domain);
	KUNIT_EXPECT_NULL(test, fake->dev_data.domain);
	KUNIT_EXPECT_EQ(test, 1,
			amd_iommu_report_fault(&fake->dev_data, FAULT_ADDRESS,
					       IOMMU_FAULT_READ));
}

static void release_pdev(struct device *dev)
{
	struct fake *fake = container_of(dev, struct fake, pdev.dev);

	complete(&fake->released);
}

/* Put the device where the event log looks for it. No driver matches it */
static void plug_in(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct device *dev = &fake->pdev.dev;

	/* The core asks the machine's own IOMMU, if any, to serve it */
	dev->iommu = NULL;
	init_completion(&fake->released);
	device_initialize(dev);
	dev->release = release_pdev;
	KUNIT_ASSERT_EQ(test, 0, dev_set_name(dev, "%04x:00:01.0",
					      FAKE_SEGMENT));
	KUNIT_ASSERT_EQ(test, 0, device_add(dev));
	dev->iommu = &fake->param;
}

static void pull_out(struct fake *fake)
{
	fake->pdev.dev.iommu = NULL;
	device_del(&fake->pdev.dev);
	put_device(&fake->pdev.dev);
	wait_for_completion(&fake->released);
}

/*
 * The reader of the event log may hold a reference to the device, but not to
 * dev->iommu, which leads to the driver's data: an unplug frees that meanwhile.
 */
static void fault_of_device_that_leaves(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct seen seen = { .fake = fake };
	struct iommu_domain *domain = attached_domain(test);

	domain->handler = see_fault;
	domain->handler_token = &seen;
	plug_in(test);
	amd_iommu_report_page_fault(&fake->unit, FAKE_DEVID, 0, FAULT_ADDRESS,
				    EVENT_FLAG_RW);
	KUNIT_EXPECT_EQ(test, seen.faults, 1U);

	fake->pdev.dev.iommu = NULL;
	amd_iommu_report_page_fault(&fake->unit, FAKE_DEVID, 0, FAULT_ADDRESS,
				    EVENT_FLAG_RW);
	KUNIT_EXPECT_EQ(test, seen.faults, 2U);
	KUNIT_EXPECT_EQ(test, seen.address, FAULT_ADDRESS);
	KUNIT_EXPECT_EQ(test, seen.flags, IOMMU_FAULT_WRITE);

	fake->pdev.dev.iommu = &fake->param;
	amd_iommu_block_device(&fake->pdev.dev);
	fake->pdev.dev.iommu = NULL;
	amd_iommu_report_page_fault(&fake->unit, FAKE_DEVID, 0, FAULT_ADDRESS,
				    EVENT_FLAG_RW);
	KUNIT_EXPECT_EQ(test, seen.faults, 2U);
	pull_out(fake);
	domain->ops->free(domain);
}

/* The log of page requests is read in the same way */
static void page_request_of_device_that_leaves(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct pci_dev *pdev = &fake->pdev;

	fake->dev_data.defer_attach = true;
	KUNIT_EXPECT_TRUE(test, amd_iommu_ppr_is_deferred(pdev));
	pdev->dev.iommu = NULL;
	KUNIT_EXPECT_TRUE(test, amd_iommu_ppr_is_deferred(pdev));
	KUNIT_EXPECT_EQ(test, 0,
			amd_iommu_complete_ppr(pdev, 1, PPR_INVALID, 0));

	init_llist_head(&fake->segment.dev_data_list);
	KUNIT_EXPECT_FALSE(test, amd_iommu_ppr_is_deferred(pdev));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			amd_iommu_complete_ppr(pdev, 1, PPR_INVALID, 0));
}

static struct kunit_case amd_device_cases[] = {
#ifdef CONFIG_IRQ_REMAP
	KUNIT_CASE(blocked_device_posts_interrupts),
	KUNIT_CASE(interrupt_is_never_left_posted),
	KUNIT_CASE(interrupt_of_kernel_is_not_posted),
#endif
	KUNIT_CASE(faults_keep_their_domain),
	KUNIT_CASE(freed_domain_lets_its_device_go),
	KUNIT_CASE(fault_of_device_that_leaves),
	KUNIT_CASE(page_request_of_device_that_leaves),
	{}
};

static struct kunit_suite amd_device_suite = {
	.name = "iommu_amd_device",
	.init = device_test_init,
	.exit = device_test_exit,
	.test_cases = amd_device_cases,
};
kunit_test_suite(amd_device_suite);
