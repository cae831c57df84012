"""Defines the data classes that the catalog's methods accept and return."""

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
    """A file's state when it was scanned. `error` and `hint` are empty unless the file could not be read."""

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
    """One revision of a document in the catalog.

    Attributes:
        file: Source of the file that the document was read from; a file can contain several documents.
    """

    id: int
    content_hash: str
    file: str


@dataclass(frozen=True, slots=True)
class Outdated:
    """A live document that another version of the parsers has read.

    Attributes:
        id: The document's id.
        root_id: Id of its root.
        file: Source of the file that it was read from.
        source: Its own source.
    """

    id: int
    root_id: int
    file: str
    source: str


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A live document that is the only message in its file.

    Attributes:
        id: The document's id.
        root_id: Id of its root.
        source: Its source, which is also its file's.
        title: Its subject.
        content_hash: Its content hash.
    """

    id: int
    root_id: int
    source: str
    title: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a document was read from.

    Attributes:
        kind: Kind of the file's root: "sync", "add", "url", "stream" or "memory".
        root: Path of the file's root; empty if the root has none.
        file: Source of the file.
        content_hash: SHA-256 of the file's content, in hexadecimal.
    """

    kind: str
    root: str
    file: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """A version of the passages of all documents, created with the same splitter and embedder.

    Attributes:
        state: "current" (the version that is searched), "building", or "former".
        embedder: Name of the embedder; empty before the first document.
        splitter: Name of the splitter that was set when the version was started.
        passages: Number of passages.
        terms: Total number of terms in the passages.
    """

    id: int
    state: str
    embedder: str
    splitter: str
    passages: int
    terms: int

    def check(self, embedder: str) -> None:
        """Checks that this version was built with the given embedder; a version without passages accepts any embedder.

        Raises:
            EmbedderChangedError: The version was built with another embedder.
        """
        if self.passages and self.embedder != embedder:
            raise EmbedderChangedError(
                f"this index was built with the embedder {self.embedder!r}, but the settings specify {embedder!r}",
                "change the setting back, or re-embed your documents: rag reindex",
            )


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage to store.

    Attributes:
        key: The passage's key in vector indexes.
        terms: The stems by which the passage can be found, separated by spaces.
    """

    passage: Passage
    key: str
    terms: str


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
    """A passage of a live document, with all the data that is shown in a search hit."""

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
    """The stems by which a passage can be found, separated by spaces."""

    id: int
    document_id: int
    source: str
    terms: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry in the change log: an upsert in the vector index, or a delete if `vector` is None."""

    seq: int
    key: str
    vector: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A stored evaluation run, without its answers.

    Attributes:
        whole: Whether the answers are still stored. They are deleted when a document that they quote is removed.
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
    """An evaluation run to store. The catalog does not interpret `data`.

    Attributes:
        made: Start time of the run, in UTC and ISO 8601 format.
        settings: The run's settings, as JSON values. Like `figures` and `questions`, they are shown in the list of runs.
        questions: Number of questions.
        sources: Documents that the run quotes. Removing one of them deletes `data`.
        data: The complete run, encoded by the caller.
    """

    made: str
    set_name: str
    set_sha256: str
    settings: Mapping[str, Any]
    figures: Mapping[str, float | None]
    questions: int
    sources: frozenset[str]
    data: bytes
