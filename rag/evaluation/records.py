"""What evaluation speaks of: questions with gold, and runs, which are what their JSON files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from rag.errors import SetError
from rag.records import Document

SCHEMA_VERSION = 2  # of run files; 1 had neither intervals nor measures


@dataclass(frozen=True, slots=True)
class Gold:
    """Where an answer is found. Text, so that re-splitting never spoils a set.

    Attributes:
        source: The document.
        quote: Words of it; empty where only the document is known.
        start: Where they stand in its canonical text, if the set says so; else they are looked for.
        relevance: How much it is worth to find it.
    """

    source: str
    quote: str = ""
    start: int | None = None
    relevance: float = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a set.

    Attributes:
        answers: Any of them may stand in the answer.
        must_mention: All of them must.
        answerable: Whether the documents answer it.
        type: What kind of question it is, in the set's words.
        group: What it hangs together with: questions of a group are drawn together for intervals.
        within: The documents that it is asked of, where the set names them.
        label: Of a claim: whether its document bears it out; None for a question.
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
    """The documents that a set is about, where it brings them.

    Attributes:
        digest: SHA-256 of what they are.
        documents: One by one; empty where `folder` holds them.
        folder: A folder of files.
    """

    digest: str
    documents: tuple[Document, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A test set.

    Attributes:
        name: Its file's.
        digest: SHA-256 of it.
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
    """Gold as it was found in the documents: `places` holds every (start, end) where the quote stands."""

    source: str
    quote: str
    places: list[tuple[int, int]]
    relevance: float


class CitedJSON(TypedDict):
    """A citation of a run, with some text around it.

    `exact`: its quote is the document's; `right`: it touches gold, None where there is none.
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


class FlagJSON(TypedDict):
    """A claim or quotation that did not pass."""

    said: str
    verdict: str
    note: str
    answer_start: int
    answer_end: int


class RetrievedJSON(TypedDict):
    """A passage that was found, best first."""

    source: str
    start: int
    end: int
    score: float


class JudgedJSON(TypedDict):
    """What a model thought of an answer. `score` is None where it failed; `votes` holds the verdict of each repeat."""

    verdict: str
    score: float | None
    reason: str
    votes: list[str]


class RowJSON(TypedDict):
    """One question's answer and what was measured of it.

    `measures` holds, for each figure that applies, what it adds above and below the line: a figure is the sum of the first
    over the sum of the second.
    """

    question: QuestionJSON
    gold: list[GoldJSON]
    answer: str
    status: str
    evidence: float
    model: str
    notice: str
    citations: list[CitedJSON]
    flags: list[FlagJSON]
    hits: list[RetrievedJSON]
    timings_ms: dict[str, float]
    usage: dict[str, int]
    measures: dict[str, tuple[float, float]]
    judged: dict[str, JudgedJSON]


class SetJSON(TypedDict):
    """Which set was run."""

    name: str
    sha256: str


class RunJSON(TypedDict):
    """A whole evaluation: `rag eval --out`. `defects` are faults of the set, never scored silently.

    A figure that nothing was measured for is null; `intervals` (95 %) and `cases` go with the others.
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


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what it is about, which way is better (1 up, -1 down, 0 neither), and what it says, for people."""

    about: str
    better: int
    meaning: str


FIGURES: Mapping[str, Figure] = {
    "questions": Figure("the set", 0, "questions asked"),
    "answerable": Figure("the set", 0, "of them, questions that the documents answer"),
    "hit@1": Figure("passages found", 1, "the first passage found touches a gold quote"),
    "hit@5": Figure("passages found", 1, "one of the first five does"),
    "hit@10": Figure("passages found", 1, "one of the first ten does"),
    "mrr@5": Figure("passages found", 1, "how early the first one does: mean of 1/rank among five"),
    "mrr@10": Figure("passages found", 1, "the same among ten"),
    "recall@5": Figure("passages found", 1, "share of the gold quotes that the first five touch"),
    "recall@10": Figure("passages found", 1, "share that the first ten touch"),
    "precision@5": Figure("passages found", 1, "share of the first five that touch a gold quote no earlier one touched"),
    "map@10": Figure("passages found", 1, "mean average precision among ten passages"),
    "ndcg@10": Figure("passages found", 1, "normalised discounted gain among ten passages"),
    "span_recall@5": Figure("passages found", 1, "share of the gold characters within the first five passages"),
    "span_precision@5": Figure("passages found", 1, "share of their characters that are gold"),
    "span_iou@5": Figure("passages found", 1, "gold and passages, intersection over union, in characters"),
    "doc_hit@1": Figure("documents found", 1, "the first document found is a gold one"),
    "doc_hit@5": Figure("documents found", 1, "one of the first five documents is"),
    "doc_recall@5": Figure("documents found", 1, "share of the gold documents among the first five"),
    "doc_recall@10": Figure("documents found", 1, "share among the first ten"),
    "doc_precision@5": Figure("documents found", 1, "share of the first five documents that are gold"),
    "doc_mrr@10": Figure("documents found", 1, "mean of 1/rank of the first gold document among ten"),
    "doc_map@10": Figure("documents found", 1, "mean average precision among ten documents"),
    "doc_ndcg@10": Figure("documents found", 1, "normalised discounted gain among ten documents"),
    "right": Figure(
        "answers", 1, "answered rightly, or rightly declined (gold of over 12 words: a citation touches its quote)"
    ),
    "gold_contained": Figure(
        "answers", 1, "answers to answerable questions that hold a gold string, and all they must mention"
    ),
    "gold_contained_if_answered": Figure("answers", 1, "the same, of those that were answered"),
    "must_mention": Figure("answers", 1, "share of what answers must mention that they do"),
    "em": Figure("answers", 1, "answer equal to gold (SQuAD's exact match); of the unanswerable, declined"),
    "f1": Figure("answers", 1, "words shared with gold (SQuAD's F1); of the unanswerable, declined"),
    "rouge_l": Figure("answers", 1, "longest common subsequence of words with the gold answer"),
    "sentences": Figure("answers", 0, "citations of an answer"),
    "citations": Figure("citations", 0, "citations in all"),
    "citation_exact": Figure(
        "citations", 1, "citations whose quote is the document's, to the character; else a defect of rag"
    ),
    "quotes_normalised": Figure("citations", 0, "quotations that differ in spacing, quotes or dashes only"),
    "quotes_misattributed": Figure("citations", -1, "quotations that stand in another document than the cited one"),
    "quotes_not_found": Figure("citations", -1, "quotations that stand in no document"),
    "citation_precision": Figure("citations", 1, "citations that touch a gold quote"),
    "citation_recall": Figure("citations", 1, "gold quotes that a citation touches"),
    "supported_sentences": Figure("citations", 1, "sentences of answers with a citation that bears them out"),
    "refusal_recall": Figure("declining", 1, "unanswerable questions that were declined"),
    "refusal_precision": Figure("declining", 1, "declined questions that are unanswerable"),
    "false_refusals": Figure("declining", -1, "answerable questions that were declined"),
    "risk": Figure("declining", -1, "wrong ones of the questions that were answered"),
    "aurc": Figure("declining", -1, "mean risk when only the surest answers are given, over all shares of them"),
    "auroc": Figure("declining", 1, "how well the evidence score parts answerable from not"),
    "correctness": Figure("the judge", 1, "judged: how right the answer is, given the gold one"),
    "groundedness": Figure("the judge", 1, "judged: whether the cited words bear the answer out"),
    "judge_failed": Figure("the judge", -1, "verdicts that the judge failed to give"),
    "judge_agreement": Figure("the judge", 0, "repeats in which the judge said the same again"),
    "p50_ms": Figure("time and money", 0, "time of an answer, median, milliseconds"),
    "p90_ms": Figure("time and money", 0, "nine of ten take no longer"),
    "p99_ms": Figure("time and money", 0, "99 of 100 take no longer"),
    "tokens_in": Figure("time and money", 0, "tokens sent to the model, a question"),
    "tokens_out": Figure("time and money", 0, "tokens it wrote, a question"),
    "cost_usd": Figure("time and money", 0, "what the model cost in all, at the prices named"),
}


def checked_run(found: object, name: str) -> RunJSON:
    """A run that was read from JSON.

    Raises:
        SetError: It is none, or of another version.
    """
    wanted = RunJSON.__annotations__
    if not isinstance(found, dict) or "questions" not in found or "figures" not in found:
        raise SetError(f"{name} is no run of `rag eval`", "write one with: rag eval SET --out RUN.json")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise SetError(
            f"{name} was written by another version of rag (its schema is {found.get('schema_version')})", "run it again"
        )
    missing = sorted(set(wanted) - set(found))
    rows = found["questions"]
    if missing or not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise SetError(f"{name} is no whole run", "write it again with: rag eval SET --out RUN.json")
    return found  # type: ignore[return-value]  # as checked


def _is_row(row: object) -> bool:
    return isinstance(row, Mapping) and not set(RowJSON.__annotations__) - set(row)


def group_of(row: RowJSON) -> str:
    """What a question hangs together with: itself, if nothing else."""
    return row["question"]["group"] or row["question"]["id"]
