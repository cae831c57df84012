"""Computes a run's metrics, and their 95% confidence intervals, from the measurements made for each question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rag.evaluation import metrics, statistics
from rag.evaluation.metric_info import METRICS
from rag.evaluation.records import RowJSON, group_of
from rag.evaluation.statistics import Interval

Prices = tuple[float, float]  # (price of input tokens, price of output tokens), in US dollars per million tokens

# List prices of the models whose names start with each prefix. Source: the vendor's price page in August 2025. These
# prices may have changed.
_LIST_PRICES: Mapping[str, Prices] = {
    "gpt-5-nano": (0.05, 0.40), "gpt-5-mini": (0.25, 2.00), "gpt-5": (1.25, 10.00), "gpt-4.1-nano": (0.10, 0.40),
    "gpt-4.1-mini": (0.40, 1.60), "gpt-4.1": (2.00, 8.00), "gpt-4o-mini": (0.15, 0.60), "gpt-4o": (2.50, 10.00),
}  # fmt: skip
# Metrics that every run lists, even if no question contributes to them.
_ALWAYS = frozenset(
    """hit@1 hit@5 mrr@5 span_recall@5 doc_ndcg@10 gold_contained gold_contained_if_answered sentences citation_exact
    citation_precision refusal_recall refusal_precision false_refusals""".split()
)


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """A run's metrics.

    Attributes:
        values: Value of each metric; None if no question contributes to the metric.
        intervals: 95% bootstrap interval of each metric.
        cases: Number of questions that contribute to each metric.
    """

    values: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)


def aggregate(rows: Sequence[RowJSON], prices: Prices | None = None) -> RunMetrics:
    """Computes a run's metrics, their 95% intervals, and the number of questions that contribute to each metric.

    If no answer has a citation, `citation_exact` is 1, because no citation is wrong.

    Args:
        rows: The run's questions with their measurements.
        prices: The model's prices. If omitted, list prices are used for known models.
    """
    aggregation = _Aggregation(rows)
    found = aggregation.found
    found.values.update(questions=len(rows), answerable=sum(row["question"]["answerable"] for row in rows))
    measured = {name for row in rows for name in row["measures"]}
    for name in [*(name for name in METRICS if name not in found.values), *sorted(measured - set(METRICS))]:
        aggregation.add_ratio(name)
    _add_ranking_of_evidence(aggregation, rows)
    _add_times(aggregation, rows)
    _add_cost(found.values, rows, prices)
    return found


class _Aggregation:
    """Collects metrics and computes their intervals, all from the same bootstrap resamples of the rows."""

    def __init__(self, rows: Sequence[RowJSON]) -> None:
        self.found = RunMetrics()
        self._rows = rows
        self._bootstrap = statistics.Bootstrap([group_of(row) for row in rows])

    def add_ratio(self, name: str) -> None:
        """Adds a metric whose value is the sum of the questions' numerators divided by the sum of their denominators."""
        contributions = [row["measures"].get(name, (0.0, 0.0)) for row in self._rows]
        numerator, denominator = (sum(contribution[side] for contribution in contributions) for side in (0, 1))
        if name == "citations":
            self.found.values[name] = numerator
        elif denominator:
            self.found.values[name] = numerator / denominator
            self.found.cases[name] = sum(contribution[1] > 0 for contribution in contributions)
            self._add_interval(name, self._bootstrap.ratio_interval(contributions))
        elif name in _ALWAYS:
            self.found.values[name] = 1.0 if name == "citation_exact" else None

    def add(self, name: str, statistic: Callable[[NDArray[np.int64]], float | None], cases: int | None = None) -> None:
        """Adds the metric that `statistic` computes from row indexes. Adds nothing if the result is None."""
        value = statistic(np.arange(len(self._rows)))
        if value is None:
            return
        self.found.values[name] = value
        if cases is not None:
            self.found.cases[name] = cases
        self._add_interval(name, self._bootstrap.interval(statistic))

    def _add_interval(self, name: str, interval: Interval | None) -> None:
        if interval is not None:
            self.found.intervals[name] = interval


def _add_ranking_of_evidence(aggregation: _Aggregation, rows: Sequence[RowJSON]) -> None:
    """Adds metrics for how well evidence scores predict whether questions are answerable and answers are right."""
    evidence = np.array([row["evidence"] for row in rows])
    answerable = np.array([row["question"]["answerable"] for row in rows], dtype=bool)
    aggregation.add("auroc", lambda numbers: statistics.auroc(evidence[numbers], answerable[numbers]), len(rows))
    answered = np.array(["risk" in row["measures"] for row in rows], dtype=bool)
    right = np.array([row["measures"].get("risk", (1.0, 1))[0] == 0 for row in rows], dtype=bool)

    def aurc(numbers: NDArray[np.int64]) -> float | None:
        numbers = numbers[answered[numbers]]
        points = metrics.risk_coverage(evidence[numbers].tolist(), right[numbers].tolist())
        return metrics.area_under_risk_coverage(points) if points else None

    aggregation.add("aurc", aurc, int(answered.sum()))


def _add_times(aggregation: _Aggregation, rows: Sequence[RowJSON]) -> None:
    """Adds percentiles of the time per answer and of the time spent in each stage.

    Only the percentiles of the time per answer have intervals.
    """
    stages = dict.fromkeys(["total", *(stage for row in rows for stage in row["timings_ms"])])
    for stage in stages:
        times = np.array([row["timings_ms"].get(stage, 0.0) for row in rows])
        for p in (50, 90, 99):
            if stage == "total":
                aggregation.add(f"p{p}_ms", partial(_percentile_of, times, p))
            else:
                aggregation.found.values[f"p{p}_ms.{stage}"] = statistics.percentile(times, p)


def _percentile_of(times: NDArray[np.float64], p: float, numbers: NDArray[np.int64]) -> float:
    return statistics.percentile(times[numbers], p)


def _add_cost(values: dict[str, float | None], rows: Sequence[RowJSON], prices: Prices | None) -> None:
    model = next((row["model"] for row in rows if "tokens_in" in row["measures"]), "")
    # subtle: longer prefixes come first in the table so that "gpt-5-mini" is not charged at the price of "gpt-5".
    known = (price for prefix, price in _LIST_PRICES.items() if model.lower().startswith(prefix))
    prices = prices or next(known, None)
    if model and prices:
        counts = [sum(row["measures"].get(name, (0.0, 0.0))[0] for row in rows) for name in ("tokens_in", "tokens_out")]
        values["cost_usd"] = sum(count * price for count, price in zip(counts, prices, strict=True)) / 1_000_000
