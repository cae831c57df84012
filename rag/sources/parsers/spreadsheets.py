"""Spreadsheets: a row a line in which each cell stands beside its column's name. The home of python-calamine."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

import python_calamine

from rag.errors import ReadError
from rag.records import Anchor, Document
from rag.sources.decoding.tables import cell_text, lines
from rag.sources.decoding.text import canonical, decode, find_date, name_as_title
from rag.sources.decoding.zipped_xml import Package, attribute, local, words
from rag.sources.parsers.attachments import with_attached
from rag.sources.parsers.docx import properties
from rag.sources.records import ParsedFile

_MOST_CELLS = 20_000_000
_MOST_FIELD = 10_000_000  # code points of one cell of a CSV file
_SAMPLE = 20_000  # code points from which the separator is told
_LANDMARK_EVERY = 500  # rows: a row's number is counted from the anchor before it
_TYPES = {
    b"PK": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"\xd0\xcf": "application/vnd.ms-excel",
}
Cell = str | float | int | bool | date | datetime | time | timedelta | None


def read(data: bytes, name: str, within: int = 0) -> ParsedFile:
    """Reads XLSX, XLSB, XLS and ODS, and what is embedded in them.

    Raises:
        ReadError: It is damaged, locked, or a bomb.
    """
    package = Package(data) if data.startswith(b"PK") else None
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [(sheet, _rows(book, sheet)) for sheet in book.sheet_names]
    except python_calamine.PasswordError:
        raise ReadError("it is locked with a password", "save a copy without the password") from None
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise ReadError(f"the workbook cannot be read ({_short(error)})", "open it and save it again as XLSX") from error
    text, anchors = _written(sheets)
    if package:
        beside = canonical("\n".join(_beside_cells(package)))
        text = f"{text}\n\n{beside}" if beside else text
    title, author, created = properties(package) if package else ("", "", "")
    media_type = _TYPES.get(data[:2], "text/csv")
    if package and "content.xml" in package.names:
        media_type = "application/vnd.oasis.opendocument.spreadsheet"
    own = Document(text, title or name_as_title(name), author, find_date(text[:3000]) or created, anchors, media_type)
    return with_attached(own, package.embedded() if package else (), within)


def read_separated(data: bytes, name: str) -> Document:
    """Reads CSV and TSV.

    Raises:
        ReadError: The bytes are not text.
    """
    text = decode(data).replace("\0", "")
    csv.field_size_limit(_MOST_FIELD)
    dialect: type[csv.Dialect] | csv.Dialect
    try:
        dialect = csv.Sniffer().sniff(text[:_SAMPLE], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if text[:_SAMPLE].count("\t") > text[:_SAMPLE].count(",") else csv.excel
    try:
        written, anchors = _written([("", csv.reader(io.StringIO(text), dialect, strict=False))])
    except csv.Error:  # a quote that never ends
        written, anchors = _written([("", (line.split(dialect.delimiter) for line in text.splitlines()))])
    kind = "text/tab-separated-values" if dialect.delimiter == "\t" else "text/csv"
    return Document(written, name_as_title(name), date=find_date(written[:3000]), anchors=anchors, media_type=kind)


def _rows(book: python_calamine.CalamineWorkbook, sheet: str) -> list[list[str]]:
    """From the first cell on, so that the n-th row is the row n that a reader sees."""
    try:
        opened = book.get_sheet_by_name(sheet)
    except python_calamine.CalamineError:  # a chart alone on its sheet
        return []
    if opened.total_height * opened.total_width > _MOST_CELLS:
        raise ReadError(f"its sheet {sheet!r} claims {opened.total_height * opened.total_width:,} cells", "save it again")
    rows: Iterable[Sequence[Cell]] = opened.to_python(skip_empty_area=False)
    return [[_shown(cell) for cell in row] for row in rows]


def _written(sheets: Iterable[tuple[str, Iterable[Sequence[str]]]]) -> tuple[str, tuple[Anchor, ...]]:
    """All sheets as one text. Each row is one line, so that rows can be counted; runs of empty rows are left out."""
    parts: list[str] = []
    anchors: list[Anchor] = []
    at = 0

    def add(line: str) -> None:
        nonlocal at
        parts.append(line)
        at += len(line) + 1

    for sheet, rows in sheets:
        if sheet:
            if parts:
                add("")
            anchors.append(Anchor(at, f"sheet {sheet}"))
            add(canonical(cell_text(sheet)))
        counted, empty = 0, True  # rows since the last anchor; whether the line before is empty
        for number, line in enumerate(lines(rows), start=1):
            if not line and empty:
                counted = 0
                continue
            if counted == 0 or counted >= _LANDMARK_EVERY:
                anchors.append(Anchor(at, f"sheet {sheet}" if sheet else "", counts="row", first=number))
                counted = 0
            add(canonical(line))
            counted, empty = counted + 1, not line
    return "\n".join(parts), tuple(anchors)


def _beside_cells(package: Package) -> Iterator[str]:
    """Comments and text boxes of an Office workbook."""
    for name in sorted(package.names):
        if name.startswith(("xl/comments", "xl/threadedComments/")) and name.endswith(".xml"):
            for comment in package.xml(name).iter():
                if local(comment) in ("comment", "threadedComment") and words(comment):
                    yield f"Comment on {attribute(comment, 'ref')}: {words(comment)}"
        elif name.startswith("xl/drawings/drawing") and name.endswith(".xml"):
            yield from (words(box) for box in package.xml(name).iter() if local(box) == "txBody" and words(box))


def _shown(cell: Cell) -> str:
    """A cell as a reader would write it: 12 rather than 12.0, a day without its midnight."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.12g}"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    return "" if cell is None else str(cell)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]
