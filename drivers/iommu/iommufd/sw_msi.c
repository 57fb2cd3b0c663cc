// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells. Where the IOMMU translates the writes that raise interrupts (Arm)
 * a device can only interrupt through a mapped doorbell page.
 *
 * Each doorbell gets one IOVA per context, inside a window that the devices'
 * reserved regions keep free. A page table gets all doorbells before a group
 * is attached, and every later one together with the page tables in use, so an
 * address once given to a device stays right when its domain is replaced. A
 * bound device has its address before it is attached.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/msi.h>

#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "sw_msi.h"

/* -ENOENT: the IOMMU does not translate the device's interrupts */
static int window_of(struct device *dev, struct iommufd_range *window)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int err;

	err = iommu_device_get_resv_regions(dev, &regions);
	if (err)
		return err;
	err = -ENOENT;
	list_for_each_entry(region, &regions, list) {
		if (region->type != IOMMU_RESV_SW_MSI || !region->length)
			continue;
		window->start = region->start;
		window->last = region->start + region->length - 1;
		err = 0;
		break;
	}
	iommu_put_resv_regions(dev, &regions);
	return err;
}

static dma_addr_t doorbell_iova(const struct iommufd_range *window,
				unsigned int i)
{
	return window->start + (dma_addr_t)i * PAGE_SIZE;
}

/* A window holds fewer doorbells than the table where pages are large */
static bool is_in_window(const struct iommufd_range *window, unsigned int i)
{
	return window->last - window->start >= (i + 1) * PAGE_SIZE - 1;
}

static int install_one(struct iommufd_hwpt_paging *hwpt, unsigned int i)
{
	const struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;
	struct iommu_run doorbell = {
		.phys = table->phys[i],
		.len = PAGE_SIZE,
	};
	size_t mapped;
	int err;

	lockdep_assert_held(&table->lock);
	if (!hwpt->sw_msi_mappable || test_bit(i, hwpt->sw_msi_installed))
		return 0;
	if (!is_in_window(&hwpt->sw_msi_window, i))
		return -ENOSPC;
	err = iommu_domain_map_runs(hwpt->common.domain, doorbell_iova(&hwpt->sw_msi_window, i),
				    &doorbell, 1,
				    IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO,
				    GFP_KERNEL, &mapped);
	if (!err)
		__set_bit(i, hwpt->sw_msi_installed);
	return err;
}

static int install_known(struct iommufd_hwpt_paging *hwpt)
{
	const struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;
	unsigned int i;
	int err;

	for (i = 0; i < table->nr; i++) {
		err = install_one(hwpt, i);
		if (err)
			return err;
	}
	return 0;
}

static int install_everywhere(struct iommufd_sw_msi *table, unsigned int i)
{
	struct iommufd_hwpt_paging *hwpt;
	int err;

	lockdep_assert_held(&table->lock);
	list_for_each_entry(hwpt, &table->hwpts, sw_msi_node) {
		err = install_one(hwpt, i);
		if (err)
			return err;
	}
	return 0;
}

/* Find the entry of a doorbell, or make one; an entry is never taken back */
static int find_doorbell(struct iommufd_sw_msi *table,
			 const struct iommufd_range *window, phys_addr_t phys)
{
	unsigned int i;
	int err;

	lockdep_assert_held(&table->lock);
	for (i = 0; i < table->nr; i++)
		if (table->phys[i] == phys)
			break;
	if (i == IOMMUFD_SW_MSI_MAX || !is_in_window(window, i))
		return -ENOSPC;
	if (i == table->nr)
		table->phys[table->nr++] = phys;
	err = install_everywhere(table, i);
	return err ?: i;
}

/* Choose the address of an interrupt of a device with this window */
static int set_address(struct iommufd_sw_msi *table,
		       const struct iommufd_range *window,
		       struct msi_desc *desc, phys_addr_t msi_addr)
{
	int i = find_doorbell(table, window, msi_addr & PAGE_MASK);

	if (i < 0)
		return i;
	msi_desc_set_iommu_msi_iova(desc, doorbell_iova(window, i), PAGE_SHIFT);
	return 0;
}

/*
 * Called while an interrupt of a device on @domain is being set up. The caller
 * holds the mutex of the device's IOMMU group, which keeps the page table.
 */
static int prepare(struct iommu_domain *domain, struct msi_desc *desc,
		   phys_addr_t msi_addr)
{
	struct iommufd_hwpt_paging *hwpt = domain->sw_msi_data;
	struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;
	int err = 0;

	mutex_lock(&table->lock);
	if (list_empty(&hwpt->sw_msi_node)) {
		/* Its devices have no window: nothing is translated */
		msi_desc_set_iommu_msi_iova(desc, 0, 0);
		goto out_unlock;
	}
	/* The domain is attached, and therefore finished */
	hwpt->sw_msi_mappable = true;
	err = set_address(table, &hwpt->sw_msi_window, desc, msi_addr);
out_unlock:
	mutex_unlock(&table->lock);
	return err;
}

/*
 * Called while an interrupt of a bound device that is not attached is being set
 * up. Each page table that the device can come to has the device's window, and
 * gets the doorbell before the device does. Locks are as for prepare().
 */
static int prepare_blocked(struct iommu_dma_owner *owner, struct msi_desc *desc,
			   phys_addr_t msi_addr)
{
	struct iommufd_ctx *ctx =
		container_of(owner, struct iommufd_ctx, dma_owner);
	struct iommufd_range window;
	int err;

	err = window_of(msi_desc_to_dev(desc), &window);
	if (err == -ENOENT) {
		msi_desc_set_iommu_msi_iova(desc, 0, 0);
		return 0;
	}
	if (err)
		return err;
	mutex_lock(&ctx->sw_msi.lock);
	err = set_address(&ctx->sw_msi, &window, desc, msi_addr);
	mutex_unlock(&ctx->sw_msi.lock);
	return err;
}

static const struct iommu_sw_msi_ops sw_msi_ops = {
	.prepare = prepare,
	.prepare_blocked = prepare_blocked,
};

/**
 * iommufd_sw_msi_init() - set up the empty table of a context
 * @ctx: context, which answers for the doorbells of its devices from now on
 *
 * Context: any.
 */
void iommufd_sw_msi_init(struct iommufd_ctx *ctx)
{
	mutex_init(&ctx->sw_msi.lock);
	INIT_LIST_HEAD(&ctx->sw_msi.hwpts);
	ctx->dma_owner.sw_msi = &sw_msi_ops;
}

/**
 * iommufd_sw_msi_adopt() - answer for the doorbells of a page table
 * @hwpt: page table that maps the doorbells
 * @domain: its domain, or one that is nested in it; nothing uses it yet
 *
 * Context: any.
 */
void iommufd_sw_msi_adopt(struct iommufd_hwpt_paging *hwpt,
			  struct iommu_domain *domain)
{
	domain->sw_msi_data = hwpt;
	domain->sw_msi = &sw_msi_ops;
}

/* From here on the page table gets every new doorbell, once that is possible */
static int join(struct iommufd_hwpt_paging *hwpt,
		const struct iommufd_range *window)
{
	struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;

	lockdep_assert_held(&table->lock);
	if (!list_empty(&hwpt->sw_msi_node))
		return hwpt->sw_msi_window.start == window->start &&
		       hwpt->sw_msi_window.last == window->last ? 0 : -EINVAL;

	hwpt->sw_msi_window = *window;
	list_add(&hwpt->sw_msi_node, &table->hwpts);
	return 0;
}

/**
 * iommufd_sw_msi_install() - map all doorbells of the context
 * @hwpt: page table that @dev's group is about to be attached to
 * @dev: device whose window is reserved in the page table's address space
 *
 * From here on the page table also gets every new doorbell, and keeps the
 * window reserved. Where its domain cannot be mapped before it is attached,
 * nothing is mapped yet: that is left to iommufd_sw_msi_finish().
 *
 * Context: may sleep; the page table's address space is locked.
 * Return: 0; -EINVAL when another group of the page table has its window
 * elsewhere; -ENOSPC when the window is too small; -ENOMEM. On error nothing
 * has changed.
 */
int iommufd_sw_msi_install(struct iommufd_hwpt_paging *hwpt,
			   struct device *dev)
{
	struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;
	struct iommufd_range window;
	bool is_first;
	int err;

	lockdep_assert_held(&hwpt->ioas->lock);
	err = window_of(dev, &window);
	if (err)
		return err == -ENOENT ? 0 : err;

	/* The list also changes under the address space's lock only */
	is_first = list_empty(&hwpt->sw_msi_node);
	if (is_first) {
		/* Its device may leave before others, reservations and all */
		err = iommufd_map_reserve(hwpt->ioas->map, window.start,
					  window.last, hwpt);
		if (err)
			return err;
	}

	mutex_lock(&table->lock);
	hwpt->sw_msi_mappable |= hwpt->filled;
	err = join(hwpt, &window);
	if (!err)
		err = install_known(hwpt);
	mutex_unlock(&table->lock);
	if (err && is_first)
		iommufd_sw_msi_remove(hwpt);
	return err;
}

/**
 * iommufd_sw_msi_finish() - map what iommufd_sw_msi_install() could not map
 * @hwpt: page table whose domain has just been finished by an attach
 *
 * Context: may sleep; the page table's address space is locked.
 * Return: 0; -ENOSPC when the window is too small; -ENOMEM. After an error
 * iommufd_sw_msi_remove() cleans up.
 */
int iommufd_sw_msi_finish(struct iommufd_hwpt_paging *hwpt)
{
	struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;
	int err = 0;

	lockdep_assert_held(&hwpt->ioas->lock);
	mutex_lock(&table->lock);
	if (!list_empty(&hwpt->sw_msi_node)) {
		hwpt->sw_msi_mappable = true;
		err = install_known(hwpt);
	}
	mutex_unlock(&table->lock);
	return err;
}

/**
 * iommufd_sw_msi_remove() - unmap all doorbells
 * @hwpt: page table without attached groups
 *
 * The window's addresses may be mapped by user space after this.
 *
 * Context: may sleep; the page table's address space is locked.
 */
void iommufd_sw_msi_remove(struct iommufd_hwpt_paging *hwpt)
{
	struct iommufd_sw_msi *table = &hwpt->ctx->sw_msi;
	unsigned int i;

	lockdep_assert_held(&hwpt->ioas->lock);
	mutex_lock(&table->lock);
	list_del_init(&hwpt->sw_msi_node);
	for_each_set_bit(i, hwpt->sw_msi_installed, IOMMUFD_SW_MSI_MAX)
		iommu_domain_unmap(hwpt->common.domain, doorbell_iova(&hwpt->sw_msi_window, i),
				   PAGE_SIZE);
	bitmap_zero(hwpt->sw_msi_installed, IOMMUFD_SW_MSI_MAX);
	mutex_unlock(&table->lock);
	iommufd_map_unreserve(hwpt->ioas->map, hwpt);
}
