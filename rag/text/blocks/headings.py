"""Recognises headings in plain text by their shape: capitals, numbers, underlines, and short lines above text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.text.blocks import columns
from rag.text.blocks.lines import Group, Line
from rag.text.blocks.marks import SENTENCE_END, Mark, Marks, is_capitals, label_end

_LONGEST = 90  # code points
_MOST_WORDS, _FEW_WORDS, _VERY_FEW_WORDS = 14, 10, 5
_DIVISION = re.compile(r"(?:[^\W\d_]{4,12}[ ]|§[ ]?)(\d{1,3}(?:\.\d{1,3}){0,4}|[IVXLC]{1,6}|[A-Z])(?=\W|$)")
_NUMBERED = re.compile(_DIVISION.pattern + r"(?=[ ]?[-–—.:](?=[ ]|$)|[ ]{2}|$)")
_BANNERS, _BANNER_WIDTH = "-=_*#~", 2
_SHORT = 60  # code points
_TITLE, _SECTION, _MINOR = 1, 2, 3  # levels


@dataclass(frozen=True, slots=True)
class Place:
    """A line and what surrounds it.

    Attributes:
        lines: The lines of its group.
        n: The line's index.
        before: The group before; None at the start of the text.
        following: The group after; None at the end of the text.
        after_heading: Whether the line above is a heading.
        is_title: Whether the line would be a title at the start of the text, as the next one does not continue it.
    """

    lines: Sequence[Line]
    n: int
    before: Group | None
    following: Group | None
    after_heading: bool
    is_title: bool = False

    @property
    def line(self) -> Line:
        """The line."""
        return self.lines[self.n]

    @property
    def under(self) -> Line | None:
        """The next line of the group; None after the last one."""
        return self.lines[self.n + 1] if self.n + 1 < len(self.lines) else None

    @property
    def is_first(self) -> bool:
        """Whether nothing, or only a rule, precedes the line in its group."""
        return self.n == 0 or (self.n == 1 and self.lines[0].is_rule)


def number_of(line: str) -> str:
    """Returns the number in a heading such as "Article 3 - Members"; empty if there is none."""
    found = _NUMBERED.match(line)
    return found.group(1) if found else ""


def heading_level(place: Place, marks: Marks) -> int:
    """Returns the level (1 to 6) of the heading on a line of plain text; 0 if the line is none."""
    line, under = place.line, place.under
    words = line.text.split()
    if len(line.text) > _LONGEST or len(words) > _MOST_WORDS:
        return 0
    if _is_banner(line.text):
        return _SECTION
    if under is not None and under.is_rule and place.is_first and not line.text.endswith((":", ".")):
        return _TITLE if under.text[0] == "=" else _SECTION
    mark = marks.of(line)
    body = line.text[mark.width :] if mark else line.text
    if (mark is not None and mark.depth == 0) or not _may_be_heading(body) or not _has_text_below(place):
        return 0
    if len(words) <= _FEW_WORDS and is_capitals(body) and (place.is_first or place.after_heading or mark):
        return _TITLE if place.before is None and place.n == 0 else _SECTION
    if not _begins_like_heading(body):
        return 0
    if mark is not None:
        return _numbered_level(place, mark, body, marks)
    return _unmarked_level(place, body, marks) if len(words) <= _FEW_WORDS or place.is_title else 0


def _numbered_level(place: Place, mark: Mark, body: str, marks: Marks) -> int:
    """Returns the level of the heading on a numbered line; 0 if the line is an item of a list."""
    level = min(6, mark.depth + 1) if mark.number[:1] not in "([" else 0
    under = place.under
    if under is None:
        return level if place.is_first and place.following and not _begins_with_next(mark, place.following, marks) else 0
    hangs = under.indent > place.line.indent and under.text[:1].islower()
    other = marks.of(under)
    if hangs or (other is not None and mark.precedes(other)):
        return 0
    return level if place.is_first or len(under.text) >= 2 * len(body) else 0


def _unmarked_level(place: Place, body: str, marks: Marks) -> int:
    """Returns the level of the heading on a line without a number; 0 if the line is no heading."""
    under = place.under
    is_above_list = under is not None and (marks.of(under) is not None or columns.begins_table(place.lines, place.n + 1))
    if not place.is_first:
        ends = place.after_heading or place.lines[place.n - 1].text.endswith((*SENTENCE_END, "]", ")"))
        return _MINOR if is_above_list and ends else 0
    if _DIVISION.match(body):
        return _SECTION
    if place.before is None and under is not None and place.is_title:
        return _TITLE
    if under is None:
        return 0 if _is_short_run(place) else _TITLE if place.before is None else _MINOR
    if place.before is None or len(body.split()) > _VERY_FEW_WORDS or label_end(under.text):
        return 0
    return _MINOR if is_above_list or len(under.text) > 2 * len(body) else 0


def _may_be_heading(body: str) -> bool:
    """Whether a line's words are neither a sentence nor a label with its value."""
    if body.endswith(SENTENCE_END) and not body.endswith("..."):
        return False
    return any(map(str.isalpha, body)) and not body.endswith((":", "：")) and not label_end(body)


def _begins_like_heading(body: str) -> bool:
    """Whether a line begins with a capital letter, a figure, or a letter of a script that has no capitals."""
    return not body[:1].islower() and (body[:1].isalnum() or body[:1] == "§")


def _has_text_below(place: Place) -> bool:
    below = place.under or (place.following.lines[0] if place.following else None)
    return below is not None and not below.is_rule and not below.is_quoted and not _is_banner(below.text)


def _is_banner(line: str) -> bool:
    """Whether a line's words are between runs of the same character, as in "==== 3.2 ====" or "--- Notes ---"."""
    words = line.strip(line[0])
    before, after = line.find(words), len(line) - len(line.rstrip(line[0]))
    return line[0] in _BANNERS and bool(words.strip()) and before >= _BANNER_WIDTH and after >= _BANNER_WIDTH


def _begins_with_next(mark: Mark, group: Group, marks: Marks) -> bool:
    """Whether a group consists of the next item of a list."""
    other = marks.of(group.lines[0])
    return other is not None and mark.precedes(other) and len(group.lines) == 1


def _is_short_run(place: Place) -> bool:
    """Whether a line stands among other groups of one short line, as on a title page or in a poem."""
    around = (place.before, place.following)
    return all(group is not None and len(group.lines) == 1 and _is_short(group.lines[0]) for group in around)


def _is_short(line: Line) -> bool:
    return len(line.text) <= _SHORT and not line.text.endswith(SENTENCE_END)
