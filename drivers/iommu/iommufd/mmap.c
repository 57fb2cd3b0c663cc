// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of drivers that user space maps from the file of a context.
 *
 * Each region has a slot of the file's offsets, at the beginning of which it stands. It
 * is mapped as a whole by each mapping, which is a user of the virtual IOMMU that the
 * region belongs to: the region is there until all mappings are gone. The mapping has a
 * reference to the file, and so to the context.
 */
#include <linux/err.h>
#include <linux/iommu-viommu.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "iommufd_private.h"
#include "mmap.h"
#include "object.h"
#include "viommu.h"

/* Pages from one region to the next; an offset in pages has 32 bits at least */
#define SLOT_SHIFT	16
#define SLOT_PAGES	BIT(SLOT_SHIFT)
#define LAST_SLOT	((unsigned int)U16_MAX)

/**
 * struct region - memory that can be mapped
 * @owner: virtual IOMMU that it belongs to
 * @phys: physical address, page aligned
 * @len: length in bytes, whole pages
 * @memory: what it is
 */
struct region {
	struct iommufd_viommu *owner;
	phys_addr_t phys;
	size_t len;
	enum iommu_viommu_memory memory;
};

/**
 * iommufd_mmap_publish() - give memory an offset in the file of the context
 * @base: virtual IOMMU that it belongs to
 * @phys: physical address, page aligned
 * @len: length in bytes, whole pages
 * @memory: what it is
 * @offset: set to the offset in bytes
 *
 * Until the ID of the virtual IOMMU finds it, nothing can be mapped.
 *
 * Context: may sleep.
 * Return: as iommu_viommu_publish().
 */
int iommufd_mmap_publish(struct iommu_viommu *base, phys_addr_t phys,
			 size_t len, enum iommu_viommu_memory memory,
			 u64 *offset)
{
	struct iommufd_viommu *viommu = base->owner_data;
	struct region *region;
	u32 slot;
	int err;

	if (!PAGE_ALIGNED(phys) || !PAGE_ALIGNED(len) || !len ||
	    len >> PAGE_SHIFT > SLOT_PAGES)
		return -EINVAL;
	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	region->owner = viommu;
	region->phys = phys;
	region->len = len;
	region->memory = memory;
	err = xa_alloc(&viommu->ctx->regions, &slot, region,
		       XA_LIMIT(1, LAST_SLOT), GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(region);
		return err;
	}
	*offset = (u64)slot << (SLOT_SHIFT + PAGE_SHIFT);
	return 0;
}

/**
 * iommufd_mmap_unpublish() - undo iommufd_mmap_publish()
 * @base: virtual IOMMU, whose ID does not find it
 * @offset: the offset in bytes
 *
 * Context: may sleep.
 */
void iommufd_mmap_unpublish(struct iommu_viommu *base, u64 offset)
{
	struct iommufd_viommu *viommu = base->owner_data;

	kfree(xa_erase(&viommu->ctx->regions,
		       offset >> (SLOT_SHIFT + PAGE_SHIFT)));
}

/**
 * iommufd_mmap_forget() - unpublish all memory of a virtual IOMMU whose driver does not
 * @viommu: virtual IOMMU that is leaked, and whose ID does not find it
 *
 * Context: may sleep.
 */
void iommufd_mmap_forget(struct iommufd_viommu *viommu)
{
	struct region *region;
	unsigned long slot;

	xa_for_each(&viommu->ctx->regions, slot, region)
		if (region->owner == viommu)
			kfree(xa_erase(&viommu->ctx->regions, slot));
}

static struct iommufd_viommu *owner_of(struct vm_area_struct *vma)
{
	return vma->vm_private_data;
}

/* A mapping was moved */
static void open_mapping(struct vm_area_struct *vma)
{
	iommufd_object_add_user(&owner_of(vma)->obj);
}

static void close_mapping(struct vm_area_struct *vma)
{
	iommufd_object_drop_user(&owner_of(vma)->obj);
}

/* A region is mapped as a whole */
static int refuse_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

static const struct vm_operations_struct mapping_ops = {
	.open = open_mapping,
	.close = close_mapping,
	.may_split = refuse_split,
};

/* The ID of the region's owner, which may go at once; 0 without a region */
static u32 owner_id_at(struct iommufd_ctx *ctx, unsigned long slot)
{
	struct region *region;
	u32 id = 0;

	xa_lock(&ctx->regions);
	region = xa_load(&ctx->regions, slot);
	if (region)
		id = region->owner->obj.id;
	xa_unlock(&ctx->regions);
	return id;
}

/* Find a region whose owner can be found, too, and become a user of that */
static struct region *use_region(struct iommufd_ctx *ctx, unsigned long pgoff)
{
	unsigned long slot = pgoff >> SLOT_SHIFT;
	struct iommufd_object *owner;
	struct region *region;

	if (pgoff % SLOT_PAGES)
		return NULL;
	owner = iommufd_object_get(ctx, owner_id_at(ctx, slot),
				   IOMMUFD_OBJ_VIOMMU);
	if (IS_ERR(owner))
		return NULL;
	/* It may be another one by now. While this one is there its regions are, too */
	xa_lock(&ctx->regions);
	region = xa_load(&ctx->regions, slot);
	if (region && &region->owner->obj != owner)
		region = NULL;
	xa_unlock(&ctx->regions);
	if (region)
		iommufd_object_add_user(owner);
	iommufd_object_put(ctx, owner);
	return region;
}

static int map_region(struct vm_area_struct *vma, const struct region *region)
{
	if (vma->vm_end - vma->vm_start != region->len)
		return -ENXIO;
	/* A child has no part in it, and code is not taken from there */
	vma->vm_flags |= VM_DONTCOPY;
	vma->vm_flags &= ~VM_MAYEXEC;
	vma->vm_private_data = region->owner;
	vma->vm_ops = &mapping_ops;
	if (region->memory == IOMMU_VIOMMU_RAM)
		return remap_pfn_range(vma, vma->vm_start,
				       region->phys >> PAGE_SHIFT, region->len,
				       vma->vm_page_prot);
	/* Registers are not encrypted where memory is */
	return io_remap_pfn_range(vma, vma->vm_start, region->phys >> PAGE_SHIFT,
				  region->len,
				  pgprot_noncached(vma->vm_page_prot));
}

/**
 * iommufd_mmap() - map a region
 * @ctx: context
 * @vma: the mapping, of a kind that regions can have
 *
 * Context: the mmap_lock is held for writing.
 * Return: 0; -ENXIO when the mapping is not exactly that of a region; -ENOMEM.
 */
int iommufd_mmap(struct iommufd_ctx *ctx, struct vm_area_struct *vma)
{
	struct region *region = use_region(ctx, vma->vm_pgoff);
	struct iommufd_viommu *viommu;
	int err;

	if (!region)
		return -ENXIO;
	viommu = region->owner;
	err = map_region(vma, region);
	if (err)
		iommufd_object_drop_user(&viommu->obj);
	return err;
}
