"""Turns table rows into lines in which each cell follows its column name, so that a search can match both together."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile

_MAX_NAME = 80  # maximum length of a column name, in code points
_NUMBER = re.compile(r"[-+(]?[\s$€£¥]*+\d[\d.,'’ ]*+\)?\s*+%?$|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.]+)?$")
_SAMPLE_ROWS = 20  # number of rows below the first row that are examined to distinguish column names from values


def table_lines(rows: Iterable[Sequence[str]], *, named: bool = False) -> Iterator[str]:
    """Yields one line per row, as "Name: value | Name: value". Empty cells are dropped; an empty row is an empty line.

    The first row that looks like column names provides the names for the rows below it, up to the next empty row. At most
    about twenty rows are kept in memory at a time.

    Args:
        rows: The table's rows, each a sequence of cells.
        named: Whether the first row is known to contain column names.

    Example:
        >>> list(table_lines([["Region", "2023", "2024"], ["North", "1,200", "1,350"]]))
        ['Region | 2023 | 2024', 'Region: North | 2023: 1,200 | 2024: 1,350']
    """
    cleaned = ([cell_text(cell) for cell in row] for row in rows)
    following = deque(islice(cleaned, _SAMPLE_ROWS))
    names: Sequence[str] | None = None
    while following:
        row = following.popleft()
        following.extend(islice(cleaned, 1))
        if not any(row):
            names = None
            yield ""
        elif names is None and ((named and following) or _are_names(row, following)):
            names, named = row, False
            yield _line(cell for cell in row if cell)
        else:
            yield _line(_named(row, names or ()))


def _line(cells: Iterable[str]) -> str:
    line = " | ".join(cells)
    return f"| {line}" if line.startswith("#") else line  # without the bar, the line would look like a heading


def cell_text(cell: str) -> str:
    """Returns a cell's text on one line."""
    return " ".join(cell.split())


def _named(row: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    for i, cell in enumerate(row):
        if cell:
            name = names[i].rstrip(":") if i < len(names) else ""
            yield f"{name}: {cell}" if name and name != cell else cell


def _are_names(row: Sequence[str], following: Iterable[Sequence[str]]) -> bool:
    """Whether a row contains column names. All names must differ, and at most one column may lack a name.

    A table that has only two columns of words usually has no header row: each row contains a name and its value.
    """
    below = list(takewhile(any, following))
    filled = [i for i, cell in enumerate(row) if cell]
    if not below or len(filled) < 2 or len({row[i] for i in filled}) < len(filled):
        return False
    if any(len(row[i]) > _MAX_NAME for i in filled):
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
    """Whether a cell contains a number, an amount of money, a percentage or a date.

    Example:
        >>> [is_number(cell) for cell in ("(1,200)", "$3.5", "45 %", "2024-01-31", "Q1", "")]
        [True, True, True, True, False, False]
    """
    return bool(_NUMBER.match(cell))
