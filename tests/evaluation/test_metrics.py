"""Metrics and statistics against values computed by hand, and against independent references where there are some."""

from __future__ import annotations

import itertools
import math
import random
from statistics import NormalDist

import pytest

from rag.evaluation import metrics, statistics


def test_span_metrics() -> None:
    """4 of 10 gold characters are in the hits, which have 9: 4/10, 4/9, 4/15."""
    hits = [("a", 0, 5), ("b", 6, 10)]
    gold = [("b", 0, 10)]

    assert 0.4 == metrics.span_recall(hits, gold)
    assert pytest.approx(4 / 9) == metrics.span_precision(hits, gold)
    assert pytest.approx(4 / 15) == metrics.span_iou(hits, gold)
    assert (1.0, 0.0, 1.0) == (metrics.span_recall(hits, []), metrics.span_precision([], gold), metrics.span_iou([], []))
    assert 6 == metrics.characters([("a", 0, 4), ("a", 2, 6), ("a", 3, 3)])
    assert [{1}, set(), {0}] == metrics.touched(
        [("b", 0, 2), ("b", 1, 2), ("a", 5, 9)], [[("a", 6, 7)], [("c", 0, 1), ("b", 1, 3)]]
    )
    assert [("a", 5, 9)] == metrics.meant([[("a", 0, 4), ("a", 5, 9)]], [("a", 3, 8)])


def test_rankings() -> None:
    """Wanted are three, found at ranks 2 and 4."""
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
    assert [1.0, 0.0, 0.0] == metrics.gains_of(["a", "a", "x"], {"a": 1.0})


def test_rankings_against_ir_measures() -> None:
    """Two hundred random rankings, graded: trec_eval's nDCG, MAP, P and recip_rank, through ir_measures."""
    ir_measures = pytest.importorskip("ir_measures", reason="the reference is in the dev group: uv sync")
    chooser = random.Random(1)
    for _ in range(200):
        relevance = {f"d{n}": float(chooser.choice([0, 1, 1, 2])) for n in range(8)}
        ranked = chooser.sample([f"d{n}" for n in range(20)], 12)
        if not any(relevance.values()):
            continue
        qrels = [ir_measures.Qrel("q", name, int(value)) for name, value in relevance.items()]
        run = [ir_measures.ScoredDoc("q", name, float(-rank)) for rank, name in enumerate(ranked)]
        wanted = ir_measures.nDCG @ 10, ir_measures.AP @ 10, ir_measures.P @ 5, ir_measures.RR @ 10, ir_measures.R @ 10
        theirs = ir_measures.calc_aggregate(wanted, qrels, run)
        gains, many = metrics.gains_of(ranked, relevance), sum(value > 0 for value in relevance.values())
        ours = (metrics.ndcg(gains, 10, list(relevance.values())), metrics.average_precision(gains, 10, many),
                metrics.precision(gains, 5), metrics.reciprocal_rank(gains, 10), metrics.recall(gains, 10, many))  # fmt: skip

        assert ours == pytest.approx(tuple(theirs[measure] for measure in wanted))


@pytest.mark.parametrize(
    ("said", "golds", "exact", "f1"),
    [
        ("The cat.", ["cat"], 1.0, 1.0), ("a cat sat", ["cat"], 0.0, 2 / 3), ("", [], 1.0, 1.0), ("x", [], 0.0, 0.0),
        ("India-bound ship", ["India bound ship"], 0.0, 0.4), ("", ["x"], 0.0, 0.0), ("the", ["an"], 1.0, 1.0),
        ("x y y", ["y", "x y"], 0.0, 0.8),
    ],
)  # fmt: skip
def test_squad(said: str, golds: list[str], exact: float, f1: float) -> None:
    """As evaluate-v2.0.py has them."""
    assert (exact, pytest.approx(f1)) == (metrics.exact_match(said, golds), metrics.f1(said, golds))


def test_rouge_l() -> None:
    """Lin's example: "police killed gunman" against "police kill gunman" have two of three words in order."""
    assert pytest.approx(2 / 3) == metrics.rouge_l("police kill the gunman", ["police killed the gunman"])
    assert (0.0, 0.0) == (metrics.rouge_l("x", []), metrics.rouge_l("", ["x"]))


def test_risk_and_coverage() -> None:
    """Half are wrong from the second on: the area is a quarter of 0 and three of .5, or of all scores the same, the mean."""
    points = metrics.risk_coverage([0.9, 0.8, 0.1, 0.1], [True, False, True, False])
    assert pytest.approx(0.25 * 0 + 0.75 * 0.5) == metrics.area_under_risk_coverage(points)
    assert [(1.0, 0.5)] == metrics.risk_coverage([0.5] * 4, [True, False, True, False])
    assert 0.0 == metrics.area_under_risk_coverage([])


def test_mcnemar() -> None:
    """Against the binomial, in whole numbers."""
    for lost, won in itertools.product(range(7), range(7)):
        n, few = lost + won, min(lost, won)
        exact = min(1.0, 2 * sum(math.comb(n, i) for i in range(few + 1)) / 2**n)
        assert statistics.mcnemar(lost, won) == pytest.approx(exact)
    assert statistics.mcnemar(3000, 3100) == pytest.approx(2 * NormalDist().cdf(-99 / math.sqrt(6100)), rel=0.01)


def test_permutation() -> None:
    """Ten differences all one way: two of 1,024 sign patterns are as far; none that is, 1; ratios count by their parts."""
    zeros, ones = [(0.0, 1.0)] * 10, [(1.0, 1.0)] * 10
    assert statistics.permutation(zeros, ones) == pytest.approx(2 / 1024, abs=0.0015)
    assert 1.0 == statistics.permutation(ones, ones)
    assert statistics.permutation([(1.0, 2.0), (0.0, 0.0)], [(1.0, 1.0), (0.0, 1.0)]) > 0.2


def test_intervals() -> None:
    """Close to the normal interval of a mean; wider where questions hang together; none of nothing."""
    chooser = random.Random(3)
    parts = [(float(chooser.random() < 0.3), 1.0) for _ in range(400)]
    mean = sum(above for above, _ in parts) / 400
    error = 1.96 * math.sqrt(mean * (1 - mean) / 400)
    low, high = statistics.Bootstrap(range(400)).ratio(parts) or (0, 0)
    assert (low, high) == (pytest.approx(mean - error, abs=0.008), pytest.approx(mean + error, abs=0.008))
    grouped = statistics.Bootstrap([n // 20 for n in range(400)]).ratio([parts[n // 20] for n in range(400)]) or (0, 0)
    assert grouped[1] - grouped[0] > 2 * (high - low)
    assert None is statistics.Bootstrap(range(3)).ratio([(0.0, 0.0)] * 3)
    assert (0.0, 0.0) == statistics.Bootstrap(range(400)).difference(parts, parts)
    assert (1.0, 1.0) == statistics.Bootstrap(range(3)).of(lambda some: 1.0)


def test_detectable() -> None:
    """2.8 standard errors of the paired difference."""
    before, after = [(0.0, 1.0)] * 100, [(float(n % 2), 1.0) for n in range(100)]
    spread = math.sqrt(100 / 99 * 0.25)
    assert statistics.detectable(before, after) == pytest.approx(2.8016 * spread / 10, rel=1e-4)
    assert None is statistics.detectable(before, before)
    assert None is statistics.detectable([(0.0, 0.0)] * 3, [(1.0, 1.0)] * 3)


def test_auroc() -> None:
    """Against all pairs, ties half."""
    chooser = random.Random(5)
    scores = [chooser.randrange(6) / 5 for _ in range(40)]
    labels = [chooser.random() < 0.4 for _ in range(40)]
    pairs = [
        (a > b) + 0.5 * (a == b)
        for (a, x), (b, y) in itertools.product(zip(scores, labels, strict=True), repeat=2)
        if x and not y
    ]
    assert statistics.auroc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))
    assert None is statistics.auroc([1.0], [True])
    assert 0.5 == statistics.kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    assert None is statistics.kappa([], [])
    assert [0.03, 0.06, 0.06] == statistics.holm([0.01, 0.04, 0.03])
    assert (0.0, 2.0) == (statistics.percentile([], 50), statistics.percentile([1, 2, 3], 50))
