"""What the use cases need from outside: an adapter is any object with these methods."""

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
        """Changes whenever the vectors change: model, weights, way of embedding."""

    @property
    def dimension(self) -> int:
        """Dimension of its vectors."""

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
    """The tokens of a text: the offset of each, and its contextual vector, (t, d) float32 unit rows."""

    starts: Sequence[int]
    vectors: Vectors


class TokenEmbedder(Embedder, Protocol):
    """An embedder that also returns one vector a token."""

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[Tokens]:
        """Returns the tokens of each text, in order."""
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

    name: str  # changes whenever the passages change

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order; together they contain every character that is not white space."""
        ...


class DocumentStore(Protocol):
    """The documents' text and places: what answering needs of the catalog."""

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
        """Counts these documents (all if None), and returns how the first of them begin."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a model's reply. `usage` (kind → tokens) comes with the last piece, if at all."""

    text: str = ""
    finish: Literal["", "stop", "length", "filter"] = ""
    usage: tuple[tuple[str, int], ...] = ()


class ChatModel(Protocol):
    """A language model that writes answers."""

    name: str
    address: str  # host that text is sent to

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Yields the reply to (role, content) messages as it comes. Closing the iterator closes the connection.

        Raises:
            ModelError: The model failed, before or while writing.
        """
        ...
