"""Pages, slides or chapters into one text that knows where each begins. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rag.records import Anchor
from rag.sources.decoding.text import canonical

BETWEEN = "\n\n"


def paged(pages: Sequence[str], word: str) -> tuple[str, tuple[Anchor, ...]]:
    """One text of many pages, and the anchor of each: its word and number.

    Example:
        >>> paged(["One.", "Two."], "slide")[1][1].name
        'slide 2'
    """
    named = [(f"{word} {n}", n, page) for n, page in enumerate(pages, start=1)]
    return joined(named)


def joined(parts: Sequence[tuple[str, int | None, str]]) -> tuple[str, tuple[Anchor, ...]]:
    """One text of (name, number if it is a page, text), and the anchor of each."""
    anchors, texts, at = [], [], 0
    for name, number, part in parts:
        # Each is made canonical by itself, so that its length is final.
        text = canonical(part)
        anchors.append(Anchor(at, name, number))
        texts.append(text)
        at += len(text) + len(BETWEEN)
    return BETWEEN.join(texts), tuple(anchors)
