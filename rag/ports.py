"""What the use cases need from the outside, and no more: an adapter is anything that has these methods."""

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
    """Turns texts into vectors whose dot product is their likeness in meaning."""

    @property
    def name(self) -> str:
        """Changes whenever the vectors would: model, weights, way of embedding."""

    @property
    def dimension(self) -> int:
        """Of its vectors."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of those it was made for; empty when it takes any."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts: (n, d) float32, unit rows, in order.

        Raises:
            EmbedderError: No usable vectors came back.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: where each begins (code points), and its vector in this text, (t, d) float32 unit rows."""

    starts: Sequence[int]
    vectors: Vectors


class TokenEmbedder(Embedder, Protocol):
    """An embedder that can tell the tokens of a text apart, too."""

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[Tokens]:
        """The tokens of texts, in order."""
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
    """Cuts a document's text into passages."""

    name: str  # changes whenever the passages would

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order; together they hold every character that is not white space."""
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
    """A piece of a model's reply. `usage` (kind → tokens) comes with the last one, if at all."""

    text: str = ""
    finish: Literal["", "stop", "length", "filter"] = ""
    usage: tuple[tuple[str, int], ...] = ()


class ChatModel(Protocol):
    """A language model that writes an answer."""

    name: str
    address: str  # the host that text is sent to

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Streams the reply to (role, content) messages. Closing the iterator closes the connection.

        Raises:
            ModelError: It failed before or while writing.
        """
        ...
