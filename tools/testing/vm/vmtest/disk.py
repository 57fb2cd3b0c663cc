# SPDX-License-Identifier: GPL-2.0-only
"""Disk images: the same bytes wherever they are made, no two blocks alike."""

import hashlib
import random
from pathlib import Path

MIB = 1 << 20


def generate(path, mib):
    """Make an image of so many MiB unless it is there; return its path."""
    path = Path(path)
    if path.exists() and path.stat().st_size == mib * MIB:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(mib)
    part = path.with_name(path.name + '.part')
    with part.open('wb') as out:
        for _ in range(mib):
            out.write(source.randbytes(MIB))
    part.rename(path)
    return path


def sha256(path):
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, 'rb') as image:
        return hashlib.file_digest(image, 'sha256').hexdigest()
