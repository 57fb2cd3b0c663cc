# SPDX-License-Identifier: GPL-2.0-only
"""Comments of the kernel's files: words, spaces and full stops; CONTRIBUTING.md has the rules."""

import re

# Strings are matched so that they are not taken for comments.
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', re.S)

# Persons in the place of tasks, locks and memory.  What is sought may lie on two lines.
PERSONS = re.compile(r"\b(?:(?:no|some|any|every)(?:body|one)(?!\s+of\b)|who|whom|whoever|he|his|him"
                     r"|let(?:s|ting)?\s+go|stands?\s+behind)\b", re.I)
SPACES = re.compile(r'(?<=[a-z0-9)\]\'"%*_][.?!:;])  +(?=\S)', re.I)
# The ABI's field, and members and functions that 6.1 has.
COOKIE = re.compile(r'\b(?!(?:iommu_(?:get|put)_(?:dma|msi)_cookie|iova_cookie)\b)\w*cookie\w*', re.I)
COOKIE_ABI = ('include/uapi/linux/iommufd.h', 'drivers/iommu/iommufd/fault_file.c',
              'samples/iommufd/page_faults.c')

MEMBER = re.compile(r'@[\w.\[\]]+: *')
# Behind a longer name a description is continued three columns in, not beneath its begin.
LONGEST_NAME = 24
LONG_NAME_INDENT = 3


def body(comment):
    """The lines of a comment without its stars, tabs expanded."""
    rows = comment.expandtabs(8).split('\n')
    rows[0] = re.sub(r'^/[*/]+ ?', '', rows[0])
    rows[-1] = re.sub(r' *\*+/$', '', rows[-1])
    return [rows[0]] + [re.sub(r'^ *\* ?', '', row) for row in rows[1:]]


def descriptions(rows):
    """(column, [(line, row), ...]) of each description of a member in kernel-doc."""
    column, found = None, []
    for number, row in enumerate(rows):
        member = MEMBER.match(row)
        if member:
            if column is not None:
                yield column, found
            column = len(member[0]) if len(member[0]) <= LONGEST_NAME else LONG_NAME_INDENT
            found = [(number, row)]
        elif column is not None and row.startswith(' '):
            found.append((number, row))
        elif column is not None:
            # What follows an empty line is a list or a drawing, with columns of its own.
            yield column, found
            column = None
    if column is not None:
        yield column, found


def check_kernel_doc(rows):
    """(line, problem) of the members in a kernel-doc comment."""
    for column, description in descriptions(rows):
        for number, row in description[1:]:
            indent = len(row) - len(row.lstrip())
            if indent != column:
                yield number, f'continued in column {indent}, not {column}'
        number, row = description[-1]
        if row.endswith('.'):
            yield number, 'full stop at the end of the description'


def check_comment(comment):
    """(line within the comment, problem) of one comment."""
    text = '\n'.join(body(comment))
    for match in PERSONS.finditer(text):
        yield text.count('\n', 0, match.start()), '"%s" for a task, a lock or memory' % \
            ' '.join(match[0].split())
    for match in SPACES.finditer(text):
        yield text.count('\n', 0, match.start()), 'more than one space between sentences'
    rows = body(comment)
    if len(rows) == 1 and re.search(r'[^.]\.$', rows[0]):
        yield 0, 'full stop at the end of a comment of one line'
    if comment.startswith('/**\n'):
        yield from check_kernel_doc(rows)


def problems_of(text, name=''):
    """(line, problem) of all that is wrong in the comments of a file."""
    found = []
    for token in TOKEN.finditer(text):
        if token[0].startswith('"') or 'SPDX' in token[0]:
            continue
        line = text.count('\n', 0, token.start()) + 1
        found += [(line + offset, problem) for offset, problem in check_comment(token[0])]
    if name not in COOKIE_ABI:
        found += [(text.count('\n', 0, match.start()) + 1,
                   f'"{match[0]}" is neither the field of the ABI nor of 6.1')
                  for match in COOKIE.finditer(text)]
    return sorted(found)


def check_comments(report, tree, files):
    """The new files of the kernel, programs excepted."""
    sources = [f for f in files if f.endswith(('.c', '.h')) and not f.startswith('tools/')]
    report.result(f'comments of {len(sources)} new files',
                  [f'{name}:{line}: {problem}' for name in sources
                   for line, problem in problems_of((tree / name).read_text(), name)])
