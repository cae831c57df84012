"""Finds the other versions of a document, such as earlier editions of a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rag.records import Document, DocumentInfo, Hit
from rag.text.likeness import are_versions

START = 400  # code points at the start of a document that its versions resemble
RESEMBLING = 40  # passages that resemble them, in whose documents versions are looked for


def versions_of(
    document: Document, hits: Iterable[Hit], listed: Iterable[DocumentInfo], read: Callable[[int], Document]
) -> list[DocumentInfo]:
    """Returns the versions of a document, the newest first.

    Args:
        document: The document.
        hits: Passages that resemble its start.
        listed: All documents of the index.
        read: Returns the document with an id.
    """
    near = {source for hit in hits for source in (hit.source, *hit.also_in)} - {document.source}
    candidates = [info for info in listed if info.source in near and info.id]
    found = [info for info in candidates if are_versions(document, read(info.id))]
    return sorted(found, key=lambda info: (info.date, info.source), reverse=True)
