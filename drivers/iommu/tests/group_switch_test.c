// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation that moves a group from one domain to another, with a failure
 * at each of its steps.
 *
 * Uses only what an unmodified 6.1 core has, and fails there.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/iommu.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "../iommu-group.h"
#include "fake_iommu.h"

static int owner;

/**
 * struct move_ops - an operation, and the state of the group before it
 * @name: name of the test
 * @nr_devs: devices of the group
 * @claimed: the group has an owner
 * @attached: the user's domain is attached
 * @detaches: the caller frees the user's domain right after it
 * @run: the operation; returns 0 where it cannot report an error
 */
struct move_ops {
	const char *name;
	unsigned int nr_devs;
	bool claimed;
	bool attached;
	bool detaches;
	int (*run)(struct iommu_domain *user);
};

static int run_claim(struct iommu_domain *user)
{
	return iommu_group_claim_dma_owner(fake.group, &owner);
}

static int run_attach(struct iommu_domain *user)
{
	return iommu_attach_group(user, fake.group);
}

static int run_detach(struct iommu_domain *user)
{
	iommu_detach_group(user, fake.group);
	return 0;
}

static int run_release(struct iommu_domain *user)
{
	iommu_group_release_dma_owner(fake.group);
	return 0;
}

static int run_detach_device(struct iommu_domain *user)
{
	iommu_detach_device(user, fake_device(0));
	return 0;
}

static int run_attach_device(struct iommu_domain *user)
{
	return iommu_attach_device(user, fake_device(0));
}

/* What writing to /sys/kernel/iommu_groups/N/type does */
static int run_sysfs_type(struct iommu_domain *user)
{
	struct kobject *kobj = &fake.group->kobj;
	static const char text[] = "DMA";
	struct kernfs_node *node;
	ssize_t err = -ENOENT;

	fake.def_type = 0;
	node = kernfs_find_and_get(kobj->sd, "type");
	if (node)
		err = kobj->ktype->sysfs_ops->store(kobj, node->priv, text,
						    sizeof(text) - 1);
	kernfs_put(node);
	if (err < 0)
		return err;
	return 0;
}

static const struct move_ops moves[] = {
	{ .name = "claim", .nr_devs = 3, .run = run_claim },
	{ .name = "attach", .nr_devs = 3, .claimed = true, .run = run_attach },
	{ .name = "attach without owner", .nr_devs = 3, .run = run_attach },
	{ .name = "attach device", .nr_devs = 1, .run = run_attach_device },
	{ .name = "detach", .nr_devs = 3, .claimed = true, .attached = true,
	  .detaches = true, .run = run_detach },
	{ .name = "detach without owner", .nr_devs = 3, .attached = true,
	  .detaches = true, .run = run_detach },
	{ .name = "detach device", .nr_devs = 1, .attached = true,
	  .detaches = true, .run = run_detach_device },
	{ .name = "release", .nr_devs = 3, .claimed = true, .run = run_release },
	{ .name = "release while attached", .nr_devs = 3, .claimed = true,
	  .attached = true, .detaches = true, .run = run_release },
	{ .name = "sysfs type", .nr_devs = 1, .run = run_sysfs_type },
};

static void move_name(const struct move_ops *move, char *name)
{
	strscpy(name, move->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(moves, moves, move_name);

static struct iommu_domain *group_domain(void)
{
	return iommu_get_domain_for_dev(fake_device(0));
}

static struct iommu_domain *make_user_domain(struct kunit *test)
{
	struct iommu_domain *user = iommu_domain_alloc(fake_device(0)->bus);

	KUNIT_ASSERT_NOT_NULL(test, user);
	return user;
}

/* When no attach fails any more, native drivers can bind again */
static void expect_way_home(struct kunit *test, struct iommu_domain *user)
{
	unsigned int i;

	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	if (group_domain() == user)
		iommu_detach_group(user, fake.group);
	if (fake.group->owner)
		iommu_group_release_dma_owner(fake.group);
	for (i = 0; i < fake.nr_devs; i++)
		KUNIT_EXPECT_EQ(test, 0,
				iommu_device_use_default_domain(fake_device(i)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	for (i = 0; i < fake.nr_devs; i++)
		iommu_device_unuse_default_domain(fake_device(i));
}

/* Returns false when the operation has fewer than @step attaches */
static bool fail_at(struct kunit *test, const struct move_ops *move,
		    unsigned int step, enum fake_failure failure)
{
	struct iommu_domain *before, *user;
	bool reached;
	int err;

	fake_world_init(test, &fake_ops, move->nr_devs);
	user = make_user_domain(test);
	if (move->claimed)
		KUNIT_ASSERT_EQ(test, 0, run_claim(user));
	if (move->attached)
		KUNIT_ASSERT_EQ(test, 0, run_attach(user));

	before = group_domain();
	fake_arm(BIT_ULL(step), failure);
	err = move->run(user);
	reached = fake.attaches > step;

	KUNIT_EXPECT_TRUE_MSG(test, fake_all_on(group_domain()),
			      "step %u, failure %d: devices on different domains",
			      step, failure);
	if (err)
		KUNIT_EXPECT_PTR_EQ_MSG(test, before, group_domain(),
					"step %u, failure %d: not where it was",
					step, failure);
	if (err)
		KUNIT_EXPECT_EQ(test, err, -EIO);
	if (err && !move->claimed)
		KUNIT_EXPECT_FALSE(test, iommu_group_dma_owner_claimed(fake.group));
	if (!reached)
		KUNIT_EXPECT_EQ(test, err, 0);

	if (move->detaches)
		iommu_domain_free(user);
	KUNIT_EXPECT_TRUE_MSG(test, fake_none_on_freed(),
			      "step %u, failure %d: device on a freed domain",
			      step, failure);

	expect_way_home(test, user);
	if (!move->detaches)
		iommu_domain_free(user);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_world_exit(test);
	return reached;
}

static void all_or_none(struct kunit *test)
{
	const struct move_ops *move = test->param_value;
	enum fake_failure failure;
	unsigned int step;

	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; fail_at(test, move, step, failure); step++)
			KUNIT_ASSERT_LT(test, step, 32);
		/* At least one failure for each device must have been injected */
		KUNIT_EXPECT_GE(test, step, move->nr_devs);
	}
}

/* A claim that cannot allocate a blocking domain changes no device */
static void claim_without_memory(struct kunit *test)
{
	fake_world_init(test, &fake_ops, 2);
	fake.no_domains = true;
	KUNIT_EXPECT_NE(test, 0, run_claim(NULL));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_FALSE(test, iommu_group_dma_owner_claimed(fake.group));
	fake.no_domains = false;
	KUNIT_EXPECT_EQ(test, 0, run_claim(NULL));
	iommu_group_release_dma_owner(fake.group);
	fake_world_exit(test);
}

/* A detach of a domain that is not attached changes nothing */
static void detach_of_another(struct kunit *test)
{
	struct iommu_domain *user, *other;

	fake_world_init(test, &fake_ops, 2);
	user = make_user_domain(test);
	other = make_user_domain(test);

	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	iommu_detach_group(other, fake.group);
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));

	KUNIT_ASSERT_EQ(test, 0, run_attach(user));
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	iommu_detach_group(other, fake.group);
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));

	run_detach(user);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_domain_free(user);
	iommu_domain_free(other);
	fake_world_exit(test);
}

/* Drivers without default domains: the platform does DMA without one */
static void no_default_domain(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, &fake_bare_ops, 2);
	user = make_user_domain(test);
	KUNIT_EXPECT_NULL(test, fake.group->default_domain);

	/* The first device moves and is moved back, the second one does not move */
	fake_arm(BIT_ULL(1), FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, run_attach(user), -EIO);
	KUNIT_EXPECT_TRUE(test, fake_all_on(NULL));

	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, run_attach(user), 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));
	run_detach(user);
	KUNIT_EXPECT_TRUE(test, fake_all_on(NULL));
	iommu_domain_free(user);
	fake_world_exit(test);
}

static int group_switch_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void group_switch_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case group_switch_cases[] = {
	KUNIT_CASE_PARAM(all_or_none, moves_gen_params),
	KUNIT_CASE(claim_without_memory),
	KUNIT_CASE(detach_of_another),
	KUNIT_CASE(no_default_domain),
	{}
};

static struct kunit_suite group_switch_suite = {
	.name = "iommu_group_switch",
	.suite_init = group_switch_suite_init,
	.suite_exit = group_switch_suite_exit,
	.test_cases = group_switch_cases,
};

kunit_test_suites(&group_switch_suite);
