// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared virtual addresses: devices that use the page tables of a process.
 *
 * A process has one PASID, which is the same on all devices, and a domain for each kind
 * of IOMMU that its devices are behind. A bond is the use of a process by one device:
 *
 *     mm_struct --> iommu_mm: PASID
 *                      |  domains --> sva_domain --> iommu_domain (driver)
 *                      |                  ^
 *                      +- bonds ----> iommu_bond --> device: PASID is on the domain
 *
 * The structure and the PASID last until the last reference to the mm_struct is gone,
 * since threads keep the PASID in a register. Domains last as long as a bond uses them.
 * Each bond has a reference to the mm_struct.
 *
 * Drivers that bind processes in a way of their own (&struct iommu_ops.sva_bind) have no
 * domains. Their bonds reserve the PASID, so that page requests reach the process.
 *
 * Locks, from the outside in: iommu_mm.lock, then what an attach takes. Page requests
 * are handled without any of them.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iommu-attach.h"
#include "iommu-group.h"
#include "iommu-sva-lib.h"
#include "iommu-sva.h"
#include "iopf-pool.h"

/**
 * struct iommu_mm - what the IOMMU core knows of a process
 * @mm: the process
 * @pasid: its PASID, or %INVALID_IOASID; written once
 * @lock: protects the lists; held while bonds are made and ended
 * @domains: domains for it, by &struct sva_domain.entry
 * @bonds: devices that use it, by &struct iommu_bond.entry
 */
struct iommu_mm {
	struct mm_struct *mm;
	ioasid_t pasid;
	struct mutex lock;
	struct list_head domains;
	struct list_head bonds;
};

/**
 * struct sva_domain - a domain for a process
 * @entry: entry of &struct iommu_mm.domains
 * @domain: the domain
 * @nr_bonds: bonds that use it
 */
struct sva_domain {
	struct list_head entry;
	struct iommu_domain *domain;
	unsigned int nr_bonds;
};

/**
 * struct iommu_bond - the use of a process by a device
 * @sva: what the driver of the device knows of it
 * @handle: of the PASID; gets its page requests
 * @group: group of the device when the bond was made; a reference is held
 * @imm: process
 * @sdom: domain that the PASID is on, or NULL
 * @driver: bond of the IOMMU's driver, if that has no domains, or NULL
 * @entry: entry of &struct iommu_mm.bonds
 * @users: binds without an unbind
 */
struct iommu_bond {
	struct iommu_sva sva;
	struct iommu_attach_handle handle;
	struct iommu_group *group;
	struct iommu_mm *imm;
	struct sva_domain *sdom;
	struct iommu_sva *driver;
	struct list_head entry;
	unsigned int users;
};

/* Protects the making of structures, and the choice of their PASIDs */
static DEFINE_MUTEX(sva_lock);
static DECLARE_IOASID_SET(sva_pasids);

/* Find the structure of a process, and make it the first time. Readers take no lock */
static struct iommu_mm *make_imm(struct mm_struct *mm)
{
	struct iommu_mm *imm = mm->iommu_mm;

	lockdep_assert_held(&sva_lock);
	if (imm)
		return imm;
	imm = kzalloc(sizeof(*imm), GFP_KERNEL_ACCOUNT);
	if (!imm)
		return NULL;
	imm->mm = mm;
	imm->pasid = INVALID_IOASID;
	mutex_init(&imm->lock);
	INIT_LIST_HEAD(&imm->domains);
	INIT_LIST_HEAD(&imm->bonds);
	/* Pairs with get_imm() */
	smp_store_release(&mm->iommu_mm, imm);
	return imm;
}

static struct iommu_mm *get_imm(struct mm_struct *mm)
{
	/* Pairs with make_imm() */
	return smp_load_acquire(&mm->iommu_mm);
}

/* A process has one PASID for all devices: @max is the widest of this one */
static int choose_pasid(struct iommu_mm *imm, ioasid_t min, ioasid_t max)
{
	ioasid_t pasid;

	lockdep_assert_held(&sva_lock);
	if (pasid_valid(imm->pasid))
		return imm->pasid < min || imm->pasid > max ? -EOVERFLOW : 0;
	pasid = ioasid_alloc(&sva_pasids, min, max, NULL);
	if (!pasid_valid(pasid))
		return -ENOSPC;
	WRITE_ONCE(imm->pasid, pasid);
	return 0;
}

/**
 * iommu_sva_alloc_pasid() - give a process a PASID
 * @mm: address space that the caller is a user of (mm_users)
 * @min: smallest PASID that will do
 * @max: largest, inclusive
 *
 * For drivers with sva_bind(). The PASID is that of the process until its end:
 * mm_get_pasid() answers it.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for an impossible range; -EOVERFLOW when the process has a PASID
 * outside of it; -ENOMEM, also when all PASIDs of the range are in use.
 */
int iommu_sva_alloc_pasid(struct mm_struct *mm, ioasid_t min, ioasid_t max)
{
	struct iommu_mm *imm;
	int err = -ENOMEM;

	if (!pasid_valid(min) || !pasid_valid(max) || !min || max < min)
		return -EINVAL;
	mutex_lock(&sva_lock);
	imm = make_imm(mm);
	if (imm)
		err = choose_pasid(imm, min, max);
	mutex_unlock(&sva_lock);
	return err == -ENOSPC ? -ENOMEM : err;
}
EXPORT_SYMBOL_GPL(iommu_sva_alloc_pasid);

/**
 * mm_get_pasid() - the PASID of a process
 * @mm: process
 *
 * Context: any, also with interrupts off. @mm cannot go away.
 * Return: the PASID, which the process keeps until its end, or %INVALID_IOASID.
 */
u32 mm_get_pasid(struct mm_struct *mm)
{
	struct iommu_mm *imm = get_imm(mm);

	return imm ? READ_ONCE(imm->pasid) : INVALID_IOASID;
}
EXPORT_SYMBOL_GPL(mm_get_pasid);

/**
 * mm_pasid_drop() - a process has ended
 * @mm: process without any reference left
 *
 * Context: does not sleep.
 */
void mm_pasid_drop(struct mm_struct *mm)
{
	struct iommu_mm *imm = mm->iommu_mm;

	if (!imm)
		return;
	if (pasid_valid(imm->pasid))
		ioasid_free(imm->pasid);
	kfree(imm);
	mm->iommu_mm = NULL;
}

/* Whether the process may access a page as the device has asked, and now has it */
static bool handle_fault(struct mm_struct *mm,
			 const struct iommu_fault_page_request *req)
{
	unsigned int flags = FAULT_FLAG_REMOTE;
	struct vm_area_struct *vma;
	unsigned long need = 0;

	if (req->perm & IOMMU_FAULT_PERM_READ)
		need |= VM_READ;
	if (req->perm & IOMMU_FAULT_PERM_WRITE) {
		need |= VM_WRITE;
		flags |= FAULT_FLAG_WRITE;
	}
	if (req->perm & IOMMU_FAULT_PERM_EXEC) {
		need |= VM_EXEC;
		flags |= FAULT_FLAG_INSTRUCTION;
	}
	if (!(req->perm & IOMMU_FAULT_PERM_PRIV))
		flags |= FAULT_FLAG_USER;

	vma = vma_lookup(mm, req->addr);
	if (!vma || need & ~vma->vm_flags)
		return false;
	return !(handle_mm_fault(vma, req->addr, flags, NULL) & VM_FAULT_ERROR);
}

/* The first request that cannot be served makes all of the group invalid */
static bool handle_faults(struct mm_struct *mm, struct iopf_group *group)
{
	struct iopf_fault *fault;
	bool done = true;

	/* A process that has ended is not brought back */
	if (!mmget_not_zero(mm))
		return false;
	list_for_each_entry(fault, &group->faults, list) {
		mmap_read_lock(mm);
		done = handle_fault(mm, &fault->req);
		mmap_read_unlock(mm);
		if (!done)
			break;
	}
	/* The end of the process may have to wait for this task: not here */
	mmput_async(mm);
	return done;
}

static void handle_group(struct work_struct *work)
{
	struct iopf_group *group = container_of(work, struct iopf_group, work);
	struct iommu_bond *bond = container_of(group->handle, struct iommu_bond,
					       handle);
	bool done;

	iopf_work_begin();
	done = handle_faults(bond->imm->mm, group);
	iopf_work_end();
	iopf_group_answer(group, done ? IOMMU_PAGE_RESP_SUCCESS :
					IOMMU_PAGE_RESP_INVALID);
}

static int deliver(struct iommu_attach_handle *handle, struct iopf_group *group)
{
	INIT_WORK(&group->work, handle_group);
	iopf_group_queue_work(group);
	return 0;
}

static const struct iommu_fault_ops sva_fault_ops = {
	.deliver = deliver,
};

static int attach(struct iommu_bond *bond, struct sva_domain *sdom)
{
	int err;

	err = iommu_attach_device_pasid(sdom->domain, bond->sva.dev,
					bond->imm->pasid, &bond->handle);
	if (err)
		return err;
	sdom->nr_bonds++;
	bond->sdom = sdom;
	return 0;
}

static struct sva_domain *make_domain(struct iommu_mm *imm, struct device *dev)
{
	struct sva_domain *sdom;
	int err;

	sdom = kzalloc(sizeof(*sdom), GFP_KERNEL_ACCOUNT);
	if (!sdom)
		return ERR_PTR(-ENOMEM);
	sdom->domain = iommu_device_alloc_sva(dev, imm->mm);
	if (IS_ERR(sdom->domain)) {
		err = PTR_ERR(sdom->domain);
		kfree(sdom);
		return ERR_PTR(err);
	}
	return sdom;
}

static void free_domain(struct sva_domain *sdom)
{
	iommu_domain_free(sdom->domain);
	kfree(sdom);
}

/* Use a domain that the process has, or one more if the device fits none */
static int bind_domain(struct iommu_bond *bond)
{
	struct iommu_mm *imm = bond->imm;
	struct sva_domain *sdom;
	int err;

	list_for_each_entry(sdom, &imm->domains, entry) {
		err = attach(bond, sdom);
		/* Also the answer of drivers that are not asked before */
		if (err != -EINVAL)
			return err;
	}
	sdom = make_domain(imm, bond->sva.dev);
	if (IS_ERR(sdom))
		return PTR_ERR(sdom);
	err = attach(bond, sdom);
	if (err)
		free_domain(sdom);
	else
		list_add_tail(&sdom->entry, &imm->domains);
	return err;
}

static void unbind_domain(struct iommu_bond *bond)
{
	struct sva_domain *sdom = bond->sdom;

	iommu_group_detach_pasid(bond->group, sdom->domain, bond->imm->pasid);
	if (--sdom->nr_bonds)
		return;
	list_del(&sdom->entry);
	free_domain(sdom);
}

static int bind_driver_locked(struct iommu_bond *bond, void *drvdata)
{
	const struct iommu_ops *ops = dev_iommu_ops(bond->sva.dev);
	int err;

	if (bond->group->owner)
		return -EPERM;
	if (iommu_group_device_count(bond->group) != 1)
		return -EINVAL;
	err = iommu_group_begin_driver_pasid(bond->group);
	if (err)
		return err;
	bond->driver = ops->sva_bind(bond->sva.dev, bond->imm->mm, drvdata);
	if (IS_ERR(bond->driver)) {
		err = PTR_ERR(bond->driver);
		goto err_cancel;
	}
	err = iommu_group_add_driver_pasid(bond->group, bond->imm->pasid,
					   &bond->handle);
	if (err)
		goto err_unbind;
	return 0;

err_unbind:
	ops->sva_unbind(bond->driver);
err_cancel:
	iommu_group_cancel_driver_pasid(bond->group);
	return err;
}

/*
 * Let the driver bind the process. It takes mmap_lock inside of the group's mutex.
 * Resets take mutexes of groups where VFIO's page faults wait, within mmap_lock: never
 * that of this group, see iommu-reset.c.
 */
static int bind_driver(struct iommu_bond *bond, void *drvdata)
{
	int err;

	mutex_lock_nested(&bond->group->mutex, SINGLE_DEPTH_NESTING);
	err = bind_driver_locked(bond, drvdata);
	mutex_unlock(&bond->group->mutex);
	return err;
}

static void unbind_driver(struct iommu_bond *bond)
{
	struct device *dev = bond->sva.dev;

	mutex_lock_nested(&bond->group->mutex, SINGLE_DEPTH_NESTING);
	/* A device that has left its IOMMU is its driver's no more, as in 6.1 */
	if (iommu_device_usable(dev))
		dev_iommu_ops(dev)->sva_unbind(bond->driver);
	mutex_unlock(&bond->group->mutex);
	iommu_group_remove_driver_pasid(bond->group, bond->imm->pasid);
}

static bool has_sva_domains(struct device *dev)
{
	return iommu_device_has_feature(dev, IOMMU_DEV_FEAT_SVA);
}

/* The process gets a PASID that the device has room for */
static int prepare_pasid(struct iommu_mm *imm, struct device *dev)
{
	unsigned int bits = iommu_device_pasid_bits(dev);
	int err;

	if (!bits)
		return -EOPNOTSUPP;
	mutex_lock(&sva_lock);
	err = choose_pasid(imm, IOMMU_NO_PASID + 1, BIT(bits) - 1);
	mutex_unlock(&sva_lock);
	return err;
}

/* @dev is the only device of its group: devices share no address space by accident */
static int bind_with_domains(struct iommu_bond *bond)
{
	int nr_devices, err;

	mutex_lock(&bond->group->mutex);
	nr_devices = iommu_group_device_count(bond->group);
	mutex_unlock(&bond->group->mutex);
	if (nr_devices != 1)
		return -EINVAL;
	err = prepare_pasid(bond->imm, bond->sva.dev);
	if (err)
		return err;
	return bind_domain(bond);
}

static void free_bond(struct iommu_bond *bond)
{
	iommu_group_put(bond->group);
	put_device(bond->sva.dev);
	mmdrop(bond->imm->mm);
	kfree(bond);
}

static struct iommu_bond *make_bond(struct iommu_mm *imm, struct device *dev,
				    void *drvdata)
{
	struct iommu_bond *bond;
	int err;

	bond = kzalloc(sizeof(*bond), GFP_KERNEL_ACCOUNT);
	if (!bond)
		return ERR_PTR(-ENOMEM);
	mmgrab(imm->mm);
	bond->imm = imm;
	bond->sva.dev = get_device(dev);
	bond->group = iommu_group_get(dev);
	bond->handle.faults = &sva_fault_ops;
	bond->users = 1;
	if (!bond->group)
		err = -ENODEV;
	else if (has_sva_domains(dev))
		err = bind_with_domains(bond);
	else
		err = bind_driver(bond, drvdata);
	if (err) {
		free_bond(bond);
		return ERR_PTR(err);
	}
	list_add(&bond->entry, &imm->bonds);
	return bond;
}

static struct iommu_bond *find_bond(struct iommu_mm *imm, struct device *dev)
{
	struct iommu_bond *bond;

	list_for_each_entry(bond, &imm->bonds, entry)
		if (bond->sva.dev == dev)
			return bond;
	return NULL;
}

/**
 * iommu_sva_bind() - as iommu_sva_bind_device(), also where that refuses
 * @dev: device with a driver
 * @mm: address space that the caller is a user of (mm_users)
 * @drvdata: for the IOMMU's driver, if that has an sva_bind()
 *
 * Context: as iommu_sva_bind_device().
 * Return: as iommu_sva_bind_device(), but for the refusal on x86.
 */
struct iommu_sva *iommu_sva_bind(struct device *dev, struct mm_struct *mm,
				 void *drvdata)
{
	struct iommu_bond *bond;
	struct iommu_mm *imm;

	mutex_lock(&sva_lock);
	imm = make_imm(mm);
	mutex_unlock(&sva_lock);
	if (!imm)
		return ERR_PTR(-ENOMEM);
	if (mutex_lock_killable(&imm->lock))
		return ERR_PTR(-EINTR);
	bond = find_bond(imm, dev);
	if (bond)
		bond->users++;
	else
		bond = make_bond(imm, dev, drvdata);
	mutex_unlock(&imm->lock);
	return IS_ERR(bond) ? ERR_CAST(bond) : &bond->sva;
}

/**
 * iommu_sva_bind_device() - let a device use the page tables of a process
 * @dev: device with a driver, the only one of its group
 * @mm: address space that the caller is a user of (mm_users)
 * @drvdata: for the IOMMU's driver, if that has an sva_bind()
 *
 * The device accesses the memory of @mm with the PASID that iommu_sva_get_pasid()
 * answers. A second bind of the same two is counted.
 *
 * Context: may sleep for as long as the mmap_lock of @mm is held. The caller holds
 * nothing that the handling of page faults waits for.
 * Return: the bond, for iommu_sva_unbind_device(), or ERR_PTR(): -EOPNOTSUPP on x86,
 * where the IOMMU could use page-table pages of the kernel that have been freed, or when
 * the device has no PASIDs; -ENODEV when the driver of the IOMMU has none; -EINVAL
 * without @mm, or when the group has more devices; -EOVERFLOW when the PASID of @mm is
 * too wide for @dev; -ENOSPC when all PASIDs of @dev are in use, or there is no memory for
 * a new one; -EPERM when user space owns the device or no driver is bound; -EBUSY when the
 * PASID is attached to something else, or the device is being reset; -EINTR when the
 * caller is killed, or has a signal pending; -ENOMEM; the driver's error.
 */
struct iommu_sva *iommu_sva_bind_device(struct device *dev, struct mm_struct *mm,
					void *drvdata)
{
	if (!iommu_device_usable(dev) ||
	    (!has_sva_domains(dev) && !dev_iommu_ops(dev)->sva_bind))
		return ERR_PTR(-ENODEV);
	if (IS_ENABLED(CONFIG_X86))
		return ERR_PTR(-EOPNOTSUPP);
	if (!mm)
		return ERR_PTR(-EINVAL);
	return iommu_sva_bind(dev, mm, drvdata);
}
EXPORT_SYMBOL_GPL(iommu_sva_bind_device);

/**
 * iommu_sva_unbind_device() - undo iommu_sva_bind_device()
 * @handle: bond
 *
 * When it was the last bind of the two, the PASID is blocked, and all its page requests
 * are answered when this returns. The device has to have stopped its use of the PASID.
 *
 * Context: may sleep for as long as a page fault can, so the caller holds nothing that the
 * handling of page faults waits for, such as the mmap_lock.
 */
void iommu_sva_unbind_device(struct iommu_sva *handle)
{
	struct iommu_bond *bond = container_of(handle, struct iommu_bond, sva);
	struct iommu_mm *imm = bond->imm;
	struct mm_struct *mm = imm->mm;
	bool last;

	/* The structure goes with the process, also while another task unbinds */
	mmgrab(mm);
	mutex_lock(&imm->lock);
	last = !--bond->users;
	if (last) {
		list_del(&bond->entry);
		if (bond->sdom)
			unbind_domain(bond);
		else
			unbind_driver(bond);
	}
	mutex_unlock(&imm->lock);
	if (last)
		free_bond(bond);
	mmdrop(mm);
}
EXPORT_SYMBOL_GPL(iommu_sva_unbind_device);

/**
 * iommu_sva_get_pasid() - the PASID that a device uses a process with
 * @handle: bond
 *
 * Context: any.
 * Return: the PASID.
 */
u32 iommu_sva_get_pasid(struct iommu_sva *handle)
{
	return container_of(handle, struct iommu_bond, sva)->imm->pasid;
}
EXPORT_SYMBOL_GPL(iommu_sva_get_pasid);
