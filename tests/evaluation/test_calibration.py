"""The fitted threshold, on answers made by hand."""

from __future__ import annotations

import json

import pytest

from rag.errors import SetError
from rag.evaluation.calibration import Calibration, Provenance, fit_threshold

PROVENANCE = Provenance(set_name="set", set_sha256="hash", embedder="embedder", made="now")


def _rows(answers: list[tuple[float, bool, bool]]) -> list:
    """Makes rows from (evidence, answerable, right)."""
    return [
        {
            "question": {"id": str(n), "group": "", "answerable": answerable},
            "evidence": evidence,
            "measures": {"risk": (0.0 if right else 1.0, 1)},
        }
        for n, (evidence, answerable, right) in enumerate(answers)
    ]


def _fit(rows: list, target_error_rate: float | None = 0.1) -> Calibration:
    return fit_threshold(rows, target_error_rate=target_error_rate, abstain_cost=0.25, provenance=PROVENANCE)


# Right from evidence .6 on, wrong below .3; half of the wrong ones are answerable.
SEPARABLE = _rows(
    [(0.6 + n / 100, True, True) for n in range(20)] + [(0.1 + n / 100, n % 2 == 0, False) for n in range(20)]
)


def test_calibration_by_hand() -> None:
    """The threshold separates right from wrong answers, also on questions it was not fitted on."""
    calibration = _fit(SEPARABLE, 0.0)
    fitted = calibration.fitted

    assert (True, pytest.approx((0.29 + 0.6) / 2, abs=1e-4)) == (calibration.reached, calibration.threshold)
    assert (0.5, 0.0, 1.0) == (fitted.coverage, fitted.risk, fitted.refusal_recall)
    assert pytest.approx(1 / 3) == fitted.false_refusals
    assert pytest.approx(0.25 * 10 / 40) == fitted.cost
    assert calibration.held_out.risk <= 0.1
    assert 0.5 == calibration.curve[0].risk


def test_the_lowest_cost() -> None:
    """Without a target: declining the 20 wrong answers costs 10 × .25, keeping any of them costs 1."""
    calibration = _fit(SEPARABLE, None)

    assert (None, True) == (calibration.target_error_rate, calibration.reached)
    assert pytest.approx(0.25 * 10 / 40) == calibration.fitted.cost


def test_a_target_out_of_reach() -> None:
    """If every answer is wrong, no threshold keeps the target."""
    assert not _fit(_rows([(0.5, True, False)] * 20)).reached


def test_too_few_questions() -> None:
    """Five questions determine nothing."""
    with pytest.raises(SetError, match=r"too few questions .*: 5"):
        _fit(SEPARABLE[:5])


def test_json() -> None:
    """A calibration survives JSON. The field of the target keeps its published name."""
    calibration = _fit(SEPARABLE)
    stored = json.loads(json.dumps(calibration.to_json()))

    assert calibration == Calibration.from_json(stored)
    assert 0.1 == stored["wanted"]
