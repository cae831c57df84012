"""Parses plain text. Keeps the text unchanged, and finds the title, author and date in it."""

from __future__ import annotations

from rag.records import Document
from rag.sources.decoding.text import EDGE, canonical, decode, find_author, find_date, name_as_title
from rag.text.unicode_text import BYTE_ORDER_MARK


def parse(data: bytes, name: str) -> Document:
    """Parses plain text.

    Raises:
        ReadError: The bytes are not text in any known encoding.
    """
    text = canonical(decode(data))
    edges = text[:EDGE] + "\n" + text[-EDGE:] if len(text) > 2 * EDGE else text
    return Document(text, title=_first_line(text) or name_as_title(name), author=find_author(edges), date=find_date(edges))


def _first_line(text: str) -> str:
    """Returns the first line if it looks like a title (short, not a sentence, followed by a blank line); otherwise ""."""
    first, _, rest = text[:EDGE].lstrip("\n" + BYTE_ORDER_MARK).partition("\n")
    first = first.strip()
    is_title = 3 <= len(first) <= 120 and not first.endswith((".", ",", ";", ":", "!")) and first[0].isalnum()
    return first if is_title and rest.startswith("\n") else ""
