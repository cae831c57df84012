"""The commands that measure: `rag eval`, `rag runs`, `rag calibrate`, `rag judge`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from rag.cli.session import Json, NoSync, count_progress, import_progress, opened, print_json, say, show_lines
from rag.errors import SetError, SettingsError
from rag.settings import ResolvedSettings

EVAL_EXAMPLE = 'Example: rag eval questions.yaml --gate "citation_exact>=1.0" --report report.html'
_Corpus = Annotated[str, typer.Option(help="The set's own documents: a folder, or a JSONL of {id, title, text}.")]
_Within = Annotated[bool, typer.Option("--within", help="Ask each question of the documents the set names for it only.")]


def evaluate(
    context: typer.Context,
    test_set: Annotated[str, typer.Argument(metavar="[SET]", help="Questions: YAML, JSON(L), SQuAD, or a folder.")] = "",
    corpus: _Corpus = "",
    within: _Within = False,
    out: Annotated[str, typer.Option(help="Write the whole run here, JSON.")] = "",
    report: Annotated[str, typer.Option(help="Write a page to look at here, HTML.")] = "",
    markdown: Annotated[str, typer.Option(help="Write figures and gates here, Markdown.")] = "",
    junit: Annotated[str, typer.Option(help="Write the gates here, JUnit XML.")] = "",
    gate: Annotated[list[str] | None, typer.Option("--gate", help='Exit with 1 unless it holds: "hit@5>=0.95".')] = None,
    no_worse_than: Annotated[str, typer.Option(metavar="RUN", help="Exit with 1 where it is worse than this run.")] = "",
    margin: Annotated[float, typer.Option(min=0, max=1, help="How much worse it may be.")] = 0.02,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Compare two runs instead: files, or numbers of `rag runs`."),
    ] = None,
    judged: Annotated[bool, typer.Option("--judge", help="Have the model judge the answers, too.")] = False,
    repeats: Annotated[int, typer.Option(min=1, max=9, help="How often it is asked for each verdict.")] = 1,
    price: Annotated[str, typer.Option(metavar="IN,OUT", help="The model's, US dollars for a million tokens.")] = "",
    no_keep: Annotated[bool, typer.Option("--no-keep", help="Do not keep the run with the index.")] = False,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Measure answers on a test set: retrieval, answers, citations, refusals; compare runs, and gate on them."""
    if compare is not None:
        _compare(context, compare[0], compare[1], report, as_json)
        return
    from rag.evaluation import comparison as comparing

    questions = _questions(test_set, corpus)
    gates = [comparing.parse_gate(words) for words in gate or []]
    prices = _prices(price)
    baseline = _run(context, no_worse_than) if no_worse_than else None
    with opened(context, sync_first=not no_sync and questions.corpus is None, quiet=as_json) as library:
        with _over_corpus(context, library, questions) as asked, count_progress(as_json) as progress:
            judge = _judge(asked, repeats) if judged else None
            run = asked.evaluations.run(questions, within=within, prices=prices, judge=judge, on_progress=progress)
        number = None if no_keep else library.evaluations.keep(run)
    results = [comparing.gated(one, run) for one in gates]
    if baseline is not None:
        results += comparing.no_worse(run, baseline, margin)
    _write_all(run, results, {"out": out, "report": report, "markdown": markdown, "junit": junit})
    if as_json:
        from rag.schemas.evaluation import eval_json

        print_json(eval_json(run, results, number))
    else:
        from rag.cli import evaluation_rendering

        show_lines((*evaluation_rendering.figures(run), *evaluation_rendering.gates(results)))
    for defect in run["defects"]:
        say(f"the set: {defect}")
    failed = [one for one in results if not one.passed]
    for one in failed:
        say(f"gate failed: {one.words}: {one.detail}")
    raise typer.Exit(1 if failed else 0)


def runs(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="[NUMBER]", help="One of them.")] = 0,
    out: Annotated[str, typer.Option(help="Write it here, JSON.")] = "",
    report: Annotated[str, typer.Option(help="Write its page here, HTML.")] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Forget it.")] = False,
    as_json: Json = False,
) -> None:
    """List the evaluations that are kept, or show, write or forget one."""
    from rag.cli import evaluation_rendering
    from rag.schemas.evaluation import eval_json, runs_json

    with opened(context) as library:
        if not number:
            kept = library.evaluations.kept()
            if as_json:
                print_json(runs_json(kept))
                return
            show_lines(evaluation_rendering.runs(kept))
            if not kept:
                say("no evaluations yet; make one with: rag eval SET")
            return
        if drop:
            library.evaluations.drop(number)
            say(f"forgot run {number}")
            return
        run = library.evaluations.load(number)
    _write_all(run, [], {"out": out, "report": report})
    if as_json:
        print_json(eval_json(run, [], number))
    else:
        show_lines(evaluation_rendering.figures(run))


def calibrate(
    context: typer.Context,
    test_set: Annotated[str, typer.Argument(metavar="[SET]", help="Questions, some of them unanswerable.")] = "",
    error_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of wrong answers that may be given.")] = 0.1,
    least_cost: Annotated[bool, typer.Option("--least-cost", help="Find what costs least instead.")] = False,
    abstain_cost: Annotated[
        float, typer.Option(min=0, max=1, help="Of declining an answerable question; a wrong answer costs 1.")
    ] = 0.25,
    corpus: _Corpus = "",
    within: _Within = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and keep nothing.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Go back to the threshold that is shipped.")] = False,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Fit the evidence below which an extracted answer declines, to questions of your own, and keep it with the index."""
    from rag.cli import evaluation_rendering
    from rag.schemas.evaluation import calibrate_json

    if forget:
        with opened(context) as library:
            library.evaluations.keep_calibration(None)
        say("the shipped threshold is back")
        return
    questions = _questions(test_set, corpus)
    with opened(context, sync_first=not no_sync and questions.corpus is None, quiet=as_json) as library:
        with _over_corpus(context, library, questions) as asked, count_progress(as_json) as progress:
            fitted = asked.evaluations.calibrate(
                questions, error_rate=None if least_cost else error_rate, abstain_cost=abstain_cost, within=within,
                on_progress=progress,
            )  # fmt: skip
        if not dry_run:
            library.evaluations.keep_calibration(fitted)
        overruled = library.settings.evidence != type(library.settings)().evidence
    if as_json:
        print_json(calibrate_json(fitted))
    else:
        show_lines(evaluation_rendering.calibration(fitted))
    if overruled and not dry_run:
        say("the setting evidence is in force instead; remove it to use the fitted threshold")


def judge(
    context: typer.Context,
    test_set: Annotated[
        str, typer.Argument(metavar="SET", help="Claims with a label: 1 if their document bears them out.")
    ],
    corpus: _Corpus = "",
    limit: Annotated[int, typer.Option(min=1, help="Judge so many claims, evenly spaced.")] = 200,
    repeats: Annotated[int, typer.Option(min=1, max=9, help="How often the model is asked for each verdict.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the judge itself: how a model's verdicts on labelled claims agree with their labels."""
    from rag.cli import evaluation_rendering
    from rag.evaluation import judge as judging
    from rag.schemas.evaluation import judge_json

    questions = _questions(test_set, corpus)
    claims = [one for one in questions.questions if one.label is not None and (one.evidence or one.within)]
    if not claims:
        raise SetError(f"{test_set} holds no labelled claims", "each needs label: 0 or 1, and evidence with its document")
    claims = claims[:: max(1, len(claims) // limit)][:limit]
    with opened(context) as library, _over_corpus(context, library, questions) as asked:
        its_judge = _judge(asked, repeats)
        with count_progress(as_json) as progress:
            found = judging.agreement(its_judge, claims, asked.document, asked.settings.prompt_tokens() - 1000, progress)
    if as_json:
        print_json(judge_json(found))
    else:
        show_lines(evaluation_rendering.agreement(found))


def _questions(test_set: str, corpus: str) -> Any:
    """The set that was named, with its own documents where it brings some, or where they are named."""
    from rag.evaluation import test_sets

    if not test_set:
        raise SetError("no test set was named", "name a file or a folder; its format is in the README, Evaluate")
    questions = test_sets.read_set(Path(test_set))
    return replace(questions, corpus=test_sets.read_corpus(Path(corpus))) if corpus else questions


def _compare(context: typer.Context, first: str, second: str, report: str, as_json: bool) -> None:
    from rag.cli import evaluation_rendering
    from rag.evaluation.comparison import compare
    from rag.schemas.evaluation import compare_json

    one, other = _run(context, first), _run(context, second)
    compared = compare(one, other)
    if report:
        from rag.evaluation.report import comparison_html

        _write(report, comparison_html(one, other, compared))
    if as_json:
        print_json(compare_json(compared))
        return
    show_lines(evaluation_rendering.comparison(compared))
    if one["set"]["sha256"] != other["set"]["sha256"]:
        say("the sets of the two runs differ; only questions that both have are compared")


def _run(context: typer.Context, named: str) -> Any:
    """A run by its file, or its number among those that are kept."""
    from rag.evaluation.records import checked_run

    path = Path(named)
    if named.isdecimal() and not path.exists():
        with opened(context) as library:
            return library.evaluations.load(int(named))
    try:
        return checked_run(json.loads(path.read_text(encoding="utf-8")), named)
    except OSError as error:
        raise SetError(f"the run {named!r} cannot be read ({error.strerror})", "check the path") from None
    except (ValueError, RecursionError):
        raise SetError(f"{named!r} is no JSON", "write a run with: rag eval SET --out RUN.json") from None


@contextmanager
def _over_corpus(context: typer.Context, library: Any, questions: Any) -> Iterator[Any]:
    """The library to ask: the one at hand, or one over the set's own documents, kept in the index by what they are."""
    if questions.corpus is None:
        yield library
        return
    from rag.library import Library

    resolved: ResolvedSettings = context.obj()
    settings = resolved.settings
    made_of = f"{questions.corpus.digest} {settings.embedder} {settings.passage_tokens} {settings.ocr}"
    folder = Path(settings.index) / "corpora" / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    with Library.open(folder, settings, short_lived=True) as over, import_progress() as progress:
        if questions.corpus.folder:
            report = over.sync(questions.corpus.folder, on_progress=progress)
        else:
            report = over.add_documents(questions.corpus.documents, on_progress=progress)
        for one in report.failed:
            say(f"{one.source}: {one.error}")
        yield over


def _judge(library: Any, repeats: int) -> Any:
    from rag.evaluation.judge import Judge

    chat_model = library.chat_model
    if chat_model is None:
        raise SettingsError("a judge takes a model, and none is set", "set OPENAI_API_KEY, or --base-url and --model")
    return Judge(chat_model, repeats)


def _prices(words: str) -> tuple[float, float] | None:
    if not words:
        return None
    try:
        sent, written = map(float, words.split(","))
    except ValueError:
        raise SettingsError(f"{words!r} is not a price", "write --price 0.25,2.00") from None
    return sent, written


def _write_all(run: Any, results: Any, files: dict[str, str]) -> None:
    from rag.evaluation import report

    if files.get("out"):
        _write(files["out"], json.dumps(run, ensure_ascii=False, indent=1))
    for name, made in (("report", report.html), ("markdown", report.markdown), ("junit", report.junit)):
        if files.get(name):
            _write(files[name], made(run, results))


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise SetError(f"{path!r} cannot be written ({error.strerror})", "check the path; the run itself is kept") from None
