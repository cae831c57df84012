"""Divides text into lines, and joins the lines that no blank line separates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAB = 8
_MAX_GROUP = 2_000  # lines; a longer group is divided, to limit memory use
_RULE = re.compile(r"([-=_*~#+.])(?:[ \t]*\1){2,}$")
_FENCE = re.compile(r"(```+|~~~+)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank.

    Attributes:
        start: Offset of the first character that is not white space.
        end: Offset after the last character that is not white space.
        text: The characters between them.
        indent: Width of the white space before them, in columns.
    """

    start: int
    end: int
    text: str
    indent: int

    @property
    def is_rule(self) -> bool:
        """Whether the line only separates others, such as "-----"."""
        return _RULE.match(self.text) is not None

    @property
    def is_quoted(self) -> bool:
        """Whether the line is quoted, as in a reply to a mail."""
        return self.text.startswith(">")

    @property
    def fence(self) -> str:
        """The mark that opens or closes a code block; empty for other lines."""
        found = _FENCE.match(self.text)
        return found.group(1) if found else ""

    def closes(self, fence: str) -> bool:
        """Whether the line closes the code block that a fence has opened."""
        return self.text.startswith(fence) and not self.text.strip(fence[0])


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive lines without a blank line between them.

    Attributes:
        lines: The lines, at least one.
        is_code: Whether the lines are a fenced code block.
    """

    lines: list[Line]
    is_code: bool = False


def groups(text: str, fenced: bool) -> Iterator[Group]:
    """Yields the groups of lines in a text.

    Args:
        text: The text.
        fenced: Whether fences enclose code blocks, as in Markdown. A code block may contain blank lines.
    """
    found: list[Line] = []
    fence = ""
    for line in _lines(text):
        if fence:
            found += [line] if line else []
            if line and line.closes(fence):
                yield Group(found, is_code=True)
                found, fence = [], ""
            continue
        opened = line.fence if line and fenced else ""
        if found and (opened or line is None or len(found) >= _MAX_GROUP):
            yield Group(found)
            found = []
        fence = opened
        found += [line] if line else []
    if found:
        yield Group(found, is_code=bool(fence))


def _lines(text: str) -> Iterator[Line | None]:
    """Yields the lines one by one, and None for a blank line."""
    at = 0
    while at <= len(text):
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        raw = text[at:stop]
        stripped = raw.strip()
        if stripped:
            before = raw[: len(raw) - len(raw.lstrip())]
            start = at + len(before)
            yield Line(start, start + len(stripped), stripped, len(before.expandtabs(_TAB)))
        else:
            yield None
        at = stop + 1
