"""Recognises headings in Markdown."""

from __future__ import annotations

import re

_HEADING = re.compile(r"(#{1,6})[ \t]++(.*)$")


def heading(line: str) -> tuple[int, str] | None:
    """Returns the level (1 to 6) and the words of the heading on a line; None if the line is not a heading.

    Source: CommonMark 0.31, section 4.2 (ATX headings).

    Example:
        >>> heading("## Why C# ##"), heading("# Why C#"), heading("#no")
        ((2, 'Why C#'), (1, 'Why C#'), None)
    """
    found = _HEADING.match(line)
    if not found:
        return None
    words = found.group(2).strip()
    without_marks = words.rstrip("#")
    if not without_marks or without_marks[-1].isspace():  # marks that close the heading follow a space
        words = without_marks.rstrip()
    return len(found.group(1)), words
