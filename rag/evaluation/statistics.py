"""Computes confidence intervals, significance tests and rank statistics. The results are the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]  # (low, high)
Values = Sequence[float] | NDArray[np.float64]
Contribution = tuple[float, float]  # the (numerator, denominator) that one question contributes to a metric

_RESAMPLES = 1000
_PERMUTATIONS = 10_000
_BATCH = 100  # number of permutations drawn together; limits memory use if there are thousands of questions
_TAIL = 2.5  # percentage of values below a 95% interval; the same percentage is above it
_POWER = 0.8


class Bootstrap:
    """Computes 95% percentile bootstrap intervals, all from the same resamples of a list of questions.

    Questions in the same group, such as those about the same paragraph, are resampled together, because the intervals would
    otherwise be too narrow.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13; Field & Welsh, 2007, for groups.

    Args:
        groups: The group of each question.
        seed: Seed for drawing the resamples.
    """

    def __init__(self, groups: Sequence[Hashable], seed: int = 0) -> None:
        numbers = {group: n for n, group in enumerate(dict.fromkeys(groups))}
        self._group_of = np.array([numbers[group] for group in groups], dtype=np.int64)
        self._group_count = len(numbers)
        shares = np.full(self._group_count, 1 / max(1, self._group_count))
        resamples = np.random.default_rng(seed).multinomial(self._group_count, shares, size=_RESAMPLES)
        self._resamples = resamples.astype(np.float64)  # number of times each group was drawn in each resample

    def ratio_interval(self, contributions: Sequence[Contribution]) -> Interval | None:
        """Returns the interval for Σ numerators / Σ denominators; None if every denominator is 0.

        Args:
            contributions: One contribution per question.
        """
        ratios = self._resampled_ratios(contributions)
        ratios = ratios[~np.isnan(ratios)]
        return _percentile_interval(ratios) if len(ratios) else None

    def difference_interval(self, first: Sequence[Contribution], second: Sequence[Contribution]) -> Interval | None:
        """Returns the interval for the second ratio minus the first, paired by question.

        The result is None if the difference is undefined for every resample.
        """
        differences = self._resampled_ratios(second) - self._resampled_ratios(first)
        differences = differences[~np.isnan(differences)]
        return _percentile_interval(differences) if len(differences) else None

    def _resampled_ratios(self, contributions: Sequence[Contribution]) -> Any:
        values = np.asarray(contributions, dtype=np.float64).reshape(-1, 2)
        numerators, denominators = (
            self._resamples @ np.bincount(self._group_of, values[:, side], minlength=self._group_count) for side in (0, 1)
        )
        return np.divide(numerators, denominators, out=np.full_like(numerators, np.nan), where=denominators != 0)

    def interval(self, statistic: Callable[[NDArray[np.int64]], float | None]) -> Interval | None:
        """Returns the interval for a statistic; None if the statistic is undefined for every resample.

        Args:
            statistic: Function that computes the value from an array of question indexes, which may contain repetitions.
        """
        questions = np.arange(len(self._group_of))
        drawn = (statistic(np.repeat(questions, counts[self._group_of].astype(np.int64))) for counts in self._resamples)
        values = np.array([value for value in drawn if value is not None])
        return _percentile_interval(values) if len(values) else None


def _percentile_interval(values: NDArray[Any]) -> Interval:
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Returns the two-sided p-value of the exact McNemar test; 1 if both runs got the same questions right.

    Args:
        only_first: Number of questions that only the first run got right.
        only_second: Number of questions that only the second run got right.

    Source: McNemar 1947; the exact test uses the binomial distribution with p = 1/2.

    Example:
        >>> round(mcnemar(1, 8), 4)
        0.0391
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail: float = math.fsum(math.exp(_log_choose(n, i) - n * math.log(2)) for i in range(fewer + 1))
    return min(1.0, 2 * tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def permutation(first: Sequence[Contribution], second: Sequence[Contribution], seed: int = 0) -> float:
    """Returns the two-sided p-value of a paired permutation test for the difference between two ratios.

    The p-value is 1 if every question contributes the same to both ratios.
    Draws 10,000 random permutations. The observed data counts as one more permutation, so that the p-value is never 0.
    Source: Fisher 1935; Phipson & Smyth, 2010, for counting the observed data.

    Args:
        first: The contribution of each question in one run.
        second: The contributions of the same questions in the other run.
        seed: Seed for drawing the permutations.
    """
    before, after = (np.asarray(run, dtype=np.float64).reshape(-1, 2) for run in (first, second))
    differing = np.flatnonzero((before != after).any(axis=1))
    if not len(differing):
        return 1.0
    changes = (after - before)[differing]
    before_sums, after_sums = before.sum(axis=0), after.sum(axis=0)
    observed = abs(_ratio(after_sums) - _ratio(before_sums))
    generator = np.random.default_rng(seed)
    as_extreme = 0
    for _ in range(_PERMUTATIONS // _BATCH):
        swapped = generator.integers(0, 2, size=(_BATCH, len(differing)), dtype=np.int8) @ changes
        differences = np.abs(_ratio(after_sums - swapped) - _ratio(before_sums + swapped))
        as_extreme += int((differences >= observed - 1e-12).sum())
    return (as_extreme + 1) / (_PERMUTATIONS + 1)


def _ratio(sums: NDArray[np.float64]) -> Any:
    """Divides numerators by denominators; the last axis contains (numerator, denominator). Dividing by 0 gives 0."""
    numerators, denominators = sums[..., 0], sums[..., 1]
    return np.divide(numerators, denominators, out=np.zeros_like(numerators), where=denominators != 0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values adjusted for multiple comparisons.

    Without the adjustment, about one in twenty metrics would have p < 0.05 by chance. Source: Holm 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = round(largest, 12)
    return adjusted


def detectable_difference(first: Sequence[Contribution], second: Sequence[Contribution]) -> float | None:
    """Returns the smallest true difference that a test with this many questions detects at p < 0.05 with a power of 80 %.

    The formula is (z(0.975) + z(0.8)) · s / √n, where n is the number of questions and s is the standard deviation of their
    effects on the difference. The result is None if all questions have the same effect. Ratios are replaced by linear
    approximations (the delta method). Source: Cohen, Statistical Power Analysis, 1988, ch. 2, for paired values.
    """
    effects = []
    for contributions in (first, second):
        values = np.asarray(contributions, dtype=np.float64).reshape(-1, 2)
        mean = values.mean(axis=0) if len(values) else np.zeros(2)
        if not mean[1]:
            return None
        effects.append((values[:, 0] - mean[0] / mean[1] * values[:, 1]) / mean[1])
    effect = effects[1] - effects[0]
    if len(effect) < 2 or np.ptp(effect) < 1e-12:
        return None
    normal = NormalDist()
    z = normal.inv_cdf(1 - _TAIL / 100) + normal.inv_cdf(_POWER)
    return float(z * effect.std(ddof=1) / math.sqrt(len(effect)))


def percentile(values: Values, p: float) -> float:
    """Returns the p-th percentile, with linear interpolation; 0 if there are no values."""
    return float(np.percentile(values, p)) if len(values) else 0.0


def auroc(scores: Values, labels: Sequence[bool] | NDArray[np.bool_]) -> float | None:
    """Returns the area under the ROC curve: the probability that a random positive scores higher than a random negative.

    A tie counts as one half. The result is None unless there are both positives and negatives.
    Source: Hanley & McNeil 1982, computed from ranks.

    Example:
        >>> auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
        0.875
    """
    values, is_positive = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return None
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return float((ranks[is_positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Returns Cohen's kappa: how much two raters agree beyond chance.

    The result is None if there are no ratings or if the agreement expected by chance is 1.
    Source: Cohen 1960.

    Example:
        >>> kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
        0.5
    """
    n = len(first)
    if not n:
        return None
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    by_chance = sum((first.count(label) / n) * (second.count(label) / n) for label in set(first) | set(second))
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else None
