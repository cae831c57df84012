"""What passes between sources and ingest: files that were found, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.records import Document, Failure


def storable(name: str) -> str:
    r"""A name as text that can be stored: what was no UTF-8, which Python keeps as lone surrogates, is spelled out.

    Example:
        >>> storable("caf\udce9.txt")
        'caf\\udce9.txt'
    """
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was found.

    Attributes:
        source: Its path relative to the folder walked, parts joined by "/".
        problem: Why it cannot be a document; empty if it may be one.
    """

    source: str
    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file holds: one document mostly; of mail, each message and each attachment.

    Attributes:
        documents: The `source` of each is its name inside the file; "" for the file itself.
        failed: Parts that could not be read, `source` as above.
    """

    documents: tuple[Document, ...]
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class RawDocument:
    """What was taken from elsewhere than a file: a fetched page, standard input.

    Attributes:
        source: Its address.
        name: A file name for it: the suffix says what it is said to be.
        error: Why it could not be had; empty if it could. `hint` says what to do.
        metadata: Further fields of its documents.
    """

    source: str
    name: str
    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """What a folder holds: files to read, and how many others were passed over.

    Attributes:
        unread: Sources of subfolders that could not be read; what was in them counts as still there.
        left_out: Sources of files that somebody's patterns leave out; their documents go.
    """

    found: tuple[FoundFile, ...]
    ignored: int
    unread: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
