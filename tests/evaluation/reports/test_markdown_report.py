"""Markdown for the summary of a CI job."""

from __future__ import annotations

from rag.evaluation.comparison import GateResult
from rag.evaluation.records import RunJSON
from rag.evaluation.reports.markdown_report import run_markdown


def test_untrusted_text_is_no_markup(hostile_run: RunJSON, gates: list[GateResult]) -> None:
    """No tag, no link, no cell that ends early."""
    for line in run_markdown(hostile_run, gates).splitlines():
        assert "<b>" not in line
        assert "](java" not in line


def test_tables(run: RunJSON) -> None:
    """Gates, metrics with intervals, defects."""
    gates = [GateResult("right>=0.5", True, "1"), GateResult("right<=0.5", False, "1")]
    lines = run_markdown({**run, "defects": ["a: no document b"]}, gates).splitlines()

    assert "### set" == lines[0]
    assert "| right>=0.5 | passed | 1 |" in lines
    assert "| right&lt;=0.5 | **failed** | 1 |" in lines
    assert "| right | 1.000 | 1.000 to 1.000 | 3 |" in lines
    assert "* a: no document b" == lines[-1]
