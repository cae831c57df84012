"""Pages of PDFs as they are printed, the cited lines marked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rag import Document, Library
from rag.errors import RagError, ReadError, SourceError

from ... import making

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
    with pytest.raises(SourceError, match="no printed pages"):
        library.page_image(library.id_of("t.txt"), 1)
    with pytest.raises(SourceError):
        library.page_image(9999, 1)
    for spans in ([(-5, 10**12)], [(7, 3)], [(0, 0)]):
        assert library.page_image(info.id, 1, spans).startswith(b"\x89PNG")

    ferry.write_bytes(b"%PDF-1.4 another")
    with pytest.raises(RagError, match="has changed since"):
        library.page_image(info.id, 1)
