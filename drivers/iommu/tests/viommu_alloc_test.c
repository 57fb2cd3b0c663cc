// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs and names of devices that are made without memory.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-viommu.h>
#include <linux/iommu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../iommu-attach.h"
#include "fail_alloc.h"
#include "fake_ext.h"

#define TYPE		7
#define QUEUE_TYPE	8
/* Needs nodes on several levels of the table of names */
#define VIRT_ID		0x123456UL

/* What the driver has been told */
static unsigned int nr_inits, nr_destroys, nr_names;

static int init(struct iommu_viommu *viommu, struct device *dev,
		struct iommu_user_blob *blob)
{
	nr_inits++;
	return 0;
}

static void destroy(struct iommu_viommu *viommu)
{
	nr_destroys++;
}

static int init_vdevice(struct iommu_vdevice *vdev)
{
	nr_names++;
	return 0;
}

static void destroy_vdevice(struct iommu_vdevice *vdev)
{
	nr_names--;
}

static size_t hw_queue_bytes(struct iommu_viommu *viommu, u32 type)
{
	return type == QUEUE_TYPE ? sizeof(struct iommu_hw_queue) : 0;
}

static const struct iommu_viommu_ops virtual_ops = {
	.viommu_bytes	= sizeof(struct iommu_viommu),
	.hw_queue_bytes	= hw_queue_bytes,
	.init		= init,
	.destroy	= destroy,
	.init_vdevice	= init_vdevice,
	.destroy_vdevice = destroy_vdevice,
};

static const struct iommu_viommu_ops *viommu_ops(struct device *dev, u32 type)
{
	return type == TYPE ? &virtual_ops : NULL;
}

static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static const struct iommu_ops_ext ext = {
	.alloc_paging	= fake_alloc_paging,
	.viommu_ops	= viommu_ops,
};

static const struct iommu_ops driver_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &domain_ops,
	.ext			= &ext,
};

static struct iommu_domain *parent;
static struct iommu_viommu *viommu;
static struct iommu_vdevice *vdev;
static struct iommu_hw_queue *queue;

static int make_viommu(void)
{
	viommu = iommu_viommu_create(fake_device(0), TYPE, parent, NULL, NULL, NULL);
	return PTR_ERR_OR_ZERO(viommu);
}

static void drop_viommu(void)
{
	iommu_viommu_destroy(viommu);
}

static bool no_viommu(void)
{
	return nr_inits == nr_destroys;
}

static bool one_viommu(void)
{
	return nr_inits == nr_destroys + 1 && viommu->parent == parent;
}

static int make_vdevice(void)
{
	vdev = iommu_vdevice_create(viommu, fake_device(0), VIRT_ID);
	return PTR_ERR_OR_ZERO(vdev);
}

static void drop_vdevice(void)
{
	iommu_vdevice_destroy(vdev);
}

/* How many of the two lookups find it */
static unsigned int nr_found(void)
{
	unsigned int nr;

	rcu_read_lock();
	nr = !!iommu_viommu_find(viommu, VIRT_ID) +
	     !!iommu_vdevice_of(fake_device(0));
	rcu_read_unlock();
	return nr;
}

static bool no_vdevice(void)
{
	return !nr_found() && !nr_names;
}

static bool one_vdevice(void)
{
	return nr_found() == 2 && nr_names == 1;
}

static int make_queue(void)
{
	queue = iommu_hw_queue_alloc(viommu, QUEUE_TYPE);
	return PTR_ERR_OR_ZERO(queue);
}

static void drop_queue(void)
{
	kfree(queue);
}

static bool is_queue(void)
{
	return queue->viommu == viommu && queue->type == QUEUE_TYPE;
}

static bool always(void)
{
	return true;
}

static void viommu_vdevice_and_queue(struct kunit *test)
{
	const struct fail_alloc_ops making_viommu = {
		.go = make_viommu, .undo = drop_viommu, .is_idle = no_viommu,
		.is_done = one_viommu, .places = 1,
	};
	const struct fail_alloc_ops making_vdevice = {
		.go = make_vdevice, .undo = drop_vdevice, .is_idle = no_vdevice,
		.is_done = one_vdevice, .places = 3,
	};
	const struct fail_alloc_ops making_queue = {
		.go = make_queue, .undo = drop_queue, .is_idle = always,
		.is_done = is_queue, .places = 1,
	};
	unsigned int nth;
	bool complete;

	nr_inits = 0;
	nr_destroys = 0;
	nr_names = 0;
	fake_world_init(test, &driver_ops, 1);
	parent = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(parent));
	fail_alloc_sweep(test, &making_viommu);
	KUNIT_ASSERT_EQ(test, 0, make_viommu());
	fail_alloc_sweep(test, &making_vdevice);
	fail_alloc_sweep(test, &making_queue);
	drop_viommu();
	/* One whose table has got nodes, but no name: its end is no surprise */
	for (nth = 1; nth < 20; nth++) {
		KUNIT_ASSERT_EQ(test, 0, make_viommu());
		if (!fail_alloc_once(make_vdevice, nth))
			drop_vdevice();
		drop_viommu();
	}
	KUNIT_EXPECT_EQ(test, nr_inits, nr_destroys);
	iommu_domain_free(parent);
	fake_world_exit(test);
}

static int viommu_alloc_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void viommu_alloc_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case viommu_alloc_cases[] = {
	KUNIT_CASE(viommu_vdevice_and_queue),
	{}
};

static struct kunit_suite viommu_alloc_suite = {
	.name = "iommu_viommu_alloc",
	.suite_init = viommu_alloc_suite_init,
	.suite_exit = viommu_alloc_suite_exit,
	.test_cases = viommu_alloc_cases,
};

kunit_test_suites(&viommu_alloc_suite);
