"""What the use cases need from the outside, and no more: an adapter is anything that has these methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.records import Passage

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


class Splitter(Protocol):
    """Cuts a document's text into passages."""

    name: str  # changes whenever the passages would

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order; together they hold every character that is not white space."""
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
