// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of the kernel that attaches PASIDs goes on using the DMA API, which maps
 * into the default domain: that of the requester ID.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/mm.h>

#include "../dma-iommu.h"
#include "../iommu-group.h"
#include "fake_pasids.h"

/* The first of two devices has the DMA operations of the default domain */
static void *begin(struct kunit *test)
{
	void *memory = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct device *dev;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	pasids_begin(test, 0);
	fake_pasids.buffer = virt_to_phys(memory);
	fake.def_type = IOMMU_DOMAIN_DMA;
	while (fake.nr_devs < 2)
		KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(pasids_make(test, &pasids_wide)));
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	dev = fake_device(0);
	dev->dma_mask = &fake.devs[0]->pci.dma_mask;
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32)));
	iommu_setup_dma_ops(dev, 0, U64_MAX);
	KUNIT_ASSERT_NOT_NULL(test, dev->dma_ops);
	pasids_bind_driver(test);
	return memory;
}

static dma_addr_t map(struct kunit *test, void *memory)
{
	dma_addr_t iova = dma_map_single(fake_device(0), memory, PAGE_SIZE,
					 DMA_BIDIRECTIONAL);

	KUNIT_EXPECT_EQ(test, 0, dma_mapping_error(fake_device(0), iova));
	return iova;
}

static void unmap(dma_addr_t iova)
{
	dma_unmap_single(fake_device(0), iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/* The DMA API has so many pages mapped, and the requester ID has not moved */
static void expect_mapped(struct kunit *test, size_t pages)
{
	struct iommu_domain *domain = fake.group->default_domain;

	KUNIT_EXPECT_EQ(test, to_fake_domain(domain)->mapped, pages * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, fake_all_on(domain));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
}

static void buffers_stay_mapped(struct kunit *test)
{
	struct iommu_domain *domain, *other;
	dma_addr_t before, meanwhile, after;
	void *memory = begin(test);

	domain = pasids_new_domain(test);
	other = pasids_new_domain(test);
	before = map(test, memory);
	expect_mapped(test, 1);
	pasids_attach(test, domain, PASID);
	expect_mapped(test, 1);
	meanwhile = map(test, memory);
	expect_mapped(test, 2);
	KUNIT_EXPECT_NE(test, before, meanwhile);
	KUNIT_EXPECT_EQ(test, 0, iommu_replace_device_pasid(other, fake_device(0),
							    PASID, NULL));
	unmap(before);
	expect_mapped(test, 1);
	KUNIT_EXPECT_TRUE(test, pasids_all_on(PASID, other));
	iommu_detach_device_pasid(other, fake_device(0), PASID);
	expect_mapped(test, 1);
	unmap(meanwhile);
	after = map(test, memory);
	expect_mapped(test, 1);
	unmap(after);
	expect_mapped(test, 0);
	KUNIT_EXPECT_EQ(test, to_fake_domain(domain)->mapped, 0);
	KUNIT_EXPECT_EQ(test, to_fake_domain(other)->mapped, 0);
	pasids_expect_freed(test, domain);
	pasids_expect_freed(test, other);
	pasids_end(test);
}

/* Nor does an attach that fails at its first or second device disturb them */
static void failed_attach_disturbs_none(struct kunit *test)
{
	struct iommu_domain *domain;
	void *memory = begin(test);
	unsigned int step, failure;
	dma_addr_t iova;

	domain = pasids_new_domain(test);
	iova = map(test, memory);
	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; step < 2; step++) {
			pasids_arm(BIT_ULL(step), failure);
			KUNIT_EXPECT_EQ(test, -EIO,
					iommu_attach_device_pasid(domain,
								  fake_device(0),
								  PASID, NULL));
			expect_mapped(test, 1);
			unmap(iova);
			iova = map(test, memory);
			expect_mapped(test, 1);
		}
	}
	unmap(iova);
	expect_mapped(test, 0);
	pasids_expect_freed(test, domain);
	pasids_end(test);
}

static int pasid_dma_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void pasid_dma_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case pasid_dma_cases[] = {
	KUNIT_CASE(buffers_stay_mapped),
	KUNIT_CASE(failed_attach_disturbs_none),
	{}
};

static struct kunit_suite pasid_dma_suite = {
	.name = "iommu_pasid_dma",
	.suite_init = pasid_dma_suite_init,
	.suite_exit = pasid_dma_suite_exit,
	.test_cases = pasid_dma_cases,
};

kunit_test_suites(&pasid_dma_suite);
