# SPDX-License-Identifier: GPL-2.0-only
"""The initramfs: our init, the guest programs, and busybox where there is one.

Programs are compiled statically against the user headers of the built tree.
They are the .c files of guest/, and what guest/sources lists from the tree, which is
also where their library comes from: the one of the self tests.
"""

import concurrent.futures
import gzip
import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path

CC = {'x86_64': 'gcc', 'arm64': 'aarch64-linux-gnu-gcc'}
CFLAGS = ['-static', '-O2', '-g0', '-std=gnu11', '-Wall', '-Wextra', '-Wno-unused-parameter',
          '-Wno-sign-compare', '-Wno-missing-field-initializers', '-Werror', '-pthread']
FOLDERS = ('bin', 'dev', 'proc', 'sys', 'tmp', 'run', 'etc')


class Guest:
    """Guest programs and initramfs of one architecture."""

    def __init__(self, arch, top, build):
        self.arch, self.top, self.build = arch, Path(top), Path(build).resolve()
        self.tree = self.build / 'tree'
        self.out = self.build / f'guest-{arch}'
        self.headers = self.out / 'headers'
        self.source = self.top / 'tools/testing/vm/guest'
        self.lock, self.bindir = threading.Lock(), None

    def git(self, *args):
        """What git says of the tree."""
        return subprocess.run(['git', '-C', str(self.tree), *args], stdout=subprocess.PIPE,
                              text=True, check=True).stdout

    def install_headers(self):
        """Install the user headers that the series changes; the system has those of 6.1."""
        mark = self.headers / '.from'
        stamp = self.git('rev-parse', 'HEAD:include/uapi')
        if mark.exists() and mark.read_text() == stamp:
            return
        shutil.rmtree(self.headers, ignore_errors=True)
        base = self.git('rev-list', '--max-parents=0', 'HEAD').strip()
        changed = self.git('diff', '--name-only', base, 'HEAD', '--', 'include/uapi').split()
        # The tree's script finds its tool in the folder that it runs in
        work = self.out / 'headers-build'
        (work / 'scripts').mkdir(parents=True, exist_ok=True)
        subprocess.run(['cc', '-O1', '-w', '-o', str(work / 'scripts/unifdef'),
                        str(self.tree / 'scripts/unifdef.c')], check=True)
        for name in changed:
            target = self.headers / 'include' / Path(name).relative_to('include/uapi')
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(['sh', str(self.tree / 'scripts/headers_install.sh'),
                            str(self.tree / name), str(target)], cwd=work, check=True)
        mark.write_text(stamp)

    def listed(self):
        """(name, globs) of the lines of guest/sources."""
        for row in (self.source / 'sources').read_text().splitlines():
            name, mark, rest = row.partition('#')[0].partition(':')
            if mark:
                yield name.strip(), rest

    def programs(self):
        """{program: [sources]} of all guest programs."""
        found = {p.stem: [p] for p in sorted(self.source.glob('*.c'))}
        for name, rest in self.listed():
            paths = self.match(rest.partition(' + ')[0])
            if name == '*':
                found.update({p.stem: [p] for p in paths})
            elif paths and name != '+':
                found[name] = paths
        return found

    def library(self):
        """Sources that programs are linked with as far as they need them."""
        found = []
        for name, rest in self.listed():
            globs, _, others = rest.partition(' + ')
            if name == '+':
                found += self.match(globs)
            elif name == '*':
                programs = self.match(globs)
                found += [p for p in self.match(others) if p not in programs]
        return found

    def match(self, globs):
        """Files of the tree that a list of globs means."""
        return [p for word in globs.split() for p in sorted(self.tree.glob(word))]

    def flags(self):
        """Compiler flags of guest programs."""
        return [*CFLAGS, '-isystem', str(self.headers / 'include'), f'-I{self.source}',
                f'-I{self.tree / "tools/testing/selftests"}',
                f'-I{self.tree / "tools/testing/selftests/iommu"}']

    def compile(self, target, sources, *args):
        """Compile a program or an object unless it is newer than all that it is made of."""
        deps = self.out / f'{target.name}.d'
        if target.exists() and fresh(target, deps, sources):
            return
        compiler = CC[self.arch] if os.uname().machine != 'aarch64' else 'gcc'
        subprocess.run([compiler, *self.flags(), '-MD', '-MF', str(deps), '-o', str(target),
                        *map(str, sources), *args], check=True)

    @staticmethod
    def each(function, items):
        """Call a function for each item, as many at a time as there are processors."""
        jobs = int(os.environ.get('JOBS') or os.cpu_count())
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for _ in pool.map(function, items):
                pass

    def build_library(self):
        """Make the archive that programs are linked with; return its path in a list."""
        folder, archive = self.out / 'lib', self.out / 'lib.a'
        folder.mkdir(parents=True, exist_ok=True)
        sources = self.library()
        objects = [folder / f'{p.parent.name}-{p.stem}.o' for p in sources]
        self.each(lambda made: self.compile(made[0], [made[1]], '-c'), zip(objects, sources))
        if not objects:
            return []
        # Objects of sources that are gone must not be linked
        left = [o for o in folder.glob('*.o') if o not in objects]
        for path in left:
            path.unlink()
        if left or not archive.exists() or any(newer(o, archive) for o in objects):
            archive.unlink(missing_ok=True)
            subprocess.run(['ar', 'rcs', str(archive), *map(str, objects)], check=True)
        return [archive]

    def build_programs(self):
        """Compile all programs; return the folder they are in."""
        bindir = self.out / 'bin'
        bindir.mkdir(parents=True, exist_ok=True)
        self.install_headers()
        library = self.build_library()
        programs = self.programs()
        self.each(lambda made: self.compile(bindir / made[0], [*made[1], *library]),
                  programs.items())
        for old in bindir.iterdir():
            if old.name not in programs:
                old.unlink()
        return bindir

    def image(self, run=None):
        """Initramfs with the programs that a command line names, or with all; its path.

        A debug kernel needs more than ten seconds to unpack all of them.
        """
        with self.lock:
            if not self.bindir:
                self.bindir = self.build_programs()
            wanted = [p for p in sorted(self.bindir.iterdir())
                      if p.name != 'init' and (run is None or p.name in run.split())]
            return self.pack([p.name for p in wanted] if run is not None else ['all'], wanted)

    def pack(self, names, programs):
        """Write the initramfs of some programs unless it is there; return its path."""
        entries = [(name, stat.S_IFDIR | 0o755, b'') for name in FOLDERS]
        entries.append(('init', stat.S_IFREG | 0o755, (self.bindir / 'init').read_bytes()))
        entries += [(f'bin/{p.name}', stat.S_IFREG | 0o755, p.read_bytes()) for p in programs]
        entries += self.busybox()
        data = gzip.compress(cpio(entries), 1, mtime=0)
        target = self.out / 'initramfs' / f'{"+".join(names) or "none"}.gz'
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)
        return target

    def busybox(self):
        """busybox and its links, where the host's own runs in the guest."""
        path = shutil.which('busybox')
        if not path or self.arch != os.uname().machine.replace('aarch64', 'arm64'):
            return []
        tools = subprocess.run([path, '--list'], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.split()
        taken = {p.name for p in (self.out / 'bin').iterdir()}
        entries = [('bin/busybox', stat.S_IFREG | 0o755, Path(path).read_bytes())]
        return entries + [(f'bin/{t}', stat.S_IFLNK | 0o777, b'busybox')
                          for t in tools if t not in taken and t != 'busybox']


def newer(path, other):
    """Has a file changed since another was made?"""
    return path.stat().st_mtime > other.stat().st_mtime


def fresh(target, deps, sources):
    """Is a target newer than every file that it is made of?

    Of several sources the compiler names the last one's dependencies only.
    """
    if not deps.exists():
        return False
    words = deps.read_text().partition(':')[2].replace('\\\n', ' ').split()
    words += [str(s) for s in sources]
    words += [str(h) for s in sources for h in Path(s).parent.glob('*.h')]
    age = target.stat().st_mtime
    return all(os.path.exists(w) and os.stat(w).st_mtime <= age for w in words)


def modules_archive(paths):
    """Kernel modules in /lib, to be appended to an initramfs."""
    entries = [('lib', stat.S_IFDIR | 0o755, b'')]
    entries += [(f'lib/{p.name}', stat.S_IFREG | 0o644, p.read_bytes()) for p in paths]
    return gzip.compress(cpio(entries), 1, mtime=0)


def cpio(entries):
    """Archive in the `newc` form that the kernel unpacks."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ('TRAILER!!!', 0, b'')], 1):
        path = name.encode() + b'\0'
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        out += b'070701' + b''.join(b'%08X' % f for f in fields) + path
        out += b'\0' * (-len(out) % 4) + data
        out += b'\0' * (-len(out) % 4)
    return bytes(out)
