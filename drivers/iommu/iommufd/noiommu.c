// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices without an IOMMU.
 *
 * The requests of such a device are not translated, so user space has to give it
 * physical addresses. An address space still keeps memory pinned and charged. Its
 * page table is a domain without contents, since the store of each mapping knows
 * where the memory is.
 *
 * A user of such a device can access all memory. VFIO and IOMMU_IOAS_NOIOMMU_GET_PA
 * therefore require CAP_SYS_RAWIO.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "hwpt.h"
#include "ioas.h"
#include "map/map.h"
#include "noiommu.h"
#include "object.h"

static int domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			   const struct iommu_run *runs, unsigned int nr_runs,
			   int prot, gfp_t gfp, size_t *mapped)
{
	unsigned int i;

	for (i = 0; i < nr_runs; i++)
		*mapped += runs[i].len;
	return 0;
}

static size_t domain_unmap_range(struct iommu_domain *domain,
				 unsigned long iova, size_t size,
				 struct iommu_iotlb_gather *gather)
{
	return size;
}

static void domain_free(struct iommu_domain *domain)
{
	kfree(domain);
}

static const struct iommu_domain_ops domain_ops = {
	.map_runs = domain_map_runs,
	.unmap_range = domain_unmap_range,
	.free = domain_free,
};

/**
 * iommufd_noiommu_alloc_domain() - make the domain of a device without an IOMMU
 *
 * It takes any IOVA, in pages of 4 KiB and more, and no device is ever attached
 * to it.
 *
 * Context: may sleep.
 * Return: domain for iommu_domain_free(), or ERR_PTR(-ENOMEM).
 */
struct iommu_domain *iommufd_noiommu_alloc_domain(void)
{
	struct iommu_domain *domain;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = &domain_ops;
	domain->pgsize_bitmap = ~(SZ_4K - 1UL);
	return domain;
}

/* Its domain has all mappings: it is neither being filled nor emptied */
static bool has_filled_table(struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt_paging *hwpt;

	lockdep_assert_held(&ioas->lock);
	list_for_each_entry(hwpt, &ioas->hwpts, ioas_node)
		if (hwpt->noiommu && hwpt->filled)
			return true;
	return false;
}

static int locate(struct iommufd_ioas *ioas, unsigned long iova,
		  unsigned long length_bytes, struct iommu_run *run)
{
	int err;

	if (mutex_lock_killable(&ioas->lock))
		return -EINTR;
	err = iommufd_map_locate(ioas->map, iova, length_bytes,
				 has_filled_table(ioas), run);
	mutex_unlock(&ioas->lock);
	return err;
}

/**
 * iommufd_ioctl_ioas_noiommu_get_pa() - IOMMU_IOAS_NOIOMMU_GET_PA
 * @call: the call, with a &struct iommu_ioas_noiommu_get_pa
 *
 * Context: may sleep.
 * Return: 0; -EPERM, -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -ENOENT, -EFAULT as
 * Documentation/userspace-api/iommufd.rst says; -EINTR when the caller is being
 * killed.
 */
int iommufd_ioctl_ioas_noiommu_get_pa(struct iommufd_call *call)
{
	struct iommu_ioas_noiommu_get_pa *arg = call->arg;
	struct iommufd_ioas *ioas;
	struct iommu_run run;
	int err;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (arg->flags || arg->__reserved)
		return -EOPNOTSUPP;
	if (!arg->length)
		return -EINVAL;
	if (arg->iova >= ULONG_MAX)
		return -EOVERFLOW;

	ioas = iommufd_ioas_get(call->ctx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	err = locate(ioas, arg->iova, min_t(u64, arg->length, ULONG_MAX), &run);
	iommufd_object_put(call->ctx, &ioas->obj);
	if (err)
		return err;

	arg->length = run.len;
	arg->out_phys = run.phys;
	return iommufd_call_respond(call, sizeof(*arg));
}
