# SPDX-License-Identifier: GPL-2.0-only
"""Reading patches/series and the files it names.

patches/series holds one entry a line, in the order of the commits:

    NAME.patch [PATH ...]   a change of existing files; the new files PATH enter with it
    NAME.files              a commit message and a list of new files

PATH is a file, a folder or a glob, relative to the top of the repository; `*`
does not match a `/`.  Where several paths match a file the most exact one has
it: its name, then the path with the longest text before any wildcard.  A line
that begins with a blank continues the one before it; `#` begins a comment.
A comment `#: TITLE` begins a part of the series.
"""

import fnmatch
import hashlib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

# Folders whose files belong to the kernel tree, and what in them stays on the host.
OVERLAY = ('Documentation', 'arch', 'drivers', 'fs', 'include', 'kernel', 'lib', 'mm',
           'samples', 'tools', 'virt')
HOST_ONLY = ('tools/testing/vm/', 'tools/testing/host/', 'tools/testing/lint/',
             'tools/testing/abi/', 'tools/testing/emulator/')


class SeriesError(Exception):
    """patches/series or something that it names is wrong."""


@dataclass
class Message:
    """A commit message with its author."""
    author: str
    mail: str
    subject: str
    body: str
    date: str = ''

    def text(self):
        """The message as git commit-tree wants it."""
        return self.subject + '\n' + (f'\n{self.body}\n' if self.body else '')

    def header(self):
        """The message as it stands at the top of a .patch or .files file."""
        date = f'Date: {self.date}\n' if self.date else ''
        body = f'{self.body}\n' if self.body else ''
        return (f'From: {self.author} <{self.mail}>\n{date}Subject: [PATCH] {self.subject}\n'
                f'\n{body}---\n')


@dataclass
class Entry:
    """One line of patches/series: one commit."""
    name: str
    line: int
    words: list
    message: Message = None
    diff: bytes = b''
    overlay: list = field(default_factory=list)
    # Files of tables, and the text that each has from here on: see stages.py
    tables: dict = field(default_factory=dict)

    @property
    def is_patch(self):
        """True for a .patch, False for a .files entry."""
        return self.name.endswith('.patch')

    def digest(self):
        """Digest of the entry's own file."""
        return hashlib.sha256(self.message.header().encode() + b'\0' + self.diff).hexdigest()


def parse_message(path, head):
    """Turn the text above the `---` line into a Message."""
    fields, _, body = head.partition('\n\n')
    fields = re.sub(r'\n[ \t]+', ' ', fields)
    keys = {}
    for row in fields.split('\n'):
        key, colon, value = row.partition(':')
        if colon:
            keys.setdefault(key.strip().lower(), value.strip())
    who = re.fullmatch(r'"?([^<"]*?)"?\s*<([^>]+)>', keys.get('from', ''))
    if not who or not keys.get('subject'):
        raise SeriesError(f'{path}: needs "From: Name <mail>" and "Subject:" lines')
    subject = re.sub(r'^\[[^]]*\]\s*', '', keys['subject'])
    return Message(who[1], who[2], subject, body.strip('\n'), keys.get('date', ''))


def split_file(path):
    """Split a .patch or .files file into (Message, bytes after the `---` line)."""
    raw = path.read_bytes()
    raw = re.sub(rb'\AFrom [0-9a-f]{7,64} [^\n]*\n', b'', raw)
    head, mark, rest = raw.partition(b'\n---\n')
    if not mark:
        raise SeriesError(f'{path}: no line "---" between the message and the rest')
    return parse_message(path, head.decode()), rest


def parse_entry(entry, patches):
    """Fill in message, diff and path words of an entry from its file."""
    path = patches / entry.name
    if not path.is_file():
        raise SeriesError(f'patches/series:{entry.line}: no file patches/{entry.name}')
    if re.match(r'\d', entry.name):
        raise SeriesError(f'patches/series:{entry.line}: {entry.name}: names carry no number')
    entry.message, rest = split_file(path)
    if entry.is_patch:
        at = rest.find(b'diff --git ')
        if at < 0:
            raise SeriesError(f'patches/{entry.name}: no "diff --git" line')
        entry.diff = re.sub(rb'\n-- \n[^\n]*\n*\Z', b'\n', rest[at:])
        return
    for row in rest.decode().splitlines():
        entry.words += row.partition('#')[0].split()
    if not entry.words:
        raise SeriesError(f'patches/{entry.name}: lists no file')


def parse_lines(text):
    """Yield an Entry, without content, for each line of patches/series."""
    entries = []
    for number, row in enumerate(text.splitlines(), 1):
        words = row.partition('#')[0].split()
        if not words:
            continue
        if row[0].isspace():
            if not entries or not entries[-1].is_patch:
                raise SeriesError(f'patches/series:{number}: continues no .patch line')
            entries[-1].words += words
            continue
        if not re.fullmatch(r'[A-Za-z0-9._+-]+\.(patch|files)', words[0]):
            raise SeriesError(f'patches/series:{number}: {words[0]} is no .patch or .files')
        if words[0].endswith('.files') and words[1:]:
            raise SeriesError(f'patches/series:{number}: a .files entry lists its paths itself')
        entries.append(Entry(words[0], number, words[1:]))
    return entries


def parse_parts(text):
    """[(title, number of entries)] of the parts that `#: TITLE` lines begin."""
    parts = []
    for row in text.splitlines():
        if row.startswith('#: '):
            parts.append((row[len('#: '):].strip(), 0))
        elif parts and re.match(r'[^\s#]', row):
            parts[-1] = (parts[-1][0], parts[-1][1] + 1)
    return parts


def overlay_files(top):
    """New kernel files of the repository: tracked or not, but not ignored."""
    out = subprocess.run(['git', '-C', str(top), 'ls-files', '-z', '--cached', '--others',
                          '--exclude-standard', '--', *OVERLAY],
                         stdout=subprocess.PIPE, check=True).stdout
    names = {n for n in out.decode().split('\0') if n and not n.startswith(HOST_ONLY)}
    return sorted(n for n in names if (Path(top) / n).is_file())


def exactness(word, name):
    """How exactly a path word of an entry names a file; 0 when it does not."""
    parts, path = word.rstrip('/').split('/'), name.split('/')
    if name == word:
        return len(name) + 1
    if path[:len(parts)] == parts:
        return len(word.rstrip('/'))
    if len(parts) == len(path) and all(map(fnmatch.fnmatchcase, path, parts)):
        return len(re.match(r'[^*?[]*', word)[0])
    return 0


def assign_overlay(entries, files):
    """Give each new file to the one entry that names it, or names it best."""
    owner = {}
    for entry in entries:
        for word in entry.words:
            found = {f: exactness(word, f) for f in files if exactness(word, f)}
            if not found and word != 'MAINTAINERS':
                raise SeriesError(f'patches/{entry.name}: {word}: no such new file')
            for name, exact in found.items():
                best = owner.get(name, (0, None))
                if exact == best[0] and entry is not best[1]:
                    raise SeriesError(f'{name}: named by {best[1].name} and {entry.name}')
                owner[name] = max((exact, entry), best, key=lambda o: o[0])
    missing = [f for f in files if f not in owner]
    if missing:
        raise SeriesError('patches/series names no entry for:\n  ' + '\n  '.join(missing))
    for name in files:
        owner[name][1].overlay.append(name)


def read_series(top):
    """All entries of patches/series, complete and checked."""
    top = Path(top)
    entries = parse_lines((top / 'patches/series').read_text())
    names = [e.name for e in entries]
    for name in names:
        if names.count(name) > 1:
            raise SeriesError(f'patches/series: {name} stands there twice')
    for entry in entries:
        parse_entry(entry, top / 'patches')
    stray = sorted(p.name for p in (top / 'patches').iterdir()
                   if p.name not in ('series', 'cover-letter', 'README.md', *names))
    if stray:
        raise SeriesError('patches/series does not name: ' + ' '.join(stray))
    assign_overlay(entries, overlay_files(top))
    return entries
