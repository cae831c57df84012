"""The built-in embedder: the files are those that were built, and vectors do not depend on company."""

from __future__ import annotations

import hashlib
import threading
import time

import numpy as np
import pytest

from rag.models import inference
from rag.models.embedder import WEIGHTS, MiniLM

TEXTS = ["A short one.", "rare earth magnets " * 40, "", "中文", "The Danube ends in the Black Sea."]


def test_weights_are_whole() -> None:
    """Their hashes are those written when they were built."""
    for line in (WEIGHTS / "SHA256SUMS").read_text("utf-8").splitlines():
        expected, name = line.split()
        assert expected == hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest()


def test_vectors_are_unit_rows_in_order() -> None:
    """(n, 384) float32, length 1, each nearly the one its text has when embedded alone."""
    embedder = MiniLM()
    together = embedder.embed(TEXTS)

    assert ((5, 384), np.float32) == (together.shape, together.dtype)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, row in zip(TEXTS, together, strict=True):
        assert float(embedder.embed([text])[0] @ row) > 0.95  # int8 activations are scaled by batch; of real sentences .99
    assert (0, 384) == embedder.embed([]).shape


def test_meaning_is_near() -> None:
    """A paraphrase without shared words is nearer than another subject."""
    river, stream, tower = MiniLM().embed(["The river reaches the sea.", "Water flows into an ocean.", "A tower of iron."])

    assert river @ stream > river @ tower + 0.2


def test_the_exact_kernel_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processors without the fast exact instruction get the same vectors."""
    fast = MiniLM().embed(TEXTS)
    monkeypatch.setattr(inference, "has_fast_kernel", lambda: False)
    exact = MiniLM().embed(TEXTS)

    if not np.allclose(fast, exact, atol=1e-4):
        pytest.skip("this processor's fast kernel is not exact; the exact one is in use")


def test_tokens_are_not_truncated() -> None:
    """Counting sees the whole text."""
    assert 5_000 == len(MiniLM().token_starts("word " * 5_000))


def test_a_question_does_not_wait_behind_an_import() -> None:
    """Few texts are embedded while hundreds of others wait for their turn."""
    embedder = MiniLM()
    many = [
        f"Passage {n} tells of the harbour, its boats and nets, and of the weather on that day." * 5 for n in range(500)
    ]
    importing = threading.Thread(target=embedder.embed, args=(many,))
    importing.start()
    while embedder._workers._pool._work_queue.qsize() < 25:
        time.sleep(0.005)
    embedder.embed([f"Sentence {n} is short." for n in range(120)])
    waiting = embedder._workers._pool._work_queue.qsize()
    importing.join()
    assert waiting > 0
