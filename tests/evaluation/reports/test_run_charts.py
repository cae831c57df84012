"""Charts of a run: what they draw."""

from __future__ import annotations

import pytest

from rag.evaluation.records import RunJSON
from rag.evaluation.reports.run_charts import calibration_curve, metric_by_type, risk_curve, run_charts


def _row(evidence: float, risk: float | None, type_: str = "") -> dict:
    measures = {} if risk is None else {"risk": (risk, 1), "right": (1 - risk, 1)}
    return {"question": {"id": str(evidence), "group": "", "type": type_}, "evidence": evidence, "measures": measures}


ROWS: list = [_row(0.9, 0.0, "a"), _row(0.8, 1.0, "b"), _row(0.1, 0.0, "a"), _row(0.05, None)]


def test_risk_curve() -> None:
    """Of four questions three were answered; the second answer is wrong."""
    assert [(0.25, 0.0), (0.5, 0.5), (0.75, pytest.approx(1 / 3))] == risk_curve(ROWS)


def test_calibration_curve() -> None:
    """Fewer answers than bins: one bin each."""
    assert [(0.1, 1.0), (0.8, 0.0), (0.9, 1.0)] == calibration_curve(ROWS)


def test_metric_by_type() -> None:
    """The most frequent type first; a question without the metric is left out."""
    name, bars = metric_by_type(ROWS)

    assert ("right", [("a", 1.0, 2), ("b", 0.0, 1)]) == (name, [(bar.label, bar.value, bar.cases) for bar in bars])


def test_all_charts_of_a_run(run: RunJSON) -> None:
    """By type, risk, calibration, time, cost."""
    assert 5 == len(run_charts(run["questions"]))
