"""Parses spreadsheets. Each row becomes a line. Only this module imports python-calamine."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import count, islice
from types import MappingProxyType

import python_calamine

from rag.errors import ReadError
from rag.records import Anchor, Block, Document
from rag.sources.decoding.binary_workbooks import xls_sheets, xlsb_sheets
from rag.sources.decoding.number_formats import ShownCell, xlsx_cells, xlsx_formats
from rag.sources.decoding.stray_cells import CloseTogether, close_together, workbook_sheets
from rag.sources.decoding.tables import MAX_NAME, cell_text, placed_lines
from rag.sources.decoding.text import canonical, decode, find_date, name_as_title
from rag.sources.decoding.zipped_xml import XmlPackage, attribute, local_name, text_content, xml_tree
from rag.sources.parsers.attachments import with_attachments
from rag.sources.parsers.docx import properties
from rag.sources.parsers.opendocument import shown_cells as shown_opendocument_cells
from rag.sources.parsers.opendocument import tables as opendocument_tables
from rag.sources.records import ParsedFile

_MAX_CELLS = 20_000_000
_MOST_ROUNDED = 100_000  # cells whose exact numbers are kept
_MAX_SHOWN = 50_000_000  # bytes of an ODS file's content that are examined for the formats of cells
_MAX_FIELD = 10_000_000  # maximum length of a cell in a CSV file, in code points
_SEPARATORS = ",;\t|"  # the most common first
_DECLARED_SEPARATOR = re.compile(r"(?:\ufeff)?sep=([^\w\s\"']|\t)\r?\n", re.IGNORECASE)  # as Excel writes and reads it
_SAMPLE = 20_000  # number of code points from which the separator is detected
_ANCHOR_EVERY = 500  # rows between anchors; other row numbers are found by counting from the nearest anchor above
_TYPES = {
    b"PK": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"\xd0\xcf": "application/vnd.ms-excel",
}
Cell = str | float | int | bool | date | datetime | time | timedelta | None
_Shown = Callable[[Sequence[Sequence[Cell]]], Iterable[ShownCell]]  # from a sheet's values to the cells shown differently


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A sheet's content.

    Attributes:
        rows: The text of the cells of each row.
        rounded: The cells that show a rounded number, by row.
    """

    rows: Iterable[Sequence[str]]
    rounded: Mapping[int, Sequence[ShownCell]] = field(default_factory=dict)


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses XLSX, XLSB, XLS and ODS files, and the files embedded in them.

    Raises:
        ReadError: The file is damaged, is password-protected, or is a zip bomb.
    """
    package = XmlPackage(data) if data.startswith(b"PK") else None
    readable = close_together(data, package, _MAX_CELLS) if package else CloseTogether(data)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(readable.data))
        shown = _shown_cells(data, package)
        hidden = {
            sheet.name for sheet in book.sheets_metadata if sheet.visible is not python_calamine.SheetVisibleEnum.Visible
        }
        sheets = [
            (sheet, _rows(book, sheet, None if sheet in readable.rows else shown.get(sheet, _nothing)))
            for sheet in book.sheet_names
        ]
    except python_calamine.PasswordError:
        raise ReadError("it is password-protected", "save a copy without a password, then add the copy") from None
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise ReadError(
            f"the workbook cannot be read ({_short(error)})", "open it in a spreadsheet application and save it as XLSX"
        ) from error
    text, anchors, blocks = _as_text(sheets, readable.rows, hidden)
    if package:
        extra = canonical("\n".join(_comments_and_boxes(package)))
        text = f"{text}\n\n{extra}" if extra else text
    title, author, created = properties(package) if package else ("", "", "")
    media_type = _TYPES.get(data[:2], "text/csv")
    if package and "content.xml" in package.names:
        media_type = "application/vnd.oasis.opendocument.spreadsheet"
    own = Document(
        text,
        title=title or name_as_title(name),
        author=author,
        date=find_date(text[:3000]) or created,
        anchors=anchors,
        media_type=media_type,
        blocks=blocks,
    )
    return with_attachments(own, package.embedded() if package else (), depth)


def parse_separated(data: bytes, name: str) -> Document:
    """Parses CSV and TSV files.

    Raises:
        ReadError: The bytes are not text.
    """
    text = canonical(decode(data).replace("\0", ""))
    csv.field_size_limit(_MAX_FIELD)
    declared = _DECLARED_SEPARATOR.match(text)
    text = text[declared.end() :] if declared else text
    separator = declared.group(1) if declared else _separator(text[:_SAMPLE])
    try:
        written, anchors, _ = _as_text([("", _Sheet(_separated(text, separator)))])
    except csv.Error:  # raised, for example, if a quotation mark is never closed
        written, anchors, _ = _as_text([("", _Sheet(line.split(separator) for line in text.splitlines()))])
    kind = "text/tab-separated-values" if separator == "\t" else "text/csv"
    return Document(written, name_as_title(name), date=find_date(written[:3000]), anchors=anchors, media_type=kind)


def _separated(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)


def _separator(sample: str) -> str:
    """Returns the separator that divides most rows of a sample into the same number of cells, which must exceed one.

    The standard library's Sniffer is not used, because quotation marks make it slow: a text eight times as long took it
    ninety times as long.
    """

    def regularity(separator: str) -> tuple[float, int]:
        try:
            widths = Counter(len(row) for row in _separated(sample, separator) if row)
        except csv.Error:
            return 0.0, 0
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        return (count / widths.total(), width) if width > 1 else (0.0, 0)

    return max(_SEPARATORS, key=regularity)


def _nothing(_: Sequence[Sequence[Cell]]) -> Iterable[ShownCell]:
    return ()


def _shown_cells(data: bytes, package: XmlPackage | None) -> dict[str, _Shown]:
    """Returns, for each sheet, a function that yields the cells that are shown differently from their values."""
    if package is None or "xl/workbook.bin" in package.names:
        binary = xlsb_sheets(package) if package else xls_sheets(data)
        return {name: partial(binary.formats.shown, cells) for name, cells in binary.cells.items()}
    if "content.xml" in package.names:
        content = package.read("content.xml")
        tables = opendocument_tables(xml_tree(content)) if len(content) <= _MAX_SHOWN else ()
        return {attribute(table, "name"): partial(shown_opendocument_cells, table) for table in tables}
    formats = xlsx_formats(package)
    return {name: partial(formats.shown, xlsx_cells(package, part)) for name, part in workbook_sheets(package).items()}


def _rows(
    book: python_calamine.CalamineWorkbook,
    sheet: str,
    shown: _Shown | None,
) -> _Sheet:
    """Returns all rows, including empty ones at the top, so that the n-th row is row n in a spreadsheet application.

    Args:
        book: The workbook.
        sheet: The sheet's name.
        shown: Yields the cells that are shown differently from their values; None if the sheet lacks some of its rows, so
            that these cells and the merged cells have other numbers.
    """
    try:
        opened = book.get_sheet_by_name(sheet)
    except python_calamine.CalamineError:  # raised if a sheet contains only a chart
        return _Sheet([])
    if opened.total_height * opened.total_width > _MAX_CELLS:
        raise ReadError(
            f"its sheet {sheet!r} has {opened.total_height * opened.total_width:,} cells, more than {_MAX_CELLS:,}",
            "delete empty rows and columns, or split the sheet, then save it again",
        )
    cells: Sequence[Sequence[Cell]] = opened.to_python(skip_empty_area=False)
    rows = [[_formatted(cell) for cell in row] for row in cells]
    rounded: dict[int, list[ShownCell]] = {}
    if shown is not None:
        for cell in shown(cells):
            if cell.row < len(rows) and cell.column < len(rows[cell.row]):
                rows[cell.row][cell.column] = canonical(cell.text)
                if cell.exact:
                    rounded.setdefault(cell.row, []).append(cell)
        _repeat_down(rows, opened.merged_cell_ranges or ())
    return _Sheet(rows, rounded)


def _repeat_down(rows: list[list[str]], merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Repeats each merged cell's text in all its rows, if it is as short as a name.

    Looks at no more cells than a sheet may have, because merged cells may overlap.
    """
    left = _MAX_CELLS
    for (top, column), (bottom, _) in merged:
        below = range(top + 1, min(bottom + 1, len(rows), top + 1 + left))
        left -= len(below)
        for n in below:
            text = rows[top][column] if column < len(rows[top]) else ""
            if len(text) <= MAX_NAME and column < len(rows[n]) and not rows[n][column]:
                rows[n][column] = text


def _as_text(
    sheets: Iterable[tuple[str, _Sheet]],
    numbers: Mapping[str, Sequence[int]] = MappingProxyType({}),
    hidden: Collection[str] = (),
) -> tuple[str, tuple[Anchor, ...], tuple[Block, ...]]:
    """Joins all sheets into one text with one line per row, so that rows can be counted. Drops repeated empty rows.

    Returns the text, its anchors, and as blocks the sheets' names and the cells whose numbers are rounded.

    Args:
        sheets: The name and the content of each sheet.
        numbers: The number of each row, for those sheets whose rows are not numbered from 1 without gaps.
        hidden: The names of the sheets that an application does not show.
    """
    parts: list[str] = []
    anchors: list[Anchor] = []
    blocks: list[Block] = []
    at, rounded = 0, 0

    def add(line: str) -> None:
        nonlocal at
        parts.append(line)
        at += len(line) + 1

    for sheet, content in sheets:
        if sheet:
            if parts:
                add("")
            anchors.append(Anchor(at, f"sheet {sheet}"))
            name = canonical(cell_text(sheet)) + (" (hidden sheet)" if sheet in hidden else "")
            blocks += [Block("heading", at, at + len(name), level=1)] if name else []
            add(name)
        counted, empty = 0, True  # number of rows since the last anchor, and whether the previous line is empty
        last = 0
        lines = enumerate(placed_lines(content.rows))
        for number, (row, (line, starts)) in zip(numbers.get(sheet, count(1)), lines, strict=False):
            if number != last + 1:
                counted = 0
            last = number
            if not line and empty:
                counted = 0
                continue
            if counted == 0 or counted >= _ANCHOR_EVERY:
                anchors.append(Anchor(at, f"sheet {sheet}" if sheet else "", counts="row", first=number))
                counted = 0
            placed = list(islice(_rounded_cells(content.rounded.get(row, ()), starts, at), _MOST_ROUNDED - rounded))
            blocks += placed
            rounded += len(placed)
            add(line)
            counted, empty = counted + 1, not line
    return "\n".join(parts), tuple(anchors), tuple(blocks)


def _rounded_cells(cells: Iterable[ShownCell], starts: Mapping[int, int], at: int) -> Iterator[Block]:
    """Yields the cells of one line, which begins at `at`; `starts` says where in the line its cells begin, by column."""
    for cell in cells:
        if (begin := starts.get(cell.column)) is not None:
            yield Block("cell", at + begin, at + begin + len(cell_text(canonical(cell.text))), number=cell.exact)


def _comments_and_boxes(package: XmlPackage) -> Iterator[str]:
    """Yields the comments and text boxes in an Office workbook."""
    for name in sorted(package.names):
        if name.startswith(("xl/comments", "xl/threadedComments/")) and name.endswith(".xml"):
            for comment in package.xml(name).iter():
                if local_name(comment) in ("comment", "threadedComment") and text_content(comment):
                    yield f"Comment on {attribute(comment, 'ref')}: {text_content(comment)}"
        elif name.startswith("xl/drawings/drawing") and name.endswith(".xml"):
            yield from (
                text_content(box) for box in package.xml(name).iter() if local_name(box) == "txBody" and text_content(box)
            )


def _formatted(cell: Cell) -> str:
    """Formats a cell's value the way people write it: 12 rather than 12.0, and a date without the time 00:00."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.12g}"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, timedelta):
        return _duration(cell)
    return "" if cell is None else canonical(str(cell))


def _duration(length: timedelta) -> str:
    """Returns a duration in hours and minutes, and in seconds if there are any.

    Example:
        >>> _duration(timedelta(days=1, hours=2, minutes=30))
        '26:30'
    """
    seconds = round(abs(length).total_seconds())
    sign = "-" if length < timedelta() else ""
    text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]
