// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which calls and flags a driver of an IOMMU takes, and why it refuses the others: one
 * result for each, with the reason.
 *
 *	driver_matrix vtd|amd|smmuv3|smmuv3-unsafe|virtio
 *
 * It is the table of Documentation/driver-api/iommu-drivers.rst as a program meets it. A
 * driver that learns something has to change its column here.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "edu_user.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/tap.h"
#include "lib/viommu.h"

#define UNKNOWN_FLAG	(1u << 5)
#define BLOB_BYTES	16

enum driver { VTD, AMD, SMMU, SMMU_UNSAFE, VIRTIO, NR_DRIVERS };

static const char *const drivers[NR_DRIVERS] = {
	"vtd", "amd", "smmuv3", "smmuv3-unsafe", "virtio",
};

/* Why a driver refuses */
static const char *const nothing_yet = "the driver has no such page tables yet";
static const char *const stale = "a guest could bypass the caches";
static const char *const one_kind = "no page table does both";
static const char *const no_hardware = "it has no hardware to describe or to share";
static const char *const no_parent = "nothing can be nested";
static const char *const no_such = "there is no such thing";
static const char *const on_viommu = "it is made on a virtual IOMMU";

struct cell {
	int err;
	const char *why;
};

#define REFUSES(why)	{ -EOPNOTSUPP, why }
#define WORKS		{ 0, NULL }

struct row {
	const char *name;
	uint32_t arg;
	int (*call)(uint32_t dev, uint32_t ioas, uint32_t arg);
	struct cell cell[NR_DRIVERS];
};

static int alloc(uint32_t dev, uint32_t ioas, uint32_t flags)
{
	uint32_t hwpt;
	int err = hwpt_alloc_flags(iommufd, dev, ioas, flags, &hwpt);

	return err ? err : object_destroy(iommufd, hwpt);
}

/* On a parent where there can be one, else on what there is */
static int nested(uint32_t dev, uint32_t ioas, uint32_t type)
{
	uint64_t blob[BLOB_BYTES / 8] = { 0 };
	uint32_t parent, hwpt;
	int err;

	err = hwpt_alloc_flags(iommufd, dev, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &parent);
	if (err)
		return hwpt_alloc_data(iommufd, dev, ioas, type, blob, sizeof(blob), &hwpt);
	err = hwpt_alloc_data(iommufd, dev, parent, type, blob, sizeof(blob), &hwpt);
	if (!err)
		object_destroy(iommufd, hwpt);
	object_destroy(iommufd, parent);
	return err;
}

static int viommu(uint32_t dev, uint32_t ioas, uint32_t type)
{
	uint32_t table, id;
	int err;

	err = hwpt_alloc_flags(iommufd, dev, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &table);
	if (err)
		err = hwpt_alloc_flags(iommufd, dev, ioas, 0, &table);
	if (err)
		return err;
	err = viommu_alloc_type(iommufd, type, dev, table, &id);
	if (!err)
		object_destroy(iommufd, id);
	object_destroy(iommufd, table);
	return err;
}

static int hw_info(uint32_t dev, uint32_t ioas, uint32_t type)
{
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .dev_id = dev, .in_data_type = type,
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
	};

	return iommufd_call(iommufd, IOMMU_GET_HW_INFO, &arg);
}

/* Numbers of the user ABI that have no name in its header yet */
enum { HW_INFO_VTD = 1, HW_INFO_AMD = 4, HWPT_VTD_S1 = 1, HWPT_AMD_GUEST = 3, VIOMMU_CMDQV = 2 };

static const struct row rows[] = {
	{ "HWPT_ALLOC", 0, alloc, { WORKS, WORKS, WORKS, WORKS, WORKS } },
	{ "HWPT_ALLOC, NEST_PARENT", IOMMU_HWPT_ALLOC_NEST_PARENT, alloc,
	  { REFUSES(nothing_yet), REFUSES(nothing_yet), REFUSES(stale), WORKS,
	    REFUSES(no_hardware) } },
	{ "HWPT_ALLOC, DIRTY_TRACKING", IOMMU_HWPT_ALLOC_DIRTY_TRACKING, alloc,
	  { REFUSES(nothing_yet), REFUSES(nothing_yet), REFUSES(nothing_yet),
	    REFUSES(nothing_yet), REFUSES(no_hardware) } },
	{ "HWPT_ALLOC, PASID", IOMMU_HWPT_ALLOC_PASID, alloc,
	  { REFUSES(nothing_yet), REFUSES(nothing_yet), WORKS, WORKS, REFUSES(no_hardware) } },
	{ "HWPT_ALLOC, NEST_PARENT and PASID",
	  IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_PASID, alloc,
	  { REFUSES(nothing_yet), REFUSES(nothing_yet), REFUSES(one_kind), REFUSES(one_kind),
	    REFUSES(no_hardware) } },
	{ "HWPT_ALLOC, an unknown flag", UNKNOWN_FLAG, alloc,
	  { REFUSES(no_such), REFUSES(no_such), REFUSES(no_such), REFUSES(no_such),
	    REFUSES(no_such) } },
	{ "HWPT_ALLOC of VT-d's first stage", HWPT_VTD_S1, nested,
	  { REFUSES(no_parent), REFUSES(no_such), REFUSES(no_such), REFUSES(no_such),
	    REFUSES(no_such) } },
	{ "HWPT_ALLOC of SMMUv3's stage 1", IOMMU_HWPT_DATA_ARM_SMMUV3, nested,
	  { REFUSES(no_such), REFUSES(no_such), REFUSES(no_parent), REFUSES(on_viommu),
	    REFUSES(no_such) } },
	{ "HWPT_ALLOC of AMD's guest table", HWPT_AMD_GUEST, nested,
	  { REFUSES(no_such), REFUSES(no_parent), REFUSES(no_such), REFUSES(no_such),
	    REFUSES(no_such) } },
	{ "VIOMMU_ALLOC of an SMMUv3", IOMMU_VIOMMU_TYPE_ARM_SMMUV3, viommu,
	  { REFUSES(no_such), REFUSES(no_such), REFUSES(stale), WORKS, REFUSES(no_such) } },
	{ "VIOMMU_ALLOC of a command queue", VIOMMU_CMDQV, viommu,
	  { REFUSES(no_such), REFUSES(no_such), REFUSES(no_such), REFUSES(no_such),
	    REFUSES(no_such) } },
	{ "GET_HW_INFO", IOMMU_HW_INFO_TYPE_DEFAULT, hw_info,
	  { WORKS, WORKS, WORKS, WORKS, WORKS } },
	{ "GET_HW_INFO of VT-d", HW_INFO_VTD, hw_info,
	  { REFUSES(nothing_yet), REFUSES(no_such), REFUSES(no_such), REFUSES(no_such),
	    REFUSES(no_such) } },
	{ "GET_HW_INFO of SMMUv3", IOMMU_HW_INFO_TYPE_ARM_SMMUV3, hw_info,
	  { REFUSES(no_such), REFUSES(no_such), WORKS, WORKS, REFUSES(no_such) } },
	{ "GET_HW_INFO of AMD", HW_INFO_AMD, hw_info,
	  { REFUSES(no_such), REFUSES(nothing_yet), REFUSES(no_such), REFUSES(no_such),
	    REFUSES(no_such) } },
};

static void print_rows(enum driver driver, uint32_t dev, uint32_t ioas)
{
	const struct cell *cell;
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cell = &rows[i].cell[driver];
		err = rows[i].call(dev, ioas, rows[i].arg);
		expect(cell->err, err, "%s: %s: %s%s", drivers[driver], rows[i].name,
		       cell->err ? "refused, " : "works", cell->err ? cell->why : "");
	}
}

static int driver_of(const char *name)
{
	int i;

	for (i = 0; i < NR_DRIVERS; i++)
		if (!strcmp(drivers[i], name))
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	int driver = argc == 2 ? driver_of(argv[1]) : -1, ioas;
	char bdf[PCI_BDF_LEN];
	struct edu edu;

	if (driver < 0) {
		fprintf(stderr, "usage: driver_matrix vtd|amd|smmuv3|smmuv3-unsafe|virtio\n");
		return 2;
	}
	if (!edu_begin())
		return tap_end();
	if (pci_find(EDU_VENDOR, EDU_DEVICE, bdf)) {
		tap_skip("driver_matrix", "this machine has no edu device");
		return tap_end();
	}
	if (expect(0, edu_open(&edu, bdf), "open and bind the device")) {
		ioas = ioas_new(iommufd);
		if (tap_ok(ioas > 0, "an address space"))
			print_rows(driver, edu.dev_id, ioas);
	}
	edu_close(&edu);
	close(iommufd);
	return tap_end();
}
