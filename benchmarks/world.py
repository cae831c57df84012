"""Large libraries to measure on: text of real sentences, vectors in clusters around those of real passages.

Independent random vectors have no neighbours, which is the worst case of any index and nobody's documents. Here a few
thousand real passages are embedded, and each made passage lies about one of them as its neighbours do (cosine .74 to it,
.55 to each other); some words are names of its own, so that the vocabulary grows as that of real libraries does.
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
SPREAD = 0.9  # length of the noise against the centre's
PASSAGES = 8  # of a document
SENTENCES = 5  # of a passage: some 700 characters, 140 tokens
NAMES = 0.03  # share of words replaced by names of their own
_SYLLABLES = "ba ko ri tan mel dro vi sul ner phi gar lo zen qua tir mon".split()


class World:
    """Makes documents and their vectors.

    Args:
        data: Holds qa/<set>/corpus.jsonl.
        seed: Where everything random begins.
    """

    def __init__(self, data: Path, seed: int = 20261125) -> None:
        texts = [row["text"] for name in SETS for row in _rows(data / "qa" / name / "corpus.jsonl")]
        self._sentences = [text[a:b] for text in texts for a, b in sentences(text) if 40 <= b - a <= 300]
        chooser = np.random.default_rng(seed)
        self._seed = seed
        self._centres = MiniLM().embed([texts[i][:700] for i in chooser.choice(len(texts), CLUSTERS, replace=False)])

    def documents(self, passages: int) -> Iterator[Document]:
        """Documents of so many passages in all, one after the other, the same for the same seed."""
        for n in range(passages // PASSAGES):
            chooser = random.Random(f"{self._seed} {n}")
            parts = [self._passage(chooser) for _ in range(PASSAGES)]
            title = parts[0][:50].rsplit(" ", 1)[0]
            yield Document("\n\n".join(parts), title, source=f"document-{n:07}.txt", content_hash=str(n))

    def _passage(self, chooser: random.Random) -> str:
        words = " ".join(chooser.choices(self._sentences, k=SENTENCES)).split(" ")
        for i in range(len(words)):
            if chooser.random() < NAMES:
                rank = int(chooser.paretovariate(0.6)) % 500_000  # few names are common, most are rare
                words[i] = "".join(_SYLLABLES[int(d, 16)] for d in f"{rank * 7919 % 0xFFFFF:x}").capitalize()
        return " ".join(words)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) unit rows: each about a centre, the same for the same text."""
        made = np.empty((len(texts), self._centres.shape[1]), np.float32)
        for row, text in enumerate(texts):
            chooser = np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))
            noise = chooser.standard_normal(made.shape[1], dtype=np.float32)
            made[row] = self._centres[chooser.integers(len(self._centres))] + SPREAD * noise / np.sqrt(made.shape[1])
        return made / np.linalg.norm(made, axis=1, keepdims=True)


class FromWorld:
    """The shipped embedder to all appearances, which draws the vectors of what is taken in instead of computing them."""

    def __init__(self, world: World) -> None:
        self._world = world
        shipped = MiniLM()
        self.name, self.dimension, self.languages = shipped.name, shipped.dimension, shipped.languages

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32."""
        return self._world.vectors(texts)


class WholePassages:
    """A splitter that cuts a made document into the passages it was made of."""

    name = "whole-passages"

    def split(self, text: str, markdown: bool) -> Iterator:  # noqa: ARG002  # what a splitter is told
        """Yields them in order."""
        from rag.records import Passage

        start = 0
        for part in text.split("\n\n"):
            yield Passage(start, start + len(part))
            start += len(part) + 2


def questions(data: Path, n: int) -> list[str]:
    """Real questions, evenly taken."""
    rows = [row for name in SETS[:2] for row in _rows(data / "qa" / name / "questions.jsonl")]
    return [row["question"] for row in rows[:: max(1, len(rows) // n)][:n]]


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
