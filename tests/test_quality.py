"""Answers get no worse: each test set against its baseline (tests/sets/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag import Library
from rag.evaluation.comparison import check_gate, check_no_worse, parse_gate
from rag.evaluation.records import RunJSON, parse_run
from rag.settings import Settings

from .sets import baselines

pytestmark = pytest.mark.quality

MARGIN = 0.02


def read_baseline(name: str) -> RunJSON:
    return parse_run(json.loads(baselines.baseline_path(name).read_text("utf-8")), name)


def failures(run: RunJSON, baseline: RunJSON) -> list[str]:
    """Returns the failed gates: exact citations, the metrics of the baseline, and its AUROC, which has no contributions."""
    auroc = baseline["figures"].get("auroc")
    gates = ["citation_exact>=1", *([f"auroc>={auroc - MARGIN:.3f}"] if auroc is not None else [])]
    results = [*check_no_worse(run, baseline, MARGIN), *(check_gate(parse_gate(gate), run) for gate in gates)]
    return [f"{result.words}: {result.detail}" for result in results if not result.passed]


@pytest.mark.parametrize("name", baselines.SETS)
def test_no_metric_is_worse_than_in_the_baseline(name: str, tmp_path: Path) -> None:
    """Retrieval, answers, citations and refusals are as good as when the baseline was written, within .02."""
    with Library.open(tmp_path / "index") as library:
        run = baselines.run(name, library)

    assert failures(run, read_baseline(name)) == []
    assert run["defects"] == []


def test_a_worse_run_fails(tmp_path: Path) -> None:
    """A library that declines almost everything fails its gates."""
    with Library.open(tmp_path / "index", Settings(evidence=0.95)) as library:
        run = baselines.run("seed", library)

    assert any(failure.startswith("false_refusals no worse") for failure in failures(run, read_baseline("seed")))
