#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the user ABI headers with the ABI tables.

usage: check_abi.py TABLES NOT_YET IOMMUFD_H VFIO_H [COMPILER ...]

Every number, size, offset and constant of the tables must be in the headers
with the same value, except the names in NOT_YET, which must be absent.  The
iommufd header must define nothing that the tables do not know.  Prints TAP.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

COMMENT = re.compile(r'/\*.*?\*/', re.S)


def read_header(path):
    with open(path) as header:
        return COMMENT.sub(' ', header.read())


def read_names(path):
    with open(path) as names:
        rows = (row.split('#')[0].strip() for row in names)
        return {row for row in rows if row}


def struct_facts(struct, not_yet):
    tag = f'struct {struct["name"]}'
    yield f'sizeof({tag}) == {struct["size"]}'
    if 'alignment' in struct:
        yield f'_Alignof({tag}) == {struct["alignment"]}'
    for field in struct['fields']:
        name = field['name']
        if f'{struct["name"]}.{name}' in not_yet:
            continue
        yield f'offsetof({tag}, {name}) == {field["offset"]}'
        if field['size']:
            yield f'sizeof((({tag} *)0)->{name}) == {field["size"]}'


def ioctl_facts(ioctl, _):
    yield f'{ioctl["name"]} == {ioctl["number"]}'
    if ioctl.get('min_size_last_field') and ioctl.get('struct'):
        tag, last = f'struct {ioctl["struct"]}', ioctl['min_size_last_field']
        yield (f'offsetof({tag}, {last}) + sizeof((({tag} *)0)->{last})'
               f' == {ioctl["min_size"]}')


def constant_facts(constant, _):
    yield f'(unsigned int){constant["name"]} == {constant["hex"]}u'


def facts_of(tables, not_yet):
    """Yield (name, list of C conditions) for each row of the tables."""
    parts = [tables, tables['vfio_cdev']]
    for part in parts:
        for kind, conditions in (('ioctls', ioctl_facts),
                                 ('structs', struct_facts),
                                 ('constants', constant_facts)):
            for row in part[kind]:
                yield row['name'], list(conditions(row, not_yet))


def compiles(compiler, folder, conditions):
    lines = ['#include <stddef.h>', '#include <linux/iommufd.h>',
             '#include <linux/vfio.h>']
    lines += [f'_Static_assert({c}, "{c}");' for c in conditions]
    run = subprocess.run(
        [compiler, '-I', folder, '-D__user=', '-Wall', '-Werror', '-fsyntax-only', '-x', 'c', '-'],
        input='\n'.join(lines) + '\n', capture_output=True, text=True)
    return [row for row in run.stderr.split('\n') if 'error' in row]


def defined_names(header):
    """Names that the iommufd header gives to structs and constants."""
    structs = re.findall(r'^struct (\w+) \{', header, re.M)
    macros = re.findall(r'^#define (IOMMU\w+)', header, re.M)
    enums = re.findall(r'^\t(IOMMU\w+) = ', header, re.M)
    return set(structs) | set(macros) | set(enums)


def main(argv):
    tables_path, not_yet_path, iommufd_h, vfio_h = argv[:4]
    compilers = argv[4:] or ['cc']
    not_yet = read_names(not_yet_path)
    with open(tables_path) as tables_file:
        facts = list(facts_of(json.load(tables_file), not_yet))
    text = read_header(iommufd_h) + read_header(vfio_h)
    present = set(re.findall(r'\w+', text))
    results = []

    known = {name for name, _ in facts}
    results += [(f'{name} is announced in not-yet and exists nowhere in the tables', [name])
                for name in sorted(n for n in not_yet - known if '.' not in n)]
    for name, conditions in facts:
        if name in not_yet:
            if name in present:
                results.append((name, ['is in the header: take it off not-yet']))
            continue
        results.append((name, [] if name in present else ['missing in the header']))
    invented = defined_names(read_header(iommufd_h)) - known
    results.append(('nothing beyond the tables', sorted(invented)))

    conditions = [c for name, cs in facts if name in present and name not in not_yet
                  for c in cs]
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f'{folder}/linux')
        shutil.copy(iommufd_h, f'{folder}/linux/iommufd.h')
        shutil.copy(vfio_h, f'{folder}/linux/vfio.h')
        for compiler in compilers:
            results.append((f'{len(conditions)} facts with {compiler}',
                            compiles(compiler, folder, conditions)))

    failed = 0
    print(f'1..{len(results)}')
    for number, (name, problems) in enumerate(results, 1):
        print(f'{"not ok" if problems else "ok"} {number} - abi: {name}')
        for problem in problems:
            print(f'# {problem}')
        failed += bool(problems)
    return 1 if failed or not conditions else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
