"""The number formats of XLS and XLSB workbooks."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from rag.sources.decoding.binary_workbooks import StyledSheets, xls_sheets, xlsb_sheets
from rag.sources.decoding.zipped_xml import XmlPackage
from rag.sources.parsers import parse

WORKBOOKS = Path(__file__).parent.parent.parent / "data" / "workbooks"
SHOWN = (
    "Item: tea | Share: 12.5% | Price: 1,234.50 EUR | Count: 1,200",
    "Item: milk | Share: -50.0% | Price: -7.00 EUR | Count: 3",
)


@pytest.mark.parametrize("name", ["prices.xls", "prices.xlsb", "prices95.xls"])
def test_numbers_are_written_as_they_are_shown(name: str) -> None:
    """Those of formulas, too; and the exact numbers are kept."""
    document = parse((WORKBOOKS / name).read_bytes(), name).documents[0]
    tea, milk = document.text.split("\n")[2:4]

    assert (tea.startswith(SHOWN[0]), milk.startswith(SHOWN[1])) == (True, True)
    assert (tea.endswith(" | Total: 5.0m"), milk.endswith(" | Total: (21)")) == (True, True)
    assert document.text.endswith("\na | 25%")
    rounded = [(document.text[b.start : b.end], b.number) for b in document.blocks if b.kind == "cell"]
    assert [("12.5%", "12.543"), ("5.0m", "5.04")] == rounded


@pytest.mark.parametrize("name", ["prices.xls", "prices95.xls"])
def test_damaged_records_do_no_harm(name: str, seed: int) -> None:
    """The formats of some cells are left out. What else is damaged is up to the reader of the workbook."""
    chosen, whole = random.Random(seed), (WORKBOOKS / name).read_bytes()
    for _ in range(300):
        shown_in(xls_sheets(damaged(whole, chosen, 512)))


def test_damaged_parts_do_no_harm(seed: int) -> None:
    """The same for XLSB, in whose packages the parts are damaged."""
    chosen = random.Random(seed)
    with zipfile.ZipFile(WORKBOOKS / "prices.xlsb") as package:
        parts = {name: package.read(name) for name in package.namelist()}
    for _ in range(200):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as package:
            for part, content in parts.items():
                package.writestr(part, damaged(content, chosen, 0) if part.endswith(".bin") else content)
        shown_in(xlsb_sheets(XmlPackage(made.getvalue())))


def damaged(whole: bytes, chosen: random.Random, begin: int) -> bytes:
    """Some bytes are other ones, and the end may be missing."""
    data = bytearray(whole)
    for _ in range(chosen.randint(0, 30)):
        data[chosen.randrange(begin, len(data))] = chosen.randrange(256)
    return bytes(data[: chosen.randint(begin, len(data))] if chosen.random() < 0.2 else data)


def shown_in(sheets: StyledSheets) -> None:
    for cells in sheets.cells.values():
        assert all(cell.text for cell in sheets.formats.shown(cells, [[0.5] * 9] * 9))
