"""The commands for evaluation: `rag eval`, `rag runs`, `rag calibrate`, `rag judge`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.rendering import json_text
from rag.cli.session import (
    Json,
    JsonLines,
    NoSync,
    Session,
    one_format,
    print_error,
    print_json,
    print_json_lines,
    print_lines,
    session_of,
)
from rag.errors import SetError, SettingsError
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.evaluation.comparison import GateResult
    from rag.evaluation.judge import Judge
    from rag.evaluation.records import Question, QuestionSet, RunJSON
    from rag.library import Library

commands = typer.Typer()

_INSTRUCTION_TOKENS = 1000  # tokens reserved for a judge's instructions and reply

_Set = Annotated[str, typer.Argument(metavar="SET", help="Test set: a YAML, JSON, JSONL or SQuAD file, or a folder.")]
_Corpus = Annotated[
    str,
    typer.Option(
        metavar="PATH", help="Documents to use instead of the index: a folder, or a JSONL file of {id, title, text}."
    ),
]
_Within = Annotated[
    bool, typer.Option("--within", help="For each question, use only the documents that the test set names for it.")
]
_Repeats = Annotated[
    int, typer.Option(metavar="N", min=1, max=9, help="Number of times to ask the judge for each verdict.")
]


@commands.command(name="eval", epilog='Example: rag eval questions.yaml --gate "citation_exact>=1.0" --report report.html')
def evaluate(
    context: typer.Context,
    test_set: _Set = "",
    corpus: _Corpus = "",
    within: _Within = False,
    out: Annotated[str, typer.Option(metavar="FILE", help="Write the complete run to this file as JSON.")] = "",
    report: Annotated[str, typer.Option(metavar="FILE", help="Write an HTML report to this file.")] = "",
    markdown: Annotated[
        str, typer.Option(metavar="FILE", help="Write the metrics and the gate results to this file as Markdown.")
    ] = "",
    junit: Annotated[str, typer.Option(metavar="FILE", help="Write the gate results to this file as JUnit XML.")] = "",
    gate: Annotated[
        list[str] | None,
        typer.Option(
            "--gate",
            metavar="BOUND",
            help='Exit with code 1 unless a metric meets this bound, such as "hit@5>=0.95"; can be repeated.',
        ),
    ] = None,
    no_worse_than: Annotated[
        str,
        typer.Option(metavar="RUN", help="Exit with code 1 if a metric is worse than in RUN (a file or a run number)."),
    ] = "",
    margin: Annotated[
        float,
        typer.Option(metavar="X", min=0, max=1, help="How much worse a metric may be before `--no-worse-than` fails."),
    ] = 0.02,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B", help="Compare two earlier runs (files, or numbers from `rag runs`) instead of starting one."
        ),
    ] = None,
    judged: Annotated[bool, typer.Option("--judge", help="Also have the model judge the answers.")] = False,
    repeats: _Repeats = 1,
    price: Annotated[
        str,
        typer.Option(metavar="IN,OUT", help="The model's price per million input and output tokens, in US dollars."),
    ] = "",
    no_keep: Annotated[bool, typer.Option("--no-keep", help="Do not store the run in the index.")] = False,
    no_sync: NoSync = False,
    as_json: Json = False,
    as_jsonl: JsonLines = False,
) -> None:
    """Evaluate answers, citations and refusals on a test set.

    Can also compare runs, check gates and write reports. With `--jsonl`, prints one line per question.
    """
    from rag.evaluation.comparison import check_gate, check_no_worse, parse_gate

    one_format(as_json, as_jsonl)
    session = session_of(context)
    if compare is not None:
        _compare(session, compare, report, as_json)
        return
    questions, prices = _read_set(test_set, corpus), _prices(price)
    gates = [parse_gate(words) for words in gate or []]
    baseline = _load_run(session, no_worse_than) if no_worse_than else None
    for_programs = as_json or as_jsonl
    sync_first = not no_sync and questions.corpus is None
    with session.library(sync_first=sync_first, as_json=for_programs) as library:
        with _corpus_library(session, library, questions) as asked, session.question_progress(for_programs) as progress:
            judge = _judge(asked, repeats) if judged else None
            run = asked.evaluations.run(questions, within=within, prices=prices, judge=judge, on_progress=progress)
        number = None if no_keep else library.evaluations.save_run(run)
    results = [check_gate(one, run) for one in gates]
    results += check_no_worse(run, baseline, margin) if baseline is not None else []
    _write_files(run, results, {"out": out, "report": report, "markdown": markdown, "junit": junit})
    if as_jsonl:
        print_json_lines(run["questions"])
    else:
        _print_run(run, results, number, as_json)
    _finish(session, run, results)


@commands.command(epilog="Example: rag runs 1 --out run.json")
def runs(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", show_default=False, help="Number of a stored run.")] = 0,
    out: Annotated[str, typer.Option(metavar="FILE", help="Write the run to this file as JSON.")] = "",
    report: Annotated[str, typer.Option(metavar="FILE", help="Write an HTML report on the run to this file.")] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Delete the run.")] = False,
    as_json: Json = False,
) -> None:
    """List the stored evaluation runs, or show, export or delete one."""
    session = session_of(context)
    if not number:
        _list_runs(session, as_json)
    elif drop:
        _drop_run(session, number, as_json)
    else:
        with session.library() as library:
            run = library.evaluations.load_run(number)
        _write_files(run, [], {"out": out, "report": report})
        _print_run(run, [], number, as_json)


@commands.command(epilog="Example: rag calibrate questions.yaml --error-rate 0.05")
def calibrate(
    context: typer.Context,
    test_set: _Set = "",
    error_rate: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0, max=1, help="Largest acceptable share of wrong answers among the answers given."
        ),
    ] = 0.1,
    least_cost: Annotated[
        bool, typer.Option("--least-cost", help="Minimise the average cost per question instead of limiting wrong answers.")
    ] = False,
    abstain_cost: Annotated[
        float,
        typer.Option(
            metavar="COST", min=0, max=1, help="Cost of declining an answerable question, if a wrong answer costs 1."
        ),
    ] = 0.25,
    corpus: _Corpus = "",
    within: _Within = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the threshold without storing it.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Restore the built-in threshold.")] = False,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Tune the abstention threshold on your own questions.

    When rag quotes your documents instead of using a model, it declines questions whose evidence score is below this
    threshold. The test set must include questions that your documents do not answer.
    """
    session = session_of(context)
    if forget:
        _reset_threshold(session, as_json)
        return
    questions = _read_set(test_set, corpus)
    target = None if least_cost else error_rate
    with session.library(sync_first=not no_sync and questions.corpus is None, as_json=as_json) as library:
        with _corpus_library(session, library, questions) as asked, session.question_progress(as_json) as progress:
            fitted = asked.evaluations.calibrate(
                questions, error_rate=target, abstain_cost=abstain_cost, within=within, on_progress=progress
            )
        if not dry_run:
            library.evaluations.save_calibration(fitted)
    if as_json:
        from rag.schemas.evaluation import calibrate_json

        print_json(calibrate_json(fitted))
    else:
        from rag.cli import evaluation_rendering

        print_lines(evaluation_rendering.calibration(fitted))
    if not dry_run and session.settings.evidence != Settings().evidence:
        session.note("the `evidence` setting overrides the fitted threshold; to use the fitted one, remove the setting")


@commands.command(epilog="Example: rag judge claims.jsonl --corpus corpus.jsonl --limit 200")
def judge(
    context: typer.Context,
    test_set: Annotated[
        str,
        typer.Argument(metavar="SET", help="Test set of claims, each labelled 1 if its document supports it, or 0 if not."),
    ],
    corpus: _Corpus = "",
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Judge at most this many claims, picked at even intervals.")
    ] = 200,
    repeats: _Repeats = 1,
    as_json: Json = False,
) -> None:
    """Measure how well a model judges labelled claims.

    Run this before you rely on `rag eval --judge`.
    """
    from rag.evaluation.judge import measure_agreement

    session = session_of(context)
    questions = _read_set(test_set, corpus)
    claims = _labelled_claims(questions, limit)
    with session.library() as library, _corpus_library(session, library, questions) as asked:
        chosen = _judge(asked, repeats)
        with session.question_progress(as_json) as progress:
            room = asked.settings.prompt_tokens() - _INSTRUCTION_TOKENS
            agreement = measure_agreement(chosen, claims, asked.document, room, progress)
    if as_json:
        from rag.schemas.evaluation import judge_json

        print_json(judge_json(agreement))
    else:
        from rag.cli import evaluation_rendering

        print_lines(evaluation_rendering.agreement(agreement))


def _read_set(test_set: str, corpus: str) -> QuestionSet:
    """Returns the test set, with the documents from `--corpus` if that option was given."""
    from rag.evaluation import test_sets

    if not test_set:
        raise SetError("no test set given", "name a file or a folder; docs/using.md describes the format under Evaluation")
    questions = test_sets.read_set(Path(test_set))
    return replace(questions, corpus=test_sets.read_corpus(Path(corpus))) if corpus else questions


def _labelled_claims(questions: QuestionSet, limit: int) -> Sequence[Question]:
    """Returns up to `limit` labelled claims from a test set, picked at even intervals."""
    claims = [one for one in questions.questions if one.label is not None and (one.evidence or one.within)]
    if not claims:
        raise SetError(
            f"no labelled claims in {questions.name}",
            "each claim needs a label (0 or 1), and evidence that names its document",
        )
    return claims[:: max(1, len(claims) // limit)][:limit]


def _list_runs(session: Session, as_json: bool) -> None:
    with session.library() as library:
        infos = library.evaluations.list_runs()
    if as_json:
        from rag.schemas.evaluation import runs_json

        print_json(runs_json(infos))
        return
    from rag.cli import evaluation_rendering

    print_lines(evaluation_rendering.runs(infos))
    if not infos:
        session.note("no evaluation runs yet; start one with: rag eval SET")


def _drop_run(session: Session, number: int, as_json: bool) -> None:
    with session.library() as library:
        library.evaluations.delete_run(number)
    if as_json:
        from rag.schemas.evaluation import drop_json

        print_json(drop_json(number))
    else:
        session.note(f"deleted run {number}")


def _reset_threshold(session: Session, as_json: bool) -> None:
    with session.library() as library:
        library.evaluations.clear_calibration()
    if as_json:
        from rag.schemas.evaluation import reset_json

        print_json(reset_json(session.settings.evidence))
    else:
        session.note("the built-in threshold applies again")


def _compare(session: Session, named: tuple[str, str], report: str, as_json: bool) -> None:
    from rag.cli import evaluation_rendering
    from rag.evaluation.comparison import compare

    first, second = (_load_run(session, name) for name in named)
    compared = compare(first, second)
    if report:
        from rag.evaluation.reports.html_report import comparison_page

        _write(report, comparison_page(first, second, compared))
    if as_json:
        from rag.schemas.evaluation import compare_json

        print_json(compare_json(compared))
        return
    print_lines(evaluation_rendering.comparison(compared))
    if first["set"]["sha256"] != second["set"]["sha256"]:
        session.note("the runs used different test sets; only the questions in both are compared")


def _load_run(session: Session, name: str) -> RunJSON:
    """Returns a run, given the name of its file or its number in the index."""
    from rag.evaluation.records import parse_run

    path = Path(name)
    if name.isdecimal() and not path.exists():
        with session.library() as library:
            return library.evaluations.load_run(int(name))
    try:
        return parse_run(json.loads(path.read_text(encoding="utf-8")), name)
    except OSError as error:
        raise SetError(f"cannot read the run {name!r}: {error.strerror}", "check the path") from None
    except (ValueError, RecursionError):
        raise SetError(f"{name!r} is not JSON", "create a run file with: rag eval SET --out RUN.json") from None


@contextmanager
def _corpus_library(session: Session, library: Library, questions: QuestionSet) -> Iterator[Library]:
    """Yields the open library or, if the test set contains its own documents, a library built from those documents.

    The new library's index is stored in a subfolder of the index folder, so that later evaluations can reuse it. The
    subfolder's name is a hash of the documents and of the settings that affect how documents are indexed.
    """
    if questions.corpus is None:
        yield library
        return
    from rag.library import Library

    settings = session.settings
    made_of = f"{questions.corpus.digest} {settings.embedder} {settings.passage_tokens} {settings.ocr}"
    folder = Path(settings.index) / "corpora" / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    with Library.open(folder, settings, short_lived=True) as corpus_library:
        with session.import_progress() as progress:
            if questions.corpus.folder:
                report = corpus_library.sync(questions.corpus.folder, on_progress=progress)
            else:
                report = corpus_library.add_documents(questions.corpus.documents, on_progress=progress)
        for failure in report.failed:
            print_error(f"{failure.source}: {failure.error}")
        yield corpus_library


def _judge(library: Library, repeats: int) -> Judge:
    from rag.evaluation.judge import Judge

    if library.chat_model is None:
        raise SettingsError("no model is set to judge the answers", "set OPENAI_API_KEY, or use --base-url and --model")
    return Judge(library.chat_model, repeats)


def _prices(words: str) -> tuple[float, float] | None:
    """Parses the value of the `--price` option into the input and output prices, such as "0.25,2" → (0.25, 2.0)."""
    if not words:
        return None
    try:
        sent, written = map(float, words.split(","))
    except ValueError:
        raise SettingsError(f"invalid price {words!r}", "use the form --price 0.25,2.00") from None
    return sent, written


def _print_run(run: RunJSON, results: Sequence[GateResult], number: int | None, as_json: bool) -> None:
    if as_json:
        from rag.schemas.evaluation import eval_json

        print_json(eval_json(run, results, number))
    else:
        from rag.cli import evaluation_rendering

        print_lines(evaluation_rendering.figures(run))
        print_lines(evaluation_rendering.gates(results))


def _finish(session: Session, run: RunJSON, results: Iterable[GateResult]) -> None:
    """Prints the test set's defects and the failed gates, then exits with code 1 if any gate failed, or 0 if not."""
    for defect in run["defects"]:
        session.note(f"defect in the test set: {defect}")
    failed = [result for result in results if not result.passed]
    for result in failed:
        print_error(f"gate failed: {result.words}: {result.detail}")
    raise typer.Exit(1 if failed else 0)


def _write_files(run: RunJSON, results: Sequence[GateResult], files: dict[str, str]) -> None:
    """Writes a run in each format for which a file name was given."""
    from rag.evaluation.reports import html_report, junit_report, markdown_report

    if files.get("out"):
        _write(files["out"], json_text(run, indent=1))
    for name, render in (
        ("report", html_report.run_page),
        ("markdown", markdown_report.run_markdown),
        ("junit", junit_report.run_junit),
    ):
        if files.get(name):
            _write(files[name], render(run, results))


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise SetError(
            f"cannot write {path!r}: {error.strerror}", "check the path; to write a stored run again, see: rag runs --help"
        ) from None
