// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fake IOMMU: see fake_iommu.h.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "fake_iommu.h"

#define FAKE_DIRECT_BASE SZ_1M

struct fake_world fake;
struct iommu_domain fake_nothing;

static struct bus_type fake_bus = { .name = "fake_iommu" };

bool fake_capable(struct device *dev, enum iommu_cap cap)
{
	return to_fake_dev(dev)->iommu->caps & BIT(cap);
}

struct iommu_domain *fake_domain_alloc(unsigned int type)
{
	struct fake_domain *domain;

	if (fake.no_domains)
		return NULL;
	/* Like most drivers of 6.1: no domains of type BLOCKED */
	if (type == IOMMU_DOMAIN_BLOCKED)
		return NULL;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (!domain)
		return NULL;
	list_add_tail(&domain->all, &fake.domains);
	domain->domain.pgsize_bitmap = SZ_4K | SZ_2M;
	domain->domain.geometry.aperture_end = SZ_4G - 1;
	domain->domain.geometry.force_aperture = true;
	return &domain->domain;
}

struct iommu_device *fake_probe_device(struct device *dev)
{
	return &to_fake_dev(dev)->iommu->iommu;
}

void fake_release_device(struct device *dev)
{
	struct fake_dev *fdev = to_fake_dev(dev);

	fdev->gone = true;
	fdev->hw = &fake_nothing;
}

struct iommu_group *fake_device_group(struct device *dev)
{
	return iommu_group_ref_get(fake.group);
}

void fake_get_resv_regions(struct device *dev, struct list_head *list)
{
	struct iommu_resv_region *region;

	if (!to_fake_dev(dev)->direct)
		return;
	region = iommu_alloc_resv_region(FAKE_DIRECT_BASE, SZ_4K, IOMMU_READ,
					 IOMMU_RESV_DIRECT, GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, list);
}

bool fake_is_attach_deferred(struct device *dev)
{
	return to_fake_dev(dev)->deferred;
}

int fake_def_domain_type(struct device *dev)
{
	return fake.def_type;
}

int fake_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct fake_dev *fdev = to_fake_dev(dev);
	unsigned int n = fake.attaches++;

	if (fdev->gone)
		fake.offences++;
	if (domain == iommu_group_default_domain(fake.group))
		fake.default_attaches++;

	if (n < 64 && (fake.fail_mask & BIT_ULL(n))) {
		if (fake.failure == FAKE_FAIL_CLEARS)
			fdev->hw = &fake_nothing;
		else if (fake.failure == FAKE_FAIL_MOVES)
			fdev->hw = domain;
		return -EIO;
	}
	fdev->deferred = false;
	fdev->hw = domain;
	return 0;
}

void fake_detach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct fake_dev *fdev = to_fake_dev(dev);

	if (fdev->gone || fdev->hw != domain)
		fake.offences++;
	fdev->hw = NULL;
}

int fake_map_pages(struct iommu_domain *domain, unsigned long iova,
		   phys_addr_t paddr, size_t pgsize, size_t pgcount,
		   int prot, gfp_t gfp, size_t *mapped)
{
	*mapped = pgsize * pgcount;
	to_fake_domain(domain)->mapped += *mapped;
	return 0;
}

size_t fake_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	to_fake_domain(domain)->mapped -= pgsize * pgcount;
	return pgsize * pgcount;
}

/* Keep the memory, so that a device which still walks the domain is detected */
void fake_free(struct iommu_domain *domain)
{
	struct fake_domain *fdom = to_fake_domain(domain);

	if (fdom->freed)
		fake.offences++;
	fdom->freed = true;
}

static const struct iommu_domain_ops fake_domain_ops = {
	.attach_dev	= fake_attach_dev,
	.free		= fake_free,
};

static const struct iommu_domain_ops fake_bare_domain_ops = {
	.attach_dev	= fake_attach_dev,
	.detach_dev	= fake_detach_dev,
	.free		= fake_free,
};

const struct iommu_ops fake_ops = {
	.capable		= fake_capable,
	.domain_alloc		= fake_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.get_resv_regions	= fake_get_resv_regions,
	.is_attach_deferred	= fake_is_attach_deferred,
	.def_domain_type	= fake_def_domain_type,
	.default_domain_ops	= &fake_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

/* Only domains for users: the platform does DMA without a domain */
struct iommu_domain *fake_bare_domain_alloc(unsigned int type)
{
	if (type != IOMMU_DOMAIN_UNMANAGED)
		return NULL;
	return fake_domain_alloc(type);
}

const struct iommu_ops fake_bare_ops = {
	.domain_alloc		= fake_bare_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.default_domain_ops	= &fake_bare_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

int fake_bus_init(void)
{
	return bus_register(&fake_bus);
}

void fake_bus_exit(void)
{
	bus_unregister(&fake_bus);
}

static void fake_dev_free(struct device *dev)
{
	kfree(to_fake_dev(dev));
}

/* Make a device that the core does not know; without @iommu it never will */
struct fake_dev *fake_dev_make(struct kunit *test, struct fake_iommu *iommu)
{
	struct fake_dev *fdev = kzalloc(sizeof(*fdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fdev);
	KUNIT_ASSERT_LT(test, fake.nr_devs, FAKE_MAX_DEVICES);
	fdev->iommu = iommu;
	device_initialize(&fdev->pci.dev);
	fdev->pci.dev.bus = &fake_bus;
	fdev->pci.dev.release = fake_dev_free;
	dev_set_name(&fdev->pci.dev, "fake-dev%u", fake.nr_devs);
	KUNIT_ASSERT_EQ(test, device_add(&fdev->pci.dev), 0);
	fake.devs[fake.nr_devs++] = fdev;
	return fdev;
}

/* Place of a device in &struct fake_world.devs */
unsigned int fake_index(struct device *dev)
{
	unsigned int i = 0;

	while (fake_device(i) != dev)
		i++;
	return i;
}

int fake_dev_probe(struct fake_dev *fdev)
{
	if (fdev->iommu)
		return iommu_probe_device(&fdev->pci.dev);
	return iommu_group_add_device(fake.group, &fdev->pci.dev);
}

void fake_dev_remove(struct fake_dev *fdev)
{
	if (fdev->iommu)
		iommu_release_device(&fdev->pci.dev);
	else
		iommu_group_remove_device(&fdev->pci.dev);
}

/* A group of @nr_devs devices on their default domain */
void fake_world_init(struct kunit *test, const struct iommu_ops *ops,
		     unsigned int nr_devs)
{
	unsigned int i;
	int err;

	memset(&fake, 0, sizeof(fake));
	INIT_LIST_HEAD(&fake.domains);
	fake.def_type = IOMMU_DOMAIN_IDENTITY;
	fake_bus.iommu_ops = ops;
	for (i = 0; i < ARRAY_SIZE(fake.iommus); i++) {
		fake.iommus[i].iommu.ops = ops;
		err = iommu_device_sysfs_add(&fake.iommus[i].iommu, NULL, NULL,
					     "fake-iommu%u", i);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	fake.group = iommu_group_alloc();
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake.group));
	for (i = 0; i < nr_devs; i++) {
		err = fake_dev_probe(fake_dev_make(test, &fake.iommus[0]));
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
}

void fake_world_exit(struct kunit *test)
{
	struct fake_domain *fdom, *next;
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++) {
		if (!fake.devs[i]->gone)
			fake_dev_remove(fake.devs[i]);
		device_del(&fake.devs[i]->pci.dev);
		put_device(&fake.devs[i]->pci.dev);
	}
	iommu_group_put(fake.group);
	for (i = 0; i < ARRAY_SIZE(fake.iommus); i++)
		iommu_device_sysfs_remove(&fake.iommus[i].iommu);
	KUNIT_EXPECT_EQ(test, fake.offences, 0);
	list_for_each_entry_safe(fdom, next, &fake.domains, all)
		kfree(fdom);
	fake_bus.iommu_ops = NULL;
}

/* Make the attaches fail whose bit is set, counted from now on */
void fake_arm(u64 fail_mask, enum fake_failure failure)
{
	fake.attaches = 0;
	fake.default_attaches = 0;
	fake.fail_mask = fail_mask;
	fake.failure = failure;
}

/* Whether the hardware walks @domain for every device, and the group is on it */
bool fake_all_on(struct iommu_domain *domain)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++) {
		if (fake.devs[i]->gone)
			continue;
		if (fake.devs[i]->hw != domain)
			return false;
		if (iommu_get_domain_for_dev(fake_device(i)) != domain)
			return false;
	}
	return true;
}

/* Whether no device can access freed memory */
bool fake_none_on_freed(void)
{
	struct iommu_domain *hw;
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++) {
		hw = fake.devs[i]->hw;
		if (!hw || hw == &fake_nothing || !hw->ops->free)
			continue;
		if (to_fake_domain(hw)->freed)
			return false;
	}
	return true;
}
