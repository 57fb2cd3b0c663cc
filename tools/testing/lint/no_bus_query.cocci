// SPDX-License-Identifier: GPL-2.0-only
// Capabilities and domains belong to a device: nothing new asks a bus.
virtual report

@bus@
position p;
identifier f =~ "^(iommu_domain_alloc|iommu_present|bus_iommu_probe|bus_set_iommu)$";
@@
f@p(...)

@script:python depends on report@
p << bus.p;
f << bus.f;
@@
coccilib.report.print_report(p[0], "%s() is keyed by a bus; ask the device" % f)
