#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every errno of the table of calls has a test that says it covers it.

    check_covers.py TABLE NOT_YET UNCOVERED TEST...

A test says so in a comment, with one call and any number of errnos:

    /* covers: IOMMU_IOAS_MAP EEXIST ENOSPC */

and the function that follows must contain each of them as -ERRNO.  The file
UNCOVERED has a line `CALL ERRNO: reason` for each pair without a test.  A pair that is
neither covered nor listed, one that is both, and one that the table does not
have are errors.  Calls named in NOT_YET are left out.
"""

import json
import re
import sys
from pathlib import Path

ERRNO = re.compile(r'E[A-Z0-9]+')
TAG = re.compile(r'covers:\s+(\w+)((?:[\s*]+E[A-Z0-9]+)+)')


def table_pairs(path, without):
    """Pairs of the tables. Words such as '(driver)' are no errnos."""
    tables = json.loads(path.read_text())
    calls = [call for part in (tables, tables['vfio_cdev'], tables['vfio_compat'])
             for call in part['ioctls']]
    return {(call['name'], error['errno']) for call in calls if call['name'] not in without
            for error in call['errors'] if ERRNO.fullmatch(error['errno'])}


def tagged_pairs(path, complain):
    """Pairs that a test declares; it must look for each errno."""
    text = path.read_text()
    pairs = set()
    for tag in TAG.finditer(text):
        call, errnos = tag.groups()
        body = text[tag.end():].split('\n}\n')[0]
        for errno in ERRNO.findall(errnos):
            pairs.add((call, errno))
            if not re.search(rf'-{errno}\b', body):
                complain(f'{path.name}: claims {call} {errno}, never looks for -{errno}')
    return pairs


def listed_pairs(path, complain):
    """Pairs without a test, each with a reason."""
    pairs = set()
    for line in path.read_text().splitlines():
        if not line or line.startswith('#'):
            continue
        match = re.fullmatch(r'(\w+) (E[A-Z0-9]+): \S.*', line)
        if match:
            pairs.add(match.groups())
        else:
            complain(f'{path.name}: not "CALL ERRNO: reason": {line}')
    return pairs


def main(args):
    """Compare the three; return the exit status."""
    table, not_yet, uncovered, *tests = map(Path, args)
    errors = []
    later = {line for line in not_yet.read_text().splitlines() if line and line[0] != '#'}
    wanted = table_pairs(table, later)
    covered = set()
    for test in tests:
        covered |= tagged_pairs(test, errors.append)
    listed = listed_pairs(uncovered, errors.append)
    for what, pairs in (('no test covers', wanted - covered - listed),
                        ('covered, yet listed as not:', covered & listed),
                        ('not in the table:', (covered | listed) - wanted)):
        errors += [f'{what} {call} {errno}' for call, errno in sorted(pairs)]
    for error in errors:
        print(error, file=sys.stderr)
    print(f'{len(wanted & covered)} of {len(wanted)} errnos covered by a test, '
          f'{len(wanted & listed)} listed with a reason')
    return 1 if errors or not wanted & covered else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
