"""E-books."""

from __future__ import annotations

import pytest

from rag.errors import ReadError
from rag.sources.parsers.epub import parse

from ...making import zipped

PARTS = {
    "META-INF/container.xml": b'<c><rootfile full-path="OPS/book.opf"/></c>',
    "OPS/book.opf": b"<p><metadata><title>The Ferry</title><creator>Ada Holm</creator><date>2024-03-18T00:00</date>"
    b"<publisher>Quay</publisher></metadata>"
    b'<manifest><item id="a" href="one%20a.xhtml"/><item id="b" href="two.xhtml"/><item id="c" href="gone.xhtml"/></manifest>'
    b'<spine><itemref idref="b"/><itemref idref="a"/><itemref idref="c"/></spine></p>',
    "OPS/one a.xhtml": b"<html><body><p>It sails at night.</p></body></html>",
    "OPS/two.xhtml": b"<html><body><h1>Begin</h1><p>The quay is long.</p></body></html>",
}


def test_chapters_come_in_reading_order() -> None:
    """Each is named by its heading, else by its number; a missing one is skipped."""
    document = parse(zipped(PARTS), "x.epub")

    assert "# Begin\n\nThe quay is long.\n\nIt sails at night." == document.text
    assert ["Begin", "part 2"] == [anchor.name for anchor in document.anchors]
    assert ("The Ferry", "Ada Holm", "2024-03-18") == (document.title, document.author, document.date)
    assert {"publisher": "Quay"} == document.metadata


@pytest.mark.parametrize(
    ("method", "is_locked"), [("http://www.idpf.org/2008/embedding", False), ("http://x/aes256", True)]
)
def test_a_locked_book_is_refused(method: str, is_locked: bool) -> None:
    """Fonts may be obfuscated."""
    locks = f'<e><EncryptionMethod Algorithm="{method}"/></e>'.encode()
    data = zipped({**PARTS, "META-INF/encryption.xml": locks})
    if is_locked:
        with pytest.raises(ReadError, match="DRM"):
            parse(data, "x.epub")
    else:
        assert "quay" in parse(data, "x.epub").text
