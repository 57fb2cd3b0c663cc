# SPDX-License-Identifier: GPL-2.0-only
"""Line coverage: counts that machines printed, added up over all boots.

Of two parts of the kernel: iommufd, which has a minimum, and the attach layer below it.
"""

import base64
import binascii
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# Parts that are counted: {name: its files}. The first one has a minimum.
PARTS = {
    'drivers/iommu/iommufd': re.compile(r'drivers/iommu/iommufd/[\w/.-]+$'),
    'the attach layer': re.compile(r'drivers/iommu/(?:iommu-[\w-]+|iopf[\w-]*)\.\w+$'),
}
IOMMU = 'drivers/iommu/'
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


def part_of(name):
    """Name of the part that a file belongs to, or None."""
    return next((part for part, files in PARTS.items()
                 if files.match(name) and not LEFT_OUT.search(name)), None)


def place_of(path):
    """Path of a counted file within the kernel, or None; @path may begin with folders."""
    place = path.find(IOMMU)
    return path[place:] if place >= 0 and part_of(path[place:]) else None


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
        place = place_of(path)
        if not place:
            return
        gcda = Path(place)
        gcno = self.objects / gcda.with_suffix('.gcno')
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
            place = place_of(part['file'])
            if not place or not place.endswith('.c'):
                continue
            counts = self.lines.setdefault(place, {})
            for line in part['lines']:
                number = line['line_number']
                counts[number] = counts.get(number, 0) + line['count']

    def missing_files(self):
        """Files that were built for counting, and that no boot said anything of."""
        built = (str(p.relative_to(self.objects).with_suffix('.c'))
                 for p in (self.objects / IOMMU).rglob('*.gcno'))
        return sorted(p for p in built if p not in self.lines and part_of(p))

    def write_uncovered(self, path):
        """List each line that never ran, with its text."""
        rows = []
        for name, counts in sorted(self.lines.items()):
            text = (self.tree / name).read_text().splitlines()
            rows += [f'{name}:{n}: {text[n - 1].strip()}'
                     for n, count in sorted(counts.items()) if not count]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('\n'.join(rows) + '\n')

    def report_part(self, part):
        """Print the coverage of a part by file and in all; return it in percent."""
        total = covered = 0
        print(f'# line coverage of {part}, added up over {self.boots} boots')
        for name, counts in sorted(self.lines.items()):
            if part_of(name) != part:
                continue
            ran = sum(1 for count in counts.values() if count)
            total, covered = total + len(counts), covered + ran
            never = ranges(n for n, count in counts.items() if not count)
            print(f'{100 * ran / len(counts):6.1f} % {ran:5}/{len(counts):<5} '
                  f'{name.removeprefix(part + "/").removeprefix(IOMMU)}'
                  + (f'  not run: {never}' if never else ''))
        percent = 100 * covered / total if total else 0
        print(f'{percent:6.1f} % {covered:5}/{total:<5} in all')
        return percent

    def report(self, wanted, path):
        """Print the coverage of all parts; return whether that of the first is enough."""
        self.write_uncovered(path)
        percent = [self.report_part(part) for part in PARTS][0]
        print(f'# lines that never ran: {path}')
        for text in self.problems + [f'{n}: no counts' for n in self.missing_files()]:
            print(f'not ok - {text}')
        good = percent >= wanted and not self.problems and not self.missing_files()
        print(f'{"ok" if good else "not ok"} - {percent:.1f} % of the lines of {next(iter(PARTS))} '
              f'ran, {wanted} % wanted')
        return good
