"""Runs test sets through a library: every question asked, every answer measured; keeps the runs, fits the threshold."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from rag.errors import SetError
from rag.evaluation import scoring
from rag.evaluation.calibration import Calibration, fit, restored
from rag.evaluation.records import SCHEMA_VERSION, QuestionSet, RowJSON, RunJSON, checked_run
from rag.evaluation.scoring import Measured, Prices
from rag.index.records import IndexVersion, RunInfo
from rag.records import Answer, Filter

Count = Callable[[int, int], None]  # questions done, of how many


def _quiet(done: int, total: int) -> None:
    """Reports to nobody."""


class Judging(Protocol):
    """Who judges answers, besides the measures."""

    def judge(self, row: RowJSON) -> None:
        """Adds verdicts to `judged`, and what they come to to `measures`."""


@dataclass(frozen=True, slots=True)
class RunConditions:
    """Under which a run was made: settings, the index, versions; plain JSON values."""

    settings: Mapping[str, Any]
    index: Mapping[str, Any]
    versions: Mapping[str, str]


class Keeping(Protocol):
    """Where runs are kept: the catalog."""

    def keep_run(self, run: RunJSON) -> int:
        """Keeps one; returns its number."""
        ...

    def runs(self) -> list[RunInfo]:
        """All, the newest first."""

    def run_data(self, number: int) -> bytes | None:
        """One of them as JSON, if it is there and whole."""

    def drop_run(self, number: int) -> bool:
        """Forgets one; says whether there was one."""
        ...

    def meta(self, name: str) -> str:
        """A fact about the index; empty if it is not known."""
        ...

    def set_meta(self, name: str, value: str) -> None:
        """Remembers one."""

    def current(self) -> IndexVersion:
        """By what the index was made."""


class Evaluations:
    """What was and can be measured of a library.

    Args:
        library: Who is asked.
        catalog: Where runs and the threshold are kept.
        answer_anyway: Answers by quoting, and never declines for want of evidence.
        circumstances: Says how things stand.
    """

    def __init__(
        self,
        library: Measured,
        catalog: Keeping,
        answer_anyway: Callable[[str, Filter | None], Answer],
        circumstances: Callable[[], RunConditions],
    ) -> None:
        self._library = library
        self._catalog = catalog
        self._answer_anyway = answer_anyway
        self._circumstances = circumstances

    def run(
        self,
        questions: QuestionSet,
        *,
        within: bool = False,
        prices: Prices | None = None,
        judge: Judging | None = None,
        on_progress: Count = _quiet,
    ) -> RunJSON:
        """Asks every question of a test set and measures the answers (`rag.evaluation.test_sets.read_set` reads one).

        Args:
            questions: The set. Its documents must be in the library.
            within: Ask each question of the documents that the set names for it, instead of all.
            prices: Of the model, US dollars for a million tokens sent and written; as known by its name if left out.
            judge: Judges the answers too.
            on_progress: Told how many questions of how many are done. Whatever it raises ends the run.
        """
        return self._run(self._library, questions, within, prices, judge, on_progress)

    def calibrate(
        self,
        questions: QuestionSet,
        *,
        error_rate: float | None = 0.1,
        abstain_cost: float = 0.25,
        within: bool = False,
        on_progress: Count = _quiet,
    ) -> Calibration:
        """Fits to a test set below which evidence an extracted answer declines; `keep_calibration` has it used.

        Args:
            questions: With answers, and some that the documents do not answer.
            error_rate: Share of wrong ones among the answers given that is wanted; None for the least cost.
            abstain_cost: What declining an answerable question costs, if a wrong answer costs 1.
            within: As for `run`.
            on_progress: As for `run`.

        Raises:
            SetError: Too few questions can be told right or wrong.
        """
        everything = _NeverDeclining(self._library, self._answer_anyway)
        run = self._run(everything, questions, within, None, None, on_progress)
        about = (questions.name, questions.digest, self._catalog.current().embedder, run["made"])
        return fit(run["questions"], error_rate, abstain_cost, about=about)

    def keep_calibration(self, fitted: Calibration | None) -> None:
        """Keeps a fitted threshold with the index, for all who ask; None goes back to the one that is shipped."""
        self._catalog.set_meta("calibration", json.dumps(asdict(fitted)) if fitted is not None else "")

    def calibration(self) -> Calibration | None:
        """The threshold that was fitted for this index; None if there is none, or it was fitted to other vectors."""
        kept = self._catalog.meta("calibration")
        fitted = restored(json.loads(kept)) if kept else None
        return fitted if fitted is not None and fitted.embedder == self._catalog.current().embedder else None

    def keep(self, run: RunJSON) -> int:
        """Keeps a run with the index; returns its number. Removing a document that it quotes leaves its figures only."""
        return self._catalog.keep_run(run)

    def kept(self) -> list[RunInfo]:
        """The runs that are kept, the newest first."""
        return self._catalog.runs()

    def load(self, number: int) -> RunJSON:
        """One of them, whole.

        Raises:
            SetError: There is none of that number, or a document that it quotes was removed.
        """
        data = self._catalog.run_data(number)
        if data is None:
            raise SetError(f"there is no whole run {number}", "`rag runs` lists them")
        return checked_run(json.loads(data), f"run {number}")

    def drop(self, number: int) -> None:
        """Forgets one of them.

        Raises:
            SetError: There is none of that number.
        """
        if not self._catalog.drop_run(number):
            raise SetError(f"there is no run {number}", "`rag runs` lists them")

    def _run(
        self,
        library: Measured,
        questions: QuestionSet,
        within: bool,
        prices: Prices | None,
        judge: Judging | None,
        on_progress: Count,
    ) -> RunJSON:
        circumstances = self._circumstances()
        begun = time.monotonic()
        made = datetime.now(UTC).isoformat(timespec="seconds")
        defects: list[str] = []
        rows: list[RowJSON] = []
        for row in scoring.rows(library, questions.questions, within=within, told=defects.append):
            if judge is not None:
                judge.judge(row)
            rows.append(row)
            on_progress(len(rows), len(questions.questions))
        figures, intervals, cases = scoring.figures(rows, prices)
        return {
            "schema_version": SCHEMA_VERSION,
            "made": made,
            "seconds": round(time.monotonic() - begun, 2),
            "set": {"name": questions.name, "sha256": questions.digest},
            "settings": dict(circumstances.settings),
            "index": dict(circumstances.index),
            "versions": dict(circumstances.versions),
            "figures": figures,
            "intervals": intervals,
            "cases": cases,
            "defects": defects,
            "questions": rows,
        }


class _NeverDeclining:
    """A library that answers everything it can, by quoting."""

    def __init__(self, library: Measured, answer: Callable[[str, Filter | None], Answer]) -> None:
        self.search = library.search
        self.document = library.document
        self._answer = answer

    def ask(self, question: str, *, filters: Filter | None = None) -> Answer:
        """Answers."""
        return self._answer(question, filters)
