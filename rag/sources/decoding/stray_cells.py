"""Moves the cells of an XLSX sheet together if a few of them are far from the rest, so that the sheet fits in memory.

A spreadsheet application stores only the cells that have content, but a reader that builds a table needs memory for every
cell up to the last one. One forgotten cell in the last row and column makes that seventeen billion cells.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from rag.sources.decoding.zipped_xml import XmlPackage, attribute, children, local_name, xml_tree

_CELL = re.compile(rb'<(?:\w+:)?c\b[^<>]*?\br="([A-Z]{1,3})([0-9]{1,7})"')
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_WORKBOOK = "xl/workbook.xml"


@dataclass(frozen=True, slots=True)
class CloseTogether:
    """A workbook whose sheets fit in memory.

    Attributes:
        data: The workbook's bytes.
        rows: For each sheet that was changed, by name: the original number (1-based) of each of its rows.
    """

    data: bytes
    rows: Mapping[str, Sequence[int]] = field(default_factory=dict)


def close_together(data: bytes, package: XmlPackage, most_cells: int) -> CloseTogether:
    """Removes the empty rows and columns of every sheet that extends over more than `most_cells` cells.

    Args:
        data: The workbook's bytes.
        package: The same workbook.
        most_cells: Maximum number of cells between the first one and the last one in use.
    """
    changed: dict[str, bytes] = {}
    rows: dict[str, Sequence[int]] = {}
    for name, part in workbook_sheets(package).items():
        xml = package.read(part)
        if _extent(xml) > most_cells:
            changed[part], rows[name] = _without_gaps(xml)
    if not changed:
        return CloseTogether(data)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, changed[entry] if entry in changed else old.read(entry))
    return CloseTogether(made.getvalue(), rows)


def workbook_sheets(package: XmlPackage) -> dict[str, str]:
    """Returns the part of each sheet, by the sheet's name."""
    book = package.find(_WORKBOOK)
    if book is None:
        return {}
    parts = package.related(_WORKBOOK)
    listed = (sheet for sheets in children(book, "sheets") for sheet in children(sheets, "sheet"))
    found = ((attribute(sheet, "name"), parts.get(attribute(sheet, "id"), ("", ""))[1]) for sheet in listed)
    return {name: part for name, part in found if part in package.names}


def _extent(xml: bytes) -> int:
    """Returns the number of cells in the smallest table from A1 that contains all cells of a sheet."""
    last_row = last_column = 0
    for found in _CELL.finditer(xml):
        last_row, last_column = max(last_row, int(found.group(2))), max(last_column, column_number(found.group(1).decode()))
    return last_row * last_column


def _without_gaps(xml: bytes) -> tuple[bytes, list[int]]:
    """Renumbers the cells that have content. Returns the sheet, and the original number of each of its rows."""
    root = xml_tree(xml)
    used: list[tuple[int, int, etree._Element]] = []
    for cell in [element for element in root.iter() if local_name(element) == "c"]:
        place = _REFERENCE.fullmatch(cell.get("r", ""))
        if place and len(cell):
            used.append((int(place.group(2)), column_number(place.group(1)), cell))
        else:
            cell.getparent().remove(cell)
    rows, columns = sorted({row for row, _, _ in used}), sorted({column for _, column, _ in used})
    row_at, column_at = ({number: n for n, number in enumerate(numbers, start=1)} for numbers in (rows, columns))
    for row, column, cell in used:
        cell.set("r", f"{_letters(column_at[column])}{row_at[row]}")
        cell.getparent().set("r", str(row_at[row]))
    for element in [element for element in root.iter() if local_name(element) in ("row", "mergeCells", "dimension")]:
        if local_name(element) != "row" or not len(element):
            element.getparent().remove(element)
    return etree.tostring(root), rows


def column_number(letters: str) -> int:
    """Returns the number of a column, from 1, given its letters."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
