// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the attach layer adds to 6.1: replace, static blocked domains, claims by
 * device, groups without a driver, and domains that a device cannot leave.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "fake_ext.h"

#define FEATURE_WIDE BIT(0)
#define FLAG_KNOWN BIT(0)

static struct iommu_dma_owner owner, other_owner;

static int device_fits(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid)
{
	unsigned long has = to_fake_dev(dev)->iommu->features;

	return to_fake_domain(domain)->needs & ~has ? -EINVAL : 0;
}

static const struct iommu_domain_ops ext_domain_ops = {
	.attach_dev	= fake_attach_dev,
	.device_fits	= device_fits,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static struct iommu_domain *alloc_paging(struct device *dev, u32 flags)
{
	struct iommu_domain *domain;

	if (flags & ~FLAG_KNOWN)
		return ERR_PTR(-EOPNOTSUPP);
	domain = fake_alloc_paging(dev, flags);
	if (!IS_ERR(domain))
		to_fake_domain(domain)->needs = to_fake_dev(dev)->iommu->features;
	return domain;
}

static void get_resv_regions_short(struct device *dev, struct list_head *list)
{
	fake_get_resv_regions(dev, list);
	atomic_long_inc(&iommu_resv_regions_missed);
}

static const struct iommu_ops_ext ext = {
	.alloc_paging		= alloc_paging,
	.blocked_domain		= &fake_blocked,
	.direct_blocks_owner	= true,
};

/* A driver with the extension table */
static const struct iommu_ops ext_ops = {
	FAKE_DRIVER,
	.capable		= fake_capable,
	.release_device		= fake_release_device,
	.is_attach_deferred	= fake_is_attach_deferred,
	.default_domain_ops	= &ext_domain_ops,
	.ext			= &ext,
};

/* A driver that cannot list its reserved regions */
static const struct iommu_ops short_ops = {
	.domain_alloc		= fake_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.get_resv_regions	= get_resv_regions_short,
	.def_domain_type	= fake_def_domain_type,
	.default_domain_ops	= &ext_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

static unsigned int complaints_before;

static void count_complaints(void)
{
	complaints_before = iommu_group_errs();
}

static unsigned int complaints(void)
{
	return iommu_group_errs() - complaints_before;
}

static struct iommu_domain *make_user_domain(struct kunit *test)
{
	struct iommu_domain *user;
	bool complete;

	user = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	return user;
}

static int claim(unsigned int i)
{
	return iommu_device_claim_dma_owner(fake_device(i), &owner);
}

static int claim_as_other(unsigned int i)
{
	return iommu_device_claim_dma_owner(fake_device(i), &other_owner);
}

static bool was_freed(struct iommu_domain *domain)
{
	return to_fake_domain(domain)->freed;
}

static void claim_all(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		KUNIT_ASSERT_EQ(test, 0, claim(i));
}

static void release_all(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < fake.nr_devs; i++)
		iommu_device_release_dma_owner(fake_device(i));
	KUNIT_EXPECT_FALSE(test, iommu_group_dma_owner_claimed(fake.group));
}

/* Drivers that block by a static domain, or by an empty one */
static const struct iommu_ops * const both_ops[] = { &ext_ops, &fake_ops };

static void ops_name(const struct iommu_ops * const *ops, char *name)
{
	strscpy(name, (*ops)->ext ? "static blocked" : "dynamic blocked",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ops, both_ops, ops_name);

static const struct iommu_ops *param_ops(struct kunit *test)
{
	return *(const struct iommu_ops * const *)test->param_value;
}

/* One step of a replace fails: all devices are on the old domain */
static bool replace_fails_at(struct kunit *test, unsigned int step,
			     enum fake_failure failure)
{
	struct iommu_domain *old, *new;
	bool reached;
	int err;

	fake_world_init(test, param_ops(test), 3);
	claim_all(test);
	old = make_user_domain(test);
	new = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(1), old));

	fake_arm(BIT_ULL(step), failure);
	err = iommu_device_replace_domain(fake_device(2), new);
	reached = fake.attaches > step;
	KUNIT_EXPECT_EQ(test, fake.default_attaches, 0);
	KUNIT_EXPECT_EQ(test, err, reached ? -EIO : 0);
	KUNIT_EXPECT_TRUE_MSG(test, fake_all_on(err ? old : new),
			      "step %u, failure %d", step, failure);

	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	iommu_device_detach_domain(fake_device(0), err ? old : new);
	KUNIT_EXPECT_EQ(test, fake.default_attaches, 0);
	iommu_domain_free(new);
	iommu_domain_free(old);
	KUNIT_EXPECT_TRUE(test, was_freed(new));
	KUNIT_EXPECT_TRUE(test, was_freed(old));
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	release_all(test);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	fake_world_exit(test);
	return reached;
}

static void replace_all_or_none(struct kunit *test)
{
	enum fake_failure failure;
	unsigned int step;

	for (failure = 0; failure < FAKE_NR_FAILURES; failure++) {
		for (step = 0; replace_fails_at(test, step, failure); step++)
			KUNIT_ASSERT_LT(test, step, 32);
		KUNIT_EXPECT_EQ(test, step, 3);
	}
}

/*
 * The replace fails at attach number @first, and the rollback at number @second,
 * which counts on from the replace. No device can access freed memory afterwards,
 * and the next attach that succeeds repairs the group.
 */
static void going_back_fails_at(struct kunit *test, unsigned int first,
				unsigned int second, enum fake_failure failure)
{
	bool has_static = param_ops(test) == &ext_ops;
	struct iommu_domain *old, *new;
	struct fake_dev *victim;

	fake_world_init(test, param_ops(test), 3);
	claim_all(test);
	old = make_user_domain(test);
	new = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), old));

	count_complaints();
	/* With the dynamic blocking domain, the attach right after it fails, too */
	fake_arm(BIT_ULL(first) | BIT_ULL(second) |
			 (has_static ? 0 : BIT_ULL(second + 1)), failure);
	KUNIT_EXPECT_EQ(test, -EIO,
			iommu_device_replace_domain(fake_device(0), new));
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_PTR_EQ(test, fake.group->domain, old);

	victim = fake.devs[second - first - 1];
	KUNIT_EXPECT_TRUE(test, victim->pci.dev.iommu->stranded);
	if (has_static)
		KUNIT_EXPECT_PTR_EQ(test, victim->hw, &fake_blocked);

	/* The user frees both domains */
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	iommu_device_detach_domain(fake_device(0), old);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	KUNIT_EXPECT_FALSE(test, victim->pci.dev.iommu->stranded);
	count_complaints();
	iommu_domain_free(old);
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_FALSE(test, was_freed(old));
	iommu_domain_free(new);
	KUNIT_EXPECT_EQ(test, was_freed(new), has_static);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	release_all(test);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	fake_world_exit(test);
}

static void going_back_fails(struct kunit *test)
{
	enum fake_failure failure;
	unsigned int first, back;

	for (failure = 0; failure < FAKE_NR_FAILURES; failure++)
		for (first = 0; first < 3; first++)
			for (back = 0; back <= first; back++)
				going_back_fails_at(test, first,
						    first + 1 + back, failure);
}

/* With a stranded device, an attach to the group's own domain is not a no-op */
static void stranded_device_is_attached_again(struct kunit *test)
{
	struct iommu_domain *old, *new;

	fake_world_init(test, &ext_ops, 2);
	claim_all(test);
	old = make_user_domain(test);
	new = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), old));

	fake_arm(BIT_ULL(1) | BIT_ULL(2), FAKE_FAIL_CLEARS);
	KUNIT_EXPECT_EQ(test, -EIO,
			iommu_device_replace_domain(fake_device(0), new));
	KUNIT_EXPECT_FALSE(test, fake_all_on(old));

	fake_arm(BIT_ULL(0), FAKE_FAIL_CLEARS);
	KUNIT_EXPECT_EQ(test, -EIO,
			iommu_device_replace_domain(fake_device(0), old));
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw, &fake_blocked);
	fake_arm(0, FAKE_FAIL_CLEARS);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), old));
	KUNIT_EXPECT_EQ(test, fake.attaches, 1);
	KUNIT_EXPECT_TRUE(test, fake_all_on(old));

	release_all(test);
	iommu_domain_free(old);
	iommu_domain_free(new);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	fake_world_exit(test);
}

/* A default domain that cannot be attached: blocked, and no native driver */
static void release_that_fails(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, param_ops(test), 2);
	claim_all(test);
	user = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), user));

	iommu_device_release_dma_owner(fake_device(0));
	count_complaints();
	fake_arm(BIT_ULL(1), FAKE_FAIL_MOVES);
	iommu_device_release_dma_owner(fake_device(1));
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	iommu_domain_free(user);
	KUNIT_EXPECT_TRUE(test, was_freed(user));
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());

	/* Until then a native driver cannot bind; its bind also repairs the group */
	fake_arm(BIT_ULL(0), FAKE_FAIL_CLEARS);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(0)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->blocking_domain));
	fake_arm(0, FAKE_FAIL_CLEARS);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(0)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_device_unuse_default_domain(fake_device(0));

	/* An owner may claim the group, too */
	claim_all(test);
	release_all(test);
	fake_world_exit(test);
}

/* The same for a group without an owner */
static void detach_that_fails(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, &ext_ops, 2);
	user = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(user, fake.group));
	count_complaints();
	fake_arm(BIT_ULL(1), FAKE_FAIL_KEEPS_OLD);
	iommu_detach_group(user, fake.group);
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_TRUE(test, fake_all_on(&fake_blocked));
	iommu_domain_free(user);
	KUNIT_EXPECT_TRUE(test, was_freed(user));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(0)));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	iommu_device_unuse_default_domain(fake_device(0));
	fake_world_exit(test);
}

/* Drivers with attach_dev() and without detach_dev() */
static const struct iommu_ops trap_ops = {
	.domain_alloc		= fake_bare_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.default_domain_ops	= &ext_domain_ops,
	.pgsize_bitmap		= SZ_4K,
};

static const struct iommu_ops_ext trap_ext = {
	.blocked_domain		= &fake_blocked,
};

static const struct iommu_ops trap_blocked_ops = {
	.domain_alloc		= fake_bare_domain_alloc,
	.probe_device		= fake_probe_device,
	.release_device		= fake_release_device,
	.device_group		= fake_device_group,
	.default_domain_ops	= &ext_domain_ops,
	.pgsize_bitmap		= SZ_4K,
	.ext			= &trap_ext,
};

/* The first two devices have moved, the third one fails: no way to go back */
static void no_way_back_for(struct kunit *test, const struct iommu_ops *ops)
{
	struct iommu_domain *user, *other;
	unsigned int i;

	fake_world_init(test, ops, 3);
	KUNIT_ASSERT_NULL(test, fake.group->domain);
	user = make_user_domain(test);
	other = make_user_domain(test);

	count_complaints();
	fake_arm(BIT_ULL(2), FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, -EIO, iommu_attach_group(user, fake.group));
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_NULL(test, fake.group->domain);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, fake_device(i)->iommu->stranded);
		KUNIT_EXPECT_PTR_EQ(test, fake.devs[i]->hw,
				    ops->ext ? &fake_blocked : user);
	}
	KUNIT_EXPECT_FALSE(test, fake_device(2)->iommu->stranded);
	KUNIT_EXPECT_NULL(test, fake.devs[2]->hw);

	/* A native driver cannot bind, and no device can access freed memory */
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(2)));
	count_complaints();
	iommu_domain_free(user);
	KUNIT_EXPECT_EQ(test, complaints(), !ops->ext);
	KUNIT_EXPECT_EQ(test, was_freed(user), !!ops->ext);
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());

	/* An attach that succeeds repairs the group, although it can never leave */
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(other, fake.group));
	KUNIT_EXPECT_TRUE(test, fake_all_on(other));
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_FALSE(test, fake_device(i)->iommu->stranded);
	fake_world_exit(test);
}

static void no_way_back(struct kunit *test)
{
	no_way_back_for(test, &trap_ops);
	no_way_back_for(test, &trap_blocked_ops);
}

static void static_blocked_domain(struct kunit *test)
{
	unsigned int nr_before = 0;
	struct fake_domain *fdom;

	fake_world_init(test, &ext_ops, 2);
	list_for_each_entry(fdom, &fake.domains, all)
		nr_before++;
	fake_arm(~0ULL, FAKE_FAIL_CLEARS);
	fake.no_domains = true;
	claim_all(test);
	KUNIT_EXPECT_TRUE(test, fake_all_on(&fake_blocked));
	list_for_each_entry(fdom, &fake.domains, all)
		nr_before--;
	KUNIT_EXPECT_EQ(test, nr_before, 0);
	iommu_domain_free(&fake_blocked);
	fake_arm(0, FAKE_FAIL_CLEARS);
	release_all(test);
	fake_world_exit(test);
}

static void claims_are_counted(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, &ext_ops, 2);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_device_claim_dma_owner(fake_device(0), NULL));
	user = make_user_domain(test);
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_device_replace_domain(fake_device(0), user));
	KUNIT_EXPECT_FALSE(test,
			   iommu_device_has_dma_owner(fake_device(1), &owner));
	claim_all(test);
	KUNIT_EXPECT_TRUE(test,
			  iommu_device_has_dma_owner(fake_device(1), &owner));
	KUNIT_EXPECT_FALSE(test, iommu_device_has_dma_owner(fake_device(1),
							    &other_owner));
	KUNIT_EXPECT_EQ(test, -EPERM, claim_as_other(0));
	KUNIT_EXPECT_EQ(test, -EPERM,
			iommu_group_claim_dma_owner(fake.group, &owner));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(1)));
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_EXPECT_TRUE(test, fake_all_on(&fake_blocked));
	iommu_device_release_dma_owner(fake_device(1));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));

	/* One release too many, and a claim under a native driver */
	count_complaints();
	iommu_device_release_dma_owner(fake_device(1));
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(1)));
	KUNIT_EXPECT_EQ(test, -EPERM, claim(0));
	iommu_device_unuse_default_domain(fake_device(1));
	iommu_domain_free(user);
	fake_world_exit(test);
}

/* As on POWER: groups, but no driver that makes domains */
static void group_without_driver(struct kunit *test)
{
	bool complete;

	fake_world_init(test, &ext_ops, 0);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake_dev_make(test, NULL)));
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake_dev_make(test, NULL)));

	claim_all(test);
	KUNIT_EXPECT_TRUE(test, fake_all_on(NULL));
	KUNIT_EXPECT_EQ(test, -EPERM, claim_as_other(1));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(1)));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			iommu_device_replace_domain(fake_device(0), &fake_blocked));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			PTR_ERR(iommu_device_alloc_paging(fake_device(0), 0,
							  &complete)));
	release_all(test);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(1)));
	iommu_device_unuse_default_domain(fake_device(1));

	KUNIT_EXPECT_EQ(test, 0,
			iommu_group_claim_dma_owner(fake.group, &owner));
	iommu_group_release_dma_owner(fake.group);
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	fake_world_exit(test);
}

static void group_without_devices(struct kunit *test)
{
	fake_world_init(test, &ext_ops, 0);
	KUNIT_EXPECT_EQ(test, -ENODEV,
			iommu_group_claim_dma_owner(fake.group, &owner));
	fake_world_exit(test);
}

static bool enforces_coherency(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}

/* Two instances of one IOMMU with different capabilities */
static void fit_is_asked_first(struct kunit *test)
{
	struct iommu_domain *wide, *narrow;
	struct fake_dev *second;
	bool complete;

	fake_world_init(test, &ext_ops, 1);
	fake.iommus[0].features = FEATURE_WIDE;
	fake.iommus[0].caps = BIT(IOMMU_CAP_ENFORCE_CACHE_COHERENCY) |
			      BIT(IOMMU_CAP_INTR_REMAP);
	second = fake_dev_make(test, &fake.iommus[1]);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(second));

	KUNIT_EXPECT_TRUE(test, enforces_coherency(fake_device(0)));
	KUNIT_EXPECT_FALSE(test, enforces_coherency(fake_device(1)));

	/* One device without isolation counts for the whole group */
	KUNIT_EXPECT_FALSE(test, iommu_device_has_isolated_msi(fake_device(0)));
	fake.iommus[1].caps = BIT(IOMMU_CAP_INTR_REMAP);
	KUNIT_EXPECT_TRUE(test, iommu_device_has_isolated_msi(fake_device(0)));

	wide = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	narrow = iommu_device_alloc_paging(fake_device(1), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(wide) || IS_ERR(narrow));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_fits_domain(fake_device(0), wide,
						 IOMMU_NO_PASID));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_device_fits_domain(fake_device(1), wide,
						 IOMMU_NO_PASID));

	claim_all(test);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), narrow));
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_device_replace_domain(fake_device(0), wide));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_EXPECT_TRUE(test, fake_all_on(narrow));

	/* A domain of another driver never fits */
	wide->owner = &fake_ops;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_device_fits_domain(fake_device(0), wide,
						 IOMMU_NO_PASID));
	release_all(test);
	iommu_domain_free(wide);
	iommu_domain_free(narrow);
	fake_world_exit(test);
}

static void paging_domains(struct kunit *test)
{
	struct iommu_domain *domain;
	bool complete;

	fake_world_init(test, &ext_ops, 1);
	domain = iommu_device_alloc_paging(fake_device(0), FLAG_KNOWN, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	KUNIT_EXPECT_TRUE(test, complete);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_UNMANAGED);
	KUNIT_EXPECT_PTR_EQ(test, domain->owner, &ext_ops);
	KUNIT_EXPECT_PTR_EQ(test, domain->ops, &ext_domain_ops);
	iommu_domain_free(domain);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			PTR_ERR(iommu_device_alloc_paging(fake_device(0),
							  ~0U, &complete)));
	fake_world_exit(test);

	/* A driver without the extension table */
	fake_world_init(test, &fake_ops, 1);
	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	KUNIT_EXPECT_FALSE(test, complete);
	KUNIT_EXPECT_PTR_EQ(test, domain->owner, &fake_ops);
	iommu_domain_free(domain);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			PTR_ERR(iommu_device_alloc_paging(fake_device(0),
							  FLAG_KNOWN,
							  &complete)));
	fake.no_domains = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			PTR_ERR(iommu_device_alloc_paging(fake_device(0), 0,
							  &complete)));
	fake_world_exit(test);
}

static void attached_domain_is_not_freed(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, param_ops(test), 2);
	claim_all(test);
	user = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), user));
	count_complaints();
	iommu_domain_free(user);
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_FALSE(test, was_freed(user));
	KUNIT_EXPECT_TRUE(test, fake_none_on_freed());
	release_all(test);
	fake_world_exit(test);
}

/* A driver that returns one domain twice, as VT-d does with identity domains */
static void shared_domain_is_freed_in_turn(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, &ext_ops, 1);
	claim_all(test);
	user = make_user_domain(test);
	atomic_inc(&user->nr_handles);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), user));
	count_complaints();
	iommu_domain_free(user);
	KUNIT_EXPECT_EQ(test, complaints(), 0);
	KUNIT_EXPECT_TRUE(test, was_freed(user));
	to_fake_domain(user)->freed = false;
	release_all(test);
	iommu_domain_free(user);
	KUNIT_EXPECT_EQ(test, complaints(), 0);
	fake_world_exit(test);
}

static void only_the_attached_domain_is_detached(struct kunit *test)
{
	struct iommu_domain *user, *other;

	fake_world_init(test, &ext_ops, 2);
	claim_all(test);
	user = make_user_domain(test);
	other = make_user_domain(test);

	count_complaints();
	iommu_device_detach_domain(fake_device(0), user);
	KUNIT_EXPECT_EQ(test, complaints(), 1);
	KUNIT_EXPECT_TRUE(test, fake_all_on(&fake_blocked));

	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), user));
	iommu_device_detach_domain(fake_device(0), other);
	KUNIT_EXPECT_EQ(test, complaints(), 2);
	iommu_detach_device(user, fake_device(0));
	KUNIT_EXPECT_EQ(test, complaints(), 3);
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));
	iommu_device_detach_domain(fake_device(1), user);
	KUNIT_EXPECT_EQ(test, complaints(), 3);
	KUNIT_EXPECT_TRUE(test, fake_all_on(&fake_blocked));
	release_all(test);
	iommu_domain_free(user);
	iommu_domain_free(other);
	fake_world_exit(test);
}

/* Firmware that needs memory mapped 1:1 at all times */
static void direct_regions(struct kunit *test)
{
	struct fake_dev *second;

	/* With direct_blocks_owner, not even a sibling can be claimed */
	fake_world_init(test, &ext_ops, 1);
	second = fake_dev_make(test, &fake.iommus[0]);
	second->direct = true;
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(second));
	KUNIT_EXPECT_TRUE(test, second->pci.dev.iommu->require_direct);
	KUNIT_EXPECT_EQ(test, -EPERM, claim(0));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));
	fake_world_exit(test);

	/* Nor can such a device join a group that is blocked */
	fake_world_init(test, &ext_ops, 1);
	KUNIT_ASSERT_EQ(test, 0, claim(0));
	second = fake_dev_make(test, &fake.iommus[0]);
	second->direct = true;
	KUNIT_EXPECT_EQ(test, -EPERM, fake_dev_probe(second));
	second->gone = true;
	iommu_device_release_dma_owner(fake_device(0));
	fake_world_exit(test);

	/* A driver that never refused such devices still does not */
	fake_world_init(test, &fake_ops, 1);
	second = fake_dev_make(test, &fake.iommus[0]);
	second->direct = true;
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(second));
	claim_all(test);
	release_all(test);
	fake_world_exit(test);
}

/* An incomplete list of regions is an error, and the device cannot be claimed */
static void reserved_regions_missing(struct kunit *test)
{
	LIST_HEAD(regions);

	fake_world_init(test, &short_ops, 1);
	fake.devs[0]->direct = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			iommu_device_get_resv_regions(fake_device(0), &regions));
	KUNIT_EXPECT_TRUE(test, list_empty(&regions));
	KUNIT_EXPECT_TRUE(test, fake.devs[0]->pci.dev.iommu->require_direct);
	fake_world_exit(test);

	fake_world_init(test, &ext_ops, 1);
	fake.devs[0]->direct = true;
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_get_resv_regions(fake_device(0), &regions));
	KUNIT_EXPECT_FALSE(test, list_empty(&regions));
	iommu_put_resv_regions(fake_device(0), &regions);
	fake_world_exit(test);
}

/* Hot-plug while a user's domain is attached */
static void devices_come_and_go(struct kunit *test)
{
	struct iommu_domain *user, *next;

	fake_world_init(test, &ext_ops, 2);
	claim_all(test);
	user = make_user_domain(test);
	next = make_user_domain(test);
	KUNIT_ASSERT_EQ(test, 0, iommu_device_replace_domain(fake_device(0), user));
	KUNIT_ASSERT_EQ(test, 0,
			fake_dev_probe(fake_dev_make(test, &fake.iommus[0])));
	KUNIT_EXPECT_TRUE(test, fake_all_on(user));

	iommu_device_release_dma_owner(fake_device(1));
	fake_dev_remove(fake.devs[1]);
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_replace_domain(fake_device(0), next));
	KUNIT_EXPECT_EQ(test, fake.attaches, 2);
	KUNIT_EXPECT_TRUE(test, fake_all_on(next));

	/* The last devices are removed while on the domain, which is then unused */
	fake_dev_remove(fake.devs[0]);
	fake_dev_remove(fake.devs[2]);
	iommu_detach_group(next, fake.group);
	iommu_group_release_dma_owner(fake.group);
	iommu_domain_free(next);
	iommu_domain_free(user);
	KUNIT_EXPECT_TRUE(test, was_freed(next));
	KUNIT_EXPECT_TRUE(test, was_freed(user));
	fake_world_exit(test);
}

/* Release a device from the IOMMU driver; fake_world_exit() removes it */
static void dismiss(struct fake_dev *fdev)
{
	iommu_group_release_device(&fdev->pci.dev);
	fdev->gone = false;
}

/* After release_device() a device is not attached any more */
static void leaving_device_is_left_alone(struct kunit *test)
{
	fake_world_init(test, &fake_ops, 2);
	dismiss(fake.devs[0]);
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw, &fake_nothing);
	fake_arm(0, FAKE_FAIL_KEEPS_OLD);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_group_claim_dma_owner(fake.group, &owner));
	KUNIT_EXPECT_EQ(test, fake.attaches, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake.devs[0]->hw, &fake_nothing);
	iommu_group_release_dma_owner(fake.group);
	fake_world_exit(test);
}

/* kdump: the first attach is left to the DMA API, or to an earlier user */
static void deferred_attach(struct kunit *test)
{
	struct fake_dev *fdev;

	fake_world_init(test, &ext_ops, 0);
	fdev = fake_dev_make(test, &fake.iommus[0]);
	fdev->deferred = true;
	fdev->hw = &fake_nothing;
	KUNIT_ASSERT_EQ(test, 0, iommu_group_add_device(fake.group, &fdev->pci.dev));
	KUNIT_EXPECT_EQ(test, fake.attaches, 0);
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fdev));
	fdev->deferred = true;
	KUNIT_EXPECT_EQ(test, 0,
			iommu_deferred_attach(&fdev->pci.dev,
					      fake.group->default_domain));
	KUNIT_EXPECT_TRUE(test, fake_all_on(fake.group->default_domain));

	fdev->deferred = true;
	claim_all(test);
	KUNIT_EXPECT_FALSE(test, fdev->deferred);
	KUNIT_EXPECT_TRUE(test, fake_all_on(&fake_blocked));
	release_all(test);
	fake_world_exit(test);
}

/* amdkfd: any identity domain counts as an identity default domain */
static void other_identity_domain(struct kunit *test)
{
	struct iommu_domain *user;

	fake_world_init(test, &fake_ops, 1);
	user = make_user_domain(test);
	user->type = IOMMU_DOMAIN_IDENTITY;
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(0)));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(user, fake.group));
	KUNIT_EXPECT_EQ(test, 0,
			iommu_device_use_default_domain(fake_device(0)));
	user->type = IOMMU_DOMAIN_UNMANAGED;
	KUNIT_EXPECT_EQ(test, -EBUSY,
			iommu_device_use_default_domain(fake_device(0)));
	iommu_device_unuse_default_domain(fake_device(0));
	iommu_device_unuse_default_domain(fake_device(0));
	iommu_detach_group(user, fake.group);
	iommu_domain_free(user);
	fake_world_exit(test);
}

static int attach_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void attach_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE_PARAM(replace_all_or_none, ops_gen_params),
	KUNIT_CASE_PARAM(going_back_fails, ops_gen_params),
	KUNIT_CASE(stranded_device_is_attached_again),
	KUNIT_CASE_PARAM(release_that_fails, ops_gen_params),
	KUNIT_CASE(detach_that_fails),
	KUNIT_CASE(no_way_back),
	KUNIT_CASE(static_blocked_domain),
	KUNIT_CASE(claims_are_counted),
	KUNIT_CASE(group_without_driver),
	KUNIT_CASE(group_without_devices),
	KUNIT_CASE(fit_is_asked_first),
	KUNIT_CASE(paging_domains),
	KUNIT_CASE_PARAM(attached_domain_is_not_freed, ops_gen_params),
	KUNIT_CASE(shared_domain_is_freed_in_turn),
	KUNIT_CASE(only_the_attached_domain_is_detached),
	KUNIT_CASE(direct_regions),
	KUNIT_CASE(reserved_regions_missing),
	KUNIT_CASE(devices_come_and_go),
	KUNIT_CASE(leaving_device_is_left_alone),
	KUNIT_CASE(deferred_attach),
	KUNIT_CASE(other_identity_domain),
	{}
};

static struct kunit_suite attach_suite = {
	.name = "iommu_attach",
	.suite_init = attach_suite_init,
	.suite_exit = attach_suite_exit,
	.test_cases = attach_cases,
};

kunit_test_suites(&attach_suite);
