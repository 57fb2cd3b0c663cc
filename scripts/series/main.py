#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Command line of the patch series: tree, fold, new-patch, list.

Called by the Makefile; `make help` names the targets.
"""

import argparse
import subprocess
import sys

from fold import Fold
from gitrepo import GitError
from grammar import SeriesError
from tree import Tree


def author(top):
    """Author for a new patch, from the git configuration."""
    def value(key):
        return subprocess.run(['git', '-C', top, 'config', key], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
    return f'{value("user.name")} <{value("user.email")}>'


def parse_args():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--top', required=True, help='top of the repository')
    parser.add_argument('--tree', required=True, help='the built tree')
    parser.add_argument('--pristine', required=True, help='bare repository of the pristine source')
    parser.add_argument('--src', required=True, help='tarball or git tree of 6.1.y')
    sub = parser.add_subparsers(dest='command', required=True)
    tree = sub.add_parser('tree')
    tree.add_argument('--force', action='store_true', help='drop edits of the tree')
    fold = sub.add_parser('fold')
    fold.add_argument('--patch', default='')
    new = sub.add_parser('new-patch')
    new.add_argument('--name', required=True)
    new.add_argument('--subject', required=True)
    sub.add_parser('list')
    return parser.parse_args()


def main():
    """Run one command."""
    args = parse_args()
    tree = Tree(args.top, args.tree, args.pristine, args.src)
    if args.command == 'tree':
        tree.build(args.force)
    elif args.command == 'list':
        for entry, commit in tree.build():
            print(commit, entry.name)
    else:
        fold = Fold(tree)
        if args.command == 'fold':
            fold.fold(args.patch)
        else:
            fold.new_patch(args.name, args.subject, author(args.top))
        tree.build()


if __name__ == '__main__':
    try:
        main()
    except (SeriesError, GitError) as err:
        sys.exit(f'series: {err}')
