"""Reads the numbers that are printed on pages, which often differ from the numbers that a viewer shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from itertools import pairwise

from rag.sources.decoding.page_lines import Line, edges, is_page_number, running_key

_NUMBER = re.compile(r"(?<![\w.,/-])(?:(\d{1,4})|([ivxl]{1,7}))(?![\w.,/-])", re.IGNORECASE)
_AT_END = 12  # a number is looked for in this many characters at the start and at the end of a line
_NEAR = 3  # pages before and behind a page
_ALONE = "#"  # the words of a line that is only a page number
_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50}

# "digits", "roman" or "ROMAN", the number's value, and the rest of the line
_Number = tuple[str, int, str]


def printed_numbers(pages: Sequence[Sequence[Line]]) -> list[str]:
    """Returns the number that is printed at the top or bottom of each page; empty where there is none.

    A number counts as a page number only if a page nearby continues it on the same kind of line; beside other words, which
    may be a table's, three pages in a row have to. Between two pages with numbers of the same sequence, pages without a
    number have one all the same, such as those on which a chapter begins.
    """
    found = [set(_numbers(page)) for page in pages]
    numbers: dict[int, _Number] = {}
    for n, candidates in enumerate(found):
        confirmed = [one for one in candidates if _is_continued(found, n, one)]
        if confirmed:
            previous = numbers.get(n - 1)
            goes_on = [one for one in confirmed if previous and one[:2] == (previous[0], previous[1] + 1)]
            numbers[n] = min(goes_on or confirmed)
    for before, after in pairwise(sorted(numbers)):
        kind, value, words = numbers[before]
        if numbers[after][:2] == (kind, value + after - before):
            numbers |= {n: (kind, value + n - before, words) for n in range(before + 1, after)}
    return [_written(*numbers[n][:2]) if n in numbers else "" for n in range(len(pages))]


def _is_continued(found: Sequence[Set[_Number]], n: int, number: _Number) -> bool:
    kind, value, words = number
    around = range(max(0, n - _NEAR), min(len(found), n + _NEAR + 1))
    others = [other for other in around if other != n and (kind, value + other - n, words) in found[other]]
    if words == _ALONE:
        return bool(others)
    return any({n + first, n + first + 1, n + first + 2} <= {n, *others} for first in (-2, -1, 0))


def _numbers(page: Sequence[Line]) -> Iterator[_Number]:
    for line in edges(page):
        words = running_key(line.text)
        words = _ALONE if is_page_number(words) else words
        for found in _NUMBER.finditer(line.text):
            if found.start() > _AT_END and found.end() < len(line.text) - _AT_END:
                continue
            if found[1]:
                yield "digits", int(found[1]), words
            elif value := _roman(found[2].lower()):
                yield "roman" if found[2].islower() else "ROMAN", value, words


def _roman(letters: str) -> int:
    """Returns the value of a Roman number; 0 if the letters do not form one."""
    values = [_VALUES[letter] for letter in letters]
    total = sum(-value if value < later else value for value, later in zip(values, [*values[1:], 0], strict=True))
    return total if _written("roman", total) == letters else 0


def _written(kind: str, value: int) -> str:
    if kind == "digits":
        return str(value)
    letters, rest = "", value
    for size, digits in ((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
        letters += rest // size * digits
        rest %= size
    return letters if kind == "roman" else letters.upper()
