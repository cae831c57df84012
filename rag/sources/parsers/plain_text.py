"""Plain text: kept as it stands; title, author and date are found in it."""

from __future__ import annotations

from rag.records import Document
from rag.sources.decoding.text import EDGE, canonical, decode, find_author, find_date, name_as_title


def read(data: bytes, name: str) -> Document:
    """Reads plain text.

    Raises:
        ReadError: The bytes are not text in any encoding that is known.
    """
    text = canonical(decode(data))
    edges = text[:EDGE] + "\n" + text[-EDGE:] if len(text) > 2 * EDGE else text
    return Document(text, title=_first_line(text) or name_as_title(name), author=find_author(edges), date=find_date(edges))


def _first_line(text: str) -> str:
    """The first line, where it looks like a title: short, followed by a blank line, not a sentence."""
    first, _, rest = text[:EDGE].lstrip("\n\ufeff").partition("\n")
    first = first.strip()
    looks_like_one = 3 <= len(first) <= 120 and not first.endswith((".", ",", ";", ":", "!")) and first[0].isalnum()
    return first if looks_like_one and rest.startswith("\n") else ""
