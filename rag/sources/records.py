"""Records that describe the files found and the documents parsed from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.records import Document, Failure


def storable_name(name: str) -> str:
    r"""Returns a file name as valid Unicode. Escapes the lone surrogates that Python uses for invalid UTF-8 bytes.

    Example:
        >>> storable_name("caf\udce9.txt")
        'caf\\udce9.txt'
    """
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file on disk that has not been read yet.

    Attributes:
        source: Path relative to the listed folder, with "/" between folder names.
        path: Path from which to read the file.
        size: Size in bytes.
        mtime_ns: Time of the last change to its content, in nanoseconds since 1970.
        ctime_ns: Time of the last change to the file's metadata (inode), in nanoseconds since 1970.
        problem: Why the file cannot be read; empty if there is no known problem.
    """

    source: str
    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """The documents in a file: usually one, but an email file has one for each message and each attachment.

    Attributes:
        documents: The documents. Each document's `source` is its name inside the file, or "" for the file itself.
        failed: The messages and attachments that could not be parsed. The `source` of each is its name inside the file.
    """

    documents: tuple[Document, ...]
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class InMemoryFile:
    """Bytes that do not come from a file on disk, for example from a web page or from standard input.

    Attributes:
        source: The web address, or the name that the user gave.
        name: A file name for the bytes, with an extension that matches their declared type.
        data: The bytes.
        metadata: Additional metadata for the documents.
        charset: The encoding that a web server declared for text; empty if unknown.
        error: Why the bytes could not be obtained; empty if there was no error.
        hint: What the user can do about the error.
    """

    source: str
    name: str
    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    charset: str = ""
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files in a folder and its subfolders.

    Attributes:
        files: The files to read.
        ignored: The number of skipped files.
        unreadable: Subfolders that could not be listed. Documents imported earlier from these subfolders are kept.
        excluded: Files that the user's patterns exclude. Documents from these files are removed from the index.
    """

    files: tuple[FoundFile, ...]
    ignored: int
    unreadable: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
