"""Records of evaluation: test sets, and runs in the shape of their JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from rag.errors import SetError
from rag.records import Document

SCHEMA_VERSION = 2  # of run files; version 1 had neither `intervals` nor `measures`


@dataclass(frozen=True, slots=True)
class Gold:
    """Evidence for an answer. Stored as text, not as a passage id, so that re-splitting never invalidates a test set.

    Attributes:
        source: The document.
        quote: Exact words of the document; empty if only the document is known.
        start: Offset of the quote in the document's canonical text; None if the test set does not give it.
        relevance: Gain for finding this evidence.
    """

    source: str
    quote: str = ""
    start: int | None = None
    relevance: float = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a test set.

    Attributes:
        answers: Accepted answers; a correct answer contains at least one of them.
        must_mention: Strings that a correct answer contains, all of them.
        answerable: Whether the documents answer the question.
        type: Category of the question, as the test set names it.
        group: Questions of one group are resampled together for confidence intervals. Empty: the question is its own group.
        within: Documents to ask, if the test set restricts the question to some.
        label: For a claim: whether its document supports it. None for a question.
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
        digest: SHA-256 of their content.
        documents: The documents; empty if they are files in `folder`.
        folder: A folder of files; empty if `documents` holds the documents.
    """

    digest: str
    documents: tuple[Document, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A test set.

    Attributes:
        name: Name of its file or folder.
        digest: SHA-256 of its file.
        corpus: Its own documents; None if the questions are about documents already in the library.
    """

    name: str
    digest: str
    questions: tuple[Question, ...]
    corpus: Corpus | None = None


class QuestionJSON(TypedDict):
    """A question of a run."""

    id: str
    question: str
    answers: list[str]
    must_mention: list[str]
    answerable: bool
    type: str
    group: str


class GoldJSON(TypedDict):
    """Gold evidence as located in the documents. `places` lists every (start, end) at which the quote occurs."""

    source: str
    quote: str
    places: list[tuple[int, int]]
    relevance: float


class RunCitationJSON(TypedDict):
    """A citation of a run, with the text around it.

    `exact`: the quote equals the document's text. `right`: the citation overlaps a gold quote; null without gold quotes.
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
    """A claim or quotation of a run that failed its check."""

    said: str
    verdict: str
    note: str
    answer_start: int
    answer_end: int


class RunHitJSON(TypedDict):
    """A retrieved passage of a run. Hits are listed best first."""

    source: str
    start: int
    end: int
    score: float


class JudgedJSON(TypedDict):
    """A language model's verdict on an answer. `score` is null if it gave none; `votes` has the verdict of each repeat."""

    verdict: str
    score: float | None
    reason: str
    votes: list[str]


class RowJSON(TypedDict):
    """One question with its answer and measurements.

    `measures` maps each metric that applies to its (numerator, denominator) for this question. The value of a metric is the
    sum of all numerators divided by the sum of all denominators.
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
    """Identifies the test set of a run."""

    name: str
    sha256: str


class RunJSON(TypedDict):
    """A complete evaluation run: the file that `rag eval --out` writes.

    `figures` maps each metric to its value, null if no question measures it; `intervals` holds 95 % intervals, `cases` the
    number of questions behind each metric. `defects` lists errors in the test set; they are never scored.
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
    """Checks that parsed JSON is a run and returns it.

    Args:
        data: The parsed JSON.
        name: Of the file or run, for error messages.

    Raises:
        SetError: The data is not a run, is incomplete, or has another schema version.
    """
    if not isinstance(data, dict) or "questions" not in data or "figures" not in data:
        raise SetError(f"{name} is not an evaluation run", "write one with: rag eval SET --out RUN.json")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SetError(f"{name} has schema version {version}; this rag reads version {SCHEMA_VERSION}", "run it again")
    rows = data["questions"]
    missing = set(RunJSON.__annotations__) - set(data)
    if missing or not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise SetError(f"{name} is incomplete", "write it again with: rag eval SET --out RUN.json")
    return data  # type: ignore[return-value]  # as checked


def _is_row(row: object) -> bool:
    return isinstance(row, Mapping) and not set(RowJSON.__annotations__) - set(row)


def group_of(row: RowJSON) -> str:
    """Returns the group that a question is resampled with: its own id if the test set names no group."""
    return row["question"]["group"] or row["question"]["id"]
