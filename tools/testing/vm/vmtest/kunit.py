# SPDX-License-Identifier: GPL-2.0-only
"""Reading KUnit's results from a console log."""

import re

from .tap import MAX_NOTE, one_result

STAMP = re.compile(r'^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[[^]]*\])? ?')

# A check of KUnit that failed; what it expected and saw stands in the rows below.
FAILED_CHECK = re.compile(r'# \w+: (?:EXPECTATION|ASSERTION) FAILED')


def ktap_rows(console):
    """(depth, text) of the console's lines, time stamps taken off."""
    for row in console.replace('\r', '').splitlines():
        row = STAMP.sub('', row)
        bare = row.lstrip(' ')
        yield (len(row) - len(bare)) // 4, bare


def parse(console, suites, report):
    """Add KUnit's results; every suite that the kernel has must have reported."""
    seen, pending, why = set(), [], []
    for depth, row in ktap_rows(console):
        result = one_result(row)
        if not result and depth and (why or FAILED_CHECK.match(row)):
            why.append(row.lstrip('# '))
        if not result or depth > 1:
            continue
        if result.state == 'failed':
            result.note = '\n'.join(why[:MAX_NOTE])
        why = []
        if depth == 1:
            pending.append(result)
            continue
        seen.add(result.name)
        for part in pending:
            report.add(f'{result.name}: {part.name}', part.state, part.note)
        if result.state == 'failed' and not any(p.state == 'failed' for p in pending):
            report.add(f'{result.name}: suite', 'failed')
        pending = []
    for name in sorted(set(suites) - seen):
        report.add(f'{name}: suite', 'failed', 'built in, but reported nothing')
    if not suites:
        report.add('suites', 'failed', 'the kernel has no KUnit suite')


def suites_of(results):
    """Names of the suites that the guest listed on the result channel."""
    return re.findall(r'^# suite (\S+)', results.replace('\r', ''), re.M)
