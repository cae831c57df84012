"""Runs ONNX models on batches of texts, using all cores.

This is the only module that imports onnxruntime. It knows nothing of what the models compute.
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
from onnxruntime import InferenceSession as Session

__all__ = ["Session", "Workers", "batches", "has_fast_kernel", "open_session", "padded"]

_BATCH_TOKENS = 1024  # larger batches are no faster and need more cache (see benchmarks/README.md)
_MIN_BATCH_TOKENS = 64  # with smaller batches, using threads costs more time than it saves
_PADDED = 1.35  # padding makes a few texts this many times as long; without this factor, one more batch is needed
_SHORT_WORK = 4  # batches per core; a call with more batches is assumed to come from an import, not a question


def open_session(model: bytes) -> Session:
    """Loads a model. Each call of the session uses one core: for small batches, this is faster than using all cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not has_fast_kernel():
        options.add_session_config_entry("session.x64quantprecision", "1")
    session: Session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session


class Workers:
    """Threads that run a model on batches of texts. Safe to share between threads.

    Args:
        name: Start of the threads' names.
        cores: Number of cores to use; None for all.
    """

    def __init__(self, name: str, cores: int | None = None) -> None:
        self._name = name
        self._cores = cores or _cores()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._cores, thread_name_prefix=self._name)

    @cached_property
    def _short_pool(self) -> ThreadPoolExecutor:
        # Questions have their own threads, so that they need not wait for an import's hundreds of batches.
        return ThreadPoolExecutor(self._cores, thread_name_prefix=f"{self._name}-short")

    def each(self, lengths: Sequence[int], work: Callable[[list[int]], None]) -> None:
        """Calls `work` with the indices of the texts of each batch.

        Args:
            lengths: The length of each text, in tokens.
            work: Runs the model on one batch.
        """
        # Even a few short texts, such as the sentences in some passages, are split into one batch per core.
        budget = max(_MIN_BATCH_TOKENS, min(_BATCH_TOKENS, int(_PADDED * sum(lengths) / self._cores)))
        found = list(batches(lengths, budget))
        if len(found) == 1:
            work(found[0])
            return
        pool = self._pool if len(found) > _SHORT_WORK * self._cores else self._short_pool
        list(pool.map(work, found))


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Groups texts of similar length, longest first, to keep padding short. Yields the text indices in each group.

    A group has at most `budget` tokens, including padding, unless it consists of a single longer text.

    Example:
        >>> list(batches([3, 600, 500], 1024))
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


def padded(rows: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Returns rows of numbers as one (n, longest) int32 array, with zeros behind the shorter ones."""
    array = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for n, row in enumerate(rows):
        array[n, : len(row)] = row
    return array


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
