"""Draws charts of a run: risk and coverage, calibration, time per answer, cost, and one metric for each question type."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evaluation import metrics, statistics
from rag.evaluation.records import RowJSON, group_of
from rag.evaluation.reports import svg_charts
from rag.evaluation.reports.svg_charts import Bar

_BINS = 10  # number of points in the calibration curve, each for a bin of answers with similar evidence scores
_MAX_TYPES = 12  # maximum number of question types to draw
_METRICS_BY_TYPE = ("right", "hit@5", "doc_hit@5")  # the first of these metrics that the run contains is drawn


def run_charts(rows: Sequence[RowJSON]) -> list[tuple[str, str]]:
    """Returns (title, SVG) for each chart that the run has data for."""
    charts = []
    name, bars = metric_by_type(rows)
    if bars:
        charts.append((f"{name} by question type", svg_charts.bars(bars, title=f"{name} by question type")))
    charts += _risk_charts(rows)
    times = [row["timings_ms"].get("total", 0.0) for row in rows]
    charts.append(("Time per answer", svg_charts.histogram(times, title="time per answer", x="milliseconds")))
    return charts + _cost_chart(rows, times)


def _risk_charts(rows: Sequence[RowJSON]) -> list[tuple[str, str]]:
    curve = risk_curve(rows)
    if not curve:
        return []
    risk = svg_charts.line(
        curve,
        title="risk at each coverage",
        x="share of questions answered",
        y="share of wrong answers",
        marked=(*curve[-1], "this run"),
    )
    calibration = svg_charts.line(
        calibration_curve(rows),
        title="share of right answers by evidence score",
        x="evidence score",
        y="share of right answers",
        reference=[(0.0, 0.0), (1.0, 1.0)],
    )
    return [
        ("Risk and coverage: share of wrong answers if only the answers with the highest evidence scores are given", risk),
        ("Calibration: on the dashed line, the evidence score equals the share of right answers", calibration),
    ]


def _cost_chart(rows: Sequence[RowJSON], times: Sequence[float]) -> list[tuple[str, str]]:
    """Plots the cost of each answer against the number of characters it cites.

    The cost is the number of tokens or, if no model was used, the time in milliseconds.
    """
    tokens = [sum(row["measures"].get(name, (0.0, 1))[0] for name in ("tokens_in", "tokens_out")) for row in rows]
    costs, unit = (tokens, "tokens") if any(tokens) else (times, "milliseconds")
    sizes = [sum(len(citation["quote"]) for citation in row["citations"]) for row in rows]
    points = [(size, cost) for size, cost in zip(sizes, costs, strict=True) if size]
    if not points:
        return []
    chart = svg_charts.dots(points, title="cost by number of characters cited", x="characters cited", y=unit)
    return [("Cost of an answer by the number of characters it cites", chart)]


def risk_curve(rows: Sequence[RowJSON]) -> list[tuple[float, float]]:
    """Returns (share of questions answered, share of those answers that are wrong) for decreasing evidence thresholds."""
    given = [row for row in rows if "risk" in row["measures"]]
    points = metrics.risk_coverage([row["evidence"] for row in given], [row["measures"]["risk"][0] == 0 for row in given])
    return [(coverage * len(given) / len(rows), risk) for coverage, risk in points]


def metric_by_type(rows: Sequence[RowJSON]) -> tuple[str, list[Bar]]:
    """Returns the name of the metric to draw by question type, and a bar for each of the most frequent types."""
    measured = (name for name in _METRICS_BY_TYPE if any(name in row["measures"] for row in rows))
    name = next(measured, _METRICS_BY_TYPE[0])
    by_type: dict[str, list[RowJSON]] = {}
    for row in rows:
        if name in row["measures"]:
            by_type.setdefault(row["question"]["type"] or "(no type)", []).append(row)
    most_frequent = sorted(by_type.items(), key=lambda item: -len(item[1]))[:_MAX_TYPES]
    return name, [_bar(type_, name, of_type) for type_, of_type in most_frequent]


def _bar(label: str, name: str, rows: Sequence[RowJSON]) -> Bar:
    contributions = [row["measures"][name] for row in rows]
    low, high = statistics.Bootstrap([group_of(row) for row in rows]).ratio_interval(contributions) or (None, None)
    value = sum(numerator for numerator, _ in contributions) / sum(denominator for _, denominator in contributions)
    return Bar(label, value, low, high, len(rows))


def calibration_curve(rows: Sequence[RowJSON]) -> list[tuple[float, float]]:
    """Returns (mean evidence score, share of right answers) for each bin of answers.

    Each bin contains about the same number of answers, and the bins are ordered by evidence score.
    """
    given = sorted((row["evidence"], 1 - row["measures"]["risk"][0]) for row in rows if "risk" in row["measures"])
    size = max(1, len(given) // _BINS)
    bins = [given[i : i + size] for i in range(0, len(given), size)]
    return [(metrics.mean([evidence for evidence, _ in one]), metrics.mean([right for _, right in one])) for one in bins]
