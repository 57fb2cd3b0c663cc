// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: writing device table entries.
 *
 * References are to the AMD I/O Virtualization Technology (IOMMU)
 * Specification, publication 48882.
 */
#include <linux/compiler.h>
#include <linux/mm.h>

#include "amd_iommu.h"
#include "domain.h"

/*
 * Fields of the second quarter that describe the device and not its translation
 * (2.2.2.1): SE, SA, IoCtl, Cache, SD and SysMgt. EX, which would keep an exclusion
 * range accessible, and I are not among them.
 */
#define DTE_DEVICE_FIELDS	(GENMASK_ULL(38, 33) | GENMASK_ULL(41, 40))

/*
 * A table without present entries, for blocked devices. With memory encryption it
 * is encrypted like any page table.
 */
static u64 no_entries[PAGE_SIZE / sizeof(u64)] __aligned(PAGE_SIZE);

/**
 * amd_iommu_dte_block() - make a device table entry stop all DMA
 * @dte: the four 64-bit quarters of the entry, live or not
 * @keep_ats: leave the I bit, because the device's IOTLB is yet to be flushed
 *
 * The entry translates through an empty table and grants neither IR nor IW
 * (2.2.2.1); each of the two would suffice. Mode=0 without IR and IW is no
 * alternative: SNP does not allow it, emulators treat it as pass-through, and with
 * IW and SysMgt=01b, which erratum 63 of some southbridges requires, it is a
 * pass-through for writes.
 *
 * With I=0, translated requests and translation requests of the device are refused
 * as well.
 *
 * The first quarter is written first, by one store. Any mixture of old and new
 * quarters that the hardware may read acts as the old entry or as a blocked one.
 * Interrupt remapping, the third quarter, is not changed.
 *
 * Context: any. The caller clones aliases and invalidates what is cached.
 * Return: the domain ID that the entry had, 0 for none.
 */
u16 amd_iommu_dte_block(u64 *dte, bool keep_ats)
{
	u64 keep = DTE_DEVICE_FIELDS;
	u16 domid = dte[1] & DEV_DOMID_MASK;

	if (keep_ats)
		keep |= DTE_FLAG_IOTLB;
	WRITE_ONCE(dte[0], DTE_FLAG_V | DTE_FLAG_TV |
			   (u64)PAGE_MODE_3_LEVEL << DEV_ENTRY_MODE_SHIFT |
			   iommu_virt_to_phys(no_entries));
	WRITE_ONCE(dte[1], dte[1] & keep);
	return domid;
}
