"""Metrics of a run, from rows made by hand."""

from __future__ import annotations

import pytest

from rag.evaluation.aggregation import aggregate


def _row(id_: str = "a", **measures: tuple[float, float]) -> dict:
    return {
        "question": {"id": id_, "group": "", "answerable": True},
        "measures": measures,
        "evidence": 0.5,
        "timings_ms": {"total": 5.0, "search": 2.0},
        "model": "gpt-5-mini-2025",
    }


def test_prices_and_tokens() -> None:
    """Tokens are means, money is a sum, by the given price or the list price of the model."""
    rows = [_row(tokens_in=(1000, 1), tokens_out=(500, 1))]

    assert pytest.approx((1000 * 0.25 + 500 * 2) / 1e6) == aggregate(rows).values["cost_usd"]
    assert pytest.approx((1000 * 1 + 500 * 3) / 1e6) == aggregate(rows, (1.0, 3.0)).values["cost_usd"]
    assert 1000.0 == aggregate(rows).values["tokens_in"]


def test_a_metric_is_a_ratio_of_sums() -> None:
    """1 of 2 and 3 of 4 are 4 of 6, from two questions; a question without the metric does not count."""
    rows = [_row("a", citation_precision=(1, 2)), _row("b", citation_precision=(3, 4)), _row("c")]
    found = aggregate(rows)

    assert (pytest.approx(4 / 6), 2) == (found.values["citation_precision"], found.cases["citation_precision"])
    assert found.intervals["citation_precision"] == (0.5, 0.75)


def test_what_no_question_measures() -> None:
    """Metrics that every run has are None; without citations none is wrong; times come by stage."""
    found = aggregate([_row()])

    assert (None, 1.0) == (found.values["hit@1"], found.values["citation_exact"])
    assert "em" not in found.values
    assert (5.0, 2.0) == (found.values["p50_ms"], found.values["p50_ms.search"])
    assert "p50_ms.search" not in found.intervals
