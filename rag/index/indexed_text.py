"""What the index sees of a passage: the text that is embedded, the terms it is found by, and its key in vector indexes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from rag.index.records import NewPassage
from rag.records import Document, Passage
from rag.text.terms import terms

_MOST_TITLE = 240  # code points of a title embedded with each passage: the rest is left to the passage itself


def embedded_text(title: str, heading: str, text: str) -> str:
    r"""Returns what the embedder sees of a passage: its title and headings too, which are never quoted.

    Example:
        >>> embedded_text("Annual report", "", "Sales rose.")
        'Annual report\nSales rose.'
    """
    return "\n".join(part for part in (title[:_MOST_TITLE], heading[-_MOST_TITLE:], text) if part)


def new_passages(
    document_id: int, version: int, document: Document, embedder: str, passages: Iterable[tuple[Passage, str]]
) -> Iterator[NewPassage]:
    """Yields passages with their keys, and the terms of their text, title and headings.

    Args:
        document_id: The revision.
        version: The index version.
        document: The revision's title and content hash.
        embedder: Name of the embedder.
        passages: Each with its text.
    """
    title = terms(document.title)
    heading, above = "", list(title)
    for passage, text in passages:
        if passage.heading != heading:
            heading = passage.heading
            above = title + terms(heading)
        # The revision's id is part of the key: a re-embedded passage never shares its key with the older one.
        name = f"{version}\0{document_id}\0{document.content_hash}\0{passage.start}\0{passage.end}\0{embedder}"
        key = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        yield NewPassage(passage, key, " ".join(above + terms(text)))
