"""Turns texts into vectors with the embedder that is shipped with rag.

This is the only module that imports onnxruntime and tokenizers. It does not depend on documents, passages or storage.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

# Since version 1.29, onnxruntime sends telemetry and stores a device id unless these variables are set before its import.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.ports import Tokens

WEIGHTS = Path(__file__).parent / "weights"
_POSITIONS = 512  # the model's limit in tokens; longer texts are truncated, but passages never exceed it
_BATCH_TOKENS = 1024  # larger batches are no faster and need more cache (see benchmarks/README.md)
_MIN_BATCH_TOKENS = 64  # with smaller batches, using threads costs more time than it saves
_PADDED = 1.35  # padding makes a few texts this many times as long; without this factor, one more batch is needed
_SHORT_WORK = 4  # batches per core; a call with more batches is assumed to come from an import, not a question
_TEXTS_PER_PASS = 4096  # limits memory use when one call passes all the texts in a library
_POOLED_OUTPUT, _TOKEN_OUTPUT = "embedding", "encoder.layer.5.output.LayerNorm"  # one vector per text; one vector per token
# Declares the last layer as the model's second output. In Protocol Buffers, a message appended to another is merged into
# it: ModelProto.graph (7) {output (12) {name (1), type (2) {tensor_type (1) {elem_type (1): FLOAT}}}}. The shipped file,
# whose hash is part of the embedder's name, therefore does not have to change.
_OUTPUT_PROTO = b"\x0a%c%b\x12\x04\x0a\x02\x08\x01" % (len(_TOKEN_OUTPUT), _TOKEN_OUTPUT.encode())
_SECOND_OUTPUT = b"\x3a%c\x62%c%b" % (len(_OUTPUT_PROTO) + 2, len(_OUTPUT_PROTO), _OUTPUT_PROTO)


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
        self._cores = cores or _cores()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    @cached_property
    def name(self) -> str:
        """The model's name, followed by the first digits of the hash of its weights."""
        digest = (self._folder / "SHA256SUMS").read_text(encoding="utf-8").split()[0]
        return f"minilm-int8-{digest[:12]}"

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        # The model is loaded on first use, because counting tokens needs only the tokenizer.
        options = onnxruntime.SessionOptions()
        # Each core runs one batch in one thread. For small batches, this is faster than using all cores for one batch.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        if not has_fast_kernel():
            options.add_session_config_entry("session.x64quantprecision", "1")
        model = (self._folder / "minilm-int8.onnx").read_bytes() + _SECOND_OUTPUT
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._cores, thread_name_prefix="embed")

    @cached_property
    def _short_pool(self) -> ThreadPoolExecutor:
        # Questions have their own threads, so that they need not wait for an import's hundreds of batches.
        return ThreadPoolExecutor(self._cores, thread_name_prefix="embed-short")

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
            self._infer([encoding.ids for encoding in encoded], _POOLED_OUTPUT, keep)
        return vectors

    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Embeds each token of the texts in its context. Returns the last layer's output as unit vectors, one per token."""
        encoded = self._tokenizer.encode_batch(list(texts))
        found = [Tokens((), np.empty((0, self.dimension), np.float32))] * len(texts)

        def keep(rows: list[int], states: NDArray[np.float32]) -> None:
            for row, i in enumerate(rows):
                offsets = encoded[i].offsets[1:-1][: _POSITIONS - 2]
                vectors = states[row, 1 : len(offsets) + 1]
                lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
                found[i] = Tokens(tuple(start for start, _ in offsets), vectors / lengths)

        self._infer([encoding.ids for encoding in encoded], _TOKEN_OUTPUT, keep)
        return found

    def _infer(self, ids: list[list[int]], output: str, keep: Callable[[list[int], NDArray[np.float32]], None]) -> None:
        """Runs the model on batches of texts, using all cores. Calls `keep` with each batch's text indices and output."""
        ids = [tokens if len(tokens) <= _POSITIONS else [*tokens[: _POSITIONS - 1], tokens[-1]] for tokens in ids]

        def run(rows: list[int]) -> None:
            longest = len(ids[rows[0]])
            tokens = np.zeros((2, len(rows), longest), np.int32)
            for row, i in enumerate(rows):
                tokens[0, row, : len(ids[i])] = ids[i]
                tokens[1, row, : len(ids[i])] = 1
            inputs = {"input_ids": tokens[0], "attention_mask": tokens[1]}
            keep(rows, self._session.run([output], inputs)[0])

        # Even a few short texts, such as the sentences in some passages, are split into one batch per core.
        budget = max(_MIN_BATCH_TOKENS, min(_BATCH_TOKENS, int(_PADDED * sum(map(len, ids)) / self._cores)))
        batches = list(_batches([len(tokens) for tokens in ids], budget))
        if len(batches) == 1:
            run(batches[0])
            return
        pool = self._pool if len(batches) > _SHORT_WORK * self._cores else self._short_pool
        list(pool.map(run, batches))


def _batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Groups texts of similar length, longest first, to keep padding short. Yields the text indices in each group.

    A group has at most `budget` tokens, including padding, unless it consists of a single longer text.

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


def has_fast_kernel() -> bool:
    """Returns whether the fast int8 kernel is exact on this processor.

    On x86-64 processors without VNNI instructions, the fast kernel adds pairs of products in 16 bits, which can overflow.
    On these processors, and on any that cannot be identified, a slower but exact kernel is used, so that vectors are
    the same on every machine.
    Source: onnxruntime_session_options_config_keys.h, kOrtSessionOptionsAvx2PrecisionMode.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
