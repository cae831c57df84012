"""Protocols for the adapters that the use cases need: embedders, splitters, parsers, chat models, document stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        """An identifier that changes whenever the vectors change, for example with another model or other weights."""

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages it was made for; empty if it was made for any."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns the vectors of texts: (n, d) float32, unit rows, in order.

        Raises:
            EmbedderError: It returned no usable vectors.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens: the offset where each begins, and its contextual vector, (t, d) float32 unit rows."""

    starts: Sequence[int]
    vectors: Vectors


class TokenEmbedder(Embedder, Protocol):
    """An embedder that also returns a vector for each token."""

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[Tokens]:
        """Returns each text's tokens and their vectors, in order."""
        ...


class FileParser(Protocol):
    """Turns a file's bytes into documents."""

    def parse(self, data: bytes, name: str) -> ParsedFile:
        """Returns a file's documents.

        Raises:
            ReadError: It holds no text that can be read.
        """
        ...


class Splitter(Protocol):
    """Splits a document's text into passages."""

    name: str  # an identifier that changes whenever the splitter would produce other passages

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order; together they contain every character that is not white space."""
        ...


class DocumentStore(Protocol):
    """Gives access to stored documents: what answering needs from the catalog."""

    def text(self, document_id: int, start: int, end: int) -> str:
        """Returns the characters [start, end) of a document's canonical text; "" if it was removed."""
        ...

    def locate(self, document_id: int, offset: int) -> tuple[int | None, str]:
        """Returns the page of a character and its locator; (None, "") in a document without anchors."""
        ...

    def content_hash(self, document_id: int) -> str:
        """Returns the content hash of a document; "" if it was removed."""
        ...

    def matching(self, filters: Filter) -> list[int] | None:
        """Returns the ids of the documents that pass a filter; None if the filter is empty."""
        ...

    def openings(self, document_ids: Sequence[int] | None, limit: int, characters: int) -> tuple[int, list[Hit]]:
        """Returns the number of these documents (all if None) and the beginnings of the first few."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a model's reply. The last piece may include `usage`: (kind, number of tokens) pairs."""

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
