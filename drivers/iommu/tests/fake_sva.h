/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two drivers that let devices use the page tables of processes: one with domains for
 * them, and one that binds them in 6.1's way.
 *
 * Device 0 is alone in the group of the fake world, device 1 in another group behind the
 * other IOMMU. Both drivers write down what each PASID of each device is on, and how
 * each group of page requests was answered.
 */
#ifndef __FAKE_SVA_H
#define __FAKE_SVA_H

#include <linux/bits.h>
#include <linux/ioasid.h>
#include <linux/iommu-ext.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "fake_iommu.h"

struct iopf_queue;
struct kunit;

#define SVA_WIDE_BITS		4
#define SVA_NARROW_BITS		2
#define SVA_NR_PASIDS		BIT(SVA_WIDE_BITS)
/* Groups of page requests that a device can tell apart */
#define SVA_NR_GROUPS		64
/* Page requests that a device can have outstanding */
#define SVA_NR_REQUESTS		16

/**
 * enum sva_step - entries of the drivers that may fail
 * @SVA_ALLOC: alloc_sva()
 * @SVA_ENABLE: enable_faults()
 * @SVA_SET: set_dev_pasid()
 * @SVA_BIND: sva_bind()
 * @SVA_NR_STEPS: number of the above
 */
enum sva_step {
	SVA_ALLOC,
	SVA_ENABLE,
	SVA_SET,
	SVA_BIND,
	SVA_NR_STEPS,
};

/**
 * enum sva_defect - what a driver may make in alloc_sva() instead of a good domain
 * @SVA_GOOD: a good one
 * @SVA_NULL: none, without a reason
 * @SVA_WRONG_TYPE: one of another type
 * @SVA_WITHOUT_PASIDS: one without set_dev_pasid()
 * @SVA_NR_DEFECTS: number of the above
 */
enum sva_defect {
	SVA_GOOD,
	SVA_NULL,
	SVA_WRONG_TYPE,
	SVA_WITHOUT_PASIDS,
	SVA_NR_DEFECTS,
};

/**
 * struct fake_sva_domain - domain for a process
 * @fdom: the fake domain; first, since the fake world frees it
 * @notifier: tells of the end of the process
 * @mm: process
 * @exited: it has ended, and no PASID is on the domain
 */
struct fake_sva_domain {
	struct fake_domain fdom;
	struct mmu_notifier notifier;
	struct mm_struct *mm;
	bool exited;
};

/**
 * struct fake_answer - what became of a group of page requests
 * @nr: answers
 * @expected: answers that may still come; only if &struct fake_sva.strict is set
 * @code: last answer
 * @pasid: PASID in it
 */
struct fake_answer {
	unsigned int nr;
	unsigned int expected;
	enum iommu_page_response_code code;
	ioasid_t pasid;
};

/**
 * struct fake_sva - the part of the fake world that has processes
 * @lock: protects what follows, and the list of domains
 * @hw: domain that the hardware walks for a PASID of a device, NULL when blocked
 * @unsure: a change has failed, and the core may be wrong about where it is
 * @bound: process of the PASID, where the driver has bound it in 6.1's way
 * @enabled: page requests of the device are enabled
 * @calls: calls of each entry
 * @unbinds: calls of sva_unbind()
 * @fails: error of each entry
 * @failure: where a failing set_dev_pasid() leaves the PASID
 * @defect: what alloc_sva() makes
 * @cannot_tell: domains have no device_fits()
 * @strict: answers to groups that expect none are offences
 * @answers: for each group of page requests of each device
 * @nr_answers: answers of each device
 * @answered: woken at each answer
 * @reader: held by the task that reports for the device
 * @queue: of both IOMMUs
 * @second: group of the second device
 */
struct fake_sva {
	spinlock_t lock;
	struct iommu_domain *hw[FAKE_MAX_DEVICES][SVA_NR_PASIDS];
	bool unsure[FAKE_MAX_DEVICES][SVA_NR_PASIDS];
	struct mm_struct *bound[FAKE_MAX_DEVICES][SVA_NR_PASIDS];
	bool enabled[FAKE_MAX_DEVICES];
	unsigned int calls[SVA_NR_STEPS];
	unsigned int unbinds;
	int fails[SVA_NR_STEPS];
	enum fake_failure failure;
	enum sva_defect defect;
	bool cannot_tell;
	bool strict;
	struct fake_answer answers[FAKE_MAX_DEVICES][SVA_NR_GROUPS];
	unsigned int nr_answers[FAKE_MAX_DEVICES];
	wait_queue_head_t answered;
	struct mutex reader[FAKE_MAX_DEVICES];
	struct iopf_queue *queue;
	struct iommu_group *second;
};

extern struct fake_sva fake_sva;

/* With domains for processes */
extern const struct iommu_ops fake_sva_ops;
/* In 6.1's way; the first one can also put PASIDs on domains */
extern const struct iommu_ops fake_bind_ops;
extern const struct iommu_ops fake_bind_only_ops;
/* With PASIDs, but without any entry for processes */
extern const struct iommu_ops fake_no_sva_ops;

extern const struct software_node fake_sva_wide;
extern const struct software_node fake_sva_narrow;

static inline struct fake_sva_domain *to_sva_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct fake_sva_domain, fdom.domain);
}

/* Domain that the hardware of a device walks for a process */
static inline struct iommu_domain *fake_sva_domain_of(unsigned int dev,
						      struct mm_struct *mm)
{
	return fake_sva.hw[dev][mm_get_pasid(mm)];
}

void fake_sva_begin(struct kunit *test, const struct iommu_ops *ops);
void fake_sva_add_device(struct kunit *test, unsigned int iommu,
			 const struct software_node *node);
void fake_sva_end(struct kunit *test);
unsigned int fake_sva_live_domains(void);
unsigned int fake_sva_free_pasids(unsigned int dev);
void fake_sva_expect_idle(struct kunit *test);

struct iommu_sva *fake_sva_bind(struct kunit *test, unsigned int dev,
				struct mm_struct *mm);
struct iommu_domain *fake_sva_new_domain(struct kunit *test);
bool fake_sva_pasids_become_free(unsigned int nr);
void fake_sva_end_process(struct kunit *test, struct mm_struct *mm);
int fake_sva_report(unsigned int dev, ioasid_t pasid, unsigned long addr,
		    u32 perm, u32 group, bool last);

#endif /* __FAKE_SVA_H */
