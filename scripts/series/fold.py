# SPDX-License-Identifier: GPL-2.0-only
"""Turning edits of the built tree back into patches and overlay files.

An edit of a file that several patches change belongs to one of them, at stage k
of n.  The file as it stands after stage k..n-1 is merged with the edit (three
ways, against the file at the tip); after stage n it is what the work tree holds.
Each patch whose two sides changed is written anew.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from grammar import Message, OVERLAY, SeriesError, overlay_files, read_series

DIFF_OPTIONS = ('--no-ext-diff', '--no-color', '-M', '-p', '--no-prefix', '--src-prefix=a/',
                '--dst-prefix=b/')


class Fold:
    """The edits of a built tree, and where they go."""

    def __init__(self, tree):
        self.tree, self.top = tree, tree.top
        self.built = {}
        tree.open()
        self.entries = read_series(self.top)
        self.commits = self.base_chain()
        self.overlay = set(overlay_files(self.top))
        changed, new = tree.edits()
        self.new = new
        self.ours = [n for n in changed if n in self.overlay]
        self.theirs = [n for n in changed if n not in self.overlay]

    def base_chain(self):
        """Commits of the series that the tree stands on, the base first."""
        rows = self.tree.recorded()
        if [r['name'] for r in rows] != [e.name for e in self.entries]:
            raise SeriesError('patches/series changed since the tree was made; '
                              'make tree, then fold')
        self.built = {r['name']: r['digest'] for r in rows}
        return [self.tree.base] + [r['commit'] for r in rows]

    def check_unchanged(self, entry):
        """A patch may not have changed on both sides."""
        if self.built[entry.name] != entry.digest():
            raise SeriesError(f'patches/{entry.name} changed since the tree was made; '
                              'make tree, then fold')

    def touching(self, name):
        """Positions (from 1) of the entries whose patch changes a file."""
        return [i for i, _ in enumerate(self.entries, 1)
                if self.tree.git.names('diff-tree', '-z', '--name-only', '-r', '--no-renames',
                                       self.commits[i - 1], self.commits[i], '--', name)]

    def home(self, name, wanted):
        """Position of the entry that an edited file folds into."""
        where = self.touching(name)
        names = [self.entries[i - 1].name for i in where]
        if wanted:
            wanted = wanted if wanted.endswith('.patch') else wanted + '.patch'
            known = [e.name for e in self.entries]
            if wanted not in known:
                raise SeriesError(f'{wanted}: not in patches/series')
            return known.index(wanted) + 1
        if len(where) == 1 and names[0].endswith('.patch'):
            return where[0]
        if not where:
            raise SeriesError(f'{name}: no patch changes it; PATCH=name or make new-patch')
        raise SeriesError(f'{name}: changed by {" ".join(names)}; say PATCH=name')

    def copy_ours(self):
        """Copy edited overlay files, and files new in the tree, to the repository."""
        for name in self.ours + self.new:
            if name in self.new and not name.startswith(tuple(d + '/' for d in OVERLAY)):
                raise SeriesError(f'{name}: new, but outside the folders of the overlay')
            src, dst = self.tree.path / name, self.top / name
            if name in self.ours and dst.read_bytes() not in (self.tree.git.blob('HEAD', name),
                                                              self.content(name)):
                raise SeriesError(f'{name}: edited in the tree and in the repository')
            if not src.exists():
                dst.unlink()
                print(f'removed {name}')
                continue
            dst.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(src, dst)
            os.chmod(dst, src.stat().st_mode)
            print(f'{name}: copied')

    def stages(self, name, home):
        """{position: new content} of a file from its home entry to the last one."""
        after = [i for i in self.touching(name) if i > home]
        final = self.content(name)
        steps = {}
        for i in [home] + after:
            last = i == (after[-1] if after else home)
            steps[i] = final if last else self.merged(name, i, final)
        return steps

    def content(self, name):
        """Content of a file in the work tree, None when it is gone."""
        path = self.tree.path / name
        return path.read_bytes() if path.exists() else None

    def merged(self, name, position, final):
        """The file after an entry, with the edit of the tip merged in."""
        old = self.tree.git.blob(self.commits[position], name)
        tip = self.tree.git.blob(self.commits[-1], name)
        if None in (old, tip, final):
            raise SeriesError(f'{name}: appears or goes in a later patch; edit patches/ by hand')
        with tempfile.TemporaryDirectory() as tmp:
            paths = []
            for label, data in (('stage', old), ('tip', tip), ('edit', final)):
                paths.append(Path(tmp) / label)
                paths[-1].write_bytes(data)
            done = subprocess.run(['git', 'merge-file', '-p', *map(str, paths)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise SeriesError(f'{name}: the edit meets lines that a patch after '
                              f'{self.entries[position - 1].name} changes; fold it there')
        return done.stdout

    def write_trees(self, steps_of):
        """Trees after each entry with the new contents in place."""
        trees, now = [], {}
        for i, commit in enumerate(self.commits):
            for name, steps in steps_of.items():
                if i in steps:
                    now[name] = steps[i]
            trees.append(self.tree_with(commit, now))
        return trees

    def tree_with(self, commit, files):
        """Tree of a commit with some files replaced."""
        git, side = self.tree.git, self.tree.side
        if not files:
            return git.text('rev-parse', commit + '^{tree}')
        side.run('read-tree', commit)
        for name, data in files.items():
            if data is None:
                side.run('rm', '-q', '--cached', '--ignore-unmatch', '--', name)
                continue
            mode = git.text('ls-tree', commit, '--', name)[:6] or '100644'
            blob = git.text('hash-object', '-w', '--stdin', data=data)
            side.run('update-index', '--add', '--cacheinfo', f'{mode},{blob},{name}')
        return side.text('write-tree')

    def rewrite(self, steps_of):
        """Write each patch anew whose two sides changed."""
        trees = self.write_trees(steps_of)
        for i, entry in enumerate(self.entries, 1):
            if not any(name in steps_of and i in steps_of[name] for name in steps_of):
                continue
            self.check_unchanged(entry)
            names = self.tree.git.names('diff-tree', '-z', '--name-only', '-r', '--no-renames',
                                        trees[i - 1], trees[i])
            names = [n for n in names if n not in self.overlay]
            diff = self.diff(trees[i - 1], trees[i], names)
            write_patch(self.top / 'patches' / entry.name, entry.message, diff)
            print(f'patches/{entry.name}: written')

    def diff(self, old, new, names):
        """Diff of two trees, without the index lines that say nothing to a reader."""
        raw = self.tree.git.run('diff', *DIFF_OPTIONS, old, new, '--', *names) if names else b''
        return re.sub(rb'^index [0-9a-f]+\.\.[0-9a-f]+( \d+)?\n', b'', raw, flags=re.M)

    def fold(self, wanted=None):
        """make fold: every edit goes back to where it belongs."""
        steps_of = {}
        for name in self.theirs:
            steps_of[name] = self.stages(name, self.home(name, wanted))
        if not steps_of and not self.ours and not self.new:
            print('no edit to fold')
            return
        self.rewrite(steps_of)
        self.copy_ours()
        self.name_new(wanted)

    def name_new(self, wanted):
        """Add files that are new in the tree to the series line of a patch."""
        if not self.new:
            return
        if not wanted:
            print('name the new files in patches/series:\n  ' + '\n  '.join(self.new))
            return
        wanted = wanted if wanted.endswith('.patch') else wanted + '.patch'
        path = self.top / 'patches/series'
        rows = path.read_text().split('\n')
        at = next(e.line for e in self.entries if e.name == wanted) - 1
        rows[at] += ' ' + ' '.join(self.new)
        path.write_text('\n'.join(rows))

    def new_patch(self, name, subject, author):
        """make new-patch: all edits become a patch at the end of the series."""
        name = name if name.endswith('.patch') else name + '.patch'
        path = self.top / 'patches' / name
        if path.exists():
            raise SeriesError(f'patches/{name} exists; use make fold PATCH={name}')
        if not self.theirs:
            raise SeriesError('no existing kernel file is edited; new files alone go into a .files entry')
        who = re.fullmatch(r'(.*?)\s*<([^>]+)>', author)
        message = Message(who[1], who[2], subject, f'Signed-off-by: {author}')
        tree = self.tree_with(self.commits[-1], {n: self.content(n) for n in self.theirs})
        write_patch(path, message, self.diff(self.commits[-1], tree, self.theirs))
        self.copy_ours()
        series = self.top / 'patches/series'
        text = series.read_text()
        text += '' if text.endswith('\n') else '\n'
        series.write_text(text + ' '.join([name, *self.new]) + '\n')
        print(f'patches/{name}: written; now say in it why 6.1 needs the change')


def write_patch(path, message, diff):
    """Write a patch file; a patch without changes is refused."""
    if not diff:
        raise SeriesError(f'{path.name}: nothing left of it; delete it and its line by hand')
    path.write_bytes(message.header().encode() + b'\n' + diff)
