#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compile the C programs that stand in documents.

usage: check_examples.py TREE DOCUMENT ...

A program is a `.. code-block:: c` that has a main(). TREE is the kernel tree whose
user headers it is compiled with.
"""

import os
import re
import subprocess
import sys
import tempfile
import textwrap

BLOCK = re.compile(r'^\.\. code-block:: c\n\n((?:(?: {4}.*)?\n)+)', re.M)


def programs(document):
    """The C programs of a document."""
    with open(document, encoding='utf-8') as file:
        blocks = [textwrap.dedent(found) for found in BLOCK.findall(file.read())]
    return [block for block in blocks if 'int main(' in block]


def install_headers(tree, folder):
    """Put the kernel's user headers of this interface into a folder."""
    os.makedirs(f'{folder}/linux')
    for name in ('iommufd.h', 'vfio.h'):
        with open(f'{tree}/include/uapi/linux/{name}', encoding='utf-8') as file:
            text = file.read()
        with open(f'{folder}/linux/{name}', 'w', encoding='utf-8') as file:
            file.write(text)


def compile_program(source, headers):
    """Return what the compiler says, nothing when all is well."""
    done = subprocess.run(['gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-x', 'c',
                           '-D__user=', f'-I{headers}', '-o', '/dev/null', '-'],
                          input=source, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ''


def main():
    """Print a TAP line for each program."""
    tree, documents = sys.argv[1], sys.argv[2:]
    count, failed = 0, 0
    with tempfile.TemporaryDirectory() as headers:
        install_headers(tree, headers)
        for document in documents:
            found = programs(document)
            if not found:
                print(f'not ok - docs: {os.path.basename(document)} has no program')
                failed += 1
            for source in found:
                count += 1
                said = compile_program(source, headers)
                failed += bool(said)
                print(f'{"not ok" if said else "ok"} {count} - docs: program '
                      f'{count} of {os.path.basename(document)} compiles')
                print(textwrap.indent(said, '# '), end='')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
