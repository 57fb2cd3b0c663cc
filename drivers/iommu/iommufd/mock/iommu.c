// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU's bus, devices and driver: see iommu.h.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu-viommu.h>
#include <linux/module.h>
#include <linux/property.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "iommufd_test_ext.h"
#include "mock/iommu.h"

/*
 * Pages of the usual kind of page table. One is smaller than a page of the CPU, so
 * that code which confuses the smallest alignment with PAGE_SIZE fails.
 */
#define MOCK_PAGE_SIZES		(MOCK_PAGE_SIZE | PAGE_SIZE)

#define KNOWN_ALLOC_FLAGS (IOMMU_ALLOC_NEST_PARENT | IOMMU_ALLOC_DIRTY_TRACKING | \
			   IOMMU_ALLOC_PASID)

static struct bus_type mock_bus = { .name = "iommufd_mock" };
static const struct iommu_ops mock_ops;
static struct iommu_device mock_iommu = {
	.ops = &mock_ops,
	.max_pasids = BIT(MOCK_PASID_WIDTH),
};

/* The same, but it can make all DMA snoop */
static struct iommu_device mock_snooping_iommu = {
	.ops = &mock_ops,
	.max_pasids = BIT(MOCK_PASID_WIDTH),
};

static const struct iommu_ops late_ops;
static struct iommu_device late_iommu = {
	.ops = &late_ops,
};
static DEFINE_IDA(mock_dev_ids);

static struct mock_dev *to_mock_dev(struct device *dev)
{
	return container_of(dev, struct mock_dev, dev);
}

static const struct iommu_domain_ops paging_ops;
static const struct iommu_domain_ops nested_ops;

/**
 * mock_domain_of() - the mock's side of a domain
 * @domain: any domain
 *
 * Context: any.
 * Return: the page table, or NULL when it is not one of the mock's.
 */
struct mock_domain *mock_domain_of(struct iommu_domain *domain)
{
	if (domain->ops != &paging_ops)
		return NULL;
	return container_of(domain, struct mock_domain, domain);
}

/**
 * mock_nested_of() - the mock's side of a nested domain
 * @domain: any domain
 *
 * Context: any.
 * Return: the nested domain, or NULL when it is not one of the mock's.
 */
struct mock_nested *mock_nested_of(struct iommu_domain *domain)
{
	if (domain->ops != &nested_ops)
		return NULL;
	return container_of(domain, struct mock_nested, domain);
}

/* Attachments */

static atomic_t *users_of(struct iommu_domain *domain)
{
	if (!domain)
		return NULL;
	if (mock_domain_of(domain))
		return &mock_domain_of(domain)->nr_users;
	if (mock_nested_of(domain))
		return &mock_nested_of(domain)->nr_users;
	return NULL;
}

/* The page table that the kernel fills, or NULL without one */
static struct mock_domain *paging_of(struct iommu_domain *domain)
{
	struct mock_nested *nested = mock_nested_of(domain);

	return nested ? nested->parent : mock_domain_of(domain);
}

static bool can_snoop(const struct mock_dev *mdev)
{
	return mdev->flags & MOCK_EXT_DEVICE_SNOOP;
}

static void count_snoopless(struct mock_dev *mdev, struct iommu_domain *domain,
			    int change)
{
	struct mock_domain *paging = domain ? paging_of(domain) : NULL;

	if (paging && !can_snoop(mdev))
		atomic_add(change, &paging->nr_snoopless);
}

static struct iommu_viommu *viommu_of(struct iommu_domain *domain)
{
	struct mock_nested *nested = mock_nested_of(domain);

	return nested ? nested->viommu : NULL;
}

static void move_device(struct mock_dev *mdev, struct iommu_domain *domain)
{
	struct iommu_domain *old_domain = mdev->domain;
	atomic_t *old = users_of(old_domain), *new = users_of(domain);

	count_snoopless(mdev, domain, 1);
	if (mdev->domain && mock_domain_of(mdev->domain))
		cmpxchg(&mock_domain_of(mdev->domain)->reset_in_fill, mdev,
			NULL);
	if (new)
		atomic_inc(new);
	WRITE_ONCE(mdev->domain, domain);
	WRITE_ONCE(mdev->viommu, domain ? viommu_of(domain) : NULL);
	count_snoopless(mdev, old_domain, -1);
	if (old)
		atomic_dec(old);
}

static int device_fits(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid)
{
	struct mock_domain *paging = paging_of(domain);
	struct mock_dev *mdev = to_mock_dev(dev);

	if ((paging->flags & IOMMU_ALLOC_DIRTY_TRACKING) &&
	    (mdev->flags & MOCK_FLAGS_DEVICE_NO_DIRTY))
		return -EINVAL;
	/* The bit in the entries is reserved to an IOMMU that does not support it */
	if (READ_ONCE(paging->pt.snoops) && !can_snoop(mdev) &&
	    !paging->trusting)
		return -EINVAL;
	return 0;
}

static void set_geometry(struct iommu_domain *domain, u32 pagetable_type)
{
	domain->geometry.force_aperture = true;
	if (pagetable_type == MOCK_IOMMUPT_HUGE) {
		domain->pgsize_bitmap = MOCK_HUGE_PAGE_SIZE | PAGE_SIZE;
		domain->geometry.aperture_end = ULONG_MAX;
		return;
	}
	domain->pgsize_bitmap = MOCK_PAGE_SIZES;
	domain->geometry.aperture_start = MOCK_APERTURE_START;
	domain->geometry.aperture_end = MOCK_APERTURE_LAST;
}

/* Under the lock of the IOMMU group, and before anything is mapped */
static void finish(struct mock_domain *paging, struct mock_dev *mdev)
{
	set_geometry(&paging->domain, MOCK_IOMMUPT_DEFAULT);
	mock_pgtable_init(&paging->pt, paging->domain.pgsize_bitmap);
	paging->unfinished = false;
	paging->trusting = mdev->flags & MOCK_EXT_DEVICE_TRUSTING;
	if (mdev->flags & MOCK_EXT_DEVICE_RESET)
		paging->reset_in_fill = mdev;
}

/* A guest's page table needs to know what the guest knows the device as */
static int check_vdevice(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_viommu *viommu = viommu_of(domain);
	struct iommu_vdevice *vdev;
	bool named;

	if (!viommu)
		return 0;
	rcu_read_lock();
	vdev = iommu_vdevice_of(dev);
	named = vdev && vdev->viommu == viommu;
	rcu_read_unlock();
	return named ? 0 : -ENOENT;
}

/* Only asked before an attach: a device goes back without */
static int nested_fits(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid)
{
	int err = device_fits(domain, dev, pasid);

	return err ?: check_vdevice(domain, dev);
}

static int attach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct mock_domain *paging = mock_domain_of(domain);
	int err = device_fits(domain, dev, IOMMU_NO_PASID);

	if (err)
		return err;
	if (paging && paging->unfinished)
		finish(paging, to_mock_dev(dev));
	move_device(to_mock_dev(dev), domain);
	return 0;
}

static int attach_static(struct iommu_domain *domain, struct device *dev)
{
	move_device(to_mock_dev(dev), domain);
	return 0;
}

/* Paging domains */

static int map_pages(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t phys, size_t page_bytes, size_t npages,
		     int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_domain *paging = mock_domain_of(domain);
	struct mock_dev *mdev = xchg(&paging->reset_in_fill, NULL);
	int err;

	if (mdev)
		iommu_device_reset_begin(&mdev->dev);
	if (WARN_ON_ONCE(paging->unfinished))
		return -EINVAL;
	for (; npages; npages--) {
		err = mock_pgtable_map(&paging->pt, iova + *mapped,
				       phys + *mapped, page_bytes, prot, gfp);
		if (err)
			return err;
		*mapped += page_bytes;
	}
	return 0;
}

static size_t unmap_pages(struct iommu_domain *domain, unsigned long iova,
			  size_t page_bytes, size_t npages,
			  struct iommu_iotlb_gather *gather)
{
	return mock_pgtable_unmap(&mock_domain_of(domain)->pt, iova,
				  page_bytes * npages);
}

static phys_addr_t iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	struct mock_page page;

	if (!mock_pgtable_lookup(&mock_domain_of(domain)->pt, iova, &page))
		return 0;
	return page.phys + (iova - page.iova);
}

static bool enforce_cache_coherency(struct iommu_domain *domain)
{
	struct mock_domain *paging = mock_domain_of(domain);

	if (paging->trusting) {
		WRITE_ONCE(paging->pt.snoops, true);
		return true;
	}
	return !atomic_read(&paging->nr_snoopless) &&
	       mock_pgtable_force_snooping(&paging->pt);
}

static int set_dirty_tracking(struct iommu_domain *domain, bool enable)
{
	struct mock_domain *paging = mock_domain_of(domain);

	if (enable)
		mock_pgtable_clear_dirty(&paging->pt);
	WRITE_ONCE(paging->logs_dirty, enable);
	return 0;
}

static int read_dirty(struct iommu_domain *domain, unsigned long iova,
		      size_t size, struct iommu_dirty_log *log)
{
	mock_pgtable_read_dirty(&mock_domain_of(domain)->pt, iova,
				iova + (size - 1), log);
	return 0;
}

/* Count a PASID of a device that comes to a domain, or leaves it */
static void count_pasid(struct mock_dev *mdev, struct iommu_domain *domain,
			int change)
{
	atomic_t *users = users_of(domain);

	count_snoopless(mdev, domain, change);
	if (users)
		atomic_add(change, users);
}

static int set_dev_pasid(struct iommu_domain *domain, struct device *dev,
			 ioasid_t pasid, struct iommu_domain *old)
{
	struct mock_dev *mdev = to_mock_dev(dev);
	int err = device_fits(domain, dev, pasid);
	void *left;

	if (err)
		return err;
	/* Lets tests see a replace fail; the way back to the old domain is open */
	left = xa_load(&mdev->pasids, pasid);
	if (pasid == IOMMU_TEST_PASID_RESERVED && left && left != domain)
		return -ENOMEM;
	left = xa_store(&mdev->pasids, pasid, domain, GFP_KERNEL_ACCOUNT);
	if (xa_is_err(left))
		return xa_err(left);
	count_pasid(mdev, domain, 1);
	if (left)
		count_pasid(mdev, left, -1);
	return 0;
}

static int block_dev_pasid(struct iommu_domain *domain, struct device *dev,
			   ioasid_t pasid, struct iommu_domain *old)
{
	struct mock_dev *mdev = to_mock_dev(dev);
	struct iommu_domain *left = xa_erase(&mdev->pasids, pasid);

	if (left)
		count_pasid(mdev, left, -1);
	return 0;
}

static void free_paging(struct iommu_domain *domain)
{
	struct mock_domain *paging = mock_domain_of(domain);

	WARN_ON_ONCE(atomic_read(&paging->nr_users));
	mock_pgtable_destroy(&paging->pt);
	kfree(paging);
}

static const struct iommu_domain_ops paging_ops = {
	.attach_dev		= attach_dev,
	.device_fits		= device_fits,
	.set_dev_pasid		= set_dev_pasid,
	.map_pages		= map_pages,
	.unmap_pages		= unmap_pages,
	.iova_to_phys		= iova_to_phys,
	.enforce_cache_coherency = enforce_cache_coherency,
	.set_dirty_tracking	= set_dirty_tracking,
	.read_dirty		= read_dirty,
	.free			= free_paging,
};

static struct iommu_domain *alloc_paging_type(struct device *dev, u32 flags,
					      u32 pagetable_type)
{
	struct mock_domain *paging;

	if (flags & ~KNOWN_ALLOC_FLAGS)
		return ERR_PTR(-EOPNOTSUPP);
	if ((flags & IOMMU_ALLOC_DIRTY_TRACKING) &&
	    (to_mock_dev(dev)->flags & MOCK_FLAGS_DEVICE_NO_DIRTY))
		return ERR_PTR(-EOPNOTSUPP);

	paging = kzalloc(sizeof(*paging), GFP_KERNEL_ACCOUNT);
	if (!paging)
		return ERR_PTR(-ENOMEM);
	paging->domain.type = IOMMU_DOMAIN_UNMANAGED;
	paging->domain.ops = &paging_ops;
	paging->flags = flags;
	paging->trusting = to_mock_dev(dev)->flags & MOCK_EXT_DEVICE_TRUSTING;
	set_geometry(&paging->domain, pagetable_type);
	mock_pgtable_init(&paging->pt, paging->domain.pgsize_bitmap);
	return &paging->domain;
}

static struct iommu_domain *alloc_paging(struct device *dev, u32 flags)
{
	return alloc_paging_type(dev, flags, MOCK_IOMMUPT_DEFAULT);
}

/* Nested domains */

static int invalidate_one(struct mock_nested *nested,
			  struct iommu_user_array *array, u32 index)
{
	struct iommu_hwpt_invalidate_selftest request;
	int err;

	err = iommu_copy_entry(&request, sizeof(request), sizeof(request),
			       array, index);
	if (err)
		return err;
	if (request.flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (request.iotlb_id > MOCK_NESTED_DOMAIN_IOTLB_ID_MAX)
		return -EINVAL;

	if (request.flags & IOMMU_TEST_INVALIDATE_FLAG_ALL)
		memset(nested->iotlb, 0, sizeof(nested->iotlb));
	else
		WRITE_ONCE(nested->iotlb[request.iotlb_id], 0);
	return 0;
}

static int invalidate_user(struct iommu_domain *domain,
			   struct iommu_user_array *array)
{
	struct mock_nested *nested = mock_nested_of(domain);
	u32 done = 0;
	int err = 0;

	if (array->type != IOMMU_HWPT_INVALIDATE_DATA_SELFTEST)
		err = -EINVAL;
	while (!err && done < array->nr) {
		err = invalidate_one(nested, array, done);
		if (!err)
			done++;
	}
	array->nr = done;
	return err;
}

static void free_nested(struct iommu_domain *domain)
{
	struct mock_nested *nested = mock_nested_of(domain);

	WARN_ON_ONCE(atomic_read(&nested->nr_users));
	atomic_dec(&nested->parent->nr_users);
	kfree(nested);
}

static const struct iommu_domain_ops nested_ops = {
	.attach_dev		= attach_dev,
	.device_fits		= nested_fits,
	.set_dev_pasid		= set_dev_pasid,
	.invalidate_user	= invalidate_user,
	.free			= free_nested,
};

static struct iommu_domain *
alloc_nested(struct iommu_domain *parent, struct iommu_viommu *viommu,
	     u32 flags, const struct iommu_hwpt_selftest *data)
{
	struct mock_domain *paging = mock_domain_of(parent);
	struct mock_nested *nested;
	unsigned int i;

	if (flags & ~IOMMU_ALLOC_PASID)
		return ERR_PTR(-EOPNOTSUPP);
	if (!paging || !(paging->flags & IOMMU_ALLOC_NEST_PARENT))
		return ERR_PTR(-EINVAL);

	nested = kzalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.type = IOMMU_DOMAIN_NESTED;
	nested->domain.ops = &nested_ops;
	nested->parent = paging;
	nested->viommu = viommu;
	atomic_inc(&paging->nr_users);		/* matches free_nested() */
	for (i = 0; i < MOCK_NESTED_DOMAIN_IOTLB_NUM; i++)
		nested->iotlb[i] = data->iotlb;
	return &nested->domain;
}

static int read_blob(struct iommu_hwpt_selftest *data,
		     const struct iommu_user_blob *blob)
{
	if (blob->type != IOMMU_HWPT_DATA_SELFTEST)
		return -EOPNOTSUPP;
	return iommu_copy_blob(data, sizeof(*data),
			       offsetofend(struct iommu_hwpt_selftest, iotlb),
			       blob);
}

static struct iommu_domain *alloc_user(struct device *dev,
				       struct iommu_domain *parent, u32 flags,
				       const struct iommu_user_blob *blob)
{
	struct iommu_hwpt_selftest data;
	int err;

	err = read_blob(&data, blob);
	if (err)
		return ERR_PTR(err);
	if (parent)
		return alloc_nested(parent, NULL, flags, &data);
	if (data.pagetable_type != MOCK_IOMMUPT_DEFAULT &&
	    data.pagetable_type != MOCK_IOMMUPT_HUGE)
		return ERR_PTR(-EOPNOTSUPP);
	return alloc_paging_type(dev, flags, data.pagetable_type);
}

/* Virtual IOMMUs */

static struct iommu_domain *
alloc_nested_on(struct iommu_viommu *viommu, struct device *dev, u32 flags,
		const struct iommu_user_blob *blob)
{
	struct iommu_hwpt_selftest data;
	int err;

	err = read_blob(&data, blob);
	if (err)
		return ERR_PTR(err);
	return alloc_nested(viommu->parent, viommu, flags, &data);
}

static const struct iommu_viommu_ops selftest_viommu_ops = {
	.viommu_bytes	= sizeof(struct mock_viommu),
	.hw_queue_bytes	= mock_viommu_queue_bytes,
	.init		= mock_viommu_init,
	.destroy	= mock_viommu_destroy,
	.alloc_nested	= alloc_nested_on,
	.invalidate	= mock_viommu_invalidate,
	.event_bytes	= mock_viommu_event_bytes,
	.init_hw_queue	= mock_viommu_init_queue,
	.destroy_hw_queue = mock_viommu_destroy_queue,
};

static const struct iommu_viommu_ops *viommu_ops(struct device *dev, u32 type)
{
	return type == IOMMU_VIOMMU_TYPE_SELFTEST ? &selftest_viommu_ops : NULL;
}

/* Domains that stop all DMA */

static const struct iommu_domain_ops static_ops = {
	.attach_dev	= attach_static,
};

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev	= attach_static,
	.set_dev_pasid	= block_dev_pasid,
};

static struct iommu_domain blocked_domain = {
	.type	= IOMMU_DOMAIN_BLOCKED,
	.ops	= &blocked_ops,
};

/* The default domain of groups, which the core calls identity */
static struct iommu_domain default_domain = {
	.ops	= &static_ops,
};

static int default_domain_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

static struct iommu_domain *domain_alloc(unsigned int type)
{
	return type == IOMMU_DOMAIN_IDENTITY ? &default_domain : NULL;
}

/* Devices */

static bool device_capable(struct device *dev, enum iommu_cap cap)
{
	switch (cap) {
	case IOMMU_CAP_CACHE_COHERENCY:
	case IOMMU_CAP_INTR_REMAP:
		return true;
	case IOMMU_CAP_DIRTY_TRACKING:
		return !(to_mock_dev(dev)->flags & MOCK_FLAGS_DEVICE_NO_DIRTY);
	case IOMMU_CAP_ENFORCE_CACHE_COHERENCY:
		return can_snoop(to_mock_dev(dev));
	default:
		return false;
	}
}

static int hw_info(struct device *dev, u32 *type, void *buf, size_t *len)
{
	struct iommu_test_hw_info *info = buf;

	if (*type && *type != IOMMU_HW_INFO_TYPE_SELFTEST)
		return -EOPNOTSUPP;
	info->test_reg = IOMMU_HW_INFO_SELFTEST_REGVAL;
	*type = IOMMU_HW_INFO_TYPE_SELFTEST;
	*len = sizeof(*info);
	return 0;
}

static struct iommu_device *probe_device(struct device *dev)
{
	const struct mock_dev *mdev = to_mock_dev(dev);

	if (mdev->flags & MOCK_EXT_DEVICE_LATE)
		return &late_iommu;
	return can_snoop(mdev) ? &mock_snooping_iommu : &mock_iommu;
}

static void reserve(u64 start, struct list_head *list)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(start, MOCK_PAGE_SIZE, 0,
					 IOMMU_RESV_RESERVED, GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, list);
}

static void get_resv_regions(struct device *dev, struct list_head *list)
{
	if (!(to_mock_dev(dev)->flags & MOCK_EXT_DEVICE_RESERVED))
		return;
	reserve(MOCK_EXT_RESERVED_FIRST, list);
	reserve(MOCK_EXT_RESERVED_SECOND, list);
}

static void release_device(struct device *dev)
{
	move_device(to_mock_dev(dev), NULL);
}

static struct iommu_group *device_group(struct device *dev)
{
	struct mock_dev *mdev = to_mock_dev(dev);

	if (mdev->peer)
		return iommu_group_get(&mdev->peer->dev) ?: ERR_PTR(-ENODEV);
	return generic_device_group(dev);
}

static const struct iommu_ops_ext mock_ops_ext = {
	.alloc_paging	= alloc_paging,
	.alloc_user	= alloc_user,
	.viommu_ops	= viommu_ops,
	.hw_info	= hw_info,
	.enable_faults	= mock_enable_faults,
	.disable_faults	= mock_disable_faults,
	.drain_faults	= mock_drain_faults,
	.blocked_domain	= &blocked_domain,
	.concurrent_attach = true,
};

static const struct iommu_ops mock_ops = {
	.capable		= device_capable,
	.domain_alloc		= domain_alloc,
	.probe_device		= probe_device,
	.release_device		= release_device,
	.device_group		= device_group,
	.get_resv_regions	= get_resv_regions,
	.page_response		= mock_page_response,
	.def_domain_type	= default_domain_type,
	.default_domain_ops	= &paging_ops,
	.pgsize_bitmap		= MOCK_PAGE_SIZES,
	.owner			= THIS_MODULE,
	.ext			= &mock_ops_ext,
};

/*
 * An IOMMU whose driver makes a page table without a device, and finishes it when
 * it is attached. Page tables that user space describes are complete.
 */
static struct iommu_domain *late_domain_alloc(unsigned int type)
{
	struct mock_domain *paging;

	if (type != IOMMU_DOMAIN_UNMANAGED)
		return domain_alloc(type);
	paging = kzalloc(sizeof(*paging), GFP_KERNEL_ACCOUNT);
	if (!paging)
		return NULL;
	paging->domain.ops = &paging_ops;
	paging->unfinished = true;
	mock_pgtable_init(&paging->pt, 0);
	return &paging->domain;
}

static const struct iommu_ops_ext late_ops_ext = {
	.concurrent_attach	= true,
	.alloc_user	= alloc_user,
	.hw_info	= hw_info,
	.blocked_domain	= &blocked_domain,
};

static const struct iommu_ops late_ops = {
	.capable		= device_capable,
	.domain_alloc		= late_domain_alloc,
	.probe_device		= probe_device,
	.release_device		= release_device,
	.device_group		= device_group,
	.get_resv_regions	= get_resv_regions,
	.def_domain_type	= default_domain_type,
	.default_domain_ops	= &paging_ops,
	.owner			= THIS_MODULE,
	.ext			= &late_ops_ext,
};

static void dev_release(struct device *dev)
{
	struct mock_dev *mdev = to_mock_dev(dev);

	ida_free(&mock_dev_ids, mdev->id);
	xa_destroy(&mdev->pasids);
	mutex_destroy(&mdev->reader);
	kfree(mdev);
}

/* From here on put_device() frees it */
static struct mock_dev *dev_alloc(u32 flags)
{
	struct mock_dev *mdev = kzalloc(sizeof(*mdev), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!mdev)
		return ERR_PTR(-ENOMEM);
	mdev->id = ida_alloc(&mock_dev_ids, GFP_KERNEL_ACCOUNT);
	if (mdev->id < 0) {
		int err = mdev->id;

		kfree(mdev);
		return ERR_PTR(err);
	}
	mdev->flags = flags;
	for (i = 0; i < MOCK_DEV_CACHE_NUM; i++)
		mdev->cache[i] = IOMMU_TEST_DEV_CACHE_DEFAULT;
	xa_init(&mdev->pasids);
	mutex_init(&mdev->reader);
	spin_lock_init(&mdev->answers_lock);
	device_initialize(&mdev->dev);
	mdev->dev.bus = &mock_bus;
	mdev->dev.release = dev_release;
	/* Tests make thousands of devices; spare udev their events */
	dev_set_uevent_suppress(&mdev->dev, true);
	return mdev;
}

static const struct property_entry pasid_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", MOCK_PASID_WIDTH),
	{}
};

static int dev_name_and_describe(struct mock_dev *mdev)
{
	int err = dev_set_name(&mdev->dev, "iommufd_mock%d", mdev->id);

	if (err || !(mdev->flags & MOCK_FLAGS_DEVICE_PASID))
		return err;
	return device_create_managed_software_node(&mdev->dev, pasid_properties,
						   NULL);
}

/**
 * mock_dev_create() - make a device behind the mock IOMMU
 * @flags: mask of MOCK_FLAGS_DEVICE_* and MOCK_EXT_DEVICE_*
 * @peer: device whose IOMMU group it joins, or NULL for a group of its own
 *
 * Context: may sleep.
 * Return: the device, or ERR_PTR: -ENOMEM, what the driver core says.
 */
struct mock_dev *mock_dev_create(u32 flags, struct mock_dev *peer)
{
	struct mock_dev *mdev = dev_alloc(flags);
	int err;

	if (IS_ERR(mdev))
		return mdev;
	err = dev_name_and_describe(mdev);
	if (err)
		goto err_put;
	err = device_add(&mdev->dev);
	if (err)
		goto err_put;
	mdev->peer = peer;
	err = iommu_probe_device(&mdev->dev);
	mdev->peer = NULL;
	if (err)
		goto err_del;
	return mdev;

err_del:
	device_del(&mdev->dev);
err_put:
	put_device(&mdev->dev);
	return ERR_PTR(err);
}

/**
 * mock_dev_destroy() - remove a device
 * @mdev: the device, which is not bound
 *
 * Context: may sleep.
 */
void mock_dev_destroy(struct mock_dev *mdev)
{
	iommu_release_device(&mdev->dev);
	device_del(&mdev->dev);
	put_device(&mdev->dev);
}

/**
 * mock_dev_of() - the mock's side of a device
 * @dev: any device
 *
 * Context: any.
 * Return: the mock device, or NULL when it is not one.
 */
struct mock_dev *mock_dev_of(struct device *dev)
{
	return dev->bus == &mock_bus ? to_mock_dev(dev) : NULL;
}

/**
 * mock_dev_is_blocked() - tell whether a device's DMA is stopped
 * @mdev: the device
 *
 * Context: any.
 * Return: whether it is.
 */
bool mock_dev_is_blocked(struct mock_dev *mdev)
{
	return READ_ONCE(mdev->domain) == &blocked_domain;
}

/**
 * mock_iommu_init() - make the bus and the IOMMU
 *
 * Context: may sleep.
 * Return: 0, or what the driver core says.
 */
int __init mock_iommu_init(void)
{
	int err = bus_register(&mock_bus);

	if (err)
		return err;
	err = iommu_device_sysfs_add(&mock_iommu, NULL, NULL, "iommufd_mock");
	if (err)
		goto err_unregister;
	err = iommu_device_sysfs_add(&mock_snooping_iommu, NULL, NULL,
				     "iommufd_mock_snooping");
	if (err)
		goto err_remove;
	err = iommu_device_sysfs_add(&late_iommu, NULL, NULL,
				     "iommufd_mock_late");
	if (err)
		goto err_remove_snooping;
	mock_bus.iommu_ops = &mock_ops;
	return 0;

err_remove_snooping:
	iommu_device_sysfs_remove(&mock_snooping_iommu);
err_remove:
	iommu_device_sysfs_remove(&mock_iommu);
err_unregister:
	bus_unregister(&mock_bus);
	return err;
}

/**
 * mock_iommu_exit() - undo mock_iommu_init()
 *
 * Context: may sleep; no device is left.
 */
void mock_iommu_exit(void)
{
	mock_bus.iommu_ops = NULL;
	iommu_device_sysfs_remove(&late_iommu);
	iommu_device_sysfs_remove(&mock_snooping_iommu);
	iommu_device_sysfs_remove(&mock_iommu);
	bus_unregister(&mock_bus);
	ida_destroy(&mock_dev_ids);
}
