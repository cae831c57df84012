"""Recognises tables whose columns are separated by bars, tabs or wide gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set

from rag.text.blocks.lines import Line

_BARS = re.compile(r"[ \t]\|[ \t]|^\|.*\|$|\t\|")
_BAR = re.compile(r"\|")
_SPACE = re.compile(" ")
_GAP = re.compile(r"[ \t]{2,}|\t")
_LEADER = re.compile(r"[ \t]?(?:\.[ \t]?){4,}[ \t]*(?=\S)")
_NUMBER = re.compile(r"[-–+(]?[^\w\s]?[ ]?\d[\d.,'’ ]*\W{0,3}(?:\w{1,4}\W?)?$")
_SHIFT = 6  # columns
_FAR = 20  # columns
_MOST_COMPARED = 50  # cells of a line
_MOST_HEADER_LINES = 5
_FEWEST_ROWS = 2  # below the header of a table with two columns
_RULING = "-=:+| \t"  # characters of a line that separates rows
_NUMBERED = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,4}[.)]?[ \t]{2,}(?=[^\W\d])(?!.*(?:[ ]{2}|\t))")  # "1.2  Rail and air"
_FEWEST_COLUMNS = 3  # of a table that consists of one line
_FIGURE = re.compile(r"[($€£¥~]*[-–+]?\d[\d.,'’]*[)%*]*|[-–—]")
_SIGNS = "$€£¥%()*"
_MOST_LABELS = 2  # lines without figures between the rows of a table
_FEW = _MOST_HEADER_LINES + _MOST_LABELS + 2  # lines that show whether a table begins
_LONGEST_LABEL = 90  # code points
_PAGE = re.compile(r"[^\W_].*[^\W\d_].*[^\d\s.,:/-][ ](\d{1,3})$")
_FEWEST_ENTRIES = 3
_DASHES = frozenset("-–—")
# "2024", "FY 2024", "2023/24", "2024 $’000", "31 March 2024", "March 31, 2024"
_YEAR = re.compile(
    r"(?:(?:\d{1,2}[ ])?[^\W\d_]{1,9}\.?[ ]?(?:\d{1,2},[ ])?)?(?:19|20)\d\d(?:/\d{2,4})?"
    r"(?:[ ]\(?(?:[A-Z]{0,3}[$€£¥]|[A-Z]{2,3})[’']?(?:000|mn?|bn|k)?\)?)?(?:[ ]?(?:\(\d\)|[*†‡]|[¹²³]))?"
)


def cells(line: str) -> list[str]:
    """Returns the cells of a table's line.

    Example:
        >>> cells("Chairs   | 140 | 131"), cells("Standard      802.11ax     802.11ac")
        (['Chairs', '140', '131'], ['Standard', '802.11ax', '802.11ac'])
    """
    return [line[start:end] for start, end in cell_spans(line)]


def cell_spans(line: str, *, has_border: bool = True) -> list[tuple[int, int]]:
    """Returns where each cell of a table's line starts and ends, without white space around it.

    Args:
        line: The line.
        has_border: Whether bars at the ends of the line are the table's border. Otherwise, empty cells are beside them.
    """
    if not _BARS.search(line):
        return list(_parted(line, _GAP, 0, len(line)))
    if not has_border:
        return list(_parted(line, _BAR, 0, len(line)))
    return list(_parted(line, _BAR, len(line) - len(line.lstrip("|")), len(line.rstrip("|"))))


def has_border(lines: Iterable[str]) -> bool:
    """Whether all of a table's lines that have bars begin with one."""
    return all(line.lstrip().startswith("|") for line in lines if _BARS.search(line))


def _parted(line: str, separator: re.Pattern[str], start: int, stop: int) -> Iterator[tuple[int, int]]:
    for found in [*separator.finditer(line, start, stop), None]:
        end = found.start() if found else stop
        cell = line[start:end]
        left = start + len(cell) - len(cell.lstrip())
        yield left, max(left, start + len(cell.rstrip()))
        start = found.end() if found else stop


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
    bordered = has_border(line.text for line in found)
    return [
        [""] * is_shifted + [line.text[start:end] for start, end in cell_spans(line.text, has_border=bordered)]
        for line, is_shifted in zip(found, shifted, strict=True)
    ]


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
    names = set(cells(lines[begin].text)) if is_bar_row(lines[begin]) else set()
    while stop < len(lines) and (is_bar_row(lines[stop]) or (stop > begin and _continues_rows(lines[stop], names))):
        stop += 1
    if stop == begin + 1 and len(cells(lines[begin].text)) == _FEWEST_COLUMNS - 1:
        stop = begin  # one line with one bar is a heading such as "3 | Costs"
    ends = (_aligned_end, _figures_end, _contents_end)
    return stop if stop > begin else next((end for find in ends if (end := find(lines, begin)) > begin), 0)


def _continues_rows(line: Line, names: Set[str]) -> bool:
    """Whether a line without bars belongs to the rows above it: it separates them, or has one cell behind its name."""
    return is_ruling(line.text) or line.text.partition(": ")[0] in names


def _aligned_end(lines: Sequence[Line], begin: int) -> int:
    """Returns the index after the last line of the aligned columns that begin with a line; `begin` if there are none.

    At least two lines must share the position at which a cell begins, or have their cells below one another. A line that
    has one cell only does not end the columns if it is the continuation of a cell, that is, if it begins where a column
    does, or if it is a label between rows of figures. Names far to the right, which begin no column, may be above them.
    """
    columns: Counter[int] = Counter()
    first = _names_end(lines, begin)
    stop, above = first, list[tuple[int, int]]()
    for n in range(first, len(lines)):
        line = lines[n]
        if is_bar_row(line) or (line.is_rule and not is_ruling(line.text)):
            break
        spans = _cell_columns(line)
        starts = [start for start, _ in spans]
        if len(starts) < 2 or _NUMBERED.match(line.text):
            continues = n > first and line.indent > 0 and any(abs(line.indent - column) <= 1 for column in columns)
            is_between = (n > first and is_ruling(line.text)) or (n > begin and _is_label(lines, n))
            if not continues and not is_between:
                break
            continue
        shares = any(abs(start - column) <= 2 for start in starts[1:] for column in columns)
        if above and not shares and not _are_below(spans, above):
            break
        columns.update(starts[1:])
        stop, above = n + 1, spans
    has_named_row = first > begin and any(_figures(line.text) for line in lines[first:stop])
    return stop if stop - first > 1 or has_named_row else begin


def _names_end(lines: Sequence[Line], begin: int) -> int:
    """Returns the index after the lines of names that are far to the right of the row below; `begin` if there are none."""
    for n in range(begin, min(begin + _MOST_HEADER_LINES, len(lines) - 1)):
        if any(_is_figure(cell) and not _is_year(cell) for cell in cells(lines[n].text)):
            return begin
        if min(line.indent for line in lines[begin : n + 1]) >= lines[n + 1].indent + _FAR:
            return n + 1
    return begin


def _is_label(lines: Sequence[Line], n: int) -> bool:
    """Whether a short line, or two, is between rows that each end with several figures."""
    if len(lines[n].text) > _LONGEST_LABEL or lines[n].text.endswith("."):
        return False
    return any(_figures(line.text) > 1 for line in lines[n + 1 : n + 1 + _MOST_LABELS])


def _are_below(spans: Sequence[tuple[int, int]], above: Sequence[tuple[int, int]]) -> bool:
    """Whether a line has as many cells as the line above, more than two, or the last cells are below one another."""
    if len(spans) == len(above) > _FEWEST_COLUMNS - 1:
        return True
    pairs = list(zip(reversed(spans[-_MOST_COMPARED:]), reversed(above), strict=False))
    below = [start < stop_above and start_above < stop for (start, stop), (start_above, stop_above) in pairs]
    return len(below) > 1 and all(below[: max(2, min(len(spans), len(above)) - 1)])


def _figures_end(lines: Sequence[Line], begin: int) -> int:
    """Returns the index after the last of the lines that each end with several figures; `begin` if there are none.

    Such lines are the rows of a table whose columns only the printed page shows. The first two have the same number of
    figures. A few short lines without figures may be between rows.
    """
    if begin + 1 >= len(lines) or not 1 < _figures(lines[begin].text) == _figures(lines[begin + 1].text):
        return begin
    stop = begin + 2
    for n in range(stop, len(lines)):
        if _figures(lines[n].text) > 1:
            stop = n + 1
        elif n >= stop + _MOST_LABELS or len(lines[n].text) > _LONGEST_LABEL or lines[n].text.endswith("."):
            break
    return stop


def _figures(line: str) -> int:
    """Returns how many figures are at the end of a line.

    Example:
        >>> _figures("Services $ 19,604 (17,486) — 4 %"), _figures("It was founded in 1990")
        (4, 1)
    """
    count = 0
    for word in reversed(line.split()):
        if _FIGURE.fullmatch(word):
            count += 1
        elif word.strip(_SIGNS):
            break
    return count


def _contents_end(lines: Sequence[Line], begin: int) -> int:
    """Returns the index after the last entry of a table of contents without dots; `begin` if there is none.

    Each entry ends with the number of a page, and the numbers do not decrease.
    """
    stop, last = begin, 0
    for n in range(begin, len(lines)):
        found = _PAGE.match(lines[n].text) if len(lines[n].text) <= _LONGEST_LABEL else None
        if found is None or int(found.group(1)) < last:
            break
        stop, last = n + 1, int(found.group(1))
    return stop if stop - begin >= _FEWEST_ENTRIES else begin


def header_lines(rows: Sequence[Sequence[str]], *, barred: bool = False) -> int:
    """Returns how many lines at the top of a table are its header.

    A header's cells are names, and the cells below them are not: in at least one column, they are figures.

    Args:
        rows: The table's rows, each a sequence of cells.
        barred: Whether bars separate the cells, so that two columns are a table rather than labels and their values.
    """
    if len(rows) < 2:
        return 0
    if count := _repeated_header(rows) or max(_unlabelled(rows), _with_periods(rows)):
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


def _unlabelled(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many rows at the top have names for the columns but no label; 0 if there is only one, or figures."""
    count = 0
    while count < min(_MOST_HEADER_LINES, len(rows) - 1) and not rows[count][0] and _are_names(rows[count][1:]):
        count += 1
    below = rows[count : count + 1 + _MOST_LABELS]
    return count if count > 1 and any(_is_figure(cell) for row in below for cell in row[1:]) else 0


def _with_periods(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many rows at the top name the columns, if years are among the names, whatever the first cells are."""
    count, has_year = 0, False
    for n, row in enumerate(rows[: min(_MOST_HEADER_LINES, len(rows) - 1)]):
        if not _are_names(row[1:]) and any(row[1:]):
            break
        if any(row[1:]):
            count = n + 1
            has_year = has_year or any(map(_is_year, row[1:]))
    below = rows[count : count + 1 + _MOST_LABELS]
    return count if has_year and any(_is_figure(cell) for row in below for cell in row[1:]) else 0


def _are_names(cells: Sequence[str]) -> bool:
    return any(cells) and not any(_is_figure(cell) and not _is_year(cell) for cell in cells)


def _repeated_header(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many lines at the top contain names that the cells below them repeat, as in "Sum: 4"; 0 if none do.

    The parsers write tables in this way.
    """
    names: set[str] = set()
    for n, row in enumerate(rows[: _MOST_HEADER_LINES + 1]):
        repeated = sum(any(part in names for part in _beginnings(cell)) for cell in row if ": " in cell)
        if n and repeated > 1:
            return n
        names.update(filter(None, row))
    return 0


def _beginnings(cell: str) -> Iterator[str]:
    """Yields what may be the column's name at the start of a cell: whole words of what precedes a colon."""
    head = cell.rpartition(": ")[0]
    yield head
    for found in _SPACE.finditer(head):
        yield head[: found.start()].rstrip(":")


def _cell_columns(line: Line) -> list[tuple[int, int]]:
    """Returns the columns at which each of a line's cells begins, and those at which it ends."""
    spans = []
    start, at = line.indent, 0
    for gap in _GAP.finditer(line.text):
        stop = start + gap.start() - at
        spans.append((start, stop))
        start, at = stop, gap.end()
        for character in gap.group():
            start += 8 - start % 8 if character == "\t" else 1
    return [*spans, (start, start + len(line.text) - at)]


def _has_letters(cell: str) -> bool:
    return any(map(str.isalpha, cell))


def _is_figure(cell: str) -> bool:
    return bool(_NUMBER.match(cell)) or cell in _DASHES


def _is_year(cell: str) -> bool:
    return _YEAR.fullmatch(cell) is not None
