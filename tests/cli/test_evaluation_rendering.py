"""Evaluations rendered as lines of text."""

from __future__ import annotations

from rag.cli import evaluation_rendering
from rag.evaluation.calibration import Calibration, Point
from rag.evaluation.comparison import GateResult
from rag.evaluation.judge import Agreement
from rag.index.records import RunInfo

POINT = Point(threshold=0.25, coverage=0.5, risk=0.125, refusal_recall=1.0, false_refusals=0.0625, cost=0.375)


def test_gates() -> None:
    """Failed gates stand out."""
    results = [GateResult("hit@5>=0.9", True, "0.95"), GateResult("em>=1", False, "0.5")]

    assert [f"passed  {'hit@5>=0.9':40} 0.95", f"FAILED  {'em>=1':40} 0.5"] == list(evaluation_rendering.gates(results))


def test_calibration() -> None:
    """The lines show the threshold and its effect on held-out questions."""
    fitted = Calibration(
        threshold=0.25,
        target_error_rate=0.1,
        reached=False,
        fitted=POINT,
        held_out=POINT,
        intervals={"risk": (0.1, 0.2)},
        curve=(POINT, POINT),
        abstain_cost=0.25,
        questions=40,
        set_name="s",
        set_sha256="0",
        embedder="e",
        made="2026-01-01",
    )
    lines = list(evaluation_rendering.calibration(fitted))

    assert "threshold 0.250, fitted on 40 questions for at most 10% wrong answers" == lines[0]
    assert "no threshold reaches this target on the test set; this one comes closest" == lines[1]
    assert "cross-validated, on held-out questions     0.250     50.0%   12.5%      6.2%  0.375" in lines
    assert "  95% interval for risk: 0.100 to 0.200" in lines


def test_runs() -> None:
    """A run is listed with its main metrics, and with a note if its answers were deleted."""
    info = RunInfo(
        number=3,
        made="2026-01-02T03:04:05+00:00",
        set_name="seed",
        set_sha256="0",
        settings={"model": "extraction"},
        figures={"hit@5": 0.5, "em": 0.25, "refusal_recall": None},
        questions=1200,
        whole=False,
    )
    (line,) = evaluation_rendering.runs([info])

    assert "   3  2026-01-02T03:04  seed  1,200 questions, extraction: hit@5 0.500" in line
    assert "a document that the run quotes was removed" in line


def test_agreement() -> None:
    """Kappa may be unknown; the agreement of repeats is shown if there are repeats."""
    found = Agreement(claims=4, balanced_accuracy=0.5, interval=(0.25, 0.75), kappa=None, failed=1, repeats=0.5)
    lines = list(evaluation_rendering.agreement(found))

    assert lines[0].startswith("balanced accuracy  0.500 (0.250 to 0.750), 4 claims, prompts ")
    assert ["Cohen's kappa      —", "without a verdict  1 (counted as wrong)", "repeats that agree 0.500"] == lines[1:]
