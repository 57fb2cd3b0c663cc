// SPDX-License-Identifier: GPL-2.0-only
// Function pointers live in constant tables, whose type is named *_ops or *_ops_ext.
virtual report

@member@
identifier s;
identifier f;
type T;
parameter list ps;
position p;
@@
struct s {
	...
	T (*f@p)(ps);
	...
};

@script:python depends on report@
p << member.p;
s << member.s;
f << member.f;
@@
if not s.endswith(("_ops", "_ops_ext")):
    coccilib.report.print_report(p[0], "function pointer %s in struct %s, which is no *_ops table" % (f, s))
