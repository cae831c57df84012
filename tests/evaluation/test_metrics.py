"""Metrics, compared with values computed by hand and with independent reference implementations."""

from __future__ import annotations

import math
import random

import pytest

from rag.evaluation import metrics


def test_span_metrics() -> None:
    """4 of 10 gold characters are in the hits, which have 9: 4/10, 4/9, 4/15."""
    hits = [("a", 0, 5), ("b", 6, 10)]
    gold = [("b", 0, 10)]

    assert 0.4 == metrics.span_recall(hits, gold)
    assert pytest.approx(4 / 9) == metrics.span_precision(hits, gold)
    assert pytest.approx(4 / 15) == metrics.span_iou(hits, gold)
    assert (1.0, 0.0, 1.0) == (metrics.span_recall(hits, []), metrics.span_precision([], gold), metrics.span_iou([], []))
    assert 6 == metrics.characters([("a", 0, 4), ("a", 2, 6), ("a", 3, 3)])
    assert [{1}, set(), {0}] == metrics.newly_found(
        [("b", 0, 2), ("b", 1, 2), ("a", 5, 9)], [[("a", 6, 7)], [("c", 0, 1), ("b", 1, 3)]]
    )
    assert [("a", 5, 9)] == metrics.best_places([[("a", 0, 4), ("a", 5, 9)]], [("a", 3, 8)])


def test_rankings() -> None:
    """Three items are relevant; two are found, at ranks 2 and 4."""
    gains = [0.0, 1.0, 0.0, 1.0, 0.0]

    assert (0.0, 1.0) == (metrics.hit(gains, 1), metrics.hit(gains, 2))
    assert pytest.approx(2 / 3) == metrics.recall(gains, 5, 3)
    assert 0.4 == metrics.precision(gains, 5)
    assert 0.2 == metrics.precision(gains[:4], 10)
    assert (0.5, 0.0) == (metrics.reciprocal_rank(gains, 5), metrics.reciprocal_rank(gains, 1))
    assert pytest.approx((1 / 2 + 2 / 4) / 3) == metrics.average_precision(gains, 5, 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal) == metrics.ndcg(gains, 5, [1.0] * 3)
    assert pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))) == metrics.ndcg([1.0, 3.0], 10, [3.0, 1.0])
    assert [1.0, 0.0, 0.0] == metrics.ranking_gains(["a", "a", "x"], {"a": 1.0})


def test_rankings_against_ir_measures() -> None:
    """200 random graded rankings: the values of trec_eval's nDCG, MAP, P, recip_rank and recall, through ir_measures."""
    ir_measures = pytest.importorskip("ir_measures", reason="the reference is in the dev group: uv sync")
    generator = random.Random(1)
    for _ in range(200):
        relevance = {f"d{n}": float(generator.choice([0, 1, 1, 2])) for n in range(8)}
        ranked = generator.sample([f"d{n}" for n in range(20)], 12)
        if not any(relevance.values()):
            continue
        qrels = [ir_measures.Qrel("q", name, int(value)) for name, value in relevance.items()]
        run = [ir_measures.ScoredDoc("q", name, float(-rank)) for rank, name in enumerate(ranked)]
        measures = ir_measures.nDCG @ 10, ir_measures.AP @ 10, ir_measures.P @ 5, ir_measures.RR @ 10, ir_measures.R @ 10
        theirs = ir_measures.calc_aggregate(measures, qrels, run)
        gains = metrics.ranking_gains(ranked, relevance)
        relevant = sum(value > 0 for value in relevance.values())
        ours = (
            metrics.ndcg(gains, 10, list(relevance.values())),
            metrics.average_precision(gains, 10, relevant),
            metrics.precision(gains, 5),
            metrics.reciprocal_rank(gains, 10),
            metrics.recall(gains, 10, relevant),
        )

        assert ours == pytest.approx(tuple(theirs[measure] for measure in measures))


@pytest.mark.parametrize(
    ("answer", "golds", "exact", "f1"),
    [
        ("The cat.", ["cat"], 1.0, 1.0), ("a cat sat", ["cat"], 0.0, 2 / 3), ("", [], 1.0, 1.0), ("x", [], 0.0, 0.0),
        ("India-bound ship", ["India bound ship"], 0.0, 0.4), ("", ["x"], 0.0, 0.0), ("the", ["an"], 1.0, 1.0),
        ("x y y", ["y", "x y"], 0.0, 0.8),
    ],
)  # fmt: skip
def test_squad(answer: str, golds: list[str], exact: float, f1: float) -> None:
    """The values of SQuAD's evaluate-v2.0.py."""
    assert (exact, pytest.approx(f1)) == (metrics.exact_match(answer, golds), metrics.f1(answer, golds))


def test_rouge_l() -> None:
    """Lin's example: "police killed gunman" and "police kill gunman" have two of three words in order."""
    assert pytest.approx(2 / 3) == metrics.rouge_l("police kill the gunman", ["police killed the gunman"])
    assert (0.0, 0.0) == (metrics.rouge_l("x", []), metrics.rouge_l("", ["x"]))


def test_risk_and_coverage() -> None:
    """From the second answer on, half are wrong: the area is ¼ · 0 + ¾ · ½. With equal scores, risk is the mean."""
    points = metrics.risk_coverage([0.9, 0.8, 0.1, 0.1], [True, False, True, False])
    assert pytest.approx(0.25 * 0 + 0.75 * 0.5) == metrics.area_under_risk_coverage(points)
    assert [(1.0, 0.5)] == metrics.risk_coverage([0.5] * 4, [True, False, True, False])
    assert 0.0 == metrics.area_under_risk_coverage([])


def test_contains_gold() -> None:
    """Whole words match; case, articles and punctuation do not matter."""
    assert metrics.contains_gold("It was the “Rare Earth” issue.", ["a rare-earth"])
    assert not metrics.contains_gold("It was 1200.", ["120"])
    assert not metrics.contains_gold("anything", ["the"])
