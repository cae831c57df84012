"""Turns texts into vectors with the embedder that is shipped with rag.

This module does not depend on documents, passages or storage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.models.inference import Session, Workers, open_session, padded

WEIGHTS = Path(__file__).parent / "weights"
_POSITIONS = 512  # the model's limit in tokens; longer texts are truncated, but passages never exceed it
_TEXTS_PER_PASS = 4096  # limits memory use when one call passes all the texts in a library


class MiniLM:
    """The all-MiniLM-L6-v2 model with int8 weights (see weights/README.md). Safe to share between threads.

    Args:
        folder: The folder that contains `minilm-int8.onnx` and `tokenizer.json`.
        cores: Number of cores to use; None for all.
    """

    dimension = 384
    languages = frozenset({"en"})

    def __init__(self, folder: Path = WEIGHTS, cores: int | None = None) -> None:
        self._folder = folder
        self._workers = Workers("embed", cores)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    @cached_property
    def name(self) -> str:
        """The model's name, followed by the first digits of the hash of its weights."""
        digest = (self._folder / "SHA256SUMS").read_text(encoding="utf-8").split()[0]
        return f"minilm-int8-{digest[:12]}"

    @cached_property
    def _session(self) -> Session:
        # The model is loaded on first use, because counting tokens needs only the tokenizer.
        return open_session((self._folder / "minilm-int8.onnx").read_bytes())

    def token_starts(self, text: str) -> list[int]:
        """Returns the offset in `text` at which each token starts, in code points."""
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeds texts. Returns an (n, 384) float32 array of unit vectors, in the order of the texts."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for begin in range(0, len(texts), _TEXTS_PER_PASS):
            part = vectors[begin : begin + _TEXTS_PER_PASS]

            def keep(rows: list[int], pooled: NDArray[np.float32], part: NDArray[np.float32] = part) -> None:
                part[rows] = pooled

            encoded = self._tokenizer.encode_batch_fast(list(texts[begin : begin + _TEXTS_PER_PASS]))
            self._infer([encoding.ids for encoding in encoded], keep)
        return vectors

    def _infer(self, ids: list[list[int]], keep: Callable[[list[int], NDArray[np.float32]], None]) -> None:
        """Runs the model on batches of texts, using all cores. Calls `keep` with each batch's text indices and vectors."""
        ids = [tokens if len(tokens) <= _POSITIONS else [*tokens[: _POSITIONS - 1], tokens[-1]] for tokens in ids]

        def run(rows: list[int]) -> None:
            tokens = padded([ids[i] for i in rows])
            mask = padded([[1] * len(ids[i]) for i in rows])
            keep(rows, self._session.run(["embedding"], {"input_ids": tokens, "attention_mask": mask})[0])

        self._workers.each([len(tokens) for tokens in ids], run)
