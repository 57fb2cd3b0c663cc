// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs of memory that a domain is filled with: by the driver one after the other, or
 * as a list.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "fake_ext.h"

/* Number of bytes that the fake maps before it fails */
static size_t map_room;

static int map_pages(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t paddr, size_t pgsize, size_t pgcount,
		     int prot, gfp_t gfp, size_t *mapped)
{
	while (pgcount--) {
		if (map_room < pgsize)
			return -ENOMEM;
		map_room -= pgsize;
		*mapped += pgsize;
		to_fake_domain(domain)->mapped += pgsize;
	}
	return 0;
}

static int map_runs(struct iommu_domain *domain, unsigned long iova,
		    const struct iommu_run *runs, unsigned int nr_runs,
		    int prot, gfp_t gfp, size_t *mapped)
{
	for (; nr_runs; nr_runs--, runs++)
		*mapped += runs->len;
	to_fake_domain(domain)->mapped += *mapped;
	return 0;
}

static void iotlb_sync_map(struct iommu_domain *domain, unsigned long iova,
			   size_t size)
{
	to_fake_domain(domain)->syncs++;
	to_fake_domain(domain)->synced += size;
}

static const struct iommu_domain_ops runs_domain_ops = {
	.attach_dev	= fake_attach_dev,
	.map_pages	= map_pages,
	.unmap_pages	= fake_unmap_pages,
	.iotlb_sync_map	= iotlb_sync_map,
	.free		= fake_free,
};

static const struct iommu_domain_ops list_domain_ops = {
	.attach_dev	= fake_attach_dev,
	.map_runs	= map_runs,
	.iotlb_sync_map	= iotlb_sync_map,
	.free		= fake_free,
};

static const struct iommu_ops_ext ext = {
	.alloc_paging	= fake_alloc_paging,
};

static const struct iommu_ops runs_ops = {
	FAKE_DRIVER,
	.release_device		= fake_release_device,
	.default_domain_ops	= &runs_domain_ops,
	.ext			= &ext,
};

static struct iommu_domain *make_user_domain(struct kunit *test)
{
	struct iommu_domain *user;
	bool complete;

	user = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	return user;
}

static const struct iommu_run three_runs[] = {
	{ .phys = SZ_16M, .len = SZ_8K },
	{ .phys = SZ_64M, .len = SZ_4K },
	{ .phys = SZ_32M, .len = SZ_2M },
};

#define TWO_RUNS_LEN (3 * SZ_4K)
#define THREE_RUNS_LEN (TWO_RUNS_LEN + SZ_2M)

static int map_three(struct iommu_domain *domain, unsigned long iova,
		     size_t *mapped)
{
	return iommu_domain_map_runs(domain, iova, three_runs,
				     ARRAY_SIZE(three_runs), IOMMU_READ,
				     GFP_KERNEL, mapped);
}

static void runs_are_mapped_with_one_sync(struct kunit *test)
{
	struct iommu_domain *user;
	struct fake_domain *fdom;
	size_t mapped;

	fake_world_init(test, &runs_ops, 1);
	user = make_user_domain(test);
	fdom = to_fake_domain(user);

	map_room = SIZE_MAX;
	KUNIT_EXPECT_EQ(test, 0, map_three(user, SZ_1G, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, THREE_RUNS_LEN);
	KUNIT_EXPECT_EQ(test, fdom->mapped, THREE_RUNS_LEN);
	KUNIT_EXPECT_EQ(test, fdom->syncs, 1);
	KUNIT_EXPECT_EQ(test, fdom->synced, THREE_RUNS_LEN);
	KUNIT_EXPECT_EQ(test, mapped, iommu_unmap(user, SZ_1G, mapped));

	/* The last run fails half-way: the caller unmaps the first two */
	map_room = SZ_1M;
	fdom->syncs = 0;
	KUNIT_EXPECT_EQ(test, -ENOMEM, map_three(user, SZ_1G, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, TWO_RUNS_LEN);
	KUNIT_EXPECT_EQ(test, fdom->mapped, TWO_RUNS_LEN);
	KUNIT_EXPECT_EQ(test, fdom->syncs, 0);
	KUNIT_EXPECT_EQ(test, mapped, iommu_unmap(user, SZ_1G, mapped));

	/* A driver with map_runs() */
	user->ops = &list_domain_ops;
	fdom->syncs = 0;
	KUNIT_EXPECT_EQ(test, 0, map_three(user, SZ_1G, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, THREE_RUNS_LEN);
	KUNIT_EXPECT_EQ(test, fdom->syncs, 1);
	iommu_domain_free(user);
	fake_world_exit(test);
}

static void bad_runs_are_refused(struct kunit *test)
{
	const struct iommu_run crooked = { .phys = SZ_1K, .len = SZ_4K };
	const struct iommu_run empty = { .phys = SZ_4K, .len = 0 };
	struct iommu_domain *user;
	size_t mapped;

	fake_world_init(test, &runs_ops, 1);
	user = make_user_domain(test);
	map_room = SIZE_MAX;
	KUNIT_EXPECT_EQ(test, -EINVAL, map_three(user, SZ_1K, &mapped));
	KUNIT_EXPECT_EQ(test, -EINVAL, map_three(user, -SZ_4K, &mapped));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_domain_map_runs(user, 0, &crooked, 1, IOMMU_READ,
					      GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_domain_map_runs(user, 0, &empty, 1, IOMMU_READ,
					      GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, -EINVAL, map_three(&fake_blocked, 0, &mapped));
	KUNIT_EXPECT_EQ(test, mapped, 0);
	KUNIT_EXPECT_EQ(test, to_fake_domain(user)->mapped, 0);

	/* The last page of the address space can be mapped */
	KUNIT_EXPECT_EQ(test, 0, map_three(user, 0UL - THREE_RUNS_LEN, &mapped));
	iommu_domain_free(user);
	fake_world_exit(test);
}

static int runs_suite_init(struct kunit_suite *suite)
{
	return fake_bus_init();
}

static void runs_suite_exit(struct kunit_suite *suite)
{
	fake_bus_exit();
}

static struct kunit_case runs_cases[] = {
	KUNIT_CASE(runs_are_mapped_with_one_sync),
	KUNIT_CASE(bad_runs_are_refused),
	{}
};

static struct kunit_suite runs_suite = {
	.name = "iommu_map_runs",
	.suite_init = runs_suite_init,
	.suite_exit = runs_suite_exit,
	.test_cases = runs_cases,
};

kunit_test_suites(&runs_suite);
