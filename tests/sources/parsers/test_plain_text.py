"""Plain text: the title, author and date that it has."""

from __future__ import annotations

import pytest

from rag.sources.parsers.plain_text import parse


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("The Ferry\n\nIt sails at night.", "The Ferry"),
        ("\ufeffThe Ferry\n\nIt sails at night.", "The Ferry"),
        ("It sails at night.\n\nMore.", "A note"),  # a sentence
        ("The Ferry\nIt sails at night.", "A note"),  # no blank line
        ("- item\n\nMore", "A note"),
        ("x" * 121 + "\n\nMore", "A note"),
    ],
)
def test_a_short_first_line_is_the_title(text: str, title: str) -> None:
    assert title == parse(text.encode(), "a-note.txt").title


def test_author_and_date_are_looked_for_at_both_ends() -> None:
    """Not in the middle of a long text."""
    middle = "word " * 2_000
    document = parse(f"by Ada Holm\n\n{middle}\nPublished on March 18, 2024\n".encode(), "a.txt")

    assert ("Ada Holm", "2024-03-18") == (document.author, document.date)
    assert "" == parse(f"{middle}\nby Ada Holm\n{middle}".encode(), "a.txt").author
