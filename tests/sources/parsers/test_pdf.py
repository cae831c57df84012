"""PDFs: text in reading order, the boxes of its characters, and pages drawn with the cited lines highlighted."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rag import Document, Library
from rag.errors import RagError, ReadError, SourceError
from rag.sources.parsers import parse
from rag.sources.parsers.pdf import boxes
from rag.text.blocks.cells import table_rows

from ... import making
from ...conftest import DATA

PAGES = (
    ((72, 720, "The ferry to Skarholm sails at night."), (72, 500, "It has forty cabins."), (72, 300, "Dogs are welcome.")),
    ((72, 720, "The second page speaks of prices."), (72, 600, "A cabin costs ninety crowns.")),
)


@pytest.fixture
def ferry(library: Library, tmp_path: Path) -> Path:
    path = tmp_path / "ferry.pdf"
    path.write_bytes(making.pdf(PAGES))
    library.add(path)
    return path


def marked_rows(png: bytes) -> list[int]:
    """Rows of a picture that hold the marker's colour, in points from the page's lower edge."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    rows = (pixels == (253, 230, 138)).all(axis=2).any(axis=1).nonzero()[0]
    return [int(842 - row * 842 / pixels.shape[0]) for row in rows]


def test_the_cited_line_is_marked_where_it_stands(library: Library, ferry: Path) -> None:
    """Only there, and only on its page; the words stay dark."""
    (info,) = library.documents()
    text = library.document(info.source).text
    start = text.index("It has forty")
    first = library.page_image(info.id, 1, [(start, start + len("It has forty cabins."))])

    rows = marked_rows(first)
    assert rows
    assert 490 < min(rows) <= max(rows) < 520
    assert np.asarray(Image.open(io.BytesIO(first)).convert("L")).min() < 60
    assert [] == marked_rows(library.page_image(info.id, 2, [(start, start + 5)]))
    assert [] == marked_rows(library.page_image(info.id, 1))


def test_what_cannot_be_drawn_is_said(library: Library, ferry: Path) -> None:
    """No such page, no printed pages, no such document, another file by now."""
    (info,) = library.documents()
    for page in (0, 3, 10**9):
        with pytest.raises(ReadError, match="no page"):
            library.page_image(info.id, page)
    library.add_documents([Document("plain text", "T", source="t.txt")])
    with pytest.raises(SourceError, match="cannot show its pages"):
        library.page_image(library.id_of("t.txt"), 1)
    with pytest.raises(SourceError):
        library.page_image(9999, 1)
    for spans in ([(-5, 10**12)], [(7, 3)], [(0, 0)]):
        assert library.page_image(info.id, 1, spans).startswith(b"\x89PNG")

    ferry.write_bytes(b"%PDF-1.4 another")
    with pytest.raises(RagError, match="has changed since"):
        library.page_image(info.id, 1)


def test_pdf_columns_hyphens_ligatures_and_headers() -> None:
    """What stands on the page is read as it is meant, and every character still knows where it stands."""
    pages = [
        [
            (60, 800, "Annual Report of the Bridge Society"),
            *[line for n in range(6) for line in (
                (60, 700 - 14 * n, f"left column sentence number {n} goes here"),
                (320, 700 - 14 * n, f"right column sentence number {n} goes here"),
            )],
            (60, 500, "The arch of the old bridge over the river was refilled when the water was low, in spring and the"),
            (60, 40, f"Page {page} of 4"),
        ]
        for page in range(1, 5)
    ]  # fmt: skip
    pages[1].insert(1, (60, 760, "keystone was set in June."))
    data = making.pdf(pages)
    document = parse(data, "bridge.pdf").documents[0]

    first = document.text[: document.anchors[1].start]
    assert first.index("left column sentence number 5") < first.index("right column sentence number 0")
    assert 1 == document.text.count("Annual Report of the Bridge Society")
    assert "Page 2 of 4" not in document.text
    assert "in spring and the\nkeystone was set in June." in document.text
    at = document.text.index("keystone was set")
    ((page, (left, bottom, right, top)),) = boxes(data, document.anchors, at, at + len("keystone was set"))
    assert (2, True, True) == (page, 58 < left < 62 and 120 < right < 200, 755 < bottom < top < 775)
    assert [1, 2] == [page for page, _ in boxes(data, document.anchors, at - len("in spring and the\n"), at + 8)]


def test_raised_numbers_do_not_change_figures() -> None:
    """Exponents are superscripts, marks of footnotes stand in brackets like their notes, and lines go on behind them."""
    page = [
        (72, 700, "The roof carries 350 kg^{2} on an area of 12 m^{2} without beams. Sales rose to 1,204^{3} in 1990,"),
        (
            72,
            686,
            "on the 5^{th} of May. Light travels 3 x 10^{8} metres a second, ice is H_{2}O, and others^{3,9} differ.",
        ),
        (72, 100, "~^{2} Measured without the snow of the winter."),
        (72, 90, "~3 Estimate of the roofers who came here."),
    ]
    document = parse(making.pdf([page]), "roof.pdf").documents[0]

    assert [
        "The roof carries 350 kg[2] on an area of 12 m² without beams. Sales rose to 1,204[3] in 1990,",
        "on the 5th of May. Light travels 3 x 10⁸ metres a second, ice is H2O, and others[3],⁹ differ.",
        "",
        "[2] Measured without the snow of the winter.",
        "[3] Estimate of the roofers who came here.",
    ] == document.text.split("\n")
    assert ["[2]", "[3]"] == [block.number for block in document.blocks if block.kind == "footnote"]
    at = document.text.index("m² without")
    ((page_number, (left, bottom, right, top)),) = boxes(making.pdf([page]), document.anchors, at, at + len("m² without"))
    assert (1, True) == (page_number, 250 < left < right < 380 and 695 < bottom < top < 715)


def test_many_notes_with_one_mark_take_linear_time() -> None:
    page = [(72, 800 - n * 0.1, "^{1}abc def^{1} xyz") for n in range(3_000)]
    began = time.process_time()
    assert "[1]" in parse(making.pdf([page]), "notes.pdf").documents[0].text
    assert time.process_time() - began < 10


def test_rows_at_two_heights_are_not_raised() -> None:
    """Figures that stand a little higher than their label are as large as it."""
    page = [
        (72, 700, "Total assets of the society in millions"),
        (300, 703, "352"),
        (340, 703, "1,204"),
        (72, 680, "x" * 40),
    ]
    assert "352" in parse(making.pdf([page]), "sheet.pdf").documents[0].text
    assert "1,204" in parse(making.pdf([page]), "sheet.pdf").documents[0].text


def test_pages_have_their_printed_numbers() -> None:
    """Those that the file states, else those that are printed; a table's figures are none, and gaps are filled."""

    def names(numbers: list[str], catalog: str = "") -> list[str]:
        pages = [
            [(72, 700, f"Chapter on the {word}."), (290, 30, number)] if number else [(72, 700, f"Chapter on the {word}.")]
            for word, number in zip(("bridge", "pier", "dock", "lock", "quay", "weir", "sluice"), numbers, strict=False)
        ]
        return [anchor.name for anchor in parse(making.pdf(pages, catalog), "book.pdf").documents[0].anchors]

    printed = ["p. 1 (printed i)", "p. 2 (printed ii)", "p. 3 (printed 7)", "p. 4 (printed 8)", "p. 5 (printed 9)"]
    assert printed == names(["i", "- ii -", "Page 7 of 9", "", "Page 9 of 9"])
    assert ["p. 1", "p. 2", "p. 3"] == names(["1", "2", "3"])
    assert ["p. 1", "p. 2"] == names(["ST-35 7.5 345 2015", "ST-36 7.6 352 2016"])
    assert ["p. 1", "p. 2", "p. 3"] == names(["5", "9", "3"])
    assert ["p. 1"] == names([""], "/PageLabels << /Nums [0 << /P <FEFFD800> >>] >>")  # not valid text
    labels = "/PageLabels << /Nums [0 << /S /r >> 1 << /S /D /P (A-) /St 4 >>] >>"
    assert ["p. 1 (printed i)", "p. 2 (printed A-4)", "p. 3 (printed A-5)"] == names(["", "", ""], labels)


def test_a_filing_has_its_boxes() -> None:
    """On a real page, too: the box of a figure holds that figure."""
    files = sorted((DATA / "qa" / "kg_rag_sec10q" / "files").glob("*AAPL*.pdf")) if DATA.is_dir() else []
    if not files:
        pytest.skip("no shared data beside this checkout")
    import pypdfium2

    data = files[0].read_bytes()
    document = parse(data, files[0].name).documents[0]
    for words in ("Total non-current assets 224,017 216,166", "Term debt 94,700 109,106"):
        at, end = re.search(words.replace(" ", " +"), document.text).span()
        ((page, (left, bottom, right, top)),) = boxes(data, document.anchors, at, end)
        assert page == document.page_at(at)
        shown = (
            pypdfium2.PdfDocument(data)[page - 1].get_textpage().get_text_bounded(left - 1, bottom - 1, right + 1, top + 1)
        )
        assert words == " ".join(shown.split())


def test_tables_keep_their_columns() -> None:
    """Names that are drawn one by one are above their columns, and a row knows which cells it has."""
    names = [(290, 720, "Three months"), (430, 720, "Nine months")]
    names += [(300, 706, "May"), (300, 692, "2023"), (440, 706, "June"), (440, 692, "2024")]
    rows = [(72, 664, "Fees paid"), (300, 664, "1,204"), (440, 664, "90"), (72, 650, "Sum"), (280, 650, "$")]
    rows += [(310, 650, "204"), (440, 650, "(35)"), (72, 636, "1."), (120, 636, "An item of a list is no row of a table")]
    prose = (72, 750, "The table shows the fees that were paid in the two periods which the law names, in thousands")
    data = making.pdf([[prose, *names[:2], *names[2:], (72, 678, "Income:"), *rows]])
    document = parse(data, "fees.pdf").documents[0]

    table = next(block for block in document.blocks if block.kind == "table")
    lines = [" ".join(line.split()) for line in document.text[table.start : table.end].split("\n")]
    assert ["Three months Nine months", "May June", "2023 2024", "Income:", "Fees paid 1,204 90", "Sum $ 204 [35]"] == lines
    assert 3 == table.level
    cells = [
        [(cell.name, cell.quantity.number) for cell in row if cell.quantity] for row in table_rows(document.text, table)
    ]
    first, second = "Three months May 2023", "Nine months June 2024"
    assert [[], [(first, 1204), (second, 90)], [(first, 204)]] == cells
    assert document.text.endswith("1. An item of a list is no row of a table")
    at = document.text.index("1,204")
    ((_, (left, bottom, right, top)),) = boxes(data, document.anchors, at, at + len("1,204"))
    assert 298 < left < right < 330
    assert 660 < bottom < top < 678
