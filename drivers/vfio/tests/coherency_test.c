// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherency that is reported to KVM for a group whose devices are behind
 * different IOMMUs.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "../../iommu/tests/fake_iommu.h"
#include "../vfio.h"

#define NR_DEVICES	3

static struct vfio_group *make_group(struct kunit *test,
				     enum vfio_group_type type)
{
	struct vfio_group *group;

	group = kunit_kzalloc(test, sizeof(*group), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, group);
	mutex_init(&group->device_lock);
	INIT_LIST_HEAD(&group->device_list);
	group->type = type;
	return group;
}

static void add_device(struct kunit *test, struct vfio_group *group,
		       struct device *dev)
{
	struct vfio_device *device;

	device = kunit_kzalloc(test, sizeof(*device), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, device);
	device->dev = dev;
	device->group = group;
	list_add_tail(&device->group_next, &group->device_list);
}

/* The first IOMMU can make all DMA snoop; bit n: device n is behind that one */
static void begin(struct kunit *test, unsigned int can)
{
	unsigned int i;

	fake_world_init(test, &fake_ops, 0);
	fake.iommus[0].caps = BIT(IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
	for (i = 0; i < NR_DEVICES; i++)
		KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(
			fake_dev_make(test, &fake.iommus[can & BIT(i) ? 0 : 1])));
}

/* One device that can bypass the caches makes the group incoherent, in any place */
static void all_must_snoop(struct kunit *test)
{
	struct vfio_group *group;
	unsigned int can, nr, i;

	for (can = 0; can < BIT(NR_DEVICES); can++) {
		begin(test, can);
		for (nr = 1; nr <= NR_DEVICES; nr++) {
			group = make_group(test, VFIO_IOMMU);
			for (i = 0; i < nr; i++)
				add_device(test, group, fake_device(i));
			KUNIT_EXPECT_EQ_MSG(test, !(~can & (BIT(nr) - 1)),
					    vfio_group_enforces_coherency(group),
					    "%u devices, those that can: %x",
					    nr, can);
		}
		fake_world_exit(test);
	}
}

/* VFIO makes groups for devices that do no DMA, or do it without an IOMMU */
static void other_groups(struct kunit *test)
{
	struct vfio_group *group;

	begin(test, 0);
	group = make_group(test, VFIO_EMULATED_IOMMU);
	add_device(test, group, fake_device(0));
	KUNIT_EXPECT_TRUE(test, vfio_group_enforces_coherency(group));
	fake_world_exit(test);

	begin(test, BIT(NR_DEVICES) - 1);
	group = make_group(test, VFIO_NO_IOMMU);
	KUNIT_EXPECT_FALSE(test, vfio_group_enforces_coherency(group));
	add_device(test, group, fake_device(0));
	KUNIT_EXPECT_FALSE(test, vfio_group_enforces_coherency(group));
	fake_world_exit(test);
}

static int coherency_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void coherency_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case coherency_cases[] = {
	KUNIT_CASE(all_must_snoop),
	KUNIT_CASE(other_groups),
	{}
};

static struct kunit_suite coherency_suite = {
	.name = "vfio_coherency",
	.suite_init = coherency_suite_init,
	.suite_exit = coherency_suite_exit,
	.test_cases = coherency_cases,
};

kunit_test_suites(&coherency_suite);
