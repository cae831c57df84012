"""What is shown of an evaluation beyond the terminal: a page of its own (HTML, no network, no script), Markdown, JUnit XML.

Questions, documents and answers are untrusted: every one of their characters is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from xml.sax.saxutils import quoteattr

from rag.evaluation import metrics, plots
from rag.evaluation.comparison import Comparison, Gated, right
from rag.evaluation.records import FIGURES, CitedJSON, RowJSON, RunJSON, group_of

# Outcome of a question → its name for people.
OUTCOMES = {
    "right": "right", "wrong": "wrong", "declined": "rightly declined", "refused": "declined, though answerable",
    "answered": "answered, though unanswerable", "unknown": "nothing to judge by",
}  # fmt: skip
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_HIDDEN = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"), "\ufffd")
_BINS = 10  # of the evidence score, where it is compared with what came of it
_TYPES = 12  # that are drawn
_PER_TYPE = ("right", "hit@5", "doc_hit@5")
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


def outcome(row: RowJSON) -> str:
    """What became of a question: a key of `OUTCOMES`."""
    declined = row["status"] == "abstained"
    if not row["question"]["answerable"]:
        return "declined" if declined else "answered"
    if declined:
        return "refused"
    is_right = right(row)
    return "unknown" if is_right is None else "right" if is_right else "wrong"


def shown(value: float | None, name: str = "") -> str:
    """A figure for people.

    Example:
        >>> shown(0.87654), shown(12.0, "p50_ms"), shown(61, "questions"), shown(None)
        ('0.877', '12.0', '61', '—')
    """
    if value is None:
        return "—"
    if name in ("questions", "answerable", "citations"):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if name.endswith("_ms") or "_ms." in name or name.startswith("tokens") else f"{value:.3f}"


def html(run: RunJSON, gates: Sequence[Gated] = ()) -> str:
    """A run as a page."""
    parts = [
        f"<h1>{_e(run['set']['name'])}</h1>", f'<p class="about">{_about(run)}</p>',
        _headline(run), _defects(run), _gates(gates), '<section class="plots">', *_plots(run["questions"]), "</section>",
        _figures(run), _questions(run["questions"]),
    ]  # fmt: skip
    return _page(f"Evaluation: {run['set']['name']}", parts)


def comparison_html(first: RunJSON, second: RunJSON, compared: Comparison) -> str:
    """Two runs beside each other as a page."""
    rows = "".join(
        f"<tr><th scope=row>{_e(one.name)}</th><td>{one.first:.3f}</td><td>{one.second:.3f}</td>"
        f'<td class="{_way(one.name, one.change)}">{one.change:+.3f}</td><td>{one.low:+.3f} to {one.high:+.3f}</td>'
        f"<td>{one.p:.3g}</td><td>{one.p_adjusted:.3g}</td><td>{one.cases}</td>"
        f"<td>{'—' if one.detectable is None else f'{one.detectable:.3f}'}</td><td>{_e(one.test)}</td></tr>"
        for one in compared.differences
    )
    flips = "".join(
        f'<article class="{outcome(after)}"><h3>{_e(before["question"]["question"])}</h3>{_gold(before)}'
        f'<div class="sides"><div>{_given(before)}</div><div>{_given(after)}</div></div></article>'
        for before, after in compared.flipped
    )
    head = "".join(
        f"<th scope=col>{words}</th>"
        for words in ("figure", "A", "B", "change", "95 %", "p", "p, Holm", "questions", "detectable", "test")
    )
    parts = [
        "<h1>Two runs</h1>", f'<p class="about">A: {_about(first)}</p><p class="about">B: {_about(second)}</p>',
        f"<p>{compared.common} questions in both; {compared.only_first} in A only, {compared.only_second} in B only.</p>",
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>',
        f"<h2>{len(compared.flipped)} questions that one run got right and the other did not</h2>", flips,
    ]  # fmt: skip
    return _page("Two evaluations compared", parts)


def markdown(run: RunJSON, gates: Sequence[Gated] = ()) -> str:
    """A run and its gates as Markdown, for a CI's summary."""
    lines = [f"### {_md(run['set']['name'])}", ""]
    if gates:
        lines += ["| gate | | measured |", "|---|---|---|"]
        lines += [f"| {_md(g.words)} | {'passed' if g.passed else '**failed**'} | {_md(g.detail)} |" for g in gates]
        lines.append("")
    lines += ["| figure | value | 95 % | questions |", "|---|---|---|---|"]
    for name, value in run["figures"].items():
        low_high = run["intervals"].get(name)
        interval = f"{shown(low_high[0], name)} to {shown(low_high[1], name)}" if low_high else ""
        lines.append(f"| {_md(name)} | {shown(value, name)} | {interval} | {run['cases'].get(name, '')} |")
    lines += ["", *(f"* {_md(defect)}" for defect in run["defects"])]
    return "\n".join(lines).rstrip() + "\n"


def junit(run: RunJSON, gates: Sequence[Gated]) -> str:
    """The gates as JUnit XML: a test case each, and one for each fault of the set."""
    cases = [
        f"  <testcase classname={quoteattr(_xml(run['set']['name']))} name={quoteattr(_xml(gate.words))}>"
        + ("" if gate.passed else f"<failure message={quoteattr(_xml(gate.detail))}/>") + "</testcase>"
        for gate in gates
    ] + [
        f"  <testcase classname={quoteattr(_xml(run['set']['name']))} name={quoteattr('defect of the set')}>"
        f"<failure message={quoteattr(_xml(defect))}/></testcase>"
        for defect in run["defects"]
    ]  # fmt: skip
    failed = sum(not gate.passed for gate in gates) + len(run["defects"])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="rag eval" tests="{len(cases)}" failures="{failed}" time="{run["seconds"]}">\n'
        + "\n".join(cases) + "\n</testsuite>\n"
    )  # fmt: skip


def risk_curve(rows: Sequence[RowJSON]) -> list[tuple[float, float]]:
    """(share answered, share of wrong ones among these), the surest answers first."""
    given = [row for row in rows if "risk" in row["measures"]]
    points = metrics.risk_coverage([row["evidence"] for row in given], [row["measures"]["risk"][0] == 0 for row in given])
    return [(coverage * len(given) / len(rows), risk) for coverage, risk in points]


def by_type(rows: Sequence[RowJSON], name: str = "") -> tuple[str, list[plots.Bar]]:
    """A figure by the type of question, the commonest types first; the first figure there is, if none is named."""
    from rag.evaluation import statistics

    name = name or next((one for one in _PER_TYPE if any(one in row["measures"] for row in rows)), _PER_TYPE[0])
    found: dict[str, list[RowJSON]] = {}
    for row in rows:
        if name in row["measures"]:
            found.setdefault(row["question"]["type"] or "(no type)", []).append(row)
    drawn = []
    for kind, its in sorted(found.items(), key=lambda pair: -len(pair[1]))[:_TYPES]:
        parts = [row["measures"][name] for row in its]
        low, high = statistics.Bootstrap([group_of(row) for row in its]).ratio(parts) or (None, None)
        drawn.append(plots.Bar(kind, sum(a for a, _ in parts) / sum(b for _, b in parts), low, high, len(its)))
    return name, drawn


def calibration_curve(rows: Sequence[RowJSON]) -> list[tuple[float, float]]:
    """(evidence, share of right answers), of tenths of the answers given by their evidence."""
    given = sorted((row["evidence"], 1 - row["measures"]["risk"][0]) for row in rows if "risk" in row["measures"])
    size = max(1, len(given) // _BINS)
    bins = [given[i : i + size] for i in range(0, len(given), size)]
    return [(metrics.mean([e for e, _ in one]), metrics.mean([r for _, r in one])) for one in bins]


def plotted(rows: Sequence[RowJSON]) -> list[tuple[str, str]]:
    """(title, SVG) of what a run looks like."""
    name, kinds = by_type(rows)
    made = [(f"{name} by type of question", plots.bars(kinds, title=f"{name} by type"))] if kinds else []
    curve = risk_curve(rows)
    if curve:
        made.append((
            "Risk and coverage: wrong ones among the answers given, if only the surest are given",
            plots.line(curve, title="risk against coverage", x="share of questions answered", y="share wrong",
                       marked=(*curve[-1], "as it is")),
        ))  # fmt: skip
        made.append((
            "Evidence and what came of it: a score is calibrated where they are equal",
            plots.line(calibration_curve(rows), title="share right against evidence", x="evidence", y="share right",
                       other=[(0.0, 0.0), (1.0, 1.0)]),
        ))  # fmt: skip
    times = [row["timings_ms"].get("total", 0.0) for row in rows]
    made.append(("Time of an answer", plots.histogram(times, title="time of an answer", x="milliseconds")))
    spent = [row["measures"].get("tokens_in", (0.0, 1))[0] + row["measures"].get("tokens_out", (0.0, 1))[0] for row in rows]
    cost, unit = (spent, "tokens") if any(spent) else (times, "milliseconds")
    sizes = [sum(len(citation["quote"]) for citation in row["citations"]) for row in rows]
    if any(sizes):
        pairs = [pair for pair in zip(sizes, cost, strict=True) if pair[0]]
        drawn = plots.dots(pairs, title="cost against size", x="characters cited", y=unit)
        made.append(("What an answer costs, against how much it cites", drawn))
    return made


def _page(title: str, parts: Sequence[str]) -> str:
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_e(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _about(run: RunJSON) -> str:
    settings, index = run["settings"], run["index"]
    facts = [
        run["made"], f"model {settings.get('model')}", f"embedder {settings.get('embedder')}", f"k {settings.get('k')}",
        f"evidence {settings.get('evidence')}", f"{index.get('documents')} documents, {index.get('passages')} passages",
        f"{run['seconds']:.1f} s", *(f"{name} {version}" for name, version in run["versions"].items()),
    ]  # fmt: skip
    return " · ".join(_e(str(fact)) for fact in facts)


def _defects(run: RunJSON) -> str:
    if not run["defects"]:
        return ""
    items = "".join(f"<li>{_e(defect)}</li>" for defect in run["defects"])
    return f'<section class="defects"><h2>Faults of the set (not scored)</h2><ul>{items}</ul></section>'


def _gates(gates: Sequence[Gated]) -> str:
    if not gates:
        return ""
    rows = "".join(
        f'<tr class="{"good" if gate.passed else "bad"}"><td>{"✓ passed" if gate.passed else "✗ failed"}</td>'
        f"<td>{_e(gate.words)}</td><td>{_e(gate.detail)}</td></tr>"
        for gate in gates
    )
    return f'<h2>Gates</h2><div class="wide"><table><tbody>{rows}</tbody></table></div>'


def _headline(run: RunJSON) -> str:
    cards = []
    for name in _HEADLINE:
        if (value := run["figures"].get(name)) is not None:
            low_high = run["intervals"].get(name)
            sure = f"{shown(low_high[0], name)} to {shown(low_high[1], name)}" if low_high else ""
            cards.append(f"<div><dt>{_e(name)}</dt><dd>{shown(value, name)}<small>{sure}</small></dd></div>")
    return f'<dl class="headline">{"".join(cards)}</dl>'


def _figures(run: RunJSON) -> str:
    rows = []
    room = ""
    for name, value in run["figures"].items():
        about = FIGURES[name].about if name in FIGURES else "stages"
        if about != room:
            room = about
            rows.append(f'<tr class="room"><th scope=rowgroup colspan=5>{_e(room)}</th></tr>')
        interval = run["intervals"].get(name)
        sure = f"{shown(interval[0], name)} to {shown(interval[1], name)}" if interval else ""
        meaning = FIGURES[name].meaning if name in FIGURES else "stage of an answer, milliseconds"
        rows.append(
            f'<tr><th scope=row>{_e(name)}</th><td>{shown(value, name)}</td><td class="sure">{sure}</td>'
            f"<td>{run['cases'].get(name, '')}</td><td>{_e(meaning)}</td></tr>"
        )
    head = "".join(f"<th scope=col>{words}</th>" for words in ("figure", "value", "95 % interval", "questions", "meaning"))
    body = "".join(rows)
    table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return f"<h2>Figures</h2><details><summary>all figures, with what they mean</summary>{table}</details>"


def _plots(rows: Sequence[RowJSON]) -> Iterator[str]:
    for title, drawn in plotted(rows):
        yield f"<figure>{drawn}<figcaption>{_e(title)}</figcaption></figure>"


def _questions(rows: Sequence[RowJSON]) -> str:
    counts = {name: sum(outcome(row) == name for row in rows) for name in OUTCOMES}
    missed = sum(_is_missed(row) for row in rows)
    choices = ['<label><input type="radio" name="show" id="show-all" checked> all</label>']
    choices += [
        f'<label><input type="radio" name="show" id="show-{name}"> {words} ({counts[name]})</label>'
        for name, words in OUTCOMES.items()
        if counts[name]
    ]
    if missed:
        choices.append(
            f'<label><input type="radio" name="show" id="show-missed"> gold not among the first five ({missed})</label>'
        )
    articles = "".join(_question(row) for row in rows)
    return f'<h2>Questions</h2><form class="filter" aria-label="Which questions">{"".join(choices)}</form>{articles}'


def _is_missed(row: RowJSON) -> bool:
    return any(name in row["measures"] and not row["measures"][name][0] for name in ("hit@5", "doc_hit@5"))


def _question(row: RowJSON) -> str:
    kind = outcome(row)
    classes = f"{kind} missed" if _is_missed(row) else kind
    about = " · ".join(_e(words) for words in (row["question"]["id"], row["question"]["type"]) if words)
    return (
        f'<details class="question {classes}"><summary><span class="badge">{OUTCOMES[kind]}</span> '
        f'{_e(row["question"]["question"])}</summary><p class="about">{about}</p>{_gold(row)}{_given(row)}</details>'
    )


def _gold(row: RowJSON) -> str:
    question = row["question"]
    parts = []
    if question["answers"]:
        parts.append(f"<p>Gold: {_e(' | '.join(question['answers']))}</p>")
    if question["must_mention"]:
        parts.append(f"<p>Must mention: {_e(', '.join(question['must_mention']))}</p>")
    if not question["answerable"]:
        parts.append("<p>Gold: the documents do not answer it.</p>")
    parts += [f"<blockquote>{_e(gold['quote'])}<cite>{_e(gold['source'])}</cite></blockquote>"
              for gold in row["gold"] if gold["quote"]]  # fmt: skip
    return f'<div class="gold">{"".join(parts)}</div>'


def _given(row: RowJSON) -> str:
    measured = ", ".join(
        f"{_e(name)} {shown(above / below, name)}" for name, (above, below) in row["measures"].items() if below
    )
    judged = "".join(
        f"<p>Judged {_e(name)}: <b>{_e(verdict['verdict'])}</b>. {_e(verdict['reason'])}</p>"
        for name, verdict in row["judged"].items()
    )
    flags = "".join(
        f'<p class="flag">✗ {_e(flag["verdict"])}: “{_e(flag["said"])}” {_e(flag["note"])}</p>' for flag in row["flags"]
    )
    notice = f'<p class="about">{_e(row["notice"])}</p>' if row["notice"] else ""
    return (
        f'<p class="answer">{_e(row["answer"])}</p>{notice}{flags}{"".join(map(_citation, row["citations"]))}{judged}'
        f'<p class="about">{_e(row["status"])} · {_e(row["model"])} · evidence {row["evidence"]:.2f} · {measured}</p>'
    )


def _citation(citation: CitedJSON) -> str:
    verdict = citation["verdict"] if citation["exact"] else f"{citation['verdict']}; not the document's characters"
    gold = {True: " · touches gold", False: " · not gold", None: ""}[citation["right"]]
    where = " · ".join(_e(words) for words in (citation["source"], citation["locator"]) if words)
    return (
        f'<blockquote class="cited">[{citation["n"]}] …{_e(citation["before"])}<mark>{_e(citation["quote"])}</mark>'
        f"{_e(citation['after'])}…<cite>{where} · {_e(verdict)}{gold}</cite></blockquote>"
    )


def _way(name: str, change: float) -> str:
    worth = change * (FIGURES[name].better if name in FIGURES else 0)
    return "good" if worth > 0 else "bad" if worth < 0 else ""


def _e(text: str) -> str:
    """Text as it may stand anywhere in HTML; marks that reorder what follows are made visible."""
    return escape(text.translate(_HIDDEN))


def _md(text: str) -> str:
    """Text as it may stand in a cell of a Markdown table."""
    plain = " ".join(text.translate(_HIDDEN).split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~" else c for c in plain).replace("<", "&lt;").replace("://", ":&#47;/")


def _xml(text: str) -> str:
    """Text without what XML cannot hold."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd" for c in text
    )
