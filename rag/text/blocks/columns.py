"""Recognises tables whose columns are separated by bars, tabs or wide gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rag.text.blocks.lines import Line

_BARS = re.compile(r"[ \t]\|[ \t]|^\|.*\|$|\t\|")
_GAP = re.compile(r"[ \t]{2,}|\t")
_LEADER = re.compile(r"[ \t]?(?:\.[ \t]?){4,}[ \t]*(?=\S)")
_NUMBER = re.compile(r"[-–+(]?[^\w\s]?[ ]?\d[\d.,'’ ]*\W{0,3}(?:\w{1,4}\W?)?$")
_SHIFT = 6  # columns
_MOST_HEADER_LINES = 3
_FEW = 4  # lines
_FEWEST_ROWS = 2  # below the header of a table with two columns
_RULING = "-=:+| \t"  # characters of a line that separates rows
_DASHES = frozenset("-–—")


def cells(line: str) -> list[str]:
    """Returns the cells of a table's line.

    Example:
        >>> cells("Chairs   | 140 | 131"), cells("Standard      802.11ax     802.11ac")
        (['Chairs', '140', '131'], ['Standard', '802.11ax', '802.11ac'])
    """
    if _BARS.search(line):
        return [cell.strip() for cell in line.strip("|").split("|")]
    return [cell.strip() for cell in _GAP.split(line)]


def is_bar_row(line: Line) -> bool:
    """Whether bars separate a line's cells."""
    return _BARS.search(line.text) is not None


def is_ruling(line: str) -> bool:
    """Whether a table's line only separates others, such as "|---|---|"."""
    return not line.strip(_RULING) and ("--" in line or "==" in line)


def rows(lines: Sequence[Line]) -> list[list[str]]:
    """Returns the cells of a table's lines. A line that begins further to the right than the others has an empty cell."""
    found = [line for line in lines if not is_ruling(line.text)]
    least = min(line.indent for line in found) if found else 0
    shifted = [not is_bar_row(line) and line.indent >= least + _SHIFT for line in found]
    return [[""] * is_shifted + cells(line.text) for line, is_shifted in zip(found, shifted, strict=True)]


def leader_end(line: str) -> int:
    """Returns where the label ends in a line such as "Silver band ..... 1,200"; 0 if the line has no such dots."""
    found = _LEADER.search(line)
    return found.start() if found and found.start() > 0 else 0


def gap_end(line: str) -> int:
    """Returns where the first cell ends in a line whose cells are separated by wide gaps; 0 if it has one cell only."""
    found = _GAP.search(line)
    return found.start() if found else 0


def begins_table(lines: Sequence[Line], begin: int) -> bool:
    """Whether a line and the next ones are a table; looks at a few lines only."""
    return table_end(lines[: begin + _FEW], begin) > 0


def table_end(lines: Sequence[Line], begin: int) -> int:
    """Returns the index after the last line of the table that begins with a line; 0 if there is none."""
    stop = begin
    while stop < len(lines) and (is_bar_row(lines[stop]) or (stop > begin and is_ruling(lines[stop].text))):
        stop += 1
    stop = stop if stop > begin else _aligned_end(lines, begin)
    return stop if stop > begin else 0


def _aligned_end(lines: Sequence[Line], begin: int) -> int:
    """Returns the index after the last line of the aligned columns that begin with a line; `begin` if there are none.

    At least two lines must share the position at which a cell begins. A line that has one cell only does not end the
    columns if it is the continuation of a cell, that is, if it begins where a column does.
    """
    columns: Counter[int] = Counter()
    stop = begin
    for n in range(begin, len(lines)):
        line = lines[n]
        if is_bar_row(line) or (line.is_rule and not is_ruling(line.text)):
            break
        starts = _cell_starts(line)
        if len(starts) < 2:
            continues = n > begin and line.indent > 0 and any(abs(line.indent - column) <= 1 for column in columns)
            if not continues and not (n > begin and is_ruling(line.text)):
                break
            continue
        if n > begin and not any(abs(start - column) <= 2 for start in starts[1:] for column in columns):
            break
        columns.update(starts[1:])
        stop = n + 1
    return stop if stop - begin > 1 else begin


def header_lines(rows: Sequence[Sequence[str]], *, barred: bool = False) -> int:
    """Returns how many lines at the top of a table are its header.

    A header's cells are names, and the cells below them are not: in at least one column, they are figures.

    Args:
        rows: The table's rows, each a sequence of cells.
        barred: Whether bars separate the cells, so that two columns are a table rather than labels and their values.
    """
    if len(rows) < 2:
        return 0
    if count := _repeated_header(rows):
        return count
    first, below = rows[0], rows[1:]
    if len(first) < 2 or len({cell for cell in first if cell}) < sum(map(bool, first)):
        return 0
    if not first[0] and all(first[1:]):
        return 1
    if len(first) == 2 and len(below) < _FEWEST_ROWS and not barred:
        return 0
    named = 0
    for n, name in enumerate(first[1:], start=1):
        values = [row[n] for row in below if n < len(row) and row[n]]
        if name and not _has_letters(name) and not _is_year(name):
            return 0
        with_letters = sum(map(_has_letters, values))
        named += bool(values) and (with_letters == 0 or ((barred or len(first) > 2) and with_letters <= len(values) / 2))
    is_short = sum(map(len, first)) < sum(map(len, max(below, key=lambda row: sum(map(len, row)))))
    has_no_digits = not any(c.isdigit() for cell in first for c in cell)
    return 1 if named or (len(first) > 2 and has_no_digits and is_short) else 0


def _repeated_header(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many lines at the top contain names that the cells below them repeat, as in "Sum: 4"; 0 if none do.

    The parsers write tables in this way.
    """
    names: set[str] = set()
    for n, row in enumerate(rows[: _MOST_HEADER_LINES + 1]):
        repeated = sum(any(cell.startswith(name) for name in names) for cell in row if ": " in cell)
        if n and repeated > 1:
            return n
        names.update(filter(None, row))
    return 0


def _cell_starts(line: Line) -> list[int]:
    """Returns the columns at which a line's cells begin."""
    starts = [line.indent]
    width = line.indent
    at = 0
    for gap in _GAP.finditer(line.text):
        width += len(line.text[at : gap.start()])
        for character in gap.group():
            width += 8 - width % 8 if character == "\t" else 1
        starts.append(width)
        at = gap.end()
    return starts


def _has_letters(cell: str) -> bool:
    return any(map(str.isalpha, cell))


def _is_figure(cell: str) -> bool:
    return bool(_NUMBER.match(cell)) or cell in _DASHES


def _is_year(cell: str) -> bool:
    return bool(re.fullmatch(r"(?:[A-Za-z]{1,4}[ .]?)?(?:19|20)\d\d(?:/\d{2,4})?", cell))
