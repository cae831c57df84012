"""Gates, and two runs compared."""

from __future__ import annotations

import json

import pytest

from rag.errors import SetError
from rag.evaluation.comparison import check_gate, check_no_worse, compare, is_right, parse_gate
from rag.evaluation.records import RunJSON


def _with_a_wrong_answer(run: RunJSON) -> RunJSON:
    """Returns a copy of a run in which the first question is answered wrongly."""
    copy: RunJSON = json.loads(json.dumps(run))
    copy["questions"][0]["measures"].update(right=(0.0, 1), gold_contained=(0.0, 1), risk=(1.0, 1))
    return copy


def test_gates() -> None:
    """Bounds as text; a metric that was not measured passes none."""
    run: RunJSON = {
        "figures": {"hit@5": 0.95, "false_refusals": 0.06, "auroc": None},
        "intervals": {"hit@5": (0.9, 1.0)},
    }

    assert check_gate(parse_gate("hit@5>=0.95"), run).passed
    assert "0.900 to 1.000" in check_gate(parse_gate("hit@5>=.95"), run).detail
    assert not check_gate(parse_gate("false_refusals <= 0.05"), run).passed
    assert not check_gate(parse_gate("auroc>=0.1"), run).passed
    with pytest.raises(SetError, match="invalid gate"):
        parse_gate("hit@5 is good")
    with pytest.raises(SetError, match="no metric"):
        check_gate(parse_gate("hits>=1"), run)


def test_two_runs_compared(run: RunJSON) -> None:
    """The question that got worse is listed, with the change it makes: 3 of 3 right, then 2 of 3."""
    compared = compare(run, _with_a_wrong_answer(run))

    assert ["crane"] == [before["question"]["id"] for before, _ in compared.flipped]
    (right,) = [difference for difference in compared.differences if difference.name == "right"]
    assert (1.0, pytest.approx(2 / 3), pytest.approx(-1 / 3)) == (right.first, right.second, right.change)
    assert (3, "McNemar", 1.0) == (right.cases, right.test, right.p)


def test_only_the_same_questions_are_compared(run: RunJSON) -> None:
    """A question whose text changed is another one; without a common question there is nothing to compare."""
    other = _with_a_wrong_answer(run)
    other["questions"][0]["question"]["question"] = "another"

    assert 2 == compare(run, other).common
    with pytest.raises(SetError, match="no questions in common"):
        compare(run, {**run, "questions": []})


def test_no_worse_than_a_baseline(run: RunJSON) -> None:
    """The same run passes; the worse one fails in what got worse."""
    worse = _with_a_wrong_answer(run)

    assert [] == [result for result in check_no_worse(run, run, 0.02) if not result.passed]
    failed = {result.words.split()[0] for result in check_no_worse(worse, run, 0.02) if not result.passed}
    assert failed == {"right", "gold_contained", "risk"}


def test_is_right() -> None:
    """By the answer; without a gold answer, by retrieval; else unknown."""
    rows = [{"measures": measures} for measures in ({"right": (0.0, 1), "hit@5": (1.0, 1)}, {"hit@5": (1.0, 1)}, {})]

    assert [False, True, None] == [is_right(row) for row in rows]
