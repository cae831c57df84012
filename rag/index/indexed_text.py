"""Derives the text to embed for a passage, the terms by which it can be found, and its key in vector indexes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from rag.index.records import NewPassage
from rag.records import Document, Passage
from rag.text.terms import terms

_MOST_TITLE = 240  # maximum number of code points of the title, and of the headings, that are embedded with each passage


def embedded_text(title: str, heading: str, text: str) -> str:
    r"""Returns the text to embed for a passage: its document's title, then its headings, then its own text.

    Example:
        >>> embedded_text("Annual report", "", "Sales rose.")
        'Annual report\nSales rose.'
    """
    return "\n".join(part for part in (title[:_MOST_TITLE], heading[-_MOST_TITLE:], text) if part)


def new_passages(
    document_id: int, version: int, document: Document, embedder: str, passages: Iterable[tuple[Passage, str]]
) -> Iterator[NewPassage]:
    """Yields the passages with their keys, and with the terms in their text, title and headings.

    Args:
        document_id: The revision's id.
        version: The index version's id.
        document: The revision; only its title and content hash are used.
        embedder: The embedder's name.
        passages: The passages, each with its text.
    """
    title = terms(document.title)
    heading, above = "", list(title)
    for passage, text in passages:
        if passage.heading != heading:
            heading = passage.heading
            above = title + terms(heading)
        # The revision's id is part of the key, so a passage in a new revision never has the same key as in the older one.
        name = f"{version}\0{document_id}\0{document.content_hash}\0{passage.start}\0{passage.end}\0{embedder}"
        key = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        yield NewPassage(passage, key, " ".join(above + terms(text)))
