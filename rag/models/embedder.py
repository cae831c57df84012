"""Turns texts into vectors by the embedder shipped with rag.

The only home of onnxruntime and tokenizers. It does not know documents, passages or storage.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

# From 1.29 on, onnxruntime reports to its maker and keeps an id of the device, unless this is said before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.ports import Tokens

WEIGHTS = Path(__file__).parent / "weights"
_POSITIONS = 512  # the model knows no more; what is longer is cut, which passages never are
_BATCH_TOKENS = 1024  # more gains nothing and costs cache (benchmarks/README.md)
_LEAST_BATCH = 64  # tokens: below it the threads cost more than they gain
_PADDED = 1.35  # tokens with padding to those without, of few texts: else the last short ones make a batch of their own
_SHORT = 4  # batches a core that are work for a question, not for an import
_TEXTS_AT_ONCE = 4096  # bounds memory when a whole library comes in one call
_POOLED, _STATES = "embedding", "encoder.layer.5.output.LayerNorm"  # outputs: of each text, and of each of its tokens
# Declares the last layer an output of the model too. In Protocol Buffers a message that follows another is merged into it:
# ModelProto.graph (7) {output (12) {name (1), type (2) {tensor_type (1) {elem_type (1): FLOAT}}}}. So the file that is
# shipped, whose hash names the vectors, stays as it is.
_DECLARED = b"\x0a%c%b\x12\x04\x0a\x02\x08\x01" % (len(_STATES), _STATES.encode())
_SECOND_OUTPUT = b"\x3a%c\x62%c%b" % (len(_DECLARED) + 2, len(_DECLARED), _DECLARED)


class MiniLM:
    """all-MiniLM-L6-v2 as int8 (weights/README.md). Safe to share between threads.

    Args:
        folder: Where `minilm-int8.onnx` and `tokenizer.json` lie.
        cores: How many to use; all if left out.
    """

    dimension = 384
    languages = frozenset({"en"})

    def __init__(self, folder: Path = WEIGHTS, cores: int | None = None) -> None:
        self._folder = folder
        self._cores = cores or _cores()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    @cached_property
    def name(self) -> str:
        """The model and the first digits of its weights' hash."""
        listed = (self._folder / "SHA256SUMS").read_text(encoding="utf-8").split()[0]
        return f"minilm-int8-{listed[:12]}"

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        # Loaded on first use: counting tokens needs only the tokenizer.
        options = onnxruntime.SessionOptions()
        # One thread a batch and a batch a core: on small batches this beats all cores on one.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        if not _multiplies_int8_exactly():
            options.add_session_config_entry("session.x64quantprecision", "1")
        model = (self._folder / "minilm-int8.onnx").read_bytes() + _SECOND_OUTPUT
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._cores, thread_name_prefix="embed")

    @cached_property
    def _short_pool(self) -> ThreadPoolExecutor:
        # A question does not wait behind the hundreds of batches of an import.
        return ThreadPoolExecutor(self._cores, thread_name_prefix="embed-short")

    def token_starts(self, text: str) -> list[int]:
        """The offset in `text` (code points) of each of its tokens."""
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeds texts: (n, 384) float32, unit rows, in order."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for begin in range(0, len(texts), _TEXTS_AT_ONCE):
            part = vectors[begin : begin + _TEXTS_AT_ONCE]

            def keep(rows: list[int], found: NDArray[np.float32], part: NDArray[np.float32] = part) -> None:
                part[rows] = found

            encoded = self._tokenizer.encode_batch_fast(list(texts[begin : begin + _TEXTS_AT_ONCE]))
            self._infer([encoding.ids for encoding in encoded], _POOLED, keep)
        return vectors

    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Embeds the tokens of texts, each within its text: the model's last layer, before texts are pooled."""
        encoded = self._tokenizer.encode_batch(list(texts))
        found = [Tokens((), np.empty((0, self.dimension), np.float32))] * len(texts)

        def keep(rows: list[int], states: NDArray[np.float32]) -> None:
            for row, i in enumerate(rows):
                offsets = encoded[i].offsets[1:-1][: _POSITIONS - 2]
                vectors = states[row, 1 : len(offsets) + 1]
                lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
                found[i] = Tokens(tuple(start for start, _ in offsets), vectors / lengths)

        self._infer([encoding.ids for encoding in encoded], _STATES, keep)
        return found

    def _infer(self, ids: list[list[int]], output: str, keep: Callable[[list[int], NDArray[np.float32]], None]) -> None:
        """Runs the model over texts in batches, on all cores; hands over one of its outputs, some texts at a time."""
        ids = [tokens if len(tokens) <= _POSITIONS else [*tokens[: _POSITIONS - 1], tokens[-1]] for tokens in ids]

        def run(rows: list[int]) -> None:
            longest = len(ids[rows[0]])
            tokens = np.zeros((2, len(rows), longest), np.int32)
            for row, i in enumerate(rows):
                tokens[0, row, : len(ids[i])] = ids[i]
                tokens[1, row, : len(ids[i])] = 1
            fed = {"input_ids": tokens[0], "attention_mask": tokens[1]}
            keep(rows, self._session.run([output], fed)[0])

        # Few short texts (the sentences of some passages) still make a batch for every core.
        budget = max(_LEAST_BATCH, min(_BATCH_TOKENS, int(_PADDED * sum(map(len, ids)) / self._cores)))
        batches = list(_batches([len(tokens) for tokens in ids], budget))
        if len(batches) == 1:
            run(batches[0])
            return
        pool = self._pool if len(batches) > _SHORT * self._cores else self._short_pool
        list(pool.map(run, batches))


def _batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Groups texts of like length, longest first, so that little is padded; each group ≤ `budget` tokens with padding.

    Example:
        >>> list(_batches([3, 600, 500], 1024))
        [[1], [2, 0]]
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _multiplies_int8_exactly() -> bool:
    """Whether the fast int8 kernel is exact here.

    On x86-64 without VNNI it adds pairs of products in 16 bits, which can overflow; onnxruntime then has a slower exact
    kernel, and vectors are the same on every machine. Where it cannot be known, the exact one is taken.
    Source: onnxruntime_session_options_config_keys.h, kOrtSessionOptionsAvx2PrecisionMode.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
