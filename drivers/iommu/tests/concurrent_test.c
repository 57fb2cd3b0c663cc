// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are attached and detached while user space maps, unmaps and flushes.
 *
 * One side is stopped inside the driver, and the other one is started: either it
 * enters the driver too, or it waits for the first. No result depends on timing.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_ext.h"

static struct iommu_dma_owner owner;

/* The two sides: calls of the attach layer, and calls of users */
enum side { ATTACH, TABLE, NR_SIDES };

/**
 * struct gate - stops one side in the driver
 * @side: the side that is stopped; the other one passes
 * @closed: the next call of @side stops
 * @reached: completed when the call has stopped
 * @open: completed to let it continue
 * @entered: calls of the driver, for each side
 */
static struct gate {
	enum side side;
	bool closed;
	struct completion reached;
	struct completion open;
	unsigned int entered[NR_SIDES];
} gate;

static void enter(enum side side)
{
	gate.entered[side]++;
	if (side != gate.side || !gate.closed)
		return;
	gate.closed = false;
	complete(&gate.reached);
	wait_for_completion(&gate.open);
}

static int attach_dev(struct iommu_domain *domain, struct device *dev)
{
	enter(ATTACH);
	return fake_attach_dev(domain, dev);
}

static int attach_blocked(struct iommu_domain *domain, struct device *dev)
{
	enter(ATTACH);
	return fake_attach_blocked(domain, dev);
}

static void detach_dev(struct iommu_domain *domain, struct device *dev)
{
	enter(ATTACH);
	fake_detach_dev(domain, dev);
}

static bool alone_in_group;

static void release_device(struct device *dev)
{
	enter(ATTACH);
	alone_in_group = mutex_is_locked(&fake.group->mutex);
	fake_release_device(dev);
}

/* As ipmmu-vmsa does, through the DMA API of Arm */
static void release_and_detach(struct device *dev)
{
	iommu_detach_device(iommu_get_domain_for_dev(dev), dev);
	release_device(dev);
}

static int map_pages(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t paddr, size_t pgsize, size_t pgcount,
		     int prot, gfp_t gfp, size_t *mapped)
{
	enter(TABLE);
	return fake_map_pages(domain, iova, paddr, pgsize, pgcount, prot, gfp,
			      mapped);
}

static size_t unmap_pages(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	enter(TABLE);
	return fake_unmap_pages(domain, iova, pgsize, pgcount, gather);
}

static void iotlb_sync(struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather)
{
	enter(TABLE);
}

static void flush_iotlb_all(struct iommu_domain *domain)
{
	enter(TABLE);
}

static int read_dirty(struct iommu_domain *domain, unsigned long iova,
		      size_t size, struct iommu_dirty_log *log)
{
	enter(TABLE);
	return 0;
}

static int set_dirty_tracking(struct iommu_domain *domain, bool enable)
{
	enter(TABLE);
	return 0;
}

/* Blocking stops at the gate, too: fake_blocked would not */
static const struct iommu_domain_ops blocked_ops = {
	.attach_dev = attach_blocked,
};

static struct iommu_domain static_blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &blocked_ops,
};

static const struct iommu_domain_ops domain_ops = {
	.attach_dev		= attach_dev,
	.map_pages		= map_pages,
	.unmap_pages		= unmap_pages,
	.iotlb_sync		= iotlb_sync,
	.flush_iotlb_all	= flush_iotlb_all,
	.read_dirty		= read_dirty,
	.set_dirty_tracking	= set_dirty_tracking,
	.free			= fake_free,
};

static const struct iommu_domain_ops bare_domain_ops = {
	.attach_dev	= attach_dev,
	.detach_dev	= detach_dev,
	.map_pages	= map_pages,
	.unmap_pages	= unmap_pages,
	.free		= fake_free,
};

static struct iommu_domain *alloc_user(struct device *dev,
				       struct iommu_domain *parent, u32 flags,
				       const struct iommu_user_blob *blob)
{
	return fake_alloc_paging(dev, flags);
}

static const struct iommu_ops_ext silent_ext = {
	.alloc_paging	= fake_alloc_paging,
	.alloc_user	= alloc_user,
	.blocked_domain	= &static_blocked,
};

static const struct iommu_ops_ext able_ext = {
	.alloc_paging		= fake_alloc_paging,
	.alloc_user		= alloc_user,
	.blocked_domain		= &static_blocked,
	.concurrent_attach	= true,
};

#define DRIVER \
	FAKE_DRIVER, \
	.release_device		= release_device, \
	.default_domain_ops	= &domain_ops

/* Drivers: without ops_ext, without concurrent_attach, and with it */
static const struct iommu_ops old_ops = { DRIVER };
static const struct iommu_ops silent_ops = { DRIVER, .ext = &silent_ext };
static const struct iommu_ops able_ops = { DRIVER, .ext = &able_ext };

static const struct iommu_ops bare_ops = {
	.domain_alloc		= fake_bare_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.default_domain_ops	= &bare_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

static const struct iommu_ops detaching_ops = {
	.domain_alloc		= fake_bare_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= release_and_detach,
	.device_group		= fake_device_group,
	.default_domain_ops	= &bare_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

/* Two domains of an owner, the group's two devices on the first */
static struct iommu_domain *user, *other;

static struct iommu_domain *make_domain(struct kunit *test)
{
	struct iommu_domain *domain;
	bool complete;

	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	return domain;
}

static void begin(struct kunit *test, const struct iommu_ops *ops)
{
	memset(&gate, 0, sizeof(gate));
	init_completion(&gate.reached);
	init_completion(&gate.open);
	fake_world_init(test, ops, 2);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_claim_dma_owner(fake_device(0), &owner));
	user = make_domain(test);
	other = make_domain(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), user));
}

static void end(struct kunit *test)
{
	fake_arm(0, FAKE_FAIL_CLEARS);
	iommu_device_release_dma_owner(fake_device(0));
	iommu_domain_free(user);
	iommu_domain_free(other);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_world_exit(test);
}

/* What the attach layer does to a device on @user */

static void replace(void)
{
	iommu_device_replace_domain(fake_device(0), other);
}

static void attach(void)
{
	iommu_device_replace_domain(fake_device(0), user);
}

static void detach(void)
{
	iommu_device_detach_domain(fake_device(0), user);
}

static void go_back(void)
{
	fake_arm(BIT_ULL(0), FAKE_FAIL_MOVES);
	iommu_device_replace_domain(fake_device(0), other);
}

static void reset_begin(void)
{
	iommu_device_reset_begin(fake_device(0));
}

static void reset_end(void)
{
	iommu_device_reset_end(fake_device(0));
}

static void admit(void)
{
	mutex_lock(&fake.group->mutex);
	iommu_group_attach_new_device(fake.group, fake_device(0));
	mutex_unlock(&fake.group->mutex);
}

static void release(void)
{
	fake_dev_remove(fake.devs[1]);
}

/* What users do to a domain */

static void map(struct iommu_domain *domain)
{
	struct iommu_run run = { .len = SZ_4K };
	size_t mapped;

	iommu_domain_map_runs(domain, 0, &run, 1, IOMMU_READ, GFP_KERNEL,
			      &mapped);
}

static void unmap(struct iommu_domain *domain)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	iommu_domain_unmap_range(domain, 0, SZ_4K, &gather);
}

static void sync(struct iommu_domain *domain)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	iommu_domain_sync(domain, &gather);
}

static void read(struct iommu_domain *domain)
{
	struct iommu_dirty_log log = {};

	iommu_domain_read_dirty(domain, 0, SZ_4K, &log);
}

static void track(struct iommu_domain *domain)
{
	iommu_domain_set_dirty_tracking(domain, true);
}

/**
 * struct change_ops - an operation of the attach layer
 * @name: name of the operation
 * @act: does it
 * @prepare: done before, or NULL
 * @touches_other: the operation involves the second domain, too
 * @ops: a driver that does not allow it, if not @silent_ops
 */
struct change_ops {
	const char *name;
	void (*act)(void);
	void (*prepare)(void);
	bool touches_other;
	const struct iommu_ops *ops;
};

static const struct change_ops replacement = { "replace", replace };

static const struct change_ops changes[] = {
	{ "attach", attach, .prepare = detach },
	{ "replace", replace, .touches_other = true },
	{ "replace, old driver", replace, .touches_other = true,
	  .ops = &old_ops },
	{ "replace that fails", go_back, .touches_other = true },
	{ "detach", detach },
	{ "detach, old driver", detach, .ops = &old_ops },
	{ "reset begins", reset_begin },
	{ "reset ends", reset_end, .prepare = reset_begin },
	{ "a device is admitted", admit },
	{ "a device is released", release },
	{ "a device is released, old driver", release, .ops = &old_ops },
};

static void change_name(const struct change_ops *change, char *name)
{
	strscpy(name, change->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(change, changes, change_name);

/**
 * struct use_ops - an operation of a user on a domain
 * @name: name of the operation
 * @act: does it
 */
struct use_ops {
	const char *name;
	void (*act)(struct iommu_domain *domain);
};

static const struct use_ops map_use = { "map", map };

static const struct use_ops uses[] = {
	{ "map", map },
	{ "unmap", unmap },
	{ "sync", sync },
	{ "flush all", iommu_domain_flush_all },
	{ "read dirty", read },
	{ "set dirty tracking", track },
};

static void use_name(const struct use_ops *use, char *name)
{
	strscpy(name, use->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(use, uses, use_name);

/* A call of either side, in a thread of its own */
struct call {
	const struct change_ops *change;	/* or */
	const struct use_ops *use;
	struct iommu_domain *domain;
	struct completion done;
};

static int run_call(void *data)
{
	struct call *call = data;

	if (call->change)
		call->change->act();
	else
		call->use->act(call->domain);
	complete(&call->done);
	return 0;
}

static bool start(struct call *call)
{
	init_completion(&call->done);
	return !IS_ERR(kthread_run(run_call, call, "fake-call"));
}

/*
 * Stop @first in the driver, and return whether @second enters it, too. If it does
 * not, it must be waiting for one of the two domains.
 */
static bool meet(struct kunit *test, struct call *first, struct call *second)
{
	enum side side = first->change ? ATTACH : TABLE;
	enum side opposite = first->change ? TABLE : ATTACH;
	unsigned int before = gate.entered[opposite];
	bool met;

	gate.side = side;
	gate.closed = true;
	KUNIT_ASSERT_TRUE(test, start(first));
	wait_for_completion(&gate.reached);
	KUNIT_ASSERT_TRUE(test, start(second));
	while (READ_ONCE(gate.entered[opposite]) == before &&
	       !rwsem_is_contended(&user->attach_lock) &&
	       !rwsem_is_contended(&other->attach_lock))
		schedule_timeout_uninterruptible(1);
	met = READ_ONCE(gate.entered[opposite]) != before;
	complete(&gate.open);
	wait_for_completion(&first->done);
	wait_for_completion(&second->done);
	KUNIT_EXPECT_NE(test, gate.entered[opposite], before);
	return met;
}

static void change_against(struct kunit *test, const struct iommu_ops *ops,
			   bool on_other, bool expected)
{
	const struct change_ops *change = test->param_value;
	struct call first = { .use = &map_use }, second = { .change = change };

	begin(test, ops);
	if (change->prepare)
		change->prepare();
	first.domain = on_other ? other : user;
	KUNIT_EXPECT_EQ(test, expected, meet(test, &first, &second));
	end(test);
}

static void change_waits_for_map(struct kunit *test)
{
	const struct change_ops *change = test->param_value;
	const struct iommu_ops *ops = change->ops ?: &silent_ops;

	change_against(test, ops, false, false);
	if (change->touches_other)
		change_against(test, ops, true, false);
	change_against(test, &able_ops, false, true);
}

static void use_against(struct kunit *test, const struct iommu_ops *ops,
			bool on_other, bool expected)
{
	const struct use_ops *use = test->param_value;
	struct call first = { .change = &replacement }, second = { .use = use };

	begin(test, ops);
	second.domain = on_other ? other : user;
	KUNIT_EXPECT_EQ(test, expected, meet(test, &first, &second));
	end(test);
}

static void use_waits_for_replace(struct kunit *test)
{
	use_against(test, &silent_ops, false, false);
	use_against(test, &silent_ops, true, false);
	use_against(test, &able_ops, false, true);
	use_against(test, &able_ops, true, true);
}

/* Where there is no default domain, the way back is detach_dev() */
static void way_back_to_no_domain(struct kunit *test)
{
	static const struct change_ops detachment = { "detach", detach };
	struct call first = { .use = &map_use };
	struct call second = { .change = &detachment };

	memset(&gate, 0, sizeof(gate));
	init_completion(&gate.reached);
	init_completion(&gate.open);
	fake_world_init(test, &bare_ops, 1);
	user = make_domain(test);
	other = make_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(user, fake.group));
	first.domain = user;
	KUNIT_EXPECT_FALSE(test, meet(test, &first, &second));
	KUNIT_EXPECT_NULL(test, fake.devs[0]->hw);
	iommu_domain_free(user);
	iommu_domain_free(other);
	fake_world_exit(test);
}

/* The group cannot be moved, and so its domain not be freed, meanwhile */
static void release_is_alone_in_group(struct kunit *test)
{
	alone_in_group = false;
	begin(test, &able_ops);
	release();
	KUNIT_EXPECT_TRUE(test, alone_in_group);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&fake.group->mutex));
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw, user);
	end(test);
}

static void release_may_detach(struct kunit *test)
{
	struct iommu_domain *domain;

	memset(&gate, 0, sizeof(gate));
	fake_world_init(test, &detaching_ops, 1);
	domain = iommu_domain_alloc(fake_device(0)->bus);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(domain, fake_device(0)));
	fake_dev_remove(fake.devs[0]);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&fake.group->mutex));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&domain->nr_points));
	iommu_domain_free(domain);
	fake_world_exit(test);
}

/* Domains of the core and of VFIO type1 do not exclude attaches while they map */
static void only_for_users(struct kunit *test)
{
	struct iommu_user_blob blob = {};
	struct iommu_domain *domain;

	begin(test, &silent_ops);
	KUNIT_EXPECT_TRUE(test, user->serialised);
	KUNIT_EXPECT_FALSE(test, fake.group->default_domain->serialised);
	domain = iommu_device_alloc_user(fake_device(0), NULL, 0, &blob);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	KUNIT_EXPECT_TRUE(test, domain->serialised);
	iommu_domain_free(domain);
	domain = iommu_domain_alloc(fake_device(0)->bus);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	KUNIT_EXPECT_FALSE(test, domain->serialised);
	iommu_domain_free(domain);
	end(test);

	begin(test, &old_ops);
	KUNIT_EXPECT_TRUE(test, user->serialised);
	KUNIT_EXPECT_FALSE(test, fake.group->blocking_domain->serialised);
	end(test);
}

/* Two groups that exchange their domains */

#define SWAPS 1000

struct mover {
	struct iommu_group *group;
	struct iommu_domain *here;
	struct iommu_domain *there;
	struct completion done;
	int err;
};

static int move(void *data)
{
	struct mover *mover = data;
	unsigned int i;

	for (i = 0; i < SWAPS && !mover->err; i++) {
		swap(mover->here, mover->there);
		mutex_lock(&mover->group->mutex);
		mover->err = iommu_group_set_domain(mover->group,
						    mover->here);
		mutex_unlock(&mover->group->mutex);
		cond_resched();
	}
	complete(&mover->done);
	return 0;
}

static bool start_moving(struct mover *mover)
{
	init_completion(&mover->done);
	return !IS_ERR(kthread_run(move, mover, "fake-mover"));
}

static void groups_change_places(struct kunit *test)
{
	struct mover one = {}, two = {};
	struct iommu_group *group;
	struct fake_dev *fdev;

	begin(test, &silent_ops);
	one.group = fake.group;
	two.group = iommu_group_alloc();
	KUNIT_ASSERT_FALSE(test, IS_ERR(two.group));
	fdev = fake_dev_make(test, &fake.iommus[0]);
	group = fake.group;
	fake.group = two.group;
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fdev));
	fake.group = group;
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(other, two.group));

	one.here = user;
	one.there = other;
	two.here = other;
	two.there = user;
	KUNIT_ASSERT_TRUE(test, start_moving(&one));
	KUNIT_ASSERT_TRUE(test, start_moving(&two));
	wait_for_completion(&one.done);
	wait_for_completion(&two.done);
	KUNIT_EXPECT_EQ(test, 0, one.err);
	KUNIT_EXPECT_EQ(test, 0, two.err);

	iommu_detach_group(two.here, two.group);
	fake_dev_remove(fdev);
	iommu_group_put(two.group);
	end(test);
}

static int concurrent_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void concurrent_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case concurrent_cases[] = {
	KUNIT_CASE_PARAM(change_waits_for_map, change_gen_params),
	KUNIT_CASE_PARAM(use_waits_for_replace, use_gen_params),
	KUNIT_CASE(way_back_to_no_domain),
	KUNIT_CASE(release_is_alone_in_group),
	KUNIT_CASE(release_may_detach),
	KUNIT_CASE(only_for_users),
	KUNIT_CASE(groups_change_places),
	{}
};

static struct kunit_suite concurrent_suite = {
	.name = "iommu_concurrent",
	.suite_init = concurrent_suite_init,
	.suite_exit = concurrent_suite_exit,
	.test_cases = concurrent_cases,
};

kunit_test_suites(&concurrent_suite);
