// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers that let devices use the page tables of processes: see fake_sva.h.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/property.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "../iommu-attach.h"
#include "../iommu-group.h"
#include "../iommu-sva-lib.h"
#include "../iommu-sva.h"
#include "fake_ext.h"
#include "fake_process.h"
#include "fake_sva.h"

struct fake_sva fake_sva;

static DECLARE_IOASID_SET(probed_pasids);

/* The answer of an entry of the driver */
static int step(enum sva_step step)
{
	fake_sva.calls[step]++;
	return fake_sva.fails[step];
}

/* The process has ended: PASIDs stay blocked on the domain */
static bool has_exited(struct iommu_domain *domain)
{
	return domain->type == IOMMU_DOMAIN_SVA && to_sva_domain(domain)->exited;
}

static void note_offences(unsigned int i, ioasid_t pasid, struct iommu_domain *old)
{
	lockdep_assert_held(&fake_sva.lock);
	if (fake.devs[i]->gone || !pasid || pasid >= SVA_NR_PASIDS)
		fake.offences++;
	else if (fake_sva.hw[i][pasid] != old && !fake_sva.unsure[i][pasid] &&
		 !(old && has_exited(old)))
		fake.offences++;
}

static bool fits(struct iommu_domain *domain, struct device *dev)
{
	return !(to_fake_domain(domain)->needs & ~to_fake_dev(dev)->iommu->features);
}

/* A process is on its own PASID alone, and not before its requests are reported */
static void note_sva_offences(struct iommu_domain *domain, unsigned int i,
			      ioasid_t pasid)
{
	struct fake_sva_domain *sdom = to_sva_domain(domain);

	if (mm_get_pasid(sdom->mm) != pasid || sdom->fdom.freed ||
	    !fake_sva.enabled[i])
		fake.offences++;
}

static int set_pasid_locked(struct iommu_domain *domain, struct device *dev,
			    ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int i = fake_index(dev);
	int err = step(SVA_SET);

	note_offences(i, pasid, old);
	if (!fits(domain, dev)) {
		/* The core takes it off what it never was on */
		fake_sva.unsure[i][pasid] = true;
		return -EINVAL;
	}
	if (err) {
		fake_sva.unsure[i][pasid] = true;
		if (fake_sva.failure == FAKE_FAIL_CLEARS)
			fake_sva.hw[i][pasid] = NULL;
		else if (fake_sva.failure == FAKE_FAIL_MOVES)
			fake_sva.hw[i][pasid] = domain;
		return err;
	}
	if (domain->type == IOMMU_DOMAIN_SVA)
		note_sva_offences(domain, i, pasid);
	fake_sva.unsure[i][pasid] = false;
	fake_sva.hw[i][pasid] = has_exited(domain) ? NULL : domain;
	return 0;
}

static int set_pasid(struct iommu_domain *domain, struct device *dev,
		     ioasid_t pasid, struct iommu_domain *old)
{
	int err;

	spin_lock(&fake_sva.lock);
	err = set_pasid_locked(domain, dev, pasid, old);
	spin_unlock(&fake_sva.lock);
	return err;
}

static int block_pasid(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int i = fake_index(dev);

	spin_lock(&fake_sva.lock);
	note_offences(i, pasid, old);
	fake_sva.unsure[i][pasid] = false;
	fake_sva.hw[i][pasid] = NULL;
	spin_unlock(&fake_sva.lock);
	return 0;
}

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev	= fake_attach_blocked,
	.set_dev_pasid	= block_pasid,
};

static struct iommu_domain static_blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &blocked_ops,
};

static int device_fits(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid)
{
	return fits(domain, dev) ? 0 : -EINVAL;
}

static const struct iommu_domain_ops paging_ops = {
	.attach_dev	= fake_attach_dev,
	.set_dev_pasid	= set_pasid,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

/* The process has ended: its page tables are about to go */
static void notify_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct fake_sva_domain *sdom = container_of(notifier, struct fake_sva_domain,
						    notifier);
	unsigned int i, pasid;

	spin_lock(&fake_sva.lock);
	for (i = 0; i < fake.nr_devs; i++)
		for (pasid = 0; pasid < SVA_NR_PASIDS; pasid++)
			if (fake_sva.hw[i][pasid] == &sdom->fdom.domain)
				fake_sva.hw[i][pasid] = NULL;
	sdom->exited = true;
	spin_unlock(&fake_sva.lock);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = notify_release,
};

static bool is_walked(struct iommu_domain *domain)
{
	unsigned int i, pasid;

	for (i = 0; i < fake.nr_devs; i++)
		for (pasid = 0; pasid < SVA_NR_PASIDS; pasid++)
			if (fake_sva.hw[i][pasid] == domain)
				return true;
	return false;
}

static void free_sva(struct iommu_domain *domain)
{
	struct fake_sva_domain *sdom = to_sva_domain(domain);

	spin_lock(&fake_sva.lock);
	if (is_walked(domain))
		fake.offences++;
	spin_unlock(&fake_sva.lock);
	mmu_notifier_unregister(&sdom->notifier, sdom->mm);
	spin_lock(&fake_sva.lock);
	fake_free(domain);
	spin_unlock(&fake_sva.lock);
}

static const struct iommu_domain_ops sva_ops = {
	.device_fits	= device_fits,
	.set_dev_pasid	= set_pasid,
	.free		= free_sva,
};

static const struct iommu_domain_ops sva_ops_that_cannot_tell = {
	.set_dev_pasid	= set_pasid,
	.free		= free_sva,
};

static const struct iommu_domain_ops sva_ops_without_pasids = {
	.device_fits	= device_fits,
	.free		= free_sva,
};

static const struct iommu_domain_ops *choose_sva_ops(void)
{
	if (fake_sva.defect == SVA_WITHOUT_PASIDS)
		return &sva_ops_without_pasids;
	return fake_sva.cannot_tell ? &sva_ops_that_cannot_tell : &sva_ops;
}

static struct iommu_domain *alloc_sva(struct device *dev, struct mm_struct *mm)
{
	struct fake_sva_domain *sdom;
	int err;

	spin_lock(&fake_sva.lock);
	err = step(SVA_ALLOC);
	spin_unlock(&fake_sva.lock);
	if (err)
		return ERR_PTR(err);
	if (fake_sva.defect == SVA_NULL)
		return NULL;
	sdom = kzalloc(sizeof(*sdom), GFP_KERNEL);
	if (!sdom)
		return ERR_PTR(-ENOMEM);
	sdom->fdom.domain.type = fake_sva.defect == SVA_WRONG_TYPE ?
				 IOMMU_DOMAIN_UNMANAGED : IOMMU_DOMAIN_SVA;
	sdom->fdom.domain.ops = choose_sva_ops();
	sdom->fdom.needs = to_fake_dev(dev)->iommu->features;
	sdom->mm = mm;
	sdom->notifier.ops = &notifier_ops;
	err = mmu_notifier_register(&sdom->notifier, mm);
	if (err) {
		kfree(sdom);
		return ERR_PTR(err);
	}
	spin_lock(&fake_sva.lock);
	list_add_tail(&sdom->fdom.all, &fake.domains);
	spin_unlock(&fake_sva.lock);
	return &sdom->fdom.domain;
}

static int enable_faults(struct device *dev)
{
	int err;

	spin_lock(&fake_sva.lock);
	err = step(SVA_ENABLE);
	spin_unlock(&fake_sva.lock);
	if (!err)
		err = iopf_queue_add_device(fake_sva.queue, dev, SVA_NR_REQUESTS);
	if (!err)
		fake_sva.enabled[fake_index(dev)] = true;
	return err;
}

static void disable_faults(struct device *dev)
{
	if (iopf_queue_remove_device(fake_sva.queue, dev))
		fake.offences++;
	fake_sva.enabled[fake_index(dev)] = false;
}

/* The task that reports has nothing left from before */
static void drain_faults(struct device *dev)
{
	unsigned int i = fake_index(dev);

	mutex_lock(&fake_sva.reader[i]);
	mutex_unlock(&fake_sva.reader[i]);
}

static int page_response(struct device *dev, struct iommu_fault_event *event,
			 struct iommu_page_response *response)
{
	unsigned int i = fake_index(dev);
	struct fake_answer *answer = &fake_sva.answers[i][response->grpid];

	spin_lock(&fake_sva.lock);
	if (answer->expected)
		answer->expected--;
	else if (fake_sva.strict)
		fake.offences++;
	answer->nr++;
	answer->code = response->code;
	answer->pasid = response->pasid;
	fake_sva.nr_answers[i]++;
	spin_unlock(&fake_sva.lock);
	wake_up_all(&fake_sva.answered);
	return 0;
}

static struct iommu_group *device_group(struct device *dev)
{
	if (to_fake_dev(dev)->iommu == &fake.iommus[1])
		return iommu_group_ref_get(fake_sva.second);
	return iommu_group_ref_get(fake.group);
}

#define SVA_DRIVER \
	.domain_alloc		= fake_domain_alloc, \
	.probe_device		= fake_probe_device, \
	.release_device		= fake_release_device, \
	.device_group		= device_group, \
	.def_domain_type	= fake_def_domain_type, \
	.default_domain_ops	= &paging_ops, \
	.page_response		= page_response, \
	.pgsize_bitmap		= SZ_4K

static const struct iommu_ops_ext sva_ext = {
	.alloc_paging	= fake_alloc_paging,
	.alloc_sva	= alloc_sva,
	.enable_faults	= enable_faults,
	.disable_faults	= disable_faults,
	.drain_faults	= drain_faults,
	.blocked_domain	= &static_blocked,
};

const struct iommu_ops fake_sva_ops = {
	SVA_DRIVER,
	.ext		= &sva_ext,
};

static const struct iommu_ops_ext plain_ext = {
	.alloc_paging	= fake_alloc_paging,
	.blocked_domain	= &static_blocked,
};

const struct iommu_ops fake_no_sva_ops = {
	SVA_DRIVER,
	.ext		= &plain_ext,
};

/**
 * struct fake_bond - what sva_bind() makes
 * @sva: what the core sees
 * @pasid: PASID of the process
 */
struct fake_bond {
	struct iommu_sva sva;
	ioasid_t pasid;
};

/* As drivers of 6.1 do it: within the group's mutex, and taking the mmap_lock */
static struct iommu_sva *sva_bind(struct device *dev, struct mm_struct *mm,
				  void *drvdata)
{
	unsigned int i = fake_index(dev);
	struct fake_bond *bond;
	int err = step(SVA_BIND);

	lockdep_assert_held(&dev->iommu_group->mutex);
	if (!err)
		err = iommu_sva_alloc_pasid(mm, 1, SVA_NR_PASIDS - 1);
	if (err)
		return ERR_PTR(err);
	bond = kzalloc(sizeof(*bond), GFP_KERNEL);
	if (!bond)
		return ERR_PTR(-ENOMEM);
	bond->sva.dev = dev;
	bond->pasid = mm_get_pasid(mm);
	mmap_write_lock(mm);
	if (fake_sva.bound[i][bond->pasid])
		fake.offences++;
	fake_sva.bound[i][bond->pasid] = mm;
	mmap_write_unlock(mm);
	return &bond->sva;
}

static void sva_unbind(struct iommu_sva *sva)
{
	struct fake_bond *bond = container_of(sva, struct fake_bond, sva);

	lockdep_assert_held(&sva->dev->iommu_group->mutex);
	fake_sva.unbinds++;
	fake_sva.bound[fake_index(sva->dev)][bond->pasid] = NULL;
	kfree(bond);
}

static int enable_feat(struct device *dev, enum iommu_dev_features feat)
{
	return feat == IOMMU_DEV_FEAT_IOPF ? enable_faults(dev) : 0;
}

static int disable_feat(struct device *dev, enum iommu_dev_features feat)
{
	if (feat == IOMMU_DEV_FEAT_IOPF)
		disable_faults(dev);
	return 0;
}

#define BIND_DRIVER \
	SVA_DRIVER, \
	.dev_enable_feat	= enable_feat, \
	.dev_disable_feat	= disable_feat, \
	.sva_bind		= sva_bind, \
	.sva_unbind		= sva_unbind

const struct iommu_ops fake_bind_ops = {
	BIND_DRIVER,
	.ext		= &plain_ext,
};

const struct iommu_ops fake_bind_only_ops = {
	BIND_DRIVER,
};

static const struct property_entry wide_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", SVA_WIDE_BITS),
	{ }
};

static const struct property_entry narrow_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", SVA_NARROW_BITS),
	{ }
};

const struct software_node fake_sva_wide = { .properties = wide_properties };
const struct software_node fake_sva_narrow = { .properties = narrow_properties };

/* A device behind one of the two IOMMUs, with a native driver that is bound to it */
void fake_sva_add_device(struct kunit *test, unsigned int iommu,
			 const struct software_node *node)
{
	struct fake_dev *fdev = fake_dev_make(test, &fake.iommus[iommu]);

	if (node)
		KUNIT_ASSERT_EQ(test, 0,
				device_add_software_node(&fdev->pci.dev, node));
	KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fdev));
}

void fake_sva_begin(struct kunit *test, const struct iommu_ops *ops)
{
	unsigned int i;

	memset(&fake_sva, 0, sizeof(fake_sva));
	spin_lock_init(&fake_sva.lock);
	init_waitqueue_head(&fake_sva.answered);
	for (i = 0; i < FAKE_MAX_DEVICES; i++)
		mutex_init(&fake_sva.reader[i]);
	fake_world_init(test, ops, 0);
	for (i = 0; i < ARRAY_SIZE(fake.iommus); i++)
		fake.iommus[i].iommu.max_pasids = BIT(SVA_WIDE_BITS);
	fake_sva.second = iommu_group_alloc();
	KUNIT_ASSERT_FALSE(test, IS_ERR(fake_sva.second));
	fake_sva.queue = iopf_queue_alloc("fake");
	KUNIT_ASSERT_NOT_NULL(test, fake_sva.queue);
	fake_processes_init(test);
	fake_sva_add_device(test, 0, &fake_sva_wide);
	fake_sva_add_device(test, 1, &fake_sva_wide);
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, 0,
				iommu_device_use_default_domain(fake_device(i)));
}

/* No process is bound anywhere */
void fake_sva_expect_idle(struct kunit *test)
{
	unsigned int i, pasid;

	KUNIT_EXPECT_EQ(test, 0, fake_sva_live_domains());
	for (i = 0; i < fake.nr_devs; i++) {
		KUNIT_EXPECT_FALSE(test, fake_sva.enabled[i]);
		for (pasid = 0; pasid < SVA_NR_PASIDS; pasid++) {
			KUNIT_EXPECT_NULL(test, fake_sva.hw[i][pasid]);
			KUNIT_EXPECT_NULL(test, fake_sva.bound[i][pasid]);
		}
	}
	KUNIT_EXPECT_FALSE(test, iommu_group_has_pasids(fake.group));
	KUNIT_EXPECT_FALSE(test, iommu_group_has_pasids(fake_sva.second));
	KUNIT_EXPECT_EQ(test, 0, fake.group->nr_fault_handles);
	KUNIT_EXPECT_EQ(test, 0, fake_sva.second->nr_fault_handles);
}

void fake_sva_end(struct kunit *test)
{
	unsigned int i;

	fake_sva_expect_idle(test);
	for (i = 0; i < fake.nr_devs; i++)
		device_remove_software_node(fake_device(i));
	for (i = 0; i < 2; i++)
		iommu_device_unuse_default_domain(fake_device(i));
	/* Its domain is the fake world's, too: it goes with its device */
	iommu_group_put(fake_sva.second);
	fake_world_exit(test);
	iopf_queue_free(fake_sva.queue);
	fake_processes_exit();
}

/* Domains for processes that have not been freed */
unsigned int fake_sva_live_domains(void)
{
	struct fake_domain *fdom;
	unsigned int nr = 0;

	spin_lock(&fake_sva.lock);
	list_for_each_entry(fdom, &fake.domains, all)
		if (fdom->domain.ops && fdom->domain.ops->free == free_sva &&
		    !fdom->freed)
			nr++;
	spin_unlock(&fake_sva.lock);
	return nr;
}

/* PASIDs that a device could still use for other processes */
unsigned int fake_sva_free_pasids(unsigned int dev)
{
	unsigned int bits = iommu_device_pasid_bits(fake_device(dev));
	ioasid_t pasids[SVA_NR_PASIDS], last;
	unsigned int i, nr = 0;

	last = BIT(bits ?: SVA_WIDE_BITS) - 1;
	while (nr < last) {
		pasids[nr] = ioasid_alloc(&probed_pasids, 1, last, NULL);
		if (!pasid_valid(pasids[nr]))
			break;
		nr++;
	}
	for (i = 0; i < nr; i++)
		ioasid_free(pasids[i]);
	return nr;
}

/* As the task does that reads the hardware's queue */
int fake_sva_report(unsigned int dev, ioasid_t pasid, unsigned long addr,
		    u32 perm, u32 group, bool last)
{
	struct iommu_fault_event event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.flags = IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
				 IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID,
			.pasid = pasid,
			.grpid = group,
			.perm = perm,
			.addr = addr,
		},
	};
	int err;

	if (last)
		event.fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	mutex_lock(&fake_sva.reader[dev]);
	err = iommu_report_device_fault(fake_device(dev), &event);
	mutex_unlock(&fake_sva.reader[dev]);
	return err;
}

/* Binds a process; the test ends if that is refused */
struct iommu_sva *fake_sva_bind(struct kunit *test, unsigned int dev,
				struct mm_struct *mm)
{
	struct iommu_sva *bond = iommu_sva_bind(fake_device(dev), mm, NULL);

	KUNIT_ASSERT_EQ(test, 0, PTR_ERR_OR_ZERO(bond));
	return bond;
}

/* What processors and threads of the kernel hold of processes that have ended goes */
bool fake_sva_pasids_become_free(unsigned int nr)
{
	unsigned long end = jiffies + FAKE_FOREVER;

	while (fake_sva_free_pasids(0) != nr) {
		if (time_after(jiffies, end))
			return false;
		fake_process_drop_lazy();
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

/* Ends a process that has a PASID and no bonds */
void fake_sva_end_process(struct kunit *test, struct mm_struct *mm)
{
	unsigned int nr = fake_sva_free_pasids(0);

	mmput(mm);
	KUNIT_EXPECT_TRUE(test, fake_sva_pasids_become_free(nr + 1));
}

/* A domain that PASIDs can be on without a process */
struct iommu_domain *fake_sva_new_domain(struct kunit *test)
{
	struct iommu_domain *domain;
	bool complete;

	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	return domain;
}
