// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the doorbell table, with page tables that only record what is
 * mapped, and a driver that only has a window for doorbells.
 */
#include <kunit/test.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/msi.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "object.h"
#include "sw_msi.h"

#define WINDOW		0x8000000UL
#define DOORBELL	0x9000040UL
#define OTHER_DOORBELL	0xa001f80UL
#define TABLES		2

struct fake_table {
	struct iommufd_hwpt_paging hwpt;
	struct iommu_domain domain;
	unsigned long mapped_bytes;
	phys_addr_t phys[IOMMUFD_SW_MSI_MAX];
	bool fail;
};

struct fake {
	struct iommufd_ctx *ctx;
	struct iommufd_ioas *ioas;
	struct iommu_device iommu;
	struct dev_iommu dev_iommu;
	struct device dev;
	struct fake_table tables[TABLES];
};

/* The driver; tests say where its window is, or that it has none */
static unsigned long window;
static size_t window_bytes;

static void fake_get_resv_regions(struct device *dev, struct list_head *head)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(0, PAGE_SIZE, 0, IOMMU_RESV_RESERVED,
					 GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, head);
	if (!window)
		return;
	region = iommu_alloc_resv_region(window, window_bytes, IOMMU_WRITE,
					 IOMMU_RESV_SW_MSI, GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, head);
}

static const struct iommu_ops fake_ops = {
	.get_resv_regions = fake_get_resv_regions,
};

static int fake_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct fake_table *table =
		container_of(domain, struct fake_table, domain);

	if (table->fail)
		return -ENOMEM;
	table->phys[(iova - table->hwpt.sw_msi_window.start) / PAGE_SIZE] = phys;
	*mapped = pgsize * pgcount;
	table->mapped_bytes += *mapped;
	return 0;
}

static size_t fake_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct fake_table *table =
		container_of(domain, struct fake_table, domain);

	table->mapped_bytes -= pgsize * pgcount;
	return pgsize * pgcount;
}

static const struct iommu_domain_ops fake_domain_ops = {
	.map_pages = fake_map_pages,
	.unmap_pages = fake_unmap_pages,
};

static void init_table(struct fake *fake, struct fake_table *table)
{
	table->domain.type = IOMMU_DOMAIN_UNMANAGED;
	table->domain.ops = &fake_domain_ops;
	table->domain.pgsize_bitmap = PAGE_SIZE;
	table->hwpt.common.domain = &table->domain;
	table->hwpt.ctx = fake->ctx;
	table->hwpt.ioas = fake->ioas;
	table->hwpt.filled = true;
	INIT_LIST_HEAD(&table->hwpt.sw_msi_node);
	iommufd_sw_msi_adopt(&table->hwpt, &table->domain);
}

static int sw_msi_test_init(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->ctx = iommufd_ctx_create();
	KUNIT_ASSERT_NOT_NULL(test, fake->ctx);
	test->priv = fake;
	fake->ioas = iommufd_ioas_alloc(fake->ctx);
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake->ioas));
	iommufd_object_publish(fake->ctx, &fake->ioas->obj);
	fake->iommu.ops = &fake_ops;
	fake->dev_iommu.iommu_dev = &fake->iommu;
	fake->dev.iommu = &fake->dev_iommu;
	for (i = 0; i < TABLES; i++)
		init_table(fake, &fake->tables[i]);
	window = WINDOW;
	window_bytes = SZ_1M;
	return 0;
}

static void remove(struct fake *fake, unsigned int i)
{
	mutex_lock(&fake->ioas->lock);
	iommufd_sw_msi_remove(&fake->tables[i].hwpt);
	mutex_unlock(&fake->ioas->lock);
}

static void sw_msi_test_exit(struct kunit *test)
{
	struct fake *fake = test->priv;
	unsigned int i;

	if (!fake)
		return;
	for (i = 0; fake->ioas && i < TABLES; i++) {
		remove(fake, i);
		KUNIT_EXPECT_EQ(test, fake->tables[i].mapped_bytes, 0UL);
	}
	iommufd_ctx_destroy(fake->ctx);
}

static int install(struct fake *fake, unsigned int i)
{
	int err;

	mutex_lock(&fake->ioas->lock);
	err = iommufd_sw_msi_install(&fake->tables[i].hwpt, &fake->dev);
	mutex_unlock(&fake->ioas->lock);
	return err;
}

static int prepare(struct fake *fake, unsigned int i, phys_addr_t doorbell)
{
	struct iommu_domain *domain = &fake->tables[i].domain;
	struct msi_desc desc = {};

	return domain->sw_msi->prepare(domain, &desc, doorbell);
}

static void doorbell_is_mapped_once(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct fake_table *table = &fake->tables[0];

	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, table->mapped_bytes, 0UL);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL + 4), 0);
	KUNIT_EXPECT_EQ(test, table->mapped_bytes, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, table->phys[0],
			(phys_addr_t)DOORBELL & PAGE_MASK);
}

static void place_is_the_same_in_every_table(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct fake_table *other = &fake->tables[1];

	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	/* A page table that is added gets the existing doorbells, */
	KUNIT_ASSERT_EQ(test, install(fake, 1), 0);
	KUNIT_EXPECT_EQ(test, other->mapped_bytes, PAGE_SIZE);
	/* and one that is in use gets new ones */
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, OTHER_DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, other->mapped_bytes, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, memcmp(fake->tables[0].phys, other->phys,
				     sizeof(other->phys)), 0);
	/* The second one still works when the first is removed */
	remove(fake, 0);
	KUNIT_EXPECT_EQ(test, fake->tables[0].mapped_bytes, 0UL);
	KUNIT_EXPECT_EQ(test, prepare(fake, 1, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, other->mapped_bytes, 2 * PAGE_SIZE);
}

static void second_group_needs_the_same_window(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, install(fake, 0), 0);
	window = WINDOW + SZ_16M;
	KUNIT_EXPECT_EQ(test, install(fake, 0), -EINVAL);
}

static void device_without_window_needs_nothing(struct kunit *test)
{
	struct fake *fake = test->priv;

	window = 0;
	KUNIT_EXPECT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, fake->tables[0].mapped_bytes, 0UL);
}

static void device_without_driver_is_refused(struct kunit *test)
{
	struct fake *fake = test->priv;

	fake->dev.iommu = NULL;
	KUNIT_EXPECT_EQ(test, install(fake, 0), -ENODEV);
}

static void failed_map_can_be_tried_again(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_ASSERT_EQ(test, install(fake, 1), 0);
	fake->tables[1].fail = true;
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), -ENOMEM);
	fake->tables[1].fail = false;
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, fake->tables[0].mapped_bytes, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fake->tables[1].mapped_bytes, PAGE_SIZE);

	remove(fake, 1);
	fake->tables[1].fail = true;
	KUNIT_EXPECT_EQ(test, install(fake, 1), -ENOMEM);
}

static void table_ends(struct kunit *test)
{
	struct fake *fake = test->priv;
	phys_addr_t at = DOORBELL;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	for (i = 0; i < IOMMUFD_SW_MSI_MAX; i++, at += PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, prepare(fake, 0, at), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, at), -ENOSPC);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, fake->tables[0].mapped_bytes,
			IOMMUFD_SW_MSI_MAX * PAGE_SIZE);
}

static void short_window_ends_before_the_table(struct kunit *test)
{
	struct fake *fake = test->priv;

	window_bytes = 2 * PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, OTHER_DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL + SZ_1M), -ENOSPC);
	KUNIT_EXPECT_EQ(test, fake->tables[0].mapped_bytes, 2 * PAGE_SIZE);
	/* A doorbell that did not fit does not affect others */
	KUNIT_EXPECT_EQ(test, install(fake, 1), 0);

	remove(fake, 1);
	window_bytes = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, install(fake, 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, fake->tables[1].mapped_bytes, 0UL);
}

static int finish(struct fake *fake, unsigned int i)
{
	int err;

	mutex_lock(&fake->ioas->lock);
	err = iommufd_sw_msi_finish(&fake->tables[i].hwpt);
	mutex_unlock(&fake->ioas->lock);
	return err;
}

/* Nothing is mapped before the first attach if the driver does not allow it */
static void unfinished_table_is_left_alone(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct fake_table *late = &fake->tables[1];

	late->hwpt.filled = false;
	late->fail = true;
	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, install(fake, 1), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, OTHER_DOORBELL), 0);
	late->fail = false;
	KUNIT_EXPECT_EQ(test, finish(fake, 1), 0);
	KUNIT_EXPECT_EQ(test, late->mapped_bytes, 2 * PAGE_SIZE);

	/* The setup of an interrupt implies that the page table is attached */
	remove(fake, 1);
	late->hwpt.sw_msi_mappable = false;
	KUNIT_EXPECT_EQ(test, install(fake, 1), 0);
	KUNIT_EXPECT_EQ(test, late->mapped_bytes, 0UL);
	KUNIT_EXPECT_EQ(test, prepare(fake, 1, OTHER_DOORBELL), 0);
	KUNIT_EXPECT_EQ(test, late->mapped_bytes, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, finish(fake, 1), 0);
	KUNIT_EXPECT_EQ(test, late->mapped_bytes, 2 * PAGE_SIZE);
}

static int prepare_blocked(struct fake *fake, phys_addr_t doorbell, u64 *iova)
{
	struct msi_desc desc = { .dev = &fake->dev };
	struct iommu_dma_owner *owner = &fake->ctx->dma_owner;
	int err = owner->sw_msi->prepare_blocked(owner, &desc, doorbell);

	*iova = (u64)desc.iommu_msi_iova << desc.iommu_msi_shift;
	return err;
}

/* Bound, not attached: the address is the one in every page table added later */
static void address_comes_before_the_attach(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct fake_table *table = &fake->tables[0];
	u64 iova;

	KUNIT_EXPECT_EQ(test, prepare_blocked(fake, DOORBELL, &iova), 0);
	KUNIT_EXPECT_EQ(test, iova, (u64)WINDOW);
	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, table->mapped_bytes, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, table->phys[0],
			(phys_addr_t)DOORBELL & PAGE_MASK);
	/* Tables of other devices are in use meanwhile */
	KUNIT_EXPECT_EQ(test, prepare_blocked(fake, OTHER_DOORBELL, &iova), 0);
	KUNIT_EXPECT_EQ(test, iova, (u64)WINDOW + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, table->mapped_bytes, 2 * PAGE_SIZE);

	window_bytes = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, prepare_blocked(fake, OTHER_DOORBELL, &iova),
			-ENOSPC);
	window = 0;
	KUNIT_EXPECT_EQ(test, prepare_blocked(fake, DOORBELL, &iova), 0);
	KUNIT_EXPECT_EQ(test, iova, 0ULL);
	fake->dev.iommu = NULL;
	KUNIT_EXPECT_EQ(test, prepare_blocked(fake, DOORBELL, &iova), -ENODEV);
}

static bool is_usable(struct fake *fake, unsigned long iova)
{
	struct iommufd_range ranges[4];
	unsigned long alignment;
	unsigned int nr, i;

	nr = iommufd_map_usable(fake->ioas->map, ranges, ARRAY_SIZE(ranges),
				&alignment);
	for (i = 0; i < min_t(unsigned int, nr, ARRAY_SIZE(ranges)); i++)
		if (ranges[i].start <= iova && iova <= ranges[i].last)
			return true;
	return false;
}

static void window_is_reserved_with_the_doorbells(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_EXPECT_TRUE(test, is_usable(fake, WINDOW));
	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_FALSE(test, is_usable(fake, WINDOW));
	KUNIT_EXPECT_FALSE(test, is_usable(fake, WINDOW + SZ_1M - 1));
	KUNIT_EXPECT_TRUE(test, is_usable(fake, WINDOW + SZ_1M));
	remove(fake, 0);
	KUNIT_EXPECT_TRUE(test, is_usable(fake, WINDOW));

	/* Nor is it kept when the doorbells cannot be mapped */
	KUNIT_ASSERT_EQ(test, install(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, prepare(fake, 0, DOORBELL), 0);
	remove(fake, 0);
	fake->tables[0].fail = true;
	KUNIT_EXPECT_EQ(test, install(fake, 0), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, is_usable(fake, WINDOW));
}

static struct kunit_case sw_msi_cases[] = {
	KUNIT_CASE(doorbell_is_mapped_once),
	KUNIT_CASE(place_is_the_same_in_every_table),
	KUNIT_CASE(second_group_needs_the_same_window),
	KUNIT_CASE(device_without_window_needs_nothing),
	KUNIT_CASE(device_without_driver_is_refused),
	KUNIT_CASE(failed_map_can_be_tried_again),
	KUNIT_CASE(table_ends),
	KUNIT_CASE(short_window_ends_before_the_table),
	KUNIT_CASE(unfinished_table_is_left_alone),
	KUNIT_CASE(address_comes_before_the_attach),
	KUNIT_CASE(window_is_reserved_with_the_doorbells),
	{}
};

static struct kunit_suite sw_msi_suite = {
	.name = "iommufd_sw_msi",
	.init = sw_msi_test_init,
	.exit = sw_msi_test_exit,
	.test_cases = sw_msi_cases,
};

kunit_test_suite(sw_msi_suite);
