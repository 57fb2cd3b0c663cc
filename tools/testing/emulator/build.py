#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Build the emulator of IOMMUs: a pinned QEMU with the patches and files beside this one.

usage: build.py FOLDER

FOLDER gets the source, the build and `key`, the digest of all that the build depends on;
with the same key there is nothing to do. The source comes from QEMU_SRC (a folder with the
two tarballs of Debian, or the path of the larger one), or from Debian by lists of our own.
Where it cannot be had, FOLDER/failed says why, and that is no error: what needs the emulator
is skipped with that reason.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'vm'))
# pylint: disable=wrong-import-position
import fetch_qemu

VERSION = '1:10.2.2+ds-1'
SUITE = 'sid'
RETRY_SECONDS = 24 * 3600
TARGETS = ('x86_64', 'aarch64')
# Headers of another kernel's iommufd and VFIO; no part that is built needs them
STRIPPED = ('linux-headers/linux/iommufd.h', 'linux-headers/linux/vfio.h')
# Our files, and where they go
FILES = {
    'vtd/*.[ch]': 'hw/i386',
    'smmuv3/*.[ch]': 'hw/arm',
    'device/*.c': 'hw/misc',
}
OPTIONS = (
    '--without-default-features', '--without-default-devices', '--enable-system', '--enable-tcg',
    '--enable-fdt=system', '--enable-trace-backends=log', '--disable-docs', '--disable-tools',
    '--disable-guest-agent', '--disable-werror', '--disable-debug-info', '--disable-download',
    '--disable-install-blobs',
)


class SourceError(Exception):
    """The source cannot be had."""


def pinned():
    """{file name: sha256} of the source."""
    rows = (HERE / 'source.sha256').read_text().split('\n')
    return {name: digest for digest, name in (r.split() for r in rows if r)}


def digest_of(path):
    """sha256 of a file."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def patches():
    """The patches, in their order."""
    rows = (HERE / 'patches/series').read_text().split('\n')
    return [HERE / 'patches' / r for r in rows if r and not r.startswith('#')]


def own_files():
    """(file, folder in the source) of each file of ours."""
    for pattern, folder in FILES.items():
        for path in sorted(HERE.glob(pattern)):
            yield path, folder
    for target in TARGETS:
        yield HERE / 'configs' / f'{target}.mak', f'configs/devices/{target}-softmmu'


def key():
    """Digest of the source, the patches, our files and the options."""
    digest = hashlib.sha256()
    inputs = [HERE / 'source.sha256', *patches(), *(path for path, _ in own_files())]
    for path in [*inputs, Path(__file__)]:
        digest.update(path.name.encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()


def check_source(folder):
    """Leave with the reason unless the folder has the pinned files."""
    for name, wanted in pinned().items():
        path = folder / name
        if not path.is_file():
            raise SourceError(f'{path} does not exist')
        if digest_of(path) != wanted:
            raise SourceError(f'{path} is not the file that source.sha256 names')


def download(folder):
    """Fetch the source package by apt, without touching the system's lists."""
    work = folder.with_name('apt')
    for part in ('none', 'state/lists/partial', 'cache/archives/partial'):
        (work / part).mkdir(parents=True, exist_ok=True)
    (work / 'status').touch()
    (work / 'newer.sources').write_text(
        fetch_qemu.newer_sources(fetch_qemu.own_release(), SUITE, 'deb-src'))
    apt = ['apt-get', '-q', *fetch_qemu.apt_options(work)]
    quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL, 'check': True}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run([*apt, 'update'], **quiet)
        subprocess.run([*apt, 'source', '--download-only', f'qemu={VERSION}'], cwd=folder, **quiet)
    except subprocess.CalledProcessError as err:
        raise SourceError(f'apt-get has no source of qemu {VERSION} in {SUITE}') from err
    finally:
        shutil.rmtree(work, ignore_errors=True)


def find_source(folder):
    """Folder with the tarballs, downloaded into `folder` when nothing else has them."""
    given = os.environ.get('QEMU_SRC')
    if given:
        place = Path(given).resolve()
        place = place.parent if place.is_file() else place
        check_source(place)
        return place
    try:
        check_source(folder)
    except SourceError:
        download(folder)
        check_source(folder)
    return folder


def run(args, **kwargs):
    """Run a command and show what it printed when it fails."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False, **kwargs)
    if done.returncode:
        sys.stdout.write(done.stdout[-8000:])
        sys.exit(f'emulator: {args[0]} failed')
    return done.stdout


def debian_patches(tree):
    """Patches of Debian, in their order."""
    for row in (tree / 'debian/patches/series').read_text().split('\n'):
        name = row.split('#')[0].strip()
        if name:
            yield tree / 'debian/patches' / name


def prepare(tarballs, tree):
    """Unpack the source and put patches and files of ours into it."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    orig, debian = (tarballs / name for name in sorted(pinned(), key=lambda n: 'debian' in n))
    run(['tar', '-xf', str(orig), '-C', str(tree), '--strip-components=1', '--no-same-owner'])
    run(['tar', '-xf', str(debian), '-C', str(tree), '--no-same-owner'])
    for name in STRIPPED:
        (tree / name).unlink()
    for patch in [*debian_patches(tree), *patches()]:
        run(['patch', '-s', '-p1', '--no-backup-if-mismatch', '-F0' if HERE in patch.parents
             else '-F2', '-d', str(tree), '-i', str(patch)])
    for path, folder in own_files():
        name = 'emulator.mak' if path.suffix == '.mak' else path.name
        shutil.copyfile(path, tree / folder / name)


def update(tarballs, folder):
    """Bring the source up to date; files that do not differ keep their time."""
    fresh, tree = folder / 'fresh', folder / 'source'
    prepare(tarballs, fresh)
    if tree.exists():
        run(['rsync', '-rlpc', '--delete', f'{fresh}/', f'{tree}/'])
        shutil.rmtree(fresh)
    else:
        fresh.rename(tree)


def configure(folder):
    """Configure the build, unless it is."""
    out = folder / 'out'
    if (out / 'build.ninja').exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    compiler = 'ccache gcc' if shutil.which('ccache') else 'gcc'
    run([str(folder / 'source/configure'), '--python=/usr/bin/python3', f'--cc={compiler}',
         '--target-list=' + ','.join(f'{t}-softmmu' for t in TARGETS),
         *(f'--with-devices-{t}=emulator' for t in TARGETS), *OPTIONS], cwd=out)


def compile_all(folder):
    """Compile both emulators."""
    # In depend mode a file that the cache does not have is not preprocessed twice
    env = {**os.environ, 'CCACHE_BASEDIR': str(folder), 'CCACHE_NOHASHDIR': '1',
           'CCACHE_DEPEND': '1'}
    jobs = os.environ.get('JOBS') or str(os.cpu_count())
    run(['ninja', '-C', str(folder / 'out'), '-j', jobs,
         *(f'qemu-system-{t}' for t in TARGETS)], env=env)


def binaries(folder):
    """Paths of the emulators."""
    return [folder / 'out' / f'qemu-system-{t}' for t in TARGETS]


def build(folder):
    """Make what is missing; True when the emulator is there."""
    wanted, mark, failed = key(), folder / 'key', folder / 'failed'
    if mark.exists() and mark.read_text() == wanted and all(b.exists() for b in binaries(folder)):
        return True
    recent = failed.exists() and time.time() - failed.stat().st_mtime < RETRY_SECONDS
    if recent and not os.environ.get('QEMU_SRC'):
        print(f'no emulator: {failed.read_text().strip()}', flush=True)
        return False
    start = time.monotonic()
    try:
        tarballs = find_source(folder / 'download')
    except (SourceError, RuntimeError, OSError) as err:
        failed.write_text(f'{err}\n')
        print(f'no emulator: {err}', flush=True)
        return False
    failed.unlink(missing_ok=True)
    mark.unlink(missing_ok=True)
    update(tarballs, folder)
    configure(folder)
    compile_all(folder)
    mark.write_text(wanted)
    print(f'emulator built in {time.monotonic() - start:.0f} s', flush=True)
    return True


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.umask(0o022)
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    with open(target / 'lock', 'w') as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        build(target)
