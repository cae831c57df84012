"""Chroma as the child process uses it: keys and vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.index.chroma import collection
from rag.index.chroma.collection import ChromaVectors

pytestmark = pytest.mark.process
AXES = np.eye(4, dtype=np.float32)


def test_vectors_are_stored_replaced_and_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In calls of limited size; they are there after the folder was closed."""
    monkeypatch.setattr(collection, "_PER_CALL", 2)
    chroma = ChromaVectors(tmp_path / "1")
    chroma.upsert(["a", "b", "c"], AXES[:3])
    chroma.upsert(["b"], AXES[3:])
    chroma.delete(["c", "unknown", "gone"])
    chroma.close()
    chroma = ChromaVectors(tmp_path / "1")

    assert ({"a", "b"}, 2) == (set(chroma.keys()), chroma.count())
    keys, cosines = chroma.nearest(AXES[3], 5)
    assert (["b", "a"], [pytest.approx(1), pytest.approx(0)]) == (keys, cosines)
    chroma.close()
