"""Answers get no worse: each set against its baseline (tests/sets/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag import Library
from rag.evaluation import comparison
from rag.evaluation.records import RunJSON, parse_run
from rag.settings import Settings

from .sets import baselines

pytestmark = pytest.mark.quality

MARGIN = 0.02


def stored(name: str) -> RunJSON:
    return parse_run(json.loads(baselines.baseline(name).read_text("utf-8")), name)


def failures(run: RunJSON, baseline: RunJSON) -> list[str]:
    auroc = baseline["figures"].get("auroc")
    gates = ["citation_exact>=1", *([f"auroc>={auroc - MARGIN:.3f}"] if auroc is not None else [])]
    results = [
        *comparison.check_no_worse(run, baseline, MARGIN),
        *(comparison.check_gate(comparison.parse_gate(gate), run) for gate in gates),
    ]
    return [f"{one.words}: {one.detail}" for one in results if not one.passed]


@pytest.mark.parametrize("name", baselines.SETS)
def test_no_figure_is_worse_than_in_the_baseline(name: str, tmp_path: Path) -> None:
    """Passages found, answers, citations, declining: as good as when the baseline was written, within .02."""
    with Library.open(tmp_path / "index") as library:
        run = baselines.run(name, library)

    assert failures(run, stored(name)) == []
    assert run["defects"] == []


def test_what_is_worse_is_noticed(tmp_path: Path) -> None:
    """A library that declines almost everything fails its gates."""
    with Library.open(tmp_path / "index", Settings(evidence=0.95)) as library:
        run = baselines.run("seed", library)

    assert any(failure.startswith("false_refusals no worse") for failure in failures(run, stored("seed")))
