"""What lies inside another file (attached to a message or a PDF, embedded in Office's) becomes documents of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from rag.errors import ReadError
from rag.records import Document, Failure
from rag.sources.parsers import contents
from rag.sources.records import ParsedFile

_DEEPEST = 4  # files inside each other
_MOST = 200  # in one file
# Passed over without a word: pictures, sounds, signatures, calendars.
_NOT_DOCUMENTS = frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .svg .heic .emf .wmf .p7s .p7m .asc .sig .ics .vcf .mp3 .wav .mp4
    .mov .dat""".split()
)


def with_attached(own: Document | None, attached: Iterable[tuple[str, bytes]], within: int) -> ParsedFile:
    """A document, and those of the files in it; each is named behind its holder's name and linked to it by title.

    Args:
        own: The holder; None where it has no text.
        attached: (name, bytes).
        within: How many files the holder lies in.
    """
    documents = [own] if own is not None else []
    failed: list[Failure] = []
    holder = own.source if own is not None else ""
    for name, data in _distinct(list(attached)[:_MOST]):
        if PurePosixPath(name).suffix.lower() in _NOT_DOCUMENTS or not data:
            continue
        place = f"{holder}/{name}" if holder else name
        try:
            if within >= _DEEPEST:
                raise ReadError("it lies too deep inside other files", "save it by itself")
            inner = contents(data, name, within + 1)
        except ReadError as error:
            failed.append(Failure(place, str(error), error.hint))
            continue
        content_hash = hashlib.sha256(data).hexdigest()
        about = {"attached_to": own.title} if own is not None else {}
        documents += [
            replace(
                document,
                source=f"{place}/{document.source}" if document.source else place,
                date=document.date or (own.date if own is not None else ""),
                metadata={**document.metadata, **about},
                content_hash=document.content_hash or content_hash,
            )
            for document in inner.documents
        ]
        failed += [replace(one, source=f"{place}/{one.source}") for one in inner.failed]
    return ParsedFile(tuple(documents), tuple(failed))


def base_name(name: str, otherwise: str) -> str:
    """A name without the folders that somebody may have put before it."""
    return PurePosixPath(name.replace("\\", "/")).name or otherwise


def _distinct(attached: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The same, a second one of a name numbered.

    Example:
        >>> [name for name, _ in _distinct([("a.pdf", b""), ("a.pdf", b"")])]
        ['a.pdf', 'a (2).pdf']
    """
    seen: dict[str, int] = {}
    made = []
    for name, data in attached:
        seen[name] = seen.get(name, 0) + 1
        path = PurePosixPath(name)
        made.append((name if seen[name] == 1 else f"{path.stem} ({seen[name]}){path.suffix}", data))
    return made
