"""Creates the markup for the Evaluate tab: metrics, charts, and the list of runs. Has no side effects."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from rag.evaluation.metric_info import METRICS
from rag.evaluation.records import RunJSON
from rag.evaluation.reports.run_charts import run_charts
from rag.evaluation.reports.svg_charts import standalone
from rag.evaluation.reports.wording import OUTCOMES, count_outcomes, format_interval, format_value
from rag.index.records import RunInfo
from rag.server.page.views.markup import note_markup, one_line

_MAIN_METRICS = ("right", "gold_contained", "hit@5", "ndcg@10", "doc_ndcg@10", "citation_exact", "citation_precision",
            "refusal_recall", "false_refusals", "risk", "auroc", "p50_ms", "p99_ms")  # fmt: skip


def run_markup(run: RunJSON, number: int) -> str:
    """Returns a run's results, including counts by outcome, the main metrics, charts, and a link to the full report.

    Args:
        run: The run.
        number: The run's number in the index.
    """
    rows = run["questions"]
    outcomes = " · ".join(f"{count:,} {OUTCOMES[name]}" for name, count in count_outcomes(rows).items())
    defects = "".join(f'<p class="flag">Problem in the test set: {one_line(defect)}</p>' for defect in run["defects"])
    plots = "".join(_plot_markup(title, svg) for title, svg in run_charts(rows))
    head = f'<h2>{one_line(run["set"]["name"])}</h2><p class="about">{_question_count(len(rows))} · {outcomes}</p>'
    label = "Open the full report: every question with the expected answer and the actual answer"
    link = f'<p><a class="open" href="/runs/{number}" target="_blank">{label}</a></p>'
    return f'<div class="run">{head}{defects}{_metrics_table(run)}{link}<div class="plots">{plots}</div></div>'


def _question_count(count: int) -> str:
    return f"{count:,} question{'s' * (count != 1)}"


def _metrics_table(run: RunJSON) -> str:
    lines = []
    for name in _MAIN_METRICS:
        value = run["figures"].get(name)
        if value is None:
            continue
        interval = format_interval(run["intervals"].get(name), name)
        meaning = one_line(METRICS[name].meaning) if name in METRICS else ""
        cells = f"<td>{format_value(value, name)}</td><td>{interval}</td><td>{meaning}</td>"
        lines.append(f"<tr><td>{one_line(name)}</td>{cells}</tr>")
    head = "<tr><th>Metric</th><th>Value</th><th>95% interval</th><th>Meaning</th></tr>"
    return f'<table class="shelf"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'


def _plot_markup(title: str, svg: str) -> str:
    caption = f'<figcaption class="about">{one_line(title)}</figcaption>'
    return f'<figure><img src="{_data_url(svg)}" alt="{one_line(title)}">{caption}</figure>'


def _data_url(svg: str) -> str:
    # Embed the SVG as an image, because the page's sanitizer would remove the viewBox attribute from inline SVG.
    return f"data:image/svg+xml;base64,{base64.b64encode(standalone(svg).encode()).decode()}"


def progress_markup(done: int, total: int) -> str:
    """Returns a line that shows the progress of a run."""
    return note_markup(f"{done:,} of {_question_count(total)} answered…")


def run_choices(runs: Sequence[RunInfo]) -> list[tuple[str, int]]:
    """Returns all runs whose answers are still stored, as (label, number) pairs for a dropdown."""
    return [(_run_label(info), info.number) for info in runs if info.whole]


def _run_label(info: RunInfo) -> str:
    made = info.made[:16].replace("T", " ")
    return f"{info.number} · {info.set_name} · {made} · correct: {format_value(info.figures.get('right'))}"
