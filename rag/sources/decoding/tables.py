"""Turns table rows into lines in which each cell follows its column name, so that a search can match both together."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise, takewhile

MAX_NAME = 80  # maximum length of a name that other lines repeat, in code points
# A cell of a line: its column, from 0, or -1 for the label of a section; the column's name, or ""; and the cell's text.
_Cell = tuple[int, str, str]
_NUMBER = re.compile(r"[-+(]?[\s$€£¥]*+\d[\d.,'’ ]*+\)?\s*+%?$|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.]+)?$")
_YEAR = re.compile(r"(?:FY\s*)?(?:19|20)\d\d")
_MOST_NAME_ROWS = 3
_FEWEST_COLUMNS = 3  # of a table that may have sections
_SAMPLE_ROWS = 20  # number of rows below the first row that are examined to distinguish column names from values


def table_lines(rows: Iterable[Sequence[str]], *, named: bool = False) -> Iterator[str]:
    """Yields one line per row, as "Name: value | Name: value". Empty cells are dropped; an empty row is an empty line.

    The first rows that look like column names provide the names for the rows below them, up to the next empty row. Names
    above one another are joined, as in "2023 H1". A row that contains only a label is a section, and its label precedes the
    cells of the rows below it. A row without a label belongs to the label above it. At most about twenty rows are kept in
    memory at a time.

    Args:
        rows: The table's rows, each a sequence of cells.
        named: Whether the first row is known to contain column names.

    Example:
        >>> list(table_lines([["Region", "2023", "2024"], ["North", "1,200", "1,350"]]))
        ['Region | 2023 | 2024', 'Region: North | 2023: 1,200 | 2024: 1,350']
    """
    return (line for line, _ in placed_lines(rows, named=named))


def placed_lines(rows: Iterable[Sequence[str]], *, named: bool = False) -> Iterator[tuple[str, dict[int, int]]]:
    """Yields the lines of `table_lines`, and where in each line the cells of its row begin, by column.

    Example:
        >>> list(placed_lines([["Region", "2023", "2024"], ["North", "", "1,350"]]))[1]
        ('Region: North | 2024: 1,350', {0: 8, 2: 22})
    """
    table = _Table(([cell_text(cell) for cell in row] for row in rows), named)
    while (row := table.next_row()) is not None:
        for cells in table.lines(row):
            yield _line(cells)


class _Table:
    """The rows of a table, and the names, the section and the label that apply to the next row."""

    def __init__(self, rows: Iterator[list[str]], named: bool) -> None:
        self._rows = rows
        self._named = named
        self._following = deque(islice(rows, _SAMPLE_ROWS))
        self._names: Sequence[str] | None = None
        self._section = self._label = ""

    def next_row(self) -> list[str] | None:
        """Returns the next row; None after the last one."""
        if not self._following:
            return None
        row = self._following.popleft()
        self._following.extend(islice(self._rows, 1))
        return row

    def lines(self, row: list[str]) -> Iterator[list[_Cell]]:
        """Yields the cells of a row, and those of the rows below it if they are names, too."""
        if not any(row):
            self._names, self._section, self._label = None, "", ""
            yield []
        elif self._names is None and (count := _name_rows([row, *self._following], self._named)):
            names = [row]
            yield _named(row)
            for below in filter(None, (self.next_row() for _ in range(count - 1))):
                names.append(below)
                yield _named(below)
            self._names, self._named = [name.rstrip(":") for name in _joined_names(names)], False
        elif self._names is not None and _is_section(row, self._names, self._following):
            self._section = self._label = row[0]
            yield _named(row)
        else:
            if self._names and _lacks_label(row) and self._label:
                row = [self._label, *row[1:]]
            is_label = not is_number(row[0]) and row[0] != self._section and len(row[0]) <= MAX_NAME
            self._label = row[0] if is_label else ""
            cells = _named(row, self._names or ())
            yield [(-1, "", self._section), *cells] if self._section else cells


def _line(cells: Sequence[_Cell]) -> tuple[str, dict[int, int]]:
    line, starts = "", {}
    for column, name, text in cells:
        line += f"{name}: " if name else ""
        starts[column] = len(line)
        line += f"{text} | "
    if line.startswith("#"):  # without a bar, it would look like a heading
        return f"| {line[:-3]}", {column: start + 2 for column, start in starts.items()}
    return line[:-3], starts


def spanned(above: Sequence[str], column: int) -> str:
    """Returns the text of a cell that extends into the row below; empty if it is too long to be repeated there.

    Args:
        above: The row above, in which a cell that extends into it has its text, too.
        column: The cell's column, from 0.
    """
    return above[column] if column < len(above) and len(above[column]) <= MAX_NAME else ""


def cell_text(cell: str) -> str:
    """Returns a cell's text on one line."""
    return " ".join(cell.split())


def _named(row: Iterable[str], names: Sequence[str] = ()) -> list[_Cell]:
    """Returns the cells of a row that are not empty, with the names of their columns."""
    columns = len(names)
    return [(i, names[i] if i < columns and names[i] != cell else "", cell) for i, cell in enumerate(row) if cell]


def _name_rows(rows: Sequence[Sequence[str]], named: bool) -> int:
    """Returns how many of a table's first rows contain column names; 0 if none does."""
    block = list(takewhile(any, rows))
    for count in range(min(_MOST_NAME_ROWS, len(block) - 1), 1, -1):
        if _are_nested_names(block[:count], block[count:]):
            return count
    return 1 if (named and len(rows) > 1) or _are_names(rows[0], rows[1:]) else 0


def _are_nested_names(names: Sequence[Sequence[str]], below: Sequence[Sequence[str]]) -> bool:
    """Whether several rows together contain column names: above some names, one name is for several columns.

    There are figures below them, but none among them except years.
    """
    if any((is_number(cell) and not _YEAR.fullmatch(cell)) or len(cell) > MAX_NAME for row in names for cell in row):
        return False
    width = max(map(len, names))
    spans = any(_spans(upper, lower) for upper, lower in pairwise(names))
    joined = _joined_names(names)
    are_distinct = len(set(filter(None, joined))) == sum(map(bool, joined)) >= width - 1
    filled = min(sum(map(bool, row)) for row in names)
    return spans and are_distinct and filled > 1 and any(is_number(cell) for cell in below[0])


def _spans(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Whether a cell is above several different cells, which it repeats or leaves the cells beside it empty for."""
    beside = [
        n
        for n in range(1, len(lower))
        if lower[n] and lower[n - 1] and n < len(upper) and upper[n - 1] and upper[n] in ("", upper[n - 1])
    ]
    return any(lower[n] != lower[n - 1] for n in beside)


def _joined_names(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the name of each column, from the cells above one another. A cell also counts for the empty cells beside it.

    Example:
        >>> _joined_names([["Region", "2023", ""], ["", "H1", "H2"]])
        ['Region', '2023 H1', '2023 H2']
    """
    if len(rows) == 1:
        return list(rows[0])
    width = max(map(len, rows))
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    for upper, lower in pairwise(padded):
        for n in range(1, width):
            if not upper[n] and lower[n] and lower[n - 1]:
                upper[n] = upper[n - 1]
    return [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*padded, strict=True)]


def _is_section(row: Sequence[str], names: Sequence[str], following: Sequence[Sequence[str]]) -> bool:
    """Whether a row contains only a label, which is followed by rows with values."""
    if not 0 < len(row[0]) <= MAX_NAME or any(row[1:]) or is_number(row[0]) or not following:
        return False
    below = following[0]
    return sum(map(bool, names)) >= _FEWEST_COLUMNS and sum(map(bool, below)) > 1 and bool(below[0])


def _lacks_label(row: Sequence[str]) -> bool:
    return not row[0] and len(row) > 1 and bool(row[1]) and not is_number(row[1])


def _are_names(row: Sequence[str], following: Iterable[Sequence[str]]) -> bool:
    """Whether a row contains column names. All names must differ, and at most one column, not the last, may lack a name.

    A table that has only two columns of words usually has no header row: each row contains a name and its value.
    """
    below = list(takewhile(any, following))
    filled = [i for i, cell in enumerate(row) if cell]
    if not below or len(filled) < 2 or len({row[i] for i in filled}) < len(filled):
        return False
    if any(len(row[i]) > MAX_NAME for i in filled):
        return False
    wide = max((sum(map(bool, other)) for other in below), default=0)
    wider = sum(any(other[filled[-1] + 1 :]) for other in below)
    if len(filled) < wide - 1 or wider > len(below) / 2:
        return False
    has_numbers = any(i < len(other) and is_number(other[i]) for other in below for i in filled)
    years = [i for i in filled if is_number(row[i])]
    if years and not (has_numbers and all(_YEAR.fullmatch(row[i]) for i in years)):
        return False
    return has_numbers or len(filled) > 2


def is_number(cell: str) -> bool:
    """Whether a cell contains a number, an amount of money, a percentage or a date.

    Example:
        >>> [is_number(cell) for cell in ("(1,200)", "$3.5", "45 %", "2024-01-31", "Q1", "")]
        [True, True, True, True, False, False]
    """
    return bool(_NUMBER.match(cell))
