#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Unpack a newer QEMU under build/qemu without touching the system.

usage: fetch_qemu.py FOLDER [ARCHITECTURE]
       fetch_qemu.py --sources RELEASES     (print apt sources of other releases)

The machine's own apt sources, with the name of its release replaced by that of
a newer one, fill package lists of our own; the packages and all they depend on
are unpacked into one folder.  Success and failure are both remembered: a
failure is tried again after a day, or when FOLDER.failed is deleted.

With a name of an architecture the packages are those of that one.  They are for a
machine in which the QEMU is a VMM, and a busybox for its guest is among them.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

RELEASE = 'trixie'
SUITES = f'{RELEASE} {RELEASE}-updates {RELEASE}-backports'
PACKAGES = {'': ('qemu-system-x86', 'qemu-system-arm', 'ipxe-qemu', 'qemu-efi-aarch64'),
            'arm64': ('qemu-system-arm', 'qemu-efi-aarch64', 'busybox-static')}
RETRY_SECONDS = 24 * 3600


def own_release():
    """Code name of this machine's release."""
    text = Path('/etc/os-release').read_text()
    found = re.search(r'^VERSION_CODENAME=(\w+)', text, re.M)
    return found[1] if found else ''


def stanzas():
    """deb822 stanzas {field: value} of the machine's apt sources, both forms read."""
    etc = Path('/etc/apt')
    for path in sorted([etc / 'sources.list', *etc.glob('sources.list.d/*')]):
        if not path.is_file():
            continue
        text = re.sub(r'^#.*\n', '', path.read_text(), flags=re.M)
        if path.suffix == '.sources':
            for part in re.split(r'\n\s*\n', text):
                yield dict(re.findall(r'^([\w-]+):[ \t]*(.*)$', part, re.M))
        elif path.suffix == '.list':
            for options, uri, suite in re.findall(r'^deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)',
                                                  text, re.M):
                signed = re.search(r'signed-by=(\S+)', options)
                yield {'Types': 'deb', 'URIs': uri, 'Suites': suite,
                       'Signed-By': signed[1] if signed else ''}


def newer_sources(release, suites=SUITES, types='deb'):
    """Text of apt sources for a newer release, from where this one comes from."""
    for fields in stanzas():
        if release not in fields.get('Suites', '').split():
            continue
        signed = fields.get('Signed-By')
        return (f'Types: {types}\nURIs: {fields["URIs"]}\nSuites: {suites}\nComponents: main\n'
                + (f'Signed-By: {signed}\n' if signed else ''))
    raise RuntimeError(f'no apt source of {release or "this release"}')


def apt_options(work, arch=''):
    """apt options that keep everything inside one folder, for an architecture."""
    pairs = {
        'Dir::Etc::sourcelist': work / 'newer.sources', 'Dir::Etc::sourceparts': work / 'none',
        'Dir::Etc::preferences': '/dev/null', 'Dir::Etc::preferencesparts': work / 'none',
        'Dir::State': work / 'state', 'Dir::State::status': work / 'status',
        'Dir::Cache': work / 'cache', 'APT::Sandbox::User': 'root',
        'APT::Install-Recommends': 'false', 'APT::Get::List-Cleanup': 'false',
        'Acquire::Languages': 'none', 'Debug::NoLocking': 'true',
    }
    if arch:
        pairs.update({'APT::Architecture': arch, 'APT::Architectures': arch})
    return [word for key, value in pairs.items() for word in ('-o', f'{key}={value}')]


def download(work, arch):
    """Download the packages and all they depend on; return their paths."""
    for part in ('none', 'state/lists/partial', 'cache/archives/partial'):
        (work / part).mkdir(parents=True, exist_ok=True)
    (work / 'status').touch()
    (work / 'newer.sources').write_text(newer_sources(own_release()))
    apt = ['apt-get', '-q', '-y', *apt_options(work, arch)]
    quiet = {'stdout': subprocess.DEVNULL, 'check': True}
    subprocess.run([*apt, 'update'], **quiet)
    subprocess.run([*apt, 'install', '--download-only', '-t', f'{RELEASE}-backports',
                    *PACKAGES[arch]], **quiet)
    return sorted((work / 'cache/archives').glob('*.deb'))


def unpack(packages, folder):
    """Unpack all packages into one folder, complete or not at all."""
    part = folder.with_name(folder.name + '.part')
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for link in ('bin', 'lib', 'sbin'):
        (part / 'usr' / link).mkdir(parents=True)
        (part / link).symlink_to(f'usr/{link}')
    for package in packages:
        data = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', str(package)],
                                stdout=subprocess.PIPE)
        subprocess.run(['tar', '-x', '-C', str(part), '--keep-directory-symlink', '--no-same-owner',
                        '--exclude=./usr/share/doc', '--exclude=./usr/share/man',
                        '--exclude=./usr/share/locale'], stdin=data.stdout, check=True)
        if data.wait():
            raise RuntimeError(f'{package}: cannot be unpacked')
    part.rename(folder)


def fetch(folder, arch):
    """Make the folder, unless it is there or failed lately; never an error."""
    failed = folder.with_name(folder.name + '.failed')
    if folder.exists():
        return
    if failed.exists() and time.time() - failed.stat().st_mtime < RETRY_SECONDS:
        return
    work = folder.with_name(folder.name + '-apt')
    kind = f'newer QEMU for {arch}' if arch else 'newer QEMU'
    print(f'unpacking a {kind} (once)', flush=True)
    try:
        unpack(download(work, arch), folder)
        failed.unlink(missing_ok=True)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as err:
        failed.write_text(f'{err}\n')
        print(f'no {kind}: {err}; its cases will be skipped', flush=True)
    shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    if sys.argv[1:2] == ['--sources'] and len(sys.argv) == 3:
        print(newer_sources(own_release(), sys.argv[2].strip()), end='')
        sys.exit()
    if len(sys.argv) not in (2, 3) or sys.argv[2:] and sys.argv[2] not in PACKAGES:
        sys.exit(__doc__)
    os.umask(0o022)
    target = Path(sys.argv[1]).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_name(target.name + '.lock'), 'w') as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        fetch(target, sys.argv[2] if sys.argv[2:] else '')
