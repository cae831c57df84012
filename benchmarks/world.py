"""Generates large synthetic libraries whose text consists of real sentences and whose vectors are clustered like real ones.

Independent random vectors have no near neighbours, which is the worst case for any index and does not occur with real
documents. Therefore, a few thousand real passages are embedded, and each synthetic passage gets a vector near one of
these. The cosine between a synthetic vector and the real one is .74, and that between two synthetic vectors near the same
real one is .55. Some words are replaced by made-up names, so that the vocabulary grows as it does in real libraries.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rag import Document
from rag.models.embedder import MiniLM
from rag.text.sentences import sentences

SETS = ("squad20_dev", "nq_litm_oracle", "multihop_wiki_200")
CLUSTERS = 3_000
SPREAD = 0.9  # length of the noise vector relative to the cluster's centre
PASSAGES = 8  # per document
SENTENCES = 5  # per passage: about 700 characters, 140 tokens
NAMES = 0.03  # share of words replaced by made-up names
_SYLLABLES = "ba ko ri tan mel dro vi sul ner phi gar lo zen qua tir mon".split()


class World:
    """Generates documents and their vectors.

    Args:
        data: Folder that contains qa/<set>/corpus.jsonl.
        seed: Seed for all random choices.
    """

    def __init__(self, data: Path, seed: int = 20261125) -> None:
        texts = [row["text"] for name in SETS for row in _rows(data / "qa" / name / "corpus.jsonl")]
        self._sentences = [text[a:b] for text in texts for a, b in sentences(text) if 40 <= b - a <= 300]
        generator = np.random.default_rng(seed)
        self._seed = seed
        self._centres = MiniLM().embed([texts[i][:700] for i in generator.choice(len(texts), CLUSTERS, replace=False)])

    def documents(self, passages: int) -> Iterator[Document]:
        """Yields documents that contain `passages` passages in total. The same seed gives the same documents."""
        for n in range(passages // PASSAGES):
            generator = random.Random(f"{self._seed} {n}")
            parts = [self._passage(generator) for _ in range(PASSAGES)]
            title = parts[0][:50].rsplit(" ", 1)[0]
            yield Document("\n\n".join(parts), title, source=f"document-{n:07}.txt", content_hash=str(n))

    def _passage(self, generator: random.Random) -> str:
        words = " ".join(generator.choices(self._sentences, k=SENTENCES)).split(" ")
        for i in range(len(words)):
            if generator.random() < NAMES:
                rank = int(generator.paretovariate(0.6)) % 500_000  # a few names are frequent, most are rare
                words[i] = "".join(_SYLLABLES[int(d, 16)] for d in f"{rank * 7919 % 0xFFFFF:x}").capitalize()
        return " ".join(words)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Returns (n, 384) float32 unit rows, each near a cluster's centre. The same text always gets the same row."""
        vectors = np.empty((len(texts), self._centres.shape[1]), np.float32)
        for row, text in enumerate(texts):
            generator = np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))
            noise = generator.standard_normal(vectors.shape[1], dtype=np.float32)
            centre = self._centres[generator.integers(len(self._centres))]
            vectors[row] = centre + SPREAD * noise / np.sqrt(vectors.shape[1])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class SyntheticEmbedder:
    """An embedder that draws random vectors instead of computing them. It has the name of rag's default embedder."""

    def __init__(self, world: World) -> None:
        self._world = world
        shipped = MiniLM()
        self.name, self.dimension, self.languages = shipped.name, shipped.dimension, shipped.languages

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Returns (n, 384) float32 unit rows."""
        return self._world.vectors(texts)


class ParagraphSplitter:
    """A splitter that splits a synthetic document into the passages that it was generated from."""

    name = "whole-passages"

    def split(self, text: str, markdown: bool) -> Iterator:  # noqa: ARG002  # part of the splitter's interface
        """Yields the passages in order."""
        from rag.records import Passage

        start = 0
        for part in text.split("\n\n"):
            yield Passage(start, start + len(part))
            start += len(part) + 2


def questions(data: Path, n: int) -> list[str]:
    """Returns n real questions, evenly spaced."""
    rows = [row for name in SETS[:2] for row in _rows(data / "qa" / name / "questions.jsonl")]
    return [row["question"] for row in rows[:: max(1, len(rows) // n)][:n]]


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
