// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: writing device table entries.
 *
 * References are to the AMD I/O Virtualization Technology (IOMMU)
 * Specification, publication 48882.
 */
#include <linux/compiler.h>

#include "amd_iommu_types.h"
#include "ext.h"

/*
 * Fields of the second quarter that say something about the device and not
 * about its translation (2.2.2.1): SE, SA, IoCtl, Cache, SD and SysMgt. Not
 * among them are EX, by which an exclusion range would stay open, and I.
 */
#define DTE_DEVICE_FIELDS	(GENMASK_ULL(38, 33) | GENMASK_ULL(41, 40))

/**
 * amd_iommu_dte_block() - make a device table entry stop all DMA
 * @dte: the four 64-bit quarters of the entry, live or not
 * @snp: the system runs with SNP, which forbids TV with Mode 0
 * @keep_ats: leave the I bit, because the device's IOTLB is yet to be flushed
 *
 * V=1, TV=1, Mode=0 without IR and IW ends every untranslated request with a
 * target abort (2.2.2.1, table of V, TV, Mode, IR and IW); so does V=1, TV=0.
 * With I=0 the same becomes of requests that the device claims to have had
 * translated, and of translation requests.
 *
 * IW stays clear even for devices with SysMgt=01b, for which erratum 63 of
 * some southbridges asks to have it set: with Mode 0 their writes would reach
 * any address.
 *
 * The first quarter is written first and in one go. Whatever mixture of old
 * and new quarters the hardware sees, it is the old entry or a blocked one.
 * Interrupt remapping, the third quarter, is not touched.
 *
 * Context: any. The caller clones aliases and invalidates what is cached.
 * Return: the domain ID that the entry had, 0 for none.
 */
u16 amd_iommu_dte_block(u64 *dte, bool snp, bool keep_ats)
{
	u64 keep = DTE_DEVICE_FIELDS;
	u16 domid = dte[1] & DEV_DOMID_MASK;

	if (keep_ats)
		keep |= DTE_FLAG_IOTLB;
	WRITE_ONCE(dte[0], DTE_FLAG_V | (snp ? 0 : DTE_FLAG_TV));
	WRITE_ONCE(dte[1], dte[1] & keep);
	return domid;
}
