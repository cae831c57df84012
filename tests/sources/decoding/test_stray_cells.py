"""Sheets in which one cell is far from all others."""

from __future__ import annotations

import pytest

from rag.sources.decoding.stray_cells import _column, _letters, close_together
from rag.sources.decoding.zipped_xml import XmlPackage
from rag.sources.parsers import parse

from ...making import zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(*sheets: dict[str, str]) -> bytes:
    """Returns an XLSX file; each sheet is given as a dictionary from a cell's place to its text."""
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{LINKS}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        + "".join(f'<sheet name="Sheet {n}" sheetId="{n}" r:id="r{n}"/>' for n in range(1, len(sheets) + 1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{LINKS}">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        + "</Relationships>",
    }
    for n, cells in enumerate(sheets, start=1):
        rows: dict[int, str] = {}
        for place, text in cells.items():
            number = int(place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            content = f"<is><t>{text}</t></is>" if text else ""
            rows[number] = rows.get(number, "") + f'<c r="{place}" t="inlineStr">{content}</c>'
        body = "".join(f'<row r="{number}">{row}</row>' for number, row in sorted(rows.items()))
        parts[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
    return zipped(parts)


TABLE = {"A1": "Name", "B1": "Price", "A2": "Tea", "B2": "2.50", "A3": "Cake", "B3": "3.75"}


def test_letters_and_numbers() -> None:
    assert [1, 26, 27, 702, 703, 16_384] == [_column(letters) for letters in ("A", "Z", "AA", "ZZ", "AAA", "XFD")]
    assert ["A", "Z", "AA", "ZZ", "AAA", "XFD"] == [_letters(number) for number in (1, 26, 27, 702, 703, 16_384)]


@pytest.mark.parametrize("stray", ["a note", ""])
def test_a_stray_cell(stray: str) -> None:
    """The table is read as without it; the note keeps the number of its row."""
    document = parse(workbook({**TABLE, "XFD1048576": stray}), "a.xlsx").documents[0]

    assert "Name: Tea | Price: 2.50\nName: Cake | Price: 3.75" in document.text
    assert document.text.endswith(stray or "3.75")
    assert ({1, 1_048_576} if stray else {1}) == {anchor.first for anchor in document.anchors if anchor.counts == "row"}


def test_other_sheets_are_left_alone() -> None:
    data = workbook(TABLE, {"A1": "x", "ZZ900000": "y"})
    changed = close_together(data, XmlPackage(data), 1_000_000)

    assert {"Sheet 2": [1, 900_000]} == changed.rows
    document = parse(data, "a.xlsx").documents[0]
    assert ["sheet Sheet 1", "sheet Sheet 2"] == [a.name for a in document.anchors if not a.counts]


def test_a_workbook_that_fits_is_not_touched() -> None:
    data = workbook(TABLE)

    assert data is close_together(data, XmlPackage(data), 100).data
