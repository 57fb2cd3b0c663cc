# SPDX-License-Identifier: GPL-2.0-only
"""Line coverage of iommufd: counts that machines printed, added up over all boots."""

import base64
import binascii
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = 'drivers/iommu/iommufd'
# Neither the mock hardware nor the tests are what the tests are for.
LEFT_OUT = re.compile(r'/(?:mock|tests)/')
ROW = re.compile(r'^# gcda (\S+) (\S+)$', re.M)
PROGRAM = 'gcov_dump'


def files_of(results):
    """{path: content} of the files that a machine printed."""
    found = {}
    for path, text in ROW.findall(results.replace('\r', '')):
        found.setdefault(path, bytearray()).extend(base64.b64decode(text, validate=True))
    return found


def ranges(numbers):
    """Numbers as text, neighbours joined: 3-5 9."""
    rows = []
    for n in sorted(numbers):
        if rows and rows[-1][1] == n - 1:
            rows[-1][1] = n
        else:
            rows.append([n, n])
    return ' '.join(f'{a}' if a == b else f'{a}-{b}' for a, b in rows)


class Coverage:
    """Counts of all lines, by file and number."""

    def __init__(self, tree, objects):
        self.tree, self.objects = Path(tree).resolve(), Path(objects).resolve()
        self.lines, self.problems, self.boots = {}, [], 0

    def add(self, name, results):
        """Add what one boot printed."""
        try:
            found = files_of(results)
        except binascii.Error as err:
            self.problems.append(f'{name}: counts damaged on their way: {err}')
            return
        if not found:
            self.problems.append(f'{name}: printed no counts')
            return
        self.boots += 1
        with tempfile.TemporaryDirectory() as folder:
            for path, data in found.items():
                self.add_object(name, path, data, Path(folder))

    def add_object(self, name, path, data, folder):
        """Add the counts of one object file."""
        place = path.find(FOLDER + '/')
        if place < 0:
            return
        gcda = Path(path[place:])
        gcno = self.objects / gcda.with_suffix('.gcno')
        if LEFT_OUT.search(str(gcda)):
            return
        shutil.copyfile(gcno, folder / gcno.name)
        (folder / gcda.name).write_bytes(data)
        done = subprocess.run(['gcov', '--json-format', '--stdout', gcda.name], cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode or b'version' in done.stderr or b'stamp' in done.stderr:
            self.problems.append(f'{name}: {gcda}: {done.stderr.decode().strip()}')
            return
        for row in done.stdout.splitlines():
            self.add_counts(json.loads(row))

    def add_counts(self, report):
        """Add one of gcov's reports."""
        for part in report['files']:
            name = part['file']
            place = name.find(FOLDER + '/')
            if place < 0 or not name.endswith('.c') or LEFT_OUT.search(name):
                continue
            counts = self.lines.setdefault(name[place:], {})
            for line in part['lines']:
                number = line['line_number']
                counts[number] = counts.get(number, 0) + line['count']

    def missing_files(self):
        """Files of the folder that no boot said anything of."""
        built = (p.relative_to(self.objects).with_suffix('.c')
                 for p in (self.objects / FOLDER).rglob('*.gcno'))
        return sorted(str(p) for p in built
                      if str(p) not in self.lines and not LEFT_OUT.search(str(p)))

    def write_uncovered(self, path):
        """List each line that never ran, with its text."""
        rows = []
        for name, counts in sorted(self.lines.items()):
            text = (self.tree / name).read_text().splitlines()
            rows += [f'{name}:{n}: {text[n - 1].strip()}'
                     for n, count in sorted(counts.items()) if not count]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('\n'.join(rows) + '\n')

    def report(self, wanted, path):
        """Print coverage by file and in all; return whether it is enough."""
        self.write_uncovered(path)
        total = covered = 0
        print(f'# line coverage of {FOLDER}, added up over {self.boots} boots')
        for name, counts in sorted(self.lines.items()):
            ran = sum(1 for count in counts.values() if count)
            total, covered = total + len(counts), covered + ran
            never = ranges(n for n, count in counts.items() if not count)
            print(f'{100 * ran / len(counts):6.1f} % {ran:5}/{len(counts):<5} {name[len(FOLDER) + 1:]}'
                  + (f'  not run: {never}' if never else ''))
        percent = 100 * covered / total if total else 0
        print(f'{percent:6.1f} % {covered:5}/{total:<5} in all')
        print(f'# lines that never ran: {path}')
        for text in self.problems + [f'{n}: no counts' for n in self.missing_files()]:
            print(f'not ok - {text}')
        good = percent >= wanted and not self.problems and not self.missing_files()
        print(f'{"ok" if good else "not ok"} - {percent:.1f} % of all lines ran, {wanted} % wanted')
        return good
