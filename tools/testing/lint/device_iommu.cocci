// SPDX-License-Identifier: GPL-2.0-only
// What a device has of its IOMMU is the core's: others ask iommu-device.c.
virtual report

@initialize:python@
@@
def inside(p):
    name = p[0].file
    return "/tests/" in name or ("drivers/iommu/" in name and
                                 "drivers/iommu/iommufd/" not in name)

@member@
expression e;
position p;
@@
e->iommu@p

@script:python depends on report@
p << member.p;
@@
if not inside(p):
    coccilib.report.print_report(p[0], "looks at the IOMMU of a device outside the IOMMU core")
