"""Rich text."""

from __future__ import annotations

from rag.sources.parsers.rtf import parse


def test_text_and_properties() -> None:
    data = (
        rb"{\rtf1\ansi{\info{\title The Ferry}{\author Ada Holm}{\creatim\yr2024\mo3\dy8}}"
        rb"It sails at night; caf\'e9.\par\par\par\par Two.}"
    )
    document = parse(data, "a.rtf")

    assert "It sails at night; café.\n\nTwo." == document.text.strip()
    assert ("The Ferry", "Ada Holm", "2024-03-08") == (document.title, document.author, document.date)
