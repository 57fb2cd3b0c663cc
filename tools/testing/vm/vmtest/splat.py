# SPDX-License-Identifier: GPL-2.0-only
"""Finding a kernel's complaints in its console output."""

import re

SPLAT = re.compile('|'.join((
    r'\bWARNING: ', r'\bBUG: ', r'kernel BUG at', r'\bOops\b', r'Kernel panic', r'KASAN: ',
    r'UBSAN: ', r'ODEBUG: ', r'general protection fault', r'Unable to handle kernel',
    r'unable to handle page fault', r'refcount_t: ', r'list_(?:add|del) corruption',
    r'INFO: task .* blocked', r'rcu: INFO: .*stall', r'soft lockup', r'hard LOCKUP',
    r'possible (?:recursive|circular|irq lock) ', r'inconsistent lock state',
    r'suspicious RCU usage', r'Invalid wait context', r'trying to register non-static key',
    r'DEBUG_LOCKS_WARN_ON', r'unreferenced object', r'Bad page (?:state|map)',
    r'bad: scheduling from', r'INFO: trying to register', r'irq \d+: nobody cared',
    r'Internal error: ', r'DMA-API: ', r'kmemleak: Cannot', r'BUILD_BUG')))


def find(console, allowed=()):
    """Complaints of a console log that no rule allows, as lines of text.

    allowed holds (count, pattern): exactly count complaints must match pattern.
    """
    lines = [row for row in console.splitlines() if SPLAT.search(row)]
    wrong = []
    for count, pattern in allowed:
        hits = [row for row in lines if re.search(pattern, row)]
        if len(hits) != count:
            wrong.append(f'expected {count} times, seen {len(hits)} times: {pattern}')
        lines = [row for row in lines if row not in hits]
    return wrong + lines
