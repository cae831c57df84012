"""Records for test sets and evaluation runs. The records for runs have the same structure as the runs' JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from rag.errors import SetError
from rag.records import Document

SCHEMA_VERSION = 2  # version of the run file format; version 1 had neither `intervals` nor `measures`


@dataclass(frozen=True, slots=True)
class Gold:
    """Evidence for an answer.

    It is given as text rather than as a passage id, so that it stays valid if documents are split differently.

    Attributes:
        source: Source of the document that contains the evidence.
        quote: Exact words from the document; empty if the test set names only the document.
        start: Offset of the quote in the document's canonical text; None if the test set does not give it.
        relevance: Gain for finding this evidence; used to compute nDCG.
    """

    source: str
    quote: str = ""
    start: int | None = None
    relevance: float = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question in a test set.

    Attributes:
        answers: Accepted answers; a correct answer must contain at least one of them.
        must_mention: Strings that must all occur in a correct answer.
        answerable: Whether the documents contain an answer to the question.
        type: Category of the question, as named in the test set.
        group: Name of the question's group. Questions in the same group are resampled together when confidence intervals
            are computed. If empty, the question is a group of its own.
        within: Sources of the documents to which the test set restricts the question; empty if there is no restriction.
        label: For a claim, whether its document supports it; None for a question.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    must_mention: tuple[str, ...] = ()
    evidence: tuple[Gold, ...] = ()
    answerable: bool = True
    type: str = ""
    group: str = ""
    within: tuple[str, ...] = ()
    label: bool | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents that come with a test set.

    Attributes:
        digest: SHA-256 of the documents' content.
        documents: The documents; empty if they are files in `folder`.
        folder: Folder that contains the documents as files; empty if they are in `documents`.
    """

    digest: str
    documents: tuple[Document, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A test set.

    Attributes:
        name: Name of the file or folder that the test set was read from.
        digest: SHA-256 of the files that contain the questions.
        corpus: The documents that come with the test set; None if its questions are about documents already in the library.
    """

    name: str
    digest: str
    questions: tuple[Question, ...]
    corpus: Corpus | None = None


class QuestionJSON(TypedDict):
    """A question, as stored in a run."""

    id: str
    question: str
    answers: list[str]
    must_mention: list[str]
    answerable: bool
    type: str
    group: str


class GoldJSON(TypedDict):
    """Gold evidence and its occurrences. `places` lists the start and end of each occurrence in the document."""

    source: str
    quote: str
    places: list[tuple[int, int]]
    relevance: float


class RunCitationJSON(TypedDict):
    """A citation in a run, with the text before and after it.

    `exact` is true if the quote equals the document's text. `right` is true if the citation overlaps a gold quote; it is
    null if the question has no gold quotes.
    """

    n: int
    source: str
    title: str
    locator: str
    page: int | None
    start: int
    end: int
    quote: str
    verdict: str
    answer_start: int
    answer_end: int
    exact: bool
    right: bool | None
    before: str
    after: str


class RunFlagJSON(TypedDict):
    """A claim or quotation in a run's answer that failed verification."""

    said: str
    verdict: str
    note: str
    answer_start: int
    answer_end: int


class RunHitJSON(TypedDict):
    """A passage found for a question in a run. The hits for a question are listed best first."""

    source: str
    start: int
    end: int
    score: float


class JudgedJSON(TypedDict):
    """A language model's verdict on an answer.

    `score` is null if the model gave no valid verdict. `votes` lists the verdicts from all repeats.
    """

    verdict: str
    score: float | None
    reason: str
    votes: list[str]


class RowJSON(TypedDict):
    """One question with its answer and measurements.

    `measures` maps each metric to the question's contribution, a pair (numerator, denominator). The run's value for a
    metric is the sum of the numerators from all questions divided by the sum of the denominators.
    """

    question: QuestionJSON
    gold: list[GoldJSON]
    answer: str
    status: str
    evidence: float
    model: str
    notice: str
    citations: list[RunCitationJSON]
    flags: list[RunFlagJSON]
    hits: list[RunHitJSON]
    timings_ms: dict[str, float]
    usage: dict[str, int]
    measures: dict[str, tuple[float, float]]
    judged: dict[str, JudgedJSON]


class SetJSON(TypedDict):
    """Identifies the test set that a run used."""

    name: str
    sha256: str


class RunJSON(TypedDict):
    """A complete evaluation run. The file that `rag eval --out` writes has the same contents.

    `figures` maps each metric to its value, or null if no question contributes to it. `intervals` maps metrics to their
    95% intervals, and `cases` to the number of questions that contribute to them. `defects` lists errors in the test set,
    such as gold quotes that are not in their documents; such quotes are not scored.
    """

    schema_version: int
    made: str
    seconds: float
    set: SetJSON
    settings: dict[str, Any]
    index: dict[str, Any]
    versions: dict[str, str]
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    cases: dict[str, int]
    defects: list[str]
    questions: list[RowJSON]


def parse_run(data: object, name: str) -> RunJSON:
    """Checks that parsed JSON is a run, and returns the run.

    Args:
        data: The parsed JSON.
        name: Name of the file or run, for error messages.

    Raises:
        SetError: The data is not a run, is incomplete, or has a different schema version.
    """
    if not isinstance(data, dict) or "questions" not in data or "figures" not in data:
        raise SetError(f"{name} is not an evaluation run", "to create a run file, use: rag eval SET --out RUN.json")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SetError(
            f"{name} has schema version {version}, but this version of rag reads schema version {SCHEMA_VERSION}",
            "repeat the evaluation with: rag eval SET --out RUN.json",
        )
    rows = data["questions"]
    missing = set(RunJSON.__annotations__) - set(data)
    if missing or not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise SetError(f"{name} is incomplete", "repeat the evaluation with: rag eval SET --out RUN.json")
    return data  # type: ignore[return-value]  # the checks above establish the type


def _is_row(row: object) -> bool:
    return isinstance(row, Mapping) and not set(RowJSON.__annotations__) - set(row)


def group_of(row: RowJSON) -> str:
    """Returns the name of a question's group, or the question's id if the test set does not assign it to a group."""
    return row["question"]["group"] or row["question"]["id"]
