"""How sure a figure is, and whether two runs differ. Pure; the same figures from the same input, whatever the machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
Values = Sequence[float] | NDArray[np.float64]
Parts = tuple[float, float]  # what a question adds above and below the line of a figure

_RESAMPLES = 1000
_PERMUTATIONS = 10_000
_TAIL = 2.5  # per cent left out on each side of a 95 % interval
_POWER = 0.8


class Bootstrap:
    """95 % percentile intervals of figures of one set of questions, all from the same resamples.

    Questions that hang together (about one paragraph, say) are drawn together: else the intervals would be too narrow.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13; Field & Welsh, 2007, for groups.

    Args:
        groups: Of each question, what it hangs together with.
        seed: Of the draws.
    """

    def __init__(self, groups: Sequence[Hashable], seed: int = 0) -> None:
        numbers = {group: n for n, group in enumerate(dict.fromkeys(groups))}
        self._group = np.array([numbers[group] for group in groups], dtype=np.int64)
        self._count = len(numbers)
        chooser = np.random.default_rng(seed)
        shares = np.full(self._count, 1 / max(1, self._count))
        self._drawn = chooser.multinomial(self._count, shares, size=_RESAMPLES).astype(np.float64)  # times each group came

    def ratio(self, parts: Sequence[Parts]) -> Interval | None:
        """Of the sum of what questions add above the line over that of what they add below; None where that is 0."""
        drawn = self._drawn_ratios(parts)
        drawn = drawn[~np.isnan(drawn)]
        return _interval(drawn) if len(drawn) else None

    def difference(self, first: Sequence[Parts], second: Sequence[Parts]) -> Interval | None:
        """Of the second ratio less the first, both of the same questions."""
        drawn = self._drawn_ratios(second) - self._drawn_ratios(first)
        drawn = drawn[~np.isnan(drawn)]
        return _interval(drawn) if len(drawn) else None

    def _drawn_ratios(self, parts: Sequence[Parts]) -> Any:
        values = np.asarray(parts, dtype=np.float64).reshape(-1, 2)
        above, below = (self._drawn @ np.bincount(self._group, values[:, side], minlength=self._count) for side in (0, 1))
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)

    def of(self, statistic: Callable[[NDArray[np.int64]], float | None]) -> Interval | None:
        """Of any statistic of the questions whose numbers it is given; None where it has no value for any resample."""
        everybody = np.arange(len(self._group))
        drawn = (statistic(np.repeat(everybody, counts[self._group].astype(np.int64))) for counts in self._drawn)
        values = np.array([value for value in drawn if value is not None])
        return _interval(values) if len(values) else None


def _interval(values: NDArray[Any]) -> Interval:
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Probability of a split at least this uneven, if both were equally good; two-sided and exact. 1 if nothing differs.

    Args:
        only_first: Questions that the first got right and the second did not.
        only_second: The other way round.

    Source: McNemar 1947; exact by the binomial distribution with p = 1/2.

    Example:
        >>> round(mcnemar(1, 8), 4)
        0.0391
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail: float = math.fsum(math.exp(_log_choose(n, i) - n * math.log(2)) for i in range(fewer + 1))
    return min(1.0, 2 * tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def permutation(first: Sequence[Parts], second: Sequence[Parts], seed: int = 0) -> float:
    """Probability of a difference at least as large between two figures, if which run a question's came from were chance.

    Two-sided; 10,000 draws, the one that was seen among them: never 0. 1 if nothing differs.
    Source: Fisher 1935; Phipson & Smyth, 2010, for counting what was seen.

    Args:
        first: Of each question, what it adds above and below the line of the figure, in one run.
        second: The same in the other.
        seed: Of the draws.
    """
    one, other = (np.asarray(parts, dtype=np.float64).reshape(-1, 2) for parts in (first, second))
    differs = np.flatnonzero((one != other).any(axis=1))
    if not len(differs):
        return 1.0
    apart = (other - one)[differs]
    sums, chooser = (one.sum(axis=0), other.sum(axis=0)), np.random.default_rng(seed)
    seen = abs(_ratio(sums[1]) - _ratio(sums[0]))
    as_far = 0
    for _ in range(_PERMUTATIONS // 100):  # a hundred at a time: of thousands of questions
        swapped = chooser.integers(0, 2, size=(100, len(differs)), dtype=np.int8) @ apart
        differences = np.abs(_ratio(sums[1] - swapped) - _ratio(sums[0] + swapped))
        as_far += int((differences >= seen - 1e-12).sum())
    return (as_far + 1) / (_PERMUTATIONS + 1)


def _ratio(sums: NDArray[np.float64]) -> Any:
    """Of sums above and below the line, the last axis; 0 over 0 is 0."""
    above, below = sums[..., 0], sums[..., 1]
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Probabilities made larger for how many figures were looked at: of twenty, one is below .05 by chance.

    Source: Holm 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(probabilities)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(probabilities)), key=lambda i: probabilities[i])):
        largest = max(largest, min(1.0, (len(probabilities) - rank) * probabilities[i]))
        adjusted[i] = round(largest, 12)
    return adjusted


def detectable(first: Sequence[Parts], second: Sequence[Parts]) -> float | None:
    """The smallest true difference that so many questions would show, four times of five, at p < .05.

    (z(.975) + z(.8)) · standard deviation / √n, of how each question moves the difference; None where none does.
    Source: Cohen, Statistical Power Analysis, 1988, ch. 2, for paired values; for ratios by their first derivative.
    """
    moves = []
    for parts in (first, second):
        values = np.asarray(parts, dtype=np.float64).reshape(-1, 2)
        mean = values.mean(axis=0) if len(values) else np.zeros(2)
        if not mean[1]:
            return None
        moves.append((values[:, 0] - mean[0] / mean[1] * values[:, 1]) / mean[1])
    move = moves[1] - moves[0]
    if len(move) < 2 or np.ptp(move) < 1e-12:
        return None
    z = NormalDist()
    return float((z.inv_cdf(1 - _TAIL / 100) + z.inv_cdf(_POWER)) * move.std(ddof=1) / math.sqrt(len(move)))


def percentile(values: Values, p: float) -> float:
    """The value below which p per cent lie, between neighbours in proportion; 0 of nothing."""
    return float(np.percentile(values, p)) if len(values) else 0.0


def auroc(scores: Values, labels: Sequence[bool] | NDArray[np.bool_]) -> float | None:
    """Probability that one labelled true has a higher score than one that is not; ties count half. None without both.

    Source: Hanley & McNeil 1982, by ranks.

    Example:
        >>> auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
        0.875
    """
    values, wanted = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    positive = int(wanted.sum())
    negative = len(wanted) - positive
    if not positive or not negative:
        return None
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return float((ranks[wanted].sum() - positive * (positive + 1) / 2) / (positive * negative))


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Agreement of two raters beyond chance; None of nothing, or where chance alone would agree always.

    Source: Cohen 1960.

    Example:
        >>> kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
        0.5
    """
    n = len(first)
    if not n:
        return None
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    by_chance = sum((first.count(kind) / n) * (second.count(kind) / n) for kind in set(first) | set(second))
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else None
