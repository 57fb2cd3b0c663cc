// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel tells of an SMMUv3, and which virtual ones, nested page tables and queues it
 * refuses, each with its errno. The device goes on translating after every refusal.
 *
 *	smmuv3_nested_errno		nesting is allowed
 *	smmuv3_nested_errno refused	it is not, as a guest could get around the caches
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/viommu.h"
#include "smmu_guest.h"

#define UNKNOWN_TYPE	77
#define INFO_BYTES	40
#define IDR0_S2P	(1u << 0)
#define IDR0_S1P	(1u << 1)
#define IDR0_AARCH64	(1u << 3)

static int get_info(uint32_t dev, uint32_t flags, uint32_t *type, void *data, uint32_t *len)
{
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = dev, .data_len = *len,
		.data_uptr = (uintptr_t)data, .in_data_type = *type,
	};
	int err = iommufd_call(iommufd, IOMMU_GET_HW_INFO, &arg);

	*type = arg.out_data_type;
	*len = arg.data_len;
	return err;
}

static void test_info_type(uint32_t dev)
{
	struct iommu_hw_info_arm_smmuv3 info;
	uint32_t type = UNKNOWN_TYPE, len = sizeof(info);

	expect(-EOPNOTSUPP, get_info(dev, IOMMU_HW_INFO_FLAG_INPUT_TYPE, &type, &info, &len),
	       "registers of an unknown type");
	type = 1;
	len = sizeof(info);
	expect(-EOPNOTSUPP, get_info(dev, IOMMU_HW_INFO_FLAG_INPUT_TYPE, &type, &info, &len),
	       "registers of a VT-d");
	type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3;
	len = sizeof(info);
	expect(0, get_info(dev, IOMMU_HW_INFO_FLAG_INPUT_TYPE, &type, &info, &len),
	       "registers of an SMMUv3");
	tap_ok(type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3 && len == INFO_BYTES, "they are those");
}

/* Another length than the 40 bytes of registers */
static void test_info_length(uint32_t dev, const struct iommu_hw_info_arm_smmuv3 *info)
{
	uint32_t type = IOMMU_HW_INFO_TYPE_DEFAULT, len = 2 * INFO_BYTES;
	uint8_t data[2 * INFO_BYTES];

	memset(data, CANARY, sizeof(data));
	expect(0, get_info(dev, 0, &type, data, &len), "registers with more room");
	tap_ok(len == INFO_BYTES && !memcmp(data, info, INFO_BYTES) &&
	       page_is(data + INFO_BYTES, INFO_BYTES, 0), "the rest is zero");
	memset(data, CANARY, sizeof(data));
	type = IOMMU_HW_INFO_TYPE_DEFAULT;
	len = 16;
	expect(0, get_info(dev, 0, &type, data, &len), "registers with less room");
	tap_ok(len == INFO_BYTES && !memcmp(data, info, 16) &&
	       page_is(data + 16, sizeof(data) - 16, CANARY), "the first ones are there");
}

static void check_info(uint32_t dev)
{
	uint32_t type = IOMMU_HW_INFO_TYPE_DEFAULT, len = sizeof(struct iommu_hw_info_arm_smmuv3);
	struct iommu_hw_info_arm_smmuv3 info;

	memset(&info, CANARY, sizeof(info));
	expect(0, get_info(dev, 0, &type, &info, &len), "registers of any type");
	tap_ok(type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3, "an SMMUv3 is told of");
	tap_ok(len == INFO_BYTES && sizeof(info) == INFO_BYTES, "in 40 bytes");
	tap_ok(!info.flags && !info.__reserved, "no flag is set");
	printf("# IDR0 %#x IDR1 %#x IDR3 %#x IDR5 %#x IIDR %#x AIDR %#x\n", info.idr[0],
	       info.idr[1], info.idr[3], info.idr[5], info.iidr, info.aidr);
	tap_ok((info.idr[0] & (IDR0_S1P | IDR0_S2P | IDR0_AARCH64)) ==
	       (IDR0_S1P | IDR0_S2P | IDR0_AARCH64), "IDR0: both stages, 64-bit tables");
	tap_ok(info.idr[1] && info.idr[5], "IDR1 and IDR5 are there");
	tap_ok(info.aidr && !(info.aidr & ~0xfu), "AIDR: a version after 3.0");
	test_info_type(dev);
	test_info_length(dev, &info);
}

static void test_info(void)
{
	machine_open(1);
	check_info(machine_edus[0].dev_id);
	machine_close();
}

/* Page tables of the kernel */

static int alloc_flags(struct smmu_guest *g, uint32_t flags)
{
	uint32_t hwpt;
	int err = hwpt_alloc_flags(iommufd, g->edu->dev_id, g->ioas, flags, &hwpt);

	return err ? err : (int)hwpt;
}

static void expect_works(struct smmu_guest *g, const char *after)
{
	expect(0, guest_command(g, smmu_nh_all()), "after %s a command works", after);
	tap_ok(lands(g, INPUT, data_page(g, 3)), "after %s DMA works", after);
	tap_ok(guest_has_no_event(g), "after %s there is no event", after);
}

static void begin_on_stage1(struct smmu_guest *g)
{
	machine_open(1);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
}

static void test_parents(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	expect(-EOPNOTSUPP, alloc_flags(g, IOMMU_HWPT_ALLOC_NEST_PARENT |
					   IOMMU_HWPT_ALLOC_DIRTY_TRACKING),
	       "a parent with dirty tracking");
	expect(-EOPNOTSUPP, alloc_flags(g, IOMMU_HWPT_ALLOC_NEST_PARENT |
					   IOMMU_HWPT_ALLOC_PASID), "a parent for PASIDs");
	expect(-EOPNOTSUPP, alloc_flags(g, IOMMU_HWPT_ALLOC_NEST_PARENT |
					   IOMMU_HWPT_FAULT_ID_VALID), "a parent with faults");
	tap_ok(alloc_flags(g, IOMMU_HWPT_ALLOC_NEST_PARENT) > 0, "a second parent");
	tap_ok(alloc_flags(g, 0) > 0, "a page table that is no parent");
	expect_works(g, "refused parents");
	machine_close();
}

/* Virtual IOMMUs, names and queues */

static int make_viommu(struct smmu_guest *g, uint32_t type, uint32_t parent)
{
	uint32_t viommu;
	int err = viommu_alloc_type(iommufd, type, g->edu->dev_id, parent, &viommu);

	return err ? err : (int)viommu;
}

static void test_viommu_data(struct smmu_guest *g)
{
	uint64_t data = 0;
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = g->edu->dev_id, .hwpt_id = g->parent, .data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect(-EINVAL, iommufd_call(iommufd, IOMMU_VIOMMU_ALLOC, &arg),
	       "a virtual IOMMU with data, which the type does not have");
	arg.data_len = 0;
	arg.flags = 1;
	expect(-EOPNOTSUPP, iommufd_call(iommufd, IOMMU_VIOMMU_ALLOC, &arg),
	       "a virtual IOMMU with a flag");
}

static void test_viommus(void)
{
	struct smmu_guest guest, *g = &guest;
	int plain;

	begin_on_stage1(g);
	plain = must(alloc_flags(g, 0), "a page table that is no parent");
	expect(-EINVAL, make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, plain),
	       "a virtual IOMMU on it");
	expect(-ENOENT, make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->nested),
	       "a virtual IOMMU on a nested page table");
	expect(-ENOENT, make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, NO_SUCH_ID),
	       "a virtual IOMMU on nothing");
	expect(-EOPNOTSUPP, make_viommu(g, IOMMU_VIOMMU_TYPE_DEFAULT, g->parent),
	       "a virtual IOMMU of no type");
	expect(-EOPNOTSUPP, make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3 + 1, g->parent),
	       "a virtual IOMMU of the next type");
	expect(-EOPNOTSUPP, make_viommu(g, UNKNOWN_TYPE, g->parent),
	       "a virtual IOMMU of an unknown type");
	test_viommu_data(g);
	tap_ok(make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->parent) > 0,
	       "a second virtual IOMMU on the parent");
	expect_works(g, "refused virtual IOMMUs");
	machine_close();
}

static void test_names(void)
{
	struct smmu_guest guest, *g = &guest;
	uint32_t name, second;

	machine_open(2);
	guest_begin(g);
	attach(g, g->nested, "attach to stage 1");
	second = must(make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->parent),
		      "a second virtual IOMMU");
	expect(-EEXIST, vdevice_alloc(iommufd, g->viommu, g->edu->dev_id, GUEST_SID + 1, &name),
	       "a second name of a device");
	expect(-EEXIST, vdevice_alloc(iommufd, second, g->edu->dev_id, GUEST_SID + 1, &name),
	       "a name of it at the second virtual IOMMU");
	expect(-EEXIST, vdevice_alloc(iommufd, g->viommu, machine_edus[1].dev_id, GUEST_SID,
				      &name), "the name of another device");
	expect(-EINVAL, vdevice_alloc(iommufd, g->viommu, machine_edus[1].dev_id, 1ULL << 32,
				      &name), "a name that is no stream ID");
	expect(0, vdevice_alloc(iommufd, g->viommu, machine_edus[1].dev_id, UINT32_MAX, &name),
	       "the last stream ID");
	expect(0, object_destroy(iommufd, name), "take it away");
	expect(0, vdevice_alloc(iommufd, second, machine_edus[1].dev_id, GUEST_SID, &name),
	       "the same stream ID at the second virtual IOMMU");
	expect_works(g, "refused names");
	machine_close();
}

static int make_queue(uint32_t viommu, uint32_t type, uint32_t depth)
{
	uint32_t queue;

	return veventq_alloc_type(iommufd, viommu, type, depth, &queue);
}

static void test_queues(void)
{
	struct smmu_guest guest, *g = &guest;
	uint32_t type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, second;

	begin_on_stage1(g);
	second = must(make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->parent),
		      "a second virtual IOMMU");
	expect(-EEXIST, make_queue(g->viommu, type, 1), "a second queue of events");
	expect(-EOPNOTSUPP, make_queue(second, type + 1, 1), "a queue of the next type");
	expect(-EOPNOTSUPP, make_queue(second, UNKNOWN_TYPE, 1), "a queue of an unknown type");
	expect(-EOPNOTSUPP, make_queue(second, IOMMU_VEVENTQ_TYPE_DEFAULT, 1),
	       "a queue of no type");
	expect(-EINVAL, make_queue(second, type, 0), "a queue without room");
	expect_works(g, "refused queues");
	machine_close();
}

/* Nested page tables */

static int make_nested(struct smmu_guest *g, uint32_t pt, uint32_t type, const void *data,
		       uint32_t len)
{
	uint32_t hwpt;
	int err = hwpt_alloc_data(iommufd, g->edu->dev_id, pt, type, data, len, &hwpt);

	return err ? err : (int)hwpt;
}

static void test_blobs(struct smmu_guest *g)
{
	uint32_t type = IOMMU_HWPT_DATA_ARM_SMMUV3;
	struct iommu_hwpt_arm_smmuv3 ste[2] = { smmu_ste_stage1(&g->s1) };

	expect(-EOPNOTSUPP, make_nested(g, g->parent, type, ste, sizeof(*ste)),
	       "an entry on the parent, without a virtual IOMMU");
	expect(-EOPNOTSUPP, make_nested(g, g->viommu, 1, ste, sizeof(*ste)),
	       "data of a VT-d");
	expect(-EOPNOTSUPP, make_nested(g, g->viommu, UNKNOWN_TYPE, ste, sizeof(*ste)),
	       "data of an unknown type");
	expect(-EOPNOTSUPP, make_nested(g, g->viommu, IOMMU_HWPT_DATA_NONE, NULL, 0),
	       "no data");
	expect(-EINVAL, make_nested(g, g->viommu, IOMMU_HWPT_DATA_NONE, ste, sizeof(*ste)),
	       "data of no type");
	expect(-EINVAL, make_nested(g, g->viommu, type, ste, 0), "an entry of no length");
	expect(-EINVAL, make_nested(g, g->viommu, type, ste, 8), "half an entry");
	expect(-EINVAL, make_nested(g, g->viommu, type, ste, 15), "almost an entry");
	expect(-EINVAL, make_nested(g, g->viommu, type, ste, 24), "more than an entry");
	expect(-EINVAL, make_nested(g, g->viommu, type, ste, sizeof(ste)), "two entries");
	expect(-EFAULT, make_nested(g, g->viommu, type, NULL, sizeof(*ste)),
	       "an entry that cannot be read");
	expect(-EINVAL, make_nested(g, g->nested, type, ste, sizeof(*ste)),
	       "an entry on a nested page table");
	expect(-EINVAL, make_nested(g, g->vdevice, type, ste, sizeof(*ste)),
	       "an entry on a name");
}

static void test_blob_flags(struct smmu_guest *g)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{ IOMMU_HWPT_ALLOC_NEST_PARENT, "NEST_PARENT" },
		{ IOMMU_HWPT_ALLOC_DIRTY_TRACKING, "DIRTY_TRACKING" },
		{ IOMMU_HWPT_ALLOC_PASID, "PASID" },
	};
	struct iommu_hwpt_arm_smmuv3 ste = smmu_ste_stage1(&g->s1);
	unsigned int i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct iommu_hwpt_alloc arg = {
			.size = sizeof(arg), .flags = flags[i].flag, .dev_id = g->edu->dev_id,
			.pt_id = g->viommu, .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
			.data_len = sizeof(ste), .data_uptr = (uintptr_t)&ste,
		};

		expect(-EOPNOTSUPP, iommufd_call(iommufd, IOMMU_HWPT_ALLOC, &arg),
		       "an entry with the flag %s", flags[i].name);
	}
}

/* Which bits are refused one by one, added to an entry that is taken */
static uint64_t refused_bits(struct smmu_guest *g, unsigned int word)
{
	uint64_t words[2] = { smmu_ste_word0(&g->s1), SMMU_STE_1_S1 }, refused = 0, bit;
	int hwpt;

	for (bit = 1; bit; bit <<= 1) {
		if (words[word] & bit)
			continue;
		words[word] |= bit;
		hwpt = guest_nested(g, smmu_ste(words[0], words[1]));
		words[word] &= ~bit;
		if (hwpt == -EIO)
			refused |= bit;
		else if (hwpt < 0)
			printf("# bit %d of word %u: %s\n", __builtin_ctzll(bit), word,
			       strerror(-hwpt));
		else
			object_destroy(iommufd, hwpt);
	}
	return refused;
}

/*
 * The table has no alignment of its own, so the low bits of its pointer may be anything. Bits
 * 55 to 52 of it are not judged: the hardware here has no such addresses. Nor are those that
 * are set in the entry. Bit 29 makes EATS 2, bit 28 makes it 1.
 */
static void test_bits(struct smmu_guest *g)
{
	uint64_t pointer = 0x00ffffffffffffc0ULL, wide = 0xfULL << 52;
	uint64_t mine0 = 1ULL | 7ULL << 1 | 3ULL << 4 | pointer | 31ULL << 59;
	uint64_t mine1 = 3ULL | 3ULL << 2 | 3ULL << 4 | 3ULL << 6 | 1ULL << 27 | 1ULL << 28;
	/* Config: one more bit makes stage 1 into both */
	uint64_t want0 = (~mine0 | 2ULL << 1) & ~smmu_ste_word0(&g->s1);
	uint64_t want1 = ~mine1 & ~SMMU_STE_1_S1;
	uint64_t got0 = refused_bits(g, 0) & ~wide, got1 = refused_bits(g, 1);

	if (!tap_ok(got0 == want0, "word 0: every bit that is not the guest's is EIO"))
		printf("# wanted %#llx, refused are %#llx\n", (unsigned long long)want0,
		       (unsigned long long)got0);
	if (!tap_ok(got1 == want1, "word 1: every bit that is not the guest's is EIO"))
		printf("# wanted %#llx, refused are %#llx\n", (unsigned long long)want1,
		       (unsigned long long)got1);
}

static void test_configs(struct smmu_guest *g)
{
	static const int refused[] = { 1, 2, 3, SMMU_STE_CONFIG_S2, SMMU_STE_CONFIG_BOTH };
	static const int taken[] = {
		SMMU_STE_CONFIG_ABORT, SMMU_STE_CONFIG_BYPASS, SMMU_STE_CONFIG_S1
	};
	unsigned int i;
	int hwpt;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		expect(-EIO, guest_nested(g, smmu_ste_config(refused[i])), "Config %d",
		       refused[i]);
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		hwpt = guest_nested(g, smmu_ste_config(taken[i]));
		tap_ok(hwpt > 0, "Config %d is taken (%d)", taken[i], hwpt);
	}
	expect(-EIO, guest_nested(g, smmu_ste(smmu_ste_word0(&g->s1), SMMU_STE_1_S1 |
					      2ULL << SMMU_STE_1_EATS)), "EATS 2");
	expect(-EIO, guest_nested(g, smmu_ste(smmu_ste_word0(&g->s1), SMMU_STE_1_S1 |
					      3ULL << SMMU_STE_1_EATS)), "EATS 3");
	tap_ok(guest_nested(g, smmu_ste(0, ~0ULL)) > 0,
	       "an entry that is not valid is taken, whatever else it says");
}

/* There is no ATS here: the entry works as one without it */
static void test_eats(struct smmu_guest *g)
{
	int hwpt = guest_nested(g, smmu_ste(smmu_ste_word0(&g->s1),
					    SMMU_STE_1_S1 | 1ULL << SMMU_STE_1_EATS));

	must(hwpt, "an entry with full ATS");
	expect(hwpt, cdev_attach(g->edu->fd, hwpt), "attach to an entry with full ATS");
	tap_ok(lands(g, INPUT, data_page(g, 3)), "an entry with full ATS: DMA works");
	attach(g, g->nested, "attach to stage 1");
}

static void test_entries(void)
{
	struct smmu_guest guest, *g = &guest;

	begin_on_stage1(g);
	test_blobs(g);
	test_blob_flags(g);
	test_bits(g);
	test_configs(g);
	test_eats(g);
	expect_works(g, "refused entries");
	machine_close();
}

/* Attach */

/* The virtual IOMMU here has no name for the device */
static void test_nameless(struct smmu_guest *g, uint32_t viommu, const char *when)
{
	uint32_t own = g->viommu;
	int stage1, bypass, closed;

	g->viommu = viommu;
	stage1 = must(guest_nested(g, smmu_ste_stage1(&g->s1)), "stage 1");
	bypass = must(guest_nested(g, smmu_ste_config(SMMU_STE_CONFIG_BYPASS)), "a bypass");
	closed = must(guest_nested(g, smmu_ste_config(SMMU_STE_CONFIG_ABORT)), "an abort");
	g->viommu = own;

	attach(g, g->parent, "attach to the parent");
	expect(-ENOENT, cdev_attach(g->edu->fd, stage1), "%s: attach to stage 1", when);
	tap_ok(lands(g, INPUT, g->same), "%s: the device stays on the parent", when);
	expect(bypass, cdev_attach(g->edu->fd, bypass), "%s: attach to a bypass", when);
	tap_ok(lands(g, INPUT, g->same), "%s: the bypass works", when);
	expect(-ENOENT, cdev_attach(g->edu->fd, stage1), "%s: stage 1 after it", when);
	tap_ok(lands(g, INPUT, g->same), "%s: the device stays on the bypass", when);
	expect(closed, cdev_attach(g->edu->fd, closed), "%s: attach to an abort", when);
	tap_ok(is_blocked(g, INPUT), "%s: the abort works", when);
	must(cdev_detach(g->edu->fd), "detach");
	expect(-ENOENT, cdev_attach(g->edu->fd, stage1), "%s: stage 1 after a detach", when);
	tap_ok(is_blocked(g, INPUT), "%s: the device stays detached", when);
}

static void test_attach(void)
{
	struct smmu_guest guest, *g = &guest;
	uint32_t second;

	machine_open(1);
	guest_begin(g);
	second = must(make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, g->parent),
		      "a second virtual IOMMU");
	test_nameless(g, second, "a name elsewhere");
	must(object_destroy(iommufd, g->vdevice), "take the name away");
	test_nameless(g, g->viommu, "no name");
	must(vdevice_alloc(iommufd, g->viommu, g->edu->dev_id, g->sid, &g->vdevice), "a name");
	expect(g->nested, cdev_attach(g->edu->fd, g->nested), "a name: attach to stage 1");
	expect_works(g, "refused attaches");
	machine_close();
}

/* Where nesting is not allowed */

/* The arguments are otherwise right, as far as there can be any */
static void test_not_allowed(void)
{
	struct smmu_guest guest = { .edu = &machine_edus[0] }, *g = &guest;
	int plain;

	machine_open(1);
	check_info(g->edu->dev_id);
	g->ioas = must(ioas_new(iommufd), "an address space");
	expect(-EOPNOTSUPP, alloc_flags(g, IOMMU_HWPT_ALLOC_NEST_PARENT),
	       "not allowed: a nesting parent");
	plain = must(alloc_flags(g, 0), "a page table that is no parent");
	expect(-EOPNOTSUPP, make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, plain),
	       "not allowed: a virtual IOMMU");
	expect(-EOPNOTSUPP, make_viommu(g, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, NO_SUCH_ID),
	       "not allowed: a virtual IOMMU, whatever it is on");
	machine_close();
}

static void test_rest_works(void)
{
	uint8_t *page;
	int ioas, hwpt;

	machine_open(1);
	page = space_with_page(&ioas, IOVA);
	must(page ? 0 : -ENOMEM, "an address space with a page");
	tap_ok(cdev_attach(machine_edus[0].fd, ioas) > 0, "attach to the address space");
	expect_page(&machine_edus[0], page, "not allowed");
	must(hwpt_alloc(iommufd, machine_edus[0].dev_id, ioas, (uint32_t *)&hwpt),
	     "a page table");
	expect(hwpt, cdev_attach(machine_edus[0].fd, hwpt), "replace by a page table");
	expect_page(&machine_edus[0], page, "not allowed, on a page table");
	must(ioas_unmap(iommufd, ioas, IOVA, PAGE_BYTES, NULL), "unmap the page");
	tap_ok(writes_blocked(&machine_edus[0], IOVA, page),
	       "not allowed: what is unmapped is blocked");
	machine_close();
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		PART(test_not_allowed());
		PART(test_rest_works());
		return tap_end();
	}
	PART(test_info());
	PART(test_parents());
	PART(test_viommus());
	PART(test_names());
	PART(test_queues());
	PART(test_entries());
	PART(test_attach());
	return tap_end();
}
