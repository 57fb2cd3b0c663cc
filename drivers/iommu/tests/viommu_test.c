// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs of a fake driver: what the core asks it for, what it refuses to take
 * from it, and when lookups find the names of devices.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-viommu.h>
#include <linux/iommu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../iommu-attach.h"
#include "fake_ext.h"

#define TYPE		7
#define QUEUE_TYPE	8
#define VIRT_ID		0x1234UL

/**
 * struct fake_viommu - virtual IOMMU of the driver
 * @base: head
 * @word: zero when init() is called
 */
struct fake_viommu {
	struct iommu_viommu base;
	u64 word;
};

/* What the driver does next, and what it has seen */
static struct {
	int init_err;
	int vdevice_err;
	unsigned int domain_type;
	const struct iommu_domain_ops *domain_ops;
	unsigned int nr_inits;
	unsigned int nr_destroys;
	unsigned int nr_found;
	bool was_zero;
} driver;

static const struct iommu_domain_ops paging_ops = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static const struct iommu_domain_ops nested_ops = {
	.attach_dev	= fake_attach_dev,
	.free		= fake_free,
};

static int init(struct iommu_viommu *viommu, struct device *dev,
		struct iommu_user_blob *blob)
{
	driver.nr_inits++;
	driver.was_zero = !container_of(viommu, struct fake_viommu, base)->word;
	return driver.init_err;
}

static void destroy(struct iommu_viommu *viommu)
{
	driver.nr_destroys++;
}

static struct iommu_domain *alloc_domain(unsigned int type,
					 const struct iommu_domain_ops *ops)
{
	struct iommu_domain *domain = fake_domain_alloc(IOMMU_DOMAIN_UNMANAGED);

	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->type = type;
	domain->ops = ops;
	return domain;
}

static struct iommu_domain *alloc_nested(struct iommu_viommu *viommu,
					 struct device *dev, u32 flags,
					 const struct iommu_user_blob *blob)
{
	return alloc_domain(driver.domain_type, driver.domain_ops);
}

/* How many of the two lookups find a device's name */
static unsigned int nr_found(struct iommu_viommu *viommu, struct device *dev,
			     unsigned long virt_id)
{
	struct iommu_vdevice *by_id, *by_dev;

	rcu_read_lock();
	by_id = iommu_viommu_find(viommu, virt_id);
	by_dev = iommu_vdevice_of(dev);
	rcu_read_unlock();
	return !!by_id + !!by_dev;
}

static int init_vdevice(struct iommu_vdevice *vdev)
{
	driver.nr_found += nr_found(vdev->viommu, vdev->dev, vdev->virt_id);
	return driver.vdevice_err;
}

static void destroy_vdevice(struct iommu_vdevice *vdev)
{
	driver.nr_found += nr_found(vdev->viommu, vdev->dev, vdev->virt_id);
}

static size_t hw_queue_bytes(struct iommu_viommu *viommu, u32 type)
{
	return type == QUEUE_TYPE ? sizeof(struct iommu_hw_queue) : 0;
}

static const struct iommu_viommu_ops whole = {
	.viommu_bytes	= sizeof(struct fake_viommu),
	.hw_queue_bytes	= hw_queue_bytes,
	.init		= init,
	.destroy	= destroy,
	.alloc_nested	= alloc_nested,
	.init_vdevice	= init_vdevice,
	.destroy_vdevice = destroy_vdevice,
};

static const struct iommu_viommu_ops plain = {
	.viommu_bytes	= sizeof(struct fake_viommu),
	.init		= init,
};

static const struct iommu_viommu_ops *viommu_ops(struct device *dev, u32 type)
{
	switch (type) {
	case TYPE:
		return &whole;
	case TYPE + 1:
		return &plain;
	default:
		return NULL;
	}
}

static struct iommu_domain *alloc_paging(struct device *dev, u32 flags)
{
	return alloc_domain(IOMMU_DOMAIN_UNMANAGED, &paging_ops);
}

static const struct iommu_ops_ext ext = {
	.alloc_paging	= alloc_paging,
	.viommu_ops	= viommu_ops,
};

static const struct iommu_ops driver_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &paging_ops,
	.ext			= &ext,
};

static struct iommu_domain *parent;

static int viommu_test_init(struct kunit *test)
{
	bool complete;

	memset(&driver, 0, sizeof(driver));
	driver.domain_type = IOMMU_DOMAIN_NESTED;
	driver.domain_ops = &nested_ops;
	fake_world_init(test, &driver_ops, 2);
	parent = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	return PTR_ERR_OR_ZERO(parent);
}

static void viommu_test_exit(struct kunit *test)
{
	if (!IS_ERR_OR_NULL(parent))
		iommu_domain_free(parent);
	fake_world_exit(test);
}

static struct iommu_viommu *create_type(u32 type)
{
	return iommu_viommu_create(fake_device(0), type, parent, NULL, &driver,
				   NULL);
}

static struct iommu_viommu *create(struct kunit *test)
{
	struct iommu_viommu *viommu = create_type(TYPE);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, viommu);
	return viommu;
}

static void types(struct kunit *test)
{
	struct iommu_viommu *viommu = create(test);

	KUNIT_EXPECT_EQ(test, iommu_device_has_viommu(fake_device(0), TYPE), 0);
	KUNIT_EXPECT_EQ(test, iommu_device_has_viommu(fake_device(0), 0),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, PTR_ERR(create_type(0)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, driver.nr_inits, 1);
	KUNIT_EXPECT_TRUE(test, driver.was_zero);
	KUNIT_EXPECT_EQ(test, viommu->type, TYPE);
	KUNIT_EXPECT_PTR_EQ(test, viommu->parent, parent);
	KUNIT_EXPECT_PTR_EQ(test, viommu->iommu, &fake.iommus[0].iommu);
	KUNIT_EXPECT_PTR_EQ(test, viommu->owner_data, (void *)&driver);
	iommu_viommu_destroy(viommu);
	KUNIT_EXPECT_EQ(test, driver.nr_destroys, 1);
}

static void init_that_fails_is_not_undone(struct kunit *test)
{
	driver.init_err = -EILSEQ;
	KUNIT_EXPECT_EQ(test, PTR_ERR(create_type(TYPE)), -EILSEQ);
	KUNIT_EXPECT_EQ(test, driver.nr_destroys, 0);
}

static void parents(struct kunit *test)
{
	const struct iommu_ops *owner = parent->owner;

	parent->owner = &fake_ops;
	KUNIT_EXPECT_EQ(test, PTR_ERR(create_type(TYPE)), -EINVAL);
	parent->owner = owner;
	parent->type = IOMMU_DOMAIN_NESTED;
	KUNIT_EXPECT_EQ(test, PTR_ERR(create_type(TYPE)), -EINVAL);
	parent->type = IOMMU_DOMAIN_UNMANAGED;
	KUNIT_EXPECT_EQ(test, driver.nr_inits, 0);
}

static struct iommu_domain *make_nested(struct iommu_viommu *viommu)
{
	const struct iommu_user_blob blob = { .type = 1 };

	return iommu_viommu_alloc_nested(viommu, fake_device(0), 0, &blob);
}

static void nested_domains(struct kunit *test)
{
	struct iommu_viommu *viommu = create(test), *none = create_type(TYPE + 1);
	unsigned int before = iommu_group_errs();
	struct iommu_domain *domain;

	domain = make_nested(viommu);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_EXPECT_PTR_EQ(test, domain->owner, &driver_ops);
	iommu_domain_free(domain);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, none);
	KUNIT_EXPECT_EQ(test, PTR_ERR(make_nested(none)), -EOPNOTSUPP);
	viommu->iommu = &fake.iommus[1].iommu;
	KUNIT_EXPECT_EQ(test, PTR_ERR(make_nested(viommu)), -EINVAL);
	viommu->iommu = &fake.iommus[0].iommu;
	KUNIT_EXPECT_EQ(test, iommu_group_errs(), before);

	/* A driver that does wrong */
	driver.domain_type = IOMMU_DOMAIN_UNMANAGED;
	KUNIT_EXPECT_EQ(test, PTR_ERR(make_nested(viommu)), -EINVAL);
	driver.domain_type = IOMMU_DOMAIN_NESTED;
	driver.domain_ops = &paging_ops;
	KUNIT_EXPECT_EQ(test, PTR_ERR(make_nested(viommu)), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_group_errs(), before + 2);
	iommu_viommu_destroy(none);
	iommu_viommu_destroy(viommu);
}

/* As it is freed where hardware stops to walk it */
static void end_leak(struct iommu_domain *domain)
{
	atomic_set(&domain->nr_points, 0);
	atomic_set(&domain->nr_handles, 1);
	domain->kept = false;
	iommu_domain_free(domain);
}

/* Hardware walks a nested page table for ever, and with it what that is made on */
static void page_table_that_is_leaked(struct kunit *test)
{
	struct iommu_viommu *viommu = create(test);
	struct iommu_domain *nested = make_nested(viommu);
	unsigned int before = iommu_group_errs();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, nested);
	iommu_domain_add_point(nested);
	iommu_domain_free(nested);
	KUNIT_EXPECT_EQ(test, iommu_group_errs(), before + 1);
	KUNIT_EXPECT_FALSE(test, iommu_viommu_destroy(viommu));
	KUNIT_EXPECT_EQ(test, iommu_group_errs(), before + 2);
	KUNIT_EXPECT_EQ(test, driver.nr_destroys, 0);
	iommu_domain_free(parent);
	KUNIT_EXPECT_EQ(test, iommu_group_errs(), before + 3);

	end_leak(nested);
	parent->kept = false;
	KUNIT_EXPECT_TRUE(test, iommu_viommu_destroy(viommu));
	KUNIT_EXPECT_EQ(test, driver.nr_destroys, 1);
	end_leak(parent);
	parent = NULL;
}

static void names_of_devices(struct kunit *test)
{
	struct iommu_viommu *viommu = create(test);
	struct device *dev = fake_device(0);
	struct iommu_vdevice *vdev, *other;

	vdev = iommu_vdevice_create(viommu, dev, VIRT_ID);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vdev);
	KUNIT_EXPECT_EQ(test, nr_found(viommu, dev, VIRT_ID), 2);
	KUNIT_EXPECT_EQ(test, nr_found(viommu, fake_device(1), VIRT_ID + 1), 0);
	other = iommu_vdevice_create(viommu, fake_device(1), VIRT_ID);
	KUNIT_EXPECT_EQ(test, PTR_ERR(other), -EEXIST);
	KUNIT_EXPECT_EQ(test, nr_found(viommu, dev, VIRT_ID), 2);
	iommu_vdevice_destroy(vdev);
	KUNIT_EXPECT_EQ(test, nr_found(viommu, dev, VIRT_ID), 0);
	/* The driver is told before the first lookup and after the last */
	KUNIT_EXPECT_EQ(test, driver.nr_found, 0);

	other = iommu_vdevice_create(viommu, fake_device(1), ULONG_MAX);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, nr_found(viommu, fake_device(1), ULONG_MAX), 2);
	iommu_vdevice_destroy(other);
	iommu_viommu_destroy(viommu);
}

static void names_that_are_refused(struct kunit *test)
{
	struct iommu_viommu *viommu = create(test);
	struct device *dev = fake_device(0);
	struct iommu_vdevice *vdev;

	viommu->iommu = &fake.iommus[1].iommu;
	vdev = iommu_vdevice_create(viommu, dev, VIRT_ID);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vdev), -EINVAL);
	viommu->iommu = &fake.iommus[0].iommu;
	driver.vdevice_err = -EILSEQ;
	vdev = iommu_vdevice_create(viommu, dev, VIRT_ID);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vdev), -EILSEQ);
	KUNIT_EXPECT_EQ(test, nr_found(viommu, dev, VIRT_ID), 0);
	driver.vdevice_err = 0;
	vdev = iommu_vdevice_create(viommu, dev, VIRT_ID);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vdev);
	iommu_vdevice_destroy(vdev);
	iommu_viommu_destroy(viommu);
}

static void types_of_queues(struct kunit *test)
{
	struct iommu_viommu *viommu = create(test), *none = create_type(TYPE + 1);
	struct iommu_hw_queue *queue;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, none);
	queue = iommu_hw_queue_alloc(viommu, QUEUE_TYPE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, queue);
	KUNIT_EXPECT_PTR_EQ(test, queue->viommu, viommu);
	KUNIT_EXPECT_EQ(test, queue->type, QUEUE_TYPE);
	kfree(queue);
	KUNIT_EXPECT_EQ(test, PTR_ERR(iommu_hw_queue_alloc(viommu, 0)),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, PTR_ERR(iommu_hw_queue_alloc(none, QUEUE_TYPE)),
			-EOPNOTSUPP);
	iommu_viommu_destroy(none);
	iommu_viommu_destroy(viommu);
}

static int viommu_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void viommu_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case viommu_cases[] = {
	KUNIT_CASE(types),
	KUNIT_CASE(init_that_fails_is_not_undone),
	KUNIT_CASE(parents),
	KUNIT_CASE(nested_domains),
	KUNIT_CASE(page_table_that_is_leaked),
	KUNIT_CASE(names_of_devices),
	KUNIT_CASE(names_that_are_refused),
	KUNIT_CASE(types_of_queues),
	{}
};

static struct kunit_suite viommu_suite = {
	.name = "iommu_viommu",
	.suite_init = viommu_suite_init,
	.suite_exit = viommu_suite_exit,
	.init = viommu_test_init,
	.exit = viommu_test_exit,
	.test_cases = viommu_cases,
};

kunit_test_suites(&viommu_suite);
