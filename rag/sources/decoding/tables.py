"""Rows of cells into lines in which each cell stands beside the name of its column, so that it is found. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile

_LONGEST_NAME = 80  # code points of a column's name
_NUMBER = re.compile(r"[-+(]?[\s$€£¥]*\d[\d.,'’ ]*\)?\s*%?$|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.]+)?$")
_LOOKED_AT = 20  # rows below, to tell names of columns from values


def lines(rows: Iterable[Sequence[str]], *, named: bool = False) -> Iterator[str]:
    """One line a row, "Name: value | Name: value"; empty cells are left out, and an empty row is an empty line.

    The first row that looks like names of columns gives them to the rows below, until an empty row. Of the rows no more
    than twenty are held at once.

    Args:
        rows: The cells of each.
        named: Whether the first row is known to name the columns, whatever it looks like.

    Example:
        >>> list(lines([["Region", "2023", "2024"], ["North", "1,200", "1,350"]]))
        ['Region | 2023 | 2024', 'Region: North | 2023: 1,200 | 2024: 1,350']
    """
    cleaned = ([cell_text(cell) for cell in row] for row in rows)
    ahead = deque(islice(cleaned, _LOOKED_AT))
    names: Sequence[str] | None = None
    while ahead:
        row = ahead.popleft()
        ahead.extend(islice(cleaned, 1))
        if not any(row):
            names = None
            yield ""
        elif names is None and ((named and ahead) or _are_names(row, ahead)):
            names, named = row, False
            yield _line(cell for cell in row if cell)
        else:
            yield _line(_named(row, names or ()))


def _line(cells: Iterable[str]) -> str:
    line = " | ".join(cells)
    return f"| {line}" if line.startswith("#") else line  # else it would pass for a heading


def cell_text(cell: str) -> str:
    """A cell's text on one line."""
    return " ".join(cell.split())


def _named(row: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    for i, cell in enumerate(row):
        if cell:
            name = names[i].rstrip(":") if i < len(names) else ""
            yield f"{name}: {cell}" if name and name != cell else cell


def _are_names(row: Sequence[str], following: Iterable[Sequence[str]]) -> bool:
    """Whether a row names columns: words, all different, over as many columns as are filled below.

    Two columns of words alone are more often names and values side by side than a table with a head.
    """
    below = list(takewhile(any, following))
    filled = [i for i, cell in enumerate(row) if cell]
    if not below or len(filled) < 2 or len({row[i] for i in filled}) < len(filled):
        return False
    if any(len(row[i]) > _LONGEST_NAME for i in filled):
        return False
    wide = max((sum(map(bool, other)) for other in below), default=0)
    if len(filled) < wide - 1:
        return False
    has_numbers = any(i < len(other) and is_number(other[i]) for other in below for i in filled)
    years = [i for i in filled if is_number(row[i])]
    if years and not (has_numbers and all(re.fullmatch(r"(?:FY\s*)?(?:19|20)\d\d", row[i]) for i in years)):
        return False
    return has_numbers or len(filled) > 2


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, an amount, a share or a date.

    Example:
        >>> [is_number(cell) for cell in ("(1,200)", "$3.5", "45 %", "2024-01-31", "Q1", "")]
        [True, True, True, True, False, False]
    """
    return bool(_NUMBER.match(cell))
