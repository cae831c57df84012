"""Evaluations as the page shows them: figures, plots, the list of runs. Pure, as `rag.server.page.views.answer_view` is."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from rag.evaluation.plots import alone
from rag.evaluation.records import FIGURES, RunJSON
from rag.evaluation.report import OUTCOMES, outcome, plotted, shown
from rag.index.records import RunInfo
from rag.server.page.views.answer_view import one_line

_NAMED = ("right", "gold_contained", "hit@5", "ndcg@10", "doc_ndcg@10", "citation_exact", "citation_precision",
          "refusal_recall", "false_refusals", "risk", "auroc", "p50_ms", "p99_ms")  # fmt: skip


def run(made: RunJSON, number: int) -> str:
    """What came of a run: how many answers of each kind, the main figures with intervals, plots, the way to all of it."""
    rows = made["questions"]
    counts = [(words, sum(outcome(row) == kind for row in rows)) for kind, words in OUTCOMES.items()]
    told = " · ".join(f"{count:,} {words}" for words, count in counts if count)
    defects = "".join(f'<p class="flag">the set: {one_line(defect)}</p>' for defect in made["defects"])
    plots = "".join(_figure(title, drawn) for title, drawn in plotted(rows))
    head = f'<h2>{one_line(made["set"]["name"])}</h2><p class="about">{_asked(len(rows))} · {told}</p>'
    return f"<div class=\"run\">{head}{defects}{_table(made)}{_link(number)}<div class='plots'>{plots}</div></div>"


def _asked(count: int) -> str:
    return f"{count:,} question{'s' * (count != 1)}"


def _link(number: int) -> str:
    words = "Every question with its gold and its answer"
    return f'<p><a class="open" href="/runs/{number}" target="_blank">{words}</a></p>'


def _table(made: RunJSON) -> str:
    lines = []
    for name in _NAMED:
        value = made["figures"].get(name)
        if value is None:
            continue
        interval = made["intervals"].get(name)
        sure = f"{shown(interval[0], name)} to {shown(interval[1], name)}" if interval else ""
        meaning = one_line(FIGURES[name].meaning) if name in FIGURES else ""
        cells = f"<td>{shown(value, name)}</td><td>{sure}</td><td>{meaning}</td>"
        lines.append(f"<tr><td>{one_line(name)}</td>{cells}</tr>")
    head = "<tr><th>figure</th><th>value</th><th>95 % interval</th><th>what it says</th></tr>"
    return f'<table class="shelf"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'


def _figure(title: str, drawn: str) -> str:
    caption = f'<figcaption class="about">{one_line(title)}</figcaption>'
    return f'<figure><img src="{_picture(drawn)}" alt="{one_line(title)}">{caption}</figure>'


def _picture(drawn: str) -> str:
    # As a picture of its own: in the page its viewBox would be taken from it.
    return f"data:image/svg+xml;base64,{base64.b64encode(alone(drawn).encode()).decode()}"


def progress(done: int, total: int) -> str:
    """How far a run is."""
    return f'<p class="about">{done:,} of {_asked(total)} answered…</p>'


def runs(kept: Sequence[RunInfo]) -> list[tuple[str, int]]:
    """(name, number) of runs whose answers are there still, to choose from."""
    return [
        (f"{info.number} · {info.set_name} · {info.made[:16].replace('T', ' ')} · right {shown(info.figures.get('right'))}",
         info.number)
        for info in kept if info.whole
    ]  # fmt: skip
