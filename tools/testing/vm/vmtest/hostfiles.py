# SPDX-License-Identifier: GPL-2.0-only
"""Programs of this host for the test machine, each with the libraries that it loads."""

import gzip
import re
import stat
import subprocess
from pathlib import Path

from .initramfs import cpio

FILE, FOLDER = stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755


def libraries(path):
    """Paths of what the dynamic loader loads for a program or a library."""
    listing = subprocess.run(['ldd', path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r'^\s*(?:\S+ => )?(/\S+) \(', listing, re.M)


def missing(paths):
    """Those of the files that this host does not have."""
    return [path for path in paths if not Path(path).exists()]


def archive(paths):
    """The files at their own places, to be appended to an initramfs."""
    files = {found for path in paths for found in (path, *libraries(path))}
    folders = {str(up) for path in files for up in Path(path).parents if str(up) != '/'}
    entries = [(path.lstrip('/'), FOLDER, b'') for path in sorted(folders)]
    entries += [(path.lstrip('/'), FILE, Path(path).read_bytes()) for path in sorted(files)]
    return gzip.compress(cpio(entries), 1, mtime=0)
