// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of dma-bufs in an IOVA map: the place of the memory, and the contents
 * of a domain after it was revoked. The exporter and the domain are the test's; the
 * dma-buf and its reservation lock are real, so that lockdep sees the lock order.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "iommufd_private.h"
#include "map/map.h"
#include "store/store.h"

#define PG		PAGE_SIZE
#define TOP		ULONG_MAX
#define NPAGES		8UL
#define PHYS		0x4000000000ULL

/**
 * struct device_memory - memory of a device that does not exist
 * @dmabuf: exports it; not a reference
 * @fd: descriptor of @dmabuf
 * @locate_err: error of locate(), or 0
 * @nr_attached: importers
 */
struct device_memory {
	struct dma_buf *dmabuf;
	int fd;
	int locate_err;
	int nr_attached;
};

/**
 * struct dmabuf_test - what each test has
 * @memory: the memory
 * @map: a map
 * @domain: a domain
 * @mapped_bytes: bytes in the domain
 * @last_phys: physical address of what was mapped last
 * @last_prot: how that was mapped
 * @nr_syncs: how often the domain was flushed
 */
struct dmabuf_test {
	struct device_memory memory;
	struct iommufd_iova_map *map;
	struct iommu_domain domain;
	unsigned long mapped_bytes;
	phys_addr_t last_phys;
	int last_prot;
	unsigned int nr_syncs;
};

/* Exporter */

static int memory_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *at)
{
	struct device_memory *memory = dmabuf->priv;

	memory->nr_attached++;
	return 0;
}

static void memory_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *at)
{
	struct device_memory *memory = dmabuf->priv;

	memory->nr_attached--;
}

static int memory_pin(struct dma_buf_attachment *at)
{
	return -EOPNOTSUPP;
}

static void memory_unpin(struct dma_buf_attachment *at)
{
}

static struct sg_table *memory_map(struct dma_buf_attachment *at,
				   enum dma_data_direction direction)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void memory_unmap(struct dma_buf_attachment *at, struct sg_table *table,
			 enum dma_data_direction direction)
{
}

/* The structure belongs to the test, which may have ended */
static void memory_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops memory_ops = {
	.attach = memory_attach,
	.detach = memory_detach,
	.pin = memory_pin,
	.unpin = memory_unpin,
	.map_dma_buf = memory_map,
	.unmap_dma_buf = memory_unmap,
	.release = memory_release,
};

static int memory_locate(struct dma_buf *dmabuf, struct iommu_run *run)
{
	struct device_memory *memory = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);
	if (memory->locate_err)
		return memory->locate_err;
	run->phys = PHYS;
	run->len = NPAGES * PG;
	return 0;
}

static const struct iommufd_exporter_ops exporter = {
	.ops = &memory_ops,
	.locate = memory_locate,
	.mmio = true,
};

static void set_revoked(struct device_memory *memory, bool revoked)
{
	dma_resv_lock(memory->dmabuf->resv, NULL);
	memory->locate_err = revoked ? -ENODEV : 0;
	dma_buf_move_notify(memory->dmabuf);
	dma_resv_unlock(memory->dmabuf->resv);
}

/* Domain */

static struct dmabuf_test *to_test(struct iommu_domain *domain)
{
	return container_of(domain, struct dmabuf_test, domain);
}

static int test_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct dmabuf_test *t = to_test(domain);

	*mapped = pgsize * pgcount;
	t->mapped_bytes += *mapped;
	t->last_phys = phys;
	t->last_prot = prot;
	return 0;
}

static size_t test_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	to_test(domain)->mapped_bytes -= pgsize * pgcount;
	iommu_iotlb_gather_add_range(gather, iova, pgsize * pgcount);
	return pgsize * pgcount;
}

static void test_sync(struct iommu_domain *domain,
		      struct iommu_iotlb_gather *gather)
{
	to_test(domain)->nr_syncs++;
}

static const struct iommu_domain_ops test_domain_ops = {
	.map_pages = test_map_pages,
	.unmap_pages = test_unmap_pages,
	.iotlb_sync = test_sync,
};

/* Fixture */

static int dmabuf_test_init(struct kunit *test)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dmabuf_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->domain.type = IOMMU_DOMAIN_UNMANAGED;
	t->domain.ops = &test_domain_ops;
	t->domain.pgsize_bitmap = PG;
	t->map = iommufd_map_create();
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->map));

	info.ops = &memory_ops;
	info.size = NPAGES * PG;
	info.flags = O_RDWR;
	info.priv = &t->memory;
	t->memory.dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->memory.dmabuf));
	t->memory.fd = dma_buf_fd(t->memory.dmabuf, O_CLOEXEC);
	KUNIT_ASSERT_GE(test, t->memory.fd, 0);
	KUNIT_ASSERT_EQ(test, 0, iommufd_register_exporter(&exporter));
	test->priv = t;
	return 0;
}

static void dmabuf_test_exit(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;

	if (!t)
		return;
	iommufd_map_destroy(t->map);
	KUNIT_EXPECT_EQ(test, 0, t->memory.nr_attached);
	KUNIT_EXPECT_EQ(test, 0UL, t->mapped_bytes);
	iommufd_unregister_exporter(&exporter);
	close_fd(t->memory.fd);
}

static struct iommufd_store *create(struct dmabuf_test *t, u64 start,
				    size_t length_bytes)
{
	return iommufd_store_create_dmabuf(t->memory.fd, iommufd_misc_device(),
					   &iommufd_map_revoke_ops, start,
					   length_bytes, true);
}

static long create_err(struct dmabuf_test *t, u64 start, size_t length_bytes)
{
	struct iommufd_store *store = create(t, start, length_bytes);

	if (IS_ERR(store))
		return PTR_ERR(store);
	iommufd_store_put(store);
	return 0;
}

/* Takes a reference of its own */
static void map_at(struct kunit *test, struct iommufd_store *store,
		   unsigned long iova, u64 offset_bytes,
		   unsigned long length_bytes)
{
	struct dmabuf_test *t = test->priv;
	struct iommufd_slice slice = {
		.store = iommufd_store_get(store),
		.offset_bytes = offset_bytes,
		.length_bytes = length_bytes,
	};

	KUNIT_ASSERT_EQ(test, 0,
			iommufd_map_insert(t->map, &slice, 1, &iova, IOMMU_READ,
					   IOMMUFD_MAP_FIXED, NULL));
}

static void attach(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommufd_map_add_domain(t->map, &t->domain));
}

static void detach(struct dmabuf_test *t)
{
	iommufd_map_remove_domain(t->map, &t->domain);
}

/* Tests */

static void refusals_in_order(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;
	int fd = t->memory.fd;

	KUNIT_EXPECT_EQ(test, 0L, create_err(t, 0, NPAGES * PG));
	KUNIT_EXPECT_EQ(test, 0L, create_err(t, NPAGES * PG - 1, 1));
	t->memory.locate_err = -ENODEV;
	KUNIT_EXPECT_EQ(test, (long)-ENODEV, create_err(t, 0, PG));
	t->memory.locate_err = -EOPNOTSUPP;
	KUNIT_EXPECT_EQ(test, (long)-EOPNOTSUPP, create_err(t, 0, PG));
	KUNIT_EXPECT_EQ(test, 0, t->memory.nr_attached);

	iommufd_unregister_exporter(&exporter);
	t->memory.locate_err = -ENODEV;
	KUNIT_EXPECT_EQ(test, (long)-EOPNOTSUPP, create_err(t, 0, PG));
	KUNIT_EXPECT_EQ(test, (long)-EINVAL, create_err(t, 0, NPAGES * PG + 1));
	KUNIT_EXPECT_EQ(test, (long)-EINVAL, create_err(t, NPAGES * PG, 1));
	KUNIT_EXPECT_EQ(test, 0, iommufd_register_exporter(&exporter));

	t->memory.fd = get_unused_fd_flags(0);
	KUNIT_EXPECT_EQ(test, (long)-EBADF, create_err(t, 0, PG));
	put_unused_fd(t->memory.fd);
	t->memory.fd = fd;
}

static void bad_exporters(struct kunit *test)
{
	static const struct dma_buf_ops no_pin = {
		.map_dma_buf = memory_map,
		.unmap_dma_buf = memory_unmap,
		.release = memory_release,
	};
	static const struct iommufd_exporter_ops fixed = {
		.ops = &no_pin,
		.locate = memory_locate,
	};
	static const struct iommufd_exporter_ops many[16] = {
		[0 ... 15] = { .ops = &memory_ops, .locate = memory_locate },
	};
	int err = 0;
	unsigned int i, nr;

	KUNIT_EXPECT_EQ(test, -EINVAL, iommufd_register_exporter(&fixed));
	for (nr = 0; nr < ARRAY_SIZE(many) && !err; nr++)
		err = iommufd_register_exporter(&many[nr]);
	KUNIT_EXPECT_EQ(test, -ENOSPC, err);
	for (i = 0; i < nr; i++)
		iommufd_unregister_exporter(&many[i]);
}

static void memory_is_where_the_exporter_says(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;
	struct iommufd_store *store = create(t, PG + 512, 4 * PG);

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(store));
	KUNIT_EXPECT_EQ(test, 1, t->memory.nr_attached);
	KUNIT_EXPECT_EQ(test, 512U, iommufd_store_page_offset(store));
	KUNIT_EXPECT_EQ(test, 5UL, iommufd_store_npages(store));
	KUNIT_EXPECT_FALSE(test, iommufd_store_has_pages(store));
	KUNIT_EXPECT_FALSE(test, iommufd_store_transferable(store));
	attach(test);
	map_at(test, store, 16 * PG, PG, PG);
	KUNIT_EXPECT_EQ(test, t->last_phys, (phys_addr_t)PHYS + 2 * PG);
	KUNIT_EXPECT_EQ(test, t->last_prot, IOMMU_READ | IOMMU_MMIO);
	KUNIT_EXPECT_EQ(test, 0UL, iommufd_store_pinned_pages(store));
	iommufd_store_put(store);
	detach(t);
}

static void revoked_memory_leaves_the_domain(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;
	struct iommufd_store *store = create(t, 0, NPAGES * PG);
	u64 bytes;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(store));
	map_at(test, store, 16 * PG, 0, 4 * PG);
	attach(test);
	map_at(test, store, 64 * PG, 2 * PG, 2 * PG);
	KUNIT_EXPECT_EQ(test, 6 * PG, t->mapped_bytes);

	/* A notice that nothing was revoked changes nothing */
	set_revoked(&t->memory, false);
	KUNIT_EXPECT_EQ(test, 6 * PG, t->mapped_bytes);

	t->nr_syncs = 0;
	set_revoked(&t->memory, true);
	KUNIT_EXPECT_EQ(test, 0UL, t->mapped_bytes);
	KUNIT_EXPECT_EQ(test, 2U, t->nr_syncs);
	KUNIT_EXPECT_EQ(test, (long)-ENODEV, create_err(t, 0, PG));
	map_at(test, store, 128 * PG, 0, PG);
	detach(t);
	attach(test);
	set_revoked(&t->memory, false);
	KUNIT_EXPECT_EQ(test, 0UL, t->mapped_bytes);
	iommufd_store_put(store);

	/* A new mapping is in the domain at once */
	store = create(t, 0, PG);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(store));
	map_at(test, store, 32 * PG, 0, PG);
	KUNIT_EXPECT_EQ(test, PG, t->mapped_bytes);
	iommufd_store_put(store);
	KUNIT_EXPECT_EQ(test, 2, t->memory.nr_attached);

	KUNIT_EXPECT_EQ(test, 0,
			iommufd_map_remove(t->map, 16 * PG, 20 * PG - 1, &bytes));
	KUNIT_EXPECT_EQ(test, PG, t->mapped_bytes);
	KUNIT_EXPECT_EQ(test, 0, iommufd_map_remove_all(t->map, &bytes));
	KUNIT_EXPECT_EQ(test, 4 * PG, bytes);
	KUNIT_EXPECT_EQ(test, 0, t->memory.nr_attached);
	detach(t);
}

static struct kunit_case dmabuf_test_cases[] = {
	KUNIT_CASE(refusals_in_order),
	KUNIT_CASE(bad_exporters),
	KUNIT_CASE(memory_is_where_the_exporter_says),
	KUNIT_CASE(revoked_memory_leaves_the_domain),
	{}
};

static struct kunit_suite dmabuf_test_suite = {
	.name = "iommufd_dmabuf",
	.init = dmabuf_test_init,
	.exit = dmabuf_test_exit,
	.test_cases = dmabuf_test_cases,
};

kunit_test_suite(dmabuf_test_suite);
