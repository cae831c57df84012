"""OpenDocument texts and presentations."""

from __future__ import annotations

import pytest

from rag.errors import ReadError
from rag.sources.parsers.opendocument import parse

from ...making import zipped


def content(body: str) -> bytes:
    return zipped({"content.xml": f"<c><body>{body}</body></c>".encode()})


def test_headings_lists_notes_and_spaces() -> None:
    body = (
        '<h outline-level="2">Arches</h><list><list-item><p>stone</p></list-item></list>'
        '<p>One<s c="3"/>two<note><note-body><p>a note</p></note-body></note><line-break/>three</p>'
    )

    assert "## Arches\n\n- stone\n\nOne   two [a note]\nthree" == parse(content(body), "a.odt").text


def test_bold_lines_are_headings_below_the_first() -> None:
    """Unless nothing follows them, they end like a sentence, or the document has no other headings."""
    bold = '<style name="B"><text-properties font-weight="bold"/></style>'
    lines = (
        '<p>1. <span style-name="B">Rent</span></p><p>It is 900 euros.</p><p style-name="B">Deposit</p><p>None.</p>'
        '<p><span style-name="B">Never</span> smoke</p><p><span style-name="B">No dogs.</span></p><p>Ever.</p>'
        '<list><list-item><p style-name="B">Keys</p></list-item></list><p style-name="B">Ada</p>'
    )
    made = [f"<c>{bold}<body><text>{top}{lines}</text></body></c>" for top in ('<h outline-level="1">Lease</h>', "")]
    first, second = (parse(zipped({"content.xml": one.encode()}), "a.odt").text for one in made)

    assert ["# Lease", "#### 1. Rent", "#### Deposit"] == [line for line in first.split("\n") if line.startswith("#")]
    assert "#" not in second


def test_repeated_cells_and_rows() -> None:
    row = "<table-row>{}</table-row>"
    cell = "<table-cell{}><p>{}</p></table-cell>"
    names, values = (
        row.format(cell.format("", "Name") + cell.format("", "Sum")),
        row.format(cell.format(' number-columns-repeated="2"', "7") + "<table-cell number-columns-repeated='9000'/>"),
    )

    assert "Name | Sum\nName: 7 | Sum: 7" == parse(content(f"<table>{names}{values}</table>"), "a.odt").text


def test_merged_cells_are_in_each_of_their_rows() -> None:
    cell, covered = "<table-cell{}><p>{}</p></table-cell>", "<covered-table-cell/>"
    rows = (
        cell.format("", "Region") + cell.format("", "Half") + cell.format("", "Sum"),
        cell.format(' number-rows-spanned="2"', "North") + cell.format("", "H1") + cell.format("", "7"),
        covered + cell.format("", "H2") + cell.format("", "9"),
        cell.format("", "South") + cell.format("", "H1") + cell.format("", "3"),
    )
    table = "".join(f"<table-row>{row}</table-row>" for row in rows)
    assert [
        "Region | Half | Sum", "Region: North | Half: H1 | Sum: 7", "Region: North | Half: H2 | Sum: 9",
        "Region: South | Half: H1 | Sum: 3",
    ] == parse(content(f"<table>{table}</table>"), "a.odt").text.split("\n")  # fmt: skip


def test_slides_are_pages() -> None:
    slides = "".join(f"<page><frame><text-box><p>Slide {n}.</p></text-box></frame></page>" for n in (1, 2))
    document = parse(content(slides), "a.odp")

    assert "Slide 1.\n\nSlide 2." == document.text
    assert [("slide 1", 1), ("slide 2", 2)] == [(anchor.name, anchor.page) for anchor in document.anchors]


def test_a_locked_file_is_refused() -> None:
    locked = zipped({"content.xml": b"<c/>", "META-INF/manifest.xml": b"<m><encryption-data/></m>"})
    with pytest.raises(ReadError, match="password"):
        parse(locked, "a.odt")
