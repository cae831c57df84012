"""Sheets in which one cell is far from all others."""

from __future__ import annotations

import pytest

from rag.sources.decoding.stray_cells import _letters, close_together, column_number
from rag.sources.decoding.zipped_xml import XmlPackage
from rag.sources.parsers import parse

from ...making import workbook

TABLE = {"A1": "Name", "B1": "Price", "A2": "Tea", "B2": "2.50", "A3": "Cake", "B3": "3.75"}


def test_letters_and_numbers() -> None:
    assert [1, 26, 27, 702, 703, 16_384] == [column_number(letters) for letters in ("A", "Z", "AA", "ZZ", "AAA", "XFD")]
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
