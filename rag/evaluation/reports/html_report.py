"""Formats runs and comparisons of runs as HTML pages, which contain no scripts and load nothing from the network.

Questions, documents and answers are untrusted, so all text from a run is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from rag.evaluation.comparison import Comparison, Difference, GateResult
from rag.evaluation.metric_info import METRICS
from rag.evaluation.records import RowJSON, RunCitationJSON, RunJSON
from rag.evaluation.reports.run_charts import run_charts
from rag.evaluation.reports.wording import (
    OUTCOMES,
    count_outcomes,
    format_interval,
    format_value,
    outcome,
    show_unsafe_characters,
)

_CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_HEADLINE = (
    "right",
    "hit@5",
    "doc_hit@5",
    "citation_exact",
    "citation_precision",
    "refusal_recall",
    "false_refusals",
    "p50_ms",
)


def run_page(run: RunJSON, gates: Sequence[GateResult] = ()) -> str:
    """Returns the report on a run: metrics, gates, charts, and every question with its gold data and its answer."""
    parts = [
        f"<h1>{_text(run['set']['name'])}</h1>",
        f'<p class="about">{_conditions(run)}</p>',
        _headline(run),
        _defects(run),
        _gates(gates),
        '<section class="plots">',
        *_charts(run["questions"]),
        "</section>",
        _metrics(run),
        _questions(run["questions"]),
    ]
    return _page(f"Evaluation: {run['set']['name']}", parts)


def comparison_page(first: RunJSON, second: RunJSON, comparison: Comparison) -> str:
    """Returns the report on a comparison: each metric's change, and the questions that only one run got right."""
    parts = [
        "<h1>Comparison of two runs</h1>",
        f'<p class="about">A: {_conditions(first)}</p><p class="about">B: {_conditions(second)}</p>',
        f"<p>Questions in both runs: {comparison.common}; only in A: {comparison.only_first};"
        f" only in B: {comparison.only_second}.</p>",
        _table(
            ("metric", "A", "B", "change", "95% interval", "p", "p (Holm)", "questions", "detectable", "test"),
            map(_difference_row, comparison.differences),
        ),
        f"<h2>Questions that only one run got right: {len(comparison.flipped)}</h2>",
        *(_flipped_question(before, after) for before, after in comparison.flipped),
    ]
    return _page("Comparison of two runs", parts)


def _page(title: str, parts: Sequence[str]) -> str:
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT_SECURITY_POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[str]) -> str:
    cells = "".join(f"<th scope=col>{words}</th>" for words in head)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _conditions(run: RunJSON) -> str:
    settings, index = run["settings"], run["index"]
    facts = [
        run["made"],
        f"model {settings.get('model')}",
        f"embedder {settings.get('embedder')}",
        f"k {settings.get('k')}",
        f"evidence threshold {settings.get('evidence')}",
        f"documents {index.get('documents')}",
        f"passages {index.get('passages')}",
        f"{run['seconds']:.1f} s",
        *(f"{name} {version}" for name, version in run["versions"].items()),
    ]
    return " · ".join(_text(str(fact)) for fact in facts)


def _headline(run: RunJSON) -> str:
    cards = []
    for name in _HEADLINE:
        if (value := run["figures"].get(name)) is not None:
            interval = format_interval(run["intervals"].get(name), name)
            cards.append(f"<div><dt>{_text(name)}</dt><dd>{format_value(value, name)}<small>{interval}</small></dd></div>")
    return f'<dl class="headline">{"".join(cards)}</dl>'


def _defects(run: RunJSON) -> str:
    if not run["defects"]:
        return ""
    items = "".join(f"<li>{_text(defect)}</li>" for defect in run["defects"])
    return f'<section class="defects"><h2>Errors in the test set (not scored)</h2><ul>{items}</ul></section>'


def _gates(gates: Sequence[GateResult]) -> str:
    if not gates:
        return ""
    rows = (
        f'<tr class="{"good" if gate.passed else "bad"}"><td>{"✓ passed" if gate.passed else "✗ failed"}</td>'
        f"<td>{_text(gate.words)}</td><td>{_text(gate.detail)}</td></tr>"
        for gate in gates
    )
    return f"<h2>Gates</h2>{_table(('result', 'gate', 'measured'), rows)}"


def _charts(rows: Sequence[RowJSON]) -> list[str]:
    return [f"<figure>{svg}<figcaption>{_text(title)}</figcaption></figure>" for title, svg in run_charts(rows)]


def _metrics(run: RunJSON) -> str:
    rows = []
    current_section = ""
    for name, value in run["figures"].items():
        info = METRICS.get(name)
        section = info.section if info else "stages"
        if section != current_section:
            current_section = section
            rows.append(f'<tr class="section"><th scope=rowgroup colspan=5>{_text(section)}</th></tr>')
        meaning = info.meaning if info else "time spent on one stage of an answer, in milliseconds"
        rows.append(
            f"<tr><th scope=row>{_text(name)}</th><td>{format_value(value, name)}</td>"
            f'<td class="interval">{format_interval(run["intervals"].get(name), name)}</td>'
            f"<td>{run['cases'].get(name, '')}</td><td>{_text(meaning)}</td></tr>"
        )
    table = _table(("metric", "value", "95% interval", "questions", "meaning"), rows)
    return f"<h2>Metrics</h2><details><summary>All metrics and their meaning</summary>{table}</details>"


def _difference_row(difference: Difference) -> str:
    least = "—" if difference.detectable is None else f"{difference.detectable:.3f}"
    return (
        f"<tr><th scope=row>{_text(difference.name)}</th><td>{difference.first:.3f}</td><td>{difference.second:.3f}</td>"
        f'<td class="{_change_class(difference)}">{difference.change:+.3f}</td>'
        f"<td>{difference.low:+.3f} to {difference.high:+.3f}</td><td>{difference.p:.3g}</td>"
        f"<td>{difference.p_adjusted:.3g}</td><td>{difference.cases}</td><td>{least}</td><td>{_text(difference.test)}</td></tr>"
    )


def _change_class(difference: Difference) -> str:
    gain = difference.change * (METRICS[difference.name].direction if difference.name in METRICS else 0)
    return "good" if gain > 0 else "bad" if gain < 0 else ""


def _flipped_question(before: RowJSON, after: RowJSON) -> str:
    return (
        f'<article class="{outcome(after)}"><h3>{_text(before["question"]["question"])}</h3>{_gold(before)}'
        f'<div class="sides"><div>{_answer(before)}</div><div>{_answer(after)}</div></div></article>'
    )


def _questions(rows: Sequence[RowJSON]) -> str:
    choices = ['<label><input type="radio" name="show" id="show-all" checked> all</label>']
    choices += [
        f'<label><input type="radio" name="show" id="show-{name}"> {OUTCOMES[name]} ({count})</label>'
        for name, count in count_outcomes(rows).items()
    ]
    if missed := sum(_is_missed(row) for row in rows):
        choices.append(
            f'<label><input type="radio" name="show" id="show-missed"> no gold in the first five hits ({missed})</label>'
        )
    questions = "".join(map(_question, rows))
    return f'<h2>Questions</h2><form class="filter" aria-label="Filter questions">{"".join(choices)}</form>{questions}'


def _is_missed(row: RowJSON) -> bool:
    return any(name in row["measures"] and not row["measures"][name][0] for name in ("hit@5", "doc_hit@5"))


def _question(row: RowJSON) -> str:
    name = outcome(row)
    classes = f"{name} missed" if _is_missed(row) else name
    about = " · ".join(_text(words) for words in (row["question"]["id"], row["question"]["type"]) if words)
    return (
        f'<details class="question {classes}"><summary><span class="badge">{OUTCOMES[name]}</span> '
        f'{_text(row["question"]["question"])}</summary><p class="about">{about}</p>{_gold(row)}{_answer(row)}</details>'
    )


def _gold(row: RowJSON) -> str:
    question = row["question"]
    parts = []
    if question["answers"]:
        parts.append(f"<p>Gold answers: {_text(' | '.join(question['answers']))}</p>")
    if question["must_mention"]:
        parts.append(f"<p>Must mention: {_text(', '.join(question['must_mention']))}</p>")
    if not question["answerable"]:
        parts.append("<p>The documents do not answer this question, so it should be declined.</p>")
    parts += [
        f"<blockquote>{_text(gold['quote'])}<cite>{_text(gold['source'])}</cite></blockquote>"
        for gold in row["gold"]
        if gold["quote"]
    ]
    return f'<div class="gold">{"".join(parts)}</div>'


def _answer(row: RowJSON) -> str:
    measures = ", ".join(
        f"{_text(name)} {format_value(numerator / denominator, name)}"
        for name, (numerator, denominator) in row["measures"].items()
        if denominator
    )
    verdicts = "".join(
        f"<p>Judge's verdict on {_text(criterion)}: <b>{_text(verdict['verdict'])}</b>. {_text(verdict['reason'])}</p>"
        for criterion, verdict in row["judged"].items()
    )
    flags = "".join(
        f'<p class="flag">✗ {_text(flag["verdict"])}: “{_text(flag["said"])}” {_text(flag["note"])}</p>'
        for flag in row["flags"]
    )
    notice = f'<p class="about">{_text(row["notice"])}</p>' if row["notice"] else ""
    citations = "".join(map(_citation, row["citations"]))
    return (
        f'<p class="answer">{_text(row["answer"])}</p>{notice}{flags}{citations}{verdicts}'
        f'<p class="about">{_text(row["status"])} · {_text(row["model"])} · evidence {row["evidence"]:.2f} · {measures}</p>'
    )


def _citation(citation: RunCitationJSON) -> str:
    exactness = "" if citation["exact"] else "; differs from the document's text"
    gold = {True: " · overlaps gold", False: " · overlaps no gold", None: ""}[citation["right"]]
    where = " · ".join(_text(words) for words in (citation["source"], citation["locator"]) if words)
    return (
        f'<blockquote class="cited">[{citation["n"]}] …{_text(citation["before"])}<mark>{_text(citation["quote"])}</mark>'
        f"{_text(citation['after'])}…<cite>{where} · {_text(citation['verdict'])}{exactness}{gold}</cite></blockquote>"
    )


def _text(text: str) -> str:
    """Escapes untrusted text for use anywhere in HTML, and replaces invisible characters that would reorder the text."""
    return escape(show_unsafe_characters(text))
