// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device and its PASIDs move between the domains of the SMMUv3 driver. A model of it
 * with ATS looks on: it fills its cache whenever the driver does anything that the device
 * could notice, and complains about
 *
 * - an entry without EATS while its ATS is on;
 * - a cached translation of a domain whose flushes would not reach it;
 * - requests, with or without a PASID, that reach another domain than the one they are on
 *   or moved to, or none although they are not moved;
 * - requests for substream 0 that reach what the device is not on.
 */
#include <kunit/test.h>
#include <linux/iommu-pasid.h>

#include "arm-smmu-v3.h"
#include "arm-smmu-v3-domain.h"
#include "arm-smmu-v3-pasid.h"
#include "arm-smmu-v3-ste.h"

#define NR_DOMAINS	5
#define SID		3

/* Two domains of each stage, and a bypass */
enum { S1_A, S1_B, S2_A, S2_B, BYPASS, BLOCKED, NR_PLACES };

/* What is moved: requests without a PASID, and two PASIDs in different leaves */
enum { OWN, LOW, HIGH, NR_POINTS };

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
 * @place: where each point is, by the driver's word
 * @goal: where it is being moved to; else its place
 * @cached: bit n: the device may have translations of domain n in its cache, by point
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
	int place[NR_POINTS], goal[NR_POINTS];
	unsigned int cached[NR_POINTS];
	bool has_ats, refuses;
	unsigned int nr_enabled, nr_syncs;
} world;

struct iommu_ops arm_smmu_ops;
bool arm_smmu_disable_bypass;

static u32 ssid_of(int point)
{
	if (point == HIGH)
		return world.master.ssid_bits > 10 ? 1030 : 200;
	return point == LOW ? 5 : 0;
}

/* The descriptor of a substream, or NULL */
static const u64 *descriptor(const u64 *ste, u32 ssid)
{
	const u64 *table = (const u64 *)(ste[0] & GENMASK_ULL(55, 6));

	if (ssid >> (ste[0] >> 59))
		return NULL;
	if (ste[0] >> 4 & 3) {
		if (!(table[ssid >> 10] & 1))
			return NULL;
		table = (const u64 *)(table[ssid >> 10] & GENMASK_ULL(55, 12));
		ssid %= 1024;
	}
	return table + 8 * ssid;
}

/* The domain that a descriptor leads to, or BLOCKED */
static int domain_of_cd(const u64 *cd)
{
	int i;

	if (!cd || !(cd[0] & BIT_ULL(31)))
		return BLOCKED;
	for (i = S1_A; i <= S1_B; i++)
		if (cd[1] == world.domain[i].cd.ttbr &&
		    cd[0] >> 48 == world.domain[i].cd.asid)
			return i;
	KUNIT_FAIL(world.test, "a descriptor leads to no domain");
	return BLOCKED;
}

static int domain_of_vmid(u64 vmid)
{
	int i;

	for (i = S2_A; i <= S2_B; i++)
		if (vmid == world.domain[i].s2_cfg.vmid)
			return i;
	KUNIT_FAIL(world.test, "an entry leads to no domain");
	return BLOCKED;
}

/* Requests for a substream; 0 is no exception here */
static int reached_by_ssid(u32 ssid)
{
	const u64 *ste = world.ste[SID].word;

	if ((ste[0] >> 1 & 7) != 5 || !(ste[0] >> 59) || (!ssid && (ste[1] & 3) == 2))
		return BLOCKED;
	return domain_of_cd(descriptor(ste, ssid));
}

/* The place that requests of a point reach */
static int reached(int point)
{
	const u64 *ste = world.ste[SID].word;

	if (point != OWN)
		return reached_by_ssid(ssid_of(point));
	switch (ste[0] >> 1 & 7) {
	case 4:
		return BYPASS;
	case 5:
		if (!(ste[0] >> 59) || (ste[1] & 3) == 2)
			return domain_of_cd(descriptor(ste, 0));
		return (ste[1] & 3) == 1 ? BYPASS : BLOCKED;
	case 6:
		return domain_of_vmid(ste[2] & 0xffff);
	default:
		return BLOCKED;
	}
}

/* Whether a flush of a domain invalidates what the device has cached for a point */
static bool is_flushed(struct arm_smmu_domain *domain, int point)
{
	struct arm_smmu_member *member;

	if (!atomic_read(&domain->nr_ats_masters))
		return false;
	list_for_each_entry(member, &domain->devices, node)
		if (member->master == &world.master && member->ats &&
		    member->ssid == ssid_of(point))
			return true;
	return false;
}

static void look_at_point(int point)
{
	int i, at = reached(point);
	bool moves = world.place[point] != world.goal[point];

	if (at != world.place[point] && at != world.goal[point] &&
	    !(moves && at == BLOCKED))
		KUNIT_FAIL(world.test, "point %d on %d, to %d, reaches %d", point,
			   world.place[point], world.goal[point], at);
	if (world.pdev.ats_enabled && at < BYPASS)
		world.cached[point] |= BIT(at);
	for (i = 0; i < NR_DOMAINS; i++)
		if (world.cached[point] & BIT(i) && !is_flushed(&world.domain[i], point))
			KUNIT_FAIL(world.test, "point %d: domain %d is cached, but not flushed",
				   point, i);
}

static void device_looks_on(void)
{
	u64 eats = world.ste[SID].word[1] >> 28 & 3;
	int i, by_0 = reached_by_ssid(0);

	if (world.pdev.ats_enabled)
		KUNIT_EXPECT_TRUE_MSG(world.test, (world.ste[SID].word[0] >> 1 & 7) > 4 &&
				      eats == 1, "ATS is on, and an entry has none");
	for (i = 0; i < NR_POINTS; i++)
		look_at_point(i);
	if (by_0 != BLOCKED && by_0 != world.place[OWN] && by_0 != world.goal[OWN])
		KUNIT_FAIL(world.test, "substream 0 reaches %d", by_0);
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

/* Without a PASID all that the device has cached goes */
int arm_smmu_atc_inv_master(struct arm_smmu_master *master, u32 ssid)
{
	int i;

	device_looks_on();
	for (i = 0; i < NR_POINTS; i++)
		if (!ssid || ssid_of(i) == ssid)
			world.cached[i] = 0;
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
	for (i = 0; i < NR_POINTS; i++)
		world.place[i] = world.goal[i] = BLOCKED;
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

static bool any_pasid(void)
{
	return world.place[LOW] != BLOCKED || world.place[HIGH] != BLOCKED;
}

static void check_counts(void)
{
	struct arm_smmu_member *member;
	int i, nr, points = 0;

	for (i = 0; i < NR_POINTS; i++)
		points += world.place[i] != BLOCKED;
	KUNIT_EXPECT_EQ(world.test, members(), points);
	for (i = 0; i < NR_DOMAINS; i++) {
		nr = 0;
		list_for_each_entry(member, &world.domain[i].devices, node)
			nr += member->ats;
		KUNIT_EXPECT_EQ(world.test, atomic_read(&world.domain[i].nr_ats_masters), nr);
	}
}

/* What is true whenever nothing moves */
static void check_places(void)
{
	bool translates = world.place[OWN] < BYPASS || any_pasid();
	int i;

	device_looks_on();
	check_counts();
	KUNIT_EXPECT_EQ(world.test, world.pdev.ats_enabled,
			world.has_ats && !world.refuses && translates);
	for (i = 0; i < NR_POINTS; i++) {
		KUNIT_EXPECT_EQ(world.test, reached(i), world.place[i]);
		KUNIT_EXPECT_EQ(world.test, world.cached[i],
				world.pdev.ats_enabled && world.place[i] < BYPASS ?
				BIT(world.place[i]) : 0ul);
	}
}

static int move(int point, int place)
{
	struct iommu_domain *domain = NULL;
	struct device *dev = world.master.dev;

	if (place != BLOCKED)
		domain = &world.domain[place].domain;

	if (point == OWN)
		return place == BLOCKED ? arm_smmu_block_device(NULL, dev) :
					  arm_smmu_attach_dev(domain, dev);
	return place == BLOCKED ? arm_smmu_block_pasid(NULL, dev, ssid_of(point), NULL) :
				  arm_smmu_set_dev_pasid(domain, dev, ssid_of(point), NULL);
}

static int try_to_go(int point, int place)
{
	int err;

	world.goal[point] = place;
	err = move(point, place);
	if (!err)
		world.place[point] = place;
	world.goal[point] = world.place[point];
	check_places();
	return err;
}

static void go_point(int point, int place)
{
	KUNIT_ASSERT_EQ(world.test, try_to_go(point, place), 0);
}

static void go(int place)
{
	go_point(OWN, place);
}

static void finish(void)
{
	go_point(LOW, BLOCKED);
	go_point(HIGH, BLOCKED);
	world.goal[OWN] = BLOCKED;
	arm_smmu_detach_dev(&world.master);
	world.place[OWN] = BLOCKED;
	device_looks_on();
	KUNIT_EXPECT_EQ(world.test, members(), 0);
	KUNIT_EXPECT_FALSE(world.test, world.pdev.ats_enabled);
	KUNIT_EXPECT_EQ(world.test, world.cached[OWN], 0u);
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
		world.goal[OWN] = S1_A;
		err = arm_smmu_attach_dev(&world.domain[S1_A].domain, world.master.dev);
		KUNIT_EXPECT_EQ(test, host_slab.failed, err == -ENOMEM);
		world.place[OWN] = world.goal[OWN] = err ? S2_A : S1_A;
		check_places();
	} while (err);
	host_slab = (struct host_slab){};
	/* Leaves, leaf 0, its spare, level 1 */
	KUNIT_EXPECT_EQ(test, fail_at, 5ul);
	finish();
}

static void other_smmus_are_refused(struct kunit *test)
{
	struct arm_smmu_device *other = calloc(1, sizeof(*other));

	start(test, true, 0);
	go(S1_A);
	world.domain[S1_B].smmu = other;
	KUNIT_EXPECT_EQ(test, arm_smmu_attach_dev(&world.domain[S1_B].domain,
						  world.master.dev), -EINVAL);
	check_places();
	finish();
	free(other);
}

/* Where PASIDs are used, what is not moved goes on, and the other way around */
static void pasids_and_the_device_go_on_undisturbed(struct kunit *test)
{
	static const int own[] = { S1_A, S1_B, BYPASS, BLOCKED };
	int i, way, from, to;

	for (i = 0; i < ARRAY_SIZE(devices); i++)
		for (way = 0; devices[i].ssid_bits && way < 16; way++) {
			from = own[way / 4];
			to = own[way % 4];
			start(test, devices[i].has_ats, devices[i].ssid_bits);
			world.refuses = devices[i].refuses;
			go(from);
			go_point(LOW, S1_A);
			go_point(HIGH, S1_B);
			go(to);
			go_point(LOW, S1_B);
			go(from);
			go_point(HIGH, S1_A);
			go_point(LOW, BLOCKED);
			go(to);
			go_point(HIGH, BLOCKED);
			go_point(HIGH, BLOCKED);
			go(from);
			finish();
		}
}

/* The only places that do not go together: PASIDs beside a stage 2 */
static bool go_together(int point, int place)
{
	if (point == OWN)
		return !any_pasid() || (place != S2_A && place != S2_B);
	return place == BLOCKED ||
	       (place <= S1_B && world.place[OWN] != S2_A && world.place[OWN] != S2_B);
}

static void any_walk_keeps_to_the_rules(struct kunit *test)
{
	unsigned int seed = 1, i, step;
	int point, place;

	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		if (!devices[i].ssid_bits)
			continue;
		start(test, devices[i].has_ats, devices[i].ssid_bits);
		world.refuses = devices[i].refuses;
		for (step = 0; step < 3000; step++) {
			seed = seed * 1103515245 + 12345;
			point = (seed >> 16) % NR_POINTS;
			place = (seed >> 20) % NR_PLACES;
			/* The identity is no domain of PASIDs; core and driver refuse it */
			KUNIT_EXPECT_EQ(test, !!try_to_go(point, place),
					!go_together(point, place));
		}
		finish();
	}
}

static void failed_pasid_changes_nothing(struct kunit *test)
{
	unsigned long fail_at;
	int err, from;

	for (from = 0; from < 2; from++) {
		start(test, true, 20);
		go(BYPASS);
		if (from)
			go_point(HIGH, S1_A);
		fail_at = 0;
		do {
			host_slab = (struct host_slab){ .fail_at = ++fail_at };
			world.goal[HIGH] = S1_B;
			err = arm_smmu_set_dev_pasid(&world.domain[S1_B].domain,
						     world.master.dev, ssid_of(HIGH), NULL);
			KUNIT_EXPECT_EQ(test, host_slab.failed, err == -ENOMEM);
			if (!err)
				world.place[HIGH] = S1_B;
			world.goal[HIGH] = world.place[HIGH];
			check_places();
		} while (err);
		host_slab = (struct host_slab){};
		KUNIT_EXPECT_GT(test, fail_at, from ? 1ul : 6ul);
		finish();
	}
}

static void pasids_that_do_not_fit_are_refused(struct kunit *test)
{
	struct arm_smmu_device *other = calloc(1, sizeof(*other));
	struct device *dev;

	start(test, true, 8);
	dev = world.master.dev;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			arm_smmu_set_dev_pasid(&world.domain[S1_A].domain, dev, 256, NULL));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			arm_smmu_device_fits(&world.domain[S1_A].domain, dev, 256));
	KUNIT_EXPECT_EQ(test, 0,
			arm_smmu_device_fits(&world.domain[S1_A].domain, dev, 255));
	world.domain[S1_B].smmu = other;
	KUNIT_EXPECT_EQ(test, -EINVAL, try_to_go(LOW, S1_B));
	world.domain[S1_B].smmu = NULL;
	KUNIT_EXPECT_EQ(test, -EINVAL, try_to_go(LOW, S1_B));
	go_point(LOW, S1_A);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			arm_smmu_device_fits(&world.domain[S2_A].domain, dev, 0));
	finish();
	free(other);
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE(pasids_and_the_device_go_on_undisturbed),
	KUNIT_CASE(any_walk_keeps_to_the_rules),
	KUNIT_CASE(failed_pasid_changes_nothing),
	KUNIT_CASE(pasids_that_do_not_fit_are_refused),
	KUNIT_CASE(caches_are_clean_on_all_ways),
	KUNIT_CASE(ats_stays_on_where_it_can),
	KUNIT_CASE(stage1_changes_by_one_invalidation),
	KUNIT_CASE(failed_attach_changes_nothing),
	KUNIT_CASE(other_smmus_are_refused),
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
