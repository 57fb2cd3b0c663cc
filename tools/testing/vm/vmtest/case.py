# SPDX-License-Identifier: GPL-2.0-only
"""Reading the test cases: one small file of `key = value` lines each."""

import fnmatch
import re
from dataclasses import dataclass, field, replace

from .machine import MACHINES

KEYS = ('summary', 'on', 'devices', 'append', 'timeout', 'memory', 'smp', 'run', 'qemu',
        'splat', 'traced', 'kind', 'modules', 'host', 'vmm', 'disk', 'alone')


class CaseError(Exception):
    """A case file is wrong."""


@dataclass(frozen=True)
class Case:
    """A case on one machine with one kernel."""
    base: str
    summary: str
    run: str
    machine: str = ''
    config: str = ''
    qemu: str = 'any'
    devices: tuple = ()
    modules: tuple = ()
    host: tuple = ()
    append: str = ''
    timeout: int = 90
    memory: str = '1G'
    smp: int = 0
    kind: str = 'guest'
    vmm: str = ''
    disk_mib: int = 16
    alone: str = ''
    accel: str = 'tcg,thread=multi'
    splats: tuple = field(default=())
    traced: tuple = field(default=())

    @property
    def name(self):
        """Name of the case: file, machine, kernel and, if asked for, emulator."""
        at = f'@{self.qemu}' if self.qemu != 'any' else ''
        return f'{self.base}/{self.machine}/{self.config}{at}'

    @property
    def arch(self):
        """Architecture of the machine."""
        return MACHINES[self.machine].arch


def read_fields(path):
    """{key: [values]} of a case file."""
    fields = {}
    for number, row in enumerate(path.read_text().splitlines(), 1):
        row = re.sub(r'(^|\s)#.*', '', row).strip()
        if not row:
            continue
        key, mark, value = (part.strip() for part in row.partition('='))
        if not mark or key not in KEYS:
            raise CaseError(f'{path}:{number}: no such key: {key}')
        fields.setdefault(key, []).append(value)
    for key in ('summary', 'on', 'run'):
        if key not in fields:
            raise CaseError(f'{path}: no line "{key} ="')
    return fields


def count_rule(path, key, text):
    """(count, pattern) of a line `KEY = COUNT REGEX`."""
    count, _, pattern = text.partition(' ')
    if not count.isdigit() or not pattern:
        raise CaseError(f'{path}: {key} = COUNT REGEX')
    return int(count), pattern.strip()


def variants(path, case, words):
    """The case on each MACHINE:CONFIG[@QEMU] of its `on` lines."""
    for word in words:
        found = re.fullmatch(r'([\w-]+):(run|debug)(?:@([\w.]+))?', word)
        if not found or found[1] not in MACHINES:
            raise CaseError(f'{path}: on = MACHINE:run|debug[@QEMU], got {word}')
        yield replace(case, machine=found[1], config=found[2],
                      qemu=found[3] or MACHINES[found[1]].qemu or case.qemu)


def read_case(path):
    """All variants of one case file."""
    fields = read_fields(path)
    last = {key: values[-1] for key, values in fields.items()}
    case = Case(base=path.stem, summary=last['summary'], run=last['run'],
                qemu=last.get('qemu', 'any'), append=' '.join(fields.get('append', ())),
                devices=tuple(fields.get('devices', ())), memory=last.get('memory', '1G'),
                modules=tuple(' '.join(fields.get('modules', ())).split()),
                host=tuple(' '.join(fields.get('host', ())).split()),
                timeout=int(last.get('timeout', 90)), smp=int(last.get('smp', 0)),
                kind=last.get('kind', 'guest'), vmm=last.get('vmm', ''),
                disk_mib=int(last.get('disk', 16)), alone=last.get('alone', ''),
                splats=tuple(count_rule(path, 'splat', s) for s in fields.get('splat', ())),
                traced=tuple(count_rule(path, 'traced', s) for s in fields.get('traced', ())))
    return list(variants(path, case, ' '.join(fields['on']).split()))


def read_cases(folder, pattern=''):
    """All variants of all case files, those whose name the pattern selects."""
    cases = []
    for path in sorted(folder.glob('*.case')):
        cases += read_case(path)
    return [c for c in cases if selects(pattern, c.name)]


def selects(pattern, name):
    """Does a pattern (words; globs or parts of names) select a name?"""
    words = pattern.split()
    return not words or any(fnmatch.fnmatch(name, w) or w in name for w in words)
