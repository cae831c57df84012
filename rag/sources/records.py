"""What passes between sources and the import: files that were found, and the documents in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.records import Document, Failure


def storable_name(name: str) -> str:
    r"""Returns a file name as valid Unicode: bytes that are not UTF-8, which Python keeps as lone surrogates, are escaped.

    Example:
        >>> storable_name("caf\udce9.txt")
        'caf\\udce9.txt'
    """
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file on disk, not read yet.

    Attributes:
        source: Path relative to the listed folder, parts joined by "/".
        path: Where to read it.
        size: Bytes.
        mtime_ns: Time of the last change of its content, nanoseconds since 1970.
        ctime_ns: Time of the last change of its directory entry, nanoseconds since 1970.
        problem: Why it cannot be read; empty if it may be readable.
    """

    source: str
    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """The documents in a file: mostly one; of mail, each message and each attachment.

    Attributes:
        documents: The `source` of each is its name inside the file; "" for the file itself.
        failed: Parts that could not be parsed; `source` as above.
    """

    documents: tuple[Document, ...]
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class InMemoryFile:
    """Bytes that do not come from a file on disk: a fetched page, standard input.

    Attributes:
        source: Its address.
        name: A file name for it; the suffix gives its declared type.
        data: The bytes.
        metadata: Further metadata of its documents.
        error: Why there are no bytes; empty if there are. `hint` says what to do.
    """

    source: str
    name: str
    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files below a folder.

    Attributes:
        files: Files to read.
        ignored: How many others were skipped.
        unreadable: Sources of subfolders that could not be listed. Documents from them count as still there.
        excluded: Sources of files that the user's patterns exclude. Their documents are removed.
    """

    files: tuple[FoundFile, ...]
    ignored: int
    unreadable: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
