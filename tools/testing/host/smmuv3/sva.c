// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs are on the page tables of processes. A model of two SMMUs with TLBs, and of devices
 * with ATS, looks on: whenever the driver does anything that the hardware could notice, all
 * devices access all pages by all PASIDs. TLBs and caches take what they can. It complains
 * about
 *
 * - a walk of page tables that have been freed;
 * - a TLB entry that another domain hits, as its ASID is that of the entry;
 * - a PASID that reaches what it is neither on nor moved to;
 * - whatever TLBs and caches have of a page when it has been taken from a process, or of a
 *   process when its page tables are freed;
 * - an entry that is invalidated although nothing has changed.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/iommu-pasid.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-asid.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-pasid.h"
#include "arm-smmu-v3-ste.h"
#include "arm-smmu-v3-sva-domain.h"

#define NR_SMMUS	2
#define NR_DEVS		3
#define NR_PASIDS	2
#define NR_PAGES	6
#define NR_SPACES	4
#define NR_ASIDS	8

/* Three processes, and a page table of a user */
enum { P0, P1, P2, USER, NOWHERE };

/**
 * struct space - an address space
 * @mm: the process
 * @notifiers: its MMU notifiers
 * @frame: what each page is mapped to; 0 for nothing
 * @freed: its page table has been freed
 */
struct space {
	struct mm_struct mm;
	struct list_head notifiers;
	int frame[NR_PAGES];
	bool freed;
};

/**
 * struct entry - what a TLB or a cache has of a page
 * @space: address space that it is of; plus 1, as 0 is none
 * @frame: frame
 * @age: when it was made
 */
struct entry {
	int space;
	int frame;
	int age;
};

/**
 * struct unit - an SMMU
 * @smmu: the driver's data
 * @tlb: by ASID and page
 */
struct unit {
	struct arm_smmu_device smmu;
	struct entry tlb[NR_ASIDS][NR_PAGES];
};

/**
 * struct function - a device
 * @pdev: the device
 * @master: the driver's data
 * @stream: its stream
 * @ste: entry of it
 * @on: address space of each PASID, by the driver's word
 * @goal: where it is being moved to; else as @on
 * @domain: domain of each PASID
 * @atc: its cache, by PASID and page
 */
struct function {
	struct pci_dev pdev;
	struct arm_smmu_master master;
	struct arm_smmu_stream stream;
	struct arm_smmu_ste ste;
	int on[NR_PASIDS], goal[NR_PASIDS];
	struct iommu_domain *domain[NR_PASIDS];
	struct entry atc[NR_PASIDS][NR_PAGES];
};

static struct {
	struct kunit *test;
	struct unit unit[NR_SMMUS];
	struct function dev[NR_DEVS];
	struct space space[NR_SPACES];
	struct arm_smmu_domain user;
	struct list_head put;
	int next_frame, now, nr_tlb_inv, nr_atc_inv;
	bool fail_register;
	long objects;
} w;

struct iommu_ops arm_smmu_ops;
bool arm_smmu_disable_bypass;

/* The last device has two levels of descriptors, and is behind the other SMMU */
static u32 ssid_of(int dev, int pasid)
{
	return pasid ? (dev == 2 ? 1030 : 9) : 5;
}

static struct unit *unit_of(int dev)
{
	return &w.unit[dev == 2];
}

static const u64 *descriptor(int dev, u32 ssid)
{
	const u64 *ste = w.dev[dev].ste.word;
	const u64 *table = (const u64 *)(ste[0] & GENMASK_ULL(55, 6));

	if ((ste[0] >> 1 & 7) != 5 || ssid >> (ste[0] >> 59))
		return NULL;
	if (ste[0] >> 4 & 3) {
		if (!(table[ssid >> 10] & 1))
			return NULL;
		table = (const u64 *)(table[ssid >> 10] & GENMASK_ULL(55, 12));
		ssid %= 1024;
	}
	return table[8 * ssid] & BIT_ULL(31) ? table + 8 * ssid : NULL;
}

static int space_of(u64 ttb)
{
	int i;

	for (i = 0; i < NR_SPACES; i++)
		if (ttb == (unsigned long)w.space[i].mm.pgd)
			return i;
	KUNIT_FAIL(w.test, "a descriptor has no page table");
	return 0;
}

/* What a page of an address space is, by the TLB or by a walk; NULL for a fault */
static struct entry *translate(struct unit *unit, const u64 *cd, int page)
{
	struct entry *entry = &unit->tlb[cd[0] >> 48][page];
	int space;

	/* Without walks, entries are still used (EPD0) */
	if (cd[0] & BIT_ULL(14))
		return entry->space ? entry : NULL;
	space = space_of(cd[1] & GENMASK_ULL(51, 4));
	if (entry->space) {
		KUNIT_EXPECT_EQ(w.test, entry->space, space + 1);
		return entry;
	}
	KUNIT_EXPECT_FALSE(w.test, w.space[space].freed);
	if (!w.space[space].frame[page])
		return NULL;
	*entry = (struct entry){ space + 1, w.space[space].frame[page], ++w.now };
	return entry;
}

static void access_page(int dev, int pasid, const u64 *cd, int page)
{
	struct function *fn = &w.dev[dev];
	struct entry *found = translate(unit_of(dev), cd, page);

	if (!found)
		return;
	if (found->space - 1 != fn->on[pasid] && found->space - 1 != fn->goal[pasid])
		KUNIT_FAIL(w.test, "PASID %d of device %d reaches space %d", pasid, dev,
			   found->space - 1);
	if (fn->pdev.ats_enabled && !fn->atc[pasid][page].space)
		fn->atc[pasid][page] = (struct entry){ found->space, found->frame, ++w.now };
}

static void look_on(void)
{
	int dev, pasid, page;
	const u64 *cd;

	for (dev = 0; dev < NR_DEVS; dev++)
		for (pasid = 0; pasid < NR_PASIDS; pasid++) {
			cd = descriptor(dev, ssid_of(dev, pasid));
			for (page = 0; cd && page < NR_PAGES; page++)
				access_page(dev, pasid, cd, page);
		}
}

static bool is_current(const struct entry *entry, int page)
{
	return !entry->space || (!w.space[entry->space - 1].freed &&
				 entry->frame == w.space[entry->space - 1].frame[page]);
}

/* When nothing moves: TLBs and caches have what is true now, and caches what is theirs */
static void check(void)
{
	int i, k, page;

	look_on();
	for (page = 0; page < NR_PAGES; page++) {
		for (i = 0; i < NR_SMMUS; i++)
			for (k = 0; k < NR_ASIDS; k++)
				KUNIT_EXPECT_TRUE(w.test, is_current(&w.unit[i].tlb[k][page], page));
		for (i = 0; i < NR_DEVS; i++)
			for (k = 0; k < NR_PASIDS; k++) {
				struct entry *entry = &w.dev[i].atc[k][page];

				KUNIT_EXPECT_TRUE(w.test, is_current(entry, page));
				if (entry->space)
					KUNIT_EXPECT_EQ(w.test, entry->space - 1, w.dev[i].on[k]);
			}
	}
}

/* What the driver calls */

void arm_smmu_tlb_inv_asid(struct arm_smmu_device *smmu, u16 asid)
{
	struct unit *unit = container_of(smmu, struct unit, smmu);
	int page;

	look_on();
	BUG_ON(asid >= NR_ASIDS);
	w.nr_tlb_inv++;
	for (page = 0; page < NR_PAGES; page++)
		unit->tlb[asid][page].space = 0;
	look_on();
}

void arm_smmu_tlb_inv_range_asid(unsigned long iova, size_t size, int asid, size_t granule,
				 bool leaf, struct arm_smmu_domain *smmu_domain)
{
	struct unit *unit = container_of(smmu_domain->smmu, struct unit, smmu);
	int page;

	look_on();
	w.nr_tlb_inv++;
	/* The real one derives the granule of the range from this */
	KUNIT_EXPECT_EQ(w.test, smmu_domain->domain.pgsize_bitmap, PAGE_SIZE);
	KUNIT_EXPECT_EQ(w.test, granule, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(w.test, leaf);
	for (page = 0; page < NR_PAGES; page++)
		if (page * PAGE_SIZE >= iova && page * PAGE_SIZE < iova + size)
			unit->tlb[asid][page].space = 0;
	look_on();
}

static void inv_atc(int dev, u32 ssid, unsigned long iova, size_t size)
{
	int pasid, page;

	for (pasid = 0; pasid < NR_PASIDS; pasid++)
		for (page = 0; page < NR_PAGES; page++)
			if ((!ssid || ssid_of(dev, pasid) == ssid) &&
			    (!size || (page * PAGE_SIZE >= iova &&
				       page * PAGE_SIZE < iova + size)))
				w.dev[dev].atc[pasid][page].space = 0;
}

static int index_of(struct arm_smmu_master *master)
{
	return container_of(master, struct function, master) - w.dev;
}

int arm_smmu_atc_inv_master(struct arm_smmu_master *master, u32 ssid)
{
	look_on();
	inv_atc(index_of(master), ssid, 0, 0);
	look_on();
	return 0;
}

int arm_smmu_atc_inv_domain(struct arm_smmu_domain *smmu_domain, int ssid,
			    unsigned long iova, size_t size)
{
	struct arm_smmu_member *member;

	look_on();
	w.nr_atc_inv++;
	if (atomic_read(&smmu_domain->nr_ats_masters))
		list_for_each_entry(member, &smmu_domain->devices, node)
			if (member->ats)
				inv_atc(index_of(member->master), ssid ?: member->ssid, iova, size);
	look_on();
	return 0;
}

void arm_smmu_sync_ste_for_sid(struct arm_smmu_device *smmu, u32 sid)
{
	look_on();
}

__le64 *arm_smmu_get_step_for_sid(struct arm_smmu_device *smmu, u32 sid)
{
	return w.dev[sid].ste.word;
}

static void sync_cd(void *arg, u32 ssid, bool leaf)
{
	look_on();
}

static const struct arm_smmu_cd_table_ops table_ops = {
	.sync	= sync_cd,
};

bool arm_smmu_ats_supported(struct arm_smmu_master *master)
{
	return index_of(master) != 1;
}

int pci_enable_ats(struct pci_dev *pdev, int stu)
{
	look_on();
	pdev->ats_enabled = true;
	look_on();
	return 0;
}

void pci_disable_ats(struct pci_dev *pdev)
{
	look_on();
	pdev->ats_enabled = false;
}

void arm_smmu_prefetch_cfg(struct arm_smmu_device *smmu, u32 sid) {}

int arm_smmu_domain_finalise(struct iommu_domain *domain, struct arm_smmu_master *master)
{
	return 0;
}

struct arm_smmu_domain *arm_smmu_domain_new(gfp_t gfp)
{
	return NULL;
}

void arm_smmu_domain_init(struct arm_smmu_domain *smmu_domain)
{
	mutex_init(&smmu_domain->init_mutex);
	INIT_LIST_HEAD(&smmu_domain->devices);
	spin_lock_init(&smmu_domain->devices_lock);
}

void arm_smmu_domain_free(struct iommu_domain *domain) {}

int arm_smmu_bitmap_alloc(unsigned long *map, int span)
{
	int i;

	for (i = 0; i < 1 << span; i++)
		if (!(*map & BIT(i))) {
			*map |= BIT(i);
			return i;
		}
	return -ENOSPC;
}

/* Another domain may have it at once */
void arm_smmu_bitmap_free(unsigned long *map, int idx)
{
	int i, page;

	BUG_ON(!(*map & BIT(idx)));
	*map &= ~BIT(idx);
	for (i = 0; i < NR_SMMUS; i++)
		for (page = 0; map == w.unit[i].smmu.asid_map && page < NR_PAGES; page++)
			KUNIT_EXPECT_EQ(w.test, w.unit[i].tlb[idx][page].space, 0);
}

int iopf_queue_add_device(struct iopf_queue *queue, struct device *dev,
			  unsigned int nr_requests)
{
	return 0;
}

int iopf_queue_remove_device(struct iopf_queue *queue, struct device *dev)
{
	return 0;
}

u32 readl(u32 *reg)
{
	return 0;
}

void host_looks(void) {}

/* Processes */

int mmu_notifier_register(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct space *space = container_of(mm, struct space, mm);

	if (w.fail_register)
		return -EINTR;
	notifier->mm = mm;
	list_add(&notifier->entry, &space->notifiers);
	return 0;
}

/* It may be called back until the grace period has ended */
void mmu_notifier_put(struct mmu_notifier *notifier)
{
	list_del(&notifier->entry);
	list_add(&notifier->entry, &w.put);
}

static void end_grace_period(void)
{
	struct mmu_notifier *notifier;

	while (!list_empty(&w.put)) {
		notifier = list_first_entry(&w.put, struct mmu_notifier, entry);
		list_del(&notifier->entry);
		notifier->ops->free_notifier(notifier);
	}
}

static void notify(struct list_head *list, int space, int first, int last)
{
	struct mmu_notifier *notifier;

	list_for_each_entry(notifier, list, entry)
		if (notifier->mm == &w.space[space].mm)
			notifier->ops->invalidate_range(notifier, notifier->mm,
							first * PAGE_SIZE,
							(last + 1) * PAGE_SIZE);
}

/* What is not of a process, or not of these pages, was not invalidated since */
static void expect_kept(int since, int space, int first, int last)
{
	struct entry *entry;
	int i, k, page;

	for (page = 0; page < NR_PAGES; page++) {
		for (i = 0; i < NR_SMMUS; i++)
			for (k = 0; k < NR_ASIDS; k++) {
				entry = &w.unit[i].tlb[k][page];
				if (entry->space && (entry->space != space + 1 ||
						     page < first || page > last))
					KUNIT_EXPECT_LE(w.test, entry->age, since);
			}
		for (i = 0; i < NR_DEVS; i++)
			for (k = 0; k < NR_PASIDS; k++) {
				entry = &w.dev[i].atc[k][page];
				if (entry->space && (entry->space != space + 1 ||
						     page < first || page > last))
					KUNIT_EXPECT_LE(w.test, entry->age, since);
			}
	}
}

/* Pages of a process move to other frames: entries are stale until they are invalidated */
static void change_pages(int space, int first, int last)
{
	int page;

	for (page = first; page <= last && page < NR_PAGES; page++)
		w.space[space].frame[page] = ++w.next_frame;
	look_on();
	notify(&w.space[space].notifiers, space, first, last);
	check();
}

/* As exit_mmap() does it: notifiers, then the page tables */
static void end_process(int space)
{
	struct mmu_notifier *notifier;

	list_for_each_entry(notifier, &w.space[space].notifiers, entry)
		notifier->ops->release(notifier, notifier->mm);
	w.space[space].freed = true;
	check();
}

/* The world */

static void start_dev(int i)
{
	struct function *fn = &w.dev[i];
	int pasid;

	fn->pdev.dev.priv = &fn->master;
	fn->stream.id = i;
	fn->master.smmu = &unit_of(i)->smmu;
	fn->master.dev = &fn->pdev.dev;
	fn->master.streams = &fn->stream;
	fn->master.num_streams = 1;
	fn->master.ssid_bits = i == 2 ? 20 : 8;
	fn->master.stall_enabled = true;
	fn->master.cd_table.ops = &table_ops;
	arm_smmu_ste_make_abort(&fn->ste);
	for (pasid = 0; pasid < NR_PASIDS; pasid++)
		fn->on[pasid] = fn->goal[pasid] = NOWHERE;
}

static void start(struct kunit *test)
{
	int i, page;

	memset(&w, 0, sizeof(w));
	w.test = test;
	w.objects = host_slab_objects;
	INIT_LIST_HEAD(&w.put);
	for (i = 0; i < NR_SMMUS; i++) {
		w.unit[i].smmu.features = ARM_SMMU_FEAT_2_LVL_CDTAB | ARM_SMMU_FEAT_TRANS_S1 |
					  ARM_SMMU_FEAT_COHERENCY | ARM_SMMU_FEAT_SVA;
		w.unit[i].smmu.pgsize_bitmap = SZ_4K | SZ_2M;
		w.unit[i].smmu.oas = 48;
		w.unit[i].smmu.asid_bits = 3;
		w.unit[i].smmu.asid_map[0] = 1;
		w.unit[i].smmu.evtq.iopf = (struct iopf_queue *)&w;
		w.unit[i].smmu.evtq.q.irq = 1;
	}
	for (i = 0; i < NR_SPACES; i++) {
		w.space[i].mm.pgd = (void *)((i + 1ul) << 20);
		INIT_LIST_HEAD(&w.space[i].notifiers);
		for (page = 0; page < NR_PAGES; page++)
			w.space[i].frame[page] = ++w.next_frame;
	}
	for (i = 0; i < NR_DEVS; i++)
		start_dev(i);
	arm_smmu_domain_init(&w.user);
	w.user.smmu = &w.unit[0].smmu;
	w.user.stage = ARM_SMMU_DOMAIN_S1;
	w.user.cd.ttbr = (unsigned long)w.space[USER].mm.pgd;
	w.user.cd.asid = arm_smmu_asid_alloc(w.user.smmu);
}

static struct iommu_domain *make_domain(int dev, int space)
{
	struct iommu_domain *domain;

	domain = arm_smmu_alloc_sva(&w.dev[dev].pdev.dev, &w.space[space].mm);
	KUNIT_ASSERT_FALSE(w.test, IS_ERR(domain));
	KUNIT_EXPECT_EQ(w.test, domain->type, IOMMU_DOMAIN_SVA);
	return domain;
}

static int try_to_put(int dev, int pasid, struct iommu_domain *domain, int space)
{
	struct function *fn = &w.dev[dev];
	int err;

	fn->goal[pasid] = space;
	err = arm_smmu_set_dev_pasid(domain, &fn->pdev.dev, ssid_of(dev, pasid),
				     fn->domain[pasid]);
	if (!err) {
		fn->on[pasid] = space;
		fn->domain[pasid] = domain;
	}
	fn->goal[pasid] = fn->on[pasid];
	check();
	return err;
}

static void put(int dev, int pasid, struct iommu_domain *domain, int space)
{
	KUNIT_ASSERT_EQ(w.test, 0, domain->ops ?
			domain->ops->device_fits(domain, &w.dev[dev].pdev.dev,
						 ssid_of(dev, pasid)) : 0);
	KUNIT_ASSERT_EQ(w.test, 0, try_to_put(dev, pasid, domain, space));
}

static void take(int dev, int pasid)
{
	struct function *fn = &w.dev[dev];

	fn->goal[pasid] = NOWHERE;
	arm_smmu_block_pasid(NULL, &fn->pdev.dev, ssid_of(dev, pasid), fn->domain[pasid]);
	fn->on[pasid] = NOWHERE;
	fn->domain[pasid] = NULL;
	check();
	KUNIT_EXPECT_TRUE(w.test, !descriptor(dev, ssid_of(dev, pasid)));
}

static void free_domain(struct iommu_domain *domain)
{
	domain->ops->free(domain);
	check();
}

/* All is as it was in the beginning: no ASID, no memory is lost */
static void finish(void)
{
	int i, pasid;

	for (i = 0; i < NR_DEVS; i++)
		for (pasid = 0; pasid < NR_PASIDS; pasid++)
			if (w.dev[i].domain[pasid])
				take(i, pasid);
	for (i = 0; i < NR_DEVS; i++)
		arm_smmu_cd_table_free(&w.dev[i].master.cd_table);
	end_grace_period();
	arm_smmu_asid_free(w.user.smmu, w.user.cd.asid);
	for (i = 0; i < NR_SMMUS; i++)
		KUNIT_EXPECT_EQ(w.test, w.unit[i].smmu.asid_map[0], 1ul);
	KUNIT_EXPECT_EQ(w.test, host_slab_objects, w.objects);
}

static int count_atc(int dev, int pasid)
{
	int page, nr = 0;

	for (page = 0; page < NR_PAGES; page++)
		nr += !!w.dev[dev].atc[pasid][page].space;
	return nr;
}

/* Tests */

/* Two processes on one SMMU, one of them on the other, too */
static struct iommu_domain *a, *b, *far;

static void start_users(struct kunit *test)
{
	start(test);
	a = make_domain(0, P0);
	b = make_domain(0, P1);
	far = make_domain(2, P0);
	put(0, 0, a, P0);
	put(0, 1, b, P1);
	put(1, 0, a, P0);
	put(1, 1, a, P0);
	put(2, 1, far, P0);
}

static void finish_users(void)
{
	int i;

	for (i = 0; i < NR_DEVS * NR_PASIDS; i++)
		if (w.dev[i / 2].domain[i % 2])
			take(i / 2, i % 2);
	free_domain(a);
	free_domain(b);
	free_domain(far);
	finish();
}

static void pasids_reach_their_process(struct kunit *test)
{
	start_users(test);
	KUNIT_EXPECT_EQ(test, count_atc(0, 0), NR_PAGES);
	KUNIT_EXPECT_EQ(test, count_atc(1, 0), 0);
	KUNIT_EXPECT_EQ(test, count_atc(2, 1), NR_PAGES);
	/* To another process, to a user's page table, and back */
	put(0, 0, b, P1);
	put(0, 0, &w.user.domain, USER);
	put(0, 0, a, P0);
	put(0, 0, a, P0);
	KUNIT_EXPECT_EQ(test, count_atc(0, 0), NR_PAGES);
	take(0, 1);
	take(1, 0);
	put(1, 1, b, P1);
	finish_users();
}

static void changes_reach_all_users_and_nothing_else(struct kunit *test)
{
	int first, last, since;

	start_users(test);
	for (first = 0; first < NR_PAGES; first++)
		for (last = first; last < NR_PAGES; last++) {
			since = w.now;
			w.nr_tlb_inv = w.nr_atc_inv = 0;
			change_pages(P0, first, last);
			expect_kept(since, P0, first, last);
			/* A domain on each SMMU */
			KUNIT_EXPECT_EQ(test, w.nr_tlb_inv, 2);
			KUNIT_EXPECT_EQ(test, w.nr_atc_inv, 2);
		}
	/* Longer than what is invalidated page by page, and with commands for ranges */
	since = w.now;
	change_pages(P0, 2, 4095);
	expect_kept(since, P0, 0, NR_PAGES);
	w.unit[0].smmu.features |= ARM_SMMU_FEAT_RANGE_INV;
	w.unit[1].smmu.features |= ARM_SMMU_FEAT_RANGE_INV;
	since = w.now;
	change_pages(P0, 2, 4095);
	expect_kept(since, P0, 2, NR_PAGES);
	finish_users();
}

static void expect_quiet(int dev, int pasid)
{
	const u64 *cd = descriptor(dev, ssid_of(dev, pasid));

	KUNIT_ASSERT_TRUE(w.test, cd);
	/* EPD0, neither S nor R */
	KUNIT_EXPECT_EQ(w.test, cd[0] & (BIT_ULL(14) | BIT_ULL(44) | BIT_ULL(45)),
			BIT_ULL(14));
}

/* Devices are not stopped: they find nothing, and go on with other processes */
static void processes_end_while_devices_use_them(struct kunit *test)
{
	int since;

	start_users(test);
	since = w.now;
	end_process(P0);
	expect_kept(since, P0, 0, NR_PAGES);
	expect_quiet(0, 0);
	expect_quiet(1, 0);
	expect_quiet(1, 1);
	expect_quiet(2, 1);
	KUNIT_EXPECT_EQ(test, count_atc(0, 0), 0);
	KUNIT_EXPECT_EQ(test, count_atc(2, 1), 0);
	KUNIT_EXPECT_EQ(test, count_atc(0, 1), NR_PAGES);

	/* A device that comes too late */
	put(2, 0, far, P0);
	expect_quiet(2, 0);
	put(0, 1, a, P0);
	expect_quiet(0, 1);
	/* To what is there still */
	put(0, 0, b, P1);
	put(1, 1, &w.user.domain, USER);
	KUNIT_EXPECT_EQ(test, count_atc(0, 0), NR_PAGES);
	finish_users();
}

/* Callbacks that began before the end find a domain that is no longer used */
static void late_callbacks_do_no_harm(struct kunit *test)
{
	struct iommu_domain *next;
	struct mmu_notifier *late;
	u16 asid;

	start(test);
	a = make_domain(0, P0);
	put(0, 0, a, P0);
	take(0, 0);
	asid = to_smmu_domain(a)->cd.asid;
	free_domain(a);
	next = make_domain(0, P1);
	KUNIT_EXPECT_EQ(test, to_smmu_domain(next)->cd.asid, asid);
	put(0, 0, next, P1);

	notify(&w.put, P0, 1, 2);
	check();
	late = list_first_entry(&w.put, struct mmu_notifier, entry);
	late->ops->release(late, late->mm);
	check();
	KUNIT_EXPECT_EQ(test, count_atc(0, 0), NR_PAGES);
	end_grace_period();
	take(0, 0);
	free_domain(next);
	finish();
}

/* The second user of an ASID finds nothing of the first one in the TLBs */
static void asids_come_back_clean(struct kunit *test)
{
	struct iommu_domain *domain[NR_ASIDS];
	int i, nr, round;

	start(test);
	for (round = 0; round < 2 * NR_ASIDS; round++) {
		a = make_domain(0, round % 3);
		put(0, 0, a, round % 3);
		put(1, 1, a, round % 3);
		take(0, 0);
		take(1, 1);
		free_domain(a);
	}
	/* 0 is none, and the user has one */
	for (nr = 0; nr < NR_ASIDS - 2; nr++)
		domain[nr] = make_domain(0, P0);
	a = arm_smmu_alloc_sva(&w.dev[0].pdev.dev, &w.space[P0].mm);
	KUNIT_EXPECT_EQ(test, PTR_ERR(a), -ENOSPC);
	/* The other SMMU has its own */
	far = make_domain(2, P0);
	free_domain(far);
	for (i = 0; i < nr; i++)
		free_domain(domain[i]);
	finish();
}

static void failures_leave_nothing_behind(struct kunit *test)
{
	struct device *dev = &w.dev[2].pdev.dev;
	unsigned long fail_at = 0;
	int err;

	start(test);
	w.fail_register = true;
	a = arm_smmu_alloc_sva(dev, &w.space[P0].mm);
	KUNIT_EXPECT_EQ(test, PTR_ERR(a), -EINTR);
	w.fail_register = false;
	host_slab = (struct host_slab){ .fail_at = 1 };
	a = arm_smmu_alloc_sva(dev, &w.space[P0].mm);
	KUNIT_EXPECT_EQ(test, PTR_ERR(a), -ENOMEM);
	host_slab = (struct host_slab){};
	KUNIT_EXPECT_EQ(test, host_slab_objects, w.objects);
	KUNIT_EXPECT_EQ(test, w.unit[1].smmu.asid_map[0], 1ul);

	far = make_domain(2, P0);
	do {
		host_slab = (struct host_slab){ .fail_at = ++fail_at };
		err = try_to_put(2, 1, far, P0);
		KUNIT_EXPECT_EQ(test, host_slab.failed, err == -ENOMEM);
	} while (err);
	host_slab = (struct host_slab){};
	KUNIT_EXPECT_GT(test, fail_at, 6ul);
	take(2, 1);
	free_domain(far);
	finish();
}

static void devices_and_domains_fit_or_not(struct kunit *test)
{
	struct device *near_dev = &w.dev[0].pdev.dev, *far_dev = &w.dev[2].pdev.dev;
	struct arm_smmu_device *smmu = &w.unit[0].smmu;
	struct arm_smmu_master *master = &w.dev[0].master;

	start(test);
	a = make_domain(0, P0);
	KUNIT_EXPECT_EQ(test, a->ops->device_fits(a, near_dev, 255), 0);
	KUNIT_EXPECT_EQ(test, a->ops->device_fits(a, near_dev, 256), -EINVAL);
	KUNIT_EXPECT_EQ(test, a->ops->device_fits(a, far_dev, 5), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_to_put(2, 0, a, P0), -EINVAL);
	free_domain(a);

	KUNIT_EXPECT_EQ(test, arm_smmu_enable_feature(near_dev, IOMMU_DEV_FEAT_SVA), 0);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_feature(near_dev, IOMMU_DEV_FEAT_IOPF), 0);
	smmu->features &= ~ARM_SMMU_FEAT_SVA;
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_feature(near_dev, IOMMU_DEV_FEAT_SVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_feature(near_dev, IOMMU_DEV_FEAT_IOPF), 0);
	a = arm_smmu_alloc_sva(near_dev, &w.space[P0].mm);
	KUNIT_EXPECT_EQ(test, PTR_ERR(a), -EOPNOTSUPP);
	smmu->features |= ARM_SMMU_FEAT_SVA;
	master->stall_enabled = false;
	a = arm_smmu_alloc_sva(near_dev, &w.space[P0].mm);
	KUNIT_EXPECT_EQ(test, PTR_ERR(a), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_feature(near_dev, IOMMU_DEV_FEAT_IOPF), -EINVAL);
	KUNIT_EXPECT_EQ(test, arm_smmu_enable_feature(near_dev, IOMMU_DEV_FEAT_SVA), -EINVAL);
	master->stall_enabled = true;
	master->ssid_bits = 0;
	a = arm_smmu_alloc_sva(near_dev, &w.space[P0].mm);
	KUNIT_EXPECT_EQ(test, PTR_ERR(a), -EOPNOTSUPP);
	master->ssid_bits = 8;

	KUNIT_EXPECT_TRUE(test, arm_smmu_sva_supported(smmu));
	smmu->oas = 44;
	KUNIT_EXPECT_FALSE(test, arm_smmu_sva_supported(smmu));
	finish();
}

/* Devices move, processes change and end, in any order */
static void any_order_keeps_to_the_rules(struct kunit *test)
{
	unsigned int seed = 1, step, dev, pasid;
	struct iommu_domain *domain;

	start_users(test);
	for (step = 0; step < 3000; step++) {
		seed = seed * 1103515245 + 12345;
		dev = (seed >> 16) % 2;
		pasid = (seed >> 18) % NR_PASIDS;
		domain = seed >> 20 & 1 ? a : b;
		switch (seed >> 22 & 3) {
		case 0:
			if (w.dev[dev].domain[pasid])
				take(dev, pasid);
			break;
		case 1:
			put(dev, pasid, domain, domain == a ? P0 : P1);
			break;
		case 2:
			if (!w.space[P0].freed)
				change_pages(P0, dev, dev + pasid);
			break;
		default:
			change_pages(P1, dev, dev + pasid);
		}
		if (step == 2000)
			end_process(P0);
	}
	finish_users();
}

static struct kunit_case sva_cases[] = {
	KUNIT_CASE(pasids_reach_their_process),
	KUNIT_CASE(changes_reach_all_users_and_nothing_else),
	KUNIT_CASE(processes_end_while_devices_use_them),
	KUNIT_CASE(late_callbacks_do_no_harm),
	KUNIT_CASE(asids_come_back_clean),
	KUNIT_CASE(failures_leave_nothing_behind),
	KUNIT_CASE(devices_and_domains_fit_or_not),
	KUNIT_CASE(any_order_keeps_to_the_rules),
	{}
};

static struct kunit_suite sva_suite = {
	.name = "iommu_smmuv3_sva",
	.test_cases = sva_cases,
};
kunit_test_suite(sva_suite);

int main(void)
{
	return host_run_suites();
}
