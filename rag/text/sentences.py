"""Splits text into sentences with exact offsets. Extracted answers and citations consist of such sentences.

The sentences are found by rules, without a model. The rules take time proportional to the length of the text, give the same
result on every machine, and do not depend on the language. Because lines on PDF pages may break anywhere, a line break ends
a sentence only where the layout indicates it: at a blank line, a list item, a heading, a table row or a short line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.records import Block
from rag.text.blocks.leaves import leaves
from rag.text.blocks.marks import is_capitals, mark_of, run_in_end
from rag.text.dates import MONTH_ABBREVIATIONS

# A full stop after one of these abbreviations does not end a sentence. They are in lower case, without the last stop.
_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof sr jr st gen col lt sgt capt cmdr gov sen rep pres hon rev fr messrs mt ft
    sept mon tue tues wed thu thur thurs fri sat sun
    inc ltd co corp plc bros dept univ assn est no nos vol vols pp pg fig figs eq eqs sec ch ed eds al cf ca vs viz
    approx e.g i.e etc a.m p.m u.s u.k u.n e.u d.c ph.d m.d b.a m.a b.c a.d""".split()
) | {month for month in MONTH_ABBREVIATIONS if month != "may"}
# Abbreviations that do end a sentence if a capital letter follows.
_OFTEN_LAST = frozenset(
    {"etc", "inc", "ltd", "co", "corp", "a.m", "p.m", "u.s", "u.k", "u.n", "e.u", "d.c", "ph.d", "jr", "sr", "al"}
)

_CLOSERS = "\"'”’»)]}*_"
# The look-behind saves time: without it, a long run of stops would be scanned again from each of its stops.
_STOP = re.compile(rf"(?<![.!?…])[.!?…]++[{re.escape(_CLOSERS)}]*+(?=\s)|[。！？｡]++[{re.escape(_CLOSERS)}」』）]*")
_BEFORE_STOP = re.compile(r"([^\W\d_](?:[^\W_]|\.(?=[^\W\d_]))*)\.$")
_INITIAL = re.compile(r"(?:^|[\s.(])[^\W\d_]$")
_LINE_BREAK = re.compile(r"\n\s*+")
_LINE_OF_ITS_OWN = re.compile(r"(?:[-*+•–‣▪·]|\(?\d{1,3}[.)]|[a-z]\)|#{1,6})\s|[|>]|```|~~~|={3,}|-{3,}|[\[{<]")
# Consecutive lines that start with a label, such as "Subject: …", are separate sentences.
_LABEL = re.compile(r"[^\W\d_][\w./-]*+(?: [\w./-]++){0,4}: ")
_BOLD = re.compile(r"(\*\*|__)(?=\S)(?:(?!\1).){1,80}[.:]\1")
_LOOK_AHEAD = 240  # number of code points in the next line that are examined
_LOOK_BACK = 24  # number of code points before a full stop that are examined; no abbreviation is longer
_LONGEST_LABEL = 120  # code points of a number and a heading at the start of a clause
_SHORT_LINE = 0.66  # a line shorter than this share of the paragraph's widest line was broken intentionally


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Finds the sentences of `text[start:end]`.

    Args:
        text: Any text.
        start: Offset at which to start.
        end: Offset at which to stop; None for the end of the text.

    Returns:
        (start, end) of each sentence, in order, without overlaps or surrounding white space. Together, the
        sentences cover every character in the range that is not white space.

    Example:
        >>> sentences("Dr. Wu left at 3 p.m. today. Why?")
        [(0, 28), (29, 33)]
    """
    stop = len(text) if end is None else end
    found: list[tuple[int, int]] = []
    for part in _parts(text, start, stop):
        for block_start, block_end in _blocks(text, part):
            begin = block_start
            for match in _STOP.finditer(text, block_start, block_end):
                if match.end() < block_end and match.end() > part.label_end and _ends_sentence(text, begin, match, part):
                    _append(found, text, begin, match.end())
                    begin = match.end()
            _append(found, text, begin, block_end)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a text, such as a heading, a paragraph or a list item; no sentence crosses its ends.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character, and after what separates it from the next part.
        label_end: Offset after its number and its label, such as "4. Pets.", which do not end a sentence; 0 if it has none.
        has_rows: Whether each of its lines is a row.
        is_lower: Whether it has no capital letters, so that sentences and lines begin with small ones.
    """

    start: int
    end: int
    label_end: int = 0
    has_rows: bool = False
    is_lower: bool = False


def _parts(text: str, start: int, end: int) -> Iterator[_Part]:
    """Yields the parts of `text[start:end]` in order; together, they contain every character."""
    sliced = text if end - start == len(text) else text[start:end]
    block, at = None, start
    for following in leaves(sliced, markdown=False, is_whole=False):
        if block is not None:
            yield _part(text, block, start, at, start + following.start)
            at = start + following.start
        block = following
    yield _part(text, block, start, at, end) if block is not None else _Part(at, end)


def _part(text: str, block: Block, offset: int, start: int, end: int) -> _Part:
    first = text[offset + block.start : min(end, offset + block.start + _LONGEST_LABEL)]
    mark = mark_of(first)
    words = first[mark.width :] if mark else first
    label_end = 0
    if mark or is_capitals(words.partition(".")[0]):
        label_end = offset + block.start + len(first) - len(words) + run_in_end(words)
    elif bold := _BOLD.match(first):
        label_end = offset + block.start + bold.end()
    is_lower = not any(map(str.isupper, text[start:end]))
    return _Part(start, end, label_end, block.kind == "table", is_lower)


def _append(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        start += len(piece) - len(piece.lstrip())
        found.append((start, start + len(stripped)))


def _blocks(text: str, part: _Part) -> Iterator[tuple[int, int]]:
    """Splits a part at line breaks that mark the end of a sentence, even where there is no full stop."""
    begin, line, widest = part.start, part.start, 0
    for match in _LINE_BREAK.finditer(text, part.start, part.end):
        length = match.start() - line
        widest = max(widest, length)
        if part.has_rows or _break_divides(text, line, length, widest, match, part):
            yield begin, match.start()
            begin, widest = match.end(), 0
        line = match.end()
    yield begin, part.end


def _break_divides(text: str, line: int, length: int, widest: int, match: re.Match[str], part: _Part) -> bool:
    following = text[match.end() : match.end() + 8]
    if "\n" in match.group().strip(" \t\r\f\v").lstrip("\n") or match.group().count("\n") > 1:
        return True
    if _LINE_OF_ITS_OWN.match(following) or text.startswith(("#", "|"), line):
        return True
    if _is_row(text, line, match.start()) or _is_row(text, match.end(), match.end() + _LOOK_AHEAD):
        return True
    if _LABEL.match(text, line, match.start()) and _LABEL.match(text, match.end(), match.end() + _LOOK_AHEAD):
        return True
    begins = following[:1].isupper() or (part.is_lower and following[:1].islower())
    return (length < _SHORT_LINE * widest and (begins or not following[:1].islower())) or (length < 40 and begins)


def _is_row(text: str, start: int, end: int) -> bool:
    """Returns whether a line is a row of table cells."""
    bar = text.find(" | ", start, end)
    return bar >= 0 and text.find("\n", start, bar) < 0


def _ends_sentence(text: str, begin: int, match: re.Match[str], part: _Part) -> bool:
    mark = match.group()
    if mark[0] in "。！？｡":
        return True
    following = _next_character(text, match.end())
    goes_on = following.islower() and not part.is_lower
    if mark[0] != "." or mark.startswith("..") or goes_on:
        return not goes_on
    before = _BEFORE_STOP.search(text[max(begin, match.start() - _LOOK_BACK) : match.start() + 1])
    if before is None:
        return True
    word = before.group(1).lower()
    if word in _ABBREVIATIONS:
        return word in _OFTEN_LAST and following.isupper() and not _is_initials_of_name(word, text, match.end())
    return not _INITIAL.search(text[max(begin, match.start() - 2) : match.start()]) or word == "i"


def _is_initials_of_name(word: str, text: str, after: int) -> bool:
    """Returns whether an abbreviation starts a longer name, as in `U.S. President` or `U.N. General Assembly`."""
    if "." not in word or word in ("a.m", "p.m", "ph.d"):
        return False
    following = text[after : after + 40].split(maxsplit=1)
    return not following or following[0] not in _SENTENCE_OPENERS


_SENTENCE_OPENERS = frozenset(
    "The A An In On At It He She They We I This That These Those But And However When While After Before If As For".split()
)


def _next_character(text: str, at: int) -> str:
    while at < len(text) and (text[at].isspace() or text[at] in "\"'“‘«([{*_"):
        at += 1
    return text[at : at + 1]
