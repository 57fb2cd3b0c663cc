#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The self test of arguments knows every call of the ABI tables, with its sizes.

    check_calls.py TABLES NOT_YET TEST

TEST has one row a call, `{ "NAME", NUMBER, MIN_SIZE, SIZE, RESULT, ...`.  A call
must answer -ENOTTY, all its results alike, exactly if NOT_YET names it.
"""

import json
import re
import sys
from pathlib import Path

ROW = re.compile(r'^\t\{ "(\w+)", (\w+), (\d+), (\d+), (.*) \},$', re.M)

# The call of test kernels, which the tables describe elsewhere
TEST_CALL = 'IOMMU_TEST_CMD'


def test_rows(path):
    """{name: (number, smallest size, size, does not exist)} of the test."""
    rows = {}
    for name, number, smallest, size, results in ROW.findall(path.read_text()):
        missing = set(results.split(', ')) == {'-ENOTTY'}
        if name != TEST_CALL:
            rows[name] = (int(number, 0), int(smallest), int(size), missing)
    return rows


def table_rows(path, later):
    """The same of the tables."""
    return {call['name']: (int(call['number'], 0), call['min_size'], call['struct_size'],
                           call['name'] in later)
            for call in json.loads(path.read_text())['ioctls']}


def main(args):
    """Compare both; return the exit status."""
    tables, not_yet, test = map(Path, args)
    later = {row.split('#')[0].strip() for row in not_yet.read_text().splitlines()}
    wanted, found = table_rows(tables, later), test_rows(test)
    errors = [f'{name}: {test.name} has {found.get(name)}, the tables {wanted.get(name)}'
              for name in sorted(wanted.keys() | found.keys())
              if wanted.get(name) != found.get(name)]
    for error in errors:
        print(error, file=sys.stderr)
    print(f'{len(wanted) - len(errors)} of {len(wanted)} calls stand in {test.name} as they are, '
          f'{sum(row[3] for row in wanted.values())} of them for later')
    return 1 if errors or not wanted else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
