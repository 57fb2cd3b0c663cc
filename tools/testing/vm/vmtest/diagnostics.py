# SPDX-License-Identifier: GPL-2.0-only
"""What the console says of a result: why a check failed, whose memory was left, who waits."""

import re

# The kselftest harness writes these to standard error, which is the console.
CHECK = re.compile(r'# (?:\S*/)?(\w+)\.c:(\d+):(\w+):(.+)')
ENDED = re.compile(r'# (\w+): (Test .+)')
LEAK = re.compile(r'unreferenced object (0x[0-9a-f]+) \(size \d+\):')
OWNER = re.compile(r'\s*comm "(.*)", pid (\d+),')
PROGRAM = re.compile(r'@begin (\S+) (\d+)')
RUN = re.compile(r'# +RUN +(\S+) \.\.\.')
CHILD = re.compile(r'# pid (\d+)')
BLOCKED = re.compile(r'task:(\S+)\s+state:D\b')


def texts_of_checks(console):
    """[(program or '', test, text)] of all checks that failed."""
    found = []
    for row in console.replace('\r', '').splitlines():
        check, ended = CHECK.search(row), ENDED.fullmatch(row)
        if check:
            found.append((check[1], check[3], f'{check[1]}.c:{check[2]}: {check[4]}'))
        elif ended:
            found.append(('', ended[1], ended[2]))
    return found


def explain(report, console):
    """Put beside each failed result what its checks expected, and what they saw."""
    texts = texts_of_checks(console)
    for result in report.results:
        program, mark, name = result.name.partition(': ')
        if result.state != 'failed' or not mark:
            continue
        test = name.rpartition('.')[2]
        rows = [text for of, named, text in texts if named == test and of in ('', program)]
        # Variants of a test have one name: what they have in common is said once
        result.note = '\n'.join(dict.fromkeys(filter(None, [result.note, *rows])))


def begins(results):
    """[(pid, name)] of each program and each of its tests, in the order they began."""
    found, program, test = [], '', ''
    for row in results.replace('\r', '').splitlines():
        begin, run, child = PROGRAM.fullmatch(row), RUN.fullmatch(row), CHILD.fullmatch(row)
        if begin:
            program, test = begin[1], ''
            found.append((int(begin[2]), program))
        elif run:
            test = run[1]
        elif child:
            found.append((int(child[1]), f'{program}: {test}' if test else program))
    return found


def allocator(pid, known):
    """Name of the program or test that had begun last when a process got this pid."""
    before = [name for first, name in known if first <= pid]
    return before[-1] if before else ''


def leaks(console, results):
    """{row of kmemleak: who allocated the memory}."""
    rows, known, found = console.replace('\r', '').splitlines(), begins(results), {}
    for number, row in enumerate(rows):
        if not LEAK.search(row):
            continue
        owner = next(filter(None, map(OWNER.match, rows[number + 1:number + 3])), None)
        if owner:
            name = allocator(int(owner[2]), known)
            found[row] = f'allocated by {name or "no test"} ({owner[1]}, pid {owner[2]})'
    return found


def blocked(console):
    """Names of the tasks that the kernel showed as blocked."""
    return list(dict.fromkeys(BLOCKED.findall(console)))
