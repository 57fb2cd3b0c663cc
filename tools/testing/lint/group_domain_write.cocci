// SPDX-License-Identifier: GPL-2.0-only
// Only the attach layer changes what a group is attached to.
virtual report

@initialize:python@
@@
def outside(p):
    return not p[0].file.endswith(("iommu/iommu-attach.c", "iommu/iommu-owner.c"))

@write@
struct iommu_group *g;
expression e;
position p;
identifier m = {domain, default_domain, blocking_domain};
@@
g->m@p = e

@script:python depends on report@
p << write.p;
m << write.m;
@@
if outside(p):
    coccilib.report.print_report(p[0], "writes %s of a group outside the attach layer" % m)
