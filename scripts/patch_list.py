#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""patches/README.md: which files of 6.1 each patch touches, and how many lines.

    patch_list.py write        write it
    patch_list.py check        print a result line; fails when it is out of date
"""

import re
import sys
from pathlib import Path

from series.grammar import read_series

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / 'patches/README.md'
HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-only -->
# What the series changes in files that 6.1 has

Made by `make patch-list` from the patches. New logic stands in new files, which
enter the series beside these patches (`patches/series`). First each file with
the lines that all patches together add and remove, then each patch.

"""


def count(diff):
    """{file: [added, removed]} of a diff; a new file does not count."""
    lines, name, left = {}, None, [0, 0]
    for row in diff.decode(errors='replace').splitlines():
        hunk = re.match(r'@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@', row)
        if not any(left):
            if row.startswith('--- a/'):
                name = row[len('--- a/'):].split('\t')[0]
            elif row.startswith('--- /dev/null'):
                name = None
            elif hunk:
                left = [1 if n is None else int(n) for n in hunk.groups()]
            continue
        old, new = row[:1] in ('-', ' ', ''), row[:1] in ('+', ' ', '')
        left = [left[0] - old, left[1] - new]
        if name and old != new:
            lines.setdefault(name, [0, 0])[0 if new else 1] += 1
    return lines


def table(head, rows):
    """A table whose last two columns are numbers."""
    out = ['| ' + ' | '.join(head) + ' | + | - |',
           '|' + ' --- |' * len(head) + ' ---: | ---: |']
    out += ['| ' + ' | '.join(map(str, row)) + ' |' for row in rows]
    return '\n'.join(out) + '\n'


def page(entries):
    """The text of patches/README.md."""
    files, patches = {}, []
    for entry in entries:
        if not entry.is_patch:
            continue
        lines = count(entry.diff)
        for name, (added, removed) in lines.items():
            total = files.setdefault(name, [0, 0])
            total[0] += added
            total[1] += removed
        names = '<br>'.join(f'`{name}`' for name in sorted(lines)) or '(new files only)'
        patches.append((f'[{entry.name[:-len(".patch")]}]({entry.name})', entry.message.subject,
                        names, sum(n[0] for n in lines.values()),
                        sum(n[1] for n in lines.values())))
    rows = [(f'`{name}`', *files[name]) for name in sorted(files)]
    rows.append(('**all**', sum(n[0] for n in files.values()), sum(n[1] for n in files.values())))
    return HEAD + table(['file'], rows) + '\n' + table(['patch', 'what', 'files'], patches)


def main():
    """Write the page, or say whether it is what it would be."""
    text = page(read_series(TOP))
    if sys.argv[1:] == ['write']:
        PAGE.write_text(text)
        return 0
    same = PAGE.is_file() and PAGE.read_text() == text
    print(f'{"ok" if same else "not ok"} - docs: patches/README.md is up to date'
          + ('' if same else ' (make patch-list)'))
    return 0 if same else 1


if __name__ == '__main__':
    sys.exit(main())
