// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-d: what the domain knows in the moment in which a function with ATS may
 * cache translations, and in which it no longer may.
 */
#include <kunit/test.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>

#include "ext.h"
#include "iommu.h"

#define FAKE_ATS_CAP	0x100

/* A function whose configuration space is one register that tells */
struct fake {
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

static bool is_locked(spinlock_t *lock)
{
	if (!spin_trylock(lock))
		return true;
	spin_unlock(lock);
	return false;
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

/* Before the first translation there is, nobody skips the device */
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

static struct kunit_case intel_ats_cases[] = {
	KUNIT_CASE(domain_knows_before_the_device_caches),
	KUNIT_CASE(function_that_may_not_cache_is_not_flushed),
	{}
};

static struct kunit_suite intel_ats_suite = {
	.name = "iommu_vtd_ats",
	.test_cases = intel_ats_cases,
};
kunit_test_suite(intel_ats_suite);
