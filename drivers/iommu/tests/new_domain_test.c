// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers that make a domain other than the requested one.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../iommu-attach.h"
#include "fake_ext.h"

static int invalidate_user(struct iommu_domain *domain,
			   struct iommu_user_array *array)
{
	return 0;
}

static int map_page(struct iommu_domain *domain, unsigned long iova,
		    phys_addr_t paddr, size_t size, int prot, gfp_t gfp)
{
	return 0;
}

static size_t unmap_page(struct iommu_domain *domain, unsigned long iova,
			 size_t size, struct iommu_iotlb_gather *gather)
{
	return size;
}

static int map_runs(struct iommu_domain *domain, unsigned long iova,
		    const struct iommu_run *runs, unsigned int nr_runs,
		    int prot, gfp_t gfp, size_t *mapped)
{
	return -EOPNOTSUPP;
}

static size_t unmap_range(struct iommu_domain *domain, unsigned long iova,
			  size_t size, struct iommu_iotlb_gather *gather)
{
	return 0;
}

#define USABLE .attach_dev = fake_attach_dev, .free = fake_free

static const struct iommu_domain_ops paging = {
	USABLE, .map_pages = fake_map_pages, .unmap_pages = fake_unmap_pages,
};

static const struct iommu_domain_ops paging_one_by_one = {
	USABLE, .map = map_page, .unmap = unmap_page,
};

static const struct iommu_domain_ops paging_without_map = {
	USABLE, .unmap_pages = fake_unmap_pages, .map_runs = map_runs,
};

static const struct iommu_domain_ops paging_without_unmap = {
	USABLE, .map_pages = fake_map_pages, .unmap_range = unmap_range,
};

static const struct iommu_domain_ops paging_and_nested = {
	USABLE, .map_pages = fake_map_pages, .unmap_pages = fake_unmap_pages,
	.invalidate_user = invalidate_user,
};

static const struct iommu_domain_ops paging_without_attach = {
	.map_pages = fake_map_pages, .unmap_pages = fake_unmap_pages,
	.free = fake_free,
};

static const struct iommu_domain_ops paging_without_free = {
	.attach_dev = fake_attach_dev,
	.map_pages = fake_map_pages, .unmap_pages = fake_unmap_pages,
};

static const struct iommu_domain_ops nested = {
	USABLE, .invalidate_user = invalidate_user,
};

static const struct iommu_domain_ops nested_plain = { USABLE };

static const struct iommu_domain_ops nested_map = {
	USABLE, .map = map_page,
};

static const struct iommu_domain_ops nested_map_pages = {
	USABLE, .map_pages = fake_map_pages,
};

static const struct iommu_domain_ops nested_map_runs = {
	USABLE, .map_runs = map_runs,
};

static const struct iommu_domain_ops nested_unmap = {
	USABLE, .unmap = unmap_page,
};

static const struct iommu_domain_ops nested_unmap_pages = {
	USABLE, .unmap_pages = fake_unmap_pages,
};

static const struct iommu_domain_ops nested_unmap_range = {
	USABLE, .unmap_range = unmap_range,
};

#define UNMANAGED	IOMMU_DOMAIN_UNMANAGED
#define NESTED		IOMMU_DOMAIN_NESTED

/**
 * struct made - what a driver returns
 * @name: name of the case
 * @asked: type of domain that is requested
 * @type: type that the driver sets
 * @ops: operations that it sets, or NULL for the driver's default ones, @paging
 * @foreign: the domain has another driver as owner
 * @known: the domain was returned before
 * @nothing: NULL is returned
 * @taken: the core accepts it
 */
struct made {
	const char *name;
	unsigned int asked, type;
	const struct iommu_domain_ops *ops;
	bool foreign, known, nothing, taken;
};

static const struct made made[] = {
	{ "paging", UNMANAGED, UNMANAGED, &paging, .taken = true },
	{ "paging, page by page", UNMANAGED, UNMANAGED, &paging_one_by_one,
	  .taken = true },
	{ "paging, default ops", UNMANAGED, UNMANAGED, NULL, .taken = true },
	{ "nested", NESTED, NESTED, &nested, .taken = true },
	{ "nested, no cache", NESTED, NESTED, &nested_plain, .taken = true },

	{ "no type", UNMANAGED, 0, &paging },
	{ "DMA API", UNMANAGED, IOMMU_DOMAIN_DMA, &paging },
	{ "identity", UNMANAGED, IOMMU_DOMAIN_IDENTITY, &paging },
	{ "nested for paging", UNMANAGED, NESTED, &nested },
	{ "nested called paging", UNMANAGED, UNMANAGED, &nested },
	{ "paging called nested", UNMANAGED, NESTED, &paging },
	{ "paging, foreign", UNMANAGED, UNMANAGED, &paging, .foreign = true },
	{ "paging, known", UNMANAGED, UNMANAGED, &paging, .known = true },
	{ "paging, no map", UNMANAGED, UNMANAGED, &paging_without_map },
	{ "paging, no unmap", UNMANAGED, UNMANAGED, &paging_without_unmap },
	{ "paging, invalidates", UNMANAGED, UNMANAGED, &paging_and_nested },
	{ "paging, no attach", UNMANAGED, UNMANAGED, &paging_without_attach },
	{ "paging, no free", UNMANAGED, UNMANAGED, &paging_without_free },

	{ "nested, no type", NESTED, 0, &nested },
	{ "paging for nested", NESTED, UNMANAGED, &paging },
	{ "nested, default ops", NESTED, NESTED, NULL },
	{ "nested, foreign", NESTED, NESTED, &nested, .foreign = true },
	{ "nested, known", NESTED, NESTED, &nested, .known = true },
	{ "nested, map", NESTED, NESTED, &nested_map },
	{ "nested, map_pages", NESTED, NESTED, &nested_map_pages },
	{ "nested, map_runs", NESTED, NESTED, &nested_map_runs },
	{ "nested, unmap", NESTED, NESTED, &nested_unmap },
	{ "nested, unmap_pages", NESTED, NESTED, &nested_unmap_pages },
	{ "nested, unmap_range", NESTED, NESTED, &nested_unmap_range },
	{ "nothing", UNMANAGED, .nothing = true },
	{ "nested, nothing", NESTED, .nothing = true },
};

static void made_name(const struct made *what, char *name)
{
	strscpy(name, what->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(made, made, made_name);

static const struct made sound = {
	.type = UNMANAGED, .ops = &paging, .taken = true,
};

/* What the driver returns next, and the last domain that it returned */
static const struct made *to_make;
static struct iommu_domain *last;

static struct iommu_domain *make(void)
{
	if (to_make->nothing)
		return NULL;
	last = fake_domain_alloc(IOMMU_DOMAIN_UNMANAGED);
	if (!last)
		return ERR_PTR(-ENOMEM);
	last->type = to_make->type;
	last->ops = to_make->ops;
	if (to_make->foreign)
		last->owner = &fake_ops;
	atomic_set(&last->nr_handles, to_make->known);
	return last;
}

static struct iommu_domain *alloc_paging(struct device *dev, u32 flags)
{
	return make();
}

static struct iommu_domain *alloc_user(struct device *dev,
				       struct iommu_domain *parent, u32 flags,
				       const struct iommu_user_blob *blob)
{
	return make();
}

static const struct iommu_ops_ext ext = {
	.alloc_paging	= alloc_paging,
	.alloc_user	= alloc_user,
};

static const struct iommu_ops user_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &paging,
	.ext			= &ext,
};

static void expect_made(struct kunit *test, const struct made *what,
			struct iommu_domain *domain, unsigned int complaints)
{
	KUNIT_EXPECT_EQ(test, complaints, !what->taken);
	if (what->taken) {
		KUNIT_ASSERT_PTR_EQ(test, domain, last);
		KUNIT_EXPECT_EQ(test, domain->type, what->type);
		KUNIT_EXPECT_PTR_EQ(test, domain->owner, &user_ops);
		KUNIT_EXPECT_PTR_EQ(test, domain->ops, what->ops ?: &paging);
		KUNIT_EXPECT_FALSE(test, to_fake_domain(domain)->freed);
		iommu_domain_free(domain);
		KUNIT_EXPECT_TRUE(test, to_fake_domain(domain)->freed);
		return;
	}
	KUNIT_EXPECT_PTR_EQ(test, domain,
			    (struct iommu_domain *)ERR_PTR(-EINVAL));
	if (what->nothing)
		return;
	/* A domain with another user is not freed; a static one has no free() */
	KUNIT_EXPECT_EQ(test, to_fake_domain(last)->freed,
			!what->known && what->ops != &paging_without_free);
}

static void takes_what_was_asked_for(struct kunit *test)
{
	const struct iommu_user_blob blob = { .type = 1 };
	const struct made *what = test->param_value;
	struct iommu_domain *parent = NULL, *domain;
	unsigned int before;
	bool complete;

	fake_world_init(test, &user_ops, 1);
	if (what->asked == NESTED) {
		to_make = &sound;
		parent = iommu_device_alloc_paging(fake_device(0), 0, &complete);
		KUNIT_ASSERT_FALSE(test, IS_ERR(parent));
	}

	to_make = what;
	if (!parent) {
		before = iommu_group_errs();
		domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
		expect_made(test, what, domain,
			    iommu_group_errs() - before);
	}
	before = iommu_group_errs();
	domain = iommu_device_alloc_user(fake_device(0), parent, 0, &blob);
	expect_made(test, what, domain, iommu_group_errs() - before);

	if (parent) {
		KUNIT_EXPECT_FALSE(test, to_fake_domain(parent)->freed);
		iommu_domain_free(parent);
		KUNIT_EXPECT_TRUE(test, to_fake_domain(parent)->freed);
	}
	fake_world_exit(test);
}

static const struct made sound_nested = {
	.type = NESTED, .ops = &nested, .taken = true,
};

/* A nested domain cannot be a parent; the error of user space is not logged */
static void nested_is_no_parent(struct kunit *test)
{
	const struct iommu_user_blob blob = { .type = 1 };
	struct iommu_domain *parent, *middle, *upper;
	unsigned int before = iommu_group_errs();
	bool complete;

	fake_world_init(test, &user_ops, 1);
	to_make = &sound;
	parent = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(parent));
	to_make = &sound_nested;
	middle = iommu_device_alloc_user(fake_device(0), parent, 0, &blob);
	KUNIT_ASSERT_FALSE(test, IS_ERR(middle));
	upper = iommu_device_alloc_user(fake_device(0), middle, 0, &blob);
	KUNIT_EXPECT_PTR_EQ(test, upper,
			    (struct iommu_domain *)ERR_PTR(-EINVAL));
	KUNIT_EXPECT_EQ(test, before, iommu_group_errs());
	iommu_domain_free(middle);
	iommu_domain_free(parent);
	fake_world_exit(test);
}

static int new_domain_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void new_domain_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case new_domain_cases[] = {
	KUNIT_CASE(nested_is_no_parent),
	KUNIT_CASE_PARAM(takes_what_was_asked_for, made_gen_params),
	{}
};

static struct kunit_suite new_domain_suite = {
	.name = "iommu_new_domain",
	.suite_init = new_domain_suite_init,
	.suite_exit = new_domain_suite_exit,
	.test_cases = new_domain_cases,
};

kunit_test_suites(&new_domain_suite);
