"""Joins pages, slides or chapters into one text and records where each of them begins."""

from __future__ import annotations

from collections.abc import Sequence

from rag.records import Anchor
from rag.sources.decoding.text import canonical

_SEPARATOR = "\n\n"


def join_pages(pages: Sequence[str], word: str) -> tuple[str, tuple[Anchor, ...]]:
    """Joins pages. Returns the text and, for each page, an anchor named after `word` and the page's number.

    Example:
        >>> join_pages(["One.", "Two."], "slide")[1][1].name
        'slide 2'
    """
    return join_parts([(f"{word} {n}", n, page) for n, page in enumerate(pages, start=1)])


def join_parts(parts: Sequence[tuple[str, int | None, str]]) -> tuple[str, tuple[Anchor, ...]]:
    """Joins parts, each given as (name, page number or None, text). Returns the joined text and an anchor for each part."""
    anchors, texts, at = [], [], 0
    for name, number, part in parts:
        # Each part is converted to canonical text first, because the anchors' offsets refer to it.
        text = canonical(part)
        anchors.append(Anchor(at, name, number))
        texts.append(text)
        at += len(text) + len(_SEPARATOR)
    return _SEPARATOR.join(texts), tuple(anchors)
