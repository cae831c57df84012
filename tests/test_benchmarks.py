"""The benchmarks' own side runs, on a library as small as it can be."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from .conftest import DATA

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not (DATA / "qa").exists(), reason=f"no question sets in {DATA}"),
]


def test_a_made_library_is_built_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its passages are cut as they were made, its vectors lie about centres, and each measurement comes back."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    world, measure = importlib.import_module("world"), importlib.import_module("measure")
    monkeypatch.setattr(world, "CLUSTERS", 20)

    made = world.World(DATA)
    (document, *_) = made.documents(8)
    passages = list(world.WholePassages().split(document.text, markdown=False))
    assert world.PASSAGES == len(passages)
    vectors = made.vectors([document.text[p.start : p.end] for p in passages])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert 0.65 < float((vectors @ made._centres.T).max(axis=1).mean()) < 0.85

    where = str(tmp_path / "index")
    assert 10 == len(measure.build("rag", str(DATA), "160", where)["rates"])
    assert measure.retrieve("rag", str(DATA), where, "3")["p50"] > 0
    assert measure.answer("rag", str(DATA), where, "3")["p99"] > 0
    for name in ("world", "measure", "opponent"):
        sys.modules.pop(name, None)
