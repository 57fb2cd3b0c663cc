// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains in use: how many attach points are on a domain, what excludes changes of
 * its table while devices come and go, and when it can be freed. An attach point is the
 * requester ID of a group, or one of its PASIDs.
 *
 * The lowest part of the attach layer. It moves no device.
 */
#define pr_fmt(fmt)    "iommu: " fmt

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/rwsem.h>

#include "dma-iommu.h"
#include "iommu-attach.h"
#include "iommu-group.h"

static atomic_t nr_errs = ATOMIC_INIT(0);

/**
 * iommu_group_err() - log one line about a broken driver or caller
 * @group: group it happened to, or NULL
 * @what: what happened and what became of it
 *
 * Not WARN(): the reaction to each case is defined, and the unit tests provoke
 * every one of them.
 *
 * Context: any.
 */
void iommu_group_err(struct iommu_group *group, const char *what)
{
	atomic_inc(&nr_errs);
	if (group)
		pr_err("group %d: %s\n", group->id, what);
	else
		pr_err("%s\n", what);
}

/**
 * iommu_group_errs() - number of such lines so far, for the unit tests
 *
 * Context: any.
 * Return: calls of iommu_group_err() since boot, modulo 2^32.
 */
unsigned int iommu_group_errs(void)
{
	return atomic_read(&nr_errs);
}

/**
 * iommu_device_usable() - tell whether a device can be attached to domains
 * @dev: device
 *
 * Groups also hold devices that no IOMMU driver serves: all of them where the
 * platform has groups but no domains, and a device that is on its way out.
 *
 * Context: &struct iommu_group.mutex of @dev's group is held, or @dev cannot
 * leave its group for another reason.
 * Return: true when @dev has a driver's ops.
 */
bool iommu_device_usable(struct device *dev)
{
	return dev->iommu && dev->iommu->iommu_dev && !dev->iommu->leaving;
}

/**
 * iommu_device_follows_group() - tell whether a device moves with its group
 * @member: device
 *
 * Context: &struct iommu_group.mutex is held.
 * Return: false for a device without a driver's ops, and for one that is blocked
 * because it is being reset.
 */
bool iommu_device_follows_group(const struct group_device *member)
{
	return iommu_device_usable(member->dev) && !member->quiet;
}

/**
 * iommu_device_pasids_follow() - tell whether the PASIDs of a device move with its group
 * @member: device
 *
 * Context: &struct iommu_group.mutex is held.
 * Return: false for a device without a driver's ops, and for one whose PASIDs are
 * blocked because it is being reset, which all of a blocked device are.
 */
bool iommu_device_pasids_follow(const struct group_device *member)
{
	return iommu_device_usable(member->dev) && !member->pasids_quiet;
}

/**
 * iommu_domain_add_point() - count an attach point that comes to a domain
 * @domain: domain, or NULL
 *
 * Context: any. iommu_domain_remove_point() is the counterpart.
 */
void iommu_domain_add_point(struct iommu_domain *domain)
{
	if (domain)
		atomic_inc(&domain->nr_points);
}

/**
 * iommu_domain_remove_point() - undo iommu_domain_add_point()
 * @domain: domain, or NULL
 *
 * Context: any.
 */
void iommu_domain_remove_point(struct iommu_domain *domain)
{
	if (domain)
		atomic_dec(&domain->nr_points);
}

/**
 * iommu_domain_keep_forever() - never free a domain
 * @domain: domain that hardware may walk although no attach point is on it, or NULL
 *
 * Nor the domain that its addresses are translated by once more, and virtual IOMMUs on
 * that one.
 *
 * Context: any.
 */
void iommu_domain_keep_forever(struct iommu_domain *domain)
{
	for (; domain; domain = domain->nested_in) {
		iommu_domain_add_point(domain);
		WRITE_ONCE(domain->kept, true);
	}
}

/**
 * iommu_domains_lock() - exclude maps and unmaps in two domains
 * @a: domain that devices leave or come to, or NULL
 * @b: another, the same, or NULL
 *
 * Takes only the locks of domains whose driver does not allow maps and unmaps during
 * an attach. Two groups may exchange their domains at the same time, so locks are
 * taken in the order of their addresses.
 *
 * Context: may sleep; &struct iommu_group.mutex is held. iommu_domains_unlock() is
 * the counterpart.
 */
void iommu_domains_lock(struct iommu_domain *a, struct iommu_domain *b)
{
	struct iommu_domain *first = min(a, b), *second = max(a, b);

	if (first && first->serialised)
		down_write(&first->attach_lock);
	if (second != first && second && second->serialised)
		down_write_nested(&second->attach_lock, SINGLE_DEPTH_NESTING);
}

/**
 * iommu_domains_unlock() - undo iommu_domains_lock()
 * @a: as it was there
 * @b: as it was there
 *
 * Context: any.
 */
void iommu_domains_unlock(struct iommu_domain *a, struct iommu_domain *b)
{
	if (a && a->serialised)
		up_write(&a->attach_lock);
	if (b != a && b && b->serialised)
		up_write(&b->attach_lock);
}

/**
 * iommu_domain_free() - give a domain back to its driver
 * @domain: domain; no attach point is on it
 *
 * Freeing page tables that a device walks would let it write to whatever the
 * memory is used for next, so a domain that is still in use is leaked with one
 * line in the log. Static domains are left alone.
 *
 * Context: may sleep.
 */
void iommu_domain_free(struct iommu_domain *domain)
{
	bool last;

	if (!domain->ops->free)
		return;

	last = atomic_dec_return(&domain->nr_handles) <= 0;
	/*
	 * A driver may hand out one domain many times (VT-d's identity domain).
	 * The points that are counted may belong to the other users, until the
	 * last one frees it.
	 */
	if (last && atomic_read(&domain->nr_points)) {
		iommu_group_err(NULL, "domain freed while in use: leaked");
		iommu_domain_keep_forever(domain);
		return;
	}
	iommu_put_dma_cookie(domain);
	domain->ops->free(domain);
}
EXPORT_SYMBOL_GPL(iommu_domain_free);
