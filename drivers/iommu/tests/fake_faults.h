/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that make page requests, behind the fake IOMMU.
 *
 * Its driver has PASIDs and page requests. The device side keeps a list of the groups
 * that it waits for an answer to, so that an answer to any other group is an offence,
 * and so is one that is missing at the end of a test. The user side has one inbox for
 * all attachments.
 */
#ifndef __FAKE_FAULTS_H
#define __FAKE_FAULTS_H

#include <linux/completion.h>
#include <linux/ioasid.h>
#include <linux/iommu-faults.h>
#include <linux/iommu-owner.h>
#include <linux/iommu-pasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "fake_iommu.h"

struct iopf_queue;
struct kunit;

#define FAKE_NR_PASIDS		8
#define FAKE_NR_ANSWERS		32

/**
 * struct fake_answer - what the driver had to tell a device
 * @dev: index of the device
 * @response: the answer
 */
struct fake_answer {
	unsigned int dev;
	struct iommu_page_response response;
};

/**
 * struct fake_faults - the part of the fake world that makes page requests
 * @reader: held by the task that reports
 * @lock: protects @inbox, @waiting and @answers
 * @queue: hardware that reports
 * @room: entries that a device's pool is made with
 * @inbox: groups that were delivered, and that no task works on
 * @waiting: groups that devices wait for an answer to
 * @answers: the last ones
 * @nr_answers: how many there were
 * @seen: how many of them the test has looked at
 * @hw: domain that the hardware walks for a PASID of a device, NULL when blocked
 * @sets: changes of @hw since fake_faults_arm(), not counted those that block
 * @fail_mask: bit n makes the n-th of them fail
 * @failure: how it fails
 * @enabled: devices that report requests
 * @in_reset: devices that make none
 * @enables: calls of enable_faults() that worked
 * @disables: calls of disable_faults()
 * @enable_fails: bit n: enable_faults() of device n fails
 * @drains: calls of drain_faults()
 * @drained_blocked: PASIDs of a device, 0 for its requester ID, that were blocked when
 *                   drain_faults() was called last
 * @switched: request that a device makes while the hardware switches, once
 * @taken: request that the hardware has taken in: drain_faults() reports it
 * @addr: address of the next request
 * @delivered: groups that users have got
 * @cancelled: those that were answered because the attachment ended
 */
struct fake_faults {
	struct mutex reader;
	spinlock_t lock;
	struct iopf_queue *queue;
	unsigned int room;
	struct list_head inbox;
	struct list_head waiting;
	struct fake_answer answers[FAKE_NR_ANSWERS];
	unsigned int nr_answers;
	unsigned int seen;
	struct iommu_domain *hw[FAKE_MAX_DEVICES][FAKE_NR_PASIDS];
	unsigned int sets;
	u64 fail_mask;
	enum fake_failure failure;
	bool enabled[FAKE_MAX_DEVICES];
	bool in_reset[FAKE_MAX_DEVICES];
	unsigned int enables;
	unsigned int disables;
	unsigned long enable_fails;
	unsigned int drains;
	unsigned long drained_blocked;
	struct iommu_fault_page_request switched;
	struct iommu_fault_page_request taken;
	u64 addr;
	unsigned int delivered;
	unsigned int cancelled;
};

/**
 * struct fake_user - user of an attachment
 * @handle: what the core sees
 * @refuses: deliver() fails
 * @delivered: calls of deliver()
 * @cancelled: completed when cancel() is about to return
 */
struct fake_user {
	struct iommu_attach_handle handle;
	bool refuses;
	unsigned int delivered;
	struct completion cancelled;
};

extern struct fake_faults faults;
extern const struct iommu_ops fake_faults_ops;
extern const struct iommu_ops fake_faultless_ops;
extern const struct iommu_ops fake_faults_keeping_ops;

void fake_faults_begin(struct kunit *test, const struct iommu_ops *ops,
		       unsigned int nr_devs, unsigned int room);
void fake_faults_bind_driver(struct kunit *test);
void fake_faults_end(struct kunit *test);
void fake_faults_arm(u64 fail_mask, enum fake_failure failure);
struct fake_dev *fake_faults_make(struct kunit *test);
struct iommu_domain *fake_faults_domain(struct kunit *test);
void fake_user_init(struct fake_user *user, bool takes_faults);

struct iommu_fault_page_request fake_request(ioasid_t pasid, u32 grpid, bool last);
int fake_report(unsigned int dev, const struct iommu_fault_page_request *req);
int fake_try_report(unsigned int dev, const struct iommu_fault_page_request *req);
void fake_overflow(void);
bool fake_waits(unsigned int dev, ioasid_t pasid, u32 grpid);
unsigned int fake_forget(unsigned int dev);
unsigned int fake_reset(unsigned int dev, bool begin);
struct iopf_group *fake_pop(struct fake_user *user);
struct iommu_domain *fake_walks(unsigned int dev, ioasid_t pasid);

int fake_attach(ioasid_t pasid, struct iommu_domain *domain, struct fake_user *user);
int fake_replace(ioasid_t pasid, struct iommu_domain *domain,
		 struct fake_user *user);
void fake_detach(ioasid_t pasid, struct iommu_domain *domain);

#endif /* __FAKE_FAULTS_H */
