"""Intervals, tests and rank statistics, compared with values computed by hand or by brute force."""

from __future__ import annotations

import itertools
import math
import random
from statistics import NormalDist

import pytest

from rag.evaluation import statistics


def test_mcnemar() -> None:
    """The binomial distribution, computed in whole numbers; a large case by the normal approximation."""
    for lost, won in itertools.product(range(7), range(7)):
        n, few = lost + won, min(lost, won)
        exact = min(1.0, 2 * sum(math.comb(n, i) for i in range(few + 1)) / 2**n)
        assert statistics.mcnemar(lost, won) == pytest.approx(exact)
    assert statistics.mcnemar(3000, 3100) == pytest.approx(2 * NormalDist().cdf(-99 / math.sqrt(6100)), rel=0.01)


def test_permutation() -> None:
    """Ten differences of one sign: 2 of 1,024 sign patterns are as extreme. Without differences 1. Ratios work too."""
    zeros, ones = [(0.0, 1.0)] * 10, [(1.0, 1.0)] * 10
    assert statistics.permutation(zeros, ones) == pytest.approx(2 / 1024, abs=0.0015)
    assert 1.0 == statistics.permutation(ones, ones)
    assert statistics.permutation([(1.0, 2.0), (0.0, 0.0)], [(1.0, 1.0), (0.0, 1.0)]) > 0.2


def test_intervals() -> None:
    """Close to the normal interval of a mean; wider for grouped questions; None without a denominator."""
    generator = random.Random(3)
    parts = [(float(generator.random() < 0.3), 1.0) for _ in range(400)]
    mean = sum(above for above, _ in parts) / 400
    error = 1.96 * math.sqrt(mean * (1 - mean) / 400)
    low, high = statistics.Bootstrap(range(400)).ratio_interval(parts) or (0, 0)
    assert (low, high) == (pytest.approx(mean - error, abs=0.008), pytest.approx(mean + error, abs=0.008))
    grouped = statistics.Bootstrap([n // 20 for n in range(400)]).ratio_interval([parts[n // 20] for n in range(400)]) or (
        0,
        0,
    )
    assert grouped[1] - grouped[0] > 2 * (high - low)
    assert None is statistics.Bootstrap(range(3)).ratio_interval([(0.0, 0.0)] * 3)
    assert (0.0, 0.0) == statistics.Bootstrap(range(400)).difference_interval(parts, parts)
    assert (1.0, 1.0) == statistics.Bootstrap(range(3)).interval(lambda numbers: 1.0)


def test_detectable() -> None:
    """2.8 standard errors of the paired difference."""
    before, after = [(0.0, 1.0)] * 100, [(float(n % 2), 1.0) for n in range(100)]
    spread = math.sqrt(100 / 99 * 0.25)
    assert statistics.detectable_difference(before, after) == pytest.approx(2.8016 * spread / 10, rel=1e-4)
    assert None is statistics.detectable_difference(before, before)
    assert None is statistics.detectable_difference([(0.0, 0.0)] * 3, [(1.0, 1.0)] * 3)


def test_auroc() -> None:
    """The share of all pairs, ties half; without negatives None."""
    generator = random.Random(5)
    scores = [generator.randrange(6) / 5 for _ in range(40)]
    labels = [generator.random() < 0.4 for _ in range(40)]
    pairs = [
        (a > b) + 0.5 * (a == b)
        for (a, x), (b, y) in itertools.product(zip(scores, labels, strict=True), repeat=2)
        if x and not y
    ]
    assert statistics.auroc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))
    assert None is statistics.auroc([1.0], [True])


def test_kappa() -> None:
    """Three of four agree, half by chance: (.75 - .5) / .5."""
    assert 0.5 == statistics.kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    assert None is statistics.kappa([], [])


def test_holm() -> None:
    """The smallest p-value counts three times, the next twice; adjusted values never decrease."""
    assert [0.03, 0.06, 0.06] == statistics.holm([0.01, 0.04, 0.03])


def test_percentile() -> None:
    """The median of three; 0 of nothing."""
    assert (0.0, 2.0) == (statistics.percentile([], 50), statistics.percentile([1, 2, 3], 50))
