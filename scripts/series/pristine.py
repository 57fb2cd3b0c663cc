# SPDX-License-Identifier: GPL-2.0-only
"""The untouched 6.1.y source as one commit of a bare git repository.

A tarball, or the HEAD of a git tree, is streamed into git fast-import, so that
nothing is unpacked to disk.  The commit is the same wherever it is made.
"""

import fcntl
import hashlib
import subprocess
import tarfile
from pathlib import Path

from gitrepo import Git

STAMP = '1700000000 +0000'
IDENT = f'Linux kernel source <kernel@localhost> {STAMP}'


def source_key(src):
    """Name that changes whenever the source does."""
    src = Path(src)
    if src.is_dir():
        return 'git-' + Git(src).text('rev-parse', 'HEAD^{tree}')
    stat = src.stat()
    text = f'{src.resolve()} {stat.st_size} {stat.st_mtime_ns}'
    return 'tar-' + hashlib.sha256(text.encode()).hexdigest()[:40]


def open_source(src):
    """Return (tarfile, process or None) for a tarball or a git tree."""
    if Path(src).is_dir():
        proc = subprocess.Popen(['git', '-C', str(src), 'archive', '--prefix=linux/', 'HEAD'],
                                stdout=subprocess.PIPE)
    elif str(src).endswith('.xz'):
        proc = subprocess.Popen(['xz', '-dc', '-T0', str(src)], stdout=subprocess.PIPE)
    else:
        return tarfile.open(src, 'r|*'), None
    return tarfile.open(fileobj=proc.stdout, mode='r|'), proc


def write_member(tar, member, out):
    """Write one member of the archive as a fast-import file change."""
    name = member.name.removeprefix('./').partition('/')[2]
    if not name or not (member.isfile() or member.issym()):
        return None
    if member.issym():
        mode, data = '120000', member.linkname.encode()
    else:
        mode = '100755' if member.mode & 0o100 else '100644'
        data = tar.extractfile(member).read()
    out.write(f'M {mode} inline "{name}"\ndata {len(data)}\n'.encode() + data + b'\n')
    return name, data


def version_of(makefile):
    """Kernel version in the text of the top Makefile."""
    rows = dict(r.split(' = ', 1) for r in makefile.decode().splitlines()[:6] if ' = ' in r)
    return '.'.join(rows[k].strip() for k in ('VERSION', 'PATCHLEVEL', 'SUBLEVEL'))


def import_source(repo, src, ref):
    """Stream the source into a commit at ref; return the kernel version."""
    tar, feeder = open_source(src)
    sink = subprocess.Popen(['git', '-C', str(repo), '-c', 'core.compression=1', 'fast-import',
                             '--quiet', '--depth=0', '--force'], stdin=subprocess.PIPE)
    out = sink.stdin
    title = 'Linux 6.1.y, pristine\n'
    out.write(f'commit {ref}\ncommitter {IDENT}\ndata {len(title)}\n{title}\n'.encode())
    version = None
    for member in tar:
        done = write_member(tar, member, out)
        if done and done[0] == 'Makefile':
            version = version_of(done[1])
    out.write(b'\ndone\n')
    out.close()
    if sink.wait() or (feeder and feeder.wait()):
        raise SystemExit(f'{src}: cannot be imported')
    if not version or not version.startswith('6.1.'):
        raise SystemExit(f'{src}: is Linux {version}, wanted 6.1.y')
    return version


def pristine_commit(repo, src):
    """Commit of the pristine source in the bare repository repo, made if missing."""
    repo = Path(repo)
    repo.parent.mkdir(parents=True, exist_ok=True)
    with open(repo.with_name(repo.name + '.lock'), 'w') as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        return locked_commit(repo, src)


def locked_commit(repo, src):
    """pristine_commit() with the repository to ourselves."""
    if not (repo / 'HEAD').exists():
        subprocess.run(['git', 'init', '-q', '--bare', str(repo)], check=True)
    git, ref = Git(repo), 'refs/heads/' + source_key(src)
    found = git.text('for-each-ref', '--format=%(objectname)', ref)
    if found:
        return found
    print(f'importing {src} (once)', flush=True)
    part = ref + '-part'
    import_source(repo, src, part)
    commit = git.text('rev-parse', part)
    git.run('update-ref', ref, commit)
    git.run('update-ref', '-d', part)
    return commit
