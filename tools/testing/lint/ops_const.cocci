// SPDX-License-Identifier: GPL-2.0-only
// Tables of operations are constant.
virtual report

@table@
identifier s =~ "_ops$";
identifier t;
position p;
@@
struct s t@p = { ... };

@fixed@
identifier s =~ "_ops$";
identifier t;
position table.p;
@@
const struct s t@p = { ... };

@script:python depends on report && !fixed@
p << table.p;
t << table.t;
@@
coccilib.report.print_report(p[0], "operations %s are not const" % t)
