// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that make page requests, behind the fake IOMMU: see fake_faults.h.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu-ext.h>
#include <linux/lockdep.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "../iommu-group.h"
#include "../iommu-sva-lib.h"
#include "fake_ext.h"
#include "fake_faults.h"

/**
 * struct fake_waiting - a group that a device waits for an answer to
 * @list: entry of &struct fake_faults.waiting
 * @dev: index of the device
 * @req: the last request
 */
struct fake_waiting {
	struct list_head list;
	unsigned int dev;
	struct iommu_fault_page_request req;
};

struct fake_faults faults;

static struct iommu_dma_owner owner;

/* The device side */

static void wait_for_answer(unsigned int dev,
			    const struct iommu_fault_page_request *req)
{
	struct fake_waiting *wait = kzalloc(sizeof(*wait), GFP_KERNEL);

	if (!wait)
		return;
	wait->dev = dev;
	wait->req = *req;
	spin_lock(&faults.lock);
	list_add_tail(&wait->list, &faults.waiting);
	spin_unlock(&faults.lock);
}

static bool response_needs_pasid(const struct iommu_fault_page_request *req)
{
	return req->flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
}

static struct fake_waiting *find_waiting(unsigned int dev, bool with_pasid,
					 ioasid_t pasid, u32 grpid)
{
	struct fake_waiting *wait;

	list_for_each_entry(wait, &faults.waiting, list)
		if (wait->dev == dev && wait->req.grpid == grpid &&
		    response_needs_pasid(&wait->req) == with_pasid &&
		    (!with_pasid || wait->req.pasid == pasid))
			return wait;
	return NULL;
}

/* Whether a device may not use the index for another group yet */
bool fake_waits(unsigned int dev, ioasid_t pasid, u32 grpid)
{
	bool waits;

	spin_lock(&faults.lock);
	waits = find_waiting(dev, pasid, pasid, grpid);
	spin_unlock(&faults.lock);
	return waits;
}

static void stop_waiting(unsigned int dev, bool with_pasid, ioasid_t pasid,
			 u32 grpid)
{
	struct fake_waiting *wait = find_waiting(dev, with_pasid, pasid, grpid);

	if (!wait) {
		fake.offences++;
		return;
	}
	list_del(&wait->list);
	kfree(wait);
}

/* A device has been reset or removed; returns how many groups it waited for */
unsigned int fake_forget(unsigned int dev)
{
	struct fake_waiting *wait, *next;
	unsigned int nr = 0;

	spin_lock(&faults.lock);
	list_for_each_entry_safe(wait, next, &faults.waiting, list) {
		if (wait->dev != dev)
			continue;
		list_del(&wait->list);
		kfree(wait);
		nr++;
	}
	spin_unlock(&faults.lock);
	return nr;
}

static int page_response(struct device *dev, struct iommu_fault_event *evt,
			 struct iommu_page_response *response)
{
	bool with_pasid = response->flags & IOMMU_PAGE_RESP_PASID_VALID;
	unsigned int i = fake_index(dev);
	struct fake_answer *answer;

	spin_lock(&faults.lock);
	answer = &faults.answers[faults.nr_answers++ % FAKE_NR_ANSWERS];
	answer->dev = i;
	answer->response = *response;
	if (to_fake_dev(dev)->gone || evt->fault.type != IOMMU_FAULT_PAGE_REQ ||
	    evt->fault.prm.grpid != response->grpid)
		fake.offences++;
	stop_waiting(i, with_pasid, response->pasid, response->grpid);
	spin_unlock(&faults.lock);
	return 0;
}

/* Make a request; without a PASID if that is 0 */
struct iommu_fault_page_request fake_request(ioasid_t pasid, u32 grpid, bool last)
{
	struct iommu_fault_page_request req = {
		.pasid	= pasid,
		.grpid	= grpid,
		.perm	= IOMMU_FAULT_PERM_READ,
	};

	if (pasid)
		req.flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
			     IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	if (last)
		req.flags |= IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	req.addr = faults.addr++;
	return req;
}

static int report_locked(unsigned int dev,
			 const struct iommu_fault_page_request *req)
{
	bool last = req->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	struct iommu_fault_event event = {
		.fault.type	= IOMMU_FAULT_PAGE_REQ,
		.fault.prm	= *req,
	};
	int ret;

	if (last)
		wait_for_answer(dev, req);
	ret = iommu_report_device_fault(fake_device(dev), &event);
	if (!ret || !last)
		return ret;
	/* The driver answers */
	spin_lock(&faults.lock);
	stop_waiting(dev, response_needs_pasid(req), req->pasid, req->grpid);
	spin_unlock(&faults.lock);
	return ret;
}

/* The hardware's queue has a request of a device */
int fake_report(unsigned int dev, const struct iommu_fault_page_request *req)
{
	int ret;

	mutex_lock(&faults.reader);
	ret = report_locked(dev, req);
	mutex_unlock(&faults.reader);
	return ret;
}

/* The same of a device that may be removed or reset; an error when it makes none */
int fake_try_report(unsigned int dev, const struct iommu_fault_page_request *req)
{
	int ret = -ENODEV;

	mutex_lock(&faults.reader);
	if (faults.enabled[dev] && !faults.in_reset[dev])
		ret = report_locked(dev, req);
	mutex_unlock(&faults.reader);
	return ret;
}

void fake_overflow(void)
{
	mutex_lock(&faults.reader);
	if (iopf_queue_discard_partial(faults.queue))
		fake.offences++;
	mutex_unlock(&faults.reader);
}

/* A device that is being reset makes no requests, and has forgotten those it made */
unsigned int fake_reset(unsigned int dev, bool begin)
{
	unsigned int nr = 0;

	mutex_lock(&faults.reader);
	faults.in_reset[dev] = begin;
	if (begin)
		nr = fake_forget(dev);
	mutex_unlock(&faults.reader);
	return nr;
}

/* A request that a test has prepared; device 0 makes it */
static void report_once(struct iommu_fault_page_request *req)
{
	struct iommu_fault_page_request copy = *req;

	if (!copy.flags)
		return;
	req->flags = 0;
	if (report_locked(0, &copy))
		fake.offences++;
}

/* The driver */

/* The domain that the hardware walks; NULL when it walks none */
struct iommu_domain *fake_walks(unsigned int dev, ioasid_t pasid)
{
	struct iommu_domain *hw = fake.devs[dev]->hw;

	if (pasid)
		return faults.hw[dev][pasid];
	return hw == &fake_nothing || hw->type == IOMMU_DOMAIN_BLOCKED ? NULL : hw;
}

static void switching(void)
{
	lockdep_assert_held(&fake.group->mutex);
	mutex_lock(&faults.reader);
	report_once(&faults.switched);
	mutex_unlock(&faults.reader);
}

static int attach_dev(struct iommu_domain *domain, struct device *dev)
{
	switching();
	return fake_attach_dev(domain, dev);
}

static int set_pasid(struct iommu_domain *domain, struct device *dev,
		     ioasid_t pasid, struct iommu_domain *old)
{
	unsigned int n = faults.sets++, i = fake_index(dev);
	bool fails = n < 64 && (faults.fail_mask & BIT_ULL(n));

	if (to_fake_dev(dev)->gone)
		fake.offences++;
	switching();
	if (!fails || faults.failure == FAKE_FAIL_MOVES)
		faults.hw[i][pasid] = domain;
	else if (faults.failure == FAKE_FAIL_CLEARS)
		faults.hw[i][pasid] = NULL;
	return fails ? -EIO : 0;
}

static int block_pasid(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid, struct iommu_domain *old)
{
	faults.hw[fake_index(dev)][pasid] = NULL;
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

static const struct iommu_domain_ops domain_ops = {
	.attach_dev	= attach_dev,
	.set_dev_pasid	= set_pasid,
	.map_pages	= fake_map_pages,
	.unmap_pages	= fake_unmap_pages,
	.free		= fake_free,
};

static int enable_faults(struct device *dev)
{
	unsigned int i = fake_index(dev);
	int err;

	lockdep_assert_held(&fake.group->mutex);
	if (faults.enable_fails & BIT(i))
		return -EINVAL;
	err = iopf_queue_add_device(faults.queue, dev, faults.room);
	if (err) {
		fake.offences += err != -ENOMEM;
		return err;
	}
	faults.enables++;
	mutex_lock(&faults.reader);
	faults.enabled[i] = true;
	mutex_unlock(&faults.reader);
	return 0;
}

static void disable_faults(struct device *dev)
{
	unsigned int i = fake_index(dev);

	lockdep_assert_held(&fake.group->mutex);
	faults.disables++;
	mutex_lock(&faults.reader);
	faults.enabled[i] = false;
	mutex_unlock(&faults.reader);
	if (iopf_queue_remove_device(faults.queue, dev))
		fake.offences++;
}

/* Waits for the reader, and reports what the hardware has taken in */
static void drain_faults(struct device *dev)
{
	unsigned int i = fake_index(dev), pasid;

	lockdep_assert_held(&fake.group->mutex);
	mutex_lock(&faults.reader);
	faults.drains++;
	faults.drained_blocked = 0;
	for (pasid = 0; pasid < FAKE_NR_PASIDS; pasid++)
		if (!fake_walks(i, pasid))
			faults.drained_blocked |= BIT(pasid);
	if (!i)
		report_once(&faults.taken);
	mutex_unlock(&faults.reader);
}

static const struct iommu_ops_ext ext = {
	.alloc_paging	= fake_alloc_paging,
	.enable_faults	= enable_faults,
	.disable_faults	= disable_faults,
	.drain_faults	= drain_faults,
	.blocked_domain	= &static_blocked,
};

static const struct iommu_ops_ext keeping_ext = {
	.alloc_paging	= fake_alloc_paging,
	.enable_faults	= enable_faults,
	.disable_faults	= disable_faults,
	.drain_faults	= drain_faults,
	.blocked_domain	= &static_blocked,
	.keeps_requests	= true,
};

static const struct iommu_ops_ext faultless_ext = {
	.alloc_paging	= fake_alloc_paging,
	.blocked_domain	= &static_blocked,
};

static void release_device(struct device *dev)
{
	unsigned int i = fake_index(dev), pasid;

	if (faults.enabled[i])
		fake.offences++;
	for (pasid = 0; pasid < FAKE_NR_PASIDS; pasid++)
		if (faults.hw[i][pasid])
			fake.offences++;
	fake_release_device(dev);
}

const struct iommu_ops fake_faults_ops = {
	FAKE_DRIVER,
	.release_device		= release_device,
	.page_response		= page_response,
	.default_domain_ops	= &domain_ops,
	.ext			= &ext,
};

/* The same driver, of an IOMMU that keeps the accesses */
const struct iommu_ops fake_faults_keeping_ops = {
	FAKE_DRIVER,
	.release_device		= release_device,
	.page_response		= page_response,
	.default_domain_ops	= &domain_ops,
	.ext			= &keeping_ext,
};

/* The same driver without page requests */
const struct iommu_ops fake_faultless_ops = {
	FAKE_DRIVER,
	.release_device		= release_device,
	.default_domain_ops	= &domain_ops,
	.ext			= &faultless_ext,
};

/* The user side */

/* Take the first group that was delivered to a user, or to any of them */
struct iopf_group *fake_pop(struct fake_user *user)
{
	struct iopf_group *group, *found = NULL;

	spin_lock(&faults.lock);
	list_for_each_entry(group, &faults.inbox, entry) {
		if (user && group->handle != &user->handle)
			continue;
		list_del(&group->entry);
		found = group;
		break;
	}
	spin_unlock(&faults.lock);
	return found;
}

static int deliver(struct iommu_attach_handle *handle, struct iopf_group *group)
{
	struct fake_user *user = container_of(handle, struct fake_user, handle);

	user->delivered++;
	faults.delivered++;
	if (user->refuses)
		return -ENOSPC;
	spin_lock(&faults.lock);
	list_add_tail(&group->entry, &faults.inbox);
	spin_unlock(&faults.lock);
	return 0;
}

static void cancel(struct iommu_attach_handle *handle)
{
	struct fake_user *user = container_of(handle, struct fake_user, handle);
	struct iopf_group *group;

	while ((group = fake_pop(user))) {
		spin_lock(&faults.lock);
		faults.cancelled++;
		spin_unlock(&faults.lock);
		iopf_group_answer(group, IOMMU_PAGE_RESP_INVALID);
	}
	complete(&user->cancelled);
}

static const struct iommu_fault_ops fault_ops = {
	.deliver	= deliver,
	.cancel		= cancel,
};

void fake_user_init(struct fake_user *user, bool takes_faults)
{
	memset(user, 0, sizeof(*user));
	init_completion(&user->cancelled);
	if (takes_faults)
		user->handle.faults = &fault_ops;
}

/* Attachments of a PASID, or of the requester ID if that is 0, by owner or driver */

int fake_attach(ioasid_t pasid, struct iommu_domain *domain, struct fake_user *user)
{
	if (pasid && !fake.group->owner)
		return iommu_attach_device_pasid(domain, fake_device(0), pasid,
						 &user->handle);
	if (pasid)
		return iommu_owner_attach_pasid(domain, fake_device(0), pasid,
						&user->handle);
	return iommu_device_replace_handle(fake_device(0), domain, &user->handle);
}

int fake_replace(ioasid_t pasid, struct iommu_domain *domain, struct fake_user *user)
{
	if (pasid)
		return iommu_replace_device_pasid(domain, fake_device(0), pasid,
						  &user->handle);
	return iommu_device_replace_handle(fake_device(0), domain, &user->handle);
}

void fake_detach(ioasid_t pasid, struct iommu_domain *domain)
{
	if (pasid)
		iommu_detach_device_pasid(domain, fake_device(0), pasid);
	else
		iommu_device_detach_domain(fake_device(0), domain);
}

/* The world */

static const struct property_entry wide_properties[] = {
	PROPERTY_ENTRY_U32("pasid-num-bits", 16),
	{ }
};

static const struct software_node wide = { .properties = wide_properties };

/* A device that is not in the group yet */
struct fake_dev *fake_faults_make(struct kunit *test)
{
	struct fake_dev *fdev = fake_dev_make(test, &fake.iommus[0]);

	KUNIT_ASSERT_EQ(test, 0,
			device_add_software_node(&fdev->pci.dev, &wide));
	return fdev;
}

struct iommu_domain *fake_faults_domain(struct kunit *test)
{
	struct iommu_domain *domain;
	bool complete;

	domain = iommu_device_alloc_paging(fake_device(0), 0, &complete);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	return domain;
}

void fake_faults_arm(u64 fail_mask, enum fake_failure failure)
{
	fake_arm(fail_mask, failure);
	faults.sets = 0;
	faults.fail_mask = fail_mask;
	faults.failure = failure;
}

/* Devices with an owner, each with room for @room requests */
void fake_faults_begin(struct kunit *test, const struct iommu_ops *ops,
		       unsigned int nr_devs, unsigned int room)
{
	memset(&faults, 0, sizeof(faults));
	mutex_init(&faults.reader);
	spin_lock_init(&faults.lock);
	INIT_LIST_HEAD(&faults.inbox);
	INIT_LIST_HEAD(&faults.waiting);
	faults.room = room;
	faults.queue = iopf_queue_alloc("fake");
	KUNIT_ASSERT_NOT_NULL(test, faults.queue);
	fake_world_init(test, ops, 0);
	fake.iommus[0].iommu.max_pasids = BIT(10);
	while (fake.nr_devs < nr_devs)
		KUNIT_ASSERT_EQ(test, 0, fake_dev_probe(fake_faults_make(test)));
	KUNIT_ASSERT_EQ(test, 0, iommu_device_claim_dma_owner(fake_device(0),
							      &owner));
	fake_faults_arm(0, FAKE_FAIL_KEEPS_OLD);
}

/* A native driver takes the place of the owner */
void fake_faults_bind_driver(struct kunit *test)
{
	iommu_device_release_dma_owner(fake_device(0));
	KUNIT_ASSERT_EQ(test, 0, iommu_device_use_default_domain(fake_device(0)));
	fake_faults_arm(0, FAKE_FAIL_KEEPS_OLD);
}

/* Nothing may be left: no group, no answer that no test has expected, no pool */
void fake_faults_end(struct kunit *test)
{
	unsigned int i;

	fake_faults_arm(0, FAKE_FAIL_KEEPS_OLD);
	if (fake.group->owner)
		iommu_device_release_dma_owner(fake_device(0));
	else if (fake.group->owner_cnt)
		iommu_device_unuse_default_domain(fake_device(0));
	KUNIT_EXPECT_EQ(test, fake.group->nr_fault_handles, 0);
	KUNIT_EXPECT_EQ(test, faults.enables, faults.disables);
	KUNIT_EXPECT_EQ(test, faults.nr_answers, faults.seen);
	KUNIT_EXPECT_TRUE(test, list_empty(&faults.inbox));
	KUNIT_EXPECT_TRUE(test, list_empty(&faults.waiting));
	KUNIT_EXPECT_EQ(test, faults.switched.flags | faults.taken.flags, 0);
	for (i = 0; i < fake.nr_devs; i++) {
		KUNIT_EXPECT_FALSE(test, faults.enabled[i]);
		device_remove_software_node(fake_device(i));
		fake_forget(i);
	}
	fake_world_exit(test);
	iopf_queue_free(faults.queue);
}
