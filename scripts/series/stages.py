# SPDX-License-Identifier: GPL-2.0-only
"""Earlier texts of the few new files that name many others.

The repository keeps the last text of each new file.  A Makefile lists objects,
a Kconfig options and a table of calls its handlers, whose sources enter with
later commits.  So that every commit builds, such a file has in each commit just
what the tree has files for.  Its text is derived, by these rules and no other:

Makefile, of a new folder
    An object is left out while its source has not entered; a variable without
    an object, and a condition around nothing, with it.

Kconfig, beside such a Makefile
    An option is left out while the Makefile, as derived, does not name it and
    at the end does.

REDUCED, C files that tie the others together
    * An #include "x.h" is left out while the header has not entered.
    * Functions are known by the file of the folder that defines them.  While it
      has not entered, each row of a table that names the function is left out,
      and each statement that is a call of it, `f(...);` or `x = f(...);`, with the
      test of the error that it returned.  A `return f(...);` becomes `return
      -ENOTTY;`, the answer to an unknown call.  Any other use is an error: a call
      in a condition, for example, or as an argument.
    * A row `[X] = { ... }` goes when none of its functions is there; a condition
      of the preprocessor when it is around nothing, a label when nothing jumps
      to it.

A file that has nothing to lose is not touched.  The last commit has the text of
the repository; Tree.build() makes sure of it.
"""

import os
import re
from pathlib import Path, PurePosixPath

from grammar import SeriesError

REDUCED = ('drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3-ops.c',
           'drivers/iommu/iommufd/context.c', 'drivers/iommu/iommufd/main.c')

FUNCTION = re.compile(r'^(?!static\b|typedef\b|struct \w+ \{)\w[\w \t*\n]*?\b(\w+)\([^;{}]*\)\n\{', re.M)
OBJECT = re.compile(r'([\w./-]+\.o)(?:[ ]+|$)')


def parent(name):
    """Folder of a file."""
    return str(PurePosixPath(name).parent)


def is_table(name):
    """Is a new file one of those that are derived?"""
    return name in REDUCED or PurePosixPath(name).name in ('Makefile', 'Kconfig')


def functions(text):
    """Names of the functions that a C file defines for others."""
    return set(FUNCTION.findall(text))


def squeeze(rows):
    """Rows without conditions around nothing and without a second blank line."""
    out = []
    for row in rows:
        if re.match(r'#?endif\b', row):
            last = next((i for i in reversed(range(len(out))) if out[i].strip()), None)
            if last is not None and re.match(r'#if|ifn?def |ifn?eq ', out[last]):
                del out[last:]
                continue
        if not row.strip() and (not out or not out[-1].strip()):
            continue
        out.append(row)
    while out and not out[-1].strip():
        out.pop()
    return out


def reduce_makefile(text, folder, absent):
    """A Makefile without the objects of absent sources."""
    out, group = [], []
    for row in text.splitlines():
        group.append(row)
        if not row.endswith('\\'):
            out += reduce_variable(group, folder, absent)
            group = []
    out += group
    return text if out == text.splitlines() else '\n'.join(squeeze(out)) + '\n'


def reduce_variable(rows, folder, absent):
    """One assignment of a Makefile, over one or more lines."""
    def word(found):
        name = os.path.normpath(f'{folder}/{found[1][:-len(".o")]}.c')
        return '' if name in absent else found[0]

    before = [r.rstrip('\\').rstrip() for r in rows]
    kept = [OBJECT.sub(word, r).rstrip() for r in before]
    if rows[0].startswith('#') or kept == before:
        return rows
    if not OBJECT.search(' '.join(kept)):
        return []
    # A line that lost its last object has only its indentation left
    kept = [kept[0]] + [r for r in kept[1:] if r.strip()]
    if OBJECT.search(before[0]) and not OBJECT.search(kept[0]):
        kept[:2] = [f'{kept[0]} {kept[1].strip()}']
    return [r + ' \\' for r in kept[:-1]] + kept[-1:]


def options_of(text):
    """Options that a Makefile names."""
    return set(re.findall(r'\bCONFIG_(\w+)', text))


def reduce_kconfig(text, missing):
    """A Kconfig without some of its options."""
    out, drop = [], False
    for row in text.splitlines():
        head = re.match(r'(?:menu)?config\s+(\w+)|\S', row)
        if head and not row.startswith('#'):
            drop = head[1] in missing
        if not drop:
            out.append(row)
    return '\n'.join(squeeze(out)) + '\n'


class CFile:
    """A C file that loses what names absent files."""

    def __init__(self, name, text, absent_functions, functions_here):
        self.name = name
        self.rows = text.splitlines()
        names = '|'.join(sorted(absent_functions))
        self.names = re.compile(rf'\b(?:{names})\b')
        self.call = re.compile(rf'(?:return |[\w\s.*>\[\]-]+ = )?(?:{names})\((.*)\);')
        self.here = functions_here

    def reduce(self, header_is_absent):
        """The text that is left."""
        self.drop_includes(header_is_absent)
        self.drop_designated()
        at = 0
        while at < len(self.rows):
            if self.names.search(self.rows[at]) and not self.is_comment(at):
                at = self.drop_statement(at)
            else:
                at += 1
        self.drop_labels()
        return '\n'.join(squeeze(self.rows)) + '\n'

    def is_comment(self, at):
        """Does a row belong to a comment?"""
        return self.rows[at].lstrip().startswith(('/*', '* ', '//'))

    def drop_includes(self, header_is_absent):
        """Leave out #include of headers that have not entered."""
        def gone(row):
            found = re.match(r'#include "([^"]+)"', row)
            return found and header_is_absent(found[1])
        self.rows = [r for r in self.rows if not gone(r)]

    def drop_designated(self):
        """Leave out rows `[X] = { ... },` that have lost all their functions."""
        at = 0
        while at < len(self.rows):
            if not re.match(r'\t\[.*\] = \{$', self.rows[at]):
                at += 1
                continue
            end = self.rows.index('\t},', at)
            text = '\n'.join(self.rows[at:end])
            if self.names.search(text) and not self.here & set(re.findall(r'\w+', text)):
                del self.rows[at:end + 1]
            else:
                at = end + 1

    def drop_statement(self, at):
        """Leave out the statement or row that a line is part of; return where to go on."""
        first, last = self.begin(at), self.end(at)
        text = ' '.join(r.strip() for r in self.rows[first:last + 1])
        if text.endswith(';') and not self.is_call(text):
            raise SeriesError(f'{self.name}: no rule leaves this out: {text}')
        if re.match(r'return\b', text):
            indent = re.match(r'\t*', self.rows[first])[0]
            self.rows[first:last + 1] = [indent + 'return -ENOTTY;']
            return first + 1
        if '{' in text or re.match(r'\s*(?:(?:if|while|for) \(.*\)|(?:\} )?else|do)$',
                                   self.rows[first - 1]):
            raise SeriesError(f'{self.name}: no rule leaves this out: {text}')
        assigned = re.match(r'(\w+) = ', text)
        test = self.rows[last + 1].strip() if last + 1 < len(self.rows) else ''
        if assigned and test == f'if ({assigned[1]})':
            last = self.end(last + 2)
        del self.rows[first:last + 1]
        return first

    def is_call(self, text):
        """Is a statement nothing but the call of an absent function?"""
        found, depth = self.call.fullmatch(text), 0
        for letter in found[1] if found else '':
            depth += (letter == '(') - (letter == ')')
            if depth < 0:
                return False
        return bool(found)

    def begin(self, at):
        """First row of the statement that goes on in a row."""
        depth = self.depth_before(at)
        while at and depth:
            at -= 1
            depth = self.depth_before(at)
        while at and not re.search(r'(?:[;{},:]|\*/|^|\) |^#.*)$', self.rows[at - 1]):
            if re.match(r'\s*(?:if|while|for) \(.*\)$', self.rows[at - 1]):
                break
            at -= 1
        return at

    def depth_before(self, at):
        """Open parentheses at the beginning of a row."""
        depth = 0
        for row in reversed(self.rows[:at]):
            depth += row.count('(') - row.count(')')
            if row.startswith(('{', '}')) or not row.strip():
                break
        return max(depth, 0)

    def end(self, at):
        """Last row of the statement that a row is part of."""
        depth = self.depth_before(at)
        while True:
            depth += self.rows[at].count('(') - self.rows[at].count(')')
            if depth <= 0 and self.rows[at].endswith((';', ',')):
                return at
            at += 1

    def drop_labels(self):
        """Leave out labels that nothing jumps to."""
        targets = set(re.findall(r'\bgoto (\w+);', '\n'.join(self.rows)))
        self.rows = [r for r in self.rows
                     if not (re.fullmatch(r'(\w+):', r) and r[:-1] not in targets)]


class Stages:
    """What the new files look like after each entry of the series."""

    def __init__(self, top, entries):
        self.top = Path(top)
        self.files = [n for e in entries for n in e.overlay]
        self.texts = {}
        self.index = {n: functions(self.text(n)) for n in self.files
                      if n.endswith('.c') and n not in REDUCED
                      and any(n.startswith(parent(r) + '/') for r in REDUCED)}

    def text(self, name):
        """Text of a new file in the repository."""
        if name not in self.texts:
            self.texts[name] = (self.top / name).read_text()
        return self.texts[name]

    def walk(self, entries):
        """Yield for each entry {file: derived text} of the tables that it changes."""
        present, before = set(), {}
        for entry in entries:
            present.update(entry.overlay)
            now = {n: self.derive(n, present) for n in self.files
                   if n in present and is_table(n)}
            yield {n: t for n, t in now.items() if before.get(n) != t}
            before = now

    def derive(self, name, present):
        """Text of a table while only the files of present have entered."""
        absent = set(self.files) - present
        if name in REDUCED:
            return self.derive_source(name, absent)
        if PurePosixPath(name).name == 'Makefile':
            return self.derive_makefile(name, absent)
        makefile = parent(name) + '/Makefile'
        if makefile not in self.files:
            return self.text(name)
        missing = (options_of(self.text(makefile))
                   - options_of(self.derive_makefile(makefile, absent)))
        return reduce_kconfig(self.text(name), missing) if missing else self.text(name)

    def derive_makefile(self, name, absent):
        """Text of a Makefile without some sources."""
        return reduce_makefile(self.text(name), parent(name), absent)

    def derive_source(self, name, absent):
        """Text of a C file without what names absent files."""
        folder = parent(name) + '/'
        lost = {f for n in absent & set(self.index) if n.startswith(folder) for f in self.index[n]}
        headers = {n for n in absent if n.startswith(folder) and n.endswith('.h')}
        if not lost and not headers:
            return self.text(name)
        here = {f for n in set(self.index) - absent for f in self.index[n]}
        here |= set(re.findall(r'^(?:static .*\b)?(\w+)\([^;]*\)\n\{', self.text(name), re.M))
        return CFile(name, self.text(name), lost or {'(?!)'}, here).reduce(
            lambda header: folder + header in headers)
