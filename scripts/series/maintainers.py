# SPDX-License-Identifier: GPL-2.0-only
"""Merging our MAINTAINERS sections into the kernel's, in its alphabetical order."""

import re

LIST_HEAD = 'Maintainers List\n'


def sections(text):
    """Sections of a MAINTAINERS text: paragraphs that begin with a title."""
    return [p for p in re.split(r'\n{2,}', text.strip('\n')) if re.search(r'^[MLSF]:\t', p, re.M)]


def place(parts, title):
    """Index at which a section belongs.

    The kernel's list is not strictly ordered: the place is where the fewest
    sections stand on the wrong side of ours.
    """
    titles = [(i, p.partition('\n')[0].casefold()) for i, p in enumerate(parts)
              if re.search(r'^[MLSF]:\t', p, re.M)]
    title = title.casefold()
    wrong = sum(t < title for _, t in titles)
    best, index = wrong, titles[0][0]
    for i, other in titles:
        wrong += 1 if other > title else -1
        if wrong < best:
            best, index = wrong, i + 1
    return index


def merge(kernel, ours):
    """The kernel's MAINTAINERS with our sections in their places."""
    head, mark, body = kernel.partition(LIST_HEAD)
    if not mark:
        raise ValueError('MAINTAINERS: no list')
    parts = body.rstrip('\n').split('\n\n')
    for section in sections(ours):
        parts.insert(place(parts, section.partition('\n')[0]), section)
    return head + mark + '\n\n'.join(parts) + '\n'
