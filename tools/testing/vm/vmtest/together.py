# SPDX-License-Identifier: GPL-2.0-only
"""Cases that share a boot: the programs of several run one after the other in one machine.

A debug kernel takes half a minute to boot and to look for leaks, which is longer than
most programs run. What a boot leaves behind is parted by case afterwards: guest/init.c
writes a row when a program begins, on the result channel and on the console.
"""

import bisect
import math
import re
from dataclasses import replace

from .boot import Outcome

# Cases of one boot: few enough that the boots of a run keep all processors busy
MAX_CASES = 6
BEGIN = re.compile(r'^@begin (\S+) (\d+)\r?$', re.M)
CONSOLE_BEGIN = re.compile(r'\[[ \d.]+\] @begin \S+ \d+\r?$', re.M)
LEAKS = re.compile(r'\[[ \d.]+\] @leaks\r?$', re.M)
DONE = '@done\n'


def machine_of(case):
    """What has to be equal in cases that share a boot; the case itself if it shares none."""
    if case.kind != 'guest' or case.vmm or case.host or case.splats or case.traced or case.alone:
        return case
    return (case.machine, case.config, case.qemu, case.devices, case.modules, case.append,
            case.memory, case.smp, case.accel, case.disk_mib)


def groups(cases):
    """The cases as lists that share a boot each, the longest first."""
    alike = {}
    for case in cases:
        alike.setdefault(machine_of(case), []).append(case)
    found = []
    for same in alike.values():
        size = math.ceil(len(same) / math.ceil(len(same) / MAX_CASES))
        found += [same[i:i + size] for i in range(0, len(same), size)]
    return sorted(found, key=lambda g: sum(c.timeout for c in g) * (1 + (g[0].config == 'debug')),
                  reverse=True)


def joined(cases):
    """One case that runs the programs of all."""
    return replace(cases[0], run=' ; '.join(c.run for c in cases),
                   timeout=sum(c.timeout for c in cases))


def programs(case):
    """Names of the programs that a case runs."""
    commands = re.split(r'(?:^|\s);(?:\s|$)', case.run)
    return [command.split()[0] for command in commands if command.strip()]


def check_begun(cases, results):
    """Raise ValueError unless the programs began that the cases name, in their order.

    The parting goes by the number of a row: one that is lost would hide a program.
    """
    wanted = [name for case in cases for name in programs(case)]
    begun = [name for name, _ in BEGIN.findall(results)]
    least = len(wanted) if re.search(r'^@done\r?$', results, re.M) else 0
    if begun[:len(wanted)] != wanted[:len(begun)] or len(begun) < least:
        raise ValueError(f'programs began: {" ".join(begun)}; not: {" ".join(wanted)}')


def cut(text, rows, firsts):
    """Pieces of a text, each from the row with number `first` of some rows on.

    The first piece begins with the text. A later one whose row is not there is None.
    """
    begins = [m.start() for m in rows.finditer(text)]
    starts = [0, *(begins[n] if n < len(begins) else None for n in firsts[1:])]
    return [None if start is None else text[start:end]
            for start, end in zip(starts, [*starts[1:], None])]


def leaks_by_case(text, pids, firsts):
    """[part of kmemleak's report] of each case, by the processes that allocated.

    @pids: of all programs in their order; what no program allocated belongs to the last case.
    """
    found = [''] * len(firsts)
    for record in re.split(r'^(?=.*unreferenced object )', text, flags=re.M):
        owner = re.search(r'comm ".*", pid (\d+),', record)
        number = bisect.bisect(pids, int(owner[1])) - 1 if owner else -1
        found[bisect.bisect(firsts, number) - 1 if number >= 0 else -1] += record
    return found


def parted(cases, outcome):
    """[Outcome or None] of each case of one boot; None for a case that it never came to."""
    if len(cases) == 1:
        return [outcome]
    check_begun(cases, outcome.results)
    counts = [len(programs(c)) for c in cases]
    firsts = [sum(counts[:n]) for n in range(len(cases))]
    console, mark, tail = outcome.console, LEAKS.search(outcome.console), ''
    if mark:
        console, tail = console[:mark.start()], console[mark.end():]
    results = cut(outcome.results, BEGIN, firsts)
    consoles = cut(console, CONSOLE_BEGIN, firsts)
    leaks = leaks_by_case(tail, [int(p) for _, p in BEGIN.findall(outcome.results)], firsts)
    last = sum(r is not None for r in results) - 1
    found = []
    for number, text in enumerate(results[:last + 1]):
        rows = (consoles[number] or '') + leaks[number]
        whole = replace(outcome, results=text, console=rows)
        found.append(whole if number == last else
                     Outcome(text + DONE, rows, '', outcome.seconds, False, 0))
    return found + [None] * (len(cases) - len(found))
