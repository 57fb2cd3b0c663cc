// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of several devices that have an iommufd in the place of a container.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/vfio.h>

#include "../../iommu/iommufd/iommufd_private.h"
#include "../../iommu/iommufd/iova_map.h"
#include "../../iommu/tests/fake_iommu.h"
#include "../group_iommufd.h"
#include "../vfio.h"

#define FAKE_DIRECT_BASE SZ_1M
#define MAX_RANGES	8

/* Groups of VFIO */

static struct vfio_group *make_group(struct kunit *test)
{
	struct vfio_group *group;

	group = kunit_kzalloc(test, sizeof(*group), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, group);
	mutex_init(&group->group_lock);
	mutex_init(&group->device_lock);
	INIT_LIST_HEAD(&group->device_list);
	group->type = VFIO_IOMMU;
	return group;
}

static void add_device(struct vfio_group *group, struct vfio_device *device,
		       struct device *dev)
{
	mutex_init(&device->iommufd_lock);
	device->dev = dev;
	device->group = group;
	list_add_tail(&device->group_next, &group->device_list);
}

/* A /dev/iommu that is opened without a file system */
static struct file *open_iommufd(struct kunit *test)
{
	struct miscdevice *misc = dev_get_drvdata(iommufd_misc_device());
	struct iommufd_ctx *ctx = iommufd_ctx_create();
	struct file *file;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(ctx));
	file = anon_inode_getfile("[iommufd]", misc->fops, ctx, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	ctx->file = file;
	return file;
}

static int set(struct vfio_group *group, struct file *file)
{
	int err;

	mutex_lock(&group->group_lock);
	err = vfio_group_iommufd_set(group, file);
	mutex_unlock(&group->group_lock);
	return err;
}

static void unset(struct vfio_group *group)
{
	mutex_lock(&group->group_lock);
	vfio_group_iommufd_unset(group);
	mutex_unlock(&group->group_lock);
}

/* What all devices of a group can use, as one that asks before any is open sees it */
static unsigned int usable(struct kunit *test, struct vfio_group *group,
			   struct iommufd_range *ranges)
{
	struct iommufd_ioas *ioas;
	unsigned long alignment;
	unsigned int nr = 0;
	u32 id;

	KUNIT_ASSERT_EQ(test, 0, iommufd_container_ioas_id(group->iommufd, &id));
	ioas = iommufd_ioas_get(group->iommufd, id);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ioas));
	iommufd_map_usable(ioas->map, ranges, MAX_RANGES, &nr, &alignment);
	iommufd_object_put(group->iommufd, &ioas->obj);
	return nr;
}

/* Firmware needs memory of devices whose bit is set: one is enough for the group. */
static void reserved_for(struct kunit *test, unsigned int direct)
{
	struct iommufd_range ranges[MAX_RANGES];
	struct vfio_device *devices;
	struct file *file = open_iommufd(test);
	struct vfio_group *group;
	unsigned int i, nr;

	fake_world_init(test, &fake_ops, 2);
	group = make_group(test);
	devices = kunit_kcalloc(test, 2, sizeof(*devices), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, devices);
	for (i = 0; i < 2; i++) {
		fake.devs[i]->direct = direct & BIT(i);
		add_device(group, &devices[i], fake_device(i));
	}
	KUNIT_ASSERT_EQ(test, 0, set(group, file));
	nr = usable(test, group, ranges);
	KUNIT_EXPECT_EQ_MSG(test, direct ? 2U : 1U, nr, "devices %x", direct);
	if (direct && nr == 2) {
		KUNIT_EXPECT_EQ(test, ranges[0].last, FAKE_DIRECT_BASE - 1UL);
		KUNIT_EXPECT_EQ(test, ranges[1].start,
				FAKE_DIRECT_BASE + (unsigned long)SZ_4K);
	}
	unset(group);
	fput(file);
	fake_world_exit(test);
}

static void each_device_reserves(struct kunit *test)
{
	unsigned int direct;

	for (direct = 0; direct < 4; direct++)
		reserved_for(test, direct);
}

static int group_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void group_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case group_cases[] = {
	KUNIT_CASE(each_device_reserves),
	{}
};

static struct kunit_suite group_suite = {
	.name = "vfio_group_iommufd",
	.suite_init = group_suite_init,
	.suite_exit = group_suite_exit,
	.test_cases = group_cases,
};

kunit_test_suites(&group_suite);

MODULE_IMPORT_NS(IOMMUFD);
