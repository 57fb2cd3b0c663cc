# SPDX-License-Identifier: GPL-2.0-only
"""checkpatch on new files and patches, maintainers, our scripts."""

import concurrent.futures
import os
import re
import shutil
import subprocess
from pathlib import Path

# FILE_PATH_CHANGES, MAINTAINERS: asks for what the maintainers check proves.
# Locks are explained in the comment above their struct, which UNCOMMENTED_DEFINITION
# does not see; the rest is taste.
IGNORE = ('FILE_PATH_CHANGES', 'EMBEDDED_FILENAME', 'UNCOMMENTED_DEFINITION', 'MACRO_ARG_REUSE',
          'UNNECESSARY_PARENTHESES', 'OPEN_ENDED_LINE', 'LINE_SPACING')
# A patch keeps to the style of the lines around it and of the text that it moves.
IGNORE_PATCH = IGNORE + ('BLOCK_COMMENT_STYLE', 'SPACING', 'AVOID_BUG', 'BIT_MACRO')
# Programs have no kernel macros, take types from the harness's macros, and reach device registers through volatile.
IGNORE_GUEST = IGNORE + ('PREFER_DEFINED_ATTRIBUTE_MACRO', 'BIT_MACRO', 'ARRAY_SIZE', 'VOLATILE',
                         'LONG_LINE_STRING', 'MULTIPLE_ASSIGNMENTS', 'EMBEDDED_FUNCTION_NAME',
                         'MACRO_WITH_FLOW_CONTROL', 'SPACING')
MESSAGE = re.compile(r'^(?:\S+:\d+: )?(?:WARNING|ERROR|CHECK): ?')


def output(*args, cwd=None):
    """What a command prints, whatever its exit status.

    The kernel's scripts find the python modules of the distribution only with
    its own python3.
    """
    env = {**os.environ, 'PATH': '/usr/bin:/bin:' + os.environ.get('PATH', '')}
    return subprocess.run(args, cwd=cwd, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace',
                          check=False).stdout


def checkpatch(tree, paths, options=(), ignore=IGNORE, strict=True):
    """Problems that checkpatch finds, one a line. As many run as there are processors."""
    command = ['perl', 'scripts/checkpatch.pl', '--quiet', '--no-summary', '--terse',
               '--show-types', '--max-line-length=100', '--min-conf-desc-length=2',
               '--ignore', ','.join(ignore), *(['--strict'] if strict else []), *options]
    jobs = int(os.environ.get('JOBS') or os.cpu_count())
    parts = [paths[i::jobs] for i in range(min(jobs, len(paths)))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        texts = pool.map(lambda part: output(*command, *part, cwd=tree), parts)
        return sorted(row for text in texts for row in text.splitlines() if row.strip())


def check_files(report, tree, files):
    """checkpatch on new files of the tree."""
    wanted = [f for f in files if f.endswith(('.c', '.h', '.rst', 'Kconfig', 'Makefile'))]
    programs = [f for f in wanted if f.startswith(('tools/', 'samples/'))]
    kernel = [f for f in wanted if f not in programs]
    problems = checkpatch(tree, kernel, ['-f'])
    problems += checkpatch(tree, programs, ['-f'], IGNORE_GUEST, False)
    report.result(f'checkpatch on {len(wanted)} new files', problems)


def check_guest(report, tree, top):
    """checkpatch on the guest programs."""
    files = sorted((top / 'tools/testing/vm/guest').glob('*.[ch]'))
    report.result(f'checkpatch on {len(files)} guest files',
                  checkpatch(tree, [*map(str, files)], ['-f'], IGNORE_GUEST, False))


def check_patches(report, tree, top):
    """checkpatch on the patches of existing files."""
    patches = sorted((top / 'patches').glob('*.patch'))
    problems = checkpatch(tree, [*map(str, patches)], ignore=IGNORE_PATCH)
    for path in [*patches, *sorted((top / 'patches').glob('*.files'))]:
        subject = re.search(r'^Subject: (?:\[PATCH\] )?(.*(?:\n .*)*)', path.read_text(), re.M)
        title = re.sub(r'\s+', ' ', subject[1]) if subject else ''
        if not re.match(r'[\w/.,: -]+: \S', title) or len(title) > 75 or title.endswith('.'):
            problems.append(f'{path.name}: subject "{title}" is not `area: summary` '
                            'of at most 75 characters')
    report.result(f'checkpatch on {len(patches)} patches', problems)


def patterns_of(maintainers):
    """Regular expressions of the files of our sections of a MAINTAINERS file."""
    ours, patterns = False, []
    for row in maintainers.splitlines():
        if re.match(r'\S', row) and not re.match(r'[A-Z]:\t', row):
            ours = row.startswith('IOMMUFD')
        elif ours and row.startswith('F:\t'):
            # As get_maintainer.pl does: a wildcard ends at a slash, a folder has all below it
            text = re.escape(row[3:].strip()).replace(r'\*', '[^/]*').replace(r'\?', '[^/]')
            patterns.append(re.compile(text + ('.*' if text.endswith('/') else '(?:/.*)?') + '$'))
    return patterns


def check_maintainers(report, tree, files):
    """Each new file is in one of our sections of MAINTAINERS."""
    patterns = patterns_of((Path(tree) / 'MAINTAINERS').read_text())
    problems = [f'{name}: in no section of MAINTAINERS named IOMMUFD'
                for name in files if not any(p.match(name) for p in patterns)]
    report.result(f'maintainers of {len(files)} new files', problems)


def scripts_of(top):
    """(shell scripts, python files) among the tracked files."""
    names = output('git', 'ls-files', cwd=top).split('\n')
    shell, python = [], []
    for name in filter(None, names):
        path = Path(top) / name
        first = path.open('rb').readline() if path.is_file() else b''
        if first.startswith(b'#!') and re.search(rb'\b(?:ba)?sh\b', first):
            shell.append(name)
        elif name.endswith('.py') or b'python' in first:
            python.append(name)
    return shell, python


def check_scripts(report, top):
    """shellcheck on shell scripts, and every python file compiles."""
    shell, python = scripts_of(top)
    if shutil.which('shellcheck'):
        report.result(f'shellcheck on {len(shell)} scripts',
                      output('shellcheck', '-f', 'gcc', *shell, cwd=top).splitlines())
    else:
        report.skip('shellcheck', 'not installed')
    problems = []
    for name in python:
        try:
            compile((Path(top) / name).read_text(), name, 'exec')
        except SyntaxError as err:
            problems.append(f'{name}: {err}')
    report.result(f'syntax of {len(python)} python files', problems)


def licence_of(name):
    """The licence that a file has to name: files that become part of QEMU have QEMU's."""
    of_qemu = re.match(r'tools/testing/emulator/(?:vtd|smmuv3|device)/.*\.[ch]$', name)
    return 'GPL-2.0-or-later' if of_qemu else 'GPL-2.0-only'


def check_spdx(report, top):
    """Every tracked file says its licence."""
    problems = []
    for name in filter(None, output('git', 'ls-files', cwd=top).split('\n')):
        path = Path(top) / name
        if name in ('COPYING', 'MAINTAINERS', 'patches/cover-letter') or not path.is_file() or name.endswith(('.patch', '.files', '.json', '.sha256')):
            continue
        wanted = f'SPDX-License-Identifier: {licence_of(name)}'
        if wanted not in ''.join(path.open(errors='replace').readlines()[:4]):
            problems.append(f'{name}: no {wanted}')
    report.result('licence of every file', problems)
