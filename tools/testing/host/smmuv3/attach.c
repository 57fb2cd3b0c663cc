// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices move between the domains of the SMMUv3 driver. A model of a device with ATS
 * looks on: it fills its cache whenever the driver does anything that the device could
 * notice, and complains about
 *
 * - an entry without EATS while its ATS is on;
 * - a cached translation of a domain whose flushes would not reach the device.
 */
#include <kunit/test.h>
#include <linux/iommu-ext.h>
#include <linux/iommu-pasid.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-ste.h"

#define NR_DOMAINS	5
#define SID		3

/* Two domains of each stage, and a bypass */
enum { S1_A, S1_B, S2_A, S2_B, BYPASS, BLOCKED, NR_PLACES };

/**
 * struct world - one SMMU with one device
 * @test: test that runs
 * @smmu: the SMMU
 * @ste: its stream table
 * @stream: the device's stream
 * @fwspec: what firmware says of the device
 * @pdev: the device
 * @master: the driver's data of it
 * @domain: domains
 * @cached: bit n: the device may have translations of domain n in its cache
 * @has_ats: device, root complex and SMMU support ATS
 * @refuses: the device cannot enable ATS
 * @nr_enabled: how often ATS was enabled
 * @nr_syncs: how often an entry was invalidated
 */
static struct world {
	struct kunit *test;
	struct arm_smmu_device smmu;
	struct arm_smmu_ste ste[8];
	struct arm_smmu_stream stream;
	struct iommu_fwspec fwspec;
	struct pci_dev pdev;
	struct arm_smmu_master master;
	struct arm_smmu_domain domain[NR_DOMAINS];
	unsigned int cached;
	bool has_ats, refuses;
	unsigned int nr_enabled, nr_syncs;
} world;

struct iommu_ops arm_smmu_ops;
bool arm_smmu_disable_bypass;

/* The descriptor for requests without a substream */
static const u64 *descriptor(u64 word0)
{
	const u64 *cd = (const u64 *)(word0 & GENMASK_ULL(55, 6));

	if (world.master.cd_table.root.s1fmt)
		cd = (const u64 *)(*cd & GENMASK_ULL(55, 12));
	KUNIT_EXPECT_TRUE(world.test, cd[0] & BIT_ULL(31));
	return cd;
}

static bool leads_to(const u64 *ste, struct arm_smmu_domain *domain)
{
	const u64 *cd;

	if ((ste[0] >> 1 & 7) != 5)
		return domain->stage == ARM_SMMU_DOMAIN_S2 &&
		       (ste[2] & 0xffff) == domain->s2_cfg.vmid;
	cd = descriptor(ste[0]);
	return domain->stage == ARM_SMMU_DOMAIN_S1 && cd[1] == domain->cd.ttbr &&
	       cd[0] >> 48 == domain->cd.asid;
}

/* The domain that the live entry leads to, or -1 */
static int current_domain(void)
{
	const u64 *ste = world.ste[SID].word;
	int i;

	if (!(ste[0] & 1) || (ste[0] >> 1 & 7) < 5)
		return -1;
	for (i = 0; i < BYPASS; i++)
		if (leads_to(ste, &world.domain[i]))
			return i;
	KUNIT_FAIL(world.test, "an entry leads to no domain");
	return -1;
}

/* Whether a flush of a domain invalidates the device's cache */
static bool is_flushed(struct arm_smmu_domain *domain)
{
	struct arm_smmu_member *member;

	if (!atomic_read(&domain->nr_ats_masters))
		return false;
	list_for_each_entry(member, &domain->devices, node)
		if (member->master == &world.master && member->ats)
			return true;
	return false;
}

static void device_looks_on(void)
{
	int i, live = current_domain();
	u64 eats = world.ste[SID].word[1] >> 28 & 3;

	if (world.pdev.ats_enabled) {
		KUNIT_EXPECT_TRUE_MSG(world.test, live >= 0 && eats == 1,
				      "ATS is on, and an entry has none");
		if (live >= 0)
			world.cached |= BIT(live);
	}
	for (i = 0; i < NR_DOMAINS; i++)
		if (world.cached & BIT(i) && !is_flushed(&world.domain[i]))
			KUNIT_FAIL(world.test, "domain %d is cached, but not flushed", i);
}

int pci_enable_ats(struct pci_dev *pdev, int stu)
{
	BUG_ON(pdev->ats_enabled);
	KUNIT_EXPECT_EQ(world.test, stu, 12);
	device_looks_on();
	if (world.refuses)
		return -EINVAL;
	pdev->ats_enabled = true;
	world.nr_enabled++;
	device_looks_on();
	return 0;
}

void pci_disable_ats(struct pci_dev *pdev)
{
	BUG_ON(!pdev->ats_enabled);
	device_looks_on();
	pdev->ats_enabled = false;
}

int arm_smmu_atc_inv_master(struct arm_smmu_master *master)
{
	device_looks_on();
	world.cached = 0;
	device_looks_on();
	return 0;
}

void arm_smmu_sync_ste_for_sid(struct arm_smmu_device *smmu, u32 sid)
{
	BUG_ON(sid != SID);
	world.nr_syncs++;
	device_looks_on();
}

__le64 *arm_smmu_get_step_for_sid(struct arm_smmu_device *smmu, u32 sid)
{
	return world.ste[sid].word;
}

bool arm_smmu_ats_supported(struct arm_smmu_master *master)
{
	return world.has_ats;
}

void arm_smmu_prefetch_cfg(struct arm_smmu_device *smmu, u32 sid) {}

/* Domains are made beforehand */
int arm_smmu_domain_finalise(struct iommu_domain *domain,
			     struct arm_smmu_master *master)
{
	return 0;
}

struct arm_smmu_domain *arm_smmu_domain_new(gfp_t gfp)
{
	return NULL;
}

void arm_smmu_domain_free(struct iommu_domain *domain) {}

static void sync_cd(void *arg, u32 ssid, bool leaf)
{
	device_looks_on();
}

static void make_domain(int i)
{
	struct arm_smmu_domain *domain = &world.domain[i];

	domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	domain->smmu = &world.smmu;
	INIT_LIST_HEAD(&domain->devices);
	if (i < S2_A) {
		domain->stage = ARM_SMMU_DOMAIN_S1;
		domain->cd.asid = i + 1;
		domain->cd.ttbr = (u64)(i + 1) << 20;
		domain->cd.mair = 0x4404ff;
	} else if (i < BYPASS) {
		domain->stage = ARM_SMMU_DOMAIN_S2;
		domain->s2_cfg.vmid = i + 1;
		domain->s2_cfg.vttbr = (u64)(i + 1) << 20;
	} else {
		domain->stage = ARM_SMMU_DOMAIN_BYPASS;
	}
}

static const struct arm_smmu_cd_table_ops table_ops = {
	.sync	= sync_cd,
};

/* A device that was just found: its streams abort */
static void start(struct kunit *test, bool has_ats, unsigned int ssid_bits)
{
	int i;

	memset(&world, 0, sizeof(world));
	world.test = test;
	world.has_ats = has_ats;
	world.smmu.features = ARM_SMMU_FEAT_2_LVL_CDTAB;
	world.smmu.pgsize_bitmap = SZ_4K | SZ_2M;
	world.pdev.dev.fwspec = &world.fwspec;
	world.pdev.dev.priv = &world.master;
	world.stream.id = SID;
	world.master.smmu = &world.smmu;
	world.master.dev = &world.pdev.dev;
	world.master.streams = &world.stream;
	world.master.num_streams = 1;
	world.master.ssid_bits = ssid_bits;
	world.master.cd_table.ops = &table_ops;
	arm_smmu_ste_make_abort(&world.ste[SID]);
	for (i = 0; i < NR_DOMAINS; i++)
		make_domain(i);
}

static int members(void)
{
	struct arm_smmu_member *member;
	int i, nr = 0;

	for (i = 0; i < NR_DOMAINS; i++)
		list_for_each_entry(member, &world.domain[i].devices, node)
			nr++;
	return nr;
}

/* What is true whenever a device is at its place */
static void check_place(int place)
{
	int i;

	device_looks_on();
	KUNIT_EXPECT_EQ(world.test, members(), place == BLOCKED ? 0 : 1);
	KUNIT_EXPECT_EQ(world.test, current_domain(), place < BYPASS ? place : -1);
	KUNIT_EXPECT_EQ(world.test, world.pdev.ats_enabled,
			world.has_ats && !world.refuses && place < BYPASS);
	KUNIT_EXPECT_EQ(world.test, world.cached,
			world.pdev.ats_enabled ? BIT(place) : 0ul);
	for (i = 0; i < NR_DOMAINS; i++)
		KUNIT_EXPECT_EQ(world.test, atomic_read(&world.domain[i].nr_ats_masters),
				world.has_ats && place < BYPASS && i == place);
}

static void go(int place)
{
	struct iommu_domain *blocked = arm_smmu_ops_ext.blocked_domain;
	int err;

	if (place == BLOCKED)
		err = blocked->ops->attach_dev(blocked, world.master.dev);
	else
		err = arm_smmu_attach_dev(&world.domain[place].domain, world.master.dev);
	KUNIT_ASSERT_EQ(world.test, err, 0);
	check_place(place);
}

static void finish(void)
{
	arm_smmu_detach_dev(&world.master);
	device_looks_on();
	KUNIT_EXPECT_EQ(world.test, members(), 0);
	KUNIT_EXPECT_FALSE(world.test, world.pdev.ats_enabled);
	KUNIT_EXPECT_EQ(world.test, world.cached, 0u);
	arm_smmu_cd_table_free(&world.master.cd_table);
}

/* To a place, to another one, and the same again */
static void go_to_and_fro(int from, int to)
{
	go(from);
	go(to);
	go(from);
	go(to);
	finish();
}

static const struct {
	bool has_ats, refuses;
	unsigned int ssid_bits;
} devices[] = {
	{ false, false, 0 }, { false, false, 20 },
	{ true, false, 0 }, { true, false, 8 }, { true, false, 20 },
	{ true, true, 0 }, { true, true, 20 },
};

/* From every place to every other one, with and without ATS and PASIDs */
static void caches_are_clean_on_all_ways(struct kunit *test)
{
	int i, way;

	for (i = 0; i < ARRAY_SIZE(devices); i++)
		for (way = 0; way < NR_PLACES * NR_PLACES; way++) {
			start(test, devices[i].has_ats, devices[i].ssid_bits);
			world.refuses = devices[i].refuses;
			go_to_and_fro(way / NR_PLACES, way % NR_PLACES);
		}
}

static void ats_stays_on_where_it_can(struct kunit *test)
{
	start(test, true, 0);
	go(S1_A);
	go(S1_B);
	go(S1_A);
	KUNIT_EXPECT_EQ(test, world.nr_enabled, 1u);
	/* An abort is in between */
	go(S2_A);
	KUNIT_EXPECT_EQ(test, world.nr_enabled, 2u);
	go(S2_B);
	KUNIT_EXPECT_EQ(test, world.nr_enabled, 3u);
	go(BLOCKED);
	go(S2_B);
	KUNIT_EXPECT_EQ(test, world.nr_enabled, 4u);
	finish();
}

/* One store, and one invalidation for it */
static void stage1_changes_by_one_invalidation(struct kunit *test)
{
	start(test, false, 20);
	go(S1_A);
	world.nr_syncs = 0;
	go(S1_B);
	KUNIT_EXPECT_EQ(test, world.nr_syncs, 1u);
	go(S1_B);
	KUNIT_EXPECT_EQ(test, world.nr_syncs, 1u);
	finish();
}

/* Whatever allocation fails, the device stays where it was */
static void failed_attach_changes_nothing(struct kunit *test)
{
	unsigned long fail_at = 0;
	int err;

	start(test, true, 20);
	go(S2_A);
	do {
		host_slab = (struct host_slab){ .fail_at = ++fail_at };
		err = arm_smmu_attach_dev(&world.domain[S1_A].domain, world.master.dev);
		KUNIT_EXPECT_EQ(test, host_slab.failed, err == -ENOMEM);
		check_place(err ? S2_A : S1_A);
	} while (err);
	host_slab = (struct host_slab){};
	/* Leaves, leaf 0, its spare, level 1 */
	KUNIT_EXPECT_EQ(test, fail_at, 5ul);
	finish();
}

static void other_smmus_and_bound_devices_are_refused(struct kunit *test)
{
	struct arm_smmu_device *other = calloc(1, sizeof(*other));

	start(test, true, 0);
	go(S1_A);
	world.domain[S1_B].smmu = other;
	KUNIT_EXPECT_EQ(test, arm_smmu_attach_dev(&world.domain[S1_B].domain,
						  world.master.dev), -EINVAL);
	check_place(S1_A);
	world.master.sva_enabled = true;
	KUNIT_EXPECT_EQ(test, arm_smmu_attach_dev(&world.domain[S2_A].domain,
						  world.master.dev), -EBUSY);
	check_place(S1_A);
	finish();
	free(other);
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE(caches_are_clean_on_all_ways),
	KUNIT_CASE(ats_stays_on_where_it_can),
	KUNIT_CASE(stage1_changes_by_one_invalidation),
	KUNIT_CASE(failed_attach_changes_nothing),
	KUNIT_CASE(other_smmus_and_bound_devices_are_refused),
	{}
};

static struct kunit_suite attach_suite = {
	.name = "iommu_smmuv3_attach",
	.test_cases = attach_cases,
};
kunit_test_suite(attach_suite);

int main(void)
{
	return host_run_suites();
}
