// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of several devices that have an iommufd in the place of a container, and
 * devices that are opened while they are reset.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/vfio.h>

#include "../../iommu/tests/fake_ext.h"
#include "../group_iommufd.h"
#include "../vfio.h"

#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"

#define FAKE_DIRECT_BASE SZ_1M
#define MAX_RANGES	8

/* How long a thread must keep waiting, and how long to wait for a thread */
#define A_WHILE		(HZ / 5)
#define LONG		(20 * HZ)

/* A driver that can block one device of a group */

static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= fake_attach_dev,
	.free		= fake_free,
};

static const struct iommu_ops_ext ext = {
	.blocked_domain	= &fake_blocked,
};

static const struct iommu_ops blocking_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &domain_ops,
	.ext			= &ext,
};

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

/* The IOVAs that all devices of a group can use, before any of them is open */
static unsigned int usable(struct kunit *test, struct vfio_group *group,
			   struct iommufd_range *ranges)
{
	struct iommufd_ioas *ioas;
	unsigned long alignment;
	unsigned int nr;
	u32 id;

	KUNIT_ASSERT_EQ(test, 0, iommufd_container_ioas_id(group->iommufd, &id));
	ioas = iommufd_ioas_get(group->iommufd, id);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ioas));
	nr = iommufd_map_usable(ioas->map, ranges, MAX_RANGES, &alignment);
	iommufd_object_put(group->iommufd, &ioas->obj);
	return nr;
}

/* Firmware needs memory of the devices in @direct: one device counts for the group */
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

/**
 * struct opening - a device that a thread opens
 * @device: the device
 * @group: its group
 * @file: iommufd of @group
 * @owner: owns its DMA while it is bound
 * @domain: what it is attached to
 * @reset_at_bind: its reset begins when it has been bound
 * @reset_at_attach: its reset begins when it is attached for the first time
 * @reset_ends: and ends before that attach is refused
 * @busy: every attach is refused, without any reset
 * @attaches: attaches that were tried
 * @attached: the last one succeeded
 * @bound: DMA is owned
 * @ret: result of the open
 * @task: the thread
 * @done: @ret is set, the thread is about to end
 */
struct opening {
	struct vfio_device device;
	struct vfio_group *group;
	struct file *file;
	struct iommu_dma_owner owner;
	struct iommu_domain *domain;
	bool reset_at_bind;
	bool reset_at_attach;
	bool reset_ends;
	bool busy;
	unsigned int attaches;
	bool attached;
	bool bound;
	int ret;
	struct task_struct *task;
	struct completion done;
};

static struct opening *to_opening(struct vfio_device *device)
{
	return container_of(device, struct opening, device);
}

static int opening_bind(struct vfio_device *device, struct iommufd_ctx *ctx,
			u32 *dev_id)
{
	struct opening *opening = to_opening(device);
	int err;

	err = iommu_device_claim_dma_owner(device->dev, &opening->owner);
	if (err)
		return err;
	opening->bound = true;
	if (opening->reset_at_bind)
		iommu_device_reset_begin(device->dev);
	return 0;
}

static int opening_attach(struct vfio_device *device, u32 *pt_id)
{
	struct opening *opening = to_opening(device);
	bool reset = !opening->attaches++ && opening->reset_at_attach;
	int err;

	if (opening->busy)
		return -EBUSY;
	if (reset)
		iommu_device_reset_begin(device->dev);
	err = iommu_device_replace_domain(device->dev, opening->domain);
	if (reset && opening->reset_ends)
		iommu_device_reset_end(device->dev);
	opening->attached = !err;
	return err;
}

static void opening_detach(struct vfio_device *device)
{
	struct opening *opening = to_opening(device);

	if (opening->attached)
		iommu_device_detach_domain(device->dev, opening->domain);
	opening->attached = false;
}

static void opening_unbind(struct vfio_device *device)
{
	opening_detach(device);
	iommu_device_release_dma_owner(device->dev);
	to_opening(device)->bound = false;
}

static const struct vfio_iommufd_ops opening_ops = {
	.bind = opening_bind,
	.unbind = opening_unbind,
	.attach = opening_attach,
	.detach = opening_detach,
};

static struct opening *begin(struct kunit *test)
{
	struct opening *opening;
	bool complete;

	fake_world_init(test, &blocking_ops, 2);
	opening = kunit_kzalloc(test, sizeof(*opening), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, opening);
	opening->group = make_group(test);
	opening->file = open_iommufd(test);
	opening->device.iommufd_ops = &opening_ops;
	opening->ret = 1;
	init_completion(&opening->done);
	add_device(opening->group, &opening->device, fake_device(0));
	opening->domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(opening->domain));
	KUNIT_ASSERT_EQ(test, 0, set(opening->group, opening->file));
	return opening;
}

static void end(struct kunit *test, struct opening *opening)
{
	if (!opening->ret)
		vfio_group_iommufd_unuse(&opening->device);
	KUNIT_EXPECT_EQ(test, 0U, opening->device.iommufd_users);
	KUNIT_EXPECT_FALSE(test, opening->bound);
	KUNIT_EXPECT_TRUE(test, fake_all_on(iommu_group_default_domain(fake.group)));
	unset(opening->group);
	fput(opening->file);
	iommu_domain_free(opening->domain);
	fake_world_exit(test);
}

static int open_device(void *data)
{
	struct opening *opening = data;

	allow_signal(SIGKILL);
	opening->ret = vfio_group_iommufd_use(&opening->device);
	complete(&opening->done);
	return 0;
}

static void start(struct kunit *test, struct opening *opening)
{
	opening->task = kthread_create(open_device, opening, "open");
	KUNIT_ASSERT_FALSE(test, IS_ERR(opening->task));
	get_task_struct(opening->task);
	wake_up_process(opening->task);
}

static void finish(struct kunit *test, struct opening *opening)
{
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&opening->done, LONG));
	put_task_struct(opening->task);
}

/* Open a device in a thread while it is reset, and check that the thread waits */
static void start_and_wait(struct kunit *test, struct opening *opening)
{
	start(test, opening);
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&opening->done,
							     A_WHILE));
	KUNIT_EXPECT_EQ(test, 1, opening->ret);
}

/* A container has no page table for a device that uses a PASID of another one */
static void pasid_needs_an_iommufd(struct kunit *test)
{
	struct opening *opening = begin(test);
	struct iommufd_ctx *ctx = opening->group->iommufd;

	opening->group->iommufd = NULL;
	KUNIT_EXPECT_EQ(test, 0, vfio_group_iommufd_use(&opening->device));
	opening->device.iommufd_parent = fake_device(1);
	KUNIT_EXPECT_EQ(test, -EINVAL, vfio_group_iommufd_use(&opening->device));
	opening->group->iommufd = ctx;
	opening->ret = vfio_group_iommufd_use(&opening->device);
	KUNIT_EXPECT_EQ(test, 0, opening->ret);
	KUNIT_EXPECT_EQ(test, 1U, opening->attaches);
	end(test, opening);
}

/* Programs that use groups do not see an error during a reset */
static void open_waits_for_a_reset(struct kunit *test)
{
	struct opening *opening = begin(test);

	opening->reset_at_bind = true;
	start_and_wait(test, opening);
	KUNIT_EXPECT_EQ(test, 0U, opening->attaches);
	iommu_device_reset_end(fake_device(0));
	finish(test, opening);
	KUNIT_EXPECT_EQ(test, 0, opening->ret);
	KUNIT_EXPECT_EQ(test, 1U, opening->attaches);
	KUNIT_EXPECT_TRUE(test, fake_all_on(opening->domain));
	end(test, opening);
}

/* Nor when the reset begins after the wait */
static void open_meets_a_reset(struct kunit *test)
{
	struct opening *opening = begin(test);

	opening->reset_at_attach = true;
	start_and_wait(test, opening);
	KUNIT_EXPECT_EQ(test, 1U, opening->attaches);
	iommu_device_reset_end(fake_device(0));
	finish(test, opening);
	KUNIT_EXPECT_EQ(test, 0, opening->ret);
	KUNIT_EXPECT_EQ(test, 2U, opening->attaches);
	KUNIT_EXPECT_TRUE(test, fake_all_on(opening->domain));
	end(test, opening);
}

/* Nor when it is over by the time that the attach has failed */
static void open_misses_a_reset(struct kunit *test)
{
	struct opening *opening = begin(test);

	opening->reset_at_attach = true;
	opening->reset_ends = true;
	start(test, opening);
	finish(test, opening);
	KUNIT_EXPECT_EQ(test, 0, opening->ret);
	KUNIT_EXPECT_EQ(test, 2U, opening->attaches);
	KUNIT_EXPECT_TRUE(test, fake_all_on(opening->domain));
	end(test, opening);
}

/* An attach that is refused for another reason is not repeated */
static void open_is_refused(struct kunit *test)
{
	struct opening *opening = begin(test);

	opening->busy = true;
	start(test, opening);
	finish(test, opening);
	KUNIT_EXPECT_EQ(test, -EBUSY, opening->ret);
	KUNIT_EXPECT_EQ(test, 1U, opening->attaches);
	end(test, opening);
}

/* A task that waits can be killed, before its first attach and after it */
static void killed(struct kunit *test, bool after)
{
	struct opening *opening = begin(test);
	bool gone;

	opening->reset_at_bind = !after;
	opening->reset_at_attach = after;
	start_and_wait(test, opening);
	send_sig(SIGKILL, opening->task, 1);
	gone = wait_for_completion_timeout(&opening->done, LONG);
	KUNIT_EXPECT_TRUE(test, gone);
	iommu_device_reset_end(fake_device(0));
	if (!gone)
		wait_for_completion(&opening->done);
	KUNIT_EXPECT_LT(test, opening->ret, 0);
	KUNIT_EXPECT_EQ(test, after ? 1U : 0U, opening->attaches);
	put_task_struct(opening->task);
	end(test, opening);
}

static void open_is_killed(struct kunit *test)
{
	killed(test, false);
	killed(test, true);
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
	KUNIT_CASE(pasid_needs_an_iommufd),
	KUNIT_CASE(open_waits_for_a_reset),
	KUNIT_CASE(open_meets_a_reset),
	KUNIT_CASE(open_misses_a_reset),
	KUNIT_CASE(open_is_refused),
	KUNIT_CASE(open_is_killed),
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
MODULE_IMPORT_NS(IOMMUFD_INTERNAL);
