"""Pages joined into one text."""

from __future__ import annotations

from rag.sources.decoding.pages import join_pages, join_parts


def test_pages_are_found_by_their_offsets() -> None:
    """Each page is made canonical first: the letter and its accent are one character in the text."""
    text, anchors = join_pages(["Cafe\u0301.", "Two.\r\n", "Three."], "slide")

    assert "Café.\n\nTwo.\n\n\nThree." == text
    assert ["C", "T", "T"] == [text[anchor.start] for anchor in anchors]
    assert [("slide 1", 1), ("slide 2", 2), ("slide 3", 3)] == [(anchor.name, anchor.page) for anchor in anchors]


def test_parts_have_names_but_no_pages() -> None:
    text, anchors = join_parts([("cell 4", None, "x"), ("cell 6", None, "y")])

    assert ("x\n\ny", [("cell 4", 0, None), ("cell 6", 3, None)]) == (text, [(a.name, a.start, a.page) for a in anchors])
