"""Shared by the torture tests: small documents that state their version in every passage, and checks of a library of them.

The embedder is a fake that gives each text its own direction, so that finding a text by its vector is exact and a process
starts quickly. Everything else is real.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag import Filter, Library
from rag.index import vector_search
from rag.index.indexed_text import embedded_text
from rag.settings import Settings

vector_search._SCAN_ALL_UP_TO = 0  # so that even libraries as small as these are searched through Chroma
DIMENSION = 128
WORDS = """river stone winter garden letter market bridge engine music harbour paper winter island window silver
copper forest thunder bottle ladder candle basket mirror saddle anchor barrel blanket button
castle desert feather hammer""".split()
PASSAGE_TOKENS = 100  # a paragraph has about 70: each is one passage
PARAGRAPHS = 4
STAMP = re.compile(r"\b(\w+) stamped v(\d+)w\b")


class OwnDirections:
    """An embedder that gives each text its own direction. Counts the texts."""

    dimension = DIMENSION
    languages: frozenset[str] = frozenset()

    def __init__(self, name: str = "own-directions") -> None:
        self.name = name
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        rows = np.empty((len(texts), DIMENSION), np.float32)
        for row, text in zip(rows, texts, strict=True):
            seed = int.from_bytes(hashlib.blake2b((self.name + text).encode(), digest_size=8).digest(), "big")
            row[:] = np.random.default_rng(seed).normal(size=DIMENSION)
            row /= np.linalg.norm(row)
        return rows


def open_library(
    index: Path,
    *,
    short_lived: bool = True,
    embedder: str = "own-directions",
    passage_tokens: int = PASSAGE_TOKENS,
    accept_data_loss: bool = False,
) -> Library:
    """Opens a library with the fake embedder."""
    settings = Settings(passage_tokens=passage_tokens)
    library = Library.open(index, settings, short_lived=short_lived, accept_data_loss=accept_data_loss)
    library.__dict__["_embedder"] = OwnDirections(embedder)
    if short_lived:
        leave_chroma_alone(library)
    return library


def leave_chroma_alone(library: Library) -> None:
    """Keeps a short-lived library from starting Chroma when it is closed, which takes 2 s."""
    library._vector_search.is_never_filled = lambda: False


def text_of(name: str, version: int, paragraphs: int = PARAGRAPHS) -> str:
    """Returns a document's text: every paragraph is one passage, has its own words, and states its version."""
    made = []
    for n in range(paragraphs):
        chooser = random.Random(f"{name} {version} {n}")
        words = " ".join(chooser.choices(WORDS, k=50))
        made.append(f"{name} stamped v{version}w unique{name}v{version}p{n} {words}.")
    return "\n\n".join(made) + "\n"


@dataclass(frozen=True)
class Expected:
    """The versions of a document that are allowed; 0 stands for its absence."""

    versions: frozenset[int]

    @classmethod
    def of(cls, *versions: int) -> Expected:
        return cls(frozenset(versions))


def verify(library: Library, expected: Mapping[str, Expected], *, whole: bool = True) -> dict[str, int]:
    """Checks that a library contains the text, terms and vectors of complete documents, and nothing else.

    Returns:
        Name → version of each document found.
    """
    there: dict[str, int] = {}
    for info in library.documents():
        assert info.state != "failed", info
        assert info.source in expected, f"{info.source} is not expected"
        text = library.document(info.source).text
        version = int(STAMP.search(text).group(2))
        assert text == text_of(info.source, version), f"{info.source} is a mixture"
        there[info.source] = version
    for name, wanted in expected.items():
        assert there.get(name, 0) in wanted.versions, f"{name} is {there.get(name, 0)}, not one of {set(wanted.versions)}"
    for name, version in there.items():
        find_by_words_and_vectors(library, name, version)
    problems = library._catalog.problems()
    assert not whole or problems == [], problems
    return there


def find_by_words_and_vectors(library: Library, name: str, version: int) -> None:
    """Checks that every passage of a document is found by its own word and by its own vector."""
    document = library.document(name)
    for n in range(PARAGRAPHS):
        word = f"unique{name}v{version}p{n}"
        hits = library.search(word, 100, filters=Filter(sources=(name,)))
        first = next((hit for hit in hits if hit.ranks.lexical_rank == 1), None)
        assert first is not None, f"{word} is not found by words"
        assert (name, True) == (first.source, f" {word} " in first.text), (word, first)
        found = library._catalog.passages.get(library._catalog.passages.by_terms([word], 3, None))
        assert [(name, first.start)] == [(p.source, p.passage.start) for p in found], (word, found)
        assert first.text == document.text[first.start : first.end]
        vector = library._embedder.embed([embedded_text(document.title, "", first.text)])[0]
        ((key, cosine), *_) = library._vector_search.nearest(vector, 1) or [("", 0.0)]
        assert cosine > 0.999, f"{name} v{version} p{n} is not found by its vector ({cosine:.3f})"
        (id_,) = library._catalog.passages.visible_keys([key]).values()
        (passage,) = library._catalog.passages.get([id_])
        assert (passage.source, passage.text) == (name, first.text)
