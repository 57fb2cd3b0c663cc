# SPDX-License-Identifier: GPL-2.0-only
"""Building the patched tree: one commit for each line of patches/series.

Commits are made in an index of their own, beside the work tree, and cached by
what they are made of.  The work tree is then moved from its old commit to the
new one, so that only files whose content differs are written and an incremental
kernel build stays incremental.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from gitrepo import Git, GitError
from grammar import SeriesError, read_series
import maintainers
from pristine import STAMP, pristine_commit
from stages import Stages

FORMAT = 'series-5'
# Debian's source has a .gitignore that hides all of the tree; its folders count all the same,
# while the patterns for what a build leaves behind keep their force.
NOT_HIDDEN = '!/[!.]*/'


class Tree:
    """The git tree at build/tree, made from one repository and one source."""

    def __init__(self, top, tree, pristine, src):
        self.top, self.path = Path(top), Path(tree)
        self.pristine, self.src = Path(pristine), src
        self.git = Git(self.path)
        self.index = self.path / '.git/series-index'
        self.side = Git(self.path, self.index)
        self.cache_file = self.path / '.git/series-cache.json'
        self.state_file = self.path / '.git/series-state.json'
        self.cache = {}
        self.base = None
        self.filled = None

    def open(self):
        """Create the repository if needed, and find the base commit."""
        self.base = pristine_commit(self.pristine, self.src)
        if not (self.path / '.git').exists():
            subprocess.run(['git', 'init', '-q', '-b', 'series', str(self.path)], check=True)
            self.git.run('config', 'gc.auto', '0')
            self.git.run('config', 'core.fsmonitor', 'false')
        alternates = self.path / '.git/objects/info/alternates'
        alternates.parent.mkdir(parents=True, exist_ok=True)
        alternates.write_text(str((self.pristine / 'objects').resolve()) + '\n')
        if self.cache_file.exists():
            self.cache = json.loads(self.cache_file.read_text())

    def commits(self, entries):
        """Commits of all entries, made where they are not in the cache."""
        self.filled = None
        parent, made = self.base, []
        for entry, tables in zip(entries, Stages(self.top, entries).walk(entries)):
            entry.tables = tables
            key = self.key(parent, entry)
            commit = self.cache.get(key)
            if not commit:
                commit = self.cache[key] = self.commit(parent, entry)
            made.append(commit)
            parent = commit
        self.cache_file.write_text(json.dumps(self.cache, indent=0))
        return made

    def key(self, parent, entry):
        """Digest of everything that a commit depends on."""
        digest = hashlib.sha256()
        parts = [FORMAT, parent, entry.message.header()]
        for part in parts:
            digest.update(part.encode() + b'\0')
        digest.update(entry.diff + b'\0')
        for name in self.laid(entry):
            mode = str(os.access(self.top / name, os.X_OK))
            digest.update(f'{name}\0{mode}\0'.encode() + (self.top / name).read_bytes())
        for name, text in sorted(entry.tables.items()):
            digest.update(f'{name}\0{text}\0'.encode())
        return digest.hexdigest()

    @staticmethod
    def laid(entry):
        """Files of the repository that an entry takes as they are."""
        return [n for n in entry.overlay if n not in entry.tables] + (['MAINTAINERS'] if 'MAINTAINERS' in entry.words else [])

    def commit(self, parent, entry):
        """Make the commit of one entry on top of parent."""
        print(f'  {entry.name}', flush=True)
        if self.filled != parent:
            self.side.run('read-tree', parent)
        self.filled = None
        if entry.diff:
            try:
                self.side.run('apply', '--cached', '--whitespace=nowarn', '-', data=entry.diff)
            except GitError as err:
                raise SeriesError(f'patches/{entry.name} does not apply:\n{err}') from err
        self.lay(parent, entry)
        tree = self.side.text('write-tree')
        if tree == self.git.text('rev-parse', parent + '^{tree}'):
            raise SeriesError(f'patches/{entry.name} changes nothing')
        msg = entry.message
        env = {f'GIT_{who}_{what}': value for who in ('AUTHOR', 'COMMITTER')
               for what, value in (('NAME', msg.author), ('EMAIL', msg.mail), ('DATE', STAMP))}
        if msg.date:
            env['GIT_AUTHOR_DATE'] = msg.date
        commit = self.git.text('commit-tree', tree, '-p', parent, data=msg.text().encode(), env=env)
        self.filled = commit
        return commit

    def lay(self, parent, entry):
        """Put the new files of an entry into the side index."""
        rows = []
        for name in entry.overlay:
            if self.git.blob(self.base, name) is not None:
                raise SeriesError(f'{name}: exists in 6.1; change it by a patch')
            if name in entry.tables:
                continue
            mode = '100755' if os.access(self.top / name, os.X_OK) else '100644'
            blob = self.git.text('hash-object', '-w', '--', str((self.top / name).resolve()))
            rows.append(f'{mode} {blob}\t{name}')
        for name, text in entry.tables.items():
            blob = self.git.text('hash-object', '-w', '--stdin', data=text.encode())
            rows.append(f'100644 {blob}\t{name}')
        if 'MAINTAINERS' in entry.words:
            merged = maintainers.merge(self.git.blob(parent, 'MAINTAINERS').decode(),
                                       (self.top / 'MAINTAINERS').read_text())
            blob = self.git.text('hash-object', '-w', '--stdin', data=merged.encode())
            rows.append(f'100644 {blob}\tMAINTAINERS')
        if rows:
            data = '\n'.join(rows).encode() + b'\n'
            self.side.run('update-index', '--add', '--index-info', data=data)

    def head(self):
        """Commit that the work tree stands on, or None."""
        try:
            return self.git.text('rev-parse', '--verify', 'HEAD^{commit}')
        except GitError:
            return None

    def edits(self):
        """(changed files, new files) of the work tree against its commit."""
        if not self.head():
            return [], []
        self.git.run('update-index', '-q', '--refresh', ok=(0, 1))
        return (self.git.names('diff-index', '-z', '--name-only', 'HEAD'),
                self.git.names('ls-files', '-z', '--others', '--exclude-standard',
                               '-x', NOT_HIDDEN))

    def sort_edits(self, tip):
        """(done, kept, lost): edits that tip holds too, leaves alone, or contradicts."""
        done, kept, lost = [], [], []
        changed, new = self.edits()
        for name in changed + new:
            if self.same(tip, name):
                done.append(name)
            elif self.git.blob('HEAD', name) == self.git.blob(tip, name):
                kept.append(name)
            else:
                lost.append(name)
        return done, kept, lost

    def same(self, commit, name):
        """Does the work tree hold a file exactly as the commit does?"""
        path = self.path / name
        blob = self.git.blob(commit, name)
        return (path.read_bytes() if path.is_file() else None) == blob

    def checkout(self, tip, force=False):
        """Move the work tree to a commit, touching only what differs."""
        if force or not self.head():
            self.git.run('read-tree', '--reset', '-u', tip)
            self.git.run('clean', '-qfd', '-e', NOT_HIDDEN)
        else:
            done, kept, lost = self.sort_edits(tip)
            if lost:
                raise SeriesError('edited in the tree, and changed by the series too '
                                  '(make fold first, or make tree FORCE=1 to drop the edits):\n  '
                                  + '\n  '.join(lost))
            if done:
                self.git.run('update-index', '--add', '--remove', '--', *done)
            self.git.run('read-tree', '-m', '-u', 'HEAD', tip)
            if kept:
                print('edited in the tree and not folded:\n  ' + '\n  '.join(kept))
        self.git.run('update-ref', '-m', 'series', 'HEAD', tip)

    def record(self, entries, made):
        """Remember the entries that the work tree stands on."""
        rows = [{'name': e.name, 'commit': c, 'digest': e.digest()}
                for e, c in zip(entries, made)]
        self.state_file.write_text(json.dumps(rows, indent=1))

    def recorded(self):
        """The entries that the work tree stands on, as record() got them."""
        return json.loads(self.state_file.read_text()) if self.state_file.exists() else []

    def check_last_texts(self, tip, entries):
        """At the tip each new file has to be what the repository holds."""
        names = [n for e in entries for n in e.overlay]
        paths = ''.join(f'{(self.top / n).resolve()}\n' for n in names)
        blobs = self.git.text('hash-object', '--stdin-paths', data=paths.encode()).split()
        rows = self.git.run('ls-tree', '-r', '-z', tip).decode().split('\0')
        there = {name: row.split()[2] for row, _, name in (r.partition('\t') for r in rows) if row}
        wrong = [n for n, blob in zip(names, blobs) if there.get(n) != blob]
        if wrong:
            raise SeriesError('the last commit differs from the repository in:\n  '
                              + '\n  '.join(wrong))

    def build(self, force=False):
        """Make the tree what the series says; return [(entry, commit)]."""
        self.open()
        entries = read_series(self.top)
        made = self.commits(entries)
        tip = made[-1] if made else self.base
        self.check_last_texts(tip, entries)
        if self.head() != tip or self.edits() != ([], []):
            self.checkout(tip, force)
        self.record(entries, made)
        self.git.run('update-ref', 'refs/heads/base', self.base)
        return list(zip(entries, made))
