#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Each coccinelle rule of ours reports what it forbids and nothing else."""

import sys
import tempfile
import unittest
from pathlib import Path

LINT = Path(__file__).resolve().parents[2] / 'lint'
sys.path.insert(0, str(LINT))
# pylint: disable=wrong-import-position
import rules

# rule: (lines that break it, lines that do not)
SAMPLES = {
    'no_bus_query': (
        ('void f(void) { struct iommu_domain *d = iommu_domain_alloc(dev->bus); }',
         'bool f(void) { return iommu_present(&pci_bus_type); }'),
        ('void f(void) { struct iommu_domain *d = iommu_device_alloc(dev); }',)),
    'group_domain_write': (
        ('void f(struct iommu_group *group) { group->domain = NULL; }',
         'void f(struct iommu_group *g) { g->default_domain = g->domain; }'),
        ('void f(struct thing *t) { t->domain = NULL; }',
         'int f(struct iommu_group *group) { return group->domain == NULL; }')),
    'device_iommu': (
        ('bool f(struct device *dev) { return dev->iommu; }',
         'int f(struct thing *t) { return t->dev->iommu->iommu_dev->max_pasids; }'),
        ('void *f(struct device *dev) { return dev->iommu_group; }',
         'int f(struct thing *t) { struct iommu *iommu = get(t); return iommu->max; }')),
    'writable_function_pointer': (
        ('struct thing { int a; int (*call)(struct thing *t); };',
         'struct thing { void (*done)(void); };'),
        ('struct thing_ops { int (*call)(struct thing *t); };',
         'struct thing_ops_ext { int (*call)(struct thing *t); };',
         'struct thing { const struct thing_ops *ops; int a; };')),
    'ops_const': (
        ('static struct thing_ops table = { .a = f };',),
        ('static const struct thing_ops table = { .a = f };',
         'static struct thing table = { .a = 1 };')),
}


class RulesTest(unittest.TestCase):
    """One test for all rules, so that a rule without samples is seen."""

    def found(self, rule, line):
        """What a rule reports about one line of code."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'sample.c'
            path.write_text(line + '\n')
            return rules.spatch(LINT / f'{rule}.cocci', [str(path)], folder)

    def test_every_rule_has_samples(self):
        self.assertEqual(set(SAMPLES), {p.stem for p in LINT.glob('*.cocci')})

    def test_rules(self):
        for rule, (bad, good) in SAMPLES.items():
            for line in bad:
                self.assertTrue(self.found(rule, line), f'{rule} misses: {line}')
            for line in good:
                self.assertEqual(self.found(rule, line), [], f'{rule} on: {line}')


if __name__ == '__main__':
    unittest.main(verbosity=1)
