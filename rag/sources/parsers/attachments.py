"""Turns files that are attached to an email or a PDF, or embedded in an Office file, into separate documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from rag.errors import ReadError
from rag.records import Document, Failure
from rag.sources.parsers import parse
from rag.sources.records import ParsedFile

_MAX_DEPTH = 4  # maximum number of levels of nested files
_MAX_ATTACHMENTS = 200  # maximum number of attachments in one file
# Extensions of attachments that are skipped without a message: pictures, sounds, signatures, calendars.
_NOT_DOCUMENTS = frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .svg .heic .emf .wmf .p7s .p7m .asc .sig .ics .vcf .mp3 .wav .mp4
    .mov .dat""".split()
)


def with_attachments(container: Document | None, attachments: Iterable[tuple[str, bytes]], depth: int) -> ParsedFile:
    """Returns a document, followed by the documents from the files inside it.

    Each inner document's source begins with the container's source, and its metadata contains the container's title.

    Args:
        container: The document that contains the files; None if the container has no text.
        attachments: The files inside the container, each as (name, bytes).
        depth: The number of files that the container is nested in.
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
                raise ReadError("it is nested too deeply inside other files", "save it as a separate file, then add that")
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
    """Returns a file's name without its folders, or the default if nothing is left."""
    return PurePosixPath(name.replace("\\", "/")).name or default


def _with_unique_names(attachments: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Adds a number to the second and later attachments with the same name.

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
