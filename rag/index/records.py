"""What passes between the use cases and the index: rows of the catalog as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.errors import EmbedderChangedError
from rag.records import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FileSeen:
    """What a scan saw of one file. `error` is empty unless it could not be read."""

    source: str
    size: int
    mtime_ns: int
    ctime_ns: int
    scanned_ns: int
    content_hash: str
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """A document as the catalog has it.

    Attributes:
        file: Source of the file it came in; a file can hold several documents.
    """

    id: int
    content_hash: str
    file: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a document came in.

    Attributes:
        kind: Of its root: "sync", "add", "url", "stream" or "memory".
        root: Path of its root; empty where it has none.
        file: Source of the file.
        content_hash: SHA-256 of the file, hexadecimal.
    """

    kind: str
    root: str
    file: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """All documents, cut by one splitter and embedded by one embedder.

    Attributes:
        state: "current" (the one that is asked), "building", or "former".
        embedder: Name of the embedder of its vectors; empty before the first document.
        splitter: Name of the splitter it was begun with.
        passages: How many it has.
        terms: How many words they have together.
    """

    id: int
    state: str
    embedder: str
    splitter: str
    passages: int
    terms: int

    def check(self, embedder: str) -> None:
        """Refuses to mix vectors of two embedders; an edition without passages takes any.

        Raises:
            EmbedderChangedError: It has another.
        """
        if self.passages and self.embedder != embedder:
            raise EmbedderChangedError(
                f"this index was built with the embedder {self.embedder!r}, the settings say {embedder!r}",
                "set it back, or build the index anew with this one, beside the old: rag reindex",
            )


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage as it is stored: with its key in vector indexes, and the words it is found by."""

    passage: Passage
    key: str
    terms: str  # stems, joined by spaces


@dataclass(frozen=True, slots=True)
class PendingPassage:
    """A passage that has no vector yet."""

    id: int
    document_id: int
    passage: Passage
    title: str
    source: str


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage of a live document, with what a hit shows of it."""

    id: int
    document_id: int
    passage: Passage
    page: int | None
    locator: str
    source: str
    title: str
    author: str
    date: str
    text: str


@dataclass(frozen=True, slots=True)
class PassageTerms:
    """The stems that a passage is found by, joined by spaces."""

    id: int
    document_id: int
    source: str
    terms: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One thing a vector index has to do: upsert a vector, or delete."""

    seq: int
    key: str
    vector: NDArray[np.float32] | None  # None = delete


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run that the index keeps.

    Attributes:
        whole: Whether its answers are there still: they go when a document that they quote is removed.
    """

    number: int
    made: str
    set_name: str
    set_sha256: str
    settings: Mapping[str, Any]
    figures: Mapping[str, float | None]
    questions: int
    whole: bool


@dataclass(frozen=True, slots=True)
class StoredRun:
    """An evaluation run to store. The catalog does not look inside `data`.

    Attributes:
        made: Start time, ISO 8601, UTC.
        settings: JSON values; shown in the list of runs, as are `figures` and `questions`.
        questions: Number of questions.
        sources: Documents that the run quotes. Removing one of them deletes `data`.
        data: The complete run, in the caller's own encoding.
    """

    made: str
    set_name: str
    set_sha256: str
    settings: Mapping[str, Any]
    figures: Mapping[str, float | None]
    questions: int
    sources: frozenset[str]
    data: bytes
