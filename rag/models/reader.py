"""Reads passages with the reader that is shipped with rag: which of them answer a question, and with which words.

The reader is one model in two halves. The lower half tells which passages are worth the upper half, which finds the words.
Both are int8 ONNX files (see weights/README.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.models.embedder import WEIGHTS
from rag.models.inference import Session, Workers, open_session, padded

_TOKENS, _OVERLAP = 384, 64  # of a window with its question, and of the next window with this one
_QUESTION = 300  # code points
_STARTS, _LONGEST, _SPANS = 10, 40, 5  # starts that are examined, tokens of a span, and spans that are returned


@dataclass(frozen=True, slots=True)
class Skimmed:
    """A passage after the lower half, or a window of a long passage.

    Attributes:
        passage: Index of the passage.
        answers: Logit of whether it answers the question.
        relevance: How relevant it is.
        encoding: Its tokens.
        states: What the upper half continues from, (tokens, dimension).
    """

    passage: int
    answers: float
    relevance: float
    encoding: Encoding
    states: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Span:
    """Words that may answer.

    Attributes:
        start: Where they start in the text that was read, in code points.
        end: Where they end.
        margin: By how much they are better than no answer, as a difference of logits.
    """

    start: int
    end: int
    margin: float


@dataclass(frozen=True, slots=True)
class Read:
    """A passage after both halves, or a window of a long passage.

    Attributes:
        passage: Index of the passage.
        answers: Logit of whether it answers the question.
        relevance: How relevant it is.
        spans: Words that may answer, best first.
    """

    passage: int
    answers: float
    relevance: float
    spans: tuple[Span, ...]


class Reader:
    """The shipped reader. Safe to share between threads.

    Args:
        folder: The folder that contains the model's two files and `tokenizer.json`.
        cores: Number of cores to use; None for all.
    """

    def __init__(self, folder: Path = WEIGHTS, cores: int | None = None) -> None:
        self._folder = folder
        self._workers = Workers("read", cores)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        found = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        found.enable_truncation(_TOKENS, stride=_OVERLAP, strategy="only_second")
        return found

    @cached_property
    def _lower(self) -> Session:
        return open_session((self._folder / "reader-lower.onnx").read_bytes())

    @cached_property
    def _upper(self) -> Session:
        return open_session((self._folder / "reader-upper.onnx").read_bytes())

    def skim(self, question: str, texts: Sequence[str]) -> list[Skimmed]:
        """Reads passages with the lower half.

        Args:
            question: The question.
            texts: The passages, each with its context on a line above it.

        Returns:
            At least one result for each passage, in the order of the passages.
        """
        pairs = [(question[:_QUESTION], text) for text in texts]
        windows = [
            (n, one)
            for n, encoding in enumerate(self._tokenizer.encode_batch(pairs))
            for one in (encoding, *encoding.overflowing)
        ]
        found: dict[int, Skimmed] = {}

        def run(rows: list[int]) -> None:
            some = [windows[row][1] for row in rows]
            inputs = {
                "input_ids": padded([one.ids for one in some]),
                "segment_ids": padded([one.type_ids for one in some]),
                "attention_mask": padded([one.attention_mask for one in some]),
            }
            states, early = self._lower.run(["states", "early"], inputs)
            for at, row in enumerate(rows):
                n, one = windows[row]
                answers, relevance = map(float, early[at])
                found[row] = Skimmed(n, answers, relevance, one, states[at, : len(one.ids)])

        self._workers.each([len(one.ids) for _, one in windows], run)
        return [found[row] for row in range(len(windows))]

    def read(self, skimmed: Sequence[Skimmed]) -> list[Read]:
        """Reads on with the upper half; returns the results in the same order."""
        found: dict[int, Read] = {}

        def run(rows: list[int]) -> None:
            some = [skimmed[row] for row in rows]
            mask = padded([one.encoding.attention_mask for one in some])
            states = np.zeros((*mask.shape, some[0].states.shape[-1]), np.float32)
            for at, one in enumerate(some):
                states[at, : len(one.states)] = one.states
            span, answers, relevance = self._upper.run(
                ["span", "answers", "relevance"], {"states": states, "attention_mask": mask}
            )
            for at, (row, one) in enumerate(zip(rows, some, strict=True)):
                spans = _spans(span[at, : len(one.states)], one.encoding)
                found[row] = Read(one.passage, float(answers[at, 0]), float(relevance[at, 0]), spans)

        self._workers.each([len(one.states) for one in skimmed], run)
        return [found[row] for row in range(len(skimmed))]


def _spans(logits: NDArray[np.float32], encoding: Encoding) -> tuple[Span, ...]:
    """Returns the best spans that do not overlap.

    Args:
        logits: (tokens, 2), for the first and the last token of the answer; position 0 stands for no answer.
        encoding: The tokens.
    """
    starts, ends = logits[:, 0].copy(), logits[:, 1].copy()
    none = float(starts[0] + ends[0])
    of_passage = np.array(encoding.type_ids) == 1
    of_passage[-1] = False  # the token that ends the passage
    starts[~of_passage] = ends[~of_passage] = -np.inf
    found: list[tuple[float, int, int]] = []
    for first in map(int, np.argsort(-starts)[:_STARTS]):
        if np.isfinite(starts[first]):
            last = first + int(np.argmax(ends[first : first + _LONGEST]))
            found.append((float(starts[first] + ends[last]) - none, first, last))
    chosen: list[tuple[float, int, int]] = []
    for margin, first, last in sorted(found, reverse=True):
        if all(last < a or first > b for _, a, b in chosen):
            chosen.append((margin, first, last))
    offsets = encoding.offsets
    return tuple(Span(offsets[first][0], offsets[last][1], margin) for margin, first, last in chosen[:_SPANS])
