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


def test_the_marks_of_lists_are_kept() -> None:
    """Word writes each item's number or bullet for programs that do not count themselves."""
    items = rb"Buy:\par{\listtext\pard\plain\f3 \'b7\tab}milk\par{\listtext\f3 \'b7\tab}tea\par{\pntext 1.\tab}Go.\par{\pntext 2.\tab}Pay.\par"

    assert (
        "Buy:\n·\tmilk\n·\ttea\n1.\tGo.\n2.\tPay."
        == parse(rb"{\rtf1\ansi\ansicpg1252 " + items + b"}", "a.rtf").text.strip()
    )
