"""Runs test sets on a library, stores the runs with the index, and fits the abstention threshold."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from rag.errors import SetError
from rag.evaluation import scoring
from rag.evaluation.aggregation import Prices, aggregate
from rag.evaluation.calibration import Calibration, Provenance, fit_threshold
from rag.evaluation.records import SCHEMA_VERSION, QuestionSet, RowJSON, RunJSON, parse_run
from rag.evaluation.scoring import EvaluatedLibrary
from rag.index.records import RunInfo, StoredRun
from rag.records import Answer, Filter

if TYPE_CHECKING:
    from rag.index.catalog import Catalog

OnProgress = Callable[[int, int], None]  # (number of questions answered so far, total number of questions)

_CALIBRATION = "calibration"  # key for the fitted threshold in the catalog's meta table


def _ignore_progress(done: int, total: int) -> None:
    pass


class RowJudge(Protocol):
    """Adds further measurements to the row for an answer, such as a language model's verdict."""

    def judge_row(self, row: RowJSON) -> None:
        """Adds entries to the row's `judged` and `measures`."""


@dataclass(frozen=True, slots=True)
class RunConditions:
    """The conditions under which a run was made, as JSON values."""

    settings: Mapping[str, Any]
    index: Mapping[str, Any]
    versions: Mapping[str, str]


class Evaluations:
    """Evaluates a library on test sets, and manages its stored runs and its fitted abstention threshold.

    Args:
        library: The library to evaluate.
        catalog: The catalog that stores the runs and the threshold.
        answer_without_threshold: Function that answers by extraction and never abstains for lack of evidence.
        conditions: Function that returns the current settings, facts about the index, and software versions.
    """

    def __init__(
        self,
        library: EvaluatedLibrary,
        catalog: Catalog,
        answer_without_threshold: Callable[[str, Filter | None], Answer],
        conditions: Callable[[], RunConditions],
    ) -> None:
        self._library = library
        self._catalog = catalog
        self._answer_without_threshold = answer_without_threshold
        self._conditions = conditions

    def run(
        self,
        questions: QuestionSet,
        *,
        within: bool = False,
        prices: Prices | None = None,
        judge: RowJudge | None = None,
        on_progress: OnProgress = _ignore_progress,
    ) -> RunJSON:
        """Asks every question in a test set and measures the answers.

        Args:
            questions: The test set, as returned by `rag.evaluation.test_sets.read_set`. Its documents must already be in
                the library.
            within: Restrict each question to the documents that the test set names for it.
            prices: The model's prices in US dollars per million input tokens and per million output tokens. If omitted,
                list prices are used for known models.
            judge: Adds further measurements to each row, such as a language model's verdict.
            on_progress: Called after each question with the number of questions answered so far and the total. An exception
                that it raises ends the run.
        """
        return self._run(self._library, questions, within=within, prices=prices, judge=judge, on_progress=on_progress)

    def calibrate(
        self,
        questions: QuestionSet,
        *,
        error_rate: float | None = 0.1,
        abstain_cost: float = 0.25,
        within: bool = False,
        on_progress: OnProgress = _ignore_progress,
    ) -> Calibration:
        """Fits the abstention threshold for extracted answers, using a test set. `save_calibration` puts it into effect.

        Args:
            questions: A test set that contains gold answers, and also questions that the documents do not answer.
            error_rate: Highest share of wrong answers allowed among the answers given; None to minimise the cost instead.
            abstain_cost: Cost of declining an answerable question; a wrong answer costs 1.
            within: The same as for `run`.
            on_progress: The same as for `run`.

        Raises:
            SetError: The test set has too few questions with the gold data needed to decide whether an answer is right.
        """
        library = _WithoutThreshold(self._library, self._answer_without_threshold)
        run = self._run(library, questions, within=within, prices=None, judge=None, on_progress=on_progress)
        provenance = Provenance(
            set_name=questions.name, set_sha256=questions.digest, embedder=self._embedder(), made=run["made"]
        )
        return fit_threshold(
            run["questions"], target_error_rate=error_rate, abstain_cost=abstain_cost, provenance=provenance
        )

    def save_calibration(self, calibration: Calibration) -> None:
        """Stores a fitted threshold with the index, so that it applies in every process that uses the index."""
        self._catalog.meta.set(_CALIBRATION, json.dumps(calibration.to_json()))

    def clear_calibration(self) -> None:
        """Deletes the fitted threshold, so that the built-in threshold applies again."""
        self._catalog.meta.set(_CALIBRATION, "")

    def load_calibration(self) -> Calibration | None:
        """Returns the threshold stored with the index; None if there is none or it was fitted with a different embedder."""
        stored = self._catalog.meta.get(_CALIBRATION)
        calibration = Calibration.from_json(json.loads(stored)) if stored else None
        return calibration if calibration is not None and calibration.embedder == self._embedder() else None

    def save_run(self, run: RunJSON) -> int:
        """Stores a run with the index and returns its number.

        If a document that the run quotes is removed later, the run's answers are deleted, and only its metrics remain.
        """
        sources = {citation["source"] for row in run["questions"] for citation in row["citations"]}
        sources |= {gold["source"] for row in run["questions"] for gold in row["gold"]}
        return self._catalog.runs.save(
            StoredRun(
                made=run["made"],
                set_name=run["set"]["name"],
                set_sha256=run["set"]["sha256"],
                settings=run["settings"],
                figures=run["figures"],
                questions=len(run["questions"]),
                sources=frozenset(sources),
                data=json.dumps(run, ensure_ascii=False).encode(),
            )
        )

    def list_runs(self) -> list[RunInfo]:
        """Returns the stored runs, newest first."""
        return self._catalog.runs.infos()

    def load_run(self, number: int) -> RunJSON:
        """Returns a stored run with all its answers.

        Raises:
            SetError: There is no run with that number, or its answers were deleted because a quoted document was removed.
        """
        data = self._catalog.runs.data(number)
        if data is None:
            raise SetError(
                f"there is no complete run {number}: either it does not exist or its answers were deleted",
                "to list the stored runs, use `rag runs`",
            )
        return parse_run(json.loads(data), f"run {number}")

    def delete_run(self, number: int) -> None:
        """Deletes a stored run.

        Raises:
            SetError: There is no run with that number.
        """
        if not self._catalog.runs.delete(number):
            raise SetError(f"there is no run {number}", "to list the stored runs, use `rag runs`")

    def _embedder(self) -> str:
        return self._catalog.versions.current().embedder

    def _run(
        self,
        library: EvaluatedLibrary,
        questions: QuestionSet,
        *,
        within: bool,
        prices: Prices | None,
        judge: RowJudge | None,
        on_progress: OnProgress,
    ) -> RunJSON:
        conditions = self._conditions()
        started = time.monotonic()
        made = datetime.now(UTC).isoformat(timespec="seconds")
        defects: list[str] = []
        rows: list[RowJSON] = []
        for row in scoring.score_questions(library, questions.questions, within=within, on_defect=defects.append):
            if judge is not None:
                judge.judge_row(row)
            rows.append(row)
            on_progress(len(rows), len(questions.questions))
        found = aggregate(rows, prices)
        return {
            "schema_version": SCHEMA_VERSION,
            "made": made,
            "seconds": round(time.monotonic() - started, 2),
            "set": {"name": questions.name, "sha256": questions.digest},
            "settings": dict(conditions.settings),
            "index": dict(conditions.index),
            "versions": dict(conditions.versions),
            "figures": found.values,
            "intervals": found.intervals,
            "cases": found.cases,
            "defects": defects,
            "questions": rows,
        }


class _WithoutThreshold:
    """A library that answers by extraction and never abstains for lack of evidence."""

    def __init__(self, library: EvaluatedLibrary, answer: Callable[[str, Filter | None], Answer]) -> None:
        self.search = library.search
        self.document = library.document
        self._answer = answer

    def ask(self, question: str, *, filters: Filter | None = None) -> Answer:
        """Answers a question by extraction, without an abstention threshold."""
        return self._answer(question, filters)
