#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Earlier texts of Makefiles, Kconfig files and tables, and paths that overlap."""

import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[4] / 'scripts'
sys.path.insert(0, str(SCRIPTS / 'series'))
# pylint: disable=wrong-import-position
import stages
from grammar import Entry, SeriesError, assign_overlay
from stages import Stages, functions, reduce_kconfig, reduce_makefile

MAKEFILE = '''# comment names a.o
obj-$(CONFIG_DRV) += drv.o

drv-y := main.o a.o \\
\t b.o sub/c.o
drv-$(CONFIG_DRV_TEST) += \\
\ttests/t.o

ifdef CONFIG_NET
drv-y += net.o
endif

GCOV_PROFILE := y
'''
KCONFIG = '''config DRV
	tristate "Driver"

if DRV

config DRV_TEST
	bool "Test"
	help
	  config of tests.

config DRV_MORE
	bool "More"

endif # DRV
'''
MAIN = '''#include <linux/fs.h>

#include "here.h"
#include "sub/late.h"

/* a_call() is what it is about */
static const struct row rows[] = {
	CALL(NR_A,
	     a_call, struct a,
	     last, 8),
	CALL(NR_B, b_call, struct b, last, 8),
#ifdef CONFIG_DRV_TEST
	CALL(NR_T, t_call, struct t, last, 8),
#endif
};

const struct ops ops[] = {
	[KIND_A] = {
		.name = "a",
		.destroy = a_destroy,
	},
	[KIND_B] = {
		.name = "b",
		.forget = a_forget,
		.destroy = b_destroy,
	},
};

static long call(int nr)
{
	if (nr > LAST)
		return a_other(nr,
			       0);
	return rows[nr].call();
}

static int init(void)
{
	int err;

	err = a_init();
	if (err)
		return err;
	err = t_init();
	if (err)
		goto err_a;
	b_start();
	err = b_init();
	if (err)
		goto err_t;
	return 0;

err_t:
	t_exit();
err_a:
	a_exit();
	return err;
}
'''
REDUCED_MAIN = '''#include <linux/fs.h>

#include "here.h"

/* a_call() is what it is about */
static const struct row rows[] = {
	CALL(NR_B, b_call, struct b, last, 8),
};

const struct ops ops[] = {
	[KIND_B] = {
		.name = "b",
		.destroy = b_destroy,
	},
};

static long call(int nr)
{
	if (nr > LAST)
		return -ENOTTY;
	return rows[nr].call();
}

static int init(void)
{
	int err;

	b_start();
	err = b_init();
	if (err)
		goto err_t;
	return 0;

err_t:
	return err;
}
'''


def source(*names):
    """A C file that defines some functions."""
    return ''.join(f'int {n}(struct x *x,\n\t\tint y)\n{{\n\treturn 0;\n}}\n\n' for n in names)


A_C = source('a_call', 'a_destroy', 'a_forget', 'a_other', 'a_init', 'a_exit')
B_C = source('b_call', 'b_destroy', 'b_start', 'b_init')
T_C = source('t_call', 't_init', 't_exit')


class MakefileTest(unittest.TestCase):
    """Objects of absent sources."""

    def reduce(self, *absent):
        """The Makefile without some sources of drv."""
        return reduce_makefile(MAKEFILE, 'drv', {f'drv/{n}' for n in absent})

    def test_nothing_absent_changes_nothing(self):
        self.assertEqual(self.reduce(), MAKEFILE)

    def test_lines_keep_their_shape(self):
        text = self.reduce('a.c', 'sub/c.c')
        self.assertIn('drv-y := main.o \\\n\t b.o\n', text)
        self.assertIn('# comment names a.o\n', text)

    def test_continuation_without_objects_goes(self):
        self.assertIn('drv-y := main.o a.o\ndrv-$', self.reduce('b.c', 'sub/c.c'))

    def test_first_line_without_objects_takes_the_next(self):
        text = reduce_makefile('o-y += a.o \\\n\tb.o \\\n\tc.o\n', 'd', {'d/a.c'})
        self.assertEqual(text, 'o-y += b.o \\\n\tc.o\n')

    def test_variable_without_objects_goes(self):
        text = self.reduce('tests/t.c')
        self.assertNotIn('DRV_TEST', text)
        self.assertIn('sub/c.o\n\nifdef', text)

    def test_condition_around_nothing_goes(self):
        text = self.reduce('net.c')
        self.assertNotIn('CONFIG_NET', text)
        self.assertNotIn('endif', text)
        self.assertIn('tests/t.o\n\nGCOV', text)

    def test_object_of_the_same_name_elsewhere_stays(self):
        self.assertEqual(reduce_makefile(MAKEFILE, 'drv', {'other/a.c', 'drv/c.c'}), MAKEFILE)


class KconfigTest(unittest.TestCase):
    """Options without a file."""

    def test_option_goes_with_its_help(self):
        text = reduce_kconfig(KCONFIG, {'DRV_TEST'})
        self.assertEqual(text, KCONFIG[:KCONFIG.index('config DRV_TEST')]
                         + KCONFIG[KCONFIG.index('config DRV_MORE'):])

    def test_last_option_of_a_block(self):
        text = reduce_kconfig(KCONFIG, {'DRV_MORE'})
        self.assertTrue(text.endswith('tests.\n\nendif # DRV\n'), text)


class StagesTest(unittest.TestCase):
    """Whole folders."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        before = stages.REDUCED
        self.addCleanup(setattr, stages, 'REDUCED', before)
        stages.REDUCED = ('drv/main.c',)
        for name, text in {'Makefile': 'obj-y += main.o b.o\nobj-$(CONFIG_DRV_TEST) += t.o\n',
                           'Kconfig': KCONFIG, 'main.c': MAIN, 'here.h': '', 'b.c': B_C, 'a.c': A_C,
                           'sub/late.h': '', 't.c': T_C}.items():
            (self.top / 'drv' / name).parent.mkdir(parents=True, exist_ok=True)
            (self.top / 'drv' / name).write_text(text)

    def walk(self, *entries):
        """Derived texts after each entry, by name."""
        entries = [Entry(f'{n}.files', 0, [], overlay=[f'drv/{f}' for f in names.split()])
                   for n, names in enumerate(entries)]
        return [{n.removeprefix('drv/'): t for n, t in step.items()}
                for step in Stages(self.top, entries).walk(entries)]

    def test_source_is_what_the_files_allow(self):
        first, last = self.walk('main.c here.h b.c', 'a.c sub/late.h t.c Makefile Kconfig')
        self.assertEqual(first['main.c'], REDUCED_MAIN)
        self.assertEqual(last['main.c'], MAIN)

    def test_options_come_with_their_objects(self):
        first, last = self.walk('main.c here.h Kconfig Makefile b.c', 'a.c sub/late.h t.c')
        self.assertEqual(first['Makefile'], 'obj-y += main.o b.o\n')
        self.assertNotIn('DRV_TEST', first['Kconfig'])
        self.assertIn('DRV_MORE', first['Kconfig'])
        self.assertEqual(last['Kconfig'], KCONFIG)

    def test_only_changes_are_told(self):
        told = self.walk('main.c Makefile Kconfig here.h b.c sub/late.h', 'a.c', 't.c')
        self.assertEqual([sorted(t) for t in told],
                         [['Kconfig', 'Makefile', 'main.c'], ['main.c'],
                          ['Kconfig', 'Makefile', 'main.c']])

    def test_what_no_rule_knows_is_refused(self):
        for line in ('\tif (a_init()) {\n\t\tstop();\n\t}\n', '\tif (x)\n\t\ta_exit();\n',
                     '\tn = 1 + a_init();\n', '\tkeep(a_init(), 1);\n',
                     '\tif (a_init())\n\t\treturn -EINVAL;\n', '\treturn x ?: a_init();\n',
                     '\ta_init() + keep(1);\n'):
            (self.top / 'drv/main.c').write_text('void f(void)\n{\n' + line + '}\n')
            with self.assertRaisesRegex(SeriesError, 'no rule'):
                self.walk('main.c', 'a.c b.c t.c here.h sub/late.h Makefile Kconfig')

    def test_functions_for_others_are_known(self):
        text = ('static int own(void)\n{\n}\nint far(int a);\n'
                'struct x *\nmake(int a)\n{\n\tinner(a);\n}\nconst struct y *get(void)\n{\n}\n')
        self.assertEqual(functions(text), {'make', 'get'})


class PathsTest(unittest.TestCase):
    """Which entry has a file that several name."""

    def owners(self, *rows):
        """{file: entry} for rows of paths."""
        entries = [Entry(f'{n}.files', n, row.split()) for n, row in enumerate(rows)]
        assign_overlay(entries, ['d/a.c', 'd/b.c', 'd/e/a.c', 'd/e/x_test.c'])
        return {f: e.name[0] for e in entries for f in e.overlay}

    def test_the_most_exact_path_has_the_file(self):
        self.assertEqual(self.owners('d/', 'd/e/x*', 'd/e/', 'd/b.c'),
                         {'d/a.c': '0', 'd/b.c': '3', 'd/e/a.c': '2', 'd/e/x_test.c': '1'})

    def test_a_star_ends_at_a_slash(self):
        self.assertEqual(self.owners('d/*.c', 'd/e'),
                         {'d/a.c': '0', 'd/b.c': '0', 'd/e/a.c': '1', 'd/e/x_test.c': '1'})

        with self.assertRaisesRegex(SeriesError, 'no entry for:\n  d/e/a.c'):
            self.owners('d/*')

    def test_equally_exact_paths_are_refused(self):
        with self.assertRaisesRegex(SeriesError, 'named by'):
            self.owners('d/', 'd/')


if __name__ == '__main__':
    unittest.main(verbosity=1)
