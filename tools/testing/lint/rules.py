# SPDX-License-Identifier: GPL-2.0-only
"""Coccinelle: the kernel's rules and ours, on new files."""

import concurrent.futures
import re
import shutil
import subprocess
from pathlib import Path

# Blind to a variable whose address is taken; takes a sum of sizes for a mask.
BLIND = ('returnvar.cocci', 'orplus.cocci')
# The tests of the attach layer also run on a stock 6.1, which knows buses only.
NOT_FOR_TESTS = ('no_bus_query.cocci',)
# Files that spatch is given at a time
BATCH = 100

HERE = Path(__file__).resolve().parent


def spatch_batch(rule, files, tree):
    """What one rule reports about some files."""
    done = subprocess.run(['spatch', '--very-quiet', '--no-show-diff', '-D', 'report',
                           '--no-includes', '--include-headers', '--cocci-file', str(rule),
                           *files], cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors='replace', check=False)
    problems = [r for r in done.stdout.splitlines() if re.match(r'\S+:\d+', r)]
    if done.returncode:
        problems.append(f'spatch {rule.name}: ' + done.stderr.strip().splitlines()[-1])
    return problems


def spatch(rule, files, tree):
    """The same of all files, in batches: spatch needs stack for each file."""
    return [p for i in range(0, len(files), BATCH)
            for p in spatch_batch(rule, files[i:i + BATCH], tree)]


def kernel_rules(tree):
    """The kernel's rules that have a report mode and need no OCaml compiler."""
    texts = {p: p.read_text(errors='replace')
             for p in sorted((tree / 'scripts/coccinelle').glob('*/*.cocci'))}
    return [p for p, text in texts.items()
            if re.search(r'^virtual.*\breport\b', text, re.M) and ':ocaml' not in text
            and p.name not in BLIND]


def run_rules(rules, files, tree):
    """{rule: problems}, two at a time."""
    def run(rule):
        chosen = [f for f in files if rule.name not in NOT_FOR_TESTS or '/tests/' not in f]
        return spatch(rule, chosen, tree)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(rules, pool.map(run, rules)))


def check_rules(report, tree, files):
    """All rules, ours as a result each and the kernel's as one."""
    # User-space programs have other means than the kernel's rules ask for.
    sources = [f for f in files if f.endswith(('.c', '.h'))
               and not f.startswith(('tools/', 'samples/'))]
    if not shutil.which('spatch'):
        report.skip('coccinelle', 'not installed')
        return
    if not sources:
        report.skip('coccinelle', 'no new file yet')
        return
    ours = sorted(HERE.glob('*.cocci'))
    for rule, problems in run_rules(ours, sources, tree).items():
        report.result(f'rule {rule.stem} on {len(sources)} files', problems)
    found = run_rules(kernel_rules(tree), sources, tree)
    report.result(f"{len(found)} rules of the kernel's coccicheck",
                  [row for problems in found.values() for row in problems])
