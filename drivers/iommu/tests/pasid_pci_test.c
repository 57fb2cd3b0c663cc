// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of PCI functions: a function has none where a request with a PASID could miss
 * the IOMMU, or where the IOMMU would take it for the request of another function.
 *
 * The functions are below a root port whose registers are here, on a bus that the PCI
 * core does not know.
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_ext.h"
#include "fake_pasids.h"

/* Where the capabilities of all functions are */
#define PCIE_CAP	0x40
#define ACS_CAP		0x100
#define PASID_CAP	0x120

#define ACS_NEEDED	(PCI_ACS_RR | PCI_ACS_UF)
/* Width of the functions: smaller than that of the IOMMU, and of their properties */
#define BITS		5

#define NR_DEVFNS	256

/**
 * struct fake_pci - the part of the fake world that is PCI
 * @root: bus of the root port
 * @below: bus of the functions
 * @port: root port
 * @pf: physical function, in the test of a virtual one
 * @port_acs: what the root port enforces
 * @acs: what the functions enforce, if they have the capability
 * @bits: what the functions say about the width of their PASIDs
 * @aliases: requester IDs of the functions besides their own
 * @real_bus: bus of the devices that the driver core knows
 * @probed_as_pci: a new device is one of PCI from its probe on
 */
static struct fake_pci {
	struct pci_bus root;
	struct pci_bus below;
	struct pci_dev port;
	struct pci_dev pf;
	u16 port_acs;
	u16 acs;
	u16 bits;
	DECLARE_BITMAP(aliases, NR_DEVFNS);
	struct bus_type *real_bus;
	bool probed_as_pci;
} pci;

static int read_config(struct pci_bus *bus, unsigned int devfn, int where,
		       int size, u32 *value)
{
	*value = 0;
	if (where == PASID_CAP + PCI_PASID_CAP)
		*value = pci.bits << 8;
	else if (where == ACS_CAP + PCI_ACS_CAP)
		*value = ACS_NEEDED | PCI_ACS_SV | PCI_ACS_CR;
	else if (where == ACS_CAP + PCI_ACS_CTRL)
		*value = bus == &pci.root ? pci.port_acs : pci.acs;
	return PCIBIOS_SUCCESSFUL;
}

static const struct pci_ops config_ops = { .read = read_config };

static void make_bus(struct pci_bus *bus, struct pci_bus *parent, void *sysdata)
{
	bus->sysdata = sysdata;
	bus->parent = parent;
	/* The PCI core only reads the table, though its pointer is not const */
	bus->ops = (struct pci_ops *)&config_ops;
}

static void make_pcie(struct pci_dev *pdev, struct pci_bus *bus, unsigned int type)
{
	pdev->bus = bus;
	pdev->pcie_cap = PCIE_CAP;
	pdev->pcie_flags_reg = FIELD_PREP(PCI_EXP_FLAGS_TYPE, type);
}

/* An endpoint with PASIDs, all of whose requests reach the IOMMU */
static void make_function(struct pci_dev *pdev, unsigned int devfn)
{
	make_pcie(pdev, &pci.below, PCI_EXP_TYPE_ENDPOINT);
	pdev->devfn = devfn;
	pdev->pasid_cap = PASID_CAP;
	pdev->eetlp_prefix_path = 1;
}

/* Change the bus of a device, unknown to the driver core */
static void pretend(struct device *dev, bool is_pci)
{
	if (!pci.real_bus)
		pci.real_bus = dev->bus;
	dev->bus = is_pci ? &pci_bus_type : pci.real_bus;
}

/* The core reads the operations from the bus before it calls this */
static struct iommu_device *probe_device(struct device *dev)
{
	pretend(dev, pci.probed_as_pci);
	return fake_probe_device(dev);
}

static const struct iommu_ops ops = {
	.domain_alloc		= fake_domain_alloc,
	.probe_device		= probe_device,
	.release_device		= pasids_release_device,
	.device_group		= fake_device_group,
	.get_resv_regions	= fake_get_resv_regions,
	.def_domain_type	= fake_def_domain_type,
	.default_domain_ops	= &pasids_domain_ops,
	.ext			= &pasids_ext,
	.pgsize_bitmap		= SZ_4K,
};

static void begin(struct kunit *test, unsigned int nr_devs)
{
	struct pci_bus *bus = pci_find_next_bus(NULL);
	unsigned int i;

	if (!bus)
		kunit_skip(test, "no PCI bus that the devices could pretend to be on");
	memset(&pci, 0, sizeof(pci));
	make_bus(&pci.root, NULL, bus->sysdata);
	make_bus(&pci.below, &pci.root, bus->sysdata);
	pci.below.self = &pci.port;
	pci.below.number = 1;
	make_pcie(&pci.port, &pci.root, PCI_EXP_TYPE_ROOT_PORT);
	pci.port.subordinate = &pci.below;
	pci.port.acs_cap = ACS_CAP;
	pci.port_acs = ACS_NEEDED;
	pci.bits = BITS;
	pasids_begin_with(test, &ops, nr_devs);
	for (i = 0; i < nr_devs; i++) {
		make_function(&fake.devs[i]->pci, PCI_DEVFN(0, i));
		pretend(fake_device(i), true);
	}
	pasids_bind_driver(test);
}

static void end(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		pretend(fake_device(i), false);
	pasids_end(test);
}

static void expect_none(struct kunit *test, struct iommu_domain *domain)
{
	KUNIT_EXPECT_EQ(test, 0, iommu_device_pasid_bits(fake_device(0)));
	pasids_expect_refused(test, -EINVAL, domain, PASID);
}

static void expect_some(struct kunit *test, struct iommu_domain *domain)
{
	KUNIT_EXPECT_EQ(test, BITS, iommu_device_pasid_bits(fake_device(0)));
	pasids_arm(0, FAKE_FAIL_KEEPS_OLD);
	pasids_attach(test, domain, PASID);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	iommu_detach_device_pasid(domain, fake_device(0), PASID);
	pasids_arm(0, FAKE_FAIL_KEEPS_OLD);
}

static void width_is_the_function_s(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 1);
	domain = pasids_new_domain(test);
	expect_some(test, domain);
	pasids_expect_refused(test, -EINVAL, domain, BIT(BITS));
	pci.bits = 20;
	KUNIT_EXPECT_EQ(test, 10, iommu_device_pasid_bits(fake_device(0)));
	pci.bits = 0;
	expect_none(test, domain);
	pci.bits = BITS;
	fake.devs[0]->pci.pasid_cap = 0;
	expect_none(test, domain);
	pasids_expect_freed(test, domain);
	end(test);
}

/* A switch, or the function itself, could deliver the request elsewhere */
static void routed_past_the_iommu(struct kunit *test)
{
	struct iommu_domain *domain;
	struct pci_dev *pdev;

	begin(test, 1);
	domain = pasids_new_domain(test);
	pdev = &fake.devs[0]->pci;
	pci.port_acs = PCI_ACS_RR | PCI_ACS_SV | PCI_ACS_CR;
	expect_none(test, domain);
	pci.port_acs = PCI_ACS_UF | PCI_ACS_SV | PCI_ACS_CR;
	expect_none(test, domain);
	pci.port_acs = ACS_NEEDED;
	expect_some(test, domain);
	pci.port.acs_cap = 0;
	expect_none(test, domain);
	pci.port.acs_cap = ACS_CAP;

	pdev->multifunction = 1;
	expect_none(test, domain);
	pdev->acs_cap = ACS_CAP;
	expect_none(test, domain);
	pci.acs = ACS_NEEDED;
	expect_some(test, domain);
	pasids_expect_freed(test, domain);
	end(test);
}

/* A switch on the path drops the PASID, or the function sends it in another way */
static void prefix_does_not_arrive(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 1);
	domain = pasids_new_domain(test);
	fake.devs[0]->pci.eetlp_prefix_path = 0;
	expect_none(test, domain);
	fake.devs[0]->pci.pasid_no_tlp = 1;
	expect_some(test, domain);
	pasids_expect_freed(test, domain);
	end(test);
}

/* It has the PASIDs of its physical function, whose bus has the bridge */
static void virtual_function(struct kunit *test)
{
	struct pci_bus *virtual_bus;
	struct iommu_domain *domain;
	struct pci_dev *vf;

	begin(test, 1);
	domain = pasids_new_domain(test);
	virtual_bus = kunit_kzalloc(test, sizeof(*virtual_bus), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, virtual_bus);
	make_bus(virtual_bus, &pci.below, pci.below.sysdata);
	virtual_bus->number = 2;
	make_function(&pci.pf, PCI_DEVFN(0, 1));
	vf = &fake.devs[0]->pci;
	vf->bus = virtual_bus;
	vf->is_virtfn = 1;
	vf->physfn = &pci.pf;
	vf->pasid_cap = 0;
	vf->eetlp_prefix_path = 0;
	expect_some(test, domain);
	pci.pf.eetlp_prefix_path = 0;
	expect_none(test, domain);
	pci.pf.eetlp_prefix_path = 1;
	pci.port_acs = 0;
	expect_none(test, domain);
	pci.port_acs = ACS_NEEDED;
	pci.pf.pasid_cap = 0;
	expect_none(test, domain);
	pasids_expect_freed(test, domain);
	end(test);
}

/* Each could have PASIDs, but the IOMMU does not know whose they would be */
static void shared_requester_id(struct kunit *test)
{
	struct iommu_domain *domain;
	unsigned int i;

	begin(test, 2);
	domain = pasids_new_domain(test);
	expect_some(test, domain);
	for (i = 0; i < 2; i++)
		set_bit(PCI_DEVFN(0, i), pci.aliases);
	fake.devs[1]->pci.dma_alias_mask = pci.aliases;
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, BITS, iommu_device_pasid_bits(fake_device(i)));
	pasids_expect_refused(test, -EINVAL, domain, PASID);
	fake.devs[1]->pci.dma_alias_mask = NULL;
	expect_some(test, domain);
	pasids_expect_freed(test, domain);
	end(test);
}

/* An ID of its own that no other device uses does not matter */
static void alias_without_a_user(struct kunit *test)
{
	struct iommu_domain *domain;

	begin(test, 2);
	domain = pasids_new_domain(test);
	set_bit(PCI_DEVFN(7, 0), pci.aliases);
	fake.devs[0]->pci.dma_alias_mask = pci.aliases;
	expect_some(test, domain);
	pasids_expect_freed(test, domain);
	end(test);
}

/* A function that uses the ID of one with PASIDs does not join its group */
static void joining_function(struct kunit *test)
{
	struct iommu_domain *domain;
	struct fake_dev *fdev;

	begin(test, 1);
	domain = pasids_new_domain(test);
	pasids_attach(test, domain, PASID);
	fdev = fake_dev_make(test, &fake.iommus[0]);
	make_function(&fdev->pci, PCI_DEVFN(0, 1));
	set_bit(PCI_DEVFN(0, 0), pci.aliases);
	fdev->pci.dma_alias_mask = pci.aliases;
	pci.probed_as_pci = true;
	KUNIT_EXPECT_EQ(test, -EINVAL, fake_dev_probe(fdev));
	KUNIT_EXPECT_EQ(test, fake_pasids.sets, 1);
	KUNIT_EXPECT_TRUE(test, fdev->gone);
	fdev->gone = false;
	pretend(&fdev->pci.dev, false);

	fdev->pci.dma_alias_mask = NULL;
	KUNIT_EXPECT_EQ(test, 0, fake_dev_probe(fdev));
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, domain));
	pasids_detach_and_free(test, domain, PASID);
	end(test);
}

static int pasid_pci_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void pasid_pci_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case pasid_pci_cases[] = {
	KUNIT_CASE(width_is_the_function_s),
	KUNIT_CASE(routed_past_the_iommu),
	KUNIT_CASE(prefix_does_not_arrive),
	KUNIT_CASE(virtual_function),
	KUNIT_CASE(shared_requester_id),
	KUNIT_CASE(alias_without_a_user),
	KUNIT_CASE(joining_function),
	{}
};

static struct kunit_suite pasid_pci_suite = {
	.name = "iommu_pasid_pci",
	.suite_init = pasid_pci_suite_init,
	.suite_exit = pasid_pci_suite_exit,
	.test_cases = pasid_pci_cases,
};

kunit_test_suites(&pasid_pci_suite);
