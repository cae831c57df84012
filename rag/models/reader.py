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
from rag.models.inference import Session, Workers, has_fast_kernel, open_session, padded
from rag.ports import Read, Span

_TOKENS, _OVERLAP = 384, 64  # of a window with its question, and of the next window with this one
_QUESTION = 300  # code points
_EXACT_SPEED = 0.75  # of the exact kernel, on processors without VNNI
_STARTS, _LONGEST, _SPANS = 10, 40, 5  # starts that are examined, tokens of a span, and spans that are returned


@dataclass(frozen=True, slots=True)
class _Skimmed:
    """A passage after the lower half, or a window of a long passage.

    Attributes:
        half: What the lower half says of it.
        start: Where the passage starts in the text that was read, behind its context.
        encoding: Its tokens.
        states: What the upper half continues from, (tokens, dimension).
    """

    half: Read
    start: int
    encoding: Encoding
    states: NDArray[np.float32]


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
    def speed(self) -> float:
        """How many passages it reads in the time in which a processor with VNNI instructions reads one."""
        return 1.0 if has_fast_kernel() else _EXACT_SPEED

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

    def read(
        self, question: str, passages: Sequence[tuple[str, str]], found: Sequence[float], most: int
    ) -> tuple[list[Read], list[Read]]:
        """Reads all with the lower half, and the likely ones with the upper half; see `rag.ports.PassageReader`."""
        skimmed = self._skim(question, passages)
        likely = sorted(skimmed, key=lambda one: -one.half.answers - found[one.half.passage])[:most]
        return [one.half for one in skimmed], self._read_on(likely)

    def _skim(self, question: str, passages: Sequence[tuple[str, str]]) -> list[_Skimmed]:
        above = [f"{context}\n" if context else "" for context, _ in passages]
        texts = [before + text for before, (_, text) in zip(above, passages, strict=True)]
        pairs = [(question[:_QUESTION], text) for text in texts]
        windows = [
            (n, one)
            for n, encoding in enumerate(self._tokenizer.encode_batch(pairs))
            for one in (encoding, *encoding.overflowing)
        ]
        found: dict[int, _Skimmed] = {}

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
                found[row] = _Skimmed(Read(n, answers, relevance), len(above[n]), one, states[at, : len(one.ids)])

        self._workers.each([len(one.ids) for _, one in windows], run)
        return [found[row] for row in range(len(windows))]

    def _read_on(self, skimmed: Sequence[_Skimmed]) -> list[Read]:
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
                spans = _spans(span[at, : len(one.states)], one.encoding, one.start)
                found[row] = Read(one.half.passage, float(answers[at, 0]), float(relevance[at, 0]), spans)

        self._workers.each([len(one.states) for one in skimmed], run)
        return [found[row] for row in range(len(skimmed))]


def _spans(logits: NDArray[np.float32], encoding: Encoding, begin: int) -> tuple[Span, ...]:
    """Returns the best spans of the passage that do not overlap.

    Args:
        logits: (tokens, 2), for the first and the last token of the answer; position 0 stands for no answer.
        encoding: The tokens.
        begin: Where the passage starts in the text that was read.
    """
    starts, ends = logits[:, 0].copy(), logits[:, 1].copy()
    none = float(starts[0] + ends[0])
    of_passage = (np.array(encoding.type_ids) == 1) & (np.array([start for start, _ in encoding.offsets]) >= begin)
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
    return tuple(
        Span(offsets[first][0] - begin, offsets[last][1] - begin, margin) for margin, first, last in chosen[:_SPANS]
    )
