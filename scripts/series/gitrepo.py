# SPDX-License-Identifier: GPL-2.0-only
"""Thin wrapper around the git command line for one repository."""

import os
import subprocess


class GitError(Exception):
    """A git command failed; the message holds its standard error."""


class Git:
    """Runs git in one work tree, optionally with an index file of its own."""

    def __init__(self, top, index=None):
        self.top = str(top)
        self.env = dict(os.environ, GIT_CONFIG_NOSYSTEM='1', LC_ALL='C')
        for name in ('GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE'):
            self.env.pop(name, None)
        if index:
            self.env['GIT_INDEX_FILE'] = str(index)

    def run(self, *args, data=None, env=None, ok=(0,)):
        """Run git and return its standard output as bytes."""
        proc = subprocess.run(['git', '-C', self.top, *args], input=data,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**self.env, **(env or {})}, check=False)
        if proc.returncode not in ok:
            raise GitError(f'git {args[0]}: ' + proc.stderr.decode(errors='replace').strip())
        return proc.stdout

    def text(self, *args, **kw):
        """Run git and return its standard output as stripped text."""
        return self.run(*args, **kw).decode(errors='replace').strip()

    def names(self, *args):
        """Run git with -z output and return the list of names it prints."""
        return [n.decode() for n in self.run(*args).split(b'\0') if n]

    def blob(self, treeish, path):
        """Content of a file in a tree, or None when the tree has no such file."""
        try:
            return self.run('cat-file', 'blob', f'{treeish}:{path}')
        except GitError:
            return None
