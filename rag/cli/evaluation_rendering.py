"""Evaluations as lines of text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.cli.rendering import one_line
from rag.evaluation.calibration import Calibration, Point
from rag.evaluation.comparison import Comparison, Gated
from rag.evaluation.judge import PROMPTS, Agreement
from rag.evaluation.records import FIGURES, RunJSON
from rag.evaluation.report import OUTCOMES, outcome, shown
from rag.index.records import RunInfo

_FLIPS = 20  # questions that changed sides and are listed
_LISTED = ("gold_contained", "hit@5", "doc_ndcg@10", "citation_exact", "refusal_recall")
_CURVE = 12  # points of a curve that are printed


def figures(run: RunJSON) -> Iterator[str]:
    """A table of the figures, with 95 % intervals and how many questions each rests on."""
    width = max(map(len, run["figures"]))
    room = ""
    for name, value in run["figures"].items():
        about = FIGURES[name].about if name in FIGURES else room
        if about != room:
            yield f"{'' if not room else chr(10)}{about}"
            room = about
        interval = run["intervals"].get(name)
        sure = f"{shown(interval[0], name):>9} to {shown(interval[1], name):<9}" if interval else ""
        yield f"  {name:{width}}  {shown(value, name):>9}  {sure:22} {run['cases'].get(name, '')}".rstrip()
    counts = {name: sum(outcome(row) == name for row in run["questions"]) for name in OUTCOMES}
    yield "; ".join(f"{count:,} {OUTCOMES[name]}" for name, count in counts.items() if count)


def gates(results: Sequence[Gated]) -> Iterator[str]:
    """Which gates were passed."""
    for one in results:
        yield f"{'passed' if one.passed else 'FAILED'}  {one.words:40} {one.detail}"


def comparison(compared: Comparison) -> Iterator[str]:
    """What changed, and how surely; then the questions that changed sides."""
    yield f"{'figure':28} {'A':>7} {'B':>7} {'change':>8}  {'95 %':18} {'p':>7} {'Holm':>7} {'n':>6}  detectable"
    for one in compared.differences:
        low_high = f"{one.low:+.3f} to {one.high:+.3f}"
        least = "—" if one.detectable is None else f"{one.detectable:.3f}"
        yield (
            f"{one.name:28} {one.first:7.3f} {one.second:7.3f} {one.change:+8.3f}  {low_high:18} {one.p:7.3g}"
            f" {one.p_adjusted:7.3g} {one.cases:6}  {least}"
        )
    yield f"{compared.common} questions in both; {len(compared.flipped)} changed sides"
    for before, after in compared.flipped[:_FLIPS]:
        yield ""
        yield f"{one_line(before['question']['id'])}: {one_line(before['question']['question'])}"
        yield f"  A, {OUTCOMES[outcome(before)]}: {one_line(before['answer'])[:300]}"
        yield f"  B, {OUTCOMES[outcome(after)]}: {one_line(after['answer'])[:300]}"
    if len(compared.flipped) > _FLIPS:
        yield f"… and {len(compared.flipped) - _FLIPS} more; --report shows all"


def runs(kept: Sequence[RunInfo]) -> Iterator[str]:
    """The runs that are kept."""
    for info in kept:
        found = (f"{name} {info.figures[name]:.3f}" for name in _LISTED if info.figures.get(name) is not None)
        gone = "" if info.whole else "  (figures only: a document that it quotes was removed)"
        model = one_line(str(info.settings.get("model", "")))
        about = f"{info.questions:,} questions, {model}: {', '.join(found)}"
        yield f"{info.number:4}  {info.made[:16]}  {one_line(info.set_name)}  {about}{gone}"


def calibration(fitted: Calibration) -> Iterator[str]:
    """A fitted threshold, and what it does."""
    wanted = "the least cost" if fitted.wanted is None else f"at most {fitted.wanted:.0%} wrong answers"
    yield f"threshold {fitted.threshold:.3f}, fitted on {fitted.questions} questions for {wanted}"
    if not fitted.reached:
        yield "so few wrong answers cannot be had on this set: this is the least there is"
    yield f"{'':34} {'threshold':>9} {'answered':>9} {'wrong':>7} {'declined':>9} {'cost':>6}"
    yield _point("everything answered", fitted.curve[0])
    yield _point("as fitted, on the same questions", fitted.fitted)
    yield _point("on questions it was not fitted on", fitted.held_out)
    for name, (low, high) in fitted.intervals.items():
        yield f"  … {name}, 95 %: {low:.3f} to {high:.3f}"
    yield f"(declined: answerable ones; answered wrongly, a question costs 1; so declined, {fitted.abstain_cost:g})"
    step = max(1, len(fitted.curve) // _CURVE)
    for point in fitted.curve[step::step]:
        yield _point("", point)


def _point(words: str, point: Point) -> str:
    return (
        f"{words:34} {point.threshold:9.3f} {point.coverage:9.1%} {point.risk:7.1%} {point.false_refusals:9.1%}"
        f" {point.cost:6.3f}"
    )


def agreement(found: Agreement) -> Iterator[str]:
    """How a judge agrees with labels."""
    sure = f" ({found.interval[0]:.3f} to {found.interval[1]:.3f})" if found.interval else ""
    yield f"balanced accuracy  {found.balanced_accuracy:.3f}{sure}, {found.claims} claims, prompts {PROMPTS}"
    yield f"Cohen's kappa      {'—' if found.kappa is None else f'{found.kappa:.3f}'}"
    yield f"no verdict on      {found.failed} (counted as wrong)"
    if found.repeats is not None:
        yield f"repeats that agree {found.repeats:.3f}"
