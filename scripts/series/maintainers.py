# SPDX-License-Identifier: GPL-2.0-only
"""Merging our MAINTAINERS sections into the kernel's, in its alphabetical order."""

import re

LIST_HEAD = 'Maintainers List\n'


def sections(text):
    """Sections of a MAINTAINERS text: paragraphs that begin with a title."""
    return [p for p in re.split(r'\n{2,}', text.strip('\n')) if re.search(r'^[MLSF]:\t', p, re.M)]


def merge(kernel, ours):
    """The kernel's MAINTAINERS with our sections in their places."""
    head, mark, body = kernel.partition(LIST_HEAD)
    if not mark:
        raise ValueError('MAINTAINERS: no list')
    parts = body.rstrip('\n').split('\n\n')
    for section in sections(ours):
        title = section.partition('\n')[0]
        at = next((i for i, p in enumerate(parts)
                   if re.search(r'^[MLSF]:\t', p, re.M) and p.partition('\n')[0].casefold() > title.casefold()), len(parts) - 1)
        parts.insert(at, section)
    return head + mark + '\n\n'.join(parts) + '\n'
