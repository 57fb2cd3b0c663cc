// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of one group whose requests the IOMMU cannot tell apart: a change of the
 * entry of one of them affects the others.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_ext.h"

static struct iommu_dma_owner owner;

/* On one bus */
#define NR_DEVFNS 256

/* Requester IDs that the devices use besides their own */
static DECLARE_BITMAP(aliases, NR_DEVFNS);

/* Like VT-d's: an attach to the domain that the device is on does nothing */
static int attach_change(struct iommu_domain *domain, struct device *dev)
{
	int err;

	if (to_fake_dev(dev)->known == domain)
		return 0;
	err = fake_attach_dev(domain, dev);
	if (!err)
		to_fake_dev(dev)->known = domain;
	return err;
}

/* Both devices share an entry, which the release of one clears */
static void release_shared(struct device *dev)
{
	unsigned int i;

	fake_release_device(dev);
	for (i = 0; i < fake.nr_devs; i++)
		fake.devs[i]->hw = &fake_nothing;
}

static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= attach_change,
	.free		= fake_free,
};

static const struct iommu_ops_ext ext = {
	.blocked_domain		= &fake_blocked,
	.direct_blocks_owner	= true,
};

static const struct iommu_ops ops = {
	FAKE_DRIVER,
	.release_device		= release_shared,
	.default_domain_ops	= &domain_ops,
	.ext			= &ext,
};

/* Two devices that use each other's ID; @direct: firmware uses memory of the first */
static void begin(struct kunit *test, bool direct)
{
	struct pci_bus *bus = pci_find_next_bus(NULL);
	struct fake_dev *fdev;
	unsigned int i;

	if (!bus)
		kunit_skip(test, "no PCI bus that the devices could pretend to be on");
	fake_world_init(test, &ops, 0);
	bitmap_zero(aliases, NR_DEVFNS);
	for (i = 0; i < 2; i++) {
		fdev = fake_dev_make(test, &fake.iommus[0]);
		fdev->direct = direct && !i;
		KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fdev));
		fdev->pci.bus = bus;
		fdev->pci.devfn = PCI_DEVFN(i, 0);
		fdev->pci.dma_alias_mask = aliases;
		set_bit(fdev->pci.devfn, aliases);
	}
}

/* Change the bus of the devices, unknown to the driver core */
static struct bus_type *pretend(struct bus_type *bus)
{
	struct bus_type *old = fake_device(0)->bus;
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		fake_device(i)->bus = bus;
	return old;
}

/* release_shared() accesses both devices */
static void end(struct kunit *test)
{
	if (!fake.devs[1]->gone)
		fake_dev_remove(fake.devs[1]);
	fake_world_exit(test);
}

static void remove_second(struct kunit *test)
{
	struct bus_type *bus = pretend(&pci_bus_type);

	KUNIT_EXPECT_TRUE(test, iommu_devices_share_id(fake_device(0),
						       fake_device(1)));
	fake_dev_remove(fake.devs[1]);
	pretend(bus);
}

static void expect_renewed(struct kunit *test, bool direct)
{
	unsigned int complaints;

	begin(test, direct);
	complaints = iommu_group_errs();
	remove_second(test);
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw,
			    fake.group->default_domain);
	KUNIT_EXPECT_EQ(test, iommu_group_errs() - complaints, 0);
	end(test);
}

static void sibling_is_renewed(struct kunit *test)
{
	expect_renewed(test, false);
}

/* Such a device must not be blocked, but the removal of the other one did it */
static void sibling_with_direct_region_is_renewed(struct kunit *test)
{
	expect_renewed(test, true);
}

/* Blocking one would block both, whether the claim comes before or after */
static void reset_is_not_made_quiet(struct kunit *test)
{
	struct bus_type *bus;

	begin(test, false);
	bus = pretend(&pci_bus_type);
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	iommu_device_reset_begin(fake_device(1));
	KUNIT_EXPECT_EQ(test, fake.group->nr_quiet, 0);
	iommu_device_reset_end(fake_device(1));
	iommu_device_reset_end(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	iommu_device_release_dma_owner(fake_device(0));
	pretend(bus);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	end(test);
}

static int sharing_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void sharing_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case sharing_cases[] = {
	KUNIT_CASE(sibling_is_renewed),
	KUNIT_CASE(sibling_with_direct_region_is_renewed),
	KUNIT_CASE(reset_is_not_made_quiet),
	{}
};

static struct kunit_suite sharing_suite = {
	.name = "iommu_sharing",
	.suite_init = sharing_suite_init,
	.suite_exit = sharing_suite_exit,
	.test_cases = sharing_cases,
};

kunit_test_suites(&sharing_suite);
