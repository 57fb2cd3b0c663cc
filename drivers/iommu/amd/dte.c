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
 * Fields of the second quarter that say something about the device and not
 * about its translation (2.2.2.1): SE, SA, IoCtl, Cache, SD and SysMgt. Not
 * among them are EX, by which an exclusion range would stay open, and I.
 */
#define DTE_DEVICE_FIELDS	(GENMASK_ULL(38, 33) | GENMASK_ULL(41, 40))

/*
 * A table without a single entry, for devices that are to reach nothing. With
 * memory encryption it is as encrypted as any page table.
 */
static u64 no_entries[PAGE_SIZE / sizeof(u64)] __aligned(PAGE_SIZE);

/**
 * amd_iommu_dte_block() - make a device table entry stop all DMA
 * @dte: the four 64-bit quarters of the entry, live or not
 * @keep_ats: leave the I bit, because the device's IOTLB is yet to be flushed
 *
 * The entry translates through an empty table and grants neither IR nor IW
 * (2.2.2.1): each of the two is enough. Mode=0 without IR and IW would say the
 * same, but SNP does not allow it, emulators take it for a pass-through, and
 * where erratum 63 of some southbridges asks for IW with SysMgt=01b it is one
 * for writes.
 *
 * With I=0, requests that the device claims to have had translated and
 * translation requests are refused as well.
 *
 * The first quarter is written first and in one go. Whatever mixture of old
 * and new quarters the hardware sees, it is the old entry or a blocked one.
 * Interrupt remapping, the third quarter, is not touched.
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
