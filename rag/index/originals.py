"""Returns the original bytes that a document was read from: a stored copy, or the file's content if it has not changed."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ReadError, SourceError
from rag.sources.files import find_file, read_bytes

if TYPE_CHECKING:
    from rag.index.catalog import Catalog


def original(catalog: Catalog, document_id: int, source: str) -> bytes:
    """Returns the bytes of the file that a document was read from, as they were when it was read.

    Args:
        catalog: The catalog.
        document_id: The document's id.
        source: The document's source, for the error message.

    Raises:
        SourceError: The file no longer exists, or has changed since it was read.
    """
    origin = catalog.documents.origin(document_id)
    kept = catalog.files.original(origin.content_hash)
    if kept is not None:
        return kept
    data = b""
    if origin.kind in ("sync", "add"):
        with contextlib.suppress(SourceError, ReadError):
            found = find_file(Path(origin.root, origin.file), "")
            data = read_bytes(found, found.size // 1_000_000 + 1)
    if hashlib.sha256(data).hexdigest() != origin.content_hash:
        raise SourceError(
            f"the file for {source!r} no longer exists, or has changed since it was read",
            "sync its folder again, or add the file again",
        )
    return data
