"""Files inside other files (attached to a message or a PDF, embedded in an Office file) become documents of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from rag.errors import ReadError
from rag.records import Document, Failure
from rag.sources.parsers import parse
from rag.sources.records import ParsedFile

_MAX_DEPTH = 4  # files inside each other
_MAX_ATTACHMENTS = 200  # in one file
# Skipped without a message: pictures, sounds, signatures, calendars.
_NOT_DOCUMENTS = frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .svg .heic .emf .wmf .p7s .p7m .asc .sig .ics .vcf .mp3 .wav .mp4
    .mov .dat""".split()
)


def with_attachments(container: Document | None, attachments: Iterable[tuple[str, bytes]], depth: int) -> ParsedFile:
    """Returns a document and those of the files in it. Each is named below its container, and names its title.

    Args:
        container: The document that holds the files; None where it has no text.
        attachments: (name, bytes).
        depth: How many files the container is nested in.
    """
    documents = [container] if container is not None else []
    failed: list[Failure] = []
    parent = container.source if container is not None else ""
    for name, data in _with_unique_names(list(attachments)[:_MAX_ATTACHMENTS]):
        if PurePosixPath(name).suffix.lower() in _NOT_DOCUMENTS or not data:
            continue
        path = f"{parent}/{name}" if parent else name
        try:
            if depth >= _MAX_DEPTH:
                raise ReadError("it is nested too deep inside other files", "save it as a file of its own")
            inner = parse(data, name, depth + 1)
        except ReadError as error:
            failed.append(Failure(path, str(error), error.hint))
            continue
        content_hash = hashlib.sha256(data).hexdigest()
        added = {"attached_to": container.title} if container is not None else {}
        documents += [
            replace(
                document,
                source=f"{path}/{document.source}" if document.source else path,
                date=document.date or (container.date if container is not None else ""),
                metadata={**document.metadata, **added},
                content_hash=document.content_hash or content_hash,
            )
            for document in inner.documents
        ]
        failed += [replace(failure, source=f"{path}/{failure.source}") for failure in inner.failed]
    return ParsedFile(tuple(documents), tuple(failed))


def base_name(name: str, default: str) -> str:
    """Returns a name without the folders before it; the default where nothing is left."""
    return PurePosixPath(name.replace("\\", "/")).name or default


def _with_unique_names(attachments: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Numbers the second and further attachments of one name.

    Example:
        >>> [name for name, _ in _with_unique_names([("a.pdf", b""), ("a.pdf", b"")])]
        ['a.pdf', 'a (2).pdf']
    """
    seen: dict[str, int] = {}
    named = []
    for name, data in attachments:
        seen[name] = seen.get(name, 0) + 1
        path = PurePosixPath(name)
        named.append((name if seen[name] == 1 else f"{path.stem} ({seen[name]}){path.suffix}", data))
    return named
