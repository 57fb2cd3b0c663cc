// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains made for a device, and questions about one device.
 *
 * Nothing here depends on a bus: two IOMMUs of one machine may differ.
 *
 * All functions ask the driver of the device's IOMMU, whose ops are valid as long
 * as the device is in its group. A device leaves its group and its IOMMU driver
 * when it is removed from its bus, after its own driver was unbound. "Must not
 * leave its group" below therefore means that the caller is the driver that is
 * bound to the device, or acts on behalf of that driver; or that it holds
 * &struct iommu_group.mutex, as iommu_group_for_each_dev() does. For a device that
 * is being removed the answer is that of a device without an IOMMU.
 */
#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/pci-ats.h>
#include <linux/pci.h>
#include <linux/property.h>
#include <linux/rwsem.h>

#include "iommu-attach.h"
#include "iommu-group.h"

/* Set the fields of a new domain that the core fills in */
static void domain_finish(struct iommu_domain *domain,
			  const struct iommu_ops *ops, unsigned int type)
{
	domain->type = type;
	domain->owner = ops;
	if (!domain->ops)
		domain->ops = ops->default_domain_ops;
	if (!domain->pgsize_bitmap)
		domain->pgsize_bitmap = ops->pgsize_bitmap;
	atomic_inc(&domain->nr_handles);
}

/*
 * User space changes this page table from any thread and at any time. A driver
 * that does not declare concurrent_attach is protected from that by attach_lock.
 */
static void give_to_user(struct iommu_domain *domain,
			 const struct iommu_ops *ops)
{
	domain->serialised = !(ops->ext && ops->ext->concurrent_attach);
	init_rwsem(&domain->attach_lock);
}

static bool maps_anything(const struct iommu_domain_ops *ops)
{
	return ops->map || ops->map_pages || ops->map_runs ||
	       ops->unmap || ops->unmap_pages || ops->unmap_range;
}

/* Lists and ranges are shortcuts: the core falls back to these */
static bool maps_pages(const struct iommu_domain_ops *ops)
{
	return (ops->map || ops->map_pages) && (ops->unmap || ops->unmap_pages);
}

static const struct iommu_domain_ops *
ops_of_domain(const struct iommu_domain *domain, const struct iommu_ops *ops)
{
	return domain->ops ?: ops->default_domain_ops;
}

/* The page tables of a process are for PASIDs alone */
static bool is_attachable(const struct iommu_domain_ops *ops, unsigned int type)
{
	if (type == IOMMU_DOMAIN_SVA)
		return ops->set_dev_pasid;
	return ops->attach_dev;
}

/* What is wrong with a domain that a driver made for a user, or NULL */
static const char *find_fault(const struct iommu_domain *domain,
			      const struct iommu_ops *ops, unsigned int type)
{
	const struct iommu_domain_ops *domain_ops = ops_of_domain(domain, ops);

	if (domain->type != type)
		return "driver made a domain of another type: refused";
	if (domain->owner && domain->owner != ops)
		return "driver made a domain of another driver: refused";
	/* Two users of one page table would undo each other's mappings */
	if (atomic_read(&domain->nr_handles))
		return "driver made a domain that exists already: refused";
	if (!domain_ops || !domain_ops->free || !is_attachable(domain_ops, type))
		return "driver made a domain that cannot be used: refused";
	if (type == IOMMU_DOMAIN_SVA)
		return NULL;
	if (type == IOMMU_DOMAIN_NESTED)
		return maps_anything(domain_ops) ?
		       "driver made a nested domain that maps: refused" : NULL;
	if (!maps_pages(domain_ops))
		return "driver made a paging domain that does not map: refused";
	if (domain_ops->invalidate_user)
		return "driver made a paging domain that is nested, too: refused";
	return NULL;
}

/* Free a refused domain, unless it has another user or hardware walks it */
static void give_back(struct iommu_domain *domain, const struct iommu_ops *ops)
{
	const struct iommu_domain_ops *domain_ops = ops_of_domain(domain, ops);

	if (!domain_ops || !domain_ops->free ||
	    atomic_read(&domain->nr_handles) || atomic_read(&domain->nr_points))
		return;
	domain_ops->free(domain);
}

/**
 * iommu_domain_take_new() - check the domain that a driver made for a user
 * @domain: what the driver returned, NULL and ERR_PTR() included
 * @ops: the driver
 * @type: type that the domain shall have
 *
 * Context: may sleep.
 * Return: @domain with what the core fills in; -EINVAL when it is something else, with
 * one line in the log, and then it is freed if that is safe.
 */
struct iommu_domain *iommu_domain_take_new(struct iommu_domain *domain,
					   const struct iommu_ops *ops,
					   unsigned int type)
{
	const char *fault;

	if (IS_ERR(domain))
		return domain;
	fault = domain ? find_fault(domain, ops, type) :
			 "driver made no domain and gives no reason: refused";
	if (!fault) {
		domain_finish(domain, ops, type);
		if (type != IOMMU_DOMAIN_SVA)
			give_to_user(domain, ops);
		return domain;
	}
	iommu_group_err(NULL, fault);
	if (domain)
		give_back(domain, ops);
	return ERR_PTR(-EINVAL);
}

/* Use domain_alloc(): the domain becomes usable at its first attach, or NULL */
static struct iommu_domain *alloc_by_type(const struct iommu_ops *ops,
					  unsigned int type)
{
	struct iommu_domain *domain = ops->domain_alloc(type);

	if (domain)
		domain_finish(domain, ops, type);
	return domain;
}

/**
 * iommu_device_has_driver() - tell whether a driver serves a device's IOMMU
 * @dev: device
 *
 * Platforms may have groups, but no driver that makes domains for them.
 *
 * Context: any. @dev must not leave its group.
 * Return: true when a driver answers the other functions here.
 */
bool iommu_device_has_driver(struct device *dev)
{
	return iommu_device_usable(dev);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_has_driver, IOMMUFD_INTERNAL);

/**
 * iommu_device_has_pasid_entries() - ask for set_dev_pasid()
 * @dev: device with an IOMMU driver
 *
 * Context: any. @dev must not leave its group.
 * Return: whether the driver can put PASIDs on domains, and take them off.
 */
bool iommu_device_has_pasid_entries(struct device *dev)
{
	const struct iommu_ops_ext *ext = dev_iommu_ops(dev)->ext;

	return ext && ext->blocked_domain &&
	       ext->blocked_domain->ops->set_dev_pasid;
}

#ifdef CONFIG_PCI
/*
 * A request with a PASID must reach the IOMMU. A switch that routes it by its address
 * would take an address of the PASID's address space for one of the bus, and could
 * deliver the request to another function below it (PCIe 6.12, ACS RR and UF). A
 * function whose requests carry the ID of another one has no PASIDs of its own.
 */
static unsigned int pci_pasid_bits(struct pci_dev *pdev)
{
	int max_pasids = pci_max_pasids(pdev);
	/* The bus of a virtual function may have no bridge of its own */
	struct pci_dev *pf = pci_physfn(pdev);

	if (max_pasids <= 0 || pci_real_dma_dev(pdev) != pdev)
		return 0;
	if (!pf->eetlp_prefix_path && !pf->pasid_no_tlp)
		return 0;
	if (!pci_acs_path_enabled(pf, NULL, PCI_ACS_RR | PCI_ACS_UF))
		return 0;
	return ilog2(max_pasids);
}
#else
static unsigned int pci_pasid_bits(struct pci_dev *pdev)
{
	return 0;
}
#endif

/**
 * iommu_device_pasid_bits() - tell how wide the PASIDs of a device can be
 * @dev: device
 *
 * The limit is the smaller one of what the device has and what its IOMMU supports. A
 * device has none if its driver cannot attach PASIDs, or if requests with a PASID
 * could be routed past the IOMMU.
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: number of bits, at most %IOMMU_PASID_BITS; 0 without PASIDs.
 */
unsigned int iommu_device_pasid_bits(struct device *dev)
{
	u32 max_pasids, bits = 0;

	if (!iommu_device_usable(dev) || !iommu_device_has_pasid_entries(dev))
		return 0;
	max_pasids = dev->iommu->iommu_dev->max_pasids;
	if (!max_pasids)
		return 0;
	if (dev_is_pci(dev))
		bits = pci_pasid_bits(to_pci_dev(dev));
	else if (device_property_read_u32(dev, "pasid-num-bits", &bits))
		return 0;
	return min3(bits, (u32)ilog2(max_pasids), (u32)IOMMU_PASID_BITS);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_pasid_bits, IOMMUFD_INTERNAL);

/**
 * iommu_device_alloc_paging() - make a page table that user space fills
 * @dev: device that the domain is for; others may fit it too
 * @flags: mask of IOMMU_ALLOC_*; all of them need a driver that knows them
 * @complete: set to whether aperture, page sizes and table format are final.
 *            If not, nothing may be mapped before the first attach
 *
 * Context: may sleep; takes no lock of the attach layer, so it may be called
 * from within iommu_group_for_each_dev(). @dev must not leave its group.
 * Return: domain for iommu_domain_free(), or ERR_PTR(): -ENODEV when no driver
 * serves @dev; -EOPNOTSUPP for @flags; -ENOMEM; the driver's error; -EINVAL for
 * a driver that made something else, with one line in the log.
 */
struct iommu_domain *iommu_device_alloc_paging(struct device *dev, u32 flags,
					       bool *complete)
{
	const struct iommu_ops *ops;
	struct iommu_domain *domain;

	if (!iommu_device_usable(dev))
		return ERR_PTR(-ENODEV);

	ops = dev_iommu_ops(dev);
	if (ops->ext && ops->ext->alloc_paging) {
		*complete = true;
		domain = ops->ext->alloc_paging(dev, flags);
		return iommu_domain_take_new(domain, ops,
					     IOMMU_DOMAIN_UNMANAGED);
	}

	if (flags)
		return ERR_PTR(-EOPNOTSUPP);
	*complete = false;
	domain = alloc_by_type(ops, IOMMU_DOMAIN_UNMANAGED);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	give_to_user(domain, ops);
	return domain;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_alloc_paging, IOMMUFD_INTERNAL);

/**
 * iommu_device_takes_user_data() - ask for iommu_device_alloc_user()
 * @dev: device
 *
 * Context: any. @dev must not leave its group.
 * Return: 0; -ENODEV when no driver serves @dev; -EOPNOTSUPP when the driver
 * makes no domains that user space describes.
 */
int iommu_device_takes_user_data(struct device *dev)
{
	const struct iommu_ops_ext *ext;

	if (!iommu_device_usable(dev))
		return -ENODEV;
	ext = dev_iommu_ops(dev)->ext;
	return ext && ext->alloc_user ? 0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_takes_user_data, IOMMUFD_INTERNAL);

/**
 * iommu_device_alloc_user() - make a page table that user space describes
 * @dev: device that the domain is for
 * @parent: paging domain to nest in, made with %IOMMU_ALLOC_NEST_PARENT, or
 *          NULL for a paging domain; the caller frees it after the result
 * @flags: mask of IOMMU_ALLOC_*
 * @blob: the description
 *
 * A paging domain is complete, as one of iommu_device_alloc_paging() may be.
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: domain for iommu_domain_free(), or ERR_PTR(): -ENODEV when no driver
 * serves @dev; -EOPNOTSUPP when the driver knows no such domains, formats or
 * flags; -EINVAL when @parent is another driver's or is nested itself, when the
 * driver's rules about @blob are broken, or for a driver that made something
 * else, with one line in the log; -EFAULT when @blob was not readable; -ENOMEM.
 */
struct iommu_domain *iommu_device_alloc_user(struct device *dev,
					     struct iommu_domain *parent,
					     u32 flags,
					     const struct iommu_user_blob *blob)
{
	const struct iommu_ops *ops;
	struct iommu_domain *domain;
	int err;

	err = iommu_device_takes_user_data(dev);
	if (err)
		return ERR_PTR(err);
	ops = dev_iommu_ops(dev);
	if (parent && (parent->owner != ops ||
		       parent->type != IOMMU_DOMAIN_UNMANAGED))
		return ERR_PTR(-EINVAL);

	domain = ops->ext->alloc_user(dev, parent, flags, blob);
	domain = iommu_domain_take_new(domain, ops, parent ?
				       IOMMU_DOMAIN_NESTED :
				       IOMMU_DOMAIN_UNMANAGED);
	if (!IS_ERR(domain))
		domain->nested_in = parent;
	return domain;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_alloc_user, IOMMUFD_INTERNAL);

/**
 * iommu_device_alloc_sva() - make a domain for the page tables of a process
 * @dev: device
 * @mm: address space that the caller is a user of (mm_users)
 *
 * Context: may sleep, takes mmap_lock of @mm.
 * Return: domain for iommu_domain_free(), or ERR_PTR(): -EINVAL for a driver that made
 * something else, with one line in the log; the driver's error.
 */
struct iommu_domain *iommu_device_alloc_sva(struct device *dev,
					    struct mm_struct *mm)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);

	return iommu_domain_take_new(ops->ext->alloc_sva(dev, mm), ops,
				     IOMMU_DOMAIN_SVA);
}

/**
 * iommu_device_has_feature() - what a driver with entries for SVA and faults offers
 * @dev: device
 * @feat: feature of 6.1, which drivers of devices enable
 *
 * The core enables it at the time of use.
 *
 * Context: @dev must not leave its group.
 * Return: whether the IOMMU's driver has the entries.
 */
bool iommu_device_has_feature(struct device *dev, enum iommu_dev_features feat)
{
	const struct iommu_ops_ext *ext = NULL;

	if (iommu_device_usable(dev))
		ext = dev_iommu_ops(dev)->ext;
	if (!ext)
		return false;
	if (feat == IOMMU_DEV_FEAT_SVA)
		return ext->alloc_sva;
	return ext->enable_faults;
}

/**
 * iommu_device_hw_info() - describe the registers of a device's IOMMU
 * @dev: device
 * @type: in: description that is wanted, 0 for the driver's usual one; out: the
 *        one given, 0 when the driver gives none
 * @buf: %IOMMU_HW_INFO_MAX_BYTES bytes, all zero; filled with the description
 * @len: set to its length in bytes, at most that
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: 0; -EOPNOTSUPP when the driver has no description of this type.
 */
int iommu_device_hw_info(struct device *dev, u32 *type, void *buf, size_t *len)
{
	const struct iommu_ops_ext *ext = NULL;

	if (iommu_device_usable(dev))
		ext = dev_iommu_ops(dev)->ext;
	*len = 0;
	if (ext && ext->hw_info)
		return ext->hw_info(dev, type, buf, len);
	return *type ? -EOPNOTSUPP : 0;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_hw_info, IOMMUFD_INTERNAL);

/**
 * iommu_device_alloc_blocking() - find a domain that stops the DMA of a device
 * @dev: device
 *
 * Best is the driver's static one, which cannot fail to attach; then one of
 * type BLOCKED; an empty paging domain does for all other drivers.
 *
 * Context: may sleep.
 * Return: domain for iommu_domain_free(), or ERR_PTR(-EINVAL).
 */
struct iommu_domain *iommu_device_alloc_blocking(struct device *dev)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);
	struct iommu_domain *domain;

	if (ops->ext && ops->ext->blocked_domain)
		return ops->ext->blocked_domain;

	domain = alloc_by_type(ops, IOMMU_DOMAIN_BLOCKED);
	if (!domain)
		domain = alloc_by_type(ops, IOMMU_DOMAIN_UNMANAGED);
	return domain ?: ERR_PTR(-EINVAL);
}

/**
 * iommu_device_fits_domain() - tell whether a device can be put on a domain
 * @dev: device
 * @domain: domain
 * @pasid: PASID of @dev, or %IOMMU_NO_PASID for its requester ID
 *
 * Has no side effect, so it may be asked about domains that other devices use.
 * A driver that cannot tell says yes, and the attach has the last word.
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: 0; -EINVAL when they do not fit; -ENODEV when no driver serves @dev.
 */
int iommu_device_fits_domain(struct device *dev, struct iommu_domain *domain,
			     ioasid_t pasid)
{
	if (!iommu_device_usable(dev))
		return -ENODEV;
	if (domain->owner && domain->owner != dev_iommu_ops(dev))
		return -EINVAL;
	if (!domain->ops->device_fits)
		return 0;
	return domain->ops->device_fits(domain, dev, pasid);
}
EXPORT_SYMBOL_NS_GPL(iommu_device_fits_domain, IOMMUFD_INTERNAL);

static int is_same_id(struct pci_dev *pdev, u16 id, void *wanted)
{
	return id == *(u16 *)wanted;
}

static int is_id_of(struct pci_dev *pdev, u16 id, void *other)
{
	return pci_for_each_dma_alias(other, is_same_id, &id);
}

/**
 * iommu_devices_share_id() - can two devices make requests under one ID?
 * @dev: device
 * @other: another device, or @dev
 *
 * Behind a bridge to conventional PCI all devices use the ID of the bridge.
 *
 * Context: any; the devices do not change their places.
 * Return: whether some requester ID is used by both; false for one and the
 * same device.
 */
bool iommu_devices_share_id(struct device *dev, struct device *other)
{
	struct pci_dev *a, *b;

	if (dev == other || !dev_is_pci(dev) || !dev_is_pci(other))
		return false;
	a = to_pci_dev(dev);
	b = to_pci_dev(other);
	return pci_domain_nr(a->bus) == pci_domain_nr(b->bus) &&
	       pci_for_each_dma_alias(a, is_id_of, b);
}

/**
 * iommu_device_shares_id() - does the IOMMU confuse a device with one of its group?
 * @group: group of @dev
 * @dev: device
 *
 * The IOMMU can block such a device, or give it a PASID, only together with the other.
 *
 * Context: &struct iommu_group.mutex is held.
 * Return: whether another device of the group makes requests under the same ID.
 */
bool iommu_device_shares_id(struct iommu_group *group, struct device *dev)
{
	struct group_device *member;

	list_for_each_entry(member, &group->devices, list)
		if (iommu_devices_share_id(member->dev, dev))
			return true;
	return false;
}

#ifdef CONFIG_IRQ_DOMAIN_HIERARCHY
/* The device's interrupt controller checks the sender of a message */
static bool controller_isolates_msi(struct device *dev)
{
	struct irq_domain *irqs = dev_get_msi_domain(dev);

	return irqs && irq_domain_hierarchical_is_msi_remap(irqs);
}
#else
static bool controller_isolates_msi(struct device *dev)
{
	return false;
}
#endif

static int device_isolates_msi(struct device *dev, void *unused)
{
	if (controller_isolates_msi(dev) ||
	    device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP))
		return 0;
	return -EPERM;
}

/**
 * iommu_device_has_isolated_msi() - tell whether interrupts are kept apart
 * @dev: device that is to be given to user space
 *
 * A message-signalled interrupt is a memory write, which any device can issue.
 * Devices of one group can make each other issue it, so all of them are asked.
 *
 * Context: takes &struct iommu_group.mutex; may sleep.
 * Return: true when no device of the group can raise interrupts that are not
 * its own.
 */
bool iommu_device_has_isolated_msi(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	bool isolated;

	if (!group)
		return false;
	isolated = !iommu_group_for_each_dev(group, NULL, device_isolates_msi);
	iommu_group_put(group);
	return isolated;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_has_isolated_msi, IOMMUFD_INTERNAL);

/**
 * iommu_device_get_resv_regions() - list the reserved regions of one device
 * @dev: device
 * @list: empty list; regions are added for iommu_put_resv_regions()
 *
 * A driver that cannot allocate a region leaves it out, and its get_resv_regions()
 * cannot report that. A user that does not know of a region may map over it, so a
 * missing region is an error here.
 *
 * Context: may sleep. @dev must not leave its group.
 * Return: 0; -ENODEV when no driver serves @dev; -ENOMEM when the list may not
 * be complete, with @list empty.
 */
int iommu_device_get_resv_regions(struct device *dev, struct list_head *list)
{
	unsigned long before;

	if (!iommu_device_usable(dev))
		return -ENODEV;

	/* Regions that other callers miss count too: a false error is harmless */
	before = atomic_long_read(&iommu_resv_regions_missed);
	iommu_get_resv_regions(dev, list);
	if (atomic_long_read(&iommu_resv_regions_missed) == before)
		return 0;

	iommu_put_resv_regions(dev, list);
	INIT_LIST_HEAD(list);
	return -ENOMEM;
}
EXPORT_SYMBOL_NS_GPL(iommu_device_get_resv_regions, IOMMUFD_INTERNAL);
