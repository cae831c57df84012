"""Protocols for replaceable components: embedders, splitters, parsers, chat models and document stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.records import Filter, Hit, Passage
    from rag.sources.records import ParsedFile

    Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity in meaning."""

    @property
    def name(self) -> str:
        """An identifier that changes whenever the vectors change, for example because of another model or other weights."""

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages that the embedder supports; empty if the languages are unknown or unlimited."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns one vector for each text, in order, as an (n, d) float32 array whose rows have unit length.

        Raises:
            EmbedderError: The embedder returned no usable vectors.
        """
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Words that may answer a question.

    Attributes:
        start: Where they start in the passage that was read, in code points.
        end: Where they end.
        margin: By how much they are better than no answer, as a difference of logits.
    """

    start: int
    end: int
    margin: float


@dataclass(frozen=True, slots=True)
class Read:
    """What the reader says of a passage, or of a window of a long passage.

    Attributes:
        passage: Index of the passage.
        answers: Logit of whether it answers the question.
        relevance: How relevant it is; only differences matter.
        spans: Words that may answer, best first; empty if the passage was read half.
    """

    passage: int
    answers: float
    relevance: float
    spans: tuple[Span, ...] = ()


class PassageReader(Protocol):
    """Tells whether passages answer a question, and with which words."""

    @property
    def speed(self) -> float:
        """How many passages it reads in the time in which a processor with VNNI instructions reads one."""

    def read(
        self, question: str, passages: Sequence[tuple[str, str]], found: Sequence[float], most: int
    ) -> tuple[Sequence[Read], Sequence[Read]]:
        """Reads all passages half, and those that are most likely to answer completely.

        Args:
            question: The question.
            passages: For each passage, what is known of its document, which contains no answer, and its text.
            found: For each passage, what its rank in the search adds to the logit of whether it answers.
            most: Maximum number of passages that are read completely.

        Returns:
            What was found out of each passage by reading half, and of some by reading all. A long passage is read in
            windows, and has a result for each.
        """
        ...


class FileParser(Protocol):
    """Turns a file's bytes into documents."""

    def parse(self, data: bytes, name: str, charset: str = "") -> ParsedFile:
        """Returns a file's documents.

        Args:
            data: The file's complete content.
            name: The file's name.
            charset: The encoding that a web server declared for text; empty if unknown.

        Raises:
            InterruptedReadError: Reading was cut short from outside; the file itself may be fine.
            ReadError: The file contains no readable text.
        """
        ...

    def interrupt(self) -> None:
        """Makes a call of `parse` that another thread is waiting for end at once with a RagError."""
        ...


class Splitter(Protocol):
    """Splits a document's text into passages."""

    name: str  # an identifier that changes whenever the splitter would produce different passages

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order. Together, they contain every character that is not white space."""
        ...


class DocumentStore(Protocol):
    """Gives access to stored documents. Has only those methods of the catalog that are needed for answers."""

    def text(self, document_id: int, start: int, end: int) -> str:
        """Returns the characters [start, end) of a document's canonical text; "" if the document was removed."""
        ...

    def locate(self, document_id: int, offset: int) -> tuple[int | None, str]:
        """Returns the page and the locator for the character at an offset; (None, "") in a document without anchors."""
        ...

    def metadata_of(self, document_ids: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
        """Returns the documents' metadata, such as "names" and "version", by id."""
        ...

    def content_hash(self, document_id: int) -> str:
        """Returns a document's content hash; "" if the document was removed."""
        ...

    def matching(self, filters: Filter) -> list[int] | None:
        """Returns the ids of the documents that match a filter; None if the filter is empty."""
        ...

    def openings(self, document_ids: Sequence[int] | None, limit: int, characters: int) -> tuple[int, list[Hit]]:
        """Returns the number of documents, and the beginnings of the first `limit` documents.

        Args:
            document_ids: Consider only these documents; None for all.
            limit: Maximum number of beginnings returned.
            characters: Number of code points returned for each document.
        """
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a model's reply. The last piece may include `usage` as (kind, number of tokens) pairs."""

    text: str = ""
    finish: Literal["", "stop", "length", "filter"] = ""
    usage: tuple[tuple[str, int], ...] = ()


class ChatModel(Protocol):
    """A language model that writes answers."""

    name: str
    address: str  # the host that prompts are sent to

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Yields the reply to (role, content) messages piece by piece. Closing the iterator closes the connection.

        Raises:
            ModelError: The model failed, before or while writing.
        """
        ...
