"""Formats a run and its gates as Markdown for a CI job's summary. The text of a run is untrusted and is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evaluation.comparison import GateResult
from rag.evaluation.records import RunJSON
from rag.evaluation.reports.wording import format_interval, format_value, show_unsafe_characters

_SPECIAL = frozenset("\\`*_{}[]()#+!|~")


def run_markdown(run: RunJSON, gates: Sequence[GateResult] = ()) -> str:
    """Returns a table of the gates, a table of the metrics, and a list of the errors in the test set."""
    lines = [f"### {_escape(run['set']['name'])}", ""]
    if gates:
        lines += ["| gate | result | measured |", "|---|---|---|"]
        lines += [
            f"| {_escape(gate.words)} | {'passed' if gate.passed else '**failed**'} | {_escape(gate.detail)} |"
            for gate in gates
        ]
        lines.append("")
    lines += ["| metric | value | 95% interval | questions |", "|---|---|---|---|"]
    for name, value in run["figures"].items():
        interval = format_interval(run["intervals"].get(name), name)
        lines.append(f"| {_escape(name)} | {format_value(value, name)} | {interval} | {run['cases'].get(name, '')} |")
    lines += ["", *(f"* {_escape(defect)}" for defect in run["defects"])]
    return "\n".join(lines).rstrip() + "\n"


def _escape(text: str) -> str:
    """Returns the text as a single line without markup or links, safe for use in a Markdown table cell."""
    line = " ".join(show_unsafe_characters(text).split())
    escaped = "".join(f"\\{character}" if character in _SPECIAL else character for character in line)
    return escaped.replace("<", "&lt;").replace("://", ":&#47;/")
