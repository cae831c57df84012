"""Renders evaluation results as lines of text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.cli.rendering import one_line
from rag.evaluation.calibration import Calibration, Point
from rag.evaluation.comparison import Comparison, GateResult
from rag.evaluation.judge import PROMPT_VERSION, Agreement
from rag.evaluation.metric_info import METRICS
from rag.evaluation.records import RunJSON
from rag.evaluation.reports.wording import OUTCOMES, count_outcomes, format_value, outcome
from rag.index.records import RunInfo

_MAX_FLIPPED = 20  # maximum number of questions listed below a comparison
_MAX_POINTS = 12  # approximate number of points shown from a calibration curve
_LISTED = ("gold_contained", "hit@5", "doc_ndcg@10", "citation_exact", "refusal_recall")  # shown in the list of runs


def figures(run: RunJSON) -> Iterator[str]:
    """Yields lines that show a run's results.

    First comes a table with each metric's value, 95% interval and number of questions, then a line with the number of
    questions for each outcome.
    """
    width = max(map(len, run["figures"]))
    section = ""
    for name, value in run["figures"].items():
        this_section = METRICS[name].section if name in METRICS else section
        if this_section != section:
            yield f"\n{this_section}" if section else this_section
            section = this_section
        interval = run["intervals"].get(name)
        low_high = f"{format_value(interval[0], name):>9} to {format_value(interval[1], name):<9}" if interval else ""
        yield f"  {name:{width}}  {format_value(value, name):>9}  {low_high:22} {run['cases'].get(name, '')}".rstrip()
    yield "; ".join(f"{count:,} {OUTCOMES[name]}" for name, count in count_outcomes(run["questions"]).items())


def gates(results: Sequence[GateResult]) -> Iterator[str]:
    """Yields a line with the result of each gate."""
    for result in results:
        yield f"{'passed' if result.passed else 'FAILED'}  {result.words:40} {result.detail}"


def comparison(compared: Comparison) -> Iterator[str]:
    """Yields a table of the differences between two runs, then the questions that only one of the runs got right."""
    yield f"{'metric':28} {'A':>7} {'B':>7} {'change':>8}  {'95% interval':18} {'p':>7} {'Holm p':>7} {'n':>6}  detectable"
    for one in compared.differences:
        interval = f"{one.low:+.3f} to {one.high:+.3f}"
        detectable = "—" if one.detectable is None else f"{one.detectable:.3f}"
        yield (
            f"{one.name:28} {one.first:7.3f} {one.second:7.3f} {one.change:+8.3f}  {interval:18} {one.p:7.3g}"
            f" {one.p_adjusted:7.3g} {one.cases:6}  {detectable}"
        )
    yield f"{compared.common} questions in both runs; {len(compared.flipped)} correct in only one of them"
    for before, after in compared.flipped[:_MAX_FLIPPED]:
        yield ""
        yield f"{one_line(before['question']['id'])}: {one_line(before['question']['question'])}"
        yield f"  A, {OUTCOMES[outcome(before)]}: {one_line(before['answer'])[:300]}"
        yield f"  B, {OUTCOMES[outcome(after)]}: {one_line(after['answer'])[:300]}"
    if len(compared.flipped) > _MAX_FLIPPED:
        yield f"… and {len(compared.flipped) - _MAX_FLIPPED} more; to see all of them, use --report"


def runs(infos: Sequence[RunInfo]) -> Iterator[str]:
    """Yields one line per stored run."""
    for info in infos:
        values = (f"{name} {info.figures[name]:.3f}" for name in _LISTED if info.figures.get(name) is not None)
        missing = "" if info.whole else "  (metrics only: a document that the run quotes was removed)"
        model = one_line(str(info.settings.get("model", "")))
        about = f"{info.questions:,} questions, {model}: {', '.join(values)}"
        yield f"{info.number:4}  {info.made[:16]}  {one_line(info.set_name)}  {about}{missing}"


def calibration(fitted: Calibration) -> Iterator[str]:
    """Yields lines that show a fitted threshold and its effect."""
    target = (
        "the lowest cost" if fitted.target_error_rate is None else f"at most {fitted.target_error_rate:.0%} wrong answers"
    )
    yield f"threshold {fitted.threshold:.3f}, fitted on {fitted.questions} questions for {target}"
    if not fitted.reached:
        yield "no threshold reaches this target on the test set; this one comes closest"
    yield f"{'':38} {'threshold':>9} {'answered':>9} {'wrong':>7} {'declined':>9} {'cost':>6}"
    yield _point("everything answered", fitted.curve[0])
    yield _point("fitted, on the same questions", fitted.fitted)
    yield _point("cross-validated, on held-out questions", fitted.held_out)
    for name, (low, high) in fitted.intervals.items():
        yield f"  95% interval for {name}: {low:.3f} to {high:.3f}"
    yield "answered: share of all questions (coverage); wrong: share of the answers given (risk);"
    yield "declined: share of the answerable questions;"
    yield (
        "cost: mean per question, if a wrong answer costs 1 and declining an answerable question costs "
        f"{fitted.abstain_cost:g}"
    )
    step = max(1, len(fitted.curve) // _MAX_POINTS)
    for point in fitted.curve[step::step]:
        yield _point("", point)


def _point(words: str, point: Point) -> str:
    return (
        f"{words:38} {point.threshold:9.3f} {point.coverage:9.1%} {point.risk:7.1%} {point.false_refusals:9.1%}"
        f" {point.cost:6.3f}"
    )


def agreement(found: Agreement) -> Iterator[str]:
    """Yields lines that show how well a judge's verdicts agree with the labels in a test set."""
    interval = f" ({found.interval[0]:.3f} to {found.interval[1]:.3f})" if found.interval else ""
    yield f"balanced accuracy  {found.balanced_accuracy:.3f}{interval}, {found.claims} claims, prompts {PROMPT_VERSION}"
    yield f"Cohen's kappa      {'—' if found.kappa is None else f'{found.kappa:.3f}'}"
    yield f"without a verdict  {found.failed} (counted as wrong)"
    if found.repeats is not None:
        yield f"repeats that agree {found.repeats:.3f}"
