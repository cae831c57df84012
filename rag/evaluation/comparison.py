"""Compares two runs question by question, and checks whether a run meets given bounds (gates)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.errors import SetError
from rag.evaluation import statistics
from rag.evaluation.metric_info import METRICS
from rag.evaluation.records import RowJSON, RunJSON, group_of
from rag.evaluation.statistics import Contribution

_BINARY = {(0.0, 1.0), (1.0, 1.0)}  # the possible contributions to a metric that is 0 or 1 for each question


@dataclass(frozen=True, slots=True)
class Difference:
    """The change in one metric, computed from the questions that are in both runs.

    Attributes:
        name: Name of the metric.
        first: Value of the metric in the first run.
        second: Value of the metric in the second run.
        low: Lower end of the 95% interval for the change.
        high: Upper end of that interval.
        cases: Number of questions that contribute to the metric.
        test: The test used: "McNemar" (exact) if the metric is 0 or 1 for each question, otherwise "permutation" (paired).
        p: p-value of the test.
        p_adjusted: p-value corrected for the number of metrics compared (Holm).
        detectable: Smallest change that the test is likely to detect with this many questions; None if it is undefined.
    """

    name: str
    first: float
    second: float
    change: float
    low: float
    high: float
    cases: int
    test: str
    p: float
    p_adjusted: float
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two runs.

    Attributes:
        flipped: Questions that only one of the runs got right, each as (row in the first run, row in the second run).
        common: Number of questions that are in both runs.
        only_first: Number of questions that are only in the first run.
        only_second: Number of questions that are only in the second run.
    """

    differences: tuple[Difference, ...]
    flipped: tuple[tuple[RowJSON, RowJSON], ...]
    common: int
    only_first: int
    only_second: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound that a metric must meet.

    Attributes:
        words: The gate as the user wrote it, such as "hit@5>=0.95".
        operator: ">=" or "<=".
    """

    words: str
    metric: str
    operator: str
    bound: float


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of checking a gate. `detail` gives the measured value, or says why there is no value."""

    words: str
    passed: bool
    detail: str


def compare(first: RunJSON, second: RunJSON) -> Comparison:
    """Compares two runs question by question.

    Raises:
        SetError: The runs have no question in common.
    """
    before = {row["question"]["id"]: row for row in first["questions"]}
    after = {row["question"]["id"]: row for row in second["questions"]}
    common = [id_ for id_ in before if id_ in after and _is_same_question(before[id_], after[id_])]
    if not common:
        raise SetError("the two runs have no questions in common", "compare two runs of the same test set")
    pairs = [(before[id_], after[id_]) for id_ in common]
    found = [difference for name in _shared_metrics(first, second) if (difference := _difference(name, pairs)) is not None]
    adjusted = statistics.holm([difference.p for difference in found])
    return Comparison(
        differences=tuple(replace(difference, p_adjusted=p) for difference, p in zip(found, adjusted, strict=True)),
        flipped=tuple(pair for pair in pairs if is_right(pair[0]) != is_right(pair[1])),
        common=len(common),
        only_first=len(before) - len(common),
        only_second=len(after) - len(common),
    )


def is_right(row: RowJSON) -> bool | None:
    """Returns whether a question was answered or declined correctly; None if the test set lacks the gold data to decide.

    A question without a gold answer counts as right if one of the first five passages overlaps a gold quote. If it has no
    gold quotes either, it counts as right if one of the first five documents is a gold document.
    """
    return next((row["measures"][name][0] > 0 for name in ("right", "hit@5", "doc_hit@5") if name in row["measures"]), None)


def parse_gate(words: str) -> Gate:
    """Parses a gate such as "hit@5>=0.95".

    Raises:
        SetError: The text does not have the form METRIC>=NUMBER or METRIC<=NUMBER.
    """
    match = re.fullmatch(r"\s*([\w@.]+?)\s*(>=|<=)\s*(-?\d+(?:\.\d+)?|\.\d+)\s*", words)
    if not match:
        raise SetError(f"invalid gate {words!r}", 'use the form "hit@5>=0.95" or "false_refusals<=0.05"')
    return Gate(words=words, metric=match.group(1), operator=match.group(2), bound=float(match.group(3)))


def check_gate(gate: Gate, run: RunJSON) -> GateResult:
    """Checks whether a run passes a gate. If the metric has no value, the gate fails.

    Raises:
        SetError: The run has no such metric.
    """
    if gate.metric not in run["figures"]:
        raise SetError(f"the run has no metric named {gate.metric!r}", f"its metrics are {', '.join(run['figures'])}")
    value = run["figures"][gate.metric]
    if value is None:
        return GateResult(gate.words, passed=False, detail="no question in the test set contributes to this metric")
    passed = value >= gate.bound if gate.operator == ">=" else value <= gate.bound
    interval = run["intervals"].get(gate.metric)
    return GateResult(
        gate.words, passed, f"{value:.4g}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")
    )


def check_no_worse(run: RunJSON, baseline: RunJSON, margin: float) -> list[GateResult]:
    """Checks, for each metric, that the run is not worse than the baseline by more than a margin.

    Metrics for which neither higher nor lower is better are skipped. Only questions that are in both runs are compared, so
    adding questions to a test set does not affect the result.
    """
    results = []
    for difference in compare(baseline, run).differences:
        loss = -difference.change * METRICS[difference.name].direction
        interval = f"{difference.low:+.3f} to {difference.high:+.3f}"
        values = f"{difference.first:.3f} → {difference.second:.3f}"
        results.append(
            GateResult(
                words=f"{difference.name} no worse than the baseline by more than {margin:g}",
                passed=loss <= margin + 1e-12,
                detail=f"{values} ({interval}, p = {difference.p:.2g}, {difference.cases} questions)",
            )
        )
    return results


def _is_same_question(first: RowJSON, second: RowJSON) -> bool:
    return all(first["question"][key] == second["question"][key] for key in ("question", "answerable"))


def _shared_metrics(first: RunJSON, second: RunJSON) -> list[str]:
    return [name for name, info in METRICS.items() if info.direction and name in first["cases"] and name in second["cases"]]


def _difference(name: str, pairs: Sequence[tuple[RowJSON, RowJSON]]) -> Difference | None:
    measured = [pair for pair in pairs if any(row["measures"].get(name, (0.0, 0.0))[1] for row in pair)]
    first, second = ([_contribution(pair[side], name) for pair in measured] for side in (0, 1))
    totals = [tuple(map(sum, zip(*contributions, strict=True))) for contributions in (first, second)]
    if not all(total and total[1] for total in totals):
        return None
    low, high = statistics.Bootstrap([group_of(pair[0]) for pair in measured]).difference_interval(first, second) or (
        0.0,
        0.0,
    )
    test, p = _significance(first, second)
    before, after = (numerator / denominator for numerator, denominator in totals)
    return Difference(
        name=name,
        first=before,
        second=after,
        change=after - before,
        low=low,
        high=high,
        cases=len(measured),
        test=test,
        p=p,
        p_adjusted=p,
        detectable=statistics.detectable_difference(first, second),
    )


def _contribution(row: RowJSON, name: str) -> Contribution:
    numerator, denominator = row["measures"].get(name, (0.0, 0.0))
    return numerator, denominator


def _significance(first: Sequence[Contribution], second: Sequence[Contribution]) -> tuple[str, float]:
    """Returns the name of the significance test that suits the metric, and its p-value."""
    if not {*first, *second} <= _BINARY:
        return "permutation", statistics.permutation(first, second)
    lost = sum(before > after for (before, _), (after, _) in zip(first, second, strict=True))
    won = sum(before < after for (before, _), (after, _) in zip(first, second, strict=True))
    return "McNemar", statistics.mcnemar(lost, won)
