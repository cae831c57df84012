"""Descriptions of the metrics."""

from __future__ import annotations

from rag.evaluation.metric_info import METRICS
from rag.evaluation.records import RunJSON


def test_every_metric_of_a_run_is_described(run: RunJSON) -> None:
    """Only the times of the stages of an answer have no entry."""
    assert [] == [name for name in run["figures"] if name not in METRICS and "_ms." not in name]


def test_metrics_of_a_section_are_listed_together() -> None:
    """Tables print a heading where the section changes, so that each section must be one block."""
    sections = [info.section for info in METRICS.values()]
    headings = [section for n, section in enumerate(sections) if n == 0 or sections[n - 1] != section]

    assert list(dict.fromkeys(sections)) == headings


def test_directions() -> None:
    """Errors are better when fewer; what is only counted has no direction."""
    lower_is_better = {name for name, info in METRICS.items() if info.direction < 0}

    assert lower_is_better == {
        "quotes_misattributed", "quotes_not_found", "false_refusals", "risk", "aurc", "judge_failed",
    }  # fmt: skip
    assert {-1, 0, 1} == {info.direction for info in METRICS.values()}
